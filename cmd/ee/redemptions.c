/* SPDX-License-Identifier: Apache-2.0 */
/* ee redeem, redemptions, redemption show|confirm|refuse: credits back into dollars. */
#include <stdio.h>
#include <string.h>

#include "command.h"

#include "client/json.h"
#include "client/state.h"
#include "core/command.h"
#include "io/crypto_openssl.h"

#include "base/banned.h"

static const struct ee_column columns[] = {
    {"redemption", "redemption", EE_COLUMN_TEXT},   {"account", "account", EE_COLUMN_TEXT},
    {"amount", "amount", EE_COLUMN_MONEY},          {"state", "state", EE_COLUMN_TEXT},
    {"destination", "destination", EE_COLUMN_TEXT}, {"reference", "reference", EE_COLUMN_TEXT}};

static enum ee_err answer_print(struct ee_cli *cli, json_t *answer)
{
    if (cli->json) {
        ee_cli_json(answer);
        return EE_OK;
    }
    (void)printf("%s %s, sequence number %s\n", ee_client_json_text(answer, "redemption"),
                 ee_client_json_text(answer, "state"), ee_client_json_text(answer, "seq"));
    json_decref(answer);
    return EE_OK;
}

enum ee_err ee_cmd_redeem(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct ee_money amount;
    const char *destination = "";
    char text[EE_MONEY_TEXT_SIZE];
    json_t *answer = NULL;
    const struct ee_option options[] = {{"to", 0, EE_OPTION_TEXT, &destination, 0}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 1, 1, false, &arguments));
    if (ee_money_parse(arguments.items[0], &amount) != EE_OK || amount.micros <= 0)
        return ee_client_fail(&cli->problem, EE_USAGE, "'%s' is no amount", arguments.items[0]);
    if (strlen(destination) > EE_REFERENCE_MAX)
        return ee_client_fail(&cli->problem, EE_USAGE, "--to has at most %d characters",
                              EE_REFERENCE_MAX);
    EE_TRY(ee_cli_connect(cli));
    json_t *body = json_pack("{s:s, s:s}", "amount", ee_money_format(amount, text), "destination",
                             destination);
    enum ee_err err = body ? ee_client_send(cli->session, "POST", "/v1/redemptions", body, &answer)
                           : ee_client_fail(&cli->problem, EE_USAGE, "--to is not UTF-8");
    json_decref(body);
    EE_TRY(err);
    return answer_print(cli, answer);
}

enum ee_err ee_cmd_redemptions(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    json_t *items = NULL;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 0, 0, false, &arguments));
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(ee_client_list(cli->session, "/v1/redemptions", &items));
    if (cli->json) {
        ee_cli_json_items(items);
        return EE_OK;
    }
    ee_cli_table(items, columns, EE_CLI_COUNT(columns), "no redemptions");
    json_decref(items);
    return EE_OK;
}

static enum ee_err id_read(struct ee_cli *cli, const char *text, uint8_t out[EE_ID_SIZE])
{
    return ee_hex_decode(ee_bytes_str(text), out, EE_ID_SIZE) == EE_OK
               ? EE_OK
               : ee_client_fail(&cli->problem, EE_USAGE, "REDEMPTION is 32 hex digits");
}

enum ee_err ee_cmd_redemption_show(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    uint8_t id[EE_ID_SIZE];
    char path[128];
    json_t *answer = NULL;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 1, 1, false, &arguments));
    EE_TRY(id_read(cli, arguments.items[0], id));
    EE_TRY(ee_cli_connect(cli));
    (void)snprintf(path, sizeof(path), "/v1/redemptions/%s", arguments.items[0]);
    EE_TRY(ee_client_get(cli->session, path, &answer));
    if (cli->json) {
        ee_cli_json(answer);
        return EE_OK;
    }
    ee_cli_fields(answer, columns, EE_CLI_COUNT(columns));
    json_decref(answer);
    return EE_OK;
}

/* ---- the issuer's word ---- */

static enum ee_err word_sign(struct ee_cli *cli, struct ee_redemption_word *word)
{
    uint8_t memory[512], seed[32];
    struct ee_writer message;
    if (!cli->profile->issuer_key_file[0])
        return ee_client_fail(&cli->problem, EE_FORBIDDEN,
                              "this profile has no issuer key: \"issuer_key_file\"");
    ee_writer_init(&message, memory, sizeof(memory));
    enum ee_err err =
        ee_redemption_message(ee_client_session_trust(cli->session)->network_id, word, &message);
    if (err != EE_OK)
        return ee_client_fail(&cli->problem, err, "the word: %s", ee_err_text(err));
    EE_TRY(ee_client_seed_read(&cli->problem, cli->profile->issuer_key_file, "issuer key", seed));
    bool ok = ee_crypto_openssl.ed25519_sign(seed, ee_writer_done(&message), word->signature);
    ee_wipe(seed, sizeof(seed));
    return ok ? EE_OK : ee_client_fail(&cli->problem, EE_CRYPTO, "%s", "");
}

static enum ee_err word_give(struct ee_cli *cli, int argc, char **argv, bool confirm)
{
    struct ee_arguments arguments;
    struct ee_redemption_word word = {.confirm = confirm};
    const char *reference = "";
    char path[128];
    json_t *answer = NULL;
    const struct ee_option options[] = {{"ref", 0, EE_OPTION_TEXT, &reference, 0}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 1, 1, false, &arguments));
    EE_TRY(id_read(cli, arguments.items[0], word.redemption));
    if (strlen(reference) > EE_REFERENCE_MAX)
        return ee_client_fail(&cli->problem, EE_USAGE, "--ref has at most %d characters",
                              EE_REFERENCE_MAX);
    memcpy(word.reference, reference, strlen(reference));
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(word_sign(cli, &word));
    json_t *body =
        json_pack("{s:b, s:s, s:o}", "confirm", (int)confirm, "reference", reference, "signature",
                  ee_client_json_hex_new(word.signature, sizeof(word.signature)));
    (void)snprintf(path, sizeof(path), "/v1/redemptions/%s/word", arguments.items[0]);
    enum ee_err err = ee_client_send(cli->session, "POST", path, body, &answer);
    json_decref(body);
    EE_TRY(err);
    return answer_print(cli, answer);
}

enum ee_err ee_cmd_redemption_confirm(struct ee_cli *cli, int argc, char **argv)
{
    return word_give(cli, argc, argv, true);
}

enum ee_err ee_cmd_redemption_refuse(struct ee_cli *cli, int argc, char **argv)
{
    return word_give(cli, argc, argv, false);
}
