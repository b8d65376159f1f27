/* SPDX-License-Identifier: Apache-2.0 */
/* ee webhook-secret, ee payments: the secret of the payment provider's webhooks, payments that need
 * a person, and the comparison of the provider's list with what was minted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

#include "client/json.h"
#include "client/state.h"
#include "core/command.h"
#include "io/crypto_openssl.h"
#include "io/file.h"
#include "io/random.h"
#include "seal/control_secret.h"

#include "base/banned.h"

enum { SECRET_MAX = 512, LINE_MAX_SIZE = 64 * 1024, COLUMNS_MAX = 64 };
static const char secret_path[] = "/v1/webhooks/stripe/secret";

/* ---- webhook-secret ---- */

static enum ee_err secret_read(struct ee_cli *cli, const char *path, uint8_t out[SECRET_MAX],
                               size_t *size_out)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *in = standard ? stdin : fopen(path, "rb");
    if (in == NULL)
        return ee_client_fail(&cli->problem, EE_NOT_FOUND, "%s cannot be read", path);
    size_t size = fread(out, 1, SECRET_MAX, in);
    bool failed = ferror(in) != 0 || size == SECRET_MAX || size == 0;
    if (!standard)
        (void)fclose(in);
    *size_out = size;
    return failed ? ee_client_fail(&cli->problem, EE_USAGE,
                                   "the secret is one line or two, as the provider shows it")
                  : EE_OK;
}

static enum ee_err secret_sign(struct ee_cli *cli, const struct ee_control_secret_context *context,
                               struct ee_bytes sealed, uint8_t out[EE_ED25519_SIGNATURE_SIZE])
{
    uint8_t memory[EE_CONTROL_SECRET_ORDER_MAX], seed[32];
    struct ee_writer w;
    if (!cli->profile->issuer_key_file[0])
        return ee_client_fail(&cli->problem, EE_FORBIDDEN,
                              "this profile has no issuer key: \"issuer_key_file\"");
    ee_writer_init(&w, memory, sizeof(memory));
    EE_TRY(ee_control_secret_order(&ee_crypto_openssl, context->network_id, context->name, sealed,
                                   &w));
    EE_TRY(ee_client_seed_read(&cli->problem, cli->profile->issuer_key_file, "issuer key", seed));
    bool ok = ee_crypto_openssl.ed25519_sign(seed, ee_writer_done(&w), out);
    ee_wipe(seed, sizeof(seed));
    return ok ? EE_OK : ee_client_fail(&cli->problem, EE_CRYPTO, "%s", "");
}

/* Nobody but the control plane whose evidence was just verified can open it. */
static enum ee_err secret_seal(struct ee_cli *cli, struct ee_bytes secret, json_t **out)
{
    struct ee_control_secret_context context = {.name = "stripe-webhook"};
    const struct ee_claims *claims = &ee_client_session_attested(cli->session)->verdict.claims;
    uint8_t ephemeral[32], sealed[SECRET_MAX + EE_CONTROL_SECRET_OVERHEAD];
    char base64[EE_BASE64_SIZE(SECRET_MAX + EE_CONTROL_SECRET_OVERHEAD)];
    if (ee_bytes_all_zero(claims->sealing_key, sizeof(claims->sealing_key)))
        return ee_client_fail(&cli->problem, EE_UNSUPPORTED,
                              "this control plane has no key to seal secrets to");
    memcpy(context.network_id, ee_client_session_trust(cli->session)->network_id, 32);
    memcpy(context.recipient, claims->sealing_key, sizeof(context.recipient));
    ee_random_bytes(ephemeral, sizeof(ephemeral));
    enum ee_err err =
        ee_control_secret_seal(&ee_crypto_openssl, &context, ephemeral, secret, sealed);
    ee_wipe(ephemeral, sizeof(ephemeral));
    if (err != EE_OK)
        return ee_client_fail(&cli->problem, err, "%s", "");
    struct ee_bytes bytes = ee_bytes_of(sealed, secret.size + EE_CONTROL_SECRET_OVERHEAD);
    uint8_t signature[EE_ED25519_SIGNATURE_SIZE];
    EE_TRY(secret_sign(cli, &context, bytes, signature));
    (void)ee_base64_encode(bytes.data, bytes.size, base64);
    *out = json_pack("{s:s, s:o}", "sealed", base64, "signature",
                     ee_client_json_hex_new(signature, sizeof(signature)));
    return EE_OK;
}

