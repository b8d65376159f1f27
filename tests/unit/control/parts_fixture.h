/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a control plane over a journal in memory: user alice with credits, operator op with the
 * enrolled node-1, sessions without a connection. */
#ifndef EE_TESTS_CONTROL_PARTS_FIXTURE_H
#define EE_TESTS_CONTROL_PARTS_FIXTURE_H

#include <string.h>

#include "control/leases.h"
#include "control/scheduler_state.h"

#include "core_fixture.h"

struct parts {
    struct fixture *f;
    struct ee_control *control;
};

static inline enum ee_err parts_submit(struct parts *p, enum ee_actor_kind actor_kind,
                                       const char *actor, enum ee_command_kind kind,
                                       const struct ee_writer *w)
{
    size_t index = p->f->answer_count;
    EE_TRY(core_submit(p->f, actor_kind, actor, kind, ee_writer_done(w), NULL));
    return fixture_settle(p->f) ? p->f->answers[index].err : EE_JOURNAL;
}

static inline enum ee_err parts_operator(struct parts *p, const uint8_t seed[32])
{
    uint8_t payload[512];
    struct ee_writer w;
    struct ee_account_create account = {.name = "op",
                                        .kind = EE_ACCOUNT_OPERATOR,
                                        .first_key = {.key_hash = {7}, .scopes = EE_SCOPE_ALL}};
    account.first_key.expires_s = ee_sequencer_time_us(p->f->sequencer) / 1000000 + 86400;
    if (!ee_crypto_openssl.ed25519_public(seed, account.public_key))
        return EE_CRYPTO;
    ee_writer_init(&w, payload, sizeof(payload));
    EE_TRY(ee_account_create_encode(&account, &w));
    return parts_submit(p, EE_ACTOR_ADMIN, "", EE_COMMAND_ACCOUNT_CREATE, &w);
}

static inline enum ee_err parts_enrol(struct parts *p, const uint8_t seed[32])
{
    uint8_t message[512], payload[512];
    struct ee_writer w;
    struct ee_node_enrol enrol = {.node = "node-1",
                                  .platform_id = {1},
                                  .agent_key = {1},
                                  .vcpus = 4,
                                  .price_nanos = 10000000};
    ee_writer_init(&w, message, sizeof(message));
    EE_TRY(ee_node_enrol_message(p->f->network_id, "op", &enrol, &w));
    if (!ee_crypto_openssl.ed25519_sign(seed, ee_writer_done(&w), enrol.signature))
        return EE_CRYPTO;
    ee_writer_init(&w, payload, sizeof(payload));
    EE_TRY(ee_node_enrol_encode(&enrol, &w));
    return parts_submit(p, EE_ACTOR_ACCOUNT, "op", EE_COMMAND_NODE_ENROL, &w);
}

static inline void parts_init(struct parts *p)
{
    static const uint8_t seed[32] = {0x0b};
    p->f = fixture_new();
    p->control = calloc(1, sizeof(*p->control));
    if (p->control == NULL || fixture_start(p->f) != EE_OK || !core_populate(p->f) ||
        parts_operator(p, seed) != EE_OK || parts_enrol(p, seed) != EE_OK)
        abort();
    p->control->crypto = &ee_crypto_openssl;
    p->control->allocator = &ee_allocator_system;
    p->control->loop = p->f->loop;
    p->control->sequencer = p->f->sequencer;
    p->control->params = ee_params_of(EE_PROFILE_DEVELOPMENT);
    p->control->started_us = ee_control_now_us(p->control);
    if (ee_leases_init(p->control) != EE_OK ||
        ee_scheduler_new(p->control, &p->control->scheduler) != EE_OK)
        abort();
}

static inline void parts_close(struct parts *p)
{
    while (p->control->sessions != NULL) {
        struct ee_session *session = p->control->sessions;
        p->control->sessions = session->next;
        ee_timer_free(session->timer);
        free(session->asks);
        free(session);
    }
    ee_scheduler_free(p->control->scheduler);
    p->control->scheduler = NULL;
    ee_leases_free(p->control);
    ee_live_close(&p->control->live);
    free(p->control);
    fixture_free(p->f);
}

static inline void parts_timer(void *context)
{
    (void)context;
}

