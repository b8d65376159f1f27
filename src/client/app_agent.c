/* SPDX-License-Identifier: Apache-2.0 */
#include "client/app_agent.h"

#include <stdlib.h>
#include <string.h>

#include "attest/evidence_ask.h"
#include "client/json.h"
#include "io/clock.h"
#include "io/conn.h"
#include "io/crypto_openssl.h"
#include "io/random.h"
#include "link/attest_channel.h"

#include "base/banned.h"

enum { ANSWER_MS = 70000 }; /* a quote may take seconds, and others may wait for one too */

/* What the ledger holds for the app. */
struct expected {
    uint8_t lease[EE_ID_SIZE];
    uint8_t deployment_hash[32];
    uint8_t agent_key[32];
};

/* One question on its own connection. */
struct asking {
    struct ee_loop *loop;
    struct ee_tls *tls;
    struct ee_conn *conn; /* NULL once closed */
    struct ee_nonce nonce;
    uint8_t key_hash[32];
    struct ee_buffer answer;
    enum ee_err err; /* of the connection; EE_TRUNCATED: no answer yet */
    bool done;
    char reason[EE_CONN_CLOSE_REASON_SIZE];
};

/* ---- what to expect ---- */

static enum ee_err expected_read(struct ee_client_session *session, const json_t *app,
                                 struct expected *expected, struct ee_client_app_agent *out)
{
    char path[96];
    json_t *node = NULL;
    struct ee_client_problem *problem = ee_client_session_problem(session);
    const json_t *lease = json_object_get(app, "lease");
    const char *name = ee_client_json_text(lease, "node");
    if (strcmp(ee_client_json_text(lease, "state"), "running") != 0)
        return ee_client_fail(problem, EE_UNAVAILABLE, "%s does not run now",
                              ee_client_json_text(app, "name"));
    if (!ee_name_valid(name) ||
        ee_client_json_hex(lease, "lease", expected->lease, EE_ID_SIZE) != EE_OK ||
        ee_client_json_hex(lease, "deployment_hash", expected->deployment_hash, 32) != EE_OK)
        return ee_client_fail(problem, EE_SYNTAX, "the network describes no lease");
    (void)snprintf(out->node, sizeof(out->node), "%s", name);
    ee_hex_encode(expected->lease, EE_ID_SIZE, out->lease);
    ee_hex_encode(expected->deployment_hash, 32, out->deployment_hash);
    (void)snprintf(path, sizeof(path), "/v1/nodes/%s", name);
    EE_TRY(ee_client_get(session, path, &node));
    enum ee_err err = ee_client_json_hex(node, "agent_key", expected->agent_key, 32);
    json_decref(node);
    return err == EE_OK ? EE_OK
                        : ee_client_fail(problem, EE_SYNTAX, "the network describes no node");
}

/* ---- the question ---- */

static void asking_end(struct asking *a, enum ee_err err)
{
    if (a->err == EE_TRUNCATED)
        a->err = err;
    a->done = true;
}

static enum ee_err question_send(struct asking *a, struct ee_conn *conn)
{
    static const uint8_t no_key[32];
    uint8_t challenge[32], question[EE_EVIDENCE_ASK_SIZE];
    if (strcmp(ee_conn_alpn(conn), EE_EVIDENCE_PROTOCOL) != 0)
        return EE_NOT_BOUND;
    ee_random_bytes(challenge, sizeof(challenge));
    EE_TRY(ee_conn_peer_key_hash(conn, a->key_hash));
    EE_TRY(ee_attest_channel_nonce(&ee_crypto_openssl, conn, challenge, no_key, EE_ROLE_AGENT,
                                   &a->nonce));
    ee_evidence_ask_encode(challenge, question);
    return ee_conn_write(conn, ee_bytes_of(question, sizeof(question)));
}

static void on_open(void *context, struct ee_conn *conn)
{
    struct asking *a = context;
    enum ee_err err = question_send(a, conn);
    if (err != EE_OK)
        asking_end(a, err);
}

static void on_data(void *context, struct ee_conn *conn, struct ee_bytes data)
{
    struct asking *a = context;
    struct ee_evidence_answer answer;
    (void)conn;
    enum ee_err err = ee_buffer_append(&a->answer, data);
    if (err == EE_OK)
        err = ee_evidence_answer_decode(ee_buffer_bytes(&a->answer), &answer);
    if (err != EE_TRUNCATED)
        asking_end(a, err);
}

static void on_closed(void *context, struct ee_conn *conn, enum ee_err err)
{
    struct asking *a = context;
    (void)snprintf(a->reason, sizeof(a->reason), "%s", ee_conn_reason(conn));
    a->conn = NULL;
    asking_end(a, err == EE_OK ? EE_CLOSED : err);
}

static const struct ee_conn_events ask_events = {
    .open = on_open, .data = on_data, .closed = on_closed};

static enum ee_err ask(struct asking *a, const struct ee_client_endpoint *gateway, const char *host)
{
    static const uint8_t protocol[] = {13,  'e', 'e', '-', 'e', 'v', 'i',
                                       'd', 'e', 'n', 'c', 'e', '/', '1'};
    const struct ee_tls_client_options options = {
        .judged_by_attestation = true, .protocols = ee_bytes_of(protocol, sizeof(protocol))};
    EE_TRY(ee_loop_new(&a->loop));
    EE_TRY(ee_tls_client_new(&options, &a->tls));
    const struct ee_conn_connect_options dial = {
        .address = gateway->address, .tls = a->tls, .server_name = host};
    EE_TRY(ee_conn_connect(a->loop, &dial, &ask_events, a, &a->conn));
    a->err = EE_TRUNCATED;
    EE_TRY(ee_loop_run_until(a->loop, &a->done, ANSWER_MS));
    return a->err;
}

