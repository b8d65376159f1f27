/* SPDX-License-Identifier: Apache-2.0 */
/* The invariants of docs/spec/money.md, recomputed from the records. */
#include <string.h>

#include "core/state.h"

#include "base/banned.h"

/* NULL, or the rule that does not hold. */
typedef const char *ee_rule(const struct ee_core *core);

#define HOLDS(condition, rule)                                                                     \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return rule;                                                                           \
    } while (0)

static const char *account_rule(const struct ee_core *core, const struct ee_account *account)
{
    struct ee_balance b;
    HOLDS(ee_core_balance(core, account->name, &b) == EE_OK, "every account has its book");
    HOLDS(b.available.micros >= 0 && b.due.micros >= 0 && b.due.micros <= b.locked.micros,
          "available, locked and due are never negative, and due is part of locked");
    HOLDS(b.held.micros >= 0 && b.held.micros <= b.available.micros && b.owed.micros >= 0,
          "held is part of available, and nobody owes less than nothing");
    return NULL;
}

static const char *book_rule(const struct ee_core *core)
{
    struct ee_totals totals;
    HOLDS(ee_ledger_balanced(core->ledger), "debits equal credits and no account is overdrawn");
    ee_core_totals(core, &totals);
    HOLDS(totals.balances.micros == totals.minted.micros - totals.redeemed.micros -
                                        totals.charged_back.micros + totals.owed.micros,
          "all balances add up to what was minted and not redeemed or charged back");
    for (size_t i = 0; i < core->accounts.count; i++) {
        const char *rule = account_rule(core, ee_core_account_at(core, i));
        HOLDS(!rule, rule);
    }
    return NULL;
}

static bool lock_open(const struct ee_period *p)
{
    return p->state == EE_LOCK_LOCKED || p->state == EE_LOCK_DUE;
}

/* The reservation of a period, whose id only the money file knows how to make. */
static const char *lock_rule(const struct ee_core *core, const struct ee_period *p)
{
    const struct ee_ledger_row *entry = ee_core_lock_entry(core, p);
    HOLDS(entry && entry->amount == (uint64_t)p->locked.micros, "every lock has its reservation");
    if (lock_open(p)) {
        HOLDS(entry->state == EE_LEDGER_STATE_PENDING, "an open lock is reserved");
        HOLDS(p->settle_seq == 0, "an open lock is not settled");
        return NULL;
    }
    bool paid = p->state == EE_LOCK_PAID || p->state == EE_LOCK_SPLIT;
    HOLDS(entry->state == (paid ? EE_LEDGER_STATE_POSTED : EE_LEDGER_STATE_VOIDED),
          "a settled lock is resolved the same way in the book");
    HOLDS(p->paid.micros + p->refunded.micros == p->locked.micros && p->settle_seq != 0,
          "paid and refunded are the lock");
    HOLDS(paid == (p->verdict == EE_VERDICT_PASS), "exactly a pass pays");
    HOLDS((p->state == EE_LOCK_SPLIT) == (paid && p->refunded.micros > 0),
          "only an early end splits a lock");
    return NULL;
}

static const char *locks_rule(const struct ee_core *core)
{
    struct ee_totals totals;
    int64_t open = 0, due = 0, due_recorded = 0, redeeming = 0;
    for (size_t i = 0; i < core->periods.count; i++) {
        const struct ee_period *p = ee_core_period_at(core, i);
        const char *rule = lock_rule(core, p);
        HOLDS(!rule, rule);
        open += lock_open(p) ? p->locked.micros : 0;
        due += p->state == EE_LOCK_DUE ? p->locked.micros : 0;
    }
    for (size_t i = 0; i < core->accounts.count; i++)
        due_recorded +=
            ((const struct ee_account_row *)ee_table_at(&core->accounts, i))->due_micros;
    for (size_t i = 0; i < core->accounts.count; i++)
        redeeming -=
            ((const struct ee_account_row *)ee_table_at(&core->accounts, i))->redeeming_micros;
    for (size_t i = 0; i < core->redemptions.count; i++) {
        const struct ee_redemption *r = ee_core_redemption_at(core, i);
        open += r->state == EE_REDEMPTION_PENDING ? r->amount.micros : 0;
        redeeming += r->state == EE_REDEMPTION_PENDING ? r->amount.micros : 0;
        HOLDS((r->state == EE_REDEMPTION_PENDING) == (r->settle_seq == 0),
              "exactly a pending redemption waits for the issuer's word");
    }
    ee_core_totals(core, &totals);
    HOLDS(open == totals.locked.micros, "open locks and redemptions add up to what is reserved");
    HOLDS(due == due_recorded, "due is the sum of the locks that are due");
    HOLDS(redeeming == 0, "accounts know what they are redeeming");
    return NULL;
}

