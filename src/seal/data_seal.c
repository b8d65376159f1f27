/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/data_seal.h"

#include <string.h>

#include "seal/hkdf.h"

#include "base/banned.h"

enum { FORM = 1, INFO_SIZE = 64 };

static struct ee_bytes label_bytes(const char *label, uint8_t buffer[INFO_SIZE])
{
    struct ee_writer w;
    ee_writer_init(&w, buffer, INFO_SIZE);
    ee_writer_label(&w, label, 1);
    return ee_writer_done(&w);
}

static void subkey_derive(const struct ee_crypto *crypto, const struct ee_data_key *key,
                          const uint8_t salt[EE_DATA_SALT_SIZE], uint8_t out[EE_AEAD_KEY_SIZE])
{
    uint8_t info[INFO_SIZE];
    ee_hkdf_sha256(crypto, ee_bytes_of(salt, EE_DATA_SALT_SIZE),
                   ee_bytes_of(key->key, sizeof(key->key)), label_bytes("ee-data-subkey", info),
                   out);
}

static void nonce_make(uint64_t counter, uint8_t out[EE_AEAD_NONCE_SIZE])
{
    struct ee_writer w;
    ee_writer_init(&w, out, EE_AEAD_NONCE_SIZE);
    ee_writer_u32(&w, 0);
    ee_writer_u64(&w, counter);
}

void ee_data_key_init(const struct ee_crypto *crypto, const uint8_t key[EE_DATA_KEY_SIZE],
                      struct ee_data_key *out)
{
    uint8_t info[INFO_SIZE], hash[EE_SHA256_SIZE];
    ee_hkdf_sha256(crypto, ee_bytes_of(NULL, 0), ee_bytes_of(key, EE_DATA_KEY_SIZE),
                   label_bytes("ee-data-key-id", info), hash);
    memcpy(out->key, key, sizeof(out->key));
    memcpy(out->id, hash, sizeof(out->id));
}

void ee_data_sealer_init(const struct ee_crypto *crypto, const struct ee_data_key *key,
                         const uint8_t salt[EE_DATA_SALT_SIZE], struct ee_data_sealer *out)
{
    memcpy(out->key_id, key->id, sizeof(out->key_id));
    memcpy(out->salt, salt, sizeof(out->salt));
    subkey_derive(crypto, key, salt, out->subkey);
    out->counter = 0;
}

enum ee_err ee_data_seal(const struct ee_crypto *crypto, struct ee_data_sealer *sealer,
                         struct ee_bytes associated, struct ee_bytes plain, uint8_t *out,
                         size_t capacity, size_t *size_out)
{
    uint8_t nonce[EE_AEAD_NONCE_SIZE];
    struct ee_writer w;
    if (sealer->counter == UINT64_MAX)
        return EE_FULL;
    uint64_t counter = sealer->counter++;
    if (capacity < EE_DATA_SEAL_OVERHEAD || capacity - EE_DATA_SEAL_OVERHEAD < plain.size)
        return EE_TOO_LARGE;
    nonce_make(counter, nonce);
    if (!crypto->aead_seal(sealer->subkey, nonce, associated, plain,
                           out + EE_DATA_SEAL_HEADER_SIZE))
        return EE_CRYPTO;
    ee_writer_init(&w, out, EE_DATA_SEAL_HEADER_SIZE);
    ee_writer_u8(&w, FORM);
    ee_writer_bytes(&w, sealer->key_id, sizeof(sealer->key_id));
    ee_writer_bytes(&w, sealer->salt, sizeof(sealer->salt));
    ee_writer_u64(&w, counter);
    *size_out = plain.size + EE_DATA_SEAL_OVERHEAD;
    return w.err;
}

enum ee_err ee_data_seal_read(struct ee_bytes piece, struct ee_data_seal_header *out)
{
    struct ee_data_seal_header header;
    struct ee_cursor c;
    ee_cursor_init(&c, piece);
    uint8_t form = ee_cursor_u8(&c);
    header.key_id = ee_cursor_take(&c, EE_DATA_KEY_ID_SIZE);
    header.salt = ee_cursor_take(&c, EE_DATA_SALT_SIZE);
    header.counter = ee_cursor_u64(&c);
    header.sealed = ee_cursor_bytes(&c, c.left);
    if (c.err != EE_OK || form != FORM || header.sealed.size < EE_AEAD_TAG_SIZE)
        return EE_SEAL_OPEN;
    *out = header;
    return EE_OK;
}

enum ee_err ee_data_open(const struct ee_crypto *crypto, const struct ee_data_key *key,
                         struct ee_bytes associated, struct ee_bytes piece, uint8_t *out,
                         size_t capacity, size_t *size_out)
{
    uint8_t nonce[EE_AEAD_NONCE_SIZE], subkey[EE_AEAD_KEY_SIZE];
    struct ee_data_seal_header header;
    EE_TRY(ee_data_seal_read(piece, &header));
    if (memcmp(header.key_id, key->id, sizeof(key->id)) != 0)
        return EE_SEAL_OPEN;
    if (capacity < header.sealed.size - EE_AEAD_TAG_SIZE)
        return EE_TOO_LARGE;
    subkey_derive(crypto, key, header.salt, subkey);
    nonce_make(header.counter, nonce);
    bool ok = crypto->aead_open(subkey, nonce, associated, header.sealed, out);
    ee_wipe(subkey, sizeof(subkey));
    if (!ok)
        return EE_SEAL_OPEN;
    *size_out = header.sealed.size - EE_AEAD_TAG_SIZE;
    return EE_OK;
}
