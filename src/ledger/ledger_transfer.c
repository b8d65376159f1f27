/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of one transfer: all checks first, then the change, and its exact reverse. */
#include <assert.h>
#include <string.h>

#include "ledger/ledger.h"
#include "ledger/state.h"

#include "base/banned.h"

enum { KINDS = EE_LEDGER_PENDING | EE_LEDGER_POST | EE_LEDGER_VOID };

static bool overflows(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum);
}

static bool resolves(const struct ee_ledger_transfer *t)
{
    return (t->flags & (EE_LEDGER_POST | EE_LEDGER_VOID)) != 0;
}

/* Zero stands for "as in the pending transfer". */
static bool id_differs(const struct ee_ledger_transfer *t, const struct ee_ledger_id *given,
                       const struct ee_ledger_id *booked)
{
    return !(resolves(t) && ee_ledger_id_zero(given)) && !ee_ledger_id_equal(given, booked);
}

static bool number_differs(const struct ee_ledger_transfer *t, uint32_t given, uint32_t booked)
{
    return !(resolves(t) && given == 0) && given != booked;
}

static bool amount_differs(const struct ee_ledger *ledger, const struct ee_ledger_transfer *t,
                           const struct ee_ledger_transfer *booked)
{
    bool whole = ((t->flags & EE_LEDGER_POST) && t->amount == EE_LEDGER_AMOUNT_MAX) ||
                 ((t->flags & EE_LEDGER_VOID) && t->amount == 0);
    if (!whole)
        return t->amount != booked->amount;
    const struct ee_ledger_entry *pending = ee_ledger_entry_find(ledger, &booked->pending_id);
    return booked->amount != pending->transfer.amount;
}

static enum ee_ledger_result exists(const struct ee_ledger *ledger,
                                    const struct ee_ledger_transfer *t,
                                    const struct ee_ledger_transfer *booked)
{
    if (t->flags != booked->flags)
        return EE_LEDGER_EXISTS_WITH_DIFFERENT_FLAGS;
    if (!ee_ledger_id_equal(&t->pending_id, &booked->pending_id))
        return EE_LEDGER_EXISTS_WITH_DIFFERENT_PENDING_ID;
    if (id_differs(t, &t->debit_account, &booked->debit_account))
        return EE_LEDGER_EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID;
    if (id_differs(t, &t->credit_account, &booked->credit_account))
        return EE_LEDGER_EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID;
    if (amount_differs(ledger, t, booked))
        return EE_LEDGER_EXISTS_WITH_DIFFERENT_AMOUNT;
    if (number_differs(t, t->ledger, booked->ledger))
        return EE_LEDGER_EXISTS_WITH_DIFFERENT_LEDGER;
    if (number_differs(t, t->code, booked->code))
        return EE_LEDGER_EXISTS_WITH_DIFFERENT_CODE;
    return EE_LEDGER_EXISTS;
}

/* ---- post and void ---- */

static enum ee_ledger_result resolve_fields(const struct ee_ledger_transfer *t)
{
    int kind = t->flags & KINDS;
    if (kind != EE_LEDGER_POST && kind != EE_LEDGER_VOID)
        return EE_LEDGER_FLAGS_ARE_MUTUALLY_EXCLUSIVE;
    if (ee_ledger_id_zero(&t->pending_id))
        return EE_LEDGER_PENDING_ID_MUST_NOT_BE_ZERO;
    if (ee_ledger_id_max(&t->pending_id))
        return EE_LEDGER_PENDING_ID_MUST_NOT_BE_INT_MAX;
    if (ee_ledger_id_equal(&t->pending_id, &t->id))
        return EE_LEDGER_PENDING_ID_MUST_BE_DIFFERENT;
    return EE_LEDGER_CREATED;
}

