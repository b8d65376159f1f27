/* SPDX-License-Identifier: Apache-2.0 */
/* Windows, buffers, turns and memory. */
#include "bench.h"

static struct bench b;
static uint8_t bytes[400000];

static size_t sends(uint32_t id, size_t size, bool end)
{
    size_t taken = 0;
    CHECK(ee_tunnel_data_send(b.t, id, ee_bytes_of(bytes, size), end, &taken) == EE_OK);
    return taken;
}

/* Two tcp streams of the peer, 1 and 3, on an engine with these limits. */
static bool two_streams(uint32_t stream_window, uint32_t connection_window, uint32_t stream_buffer,
                        uint32_t total_buffer)
{
    struct ee_tunnel_config config;
    ee_tunnel_config_default(&config, EE_TUNNEL_ROLE_AGENT);
    config.stream_window = config.stream_window_max = stream_window;
    config.connection_window = connection_window;
    config.stream_buffer = stream_buffer;
    config.total_buffer = total_buffer;
    if (!bench_ready(&b, EE_TUNNEL_ROLE_AGENT, &config))
        return false;
    bench_opened(&b.w, 1, EE_TUNNEL_KIND_TCP, false);
    bench_opened(&b.w, 3, EE_TUNNEL_KIND_TCP, false);
    CHECK(bench_put(&b) == EE_OK && bench_told(&b, "open:1 open:3 "));
    return true;
}

static bool breaks_flow_control(void)
{
    const bool as_wanted =
        bench_put(&b) == EE_FLOW_CONTROL && strstr(b.events, "closed:flow_control ");
    bench_close(&b);
    return as_wanted;
}

static void data_at_and_beyond_the_stream_window(void)
{
    REQUIRE(two_streams(1000, 100000, 1000, 1000));
    bench_data(&b.w, 1, 1000, false);
    CHECK(bench_put(&b) == EE_OK && bench_told(&b, "data:1:1000 "));
    bench_data(&b.w, 1, 1, false);
    CHECK(breaks_flow_control());
}

static void data_beyond_the_connection_window(void)
{
    REQUIRE(two_streams(1000, 1500, 1000, 1000));
    bench_data(&b.w, 1, 800, false);
    bench_data(&b.w, 3, 700, false);
    CHECK(bench_put(&b) == EE_OK && bench_told(&b, "data:1:800 data:3:700 "));
    bench_data(&b.w, 3, 1, false);
    CHECK(breaks_flow_control());
}

static void data_frame_above_its_size(void)
{
    REQUIRE(two_streams(100000, 100000, 1000, 1000));
    bench_data(&b.w, 1, EE_TUNNEL_DATA_MAX, false);
    CHECK(bench_put(&b) == EE_OK);
    bench_data(&b.w, 1, EE_TUNNEL_DATA_MAX + 1, false);
    CHECK(bench_put(&b) == EE_TOO_LARGE);
    bench_close(&b);
}

static void credit_comes_in_steps_of_half_a_window(void)
{
    REQUIRE(two_streams(1000, 4000, 1000, 1000));
    bench_data(&b.w, 1, 1000, false);
    CHECK(bench_put(&b) == EE_OK && bench_sends(&b, "")); /* none for what waits with us */
    CHECK(ee_tunnel_consumed(b.t, 1, 499) == EE_OK && bench_sends(&b, ""));
    CHECK(ee_tunnel_consumed(b.t, 1, 1) == EE_OK && bench_sends(&b, "WINDOW:1:500 /"));
    CHECK(ee_tunnel_consumed(b.t, 1, 500) == EE_OK && bench_sends(&b, "WINDOW:1:500 /"));
    bench_data(&b.w, 1, 1000, false);
    CHECK(bench_put(&b) == EE_OK && ee_tunnel_consumed(b.t, 1, 1000) == EE_OK);
    CHECK(bench_sends(&b, "WINDOW:0:2000 WINDOW:1:1000 /"));
    bench_close(&b);
}

static void no_credit_for_a_stream_that_ended(void)
{
    REQUIRE(two_streams(1000, 1000000, 1000, 1000));
    bench_data(&b.w, 1, 1000, true);
    CHECK(bench_put(&b) == EE_OK && ee_tunnel_consumed(b.t, 1, 1000) == EE_OK);
    CHECK(bench_sends(&b, ""));
    bench_close(&b);
}

static void reset_gives_the_connection_its_credit_back(void)
{
    struct ee_tunnel_stats stats;
    REQUIRE(two_streams(2000, 2000, 1000, 1000));
    bench_data(&b.w, 1, 1500, false);
    CHECK(bench_put(&b) == EE_OK);
    ee_tunnel_stats_get(b.t, &stats);
    CHECK(stats.unconsumed == 1500 && stats.received == 1500);
    ee_tunnel_reset_encode(&b.w, 1, EE_TUNNEL_CANCELLED, "");
    CHECK(bench_put(&b) == EE_OK && bench_sends(&b, "WINDOW:0:1500 /"));
    ee_tunnel_stats_get(b.t, &stats);
    CHECK(stats.unconsumed == 0);
    bench_data(&b.w, 1, 1999, false); /* still on its way: counted and given back */
    CHECK(bench_put(&b) == EE_OK && bench_sends(&b, "WINDOW:0:1999 /"));
    bench_close(&b);
}

