/* SPDX-License-Identifier: Apache-2.0 */
/* ee-agent: in the TD. `init` makes its keys and prints what its operator enrols; `run` serves
 * until a signal. */
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <jansson.h>

#include "agent/agent.h"
#include "base/text.h"
#include "io/crypto_openssl.h"
#include "io/file.h"
#include "io/log.h"

#include "base/banned.h"

static const char usage[] =
    "Example: ee-agent run --state DIR --node node-1 --control 127.0.0.1:8443 --genesis FILE \\\n"
    "           --collateral FILE\n"
    "\n"
    "  ee-agent init --state DIR --node NAME [--tdx-device DEVICE]  make keys, print the enrolment "
    "as JSON\n"
    "  ee-agent run  --state DIR --node NAME --control ADDR:PORT --genesis FILE --collateral FILE\n"
    "                [--tdx-device DEVICE] [--tdx-rtmr DIR] [--workload-uid UID]\n"
    "                [--accept-recovery FILE]\n"
    "                [--expose PORT|NAME=127.0.0.1:PORT "
    "...]\n"
    "                [--connections N] [--replace-connections SECONDS]\n"
    "                                                              serve until SIGTERM; SIGHUP "
    "reads\n"
    "                                                              the collateral again\n"
    "  ee-agent version\n"
    "\n"
    "--accept-recovery: the founding key's statement of a planned restore; also the file\n"
    "accept-recovery of the state folder.\n"
    "--tdx-device: auto (default), configfs[:DIR], tdx_guest[:QGS], or sim:FILE, the software TDX "
    "of a\n"
    "development network (SIMULATED; --sim-platform FILE is the same). `ee tdx probe` shows what "
    "the\n"
    "machine has. --tdx-rtmr: where the registers are, if not in sysfs. As root, workloads run as\n"
    "--workload-uid (default 61000), never as root. --expose: a loopback port of this machine "
    "that\n"
    "launchers may expose; none without it. With NAME=: behind the gateway at once, without "
    "account or\n"
    "lease (development networks). --connections: to the control plane, 1 to 4 (default 2);\n"
    "--replace-connections: each is replaced after so long, without a gap (default 3600, 0: "
    "never).\n";

enum {
    WORKLOAD_UID_DEFAULT = 61000,
    WORKLOAD_UID_MIN = 1000,
    CONNECTIONS_MAX = 4,
    REPLACE_DEFAULT_S = 3600,
    REPLACE_MAX_S = 365 * 86400,
};

struct settings {
    const char *state, *node, *control, *genesis, *collateral, *device, *rtmr, *recovery;
    char platform[PATH_MAX + 8];
    uint64_t workload_uid, connections, replace_s;
    size_t exposed_count;
    uint16_t exposed[EE_AGENT_EXPOSED_MAX];
    size_t service_count;
    struct ee_agent_service services[EE_AGENT_SERVICES_MAX];
};

/* "NAME=127.0.0.1:PORT" */
static enum ee_err service_parse(const char *text, const char *equals, struct settings *out)
{
    static const char host[] = "127.0.0.1:";
    uint64_t port;
    const size_t size = (size_t)(equals - text);
    if (out->service_count == EE_AGENT_SERVICES_MAX || size > EE_NAME_MAX ||
        strncmp(equals + 1, host, sizeof(host) - 1) != 0 ||
        ee_u64_parse(equals + sizeof(host), &port) != EE_OK || port < 1 || port > UINT16_MAX)
        return EE_USAGE;
    struct ee_agent_service *service = &out->services[out->service_count];
    memcpy(service->name, text, size);
    service->port = (uint16_t)port;
    if (!ee_name_valid(service->name))
        return EE_USAGE;
    out->service_count++;
    return EE_OK;
}

static enum ee_err exposed_parse(const char *text, struct settings *out)
{
    uint64_t port;
    const char *equals = strchr(text, '=');
    if (equals)
        return service_parse(text, equals, out);
    if (out->exposed_count == EE_AGENT_EXPOSED_MAX || ee_u64_parse(text, &port) != EE_OK ||
        port < 1 || port > UINT16_MAX)
        return EE_USAGE;
    out->exposed[out->exposed_count++] = (uint16_t)port;
    return EE_OK;
}

/* The older --sim-platform FILE is --tdx-device sim:FILE. */
static enum ee_err platform_parse(const char *path, struct settings *out)
{
    int size = snprintf(out->platform, sizeof(out->platform), "sim:%s", path);
    if (size < 0 || (size_t)size >= sizeof(out->platform))
        return EE_USAGE;
    out->device = out->platform;
    return EE_OK;
}

static enum ee_err tunnel_parse(int option, const char *text, struct settings *out)
{
    uint64_t value;
    if (ee_u64_parse(text, &value) != EE_OK)
        return EE_USAGE;
    if (option == 'R')
        out->replace_s = value;
    else
        out->connections = value;
    if (option == 'R')
        return value <= REPLACE_MAX_S ? EE_OK : EE_USAGE;
    return value >= 1 && value <= CONNECTIONS_MAX ? EE_OK : EE_USAGE;
}

