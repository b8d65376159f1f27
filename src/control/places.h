/* SPDX-License-Identifier: Apache-2.0 */
/* Who may hold a place among the connections that have not shown yet that they are an enrolled
 * agent. Anybody can open one, so they are few, share them by address, and are never in the way of
 * agents that were admitted. Pure bookkeeping: no clock, no I/O. */
#ifndef EE_CONTROL_PLACES_H
#define EE_CONTROL_PLACES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
    EE_PLACES_MAX = 64,          /* a place is held for a few round trips: hundreds a second */
    EE_PLACES_PER_PEER_MAX = 16, /* agents behind one address that come back at once take turns */
    EE_PLACES_KEEP_MS = 3000, /* an honest admission is done by then; older ones may have to go */
    EE_PLACES_PEER_SIZE = 8,
};

struct ee_place {
    uint8_t peer[EE_PLACES_PEER_SIZE];
    uint64_t since_us; /* monotonic */
};

/* What counts as one peer of "192.0.2.1:40000" or "[2001:db8::1]:40000": the IPv4 address, or the
 * first 64 bits of an IPv6 address, which one customer has. Zeros for anything else. */
void ee_places_peer(const char *address, uint8_t out[EE_PLACES_PEER_SIZE]);

/* May `newcomer` (its since_us: now) have a place beside the `count` that are taken? EE_OK with the
 * index of the one that has to go for it, `count` when none has to. A peer with several gives way
 * to one with fewer, and one that has been there for EE_PLACES_KEEP_MS to anybody. EE_FULL: no. */
EE_MUST_USE enum ee_err ee_places_choose(const struct ee_place *taken, size_t count,
                                         const struct ee_place *newcomer, size_t *displaced_out);

#endif
