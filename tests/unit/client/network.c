/* SPDX-License-Identifier: Apache-2.0 */
#include "network.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/evidence.h"
#include "core/receipt.h"
#include "io/clock.h"
#include "io/crypto_openssl.h"
#include "io/file.h"
#include "io/random.h"
#include "io/x509.h"
#include "link/attest_channel.h"
#include "link/http_server.h"
#include "sim/collateral.h"
#include "sim/quote.h"
#include "tlog/tlog.h"

#include "scratch.h"

#define CRYPTO (&ee_crypto_openssl)
enum { LOG_LEAVES = 400 };

struct network {
    pthread_t thread;
    struct ee_loop *loop;
    struct ee_wakeup *wakeup;
    struct ee_http_server *server;
    struct ee_tls *tls;
    struct ee_sim_authority authority;
    struct ee_sim_platform platform;
    struct ee_trust trust;
    uint8_t founding_seed[32], checkpoint_seed[32];
    uint8_t tls_key_hash[32];
    struct ee_tlog logs[2]; /* the honest one and another, which differ from leaf 60 on */
    _Atomic unsigned lie, tokens, requests, heads;
    _Atomic bool repeated;
    char last_key[80];
    pthread_mutex_t lock;
    char last_host[128]; /* under the lock */
    _Atomic size_t last_body;
    uint8_t challenge[32];
    char folder[sizeof(scratch_folder)];
    char evidence[EE_EVIDENCE_TEXT_MAX];
    char receipt[EE_RECEIPT_FILE_MAX];
};

static void must(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "network fixture: %s\n", what);
        abort();
    }
}

/* ---- evidence ---- */

static void td_of(enum lie lie, struct ee_sim_td *td)
{
    bool other =
        lie == OTHER_CODE || lie == OTHER_CODE_ALLOWED_LATER || lie == OTHER_CODE_CHANGE_FORGED;
    ee_sim_td_for_program(CRYPTO, lie == AN_AGENT ? "ee-agent" : "ee-control", other ? "evil" : "1",
                          td);
}

static size_t claims_make(const struct network *n, uint8_t out[EE_CLAIMS_SIZE_MAX])
{
    enum lie lie = n->lie;
    size_t size;
    struct ee_claims claims = {.role = EE_ROLE_CONTROL, .software_version = "1", .vcpus = 2};
    memcpy(claims.network_id, n->trust.network_id, 32);
    memcpy(claims.tls_key_hash, n->tls_key_hash, 32);
    claims.identity[0] = 1;
    claims.network_id[0] ^= lie == OTHER_NETWORK;
    claims.tls_key_hash[0] ^= lie == OTHER_TLS_KEY;
    if (lie == AN_AGENT) {
        claims.role = EE_ROLE_AGENT;
        memcpy(claims.node_name, "node-1", 7);
        claims.sealing_key[0] = 1;
    } else {
        must(CRYPTO->ed25519_public(n->checkpoint_seed, claims.checkpoint_key), "key");
    }
    must(ee_claims_encode(&claims, out, EE_CLAIMS_SIZE_MAX, &size) == EE_OK, "claims");
    return size;
}

