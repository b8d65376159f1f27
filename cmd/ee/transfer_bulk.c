/* SPDX-License-Identifier: Apache-2.0 */
/* ee transfer --bulk: transfers from a file, some thousands in a request. Their ids follow from the
 * file and the line, so that the same file moves its credits once, however often it is sent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

#include "base/text.h"
#include "client/json.h"
#include "core/transfers.h"
#include "io/crypto_openssl.h"

#include "base/banned.h"

enum { FILE_MAX = 256 * 1024 * 1024, LINE_MAX_SIZE = 1024, IN_REQUEST = 2000 };

struct bulk {
    struct ee_cli *cli;
    const char *path;
    bool atomic;
    char *text; /* the whole file */
    size_t size;
    uint8_t file_hash[EE_SHA256_SIZE];
    json_t *rows; /* of the next request */
    size_t line;  /* from 1 */
    size_t made, repeated, refused, requests;
    json_t *exceptions, *seqs;
};

/* ---- the file ---- */

static enum ee_err file_read(struct bulk *b)
{
    FILE *file = strcmp(b->path, "-") == 0 ? stdin : fopen(b->path, "re");
    size_t capacity = 1 << 16, got;
    if (!file)
        return ee_client_fail(&b->cli->problem, EE_IO, "%s cannot be read", b->path);
    b->text = malloc(capacity + 1);
    while (b->text && (got = fread(b->text + b->size, 1, capacity - b->size, file)) > 0) {
        b->size += got;
        if (b->size < capacity)
            continue;
        capacity *= 2;
        char *grown = capacity <= FILE_MAX ? realloc(b->text, capacity + 1) : NULL;
        if (!grown)
            free(b->text);
        b->text = grown;
    }
    bool failed = ferror(file) != 0;
    if (file != stdin)
        (void)fclose(file);
    if (!b->text)
        return ee_client_fail(&b->cli->problem, EE_TOO_LARGE, "%s is larger than 256 MiB", b->path);
    if (failed || memchr(b->text, '\0', b->size))
        return ee_client_fail(&b->cli->problem, EE_IO, "%s is not a readable text", b->path);
    b->text[b->size] = '\0';
    const struct ee_bytes all = ee_bytes_of(b->text, b->size);
    ee_crypto_openssl.sha256(&all, 1, b->file_hash);
    return EE_OK;
}

/* First half of SHA-256 over label, hash of the file and number of the line. */
static void id_of(const struct bulk *b, char out[2 * EE_ID_SIZE + 1])
{
    uint8_t buffer[80], hash[EE_SHA256_SIZE];
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    ee_writer_label(&w, "ee-transfers-file", 1);
    ee_writer_bytes(&w, b->file_hash, sizeof(b->file_hash));
    ee_writer_u64(&w, b->line);
    const struct ee_bytes bytes = ee_writer_done(&w);
    ee_crypto_openssl.sha256(&bytes, 1, hash);
    ee_hex_encode(hash, EE_ID_SIZE, out);
}

static enum ee_err line_wrong(const struct bulk *b, const char *what)
{
    return ee_client_fail(&b->cli->problem, EE_USAGE, "%s line %zu: %s; nothing of it was sent",
                          b->path, b->line, what);
}

/* "to,amount[,memo]"; an amount with thousands separators, or a memo with a comma, needs NDJSON. */
static json_t *csv_row(char *line)
{
    char *amount = strchr(line, ','), *memo = amount ? strchr(amount + 1, ',') : NULL;
    if (!amount)
        return NULL;
    *amount++ = '\0';
    if (memo)
        *memo++ = '\0';
    return memo ? json_pack("{s:s, s:s, s:s}", "to", line, "amount", amount, "memo", memo)
                : json_pack("{s:s, s:s}", "to", line, "amount", amount);
}

static enum ee_err row_check(const struct bulk *b, const json_t *row)
{
    const char *to = json_string_value(json_object_get(row, "to"));
    const char *amount = json_string_value(json_object_get(row, "amount"));
    const char *memo = json_string_value(json_object_get(row, "memo"));
    struct ee_money money;
    if (!to || !ee_name_valid(to))
        return line_wrong(b, "no account name");
    if (!amount || ee_money_parse(amount, &money) != EE_OK || money.micros <= 0)
        return line_wrong(b, "no amount: more than 0, at most 6 decimals");
    return memo && strlen(memo) > EE_MEMO_MAX ? line_wrong(b, "the memo is too long") : EE_OK;
}

/* One row from a line, or none from an empty one and the title of a CSV. */
static enum ee_err line_read(struct bulk *b, char *line, json_t **out)
{
    char id[2 * EE_ID_SIZE + 1];
    size_t size = strlen(line);
    *out = NULL;
    if (size > 0 && line[size - 1] == '\r')
        line[size - 1] = '\0';
    if (line[0] == '\0' || (b->line == 1 && strncmp(line, "to,amount", 9) == 0))
        return EE_OK;
    if (size > LINE_MAX_SIZE)
        return line_wrong(b, "too long");
    json_t *row = line[0] == '{' ? json_loads(line, JSON_REJECT_DUPLICATES, NULL) : csv_row(line);
    if (!row)
        return line_wrong(b, "neither to,amount[,memo] nor a JSON object");
    enum ee_err err = row_check(b, row);
    if (err != EE_OK) {
        json_decref(row);
        return err;
    }
    id_of(b, id);
    if (!json_object_get(row, "id"))
        (void)json_object_set_new(row, "id", json_string(id));
    *out = row;
    return EE_OK;
}

