/* SPDX-License-Identifier: Apache-2.0 */
/* ee topup: orders of credits, paid at the payment provider. ee report: abuse of a lease. */
#include <stdio.h>
#include <string.h>

#include "command.h"

#include "client/json.h"
#include "core/command.h"
#include "core/names.h"
#include "io/crypto_openssl.h"
#include "io/file.h"

#include "base/banned.h"

static const struct ee_column order_columns[] = {{"order", "order", EE_COLUMN_TEXT},
                                                 {"amount", "amount", EE_COLUMN_MONEY},
                                                 {"state", "state", EE_COLUMN_TEXT},
                                                 {"payment", "payment", EE_COLUMN_TEXT},
                                                 {"created", "created_at", EE_COLUMN_TEXT}};

/* ---- topup ---- */

enum ee_err ee_cmd_topup(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct ee_money amount;
    char text[EE_MONEY_TEXT_SIZE];
    json_t *answer = NULL;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 1, 1, false, &arguments));
    if (ee_money_parse(arguments.items[0], &amount) != EE_OK || amount.micros <= 0 ||
        amount.micros % EE_MICROS_PER_CENT != 0)
        return ee_client_fail(&cli->problem, EE_USAGE,
                              "'%s' is no amount of whole cents, such as 20 or '$12.50'",
                              arguments.items[0]);
    EE_TRY(ee_cli_connect(cli));
    json_t *body =
        json_pack("{s:s, s:s}", "amount", ee_money_format(amount, text), "currency", "usd");
    enum ee_err err = ee_client_send(cli->session, "POST", "/v1/topups", body, &answer);
    json_decref(body);
    EE_TRY(err);
    if (cli->json) {
        ee_cli_json(answer);
        return EE_OK;
    }
    (void)printf("%s\n", ee_client_json_text(answer, "order"));
    ee_cli_hint(cli,
                "pay %s with this order as client_reference_id or metadata \"order\";"
                " ee topup show %s tells when it is there",
                ee_money_show(amount, text), ee_client_json_text(answer, "order"));
    json_decref(answer);
    return EE_OK;
}

enum ee_err ee_cmd_topup_show(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    char path[128];
    json_t *answer = NULL;
    uint8_t id[EE_ID_SIZE];
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 1, 1, false, &arguments));
    if (ee_hex_decode(ee_bytes_str(arguments.items[0]), id, sizeof(id)) != EE_OK)
        return ee_client_fail(&cli->problem, EE_USAGE, "ORDER is 32 hex digits");
    EE_TRY(ee_cli_connect(cli));
    (void)snprintf(path, sizeof(path), "/v1/topups/%s", arguments.items[0]);
    EE_TRY(ee_client_get(cli->session, path, &answer));
    if (cli->json) {
        ee_cli_json(answer);
        return EE_OK;
    }
    ee_cli_fields(answer, order_columns, EE_CLI_COUNT(order_columns));
    json_decref(answer);
    return EE_OK;
}

/* A list of a path as table or items. */
static enum ee_err list(struct ee_cli *cli, const char *path, const struct ee_column *columns,
                        size_t count, const char *none)
{
    json_t *items = NULL;
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(ee_client_list(cli->session, path, &items));
    if (cli->json) {
        ee_cli_json_items(items);
        return EE_OK;
    }
    ee_cli_table(items, columns, count, none);
    json_decref(items);
    return EE_OK;
}

enum ee_err ee_cmd_topup_ls(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 0, 0, false, &arguments));
    return list(cli, "/v1/topups", order_columns, EE_CLI_COUNT(order_columns),
                "no orders: ee topup AMOUNT makes one");
}

/* ---- report ---- */

/* A lease by its id, or the present one of an app or job by name. */
static enum ee_err lease_find(struct ee_cli *cli, const char *word, char out[2 * EE_ID_SIZE + 1])
{
    uint8_t id[EE_ID_SIZE];
    char path[96];
    json_t *app = NULL;
    if (ee_hex_decode(ee_bytes_str(word), id, sizeof(id)) == EE_OK) {
        (void)ee_hex_encode(id, sizeof(id), out);
        return EE_OK;
    }
    if (!ee_name_valid(word))
        return ee_client_fail(&cli->problem, EE_USAGE, "'%s' is neither a lease nor a name", word);
    (void)snprintf(path, sizeof(path), "/v1/apps/%s", word);
    EE_TRY(ee_client_get(cli->session, path, &app));
    const char *lease = ee_client_json_text(json_object_get(app, "lease"), "lease");
    bool found = strlen(lease) == (size_t)2 * EE_ID_SIZE;
    if (found)
        memcpy(out, lease, (size_t)2 * EE_ID_SIZE + 1);
    json_decref(app);
    return found ? EE_OK : ee_client_fail(&cli->problem, EE_LEASE_UNKNOWN, "%s has no lease", word);
}

