/* SPDX-License-Identifier: Apache-2.0 */
#include "control/sequencer_clock.h"

#include "io/clock.h"
#include "io/random.h"

#include "base/banned.h"

static uint64_t system_monotonic(void *context)
{
    (void)context;
    return ee_clock_monotonic_us();
}

static uint64_t system_wall(void *context)
{
    (void)context;
    return ee_clock_wall_us();
}

static void system_random(void *context, void *out, size_t size)
{
    (void)context;
    ee_random_bytes(out, size);
}

struct ee_clock_source ee_clock_source_system(void)
{
    return (struct ee_clock_source){
        .monotonic_us = system_monotonic, .wall_us = system_wall, .random = system_random};
}

void ee_sequencer_clock_init(struct ee_sequencer_clock *clock, struct ee_clock_source source,
                             uint32_t jump_s, uint64_t last_us)
{
    uint64_t wall = source.wall_us(source.context);
    *clock = (struct ee_sequencer_clock){
        .source = source,
        .jump_us = (uint64_t)jump_s * 1000000,
        .last_us = last_us,
        .read_us = source.monotonic_us(source.context),
        .now_us = wall,
    };
    clock->jumped = wall < last_us && last_us - wall > clock->jump_us;
    if (clock->jumped)
        clock->now_us = last_us;
}

/* A step towards the wall clock, at most a thousandth of the time that passed. */
static void follow(struct ee_sequencer_clock *clock, bool ahead, uint64_t distance)
{
    uint64_t step = clock->unused_us / EE_CLOCK_SLEW_DIVISOR;
    clock->unused_us %= EE_CLOCK_SLEW_DIVISOR;
    if (step > distance)
        step = distance;
    clock->now_us = ahead ? clock->now_us + step : clock->now_us - step;
}

uint64_t ee_sequencer_clock_read(struct ee_sequencer_clock *clock)
{
    uint64_t monotonic = clock->source.monotonic_us(clock->source.context);
    uint64_t wall = clock->source.wall_us(clock->source.context) + (uint64_t)clock->behind_us;
    uint64_t passed = monotonic - clock->read_us;
    clock->read_us = monotonic;
    clock->now_us += passed;
    clock->unused_us += passed;
    bool ahead = wall > clock->now_us;
    uint64_t distance = ahead ? wall - clock->now_us : clock->now_us - wall;
    clock->jumped = distance > clock->jump_us;
    if (!clock->jumped)
        follow(clock, ahead, distance);
    return clock->now_us > clock->last_us ? clock->now_us : clock->last_us + 1;
}

void ee_sequencer_clock_stamp(struct ee_sequencer_clock *clock, uint64_t time_us)
{
    clock->last_us = time_us;
}

void ee_sequencer_clock_accept(struct ee_sequencer_clock *clock)
{
    uint64_t wall = clock->source.wall_us(clock->source.context);
    clock->read_us = clock->source.monotonic_us(clock->source.context);
    clock->now_us = wall > clock->last_us ? wall : clock->last_us;
    clock->behind_us = (int64_t)(clock->now_us - wall);
    clock->unused_us = 0;
    clock->jumped = false;
}
