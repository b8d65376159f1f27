/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

static uint8_t buffer[EE_TUNNEL_MESSAGE_MAX];
static struct ee_writer w;
static struct ee_tunnel_pair_table table;

static const struct ee_tunnel_pair pairs[] = {
    {{(const uint8_t *)"Host", 4}, {(const uint8_t *)"a", 1}},
    {{(const uint8_t *)"x-Y", 3}, {(const uint8_t *)"", 0}},
};

static void begin(void)
{
    ee_writer_init(&w, buffer, sizeof(buffer));
}

/* The payload of the frame just written; its header is checked. */
static struct ee_bytes payload(enum ee_tunnel_type type, uint32_t stream, bool end)
{
    struct ee_tunnel_header h = {0};
    struct ee_cursor c;
    ee_cursor_init(&c, ee_writer_done(&w));
    CHECK(w.err == EE_OK && ee_tunnel_header_decode(&c, &h) == EE_OK);
    CHECK(h.type == type && h.stream == stream && h.flags == end && h.size == c.left);
    return ee_cursor_bytes(&c, c.left);
}

static bool is(struct ee_bytes bytes, const char *text)
{
    return ee_bytes_equal(bytes, ee_bytes_str(text));
}

static void open_keeps_every_field(void)
{
    struct ee_tunnel_open got, open = bench_request(EE_TUNNEL_KIND_WS);
    open.pairs = pairs;
    open.pair_count = 2;
    open.server_name = ee_bytes_str("app.example");
    begin();
    ee_tunnel_open_encode(&w, 5, true, &open);
    REQUIRE(ee_tunnel_open_decode(payload(EE_TUNNEL_OPEN, 5, true), &table, &got) == EE_OK);
    CHECK(got.kind == EE_TUNNEL_KIND_WS && is(got.app, "shop") && got.instance[2] == 3);
    CHECK(is(got.source, "192.0.2.1:4711") && is(got.scheme, "https") && is(got.request_id, "r-1"));
    CHECK(is(got.server_name, "app.example") && got.deadline_ms == 5000 && is(got.method, "GET"));
    CHECK(is(got.target, "/") && got.pair_count == 2 && is(got.pairs[0].name, "Host"));
    CHECK(is(got.pairs[1].name, "x-Y") && got.pairs[1].value.size == 0);
}

static void small_frames_come_back(void)
{
    struct ee_tunnel_head head = {.status = 103, .pairs = pairs, .pair_count = 2}, got_head;
    struct ee_tunnel_reason reason = {9, 30000, EE_TUNNEL_GOING_AWAY, ee_bytes_str("bye")}, got;
    uint32_t increment;
    uint64_t value;
    begin();
    ee_tunnel_head_encode(&w, 3, false, &head);
    CHECK(ee_tunnel_head_decode(payload(EE_TUNNEL_HEAD, 3, false), &table, &got_head) == EE_OK);
    CHECK(got_head.status == 103 && got_head.pair_count == 2);
    begin();
    ee_tunnel_trailers_encode(&w, 3, pairs, 1);
    CHECK(ee_tunnel_trailers_decode(payload(EE_TUNNEL_TRAILERS, 3, true), &table, &got_head) ==
          EE_OK);
    CHECK(got_head.status == 0 && got_head.pair_count == 1);
    begin();
    ee_tunnel_goaway_encode(&w, &reason);
    CHECK(ee_tunnel_goaway_decode(payload(EE_TUNNEL_GOAWAY, 0, false), &got) == EE_OK);
    CHECK(got.last_stream == 9 && got.drain_ms == 30000 && got.code == EE_TUNNEL_GOING_AWAY);
    begin();
    ee_tunnel_window_encode(&w, 3, 17);
    CHECK(ee_tunnel_window_decode(payload(EE_TUNNEL_WINDOW, 3, false), &increment) == EE_OK);
    begin();
    ee_tunnel_ping_encode(&w, EE_TUNNEL_PONG, 0x0102030405060708u);
    CHECK(ee_tunnel_ping_decode(payload(EE_TUNNEL_PONG, 0, false), &value) == EE_OK);
    CHECK(increment == 17 && value == 0x0102030405060708u);
}

static void reason_is_cut_and_made_printable(void)
{
    char text[400];
    struct ee_tunnel_reason got;
    memset(text, 'a', sizeof(text));
    text[0] = '\n';
    text[399] = 0;
    begin();
    ee_tunnel_reset_encode(&w, 1, EE_TUNNEL_TIMEOUT, text);
    CHECK(ee_tunnel_reset_decode(payload(EE_TUNNEL_RESET, 1, false), &got) == EE_OK);
    CHECK(got.code == EE_TUNNEL_TIMEOUT && got.text.size == 255 && got.text.data[0] == '?');
    CHECK(strcmp(ee_tunnel_code_name(999), "unknown") == 0);
}

static void header_with_reserved_bits(void)
{
    struct ee_tunnel_header h;
    struct ee_cursor c;
    ee_cursor_init(&c, ee_bytes_of("\x04\xff\0\0\0\0\0\1\0\0\0\0", 12));
    CHECK(ee_tunnel_header_decode(&c, &h) == EE_OK && h.flags == EE_TUNNEL_FLAG_END);
    ee_cursor_init(&c, ee_bytes_of("\x04\0\0\1\0\0\0\1\0\0\0\0", 12));
    CHECK(ee_tunnel_header_decode(&c, &h) == EE_PROTOCOL);
    ee_cursor_init(&c, ee_bytes_of("\x04\0\0\0\0\0\0\1\0\0\0", 11));
    CHECK(ee_tunnel_header_decode(&c, &h) == EE_TRUNCATED);
}

