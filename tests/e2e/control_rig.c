/* SPDX-License-Identifier: Apache-2.0 */
#include "control_rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attest/evidence.h"
#include "base/text.h"
#include "core/command.h"
#include "io/clock.h"
#include "io/crypto_openssl.h"
#include "io/file.h"
#include "io/random.h"
#include "io/x509.h"
#include "seal/job_output.h"
#include "seal/seal.h"
#include "seal/secrets.h"
#include "sim/collateral.h"
#include "sim/td.h"

#include "base/banned.h"

static const struct ee_crypto *const crypto = &ee_crypto_openssl;

static bool fail(const char *what)
{
    printf("# rig: %s\n", what);
    return false;
}

static void path_of(const struct rig *rig, const char *name, char out[RIG_PATH_SIZE])
{
    snprintf(out, RIG_PATH_SIZE, "%.400s/%s", rig->folder, name);
}

static bool put(const struct rig *rig, const char *name, struct ee_bytes bytes)
{
    char path[RIG_PATH_SIZE];
    path_of(rig, name, path);
    return ee_file_write(path, bytes, 0600) == EE_OK || fail(path);
}

static void wait_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static void make_key(const char *prefix, char out[RIG_KEY_SIZE])
{
    uint8_t random[32];
    ee_random_bytes(random, sizeof random);
    char text[EE_BASE64_SIZE(32)];
    ee_base64_encode(random, sizeof random, text);
    for (char *c = text; *c != '\0'; c++)
        *c = (char)(*c == '+' ? '-' : *c == '/' ? '_' : *c == '=' ? '\0' : *c);
    snprintf(out, RIG_KEY_SIZE, "%s%.43s", prefix, text);
}

static json_t *hex(const void *data, size_t size)
{
    char text[257];
    return json_string(ee_hex_encode(data, size, text));
}

static json_t *key_hash(const char *key)
{
    uint8_t hash[32];
    struct ee_bytes bytes = ee_bytes_str(key);
    crypto->sha256(&bytes, 1, hash);
    return hex(hash, sizeof hash);
}

/* ---- the folder ---- */

static void allow(struct ee_genesis *genesis, enum ee_role role, const char *program)
{
    struct ee_sim_td td;
    struct ee_measurement measurement;
    struct ee_allow_entry *entry = &genesis->allow[genesis->allow_count++];
    ee_sim_td_for_program(crypto, program, EE_SOFTWARE_VERSION, &td);
    ee_sim_td_measurement(&td, &measurement);
    entry->role = role;
    ee_measurement_digest(crypto, &measurement, entry->measurement);
    snprintf(entry->label, sizeof entry->label, "%s", program);
}

static bool make_genesis(struct rig *rig, const struct ee_sim_authority *authority)
{
    struct ee_genesis genesis = {.kind = EE_NETWORK_DEVELOPMENT,
                                 .name = "rig",
                                 .mint_daily_cap = {1000000000},
                                 .profile = EE_PROFILE_DEVELOPMENT,
                                 .root_count = 1};
    uint8_t canonical[EE_GENESIS_SIZE_MAX], file[EE_GENESIS_FILE_MAX];
    struct ee_writer writer;
    ee_random_bytes(genesis.salt, sizeof genesis.salt);
    memcpy(genesis.roots[0].public_key, ee_sim_authority_root_key(authority), EE_P256_POINT_SIZE);
    genesis.roots[0].simulated = 1;
    if (!crypto->ed25519_public(rig->founding_seed, genesis.founding_key) ||
        !crypto->ed25519_public(rig->issuer_seed, genesis.issuer_key))
        return fail("keys");
    allow(&genesis, EE_ROLE_CONTROL, "ee-control");
    allow(&genesis, EE_ROLE_AGENT, "ee-agent");
    ee_writer_init(&writer, canonical, sizeof canonical);
    if (ee_genesis_encode(&genesis, &writer) != EE_OK)
        return fail("genesis");
    struct ee_bytes bytes = ee_writer_done(&writer);
    ee_genesis_network_id(crypto, bytes, rig->network_id);
    ee_writer_init(&writer, file, sizeof file);
    if (ee_genesis_file_write(crypto, bytes, &writer) != EE_OK)
        return fail("genesis file");
    return put(rig, "genesis.json", ee_writer_done(&writer));
}