static size_t evidence_make(struct network *n, const struct ee_nonce *nonce)
{
    static char collateral[EE_SIM_COLLATERAL_MAX];
    static uint8_t quote[EE_SIM_QUOTE_MAX];
    uint8_t claims[EE_CLAIMS_SIZE_MAX], report_data[64];
    struct ee_sim_td td;
    struct ee_tlog_hash root;
    size_t size;
    struct ee_evidence evidence = {.nonce = *nonce, .size = 1};
    const uint8_t seed[32] = {5};
    bool old = n->lie >= OLD_PLATFORM && n->lie <= OLD_PLATFORM_FORGED;
    uint32_t faults = n->lie == FORGED_QUOTE ? EE_SIM_QUOTE_FORGED
                      : old                  ? EE_SIM_PLATFORM_OUT_OF_DATE
                      : n->lie == OTHER_ROOT ? EE_SIM_WRONG_ROOT
                                             : EE_SIM_HEALTHY;
    must(ee_sim_platform_init(&n->platform, CRYPTO, &n->authority, seed, 2, faults) == EE_OK,
         "tdx");
    td_of(n->lie, &td);
    evidence.claims = ee_bytes_of(claims, claims_make(n, claims));
    must(ee_freshness_root(CRYPTO, nonce, 0, 1, NULL, 0, &root) == EE_OK, "nonce");
    ee_freshness_report_data(CRYPTO, evidence.claims, &root, report_data);
    must(ee_sim_quote_write(CRYPTO, &n->platform, &td, report_data, EE_SIM_QUOTE_V4, quote,
                            sizeof(quote), &size) == EE_OK,
         "quote");
    evidence.quote = ee_bytes_of(quote, size);
    must(ee_sim_collateral_write(CRYPTO, &n->authority, &n->platform,
                                 (int64_t)(ee_clock_wall_us() / 1000000) -
                                     (n->lie == OLDER_COLLATERAL ? 8 * 86400 : 60),
                                 collateral, sizeof(collateral), &size) == EE_OK,
         "collateral");
    evidence.collateral = ee_bytes_of(collateral, size);
    must(ee_evidence_encode(CRYPTO, &evidence, n->evidence, sizeof(n->evidence), &size) == EE_OK,
         "evidence");
    return size;
}

static void answer_evidence(struct network *n, struct ee_http_exchange *exchange,
                            struct ee_bytes body)
{
    static const uint8_t no_key[32];
    struct ee_nonce nonce;
    const char prefix[] = "{\"challenge\":\"";
    must(body.size > sizeof(prefix) + 64 && memcmp(body.data, prefix, sizeof(prefix) - 1) == 0 &&
             ee_hex_decode(ee_bytes_of(body.data + sizeof(prefix) - 1, 64), n->challenge, 32) ==
                 EE_OK,
         "challenge");
    n->challenge[0] ^= n->lie == RELAYED;
    must(ee_attest_channel_nonce(CRYPTO, ee_http_exchange_conn(exchange), n->challenge, no_key,
                                 EE_ROLE_CONTROL, &nonce) == EE_OK,
         "nonce");
    size_t size = evidence_make(n, &nonce);
    struct ee_bytes text =
        n->lie == GARBAGE ? ee_bytes_str("{\"hello\":1}") : ee_bytes_of(n->evidence, size);
    must(ee_http_exchange_answer_text(exchange, 200, "application/json", text) == EE_OK, "answer");
}

/* ---- checkpoints and changes ---- */

static size_t head_make(struct network *n, char out[EE_TLOG_CHECKPOINT_SIZE_MAX])
{
    uint64_t size = 100 + n->heads++;
    size_t note_size;
    struct ee_tlog_checkpoint checkpoint = {.size = n->lie == ROLLED_BACK ? 50 : size};
    uint8_t seed[32];
    memcpy(seed, n->checkpoint_seed, sizeof(seed));
    seed[0] ^= n->lie == UNSIGNED_HEAD;
    if (n->lie == TWO_HISTORIES)
        checkpoint.size = 100;
    if (n->lie == FORKED)
        checkpoint.size = size + 1;
    must(ee_tlog_root(&n->logs[n->lie == TWO_HISTORIES || n->lie == FORKED], checkpoint.size,
                      &checkpoint.root) == EE_OK,
         "root");
    memcpy(checkpoint.network_id, n->trust.network_id, 32);
    must(ee_tlog_checkpoint_sign(CRYPTO, &checkpoint, seed, out, EE_TLOG_CHECKPOINT_SIZE_MAX,
                                 &note_size) == EE_OK,
         "checkpoint");
    return note_size;
}

static void logs_make(struct network *n)
{
    for (size_t log = 0; log < 2; log++) {
        ee_tlog_init(&n->logs[log], CRYPTO, &ee_allocator_system);
        for (size_t i = 0; i < LOG_LEAVES; i++) {
            struct ee_tlog_hash leaf = {{i < 60 ? (uint8_t)i : (uint8_t)(i + 100 * log)}};
            must(ee_tlog_append(&n->logs[log], &leaf) == EE_OK, "leaf");
        }
    }
}

