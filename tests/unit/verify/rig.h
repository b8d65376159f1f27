/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated platform and what it gives: quotes, collateral, evidence; and a context that accepts
 * its root. For tests of the library; each thread has its own. */
#ifndef EE_TESTS_VERIFY_RIG_H
#define EE_TESTS_VERIFY_RIG_H

#include "attest/agent_log.h"
#include "attest/evidence.h"
#include "easyenclave/verify.h"
#include "sim/collateral.h"
#include "sim/quote.h"

enum { RIG_NOW_S = 1790000000, RIG_EVIDENCE_MAX = 128 * 1024 };

struct rig {
    struct ee_sim_authority authority;
    struct ee_sim_platform platform;
    struct ee_sim_td td;
    uint8_t report_data[64];
    uint8_t quote[EE_SIM_QUOTE_MAX];
    size_t quote_size;
    char collateral[EE_SIM_COLLATERAL_MAX];
    size_t collateral_size;
    uint8_t drawn[32]; /* what the asker drew */
    struct ee_claims claims;
    uint8_t log[256]; /* of the agent: two events, in RTMR3 */
    size_t log_size;
    char evidence[RIG_EVIDENCE_MAX];
    size_t evidence_size;
    uint8_t digest[32]; /* of the TD's measurement */
    uint8_t memory[2 * RIG_EVIDENCE_MAX];
    struct ee_verify_context *context; /* heap */
    struct ee_verify_result *result;   /* heap */
};

/* A platform with these ee_sim_fault bits, whose quote answers rig->drawn. NULL: it failed. */
struct rig *rig_new(uint32_t faults, const struct ee_verify_limits *limits);
void rig_free(struct rig *rig);
struct ee_verify_quote_request rig_quote_request(const struct rig *rig);
struct ee_verify_evidence_request rig_evidence_request(struct rig *rig, const uint8_t nonce[32]);

#endif
