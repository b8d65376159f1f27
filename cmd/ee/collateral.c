/* SPDX-License-Identifier: Apache-2.0 */
/* ee collateral import, push. */
#include "collateral.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/collateral_import.h"
#include "client/json.h"
#include "io/crypto_openssl.h"

#include "base/banned.h"

enum { PUSH_MAX = 128 * 1024 };

/* ---- import ---- */

struct import_options {
    const char *output, *fmspc, *set, *ca;
    bool no_verify, allow_expired;
    struct ee_cli_roots roots;
    struct ee_import_choice choice;
};

static enum ee_err one_of(struct ee_cli *cli, const char *option, const char *given,
                          const char *first, const char *second, bool *is_second)
{
    if (given && strcmp(given, first) != 0 && strcmp(given, second) != 0)
        return ee_client_fail(&cli->problem, EE_USAGE, "--%s is %s or %s", option, first, second);
    *is_second = given && strcmp(given, second) == 0;
    return EE_OK;
}

static enum ee_err choice_parse(struct ee_cli *cli, struct import_options *o)
{
    bool early = false;
    if (o->fmspc && ee_hex_decode(ee_bytes_str(o->fmspc), o->choice.fmspc, EE_FMSPC_SIZE) != EE_OK)
        return ee_client_fail(&cli->problem, EE_USAGE, "--fmspc is 12 hex digits");
    o->choice.has_fmspc = o->fmspc != NULL;
    EE_TRY(one_of(cli, "ca", o->ca, "platform", "processor", &o->choice.processor_ca));
    EE_TRY(one_of(cli, "set", o->set, "standard", "early", &early));
    if (o->set)
        o->choice.set = early ? EE_IMPORT_EARLY : EE_IMPORT_STANDARD;
    if (!o->output)
        return ee_client_fail(&cli->problem, EE_USAGE, "-o FILE: where the collateral goes");
    return EE_OK;
}

static enum ee_err files_add(struct ee_cli *cli, const struct ee_arguments *arguments,
                             struct ee_collateral_import *import, json_t *found)
{
    for (size_t i = 0; i < arguments->count; i++) {
        char text[EE_IMPORT_DETAIL_SIZE];
        struct ee_file_data file;
        EE_TRY(ee_cli_document(cli, arguments->items[i], EE_IMPORT_FILE_MAX, &file));
        enum ee_err err = ee_collateral_import_add(import, ee_file_bytes(&file), text);
        ee_file_data_free(&file);
        if (err != EE_OK)
            return ee_client_fail(&cli->problem, err, "%s: %s", arguments->items[i], text);
        (void)json_array_append_new(
            found, json_pack("{s:s, s:s}", "file", arguments->items[i], "holds", text));
        ee_cli_say(cli, "%s: %s", arguments->items[i], text);
    }
    return EE_OK;
}

static enum ee_err pack(struct ee_cli *cli, struct ee_collateral_import *import,
                        const struct ee_import_choice *choice, struct ee_import_result *result)
{
    char detail[EE_IMPORT_DETAIL_SIZE], list[EE_CLIENT_DETAIL_SIZE] = "";
    size_t size = 0;
    enum ee_err err = ee_collateral_import_pack(import, choice, result, detail);
    if (err != EE_MISSING_FIELD)
        return err == EE_OK ? EE_OK
                            : ee_client_fail(&cli->problem, err, "%s",
                                             detail[0] ? detail : ee_err_text(err));
    for (size_t i = 0; i < result->missing_count && size < sizeof(list) - 1; i++) {
        const struct ee_import_missing *m = &result->missing[i];
        int length = snprintf(list + size, sizeof(list) - size, "%s%s: fetch %s%s%s%s",
                              i ? "; " : "", m->what, m->path, m->header ? " (header " : "",
                              m->header ? m->header : "", m->header ? ")" : "");
        size += length > 0 ? (size_t)length : 0;
    }
    (void)ee_client_fail(&cli->problem, EE_MISSING_FIELD, "parts are missing: %s", list);
    ee_client_suggest(&cli->problem,
                      "curl -i saves headers and body; docs/spec/collateral.md lists the commands");
    return EE_MISSING_FIELD;
}

/* Refused unless it proves; with --allow-expired also what is genuine but out of its time. */
static enum ee_err verify(struct ee_cli *cli, const struct import_options *o, struct ee_bytes text,
                          json_t *answer)
{
    struct ee_cli_collateral *c = calloc(1, sizeof(*c));
    if (!c)
        return ee_client_fail(&cli->problem, EE_NO_MEMORY, "%s", "");
    enum ee_err err = ee_cli_collateral_judge(cli, text, &o->roots, c);
    if (err == EE_OK && c->err != EE_OK &&
        !(o->allow_expired && ee_collateral_only_expired(&c->verdict)))
        err = ee_cli_collateral_refuse(cli, c);
    if (err == EE_OK) {
        (void)json_object_set_new(answer, "parts", ee_cli_collateral_parts(c, 0));
        (void)json_object_set_new(answer, "fmspc",
                                  ee_client_json_hex_new(c->facts.fmspc, EE_FMSPC_SIZE));
        (void)json_object_set_new(answer, "expired", json_boolean(c->err != EE_OK));
        (void)json_object_set_new(answer, "root", json_string(o->roots.from));
    }
    ee_cli_collateral_close(c);
    return err;
}

