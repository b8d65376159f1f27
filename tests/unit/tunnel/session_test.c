/* SPDX-License-Identifier: Apache-2.0 */
/* HELLO, CONTROL, liveness, drain and end of a session. */
#include "bench.h"

static struct bench b;

static void control_put(size_t size)
{
    const struct ee_tunnel_header header = {EE_TUNNEL_CONTROL_FRAME, 0, 0, (uint32_t)size};
    ee_tunnel_header_encode(&b.w, &header);
    for (size_t i = 0; i < size; i++)
        ee_writer_u8(&b.w, 'c');
}

static bool ends_with(enum ee_err err, const char *events)
{
    const bool as_wanted = bench_put(&b) == err && bench_told(&b, events) &&
                           ee_tunnel_closed(b.t) && bench_sends(&b, "GOAWAY:0 /");
    bench_close(&b);
    return as_wanted;
}

static void control_messages_travel_before_hello(void)
{
    REQUIRE(bench_open(&b, EE_TUNNEL_ROLE_AGENT, NULL));
    CHECK(!ee_tunnel_has_output(b.t));
    CHECK(ee_tunnel_control_send(b.t, ee_bytes_str("abc")) == EE_OK);
    control_put(5);
    control_put(1);
    CHECK(bench_put(&b) == EE_OK && bench_told(&b, "control:5 control:1 "));
    CHECK(!ee_tunnel_ready(b.t) && bench_sends(&b, "CONTROL:3 /"));
    bench_close(&b);
}

static void largest_control_message_goes_alone(void)
{
    static uint8_t large[EE_TUNNEL_CONTROL_MAX + 1];
    REQUIRE(bench_ready(&b, EE_TUNNEL_ROLE_AGENT, NULL));
    CHECK(ee_tunnel_control_send(b.t, ee_bytes_of(large, sizeof(large))) == EE_TOO_LARGE);
    CHECK(ee_tunnel_control_send(b.t, ee_bytes_of(large, 0)) == EE_TOO_LARGE);
    CHECK(ee_tunnel_control_send(b.t, ee_bytes_str("a")) == EE_OK);
    CHECK(ee_tunnel_control_send(b.t, ee_bytes_of(large, sizeof(large) - 1)) == EE_OK);
    CHECK(ee_tunnel_control_send(b.t, ee_bytes_str("b")) == EE_OK);
    CHECK(bench_sends(&b, "CONTROL:1 /CONTROL:262144 /CONTROL:1 /"));
    control_put(EE_TUNNEL_CONTROL_MAX);
    CHECK(bench_put(&b) == EE_OK && bench_told(&b, "control:262144 "));
    bench_close(&b);
}

static void large_control_message_is_not_starved_by_small_frames(void)
{
    static uint8_t large[EE_TUNNEL_CONTROL_MAX];
    REQUIRE(bench_ready(&b, EE_TUNNEL_ROLE_AGENT, NULL));
    CHECK(ee_tunnel_control_send(b.t, ee_bytes_of(large, sizeof(large))) == EE_OK);
    for (int i = 0; i < 2; i++) {
        ee_tunnel_ping_encode(&b.w, EE_TUNNEL_PING, 1);
        CHECK(bench_put(&b) == EE_OK && bench_take(&b));
    }
    CHECK(bench_is(b.frames, "PONG /CONTROL:262144 /") && bench_sends(&b, "PONG /"));
    bench_close(&b);
}

static void queue_of_control_messages_is_full(void)
{
    static uint8_t large[EE_TUNNEL_CONTROL_MAX];
    REQUIRE(bench_open(&b, EE_TUNNEL_ROLE_AGENT, NULL));
    for (int i = 0; i < 3; i++)
        CHECK(ee_tunnel_control_send(b.t, ee_bytes_of(large, sizeof(large))) == EE_OK);
    CHECK(ee_tunnel_control_send(b.t, ee_bytes_of(large, sizeof(large))) == EE_FULL);
    CHECK(!ee_tunnel_closed(b.t));
    bench_close(&b);
}