static void answer_consistency(struct network *n, struct ee_http_exchange *exchange,
                               struct ee_bytes target)
{
    unsigned long long from, to;
    char text[160], hex[65], body[8192];
    const struct ee_tlog *log = &n->logs[n->lie == TWO_HISTORIES || n->lie == FORKED];
    struct ee_tlog_hash root;
    struct ee_tlog_proof proof;
    (void)snprintf(text, sizeof(text), "%.*s", (int)target.size, (const char *)target.data);
    must(sscanf(text, "/v1/log/consistency?from=%llu&to=%llu", &from, &to) == 2 &&
             ee_tlog_root(log, from, &root) == EE_OK &&
             ee_tlog_consistency(log, from, to, &proof) == EE_OK,
         "proof");
    size_t used = (size_t)snprintf(body, sizeof(body), "{\"from_root\":\"%s\",\"proof\":[",
                                   ee_hex_encode(root.bytes, 32, hex));
    for (size_t i = 0; i < proof.count; i++)
        used += (size_t)snprintf(body + used, sizeof(body) - used, "%s\"%s\"", i ? "," : "",
                                 ee_hex_encode(proof.hashes[i].bytes, 32, hex));
    used += (size_t)snprintf(body + used, sizeof(body) - used, "]}");
    must(ee_http_exchange_answer_text(exchange, 200, "application/json", ee_bytes_of(body, used)) ==
             EE_OK,
         "answer");
}

static void change_make(const struct network *n, struct ee_allow_change *out)
{
    uint8_t memory[512], seed[32];
    struct ee_writer message;
    struct ee_sim_td td;
    struct ee_measurement measurement;
    bool retire = n->lie == RETIRED_LATER;
    td_of(retire ? HONEST : OTHER_CODE, &td);
    ee_sim_td_measurement(&td, &measurement);
    *out = (struct ee_allow_change){
        .add = !retire, .role = EE_ROLE_CONTROL, .label = "later", .number = 1};
    ee_measurement_digest(CRYPTO, &measurement, out->measurement);
    memcpy(seed, n->founding_seed, sizeof(seed));
    seed[0] ^= n->lie == OTHER_CODE_CHANGE_FORGED;
    ee_writer_init(&message, memory, sizeof(memory));
    must(ee_allow_change_message(n->trust.network_id, out, &message) == EE_OK &&
             CRYPTO->ed25519_sign(seed, ee_writer_done(&message), out->signature),
         "change");
}

static void policy_make(const struct network *n, struct ee_writer *out)
{
    static uint8_t bytes[EE_POLICY_BYTES_MAX], memory[EE_POLICY_CHANGE_SIZE_MAX];
    uint8_t seed[32];
    struct ee_writer w, message;
    struct ee_policy_change change = {.number = 1};
    struct ee_attest_policy policy = ee_attest_policy_network;
    if (n->lie == REFUSED_LATER)
        policy.min_tcb_evaluation = 1000;
    else
        policy.grace_days[EE_TCB_OUT_OF_DATE] = EE_POLICY_DAYS_MAX;
    ee_writer_init(&w, bytes, sizeof(bytes));
    must(ee_attest_policy_encode(&policy, &w) == EE_OK, "policy");
    change.policy = ee_writer_done(&w);
    memcpy(seed, n->founding_seed, sizeof(seed));
    seed[0] ^= n->lie == OLD_PLATFORM_FORGED;
    ee_writer_init(&message, memory, sizeof(memory));
    must(ee_policy_change_message(n->trust.network_id, &change, &message) == EE_OK &&
             CRYPTO->ed25519_sign(seed, ee_writer_done(&message), change.signature) &&
             ee_policy_change_encode(&change, out) == EE_OK,
         "policy change");
}

