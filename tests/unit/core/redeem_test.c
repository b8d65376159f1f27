/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/core/network.h"

#include "tap.h"

static struct network n;

static void open_network(void)
{
    network_open(&n, EE_PROFILE_DEVELOPMENT, NULL);
    network_populate(&n);
}

static void close_network(void)
{
    CHECK(n.broken == NULL);
    network_close(&n);
}

static enum ee_err redeem(const char *account, int64_t micros, uint8_t id_out[EE_ID_SIZE])
{
    struct ee_redeem payload = {.amount = {micros}, .destination = "bank"};
    struct ee_redeem_result body = {.redemption = {0}};
    enum ee_err err =
        NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, account, EE_COMMAND_REDEEM, redeem, &payload);
    if (err == EE_OK) {
        struct ee_bytes bytes = ee_bytes_of(n.result.body, n.result.body_size);
        CHECK(ee_redeem_result_decode(bytes, &body) == EE_OK && body.amount.micros == micros);
    }
    memcpy(id_out, body.redemption, EE_ID_SIZE);
    return err;
}

static struct ee_redemption_word word_of(const uint8_t id[EE_ID_SIZE], bool confirm)
{
    uint8_t buffer[256];
    struct ee_writer w;
    struct ee_redemption_word word = {.confirm = confirm, .reference = "wire 1"};
    memcpy(word.redemption, id, EE_ID_SIZE);
    ee_writer_init(&w, buffer, sizeof(buffer));
    CHECK(ee_redemption_message(ee_core_network_id(n.core), &word, &w) == EE_OK);
    CHECK(ee_crypto_openssl.ed25519_sign(network_seed_issuer, ee_writer_done(&w), word.signature));
    return word;
}

static enum ee_err send_word(const struct ee_redemption_word *word)
{
    return NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "bob", EE_COMMAND_REDEMPTION, redemption_word, word);
}

static struct ee_money redeemed(void)
{
    struct ee_totals totals;
    ee_core_totals(n.core, &totals);
    return totals.redeemed;
}

static void confirmed_redemption_leaves_the_book(void)
{
    uint8_t id[EE_ID_SIZE];
    open_network();
    CHECK(redeem("alice", 500, id) == EE_OK);
    CHECK(network_balance(&n, "alice").available.micros == 19999500);
    CHECK(network_balance(&n, "alice").locked.micros == 500 && redeemed().micros == 0);
    struct ee_redemption_word word = word_of(id, true);
    CHECK(send_word(&word) == EE_OK);
    CHECK(network_balance(&n, "alice").locked.micros == 0 && redeemed().micros == 500);
    CHECK(ee_core_redemption(n.core, id)->state == EE_REDEMPTION_CONFIRMED);
    CHECK(send_word(&word) == EE_OK && redeemed().micros == 500); /* again: once */
    struct ee_redemption_word other = word_of(id, false);
    CHECK(send_word(&other) == EE_REDEMPTION_STATE && redeemed().micros == 500);
    close_network();
}

static void refused_redemption_returns_whole(void)
{
    uint8_t id[EE_ID_SIZE];
    open_network();
    CHECK(redeem("alice", 20000000, id) == EE_OK);
    CHECK(network_available(&n, "alice") == 0);
    struct ee_redemption_word word = word_of(id, false);
    CHECK(send_word(&word) == EE_OK);
    CHECK(network_available(&n, "alice") == 20000000 && redeemed().micros == 0);
    close_network();
}

static void redemption_of_more_than_is_available(void)
{
    uint8_t id[EE_ID_SIZE];
    open_network();
    CHECK(redeem("alice", 20000001, id) == EE_INSUFFICIENT_CREDITS);
    CHECK(redeem("nobody", 1, id) == EE_ACCOUNT_UNKNOWN);
    CHECK(redeem("alice", 20000000, id) == EE_OK);
    CHECK(redeem("alice", 1, id) == EE_INSUFFICIENT_CREDITS); /* what is reserved cannot go twice */
    close_network();
}

static void word_that_the_issuer_did_not_give(void)
{
    uint8_t id[EE_ID_SIZE], unknown[EE_ID_SIZE] = {9};
    open_network();
    CHECK(redeem("alice", 5, id) == EE_OK);
    struct ee_redemption_word word = word_of(id, false);
    word.confirm = 1;
    CHECK(send_word(&word) == EE_SIGNATURE);
    word = word_of(unknown, true);
    CHECK(send_word(&word) == EE_REDEMPTION_UNKNOWN);
    CHECK(ee_core_redemption(n.core, id)->state == EE_REDEMPTION_PENDING);
    close_network();
}

/* ---- abuse reports ---- */

static enum ee_err report(const char *account, const uint8_t lease[EE_ID_SIZE], uint32_t period)
{
    struct ee_abuse_report payload = {.period = period, .category = EE_ABUSE_INTERFERENCE};
    memcpy(payload.lease, lease, EE_ID_SIZE);
    return NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, account, EE_COMMAND_REPORT, abuse_report, &payload);
}

static void reported_period_fails_although_every_check_was_good(void)
{
    uint8_t lease[EE_ID_SIZE];
    open_network();
    CHECK(network_run(&n, "alice", EE_WORKLOAD_APP, "web", 1, lease) == EE_OK);
    network_advance(&n, 5000000);
    int64_t before = network_available(&n, "alice");
    CHECK(report("alice", lease, 0) == EE_OK);
    CHECK(network_effects(&n, EE_EFFECT_STOP_LEASE) == 1);
    CHECK(ee_core_lease(n.core, lease)->state == EE_LEASE_ENDED);
    CHECK(report("alice", lease, 0) == EE_ALREADY_REPORTED);
    CHECK(network_checks(&n, lease, 0, EE_CHECK_OK, EE_CHECK_OK) == EE_OK);
    const struct ee_period *period = ee_core_period(n.core, lease, 0);
    CHECK(period->verdict == EE_VERDICT_FAIL && period->reason == EE_FAIL_ABUSE);
    CHECK(period->state == EE_LOCK_REFUNDED && period->paid.micros == 0);
    CHECK(network_available(&n, "alice") == before + period->locked.micros);
    CHECK(!ee_core_app(n.core, "web")->wanted);
    close_network();
}

static void report_by_another_too_early_or_too_late(void)
{
    uint8_t lease[EE_ID_SIZE], unknown[EE_ID_SIZE] = {7};
    open_network();
    CHECK(network_run(&n, "alice", EE_WORKLOAD_APP, "web", 1, lease) == EE_OK);
    network_advance(&n, 1000000);
    CHECK(report("bob", lease, 0) == EE_LEASE_UNKNOWN);
    CHECK(report("op-a", lease, 0) == EE_LEASE_UNKNOWN);
    CHECK(report("alice", unknown, 0) == EE_LEASE_UNKNOWN);
    CHECK(report("alice", lease, 1) == EE_PERIOD_STATE);
    CHECK(network_stop(&n, "alice", "web") == EE_OK);
    CHECK(network_checks(&n, lease, 0, EE_CHECK_OK, EE_CHECK_OK) == EE_OK);
    CHECK(report("alice", lease, 0) == EE_PERIOD_STATE); /* settled */
    CHECK(ee_core_period(n.core, lease, 0)->verdict == EE_VERDICT_PASS);
    close_network();
}

TESTS(TEST(confirmed_redemption_leaves_the_book), TEST(refused_redemption_returns_whole),
      TEST(redemption_of_more_than_is_available), TEST(word_that_the_issuer_did_not_give),
      TEST(reported_period_fails_although_every_check_was_good),
      TEST(report_by_another_too_early_or_too_late))
