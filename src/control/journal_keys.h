/* SPDX-License-Identifier: Apache-2.0 */
/* Where the journal's keys come from: documents in its store that holders open (seal/
 * key_document.h), or in a development network a file. docs/spec/journal-key.md. */
#ifndef EE_CONTROL_JOURNAL_KEYS_H
#define EE_CONTROL_JOURNAL_KEYS_H

#include "control/vault.h"
#include "io/journal.h"
#include "seal/key_document.h"

enum { EE_HOLDERS_FILE_MAX = 8192, EE_KEY_FILE_MAX = 65 * 256 };

/* ---- lists of holders, signed by the founding key ---- */

/* {"format":"ee-unseal-holders-1","holders":BASE64,"signature":HEX}: the canonical list and the
 * signature over it. EE_SYNTAX, errors of ee_key_holders_decode(); EE_WRONG_NETWORK; EE_SIGNATURE.
 */
EE_MUST_USE enum ee_err ee_holders_parse(const struct ee_crypto *crypto, struct ee_bytes text,
                                         const uint8_t network_id[32],
                                         const uint8_t founding_key[EE_ED25519_KEY_SIZE],
                                         struct ee_key_holders *out);
EE_MUST_USE enum ee_err ee_holders_read(const struct ee_crypto *crypto, const char *path,
                                        const uint8_t network_id[32],
                                        const uint8_t founding_key[EE_ED25519_KEY_SIZE],
                                        struct ee_key_holders *out);
/* The file's text into out[EE_HOLDERS_FILE_MAX], with a line feed and a NUL. EE_CRYPTO; errors of
 * ee_key_holders_encode(). */
EE_MUST_USE enum ee_err ee_holders_sign(const struct ee_crypto *crypto,
                                        const struct ee_key_holders *holders,
                                        const uint8_t founding_seed[EE_ED25519_KEY_SIZE],
                                        char out[EE_HOLDERS_FILE_MAX]);

/* ---- documents in the journal's store ---- */

/* The newest one. EE_NOT_FOUND: holders do not keep this journal's key. EE_JOURNAL_CORRUPT: it is
 * not one, or of another network; EE_IO. */
EE_MUST_USE enum ee_err ee_key_document_newest(struct ee_journal *journal,
                                               struct ee_key_document *out);
/* A new key for the holders: its document is durable, then it is the vault's current one. The
 * generation after `last`, whose key the vault has; NULL: the first. EE_HOLDERS: the list is not
 * newer than that of `last`; EE_JOURNAL; errors of ee_key_document_make(). */
EE_MUST_USE enum ee_err ee_journal_key_renew(struct ee_vault *vault, struct ee_journal *journal,
                                             const struct ee_crypto *crypto,
                                             const struct ee_key_holders *holders,
                                             const struct ee_key_document *last,
                                             struct ee_key_document *out);
/* Adds the newest key and all before it to the vault. EE_SEAL_OPEN, EE_JOURNAL_CORRUPT: a document
 * before it is missing or does not fit. */
EE_MUST_USE enum ee_err ee_journal_keys_unlock(struct ee_vault *vault, struct ee_journal *journal,
                                               const struct ee_crypto *crypto,
                                               const struct ee_key_document *newest,
                                               const struct ee_data_key *key);

/* ---- a file, in a development network ---- */

/* Lines of 64 hex digits; the last is current. EE_NOT_FOUND; EE_FORBIDDEN: others may read it;
 * EE_SYNTAX. */
EE_MUST_USE enum ee_err ee_key_file_load(const struct ee_crypto *crypto, const char *path,
                                         struct ee_vault *vault);
/* Adds a fresh key as the last line, durably; makes the file when it is missing. EE_FULL. */
EE_MUST_USE enum ee_err ee_key_file_renew(const char *path);

#endif
