/* SPDX-License-Identifier: Apache-2.0 */
/* Loss of the connection at every byte, 80 ms, wake-ups in any order, readers of any speed: each
 * stream ends once at each end, for a reason, with what it had. EE_TEST_SEED repeats one run,
 * EE_TEST_FULL=1 makes more. */
#include <stdlib.h>
#include <time.h>

#include "tap.h"
#include "tunnel_network.h"

enum { SECOND = 1000000, MIB = 1024 * 1024 };

static struct net net;

static bool full(void)
{
    return getenv("EE_TEST_FULL") != NULL;
}

static uint64_t seed_of(uint64_t fixed)
{
    const char *given = getenv("EE_TEST_SEED");
    return given ? strtoull(given, NULL, 10) : fixed;
}

/* ---- cut at every byte ---- */

/* A short session of everything: both open, http with trailers, tcp, a reset. */
static void recorded_session(const struct net_config *config)
{
    net_start(&net, config);
    (void)net_run(&net, SECOND / 10); /* both HELLOs */
    (void)net_open(&net, &net.ends[0], true, 300, 700, NET_FAST, NET_FAST);
    (void)net_open(&net, &net.ends[0], false, 900, 200, NET_SLOW, NET_FAST);
    (void)net_open(&net, &net.ends[1], false, 100, 500, NET_FAST, NET_SLOW);
    (void)net_run(&net, SECOND / 4);
    (void)net_open(&net, &net.ends[0], true, 50, 60, NET_STALLED, NET_FAST);
    net_reset(&net, &net.ends[1], 2);
    (void)net_run(&net, 100 * (uint64_t)SECOND);
}

static void cut_at_every_byte(size_t direction)
{
    struct net_config config;
    uint64_t bytes[2];
    net_config_default(&config, seed_of(4711));
    config.piece = 40;
    config.readers_wake_us = SECOND / 2;
    printf("# EE_TEST_SEED=%llu\n", (unsigned long long)config.seed);
    recorded_session(&config);
    for (size_t i = 0; i < 2; i++)
        bytes[i] = net.wires[i].delivered;
    CHECK(net_finish(&net) && bytes[0] > 1000 && bytes[1] > 1000);
    for (uint64_t at = 0; at < bytes[direction]; at++) {
        config.cut_at[direction] = at;
        config.cut_silent = at % 4 == 3;
        recorded_session(&config);
        CHECK(net.broken);
        const bool held = net_finish(&net);
        if (!held)
            printf("# cut after %llu bytes\n", (unsigned long long)at);
        REQUIRE(held);
    }
    printf("# %llu cuts\n", (unsigned long long)bytes[direction]);
}

static void cut_at_every_byte_towards_the_control_plane(void)
{
    cut_at_every_byte(0);
}

static void cut_at_every_byte_towards_the_agent(void)
{
    cut_at_every_byte(1);
}

/* ---- random runs ---- */

static uint64_t some_size(void)
{
    const uint32_t kind = net_draw(&net, 8);
    return kind == 0 ? 0 : kind < 5 ? net_draw(&net, 3000) : net_draw(&net, 700000);
}

static void random_run(uint64_t seed)
{
    struct net_config config;
    net_config_default(&config, seed);
    config.delay_us = seed % 3 == 0 ? 100 : 40000; /* 80 ms there and back */
    config.rate = seed % 2 ? 20000000 : 0;
    config.piece = seed % 5 == 0 ? 200 : 9000;
    config.readers_wake_us = 20 * (uint64_t)SECOND;
    for (size_t i = 0; i < 2; i++) {
        config.tunnel[i].max_streams = 20;
        config.tunnel[i].connection_window = seed % 2 ? 100000 : 2 * MIB;
        config.tunnel[i].stream_window = 30000;
        config.tunnel[i].stream_window_max = 300000;
        config.tunnel[i].stream_buffer = 60000;
        config.tunnel[i].total_buffer = 400000;
    }
    net_start(&net, &config);
    unsigned opened = 0;
    for (uint64_t until = 100000; opened < 40 && until < 60 * (uint64_t)SECOND; until += 30000) {
        (void)net_run(&net, until);
        struct net_end *end = &net.ends[net_draw(&net, 2)];
        opened += net_open(&net, end, net_draw(&net, 2), some_size(), some_size(),
                           (enum net_reader)net_draw(&net, 3), (enum net_reader)net_draw(&net, 3));
        if (net_draw(&net, 6) == 0)
            net_reset(&net, &net.ends[net_draw(&net, 2)], net_draw(&net, 50));
        if (opened == 35 && seed % 4 == 1)
            net.wires[seed % 2].cut_at = net.wires[seed % 2].delivered + net_draw(&net, 200000);
    }
    CHECK(net_run(&net, 600 * (uint64_t)SECOND));
    const bool held = net_finish(&net);
    printf("# EE_TEST_SEED=%llu: %u streams, %llu ms of virtual time, peak %zu bytes%s\n",
           (unsigned long long)seed, opened, (unsigned long long)(net.now_us / 1000),
           net.memory_peak, net.broken ? ", cut" : "");
    CHECK(held && opened >= 30);
    /* Buffers of two ends may double and are held by engine and decoder. */
    CHECK(net.memory_peak < 2 * 2 * (400000 + 2 * (size_t)EE_TUNNEL_MESSAGE_MAX + 60000));
}

static void fixed_seeds(void)
{
    for (uint64_t seed = 1; seed <= (full() ? 400 : 16); seed++)
        random_run(seed);
}

static void new_or_given_seed(void)
{
    random_run(seed_of((uint64_t)time(NULL)));
}

/* ---- throughput ---- */

static double download(uint64_t rate, uint64_t size, uint64_t *first_us)
{
    struct net_config config;
    net_config_default(&config, 1);
    config.delay_us = 20000;
    config.rate = rate;
    config.piece = 16 * 1024;
    config.keep_order = true;
    net_start(&net, &config);
    (void)net_run(&net, SECOND / 10);
    CHECK(net_open(&net, &net.ends[0], true, 0, size, NET_FAST, NET_FAST));
    const uint64_t from_us = net.now_us;
    CHECK(net_run(&net, 600 * (uint64_t)SECOND));
    *first_us = net.ends[0].first_data_us - from_us;
    struct ee_tunnel_stats stats;
    ee_tunnel_stats_get(net.ends[0].tunnel, &stats);
    printf("# stream window %u KiB, round trip %llu us\n", stats.stream_window / 1024,
           (unsigned long long)stats.rtt_us);
    const double seconds = (double)(net.ends[0].last_data_us - from_us) / SECOND;
    CHECK(net.ends[0].data == size && net_finish(&net));
    return (double)size / seconds;
}

static void one_download_at_40_ms_fills_the_link(void)
{
    uint64_t first_us;
    const double slow = download(50000000, 64 * MIB, &first_us);
    printf("# 40 ms, 50 MB/s link: %.1f MB/s, first byte after %llu us\n", slow / 1e6,
           (unsigned long long)first_us);
    CHECK(slow >= 0.8 * 50e6 && first_us <= 50000);
    const double fast = download(125000000, 64 * MIB, &first_us);
    printf("# 40 ms, 125 MB/s link: %.1f MB/s\n", fast / 1e6);
    CHECK(fast >= 60e6);
}

TESTS(TEST(cut_at_every_byte_towards_the_control_plane), TEST(cut_at_every_byte_towards_the_agent),
      TEST(fixed_seeds), TEST(new_or_given_seed), TEST(one_download_at_40_ms_fills_the_link))
