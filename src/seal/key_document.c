/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/key_document.h"

#include <string.h>

#include "seal/hkdf.h"

#include "base/banned.h"

enum { INFO_SIZE = 256, MAC_SIZE = EE_SHA256_SIZE };

/* ---- what binds the parts ---- */

/* Where a share belongs: network, generation and key. */
static void place_write(struct ee_writer *w, const char *label,
                        const struct ee_key_document *document)
{
    ee_writer_label(w, label, 1);
    ee_writer_bytes(w, document->network_id, sizeof(document->network_id));
    ee_writer_u64(w, document->generation);
    ee_writer_bytes(w, document->key_id, sizeof(document->key_id));
}

static struct ee_bytes row_info(const struct ee_key_document *document, size_t row,
                                uint8_t buffer[INFO_SIZE])
{
    struct ee_writer w;
    ee_writer_init(&w, buffer, INFO_SIZE);
    place_write(&w, "ee-key-share", document);
    ee_writer_u8(&w, (uint8_t)(row + 1));
    ee_writer_bytes(&w, document->rows[row].holder.public_key, EE_X25519_KEY_SIZE);
    return ee_writer_done(&w);
}

static struct ee_bytes way_info(const struct ee_key_document *document, uint8_t index,
                                const struct ee_key_recipient *recipient, uint8_t buffer[INFO_SIZE])
{
    struct ee_writer w;
    ee_writer_init(&w, buffer, INFO_SIZE);
    place_write(&w, "ee-unseal-share", document);
    ee_writer_u8(&w, index);
    ee_writer_bytes(&w, recipient->identity, sizeof(recipient->identity));
    ee_writer_bytes(&w, recipient->public_key, sizeof(recipient->public_key));
    return ee_writer_done(&w);
}

/* A share is 32 bytes without structure, so its hash tells nothing of it. */
static void commit(const struct ee_crypto *crypto, const struct ee_key_document *document,
                   const struct ee_shamir_share *share, uint8_t out[32])
{
    uint8_t memory[INFO_SIZE];
    struct ee_writer w;
    ee_writer_init(&w, memory, sizeof(memory));
    place_write(&w, "ee-key-commitment", document);
    ee_writer_u8(&w, share->index);
    ee_writer_bytes(&w, share->bytes, sizeof(share->bytes));
    const struct ee_bytes bytes = ee_writer_done(&w);
    crypto->sha256(&bytes, 1, out);
    ee_wipe(memory, sizeof(memory));
}

static void derive(const struct ee_crypto *crypto, const struct ee_key_document *document,
                   const char *label, const struct ee_data_key *key, uint8_t out[32])
{
    uint8_t memory[INFO_SIZE];
    struct ee_writer w;
    ee_writer_init(&w, memory, sizeof(memory));
    place_write(&w, label, document);
    ee_hkdf_sha256(crypto, ee_bytes_of(NULL, 0), ee_bytes_of(key->key, sizeof(key->key)),
                   ee_writer_done(&w), out);
}

/* ---- codec ---- */

static void body_write(const struct ee_key_document *document, struct ee_writer *w)
{
    place_write(w, "ee-journal-key", document);
    ee_writer_u64(w, document->number);
    ee_writer_u8(w, document->threshold);
    ee_writer_u8(w, document->count);
    for (size_t i = 0; i < document->count; i++) {
        const struct ee_key_row *row = &document->rows[i];
        ee_writer_text(w, row->holder.name);
        ee_writer_bytes(w, row->holder.public_key, sizeof(row->holder.public_key));
        ee_writer_bytes(w, row->commitment, sizeof(row->commitment));
        ee_writer_bytes(w, row->sealed, sizeof(row->sealed));
    }
    ee_writer_u8(w, document->has_previous ? 1 : 0);
    if (document->has_previous) {
        ee_writer_bytes(w, document->previous_id, sizeof(document->previous_id));
        ee_writer_bytes(w, document->previous, sizeof(document->previous));
    }
}

