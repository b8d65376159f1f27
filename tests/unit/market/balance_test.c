/* SPDX-License-Identifier: Apache-2.0 */
#include "market/balance.h"
#include "tap.h"

enum { SECOND = 1000000 };
static const uint64_t NOW = 1700000000u * (uint64_t)SECOND;
static uint64_t state = 20261122;

static uint64_t random_bits(void)
{
    uint64_t x = state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static void three(struct ee_balance_replica r[3])
{
    for (size_t i = 0; i < 3; i++)
        r[i] = (struct ee_balance_replica){.id = 100 + i, .price = 1000, .live = true};
}

static size_t choose(const struct ee_balance_replica *r, size_t count, uint64_t tried)
{
    const struct ee_balance_request request = {
        .now_us = NOW, .random = random_bits(), .tried = tried};
    return ee_balance_choose(r, count, &request);
}

static void nobody_is_live(void)
{
    struct ee_balance_replica r[3];
    three(r);
    CHECK(choose(r, 0, 0) == 0);
    r[0].live = r[1].live = r[2].live = false;
    CHECK(choose(r, 3, 0) == 3);
    r[1].live = true;
    CHECK(choose(r, 3, 0) == 1 && choose(r, 3, 2) == 3);
}

static void all_are_chosen_about_equally(void)
{
    struct ee_balance_replica r[3];
    size_t got[3] = {0};
    three(r);
    for (int i = 0; i < 3000; i++)
        got[choose(r, 3, 0)]++;
    for (size_t i = 0; i < 3; i++)
        CHECK(got[i] > 800 && got[i] < 1200);
}

static void busiest_of_three_is_never_chosen(void)
{
    struct ee_balance_replica r[3];
    three(r);
    r[2].in_flight = 5;
    for (int i = 0; i < 1000; i++)
        CHECK(choose(r, 3, 0) != 2);
}

static void load_evens_out(void)
{
    struct ee_balance_replica r[64];
    for (size_t i = 0; i < 64; i++)
        r[i] = (struct ee_balance_replica){.id = i + 1, .price = 5, .live = true};
    uint32_t most = 0;
    for (int i = 0; i < 64 * 20; i++)
        r[choose(r, 64, 0)].in_flight++;
    for (size_t i = 0; i < 64; i++)
        most = r[i].in_flight > most ? r[i].in_flight : most;
    CHECK(most <= 25); /* one choice by chance would give about 31 */
}

static void cheapest_band_until_it_is_busy(void)
{
    struct ee_balance_replica r[3];
    three(r);
    r[1].price = 1100; /* within a tenth */
    r[2].price = 1101;
    size_t got[3] = {0};
    for (int i = 0; i < 300; i++)
        got[choose(r, 3, 0)]++;
    CHECK(got[0] > 0 && got[1] > 0 && got[2] == 0);
    r[0].in_flight = r[1].in_flight = EE_BALANCE_SPILL;
    CHECK(choose(r, 3, 0) == 2);
    r[2].in_flight = EE_BALANCE_SPILL + 1; /* all are busy: price counts again */
    for (int i = 0; i < 100; i++)
        CHECK(choose(r, 3, 0) != 2);
}

static void prices_at_the_ends_of_their_range(void)
{
    struct ee_balance_replica r[3];
    three(r);
    r[0].price = UINT64_MAX, r[1].price = UINT64_MAX, r[2].price = UINT64_MAX - 1;
    CHECK(choose(r, 3, 0) < 3);
    r[0].price = 0;
    for (int i = 0; i < 100; i++)
        CHECK(choose(r, 3, 0) == 0);
}

static void five_errors_eject_for_longer_each_time(void)
{
    struct ee_balance_replica r[3];
    uint64_t now = NOW;
    three(r);
    for (unsigned n = 1; n <= 12; n++) {
        for (int i = 0; i < 4; i++)
            CHECK(!ee_balance_failed(r, 3, 1, now));
        CHECK(ee_balance_failed(r, 3, 1, now));
        const unsigned times = n < EE_BALANCE_EJECTIONS_MAX ? n : EE_BALANCE_EJECTIONS_MAX;
        CHECK(r[1].ejected_until_us - now == times * (uint64_t)EE_BALANCE_EJECTION_S * SECOND);
        now = r[1].ejected_until_us;
        CHECK(ee_balance_ejected(&r[1], now - 1) && !ee_balance_ejected(&r[1], now));
    }
    ee_balance_succeeded(&r[1], now);
    for (int i = 0; i < 5; i++)
        ee_balance_failed(r, 3, 1, now);
    CHECK(r[1].ejected_until_us - now == EE_BALANCE_EJECTION_S * (uint64_t)SECOND);
}

static void success_between_errors_starts_anew(void)
{
    struct ee_balance_replica r[3];
    three(r);
    for (int i = 0; i < 20; i++) {
        for (int k = 0; k < 4; k++)
            CHECK(!ee_balance_failed(r, 3, 0, NOW));
        ee_balance_succeeded(&r[0], NOW);
    }
}

static void never_more_than_half_are_ejected(void)
{
    struct ee_balance_replica r[64];
    for (size_t count = 1; count <= 64; count++) {
        size_t ejected = 0;
        for (size_t i = 0; i < count; i++)
            r[i] = (struct ee_balance_replica){.id = i + 1, .live = true};
        for (int round = 0; round < 20; round++)
            for (size_t i = 0; i < count; i++)
                ejected += ee_balance_failed(r, count, i, NOW);
        CHECK(ejected == count / 2);
    }
}

static void ejected_one_serves_when_the_others_cannot(void)
{
    struct ee_balance_replica r[3];
    three(r);
    for (int i = 0; i < 5; i++)
        ee_balance_failed(r, 3, 0, NOW);
    for (int i = 0; i < 100; i++)
        CHECK(choose(r, 3, 0) != 0);
    CHECK(choose(r, 3, 6) == 0 && choose(r, 3, 7) == 3);
}

static size_t stick(const struct ee_balance_replica *r, uint64_t hash, uint64_t id)
{
    const struct ee_balance_request request = {.now_us = NOW,
                                               .random = random_bits(),
                                               .sticky = true,
                                               .sticky_hash = hash,
                                               .sticky_id = id};
    return ee_balance_choose(r, 3, &request);
}

static void sticky_callers_stay_until_theirs_is_gone(void)
{
    struct ee_balance_replica r[3];
    size_t got[3] = {0};
    three(r);
    for (uint64_t hash = 0; hash < 3000; hash++) {
        const size_t mine = stick(r, hash, 0);
        got[mine]++;
        r[(mine + 1) % 3].live = false;
        CHECK(stick(r, hash, 0) == mine);
        r[(mine + 1) % 3].live = true;
        CHECK(stick(r, hash, r[(mine + 2) % 3].id) == (mine + 2) % 3);
        r[mine].live = false;
        CHECK(stick(r, hash, r[mine].id) != mine);
        r[mine].live = true;
    }
    for (size_t i = 0; i < 3; i++)
        CHECK(got[i] > 800 && got[i] < 1200);
}

static void retries_are_a_fifth_of_the_requests(void)
{
    struct ee_balance_budget budget = {0};
    unsigned granted = 0;
    for (int i = 0; i < 100; i++)
        CHECK(ee_balance_retry_granted(&budget, NOW));
    CHECK(!ee_balance_retry_granted(&budget, NOW));
    for (int i = 0; i < 10000; i++)
        ee_balance_request_counted(&budget, NOW);
    while (ee_balance_retry_granted(&budget, NOW))
        granted++;
    CHECK(granted == 1900);
    CHECK(!ee_balance_retry_granted(&budget, NOW + 9 * SECOND));
    CHECK(!ee_balance_retry_granted(&budget, NOW + 10 * (uint64_t)SECOND));
    CHECK(ee_balance_retry_granted(&budget, NOW + 400 * (uint64_t)SECOND));
    CHECK(ee_balance_retry_granted(&budget, NOW - SECOND)); /* the clock went back: anew */
}

TESTS(TEST(nobody_is_live), TEST(all_are_chosen_about_equally),
      TEST(busiest_of_three_is_never_chosen), TEST(load_evens_out),
      TEST(cheapest_band_until_it_is_busy), TEST(prices_at_the_ends_of_their_range),
      TEST(five_errors_eject_for_longer_each_time), TEST(success_between_errors_starts_anew),
      TEST(never_more_than_half_are_ejected), TEST(ejected_one_serves_when_the_others_cannot),
      TEST(sticky_callers_stay_until_theirs_is_gone), TEST(retries_are_a_fifth_of_the_requests))
