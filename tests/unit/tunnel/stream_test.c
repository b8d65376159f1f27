/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of one stream: order, ends, errors, limits. */
#include "bench.h"

static struct bench b;
static uint8_t bytes[200000];

static bool ready(enum ee_tunnel_role role)
{
    return bench_ready(&b, role, NULL);
}

static uint32_t opens(enum ee_tunnel_kind kind, bool end)
{
    uint32_t id = 0;
    const struct ee_tunnel_open open = bench_request(kind);
    CHECK(ee_tunnel_open(b.t, &open, end, &b, &id) == EE_OK);
    return id;
}

static enum ee_err heads(uint32_t id, uint16_t status, bool end)
{
    const struct ee_tunnel_head head = {.status = status};
    return ee_tunnel_head_send(b.t, id, &head, end);
}

static size_t sends(uint32_t id, size_t size, bool end)
{
    size_t taken = 0;
    CHECK(ee_tunnel_data_send(b.t, id, ee_bytes_of(bytes, size), end, &taken) == EE_OK);
    return taken;
}

static enum ee_err send_err(uint32_t id)
{
    size_t taken;
    return ee_tunnel_data_send(b.t, id, ee_bytes_of(bytes, 1), false, &taken);
}

static void request_and_answer(void)
{
    const struct ee_tunnel_pair pair = {ee_bytes_str("grpc-status"), ee_bytes_str("0")};
    REQUIRE(ready(EE_TUNNEL_ROLE_CONTROL));
    CHECK(opens(EE_TUNNEL_KIND_HTTP, false) == 1 && sends(1, 3, true) == 3);
    CHECK(ee_tunnel_stream_context(b.t, 1) == &b && !ee_tunnel_stream_context(b.t, 3));
    CHECK(ee_tunnel_stream_context_set(b.t, 1, NULL) == EE_OK);
    CHECK(ee_tunnel_stream_context_set(b.t, 3, NULL) == EE_NOT_FOUND);
    CHECK(bench_sends(&b, "OPEN:1 DATA:1:3 END /"));
    CHECK(send_err(1) == EE_STATE && ee_tunnel_trailers_send(b.t, 1, NULL, 0) == EE_STATE);
    b.consume = true;
    bench_head(&b.w, 1, 103, false);
    bench_head(&b.w, 1, 200, false);
    bench_data(&b.w, 1, 4, false);
    ee_tunnel_trailers_encode(&b.w, 1, &pair, 1);
    CHECK(bench_put(&b) == EE_OK);
    CHECK(bench_told(&b, "head:1:103 head:1:200 data:1:4 trailers:1 end finished:1 "));
    CHECK(send_err(1) == EE_NOT_FOUND);
    bench_close(&b);
}

static void answering_side(void)
{
    const struct ee_tunnel_pair pair = {ee_bytes_str("x"), ee_bytes_str("y")};
    REQUIRE(ready(EE_TUNNEL_ROLE_AGENT));
    bench_opened(&b.w, 1, EE_TUNNEL_KIND_HTTP, false);
    bench_data(&b.w, 1, 0, true);
    CHECK(bench_put(&b) == EE_OK && bench_told(&b, "open:1 data:1:0 end "));
    CHECK(send_err(1) == EE_STATE && ee_tunnel_trailers_send(b.t, 1, &pair, 1) == EE_STATE);
    CHECK(heads(1, 101, false) == EE_STATE && heads(1, 103, true) == EE_STATE);
    CHECK(heads(1, 99, false) == EE_RANGE && heads(3, 200, false) == EE_NOT_FOUND);
    for (int i = 0; i < 16; i++)
        CHECK(heads(1, 103, false) == EE_OK);
    CHECK(heads(1, 103, false) == EE_STATE && heads(1, 200, false) == EE_OK);
    CHECK(heads(1, 200, false) == EE_STATE && sends(1, 5, false) == 5);
    CHECK(ee_tunnel_trailers_send(b.t, 1, &pair, 1) == EE_OK && send_err(1) == EE_STATE);
    while (bench_take(&b))
        continue;
    CHECK(strstr(b.frames, "HEAD:1 HEAD:1 DATA:1:5 TRAILERS:1 END /"));
    CHECK(bench_told(&b, "finished:1 "));
    bench_close(&b);
}