enum ee_err ee_key_document_encode(const struct ee_key_document *document, uint8_t *out,
                                   size_t capacity, size_t *size_out)
{
    struct ee_writer w;
    ee_writer_init(&w, out, capacity);
    body_write(document, &w);
    ee_writer_bytes(&w, document->mac, sizeof(document->mac));
    if (w.err != EE_OK)
        return w.err;
    *size_out = w.size;
    return EE_OK;
}

static void row_read(struct ee_cursor *c, struct ee_key_row *row)
{
    ee_cursor_text(c, row->holder.name, sizeof(row->holder.name));
    ee_cursor_copy(c, row->holder.public_key, sizeof(row->holder.public_key));
    ee_cursor_copy(c, row->commitment, sizeof(row->commitment));
    ee_cursor_copy(c, row->sealed, sizeof(row->sealed));
}

/* The list inside it keeps the rules of a list. */
static enum ee_err list_check(const struct ee_key_document *document)
{
    uint8_t memory[EE_KEY_HOLDERS_SIZE_MAX];
    size_t size;
    struct ee_key_holders holders = {
        .number = document->number, .threshold = document->threshold, .count = document->count};
    for (size_t i = 0; i < document->count; i++)
        holders.holders[i] = document->rows[i].holder;
    return ee_key_holders_encode(&holders, memory, sizeof(memory), &size);
}

static enum ee_err previous_read(struct ee_cursor *c, struct ee_key_document *out)
{
    uint8_t flag = ee_cursor_u8(c);
    if (flag > 1)
        return EE_RANGE;
    out->has_previous = flag == 1;
    if (!out->has_previous)
        return EE_OK;
    ee_cursor_copy(c, out->previous_id, sizeof(out->previous_id));
    ee_cursor_copy(c, out->previous, sizeof(out->previous));
    return EE_OK;
}

enum ee_err ee_key_document_decode(struct ee_bytes bytes, struct ee_key_document *out)
{
    struct ee_key_document document = {.generation = 0};
    struct ee_cursor c;
    ee_cursor_init(&c, bytes);
    ee_cursor_label(&c, "ee-journal-key", 1);
    ee_cursor_copy(&c, document.network_id, sizeof(document.network_id));
    document.generation = ee_cursor_u64(&c);
    ee_cursor_copy(&c, document.key_id, sizeof(document.key_id));
    document.number = ee_cursor_u64(&c);
    document.threshold = ee_cursor_u8(&c);
    document.count = ee_cursor_u8(&c);
    if (c.err == EE_OK && (document.count > EE_KEY_HOLDERS_MAX || document.generation == 0))
        return EE_RANGE;
    for (size_t i = 0; i < document.count && c.err == EE_OK; i++)
        row_read(&c, &document.rows[i]);
    EE_TRY(previous_read(&c, &document));
    ee_cursor_copy(&c, document.mac, sizeof(document.mac));
    EE_TRY(ee_cursor_end(&c));
    EE_TRY(list_check(&document));
    *out = document;
    return EE_OK;
}

/* ---- making ---- */

static void mac_make(const struct ee_crypto *crypto, const struct ee_key_document *document,
                     const struct ee_data_key *key, uint8_t out[MAC_SIZE])
{
    uint8_t memory[EE_KEY_DOCUMENT_SIZE_MAX], mac_key[32];
    struct ee_writer w;
    ee_writer_init(&w, memory, sizeof(memory));
    body_write(document, &w);
    derive(crypto, document, "ee-key-mac", key, mac_key);
    const struct ee_bytes body = ee_writer_done(&w);
    crypto->hmac_sha256(ee_bytes_of(mac_key, sizeof(mac_key)), &body, 1, out);
    ee_wipe(mac_key, sizeof(mac_key));
}

