/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ledger_past.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

enum {
    FIELDS_SIZE = 32,
    CHECK_SIZE = 8,
    VALUE_SIZE = FIELDS_SIZE + CHECK_SIZE,
    FILTER_BITS_LOG2 = 26,
    FILTER_PROBES = 4,
};
static_assert((1 << FILTER_BITS_LOG2) / 8 == EE_LEDGER_FILTER_SIZE, "filter size");

enum ee_err ee_ledger_past_init(struct ee_ledger_past_files *files, struct ee_derived *derived,
                                const struct ee_crypto *crypto)
{
    *files = (struct ee_ledger_past_files){.derived = derived, .crypto = crypto};
    files->missing = calloc(2 * EE_LEDGER_BATCH_MAX, sizeof(*files->missing));
    files->found = calloc(2 * EE_LEDGER_BATCH_MAX, sizeof(*files->found));
    if (files->missing && files->found)
        return EE_OK;
    ee_ledger_past_close(files);
    return EE_NO_MEMORY;
}

void ee_ledger_past_close(struct ee_ledger_past_files *files)
{
    free(files->filter);
    free(files->missing);
    free(files->found);
    *files = (struct ee_ledger_past_files){.filter = NULL};
}

/* ---- the filter ---- */

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint64_t filter_hash(const struct ee_ledger_id *id)
{
    struct ee_cursor c;
    ee_cursor_init(&c, ee_bytes_of(id->bytes, sizeof(id->bytes)));
    uint64_t high = ee_cursor_u64(&c);
    return mix(mix(high + 0x9e3779b97f4a7c15u) ^ ee_cursor_u64(&c));
}

/* Probe `i` of the bits: two halves of one hash, combined. */
static uint32_t filter_bit(uint64_t hash, uint32_t i)
{
    uint32_t step = (uint32_t)(hash >> 32) | 1;
    return ((uint32_t)hash + i * step) & ((1u << FILTER_BITS_LOG2) - 1);
}

static void filter_add(uint8_t *filter, const struct ee_ledger_id *id)
{
    uint64_t hash = filter_hash(id);
    for (uint32_t i = 0; i < FILTER_PROBES; i++) {
        uint32_t bit = filter_bit(hash, i);
        filter[bit / 8] = (uint8_t)(filter[bit / 8] | 1u << bit % 8);
    }
}

static bool filter_may_hold(const uint8_t *filter, const struct ee_ledger_id *id)
{
    uint64_t hash = filter_hash(id);
    for (uint32_t i = 0; i < FILTER_PROBES; i++) {
        uint32_t bit = filter_bit(hash, i);
        if (!(filter[bit / 8] & 1u << bit % 8))
            return false;
    }
    return true;
}

/* ---- rows ---- */

static void value_write(const struct ee_ledger_past_files *files, const struct ee_ledger_past *past,
                        uint8_t value[VALUE_SIZE])
{
    struct ee_writer w;
    uint8_t digest[EE_SHA256_SIZE];
    const struct ee_ledger_row *row = &past->row;
    ee_writer_init(&w, value, VALUE_SIZE);
    ee_writer_u64(&w, past->number);
    ee_writer_u64(&w, row->amount);
    ee_writer_u64(&w, row->link);
    ee_writer_u32(&w, row->timeout_s);
    ee_writer_u16(&w, row->code);
    ee_writer_u8(&w, row->flags);
    ee_writer_u8(&w, row->state);
    const struct ee_bytes parts[] = {ee_bytes_of(row->id.bytes, sizeof(row->id.bytes)),
                                     ee_writer_done(&w)};
    files->crypto->sha256(parts, 2, digest);
    ee_writer_bytes(&w, digest, CHECK_SIZE);
    assert(w.err == EE_OK && w.size == VALUE_SIZE);
}

static enum ee_err value_read(const struct ee_ledger_past_files *files,
                              const struct ee_ledger_id *id, const uint8_t value[VALUE_SIZE],
                              struct ee_ledger_past *out)
{
    struct ee_cursor c;
    uint8_t again[VALUE_SIZE];
    struct ee_ledger_past past = {.row = {.id = *id}};
    ee_cursor_init(&c, ee_bytes_of(value, FIELDS_SIZE));
    past.number = ee_cursor_u64(&c);
    past.row.amount = ee_cursor_u64(&c);
    past.row.link = ee_cursor_u64(&c);
    past.row.timeout_s = ee_cursor_u32(&c);
    past.row.code = ee_cursor_u16(&c);
    past.row.flags = ee_cursor_u8(&c);
    past.row.state = ee_cursor_u8(&c);
    value_write(files, &past, again);
    if (ee_cursor_end(&c) != EE_OK || memcmp(again, value, VALUE_SIZE) != 0)
        return EE_JOURNAL_CORRUPT;
    *out = past;
    return EE_OK;
}

