/* SPDX-License-Identifier: Apache-2.0 */
/* docs/spec/receipt.md, "Settlement". Written apart from the rules in core_checks.c on purpose: a
 * second reading of the same specification. */
#include "core/receipt.h"

#include "base/banned.h"

struct tally {
    uint32_t ok;
    uint32_t missed;
};

static struct tally tally_of(const uint8_t *outcomes, uint32_t count)
{
    struct tally tally = {0};
    for (uint32_t i = 0; i < count; i++) {
        tally.ok += outcomes[i] == EE_CHECK_OK;
        tally.missed += outcomes[i] == EE_CHECK_MISSED;
    }
    return tally;
}

/* A slot for each begun part of the period, at least one. */
static bool slots_fit(uint32_t count, uint64_t period_us, uint64_t slot_us)
{
    uint64_t slots = (period_us + slot_us - 1) / slot_us;
    return count == (slots > 0 ? slots : 1);
}

static bool counts_follow(const struct ee_params *params, const struct ee_checks *checks,
                          const struct ee_settle_result *settle)
{
    if (settle->ends_us < settle->starts_us)
        return false;
    uint64_t period_us = settle->ends_us - settle->starts_us;
    if (period_us > (uint64_t)params->period_s * 1000000)
        return false;
    return slots_fit(checks->health_count, period_us, (uint64_t)params->slot_ms * 1000) &&
           slots_fit(checks->attestation_count, period_us,
                     (uint64_t)params->attestation_s * 1000000);
}

/* Absence of evidence is not a pass, and decides nothing. */
static enum ee_verdict_kind verdict_of(const struct tally *health, const struct tally *attestation,
                                       enum ee_fail_reason *reason_out)
{
    *reason_out = EE_FAIL_NONE;
    if (health->missed > 0)
        *reason_out = EE_FAIL_MISSED_HEALTH;
    else if (attestation->missed > 0)
        *reason_out = EE_FAIL_MISSED_ATTESTATION;
    if (*reason_out != EE_FAIL_NONE)
        return EE_VERDICT_FAIL;
    return health->ok > 0 && attestation->ok > 0 ? EE_VERDICT_PASS : EE_VERDICT_VOID;
}

/* An earlier miss can only make a verdict worse: a health miss comes before everything else, an
 * attestation miss before a verdict without a health miss. */
static bool earlier_miss_explains(const struct ee_settle_result *settle, const struct tally *health)
{
    if (settle->verdict != EE_VERDICT_FAIL)
        return false;
    return settle->reason == EE_FAIL_MISSED_HEALTH ||
           (settle->reason == EE_FAIL_MISSED_ATTESTATION && health->missed == 0);
}

static bool verdict_follows(struct ee_receipt_settlement *settlement)
{
    const struct ee_checks *checks = &settlement->checks;
    struct tally health = tally_of(checks->health, checks->health_count);
    struct tally attestation = tally_of(checks->attestation, checks->attestation_count);
    enum ee_fail_reason reason;
    enum ee_verdict_kind verdict = verdict_of(&health, &attestation, &reason);
    settlement->earlier_miss = false;
    if (verdict == settlement->settle.verdict && reason == settlement->settle.reason)
        return true;
    settlement->earlier_miss = earlier_miss_explains(&settlement->settle, &health);
    return settlement->earlier_miss;
}

/* Every micro-dollar of the lock is paid or returned; only a pass pays. */
static bool money_follows(const struct ee_settle_result *settle)
{
    struct ee_money sum;
    if (settle->locked.micros < 0 || settle->paid.micros < 0 || settle->refunded.micros < 0)
        return false;
    if (ee_money_add(settle->paid, settle->refunded, &sum) != EE_OK ||
        sum.micros != settle->locked.micros)
        return false;
    return settle->verdict == EE_VERDICT_PASS || settle->paid.micros == 0;
}

enum ee_err ee_receipt_settlement_consistent(const struct ee_params *params,
                                             const struct ee_command *command,
                                             const struct ee_result *result,
                                             struct ee_receipt_settlement *out)
{
    struct ee_receipt_settlement settlement;
    if (command->kind != EE_COMMAND_CHECKS)
        return EE_UNSUPPORTED;
    if (result->err != EE_OK)
        return EE_STATE;
    EE_TRY(ee_checks_decode(command->payload, &settlement.checks));
    EE_TRY(
        ee_settle_result_decode(ee_bytes_of(result->body, result->body_size), &settlement.settle));
    if (!counts_follow(params, &settlement.checks, &settlement.settle) ||
        !verdict_follows(&settlement) || !money_follows(&settlement.settle))
        return EE_RECEIPT;
    *out = settlement;
    return EE_OK;
}
