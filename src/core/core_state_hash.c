/* SPDX-License-Identifier: Apache-2.0 */
/* The state hash: a Merkle tree (RFC 9162 section 2.1.1) per kind of record, over groups of records
 * in order of creation, and a hash over their roots. Everything that later commands depend on is in
 * a record; nothing else is. Numbers are written field by field, so padding and byte order of the
 * machine do not count. The trees are kept, so a hash costs what changed since the one before. */
#include <assert.h>
#include <string.h>

#include "core/state.h"
#include "core/state_tree.h"

#include "base/banned.h"

enum kind {
    KIND_NETWORK = 1,
    KIND_ACCOUNT,
    KIND_KEY,
    KIND_NODE,
    KIND_APP,
    KIND_LEASE,
    KIND_PERIOD,
    KIND_ID,
    KIND_MINT,
    KIND_ALLOW,
    KIND_ALLOW_CHANGE,
    KIND_BOOK,  /* accounts of the ledger */
    KIND_ENTRY, /* transfers of the ledger */
    KIND_REDEMPTION,
    KIND_POLICY,
    KIND_RECOVERY,
    KIND_CHECKPOINT_KEY,
    KIND_LIABILITIES,
    KIND_TOPUP,
    KIND_PAYMENT,
    KIND_END,
};

enum {
    RECORD_MAX = 768, /* bytes; the longest is below 600 */
    ROOT_INPUT_MAX = 1024,
};

struct ee_state_trees {
    struct ee_state_tree of[KIND_END];
};

/* ---- rows ---- */

static const struct ee_table *table_of(const struct ee_core *core, enum kind kind)
{
    switch (kind) {
    case KIND_ACCOUNT:
        return &core->accounts;
    case KIND_KEY:
        return &core->keys;
    case KIND_NODE:
        return &core->nodes;
    case KIND_APP:
        return &core->apps;
    case KIND_LEASE:
        return &core->leases;
    case KIND_PERIOD:
        return &core->periods;
    case KIND_ID:
        return &core->ids;
    case KIND_MINT:
        return &core->mints;
    case KIND_ALLOW:
        return &core->allow;
    case KIND_ALLOW_CHANGE:
        return &core->allow_changes;
    case KIND_POLICY:
        return &core->policies;
    case KIND_REDEMPTION:
        return &core->redemptions;
    case KIND_RECOVERY:
        return &core->recoveries;
    case KIND_CHECKPOINT_KEY:
        return &core->checkpoint_keys;
    case KIND_LIABILITIES:
        return &core->liabilities;
    case KIND_TOPUP:
        return &core->topups;
    case KIND_PAYMENT:
        return &core->payments;
    case KIND_NETWORK:
    case KIND_BOOK:
    case KIND_ENTRY:
    case KIND_END:
        break;
    }
    return NULL;
}

static uint32_t row_count(const struct ee_core *core, enum kind kind)
{
    if (kind == KIND_NETWORK)
        return 1;
    if (kind == KIND_BOOK)
        return ee_ledger_accounts(core->ledger);
    if (kind == KIND_ENTRY)
        return ee_ledger_entries(core->ledger);
    return table_of(core, kind)->count;
}

static const void *row_at(const struct ee_core *core, enum kind kind, uint32_t index)
{
    if (kind == KIND_NETWORK)
        return core;
    if (kind == KIND_BOOK)
        return ee_ledger_account_at(core->ledger, index);
    if (kind == KIND_ENTRY)
        return ee_ledger_row_at(core->ledger, index);
    return ee_table_at(table_of(core, kind), index);
}

/* ---- records ---- */

static void put_money(struct ee_writer *w, struct ee_money money)
{
    ee_writer_u64(w, (uint64_t)money.micros);
}

static void put_sums(struct ee_writer *w, const struct ee_liabilities_result *sums)
{
    ee_writer_u64(w, sums->of_seq);
    ee_writer_u64(w, sums->of_time_us);
    ee_writer_u64(w, sums->count);
    put_money(w, sums->total);
    put_money(w, sums->cash);
    put_money(w, sums->house);
}

static void record_recovery(struct ee_writer *w, const struct ee_recovery_applied *row)
{
    ee_writer_u64(w, row->seq);
    ee_writer_u64(w, row->epoch);
    ee_writer_u64(w, row->lost_size);
    ee_writer_bytes(w, row->lost_root, sizeof(row->lost_root));
    ee_writer_u64(w, row->restored_size);
    ee_writer_bytes(w, row->restored_root, sizeof(row->restored_root));
}

