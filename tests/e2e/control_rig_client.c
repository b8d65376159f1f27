/* SPDX-License-Identifier: Apache-2.0 */
/* The client's half of the rig: requests, accounts, workloads. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attest/evidence.h"
#include "base/text.h"
#include "control_rig.h"
#include "core/command.h"
#include "io/clock.h"
#include "io/crypto_openssl.h"
#include "io/random.h"
#include "seal/job_output.h"
#include "seal/seal.h"
#include "seal/secrets.h"

#include "base/banned.h"

static const struct ee_crypto *const crypto = &ee_crypto_openssl;

/* ---- the client ---- */

void rig_text(const json_t *object, const char *member, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(object, member));
    snprintf(out, size, "%s", text != NULL ? text : "");
}

static bool connect_api(struct rig *rig)
{
    struct ee_conn_connect_options options = {
        .address = rig->api, .tls = rig->tls, .server_name = "localhost"};
    return ee_sync_client_connected(rig->client) ||
           ee_sync_client_connect(rig->client, &options) == EE_OK ||
           rig_fail(ee_sync_client_reason(rig->client));
}

static bool make_request(struct rig *rig, const char *key, const char *method, const char *target,
                         struct ee_http_head *head)
{
    char value[64];
    enum ee_err err = ee_http_head_request(head, ee_bytes_str(method), ee_bytes_str(target));
    if (err == EE_OK && key != NULL) {
        snprintf(value, sizeof value, "Bearer %s", key);
        err = ee_http_head_add_text(head, "Authorization", value);
    }
    if (err == EE_OK && strcmp(method, "GET") != 0) {
        snprintf(value, sizeof value, "rig-%llu", (unsigned long long)++rig->next_id);
        err = ee_http_head_add_text(head, "Idempotency-Key", value);
    }
    return err == EE_OK || rig_fail("request head");
}

static int request(struct rig *rig, const char *key, const char *method, const char *target,
                   struct ee_bytes body, struct ee_sync_answer *out)
{
    struct ee_http_head *head = malloc(sizeof *head);
    int status = 0;
    if (head != NULL && connect_api(rig) && make_request(rig, key, method, target, head)) {
        struct ee_sync_request request = {.head = head, .body = body};
        enum ee_err err = ee_sync_client_request(rig->client, &request, out);
        if (err == EE_OK)
            status = out->head->status;
        else
            printf("# rig: %s %s: %s %s\n", method, target, ee_err_name(err),
                   ee_sync_client_reason(rig->client));
    }
    free(head);
    return status;
}

int rig_call_raw(struct rig *rig, const char *key, const char *target, struct ee_sync_answer *out)
{
    return request(rig, key, "GET", target, ee_bytes_str(""), out);
}

int rig_call(struct rig *rig, const char *key, const char *method, const char *target, json_t *body,
             json_t **answer_out)
{
    struct ee_sync_answer answer = {0};
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    int status = request(rig, key, method, target, ee_bytes_str(text != NULL ? text : ""), &answer);
    free(text);
    struct ee_bytes bytes = status != 0 ? ee_buffer_bytes(&answer.body) : ee_bytes_str("");
    if (status >= 400)
        printf("# %s %s: %d %.*s\n", method, target, status, (int)bytes.size,
               (const char *)bytes.data);
    if (answer_out != NULL)
        *answer_out = json_loadb((const char *)bytes.data, bytes.size, 0, NULL);
    if (status != 0)
        ee_sync_answer_close(&answer);
    return status;
}

static bool account(struct rig *rig, const char *name, const char *kind, const char *key,
                    const uint8_t *seed)
{
    uint8_t public_key[32] = {0};
    char expires[32];
    if (seed != NULL && !crypto->ed25519_public(seed, public_key))
        return false;
    snprintf(expires, sizeof expires, "%llu",
             (unsigned long long)(ee_clock_wall_us() / 1000000 + 86400));
    json_t *body = json_pack("{s:s, s:s, s:o, s:[s,s,s,s,s], s:s}", "name", name, "kind", kind,
                             "key_hash", rig_key_hash(key), "scopes", "read", "run", "spend",
                             "nodes", "keys", "expires_s", expires);
    if (seed != NULL)
        json_object_set_new(body, "public_key", rig_hex(public_key, 32));
    return rig_call(rig, rig->admin_key, "POST", "/v1/accounts", body, NULL) == 201 ||
           rig_fail(name);
}

