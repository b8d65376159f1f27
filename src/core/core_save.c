/* SPDX-License-Identifier: Apache-2.0 */
/* The state as bytes: docs/spec/snapshot.md, "State". Written in a process that was split off to do
 * so: nothing here takes memory, and the state is only read. */
#include <string.h>

#include "core/records.h"

#include "base/banned.h"

enum { PIECE_MAX = 16384 };

struct sink {
    ee_core_sink_fn fn;
    void *context;
    struct ee_writer w;
    uint8_t piece[PIECE_MAX];
};

static enum ee_err flush(struct sink *sink)
{
    struct ee_bytes piece = ee_writer_done(&sink->w);
    if (piece.size > 0)
        EE_TRY(sink->fn(sink->context, piece));
    ee_writer_init(&sink->w, sink->piece, sizeof(sink->piece));
    return EE_OK;
}

static enum ee_err room(struct sink *sink, size_t size)
{
    return sink->w.size + size > sizeof(sink->piece) ? flush(sink) : EE_OK;
}

static enum ee_err block_write(struct sink *sink, struct ee_bytes block)
{
    EE_TRY(room(sink, 4));
    ee_writer_u32(&sink->w, (uint32_t)block.size);
    if (block.size > EE_RECORD_MAX) {
        EE_TRY(flush(sink));
        return sink->fn(sink->context, block);
    }
    EE_TRY(room(sink, block.size));
    ee_writer_bytes(&sink->w, block.data, block.size);
    return EE_OK;
}

static enum ee_err head_write(struct sink *sink, const struct ee_core *core)
{
    uint8_t genesis[EE_GENESIS_SIZE_MAX], record[EE_RECORD_MAX];
    struct ee_writer w;
    ee_writer_label(&sink->w, "ee-core-state", 1);
    ee_writer_u16(&sink->w, EE_CORE_VERSION);
    ee_writer_init(&w, genesis, sizeof(genesis));
    EE_TRY(ee_genesis_encode(&core->genesis, &w));
    EE_TRY(block_write(sink, ee_writer_done(&w)));
    ee_writer_init(&w, record, sizeof(record));
    struct ee_record r = {.k = ee_codec_writer(&w), .version = EE_CORE_VERSION};
    struct ee_core copy = *core;
    ee_record_network(&r, &copy);
    EE_TRY(ee_codec_end(&r.k));
    return block_write(sink, ee_writer_done(&w));
}

static enum ee_err row_write(struct sink *sink, const struct ee_core *core,
                             enum ee_record_kind kind, uint32_t index)
{
    uint8_t record[EE_RECORD_MAX];
    struct ee_writer w;
    ee_writer_init(&w, record, sizeof(record));
    ee_record_write(core, kind, index, &w);
    EE_TRY(block_write(sink, ee_writer_done(&w)));
    if (!ee_record_has_blob(kind))
        return EE_OK;
    const void *row = ee_table_at(ee_record_table_of(core, kind), index);
    return block_write(sink, ee_record_blob(kind, row));
}

static enum ee_err table_write(struct sink *sink, const struct ee_core *core,
                               enum ee_record_kind kind)
{
    const struct ee_table *table = ee_record_table_of(core, kind);
    if (!table || table->count == 0)
        return EE_OK;
    EE_TRY(room(sink, 5));
    ee_writer_u8(&sink->w, (uint8_t)kind);
    ee_writer_u32(&sink->w, table->count);
    for (uint32_t i = 0; i < table->count; i++)
        EE_TRY(row_write(sink, core, kind, i));
    return EE_OK;
}

enum ee_err ee_core_save(const struct ee_core *core, ee_core_sink_fn fn, void *context)
{
    struct sink sink = {.fn = fn, .context = context};
    if (!core->founded)
        return EE_STATE;
    ee_writer_init(&sink.w, sink.piece, sizeof(sink.piece));
    EE_TRY(head_write(&sink, core));
    for (int kind = EE_RECORD_ACCOUNT; kind < EE_RECORD_END; kind++)
        EE_TRY(table_write(&sink, core, (enum ee_record_kind)kind));
    EE_TRY(room(&sink, 1));
    ee_writer_u8(&sink.w, 0); /* no more tables */
    EE_TRY(flush(&sink));
    return ee_ledger_save(core->ledger, fn, context);
}
