/* SPDX-License-Identifier: Apache-2.0 */
/* ee dev: docs/spec/cli.md. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "dev.h"
#include "io/file.h"

#include "base/banned.h"

const struct ee_dev_node ee_dev_nodes[EE_DEV_NODES] = {
    {"node-1", "operator-a", "0.010"},
    {"node-2", "operator-a", "0.012"},
    {"node-3", "operator-b", "0.020"},
};

enum { COLLATERAL_VALID_MAX = 30 * 86400 };

static const char *const users[] = {"dev", "guest"};

static int failed(struct ee_cli *cli, enum ee_err err, const char *what)
{
    (void)ee_client_fail(&cli->problem, err, "%s: %s", what, ee_err_text(err));
    return EE_CLI_PROBLEM;
}

/* ---- accounts, nodes and apps, as a user would ---- */

static enum ee_err account_make(struct ee_dev *dev, const char *name, const char *kind)
{
    char path[PATH_MAX], file[64], folder[PATH_MAX];
    (void)snprintf(file, sizeof(file), "profiles/%s.json", name);
    if (ee_file_exists(ee_dev_path(dev, file, path)))
        return EE_OK;
    const char *const argv[] = {"ee",     "--json", "account",
                                "create", name,     "--kind",
                                kind,     "--out",  ee_dev_path(dev, "profiles", folder),
                                NULL};
    json_t *answer = ee_dev_command(dev, "admin", argv);
    json_decref(answer);
    return answer ? EE_OK : EE_SPAWN;
}

static enum ee_err accounts_make(struct ee_dev *dev)
{
    EE_TRY(ee_dev_profile_write(dev, "admin", "admin", NULL, NULL));
    for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++)
        EE_TRY(account_make(dev, users[i], "user"));
    for (size_t i = 0; i < EE_DEV_NODES; i++)
        EE_TRY(account_make(dev, ee_dev_nodes[i].operator_name, "operator"));
    EE_TRY(ee_dev_profile_write(dev, "dev", "dev", "issuer_key_file", "../issuer.key"));
    return ee_dev_profile_write(dev, "founding", "dev", "founding_key_file", "../founding.key");
}

static enum ee_err node_enrol(struct ee_dev *dev, size_t index)
{
    const struct ee_dev_node *node = &ee_dev_nodes[index];
    char marker[PATH_MAX], file[96], state[PATH_MAX], folder[64], platform[PATH_MAX], vcpus[24];
    (void)snprintf(file, sizeof(file), "agents/%s.json", node->name);
    ee_dev_path(dev, file, marker);
    if (ee_file_exists(marker))
        return EE_OK;
    (void)snprintf(folder, sizeof(folder), "agents/%s", node->name);
    (void)snprintf(file, sizeof(file), "sim/%s.json", node->name);
    const char *const init[] = {
        "ee-agent", "init",     "--state",        ee_dev_path(dev, folder, state),
        "--node",   node->name, "--sim-platform", ee_dev_path(dev, file, platform),
        NULL};
    json_t *keys = ee_dev_command(dev, NULL, init);
    if (!keys)
        return EE_SPAWN;
    /* One vCPU stays with the agent. */
    json_int_t offered = json_integer_value(json_object_get(keys, "vcpus")) - 1;
    (void)snprintf(vcpus, sizeof(vcpus), "%" JSON_INTEGER_FORMAT, offered);
    char draft[PATH_MAX];
    (void)snprintf(file, sizeof(file), "agents/%s.enrolment", node->name);
    EE_TRY(ee_dev_json_write(ee_dev_path(dev, file, draft), keys, 0600));
    const char *const enrol[] = {"ee",       "--json",  "node", "enrol",   "--node",
                                 node->name, "--agent", draft,  "--price", node->price,
                                 "--vcpus",  vcpus,     NULL};
    json_t *answer = ee_dev_command(dev, node->operator_name, enrol);
    if (!answer)
        return EE_SPAWN;
    json_decref(answer);
    return rename(draft, marker) == 0 ? EE_OK : EE_IO;
}

static size_t nodes_connected(struct ee_dev *dev)
{
    const char *const argv[] = {"ee", "--json", "nodes", NULL};
    json_t *answer = ee_dev_command(dev, "dev", argv);
    size_t index, connected = 0;
    json_t *item;
    json_array_foreach(json_object_get(answer, "items"), index, item)
    {
        const char *state = json_string_value(json_object_get(item, "state"));
        connected += state && strcmp(state, "connected") == 0;
    }
    json_decref(answer);
    return connected;
}

