/* SPDX-License-Identifier: Apache-2.0 */
#include "core/transfers.h"

#include <assert.h>
#include <string.h>

#include "core/codec.h"
#include "ledger/ledger.h"

#include "base/banned.h"

/* How the outcomes are written: whichever is shorter, runs when they are equally long. */
enum form { RUNS = 1, BYTES = 2 };
enum { RUN_SIZE = 1 + 2 };

enum ee_err ee_transfers_open(struct ee_bytes payload, struct ee_transfers *out)
{
    struct ee_cursor c;
    ee_cursor_init(&c, payload);
    ee_cursor_label(&c, "ee-transfers", 1);
    uint8_t atomic = ee_cursor_u8(&c);
    uint32_t count = ee_cursor_u32(&c);
    if (c.err != EE_OK)
        return c.err;
    if (atomic > 1 || count == 0 || count > EE_TRANSFERS_MAX)
        return EE_RANGE;
    *out = (struct ee_transfers){atomic == 1, count, ee_bytes_of(c.next, c.left)};
    return EE_OK;
}

/* base/text.h, ee_name_valid(), over bytes. */
static bool name_valid(struct ee_bytes name)
{
    if (name.size == 0 || name.size > EE_NAME_MAX || name.data[0] < 'a' || name.data[0] > 'z')
        return false;
    for (size_t i = 1; i < name.size; i++) {
        uint8_t c = name.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return true;
}

static bool printable(struct ee_bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < 0x20 || text.data[i] > 0x7e)
            return false;
    return true;
}

static enum ee_err row_check(const struct ee_transfers_row *row)
{
    if (!name_valid(row->to))
        return EE_NAME;
    if (row->amount.micros < 1 || row->memo.size > EE_MEMO_MAX || !printable(row->memo) ||
        ee_bytes_all_zero(row->id, sizeof(row->id)))
        return EE_RANGE;
    return EE_OK;
}

bool ee_transfers_next(struct ee_cursor *rows, struct ee_transfers_row *out)
{
    struct ee_transfers_row row;
    if (rows->left == 0)
        return false;
    ee_cursor_copy(rows, row.id, sizeof(row.id));
    row.amount.micros = (int64_t)ee_cursor_u64(rows);
    row.to = ee_cursor_bytes(rows, ee_cursor_u8(rows));
    row.memo = ee_cursor_bytes(rows, ee_cursor_u8(rows));
    if (rows->err == EE_OK)
        rows->err = row_check(&row);
    if (rows->err != EE_OK)
        return false;
    *out = row;
    return true;
}

enum ee_err ee_transfers_decode(struct ee_bytes payload, struct ee_transfers *out)
{
    struct ee_transfers transfers;
    struct ee_transfers_row row;
    struct ee_cursor rows;
    EE_TRY(ee_transfers_open(payload, &transfers));
    ee_cursor_init(&rows, transfers.rows);
    for (uint32_t i = 0; i < transfers.count; i++)
        if (!ee_transfers_next(&rows, &row))
            return rows.err != EE_OK ? rows.err : EE_TRUNCATED;
    EE_TRY(ee_cursor_end(&rows));
    *out = transfers;
    return EE_OK;
}

enum ee_err ee_transfers_begin(struct ee_writer *w, bool atomic, uint32_t count)
{
    if (count == 0 || count > EE_TRANSFERS_MAX)
        return EE_RANGE;
    ee_writer_label(w, "ee-transfers", 1);
    ee_writer_u8(w, atomic);
    ee_writer_u32(w, count);
    return w->err;
}

enum ee_err ee_transfers_amend(struct ee_writer *w, size_t start, bool atomic, uint32_t count)
{
    struct ee_writer head;
    if (w->err != EE_OK)
        return w->err;
    ee_writer_init(&head, w->data + start, w->size - start);
    return ee_transfers_begin(&head, atomic, count);
}

