/* SPDX-License-Identifier: Apache-2.0 */
/* Life of a core, and the frame around every command: order, remembered ids, who may do what. */
#include "core/core.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "core/state.h"

#include "base/banned.h"

enum {
    ALLOW_LIMIT = 4096,
    POLICY_LIMIT = 4096,
    STATEMENT_LIMIT = 1024,
    LIABILITIES_LIMIT = 1 << 20,
    WEBHOOK_LIMIT = 1 << 18,
};

static const struct ee_core_limits default_limits = {
    .accounts = 1u << 20,
    .keys = 1u << 20,
    .nodes = 1u << 17,
    .apps = 1u << 20,
    .leases = 1u << 22,
    .periods = 1u << 24,
    .ids = 1u << 24,
    .mints = 1u << 22,
    .redemptions = 1u << 20,
    .transfers = 1u << 24,
    .topups = 1u << 22,
    .payments = 1u << 22,
    .domains = 1u << 14,
    .parked = 1u << 16,
};

/* Far above any default, and sums of limits still fit. */
static const uint32_t limit_max = 1u << 26;

static uint32_t limit_or(uint32_t given, uint32_t fallback)
{
    if (given == 0)
        return fallback;
    return given < limit_max ? given : limit_max;
}

static void limits_set(struct ee_core *core, const struct ee_core_limits *given)
{
    static const struct ee_core_limits none;
    const struct ee_core_limits *g = given ? given : &none, *d = &default_limits;
    core->limits = (struct ee_core_limits){
        .accounts = limit_or(g->accounts, d->accounts),
        .keys = limit_or(g->keys, d->keys),
        .nodes = limit_or(g->nodes, d->nodes),
        .apps = limit_or(g->apps, d->apps),
        .leases = limit_or(g->leases, d->leases),
        .periods = limit_or(g->periods, d->periods),
        .ids = limit_or(g->ids, d->ids),
        .mints = limit_or(g->mints, d->mints),
        .redemptions = limit_or(g->redemptions, d->redemptions),
        .transfers = limit_or(g->transfers, d->transfers),
        .topups = limit_or(g->topups, d->topups),
        .payments = limit_or(g->payments, d->payments),
        .domains = limit_or(g->domains, d->domains),
        .parked = limit_or(g->parked, d->parked),
    };
}

/* How far a table goes that TICK adds to: what runs is settled beyond the limit for users. */
static uint32_t hard_limit(uint32_t limit)
{
    return 2 * limit + EE_TICK_STEPS_MAX;
}

#define TABLE(field, row, key, limit)                                                              \
    ee_table_init(&core->field, core->allocator, sizeof(struct row), offsetof(struct row, key),    \
                  sizeof(((struct row *)0)->key), limit)

static void tables_init(struct ee_core *core)
{
    const struct ee_core_limits *l = &core->limits;
    TABLE(accounts, ee_account_row, account.name, l->accounts);
    TABLE(keys, ee_api_key, key_hash, l->keys);
    TABLE(nodes, ee_node_row, node.name, l->nodes);
    TABLE(apps, ee_app_row, app.name, l->apps);
    TABLE(leases, ee_lease_row, lease.id, hard_limit(l->leases));
    TABLE(ids, ee_id_row, key, l->ids);
    TABLE(mints, ee_mint_row, reference, l->mints);
    TABLE(redemptions, ee_redemption_row, redemption.id, l->redemptions);
    TABLE(topups, ee_topup_order, id, l->topups);
    TABLE(payments, ee_payment_row, payment.id, l->payments);
    static_assert(offsetof(struct ee_domain, slot) == EE_NAME_MAX + 1, "app and slot are one key");
    ee_table_init(&core->domains, core->allocator, sizeof(struct ee_domain), 0, EE_NAME_MAX + 2,
                  l->domains);
    TABLE(allow, ee_allow_row, key, ALLOW_LIMIT);
    static_assert(offsetof(struct ee_period, index) == EE_ID_SIZE, "lease and index are one key");
    ee_table_init(&core->periods, core->allocator, sizeof(struct ee_period_row), 0,
                  EE_ID_SIZE + sizeof(uint32_t), hard_limit(l->periods));
    static_assert(offsetof(struct ee_webhook, slot) == EE_NAME_MAX + 1,
                  "account and slot are one key");
    ee_table_init(&core->webhooks, core->allocator, sizeof(struct ee_webhook), 0, EE_NAME_MAX + 2,
                  WEBHOOK_LIMIT);
    ee_table_init(&core->allow_changes, core->allocator, sizeof(uint64_t), 0, 0, ALLOW_LIMIT);
    ee_table_init(&core->policies, core->allocator, sizeof(struct ee_policy_applied), 0, 0,
                  POLICY_LIMIT);
    ee_table_init(&core->recoveries, core->allocator, sizeof(struct ee_recovery_applied), 0, 0,
                  STATEMENT_LIMIT);
    ee_table_init(&core->checkpoint_keys, core->allocator, sizeof(struct ee_key_succession), 0, 0,
                  STATEMENT_LIMIT);
    ee_table_init(&core->liabilities, core->allocator, sizeof(struct ee_liabilities_row), 0, 0,
                  LIABILITIES_LIMIT);
}

