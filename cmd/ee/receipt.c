/* SPDX-License-Identifier: Apache-2.0 */
/* ee receipt, ee verify receipt, ee explain SEQ. */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "receipt_facts.h"

#include "client/evidence.h"
#include "client/json.h"
#include "client/receipt_judge.h"
#include "io/crypto_openssl.h"
#include "io/file.h"

#include "base/banned.h"

/* A receipt checked to the end, and as of when. */
struct checked_receipt {
    struct ee_receipt_checked checked;
    struct ee_client_judged signer;
};

static enum ee_err check(struct ee_cli *cli, const struct ee_trust *trust, struct ee_bytes file,
                         int64_t time_s, struct checked_receipt *out)
{
    enum ee_err err = ee_client_receipt_judge(&cli->problem, trust, file, time_s, &out->signer);
    if (err == EE_OK) {
        err = ee_receipt_check(&ee_crypto_openssl, trust, file, out->signer.time_s, NULL,
                               &out->checked);
        if (err != EE_OK)
            (void)ee_client_fail(&cli->problem, err, "the receipt does not hold: %s",
                                 ee_err_text(err));
    }
    if (err != EE_OK)
        cli->problem.exit_code = ee_err_exit_code(EE_RECEIPT); /* whatever is wrong with it */
    return err;
}

static void collateral_print(const json_t *hashes)
{
    size_t index;
    const json_t *hash;
    json_array_foreach(hashes, index, hash)(void)
        printf("judged by collateral %s\n", json_string_value(hash));
}

static void details_print(const json_t *details)
{
    const char *name;
    const json_t *value, *item;
    size_t index;
    if (!details)
        return;
    json_object_foreach((json_t *)(uintptr_t)details, name, value)
    {
        if (json_is_string(value))
            (void)printf("%s %s\n", name, json_string_value(value));
        else if (json_is_integer(value))
            (void)printf("%s %lld\n", name, (long long)json_integer_value(value));
        json_array_foreach(value, index, item)(void)
            printf("lease %s period %lld: %s locked\n", ee_client_json_text(item, "lease"),
                   (long long)json_integer_value(json_object_get(item, "period")),
                   ee_client_json_text(item, "locked"));
    }
}

static void facts_print(const struct checked_receipt *r)
{
    static const struct ee_column columns[] = {
        {"kind", "kind", EE_COLUMN_TEXT},       {"sequence number", "seq", EE_COLUMN_TEXT},
        {"at", "at", EE_COLUMN_TEXT},           {"actor", "actor", EE_COLUMN_TEXT},
        {"verdict", "verdict", EE_COLUMN_TEXT}, {"says", "summary", EE_COLUMN_TEXT}};
    static const struct ee_column slots[] = {{"OK", "ok", EE_COLUMN_NUMBER},
                                             {"missed", "missed", EE_COLUMN_NUMBER},
                                             {"void", "void", EE_COLUMN_NUMBER}};
    char at[EE_TIME_TEXT_SIZE];
    json_t *facts = ee_cli_receipt_json(&r->checked);
    const json_t *checks = json_object_get(facts, "checks");
    ee_cli_fields(facts, columns, EE_CLI_COUNT(columns));
    details_print(json_object_get(facts, "details"));
    if (r->checked.is_settlement) {
        (void)printf("\nhealth checks of the period\n");
        ee_cli_fields(json_object_get(checks, "health"), slots, EE_CLI_COUNT(slots));
        (void)printf("attestations of the period\n");
        ee_cli_fields(json_object_get(checks, "attestation"), slots, EE_CLI_COUNT(slots));
        collateral_print(json_object_get(checks, "collateral"));
    }
    (void)printf("\nholds: the signer's evidence, the signed checkpoint, the proof of inclusion%s\n"
                 "evidence verified as of %s (%s)\n",
                 r->checked.is_settlement ? ", the settlement from its checks" : "",
                 ee_time_format(r->signer.time_s, at),
                 ee_client_time_source_text(r->signer.time_source));
    if (r->checked.changes > 0 || r->checked.policy_change > 0)
        (void)printf("the signer was accepted under the logged changes it brings: allow-list up to "
                     "%llu, policy %llu\n",
                     (unsigned long long)r->checked.changes,
                     (unsigned long long)r->checked.policy_change);
    if (r->checked.successions > 0)
        (void)printf("the checkpoint key changed %zu times, each time signed by the one before or "
                     "the founding key\n",
                     r->checked.successions);
    if (r->checked.signer.simulated)
        (void)printf("NOTE  SIMULATED: this proves nothing about hardware\n");
    json_decref(facts);
}

static void facts_tell(const struct ee_cli *cli, const struct checked_receipt *r)
{
    char at[EE_TIME_TEXT_SIZE];
    if (!cli->json) {
        facts_print(r);
        return;
    }
    json_t *facts = ee_cli_receipt_json(&r->checked);
    (void)json_object_set_new(facts, "verified_at",
                              json_string(ee_time_format(r->signer.time_s, at)));
    (void)json_object_set_new(facts, "verified_at_source",
                              json_string(ee_client_time_source_text(r->signer.time_source)));
    ee_cli_json(facts);
}

/* ---- verify receipt ---- */

