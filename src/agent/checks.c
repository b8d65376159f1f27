/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to the checks that decide a period. */
#include "agent/state.h"

#include "base/banned.h"

void ee_agent_on_check(struct ee_agent *agent, json_t *message)
{
    const json_t *id = json_object_get(message, "id"), *nonce = json_object_get(message, "nonce");
    ee_agent_send(agent,
                  json_pack("{s:s, s:O*, s:O*, s:o}", "type", "checked", "id", id, "nonce", nonce,
                            "leases",
                            ee_agent_leases_states(agent, json_object_get(message, "leases"))));
}
