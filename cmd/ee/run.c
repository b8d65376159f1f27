/* SPDX-License-Identifier: Apache-2.0 */
/* ee run, deploy, expose: reserve, verify the agent, seal, start, wait. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

#include "client/json.h"
#include "client/launch.h"
#include "io/clock.h"
#include "io/random.h"

#include "base/banned.h"

enum { WAIT_S = 20, VCPUS_MAX = 100000, MEMORY_MAX = 16 * 1024 * 1024, TIMEOUT_MAX = 30 * 86400 };

struct launch_options {
    const char *name, *node, *privacy;
    struct ee_option_list env, secrets;
    uint64_t vcpus, memory_mib, port, timeout_s; /* timeout 0: none */
    uint64_t replicas;                           /* of an app; 0: one */
    int64_t max_price_nanos;
    bool allow_plain, detach, wait, no_wait;
    struct ee_client_workload_options workload;
};

/* A launch on its way. */
struct launching {
    struct ee_cli *cli;
    const struct launch_options *options;
    struct ee_client_workload workload;
    struct ee_client_launch launch;
    uint64_t begun_us;
};

/* ---- telling ---- */

static void phase(const struct launching *l, const char *text, const char *what)
{
    double seconds = (double)(ee_clock_monotonic_us() - l->begun_us) / 1e6;
    ee_cli_say(l->cli, "%6.1f s  %s%s", seconds, text, what);
}

/* Why this node, and why not each other. */
static void placement_say(const struct launching *l)
{
    size_t index;
    const json_t *row;
    json_array_foreach(json_object_get(l->launch.reserved, "placement"), index, row)
    {
        ee_cli_say(l->cli, "          %s at $%s/vCPU-h: %s", ee_client_json_text(row, "node"),
                   ee_client_json_text(row, "price"), ee_client_json_text(row, "text"));
    }
}

/* Written by a signal handler: constant bytes, nothing else is safe there. */
static void interrupted_text(int number)
{
    static const char text[] = "\nee: interrupted: the work goes on; see ee ps, ee logs, ee stop\n";
    (void)number;
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    _exit(EE_CLIENT_EXIT_INTERRUPTED);
}

static void interrupted_json(int number)
{
    static const char text[] =
        "{\"error\":\"interrupted\",\"detail\":\"interrupted; the work goes on\",\"suggestions\":["
        "\"ee ps, ee logs NAME, ee stop NAME\"],\"request_id\":\"\"}\n";
    (void)number;
    (void)!write(STDOUT_FILENO, text, sizeof(text) - 1);
    _exit(EE_CLIENT_EXIT_INTERRUPTED);
}

static void watch_interrupts(const struct ee_cli *cli)
{
    struct sigaction action = {.sa_handler = cli->json ? interrupted_json : interrupted_text};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
}

/* ---- options ---- */

static enum ee_err options_check(struct ee_cli *cli, struct launch_options *o)
{
    if (o->vcpus == 0)
        return ee_client_fail(&cli->problem, EE_USAGE, "--vcpus is at least 1");
    if (o->name && !ee_name_valid(o->name))
        return ee_client_fail(&cli->problem, EE_USAGE, "'%s': %s", o->name, ee_err_text(EE_NAME));
    if (o->node && !ee_name_valid(o->node))
        return ee_client_fail(&cli->problem, EE_USAGE, "'%s' is no node name", o->node);
    const bool passthrough = o->privacy && strcmp(o->privacy, "passthrough") == 0;
    if (o->privacy && !passthrough && strcmp(o->privacy, "terminate") != 0)
        return ee_client_fail(&cli->problem, EE_USAGE,
                              "--privacy is terminate (TLS ends in the attested control plane) or "
                              "passthrough (in the app's agent)");
    if (passthrough)
        o->workload.privacy = EE_PRIVACY_PASSTHROUGH;
    o->workload.env = &o->env;
    o->workload.secrets = &o->secrets;
    o->workload.allow_plain = o->allow_plain;
    o->workload.memory_mib = (uint32_t)o->memory_mib;
    o->workload.port = (uint16_t)o->port;
    return EE_OK;
}

