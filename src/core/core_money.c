/* SPDX-License-Identifier: Apache-2.0 */
/* Credits: mint, transfers, balances, and the moves of a lock. docs/spec/money.md. */
#include <assert.h>
#include <string.h>

#include "core/state.h"

#include "base/banned.h"

static const uint64_t day_us = (uint64_t)86400 * EE_MICROS_PER_SECOND;

/* ---- ids: the first half of a hash over label and parts ---- */

static void id_from(const struct ee_core *core, const struct ee_writer *w, struct ee_ledger_id *out)
{
    uint8_t hash[EE_SHA256_SIZE];
    struct ee_bytes bytes = ee_writer_done(w);
    assert(bytes.size);
    core->crypto->sha256(&bytes, 1, hash);
    memcpy(out->bytes, hash, sizeof(out->bytes));
}

void ee_core_ledger_id(const struct ee_core *core, const char *kind, const char *name,
                       struct ee_ledger_id *out)
{
    ee_owed_id(core->crypto, kind, name, out->bytes);
}

void ee_core_id_of(const struct ee_core *core, const char *label, const char *text, uint32_t number,
                   struct ee_ledger_id *out)
{
    uint8_t buffer[192];
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    ee_writer_label(&w, label, 1);
    ee_writer_text(&w, text);
    ee_writer_u32(&w, number);
    id_from(core, &w, out);
}

static void mint_id(const struct ee_core *core, const char *reference, struct ee_ledger_id *out)
{
    uint8_t buffer[128];
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    ee_writer_label(&w, "ee-ledger-mint", 1);
    ee_writer_text(&w, reference);
    id_from(core, &w, out);
}

static void transfer_id(const struct ee_core *core, uint64_t seq, struct ee_ledger_id *out)
{
    uint8_t buffer[64];
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    ee_writer_label(&w, "ee-ledger-transfer", 1);
    ee_writer_u64(&w, seq);
    id_from(core, &w, out);
}

/* `label`: of the lock or of its settlement, so that each happens once. */
static void lock_id(const struct ee_core *core, const char *label, const uint8_t lease[EE_ID_SIZE],
                    uint32_t index, struct ee_ledger_id *out)
{
    uint8_t buffer[64];
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    ee_writer_label(&w, label, 1);
    ee_writer_bytes(&w, lease, EE_ID_SIZE);
    ee_writer_u32(&w, index);
    id_from(core, &w, out);
}

/* ---- booking ---- */

/* What a refusal of the ledger means here; anything else would be a bug of ours. */
enum ee_err ee_core_booking_err(enum ee_ledger_result result)
{
    if (result == EE_LEDGER_CREATED)
        return EE_OK;
    if (result == EE_LEDGER_EXCEEDS_CREDITS)
        return EE_INSUFFICIENT_CREDITS;
    assert(result >= EE_LEDGER_OVERFLOWS_DEBITS_PENDING && result <= EE_LEDGER_OVERFLOWS_CREDITS);
    return EE_OVERFLOW;
}

void ee_core_book(struct ee_core *core, const struct ee_ledger_transfer *transfer)
{
    enum ee_ledger_result result;
    enum ee_err err = ee_ledger_transfers_create(core->ledger, transfer, 1, NULL, &result);
    assert(err == EE_OK && result == EE_LEDGER_CREATED);
    (void)err;
}

void ee_core_book_chain(struct ee_core *core, struct ee_ledger_transfer *transfers, uint32_t count)
{
    enum { CHAIN_MAX = 4 };
    enum ee_ledger_result results[CHAIN_MAX];
    assert(count <= CHAIN_MAX);
    for (uint32_t i = 0; i + 1 < count; i++)
        transfers[i].flags |= EE_LEDGER_LINKED;
    enum ee_err err = ee_ledger_transfers_create(core->ledger, transfers, count, NULL, results);
    for (uint32_t i = 0; i < count; i++)
        assert(err == EE_OK && results[i] == EE_LEDGER_CREATED);
    (void)err;
}

