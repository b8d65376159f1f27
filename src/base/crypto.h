/* SPDX-License-Identifier: Apache-2.0 */
/* The cryptographic functions the pure folders may use, as a table the shell fills
 * (io/crypto_openssl.c natively, another backend for WASM). No function here keeps state, reads a
 * clock or draws randomness: keys come in. P-256 public keys are x||y, signatures r||s, big-endian,
 * as in TDX quotes. */
#ifndef EE_BASE_CRYPTO_H
#define EE_BASE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum {
    EE_SHA256_SIZE = 32,
    EE_SHA384_SIZE = 48,
    EE_P256_POINT_SIZE = 64,
    EE_P256_SIGNATURE_SIZE = 64,
    EE_ED25519_KEY_SIZE = 32,
    EE_ED25519_SIGNATURE_SIZE = 64,
    EE_X25519_KEY_SIZE = 32,
    EE_AEAD_KEY_SIZE = 32,
    EE_AEAD_NONCE_SIZE = 12,
    EE_AEAD_TAG_SIZE = 16,
};

/* Functions returning bool give false for an invalid key, signature or tag, and write nothing then.
 */
struct ee_crypto {
    const char *name;
    /* Digest of the parts one after another (no separators). */
    void (*sha256)(const struct ee_bytes *parts, size_t count, uint8_t out[EE_SHA256_SIZE]);
    void (*sha384)(const struct ee_bytes *parts, size_t count, uint8_t out[EE_SHA384_SIZE]);
    void (*hmac_sha256)(struct ee_bytes key, const struct ee_bytes *parts, size_t count,
                        uint8_t out[EE_SHA256_SIZE]);
    /* Refuses points not on the curve and r or s of 0 or >= n. */
    bool (*p256_verify)(const uint8_t public_key[EE_P256_POINT_SIZE],
                        const uint8_t digest[EE_SHA256_SIZE],
                        const uint8_t signature[EE_P256_SIGNATURE_SIZE]);
    bool (*p256_public)(const uint8_t private_key[32], uint8_t public_out[EE_P256_POINT_SIZE]);
    bool (*p256_sign)(const uint8_t private_key[32], const uint8_t digest[EE_SHA256_SIZE],
                      uint8_t signature_out[EE_P256_SIGNATURE_SIZE]);
    bool (*ed25519_verify)(const uint8_t public_key[EE_ED25519_KEY_SIZE], struct ee_bytes message,
                           const uint8_t signature[EE_ED25519_SIGNATURE_SIZE]);
    bool (*ed25519_public)(const uint8_t seed[EE_ED25519_KEY_SIZE],
                           uint8_t public_out[EE_ED25519_KEY_SIZE]);
    bool (*ed25519_sign)(const uint8_t seed[EE_ED25519_KEY_SIZE], struct ee_bytes message,
                         uint8_t signature_out[EE_ED25519_SIGNATURE_SIZE]);
    bool (*x25519_public)(const uint8_t private_key[EE_X25519_KEY_SIZE],
                          uint8_t public_out[EE_X25519_KEY_SIZE]);
    /* False also for the all-zero shared secret (RFC 7748 section 6.1). */
    bool (*x25519)(const uint8_t private_key[EE_X25519_KEY_SIZE],
                   const uint8_t peer_public[EE_X25519_KEY_SIZE],
                   uint8_t shared_out[EE_X25519_KEY_SIZE]);
    /* AES-256-GCM: out has plain.size + 16 bytes, the tag last. */
    bool (*aead_seal)(const uint8_t key[EE_AEAD_KEY_SIZE], const uint8_t nonce[EE_AEAD_NONCE_SIZE],
                      struct ee_bytes associated, struct ee_bytes plain, uint8_t *out);
    /* out has sealed.size - 16 bytes. */
    bool (*aead_open)(const uint8_t key[EE_AEAD_KEY_SIZE], const uint8_t nonce[EE_AEAD_NONCE_SIZE],
                      struct ee_bytes associated, struct ee_bytes sealed, uint8_t *out);
};

#endif
