/* SPDX-License-Identifier: Apache-2.0 */
/* Orders of credits and what the payment provider says of their payments. What a payment has minted
 * and what was taken back follow from all that was said of it, in whatever order and however often
 * it was said. docs/spec/money.md, "Payments". */
#include <assert.h>
#include <string.h>

#include "core/state.h"

#include "base/banned.h"

static const uint64_t day_us = (uint64_t)86400 * EE_MICROS_PER_SECOND;

/* ---- debts ---- */

void ee_core_debt_id(const struct ee_core *core, const struct ee_account_row *account,
                     struct ee_ledger_id *out)
{
    ee_core_ledger_id(core, "recv", account->account.name, out);
}

int64_t ee_core_owed(const struct ee_core *core, const struct ee_account_row *account)
{
    struct ee_ledger_id id;
    if (!account->has_debt)
        return 0;
    ee_core_debt_id(core, account, &id);
    const struct ee_ledger_account *debt = ee_ledger_account_find(core->ledger, &id);
    return (int64_t)(debt->debits_posted - debt->credits_posted);
}

static void account_open(struct ee_core *core, const struct ee_ledger_id *id, uint16_t code,
                         uint16_t flags)
{
    enum ee_ledger_result result;
    const struct ee_ledger_account account = {
        .id = *id, .ledger = EE_BOOK, .code = code, .flags = flags};
    enum ee_err err = ee_ledger_accounts_create(core->ledger, &account, 1, &result);
    assert(err == EE_OK && result == EE_LEDGER_CREATED);
    (void)err;
}

/* ---- moves; room was reserved ---- */

int64_t ee_core_credit(struct ee_core *core, const struct ee_account_row *account,
                       const struct ee_ledger_transfer *mint, const struct ee_ledger_id *repay)
{
    int64_t owed = ee_core_owed(core, account), amount = (int64_t)mint->amount;
    int64_t repaid = owed < amount ? owed : amount;
    struct ee_ledger_transfer chain[2] = {*mint,
                                          {.id = *repay,
                                           .debit_account = account->ledger_id,
                                           .amount = (uint64_t)repaid,
                                           .ledger = EE_BOOK,
                                           .code = EE_MOVE_REPAY}};
    if (repaid > 0)
        ee_core_debt_id(core, account, &chain[1].credit_account);
    ee_core_book_chain(core, chain, repaid > 0 ? 2 : 1);
    return amount - repaid;
}

static void credit(struct ee_core *core, struct ee_payment_row *row, struct ee_account_row *account,
                   int64_t micros, enum ee_move move, uint64_t now_us)
{
    const char *id = row->payment.id;
    struct ee_ledger_id repay;
    struct ee_ledger_transfer transfer = {.debit_account = core->processor,
                                          .credit_account = account->ledger_id,
                                          .amount = (uint64_t)micros,
                                          .ledger = EE_BOOK,
                                          .code = (uint16_t)move};
    bool mint = move == EE_MOVE_MINT;
    ee_core_id_of(core, mint ? "ee-ledger-payment" : "ee-ledger-return", id, row->moves,
                  &transfer.id);
    ee_core_id_of(core, "ee-ledger-payment-repay", id, row->moves, &repay);
    row->moves++;
    int64_t got = ee_core_credit(core, account, &transfer, &repay);
    ee_core_hold_add(account, got, row->until_us, now_us);
}

