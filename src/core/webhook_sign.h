/* SPDX-License-Identifier: Apache-2.0 */
/* Standard Webhooks 1.0.0: secrets as "whsec_" and base64, signatures "v1,BASE64" of HMAC-SHA256
 * over "ID.TIMESTAMP.BODY". */
#ifndef EE_CORE_WEBHOOK_SIGN_H
#define EE_CORE_WEBHOOK_SIGN_H

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/text.h"

enum {
    EE_WEBHOOK_SECRET_MIN = 24, /* bytes, as the specification has it */
    EE_WEBHOOK_SECRET_MAX = 64,
    EE_WEBHOOK_SECRET_TEXT_SIZE = 6 + 89, /* "whsec_", base64 of 64 bytes and a NUL */
    EE_WEBHOOK_SIGNATURES_SIZE = 2 * 48,  /* two of "v1," and 44 characters, a space, a NUL */
};

struct ee_webhook_secret {
    uint8_t size; /* 0: none */
    uint8_t bytes[EE_WEBHOOK_SECRET_MAX];
};

/* EE_SYNTAX, EE_RANGE: length. */
EE_MUST_USE enum ee_err ee_webhook_secret_parse(const char *text, struct ee_webhook_secret *out);
/* Returns out. */
char *ee_webhook_secret_format(const struct ee_webhook_secret *secret,
                               char out[EE_WEBHOOK_SECRET_TEXT_SIZE]);
/* One signature per secret, the newest first, so that a receiver may have either. `previous` may be
 * empty. Returns out. */
char *ee_webhook_sign(const struct ee_crypto *crypto, const struct ee_webhook_secret *secret,
                      const struct ee_webhook_secret *previous, const char *id, int64_t timestamp_s,
                      struct ee_bytes body, char out[EE_WEBHOOK_SIGNATURES_SIZE]);

#endif