/* A session of node-1 without a connection, in this state. */
static inline struct ee_session *parts_session(struct parts *p, enum ee_session_state state,
                                               uint64_t epoch)
{
    struct ee_session *session = calloc(1, sizeof(*session));
    if (session == NULL ||
        ee_timer_new(p->control->loop, parts_timer, session, &session->timer) != EE_OK)
        abort();
    session->control = p->control;
    session->state = state;
    session->epoch = epoch;
    session->evidence_hash[0] = (uint8_t)epoch;
    memcpy(session->node, "node-1", 7);
    session->next = p->control->sessions;
    p->control->sessions = session;
    return session;
}

/* NODE_ADMIT for the evidence of such a session. */
static inline enum ee_err parts_admit(struct parts *p, uint64_t epoch)
{
    uint8_t payload[512];
    struct ee_writer w;
    struct ee_node_admit admit = {.node = "node-1",
                                  .agent_key = {1},
                                  .platform_id = {1},
                                  .measurement = {1},
                                  .sealing_key = {1},
                                  .evidence_hash = {(uint8_t)epoch},
                                  .vcpus = 4,
                                  .epoch = epoch,
                                  .simulated = 1};
    ee_writer_init(&w, payload, sizeof(payload));
    EE_TRY(ee_node_admit_encode(&admit, &w));
    return parts_submit(p, EE_ACTOR_SYSTEM, "", EE_COMMAND_NODE_ADMIT, &w);
}

static inline const struct ee_node *parts_node(const struct parts *p)
{
    return ee_core_node(ee_sequencer_core(p->f->sequencer), "node-1");
}

/* alice reserves a job of that name and says start; gives its lease. It has a secret. */
static inline const struct ee_lease *parts_start(struct parts *p, const char *name)
{
    uint8_t deployment[512], payload[1024];
    struct ee_writer w;
    struct ee_deployment d = {.runtime = EE_RUNTIME_PROCESS,
                              .arg_count = 1,
                              .args = {ee_bytes_str("/bin/true")},
                              .secret_count = 1,
                              .secrets = {ee_bytes_str("TOKEN")}};
    struct ee_lease_reserve reserve = {.workload = EE_WORKLOAD_JOB, .vcpus = 1};
    struct ee_lease_start begin = {.sealed_hash = {1}};
    memcpy(reserve.name, name, strlen(name) + 1);
    d.output_key[0] = 9;
    ee_writer_init(&w, deployment, sizeof(deployment));
    if (ee_deployment_encode(&d, &w) != EE_OK)
        return NULL;
    reserve.deployment = ee_writer_done(&w);
    ee_writer_init(&w, payload, sizeof(payload));
    if (ee_lease_reserve_encode(&reserve, &w) != EE_OK ||
        parts_submit(p, EE_ACTOR_ACCOUNT, "alice", EE_COMMAND_LEASE_RESERVE, &w) != EE_OK)
        return NULL;
    const struct ee_core *core = ee_sequencer_core(p->f->sequencer);
    const struct ee_app *app = ee_core_app(core, name);
    memcpy(begin.lease, app->lease, EE_ID_SIZE);
    ee_writer_init(&w, payload, sizeof(payload));
    if (ee_lease_start_encode(&begin, &w) != EE_OK ||
        parts_submit(p, EE_ACTOR_ACCOUNT, "alice", EE_COMMAND_LEASE_START, &w) != EE_OK)
        return NULL;
    return ee_core_lease(core, begin.lease);
}

static inline const struct ee_lease *parts_run(struct parts *p, const char *name)
{
    uint8_t payload[128];
    struct ee_writer w;
    struct ee_lease_running running;
    const struct ee_lease *lease = parts_start(p, name);
    if (lease == NULL)
        return NULL;
    memcpy(running.lease, lease->id, EE_ID_SIZE);
    ee_writer_init(&w, payload, sizeof(payload));
    if (ee_lease_running_encode(&running, &w) != EE_OK ||
        parts_submit(p, EE_ACTOR_SYSTEM, "", EE_COMMAND_LEASE_RUNNING, &w) != EE_OK)
        return NULL;
    return ee_core_lease(ee_sequencer_core(p->f->sequencer), running.lease);
}

/* Both clocks go on by so much, and the loop has a turn for what is due. */
static inline void parts_pass(struct parts *p, uint64_t us)
{
    test_clock_pass(&p->f->clock, us);
    ee_scheduler_kick(p->control);
    if (!fixture_settle(p->f))
        abort();
}

#endif