static enum ee_err import_write(struct ee_cli *cli, const struct import_options *o,
                                const struct ee_import_result *result, json_t *answer)
{
    uint8_t hash[32];
    struct ee_bytes text = ee_buffer_bytes(&result->text);
    if (!o->no_verify)
        EE_TRY(verify(cli, o, text, answer));
    enum ee_err err = ee_file_write(o->output, text, 0644);
    if (err != EE_OK)
        return ee_client_file_fail(&cli->problem, err, "writing", o->output);
    ee_crypto_openssl.sha256(&text, 1, hash);
    (void)json_object_set_new(answer, "output", json_string(o->output));
    (void)json_object_set_new(answer, "hash", ee_client_json_hex_new(hash, sizeof(hash)));
    (void)json_object_set_new(answer, "verified", json_boolean(!o->no_verify));
    (void)json_object_set_new(answer, "compacted", json_boolean(result->compacted));
    return EE_OK;
}

static void import_tell(struct ee_cli *cli, const struct import_options *o, json_t *answer)
{
    if (cli->json) {
        ee_cli_json(json_incref(answer));
        return;
    }
    if (json_is_true(json_object_get(answer, "compacted")))
        ee_cli_say(cli, "white space was taken out of a document: its signature covers the compact "
                        "form");
    if (o->no_verify)
        (void)printf("%s: written, NOT VERIFIED\n", o->output);
    else
        (void)printf("%s: every part is proven under %s%s\n", o->output, o->roots.from,
                     json_is_true(json_object_get(answer, "expired")) ? ", but EXPIRED" : "");
    ee_cli_collateral_table(json_object_get(answer, "parts"));
    ee_cli_hint(cli, "next: ee collateral push %s", o->output);
}

enum ee_err ee_cmd_collateral_import(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct import_options o = {.output = NULL};
    struct ee_collateral_import *import = NULL;
    struct ee_import_result result = {.missing_count = 0};
    const struct ee_option options[] = {{"output", 'o', EE_OPTION_TEXT, &o.output, 0},
                                        {"fmspc", 0, EE_OPTION_TEXT, &o.fmspc, 0},
                                        {"set", 0, EE_OPTION_TEXT, &o.set, 0},
                                        {"ca", 0, EE_OPTION_TEXT, &o.ca, 0},
                                        {"no-verify", 0, EE_OPTION_FLAG, &o.no_verify, 0},
                                        {"allow-expired", 0, EE_OPTION_FLAG, &o.allow_expired, 0},
                                        EE_CLI_ROOTS_OPTIONS(o.roots)};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 1, EE_CLIENT_ARGUMENTS_MAX,
                        false, &arguments));
    EE_TRY(choice_parse(cli, &o));
    EE_TRY(ee_cli_roots_load(cli, &o.roots));
    enum ee_err err = ee_collateral_import_new(&ee_crypto_openssl, &import);
    if (err != EE_OK)
        return ee_client_fail(&cli->problem, err, "%s", "");
    json_t *answer = json_pack("{s:[]}", "files");
    err = files_add(cli, &arguments, import, json_object_get(answer, "files"));
    if (err == EE_OK)
        err = pack(cli, import, &o.choice, &result);
    if (err == EE_OK)
        err = import_write(cli, &o, &result, answer);
    if (err == EE_OK)
        import_tell(cli, &o, answer);
    json_decref(answer);
    ee_buffer_close(&result.text);
    ee_collateral_import_free(import);
    return err;
}

/* ---- push ---- */

static void push_print(const json_t *answer, const char *path)
{
    size_t index;
    const json_t *node;
    json_int_t failing = json_integer_value(json_object_get(answer, "nodes_failing"));
    if (!json_is_true(json_object_get(answer, "changed"))) {
        (void)printf("%s: %s\n", path, ee_client_json_text(answer, "text"));
        return;
    }
    (void)printf("%s: %s set %lld of FMSPC %s is in use, until %s; sequence number %s\n", path,
                 ee_client_json_text(answer, "kind"),
                 (long long)json_integer_value(json_object_get(answer, "evaluation")),
                 ee_client_json_text(answer, "fmspc"), ee_client_json_text(answer, "expires_at"),
                 ee_client_json_text(answer, "seq"));
    if (failing == 0)
        return;
    (void)printf("%lld of %lld known nodes fail under it:", (long long)failing,
                 (long long)json_integer_value(json_object_get(answer, "nodes_known")));
    json_array_foreach(json_object_get(answer, "nodes"), index, node)(void)
        printf(" %s", json_string_value(node));
    (void)printf("\n");
}

enum ee_err ee_cmd_collateral_push(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct ee_file_data file;
    bool early = false;
    json_t *answer = NULL;
    const struct ee_option options[] = {{"early", 0, EE_OPTION_FLAG, &early, 0}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 1, 1, false, &arguments));
    EE_TRY(ee_cli_document(cli, arguments.items[0], PUSH_MAX, &file));
    enum ee_err err = ee_cli_profile(cli);
    /* A network whose own has run out is verified by what is brought. */
    if (err == EE_OK && !early)
        (void)snprintf(cli->profile->collateral, sizeof(cli->profile->collateral), "%s",
                       arguments.items[0]);
    if (err == EE_OK)
        err = ee_cli_connect(cli);
    if (err == EE_OK) {
        json_t *body = json_pack("{s:s, s:s%}", "kind", early ? "early" : "standard", "collateral",
                                 (const char *)file.data, file.size);
        err = body ? ee_client_send(cli->session, "POST", "/v1/collateral", body, &answer)
                   : ee_client_fail(&cli->problem, EE_SYNTAX, "%s is not UTF-8 text",
                                    arguments.items[0]);
        json_decref(body);
    }
    ee_file_data_free(&file);
    EE_TRY(err);
    if (cli->json) {
        ee_cli_json(answer);
        return EE_OK;
    }
    push_print(answer, arguments.items[0]);
    json_decref(answer);
    return EE_OK;
}
