/* SPDX-License-Identifier: Apache-2.0 */
#include "control/sequencer_sample.h"

#include "base/banned.h"

enum {
    FEW = 8, /* rows of each kind with every batch */
    MANY = 2000,
    MANY_US = 10 * 1000000,
};

/* A few rows before every batch, and every ten seconds as many as fit in less than a millisecond.
 */
bool ee_sequencer_sample_holds(struct ee_sequencer_sample *sample, const struct ee_core *core,
                               const char **rule_out)
{
    uint64_t now_us = ee_core_time_us(core);
    bool many = now_us >= sample->many_us + MANY_US;
    if (many)
        sample->many_us = now_us;
    return ee_core_check_some(core, &sample->cursor, many ? MANY : FEW, rule_out) == EE_OK;
}
