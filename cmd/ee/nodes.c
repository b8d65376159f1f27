/* SPDX-License-Identifier: Apache-2.0 */
/* ee nodes, node show, node enrol, network. */
#include <string.h>

#include "command.h"

#include "client/json.h"
#include "core/command.h"
#include "io/crypto_openssl.h"
#include "io/file.h"

#include "base/banned.h"

enum { AGENT_FILE_MAX = 64 * 1024, VCPUS_MAX = 100000 };

/* What only its operator is told. */
static void warnings_print(const json_t *node)
{
    size_t index;
    const json_t *warning;
    json_array_foreach(json_object_get(node, "warnings"), index, warning)(void)
        printf("WARNING %s: %s\n", ee_client_json_text(node, "node"),
               ee_client_json_text(warning, "text"));
}

enum ee_err ee_cmd_nodes(struct ee_cli *cli, int argc, char **argv)
{
    static const struct ee_column columns[] = {
        {"NODE", "node", EE_COLUMN_TEXT},           {"OPERATOR", "operator", EE_COLUMN_TEXT},
        {"PRICE/vCPU-h", "price", EE_COLUMN_MONEY}, {"VCPUS", "vcpus", EE_COLUMN_NUMBER},
        {"FREE", "vcpus_free", EE_COLUMN_NUMBER},   {"STATE", "state", EE_COLUMN_TEXT},
        {"SIMULATED", "simulated", EE_COLUMN_TEXT}, {"REGION", "region", EE_COLUMN_TEXT}};
    struct ee_arguments arguments;
    json_t *items = NULL;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 0, 0, false, &arguments));
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(ee_client_list(cli->session, "/v1/nodes", &items));
    if (cli->json) {
        ee_cli_json_items(items);
        return EE_OK;
    }
    ee_cli_table(items, columns, EE_CLI_COUNT(columns), "no nodes are enrolled");
    size_t index;
    const json_t *item;
    json_array_foreach(items, index, item) warnings_print(item);
    json_decref(items);
    return EE_OK;
}

enum ee_err ee_cmd_node_show(struct ee_cli *cli, int argc, char **argv)
{
    static const struct ee_column columns[] = {{"node", "node", EE_COLUMN_TEXT},
                                               {"operator", "operator", EE_COLUMN_TEXT},
                                               {"region", "region", EE_COLUMN_TEXT},
                                               {"price per vCPU-hour", "price", EE_COLUMN_MONEY},
                                               {"vCPUs", "vcpus", EE_COLUMN_TEXT},
                                               {"free vCPUs", "vcpus_free", EE_COLUMN_TEXT},
                                               {"state", "state", EE_COLUMN_TEXT},
                                               {"simulated", "simulated", EE_COLUMN_TEXT},
                                               {"admitted at", "admitted_at", EE_COLUMN_TEXT}};
    char path[64];
    struct ee_arguments arguments;
    json_t *node = NULL;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 1, 1, false, &arguments));
    if (!ee_name_valid(arguments.items[0]))
        return ee_client_fail(&cli->problem, EE_USAGE, "%s", ee_err_text(EE_NAME));
    (void)snprintf(path, sizeof(path), "/v1/nodes/%s", arguments.items[0]);
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(ee_client_get(cli->session, path, &node));
    if (cli->json) {
        ee_cli_json(node);
        return EE_OK;
    }
    ee_cli_fields(node, columns, EE_CLI_COUNT(columns));
    warnings_print(node);
    json_decref(node);
    return EE_OK;
}

/* ---- node enrol ---- */

struct enrolment {
    const char *node, *agent_file, *region;
    uint64_t vcpus;
    struct ee_node_enrol enrol;
};

static enum ee_err agent_file_read(struct ee_cli *cli, struct enrolment *e)
{
    struct ee_file_data file;
    enum ee_err err = ee_file_read(e->agent_file, AGENT_FILE_MAX, &file);
    if (err != EE_OK)
        return ee_client_file_fail(&cli->problem, err, "--agent", e->agent_file);
    json_t *agent = ee_client_json_parse(ee_file_bytes(&file));
    ee_file_data_free(&file);
    err = ee_client_json_hex(agent, "agent_key", e->enrol.agent_key, sizeof(e->enrol.agent_key));
    if (err == EE_OK)
        err = ee_client_json_hex(agent, "platform_id", e->enrol.platform_id,
                                 sizeof(e->enrol.platform_id));
    bool same = strcmp(ee_client_json_text(agent, "node"), e->node) == 0;
    json_decref(agent);
    if (err != EE_OK)
        return ee_client_fail(&cli->problem, err, "%s is not the output of ee-agent init",
                              e->agent_file);
    if (!same)
        return ee_client_fail(&cli->problem, EE_USAGE, "%s was made for another node than %s",
                              e->agent_file, e->node);
    return EE_OK;
}

static enum ee_err enrolment_check(struct ee_cli *cli, struct enrolment *e)
{
    if (!e->node || !e->agent_file || e->vcpus == 0 || e->enrol.price_nanos < 0)
        return ee_client_fail(&cli->problem, EE_USAGE,
                              "--node, --agent, --price and --vcpus (at least 1) are needed");
    if (!ee_name_valid(e->node) || (*e->region && !ee_name_valid(e->region)))
        return ee_client_fail(&cli->problem, EE_USAGE, "%s", ee_err_text(EE_NAME));
    memcpy(e->enrol.node, e->node, strlen(e->node) + 1);
    memcpy(e->enrol.region, e->region, strlen(e->region) + 1);
    e->enrol.vcpus = (uint32_t)e->vcpus;
    return agent_file_read(cli, e);
}

