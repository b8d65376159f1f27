/* SPDX-License-Identifier: Apache-2.0 */
/* TRANSFERS: many transfers out of one account in one command. docs/spec/commands.md. */
#include "core/transfers.h"

#include <assert.h>
#include <string.h>

#include "core/state.h"

#include "base/banned.h"

/* Rows ahead of the one being booked whose places in memory are fetched. */
enum { AHEAD = 12 };

/* Scratch of one command, kept for the next. */
struct ee_core_bulk {
    struct ee_ledger_transfer events[EE_TRANSFERS_MAX];
    enum ee_ledger_result results[EE_TRANSFERS_MAX];
    uint16_t outcomes[EE_TRANSFERS_MAX];
    int64_t smallest, total; /* amount; at most INT64_MAX, which nobody has */
};

static enum ee_err bulk_reserve(struct ee_core *core)
{
    if (!core->bulk)
        core->bulk = ee_realloc(core->allocator, NULL, 1, sizeof(*core->bulk));
    return core->bulk ? EE_OK : EE_NO_MEMORY;
}

/* ---- before anything is booked ---- */

/* EE_OK or the rule that refuses this row whatever the balance is. */
static enum ee_err row_judge(const struct ee_change *c, const struct ee_account_row *from,
                             const struct ee_transfers_row *row, struct ee_ledger_transfer *event)
{
    char name[EE_NAME_MAX + 1] = {0};
    memcpy(name, row->to.data, row->to.size);
    const struct ee_account_row *to = ee_core_account_find(c->core, name);
    if (!to)
        return EE_ACCOUNT_UNKNOWN;
    if (to == from)
        return EE_SAME_ACCOUNT;
    *event = (struct ee_ledger_transfer){.debit_account = from->ledger_id,
                                         .credit_account = to->ledger_id,
                                         .amount = (uint64_t)row->amount.micros,
                                         .ledger = EE_BOOK,
                                         .code = EE_MOVE_TRANSFER};
    ee_transfers_ledger_id(c->core->crypto, &from->ledger_id, row->id, &event->id);
    return EE_OK;
}

static void sums_add(struct ee_core_bulk *bulk, int64_t amount)
{
    if (amount < bulk->smallest)
        bulk->smallest = amount;
    if (__builtin_add_overflow(bulk->total, amount, &bulk->total))
        bulk->total = INT64_MAX;
}

/* Reads every row, so that a malformed one is found before anything changes. */
static enum ee_err rows_read(struct ee_change *c, const struct ee_account_row *from,
                             const struct ee_transfers *transfers)
{
    struct ee_core_bulk *bulk = c->core->bulk;
    struct ee_transfers_row row;
    struct ee_cursor rows;
    ee_cursor_init(&rows, transfers->rows);
    bulk->smallest = INT64_MAX;
    bulk->total = 0;
    for (uint32_t i = 0; i < transfers->count; i++) {
        if (!ee_transfers_next(&rows, &row))
            return rows.err != EE_OK ? rows.err : EE_TRUNCATED;
        bulk->outcomes[i] = (uint16_t)row_judge(c, from, &row, &bulk->events[i]);
        sums_add(bulk, row.amount.micros);
    }
    return ee_cursor_end(&rows);
}

/* ---- holds and limits of what leaves the account: docs/spec/money.md ---- */

/* What all rows together may, each of them may, whatever becomes of the others. */
static bool all_within_limits(const struct ee_change *c, const struct ee_account_row *from)
{
    const struct ee_core_bulk *bulk = c->core->bulk;
    struct ee_outgoing limit;
    return ee_core_transfers_check(c->core, from, c->now_us, bulk->smallest, bulk->total, &limit) ==
           EE_OK;
}

/* The limit that refuses this row as part of `total`, of which the rest is within the limits. Not
 * for a row whose id is known: the ledger refuses that. EE_INSUFFICIENT_CREDITS: it, too, which
 * uses the id up. */
static enum ee_err limit_judge(const struct ee_change *c, const struct ee_account_row *from,
                               const struct ee_ledger_transfer *event, int64_t total)
{
    struct ee_outgoing limit;
    enum ee_err err =
        ee_core_transfers_check(c->core, from, c->now_us, (int64_t)event->amount, total, &limit);
    if (err != EE_OK && ee_ledger_row_find(c->core->ledger, &event->id))
        return EE_OK;
    return err;
}

/* For all or nothing: the first row beyond a limit with all before it, unless the ledger refuses
 * one of those. */
static void limits_judge(const struct ee_change *c, const struct ee_account_row *from,
                         uint32_t count)
{
    struct ee_core_bulk *bulk = c->core->bulk;
    int64_t sum = 0;
    for (uint32_t i = 0; i < count && bulk->outcomes[i] == EE_OK; i++) {
        const struct ee_ledger_transfer *event = &bulk->events[i];
        if (__builtin_add_overflow(sum, (int64_t)event->amount, &sum))
            sum = INT64_MAX;
        enum ee_err err = limit_judge(c, from, event, sum);
        if (err == EE_INSUFFICIENT_CREDITS || ee_ledger_row_find(c->core->ledger, &event->id))
            return;
        bulk->outcomes[i] = (uint16_t)err;
    }
}

/* ---- booking ---- */

