/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dev.h"
#include "io/file.h"

#include "base/banned.h"

enum {
    STABLE_US = 10 * 1000 * 1000
}; /* a control plane that ran so long is not failing in a row */
enum { ARGUMENTS_MAX = 48, RESTART_MS = 100, RESTART_CAP_MS = 2000, WORKLOAD_UID = 61001 };

/* ---- commands that end ---- */

struct capture {
    char *text;
    size_t size;
    char errors[4096]; /* what it said on standard error; told only when it fails */
    size_t errors_size;
    bool done;
    int code;
};

static void on_capture_output(void *context, enum ee_process_stream stream, struct ee_bytes bytes)
{
    struct capture *capture = context;
    bool errors = stream == EE_PROCESS_STDERR;
    char *into = errors ? capture->errors : capture->text;
    size_t *used = errors ? &capture->errors_size : &capture->size;
    size_t room = (errors ? sizeof(capture->errors) : EE_DEV_OUTPUT_MAX) - *used;
    size_t size = bytes.size < room ? bytes.size : room;
    memcpy(into + *used, bytes.data, size);
    *used += size;
}

static void on_capture_exit(void *context, int code, int signal_number)
{
    struct capture *capture = context;
    capture->done = true;
    capture->code = signal_number ? 128 + signal_number : code;
}

void ee_dev_environment(const struct ee_dev *dev, const char *profile,
                        char memory[3][PATH_MAX + 32], const char *out[4])
{
    size_t count = 0;
    (void)snprintf(memory[0], PATH_MAX + 32, "PATH=/usr/local/bin:/usr/bin:/bin");
    out[count++] = memory[0];
    (void)snprintf(memory[1], PATH_MAX + 32, "XDG_STATE_HOME=%s/client", dev->state);
    out[count++] = memory[1];
    if (profile) {
        (void)snprintf(memory[2], PATH_MAX + 32, "EE_PROFILE=%s/profiles/%s.json", dev->state,
                       profile);
        out[count++] = memory[2];
    }
    out[count] = NULL;
}

json_t *ee_dev_command(struct ee_dev *dev, const char *profile, const char *const *argv)
{
    static const struct ee_process_events events = {.output = on_capture_output,
                                                    .exited = on_capture_exit};
    char program[PATH_MAX], memory[3][PATH_MAX + 32];
    const char *environment[4], *words[ARGUMENTS_MAX];
    struct capture capture = {.text = malloc(EE_DEV_OUTPUT_MAX)};
    struct ee_process *process = NULL;
    size_t count = 0;
    for (; argv[count] && count < ARGUMENTS_MAX - 1; count++)
        words[count] = argv[count];
    words[count] = NULL;
    (void)snprintf(program, sizeof(program), "%s/%s", dev->programs, argv[0]);
    words[0] = program;
    ee_dev_environment(dev, profile, memory, environment);
    const struct ee_process_options options = {.argv = words,
                                               .environment = environment,
                                               .folder = dev->state,
                                               .die_with_parent = true,
                                               .output_limit = EE_DEV_OUTPUT_MAX};
    enum ee_err err = capture.text
                          ? ee_process_spawn(dev->loop, &options, &events, &capture, &process)
                          : EE_NO_MEMORY;
    if (err == EE_OK)
        err = ee_loop_run_until(dev->loop, &capture.done, EE_DEV_COMMAND_MS);
    if (err != EE_OK && process)
        (void)!ee_process_kill(process, SIGKILL);
    ee_process_free(process);
    json_t *answer = err == EE_OK && capture.code == 0
                         ? json_loadb(capture.text, capture.size, JSON_REJECT_DUPLICATES, NULL)
                         : NULL;
    if (!answer)
        (void)fprintf(stderr, "ee dev: '%s %s' failed: %s (exit %d)\n%.*s%.*s\n", argv[0],
                      argv[1] ? argv[1] : "", ee_err_text(err), capture.code,
                      (int)capture.errors_size, capture.errors, (int)capture.size,
                      capture.text ? capture.text : "");
    free(capture.text);
    return answer;
}

/* ---- children that stay ---- */

static json_int_t pid_of(const struct ee_dev_child *child)
{
    return child->process ? (json_int_t)ee_process_identity(child->process).pid : 0;
}

json_t *ee_dev_pids(const struct ee_dev *dev)
{
    json_t *agents = json_object();
    for (size_t i = 0; i < EE_DEV_NODES; i++)
        if (dev->agents[i].process)
            json_object_set_new(agents, dev->agents[i].name, json_integer(pid_of(&dev->agents[i])));
    return json_pack("{s:I, s:o}", "control", pid_of(&dev->control), "agents", agents);
}

static void pids_write(const struct ee_dev *dev)
{
    char path[PATH_MAX];
    if (ee_dev_json_write(ee_dev_path(dev, "pids.json", path), ee_dev_pids(dev), 0644) != EE_OK)
        (void)fprintf(stderr, "ee dev: %s could not be written\n", path);
}

