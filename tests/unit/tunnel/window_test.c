/* SPDX-License-Identifier: Apache-2.0 */
/* Growth of windows, the pool that all sessions share, and who is sent first. */
#include "bench.h"

enum { KIB = 1024, MIB = 1024 * 1024 };

static struct bench b;
static uint8_t bytes[400000];

static struct ee_tunnel_stats stats(void)
{
    struct ee_tunnel_stats got;
    ee_tunnel_stats_get(b.t, &got);
    return got;
}

static bool one_stream(struct ee_tunnel_config *config)
{
    if (!bench_ready(&b, EE_TUNNEL_ROLE_AGENT, config))
        return false;
    bench_opened(&b.w, 1, EE_TUNNEL_KIND_TCP, false);
    CHECK(bench_put(&b) == EE_OK && bench_told(&b, "open:1 "));
    return true;
}

/* `size` bytes come evenly in `us` and are consumed at once. */
static void takes(size_t size, uint64_t us)
{
    const uint64_t from_us = b.now_us;
    for (size_t done = 0; done < size;) {
        const size_t left = size - done;
        const size_t part = left < EE_TUNNEL_DATA_MAX ? left : EE_TUNNEL_DATA_MAX;
        done += part;
        b.now_us = from_us + us * done / size;
        bench_data(&b.w, 1, part, false);
        CHECK(bench_put(&b) == EE_OK && ee_tunnel_consumed(b.t, 1, part) == EE_OK);
    }
    b.events[0] = 0;
}

/* Answers the PING that growth asks for. */
static void round_trip_is(uint64_t us)
{
    while (bench_take(&b))
        continue;
    CHECK(strstr(b.frames, "PING ") != NULL);
    b.frames[0] = 0;
    ee_tunnel_ping_encode(&b.w, EE_TUNNEL_PONG, b.now_us);
    b.now_us += us;
    CHECK(bench_put(&b) == EE_OK);
    b.events[0] = 0;
}

static void window_grows_while_the_consumer_keeps_up(void)
{
    REQUIRE(one_stream(NULL));
    takes(128 * KIB, 0); /* nothing is known of the path yet: it is measured */
    CHECK(stats().stream_window == 256 * KIB);
    round_trip_is(40000);
    takes(128 * KIB, 0);
    CHECK(stats().stream_window == 512 * KIB);
    takes(256 * KIB, 39000);
    CHECK(stats().stream_window == MIB);
    takes(512 * KIB, 39000);
    takes(MIB, 39000);
    takes(2 * MIB, 39000);
    CHECK(stats().stream_window == 4 * MIB);
    takes(2 * MIB, 39000);
    takes(2 * MIB, 39000);
    CHECK(stats().stream_window == 4 * MIB); /* no further */
    bench_close(&b);
}

static void window_stays_when_the_consumer_is_the_slow_one(void)
{
    REQUIRE(one_stream(NULL));
    takes(128 * KIB, 0);
    round_trip_is(40000);
    for (int i = 0; i < 10; i++)
        takes(128 * KIB, 41000);
    CHECK(stats().stream_window == 256 * KIB);
    bench_close(&b);
}

static void window_stays_while_others_hold_half_of_the_connection(void)
{
    struct ee_tunnel_config config;
    ee_tunnel_config_default(&config, EE_TUNNEL_ROLE_AGENT);
    config.connection_window = MIB;
    REQUIRE(one_stream(&config));
    takes(128 * KIB, 0);
    round_trip_is(40000);
    for (uint32_t id = 3; id <= 7; id += 2) { /* three streams that nobody reads */
        bench_opened(&b.w, id, EE_TUNNEL_KIND_TCP, false);
        for (int i = 0; i < 12; i++) {
            bench_data(&b.w, id, EE_TUNNEL_DATA_MAX, false);
            CHECK(bench_put(&b) == EE_OK);
        }
    }
    takes(128 * KIB, 0);
    CHECK(stats().stream_window == 256 * KIB);
    bench_close(&b);
}

/* --- the pool --- */

