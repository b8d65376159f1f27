/* SPDX-License-Identifier: Apache-2.0 */
#include "io/crypto_openssl.h"

#define OPENSSL_SUPPRESS_DEPRECATED /* the low-level hashes and ECDSA, see there */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/sha.h>

#include "base/banned.h"

/* The low-level hashes: EVP looks its provider up for every digest, which costs as much as hashing
 * half a kilobyte, and allocates. These do neither and fail only for a NULL context. */
static void sha256_parts(SHA256_CTX *ctx, const struct ee_bytes *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (parts[i].size)
            (void)SHA256_Update(ctx, parts[i].data, parts[i].size);
}

static void sha256(const struct ee_bytes *parts, size_t count, uint8_t out[EE_SHA256_SIZE])
{
    SHA256_CTX ctx;
    (void)SHA256_Init(&ctx);
    sha256_parts(&ctx, parts, count);
    (void)SHA256_Final(out, &ctx); /* wipes the context */
}

static void sha384(const struct ee_bytes *parts, size_t count, uint8_t out[EE_SHA384_SIZE])
{
    SHA512_CTX ctx;
    (void)SHA384_Init(&ctx);
    for (size_t i = 0; i < count; i++)
        if (parts[i].size)
            (void)SHA384_Update(&ctx, parts[i].data, parts[i].size);
    (void)SHA384_Final(out, &ctx);
}

/* RFC 2104 over the table's own SHA-256. */
static void hmac_sha256(struct ee_bytes key, const struct ee_bytes *parts, size_t count,
                        uint8_t out[EE_SHA256_SIZE])
{
    uint8_t block[SHA256_CBLOCK] = {0}, pad[SHA256_CBLOCK], inner[EE_SHA256_SIZE];
    SHA256_CTX ctx;
    if (key.size > sizeof(block))
        sha256(&key, 1, block);
    else if (key.size)
        memcpy(block, key.data, key.size);
    for (size_t i = 0; i < sizeof(pad); i++)
        pad[i] = block[i] ^ 0x36;
    (void)SHA256_Init(&ctx);
    (void)SHA256_Update(&ctx, pad, sizeof(pad));
    sha256_parts(&ctx, parts, count);
    (void)SHA256_Final(inner, &ctx);
    for (size_t i = 0; i < sizeof(pad); i++)
        pad[i] = block[i] ^ 0x5c;
    const struct ee_bytes outer[] = {ee_bytes_of(pad, sizeof(pad)),
                                     ee_bytes_of(inner, sizeof(inner))};
    sha256(outer, 2, out);
    ee_wipe(block, sizeof(block));
    ee_wipe(pad, sizeof(pad));
    ee_wipe(inner, sizeof(inner));
}

/* The curve, made once and never changed, so that threads may share it. */
static pthread_once_t p256_once = PTHREAD_ONCE_INIT;
static const EC_GROUP *p256_group;

static void p256_group_make(void)
{
    p256_group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
}

static const EC_GROUP *p256(void)
{
    if (pthread_once(&p256_once, p256_group_make) != 0 || !p256_group)
        abort(); /* a libcrypto without P-256 can verify nothing */
    return p256_group;
}

/* A key object for public keys, kept between two verifications because making one copies the curve
 * (3 % of a verification). Holds nothing that matters; never more than one is kept. */
static _Atomic(EC_KEY *) p256_spare;

static EC_KEY *p256_key_take(void)
{
    EC_KEY *key = atomic_exchange(&p256_spare, NULL);
    if (key)
        return key;
    key = EC_KEY_new();
    if (key && EC_KEY_set_group(key, p256()) == 1)
        return key;
    EC_KEY_free(key);
    return NULL;
}

static void p256_key_give(EC_KEY *key)
{
    if (key)
        EC_KEY_free(atomic_exchange(&p256_spare, key)); /* another thread may have been first */
}

/* Coordinates below the prime and on the curve, else the point is not decoded; infinity has no
 * uncompressed form. The curve's cofactor is 1, so that any such point is a public key. */
static bool p256_key_set(EC_KEY *key, const uint8_t public_key[EE_P256_POINT_SIZE])
{
    uint8_t octets[1 + EE_P256_POINT_SIZE] = {POINT_CONVERSION_UNCOMPRESSED};
    memcpy(octets + 1, public_key, EE_P256_POINT_SIZE);
    return EC_KEY_oct2key(key, octets, sizeof(octets), NULL) == 1;
}

