/* SPDX-License-Identifier: Apache-2.0 */
/* ee webhook create, list, test, delete, rotate, enable, verify; ee alert. */
#include <stdlib.h>
#include <string.h>

#include "command.h"

#include "base/text.h"
#include "client/json.h"
#include "core/webhook_sign.h"
#include "io/clock.h"
#include "io/crypto_openssl.h"
#include "io/file.h"

#include "base/banned.h"

enum { SECRET_FILE_MAX = 256, BODY_MAX = 1024 * 1024, PATH_SIZE = 96, TOLERANCE_S = 300 };

/* ---- secrets in files ---- */

static enum ee_err secret_read(struct ee_cli *cli, const char *path,
                               char out[EE_WEBHOOK_SECRET_TEXT_SIZE])
{
    struct ee_file_data file;
    struct ee_webhook_secret secret;
    enum ee_err err = ee_file_read(path, SECRET_FILE_MAX, &file);
    if (err != EE_OK)
        return ee_client_fail(&cli->problem, err, "%s: %s", path, ee_err_text(err));
    size_t size = strcspn((const char *)file.data, "\r\n");
    if (size < EE_WEBHOOK_SECRET_TEXT_SIZE) {
        memcpy(out, file.data, size);
        out[size] = '\0';
        err = ee_webhook_secret_parse(out, &secret);
    } else {
        err = EE_RANGE;
    }
    ee_file_data_free(&file);
    return err == EE_OK
               ? EE_OK
               : ee_client_fail(&cli->problem, err,
                                "%s holds no secret: whsec_ and base64 of 24 to 64 bytes", path);
}

/* ---- asking ---- */

static enum ee_err send(struct ee_cli *cli, const char *method, const char *id, const char *verb,
                        json_t *body, json_t **out)
{
    char path[PATH_SIZE];
    uint64_t number;
    if (id && ee_u64_parse(id, &number) != EE_OK) {
        json_decref(body);
        return ee_client_fail(&cli->problem, EE_USAGE, "'%s' is no webhook's id: ee webhook list",
                              id);
    }
    (void)snprintf(path, sizeof(path), "/v1/webhooks%s%s%s%s", id ? "/" : "", id ? id : "",
                   verb ? "/" : "", verb ? verb : "");
    enum ee_err err = ee_cli_connect(cli);
    if (err == EE_OK)
        err = ee_client_send(cli->session, method, path, body, out);
    json_decref(body);
    return err;
}

/* The secret is shown once. */
static enum ee_err show_made(struct ee_cli *cli, json_t *answer)
{
    const char *secret = ee_client_json_text(answer, "secret");
    if (cli->json) {
        ee_cli_json(answer);
        return EE_OK;
    }
    (void)printf("webhook %s\n", ee_client_json_text(answer, "id"));
    if (*secret)
        (void)printf("secret  %s\n", secret);
    if (*secret)
        ee_cli_hint(cli, "the secret is shown this once; next: ee webhook test %s",
                    ee_client_json_text(answer, "id"));
    json_decref(answer);
    return EE_OK;
}

static json_t *names_json(const char *text)
{
    json_t *names = json_array();
    while (*text) {
        size_t size = strcspn(text, ",");
        (void)json_array_append_new(names, json_stringn(text, size));
        text += size + (text[size] == ',');
    }
    return names;
}

enum ee_err ee_cmd_webhook_create(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    const char *events = NULL, *label = "", *path = NULL;
    char secret[EE_WEBHOOK_SECRET_TEXT_SIZE];
    json_t *answer = NULL;
    const struct ee_option options[] = {{"events", 0, EE_OPTION_TEXT, &events, 0},
                                        {"label", 0, EE_OPTION_TEXT, &label, 0},
                                        {"secret-file", 0, EE_OPTION_TEXT, &path, 0}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 1, 1, false, &arguments));
    if (path)
        EE_TRY(secret_read(cli, path, secret));
    json_t *body = json_pack("{s:s, s:s}", "url", arguments.items[0], "label", label);
    if (!body)
        return ee_client_fail(&cli->problem, EE_USAGE, "the address is not UTF-8");
    if (events)
        (void)json_object_set_new(body, "events", names_json(events));
    if (path)
        (void)json_object_set_new(body, "secret", json_string(secret));
    EE_TRY(send(cli, "POST", NULL, NULL, body, &answer));
    return show_made(cli, answer);
}

