/* SPDX-License-Identifier: Apache-2.0 */
#include "tlog/checkpoint.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#include "base/banned.h"

#define ORIGIN_PREFIX "easyenclave/"
enum {
    ORIGIN_SIZE = sizeof(ORIGIN_PREFIX) - 1 + 64,
    KEY_HASH_SIZE = 4,
    SIGNATURE_SIZE = KEY_HASH_SIZE + EE_ED25519_SIGNATURE_SIZE,
    ED25519_ALGORITHM = 1, /* C2SP signed-note, "Signature types" */
};
/* Em dash and space start a signature line. */
static const char dash[] = "\xe2\x80\x94 ";
enum { DASH_SIZE = sizeof(dash) - 1 };

static void origin_of(const uint8_t network_id[32], char out[ORIGIN_SIZE + 1])
{
    memcpy(out, ORIGIN_PREFIX, sizeof(ORIGIN_PREFIX));
    ee_hex_encode(network_id, 32, out + sizeof(ORIGIN_PREFIX) - 1);
}

/* First 4 bytes of SHA-256(name || "\n" || algorithm || key). */
static void key_hash(const struct ee_crypto *crypto, const char *origin,
                     const uint8_t public_key[EE_ED25519_KEY_SIZE], uint8_t out[KEY_HASH_SIZE])
{
    const uint8_t separator[] = {'\n', ED25519_ALGORITHM};
    const struct ee_bytes parts[] = {ee_bytes_str(origin),
                                     ee_bytes_of(separator, sizeof(separator)),
                                     ee_bytes_of(public_key, EE_ED25519_KEY_SIZE)};
    uint8_t digest[EE_SHA256_SIZE];
    crypto->sha256(parts, 3, digest);
    memcpy(out, digest, KEY_HASH_SIZE);
}

enum ee_err ee_tlog_checkpoint_sign(const struct ee_crypto *crypto,
                                    const struct ee_tlog_checkpoint *checkpoint,
                                    const uint8_t seed[EE_ED25519_KEY_SIZE], char *out,
                                    size_t capacity, size_t *size_out)
{
    char origin[ORIGIN_SIZE + 1], text[EE_BASE64_SIZE(SIGNATURE_SIZE)];
    uint8_t public_key[EE_ED25519_KEY_SIZE], signature[SIGNATURE_SIZE];
    if (capacity < EE_TLOG_CHECKPOINT_SIZE_MAX)
        return EE_TOO_LARGE;
    origin_of(checkpoint->network_id, origin);
    ee_base64_encode(checkpoint->root.bytes, EE_TLOG_HASH_SIZE, text);
    char body[EE_TLOG_CHECKPOINT_SIZE_MAX];
    int body_size =
        snprintf(body, sizeof(body), "%s\n%" PRIu64 "\n%s\n", origin, checkpoint->size, text);
    if (!crypto->ed25519_public(seed, public_key) ||
        !crypto->ed25519_sign(seed, ee_bytes_of(body, (size_t)body_size),
                              signature + KEY_HASH_SIZE))
        return EE_CRYPTO;
    key_hash(crypto, origin, public_key, signature);
    ee_base64_encode(signature, sizeof(signature), text);
    int size = snprintf(out, capacity, "%s\n%s%s %s\n", body, dash, origin, text);
    *size_out = (size_t)size;
    return EE_OK;
}

/* The next line without its newline; EE_TRUNCATED when there is none. */
static struct ee_bytes line_next(struct ee_cursor *c)
{
    const uint8_t *end = c->left ? memchr(c->next, '\n', c->left) : NULL;
    if (!end && c->err == EE_OK)
        c->err = EE_TRUNCATED;
    if (c->err != EE_OK)
        return ee_bytes_of(NULL, 0);
    struct ee_bytes line = ee_cursor_bytes(c, (size_t)(end - c->next));
    ee_cursor_take(c, 1);
    return line;
}

/* Standard base64 of exactly `size` bytes in its only text form. */
static enum ee_err base64_exact(struct ee_bytes text, uint8_t *out, size_t size)
{
    uint8_t bytes[128];
    char again[EE_BASE64_SIZE(sizeof(bytes))];
    size_t got;
    EE_TRY(ee_base64_decode(text, bytes, sizeof(bytes), &got));
    ee_base64_encode(bytes, got, again);
    if (got != size || !ee_bytes_equal(text, ee_bytes_str(again)))
        return EE_SYNTAX;
    memcpy(out, bytes, size);
    return EE_OK;
}