enum ee_err ee_core_book_check(const struct ee_core *core,
                               const struct ee_ledger_transfer *transfer)
{
    return ee_core_booking_err(ee_ledger_transfer_check(core->ledger, transfer));
}

/* ---- balances ---- */

static const struct ee_ledger_account *book_of(const struct ee_core *core,
                                               const struct ee_account_row *row)
{
    const struct ee_ledger_account *account = ee_ledger_account_find(core->ledger, &row->ledger_id);
    assert(account);
    return account;
}

struct ee_money ee_core_available(const struct ee_core *core, const struct ee_account_row *account)
{
    const struct ee_ledger_account *b = book_of(core, account);
    return (struct ee_money){(int64_t)(b->credits_posted - b->debits_posted - b->debits_pending)};
}

enum ee_err ee_core_balance(const struct ee_core *core, const char *account, struct ee_balance *out)
{
    return ee_core_balance_at(core, account, core->time_us, out);
}

enum ee_err ee_core_balance_at(const struct ee_core *core, const char *account, uint64_t now_us,
                               struct ee_balance *out)
{
    const struct ee_account_row *row = ee_core_account_find(core, account);
    if (!row)
        return EE_ACCOUNT_UNKNOWN;
    const struct ee_ledger_account *b = book_of(core, row);
    *out = (struct ee_balance){
        .available = ee_core_available(core, row),
        .locked = {(int64_t)b->debits_pending},
        .due = {row->due_micros},
        .held = {ee_core_held(core, row, now_us)},
        .owed = {ee_core_owed(core, row)},
        .incoming = {(int64_t)b->credits_pending},
    };
    for (size_t i = 0; out->held.micros > 0 && i < EE_HOLD_LOTS_MAX; i++)
        if (row->lots[i].until_us > out->held_until_us)
            out->held_until_us = row->lots[i].until_us;
    return EE_OK;
}

void ee_core_totals(const struct ee_core *core, struct ee_totals *out)
{
    memset(out, 0, sizeof(*out));
    if (!core->founded)
        return;
    const struct ee_ledger_account *cash = ee_ledger_account_find(core->ledger, &core->cash);
    out->minted.micros = ee_core_minted(core);
    out->redeemed.micros = (int64_t)cash->credits_posted;
    out->charged_back.micros = core->charged_back_micros;
    out->processor.micros =
        core->card_minted_micros - core->charged_back_micros - core->swept_micros;
    for (size_t i = 0; i < core->accounts.count; i++) {
        const struct ee_account_row *row = ee_table_at(&core->accounts, i);
        const struct ee_ledger_account *b = book_of(core, row);
        out->owed.micros += ee_core_owed(core, row);
        out->balances.micros += (int64_t)(b->credits_posted - b->debits_posted);
        out->locked.micros += (int64_t)b->debits_pending;
    }
}

void ee_core_balance_body(struct ee_change *c, const struct ee_account_row *account)
{
    struct ee_balance_result body;
    memset(&body, 0, sizeof(body));
    memcpy(body.account, account->account.name, sizeof(body.account));
    body.available = ee_core_available(c->core, account);
    body.locked.micros = (int64_t)book_of(c->core, account)->debits_pending;
    struct ee_writer w = ee_change_body(c);
    ee_change_body_end(c, &w, ee_balance_result_encode(&body, &w));
}

/* ---- mint ---- */

static bool mint_signed(const struct ee_core *core, const struct ee_mint *mint)
{
    uint8_t buffer[256];
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    return ee_mint_message(core->network_id, mint, &w) == EE_OK &&
           core->crypto->ed25519_verify(core->genesis.issuer_key, ee_writer_done(&w),
                                        mint->signature);
}

