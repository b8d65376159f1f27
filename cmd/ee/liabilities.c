/* SPDX-License-Identifier: Apache-2.0 */
/* ee liabilities show | prove, verify liabilities. docs/spec/liabilities.md. */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "receipt_facts.h"

#include "base/text.h"
#include "client/json.h"
#include "client/liabilities_check.h"
#include "io/crypto_openssl.h"
#include "io/file.h"

#include "base/banned.h"

static json_t *facts_json(const struct ee_client_owed *owed)
{
    char numbers[3][24], amount[EE_MONEY_TEXT_SIZE], total[EE_MONEY_TEXT_SIZE],
        cash[EE_MONEY_TEXT_SIZE], house[EE_MONEY_TEXT_SIZE], root[65], at[EE_TIME_TEXT_SIZE];
    (void)snprintf(numbers[0], 24, "%llu", (unsigned long long)owed->seq);
    (void)snprintf(numbers[1], 24, "%llu", (unsigned long long)owed->sums.of_seq);
    (void)snprintf(numbers[2], 24, "%llu", (unsigned long long)owed->sums.count);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "account",
                     owed->account, "balance", ee_money_format(owed->amount, amount), "of",
                     ee_time_format((int64_t)(owed->sums.of_time_us / 1000000), at), "seq",
                     numbers[0], "of_seq", numbers[1], "accounts", numbers[2], "total",
                     ee_money_format(owed->sums.total, total), "cash",
                     ee_money_format(owed->sums.cash, cash), "house",
                     ee_money_format(owed->sums.house, house), "root",
                     ee_hex_encode(owed->root, 32, root), "simulated", (int)owed->simulated);
}

static void facts_tell(const struct ee_cli *cli, const struct ee_client_owed *owed)
{
    static const struct ee_column columns[] = {{"account", "account", EE_COLUMN_TEXT},
                                               {"balance", "balance", EE_COLUMN_MONEY},
                                               {"as of", "of", EE_COLUMN_TEXT},
                                               {"sequence number", "of_seq", EE_COLUMN_TEXT},
                                               {"accounts", "accounts", EE_COLUMN_TEXT},
                                               {"owed in total", "total", EE_COLUMN_MONEY},
                                               {"minted - redeemed", "cash", EE_COLUMN_MONEY},
                                               {"not owed", "house", EE_COLUMN_MONEY},
                                               {"root", "root", EE_COLUMN_TEXT}};
    json_t *facts = facts_json(owed);
    if (cli->json) {
        ee_cli_json(facts);
        return;
    }
    ee_cli_fields(facts, columns, EE_CLI_COUNT(columns));
    (void)printf("\nholds: this balance is in that total, the total is in the signed log, and the "
                 "signer is this network's control plane\n");
    if (owed->simulated)
        (void)printf("NOTE  SIMULATED: this proves nothing about hardware\n");
    json_decref(facts);
}

static enum ee_err check(struct ee_cli *cli, const struct ee_trust *trust, struct ee_bytes file,
                         int64_t time_s)
{
    struct ee_client_owed owed;
    EE_TRY(ee_client_liabilities_check(&cli->problem, trust, file, time_s, &owed));
    facts_tell(cli, &owed);
    return EE_OK;
}

enum ee_err ee_cmd_verify_liabilities(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct ee_trust trust;
    struct ee_file_data file;
    const char *genesis = NULL;
    uint64_t time_s = 0;
    const struct ee_option options[] = {{"genesis", 0, EE_OPTION_TEXT, &genesis, 0},
                                        {"time", 0, EE_OPTION_NUMBER, &time_s, INT64_MAX}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 1, 1, false, &arguments));
    EE_TRY(ee_cli_trust(cli, genesis, &trust));
    EE_TRY(ee_cli_document(cli, arguments.items[0], EE_CLIENT_LIABILITIES_MAX, &file));
    enum ee_err err = check(cli, &trust, ee_file_bytes(&file), (int64_t)time_s);
    ee_file_data_free(&file);
    return err;
}

enum ee_err ee_cmd_liabilities_prove(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct ee_client_answer answer = {.json = NULL};
    const char *path = "liabilities.json";
    const struct ee_option options[] = {{"output", 'o', EE_OPTION_TEXT, &path, 0}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 0, 0, false, &arguments));
    EE_TRY(ee_cli_connect(cli));
    const struct ee_client_request request = {
        .method = "GET", .path = "/v1/liabilities/proof", .raw = true};
    EE_TRY(ee_client_session_request(cli->session, &request, &answer));
    enum ee_err err =
        check(cli, ee_client_session_trust(cli->session), ee_buffer_bytes(&answer.body), 0);
    if (err == EE_OK) {
        err = ee_file_write(path, ee_buffer_bytes(&answer.body), 0600);
        if (err != EE_OK)
            err = ee_client_file_fail(&cli->problem, err, "writing", path);
        else
            ee_cli_hint(cli, "next: ee verify liabilities %s", path);
    }
    ee_client_answer_close(&answer);
    return err;
}

enum ee_err ee_cmd_liabilities_show(struct ee_cli *cli, int argc, char **argv)
{
    static const struct ee_column columns[] = {{"as of", "at", EE_COLUMN_TEXT},
                                               {"sequence number", "of_seq", EE_COLUMN_TEXT},
                                               {"accounts", "accounts", EE_COLUMN_TEXT},
                                               {"owed in total", "total", EE_COLUMN_MONEY},
                                               {"minted - redeemed", "cash", EE_COLUMN_MONEY},
                                               {"root", "root", EE_COLUMN_TEXT}};
    struct ee_arguments arguments;
    json_t *answer = NULL;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 0, 0, false, &arguments));
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(ee_client_get(cli->session, "/v1/liabilities", &answer));
    (void)json_object_del(answer, "receipt");
    if (cli->json) {
        ee_cli_json(answer);
        return EE_OK;
    }
    ee_cli_fields(answer, columns, EE_CLI_COUNT(columns));
    ee_cli_hint(cli, "next: ee liabilities prove shows that your balance is in the total");
    json_decref(answer);
    return EE_OK;
}
