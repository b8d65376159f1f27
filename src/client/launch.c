/* SPDX-License-Identifier: Apache-2.0 */
#include "client/launch.h"

#include <stdlib.h>
#include <string.h>

#include "client/json.h"
#include "io/clock.h"
#include "io/crypto_openssl.h"
#include "io/random.h"

#include "base/banned.h"

enum { WAIT_MARGIN_MS = 15000 };

/* ---- reserve ---- */

static json_t *reserve_body(const struct ee_client_workload *workload,
                            const struct ee_client_reserve_options *o)
{
    char price[EE_MONEY_TEXT_SIZE];
    json_t *body = json_object();
    (void)json_object_set_new(body, "workload",
                              json_string(o->kind == EE_WORKLOAD_APP ? "app" : "job"));
    (void)json_object_set_new(body, "name", json_string(o->name));
    (void)json_object_set_new(body, "vcpus", json_integer(o->vcpus));
    if (o->max_price_nanos)
        (void)json_object_set_new(body, "max_price",
                                  json_string(ee_price_format(o->max_price_nanos, price)));
    if (o->node)
        (void)json_object_set_new(body, "node", json_string(o->node));
    if (o->replicas > 1)
        (void)json_object_set_new(body, "replicas", json_integer(o->replicas));
    (void)json_object_set_new(
        body, "deployment",
        ee_client_json_base64_new(ee_bytes_of(workload->deployment, workload->deployment_size)));
    return body;
}

static enum ee_err reserved_read(struct ee_client_session *session,
                                 const struct ee_client_workload *workload,
                                 struct ee_client_launch *launch)
{
    uint8_t hash[32];
    struct ee_client_problem *problem = ee_client_session_problem(session);
    const char *node = ee_client_json_text(launch->reserved, "node");
    const char *lease = ee_client_json_text(launch->reserved, "lease");
    if (!ee_name_valid(node) ||
        ee_hex_decode(ee_bytes_str(lease), launch->lease_id, EE_ID_SIZE) != EE_OK)
        return ee_client_fail(problem, EE_SYNTAX, "the reservation names no lease and node");
    memcpy(launch->node, node, strlen(node) + 1);
    ee_hex_encode(launch->lease_id, EE_ID_SIZE, launch->lease);
    if (ee_client_json_hex(launch->reserved, "deployment_hash", hash, sizeof(hash)) != EE_OK ||
        memcmp(hash, workload->deployment_hash, sizeof(hash)) != 0)
        return ee_client_fail(problem, EE_DEPLOYMENT,
                              "the network reserved for another deployment than was sent");
    return EE_OK;
}

/* Best effort: nothing runs and nothing is paid for; the problem at hand stays the one reported. */
static void give_back(struct ee_client_session *session, const char *name)
{
    char path[96];
    json_t *answer = NULL;
    struct ee_client_problem *problem = ee_client_session_problem(session);
    struct ee_client_problem first = *problem;
    memset(problem, 0, sizeof(*problem));
    (void)snprintf(path, sizeof(path), "/v1/apps/%s", name);
    if (ee_client_send(session, "DELETE", path, NULL, &answer) == EE_OK)
        json_decref(answer);
    ee_client_problem_clear(problem);
    *problem = first;
}

enum ee_err ee_client_reserve(struct ee_client_session *session,
                              const struct ee_client_workload *workload,
                              const struct ee_client_reserve_options *options,
                              struct ee_client_launch *out)
{
    memset(out, 0, sizeof(*out));
    (void)snprintf(out->name, sizeof(out->name), "%s", options->name);
    json_t *body = reserve_body(workload, options);
    enum ee_err err = ee_client_send(session, "POST", "/v1/leases", body, &out->reserved);
    json_decref(body);
    EE_TRY(err);
    err = reserved_read(session, workload, out);
    if (err == EE_OK)
        err = ee_client_output_key_store(ee_client_session_problem(session),
                                         ee_client_session_trust(session)->network_id,
                                         workload->deployment_hash, &workload->output_key);
    if (err != EE_OK) {
        give_back(session, out->name);
        ee_client_launch_close(out);
    }
    return err;
}

/* ---- verify ---- */

static enum ee_err agent_judge(struct ee_client_session *session, struct ee_bytes text,
                               const uint8_t nonce[32], struct ee_client_judged *out)
{
    struct ee_evidence_policy policy;
    ee_trust_policy(ee_client_session_trust(session), EE_ROLE_AGENT,
                    (int64_t)(ee_clock_wall_us() / 1000000), &policy);
    policy.nonce_kind = EE_NONCE_CALLER;
    ee_freshness_caller_nonce(&ee_crypto_openssl, nonce, &policy.nonce);
    return ee_client_evidence_judge(ee_client_session_problem(session), text, &policy, out);
}

/* The document as it came, completed with collateral where the agent has none of its own. */
static enum ee_err agent_ask(struct ee_client_session *session, const char *lease,
                             const uint8_t nonce[32], struct ee_buffer *out)
{
    char path[160], hex[65];
    struct ee_client_answer answer;
    (void)snprintf(path, sizeof(path), "/v1/leases/%s/evidence?nonce=%s", lease,
                   ee_hex_encode(nonce, 32, hex));
    const struct ee_client_request request = {.method = "GET", .path = path, .raw = true};
    enum ee_err err = ee_client_session_request(session, &request, &answer);
    if (err == EE_OK)
        err = ee_client_evidence_complete(ee_client_session_problem(session),
                                          ee_buffer_bytes(&answer.body),
                                          ee_client_session_evidence(session), out);
    ee_client_answer_close(&answer);
    return err;
}

