/* SPDX-License-Identifier: Apache-2.0 */
/* Leases from their start to their end, and what becomes of the app then. */
#include <assert.h>
#include <string.h>

#include "core/state.h"

#include "base/banned.h"

static struct ee_app_row *app_of(const struct ee_core *core, const struct ee_lease_row *lease)
{
    struct ee_app_row *app = ee_core_app_row(core, lease->lease.app);
    assert(app);
    return app;
}

/* ---- start ---- */

enum ee_err ee_core_on_lease_start(struct ee_change *c)
{
    struct ee_core *core = c->core;
    struct ee_lease_start start;
    EE_TRY(ee_lease_start_decode(c->command->payload, &start));
    struct ee_lease_row *row = ee_core_lease_row(core, start.lease);
    if (!row || strcmp(row->lease.launcher, c->command->actor) != 0)
        return ee_change_refuse(c, EE_LEASE_UNKNOWN);
    if (row->lease.state != EE_LEASE_RESERVED)
        return ee_change_refuse(c, EE_LEASE_STATE);
    struct ee_app_row *app = app_of(core, row);
    if (app->app.has_secrets && ee_bytes_all_zero(start.sealed_hash, sizeof(start.sealed_hash)))
        return ee_change_refuse(c, EE_SECRETS_NEEDED);
    memcpy(row->sealed_hash, start.sealed_hash, sizeof(row->sealed_hash));
    row->lease.state = EE_LEASE_STARTING;
    row->starting_us = c->now_us;
    ee_core_timer_set(core, EE_TIMER_LEASE, row,
                      c->now_us + (uint64_t)core->params->start_timeout_s * EE_MICROS_PER_SECOND);
    app->app.wanted = row->lease.workload == EE_WORKLOAD_APP;
    app->app.waits_for_secrets =
        app->app.waits_for_secrets && ee_core_app_live(core, app) < app->app.replicas;
    ee_change_effect(c, EE_EFFECT_START_LEASE, &row->lease, 0);
    return EE_OK;
}

enum ee_err ee_core_on_lease_running(struct ee_change *c)
{
    struct ee_lease_running running;
    EE_TRY(ee_lease_running_decode(c->command->payload, &running));
    struct ee_lease_row *row = ee_core_lease_row(c->core, running.lease);
    if (!row)
        return ee_change_refuse(c, EE_LEASE_UNKNOWN);
    if (row->lease.state != EE_LEASE_STARTING)
        return ee_change_refuse(c, EE_LEASE_STATE);
    row->lease.state = EE_LEASE_RUNNING;
    row->lease.running_us = c->now_us;
    ee_core_period_start(c, row, c->now_us);
    return EE_OK;
}

/* ---- end ---- */

static void node_remove(struct ee_core *core, struct ee_lease_row *lease)
{
    struct ee_node_row *node = ee_core_node_row(core, lease->lease.node);
    uint32_t self = ee_core_row_index(&core->leases, lease) + 1;
    uint32_t *link = &node->first_lease_row;
    while (*link != self) {
        assert(*link);
        link = ee_core_next_on_node(core, *link - 1);
    }
    *link = lease->next_on_node_row;
    lease->next_on_node_row = 0;
    assert(node->node.vcpus_leased >= lease->lease.vcpus);
    node->node.vcpus_leased -= lease->lease.vcpus;
}

/* Whether the app is still to be kept running after its lease ended for this reason. */
static bool still_wanted(const struct ee_app_row *app, const struct ee_lease_row *lease,
                         enum ee_end_reason reason, enum ee_lease_state before)
{
    switch (reason) {
    case EE_END_EXITED:
    case EE_END_STOPPED:
    case EE_END_CREDITS:
        return false;
    case EE_END_START_FAILED:
    case EE_END_START_TIMEOUT: /* the launcher sees it fail; a move is tried again */
        return app->app.wanted && (lease->moved || before == EE_LEASE_RESERVED);
    case EE_END_NODE_LOST:
    case EE_END_AGENT_LOST_IT:
        return app->app.wanted;
    }
    return false;
}

static bool node_failed_it(const struct ee_lease_row *lease, enum ee_end_reason reason)
{
    bool lost = reason == EE_END_NODE_LOST || reason == EE_END_AGENT_LOST_IT;
    bool not_started = reason == EE_END_START_FAILED || reason == EE_END_START_TIMEOUT;
    return lost || (not_started && lease->moved);
}

static void app_remove(struct ee_core *core, struct ee_app_row *app, struct ee_lease_row *lease)
{
    uint32_t self = ee_core_row_index(&core->leases, lease) + 1;
    uint32_t *link = &app->first_lease_row;
    while (*link != self) {
        assert(*link);
        link = ee_core_next_of_app(core, *link - 1);
    }
    *link = lease->next_of_app_row;
    lease->next_of_app_row = 0;
    if (app->first_lease_row && memcmp(app->app.lease, lease->lease.id, EE_ID_SIZE) == 0) {
        const struct ee_lease_row *first = ee_table_at(&core->leases, app->first_lease_row - 1);
        memcpy(app->app.lease, first->lease.id, EE_ID_SIZE);
    }
}