enum ee_err ee_cmd_webhook_rotate(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    const char *path = NULL;
    char secret[EE_WEBHOOK_SECRET_TEXT_SIZE];
    json_t *answer = NULL;
    const struct ee_option options[] = {{"secret-file", 0, EE_OPTION_TEXT, &path, 0}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 1, 1, false, &arguments));
    if (path)
        EE_TRY(secret_read(cli, path, secret));
    json_t *body = json_object();
    if (path)
        (void)json_object_set_new(body, "secret", json_string(secret));
    EE_TRY(send(cli, "POST", arguments.items[0], "rotate", body, &answer));
    ee_cli_hint(cli, "the secret before signs as well for 24 hours");
    return show_made(cli, answer);
}

enum ee_err ee_cmd_webhook_list(struct ee_cli *cli, int argc, char **argv)
{
    static const struct ee_column columns[] = {{"ID", "id", EE_COLUMN_NUMBER},
                                               {"URL", "url", EE_COLUMN_TEXT},
                                               {"LABEL", "label", EE_COLUMN_TEXT},
                                               {"STATE", "state", EE_COLUMN_TEXT},
                                               {"DELIVERED", "delivered", EE_COLUMN_NUMBER},
                                               {"FAILED", "failed_attempts", EE_COLUMN_NUMBER},
                                               {"LAST ERROR", "last_error", EE_COLUMN_TEXT},
                                               {"REASON", "reason", EE_COLUMN_TEXT}};
    struct ee_arguments arguments;
    json_t *items = NULL;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 0, 0, false, &arguments));
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(ee_client_list(cli->session, "/v1/webhooks", &items));
    if (cli->json) {
        ee_cli_json_items(items);
        return EE_OK;
    }
    ee_cli_table(items, columns, EE_CLI_COUNT(columns), "no webhooks yet: ee webhook create URL");
    json_decref(items);
    return EE_OK;
}

static enum ee_err one_verb(struct ee_cli *cli, int argc, char **argv, const char *method,
                            const char *verb, json_t **out)
{
    struct ee_arguments arguments;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 1, 1, false, &arguments));
    return send(cli, method, arguments.items[0], verb, json_object(), out);
}

enum ee_err ee_cmd_webhook_delete(struct ee_cli *cli, int argc, char **argv)
{
    json_t *answer = NULL;
    EE_TRY(one_verb(cli, argc, argv, "DELETE", NULL, &answer));
    if (cli->json) {
        ee_cli_json(answer);
        return EE_OK;
    }
    (void)printf("webhook %s deleted\n", ee_client_json_text(answer, "id"));
    json_decref(answer);
    return EE_OK;
}

enum ee_err ee_cmd_webhook_enable(struct ee_cli *cli, int argc, char **argv)
{
    json_t *answer = NULL;
    EE_TRY(one_verb(cli, argc, argv, "POST", "enable", &answer));
    if (cli->json) {
        ee_cli_json(answer);
        return EE_OK;
    }
    (void)printf("webhook %s goes on where it stopped\n", ee_client_json_text(answer, "id"));
    json_decref(answer);
    return EE_OK;
}

enum ee_err ee_cmd_webhook_test(struct ee_cli *cli, int argc, char **argv)
{
    json_t *answer = NULL;
    EE_TRY(one_verb(cli, argc, argv, "POST", "test", &answer));
    bool delivered = json_is_true(json_object_get(answer, "delivered"));
    json_int_t status = json_integer_value(json_object_get(answer, "status"));
    cli->exit_code = delivered ? 0 : 1;
    if (cli->json)
        ee_cli_json(json_incref(answer));
    else if (delivered)
        (void)printf("delivered: the receiver answered %lld\n", (long long)status);
    else if (status != 0)
        (void)printf("not delivered: the receiver answered %lld\n", (long long)status);
    else
        (void)printf("not delivered: %s\n", ee_client_json_text(answer, "detail"));
    json_decref(answer);
    return EE_OK;
}

/* ---- verify, for receivers ---- */

/* Whether one of the signatures in the header, separated by spaces, is ours. */
static bool one_matches(const char *signatures, const char *expected)
{
    size_t size = strlen(expected);
    while (*signatures) {
        size_t length = strcspn(signatures, " ");
        if (length == size && ee_bytes_equal_secret(signatures, expected, size))
            return true;
        signatures += length + strspn(signatures + length, " ");
    }
    return false;
}

