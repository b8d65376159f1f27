/* SPDX-License-Identifier: Apache-2.0 */
/* ee account create: makes the account's keys here, tells the network their public parts, and
 * writes the profile they belong to. */
#include <stdlib.h>
#include <string.h>

#include "command.h"

#include "client/json.h"
#include "io/crypto_openssl.h"
#include "io/file.h"
#include "io/random.h"

#include "base/banned.h"

enum { DEFAULT_DAYS = 365, DAYS_MAX = 3649 };

struct account {
    const char *name, *folder;
    bool is_operator;
    uint64_t days;
    char profile_path[EE_CLIENT_PATH_SIZE];
    char token_path[EE_CLIENT_PATH_SIZE];
    char key_path[EE_CLIENT_PATH_SIZE];
    uint8_t token_hash[32];
    uint8_t public_key[32]; /* operators; zero otherwise */
};

static enum ee_err path_make(struct ee_cli *cli, const struct account *a, const char *suffix,
                             char out[EE_CLIENT_PATH_SIZE])
{
    int size = snprintf(out, EE_CLIENT_PATH_SIZE, "%s/%s%s", a->folder, a->name, suffix);
    if (size < 0 || size >= EE_CLIENT_PATH_SIZE)
        return ee_client_fail(&cli->problem, EE_TOO_LARGE, "the path of --out is too long");
    if (!ee_file_exists(out))
        return EE_OK;
    (void)ee_client_fail(&cli->problem, EE_STATE, "%s exists already; it is not overwritten", out);
    ee_client_suggest(&cli->problem, "another --out DIR, or move it away");
    return EE_STATE;
}

/* Without --out: beside the admin's profile. */
static enum ee_err folder_choose(struct ee_cli *cli, struct account *a,
                                 char memory[EE_CLIENT_PATH_SIZE])
{
    if (!a->folder) {
        const char *slash = strrchr(cli->profile->path, '/');
        int size = slash ? (int)(slash - cli->profile->path) : 1;
        (void)snprintf(memory, EE_CLIENT_PATH_SIZE, "%.*s", size, slash ? cli->profile->path : ".");
        a->folder = memory;
    }
    enum ee_err err = ee_file_make_folder(a->folder);
    if (err != EE_OK)
        return ee_client_file_fail(&cli->problem, err, "folder", a->folder);
    EE_TRY(path_make(cli, a, ".json", a->profile_path));
    EE_TRY(path_make(cli, a, ".token", a->token_path));
    return path_make(cli, a, ".operator.key", a->key_path);
}

static enum ee_err operator_key_write(struct ee_cli *cli, struct account *a)
{
    uint8_t seed[32];
    char hex[66];
    ee_random_bytes(seed, sizeof(seed));
    bool ok = ee_crypto_openssl.ed25519_public(seed, a->public_key);
    ee_hex_encode(seed, sizeof(seed), hex);
    hex[64] = '\n';
    enum ee_err err = ok ? ee_client_secret_write(&cli->problem, a->key_path, ee_bytes_of(hex, 65))
                         : ee_client_fail(&cli->problem, EE_CRYPTO, "%s", "");
    ee_wipe(seed, sizeof(seed));
    ee_wipe(hex, sizeof(hex));
    return err;
}

static enum ee_err secrets_write(struct ee_cli *cli, struct account *a)
{
    char token[EE_CLI_KEY_TEXT_SIZE];
    ee_cli_key_make(token, a->token_hash);
    enum ee_err err = ee_client_secret_write(&cli->problem, a->token_path, ee_bytes_str(token));
    ee_wipe(token, sizeof(token));
    EE_TRY(err);
    return a->is_operator ? operator_key_write(cli, a) : EE_OK;
}

static void secrets_remove(const struct account *a)
{
    (void)remove(a->token_path);
    (void)remove(a->key_path);
}

static enum ee_err account_send(struct ee_cli *cli, const struct account *a, json_t **out)
{
    const char *scopes = a->is_operator ? "read,spend,nodes,keys" : "read,run,spend,keys";
    json_t *list = NULL;
    EE_TRY(ee_cli_scopes(cli, scopes, &list));
    json_t *body = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "name", a->name, "kind",
                             a->is_operator ? "operator" : "user", "public_key",
                             ee_client_json_hex_new(a->public_key, 32), "key_hash",
                             ee_client_json_hex_new(a->token_hash, 32), "scopes", list, "expires_s",
                             ee_cli_expiry(a->days));
    enum ee_err err = ee_client_send(cli->session, "POST", "/v1/accounts", body, out);
    json_decref(body);
    return err;
}

