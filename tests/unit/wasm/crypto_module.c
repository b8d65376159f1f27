/* SPDX-License-Identifier: Apache-2.0 */
/* The table of crypto_cases.c as a WASM module, and p256_verify on what the caller writes. */
#include "crypto_cases.h"
#include "wasm/crypto_bearssl.h"

#define EXPORT(name) __attribute__((export_name(#name)))

static uint8_t input[EE_P256_POINT_SIZE + EE_SHA256_SIZE + EE_P256_SIGNATURE_SIZE];

EXPORT(case_count) size_t case_count(void);
EXPORT(case_name) const char *case_name(size_t index);
EXPORT(case_holds) bool case_holds(size_t index);
EXPORT(input) uint8_t *input_address(void);
EXPORT(p256_verify) bool p256_verify(void);
EXPORT(secrets_refused) bool secrets_refused(void);

size_t case_count(void)
{
    return ee_crypto_case_count();
}

const char *case_name(size_t index)
{
    return ee_crypto_case_name(index);
}

bool case_holds(size_t index)
{
    return ee_crypto_case_holds(&ee_crypto_bearssl, index);
}

uint8_t *input_address(void)
{
    return input;
}

/* Key, digest, signature. */
bool p256_verify(void)
{
    return ee_crypto_bearssl.p256_verify(input, input + EE_P256_POINT_SIZE,
                                         input + EE_P256_POINT_SIZE + EE_SHA256_SIZE);
}

/* What this backend does not have answers false, and writes nothing. */
bool secrets_refused(void)
{
    const struct ee_crypto *c = &ee_crypto_bearssl;
    static const uint8_t key[32] = {1}, public_key[64] = {2}, nonce[EE_AEAD_NONCE_SIZE] = {3};
    const struct ee_bytes message = ee_bytes_of(key, sizeof(key));
    uint8_t out[EE_P256_SIGNATURE_SIZE] = {0};
    bool any = c->p256_public(key, out) || c->p256_sign(key, key, out) ||
               c->ed25519_verify(public_key, message, public_key) || c->ed25519_public(key, out) ||
               c->ed25519_sign(key, message, out) || c->x25519_public(key, out) ||
               c->x25519(key, public_key, out) || c->aead_seal(key, nonce, message, message, out) ||
               c->aead_open(key, nonce, message, message, out);
    return !any && ee_bytes_all_zero(out, sizeof(out));
}