static int64_t minted_on(const struct ee_core *core, uint64_t day)
{
    return core->mint_day == day ? core->minted_today_micros : 0;
}

/* What came in by redemptions from the processor was minted before. */
int64_t ee_core_minted(const struct ee_core *core)
{
    const struct ee_ledger_account *cash = ee_ledger_account_find(core->ledger, &core->cash);
    return (int64_t)cash->debits_posted - core->swept_micros + core->card_minted_micros;
}

/* EE_OVERFLOW: all credits together stay within a signed 64-bit number. */
static enum ee_err mint_check(const struct ee_change *c, const struct ee_mint *mint)
{
    const struct ee_core *core = c->core;
    struct ee_money sum;
    enum ee_err err = ee_money_add((struct ee_money){ee_core_minted(core)}, mint->amount, &sum);
    if (err != EE_OK)
        return err;
    err = ee_money_add((struct ee_money){minted_on(core, c->now_us / day_us)}, mint->amount, &sum);
    if (err != EE_OK || sum.micros > core->genesis.mint_daily_cap.micros)
        return EE_MINT_CAP;
    return EE_OK;
}

static void mint_book(struct ee_change *c, const struct ee_mint *mint,
                      const struct ee_account_row *account)
{
    struct ee_core *core = c->core;
    struct ee_ledger_transfer transfer = {.debit_account = core->cash,
                                          .credit_account = account->ledger_id,
                                          .amount = (uint64_t)mint->amount.micros,
                                          .ledger = EE_BOOK,
                                          .code = EE_MOVE_MINT};
    struct ee_mint_row row;
    memset(&row, 0, sizeof(row));
    memcpy(row.reference, mint->reference, sizeof(row.reference));
    memcpy(row.account, mint->account, sizeof(row.account));
    row.amount_micros = mint->amount.micros;
    row.seq = c->command->seq;
    (void)ee_table_add(&core->mints, &row);
    struct ee_ledger_id repay;
    mint_id(core, mint->reference, &transfer.id);
    ee_core_id_of(core, "ee-ledger-repay", mint->reference, 0, &repay);
    (void)ee_core_credit(core, account, &transfer, &repay);
    uint64_t day = c->now_us / day_us;
    core->minted_today_micros = minted_on(core, day) + mint->amount.micros;
    core->mint_day = day;
}

/* The same reference with the same values mints once and answers with the present balance. */
static enum ee_err mint_again(struct ee_change *c, const struct ee_mint *mint,
                              const struct ee_mint_row *known)
{
    if (known->amount_micros != mint->amount.micros || strcmp(known->account, mint->account) != 0)
        return ee_change_refuse(c, EE_REFERENCE_CONFLICT);
    ee_core_balance_body(c, ee_core_account_find(c->core, known->account));
    return EE_OK;
}

enum ee_err ee_core_on_mint(struct ee_change *c)
{
    struct ee_core *core = c->core;
    struct ee_mint mint;
    EE_TRY(ee_mint_decode(c->command->payload, &mint));
    if (!mint_signed(core, &mint))
        return ee_change_refuse(c, EE_SIGNATURE);
    const struct ee_mint_row *known = ee_table_find(&core->mints, mint.reference);
    if (known)
        return mint_again(c, &mint, known);
    struct ee_account_row *account = ee_core_account_row(core, mint.account);
    if (!account)
        return ee_change_refuse(c, EE_ACCOUNT_UNKNOWN);
    enum ee_err err = mint_check(c, &mint);
    if (err != EE_OK)
        return ee_change_refuse(c, err);
    EE_TRY(ee_table_reserve(&core->mints, 1));
    EE_TRY(ee_ledger_reserve(core->ledger, 0, 2));
    mint_book(c, &mint, account);
    ee_core_balance_body(c, account);
    return EE_OK;
}

/* ---- transfers ---- */

