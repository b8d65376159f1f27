/* SPDX-License-Identifier: Apache-2.0 */
/* The files that `ee verify quote`, `ee tcb-status` and `ee policy` read. A file that cannot be
 * read is exit 2: nothing was proven or refuted. */
#ifndef EE_CMD_EE_ATTEST_FILES_H
#define EE_CMD_EE_ATTEST_FILES_H

#include "attest/policy.h"
#include "attest/verify.h"
#include "command.h"
#include "io/file.h"

enum { EE_CLI_EXIT_UNREADABLE = 2, EE_CLI_EXIT_REJECTED = 7 };

/* Raw bytes of a quote or report from a file in any of the forms tools write: raw, hex (0x, line
 * ends), base64 or base64url, a JSON array of bytes, a JSON object with a member "quote" in one of
 * these. The caller frees with ee_file_data_free(). */
EE_MUST_USE enum ee_err ee_cli_quote_read(struct ee_cli *cli, const char *path,
                                          struct ee_file_data *out);

/* A collateral file; what was decoded borrows from it. */
struct ee_cli_collateral {
    struct ee_file_data file;
    uint8_t *scratch;
    struct ee_collateral collateral;
    enum ee_reason reason; /* why it is no collateral: a verdict, not a usage error */
};
EE_MUST_USE enum ee_err ee_cli_collateral_read(struct ee_cli *cli, const char *path,
                                               struct ee_cli_collateral *out);
void ee_cli_collateral_free(struct ee_cli_collateral *collateral);

struct ee_cli_roots {
    uint8_t key[EE_DER_CHAIN_MAX][EE_P256_POINT_SIZE];
    size_t count;
};
/* "production", or a PEM file of root certificates. */
EE_MUST_USE enum ee_err ee_cli_roots_read(struct ee_cli *cli, const char *word,
                                          struct ee_cli_roots *out);
/* "none", "strict", "network" or a policy file. */
EE_MUST_USE enum ee_err ee_cli_policy_read(struct ee_cli *cli, const char *word,
                                           struct ee_attest_policy *out);
/* Verifies with what was read; a collateral file that is none is a refusal. */
EE_MUST_USE enum ee_err ee_cli_quote_verify(struct ee_bytes quote,
                                            const struct ee_cli_collateral *collateral,
                                            const struct ee_cli_roots *roots, int64_t time_s,
                                            struct ee_verdict *out);

#endif
