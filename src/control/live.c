/* SPDX-License-Identifier: Apache-2.0 */
#include "control/live.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

enum { FIRST_CAPACITY = 64 };

/* Settled periods stay settled, so each is looked at once. */
static bool over(struct ee_live_lease *entry, const struct ee_core *core,
                 const struct ee_lease *lease)
{
    if (lease == NULL)
        return true;
    if (lease->state != EE_LEASE_ENDED)
        return false;
    for (; entry->settled < lease->period_count; entry->settled++) {
        const struct ee_period *period = ee_core_period(core, lease->id, entry->settled);
        if (period != NULL && period->settle_seq == 0)
            return false;
    }
    return true;
}

static bool reserve(struct ee_live *live)
{
    if (live->count < live->capacity)
        return true;
    size_t capacity = live->capacity == 0 ? FIRST_CAPACITY : 2 * live->capacity;
    struct ee_live_lease *leases = realloc(live->leases, capacity * sizeof *leases);
    if (leases == NULL)
        return false;
    live->leases = leases;
    live->capacity = capacity;
    return true;
}

void ee_live_grow(struct ee_live *live, const struct ee_core *core)
{
    const struct ee_lease *lease;
    for (; (lease = ee_core_lease_at(core, live->seen)) != NULL; live->seen++) {
        struct ee_live_lease entry = {0};
        live->visited++;
        if (over(&entry, core, lease))
            continue;
        if (!reserve(live))
            return;
        memcpy(entry.id, lease->id, EE_ID_SIZE);
        live->leases[live->count++] = entry;
    }
}

void ee_live_sweep(struct ee_live *live, const struct ee_core *core)
{
    size_t kept = 0;
    ee_live_grow(live, core);
    for (size_t i = 0; i < live->count; i++) {
        struct ee_live_lease *entry = &live->leases[i];
        live->visited++;
        if (!over(entry, core, ee_core_lease(core, entry->id)))
            live->leases[kept++] = *entry;
    }
    live->count = kept;
}

const struct ee_lease *ee_live_at(const struct ee_live *live, const struct ee_core *core,
                                  size_t index)
{
    return index < live->count ? ee_core_lease(core, live->leases[index].id) : NULL;
}

void ee_live_close(struct ee_live *live)
{
    free(live->leases);
    *live = (struct ee_live){0};
}
