/* SPDX-License-Identifier: Apache-2.0 */
#include "io/clock.h"

#include <time.h>

#include "base/banned.h"

static uint64_t read_us(clockid_t clock)
{
    struct timespec now = {0};
    (void)clock_gettime(clock, &now); /* cannot fail for these two clocks */
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

uint64_t ee_clock_monotonic_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

uint64_t ee_clock_wall_us(void)
{
    return read_us(CLOCK_REALTIME);
}
