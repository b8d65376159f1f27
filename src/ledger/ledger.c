/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts, batches with their chains, and lookups. */
#include "ledger/ledger.h"

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

struct ee_ledger *ee_ledger_new(const struct ee_allocator *allocator, uint32_t account_limit,
                                uint32_t transfer_limit)
{
    struct ee_ledger *ledger = ee_alloc(allocator, 1, sizeof(*ledger));
    if (!ledger)
        return NULL;
    ledger->allocator = allocator;
    ee_table_init(&ledger->accounts, allocator, sizeof(struct ee_ledger_account),
                  offsetof(struct ee_ledger_account, id), sizeof(struct ee_ledger_id),
                  account_limit);
    ee_table_init(&ledger->entries, allocator, sizeof(struct ee_ledger_entry),
                  offsetof(struct ee_ledger_entry, transfer.id), sizeof(struct ee_ledger_id),
                  transfer_limit);
    return ledger;
}

void ee_ledger_free(struct ee_ledger *ledger)
{
    if (!ledger)
        return;
    ee_table_close(&ledger->accounts);
    ee_table_close(&ledger->entries);
    ee_free(ledger->allocator, ledger);
}

enum ee_err ee_ledger_reserve(struct ee_ledger *ledger, uint32_t accounts, uint32_t transfers)
{
    EE_TRY(ee_table_reserve(&ledger->accounts, accounts));
    return ee_table_reserve(&ledger->entries, transfers);
}

const struct ee_ledger_account *ee_ledger_account_find(const struct ee_ledger *ledger,
                                                       const struct ee_ledger_id *id)
{
    return ee_table_find(&ledger->accounts, id);
}

const struct ee_ledger_account *ee_ledger_account_at(const struct ee_ledger *ledger, size_t index)
{
    return ee_table_at(&ledger->accounts, index);
}

const struct ee_ledger_entry *ee_ledger_entry_find(const struct ee_ledger *ledger,
                                                   const struct ee_ledger_id *id)
{
    return ee_table_find(&ledger->entries, id);
}

const struct ee_ledger_entry *ee_ledger_entry_at(const struct ee_ledger *ledger, size_t index)
{
    return ee_table_at(&ledger->entries, index);
}

uint32_t ee_ledger_accounts(const struct ee_ledger *ledger)
{
    return ledger->accounts.count;
}

uint32_t ee_ledger_entries(const struct ee_ledger *ledger)
{
    return ledger->entries.count;
}

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
    if (a->flags & ~(limits | EE_LEDGER_ACCOUNT_LINKED))
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

/* ---- batches: accounts and transfers alike ---- */

struct batch {
    struct ee_ledger *ledger;
    const struct ee_ledger_account *accounts; /* or NULL */
    const struct ee_ledger_transfer *transfers;
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
    enum ee_ledger_result result = b->accounts
                                       ? account_check(b->ledger, &b->accounts[i])
                                       : ee_ledger_transfer_check(b->ledger, &b->transfers[i]);
    if (result != EE_LEDGER_CREATED)
        return result;
    if (b->accounts)
        (void)ee_table_add(&b->ledger->accounts, &b->accounts[i]);
    else
        ee_ledger_transfer_book(b->ledger, &b->transfers[i]);
    return EE_LEDGER_CREATED;
}

static void event_undo(const struct batch *b)
{
    if (b->accounts)
        ee_table_drop_last(&b->ledger->accounts);
    else
        ee_ledger_transfer_unbook(b->ledger);
}

/* Events [first, end) are one chain; `open`: the batch ended before the chain did. */
static void chain_apply(const struct batch *b, uint32_t first, uint32_t end, bool open)
{
    uint32_t i = first;
    for (; i < end; i++) {
        bool dangling = open && i + 1 == end;
        b->results[i] = dangling ? EE_LEDGER_LINKED_EVENT_CHAIN_OPEN : event_apply(b, i);
        if (b->results[i] != EE_LEDGER_CREATED)
            break;
    }
    if (i == end)
        return;
    for (uint32_t j = i; j > first; j--)
        event_undo(b);
    for (uint32_t j = first; j < end; j++)
        if (j != i)
            b->results[j] = EE_LEDGER_LINKED_EVENT_FAILED;
    if (open)
        b->results[end - 1] = EE_LEDGER_LINKED_EVENT_CHAIN_OPEN;
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

enum ee_err ee_ledger_transfers_create(struct ee_ledger *ledger,
                                       const struct ee_ledger_transfer *events, uint32_t count,
                                       enum ee_ledger_result *results)
{
    EE_TRY(ee_ledger_reserve(ledger, 0, count));
    const struct batch b = {
        .ledger = ledger, .transfers = events, .results = results, .count = count};
    if (count)
        batch_apply(&b);
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
