/* SPDX-License-Identifier: Apache-2.0 */
/* LEASE_RESERVE: names, placement, the first lock; and the birth of a lease. */
#include <assert.h>
#include <string.h>

#include "core/state.h"

#include "base/banned.h"

/* ---- a lease as it would be, and as it is ---- */

static void lease_id(const struct ee_change *c, uint8_t out[EE_ID_SIZE])
{
    if (c->command->kind != EE_COMMAND_TICK) {
        memcpy(out, c->command->random, EE_ID_SIZE);
        return;
    }
    uint8_t number[4], hash[EE_SHA256_SIZE];
    struct ee_writer w;
    ee_writer_init(&w, number, sizeof(number));
    ee_writer_u32(&w, c->leases_made);
    const struct ee_bytes parts[] = {ee_bytes_of(c->command->random, sizeof(c->command->random)),
                                     ee_bytes_of(number, sizeof(number))};
    c->core->crypto->sha256(parts, 2, hash);
    memcpy(out, hash, EE_ID_SIZE);
}

void ee_core_lease_draft(const struct ee_change *c, const struct ee_app_row *app,
                         const struct ee_node_row *node, struct ee_lease *out)
{
    memset(out, 0, sizeof(*out));
    lease_id(c, out->id);
    memcpy(out->app, app->app.name, sizeof(out->app));
    memcpy(out->launcher, app->app.launcher, sizeof(out->launcher));
    memcpy(out->node, node->node.name, sizeof(out->node));
    memcpy(out->operator_name, node->node.operator_name, sizeof(out->operator_name));
    memcpy(out->deployment_hash, app->app.deployment_hash, sizeof(out->deployment_hash));
    out->workload = app->app.workload;
    out->state = EE_LEASE_RESERVED;
    out->vcpus = app->app.vcpus;
    out->price_nanos = node->node.price_nanos;
    out->reserved_us = c->now_us;
}

enum ee_err ee_core_lease_lock(const struct ee_core *core, const struct ee_lease *lease,
                               struct ee_money *out)
{
    return ee_money_lock(lease->price_nanos, (uint64_t)lease->vcpus * core->params->period_s, out);
}

uint32_t *ee_core_next_on_node(const struct ee_core *core, uint32_t lease)
{
    struct ee_lease_row *row =
        ee_table_edit_derived(&core->leases, ee_table_at(&core->leases, lease));
    return &row->next_on_node_row;
}

void ee_core_lease_list(struct ee_core *core, struct ee_node_row *node, struct ee_lease_row *lease)
{
    uint32_t *link = &node->first_lease_row;
    while (*link)
        link = ee_core_next_on_node(core, *link - 1);
    *link = ee_core_row_index(&core->leases, lease) + 1;
}

struct ee_lease_row *ee_core_lease_create(struct ee_change *c, struct ee_app_row *app,
                                          struct ee_node_row *node, struct ee_money lock,
                                          bool moved)
{
    struct ee_core *core = c->core;
    struct ee_lease_row row;
    memset(&row, 0, sizeof(row));
    ee_core_lease_draft(c, app, node, &row.lease);
    row.moved = moved;
    if (moved) {
        row.lease.state = EE_LEASE_STARTING;
        row.starting_us = c->now_us;
    }
    c->leases_made++;
    struct ee_lease_row *lease = ee_table_add(&core->leases, &row);
    (void)ee_core_lock_take(c, lease, lock);
    ee_core_lease_list(core, node, lease);
    node->node.vcpus_leased += lease->lease.vcpus;
    memcpy(app->app.lease, lease->lease.id, sizeof(app->app.lease));
    app->lease_row = ee_core_row_index(&core->leases, lease) + 1;
    app->retry_us = EE_NEVER;
    ee_core_timer_set(core, EE_TIMER_APP, app, EE_NEVER);
    ee_core_timer_set(core, EE_TIMER_LEASE, lease,
                      c->now_us + (uint64_t)core->params->start_timeout_s * EE_MICROS_PER_SECOND);
    return lease;
}

/* ---- the command ---- */

struct reservation {
    struct ee_lease_reserve request;
    struct ee_app_row *known; /* NULL: a new name */
    struct ee_app_row app;    /* as it will be */
    struct ee_node_row *node;
    struct ee_money lock;
};

/* A job's name is used once; an app's name belongs to its first launcher. */
static enum ee_err name_check(const struct ee_change *c, const struct reservation *r)
{
    if (ee_core_account(c->core, c->command->actor)->kind != EE_ACCOUNT_USER)
        return EE_ACCOUNT_KIND;
    if (!r->known)
        return EE_OK;
    if (strcmp(r->known->app.launcher, c->command->actor) != 0)
        return EE_APP_NAME_TAKEN;
    if (r->known->lease_row)
        return EE_ALREADY_RUNNING;
    bool both_apps =
        r->known->app.workload == EE_WORKLOAD_APP && r->request.workload == EE_WORKLOAD_APP;
    return both_apps ? EE_OK : EE_NAME_USED;
}

