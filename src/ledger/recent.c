/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of transfers: the window, older reservations that are still open, and rows that left. */
#include <assert.h>
#include <string.h>

#include "ledger/state.h"

#include "base/banned.h"

enum { FIRST_CAPACITY = 16 };

static struct ee_id_rows recent_rows(const struct ee_ledger *ledger)
{
    return (struct ee_id_rows){ledger->recent.rows, sizeof(struct ee_ledger_row)};
}

static struct ee_id_rows open_rows(const struct ee_ledger *ledger)
{
    return (struct ee_id_rows){ledger->open.rows, sizeof(struct ee_ledger_past)};
}

enum ee_err ee_ledger_grow(const struct ee_allocator *allocator, void **rows, uint32_t *capacity,
                           size_t row_size, uint64_t needed)
{
    uint64_t larger = *capacity ? *capacity : FIRST_CAPACITY;
    if (needed <= *capacity)
        return EE_OK;
    if (needed > 2 * (uint64_t)EE_LEDGER_ROWS_MAX)
        return EE_FULL;
    while (larger < needed)
        larger *= 2;
    void *grown = ee_realloc(allocator, *rows, larger, row_size);
    if (!grown)
        return EE_NO_MEMORY;
    *rows = grown;
    *capacity = (uint32_t)larger;
    return EE_OK;
}

/* ---- room ---- */

/* Rows with room for `capacity`, the window's and one batch's, which is never exceeded. */
static enum ee_err recent_resize(struct ee_ledger *ledger, uint32_t capacity)
{
    struct ee_ledger_recent *recent = &ledger->recent;
    if (capacity > recent->capacity) {
        struct ee_ledger_row *rows =
            ee_realloc(ledger->allocator, recent->rows, capacity, sizeof(*rows));
        if (!rows)
            return EE_NO_MEMORY;
        recent->rows = rows;
        recent->capacity = capacity;
        if (ledger->limits.touched)
            EE_TRY(ee_touched_reserve(&ledger->rows_touched, ledger->allocator, capacity));
    }
    if ((uint64_t)recent->index.slot_count > (uint64_t)capacity + capacity / 2)
        return EE_OK;
    EE_TRY(ee_id_index_resize(&recent->index, ledger->allocator, capacity));
    for (uint32_t i = 0; i < recent->count; i++)
        ee_id_index_put(&recent->index, recent_rows(ledger), i);
    return EE_OK;
}

enum ee_err ee_ledger_recent_reserve(struct ee_ledger *ledger, uint32_t transfers)
{
    const struct ee_ledger_limits *limits = &ledger->limits;
    uint64_t most = (uint64_t)limits->transfers + (limits->window ? EE_LEDGER_BATCH_MAX : 0);
    uint64_t needed = (uint64_t)ledger->recent.count + transfers;
    uint64_t capacity = ledger->recent.capacity ? ledger->recent.capacity : FIRST_CAPACITY;
    if (needed > most)
        return EE_FULL;
    while (capacity < needed)
        capacity *= 2;
    /* From here on rows leave, and a ring does not grow. */
    if (capacity > most || (limits->window && needed > limits->transfers))
        capacity = most;
    if (transfers == 0 || ledger->recent.first > 0)
        return EE_OK;
    return recent_resize(ledger, (uint32_t)capacity);
}

enum ee_err ee_ledger_recent_load(struct ee_ledger *ledger, uint32_t count, uint64_t first)
{
    const struct ee_ledger_limits *limits = &ledger->limits;
    if (count > limits->transfers)
        return EE_FULL;
    if (first == 0)
        return count > 0 ? recent_resize(ledger, count) : EE_OK;
    ledger->recent.first = first;
    return recent_resize(ledger, limits->transfers + EE_LEDGER_BATCH_MAX);
}

enum ee_err ee_ledger_open_reserve(struct ee_ledger *ledger, uint32_t needed)
{
    struct ee_ledger_open *open = &ledger->open;
    void *rows = open->rows;
    if (needed > ledger->limits.reservations)
        return EE_FULL;
    if (needed == 0)
        return EE_OK;
    enum ee_err err =
        ee_ledger_grow(ledger->allocator, &rows, &open->capacity, sizeof(*open->rows), needed);
    open->rows = rows;
    EE_TRY(err);
    if (open->index.slot_count > open->capacity)
        return EE_OK;
    EE_TRY(ee_id_index_resize(&open->index, ledger->allocator, open->capacity));
    for (uint32_t i = 0; i < open->count; i++)
        ee_id_index_put(&open->index, open_rows(ledger), i);
    return EE_OK;
}

/* ---- finding ---- */

struct ee_ledger_row *ee_ledger_recent_at(const struct ee_ledger *ledger, uint64_t number)
{
    const struct ee_ledger_recent *recent = &ledger->recent;
    if (number < recent->first || number - recent->first >= recent->count)
        return NULL;
    return &recent->rows[number % recent->capacity];
}

/* The number of the row at a place of the ring. */
static uint64_t number_at(const struct ee_ledger_recent *recent, uint32_t position)
{
    uint32_t first = (uint32_t)(recent->first % recent->capacity);
    uint32_t behind = position >= first ? position - first : position + recent->capacity - first;
    return recent->first + behind;
}

static struct ee_ledger_found find_past(const struct ee_ledger_pasts *pasts,
                                        const struct ee_ledger_id *id)
{
    uint32_t low = 0, high = pasts ? pasts->count : 0;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct ee_ledger_past *past = &pasts->rows[middle];
        int order = memcmp(id, &past->row.id, sizeof(*id));
        if (order == 0)
            return (struct ee_ledger_found){&past->row, past->number};
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return (struct ee_ledger_found){0};
}