static enum ee_err secret_print(struct ee_cli *cli, json_t *answer)
{
    if (cli->json) {
        ee_cli_json(answer);
        return EE_OK;
    }
    int count = (int)json_integer_value(json_object_get(answer, "secrets"));
    (void)printf("%s\n", count == 0   ? "webhooks are refused: no secret is set"
                         : count == 1 ? "webhooks are taken by one secret"
                                      : "webhooks are taken by two secrets");
    json_decref(answer);
    return EE_OK;
}

enum ee_err ee_cmd_webhook_secret_set(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    uint8_t secret[SECRET_MAX];
    size_t size = 0;
    json_t *body = NULL, *answer = NULL;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 0, 1, false, &arguments));
    EE_TRY(secret_read(cli, arguments.count ? arguments.items[0] : "-", secret, &size));
    enum ee_err err = ee_cli_connect(cli);
    if (err == EE_OK)
        err = secret_seal(cli, ee_bytes_of(secret, size), &body);
    ee_wipe(secret, sizeof(secret));
    if (err == EE_OK)
        err = ee_client_send(cli->session, "PUT", secret_path, body, &answer);
    json_decref(body);
    EE_TRY(err);
    return secret_print(cli, answer);
}

enum ee_err ee_cmd_webhook_secret_show(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    json_t *answer = NULL;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 0, 0, false, &arguments));
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(ee_client_get(cli->session, secret_path, &answer));
    return secret_print(cli, answer);
}

enum ee_err ee_cmd_webhook_secret_clear(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    json_t *answer = NULL;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 0, 0, false, &arguments));
    EE_TRY(ee_cli_connect(cli));
    json_t *body = json_object();
    enum ee_err err = ee_client_send(cli->session, "DELETE", secret_path, body, &answer);
    json_decref(body);
    EE_TRY(err);
    return secret_print(cli, answer);
}

/* ---- payments ---- */

enum ee_err ee_cmd_admin_payments(struct ee_cli *cli, int argc, char **argv)
{
    static const struct ee_column columns[] = {{"payment", "payment", EE_COLUMN_TEXT},
                                               {"state", "state", EE_COLUMN_TEXT},
                                               {"account", "account", EE_COLUMN_TEXT},
                                               {"minted", "minted", EE_COLUMN_MONEY},
                                               {"charged back", "charged_back", EE_COLUMN_MONEY},
                                               {"said", "said_amount", EE_COLUMN_MONEY}};
    struct ee_arguments arguments;
    const char *state = "trouble";
    char path[64];
    json_t *items = NULL;
    const struct ee_option options[] = {{"state", 0, EE_OPTION_TEXT, &state, 0}};
    EE_TRY(ee_cli_parse(cli, options, 1, argc, argv, 0, 0, false, &arguments));
    if (strcmp(state, "trouble") != 0 && strcmp(state, "parked") != 0 &&
        strcmp(state, "minted") != 0)
        return ee_client_fail(&cli->problem, EE_USAGE, "--state is trouble, parked or minted");
    EE_TRY(ee_cli_connect(cli));
    (void)snprintf(path, sizeof(path), "/v1/payments?state=%s", state);
    EE_TRY(ee_client_list(cli->session, path, &items));
    if (cli->json) {
        ee_cli_json_items(items);
        return EE_OK;
    }
    ee_cli_table(items, columns, EE_CLI_COUNT(columns), "none");
    json_decref(items);
    return EE_OK;
}

/* ---- reconcile ---- */

