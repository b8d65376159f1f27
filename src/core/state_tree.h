/* SPDX-License-Identifier: Apache-2.0 */
/* A Merkle tree (RFC 9162 section 2.1.1) that is kept: one leaf per group of rows of a table, all
 * nodes in memory, only the paths above touched groups hashed again. 4 bytes a row, at most twice
 * that after growing. Private to src/core. */
#ifndef EE_CORE_STATE_TREE_H
#define EE_CORE_STATE_TREE_H

#include "base/alloc.h"
#include "base/crypto.h"
#include "ledger/touched.h"
#include "tlog/merkle.h"

struct ee_state_tree {
    struct ee_tlog_hash *nodes; /* level by level from the leaves, each half as long */
    uint32_t capacity;          /* leaves; 0 or a power of two */
};

/* Room for so many rows. EE_NO_MEMORY; then nothing changed. */
EE_MUST_USE enum ee_err ee_state_tree_reserve(struct ee_state_tree *tree,
                                              const struct ee_allocator *allocator, uint64_t rows);
void ee_state_tree_free(struct ee_state_tree *tree, const struct ee_allocator *allocator);

/* Hash of the rows first to first + count - 1, a group or the last part of one. */
typedef void ee_state_leaf_fn(const void *context, uint32_t first, uint32_t count,
                              struct ee_tlog_hash *out);
struct ee_state_rows {
    ee_state_leaf_fn *leaf;
    const void *context;
    uint32_t count;
    const struct ee_touched *touched; /* since the last update; cleared by it */
};
/* Room was reserved. Zero without rows. */
void ee_state_tree_update(const struct ee_state_tree *tree, const struct ee_crypto *crypto,
                          const struct ee_state_rows *rows, struct ee_tlog_hash *root_out);

#endif