enum ee_err ee_client_agent_verify(struct ee_client_session *session, const char *lease,
                                   const char *node, struct ee_client_judged *out,
                                   struct ee_buffer *document_out)
{
    struct ee_buffer document = {.size = 0};
    uint8_t nonce[32];
    struct ee_client_problem *problem = ee_client_session_problem(session);
    ee_random_bytes(nonce, sizeof(nonce));
    EE_TRY(agent_ask(session, lease, nonce, &document));
    /* Changes of the list count before secrets go anywhere: also those that retire a measurement.
     */
    enum ee_err err = ee_client_session_allow_changes(session);
    if (err == EE_OK)
        err = agent_judge(session, ee_buffer_bytes(&document), nonce, out);
    if (err == EE_OK && strcmp(out->verdict.claims.node_name, node) != 0)
        err = ee_client_fail(problem, EE_WRONG_IDENTITY,
                             "the evidence is of node %s, the lease is on %s",
                             out->verdict.claims.node_name, node);
    if (err == EE_OK && document_out)
        *document_out = document;
    else
        ee_buffer_close(&document);
    return err;
}

enum ee_err ee_client_launch_verify(struct ee_client_session *session,
                                    struct ee_client_launch *launch)
{
    enum ee_err err =
        ee_client_agent_verify(session, launch->lease, launch->node, &launch->agent, NULL);
    if (err != EE_OK)
        give_back(session, launch->name);
    return err;
}

/* ---- start ---- */

static enum ee_err seal_context(struct ee_client_session *session, const uint8_t lease_id[16],
                                const uint8_t deployment_hash[32], struct ee_seal_context *out)
{
    const char *account;
    memset(out, 0, sizeof(*out));
    EE_TRY(ee_client_session_account(session, &account));
    memcpy(out->network_id, ee_client_session_trust(session)->network_id, 32);
    memcpy(out->launcher, account, strlen(account) + 1);
    memcpy(out->lease_id, lease_id, sizeof(out->lease_id));
    memcpy(out->deployment_hash, deployment_hash, sizeof(out->deployment_hash));
    return EE_OK;
}

static enum ee_err start(struct ee_client_session *session,
                         const struct ee_client_workload *workload, struct ee_client_launch *launch)
{
    struct ee_seal_context context;
    uint8_t *sealed = NULL;
    size_t size = 0;
    char path[96];
    json_t *answer = NULL;
    EE_TRY(seal_context(session, launch->lease_id, workload->deployment_hash, &context));
    memcpy(context.recipient, launch->agent.verdict.claims.sealing_key, sizeof(context.recipient));
    EE_TRY(ee_client_secrets_seal(ee_client_session_problem(session), workload, &context, &sealed,
                                  &size));
    (void)snprintf(path, sizeof(path), "/v1/leases/%s/start", launch->lease);
    json_t *body =
        json_pack("{s:o}", "sealed", ee_client_json_base64_new(ee_bytes_of(sealed, size)));
    enum ee_err err = ee_client_send(session, "POST", path, body, &answer);
    json_decref(body);
    json_decref(answer);
    free(sealed);
    return err;
}

enum ee_err ee_client_launch_start(struct ee_client_session *session,
                                   const struct ee_client_workload *workload,
                                   struct ee_client_launch *launch)
{
    enum ee_err err = start(session, workload, launch);
    if (err != EE_OK)
        give_back(session, launch->name);
    return err;
}

void ee_client_launch_close(struct ee_client_launch *launch)
{
    json_decref(launch->reserved);
    memset(launch, 0, sizeof(*launch));
}

/* ---- afterwards ---- */

enum ee_err ee_client_lease_wait(struct ee_client_session *session, const char *lease,
                                 const char *state, unsigned wait_s, json_t **out)
{
    char path[128];
    struct ee_client_answer answer;
    (void)snprintf(path, sizeof(path), *state ? "/v1/leases/%s?wait=%u&state=%s" : "/v1/leases/%s",
                   lease, wait_s, state);
    const struct ee_client_request request = {
        .method = "GET", .path = path, .timeout_ms = (uint64_t)wait_s * 1000 + WAIT_MARGIN_MS};
    enum ee_err err = ee_client_session_request(session, &request, &answer);
    if (err == EE_OK)
        *out = json_incref(answer.json);
    ee_client_answer_close(&answer);
    return err;
}

enum ee_err ee_client_lease_output(struct ee_client_session *session, const json_t *lease,
                                   struct ee_client_output *out, bool *final_out)
{
    struct ee_client_output_key key;
    struct ee_seal_context context;
    struct ee_client_answer answer;
    struct ee_client_problem *problem = ee_client_session_problem(session);
    uint8_t id[EE_ID_SIZE], hash[32];
    char path[96];
    const char *text = ee_client_json_text(lease, "lease");
    if (ee_client_json_hex(lease, "lease", id, sizeof(id)) != EE_OK ||
        ee_client_json_hex(lease, "deployment_hash", hash, sizeof(hash)) != EE_OK)
        return ee_client_fail(problem, EE_SYNTAX, "the network describes no lease");
    EE_TRY(seal_context(session, id, hash, &context));
    context.kind = EE_SEAL_OUTPUT;
    EE_TRY(ee_client_output_key_load(problem, context.network_id, hash, &key));
    (void)snprintf(path, sizeof(path), "/v1/leases/%s/output", text);
    const struct ee_client_request request = {.method = "GET", .path = path, .raw = true};
    enum ee_err err = ee_client_session_request(session, &request, &answer);
    if (err == EE_OK)
        err = ee_client_output_open(problem, &key, &context, ee_buffer_bytes(&answer.body), out);
    *final_out = answer.final;
    ee_wipe(&key, sizeof(key));
    ee_client_answer_close(&answer);
    return err;
}
