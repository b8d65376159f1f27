/* SPDX-License-Identifier: Apache-2.0 */
/* Shamir's secret sharing (A. Shamir, "How to share a secret", CACM 22, 1979) byte by byte over
 * GF(2^8) with the polynomial x^8 + x^4 + x^3 + x + 1 (FIPS 197, section 4.2). Share `i` is the
 * value at x = i, from 1. Time and memory access depend on sizes and indexes, never on secrets or
 * shares. No randomness is drawn here, and nothing shows whether joined shares were the right ones:
 * the caller compares with a check value. */
#ifndef EE_SEAL_SHAMIR_H
#define EE_SEAL_SHAMIR_H

#include "base/bytes.h"
#include "base/err.h"

enum {
    EE_SHAMIR_SECRET_SIZE = 32,
    EE_SHAMIR_SHARES_MAX = 16,
};

struct ee_shamir_share {
    uint8_t index; /* 1 to EE_SHAMIR_SHARES_MAX */
    uint8_t bytes[EE_SHAMIR_SECRET_SIZE];
};

/* Bytes of fresh randomness a split into shares with this threshold takes. */
#define EE_SHAMIR_RANDOM_SIZE(threshold) (((size_t)(threshold)-1) * EE_SHAMIR_SECRET_SIZE)

/* Writes `count` shares, any `threshold` of which give the secret back; fewer say nothing about
 * it. EE_RANGE unless 1 <= threshold <= count <= EE_SHAMIR_SHARES_MAX. */
EE_MUST_USE enum ee_err ee_shamir_split(const uint8_t secret[EE_SHAMIR_SECRET_SIZE],
                                        size_t threshold, size_t count, const uint8_t *random,
                                        struct ee_shamir_share *shares_out);
/* From exactly as many shares as the threshold. EE_RANGE: none, too many, or an index outside its
 * range; EE_DUPLICATE_FIELD: an index twice. */
EE_MUST_USE enum ee_err ee_shamir_join(const struct ee_shamir_share *shares, size_t count,
                                       uint8_t secret_out[EE_SHAMIR_SECRET_SIZE]);

#endif
