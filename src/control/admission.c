/* SPDX-License-Identifier: Apache-2.0 */
/* Both sides verify before trusting: docs/spec/agent-protocol.md, "Admission". */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "control/anchor.h"
#include "control/statements.h"
#include "control/collateral.h"
#include "control/history.h"
#include "control/leases.h"
#include "control/outlook.h"
#include "control/proofs.h"
#include "control/scheduler.h"
#include "control/session.h"
#include "control/verify.h"
#include "io/log.h"
#include "io/random.h"
#include "link/attest_channel.h"

#include "base/banned.h"

enum { ALLOW_CHANGES_MAX = 64 };

void ee_session_refuse(struct ee_session *session, enum ee_err err, const char *detail)
{
    if (session->state == EE_SESSION_ENDED)
        return;
    session->control->refusals++;
    EE_LOG(EE_LOG_WARN, "admission", "agent refused", ee_log_text("node", session->node),
           ee_log_text("detail", detail), ee_log_err(err),
           ee_log_unsigned("refusals", session->control->refusals));
    ee_session_send(session, json_pack("{s:s, s:s, s:s}", "type", "refused", "error",
                                       ee_err_name(err), "detail", detail));
    ee_session_close(session, err, detail);
}

/* ---- 1: hello ---- */

/* The note an agent has seen: one of ours beyond our journal means that we were rolled back. The
 * agent hears of it in our evidence, which it can believe. */
static void check_checkpoint(struct ee_session *session, const json_t *value)
{
    const json_t *note = json_is_object(value) ? json_object_get(value, "note") : value;
    const char *text = json_string_value(note);
    if (text != NULL)
        session->agent_has_newer =
            ee_anchor_compare(session->control, text, &session->agent_size) != EE_OK;
}

static void list_add(json_t *message, const char *name, json_t *list)
{
    if (json_array_size(list) > 0)
        json_object_set(message, name, list);
    json_decref(list);
}

/* Once, and again after another was written: why a head is older than one the agent has seen, and
 * whose key signs. */
static void statements_add(struct ee_session *session, json_t *message)
{
    const struct ee_control *control = session->control;
    size_t count = 0;
    while (ee_core_succession_at(ee_control_core(control), count) != NULL)
        count++;
    if (session->told_statements && session->told_keys == count)
        return;
    session->told_statements = true;
    session->told_keys = count;
    list_add(message, "checkpoint_keys", ee_statements_json(control, EE_COMMAND_CHECKPOINT_KEY));
    list_add(message, "recoveries", ee_statements_json(control, EE_COMMAND_RECOVERY));
}

void ee_session_checkpoint_add(struct ee_session *session, json_t *message, const char *name)
{
    const struct ee_sequencer *sequencer = session->control->sequencer;
    uint64_t size = ee_sequencer_durable_seq(sequencer);
    struct ee_bytes note = ee_sequencer_checkpoint(sequencer);
    json_t *proof = session->agent_size > 0 && session->agent_size < size
                        ? ee_proofs_consistency(session->control, session->agent_size, size)
                        : NULL;
    json_object_set_new(message, name, json_stringn((const char *)note.data, note.size));
    statements_add(session, message);
    if (proof != NULL)
        json_object_set_new(message, "consistency", proof);
    if (!session->agent_has_newer)
        session->agent_size = size;
}

static enum ee_err read_hello(struct ee_session *session, const json_t *message,
                              char detail[EE_JSON_DETAIL_SIZE])
{
    uint8_t network[32];
    json_t *checkpoint = NULL;
    const struct ee_json_field fields[] = {
        {"node", EE_JSON_NAME, session->node, 0, false},
        {"network", EE_JSON_HEX, network, sizeof network, false},
        {"epoch", EE_JSON_U64, &session->epoch, 0, false},
        {"challenge", EE_JSON_HEX, session->their_challenge, 32, false},
        {"checkpoint", EE_JSON_VALUE, &checkpoint, 0, true},
    };
    EE_TRY(
        ee_json_read(message, fields, sizeof fields / sizeof fields[0], EE_JSON_TOLERANT, detail));
    detail[0] = '\0';
    if (memcmp(network, session->control->trust.network_id, sizeof network) != 0)
        return EE_WRONG_NETWORK;
    check_checkpoint(session, checkpoint);
    return EE_OK;
}