static bool put_platform(const struct rig *rig, const char *name, uint8_t number,
                         const char *program)
{
    uint8_t seed[32] = {number};
    char authority[65], platform[65], text[512];
    snprintf(text, sizeof text,
             "{\"authority_seed\":\"%s\",\"platform_seed\":\"%s\",\"program\":\"%s\",\"vcpus\":8}",
             ee_hex_encode(rig->authority_seed, 32, authority), ee_hex_encode(seed, 32, platform),
             program);
    return put(rig, name, ee_bytes_str(text));
}

static bool make_tdx(struct rig *rig)
{
    struct ee_sim_authority *authority = malloc(sizeof *authority);
    char *collateral = malloc(EE_SIM_COLLATERAL_MAX);
    size_t size = 0;
    bool ok = authority != NULL && collateral != NULL &&
              ee_sim_authority_init(authority, crypto, rig->authority_seed) == EE_OK &&
              ee_sim_collateral_write(crypto, authority, NULL,
                                      (int64_t)(ee_clock_wall_us() / 1000000) - 3600, collateral,
                                      EE_SIM_COLLATERAL_MAX, &size) == EE_OK &&
              put(rig, "collateral.json", ee_bytes_of(collateral, size)) &&
              put_platform(rig, "control.platform", 1, "ee-control") &&
              make_genesis(rig, authority);
    free(authority);
    free(collateral);
    return ok;
}

/* Runs a program to its end; its standard output as JSON. */
static json_t *run_json(char *const argv[])
{
    int fds[2];
    char text[16384];
    size_t size = 0;
    if (pipe(fds) != 0)
        return NULL;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fds[1], 1);
        close(fds[0]);
        execv(argv[0], argv);
        _exit(127);
    }
    close(fds[1]);
    for (ssize_t got; size < sizeof text && (got = read(fds[0], text + size, sizeof text - size)) > 0;)
        size += (size_t)got;
    close(fds[0]);
    int status = 0;
    waitpid(pid, &status, 0);
    return status == 0 ? json_loadb(text, size, 0, NULL) : NULL;
}

static bool make_chain(struct rig *rig, const char *request)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "*.apps.localhost"};
    int64_t now = (int64_t)(ee_clock_wall_us() / 1000000);
    struct ee_x509_validity validity = {now - 3600, now + 86400};
    struct ee_x509_subject subject = {"localhost", names, 3};
    struct ee_pem key, authority, leaf;
    char chain[2 * EE_PEM_SIZE_MAX];
    if (ee_x509_key_new(&key) != EE_OK ||
        ee_x509_authority(ee_pem_bytes(&key), "rig", validity, &authority) != EE_OK ||
        ee_x509_request_sign(ee_pem_bytes(&authority), ee_pem_bytes(&key), ee_bytes_str(request),
                             &subject, validity, &leaf) != EE_OK)
        return fail("certificates");
    snprintf(chain, sizeof chain, "%s%s", leaf.text, authority.text);
    struct ee_tls_client_options tls = {.ca_pem = ee_pem_bytes(&authority)};
    return put(rig, "chain.pem", ee_bytes_str(chain)) &&
           put(rig, "ca.pem", ee_pem_bytes(&authority)) &&
           ee_tls_client_new(&tls, &rig->tls) == EE_OK;
}

static bool control_init(struct rig *rig)
{
    char state[RIG_PATH_SIZE];
    path_of(rig, "control", state);
    char *const argv[] = {(char *)(uintptr_t)rig->control_program, (char[]){"init"},
                          (char[]){"--state"}, state, NULL};
    json_t *answer = run_json(argv);
    const char *request = json_string_value(json_object_get(answer, "csr"));
    bool ok = request != NULL && make_chain(rig, request);
    json_decref(answer);
    return ok || fail("ee-control init");
}

