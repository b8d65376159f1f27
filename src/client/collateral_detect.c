/* SPDX-License-Identifier: Apache-2.0 */
/* Finds collateral in files as people save them: HTTP answers with headers, URL-encoded PEM, hex,
 * base64, DER, and JSON in which the parts are members of any depth. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "attest/json.h"
#include "attest/pem.h"
#include "base/text.h"
#include "client/collateral_items.h"

#include "base/banned.h"

enum {
    PENDING_MAX = 4096, /* containers of one file to be looked into */
    STRINGS_MAX = 64,   /* of these inside strings */
    TEXT_LEAST = 60,    /* shorter strings hold no part */
    BLOCKS_MAX = 16,    /* of headers: redirects and proxies */
};

static const char *const headers[] = {"tcb-info-issuer-chain",
                                      "sgx-tcb-info-issuer-chain",
                                      "sgx-enclave-identity-issuer-chain",
                                      "enclave-identity-issuer-chain",
                                      "sgx-pck-crl-issuer-chain",
                                      "sgx-pck-certificate-issuer-chain",
                                      "tcb-evaluation-data-numbers-issuer-chain"};

static struct ee_bytes trimmed(struct ee_bytes text)
{
    while (text.size > 0 && strchr(" \t\r\n", text.data[0]) && text.data[0])
        text = ee_bytes_of(text.data + 1, text.size - 1);
    while (text.size > 0 &&
           (text.data[text.size - 1] == 0 || strchr(" \t\r\n", text.data[text.size - 1])))
        text.size--;
    return text;
}

static bool starts(struct ee_bytes text, const char *with)
{
    size_t size = strlen(with);
    return text.size >= size && memcmp(text.data, with, size) == 0;
}

/* A problem of one part does not hide the others; only these two end the file. */
static bool ends_it(enum ee_err err)
{
    return err == EE_FULL || err == EE_NO_MEMORY;
}

/* ---- certificates and lists ---- */

static enum ee_err der_take(struct ee_collateral_import *import, struct ee_bytes der)
{
    if (der.size < 2 || der.data[0] != 0x30)
        return EE_SYNTAX;
    enum ee_err err = ee_items_add_crl(import, der);
    return err == EE_SYNTAX ? ee_items_add_cert(import, der) : err;
}

static enum ee_err pem_take(struct ee_collateral_import *import, struct ee_bytes pem)
{
    struct ee_der_chain chain;
    struct ee_bytes crl;
    uint8_t *memory = malloc(pem.size + 1);
    enum ee_err err = memory ? EE_SYNTAX : EE_NO_MEMORY;
    if (memory && ee_attest_pem_single("X509 CRL", pem, memory, pem.size, &crl) == EE_REASON_NONE)
        err = ee_items_add_crl(import, crl);
    else if (memory &&
             ee_attest_pem_certificates(pem, memory, pem.size, &chain) == EE_REASON_NONE) {
        err = EE_OK;
        for (size_t i = 0; err == EE_OK && i < chain.count; i++)
            err = ee_items_add_cert(import, chain.der[i]);
    }
    free(memory);
    return err;
}

static int hex_digit(uint8_t c)
{
    uint8_t lower = c | 0x20;
    if (c >= '0' && c <= '9')
        return c - '0';
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Percent-decoding; `out` has text.size bytes. A '+' is a blank only in the form style, which shows
 * in "BEGIN+CERTIFICATE": elsewhere it is a digit of base64. */
static size_t url_decode(struct ee_bytes text, uint8_t *out)
{
    bool form = starts(text, "-----BEGIN+") || starts(text, "%2D%2D%2D%2D%2DBEGIN+") ||
                starts(text, "%2d%2d%2d%2d%2dBEGIN+");
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == '%' && i + 2 < text.size && hex_digit(text.data[i + 1]) >= 0 &&
            hex_digit(text.data[i + 2]) >= 0) {
            c = (uint8_t)(hex_digit(text.data[i + 1]) * 16 + hex_digit(text.data[i + 2]));
            i += 2;
        } else if (c == '+' && form) {
            c = ' ';
        }
        out[size++] = c;
    }
    return size;
}

/* Hex (perhaps with 0x) or base64 over several lines; false for anything else. */
static bool digits_decode(struct ee_bytes text, uint8_t *memory, size_t *size_out)
{
    size_t size = 0;
    if (starts(text, "0x") || starts(text, "0X"))
        text = ee_bytes_of(text.data + 2, text.size - 2);
    for (size_t i = 0; i < text.size; i++)
        if (!strchr(" \t\r\n", text.data[i]) || text.data[i] == 0)
            memory[size++] = text.data[i];
    struct ee_bytes digits = ee_bytes_of(memory, size);
    *size_out = size / 2;
    if (size > 0 && size % 2 == 0 && ee_hex_decode(digits, memory, size / 2) == EE_OK)
        return true;
    return size > 0 && ee_base64_decode(digits, memory, size, size_out) == EE_OK;
}