/* Canonical ALLOW commands, for agents whose genesis does not list our measurement. */
static json_t *allow_changes(struct ee_control *control)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ALLOW_CHANGES_MAX; i++) {
        struct ee_history *history;
        uint64_t seq = ee_core_allow_change_seq(ee_control_core(control), i);
        if (seq == 0 || ee_history_read(control->sequencer, seq, &history) != EE_OK)
            break;
        json_array_append_new(list,
                              ee_json_base64(ee_bytes_of(history->memory, history->command_size)));
        ee_history_free(history);
    }
    return list;
}

/* The newest POLICY command, if any: it holds the whole policy. */
static json_t *policy_changes(struct ee_control *control)
{
    const struct ee_policy_applied *applied = NULL, *next;
    struct ee_history *history;
    json_t *list = json_array();
    for (size_t i = 0; (next = ee_core_policy_change(ee_control_core(control), i)) != NULL; i++)
        if (next->seq <= ee_sequencer_durable_seq(control->sequencer))
            applied = next;
    if (applied == NULL || ee_history_read(control->sequencer, applied->seq, &history) != EE_OK)
        return list;
    json_array_append_new(list,
                          ee_json_base64(ee_bytes_of(history->memory, history->command_size)));
    ee_history_free(history);
    return list;
}

/* ---- 2: our evidence ---- */

static void on_own_evidence(void *context, enum ee_err err, struct ee_bytes text)
{
    struct ee_session *session = context;
    if (session->state != EE_SESSION_QUOTING)
        return;
    if (err != EE_OK) {
        ee_session_refuse(session, err, "the control plane cannot give evidence now");
        return;
    }
    ee_random_bytes(session->our_challenge, sizeof session->our_challenge);
    err = ee_attest_channel_nonce(session->control->crypto, ee_tunnel_link_conn(session->link),
                                  session->our_challenge, session->control->keys.tls_key_hash,
                                  EE_ROLE_AGENT, &session->nonce);
    if (err != EE_OK) {
        ee_session_refuse(session, err, "the connection has no exporter");
        return;
    }
    session->state = EE_SESSION_AWAITS_EVIDENCE;
    json_t *message = json_pack("{s:s, s:s%, s:o}", "type", "evidence", "evidence",
                                (const char *)text.data, text.size, "challenge",
                                ee_json_hex(session->our_challenge, sizeof session->our_challenge));
    json_t *changes = allow_changes(session->control);
    if (json_array_size(changes) > 0)
        json_object_set(message, "allow_changes", changes);
    json_decref(changes);
    changes = policy_changes(session->control);
    if (json_array_size(changes) > 0)
        json_object_set(message, "policy_changes", changes);
    json_decref(changes);
    ee_session_checkpoint_add(session, message, "checkpoint");
    ee_session_send(session, message);
}

void ee_session_on_hello(struct ee_session *session, const json_t *message)
{
    char detail[EE_JSON_DETAIL_SIZE] = "";
    struct ee_nonce nonce;
    struct ee_control *control = session->control;
    const struct ee_conn *conn = ee_tunnel_link_conn(session->link);
    enum ee_err err = read_hello(session, message, detail);
    if (err == EE_OK && ee_conn_peer_key_hash(conn, session->peer_key_hash) != EE_OK)
        err = EE_NOT_BOUND;
    if (err == EE_OK)
        err = ee_attest_channel_nonce(control->crypto, conn, session->their_challenge,
                                      session->peer_key_hash, EE_ROLE_CONTROL, &nonce);
    if (err == EE_OK)
        err = ee_quoter_ask(control->quoter, &nonce, on_own_evidence, session);
    ee_timer_start(session->timer, EE_SESSION_ADMISSION_MS, 0);
    if (err == EE_OK)
        session->state = EE_SESSION_QUOTING;
    else
        ee_session_refuse(session, err, detail[0] != '\0' ? detail : ee_err_text(err));
}

/* ---- 4: the agent's evidence ---- */

