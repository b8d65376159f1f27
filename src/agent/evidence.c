/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence of this agent: at admission, for checks, and for clients who ask through the API. A
 * quote may take seconds on hardware, so the quoter's worker makes it and answers come later. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state.h"
#include "base/text.h"
#include "io/log.h"
#include "link/attest_channel.h"

#include "base/banned.h"

enum { QUEUE_MAX = 256 };

/* Somebody's challenge, from asking the quoter until its answer or the end of the session. */
struct ee_agent_challenge {
    struct ee_agent *agent;
    struct ee_agent_challenge *next, *previous;
    struct ee_nonce nonce;
    struct ee_tunnel_link *link; /* the connection it is bound to */
    json_t *id;                  /* of the question; NULL: admission */
};

static void claims_fill(const struct ee_agent *agent, struct ee_claims *out)
{
    *out = (struct ee_claims){.role = EE_ROLE_AGENT,
                              .epoch = agent->epoch,
                              .ledger_size = agent->checkpoint.size,
                              .vcpus = ee_tdx_device_vcpus(agent->device)};
    memcpy(out->network_id, agent->trust.network_id, 32);
    memcpy(out->identity, agent->identity->public_key, 32);
    (void)snprintf(out->node_name, sizeof(out->node_name), "%s", agent->options.node);
    memcpy(out->tls_key_hash, agent->identity->tls_key_hash, 32);
    memcpy(out->sealing_key, agent->identity->sealing_public, 32);
    memcpy(out->ledger_root, agent->checkpoint.root.bytes, 32);
    (void)snprintf(out->software_version, sizeof(out->software_version), "%s", EE_SOFTWARE_VERSION);
}

static enum ee_err quoter_claims(void *context, uint8_t *out, size_t capacity, size_t *size_out)
{
    struct ee_claims claims;
    claims_fill(context, &claims);
    return ee_claims_encode(&claims, out, capacity, size_out);
}

/* Of our own platform family, the newest of all sources. */
static struct ee_bytes quoter_collateral(void *context, struct ee_bytes quote)
{
    const struct ee_agent *agent = context;
    const struct ee_collateral_set *set = ee_collateral_store_for(agent->collateral, quote);
    if (!set)
        EE_LOG(EE_LOG_WARN, "attest", "evidence leaves without collateral");
    return set ? set->text : ee_bytes_of(NULL, 0);
}

static struct ee_bytes quoter_event_log(void *context)
{
    return ee_agent_log_bytes(context);
}

enum ee_err ee_agent_evidence_init(struct ee_agent *agent)
{
    const struct ee_quoter_options options = {.crypto = agent->crypto,
                                              .loop = agent->loop,
                                              .device = agent->device,
                                              .context = agent,
                                              .claims = quoter_claims,
                                              .collateral = quoter_collateral,
                                              .event_log = quoter_event_log,
                                              .queue_max = QUEUE_MAX};
    return ee_quoter_new(&options, &agent->quoter);
}

/* ---- challenges ---- */

static void challenge_free(struct ee_agent_challenge *challenge)
{
    if (challenge->previous)
        challenge->previous->next = challenge->next;
    else
        challenge->agent->challenges = challenge->next;
    if (challenge->next)
        challenge->next->previous = challenge->previous;
    json_decref(challenge->id);
    free(challenge);
}

void ee_agent_evidence_forget(struct ee_agent *agent, const struct ee_tunnel_link *link)
{
    struct ee_agent_challenge *challenge = agent->challenges;
    while (challenge) {
        struct ee_agent_challenge *next = challenge->next;
        if (!link || challenge->link == link) {
            ee_quoter_forget(agent->quoter, challenge);
            challenge_free(challenge);
        }
        challenge = next;
    }
}

void ee_agent_evidence_end(struct ee_agent *agent)
{
    ee_agent_evidence_forget(agent, NULL);
    ee_quoter_free(agent->quoter);
    agent->quoter = NULL;
}

/* `bare`: the control plane has collateral of its own; clients, and everybody years later, need it
 * in the document. */
static enum ee_err challenge_ask(struct ee_agent *agent, const struct ee_nonce *nonce, json_t *id,
                                 bool bare, ee_quoter_fn fn)
{
    struct ee_agent_challenge *challenge = calloc(1, sizeof(*challenge));
    if (!challenge)
        return EE_NO_MEMORY;
    *challenge = (struct ee_agent_challenge){.agent = agent,
                                             .next = agent->challenges,
                                             .nonce = *nonce,
                                             .link = agent->current ? agent->current : agent->link,
                                             .id = json_incref(id)};
    if (challenge->next)
        challenge->next->previous = challenge;
    agent->challenges = challenge;
    enum ee_err err = bare ? ee_quoter_ask_bare(agent->quoter, nonce, fn, challenge)
                           : ee_quoter_ask(agent->quoter, nonce, fn, challenge);
    if (err != EE_OK)
        challenge_free(challenge);
    return err;
}

