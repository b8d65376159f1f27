/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/id_index.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/money.h"

#include "base/banned.h"

void ee_id_index_close(struct ee_id_index *index, const struct ee_allocator *allocator)
{
    ee_free(allocator, index->slots);
    index->slots = NULL;
    index->slot_count = 0;
}

enum ee_err ee_id_index_resize(struct ee_id_index *index, const struct ee_allocator *allocator,
                               uint32_t capacity)
{
    uint32_t slot_count = capacity + capacity / 2 + 2;
    uint32_t *slots = ee_alloc(allocator, slot_count, sizeof(*slots));
    if (!slots)
        return EE_NO_MEMORY;
    ee_free(allocator, index->slots);
    index->slots = slots;
    index->slot_count = slot_count;
    index->position_mask = 1;
    while (index->position_mask <= capacity) /* all ones, and room for capacity + 1 */
        index->position_mask = index->position_mask << 1 | 1;
    return EE_OK;
}

static uint64_t fold(uint64_t a, uint64_t b)
{
    ee_u128 product = (ee_u128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Two rounds of multiplying and folding. */
static uint64_t hash_of(const struct ee_id_index *index, const struct ee_ledger_id *id)
{
    uint64_t a, b;
    memcpy(&a, id->bytes, sizeof(a));
    memcpy(&b, id->bytes + sizeof(a), sizeof(b));
    uint64_t hash = fold(a ^ 0x9e3779b97f4a7c15u ^ index->seed, b ^ 0xbf58476d1ce4e5b9u);
    return fold(hash ^ index->seed, 0x94d049bb133111ebu);
}

/* The upper half, scaled to the slots without a division. */
static uint32_t home_of(const struct ee_id_index *index, uint64_t hash)
{
    return (uint32_t)(((hash >> 32) * index->slot_count) >> 32);
}

static const struct ee_ledger_id *id_at(struct ee_id_rows rows, uint32_t position)
{
    const uint8_t *row = (const uint8_t *)rows.rows + position * rows.row_size;
    return (const void *)row;
}

static uint32_t after(const struct ee_id_index *index, uint32_t slot)
{
    return slot + 1 == index->slot_count ? 0 : slot + 1;
}

static bool same(const struct ee_ledger_id *x, const struct ee_ledger_id *y)
{
    uint64_t a[2], b[2];
    memcpy(a, x->bytes, sizeof(a));
    memcpy(b, y->bytes, sizeof(b));
    return a[0] == b[0] && a[1] == b[1];
}

static uint32_t position_at(const struct ee_id_index *index, uint32_t slot)
{
    return (index->slots[slot] & index->position_mask) - 1;
}

/* The slot that holds `id`, or the free one where it belongs. */
static uint32_t slot_of(const struct ee_id_index *index, struct ee_id_rows rows,
                        const struct ee_ledger_id *id, uint64_t hash)
{
    uint32_t slot = home_of(index, hash), tag = (uint32_t)hash & ~index->position_mask;
    for (; index->slots[slot]; slot = after(index, slot))
        if ((index->slots[slot] & ~index->position_mask) == tag &&
            same(id_at(rows, position_at(index, slot)), id))
            break;
    return slot;
}

uint32_t ee_id_index_find(const struct ee_id_index *index, struct ee_id_rows rows,
                          const struct ee_ledger_id *id)
{
    if (index->slot_count == 0)
        return EE_ID_NOWHERE;
    uint32_t slot = slot_of(index, rows, id, hash_of(index, id));
    return index->slots[slot] ? position_at(index, slot) : EE_ID_NOWHERE;
}

void ee_id_index_prefetch(const struct ee_id_index *index, const struct ee_ledger_id *id)
{
    if (index->slot_count > 0)
        __builtin_prefetch(&index->slots[home_of(index, hash_of(index, id))]);
}

void ee_id_index_put(struct ee_id_index *index, struct ee_id_rows rows, uint32_t position)
{
    const struct ee_ledger_id *id = id_at(rows, position);
    uint64_t hash = hash_of(index, id);
    uint32_t slot = slot_of(index, rows, id, hash);
    assert(index->slots[slot] == 0 && position < index->position_mask);
    index->slots[slot] = ((uint32_t)hash & ~index->position_mask) | (position + 1);
}

/* Whether an id at home in `home` may stand in `hole`, being found at `slot` now. */
static bool may_move(const struct ee_id_index *index, uint32_t home, uint32_t hole, uint32_t slot)
{
    uint32_t count = index->slot_count;
    uint32_t from_home = slot >= home ? slot - home : slot + count - home;
    uint32_t from_hole = slot >= hole ? slot - hole : slot + count - hole;
    return from_home >= from_hole;
}

/* Closes the hole, so that no probe ends too early. */
void ee_id_index_remove(struct ee_id_index *index, struct ee_id_rows rows, uint32_t position)
{
    const struct ee_ledger_id *id = id_at(rows, position);
    uint32_t hole = slot_of(index, rows, id, hash_of(index, id));
    assert(position_at(index, hole) == position);
    for (uint32_t slot = after(index, hole); index->slots[slot]; slot = after(index, slot)) {
        uint32_t home = home_of(index, hash_of(index, id_at(rows, position_at(index, slot))));
        if (may_move(index, home, hole, slot)) {
            index->slots[hole] = index->slots[slot];
            hole = slot;
        }
    }
    index->slots[hole] = 0;
}
