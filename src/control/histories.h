/* SPDX-License-Identifier: Apache-2.0 */
/* What is made from the durable journal beside the money path: the read model, and the webhooks
 * that tell of it. */
#ifndef EE_CONTROL_HISTORIES_H
#define EE_CONTROL_HISTORIES_H

#include "control/state.h"

/* Once the sequencer runs. Without webhooks the network runs all the same, said in the log.
 * `webhook_ca_path`: authorities of receivers; NULL: the system's. EE_NO_MEMORY; EE_TOO_LARGE: of
 * the folder's name; errors of ee_read_model_new(). */
EE_MUST_USE enum ee_err ee_histories_open(struct ee_control *control, const char *webhook_ca_path);
/* What was not opened is fine. */
void ee_histories_close(struct ee_control *control);

#endif
