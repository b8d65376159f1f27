/* SPDX-License-Identifier: Apache-2.0 */
/* The state from bytes: docs/spec/snapshot.md, "State". The bytes may be anybody's. */
#include <string.h>

#include "core/records.h"

#include "base/banned.h"

enum { HEAD_SIZE = 1 + 13 + 2 + 2, FORM = 1 };

struct loading {
    struct ee_core *core;
    ee_core_source_fn fn;
    void *context;
    uint16_t version; /* core version of the writer */
    uint8_t record[EE_RECORD_MAX];
    uint8_t *blob; /* of the row in hand; owned until a row has it */
    uint32_t blob_size;
};

static enum ee_err number_read(struct loading *l, size_t size, uint32_t *out)
{
    uint8_t bytes[4];
    EE_TRY(l->fn(l->context, bytes, size));
    *out = 0;
    for (size_t i = 0; i < size; i++)
        *out = *out << 8 | bytes[i];
    return EE_OK;
}

static enum ee_err block_read(struct loading *l, uint8_t *out, size_t capacity,
                              struct ee_bytes *bytes_out)
{
    uint32_t size;
    EE_TRY(number_read(l, 4, &size));
    if (size > capacity)
        return EE_TOO_LARGE;
    EE_TRY(l->fn(l->context, out, size));
    *bytes_out = ee_bytes_of(out, size);
    return EE_OK;
}

static enum ee_err blob_read(struct loading *l, uint32_t limit)
{
    EE_TRY(number_read(l, 4, &l->blob_size));
    if (l->blob_size > limit)
        return EE_TOO_LARGE;
    if (l->blob_size == 0)
        return EE_OK;
    l->blob = ee_alloc(l->core->allocator, l->blob_size, 1);
    return l->blob ? l->fn(l->context, l->blob, l->blob_size) : EE_NO_MEMORY;
}

/* ---- head ---- */

static enum ee_err head_read(struct loading *l)
{
    uint8_t head[HEAD_SIZE];
    struct ee_cursor c;
    EE_TRY(l->fn(l->context, head, sizeof(head)));
    ee_cursor_init(&c, ee_bytes_of(head, sizeof(head)));
    ee_cursor_label(&c, "ee-core-state", FORM);
    l->version = ee_cursor_u16(&c);
    EE_TRY(ee_cursor_end(&c));
    if (l->version < 3) /* the first that was saved */
        return EE_UNSUPPORTED;
    return l->version > EE_CORE_VERSION ? EE_VERSION : EE_OK;
}

static enum ee_err network_read(struct loading *l)
{
    uint8_t bytes[EE_GENESIS_SIZE_MAX], network_id[32];
    struct ee_bytes block;
    struct ee_core *core = l->core;
    EE_TRY(block_read(l, bytes, sizeof(bytes), &block));
    EE_TRY(ee_genesis_decode(block, &core->genesis));
    ee_genesis_network_id(core->crypto, block, network_id);
    EE_TRY(block_read(l, l->record, sizeof(l->record), &block));
    struct ee_record r = {.k = ee_codec_reader(block), .version = l->version};
    ee_record_network(&r, core);
    EE_TRY(ee_codec_end(&r.k));
    if (memcmp(network_id, core->network_id, sizeof(network_id)) != 0)
        return EE_WRONG_NETWORK;
    core->params = ee_params_of(core->genesis.profile);
    ee_core_ledger_id(core, "cash", "", &core->cash);
    ee_core_ledger_id(core, "cash", "stripe", &core->processor);
    core->founded = true;
    return EE_OK;
}

/* ---- rows: what follows from others is made again, and what they name must be there ---- */

static enum ee_err known(const void *row)
{
    return row ? EE_OK : EE_RANGE;
}

static enum ee_err app_prepare(struct loading *l, struct ee_app_row *row)
{
    uint8_t hash[32];
    if (row->app.replicas < 1 || row->app.replicas > EE_REPLICAS_MAX ||
        row->missing > row->app.replicas)
        return EE_RANGE;
    EE_TRY(blob_read(l, EE_DEPLOYMENT_SIZE_MAX));
    ee_deployment_hash(l->core->crypto, ee_bytes_of(l->blob, l->blob_size), hash);
    if (l->blob_size == 0 || memcmp(hash, row->app.deployment_hash, sizeof(hash)) != 0)
        return EE_RANGE;
    EE_TRY(known(ee_core_account_find(l->core, row->app.launcher)));
    row->deployment = l->blob;
    row->app.deployment = ee_bytes_of(l->blob, l->blob_size);
    return EE_OK;
}