/* Rows both verbs have. */
#define COMMON_ROWS(o)                                                                             \
    {"env", 'e', EE_OPTION_LIST, &(o)->env, 0}, {"secret", 0, EE_OPTION_LIST, &(o)->secrets, 0},   \
        {"vcpus", 0, EE_OPTION_NUMBER, &(o)->vcpus, VCPUS_MAX},                                    \
        {"max-price", 0, EE_OPTION_PRICE, &(o)->max_price_nanos, 0},                               \
        {"memory", 0, EE_OPTION_NUMBER, &(o)->memory_mib, MEMORY_MAX},                             \
        {"node", 0, EE_OPTION_TEXT, &(o)->node, 0},                                                \
        {"timeout", 0, EE_OPTION_NUMBER, &(o)->timeout_s, TIMEOUT_MAX},                            \
    {                                                                                              \
        "allow-plain", 0, EE_OPTION_FLAG, &(o)->allow_plain, 0                                     \
    }

static void command_take(struct launch_options *o, const struct ee_arguments *arguments)
{
    o->workload.args = arguments->rest;
    o->workload.arg_count = arguments->rest_count;
}

/* ---- the steps ---- */

static enum ee_err reserve(struct launching *l)
{
    const struct launch_options *o = l->options;
    const struct ee_client_reserve_options options = {.name = o->name,
                                                      .kind = o->workload.kind,
                                                      .vcpus = (uint32_t)o->vcpus,
                                                      .max_price_nanos = o->max_price_nanos,
                                                      .node = o->node,
                                                      .replicas = (uint32_t)o->replicas};
    phase(l, "placing ", o->name);
    EE_TRY(ee_client_reserve(l->cli->session, &l->workload, &options, &l->launch));
    placement_say(l);
    return EE_OK;
}

/* From a node to the start there. */
static enum ee_err launch_on_node(struct launching *l)
{
    EE_TRY(reserve(l));
    phase(l, "verifying the agent of ", l->launch.node);
    EE_TRY(ee_client_launch_verify(l->cli->session, &l->launch));
    phase(l, "sealing to the verified agent and starting, lease ", l->launch.lease);
    return ee_client_launch_start(l->cli->session, &l->workload, &l->launch);
}

/* Everything up to the start. */
static enum ee_err launch(struct launching *l)
{
    EE_TRY(ee_client_workload_make(&l->cli->problem, &l->options->workload, &l->workload));
    EE_TRY(ee_cli_connect(l->cli));
    l->begun_us = ee_clock_monotonic_us();
    EE_TRY(launch_on_node(l));
    watch_interrupts(l->cli);
    return EE_OK;
}

static void launching_close(struct launching *l)
{
    ee_client_launch_close(&l->launch);
    ee_client_workload_free(&l->workload);
}

/* Seconds to wait next; 0 when the time is over. */
static unsigned wait_next(const struct launching *l)
{
    uint64_t spent_s = (ee_clock_monotonic_us() - l->begun_us) / 1000000;
    if (l->options->timeout_s == 0)
        return WAIT_S;
    if (spent_s >= l->options->timeout_s)
        return 0;
    uint64_t left = l->options->timeout_s - spent_s;
    return left < WAIT_S ? (unsigned)left : WAIT_S;
}

/* Until the lease has ended or, for apps, runs. */
static enum ee_err wait_for(struct launching *l, bool until_running, json_t **out)
{
    char state[24] = "";
    unsigned wait_s;
    json_t *lease = NULL;
    while ((wait_s = wait_next(l)) != 0) {
        json_decref(lease);
        lease = NULL;
        EE_TRY(ee_client_lease_wait(l->cli->session, l->launch.lease, state, wait_s, &lease));
        const char *now = ee_client_json_text(lease, "state");
        if (strcmp(now, state) != 0)
            phase(l, now, "");
        (void)snprintf(state, sizeof(state), "%s", now);
        if (strcmp(state, "ended") == 0 || (until_running && strcmp(state, "running") == 0)) {
            *out = lease;
            return EE_OK;
        }
    }
    json_decref(lease);
    (void)ee_client_fail(&l->cli->problem, EE_TIMEOUT, "lease %s is still %s after %llu s",
                         l->launch.lease, *state ? state : "on its way",
                         (unsigned long long)l->options->timeout_s);
    return EE_TIMEOUT;
}

