/* SPDX-License-Identifier: Apache-2.0 */
/* What another TCB set says of a platform that was verified before. Intel publishes a coming set
 * ("early", PCS API v4 parameter `update`) beside the one in force ("standard"): a platform judged
 * under both shows what will fail before it does. */
#ifndef EE_ATTEST_TCB_OUTLOOK_H
#define EE_ATTEST_TCB_OUTLOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "attest/policy.h"
#include "attest/trust.h"
#include "attest/verify.h"

/* The part of a verified quote that TCB levels are compared with. No secrets, no pointers. */
struct ee_tcb_facts {
    struct ee_pck platform;
    uint16_t body_type; /* EE_BODY_TD_* */
    uint8_t tee_tcb_svn[EE_TCB_SVN_SIZE];
    uint8_t tee_tcb_svn_2[EE_TCB_SVN_SIZE]; /* TD 1.5: the module running now */
    uint16_t qe_svn;
    uint32_t flags; /* EE_TD_FLAG_BIT(): properties of the TD, which no set changes */
};

/* From a verdict whose quote and platform were decoded. */
void ee_tcb_facts_of(const struct ee_verdict *verdict, struct ee_tcb_facts *out);

enum { EE_OUTLOOK_FINDINGS_MAX = 40 }; /* 16 + 1 + 16 components, module, QE, and advice */

struct ee_tcb_outlook {
    enum ee_err err;           /* EE_OK: the policy would accept the platform under this set */
    struct ee_finding refusal; /* the rule that would refuse, when it would */
    enum ee_tcb_status status, platform_status, module_status, qe_status;
    int64_t tcb_date_s;                                  /* of the level reached */
    uint32_t evaluation;                                 /* of the set's TCB Info */
    int64_t issued_s, next_update_s;                     /* window of the set's TCB Info */
    struct ee_finding findings[EE_OUTLOOK_FINDINGS_MAX]; /* what is short, and the cure */
    size_t finding_count;
};

/* Judges `facts` by the set in `trust`, whose TCB Info and QE identity were proven
 * (ee_attest_trust_establish()). Whether that set is within its window is not asked: a set is
 * judged for what it says. About 15 KB of stack.
 * EE_STATE: the set is not proven; EE_COLLATERAL: it is of another platform family (FMSPC or
 * PCEID). Then `out` is unchanged. */
EE_MUST_USE enum ee_err ee_tcb_outlook_judge(const struct ee_trust *trust,
                                             const struct ee_tcb_facts *facts,
                                             const struct ee_attest_policy *policy,
                                             struct ee_tcb_outlook *out);

#endif
