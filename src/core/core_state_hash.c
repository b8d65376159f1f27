/* SPDX-License-Identifier: Apache-2.0 */
/* The state hash: a Merkle tree (RFC 9162 section 2.1.1) per kind of record, over groups of records
 * in order of creation, and a hash over their roots. Everything that later commands depend on is in
 * a record; nothing else is. Numbers are written field by field, so padding and byte order of the
 * machine do not count. The trees are kept, so a hash costs what changed since the one before. */
#include <assert.h>
#include <string.h>

#include "core/records.h"
#include "core/state_tree.h"

#include "base/banned.h"

enum { ROOT_INPUT_MAX = 2048 };

struct ee_state_trees {
    struct ee_state_tree of[EE_RECORD_END];
};

/* ---- rows ---- */

static uint32_t row_count(const struct ee_core *core, enum ee_record_kind kind)
{
    if (kind == EE_RECORD_NETWORK)
        return 1;
    if (kind == EE_RECORD_BOOK)
        return ee_ledger_accounts(core->ledger);
    if (kind == EE_RECORD_ENTRY)
        return ee_ledger_entries(core->ledger);
    return ee_record_table_of(core, kind)->count;
}

/* ---- records ---- */

static void record_book(struct ee_writer *w, const struct ee_ledger_account *a)
{
    ee_writer_bytes(w, a->id.bytes, sizeof(a->id.bytes));
    ee_writer_u32(w, a->ledger);
    ee_writer_u16(w, a->code);
    ee_writer_u16(w, a->flags);
    ee_writer_u64(w, a->debits_pending);
    ee_writer_u64(w, a->debits_posted);
    ee_writer_u64(w, a->credits_pending);
    ee_writer_u64(w, a->credits_posted);
}

static void record_entry(struct ee_writer *w, const struct ee_core *core,
                         const struct ee_ledger_row *row)
{
    const struct ee_ledger_entry entry = ee_ledger_entry_of(core->ledger, row);
    const struct ee_ledger_transfer *t = &entry.transfer;
    ee_writer_bytes(w, t->id.bytes, sizeof(t->id.bytes));
    ee_writer_bytes(w, t->debit_account.bytes, sizeof(t->debit_account.bytes));
    ee_writer_bytes(w, t->credit_account.bytes, sizeof(t->credit_account.bytes));
    ee_writer_bytes(w, t->pending_id.bytes, sizeof(t->pending_id.bytes));
    ee_writer_u64(w, t->amount);
    ee_writer_u32(w, t->timeout_s);
    ee_writer_u32(w, t->ledger);
    ee_writer_u16(w, t->code);
    ee_writer_u16(w, t->flags);
    ee_writer_u8(w, (uint8_t)entry.state);
}

static void record_network(struct ee_writer *w, const struct ee_core *core)
{
    struct ee_record r = {.k = ee_codec_writer(w), .version = EE_CORE_VERSION};
    struct ee_core copy = *core;
    ee_record_network(&r, &copy);
}

static void record(struct ee_writer *w, const struct ee_core *core, enum ee_record_kind kind,
                   uint32_t index)
{
    ee_writer_label(w, "ee-state", EE_STATE_HASH_VERSION);
    ee_writer_u8(w, (uint8_t)kind);
    if (kind == EE_RECORD_NETWORK)
        record_network(w, core);
    else if (kind == EE_RECORD_BOOK)
        record_book(w, ee_ledger_account_at(core->ledger, index));
    else if (kind == EE_RECORD_ENTRY)
        record_entry(w, core, ee_ledger_row_at(core->ledger, index));
    else
        ee_record_write(core, kind, index, w);
    if (kind != EE_RECORD_ID)
        return;
    uint8_t hash[EE_SHA256_SIZE];
    const struct ee_bytes body = ee_record_blob(kind, ee_table_at(&core->ids, index));
    core->crypto->sha256(&body, 1, hash);
    ee_writer_bytes(w, hash, sizeof(hash));
}

