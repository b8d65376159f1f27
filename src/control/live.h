/* SPDX-License-Identifier: Apache-2.0 */
/* The leases that are not over: reserved, starting, running, or ended with a period that is still
 * to be settled. The core keeps every lease there ever was in order of creation; this index keeps
 * who looks often from walking them all. It reads the core alone, so it cannot miss an effect. */
#ifndef EE_CONTROL_LIVE_H
#define EE_CONTROL_LIVE_H

#include "core/core.h"

struct ee_live_lease {
    uint8_t id[EE_ID_SIZE];
    uint32_t settled; /* all periods before this one are */
};

struct ee_live { /* zero: empty */
    struct ee_live_lease *leases;
    size_t count, capacity;
    size_t seen;      /* leases of the core looked at so far */
    uint64_t visited; /* leases looked at by grow and sweep, together */
};

/* Takes up the leases made since the last call, without moving the others. What finds no memory is
 * taken up by a later call. */
void ee_live_grow(struct ee_live *live, const struct ee_core *core);
/* The same, and lets go of what is over: not while somebody walks the index. */
void ee_live_sweep(struct ee_live *live, const struct ee_core *core);
/* In order of creation; NULL past the end. It may be over since the last sweep. Borrowed from the
 * core: until the next apply. */
const struct ee_lease *ee_live_at(const struct ee_live *live, const struct ee_core *core,
                                  size_t index);
void ee_live_close(struct ee_live *live);

#endif
