/* SPDX-License-Identifier: Apache-2.0 */
/* Payments in the read model: lines, names of the book's accounts and events of top-ups,
 * chargebacks, debts, their repayment, and of redemptions paid from them. */
#include "unit/core/network.h"

#include <stdlib.h>
#include <unistd.h>

#include "control/projection.h"
#include "control/read_query.h"
#include "tap.h"

static struct network n;
static char folder[32], path[64];

static void network_start_anew(void)
{
    struct ee_webhook_set set = {
        .op = EE_WEBHOOK_SET, .url = "https://example.net/hook", .events = EE_EVENTS_ALL};
    memcpy(folder, "/tmp/ee-read-payments-XXXXXX", 29);
    REQUIRE(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof(path), "%s/read.db", folder);
    network_open(&n, EE_PROFILE_DEVELOPMENT, NULL);
    CHECK(network_account(&n, "alice", EE_ACCOUNT_USER) == EE_OK);
    CHECK(network_account(&n, "bob", EE_ACCOUNT_USER) == EE_OK);
    CHECK(NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "alice", EE_COMMAND_WEBHOOK, webhook_set, &set) ==
          EE_OK);
}

static void network_end_it(void)
{
    network_close(&n);
    CHECK(ee_read_store_remove(path) == EE_OK);
    (void)rmdir(folder);
}

/* Says it of payment pi_1; the first time it pays an order of alice. */
static void say(enum ee_payment_event event, uint64_t cents)
{
    struct ee_payment_word word = {
        .event = event, .payment = "pi_1", .cents = cents, .currency = "usd"};
    memcpy(word.provider_event, "evt_1", 6);
    if (event > EE_PAYMENT_REFUNDED)
        memcpy(word.dispute, "dp_1", 5);
    if (event == EE_PAYMENT_SUCCEEDED) {
        struct ee_topup topup = {.cents = cents, .currency = "usd"};
        struct ee_topup_result made;
        CHECK(NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "alice", EE_COMMAND_TOPUP, topup, &topup) ==
              EE_OK);
        CHECK(ee_topup_result_decode(ee_bytes_of(n.result.body, n.result.body_size), &made) ==
              EE_OK);
        memcpy(word.order, made.order, EE_ID_SIZE);
    }
    CHECK(NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_PAYMENT, payment_word, &word) == EE_OK);
}

/* All that happened so far becomes the file, in batches that end where `splits` says (bytes of the
 * log; 0: one batch). With a split the projection is made anew in between. */
static void project(size_t split)
{
    size_t ends[2] = {split ? split : n.log_size, n.log_size};
    for (int stop = split ? 0 : 1; stop < 2; stop++) {
        struct ee_read_store *store = NULL;
        struct ee_projection *projection = NULL;
        size_t start = 0;
        CHECK(ee_read_store_open(path, ee_core_network_id(n.core), &store) == EE_OK);
        CHECK(ee_projection_new(&ee_allocator_system, &ee_crypto_openssl, store, &projection) ==
              EE_OK);
        for (int i = split ? 0 : 1; i <= stop; i++) {
            struct ee_journal_batch batch = {.batch = (uint64_t)i + 1,
                                             .body = ee_bytes_of(n.log + start, ends[i] - start)};
            memcpy(batch.hash, &batch.batch, sizeof(batch.batch));
            CHECK(ee_projection_batch(projection, &batch) == EE_OK);
            start = ends[i];
        }
        CHECK(ee_projection_commit(projection) == EE_OK);
        ee_projection_free(projection);
        ee_read_store_close(store);
    }
}

/* "time" of a line is left out, it is the clock's. */
static void statement_is(const char *account, const char *expected)
{
    struct ee_read_query *query = NULL;
    struct ee_statement_ask ask = {.limit = 100, .form = EE_STATEMENT_CSV};
    struct ee_statement_page page = {0};
    char got[4096] = "";
    size_t used = 0;
    memcpy(ask.account, account, strlen(account));
    CHECK(ee_read_query_open(path, &query) == EE_OK);
    CHECK(ee_read_query_statement(query, &ask, &page) == EE_OK);
    int column = 0;
    for (size_t i = 0; page.text != NULL && i < page.size && used + 1 < sizeof(got); i++) {
        char c = page.text[i];
        if (c == '\r')
            continue;
        if (column >= 3 && (column < 10 || column == 12 || c == '\n'))
            got[used++] = c;
        column = c == '\n' ? 0 : column + (c == ',');
    }
    got[used] = '\0';
    CHECK(strcmp(got, expected) == 0);
    if (strcmp(got, expected) != 0)
        printf("# got:\n%s", got);
    free(page.text);
    ee_read_query_close(query);
}

static void next_event_has(uint64_t *after, const char *const parts[], size_t count)
{
    struct ee_read_query *query = NULL;
    struct ee_read_event event;
    uint64_t reached;
    CHECK(ee_read_query_open(path, &query) == EE_OK);
    CHECK(ee_read_query_event(query, "alice", *after, EE_EVENTS_ALL, &event, &reached) == EE_OK);
    for (size_t i = 0; i < count; i++) {
        CHECK(strstr(event.body, parts[i]) != NULL);
        if (strstr(event.body, parts[i]) == NULL)
            printf("# no %s in %s\n", parts[i], event.body);
    }
    *after = event.number;
    ee_read_query_close(query);
}

