/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/hpke.h"

#include <string.h>

#include "base/banned.h"

/* RFC 9180 section 7: KEM 0x0020, KDF 0x0001, AEAD 0x0002. */
static const uint8_t kem_suite[] = {'K', 'E', 'M', 0x00, 0x20};
static const uint8_t hpke_suite[] = {'H', 'P', 'K', 'E', 0x00, 0x20, 0x00, 0x01, 0x00, 0x02};
static const char version_label[] = "HPKE-v1";

static struct ee_bytes kem_id(void)
{
    return ee_bytes_of(kem_suite, sizeof(kem_suite));
}

static struct ee_bytes hpke_id(void)
{
    return ee_bytes_of(hpke_suite, sizeof(hpke_suite));
}

/* Section 4: LabeledExtract(salt, label, ikm). */
static void labeled_extract(const struct ee_crypto *crypto, struct ee_bytes suite,
                            struct ee_bytes salt, const char *label, struct ee_bytes ikm,
                            uint8_t out[EE_SHA256_SIZE])
{
    const struct ee_bytes parts[] = {ee_bytes_str(version_label), suite, ee_bytes_str(label), ikm};
    static const uint8_t zero_salt[EE_SHA256_SIZE] = {0}; /* RFC 5869 section 2.2: no salt */
    if (salt.size == 0)
        salt = ee_bytes_of(zero_salt, sizeof(zero_salt));
    crypto->hmac_sha256(salt, parts, 4, out);
}

/* Section 4: LabeledExpand(prk, label, info, L) for L up to one hash, which is all this suite uses.
 */
static void labeled_expand(const struct ee_crypto *crypto, struct ee_bytes suite,
                           const uint8_t prk[EE_SHA256_SIZE], const char *label,
                           struct ee_bytes info, uint8_t *out, size_t size)
{
    const uint8_t length[] = {0, (uint8_t)size}, counter[] = {1};
    const struct ee_bytes parts[] = {
        ee_bytes_of(length, 2), ee_bytes_str(version_label), suite, ee_bytes_str(label), info,
        ee_bytes_of(counter, 1)};
    uint8_t block[EE_SHA256_SIZE];
    crypto->hmac_sha256(ee_bytes_of(prk, EE_SHA256_SIZE), parts, 6, block);
    memcpy(out, block, size);
    ee_wipe(block, sizeof(block));
}

/* Section 4.1: ExtractAndExpand(dh, enc || recipient). */
static void shared_secret(const struct ee_crypto *crypto, const uint8_t dh[EE_X25519_KEY_SIZE],
                          const uint8_t enc[EE_HPKE_ENC_SIZE],
                          const uint8_t recipient_public[EE_X25519_KEY_SIZE],
                          uint8_t out[EE_HPKE_SHARED_SIZE])
{
    uint8_t kem_context[EE_HPKE_ENC_SIZE + EE_X25519_KEY_SIZE], prk[EE_SHA256_SIZE];
    memcpy(kem_context, enc, EE_HPKE_ENC_SIZE);
    memcpy(kem_context + EE_HPKE_ENC_SIZE, recipient_public, EE_X25519_KEY_SIZE);
    labeled_extract(crypto, kem_id(), ee_bytes_of(NULL, 0), "eae_prk",
                    ee_bytes_of(dh, EE_X25519_KEY_SIZE), prk);
    labeled_expand(crypto, kem_id(), prk, "shared_secret",
                   ee_bytes_of(kem_context, sizeof(kem_context)), out, EE_HPKE_SHARED_SIZE);
    ee_wipe(prk, sizeof(prk));
}

enum ee_err ee_hpke_encap(const struct ee_crypto *crypto,
                          const uint8_t ephemeral_private[EE_X25519_KEY_SIZE],
                          const uint8_t recipient_public[EE_X25519_KEY_SIZE],
                          uint8_t enc_out[EE_HPKE_ENC_SIZE],
                          uint8_t shared_out[EE_HPKE_SHARED_SIZE])
{
    uint8_t enc[EE_HPKE_ENC_SIZE], dh[EE_X25519_KEY_SIZE];
    if (!crypto->x25519_public(ephemeral_private, enc) ||
        !crypto->x25519(ephemeral_private, recipient_public, dh))
        return EE_CRYPTO;
    shared_secret(crypto, dh, enc, recipient_public, shared_out);
    memcpy(enc_out, enc, sizeof(enc));
    ee_wipe(dh, sizeof(dh));
    return EE_OK;
}

