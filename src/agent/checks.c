/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to the checks that decide a period. */
#include <stdlib.h>

#include "agent/state.h"
#include "link/attest_channel.h"

#include "base/banned.h"

void ee_agent_on_check(struct ee_agent *agent, json_t *message)
{
    const json_t *id = json_object_get(message, "id"), *nonce = json_object_get(message, "nonce");
    ee_agent_send(agent,
                  json_pack("{s:s, s:O*, s:O*, s:o}", "type", "checked", "id", id, "nonce", nonce,
                            "leases",
                            ee_agent_leases_states(agent, json_object_get(message, "leases"))));
}

void ee_agent_on_attest(struct ee_agent *agent, json_t *message)
{
    struct ee_nonce nonce;
    uint8_t challenge[32];
    bool for_client = json_is_true(json_object_get(message, "key_bound"));
    if (!ee_agent_json_hex(message, "challenge", challenge, sizeof(challenge)))
        return;
    enum ee_err err = EE_OK;
    if (for_client)
        ee_freshness_caller_nonce(agent->crypto, challenge, &nonce);
    else
        err = ee_attest_channel_nonce(agent->crypto, ee_tunnel_link_conn(agent->link), challenge,
                                      agent->control_key_hash, EE_ROLE_AGENT, &nonce);
    char *text = err == EE_OK ? ee_agent_evidence(agent, &nonce, for_client) : NULL;
    if (text)
        ee_agent_send(agent, json_pack("{s:s, s:O*, s:s}", "type", "attested", "id",
                                       json_object_get(message, "id"), "evidence", text));
    free(text);
}