static ECDSA_SIG *signature_parse(const uint8_t signature[EE_P256_SIGNATURE_SIZE])
{
    ECDSA_SIG *parsed = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, 32, NULL);
    BIGNUM *s = BN_bin2bn(signature + 32, 32, NULL);
    if (parsed && r && s && ECDSA_SIG_set0(parsed, r, s) == 1)
        return parsed;
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(parsed);
    return NULL;
}

/* Past EVP, which would build a key through its providers and parse DER made for it alone. */
static bool p256_verify(const uint8_t public_key[EE_P256_POINT_SIZE],
                        const uint8_t message_digest[EE_SHA256_SIZE],
                        const uint8_t signature[EE_P256_SIGNATURE_SIZE])
{
    (void)ERR_set_mark(); /* a refusal here must not look like an error of the caller's TLS */
    EC_KEY *key = p256_key_take();
    ECDSA_SIG *parsed = key && p256_key_set(key, public_key) ? signature_parse(signature) : NULL;
    /* 1 valid, 0 not, -1 for r or s of 0 or not below the order. */
    bool ok = parsed && ECDSA_do_verify(message_digest, EE_SHA256_SIZE, parsed, key) == 1;
    ECDSA_SIG_free(parsed);
    p256_key_give(key);
    (void)ERR_pop_to_mark();
    return ok;
}

static bool p256_public(const uint8_t private_key[32], uint8_t public_out[EE_P256_POINT_SIZE])
{
    uint8_t octets[1 + EE_P256_POINT_SIZE];
    const EC_GROUP *group = p256();
    EC_POINT *product = EC_POINT_new(group);
    BIGNUM *scalar = BN_bin2bn(private_key, 32, NULL);
    bool ok = product && scalar && !BN_is_zero(scalar) &&
              BN_cmp(scalar, EC_GROUP_get0_order(group)) < 0 &&
              EC_POINT_mul(group, product, scalar, NULL, NULL, NULL) == 1 &&
              EC_POINT_point2oct(group, product, POINT_CONVERSION_UNCOMPRESSED, octets,
                                 sizeof(octets), NULL) == sizeof(octets);
    if (ok)
        memcpy(public_out, octets + 1, EE_P256_POINT_SIZE);
    BN_clear_free(scalar);
    EC_POINT_free(product);
    return ok;
}

static bool p256_sign(const uint8_t private_key[32], const uint8_t message_digest[EE_SHA256_SIZE],
                      uint8_t signature_out[EE_P256_SIGNATURE_SIZE])
{
    uint8_t raw[EE_P256_SIGNATURE_SIZE];
    const EC_GROUP *group = p256();
    EC_KEY *key = EC_KEY_new();
    BIGNUM *scalar = BN_secure_new();
    bool ok = key && scalar && BN_bin2bn(private_key, 32, scalar) && !BN_is_zero(scalar) &&
              BN_cmp(scalar, EC_GROUP_get0_order(group)) < 0 && EC_KEY_set_group(key, group) == 1 &&
              EC_KEY_set_private_key(key, scalar) == 1;
    ECDSA_SIG *made = ok ? ECDSA_do_sign(message_digest, EE_SHA256_SIZE, key) : NULL;
    ok = made && BN_bn2binpad(ECDSA_SIG_get0_r(made), raw, 32) == 32 &&
         BN_bn2binpad(ECDSA_SIG_get0_s(made), raw + 32, 32) == 32;
    if (ok)
        memcpy(signature_out, raw, sizeof(raw));
    ECDSA_SIG_free(made);
    BN_clear_free(scalar);
    EC_KEY_free(key);
    return ok;
}

static bool ed25519_verify(const uint8_t public_key[EE_ED25519_KEY_SIZE], struct ee_bytes message,
                           const uint8_t signature[EE_ED25519_SIGNATURE_SIZE])
{
    EVP_PKEY *key =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, EE_ED25519_KEY_SIZE);
    EVP_MD_CTX *ctx = key ? EVP_MD_CTX_new() : NULL;
    bool ok = ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestVerify(ctx, signature, EE_ED25519_SIGNATURE_SIZE, message.data,
                               message.size) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return ok;
}

/* The public half of a raw private key of Ed25519 or X25519. */
static bool raw_public(int type, const uint8_t private_key[32], uint8_t public_out[32])
{
    size_t size = 32;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(type, NULL, private_key, 32);
    bool ok = key && EVP_PKEY_get_raw_public_key(key, public_out, &size) == 1 && size == 32;
    EVP_PKEY_free(key);
    return ok;
}