static const struct option long_options[] = {{"state", required_argument, NULL, 's'},
                                             {"node", required_argument, NULL, 'n'},
                                             {"control", required_argument, NULL, 'c'},
                                             {"genesis", required_argument, NULL, 'g'},
                                             {"collateral", required_argument, NULL, 'l'},
                                             {"sim-platform", required_argument, NULL, 'p'},
                                             {"tdx-device", required_argument, NULL, 'd'},
                                             {"tdx-rtmr", required_argument, NULL, 'r'},
                                             {"workload-uid", required_argument, NULL, 'u'},
                                             {"expose", required_argument, NULL, 'e'},
                                             {"accept-recovery", required_argument, NULL, 'a'},
                                             {"connections", required_argument, NULL, 'k'},
                                             {"replace-connections", required_argument, NULL, 'R'},
                                             {NULL, 0, NULL, 0}};

static enum ee_err settings_parse(int argc, char **argv, struct settings *out)
{
    int option;
    out->workload_uid = WORKLOAD_UID_DEFAULT;
    out->replace_s = REPLACE_DEFAULT_S;
    out->device = "auto";
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        switch (option) {
        case 's':
            out->state = optarg;
            break;
        case 'n':
            out->node = optarg;
            break;
        case 'c':
            out->control = optarg;
            break;
        case 'g':
            out->genesis = optarg;
            break;
        case 'l':
            out->collateral = optarg;
            break;
        case 'p':
            if (platform_parse(optarg, out) != EE_OK)
                return EE_USAGE;
            break;
        case 'd':
            out->device = optarg;
            break;
        case 'r':
            out->rtmr = optarg;
            break;
        case 'a':
            out->recovery = optarg;
            break;
        case 'u':
            if (ee_u64_parse(optarg, &out->workload_uid) != EE_OK)
                return EE_USAGE;
            break;
        case 'e':
            if (exposed_parse(optarg, out) != EE_OK)
                return EE_USAGE;
            break;
        case 'k':
        case 'R':
            if (tunnel_parse(option, optarg, out) != EE_OK)
                return EE_USAGE;
            break;
        default:
            return EE_USAGE;
        }
    }
    if (optind != argc || !out->state || !out->node || !ee_name_valid(out->node))
        return EE_USAGE;
    if (out->workload_uid < WORKLOAD_UID_MIN || out->workload_uid > UINT32_MAX - 1)
        return EE_USAGE;
    return EE_OK;
}

static int failed(enum ee_err err, const char *what)
{
    (void)fprintf(stderr, "ee-agent: %s: %s\n", what, ee_err_text(err));
    return ee_err_exit_code(err);
}

/* The words of the attempt, and what to do next. */
static int device_failed(enum ee_err err, const struct ee_tdx_attempt *attempt)
{
    (void)fprintf(stderr, "ee-agent: %s: %s\n", ee_err_name(err),
                  attempt->what[0] != '\0' ? attempt->what : ee_err_text(err));
    if (attempt->next[0] != '\0')
        (void)fprintf(stderr, "  next: %s\n", attempt->next);
    return ee_err_exit_code(err);
}

static int init_print(const struct settings *settings, const struct ee_agent_identity *identity,
                      struct ee_tdx_device *device)
{
    char agent_key[65], platform_id[33], measurement_text[65], tls_key[65];
    uint8_t digest[32];
    struct ee_tdx_identity machine;
    struct ee_tdx_attempt attempt;
    enum ee_err err = ee_tdx_device_identity(device, &attempt, &machine);
    if (err != EE_OK)
        return device_failed(err, &attempt);
    ee_measurement_digest(&ee_crypto_openssl, &machine.measurement, digest);
    json_t *answer = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:b}", "node", settings->node,
                               "agent_key", ee_hex_encode(identity->public_key, 32, agent_key),
                               "platform_id", ee_hex_encode(machine.platform_id, 16, platform_id),
                               "measurement", ee_hex_encode(digest, 32, measurement_text),
                               "tls_key_hash", ee_hex_encode(identity->tls_key_hash, 32, tls_key),
                               "vcpus", (json_int_t)ee_tdx_device_vcpus(device), "simulated",
                               (int)ee_tdx_device_simulated(device));
    bool ok = answer && json_dumpf(answer, stdout, JSON_COMPACT) == 0 && puts("") >= 0;
    json_decref(answer);
    return ok ? 0 : 1;
}

static void on_signal(void *context)
{
    ee_loop_stop(context);
}

static void on_hangup(void *context)
{
    ee_agent_collateral_reload(context);
}