static enum ee_err read_leases(struct ee_session *session, const json_t *list)
{
    size_t index;
    json_t *item;
    if (!json_is_array(list) || json_array_size(list) > EE_SESSION_LEASES_MAX)
        return EE_SYNTAX;
    free(session->leases);
    session->leases = calloc(json_array_size(list) + 1, EE_ID_SIZE);
    session->lease_count = 0;
    if (session->leases == NULL)
        return EE_NO_MEMORY;
    json_array_foreach(list, index, item)
    {
        const char *text = json_string_value(item);
        if (text == NULL ||
            ee_hex_decode(ee_bytes_str(text), session->leases[index], EE_ID_SIZE) != EE_OK)
            return EE_SYNTAX;
        session->lease_count++;
    }
    return EE_OK;
}

/* By the identity key, over what makes this session this session. */
static enum ee_err check_signature(const struct ee_session *session, const uint8_t signature[64])
{
    uint8_t memory[256];
    struct ee_writer w;
    ee_writer_init(&w, memory, sizeof memory);
    ee_writer_label(&w, "ee-hello", 1);
    ee_writer_bytes(&w, session->control->trust.network_id, 32);
    ee_writer_text(&w, session->node);
    ee_writer_u64(&w, session->epoch);
    ee_writer_bytes(&w, session->nonce.bytes, EE_NONCE_SIZE);
    if (w.err != EE_OK ||
        !session->control->crypto->ed25519_verify(session->identity, ee_writer_done(&w), signature))
        return EE_SIGNATURE;
    return EE_OK;
}

static enum ee_err check_identity(struct ee_session *session, const struct ee_claims *claims)
{
    const struct ee_node *node = ee_core_node(ee_control_core(session->control), session->node);
    if (node == NULL)
        return EE_NODE_UNKNOWN;
    if (strcmp(claims->node_name, session->node) != 0 ||
        memcmp(claims->identity, node->agent_key, sizeof claims->identity) != 0)
        return EE_WRONG_IDENTITY;
    memcpy(session->identity, claims->identity, sizeof session->identity);
    return EE_OK;
}

static enum ee_err judge(struct ee_session *session, const char *text, const uint8_t signature[64],
                         struct ee_evidence_verdict *verdict)
{
    struct ee_verify_request request = {.text = ee_bytes_str(text),
                                        .nonce = &session->nonce,
                                        .tls_key_hash = session->peer_key_hash};
    EE_TRY(ee_control_verify(session->control, &request, verdict, session->collateral_hash));
    memcpy(session->fmspc, verdict->quote.platform.fmspc, sizeof session->fmspc);
    EE_TRY(check_identity(session, &verdict->claims));
    EE_TRY(check_signature(session, signature));
    return ee_receipt_store_put(session->control->evidence, request.text, session->evidence_hash);
}

/* ---- 5: the verdict ---- */

static void displace_older(struct ee_session *session)
{
    struct ee_session *older = ee_session_of_node(session->control, session->node);
    if (older == NULL)
        return;
    older->lost_reported = true; /* the core has the newer epoch */
    ee_session_close(older, EE_CLOSED, "a newer session of this node took over");
}

static json_t *admitted_message(struct ee_session *session)
{
    struct ee_control *control = session->control;
    ee_random_bytes(session->join_secret, sizeof session->join_secret);
    json_t *message =
        json_pack("{s:s, s:o, s:o, s:I, s:o}", "type", "admitted", "epoch",
                  ee_json_u64(session->epoch), "time_us", ee_json_u64(ee_control_now_us(control)),
                  "slot_ms", (json_int_t)control->params->slot_ms, "join",
                  ee_json_hex(session->join_secret, sizeof session->join_secret));
    ee_session_checkpoint_add(session, message, "checkpoint");
    return message;
}

static void on_admit_answer(void *context, const struct ee_answer *answer)
{
    struct ee_session *session = context;
    if (session->state != EE_SESSION_ADMITTING)
        return;
    enum ee_err err = answer->err;
    if (err == EE_OK)
        err = ee_session_watch(session);
    if (err == EE_OK)
        err = ee_tunnel_hello_send(ee_tunnel_link_tunnel(session->link));
    if (err != EE_OK) {
        ee_session_refuse(session, err, ee_err_text(err));
        return;
    }
    displace_older(session);
    session->state = EE_SESSION_ADMITTED;
    session->control->admissions++;
    ee_session_send(session, admitted_message(session));
    ee_control_collateral_tell(session);
    EE_LOG(EE_LOG_INFO, "admission", "agent admitted", ee_log_text("node", session->node),
           ee_log_unsigned("epoch", session->epoch), ee_log_unsigned("seq", answer->seq));
    ee_leases_reconcile(session);
    ee_scheduler_agent_back(session->control, session->node);
}

