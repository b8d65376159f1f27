/* SPDX-License-Identifier: Apache-2.0 */
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

/* docs/spec/receipt.md, "Settlement": absence of evidence is not a pass, and decides nothing. */
static enum ee_verdict_kind verdict_of(const struct ee_checks *checks,
                                       enum ee_fail_reason *reason_out)
{
    struct tally health = tally_of(checks->health, checks->health_count);
    struct tally attestation = tally_of(checks->attestation, checks->attestation_count);
    *reason_out = EE_FAIL_NONE;
    if (health.missed > 0)
        *reason_out = EE_FAIL_MISSED_HEALTH;
    else if (attestation.missed > 0)
        *reason_out = EE_FAIL_MISSED_ATTESTATION;
    if (*reason_out != EE_FAIL_NONE)
        return EE_VERDICT_FAIL;
    return health.ok > 0 && attestation.ok > 0 ? EE_VERDICT_PASS : EE_VERDICT_VOID;
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

enum ee_err ee_receipt_settlement_consistent(const struct ee_command *command,
                                             const struct ee_result *result,
                                             struct ee_checks *checks_out,
                                             struct ee_settle_result *settle_out)
{
    struct ee_checks checks;
    struct ee_settle_result settle;
    enum ee_fail_reason reason;
    if (command->kind != EE_COMMAND_CHECKS)
        return EE_UNSUPPORTED;
    if (result->err != EE_OK)
        return EE_STATE;
    EE_TRY(ee_checks_decode(command->payload, &checks));
    EE_TRY(ee_settle_result_decode(ee_bytes_of(result->body, result->body_size), &settle));
    if (verdict_of(&checks, &reason) != settle.verdict || reason != settle.reason ||
        settle.ends_us < settle.starts_us || !money_follows(&settle))
        return EE_RECEIPT;
    if (checks_out != NULL)
        *checks_out = checks;
    if (settle_out != NULL)
        *settle_out = settle;
    return EE_OK;
}