/* ---- sending ---- */

/* Lines instead of places within the request. */
static void exceptions_keep(struct bulk *b, const json_t *list, const size_t *lines)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        json_int_t index = json_integer_value(json_object_get(item, "index"));
        const char *result = json_string_value(json_object_get(item, "result"));
        if (index < 0 || index >= EE_TRANSFERS_MAX || !result)
            continue;
        (void)json_array_append_new(
            b->exceptions,
            json_pack("{s:I, s:s}", "line", (json_int_t)lines[index], "result", result));
    }
}

static enum ee_err send_rows(struct bulk *b, const size_t *lines)
{
    json_t *answer = NULL;
    if (json_array_size(b->rows) == 0)
        return EE_OK;
    json_t *body = json_pack("{s:O, s:b}", "transfers", b->rows, "atomic", (int)b->atomic);
    enum ee_err err = ee_client_send(b->cli->session, "POST", "/v1/transfers/bulk", body, &answer);
    json_decref(body);
    if (err != EE_OK)
        return err;
    b->made += (size_t)json_integer_value(json_object_get(answer, "made"));
    b->repeated += (size_t)json_integer_value(json_object_get(answer, "repeated"));
    b->refused += (size_t)json_integer_value(json_object_get(answer, "refused"));
    b->requests++;
    exceptions_keep(b, json_object_get(answer, "exceptions"), lines);
    (void)json_array_append(b->seqs, json_object_get(answer, "seq"));
    json_decref(answer);
    (void)json_array_clear(b->rows);
    if (b->requests % 10 == 0)
        ee_cli_hint(b->cli, "line %zu: %zu made, %zu made before, %zu refused", b->line, b->made,
                    b->repeated, b->refused);
    return EE_OK;
}

/* Every line; `send` false only looks at them, so that a bad one is found before the first is
 * sent. */
static enum ee_err file_walk(struct bulk *b, bool send)
{
    size_t lines[EE_TRANSFERS_MAX], limit = b->atomic ? EE_TRANSFERS_MAX : IN_REQUEST, rows = 0;
    b->line = 0;
    for (const char *at = b->text; *at;) {
        char line[LINE_MAX_SIZE + 2];
        size_t size = strcspn(at, "\n"), kept = size < sizeof(line) ? size : sizeof(line) - 1;
        json_t *row = NULL;
        memcpy(line, at, kept);
        line[kept] = '\0';
        at += size + (at[size] == '\n');
        b->line++;
        EE_TRY(line_read(b, line, &row));
        if (!row)
            continue;
        rows++;
        if (!send) {
            json_decref(row);
            continue;
        }
        lines[json_array_size(b->rows)] = b->line;
        (void)json_array_append_new(b->rows, row);
        if (json_array_size(b->rows) == limit)
            EE_TRY(send_rows(b, lines));
    }
    if (send)
        return send_rows(b, lines);
    if (rows == 0)
        return ee_client_fail(&b->cli->problem, EE_USAGE, "%s has no transfers", b->path);
    if (b->atomic && rows > EE_TRANSFERS_MAX)
        return ee_client_fail(&b->cli->problem, EE_USAGE,
                              "--atomic takes at most %d transfers, %s has %zu", EE_TRANSFERS_MAX,
                              b->path, rows);
    return EE_OK;
}

static void bulk_show(struct bulk *b)
{
    b->cli->exit_code = b->refused > 0 ? 5 : 0;
    if (b->cli->json) {
        ee_cli_json(json_pack("{s:I, s:I, s:I, s:O, s:O}", "made", (json_int_t)b->made, "repeated",
                              (json_int_t)b->repeated, "refused", (json_int_t)b->refused,
                              "exceptions", b->exceptions, "seqs", b->seqs));
        return;
    }
    for (size_t i = 0; i < json_array_size(b->exceptions); i++) {
        const json_t *item = json_array_get(b->exceptions, i);
        const char *result = json_string_value(json_object_get(item, "result"));
        if (strcmp(result, "transfer_repeated") != 0)
            (void)printf("line %lld: %s\n",
                         (long long)json_integer_value(json_object_get(item, "line")), result);
    }
    (void)printf("%zu made, %zu made before, %zu refused\n", b->made, b->repeated, b->refused);
}

enum ee_err ee_cli_transfer_bulk(struct ee_cli *cli, const char *path, bool atomic)
{
    struct bulk b = {.cli = cli, .path = path, .atomic = atomic};
    b.rows = json_array();
    b.exceptions = json_array();
    b.seqs = json_array();
    enum ee_err err = file_read(&b);
    if (err == EE_OK)
        err = file_walk(&b, false);
    if (err == EE_OK)
        err = ee_cli_connect(cli);
    if (err == EE_OK)
        err = file_walk(&b, true);
    if (err == EE_OK)
        bulk_show(&b);
    else if (b.requests > 0)
        ee_cli_say(cli, "ee: %zu made before that; the same file again goes on where it stopped",
                   b.made);
    json_decref(b.rows);
    json_decref(b.exceptions);
    json_decref(b.seqs);
    free(b.text);
    return err;
}