static int past_compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct ee_ledger_id)); /* the id comes first */
}

static uint32_t without_twins(struct ee_ledger_past *rows, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (kept == 0 || past_compare(&rows[kept - 1], &rows[i]) != 0)
            rows[kept++] = rows[i];
    return kept;
}

enum ee_err ee_ledger_past_fetch(struct ee_ledger_past_files *files, const struct ee_ledger *ledger,
                                 const struct ee_ledger_transfer *events, uint32_t count,
                                 struct ee_ledger_pasts *out)
{
    *out = (struct ee_ledger_pasts){.rows = files->found};
    if (files->filter == NULL)
        return EE_OK;
    uint8_t value[VALUE_SIZE];
    uint32_t missing = ee_ledger_missing(ledger, events, count, files->missing);
    uint32_t found = 0;
    for (uint32_t i = 0; i < missing; i++) {
        const struct ee_ledger_id *id = &files->missing[i];
        if (!filter_may_hold(files->filter, id))
            continue;
        enum ee_err err = ee_derived_row_get(files->derived, id->bytes, value, sizeof(value));
        if (err == EE_NOT_FOUND)
            continue;
        EE_TRY(err);
        EE_TRY(value_read(files, id, value, &files->found[found++]));
    }
    qsort(files->found, found, sizeof(*files->found), past_compare);
    out->count = without_twins(files->found, found);
    return EE_OK;
}

enum ee_err ee_ledger_past_keep(struct ee_ledger_past_files *files, struct ee_ledger *ledger)
{
    uint8_t value[VALUE_SIZE];
    struct ee_ledger_pasts left = ee_ledger_past_rows(ledger);
    if (left.count > 0 && files->filter == NULL) {
        files->filter = calloc(1, EE_LEDGER_FILTER_SIZE);
        if (files->filter == NULL)
            return EE_NO_MEMORY;
    }
    for (uint32_t i = 0; i < left.count; i++) {
        const struct ee_ledger_past *past = &left.rows[i];
        value_write(files, past, value);
        EE_TRY(ee_derived_row_put(files->derived, past->row.id.bytes,
                                  ee_bytes_of(value, sizeof(value))));
        filter_add(files->filter, &past->row.id);
        files->count++;
    }
    ee_ledger_past_clear(ledger);
    return EE_OK;
}

/* ---- with the snapshot ---- */

static const char document[] = "filter";

enum ee_err ee_ledger_past_save(const struct ee_ledger_past_files *files)
{
    if (files->filter == NULL)
        return EE_OK;
    for (uint32_t i = 0; i < EE_LEDGER_FILTER_SIZE / EE_DERIVED_PIECE_MAX; i++)
        EE_TRY(ee_derived_piece_put(
            files->derived, document, i,
            ee_bytes_of(files->filter + (size_t)i * EE_DERIVED_PIECE_MAX, EE_DERIVED_PIECE_MAX)));
    return EE_OK;
}

enum ee_err ee_ledger_past_load(struct ee_ledger_past_files *files, uint64_t count)
{
    files->count = count;
    if (count == 0)
        return EE_OK;
    files->filter = calloc(1, EE_LEDGER_FILTER_SIZE);
    if (files->filter == NULL)
        return EE_NO_MEMORY;
    for (uint32_t i = 0; i < EE_LEDGER_FILTER_SIZE / EE_DERIVED_PIECE_MAX; i++) {
        size_t size = 0;
        EE_TRY(ee_derived_piece_get(files->derived, document, i,
                                    files->filter + (size_t)i * EE_DERIVED_PIECE_MAX,
                                    EE_DERIVED_PIECE_MAX, &size));
        if (size != EE_DERIVED_PIECE_MAX)
            return EE_JOURNAL_CORRUPT;
    }
    return EE_OK;
}
