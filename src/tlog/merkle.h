/* SPDX-License-Identifier: Apache-2.0 */
/* Merkle tree hashing and proof checking of RFC 9162 section 2.1 (the tree of RFC 6962): leaf hash
 * = SHA-256(0x00 || leaf), node hash = SHA-256(0x01 || left || right), empty tree = SHA-256(""). No
 * memory is allocated; for a log that grows see tlog/tlog.h. */
#ifndef EE_TLOG_MERKLE_H
#define EE_TLOG_MERKLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/err.h"

enum {
    EE_TLOG_HASH_SIZE = 32,
    EE_TLOG_PROOF_MAX = 64, /* a tree of 2^62 leaves needs 63 */
};
#define EE_TLOG_SIZE_MAX ((uint64_t)1 << 62)

struct ee_tlog_hash {
    uint8_t bytes[EE_TLOG_HASH_SIZE];
};

/* Hashes in the order of the RFC's PATH and PROOF: from the bottom upwards. */
struct ee_tlog_proof {
    size_t count;
    struct ee_tlog_hash hashes[EE_TLOG_PROOF_MAX];
};

void ee_tlog_leaf_hash(const struct ee_crypto *crypto, struct ee_bytes leaf,
                       struct ee_tlog_hash *out);
/* `out` may be `left` or `right`. */
void ee_tlog_node_hash(const struct ee_crypto *crypto, const struct ee_tlog_hash *left,
                       const struct ee_tlog_hash *right, struct ee_tlog_hash *out);

/* Root over a list of leaf hashes, O(count) time, O(log count) stack. */
void ee_tlog_root_of(const struct ee_crypto *crypto, const struct ee_tlog_hash *leaves,
                     size_t count, struct ee_tlog_hash *out);
/* Inclusion proof of leaves[index] in the tree of that list. EE_RANGE: index is not below count. */
EE_MUST_USE enum ee_err ee_tlog_path_of(const struct ee_crypto *crypto,
                                        const struct ee_tlog_hash *leaves, size_t count,
                                        size_t index, struct ee_tlog_proof *out);

/* The root that `path` gives for a leaf hash at that place (RFC 9162 section 2.1.3.2). EE_PROOF:
 * hashes too many or too few for the place, or index >= size. `out` may be `leaf`. */
EE_MUST_USE enum ee_err ee_tlog_inclusion_root(const struct ee_crypto *crypto,
                                               const struct ee_tlog_hash *leaf, uint64_t index,
                                               uint64_t size, const struct ee_tlog_hash *path,
                                               size_t path_count, struct ee_tlog_hash *out);
/* Compares it with a root. EE_PROOF: the proof does not lead from `leaf` (a leaf hash) at `index`
 * to `root` of a tree of `size`; also when it has hashes too many or too few, or index >= size. */
EE_MUST_USE enum ee_err ee_tlog_inclusion_verify(const struct ee_crypto *crypto,
                                                 const struct ee_tlog_hash *leaf, uint64_t index,
                                                 uint64_t size, const struct ee_tlog_hash *path,
                                                 size_t path_count,
                                                 const struct ee_tlog_hash *root);
/* RFC 9162 section 2.1.4.2. The tree of `new_size` starts with the tree of `old_size`. Equal sizes
 * need equal roots and an empty proof; everything starts with the empty tree (empty proof, old root
 * SHA-256("")). EE_PROOF otherwise. */
EE_MUST_USE enum ee_err
ee_tlog_consistency_verify(const struct ee_crypto *crypto, uint64_t old_size,
                           const struct ee_tlog_hash *old_root, uint64_t new_size,
                           const struct ee_tlog_hash *new_root, const struct ee_tlog_hash *proof,
                           size_t proof_count);

#endif
