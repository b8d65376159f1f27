/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets a place before admission, and who has to give his up. */
#include "control/places.h"

#include <string.h>

#include "tap.h"

#include "base/banned.h"

enum { SECOND = 1000000, LATER = 100 * SECOND };

static struct ee_place place(const char *address, uint64_t since_us)
{
    struct ee_place p = {.since_us = since_us};
    ee_places_peer(address, p.peer);
    return p;
}

static bool same(const char *a, const char *b)
{
    const struct ee_place left = place(a, 0), right = place(b, 0);
    return memcmp(left.peer, right.peer, sizeof left.peer) == 0;
}

static void peer_is_an_ipv4_address_or_an_ipv6_network(void)
{
    CHECK(same("192.0.2.1:1", "192.0.2.1:40000"));
    CHECK(!same("192.0.2.1:1", "192.0.2.2:1"));
    CHECK(same("[::ffff:192.0.2.1]:1", "192.0.2.1:1"));
    CHECK(same("[2001:db8:0:1::1]:1", "[2001:db8:0:1:ffff::9]:2"));
    CHECK(!same("[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1"));
    CHECK(same("", "not an address"));
}

/* Sixty-four places of as many peers, or of `peers` in turn, one a microsecond. */
static void fill(struct ee_place taken[EE_PLACES_MAX], unsigned peers, uint64_t since_us)
{
    char address[32];
    for (unsigned i = 0; i < EE_PLACES_MAX; i++) {
        (void)snprintf(address, sizeof address, "10.0.0.%u:1", i % peers + 1);
        taken[i] = place(address, since_us + i);
    }
}

static void free_place_is_given_to_anybody(void)
{
    struct ee_place taken[EE_PLACES_MAX];
    const struct ee_place newcomer = place("10.0.1.1:1", LATER);
    size_t displaced = 99;
    fill(taken, EE_PLACES_MAX, LATER);
    CHECK(ee_places_choose(taken, 0, &newcomer, &displaced) == EE_OK && displaced == 0);
    CHECK(ee_places_choose(taken, 63, &newcomer, &displaced) == EE_OK && displaced == 63);
}

static void peer_with_all_its_places_waits_for_its_own(void)
{
    struct ee_place taken[EE_PLACES_MAX];
    const struct ee_place newcomer = place("10.0.0.1:2", LATER);
    size_t displaced = 99;
    fill(taken, 1, LATER - SECOND);
    taken[0] = place("10.0.0.2:1", 0);
    CHECK(ee_places_choose(taken, 16, &newcomer, &displaced) == EE_OK && displaced == 16);
    CHECK(ee_places_choose(taken, 17, &newcomer, &displaced) == EE_FULL);
    taken[5].since_us = LATER - 4 * SECOND;
    CHECK(ee_places_choose(taken, 17, &newcomer, &displaced) == EE_OK && displaced == 5);
}

static void flood_from_few_addresses_gives_way_to_a_newcomer_at_once(void)
{
    struct ee_place taken[EE_PLACES_MAX];
    const struct ee_place newcomer = place("10.0.1.1:1", LATER);
    size_t displaced = 99;
    fill(taken, 8, LATER - 1000);
    taken[3] = place("10.0.1.2:1", LATER - 2 * SECOND); /* alone, and older */
    CHECK(ee_places_choose(taken, EE_PLACES_MAX, &newcomer, &displaced) == EE_OK);
    CHECK(displaced == 0);
}

/* Else agents that all come back at once would displace each other for ever. */
static void fair_crowd_keeps_its_places_for_the_time_of_an_admission(void)
{
    struct ee_place taken[EE_PLACES_MAX];
    const struct ee_place newcomer = place("10.0.1.1:1", LATER);
    size_t displaced = 99;
    fill(taken, EE_PLACES_MAX, LATER - SECOND);
    CHECK(ee_places_choose(taken, EE_PLACES_MAX, &newcomer, &displaced) == EE_FULL);
    CHECK(displaced == 99);
    fill(taken, EE_PLACES_MAX, LATER - 3 * SECOND - EE_PLACES_MAX);
    CHECK(ee_places_choose(taken, EE_PLACES_MAX, &newcomer, &displaced) == EE_OK);
    CHECK(displaced == 0);
}

int main(void)
{
    const struct tap_test tests[] = {
        TEST(peer_is_an_ipv4_address_or_an_ipv6_network),
        TEST(free_place_is_given_to_anybody),
        TEST(peer_with_all_its_places_waits_for_its_own),
        TEST(flood_from_few_addresses_gives_way_to_a_newcomer_at_once),
        TEST(fair_crowd_keeps_its_places_for_the_time_of_an_admission),
    };
    return tap_run(tests, sizeof tests / sizeof tests[0]);
}