static void record_succession(struct ee_writer *w, const struct ee_key_succession *row)
{
    ee_writer_u64(w, row->seq);
    ee_writer_bytes(w, row->old_key, sizeof(row->old_key));
    ee_writer_bytes(w, row->new_key, sizeof(row->new_key));
}

static void record_liabilities(struct ee_writer *w, const struct ee_liabilities_row *row)
{
    ee_writer_u64(w, row->seq);
    put_sums(w, &row->sums);
    ee_writer_bytes(w, row->root, sizeof(row->root));
}

static void record_network(struct ee_writer *w, const struct ee_core *core)
{
    ee_writer_bytes(w, core->network_id, sizeof(core->network_id));
    ee_writer_u64(w, core->seq);
    ee_writer_u64(w, core->time_us);
    ee_writer_u64(w, core->epoch);
    ee_writer_u64(w, core->mint_day);
    ee_writer_u64(w, (uint64_t)core->minted_today_micros);
    ee_writer_u64(w, core->transfer_count);
    ee_writer_bytes(w, core->liability_secret, sizeof(core->liability_secret));
    put_sums(w, &core->marked);
    ee_writer_u64(w, core->card_day);
    ee_writer_u64(w, (uint64_t)core->card_today_micros);
    ee_writer_u64(w, (uint64_t)core->card_minted_micros);
    ee_writer_u64(w, (uint64_t)core->charged_back_micros);
    ee_writer_u64(w, (uint64_t)core->swept_micros);
    ee_writer_u32(w, core->parked_count);
    ee_writer_u8(w, core->processor_open);
}

static void record_account(struct ee_writer *w, const struct ee_account_row *row)
{
    ee_writer_text(w, row->account.name);
    ee_writer_u8(w, (uint8_t)row->account.kind);
    ee_writer_bytes(w, row->account.public_key, sizeof(row->account.public_key));
    ee_writer_u64(w, row->account.created_us);
    ee_writer_u64(w, (uint64_t)row->due_micros);
    ee_writer_u64(w, (uint64_t)row->redeeming_micros);
    for (size_t i = 0; i < EE_HOLD_LOTS_MAX; i++) {
        ee_writer_u64(w, (uint64_t)row->lots[i].amount_micros);
        ee_writer_u64(w, row->lots[i].until_us);
    }
    ee_writer_u64(w, row->transfer_day);
    ee_writer_u64(w, (uint64_t)row->transferred_micros);
    ee_writer_u64(w, row->topup_day);
    ee_writer_u32(w, row->topups);
    ee_writer_u8(w, row->has_debt);
}

static void record_key(struct ee_writer *w, const struct ee_api_key *key)
{
    ee_writer_bytes(w, key->key_hash, sizeof(key->key_hash));
    ee_writer_text(w, key->account);
    ee_writer_text(w, key->label);
    ee_writer_u32(w, key->scopes);
    ee_writer_u64(w, key->expires_s);
    ee_writer_u8(w, key->revoked);
}

static void record_node(struct ee_writer *w, const struct ee_node *n)
{
    ee_writer_text(w, n->name);
    ee_writer_text(w, n->operator_name);
    ee_writer_text(w, n->region);
    ee_writer_bytes(w, n->platform_id, sizeof(n->platform_id));
    ee_writer_bytes(w, n->agent_key, sizeof(n->agent_key));
    ee_writer_bytes(w, n->sealing_key, sizeof(n->sealing_key));
    ee_writer_bytes(w, n->measurement, sizeof(n->measurement));
    ee_writer_bytes(w, n->evidence_hash, sizeof(n->evidence_hash));
    ee_writer_u32(w, n->vcpus);
    ee_writer_u32(w, n->vcpus_measured);
    ee_writer_u32(w, n->vcpus_leased);
    ee_writer_u64(w, (uint64_t)n->price_nanos);
    ee_writer_u8(w, (uint8_t)(n->admitted | n->connected << 1 | n->simulated << 2));
    ee_writer_u64(w, n->epoch);
    ee_writer_u64(w, n->admitted_us);
    ee_writer_u64(w, n->lost_us);
}

