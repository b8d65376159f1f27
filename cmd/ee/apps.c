/* SPDX-License-Identifier: Apache-2.0 */
/* ee stop, ps, logs, connect. */
#include <string.h>

#include "command.h"

#include "client/json.h"
#include "client/launch.h"
#include "client/proxy.h"
#include "core/command.h"

#include "base/banned.h"

static enum ee_err app_path(struct ee_cli *cli, const char *name, char out[64])
{
    if (!ee_name_valid(name))
        return ee_client_fail(&cli->problem, EE_USAGE, "'%s': %s", name, ee_err_text(EE_NAME));
    (void)snprintf(out, 64, "/v1/apps/%s", name);
    return EE_OK;
}

static bool is_lease_id(const char *text)
{
    uint8_t id[EE_ID_SIZE];
    return ee_hex_decode(ee_bytes_str(text), id, sizeof(id)) == EE_OK;
}

enum ee_err ee_cli_lease_of(struct ee_cli *cli, const char *what, json_t **out)
{
    char path[64];
    json_t *app = NULL;
    if (is_lease_id(what)) {
        (void)snprintf(path, sizeof(path), "/v1/leases/%s", what);
        return ee_client_get(cli->session, path, out);
    }
    EE_TRY(app_path(cli, what, path));
    EE_TRY(ee_client_get(cli->session, path, &app));
    json_t *lease = json_incref(json_object_get(app, "lease"));
    json_decref(app);
    if (json_is_object(lease)) {
        *out = lease;
        return EE_OK;
    }
    json_decref(lease);
    return ee_client_fail(&cli->problem, EE_LEASE_UNKNOWN, "%s has no lease yet", what);
}

/* ---- stop ---- */

enum ee_err ee_cmd_stop(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    char path[64];
    json_t *answer = NULL;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 1, 1, false, &arguments));
    EE_TRY(app_path(cli, arguments.items[0], path));
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(ee_client_send(cli->session, "DELETE", path, NULL, &answer));
    if (cli->json) {
        ee_cli_json(answer);
        return EE_OK;
    }
    (void)printf("stopped %s, sequence number %s\n", arguments.items[0],
                 ee_client_json_text(answer, "seq"));
    json_decref(answer);
    return EE_OK;
}

/* ---- ps ---- */

/* An app with one of its leases as one flat row. */
static json_t *app_row(json_t *app, json_t *lease)
{
    static const char *const of_lease[] = {"lease",       "node",       "operator", "state",
                                           "end_reason",  "exit_code",  "price",    "vcpus",
                                           "reserved_at", "running_at", "ended_at", "output"};
    static const char *const of_app[] = {"workload", "port", "wanted", "waits_for_secrets"};
    json_t *row = json_object();
    (void)json_object_set(row, "app", json_object_get(app, "name"));
    for (size_t i = 0; i < EE_CLI_COUNT(of_app); i++)
        (void)json_object_set(row, of_app[i], json_object_get(app, of_app[i]));
    for (size_t i = 0; i < EE_CLI_COUNT(of_lease); i++) {
        json_t *value = json_object_get(lease, of_lease[i]);
        (void)json_object_set_new(row, of_lease[i], value ? json_incref(value) : json_null());
    }
    return row;
}

/* A row per live lease; without one the last lease says why. */
static void app_rows(json_t *app, json_t *rows)
{
    size_t index;
    json_t *lease, *leases = json_object_get(app, "leases");
    json_array_foreach(leases, index, lease)(void) json_array_append_new(rows, app_row(app, lease));
    if (json_array_size(leases) == 0)
        (void)json_array_append_new(rows, app_row(app, json_object_get(app, "lease")));
}

/* Live: it runs or is on its way, or the network is to keep it running. */
static bool app_live(const json_t *app)
{
    const json_t *lease = json_object_get(app, "lease");
    bool wanted = json_is_true(json_object_get(app, "wanted")) &&
                  strcmp(ee_client_json_text(app, "workload"), "app") == 0;
    return wanted ||
           (json_is_object(lease) && strcmp(ee_client_json_text(lease, "state"), "ended") != 0);
}