enum ee_err ee_hpke_decap(const struct ee_crypto *crypto, const uint8_t enc[EE_HPKE_ENC_SIZE],
                          const uint8_t recipient_private[EE_X25519_KEY_SIZE],
                          uint8_t shared_out[EE_HPKE_SHARED_SIZE])
{
    uint8_t recipient_public[EE_X25519_KEY_SIZE], dh[EE_X25519_KEY_SIZE];
    if (!crypto->x25519_public(recipient_private, recipient_public) ||
        !crypto->x25519(recipient_private, enc, dh))
        return EE_SEAL_OPEN;
    shared_secret(crypto, dh, enc, recipient_public, shared_out);
    ee_wipe(dh, sizeof(dh));
    return EE_OK;
}

void ee_hpke_schedule(const struct ee_crypto *crypto, const uint8_t shared[EE_HPKE_SHARED_SIZE],
                      struct ee_bytes info, struct ee_hpke_keys *out)
{
    uint8_t context[1 + 2 * EE_SHA256_SIZE] = {0}; /* first byte: mode_base */
    uint8_t secret[EE_SHA256_SIZE];
    const struct ee_bytes none = ee_bytes_of(NULL, 0);
    labeled_extract(crypto, hpke_id(), none, "psk_id_hash", none, context + 1);
    labeled_extract(crypto, hpke_id(), none, "info_hash", info, context + 1 + EE_SHA256_SIZE);
    labeled_extract(crypto, hpke_id(), ee_bytes_of(shared, EE_HPKE_SHARED_SIZE), "secret", none,
                    secret);
    const struct ee_bytes bound = ee_bytes_of(context, sizeof(context));
    labeled_expand(crypto, hpke_id(), secret, "key", bound, out->key, sizeof(out->key));
    labeled_expand(crypto, hpke_id(), secret, "base_nonce", bound, out->nonce, sizeof(out->nonce));
    ee_wipe(secret, sizeof(secret));
}

enum ee_err ee_hpke_seal(const struct ee_crypto *crypto,
                         const uint8_t ephemeral_private[EE_X25519_KEY_SIZE],
                         const uint8_t recipient_public[EE_X25519_KEY_SIZE], struct ee_bytes info,
                         struct ee_bytes associated, struct ee_bytes plain, uint8_t *out)
{
    uint8_t enc[EE_HPKE_ENC_SIZE], shared[EE_HPKE_SHARED_SIZE];
    struct ee_hpke_keys keys;
    EE_TRY(ee_hpke_encap(crypto, ephemeral_private, recipient_public, enc, shared));
    ee_hpke_schedule(crypto, shared, info, &keys);
    bool sealed =
        crypto->aead_seal(keys.key, keys.nonce, associated, plain, out + EE_HPKE_ENC_SIZE);
    if (sealed)
        memcpy(out, enc, sizeof(enc));
    ee_wipe(shared, sizeof(shared));
    ee_wipe(&keys, sizeof(keys));
    return sealed ? EE_OK : EE_CRYPTO;
}

enum ee_err ee_hpke_open(const struct ee_crypto *crypto,
                         const uint8_t recipient_private[EE_X25519_KEY_SIZE], struct ee_bytes info,
                         struct ee_bytes associated, struct ee_bytes sealed, uint8_t *out)
{
    uint8_t shared[EE_HPKE_SHARED_SIZE];
    struct ee_hpke_keys keys;
    if (sealed.size < EE_HPKE_OVERHEAD)
        return EE_SEAL_OPEN;
    EE_TRY(ee_hpke_decap(crypto, sealed.data, recipient_private, shared));
    ee_hpke_schedule(crypto, shared, info, &keys);
    const struct ee_bytes rest =
        ee_bytes_of(sealed.data + EE_HPKE_ENC_SIZE, sealed.size - EE_HPKE_ENC_SIZE);
    bool opened = crypto->aead_open(keys.key, keys.nonce, associated, rest, out);
    ee_wipe(shared, sizeof(shared));
    ee_wipe(&keys, sizeof(keys));
    return opened ? EE_OK : EE_SEAL_OPEN;
}
