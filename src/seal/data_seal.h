/* SPDX-License-Identifier: Apache-2.0 */
/* Data at rest under a journal key: AES-256-GCM with a subkey per start, HKDF-SHA-256(journal key,
 * fresh salt), and a counter as nonce. Key id, salt and counter travel with each piece, so that any
 * piece opens by itself. A sealer that begins with a fresh random salt never meets a nonce of an
 * earlier one, whatever became of the disk. Format: docs/spec/journal.md, "Sealing". */
#ifndef EE_SEAL_DATA_SEAL_H
#define EE_SEAL_DATA_SEAL_H

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/err.h"

enum {
    EE_DATA_KEY_SIZE = 32,
    EE_DATA_KEY_ID_SIZE = 16,
    EE_DATA_SALT_SIZE = 32,
    EE_DATA_SEAL_HEADER_SIZE = 1 + EE_DATA_KEY_ID_SIZE + EE_DATA_SALT_SIZE + 8,
    EE_DATA_SEAL_OVERHEAD = EE_DATA_SEAL_HEADER_SIZE + EE_AEAD_TAG_SIZE,
};

/* A key and its public name, which is also how a key put together from shares is checked. */
struct ee_data_key {
    uint8_t id[EE_DATA_KEY_ID_SIZE];
    uint8_t key[EE_DATA_KEY_SIZE];
};
void ee_data_key_init(const struct ee_crypto *crypto, const uint8_t key[EE_DATA_KEY_SIZE],
                      struct ee_data_key *out);

/* What seals the pieces of one start. A secret: the holder wipes it. */
struct ee_data_sealer {
    uint8_t key_id[EE_DATA_KEY_ID_SIZE];
    uint8_t salt[EE_DATA_SALT_SIZE];
    uint8_t subkey[EE_AEAD_KEY_SIZE];
    uint64_t counter; /* of the next piece */
};
/* `salt`: fresh random bytes, never used before. */
void ee_data_sealer_init(const struct ee_crypto *crypto, const struct ee_data_key *key,
                         const uint8_t salt[EE_DATA_SALT_SIZE], struct ee_data_sealer *out);
/* Seals at the sealer's counter, which it raises also on failure: no value is used twice. Writes
 * plain.size + EE_DATA_SEAL_OVERHEAD bytes. EE_TOO_LARGE: capacity; EE_FULL: the counter has run
 * out; EE_CRYPTO. */
EE_MUST_USE enum ee_err ee_data_seal(const struct ee_crypto *crypto, struct ee_data_sealer *sealer,
                                     struct ee_bytes associated, struct ee_bytes plain,
                                     uint8_t *out, size_t capacity, size_t *size_out);

/* What a sealed piece says about itself; borrowed. */
struct ee_data_seal_header {
    const uint8_t *key_id;
    const uint8_t *salt;
    uint64_t counter;
    struct ee_bytes sealed; /* ciphertext and tag */
};
/* EE_SEAL_OPEN: too short, or another form. */
EE_MUST_USE enum ee_err ee_data_seal_read(struct ee_bytes piece, struct ee_data_seal_header *out);
/* EE_SEAL_OPEN: not sealed by `key` with this associated data, or damaged; EE_TOO_LARGE: capacity
 * below piece.size - EE_DATA_SEAL_OVERHEAD. */
EE_MUST_USE enum ee_err ee_data_open(const struct ee_crypto *crypto, const struct ee_data_key *key,
                                     struct ee_bytes associated, struct ee_bytes piece,
                                     uint8_t *out, size_t capacity, size_t *size_out);

#endif