static enum ee_err size_parse(struct ee_bytes line, uint64_t *out)
{
    char text[21];
    if (line.size == 0 || line.size >= sizeof(text))
        return EE_SYNTAX;
    memcpy(text, line.data, line.size);
    text[line.size] = '\0';
    if (strlen(text) != line.size)
        return EE_SYNTAX;
    return ee_u64_parse(text, out);
}

/* Origin, size, root and the empty line. */
static enum ee_err body_parse(struct ee_cursor *c, const uint8_t network_id[32],
                              struct ee_tlog_checkpoint *out)
{
    char origin[ORIGIN_SIZE + 1];
    origin_of(network_id, origin);
    struct ee_bytes name = line_next(c);
    struct ee_bytes size = line_next(c);
    struct ee_bytes root = line_next(c);
    if (c->err != EE_OK)
        return c->err;
    if (!ee_bytes_equal(name, ee_bytes_str(origin)))
        return EE_WRONG_NETWORK;
    EE_TRY(size_parse(size, &out->size));
    EE_TRY(base64_exact(root, out->root.bytes, EE_TLOG_HASH_SIZE));
    memcpy(out->network_id, network_id, sizeof(out->network_id));
    return EE_OK;
}

/* "— name base64": the name, and what follows it. */
static enum ee_err signature_split(struct ee_bytes line, struct ee_bytes *name,
                                   struct ee_bytes *encoded)
{
    if (line.size < DASH_SIZE || memcmp(line.data, dash, DASH_SIZE) != 0)
        return EE_SYNTAX;
    struct ee_bytes rest = ee_bytes_of(line.data + DASH_SIZE, line.size - DASH_SIZE);
    const uint8_t *space = rest.size ? memchr(rest.data, ' ', rest.size) : NULL;
    if (!space || space == rest.data || space + 1 == rest.data + rest.size)
        return EE_SYNTAX;
    *name = ee_bytes_of(rest.data, (size_t)(space - rest.data));
    *encoded = ee_bytes_of(space + 1, rest.size - name->size - 1);
    return EE_OK;
}

/* EE_OK: a valid signature of this key; EE_NOT_FOUND: of another key. */
static enum ee_err signature_check(const struct ee_crypto *crypto, struct ee_bytes line,
                                   struct ee_bytes body, const char *origin,
                                   const uint8_t public_key[EE_ED25519_KEY_SIZE])
{
    struct ee_bytes name, encoded;
    uint8_t expected[KEY_HASH_SIZE], signature[SIGNATURE_SIZE];
    EE_TRY(signature_split(line, &name, &encoded));
    key_hash(crypto, origin, public_key, expected);
    if (!ee_bytes_equal(name, ee_bytes_str(origin)))
        return EE_NOT_FOUND;
    EE_TRY(base64_exact(encoded, signature, sizeof(signature)));
    if (memcmp(signature, expected, KEY_HASH_SIZE) != 0)
        return EE_NOT_FOUND;
    return crypto->ed25519_verify(public_key, body, signature + KEY_HASH_SIZE) ? EE_OK
                                                                               : EE_CHECKPOINT;
}

enum ee_err ee_tlog_checkpoint_verify(const struct ee_crypto *crypto, struct ee_bytes text,
                                      const uint8_t network_id[32],
                                      const uint8_t public_key[EE_ED25519_KEY_SIZE],
                                      struct ee_tlog_checkpoint *out)
{
    struct ee_tlog_checkpoint parsed;
    struct ee_cursor c;
    bool found = false;
    char origin[ORIGIN_SIZE + 1];
    if (text.size > EE_TLOG_CHECKPOINT_READ_MAX)
        return EE_TOO_LARGE;
    ee_cursor_init(&c, text);
    EE_TRY(body_parse(&c, network_id, &parsed));
    struct ee_bytes body = ee_bytes_of(text.data, text.size - c.left);
    struct ee_bytes blank = line_next(&c);
    if (c.err != EE_OK || blank.size != 0)
        return c.err != EE_OK ? c.err : EE_SYNTAX;
    origin_of(network_id, origin);
    for (size_t i = 0; c.left; i++) {
        struct ee_bytes line = line_next(&c);
        if (c.err != EE_OK || i == EE_TLOG_SIGNATURES_MAX)
            return c.err != EE_OK ? c.err : EE_TOO_LARGE;
        enum ee_err err = signature_check(crypto, line, body, origin, public_key);
        if (err != EE_OK && err != EE_NOT_FOUND)
            return err;
        found = found || err == EE_OK;
    }
    if (!found)
        return EE_CHECKPOINT;
    *out = parsed;
    return EE_OK;
}
