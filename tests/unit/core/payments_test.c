/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/core/network.h"

#include <stdio.h>

#include "tap.h"

static struct network n;
static struct ee_params params;

static void open_with(const struct ee_core_limits *limits)
{
    network_open(&n, EE_PROFILE_DEVELOPMENT, limits);
    network_populate(&n);
    params = *ee_params_of(EE_PROFILE_DEVELOPMENT);
    params.card_hold_s = 70;
    ee_core_params_override(n.core, &params);
}

static void open_network(void)
{
    open_with(NULL);
}

static void close_network(void)
{
    const char *rule = "";
    uint8_t kept[32], afresh[32];
    CHECK(n.broken == NULL);
    CHECK(ee_core_check(n.core, &rule) == EE_OK);
    ee_core_state_hash(n.core, kept);
    ee_core_state_hash_afresh(n.core, afresh);
    CHECK(memcmp(kept, afresh, 32) == 0);
    network_close(&n);
}

static enum ee_err topup(const char *account, uint64_t cents, uint8_t order[EE_ID_SIZE])
{
    struct ee_topup payload = {.cents = cents, .currency = "usd"};
    struct ee_topup_result body = {.order = {0}};
    enum ee_err err =
        NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, account, EE_COMMAND_TOPUP, topup, &payload);
    if (err == EE_OK)
        CHECK(ee_topup_result_decode(ee_bytes_of(n.result.body, n.result.body_size), &body) ==
              EE_OK);
    memcpy(order, body.order, EE_ID_SIZE);
    return err;
}

static struct ee_payment_word word_of(enum ee_payment_event event, const char *payment,
                                      uint64_t cents)
{
    static unsigned number;
    struct ee_payment_word word = {.event = event, .cents = cents, .currency = "usd"};
    memcpy(word.payment, payment, strlen(payment));
    (void)snprintf(word.provider_event, sizeof(word.provider_event), "evt_%u", ++number);
    if (event > EE_PAYMENT_REFUNDED)
        memcpy(word.dispute, "dp_1", 4);
    return word;
}

static enum ee_err send(const struct ee_payment_word *word)
{
    return NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_PAYMENT, payment_word, word);
}

static enum ee_err say(enum ee_payment_event event, const char *payment, uint64_t cents)
{
    struct ee_payment_word word = word_of(event, payment, cents);
    return send(&word);
}

static enum ee_err paid(const char *payment, const uint8_t order[EE_ID_SIZE], uint64_t cents)
{
    struct ee_payment_word word = word_of(EE_PAYMENT_SUCCEEDED, payment, cents);
    memcpy(word.order, order, EE_ID_SIZE);
    return send(&word);
}

static enum ee_err redeem(const char *account, int64_t micros)
{
    struct ee_redeem payload = {.amount = {micros}};
    return NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, account, EE_COMMAND_REDEEM, redeem, &payload);
}

static struct ee_limit_result limit(void)
{
    struct ee_limit_result body = {.account = ""};
    CHECK(ee_limit_result_decode(ee_bytes_of(n.result.body, n.result.body_size), &body) == EE_OK);
    return body;
}

/* A payment of ten dollars by a new account with nothing else. */
static void card_user(const char *name, const char *payment)
{
    uint8_t order[EE_ID_SIZE];
    CHECK(network_account(&n, name, EE_ACCOUNT_USER) == EE_OK);
    CHECK(topup(name, 1000, order) == EE_OK);
    CHECK(paid(payment, order, 1000) == EE_OK);
    CHECK(network_available(&n, name) == 10000000);
}

static struct ee_balance balance(const char *account)
{
    return network_balance(&n, account);
}

/* ---- mint ---- */