struct ee_ledger_found ee_ledger_find(const struct ee_ledger *ledger,
                                      const struct ee_ledger_pasts *pasts,
                                      const struct ee_ledger_id *id)
{
    const struct ee_ledger_recent *recent = &ledger->recent;
    uint32_t position = ee_id_index_find(&recent->index, recent_rows(ledger), id);
    if (position != EE_ID_NOWHERE)
        return (struct ee_ledger_found){&recent->rows[position], number_at(recent, position)};
    if (ledger->open.count) {
        position = ee_id_index_find(&ledger->open.index, open_rows(ledger), id);
        if (position != EE_ID_NOWHERE)
            return (struct ee_ledger_found){&ledger->open.rows[position].row,
                                            ledger->open.rows[position].number};
    }
    return find_past(pasts, id);
}

struct ee_ledger_row *ee_ledger_in_memory(struct ee_ledger *ledger, const struct ee_ledger_id *id)
{
    uint32_t position = ee_id_index_find(&ledger->recent.index, recent_rows(ledger), id);
    if (position != EE_ID_NOWHERE) {
        ee_touched_mark(&ledger->rows_touched, position); /* no window: it is the number */
        return &ledger->recent.rows[position];
    }
    position = ee_id_index_find(&ledger->open.index, open_rows(ledger), id);
    return position != EE_ID_NOWHERE ? &ledger->open.rows[position].row : NULL;
}

uint32_t ee_ledger_missing(const struct ee_ledger *ledger, const struct ee_ledger_transfer *events,
                           uint32_t count, struct ee_ledger_id *out)
{
    uint32_t missing = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct ee_ledger_transfer *t = &events[i];
        if (!ee_ledger_find(ledger, NULL, &t->id).row)
            out[missing++] = t->id;
        bool resolves = (t->flags & (EE_LEDGER_POST | EE_LEDGER_VOID)) != 0;
        if (resolves && !ee_ledger_find(ledger, NULL, &t->pending_id).row)
            out[missing++] = t->pending_id;
    }
    return missing;
}

void ee_ledger_prefetch(const struct ee_ledger *ledger, const struct ee_ledger_transfer *transfer)
{
    ee_id_index_prefetch(&ledger->recent.index, &transfer->id);
    ee_id_index_prefetch(&ledger->accounts.index, &transfer->credit_account);
}

/* ---- coming and going ---- */

void ee_ledger_recent_add(struct ee_ledger *ledger, const struct ee_ledger_row *row)
{
    struct ee_ledger_recent *recent = &ledger->recent;
    assert(recent->count < recent->capacity);
    uint32_t position = (uint32_t)((recent->first + recent->count) % recent->capacity);
    recent->rows[position] = *row;
    ee_touched_mark(&ledger->rows_touched, position);
    ee_id_index_put(&recent->index, recent_rows(ledger), position);
    recent->count++;
}

void ee_ledger_recent_drop_last(struct ee_ledger *ledger)
{
    struct ee_ledger_recent *recent = &ledger->recent;
    assert(recent->count > 0);
    uint64_t last = recent->first + recent->count - 1;
    ee_id_index_remove(&recent->index, recent_rows(ledger), (uint32_t)(last % recent->capacity));
    recent->count--;
    ee_touched_mark(&ledger->rows_touched, last);
    if (last > 0) /* the group before may be the last one now */
        ee_touched_mark(&ledger->rows_touched, last - 1);
}

static void past_add(struct ee_ledger *ledger, const struct ee_ledger_row *row, uint64_t number)
{
    assert(ledger->past_count < ledger->past_capacity);
    ledger->past[ledger->past_count++] = (struct ee_ledger_past){*row, number};
}

void ee_ledger_open_add(struct ee_ledger *ledger, const struct ee_ledger_row *row, uint64_t number)
{
    struct ee_ledger_open *open = &ledger->open;
    assert(open->count < open->capacity);
    open->rows[open->count] = (struct ee_ledger_past){*row, number};
    ee_id_index_put(&open->index, open_rows(ledger), open->count);
    open->count++;
}

/* The last row takes the place of the one that goes. */
void ee_ledger_open_settle(struct ee_ledger *ledger, const struct ee_ledger_id *id)
{
    struct ee_ledger_open *open = &ledger->open;
    uint32_t position = ee_id_index_find(&open->index, open_rows(ledger), id);
    if (position == EE_ID_NOWHERE || open->rows[position].row.state == EE_LEDGER_STATE_PENDING)
        return;
    past_add(ledger, &open->rows[position].row, open->rows[position].number);
    ee_id_index_remove(&open->index, open_rows(ledger), position);
    open->count--;
    if (position == open->count)
        return;
    ee_id_index_remove(&open->index, open_rows(ledger), open->count);
    open->rows[position] = open->rows[open->count];
    ee_id_index_put(&open->index, open_rows(ledger), position);
}

void ee_ledger_recent_trim(struct ee_ledger *ledger)
{
    struct ee_ledger_recent *recent = &ledger->recent;
    while (ledger->limits.window && recent->count > ledger->limits.transfers) {
        uint32_t position = (uint32_t)(recent->first % recent->capacity);
        const struct ee_ledger_row *row = &recent->rows[position];
        if (row->state == EE_LEDGER_STATE_PENDING)
            ee_ledger_open_add(ledger, row, recent->first);
        else
            past_add(ledger, row, recent->first);
        ee_id_index_remove(&recent->index, recent_rows(ledger), position);
        recent->first++;
        recent->count--;
    }
}
