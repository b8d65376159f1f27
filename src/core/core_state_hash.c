/* SPDX-License-Identifier: Apache-2.0 */
/* The state hash: a Merkle root (RFC 9162 section 2.1.1) over one leaf per record, sorted by kind
 * and key. Everything that later commands depend on is in a leaf; nothing else is. Numbers are
 * written field by field, so padding and byte order of the machine do not count. */
#include <string.h>

#include "core/state.h"
#include "tlog/merkle.h"

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
    KIND_END,
};

/* ---- Merkle tree of a stream of leaves ---- */

struct tree {
    const struct ee_crypto *crypto;
    uint64_t count;
    struct ee_tlog_hash roots[64]; /* of the complete subtrees, largest first */
    unsigned depth;
};

static void join(struct tree *t)
{
    struct ee_tlog_hash *left = &t->roots[t->depth - 2];
    ee_tlog_node_hash(t->crypto, left, &t->roots[t->depth - 1], left);
    t->depth--;
}

/* Leaf i closes as many complete subtrees as i has trailing one bits. */
static void tree_add(struct tree *t, struct ee_bytes leaf)
{
    ee_tlog_leaf_hash(t->crypto, leaf, &t->roots[t->depth++]);
    for (uint64_t i = t->count++; i & 1; i >>= 1)
        join(t);
}

/* There is a leaf: the network's. */
static void tree_root(struct tree *t, uint8_t out[32])
{
    while (t->depth > 1)
        join(t);
    memcpy(out, t->roots[0].bytes, 32);
}

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

/* The key is the first member of every row; the number of a period is compared as a number. */
static int compare(const struct ee_core *core, enum kind kind, uint32_t a, uint32_t b)
{
    const struct ee_table *table = table_of(core, kind);
    size_t size = table ? table->key_size : sizeof(struct ee_ledger_id);
    if (kind == KIND_PERIOD)
        size = EE_ID_SIZE;
    int order = size ? memcmp(row_at(core, kind, a), row_at(core, kind, b), size) : 0;
    if (order)
        return order;
    if (kind == KIND_PERIOD) {
        a = ((const struct ee_period_row *)row_at(core, kind, a))->period.index;
        b = ((const struct ee_period_row *)row_at(core, kind, b))->period.index;
    }
    return (a > b) - (a < b);
}

static void sift_down(const struct ee_core *core, enum kind kind, size_t root, size_t count)
{
    uint32_t *order = core->order, moved = order[root];
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= count)
            break;
        if (child + 1 < count && compare(core, kind, order[child], order[child + 1]) < 0)
            child++;
        if (compare(core, kind, moved, order[child]) >= 0)
            break;
        order[root] = order[child];
        root = child;
    }
    order[root] = moved;
}

/* Heapsort of the row numbers into core->order. */
static void sort(const struct ee_core *core, enum kind kind, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        core->order[i] = i;
    for (size_t i = count / 2; i > 0; i--)
        sift_down(core, kind, i - 1, count);
    for (size_t end = count; end > 1; end--) {
        uint32_t first = core->order[0];
        core->order[0] = core->order[end - 1];
        core->order[end - 1] = first;
        sift_down(core, kind, 0, end - 1);
    }
}

/* ---- leaves ---- */

static void put_money(struct ee_writer *w, struct ee_money money)
{
    ee_writer_u64(w, (uint64_t)money.micros);
}

static void leaf_network(struct ee_writer *w, const struct ee_core *core)
{
    ee_writer_bytes(w, core->network_id, sizeof(core->network_id));
    ee_writer_u64(w, core->seq);
    ee_writer_u64(w, core->time_us);
    ee_writer_u64(w, core->epoch);
    ee_writer_u64(w, core->mint_day);
    ee_writer_u64(w, (uint64_t)core->minted_today_micros);
    ee_writer_u64(w, core->transfer_count);
}

static void leaf_account(struct ee_writer *w, const struct ee_account_row *row)
{
    ee_writer_text(w, row->account.name);
    ee_writer_u8(w, (uint8_t)row->account.kind);
    ee_writer_bytes(w, row->account.public_key, sizeof(row->account.public_key));
    ee_writer_u64(w, row->account.created_us);
    ee_writer_u64(w, (uint64_t)row->held_micros);
}