static bool ed25519_public(const uint8_t seed[EE_ED25519_KEY_SIZE],
                           uint8_t public_out[EE_ED25519_KEY_SIZE])
{
    return raw_public(EVP_PKEY_ED25519, seed, public_out);
}

static bool ed25519_sign(const uint8_t seed[EE_ED25519_KEY_SIZE], struct ee_bytes message,
                         uint8_t signature_out[EE_ED25519_SIGNATURE_SIZE])
{
    size_t size = EE_ED25519_SIGNATURE_SIZE;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, EE_ED25519_KEY_SIZE);
    EVP_MD_CTX *ctx = key ? EVP_MD_CTX_new() : NULL;
    bool ok = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestSign(ctx, signature_out, &size, message.data, message.size) == 1 &&
              size == EE_ED25519_SIGNATURE_SIZE;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return ok;
}

static bool x25519_public(const uint8_t private_key[EE_X25519_KEY_SIZE],
                          uint8_t public_out[EE_X25519_KEY_SIZE])
{
    return raw_public(EVP_PKEY_X25519, private_key, public_out);
}

static bool x25519(const uint8_t private_key[EE_X25519_KEY_SIZE],
                   const uint8_t peer_public[EE_X25519_KEY_SIZE],
                   uint8_t shared_out[EE_X25519_KEY_SIZE])
{
    uint8_t shared[EE_X25519_KEY_SIZE];
    size_t size = sizeof(shared);
    EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, 32);
    EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer_public, 32);
    EVP_PKEY_CTX *ctx = own && peer ? EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL) : NULL;
    bool ok = ctx && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
              EVP_PKEY_derive(ctx, shared, &size) == 1 && size == sizeof(shared) &&
              !ee_bytes_all_zero(shared, sizeof(shared));
    if (ok)
        memcpy(shared_out, shared, sizeof(shared));
    ee_wipe(shared, sizeof(shared));
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(own);
    return ok;
}

static bool aead_update(EVP_CIPHER_CTX *ctx, uint8_t *out, struct ee_bytes in)
{
    int size = 0;
    return in.size <= INT32_MAX &&
           (in.size == 0 || EVP_CipherUpdate(ctx, out, &size, in.data, (int)in.size) == 1);
}

static bool aead_seal(const uint8_t key[EE_AEAD_KEY_SIZE], const uint8_t nonce[EE_AEAD_NONCE_SIZE],
                      struct ee_bytes associated, struct ee_bytes plain, uint8_t *out)
{
    int size = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok =
        ctx && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce, 1) == 1 &&
        aead_update(ctx, NULL, associated) && aead_update(ctx, out, plain) &&
        EVP_CipherFinal_ex(ctx, out + plain.size, &size) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, EE_AEAD_TAG_SIZE, out + plain.size) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

static bool aead_open(const uint8_t key[EE_AEAD_KEY_SIZE], const uint8_t nonce[EE_AEAD_NONCE_SIZE],
                      struct ee_bytes associated, struct ee_bytes sealed, uint8_t *out)
{
    int size = 0;
    if (sealed.size < EE_AEAD_TAG_SIZE)
        return false;
    struct ee_bytes body = ee_bytes_of(sealed.data, sealed.size - EE_AEAD_TAG_SIZE);
    uint8_t tag[EE_AEAD_TAG_SIZE];
    memcpy(tag, sealed.data + body.size, sizeof(tag));
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok = ctx && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce, 0) == 1 &&
              aead_update(ctx, NULL, associated) && aead_update(ctx, out, body) &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) == 1 &&
              EVP_CipherFinal_ex(ctx, tag, &size) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (!ok)
        ee_wipe(out, body.size); /* nothing unauthenticated leaves */
    return ok;
}

const struct ee_crypto ee_crypto_openssl = {
    .name = "openssl",
    .sha256 = sha256,
    .sha384 = sha384,
    .hmac_sha256 = hmac_sha256,
    .p256_verify = p256_verify,
    .p256_public = p256_public,
    .p256_sign = p256_sign,
    .ed25519_verify = ed25519_verify,
    .ed25519_public = ed25519_public,
    .ed25519_sign = ed25519_sign,
    .x25519_public = x25519_public,
    .x25519 = x25519,
    .aead_seal = aead_seal,
    .aead_open = aead_open,
};
