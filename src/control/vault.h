/* SPDX-License-Identifier: Apache-2.0 */
/* The journal keys of this process and everything it seals with them: batches of the journal, files
 * beside it in slices, small secrets by name. New data is sealed by the current key with a salt of
 * this start, old data opened by whichever key its pieces name. Any thread. Formats:
 * docs/spec/journal.md, "Sealing". */
#ifndef EE_CONTROL_VAULT_H
#define EE_CONTROL_VAULT_H

#include <stdbool.h>

#include "base/crypto.h"
#include "io/journal.h"
#include "seal/data_seal.h"

enum {
    EE_VAULT_KEYS_MAX = 1024,      /* generations of the journal key */
    EE_VAULT_SECRET_NAME_MAX = 48, /* a letter, then letters, digits, '-', '_', '.' */
    EE_VAULT_SECRET_MAX = EE_JOURNAL_META_MAX - EE_DATA_SEAL_OVERHEAD,
};

struct ee_vault;

/* EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_vault_new(const struct ee_crypto *crypto, struct ee_vault **out);
void ee_vault_free(struct ee_vault *vault); /* wipes; NULL is fine */

/* Adds a key (copied; once is enough). `current`: seals from now on, with a fresh salt. EE_FULL. */
EE_MUST_USE enum ee_err ee_vault_add(struct ee_vault *vault, const struct ee_data_key *key,
                                     bool current);
bool ee_vault_ready(const struct ee_vault *vault); /* has a current key */
/* Copies the current key; the caller wipes it. EE_STATE: there is none. */
EE_MUST_USE enum ee_err ee_vault_current(struct ee_vault *vault, struct ee_data_key *out);

/* For ee_journal_open(); valid as long as the vault. */
const struct ee_journal_seal *ee_vault_journal_seal(struct ee_vault *vault);

/* A piece of anything: out gets plain.size + EE_DATA_SEAL_OVERHEAD bytes. `associated` names its
 * kind and place and starts with a label of its own. EE_STATE: no current key; EE_TOO_LARGE. */
EE_MUST_USE enum ee_err ee_vault_seal(struct ee_vault *vault, struct ee_bytes associated,
                                      struct ee_bytes plain, uint8_t *out, size_t capacity,
                                      size_t *size_out);
/* EE_SEAL_OPEN: no key here opens it with this associated data; EE_TOO_LARGE. */
EE_MUST_USE enum ee_err ee_vault_open(struct ee_vault *vault, struct ee_bytes associated,
                                      struct ee_bytes sealed, uint8_t *out, size_t capacity,
                                      size_t *size_out);

/* A file too large for one piece, slice by slice in order. Slices of another blob, in another
 * order, or with the end missing do not open. */
struct ee_vault_blob {
    struct ee_bytes associated; /* names the blob, with a label of its own; at most 256 bytes */
    uint64_t slices;            /* sealed or opened so far; start with 0 */
    bool ended;                 /* the last one was */
};
/* `last`: no slice follows. EE_STATE: it has ended, or no current key; EE_TOO_LARGE. */
EE_MUST_USE enum ee_err ee_vault_slice_seal(struct ee_vault *vault, struct ee_vault_blob *blob,
                                            bool last, struct ee_bytes plain, uint8_t *out,
                                            size_t capacity, size_t *size_out);
/* `last`: as the reader finds it, because the file ends here. EE_SEAL_OPEN. */
EE_MUST_USE enum ee_err ee_vault_slice_open(struct ee_vault *vault, struct ee_vault_blob *blob,
                                            bool last, struct ee_bytes sealed, uint8_t *out,
                                            size_t capacity, size_t *size_out);

/* Small secrets by name, sealed in the journal's store; durable when put returns, replacing the old
 * one. An older copy of the store gives an older value. EE_NAME; EE_TOO_LARGE: above
 * EE_VAULT_SECRET_MAX; EE_STATE: no current key; errors of the store. */
EE_MUST_USE enum ee_err ee_vault_secret_put(struct ee_vault *vault, struct ee_journal *journal,
                                            const char *name, struct ee_bytes value);
/* The caller wipes `out`. EE_NOT_FOUND, EE_NAME, EE_TOO_LARGE beyond capacity, EE_SEAL_OPEN. */
EE_MUST_USE enum ee_err ee_vault_secret_get(struct ee_vault *vault, struct ee_journal *journal,
                                            const char *name, uint8_t *out, size_t capacity,
                                            size_t *size_out);

#endif
