/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence for callers: the control plane's own, and that of the agent a lease was placed on. */
#include <string.h>

#include "base/text.h"
#include "control/api.h"
#include "control/session.h"

#include "base/banned.h"

static void evidence_done(void *context, enum ee_err err, struct ee_bytes text)
{
    struct ee_api_call *call = context;
    if (err == EE_OK)
        ee_api_answer_text(call, "application/json", text);
    else
        ee_api_fail(call, err, NULL);
}

static void ask(struct ee_api_call *call, const struct ee_nonce *nonce)
{
    if (!ee_api_wait(call))
        return;
    enum ee_err err = ee_quoter_ask(call->control->quoter, nonce, evidence_done, call);
    if (err != EE_OK)
        ee_api_fail(call, err, "too many challenges are waiting for a quote");
}

static bool read_nonce(struct ee_api_call *call, uint8_t out[32])
{
    char text[EE_ROUTE_VALUE_SIZE];
    enum ee_err err = ee_query_value(call->query, "nonce", text, sizeof text);
    if (err == EE_OK)
        err = ee_hex_decode(ee_bytes_str(text), out, 32);
    if (err != EE_OK)
        ee_api_fail(call, err == EE_NOT_FOUND ? EE_MISSING_FIELD : EE_SYNTAX,
                    "nonce: 64 hex digits, drawn by you, never used before");
    return err == EE_OK;
}

void ee_api_evidence(struct ee_api_call *call)
{
    uint8_t drawn[32];
    struct ee_nonce nonce;
    if (!read_nonce(call, drawn))
        return;
    ee_freshness_caller_nonce(call->control->crypto, drawn, &nonce);
    ask(call, &nonce);
}

void ee_api_evidence_channel(struct ee_api_call *call)
{
    struct ee_channel channel = {.role = EE_ROLE_CONTROL};
    struct ee_nonce nonce;
    const struct ee_json_field fields[] = {
        {"challenge", EE_JSON_HEX, channel.challenge, sizeof channel.challenge, false},
    };
    if (!ee_api_read(call, fields, 1))
        return;
    if (!call->has_exporter) {
        ee_api_fail(call, EE_UNSUPPORTED, "channel-bound evidence needs a TLS connection");
        return;
    }
    memcpy(channel.exporter, call->exporter, sizeof channel.exporter);
    ee_freshness_channel_nonce(call->control->crypto, &channel, &nonce);
    ask(call, &nonce);
}

static void lease_evidence_done(void *context, enum ee_err err, const json_t *message)
{
    struct ee_api_call *call = context;
    const char *text = json_string_value(json_object_get(message, "evidence"));
    if (err == EE_OK && text != NULL)
        ee_api_answer_text(call, "application/json", ee_bytes_str(text));
    else if (err == EE_OK && json_is_string(json_object_get(message, "error")))
        ee_api_fail(call, EE_TDX_QUOTE, "the agent could not get a quote now; try again");
    else
        ee_api_fail(call, err == EE_OK ? EE_PROTOCOL : err, "the agent gave no evidence");
}

void ee_api_lease_evidence(struct ee_api_call *call)
{
    uint8_t id[EE_ID_SIZE], nonce[32];
    char text[65];
    if (!read_nonce(call, nonce) || !ee_api_path_hex(call, 0, id, sizeof id))
        return;
    const struct ee_lease *lease = ee_core_lease(ee_control_core(call->control), id);
    if (lease == NULL || strcmp(lease->launcher, call->account) != 0 ||
        lease->state == EE_LEASE_ENDED) {
        ee_api_fail(call, EE_LEASE_UNKNOWN, NULL);
        return;
    }
    struct ee_session *session = ee_session_of_node(call->control, lease->node);
    enum ee_err err = EE_UNAVAILABLE;
    if (session != NULL && !ee_api_wait(call))
        return;
    if (session != NULL)
        err = ee_session_ask_for_client(session,
                                        json_pack("{s:s, s:s, s:b}", "type", "attest", "challenge",
                                                  ee_hex_encode(nonce, sizeof nonce, text),
                                                  "key_bound", true),
                                        "attested", lease_evidence_done, call);
    if (err != EE_OK)
        ee_api_fail(call, err, err == EE_FULL ? NULL : "the agent is not connected");
}