/* The peer of bench_ready grants 100000 per stream and 150000 for all. */
static void sending_stops_at_the_windows(void)
{
    struct ee_tunnel_stats stats;
    REQUIRE(two_streams(1000, 1000, 200000, 400000));
    CHECK(sends(1, 120000, true) == 120000 && sends(3, 120000, true) == 120000);
    while (bench_take(&b))
        continue;
    ee_tunnel_stats_get(b.t, &stats);
    CHECK(stats.sent == 150000 && stats.buffered == 90000 && !ee_tunnel_has_output(b.t));
    b.frames[0] = 0;
    ee_tunnel_window_encode(&b.w, 0, 25000);
    CHECK(bench_put(&b) == EE_OK && ee_tunnel_has_output(b.t));
    while (bench_take(&b))
        continue;
    ee_tunnel_stats_get(b.t, &stats);
    CHECK(stats.sent == 175000);
    b.frames[0] = 0;
    ee_tunnel_window_encode(&b.w, 0, 100000);
    ee_tunnel_window_encode(&b.w, 1, 20000);
    ee_tunnel_window_encode(&b.w, 3, 20000);
    CHECK(bench_put(&b) == EE_OK);
    while (bench_take(&b))
        continue;
    ee_tunnel_stats_get(b.t, &stats);
    CHECK(stats.sent == 240000 && stats.buffered == 0);
    CHECK(strstr(b.frames, " END ") != strstr(b.frames, "DATA:3"));
    bench_close(&b);
}

static void window_of_a_stream_above_its_maximum(void)
{
    REQUIRE(two_streams(1000, 1000, 1000, 1000));
    ee_tunnel_window_encode(&b.w, 1, EE_TUNNEL_WINDOW_MAX - 100000);
    ee_tunnel_window_encode(&b.w, 3, EE_TUNNEL_WINDOW_MAX);
    CHECK(bench_put(&b) == EE_OK && bench_told(&b, "reset:3:flow_control "));
    CHECK(bench_sends(&b, "RESET:3:flow_control /"));
    bench_close(&b);
}

static void streams_take_turns_and_control_frames_go_first(void)
{
    REQUIRE(two_streams(1000, 1000, 200000, 400000));
    CHECK(sends(1, 40000, false) == 40000 && sends(3, 20000, true) == 20000);
    CHECK(bench_take(&b));
    CHECK(bench_is(b.frames, "DATA:1:16384 DATA:3:16384 DATA:1:16384 DATA:3:3616 END "
                             "DATA:1:7232 /"));
    CHECK(sends(1, 60000, true) == 60000);
    ee_tunnel_ping_encode(&b.w, EE_TUNNEL_PING, 1);
    CHECK(bench_put(&b) == EE_OK && bench_take(&b));
    CHECK(bench_is(b.frames, "PONG DATA:1:16384 DATA:1:16384 DATA:1:16384 DATA:1:10848 END /"));
    bench_close(&b);
}

static void turn_cut_by_a_full_message_goes_on_in_the_next(void)
{
    REQUIRE(two_streams(1000, 1000, 200000, 400000));
    CHECK(sends(1, 60000, false) == 60000 && sends(3, 60000, false) == 60000);
    CHECK(bench_take(&b));
    CHECK(bench_is(b.frames, "DATA:1:16384 DATA:3:16384 DATA:1:16384 DATA:3:16336 /"));
    CHECK(bench_take(&b));
    CHECK(bench_is(b.frames, "DATA:3:48 DATA:1:16384 DATA:3:16384 DATA:1:10848 DATA:3:10848 /"));
    bench_close(&b);
}

static void message_is_never_above_64_kib(void)
{
    static uint8_t out[EE_TUNNEL_OUTPUT_MAX];
    size_t total = 0, size;
    REQUIRE(two_streams(1000, 1000, 200000, 400000));
    CHECK(sends(1, 90000, true) == 90000);
    while ((size = ee_tunnel_output(b.t, out)) != 0) {
        CHECK(size <= EE_TUNNEL_MESSAGE_MAX);
        total += size;
    }
    CHECK(total > 90000);
    bench_close(&b);
}

static void stream_buffer_full_and_writable_again(void)
{
    REQUIRE(two_streams(1000, 1000, 50000, 400000));
    CHECK(sends(1, 60000, true) == 50000 && sends(1, 1, true) == 0);
    CHECK(bench_take(&b) && bench_told(&b, "writable:1 "));
    CHECK(sends(1, 10000, true) == 10000);
    while (bench_take(&b))
        continue;
    CHECK(strstr(b.frames, "END") && bench_told(&b, ""));
    bench_close(&b);
}

