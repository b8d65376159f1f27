/* SPDX-License-Identifier: Apache-2.0 */
/* What the checks of a simulated network said: spans of time in which every check was good or
 * absent, and single checks that say something else. */
#ifndef EE_CLIENT_SIMULATION_CHECKS_H
#define EE_CLIENT_SIMULATION_CHECKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/core.h"

struct ee_check_span { /* begin included, end not */
    uint64_t begin_us, end_us;
    bool ok;
};

struct ee_check_told {
    uint8_t lease[EE_ID_SIZE];
    uint32_t period, slot;
    enum ee_check_kind kind;
    enum ee_check_outcome outcome;
};

struct ee_simulation_checks { /* zero: nothing */
    struct ee_check_span *spans;
    size_t span_count, span_capacity;
    struct ee_check_told *told;
    size_t told_count, told_capacity;
};

void ee_simulation_checks_close(struct ee_simulation_checks *c);
/* Time passed; begins where the last span ended. EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_simulation_checks_pass(struct ee_simulation_checks *c, uint64_t begin_us,
                                                  uint64_t end_us, bool ok);
/* A single check; the last word on a slot counts, but a miss stays: EE_CHECKS_INVALID. */
EE_MUST_USE enum ee_err ee_simulation_checks_tell(struct ee_simulation_checks *c,
                                                  const struct ee_check_told *told);
/* The record of a period that is due, and forgets what was told of it. */
void ee_simulation_checks_record(struct ee_simulation_checks *c, const struct ee_core *core,
                                 const struct ee_period *period, struct ee_checks *out);
/* Length of a slot. */
uint64_t ee_simulation_slot_us(const struct ee_core *core, enum ee_check_kind kind);

#endif