bool rig_init(struct rig *rig, const char *control_program, const char *agent_program)
{
    const char *base = getenv("TMPDIR");
    memset(rig, 0, sizeof *rig);
    snprintf(rig->folder, sizeof rig->folder, "%s/ee-rig-XXXXXX", base != NULL ? base : "/var/tmp");
    rig->control_program = control_program;
    rig->agent_program = agent_program;
    if (mkdtemp(rig->folder) == NULL)
        return fail("mkdtemp");
    ee_random_bytes(rig->founding_seed, 32);
    ee_random_bytes(rig->issuer_seed, 32);
    ee_random_bytes(rig->operator_seed, 32);
    ee_random_bytes(rig->authority_seed, 32);
    ee_random_bytes(rig->output_private, 32);
    make_key("eea_", rig->admin_key);
    make_key("eek_", rig->user_key);
    make_key("eek_", rig->operator_key);
    json_t *hash = key_hash(rig->admin_key);
    bool ok = put(rig, "admin.hash", ee_bytes_str(json_string_value(hash)));
    json_decref(hash);
    return ok && crypto->x25519_public(rig->output_private, rig->output_public) && make_tdx(rig) &&
           control_init(rig) && ee_sync_client_new(&rig->client) == EE_OK;
}

/* ---- processes ---- */

/* Standard error goes to a file in the folder. */
static pid_t spawn(const struct rig *rig, const char *log, char *const argv[])
{
    char path[RIG_PATH_SIZE];
    path_of(rig, log, path);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd >= 0) {
        dup2(fd, 1);
        dup2(fd, 2);
    }
    execv(argv[0], argv);
    _exit(127);
}

static bool read_ready(struct rig *rig, const char *path)
{
    struct ee_file_data file;
    if (ee_file_read(path, 4096, &file) != EE_OK)
        return false;
    json_t *ready = json_loadb((const char *)file.data, file.size, 0, NULL);
    rig_text(ready, "api", rig->api, sizeof rig->api);
    rig_text(ready, "gateway", rig->gateway, sizeof rig->gateway);
    rig_text(ready, "http", rig->http, sizeof rig->http);
    json_decref(ready);
    ee_file_data_free(&file);
    return rig->api[0] != '\0';
}

#define ARG(text) (char *)(uintptr_t)(text)

bool rig_control_start(struct rig *rig)
{
    char state[RIG_PATH_SIZE], genesis[RIG_PATH_SIZE], chain[RIG_PATH_SIZE], admin[RIG_PATH_SIZE];
    char collateral[RIG_PATH_SIZE], platform[RIG_PATH_SIZE], ready[RIG_PATH_SIZE];
    path_of(rig, "control", state);
    path_of(rig, "genesis.json", genesis);
    path_of(rig, "chain.pem", chain);
    path_of(rig, "admin.hash", admin);
    path_of(rig, "collateral.json", collateral);
    path_of(rig, "control.platform", platform);
    path_of(rig, "ready", ready);
    unlink(ready);
    /* A restart comes back at the addresses of before. */
    const char *api = rig->api[0] != '\0' ? rig->api : "127.0.0.1:0";
    const char *gateway = rig->gateway[0] != '\0' ? rig->gateway : "127.0.0.1:0";
    const char *http = rig->http[0] != '\0' ? rig->http : "127.0.0.1:0";
    char *const argv[] = {ARG(rig->control_program), ARG("run"), ARG("--state"), state,
                          ARG("--genesis"), genesis, ARG("--listen"), ARG(api), ARG("--gateway"),
                          ARG(gateway), ARG("--http"), ARG(http), ARG("--tls-chain"), chain,
                          ARG("--admin-key-hash-file"), admin, ARG("--collateral"), collateral,
                          ARG("--sim-platform"), platform, ARG("--ready-file"), ready, NULL};
    rig->control_pid = spawn(rig, "control.log", argv);
    for (int i = 0; i < RIG_WAIT_MS / 20; i++) {
        if (read_ready(rig, ready))
            return true;
        if (waitpid(rig->control_pid, NULL, WNOHANG) == rig->control_pid)
            break;
        wait_ms(20);
    }
    return fail("ee-control is not ready");
}

void rig_kill(pid_t *pid, int signal_number)
{
    (void)rig_stop(pid, signal_number);
}