static enum ee_err id_prepare(struct loading *l, struct ee_id_row *row)
{
    EE_TRY(blob_read(l, EE_RESULT_BODY_MAX));
    row->body = l->blob;
    row->body_size = l->blob_size;
    return EE_OK;
}

static enum ee_err lease_prepare(struct loading *l, const struct ee_lease *lease)
{
    const struct ee_core *core = l->core;
    const struct ee_app_row *app = ee_core_app_find(core, lease->app);
    EE_TRY(known(app));
    EE_TRY(known(ee_core_node(core, lease->node)));
    EE_TRY(known(ee_core_account_find(core, lease->launcher)));
    EE_TRY(known(ee_core_account_find(core, lease->operator_name)));
    const bool live = lease->state != EE_LEASE_ENDED;
    return live && ee_core_app_live(core, app) >= EE_REPLICAS_MAX ? EE_RANGE : EE_OK;
}

/* Held credits of an account fit a number; the free places are the last. */
static enum ee_err account_prepare(const struct ee_core *core, struct ee_account_row *row)
{
    const struct ee_hold_lot *lots = row->lots;
    struct ee_money sum = {0};
    for (size_t i = 0; i < EE_HOLD_LOTS_MAX; i++) {
        EE_TRY(ee_money_add(sum, (struct ee_money){lots[i].amount_micros}, &sum));
        if (i > 0 && lots[i].amount_micros > 0 && lots[i - 1].until_us > lots[i].until_us)
            return EE_RANGE;
        if (i > 0 && lots[i].amount_micros > 0 && lots[i - 1].amount_micros == 0)
            return EE_RANGE;
    }
    ee_core_ledger_id(core, row->account.kind == EE_ACCOUNT_USER ? "user" : "op", row->account.name,
                      &row->ledger_id);
    return EE_OK;
}

static enum ee_err topup_prepare(const struct ee_core *core, const struct ee_topup_order *row)
{
    if (row->cents < 1 || row->cents > EE_PAYMENT_CENTS_MAX)
        return EE_RANGE;
    return known(ee_core_account_find(core, row->account));
}

/* Disputes are in the order of their ids; sums of what was said fit a number. */
static enum ee_err payment_prepare(const struct ee_core *core, const struct ee_payment *row)
{
    const struct ee_dispute *list = row->disputes;
    if (row->refunded_cents > EE_PAYMENT_SAID_MAX)
        return EE_RANGE;
    for (uint32_t i = 0; i < row->dispute_count; i++) {
        if (list[i].cents > EE_PAYMENT_SAID_MAX || list[i].state == 0)
            return EE_RANGE;
        if (i > 0 && memcmp(list[i - 1].id, list[i].id, sizeof(list[i].id)) >= 0)
            return EE_RANGE;
    }
    return row->account[0] == '\0' ? EE_OK : known(ee_core_account_find(core, row->account));
}

/* Slots of an account are taken in order; slot 0 is apart. */
static enum ee_err webhook_prepare(const struct ee_core *core, const struct ee_webhook *row)
{
    if (row->slot > EE_WEBHOOKS_PER_ACCOUNT || row->events > EE_EVENTS_ALL)
        return EE_RANGE;
    if (row->slot > 1 && !ee_core_webhook(core, row->account, (uint8_t)(row->slot - 1)))
        return EE_RANGE;
    return known(ee_core_account_find(core, row->account));
}

