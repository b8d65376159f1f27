/* SPDX-License-Identifier: Apache-2.0 */
/* What was said about the log: recoveries, and the succession of the checkpoint key. Public:
 * whoever refuses a head can see why it changed. */
#include "control/api.h"
#include "control/statements.h"

#include "base/banned.h"

void ee_api_recovery(struct ee_api_call *call)
{
    const struct ee_control *control = call->control;
    ee_api_answer_json(call, 200,
                       json_pack("{s:b, s:o, s:o}", "rolled_back", (int)control->rolled_back,
                                 "size", ee_json_u64(ee_sequencer_durable_seq(control->sequencer)),
                                 "statements", ee_statements_json(control, EE_COMMAND_RECOVERY)));
}

void ee_api_checkpoint_keys(struct ee_api_call *call)
{
    const struct ee_control *control = call->control;
    ee_api_answer_json(
        call, 200,
        json_pack("{s:o, s:o}", "key",
                  ee_json_hex(ee_sequencer_checkpoint_key(control->sequencer), EE_ED25519_KEY_SIZE),
                  "statements", ee_statements_json(control, EE_COMMAND_CHECKPOINT_KEY)));
}