/* Live leases of a node: their vCPUs, their number, and one launcher. */
static const char *node_rule(const struct ee_core *core, const struct ee_node_row *node,
                             size_t *live)
{
    const char *launcher = NULL;
    uint64_t vcpus = 0;
    for (uint32_t next = node->first_lease_row; next;) {
        const struct ee_lease_row *row = ee_table_at(&core->leases, next - 1);
        HOLDS(row->lease.state != EE_LEASE_ENDED && strcmp(row->lease.node, node->node.name) == 0,
              "a node lists its own live leases");
        HOLDS(!launcher || strcmp(launcher, row->lease.launcher) == 0,
              "an agent serves one launcher");
        launcher = row->lease.launcher;
        vcpus += row->lease.vcpus;
        next = row->next_on_node_row;
        HOLDS(++*live <= core->leases.count, "a lease is on one node");
    }
    HOLDS(vcpus == node->node.vcpus_leased, "leased vCPUs are those of the live leases");
    return NULL;
}

static const char *nodes_rule(const struct ee_core *core)
{
    size_t listed = 0, live = 0;
    for (size_t i = 0; i < core->nodes.count; i++) {
        const char *rule = node_rule(core, ee_table_at(&core->nodes, i), &listed);
        HOLDS(!rule, rule);
    }
    for (size_t i = 0; i < core->leases.count; i++)
        live += ee_core_lease_at(core, i)->state != EE_LEASE_ENDED;
    HOLDS(listed == live, "every live lease is on its node");
    return NULL;
}

static const char *lease_rule(const struct ee_core *core, const struct ee_lease_row *row)
{
    const struct ee_lease *l = &row->lease;
    bool live = l->state != EE_LEASE_ENDED;
    const struct ee_app_row *app = ee_core_app_find(core, l->app);
    HOLDS(app && strcmp(app->app.launcher, l->launcher) == 0, "a lease runs its launcher's app");
    bool current = app->lease_row && ee_table_at(&core->leases, app->lease_row - 1) == row;
    HOLDS(current == live, "an app has one live lease at most");
    HOLDS((row->timer != 0) == live, "every live lease has a next moment");
    HOLDS(l->period_count >= 1 && ee_core_period(core, l->id, l->period_count - 1),
          "every lease has its periods");
    uint64_t last_ends_us = l->running_us;
    for (uint32_t i = 0; l->running_us && i < l->period_count; i++) {
        const struct ee_period *p = ee_core_period(core, l->id, i);
        HOLDS(p && (live || p->state != EE_LOCK_LOCKED), "an ended lease keeps no lock");
        if (p->state == EE_LOCK_REFUNDED && p->verdict == EE_VERDICT_NONE)
            continue; /* locked ahead, never began */
        HOLDS(p->starts_us == last_ends_us && p->ends_us >= p->starts_us,
              "periods are contiguous from the start of running");
        last_ends_us = p->ends_us;
    }
    return NULL;
}

static const char *leases_rule(const struct ee_core *core)
{
    for (size_t i = 0; i < core->leases.count; i++) {
        const char *rule = lease_rule(core, ee_table_at(&core->leases, i));
        HOLDS(!rule, rule);
    }
    return NULL;
}

