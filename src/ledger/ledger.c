/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts, batches with their chains, and lookups. */
#include "ledger/ledger.h"

#include <assert.h>
#include <string.h>

#include "base/money.h"
#include "ledger/state.h"

#include "base/banned.h"

const char *ee_ledger_result_name(enum ee_ledger_result result)
{
    static const char *const names[] = {
#define EE_ROW(constant, name) [EE_LEDGER_##constant] = name,
        EE_LEDGER_RESULTS(EE_ROW)
#undef EE_ROW
    };
    return (size_t)result < sizeof(names) / sizeof(names[0]) ? names[result] : "unknown";
}

bool ee_ledger_id_zero(const struct ee_ledger_id *id)
{
    static const struct ee_ledger_id zero;
    return memcmp(id, &zero, sizeof(zero)) == 0;
}

bool ee_ledger_id_max(const struct ee_ledger_id *id)
{
    for (size_t i = 0; i < sizeof(id->bytes); i++)
        if (id->bytes[i] != UINT8_MAX)
            return false;
    return true;
}

bool ee_ledger_id_equal(const struct ee_ledger_id *a, const struct ee_ledger_id *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

struct ee_ledger *ee_ledger_new(const struct ee_allocator *allocator,
                                const struct ee_ledger_limits *limits)
{
    if (limits->accounts > EE_LEDGER_ROWS_MAX || limits->transfers > EE_LEDGER_ROWS_MAX ||
        limits->reservations > EE_LEDGER_ROWS_MAX || (limits->window && limits->touched))
        return NULL;
    struct ee_ledger *ledger = ee_alloc(allocator, 1, sizeof(*ledger));
    if (!ledger)
        return NULL;
    ledger->allocator = allocator;
    ledger->limits = *limits;
    ledger->accounts.index.seed = limits->hash_seed;
    ledger->recent.index.seed = limits->hash_seed;
    ledger->open.index.seed = limits->hash_seed;
    return ledger;
}

void ee_ledger_free(struct ee_ledger *ledger)
{
    if (!ledger)
        return;
    ee_free(ledger->allocator, ledger->accounts.rows);
    ee_free(ledger->allocator, ledger->recent.rows);
    ee_free(ledger->allocator, ledger->open.rows);
    ee_free(ledger->allocator, ledger->dues.rows);
    ee_free(ledger->allocator, ledger->past);
    ee_touched_close(&ledger->accounts_touched, ledger->allocator);
    ee_touched_close(&ledger->rows_touched, ledger->allocator);
    ee_id_index_close(&ledger->accounts.index, ledger->allocator);
    ee_id_index_close(&ledger->recent.index, ledger->allocator);
    ee_id_index_close(&ledger->open.index, ledger->allocator);
    ee_free(ledger->allocator, ledger);
}

/* ---- room ---- */

static struct ee_id_rows account_rows(const struct ee_ledger *ledger)
{
    return (struct ee_id_rows){ledger->accounts.rows, sizeof(struct ee_ledger_account)};
}

static enum ee_err accounts_reserve(struct ee_ledger *ledger, uint32_t extra)
{
    struct ee_ledger_accounts *accounts = &ledger->accounts;
    void *rows = accounts->rows;
    if (extra > ledger->limits.accounts || accounts->count > ledger->limits.accounts - extra)
        return EE_FULL;
    if (extra == 0)
        return EE_OK;
    enum ee_err err = ee_ledger_grow(ledger->allocator, &rows, &accounts->capacity,
                                     sizeof(*accounts->rows), accounts->count + extra);
    accounts->rows = rows;
    EE_TRY(err);
    if (ledger->limits.touched)
        EE_TRY(
            ee_touched_reserve(&ledger->accounts_touched, ledger->allocator, accounts->capacity));
    if (accounts->index.slot_count > accounts->capacity)
        return EE_OK;
    EE_TRY(ee_id_index_resize(&accounts->index, ledger->allocator, accounts->capacity));
    for (uint32_t i = 0; i < accounts->count; i++)
        ee_id_index_put(&accounts->index, account_rows(ledger), i);
    return EE_OK;
}

/* Reservations that a batch of so many may push out of the window. */
static uint32_t leaving_open(const struct ee_ledger *ledger, uint32_t transfers)
{
    const struct ee_ledger_recent *recent = &ledger->recent;
    uint64_t after = (uint64_t)recent->count + transfers;
    uint64_t leaving = after > ledger->limits.transfers ? after - ledger->limits.transfers : 0;
    uint32_t open = 0;
    for (uint64_t i = 0; i < leaving && i < recent->count; i++)
        open += ee_ledger_recent_at(ledger, recent->first + i)->state == EE_LEDGER_STATE_PENDING;
    return open + (leaving > recent->count ? (uint32_t)(leaving - recent->count) : 0);
}

/* A batch can make as many rows leave as it has, and settle as many older reservations. */
static enum ee_err window_reserve(struct ee_ledger *ledger, uint32_t transfers)
{
    void *past = ledger->past;
    if (transfers > EE_LEDGER_BATCH_MAX)
        return EE_TOO_LARGE;
    EE_TRY(ee_ledger_open_reserve(ledger, ledger->open.count + leaving_open(ledger, transfers)));
    enum ee_err err =
        ee_ledger_grow(ledger->allocator, &past, &ledger->past_capacity, sizeof(*ledger->past),
                       (uint64_t)ledger->past_count + 2 * (uint64_t)transfers);
    ledger->past = past;
    return err;
}

enum ee_err ee_ledger_reserve(struct ee_ledger *ledger, uint32_t accounts, uint32_t transfers)
{
    EE_TRY(accounts_reserve(ledger, accounts));
    if (transfers == 0)
        return EE_OK;
    EE_TRY(ee_ledger_dues_reserve(ledger, transfers));
    if (ledger->limits.window)
        EE_TRY(window_reserve(ledger, transfers));
    return ee_ledger_recent_reserve(ledger, transfers);
}

/* ---- reading ---- */

uint32_t ee_ledger_account_number(const struct ee_ledger *ledger, const struct ee_ledger_id *id)
{
    return ee_id_index_find(&ledger->accounts.index, account_rows(ledger), id);
}

const struct ee_ledger_account *ee_ledger_account_find(const struct ee_ledger *ledger,
                                                       const struct ee_ledger_id *id)
{
    uint32_t number = ee_ledger_account_number(ledger, id);
    return number != EE_ID_NOWHERE ? &ledger->accounts.rows[number] : NULL;
}

const struct ee_ledger_account *ee_ledger_account_at(const struct ee_ledger *ledger, size_t index)
{
    return index < ledger->accounts.count ? &ledger->accounts.rows[index] : NULL;
}

const struct ee_ledger_row *ee_ledger_row_find(const struct ee_ledger *ledger,
                                               const struct ee_ledger_id *id)
{
    return ee_ledger_find(ledger, NULL, id).row;
}

const struct ee_ledger_row *ee_ledger_row_at(const struct ee_ledger *ledger, size_t index)
{
    return ee_ledger_recent_at(ledger, ledger->recent.first + index);
}

struct ee_ledger_pasts ee_ledger_past_rows(const struct ee_ledger *ledger)
{
    return (struct ee_ledger_pasts){ledger->past, ledger->past_count};
}

void ee_ledger_past_clear(struct ee_ledger *ledger)
{
    ledger->past_count = 0;
}

const struct ee_touched *ee_ledger_accounts_touched(const struct ee_ledger *ledger)
{
    return &ledger->accounts_touched;
}

const struct ee_touched *ee_ledger_rows_touched(const struct ee_ledger *ledger)
{
    return &ledger->rows_touched;
}

uint32_t ee_ledger_accounts(const struct ee_ledger *ledger)
{
    return ledger->accounts.count;
}

uint32_t ee_ledger_entries(const struct ee_ledger *ledger)
{
    return ledger->recent.count;
}

/* ---- accounts ---- */

static enum ee_ledger_result account_exists(const struct ee_ledger_account *account,
                                            const struct ee_ledger_account *found)
{
    if (account->flags != found->flags)
        return EE_LEDGER_EXISTS_WITH_DIFFERENT_FLAGS;
    if (account->ledger != found->ledger)
        return EE_LEDGER_EXISTS_WITH_DIFFERENT_LEDGER;
    if (account->code != found->code)
        return EE_LEDGER_EXISTS_WITH_DIFFERENT_CODE;
    return EE_LEDGER_EXISTS;
}

static enum ee_ledger_result account_check(const struct ee_ledger *ledger,
                                           const struct ee_ledger_account *a)
{
    const uint16_t limits =
        EE_LEDGER_DEBITS_MUST_NOT_EXCEED_CREDITS | EE_LEDGER_CREDITS_MUST_NOT_EXCEED_DEBITS;
    const uint16_t known =
        EE_LEDGER_ACCOUNT_LINKED | EE_LEDGER_ACCOUNT_HISTORY | EE_LEDGER_ACCOUNT_CLOSED;
    if (a->flags & ~(limits | known))
        return EE_LEDGER_RESERVED_FLAG;
    if (ee_ledger_id_zero(&a->id))
        return EE_LEDGER_ID_MUST_NOT_BE_ZERO;
    if (ee_ledger_id_max(&a->id))
        return EE_LEDGER_ID_MUST_NOT_BE_INT_MAX;
    const struct ee_ledger_account *found = ee_ledger_account_find(ledger, &a->id);
    if (found)
        return account_exists(a, found);
    if ((a->flags & limits) == limits)
        return EE_LEDGER_FLAGS_ARE_MUTUALLY_EXCLUSIVE;
    if (a->debits_pending)
        return EE_LEDGER_DEBITS_PENDING_MUST_BE_ZERO;
    if (a->debits_posted)
        return EE_LEDGER_DEBITS_POSTED_MUST_BE_ZERO;
    if (a->credits_pending)
        return EE_LEDGER_CREDITS_PENDING_MUST_BE_ZERO;
    if (a->credits_posted)
        return EE_LEDGER_CREDITS_POSTED_MUST_BE_ZERO;
    if (a->ledger == 0)
        return EE_LEDGER_LEDGER_MUST_NOT_BE_ZERO;
    if (a->code == 0)
        return EE_LEDGER_CODE_MUST_NOT_BE_ZERO;
    return EE_LEDGER_CREATED;
}

void ee_ledger_account_load(struct ee_ledger *ledger, const struct ee_ledger_account *account)
{
    struct ee_ledger_accounts *accounts = &ledger->accounts;
    assert(accounts->count < accounts->capacity);
    accounts->rows[accounts->count] = *account;
    ee_touched_mark(&ledger->accounts_touched, accounts->count);
    ee_id_index_put(&accounts->index, account_rows(ledger), accounts->count);
    accounts->count++;
}

static void account_drop_last(struct ee_ledger *ledger)
{
    struct ee_ledger_accounts *accounts = &ledger->accounts;
    assert(accounts->count > 0);
    ee_id_index_remove(&accounts->index, account_rows(ledger), accounts->count - 1);
    accounts->count--;
    ee_touched_mark(&ledger->accounts_touched, accounts->count);
    if (accounts->count > 0) /* the group before may be the last one now */
        ee_touched_mark(&ledger->accounts_touched, accounts->count - 1);
}

/* ---- batches: accounts and transfers alike ---- */

struct batch {
    struct ee_ledger *ledger;
    const struct ee_ledger_account *accounts; /* or NULL */
    const struct ee_ledger_transfer *transfers;
    const struct ee_ledger_pasts *pasts;
    enum ee_ledger_result *results;
    uint32_t count;
};

static bool event_linked(const struct batch *b, uint32_t i)
{
    return b->accounts ? (b->accounts[i].flags & EE_LEDGER_ACCOUNT_LINKED) != 0
                       : (b->transfers[i].flags & EE_LEDGER_LINKED) != 0;
}

static enum ee_ledger_result event_apply(const struct batch *b, uint32_t i)
{
    struct ee_ledger_plan plan;
    enum ee_ledger_result result =
        b->accounts ? account_check(b->ledger, &b->accounts[i])
                    : ee_ledger_transfer_judge(b->ledger, b->pasts, &b->transfers[i], &plan);
    if (result != EE_LEDGER_CREATED)
        return result;
    if (b->accounts)
        ee_ledger_account_load(b->ledger, &b->accounts[i]);
    else
        ee_ledger_transfer_book(b->ledger, &b->transfers[i], &plan);
    return EE_LEDGER_CREATED;
}

static void event_undo(const struct batch *b, uint32_t i)
{
    if (b->accounts)
        account_drop_last(b->ledger);
    else
        ee_ledger_transfer_unbook(b->ledger, &b->transfers[i]);
}

/* Event `failed` ends the chain [first, end), whose events before it are booked. */
static void chain_fail(const struct batch *b, uint32_t first, uint32_t failed, uint32_t end,
                       bool open)
{
    for (uint32_t i = failed; i > first; i--)
        event_undo(b, i - 1);
    for (uint32_t i = first; i < end; i++)
        if (i != failed)
            b->results[i] = EE_LEDGER_LINKED_EVENT_FAILED;
    if (open)
        b->results[end - 1] = EE_LEDGER_LINKED_EVENT_CHAIN_OPEN;
    if (b->transfers && ee_ledger_result_transient(b->results[failed]))
        ee_ledger_transfer_refuse(b->ledger, &b->transfers[failed]);
}

/* Events [first, end) are one chain; `open`: the batch ended before the chain did. */
static void chain_apply(const struct batch *b, uint32_t first, uint32_t end, bool open)
{
    for (uint32_t i = first; i < end; i++) {
        bool dangling = open && i + 1 == end;
        b->results[i] = dangling ? EE_LEDGER_LINKED_EVENT_CHAIN_OPEN : event_apply(b, i);
        if (b->results[i] != EE_LEDGER_CREATED) {
            chain_fail(b, first, i, end, open);
            return;
        }
    }
}

static void batch_apply(const struct batch *b)
{
    for (uint32_t first = 0; first < b->count;) {
        uint32_t end = first;
        while (end < b->count && event_linked(b, end))
            end++;
        bool open = end == b->count;
        end += !open; /* the first event without the flag closes the chain */
        chain_apply(b, first, end, open);
        first = end;
    }
}

enum ee_err ee_ledger_accounts_create(struct ee_ledger *ledger,
                                      const struct ee_ledger_account *events, uint32_t count,
                                      enum ee_ledger_result *results)
{
    EE_TRY(ee_ledger_reserve(ledger, count, 0));
    const struct batch b = {
        .ledger = ledger, .accounts = events, .results = results, .count = count};
    if (count)
        batch_apply(&b);
    return EE_OK;
}

static bool pasts_sorted(const struct ee_ledger_pasts *pasts)
{
    for (uint32_t i = 1; pasts && i < pasts->count; i++)
        if (memcmp(&pasts->rows[i - 1].row.id, &pasts->rows[i].row.id,
                   sizeof(struct ee_ledger_id)) >= 0)
            return false;
    return true;
}

/* Timeouts begin and end, and old reservations that were settled become past rows. Rows from
 * `first_number` on are this batch's. */
static void dues_follow(const struct batch *b, uint64_t first_number)
{
    for (uint32_t i = 0; i < b->count; i++) {
        const struct ee_ledger_transfer *t = &b->transfers[i];
        if (b->results[i] != EE_LEDGER_CREATED)
            continue;
        bool pending = (t->flags & EE_LEDGER_PENDING) != 0;
        if (!pending && !(t->flags & (EE_LEDGER_POST | EE_LEDGER_VOID)))
            continue;
        if (pending && t->timeout_s == 0)
            continue;
        struct ee_ledger_found found =
            ee_ledger_find(b->ledger, NULL, pending ? &t->id : &t->pending_id);
        bool is_open = found.row->state == EE_LEDGER_STATE_PENDING;
        if (pending && is_open)
            ee_ledger_dues_add(b->ledger, found.row, found.number);
        if (!pending && found.row->timeout_s != 0 && found.number < first_number)
            ee_ledger_dues_resolved(b->ledger);
        if (!pending && found.number < b->ledger->recent.first)
            ee_ledger_open_settle(b->ledger, &t->pending_id);
    }
}

enum ee_err ee_ledger_transfers_create(struct ee_ledger *ledger,
                                       const struct ee_ledger_transfer *events, uint32_t count,
                                       const struct ee_ledger_pasts *pasts,
                                       enum ee_ledger_result *results)
{
    if (!pasts_sorted(pasts))
        return EE_RANGE;
    EE_TRY(ee_ledger_reserve(ledger, 0, count));
    const struct batch b = {
        .ledger = ledger, .transfers = events, .pasts = pasts, .results = results, .count = count};
    uint64_t first_number = ledger->recent.first + ledger->recent.count;
    if (count)
        batch_apply(&b);
    dues_follow(&b, first_number);
    ee_ledger_recent_trim(ledger);
    return EE_OK;
}

static bool within_limits(const struct ee_ledger_account *a)
{
    ee_u128 debits = (ee_u128)a->debits_posted + a->debits_pending;
    ee_u128 credits = (ee_u128)a->credits_posted + a->credits_pending;
    if ((a->flags & EE_LEDGER_DEBITS_MUST_NOT_EXCEED_CREDITS) && debits > a->credits_posted)
        return false;
    return !(a->flags & EE_LEDGER_CREDITS_MUST_NOT_EXCEED_DEBITS) || credits <= a->debits_posted;
}

bool ee_ledger_balanced(const struct ee_ledger *ledger)
{
    ee_i128 posted = 0, pending = 0;
    for (size_t i = 0; i < ledger->accounts.count; i++) {
        const struct ee_ledger_account *a = ee_ledger_account_at(ledger, i);
        posted += (ee_i128)a->debits_posted - a->credits_posted;
        pending += (ee_i128)a->debits_pending - a->credits_pending;
        if (!within_limits(a))
            return false;
    }
    return posted == 0 && pending == 0;
}
