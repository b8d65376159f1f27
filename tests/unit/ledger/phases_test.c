/* SPDX-License-Identifier: Apache-2.0 */
/* Flows over several transfers: chains and their undoing, balancing, timeouts, the window, and the
 * state as bytes. */
#include "ledger/ledger.h"

#include "tap.h"

enum { DOCUMENT = 1 << 20 };

static struct ee_ledger *ledger;

static struct ee_ledger_id id(uint32_t number)
{
    return (struct ee_ledger_id){{[12] = (uint8_t)(number >> 24),
                                  (uint8_t)(number >> 16),
                                  (uint8_t)(number >> 8),
                                  (uint8_t)number}};
}

static struct ee_ledger_transfer move(uint32_t number, uint32_t debit, uint32_t credit,
                                      uint64_t amount, uint16_t flags)
{
    return (struct ee_ledger_transfer){.id = id(number),
                                       .debit_account = id(debit),
                                       .credit_account = id(credit),
                                       .amount = amount,
                                       .ledger = 1,
                                       .code = 1,
                                       .flags = flags};
}

static struct ee_ledger_transfer resolve(uint32_t number, uint32_t pending, uint64_t amount,
                                         uint16_t flags)
{
    return (struct ee_ledger_transfer){
        .id = id(number), .pending_id = id(pending), .amount = amount, .flags = flags};
}

static enum ee_ledger_result book_with(struct ee_ledger_transfer t,
                                       const struct ee_ledger_pasts *pasts)
{
    enum ee_ledger_result result = EE_LEDGER_LINKED_EVENT_FAILED;
    CHECK(ee_ledger_transfers_create(ledger, &t, 1, pasts, &result) == EE_OK);
    return result;
}

static enum ee_ledger_result book(struct ee_ledger_transfer t)
{
    return book_with(t, NULL);
}

static const struct ee_ledger_account *account(uint32_t number)
{
    const struct ee_ledger_id wanted = id(number);
    return ee_ledger_account_find(ledger, &wanted);
}

/* Accounts 1 (free), 2 and 3 (debits limited), 5 (credits limited). */
static void open_with(struct ee_ledger_limits limits)
{
    enum ee_ledger_result results[4];
    const struct ee_ledger_account accounts[] = {
        {.id = id(1), .ledger = 1, .code = 1},
        {.id = id(2), .ledger = 1, .code = 1, .flags = EE_LEDGER_DEBITS_MUST_NOT_EXCEED_CREDITS},
        {.id = id(3), .ledger = 1, .code = 1, .flags = EE_LEDGER_DEBITS_MUST_NOT_EXCEED_CREDITS},
        {.id = id(5), .ledger = 1, .code = 1, .flags = EE_LEDGER_CREDITS_MUST_NOT_EXCEED_DEBITS}};
    ledger = ee_ledger_new(&ee_allocator_system, &limits);
    CHECK(ee_ledger_accounts_create(ledger, accounts, 4, results) == EE_OK);
}

static void open_ledger(void)
{
    open_with((struct ee_ledger_limits){.accounts = 100, .transfers = 20000});
}

static void close_ledger(void)
{
    CHECK(ee_ledger_balanced(ledger));
    ee_ledger_free(ledger);
}

/* ---- the state as bytes ---- */

struct document {
    uint8_t bytes[DOCUMENT];
    size_t size, at;
};
static struct document before, after;

static enum ee_err take_in(void *context, struct ee_bytes piece)
{
    struct document *d = context;
    if (d->size + piece.size > sizeof(d->bytes))
        return EE_FULL;
    memcpy(d->bytes + d->size, piece.data, piece.size);
    d->size += piece.size;
    return EE_OK;
}

static enum ee_err give_out(void *context, uint8_t *out, size_t size)
{
    struct document *d = context;
    if (d->size - d->at < size)
        return EE_TRUNCATED;
    memcpy(out, d->bytes + d->at, size);
    d->at += size;
    return EE_OK;
}

static void save(struct document *d)
{
    d->size = d->at = 0;
    CHECK(ee_ledger_save(ledger, take_in, d) == EE_OK);
}

static bool unchanged(void)
{
    save(&after);
    return before.size == after.size && memcmp(before.bytes, after.bytes, after.size) == 0;
}

/* ---- chains ---- */

