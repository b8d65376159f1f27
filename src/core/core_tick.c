/* SPDX-License-Identifier: Apache-2.0 */
/* TICK: closes whatever is due, in the order of its time. A step does one thing and moves its
 * timer, so that a TICK which stops early leaves the rest due. */
#include <assert.h>

#include "core/state.h"

#include "base/banned.h"

static const uint64_t retry_after_us = EE_MICROS_PER_SECOND;

static void *row_edit(const struct ee_table *table, uint32_t row)
{
    return ee_table_edit(table, ee_table_at(table, row));
}

static void lease_step(struct ee_change *c, struct ee_lease_row *lease)
{
    switch (lease->lease.state) {
    case EE_LEASE_RUNNING:
        ee_core_period_step(c, lease);
        return;
    case EE_LEASE_STARTING:
        ee_change_effect(c, EE_EFFECT_STOP_LEASE, &lease->lease, 0);
        ee_core_lease_finish(c, lease, EE_END_START_TIMEOUT);
        return;
    case EE_LEASE_RESERVED:
        ee_core_lease_finish(c, lease, EE_END_START_TIMEOUT);
        return;
    case EE_LEASE_ENDED:
        break;
    }
    assert(false);
}

/* One lease of a node that is gone too long; the timer stays until the last. */
static void node_step(struct ee_change *c, struct ee_node_row *node)
{
    if (node->first_lease_row)
        ee_core_lease_finish(c, row_edit(&c->core->leases, node->first_lease_row - 1),
                             EE_END_NODE_LOST);
    if (!node->first_lease_row)
        ee_core_timer_set(c->core, EE_TIMER_NODE, node, EE_NEVER);
}

static enum ee_err app_place(struct ee_change *c, struct ee_app_row *app)
{
    struct ee_node_row *node;
    struct ee_lease lease;
    struct ee_money lock;
    EE_TRY(ee_core_place(c->core, app, c->now_us, NULL, &node));
    ee_core_lease_draft(c, app, node, &lease);
    EE_TRY(ee_core_lease_lock(c->core, &lease, &lock));
    EE_TRY(ee_core_lock_check(c->core, &lease, 0, lock));
    const struct ee_lease_row *row = ee_core_lease_create(c, app, node, lock, true);
    ee_change_effect(c, EE_EFFECT_START_LEASE, &row->lease, 0);
    return EE_OK;
}

/* An app that lost its node looks for another one, again and again. */
static void app_step(struct ee_change *c, struct ee_app_row *app)
{
    assert(app->app.wanted && app->missing > 0);
    if (app_place(c, app) == EE_OK)
        return;
    app->retry_us = c->now_us + retry_after_us;
    ee_core_timer_set(c->core, EE_TIMER_APP, app, app->retry_us);
}

static void step(struct ee_change *c, enum ee_timer_kind kind, uint32_t row)
{
    struct ee_core *core = c->core;
    switch (kind) {
    case EE_TIMER_LEASE:
        lease_step(c, row_edit(&core->leases, row));
        return;
    case EE_TIMER_NODE:
        node_step(c, row_edit(&core->nodes, row));
        return;
    case EE_TIMER_APP:
        app_step(c, row_edit(&core->apps, row));
        return;
    case EE_TIMER_PERIOD:
        ee_core_period_expire(c, row_edit(&core->periods, row));
        return;
    }
}

enum ee_err ee_core_on_tick(struct ee_change *c)
{
    struct ee_core *core = c->core;
    if (c->command->payload.size)
        return EE_TRAILING;
    EE_TRY(ee_table_reserve(&core->leases, EE_TICK_STEPS_MAX));
    EE_TRY(ee_table_reserve(&core->periods, EE_TICK_STEPS_MAX));
    EE_TRY(ee_ledger_reserve(core->ledger, 0, 2 * EE_TICK_STEPS_MAX));
    EE_TRY(ee_core_timers_reserve(core, 4 * EE_TICK_STEPS_MAX));
    core->tick_lock_count = 0;
    for (int i = 0; i < EE_TICK_STEPS_MAX; i++) {
        const struct ee_timer *first = ee_core_timer_first(core);
        bool room = c->result->effect_count + EE_STEP_EFFECTS_MAX <= EE_EFFECTS_MAX;
        if (!first || first->due_us > c->now_us || !room)
            break;
        step(c, first->kind, first->row);
    }
    ee_core_tick_body(c);
    return EE_OK;
}