static enum ee_ledger_result resolve_matches(const struct ee_ledger_transfer *t,
                                             const struct ee_ledger_transfer *p)
{
    if (id_differs(t, &t->debit_account, &p->debit_account))
        return EE_LEDGER_PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID;
    if (id_differs(t, &t->credit_account, &p->credit_account))
        return EE_LEDGER_PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID;
    if (number_differs(t, t->ledger, p->ledger))
        return EE_LEDGER_PENDING_TRANSFER_HAS_DIFFERENT_LEDGER;
    if (number_differs(t, t->code, p->code))
        return EE_LEDGER_PENDING_TRANSFER_HAS_DIFFERENT_CODE;
    if ((t->flags & EE_LEDGER_POST) && t->amount > p->amount && t->amount != EE_LEDGER_AMOUNT_MAX)
        return EE_LEDGER_EXCEEDS_PENDING_TRANSFER_AMOUNT;
    if ((t->flags & EE_LEDGER_VOID) && t->amount != 0 && t->amount != p->amount)
        return EE_LEDGER_PENDING_TRANSFER_HAS_DIFFERENT_AMOUNT;
    return EE_LEDGER_CREATED;
}

static uint64_t resolve_amount(const struct ee_ledger_transfer *t,
                               const struct ee_ledger_transfer *pending)
{
    bool whole = (t->flags & EE_LEDGER_VOID) || t->amount == EE_LEDGER_AMOUNT_MAX;
    return whole ? pending->amount : t->amount;
}

/* The reservation already counted against the totals, so only the posted counters can overflow. */
static enum ee_ledger_result resolve_check(const struct ee_ledger *ledger,
                                           const struct ee_ledger_transfer *t)
{
    enum ee_ledger_result result = resolve_fields(t);
    if (result != EE_LEDGER_CREATED)
        return result;
    const struct ee_ledger_entry *pending = ee_ledger_entry_find(ledger, &t->pending_id);
    if (!pending)
        return EE_LEDGER_PENDING_TRANSFER_NOT_FOUND;
    if (!(pending->transfer.flags & EE_LEDGER_PENDING))
        return EE_LEDGER_PENDING_TRANSFER_NOT_PENDING;
    result = resolve_matches(t, &pending->transfer);
    if (result != EE_LEDGER_CREATED)
        return result;
    if (pending->state == EE_LEDGER_STATE_POSTED)
        return EE_LEDGER_PENDING_TRANSFER_ALREADY_POSTED;
    if (pending->state == EE_LEDGER_STATE_VOIDED)
        return EE_LEDGER_PENDING_TRANSFER_ALREADY_VOIDED;
    return EE_LEDGER_CREATED;
}

/* ---- single and pending ---- */

static enum ee_ledger_result move_fields(const struct ee_ledger_transfer *t)
{
    if (ee_ledger_id_zero(&t->debit_account))
        return EE_LEDGER_DEBIT_ACCOUNT_ID_MUST_NOT_BE_ZERO;
    if (ee_ledger_id_max(&t->debit_account))
        return EE_LEDGER_DEBIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX;
    if (ee_ledger_id_zero(&t->credit_account))
        return EE_LEDGER_CREDIT_ACCOUNT_ID_MUST_NOT_BE_ZERO;
    if (ee_ledger_id_max(&t->credit_account))
        return EE_LEDGER_CREDIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX;
    if (ee_ledger_id_equal(&t->debit_account, &t->credit_account))
        return EE_LEDGER_ACCOUNTS_MUST_BE_DIFFERENT;
    if (!ee_ledger_id_zero(&t->pending_id))
        return EE_LEDGER_PENDING_ID_MUST_BE_ZERO;
    if (t->ledger == 0)
        return EE_LEDGER_LEDGER_MUST_NOT_BE_ZERO;
    if (t->code == 0)
        return EE_LEDGER_CODE_MUST_NOT_BE_ZERO;
    return EE_LEDGER_CREATED;
}

