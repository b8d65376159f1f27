/* SPDX-License-Identifier: Apache-2.0 */
/* TRANSFERS: its bytes, what it moves, what it refuses, and that each id moves once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/transfers.h"
#include "io/crypto_openssl.h"
#include "ledger/ledger.h"
#include "tap.h"

#include "network.h"

enum { START = 10000000 };

static uint8_t payload[EE_COMMAND_PAYLOAD_MAX];
static uint16_t outcomes[EE_TRANSFERS_MAX];
static struct ee_transfers_result result;

static struct ee_transfers_row row(uint32_t number, const char *to, int64_t micros)
{
    struct ee_transfers_row r = {
        .id = {1}, .to = ee_bytes_str(to), .amount = {micros}, .memo = ee_bytes_str("m")};
    memcpy(r.id + 12, &number, sizeof(number));
    return r;
}

static struct ee_bytes encoded(bool atomic, const struct ee_transfers_row *rows, uint32_t count)
{
    struct ee_writer w;
    ee_writer_init(&w, payload, sizeof(payload));
    CHECK(ee_transfers_begin(&w, atomic, count) == EE_OK);
    for (uint32_t i = 0; i < count; i++)
        CHECK(ee_transfers_add(&w, &rows[i]) == EE_OK);
    return ee_writer_done(&w);
}

static struct network *opened(const struct ee_core_limits *limits)
{
    struct network *n = calloc(1, sizeof(*n));
    if (n == NULL)
        abort();
    network_open(n, EE_PROFILE_DEVELOPMENT, limits);
    CHECK(network_account(n, "alice", EE_ACCOUNT_USER) == EE_OK);
    CHECK(network_account(n, "bob", EE_ACCOUNT_USER) == EE_OK);
    CHECK(network_account(n, "carol", EE_ACCOUNT_USER) == EE_OK);
    CHECK(network_mint(n, "alice", START) == EE_OK);
    return n;
}

/* Parameters of the limits, which no replay knows. */
static struct ee_params params;

/* Alice has START, which may leave at once; at least `minimum` each, at most `day` a day. */
static struct network *limited(int64_t minimum, int64_t day)
{
    struct network *n = opened(NULL);
    params = *ee_core_params(n->core);
    params.transfer_minimum_micros = minimum;
    params.transfer_day_micros = day;
    params.card_hold_s = 70;
    ee_core_params_override(n->core, &params);
    return n;
}

static void closed(struct network *n)
{
    uint8_t replayed[32], hash[32], afresh[32];
    ee_core_state_hash(n->core, hash);
    ee_core_state_hash_afresh(n->core, afresh);
    CHECK(n->broken == NULL && memcmp(hash, afresh, 32) == 0);
    if (ee_core_params(n->core) != &params)
        CHECK(network_replay(n, replayed) && memcmp(hash, replayed, 32) == 0);
    network_close(n);
    free(n);
}

/* A payment by card of so many cents. */
static void pay(struct network *n, const char *account, const char *payment, uint64_t cents)
{
    struct ee_topup topup = {.cents = cents, .currency = "usd"};
    struct ee_payment_word word = {
        .event = EE_PAYMENT_SUCCEEDED, .cents = cents, .currency = "usd", .provider_event = "evt"};
    struct ee_topup_result made;
    CHECK(NETWORK_SEND(n, EE_ACTOR_ACCOUNT, account, EE_COMMAND_TOPUP, topup, &topup) == EE_OK);
    CHECK(ee_topup_result_decode(ee_bytes_of(n->result.body, n->result.body_size), &made) == EE_OK);
    memcpy(word.payment, payment, strlen(payment));
    memcpy(word.order, made.order, EE_ID_SIZE);
    CHECK(NETWORK_SEND(n, EE_ACTOR_SYSTEM, "", EE_COMMAND_PAYMENT, payment_word, &word) == EE_OK);
}

static void refund(struct network *n, const char *payment, uint64_t cents)
{
    struct ee_payment_word word = {
        .event = EE_PAYMENT_REFUNDED, .cents = cents, .currency = "usd", .provider_event = "evt"};
    memcpy(word.payment, payment, strlen(payment));
    CHECK(NETWORK_SEND(n, EE_ACTOR_SYSTEM, "", EE_COMMAND_PAYMENT, payment_word, &word) == EE_OK);
}