int rig_mint(struct rig *rig, const char *reference, const char *amount)
{
    struct ee_mint mint = {.account = "alice"};
    uint8_t memory[512];
    struct ee_writer writer;
    snprintf(mint.reference, sizeof mint.reference, "%s", reference);
    ee_writer_init(&writer, memory, sizeof memory);
    if (ee_money_parse(amount, &mint.amount) != EE_OK ||
        ee_mint_message(rig->network_id, &mint, &writer) != EE_OK ||
        !crypto->ed25519_sign(rig->issuer_seed, ee_writer_done(&writer), mint.signature))
        return 0;
    json_t *body =
        json_pack("{s:s, s:s, s:s, s:o}", "account", "alice", "amount", amount, "reference",
                  reference, "signature", rig_hex(mint.signature, sizeof mint.signature));
    return rig_call(rig, rig->user_key, "POST", "/v1/mints", body, NULL);
}

bool rig_accounts(struct rig *rig, const char *amount)
{
    return account(rig, "alice", "user", rig->user_key, NULL) &&
           account(rig, "op", "operator", rig->operator_key, rig->operator_seed) &&
           (rig_mint(rig, "first", amount) == 200 || rig_fail("mint"));
}

bool rig_wait(struct rig *rig, const char *target, const char *member, const char *value)
{
    char text[128] = "";
    for (int i = 0; i < RIG_WAIT_MS / 50; i++) {
        json_t *answer = NULL;
        int status = rig_call(rig, rig->user_key, "GET", target, NULL, &answer);
        const json_t *items = json_object_get(answer, "items");
        rig_text(items != NULL ? json_array_get(items, 0) : answer, member, text, sizeof text);
        json_decref(answer);
        if (status == 200 && strcmp(text, value) == 0)
            return true;
        rig_wait_ms(50);
    }
    printf("# rig: %s stays %s = %s\n", target, member, text);
    return false;
}

/* ---- workloads ---- */

char *rig_deployment(struct rig *rig, const char *command, uint16_t port)
{
    struct ee_deployment deployment = {
        .runtime = EE_RUNTIME_PROCESS, .arg_count = 3, .port = port, .output_limit = 65536};
    uint8_t memory[4096];
    struct ee_writer writer;
    deployment.args[0] = ee_bytes_str("/bin/sh");
    deployment.args[1] = ee_bytes_str("-c");
    deployment.args[2] = ee_bytes_str(command);
    memcpy(deployment.output_key, rig->output_public, 32);
    ee_writer_init(&writer, memory, sizeof memory);
    if (ee_deployment_encode(&deployment, &writer) != EE_OK)
        return NULL;
    char *text = malloc(EE_BASE64_SIZE(writer.size));
    return text != NULL ? ee_base64_encode(memory, writer.size, text) : NULL;
}

static bool seal_nothing(struct rig *rig, const char *lease, const char *deployment_hash,
                         const uint8_t recipient[32], char *out)
{
    struct ee_seal_context context = {.kind = EE_SEAL_SECRET, .launcher = "alice"};
    struct ee_secrets secrets = {0};
    uint8_t plain[64], sealed[256], ephemeral[32];
    size_t plain_size, size;
    memcpy(context.network_id, rig->network_id, 32);
    memcpy(context.recipient, recipient, 32);
    ee_random_bytes(ephemeral, sizeof ephemeral);
    if (ee_hex_decode(ee_bytes_str(lease), context.lease_id, 16) != EE_OK ||
        ee_hex_decode(ee_bytes_str(deployment_hash), context.deployment_hash, 32) != EE_OK ||
        ee_secrets_encode(&secrets, plain, sizeof plain, &plain_size) != EE_OK ||
        ee_seal_close(crypto, &context, ephemeral, ee_bytes_of(plain, plain_size), sealed,
                      sizeof sealed, &size) != EE_OK)
        return rig_fail("seal");
    ee_base64_encode(sealed, size, out);
    return true;
}

/* The sealing key in the agent's evidence (its verification is the client's own test). */
static bool sealing_key(struct rig *rig, const char *lease, uint8_t out[32])
{
    char target[160], nonce[65];
    uint8_t random[32];
    struct ee_sync_answer answer = {0};
    ee_random_bytes(random, sizeof random);
    snprintf(target, sizeof target, "/v1/leases/%s/evidence?nonce=%s", lease,
             ee_hex_encode(random, 32, nonce));
    if (rig_call_raw(rig, rig->user_key, target, &answer) != 200)
        return rig_fail("no evidence of the agent");
    struct ee_bytes text = ee_buffer_bytes(&answer.body);
    uint8_t *memory = malloc(text.size + 1);
    struct ee_evidence evidence;
    struct ee_nonce expected;
    ee_freshness_caller_nonce(crypto, random, &expected);
    struct ee_claims claims;
    bool ok = memory != NULL &&
              ee_evidence_decode(crypto, text, memory, text.size, &evidence) == EE_OK &&
              ee_claims_decode(evidence.claims, &claims) == EE_OK &&
              memcmp(&evidence.nonce, &expected, sizeof expected) == 0;
    if (ok)
        memcpy(out, claims.sealing_key, 32);
    free(memory);
    ee_sync_answer_close(&answer);
    return ok || rig_fail("evidence of the agent");
}

