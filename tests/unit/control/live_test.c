/* SPDX-License-Identifier: Apache-2.0 */
/* The index of live leases over a core that is an array: how many leases a look visits. */
#include "control/live.h"

#include <stdlib.h>
#include <string.h>

#include "tap.h"

#include "base/banned.h"

enum { ENDED = 100000 };

struct ee_core {
    size_t lease_count;
    struct ee_lease *leases;  /* the id holds the index */
    struct ee_period open;    /* the second period of an even lease */
    struct ee_period settled; /* every other */
};

static size_t index_of(const uint8_t id[EE_ID_SIZE])
{
    return (size_t)id[0] << 16 | (size_t)id[1] << 8 | id[2];
}

const struct ee_lease *ee_core_lease_at(const struct ee_core *core, size_t index)
{
    return index < core->lease_count ? &core->leases[index] : NULL;
}

const struct ee_lease *ee_core_lease(const struct ee_core *core, const uint8_t id[EE_ID_SIZE])
{
    return ee_core_lease_at(core, index_of(id));
}

const struct ee_period *ee_core_period(const struct ee_core *core, const uint8_t lease[EE_ID_SIZE],
                                       uint32_t index)
{
    return index_of(lease) % 2 == 0 && index == 1 ? &core->open : &core->settled;
}

static void core_init(struct ee_core *core)
{
    *core = (struct ee_core){.leases = calloc(ENDED + 100, sizeof(*core->leases)),
                             .open = {.settle_seq = 0},
                             .settled = {.settle_seq = 9}};
    if (core->leases == NULL)
        abort();
}

static struct ee_lease *add(struct ee_core *core, enum ee_lease_state state, uint32_t periods)
{
    size_t index = core->lease_count++;
    struct ee_lease *lease = &core->leases[index];
    *lease = (struct ee_lease){.state = state, .period_count = periods};
    lease->id[0] = (uint8_t)(index >> 16);
    lease->id[1] = (uint8_t)(index >> 8);
    lease->id[2] = (uint8_t)index;
    return lease;
}

static void ended_leases_are_not_visited_again(void)
{
    struct ee_core core;
    struct ee_live live = {0};
    core_init(&core);
    for (unsigned i = 0; i < ENDED; i++)
        add(&core, EE_LEASE_ENDED, 1);
    for (unsigned i = 0; i < 10; i++)
        add(&core, EE_LEASE_RUNNING, 1);
    ee_live_sweep(&live, &core); /* the first look of a process has to see them all */
    CHECK(live.count == 10 && live.visited == ENDED + 20);
    live.visited = 0;
    for (unsigned i = 0; i < 50; i++)
        ee_live_sweep(&live, &core);
    CHECK(live.visited == 50 * 10);
    CHECK(ee_live_at(&live, &core, 0) == &core.leases[ENDED]);
    CHECK(ee_live_at(&live, &core, 10) == NULL);
    ee_live_close(&live);
    free(core.leases);
}

static void lease_is_let_go_when_it_ends_and_its_periods_are_settled(void)
{
    struct ee_core core;
    struct ee_live live = {0};
    core_init(&core);
    struct ee_lease *even = add(&core, EE_LEASE_RESERVED, 0);
    struct ee_lease *odd = add(&core, EE_LEASE_STARTING, 0);
    ee_live_sweep(&live, &core);
    CHECK(live.count == 2);
    even->state = odd->state = EE_LEASE_ENDED;
    even->period_count = odd->period_count = 3;
    ee_live_grow(&live, &core);
    CHECK(live.count == 2); /* who walks it is not disturbed */
    ee_live_sweep(&live, &core);
    CHECK(live.count == 1 && ee_live_at(&live, &core, 0) == even);
    core.open.settle_seq = 7;
    ee_live_sweep(&live, &core);
    CHECK(live.count == 0 && ee_live_at(&live, &core, 0) == NULL);
    ee_live_close(&live);
    free(core.leases);
}

static void many_live_leases_keep_their_order(void)
{
    struct ee_core core;
    struct ee_live live = {0};
    core_init(&core);
    for (unsigned i = 0; i < 1000; i++)
        add(&core, i % 3 == 0 ? EE_LEASE_ENDED : EE_LEASE_RUNNING, 0);
    ee_live_sweep(&live, &core);
    for (size_t i = 1; i < live.count; i++)
        CHECK(index_of(live.leases[i - 1].id) < index_of(live.leases[i].id));
    CHECK(live.count == 666);
    ee_live_close(&live);
    free(core.leases);
}

int main(void)
{
    const struct tap_test tests[] = {
        TEST(ended_leases_are_not_visited_again),
        TEST(lease_is_let_go_when_it_ends_and_its_periods_are_settled),
        TEST(many_live_leases_keep_their_order),
    };
    return tap_run(tests, sizeof tests / sizeof tests[0]);
}
