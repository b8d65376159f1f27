/* SPDX-License-Identifier: Apache-2.0 */
/* Ledger time and the reservations that end at a time. */
#include <assert.h>
#include <string.h>

#include "ledger/state.h"

#include "base/banned.h"

enum { STALE_MIN = 1024 };

static bool earlier(const struct ee_ledger_due *a, const struct ee_ledger_due *b)
{
    return a->time_s != b->time_s ? a->time_s < b->time_s : a->number < b->number;
}

static void swap(struct ee_ledger_due *a, struct ee_ledger_due *b)
{
    struct ee_ledger_due kept = *a;
    *a = *b;
    *b = kept;
}

static void sift_down(struct ee_ledger_dues *dues, uint32_t at)
{
    for (;;) {
        uint32_t least = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < dues->count; child++)
            if (earlier(&dues->rows[child], &dues->rows[least]))
                least = child;
        if (least == at)
            return;
        swap(&dues->rows[at], &dues->rows[least]);
        at = least;
    }
}

static bool is_open(struct ee_ledger *ledger, const struct ee_ledger_due *due)
{
    const struct ee_ledger_row *row = ee_ledger_in_memory(ledger, &due->id);
    return row && row->state == EE_LEDGER_STATE_PENDING;
}

/* Drops what was resolved, in one pass, when that is most of it. */
static void tidy(struct ee_ledger *ledger)
{
    struct ee_ledger_dues *dues = &ledger->dues;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < dues->count; i++)
        if (is_open(ledger, &dues->rows[i]))
            dues->rows[kept++] = dues->rows[i];
    assert(kept == dues->live);
    dues->count = kept;
    for (uint32_t i = kept / 2; i > 0; i--)
        sift_down(dues, i - 1);
}

enum ee_err ee_ledger_dues_reserve(struct ee_ledger *ledger, uint32_t extra)
{
    struct ee_ledger_dues *dues = &ledger->dues;
    void *rows = dues->rows;
    enum ee_err err = ee_ledger_grow(ledger->allocator, &rows, &dues->capacity, sizeof(*dues->rows),
                                     (uint64_t)dues->count + extra);
    dues->rows = rows;
    return err;
}

void ee_ledger_dues_add(struct ee_ledger *ledger, const struct ee_ledger_row *row, uint64_t number)
{
    struct ee_ledger_dues *dues = &ledger->dues;
    assert(dues->count < dues->capacity);
    uint32_t at = dues->count++;
    dues->rows[at] = (struct ee_ledger_due){ledger->time_s + row->timeout_s, number, row->id};
    for (; at > 0 && earlier(&dues->rows[at], &dues->rows[(at - 1) / 2]); at = (at - 1) / 2)
        swap(&dues->rows[at], &dues->rows[(at - 1) / 2]);
    dues->live++;
}

void ee_ledger_dues_resolved(struct ee_ledger *ledger)
{
    struct ee_ledger_dues *dues = &ledger->dues;
    assert(dues->live > 0);
    dues->live--;
    if (dues->count - dues->live > dues->live + STALE_MIN)
        tidy(ledger);
}

static void expire(struct ee_ledger *ledger, struct ee_ledger_row *row)
{
    struct ee_ledger_account *accounts = ledger->accounts.rows;
    accounts[row->link >> 32].debits_pending -= row->amount;
    accounts[(uint32_t)row->link].credits_pending -= row->amount;
    ee_touched_mark(&ledger->accounts_touched, row->link >> 32);
    ee_touched_mark(&ledger->accounts_touched, (uint32_t)row->link);
    row->state = EE_LEDGER_STATE_EXPIRED;
}

static uint32_t due_run(struct ee_ledger *ledger)
{
    struct ee_ledger_dues *dues = &ledger->dues;
    uint32_t expired = 0;
    while (dues->count > 0 && dues->rows[0].time_s <= ledger->time_s) {
        struct ee_ledger_due due = dues->rows[0];
        dues->rows[0] = dues->rows[--dues->count];
        sift_down(dues, 0);
        if (!is_open(ledger, &due))
            continue;
        expire(ledger, ee_ledger_in_memory(ledger, &due.id));
        ee_ledger_open_settle(ledger, &due.id);
        dues->live--;
        expired++;
    }
    return expired;
}

enum ee_err ee_ledger_tick(struct ee_ledger *ledger, uint64_t seconds, uint32_t *expired_out)
{
    void *past = ledger->past;
    if (seconds > EE_LEDGER_TIME_MAX_S - ledger->time_s)
        return EE_OVERFLOW;
    enum ee_err err =
        ee_ledger_grow(ledger->allocator, &past, &ledger->past_capacity, sizeof(*ledger->past),
                       (uint64_t)ledger->past_count + ledger->open.count);
    ledger->past = past;
    EE_TRY(err);
    ledger->time_s += seconds;
    *expired_out = due_run(ledger);
    return EE_OK;
}

uint64_t ee_ledger_time_s(const struct ee_ledger *ledger)
{
    return ledger->time_s;
}