struct ee_ledger_limits ee_core_ledger_limits(const struct ee_core *core)
{
    /* Two per period: lock and settlement. Two per mint, the second repays a debt. Per payment its
     * mint, and twice as many of what it takes back. An account may have one of debts. */
    uint64_t transfers = (uint64_t)core->limits.transfers + 2 * (uint64_t)core->limits.mints +
                         3 * (uint64_t)core->limits.redemptions +
                         2 * (uint64_t)core->periods.limit + 6 * (uint64_t)core->limits.payments;
    return (struct ee_ledger_limits){
        .accounts = 2 * core->limits.accounts + 2,
        .transfers = transfers < EE_LEDGER_ROWS_MAX ? (uint32_t)transfers : EE_LEDGER_ROWS_MAX,
        .touched = true};
}

struct ee_core *ee_core_new(const struct ee_allocator *allocator, const struct ee_crypto *crypto,
                            const struct ee_core_limits *limits)
{
    struct ee_core *core = ee_alloc(allocator, 1, sizeof(*core));
    if (!core)
        return NULL;
    core->allocator = allocator;
    core->crypto = crypto;
    limits_set(core, limits);
    tables_init(core);
    const struct ee_ledger_limits book = ee_core_ledger_limits(core);
    core->ledger = ee_ledger_new(allocator, &book);
    if (core->ledger)
        return core;
    ee_core_free(core);
    return NULL;
}

void ee_core_free(struct ee_core *core)
{
    if (!core)
        return;
    for (size_t i = 0; i < core->apps.count; i++)
        ee_free(core->allocator,
                ((const struct ee_app_row *)ee_table_at(&core->apps, i))->deployment);
    for (size_t i = 0; i < core->ids.count; i++)
        ee_free(core->allocator, ((const struct ee_id_row *)ee_table_at(&core->ids, i))->body);
    struct ee_table *const tables[] = {
        &core->accounts,    &core->keys,     &core->nodes,         &core->apps,
        &core->leases,      &core->periods,  &core->ids,           &core->mints,
        &core->redemptions, &core->allow,    &core->allow_changes, &core->policies,
        &core->topups,      &core->payments, &core->recoveries,    &core->checkpoint_keys,
        &core->liabilities, &core->webhooks, &core->domains};
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        ee_table_close(tables[i]);
    ee_ledger_free(core->ledger);
    ee_free(core->allocator, core->timers);
    ee_core_trees_free(core);
    ee_core_watch_free(core);
    ee_free(core->allocator, core->candidates);
    ee_free(core->allocator, core->reasons);
    ee_free(core->allocator, core->bulk);
    ee_free(core->allocator, core);
}

/* ---- results ---- */

enum ee_err ee_change_refuse(struct ee_change *c, enum ee_err err)
{
    c->result->err = err;
    return EE_OK;
}

void ee_change_effect(struct ee_change *c, enum ee_effect_kind kind, const struct ee_lease *lease,
                      uint32_t period)
{
    assert(c->result->effect_count < EE_EFFECTS_MAX);
    struct ee_effect *effect = &c->result->effects[c->result->effect_count++];
    memset(effect, 0, sizeof(*effect));
    effect->kind = kind;
    effect->period = period;
    memcpy(effect->lease, lease->id, sizeof(effect->lease));
    memcpy(effect->node, lease->node, sizeof(effect->node));
}

struct ee_writer ee_change_body(struct ee_change *c)
{
    struct ee_writer w;
    ee_writer_init(&w, c->result->body, sizeof(c->result->body));
    return w;
}