static enum ee_err genesis_read(const char *path, uint8_t *canonical, size_t *size_out)
{
    struct ee_file_data file;
    EE_TRY(ee_file_read(path, EE_GENESIS_FILE_MAX, &file));
    enum ee_err err =
        ee_genesis_file_read(&ee_crypto_openssl, ee_file_bytes(&file), canonical, size_out);
    ee_file_data_free(&file);
    return err;
}

static enum ee_err serve(struct ee_loop *loop, const struct ee_agent_options *options,
                         const struct ee_agent_identity *identity, struct ee_tdx_device *device)
{
    struct ee_agent *agent;
    EE_TRY(ee_agent_new(loop, &ee_crypto_openssl, options, identity, device, &agent));
    enum ee_err err = ee_loop_on_signal(loop, SIGTERM, on_signal, loop);
    if (err == EE_OK)
        err = ee_loop_on_signal(loop, SIGINT, on_signal, loop);
    if (err == EE_OK)
        err = ee_loop_on_signal(loop, SIGHUP, on_hangup, agent);
    if (err == EE_OK) {
        ee_agent_start(agent);
        ee_loop_run(loop);
        err = ee_agent_err(agent);
    }
    EE_LOG(EE_LOG_INFO, "agent", "stopping");
    ee_agent_free(agent);
    return err;
}

static int run(const struct settings *settings, const struct ee_agent_identity *identity,
               struct ee_tdx_device *device)
{
    uint8_t canonical[EE_GENESIS_SIZE_MAX];
    size_t size;
    struct ee_loop *loop;
    if (!settings->control || !settings->genesis || !settings->collateral)
        return failed(EE_USAGE, "run needs --control, --genesis and --collateral");
    enum ee_err err = genesis_read(settings->genesis, canonical, &size);
    if (err != EE_OK)
        return failed(err, settings->genesis);
    err = ee_loop_new(&loop);
    if (err != EE_OK)
        return failed(err, "event loop");
    struct ee_agent_options options = {.folder = settings->state,
                                       .node = settings->node,
                                       .control_address = settings->control,
                                       .genesis = ee_bytes_of(canonical, size),
                                       .collateral_path = settings->collateral,
                                       .recovery_path = settings->recovery,
                                       .switch_user = geteuid() == 0,
                                       .workload_uid = (uid_t)settings->workload_uid,
                                       .connections = (uint32_t)settings->connections,
                                       .replace_s = (uint32_t)settings->replace_s,
                                       .exposed_count = settings->exposed_count,
                                       .service_count = settings->service_count};
    memcpy(options.services, settings->services, sizeof(options.services));
    memcpy(options.exposed, settings->exposed, sizeof(options.exposed));
    err = serve(loop, &options, identity, device);
    ee_loop_free(loop);
    return err == EE_OK ? 0 : failed(err, "run");
}

static int with_identity(const char *verb, const struct settings *settings)
{
    struct ee_agent_identity identity;
    struct ee_tdx_device *device;
    struct ee_tdx_attempt attempt;
    const struct ee_tdx_device_options options = {.spec = settings->device,
                                                  .program = "ee-agent",
                                                  .crypto = &ee_crypto_openssl,
                                                  .rtmr_folder = settings->rtmr};
    int lock = -1;
    char path[4096];
    enum ee_err err = ee_tdx_device_open(&options, &attempt, &device);
    if (err != EE_OK)
        return device_failed(err, &attempt);
    err = ee_agent_identity_load(settings->state, &ee_crypto_openssl, &identity);
    if (err == EE_OK &&
        snprintf(path, sizeof(path), "%s/lock", settings->state) >= (int)sizeof(path))
        err = EE_TOO_LARGE;
    if (err == EE_OK)
        err = ee_file_lock(path, &lock);
    int code = err != EE_OK                ? failed(err, settings->state)
               : strcmp(verb, "init") == 0 ? init_print(settings, &identity, device)
                                           : run(settings, &identity, device);
    ee_file_unlock(lock);
    ee_agent_identity_wipe(&identity);
    ee_tdx_device_free(device);
    return code;
}

int main(int argc, char **argv)
{
    struct settings settings = {.state = NULL};
    const char *verb = argc > 1 ? argv[1] : "";
    if (strcmp(verb, "--help") == 0 || strcmp(verb, "help") == 0)
        return fputs(usage, stdout) < 0;
    if (strcmp(verb, "version") == 0)
        return puts("ee-agent " EE_SOFTWARE_VERSION) < 0;
    /* No core image: it would hold keys and secrets; also keeps workloads of another uid from
     * tracing us. */
    (void)prctl(PR_SET_DUMPABLE, 0);
    if ((strcmp(verb, "init") != 0 && strcmp(verb, "run") != 0) ||
        settings_parse(argc - 1, argv + 1, &settings) != EE_OK) {
        (void)fputs(usage, stderr);
        return 2;
    }
    return with_identity(verb, &settings);
}
