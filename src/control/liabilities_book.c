/* SPDX-License-Identifier: Apache-2.0 */
#include "control/liabilities_book.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

enum { ROOM_MORE = 1024, ROOM_PART = 64 };

struct ee_owed *ee_liabilities_room(size_t accounts, size_t *capacity_out)
{
    size_t capacity = accounts + accounts / ROOM_PART + ROOM_MORE;
    struct ee_owed *room = malloc(capacity * sizeof(*room));
    if (room == NULL)
        return NULL;
    memset(room, 0xff, capacity * sizeof(*room));
    *capacity_out = capacity;
    return room;
}

enum ee_err ee_liabilities_copy(const struct ee_core *core, struct ee_owed *room, size_t capacity,
                                uint64_t *count_out)
{
    size_t book = ee_core_book_count(core);
    uint64_t count = 0;
    if (book > capacity)
        return EE_FULL;
    for (size_t i = 0; i < book; i++)
        count += ee_core_owed_at(core, i, &room[count]);
    *count_out = count;
    return EE_OK;
}

enum ee_err ee_liabilities_items(const struct ee_owed *owed, uint64_t count,
                                 struct ee_tlog_sum_item **out)
{
    struct ee_tlog_sum_item *items = malloc((count + 1) * sizeof(*items));
    if (items == NULL)
        return EE_NO_MEMORY;
    for (uint64_t i = 0; i < count; i++) {
        memcpy(items[i].id, owed[i].id, sizeof(items[i].id));
        items[i].code = owed[i].code;
        items[i].amount = (uint64_t)owed[i].micros;
    }
    *out = items;
    return EE_OK;
}

enum ee_err ee_liabilities_root(const struct ee_core *core, const struct ee_crypto *crypto,
                                const struct ee_allocator *allocator, struct ee_tlog_sum *out)
{
    struct ee_tlog_sum_item *items = NULL;
    struct ee_tlog_sum_tree tree;
    size_t capacity;
    uint64_t count;
    struct ee_owed *room = ee_liabilities_room(ee_core_book_count(core), &capacity);
    enum ee_err err = room != NULL ? EE_OK : EE_NO_MEMORY;
    if (err == EE_OK)
        err = ee_liabilities_copy(core, room, capacity, &count);
    if (err == EE_OK)
        err = ee_liabilities_items(room, count, &items);
    if (err == EE_OK)
        err = ee_tlog_sum_build(crypto, allocator, ee_core_liability_secret(core),
                                ee_core_liabilities_marked(core)->of_seq, items, count, &tree);
    free(items);
    free(room);
    EE_TRY(err);
    *out = tree.root;
    ee_tlog_sum_free(&tree);
    return EE_OK;
}