static void two_events_of_one_payment_mint_once(void)
{
    uint8_t order[EE_ID_SIZE];
    open_network();
    CHECK(topup("alice", 500, order) == EE_OK);
    CHECK(network_available(&n, "alice") == 20000000);
    CHECK(paid("pi_1", order, 500) == EE_OK);
    CHECK(paid("pi_1", order, 500) == EE_OK);
    CHECK(network_available(&n, "alice") == 25000000);
    const struct ee_topup_order *o = ee_core_topup(n.core, order);
    CHECK(strcmp(o->payment, "pi_1") == 0 && o->paid_seq == o->seq + 1);
    CHECK(ee_core_payment(n.core, "pi_1")->trouble == 0);
    close_network();
}

static void amount_or_currency_other_than_ordered(void)
{
    uint8_t order[EE_ID_SIZE];
    open_network();
    CHECK(topup("alice", 500, order) == EE_OK);
    CHECK(paid("pi_1", order, 501) == EE_OK);
    struct ee_payment_word word = word_of(EE_PAYMENT_SUCCEEDED, "pi_2", 500);
    memcpy(word.order, order, EE_ID_SIZE);
    memcpy(word.currency, "eur", 3);
    CHECK(send(&word) == EE_OK);
    CHECK(network_available(&n, "alice") == 20000000);
    CHECK(ee_core_payment(n.core, "pi_1")->trouble == EE_TROUBLE_AMOUNT);
    CHECK(ee_core_payment(n.core, "pi_1")->said_cents == 501);
    CHECK(ee_core_payment(n.core, "pi_2")->trouble == EE_TROUBLE_CURRENCY);
    CHECK(paid("pi_1", order, 500) == EE_OK); /* said rightly after all; the trouble stays noted */
    CHECK(network_available(&n, "alice") == 25000000);
    CHECK(ee_core_payment(n.core, "pi_1")->trouble == EE_TROUBLE_AMOUNT);
    close_network();
}

static void order_unknown_or_paid_twice(void)
{
    uint8_t order[EE_ID_SIZE], other[EE_ID_SIZE];
    const uint8_t unknown[EE_ID_SIZE] = {9};
    open_network();
    CHECK(topup("alice", 500, order) == EE_OK && topup("alice", 500, other) == EE_OK);
    CHECK(paid("pi_0", unknown, 500) == EE_OK);
    CHECK(ee_core_payment(n.core, "pi_0")->trouble == EE_TROUBLE_ORDER_UNKNOWN);
    CHECK(paid("pi_1", order, 500) == EE_OK && paid("pi_2", order, 500) == EE_OK);
    CHECK(ee_core_payment(n.core, "pi_2")->trouble == EE_TROUBLE_ORDER_PAID);
    CHECK(paid("pi_1", other, 500) == EE_OK);
    CHECK(ee_core_payment(n.core, "pi_1")->trouble == EE_TROUBLE_OTHER_ORDER);
    CHECK(network_available(&n, "alice") == 25000000);
    close_network();
}

static void orders_and_payments_beyond_their_tables(void)
{
    const struct ee_core_limits limits = {.topups = 2, .payments = 1};
    uint8_t order[EE_ID_SIZE], other[EE_ID_SIZE], none[EE_ID_SIZE];
    open_with(&limits);
    CHECK(topup("alice", 500, order) == EE_OK && topup("alice", 500, other) == EE_OK);
    uint64_t seq = ee_core_seq(n.core);
    CHECK(topup("alice", 500, none) == EE_FULL);
    CHECK(paid("pi_1", order, 500) == EE_OK);
    CHECK(paid("pi_2", other, 500) == EE_FULL);
    CHECK(say(EE_PAYMENT_REFUNDED, "pi_1", 100) == EE_OK);
    CHECK(ee_core_seq(n.core) == seq + 2 && network_available(&n, "alice") == 24000000);
    close_network();
}

