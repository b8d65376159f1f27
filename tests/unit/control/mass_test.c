/* SPDX-License-Identifier: Apache-2.0 */
#include "control/mass.h"

#include "tap.h"

#include "base/banned.h"

static const uint64_t slot_us = 1000000; /* of the development profile */

static void hold(struct ee_mass *mass, int node, uint64_t at_us)
{
    struct ee_miss miss = {.kind = EE_CHECK_HEALTH, .at_us = at_us, .lease = {(uint8_t)node}};
    snprintf(miss.node, sizeof miss.node, "node-%d", node);
    CHECK(ee_mass_hold(mass, &miss));
}

/* Misses of `count` nodes at about the same time among ten: how many are forgiven. */
static int forgiven_of(int count, uint64_t apart_us)
{
    const struct ee_params *params = ee_params_of(EE_PROFILE_DEVELOPMENT);
    struct ee_mass mass = {0};
    struct ee_miss miss;
    bool forgiven;
    int total = 0;
    for (int i = 0; i < count; i++)
        hold(&mass, i, 100 * slot_us + (uint64_t)i * apart_us);
    uint64_t end = 200 * slot_us;
    while (ee_mass_next(&mass, params, end, 10, &miss, &forgiven))
        total += forgiven;
    ee_mass_close(&mass);
    return total;
}

static void three_of_ten_nodes_at_once_are_forgiven(void)
{
    CHECK(forgiven_of(3, slot_us / 10) == 3);
    CHECK(forgiven_of(2, slot_us / 10) == 0);
}

static void misses_one_after_another_are_not_a_mass(void)
{
    CHECK(forgiven_of(5, 3 * slot_us) == 0);
}

static void many_leases_of_one_node_are_one_node(void)
{
    const struct ee_params *params = ee_params_of(EE_PROFILE_DEVELOPMENT);
    struct ee_mass mass = {0};
    struct ee_miss miss;
    bool forgiven;
    for (int i = 0; i < 9; i++)
        hold(&mass, 1, slot_us);
    while (ee_mass_next(&mass, params, 3 * slot_us, 10, &miss, &forgiven))
        CHECK(!forgiven);
    ee_mass_close(&mass);
}

static void miss_is_held_for_one_slot(void)
{
    const struct ee_params *params = ee_params_of(EE_PROFILE_DEVELOPMENT);
    struct ee_mass mass = {0};
    struct ee_miss miss;
    bool forgiven;
    uint8_t lease[EE_ID_SIZE] = {1};
    CHECK(ee_mass_next_us(&mass, params) == UINT64_MAX);
    hold(&mass, 1, slot_us);
    CHECK(ee_mass_pending(&mass, lease, 0) && !ee_mass_pending(&mass, lease, 1));
    CHECK(ee_mass_next_us(&mass, params) == 2 * slot_us);
    CHECK(!ee_mass_next(&mass, params, 2 * slot_us - 1, 10, &miss, &forgiven));
    CHECK(ee_mass_next(&mass, params, 2 * slot_us, 10, &miss, &forgiven) && !forgiven);
    CHECK(!ee_mass_pending(&mass, lease, 0));
    CHECK(!ee_mass_next(&mass, params, 9 * slot_us, 10, &miss, &forgiven) && mass.count == 0);
    ee_mass_close(&mass);
}

TESTS(TEST(three_of_ten_nodes_at_once_are_forgiven), TEST(misses_one_after_another_are_not_a_mass),
      TEST(many_leases_of_one_node_are_one_node), TEST(miss_is_held_for_one_slot))