/* One part as text or bytes; EE_SYNTAX when it is none. */
static enum ee_err part_take(struct ee_collateral_import *import, struct ee_bytes text)
{
    struct ee_bytes bare = trimmed(text);
    size_t size = 0;
    if (starts(text, "\x30\x82") || starts(text, "\x30\x81"))
        return der_take(import, text);
    if (starts(bare, "-----BEGIN ") && !memchr(bare.data, '%', bare.size))
        return pem_take(import, bare);
    uint8_t *memory = malloc(bare.size + 1);
    if (!memory)
        return EE_NO_MEMORY;
    enum ee_err err = EE_SYNTAX;
    if (starts(bare, "-----BEGIN") || starts(bare, "%2D%2D") || starts(bare, "%2d%2d"))
        err = pem_take(import, ee_bytes_of(memory, url_decode(bare, memory)));
    else if (digits_decode(bare, memory, &size))
        err = der_take(import, ee_bytes_of(memory, size));
    free(memory);
    return err;
}

/* ---- JSON ---- */

/* A container that waits, with whether a member above it was named early. */
struct pending {
    struct ee_bytes value;
    bool early;
};

struct walk {
    struct ee_collateral_import *import;
    struct pending *pending;
    size_t count, next;
    struct ee_bytes strings[STRINGS_MAX]; /* owned: what pending values borrow */
    size_t string_count;
};

static enum ee_err pending_add(struct walk *w, struct ee_bytes value, bool early)
{
    if (w->count == PENDING_MAX)
        return EE_FULL;
    w->pending[w->count++] = (struct pending){value, early};
    return EE_OK;
}

static bool ends_early(struct ee_bytes key)
{
    static const char suffix[] = "_early";
    size_t size = sizeof(suffix) - 1;
    return key.size > size && memcmp(key.data + key.size - size, suffix, size) == 0;
}

/* Members that belong together: the document, and the signature beside it. */
struct pair {
    struct ee_bytes document, signature; /* raw values; empty: not there */
};

enum { PAIR_TCB_INFO, PAIR_IDENTITY, PAIR_OWN_TCB_INFO, PAIR_OWN_IDENTITY, PAIRS };

static const struct {
    const char *document, *signature;
    enum ee_item_kind kind;
    bool is_text; /* the document is a string that holds it */
} pair_rows[PAIRS] = {
    [PAIR_TCB_INFO] = {"tcbInfo", "signature", EE_ITEM_TCB_INFO, false},
    [PAIR_IDENTITY] = {"enclaveIdentity", "signature", EE_ITEM_QE_IDENTITY, false},
    [PAIR_OWN_TCB_INFO] = {"tcb_info", "tcb_info_signature", EE_ITEM_TCB_INFO, true},
    [PAIR_OWN_IDENTITY] = {"qe_identity", "qe_identity_signature", EE_ITEM_QE_IDENTITY, true},
};

/* The content of a raw JSON string, malloc'd; data NULL when it is none. */
static struct ee_bytes unquoted(struct ee_bytes raw)
{
    struct ee_json j;
    uint8_t *memory = malloc(raw.size + 1);
    if (!memory)
        return ee_bytes_of(NULL, 0);
    ee_attest_json_init(&j, raw, EE_IMPORT_FILE_MAX);
    size_t size = ee_attest_json_copy(&j, memory, raw.size);
    if (ee_attest_json_end(&j) == EE_REASON_NONE)
        return ee_bytes_of(memory, size);
    free(memory);
    return ee_bytes_of(NULL, 0);
}

static void bytes_free(struct ee_bytes bytes)
{
    free((void *)(uintptr_t)bytes.data);
}

static enum ee_err pair_take(struct ee_collateral_import *import, size_t row,
                             const struct pair *pair, bool early)
{
    uint8_t signature[EE_P256_SIGNATURE_SIZE];
    struct ee_bytes text = unquoted(pair->signature), document = pair->document;
    enum ee_err err = ee_hex_decode(text, signature, sizeof(signature));
    bytes_free(text);
    if (err != EE_OK)
        return EE_SYNTAX;
    if (!pair_rows[row].is_text)
        return ee_items_add_document(import, pair_rows[row].kind, document, signature, early);
    document = unquoted(document);
    err = ee_items_add_document(import, pair_rows[row].kind, document, signature, early);
    bytes_free(document);
    return err;
}

/* A string is a part by itself, or holds a whole answer, which then waits its turn. */
static enum ee_err string_take(struct walk *w, struct ee_bytes raw, bool early)
{
    struct ee_bytes text = unquoted(raw), bare = trimmed(text);
    if (!text.data)
        return EE_SYNTAX;
    if (!starts(bare, "{")) {
        enum ee_err err = part_take(w->import, text);
        bytes_free(text);
        return err;
    }
    if (w->string_count == STRINGS_MAX) {
        bytes_free(text);
        return EE_FULL;
    }
    w->strings[w->string_count++] = text;
    return pending_add(w, bare, early);
}