static void record_app(struct ee_writer *w, const struct ee_app_row *row)
{
    const struct ee_app *a = &row->app;
    ee_writer_text(w, a->name);
    ee_writer_text(w, a->launcher);
    ee_writer_u8(w, (uint8_t)a->workload);
    ee_writer_u8(w, (uint8_t)(a->wanted | a->has_secrets << 1 | a->waits_for_secrets << 2));
    ee_writer_u32(w, a->vcpus);
    ee_writer_u16(w, a->port);
    ee_writer_bytes(w, a->deployment_hash, sizeof(a->deployment_hash));
    ee_writer_bytes(w, a->lease, sizeof(a->lease));
    ee_writer_u64(w, a->created_us);
    ee_writer_u64(w, (uint64_t)row->max_price_nanos);
    ee_writer_text(w, row->asked_node);
    ee_writer_text(w, row->failed_node);
    ee_writer_u64(w, row->failed_until_us);
    ee_writer_u64(w, row->retry_us);
}

static void record_lease(struct ee_writer *w, const struct ee_lease_row *row)
{
    const struct ee_lease *l = &row->lease;
    ee_writer_bytes(w, l->id, sizeof(l->id));
    ee_writer_text(w, l->app);
    ee_writer_text(w, l->launcher);
    ee_writer_text(w, l->node);
    ee_writer_text(w, l->operator_name);
    ee_writer_u8(w, (uint8_t)l->workload);
    ee_writer_u8(w, (uint8_t)l->state);
    ee_writer_u8(w, (uint8_t)l->end_reason);
    ee_writer_u32(w, (uint32_t)l->exit_code);
    ee_writer_bytes(w, l->output_hash, sizeof(l->output_hash));
    ee_writer_bytes(w, l->deployment_hash, sizeof(l->deployment_hash));
    ee_writer_u32(w, l->vcpus);
    ee_writer_u64(w, (uint64_t)l->price_nanos);
    ee_writer_u64(w, l->reserved_us);
    ee_writer_u64(w, row->starting_us);
    ee_writer_u64(w, l->running_us);
    ee_writer_u64(w, l->ended_us);
    ee_writer_u32(w, l->period_count);
    ee_writer_bytes(w, row->sealed_hash, sizeof(row->sealed_hash));
    ee_writer_u8(w, (uint8_t)(row->moved | row->lock_tried << 1));
    ee_writer_u32(w, row->present);
}

static void record_period(struct ee_writer *w, const struct ee_period_row *row)
{
    const struct ee_period *p = &row->period;
    ee_writer_bytes(w, p->lease, sizeof(p->lease));
    ee_writer_u32(w, p->index);
    ee_writer_u64(w, p->starts_us);
    ee_writer_u64(w, p->ends_us);
    ee_writer_u8(w, (uint8_t)p->state);
    ee_writer_u8(w, (uint8_t)p->verdict);
    ee_writer_u8(w, (uint8_t)p->reason);
    put_money(w, p->locked);
    put_money(w, p->paid);
    put_money(w, p->refunded);
    ee_writer_u32(w, p->health_ok);
    ee_writer_u32(w, p->health_missed);
    ee_writer_u32(w, p->attestation_ok);
    ee_writer_u32(w, p->attestation_missed);
    ee_writer_u64(w, p->report_seq);
    ee_writer_u8(w, (uint8_t)row->report_category);
    ee_writer_bytes(w, row->report_evidence, sizeof(row->report_evidence));
    ee_writer_u64(w, p->lock_seq);
    ee_writer_u64(w, p->settle_seq);
    ee_writer_bytes(w, row->evidence_root, sizeof(row->evidence_root));
    ee_writer_u64(w, row->due_us);
    ee_writer_bytes(w, row->missed_health, sizeof(row->missed_health));
    ee_writer_bytes(w, row->missed_attestation, sizeof(row->missed_attestation));
}

static void record_id(struct ee_writer *w, const struct ee_core *core, const struct ee_id_row *row)
{
    uint8_t body_hash[32];
    const struct ee_bytes body = ee_bytes_of(row->body, row->body_size);
    core->crypto->sha256(&body, 1, body_hash);
    ee_writer_bytes(w, row->key, sizeof(row->key));
    ee_writer_bytes(w, row->body_hash, sizeof(row->body_hash));
    ee_writer_u64(w, row->seq);
    ee_writer_u16(w, (uint16_t)row->err);
    ee_writer_bytes(w, body_hash, sizeof(body_hash));
}

static void record_mint(struct ee_writer *w, const struct ee_mint_row *row)
{
    ee_writer_text(w, row->reference);
    ee_writer_text(w, row->account);
    ee_writer_u64(w, (uint64_t)row->amount_micros);
    ee_writer_u64(w, row->seq);
}

static void record_allow(struct ee_writer *w, const struct ee_allow_row *row)
{
    ee_writer_bytes(w, row->key, sizeof(row->key));
    ee_writer_text(w, row->label);
    ee_writer_u8(w, row->active);
}