static enum ee_err live_rows(struct ee_cli *cli, json_t **out)
{
    size_t index;
    json_t *apps = NULL, *app, *rows = json_array();
    enum ee_err err = ee_client_list(cli->session, "/v1/apps", &apps);
    json_array_foreach(apps, index, app)
    {
        if (app_live(app))
            app_rows(app, rows);
    }
    json_decref(apps);
    if (err == EE_OK)
        *out = rows;
    else
        json_decref(rows);
    return err;
}

enum ee_err ee_cmd_ps(struct ee_cli *cli, int argc, char **argv)
{
    static const struct ee_column columns[] = {{"NAME", "app", EE_COLUMN_TEXT},
                                               {"KIND", "workload", EE_COLUMN_TEXT},
                                               {"STATE", "state", EE_COLUMN_TEXT},
                                               {"REASON", "end_reason", EE_COLUMN_TEXT},
                                               {"EXIT", "exit_code", EE_COLUMN_NUMBER},
                                               {"NODE", "node", EE_COLUMN_TEXT},
                                               {"PRICE/vCPU-h", "price", EE_COLUMN_MONEY},
                                               {"VCPUS", "vcpus", EE_COLUMN_NUMBER},
                                               {"LEASE", "lease", EE_COLUMN_TEXT}};
    struct ee_arguments arguments;
    bool all = false;
    json_t *items = NULL;
    const struct ee_option options[] = {{"all", 'a', EE_OPTION_FLAG, &all, 0}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 0, 0, false, &arguments));
    EE_TRY(ee_cli_connect(cli));
    if (all)
        EE_TRY(ee_client_list(cli->session, "/v1/leases", &items));
    else
        EE_TRY(live_rows(cli, &items));
    if (cli->json) {
        ee_cli_json_items(items);
        return EE_OK;
    }
    ee_cli_table(items, columns, EE_CLI_COUNT(columns),
                 all ? "nothing was ever run" : "nothing runs; --all shows what ended");
    json_decref(items);
    return EE_OK;
}

/* ---- logs ---- */

static json_t *logs_json(const json_t *lease, const struct ee_job_output *output, bool final)
{
    json_t *out =
        json_pack("{s:O?, s:O?, s:b, s:b, s:b}", "lease", json_object_get(lease, "lease"), "name",
                  json_object_get(lease, "app"), "final", (int) final, "stdout_truncated",
                  (int)output->stdout_truncated, "stderr_truncated", (int)output->stderr_truncated);
    ee_client_json_set_bytes(out, "stdout", output->stdout_bytes);
    ee_client_json_set_bytes(out, "stderr", output->stderr_bytes);
    if (final)
        (void)json_object_set_new(out, "exit_code", json_integer(output->exit_code));
    return out;
}

enum ee_err ee_cmd_logs(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct ee_client_output output;
    bool final = false;
    json_t *lease = NULL;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 1, 1, false, &arguments));
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(ee_cli_lease_of(cli, arguments.items[0], &lease));
    enum ee_err err = ee_client_lease_output(cli->session, lease, &output, &final);
    if (err == EE_OK && cli->json) {
        ee_cli_json(logs_json(lease, &output.output, final));
    } else if (err == EE_OK) {
        (void)fwrite(output.output.stdout_bytes.data, 1, output.output.stdout_bytes.size, stdout);
        (void)fwrite(output.output.stderr_bytes.data, 1, output.output.stderr_bytes.size, stderr);
        if (output.output.stdout_truncated || output.output.stderr_truncated)
            ee_cli_say(cli, "ee: there was more than what the agent keeps");
    }
    if (err == EE_OK)
        ee_client_output_free(&output);
    json_decref(lease);
    return err;
}