static void asking_close(struct asking *a)
{
    if (a->conn) {
        ee_conn_set_events(a->conn, NULL, NULL);
        ee_conn_abort(a->conn, EE_OK);
    }
    ee_loop_free(a->loop);
    ee_tls_free(a->tls);
    ee_buffer_close(&a->answer);
}

static enum ee_err ask_fail(struct ee_client_problem *problem, const struct asking *a,
                            const char *host, enum ee_err err)
{
    if (err == EE_NOT_BOUND) {
        (void)ee_client_fail(problem, err, "whoever ends TLS of %s is no agent", host);
    } else if (ee_err_class(err) == EE_CLASS_INPUT) {
        (void)ee_client_fail(problem, err,
                             "what answers as %s does not speak " EE_EVIDENCE_PROTOCOL, host);
        problem->exit_code = ee_err_exit_code(EE_QUOTE);
    } else {
        (void)ee_client_fail(problem, err, "asking the agent of %s: %s%s%s", host, ee_err_text(err),
                             a->reason[0] ? ": " : "", a->reason);
    }
    return err;
}

/* ---- judging ---- */

static enum ee_err document_judge(struct ee_client_session *session, const struct asking *a,
                                  const struct expected *expected, struct ee_bytes document,
                                  struct ee_client_app_agent *out)
{
    struct ee_evidence_policy policy;
    struct ee_client_problem *problem = ee_client_session_problem(session);
    ee_trust_policy(ee_client_session_trust(session), EE_ROLE_AGENT,
                    (int64_t)(ee_clock_wall_us() / 1000000), &policy);
    policy.nonce_kind = EE_NONCE_CHANNEL;
    policy.nonce = a->nonce;
    policy.tls_key_hash = a->key_hash;
    policy.identity = expected->agent_key;
    EE_TRY(ee_client_evidence_judge_by(
        problem, document, ee_client_session_profile(session)->collateral, &policy, &out->judged));
    if (strcmp(out->judged.verdict.claims.node_name, out->node) == 0)
        return EE_OK;
    return ee_client_fail(problem, EE_WRONG_IDENTITY,
                          "the evidence is of node %s, the app is on %s",
                          out->judged.verdict.claims.node_name, out->node);
}

static enum ee_err log_read(struct ee_bytes document, const struct expected *expected,
                            uint8_t *memory, struct ee_agent_event *event, bool *stopped)
{
    struct ee_evidence evidence;
    EE_TRY(ee_evidence_decode(&ee_crypto_openssl, document, memory, document.size, &evidence));
    return ee_agent_log_deployment(evidence.event_log, expected->lease, event, stopped);
}

/* The log replays to the quote's register: what it says of the lease is the measured agent's word.
 */
static enum ee_err log_judge(struct ee_client_problem *problem, const struct expected *expected,
                             struct ee_bytes document, struct ee_client_app_agent *out)
{
    struct ee_agent_event event;
    bool stopped = false;
    out->logged = out->judged.verdict.log.present;
    if (!out->logged)
        return EE_OK;
    uint8_t *memory = malloc(document.size);
    enum ee_err err =
        memory ? log_read(document, expected, memory, &event, &stopped) : EE_NO_MEMORY;
    free(memory);
    if (err == EE_OK && stopped)
        err = EE_NOT_MEASURED;
    if (err != EE_OK)
        return ee_client_fail(problem, err, "the agent's log does not say that it runs lease %s",
                              out->lease);
    if (memcmp(event.deployment_hash, expected->deployment_hash, 32) != 0)
        return ee_client_fail(problem, EE_DEPLOYMENT,
                              "the agent's log names another deployment for lease %s", out->lease);
    return EE_OK;
}

static enum ee_err judge(struct ee_client_session *session, const struct asking *a,
                         const struct expected *expected, struct ee_client_app_agent *out)
{
    struct ee_evidence_answer answer;
    struct ee_buffer whole;
    struct ee_client_problem *problem = ee_client_session_problem(session);
    EE_TRY(ee_evidence_answer_decode(ee_buffer_bytes(&a->answer), &answer));
    if (answer.error[0] != '\0')
        return ee_client_fail(problem, EE_UNAVAILABLE, "the agent has no evidence now (%s)",
                              answer.error);
    EE_TRY(ee_client_evidence_complete(problem, answer.document,
                                       ee_client_session_evidence(session), &whole));
    enum ee_err err = document_judge(session, a, expected, ee_buffer_bytes(&whole), out);
    if (err == EE_OK)
        err = log_judge(problem, expected, ee_buffer_bytes(&whole), out);
    ee_buffer_close(&whole);
    return err;
}

enum ee_err ee_client_app_agent_verify(struct ee_client_session *session,
                                       const struct ee_client_endpoint *gateway, const char *host,
                                       const json_t *app, struct ee_client_app_agent *out)
{
    struct asking asking = {.err = EE_TRUNCATED};
    struct expected expected;
    struct ee_client_app_agent *found = calloc(1, sizeof(*found));
    if (!found)
        return ee_client_fail(ee_client_session_problem(session), EE_NO_MEMORY, "%s", "");
    enum ee_err err = expected_read(session, app, &expected, found);
    if (err == EE_OK) /* also those that retire a measurement */
        err = ee_client_session_allow_changes(session);
    if (err == EE_OK) {
        err = ask(&asking, gateway, host);
        err = err == EE_OK ? judge(session, &asking, &expected, found)
                           : ask_fail(ee_client_session_problem(session), &asking, host, err);
    }
    asking_close(&asking);
    if (err == EE_OK)
        *out = *found;
    free(found);
    return err;
}