static enum ee_err enrolment_sign(struct ee_cli *cli, struct ee_node_enrol *enrol)
{
    uint8_t memory[512], seed[32];
    struct ee_writer message;
    const char *account;
    if (!cli->profile->operator_key_file[0])
        return ee_client_fail(&cli->problem, EE_FORBIDDEN,
                              "this profile has no operator key: \"operator_key_file\"");
    EE_TRY(ee_client_session_account(cli->session, &account));
    ee_writer_init(&message, memory, sizeof(memory));
    enum ee_err err = ee_node_enrol_message(ee_client_session_trust(cli->session)->network_id,
                                            account, enrol, &message);
    if (err != EE_OK)
        return ee_client_fail(&cli->problem, err, "the enrolment: %s", ee_err_text(err));
    EE_TRY(
        ee_client_seed_read(&cli->problem, cli->profile->operator_key_file, "operator key", seed));
    bool ok = ee_crypto_openssl.ed25519_sign(seed, ee_writer_done(&message), enrol->signature);
    ee_wipe(seed, sizeof(seed));
    return ok ? EE_OK : ee_client_fail(&cli->problem, EE_CRYPTO, "%s", "");
}

static json_t *enrolment_body(const struct enrolment *e)
{
    char price[EE_MONEY_TEXT_SIZE];
    const struct ee_node_enrol *enrol = &e->enrol;
    return json_pack(
        "{s:s, s:o, s:o, s:I, s:s, s:s, s:o}", "node", e->node, "platform_id",
        ee_client_json_hex_new(enrol->platform_id, sizeof(enrol->platform_id)), "agent_key",
        ee_client_json_hex_new(enrol->agent_key, sizeof(enrol->agent_key)), "vcpus",
        (json_int_t)enrol->vcpus, "price", ee_price_format(enrol->price_nanos, price), "region",
        e->region, "signature", ee_client_json_hex_new(enrol->signature, sizeof(enrol->signature)));
}

enum ee_err ee_cmd_node_enrol(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct enrolment e = {.region = "", .enrol = {.price_nanos = -1}};
    json_t *answer = NULL;
    const struct ee_option options[] = {{"node", 0, EE_OPTION_TEXT, &e.node, 0},
                                        {"agent", 0, EE_OPTION_TEXT, &e.agent_file, 0},
                                        {"price", 0, EE_OPTION_PRICE, &e.enrol.price_nanos, 0},
                                        {"vcpus", 0, EE_OPTION_NUMBER, &e.vcpus, VCPUS_MAX},
                                        {"region", 0, EE_OPTION_TEXT, &e.region, 0}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 0, 0, false, &arguments));
    EE_TRY(enrolment_check(cli, &e));
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(enrolment_sign(cli, &e.enrol));
    json_t *body = enrolment_body(&e);
    enum ee_err err = ee_client_send(cli->session, "POST", "/v1/nodes", body, &answer);
    json_decref(body);
    EE_TRY(err);
    if (cli->json) {
        ee_cli_json(answer);
        return EE_OK;
    }
    (void)printf("enrolled %s, sequence number %s\n", e.node, ee_client_json_text(answer, "seq"));
    ee_cli_hint(cli, "next: ee-agent run; `ee nodes` shows it once it is admitted");
    json_decref(answer);
    return EE_OK;
}

/* ---- network ---- */

static void highest_add(struct ee_cli *cli, json_t *network)
{
    char size[24];
    struct ee_client_head head;
    if (ee_client_head_load(&cli->problem, ee_client_session_trust(cli->session)->network_id,
                            &head) != EE_OK) {
        ee_client_problem_clear(&cli->problem);
        return;
    }
    (void)snprintf(size, sizeof(size), "%llu", (unsigned long long)head.size);
    (void)json_object_set_new(
        network, "checkpoint",
        json_pack("{s:s, s:o}", "size", size, "root", ee_client_json_hex_new(head.root.bytes, 32)));
}

enum ee_err ee_cmd_network(struct ee_cli *cli, int argc, char **argv)
{
    static const struct ee_column columns[] = {
        {"network", "network", EE_COLUMN_TEXT}, {"name", "name", EE_COLUMN_TEXT},
        {"kind", "kind", EE_COLUMN_TEXT},       {"simulated", "simulated", EE_COLUMN_TEXT},
        {"profile", "profile", EE_COLUMN_TEXT}, {"software", "software_version", EE_COLUMN_TEXT}};
    static const struct ee_column head_columns[] = {{"checkpoint size", "size", EE_COLUMN_TEXT},
                                                    {"checkpoint root", "root", EE_COLUMN_TEXT}};
    struct ee_arguments arguments;
    json_t *network = NULL, *value;
    const char *name;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 0, 0, false, &arguments));
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(ee_client_get(cli->session, "/v1/network", &network));
    highest_add(cli, network);
    if (cli->json) {
        ee_cli_json(network);
        return EE_OK;
    }
    ee_cli_fields(network, columns, EE_CLI_COUNT(columns));
    ee_cli_fields(json_object_get(network, "checkpoint"), head_columns, EE_CLI_COUNT(head_columns));
    json_object_foreach(json_object_get(network, "params"), name, value)(void)
        printf("%s %lld\n", name, (long long)json_integer_value(value));
    json_decref(network);
    return EE_OK;
}
