/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger_model.h"

#include <string.h>

enum { LINKED = 1, PENDING = 2, POST = 4, VOID = 8, BAL_DEBIT = 16, BAL_CREDIT = 32 };
enum { DEBITS_LIMITED = 2, CREDITS_LIMITED = 4, HISTORY = 8, CLOSED = 32 };

#define REFUSE(condition, result)                                                                  \
    do {                                                                                           \
        if (condition)                                                                             \
            return result;                                                                         \
    } while (0)

static bool over(uint64_t a, uint64_t b, uint64_t c)
{
    return a > UINT64_MAX - b || a + b > UINT64_MAX - c;
}

const char *model_account(struct model *m, uint8_t id, const struct model_account *e)
{
    REFUSE(e->flags & ~(LINKED | DEBITS_LIMITED | CREDITS_LIMITED | HISTORY | CLOSED),
           "reserved_flag");
    REFUSE(id == 0, "id_must_not_be_zero");
    REFUSE(id == MODEL_INT_MAX, "id_must_not_be_int_max");
    struct model_account *a = &m->accounts[id];
    if (a->made) {
        REFUSE(a->flags != e->flags, "exists_with_different_flags");
        REFUSE(a->ledger != e->ledger, "exists_with_different_ledger");
        REFUSE(a->code != e->code, "exists_with_different_code");
        return "exists";
    }
    REFUSE((e->flags & DEBITS_LIMITED) && (e->flags & CREDITS_LIMITED),
           "flags_are_mutually_exclusive");
    REFUSE(e->dp, "debits_pending_must_be_zero");
    REFUSE(e->dr, "debits_posted_must_be_zero");
    REFUSE(e->cp, "credits_pending_must_be_zero");
    REFUSE(e->cr, "credits_posted_must_be_zero");
    REFUSE(e->ledger == 0, "ledger_must_not_be_zero");
    REFUSE(e->code == 0, "code_must_not_be_zero");
    *a = *e;
    a->made = true;
    return "created";
}

static const char *exists(const struct model *m, const struct model_transfer *e)
{
    const struct model_transfer *t = &m->transfers[e->id];
    REFUSE(t->state == MODEL_BURNT, "id_already_failed");
    REFUSE(e->flags != t->flags, "exists_with_different_flags");
    REFUSE(e->pending != t->pending, "exists_with_different_pending_id");
    REFUSE(e->timeout != t->timeout, "exists_with_different_timeout");
    bool second = (e->flags & (POST | VOID)) != 0;
    REFUSE(e->debit != t->debit && !(second && e->debit == 0),
           "exists_with_different_debit_account_id");
    REFUSE(e->credit != t->credit && !(second && e->credit == 0),
           "exists_with_different_credit_account_id");
    uint64_t amount = e->amount;
    if (((e->flags & POST) && amount == UINT64_MAX) || ((e->flags & VOID) && amount == 0))
        amount = m->transfers[e->pending].amount;
    if (e->flags & (BAL_DEBIT | BAL_CREDIT))
        amount = amount < t->amount ? amount : t->amount;
    REFUSE(amount != t->amount, "exists_with_different_amount");
    REFUSE(e->ledger != t->ledger && !(second && e->ledger == 0), "exists_with_different_ledger");
    REFUSE(e->code != t->code && !(second && e->code == 0), "exists_with_different_code");
    return "exists";
}

static const char *second_phase(struct model *m, const struct model_transfer *e)
{
    REFUSE((e->flags & POST) && (e->flags & VOID), "flags_are_mutually_exclusive");
    REFUSE(e->flags & (PENDING | BAL_DEBIT | BAL_CREDIT), "flags_are_mutually_exclusive");
    REFUSE(e->pending == 0, "pending_id_must_not_be_zero");
    REFUSE(e->pending == MODEL_INT_MAX, "pending_id_must_not_be_int_max");
    REFUSE(e->pending == e->id, "pending_id_must_be_different");
    REFUSE(e->timeout, "timeout_reserved_for_pending_transfer");
    struct model_transfer *p = &m->transfers[e->pending];
    REFUSE(p->state == MODEL_NONE || p->state == MODEL_BURNT, "pending_transfer_not_found");
    REFUSE(!(p->flags & PENDING), "pending_transfer_not_pending");
    REFUSE(e->debit && e->debit != p->debit, "pending_transfer_has_different_debit_account_id");
    REFUSE(e->credit && e->credit != p->credit, "pending_transfer_has_different_credit_account_id");
    REFUSE(e->ledger && e->ledger != p->ledger, "pending_transfer_has_different_ledger");
    REFUSE(e->code && e->code != p->code, "pending_transfer_has_different_code");
    bool voids = (e->flags & VOID) != 0;
    uint64_t amount = e->amount == (voids ? 0 : UINT64_MAX) ? p->amount : e->amount;
    REFUSE(amount > p->amount, "exceeds_pending_transfer_amount");
    REFUSE(voids && amount != p->amount, "pending_transfer_has_different_amount");
    REFUSE(p->state == MODEL_POSTED, "pending_transfer_already_posted");
    REFUSE(p->state == MODEL_VOIDED, "pending_transfer_already_voided");
    REFUSE(p->state == MODEL_EXPIRED, "pending_transfer_expired");
    m->accounts[p->debit].dp -= p->amount;
    m->accounts[p->credit].cp -= p->amount;
    m->accounts[p->debit].dr += voids ? 0 : amount;
    m->accounts[p->credit].cr += voids ? 0 : amount;
    p->state = voids ? MODEL_VOIDED : MODEL_POSTED;
    struct model_transfer *t = &m->transfers[e->id];
    *t = *p;
    t->id = e->id;
    t->pending = e->pending;
    t->flags = e->flags;
    t->amount = amount;
    t->timeout = 0;
    t->state = MODEL_BOOKED;
    return "created";
}

