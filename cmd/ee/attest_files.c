/* SPDX-License-Identifier: Apache-2.0 */
#include "attest_files.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "attest/pem.h"
#include "attest/x509.h"
#include "base/text.h"
#include "io/crypto_openssl.h"

#include "base/banned.h"

enum { QUOTE_FILE_MAX = 1024 * 1024 };

static enum ee_err unreadable(struct ee_cli *cli, const char *path, const char *why)
{
    (void)ee_client_fail(&cli->problem, EE_IO, "%s %s", path, why);
    cli->problem.exit_code = EE_CLI_EXIT_UNREADABLE;
    return EE_IO;
}

static enum ee_err file_read(struct ee_cli *cli, const char *path, size_t limit,
                             struct ee_file_data *out)
{
    enum ee_err err = ee_file_read(path, limit, out);
    if (err == EE_OK)
        return EE_OK;
    return unreadable(cli, path,
                      err == EE_NOT_FOUND   ? "cannot be opened"
                      : err == EE_TOO_LARGE ? "is larger than its limit"
                                            : "cannot be read");
}

/* ---- quotes ---- */

static bool is_text(const struct ee_file_data *f)
{
    for (size_t i = 0; i < f->size; i++)
        if ((f->data[i] < 0x20 || f->data[i] > 0x7e) && !strchr("\r\n\t", f->data[i]))
            return false;
    return f->size != 0;
}

/* White space may wrap and end a text form. */
static void strip_space(struct ee_file_data *f)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->size; i++)
        if (!strchr("\r\n\t ", f->data[i]))
            f->data[kept++] = f->data[i];
    f->size = kept;
}

/* Hex or base64 in place; anything else stays as it is. */
static void digits_decode(struct ee_file_data *f)
{
    size_t size = 0;
    strip_space(f);
    if (f->size == 0)
        return;
    struct ee_bytes text = ee_bytes_of(f->data, f->size);
    if (f->size > 2 && f->data[0] == '0' && (f->data[1] | 0x20) == 'x')
        text = ee_bytes_of(f->data + 2, f->size - 2);
    /* A version 4 quote in hex starts with 0400: as base64 that would be no quote. */
    if (ee_hex_decode(text, f->data, text.size / 2) == EE_OK)
        f->size = text.size / 2;
    else if (ee_base64_decode(text, f->data, f->size, &size) == EE_OK)
        f->size = size;
}

/* [4, 0, 2, ...]; each number takes at least as much room in the text. False: not such an array. */
static bool array_decode(struct ee_file_data *f, const json_t *array)
{
    size_t count = json_array_size(array);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(array, i);
        json_int_t value = json_integer_value(item);
        if (!json_is_integer(item) || value < 0 || value > UINT8_MAX)
            return false;
    }
    for (size_t i = 0; i < count; i++)
        f->data[i] = (uint8_t)json_integer_value(json_array_get(array, i));
    f->size = count;
    return true;
}

static void json_decode(struct ee_file_data *f)
{
    json_t *document = json_loadb((const char *)f->data, f->size, JSON_REJECT_DUPLICATES, NULL);
    json_t *value = json_is_object(document) ? json_object_get(document, "quote") : document;
    if (json_is_string(value)) {
        memcpy(f->data, json_string_value(value), json_string_length(value));
        f->size = json_string_length(value);
        digits_decode(f);
    } else if (json_is_array(value)) {
        (void)array_decode(f, value);
    }
    json_decref(document);
}

enum ee_err ee_cli_quote_read(struct ee_cli *cli, const char *path, struct ee_file_data *out)
{
    EE_TRY(file_read(cli, path, QUOTE_FILE_MAX, out));
    if (!is_text(out))
        return EE_OK;
    const char *first = (const char *)out->data + strspn((const char *)out->data, "\r\n\t ");
    if (*first == '[' || *first == '{')
        json_decode(out);
    else
        digits_decode(out);
    return EE_OK;
}

/* ---- the other files ---- */

enum ee_err ee_cli_collateral_read(struct ee_cli *cli, const char *path,
                                   struct ee_cli_collateral *out)
{
    memset(out, 0, sizeof(*out));
    EE_TRY(file_read(cli, path, QUOTE_FILE_MAX, &out->file));
    out->scratch = malloc(out->file.size + 1);
    if (!out->scratch) {
        ee_file_data_free(&out->file);
        return ee_client_fail(&cli->problem, EE_NO_MEMORY, "%s", "");
    }
    out->reason = ee_attest_collateral_decode(ee_file_bytes(&out->file), out->scratch,
                                              out->file.size, &out->collateral);
    return EE_OK;
}

void ee_cli_collateral_free(struct ee_cli_collateral *collateral)
{
    free(collateral->scratch);
    collateral->scratch = NULL;
    ee_file_data_free(&collateral->file);
}

enum ee_err ee_cli_roots_read(struct ee_cli *cli, const char *word, struct ee_cli_roots *out)
{
    struct ee_file_data f;
    struct ee_der_chain chain;
    struct ee_cert cert;
    if (strcmp(word, "production") == 0) {
        memcpy(out->key[0], ee_attest_root_production, EE_P256_POINT_SIZE);
        out->count = 1;
        return EE_OK;
    }
    EE_TRY(file_read(cli, word, QUOTE_FILE_MAX, &f));
    bool ok =
        ee_attest_pem_certificates(ee_file_bytes(&f), f.data, f.size, &chain) == EE_REASON_NONE;
    for (size_t i = 0; ok && i < chain.count; i++) {
        ok = ee_attest_cert_decode(chain.der[i], &cert) == EE_REASON_NONE;
        if (ok)
            memcpy(out->key[i], cert.key, EE_P256_POINT_SIZE);
    }
    out->count = ok ? chain.count : 0;
    ee_file_data_free(&f);
    return ok ? EE_OK : unreadable(cli, word, "is not a PEM file of P-256 root certificates");
}

enum ee_err ee_cli_policy_read(struct ee_cli *cli, const char *word, struct ee_attest_policy *out)
{
    struct ee_file_data f;
    char problem[EE_FINDING_TEXT_SIZE];
    const struct ee_attest_policy *builtin = ee_attest_policy_builtin(word);
    if (builtin) {
        *out = *builtin;
        return EE_OK;
    }
    EE_TRY(file_read(cli, word, EE_POLICY_TEXT_MAX, &f));
    enum ee_err err = ee_attest_policy_parse(ee_file_bytes(&f), out, problem);
    ee_file_data_free(&f);
    if (err == EE_OK)
        return EE_OK;
    (void)ee_client_fail(&cli->problem, err, "%s: %s", word, problem);
    ee_client_suggest(&cli->problem, "a policy is none, strict, network or a file; ee policy check "
                                     "FILE checks one");
    cli->problem.exit_code = EE_CLI_EXIT_UNREADABLE;
    return err;
}

enum ee_err ee_cli_quote_verify(struct ee_bytes quote, const struct ee_cli_collateral *collateral,
                                const struct ee_cli_roots *roots, int64_t time_s,
                                struct ee_verdict *out)
{
    const struct ee_verify_input input = {.quote = quote,
                                          .collateral = &collateral->collateral,
                                          .roots = roots->key,
                                          .root_count = roots->count,
                                          .time_s = time_s};
    if (collateral->reason == EE_REASON_NONE)
        return ee_attest_verify(&ee_crypto_openssl, &input, out);
    memset(out, 0, sizeof(*out));
    out->time_s = time_s;
    out->reason = collateral->reason;
    out->err = ee_attest_reason_err(collateral->reason);
    out->findings[out->finding_count++].reason = collateral->reason;
    return out->err;
}