bool rig_launch(struct rig *rig, const char *workload, const char *name, const char *command,
                uint16_t port, char lease_out[33])
{
    char hash[65], target[128], sealed[EE_BASE64_SIZE(256)];
    uint8_t key[32];
    json_t *answer = NULL;
    char *deployment = rig_deployment(rig, command, port);
    int status = rig_call(rig, rig->user_key, "POST", "/v1/leases",
                          json_pack("{s:s, s:s, s:i, s:s}", "workload", workload, "name", name,
                                    "vcpus", 1, "deployment", deployment),
                          &answer);
    free(deployment);
    rig_text(answer, "lease", lease_out, 33);
    rig_text(answer, "deployment_hash", hash, sizeof hash);
    json_decref(answer);
    if (status != 201 || !sealing_key(rig, lease_out, key) ||
        !seal_nothing(rig, lease_out, hash, key, sealed))
        return rig_fail("not reserved");
    snprintf(target, sizeof target, "/v1/leases/%s/start", lease_out);
    return rig_call(rig, rig->user_key, "POST", target, json_pack("{s:s}", "sealed", sealed),
                    NULL) == 202;
}

bool rig_output(struct rig *rig, const char *lease, char *out, size_t size)
{
    char target[128];
    struct ee_sync_answer answer = {0};
    struct ee_seal_context context = {.kind = EE_SEAL_OUTPUT, .launcher = "alice"};
    struct ee_job_output output;
    char hash[65] = "";
    json_t *view = NULL;
    snprintf(target, sizeof target, "/v1/leases/%s", lease);
    rig_call(rig, rig->user_key, "GET", target, NULL, &view);
    rig_text(view, "deployment_hash", hash, sizeof hash);
    json_decref(view);
    snprintf(target, sizeof target, "/v1/leases/%s/output", lease);
    if (rig_call_raw(rig, rig->user_key, target, &answer) != 200)
        return rig_fail("no output");
    struct ee_bytes sealed = ee_buffer_bytes(&answer.body);
    uint8_t *plain = malloc(sealed.size + 1);
    size_t plain_size = 0;
    memcpy(context.network_id, rig->network_id, 32);
    memcpy(context.recipient, rig->output_public, 32);
    bool ok = plain != NULL && ee_hex_decode(ee_bytes_str(lease), context.lease_id, 16) == EE_OK &&
              ee_hex_decode(ee_bytes_str(hash), context.deployment_hash, 32) == EE_OK &&
              ee_seal_open(crypto, &context, rig->output_private, sealed, plain, sealed.size,
                           &plain_size) == EE_OK &&
              ee_job_output_decode(ee_bytes_of(plain, plain_size), &output) == EE_OK &&
              output.stdout_bytes.size < size;
    if (ok)
        snprintf(out, size, "%.*s", (int)output.stdout_bytes.size,
                 (const char *)output.stdout_bytes.data);
    free(plain);
    ee_sync_answer_close(&answer);
    return ok || rig_fail("the output does not open");
}

int rig_http_get(struct rig *rig, const char *target, char *body_out, size_t size)
{
    struct ee_sync_client *client = NULL;
    struct ee_conn_connect_options options = {.address = rig->http};
    struct ee_http_head *head = malloc(sizeof *head);
    struct ee_sync_answer answer = {0};
    int status = 0;
    body_out[0] = '\0';
    if (head != NULL && ee_sync_client_new(&client) == EE_OK &&
        ee_sync_client_connect(client, &options) == EE_OK &&
        ee_http_head_request(head, ee_bytes_str("GET"), ee_bytes_str(target)) == EE_OK) {
        struct ee_sync_request request = {.head = head};
        if (ee_sync_client_request(client, &request, &answer) == EE_OK) {
            struct ee_bytes body = ee_buffer_bytes(&answer.body);
            status = answer.head->status;
            snprintf(body_out, size, "%.*s", (int)body.size, (const char *)body.data);
            ee_sync_answer_close(&answer);
        }
    }
    ee_sync_client_free(client);
    free(head);
    return status;
}
