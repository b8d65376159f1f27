/* SPDX-License-Identifier: Apache-2.0 */
/* Many agents at one control plane: each has keys, a platform and an enrolment of its own and is
 * admitted by its evidence. What an idle one costs, and requests spread over all. 100 agents; with
 * EE_TEST_FULL=1 it is 2,000 at 100 requests a second. EE_SWARM=N for another number. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/identity.h"
#include "control_rig.h"
#include "io/clock.h"
#include "io/crypto_openssl.h"
#include "io/file.h"
#include "io/log.h"
#include "tap.h"

#include "base/banned.h"

enum {
    FEW = 100,
    MANY = 2000,
    PROCESSES = 4,
    KIB_PER_CONNECTION = 64,
    PACE_MS = 30,
    PACE_FULL_MS = 100
};

static struct rig rig;
static uint16_t service_port;
static pid_t service, swarm[PROCESSES];
static uint32_t count;
static bool full;

static uint32_t wanted_count(void)
{
    const char *given = getenv("EE_SWARM");
    return given ? (uint32_t)strtoul(given, NULL, 10) : full ? MANY : FEW;
}

/* ---- the agents, in a few processes ---- */

static struct ee_agent *member(struct ee_loop *loop, uint32_t number, struct ee_bytes genesis)
{
    char name[64], state[RIG_PATH_SIZE], collateral[RIG_PATH_SIZE], spec[RIG_PATH_SIZE + 8];
    struct ee_agent_identity *identity = calloc(1, sizeof *identity);
    struct ee_tdx_device *device = NULL;
    struct ee_agent *agent = NULL;
    snprintf(name, sizeof name, "s%u.platform", (unsigned)number);
    rig_path(&rig, name, state);
    snprintf(spec, sizeof spec, "sim:%s", state);
    char *node = strdup(name);
    if (identity == NULL || node == NULL)
        return NULL;
    *strchr(node, '.') = '\0';
    rig_path(&rig, node, state);
    rig_path(&rig, "collateral.json", collateral);
    const struct ee_tdx_device_options device_options = {
        .spec = spec, .program = "ee-agent", .crypto = &ee_crypto_openssl};
    struct ee_agent_options options = {.folder = strdup(state),
                                       .node = node,
                                       .control_address = rig.api,
                                       .genesis = genesis,
                                       .collateral_path = strdup(collateral),
                                       .service_count = 1};
    snprintf(options.services[0].name, sizeof options.services[0].name, "%s", node);
    options.services[0].port = service_port;
    enum ee_err err = ee_tdx_device_open(&device_options, NULL, &device);
    if (err == EE_OK)
        err = ee_agent_identity_load(state, &ee_crypto_openssl, identity);
    if (err == EE_OK)
        err = ee_agent_new(loop, &ee_crypto_openssl, &options, identity, device, &agent);
    return err == EE_OK ? agent : NULL; /* this process ends by a signal: nothing is freed */
}

static void swarm_run(uint32_t first, uint32_t step)
{
    char path[RIG_PATH_SIZE];
    struct ee_file_data file = {0};
    static uint8_t canonical[EE_GENESIS_SIZE_MAX];
    size_t size = 0;
    struct ee_loop *loop = NULL;
    bool never = false;
    rig_path(&rig, "genesis.json", path);
    if (freopen("/dev/null", "w", stderr) == NULL)
        _exit(1);
    if (ee_file_read(path, EE_GENESIS_FILE_MAX, &file) != EE_OK ||
        ee_genesis_file_read(&ee_crypto_openssl, ee_file_bytes(&file), canonical, &size) != EE_OK ||
        ee_loop_new(&loop) != EE_OK)
        _exit(1);
    for (uint32_t i = first; i < count; i += step) {
        struct ee_agent *agent = member(loop, i, ee_bytes_of(canonical, size));
        if (agent == NULL)
            _exit(2);
        ee_agent_start(agent);
        /* Not all at once: from one address only few are admitted at a time. */
        (void)!ee_loop_run_until(loop, &never, full ? PACE_FULL_MS : PACE_MS);
    }
    while (ee_loop_run_until(loop, &never, 1000) != EE_OK)
        continue;
    _exit(0);
}

/* ---- what is seen from outside ---- */

static long resident_kib(pid_t pid)
{
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    if (file != NULL)
        fclose(file);
    return kib;
}

static double cpu_seconds(pid_t pid)
{
    char path[64];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                               &user, &system) != 2)
        user = system = 0;
    if (file != NULL)
        fclose(file);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* Connections of the control plane's process that are established, as it has files open. */