enum ee_err ee_core_on_transfer(struct ee_change *c)
{
    struct ee_core *core = c->core;
    struct ee_transfer_credits move;
    struct ee_outgoing limit;
    EE_TRY(ee_transfer_credits_decode(c->command->payload, &move));
    struct ee_account_row *from = ee_core_account_row(core, c->command->actor);
    const struct ee_account_row *to = ee_core_account_find(core, move.to);
    if (!to)
        return ee_change_refuse(c, EE_ACCOUNT_UNKNOWN);
    if (from == to)
        return ee_change_refuse(c, EE_SAME_ACCOUNT);
    struct ee_ledger_transfer transfer = {.debit_account = from->ledger_id,
                                          .credit_account = to->ledger_id,
                                          .amount = (uint64_t)move.amount.micros,
                                          .ledger = EE_BOOK,
                                          .code = EE_MOVE_TRANSFER};
    transfer_id(core, c->command->seq, &transfer.id);
    enum ee_err err = EE_OK;
    if (c->command->core_version >= EE_CORE_VERSION_LIMITS)
        err = ee_core_transfers_check(core, from, c->now_us, move.amount.micros, move.amount.micros,
                                      &limit);
    if (err != EE_OK)
        return ee_change_refuse_limit(c, err, from, &limit);
    err = ee_core_book_check(core, &transfer);
    if (err != EE_OK)
        return ee_change_refuse(c, err);
    if (core->transfer_count >= core->limits.transfers)
        return EE_FULL;
    EE_TRY(ee_ledger_reserve(core->ledger, 0, 1));
    ee_core_book(core, &transfer);
    core->transfer_count++;
    ee_core_transfers_count(from, c->now_us, move.amount.micros);
    ee_core_balance_body(c, from);
    return EE_OK;
}

/* ---- redemptions ---- */

/* `label`: of the reservation or of its settlement. */
static void redemption_id(const struct ee_core *core, const char *label,
                          const struct ee_redemption *redemption, struct ee_ledger_id *out)
{
    uint8_t buffer[64];
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    ee_writer_label(&w, label, 1);
    ee_writer_bytes(&w, redemption->id, EE_ID_SIZE);
    id_from(core, &w, out);
}

void ee_core_redemption_transfer(const struct ee_core *core, const struct ee_redemption *redemption,
                                 struct ee_ledger_transfer *out)
{
    *out = (struct ee_ledger_transfer){
        .debit_account = ee_core_account_find(core, redemption->account)->ledger_id,
        .credit_account = core->cash,
        .amount = (uint64_t)redemption->amount.micros,
        .ledger = EE_BOOK,
        .code = EE_MOVE_REDEMPTION,
        .flags = EE_LEDGER_PENDING};
    redemption_id(core, "ee-ledger-redemption", redemption, &out->id);
}

void ee_core_redemption_settle_id(const struct ee_core *core,
                                  const struct ee_redemption *redemption, struct ee_ledger_id *out)
{
    redemption_id(core, "ee-ledger-payout", redemption, out);
}

/* ---- locks ---- */

static void lock_transfer(const struct ee_core *core, const struct ee_lease *lease, uint32_t index,
                          struct ee_money amount, struct ee_ledger_transfer *out)
{
    *out = (struct ee_ledger_transfer){.amount = (uint64_t)amount.micros,
                                       .ledger = EE_BOOK,
                                       .code = EE_MOVE_LOCK,
                                       .flags = EE_LEDGER_PENDING};
    out->debit_account = ee_core_account_find(core, lease->launcher)->ledger_id;
    out->credit_account = ee_core_account_find(core, lease->operator_name)->ledger_id;
    lock_id(core, "ee-ledger-lock", lease->id, index, &out->id);
}

const struct ee_ledger_row *ee_core_lock_entry(const struct ee_core *core,
                                               const struct ee_period *period)
{
    struct ee_ledger_id id;
    lock_id(core, "ee-ledger-lock", period->lease, period->index, &id);
    return ee_ledger_row_find(core->ledger, &id);
}

