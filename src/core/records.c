/* SPDX-License-Identifier: Apache-2.0 */
#include "core/records.h"

#include <assert.h>
#include <string.h>

#include "base/banned.h"

/* A field in either direction. */
#define U8(field) (field) = ee_codec_u8(k, (uint8_t)(field))
#define U16(field) (field) = ee_codec_u16(k, (field))
#define U32(field) (field) = ee_codec_u32(k, (field))
#define U64(field) (field) = ee_codec_u64(k, (field))
#define I64(field) (field) = ee_codec_i64(k, (field))
#define BOOL(field) (field) = ee_codec_bool(k, (field)) != 0
#define MICROS(field) (field) = ee_codec_i64_least(k, (field), 0)
#define MONEY(field) (field) = ee_codec_money(k, (field), 0)
#define ENUM(type, field, low, high) (field) = (enum type)ee_codec_enum(k, (field), (low), (high))
#define RAW(field) ee_codec_raw(k, (field), sizeof(field))
#define NAME(field) ee_codec_name(k, (field))
#define NAME_OR_EMPTY(field) ee_codec_name_or_empty(k, (field))
#define TEXT(field) ee_codec_text(k, (field), sizeof(field), 0)

static void sums(struct ee_codec *k, struct ee_liabilities_result *s)
{
    U64(s->of_seq);
    U64(s->of_time_us);
    U64(s->count);
    MONEY(s->total);
    MONEY(s->cash);
    I64(s->house.micros);
}

void ee_record_network(struct ee_record *r, struct ee_core *core)
{
    struct ee_codec *k = &r->k;
    RAW(core->network_id);
    U64(core->seq);
    U64(core->time_us);
    U64(core->epoch);
    U64(core->mint_day);
    I64(core->minted_today_micros);
    U64(core->transfer_count);
    U64(core->id_total);
    RAW(core->liability_secret);
    sums(k, &core->marked);
    U64(core->card_day);
    MICROS(core->card_today_micros);
    MICROS(core->card_minted_micros);
    MICROS(core->charged_back_micros);
    MICROS(core->swept_micros);
    U32(core->parked_count);
    BOOL(core->processor_open);
}

static void account(struct ee_codec *k, struct ee_account_row *row)
{
    NAME(row->account.name);
    ENUM(ee_account_kind, row->account.kind, EE_ACCOUNT_USER, EE_ACCOUNT_OPERATOR);
    RAW(row->account.public_key);
    U64(row->account.created_us);
    MICROS(row->due_micros);
    MICROS(row->redeeming_micros);
    for (size_t i = 0; i < EE_HOLD_LOTS_MAX; i++) {
        MICROS(row->lots[i].amount_micros);
        U64(row->lots[i].until_us);
    }
    U64(row->transfer_day);
    MICROS(row->transferred_micros);
    U64(row->topup_day);
    U32(row->topups);
    BOOL(row->has_debt);
}

static void key(struct ee_codec *k, struct ee_api_key *row)
{
    RAW(row->key_hash);
    NAME(row->account);
    TEXT(row->label);
    U32(row->scopes);
    U64(row->expires_s);
    BOOL(row->revoked);
}

static void node(struct ee_codec *k, struct ee_node *row)
{
    NAME(row->name);
    NAME(row->operator_name);
    TEXT(row->region);
    RAW(row->platform_id);
    RAW(row->agent_key);
    RAW(row->sealing_key);
    RAW(row->measurement);
    RAW(row->evidence_hash);
    U32(row->vcpus);
    U32(row->vcpus_measured);
    U32(row->vcpus_leased);
    I64(row->price_nanos);
    BOOL(row->admitted);
    BOOL(row->connected);
    BOOL(row->simulated);
    U64(row->epoch);
    U64(row->admitted_us);
    U64(row->lost_us);
}

static void app(struct ee_codec *k, struct ee_app_row *row)
{
    NAME(row->app.name);
    NAME(row->app.launcher);
    ENUM(ee_workload_kind, row->app.workload, EE_WORKLOAD_JOB, EE_WORKLOAD_APP);
    BOOL(row->app.wanted);
    BOOL(row->app.has_secrets);
    BOOL(row->app.waits_for_secrets);
    U32(row->app.vcpus);
    U16(row->app.port);
    RAW(row->app.deployment_hash);
    RAW(row->app.lease);
    U32(row->app.replicas);
    U64(row->app.created_us);
    U32(row->missing);
    I64(row->max_price_nanos);
    NAME_OR_EMPTY(row->asked_node);
    NAME_OR_EMPTY(row->failed_node);
    U64(row->failed_until_us);
    U64(row->retry_us);
}

