/* SPDX-License-Identifier: Apache-2.0 */
/* ee whoami, balance, mint, transfer. */
#include <string.h>

#include "command.h"

#include "client/history.h"
#include "client/json.h"
#include "core/command.h"
#include "io/crypto_openssl.h"

#include "base/banned.h"

/* ---- whoami ---- */

static enum ee_err who(struct ee_cli *cli, json_t **out)
{
    json_t *me = NULL;
    if (ee_client_session_is_admin(cli->session)) {
        *out = json_pack("{s:n, s:s, s:[]}", "name", "kind", "admin", "scopes");
        return EE_OK;
    }
    EE_TRY(ee_client_get(cli->session, "/v1/accounts/me", &me));
    *out = json_pack("{s:s, s:s, s:O?}", "name", ee_client_json_text(me, "name"), "kind",
                     ee_client_json_text(me, "kind"), "scopes", json_object_get(me, "scopes"));
    json_decref(me);
    return EE_OK;
}

static void whoami_print(const json_t *who_value)
{
    static const struct ee_column account[] = {{"account", "name", EE_COLUMN_TEXT},
                                               {"kind", "kind", EE_COLUMN_TEXT},
                                               {"network", "network", EE_COLUMN_TEXT}};
    static const struct ee_column attested[] = {{"proof", "proof", EE_COLUMN_TEXT},
                                                {"measurement", "measurement", EE_COLUMN_TEXT},
                                                {"TCB status", "tcb_status", EE_COLUMN_TEXT},
                                                {"simulated", "simulated", EE_COLUMN_TEXT}};
    size_t index;
    const json_t *scope;
    ee_cli_fields(who_value, account, EE_CLI_COUNT(account));
    (void)printf("scopes ");
    json_array_foreach(json_object_get(who_value, "scopes"), index, scope)(void)
        printf(" %s", json_string_value(scope) ? json_string_value(scope) : "?");
    (void)printf("\n\nthe control plane, as attested on this connection\n");
    ee_cli_fields(json_object_get(who_value, "attested"), attested, EE_CLI_COUNT(attested));
}

enum ee_err ee_cmd_whoami(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    json_t *value = NULL;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 0, 0, false, &arguments));
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(who(cli, &value));
    (void)json_object_set_new(
        value, "network",
        ee_client_json_hex_new(ee_client_session_trust(cli->session)->network_id, 32));
    (void)json_object_set_new(value, "attested",
                              ee_client_attested_json(ee_client_session_attested(cli->session)));
    if (cli->json) {
        ee_cli_json(value);
        return EE_OK;
    }
    whoami_print(value);
    json_decref(value);
    return EE_OK;
}

/* ---- balance ---- */

enum ee_err ee_cmd_balance(struct ee_cli *cli, int argc, char **argv)
{
    static const struct ee_column columns[] = {{"available", "available", EE_COLUMN_MONEY},
                                               {"locked", "locked", EE_COLUMN_MONEY},
                                               {"held", "held", EE_COLUMN_MONEY},
                                               {"owed", "owed", EE_COLUMN_MONEY},
                                               {"incoming", "incoming", EE_COLUMN_MONEY}};
    struct ee_arguments arguments;
    json_t *value = NULL;
    uint64_t seconds;
    char text[EE_CLI_CELL_SIZE];
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 0, 0, false, &arguments));
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(ee_client_get(cli->session, "/v1/credits", &value));
    if (cli->json) {
        ee_cli_json(value);
        return EE_OK;
    }
    ee_cli_fields(value, columns, EE_CLI_COUNT(columns));
    if (ee_client_json_u64(value, "runway_s", &seconds) == EE_OK)
        (void)printf("runway     %s at what runs now\n", ee_cli_duration(seconds, text));
    json_decref(value);
    EE_TRY(ee_client_get(cli->session, "/v1/alert", &value));
    if (json_is_true(json_object_get(value, "below_now")))
        (void)printf("alert      less than %s is available\n", ee_client_json_text(value, "below"));
    json_decref(value);
    return EE_OK;
}

/* ---- mint, transfer ---- */

struct money_move {
    const char *kind, *to, *reference; /* reference: of mints, else empty */
    struct ee_money amount;
};

/* Remembers what can be proved later. What was done is done: a failure here is only said. */
static void remember(struct ee_cli *cli, const struct money_move *move, const char *amount,
                     const json_t *answer)
{
    const char *account;
    const char *seq = ee_client_json_text(answer, "seq");
    enum ee_err err = ee_client_session_account(cli->session, &account);
    if (err == EE_OK)
        err = ee_client_history_add(
            &cli->problem, ee_client_session_trust(cli->session)->network_id, account,
            json_pack("{s:s, s:s, s:s, s:s, s:s}", "seq", seq, "kind", move->kind, "account",
                      move->to, "amount", amount, "reference", move->reference));
    if (err == EE_OK)
        return;
    ee_cli_say(cli, "ee: not noted for `ee receipts`: %s", cli->problem.detail);
    ee_client_problem_clear(&cli->problem);
}

static enum ee_err money_done(struct ee_cli *cli, const struct money_move *move, json_t *answer)
{
    char decimal[EE_MONEY_TEXT_SIZE], shown[EE_MONEY_TEXT_SIZE];
    remember(cli, move, ee_money_format(move->amount, decimal), answer);
    if (cli->json) {
        ee_cli_json(answer);
        return EE_OK;
    }
    (void)printf("%s %s to %s, sequence number %s\n", move->kind,
                 ee_money_show(move->amount, shown), move->to, ee_client_json_text(answer, "seq"));
    ee_cli_hint(cli, "next: ee receipt %s -o FILE keeps the proof",
                ee_client_json_text(answer, "seq"));
    json_decref(answer);
    return EE_OK;
}