static void pool_sets(struct ee_tunnel_config *config, struct ee_tunnel_pool *pool)
{
    ee_tunnel_config_default(config, EE_TUNNEL_ROLE_AGENT);
    config->pool = pool;
}

static void pool_gives_less_to_each_as_it_fills(void)
{
    struct ee_tunnel_pool pool = {.limit = 64 * MIB};
    struct ee_tunnel_config config;
    struct ee_tunnel *sessions[100];
    uint64_t last = 16 * MIB;
    pool_sets(&config, &pool);
    for (size_t i = 0; i < 100; i++) {
        const uint64_t before = pool.committed;
        sessions[i] = ee_tunnel_new(&ee_allocator_system, &config, bench_event, &b, 0);
        REQUIRE(sessions[i] && pool.committed == before); /* nothing before its HELLO */
        CHECK(ee_tunnel_hello_send(sessions[i]) == EE_OK);
        CHECK(pool.committed - before <= last && pool.committed - before >= MIB);
        last = pool.committed - before;
    }
    CHECK(last == MIB && pool.committed < pool.limit + 100 * (uint64_t)MIB);
    for (size_t i = 0; i < 100; i++)
        ee_tunnel_free(sessions[i]);
    CHECK(pool.committed == 0);
}

static void connection_window_shrinks_under_pressure_and_recovers(void)
{
    struct ee_tunnel_pool pool = {.limit = 1024 * MIB};
    struct ee_tunnel_config config;
    pool_sets(&config, &pool);
    config.connection_window = 2 * MIB;
    config.connection_window_min = 256 * KIB;
    REQUIRE(one_stream(&config));
    CHECK(stats().connection_window == 2 * MIB && pool.committed == 2 * MIB);
    pool.committed += pool.limit; /* others took all */
    for (int i = 0; i < 16; i++)
        takes(128 * KIB, 50000);
    CHECK(stats().connection_window == 256 * KIB);
    pool.committed -= pool.limit;
    for (int i = 0; i < 2; i++)
        takes(128 * KIB, 50000);
    CHECK(stats().connection_window == 2 * MIB && pool.committed == 2 * MIB);
    bench_close(&b);
    CHECK(pool.committed == 0);
}

static void pool_bounds_what_waits_to_be_sent(void)
{
    struct ee_tunnel_pool pool = {.limit = MIB};
    struct ee_tunnel_config config;
    size_t taken;
    pool_sets(&config, &pool);
    config.stream_buffer = 300000;
    REQUIRE(one_stream(&config));
    pool.buffered = MIB;
    CHECK(ee_tunnel_data_send(b.t, 1, ee_bytes_of(bytes, 300000), false, &taken) == EE_OK);
    CHECK(taken == 64 * KIB && pool.buffered == MIB + 64 * KIB);
    while (bench_take(&b))
        continue;
    CHECK(bench_told(&b, "writable:1 ") && pool.buffered == MIB);
    bench_close(&b);
}

/* --- order --- */

/* 64 bulk streams have more to send than fits: what is small or control goes with the very next
 * message, whatever waits. */
static bool saturated(void)
{
    if (!bench_open(&b, EE_TUNNEL_ROLE_AGENT, NULL))
        return false;
    CHECK(ee_tunnel_hello_send(b.t) == EE_OK);
    bench_hello(&b.w, 100, 100 * MIB, 1000 * MIB);
    for (uint32_t id = 1; id < 131; id += 2)
        bench_opened(&b.w, id, EE_TUNNEL_KIND_TCP, false);
    CHECK(bench_put(&b) == EE_OK);
    for (uint32_t id = 1; id < 129; id += 2) {
        size_t taken;
        CHECK(ee_tunnel_data_send(b.t, id, ee_bytes_of(bytes, 250000), false, &taken) == EE_OK);
    }
    for (int i = 0; i < 100; i++) { /* each sends more than 64 KiB */
        CHECK(bench_take(&b));
        b.frames[0] = 0;
    }
    b.events[0] = 0;
    return true;
}