static void word_of_an_account_or_with_the_admin_key(void)
{
    uint8_t order[EE_ID_SIZE];
    open_network();
    CHECK(topup("alice", 500, order) == EE_OK);
    struct ee_payment_word word = word_of(EE_PAYMENT_SUCCEEDED, "pi_1", 500);
    memcpy(word.order, order, EE_ID_SIZE);
    CHECK(NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "alice", EE_COMMAND_PAYMENT, payment_word, &word) ==
          EE_FORBIDDEN);
    CHECK(NETWORK_SEND(&n, EE_ACTOR_ADMIN, "", EE_COMMAND_PAYMENT, payment_word, &word) ==
          EE_FORBIDDEN);
    CHECK(network_available(&n, "alice") == 20000000);
    close_network();
}

static void payments_beyond_the_cap_of_the_day(void)
{
    uint8_t order[EE_ID_SIZE], more[EE_ID_SIZE];
    open_network();
    params.card_daily_cap_micros = 7000000;
    CHECK(topup("alice", 500, order) == EE_OK && topup("alice", 500, more) == EE_OK);
    CHECK(paid("pi_1", order, 500) == EE_OK);
    uint64_t seq = ee_core_seq(n.core);
    CHECK(paid("pi_2", more, 500) == EE_CARD_CAP);
    CHECK(ee_core_seq(n.core) == seq && !ee_core_payment(n.core, "pi_2")); /* not even recorded */
    CHECK(network_mint(&n, "alice", 9000000) == EE_OK); /* the issuer has a cap of its own */
    network_advance(&n, (uint64_t)86400 * 1000000);
    CHECK(paid("pi_2", more, 500) == EE_OK && network_available(&n, "alice") == 39000000);
    close_network();
}

static void more_orders_than_a_day_may_have(void)
{
    uint8_t order[EE_ID_SIZE];
    open_network();
    params.topups_per_day = 2;
    CHECK(topup("alice", 500, order) == EE_OK && topup("alice", 500, order) == EE_OK);
    CHECK(topup("alice", 500, order) == EE_TOPUP_LIMIT);
    CHECK(topup("bob", 500, order) == EE_OK);
    network_advance(&n, (uint64_t)86400 * 1000000);
    CHECK(topup("alice", 500, order) == EE_OK);
    close_network();
}

/* ---- refunds and disputes ---- */

static void refund_before_its_payment_is_parked(void)
{
    uint8_t order[EE_ID_SIZE];
    open_network();
    CHECK(topup("alice", 500, order) == EE_OK);
    CHECK(say(EE_PAYMENT_REFUNDED, "pi_1", 200) == EE_OK);
    CHECK(ee_core_payment(n.core, "pi_1")->mint_seq == 0);
    CHECK(network_available(&n, "alice") == 20000000);
    CHECK(paid("pi_1", order, 500) == EE_OK);
    CHECK(network_available(&n, "alice") == 23000000);
    CHECK(say(EE_PAYMENT_REFUNDED, "pi_1", 100) == EE_OK); /* said late: less than known */
    CHECK(network_available(&n, "alice") == 23000000);
    CHECK(say(EE_PAYMENT_REFUNDED, "pi_1", 500) == EE_OK);
    CHECK(network_available(&n, "alice") == 20000000);
    close_network();
}

static void parked_words_beyond_the_limit(void)
{
    const struct ee_core_limits limits = {.parked = 2};
    uint8_t order[EE_ID_SIZE];
    open_with(&limits);
    CHECK(say(EE_PAYMENT_REFUNDED, "pi_1", 200) == EE_OK);
    CHECK(say(EE_PAYMENT_REFUNDED, "pi_2", 200) == EE_OK);
    CHECK(say(EE_PAYMENT_REFUNDED, "pi_3", 200) == EE_FULL);
    CHECK(say(EE_PAYMENT_REFUNDED, "pi_2", 300) == EE_OK); /* of a parked one */
    CHECK(topup("alice", 500, order) == EE_OK);
    CHECK(paid("pi_3", order, 500) == EE_OK); /* a payment is not kept out by what is parked */
    CHECK(say(EE_PAYMENT_REFUNDED, "pi_3", 200) == EE_OK);
    CHECK(topup("alice", 500, order) == EE_OK && paid("pi_1", order, 500) == EE_OK);
    CHECK(say(EE_PAYMENT_REFUNDED, "pi_4", 200) == EE_OK); /* there is room again */
    close_network();
}

