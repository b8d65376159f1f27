/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ledger_items.h"

#include <assert.h>
#include <string.h>

#include "base/banned.h"

static const char label[] = "ee-ledger-input";

enum {
    VERSION = 1,
    HAS_PENDING_ID = 1,
    HAS_TIMEOUT = 2,
    HEAD_SIZE = 1 + sizeof(label) - 1 + 2 + 1 + 1 + 2,
    TRANSFER_SIZE_MAX = 1 + 4 * 16 + 8 + 4 + 4 + 2 + 2,
    COMMAND_SIZE_MAX = HEAD_SIZE + EE_LEDGER_ITEM_EVENTS * TRANSFER_SIZE_MAX,
};

/* ---- writing ---- */

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

static void transfer_write(struct ee_writer *w, const struct ee_ledger_transfer *t)
{
    bool pending_id = !ee_bytes_all_zero(t->pending_id.bytes, sizeof(t->pending_id.bytes));
    ee_writer_u8(
        w, (uint8_t)((pending_id ? HAS_PENDING_ID : 0) | (t->timeout_s > 0 ? HAS_TIMEOUT : 0)));
    ee_writer_bytes(w, t->id.bytes, sizeof(t->id.bytes));
    ee_writer_bytes(w, t->debit_account.bytes, sizeof(t->debit_account.bytes));
    ee_writer_bytes(w, t->credit_account.bytes, sizeof(t->credit_account.bytes));
    if (pending_id)
        ee_writer_bytes(w, t->pending_id.bytes, sizeof(t->pending_id.bytes));
    ee_writer_u64(w, t->amount);
    if (t->timeout_s > 0)
        ee_writer_u32(w, t->timeout_s);
    ee_writer_u32(w, t->ledger);
    ee_writer_u16(w, t->code);
    ee_writer_u16(w, t->flags);
}

static void results_write(struct ee_writer *w, const struct ee_ledger_line *line, uint32_t first,
                          uint32_t count)
{
    ee_writer_u32(w, count);
    for (uint32_t i = 0; i < count; i++)
        ee_writer_u8(w, (uint8_t)line->results[first + i]);
}

static void item_write(struct ee_writer *w, const struct ee_ledger_line *line, uint32_t first,
                       uint32_t count)
{
    uint8_t command[COMMAND_SIZE_MAX];
    struct ee_writer c;
    ee_writer_init(&c, command, sizeof(command));
    ee_writer_label(&c, label, VERSION);
    ee_writer_u8(&c, (uint8_t)line->kind);
    ee_writer_u8(&c, first + count < line->count);
    ee_writer_u16(&c, (uint16_t)count);
    for (uint32_t i = first; i < first + count; i++) {
        if (line->kind == EE_LEDGER_LINE_ACCOUNTS)
            account_write(&c, &line->accounts[i]);
        else
            transfer_write(&c, &line->transfers[i]);
    }
    assert(c.err == EE_OK);
    ee_writer_block(w, ee_writer_done(&c));
    results_write(w, line, first, count);
}

static void tick_write(struct ee_writer *w, const struct ee_ledger_line *line, uint32_t expired)
{
    uint8_t command[HEAD_SIZE + 8];
    struct ee_writer c;
    ee_writer_init(&c, command, sizeof(command));
    ee_writer_label(&c, label, VERSION);
    ee_writer_u8(&c, (uint8_t)line->kind);
    ee_writer_u8(&c, 0);
    ee_writer_u16(&c, 1);
    ee_writer_u64(&c, line->tick_s);
    assert(c.err == EE_OK);
    ee_writer_block(w, ee_writer_done(&c));
    ee_writer_u32(w, 4);
    ee_writer_u32(w, expired);
}

uint32_t ee_ledger_items_write(struct ee_writer *w, const struct ee_ledger_line *line,
                               uint32_t expired)
{
    uint32_t items = 0;
    if (line->kind == EE_LEDGER_LINE_TICK) {
        tick_write(w, line, expired);
        items = 1;
    } else {
        for (uint32_t first = 0; first < line->count; items++) {
            uint32_t left = line->count - first;
            uint32_t count = left < EE_LEDGER_ITEM_EVENTS ? left : EE_LEDGER_ITEM_EVENTS;
            item_write(w, line, first, count);
            first += count;
        }
    }
    assert(w->err == EE_OK);
    return items;
}

/* ---- reading ---- */

