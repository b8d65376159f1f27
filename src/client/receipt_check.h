/* SPDX-License-Identifier: Apache-2.0 */
/* A receipt file checked to the end, offline: the signer's evidence against the genesis, the
 * checkpoint against the evidence, command and result against the checkpoint, and a settlement
 * against its checks. docs/spec/receipt.md. */
#ifndef EE_CLIENT_RECEIPT_CHECK_H
#define EE_CLIENT_RECEIPT_CHECK_H

#include "core/receipt.h"
#include "core/statement.h"
#include "core/trust.h"

/* What the receipt proved; about 30 KB. */
struct ee_receipt_checked {
    struct ee_receipt_fact fact;       /* payload borrowed from `memory` */
    struct ee_evidence_verdict signer; /* its `allowed` is borrowed from `trust` below */
    bool is_settlement;
    struct ee_receipt_settlement settlement; /* of a CHECKS command that settled */
    /* What the receipt brought: number of the last change of the allow-list and of the policy, 0:
     * none; a later one may have taken back what these allow. And how often the key changed. */
    uint64_t changes, policy_change;
    size_t successions;
    struct ee_trust *trust; /* with these; `signer` borrows from it */
    uint8_t *memory;
};

/* Applies the logged changes in a receipt to `trust`, each signed by the founding key (errors of
 * ee_trust_command()), and gives the statements of succession among them, not yet judged. */
EE_MUST_USE enum ee_err ee_receipt_changes_apply(const struct ee_crypto *crypto,
                                                 const struct ee_receipt *receipt,
                                                 struct ee_trust *trust,
                                                 struct ee_checkpoint_key out[EE_SUCCESSIONS_MAX],
                                                 size_t *count_out);

/* `time_s` is when the evidence must be valid, `collateral` ours, or NULL to use what the evidence
 * brings. Checks, in this order: the file's form (ee_receipt_file_read, ee_receipt_decode), the
 * logged changes it brings (ee_receipt_changes_apply), the evidence's form and its verification as
 * a control plane of the network under these (ee_evidence_verify), the statements of succession up
 * to the key in the claims (ee_succession_verify), the receipt by the checkpoint key of its claims
 * (ee_receipt_verify), the checkpoint is not older than the log head of the claims (EE_CHECKPOINT),
 * and a settlement follows from its checks (ee_receipt_settlement_consistent). `out` is written on
 * EE_OK only and then freed by ee_receipt_checked_free(). EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_receipt_check(const struct ee_crypto *crypto,
                                         const struct ee_trust *trust, struct ee_bytes file,
                                         int64_t time_s, const struct ee_collateral *collateral,
                                         struct ee_receipt_checked *out);
void ee_receipt_checked_free(struct ee_receipt_checked *checked);

#endif