/* A receipt of the change; the log around it is of no weight here. */
static size_t receipt_make(struct network *n, enum ee_command_kind kind)
{
    static uint8_t canonical[EE_RECEIPT_SIZE_MAX], payload[EE_POLICY_CHANGE_SIZE_MAX];
    static uint8_t command_bytes[EE_POLICY_CHANGE_SIZE_MAX + 512];
    struct ee_writer w, file;
    struct ee_allow_change change;
    ee_writer_init(&w, payload, sizeof(payload));
    if (kind == EE_COMMAND_POLICY) {
        policy_make(n, &w);
    } else {
        change_make(n, &change);
        must(ee_allow_change_encode(&change, &w) == EE_OK, "change");
    }
    const struct ee_command command = {.core_version = EE_CORE_VERSION,
                                       .seq = 1,
                                       .time_us = 1,
                                       .actor_kind = EE_ACTOR_SYSTEM,
                                       .kind = kind,
                                       .payload = ee_writer_done(&w)};
    struct ee_writer encoded;
    ee_writer_init(&encoded, command_bytes, sizeof(command_bytes));
    must(ee_command_encode(&command, &encoded) == EE_OK, "command");
    struct ee_receipt receipt = {.command = ee_writer_done(&encoded),
                                 .result = ee_bytes_str("r"),
                                 .note = ee_bytes_str("n"),
                                 .evidence = ee_bytes_str("e")};
    memcpy(receipt.network_id, n->trust.network_id, 32);
    ee_writer_init(&w, canonical, sizeof(canonical));
    must(ee_receipt_encode(&receipt, &w) == EE_OK, "receipt");
    ee_writer_init(&file, n->receipt, sizeof(n->receipt));
    must(ee_receipt_file_write(CRYPTO, ee_writer_done(&w), &file) == EE_OK, "receipt file");
    return file.size;
}

static void answer_changes(struct network *n, struct ee_http_exchange *exchange)
{
    char *text = NULL;
    if (n->lie == OTHER_CODE_ALLOWED_LATER || n->lie == OTHER_CODE_CHANGE_FORGED ||
        n->lie == RETIRED_LATER) {
        size_t size = receipt_make(n, EE_COMMAND_ALLOW);
        json_t *document =
            json_pack("{s:[{s:s, s:s%}]}", "items", "seq", "1", "receipt", n->receipt, size);
        text = json_dumps(document, JSON_COMPACT);
        json_decref(document);
    }
    struct ee_bytes body = ee_bytes_str(text ? text : "{\"items\":[]}");
    must(ee_http_exchange_answer_text(exchange, 200, "application/json", body) == EE_OK, "answer");
    free(text);
}

static void answer_policy(struct network *n, struct ee_http_exchange *exchange)
{
    char *text = NULL;
    if ((n->lie > OLD_PLATFORM && n->lie <= OLD_PLATFORM_FORGED) || n->lie == REFUSED_LATER) {
        size_t size = receipt_make(n, EE_COMMAND_POLICY);
        json_t *document = json_pack("{s:s%}", "receipt", n->receipt, size);
        text = json_dumps(document, JSON_COMPACT);
        json_decref(document);
    }
    struct ee_bytes body = ee_bytes_str(text ? text : "{\"receipt\":null}");
    must(ee_http_exchange_answer_text(exchange, 200, "application/json", body) == EE_OK, "answer");
    free(text);
}

/* ---- the server ---- */

static void answer_other(struct network *n, struct ee_http_exchange *exchange, struct ee_bytes body)
{
    char note[EE_TLOG_CHECKPOINT_SIZE_MAX], base64[EE_BASE64_SIZE(EE_TLOG_CHECKPOINT_SIZE_MAX)];
    struct ee_bytes key;
    struct ee_http_head *head = ee_http_exchange_head(exchange);
    size_t size = head_make(n, note);
    n->last_body = body.size;
    (void)pthread_mutex_lock(&n->lock);
    if (ee_http_head_find(ee_http_exchange_request(exchange), "Host", &key))
        (void)snprintf(n->last_host, sizeof(n->last_host), "%.*s", (int)key.size,
                       (const char *)key.data);
    (void)pthread_mutex_unlock(&n->lock);
    if (ee_http_head_find(ee_http_exchange_request(exchange), "Idempotency-Key", &key)) {
        n->repeated =
            strlen(n->last_key) == key.size && memcmp(n->last_key, key.data, key.size) == 0;
        (void)snprintf(n->last_key, sizeof(n->last_key), "%.*s", (int)key.size,
                       (const char *)key.data);
    }
    if (n->lie == DROPS_REQUESTS) {
        n->lie = HONEST;
        ee_http_exchange_abort(exchange, EE_CLOSED);
        return;
    }
    must(ee_http_head_response(head, 200, ee_bytes_of(NULL, 0)) == EE_OK &&
             ee_http_head_add_text(head, "EE-Checkpoint", ee_base64_encode(note, size, base64)) ==
                 EE_OK &&
             ee_http_exchange_answer(exchange, head, ee_bytes_str("{\"ok\":true}")) == EE_OK,
         "answer");
}