static void app_draft(const struct ee_change *c, struct reservation *r)
{
    struct ee_deployment deployment;
    const struct ee_lease_reserve *request = &r->request;
    enum ee_err err = ee_deployment_decode(request->deployment, &deployment);
    assert(err == EE_OK); /* the payload's decoder checked it */
    (void)err;
    struct ee_app_row *row = &r->app;
    memset(row, 0, sizeof(*row));
    if (r->known) {
        *row = *r->known;
    } else {
        memcpy(row->app.name, request->name, sizeof(row->app.name));
        memcpy(row->app.launcher, c->command->actor, strlen(c->command->actor));
        row->app.created_us = c->now_us;
        row->retry_us = EE_NEVER;
    }
    row->app.workload = request->workload;
    row->app.vcpus = request->vcpus;
    row->app.port = deployment.port;
    row->app.has_secrets = deployment.secret_count > 0;
    ee_deployment_hash(c->core->crypto, request->deployment, row->app.deployment_hash);
    row->max_price_nanos = request->max_price_nanos;
    memcpy(row->asked_node, request->node, sizeof(row->asked_node));
}

static void reserve_body(struct ee_change *c, const struct ee_reserve_result *explain)
{
    struct ee_writer w = ee_change_body(c);
    ee_change_body_end(c, &w, ee_reserve_result_encode(explain, &w));
}

static void explain_lease(const struct ee_lease *lease, struct ee_money lock,
                          struct ee_reserve_result *out)
{
    memcpy(out->lease, lease->id, sizeof(out->lease));
    memcpy(out->node, lease->node, sizeof(out->node));
    out->price_nanos = lease->price_nanos;
    out->lock = lock;
}

/* Every rule of LEASE_RESERVE; writes the answer's body. */
static enum ee_err reserve_check(struct ee_change *c, struct reservation *r)
{
    struct ee_core *core = c->core;
    struct ee_reserve_result explain;
    struct ee_lease lease;
    enum ee_err err = name_check(c, r);
    if (err != EE_OK)
        return err;
    app_draft(c, r);
    memset(&explain, 0, sizeof(explain));
    memcpy(explain.deployment_hash, r->app.app.deployment_hash, sizeof(explain.deployment_hash));
    err = ee_core_place(core, &r->app, c->now_us, &explain, &r->node);
    if (err != EE_OK) {
        reserve_body(c, &explain);
        return err;
    }
    ee_core_lease_draft(c, &r->app, r->node, &lease);
    err = ee_core_lease_lock(core, &lease, &r->lock);
    if (err == EE_OK)
        err = ee_core_lock_check(core, &lease, 0, r->lock);
    if (err != EE_OK)
        return err;
    explain_lease(&lease, r->lock, &explain);
    reserve_body(c, &explain);
    return EE_OK;
}

/* Memory and limits; *deployment_out is the app's copy. */
static enum ee_err reserve_room(struct ee_core *core, const struct reservation *r,
                                uint8_t **deployment_out)
{
    if (core->leases.count >= core->limits.leases || core->periods.count >= core->limits.periods)
        return EE_FULL;
    if (!r->known)
        EE_TRY(ee_table_reserve(&core->apps, 1));
    EE_TRY(ee_table_reserve(&core->leases, 1));
    EE_TRY(ee_table_reserve(&core->periods, 1));
    EE_TRY(ee_ledger_reserve(core->ledger, 0, 1));
    uint8_t *copy = ee_alloc(core->allocator, r->request.deployment.size, 1);
    if (!copy)
        return EE_NO_MEMORY;
    memcpy(copy, r->request.deployment.data, r->request.deployment.size);
    *deployment_out = copy;
    return EE_OK;
}

enum ee_err ee_core_on_lease_reserve(struct ee_change *c)
{
    struct ee_core *core = c->core;
    struct reservation r;
    uint8_t *deployment;
    EE_TRY(ee_lease_reserve_decode(c->command->payload, &r.request));
    if (ee_bytes_all_zero(c->command->random, EE_ID_SIZE) ||
        ee_core_lease_find(core, c->command->random))
        return EE_RANGE; /* the shell's random bytes are not random */
    r.known = ee_core_app_row(core, r.request.name);
    enum ee_err err = reserve_check(c, &r);
    if (err != EE_OK)
        return ee_change_refuse(c, err);
    EE_TRY(reserve_room(core, &r, &deployment));
    struct ee_app_row *app = r.known; /* rows of apps moved only when it is a new one */
    if (app)
        ee_free(core->allocator, app->deployment);
    r.app.deployment = deployment;
    r.app.app.deployment = ee_bytes_of(deployment, r.request.deployment.size);
    if (app)
        *app = r.app;
    else
        app = ee_table_add(&core->apps, &r.app);
    (void)ee_core_lease_create(c, app, r.node, r.lock, false);
    return EE_OK;
}
