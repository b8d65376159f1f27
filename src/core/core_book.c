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

/* Accounts of the network and of the book are made together, so it is near that place. */
static const struct ee_account_row *owner_of(const struct ee_core *core,
                                             const struct ee_ledger_id *id, uint32_t number)
{
    uint32_t count = core->accounts.count;
    for (uint32_t i = number < count ? number + 1 : count; i > 0; i--) {
        const struct ee_account_row *row = ee_table_at(&core->accounts, i - 1);
        if (memcmp(&row->ledger_id, id, sizeof(*id)) == 0)
            return row;
    }
    return NULL;
}

static void name_of(const struct ee_core *core, const struct ee_ledger_id *id, uint32_t number,
                    struct ee_book_account *out)
{
    const struct ee_account_row *owner = NULL;
    bool cash = memcmp(&core->cash, id, sizeof(*id)) == 0;
    if (!cash)
        owner = owner_of(core, id, number);
    out->owned = owner != NULL;
    if (owner) {
        memcpy(out->name, owner->account.name, sizeof(owner->account.name));
    } else if (cash) {
        memcpy(out->name, "cash", sizeof("cash"));
    } else {
        memcpy(out->name, "other:", 6);
        ee_hex_encode(id->bytes, sizeof(id->bytes), out->name + 6);
    }
}

void ee_core_book_account(const struct ee_core *core, uint32_t number, struct ee_book_account *out)
{
    const struct ee_ledger_account *account = ee_ledger_account_at(core->ledger, number);
    assert(account);
    memset(out, 0, sizeof(*out));
    name_of(core, &account->id, number, out);
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
    const struct ee_ledger_account *account = ee_ledger_account_find(core->ledger, &row->ledger_id);
    *out = (uint32_t)(account - ee_ledger_account_at(core->ledger, 0));
    return true;
}

void ee_core_book_entry(const struct ee_core *core, uint32_t number, struct ee_book_entry *out)
{
    const struct ee_ledger_row *row = ee_ledger_row_at(core->ledger, number);
    assert(row);
    bool resolves = row->flags & (EE_LEDGER_POST | EE_LEDGER_VOID);
    const struct ee_ledger_row *base = row;
    if (resolves)
        base = ee_ledger_row_at(core->ledger, row->link);
    assert(base);
    memset(out, 0, sizeof(*out));
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
