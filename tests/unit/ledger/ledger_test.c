/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/ledger.h"

#include <stdlib.h>

#include "tap.h"

static struct ee_ledger *ledger;

static struct ee_ledger_id id(uint8_t number)
{
    return (struct ee_ledger_id){{number}};
}

static const struct ee_ledger_id id_max = {
    {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}};

/* Account 1 may go below zero, 2 and 3 may not, 4 is of another ledger, 5 is debit-normal. */
static void open_ledger(void)
{
    enum ee_ledger_result results[5];
    const struct ee_ledger_account accounts[] = {
        {.id = id(1), .ledger = 1, .code = 1},
        {.id = id(2), .ledger = 1, .code = 1, .flags = EE_LEDGER_DEBITS_MUST_NOT_EXCEED_CREDITS},
        {.id = id(3), .ledger = 1, .code = 1, .flags = EE_LEDGER_DEBITS_MUST_NOT_EXCEED_CREDITS},
        {.id = id(4), .ledger = 2, .code = 1},
        {.id = id(5), .ledger = 1, .code = 1, .flags = EE_LEDGER_CREDITS_MUST_NOT_EXCEED_DEBITS}};
    ledger = ee_ledger_new(&ee_allocator_system,
                           &(struct ee_ledger_limits){.accounts = 100, .transfers = 100});
    CHECK(ee_ledger_accounts_create(ledger, accounts, 5, results) == EE_OK);
    for (int i = 0; i < 5; i++)
        CHECK(results[i] == EE_LEDGER_CREATED);
}

static void close_ledger(void)
{
    CHECK(ee_ledger_balanced(ledger));
    ee_ledger_free(ledger);
}