/* ---- connect ---- */

struct connecting {
    struct ee_cli *cli;
    const struct ee_client_proxy *proxy;
};

static void control_say(struct ee_cli *cli)
{
    const struct ee_client_judged *judged = ee_client_session_attested(cli->session);
    ee_cli_say(cli, "control plane verified: measurement %s, %s", judged->label,
               ee_client_proof_name(judged->verdict.proof));
}

/* What was proven of the agent, at first and after each change of its key. */
static void agent_say(void *context)
{
    const struct connecting *c = context;
    const struct ee_client_app_agent *agent = ee_client_proxy_agent(c->proxy);
    char key[65];
    if (!agent)
        return;
    ee_cli_say(c->cli, "agent of %s verified on its TLS connection: measurement %s, %s",
               agent->node, agent->judged.label, ee_client_proof_name(agent->judged.verdict.proof));
    ee_cli_say(c->cli,
               agent->logged ? "its log says that it runs lease %s, deployment %s"
                             : "that it runs lease %s, deployment %s, is the control plane's word: "
                               "its machine keeps no log",
               agent->lease, agent->deployment_hash);
    ee_cli_say(c->cli, "TLS key pinned: %s",
               ee_hex_encode(agent->judged.verdict.claims.tls_key_hash, 32, key));
}

static json_t *connect_json(const struct ee_client_app_agent *agent, const char *url,
                            const char *name)
{
    char key[65];
    json_t *out = json_pack("{s:s, s:s, s:s, s:s}", "url", url, "app", name, "privacy",
                            agent ? "passthrough" : "terminate", "tls_ends_in",
                            agent ? "agent" : "control plane");
    if (!agent)
        return out;
    (void)json_object_set_new(out, "node", json_string(agent->node));
    (void)json_object_set_new(out, "lease", json_string(agent->lease));
    (void)json_object_set_new(out, "deployment_hash", json_string(agent->deployment_hash));
    (void)json_object_set_new(out, "deployment_logged", json_boolean(agent->logged));
    (void)json_object_set_new(
        out, "tls_key_hash",
        json_string(ee_hex_encode(agent->judged.verdict.claims.tls_key_hash, 32, key)));
    (void)json_object_set_new(out, "attested", ee_client_attested_json(&agent->judged));
    return out;
}

static void connect_tell(struct connecting *c, const char *name)
{
    char url[64];
    const struct ee_client_app_agent *agent = ee_client_proxy_agent(c->proxy);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/",
                   (unsigned)ee_client_proxy_port(c->proxy));
    agent_say(c);
    if (c->cli->json)
        ee_cli_json(connect_json(agent, url, name));
    else
        (void)printf("%s\n", url);
    (void)fflush(stdout);
    (void)fprintf(stderr, "TLS ends in the attested %s; Ctrl-C ends this proxy\n",
                  agent ? "agent" : "control plane");
}

enum ee_err ee_cmd_connect(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    uint64_t port = 0;
    char path[64];
    json_t *app = NULL;
    struct ee_client_proxy *proxy = NULL;
    const struct ee_option options[] = {{"port", 'p', EE_OPTION_NUMBER, &port, 65535}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 1, 1, false, &arguments));
    EE_TRY(app_path(cli, arguments.items[0], path));
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(ee_client_get(cli->session, path, &app)); /* so that a misspelt name is said at once */
    control_say(cli);
    enum ee_err err = ee_client_proxy_new(cli->session, app, (uint16_t)port, &proxy);
    json_decref(app);
    EE_TRY(err);
    ee_client_session_close(cli->session);
    cli->session = NULL;
    struct connecting connecting = {.cli = cli, .proxy = proxy};
    ee_client_proxy_on_verified(proxy, agent_say, &connecting);
    connect_tell(&connecting, arguments.items[0]);
    err = ee_client_proxy_run(proxy);
    ee_client_proxy_free(proxy);
    return err;
}
