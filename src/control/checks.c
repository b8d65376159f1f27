/* SPDX-License-Identifier: Apache-2.0 */
/* Asking agents: health checks, shared by all leases of an agent, and attestations. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "control/leases.h"
#include "control/outlook.h"
#include "control/scheduler_state.h"
#include "control/verify.h"
#include "io/log.h"
#include "io/random.h"
#include "link/attest_channel.h"

#include "base/banned.h"

enum { SHARED_MAX = 64 }; /* leases in one check; the others get their own */

struct target {
    uint8_t lease[EE_ID_SIZE];
    uint32_t period;
    uint32_t slot;
};

struct health_ask {
    struct ee_scheduler *scheduler;
    uint8_t nonce[32];
    size_t count;
    struct target targets[SHARED_MAX];
};

struct attestation_ask {
    struct ee_scheduler *scheduler;
    struct target target;
    uint8_t deployment_hash[32];
    struct ee_nonce nonce;
    uint8_t tls_key_hash[32];
    uint8_t identity[32];
    char node[EE_NAME_MAX + 1];
};

static uint64_t ask_timeout_ms(const struct ee_scheduler *s)
{
    return s->control->params->slot_ms;
}

/* ---- health ---- */

static size_t collect(struct ee_scheduler *s, const char *node, uint64_t now_us,
                      struct health_ask *ask)
{
    for (const struct ee_track *t = s->tracks; t != NULL && ask->count < SHARED_MAX; t = t->next) {
        if (t->over || strcmp(t->node, node) != 0 || !ee_slots_health_wanted(&t->slots, now_us))
            continue;
        struct target *target = &ask->targets[ask->count++];
        memcpy(target->lease, t->lease, EE_ID_SIZE);
        target->period = t->period;
        target->slot = t->slots.health.open;
    }
    return ask->count;
}

static bool same_nonce(const struct health_ask *ask, const json_t *message)
{
    uint8_t nonce[32];
    char detail[EE_JSON_DETAIL_SIZE];
    const struct ee_json_field fields[] = {{"nonce", EE_JSON_HEX, nonce, sizeof nonce, false}};
    return ee_json_read(message, fields, 1, EE_JSON_TOLERANT, detail) == EE_OK &&
           memcmp(nonce, ask->nonce, sizeof nonce) == 0;
}

/* What the agent says of the lease; NULL: nothing. */
static const char *state_of(const json_t *message, const uint8_t lease[EE_ID_SIZE])
{
    char id[2 * EE_ID_SIZE + 1];
    const json_t *states = json_object_get(message, "leases");
    return json_string_value(json_object_get(states, ee_hex_encode(lease, EE_ID_SIZE, id)));
}

/* An agent that knows the lease is well, also when the workload has just ended. */
static enum ee_err state_err(const char *state)
{
    if (state == NULL)
        return EE_PROTOCOL;
    return strcmp(state, "running") == 0 || strcmp(state, "exited") == 0 ? EE_OK : EE_LEASE_UNKNOWN;
}

static void on_health(void *context, enum ee_err err, const json_t *message)
{
    struct health_ask *ask = context;
    struct ee_scheduler *s = ask->scheduler;
    uint64_t now_us = ee_control_now_us(s->control);
    if (err == EE_OK && !same_nonce(ask, message))
        err = EE_NOT_FRESH;
    for (size_t i = 0; i < ask->count; i++) {
        const struct target *target = &ask->targets[i];
        struct ee_track *track = ee_scheduler_track(s, target->lease, target->period);
        const char *state = err == EE_OK ? state_of(message, target->lease) : NULL;
        enum ee_err each = err == EE_OK ? state_err(state) : err;
        if (track != NULL)
            ee_slots_health_answer(&track->slots, target->slot, now_us, each);
        if (state != NULL)
            ee_leases_on_state(s->control, target->lease, state);
    }
    ee_scheduler_kick(s->control);
    free(ask);
}

void ee_checks_ask_health(struct ee_scheduler *s, struct ee_session *session, uint64_t now_us)
{
    struct health_ask *ask = calloc(1, sizeof *ask);
    if (ask == NULL)
        return;
    ask->scheduler = s;
    ee_random_bytes(ask->nonce, sizeof ask->nonce);
    if (collect(s, session->node, now_us, ask) == 0) {
        free(ask);
        return;
    }
    json_t *leases = json_array();
    for (size_t i = 0; i < ask->count; i++)
        json_array_append_new(leases, ee_json_hex(ask->targets[i].lease, EE_ID_SIZE));
    json_t *message = json_pack("{s:s, s:o, s:o}", "type", "check", "nonce",
                                ee_json_hex(ask->nonce, sizeof ask->nonce), "leases", leases);
    if (ee_session_ask(session, message, "checked", ask_timeout_ms(s), on_health, ask) != EE_OK)
        free(ask);
}

/* ---- attestation ---- */