enum ee_err ee_cmd_verify_receipt(struct ee_cli *cli, int argc, char **argv)
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
    EE_TRY(ee_cli_document(cli, arguments.items[0], EE_RECEIPT_FILE_MAX, &file));
    struct checked_receipt *r = calloc(1, sizeof(*r));
    if (!r) {
        ee_file_data_free(&file);
        return ee_client_fail(&cli->problem, EE_NO_MEMORY, "%s", "");
    }
    enum ee_err err = check(cli, &trust, ee_file_bytes(&file), (int64_t)time_s, r);
    if (err == EE_OK) {
        facts_tell(cli, r);
        ee_receipt_checked_free(&r->checked);
    }
    free(r);
    ee_file_data_free(&file);
    return err;
}

/* ---- receipt, explain SEQ ---- */

/* SEQ (*seq_out), or ID, or LEASE:PERIOD with LEASE an id. */
static bool id_valid(const char *text, uint64_t *seq_out)
{
    const size_t hex = (size_t)2 * EE_ID_SIZE;
    uint8_t id[EE_ID_SIZE];
    uint64_t period;
    if (strlen(text) < hex)
        return ee_u64_parse(text, seq_out) == EE_OK && *seq_out != 0;
    if (ee_hex_decode(ee_bytes_of(text, hex), id, sizeof(id)) != EE_OK)
        return false;
    const char *rest = text + hex;
    return *rest == '\0' || ((*rest == ':' || *rest == '-') &&
                             ee_u64_parse(rest + 1, &period) == EE_OK && period <= UINT32_MAX);
}

static void path_normalise(char *path)
{
    char *colon = strchr(path, ':');
    if (colon)
        *colon = '-';
}

/* Fetched and checked before anybody relies on it; the answer is the caller's to close. */
static enum ee_err fetch(struct ee_cli *cli, const char *seq, struct checked_receipt *out,
                         struct ee_client_answer *answer)
{
    char path[96];
    uint64_t number = 0;
    if (!id_valid(seq, &number))
        return ee_client_fail(&cli->problem, EE_USAGE,
                              "'%s' is no sequence number, id of 32 hex digits, or LEASE:PERIOD",
                              seq);
    EE_TRY(ee_cli_connect(cli));
    (void)snprintf(path, sizeof(path), "/v1/receipts/%.60s", seq);
    path_normalise(path);
    const struct ee_client_request request = {.method = "GET", .path = path, .raw = true};
    EE_TRY(ee_client_session_request(cli->session, &request, answer));
    EE_TRY(
        check(cli, ee_client_session_trust(cli->session), ee_buffer_bytes(&answer->body), 0, out));
    if (number == 0 || out->checked.fact.command.seq == number)
        return EE_OK;
    ee_receipt_checked_free(&out->checked);
    return ee_client_fail(&cli->problem, EE_RECEIPT,
                          "the network gave the receipt of another "
                          "command");
}

static enum ee_err receipt_write(struct ee_cli *cli, const char *path, const char *seq,
                                 struct ee_bytes document, const struct ee_receipt_checked *checked)
{
    char summary[EE_CLI_SUMMARY_SIZE];
    const char *kind = ee_command_kind_name(checked->fact.command.kind);
    enum ee_err err = ee_file_write(path, document, 0644);
    if (err != EE_OK)
        return ee_client_file_fail(&cli->problem, err, "writing", path);
    ee_cli_receipt_summary(checked, summary);
    if (cli->json) {
        ee_cli_json(json_pack("{s:s, s:s, s:s, s:s}", "file", path, "seq", seq, "kind", kind,
                              "summary", summary));
        return EE_OK;
    }
    (void)printf("%s: %s\n", path, summary);
    ee_cli_hint(cli, "next: ee verify receipt %s", path);
    return EE_OK;
}

enum ee_err ee_cmd_receipt(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct ee_client_answer answer = {.json = NULL};
    const char *path = NULL;
    char chosen[64];
    const struct ee_option options[] = {{"output", 'o', EE_OPTION_TEXT, &path, 0}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 1, 1, false, &arguments));
    const char *seq = arguments.items[0];
    if (!path) {
        (void)snprintf(chosen, sizeof(chosen), "receipt-%.44s.json", seq);
        path_normalise(chosen);
        path = chosen;
    }
    struct checked_receipt *r = calloc(1, sizeof(*r));
    if (!r)
        return ee_client_fail(&cli->problem, EE_NO_MEMORY, "%s", "");
    enum ee_err err = fetch(cli, seq, r, &answer);
    if (err == EE_OK) {
        err = receipt_write(cli, path, seq, ee_buffer_bytes(&answer.body), &r->checked);
        ee_receipt_checked_free(&r->checked);
    }
    ee_client_answer_close(&answer);
    free(r);
    return err;
}

enum ee_err ee_cli_explain_seq(struct ee_cli *cli, const char *seq)
{
    struct ee_client_answer answer = {.json = NULL};
    struct checked_receipt *r = calloc(1, sizeof(*r));
    if (!r)
        return ee_client_fail(&cli->problem, EE_NO_MEMORY, "%s", "");
    enum ee_err err = fetch(cli, seq, r, &answer);
    if (err == EE_OK) {
        facts_tell(cli, r);
        ee_receipt_checked_free(&r->checked);
    }
    ee_client_answer_close(&answer);
    free(r);
    return err;
}
