/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of ee-control. */
#ifndef EE_CMD_CONTROL_COMMANDS_H
#define EE_CMD_CONTROL_COMMANDS_H

#include "base/err.h"

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

#endif
