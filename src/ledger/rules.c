/* SPDX-License-Identifier: Apache-2.0 */
/* Which transfers are booked: every rule in the order of docs/spec/ledger.md. */
#include <assert.h>

#include "ledger/state.h"

#include "base/banned.h"

enum {
    RESOLVING = EE_LEDGER_POST | EE_LEDGER_VOID,
    BALANCING = EE_LEDGER_BALANCING_DEBIT | EE_LEDGER_BALANCING_CREDIT,
    KNOWN = EE_LEDGER_LINKED | EE_LEDGER_PENDING | RESOLVING | BALANCING,
};

/* What is looked at while one transfer is judged. */
struct judging {
    const struct ee_ledger *ledger;
    const struct ee_ledger_pasts *pasts;
    const struct ee_ledger_transfer *t;
    struct ee_ledger_plan *plan;
};

static bool sum_overflows(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum);
}

static const struct ee_ledger_account *account_of(const struct ee_ledger *ledger, uint32_t number)
{
    assert(number < ledger->accounts.count);
    return &ledger->accounts.rows[number];
}

static uint32_t debit_of(const struct ee_ledger_row *row)
{
    return (uint32_t)(row->link >> 32);
}

static uint32_t credit_of(const struct ee_ledger_row *row)
{
    return (uint32_t)row->link;
}

/* ---- the id is known ---- */

static enum ee_ledger_result exists_ledger(const struct judging *j,
                                           const struct ee_ledger_row *move, bool zero_means_same)
{
    uint32_t ledger = account_of(j->ledger, debit_of(move))->ledger;
    if (j->t->ledger != ledger && !(zero_means_same && j->t->ledger == 0))
        return EE_LEDGER_EXISTS_WITH_DIFFERENT_LEDGER;
    if (j->t->code != move->code && !(zero_means_same && j->t->code == 0))
        return EE_LEDGER_EXISTS_WITH_DIFFERENT_CODE;
    return EE_LEDGER_EXISTS;
}

static enum ee_ledger_result exists_accounts(const struct judging *j,
                                             const struct ee_ledger_row *move, bool zero_means_same)
{
    const struct ee_ledger_transfer *t = j->t;
    const struct ee_ledger_account *debit = account_of(j->ledger, debit_of(move));
    const struct ee_ledger_account *credit = account_of(j->ledger, credit_of(move));
    if (!ee_ledger_id_equal(&t->debit_account, &debit->id) &&
        !(zero_means_same && ee_ledger_id_zero(&t->debit_account)))
        return EE_LEDGER_EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID;
    if (!ee_ledger_id_equal(&t->credit_account, &credit->id) &&
        !(zero_means_same && ee_ledger_id_zero(&t->credit_account)))
        return EE_LEDGER_EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID;
    return EE_LEDGER_CREATED;
}

/* A post or void again: what it left to the reservation is the reservation's. */
static enum ee_ledger_result exists_resolution(const struct judging *j,
                                               const struct ee_ledger_row *found)
{
    const struct ee_ledger_transfer *t = j->t;
    struct ee_ledger_found pending = ee_ledger_find(j->ledger, j->pasts, &t->pending_id);
    if (!pending.row || pending.number != found->link)
        return EE_LEDGER_EXISTS_WITH_DIFFERENT_PENDING_ID;
    if (t->timeout_s != 0)
        return EE_LEDGER_EXISTS_WITH_DIFFERENT_TIMEOUT;
    enum ee_ledger_result result = exists_accounts(j, pending.row, true);
    if (result != EE_LEDGER_CREATED)
        return result;
    bool all = t->flags & EE_LEDGER_VOID ? t->amount == 0 : t->amount == EE_LEDGER_AMOUNT_MAX;
    if ((all ? pending.row->amount : t->amount) != found->amount)
        return EE_LEDGER_EXISTS_WITH_DIFFERENT_AMOUNT;
    return exists_ledger(j, pending.row, true);
}