/* What the account has left pays, the rest is owed. */
static void charge_back(struct ee_core *core, struct ee_payment_row *row,
                        struct ee_account_row *account, int64_t micros, uint64_t now_us)
{
    int64_t available = ee_core_available(core, account).micros;
    int64_t own = available < micros ? available : micros;
    struct ee_ledger_transfer chain[2];
    uint32_t count = 0;
    for (int part = 0; part < 2; part++) {
        int64_t amount = part == 0 ? own : micros - own;
        if (amount == 0)
            continue;
        struct ee_ledger_transfer *t = &chain[count++];
        *t = (struct ee_ledger_transfer){.debit_account = account->ledger_id,
                                         .credit_account = core->processor,
                                         .amount = (uint64_t)amount,
                                         .ledger = EE_BOOK,
                                         .code = EE_MOVE_CHARGEBACK};
        if (part == 1)
            ee_core_debt_id(core, account, &t->debit_account);
        ee_core_id_of(core, part == 0 ? "ee-ledger-chargeback" : "ee-ledger-debt", row->payment.id,
                      row->moves, &t->id);
    }
    if (own < micros && !account->has_debt) {
        struct ee_ledger_id debt;
        ee_core_debt_id(core, account, &debt);
        account_open(core, &debt, EE_CODE_DEBT, EE_LEDGER_CREDITS_MUST_NOT_EXCEED_DEBITS);
        account->has_debt = true;
    }
    row->moves++;
    ee_core_book_chain(core, chain, count);
    ee_core_hold_take(account, own, row->until_us, now_us);
}

/* ---- what was said ---- */

int64_t ee_core_payment_taken_back(const struct ee_payment *payment)
{
    uint64_t cents = payment->refunded_cents;
    for (uint32_t i = 0; i < payment->dispute_count; i++)
        if (payment->disputes[i].state != EE_DISPUTE_WON)
            cents += payment->disputes[i].cents;
    int64_t micros = (int64_t)cents * EE_MICROS_PER_CENT; /* 5 times 10^12 cents at most */
    return micros < payment->minted.micros ? micros : payment->minted.micros;
}

static void trouble(struct ee_payment *payment, const struct ee_payment_word *word, uint32_t what)
{
    payment->trouble |= what;
    payment->said_cents = word->cents;
    memcpy(payment->said_currency, word->currency, sizeof(payment->said_currency));
}

static enum ee_dispute_state dispute_state(enum ee_payment_event event)
{
    return event == EE_PAYMENT_DISPUTE_WON    ? EE_DISPUTE_WON
           : event == EE_PAYMENT_DISPUTE_LOST ? EE_DISPUTE_LOST
                                              : EE_DISPUTE_OPEN;
}

/* Disputes are kept by id, so that their order says nothing of the order of the words; an end said
 * before the opening stays. */
static void dispute_note(const struct ee_core *core, struct ee_payment *payment,
                         const struct ee_payment_word *word)
{
    uint8_t hash[EE_SHA256_SIZE];
    const struct ee_bytes name = ee_bytes_str(word->dispute);
    struct ee_dispute *list = payment->disputes, said = {.cents = word->cents};
    enum ee_dispute_state state = dispute_state(word->event);
    uint32_t i = 0;
    core->crypto->sha256(&name, 1, hash);
    memcpy(said.id, hash, sizeof(said.id));
    said.state = state;
    while (i < payment->dispute_count && memcmp(list[i].id, said.id, sizeof(said.id)) < 0)
        i++;
    if (i < payment->dispute_count && memcmp(list[i].id, said.id, sizeof(said.id)) == 0) {
        if (list[i].state != EE_DISPUTE_OPEN && state != EE_DISPUTE_OPEN && list[i].state != state)
            trouble(payment, word, EE_TROUBLE_DISPUTES);
        list[i].state = list[i].state > state ? list[i].state : state;
        list[i].cents = list[i].cents > word->cents ? list[i].cents : word->cents;
    } else if (payment->dispute_count == EE_PAYMENT_DISPUTES_MAX) {
        trouble(payment, word, EE_TROUBLE_DISPUTES);
    } else {
        memmove(&list[i + 1], &list[i], (payment->dispute_count - i) * sizeof(list[0]));
        list[i] = said;
        payment->dispute_count++;
    }
}

/* The order that this word pays and that nothing has paid yet; NULL with a trouble noted, or when
 * the payment has minted already. */