static uint16_t outcome_of(enum ee_ledger_result result, bool atomic)
{
    if (result == EE_LEDGER_CREATED)
        return EE_OK;
    if (result == EE_LEDGER_LINKED_EVENT_FAILED)
        return EE_TRANSFER_CHAIN;
    if (result == EE_LEDGER_ID_ALREADY_FAILED)
        return EE_TRANSFER_REFUSED_BEFORE;
    if (result == EE_LEDGER_EXISTS && !atomic)
        return EE_TRANSFER_REPEATED;
    if (result >= EE_LEDGER_EXISTS_WITH_DIFFERENT_FLAGS && result <= EE_LEDGER_EXISTS)
        return EE_ID_CONFLICT;
    return (uint16_t)ee_core_booking_err(result);
}

static void book_one(struct ee_change *c, struct ee_account_row *from, uint32_t index)
{
    struct ee_core_bulk *bulk = c->core->bulk;
    enum ee_err err = ee_ledger_transfers_create(c->core->ledger, &bulk->events[index], 1, NULL,
                                                 &bulk->results[index]);
    assert(err == EE_OK); /* room was made */
    (void)err;
    bulk->outcomes[index] = outcome_of(bulk->results[index], false);
    if (bulk->outcomes[index] == EE_OK)
        ee_core_transfers_count(from, c->now_us, (int64_t)bulk->events[index].amount);
}

/* One after another, each by itself. */
static void book_each(struct ee_change *c, struct ee_account_row *from, uint32_t count)
{
    struct ee_core_bulk *bulk = c->core->bulk;
    bool unlimited = all_within_limits(c, from);
    for (uint32_t i = 0; i < count; i++) {
        enum ee_err err = EE_OK;
        if (i + AHEAD < count && bulk->outcomes[i + AHEAD] == EE_OK)
            ee_ledger_prefetch(c->core->ledger, &bulk->events[i + AHEAD]);
        if (bulk->outcomes[i] != EE_OK)
            continue;
        if (!unlimited)
            err = limit_judge(c, from, &bulk->events[i], (int64_t)bulk->events[i].amount);
        if (err == EE_OK || err == EE_INSUFFICIENT_CREDITS)
            book_one(c, from, i);
        else
            bulk->outcomes[i] = (uint16_t)err;
    }
}

/* The first refusal, if any, refuses the others. */
static bool all_fine(struct ee_core_bulk *bulk, uint32_t count)
{
    uint32_t refused = 0;
    while (refused < count && bulk->outcomes[refused] == EE_OK)
        refused++;
    for (uint32_t i = 0; refused < count && i < count; i++)
        if (i != refused)
            bulk->outcomes[i] = EE_TRANSFER_CHAIN;
    return refused == count;
}

static void book_all_or_none(struct ee_change *c, struct ee_account_row *from, uint32_t count)
{
    struct ee_core_bulk *bulk = c->core->bulk;
    if (!all_within_limits(c, from))
        limits_judge(c, from, count);
    if (!all_fine(bulk, count))
        return;
    for (uint32_t i = 0; i + 1 < count; i++)
        bulk->events[i].flags = EE_LEDGER_LINKED;
    enum ee_err err =
        ee_ledger_transfers_create(c->core->ledger, bulk->events, count, NULL, bulk->results);
    assert(err == EE_OK);
    (void)err;
    for (uint32_t i = 0; i < count; i++)
        bulk->outcomes[i] = outcome_of(bulk->results[i], true);
    if (bulk->outcomes[0] == EE_OK)
        ee_core_transfers_count(from, c->now_us, bulk->total);
}

static void answer(struct ee_change *c, const struct ee_account_row *from, uint32_t count)
{
    struct ee_transfers_result body = {.count = count};
    struct ee_balance balance;
    enum ee_err err = ee_core_balance(c->core, from->account.name, &balance);
    assert(err == EE_OK);
    memcpy(body.account, from->account.name, sizeof(body.account));
    body.available = balance.available;
    body.locked = balance.locked;
    struct ee_writer w = ee_change_body(c);
    err = ee_transfers_result_encode(&body, c->core->bulk->outcomes, &w);
    ee_change_body_end(c, &w, err);
}

/* An all-or-nothing command that moved nothing was refused for what refused its one transfer. */
static enum ee_err refusal(const struct ee_core_bulk *bulk, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (bulk->outcomes[i] != EE_OK && bulk->outcomes[i] != EE_TRANSFER_CHAIN)
            return (enum ee_err)bulk->outcomes[i];
    return EE_OK;
}

enum ee_err ee_core_on_transfers(struct ee_change *c)
{
    struct ee_core *core = c->core;
    struct ee_transfers transfers;
    EE_TRY(ee_transfers_open(c->command->payload, &transfers));
    struct ee_account_row *from = ee_core_account_row(core, c->command->actor);
    EE_TRY(bulk_reserve(core));
    EE_TRY(rows_read(c, from, &transfers));
    if (core->transfer_count + transfers.count > core->limits.transfers)
        return EE_FULL;
    EE_TRY(ee_ledger_reserve(core->ledger, 0, transfers.count));
    EE_TRY(ee_core_trees_reserve_for(core, transfers.count));
    uint32_t before = ee_ledger_entries(core->ledger);
    if (transfers.atomic)
        book_all_or_none(c, from, transfers.count);
    else
        book_each(c, from, transfers.count);
    /* Ids that a refusal used up take their places, too. */
    core->transfer_count += ee_ledger_entries(core->ledger) - before;
    if (transfers.atomic)
        c->result->err = refusal(core->bulk, transfers.count);
    answer(c, from, transfers.count);
    return EE_OK;
}