static void check_goes_before_the_data_of_64_bulk_streams(void)
{
    REQUIRE(saturated());
    CHECK(ee_tunnel_control_send(b.t, ee_bytes_str("{\"type\":\"check\"}")) == EE_OK);
    CHECK(bench_take(&b) && strncmp(b.frames, "CONTROL:16 DATA:", 16) == 0);
    bench_close(&b);
}

static void small_answer_goes_before_bulk(void)
{
    size_t taken;
    REQUIRE(saturated());
    CHECK(ee_tunnel_data_send(b.t, 129, ee_bytes_of(bytes, 100), true, &taken) == EE_OK);
    CHECK(bench_take(&b) && bench_take(&b));
    /* The turn that a full message cut goes on, or not: the small one is in the next message. */
    CHECK(strstr(b.frames, "DATA:129:100 END ") != NULL &&
          strstr(b.frames, "DATA:129:100 END ") < strchr(b.frames, '/'));
    bench_close(&b);
}

static void bulk_still_moves_behind_many_small_answers(void)
{
    size_t taken;
    struct ee_tunnel_config config;
    ee_tunnel_config_default(&config, EE_TUNNEL_ROLE_AGENT);
    REQUIRE(bench_open(&b, EE_TUNNEL_ROLE_AGENT, &config));
    CHECK(ee_tunnel_hello_send(b.t) == EE_OK);
    bench_hello(&b.w, 1000, 100 * MIB, 1000 * MIB);
    bench_opened(&b.w, 1, EE_TUNNEL_KIND_TCP, false);
    for (uint32_t id = 3; id < 203; id += 2)
        bench_opened(&b.w, id, EE_TUNNEL_KIND_TCP, false);
    CHECK(bench_put(&b) == EE_OK);
    CHECK(ee_tunnel_data_send(b.t, 1, ee_bytes_of(bytes, 250000), false, &taken) == EE_OK);
    while (stats().sent < 66000)
        CHECK(bench_take(&b));
    b.frames[0] = 0;
    for (uint32_t id = 3; id < 203; id += 2)
        CHECK(ee_tunnel_data_send(b.t, id, ee_bytes_of(bytes, 16384), true, &taken) == EE_OK);
    for (int i = 0; i < 10; i++)
        CHECK(bench_take(&b));
    CHECK(strstr(b.frames, "DATA:1:16384 ") != NULL);
    bench_close(&b);
}

static void room_that_output_needs_is_never_exceeded(void)
{
    size_t taken;
    REQUIRE(one_stream(NULL));
    CHECK(ee_tunnel_output_room(b.t) <= 100);
    const size_t sizes[] = {1, 500, 3000, 5000, 100000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        CHECK(ee_tunnel_data_send(b.t, 1, ee_bytes_of(bytes, sizes[i]), false, &taken) == EE_OK);
        while (ee_tunnel_has_output(b.t)) {
            const size_t room = ee_tunnel_output_room(b.t);
            uint8_t *out = malloc(room + 1); /* the sanitizer's red zone is the check */
            const size_t size = ee_tunnel_output(b.t, out);
            CHECK(size <= room && room <= EE_TUNNEL_MESSAGE_MAX);
            free(out);
            if (size == 0)
                break;
        }
        ee_tunnel_window_encode(&b.w, 1, 100000);
        ee_tunnel_window_encode(&b.w, 0, 100000);
        CHECK(bench_put(&b) == EE_OK);
    }
    bench_close(&b);
}

TESTS(TEST(window_grows_while_the_consumer_keeps_up),
      TEST(window_stays_when_the_consumer_is_the_slow_one),
      TEST(window_stays_while_others_hold_half_of_the_connection),
      TEST(pool_gives_less_to_each_as_it_fills),
      TEST(connection_window_shrinks_under_pressure_and_recovers),
      TEST(pool_bounds_what_waits_to_be_sent), TEST(check_goes_before_the_data_of_64_bulk_streams),
      TEST(small_answer_goes_before_bulk), TEST(bulk_still_moves_behind_many_small_answers),
      TEST(room_that_output_needs_is_never_exceeded))
