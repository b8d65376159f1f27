/* SPDX-License-Identifier: Apache-2.0 */
#include "control/liabilities_book.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

enum ee_err ee_liabilities_copy(const struct ee_core *core, struct ee_tlog_sum_item **out,
                                uint64_t *count_out)
{
    size_t book = ee_core_book_count(core);
    struct ee_owed owed;
    uint64_t count = 0;
    struct ee_tlog_sum_item *items = malloc((book + 1) * sizeof(*items));
    if (items == NULL)
        return EE_NO_MEMORY;
    for (size_t i = 0; i < book; i++) {
        if (!ee_core_owed_at(core, i, &owed))
            continue;
        struct ee_tlog_sum_item *item = &items[count++];
        memcpy(item->id, owed.id, sizeof(item->id));
        item->code = owed.code;
        item->amount = (uint64_t)owed.micros;
    }
    *out = items;
    *count_out = count;
    return EE_OK;
}

enum ee_err ee_liabilities_root(const struct ee_core *core, const struct ee_crypto *crypto,
                                const struct ee_allocator *allocator, struct ee_tlog_sum *out)
{
    struct ee_tlog_sum_item *items;
    struct ee_tlog_sum_tree tree;
    uint64_t count;
    EE_TRY(ee_liabilities_copy(core, &items, &count));
    enum ee_err err =
        ee_tlog_sum_build(crypto, allocator, ee_core_liability_secret(core),
                          ee_core_liabilities_marked(core)->of_seq, items, count, &tree);
    free(items);
    EE_TRY(err);
    *out = tree.root;
    ee_tlog_sum_free(&tree);
    return EE_OK;
}