static void id_read(struct ee_cursor *c, struct ee_ledger_id *id)
{
    ee_cursor_copy(c, id->bytes, sizeof(id->bytes));
}

static void account_read(struct ee_cursor *c, struct ee_ledger_account *a)
{
    id_read(c, &a->id);
    a->ledger = ee_cursor_u32(c);
    a->code = ee_cursor_u16(c);
    a->flags = ee_cursor_u16(c);
    a->debits_pending = ee_cursor_u64(c);
    a->debits_posted = ee_cursor_u64(c);
    a->credits_pending = ee_cursor_u64(c);
    a->credits_posted = ee_cursor_u64(c);
}

/* What is not written that way by us is refused. */
static bool canonical(uint8_t has, const struct ee_ledger_transfer *t)
{
    bool pending_id = !ee_bytes_all_zero(t->pending_id.bytes, sizeof(t->pending_id.bytes));
    return has <= (HAS_PENDING_ID | HAS_TIMEOUT) && pending_id == ((has & HAS_PENDING_ID) != 0) &&
           (t->timeout_s > 0) == ((has & HAS_TIMEOUT) != 0);
}

static void transfer_read(struct ee_cursor *c, struct ee_ledger_transfer *t)
{
    uint8_t has = ee_cursor_u8(c);
    *t = (struct ee_ledger_transfer){.amount = 0};
    id_read(c, &t->id);
    id_read(c, &t->debit_account);
    id_read(c, &t->credit_account);
    if (has & HAS_PENDING_ID)
        id_read(c, &t->pending_id);
    t->amount = ee_cursor_u64(c);
    if (has & HAS_TIMEOUT)
        t->timeout_s = ee_cursor_u32(c);
    t->ledger = ee_cursor_u32(c);
    t->code = ee_cursor_u16(c);
    t->flags = ee_cursor_u16(c);
    if (c->err == EE_OK && !canonical(has, t))
        c->err = EE_RANGE;
}

static enum ee_err kind_check(const struct ee_ledger_line *line, uint8_t kind, uint32_t count)
{
    if (kind < EE_LEDGER_LINE_ACCOUNTS || kind > EE_LEDGER_LINE_TICK)
        return EE_UNSUPPORTED;
    if (line->count > 0 && kind != (uint8_t)line->kind)
        return EE_SYNTAX;
    if (kind == EE_LEDGER_LINE_TICK)
        return count == 1 ? EE_OK : EE_RANGE;
    bool fits = count <= EE_LEDGER_ITEM_EVENTS && line->count + count <= EE_LEDGER_BATCH_MAX;
    return count > 0 && fits ? EE_OK : EE_RANGE;
}

enum ee_err ee_ledger_item_read(struct ee_bytes command, struct ee_ledger_line *line,
                                bool *more_out)
{
    struct ee_cursor c;
    ee_cursor_init(&c, command);
    ee_cursor_label(&c, label, VERSION);
    uint8_t kind = ee_cursor_u8(&c);
    uint8_t more = ee_cursor_u8(&c);
    uint32_t count = ee_cursor_u16(&c);
    if (c.err != EE_OK)
        return c.err;
    EE_TRY(kind_check(line, kind, count));
    line->kind = (enum ee_ledger_line_kind)kind;
    for (uint32_t i = line->count; i < line->count + count; i++) {
        if (kind == EE_LEDGER_LINE_ACCOUNTS)
            account_read(&c, &line->accounts[i]);
        else if (kind == EE_LEDGER_LINE_TRANSFERS)
            transfer_read(&c, &line->transfers[i]);
        else
            line->tick_s = ee_cursor_u64(&c);
    }
    EE_TRY(ee_cursor_end(&c));
    if (more > 1 || (more == 1 && kind == EE_LEDGER_LINE_TICK))
        return EE_RANGE;
    line->count += count;
    *more_out = more == 1;
    return EE_OK;
}

bool ee_ledger_item_same(struct ee_bytes result, const struct ee_ledger_line *line, uint32_t first,
                         uint32_t expired)
{
    struct ee_cursor c;
    ee_cursor_init(&c, result);
    if (line->kind == EE_LEDGER_LINE_TICK)
        return ee_cursor_u32(&c) == expired && ee_cursor_end(&c) == EE_OK;
    if (first > line->count || result.size > line->count - first)
        return false;
    for (size_t i = 0; i < result.size; i++)
        if (ee_cursor_u8(&c) != (uint8_t)line->results[first + i])
            return false;
    return ee_cursor_end(&c) == EE_OK;
}
