/* SPDX-License-Identifier: Apache-2.0 */
#include "control_rig.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/identity.h"
#include "base/text.h"
#include "core/command.h"
#include "io/clock.h"
#include "io/crypto_openssl.h"
#include "io/file.h"
#include "io/random.h"
#include "io/x509.h"
#include "link/tdx_device.h"
#include "sim/collateral.h"
#include "sim/td.h"

#include "base/banned.h"

static const struct ee_crypto *const crypto = &ee_crypto_openssl;

bool rig_fail(const char *what)
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
    return ee_file_write(path, bytes, 0600) == EE_OK || rig_fail(path);
}

uint16_t rig_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
              getsockname(fd, (struct sockaddr *)&address, &size) == 0;
    if (fd >= 0)
        close(fd);
    return ok ? ntohs(address.sin_port) : 0;
}

void rig_wait_ms(long ms)
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

json_t *rig_hex(const void *data, size_t size)
{
    char text[257];
    return json_string(ee_hex_encode(data, size, text));
}

json_t *rig_key_hash(const char *key)
{
    uint8_t hash[32];
    struct ee_bytes bytes = ee_bytes_str(key);
    crypto->sha256(&bytes, 1, hash);
    return rig_hex(hash, sizeof hash);
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
        return rig_fail("keys");
    allow(&genesis, EE_ROLE_CONTROL, "ee-control");
    allow(&genesis, EE_ROLE_AGENT, "ee-agent");
    ee_writer_init(&writer, canonical, sizeof canonical);
    if (ee_genesis_encode(&genesis, &writer) != EE_OK)
        return rig_fail("genesis");
    struct ee_bytes bytes = ee_writer_done(&writer);
    ee_genesis_network_id(crypto, bytes, rig->network_id);
    ee_writer_init(&writer, file, sizeof file);
    if (ee_genesis_file_write(crypto, bytes, &writer) != EE_OK)
        return rig_fail("genesis file");
    return put(rig, "genesis.json", ee_writer_done(&writer));
}

static bool put_platform(const struct rig *rig, const char *name, uint32_t number,
                         const char *program)
{
    uint8_t seed[32] = {(uint8_t)number, (uint8_t)(number >> 8), (uint8_t)(number >> 16)};
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
    for (ssize_t got;
         size < sizeof text && (got = read(fds[0], text + size, sizeof text - size)) > 0;)
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
        return rig_fail("certificates");
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
    return ok || rig_fail("ee-control init");
}

bool rig_init(struct rig *rig, const char *control_program, const char *agent_program)
{
    const char *base = getenv("TMPDIR");
    memset(rig, 0, sizeof *rig);
    snprintf(rig->folder, sizeof rig->folder, "%s/ee-rig-XXXXXX", base != NULL ? base : "/var/tmp");
    rig->control_program = control_program;
    rig->agent_program = agent_program;
    if (mkdtemp(rig->folder) == NULL)
        return rig_fail("mkdtemp");
    ee_random_bytes(rig->founding_seed, 32);
    ee_random_bytes(rig->issuer_seed, 32);
    ee_random_bytes(rig->operator_seed, 32);
    ee_random_bytes(rig->authority_seed, 32);
    ee_random_bytes(rig->output_private, 32);
    make_key("eea_", rig->admin_key);
    make_key("eek_", rig->user_key);
    make_key("eek_", rig->operator_key);
    json_t *hash = rig_key_hash(rig->admin_key);
    bool ok = put(rig, "admin.hash", ee_bytes_str(json_string_value(hash)));
    json_decref(hash);
    return ok && crypto->x25519_public(rig->output_private, rig->output_public) && make_tdx(rig) &&
           control_init(rig) && ee_sync_client_new(&rig->client) == EE_OK;
}

/* ---- processes ---- */

/* Standard error goes to a file in the folder. */
pid_t rig_spawn(const struct rig *rig, const char *log, char *const argv[])
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
    char *const argv[] = {ARG(rig->control_program),
                          ARG("run"),
                          ARG("--state"),
                          state,
                          ARG("--genesis"),
                          genesis,
                          ARG("--listen"),
                          ARG(api),
                          ARG("--gateway-listen"),
                          ARG(gateway),
                          ARG("--http"),
                          ARG(http),
                          ARG("--tls-chain"),
                          chain,
                          ARG("--admin-key-hash-file"),
                          admin,
                          ARG("--collateral"),
                          collateral,
                          ARG("--sim-platform"),
                          platform,
                          ARG("--ready-file"),
                          ready,
                          NULL};
    rig->control_pid = rig_spawn(rig, "control.log", argv);
    for (int i = 0; i < RIG_WAIT_MS / 20; i++) {
        if (read_ready(rig, ready))
            return true;
        if (waitpid(rig->control_pid, NULL, WNOHANG) == rig->control_pid)
            break;
        rig_wait_ms(20);
    }
    return rig_fail("ee-control is not ready");
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
    char *const argv[] = {ARG(rig->agent_program),
                          ARG("run"),
                          ARG("--state"),
                          state,
                          ARG("--node"),
                          rig->agents[index].node,
                          ARG("--control"),
                          rig->api,
                          ARG("--genesis"),
                          genesis,
                          ARG("--collateral"),
                          collateral,
                          ARG("--sim-platform"),
                          platform,
                          NULL};
    rig->agents[index].pid = rig_spawn(rig, log, argv);
    return rig->agents[index].pid > 0;
}