static enum ee_err nodes_start(struct ee_dev *dev)
{
    for (size_t i = 0; i < EE_DEV_NODES; i++)
        EE_TRY(node_enrol(dev, i));
    for (size_t i = 0; i < EE_DEV_NODES; i++)
        EE_TRY(ee_dev_agent_start(dev, i));
    for (unsigned waited_ms = 0; waited_ms < EE_DEV_READY_MS; waited_ms += 100) {
        bool never = false;
        if (nodes_connected(dev) == EE_DEV_NODES)
            return EE_OK;
        (void)!ee_loop_run_until(dev->loop, &never, 100);
    }
    return EE_TIMEOUT;
}

static enum ee_err exposed_start(struct ee_dev *dev)
{
    const char *const mint[] = {"ee",       "--json", "mint",  "--to",          "dev",
                                "--amount", "$1",     "--ref", "ee-dev-expose", NULL};
    if (dev->exposed_count == 0)
        return EE_OK;
    json_t *answer = ee_dev_command(dev, "dev", mint);
    json_decref(answer);
    for (size_t i = 0; answer && i < dev->exposed_count; i++) {
        const char *const expose[] = {
            "ee", "--json", "expose", dev->exposed[i].name, dev->exposed[i].target, NULL};
        answer = ee_dev_command(dev, "dev", expose);
        json_decref(answer);
    }
    return answer ? EE_OK : EE_SPAWN;
}

/* ---- what is said ---- */

static json_t *profiles_list(const struct ee_dev *dev)
{
    static const char *const names[] = {"dev",        "guest", "operator-a",
                                        "operator-b", "admin", "founding"};
    json_t *list = json_object();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[PATH_MAX], file[64];
        (void)snprintf(file, sizeof(file), "profiles/%s.json", names[i]);
        json_object_set_new(list, names[i], json_string(ee_dev_path(dev, file, path)));
    }
    return list;
}

static void announce_json(const struct ee_dev *dev)
{
    char api[80], gateway[80], http[80], ca[PATH_MAX], network[65];
    (void)snprintf(api, sizeof(api), "https://%s", dev->api);
    (void)snprintf(gateway, sizeof(gateway), "https://%s", dev->gateway);
    (void)snprintf(http, sizeof(http), "http://%s", dev->http);
    json_t *line =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:b}", "api", api, "gateway", gateway,
                  "http", http, "ca_file", ee_dev_path(dev, "ca.crt", ca), "network",
                  ee_hex_encode(dev->network_id, 32, network), "state", dev->state, "profiles",
                  profiles_list(dev), "pids", ee_dev_pids(dev), "simulated", 1);
    (void)json_dumpf(line, stdout, JSON_COMPACT);
    (void)puts("");
    (void)fflush(stdout);
    json_decref(line);
}

static void announce_people(const struct ee_dev *dev)
{
    char network[65];
    (void)printf(
        "SIMULATED attestation: this network proves nothing about hardware. Development only.\n\n"
        "network   %s\napi       https://%s\ngateway   https://APP.apps.localhost (on %s)\n"
        "plain     http://%s/apps/APP/\nCA        %s/ca.crt\nstate     %s\n\n",
        ee_hex_encode(dev->network_id, 32, network), dev->api, dev->gateway, dev->http, dev->state,
        dev->state);
    for (size_t i = 0; i < EE_DEV_NODES; i++)
        (void)printf("%-9s $%s per vCPU-hour, of %s\n", ee_dev_nodes[i].name, ee_dev_nodes[i].price,
                     ee_dev_nodes[i].operator_name);
    (void)printf("\nIn another terminal:\n  export EE_PROFILE=%s/profiles/dev.json\n"
                 "  ee mint --to dev --amount '$20' --ref first\n  ee run -- echo hello\n\nCtrl-C "
                 "stops all of it.\n",
                 dev->state);
    (void)fflush(stdout);
}

/* ---- options ---- */

static enum ee_err exposed_parse(struct ee_dev *dev, const char *text)
{
    const char *equals = strchr(text, '=');
    struct ee_dev_exposed *row = &dev->exposed[dev->exposed_count];
    if (!equals || (size_t)(equals - text) > EE_NAME_MAX ||
        dev->exposed_count == EE_DEV_EXPOSED_MAX)
        return EE_USAGE;
    memcpy(row->name, text, (size_t)(equals - text));
    row->name[equals - text] = '\0';
    row->target = equals + 1;
    if (!ee_name_valid(row->name) || strncmp(row->target, "127.0.0.1:", 10) != 0)
        return EE_USAGE;
    dev->exposed_count++;
    return EE_OK;
}