static void chargeback_on_spent_credits(void)
{
    open_network();
    card_user("carol", "pi_1");
    params.card_hold_s = 0;
    network_advance(&n, UINT64_C(100000000));
    CHECK(network_transfer(&n, "carol", "bob", 8000000) == EE_OK);
    CHECK(say(EE_PAYMENT_DISPUTE_OPENED, "pi_1", 1000) == EE_OK);
    CHECK(balance("carol").available.micros == 0 && balance("carol").owed.micros == 8000000);
    CHECK(network_mint(&n, "carol", 3000000) == EE_OK); /* repays first */
    CHECK(balance("carol").available.micros == 0 && balance("carol").owed.micros == 5000000);
    CHECK(network_mint(&n, "carol", 6000000) == EE_OK);
    CHECK(balance("carol").available.micros == 1000000 && balance("carol").owed.micros == 0);
    CHECK(network_transfer(&n, "carol", "bob", 1000000) == EE_OK);
    struct ee_totals totals;
    ee_core_totals(n.core, &totals);
    CHECK(totals.charged_back.micros == 10000000 && totals.processor.micros == 0);
    close_network();
}

static void transfer_and_redemption_of_who_owes(void)
{
    uint8_t lease[EE_ID_SIZE];
    open_network();
    card_user("carol", "pi_1");
    CHECK(network_run(&n, "carol", EE_WORKLOAD_APP, "shop", 1, lease) == EE_OK);
    CHECK(say(EE_PAYMENT_DISPUTE_OPENED, "pi_1", 1000) == EE_OK);
    CHECK(network_stop(&n, "carol", "shop") == EE_OK);
    CHECK(network_checks(&n, lease, 0, EE_CHECK_MISSED, EE_CHECK_MISSED) == EE_OK);
    CHECK(balance("carol").available.micros > 0 && balance("carol").owed.micros > 0);
    CHECK(network_transfer(&n, "carol", "bob", 1) == EE_DEBT);
    CHECK(limit().amount.micros == balance("carol").owed.micros && limit().until_us == 0);
    CHECK(redeem("carol", 1) == EE_DEBT);
    CHECK(network_run(&n, "carol", EE_WORKLOAD_APP, "two", 1, lease) == EE_OK); /* may spend */
    close_network();
}

static void dispute_won_gives_back(void)
{
    open_network();
    card_user("carol", "pi_1");
    params.card_hold_s = 0;
    network_advance(&n, UINT64_C(100000000));
    CHECK(network_transfer(&n, "carol", "bob", 4000000) == EE_OK);
    CHECK(say(EE_PAYMENT_DISPUTE_OPENED, "pi_1", 1000) == EE_OK);
    CHECK(say(EE_PAYMENT_DISPUTE_WON, "pi_1", 1000) == EE_OK);
    CHECK(balance("carol").available.micros == 6000000 && balance("carol").owed.micros == 0);
    CHECK(say(EE_PAYMENT_DISPUTE_OPENED, "pi_1", 1000) == EE_OK); /* late: it is over */
    CHECK(balance("carol").available.micros == 6000000);
    CHECK(say(EE_PAYMENT_DISPUTE_LOST, "pi_1", 1000) == EE_OK);
    CHECK(ee_core_payment(n.core, "pi_1")->trouble == EE_TROUBLE_DISPUTES);
    CHECK(balance("carol").owed.micros == 4000000);
    close_network();
}

static void refund_and_dispute_take_no_more_than_was_minted(void)
{
    open_network();
    card_user("carol", "pi_1");
    CHECK(say(EE_PAYMENT_REFUNDED, "pi_1", 700) == EE_OK);
    CHECK(say(EE_PAYMENT_DISPUTE_LOST, "pi_1", 1000) == EE_OK);
    CHECK(balance("carol").available.micros == 0 && balance("carol").owed.micros == 0);
    close_network();
}