/* What is no half of a pair: looked into later, or a part by itself. */
static enum ee_err value_take(struct walk *w, struct ee_bytes raw, bool early)
{
    if (raw.size == 0)
        return EE_OK;
    if (raw.data[0] == '{' || raw.data[0] == '[')
        return pending_add(w, raw, early);
    return raw.data[0] == '"' && raw.size > TEXT_LEAST ? string_take(w, raw, early) : EE_OK;
}

static enum ee_err object_walk(struct walk *w, const struct pending *p)
{
    struct ee_json j;
    struct ee_bytes key;
    struct pair pairs[PAIRS] = {{{NULL, 0}, {NULL, 0}}};
    ee_attest_json_init(&j, p->value, EE_IMPORT_FILE_MAX);
    ee_attest_json_object(&j);
    while (ee_attest_json_key(&j, &key)) {
        struct ee_bytes raw = ee_attest_json_skip(&j);
        bool is_document = false;
        for (size_t i = 0; i < PAIRS; i++) {
            if (ee_bytes_equal(key, ee_bytes_str(pair_rows[i].document))) {
                pairs[i].document = raw;
                is_document = !pair_rows[i].is_text; /* nothing of ours lies inside */
            }
            if (ee_bytes_equal(key, ee_bytes_str(pair_rows[i].signature)))
                pairs[i].signature = raw;
        }
        enum ee_err err = is_document ? EE_OK : value_take(w, raw, p->early || ends_early(key));
        if (ends_it(err))
            return err;
    }
    if (ee_attest_json_end(&j) != EE_REASON_NONE)
        return EE_SYNTAX;
    for (size_t i = 0; i < PAIRS; i++)
        if (pairs[i].document.size > 0 && pairs[i].signature.size > 0) {
            enum ee_err err = pair_take(w->import, i, &pairs[i], p->early);
            if (ends_it(err))
                return err;
        }
    return EE_OK;
}

static enum ee_err array_walk(struct walk *w, const struct pending *p)
{
    struct ee_json j;
    ee_attest_json_init(&j, p->value, EE_IMPORT_FILE_MAX);
    ee_attest_json_array(&j);
    while (ee_attest_json_item(&j)) {
        enum ee_err err = value_take(w, ee_attest_json_skip(&j), p->early);
        if (ends_it(err))
            return err;
    }
    return ee_attest_json_end(&j) == EE_REASON_NONE ? EE_OK : EE_SYNTAX;
}

static enum ee_err walk_all(struct walk *w)
{
    enum ee_err result = EE_OK;
    while (w->next < w->count) {
        struct pending p = w->pending[w->next++];
        enum ee_err err = p.value.data[0] == '{' ? object_walk(w, &p) : array_walk(w, &p);
        if (ends_it(err))
            return err;
        if (err != EE_OK)
            result = err;
    }
    return result;
}

static enum ee_err json_take(struct ee_collateral_import *import, struct ee_bytes text)
{
    struct walk w = {.import = import};
    w.pending = malloc(PENDING_MAX * sizeof(*w.pending));
    if (!w.pending)
        return EE_NO_MEMORY;
    enum ee_err err = value_take(&w, text, false);
    if (!ends_it(err) && w.count > 0)
        err = walk_all(&w);
    for (size_t i = 0; i < w.string_count; i++)
        bytes_free(w.strings[i]);
    free(w.pending);
    return err;
}

/* ---- HTTP ---- */

static struct ee_bytes line_take(struct ee_bytes *text)
{
    const uint8_t *end = text->size ? memchr(text->data, '\n', text->size) : NULL;
    size_t size = end ? (size_t)(end - text->data) : text->size;
    struct ee_bytes line = ee_bytes_of(text->data, size);
    *text = ee_bytes_of(text->data + size + (end ? 1 : 0), text->size - size - (end ? 1 : 0));
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    return line;
}

static bool header_known(struct ee_bytes line, struct ee_bytes *value)
{
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        size_t size = strlen(headers[i]);
        if (line.size <= size || line.data[size] != ':' ||
            strncasecmp((const char *)line.data, headers[i], size) != 0)
            continue;
        *value = ee_bytes_of(line.data + size + 1, line.size - size - 1);
        return true;
    }
    return false;
}

/* "HTTP/2 404 ": its number; 0: no status line. */
static unsigned status_of(struct ee_bytes line)
{
    const uint8_t *blank = line.size ? memchr(line.data, ' ', line.size) : NULL;
    if (!starts(line, "HTTP/") || !blank || line.size - (size_t)(blank - line.data) < 4)
        return 0;
    unsigned status = 0;
    for (size_t i = 1; i < 4; i++) {
        if (blank[i] < '0' || blank[i] > '9')
            return 0;
        status = status * 10 + (unsigned)(blank[i] - '0');
    }
    return status;
}

