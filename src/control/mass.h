/* SPDX-License-Identifier: Apache-2.0 */
/* Mass failures, as pure bookkeeping: where enough nodes of enough operators are watched, a miss is
 * held back for one slot; when a large share of the nodes misses at the same time it is our own or
 * the network's failure, and the slots are VOID. docs/spec/checks.md. */
#ifndef EE_CONTROL_MASS_H
#define EE_CONTROL_MASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/command.h"
#include "core/params.h"

enum { EE_MASS_MISSES_MAX = 65536 };

struct ee_miss {
    uint8_t lease[EE_ID_SIZE];
    char node[EE_NAME_MAX + 1];
    uint32_t period;
    enum ee_check_kind kind;
    uint32_t slot;
    enum ee_err why;
    uint64_t at_us;
    bool decided;
};

struct ee_mass {
    struct ee_miss *misses; /* oldest first */
    size_t count, capacity;
};

/* Holds a miss back; false without room: it counts at once. */
bool ee_mass_hold(struct ee_mass *mass, const struct ee_miss *miss);
/* The next held miss whose time to be judged has come, among `nodes` watched. */
bool ee_mass_next(struct ee_mass *mass, const struct ee_params *params, uint64_t now_us,
                  uint32_t nodes, struct ee_miss *out, bool *forgiven_out);
/* Whether a miss of this lease and period is held back. */
bool ee_mass_pending(const struct ee_mass *mass, const uint8_t lease[EE_ID_SIZE], uint32_t period);
/* When ee_mass_next has something; UINT64_MAX: never. */
uint64_t ee_mass_next_us(const struct ee_mass *mass, const struct ee_params *params);
void ee_mass_close(struct ee_mass *mass);

#endif