/* One that is not replaced is not counted any more; with the last of them the app ends. */
static void replica_ended(struct ee_app_row *app)
{
    if (app->app.replicas > 1)
        app->app.replicas--;
    app->app.wanted =
        app->app.wanted && (app->first_lease_row || app->missing || app->app.waits_for_secrets);
}

static void app_after(struct ee_change *c, struct ee_lease_row *lease, enum ee_end_reason reason,
                      enum ee_lease_state before)
{
    struct ee_core *core = c->core;
    struct ee_app_row *app = app_of(core, lease);
    app_remove(core, app, lease);
    if (node_failed_it(lease, reason)) {
        memcpy(app->failed_node, lease->lease.node, sizeof(app->failed_node));
        app->failed_until_us = c->now_us + (uint64_t)core->params->period_s * EE_MICROS_PER_SECOND;
    }
    if (!still_wanted(app, lease, reason, before)) {
        replica_ended(app);
        return;
    }
    if (app->app.has_secrets) {
        app->app.waits_for_secrets = true;
        return;
    }
    app->missing++;
    ee_core_app_wait(c, app); /* the next TICK, or this one, looks for a node */
}

void ee_core_lease_finish(struct ee_change *c, struct ee_lease_row *lease,
                          enum ee_end_reason reason)
{
    struct ee_core *core = c->core;
    enum ee_lease_state before = lease->lease.state;
    assert(before != EE_LEASE_ENDED);
    if (before == EE_LEASE_RUNNING)
        ee_core_periods_close(c, lease);
    else
        ee_core_lock_settle(c, ee_core_period_row(core, lease->lease.id, 0), (struct ee_money){0});
    lease->lease.state = EE_LEASE_ENDED;
    lease->lease.end_reason = reason;
    lease->lease.ended_us = c->now_us;
    ee_core_timer_set(core, EE_TIMER_LEASE, lease, EE_NEVER);
    node_remove(core, lease);
    app_after(c, lease, reason, before);
}

enum ee_err ee_core_on_lease_end(struct ee_change *c)
{
    struct ee_lease_end end;
    EE_TRY(ee_lease_end_decode(c->command->payload, &end));
    struct ee_lease_row *row = ee_core_lease_row(c->core, end.lease);
    if (!row)
        return ee_change_refuse(c, EE_LEASE_UNKNOWN);
    bool ran = row->lease.state == EE_LEASE_RUNNING;
    if (row->lease.state == EE_LEASE_ENDED || (ran && end.reason == EE_END_START_FAILED))
        return ee_change_refuse(c, EE_LEASE_STATE);
    EE_TRY(ee_ledger_reserve(c->core->ledger, 0, EE_COMMAND_ROWS_MAX));
    row->lease.exit_code = end.exit_code;
    memcpy(row->lease.output_hash, end.output_hash, sizeof(row->lease.output_hash));
    ee_core_lease_finish(c, row, end.reason);
    return EE_OK;
}

enum ee_err ee_core_on_lease_stop(struct ee_change *c)
{
    struct ee_core *core = c->core;
    struct ee_lease_stop stop;
    EE_TRY(ee_lease_stop_decode(c->command->payload, &stop));
    struct ee_app_row *app = ee_core_app_row(core, stop.name);
    if (!app || strcmp(app->app.launcher, c->command->actor) != 0)
        return ee_change_refuse(c, EE_APP_UNKNOWN);
    if (!app->first_lease_row && !app->app.wanted)
        return ee_change_refuse(c, EE_LEASE_STATE);
    EE_TRY(ee_ledger_reserve(core->ledger, 0, EE_REPLICAS_MAX * EE_COMMAND_ROWS_MAX));
    EE_TRY(ee_core_timers_reserve(core, EE_REPLICAS_MAX * EE_COMMAND_ROWS_MAX));
    while (app->first_lease_row) {
        struct ee_lease_row *lease =
            ee_table_edit(&core->leases, ee_table_at(&core->leases, app->first_lease_row - 1));
        ee_change_effect(c, EE_EFFECT_STOP_LEASE, &lease->lease, lease->present);
        ee_core_lease_finish(c, lease, EE_END_STOPPED);
    }
    app->app.wanted = false;
    app->missing = 0;
    app->app.waits_for_secrets = false;
    app->retry_us = EE_NEVER;
    ee_core_timer_set(core, EE_TIMER_APP, app, EE_NEVER);
    return EE_OK;
}