static enum ee_err row_prepare(struct loading *l, enum ee_record_kind kind,
                               union ee_record_row *row)
{
    struct ee_core *core = l->core;
    switch (kind) {
    case EE_RECORD_ACCOUNT:
        return account_prepare(core, &row->account);
    case EE_RECORD_KEY:
        return known(ee_core_account_find(core, row->key.account));
    case EE_RECORD_NODE:
        EE_TRY(ee_core_candidates_reserve(core, core->nodes.count + 1));
        return known(ee_core_account_find(core, row->node.node.operator_name));
    case EE_RECORD_APP:
        return app_prepare(l, &row->app);
    case EE_RECORD_LEASE:
        return lease_prepare(l, &row->lease.lease);
    case EE_RECORD_PERIOD:
        return known(ee_core_lease_find(core, row->period.period.lease));
    case EE_RECORD_ID:
        return id_prepare(l, &row->id);
    case EE_RECORD_MINT:
        return known(ee_core_account_find(core, row->mint.account));
    case EE_RECORD_REDEMPTION:
        return known(ee_core_account_find(core, row->redemption.redemption.account));
    case EE_RECORD_TOPUP:
        return topup_prepare(core, &row->topup);
    case EE_RECORD_PAYMENT:
        return payment_prepare(core, &row->payment.payment);
    case EE_RECORD_WEBHOOK:
        return webhook_prepare(core, &row->webhook);
    case EE_RECORD_DOMAIN:
        return row->domain.slot < EE_APP_DOMAINS_MAX
                   ? known(ee_core_app_find(core, row->domain.app))
                   : EE_RANGE;
    case EE_RECORD_ALLOW:
    case EE_RECORD_ALLOW_CHANGE:
    case EE_RECORD_RECOVERY:
    case EE_RECORD_CHECKPOINT_KEY:
    case EE_RECORD_LIABILITIES:
    case EE_RECORD_POLICY:
    case EE_RECORD_NETWORK:
    case EE_RECORD_BOOK:
    case EE_RECORD_ENTRY:
    case EE_RECORD_END:
        break;
    }
    return EE_OK;
}

/* A live lease is in the lists of its app and of its node. */
static void lease_link(struct ee_core *core, struct ee_lease_row *row)
{
    if (row->lease.state == EE_LEASE_ENDED)
        return;
    ee_core_app_list(core, ee_core_app_row(core, row->lease.app), row);
    ee_core_lease_list(core, ee_core_node_row(core, row->lease.node), row);
}

static enum ee_err row_read(struct loading *l, enum ee_record_kind kind)
{
    union ee_record_row row;
    struct ee_bytes block;
    enum ee_timer_kind timer;
    struct ee_core *core = l->core;
    struct ee_table *table = ee_record_table(core, kind);
    EE_TRY(block_read(l, l->record, sizeof(l->record), &block));
    struct ee_record r = {.k = ee_codec_reader(block), .version = l->version, .due_us = EE_NEVER};
    memset(&row, 0, sizeof(row));
    ee_record_code(&r, kind, &row);
    EE_TRY(ee_codec_end(&r.k));
    EE_TRY(row_prepare(l, kind, &row));
    EE_TRY(ee_table_reserve(table, 1));
    EE_TRY(ee_core_timers_reserve(core, 1));
    const uint8_t *key = (const uint8_t *)&row + table->key_offset;
    if (table->key_size && ee_table_find(table, key))
        return EE_RANGE;
    void *added = ee_table_add(table, &row);
    l->blob = NULL; /* the row's */
    if (ee_record_timer(kind, &timer) && r.due_us != EE_NEVER)
        ee_core_timer_set(core, timer, added, r.due_us);
    if (kind == EE_RECORD_LEASE)
        lease_link(core, added);
    return EE_OK;
}

static enum ee_err tables_read(struct loading *l)
{
    uint32_t last = 0, kind, count;
    for (;;) {
        EE_TRY(number_read(l, 1, &kind));
        if (kind == 0)
            return EE_OK;
        if (kind >= EE_RECORD_END || !ee_record_table(l->core, (enum ee_record_kind)kind))
            return EE_UNSUPPORTED;
        EE_TRY(number_read(l, 4, &count));
        if (kind <= last || count == 0)
            return EE_RANGE;
        for (uint32_t i = 0; i < count; i++)
            EE_TRY(row_read(l, (enum ee_record_kind)kind));
        last = kind;
    }
}

/* ---- the book ---- */

static bool sum_fits(struct ee_money *sum, uint64_t micros)
{
    return micros <= INT64_MAX &&
           ee_money_add(*sum, (struct ee_money){(int64_t)micros}, sum) == EE_OK;
}

struct book_sums {
    struct ee_money balances, pending, debts;
    uint32_t accounts; /* of the book, that the state knows of */
};