static bool agent_init(struct rig *rig, size_t index)
{
    char state[RIG_PATH_SIZE], platform[RIG_PATH_SIZE];
    struct rig_agent *agent = &rig->agents[index];
    agent_paths(rig, index, state, platform);
    char *const argv[] = {ARG(rig->agent_program),
                          ARG("init"),
                          ARG("--state"),
                          state,
                          ARG("--node"),
                          agent->node,
                          ARG("--sim-platform"),
                          platform,
                          NULL};
    json_t *answer = run_json(argv);
    char key[65], ppid[33];
    rig_text(answer, "agent_key", key, sizeof key);
    rig_text(answer, "platform_id", ppid, sizeof ppid);
    json_decref(answer);
    return (ee_hex_decode(ee_bytes_str(key), agent->agent_key, 32) == EE_OK &&
            ee_hex_decode(ee_bytes_str(ppid), agent->platform_id, 16) == EE_OK) ||
           rig_fail("ee-agent init");
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
        return rig_fail("enrolment message");
    json_t *body = json_pack("{s:s, s:o, s:o, s:i, s:s, s:s, s:o}", "node", agent->node,
                             "platform_id", rig_hex(agent->platform_id, 16), "agent_key",
                             rig_hex(agent->agent_key, 32), "vcpus", 4, "price", price, "region",
                             "here", "signature", rig_hex(enrolment.signature, 64));
    return rig_call(rig, rig->operator_key, "POST", "/v1/nodes", body, NULL) == 201 ||
           rig_fail("enrolment refused");
}

bool rig_agent_enrol(struct rig *rig, size_t index, const char *price, const char *program)
{
    char file[64];
    struct rig_agent *agent = &rig->agents[index];
    snprintf(agent->node, sizeof agent->node, "node-%zu", index + 1);
    snprintf(file, sizeof file, "%s.platform", agent->node);
    return put_platform(rig, file, (uint8_t)(10 + index), program) && agent_init(rig, index) &&
           enrol(rig, agent, price);
}

bool rig_agent_start(struct rig *rig, size_t index, const char *price, const char *program)
{
    return rig_agent_enrol(rig, index, price, program) && rig_agent_run(rig, index);
}

void rig_path(const struct rig *rig, const char *name, char out[RIG_PATH_SIZE])
{
    path_of(rig, name, out);
}

static bool platform_id_of(const char *platform, uint8_t out[16])
{
    char spec[RIG_PATH_SIZE + 8];
    struct ee_tdx_device *device = NULL;
    struct ee_tdx_identity machine;
    const struct ee_tdx_device_options options = {
        .spec = spec, .program = "ee-agent", .crypto = crypto};
    snprintf(spec, sizeof spec, "sim:%s", platform);
    enum ee_err err = ee_tdx_device_open(&options, NULL, &device);
    if (err == EE_OK)
        err = ee_tdx_device_identity(device, NULL, &machine);
    if (err == EE_OK)
        memcpy(out, machine.platform_id, 16);
    ee_tdx_device_free(device);
    return err == EE_OK;
}

bool rig_swarm_enrol(struct rig *rig, uint32_t number, struct rig_agent *out, char *state_out,
                     char *platform_out)
{
    char name[64];
    struct ee_agent_identity identity;
    snprintf(out->node, sizeof out->node, "s%u", (unsigned)number);
    path_of(rig, out->node, state_out);
    snprintf(name, sizeof name, "%s.platform", out->node);
    path_of(rig, name, platform_out);
    if (!put_platform(rig, name, 1000 + number, "ee-agent") || mkdir(state_out, 0700) != 0 ||
        ee_agent_identity_load(state_out, crypto, &identity) != EE_OK ||
        !platform_id_of(platform_out, out->platform_id))
        return rig_fail("a member of the swarm");
    memcpy(out->agent_key, identity.public_key, 32);
    ee_agent_identity_wipe(&identity);
    return enrol(rig, out, "0.01");
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