static enum ee_ledger_result move_overflows(const struct ee_ledger_transfer *t,
                                            const struct ee_ledger_account *debit,
                                            const struct ee_ledger_account *credit)
{
    bool pending = (t->flags & EE_LEDGER_PENDING) != 0;
    if (pending && overflows(debit->debits_pending, t->amount))
        return EE_LEDGER_OVERFLOWS_DEBITS_PENDING;
    if (pending && overflows(credit->credits_pending, t->amount))
        return EE_LEDGER_OVERFLOWS_CREDITS_PENDING;
    if (overflows(debit->debits_posted, t->amount))
        return EE_LEDGER_OVERFLOWS_DEBITS_POSTED;
    if (overflows(credit->credits_posted, t->amount))
        return EE_LEDGER_OVERFLOWS_CREDITS_POSTED;
    if (overflows(debit->debits_posted + t->amount, debit->debits_pending))
        return EE_LEDGER_OVERFLOWS_DEBITS;
    if (overflows(credit->credits_posted + t->amount, credit->credits_pending))
        return EE_LEDGER_OVERFLOWS_CREDITS;
    return EE_LEDGER_CREATED;
}

/* Sums cannot overflow any more: checked just before. */
static enum ee_ledger_result move_exceeds(const struct ee_ledger_transfer *t,
                                          const struct ee_ledger_account *debit,
                                          const struct ee_ledger_account *credit)
{
    uint64_t debits = debit->debits_posted + debit->debits_pending + t->amount;
    uint64_t credits = credit->credits_posted + credit->credits_pending + t->amount;
    if ((debit->flags & EE_LEDGER_DEBITS_MUST_NOT_EXCEED_CREDITS) && debits > debit->credits_posted)
        return EE_LEDGER_EXCEEDS_CREDITS;
    if ((credit->flags & EE_LEDGER_CREDITS_MUST_NOT_EXCEED_DEBITS) &&
        credits > credit->debits_posted)
        return EE_LEDGER_EXCEEDS_DEBITS;
    return EE_LEDGER_CREATED;
}

static enum ee_ledger_result move_check(const struct ee_ledger *ledger,
                                        const struct ee_ledger_transfer *t)
{
    enum ee_ledger_result result = move_fields(t);
    if (result != EE_LEDGER_CREATED)
        return result;
    const struct ee_ledger_account *debit = ee_ledger_account_find(ledger, &t->debit_account);
    if (!debit)
        return EE_LEDGER_DEBIT_ACCOUNT_NOT_FOUND;
    const struct ee_ledger_account *credit = ee_ledger_account_find(ledger, &t->credit_account);
    if (!credit)
        return EE_LEDGER_CREDIT_ACCOUNT_NOT_FOUND;
    if (debit->ledger != credit->ledger)
        return EE_LEDGER_ACCOUNTS_MUST_HAVE_THE_SAME_LEDGER;
    if (debit->ledger != t->ledger)
        return EE_LEDGER_TRANSFER_MUST_HAVE_THE_SAME_LEDGER_AS_ACCOUNTS;
    result = move_overflows(t, debit, credit);
    return result != EE_LEDGER_CREATED ? result : move_exceeds(t, debit, credit);
}

enum ee_ledger_result ee_ledger_transfer_check(const struct ee_ledger *ledger,
                                               const struct ee_ledger_transfer *t)
{
    if (t->flags & ~(KINDS | EE_LEDGER_LINKED))
        return EE_LEDGER_RESERVED_FLAG;
    if (ee_ledger_id_zero(&t->id))
        return EE_LEDGER_ID_MUST_NOT_BE_ZERO;
    if (ee_ledger_id_max(&t->id))
        return EE_LEDGER_ID_MUST_NOT_BE_INT_MAX;
    const struct ee_ledger_entry *found = ee_ledger_entry_find(ledger, &t->id);
    if (found)
        return exists(ledger, t, &found->transfer);
    return resolves(t) ? resolve_check(ledger, t) : move_check(ledger, t);
}

/* ---- changes ---- */

/* The row of an account that was found before; the table is ours, so it may be written. */
static struct ee_ledger_account *account(struct ee_ledger *ledger, const struct ee_ledger_id *id)
{
    struct ee_ledger_account *row = ee_table_find(&ledger->accounts, id);
    assert(row);
    return row;
}