/* A chain over all kinds, whose last event breaks a rule that is not remembered. */
static void failed_chain_leaves_the_same_bytes(void)
{
    enum ee_ledger_result results[8];
    struct ee_ledger_transfer timed = move(22, 2, 3, 10, EE_LEDGER_LINKED | EE_LEDGER_PENDING);
    timed.timeout_s = 5;
    open_ledger();
    CHECK(book(move(1, 1, 2, 100, 0)) == EE_LEDGER_CREATED);
    CHECK(book(move(2, 2, 3, 30, EE_LEDGER_PENDING)) == EE_LEDGER_CREATED);
    CHECK(book(move(3, 2, 3, 20, EE_LEDGER_PENDING)) == EE_LEDGER_CREATED);
    save(&before);
    const struct ee_ledger_transfer chain[] = {
        move(20, 1, 2, 50, EE_LEDGER_LINKED),
        resolve(21, 2, 25, EE_LEDGER_LINKED | EE_LEDGER_POST),
        timed,
        resolve(23, 22, EE_LEDGER_AMOUNT_MAX, EE_LEDGER_LINKED | EE_LEDGER_POST),
        resolve(24, 3, 0, EE_LEDGER_LINKED | EE_LEDGER_VOID),
        move(25, 2, 3, 9999, EE_LEDGER_LINKED | EE_LEDGER_BALANCING_DEBIT),
        resolve(26, 2, 1, EE_LEDGER_POST)};
    CHECK(ee_ledger_transfers_create(ledger, chain, 7, NULL, results) == EE_OK);
    for (int i = 0; i < 6; i++)
        CHECK(results[i] == EE_LEDGER_LINKED_EVENT_FAILED);
    CHECK(results[6] == EE_LEDGER_PENDING_TRANSFER_ALREADY_POSTED);
    CHECK(unchanged());
    CHECK(ee_ledger_transfers_create(ledger, chain, 6, NULL, results) == EE_OK);
    CHECK(results[5] == EE_LEDGER_LINKED_EVENT_CHAIN_OPEN && unchanged());
    close_ledger();
}

static void refused_event_of_a_chain_burns_its_own_id_only(void)
{
    enum ee_ledger_result results[3];
    struct ee_ledger_transfer chain[] = {move(20, 1, 2, 5, EE_LEDGER_LINKED),
                                         move(21, 2, 3, 6, EE_LEDGER_LINKED), move(22, 1, 3, 1, 0)};
    open_ledger();
    CHECK(ee_ledger_transfers_create(ledger, chain, 3, NULL, results) == EE_OK);
    CHECK(results[0] == EE_LEDGER_LINKED_EVENT_FAILED && results[1] == EE_LEDGER_EXCEEDS_CREDITS);
    CHECK(results[2] == EE_LEDGER_LINKED_EVENT_FAILED);
    CHECK(book(move(20, 1, 2, 5, 0)) == EE_LEDGER_CREATED);
    CHECK(book(move(21, 1, 2, 6, 0)) == EE_LEDGER_ID_ALREADY_FAILED);
    CHECK(book(move(22, 1, 3, 1, 0)) == EE_LEDGER_CREATED);
    close_ledger();
}

/* The longest chain there is, failing at its first, middle and last event. */
static void chain_of_8190_that_fails_anywhere(void)
{
    static struct ee_ledger_transfer chain[EE_LEDGER_BATCH_MAX];
    static enum ee_ledger_result results[EE_LEDGER_BATCH_MAX];
    static const uint32_t places[] = {0, EE_LEDGER_BATCH_MAX / 2, EE_LEDGER_BATCH_MAX - 1};
    open_ledger();
    save(&before);
    for (int p = 0; p < 3; p++) {
        for (uint32_t i = 0; i < EE_LEDGER_BATCH_MAX; i++)
            chain[i] = move(100 + i, 1, 2, 1, i + 1 < EE_LEDGER_BATCH_MAX ? EE_LEDGER_LINKED : 0);
        chain[places[p]].code = 0;
        CHECK(ee_ledger_transfers_create(ledger, chain, EE_LEDGER_BATCH_MAX, NULL, results) ==
              EE_OK);
        CHECK(results[places[p]] == EE_LEDGER_CODE_MUST_NOT_BE_ZERO && unchanged());
        chain[places[p]].code = 1;
    }
    CHECK(ee_ledger_transfers_create(ledger, chain, EE_LEDGER_BATCH_MAX, NULL, results) == EE_OK);
    CHECK(account(2)->credits_posted == EE_LEDGER_BATCH_MAX);
    close_ledger();
}

/* ---- amounts ---- */