void ee_change_body_end(struct ee_change *c, const struct ee_writer *w, enum ee_err err)
{
    assert(err == EE_OK);
    c->result->body_size = w->size;
}

/* ---- remembered ids ---- */

void ee_core_id_key(const struct ee_crypto *crypto, const struct ee_command *command,
                    uint8_t out[32])
{
    uint8_t kind = (uint8_t)command->actor_kind;
    char actor[EE_NAME_MAX + 1] = {0};
    for (size_t i = 0; i < EE_NAME_MAX && command->actor[i] != '\0'; i++)
        actor[i] = command->actor[i];
    const struct ee_bytes parts[] = {ee_bytes_of(&kind, 1), ee_bytes_of(actor, sizeof(actor)),
                                     ee_bytes_of(command->id, sizeof(command->id))};
    crypto->sha256(parts, 3, out);
}

void ee_core_id_body_hash(const struct ee_crypto *crypto, const struct ee_command *command,
                          uint8_t out[32])
{
    uint8_t kind[2] = {(uint8_t)((unsigned)command->kind >> 8), (uint8_t)command->kind};
    const struct ee_bytes parts[] = {ee_bytes_of(kind, sizeof(kind)), command->payload};
    crypto->sha256(parts, 2, out);
}

/* Before GENESIS nothing leaves. */
static uint32_t id_window(const struct ee_core *core)
{
    return core->params ? core->params->id_window : UINT32_MAX;
}

void ee_core_ids(const struct ee_core *core, struct ee_core_ids *out)
{
    *out = (struct ee_core_ids){.total = core->id_total,
                                .first = core->id_total - core->ids.count,
                                .window = id_window(core)};
}

void ee_core_id_at(const struct ee_core *core, uint64_t number, uint8_t key_out[32],
                   uint64_t *seq_out)
{
    const struct ee_id_row *row = ee_table_at(&core->ids, (size_t)(number % id_window(core)));
    memcpy(key_out, row->key, sizeof(row->key));
    *seq_out = row->seq;
}

bool ee_core_id_known(const struct ee_core *core, const uint8_t key[32])
{
    return ee_table_find(&core->ids, key) != NULL;
}

static bool has_id(const struct ee_command *command)
{
    return !ee_bytes_all_zero(command->id, sizeof(command->id));
}

uint64_t ee_core_id_seq(const struct ee_core *core, enum ee_actor_kind kind, const char *actor,
                        const uint8_t id[EE_ID_SIZE])
{
    struct ee_command command = {.actor_kind = kind};
    uint8_t key[32];
    size_t size = strlen(actor);
    if (size > EE_NAME_MAX)
        return 0;
    memcpy(command.actor, actor, size + 1);
    memcpy(command.id, id, sizeof(command.id));
    ee_core_id_key(core->crypto, &command, key);
    const struct ee_id_row *row = ee_table_find(&core->ids, key);
    return row ? row->seq : 0;
}

static void answer_again(const struct ee_id_row *row, struct ee_result *result)
{
    result->err = row->err;
    result->repeated = true;
    result->seq = row->seq;
    result->body_size = row->body_size;
    if (row->body_size)
        memcpy(result->body, row->body, row->body_size);
}

/* Room for the answer is taken before the command is handled, and given back after it. The hashes
 * of the row are there. */
static enum ee_err id_prepare(struct ee_core *core, const struct ee_command *command,
                              struct ee_id_row *row)
{
    row->body = NULL;
    row->seq = 0;
    row->body_size = 0;
    if (!has_id(command))
        return EE_OK;
    if (core->ids.count < id_window(core))
        EE_TRY(ee_table_reserve(&core->ids, 1));
    row->body = ee_realloc(core->allocator, NULL, 1, EE_RESULT_BODY_MAX); /* not zeroed */
    if (!row->body)
        return EE_NO_MEMORY;
    row->seq = command->seq;
    return EE_OK;
}

/* The oldest makes room. */
static void id_add(struct ee_core *core, const struct ee_id_row *row)
{
    uint32_t place = (uint32_t)(core->id_total++ % id_window(core));
    if (place == core->ids.count) {
        (void)ee_table_add(&core->ids, row);
        return;
    }
    ee_free(core->allocator, ((const struct ee_id_row *)ee_table_at(&core->ids, place))->body);
    ee_table_replace(&core->ids, place, row);
}

