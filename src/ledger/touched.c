/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/touched.h"

#include <string.h>

#include "base/banned.h"

enum ee_err ee_touched_reserve(struct ee_touched *touched, const struct ee_allocator *allocator,
                               uint64_t rows)
{
    const uint64_t rows_per_word = (uint64_t)EE_TOUCHED_GROUP * 64;
    uint64_t needed = (rows + rows_per_word - 1) / rows_per_word;
    uint64_t capacity = touched->capacity ? touched->capacity : 1;
    if (needed <= touched->capacity)
        return EE_OK;
    while (capacity < needed)
        capacity *= 2;
    uint64_t *bits = ee_realloc(allocator, touched->bits, capacity, sizeof(*bits));
    if (!bits)
        return EE_NO_MEMORY;
    memset(bits + touched->capacity, 0, (capacity - touched->capacity) * sizeof(*bits));
    touched->bits = bits;
    touched->capacity = (uint32_t)capacity;
    return EE_OK;
}

void ee_touched_close(struct ee_touched *touched, const struct ee_allocator *allocator)
{
    ee_free(allocator, touched->bits);
    *touched = (struct ee_touched){0};
}