static bool outcomes_are(enum ee_err a, enum ee_err b, enum ee_err c)
{
    return outcomes[0] == a && outcomes[1] == b && outcomes[2] == c;
}

/* Sends them as alice's and decodes the answer. */
static enum ee_err send(struct network *n, bool atomic, const struct ee_transfers_row *rows,
                        uint32_t count)
{
    enum ee_err err = network_submit(n, EE_ACTOR_ACCOUNT, "alice", EE_COMMAND_TRANSFERS,
                                     encoded(atomic, rows, count));
    memset(outcomes, 0xff, sizeof(outcomes));
    CHECK(ee_transfers_result_decode(ee_bytes_of(n->result.body, n->result.body_size), &result,
                                     outcomes) == EE_OK);
    return err;
}

/* ---- bytes ---- */

static void every_prefix_and_flipped_byte_of_a_payload(void)
{
    const struct ee_transfers_row rows[] = {row(1, "bob", 5), row(2, "carol-2", INT64_MAX)};
    struct ee_bytes good = encoded(true, rows, 2);
    struct ee_transfers got;
    uint8_t copy[256], again[256];
    CHECK(ee_transfers_decode(good, &got) == EE_OK && got.atomic && got.count == 2);
    for (size_t size = 0; size < good.size; size++)
        CHECK(ee_transfers_decode(ee_bytes_of(good.data, size), &got) != EE_OK);
    memcpy(copy, good.data, good.size);
    copy[good.size] = 0;
    CHECK(ee_transfers_decode(ee_bytes_of(copy, good.size + 1), &got) == EE_TRAILING);
    for (size_t bit = 0; bit < 8 * good.size; bit++) {
        struct ee_transfers_row r;
        struct ee_cursor c;
        struct ee_writer w;
        memcpy(copy, good.data, good.size);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (ee_transfers_decode(ee_bytes_of(copy, good.size), &got) != EE_OK)
            continue;
        ee_writer_init(&w, again, sizeof(again)); /* what is taken is what would be written */
        CHECK(ee_transfers_begin(&w, got.atomic, got.count) == EE_OK);
        ee_cursor_init(&c, got.rows);
        while (ee_transfers_next(&c, &r))
            CHECK(ee_transfers_add(&w, &r) == EE_OK);
        CHECK(ee_bytes_equal(ee_writer_done(&w), ee_bytes_of(copy, good.size)));
    }
}

static void rows_no_decoder_takes_are_not_written(void)
{
    struct ee_writer w;
    struct ee_transfers_row r = row(1, "Bob", 5);
    char memo[EE_MEMO_MAX + 2];
    memset(memo, 'm', sizeof(memo));
    ee_writer_init(&w, payload, sizeof(payload));
    CHECK(ee_transfers_begin(&w, false, 0) == EE_RANGE);
    CHECK(ee_transfers_begin(&w, false, EE_TRANSFERS_MAX + 1) == EE_RANGE);
    CHECK(ee_transfers_begin(&w, false, 1) == EE_OK);
    CHECK(ee_transfers_add(&w, &r) == EE_NAME);
    r = row(1, "bob", 0);
    CHECK(ee_transfers_add(&w, &r) == EE_RANGE);
    r = row(1, "bob", 1);
    r.memo = ee_bytes_of(memo, EE_MEMO_MAX + 1);
    CHECK(ee_transfers_add(&w, &r) == EE_RANGE);
    r.memo = ee_bytes_str("a\nb");
    CHECK(ee_transfers_add(&w, &r) == EE_RANGE);
    r = row(1, "bob", 1);
    memset(r.id, 0, sizeof(r.id));
    CHECK(ee_transfers_add(&w, &r) == EE_RANGE);
}

