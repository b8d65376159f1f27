/* SPDX-License-Identifier: Apache-2.0 */
/* TD QE identity version 2 (Intel PCS API v4, "Get TD QE Identity"): which enclave may certify
 * attestation keys. Parse only bytes whose signature was verified. */
#ifndef EE_ATTEST_QE_IDENTITY_H
#define EE_ATTEST_QE_IDENTITY_H

#include <stdint.h>

#include "attest/levels.h"
#include "attest/quote.h"

struct ee_qe_identity {
    int64_t issued_s;
    int64_t next_update_s;
    uint32_t evaluation;
    uint32_t miscselect;
    uint32_t miscselect_mask;
    uint8_t attributes[16];
    uint8_t attributes_mask[16];
    uint8_t mrsigner[32];
    uint16_t product_id;
    struct ee_svn_levels levels;
};

/* `out` is also the working memory and undefined after a failure. Borrows from `text`. */
EE_MUST_USE enum ee_reason ee_attest_qe_identity_decode(struct ee_bytes text,
                                                        struct ee_qe_identity *out);

enum { EE_QE_FINDINGS_MAX = 5 };
/* Every way in which the QE report differs from the identity; how many were written. The SVN is
 * judged by its levels, not here. */
size_t ee_attest_qe_identity_compare(const struct ee_qe_identity *identity,
                                     const struct ee_sgx_report *qe,
                                     enum ee_reason out[EE_QE_FINDINGS_MAX]);

#endif