/* ---- admission ---- */

/* Signature of the identity key: that this agent, and not only its code, is here. */
static enum ee_err hello_sign(const struct ee_agent *agent, const struct ee_nonce *nonce,
                              uint8_t signature[EE_ED25519_SIGNATURE_SIZE])
{
    uint8_t memory[256];
    struct ee_writer w;
    ee_writer_init(&w, memory, sizeof(memory));
    ee_writer_label(&w, "ee-hello", 1);
    ee_writer_bytes(&w, agent->trust.network_id, 32);
    ee_writer_text(&w, agent->options.node);
    ee_writer_u64(&w, agent->epoch);
    ee_writer_bytes(&w, nonce->bytes, EE_NONCE_SIZE);
    if (w.err != EE_OK ||
        !agent->crypto->ed25519_sign(agent->identity->seed, ee_writer_done(&w), signature))
        return EE_CRYPTO;
    return EE_OK;
}

static void on_admission_evidence(void *context, enum ee_err err, struct ee_bytes text)
{
    struct ee_agent_challenge *challenge = context;
    struct ee_agent *agent = challenge->agent;
    uint8_t signature[EE_ED25519_SIGNATURE_SIZE];
    char signature_text[EE_BASE64_SIZE(EE_ED25519_SIGNATURE_SIZE)];
    if (err == EE_OK)
        err = hello_sign(agent, &challenge->nonce, signature);
    challenge_free(challenge);
    if (agent->state != EE_AGENT_QUOTING)
        return;
    if (err != EE_OK) {
        ee_agent_session_fail(agent, err, "making evidence");
        return;
    }
    agent->state = EE_AGENT_AWAITS_VERDICT;
    ee_base64_encode(signature, sizeof(signature), signature_text);
    ee_agent_send(agent, json_pack("{s:s, s:s%, s:s, s:o}", "type", "evidence", "evidence",
                                   (const char *)text.data, text.size, "signature", signature_text,
                                   "leases", ee_agent_leases_running(agent)));
}

void ee_agent_evidence_send(struct ee_agent *agent, const uint8_t drawn[32])
{
    struct ee_nonce nonce;
    enum ee_err err =
        ee_attest_channel_nonce(agent->crypto, ee_tunnel_link_conn(agent->link), drawn,
                                agent->control_key_hash, EE_ROLE_AGENT, &nonce);
    if (err == EE_OK)
        err = challenge_ask(agent, &nonce, NULL, true, on_admission_evidence);
    if (err == EE_OK)
        agent->state = EE_AGENT_QUOTING;
    else
        ee_agent_session_fail(agent, err, "making evidence");
}

/* ---- after admission ---- */

/* Without a quote the control plane hears why: its check then counts, its client is told. */
static void answer(struct ee_agent *agent, struct ee_tunnel_link *link, json_t *id, enum ee_err err,
                   struct ee_bytes text)
{
    if (!ee_agent_link_lives(agent, link))
        return;
    if (err == EE_OK)
        ee_agent_send_on(agent, link,
                         json_pack("{s:s, s:O*, s:s%}", "type", "attested", "id", id, "evidence",
                                   (const char *)text.data, text.size));
    else
        ee_agent_send_on(
            agent, link,
            json_pack("{s:s, s:O*, s:s}", "type", "attested", "id", id, "error", ee_err_name(err)));
}

static void on_evidence(void *context, enum ee_err err, struct ee_bytes text)
{
    struct ee_agent_challenge *challenge = context;
    answer(challenge->agent, challenge->link, challenge->id, err, text);
    challenge_free(challenge);
}

void ee_agent_on_attest(struct ee_agent *agent, json_t *message)
{
    struct ee_nonce nonce;
    uint8_t drawn[32];
    json_t *id = json_object_get(message, "id");
    bool key_bound = json_is_true(json_object_get(message, "key_bound"));
    enum ee_err err = EE_OK;
    if (!ee_agent_json_hex(message, "challenge", drawn, sizeof(drawn)))
        return;
    if (key_bound)
        ee_freshness_caller_nonce(agent->crypto, drawn, &nonce);
    else
        err = ee_attest_channel_nonce(agent->crypto, ee_tunnel_link_conn(agent->current), drawn,
                                      agent->control_key_hash, EE_ROLE_AGENT, &nonce);
    if (err == EE_OK)
        err = challenge_ask(agent, &nonce, id, !key_bound, on_evidence);
    if (err != EE_OK)
        answer(agent, agent->current, id, err, ee_bytes_of(NULL, 0));
}