static enum ee_err verify(struct ee_cli *cli, const char *secret_path, const char *id,
                          const char *timestamp, const char *signatures, struct ee_bytes body)
{
    static const struct ee_webhook_secret none;
    struct ee_webhook_secret secret;
    char text[EE_WEBHOOK_SECRET_TEXT_SIZE], expected[EE_WEBHOOK_SIGNATURES_SIZE];
    uint64_t at_s, now_s = ee_clock_wall_us() / 1000000;
    EE_TRY(secret_read(cli, secret_path, text));
    EE_TRY(ee_webhook_secret_parse(text, &secret));
    if (ee_u64_parse(timestamp, &at_s) != EE_OK || strlen(id) > 64)
        return ee_client_fail(&cli->problem, EE_USAGE,
                              "--timestamp is in seconds, --id has at most 64 characters");
    if ((at_s > now_s ? at_s - now_s : now_s - at_s) > TOLERANCE_S)
        return ee_client_fail(&cli->problem, EE_SIGNATURE,
                              "the timestamp is more than five minutes from now");
    (void)ee_webhook_sign(&ee_crypto_openssl, &secret, &none, id, (int64_t)at_s, body, expected);
    return one_matches(signatures, expected)
               ? EE_OK
               : ee_client_fail(&cli->problem, EE_SIGNATURE, "no signature is of this secret");
}

enum ee_err ee_cmd_webhook_verify(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    const char *secret = NULL, *id = NULL, *timestamp = NULL, *signatures = NULL;
    struct ee_file_data body;
    const struct ee_option options[] = {{"secret-file", 0, EE_OPTION_TEXT, &secret, 0},
                                        {"id", 0, EE_OPTION_TEXT, &id, 0},
                                        {"timestamp", 0, EE_OPTION_TEXT, &timestamp, 0},
                                        {"signature", 0, EE_OPTION_TEXT, &signatures, 0}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 1, 1, false, &arguments));
    if (!secret || !id || !timestamp || !signatures)
        return ee_client_fail(&cli->problem, EE_USAGE,
                              "--secret-file, --id, --timestamp and --signature are needed");
    enum ee_err err = ee_file_read(arguments.items[0], BODY_MAX, &body);
    if (err != EE_OK)
        return ee_client_fail(&cli->problem, err, "%s: %s", arguments.items[0], ee_err_text(err));
    err = verify(cli, secret, id, timestamp, signatures, ee_file_bytes(&body));
    ee_file_data_free(&body);
    EE_TRY(err);
    if (cli->json)
        ee_cli_json(json_pack("{s:b}", "valid", true));
    else
        (void)printf("valid\n");
    return EE_OK;
}

/* ---- the low-balance alert ---- */

static enum ee_err alert_show(struct ee_cli *cli, json_t *value)
{
    static const struct ee_column columns[] = {{"alert below", "below", EE_COLUMN_MONEY},
                                               {"available", "available", EE_COLUMN_MONEY},
                                               {"below now", "below_now", EE_COLUMN_TEXT}};
    uint64_t seconds;
    char text[EE_CLI_CELL_SIZE];
    if (cli->json) {
        ee_cli_json(value);
        return EE_OK;
    }
    ee_cli_fields(value, columns, EE_CLI_COUNT(columns));
    if (ee_client_json_u64(value, "runway_below_s", &seconds) == EE_OK)
        (void)printf("or when what runs lasts less than %s\n", ee_cli_duration(seconds, text));
    json_decref(value);
    return EE_OK;
}

enum ee_err ee_cmd_alert(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    json_t *value = NULL;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 0, 0, false, &arguments));
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(ee_client_get(cli->session, "/v1/alert", &value));
    return alert_show(cli, value);
}

enum ee_err ee_cmd_alert_set(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct ee_money below = {0};
    uint64_t hours = 0;
    char amount[EE_MONEY_TEXT_SIZE], seconds[24];
    json_t *value = NULL;
    const struct ee_option options[] = {{"below", 0, EE_OPTION_MONEY, &below, 0},
                                        {"runway-hours", 0, EE_OPTION_NUMBER, &hours, 1000000}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 0, 0, false, &arguments));
    json_t *body = json_object();
    (void)snprintf(seconds, sizeof(seconds), "%llu", (unsigned long long)hours * 3600);
    if (below.micros > 0)
        (void)json_object_set_new(body, "below", json_string(ee_money_format(below, amount)));
    if (hours > 0)
        (void)json_object_set_new(body, "runway_below_s", json_string(seconds));
    enum ee_err err = ee_cli_connect(cli);
    if (err == EE_OK)
        err = ee_client_send(cli->session, "POST", "/v1/alert", body, &value);
    json_decref(body);
    EE_TRY(err);
    return alert_show(cli, value);
}