static enum ee_err open_err(const struct ee_tunnel_open *open)
{
    begin();
    ee_tunnel_open_encode(&w, 1, false, open);
    return w.err;
}

static enum ee_err pair_err(const char *name, const char *value)
{
    const struct ee_tunnel_pair pair = {ee_bytes_str(name), ee_bytes_str(value)};
    begin();
    ee_tunnel_trailers_encode(&w, 1, &pair, 1);
    return w.err;
}

static void requests_that_cannot_be_sent(void)
{
    static char large[EE_TUNNEL_MESSAGE_MAX];
    static struct ee_tunnel_pair many[EE_TUNNEL_PAIRS_MAX + 1];
    struct ee_tunnel_open open = bench_request(EE_TUNNEL_KIND_HTTP);
    memset(large, 'x', sizeof(large) - 1);
    open.app = ee_bytes_of(large, 65);
    CHECK(open_err(&open) == EE_TOO_LARGE);
    open.app = ee_bytes_str("a\n");
    CHECK(open_err(&open) == EE_SYNTAX);
    open = bench_request(EE_TUNNEL_KIND_HTTP);
    open.target = ee_bytes_of(large, EE_TUNNEL_TARGET_MAX + 1);
    CHECK(open_err(&open) == EE_TOO_LARGE);
    open.target = ee_bytes_str("/a b");
    CHECK(open_err(&open) == EE_SYNTAX);
    open = bench_request(EE_TUNNEL_KIND_TCP);
    open.method = ee_bytes_str("GET");
    CHECK(open_err(&open) == EE_SYNTAX);
    open.kind = (enum ee_tunnel_kind)9;
    CHECK(open_err(&open) == EE_RANGE);
    CHECK(pair_err("a", "b\r\nc: d") == EE_SYNTAX && pair_err("a", "b\nc") == EE_SYNTAX);
    CHECK(pair_err("", "x") == EE_SYNTAX && pair_err("a b", "x") == EE_SYNTAX);
    CHECK(pair_err("a:b", "x") == EE_SYNTAX && pair_err("a", large) == EE_TOO_LARGE);
    for (size_t i = 0; i <= EE_TUNNEL_PAIRS_MAX; i++)
        many[i] = pairs[0];
    begin();
    ee_tunnel_trailers_encode(&w, 1, many, EE_TUNNEL_PAIRS_MAX + 1);
    CHECK(w.err == EE_TOO_LARGE);
}

static void hello_out_of_range(void)
{
    struct ee_tunnel_hello hello = {
        .version_min = 2, .version_max = 1, .stream_window = 1, .connection_window = 1};
    begin();
    ee_tunnel_hello_encode(&w, &hello);
    CHECK(w.err == EE_RANGE);
    hello.version_min = 1;
    hello.stream_window = 0x80000000u;
    begin();
    ee_tunnel_hello_encode(&w, &hello);
    CHECK(w.err == EE_RANGE);
}

typedef enum ee_err (*decoder)(struct ee_bytes payload);

static enum ee_err decode_open(struct ee_bytes bytes)
{
    struct ee_tunnel_open got;
    return ee_tunnel_open_decode(bytes, &table, &got);
}

static enum ee_err decode_hello(struct ee_bytes bytes)
{
    struct ee_tunnel_hello got;
    return ee_tunnel_hello_decode(bytes, &got);
}

static enum ee_err decode_head(struct ee_bytes bytes)
{
    struct ee_tunnel_head got;
    return ee_tunnel_head_decode(bytes, &table, &got);
}

static enum ee_err decode_goaway(struct ee_bytes bytes)
{
    struct ee_tunnel_reason got;
    return ee_tunnel_goaway_decode(bytes, &got);
}

/* Every prefix is too short, one byte more is too long. */
static void cut_and_extended(decoder decode)
{
    const struct ee_bytes whole = ee_bytes_of(buffer + 12, w.size - 12);
    CHECK(decode(whole) == EE_OK);
    for (size_t size = 0; size < whole.size; size++)
        CHECK(decode(ee_bytes_of(whole.data, size)) != EE_OK);
    buffer[w.size] = 0;
    CHECK(decode(ee_bytes_of(whole.data, whole.size + 1)) == EE_TRAILING);
}

static void payloads_cut_and_extended(void)
{
    struct ee_tunnel_open open = bench_request(EE_TUNNEL_KIND_HTTP);
    const struct ee_tunnel_head head = {200, pairs, 2};
    const struct ee_tunnel_reason reason = {.code = 1, .text = ee_bytes_str("why")};
    open.pairs = pairs;
    open.pair_count = 2;
    begin();
    ee_tunnel_open_encode(&w, 1, false, &open);
    cut_and_extended(decode_open);
    begin();
    bench_hello(&w, 1, 1, 1);
    cut_and_extended(decode_hello);
    begin();
    ee_tunnel_head_encode(&w, 1, false, &head);
    cut_and_extended(decode_head);
    begin();
    ee_tunnel_goaway_encode(&w, &reason);
    cut_and_extended(decode_goaway);
}

TESTS(TEST(open_keeps_every_field), TEST(small_frames_come_back),
      TEST(reason_is_cut_and_made_printable), TEST(header_with_reserved_bits),
      TEST(requests_that_cannot_be_sent), TEST(hello_out_of_range), TEST(payloads_cut_and_extended))
