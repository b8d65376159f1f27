/* SPDX-License-Identifier: Apache-2.0 */
/* What another TCB set says of a platform that was verified before. Intel publishes a coming set
 * ("early", PCS API v4 parameter `update`) beside the one in force ("standard"): a platform judged
 * under both shows what will fail before it does. */
#ifndef EE_ATTEST_TCB_OUTLOOK_H
#define EE_ATTEST_TCB_OUTLOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "attest/policy.h"
#include "attest/qe_identity.h"
#include "attest/tcb_info.h"
#include "attest/verify.h"

/* A TCB set: both documents, read after their signatures held. Large (about 20 KB); borrows from
 * the collateral. */
struct ee_tcb_documents {
    struct ee_tcb_info tcb_info;
    struct ee_qe_identity qe_identity;
};

/* The part of a verified quote that TCB levels are compared with. No secrets, no pointers. */
struct ee_tcb_facts {
    struct ee_pck platform;
    uint16_t body_type; /* EE_BODY_TD_* */
    uint8_t tee_tcb_svn[EE_TCB_SVN_SIZE];
    uint8_t tee_tcb_svn_2[EE_TCB_SVN_SIZE]; /* TD 1.5: the module running now */
    uint16_t qe_svn;
};

/* From a verdict whose quote and platform were decoded. */
void ee_tcb_facts_of(const struct ee_verdict *verdict, struct ee_tcb_facts *out);

enum { EE_OUTLOOK_FINDINGS_MAX = 40 }; /* 16 + 1 + 16 components, module, QE, and advice */

struct ee_tcb_outlook {
    enum ee_err err;           /* EE_OK: the platform would be accepted under this set */
    struct ee_finding refusal; /* the rule that would refuse, when it would */
    enum ee_tcb_status status, platform_status, module_status, qe_status;
    int64_t tcb_date_s;                                  /* of the level reached */
    uint32_t evaluation;                                 /* of the set's TCB Info */
    int64_t issued_s, next_update_s;                     /* window of the set's TCB Info */
    struct ee_finding findings[EE_OUTLOOK_FINDINGS_MAX]; /* what is short, and the cure */
    size_t finding_count;
};

/* Judges `facts` by a set, and asks those rules of the policy that a set can change the answer of
 * (ee_attest_policy_decide_tcb()), as of `time_s`: graces end. Whether that set is
 * within its window is not asked: it is judged for what it says. About 40 KB of stack.
 * EE_COLLATERAL: the set is of another platform family (FMSPC or PCEID); `out` is unchanged. */
EE_MUST_USE enum ee_err ee_tcb_outlook_judge(const struct ee_tcb_documents *set,
                                             const struct ee_tcb_facts *facts,
                                             const struct ee_attest_policy *policy, int64_t time_s,
                                             struct ee_tcb_outlook *out);

#endif
