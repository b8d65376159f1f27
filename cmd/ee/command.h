/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of `ee`. Each gets argv from its own name on and returns the exit code. A new command is
 * a file, a declaration here and a row in main.c. */
#ifndef EE_CMD_EE_COMMAND_H
#define EE_CMD_EE_COMMAND_H

int ee_cmd_verify_quote(int argc, char **argv);

#endif