static void id_remember(struct ee_core *core, struct ee_id_row *row, const struct ee_result *result)
{
    if (!row->body)
        return;
    row->err = result->err;
    row->body_size = (uint32_t)result->body_size;
    if (result->body_size == 0) {
        ee_free(core->allocator, row->body);
        row->body = NULL;
    } else {
        memcpy(row->body, result->body, result->body_size);
        uint8_t *less = ee_realloc(core->allocator, row->body, result->body_size, 1);
        row->body = less ? less : row->body;
    }
    id_add(core, row);
}

/* ---- who may do what ---- */

enum {
    SYSTEM = 1 << EE_ACTOR_SYSTEM,
    ACCOUNT = 1 << EE_ACTOR_ACCOUNT,
    ADMIN = 1 << EE_ACTOR_ADMIN
};

struct rule {
    unsigned actors;
    ee_handler *handler;
};

static struct rule further_rule(enum ee_command_kind kind)
{
    if (kind == EE_COMMAND_WEBHOOK)
        return (struct rule){ACCOUNT, ee_core_on_webhook};
    if (kind == EE_COMMAND_PAYMENT)
        return (struct rule){SYSTEM, ee_core_on_payment};
    if (kind == EE_COMMAND_APP_DOMAIN)
        return (struct rule){ACCOUNT, ee_core_on_app_domain};
    return (struct rule){SYSTEM, ee_core_on_domain_proven};
}

static struct rule rule_of(enum ee_command_kind kind)
{
    switch (kind) {
    case EE_COMMAND_GENESIS:
        return (struct rule){SYSTEM, ee_core_on_genesis};
    case EE_COMMAND_BOOT:
        return (struct rule){SYSTEM, ee_core_on_boot};
    case EE_COMMAND_TICK:
        return (struct rule){SYSTEM, ee_core_on_tick};
    case EE_COMMAND_RECOVERY:
        return (struct rule){SYSTEM | ACCOUNT | ADMIN, ee_core_on_recovery};
    case EE_COMMAND_CHECKPOINT_KEY:
        return (struct rule){SYSTEM | ACCOUNT | ADMIN, ee_core_on_checkpoint_key};
    case EE_COMMAND_LIABILITIES:
        return (struct rule){SYSTEM, ee_core_on_liabilities};
    case EE_COMMAND_ACCOUNT_CREATE:
        return (struct rule){ADMIN, ee_core_on_account_create};
    case EE_COMMAND_KEY_CREATE:
        return (struct rule){ACCOUNT, ee_core_on_key_create};
    case EE_COMMAND_KEY_REVOKE:
        return (struct rule){ACCOUNT, ee_core_on_key_revoke};
    case EE_COMMAND_MINT:
        return (struct rule){SYSTEM | ACCOUNT | ADMIN, ee_core_on_mint};
    case EE_COMMAND_TRANSFER:
        return (struct rule){ACCOUNT, ee_core_on_transfer};
    case EE_COMMAND_REDEEM:
        return (struct rule){ACCOUNT, ee_core_on_redeem};
    case EE_COMMAND_REDEMPTION:
        return (struct rule){SYSTEM | ACCOUNT | ADMIN, ee_core_on_redemption};
    case EE_COMMAND_NODE_ENROL:
        return (struct rule){ACCOUNT, ee_core_on_node_enrol};
    case EE_COMMAND_NODE_PRICE:
        return (struct rule){ACCOUNT, ee_core_on_node_price};
    case EE_COMMAND_NODE_ADMIT:
        return (struct rule){SYSTEM, ee_core_on_node_admit};
    case EE_COMMAND_NODE_LOST:
        return (struct rule){SYSTEM, ee_core_on_node_lost};
    case EE_COMMAND_LEASE_RESERVE:
        return (struct rule){ACCOUNT, ee_core_on_lease_reserve};
    case EE_COMMAND_LEASE_START:
        return (struct rule){ACCOUNT, ee_core_on_lease_start};
    case EE_COMMAND_LEASE_RUNNING:
        return (struct rule){SYSTEM, ee_core_on_lease_running};
    case EE_COMMAND_LEASE_END:
        return (struct rule){SYSTEM, ee_core_on_lease_end};
    case EE_COMMAND_LEASE_STOP:
        return (struct rule){ACCOUNT, ee_core_on_lease_stop};
    case EE_COMMAND_SLOT_MISSED:
        return (struct rule){SYSTEM, ee_core_on_slot_missed};
    case EE_COMMAND_CHECKS:
        return (struct rule){SYSTEM, ee_core_on_checks};
    case EE_COMMAND_REPORT:
        return (struct rule){ACCOUNT, ee_core_on_report};
    case EE_COMMAND_ALLOW:
        return (struct rule){SYSTEM | ACCOUNT | ADMIN, ee_core_on_allow};
    case EE_COMMAND_POLICY:
        return (struct rule){SYSTEM | ACCOUNT | ADMIN, ee_core_on_policy};
    case EE_COMMAND_COLLATERAL:
        return (struct rule){SYSTEM | ADMIN, ee_core_on_collateral};
    case EE_COMMAND_TRANSFERS:
        return (struct rule){ACCOUNT, ee_core_on_transfers};
    case EE_COMMAND_TOPUP:
        return (struct rule){ACCOUNT, ee_core_on_topup};
    case EE_COMMAND_PAYMENT:
    case EE_COMMAND_WEBHOOK:
    case EE_COMMAND_APP_DOMAIN:
    case EE_COMMAND_DOMAIN_PROVEN:
        return further_rule(kind);
    }
    return (struct rule){0, NULL};
}

