/* SPDX-License-Identifier: Apache-2.0 */
/* Check slots and the verdict of a period: DESIGN's one table, docs/spec/commands.md "Verdict". */
#include <string.h>

#include "core/state.h"

#include "base/banned.h"

static uint32_t slots_in(uint64_t span_us, uint64_t slot_us)
{
    uint64_t slots = span_us / slot_us + (span_us % slot_us != 0);
    return slots == 0 ? 1 : slots > UINT32_MAX ? UINT32_MAX : (uint32_t)slots;
}

static uint64_t slot_us(const struct ee_core *core, enum ee_check_kind kind)
{
    return kind == EE_CHECK_HEALTH ? (uint64_t)core->params->slot_ms * 1000
                                   : (uint64_t)core->params->attestation_s * EE_MICROS_PER_SECOND;
}

uint32_t ee_core_health_slots(const struct ee_core *core, const struct ee_period *period)
{
    return slots_in(period->ends_us - period->starts_us, slot_us(core, EE_CHECK_HEALTH));
}

uint32_t ee_core_attestation_slots(const struct ee_core *core, const struct ee_period *period)
{
    return slots_in(period->ends_us - period->starts_us, slot_us(core, EE_CHECK_ATTESTATION));
}

/* ---- a miss, recorded at once: no later record takes it back ---- */

static bool bit_get(const uint8_t *bits, uint32_t index)
{
    return bits[index / 8] >> index % 8 & 1;
}

static void bit_set(uint8_t *bits, uint32_t index)
{
    bits[index / 8] = (uint8_t)(bits[index / 8] | 1u << index % 8);
}

bool ee_core_slot_missed(const struct ee_core *core, const uint8_t lease[EE_ID_SIZE],
                         uint32_t period, enum ee_check_kind kind, uint32_t slot)
{
    const struct ee_period_row *row = ee_core_period_find(core, lease, period);
    if (!row || slot >= EE_CHECK_SLOTS_MAX)
        return false;
    return bit_get(kind == EE_CHECK_HEALTH ? row->missed_health : row->missed_attestation, slot);
}

/* The slot lies in the period and has begun. */
static bool slot_begun(const struct ee_change *c, const struct ee_period *period,
                       const struct ee_slot_missed *missed)
{
    uint64_t begins_us = period->starts_us + missed->slot * slot_us(c->core, missed->kind);
    return begins_us < c->now_us && begins_us < period->ends_us;
}

enum ee_err ee_core_on_slot_missed(struct ee_change *c)
{
    struct ee_slot_missed missed;
    EE_TRY(ee_slot_missed_decode(c->command->payload, &missed));
    if (!ee_core_lease_find(c->core, missed.lease))
        return ee_change_refuse(c, EE_LEASE_UNKNOWN);
    struct ee_period_row *row = ee_core_period_row(c->core, missed.lease, missed.period);
    if (!row || row->period.starts_us == 0 ||
        (row->period.state != EE_LOCK_LOCKED && row->period.state != EE_LOCK_DUE))
        return ee_change_refuse(c, EE_PERIOD_STATE);
    if (!slot_begun(c, &row->period, &missed))
        return ee_change_refuse(c, EE_CHECKS_INVALID);
    bit_set(missed.kind == EE_CHECK_HEALTH ? row->missed_health : row->missed_attestation,
            missed.slot);
    return EE_OK;
}

/* ---- all checks of a period ---- */

static void count(const uint8_t *outcomes, uint32_t slots, const uint8_t *missed_bits,
                  uint32_t *ok_out, uint32_t *missed_out)
{
    *ok_out = *missed_out = 0;
    for (uint32_t i = 0; i < slots; i++) {
        bool missed = outcomes[i] == EE_CHECK_MISSED || bit_get(missed_bits, i);
        *missed_out += missed;
        *ok_out += !missed && outcomes[i] == EE_CHECK_OK;
    }
}

static enum ee_verdict_kind verdict_of(const struct ee_period *p, enum ee_fail_reason *reason_out)
{
    *reason_out = p->health_missed        ? EE_FAIL_MISSED_HEALTH
                  : p->attestation_missed ? EE_FAIL_MISSED_ATTESTATION
                  : p->report_seq         ? EE_FAIL_ABUSE
                                          : EE_FAIL_NONE;
    if (*reason_out != EE_FAIL_NONE)
        return EE_VERDICT_FAIL;
    /* Absence of evidence is not a pass. */
    return p->health_ok && p->attestation_ok ? EE_VERDICT_PASS : EE_VERDICT_VOID;
}

static enum ee_err checks_check(const struct ee_core *core, const struct ee_checks *checks)
{
    if (!ee_core_lease_find(core, checks->lease))
        return EE_LEASE_UNKNOWN;
    const struct ee_period *period = ee_core_period(core, checks->lease, checks->period);
    if (!period || period->state != EE_LOCK_DUE)
        return EE_PERIOD_STATE;
    if (checks->health_count != ee_core_health_slots(core, period) ||
        checks->attestation_count != ee_core_attestation_slots(core, period))
        return EE_CHECKS_INVALID;
    return EE_OK;
}

static void settle_body(struct ee_change *c, const struct ee_period *period)
{
    const struct ee_lease *lease = ee_core_lease(c->core, period->lease);
    struct ee_settle_result body;
    memset(&body, 0, sizeof(body));
    memcpy(body.launcher, lease->launcher, sizeof(body.launcher));
    memcpy(body.operator_name, lease->operator_name, sizeof(body.operator_name));
    memcpy(body.node, lease->node, sizeof(body.node));
    memcpy(body.app, lease->app, sizeof(body.app));
    body.starts_us = period->starts_us;
    body.ends_us = period->ends_us;
    body.verdict = period->verdict;
    body.reason = period->reason;
    body.locked = period->locked;
    body.paid = period->paid;
    body.refunded = period->refunded;
    struct ee_writer w = ee_change_body(c);
    ee_change_body_end(c, &w, ee_settle_result_encode(&body, &w));
}

enum ee_err ee_core_on_checks(struct ee_change *c)
{
    struct ee_checks checks;
    enum ee_fail_reason reason;
    EE_TRY(ee_checks_decode(c->command->payload, &checks));
    enum ee_err err = checks_check(c->core, &checks);
    if (err != EE_OK)
        return ee_change_refuse(c, err);
    EE_TRY(ee_ledger_reserve(c->core->ledger, 0, 1));
    struct ee_period_row *row = ee_core_period_row(c->core, checks.lease, checks.period);
    struct ee_period *period = &row->period;
    count(checks.health, checks.health_count, row->missed_health, &period->health_ok,
          &period->health_missed);
    count(checks.attestation, checks.attestation_count, row->missed_attestation,
          &period->attestation_ok, &period->attestation_missed);
    memcpy(row->evidence_root, checks.evidence_root, sizeof(row->evidence_root));
    enum ee_verdict_kind verdict = verdict_of(period, &reason);
    ee_core_period_settle(c, row, verdict, reason);
    settle_body(c, period);
    return EE_OK;
}
