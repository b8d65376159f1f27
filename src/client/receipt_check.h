/* SPDX-License-Identifier: Apache-2.0 */
/* A receipt file checked to the end, offline: the signer's evidence against the genesis, the
 * checkpoint against the evidence, command and result against the checkpoint, and a settlement
 * against its checks. docs/spec/receipt.md. */
#ifndef EE_CLIENT_RECEIPT_CHECK_H
#define EE_CLIENT_RECEIPT_CHECK_H

#include "core/receipt.h"
#include "core/trust.h"

/* What the receipt proved; about 30 KB. */
struct ee_receipt_checked {
    struct ee_receipt_fact fact;       /* payload borrowed from `memory` */
    struct ee_evidence_verdict signer; /* its `allowed` is borrowed from the trust */
    bool is_settlement;
    struct ee_receipt_settlement settlement; /* of a CHECKS command that settled */
    uint8_t *memory;
};

/* `time_s` is when the evidence must be valid, `collateral` ours, or NULL to use what the evidence
 * brings. Checks, in this order: the file's form (ee_receipt_file_read, ee_receipt_decode), the
 * evidence's form and its verification as a control plane of the network (ee_evidence_verify), the
 * receipt by the checkpoint key of its claims (ee_receipt_verify), the checkpoint is not older than
 * the log head of the claims (EE_CHECKPOINT), and a settlement follows from its checks
 * (ee_receipt_settlement_consistent). `out` is written on EE_OK only and then freed by
 * ee_receipt_checked_free(). EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_receipt_check(const struct ee_crypto *crypto,
                                         const struct ee_trust *trust, struct ee_bytes file,
                                         int64_t time_s, const struct ee_collateral *collateral,
                                         struct ee_receipt_checked *out);
void ee_receipt_checked_free(struct ee_receipt_checked *checked);

#endif
