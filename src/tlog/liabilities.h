/* SPDX-License-Identifier: Apache-2.0 */
/* Proof of liabilities: a Merkle-sum tree over what is owed to each account. Every node binds the
 * hash and the sum of both its children, so no sum can be moved between them ("Maxwell's tree" in
 * the form of Chalkias et al., "Distributed Auditing Proofs of Liabilities", section 4.1). The
 * shape is that of RFC 9162 section 2.1; leaves are in order of their blinded ids.
 * docs/spec/liabilities.md.
 *
 * An account that finds itself in the tree knows that the total holds its balance. It learns the
 * sums of the subtrees beside its path, and nothing of whose they are: the id of a leaf is blinded
 * by a salt of that account and that day. What no such proof shows: that the total is covered. */
#ifndef EE_TLOG_LIABILITIES_H
#define EE_TLOG_LIABILITIES_H

#include "base/alloc.h"
#include "tlog/merkle.h"

enum { EE_TLOG_SUM_LEVELS = 33, EE_TLOG_SUM_ID_SIZE = 16 };
#define EE_TLOG_SUM_LEAVES_MAX ((uint64_t)1 << 32)

struct ee_tlog_sum {
    struct ee_tlog_hash hash;
    uint64_t sum; /* micro-dollars; at most INT64_MAX */
};

/* Neighbours from the bottom upwards. */
struct ee_tlog_sum_path {
    size_t count;
    struct ee_tlog_sum nodes[EE_TLOG_SUM_LEVELS];
};

/* SHA-256("ee-liability-salt" NUL || secret || u64 of_seq || id): of one account and one tree. */
void ee_tlog_sum_salt(const struct ee_crypto *crypto, const uint8_t secret[32], uint64_t of_seq,
                      const uint8_t id[EE_TLOG_SUM_ID_SIZE], uint8_t out[32]);
/* SHA-256("ee-liability-id" NUL || salt || id). */
void ee_tlog_sum_blind(const struct ee_crypto *crypto, const uint8_t salt[32],
                       const uint8_t id[EE_TLOG_SUM_ID_SIZE], uint8_t out[32]);
/* SHA-256(0x00 || "ee-liability" NUL || u16 code || blinded id || u64 amount). EE_OVERFLOW: above
 * INT64_MAX. */
EE_MUST_USE enum ee_err ee_tlog_sum_leaf(const struct ee_crypto *crypto, uint16_t code,
                                         const uint8_t blinded[32], uint64_t amount,
                                         struct ee_tlog_sum *out);
/* SHA-256(0x01 || left hash || u64 left sum || right hash || u64 right sum), and the sum of both.
 * EE_OVERFLOW: a sum, or theirs, is above INT64_MAX. `out` may be one of them. */
EE_MUST_USE enum ee_err ee_tlog_sum_node(const struct ee_crypto *crypto,
                                         const struct ee_tlog_sum *left,
                                         const struct ee_tlog_sum *right, struct ee_tlog_sum *out);

/* A leaf before it is hashed. */
struct ee_tlog_sum_item {
    uint8_t blinded[32];
    uint64_t amount;
    uint16_t code;
    uint8_t id[EE_TLOG_SUM_ID_SIZE];
};

/* The whole tree, in memory: 40 bytes a node, two nodes a leaf. */
struct ee_tlog_sum_tree {
    const struct ee_allocator *allocator;
    uint64_t count; /* leaves */
    struct ee_tlog_sum *levels[EE_TLOG_SUM_LEVELS];
    uint64_t sizes[EE_TLOG_SUM_LEVELS];
    size_t height;
    struct ee_tlog_sum root; /* of no leaves: SHA-256("") and 0 */
};

/* Blinds and sorts `items` in place, and builds the tree over them. EE_NO_MEMORY; EE_OVERFLOW: the
 * total; EE_DUPLICATE_FIELD: an id twice; EE_FULL. On failure `out` is empty. */
EE_MUST_USE enum ee_err ee_tlog_sum_build(const struct ee_crypto *crypto,
                                          const struct ee_allocator *allocator,
                                          const uint8_t secret[32], uint64_t of_seq,
                                          struct ee_tlog_sum_item *items, uint64_t count,
                                          struct ee_tlog_sum_tree *out);
void ee_tlog_sum_free(struct ee_tlog_sum_tree *tree);
/* Of leaf `index`: EE_RANGE. */
EE_MUST_USE enum ee_err ee_tlog_sum_path(const struct ee_tlog_sum_tree *tree, uint64_t index,
                                         struct ee_tlog_sum_path *out);
/* Index of the item with this blinded id: EE_NOT_FOUND. */
EE_MUST_USE enum ee_err ee_tlog_sum_find(const struct ee_tlog_sum_item *items, uint64_t count,
                                         const uint8_t blinded[32], uint64_t *out);

/* The path leads from the leaf at `index` of `count` to the root and its total. EE_PROOF: not that,
 * a node too many or too few, or not index < count; EE_OVERFLOW: a sum on the way. */
EE_MUST_USE enum ee_err ee_tlog_sum_verify(const struct ee_crypto *crypto,
                                           const struct ee_tlog_sum *leaf, uint64_t index,
                                           uint64_t count, const struct ee_tlog_sum_path *path,
                                           const struct ee_tlog_sum *root);

#endif
