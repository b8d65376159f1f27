/* SPDX-License-Identifier: Apache-2.0 */
/* Settlement periods: contiguous from the lease's RUNNING on, each with its lock taken ahead. */
#include <assert.h>
#include <string.h>

#include "core/state.h"

#include "base/banned.h"

static uint64_t seconds_us(uint32_t seconds)
{
    return (uint64_t)seconds * EE_MICROS_PER_SECOND;
}

static struct ee_period_row *present_of(const struct ee_core *core,
                                        const struct ee_lease_row *lease)
{
    struct ee_period_row *row = ee_core_period_row(core, lease->lease.id, lease->present);
    assert(row);
    return row;
}

/* The period locked ahead; NULL: none yet. */
static struct ee_period_row *ahead_of(const struct ee_core *core, const struct ee_lease_row *lease)
{
    return ee_core_period_row(core, lease->lease.id, lease->present + 1);
}

static void period_span(const struct ee_core *core, struct ee_period *period, uint64_t starts_us)
{
    period->starts_us = starts_us;
    period->ends_us = starts_us + seconds_us(core->params->period_s);
}

/* When the next lock is to be taken. */
static uint64_t lock_due_us(const struct ee_core *core, const struct ee_period *period)
{
    uint64_t lead_us = seconds_us(core->params->lock_lead_s);
    return period->ends_us - period->starts_us > lead_us ? period->ends_us - lead_us
                                                         : period->starts_us;
}

void ee_core_period_start(struct ee_change *c, struct ee_lease_row *lease, uint64_t starts_us)
{
    struct ee_period_row *row = present_of(c->core, lease);
    period_span(c->core, &row->period, starts_us);
    ee_core_timer_set(c->core, EE_TIMER_LEASE, lease, lock_due_us(c->core, &row->period));
}

static void period_due(struct ee_change *c, struct ee_period_row *row, uint64_t ends_us)
{
    row->period.ends_us = ends_us;
    row->due_us = c->now_us;
    ee_core_lock_move(c->core, row, EE_LOCK_DUE);
    ee_core_timer_set(c->core, EE_TIMER_PERIOD, row,
                      c->now_us + seconds_us(c->core->params->held_max_s));
}

void ee_core_periods_close(struct ee_change *c, struct ee_lease_row *lease)
{
    struct ee_period_row *present = present_of(c->core, lease);
    struct ee_period_row *ahead = ahead_of(c->core, lease);
    if (ahead && present->period.ends_us < c->now_us) { /* ended before a TICK saw it */
        period_due(c, present, present->period.ends_us);
        ee_change_effect(c, EE_EFFECT_PERIOD_DUE, &lease->lease, lease->present);
        lease->present++;
        present = ahead;
        ahead = NULL;
    }
    if (ahead)
        ee_core_lock_settle(c, ahead, (struct ee_money){0});
    uint64_t ends_us = present->period.ends_us < c->now_us ? present->period.ends_us : c->now_us;
    period_due(c, present, ends_us);
    ee_change_effect(c, EE_EFFECT_LEASE_ENDED, &lease->lease, lease->present);
}

/* Takes the lock of the period after the present one; false without the credits. */
static bool lock_ahead(struct ee_change *c, struct ee_lease_row *lease,
                       const struct ee_period *present)
{
    struct ee_money amount;
    if (ee_core_lease_lock(c->core, &lease->lease, &amount) != EE_OK ||
        ee_core_lock_check(c->core, &lease->lease, lease->present + 1, amount) != EE_OK)
        return false;
    period_span(c->core, &ee_core_lock_take(c, lease, amount)->period, present->ends_us);
    return true;
}

/* First at the moment of the lock ahead, then at the end of the period. */
void ee_core_period_step(struct ee_change *c, struct ee_lease_row *lease)
{
    struct ee_period_row *present = present_of(c->core, lease);
    bool ahead = ahead_of(c->core, lease) != NULL;
    if (!ahead && !lease->lock_tried) {
        lease->lock_tried = !lock_ahead(c, lease, &present->period);
        ee_core_timer_set(c->core, EE_TIMER_LEASE, lease, present->period.ends_us);
        return;
    }
    if (!ahead && !lock_ahead(c, lease, &present->period)) {
        ee_change_effect(c, EE_EFFECT_STOP_LEASE, &lease->lease, lease->present);
        ee_core_lease_finish(c, lease, EE_END_CREDITS);
        return;
    }
    period_due(c, present, present->period.ends_us);
    ee_change_effect(c, EE_EFFECT_PERIOD_DUE, &lease->lease, lease->present);
    lease->present++;
    lease->lock_tried = false;
    ee_core_timer_set(c->core, EE_TIMER_LEASE, lease,
                      lock_due_us(c->core, &present_of(c->core, lease)->period));
}

/* Whole seconds used, rounded up, at the lease's price; a full period is its whole lock. */
static struct ee_money earned(const struct ee_core *core, const struct ee_period *period)
{
    const struct ee_lease *lease = ee_core_lease(core, period->lease);
    uint64_t used_us = period->ends_us - period->starts_us;
    uint64_t seconds = used_us / EE_MICROS_PER_SECOND + (used_us % EE_MICROS_PER_SECOND != 0);
    struct ee_money amount;
    if (ee_money_lock(lease->price_nanos, lease->vcpus * seconds, &amount) != EE_OK ||
        amount.micros > period->locked.micros)
        return period->locked;
    return amount;
}

void ee_core_period_settle(struct ee_change *c, struct ee_period_row *row,
                           enum ee_verdict_kind verdict, enum ee_fail_reason reason)
{
    struct ee_period *period = &row->period;
    assert(period->state == EE_LOCK_DUE && verdict != EE_VERDICT_NONE);
    period->verdict = verdict;
    period->reason = reason;
    struct ee_money paid = {0};
    if (verdict == EE_VERDICT_PASS)
        paid = earned(c->core, period);
    ee_core_lock_settle(c, row, paid);
    ee_change_effect(c, EE_EFFECT_SETTLED, ee_core_lease(c->core, period->lease), period->index);
}

void ee_core_period_expire(struct ee_change *c, struct ee_period_row *period)
{
    ee_core_period_settle(c, period, EE_VERDICT_VOID, EE_FAIL_NONE);
}