static void lease(struct ee_codec *k, struct ee_lease_row *row)
{
    struct ee_lease *l = &row->lease;
    RAW(l->id);
    NAME(l->app);
    NAME(l->launcher);
    NAME(l->node);
    NAME(l->operator_name);
    ENUM(ee_workload_kind, l->workload, EE_WORKLOAD_JOB, EE_WORKLOAD_APP);
    ENUM(ee_lease_state, l->state, EE_LEASE_RESERVED, EE_LEASE_ENDED);
    ENUM(ee_end_reason, l->end_reason, 0, EE_END_AGENT_LOST_IT);
    l->exit_code = (int32_t)ee_codec_u32(k, (uint32_t)l->exit_code);
    RAW(l->output_hash);
    RAW(l->deployment_hash);
    U32(l->vcpus);
    I64(l->price_nanos);
    U64(l->reserved_us);
    U64(row->starting_us);
    U64(l->running_us);
    U64(l->ended_us);
    U32(l->period_count);
    RAW(row->sealed_hash);
    BOOL(row->moved);
    BOOL(row->lock_tried);
    U32(row->present);
}

static void period(struct ee_codec *k, struct ee_period_row *row)
{
    struct ee_period *p = &row->period;
    RAW(p->lease);
    U32(p->index);
    U64(p->starts_us);
    U64(p->ends_us);
    ENUM(ee_lock_state, p->state, EE_LOCK_LOCKED, EE_LOCK_SPLIT);
    ENUM(ee_verdict_kind, p->verdict, EE_VERDICT_NONE, EE_VERDICT_VOID);
    ENUM(ee_fail_reason, p->reason, EE_FAIL_NONE, EE_FAIL_INELIGIBLE);
    MONEY(p->locked);
    MONEY(p->paid);
    MONEY(p->refunded);
    U32(p->health_ok);
    U32(p->health_missed);
    U32(p->attestation_ok);
    U32(p->attestation_missed);
    U64(p->report_seq);
    ENUM(ee_abuse_category, row->report_category, 0, EE_ABUSE_RESOURCES);
    RAW(row->report_evidence);
    U64(p->lock_seq);
    U64(p->settle_seq);
    RAW(row->evidence_root);
    U64(row->due_us);
    RAW(row->missed_health);
    RAW(row->missed_attestation);
}

static void id(struct ee_codec *k, struct ee_id_row *row)
{
    RAW(row->key);
    RAW(row->body_hash);
    U64(row->seq);
    row->err = ee_codec_err(k, row->err);
}

static void mint(struct ee_codec *k, struct ee_mint_row *row)
{
    TEXT(row->reference);
    NAME(row->account);
    I64(row->amount_micros);
    U64(row->seq);
}

static void redemption(struct ee_codec *k, struct ee_redemption_row *row)
{
    struct ee_redemption *r = &row->redemption;
    RAW(r->id);
    NAME(r->account);
    MONEY(r->amount);
    ENUM(ee_redemption_state, r->state, EE_REDEMPTION_PENDING, EE_REDEMPTION_REFUSED);
    U64(r->seq);
    U64(r->settle_seq);
    TEXT(row->destination);
    TEXT(row->reference);
}

static void allow(struct ee_codec *k, struct ee_allow_row *row)
{
    RAW(row->key);
    TEXT(row->label);
    BOOL(row->active);
}

static void policy(struct ee_codec *k, struct ee_policy_applied *row)
{
    U64(row->seq);
    RAW(row->hash);
}

static void recovery(struct ee_codec *k, struct ee_recovery_applied *row)
{
    U64(row->seq);
    U64(row->epoch);
    U64(row->lost_size);
    RAW(row->lost_root);
    U64(row->restored_size);
    RAW(row->restored_root);
}

static void checkpoint_key(struct ee_codec *k, struct ee_key_succession *row)
{
    U64(row->seq);
    RAW(row->old_key);
    RAW(row->new_key);
}

