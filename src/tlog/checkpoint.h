/* SPDX-License-Identifier: Apache-2.0 */
/* Signed head of a log as text: C2SP tlog-checkpoint in a C2SP signed-note, Ed25519. Origin and key
 * name are both "easyenclave/" and the network id in lower-case hex. Format:
 * docs/spec/checkpoint.md.
 */
#ifndef EE_TLOG_CHECKPOINT_H
#define EE_TLOG_CHECKPOINT_H

#include "tlog/merkle.h"

enum {
    EE_TLOG_CHECKPOINT_SIZE_MAX = 384,  /* what we write, with a NUL */
    EE_TLOG_CHECKPOINT_READ_MAX = 4096, /* what we read: other signers may add lines */
    EE_TLOG_SIGNATURES_MAX = 16,
};

struct ee_tlog_checkpoint {
    uint8_t network_id[32];
    uint64_t size; /* leaves */
    struct ee_tlog_hash root;
};

/* Writes the note with one signature and a NUL; *size_out is without the NUL. EE_TOO_LARGE: the
 * buffer is smaller than EE_TLOG_CHECKPOINT_SIZE_MAX; EE_CRYPTO: the key cannot sign. */
EE_MUST_USE enum ee_err ee_tlog_checkpoint_sign(const struct ee_crypto *crypto,
                                                const struct ee_tlog_checkpoint *checkpoint,
                                                const uint8_t seed[EE_ED25519_KEY_SIZE], char *out,
                                                size_t capacity, size_t *size_out);
/* Checks a note against the network and the key of its control plane. Signatures of other keys are
 * allowed and not checked. EE_WRONG_NETWORK: another origin; EE_CHECKPOINT: no valid signature of
 * `public_key`; EE_SYNTAX, EE_TOO_LARGE: not a note of this form. Says nothing about newness: the
 * caller compares with the highest it has seen and asks for a consistency proof. */
EE_MUST_USE enum ee_err ee_tlog_checkpoint_verify(const struct ee_crypto *crypto,
                                                  struct ee_bytes text,
                                                  const uint8_t network_id[32],
                                                  const uint8_t public_key[EE_ED25519_KEY_SIZE],
                                                  struct ee_tlog_checkpoint *out);

#endif