static void on_complete(void *context, struct ee_http_exchange *exchange, struct ee_bytes body)
{
    struct network *n = context;
    struct ee_bytes target = ee_http_head_target(ee_http_exchange_request(exchange));
    char note[EE_TLOG_CHECKPOINT_SIZE_MAX];
    if (ee_bytes_equal(target, ee_bytes_str("/v1/evidence"))) {
        answer_evidence(n, exchange, body);
    } else if (ee_bytes_equal(target, ee_bytes_str("/v1/allow-changes"))) {
        answer_changes(n, exchange);
    } else if (ee_bytes_equal(target, ee_bytes_str("/v1/policy"))) {
        answer_policy(n, exchange);
    } else if (ee_bytes_equal(target, ee_bytes_str("/v1/checkpoint"))) {
        size_t size = head_make(n, note);
        must(ee_http_exchange_answer_text(exchange, 200, "text/plain", ee_bytes_of(note, size)) ==
                 EE_OK,
             "answer");
    } else if (target.size > 20 && memcmp(target.data, "/v1/log/consistency?", 20) == 0) {
        answer_consistency(n, exchange, target);
    } else {
        answer_other(n, exchange, body);
    }
}

static void on_gone(void *context, struct ee_http_exchange *exchange, enum ee_err err)
{
    (void)context;
    (void)exchange;
    (void)err;
}

static const struct ee_http_exchange_events exchange_events = {.complete = on_complete,
                                                               .gone = on_gone};

static void on_request(void *context, struct ee_http_exchange *exchange)
{
    struct network *n = context;
    struct ee_bytes value;
    n->requests++;
    n->tokens += ee_http_head_find(ee_http_exchange_request(exchange), "Authorization", &value);
    ee_http_exchange_collect(exchange, 65536, &exchange_events, n);
}

static void on_wakeup(void *context)
{
    ee_loop_stop(((struct network *)context)->loop);
}

static void *serve(void *context)
{
    struct network *n = context;
    ee_loop_run(n->loop);
    return NULL;
}

static void tls_make(struct network *n)
{
    struct ee_pem key, certificate;
    const char *const names[] = {"127.0.0.1"};
    const struct ee_x509_subject subject = {"test", names, 1};
    int64_t now_s = (int64_t)(ee_clock_wall_us() / 1000000);
    must(ee_x509_key_new(&key) == EE_OK &&
             ee_x509_self_signed(ee_pem_bytes(&key), &subject,
                                 (struct ee_x509_validity){now_s - 60, now_s + 3600},
                                 &certificate) == EE_OK,
         "certificate");
    const struct ee_tls_server_options options = {.certificate_pem = ee_pem_bytes(&certificate),
                                                  .key_pem = ee_pem_bytes(&key)};
    must(ee_x509_private_key_hash(ee_pem_bytes(&key), n->tls_key_hash) == EE_OK &&
             ee_tls_server_new(&options, &n->tls) == EE_OK,
         "TLS");
}

