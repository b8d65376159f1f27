/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of ee-control. */
#ifndef EE_CMD_CONTROL_COMMANDS_H
#define EE_CMD_CONTROL_COMMANDS_H

#include <stddef.h>

#include "base/err.h"
#include "seal/shamir.h"

struct ee_vault;

/* One line on standard error; returns the exit code. */
int ee_control_failed(enum ee_err err, const char *what);
int ee_control_usage(const char *problem);
/* Verifies a signed statement (core/statement.h) and puts it into the state folder under `name`:
 * "recovery" or "succession". recovery.c */
EE_MUST_USE enum ee_err ee_control_statement_put(const char *state, const char *name,
                                                 const char *genesis, const char *from);

int ee_control_cmd_journal(int argc, char **argv);        /* journal.c */
int ee_control_cmd_recovery(int argc, char **argv);       /* recovery.c */
int ee_control_cmd_checkpoint_key(int argc, char **argv); /* checkpoint_key.c */
int ee_control_cmd_cert(int argc, char **argv);           /* cert.c */
int ee_control_cmd_unseal(int argc, char **argv);         /* unseal.c */
int ee_control_cmd_holder(int argc, char **argv);
int ee_control_cmd_renew(int argc, char **argv);

/* ---- journal_access.c ---- */

struct ee_control_access {
    const char *key_file;
    const char *holder_keys[EE_SHAMIR_SHARES_MAX];
    size_t holder_count;
};
/* The keys of the journal at `path`: those named, else STATE/journal.key if it is there, else *out
 * is NULL. EE_RANGE: not as many holders as its threshold; EE_NOT_FOUND: holders do not keep its
 * key, or a file is missing; EE_SEAL_OPEN; errors of journal_keys.h. */
EE_MUST_USE enum ee_err ee_control_access_open(const struct ee_control_access *access,
                                               const char *state, const char *path,
                                               struct ee_vault **out);

int ee_control_cmd_read_model(int argc, char **argv); /* read_model.c */

#endif