static void control_messages_that_break_a_rule(void)
{
    REQUIRE(bench_open(&b, EE_TUNNEL_ROLE_AGENT, NULL));
    control_put(0);
    CHECK(ends_with(EE_PROTOCOL, "closed:protocol "));
    REQUIRE(bench_open(&b, EE_TUNNEL_ROLE_AGENT, NULL));
    control_put(EE_TUNNEL_CONTROL_MAX + 1);
    CHECK(ends_with(EE_TOO_LARGE, "closed:too_large "));
    REQUIRE(bench_open(&b, EE_TUNNEL_ROLE_AGENT, NULL)); /* large, and not alone */
    control_put(EE_TUNNEL_MESSAGE_MAX);
    control_put(1);
    CHECK(ends_with(EE_TOO_LARGE, "closed:too_large "));
    REQUIRE(bench_open(&b, EE_TUNNEL_ROLE_AGENT, NULL));
    bench_hello(&b.w, 1, 1, 1);
    control_put(EE_TUNNEL_MESSAGE_MAX);
    CHECK(ends_with(EE_TOO_LARGE, "closed:too_large "));
}

static void hello_tells_the_common_version(void)
{
    REQUIRE(bench_open(&b, EE_TUNNEL_ROLE_CONTROL, NULL));
    bench_hello(&b.w, 1, 1, 1);
    CHECK(bench_put(&b) == EE_OK && !ee_tunnel_ready(b.t));
    CHECK(ee_tunnel_hello_send(b.t) == EE_OK && ee_tunnel_ready(b.t));
    CHECK(ee_tunnel_hello_send(b.t) == EE_STATE);
    bench_hello(&b.w, 1, 1, 1);
    CHECK(ends_with(EE_PROTOCOL, "hello closed:protocol "));
}

static void hello_without_a_common_version(void)
{
    struct ee_tunnel_config config;
    ee_tunnel_config_default(&config, EE_TUNNEL_ROLE_AGENT);
    config.version_min = config.version_max = 4;
    REQUIRE(bench_open(&b, EE_TUNNEL_ROLE_AGENT, &config));
    bench_hello(&b.w, 1, 1, 1);
    CHECK(ends_with(EE_UNSUPPORTED, "closed:unsupported "));
}

static void streams_before_hello(void)
{
    uint32_t id;
    const struct ee_tunnel_open open = bench_request(EE_TUNNEL_KIND_HTTP);
    REQUIRE(bench_open(&b, EE_TUNNEL_ROLE_AGENT, NULL));
    CHECK(ee_tunnel_open(b.t, &open, true, NULL, &id) == EE_STATE);
    bench_hello(&b.w, 1, 1, 1); /* theirs alone is not enough */
    bench_opened(&b.w, 1, EE_TUNNEL_KIND_HTTP, true);
    CHECK(ends_with(EE_PROTOCOL, "hello closed:protocol "));
}

static void configuration_out_of_range(void)
{
    struct ee_tunnel_config config;
    ee_tunnel_config_default(&config, EE_TUNNEL_ROLE_AGENT);
    config.stream_window = 0x80000000u;
    CHECK(!bench_open(&b, EE_TUNNEL_ROLE_AGENT, &config));
    ee_tunnel_config_default(&config, EE_TUNNEL_ROLE_AGENT);
    config.agent[0] = '\n';
    CHECK(!bench_open(&b, EE_TUNNEL_ROLE_AGENT, &config));
    ee_tunnel_free(NULL);
}

static void tick_at(uint64_t ms)
{
    b.now_us = 1000 + ms * 1000;
    ee_tunnel_tick(b.t, b.now_us);
}

static void no_hello_in_time(void)
{
    REQUIRE(bench_open(&b, EE_TUNNEL_ROLE_AGENT, NULL));
    CHECK(ee_tunnel_deadline(b.t) == 1000 + 10000000);
    ee_tunnel_heard(b.t, 5000000);
    tick_at(9999);
    CHECK(bench_told(&b, "") && bench_sends(&b, ""));
    tick_at(10000);
    CHECK(bench_told(&b, "closed:timeout ") && ee_tunnel_deadline(b.t) == UINT64_MAX);
    bench_close(&b);
}

