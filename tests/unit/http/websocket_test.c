/* SPDX-License-Identifier: Apache-2.0 */
#include "http/websocket.h"
#include "tap.h"

static struct ee_http_head head;
static const char key_text[] = "dGhlIHNhbXBsZSBub25jZQ=="; /* RFC 6455 section 1.3 */
static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};

static void accept_key_of_the_rfc(void)
{
    char accept[EE_WS_ACCEPT_TEXT_SIZE];
    ee_ws_accept_text(ee_bytes_str(key_text), accept);
    CHECK(strcmp(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") == 0);
}

static void request_begin(void)
{
    CHECK(ee_ws_request_make(ee_bytes_str("a.example"), ee_bytes_str("/v1/tunnel"),
                             (const uint8_t *)"the sample nonce", "ee-tunnel-1", &head) == EE_OK);
}

static enum ee_err request_check(void)
{
    struct ee_bytes key;
    return ee_ws_request_check(&head, true, &key);
}

static void handshake_both_ways(void)
{
    struct ee_bytes key;
    static struct ee_http_head answer;
    request_begin();
    REQUIRE(ee_ws_request_check(&head, true, &key) == EE_OK);
    CHECK(ee_bytes_equal(key, ee_bytes_str(key_text)));
    CHECK(ee_http_head_has_token(&head, "sec-websocket-protocol", "ee-tunnel-1"));
    CHECK(ee_ws_response_make(key, "ee-tunnel-1", &answer) == EE_OK);
    CHECK(ee_ws_response_check(&answer, key, "ee-tunnel-1") == EE_OK);
    CHECK(ee_ws_response_check(&answer, key, NULL) == EE_OK);
    CHECK(ee_ws_response_check(&answer, key, "other") == EE_HTTP);
    CHECK(ee_ws_response_make(ee_bytes_str("short"), NULL, &answer) == EE_HTTP);
    CHECK(ee_ws_request_make(ee_bytes_str("a b"), ee_bytes_str("/"), (const uint8_t *)key_text,
                             NULL, &head) == EE_HTTP);
}

static enum ee_err with(const char *name, const char *value)
{
    request_begin();
    if (value)
        CHECK(ee_http_head_set(&head, name, ee_bytes_str(value)) == EE_OK);
    else
        CHECK(ee_http_head_remove(&head, name) == 1);
    return request_check();
}

static void requests_that_are_no_handshake(void)
{
    CHECK(with("Upgrade", "h2c") == EE_HTTP && with("Upgrade", NULL) == EE_HTTP);
    CHECK(with("Connection", "close") == EE_HTTP && with("Connection", NULL) == EE_HTTP);
    CHECK(with("Sec-WebSocket-Key", "abc") == EE_HTTP);
    CHECK(with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ!=") == EE_HTTP);
    CHECK(with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZWVl") == EE_HTTP);
    CHECK(with("Sec-WebSocket-Key", NULL) == EE_HTTP);
    CHECK(with("Sec-WebSocket-Version", "8") == EE_UNSUPPORTED);
    CHECK(with("Sec-WebSocket-Version", NULL) == EE_HTTP);
    CHECK(with("Origin", "https://evil") == EE_FORBIDDEN);
    request_begin();
    CHECK(ee_http_head_add_text(&head, "sec-websocket-key", key_text) == EE_OK);
    CHECK(request_check() == EE_HTTP);
    request_begin();
    head.minor = 0;
    CHECK(request_check() == EE_HTTP);
    CHECK(ee_http_head_request(&head, ee_bytes_str("POST"), ee_bytes_str("/")) == EE_OK);
    CHECK(request_check() == EE_HTTP);
}

static enum ee_err answer_with(const char *name, const char *value)
{
    CHECK(ee_ws_response_make(ee_bytes_str(key_text), "ee-tunnel-1", &head) == EE_OK);
    CHECK(ee_http_head_set(&head, name, ee_bytes_str(value)) == EE_OK);
    return ee_ws_response_check(&head, ee_bytes_str(key_text), "ee-tunnel-1");
}

static void answers_that_are_no_handshake(void)
{
    CHECK(answer_with("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOP=") == EE_HTTP);
    CHECK(answer_with("Upgrade", "x") == EE_HTTP && answer_with("Connection", "x") == EE_HTTP);
    CHECK(answer_with("Sec-WebSocket-Extensions", "permessage-deflate") == EE_HTTP);
    CHECK(answer_with("Sec-WebSocket-Protocol", "chat") == EE_HTTP);
    CHECK(ee_http_head_response(&head, 200, ee_bytes_str("")) == EE_OK);
    CHECK(ee_ws_response_check(&head, ee_bytes_str(key_text), NULL) == EE_REFUSED);
}

/* RFC 6455 section 5.7. */
static void frames_of_the_rfc(void)
{
    uint8_t out[32];
    struct ee_writer w;
    ee_writer_init(&w, out, sizeof(out));
    CHECK(ee_ws_frame_write(&w, EE_WS_TEXT, ee_bytes_str("Hello"), mask) == EE_OK);
    CHECK(w.size == 11 && memcmp(out, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11) == 0);
    ee_writer_init(&w, out, sizeof(out));
    CHECK(ee_ws_frame_write(&w, EE_WS_PING, ee_bytes_str("Hello"), NULL) == EE_OK);
    CHECK(w.size == 7 && memcmp(out, "\x89\x05Hello", 7) == 0);
    CHECK(ee_ws_header_encode(EE_WS_BINARY, 256, NULL, out) == 4);
    CHECK(memcmp(out, "\x82\x7e\x01\x00", 4) == 0);
    CHECK(ee_ws_header_encode(EE_WS_BINARY, 65536, mask, out) == 14);
    CHECK(memcmp(out, "\x82\xff\0\0\0\0\0\x01\0\0\x37", 11) == 0);
}

static void masking_in_pieces(void)
{
    uint8_t whole[61], pieces[61];
    for (size_t cut = 0; cut <= sizeof(whole); cut++) {
        memset(whole, 7, sizeof(whole));
        memset(pieces, 7, sizeof(pieces));
        ee_ws_mask(whole, sizeof(whole), mask, 0);
        ee_ws_mask(pieces, cut, mask, 0);
        ee_ws_mask(pieces + cut, sizeof(pieces) - cut, mask, cut);
        CHECK(memcmp(whole, pieces, sizeof(whole)) == 0 && whole[5] == (7 ^ mask[1]));
    }
}

static void control_frames_and_close_reasons_have_a_limit(void)
{
    uint8_t out[200];
    char reason[200];
    struct ee_writer w;
    ee_writer_init(&w, out, sizeof(out));
    memset(reason, 'a', sizeof(reason));
    CHECK(ee_ws_frame_write(&w, EE_WS_PING, ee_bytes_of(reason, 126), NULL) == EE_RANGE);
    memcpy(reason + 122, "\xe2\x82\xac", 4); /* a sign of three bytes across the cut, and NUL */
    CHECK(ee_ws_close_write(&w, 1000, reason, NULL) == EE_OK);
    CHECK(w.size == 2 + 2 + 122 && out[1] == 124);
    ee_writer_init(&w, out, 5);
    CHECK(ee_ws_frame_write(&w, EE_WS_PING, ee_bytes_str("1234"), NULL) == EE_TOO_LARGE);
    CHECK(w.size == 0);
}

/* Decodes in pieces of `step`; joins what comes as "M:...", "P:...", "O:...", "C1000:...". */
struct got {
    char text[400];
    enum ee_err err;
    uint16_t close_code;
};

static void note(struct got *got, const struct ee_ws_event *event)
{
    static const char *const names[] = {"", "M", "P", "O", "C"};
    const size_t at = strlen(got->text);
    if (event->kind == EE_WS_EVENT_NONE)
        return;
    (void)snprintf(got->text + at, sizeof(got->text) - at, "%s%.0u:%.*s ", names[event->kind],
                   event->close_code, (int)event->data.size, (const char *)event->data.data);
}

static struct got decode(struct ee_bytes input, bool from_client, size_t step)
{
    struct got got = {.err = EE_OK};
    struct ee_ws_decoder d;
    struct ee_ws_event event;
    size_t at = 0, used;
    ee_ws_decoder_init(&d, &ee_allocator_system, from_client, 64);
    while (at < input.size && got.err == EE_OK) {
        const size_t left = input.size - at;
        got.err = ee_ws_decoder_next(&d, ee_bytes_of(input.data + at, left < step ? left : step),
                                     &used, &event);
        if (got.err != EE_OK)
            break;
        at += used;
        note(&got, &event);
    }
    got.close_code = ee_ws_decoder_close_code(&d);
    ee_ws_decoder_close(&d);
    return got;
}

#define BYTES(text) ee_bytes_of(text, sizeof(text) - 1)

static bool decodes(struct ee_bytes input, const char *want)
{
    for (size_t step = 1; step < 20; step++) {
        const struct got got = decode(input, false, step);
        if (got.err != EE_OK || strcmp(got.text, want) != 0) {
            printf("# step %zu: %s (%s)\n", step, got.text, ee_err_name(got.err));
            return false;
        }
    }
    return true;
}

static void messages_fragments_and_control_frames_between(void)
{
    CHECK(decodes(BYTES("\x82\x02hi\x82\x00\x82\x01x"), "M:hi M: M:x "));
    CHECK(decodes(BYTES("\x02\x01"
                        "a\x89\x01p\x00\x00\x8a\x00\x80\x02"
                        "bc\x82\x01z"),
                  "P:p O: M:abc M:z "));
    CHECK(decodes(BYTES("\x88\x04\x03\xe8no\x82\x01x"), "C1000:no "));
    CHECK(decodes(BYTES("\x88\x00"), "C1005: "));
    CHECK(decodes(BYTES("\x88\x05\x0f\xa0\xe2\x82\xac"), "C4000:\xe2\x82\xac "));
}

static void masked_messages_from_a_client(void)
{
    uint8_t out[80];
    struct ee_writer w;
    ee_writer_init(&w, out, sizeof(out));
    CHECK(ee_ws_frame_write(&w, EE_WS_BINARY, ee_bytes_str("some longer text"), mask) == EE_OK);
    CHECK(ee_ws_close_write(&w, 1001, "bye", mask) == EE_OK);
    for (size_t step = 1; step < 40; step++) {
        const struct got got = decode(ee_writer_done(&w), true, step);
        CHECK(got.err == EE_OK && strcmp(got.text, "M:some longer text C1001:bye ") == 0);
    }
    CHECK(decode(ee_writer_done(&w), false, 100).err == EE_PROTOCOL);
    CHECK(decode(BYTES("\x82\x01x"), true, 100).err == EE_PROTOCOL);
}

static bool refused(struct ee_bytes input, enum ee_err err, uint16_t close_code)
{
    for (size_t step = 1; step < 20; step++) {
        const struct got got = decode(input, false, step);
        if (got.err != err || got.close_code != close_code)
            return false;
    }
    return true;
}

static bool broken(struct ee_bytes input)
{
    return refused(input, EE_PROTOCOL, EE_WS_CLOSE_PROTOCOL);
}

static void frames_that_break_a_rule(void)
{
    CHECK(broken(BYTES("\xc2\x00")) && broken(BYTES("\xa2\x00")) && broken(BYTES("\x92\x00")));
    CHECK(broken(BYTES("\x83\x00")) && broken(BYTES("\x87\x00"))); /* reserved opcodes */
    CHECK(broken(BYTES("\x8b\x00")) && broken(BYTES("\x8f\x00")));
    CHECK(broken(BYTES("\x09\x00")) && broken(BYTES("\x08\x00"))); /* fragmented control */
    CHECK(broken(BYTES("\x89\x7e\x00\x7e")));                      /* control above 125 */
    CHECK(broken(BYTES("\x80\x00")) && broken(BYTES("\x00\x00"))); /* continues nothing */
    CHECK(broken(BYTES("\x02\x00\x82\x00")));                      /* new message inside one */
    CHECK(broken(BYTES("\x82\x7e\x00\x7d")));                      /* length not in shortest form */
    CHECK(broken(BYTES("\x82\x7f\0\0\0\0\0\0\xff\xff")));
    CHECK(broken(BYTES("\x82\x7f\x80\0\0\0\0\x01\0\0")));
    CHECK(refused(BYTES("\x81\x01x"), EE_UNSUPPORTED, EE_WS_CLOSE_UNSUPPORTED));
    CHECK(refused(BYTES("\x01\x01x"), EE_UNSUPPORTED, EE_WS_CLOSE_UNSUPPORTED));
}

static void close_frames_that_break_a_rule(void)
{
    CHECK(broken(BYTES("\x88\x01\x03")));
    CHECK(broken(BYTES("\x88\x02\x03\xe7")) && broken(BYTES("\x88\x02\x03\xed"))); /* 999 1005 */
    CHECK(broken(BYTES("\x88\x02\x03\xee")) && broken(BYTES("\x88\x02\x13\x88"))); /* 1006 5000 */
    CHECK(broken(BYTES("\x88\x02\x03\xf7")));                                      /* 1015 */
    CHECK(refused(BYTES("\x88\x04\x03\xe8\xc0\xaf"), EE_PROTOCOL, EE_WS_CLOSE_BAD_DATA));
    CHECK(refused(BYTES("\x88\x05\x03\xe8\xed\xa0\x80"), EE_PROTOCOL, EE_WS_CLOSE_BAD_DATA));
    CHECK(refused(BYTES("\x88\x03\x03\xe8\xe2"), EE_PROTOCOL, EE_WS_CLOSE_BAD_DATA));
    CHECK(refused(BYTES("\x88\x06\x03\xe8\xf4\x90\x80\x80"), EE_PROTOCOL, EE_WS_CLOSE_BAD_DATA));
}

static void message_above_the_limit(void)
{
    CHECK(refused(BYTES("\x82\x41"), EE_TOO_LARGE, EE_WS_CLOSE_TOO_BIG)); /* 65, limit 64 */
    CHECK(refused(BYTES("\x82\x7f\0\0\0\1\0\0\0\0"), EE_TOO_LARGE, EE_WS_CLOSE_TOO_BIG));
    CHECK(refused(BYTES("\x02\x04"
                        "abcd\x80\x3d"),
                  EE_TOO_LARGE, EE_WS_CLOSE_TOO_BIG)); /* 4 + 61 */
}

static void *no_memory(void *context, void *memory, size_t size)
{
    (void)context, (void)memory, (void)size;
    return NULL;
}

static void nothing_to_release(void *context, void *memory)
{
    (void)context, (void)memory;
}

static void decoder_without_memory(void)
{
    const struct ee_allocator none = {.resize = no_memory, .release = nothing_to_release};
    struct ee_ws_decoder d;
    struct ee_ws_event event;
    size_t used;
    ee_ws_decoder_init(&d, &none, false, 64);
    CHECK(ee_ws_decoder_next(&d, BYTES("\x82\x02x"), &used, &event) == EE_NO_MEMORY);
    CHECK(ee_ws_decoder_close_code(&d) == EE_WS_CLOSE_INTERNAL);
    ee_ws_decoder_close(&d);
}

TESTS(TEST(accept_key_of_the_rfc), TEST(handshake_both_ways), TEST(requests_that_are_no_handshake),
      TEST(answers_that_are_no_handshake), TEST(frames_of_the_rfc), TEST(masking_in_pieces),
      TEST(control_frames_and_close_reasons_have_a_limit),
      TEST(messages_fragments_and_control_frames_between), TEST(masked_messages_from_a_client),
      TEST(frames_that_break_a_rule), TEST(close_frames_that_break_a_rule),
      TEST(message_above_the_limit), TEST(decoder_without_memory))