static void post_of_nothing_releases_all(void)
{
    open_ledger();
    CHECK(book(move(1, 1, 2, 100, EE_LEDGER_PENDING)) == EE_LEDGER_CREATED);
    CHECK(book(resolve(2, 1, 0, EE_LEDGER_POST)) == EE_LEDGER_CREATED);
    CHECK(account(2)->credits_pending == 0 && account(2)->credits_posted == 0);
    CHECK(book(resolve(2, 1, 0, EE_LEDGER_POST)) == EE_LEDGER_EXISTS);
    CHECK(book(resolve(2, 1, EE_LEDGER_AMOUNT_MAX, EE_LEDGER_POST)) ==
          EE_LEDGER_EXISTS_WITH_DIFFERENT_AMOUNT);
    CHECK(book(resolve(3, 1, 0, EE_LEDGER_POST)) == EE_LEDGER_PENDING_TRANSFER_ALREADY_POSTED);
    close_ledger();
}

static void largest_amount_posts_all_and_can_itself_be_moved(void)
{
    open_ledger();
    CHECK(book(move(1, 1, 2, EE_LEDGER_AMOUNT_MAX, EE_LEDGER_PENDING)) == EE_LEDGER_CREATED);
    CHECK(book(resolve(2, 1, EE_LEDGER_AMOUNT_MAX, EE_LEDGER_POST)) == EE_LEDGER_CREATED);
    CHECK(account(2)->credits_posted == EE_LEDGER_AMOUNT_MAX);
    CHECK(book(move(3, 1, 2, 0, 0)) == EE_LEDGER_CREATED); /* nothing may always move */
    CHECK(book(move(4, 1, 2, 1, 0)) == EE_LEDGER_OVERFLOWS_DEBITS_POSTED);
    close_ledger();
}

static void balancing_moves_what_there_is(void)
{
    open_ledger();
    CHECK(book(move(1, 1, 2, 70, 0)) == EE_LEDGER_CREATED);
    CHECK(book(move(2, 2, 3, 20, EE_LEDGER_PENDING)) == EE_LEDGER_CREATED);
    CHECK(book(move(3, 2, 3, 1000, EE_LEDGER_BALANCING_DEBIT)) == EE_LEDGER_CREATED);
    CHECK(account(2)->debits_posted == 50 && account(3)->credits_posted == 50);
    CHECK(book(move(3, 2, 3, 50, EE_LEDGER_BALANCING_DEBIT)) == EE_LEDGER_EXISTS);
    CHECK(book(move(3, 2, 3, 49, EE_LEDGER_BALANCING_DEBIT)) ==
          EE_LEDGER_EXISTS_WITH_DIFFERENT_AMOUNT);
    CHECK(book(move(4, 2, 3, 9, EE_LEDGER_BALANCING_DEBIT)) == EE_LEDGER_CREATED); /* of nothing */
    CHECK(account(3)->credits_posted == 50);
    CHECK(book(move(5, 5, 1, 30, 0)) == EE_LEDGER_CREATED);
    CHECK(book(move(6, 1, 5, 1000, EE_LEDGER_BALANCING_CREDIT | EE_LEDGER_PENDING)) ==
          EE_LEDGER_CREATED);
    CHECK(account(5)->credits_pending == 30);
    CHECK(book(move(7, 3, 5, 1000, EE_LEDGER_BALANCING_CREDIT | EE_LEDGER_BALANCING_DEBIT)) ==
          EE_LEDGER_CREATED);
    CHECK(account(3)->debits_posted == 0);
    close_ledger();
}

/* ---- timeouts ---- */

static void timeouts_end_when_they_are_reached(void)
{
    uint32_t expired;
    open_ledger();
    for (uint32_t i = 1; i <= 4; i++) {
        struct ee_ledger_transfer t = move(i, 1, 2, i, EE_LEDGER_PENDING);
        t.timeout_s = 5 - i;
        CHECK(book(t) == EE_LEDGER_CREATED);
    }
    CHECK(book(resolve(10, 3, EE_LEDGER_AMOUNT_MAX, EE_LEDGER_POST)) == EE_LEDGER_CREATED);
    CHECK(ee_ledger_tick(ledger, 0, &expired) == EE_OK && expired == 0);
    CHECK(ee_ledger_tick(ledger, 2, &expired) == EE_OK && expired == 1); /* 4; 3 was posted */
    CHECK(account(2)->credits_pending == 3 && account(2)->credits_posted == 3);
    CHECK(book(resolve(11, 4, 0, EE_LEDGER_VOID)) == EE_LEDGER_PENDING_TRANSFER_EXPIRED);
    CHECK(book(resolve(12, 2, 0, EE_LEDGER_VOID)) == EE_LEDGER_CREATED);
    CHECK(ee_ledger_tick(ledger, 100, &expired) == EE_OK && expired == 1);
    CHECK(account(2)->credits_pending == 0 && ee_ledger_time_s(ledger) == 102);
    close_ledger();
}

