/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/policy.h"

#include <stdio.h>

#include "base/banned.h"

#define STATUS(name) (UINT32_C(1) << EE_TCB_##name)

const struct ee_attest_policy ee_attest_policy_none = {
    .name = "none",
    .statuses = UINT32_MAX,
};

const struct ee_attest_policy ee_attest_policy_strict = {
    .name = "strict",
    .statuses = STATUS(UP_TO_DATE),
    .refused_flags = EE_TD_FLAG_BIT(DEBUG),
};

const struct ee_attest_policy ee_attest_policy_network = {
    .name = "network",
    .statuses = STATUS(UP_TO_DATE),
    .refused_flags = EE_TD_FLAG_BIT(DEBUG) | EE_TD_FLAG_BIT(RESERVED) |
                     EE_TD_FLAG_BIT(SEPT_VE_DISABLE_OFF) | EE_TD_FLAG_BIT(MIGRATABLE) |
                     EE_TD_FLAG_BIT(SERVICE_TD) | EE_TD_FLAG_BIT(XFAM),
};

static enum ee_err refuse(struct ee_finding *out, enum ee_reason reason, const char *label,
                          uint32_t have, uint32_t need)
{
    *out = (struct ee_finding){.reason = reason, .have = have, .need = need};
    (void)snprintf(out->label, sizeof(out->label), "%s", label);
    return ee_attest_reason_err(reason);
}

enum ee_err ee_attest_policy_check(const struct ee_attest_policy *policy,
                                   const struct ee_verdict *verdict, struct ee_finding *finding_out)
{
    uint32_t refused = policy->refused_flags & verdict->flags;
    *finding_out = (struct ee_finding){0};
    if (verdict->err != EE_OK) {
        *finding_out = verdict->findings[0];
        return verdict->err;
    }
    if (refused & EE_TD_FLAG_BIT(DEBUG))
        return refuse(finding_out, EE_REASON_POLICY_DEBUG, "", 0, 0);
    for (enum ee_td_flag flag = 0; flag < EE_TD_FLAG_COUNT; flag++)
        if (refused >> flag & 1)
            return refuse(finding_out, EE_REASON_POLICY_FLAG, ee_attest_td_flag_name(flag), 0, 0);
    if (!(policy->statuses >> verdict->status & 1))
        return refuse(finding_out, EE_REASON_POLICY_STATUS,
                      ee_attest_tcb_status_name(verdict->status), 0, 0);
    if (verdict->tcb_evaluation < policy->min_evaluation)
        return refuse(finding_out, EE_REASON_POLICY_EVALUATION, "", verdict->tcb_evaluation,
                      policy->min_evaluation);
    return EE_OK;
}