static enum ee_err options_parse(struct ee_dev *dev, int argc, char **argv, const char **state_out)
{
    static const struct option options[] = {{"state", required_argument, NULL, 's'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"expose", required_argument, NULL, 'e'},
                                            {"http", required_argument, NULL, 'h'},
                                            {"collateral-valid", required_argument, NULL, 'c'},
                                            {NULL, 0, NULL, 0}};
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (option == 's')
            *state_out = optarg;
        else if (option == 'j')
            dev->json = true;
        else if (option == 'h')
            dev->http_address = optarg;
        else if (option == 'c' && ee_u64_parse(optarg, &dev->collateral_valid_s) == EE_OK &&
                 dev->collateral_valid_s <= COLLATERAL_VALID_MAX)
            continue;
        else if (option != 'e' || exposed_parse(dev, optarg) != EE_OK)
            return EE_USAGE;
    }
    return optind == argc ? EE_OK : EE_USAGE;
}

/* The folder, absolute, made when missing. */
static enum ee_err state_choose(struct ee_dev *dev, const char *given)
{
    char path[PATH_MAX], resolved[PATH_MAX];
    const char *home = getenv("HOME"), *xdg = getenv("XDG_STATE_HOME");
    if (given)
        (void)snprintf(path, sizeof(path), "%s", given);
    else if (xdg && *xdg)
        (void)snprintf(path, sizeof(path), "%s/ee/dev", xdg);
    else
        (void)snprintf(path, sizeof(path), "%s/.local/state/ee/dev", home ? home : "");
    EE_TRY(ee_file_make_folder(path));
    if (!realpath(path, resolved) || strlen(resolved) >= sizeof(dev->state))
        return EE_IO;
    memcpy(dev->state, resolved, strlen(resolved) + 1);
    return EE_OK;
}

static enum ee_err programs_find(struct ee_dev *dev)
{
    ssize_t size = readlink("/proc/self/exe", dev->programs, sizeof(dev->programs) - 1);
    if (size <= 0)
        return EE_IO;
    dev->programs[size] = '\0';
    *strrchr(dev->programs, '/') = '\0';
    return EE_OK;
}

static const char *bring_up(struct ee_dev *dev, enum ee_err *err)
{
    (void)fprintf(stderr, "ee dev: SIMULATED attestation; state in %s\n", dev->state);
    if ((*err = ee_dev_files_make(dev)) != EE_OK)
        return "making keys and genesis";
    (void)fprintf(stderr, "ee dev: starting the control plane\n");
    if ((*err = ee_dev_control_start(dev)) != EE_OK)
        return "starting the control plane (see logs/control.log in the state folder)";
    (void)fprintf(stderr, "ee dev: the journal is sealed; its key lies beside it, in the file "
                          "control/journal.key\n");
    if ((*err = accounts_make(dev)) != EE_OK)
        return "making accounts";
    (void)fprintf(stderr, "ee dev: starting %d agents; each is verified before it is admitted\n",
                  EE_DEV_NODES);
    if ((*err = nodes_start(dev)) != EE_OK)
        return "starting the agents (see logs/ in the state folder)";
    if ((*err = exposed_start(dev)) != EE_OK)
        return "exposing the services";
    return NULL;
}

static int serve(struct ee_cli *cli, struct ee_dev *dev)
{
    enum ee_err err;
    const char *failure = bring_up(dev, &err);
    if (!failure) {
        if (dev->json)
            announce_json(dev);
        else
            announce_people(dev);
        ee_dev_supervise(dev);
    }
    ee_dev_stop(dev);
    return failure ? failed(cli, err, failure) : 0;
}

int ee_cmd_dev(struct ee_cli *cli, int argc, char **argv)
{
    char path[PATH_MAX];
    int lock = -1;
    const char *state = NULL, *failure = "the command line";
    struct ee_dev *dev = calloc(1, sizeof(*dev));
    if (!dev)
        return failed(cli, EE_NO_MEMORY, "start");
    enum ee_err err = options_parse(dev, argc, argv, &state);
    cli->json = cli->json || dev->json;
    if (err == EE_OK) {
        failure = "the state folder";
        err = state_choose(dev, state);
    }
    if (err == EE_OK)
        err = ee_file_lock(ee_dev_path(dev, "lock", path), &lock);
    if (err == EE_OK) {
        failure = "start";
        err = programs_find(dev);
    }
    if (err == EE_OK)
        err = ee_loop_new(&dev->loop);
    int code = err == EE_OK ? serve(cli, dev) : failed(cli, err, failure);
    ee_loop_free(dev->loop);
    ee_file_unlock(lock);
    free(dev);
    return code;
}