/* Why it was not started, as the agent sealed it to us; "" when nothing came. */
static void start_failure(struct ee_cli *cli, const json_t *lease, char *out, size_t size)
{
    struct ee_client_output output;
    bool final;
    out[0] = '\0';
    if (!json_is_true(json_object_get(lease, "output")) ||
        ee_client_lease_output(cli->session, lease, &output, &final) != EE_OK)
        return;
    struct ee_bytes why = output.output.stderr_bytes;
    while (why.size > 0 && why.data[why.size - 1] == '\n')
        why.size--;
    (void)snprintf(out, size, ": %.*s", (int)why.size, (const char *)why.data);
    ee_client_output_free(&output);
}

/* An end that is none of the workload's own. */
static enum ee_err end_fail(struct ee_cli *cli, const json_t *lease)
{
    static const struct {
        const char *reason;
        enum ee_err err;
        const char *text;
    } ends[] = {{"start_failed", EE_SPAWN, "it could not be started; nothing is charged"},
                {"stopped", EE_STATE, "it was stopped"},
                {"node_lost", EE_UNAVAILABLE, "its node was lost"},
                {"credits", EE_INSUFFICIENT_CREDITS, "the credits did not cover the next period"},
                {"start_timeout", EE_UNAVAILABLE, "its agent did not start it in time"},
                {"agent_lost_it", EE_UNAVAILABLE, "its agent came back without it"}};
    const char *reason = ee_client_json_text(lease, "end_reason");
    const char *name = ee_client_json_text(lease, "app");
    enum ee_err err = EE_STATE;
    const char *text = "it ended";
    char why[EE_CLIENT_DETAIL_SIZE];
    for (size_t i = 0; i < EE_CLI_COUNT(ends); i++) {
        if (strcmp(ends[i].reason, reason) != 0)
            continue;
        err = ends[i].err;
        text = ends[i].text;
    }
    if (strcmp(reason, "exited") == 0) {
        (void)ee_client_fail(&cli->problem, err, "%s: it ended by itself with code %lld", name,
                             (long long)json_integer_value(json_object_get(lease, "exit_code")));
        ee_client_suggest(&cli->problem, "ee logs %s", name);
    } else {
        start_failure(cli, lease, why, sizeof(why));
        (void)ee_client_fail(&cli->problem, err, "%s: %s (%s)%s", name, text, reason, why);
    }
    ee_client_suggest(&cli->problem, "ee explain %s", name);
    return err;
}

/* ---- ee run ---- */

static void output_print(const struct ee_job_output *output)
{
    if (output->stdout_bytes.size)
        (void)fwrite(output->stdout_bytes.data, 1, output->stdout_bytes.size, stdout);
    if (output->stderr_bytes.size)
        (void)fwrite(output->stderr_bytes.data, 1, output->stderr_bytes.size, stderr);
    if (output->stdout_truncated || output->stderr_truncated)
        (void)fprintf(stderr, "ee: %s was longer than what the agent keeps\n",
                      output->stdout_truncated ? "standard output" : "standard error");
}

static json_t *result_json(const struct launching *l, const struct ee_job_output *output)
{
    json_t *out = json_pack(
        "{s:s, s:s, s:s, s:i, s:b, s:b}", "lease", l->launch.lease, "name", l->launch.name, "node",
        l->launch.node, "exit_code", (int)output->exit_code, "stdout_truncated",
        (int)output->stdout_truncated, "stderr_truncated", (int)output->stderr_truncated);
    ee_client_json_set_bytes(out, "stdout", output->stdout_bytes);
    ee_client_json_set_bytes(out, "stderr", output->stderr_bytes);
    (void)json_object_set(out, "price", json_object_get(l->launch.reserved, "price"));
    (void)json_object_set(out, "lock", json_object_get(l->launch.reserved, "lock"));
    (void)json_object_set(out, "placement", json_object_get(l->launch.reserved, "placement"));
    return out;
}

/* The job's end: its output and its code. */
static enum ee_err job_finish(struct launching *l, const json_t *lease)
{
    struct ee_client_output output;
    bool final;
    if (strcmp(ee_client_json_text(lease, "end_reason"), "exited") != 0)
        return end_fail(l->cli, lease);
    EE_TRY(ee_client_lease_output(l->cli->session, lease, &output, &final));
    if (l->cli->json)
        ee_cli_json(result_json(l, &output.output));
    else
        output_print(&output.output);
    l->cli->exit_code = output.output.exit_code & 0xff;
    ee_client_output_free(&output);
    return EE_OK;
}