enum ee_err ee_transfers_add(struct ee_writer *w, const struct ee_transfers_row *row)
{
    EE_TRY(row_check(row));
    ee_writer_bytes(w, row->id, sizeof(row->id));
    ee_writer_u64(w, (uint64_t)row->amount.micros);
    ee_writer_u8(w, (uint8_t)row->to.size);
    ee_writer_bytes(w, row->to.data, row->to.size);
    ee_writer_u8(w, (uint8_t)row->memo.size);
    ee_writer_bytes(w, row->memo.data, row->memo.size);
    return w->err;
}

/* ---- results ---- */

/* The different outcomes in order of first appearance, and how many runs there are. */
struct outcomes {
    uint16_t values[EE_TRANSFERS_OUTCOMES_MAX];
    uint32_t count, runs;
};

static uint32_t value_index(const struct outcomes *o, uint16_t value)
{
    uint32_t i = 0;
    while (i < o->count && o->values[i] != value)
        i++;
    return i;
}

static enum ee_err outcomes_collect(const uint16_t *outcomes, uint32_t count, struct outcomes *out)
{
    *out = (struct outcomes){.count = 0};
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0 && outcomes[i] == outcomes[i - 1])
            continue;
        out->runs++;
        if (value_index(out, outcomes[i]) < out->count)
            continue;
        if (out->count == EE_TRANSFERS_OUTCOMES_MAX)
            return EE_TOO_LARGE;
        out->values[out->count++] = outcomes[i];
    }
    return EE_OK;
}

static void runs_write(struct ee_writer *w, const struct outcomes *o, const uint16_t *outcomes,
                       uint32_t count)
{
    for (uint32_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && outcomes[end] == outcomes[i]; end++)
            ;
        ee_writer_u8(w, (uint8_t)value_index(o, outcomes[i]));
        ee_writer_u16(w, (uint16_t)(end - i));
    }
}

enum ee_err ee_transfers_result_encode(const struct ee_transfers_result *result,
                                       const uint16_t *outcomes, struct ee_writer *out)
{
    struct outcomes o;
    if (result->count == 0 || result->count > EE_TRANSFERS_MAX)
        return EE_RANGE;
    EE_TRY(outcomes_collect(outcomes, result->count, &o));
    bool runs = RUN_SIZE * o.runs <= result->count;
    ee_writer_label(out, "ee-transfers-result", 1);
    ee_writer_text(out, result->account);
    ee_writer_u64(out, (uint64_t)result->available.micros);
    ee_writer_u64(out, (uint64_t)result->locked.micros);
    ee_writer_u32(out, result->count);
    ee_writer_u8(out, runs ? RUNS : BYTES);
    ee_writer_u8(out, (uint8_t)o.count);
    for (uint32_t i = 0; i < o.count; i++)
        ee_writer_u16(out, o.values[i]);
    if (runs)
        runs_write(out, &o, outcomes, result->count);
    for (uint32_t i = 0; !runs && i < result->count; i++)
        ee_writer_u8(out, (uint8_t)value_index(&o, outcomes[i]));
    return out->err;
}

static bool outcome_read(struct ee_cursor *c, const struct outcomes *o, uint16_t *out)
{
    uint8_t index = ee_cursor_u8(c);
    if (c->err == EE_OK && index >= o->count)
        c->err = EE_RANGE;
    *out = c->err == EE_OK ? o->values[index] : 0;
    return c->err == EE_OK;
}

static void runs_read(struct ee_cursor *c, const struct outcomes *o, uint16_t *outcomes,
                      uint32_t count)
{
    for (uint32_t i = 0; i < count && c->err == EE_OK;) {
        uint16_t value = 0;
        (void)outcome_read(c, o, &value);
        uint32_t run = ee_cursor_u16(c);
        if (c->err == EE_OK && (run == 0 || run > count - i))
            c->err = EE_RANGE;
        for (uint32_t end = i + run; c->err == EE_OK && i < end; i++)
            outcomes[i] = value;
    }
}

