/* SPDX-License-Identifier: Apache-2.0 */
/* ee keys create, ls, revoke. Keys are made here; only their hashes leave. */
#include <stdlib.h>
#include <string.h>

#include "command.h"

#include "client/json.h"
#include "io/clock.h"
#include "io/crypto_openssl.h"
#include "io/random.h"

#include "base/banned.h"

enum { DEFAULT_DAYS = 90, DAYS_MAX = 3650 };

void ee_cli_key_make(char text_out[EE_CLI_KEY_TEXT_SIZE], uint8_t hash_out[32])
{
    uint8_t bytes[32];
    char base64[EE_BASE64_SIZE(sizeof(bytes))];
    ee_random_bytes(bytes, sizeof(bytes));
    ee_base64_encode(bytes, sizeof(bytes), base64);
    base64[43] = '\0'; /* without the padding */
    for (char *c = base64; *c; c++)
        *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
    (void)snprintf(text_out, EE_CLI_KEY_TEXT_SIZE, "eek_%s", base64);
    const struct ee_bytes text = ee_bytes_str(text_out);
    ee_crypto_openssl.sha256(&text, 1, hash_out);
    ee_wipe(bytes, sizeof(bytes));
    ee_wipe(base64, sizeof(base64));
}

json_t *ee_cli_expiry(uint64_t days)
{
    char text[24];
    uint64_t at_s = ee_clock_wall_us() / 1000000 + days * 86400;
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)at_s);
    return json_string(text);
}

enum ee_err ee_cli_scopes(struct ee_cli *cli, const char *text, json_t **out)
{
    static const char *const names[] = {"read", "run", "spend", "nodes", "keys"};
    json_t *list = json_array();
    for (const char *at = text;; at++) {
        size_t size = strcspn(at, ","), known = 0;
        while (known < EE_CLI_COUNT(names) &&
               (strlen(names[known]) != size || memcmp(names[known], at, size) != 0))
            known++;
        if (known == EE_CLI_COUNT(names)) {
            json_decref(list);
            return ee_client_fail(&cli->problem, EE_USAGE,
                                  "--scopes wants some of read,run,spend,nodes,keys");
        }
        (void)json_array_append_new(list, json_string(names[known]));
        at += size;
        if (*at == '\0')
            break;
    }
    *out = list;
    return EE_OK;
}

struct key_options {
    const char *label, *scopes, *path;
    uint64_t days;
};

/* The key is on disk before the network knows it: one that nobody holds would be of no use. */
static enum ee_err key_send(struct ee_cli *cli, const struct key_options *o, json_t *scopes,
                            json_t **out)
{
    char text[EE_CLI_KEY_TEXT_SIZE];
    uint8_t hash[32];
    ee_cli_key_make(text, hash);
    enum ee_err err = ee_client_secret_write(&cli->problem, o->path, ee_bytes_str(text));
    ee_wipe(text, sizeof(text));
    EE_TRY(err);
    json_t *body =
        json_pack("{s:o, s:s, s:O, s:o}", "key_hash", ee_client_json_hex_new(hash, 32), "label",
                  o->label, "scopes", scopes, "expires_s", ee_cli_expiry(o->days));
    err = ee_client_send(cli->session, "POST", "/v1/keys", body, out);
    json_decref(body);
    if (err != EE_OK && ee_err_class(err) != EE_CLASS_TEMPORARY)
        (void)remove(o->path); /* refused: the file holds a key of nothing */
    return err;
}

enum ee_err ee_cmd_keys_create(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct key_options o = {.scopes = "read", .days = DEFAULT_DAYS};
    json_t *scopes = NULL, *answer = NULL;
    const struct ee_option options[] = {{"label", 0, EE_OPTION_TEXT, &o.label, 0},
                                        {"scopes", 0, EE_OPTION_TEXT, &o.scopes, 0},
                                        {"output", 'o', EE_OPTION_TEXT, &o.path, 0},
                                        {"expires-days", 0, EE_OPTION_NUMBER, &o.days, DAYS_MAX}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 0, 0, false, &arguments));
    if (!o.label || !o.path || strlen(o.label) > EE_NAME_MAX)
        return ee_client_fail(&cli->problem, EE_USAGE,
                              "--label (at most %d characters) and -o FILE are needed",
                              EE_NAME_MAX);
    EE_TRY(ee_cli_scopes(cli, o.scopes, &scopes));
    enum ee_err err = ee_cli_connect(cli);
    if (err == EE_OK)
        err = key_send(cli, &o, scopes, &answer);
    json_decref(scopes);
    EE_TRY(err);
    (void)json_object_set_new(answer, "file", json_string(o.path));
    if (cli->json) {
        ee_cli_json(answer);
        return EE_OK;
    }
    (void)printf("%s  %s\n", ee_client_json_text(answer, "key_hash"), o.path);
    json_decref(answer);
    return EE_OK;
}

/* Scopes as one text, for the table. */
static void scopes_flatten(json_t *items)
{
    size_t index, inner;
    json_t *item, *scope;
    json_array_foreach(items, index, item)
    {
        char text[80] = "";
        size_t used = 0;
        json_array_foreach(json_object_get(item, "scopes"), inner, scope)
        {
            int size = snprintf(text + used, sizeof(text) - used, "%s%s", used ? "," : "",
                                json_string_value(scope) ? json_string_value(scope) : "?");
            if (size < 0 || (size_t)size >= sizeof(text) - used)
                break;
            used += (size_t)size;
        }
        (void)json_object_set_new(item, "scopes_text", json_string(text));
    }
}

enum ee_err ee_cmd_keys_ls(struct ee_cli *cli, int argc, char **argv)
{
    static const struct ee_column columns[] = {{"LABEL", "label", EE_COLUMN_TEXT},
                                               {"SCOPES", "scopes_text", EE_COLUMN_TEXT},
                                               {"EXPIRES (UNIX)", "expires_s", EE_COLUMN_TEXT},
                                               {"REVOKED", "revoked", EE_COLUMN_TEXT},
                                               {"HASH", "key_hash", EE_COLUMN_TEXT}};
    struct ee_arguments arguments;
    json_t *items = NULL;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 0, 0, false, &arguments));
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(ee_client_list(cli->session, "/v1/keys", &items));
    if (cli->json) {
        ee_cli_json_items(items);
        return EE_OK;
    }
    scopes_flatten(items);
    ee_cli_table(items, columns, EE_CLI_COUNT(columns), "no keys");
    json_decref(items);
    return EE_OK;
}

enum ee_err ee_cmd_keys_revoke(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    uint8_t hash[32];
    char path[96], hex[65];
    json_t *answer = NULL;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 1, 1, false, &arguments));
    if (ee_hex_decode(ee_bytes_str(arguments.items[0]), hash, sizeof(hash)) != EE_OK)
        return ee_client_fail(&cli->problem, EE_USAGE, "HASH is 64 hex digits; see ee keys ls");
    EE_TRY(ee_cli_connect(cli));
    (void)snprintf(path, sizeof(path), "/v1/keys/%s", ee_hex_encode(hash, sizeof(hash), hex));
    EE_TRY(ee_client_send(cli->session, "DELETE", path, NULL, &answer));
    if (cli->json) {
        ee_cli_json(answer);
        return EE_OK;
    }
    (void)printf("revoked %s\n", hex);
    json_decref(answer);
    return EE_OK;
}
