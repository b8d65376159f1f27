/* SPDX-License-Identifier: Apache-2.0 */
/* What a bundle holds, for people and as JSON. */
#ifndef EE_CMD_EE_BUNDLE_SHOW_H
#define EE_CMD_EE_BUNDLE_SHOW_H

#include "client/bundle.h"
#include "command.h"

/* Every event log of the bundle: how many events, which registers of `td` it replays to, and what
 * its events say. NULL `td`: the quote could not be read. New. */
json_t *ee_cli_event_logs_json(const struct ee_bundle *bundle, const struct ee_td_report *td);
/* The same as text, with a line per fact or event of the agent. */
void ee_cli_event_logs_print(const struct ee_bundle *bundle, const struct ee_td_report *td);
/* A bundle or evidence file. */
EE_MUST_USE enum ee_err ee_cli_bundle_read(struct ee_cli *cli, const char *path,
                                           struct ee_client_bundle *out);

#endif