static void results_are_written_in_one_way_only(void)
{
    static uint16_t in[EE_TRANSFERS_MAX];
    static uint8_t bytes[EE_TRANSFERS_RESULT_MAX], copy[EE_TRANSFERS_RESULT_MAX];
    struct ee_transfers_result r = {
        .account = "alice", .available = {7}, .count = EE_TRANSFERS_MAX};
    struct ee_writer w;
    for (int each = 0; each < 2; each++) { /* runs, then a byte each */
        for (uint32_t i = 0; i < r.count; i++)
            in[i] = each && i % 2 ? EE_INSUFFICIENT_CREDITS : i == 9 ? EE_ID_CONFLICT : EE_OK;
        ee_writer_init(&w, bytes, sizeof(bytes));
        CHECK(ee_transfers_result_encode(&r, in, &w) == EE_OK);
        CHECK(w.size <= EE_RESULT_BODY_MAX && (each || w.size < 80));
        CHECK(ee_transfers_result_decode(ee_writer_done(&w), &result, outcomes) == EE_OK);
        CHECK(memcmp(in, outcomes, sizeof(in)) == 0 && result.available.micros == 7);
        CHECK(result.made == (each ? 4095u : 8189u));
        for (size_t bit = 0; bit < 8 * (w.size < 90 ? w.size : 90); bit++) {
            memcpy(copy, bytes, w.size);
            copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
            struct ee_writer again;
            static uint8_t written[EE_TRANSFERS_RESULT_MAX];
            ee_writer_init(&again, written, sizeof(written));
            if (ee_transfers_result_decode(ee_bytes_of(copy, w.size), &result, outcomes) == EE_OK)
                CHECK(ee_transfers_result_encode(&result, outcomes, &again) == EE_OK &&
                      ee_bytes_equal(ee_writer_done(&again), ee_bytes_of(copy, w.size)));
        }
    }
    for (uint32_t i = 0; i < r.count; i++)
        in[i] = (uint16_t)(i % (EE_TRANSFERS_OUTCOMES_MAX + 1));
    CHECK(ee_transfers_result_encode(&r, in, &w) == EE_TOO_LARGE);
}

/* ---- moving ---- */

static void each_transfer_is_made_or_refused_by_itself(void)
{
    struct network *n = opened(NULL);
    const struct ee_transfers_row rows[] = {row(1, "bob", 6000000),   row(2, "nobody", 1),
                                            row(3, "alice", 1),       row(4, "carol", 6000000),
                                            row(5, "carol", 4000000), row(1, "bob", 6000000),
                                            row(1, "bob", 6000001)};
    CHECK(send(n, false, rows, 7) == EE_OK);
    const uint16_t expected[] = {
        EE_OK, EE_ACCOUNT_UNKNOWN,   EE_SAME_ACCOUNT, EE_INSUFFICIENT_CREDITS,
        EE_OK, EE_TRANSFER_REPEATED, EE_ID_CONFLICT};
    CHECK(memcmp(outcomes, expected, sizeof(expected)) == 0);
    CHECK(result.made == 2 && result.repeated == 1 && result.available.micros == 0);
    CHECK(network_available(n, "bob") == 6000000 && network_available(n, "carol") == 4000000);
    closed(n);
}

static void id_is_used_up_by_a_refusal_for_lack_of_credits_only(void)
{
    struct network *n = opened(NULL);
    const struct ee_transfers_row poor = row(1, "bob", START + 1), unknown = row(2, "dora", 5);
    CHECK(send(n, false, &poor, 1) == EE_OK && outcomes[0] == EE_INSUFFICIENT_CREDITS);
    CHECK(send(n, false, &unknown, 1) == EE_OK && outcomes[0] == EE_ACCOUNT_UNKNOWN);
    CHECK(network_account(n, "dora", EE_ACCOUNT_USER) == EE_OK);
    CHECK(send(n, false, &poor, 1) == EE_OK && outcomes[0] == EE_TRANSFER_REFUSED_BEFORE);
    CHECK(send(n, false, &unknown, 1) == EE_OK && outcomes[0] == EE_OK);
    closed(n);
}

