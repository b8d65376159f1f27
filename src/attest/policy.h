/* SPDX-License-Identifier: Apache-2.0 */
/* A policy decides on what verification reported: statuses, TD flags, age of the collateral. */
#ifndef EE_ATTEST_POLICY_H
#define EE_ATTEST_POLICY_H

#include <stdint.h>

#include "attest/verify.h"

struct ee_attest_policy {
    const char *name;
    uint32_t statuses;       /* accepted: bit (1 << enum ee_tcb_status) */
    uint32_t refused_flags;  /* EE_TD_FLAG_BIT() */
    uint32_t min_evaluation; /* of the TCB Info; 0 for any */
};

extern const struct ee_attest_policy ee_attest_policy_none;    /* whatever verified */
extern const struct ee_attest_policy ee_attest_policy_strict;  /* UpToDate, not DEBUG */
extern const struct ee_attest_policy ee_attest_policy_network; /* strict, and no flag that lets a
                                                                  host or another TD in */

/* EE_OK, the verdict's own failure, or the rule that refuses; `finding_out` names it. */
EE_MUST_USE enum ee_err ee_attest_policy_check(const struct ee_attest_policy *policy,
                                               const struct ee_verdict *verdict,
                                               struct ee_finding *finding_out);

#endif
