/* SPDX-License-Identifier: Apache-2.0 */
/* The evidence in a receipt, judged under the logged changes that the receipt brings. */
#ifndef EE_CLIENT_RECEIPT_JUDGE_H
#define EE_CLIENT_RECEIPT_JUDGE_H

#include "client/evidence.h"
#include "client/receipt_check.h"

/* As ee_client_evidence_judge_saved(): out->time_s is a time at which the evidence holds, for
 * ee_receipt_check(). Also the errors of reading a receipt and of ee_receipt_changes_apply(). */
EE_MUST_USE enum ee_err ee_client_receipt_judge(struct ee_client_problem *problem,
                                                const struct ee_trust *trust, struct ee_bytes file,
                                                int64_t time_s, struct ee_client_judged *out);

#endif