static void same_id_of_another_sender_is_another_transfer(void)
{
    struct network *n = opened(NULL);
    const struct ee_transfers_row to_bob = row(1, "bob", 5), to_carol = row(1, "carol", 5);
    CHECK(send(n, false, &to_bob, 1) == EE_OK && outcomes[0] == EE_OK);
    CHECK(network_submit(n, EE_ACTOR_ACCOUNT, "bob", EE_COMMAND_TRANSFERS,
                         encoded(false, &to_carol, 1)) == EE_OK);
    CHECK(network_available(n, "carol") == 5 && network_available(n, "bob") == 0);
    closed(n);
}

static void all_or_nothing(void)
{
    struct network *n = opened(NULL);
    struct ee_transfers_row rows[] = {row(1, "bob", 6000000), row(2, "carol", 4000000),
                                      row(3, "bob", 1)};
    CHECK(send(n, true, rows, 3) == EE_INSUFFICIENT_CREDITS);
    const uint16_t last[] = {EE_TRANSFER_CHAIN, EE_TRANSFER_CHAIN, EE_INSUFFICIENT_CREDITS};
    CHECK(memcmp(outcomes, last, sizeof(last)) == 0 && result.made == 0);
    CHECK(network_available(n, "alice") == START && network_available(n, "bob") == 0);
    rows[2] = row(4, "nobody", 1);
    CHECK(send(n, true, rows, 3) == EE_ACCOUNT_UNKNOWN && outcomes[0] == EE_TRANSFER_CHAIN);
    CHECK(send(n, true, rows, 2) == EE_OK && result.made == 2 && result.available.micros == 0);
    CHECK(send(n, true, rows, 2) == EE_ID_CONFLICT); /* its command id is what repeats it */
    rows[0] = row(3, "bob", 1);                      /* the id that failed in the first request */
    CHECK(network_mint(n, "alice", 5) == EE_OK);
    CHECK(send(n, true, rows, 1) == EE_TRANSFER_REFUSED_BEFORE);
    rows[0] = row(5, "bob", 5);
    CHECK(send(n, true, rows, 1) == EE_OK && network_available(n, "bob") == 6000005);
    closed(n);
}

static void largest_request_fails_at_its_first_middle_and_last_transfer(void)
{
    static struct ee_transfers_row rows[EE_TRANSFERS_MAX];
    const uint32_t bad[] = {0, EE_TRANSFERS_MAX / 2, EE_TRANSFERS_MAX - 1};
    struct network *n = opened(NULL);
    for (uint32_t i = 0; i < 3; i++) {
        for (uint32_t k = 0; k < EE_TRANSFERS_MAX; k++)
            rows[k] = row(100000 * (i + 1) + k, "bob", k == bad[i] ? START : 1);
        CHECK(send(n, true, rows, EE_TRANSFERS_MAX) == EE_INSUFFICIENT_CREDITS ||
              bad[i] == 0); /* the first takes all there is, the second then fails */
        CHECK(n->result.err == EE_INSUFFICIENT_CREDITS && result.made == 0);
        CHECK(network_available(n, "alice") == START);
    }
    for (uint32_t k = 0; k < EE_TRANSFERS_MAX; k++)
        rows[k] = row(900000 + k, k % 2 ? "bob" : "carol", 1);
    CHECK(send(n, true, rows, EE_TRANSFERS_MAX) == EE_OK && result.made == EE_TRANSFERS_MAX);
    CHECK(network_available(n, "alice") == START - EE_TRANSFERS_MAX);
    closed(n);
}

static void malformed_row_changes_nothing(void)
{
    struct network *n = opened(NULL);
    const struct ee_transfers_row rows[] = {row(1, "bob", 5), row(2, "bob", 5)};
    struct ee_bytes good = encoded(false, rows, 2);
    CHECK(network_submit(n, EE_ACTOR_ACCOUNT, "alice", EE_COMMAND_TRANSFERS,
                         ee_bytes_of(good.data, good.size - 1)) == EE_TRUNCATED);
    CHECK(network_available(n, "bob") == 0);
    CHECK(network_submit(n, EE_ACTOR_ADMIN, "", EE_COMMAND_TRANSFERS, good) == EE_FORBIDDEN);
    closed(n);
}