static const struct ee_topup_order *success_note(const struct ee_core *core,
                                                 struct ee_payment *payment,
                                                 const struct ee_payment_word *word)
{
    const struct ee_topup_order *order = ee_core_topup(core, word->order);
    bool minted = payment->mint_seq != 0;
    bool same = memcmp(payment->order, word->order, EE_ID_SIZE) == 0;
    if (payment->trouble == 0 && !minted)
        memcpy(payment->order, word->order, EE_ID_SIZE);
    uint32_t what = 0;
    if (!order)
        what = EE_TROUBLE_ORDER_UNKNOWN;
    else if (memcmp(order->currency, word->currency, sizeof(order->currency)) != 0)
        what = EE_TROUBLE_CURRENCY;
    else if (order->cents != word->cents)
        what = EE_TROUBLE_AMOUNT;
    else if (minted && !same)
        what = EE_TROUBLE_OTHER_ORDER;
    else if (!minted && order->paid_seq != 0)
        what = EE_TROUBLE_ORDER_PAID;
    if (what)
        trouble(payment, word, what);
    return what || minted ? NULL : order;
}

static const struct ee_topup_order *word_note(const struct ee_change *c, struct ee_payment *payment,
                                              const struct ee_payment_word *word)
{
    const struct ee_topup_order *order = NULL;
    if (word->event == EE_PAYMENT_SUCCEEDED)
        order = success_note(c->core, payment, word);
    else if (strcmp(word->currency, "usd") != 0)
        trouble(payment, word, EE_TROUBLE_CURRENCY);
    else if (word->event != EE_PAYMENT_REFUNDED)
        dispute_note(c->core, payment, word);
    else if (payment->refunded_cents < word->cents)
        payment->refunded_cents = word->cents;
    payment->last_seq = c->command->seq;
    if (payment->first_seq == 0)
        payment->first_seq = c->command->seq;
    return order;
}

/* ---- PAYMENT ---- */

static int64_t card_today(const struct ee_core *core, uint64_t day)
{
    return core->card_day == day ? core->card_today_micros : 0;
}

/* An error, not a refusal: nothing is remembered, and the provider says it again tomorrow.
 * EE_CARD_CAP; EE_OVERFLOW: as of mints. */
static enum ee_err cap_check(const struct ee_change *c, const struct ee_topup_order *order)
{
    const struct ee_core *core = c->core;
    struct ee_money sum, amount = {(int64_t)order->cents * EE_MICROS_PER_CENT};
    EE_TRY(ee_money_add((struct ee_money){ee_core_minted(core)}, amount, &sum));
    sum = (struct ee_money){card_today(core, c->now_us / day_us)};
    if (ee_money_add(sum, amount, &sum) != EE_OK ||
        sum.micros > core->params->card_daily_cap_micros)
        return EE_CARD_CAP;
    return EE_OK;
}

static void mint(struct ee_change *c, struct ee_payment_row *row,
                 const struct ee_topup_order *found)
{
    struct ee_core *core = c->core;
    struct ee_topup_order *order = ee_table_edit(&core->topups, found);
    struct ee_account_row *account = ee_core_account_row(core, order->account);
    struct ee_payment *p = &row->payment;
    int64_t micros = (int64_t)order->cents * EE_MICROS_PER_CENT;
    uint64_t day = c->now_us / day_us;
    if (!core->processor_open)
        account_open(core, &core->processor, EE_CODE_CASH_STRIPE, 0);
    core->processor_open = true;
    memcpy(p->account, order->account, sizeof(p->account));
    memcpy(p->order, order->id, sizeof(p->order));
    p->minted.micros = micros;
    p->mint_seq = order->paid_seq = c->command->seq;
    memcpy(order->payment, p->id, sizeof(order->payment));
    row->until_us = ee_core_hold_until(core, c->now_us);
    credit(core, row, account, micros, EE_MOVE_MINT, c->now_us);
    core->card_minted_micros += micros;
    core->card_today_micros = card_today(core, day) + micros;
    core->card_day = day;
    core->parked_count--;
}