static enum ee_err admit_make(struct ee_session *session, const struct ee_evidence_verdict *verdict)
{
    struct ee_control *control = session->control;
    struct ee_node_admit admit = {
        .vcpus = verdict->claims.vcpus, .epoch = session->epoch, .simulated = verdict->simulated};
    struct ee_writer writer;
    memcpy(admit.node, session->node, sizeof admit.node);
    memcpy(admit.agent_key, session->identity, sizeof admit.agent_key);
    memcpy(admit.platform_id, verdict->quote.platform.ppid, sizeof admit.platform_id);
    ee_measurement_digest(control->crypto, &verdict->measurement, admit.measurement);
    memcpy(admit.sealing_key, verdict->claims.sealing_key, sizeof admit.sealing_key);
    memcpy(admit.evidence_hash, session->evidence_hash, sizeof admit.evidence_hash);
    memcpy(admit.collateral_hash, session->collateral_hash, sizeof admit.collateral_hash);
    ee_writer_init(&writer, session->admit, sizeof session->admit);
    EE_TRY(ee_node_admit_encode(&admit, &writer));
    session->admit_size = ee_writer_done(&writer).size;
    return EE_OK;
}

static enum ee_err submit_admit(struct ee_session *session)
{
    enum ee_err err = ee_control_submit(session->control, EE_COMMAND_NODE_ADMIT,
                                        ee_bytes_of(session->admit, session->admit_size),
                                        on_admit_answer, session);
    if (err == EE_OK)
        session->state = EE_SESSION_ADMITTING;
    return err;
}

void ee_session_admit(struct ee_session *session)
{
    enum ee_err err = submit_admit(session);
    if (err != EE_OK)
        ee_session_refuse(session, err, ee_err_text(err));
}

/* Verified: it is admitted, now or when the control plane writes. */
static enum ee_err admit_or_wait(struct ee_session *session)
{
    if (session->agent_has_newer)
        return EE_CHECKPOINT;
    if (!session->control->anchoring)
        return submit_admit(session);
    session->state = EE_SESSION_AWAITS_ANCHOR;
    return EE_OK;
}

void ee_session_on_evidence(struct ee_session *session, const json_t *message)
{
    char detail[EE_JSON_DETAIL_SIZE] = "";
    const char *text = NULL;
    struct ee_json_blob signature = {0};
    json_t *leases = NULL;
    char words[EE_REFUSAL_TEXT_SIZE];
    struct ee_evidence_verdict *verdict = calloc(1, sizeof *verdict);
    const struct ee_json_field fields[] = {
        {"evidence", EE_JSON_STRING, &text, 0, false},
        {"signature", EE_JSON_BLOB, &signature, EE_ED25519_SIGNATURE_SIZE, false},
        {"leases", EE_JSON_VALUE, &leases, 0, false},
    };
    enum ee_err err = verdict == NULL ? EE_NO_MEMORY : EE_OK;
    if (err == EE_OK)
        err = ee_json_read(message, fields, 3, EE_JSON_TOLERANT, detail);
    if (err == EE_OK && signature.size != EE_ED25519_SIGNATURE_SIZE)
        err = EE_SIGNATURE;
    if (err == EE_OK)
        err = read_leases(session, leases);
    if (err == EE_OK)
        err = judge(session, text, signature.data, verdict);
    if (err == EE_OK)
        err = ee_session_enrol(session);
    if (err == EE_OK)
        err = admit_make(session, verdict);
    if (err == EE_OK)
        ee_outlook_note(session->control, session->node, &verdict->quote);
    if (err == EE_OK)
        err = admit_or_wait(session);
    if (err != EE_OK)
        ee_session_refuse(session, err,
                          detail[0] != '\0' || verdict == NULL
                              ? detail
                              : ee_control_refusal_text(verdict, err, words));
    free(verdict);
    ee_json_blob_free(&signature);
    if (err == EE_OK && session->state == EE_SESSION_AWAITS_ANCHOR)
        ee_anchor_reported(session->control);
}
