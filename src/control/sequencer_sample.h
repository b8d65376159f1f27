/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the book's invariants are checked while the sequencer runs: some rows before every
 * batch, in turn (docs/spec/money.md, "Invariants"). */
#ifndef EE_CONTROL_SEQUENCER_SAMPLE_H
#define EE_CONTROL_SEQUENCER_SAMPLE_H

#include "core/core.h"

struct ee_sequencer_sample {
    uint64_t cursor;  /* of the rows */
    uint64_t many_us; /* time of the last large sample */
};

/* False: the invariant in *rule_out does not hold. */
bool ee_sequencer_sample_holds(struct ee_sequencer_sample *sample, const struct ee_core *core,
                               const char **rule_out);

#endif