#define NEXT_EVENT(after, ...)                                                                     \
    next_event_has(after, (const char *const[]){__VA_ARGS__},                                      \
                   sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* $10 by card, $6 of them sent on, all of it disputed, $3 by the issuer, the dispute won. */
static size_t story(void)
{
    say(EE_PAYMENT_SUCCEEDED, 1000);
    network_advance(&n, UINT64_C(60) * 1000000); /* past the hold */
    CHECK(network_transfer(&n, "alice", "bob", 6000000) == EE_OK);
    say(EE_PAYMENT_DISPUTE_OPENED, 1000);
    size_t middle = n.log_size;
    CHECK(network_mint(&n, "alice", 2000000) == EE_OK);
    say(EE_PAYMENT_DISPUTE_WON, 1000);
    return middle;
}

static const char story_lines[] = "topup,cash:stripe,10,10,10,0,0,pi_1,\n"
                                  "transfer_out,bob,6,-6,4,0,0,,\n"
                                  "chargeback,cash:stripe,4,-4,0,0,0,pi_1,\n"
                                  "debt,recv:alice,6,0,0,0,0,pi_1,\n"
                                  "mint,cash:bank,2,2,2,0,0,ref-0,\n"
                                  "debt_repayment,recv:alice,2,-2,0,0,0,ref-0,\n"
                                  "chargeback_returned,cash:stripe,10,10,10,0,0,pi_1,\n"
                                  "debt_repayment,recv:alice,4,-4,6,0,0,pi_1,\n";

static void payments_are_lines(void)
{
    network_start_anew();
    (void)story();
    project(0);
    statement_is("alice", story_lines);
    network_end_it();
}

/* The projection was made anew after the debt: its account's name and owner are found again. */
static void debt_before_a_restart(void)
{
    network_start_anew();
    say(EE_PAYMENT_SUCCEEDED, 1000);
    network_advance(&n, UINT64_C(60) * 1000000);
    CHECK(network_transfer(&n, "alice", "bob", 6000000) == EE_OK);
    say(EE_PAYMENT_REFUNDED, 600);
    size_t split = n.log_size;
    say(EE_PAYMENT_REFUNDED, 1000);
    project(split);
    statement_is("alice", "topup,cash:stripe,10,10,10,0,0,pi_1,\n"
                          "transfer_out,bob,6,-6,4,0,0,,\n"
                          "chargeback,cash:stripe,4,-4,0,0,0,pi_1,\n"
                          "debt,recv:alice,2,0,0,0,0,pi_1,\n"
                          "debt,recv:alice,4,0,0,0,0,pi_1,\n");
    network_end_it();
}

static void payments_are_events(void)
{
    uint64_t after = 0;
    network_start_anew();
    project(story());
    NEXT_EVENT(&after, "\"topup.credited\"", "\"amount\":\"10\"", "\"payment\":\"pi_1\"",
               "\"order\":\"", "\"repaid\":\"0\"", "\"available\":\"10\"");
    NEXT_EVENT(&after, "\"topup.charged_back\"", "\"amount\":\"10\"", "\"owed\":\"6\"",
               "\"available\":\"0\"");
    NEXT_EVENT(&after, "\"credits.minted\"", "\"amount\":\"2\"", "\"repaid\":\"2\"",
               "\"available\":\"0\"");
    NEXT_EVENT(&after, "\"topup.returned\"", "\"amount\":\"10\"", "\"repaid\":\"4\"",
               "\"available\":\"6\"");
    network_end_it();
}

/* The bank had nothing: what the provider holds is moved there first, and is no line of anybody. */
static void redemption_of_topped_up_credits(void)
{
    struct ee_redeem redeem = {.amount = {3000000}, .destination = "bank account 1"};
    uint64_t after = 0;
    network_start_anew();
    say(EE_PAYMENT_SUCCEEDED, 1000);
    network_advance(&n, UINT64_C(60) * 1000000);
    CHECK(NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "alice", EE_COMMAND_REDEEM, redeem, &redeem) == EE_OK);
    struct ee_redeem_result made;
    char id[2 * EE_ID_SIZE + 1], expected[512];
    CHECK(ee_redeem_result_decode(ee_bytes_of(n.result.body, n.result.body_size), &made) == EE_OK);
    project(0);
    (void)snprintf(expected, sizeof(expected),
                   "topup,cash:stripe,10,10,10,0,0,pi_1,\n"
                   "redemption,cash:bank,3,-3,7,3,0,%s,\n",
                   ee_hex_encode(made.redemption, EE_ID_SIZE, id));
    statement_is("alice", expected);
    NEXT_EVENT(&after, "\"topup.credited\"");
    NEXT_EVENT(&after, "\"redemption.requested\"", "\"amount\":\"3\"", id);
    network_end_it();
}

TESTS(TEST(payments_are_lines), TEST(debt_before_a_restart), TEST(payments_are_events),
      TEST(redemption_of_topped_up_credits))
