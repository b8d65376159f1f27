/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of one size in order of creation, found by a key of fixed size within the row through an
 * open-addressed index (linear probing). Rows are added, put in the place of another, or the last
 * one taken back. Room is reserved before anything is written, so that adding cannot fail. Nothing
 * depends on the order of the index. Row pointers are valid until the next reserve. Rows are found
 * to be read; whoever wants to write one asks for that, and the table remembers which groups were
 * touched. */
#ifndef EE_LEDGER_TABLE_H
#define EE_LEDGER_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/err.h"
#include "ledger/touched.h"

/* Rows written since the owner last looked, in order, some more than once: for who wants to know
 * which, not only in which group. */
struct ee_table_watch {
    uint32_t *rows;
    uint32_t count, capacity;
    bool lost; /* memory ran out: more rows were written than are listed */
};

struct ee_table {
    const struct ee_allocator *allocator;
    uint8_t *rows;
    uint32_t *slots; /* row number + 1; 0: free. At most half are in use */
    size_t row_size;
    size_t key_offset, key_size; /* key_size 0: a plain list without index */
    uint32_t count, capacity, limit, slot_count;
    struct ee_touched touched;
    struct ee_table_watch *watch; /* NULL: nobody wants to know */
};

void ee_table_init(struct ee_table *table, const struct ee_allocator *allocator, size_t row_size,
                   size_t key_offset, size_t key_size, uint32_t limit);
void ee_table_close(struct ee_table *table);
/* Room for `extra` more rows. EE_FULL beyond the limit, EE_NO_MEMORY; then nothing changed. */
EE_MUST_USE enum ee_err ee_table_reserve(struct ee_table *table, uint32_t extra);
/* NULL: no row has this key (key_size bytes). */
const void *ee_table_find(const struct ee_table *table, const void *key);
/* Row `index` in order of creation; NULL past the end. */
const void *ee_table_at(const struct ee_table *table, size_t index);
/* The same row, to be written; NULL for NULL. */
void *ee_table_edit(const struct ee_table *table, const void *row);
/* The same for members that are only another form of what is elsewhere: not touched. */
void *ee_table_edit_derived(const struct ee_table *table, const void *row);
/* Copies the row in. Room was reserved and the key is new: asserted. */
void *ee_table_add(struct ee_table *table, const void *row);
/* Puts a row in the place of row `index`, which is forgotten. The key is new: asserted. */
void ee_table_replace(struct ee_table *table, uint32_t index, const void *row);
/* Takes the newest row back. */
void ee_table_drop_last(struct ee_table *table);

#endif
