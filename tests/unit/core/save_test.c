/* SPDX-License-Identifier: Apache-2.0 */
/* A core that was saved and loaded is the same core; a damaged one is refused. */
#include "unit/core/saved.h"

#include <stddef.h>
#include <stdio.h>

#include "core/records.h"
#include "tap.h"
#include "unit/core/network.h"

#include "base/banned.h"

static struct network n;
static struct saved s;

/* A top-up that is paid and charged back beyond what is left, and a payment of no order. */
static void paid_by_card(void)
{
    struct ee_topup topup = {.cents = 1000, .currency = "usd"};
    struct ee_topup_result order;
    struct ee_payment_word word = {.event = EE_PAYMENT_SUCCEEDED,
                                   .payment = "pi_1",
                                   .order = {9},
                                   .cents = 1000,
                                   .currency = "usd",
                                   .provider_event = "evt_1"};
    struct ee_redeem redeem = {.destination = "bank"};
    REQUIRE(NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "alice", EE_COMMAND_TOPUP, topup, &topup) == EE_OK);
    REQUIRE(ee_topup_result_decode(ee_bytes_of(n.result.body, n.result.body_size), &order) ==
            EE_OK);
    REQUIRE(NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_PAYMENT, payment_word, &word) ==
            EE_OK);
    memcpy(word.order, order.order, sizeof(word.order));
    word.payment[3] = '2';
    REQUIRE(NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_PAYMENT, payment_word, &word) ==
            EE_OK);
    redeem.amount.micros = network_available(&n, "alice") - 10000000;
    REQUIRE(NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "alice", EE_COMMAND_REDEEM, redeem, &redeem) ==
            EE_OK);
}

/* The rest of the debt: what is left is spent before the dispute. */
static void charged_back(void)
{
    struct ee_payment_word word = {.event = EE_PAYMENT_DISPUTE_OPENED,
                                   .payment = "pi_2",
                                   .dispute = "dp_1",
                                   .cents = 1000,
                                   .currency = "usd",
                                   .provider_event = "evt_3"};
    REQUIRE(NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_PAYMENT, payment_word, &word) ==
            EE_OK);
    REQUIRE(network_balance(&n, "alice").owed.micros > 0);
}

/* One LIABILITIES said, another one marked. */
static void sums_said(void)
{
    struct ee_liabilities_result sums;
    struct ee_liabilities said = {.of_seq = 0};
    REQUIRE(NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_LIABILITIES, liabilities, &said) ==
            EE_OK);
    REQUIRE(ee_liabilities_result_decode(ee_bytes_of(n.result.body, n.result.body_size), &sums) ==
            EE_OK);
    said = (struct ee_liabilities){
        .of_seq = sums.of_seq, .count = sums.count, .total = sums.total, .root = {1}};
    REQUIRE(NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_LIABILITIES, liabilities, &said) ==
            EE_OK);
    said = (struct ee_liabilities){.of_seq = 0};
    REQUIRE(NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_LIABILITIES, liabilities, &said) ==
            EE_OK);
}

/* The log put back, and another checkpoint key, both signed by the founding key. */
static void statements_signed(void)
{
    static const uint8_t old_seed[32] = {1}, new_seed[32] = {2};
    uint8_t memory[512];
    struct ee_writer w;
    struct ee_recovery r = {.epoch = ee_core_epoch(n.core) + 1000,
                            .time_s = 5,
                            .lost_size = ee_core_seq(n.core) + 10,
                            .restored_size = ee_core_seq(n.core),
                            .reason = "a disk died"};
    struct ee_checkpoint_key key = {
        .number = 1, .evidence_hash = {1}, .signer = EE_SUCCESSION_BY_FOUNDING};
    ee_writer_init(&w, memory, sizeof(memory));
    REQUIRE(ee_recovery_message(ee_core_network_id(n.core), &r, &w) == EE_OK);
    REQUIRE(ee_crypto_openssl.ed25519_sign(network_seed_founder, ee_writer_done(&w), r.signature));
    REQUIRE(NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_RECOVERY, recovery, &r) == EE_OK);
    REQUIRE(ee_crypto_openssl.ed25519_public(old_seed, key.old_key));
    REQUIRE(ee_crypto_openssl.ed25519_public(new_seed, key.new_key));
    ee_writer_init(&w, memory, sizeof(memory));
    REQUIRE(ee_checkpoint_key_message(ee_core_network_id(n.core), &key, &w) == EE_OK);
    REQUIRE(
        ee_crypto_openssl.ed25519_sign(network_seed_founder, ee_writer_done(&w), key.signature));
    REQUIRE(NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_CHECKPOINT_KEY, checkpoint_key,
                         &key) == EE_OK);
    REQUIRE(network_boot(&n) == EE_OK);
}