static enum ee_ledger_result exists(const struct judging *j, const struct ee_ledger_row *found)
{
    const struct ee_ledger_transfer *t = j->t;
    if (found->state == EE_LEDGER_STATE_FAILED)
        return EE_LEDGER_ID_ALREADY_FAILED;
    if (t->flags != found->flags)
        return EE_LEDGER_EXISTS_WITH_DIFFERENT_FLAGS;
    if (t->flags & RESOLVING)
        return exists_resolution(j, found);
    if (!ee_ledger_id_zero(&t->pending_id))
        return EE_LEDGER_EXISTS_WITH_DIFFERENT_PENDING_ID;
    if (t->timeout_s != found->timeout_s)
        return EE_LEDGER_EXISTS_WITH_DIFFERENT_TIMEOUT;
    enum ee_ledger_result result = exists_accounts(j, found, false);
    if (result != EE_LEDGER_CREATED)
        return result;
    /* A balancing amount is the most that may move. */
    if (t->flags & BALANCING ? t->amount < found->amount : t->amount != found->amount)
        return EE_LEDGER_EXISTS_WITH_DIFFERENT_AMOUNT;
    return exists_ledger(j, found, false);
}

/* ---- post and void ---- */

static enum ee_ledger_result resolve_fields(const struct ee_ledger_transfer *t)
{
    if ((t->flags & RESOLVING) == RESOLVING || (t->flags & (EE_LEDGER_PENDING | BALANCING)))
        return EE_LEDGER_FLAGS_ARE_MUTUALLY_EXCLUSIVE;
    if (ee_ledger_id_zero(&t->pending_id))
        return EE_LEDGER_PENDING_ID_MUST_NOT_BE_ZERO;
    if (ee_ledger_id_max(&t->pending_id))
        return EE_LEDGER_PENDING_ID_MUST_NOT_BE_INT_MAX;
    if (ee_ledger_id_equal(&t->pending_id, &t->id))
        return EE_LEDGER_PENDING_ID_MUST_BE_DIFFERENT;
    if (t->timeout_s != 0)
        return EE_LEDGER_TIMEOUT_RESERVED_FOR_PENDING_TRANSFER;
    return EE_LEDGER_CREATED;
}

static enum ee_ledger_result resolve_matches(const struct judging *j,
                                             const struct ee_ledger_row *pending)
{
    const struct ee_ledger_transfer *t = j->t;
    const struct ee_ledger_account *debit = account_of(j->ledger, debit_of(pending));
    const struct ee_ledger_account *credit = account_of(j->ledger, credit_of(pending));
    if (!ee_ledger_id_zero(&t->debit_account) && !ee_ledger_id_equal(&t->debit_account, &debit->id))
        return EE_LEDGER_PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID;
    if (!ee_ledger_id_zero(&t->credit_account) &&
        !ee_ledger_id_equal(&t->credit_account, &credit->id))
        return EE_LEDGER_PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID;
    if (t->ledger != 0 && t->ledger != debit->ledger)
        return EE_LEDGER_PENDING_TRANSFER_HAS_DIFFERENT_LEDGER;
    if (t->code != 0 && t->code != pending->code)
        return EE_LEDGER_PENDING_TRANSFER_HAS_DIFFERENT_CODE;
    return EE_LEDGER_CREATED;
}

static enum ee_ledger_result resolve_state(const struct ee_ledger_row *pending)
{
    switch ((enum ee_ledger_state)pending->state) {
    case EE_LEDGER_STATE_POSTED:
        return EE_LEDGER_PENDING_TRANSFER_ALREADY_POSTED;
    case EE_LEDGER_STATE_VOIDED:
        return EE_LEDGER_PENDING_TRANSFER_ALREADY_VOIDED;
    case EE_LEDGER_STATE_EXPIRED:
        return EE_LEDGER_PENDING_TRANSFER_EXPIRED;
    case EE_LEDGER_STATE_PENDING:
    case EE_LEDGER_STATE_SINGLE:
    case EE_LEDGER_STATE_FAILED:
        break;
    }
    return EE_LEDGER_CREATED;
}

/* The reservation already counted against the totals, so nothing can overflow. An account that is
 * closed has been so from the start, so it has no reservations. */
