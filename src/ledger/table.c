/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/table.h"

#include <assert.h>
#include <string.h>

#include "base/money.h"

#include "base/banned.h"

enum { FIRST_CAPACITY = 16 };

void ee_table_init(struct ee_table *table, const struct ee_allocator *allocator, size_t row_size,
                   size_t key_offset, size_t key_size, uint32_t limit)
{
    assert(key_offset + key_size <= row_size && limit <= UINT32_MAX / 4);
    *table = (struct ee_table){.allocator = allocator,
                               .row_size = row_size,
                               .key_offset = key_offset,
                               .key_size = key_size,
                               .limit = limit};
}

void ee_table_close(struct ee_table *table)
{
    ee_free(table->allocator, table->rows);
    ee_free(table->allocator, table->slots);
    ee_touched_close(&table->touched, table->allocator);
    table->rows = NULL;
    table->slots = NULL;
    table->count = table->capacity = table->slot_count = 0;
}

/* Eight bytes at a time, each multiplied and folded in, so that the low bits depend on all. The
 * order of bytes in a word differs between machines: nothing may depend on the hash. */
static uint32_t key_hash(const void *key, size_t size)
{
    const uint8_t *bytes = key;
    uint64_t hash = 0xcbf29ce484222325u ^ size;
    for (size_t done = 0; done < size; done += sizeof(uint64_t)) {
        uint64_t word = 0;
        size_t left = size - done;
        memcpy(&word, bytes + done, left < sizeof(word) ? left : sizeof(word));
        ee_u128 product = (ee_u128)(hash ^ word) * 0x9e3779b97f4a7c15u;
        hash = (uint64_t)product ^ (uint64_t)(product >> 64);
    }
    return (uint32_t)(hash ^ hash >> 32);
}

const void *ee_table_at(const struct ee_table *table, size_t index)
{
    return index < table->count ? table->rows + index * table->row_size : NULL;
}

static const uint8_t *row_key(const struct ee_table *table, uint32_t index)
{
    return table->rows + index * table->row_size + table->key_offset;
}

/* The slot that holds `key`, or the free one where it belongs. */
static uint32_t slot_of(const struct ee_table *table, const void *key)
{
    uint32_t mask = table->slot_count - 1;
    uint32_t slot = key_hash(key, table->key_size) & mask;
    while (table->slots[slot] &&
           memcmp(row_key(table, table->slots[slot] - 1), key, table->key_size) != 0)
        slot = (slot + 1) & mask;
    return slot;
}

const void *ee_table_find(const struct ee_table *table, const void *key)
{
    if (table->slot_count == 0)
        return NULL;
    uint32_t slot = slot_of(table, key);
    return table->slots[slot] ? ee_table_at(table, table->slots[slot] - 1) : NULL;
}

void *ee_table_edit_derived(const struct ee_table *table, const void *row)
{
    return row ? table->rows + ((const uint8_t *)row - table->rows) : NULL;
}

static void watch_note(const struct ee_table *table, uint64_t row)
{
    struct ee_table_watch *watch = table->watch;
    if (!watch || (watch->count && watch->rows[watch->count - 1] == row))
        return;
    if (watch->count == watch->capacity) {
        uint32_t capacity = watch->capacity ? 2 * watch->capacity : FIRST_CAPACITY;
        uint32_t *rows = ee_realloc(table->allocator, watch->rows, capacity, sizeof(*rows));
        watch->lost = watch->lost || !rows;
        if (!rows)
            return;
        watch->rows = rows;
        watch->capacity = capacity;
    }
    watch->rows[watch->count++] = (uint32_t)row;
}

static void written(const struct ee_table *table, uint64_t row)
{
    ee_touched_mark(&table->touched, row);
    watch_note(table, row);
}

void *ee_table_edit(const struct ee_table *table, const void *row)
{
    if (row)
        written(table, (uint64_t)((const uint8_t *)row - table->rows) / table->row_size);
    return ee_table_edit_derived(table, row);
}

static enum ee_err rows_grow(struct ee_table *table, uint32_t capacity)
{
    uint8_t *rows = ee_realloc(table->allocator, table->rows, capacity, table->row_size);
    if (!rows)
        return EE_NO_MEMORY;
    table->rows = rows;
    table->capacity = capacity;
    return EE_OK;
}

static enum ee_err slots_grow(struct ee_table *table, uint32_t slot_count)
{
    uint32_t *slots = ee_alloc(table->allocator, slot_count, sizeof(*slots));
    if (!slots)
        return EE_NO_MEMORY;
    ee_free(table->allocator, table->slots);
    table->slots = slots;
    table->slot_count = slot_count;
    for (uint32_t i = 0; i < table->count; i++)
        slots[slot_of(table, row_key(table, i))] = i + 1;
    return EE_OK;
}

enum ee_err ee_table_reserve(struct ee_table *table, uint32_t extra)
{
    if (extra > table->limit || table->count > table->limit - extra)
        return EE_FULL;
    uint32_t needed = table->count + extra;
    if (needed == 0)
        return EE_OK;
    uint32_t capacity = table->capacity ? table->capacity : FIRST_CAPACITY;
    while (capacity < needed)
        capacity *= 2;
    if (capacity > table->capacity)
        EE_TRY(rows_grow(table, capacity));
    EE_TRY(ee_touched_reserve(&table->touched, table->allocator, capacity));
    if (table->key_size && table->slot_count < 2 * table->capacity)
        EE_TRY(slots_grow(table, 2 * table->capacity));
    return EE_OK;
}

void *ee_table_add(struct ee_table *table, const void *row)
{
    assert(table->count < table->capacity);
    const uint8_t *key = (const uint8_t *)row + table->key_offset;
    if (table->key_size) {
        uint32_t slot = slot_of(table, key);
        assert(table->slots[slot] == 0);
        table->slots[slot] = table->count + 1;
    }
    void *place = table->rows + table->count * table->row_size;
    memcpy(place, row, table->row_size);
    written(table, table->count);
    table->count++;
    return place;
}

/* Frees the slot of a key. Rows behind it that a probe would no longer reach move up. */
static void slot_free(struct ee_table *table, const void *key)
{
    uint32_t mask = table->slot_count - 1, hole = slot_of(table, key);
    for (uint32_t slot = (hole + 1) & mask; table->slots[slot]; slot = (slot + 1) & mask) {
        uint32_t home = key_hash(row_key(table, table->slots[slot] - 1), table->key_size) & mask;
        if (((slot - home) & mask) < ((slot - hole) & mask))
            continue; /* its probe begins behind the hole */
        table->slots[hole] = table->slots[slot];
        hole = slot;
    }
    table->slots[hole] = 0;
}

void ee_table_replace(struct ee_table *table, uint32_t index, const void *row)
{
    assert(index < table->count && table->key_size);
    const uint8_t *key = (const uint8_t *)row + table->key_offset;
    slot_free(table, row_key(table, index));
    uint32_t slot = slot_of(table, key);
    assert(table->slots[slot] == 0);
    table->slots[slot] = index + 1;
    memcpy(table->rows + (size_t)index * table->row_size, row, table->row_size);
    ee_touched_mark(&table->touched, index);
}

/* Nothing was added after it, so no probe passes its slot on the way to another row. */
void ee_table_drop_last(struct ee_table *table)
{
    assert(table->count > 0);
    if (table->key_size)
        table->slots[slot_of(table, row_key(table, table->count - 1))] = 0;
    table->count--;
    if (table->count > 0) /* the group before may be the last one now */
        ee_touched_mark(&table->touched, table->count - 1);
    ee_touched_mark(&table->touched, table->count);
}