int rig_stop(pid_t *pid, int signal_number)
{
    int status = 0;
    if (*pid <= 0)
        return -1;
    kill(*pid, signal_number);
    waitpid(*pid, &status, 0);
    *pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool agent_paths(const struct rig *rig, size_t index, char state[RIG_PATH_SIZE],
                        char platform[RIG_PATH_SIZE])
{
    char name[64];
    snprintf(name, sizeof name, "%s", rig->agents[index].node);
    path_of(rig, name, state);
    snprintf(name, sizeof name, "%s.platform", rig->agents[index].node);
    path_of(rig, name, platform);
    return true;
}

bool rig_agent_run(struct rig *rig, size_t index)
{
    char state[RIG_PATH_SIZE], platform[RIG_PATH_SIZE], genesis[RIG_PATH_SIZE];
    char collateral[RIG_PATH_SIZE], log[64];
    agent_paths(rig, index, state, platform);
    path_of(rig, "genesis.json", genesis);
    path_of(rig, "collateral.json", collateral);
    snprintf(log, sizeof log, "%s.log", rig->agents[index].node);
    char *const argv[] = {ARG(rig->agent_program), ARG("run"), ARG("--state"), state,
                          ARG("--node"), rig->agents[index].node, ARG("--control"), rig->api,
                          ARG("--genesis"), genesis, ARG("--collateral"), collateral,
                          ARG("--sim-platform"), platform, NULL};
    rig->agents[index].pid = spawn(rig, log, argv);
    return rig->agents[index].pid > 0;
}

static bool agent_init(struct rig *rig, size_t index)
{
    char state[RIG_PATH_SIZE], platform[RIG_PATH_SIZE];
    struct rig_agent *agent = &rig->agents[index];
    agent_paths(rig, index, state, platform);
    char *const argv[] = {ARG(rig->agent_program), ARG("init"), ARG("--state"), state,
                          ARG("--node"), agent->node, ARG("--sim-platform"), platform, NULL};
    json_t *answer = run_json(argv);
    char key[65], ppid[33];
    rig_text(answer, "agent_key", key, sizeof key);
    rig_text(answer, "platform_id", ppid, sizeof ppid);
    json_decref(answer);
    return (ee_hex_decode(ee_bytes_str(key), agent->agent_key, 32) == EE_OK &&
            ee_hex_decode(ee_bytes_str(ppid), agent->platform_id, 16) == EE_OK) ||
           fail("ee-agent init");
}

static bool enrol(struct rig *rig, const struct rig_agent *agent, const char *price)
{
    struct ee_node_enrol enrolment = {.vcpus = 4};
    uint8_t memory[512];
    struct ee_writer writer;
    memcpy(enrolment.node, agent->node, sizeof enrolment.node);
    memcpy(enrolment.platform_id, agent->platform_id, 16);
    memcpy(enrolment.agent_key, agent->agent_key, 32);
    ee_writer_init(&writer, memory, sizeof memory);
    if (ee_node_enrol_message(rig->network_id, "op", &enrolment, &writer) != EE_OK ||
        !crypto->ed25519_sign(rig->operator_seed, ee_writer_done(&writer), enrolment.signature))
        return fail("enrolment message");
    json_t *body = json_pack("{s:s, s:o, s:o, s:i, s:s, s:s, s:o}", "node", agent->node,
                             "platform_id", hex(agent->platform_id, 16), "agent_key",
                             hex(agent->agent_key, 32), "vcpus", 4, "price", price, "region",
                             "here", "signature", hex(enrolment.signature, 64));
    return rig_call(rig, rig->operator_key, "POST", "/v1/nodes", body, NULL) == 201 ||
           fail("enrolment refused");
}

bool rig_agent_start(struct rig *rig, size_t index, const char *price, const char *program)
{
    char file[64];
    struct rig_agent *agent = &rig->agents[index];
    snprintf(agent->node, sizeof agent->node, "node-%zu", index + 1);
    snprintf(file, sizeof file, "%s.platform", agent->node);
    return put_platform(rig, file, (uint8_t)(10 + index), program) && agent_init(rig, index) &&
           enrol(rig, agent, price) && rig_agent_run(rig, index);
}

static void remove_folder(const char *path)
{
    char *const argv[] = {ARG("/bin/rm"), ARG("-rf"), ARG("--"), ARG(path), NULL};
    pid_t pid = fork();
    if (pid == 0) {
        execv(argv[0], argv);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
}

void rig_close(struct rig *rig)
{
    for (size_t i = 0; i < RIG_AGENTS_MAX; i++)
        rig_kill(&rig->agents[i].pid, SIGTERM);
    rig_kill(&rig->control_pid, SIGTERM);
    ee_sync_client_free(rig->client);
    ee_tls_free(rig->tls);
    if (getenv("EE_RIG_KEEP") != NULL)
        printf("# kept %s\n", rig->folder);
    else
        remove_folder(rig->folder);
}

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
           fail(ee_sync_client_reason(rig->client));
}

static bool make_request(struct rig *rig, const char *key, const char *method, const char *target,
                         struct ee_http_head *head)
{
    char value[64];
    enum ee_err err =
        ee_http_head_request(head, ee_bytes_str(method), ee_bytes_str(target));
    if (err == EE_OK && key != NULL) {
        snprintf(value, sizeof value, "Bearer %s", key);
        err = ee_http_head_add_text(head, "Authorization", value);
    }
    if (err == EE_OK && strcmp(method, "GET") != 0) {
        snprintf(value, sizeof value, "rig-%llu", (unsigned long long)++rig->next_id);
        err = ee_http_head_add_text(head, "Idempotency-Key", value);
    }
    return err == EE_OK || fail("request head");
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

int rig_call(struct rig *rig, const char *key, const char *method, const char *target,
             json_t *body, json_t **answer_out)
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
                             "key_hash", key_hash(key), "scopes", "read", "run", "spend", "nodes",
                             "keys", "expires_s", expires);
    if (seed != NULL)
        json_object_set_new(body, "public_key", hex(public_key, 32));
    return rig_call(rig, rig->admin_key, "POST", "/v1/accounts", body, NULL) == 201 || fail(name);
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
                  reference, "signature", hex(mint.signature, sizeof mint.signature));
    return rig_call(rig, rig->user_key, "POST", "/v1/mints", body, NULL);
}