static void buffer_of_the_session_full_and_writable_again(void)
{
    REQUIRE(two_streams(1000, 1000, 50000, 60000));
    CHECK(sends(1, 45000, false) == 45000 && sends(3, 45000, false) == 15000);
    CHECK(sends(3, 30000, false) == 0);
    while (bench_take(&b))
        continue;
    CHECK(bench_told(&b, "writable:3 ") && sends(3, 30000, true) == 30000);
    bench_close(&b);
}

static void window_of_one_byte_still_moves(void)
{
    REQUIRE(two_streams(1, 1, 1000, 1000));
    b.consume = true;
    for (int i = 0; i < 3; i++) {
        bench_data(&b.w, 1, 1, false);
        CHECK(bench_put(&b) == EE_OK && bench_told(&b, "data:1:1 "));
        CHECK(bench_sends(&b, "WINDOW:0:1 WINDOW:1:1 /"));
    }
    bench_close(&b);
}

static void own_control_frames_leave_room_for_answers(void)
{
    static char large[30001];
    const struct ee_tunnel_pair pair = {ee_bytes_str("x"), {(const uint8_t *)large, 30000}};
    const struct ee_tunnel_head head = {.status = 103, .pairs = &pair, .pair_count = 1};
    memset(large, 'v', 30000);
    REQUIRE(bench_ready(&b, EE_TUNNEL_ROLE_AGENT, NULL));
    enum ee_err err = EE_OK;
    for (uint32_t id = 1; id < 99 && err == EE_OK; id += 2) {
        bench_opened(&b.w, id, EE_TUNNEL_KIND_HTTP, true);
        CHECK(bench_put(&b) == EE_OK);
        err = ee_tunnel_head_send(b.t, id, &head, false);
    }
    CHECK(err == EE_FULL && !ee_tunnel_closed(b.t));
    ee_tunnel_ping_encode(&b.w, EE_TUNNEL_PING, 1);
    CHECK(bench_put(&b) == EE_OK);
    bench_close(&b);
}

/* The allocator fails from the given call on; no engine state may be damaged by it. */
struct failing {
    size_t left;
};

static void *failing_resize(void *context, void *memory, size_t size)
{
    struct failing *f = context;
    if (f->left == 0)
        return NULL;
    f->left--;
    return ee_allocator_system.resize(ee_allocator_system.context, memory, size);
}

static void failing_release(void *context, void *memory)
{
    (void)context;
    ee_allocator_system.release(ee_allocator_system.context, memory);
}

static void use_everything(struct bench *bench)
{
    static uint8_t out[EE_TUNNEL_OUTPUT_MAX];
    const struct ee_tunnel_open open = bench_request(EE_TUNNEL_KIND_HTTP);
    uint32_t id;
    size_t taken;
    (void)!ee_tunnel_hello_send(bench->t);
    bench_hello(&bench->w, 5, 1000, 1000);
    bench_opened(&bench->w, 1, EE_TUNNEL_KIND_TCP, false);
    ee_tunnel_ping_encode(&bench->w, EE_TUNNEL_PING, 1);
    (void)!bench_put(bench);
    (void)!ee_tunnel_open(bench->t, &open, false, NULL, &id);
    (void)!ee_tunnel_data_send(bench->t, 1, ee_bytes_of(bytes, 5000), true, &taken);
    (void)!ee_tunnel_control_send(bench->t, ee_bytes_of(bytes, 5000));
    (void)!ee_tunnel_trailers_send(bench->t, 2, NULL, 0);
    while (ee_tunnel_output(bench->t, out))
        continue;
}

static void allocation_that_fails_at_each_place(void)
{
    struct ee_tunnel_config config;
    ee_tunnel_config_default(&config, EE_TUNNEL_ROLE_AGENT);
    for (size_t calls = 0; calls < 30; calls++) {
        struct failing failing = {calls};
        const struct ee_allocator allocator = {&failing, failing_resize, failing_release};
        memset(&b, 0, sizeof(b));
        bench_begin(&b);
        b.t = ee_tunnel_new(&allocator, &config, bench_event, &b, 0);
        CHECK((b.t != NULL) == (calls > 0));
        if (b.t)
            use_everything(&b);
        bench_close(&b);
    }
}

TESTS(TEST(data_at_and_beyond_the_stream_window), TEST(data_beyond_the_connection_window),
      TEST(data_frame_above_its_size), TEST(credit_comes_in_steps_of_half_a_window),
      TEST(reset_gives_the_connection_its_credit_back), TEST(sending_stops_at_the_windows),
      TEST(window_of_a_stream_above_its_maximum),
      TEST(streams_take_turns_and_control_frames_go_first),
      TEST(turn_cut_by_a_full_message_goes_on_in_the_next), TEST(message_is_never_above_64_kib),
      TEST(no_credit_for_a_stream_that_ended), TEST(stream_buffer_full_and_writable_again),
      TEST(buffer_of_the_session_full_and_writable_again), TEST(window_of_one_byte_still_moves),
      TEST(own_control_frames_leave_room_for_answers), TEST(allocation_that_fails_at_each_place))
