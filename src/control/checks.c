/* SPDX-License-Identifier: Apache-2.0 */
/* Asking agents: health checks, shared by all leases of an agent, and attestations. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
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
    struct ee_nonce nonce;
    uint8_t tls_key_hash[32];
    uint8_t identity[32];
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

/* An agent that knows the lease is well, also when the workload has just ended. */
static enum ee_err state_of(const json_t *message, const uint8_t lease[EE_ID_SIZE])
{
    char id[2 * EE_ID_SIZE + 1];
    const json_t *states = json_object_get(message, "leases");
    const char *state =
        json_string_value(json_object_get(states, ee_hex_encode(lease, EE_ID_SIZE, id)));
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
        enum ee_err each = err == EE_OK ? state_of(message, target->lease) : err;
        if (track != NULL)
            ee_slots_health_answer(&track->slots, target->slot, now_us, each);
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

static enum ee_err judge(struct attestation_ask *ask, const char *text, uint8_t hash_out[32])
{
    struct ee_control *control = ask->scheduler->control;
    struct ee_verify_request request = {.text = ee_bytes_str(text),
                                        .nonce = &ask->nonce,
                                        .tls_key_hash = ask->tls_key_hash,
                                        .identity = ask->identity};
    struct ee_evidence_verdict *verdict = malloc(sizeof *verdict);
    if (verdict == NULL)
        return EE_NO_MEMORY;
    enum ee_err err = ee_control_verify(control, &request, verdict);
    free(verdict);
    EE_TRY(err);
    return ee_receipt_store_put(control->evidence, request.text, hash_out);
}

static void on_attestation(void *context, enum ee_err err, const json_t *message)
{
    struct attestation_ask *ask = context;
    struct ee_scheduler *s = ask->scheduler;
    uint64_t now_us = ee_control_now_us(s->control); /* before judging, which is our own time */
    const char *text = json_string_value(json_object_get(message, "evidence"));
    uint8_t hash[32] = {0};
    struct ee_track *track = ee_scheduler_track(s, ask->target.lease, ask->target.period);
    if (err == EE_OK)
        err = text != NULL ? judge(ask, text, hash) : EE_PROTOCOL;
    if (err != EE_OK && err != EE_CLOSED)
        EE_LOG(EE_LOG_WARN, "checks", "attestation not good",
               ee_log_hex("lease", ask->target.lease, EE_ID_SIZE), ee_log_err(err));
    if (track != NULL)
        ee_slots_attestation_answer(&track->slots, ask->target.slot, now_us, err, hash);
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