/* Out of date are our own collateral and CRLs, not what the agent sent. */
static bool collateral_is_stale(const struct ee_verdict *quote)
{
    if (quote->finding_count == 0)
        return false;
    enum ee_reason reason = quote->findings[0].reason;
    return reason == EE_REASON_COLLATERAL_EXPIRED || reason == EE_REASON_COLLATERAL_FUTURE ||
           reason == EE_REASON_CRL_EXPIRED || reason == EE_REASON_CRL_FUTURE;
}

/* `ours_out`: why it does not count is our own fault; our own outage fails nobody. */
static enum ee_err judge(struct attestation_ask *ask, const char *text,
                         struct ee_slots_proof *proof_out, bool *ours_out)
{
    struct ee_control *control = ask->scheduler->control;
    struct ee_verify_request request = {.text = ee_bytes_str(text),
                                        .nonce = &ask->nonce,
                                        .tls_key_hash = ask->tls_key_hash,
                                        .identity = ask->identity,
                                        .lease = ask->target.lease,
                                        .deployment_hash = ask->deployment_hash};
    struct ee_evidence_verdict *verdict = calloc(1, sizeof *verdict);
    *ours_out = true;
    if (verdict == NULL)
        return EE_NO_MEMORY;
    enum ee_err err = ee_control_trust_sync(control);
    if (err == EE_OK) {
        err = ee_control_verify(control, &request, verdict, proof_out->collateral);
        *ours_out = err == EE_OK || err == EE_NO_MEMORY ||
                    (err == EE_EXPIRED && collateral_is_stale(&verdict->quote));
    }
    if (err == EE_OK)
        ee_outlook_note(control, ask->node, &verdict->quote);
    free(verdict);
    EE_TRY(err);
    return ee_receipt_store_put(control->evidence, request.text, proof_out->evidence);
}

static void on_attestation(void *context, enum ee_err err, const json_t *message)
{
    struct attestation_ask *ask = context;
    struct ee_scheduler *s = ask->scheduler;
    uint64_t now_us = ee_control_now_us(s->control); /* before judging, which is our own time */
    const char *text = json_string_value(json_object_get(message, "evidence"));
    struct ee_slots_proof proof = {{0}, {0}};
    bool ours = false;
    struct ee_track *track = ee_scheduler_track(s, ask->target.lease, ask->target.period);
    if (err == EE_OK)
        err = text != NULL ? judge(ask, text, &proof, &ours) : EE_PROTOCOL;
    if (err != EE_OK && err != EE_CLOSED)
        EE_LOG(ours ? EE_LOG_ERROR : EE_LOG_WARN, "checks",
               ours ? "attestation could not be judged" : "attestation not good",
               ee_log_hex("lease", ask->target.lease, EE_ID_SIZE), ee_log_err(err));
    if (track != NULL && err != EE_OK && ours)
        ee_slots_attestation_unjudged(&track->slots, ask->target.slot, now_us);
    else if (track != NULL)
        ee_slots_attestation_answer(&track->slots, ask->target.slot, now_us, err, &proof);
    ee_scheduler_kick(s->control);
    free(ask);
}

/* Evidence must answer this challenge on this connection. */
static enum ee_err prepare(struct ee_session *session, const uint8_t challenge[32],
                           struct attestation_ask *ask)
{
    const struct ee_control *control = session->control;
    memcpy(ask->tls_key_hash, session->peer_key_hash, sizeof ask->tls_key_hash);
    memcpy(ask->identity, session->identity, sizeof ask->identity);
    memcpy(ask->node, session->node, sizeof ask->node);
    return ee_attest_channel_nonce(control->crypto, ee_tunnel_link_conn(session->link), challenge,
                                   control->keys.tls_key_hash, EE_ROLE_AGENT, &ask->nonce);
}

void ee_checks_ask_attestation(struct ee_scheduler *s, struct ee_session *session,
                               const struct ee_track *track, uint32_t slot)
{
    uint8_t challenge[32];
    struct attestation_ask *ask = calloc(1, sizeof *ask);
    if (ask == NULL)
        return;
    ask->scheduler = s;
    ask->target = (struct target){.period = track->period, .slot = slot};
    memcpy(ask->target.lease, track->lease, EE_ID_SIZE);
    const struct ee_lease *lease = ee_core_lease(ee_control_core(s->control), track->lease);
    if (lease != NULL)
        memcpy(ask->deployment_hash, lease->deployment_hash, sizeof ask->deployment_hash);
    ee_random_bytes(challenge, sizeof challenge);
    enum ee_err err = prepare(session, challenge, ask);
    if (err == EE_OK)
        err = ee_session_ask(
            session,
            json_pack("{s:s, s:o, s:b}", "type", "attest", "challenge",
                      ee_json_hex(challenge, sizeof challenge), "key_bound", false),
            "attested", (uint64_t)s->control->params->attestation_s * 1000, on_attestation, ask);
    if (err != EE_OK)
        free(ask);
}