static void silence_makes_a_ping_and_then_the_end(void)
{
    REQUIRE(bench_ready(&b, EE_TUNNEL_ROLE_AGENT, NULL));
    tick_at(9999);
    CHECK(bench_sends(&b, ""));
    tick_at(10000);
    CHECK(bench_sends(&b, "PING /") && ee_tunnel_deadline(b.t) == 1000 + 25000000);
    tick_at(20000);
    CHECK(bench_sends(&b, ""));
    tick_at(25000);
    CHECK(bench_told(&b, "closed:timeout ") && bench_sends(&b, "GOAWAY:0 /"));
    bench_close(&b);
}

static void any_byte_counts_as_life(void)
{
    REQUIRE(bench_ready(&b, EE_TUNNEL_ROLE_AGENT, NULL));
    tick_at(10000);
    ee_tunnel_heard(b.t, 1000 + 24000 * 1000);
    tick_at(48999);
    CHECK(bench_told(&b, ""));
    tick_at(49000);
    CHECK(bench_told(&b, "closed:timeout "));
    bench_close(&b);
}

static void pong_measures_the_round_trip(void)
{
    struct ee_tunnel_stats stats;
    REQUIRE(bench_ready(&b, EE_TUNNEL_ROLE_AGENT, NULL));
    tick_at(10000);
    ee_tunnel_ping_encode(&b.w, EE_TUNNEL_PONG, b.now_us + 1); /* not what was asked */
    CHECK(bench_put(&b) == EE_OK && bench_told(&b, ""));
    ee_tunnel_ping_encode(&b.w, EE_TUNNEL_PONG, b.now_us);
    b.now_us += 70;
    CHECK(bench_put(&b) == EE_OK && bench_told(&b, "rtt:70 "));
    ee_tunnel_stats_get(b.t, &stats);
    CHECK(stats.rtt_us == 70);
    bench_close(&b);
}

static void pings_faster_than_they_can_be_answered(void)
{
    struct ee_tunnel_stats stats;
    REQUIRE(bench_ready(&b, EE_TUNNEL_ROLE_AGENT, NULL));
    for (uint64_t pings = 0; pings < 100000; pings++) {
        ee_tunnel_ping_encode(&b.w, EE_TUNNEL_PING, pings);
        CHECK(bench_put(&b) == EE_OK);
    }
    ee_tunnel_stats_get(b.t, &stats);
    CHECK(stats.control_unsent == 0 && bench_sends(&b, "PONG /"));
    bench_close(&b);
}

static void peer_that_makes_us_owe_more_than_a_mebibyte(void)
{
    REQUIRE(bench_ready(&b, EE_TUNNEL_ROLE_AGENT, NULL));
    CHECK(ee_tunnel_goaway(b.t, EE_TUNNEL_GOING_AWAY, 0, "") == EE_OK);
    enum ee_err err = EE_OK;
    uint32_t id = 1;
    for (; err == EE_OK && id < 200001; id += 2) {
        bench_opened(&b.w, id, EE_TUNNEL_KIND_TCP, true);
        err = bench_put(&b);
    }
    CHECK(err == EE_FULL && id / 2 > 1024 * 1024 / 40 && id / 2 < 1024 * 1024 / 20);
    CHECK(bench_told(&b, "closed:overload ") && bench_sends(&b, "GOAWAY:0 /"));
    bench_close(&b);
}

static void drain_that_takes_too_long(void)
{
    REQUIRE(bench_ready(&b, EE_TUNNEL_ROLE_AGENT, NULL));
    bench_opened(&b.w, 1, EE_TUNNEL_KIND_TCP, false);
    CHECK(bench_put(&b) == EE_OK && bench_told(&b, "open:1 "));
    CHECK(ee_tunnel_goaway(b.t, EE_TUNNEL_GOING_AWAY, 3000, "") == EE_OK);
    CHECK(bench_sends(&b, "GOAWAY:1 /") && ee_tunnel_deadline(b.t) == 1000 + 3000000);
    tick_at(2999);
    CHECK(bench_told(&b, ""));
    tick_at(3000);
    CHECK(bench_told(&b, "reset:1:going_away closed:going_away ") && bench_sends(&b, "GOAWAY:1 /"));
    bench_close(&b);
}