static void tcp_streams_have_no_head_and_half_close(void)
{
    REQUIRE(ready(EE_TUNNEL_ROLE_AGENT));
    b.consume = true;
    bench_opened(&b.w, 1, EE_TUNNEL_KIND_TCP, false);
    bench_data(&b.w, 1, 2, true);
    CHECK(bench_put(&b) == EE_OK && bench_told(&b, "open:1 data:1:2 end "));
    CHECK(heads(1, 200, false) == EE_STATE);
    CHECK(ee_tunnel_trailers_send(b.t, 1, NULL, 0) == EE_STATE);
    CHECK(sends(1, 7, false) == 7 && bench_sends(&b, "DATA:1:7 /") && bench_told(&b, ""));
    CHECK(sends(1, 0, true) == 0 && bench_sends(&b, "DATA:1:0 END /"));
    CHECK(bench_told(&b, "finished:1 "));
    bench_close(&b);
}

static void websocket_stream_after_101(void)
{
    REQUIRE(ready(EE_TUNNEL_ROLE_CONTROL));
    CHECK(opens(EE_TUNNEL_KIND_WS, false) == 1);
    bench_head(&b.w, 1, 101, false);
    bench_data(&b.w, 1, 9, false);
    CHECK(bench_put(&b) == EE_OK && bench_told(&b, "head:1:101 data:1:9 "));
    bench_close(&b);
}

static void stream_finishes_only_when_consumed(void)
{
    REQUIRE(ready(EE_TUNNEL_ROLE_CONTROL));
    CHECK(opens(EE_TUNNEL_KIND_HTTP, true) == 1 && bench_sends(&b, "OPEN:1 END /"));
    bench_head(&b.w, 1, 200, false);
    bench_data(&b.w, 1, 10, true);
    CHECK(bench_put(&b) == EE_OK && bench_told(&b, "head:1:200 data:1:10 end "));
    CHECK(ee_tunnel_consumed(b.t, 1, 11) == EE_RANGE && ee_tunnel_consumed(b.t, 1, 9) == EE_OK);
    CHECK(!ee_tunnel_has_output(b.t) && ee_tunnel_consumed(b.t, 1, 1) == EE_OK);
    CHECK(ee_tunnel_has_output(b.t) && bench_sends(&b, "") && bench_told(&b, "finished:1 "));
    CHECK(ee_tunnel_consumed(b.t, 1, 0) == EE_NOT_FOUND);
    bench_close(&b);
}

/* What one stream does wrong costs only that stream: RESET to the peer, an event for us. */
static bool stream_broken(const char *frames, const char *events)
{
    const bool as_wanted = bench_put(&b) == EE_OK && bench_told(&b, events) &&
                           bench_sends(&b, frames) && !ee_tunnel_closed(b.t);
    bench_close(&b);
    return as_wanted;
}

static void opened_stream(enum ee_tunnel_kind kind)
{
    CHECK(ready(EE_TUNNEL_ROLE_CONTROL) && opens(kind, false) == 1);
    CHECK(bench_sends(&b, "OPEN:1 /"));
}

static void frames_out_of_order_within_a_stream(void)
{
    opened_stream(EE_TUNNEL_KIND_HTTP);
    bench_data(&b.w, 1, 1, false);
    CHECK(stream_broken("RESET:1:protocol /", "reset:1:protocol "));
    opened_stream(EE_TUNNEL_KIND_HTTP);
    ee_tunnel_trailers_encode(&b.w, 1, NULL, 0);
    CHECK(stream_broken("RESET:1:protocol /", "reset:1:protocol "));
    opened_stream(EE_TUNNEL_KIND_HTTP);
    bench_head(&b.w, 1, 200, false);
    bench_head(&b.w, 1, 200, false);
    CHECK(stream_broken("RESET:1:protocol /", "head:1:200 reset:1:protocol "));
    opened_stream(EE_TUNNEL_KIND_HTTP);
    bench_head(&b.w, 1, 101, false);
    CHECK(stream_broken("RESET:1:protocol /", "reset:1:protocol "));
    opened_stream(EE_TUNNEL_KIND_HTTP);
    bench_head(&b.w, 1, 100, true);
    CHECK(stream_broken("RESET:1:protocol /", "reset:1:protocol "));
    opened_stream(EE_TUNNEL_KIND_TCP);
    bench_head(&b.w, 1, 200, false);
    CHECK(stream_broken("RESET:1:protocol /", "reset:1:protocol "));
    opened_stream(EE_TUNNEL_KIND_TCP);
    ee_tunnel_trailers_encode(&b.w, 1, NULL, 0);
    CHECK(stream_broken("RESET:1:protocol /", "reset:1:protocol "));
    opened_stream(EE_TUNNEL_KIND_HTTP);
    bench_head(&b.w, 1, 200, true);
    bench_data(&b.w, 1, 1, false);
    CHECK(stream_broken("RESET:1:stream_closed /", "head:1:200 end reset:1:stream_closed "));
}