/* Many reservations that are resolved long before their time do not pile up. */
static void resolved_timeouts_are_forgotten(void)
{
    uint32_t expired;
    open_ledger();
    struct ee_ledger_transfer t = move(5, 1, 2, 1, EE_LEDGER_PENDING);
    t.timeout_s = 2000000000;
    CHECK(book(t) == EE_LEDGER_CREATED);
    save(&before);
    for (uint32_t i = 0; i < 4000; i++) {
        t.id = id(100 + 2 * i);
        t.timeout_s = 1000000000 - i;
        CHECK(book(t) == EE_LEDGER_CREATED);
        CHECK(book(resolve(101 + 2 * i, 100 + 2 * i, 0, EE_LEDGER_VOID)) == EE_LEDGER_CREATED);
    }
    save(&after);
    CHECK(after.size - before.size < 8000 * 40 + 1100 * 32);
    CHECK(ee_ledger_tick(ledger, 2000000000, &expired) == EE_OK && expired == 1);
    CHECK(account(2)->credits_pending == 0);
    close_ledger();
}

/* ---- the window ---- */

static struct ee_ledger_limits small_window(void)
{
    return (struct ee_ledger_limits){
        .accounts = 100, .transfers = 4, .window = true, .reservations = 2};
}

static void rows_that_left_are_found_when_they_are_brought(void)
{
    struct ee_ledger_id missing[2];
    open_with(small_window());
    CHECK(book(move(1, 1, 2, 10, EE_LEDGER_PENDING)) == EE_LEDGER_CREATED);
    CHECK(book(resolve(2, 1, 4, EE_LEDGER_POST)) == EE_LEDGER_CREATED);
    for (uint32_t i = 3; i <= 6; i++)
        CHECK(book(move(i, 1, 2, 1, 0)) == EE_LEDGER_CREATED);
    struct ee_ledger_pasts pasts = ee_ledger_past_rows(ledger);
    REQUIRE(pasts.count == 2 && pasts.rows[0].number == 0 && pasts.rows[1].number == 1);
    struct ee_ledger_past kept[2] = {pasts.rows[0], pasts.rows[1]};
    pasts.rows = kept;
    ee_ledger_past_clear(ledger);
    struct ee_ledger_transfer again = resolve(2, 1, 4, EE_LEDGER_POST);
    CHECK(ee_ledger_missing(ledger, &again, 1, missing) == 2);
    CHECK(book_with(again, &pasts) == EE_LEDGER_EXISTS);
    again.amount = 5;
    CHECK(book_with(again, &pasts) == EE_LEDGER_EXISTS_WITH_DIFFERENT_AMOUNT);
    CHECK(book_with(resolve(9, 1, 0, EE_LEDGER_VOID), &pasts) ==
          EE_LEDGER_PENDING_TRANSFER_ALREADY_POSTED);
    CHECK(book_with(move(1, 1, 2, 11, EE_LEDGER_PENDING), &pasts) ==
          EE_LEDGER_EXISTS_WITH_DIFFERENT_AMOUNT);
    kept[0] = kept[1];
    enum ee_ledger_result result;
    CHECK(ee_ledger_transfers_create(ledger, &again, 1, &pasts, &result) ==
          EE_RANGE); /* unsorted */
    close_ledger();
}

static void open_reservations_stay_until_they_are_resolved(void)
{
    uint32_t expired;
    open_with(small_window());
    struct ee_ledger_transfer timed = move(2, 1, 2, 7, EE_LEDGER_PENDING);
    timed.timeout_s = 3;
    CHECK(book(move(1, 1, 2, 10, EE_LEDGER_PENDING)) == EE_LEDGER_CREATED);
    CHECK(book(timed) == EE_LEDGER_CREATED);
    for (uint32_t i = 3; i <= 9; i++)
        CHECK(book(move(i, 1, 2, 1, 0)) == EE_LEDGER_CREATED);
    CHECK(ee_ledger_past_rows(ledger).count == 3);
    CHECK(book(resolve(10, 1, 4, EE_LEDGER_POST)) == EE_LEDGER_CREATED);
    CHECK(account(2)->credits_posted == 11 && account(2)->credits_pending == 7);
    CHECK(ee_ledger_past_rows(ledger).count == 5); /* the reservation and one by the window */
    CHECK(ee_ledger_tick(ledger, 3, &expired) == EE_OK && expired == 1);
    CHECK(account(2)->credits_pending == 0 && ee_ledger_past_rows(ledger).count == 6);
    CHECK(ee_ledger_save(ledger, take_in, &before) == EE_STATE); /* rows not yet taken */
    close_ledger();
}

