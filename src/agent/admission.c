/* SPDX-License-Identifier: Apache-2.0 */
/* Both sides verify before trusting: docs/spec/agent-protocol.md, "Admission". */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state.h"
#include "base/text.h"
#include "io/clock.h"
#include "io/log.h"
#include "io/random.h"
#include "link/attest_channel.h"

#include "base/banned.h"

void ee_agent_hello(struct ee_agent *agent)
{
    char network[65], challenge[65], epoch[24];
    enum ee_err err = ee_agent_epoch_next(agent->options.folder, &agent->epoch);
    if (err == EE_OK)
        err = ee_conn_peer_key_hash(ee_tunnel_link_conn(agent->link), agent->control_key_hash);
    if (err != EE_OK) {
        ee_agent_session_fail(agent, err, "preparing the hello");
        return;
    }
    ee_random_bytes(agent->challenge, sizeof(agent->challenge));
    (void)snprintf(epoch, sizeof(epoch), "%" PRIu64, agent->epoch);
    agent->state = EE_AGENT_AWAITS_EVIDENCE;
    ee_agent_send(agent, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s*}", "type", "hello", "node",
                                   agent->options.node, "network",
                                   ee_hex_encode(agent->trust.network_id, 32, network), "version",
                                   EE_SOFTWARE_VERSION, "epoch", epoch, "challenge",
                                   ee_hex_encode(agent->challenge, 32, challenge), "checkpoint",
                                   agent->checkpoint_note[0] ? agent->checkpoint_note : NULL));
}

/* Of the allow-list, or of the policy. */
static enum ee_err logged_changes_apply(struct ee_agent *agent, const json_t *list)
{
    size_t index;
    const json_t *item;
    json_array_foreach(list, index, item)
    {
        struct ee_command command;
        uint8_t *bytes = NULL;
        size_t size;
        json_t *wrapped = json_pack("{s:O}", "command", item);
        bool ok = ee_agent_json_base64(wrapped, "command", EE_COMMAND_SIZE_MAX, &bytes, &size);
        json_decref(wrapped);
        enum ee_err err = ok ? ee_command_decode(ee_bytes_of(bytes, size), &command) : EE_SYNTAX;
        if (err == EE_OK)
            err = ee_trust_command(agent->crypto, &agent->trust, &command);
        free(bytes);
        EE_TRY(err);
    }
    return EE_OK;
}

/* By our own collateral, or by what the evidence brings when that is newer: it is signed by the
 * roots of the genesis, and so nothing stops when our first set has run out. Kept only when the
 * rest holds too: a stranger may not fill our table with genuine sets of other platforms. */
static enum ee_err evidence_judge(struct ee_agent *agent, const struct ee_evidence *evidence,
                                  struct ee_evidence_policy *policy,
                                  struct ee_evidence_verdict *verdict)
{
    struct ee_collateral_set *brought =
        ee_agent_collateral_offer(agent, evidence->collateral, "the control plane's evidence");
    const struct ee_collateral_set *set = brought;
    if (!brought || !ee_collateral_set_fits(brought, evidence->quote))
        set = ee_collateral_store_for(agent->collateral, evidence->quote);
    policy->collateral = set ? &set->collateral : NULL;
    enum ee_err err = ee_evidence_verify(agent->crypto, evidence, policy, NULL, 0, verdict);
    if (err == EE_OK && brought)
        ee_agent_collateral_keep(agent, brought);
    else
        ee_collateral_set_free(brought);
    return err;
}

static enum ee_err evidence_check(struct ee_agent *agent, const char *text,
                                  struct ee_evidence_policy *policy,
                                  struct ee_evidence_verdict *verdict)
{
    struct ee_evidence evidence;
    size_t size = strlen(text);
    uint8_t *memory = malloc(size + 1);
    enum ee_err err =
        memory ? ee_evidence_decode(agent->crypto, ee_bytes_of(text, size), memory, size, &evidence)
               : EE_NO_MEMORY;
    if (err == EE_OK)
        err = evidence_judge(agent, &evidence, policy, verdict);
    free(memory);
    return err;
}

