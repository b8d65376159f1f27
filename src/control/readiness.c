/* SPDX-License-Identifier: Apache-2.0 */
#include "control/readiness.h"

#include "control/unseal.h"

#include "base/banned.h"

size_t ee_readiness_reasons(struct ee_control *control,
                            const char *reasons_out[EE_READINESS_REASONS_MAX])
{
    size_t count = 0;
    if (control->locked) {
        reasons_out[count++] = ee_unseal_locked(control)
                                   ? "locked: the holders of the journal's key have not sent it"
                                   : "the journal is read";
        return count;
    }
    if (control->fatal)
        reasons_out[count++] = "the journal cannot be written";
    if (control->stopping)
        reasons_out[count++] = "shutting down";
    if (control->rolled_back)
        reasons_out[count++] = "an agent has a checkpoint of ours that this journal lacks";
    if (control->anchoring)
        reasons_out[count++] = "agents are asked whether they have seen a newer journal";
    if (ee_sequencer_clock_jumped(control->sequencer))
        reasons_out[count++] = "the wall clock jumped; settlement waits";
    return count;
}
