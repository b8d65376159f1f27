/* SPDX-License-Identifier: Apache-2.0 */
#include "core/webhook_sign.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

static const char prefix[] = "whsec_";

enum ee_err ee_webhook_secret_parse(const char *text, struct ee_webhook_secret *out)
{
    struct ee_webhook_secret secret = {0};
    size_t size, length = strlen(prefix);
    if (strncmp(text, prefix, length) != 0)
        return EE_SYNTAX;
    enum ee_err err =
        ee_base64_decode(ee_bytes_str(text + length), secret.bytes, sizeof secret.bytes, &size);
    if (err == EE_TOO_LARGE)
        return EE_RANGE;
    EE_TRY(err);
    if (size < EE_WEBHOOK_SECRET_MIN)
        return EE_RANGE;
    secret.size = (uint8_t)size;
    *out = secret;
    ee_wipe(&secret, sizeof secret);
    return EE_OK;
}

char *ee_webhook_secret_format(const struct ee_webhook_secret *secret,
                               char out[EE_WEBHOOK_SECRET_TEXT_SIZE])
{
    memcpy(out, prefix, sizeof prefix);
    (void)ee_base64_encode(secret->bytes, secret->size, out + sizeof prefix - 1);
    return out;
}

static size_t sign_one(const struct ee_crypto *crypto, const struct ee_webhook_secret *secret,
                       struct ee_bytes head, struct ee_bytes body, char *out, size_t size)
{
    uint8_t mac[EE_SHA256_SIZE];
    char base64[EE_BASE64_SIZE(EE_SHA256_SIZE)];
    const struct ee_bytes parts[] = {head, body};
    crypto->hmac_sha256(ee_bytes_of(secret->bytes, secret->size), parts, 2, mac);
    int length = snprintf(out, size, "v1,%s", ee_base64_encode(mac, sizeof mac, base64));
    return (size_t)length;
}

char *ee_webhook_sign(const struct ee_crypto *crypto, const struct ee_webhook_secret *secret,
                      const struct ee_webhook_secret *previous, const char *id, int64_t timestamp_s,
                      struct ee_bytes body, char out[EE_WEBHOOK_SIGNATURES_SIZE])
{
    char head[160];
    int length = snprintf(head, sizeof head, "%s.%" PRId64 ".", id, timestamp_s);
    struct ee_bytes signed_head = ee_bytes_of(head, (size_t)length);
    size_t used = sign_one(crypto, secret, signed_head, body, out, EE_WEBHOOK_SIGNATURES_SIZE);
    if (previous->size > 0) {
        out[used++] = ' ';
        (void)sign_one(crypto, previous, signed_head, body, out + used,
                       EE_WEBHOOK_SIGNATURES_SIZE - used);
    }
    return out;
}