static void limit_of_transfers_is_full_before_anything_moves(void)
{
    const struct ee_core_limits limits = {.transfers = 3};
    struct network *n = opened(&limits);
    const struct ee_transfers_row rows[] = {row(1, "bob", 5), row(2, "bob", 5), row(3, "bob", 5),
                                            row(4, "bob", 5)};
    CHECK(send(n, false, rows, 2) == EE_OK);
    CHECK(network_submit(n, EE_ACTOR_ACCOUNT, "alice", EE_COMMAND_TRANSFERS,
                         encoded(false, rows + 2, 2)) == EE_FULL);
    CHECK(network_available(n, "bob") == 10);
    CHECK(network_transfer(n, "alice", "bob", 1) == EE_OK);
    CHECK(network_transfer(n, "alice", "bob", 1) == EE_FULL);
    network_close(n);
    free(n);
}

/* ---- holds and limits ---- */

static void row_below_the_minimum(void)
{
    struct network *n = limited(100, 0);
    struct ee_transfers_row rows[] = {row(1, "bob", 100), row(2, "bob", 99), row(3, "bob", 101)};
    CHECK(send(n, false, rows, 3) == EE_OK);
    CHECK(outcomes_are(EE_OK, EE_TRANSFER_MINIMUM, EE_OK));
    rows[1] = row(2, "bob", 100); /* the refusal did not use its id up */
    CHECK(send(n, false, rows, 3) == EE_OK);
    CHECK(outcomes_are(EE_TRANSFER_REPEATED, EE_OK, EE_TRANSFER_REPEATED));
    rows[0] = row(4, "bob", 100), rows[1] = row(5, "bob", 99), rows[2] = row(6, "bob", 1);
    CHECK(send(n, true, rows, 3) == EE_TRANSFER_MINIMUM);
    CHECK(outcomes_are(EE_TRANSFER_CHAIN, EE_TRANSFER_MINIMUM, EE_TRANSFER_CHAIN));
    CHECK(network_available(n, "bob") == 301);
    closed(n);
}

static void rows_beyond_the_limit_of_the_day(void)
{
    struct network *n = limited(1, 5000000);
    const struct ee_transfers_row rows[] = {row(1, "bob", 3000000), row(2, "carol", 2000001),
                                            row(3, "bob", 1500000)};
    CHECK(send(n, false, rows, 3) == EE_OK);
    CHECK(outcomes_are(EE_OK, EE_TRANSFER_DAY, EE_OK) && result.available.micros == 5500000);
    CHECK(send(n, false, rows, 3) == EE_OK); /* what was made before is that, on a full day too */
    CHECK(outcomes_are(EE_TRANSFER_REPEATED, EE_TRANSFER_DAY, EE_TRANSFER_REPEATED));
    CHECK(network_transfer(n, "alice", "bob", 500001) == EE_TRANSFER_DAY);
    CHECK(network_transfer(n, "alice", "bob", 500000) == EE_OK);
    CHECK(network_mint(n, "alice", 5000000) == EE_OK);
    network_advance(n, UINT64_C(86400) * 1000000);
    CHECK(network_transfer(n, "alice", "bob", 3000000) == EE_OK);
    CHECK(send(n, false, rows + 1, 1) == EE_OK && outcomes[0] == EE_TRANSFER_DAY);
    network_advance(n, UINT64_C(86400) * 1000000);
    CHECK(send(n, false, rows, 3) == EE_OK);
    CHECK(outcomes_are(EE_TRANSFER_REPEATED, EE_OK, EE_TRANSFER_REPEATED));
    closed(n);
}