static void record_policy(struct ee_writer *w, const struct ee_policy_applied *row)
{
    ee_writer_u64(w, row->seq);
    ee_writer_bytes(w, row->hash, sizeof(row->hash));
}

static void record_book(struct ee_writer *w, const struct ee_ledger_account *a)
{
    ee_writer_bytes(w, a->id.bytes, sizeof(a->id.bytes));
    ee_writer_u32(w, a->ledger);
    ee_writer_u16(w, a->code);
    ee_writer_u16(w, a->flags);
    ee_writer_u64(w, a->debits_pending);
    ee_writer_u64(w, a->debits_posted);
    ee_writer_u64(w, a->credits_pending);
    ee_writer_u64(w, a->credits_posted);
}

static void record_entry(struct ee_writer *w, const struct ee_core *core,
                         const struct ee_ledger_row *row)
{
    const struct ee_ledger_entry entry = ee_ledger_entry_of(core->ledger, row);
    const struct ee_ledger_transfer *t = &entry.transfer;
    ee_writer_bytes(w, t->id.bytes, sizeof(t->id.bytes));
    ee_writer_bytes(w, t->debit_account.bytes, sizeof(t->debit_account.bytes));
    ee_writer_bytes(w, t->credit_account.bytes, sizeof(t->credit_account.bytes));
    ee_writer_bytes(w, t->pending_id.bytes, sizeof(t->pending_id.bytes));
    ee_writer_u64(w, t->amount);
    ee_writer_u32(w, t->ledger);
    ee_writer_u16(w, t->code);
    ee_writer_u16(w, t->flags);
    ee_writer_u8(w, (uint8_t)entry.state);
}

static void record_redemption(struct ee_writer *w, const struct ee_redemption_row *row)
{
    const struct ee_redemption *r = &row->redemption;
    ee_writer_bytes(w, r->id, sizeof(r->id));
    ee_writer_text(w, r->account);
    put_money(w, r->amount);
    ee_writer_u8(w, (uint8_t)r->state);
    ee_writer_u64(w, r->seq);
    ee_writer_u64(w, r->settle_seq);
    ee_writer_text(w, row->destination);
    ee_writer_text(w, row->reference);
}

static void record_topup(struct ee_writer *w, const struct ee_topup_order *o)
{
    ee_writer_bytes(w, o->id, sizeof(o->id));
    ee_writer_text(w, o->account);
    ee_writer_text(w, o->currency);
    ee_writer_u64(w, o->cents);
    ee_writer_u64(w, o->created_us);
    ee_writer_u64(w, o->seq);
    ee_writer_text(w, o->payment);
    ee_writer_u64(w, o->paid_seq);
}

static void record_payment(struct ee_writer *w, const struct ee_payment_row *row)
{
    const struct ee_payment *p = &row->payment;
    ee_writer_text(w, p->id);
    ee_writer_text(w, p->account);
    ee_writer_bytes(w, p->order, sizeof(p->order));
    put_money(w, p->minted);
    put_money(w, p->charged_back);
    ee_writer_u64(w, p->refunded_cents);
    ee_writer_u32(w, p->trouble);
    ee_writer_u32(w, p->dispute_count);
    for (size_t i = 0; i < EE_PAYMENT_DISPUTES_MAX; i++) {
        ee_writer_bytes(w, p->disputes[i].id, sizeof(p->disputes[i].id));
        ee_writer_u64(w, p->disputes[i].cents);
        ee_writer_u8(w, (uint8_t)p->disputes[i].state);
    }
    ee_writer_u64(w, p->said_cents);
    ee_writer_text(w, p->said_currency);
    ee_writer_u64(w, p->first_seq);
    ee_writer_u64(w, p->last_seq);
    ee_writer_u64(w, p->mint_seq);
    ee_writer_u64(w, row->until_us);
    ee_writer_u32(w, row->moves);
}

