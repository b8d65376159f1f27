/* SPDX-License-Identifier: Apache-2.0 */
/* A clock a test moves by hand, and random bytes that count. */
#ifndef EE_TESTS_CONTROL_CLOCK_FIXTURE_H
#define EE_TESTS_CONTROL_CLOCK_FIXTURE_H

#include "control/sequencer_clock.h"

struct test_clock {
    uint64_t monotonic_us;
    uint64_t wall_us;
    uint8_t random;
};

enum { TEST_CLOCK_START_S = 1800000000 };

static inline uint64_t test_clock_monotonic(void *context)
{
    return ((struct test_clock *)context)->monotonic_us;
}

static inline uint64_t test_clock_wall(void *context)
{
    return ((struct test_clock *)context)->wall_us;
}

static inline void test_clock_random(void *context, void *out, size_t size)
{
    struct test_clock *clock = context;
    memset(out, ++clock->random, size);
}

static inline struct test_clock test_clock_new(void)
{
    return (struct test_clock){.monotonic_us = 5000000,
                               .wall_us = (uint64_t)TEST_CLOCK_START_S * 1000000};
}

static inline struct ee_clock_source test_clock_source(struct test_clock *clock)
{
    return (struct ee_clock_source){clock, test_clock_monotonic, test_clock_wall,
                                    test_clock_random};
}

/* Both clocks go on. */
static inline void test_clock_pass(struct test_clock *clock, uint64_t passed_us)
{
    clock->monotonic_us += passed_us;
    clock->wall_us += passed_us;
}

#endif