/* One mint a payment, of what was ordered; what was taken back is what was said. */
static const char *payment_rule(const struct ee_core *core, const struct ee_payment_row *row)
{
    const struct ee_payment *p = &row->payment;
    const struct ee_topup_order *order = ee_core_topup(core, p->order);
    HOLDS(p->charged_back.micros >= 0 && p->charged_back.micros <= p->minted.micros,
          "no more is charged back than was minted");
    HOLDS((p->mint_seq != 0) == (p->account[0] != '\0') &&
              (p->mint_seq != 0) == (p->minted.micros > 0),
          "exactly a minted payment has an account");
    HOLDS(p->mint_seq == 0 ||
              (order && order->paid_seq == p->mint_seq && strcmp(order->payment, p->id) == 0 &&
               p->minted.micros == (int64_t)order->cents * EE_MICROS_PER_CENT),
          "a payment mints what was ordered");
    HOLDS(p->charged_back.micros == ee_core_payment_taken_back(p),
          "what is charged back is what the provider said");
    return NULL;
}

static const char *payments_rule(const struct ee_core *core)
{
    const struct ee_ledger_account *processor =
        ee_ledger_account_find(core->ledger, &core->processor);
    int64_t minted = 0, charged_back = 0;
    uint32_t parked = 0;
    for (size_t i = 0; i < core->payments.count; i++) {
        const struct ee_payment_row *row = ee_table_at(&core->payments, i);
        const char *rule = payment_rule(core, row);
        HOLDS(!rule, rule);
        minted += row->payment.minted.micros;
        charged_back += row->payment.charged_back.micros;
        parked += row->payment.mint_seq == 0;
    }
    HOLDS(minted == core->card_minted_micros && charged_back == core->charged_back_micros &&
              parked == core->parked_count,
          "payments add up to their sums");
    HOLDS(!processor || (int64_t)(processor->debits_posted - processor->credits_posted) ==
                            minted - charged_back - core->swept_micros,
          "the processor has what was paid, less what it took back and paid out");
    return NULL;
}

static const char *timers_rule(const struct ee_core *core)
{
    for (uint32_t i = 0; i < core->timer_count; i++) {
        const struct ee_timer *t = &core->timers[i];
        HOLDS(*ee_core_timer_place(core, t->kind, t->row) == i + 1, "a row knows its timer");
        HOLDS(i == 0 || core->timers[(i - 1) / 2].due_us <= t->due_us, "the earliest is first");
    }
    return NULL;
}

enum ee_err ee_core_check(const struct ee_core *core, const char **rule_out)
{
    ee_rule *const rules[] = {book_rule,   locks_rule,    nodes_rule,
                              leases_rule, payments_rule, timers_rule};
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        const char *rule = rules[i](core);
        if (rule) {
            *rule_out = rule;
            return EE_STATE;
        }
    }
    return EE_OK;
}

static const char *some_rule(const struct ee_core *core, uint64_t first, uint32_t rows)
{
    const char *rule = NULL;
    for (uint64_t i = first; i < first + rows && !rule; i++) {
        if (core->accounts.count)
            rule = account_rule(core, ee_core_account_at(core, i % core->accounts.count));
        if (!rule && core->periods.count)
            rule = lock_rule(core, ee_core_period_at(core, i % core->periods.count));
    }
    return rule;
}

enum ee_err ee_core_check_some(const struct ee_core *core, uint64_t *cursor, uint32_t rows,
                               const char **rule_out)
{
    uint64_t all = (uint64_t)core->accounts.count + core->periods.count + core->leases.count +
                   core->nodes.count + core->redemptions.count;
    if (!core->founded)
        return EE_OK;
    if (all <= rows)
        return ee_core_check(core, rule_out);
    const char *rule = some_rule(core, *cursor, rows);
    *cursor += rows;
    if (!rule)
        return EE_OK;
    *rule_out = rule;
    return EE_STATE;
}