/* An endpoint and the thresholds of the alert. */
static void told_of_events(void)
{
    struct ee_webhook_set set = {.op = EE_WEBHOOK_SET,
                                 .url = "https://example.net/hook",
                                 .events = EE_EVENTS_ALL,
                                 .label = "books",
                                 .secret_hash = {5}};
    REQUIRE(NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "alice", EE_COMMAND_WEBHOOK, webhook_set, &set) ==
            EE_OK);
    set = (struct ee_webhook_set){.op = EE_WEBHOOK_ALERT, .below = {5}, .runway_below_s = 60};
    REQUIRE(NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "alice", EE_COMMAND_WEBHOOK, webhook_set, &set) ==
            EE_OK);
}

/* A network with something in every table. */
static void populated(void)
{
    uint8_t lease[EE_ID_SIZE];
    struct ee_redeem redeem = {.amount = {1000000}, .destination = "bank"};
    network_open(&n, EE_PROFILE_DEVELOPMENT, NULL);
    network_populate(&n);
    n.id[0] = 7;
    REQUIRE(network_transfer(&n, "alice", "bob", 1000) == EE_OK);
    REQUIRE(network_run(&n, "alice", EE_WORKLOAD_APP, "web", 1, lease) == EE_OK);
    REQUIRE(network_run(&n, "alice", EE_WORKLOAD_APP, "api", 1, lease) == EE_OK);
    REQUIRE(network_miss(&n, lease, 0, EE_CHECK_HEALTH, 0) == EE_OK);
    REQUIRE(NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "bob", EE_COMMAND_REDEEM, redeem, &redeem) == EE_OK);
    network_advance(&n, 12000000);
    REQUIRE(network_stop(&n, "alice", "web") == EE_OK);
    paid_by_card();
    REQUIRE(network_run(&n, "alice", EE_WORKLOAD_APP, "more", 1, lease) == EE_OK);
    charged_back();
    sums_said();
    statements_signed();
    told_of_events();
    REQUIRE(!n.broken);
    REQUIRE(ee_core_save(n.core, saved_take, &s) == EE_OK);
}

static void closed(void)
{
    network_close(&n);
    saved_free(&s);
}

static bool same_state(const struct ee_core *a, const struct ee_core *b)
{
    uint8_t hash_a[32], hash_b[32];
    ee_core_state_hash(a, hash_a);
    ee_core_state_hash(b, hash_b);
    return memcmp(hash_a, hash_b, sizeof(hash_a)) == 0;
}

static void loaded_core_is_the_saved_one(void)
{
    struct ee_core *core;
    struct saved again = {0};
    populated();
    REQUIRE(saved_load(&s, &ee_allocator_system, &ee_crypto_openssl, NULL, &core) == EE_OK);
    CHECK(same_state(n.core, core));
    CHECK(ee_core_next_due_us(core) == ee_core_next_due_us(n.core));
    CHECK(ee_core_save(core, saved_take, &again) == EE_OK);
    CHECK(again.size == s.size && memcmp(again.bytes, s.bytes, s.size) == 0);
    saved_free(&again);
    ee_core_free(core);
    closed();
}

static void core_before_genesis_is_not_saved(void)
{
    struct ee_core *core = ee_core_new(&ee_allocator_system, &ee_crypto_openssl, NULL);
    CHECK(ee_core_save(core, saved_take, &s) == EE_STATE && s.size == 0);
    ee_core_free(core);
    saved_free(&s);
}

static enum ee_err refuse(void *context, struct ee_bytes piece)
{
    unsigned *left = context;
    (void)piece;
    return (*left)-- ? EE_OK : EE_IO;
}

static void sink_that_fails_ends_the_saving(void)
{
    populated();
    for (unsigned good = 0; good < 2; good++) {
        unsigned left = good;
        CHECK(ee_core_save(n.core, refuse, &left) == EE_IO);
    }
    closed();
}

static void every_prefix_is_refused(void)
{
    struct ee_core *core;
    populated();
    size_t whole = s.size, wrong = 0;
    for (s.size = 0; s.size < whole; s.size += s.size < 600 ? 1 : 37)
        wrong += saved_load(&s, &ee_allocator_system, &ee_crypto_openssl, NULL, &core) == EE_OK;
    CHECK(wrong == 0);
    closed();
}

static void trailing_byte_is_noticed(void)
{
    struct ee_core *core;
    uint8_t zero = 0;
    populated();
    REQUIRE(saved_take(&s, ee_bytes_of(&zero, 1)) == EE_OK);
    CHECK(saved_load(&s, &ee_allocator_system, &ee_crypto_openssl, NULL, &core) == EE_TRAILING);
    closed();
}

