/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/tcb_outlook.h"

#include <string.h>

#include "attest/judge.h"
#include "attest/trust.h"
#include "base/banned.h"

void ee_tcb_facts_of(const struct ee_verdict *verdict, struct ee_tcb_facts *out)
{
    memset(out, 0, sizeof(*out));
    out->platform = verdict->platform;
    out->body_type = verdict->body_type;
    memcpy(out->tee_tcb_svn, verdict->td.tee_tcb_svn, sizeof(out->tee_tcb_svn));
    if (verdict->body_type != EE_BODY_TD_10)
        memcpy(out->tee_tcb_svn_2, verdict->td.tee_tcb_svn_2, sizeof(out->tee_tcb_svn_2));
    out->qe_svn = verdict->qe.svn;
}

/* The inverse: as much of a verdict as judging TCB levels reads. */
static void verdict_of(const struct ee_tcb_facts *facts, const struct ee_tcb_documents *set,
                       struct ee_verdict *out)
{
    memset(out, 0, sizeof(*out));
    out->quote_decoded = out->platform_decoded = true;
    out->platform = facts->platform;
    out->body_type = facts->body_type;
    memcpy(out->td.tee_tcb_svn, facts->tee_tcb_svn, sizeof(out->td.tee_tcb_svn));
    memcpy(out->td.tee_tcb_svn_2, facts->tee_tcb_svn_2, sizeof(out->td.tee_tcb_svn_2));
    out->qe.svn = facts->qe_svn;
    out->tcb_evaluation = set->tcb_info.evaluation;
    out->qe_evaluation = set->qe_identity.evaluation;
}

static void findings_copy(const struct ee_verdict *verdict, struct ee_tcb_outlook *out)
{
    for (size_t i = 0; i < verdict->finding_count; i++)
        if (out->finding_count < EE_OUTLOOK_FINDINGS_MAX)
            out->findings[out->finding_count++] = verdict->findings[i];
}

enum ee_err ee_tcb_outlook_judge(const struct ee_tcb_documents *set,
                                 const struct ee_tcb_facts *facts,
                                 const struct ee_attest_policy *policy, int64_t time_s,
                                 struct ee_tcb_outlook *out)
{
    struct ee_verdict verdict;
    struct ee_trust trust = {.tcb_info_ok = true, .qe_identity_ok = true};
    struct ee_tcb_outlook outlook = {0};
    struct ee_policy_decision decision;
    const struct ee_tcb_info *info = &set->tcb_info;
    if (memcmp(facts->platform.fmspc, info->fmspc, sizeof(info->fmspc)) != 0 ||
        memcmp(facts->platform.pceid, info->pceid, sizeof(info->pceid)) != 0)
        return EE_COLLATERAL;
    trust.tcb_info = *info;
    trust.qe_identity = set->qe_identity;
    verdict_of(facts, set, &verdict);
    const uint8_t module = facts->tee_tcb_svn[1];
    if (!ee_attest_tcb_info_module(info, module))
        ee_attest_verdict_add(&verdict, EE_REASON_MODULE_UNKNOWN, "", module, 0);
    ee_attest_judge_tcb(&trust, &verdict);
    ee_attest_judge_advise(&trust, &verdict);
    verdict.time_s = time_s;
    outlook.err = ee_attest_policy_decide_tcb(policy, &verdict, &decision);
    outlook.refusal = decision.finding;
    outlook.status = verdict.status;
    outlook.platform_status = verdict.platform_status;
    outlook.module_status = verdict.module_status;
    outlook.qe_status = verdict.qe_status;
    outlook.tcb_date_s = verdict.tcb_date_s;
    outlook.evaluation = info->evaluation;
    outlook.issued_s = info->issued_s;
    outlook.next_update_s = info->next_update_s;
    findings_copy(&verdict, &outlook);
    *out = outlook;
    return EE_OK;
}
