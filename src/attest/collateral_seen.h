/* SPDX-License-Identifier: Apache-2.0 */
/* How new the collateral was that somebody was shown, so that nobody is led back to an older issue:
 * a host could hand out a signed TCB Info for the rest of its 30 days although a newer one says
 * that its platform is out of date. Pure; where it is kept is the caller's business. */
#ifndef EE_ATTEST_COLLATERAL_SEEN_H
#define EE_ATTEST_COLLATERAL_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#include "attest/verify.h"

/* Of one platform family and PCK CA. */
struct ee_collateral_seen {
    uint8_t fmspc[EE_FMSPC_SIZE];
    bool processor_ca;
    uint32_t tcb_evaluation;
    int64_t tcb_issued_s;
    uint32_t qe_evaluation;
    int64_t qe_issued_s;
    uint64_t root_crl_number;
    uint64_t pck_crl_number;
};

/* What a quote was verified with. False when the verdict has no proven collateral. */
bool ee_attest_collateral_seen(const struct ee_verdict *verdict, struct ee_collateral_seen *out);

/* No evaluation number and no CRL number may go down; under the same evaluation number no issue
 * date by more than `slack_s` seconds: numbers do not identify content, but two honest holders of
 * collateral may have fetched it on different days. TCB Infos are compared within a family, PCK
 * CRLs within a CA. EE_REASON_COLLATERAL_OLDER, with what in `finding_out`. */
EE_MUST_USE enum ee_reason ee_attest_collateral_not_older(const struct ee_collateral_seen *seen,
                                                          const struct ee_collateral_seen *next,
                                                          int64_t slack_s,
                                                          struct ee_finding *finding_out);

enum {
    EE_COLLATERAL_SLACK_S = 7 * 24 * 3600, /* of a network with several control planes */
    EE_COLLATERAL_SEEN_MAX = 64,
    EE_COLLATERAL_SEEN_SIZE_MAX = 4096, /* encoded */
};

/* The newest of each family and CA. Zero it to start. */
struct ee_collateral_memory {
    uint32_t count;
    struct ee_collateral_seen row[EE_COLLATERAL_SEEN_MAX];
};

/* Against every row. */
EE_MUST_USE enum ee_reason ee_attest_collateral_recall(const struct ee_collateral_memory *memory,
                                                       const struct ee_collateral_seen *next,
                                                       int64_t slack_s,
                                                       struct ee_finding *finding_out);
/* Keeps what is newer, value by value: what another wrote meanwhile stays. When all rows are taken
 * the one whose TCB Info is oldest goes. */
void ee_attest_collateral_remember(struct ee_collateral_memory *memory,
                                   const struct ee_collateral_seen *next);

/* Label "ee-collateral-seen" version 1, u8 count, rows field by field. Decoding: EE_RANGE,
 * EE_DUPLICATE_FIELD and the cursor's errors. */
EE_MUST_USE enum ee_err
ee_attest_collateral_memory_encode(const struct ee_collateral_memory *memory,
                                   struct ee_writer *out);
EE_MUST_USE enum ee_err ee_attest_collateral_memory_decode(struct ee_bytes bytes,
                                                           struct ee_collateral_memory *out);

#endif
