/* SPDX-License-Identifier: Apache-2.0 */
/* The state as bytes: docs/spec/ledger.md, "Snapshot". */
#include <string.h>

#include "ledger/state.h"

#include "base/banned.h"

enum {
    ACCOUNT_SIZE = 56,
    ROW_SIZE = 40,
    PAST_SIZE = ROW_SIZE + 8,
    DUE_SIZE = 32,
    PIECE_MAX = 4096, /* bytes handed over at a time */
};

static const char label[] = "ee-ledger-state";
enum { VERSION = 1, HEAD_SIZE = 1 + sizeof(label) - 1 + 2 + 8 + 8 + 5 * 4 };

/* ---- writing ---- */

struct sink {
    ee_ledger_sink_fn fn;
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

/* Room for one record more. */
static enum ee_err room(struct sink *sink, size_t size)
{
    return sink->w.size + size > sizeof(sink->piece) ? flush(sink) : EE_OK;
}

static void account_write(struct ee_writer *w, const struct ee_ledger_account *a)
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

static void row_write(struct ee_writer *w, const struct ee_ledger_row *row)
{
    ee_writer_bytes(w, row->id.bytes, sizeof(row->id.bytes));
    ee_writer_u64(w, row->amount);
    ee_writer_u64(w, row->link);
    ee_writer_u32(w, row->timeout_s);
    ee_writer_u16(w, row->code);
    ee_writer_u8(w, row->flags);
    ee_writer_u8(w, row->state);
}

static void head_write(struct ee_writer *w, const struct ee_ledger *ledger)
{
    ee_writer_label(w, label, VERSION);
    ee_writer_u64(w, ledger->time_s);
    ee_writer_u64(w, ledger->recent.first);
    ee_writer_u32(w, ledger->accounts.count);
    ee_writer_u32(w, ledger->recent.count);
    ee_writer_u32(w, ledger->open.count);
    ee_writer_u32(w, ledger->dues.count);
    ee_writer_u32(w, ledger->dues.live);
}

static enum ee_err rows_write(struct sink *sink, const struct ee_ledger *ledger)
{
    for (uint32_t i = 0; i < ledger->accounts.count; i++) {
        EE_TRY(room(sink, ACCOUNT_SIZE));
        account_write(&sink->w, &ledger->accounts.rows[i]);
    }
    for (uint32_t i = 0; i < ledger->recent.count; i++) {
        EE_TRY(room(sink, ROW_SIZE));
        row_write(&sink->w, ee_ledger_row_at(ledger, i));
    }
    for (uint32_t i = 0; i < ledger->open.count; i++) {
        EE_TRY(room(sink, PAST_SIZE));
        row_write(&sink->w, &ledger->open.rows[i].row);
        ee_writer_u64(&sink->w, ledger->open.rows[i].number);
    }
    for (uint32_t i = 0; i < ledger->dues.count; i++) {
        const struct ee_ledger_due *due = &ledger->dues.rows[i];
        EE_TRY(room(sink, DUE_SIZE));
        ee_writer_u64(&sink->w, due->time_s);
        ee_writer_u64(&sink->w, due->number);
        ee_writer_bytes(&sink->w, due->id.bytes, sizeof(due->id.bytes));
    }
    return flush(sink);
}

enum ee_err ee_ledger_save(const struct ee_ledger *ledger, ee_ledger_sink_fn fn, void *context)
{
    struct sink sink = {.fn = fn, .context = context};
    if (ledger->past_count > 0)
        return EE_STATE;
    ee_writer_init(&sink.w, sink.piece, sizeof(sink.piece));
    head_write(&sink.w, ledger);
    return rows_write(&sink, ledger);
}

/* ---- reading ---- */

struct source {
    ee_ledger_source_fn fn;
    void *context;
    uint8_t record[64];
    struct ee_cursor c;
};

static enum ee_err record_read(struct source *source, size_t size)
{
    EE_TRY(source->fn(source->context, source->record, size));
    ee_cursor_init(&source->c, ee_bytes_of(source->record, size));
    return EE_OK;
}

struct head {
    uint64_t first;
    uint32_t accounts, recent, open, dues;
};

static enum ee_err head_read(struct source *source, struct ee_ledger *ledger, struct head *head)
{
    EE_TRY(record_read(source, HEAD_SIZE));
    struct ee_cursor *c = &source->c;
    ee_cursor_label(c, label, VERSION);
    ledger->time_s = ee_cursor_u64(c);
    head->first = ee_cursor_u64(c);
    head->accounts = ee_cursor_u32(c);
    head->recent = ee_cursor_u32(c);
    head->open = ee_cursor_u32(c);
    head->dues = ee_cursor_u32(c);
    ledger->dues.live = ee_cursor_u32(c);
    EE_TRY(ee_cursor_end(c));
    bool fits = head->first == 0 || ledger->limits.window;
    return fits && ledger->time_s <= EE_LEDGER_TIME_MAX_S && ledger->dues.live <= head->dues
               ? EE_OK
               : EE_RANGE;
}

static enum ee_err account_read(struct source *source, struct ee_ledger *ledger)
{
    struct ee_ledger_account a = {.ledger = 0};
    EE_TRY(record_read(source, ACCOUNT_SIZE));
    struct ee_cursor *c = &source->c;
    ee_cursor_copy(c, a.id.bytes, sizeof(a.id.bytes));
    a.ledger = ee_cursor_u32(c);
    a.code = ee_cursor_u16(c);
    a.flags = ee_cursor_u16(c);
    a.debits_pending = ee_cursor_u64(c);
    a.debits_posted = ee_cursor_u64(c);
    a.credits_pending = ee_cursor_u64(c);
    a.credits_posted = ee_cursor_u64(c);
    EE_TRY(ee_cursor_end(c));
    if (ee_ledger_account_find(ledger, &a.id))
        return EE_RANGE;
    ee_ledger_account_load(ledger, &a);
    return EE_OK;
}

/* What a post or void names is an earlier reservation, if it is still in the window. */
static bool link_valid(const struct ee_ledger *ledger, const struct ee_ledger_row *row)
{
    const struct ee_ledger_row *pending = ee_ledger_recent_at(ledger, row->link);
    return row->link < ledger->recent.first + ledger->recent.count &&
           (!pending || ((pending->flags & EE_LEDGER_PENDING) != 0 &&
                         pending->state != EE_LEDGER_STATE_FAILED));
}

/* Whether a row may be used as an index into the accounts, and is not there already. */
static bool row_valid(const struct ee_ledger *ledger, const struct ee_ledger_row *row)
{
    bool resolution = (row->flags & (EE_LEDGER_POST | EE_LEDGER_VOID)) != 0;
    bool reservation = (row->flags & EE_LEDGER_PENDING) != 0;
    bool accounts =
        row->link >> 32 < ledger->accounts.count && (uint32_t)row->link < ledger->accounts.count;
    if (row->state < EE_LEDGER_STATE_SINGLE || row->state > EE_LEDGER_STATE_FAILED ||
        ee_ledger_row_find(ledger, &row->id))
        return false;
    if (row->state == EE_LEDGER_STATE_FAILED)
        return true;
    if (reservation == (row->state == EE_LEDGER_STATE_SINGLE) || (reservation && resolution))
        return false;
    return resolution ? link_valid(ledger, row) : accounts;
}

static void row_take(struct ee_cursor *c, struct ee_ledger_row *row)
{
    ee_cursor_copy(c, row->id.bytes, sizeof(row->id.bytes));
    row->amount = ee_cursor_u64(c);
    row->link = ee_cursor_u64(c);
    row->timeout_s = ee_cursor_u32(c);
    row->code = ee_cursor_u16(c);
    row->flags = ee_cursor_u8(c);
    row->state = ee_cursor_u8(c);
}

static enum ee_err recent_read(struct source *source, struct ee_ledger *ledger)
{
    struct ee_ledger_row row;
    EE_TRY(record_read(source, ROW_SIZE));
    row_take(&source->c, &row);
    EE_TRY(ee_cursor_end(&source->c));
    if (!row_valid(ledger, &row))
        return EE_RANGE;
    ee_ledger_recent_add(ledger, &row);
    return EE_OK;
}

static enum ee_err open_read(struct source *source, struct ee_ledger *ledger)
{
    struct ee_ledger_row row;
    EE_TRY(record_read(source, PAST_SIZE));
    row_take(&source->c, &row);
    uint64_t number = ee_cursor_u64(&source->c);
    EE_TRY(ee_cursor_end(&source->c));
    if (!row_valid(ledger, &row) || row.state != EE_LEDGER_STATE_PENDING)
        return EE_RANGE;
    ee_ledger_open_add(ledger, &row, number);
    return EE_OK;
}

static enum ee_err due_read(struct source *source, struct ee_ledger *ledger)
{
    struct ee_ledger_due due;
    EE_TRY(record_read(source, DUE_SIZE));
    due.time_s = ee_cursor_u64(&source->c);
    due.number = ee_cursor_u64(&source->c);
    ee_cursor_copy(&source->c, due.id.bytes, sizeof(due.id.bytes));
    EE_TRY(ee_cursor_end(&source->c));
    ledger->dues.rows[ledger->dues.count++] = due;
    return EE_OK;
}

static enum ee_err ledger_read(struct source *source, struct ee_ledger *ledger)
{
    struct head head;
    EE_TRY(head_read(source, ledger, &head));
    for (uint32_t i = 0; i < head.accounts; i++) {
        EE_TRY(ee_ledger_reserve(ledger, 1, 0)); /* as they come: the count may be anything */
        EE_TRY(account_read(source, ledger));
    }
    if (head.first > 0 || head.recent > ledger->limits.transfers)
        EE_TRY(ee_ledger_recent_load(ledger, head.recent, head.first));
    for (uint32_t i = 0; i < head.recent; i++) {
        EE_TRY(ee_ledger_recent_reserve(ledger, 1));
        EE_TRY(recent_read(source, ledger));
    }
    for (uint32_t i = 0; i < head.open; i++) {
        EE_TRY(ee_ledger_open_reserve(ledger, i + 1));
        EE_TRY(open_read(source, ledger));
    }
    for (uint32_t i = 0; i < head.dues; i++) {
        EE_TRY(ee_ledger_dues_reserve(ledger, 1));
        EE_TRY(due_read(source, ledger));
    }
    return EE_OK;
}

enum ee_err ee_ledger_load(const struct ee_allocator *allocator,
                           const struct ee_ledger_limits *limits, ee_ledger_source_fn fn,
                           void *context, struct ee_ledger **out)
{
    struct source source = {.fn = fn, .context = context};
    struct ee_ledger *ledger = ee_ledger_new(allocator, limits);
    if (!ledger)
        return EE_NO_MEMORY;
    enum ee_err err = ledger_read(&source, ledger);
    if (err == EE_OK)
        *out = ledger;
    else
        ee_ledger_free(ledger);
    return err;
}