static void all_or_nothing_beyond_the_limit_of_the_day(void)
{
    struct network *n = limited(1, 5000000);
    const struct ee_transfers_row rows[] = {row(1, "bob", 3000000), row(2, "carol", 2000000),
                                            row(3, "bob", 1)};
    CHECK(send(n, true, rows, 3) == EE_TRANSFER_DAY);
    CHECK(outcomes_are(EE_TRANSFER_CHAIN, EE_TRANSFER_CHAIN, EE_TRANSFER_DAY));
    CHECK(network_available(n, "alice") == START);
    CHECK(send(n, true, rows, 2) == EE_OK && result.made == 2); /* nothing of it was counted */
    CHECK(send(n, true, rows + 2, 1) == EE_TRANSFER_DAY);
    CHECK(network_transfer(n, "alice", "bob", 1) == EE_TRANSFER_DAY);
    CHECK(send(n, true, rows, 2) == EE_ID_CONFLICT); /* known ids decide before limits */
    network_advance(n, UINT64_C(86400) * 1000000);
    const struct ee_transfers_row more[] = {row(4, "bob", 4000000), row(5, "bob", 2000000)};
    CHECK(send(n, true, more, 2) == EE_INSUFFICIENT_CREDITS); /* of 5, and before the day */
    CHECK(network_mint(n, "alice", 5000000) == EE_OK);
    const struct ee_transfers_row mixed[] = {rows[0], row(6, "bob", 5000001)};
    CHECK(send(n, true, mixed, 2) == EE_ID_CONFLICT && outcomes[1] == EE_TRANSFER_CHAIN);
    closed(n);
}

static void rows_of_credits_paid_by_card_lately(void)
{
    struct network *n = limited(1, 0);
    const struct ee_transfers_row rows[] = {row(1, "bob", 9000000), row(2, "bob", 1000001),
                                            row(3, "bob", 1000000)};
    pay(n, "alice", "pi_1", 500);
    CHECK(send(n, true, rows, 2) == EE_CREDITS_HELD);
    CHECK(outcomes[0] == EE_TRANSFER_CHAIN && outcomes[1] == EE_CREDITS_HELD);
    CHECK(send(n, false, rows, 3) == EE_OK);
    CHECK(outcomes_are(EE_OK, EE_CREDITS_HELD, EE_OK) && result.available.micros == 5000000);
    const struct ee_transfers_row poor = row(4, "bob", 5000001);
    CHECK(send(n, false, &poor, 1) == EE_OK && outcomes[0] == EE_INSUFFICIENT_CREDITS);
    CHECK(send(n, false, &poor, 1) == EE_OK && outcomes[0] == EE_TRANSFER_REFUSED_BEFORE);
    network_advance(n, UINT64_C(80) * 1000000);
    CHECK(send(n, false, rows, 3) == EE_OK);
    CHECK(outcomes_are(EE_TRANSFER_REPEATED, EE_OK, EE_TRANSFER_REPEATED));
    closed(n);
}

static void rows_of_an_account_that_owes(void)
{
    struct network *n = limited(1, 0);
    const struct ee_transfers_row all = row(1, "bob", START + 5000000), one = row(2, "bob", 1);
    pay(n, "alice", "pi_1", 500);
    network_advance(n, UINT64_C(80) * 1000000);
    CHECK(send(n, true, &all, 1) == EE_OK);
    refund(n, "pi_1", 500);
    CHECK(network_transfer(n, "bob", "alice", 7) == EE_OK);
    CHECK(send(n, false, &one, 1) == EE_OK && outcomes[0] == EE_DEBT);
    CHECK(send(n, true, &one, 1) == EE_DEBT);
    CHECK(send(n, false, &all, 1) == EE_OK && outcomes[0] == EE_TRANSFER_REPEATED);
    CHECK(network_mint(n, "alice", 5000000) == EE_OK);
    CHECK(send(n, true, &one, 1) == EE_OK && network_available(n, "alice") == 6);
    closed(n);
}

/* ---- random requests against as many single transfers in a network of its own ---- */

static uint64_t state;

static uint32_t draw(uint32_t limit)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % limit;
}

static enum ee_err single(struct network *n, const struct ee_transfers_row *r)
{
    char to[EE_NAME_MAX + 1] = {0};
    memcpy(to, r->to.data, r->to.size);
    return network_transfer(n, "alice", to, r->amount.micros);
}

static void rows_draw(struct ee_transfers_row rows[20], uint32_t receivers, uint32_t most)
{
    static const char *const names[] = {"bob", "carol", "alice", "nobody"};
    static uint32_t number = 1000;
    for (uint32_t i = 0; i < 20; i++) {
        uint32_t to = draw(receivers);
        rows[i] = row(number++, names[to], 1 + (int64_t)draw(most));
    }
}