static enum ee_err rows_make(const struct ee_crypto *crypto, const struct ee_data_key *key,
                             const uint8_t *random, struct ee_key_document *document)
{
    struct ee_shamir_share shares[EE_KEY_HOLDERS_MAX];
    uint8_t info[INFO_SIZE];
    const uint8_t *ephemeral = random + EE_SHAMIR_RANDOM_SIZE(document->threshold);
    enum ee_err err =
        ee_shamir_split(key->key, document->threshold, document->count, random, shares);
    for (size_t i = 0; err == EE_OK && i < document->count; i++) {
        struct ee_key_row *row = &document->rows[i];
        commit(crypto, document, &shares[i], row->commitment);
        err = ee_hpke_seal(crypto, ephemeral + i * EE_X25519_KEY_SIZE, row->holder.public_key,
                           row_info(document, i, info), ee_bytes_of(NULL, 0),
                           ee_bytes_of(shares[i].bytes, sizeof(shares[i].bytes)), row->sealed);
    }
    ee_wipe(shares, sizeof(shares));
    return err;
}

/* Sealed once under a key derived for this one purpose, so the nonce may be zero. */
static enum ee_err previous_make(const struct ee_crypto *crypto, const struct ee_data_key *key,
                                 const struct ee_data_key *previous,
                                 struct ee_key_document *document)
{
    static const uint8_t nonce[EE_AEAD_NONCE_SIZE];
    uint8_t subkey[32];
    document->has_previous = previous != NULL;
    if (previous == NULL)
        return EE_OK;
    memcpy(document->previous_id, previous->id, sizeof(document->previous_id));
    derive(crypto, document, "ee-key-previous", key, subkey);
    bool ok = crypto->aead_seal(
        subkey, nonce, ee_bytes_of(document->previous_id, sizeof(document->previous_id)),
        ee_bytes_of(previous->key, sizeof(previous->key)), document->previous);
    ee_wipe(subkey, sizeof(subkey));
    return ok ? EE_OK : EE_CRYPTO;
}

enum ee_err ee_key_document_make(const struct ee_crypto *crypto,
                                 const struct ee_key_holders *holders, uint64_t generation,
                                 const struct ee_data_key *key, const struct ee_data_key *previous,
                                 const uint8_t *random, struct ee_key_document *out)
{
    struct ee_key_document document = {.generation = generation,
                                       .number = holders->number,
                                       .threshold = holders->threshold,
                                       .count = holders->count};
    if (generation == 0 || holders->count > EE_KEY_HOLDERS_MAX)
        return EE_RANGE;
    memcpy(document.network_id, holders->network_id, sizeof(document.network_id));
    memcpy(document.key_id, key->id, sizeof(document.key_id));
    for (size_t i = 0; i < holders->count; i++)
        document.rows[i].holder = holders->holders[i];
    EE_TRY(list_check(&document));
    EE_TRY(rows_make(crypto, key, random, &document));
    EE_TRY(previous_make(crypto, key, previous, &document));
    mac_make(crypto, &document, key, document.mac);
    *out = document;
    return EE_OK;
}

/* ---- shares ---- */

static bool committed(const struct ee_crypto *crypto, const struct ee_key_document *document,
                      const struct ee_shamir_share *share)
{
    uint8_t hash[32];
    commit(crypto, document, share, hash);
    return memcmp(hash, document->rows[share->index - 1].commitment, sizeof(hash)) == 0;
}

static enum ee_err share_open(const struct ee_crypto *crypto,
                              const struct ee_key_document *document, size_t row,
                              const uint8_t *recipient_private, struct ee_bytes info,
                              const uint8_t *sealed, struct ee_shamir_share *out)
{
    struct ee_shamir_share share = {.index = (uint8_t)(row + 1)};
    enum ee_err err = ee_hpke_open(crypto, recipient_private, info, ee_bytes_of(NULL, 0),
                                   ee_bytes_of(sealed, EE_KEY_SHARE_SEALED_SIZE), share.bytes);
    if (err == EE_OK && !committed(crypto, document, &share))
        err = EE_SEAL_OPEN;
    if (err == EE_OK)
        *out = share;
    ee_wipe(&share, sizeof(share));
    return err;
}

enum ee_err ee_key_share_open(const struct ee_crypto *crypto,
                              const struct ee_key_document *document,
                              const uint8_t holder_private[EE_X25519_KEY_SIZE],
                              struct ee_shamir_share *out)
{
    uint8_t public_key[EE_X25519_KEY_SIZE], info[INFO_SIZE];
    if (!crypto->x25519_public(holder_private, public_key))
        return EE_CRYPTO;
    for (size_t i = 0; i < document->count; i++)
        if (memcmp(document->rows[i].holder.public_key, public_key, sizeof(public_key)) == 0)
            return share_open(crypto, document, i, holder_private, row_info(document, i, info),
                              document->rows[i].sealed, out);
    return EE_NOT_FOUND;
}