static enum ee_ledger_result resolve_judge(const struct judging *j)
{
    const struct ee_ledger_transfer *t = j->t;
    enum ee_ledger_result result = resolve_fields(t);
    if (result != EE_LEDGER_CREATED)
        return result;
    struct ee_ledger_found pending = ee_ledger_find(j->ledger, j->pasts, &t->pending_id);
    if (!pending.row || pending.row->state == EE_LEDGER_STATE_FAILED)
        return EE_LEDGER_PENDING_TRANSFER_NOT_FOUND;
    if (!(pending.row->flags & EE_LEDGER_PENDING))
        return EE_LEDGER_PENDING_TRANSFER_NOT_PENDING;
    result = resolve_matches(j, pending.row);
    if (result != EE_LEDGER_CREATED)
        return result;
    bool voids = (t->flags & EE_LEDGER_VOID) != 0;
    bool all = voids ? t->amount == 0 : t->amount == EE_LEDGER_AMOUNT_MAX;
    uint64_t amount = all ? pending.row->amount : t->amount;
    if (amount > pending.row->amount)
        return EE_LEDGER_EXCEEDS_PENDING_TRANSFER_AMOUNT;
    if (voids && amount < pending.row->amount)
        return EE_LEDGER_PENDING_TRANSFER_HAS_DIFFERENT_AMOUNT;
    *j->plan = (struct ee_ledger_plan){.debit = debit_of(pending.row),
                                       .credit = credit_of(pending.row),
                                       .amount = amount,
                                       .pending = pending};
    return resolve_state(pending.row);
}

/* ---- single and pending ---- */

static enum ee_ledger_result move_accounts(const struct ee_ledger_transfer *t)
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
    return EE_LEDGER_CREATED;
}

static enum ee_ledger_result move_fields(const struct ee_ledger_transfer *t)
{
    enum ee_ledger_result result = move_accounts(t);
    if (result != EE_LEDGER_CREATED)
        return result;
    if (!ee_ledger_id_zero(&t->pending_id))
        return EE_LEDGER_PENDING_ID_MUST_BE_ZERO;
    if (t->timeout_s != 0 && !(t->flags & EE_LEDGER_PENDING))
        return EE_LEDGER_TIMEOUT_RESERVED_FOR_PENDING_TRANSFER;
    if (t->ledger == 0)
        return EE_LEDGER_LEDGER_MUST_NOT_BE_ZERO;
    if (t->code == 0)
        return EE_LEDGER_CODE_MUST_NOT_BE_ZERO;
    return EE_LEDGER_CREATED;
}

static uint64_t left_of(uint64_t limit, uint64_t used)
{
    return limit > used ? limit - used : 0;
}

/* Sums of a pair of counters never overflow: checked before they grow. */
static uint64_t move_amount(const struct ee_ledger_transfer *t,
                            const struct ee_ledger_account *debit,
                            const struct ee_ledger_account *credit)
{
    uint64_t amount = t->amount;
    if (t->flags & EE_LEDGER_BALANCING_DEBIT) {
        uint64_t left =
            left_of(debit->credits_posted, debit->debits_posted + debit->debits_pending);
        amount = amount < left ? amount : left;
    }
    if (t->flags & EE_LEDGER_BALANCING_CREDIT) {
        uint64_t left =
            left_of(credit->debits_posted, credit->credits_posted + credit->credits_pending);
        amount = amount < left ? amount : left;
    }
    return amount;
}

static enum ee_ledger_result move_overflows(const struct judging *j, uint64_t amount,
                                            const struct ee_ledger_account *debit,
                                            const struct ee_ledger_account *credit)
{
    bool pending = (j->t->flags & EE_LEDGER_PENDING) != 0;
    if (pending && sum_overflows(debit->debits_pending, amount))
        return EE_LEDGER_OVERFLOWS_DEBITS_PENDING;
    if (pending && sum_overflows(credit->credits_pending, amount))
        return EE_LEDGER_OVERFLOWS_CREDITS_PENDING;
    if (sum_overflows(debit->debits_posted, amount))
        return EE_LEDGER_OVERFLOWS_DEBITS_POSTED;
    if (sum_overflows(credit->credits_posted, amount))
        return EE_LEDGER_OVERFLOWS_CREDITS_POSTED;
    if (sum_overflows(debit->debits_posted + debit->debits_pending, amount))
        return EE_LEDGER_OVERFLOWS_DEBITS;
    if (sum_overflows(credit->credits_posted + credit->credits_pending, amount))
        return EE_LEDGER_OVERFLOWS_CREDITS;
    if (j->ledger->time_s + j->t->timeout_s > EE_LEDGER_TIME_MAX_S)
        return EE_LEDGER_OVERFLOWS_TIMEOUT;
    return EE_LEDGER_CREATED;
}