/* One block of headers up to its empty line; chains are taken. */
static enum ee_err block_take(struct ee_collateral_import *import, struct ee_bytes *text)
{
    struct ee_bytes value;
    while (text->size > 0) {
        struct ee_bytes line = line_take(text);
        if (line.size == 0)
            return EE_OK;
        if (!header_known(line, &value))
            continue;
        enum ee_err err = part_take(import, value);
        if (ends_it(err))
            return err;
    }
    return EE_OK;
}

/* Blocks after one another: of a proxy, of redirects, and the last one's counts. */
static enum ee_err http_take(struct ee_collateral_import *import, struct ee_bytes *text,
                             char text_out[EE_IMPORT_DETAIL_SIZE])
{
    unsigned status = 0;
    for (size_t i = 0; i < BLOCKS_MAX && starts(*text, "HTTP/"); i++) {
        struct ee_bytes rest = *text;
        status = status_of(line_take(&rest));
        enum ee_err err = block_take(import, &rest);
        *text = rest;
        if (err != EE_OK)
            return err;
    }
    if (status >= 200 && status < 300)
        return EE_OK;
    (void)snprintf(text_out, EE_IMPORT_DETAIL_SIZE,
                   status ? "the server answered %u: this is not the document"
                          : "this starts like an HTTP answer but has no status",
                   status);
    return EE_REFUSED;
}

static bool is_header_file(struct ee_bytes text)
{
    struct ee_bytes value;
    for (size_t i = 0; i < 64 && text.size > 0; i++) {
        struct ee_bytes line = line_take(&text);
        if (header_known(line, &value))
            return true;
        if (line.size == 0 || !memchr(line.data, ':', line.size) || line.data[0] == '{')
            return false;
    }
    return false;
}

/* ---- a whole file ---- */

static enum ee_err body_take(struct ee_collateral_import *import, struct ee_bytes body)
{
    struct ee_bytes bare = trimmed(body);
    if (bare.size == 0)
        return EE_OK;
    if (bare.data[0] == '{' || bare.data[0] == '[' || bare.data[0] == '"')
        return json_take(import, bare);
    return part_take(import, body);
}

/* "TCB Info, 2 certificates": what this file held. */
static bool found_text(const struct ee_collateral_import *import, char out[EE_IMPORT_DETAIL_SIZE])
{
    static const char *const names[EE_ITEM_KINDS] = {"TCB Info", "QE identity", "CRL",
                                                     "certificate"};
    size_t size = 0;
    out[0] = '\0';
    for (size_t i = 0; i < EE_ITEM_KINDS; i++) {
        int length = 0;
        if (import->added[i] > 0)
            length = snprintf(out + size, EE_IMPORT_DETAIL_SIZE - size, "%s%zu %s%s",
                              size ? ", " : "", import->added[i], names[i],
                              import->added[i] > 1 && i > EE_ITEM_QE_IDENTITY ? "s" : "");
        size += length > 0 ? (size_t)length : 0;
    }
    return size > 0;
}

enum ee_err ee_collateral_import_add(struct ee_collateral_import *import, struct ee_bytes file,
                                     char text_out[EE_IMPORT_DETAIL_SIZE])
{
    enum ee_err err = EE_OK;
    memset(import->added, 0, sizeof(import->added));
    import->not_tdx = false;
    if (file.size > EE_IMPORT_FILE_MAX) {
        (void)snprintf(text_out, EE_IMPORT_DETAIL_SIZE, "it is larger than 4 MiB");
        return EE_TOO_LARGE;
    }
    if (starts(file, "\xef\xbb\xbf"))
        file = ee_bytes_of(file.data + 3, file.size - 3);
    if (starts(file, "HTTP/"))
        err = http_take(import, &file, text_out);
    else if (is_header_file(file))
        err = block_take(import, &file);
    if (err == EE_REFUSED)
        return err;
    if (err == EE_OK)
        err = body_take(import, file);
    if (ends_it(err)) {
        (void)snprintf(text_out, EE_IMPORT_DETAIL_SIZE, "%s", ee_err_text(err));
        return err;
    }
    if (found_text(import, text_out))
        return EE_OK;
    (void)snprintf(text_out, EE_IMPORT_DETAIL_SIZE,
                   import->not_tdx
                       ? "this is the SGX document: fetch the one for TDX (path tdx/...)"
                   : err == EE_OK ? "there is nothing of collateral in it"
                                  : "neither an HTTP answer, JSON, PEM, DER, hex nor base64 of "
                                    "collateral");
    return EE_SYNTAX;
}