static struct ee_ledger_transfer move(uint8_t number, uint8_t debit, uint8_t credit,
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

static struct ee_ledger_transfer resolve(uint8_t number, uint8_t pending, uint64_t amount,
                                         uint16_t flags)
{
    return (struct ee_ledger_transfer){
        .id = id(number), .pending_id = id(pending), .amount = amount, .flags = flags};
}

/* Books one; what check says before is what booking answers. */
static enum ee_ledger_result book(struct ee_ledger_transfer transfer)
{
    enum ee_ledger_result result, expected = ee_ledger_transfer_check(ledger, &transfer);
    CHECK(ee_ledger_transfers_create(ledger, &transfer, 1, NULL, &result) == EE_OK);
    CHECK((transfer.flags & EE_LEDGER_LINKED) || result == expected);
    return result;
}

static const struct ee_ledger_account *account(uint8_t number)
{
    const struct ee_ledger_id wanted = id(number);
    return ee_ledger_account_find(ledger, &wanted);
}

static enum ee_ledger_result create(struct ee_ledger_account event)
{
    enum ee_ledger_result result;
    CHECK(ee_ledger_accounts_create(ledger, &event, 1, &result) == EE_OK);
    return result;
}

/* ---- accounts ---- */

static void account_rules_one_by_one(void)
{
    const struct ee_ledger_account good = {.id = id(9), .ledger = 1, .code = 1};
    struct ee_ledger_account bad;
    open_ledger();
#define BAD(expected, change)                                                                      \
    bad = good;                                                                                    \
    change;                                                                                        \
    CHECK(create(bad) == EE_LEDGER_##expected)
    BAD(RESERVED_FLAG, bad.flags = 64);
    BAD(ID_MUST_NOT_BE_ZERO, bad.id = id(0));
    BAD(ID_MUST_NOT_BE_INT_MAX, bad.id = id_max);
    BAD(FLAGS_ARE_MUTUALLY_EXCLUSIVE, bad.flags = 6);
    BAD(DEBITS_PENDING_MUST_BE_ZERO, bad.debits_pending = 1);
    BAD(DEBITS_POSTED_MUST_BE_ZERO, bad.debits_posted = 1);
    BAD(CREDITS_PENDING_MUST_BE_ZERO, bad.credits_pending = 1);
    BAD(CREDITS_POSTED_MUST_BE_ZERO, bad.credits_posted = 1);
    BAD(LEDGER_MUST_NOT_BE_ZERO, bad.ledger = 0);
    BAD(CODE_MUST_NOT_BE_ZERO, bad.code = 0);
    CHECK(account(9) == NULL && create(good) == EE_LEDGER_CREATED);
    BAD(EXISTS, (void)0);
    BAD(EXISTS_WITH_DIFFERENT_FLAGS, bad.flags = 2);
    BAD(EXISTS_WITH_DIFFERENT_LEDGER, bad.ledger = 2);
    BAD(EXISTS_WITH_DIFFERENT_CODE, bad.code = 2);
#undef BAD
    close_ledger();
}

static void linked_accounts_are_made_together_or_not_at_all(void)
{
    enum ee_ledger_result results[3];
    struct ee_ledger_account chain[] = {
        {.id = id(10), .ledger = 1, .code = 1, .flags = EE_LEDGER_ACCOUNT_LINKED},
        {.id = id(11), .ledger = 1, .code = 0},
        {.id = id(12), .ledger = 1, .code = 1}};
    open_ledger();
    CHECK(ee_ledger_accounts_create(ledger, chain, 3, results) == EE_OK);
    CHECK(results[0] == EE_LEDGER_LINKED_EVENT_FAILED);
    CHECK(results[1] == EE_LEDGER_CODE_MUST_NOT_BE_ZERO && results[2] == EE_LEDGER_CREATED);
    CHECK(account(10) == NULL && account(11) == NULL && account(12) != NULL);
    close_ledger();
}

/* ---- single transfers ---- */

static void transfer_rules_one_by_one(void)
{
    struct ee_ledger_transfer bad;
    open_ledger();
#define BAD(expected, change)                                                                      \
    bad = move(1, 1, 2, 5, 0);                                                                     \
    change;                                                                                        \
    CHECK(book(bad) == EE_LEDGER_##expected)
    BAD(RESERVED_FLAG, bad.flags = 64);
    BAD(ID_MUST_NOT_BE_ZERO, bad.id = id(0));
    BAD(ID_MUST_NOT_BE_INT_MAX, bad.id = id_max);
    BAD(DEBIT_ACCOUNT_ID_MUST_NOT_BE_ZERO, bad.debit_account = id(0));
    BAD(DEBIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX, bad.debit_account = id_max);
    BAD(CREDIT_ACCOUNT_ID_MUST_NOT_BE_ZERO, bad.credit_account = id(0));
    BAD(CREDIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX, bad.credit_account = id_max);
    BAD(ACCOUNTS_MUST_BE_DIFFERENT, bad.credit_account = id(1));
    BAD(PENDING_ID_MUST_BE_ZERO, bad.pending_id = id(7));
    BAD(LEDGER_MUST_NOT_BE_ZERO, bad.ledger = 0);
    BAD(CODE_MUST_NOT_BE_ZERO, bad.code = 0);
    BAD(DEBIT_ACCOUNT_NOT_FOUND, bad.id = id(31); bad.debit_account = id(77));
    BAD(CREDIT_ACCOUNT_NOT_FOUND, bad.id = id(32); bad.credit_account = id(77));
    BAD(ACCOUNTS_MUST_HAVE_THE_SAME_LEDGER, bad.credit_account = id(4));
    BAD(TRANSFER_MUST_HAVE_THE_SAME_LEDGER_AS_ACCOUNTS, bad.ledger = 2);
    BAD(EXCEEDS_CREDITS, bad.id = id(33); bad.debit_account = id(2); bad.credit_account = id(3));
    BAD(EXCEEDS_DEBITS, bad.id = id(34); bad.credit_account = id(5));
    CHECK(account(2)->credits_posted == 0);
    BAD(CREATED, (void)0);
    BAD(EXISTS, (void)0);
    BAD(EXISTS_WITH_DIFFERENT_FLAGS, bad.flags = EE_LEDGER_PENDING);
    BAD(EXISTS_WITH_DIFFERENT_PENDING_ID, bad.pending_id = id(7));
    BAD(EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID, bad.debit_account = id(3));
    BAD(EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID, bad.credit_account = id(3));
    BAD(EXISTS_WITH_DIFFERENT_AMOUNT, bad.amount++);
    BAD(EXISTS_WITH_DIFFERENT_LEDGER, bad.ledger = 2);
    BAD(EXISTS_WITH_DIFFERENT_CODE, bad.code = 2);
#undef BAD
    CHECK(account(2)->credits_posted == 5 && account(1)->debits_posted == 5);
    close_ledger();
}

static void counters_that_would_overflow(void)
{
    open_ledger();
    CHECK(book(move(1, 1, 2, UINT64_MAX - 1, 0)) == EE_LEDGER_CREATED);
    CHECK(book(move(2, 1, 3, 2, 0)) == EE_LEDGER_OVERFLOWS_DEBITS_POSTED);
    CHECK(book(move(3, 3, 2, 2, 0)) == EE_LEDGER_OVERFLOWS_CREDITS_POSTED);
    CHECK(book(move(4, 1, 3, 1, EE_LEDGER_PENDING)) == EE_LEDGER_CREATED);
    CHECK(book(move(5, 1, 3, 1, 0)) == EE_LEDGER_OVERFLOWS_DEBITS);
    CHECK(book(move(6, 1, 3, UINT64_MAX, EE_LEDGER_PENDING)) == EE_LEDGER_OVERFLOWS_DEBITS_PENDING);
    CHECK(book(move(7, 5, 3, UINT64_MAX, EE_LEDGER_PENDING)) ==
          EE_LEDGER_OVERFLOWS_CREDITS_PENDING);
    CHECK(book(move(8, 5, 3, UINT64_MAX, 0)) == EE_LEDGER_OVERFLOWS_CREDITS);
    close_ledger();
}

/* ---- two phases ---- */

static void pending_counts_against_the_limit_until_it_is_resolved(void)
{
    open_ledger();
    CHECK(book(move(1, 1, 2, 100, 0)) == EE_LEDGER_CREATED);
    CHECK(book(move(2, 2, 3, 60, EE_LEDGER_PENDING)) == EE_LEDGER_CREATED);
    CHECK(account(2)->debits_pending == 60 && account(3)->credits_pending == 60);
    CHECK(book(move(3, 2, 3, 41, 0)) == EE_LEDGER_EXCEEDS_CREDITS);
    CHECK(book(move(4, 3, 2, 1, 0)) == EE_LEDGER_EXCEEDS_CREDITS); /* incoming is not yet there */
    CHECK(book(resolve(5, 2, 0, EE_LEDGER_VOID)) == EE_LEDGER_CREATED);
    CHECK(account(2)->debits_pending == 0 && account(3)->credits_pending == 0);
    CHECK(book(move(6, 2, 3, 100, 0)) == EE_LEDGER_CREATED);
    close_ledger();
}

static void post_in_full_or_in_part_returns_the_rest(void)
{
    open_ledger();
    CHECK(book(move(1, 1, 2, 100, 0)) == EE_LEDGER_CREATED);
    CHECK(book(move(2, 2, 3, 60, EE_LEDGER_PENDING)) == EE_LEDGER_CREATED);
    CHECK(book(resolve(3, 2, 25, EE_LEDGER_POST)) == EE_LEDGER_CREATED);
    CHECK(account(2)->debits_posted == 25 && account(2)->debits_pending == 0);
    CHECK(account(3)->credits_posted == 25 && account(3)->credits_pending == 0);
    CHECK(book(move(4, 2, 3, 75, EE_LEDGER_PENDING)) == EE_LEDGER_CREATED);
    CHECK(book(resolve(5, 4, EE_LEDGER_AMOUNT_MAX, EE_LEDGER_POST)) == EE_LEDGER_CREATED);
    CHECK(account(3)->credits_posted == 100);
    const struct ee_ledger_id posted = id(5);
    CHECK(ee_ledger_row_find(ledger, &posted)->amount == 75);
    close_ledger();
}

static void resolving_rules_one_by_one(void)
{
    struct ee_ledger_transfer bad;
    open_ledger();
    CHECK(book(move(1, 1, 2, 100, 0)) == EE_LEDGER_CREATED);
    CHECK(book(move(2, 2, 3, 60, EE_LEDGER_PENDING)) == EE_LEDGER_CREATED);
#define BAD(expected, change)                                                                      \
    bad = resolve(9, 2, 60, EE_LEDGER_POST);                                                       \
    change;                                                                                        \
    CHECK(book(bad) == EE_LEDGER_##expected)
    BAD(FLAGS_ARE_MUTUALLY_EXCLUSIVE, bad.flags = EE_LEDGER_POST | EE_LEDGER_VOID);
    BAD(FLAGS_ARE_MUTUALLY_EXCLUSIVE, bad.flags = EE_LEDGER_POST | EE_LEDGER_PENDING);
    BAD(PENDING_ID_MUST_NOT_BE_ZERO, bad.pending_id = id(0));
    BAD(PENDING_ID_MUST_NOT_BE_INT_MAX, bad.pending_id = id_max);
    BAD(PENDING_ID_MUST_BE_DIFFERENT, bad.pending_id = id(9));
    BAD(PENDING_TRANSFER_NOT_FOUND, bad.id = id(35); bad.pending_id = id(77));
    BAD(PENDING_TRANSFER_NOT_PENDING, bad.pending_id = id(1));
    BAD(PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID, bad.debit_account = id(3));
    BAD(PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID, bad.credit_account = id(2));
    BAD(PENDING_TRANSFER_HAS_DIFFERENT_LEDGER, bad.ledger = 2);
    BAD(PENDING_TRANSFER_HAS_DIFFERENT_CODE, bad.code = 2);
    BAD(EXCEEDS_PENDING_TRANSFER_AMOUNT, bad.amount = 61);
    BAD(PENDING_TRANSFER_HAS_DIFFERENT_AMOUNT, bad.flags = EE_LEDGER_VOID; bad.amount = 59);
    BAD(CREATED, (void)0);
    BAD(EXISTS, (void)0);
    BAD(EXISTS, bad.amount = EE_LEDGER_AMOUNT_MAX);
    BAD(EXISTS, bad.debit_account = id(2); bad.ledger = 1);
    BAD(EXISTS_WITH_DIFFERENT_AMOUNT, bad.amount = 59);
    BAD(EXISTS_WITH_DIFFERENT_FLAGS, bad.flags = EE_LEDGER_VOID);
    BAD(PENDING_TRANSFER_ALREADY_POSTED, bad.id = id(10));
    CHECK(book(move(20, 2, 3, 10, EE_LEDGER_PENDING)) == EE_LEDGER_CREATED);
    CHECK(book(resolve(21, 20, 10, EE_LEDGER_VOID)) == EE_LEDGER_CREATED);
    BAD(PENDING_TRANSFER_ALREADY_VOIDED, bad.id = id(11); bad.pending_id = id(20); bad.amount = 1);
#undef BAD
    CHECK(account(3)->credits_posted == 60);
    close_ledger();
}

/* ---- chains ---- */

static void chain_whose_last_event_fails_leaves_no_trace(void)
{
    enum ee_ledger_result results[5];
    struct ee_ledger_transfer batch[] = {move(1, 1, 2, 50, 0), move(2, 1, 2, 50, EE_LEDGER_LINKED),
                                         move(3, 2, 3, 80, EE_LEDGER_LINKED | EE_LEDGER_PENDING),
                                         resolve(4, 3, 80, EE_LEDGER_LINKED | EE_LEDGER_POST),
                                         move(5, 2, 3, 21, 0)};
    open_ledger();
    CHECK(ee_ledger_transfers_create(ledger, batch, 5, NULL, results) == EE_OK);
    CHECK(results[0] == EE_LEDGER_CREATED && results[4] == EE_LEDGER_EXCEEDS_CREDITS);
    for (int i = 1; i < 4; i++)
        CHECK(results[i] == EE_LEDGER_LINKED_EVENT_FAILED);
    CHECK(ee_ledger_entries(ledger) == 2 && account(2)->credits_posted == 50);
    CHECK(account(2)->debits_pending == 0 && account(3)->credits_posted == 0);
    batch[4].amount = 20;
    CHECK(ee_ledger_transfers_create(ledger, batch + 1, 4, NULL, results) == EE_OK);
    CHECK(results[3] == EE_LEDGER_ID_ALREADY_FAILED && account(3)->credits_posted == 0);
    batch[4].id = id(6);
    CHECK(ee_ledger_transfers_create(ledger, batch + 1, 4, NULL, results) == EE_OK);
    for (int i = 0; i < 4; i++)
        CHECK(results[i] == EE_LEDGER_CREATED);
    CHECK(account(3)->credits_posted == 100);
    close_ledger();
}

static void chain_that_the_batch_leaves_open(void)
{
    enum ee_ledger_result results[2];
    const struct ee_ledger_transfer batch[] = {move(1, 1, 2, 50, EE_LEDGER_LINKED),
                                               move(2, 1, 2, 50, EE_LEDGER_LINKED)};
    open_ledger();
    CHECK(ee_ledger_transfers_create(ledger, batch, 2, NULL, results) == EE_OK);
    CHECK(results[0] == EE_LEDGER_LINKED_EVENT_FAILED);
    CHECK(results[1] == EE_LEDGER_LINKED_EVENT_CHAIN_OPEN);
    CHECK(account(2)->credits_posted == 0);
    close_ledger();
}

/* ---- limits and memory ---- */

static void full_ledger_changes_nothing(void)
{
    enum ee_ledger_result results[2];
    const struct ee_ledger_account accounts[] = {{.id = id(1), .ledger = 1, .code = 1},
                                                 {.id = id(2), .ledger = 1, .code = 1}};
    const struct ee_ledger_transfer transfers[] = {move(1, 1, 2, 5, 0), move(2, 1, 2, 5, 0)};
    ledger = ee_ledger_new(&ee_allocator_system,
                           &(struct ee_ledger_limits){.accounts = 2, .transfers = 1});
    CHECK(ee_ledger_accounts_create(ledger, accounts, 2, results) == EE_OK);
    CHECK(ee_ledger_accounts_create(ledger, accounts, 1, results) == EE_FULL);
    CHECK(ee_ledger_transfers_create(ledger, transfers, 2, NULL, results) == EE_FULL);
    CHECK(ee_ledger_entries(ledger) == 0 && account(2)->credits_posted == 0);
    CHECK(ee_ledger_transfers_create(ledger, transfers, 1, NULL, results) == EE_OK);
    close_ledger();
}

struct budget {
    int left, held;
};

static void *budget_resize(void *context, void *memory, size_t size)
{
    struct budget *b = context;
    if (b->left-- <= 0)
        return NULL;
    b->held += !memory;
    return realloc(memory, size ? size : 1);
}

static void budget_release(void *context, void *memory)
{
    ((struct budget *)context)->held--;
    free(memory);
}

static void memory_that_fails_changes_nothing_and_leaks_nothing(void)
{
    const struct ee_ledger_account accounts[] = {{.id = id(1), .ledger = 1, .code = 1},
                                                 {.id = id(2), .ledger = 1, .code = 1}};
    for (int calls = 0; calls < 8; calls++) {
        enum ee_ledger_result results[2];
        struct budget b = {.left = calls};
        const struct ee_allocator allocator = {&b, budget_resize, budget_release};
        ledger =
            ee_ledger_new(&allocator, &(struct ee_ledger_limits){.accounts = 10, .transfers = 10});
        CHECK((ledger != NULL) == (calls > 0));
        if (ledger) {
            enum ee_err err = ee_ledger_accounts_create(ledger, accounts, 2, results);
            CHECK(err == (calls < 3 ? EE_NO_MEMORY : EE_OK));
            CHECK(ee_ledger_accounts(ledger) == (calls < 3 ? 0 : 2));
            const struct ee_ledger_transfer transfer = move(1, 1, 2, 5, 0);
            err = ee_ledger_transfers_create(ledger, &transfer, 1, NULL, results);
            CHECK(err == (calls < 6 ? EE_NO_MEMORY : EE_OK));
        }
        ee_ledger_free(ledger);
        CHECK(b.held == 0);
    }
}

static void every_result_has_its_documented_name(void)
{
    CHECK(strcmp(ee_ledger_result_name(EE_LEDGER_EXCEEDS_CREDITS), "exceeds_credits") == 0);
    CHECK(strcmp(ee_ledger_result_name(EE_LEDGER_CREATED), "created") == 0);
    CHECK(strcmp(ee_ledger_result_name((enum ee_ledger_result)999), "unknown") == 0);
}

TESTS(TEST(account_rules_one_by_one), TEST(linked_accounts_are_made_together_or_not_at_all),
      TEST(transfer_rules_one_by_one), TEST(counters_that_would_overflow),
      TEST(pending_counts_against_the_limit_until_it_is_resolved),
      TEST(post_in_full_or_in_part_returns_the_rest), TEST(resolving_rules_one_by_one),
      TEST(chain_whose_last_event_fails_leaves_no_trace), TEST(chain_that_the_batch_leaves_open),
      TEST(full_ledger_changes_nothing), TEST(memory_that_fails_changes_nothing_and_leaks_nothing),
      TEST(every_result_has_its_documented_name))
