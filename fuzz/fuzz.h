/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets of documents share: a check that stops the fuzzer, and a crypto table that
 * lets made-up documents past hashes and signatures, so that what lies behind them is reached. */
#ifndef EE_FUZZ_FUZZ_H
#define EE_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "io/crypto_openssl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

/* Every hash is 32 times 0x5a, so a seed can name its own digest and the root of any tree. */
static inline void fuzz_sha256(const struct ee_bytes *parts, size_t count,
                               uint8_t out[EE_SHA256_SIZE])
{
    (void)parts;
    (void)count;
    memset(out, 0x5a, EE_SHA256_SIZE);
}

/* Half of all signatures hold. */
static inline bool fuzz_ed25519_verify(const uint8_t public_key[EE_ED25519_KEY_SIZE],
                                       struct ee_bytes message,
                                       const uint8_t signature[EE_ED25519_SIGNATURE_SIZE])
{
    (void)public_key;
    (void)message;
    return (signature[0] & 1) == 0;
}

static inline bool fuzz_p256_verify(const uint8_t public_key[EE_P256_POINT_SIZE],
                                    const uint8_t digest[EE_SHA256_SIZE],
                                    const uint8_t signature[EE_P256_SIGNATURE_SIZE])
{
    (void)public_key;
    (void)digest;
    return (signature[0] & 1) == 0;
}

static inline struct ee_crypto fuzz_crypto(void)
{
    struct ee_crypto crypto = ee_crypto_openssl;
    crypto.sha256 = fuzz_sha256;
    crypto.ed25519_verify = fuzz_ed25519_verify;
    crypto.p256_verify = fuzz_p256_verify;
    return crypto;
}

#endif
