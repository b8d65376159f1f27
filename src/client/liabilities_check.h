/* SPDX-License-Identifier: Apache-2.0 */
/* An account's proof of liabilities, checked offline to the end: its balance is a leaf of the tree,
 * the tree's root and total are in the log of the network. docs/spec/liabilities.md. */
#ifndef EE_CLIENT_LIABILITIES_CHECK_H
#define EE_CLIENT_LIABILITIES_CHECK_H

#include "client/problem.h"
#include "client/receipt_check.h"

enum { EE_CLIENT_LIABILITIES_MAX = 2 * EE_RECEIPT_FILE_MAX };

struct ee_client_owed {
    char account[EE_NAME_MAX + 1];
    struct ee_money amount; /* of the account; what was reserved is in it */
    uint64_t seq;           /* of the command that said the root */
    struct ee_liabilities_result sums;
    uint8_t root[32];
    bool simulated;
};

/* `time_s`: when the signer's evidence must hold; 0: now, else when its collateral was issued.
 * EE_SYNTAX, EE_RANGE: the file; EE_LIABILITIES: the account is not what the leaf is of, or the
 * receipt is of another command; errors of ee_tlog_sum_verify() and ee_receipt_check(). `problem`
 * says which, exit code 7. */
EE_MUST_USE enum ee_err ee_client_liabilities_check(struct ee_client_problem *problem,
                                                    const struct ee_trust *trust,
                                                    struct ee_bytes file, int64_t time_s,
                                                    struct ee_client_owed *out);

#endif