static uint64_t room(uint64_t has, uint64_t used, uint64_t amount)
{
    uint64_t left = has > used ? has - used : 0;
    return amount < left ? amount : left;
}

static const char *fields(const struct model_transfer *e)
{
    REFUSE(e->debit == 0, "debit_account_id_must_not_be_zero");
    REFUSE(e->debit == MODEL_INT_MAX, "debit_account_id_must_not_be_int_max");
    REFUSE(e->credit == 0, "credit_account_id_must_not_be_zero");
    REFUSE(e->credit == MODEL_INT_MAX, "credit_account_id_must_not_be_int_max");
    REFUSE(e->debit == e->credit, "accounts_must_be_different");
    REFUSE(e->pending, "pending_id_must_be_zero");
    REFUSE(e->timeout && !(e->flags & PENDING), "timeout_reserved_for_pending_transfer");
    REFUSE(e->ledger == 0, "ledger_must_not_be_zero");
    REFUSE(e->code == 0, "code_must_not_be_zero");
    return NULL;
}

static const char *accounts(const struct model *m, const struct model_transfer *e)
{
    const struct model_account *d = &m->accounts[e->debit], *c = &m->accounts[e->credit];
    REFUSE(!d->made, "debit_account_not_found");
    REFUSE(!c->made, "credit_account_not_found");
    REFUSE(d->ledger != c->ledger, "accounts_must_have_the_same_ledger");
    REFUSE(e->ledger != d->ledger, "transfer_must_have_the_same_ledger_as_accounts");
    REFUSE(d->flags & CLOSED, "debit_account_already_closed");
    REFUSE(c->flags & CLOSED, "credit_account_already_closed");
    return NULL;
}

static const char *first_phase(struct model *m, const struct model_transfer *e)
{
    const char *refused = fields(e);
    if (!refused)
        refused = accounts(m, e);
    if (refused)
        return refused;
    struct model_account *d = &m->accounts[e->debit], *c = &m->accounts[e->credit];
    bool pending = (e->flags & PENDING) != 0;
    uint64_t n = e->amount;
    if (e->flags & BAL_DEBIT)
        n = room(d->cr, d->dr + d->dp, n);
    if (e->flags & BAL_CREDIT)
        n = room(c->dr, c->cr + c->cp, n);
    REFUSE(pending && over(d->dp, n, 0), "overflows_debits_pending");
    REFUSE(pending && over(c->cp, n, 0), "overflows_credits_pending");
    REFUSE(over(d->dr, n, 0), "overflows_debits_posted");
    REFUSE(over(c->cr, n, 0), "overflows_credits_posted");
    REFUSE(over(d->dr, n, d->dp), "overflows_debits");
    REFUSE(over(c->cr, n, c->cp), "overflows_credits");
    REFUSE(m->now + e->timeout > 9223372036u, "overflows_timeout");
    REFUSE((d->flags & DEBITS_LIMITED) && d->dr + d->dp + n > d->cr, "exceeds_credits");
    REFUSE((c->flags & CREDITS_LIMITED) && c->cr + c->cp + n > c->dr, "exceeds_debits");
    *(pending ? &d->dp : &d->dr) += n;
    *(pending ? &c->cp : &c->cr) += n;
    struct model_transfer *t = &m->transfers[e->id];
    *t = *e;
    t->amount = n;
    t->state = pending ? MODEL_OPEN : MODEL_BOOKED;
    t->due = e->timeout ? m->now + e->timeout : UINT64_MAX;
    return "created";
}

const char *model_transfer(struct model *m, const struct model_transfer *e)
{
    REFUSE(e->flags & ~63, "reserved_flag");
    REFUSE(e->id == 0, "id_must_not_be_zero");
    REFUSE(e->id == MODEL_INT_MAX, "id_must_not_be_int_max");
    if (m->transfers[e->id].state != MODEL_NONE)
        return exists(m, e);
    return e->flags & (POST | VOID) ? second_phase(m, e) : first_phase(m, e);
}

void model_burn(struct model *m, const struct model_transfer *e, const char *result)
{
    static const char *const burning[] = {"debit_account_not_found",
                                          "credit_account_not_found",
                                          "pending_transfer_not_found",
                                          "exceeds_credits",
                                          "exceeds_debits",
                                          "debit_account_already_closed",
                                          "credit_account_already_closed"};
    for (unsigned i = 0; i < sizeof(burning) / sizeof(burning[0]); i++)
        if (strcmp(result, burning[i]) == 0)
            m->transfers[e->id].state = MODEL_BURNT;
}

uint32_t model_tick(struct model *m, uint64_t seconds)
{
    uint32_t expired = 0;
    m->now += seconds;
    for (int i = 1; i <= MODEL_IDS; i++) {
        struct model_transfer *t = &m->transfers[i];
        if (t->state != MODEL_OPEN || t->due > m->now)
            continue;
        m->accounts[t->debit].dp -= t->amount;
        m->accounts[t->credit].cp -= t->amount;
        t->state = MODEL_EXPIRED;
        expired++;
    }
    return expired;
}
