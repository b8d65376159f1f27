/* SPDX-License-Identifier: Apache-2.0 */
#include "io/crypto_openssl.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>

#include "base/banned.h"

/* Hashing fails only when libcrypto is broken; a wrong digest must never be used. */
static void digest(const EVP_MD *md, const struct ee_bytes *parts, size_t count, uint8_t *out)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestInit_ex(ctx, md, NULL) == 1;
    for (size_t i = 0; ok && i < count; i++)
        ok = parts[i].size == 0 || EVP_DigestUpdate(ctx, parts[i].data, parts[i].size) == 1;
    ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    if (!ok)
        abort();
}

static void sha256(const struct ee_bytes *parts, size_t count, uint8_t out[EE_SHA256_SIZE])
{
    digest(EVP_sha256(), parts, count, out);
}

static void sha384(const struct ee_bytes *parts, size_t count, uint8_t out[EE_SHA384_SIZE])
{
    digest(EVP_sha384(), parts, count, out);
}

/* RFC 2104 over the table's own SHA-256. */
static void hmac_sha256(struct ee_bytes key, const struct ee_bytes *parts, size_t count,
                        uint8_t out[EE_SHA256_SIZE])
{
    uint8_t block[64] = {0}, pad[64], inner[EE_SHA256_SIZE];
    if (key.size > sizeof(block))
        sha256(&key, 1, block);
    else if (key.size)
        memcpy(block, key.data, key.size);
    for (size_t i = 0; i < sizeof(pad); i++)
        pad[i] = block[i] ^ 0x36;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
              EVP_DigestUpdate(ctx, pad, sizeof(pad)) == 1;
    for (size_t i = 0; ok && i < count; i++)
        ok = parts[i].size == 0 || EVP_DigestUpdate(ctx, parts[i].data, parts[i].size) == 1;
    ok = ok && EVP_DigestFinal_ex(ctx, inner, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    if (!ok)
        abort();
    for (size_t i = 0; i < sizeof(pad); i++)
        pad[i] = block[i] ^ 0x5c;
    const struct ee_bytes outer[] = {ee_bytes_of(pad, sizeof(pad)),
                                     ee_bytes_of(inner, sizeof(inner))};
    sha256(outer, 2, out);
    ee_wipe(block, sizeof(block));
    ee_wipe(pad, sizeof(pad));
}

static EVP_PKEY *p256_key(const uint8_t public_key[EE_P256_POINT_SIZE], const BIGNUM *private_key)
{
    uint8_t point[1 + EE_P256_POINT_SIZE] = {POINT_CONVERSION_UNCOMPRESSED};
    memcpy(point + 1, public_key, EE_P256_POINT_SIZE);
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    bool ok =
        ctx && build &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, SN_X9_62_prime256v1,
                                        0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) == 1;
    if (ok && private_key)
        ok = OSSL_PARAM_BLD_push_BN_pad(build, OSSL_PKEY_PARAM_PRIV_KEY, private_key, 32) == 1;
    ok = ok && (params = OSSL_PARAM_BLD_to_param(build)) != NULL;
    ok = ok && EVP_PKEY_fromdata_init(ctx) == 1 &&
         EVP_PKEY_fromdata(ctx, &key, private_key ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                           params) == 1;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    return ok ? key : NULL;
}

/* r||s to the DER that EVP wants; at most 72 bytes. 0 on failure. */
static int signature_der(const uint8_t signature[EE_P256_SIGNATURE_SIZE], uint8_t out[80])
{
    ECDSA_SIG *parsed = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, 32, NULL);
    BIGNUM *s = BN_bin2bn(signature + 32, 32, NULL);
    int size = 0;
    if (parsed && r && s && ECDSA_SIG_set0(parsed, r, s) == 1) {
        r = s = NULL; /* now the signature's */
        uint8_t *end = out;
        size = i2d_ECDSA_SIG(parsed, &end);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(parsed);
    return size > 0 ? size : 0;
}

static bool p256_verify(const uint8_t public_key[EE_P256_POINT_SIZE],
                        const uint8_t message_digest[EE_SHA256_SIZE],
                        const uint8_t signature[EE_P256_SIGNATURE_SIZE])
{
    uint8_t der[80];
    int der_size = signature_der(signature, der);
    EVP_PKEY *key = der_size ? p256_key(public_key, NULL) : NULL;
    EVP_PKEY_CTX *ctx = key ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
    bool ok = ctx && EVP_PKEY_verify_init(ctx) == 1 &&
              EVP_PKEY_verify(ctx, der, (size_t)der_size, message_digest, EE_SHA256_SIZE) == 1;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    return ok;
}

static bool p256_public(const uint8_t private_key[32], uint8_t public_out[EE_P256_POINT_SIZE])
{
    uint8_t point[1 + EE_P256_POINT_SIZE];
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *product = group ? EC_POINT_new(group) : NULL;
    BIGNUM *scalar = BN_bin2bn(private_key, 32, NULL);
    bool ok = product && scalar && !BN_is_zero(scalar) &&
              BN_cmp(scalar, EC_GROUP_get0_order(group)) < 0 &&
              EC_POINT_mul(group, product, scalar, NULL, NULL, NULL) == 1 &&
              EC_POINT_point2oct(group, product, POINT_CONVERSION_UNCOMPRESSED, point,
                                 sizeof(point), NULL) == sizeof(point);
    if (ok)
        memcpy(public_out, point + 1, EE_P256_POINT_SIZE);
    BN_clear_free(scalar);
    EC_POINT_free(product);
    EC_GROUP_free(group);
    return ok;
}

static bool signature_raw(const uint8_t *der, size_t der_size,
                          uint8_t signature_out[EE_P256_SIGNATURE_SIZE])
{
    ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &der, (long)der_size);
    bool ok = parsed && BN_bn2binpad(ECDSA_SIG_get0_r(parsed), signature_out, 32) == 32 &&
              BN_bn2binpad(ECDSA_SIG_get0_s(parsed), signature_out + 32, 32) == 32;
    ECDSA_SIG_free(parsed);
    return ok;
}

static bool p256_sign(const uint8_t private_key[32], const uint8_t message_digest[EE_SHA256_SIZE],
                      uint8_t signature_out[EE_P256_SIGNATURE_SIZE])
{
    uint8_t public_key[EE_P256_POINT_SIZE], der[80], raw[EE_P256_SIGNATURE_SIZE];
    size_t der_size = sizeof(der);
    if (!p256_public(private_key, public_key))
        return false;
    BIGNUM *scalar = BN_bin2bn(private_key, 32, NULL);
    EVP_PKEY *key = scalar ? p256_key(public_key, scalar) : NULL;
    EVP_PKEY_CTX *ctx = key ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
    bool ok = ctx && EVP_PKEY_sign_init(ctx) == 1 &&
              EVP_PKEY_sign(ctx, der, &der_size, message_digest, EE_SHA256_SIZE) == 1 &&
              signature_raw(der, der_size, raw);
    if (ok)
        memcpy(signature_out, raw, sizeof(raw));
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    BN_clear_free(scalar);
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