/* The provider's list: payment object -> {"amount","refunded"} in cents, of what succeeded. */
struct provider {
    json_t *payments;
    char *columns[COLUMNS_MAX]; /* of CSV; point into `head` */
    size_t column_count;
    char head[4096];
};

static enum ee_err provider_add(struct ee_cli *cli, struct provider *p, const json_t *row,
                                unsigned long line)
{
    const char *id = json_string_value(json_object_get(row, "id"));
    const char *status = json_string_value(json_object_get(row, "status"));
    const char *currency = json_string_value(json_object_get(row, "currency"));
    const json_t *amount = json_object_get(row, "amount_received");
    const json_t *refunded = json_object_get(row, "amount_refunded");
    if (amount == NULL)
        amount = json_object_get(row, "amount");
    if (id == NULL || id[0] == '\0' || !json_is_integer(amount))
        return ee_client_fail(&cli->problem, EE_SYNTAX,
                              "line %lu: a payment has an id and an amount in cents", line);
    if (status != NULL && strcmp(status, "succeeded") != 0)
        return EE_OK;
    if (currency != NULL && strcmp(currency, "usd") != 0)
        return EE_OK; /* never minted; if it was, it shows as not at the provider */
    if (json_object_get(p->payments, id) != NULL)
        return ee_client_fail(&cli->problem, EE_DUPLICATE_FIELD, "line %lu: %s is there twice",
                              line, id);
    (void)json_object_set_new(p->payments, id,
                              json_pack("{s:I, s:I}", "amount", json_integer_value(amount),
                                        "refunded", json_integer_value(refunded)));
    return EE_OK;
}

/* The next cell of a CSV row, in place; quotes as in RFC 4180. NULL: there is none. */
static char *cell_next(char **rest)
{
    char *from = *rest, *to = *rest, *start = *rest;
    if (from == NULL)
        return NULL;
    bool quoted = *from == '"';
    from += quoted;
    while (*from != '\0' && (quoted || *from != ',')) {
        if (quoted && *from == '"') {
            quoted = from[1] == '"';
            from++;
            if (!quoted)
                continue;
        }
        *to++ = *from++;
    }
    *rest = *from == ',' ? from + 1 : NULL;
    *to = '\0';
    return start;
}

static void csv_head(struct provider *p, const char *line)
{
    (void)snprintf(p->head, sizeof(p->head), "%s", line);
    char *rest = p->head, *cell;
    while (p->column_count < COLUMNS_MAX && (cell = cell_next(&rest)) != NULL)
        p->columns[p->column_count++] = cell;
}

static json_t *csv_row(const struct provider *p, char *line)
{
    json_t *row = json_object();
    char *rest = line, *cell;
    for (size_t i = 0; i < p->column_count && (cell = cell_next(&rest)) != NULL; i++) {
        uint64_t number;
        bool amount = strncmp(p->columns[i], "amount", 6) == 0;
        if (amount && ee_u64_parse(cell, &number) == EE_OK && number <= INT64_MAX)
            (void)json_object_set_new(row, p->columns[i], json_integer((json_int_t)number));
        else
            (void)json_object_set_new(row, p->columns[i], json_string(cell));
    }
    return row;
}

static enum ee_err provider_line(struct ee_cli *cli, struct provider *p, char *line,
                                 unsigned long number)
{
    size_t size = strlen(line);
    while (size > 0 && (line[size - 1] == '\n' || line[size - 1] == '\r'))
        line[--size] = '\0';
    if (size == 0)
        return EE_OK;
    if (p->column_count == 0 && line[0] != '{') {
        csv_head(p, line);
        return EE_OK;
    }
    json_t *row =
        p->column_count > 0 ? csv_row(p, line) : json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    enum ee_err err = json_is_object(row) ? provider_add(cli, p, row, number)
                                          : ee_client_fail(&cli->problem, EE_SYNTAX,
                                                           "line %lu is no JSON object", number);
    json_decref(row);
    return err;
}

