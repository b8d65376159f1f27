/* SPDX-License-Identifier: Apache-2.0 */
/* Two signed heads of one key that cannot both be true, as a text file that anyone checks offline.
 * Format: docs/spec/checkpoint.md, "Evidence of equivocation". No memory is allocated. */
#ifndef EE_TLOG_EQUIVOCATION_H
#define EE_TLOG_EQUIVOCATION_H

#include <stdbool.h>

#include "tlog/checkpoint.h"

enum { EE_TLOG_EQUIVOCATION_SIZE_MAX = 20480 }; /* of a file, with a NUL */

struct ee_tlog_equivocation {
    uint8_t network_id[32];
    uint8_t key[EE_ED25519_KEY_SIZE]; /* that signed both; the second, with has_first_key */
    bool has_first_key;               /* the network's key changed between them */
    uint8_t first_key[EE_ED25519_KEY_SIZE];
    struct ee_bytes first, second; /* notes as seen, in that order; borrowed */
    /* What the network itself showed: the root its log of the larger size has at the smaller one,
     * and the consistency proof of that. */
    bool has_proof;
    struct ee_tlog_hash prefix;
    struct ee_tlog_proof proof;
};

enum ee_tlog_contradiction {
    EE_TLOG_TWO_ROOTS = 1, /* one size, two roots */
    EE_TLOG_FORK = 2,      /* the larger log starts with another log than the smaller one */
};

/* EE_TOO_LARGE: a note above EE_TLOG_CHECKPOINT_READ_MAX, or the buffer is smaller than
 * EE_TLOG_EQUIVOCATION_SIZE_MAX. *size_out is without the NUL. */
EE_MUST_USE enum ee_err ee_tlog_equivocation_write(const struct ee_tlog_equivocation *evidence,
                                                   char *out, size_t capacity, size_t *size_out);
/* `memory` of at least 2 * EE_TLOG_CHECKPOINT_READ_MAX bytes holds the notes. EE_SYNTAX,
 * EE_TRUNCATED, EE_TRAILING, EE_TOO_LARGE: not of this form. */
EE_MUST_USE enum ee_err ee_tlog_equivocation_read(struct ee_bytes text, uint8_t *memory,
                                                  size_t capacity,
                                                  struct ee_tlog_equivocation *out);
/* Both notes are signed by their keys, and contradict each other. EE_PROOF: both are valid, but may
 * both be true: an older head shown after a newer one is a rollback to whoever saw both, and no
 * proof to others. Errors of ee_tlog_checkpoint_verify(). `first_out` and `second_out` are also
 * written with EE_PROOF. */
EE_MUST_USE enum ee_err ee_tlog_equivocation_check(const struct ee_crypto *crypto,
                                                   const struct ee_tlog_equivocation *evidence,
                                                   struct ee_tlog_checkpoint *first_out,
                                                   struct ee_tlog_checkpoint *second_out,
                                                   enum ee_tlog_contradiction *out);

#endif