/* Takes back, or gives back, the difference to what was taken back so far. */
static void settle(struct ee_change *c, struct ee_payment_row *row)
{
    struct ee_core *core = c->core;
    struct ee_payment *p = &row->payment;
    int64_t wanted = ee_core_payment_taken_back(p), had = p->charged_back.micros;
    if (wanted == had)
        return;
    struct ee_account_row *account = ee_core_account_row(core, p->account);
    if (wanted > had)
        charge_back(core, row, account, wanted - had, c->now_us);
    else
        credit(core, row, account, had - wanted, EE_MOVE_RETURN, c->now_us);
    core->charged_back_micros += wanted - had;
    p->charged_back.micros = wanted;
}

static void payment_body(struct ee_change *c, const struct ee_payment *p)
{
    struct ee_payment_result body;
    memset(&body, 0, sizeof(body));
    memcpy(body.payment, p->id, sizeof(body.payment));
    memcpy(body.account, p->account, sizeof(body.account));
    body.trouble = p->trouble;
    body.minted = p->minted;
    body.charged_back = p->charged_back;
    struct ee_writer w = ee_change_body(c);
    ee_change_body_end(c, &w, ee_payment_result_encode(&body, &w));
}

enum ee_err ee_core_on_payment(struct ee_change *c)
{
    enum { ACCOUNTS = 2, TRANSFERS = 4 }; /* cash and debts; a mint and what takes it back */
    struct ee_core *core = c->core;
    struct ee_payment_word word;
    struct ee_payment_row draft;
    EE_TRY(ee_payment_word_decode(c->command->payload, &word));
    const struct ee_payment_row *known = ee_table_find(&core->payments, word.payment);
    memset(&draft, 0, sizeof(draft));
    if (known)
        draft = *known;
    memcpy(draft.payment.id, word.payment, sizeof(draft.payment.id));
    const struct ee_topup_order *order = word_note(c, &draft.payment, &word);
    if (order)
        EE_TRY(cap_check(c, order));
    else if (!known && core->parked_count >= core->limits.parked)
        return EE_FULL;
    if (!known)
        EE_TRY(ee_table_reserve(&core->payments, 1));
    EE_TRY(ee_ledger_reserve(core->ledger, ACCOUNTS, TRANSFERS));
    struct ee_payment_row *row =
        known ? ee_table_edit(&core->payments, known) : ee_table_add(&core->payments, &draft);
    *row = draft;
    core->parked_count += known == NULL;
    if (order)
        mint(c, row, order);
    settle(c, row);
    payment_body(c, &row->payment);
    return EE_OK;
}

/* ---- TOPUP ---- */

enum ee_err ee_core_on_topup(struct ee_change *c)
{
    struct ee_core *core = c->core;
    struct ee_topup topup;
    struct ee_topup_order order;
    struct ee_topup_result body;
    uint64_t day = c->now_us / day_us;
    EE_TRY(ee_topup_decode(c->command->payload, &topup));
    struct ee_account_row *account = ee_core_account_row(core, c->command->actor);
    if (account->topup_day == day && account->topups >= core->params->topups_per_day)
        return ee_change_refuse(c, EE_TOPUP_LIMIT);
    memset(&order, 0, sizeof(order));
    memset(&body, 0, sizeof(body));
    memcpy(order.id, c->command->random, sizeof(order.id));
    memcpy(order.account, account->account.name, sizeof(order.account));
    memcpy(order.currency, topup.currency, sizeof(order.currency));
    order.cents = topup.cents;
    order.created_us = c->now_us;
    order.seq = c->command->seq;
    if (ee_core_topup(core, order.id))
        return EE_STATE; /* random bytes repeated: never of a sound shell */
    EE_TRY(ee_table_reserve(&core->topups, 1));
    (void)ee_table_add(&core->topups, &order);
    account->topups = account->topup_day == day ? account->topups + 1 : 1;
    account->topup_day = day;
    memcpy(body.order, order.id, sizeof(body.order));
    memcpy(body.account, order.account, sizeof(body.account));
    body.amount.micros = (int64_t)order.cents * EE_MICROS_PER_CENT;
    struct ee_writer w = ee_change_body(c);
    ee_change_body_end(c, &w, ee_topup_result_encode(&body, &w));
    return EE_OK;
}