static void record(struct ee_writer *w, const struct ee_core *core, enum kind kind, uint32_t index)
{
    const void *row = row_at(core, kind, index);
    ee_writer_label(w, "ee-state", EE_STATE_HASH_VERSION);
    ee_writer_u8(w, (uint8_t)kind);
    switch (kind) {
    case KIND_NETWORK:
        record_network(w, core);
        return;
    case KIND_ACCOUNT:
        record_account(w, row);
        return;
    case KIND_KEY:
        record_key(w, row);
        return;
    case KIND_NODE:
        record_node(w, &((const struct ee_node_row *)row)->node);
        return;
    case KIND_APP:
        record_app(w, row);
        return;
    case KIND_LEASE:
        record_lease(w, row);
        return;
    case KIND_PERIOD:
        record_period(w, row);
        return;
    case KIND_ID:
        record_id(w, core, row);
        return;
    case KIND_MINT:
        record_mint(w, row);
        return;
    case KIND_ALLOW:
        record_allow(w, row);
        return;
    case KIND_ALLOW_CHANGE:
        ee_writer_u64(w, *(const uint64_t *)row);
        return;
    case KIND_POLICY:
        record_policy(w, row);
        return;
    case KIND_BOOK:
        record_book(w, row);
        return;
    case KIND_ENTRY:
        record_entry(w, core, row);
        return;
    case KIND_REDEMPTION:
        record_redemption(w, row);
        return;
    case KIND_RECOVERY:
        record_recovery(w, row);
        return;
    case KIND_CHECKPOINT_KEY:
        record_succession(w, row);
        return;
    case KIND_LIABILITIES:
        record_liabilities(w, row);
        return;
    case KIND_TOPUP:
        record_topup(w, row);
        return;
    case KIND_PAYMENT:
        record_payment(w, row);
        return;
    case KIND_END:
        return;
    }
}

/* ---- trees ---- */

enum ee_err ee_core_trees_reserve(struct ee_core *core)
{
    if (!core->trees)
        core->trees = ee_alloc(core->allocator, 1, sizeof(*core->trees));
    if (!core->trees)
        return EE_NO_MEMORY;
    for (int kind = KIND_ACCOUNT; kind < KIND_END; kind++)
        EE_TRY(ee_state_tree_reserve(&core->trees->of[kind], core->allocator,
                                     (uint64_t)row_count(core, (enum kind)kind) +
                                         4 * EE_TICK_STEPS_MAX));
    return EE_OK;
}

void ee_core_trees_free(struct ee_core *core)
{
    for (int kind = 0; core->trees && kind < KIND_END; kind++)
        ee_state_tree_free(&core->trees->of[kind], core->allocator);
    ee_free(core->allocator, core->trees);
}

struct records {
    const struct ee_core *core;
    enum kind kind;
};

static void group_hash(const void *context, uint32_t first, uint32_t count,
                       struct ee_tlog_hash *out)
{
    const struct records *records = context;
    uint8_t buffer[EE_TOUCHED_GROUP * RECORD_MAX];
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    for (uint32_t i = first; i < first + count; i++)
        record(&w, records->core, records->kind, i);
    assert(w.err == EE_OK);
    ee_tlog_leaf_hash(records->core->crypto, ee_writer_done(&w), out);
}

static const struct ee_touched *touched_of(const struct ee_core *core, enum kind kind)
{
    if (kind == KIND_BOOK)
        return ee_ledger_accounts_touched(core->ledger);
    if (kind == KIND_ENTRY)
        return ee_ledger_rows_touched(core->ledger);
    return &table_of(core, kind)->touched;
}

static void kind_root(const struct ee_core *core, enum kind kind, struct ee_tlog_hash *out)
{
    const struct records records = {core, kind};
    const struct ee_state_rows rows = {.leaf = group_hash,
                                       .context = &records,
                                       .count = row_count(core, kind),
                                       .touched = touched_of(core, kind)};
    static const struct ee_state_tree none;
    ee_state_tree_update(core->trees ? &core->trees->of[kind] : &none, core->crypto, &rows, out);
}

void ee_core_state_hash(const struct ee_core *core, uint8_t out[32])
{
    uint8_t buffer[ROOT_INPUT_MAX];
    struct ee_tlog_hash root;
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    ee_writer_label(&w, "ee-state-root", EE_STATE_HASH_VERSION);
    record(&w, core, KIND_NETWORK, 0);
    for (int kind = KIND_ACCOUNT; kind < KIND_END; kind++) {
        kind_root(core, (enum kind)kind, &root);
        ee_writer_u64(&w, row_count(core, (enum kind)kind));
        ee_writer_bytes(&w, root.bytes, sizeof(root.bytes));
    }
    const struct ee_bytes input = ee_writer_done(&w);
    assert(w.err == EE_OK);
    core->crypto->sha256(&input, 1, out);
}

void ee_core_state_hash_afresh(const struct ee_core *core, uint8_t out[32])
{
    for (int kind = KIND_ACCOUNT; kind < KIND_END; kind++)
        for (uint32_t i = 0; i < row_count(core, (enum kind)kind); i += EE_TOUCHED_GROUP)
            ee_touched_mark(touched_of(core, (enum kind)kind), i);
    ee_core_state_hash(core, out);
}