bool rig_accounts(struct rig *rig, const char *amount)
{
    return account(rig, "alice", "user", rig->user_key, NULL) &&
           account(rig, "op", "operator", rig->operator_key, rig->operator_seed) &&
           (rig_mint(rig, "first", amount) == 200 || fail("mint"));
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
        wait_ms(50);
    }
    printf("# rig: %s stays %s = %s\n", target, member, text);
    return false;
}

/* ---- workloads ---- */

char *rig_deployment(struct rig *rig, const char *command, uint16_t port)
{
    struct ee_deployment deployment = {.runtime = EE_RUNTIME_PROCESS,
                                       .arg_count = 3,
                                       .port = port,
                                       .output_limit = 65536};
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
        return fail("seal");
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
        return fail("no evidence of the agent");
    struct ee_bytes text = ee_buffer_bytes(&answer.body);
    uint8_t *memory = malloc(text.size + 1);
    struct ee_evidence evidence;
    struct ee_claims claims;
    bool ok = memory != NULL &&
              ee_evidence_decode(crypto, text, memory, text.size, &evidence) == EE_OK &&
              ee_claims_decode(evidence.claims, &claims) == EE_OK &&
              memcmp(evidence.nonce.bytes, random, 32) == 0;
    if (ok)
        memcpy(out, claims.sealing_key, 32);
    free(memory);
    ee_sync_answer_close(&answer);
    return ok || fail("evidence of the agent");
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
        return fail("not reserved");
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
        return fail("no output");
    struct ee_bytes sealed = ee_buffer_bytes(&answer.body);
    uint8_t *plain = malloc(sealed.size + 1);
    size_t plain_size = 0;
    memcpy(context.network_id, rig->network_id, 32);
    memcpy(context.recipient, rig->output_public, 32);
    bool ok = plain != NULL &&
              ee_hex_decode(ee_bytes_str(lease), context.lease_id, 16) == EE_OK &&
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
    return ok || fail("the output does not open");
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