static enum ee_err job_attend(struct launching *l)
{
    json_t *lease = NULL;
    enum ee_err err = wait_for(l, false, &lease);
    if (err == EE_OK)
        err = job_finish(l, lease);
    json_decref(lease);
    /* It may have run: no code of ours may look like the job's. */
    if (err != EE_OK && err != EE_TIMEOUT)
        l->cli->problem.exit_code = EE_CLIENT_EXIT_JOB_LOST;
    return err;
}

static void started_tell(const struct launching *l)
{
    if (l->cli->json)
        ee_cli_json(json_pack("{s:s, s:s, s:s, s:O?, s:O?, s:O?}", "lease", l->launch.lease, "name",
                              l->launch.name, "node", l->launch.node, "price",
                              json_object_get(l->launch.reserved, "price"), "lock",
                              json_object_get(l->launch.reserved, "lock"), "placement",
                              json_object_get(l->launch.reserved, "placement")));
    else
        (void)printf("%s  %s  %s\n", l->launch.name, l->launch.lease, l->launch.node);
}

static enum ee_err run(struct ee_cli *cli, const struct launch_options *o)
{
    struct launching *l = calloc(1, sizeof(*l));
    if (!l)
        return ee_client_fail(&cli->problem, EE_NO_MEMORY, "%s", "");
    l->cli = cli;
    l->options = o;
    enum ee_err err = launch(l);
    if (err == EE_OK && o->detach)
        started_tell(l);
    else if (err == EE_OK)
        err = job_attend(l);
    launching_close(l);
    free(l);
    return err;
}

enum ee_err ee_cmd_run(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    char name[24], hex[9];
    uint8_t bytes[4];
    struct launch_options o = {
        .vcpus = 1, .workload = {.kind = EE_WORKLOAD_JOB, .runtime = EE_RUNTIME_PROCESS}};
    const struct ee_option options[] = {{"name", 0, EE_OPTION_TEXT, &o.name, 0},
                                        {"detach", 'd', EE_OPTION_FLAG, &o.detach, 0},
                                        COMMON_ROWS(&o)};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 0, 0, true, &arguments));
    if (!o.name) {
        ee_random_bytes(bytes, sizeof(bytes));
        (void)snprintf(name, sizeof(name), "job-%s", ee_hex_encode(bytes, sizeof(bytes), hex));
        o.name = name;
    }
    EE_TRY(options_check(cli, &o));
    command_take(&o, &arguments);
    return run(cli, &o);
}

/* ---- ee deploy, ee expose ---- */

static enum ee_err app_wait(struct launching *l, json_t **out)
{
    json_t *lease = NULL;
    enum ee_err err = wait_for(l, true, &lease);
    if (err == EE_OK && strcmp(ee_client_json_text(lease, "state"), "ended") == 0)
        err = end_fail(l->cli, lease);
    if (err != EE_OK) {
        json_decref(lease);
        return err;
    }
    (void)json_object_set(lease, "placement", json_object_get(l->launch.reserved, "placement"));
    *out = lease;
    return EE_OK;
}

static void app_tell(const struct launching *l)
{
    const char *port = strrchr(l->cli->profile->gateway, ':');
    (void)printf("%s runs on %s: https://%s.%s%s/\n", l->launch.name, l->launch.node,
                 l->launch.name, l->cli->profile->domain, port && port[1] != '/' ? port : "");
}

static void app_hint(const struct launching *l)
{
    ee_cli_hint(l->cli, "next: ee connect %s, ee logs %s, ee stop %s", l->launch.name,
                l->launch.name, l->launch.name);
}

static enum ee_err app_attend(struct launching *l)
{
    json_t *lease = NULL;
    EE_TRY(app_wait(l, &lease));
    if (l->cli->json) {
        ee_cli_json(lease);
        return EE_OK;
    }
    app_tell(l);
    app_hint(l);
    json_decref(lease);
    return EE_OK;
}

/* The first is on its way; each of the others gets a node, a verification and a start of its own.
 */
static enum ee_err replicas_attend(struct launching *l, json_t *leases)
{
    for (uint64_t i = 1;; i++) {
        json_t *lease = NULL;
        EE_TRY(app_wait(l, &lease));
        (void)json_array_append_new(leases, lease);
        if (!l->cli->json)
            app_tell(l);
        if (i == l->options->replicas)
            return EE_OK;
        ee_client_launch_close(&l->launch);
        memset(&l->launch, 0, sizeof(l->launch));
        EE_TRY(launch_on_node(l));
    }
}

