/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "core/book.h"
#include "core/state.h"

#include "base/banned.h"

struct ee_core_watch {
    struct ee_table_watch leases, periods;
};

/* ---- the book ---- */

uint32_t ee_core_book_accounts(const struct ee_core *core)
{
    return ee_ledger_accounts(core->ledger);
}

uint32_t ee_core_book_entries(const struct ee_core *core)
{
    return ee_ledger_entries(core->ledger);
}

static bool same(const struct ee_ledger_id *a, const struct ee_ledger_id *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static uint32_t own_number(const struct ee_core *core, const struct ee_account_row *row)
{
    const struct ee_ledger_account *account = ee_ledger_account_find(core->ledger, &row->ledger_id);
    return (uint32_t)(account - ee_ledger_account_at(core->ledger, 0));
}

/* Accounts of the network and their places in the book were made in the same order. */
static const struct ee_account_row *owner_of(const struct ee_core *core, uint32_t number)
{
    uint32_t low = 0, high = core->accounts.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct ee_account_row *row = ee_table_at(&core->accounts, middle);
        uint32_t own = own_number(core, row);
        if (own == number)
            return row;
        if (own < number)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* A look at every account, but debts are few. */
static const struct ee_account_row *debtor_of(const struct ee_core *core,
                                              const struct ee_ledger_id *id)
{
    struct ee_ledger_id debt;
    for (uint32_t i = 0; i < core->accounts.count; i++) {
        const struct ee_account_row *row = ee_table_at(&core->accounts, i);
        if (!row->has_debt)
            continue;
        ee_core_debt_id(core, row, &debt);
        if (same(&debt, id))
            return row;
    }
    return NULL;
}

/* `text` must fit. */
static void name_set(struct ee_book_account *out, const char *prefix, const char *text)
{
    size_t size = strlen(prefix), more = strlen(text);
    assert(size + more < sizeof(out->name));
    memcpy(out->name, prefix, size);
    memcpy(out->name + size, text, more);
}

static void debt_name(const struct ee_core *core, const struct ee_ledger_account *account,
                      struct ee_book_account *out)
{
    char hex[2 * sizeof(account->id.bytes) + 1];
    const struct ee_account_row *row = NULL;
    if (account->code == EE_CODE_DEBT)
        row = debtor_of(core, &account->id);
    if (row)
        out->debtor = own_number(core, row);
    if (row)
        name_set(out, "recv:", row->account.name);
    else
        name_set(out, "other:", ee_hex_encode(account->id.bytes, sizeof(account->id.bytes), hex));
}

static void name_of(const struct ee_core *core, const struct ee_ledger_account *account,
                    uint32_t number, struct ee_book_account *out)
{
    const struct ee_account_row *owner = owner_of(core, number);
    out->owned = owner != NULL;
    out->debtor = EE_BOOK_NOBODY;
    if (owner)
        name_set(out, "", owner->account.name);
    else if (same(&core->cash, &account->id))
        name_set(out, "", "cash:bank");
    else if (same(&core->processor, &account->id))
        name_set(out, "", "cash:stripe");
    else
        debt_name(core, account, out);
}

void ee_core_book_account(const struct ee_core *core, uint32_t number, struct ee_book_account *out)
{
    const struct ee_ledger_account *account = ee_ledger_account_at(core->ledger, number);
    assert(account);
    memset(out, 0, sizeof(*out));
    name_of(core, account, number, out);
    out->debits_pending = account->debits_pending;
    out->debits_posted = account->debits_posted;
    out->credits_pending = account->credits_pending;
    out->credits_posted = account->credits_posted;
}

bool ee_core_book_number(const struct ee_core *core, const char *name, uint32_t *out)
{
    const struct ee_account_row *row = ee_core_account_find(core, name);
    if (!row)
        return false;
    *out = own_number(core, row);
    return true;
}

void ee_core_book_entry(const struct ee_core *core, uint32_t number, struct ee_book_entry *out)
{
    const struct ee_ledger_row *row = ee_ledger_row_at(core->ledger, number);
    assert(row);
    memset(out, 0, sizeof(*out));
    if (row->state == EE_LEDGER_STATE_FAILED) {
        out->phase = EE_BOOK_REFUSED;
        return;
    }
    bool resolves = row->flags & (EE_LEDGER_POST | EE_LEDGER_VOID);
    const struct ee_ledger_row *base = row;
    if (resolves)
        base = ee_ledger_row_at(core->ledger, row->link);
    assert(base);
    out->code = base->code;
    out->debit = (uint32_t)(base->link >> 32);
    out->credit = (uint32_t)base->link;
    out->amount = row->amount;
    out->phase = row->flags & EE_LEDGER_PENDING ? EE_BOOK_RESERVED : EE_BOOK_MOVED;
    if (!resolves)
        return;
    out->phase = row->flags & EE_LEDGER_POST ? EE_BOOK_POSTED : EE_BOOK_VOIDED;
    out->reserved = base->amount;
    out->reservation = row->link;
    if (out->phase == EE_BOOK_VOIDED)
        out->amount = 0;
}

static uint32_t number_of(const struct ee_core *core, const struct ee_ledger_row *row)
{
    return row ? (uint32_t)(row - ee_ledger_row_at(core->ledger, 0)) + 1 : 0;
}

uint32_t ee_core_book_lock(const struct ee_core *core, const struct ee_period *period)
{
    return number_of(core, ee_core_lock_entry(core, period));
}

uint32_t ee_core_book_settlement(const struct ee_core *core, const struct ee_period *period)
{
    return number_of(core, ee_core_settle_entry(core, period));
}

/* ---- what was written ---- */

enum ee_err ee_core_watch_start(struct ee_core *core)
{
    if (core->watch)
        return EE_OK;
    core->watch = ee_alloc(core->allocator, 1, sizeof(*core->watch));
    if (!core->watch)
        return EE_NO_MEMORY;
    core->leases.watch = &core->watch->leases;
    core->periods.watch = &core->watch->periods;
    return EE_OK;
}

void ee_core_watch_free(struct ee_core *core)
{
    if (!core->watch)
        return;
    ee_free(core->allocator, core->watch->leases.rows);
    ee_free(core->allocator, core->watch->periods.rows);
    ee_free(core->allocator, core->watch);
}

static bool watched(const struct ee_table_watch *watch, const uint32_t **rows, size_t *count)
{
    *rows = watch->rows;
    *count = watch->count;
    return !watch->lost;
}

bool ee_core_watch_leases(const struct ee_core *core, const uint32_t **rows, size_t *count)
{
    return watched(&core->watch->leases, rows, count);
}

bool ee_core_watch_periods(const struct ee_core *core, const uint32_t **rows, size_t *count)
{
    return watched(&core->watch->periods, rows, count);
}

void ee_core_watch_clear(struct ee_core *core)
{
    core->watch->leases.count = 0;
    core->watch->periods.count = 0;
}
