/* SPDX-License-Identifier: Apache-2.0 */
/* What a judged transfer changes, and how that is taken back. Nothing here can fail: room was
 * reserved, sums were checked. */
#include <assert.h>
#include <string.h>

#include "ledger/state.h"

#include "base/banned.h"

static bool resolves(uint16_t flags)
{
    return (flags & (EE_LEDGER_POST | EE_LEDGER_VOID)) != 0;
}

static struct ee_ledger_account *account(struct ee_ledger *ledger, uint64_t number)
{
    assert(number < ledger->accounts.count);
    ee_touched_mark(&ledger->accounts_touched, number);
    return &ledger->accounts.rows[number];
}

static struct ee_ledger_account *debited(struct ee_ledger *ledger, const struct ee_ledger_row *move)
{
    return account(ledger, move->link >> 32);
}

static struct ee_ledger_account *credited(struct ee_ledger *ledger,
                                          const struct ee_ledger_row *move)
{
    return account(ledger, (uint32_t)move->link);
}

static void posted_add(struct ee_ledger *ledger, const struct ee_ledger_row *move, uint64_t amount)
{
    debited(ledger, move)->debits_posted += amount;
    credited(ledger, move)->credits_posted += amount;
}

static void posted_take(struct ee_ledger *ledger, const struct ee_ledger_row *move, uint64_t amount)
{
    debited(ledger, move)->debits_posted -= amount;
    credited(ledger, move)->credits_posted -= amount;
}

static void pending_add(struct ee_ledger *ledger, const struct ee_ledger_row *move)
{
    debited(ledger, move)->debits_pending += move->amount;
    credited(ledger, move)->credits_pending += move->amount;
}

static void pending_take(struct ee_ledger *ledger, const struct ee_ledger_row *move)
{
    debited(ledger, move)->debits_pending -= move->amount;
    credited(ledger, move)->credits_pending -= move->amount;
}

/* An open reservation is always in memory. */
static struct ee_ledger_row *reservation(struct ee_ledger *ledger, const struct ee_ledger_id *id)
{
    struct ee_ledger_row *row = ee_ledger_in_memory(ledger, id);
    assert(row && (row->flags & EE_LEDGER_PENDING));
    return row;
}

static void book_resolution(struct ee_ledger *ledger, const struct ee_ledger_transfer *t,
                            const struct ee_ledger_plan *plan)
{
    struct ee_ledger_row *pending = reservation(ledger, &t->pending_id);
    assert(pending->state == EE_LEDGER_STATE_PENDING);
    pending_take(ledger, pending);
    if (t->flags & EE_LEDGER_POST)
        posted_add(ledger, pending, plan->amount);
    pending->state = t->flags & EE_LEDGER_POST ? EE_LEDGER_STATE_POSTED : EE_LEDGER_STATE_VOIDED;
}

static void row_add(struct ee_ledger *ledger, const struct ee_ledger_transfer *t,
                    enum ee_ledger_state state, uint64_t amount, uint64_t link)
{
    struct ee_ledger_row row = {.id = t->id,
                                .amount = amount,
                                .link = link,
                                .timeout_s = t->timeout_s,
                                .code = t->code,
                                .flags = (uint8_t)t->flags,
                                .state = (uint8_t)state};
    ee_ledger_recent_add(ledger, &row);
}

void ee_ledger_transfer_book(struct ee_ledger *ledger, const struct ee_ledger_transfer *t,
                             const struct ee_ledger_plan *plan)
{
    if (resolves(t->flags)) {
        uint64_t number = plan->pending.number;
        book_resolution(ledger, t, plan);
        row_add(ledger, t, EE_LEDGER_STATE_SINGLE, plan->amount, number);
        return;
    }
    bool pending = (t->flags & EE_LEDGER_PENDING) != 0;
    row_add(ledger, t, pending ? EE_LEDGER_STATE_PENDING : EE_LEDGER_STATE_SINGLE, plan->amount,
            (uint64_t)plan->debit << 32 | plan->credit);
    const struct ee_ledger_row *row =
        ee_ledger_recent_at(ledger, ledger->recent.first + ledger->recent.count - 1);
    if (pending)
        pending_add(ledger, row);
    else
        posted_add(ledger, row, row->amount);
}

void ee_ledger_transfer_unbook(struct ee_ledger *ledger, const struct ee_ledger_transfer *t)
{
    const struct ee_ledger_row *row =
        ee_ledger_recent_at(ledger, ledger->recent.first + ledger->recent.count - 1);
    assert(row && ee_ledger_id_equal(&row->id, &t->id));
    if (resolves(t->flags)) {
        struct ee_ledger_row *pending = reservation(ledger, &t->pending_id);
        if (t->flags & EE_LEDGER_POST)
            posted_take(ledger, pending, row->amount);
        pending_add(ledger, pending);
        pending->state = EE_LEDGER_STATE_PENDING;
    } else if (t->flags & EE_LEDGER_PENDING) {
        pending_take(ledger, row);
    } else {
        posted_take(ledger, row, row->amount);
    }
    ee_ledger_recent_drop_last(ledger);
}

void ee_ledger_transfer_refuse(struct ee_ledger *ledger, const struct ee_ledger_transfer *t)
{
    struct ee_ledger_row row = {.id = t->id, .state = EE_LEDGER_STATE_FAILED};
    ee_ledger_recent_add(ledger, &row);
}

struct ee_ledger_entry ee_ledger_entry_of(const struct ee_ledger *ledger,
                                          const struct ee_ledger_row *row)
{
    struct ee_ledger_entry entry = {.state = (enum ee_ledger_state)row->state};
    struct ee_ledger_transfer *t = &entry.transfer;
    const struct ee_ledger_row *move = row;
    t->id = row->id;
    t->amount = row->amount;
    t->timeout_s = row->timeout_s;
    t->flags = row->flags;
    if (resolves(row->flags)) {
        move = ee_ledger_recent_at(ledger, row->link);
        if (move)
            t->pending_id = move->id;
    }
    if (!move || row->state == EE_LEDGER_STATE_FAILED)
        return entry;
    t->debit_account = ledger->accounts.rows[move->link >> 32].id;
    t->credit_account = ledger->accounts.rows[(uint32_t)move->link].id;
    t->ledger = ledger->accounts.rows[move->link >> 32].ledger;
    t->code = move->code;
    return entry;
}
