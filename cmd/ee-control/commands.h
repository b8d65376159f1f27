/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of ee-control. */
#ifndef EE_CMD_CONTROL_COMMANDS_H
#define EE_CMD_CONTROL_COMMANDS_H

#include "base/err.h"

/* One line on standard error; returns the exit code. */
int ee_control_failed(enum ee_err err, const char *what);
int ee_control_usage(const char *problem);

int ee_control_cmd_journal(int argc, char **argv); /* journal.c */

int ee_control_cmd_read_model(int argc, char **argv); /* read_model.c */

#endif