/* ---- trees ---- */

enum ee_err ee_core_trees_reserve(struct ee_core *core)
{
    return ee_core_trees_reserve_for(core, 4 * EE_TICK_STEPS_MAX);
}

enum ee_err ee_core_trees_reserve_for(struct ee_core *core, uint32_t rows)
{
    if (!core->trees)
        core->trees = ee_alloc(core->allocator, 1, sizeof(*core->trees));
    if (!core->trees)
        return EE_NO_MEMORY;
    for (int kind = EE_RECORD_ACCOUNT; kind < EE_RECORD_END; kind++)
        EE_TRY(ee_state_tree_reserve(&core->trees->of[kind], core->allocator,
                                     (uint64_t)row_count(core, (enum ee_record_kind)kind) + rows));
    return EE_OK;
}

void ee_core_trees_free(struct ee_core *core)
{
    for (int kind = 0; core->trees && kind < EE_RECORD_END; kind++)
        ee_state_tree_free(&core->trees->of[kind], core->allocator);
    ee_free(core->allocator, core->trees);
}

struct records {
    const struct ee_core *core;
    enum ee_record_kind kind;
};

static void group_hash(const void *context, uint32_t first, uint32_t count,
                       struct ee_tlog_hash *out)
{
    const struct records *records = context;
    uint8_t buffer[EE_TOUCHED_GROUP * EE_RECORD_MAX];
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    for (uint32_t i = first; i < first + count; i++)
        record(&w, records->core, records->kind, i);
    assert(w.err == EE_OK);
    ee_tlog_leaf_hash(records->core->crypto, ee_writer_done(&w), out);
}

static const struct ee_touched *touched_of(const struct ee_core *core, enum ee_record_kind kind)
{
    if (kind == EE_RECORD_BOOK)
        return ee_ledger_accounts_touched(core->ledger);
    if (kind == EE_RECORD_ENTRY)
        return ee_ledger_rows_touched(core->ledger);
    return &ee_record_table_of(core, kind)->touched;
}

static void kind_root(const struct ee_core *core, enum ee_record_kind kind,
                      struct ee_tlog_hash *out)
{
    const struct records records = {core, kind};
    const struct ee_state_rows rows = {.leaf = group_hash,
                                       .context = &records,
                                       .count = row_count(core, kind),
                                       .touched = touched_of(core, kind)};
    static const struct ee_state_tree none;
    ee_state_tree_update(core->trees ? &core->trees->of[kind] : &none, core->crypto, &rows, out);
}

void ee_core_state_hash(const struct ee_core *core, uint8_t out[32])
{
    uint8_t buffer[ROOT_INPUT_MAX];
    struct ee_tlog_hash root;
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    ee_writer_label(&w, "ee-state-root", EE_STATE_HASH_VERSION);
    record(&w, core, EE_RECORD_NETWORK, 0);
    for (int kind = EE_RECORD_ACCOUNT; kind < EE_RECORD_END; kind++) {
        kind_root(core, (enum ee_record_kind)kind, &root);
        ee_writer_u64(&w, row_count(core, (enum ee_record_kind)kind));
        ee_writer_bytes(&w, root.bytes, sizeof(root.bytes));
    }
    const struct ee_bytes input = ee_writer_done(&w);
    assert(w.err == EE_OK);
    core->crypto->sha256(&input, 1, out);
}

void ee_core_state_hash_afresh(const struct ee_core *core, uint8_t out[32])
{
    for (int kind = EE_RECORD_ACCOUNT; kind < EE_RECORD_END; kind++)
        for (uint32_t i = 0; i < row_count(core, (enum ee_record_kind)kind); i += EE_TOUCHED_GROUP)
            ee_touched_mark(touched_of(core, (enum ee_record_kind)kind), i);
    ee_core_state_hash(core, out);
}