/* Refused, or loaded as another state: never the same hash from other bytes. */
static void flipped_bit_is_refused_or_another_state(void)
{
    struct ee_core *core;
    size_t wrong = 0, refused = 0;
    populated();
    for (size_t bit = 0; bit < 8 * s.size; bit += 61) {
        s.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (saved_load(&s, &ee_allocator_system, &ee_crypto_openssl, NULL, &core) == EE_OK) {
            bool same = same_state(n.core, core);
            if (same)
                printf("# byte %zu\n", bit / 8);
            wrong += same;
            ee_core_free(core);
        } else {
            refused++;
        }
        s.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    CHECK(wrong == 0 && refused > 0);
    closed();
}

static void newer_version_is_refused_as_such(void)
{
    struct ee_core *core;
    populated();
    s.bytes[17]++; /* after the label and its version: the core version's low byte */
    CHECK(saved_load(&s, &ee_allocator_system, &ee_crypto_openssl, NULL, &core) == EE_VERSION);
    closed();
}

static void limits_hold_for_saved_states_too(void)
{
    struct ee_core *core;
    const struct ee_core_limits few = {.accounts = 3};
    populated();
    CHECK(saved_load(&s, &ee_allocator_system, &ee_crypto_openssl, &few, &core) == EE_FULL);
    closed();
}

static void failed_allocation_leaks_nothing(void)
{
    struct failing f;
    populated();
    for (unsigned at = 1;; at++) {
        struct ee_core *core;
        failing_init(&f);
        f.fail_at = at;
        enum ee_err err = saved_load(&s, &f.allocator, &ee_crypto_openssl, NULL, &core);
        if (err == EE_OK) {
            ee_core_free(core);
            break;
        }
        if (err != EE_NO_MEMORY || f.held != 0) {
            CHECK(err == EE_NO_MEMORY && f.held == 0);
            break;
        }
    }
    CHECK(f.held == 0);
    closed();
}

/* ---- fields ---- */

/* Bytes of the row that change nothing in its record when they change. */
static size_t unnoticed(enum ee_record_kind kind, const union ee_record_row *row, size_t size)
{
    size_t count = 0;
    uint8_t before[EE_RECORD_MAX], after[EE_RECORD_MAX];
    for (size_t i = 0; i < size; i++) {
        union ee_record_row changed = *row, copy = *row;
        struct ee_writer a, b;
        ee_writer_init(&a, before, sizeof(before));
        ee_writer_init(&b, after, sizeof(after));
        struct ee_record ra = {.k = ee_codec_writer(&a)}, rb = {.k = ee_codec_writer(&b)};
        ee_record_code(&ra, kind, &copy);
        ((uint8_t *)&changed)[i] ^= 1;
        ee_record_code(&rb, kind, &changed);
        if (ee_codec_end(&ra.k) != EE_OK)
            return SIZE_MAX;
        count +=
            ee_codec_end(&rb.k) == EE_OK && ee_bytes_equal(ee_writer_done(&a), ee_writer_done(&b));
    }
    return count;
}

static void fill(char *text, size_t size)
{
    memset(text, 'a', size - 1);
    text[size - 1] = '\0';
}

#define FILL(field) fill(field, sizeof(field))
#define ROW_SIZE(member) sizeof(((union ee_record_row *)0)->member)

/* Every byte of a row is in its record but those of members that follow from others, and padding:
 * whoever adds a field adds it in records.c, or counts it here as one of these. */
static void every_field_of_a_row_is_in_its_record(void)
{
    union ee_record_row row;
    memset(&row, 0, sizeof(row));
    FILL(row.account.account.name);
    row.account.account.kind = EE_ACCOUNT_USER;
    CHECK(unnoticed(EE_RECORD_ACCOUNT, &row, ROW_SIZE(account)) == sizeof(struct ee_ledger_id) + 6);
    memset(&row, 0, sizeof(row));
    FILL(row.key.account);
    FILL(row.key.label);
    CHECK(unnoticed(EE_RECORD_KEY, &row, ROW_SIZE(key)) == 2 + 7);
    memset(&row, 0, sizeof(row));
    FILL(row.node.node.name);
    FILL(row.node.node.operator_name);
    FILL(row.node.node.region);
    CHECK(unnoticed(EE_RECORD_NODE, &row, ROW_SIZE(node)) == 2 * sizeof(uint32_t) + 6);
    memset(&row, 0, sizeof(row));
    FILL(row.app.app.name);
    FILL(row.app.app.launcher);
    FILL(row.app.asked_node);
    FILL(row.app.failed_node);
    row.app.app.workload = EE_WORKLOAD_APP;
    CHECK(unnoticed(EE_RECORD_APP, &row, ROW_SIZE(app)) ==
          sizeof(struct ee_bytes) + sizeof(uint8_t *) + 2 * sizeof(uint32_t) + 23);
    memset(&row, 0, sizeof(row));
    FILL(row.lease.lease.app);
    FILL(row.lease.lease.launcher);
    FILL(row.lease.lease.node);
    FILL(row.lease.lease.operator_name);
    row.lease.lease.workload = EE_WORKLOAD_APP;
    row.lease.lease.state = EE_LEASE_RUNNING;
    CHECK(unnoticed(EE_RECORD_LEASE, &row, ROW_SIZE(lease)) == 3 * sizeof(uint32_t) + 10);
    memset(&row, 0, sizeof(row));
    row.period.period.state = EE_LOCK_DUE;
    CHECK(unnoticed(EE_RECORD_PERIOD, &row, ROW_SIZE(period)) == sizeof(uint32_t) + 8);
    memset(&row, 0, sizeof(row));
    CHECK(unnoticed(EE_RECORD_ID, &row, ROW_SIZE(id)) == sizeof(uint32_t) + sizeof(uint8_t *));
    FILL(row.mint.reference);
    FILL(row.mint.account);
    CHECK(unnoticed(EE_RECORD_MINT, &row, ROW_SIZE(mint)) == 6);
    memset(&row, 0, sizeof(row));
    FILL(row.redemption.redemption.account);
    FILL(row.redemption.destination);
    FILL(row.redemption.reference);
    row.redemption.redemption.state = EE_REDEMPTION_CONFIRMED;
    CHECK(unnoticed(EE_RECORD_REDEMPTION, &row, ROW_SIZE(redemption)) == 17);
    memset(&row, 0, sizeof(row));
    FILL(row.allow.label);
    CHECK(unnoticed(EE_RECORD_ALLOW, &row, ROW_SIZE(allow)) == 0);
    CHECK(unnoticed(EE_RECORD_ALLOW_CHANGE, &row, ROW_SIZE(allow_change)) == 0);
    CHECK(unnoticed(EE_RECORD_POLICY, &row, ROW_SIZE(policy)) == 0);
}

static void every_field_of_other_rows_too(void)
{
    union ee_record_row row;
    memset(&row, 0, sizeof(row));
    CHECK(unnoticed(EE_RECORD_RECOVERY, &row, ROW_SIZE(recovery)) == 0);
    CHECK(unnoticed(EE_RECORD_CHECKPOINT_KEY, &row, ROW_SIZE(checkpoint_key)) == 0);
    CHECK(unnoticed(EE_RECORD_LIABILITIES, &row, ROW_SIZE(liabilities)) == 0);
    FILL(row.topup.account);
    FILL(row.topup.currency);
    FILL(row.topup.payment);
    CHECK(unnoticed(EE_RECORD_TOPUP, &row, ROW_SIZE(topup)) == 3 + 7);
    memset(&row, 0, sizeof(row));
    FILL(row.payment.payment.id);
    FILL(row.payment.payment.account);
    FILL(row.payment.payment.said_currency);
    for (size_t i = 0; i < EE_PAYMENT_DISPUTES_MAX; i++)
        row.payment.payment.disputes[i].state = EE_DISPUTE_WON;
    CHECK(unnoticed(EE_RECORD_PAYMENT, &row, ROW_SIZE(payment)) ==
          6 + 4 * EE_PAYMENT_DISPUTES_MAX + 8);
    memset(&row, 0, sizeof(row));
    FILL(row.webhook.account);
    FILL(row.webhook.url);
    FILL(row.webhook.label);
    CHECK(unnoticed(EE_RECORD_WEBHOOK, &row, ROW_SIZE(webhook)) == 5 + 3 + 4);
}

static void every_field_of_a_domain_is_in_its_record(void)
{
    union ee_record_row row;
    memset(&row, 0, sizeof(row));
    FILL(row.domain.app);
    FILL(row.domain.domain);
    row.domain.state = EE_DOMAIN_PROVEN;
    CHECK(unnoticed(EE_RECORD_DOMAIN, &row, ROW_SIZE(domain)) == 4);
}

TESTS(TEST(loaded_core_is_the_saved_one), TEST(core_before_genesis_is_not_saved),
      TEST(sink_that_fails_ends_the_saving), TEST(every_prefix_is_refused),
      TEST(trailing_byte_is_noticed), TEST(flipped_bit_is_refused_or_another_state),
      TEST(newer_version_is_refused_as_such), TEST(limits_hold_for_saved_states_too),
      TEST(failed_allocation_leaks_nothing), TEST(every_field_of_a_row_is_in_its_record),
      TEST(every_field_of_other_rows_too), TEST(every_field_of_a_domain_is_in_its_record))
