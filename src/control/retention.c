/* SPDX-License-Identifier: Apache-2.0 */
#include "control/retention.h"

#include "io/log.h"

#include "base/banned.h"

enum { TURN_MS = 1000, DOCUMENTS_PER_TURN = 100, DAY_S = 86400 };

static void turn(void *context)
{
    struct ee_control *control = context;
    uint64_t early = ee_receipt_store_early(control->evidence);
    if (early != control->evidence_early)
        EE_LOG(EE_LOG_WARN, "retention", "the evidence store is full: the oldest went early",
               ee_log_unsigned("documents", early - control->evidence_early));
    control->evidence_early = early;
    if (ee_sequencer_clock_jumped(control->sequencer))
        return; /* by a wrong clock all would be old */
    int64_t before_s =
        ee_control_now_s(control) - (int64_t)control->params->evidence_retention_days * DAY_S;
    size_t deleted = ee_receipt_store_sweep(control->evidence, before_s, DOCUMENTS_PER_TURN);
    if (deleted > 0)
        EE_LOG(EE_LOG_INFO, "retention", "old evidence deleted",
               ee_log_unsigned("documents", deleted));
}

enum ee_err ee_retention_start(struct ee_control *control)
{
    EE_TRY(ee_timer_new(control->loop, turn, control, &control->retention));
    ee_timer_start(control->retention, 1, TURN_MS);
    return EE_OK;
}
