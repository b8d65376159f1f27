/* SPDX-License-Identifier: Apache-2.0 */
/* Abuse reports: only the launcher of a lease, only before the period is settled. Any report fails
 * the period and stops the workload, so that a false one gains one period at most. */
#include <string.h>

#include "core/state.h"

#include "base/banned.h"

static enum ee_err report_check(const struct ee_period_row *row)
{
    if (!row || row->period.starts_us == 0)
        return EE_PERIOD_STATE;
    if (row->period.state != EE_LOCK_LOCKED && row->period.state != EE_LOCK_DUE)
        return EE_PERIOD_STATE;
    return row->period.report_seq ? EE_ALREADY_REPORTED : EE_OK;
}

enum ee_err ee_core_on_report(struct ee_change *c)
{
    struct ee_core *core = c->core;
    struct ee_abuse_report report;
    EE_TRY(ee_abuse_report_decode(c->command->payload, &report));
    struct ee_lease_row *lease = ee_core_lease_row(core, report.lease);
    if (!lease || strcmp(lease->lease.launcher, c->command->actor) != 0)
        return ee_change_refuse(c, EE_LEASE_UNKNOWN);
    struct ee_period_row *row = ee_core_period_row(core, report.lease, report.period);
    enum ee_err err = report_check(row);
    if (err == EE_OK && row->period.starts_us > c->now_us)
        err = EE_PERIOD_STATE; /* locked ahead, not begun */
    if (err != EE_OK)
        return ee_change_refuse(c, err);
    EE_TRY(ee_ledger_reserve(core->ledger, 0, EE_COMMAND_ROWS_MAX));
    row->period.report_seq = c->command->seq;
    memcpy(row->report_evidence, report.evidence_hash, sizeof(row->report_evidence));
    row->report_category = report.category;
    if (lease->lease.state == EE_LEASE_RUNNING) {
        ee_change_effect(c, EE_EFFECT_STOP_LEASE, &lease->lease, lease->present);
        ee_core_lease_finish(c, lease, EE_END_STOPPED);
    }
    return EE_OK;
}