static void liabilities(struct ee_codec *k, struct ee_liabilities_row *row)
{
    U64(row->seq);
    sums(k, &row->sums);
    RAW(row->root);
}

static void topup(struct ee_codec *k, struct ee_topup_order *row)
{
    RAW(row->id);
    NAME(row->account);
    TEXT(row->currency);
    U64(row->cents);
    U64(row->created_us);
    U64(row->seq);
    TEXT(row->payment);
    U64(row->paid_seq);
}

static void domain(struct ee_codec *k, struct ee_domain *row)
{
    NAME(row->app);
    row->slot = ee_codec_u8(k, row->slot);
    TEXT(row->domain);
    RAW(row->nonce);
    ENUM(ee_domain_state, row->state, EE_DOMAIN_FREE, EE_DOMAIN_LOST);
    U64(row->claimed_us);
    U64(row->judged_us);
    RAW(row->seen_hash);
}

static void dispute(struct ee_codec *k, struct ee_dispute *row)
{
    RAW(row->id);
    U64(row->cents);
    ENUM(ee_dispute_state, row->state, 0, EE_DISPUTE_LOST);
}

static void payment(struct ee_codec *k, struct ee_payment_row *row)
{
    struct ee_payment *p = &row->payment;
    TEXT(p->id);
    NAME_OR_EMPTY(p->account);
    RAW(p->order);
    MONEY(p->minted);
    MONEY(p->charged_back);
    U64(p->refunded_cents);
    U32(p->trouble);
    p->dispute_count = ee_codec_count(k, p->dispute_count, EE_PAYMENT_DISPUTES_MAX);
    for (size_t i = 0; i < EE_PAYMENT_DISPUTES_MAX; i++)
        dispute(k, &p->disputes[i]);
    U64(p->said_cents);
    TEXT(p->said_currency);
    U64(p->first_seq);
    U64(p->last_seq);
    U64(p->mint_seq);
    U64(row->until_us);
    U32(row->moves);
}

static void webhook(struct ee_codec *k, struct ee_webhook *row)
{
    NAME(row->account);
    U8(row->slot);
    BOOL(row->active);
    U64(row->seq);
    TEXT(row->url);
    U32(row->events);
    TEXT(row->label);
    RAW(row->secret_hash);
    MONEY(row->below);
    U32(row->runway_below_s);
}

static void further(struct ee_codec *k, enum ee_record_kind kind, union ee_record_row *row)
{
    if (kind == EE_RECORD_WEBHOOK)
        webhook(k, &row->webhook);
    else
        domain(k, &row->domain);
}

void ee_record_code(struct ee_record *r, enum ee_record_kind kind, union ee_record_row *row)
{
    struct ee_codec *k = &r->k;
    enum ee_timer_kind timer;
    switch (kind) {
    case EE_RECORD_ACCOUNT:
        account(k, &row->account);
        break;
    case EE_RECORD_KEY:
        key(k, &row->key);
        break;
    case EE_RECORD_NODE:
        node(k, &row->node.node);
        break;
    case EE_RECORD_APP:
        app(k, &row->app);
        break;
    case EE_RECORD_LEASE:
        lease(k, &row->lease);
        break;
    case EE_RECORD_PERIOD:
        period(k, &row->period);
        break;
    case EE_RECORD_ID:
        id(k, &row->id);
        break;
    case EE_RECORD_MINT:
        mint(k, &row->mint);
        break;
    case EE_RECORD_ALLOW:
        allow(k, &row->allow);
        break;
    case EE_RECORD_ALLOW_CHANGE:
        U64(row->allow_change);
        break;
    case EE_RECORD_REDEMPTION:
        redemption(k, &row->redemption);
        break;
    case EE_RECORD_POLICY:
        policy(k, &row->policy);
        break;
    case EE_RECORD_RECOVERY:
        recovery(k, &row->recovery);
        break;
    case EE_RECORD_CHECKPOINT_KEY:
        checkpoint_key(k, &row->checkpoint_key);
        break;
    case EE_RECORD_LIABILITIES:
        liabilities(k, &row->liabilities);
        break;
    case EE_RECORD_TOPUP:
        topup(k, &row->topup);
        break;
    case EE_RECORD_PAYMENT:
        payment(k, &row->payment);
        break;
    case EE_RECORD_WEBHOOK:
    case EE_RECORD_DOMAIN:
        further(k, kind, row);
        break;
    case EE_RECORD_NETWORK:
    case EE_RECORD_BOOK:
    case EE_RECORD_ENTRY:
    case EE_RECORD_END:
        ee_codec_fail(k, EE_UNSUPPORTED);
        break;
    }
    if (ee_record_timer(kind, &timer))
        U64(r->due_us);
}