static void member_add(json_t *profile, const char *name, const char *value)
{
    if (*value)
        (void)json_object_set_new(profile, name, json_string(value));
}

/* The new profile may lie anywhere: paths of the network's files become absolute. */
static void path_add(json_t *profile, const char *name, const char *path)
{
    char *absolute = *path ? realpath(path, NULL) : NULL;
    member_add(profile, name, absolute ? absolute : path);
    free(absolute);
}

static enum ee_err profile_write(struct ee_cli *cli, const struct account *a)
{
    const struct ee_client_profile *mine = cli->profile;
    char token[64], key[64];
    (void)snprintf(token, sizeof(token), "%s.token", a->name);
    (void)snprintf(key, sizeof(key), "%s.operator.key", a->name);
    json_t *profile =
        json_pack("{s:o}", "network",
                  ee_client_json_hex_new(ee_client_session_trust(cli->session)->network_id, 32));
    member_add(profile, "api", mine->api);
    member_add(profile, "gateway", mine->gateway);
    member_add(profile, "domain", mine->domain);
    path_add(profile, "genesis", mine->genesis);
    path_add(profile, "ca_file", mine->ca_file);
    member_add(profile, "account", a->name);
    member_add(profile, "token_file", token);
    if (a->is_operator)
        member_add(profile, "operator_key_file", key);
    char *text = json_dumps(profile, JSON_INDENT(1));
    json_decref(profile);
    if (!text)
        return ee_client_fail(&cli->problem, EE_NO_MEMORY, "%s", "");
    enum ee_err err = ee_client_secret_write(&cli->problem, a->profile_path, ee_bytes_str(text));
    free(text);
    return err;
}

static enum ee_err account_make(struct ee_cli *cli, struct account *a, json_t **out)
{
    char memory[EE_CLIENT_PATH_SIZE];
    EE_TRY(folder_choose(cli, a, memory));
    enum ee_err err = secrets_write(cli, a);
    if (err == EE_OK)
        err = account_send(cli, a, out);
    if (err != EE_OK) {
        /* After a lost answer the account may exist with these keys: keep them. */
        if (ee_err_class(err) != EE_CLASS_TEMPORARY)
            secrets_remove(a);
        return err;
    }
    err = profile_write(cli, a);
    if (err != EE_OK)
        json_decref(*out);
    return err;
}

enum ee_err ee_cmd_account_create(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    const char *kind = "";
    json_t *answer = NULL;
    struct account *a = calloc(1, sizeof(*a));
    if (!a)
        return ee_client_fail(&cli->problem, EE_NO_MEMORY, "%s", "");
    a->days = DEFAULT_DAYS;
    const struct ee_option options[] = {{"kind", 0, EE_OPTION_TEXT, &kind, 0},
                                        {"out", 0, EE_OPTION_TEXT, &a->folder, 0},
                                        {"expires-days", 0, EE_OPTION_NUMBER, &a->days, DAYS_MAX}};
    enum ee_err err =
        ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 1, 1, false, &arguments);
    if (err == EE_OK && strcmp(kind, "user") != 0 && strcmp(kind, "operator") != 0)
        err = ee_client_fail(&cli->problem, EE_USAGE, "--kind is user or operator");
    if (err == EE_OK && !ee_name_valid(arguments.items[0]))
        err = ee_client_fail(&cli->problem, EE_USAGE, "%s", ee_err_text(EE_NAME));
    if (err == EE_OK)
        err = ee_cli_connect(cli);
    if (err == EE_OK) {
        a->name = arguments.items[0];
        a->is_operator = strcmp(kind, "operator") == 0;
        err = account_make(cli, a, &answer);
    }
    if (err == EE_OK) {
        (void)json_object_set_new(answer, "profile", json_string(a->profile_path));
        if (cli->json)
            ee_cli_json(json_incref(answer));
        else
            (void)printf("%s %s, profile %s\n", kind, a->name, a->profile_path);
        json_decref(answer);
    }
    free(a);
    return err;
}