const struct ee_ledger_row *ee_core_settle_entry(const struct ee_core *core,
                                                 const struct ee_period *period)
{
    struct ee_ledger_id id;
    lock_id(core, "ee-ledger-settle", period->lease, period->index, &id);
    return ee_ledger_row_find(core->ledger, &id);
}

enum ee_err ee_core_lock_check(const struct ee_core *core, const struct ee_lease *lease,
                               uint32_t index, struct ee_money amount)
{
    struct ee_ledger_transfer transfer;
    lock_transfer(core, lease, index, amount, &transfer);
    return ee_core_book_check(core, &transfer);
}

struct ee_period_row *ee_core_lock_take(struct ee_change *c, struct ee_lease_row *lease,
                                        struct ee_money amount)
{
    struct ee_core *core = c->core;
    struct ee_ledger_transfer transfer;
    struct ee_period_row row;
    memset(&row, 0, sizeof(row));
    memcpy(row.period.lease, lease->lease.id, sizeof(row.period.lease));
    row.period.index = lease->lease.period_count++;
    row.period.state = EE_LOCK_LOCKED;
    row.period.locked = amount;
    row.period.lock_seq = c->command->seq;
    lock_transfer(core, &lease->lease, row.period.index, amount, &transfer);
    ee_core_book(core, &transfer);
    ee_core_tick_lock(c, &row.period);
    return ee_table_add(&core->periods, &row);
}

#define TO(state) (1u << EE_LOCK_##state)
/* The only moves a lock makes; PAID, REFUNDED and SPLIT are final. */
static const unsigned lock_next[] = {
    [EE_LOCK_LOCKED] = TO(DUE) | TO(REFUNDED),
    [EE_LOCK_DUE] = TO(PAID) | TO(REFUNDED) | TO(SPLIT),
    [EE_LOCK_SPLIT] = 0,
};
#undef TO

void ee_core_lock_move(struct ee_core *core, struct ee_period_row *row, enum ee_lock_state next)
{
    struct ee_period *p = &row->period;
    assert(lock_next[p->state] & 1u << next);
    struct ee_account_row *launcher =
        ee_core_account_row(core, ee_core_lease_find(core, p->lease)->lease.launcher);
    if (p->state == EE_LOCK_DUE)
        launcher->due_micros -= p->locked.micros;
    if (next == EE_LOCK_DUE)
        launcher->due_micros += p->locked.micros;
    p->state = next;
}

void ee_core_lock_settle(struct ee_change *c, struct ee_period_row *row, struct ee_money paid)
{
    struct ee_core *core = c->core;
    struct ee_period *p = &row->period;
    assert(paid.micros >= 0 && paid.micros <= p->locked.micros);
    bool pass = p->verdict == EE_VERDICT_PASS; /* a lock of nothing is paid with nothing */
    struct ee_ledger_transfer transfer = {.amount = (uint64_t)paid.micros,
                                          .flags = pass ? EE_LEDGER_POST : EE_LEDGER_VOID};
    lock_id(core, "ee-ledger-lock", p->lease, p->index, &transfer.pending_id);
    lock_id(core, "ee-ledger-settle", p->lease, p->index, &transfer.id);
    ee_core_book(core, &transfer);
    ee_core_hold_take(ee_core_account_row(core, ee_core_lease_find(core, p->lease)->lease.launcher),
                      paid.micros, 0, c->now_us);
    p->paid = paid;
    p->refunded.micros = p->locked.micros - paid.micros;
    p->settle_seq = c->command->seq;
    bool split = pass && p->refunded.micros > 0;
    ee_core_lock_move(core, row, split ? EE_LOCK_SPLIT : pass ? EE_LOCK_PAID : EE_LOCK_REFUNDED);
    ee_core_timer_set(core, EE_TIMER_PERIOD, row, EE_NEVER);
}
