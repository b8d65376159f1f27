/* SPDX-License-Identifier: Apache-2.0 */
/* ee periods, receipts, explain. */
#include <string.h>

#include "command.h"

#include "client/history.h"
#include "client/json.h"
#include "core/command.h"

#include "base/banned.h"

static enum ee_err periods_get(struct ee_cli *cli, const char *lease, json_t **out)
{
    char path[96];
    uint8_t id[EE_ID_SIZE];
    if (lease && ee_hex_decode(ee_bytes_str(lease), id, sizeof(id)) != EE_OK)
        return ee_client_fail(&cli->problem, EE_USAGE,
                              "--lease wants the 32 hex digits of a lease");
    (void)snprintf(path, sizeof(path), "/v1/periods%s%s", lease ? "?lease=" : "",
                   lease ? lease : "");
    return ee_client_list(cli->session, path, out);
}

enum ee_err ee_cmd_periods(struct ee_cli *cli, int argc, char **argv)
{
    static const struct ee_column columns[] = {{"LEASE", "lease", EE_COLUMN_TEXT},
                                               {"PERIOD", "index", EE_COLUMN_NUMBER},
                                               {"ENDS", "ends_at", EE_COLUMN_TEXT},
                                               {"STATE", "state", EE_COLUMN_TEXT},
                                               {"VERDICT", "verdict", EE_COLUMN_TEXT},
                                               {"REASON", "reason", EE_COLUMN_TEXT},
                                               {"LOCKED", "locked", EE_COLUMN_MONEY},
                                               {"PAID", "paid", EE_COLUMN_MONEY},
                                               {"REFUNDED", "refunded", EE_COLUMN_MONEY},
                                               {"OK", "health_ok", EE_COLUMN_NUMBER},
                                               {"MISSED", "health_missed", EE_COLUMN_NUMBER},
                                               {"RECEIPT", "settle_seq", EE_COLUMN_NUMBER}};
    struct ee_arguments arguments;
    const char *lease = NULL;
    json_t *items = NULL;
    const struct ee_option options[] = {{"lease", 0, EE_OPTION_TEXT, &lease, 0}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 0, 0, false, &arguments));
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(periods_get(cli, lease, &items));
    if (cli->json) {
        ee_cli_json_items(items);
        return EE_OK;
    }
    ee_cli_table(items, columns, EE_CLI_COUNT(columns), "no periods yet");
    json_decref(items);
    return EE_OK;
}

/* ---- receipts ---- */

static void settlement_row(json_t *items, const json_t *period)
{
    const json_t *seq = json_object_get(period, "settle_seq");
    if (!json_is_string(seq))
        return;
    json_t *row = json_pack("{s:s, s:s}", "seq", json_string_value(seq), "kind", "settlement");
    static const char *const members[] = {"lease",  "index", "verdict", "reason",
                                          "locked", "paid",  "refunded"};
    for (size_t i = 0; i < EE_CLI_COUNT(members); i++)
        (void)json_object_set(row, members[i], json_object_get(period, members[i]));
    (void)json_object_set(row, "amount", json_object_get(period, "paid"));
    (void)json_array_append_new(items, row);
}

/* Mints and transfers of this client, then the settlements the network lists. */
static enum ee_err receipts_collect(struct ee_cli *cli, json_t **out)
{
    const char *account;
    size_t index;
    json_t *items = NULL, *periods = NULL, *period;
    EE_TRY(ee_client_session_account(cli->session, &account));
    EE_TRY(ee_client_history_list(&cli->problem, ee_client_session_trust(cli->session)->network_id,
                                  account, &items));
    enum ee_err err = periods_get(cli, NULL, &periods);
    json_array_foreach(periods, index, period) settlement_row(items, period);
    json_decref(periods);
    if (err == EE_OK)
        *out = items;
    else
        json_decref(items);
    return err;
}

enum ee_err ee_cmd_receipts(struct ee_cli *cli, int argc, char **argv)
{
    static const struct ee_column columns[] = {
        {"SEQ", "seq", EE_COLUMN_NUMBER},      {"KIND", "kind", EE_COLUMN_TEXT},
        {"AMOUNT", "amount", EE_COLUMN_MONEY}, {"TO", "account", EE_COLUMN_TEXT},
        {"LEASE", "lease", EE_COLUMN_TEXT},    {"VERDICT", "verdict", EE_COLUMN_TEXT}};
    struct ee_arguments arguments;
    json_t *items = NULL;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 0, 0, false, &arguments));
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(receipts_collect(cli, &items));
    if (cli->json) {
        ee_cli_json_items(items);
        return EE_OK;
    }
    ee_cli_table(items, columns, EE_CLI_COUNT(columns), "nothing to prove yet");
    ee_cli_hint(cli, "next: ee receipt SEQ -o FILE");
    json_decref(items);
    return EE_OK;
}

/* ---- explain ---- */

enum ee_err ee_cmd_explain(struct ee_cli *cli, int argc, char **argv)
{
    static const struct ee_column columns[] = {{"AT", "at", EE_COLUMN_TEXT},
                                               {"SEQ", "seq", EE_COLUMN_NUMBER},
                                               {"WHAT", "what", EE_COLUMN_TEXT},
                                               {"WHY", "text", EE_COLUMN_TEXT}};
    struct ee_arguments arguments;
    char path[96];
    json_t *value = NULL;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 1, 1, false, &arguments));
    const char *subject = arguments.items[0];
    size_t size = strlen(subject);
    if (size > 2 * EE_ID_SIZE || strspn(subject, "0123456789-abcdefghijklmnopqrstuvwxyz") != size)
        return ee_client_fail(&cli->problem, EE_USAGE,
                              "'%s' is neither a name, nor a lease, nor a sequence number",
                              subject);
    EE_TRY(ee_cli_connect(cli));
    if (size < 2 * EE_ID_SIZE && strspn(subject, "0123456789") == size)
        return ee_cli_explain_seq(cli, subject);
    (void)snprintf(path, sizeof(path), "/v1/explain/%s", subject);
    EE_TRY(ee_client_get(cli->session, path, &value));
    if (cli->json) {
        ee_cli_json(value);
        return EE_OK;
    }
    ee_cli_table(json_object_get(value, "lines"), columns, EE_CLI_COUNT(columns),
                 "there is nothing to explain");
    json_decref(value);
    return EE_OK;
}
