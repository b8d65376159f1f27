/* SPDX-License-Identifier: Apache-2.0 */
#include "control/mass.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

enum { FIRST_CAPACITY = 64 };

static uint64_t window_us(const struct ee_params *params)
{
    return (uint64_t)params->slot_ms * 1000;
}

bool ee_mass_hold(struct ee_mass *mass, const struct ee_miss *miss)
{
    if (mass->count == EE_MASS_MISSES_MAX)
        return false;
    if (mass->count == mass->capacity) {
        size_t capacity = mass->capacity > 0 ? 2 * mass->capacity : FIRST_CAPACITY;
        struct ee_miss *misses = realloc(mass->misses, capacity * sizeof *misses);
        if (misses == NULL)
            return false;
        mass->misses = misses;
        mass->capacity = capacity;
    }
    mass->misses[mass->count] = *miss;
    mass->misses[mass->count++].decided = false;
    return true;
}

static bool near(const struct ee_miss *a, const struct ee_miss *b, uint64_t window)
{
    uint64_t apart = a->at_us > b->at_us ? a->at_us - b->at_us : b->at_us - a->at_us;
    return apart <= window;
}

/* Is this the first miss of its node near `miss`? */
static bool first_of_node(const struct ee_mass *mass, size_t index, const struct ee_miss *miss,
                          uint64_t window)
{
    for (size_t i = 0; i < index; i++)
        if (near(&mass->misses[i], miss, window) &&
            strcmp(mass->misses[i].node, mass->misses[index].node) == 0)
            return false;
    return true;
}

static uint32_t nodes_near(const struct ee_mass *mass, const struct ee_miss *miss, uint64_t window)
{
    uint32_t nodes = 0;
    for (size_t i = 0; i < mass->count; i++)
        nodes += near(&mass->misses[i], miss, window) && first_of_node(mass, i, miss, window);
    return nodes;
}

/* Misses too old to be near anything that is still open. */
static void forget_old(struct ee_mass *mass, uint64_t now_us, uint64_t window)
{
    size_t old = 0;
    while (old < mass->count && mass->misses[old].decided &&
           mass->misses[old].at_us + 3 * window < now_us)
        old++;
    if (old > 0)
        memmove(mass->misses, mass->misses + old, (mass->count - old) * sizeof *mass->misses);
    mass->count -= old;
}

bool ee_mass_next(struct ee_mass *mass, const struct ee_params *params, uint64_t now_us,
                  uint32_t nodes, struct ee_miss *out, bool *forgiven_out)
{
    uint64_t window = window_us(params);
    for (size_t i = 0; i < mass->count; i++) {
        struct ee_miss *miss = &mass->misses[i];
        if (miss->decided || now_us < miss->at_us + window)
            continue;
        miss->decided = true;
        *out = *miss;
        *forgiven_out = (uint64_t)nodes_near(mass, miss, window) * 100 >=
                        (uint64_t)nodes * params->mass_failure_percent;
        return true;
    }
    forget_old(mass, now_us, window);
    return false;
}

bool ee_mass_pending(const struct ee_mass *mass, const uint8_t lease[EE_ID_SIZE], uint32_t period)
{
    for (size_t i = 0; i < mass->count; i++)
        if (!mass->misses[i].decided && mass->misses[i].period == period &&
            memcmp(mass->misses[i].lease, lease, EE_ID_SIZE) == 0)
            return true;
    return false;
}

uint64_t ee_mass_next_us(const struct ee_mass *mass, const struct ee_params *params)
{
    for (size_t i = 0; i < mass->count; i++)
        if (!mass->misses[i].decided)
            return mass->misses[i].at_us + window_us(params);
    return UINT64_MAX;
}

void ee_mass_close(struct ee_mass *mass)
{
    free(mass->misses);
    *mass = (struct ee_mass){0};
}
