/* SPDX-License-Identifier: Apache-2.0 */
/* A journal key in the keeping of holders: which people hold it (a list the founding key signs),
 * and the document beside the journal with one share of the key for each of them, wrapped to their
 * key. Any `threshold` of them give it back. Each later key's document holds the key before it,
 * sealed by the later one, so the newest opens all. Format: docs/spec/journal-key.md. */
#ifndef EE_SEAL_KEY_DOCUMENT_H
#define EE_SEAL_KEY_DOCUMENT_H

#include <stdbool.h>

#include "base/text.h"
#include "seal/data_seal.h"
#include "seal/hpke.h"
#include "seal/shamir.h"

enum {
    EE_KEY_HOLDERS_MAX = EE_SHAMIR_SHARES_MAX,
    EE_KEY_SHARE_SIZE = EE_SHAMIR_SECRET_SIZE,
    EE_KEY_SHARE_SEALED_SIZE = EE_KEY_SHARE_SIZE + EE_HPKE_OVERHEAD,
    EE_KEY_HOLDERS_SIZE_MAX = 2048, /* encoded */
    EE_KEY_DOCUMENT_SIZE_MAX = 4096,
};

struct ee_key_holder {
    char name[EE_NAME_MAX + 1];
    uint8_t public_key[EE_X25519_KEY_SIZE];
};

struct ee_key_holders {
    uint8_t network_id[32];
    uint64_t number;   /* from 1; a later list has a higher one */
    uint8_t threshold; /* of the holders needed */
    uint8_t count;
    struct ee_key_holder holders[EE_KEY_HOLDERS_MAX];
};

/* EE_RANGE: number 0, counts, a zero key; EE_NAME; EE_DUPLICATE_FIELD: a name or key twice;
 * EE_TOO_LARGE: capacity. */
EE_MUST_USE enum ee_err ee_key_holders_encode(const struct ee_key_holders *holders, uint8_t *out,
                                              size_t capacity, size_t *size_out);
/* Also EE_SYNTAX, EE_UNSUPPORTED, EE_TRUNCATED, EE_TRAILING. */
EE_MUST_USE enum ee_err ee_key_holders_decode(struct ee_bytes bytes, struct ee_key_holders *out);

struct ee_key_document {
    uint8_t network_id[32];
    uint64_t generation; /* of the key, from 1 */
    uint64_t number;     /* of the list of holders */
    uint8_t key_id[EE_DATA_KEY_ID_SIZE];
    uint8_t threshold;
    uint8_t count;
    struct ee_key_row {
        struct ee_key_holder holder;
        uint8_t commitment[32]; /* to the share: tells which one is wrong */
        uint8_t sealed[EE_KEY_SHARE_SEALED_SIZE];
    } rows[EE_KEY_HOLDERS_MAX]; /* row i has share i + 1 */
    bool has_previous;          /* generation above 1, or a key before the first list */
    uint8_t previous_id[EE_DATA_KEY_ID_SIZE];
    uint8_t previous[EE_DATA_KEY_SIZE + EE_AEAD_TAG_SIZE];
    uint8_t mac[32]; /* by the key itself: whoever wrote this had it */
};

/* Splits `key` among the holders. `random`: fresh, EE_KEY_RANDOM_SIZE(holders) bytes, wiped by the
 * caller. `previous` NULL: there is none. EE_RANGE; EE_CRYPTO: a holder's key is unusable. */
#define EE_KEY_RANDOM_SIZE(holders)                                                                \
    (EE_SHAMIR_RANDOM_SIZE((holders)->threshold) + (size_t)(holders)->count * EE_X25519_KEY_SIZE)
EE_MUST_USE enum ee_err ee_key_document_make(const struct ee_crypto *crypto,
                                             const struct ee_key_holders *holders,
                                             uint64_t generation, const struct ee_data_key *key,
                                             const struct ee_data_key *previous,
                                             const uint8_t *random, struct ee_key_document *out);
/* EE_TOO_LARGE: capacity; EE_KEY_DOCUMENT_SIZE_MAX always does. */
EE_MUST_USE enum ee_err ee_key_document_encode(const struct ee_key_document *document, uint8_t *out,
                                               size_t capacity, size_t *size_out);
/* EE_SYNTAX, EE_UNSUPPORTED, EE_TRUNCATED, EE_TRAILING, EE_RANGE, EE_NAME, EE_DUPLICATE_FIELD. */
EE_MUST_USE enum ee_err ee_key_document_decode(struct ee_bytes bytes, struct ee_key_document *out);

/* The holder's side: the row of this key, and the share in it. EE_NOT_FOUND: no share for this
 * key; EE_SEAL_OPEN: the row was changed. */
EE_MUST_USE enum ee_err ee_key_share_open(const struct ee_crypto *crypto,
                                          const struct ee_key_document *document,
                                          const uint8_t holder_private[EE_X25519_KEY_SIZE],
                                          struct ee_shamir_share *out);
/* On its way to one start of one control plane: `recipient` is the sealing key in its evidence. */
struct ee_key_recipient {
    uint8_t identity[32]; /* control id of its claims */
    uint8_t public_key[EE_X25519_KEY_SIZE];
};
EE_MUST_USE enum ee_err ee_key_share_send(const struct ee_crypto *crypto,
                                          const struct ee_key_document *document,
                                          const struct ee_key_recipient *recipient,
                                          const uint8_t ephemeral_private[EE_X25519_KEY_SIZE],
                                          const struct ee_shamir_share *share,
                                          uint8_t sealed_out[EE_KEY_SHARE_SEALED_SIZE]);
/* EE_RANGE: no such share; EE_SEAL_OPEN: not for this start, or not the share that was given out.
 */
EE_MUST_USE enum ee_err
ee_key_share_receive(const struct ee_crypto *crypto, const struct ee_key_document *document,
                     const struct ee_key_recipient *recipient,
                     const uint8_t recipient_private[EE_X25519_KEY_SIZE], uint8_t index,
                     const uint8_t sealed[EE_KEY_SHARE_SEALED_SIZE], struct ee_shamir_share *out);

/* From document->threshold shares. EE_SEAL_OPEN: they do not give this key, or the document was
 * not written by somebody who had it; EE_RANGE, EE_DUPLICATE_FIELD. */
EE_MUST_USE enum ee_err ee_key_document_join(const struct ee_crypto *crypto,
                                             const struct ee_key_document *document,
                                             const struct ee_shamir_share *shares, size_t count,
                                             struct ee_data_key *out);
/* Whether the document is of this key and was written by somebody who had it: EE_SEAL_OPEN. */
EE_MUST_USE enum ee_err ee_key_document_check(const struct ee_crypto *crypto,
                                              const struct ee_key_document *document,
                                              const struct ee_data_key *key);
/* The key before. EE_NOT_FOUND: there is none; EE_SEAL_OPEN. */
EE_MUST_USE enum ee_err ee_key_document_previous(const struct ee_crypto *crypto,
                                                 const struct ee_key_document *document,
                                                 const struct ee_data_key *key,
                                                 struct ee_data_key *out);

#endif
