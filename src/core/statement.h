/* SPDX-License-Identifier: Apache-2.0 */
/* Signed statements about the log, as files and as everybody checks them: a recovery (the founding
 * key says which head was lost in a restore) and the succession of the checkpoint key.
 * docs/spec/recovery.md. */
#ifndef EE_CORE_STATEMENT_H
#define EE_CORE_STATEMENT_H

#include "core/command.h"
#include "tlog/checkpoint.h"

enum {
    EE_STATEMENT_BYTES_MAX = 512, /* canonical payload */
    EE_STATEMENT_FILE_MAX = 1024, /* text, with a NUL */
    EE_SUCCESSIONS_MAX = 64,      /* in one list */
};
#define EE_STATEMENT_RECOVERY "ee-recovery-1"
#define EE_STATEMENT_SUCCESSION "ee-succession-1"

/* Signed by the founding key over this network: EE_SIGNATURE. Says nothing about any log. */
EE_MUST_USE enum ee_err ee_recovery_verify(const struct ee_crypto *crypto,
                                           const uint8_t network_id[32],
                                           const uint8_t founding_key[EE_ED25519_KEY_SIZE],
                                           const struct ee_recovery *recovery);
/* Whether it explains that `seen` is no longer in the log. EE_NOT_COVERED: `seen` is larger than
 * the lost head, or another head of its size. EE_RECOVERY: `seen` is not beyond the restored head,
 * so this restore lost nothing of it; of the restored head's size its root must be that. Whether a
 * smaller head is a prefix of the lost one nobody can say who does not have the lost log: the
 * founding key answers for that. */
EE_MUST_USE enum ee_err ee_recovery_covers(const struct ee_recovery *recovery, uint64_t seen_size,
                                           const struct ee_tlog_hash *seen_root);

/* Signed by the old key, or by the founding key: EE_SIGNATURE. */
EE_MUST_USE enum ee_err ee_checkpoint_key_verify(const struct ee_crypto *crypto,
                                                 const uint8_t network_id[32],
                                                 const uint8_t founding_key[EE_ED25519_KEY_SIZE],
                                                 const struct ee_checkpoint_key *key);
/* Every statement holds, each is of the key before it and numbered one more, and the last leads to
 * `newest`. EE_SIGNATURE, EE_SUCCESSION; an empty list is fine. */
EE_MUST_USE enum ee_err ee_succession_verify(const struct ee_crypto *crypto,
                                             const uint8_t network_id[32],
                                             const uint8_t founding_key[EE_ED25519_KEY_SIZE],
                                             const struct ee_checkpoint_key *list, size_t count,
                                             const uint8_t newest[EE_ED25519_KEY_SIZE]);
/* The same, and `note` is signed by `newest` or by a key the list leads from: whose checkpoint it
 * is. EE_SUCCESSION: by none of them; errors of ee_tlog_checkpoint_verify(). */
EE_MUST_USE enum ee_err ee_succession_note(const struct ee_crypto *crypto,
                                           const uint8_t network_id[32],
                                           const uint8_t founding_key[EE_ED25519_KEY_SIZE],
                                           const struct ee_checkpoint_key *list, size_t count,
                                           const uint8_t newest[EE_ED25519_KEY_SIZE],
                                           struct ee_bytes note, struct ee_tlog_checkpoint *out);

/* A file: `label` and the base64 of the payload, a line each. EE_TOO_LARGE. *size_out is without
 * the NUL. */
EE_MUST_USE enum ee_err ee_statement_write(const char *label, struct ee_bytes payload, char *out,
                                           size_t capacity, size_t *size_out);
/* Accepts exactly what ee_statement_write() makes. EE_SYNTAX; EE_TOO_LARGE. */
EE_MUST_USE enum ee_err ee_statement_read(const char *label, struct ee_bytes file,
                                          uint8_t out[EE_STATEMENT_BYTES_MAX], size_t *size_out);
/* File form to and from a recovery; also the errors of its decoder. */
EE_MUST_USE enum ee_err ee_recovery_read(struct ee_bytes file, struct ee_recovery *out);
EE_MUST_USE enum ee_err ee_recovery_write(const struct ee_recovery *recovery,
                                          char out[EE_STATEMENT_FILE_MAX], size_t *size_out);
EE_MUST_USE enum ee_err ee_succession_read(struct ee_bytes file, struct ee_checkpoint_key *out);
EE_MUST_USE enum ee_err ee_succession_write(const struct ee_checkpoint_key *key,
                                            char out[EE_STATEMENT_FILE_MAX], size_t *size_out);

#endif
