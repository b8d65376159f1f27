/* SPDX-License-Identifier: Apache-2.0 */
/* The second half of report data: a Merkle root over the nonces one quote answers, hashed as in
 * RFC 9162 section 2.1 (leaf = the 32 bytes of a nonce). Each caller gets the path of its nonce.
 * Format: docs/spec/evidence.md, "Freshness". */
#ifndef EE_ATTEST_FRESHNESS_H
#define EE_ATTEST_FRESHNESS_H

#include "attest/measurement.h"
#include "tlog/merkle.h"

enum {
    EE_NONCE_SIZE = 32,
    EE_FRESHNESS_NONCES_MAX = 1024, /* answered by one quote */
    EE_FRESHNESS_PATH_MAX = 10,     /* log2 of that */
};

struct ee_nonce {
    uint8_t bytes[EE_NONCE_SIZE];
};

/* leaves_out[i] = leaf hash of nonces[i]; the caller owns `count` hashes. Then ee_tlog_root_of and
 * ee_tlog_path_of give root and paths. */
void ee_freshness_leaves(const struct ee_crypto *crypto, const struct ee_nonce *nonces,
                         size_t count, struct ee_tlog_hash *leaves_out);
/* Root of the tree of `size` nonces in which `nonce` is at `index`, computed from its path.
 * EE_RANGE: size is 0 or above EE_FRESHNESS_NONCES_MAX, or index >= size; EE_PROOF: the path has
 * another length than that position has. */
EE_MUST_USE enum ee_err ee_freshness_root(const struct ee_crypto *crypto,
                                          const struct ee_nonce *nonce, uint32_t index,
                                          uint32_t size, const struct ee_tlog_hash *path,
                                          size_t path_count, struct ee_tlog_hash *out);
/* report_data = SHA-256(claims) || root. */
void ee_freshness_report_data(const struct ee_crypto *crypto, struct ee_bytes claims,
                              const struct ee_tlog_hash *root, uint8_t out[64]);

/* What is quoted for 32 bytes a caller drew: SHA-256 over label "ee-caller" version 1 and the
 * bytes. Never the bytes themselves, for they could be somebody's channel nonce. */
void ee_freshness_caller_nonce(const struct ee_crypto *crypto, const uint8_t drawn[32],
                               struct ee_nonce *out);

/* What makes evidence an answer on one TLS connection and no other. */
struct ee_channel {
    uint8_t challenge[32]; /* drawn by the side that asks */
    uint8_t exporter[32];  /* TLS exporter (RFC 8446 section 7.5) of the connection */
    uint8_t
        asker_key_hash[32]; /* SHA-256 of the asker's SubjectPublicKeyInfo; zero if it has none */
    enum ee_role role;      /* of the side that answers */
};
/* SHA-256 over label "ee-channel" version 1 and the four fields, length-prefixed. */
void ee_freshness_channel_nonce(const struct ee_crypto *crypto, const struct ee_channel *channel,
                                struct ee_nonce *out);

#endif