static void leaf_key(struct ee_writer *w, const struct ee_api_key *key)
{
    ee_writer_bytes(w, key->key_hash, sizeof(key->key_hash));
    ee_writer_text(w, key->account);
    ee_writer_text(w, key->label);
    ee_writer_u32(w, key->scopes);
    ee_writer_u64(w, key->expires_s);
    ee_writer_u8(w, key->revoked);
}

static void leaf_node(struct ee_writer *w, const struct ee_node *n)
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

static void leaf_app(struct ee_writer *w, const struct ee_app_row *row)
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

static void leaf_lease(struct ee_writer *w, const struct ee_lease_row *row)
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

static void leaf_period(struct ee_writer *w, const struct ee_period_row *row)
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

static void leaf_id(struct ee_writer *w, const struct ee_core *core, const struct ee_id_row *row)
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

static void leaf_mint(struct ee_writer *w, const struct ee_mint_row *row)
{
    ee_writer_text(w, row->reference);
    ee_writer_text(w, row->account);
    ee_writer_u64(w, (uint64_t)row->amount_micros);
    ee_writer_u64(w, row->seq);
}

static void leaf_allow(struct ee_writer *w, const struct ee_allow_row *row)
{
    ee_writer_bytes(w, row->key, sizeof(row->key));
    ee_writer_text(w, row->label);
    ee_writer_u8(w, row->active);
}

static void leaf_policy(struct ee_writer *w, const struct ee_policy_applied *row)
{
    ee_writer_u64(w, row->seq);
    ee_writer_bytes(w, row->hash, sizeof(row->hash));
}

static void leaf_book(struct ee_writer *w, const struct ee_ledger_account *a)
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

static void leaf_entry(struct ee_writer *w, const struct ee_core *core,
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

static void leaf_redemption(struct ee_writer *w, const struct ee_redemption_row *row)
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

static void leaf(struct ee_writer *w, const struct ee_core *core, enum kind kind, uint32_t index)
{
    const void *row = row_at(core, kind, index);
    ee_writer_label(w, "ee-state", EE_CORE_VERSION);
    ee_writer_u8(w, (uint8_t)kind);
    switch (kind) {
    case KIND_NETWORK:
        leaf_network(w, core);
        return;
    case KIND_ACCOUNT:
        leaf_account(w, row);
        return;
    case KIND_KEY:
        leaf_key(w, row);
        return;
    case KIND_NODE:
        leaf_node(w, &((const struct ee_node_row *)row)->node);
        return;
    case KIND_APP:
        leaf_app(w, row);
        return;
    case KIND_LEASE:
        leaf_lease(w, row);
        return;
    case KIND_PERIOD:
        leaf_period(w, row);
        return;
    case KIND_ID:
        leaf_id(w, core, row);
        return;
    case KIND_MINT:
        leaf_mint(w, row);
        return;
    case KIND_ALLOW:
        leaf_allow(w, row);
        return;
    case KIND_ALLOW_CHANGE:
        ee_writer_u64(w, *(const uint64_t *)row);
        return;
    case KIND_POLICY:
        leaf_policy(w, row);
        return;
    case KIND_BOOK:
        leaf_book(w, row);
        return;
    case KIND_ENTRY:
        leaf_entry(w, core, row);
        return;
    case KIND_REDEMPTION:
        leaf_redemption(w, row);
        return;
    case KIND_END:
        return;
    }
}

void ee_core_state_hash(const struct ee_core *core, uint8_t out[32])
{
    uint8_t buffer[1024];
    struct tree tree = {.crypto = core->crypto};
    for (int kind = KIND_NETWORK; kind < KIND_END; kind++) {
        uint32_t count = row_count(core, (enum kind)kind);
        if (count > 1)
            sort(core, (enum kind)kind, count);
        for (uint32_t i = 0; i < count; i++) {
            struct ee_writer w;
            ee_writer_init(&w, buffer, sizeof(buffer));
            leaf(&w, core, (enum kind)kind, count > 1 ? core->order[i] : 0);
            tree_add(&tree, ee_writer_done(&w));
        }
    }
    tree_root(&tree, out);
}