static void genesis_make(struct network *n)
{
    const uint8_t seed[32] = {3};
    uint8_t canonical[EE_GENESIS_SIZE_MAX], text[EE_GENESIS_FILE_MAX];
    char path[512];
    struct ee_writer w, file;
    struct ee_sim_td td;
    struct ee_measurement measurement;
    struct ee_genesis genesis = {.kind = EE_NETWORK_DEVELOPMENT,
                                 .name = "test",
                                 .issuer_key = {1},
                                 .mint_daily_cap = {1000000},
                                 .profile = EE_PROFILE_DEVELOPMENT,
                                 .root_count = 1,
                                 .allow_count = 2,
                                 .allow = {{.role = EE_ROLE_CONTROL, .label = "ee-control"},
                                           {.role = EE_ROLE_AGENT, .label = "ee-agent"}}};
    must(ee_sim_authority_init(&n->authority, CRYPTO, seed) == EE_OK, "authority");
    memcpy(genesis.roots[0].public_key, ee_sim_authority_root_key(&n->authority), 64);
    genesis.roots[0].simulated = 1;
    for (int i = 0; i < 2; i++) {
        td_of(i ? AN_AGENT : HONEST, &td);
        ee_sim_td_measurement(&td, &measurement);
        ee_measurement_digest(CRYPTO, &measurement, genesis.allow[i].measurement);
    }
    must(CRYPTO->ed25519_public(n->founding_seed, genesis.founding_key), "key");
    ee_writer_init(&w, canonical, sizeof(canonical));
    ee_writer_init(&file, text, sizeof(text));
    must(ee_genesis_encode(&genesis, &w) == EE_OK &&
             ee_genesis_file_write(CRYPTO, ee_writer_done(&w), &file) == EE_OK &&
             ee_file_write(scratch_path("genesis.json", path), ee_writer_done(&file), 0600) ==
                 EE_OK &&
             ee_trust_init(CRYPTO, ee_writer_done(&w), &n->trust) == EE_OK,
         "genesis");
}

struct network *network_start(enum lie lie, struct ee_client_profile *profile_out)
{
    struct network *n = calloc(1, sizeof(*n));
    const struct ee_http_server_options options = {
        .address = "127.0.0.1:0", .tls = NULL, .request = on_request, .context = n};
    must(n && scratch_open(), "memory");
    memcpy(n->folder, scratch_folder, sizeof(n->folder));
    ee_random_bytes(n->founding_seed, 32);
    ee_random_bytes(n->checkpoint_seed, 32);
    logs_make(n);
    n->lie = lie;
    genesis_make(n);
    tls_make(n);
    struct ee_http_server_options with_tls = options;
    with_tls.tls = n->tls;
    must(ee_loop_new(&n->loop) == EE_OK &&
             ee_http_server_new(n->loop, &with_tls, &n->server) == EE_OK &&
             ee_wakeup_new(n->loop, on_wakeup, n, &n->wakeup) == EE_OK,
         "server");
    must(scratch_write("token", "eek_secret", 0600), "token");
    memset(profile_out, 0, sizeof(*profile_out));
    (void)snprintf(profile_out->api, sizeof(profile_out->api), "https://127.0.0.1:%u",
                   (unsigned)ee_http_server_port(n->server));
    (void)snprintf(profile_out->gateway, sizeof(profile_out->gateway), "%s", profile_out->api);
    (void)snprintf(profile_out->domain, sizeof(profile_out->domain), "apps.test");
    (void)snprintf(profile_out->account, sizeof(profile_out->account), "dev");
    scratch_path("genesis.json", profile_out->genesis);
    scratch_path("token", profile_out->token_file);
    must(pthread_mutex_init(&n->lock, NULL) == 0, "lock");
    must(pthread_create(&n->thread, NULL, serve, n) == 0, "thread");
    return n;
}

void network_lie(struct network *network, enum lie lie)
{
    network->lie = lie;
}

void network_stop(struct network *network)
{
    ee_wakeup_send(network->wakeup);
    (void)pthread_join(network->thread, NULL);
    (void)pthread_mutex_destroy(&network->lock);
    ee_http_server_free(network->server);
    ee_wakeup_free(network->wakeup);
    ee_loop_free(network->loop);
    ee_tls_free(network->tls);
    ee_tlog_close(&network->logs[0]);
    ee_tlog_close(&network->logs[1]);
    memcpy(scratch_folder, network->folder, sizeof(scratch_folder));
    free(network);
    scratch_close();
}

unsigned network_tokens_seen(const struct network *network)
{
    return network->tokens;
}

unsigned network_requests(const struct network *network)
{
    return network->requests;
}

bool network_key_repeated(const struct network *network)
{
    return network->repeated;
}

bool network_last_host_is(struct network *network, const char *host)
{
    (void)pthread_mutex_lock(&network->lock);
    bool same = strcmp(network->last_host, host) == 0;
    (void)pthread_mutex_unlock(&network->lock);
    return same;
}

size_t network_last_body(const struct network *network)
{
    return network->last_body;
}