static enum ee_err provider_read(struct ee_cli *cli, const char *path, struct provider *p)
{
    static char line[LINE_MAX_SIZE];
    bool standard = strcmp(path, "-") == 0;
    FILE *in = standard ? stdin : fopen(path, "r");
    unsigned long number = 0;
    enum ee_err err = EE_OK;
    if (in == NULL)
        return ee_client_fail(&cli->problem, EE_NOT_FOUND, "%s cannot be read", path);
    while (err == EE_OK && fgets(line, sizeof(line), in) != NULL)
        err = provider_line(cli, p, line, ++number);
    if (err == EE_OK && ferror(in))
        err = ee_client_fail(&cli->problem, EE_IO, "%s cannot be read", path);
    if (!standard)
        (void)fclose(in);
    return err;
}

static void differ(json_t *out, const char *payment, const char *what, int64_t theirs, int64_t ours)
{
    char at_provider[EE_MONEY_TEXT_SIZE], here[EE_MONEY_TEXT_SIZE];
    (void)json_array_append_new(
        out, json_pack("{s:s, s:s, s:s, s:s}", "payment", payment, "difference", what, "provider",
                       ee_money_format((struct ee_money){theirs}, at_provider), "ours",
                       ee_money_format((struct ee_money){ours}, here)));
}

static int64_t micros_of(const json_t *object, const char *name)
{
    struct ee_money money = {0};
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL && ee_money_parse(text, &money) == EE_OK ? money.micros : 0;
}

static int64_t cents_of(const json_t *object, const char *name)
{
    return (int64_t)json_integer_value(json_object_get(object, name)) * EE_MICROS_PER_CENT;
}

/* What is in both leaves the provider's list; what is left of it was not minted. */
static json_t *differences(struct provider *p, const json_t *ours)
{
    json_t *out = json_array(), *payment, *left;
    const char *name;
    size_t index;
    json_array_foreach(ours, index, payment)
    {
        const char *id = ee_client_json_text(payment, "payment");
        const json_t *theirs = json_object_get(p->payments, id);
        int64_t minted = micros_of(payment, "minted"), refunded = micros_of(payment, "refunded");
        if (theirs == NULL)
            differ(out, id, "not_at_provider", 0, minted);
        else if (cents_of(theirs, "amount") != minted)
            differ(out, id, "amount", cents_of(theirs, "amount"), minted);
        else if (cents_of(theirs, "refunded") != refunded)
            differ(out, id, "refund", cents_of(theirs, "refunded"), refunded);
        (void)json_object_del(p->payments, id);
    }
    json_object_foreach(p->payments, name, left)
        differ(out, name, "not_minted", cents_of(left, "amount"), 0);
    return out;
}

static enum ee_err reconcile_print(struct ee_cli *cli, json_t *found, size_t ours)
{
    static const struct ee_column columns[] = {{"payment", "payment", EE_COLUMN_TEXT},
                                               {"difference", "difference", EE_COLUMN_TEXT},
                                               {"provider", "provider", EE_COLUMN_MONEY},
                                               {"ours", "ours", EE_COLUMN_MONEY}};
    cli->exit_code = json_array_size(found) > 0 ? 6 : 0;
    if (cli->json) {
        ee_cli_json(json_pack("{s:I, s:o}", "minted", (json_int_t)ours, "differences", found));
        return EE_OK;
    }
    ee_cli_table(found, columns, EE_CLI_COUNT(columns), "no difference");
    json_decref(found);
    return EE_OK;
}

enum ee_err ee_cmd_admin_reconcile(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    static struct provider provider;
    json_t *ours = NULL;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 1, 1, false, &arguments));
    provider.payments = json_object();
    enum ee_err err = provider_read(cli, arguments.items[0], &provider);
    if (err == EE_OK)
        err = ee_cli_connect(cli);
    if (err == EE_OK)
        err = ee_client_list(cli->session, "/v1/payments?state=minted", &ours);
    if (err == EE_OK)
        err = reconcile_print(cli, differences(&provider, ours), json_array_size(ours));
    json_decref(ours);
    json_decref(provider.payments);
    return err;
}
