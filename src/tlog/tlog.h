/* SPDX-License-Identifier: Apache-2.0 */
/* A growing Merkle tree (RFC 9162 section 2.1) kept in memory: the hash of every complete subtree,
 * so two hashes per leaf (64 bytes). Append is amortised O(1); a root or proof at any earlier size
 * is O(log size). Leaves themselves are not kept. */
#ifndef EE_TLOG_TLOG_H
#define EE_TLOG_TLOG_H

#include "base/alloc.h"
#include "tlog/merkle.h"

enum { EE_TLOG_LEVELS = 48 };
/* Limit of one tree in memory; append answers EE_FULL at it. */
#define EE_TLOG_LEAVES_MAX ((uint64_t)1 << (EE_TLOG_LEVELS - 1))

struct ee_tlog_level {
    struct ee_tlog_hash *hashes; /* hashes[i]: subtree of leaves i << level to (i + 1) << level */
    size_t count;
    size_t capacity;
};

struct ee_tlog {
    const struct ee_crypto *crypto;
    const struct ee_allocator *allocator;
    uint64_t size; /* leaves */
    struct ee_tlog_level levels[EE_TLOG_LEVELS];
};

/* Crypto and allocator must outlive the tree. */
void ee_tlog_init(struct ee_tlog *log, const struct ee_crypto *crypto,
                  const struct ee_allocator *allocator);
void ee_tlog_close(struct ee_tlog *log);

/* Makes room so that the next `count` appends cannot fail. EE_NO_MEMORY; EE_FULL at the limit. */
EE_MUST_USE enum ee_err ee_tlog_reserve(struct ee_tlog *log, uint64_t count);
/* Adds one leaf hash (ee_tlog_leaf_hash). On EE_NO_MEMORY or EE_FULL the tree is unchanged. */
EE_MUST_USE enum ee_err ee_tlog_append(struct ee_tlog *log, const struct ee_tlog_hash *leaf_hash);

/* Root of the first `size` leaves. EE_RANGE: size is above log->size. */
EE_MUST_USE enum ee_err ee_tlog_root(const struct ee_tlog *log, uint64_t size,
                                     struct ee_tlog_hash *out);
/* PATH(index, first `size` leaves). EE_RANGE: not index < size <= log->size. */
EE_MUST_USE enum ee_err ee_tlog_inclusion(const struct ee_tlog *log, uint64_t index, uint64_t size,
                                          struct ee_tlog_proof *out);
/* PROOF(old_size, first new_size leaves); empty for old_size 0 or new_size. EE_RANGE: not
 * old_size <= new_size <= log->size. */
EE_MUST_USE enum ee_err ee_tlog_consistency(const struct ee_tlog *log, uint64_t old_size,
                                            uint64_t new_size, struct ee_tlog_proof *out);

#endif