/* The newest period that has begun and is not settled. */
static enum ee_err period_find(struct ee_cli *cli, const char *lease, uint64_t *out)
{
    char path[96];
    json_t *items = NULL, *item;
    size_t index;
    bool found = false;
    (void)snprintf(path, sizeof(path), "/v1/periods?lease=%s", lease);
    EE_TRY(ee_client_list(cli->session, path, &items));
    json_array_foreach(items, index, item)
    {
        const char *state = ee_client_json_text(item, "state");
        bool open = strcmp(state, ee_lock_state_name(EE_LOCK_LOCKED)) == 0 ||
                    strcmp(state, ee_lock_state_name(EE_LOCK_DUE)) == 0;
        const json_t *ahead = json_object_get(item, "starts_at");
        if (!open || json_is_null(ahead))
            continue;
        *out = (uint64_t)json_integer_value(json_object_get(item, "index"));
        found = true;
    }
    json_decref(items);
    return found ? EE_OK
                 : ee_client_fail(&cli->problem, EE_PERIOD_STATE,
                                  "the lease has no period that runs or waits for its verdict");
}

static enum ee_err evidence_hash(struct ee_cli *cli, const char *path, json_t *body)
{
    struct ee_file_data file;
    uint8_t hash[EE_SHA256_SIZE];
    enum ee_err err = ee_file_read(path, (size_t)64 * 1024 * 1024, &file);
    if (err != EE_OK)
        return ee_client_fail(&cli->problem, err, "%s: %s", path, ee_err_text(err));
    const struct ee_bytes bytes = ee_file_bytes(&file);
    ee_crypto_openssl.sha256(&bytes, 1, hash);
    ee_file_data_free(&file);
    (void)json_object_set_new(body, "evidence_hash", ee_client_json_hex_new(hash, sizeof(hash)));
    return EE_OK;
}

enum ee_err ee_cmd_report(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    const char *category = "other", *evidence = NULL;
    char lease[2 * EE_ID_SIZE + 1];
    uint64_t period = UINT64_MAX;
    json_t *answer = NULL;
    const struct ee_option options[] = {{"category", 0, EE_OPTION_TEXT, &category, 0},
                                        {"period", 0, EE_OPTION_NUMBER, &period, UINT32_MAX},
                                        {"evidence", 0, EE_OPTION_TEXT, &evidence, 0}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 1, 1, false, &arguments));
    if (ee_abuse_category_of(category) == 0)
        return ee_client_fail(&cli->problem, EE_USAGE,
                              "--category is other, wrong_result, interference or resources");
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(lease_find(cli, arguments.items[0], lease));
    if (period == UINT64_MAX)
        EE_TRY(period_find(cli, lease, &period));
    json_t *body = json_pack("{s:s, s:I, s:s}", "lease", lease, "period", (json_int_t)period,
                             "category", category);
    enum ee_err err = evidence ? evidence_hash(cli, evidence, body) : EE_OK;
    if (err == EE_OK)
        err = ee_client_send(cli->session, "POST", "/v1/reports", body, &answer);
    json_decref(body);
    EE_TRY(err);
    if (cli->json) {
        ee_cli_json(answer);
        return EE_OK;
    }
    (void)printf("reported period %llu of %s (%s), sequence number %s\n",
                 (unsigned long long)period, lease, category, ee_client_json_text(answer, "seq"));
    json_decref(answer);
    return EE_OK;
}

enum ee_err ee_cmd_reports(struct ee_cli *cli, int argc, char **argv)
{
    static const struct ee_column columns[] = {{"lease", "lease", EE_COLUMN_TEXT},
                                               {"period", "period", EE_COLUMN_NUMBER},
                                               {"category", "category", EE_COLUMN_TEXT},
                                               {"state", "state", EE_COLUMN_TEXT},
                                               {"verdict", "verdict", EE_COLUMN_TEXT}};
    struct ee_arguments arguments;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 0, 0, false, &arguments));
    return list(cli, "/v1/reports", columns, EE_CLI_COUNT(columns), "no reports");
}
