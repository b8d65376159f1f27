/* SPDX-License-Identifier: Apache-2.0 */
/* Simulated collateral, decoded and proven: for tests of what compares and judges sets. */
#ifndef EE_TESTS_ATTEST_SIM_ISSUE_H
#define EE_TESTS_ATTEST_SIM_ISSUE_H

#include <string.h>

#include "attest/collateral_order.h"
#include "io/crypto_openssl.h"
#include "sim/collateral.h"
#include "sim/quote.h"

enum { SIM_ISSUED_S = 1790000000, SIM_DAY_S = 86400 };

static struct ee_sim_authority sim_authority;
static const uint8_t sim_seed[32] = {'i', 's', 's', 'u', 'e'};

struct sim_issue {
    char text[EE_SIM_COLLATERAL_MAX];
    size_t size;
    uint8_t scratch[EE_SIM_COLLATERAL_MAX];
    struct ee_collateral collateral;
    struct ee_tcb_documents documents;
    struct ee_verdict verdict;
    struct ee_collateral_facts facts;
};

static inline bool sim_issue_start(void)
{
    return sim_authority.root.size > 0 ||
           ee_sim_authority_init(&sim_authority, &ee_crypto_openssl, sim_seed) == EE_OK;
}

static inline bool sim_issue_write(struct sim_issue *out,
                                   const struct ee_sim_collateral_options *options)
{
    return sim_issue_start() &&
           ee_sim_collateral_write_with(&ee_crypto_openssl, &sim_authority, options, out->text,
                                        sizeof(out->text), &out->size) == EE_OK &&
           ee_attest_collateral_decode(ee_bytes_of(out->text, out->size), out->scratch,
                                       sizeof(out->scratch), &out->collateral) == EE_REASON_NONE;
}

static inline enum ee_err sim_issue_prove(struct sim_issue *issue, int64_t time_s)
{
    uint8_t roots[1][EE_P256_POINT_SIZE];
    memcpy(roots[0], ee_sim_authority_root_key(&sim_authority), sizeof(roots[0]));
    const struct ee_verify_input input = {.collateral = &issue->collateral,
                                          .roots = (const uint8_t(*)[EE_P256_POINT_SIZE])roots,
                                          .root_count = 1,
                                          .time_s = time_s};
    return ee_collateral_prove(&ee_crypto_openssl, &input, &issue->documents, &issue->verdict,
                               &issue->facts);
}

#endif