enum ee_err ee_key_share_send(const struct ee_crypto *crypto,
                              const struct ee_key_document *document,
                              const struct ee_key_recipient *recipient,
                              const uint8_t ephemeral_private[EE_X25519_KEY_SIZE],
                              const struct ee_shamir_share *share,
                              uint8_t sealed_out[EE_KEY_SHARE_SEALED_SIZE])
{
    uint8_t info[INFO_SIZE];
    return ee_hpke_seal(crypto, ephemeral_private, recipient->public_key,
                        way_info(document, share->index, recipient, info), ee_bytes_of(NULL, 0),
                        ee_bytes_of(share->bytes, sizeof(share->bytes)), sealed_out);
}

enum ee_err ee_key_share_receive(const struct ee_crypto *crypto,
                                 const struct ee_key_document *document,
                                 const struct ee_key_recipient *recipient,
                                 const uint8_t recipient_private[EE_X25519_KEY_SIZE], uint8_t index,
                                 const uint8_t sealed[EE_KEY_SHARE_SEALED_SIZE],
                                 struct ee_shamir_share *out)
{
    uint8_t info[INFO_SIZE];
    if (index < 1 || index > document->count)
        return EE_RANGE;
    return share_open(crypto, document, (size_t)index - 1, recipient_private,
                      way_info(document, index, recipient, info), sealed, out);
}

/* ---- the key ---- */

enum ee_err ee_key_document_check(const struct ee_crypto *crypto,
                                  const struct ee_key_document *document,
                                  const struct ee_data_key *key)
{
    uint8_t mac[MAC_SIZE];
    mac_make(crypto, document, key, mac);
    bool ok = memcmp(key->id, document->key_id, sizeof(key->id)) == 0 &&
              ee_bytes_equal_secret(mac, document->mac, sizeof(mac));
    return ok ? EE_OK : EE_SEAL_OPEN;
}

enum ee_err ee_key_document_join(const struct ee_crypto *crypto,
                                 const struct ee_key_document *document,
                                 const struct ee_shamir_share *shares, size_t count,
                                 struct ee_data_key *out)
{
    uint8_t secret[EE_SHAMIR_SECRET_SIZE];
    struct ee_data_key key;
    if (count != document->threshold)
        return EE_RANGE;
    EE_TRY(ee_shamir_join(shares, count, secret));
    ee_data_key_init(crypto, secret, &key);
    ee_wipe(secret, sizeof(secret));
    enum ee_err err = ee_key_document_check(crypto, document, &key);
    if (err == EE_OK)
        *out = key;
    ee_wipe(&key, sizeof(key));
    return err;
}

enum ee_err ee_key_document_previous(const struct ee_crypto *crypto,
                                     const struct ee_key_document *document,
                                     const struct ee_data_key *key, struct ee_data_key *out)
{
    static const uint8_t nonce[EE_AEAD_NONCE_SIZE];
    uint8_t subkey[32], secret[EE_DATA_KEY_SIZE];
    struct ee_data_key previous;
    if (!document->has_previous)
        return EE_NOT_FOUND;
    derive(crypto, document, "ee-key-previous", key, subkey);
    bool ok = crypto->aead_open(
        subkey, nonce, ee_bytes_of(document->previous_id, sizeof(document->previous_id)),
        ee_bytes_of(document->previous, sizeof(document->previous)), secret);
    ee_wipe(subkey, sizeof(subkey));
    if (!ok)
        return EE_SEAL_OPEN;
    ee_data_key_init(crypto, secret, &previous);
    ee_wipe(secret, sizeof(secret));
    ok = memcmp(previous.id, document->previous_id, sizeof(previous.id)) == 0;
    if (ok)
        *out = previous;
    ee_wipe(&previous, sizeof(previous));
    return ok ? EE_OK : EE_SEAL_OPEN;
}