static void on_child_exit(void *context, int code, int signal_number)
{
    struct ee_dev_child *child = context;
    struct ee_dev *dev = child->dev;
    ee_process_free(child->process);
    child->process = NULL;
    pids_write(dev);
    if (dev->stopping)
        return;
    (void)fprintf(stderr, "ee dev: %s ended (%s %d)%s\n", child->name,
                  signal_number ? "signal" : "exit code", signal_number ? signal_number : code,
                  child == &dev->control ? "; starting it again" : "");
    if (child == &dev->control && dev->restart_timer) {
        if (ee_loop_now_us(dev->loop) - dev->control_started_us > STABLE_US)
            dev->restarts = 0;
        uint64_t delay_ms = (uint64_t)RESTART_MS << (dev->restarts < 5 ? dev->restarts : 5);
        dev->restarts++;
        ee_timer_start(dev->restart_timer, delay_ms < RESTART_CAP_MS ? delay_ms : RESTART_CAP_MS,
                       0);
    }
}

static enum ee_err child_start(struct ee_dev *dev, struct ee_dev_child *child,
                               const char *const *argv)
{
    static const struct ee_process_events events = {.output = NULL, .exited = on_child_exit};
    char log[PATH_MAX], file[64], memory[3][PATH_MAX + 32];
    const char *environment[4];
    (void)snprintf(file, sizeof(file), "logs/%s.log", child->name);
    ee_dev_path(dev, file, log);
    ee_dev_environment(dev, NULL, memory, environment);
    const struct ee_process_options options = {.argv = argv,
                                               .environment = environment,
                                               .folder = dev->state,
                                               .die_with_parent = true,
                                               .stdout_path = log,
                                               .stderr_path = log};
    EE_TRY(ee_process_spawn(dev->loop, &options, &events, child, &child->process));
    pids_write(dev);
    return EE_OK;
}

/* Addresses are chosen by the first start and kept, so that profiles stay true. */
static void addresses_load(struct ee_dev *dev)
{
    char path[PATH_MAX];
    const char *api = "127.0.0.1:0", *gateway = api,
               *http = dev->http_address ? dev->http_address : api;
    json_t *saved = json_load_file(ee_dev_path(dev, "addresses.json", path), 0, NULL);
    const char *saved_http = http;
    if (saved &&
        json_unpack(saved, "{s:s, s:s, s:s}", "api", &api, "gateway", &gateway, "http",
                    &saved_http) == 0 &&
        !dev->http_address)
        http = saved_http;
    (void)snprintf(dev->api, sizeof(dev->api), "%s", api);
    (void)snprintf(dev->gateway, sizeof(dev->gateway), "%s", gateway);
    (void)snprintf(dev->http, sizeof(dev->http), "%s", http);
    json_decref(saved);
}

static enum ee_err ready_read(struct ee_dev *dev, const char *path)
{
    const char *api, *gateway, *http;
    char file[PATH_MAX];
    json_t *ready = json_load_file(path, 0, NULL);
    if (!ready || json_unpack(ready, "{s:s, s:s, s:s}", "api", &api, "gateway", &gateway, "http",
                              &http) != 0) {
        json_decref(ready);
        return EE_NOT_FOUND;
    }
    (void)snprintf(dev->api, sizeof(dev->api), "%s", api);
    (void)snprintf(dev->gateway, sizeof(dev->gateway), "%s", gateway);
    (void)snprintf(dev->http, sizeof(dev->http), "%s", http);
    json_decref(ready);
    return ee_dev_json_write(
        ee_dev_path(dev, "addresses.json", file),
        json_pack("{s:s, s:s, s:s}", "api", dev->api, "gateway", dev->gateway, "http", dev->http),
        0644);
}

/* Waits for the file the control plane writes once it serves. */
static enum ee_err ready_wait(struct ee_dev *dev, const char *path)
{
    for (unsigned waited_ms = 0; waited_ms < EE_DEV_READY_MS; waited_ms += 20) {
        bool never = false;
        if (ready_read(dev, path) == EE_OK)
            return EE_OK;
        if (!dev->control.process)
            return EE_SPAWN; /* it ended; its log says why */
        (void)!ee_loop_run_until(dev->loop, &never, 20);
    }
    return EE_TIMEOUT;
}

static enum ee_err control_spawn(struct ee_dev *dev, const char *ready)
{
    char program[PATH_MAX], state[PATH_MAX], genesis[PATH_MAX], chain[PATH_MAX], admin[PATH_MAX],
        collateral[PATH_MAX], platform[PATH_MAX], authorities[PATH_MAX];
    bool own = ee_file_exists(ee_dev_path(dev, "webhook-ca.pem", authorities));
    (void)snprintf(program, sizeof(program), "%s/ee-control", dev->programs);
    const char *const argv[] = {program,
                                "run",
                                "--state",
                                ee_dev_path(dev, "control", state),
                                "--genesis",
                                ee_dev_path(dev, "genesis.json", genesis),
                                "--listen",
                                dev->api,
                                "--gateway-listen",
                                dev->gateway,
                                "--http",
                                dev->http,
                                "--domain",
                                "apps.localhost",
                                "--tls-chain",
                                ee_dev_path(dev, "control/tls.crt", chain),
                                "--admin-key-hash-file",
                                ee_dev_path(dev, "admin.hash", admin),
                                "--collateral",
                                ee_dev_path(dev, "collateral.json", collateral),
                                "--sim-platform",
                                ee_dev_path(dev, "sim/control.json", platform),
                                "--snapshot-every",
                                "256",
                                "--ready-file",
                                ready,
                                own ? "--webhook-ca" : NULL,
                                authorities,
                                NULL};
    (void)unlink(ready);
    dev->control_started_us = ee_loop_now_us(dev->loop);
    dev->control.dev = dev;
    dev->control.name = "control";
    return child_start(dev, &dev->control, argv);
}