/* Sums with the amount cannot overflow any more: checked just before. */
static enum ee_ledger_result move_exceeds(uint64_t amount, const struct ee_ledger_account *debit,
                                          const struct ee_ledger_account *credit)
{
    uint64_t debits = debit->debits_posted + debit->debits_pending + amount;
    uint64_t credits = credit->credits_posted + credit->credits_pending + amount;
    if ((debit->flags & EE_LEDGER_DEBITS_MUST_NOT_EXCEED_CREDITS) && debits > debit->credits_posted)
        return EE_LEDGER_EXCEEDS_CREDITS;
    if ((credit->flags & EE_LEDGER_CREDITS_MUST_NOT_EXCEED_DEBITS) &&
        credits > credit->debits_posted)
        return EE_LEDGER_EXCEEDS_DEBITS;
    return EE_LEDGER_CREATED;
}

static enum ee_ledger_result move_judge(const struct judging *j)
{
    const struct ee_ledger_transfer *t = j->t;
    enum ee_ledger_result result = move_fields(t);
    if (result != EE_LEDGER_CREATED)
        return result;
    struct ee_ledger_plan plan = {.debit = ee_ledger_account_number(j->ledger, &t->debit_account)};
    if (plan.debit == EE_ID_NOWHERE)
        return EE_LEDGER_DEBIT_ACCOUNT_NOT_FOUND;
    plan.credit = ee_ledger_account_number(j->ledger, &t->credit_account);
    if (plan.credit == EE_ID_NOWHERE)
        return EE_LEDGER_CREDIT_ACCOUNT_NOT_FOUND;
    const struct ee_ledger_account *debit = account_of(j->ledger, plan.debit);
    const struct ee_ledger_account *credit = account_of(j->ledger, plan.credit);
    if (debit->ledger != credit->ledger)
        return EE_LEDGER_ACCOUNTS_MUST_HAVE_THE_SAME_LEDGER;
    if (debit->ledger != t->ledger)
        return EE_LEDGER_TRANSFER_MUST_HAVE_THE_SAME_LEDGER_AS_ACCOUNTS;
    if (debit->flags & EE_LEDGER_ACCOUNT_CLOSED)
        return EE_LEDGER_DEBIT_ACCOUNT_ALREADY_CLOSED;
    if (credit->flags & EE_LEDGER_ACCOUNT_CLOSED)
        return EE_LEDGER_CREDIT_ACCOUNT_ALREADY_CLOSED;
    plan.amount = move_amount(t, debit, credit);
    result = move_overflows(j, plan.amount, debit, credit);
    if (result != EE_LEDGER_CREATED)
        return result;
    *j->plan = plan;
    return move_exceeds(plan.amount, debit, credit);
}

enum ee_ledger_result ee_ledger_transfer_judge(const struct ee_ledger *ledger,
                                               const struct ee_ledger_pasts *pasts,
                                               const struct ee_ledger_transfer *t,
                                               struct ee_ledger_plan *plan_out)
{
    const struct judging j = {ledger, pasts, t, plan_out};
    if (t->flags & ~KNOWN)
        return EE_LEDGER_RESERVED_FLAG;
    if (ee_ledger_id_zero(&t->id))
        return EE_LEDGER_ID_MUST_NOT_BE_ZERO;
    if (ee_ledger_id_max(&t->id))
        return EE_LEDGER_ID_MUST_NOT_BE_INT_MAX;
    struct ee_ledger_found found = ee_ledger_find(ledger, pasts, &t->id);
    if (found.row)
        return exists(&j, found.row);
    return t->flags & RESOLVING ? resolve_judge(&j) : move_judge(&j);
}

enum ee_ledger_result ee_ledger_transfer_check(const struct ee_ledger *ledger,
                                               const struct ee_ledger_transfer *transfer)
{
    struct ee_ledger_plan plan;
    return ee_ledger_transfer_judge(ledger, NULL, transfer, &plan);
}

bool ee_ledger_result_transient(enum ee_ledger_result result)
{
    return result == EE_LEDGER_DEBIT_ACCOUNT_NOT_FOUND ||
           result == EE_LEDGER_CREDIT_ACCOUNT_NOT_FOUND ||
           result == EE_LEDGER_PENDING_TRANSFER_NOT_FOUND ||
           result == EE_LEDGER_DEBIT_ACCOUNT_ALREADY_CLOSED ||
           result == EE_LEDGER_CREDIT_ACCOUNT_ALREADY_CLOSED ||
           result == EE_LEDGER_EXCEEDS_CREDITS || result == EE_LEDGER_EXCEEDS_DEBITS;
}