static enum ee_err account_book_check(const struct ee_core *core, const struct ee_account_row *row,
                                      struct book_sums *sums)
{
    struct ee_ledger_id id;
    const struct ee_ledger_account *debt,
        *b = ee_ledger_account_find(core->ledger, &row->ledger_id);
    EE_TRY(known(b));
    sums->accounts++;
    if (!sum_fits(&sums->balances, b->credits_posted - b->debits_posted) ||
        !sum_fits(&sums->pending, b->debits_pending))
        return EE_RANGE;
    if ((uint64_t)row->due_micros > b->debits_pending ||
        (uint64_t)row->redeeming_micros > b->debits_pending)
        return EE_RANGE;
    if (!row->has_debt)
        return EE_OK;
    ee_core_debt_id(core, row, &id);
    debt = ee_ledger_account_find(core->ledger, &id);
    EE_TRY(known(debt));
    sums->accounts++;
    return sum_fits(&sums->debts, debt->debits_posted - debt->credits_posted) ? EE_OK : EE_RANGE;
}

static enum ee_err cash_check(const struct ee_core *core, struct book_sums *sums)
{
    struct ee_money minted = {0}, gone = {0};
    const struct ee_ledger_account *cash = ee_ledger_account_find(core->ledger, &core->cash);
    const struct ee_ledger_account *processor =
        ee_ledger_account_find(core->ledger, &core->processor);
    EE_TRY(known(cash));
    if (core->processor_open != (processor != NULL))
        return EE_RANGE;
    sums->accounts += 1 + core->processor_open;
    if (core->charged_back_micros > core->card_minted_micros || cash->debits_posted > INT64_MAX ||
        (uint64_t)core->swept_micros > cash->debits_posted)
        return EE_RANGE;
    uint64_t bank = cash->debits_posted - (uint64_t)core->swept_micros;
    return sum_fits(&minted, bank) && sum_fits(&minted, (uint64_t)core->card_minted_micros) &&
                   sum_fits(&gone, cash->credits_posted) &&
                   sum_fits(&gone, (uint64_t)core->charged_back_micros)
               ? EE_OK
               : EE_RANGE;
}

/* The book has the accounts that the state names and no other; sums over them fit a number. */
static enum ee_err book_check(const struct ee_core *core)
{
    struct book_sums sums = {.accounts = 0};
    if (ee_ledger_time_s(core->ledger) != 0) /* the network's reservations have no timeouts */
        return EE_RANGE;
    EE_TRY(cash_check(core, &sums));
    for (size_t i = 0; i < core->accounts.count; i++)
        EE_TRY(account_book_check(core, ee_table_at(&core->accounts, i), &sums));
    return sums.accounts == ee_ledger_accounts(core->ledger) ? EE_OK : EE_RANGE;
}

static enum ee_err ledger_read(struct loading *l)
{
    struct ee_ledger *ledger;
    struct ee_core *core = l->core;
    const struct ee_ledger_limits limits = ee_core_ledger_limits(core);
    EE_TRY(ee_ledger_load(core->allocator, &limits, l->fn, l->context, &ledger));
    ee_ledger_free(core->ledger);
    core->ledger = ledger;
    return book_check(core);
}

static enum ee_err core_read(struct loading *l)
{
    const char *rule;
    EE_TRY(head_read(l));
    EE_TRY(network_read(l));
    EE_TRY(tables_read(l));
    EE_TRY(ledger_read(l));
    if (l->core->ids.count != (l->core->id_total < l->core->params->id_window
                                   ? l->core->id_total
                                   : l->core->params->id_window))
        return EE_RANGE;
    EE_TRY(ee_core_trees_reserve(l->core));
    return ee_core_check(l->core, &rule);
}

enum ee_err ee_core_load(const struct ee_allocator *allocator, const struct ee_crypto *crypto,
                         const struct ee_core_limits *limits, ee_core_source_fn source,
                         void *context, struct ee_core **out)
{
    struct loading l = {.fn = source, .context = context};
    l.core = ee_core_new(allocator, crypto, limits);
    if (!l.core)
        return EE_NO_MEMORY;
    enum ee_err err = core_read(&l);
    ee_free(allocator, l.blob);
    if (err != EE_OK) {
        ee_core_free(l.core);
        return err;
    }
    *out = l.core;
    return EE_OK;
}