/* ---- rows ---- */

const struct ee_table *ee_record_table_of(const struct ee_core *core, enum ee_record_kind kind)
{
    switch (kind) {
    case EE_RECORD_ACCOUNT:
        return &core->accounts;
    case EE_RECORD_KEY:
        return &core->keys;
    case EE_RECORD_NODE:
        return &core->nodes;
    case EE_RECORD_APP:
        return &core->apps;
    case EE_RECORD_LEASE:
        return &core->leases;
    case EE_RECORD_PERIOD:
        return &core->periods;
    case EE_RECORD_ID:
        return &core->ids;
    case EE_RECORD_MINT:
        return &core->mints;
    case EE_RECORD_ALLOW:
        return &core->allow;
    case EE_RECORD_ALLOW_CHANGE:
        return &core->allow_changes;
    case EE_RECORD_POLICY:
        return &core->policies;
    case EE_RECORD_REDEMPTION:
        return &core->redemptions;
    case EE_RECORD_RECOVERY:
        return &core->recoveries;
    case EE_RECORD_CHECKPOINT_KEY:
        return &core->checkpoint_keys;
    case EE_RECORD_LIABILITIES:
        return &core->liabilities;
    case EE_RECORD_TOPUP:
        return &core->topups;
    case EE_RECORD_PAYMENT:
        return &core->payments;
    case EE_RECORD_WEBHOOK:
        return &core->webhooks;
    case EE_RECORD_DOMAIN:
        return &core->domains;
    case EE_RECORD_NETWORK:
    case EE_RECORD_BOOK:
    case EE_RECORD_ENTRY:
    case EE_RECORD_END:
        break;
    }
    return NULL;
}

struct ee_table *ee_record_table(struct ee_core *core, enum ee_record_kind kind)
{
    const struct ee_table *table = ee_record_table_of(core, kind);
    return table ? (struct ee_table *)((uint8_t *)core +
                                       ((const uint8_t *)table - (const uint8_t *)core))
                 : NULL;
}

bool ee_record_timer(enum ee_record_kind kind, enum ee_timer_kind *out)
{
    *out = kind == EE_RECORD_LEASE  ? EE_TIMER_LEASE
           : kind == EE_RECORD_NODE ? EE_TIMER_NODE
           : kind == EE_RECORD_APP  ? EE_TIMER_APP
                                    : EE_TIMER_PERIOD;
    return kind == EE_RECORD_LEASE || kind == EE_RECORD_NODE || kind == EE_RECORD_APP ||
           kind == EE_RECORD_PERIOD;
}

void ee_record_write(const struct ee_core *core, enum ee_record_kind kind, uint32_t index,
                     struct ee_writer *w)
{
    struct ee_record r = {.k = ee_codec_writer(w), .version = EE_CORE_VERSION};
    const struct ee_table *table = ee_record_table_of(core, kind);
    union ee_record_row row; /* a copy: writing does not touch the state's memory */
    enum ee_timer_kind timer;
    assert(table->row_size <= sizeof(row));
    memcpy(&row, ee_table_at(table, index), table->row_size);
    if (ee_record_timer(kind, &timer))
        r.due_us = ee_core_timer_due_us(core, timer, index);
    ee_record_code(&r, kind, &row);
    assert(!ee_codec_failed(&r.k));
}

bool ee_record_has_blob(enum ee_record_kind kind)
{
    return kind == EE_RECORD_APP || kind == EE_RECORD_ID;
}

struct ee_bytes ee_record_blob(enum ee_record_kind kind, const void *row)
{
    if (kind == EE_RECORD_APP)
        return ((const struct ee_app_row *)row)->app.deployment;
    const struct ee_id_row *answer = row;
    return ee_bytes_of(answer->body, answer->body_size);
}
