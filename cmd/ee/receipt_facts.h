/* SPDX-License-Identifier: Apache-2.0 */
/* What a checked receipt says, in words and as JSON. */
#ifndef EE_CMD_EE_RECEIPT_FACTS_H
#define EE_CMD_EE_RECEIPT_FACTS_H

#include <jansson.h>

#include "client/receipt_check.h"

enum { EE_CLI_SUMMARY_SIZE = 512 };

/* One sentence. Returns out. */
char *ee_cli_receipt_summary(const struct ee_receipt_checked *checked,
                             char out[EE_CLI_SUMMARY_SIZE]);
/* {"kind","seq","at","actor","network","verdict","summary","checks","settlement","checkpoint",
 * "simulated"}; new. */
json_t *ee_cli_receipt_json(const struct ee_receipt_checked *checked);
/* Every fact of a command that moves or locks credits, or is about the log; new. NULL: of another
 * kind, whose summary says all. receipt_details.c */
json_t *ee_cli_receipt_details(const struct ee_receipt_fact *fact);
json_t *ee_cli_recovery_json(const struct ee_recovery *recovery); /* new */

#endif