static enum ee_err app_attend_all(struct launching *l)
{
    if (l->options->replicas <= 1)
        return app_attend(l);
    json_t *leases = json_array();
    enum ee_err err = replicas_attend(l, leases);
    if (err == EE_OK && l->cli->json)
        ee_cli_json(json_pack("{s:s, s:O}", "name", l->options->name, "leases", leases));
    else if (err == EE_OK)
        app_hint(l);
    json_decref(leases);
    return err;
}

static enum ee_err deploy(struct ee_cli *cli, const struct launch_options *o)
{
    struct launching *l = calloc(1, sizeof(*l));
    if (!l)
        return ee_client_fail(&cli->problem, EE_NO_MEMORY, "%s", "");
    l->cli = cli;
    l->options = o;
    enum ee_err err = launch(l);
    if (err == EE_OK && o->no_wait)
        started_tell(l);
    else if (err == EE_OK)
        err = app_attend_all(l);
    launching_close(l);
    free(l);
    return err;
}

enum { APP_TIMEOUT_S = 120, PORT_MAX = 65535 };

enum ee_err ee_cmd_deploy(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct launch_options o = {
        .vcpus = 1,
        .timeout_s = APP_TIMEOUT_S,
        .workload = {.kind = EE_WORKLOAD_APP, .runtime = EE_RUNTIME_PROCESS}};
    const struct ee_option options[] = {
        {"port", 0, EE_OPTION_NUMBER, &o.port, PORT_MAX},
        {"wait", 0, EE_OPTION_FLAG, &o.wait, 0},
        {"no-wait", 0, EE_OPTION_FLAG, &o.no_wait, 0},
        {"replicas", 0, EE_OPTION_NUMBER, &o.replicas, EE_REPLICAS_MAX},
        {"privacy", 0, EE_OPTION_TEXT, &o.privacy, 0},
        COMMON_ROWS(&o)};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 1, 1, true, &arguments));
    o.name = arguments.items[0];
    if (o.port == 0)
        return ee_client_fail(&cli->problem, EE_USAGE,
                              "--port is needed: the loopback port the app listens on");
    if (o.wait && o.no_wait)
        return ee_client_fail(&cli->problem, EE_USAGE, "--wait or --no-wait, not both");
    if (o.no_wait && o.replicas > 1)
        return ee_client_fail(&cli->problem, EE_USAGE, "--replicas starts them one by one");
    EE_TRY(options_check(cli, &o));
    command_take(&o, &arguments);
    return deploy(cli, &o);
}

static enum ee_err target_parse(struct ee_cli *cli, const char *target, uint64_t *port_out)
{
    static const char host[] = "127.0.0.1:";
    if (strncmp(target, host, sizeof(host) - 1) != 0 ||
        ee_u64_parse(target + sizeof(host) - 1, port_out) != EE_OK || *port_out == 0 ||
        *port_out > PORT_MAX)
        return ee_client_fail(&cli->problem, EE_USAGE,
                              "'%s' is not 127.0.0.1:PORT: only loopback services are exposed",
                              target);
    return EE_OK;
}

enum ee_err ee_cmd_expose(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct launch_options o = {.vcpus = 1,
                               .timeout_s = APP_TIMEOUT_S,
                               .workload = {.kind = EE_WORKLOAD_APP, .runtime = EE_RUNTIME_EXPOSE}};
    const struct ee_option options[] = {
        {"vcpus", 0, EE_OPTION_NUMBER, &o.vcpus, VCPUS_MAX},
        {"max-price", 0, EE_OPTION_PRICE, &o.max_price_nanos, 0},
        {"node", 0, EE_OPTION_TEXT, &o.node, 0},
        {"privacy", 0, EE_OPTION_TEXT, &o.privacy, 0},
        {"replicas", 0, EE_OPTION_NUMBER, &o.replicas, EE_REPLICAS_MAX},
        {"timeout", 0, EE_OPTION_NUMBER, &o.timeout_s, TIMEOUT_MAX}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 2, 2, false, &arguments));
    o.name = arguments.items[0];
    EE_TRY(target_parse(cli, arguments.items[1], &o.port));
    EE_TRY(options_check(cli, &o));
    ee_cli_say(cli, "backend not measured: the agent is verified, what answers behind it is not");
    return deploy(cli, &o);
}