static void goaway_refuses_what_comes_later(void)
{
    REQUIRE(bench_ready(&b, EE_TUNNEL_ROLE_AGENT, NULL));
    bench_opened(&b.w, 5, EE_TUNNEL_KIND_HTTP, true);
    CHECK(bench_put(&b) == EE_OK && bench_told(&b, "open:5 end "));
    CHECK(ee_tunnel_goaway(b.t, EE_TUNNEL_GOING_AWAY, 30000, "restart") == EE_OK);
    bench_opened(&b.w, 7, EE_TUNNEL_KIND_HTTP, true);
    CHECK(bench_put(&b) == EE_OK && bench_told(&b, ""));
    CHECK(bench_sends(&b, "GOAWAY:5 RESET:7:refused /"));
    const struct ee_tunnel_head head = {.status = 200};
    CHECK(ee_tunnel_head_send(b.t, 5, &head, true) == EE_OK && bench_sends(&b, "HEAD:5 END /"));
    CHECK(bench_told(&b, "finished:5 "));
    bench_close(&b);
}

static void goaway_put(uint32_t last)
{
    const struct ee_tunnel_reason reason = {.last_stream = last, .code = EE_TUNNEL_GOING_AWAY};
    ee_tunnel_goaway_encode(&b.w, &reason);
}

static void goaway_of_the_peer_gives_back_what_it_did_not_take(void)
{
    uint32_t id;
    const struct ee_tunnel_open open = bench_request(EE_TUNNEL_KIND_HTTP);
    REQUIRE(bench_ready(&b, EE_TUNNEL_ROLE_CONTROL, NULL));
    CHECK(ee_tunnel_open(b.t, &open, true, NULL, &id) == EE_OK && id == 1);
    CHECK(ee_tunnel_open(b.t, &open, true, NULL, &id) == EE_OK && id == 3);
    goaway_put(1);
    CHECK(bench_put(&b) == EE_OK && bench_told(&b, "goaway:1 reset:3:refused "));
    CHECK(ee_tunnel_open(b.t, &open, true, NULL, &id) == EE_REFUSED);
    bench_head(&b.w, 1, 200, true);
    CHECK(bench_put(&b) == EE_OK && bench_told(&b, "head:1:200 end finished:1 "));
    goaway_put(0);
    CHECK(bench_put(&b) == EE_OK);
    goaway_put(1); /* takes back the last one */
    CHECK(bench_put(&b) == EE_PROTOCOL && bench_told(&b, "goaway:0 closed:protocol "));
    bench_close(&b);
}

static void closing_ends_every_stream_and_delivers_the_last_message(void)
{
    REQUIRE(bench_ready(&b, EE_TUNNEL_ROLE_AGENT, NULL));
    bench_opened(&b.w, 1, EE_TUNNEL_KIND_HTTP, true);
    bench_opened(&b.w, 3, EE_TUNNEL_KIND_TCP, false);
    CHECK(bench_put(&b) == EE_OK && bench_told(&b, "open:1 end open:3 "));
    CHECK(ee_tunnel_control_send(b.t, ee_bytes_str("refused")) == EE_OK);
    ee_tunnel_close(b.t, EE_TUNNEL_GOING_AWAY, "displaced by a newer session");
    CHECK(bench_told(&b, "reset:1:going_away reset:3:going_away closed:going_away "));
    ee_tunnel_close(b.t, EE_TUNNEL_GOING_AWAY, "again");
    CHECK(bench_told(&b, "") && ee_tunnel_has_output(b.t));
    CHECK(bench_sends(&b, "CONTROL:7 GOAWAY:3 /") && !ee_tunnel_has_output(b.t));
    ee_tunnel_ping_encode(&b.w, EE_TUNNEL_PING, 1);
    CHECK(bench_put(&b) == EE_CLOSED && bench_sends(&b, ""));
    CHECK(ee_tunnel_control_send(b.t, ee_bytes_str("x")) == EE_CLOSED);
    CHECK(ee_tunnel_hello_send(b.t) == EE_CLOSED);
    CHECK(ee_tunnel_goaway(b.t, EE_TUNNEL_GOING_AWAY, 0, "") == EE_CLOSED);
    bench_close(&b);
}