static void interim_answers_above_their_limit(void)
{
    opened_stream(EE_TUNNEL_KIND_HTTP);
    for (int i = 0; i < 16; i++)
        bench_head(&b.w, 1, 103, false);
    CHECK(bench_put(&b) == EE_OK);
    b.events[0] = 0;
    bench_head(&b.w, 1, 103, false);
    CHECK(stream_broken("RESET:1:protocol /", "reset:1:protocol "));
}

static void trailers_without_end(void)
{
    const struct ee_tunnel_header header = {EE_TUNNEL_TRAILERS, 0, 1, 2};
    REQUIRE(ready(EE_TUNNEL_ROLE_AGENT));
    bench_opened(&b.w, 1, EE_TUNNEL_KIND_HTTP, false);
    ee_tunnel_header_encode(&b.w, &header);
    ee_writer_u16(&b.w, 0);
    CHECK(stream_broken("RESET:1:protocol /", "open:1 reset:1:protocol "));
}

static void answer_sent_by_the_asking_side(void)
{
    REQUIRE(ready(EE_TUNNEL_ROLE_AGENT));
    bench_opened(&b.w, 1, EE_TUNNEL_KIND_HTTP, false);
    bench_head(&b.w, 1, 200, false);
    CHECK(stream_broken("RESET:1:protocol /", "open:1 reset:1:protocol "));
}

static void kind_of_a_later_version(void)
{
    REQUIRE(ready(EE_TUNNEL_ROLE_AGENT));
    bench_opened(&b.w, 1, EE_TUNNEL_KIND_TCP, false);
    b.in[EE_TUNNEL_FRAME_HEADER] = 99;
    CHECK(stream_broken("RESET:1:unsupported /", ""));
}

static bool connection_broken(void)
{
    const bool as_wanted = bench_put(&b) == EE_PROTOCOL && strstr(b.events, "closed:protocol ");
    bench_close(&b);
    return as_wanted;
}

static void stream_ids_that_break_the_connection(void)
{
    CHECK(ready(EE_TUNNEL_ROLE_AGENT)); /* of our side */
    bench_opened(&b.w, 2, EE_TUNNEL_KIND_HTTP, false);
    CHECK(connection_broken() && ready(EE_TUNNEL_ROLE_AGENT)); /* used before */
    bench_opened(&b.w, 3, EE_TUNNEL_KIND_HTTP, false);
    bench_opened(&b.w, 3, EE_TUNNEL_KIND_HTTP, false);
    CHECK(connection_broken() && ready(EE_TUNNEL_ROLE_AGENT)); /* going down */
    bench_opened(&b.w, 3, EE_TUNNEL_KIND_HTTP, false);
    bench_opened(&b.w, 1, EE_TUNNEL_KIND_HTTP, false);
    CHECK(connection_broken() && ready(EE_TUNNEL_ROLE_AGENT)); /* not opened, theirs */
    bench_data(&b.w, 1, 1, false);
    CHECK(connection_broken() && ready(EE_TUNNEL_ROLE_AGENT)); /* not opened, ours */
    bench_head(&b.w, 2, 200, false);
    CHECK(connection_broken() && ready(EE_TUNNEL_ROLE_AGENT));
    ee_tunnel_reset_encode(&b.w, 5, 1, "");
    CHECK(connection_broken() && ready(EE_TUNNEL_ROLE_AGENT));
    ee_tunnel_window_encode(&b.w, 5, 1);
    CHECK(connection_broken() && ready(EE_TUNNEL_ROLE_AGENT));
    bench_opened(&b.w, 0x80000001u, EE_TUNNEL_KIND_HTTP, false);
    CHECK(connection_broken());
}