static void reservations_that_do_not_fit_are_full(void)
{
    enum ee_ledger_result result;
    open_with(small_window());
    for (uint32_t i = 1; i <= 6; i++)
        CHECK(book(move(i, 1, 2, 1, EE_LEDGER_PENDING)) == EE_LEDGER_CREATED);
    ee_ledger_past_clear(ledger);
    save(&before);
    const struct ee_ledger_transfer t = move(7, 1, 2, 1, EE_LEDGER_PENDING);
    CHECK(ee_ledger_transfers_create(ledger, &t, 1, NULL, &result) == EE_FULL && unchanged());
    CHECK(ee_ledger_reserve(ledger, 0, EE_LEDGER_BATCH_MAX + 1) == EE_TOO_LARGE);
    close_ledger();
}

/* ---- saving and loading ---- */

static struct ee_ledger *load(struct ee_ledger_limits limits, enum ee_err expected)
{
    struct ee_ledger *loaded = NULL;
    before.at = 0;
    CHECK(ee_ledger_load(&ee_allocator_system, &limits, give_out, &before, &loaded) == expected);
    return loaded;
}

static void saved_state_goes_on_as_before(void)
{
    uint32_t expired;
    open_with(small_window());
    struct ee_ledger_transfer timed = move(1, 1, 2, 7, EE_LEDGER_PENDING);
    timed.timeout_s = 3;
    CHECK(book(timed) == EE_LEDGER_CREATED);
    for (uint32_t i = 3; i <= 9; i++)
        CHECK(book(move(i, 1, 2, 1, 0)) == EE_LEDGER_CREATED);
    ee_ledger_past_clear(ledger);
    save(&before);
    struct ee_ledger *loaded = load(small_window(), EE_OK);
    ee_ledger_free(ledger);
    ledger = loaded;
    REQUIRE(ledger != NULL && unchanged());
    CHECK(book(move(9, 1, 2, 1, 0)) == EE_LEDGER_EXISTS);
    CHECK(ee_ledger_tick(ledger, 3, &expired) == EE_OK && expired == 1);
    CHECK(account(2)->credits_pending == 0 && account(2)->credits_posted == 7);
    close_ledger();
}

static void saved_state_cut_or_changed_is_refused(void)
{
    struct ee_ledger_limits smaller = small_window();
    open_with(small_window());
    for (uint32_t i = 1; i <= 4; i++)
        CHECK(book(move(i, 1, 2, 1, EE_LEDGER_PENDING)) == EE_LEDGER_CREATED);
    save(&before);
    size_t whole = before.size;
    for (before.size = 0; before.size < whole; before.size++)
        CHECK(load(small_window(), EE_TRUNCATED) == NULL);
    smaller.transfers = 3;
    CHECK(load(smaller, EE_FULL) == NULL);
    before.bytes[1] ^= 1;
    CHECK(load(small_window(), EE_SYNTAX) == NULL);
    before.bytes[1] ^= 1;
    before.bytes[whole - 1] = 99; /* the state of the last row */
    CHECK(load(small_window(), EE_RANGE) == NULL);
    close_ledger();
}

TESTS(TEST(failed_chain_leaves_the_same_bytes),
      TEST(refused_event_of_a_chain_burns_its_own_id_only), TEST(chain_of_8190_that_fails_anywhere),
      TEST(post_of_nothing_releases_all), TEST(largest_amount_posts_all_and_can_itself_be_moved),
      TEST(balancing_moves_what_there_is), TEST(timeouts_end_when_they_are_reached),
      TEST(resolved_timeouts_are_forgotten), TEST(rows_that_left_are_found_when_they_are_brought),
      TEST(open_reservations_stay_until_they_are_resolved),
      TEST(reservations_that_do_not_fit_are_full), TEST(saved_state_goes_on_as_before),
      TEST(saved_state_cut_or_changed_is_refused))