/* What the decoder read is what the encoder writes: the order of the values, the form and whole
 * runs follow from the outcomes. */
static bool outcomes_canonical(const struct outcomes *o, uint8_t form, uint32_t runs_read,
                               const uint16_t *outcomes, uint32_t count)
{
    struct outcomes again;
    if (outcomes_collect(outcomes, count, &again) != EE_OK || again.count != o->count ||
        memcmp(again.values, o->values, again.count * sizeof(again.values[0])) != 0)
        return false;
    bool runs = RUN_SIZE * again.runs <= count;
    return form == (runs ? RUNS : BYTES) && (!runs || again.runs == runs_read);
}

static void totals_count(struct ee_transfers_result *result, const uint16_t *outcomes)
{
    result->made = result->repeated = 0;
    for (uint32_t i = 0; i < result->count; i++) {
        result->made += outcomes[i] == EE_OK;
        result->repeated += outcomes[i] == EE_TRANSFER_REPEATED;
    }
}

static enum ee_err outcomes_read(struct ee_cursor *c, uint16_t *outcomes, uint32_t count)
{
    struct outcomes o = {.count = 0};
    uint8_t form = ee_cursor_u8(c);
    o.count = ee_cursor_u8(c);
    if (c->err == EE_OK && (o.count > EE_TRANSFERS_OUTCOMES_MAX || form < RUNS || form > BYTES))
        return EE_RANGE;
    for (uint32_t i = 0; i < o.count && c->err == EE_OK; i++)
        o.values[i] = ee_cursor_u16(c);
    size_t before = c->left;
    if (form == RUNS)
        runs_read(c, &o, outcomes, count);
    for (uint32_t i = 0; form == BYTES && i < count && c->err == EE_OK; i++)
        (void)outcome_read(c, &o, &outcomes[i]);
    EE_TRY(ee_cursor_end(c));
    uint32_t runs = (uint32_t)(before / RUN_SIZE);
    return outcomes_canonical(&o, form, runs, outcomes, count) ? EE_OK : EE_SYNTAX;
}

enum ee_err ee_transfers_result_decode(struct ee_bytes body, struct ee_transfers_result *out,
                                       uint16_t *outcomes)
{
    struct ee_cursor c;
    struct ee_transfers_result result;
    memset(&result, 0, sizeof(result));
    ee_cursor_init(&c, body);
    ee_cursor_label(&c, "ee-transfers-result", 1);
    ee_cursor_text(&c, result.account, sizeof(result.account));
    result.available.micros = (int64_t)ee_cursor_u64(&c);
    result.locked.micros = (int64_t)ee_cursor_u64(&c);
    result.count = ee_cursor_u32(&c);
    if (c.err != EE_OK)
        return c.err;
    if (!ee_name_valid(result.account))
        return EE_NAME;
    if (result.available.micros < 0 || result.locked.micros < 0 || result.count == 0 ||
        result.count > EE_TRANSFERS_MAX)
        return EE_RANGE;
    EE_TRY(outcomes_read(&c, outcomes, result.count));
    totals_count(&result, outcomes);
    *out = result;
    return EE_OK;
}

void ee_transfers_ledger_id(const struct ee_crypto *crypto, const struct ee_ledger_id *sender,
                            const uint8_t id[EE_ID_SIZE], struct ee_ledger_id *out)
{
    uint8_t buffer[64], hash[EE_SHA256_SIZE];
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    ee_writer_label(&w, "ee-ledger-bulk", 1); /* short enough for one block of SHA-256 */
    ee_writer_bytes(&w, sender->bytes, sizeof(sender->bytes));
    ee_writer_bytes(&w, id, EE_ID_SIZE);
    struct ee_bytes bytes = ee_writer_done(&w);
    assert(bytes.size > 0 && bytes.size <= 55);
    crypto->sha256(&bytes, 1, hash);
    memcpy(out->bytes, hash, sizeof(out->bytes));
}