static enum ee_err mint_sign(struct ee_cli *cli, struct ee_mint *mint)
{
    uint8_t memory[512], seed[32];
    struct ee_writer message;
    const struct ee_client_profile *profile = cli->profile;
    if (!profile->issuer_key_file[0])
        return ee_client_fail(&cli->problem, EE_FORBIDDEN,
                              "this profile has no issuer key: \"issuer_key_file\"");
    ee_writer_init(&message, memory, sizeof(memory));
    enum ee_err err =
        ee_mint_message(ee_client_session_trust(cli->session)->network_id, mint, &message);
    if (err != EE_OK)
        return ee_client_fail(&cli->problem, err, "the mint: %s", ee_err_text(err));
    EE_TRY(ee_client_seed_read(&cli->problem, profile->issuer_key_file, "issuer key", seed));
    bool ok = ee_crypto_openssl.ed25519_sign(seed, ee_writer_done(&message), mint->signature);
    ee_wipe(seed, sizeof(seed));
    return ok ? EE_OK : ee_client_fail(&cli->problem, EE_CRYPTO, "%s", "");
}

static enum ee_err mint_fill(struct ee_cli *cli, const char *to, const char *reference,
                             struct ee_mint *mint)
{
    if (!to || !reference || mint->amount.micros <= 0)
        return ee_client_fail(&cli->problem, EE_USAGE,
                              "--to, --amount (more than zero) and --ref are needed");
    if (!ee_name_valid(to))
        return ee_client_fail(&cli->problem, EE_NAME, "%s", "");
    if (strlen(reference) > EE_REFERENCE_MAX)
        return ee_client_fail(&cli->problem, EE_USAGE, "--ref has at most %d characters",
                              EE_REFERENCE_MAX);
    memcpy(mint->account, to, strlen(to) + 1);
    memcpy(mint->reference, reference, strlen(reference) + 1);
    return EE_OK;
}

enum ee_err ee_cmd_mint(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct ee_mint mint = {.amount = {0}};
    const char *to = NULL, *reference = NULL;
    char amount[EE_MONEY_TEXT_SIZE];
    json_t *answer = NULL;
    const struct ee_option options[] = {{"to", 0, EE_OPTION_TEXT, &to, 0},
                                        {"amount", 0, EE_OPTION_MONEY, &mint.amount, 0},
                                        {"ref", 0, EE_OPTION_TEXT, &reference, 0}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 0, 0, false, &arguments));
    EE_TRY(mint_fill(cli, to, reference, &mint));
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(mint_sign(cli, &mint));
    json_t *body =
        json_pack("{s:s, s:s, s:s, s:o}", "account", to, "amount",
                  ee_money_format(mint.amount, amount), "reference", reference, "signature",
                  ee_client_json_hex_new(mint.signature, sizeof(mint.signature)));
    enum ee_err err = ee_client_send(cli->session, "POST", "/v1/mints", body, &answer);
    json_decref(body);
    EE_TRY(err);
    const struct money_move move = {"mint", to, reference, mint.amount};
    return money_done(cli, &move, answer);
}

enum ee_err ee_cmd_transfer(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct ee_money amount;
    const char *memo = "";
    char text[EE_MONEY_TEXT_SIZE];
    json_t *answer = NULL;
    const char *bulk = NULL;
    bool atomic = false;
    const struct ee_option options[] = {{"memo", 0, EE_OPTION_TEXT, &memo, 0},
                                        {"bulk", 0, EE_OPTION_TEXT, &bulk, 0},
                                        {"atomic", 0, EE_OPTION_FLAG, &atomic, 0}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 0, 2, false, &arguments));
    if (bulk && arguments.count == 0 && !*memo)
        return ee_cli_transfer_bulk(cli, bulk, atomic);
    if (bulk || atomic || arguments.count != 2)
        return ee_client_fail(&cli->problem, EE_USAGE,
                              "either ACCOUNT AMOUNT, or --bulk FILE|- with --atomic or not");
    const char *to = arguments.items[0];
    if (!ee_name_valid(to))
        return ee_client_fail(&cli->problem, EE_USAGE, "'%s' is no account name", to);
    if (ee_money_parse(arguments.items[1], &amount) != EE_OK || amount.micros <= 0)
        return ee_client_fail(&cli->problem, EE_USAGE,
                              "'%s' is no amount: more than 0, at most 6 decimals, such as 2, "
                              "'$1,000' or 0.5",
                              arguments.items[1]);
    if (strlen(memo) > EE_MEMO_MAX)
        return ee_client_fail(&cli->problem, EE_USAGE, "--memo has at most %d characters",
                              EE_MEMO_MAX);
    EE_TRY(ee_cli_connect(cli));
    json_t *body = json_pack("{s:s, s:s, s:s}", "to", to, "amount", ee_money_format(amount, text),
                             "memo", memo);
    enum ee_err err = body ? ee_client_send(cli->session, "POST", "/v1/transfers", body, &answer)
                           : ee_client_fail(&cli->problem, EE_USAGE, "--memo is not UTF-8");
    json_decref(body);
    EE_TRY(err);
    const struct money_move move = {"transfer", to, "", amount};
    return money_done(cli, &move, answer);
}