static enum ee_err dispatch(struct ee_change *c)
{
    struct rule rule = rule_of(c->command->kind);
    if (!rule.handler)
        return EE_UNSUPPORTED;
    if (!(rule.actors & 1u << c->command->actor_kind))
        return ee_change_refuse(c, EE_FORBIDDEN);
    if (c->command->actor_kind == EE_ACTOR_ACCOUNT &&
        !ee_core_account_find(c->core, c->command->actor))
        return ee_change_refuse(c, EE_ACCOUNT_UNKNOWN);
    return rule.handler(c);
}

/* ---- apply ---- */

/* Year 10103: later times and any duration of ours still add up within 64 bits. */
static const uint64_t time_max_us = (uint64_t)1 << 58;

static enum ee_err check_place(const struct ee_core *core, const struct ee_command *command)
{
    if (command->core_version == 0 || command->core_version > EE_CORE_VERSION)
        return EE_VERSION;
    if (command->actor_kind < EE_ACTOR_SYSTEM || command->actor_kind > EE_ACTOR_ADMIN)
        return EE_RANGE;
    if (command->payload.size > EE_COMMAND_PAYLOAD_MAX)
        return EE_TOO_LARGE;
    if (command->seq != core->seq + 1 || command->time_us < core->time_us)
        return EE_STATE;
    if (command->time_us > time_max_us)
        return EE_RANGE;
    return (command->kind == EE_COMMAND_GENESIS) == !core->founded ? EE_OK : EE_STATE;
}

static void result_clear(struct ee_result *result)
{
    result->err = EE_OK;
    result->repeated = false;
    result->seq = 0;
    result->body_size = 0;
    result->effect_count = 0;
}

static enum ee_err handle(struct ee_change *c, struct ee_id_row *id)
{
    struct ee_core *core = c->core;
    EE_TRY(ee_core_trees_reserve(core));
    EE_TRY(ee_core_timers_reserve(core, EE_COMMAND_ROWS_MAX));
    EE_TRY(id_prepare(core, c->command, id));
    EE_TRY(dispatch(c));
    core->seq = c->command->seq;
    core->time_us = c->command->time_us;
    c->result->seq = core->seq;
    id_remember(core, id, c->result);
    return EE_OK;
}

enum ee_err ee_core_apply(struct ee_core *core, const struct ee_command *command,
                          struct ee_result *result)
{
    struct ee_id_row id;
    memset(&id, 0, sizeof(id));
    result_clear(result);
    if (has_id(command)) {
        ee_core_id_key(core->crypto, command, id.key);
        const struct ee_id_row *known = ee_table_find(&core->ids, id.key);
        ee_core_id_body_hash(core->crypto, command, id.body_hash);
        if (known && memcmp(known->body_hash, id.body_hash, sizeof(id.body_hash)) != 0)
            return EE_ID_CONFLICT;
        if (known) {
            answer_again(known, result);
            return EE_OK;
        }
    }
    EE_TRY(check_place(core, command));
    struct ee_change c = {
        .core = core, .command = command, .result = result, .now_us = command->time_us};
    enum ee_err err = handle(&c, &id);
    if (err != EE_OK) {
        ee_free(core->allocator, id.body);
        result_clear(result);
    }
    return err;
}