enum ee_err ee_dev_control_start(struct ee_dev *dev)
{
    char state[PATH_MAX], ready[PATH_MAX];
    const char *request;
    const char *const init[] = {
        "ee-control", "init",      "--state", ee_dev_path(dev, "control", state),
        "--name",     "localhost", NULL};
    json_t *keys = ee_dev_command(dev, NULL, init);
    if (!keys || json_unpack(keys, "{s:s}", "csr", &request) != 0) {
        json_decref(keys);
        return EE_SPAWN;
    }
    enum ee_err err = ee_dev_certificate_make(dev, request);
    json_decref(keys);
    EE_TRY(err);
    addresses_load(dev);
    EE_TRY(control_spawn(dev, ee_dev_path(dev, "ready.json", ready)));
    return ready_wait(dev, ready);
}

enum ee_err ee_dev_agent_start(struct ee_dev *dev, size_t index)
{
    const char *name = ee_dev_nodes[index].name;
    char program[PATH_MAX], state[PATH_MAX], genesis[PATH_MAX], collateral[PATH_MAX],
        platform[PATH_MAX], file[64], folder[64], uid[16];
    (void)snprintf(program, sizeof(program), "%s/ee-agent", dev->programs);
    (void)snprintf(folder, sizeof(folder), "agents/%s", name);
    (void)snprintf(file, sizeof(file), "sim/%s.json", name);
    (void)snprintf(uid, sizeof(uid), "%u", (unsigned)(WORKLOAD_UID + index));
    const char *argv[ARGUMENTS_MAX] = {
        program,          "run",
        "--state",        ee_dev_path(dev, folder, state),
        "--node",         name,
        "--control",      dev->api,
        "--genesis",      ee_dev_path(dev, "genesis.json", genesis),
        "--collateral",   ee_dev_path(dev, "collateral.json", collateral),
        "--sim-platform", ee_dev_path(dev, file, platform),
        "--workload-uid", uid};
    size_t count = 0;
    while (argv[count])
        count++;
    for (size_t i = 0; i < dev->exposed_count; i++) {
        argv[count++] = "--expose";
        argv[count++] = strchr(dev->exposed[i].target, ':') + 1;
    }
    dev->agents[index].dev = dev;
    dev->agents[index].name = name;
    return child_start(dev, &dev->agents[index], argv);
}

static void on_restart(void *context)
{
    struct ee_dev *dev = context;
    char ready[PATH_MAX];
    if (dev->stopping || dev->control.process)
        return;
    if (control_spawn(dev, ee_dev_path(dev, "ready.json", ready)) != EE_OK)
        ee_timer_start(dev->restart_timer, RESTART_CAP_MS, 0);
}

static void on_stop_signal(void *context)
{
    struct ee_dev *dev = context;
    dev->stopping = true;
    ee_loop_stop(dev->loop);
}

void ee_dev_supervise(struct ee_dev *dev)
{
    if (ee_timer_new(dev->loop, on_restart, dev, &dev->restart_timer) != EE_OK ||
        ee_loop_on_signal(dev->loop, SIGINT, on_stop_signal, dev) != EE_OK ||
        ee_loop_on_signal(dev->loop, SIGTERM, on_stop_signal, dev) != EE_OK ||
        ee_dev_collateral_watch(dev) != EE_OK)
        return;
    ee_loop_run(dev->loop);
}

static bool any_running(const struct ee_dev *dev)
{
    bool any = dev->control.process != NULL;
    for (size_t i = 0; i < EE_DEV_NODES; i++)
        any = any || dev->agents[i].process;
    return any;
}

static void all_signal(struct ee_dev *dev, int signal_number)
{
    for (size_t i = 0; i < EE_DEV_NODES; i++)
        if (dev->agents[i].process)
            (void)!ee_process_kill(dev->agents[i].process, signal_number);
    if (dev->control.process)
        (void)!ee_process_kill(dev->control.process, signal_number);
}

void ee_dev_stop(struct ee_dev *dev)
{
    dev->stopping = true;
    all_signal(dev, SIGTERM);
    for (unsigned waited_ms = 0; any_running(dev) && waited_ms < EE_DEV_STOP_MS; waited_ms += 20) {
        bool never = false;
        (void)!ee_loop_run_until(dev->loop, &never, 20);
    }
    all_signal(dev, SIGKILL);
    while (any_running(dev)) {
        bool never = false;
        (void)!ee_loop_run_until(dev->loop, &never, 20);
    }
    ee_timer_free(dev->restart_timer);
    ee_dev_collateral_end(dev);
}