static void unknown_frames_are_ignored(void)
{
    const struct ee_tunnel_header header = {200, 0xff, 77, 3};
    REQUIRE(bench_open(&b, EE_TUNNEL_ROLE_AGENT, NULL));
    ee_tunnel_header_encode(&b.w, &header);
    ee_writer_bytes(&b.w, "abc", 3);
    control_put(2);
    CHECK(bench_put(&b) == EE_OK && bench_told(&b, "control:2 "));
    CHECK(bench_put(&b) == EE_OK); /* an empty message */
    bench_close(&b);
}

static void put_raw(const char *bytes, size_t size)
{
    REQUIRE(bench_ready(&b, EE_TUNNEL_ROLE_AGENT, NULL));
    ee_writer_bytes(&b.w, bytes, size);
}

static void frames_that_break_the_connection(void)
{
    put_raw("\x08\0\0\0\0\0\0\0\0\0\0\x08"
            "1234567",
            19); /* cut off */
    CHECK(ends_with(EE_PROTOCOL, "closed:protocol "));
    put_raw("\x08\0\0\0\0\0\0\0\0\0\0", 11);
    CHECK(ends_with(EE_PROTOCOL, "closed:protocol "));
    put_raw("\x08\0\0\0\0\0\0\0\0\0\0\x07"
            "1234567",
            19); /* PING of 7 bytes */
    CHECK(ends_with(EE_PROTOCOL, "closed:protocol "));
    put_raw("\x08\0\0\0\0\0\0\1\0\0\0\x08"
            "12345678",
            20); /* PING on a stream */
    CHECK(ends_with(EE_PROTOCOL, "closed:protocol "));
    put_raw("\x04\0\0\0\0\0\0\0\0\0\0\0", 12); /* DATA on stream 0 */
    CHECK(ends_with(EE_PROTOCOL, "closed:protocol "));
    put_raw("\x04\0\0\0\0\0\0\1\xff\xff\xff\xff", 12);
    CHECK(ends_with(EE_PROTOCOL, "closed:protocol "));
    put_raw("\x07\0\0\0\0\0\0\0\0\0\0\4\0\0\0\0", 16); /* WINDOW of 0 */
    CHECK(ends_with(EE_PROTOCOL, "closed:protocol "));
    put_raw("\x07\0\0\0\0\0\0\0\0\0\0\4\x7f\xff\xff\xff", 16); /* above 2^31-1 */
    CHECK(ends_with(EE_FLOW_CONTROL, "closed:flow_control "));
}

TESTS(TEST(control_messages_travel_before_hello), TEST(largest_control_message_goes_alone),
      TEST(large_control_message_is_not_starved_by_small_frames),
      TEST(queue_of_control_messages_is_full), TEST(control_messages_that_break_a_rule),
      TEST(hello_tells_the_common_version), TEST(hello_without_a_common_version),
      TEST(streams_before_hello), TEST(configuration_out_of_range), TEST(no_hello_in_time),
      TEST(silence_makes_a_ping_and_then_the_end), TEST(any_byte_counts_as_life),
      TEST(pong_measures_the_round_trip), TEST(pings_faster_than_they_can_be_answered),
      TEST(peer_that_makes_us_owe_more_than_a_mebibyte), TEST(drain_that_takes_too_long),
      TEST(goaway_refuses_what_comes_later),
      TEST(goaway_of_the_peer_gives_back_what_it_did_not_take),
      TEST(closing_ends_every_stream_and_delivers_the_last_message),
      TEST(unknown_frames_are_ignored), TEST(frames_that_break_the_connection))
