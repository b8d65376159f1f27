/* SPDX-License-Identifier: Apache-2.0 */
/* Where the row of an id is: an open-addressed index (linear probing, at most two thirds full) of
 * positions in somebody else's array of rows, whose first member is the id. Nothing depends on its
 * order, so the hash may be seeded. */
#ifndef EE_LEDGER_ID_INDEX_H
#define EE_LEDGER_ID_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/err.h"
#include "ledger/ledger.h"

struct ee_id_index {
    uint32_t *slots; /* position + 1; 0: free */
    uint32_t slot_count;
    uint32_t position_mask; /* bits of a slot that hold its position + 1; the others hold bits of
                               the hash, so that few rows are read in vain */
    uint64_t seed;
};

/* The rows an index is about. */
struct ee_id_rows {
    const void *rows;
    size_t row_size;
};

#define EE_ID_NOWHERE UINT32_MAX

void ee_id_index_close(struct ee_id_index *index, const struct ee_allocator *allocator);
/* Slots for `capacity` rows, none in use: the caller puts its rows again. EE_NO_MEMORY: unchanged.
 */
EE_MUST_USE enum ee_err ee_id_index_resize(struct ee_id_index *index,
                                           const struct ee_allocator *allocator, uint32_t capacity);
uint32_t ee_id_index_find(const struct ee_id_index *index, struct ee_id_rows rows,
                          const struct ee_ledger_id *id);
/* Fetches what finding this id will read. */
void ee_id_index_prefetch(const struct ee_id_index *index, const struct ee_ledger_id *id);
/* The id of the row at `position` is not in the index: asserted. */
void ee_id_index_put(struct ee_id_index *index, struct ee_id_rows rows, uint32_t position);
/* It is: asserted. */
void ee_id_index_remove(struct ee_id_index *index, struct ee_id_rows rows, uint32_t position);

#endif
