/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap of what is due when. Each row knows its place in it, so a timer moves in O(log n).
 * Equal times are ordered by kind and row, so the order never depends on history. */
#include <assert.h>

#include "core/state.h"

#include "base/banned.h"

enum { FIRST_CAPACITY = 64 };

enum ee_err ee_core_timers_reserve(struct ee_core *core, uint32_t extra)
{
    uint32_t needed = core->timer_count + extra;
    uint32_t capacity = core->timer_capacity ? core->timer_capacity : FIRST_CAPACITY;
    while (capacity < needed)
        capacity *= 2;
    if (capacity == core->timer_capacity)
        return EE_OK;
    struct ee_timer *timers =
        ee_realloc(core->allocator, core->timers, capacity, sizeof(*core->timers));
    if (!timers)
        return EE_NO_MEMORY;
    core->timers = timers;
    core->timer_capacity = capacity;
    return EE_OK;
}

static const struct ee_table *table_of(const struct ee_core *core, enum ee_timer_kind kind)
{
    switch (kind) {
    case EE_TIMER_LEASE:
        return &core->leases;
    case EE_TIMER_NODE:
        return &core->nodes;
    case EE_TIMER_APP:
        return &core->apps;
    case EE_TIMER_PERIOD:
        return &core->periods;
    }
    return NULL;
}

uint32_t *ee_core_timer_place(const struct ee_core *core, enum ee_timer_kind kind, uint32_t row)
{
    const struct ee_table *table = table_of(core, kind);
    void *found = ee_table_edit_derived(table, ee_table_at(table, row));
    switch (kind) {
    case EE_TIMER_LEASE:
        return &((struct ee_lease_row *)found)->timer;
    case EE_TIMER_NODE:
        return &((struct ee_node_row *)found)->timer;
    case EE_TIMER_APP:
        return &((struct ee_app_row *)found)->timer;
    case EE_TIMER_PERIOD:
        return &((struct ee_period_row *)found)->timer;
    }
    return NULL;
}

static bool before(const struct ee_timer *a, const struct ee_timer *b)
{
    if (a->due_us != b->due_us)
        return a->due_us < b->due_us;
    if (a->kind != b->kind)
        return a->kind < b->kind;
    return a->row < b->row;
}

static void put(struct ee_core *core, uint32_t place, struct ee_timer timer)
{
    core->timers[place] = timer;
    *ee_core_timer_place(core, timer.kind, timer.row) = place + 1;
}

/* Moves `timer`, meant for `place`, up or down to where it belongs. */
static void sift(struct ee_core *core, uint32_t place, struct ee_timer timer)
{
    while (place > 0 && before(&timer, &core->timers[(place - 1) / 2])) {
        put(core, place, core->timers[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= core->timer_count)
            break;
        if (child + 1 < core->timer_count && before(&core->timers[child + 1], &core->timers[child]))
            child++;
        if (!before(&core->timers[child], &timer))
            break;
        put(core, place, core->timers[child]);
        place = child;
    }
    put(core, place, timer);
}

static void clear(struct ee_core *core, uint32_t *place)
{
    uint32_t hole = *place - 1;
    *place = 0;
    struct ee_timer last = core->timers[--core->timer_count];
    if (hole < core->timer_count)
        sift(core, hole, last);
}

void ee_core_timer_set(struct ee_core *core, enum ee_timer_kind kind, const void *row,
                       uint64_t due_us)
{
    struct ee_timer timer = {
        .due_us = due_us, .kind = kind, .row = ee_core_row_index(table_of(core, kind), row)};
    uint32_t *place = ee_core_timer_place(core, kind, timer.row);
    ee_touched_mark(&table_of(core, kind)->touched, timer.row); /* its record has the time */
    if (due_us == EE_NEVER) {
        if (*place)
            clear(core, place);
        return;
    }
    if (*place) {
        sift(core, *place - 1, timer);
        return;
    }
    assert(core->timer_count < core->timer_capacity);
    core->timer_count++;
    sift(core, core->timer_count - 1, timer);
}

uint64_t ee_core_timer_due_us(const struct ee_core *core, enum ee_timer_kind kind, uint32_t row)
{
    uint32_t place = *ee_core_timer_place(core, kind, row);
    return place ? core->timers[place - 1].due_us : EE_NEVER;
}

const struct ee_timer *ee_core_timer_first(const struct ee_core *core)
{
    return core->timer_count ? &core->timers[0] : NULL;
}

uint64_t ee_core_next_due_us(const struct ee_core *core)
{
    return core->timer_count ? core->timers[0].due_us : EE_NEVER;
}