static void book_resolve(struct ee_ledger *ledger, struct ee_ledger_entry *entry)
{
    struct ee_ledger_entry *pending = ee_table_find(&ledger->entries, &entry->transfer.pending_id);
    assert(pending && pending->state == EE_LEDGER_STATE_PENDING);
    struct ee_ledger_transfer *t = &entry->transfer;
    t->amount = resolve_amount(t, &pending->transfer);
    t->debit_account = pending->transfer.debit_account;
    t->credit_account = pending->transfer.credit_account;
    t->ledger = pending->transfer.ledger;
    t->code = pending->transfer.code;
    struct ee_ledger_account *debit = account(ledger, &t->debit_account);
    struct ee_ledger_account *credit = account(ledger, &t->credit_account);
    debit->debits_pending -= pending->transfer.amount;
    credit->credits_pending -= pending->transfer.amount;
    if (t->flags & EE_LEDGER_POST) {
        debit->debits_posted += t->amount;
        credit->credits_posted += t->amount;
    }
    pending->state = t->flags & EE_LEDGER_POST ? EE_LEDGER_STATE_POSTED : EE_LEDGER_STATE_VOIDED;
}

static void book_move(struct ee_ledger *ledger, const struct ee_ledger_transfer *t)
{
    struct ee_ledger_account *debit = account(ledger, &t->debit_account);
    struct ee_ledger_account *credit = account(ledger, &t->credit_account);
    if (t->flags & EE_LEDGER_PENDING) {
        debit->debits_pending += t->amount;
        credit->credits_pending += t->amount;
    } else {
        debit->debits_posted += t->amount;
        credit->credits_posted += t->amount;
    }
}

void ee_ledger_transfer_book(struct ee_ledger *ledger, const struct ee_ledger_transfer *transfer)
{
    struct ee_ledger_entry entry;
    memset(&entry, 0, sizeof(entry));
    entry.transfer = *transfer;
    entry.state =
        transfer->flags & EE_LEDGER_PENDING ? EE_LEDGER_STATE_PENDING : EE_LEDGER_STATE_SINGLE;
    if (resolves(transfer))
        book_resolve(ledger, &entry);
    else
        book_move(ledger, transfer);
    (void)ee_table_add(&ledger->entries, &entry);
}

static void unbook_resolve(struct ee_ledger *ledger, const struct ee_ledger_transfer *t)
{
    struct ee_ledger_entry *pending = ee_table_find(&ledger->entries, &t->pending_id);
    struct ee_ledger_account *debit = account(ledger, &t->debit_account);
    struct ee_ledger_account *credit = account(ledger, &t->credit_account);
    if (t->flags & EE_LEDGER_POST) {
        debit->debits_posted -= t->amount;
        credit->credits_posted -= t->amount;
    }
    debit->debits_pending += pending->transfer.amount;
    credit->credits_pending += pending->transfer.amount;
    pending->state = EE_LEDGER_STATE_PENDING;
}

static void unbook_move(struct ee_ledger *ledger, const struct ee_ledger_transfer *t)
{
    struct ee_ledger_account *debit = account(ledger, &t->debit_account);
    struct ee_ledger_account *credit = account(ledger, &t->credit_account);
    if (t->flags & EE_LEDGER_PENDING) {
        debit->debits_pending -= t->amount;
        credit->credits_pending -= t->amount;
    } else {
        debit->debits_posted -= t->amount;
        credit->credits_posted -= t->amount;
    }
}

void ee_ledger_transfer_unbook(struct ee_ledger *ledger)
{
    const struct ee_ledger_entry *last = ee_table_at(&ledger->entries, ledger->entries.count - 1);
    assert(last);
    if (resolves(&last->transfer))
        unbook_resolve(ledger, &last->transfer);
    else
        unbook_move(ledger, &last->transfer);
    ee_table_drop_last(&ledger->entries);
}