static void too_many_streams_of_the_peer(void)
{
    struct ee_tunnel_config config;
    ee_tunnel_config_default(&config, EE_TUNNEL_ROLE_AGENT);
    config.max_streams = 2;
    REQUIRE(bench_ready(&b, EE_TUNNEL_ROLE_AGENT, &config));
    for (uint32_t id = 1; id <= 5; id += 2)
        bench_opened(&b.w, id, EE_TUNNEL_KIND_TCP, false);
    CHECK(bench_put(&b) == EE_OK && bench_told(&b, "open:1 open:3 "));
    CHECK(bench_sends(&b, "RESET:5:refused /"));
    ee_tunnel_reset_encode(&b.w, 1, EE_TUNNEL_CANCELLED, "");
    bench_opened(&b.w, 7, EE_TUNNEL_KIND_TCP, false);
    bench_data(&b.w, 5, 10, true); /* was on its way when 5 was refused */
    CHECK(bench_put(&b) == EE_OK && bench_told(&b, "reset:1:cancelled open:7 "));
    bench_close(&b);
}

static void too_many_streams_of_ours(void)
{
    uint32_t id;
    const struct ee_tunnel_open open = bench_request(EE_TUNNEL_KIND_TCP);
    REQUIRE(ready(EE_TUNNEL_ROLE_AGENT));
    CHECK(opens(EE_TUNNEL_KIND_TCP, false) == 2 && opens(EE_TUNNEL_KIND_TCP, false) == 4);
    CHECK(ee_tunnel_open(b.t, &open, false, NULL, &id) == EE_FULL);
    CHECK(ee_tunnel_reset(b.t, 2, EE_TUNNEL_CANCELLED, "gone") == EE_OK);
    CHECK(opens(EE_TUNNEL_KIND_TCP, false) == 6);
    CHECK(bench_sends(&b, "OPEN:2 OPEN:4 RESET:2:cancelled OPEN:6 /"));
    CHECK(ee_tunnel_reset(b.t, 2, EE_TUNNEL_CANCELLED, "") == EE_NOT_FOUND);
    bench_close(&b);
}

static void request_that_does_not_encode_uses_no_id(void)
{
    uint32_t id;
    struct ee_tunnel_open open = bench_request(EE_TUNNEL_KIND_HTTP);
    struct ee_tunnel_stats stats;
    open.target = ee_bytes_str("");
    REQUIRE(ready(EE_TUNNEL_ROLE_CONTROL));
    CHECK(ee_tunnel_open(b.t, &open, false, NULL, &id) == EE_SYNTAX);
    ee_tunnel_stats_get(b.t, &stats);
    CHECK(stats.streams_ours == 0 && opens(EE_TUNNEL_KIND_HTTP, false) == 1);
    bench_close(&b);
}

static void frames_for_a_stream_we_reset_are_ignored(void)
{
    opened_stream(EE_TUNNEL_KIND_HTTP);
    CHECK(ee_tunnel_reset(b.t, 1, EE_TUNNEL_TIMEOUT, "") == EE_OK);
    CHECK(bench_sends(&b, "RESET:1:timeout /"));
    bench_head(&b.w, 1, 200, false);
    bench_data(&b.w, 1, 100, false);
    ee_tunnel_window_encode(&b.w, 1, 5);
    ee_tunnel_trailers_encode(&b.w, 1, NULL, 0);
    ee_tunnel_reset_encode(&b.w, 1, 1, "");
    CHECK(stream_broken("", ""));
}

static void stream_reset_from_inside_its_event(void)
{
    REQUIRE(ready(EE_TUNNEL_ROLE_AGENT));
    b.reset_data = true;
    bench_opened(&b.w, 1, EE_TUNNEL_KIND_TCP, false);
    bench_data(&b.w, 1, 1, false);
    bench_data(&b.w, 1, 1, true);
    CHECK(stream_broken("RESET:1:cancelled /", "open:1 data:1:1 "));
}

TESTS(TEST(request_and_answer), TEST(answering_side), TEST(tcp_streams_have_no_head_and_half_close),
      TEST(websocket_stream_after_101), TEST(stream_finishes_only_when_consumed),
      TEST(frames_out_of_order_within_a_stream), TEST(interim_answers_above_their_limit),
      TEST(trailers_without_end), TEST(answer_sent_by_the_asking_side),
      TEST(kind_of_a_later_version), TEST(stream_ids_that_break_the_connection),
      TEST(too_many_streams_of_the_peer), TEST(too_many_streams_of_ours),
      TEST(request_that_does_not_encode_uses_no_id), TEST(frames_for_a_stream_we_reset_are_ignored),
      TEST(stream_reset_from_inside_its_event))
