/* SPDX-License-Identifier: Apache-2.0 */
#include "io/crypto_signer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/bytes.h"
#include "io/crypto_openssl.h"

#include "base/banned.h"

/* The last signing key, kept because OpenSSL computes the public key each time one is made, which
 * costs as much as a signature. Whoever signs holds the seed in memory anyway; the one before is
 * wiped. */
struct signer {
    uint8_t seed[EE_ED25519_KEY_SIZE], public_key[EE_ED25519_KEY_SIZE];
    EVP_PKEY *key;
};
static _Atomic(struct signer *) spare_signer;

static void signer_free(struct signer *signer)
{
    if (signer == NULL)
        return;
    EVP_PKEY_free(signer->key);
    ee_wipe(signer, sizeof(*signer));
    free(signer);
}

static struct signer *signer_new(const uint8_t seed[EE_ED25519_KEY_SIZE])
{
    size_t size = EE_ED25519_KEY_SIZE;
    struct signer *signer = calloc(1, sizeof(*signer));
    if (signer == NULL)
        return NULL;
    memcpy(signer->seed, seed, EE_ED25519_KEY_SIZE);
    signer->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, EE_ED25519_KEY_SIZE);
    if (signer->key && EVP_PKEY_get_raw_public_key(signer->key, signer->public_key, &size) == 1)
        return signer;
    signer_free(signer);
    return NULL;
}

static struct signer *signer_take(const uint8_t seed[EE_ED25519_KEY_SIZE])
{
    struct signer *signer = atomic_exchange(&spare_signer, NULL);
    if (signer && ee_bytes_equal_secret(signer->seed, seed, EE_ED25519_KEY_SIZE))
        return signer;
    signer_free(signer);
    return signer_new(seed);
}

static void signer_give(struct signer *signer)
{
    if (signer)
        signer_free(atomic_exchange(&spare_signer, signer));
}

static bool ed25519_public(const uint8_t seed[EE_ED25519_KEY_SIZE],
                           uint8_t public_out[EE_ED25519_KEY_SIZE])
{
    struct signer *signer = signer_take(seed);
    bool ok = signer != NULL;
    if (ok)
        memcpy(public_out, signer->public_key, EE_ED25519_KEY_SIZE);
    signer_give(signer);
    return ok;
}

static bool ed25519_sign(const uint8_t seed[EE_ED25519_KEY_SIZE], struct ee_bytes message,
                         uint8_t signature_out[EE_ED25519_SIGNATURE_SIZE])
{
    size_t size = EE_ED25519_SIGNATURE_SIZE;
    struct signer *signer = signer_take(seed);
    EVP_MD_CTX *ctx = signer ? EVP_MD_CTX_new() : NULL;
    bool ok = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, signer->key) == 1 &&
              EVP_DigestSign(ctx, signature_out, &size, message.data, message.size) == 1 &&
              size == EE_ED25519_SIGNATURE_SIZE;
    EVP_MD_CTX_free(ctx);
    signer_give(signer);
    return ok;
}

static struct ee_crypto crypto; /* made once, never changed */
static pthread_once_t crypto_once = PTHREAD_ONCE_INIT;

static void crypto_make(void)
{
    crypto = ee_crypto_openssl;
    crypto.ed25519_public = ed25519_public;
    crypto.ed25519_sign = ed25519_sign;
}

const struct ee_crypto *ee_crypto_signer(void)
{
    (void)pthread_once(&crypto_once, crypto_make);
    return &crypto;
}