static void fifth_dispute_of_one_payment(void)
{
    open_network();
    card_user("carol", "pi_1");
    struct ee_payment_word word = word_of(EE_PAYMENT_DISPUTE_OPENED, "pi_1", 100);
    for (int i = 0; i < EE_PAYMENT_DISPUTES_MAX + 1; i++) {
        word.dispute[3] = (char)('a' + i);
        word.provider_event[4] = (char)('a' + i);
        CHECK(send(&word) == EE_OK);
    }
    CHECK(ee_core_payment(n.core, "pi_1")->trouble == EE_TROUBLE_DISPUTES);
    CHECK(balance("carol").available.micros == 6000000);
    close_network();
}

/* ---- cash ---- */

static void redemption_of_what_was_paid_by_card(void)
{
    open_network();
    card_user("carol", "pi_1");
    network_advance(&n, UINT64_C(100000000)); /* beyond the hold */
    struct ee_totals totals;
    CHECK(redeem("alice", 20000000) == EE_OK && redeem("bob", 20000000) == EE_OK);
    CHECK(redeem("carol", 4000000) == EE_OK); /* the bank has nothing left: from the processor */
    ee_core_totals(n.core, &totals);
    CHECK(totals.processor.micros == 6000000 && totals.minted.micros == 50000000);
    CHECK(say(EE_PAYMENT_DISPUTE_OPENED, "pi_1", 1000) == EE_OK);
    ee_core_totals(n.core, &totals);
    CHECK(totals.processor.micros == -4000000 && totals.owed.micros == 4000000);
    close_network();
}

/* ---- holds ---- */

static void fresh_card_credits_spend_at_once_and_leave_later(void)
{
    uint8_t lease[EE_ID_SIZE];
    open_network();
    card_user("carol", "pi_1");
    CHECK(balance("carol").held.micros == 10000000);
    CHECK(network_transfer(&n, "carol", "bob", 1) == EE_CREDITS_HELD);
    CHECK(limit().amount.micros == 0 && limit().until_us > n.now_us);
    CHECK(redeem("carol", 1) == EE_CREDITS_HELD);
    CHECK(network_run(&n, "carol", EE_WORKLOAD_APP, "shop", 1, lease) == EE_OK);
    CHECK(network_mint(&n, "carol", 5000000) == EE_OK); /* free: not by card */
    CHECK(network_transfer(&n, "carol", "bob", 5000001) == EE_CREDITS_HELD);
    CHECK(limit().amount.micros == 5000000);
    CHECK(network_transfer(&n, "carol", "bob", 5000000) == EE_OK);
    n.now_us = balance("carol").held_until_us - 1;
    CHECK(network_transfer(&n, "carol", "bob", 1000000) == EE_CREDITS_HELD);
    n.now_us += 1;
    CHECK(network_transfer(&n, "carol", "bob", 1000000) == EE_OK);
    CHECK(balance("carol").held.micros == 0 && balance("carol").held_until_us == 0);
    close_network();
}

static void spending_takes_fresh_credits_first(void)
{
    uint8_t lease[EE_ID_SIZE];
    open_network();
    card_user("carol", "pi_1");
    CHECK(network_mint(&n, "carol", 5000000) == EE_OK);
    CHECK(network_run(&n, "carol", EE_WORKLOAD_APP, "shop", 1, lease) == EE_OK);
    int64_t locked = balance("carol").locked.micros;
    CHECK(locked > 0 && balance("carol").held.micros == 10000000 - locked);
    CHECK(balance("carol").available.micros - balance("carol").held.micros == 5000000);
    n.now_us += UINT64_C(4000000);
    CHECK(network_stop(&n, "carol", "shop") == EE_OK);
    CHECK(network_checks(&n, lease, 0, EE_CHECK_OK, EE_CHECK_OK) == EE_OK);
    int64_t spent = 15000000 - balance("carol").available.micros;
    CHECK(spent > 0 && balance("carol").locked.micros == 0);
    CHECK(balance("carol").held.micros == 10000000 - spent); /* the rest of the lock is back */
    close_network();
}

