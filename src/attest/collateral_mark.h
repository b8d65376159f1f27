/* SPDX-License-Identifier: Apache-2.0 */
/* How new collateral is, so that nobody is led back to an older issue: a host could replay a signed
 * TCB Info for the rest of its window. Pure; who remembers the marks is the caller's business. */
#ifndef EE_ATTEST_COLLATERAL_MARK_H
#define EE_ATTEST_COLLATERAL_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/verify.h"

struct ee_collateral_mark {
    uint8_t fmspc[EE_FMSPC_SIZE]; /* of the TCB Info */
    uint32_t tcb_evaluation;
    int64_t tcb_issued_s;
    uint32_t qe_evaluation;
    int64_t qe_issued_s;
    uint64_t root_crl_number;
    uint64_t pck_crl_number;
    bool processor_ca; /* whose PCK CRL it is */
};

/* Of collateral a quote verified with. False when the verdict has no proven collateral. */
bool ee_attest_collateral_mark(const struct ee_verdict *verdict, struct ee_collateral_mark *out);

/* Whether `next` may follow `seen`: no evaluation number, and no CRL number, may go down, and under
 * the same evaluation number no issue date. TCB Infos are compared within one FMSPC, PCK CRLs
 * within one CA. EE_REASON_COLLATERAL_OLDER with what in `finding_out`. */
EE_MUST_USE enum ee_reason ee_attest_collateral_not_older(const struct ee_collateral_mark *seen,
                                                          const struct ee_collateral_mark *next,
                                                          struct ee_finding *finding_out);

enum {
    EE_COLLATERAL_MARKS_MAX = 64,
    EE_COLLATERAL_MARKS_SIZE_MAX = 4096, /* encoded */
};

/* The newest seen, one row per platform family. Zero it to start. */
struct ee_collateral_marks {
    uint32_t count;
    struct ee_collateral_mark mark[EE_COLLATERAL_MARKS_MAX];
};

/* Checks against every row, then remembers. EE_COLLATERAL: older than one seen (`finding_out` says
 * what); EE_FULL: no room for another family; then nothing is remembered. */
EE_MUST_USE enum ee_err ee_attest_collateral_marks_take(struct ee_collateral_marks *marks,
                                                        const struct ee_collateral_mark *next,
                                                        struct ee_finding *finding_out);
/* Canonical bytes, label "ee-collateral-marks" version 1. */
EE_MUST_USE enum ee_err ee_attest_collateral_marks_encode(const struct ee_collateral_marks *marks,
                                                          struct ee_writer *out);
EE_MUST_USE enum ee_err ee_attest_collateral_marks_decode(struct ee_bytes bytes,
                                                          struct ee_collateral_marks *out);

#endif