/* Each row has the outcome of the single one. */
static void each_compare(struct network *a, struct network *b, uint32_t most)
{
    struct ee_transfers_row rows[20];
    rows_draw(rows, 4, most);
    CHECK(send(a, false, rows, 20) == EE_OK);
    for (uint32_t i = 0; i < 20; i++)
        CHECK(single(b, &rows[i]) == (enum ee_err)outcomes[i]);
}

/* If one is refused, then for what a single one is refused with after all before it. */
static void all_or_none_compare(struct network *a, struct network *b, uint32_t most)
{
    struct ee_transfers_row rows[20];
    uint32_t made = 20;
    rows_draw(rows, 2, most);
    enum ee_err err = send(a, true, rows, 20);
    if (err != EE_OK)
        for (made = 0; outcomes[made] == EE_TRANSFER_CHAIN;)
            made++;
    for (uint32_t i = 0; i < 20; i++)
        rows[i].id[1] = 1; /* fresh ids: one was used up by the refusal */
    if (err != EE_OK && made > 0)
        CHECK(send(a, true, rows, made) == EE_OK);
    for (uint32_t i = 0; i < made; i++)
        CHECK(single(b, &rows[i]) == EE_OK);
    if (err != EE_OK)
        CHECK(single(a, &rows[made]) == err && single(b, &rows[made]) == err);
}

/* Both networks get the same, at the same time. */
static void chance(struct network *a, struct network *b, uint32_t round)
{
    char payment[16];
    (void)snprintf(payment, sizeof(payment), "pi_%u", (unsigned)round);
    uint32_t what = draw(6), cents = 1 + draw(30);
    uint64_t later_us = UINT64_C(1000000) * draw(what == 5 ? 60000 : 40);
    for (int i = 0; i < 2; i++) {
        struct network *n = i ? b : a;
        n->now_us += later_us;
        if (what == 0 || what == 2)
            pay(n, "alice", payment, cents);
        if (what == 1)
            CHECK(network_mint(n, "alice", 1 + 100 * (int64_t)cents) == EE_OK);
        if (what == 2)
            refund(n, payment, cents / 2 + 1);
    }
}

static void seed_compare(uint64_t seed, bool with_limits)
{
    struct network *a = with_limits ? limited(50, 500000) : opened(NULL);
    struct network *b = with_limits ? limited(50, 500000) : opened(NULL);
    uint32_t most = with_limits ? 20000 : 60000;
    state = seed;
    a->step_us = b->step_us = 0;
    b->now_us = a->now_us;
    for (uint32_t round = 0; round < 40; round++) {
        if (with_limits)
            chance(a, b, round);
        if (draw(2))
            each_compare(a, b, most);
        else
            all_or_none_compare(a, b, most);
        CHECK(network_available(a, "alice") == network_available(b, "alice"));
        CHECK(network_available(a, "bob") == network_available(b, "bob"));
    }
    closed(a);
    closed(b);
}

static void many_are_what_as_many_single_ones_are(void)
{
    printf("# seeds 1 to 20\n");
    for (uint64_t seed = 1; seed <= 20; seed++)
        seed_compare(seed, seed % 4 != 0);
}

TESTS(TEST(every_prefix_and_flipped_byte_of_a_payload), TEST(rows_no_decoder_takes_are_not_written),
      TEST(results_are_written_in_one_way_only), TEST(each_transfer_is_made_or_refused_by_itself),
      TEST(id_is_used_up_by_a_refusal_for_lack_of_credits_only),
      TEST(same_id_of_another_sender_is_another_transfer), TEST(all_or_nothing),
      TEST(largest_request_fails_at_its_first_middle_and_last_transfer),
      TEST(malformed_row_changes_nothing), TEST(limit_of_transfers_is_full_before_anything_moves),
      TEST(row_below_the_minimum), TEST(rows_beyond_the_limit_of_the_day),
      TEST(all_or_nothing_beyond_the_limit_of_the_day), TEST(rows_of_credits_paid_by_card_lately),
      TEST(rows_of_an_account_that_owes), TEST(many_are_what_as_many_single_ones_are))