static unsigned sockets_of(pid_t pid)
{
    char link[64], text[64];
    unsigned sockets = 0;
    for (unsigned fd = 0; fd < 3 * MANY; fd++) {
        snprintf(link, sizeof link, "/proc/%d/fd/%u", (int)pid, fd);
        const ssize_t size = readlink(link, text, sizeof text - 1);
        sockets += size > 7 && strncmp(text, "socket:", 7) == 0;
    }
    return sockets;
}

static bool answers(uint32_t number)
{
    char target[64], body[64];
    snprintf(target, sizeof target, "/apps/s%u/", (unsigned)number);
    return rig_http_get(&rig, target, body, sizeof body) == 200;
}

static bool wait_sockets(unsigned wanted, unsigned seconds)
{
    for (unsigned i = 0; i < seconds * 10; i++) {
        if (sockets_of(rig.control_pid) >= wanted)
            return true;
        rig_wait_ms(100);
    }
    printf("# %u of %u connections\n", sockets_of(rig.control_pid), wanted);
    return false;
}

/* ---- tests ---- */

static void an_idle_agent_costs_little(void)
{
    REQUIRE(rig_control_start(&rig) && rig_accounts(&rig, "100"));
    for (uint32_t i = 0; i < count; i++) {
        struct rig_agent agent;
        char state[RIG_PATH_SIZE], platform[RIG_PATH_SIZE];
        REQUIRE(rig_swarm_enrol(&rig, i, &agent, state, platform));
    }
    const long before_kib = resident_kib(rig.control_pid);
    const unsigned before = sockets_of(rig.control_pid);
    for (uint32_t i = 0; i < PROCESSES; i++) {
        swarm[i] = fork();
        if (swarm[i] == 0)
            swarm_run(i, PROCESSES);
    }
    REQUIRE(wait_sockets(before + 2 * count, full ? 240 : 30));
    rig_wait_ms(full ? 5000 : 1500); /* buffers of admissions are given back */
    const long after_kib = resident_kib(rig.control_pid);
    const double each = (double)(after_kib - before_kib) / (2.0 * count);
    printf(
        "# %u agents, 2 connections each: %ld KiB before, %ld KiB after: %.1f KiB a connection\n",
        (unsigned)count, before_kib, after_kib, each);
    CHECK(each <= KIB_PER_CONNECTION);
    const double cpu = cpu_seconds(rig.control_pid);
    rig_wait_ms(full ? 10000 : 500);
    printf("# idle: %.2f %% of a core\n",
           (cpu_seconds(rig.control_pid) - cpu) / (full ? 10.0 : 0.5) * 100);
}

static void requests_spread_over_all_agents_are_answered(void)
{
    const unsigned seconds = full ? 30 : 1, rate = 100;
    unsigned good = 0;
    const uint64_t from_us = ee_clock_monotonic_us();
    const double cpu = cpu_seconds(rig.control_pid);
    for (unsigned i = 0; i < seconds * rate; i++) {
        good += answers((i * 37) % count);
        const uint64_t due_us = from_us + (uint64_t)(i + 1) * 1000000 / rate;
        const uint64_t now_us = ee_clock_monotonic_us();
        if (now_us < due_us)
            rig_wait_ms((long)((due_us - now_us) / 1000));
    }
    const double took = (double)(ee_clock_monotonic_us() - from_us) / 1e6;
    printf("# %u of %u requests answered in %.1f s; control plane %.1f %% of a core, %ld KiB\n",
           good, seconds * rate, took, (cpu_seconds(rig.control_pid) - cpu) / took * 100,
           resident_kib(rig.control_pid));
    CHECK(good == seconds * rate);
}

static bool begin(const char *program)
{
    char port[8], name[] = "hello";
    struct rlimit files = {0};
    service_port = rig_free_port();
    snprintf(port, sizeof port, "%u", (unsigned)service_port);
    char *const argv[] = {(char *)(uintptr_t)program, port, name, NULL};
    service = rig_spawn(&rig, "hello.log", argv);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    return service > 0;
}

int main(int argc, char **argv)
{
    const struct tap_test tests[] = {TEST(an_idle_agent_costs_little),
                                     TEST(requests_spread_over_all_agents_are_answered)};
    full = getenv("EE_TEST_FULL") != NULL;
    count = wanted_count();
    if (argc < 4 || !rig_init(&rig, argv[1], argv[2]) || !begin(argv[3]))
        return 1;
    signal(SIGPIPE, SIG_IGN);
    int code = tap_run(tests, sizeof tests / sizeof tests[0]);
    for (size_t i = 0; i < PROCESSES; i++)
        rig_kill(&swarm[i], SIGKILL);
    rig_kill(&service, SIGKILL);
    rig_close(&rig);
    return code;
}