static void many_payments_keep_their_own_moments(void)
{
    uint8_t order[EE_ID_SIZE];
    char name[16];
    open_network();
    CHECK(network_account(&n, "carol", EE_ACCOUNT_USER) == EE_OK);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof(name), "pi_%d", i);
        CHECK(topup("carol", 1, order) == EE_OK && paid(name, order, 1) == EE_OK);
        network_advance(&n, 1000000);
        /* Held for at least the hold, and at most a seventh longer. */
        int64_t least = (i < 70 ? i + 1 : 70) * 10000, most = (i < 80 ? i + 1 : 80) * 10000;
        CHECK(balance("carol").held.micros <= most);
        CHECK(balance("carol").held.micros >= least - 10000);
    }
    network_advance(&n, UINT64_C(80000000));
    struct ee_balance b;
    CHECK(ee_core_balance_at(n.core, "carol", n.now_us, &b) == EE_OK && b.held.micros == 0);
    close_network();
}

/* ---- limits of transfers ---- */

static void transfer_below_the_minimum(void)
{
    open_network();
    params.transfer_minimum_micros = 10000;
    CHECK(network_transfer(&n, "alice", "bob", 9999) == EE_TRANSFER_MINIMUM);
    CHECK(limit().amount.micros == 10000);
    CHECK(network_transfer(&n, "alice", "bob", 10000) == EE_OK);
    close_network();
}

static void transfers_beyond_the_limit_of_the_day(void)
{
    open_network();
    params.transfer_day_micros = 5000000;
    CHECK(network_transfer(&n, "alice", "bob", 3000000) == EE_OK);
    CHECK(network_transfer(&n, "alice", "bob", 2000001) == EE_TRANSFER_DAY);
    CHECK(limit().amount.micros == 2000000);
    uint64_t until_us = limit().until_us;
    CHECK(until_us % (UINT64_C(86400) * 1000000) == 0 && until_us > n.now_us);
    CHECK(network_transfer(&n, "alice", "bob", 2000000) == EE_OK);
    CHECK(network_transfer(&n, "alice", "bob", 1) == EE_TRANSFER_DAY);
    CHECK(network_transfer(&n, "bob", "alice", 5000000) == EE_OK); /* of each account */
    n.now_us = until_us;
    CHECK(network_transfer(&n, "alice", "bob", 5000000) == EE_OK);
    close_network();
}

static void rules_of_older_commands(void)
{
    open_network();
    params.transfer_minimum_micros = 10000;
    n.core_version = 2;
    CHECK(network_transfer(&n, "alice", "bob", 1) == EE_OK);
    n.core_version = 3;
    CHECK(network_transfer(&n, "alice", "bob", 1) == EE_TRANSFER_MINIMUM);
    close_network();
}

TESTS(TEST(two_events_of_one_payment_mint_once), TEST(amount_or_currency_other_than_ordered),
      TEST(order_unknown_or_paid_twice), TEST(orders_and_payments_beyond_their_tables),
      TEST(word_of_an_account_or_with_the_admin_key), TEST(payments_beyond_the_cap_of_the_day),
      TEST(more_orders_than_a_day_may_have), TEST(refund_before_its_payment_is_parked),
      TEST(parked_words_beyond_the_limit), TEST(chargeback_on_spent_credits),
      TEST(transfer_and_redemption_of_who_owes), TEST(dispute_won_gives_back),
      TEST(refund_and_dispute_take_no_more_than_was_minted), TEST(fifth_dispute_of_one_payment),
      TEST(redemption_of_what_was_paid_by_card),
      TEST(fresh_card_credits_spend_at_once_and_leave_later),
      TEST(spending_takes_fresh_credits_first), TEST(many_payments_keep_their_own_moments),
      TEST(transfer_below_the_minimum), TEST(transfers_beyond_the_limit_of_the_day),
      TEST(rules_of_older_commands))