static enum ee_err control_verify(struct ee_agent *agent, const char *text,
                                  struct ee_evidence_verdict *verdict)
{
    struct ee_evidence_policy policy;
    ee_agent_collateral_reload(agent);
    ee_trust_policy(&agent->trust, EE_ROLE_CONTROL, (int64_t)(ee_clock_wall_us() / 1000000),
                    &policy);
    policy.tls_key_hash = agent->control_key_hash;
    policy.nonce_kind = EE_NONCE_CHANNEL;
    EE_TRY(ee_attest_channel_nonce(agent->crypto, ee_tunnel_link_conn(agent->link),
                                   agent->challenge, agent->identity->tls_key_hash, EE_ROLE_CONTROL,
                                   &policy.nonce));
    return evidence_check(agent, text, &policy, verdict);
}

void ee_agent_on_control_evidence(struct ee_agent *agent, json_t *message)
{
    struct ee_evidence_verdict *verdict = &agent->verdict;
    uint8_t challenge[32];
    const char *text = json_string_value(json_object_get(message, "evidence"));
    enum ee_err err =
        text && ee_agent_json_hex(message, "challenge", challenge, 32) ? EE_OK : EE_SYNTAX;
    if (agent->state != EE_AGENT_AWAITS_EVIDENCE)
        err = EE_PROTOCOL;
    if (err == EE_OK)
        err = logged_changes_apply(agent, json_object_get(message, "allow_changes"));
    if (err == EE_OK)
        err = logged_changes_apply(agent, json_object_get(message, "policy_changes"));
    if (err == EE_OK)
        err = control_verify(agent, text, verdict);
    if (err != EE_OK) {
        /* Newer collateral may come any moment, and ends it. */
        agent->refused = err != EE_EXPIRED;
        ee_agent_session_fail(agent, err, "the control plane's evidence is refused");
        return;
    }
    EE_LOG(EE_LOG_INFO, "admission", "control plane verified: this connection is attested",
           ee_log_text("measurement", verdict->allowed->label),
           ee_log_bool("simulated", verdict->simulated));
    memcpy(agent->checkpoint_key, verdict->claims.checkpoint_key, sizeof(agent->checkpoint_key));
    err = ee_agent_checkpoint_recall(agent, message);
    if (err == EE_OK)
        err = ee_agent_checkpoint_take(agent, message, "checkpoint");
    if (err != EE_OK) {
        agent->refused = true;
        ee_agent_session_fail(agent, err, "the control plane's checkpoint is refused");
        return;
    }
    ee_agent_checkpoint_epoch(agent, verdict->claims.epoch);
    ee_agent_evidence_send(agent, challenge);
}

void ee_agent_on_admitted(struct ee_agent *agent, json_t *message)
{
    enum ee_err err = agent->state == EE_AGENT_AWAITS_VERDICT ? EE_OK : EE_PROTOCOL;
    if (err == EE_OK)
        err = ee_agent_checkpoint_take(agent, message, "checkpoint");
    if (err != EE_OK) {
        agent->refused = true;
        ee_agent_session_fail(agent, err, "the control plane's checkpoint is refused");
        return;
    }
    if (!ee_agent_json_hex(message, "join", agent->join_secret, sizeof(agent->join_secret)))
        ee_random_bytes(agent->join_secret, sizeof(agent->join_secret)); /* then none may join */
    agent->state = EE_AGENT_ADMITTED;
    agent->farewell = false;
    agent->admitted_at_us = ee_loop_now_us(agent->loop);
    agent->refused = false;
    ee_timer_stop(agent->admission_timer);
    (void)!ee_tunnel_hello_send(ee_tunnel_link_tunnel(agent->link)); /* streams may come now */
    EE_LOG(EE_LOG_INFO, "admission", "admitted", ee_log_text("node", agent->options.node),
           ee_log_unsigned("epoch", agent->epoch));
    ee_agent_leases_report(agent);
    ee_agent_services_offer(agent);
    ee_agent_links_begin(agent);
}

void ee_agent_on_refused(struct ee_agent *agent, json_t *message)
{
    const char *name = json_string_value(json_object_get(message, "error"));
    const char *detail = json_string_value(json_object_get(message, "detail"));
    EE_LOG(EE_LOG_ERROR, "admission", "refused by the control plane", ee_log_text("error", name),
           ee_log_text("detail", detail));
    agent->refused = !name || strcmp(name, ee_err_name(EE_EXPIRED)) != 0;
    ee_agent_session_fail(agent, EE_REFUSED, "refused by the control plane");
}
