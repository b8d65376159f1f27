/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm/crypto_bearssl.h"

#include <string.h>

#include <bearssl.h>

#include "verify/backend.h"
#include "wasm/p256_bearssl.h"
#include "base/banned.h"

static void sha256(const struct ee_bytes *parts, size_t count, uint8_t out[EE_SHA256_SIZE])
{
    br_sha256_context ctx;
    br_sha256_init(&ctx);
    for (size_t i = 0; i < count; i++)
        br_sha256_update(&ctx, parts[i].data, parts[i].size);
    br_sha256_out(&ctx, out);
}

static void sha384(const struct ee_bytes *parts, size_t count, uint8_t out[EE_SHA384_SIZE])
{
    br_sha384_context ctx;
    br_sha384_init(&ctx);
    for (size_t i = 0; i < count; i++)
        br_sha384_update(&ctx, parts[i].data, parts[i].size);
    br_sha384_out(&ctx, out);
}

static void hmac_sha256(struct ee_bytes key, const struct ee_bytes *parts, size_t count,
                        uint8_t out[EE_SHA256_SIZE])
{
    br_hmac_key_context key_ctx;
    br_hmac_context ctx;
    br_hmac_key_init(&key_ctx, &br_sha256_vtable, key.data, key.size);
    br_hmac_init(&ctx, &key_ctx, 0);
    for (size_t i = 0; i < count; i++)
        br_hmac_update(&ctx, parts[i].data, parts[i].size);
    (void)br_hmac_out(&ctx, out);
}

/* BearSSL refuses r and s >= n and s = 0, but not r = 0 (FIPS 186-5 section 6.4.2 step 1). */
static bool p256_verify(const uint8_t public_key[EE_P256_POINT_SIZE],
                        const uint8_t digest[EE_SHA256_SIZE],
                        const uint8_t signature[EE_P256_SIGNATURE_SIZE])
{
    unsigned char point[1 + EE_P256_POINT_SIZE] = {0x04}; /* uncompressed, SEC 1 section 2.3.3 */
    const br_ec_public_key key = {BR_EC_secp256r1, point, sizeof(point)};
    memcpy(point + 1, public_key, EE_P256_POINT_SIZE);
    return !ee_bytes_all_zero(signature, EE_P256_SIGNATURE_SIZE / 2) &&
           br_ecdsa_i31_vrfy_raw(&ee_wasm_p256, digest, EE_SHA256_SIZE, &key, signature,
                                 EE_P256_SIGNATURE_SIZE) == 1;
}

static bool no_p256_public(const uint8_t private_key[32], uint8_t public_out[EE_P256_POINT_SIZE])
{
    (void)private_key;
    (void)public_out;
    return false;
}

static bool no_p256_sign(const uint8_t private_key[32], const uint8_t digest[EE_SHA256_SIZE],
                         uint8_t signature_out[EE_P256_SIGNATURE_SIZE])
{
    (void)private_key;
    (void)digest;
    (void)signature_out;
    return false;
}

static bool no_ed25519_verify(const uint8_t public_key[EE_ED25519_KEY_SIZE],
                              struct ee_bytes message,
                              const uint8_t signature[EE_ED25519_SIGNATURE_SIZE])
{
    (void)public_key;
    (void)message;
    (void)signature;
    return false;
}

static bool no_25519_public(const uint8_t private_key[32], uint8_t public_out[32])
{
    (void)private_key;
    (void)public_out;
    return false;
}

static bool no_ed25519_sign(const uint8_t seed[EE_ED25519_KEY_SIZE], struct ee_bytes message,
                            uint8_t signature_out[EE_ED25519_SIGNATURE_SIZE])
{
    (void)seed;
    (void)message;
    (void)signature_out;
    return false;
}

static bool no_x25519(const uint8_t private_key[EE_X25519_KEY_SIZE],
                      const uint8_t peer_public[EE_X25519_KEY_SIZE],
                      uint8_t shared_out[EE_X25519_KEY_SIZE])
{
    (void)private_key;
    (void)peer_public;
    (void)shared_out;
    return false;
}

static bool no_aead(const uint8_t key[EE_AEAD_KEY_SIZE], const uint8_t nonce[EE_AEAD_NONCE_SIZE],
                    struct ee_bytes associated, struct ee_bytes input, uint8_t *out)
{
    (void)key;
    (void)nonce;
    (void)associated;
    (void)input;
    (void)out;
    return false;
}

const struct ee_crypto ee_crypto_bearssl = {
    .name = "bearssl",
    .sha256 = sha256,
    .sha384 = sha384,
    .hmac_sha256 = hmac_sha256,
    .p256_verify = p256_verify,
    .p256_public = no_p256_public,
    .p256_sign = no_p256_sign,
    .ed25519_verify = no_ed25519_verify,
    .ed25519_public = no_25519_public,
    .ed25519_sign = no_ed25519_sign,
    .x25519_public = no_25519_public,
    .x25519 = no_x25519,
    .aead_seal = no_aead,
    .aead_open = no_aead,
};

const struct ee_crypto *ee_verify_backend(void)
{
    return &ee_crypto_bearssl;
}
