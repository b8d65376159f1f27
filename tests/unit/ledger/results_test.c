/* SPDX-License-Identifier: Apache-2.0 */
/* One test per result of create_transfers and create_accounts, named after it; then pairs, where
 * one event breaks two rules and the earlier one answers (docs/spec/ledger.md, "Results"). */
#include "ledger/ledger.h"

#include "tap.h"

/* Accounts: 1 free; 2 and 3 credit-normal and limited; 4 of ledger 2; 5 debit-normal and limited;
 * 6 closed. Transfers: 1 moves 100 from 1 to 2; 2 reserves 60 of 2 for 3; 3 was posted by 13, 4
 * voided by 14, 5 expired; 6 was refused. Ids below 20 are taken, 77 is of nothing. */
static struct ee_ledger *ledger;

static struct ee_ledger_id id(uint8_t number)
{
    struct ee_ledger_id made = {{0}};
    memset(made.bytes, number == 255 ? 255 : 0, sizeof(made.bytes));
    made.bytes[15] = number;
    return made;
}

#define INT_MAX_ID 255

static enum ee_ledger_result book(struct ee_ledger_transfer t)
{
    enum ee_ledger_result result;
    if (ee_ledger_transfers_create(ledger, &t, 1, NULL, &result) != EE_OK)
        return EE_LEDGER_LINKED_EVENT_FAILED;
    return result;
}

static enum ee_ledger_result create(struct ee_ledger_account a)
{
    enum ee_ledger_result result;
    if (ee_ledger_accounts_create(ledger, &a, 1, &result) != EE_OK)
        return EE_LEDGER_LINKED_EVENT_FAILED;
    return result;
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

static void open_ledger(void)
{
    static const uint16_t flags[] = {0,
                                     0,
                                     EE_LEDGER_DEBITS_MUST_NOT_EXCEED_CREDITS,
                                     EE_LEDGER_DEBITS_MUST_NOT_EXCEED_CREDITS,
                                     0,
                                     EE_LEDGER_CREDITS_MUST_NOT_EXCEED_DEBITS,
                                     EE_LEDGER_ACCOUNT_CLOSED};
    uint32_t expired = 0;
    ledger = ee_ledger_new(&ee_allocator_system,
                           &(struct ee_ledger_limits){.accounts = 100, .transfers = 100});
    for (uint8_t i = 1; i <= 6; i++)
        CHECK(create((struct ee_ledger_account){
                  .id = id(i), .ledger = i == 4 ? 2 : 1, .code = 1, .flags = flags[i]}) ==
              EE_LEDGER_CREATED);
    CHECK(book(move(1, 1, 2, 100, 0)) == EE_LEDGER_CREATED);
    CHECK(book(move(2, 2, 3, 60, EE_LEDGER_PENDING)) == EE_LEDGER_CREATED);
    CHECK(book(move(3, 1, 3, 10, EE_LEDGER_PENDING)) == EE_LEDGER_CREATED);
    CHECK(book(move(4, 1, 3, 10, EE_LEDGER_PENDING)) == EE_LEDGER_CREATED);
    struct ee_ledger_transfer timed = move(5, 1, 3, 10, EE_LEDGER_PENDING);
    timed.timeout_s = 1;
    CHECK(book(timed) == EE_LEDGER_CREATED);
    CHECK(book(resolve(13, 3, EE_LEDGER_AMOUNT_MAX, EE_LEDGER_POST)) == EE_LEDGER_CREATED);
    CHECK(book(resolve(14, 4, 0, EE_LEDGER_VOID)) == EE_LEDGER_CREATED);
    CHECK(ee_ledger_tick(ledger, 1, &expired) == EE_OK && expired == 1);
    CHECK(book(move(6, 3, 1, 11, 0)) == EE_LEDGER_EXCEEDS_CREDITS);
}

static void close_ledger(void)
{
    CHECK(ee_ledger_balanced(ledger));
    ee_ledger_free(ledger);
}

/* A test named `name`: the transfer `start`, changed, answers `expected`. */
#define TRANSFER(name, expected, start, change)                                                    \
    static void name(void)                                                                         \
    {                                                                                              \
        open_ledger();                                                                             \
        struct ee_ledger_transfer t = start;                                                       \
        change;                                                                                    \
        CHECK(book(t) == EE_LEDGER_##expected);                                                    \
        close_ledger();                                                                            \
    }
#define ACCOUNT(name, expected, change)                                                            \
    static void name(void)                                                                         \
    {                                                                                              \
        open_ledger();                                                                             \
        struct ee_ledger_account a = {.id = id(9), .ledger = 1, .code = 1};                        \
        change;                                                                                    \
        CHECK(create(a) == EE_LEDGER_##expected);                                                  \
        close_ledger();                                                                            \
    }
#define MOVE move(20, 1, 3, 5, 0)
#define POST resolve(20, 2, 60, EE_LEDGER_POST)
#define TWICE move(1, 1, 2, 100, 0)
#define PENDING_TWICE move(2, 2, 3, 60, EE_LEDGER_PENDING)
#define POSTED_TWICE resolve(13, 3, 10, EE_LEDGER_POST)

/* ---- transfers, in order of precedence ---- */

TRANSFER(created, CREATED, MOVE, (void)0)
TRANSFER(linked_event_chain_open, LINKED_EVENT_CHAIN_OPEN, MOVE, t.flags = EE_LEDGER_LINKED)
TRANSFER(reserved_flag, RESERVED_FLAG, MOVE, t.flags = 64)
TRANSFER(id_must_not_be_zero, ID_MUST_NOT_BE_ZERO, MOVE, t.id = id(0))
TRANSFER(id_must_not_be_int_max, ID_MUST_NOT_BE_INT_MAX, MOVE, t.id = id(INT_MAX_ID))
TRANSFER(exists_with_different_flags, EXISTS_WITH_DIFFERENT_FLAGS, TWICE,
         t.flags = EE_LEDGER_PENDING)
TRANSFER(exists_with_different_pending_id, EXISTS_WITH_DIFFERENT_PENDING_ID, POSTED_TWICE,
         t.pending_id = id(2))
TRANSFER(exists_with_different_pending_id_on_a_move, EXISTS_WITH_DIFFERENT_PENDING_ID, TWICE,
         t.pending_id = id(2))
TRANSFER(exists_with_different_timeout, EXISTS_WITH_DIFFERENT_TIMEOUT, PENDING_TWICE,
         t.timeout_s = 1)
TRANSFER(exists_with_different_debit_account_id, EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID, TWICE,
         t.debit_account = id(3))
TRANSFER(exists_with_different_credit_account_id, EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID, TWICE,
         t.credit_account = id(3))
TRANSFER(exists_with_different_amount, EXISTS_WITH_DIFFERENT_AMOUNT, TWICE, t.amount = 99)
TRANSFER(exists_with_different_ledger, EXISTS_WITH_DIFFERENT_LEDGER, TWICE, t.ledger = 2)
TRANSFER(exists_with_different_code, EXISTS_WITH_DIFFERENT_CODE, TWICE, t.code = 2)
TRANSFER(exists, EXISTS, TWICE, (void)0)
TRANSFER(id_already_failed, ID_ALREADY_FAILED, move(6, 1, 3, 1, 0), (void)0)
TRANSFER(flags_are_mutually_exclusive, FLAGS_ARE_MUTUALLY_EXCLUSIVE, POST,
         t.flags |= EE_LEDGER_VOID)
TRANSFER(flags_are_mutually_exclusive_post_and_pending, FLAGS_ARE_MUTUALLY_EXCLUSIVE, POST,
         t.flags |= EE_LEDGER_PENDING)
TRANSFER(flags_are_mutually_exclusive_void_and_balancing, FLAGS_ARE_MUTUALLY_EXCLUSIVE, POST,
         t.flags = EE_LEDGER_VOID | EE_LEDGER_BALANCING_CREDIT)
TRANSFER(debit_account_id_must_not_be_zero, DEBIT_ACCOUNT_ID_MUST_NOT_BE_ZERO, MOVE,
         t.debit_account = id(0))
TRANSFER(debit_account_id_must_not_be_int_max, DEBIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX, MOVE,
         t.debit_account = id(INT_MAX_ID))
TRANSFER(credit_account_id_must_not_be_zero, CREDIT_ACCOUNT_ID_MUST_NOT_BE_ZERO, MOVE,
         t.credit_account = id(0))
TRANSFER(credit_account_id_must_not_be_int_max, CREDIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX, MOVE,
         t.credit_account = id(INT_MAX_ID))
TRANSFER(accounts_must_be_different, ACCOUNTS_MUST_BE_DIFFERENT, MOVE, t.credit_account = id(1))
TRANSFER(pending_id_must_be_zero, PENDING_ID_MUST_BE_ZERO, MOVE, t.pending_id = id(2))
TRANSFER(pending_id_must_not_be_zero, PENDING_ID_MUST_NOT_BE_ZERO, POST, t.pending_id = id(0))
TRANSFER(pending_id_must_not_be_int_max, PENDING_ID_MUST_NOT_BE_INT_MAX, POST,
         t.pending_id = id(INT_MAX_ID))
TRANSFER(pending_id_must_be_different, PENDING_ID_MUST_BE_DIFFERENT, POST, t.pending_id = id(20))
TRANSFER(timeout_reserved_for_pending_transfer, TIMEOUT_RESERVED_FOR_PENDING_TRANSFER, MOVE,
         t.timeout_s = 1)
TRANSFER(timeout_reserved_for_pending_transfer_not_for_a_post,
         TIMEOUT_RESERVED_FOR_PENDING_TRANSFER, POST, t.timeout_s = 1)
TRANSFER(ledger_must_not_be_zero, LEDGER_MUST_NOT_BE_ZERO, MOVE, t.ledger = 0)
TRANSFER(code_must_not_be_zero, CODE_MUST_NOT_BE_ZERO, MOVE, t.code = 0)
TRANSFER(debit_account_not_found, DEBIT_ACCOUNT_NOT_FOUND, MOVE, t.debit_account = id(77))
TRANSFER(credit_account_not_found, CREDIT_ACCOUNT_NOT_FOUND, MOVE, t.credit_account = id(77))
TRANSFER(accounts_must_have_the_same_ledger, ACCOUNTS_MUST_HAVE_THE_SAME_LEDGER, MOVE,
         t.credit_account = id(4))
TRANSFER(transfer_must_have_the_same_ledger_as_accounts,
         TRANSFER_MUST_HAVE_THE_SAME_LEDGER_AS_ACCOUNTS, MOVE, t.ledger = 2)
TRANSFER(pending_transfer_not_found, PENDING_TRANSFER_NOT_FOUND, POST, t.pending_id = id(77))
TRANSFER(pending_transfer_not_found_when_it_was_refused, PENDING_TRANSFER_NOT_FOUND, POST,
         t.pending_id = id(6))
TRANSFER(pending_transfer_not_pending, PENDING_TRANSFER_NOT_PENDING, POST, t.pending_id = id(1))
TRANSFER(pending_transfer_has_different_debit_account_id,
         PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID, POST, t.debit_account = id(3))
TRANSFER(pending_transfer_has_different_credit_account_id,
         PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID, POST, t.credit_account = id(2))
TRANSFER(pending_transfer_has_different_ledger, PENDING_TRANSFER_HAS_DIFFERENT_LEDGER, POST,
         t.ledger = 2)
TRANSFER(pending_transfer_has_different_code, PENDING_TRANSFER_HAS_DIFFERENT_CODE, POST, t.code = 2)
TRANSFER(exceeds_pending_transfer_amount, EXCEEDS_PENDING_TRANSFER_AMOUNT, POST, t.amount = 61)
TRANSFER(exceeds_pending_transfer_amount_in_a_void, EXCEEDS_PENDING_TRANSFER_AMOUNT, POST,
         t.flags = EE_LEDGER_VOID;
         t.amount = 61)
TRANSFER(pending_transfer_has_different_amount, PENDING_TRANSFER_HAS_DIFFERENT_AMOUNT, POST,
         t.flags = EE_LEDGER_VOID;
         t.amount = 59)
TRANSFER(pending_transfer_already_posted, PENDING_TRANSFER_ALREADY_POSTED, POST,
         t.pending_id = id(3);
         t.amount = 10)
TRANSFER(pending_transfer_already_voided, PENDING_TRANSFER_ALREADY_VOIDED, POST,
         t.pending_id = id(4);
         t.amount = 10)
TRANSFER(pending_transfer_expired, PENDING_TRANSFER_EXPIRED, POST, t.pending_id = id(5);
         t.amount = 10)
TRANSFER(debit_account_already_closed, DEBIT_ACCOUNT_ALREADY_CLOSED, MOVE, t.debit_account = id(6))
TRANSFER(credit_account_already_closed, CREDIT_ACCOUNT_ALREADY_CLOSED, MOVE,
         t.credit_account = id(6))
TRANSFER(overflows_debits_pending, OVERFLOWS_DEBITS_PENDING, move(20, 2, 1, UINT64_MAX - 59, 2),
         (void)0)
TRANSFER(overflows_credits_pending, OVERFLOWS_CREDITS_PENDING, move(20, 5, 3, UINT64_MAX - 59, 2),
         (void)0)
TRANSFER(overflows_debits_posted, OVERFLOWS_DEBITS_POSTED, move(20, 1, 3, UINT64_MAX - 109, 0),
         (void)0)
TRANSFER(overflows_credits_posted, OVERFLOWS_CREDITS_POSTED, move(20, 5, 2, UINT64_MAX - 99, 0),
         (void)0)
TRANSFER(overflows_debits, OVERFLOWS_DEBITS, move(20, 2, 1, UINT64_MAX - 59, 0), (void)0)
TRANSFER(overflows_credits, OVERFLOWS_CREDITS, move(20, 5, 3, UINT64_MAX - 69, 0), (void)0)
TRANSFER(exceeds_credits, EXCEEDS_CREDITS, move(20, 2, 3, 41, 0), (void)0)
TRANSFER(exceeds_debits, EXCEEDS_DEBITS, move(20, 1, 5, 1, 0), (void)0)

static void overflows_timeout(void)
{
    uint32_t expired;
    open_ledger();
    CHECK(ee_ledger_tick(ledger, EE_LEDGER_TIME_MAX_S - 11, &expired) == EE_OK);
    struct ee_ledger_transfer t = move(20, 1, 3, 5, EE_LEDGER_PENDING);
    t.timeout_s = 11;
    CHECK(book(t) == EE_LEDGER_OVERFLOWS_TIMEOUT);
    t.timeout_s = 10;
    CHECK(book(t) == EE_LEDGER_CREATED); /* not remembered: it may be corrected */
    CHECK(ee_ledger_tick(ledger, 11, &expired) == EE_OVERFLOW);
    CHECK(ee_ledger_tick(ledger, 10, &expired) == EE_OK && expired == 1);
    close_ledger();
}

static void linked_event_failed(void)
{
    enum ee_ledger_result results[3];
    const struct ee_ledger_transfer chain[] = {move(20, 1, 3, 5, EE_LEDGER_LINKED),
                                               move(21, 1, 3, 5, EE_LEDGER_LINKED),
                                               move(0, 1, 3, 5, 0)};
    open_ledger();
    CHECK(ee_ledger_transfers_create(ledger, chain, 3, NULL, results) == EE_OK);
    CHECK(results[0] == EE_LEDGER_LINKED_EVENT_FAILED);
    CHECK(results[1] == EE_LEDGER_LINKED_EVENT_FAILED);
    CHECK(results[2] == EE_LEDGER_ID_MUST_NOT_BE_ZERO);
    close_ledger();
}

/* ---- accounts ---- */

ACCOUNT(account_created, CREATED, (void)0)
ACCOUNT(account_created_with_history, CREATED, a.flags = EE_LEDGER_ACCOUNT_HISTORY)
ACCOUNT(account_linked_event_chain_open, LINKED_EVENT_CHAIN_OPEN,
        a.flags = EE_LEDGER_ACCOUNT_LINKED)
ACCOUNT(account_reserved_flag, RESERVED_FLAG, a.flags = 16)
ACCOUNT(account_id_must_not_be_zero, ID_MUST_NOT_BE_ZERO, a.id = id(0))
ACCOUNT(account_id_must_not_be_int_max, ID_MUST_NOT_BE_INT_MAX, a.id = id(INT_MAX_ID))
ACCOUNT(account_exists_with_different_flags, EXISTS_WITH_DIFFERENT_FLAGS, a.id = id(2))
ACCOUNT(account_exists_with_different_ledger, EXISTS_WITH_DIFFERENT_LEDGER, a.id = id(4))
ACCOUNT(account_exists_with_different_code, EXISTS_WITH_DIFFERENT_CODE, a.id = id(1); a.code = 2)
ACCOUNT(account_exists, EXISTS, a.id = id(1))
ACCOUNT(account_flags_are_mutually_exclusive, FLAGS_ARE_MUTUALLY_EXCLUSIVE, a.flags = 6)
ACCOUNT(account_debits_pending_must_be_zero, DEBITS_PENDING_MUST_BE_ZERO, a.debits_pending = 1)
ACCOUNT(account_debits_posted_must_be_zero, DEBITS_POSTED_MUST_BE_ZERO, a.debits_posted = 1)
ACCOUNT(account_credits_pending_must_be_zero, CREDITS_PENDING_MUST_BE_ZERO, a.credits_pending = 1)
ACCOUNT(account_credits_posted_must_be_zero, CREDITS_POSTED_MUST_BE_ZERO, a.credits_posted = 1)
ACCOUNT(account_ledger_must_not_be_zero, LEDGER_MUST_NOT_BE_ZERO, a.ledger = 0)
ACCOUNT(account_code_must_not_be_zero, CODE_MUST_NOT_BE_ZERO, a.code = 0)

/* ---- what comes first ---- */

/* Breaks every rule of its list from the first on, and mends one after the other: the answers are
 * the list in order. */
static void rules_of_a_move_answer_in_order(void)
{
    open_ledger();
    struct ee_ledger_transfer t = {.flags = 64, .timeout_s = 1, .pending_id = id(2)};
    CHECK(book(t) == EE_LEDGER_RESERVED_FLAG);
    t.flags = 0;
    CHECK(book(t) == EE_LEDGER_ID_MUST_NOT_BE_ZERO);
    t.id = id(INT_MAX_ID);
    CHECK(book(t) == EE_LEDGER_ID_MUST_NOT_BE_INT_MAX);
    t.id = id(6);
    CHECK(book(t) == EE_LEDGER_ID_ALREADY_FAILED);
    t.id = id(20);
    CHECK(book(t) == EE_LEDGER_DEBIT_ACCOUNT_ID_MUST_NOT_BE_ZERO);
    t.debit_account = id(INT_MAX_ID);
    CHECK(book(t) == EE_LEDGER_DEBIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX);
    t.debit_account = id(77);
    CHECK(book(t) == EE_LEDGER_CREDIT_ACCOUNT_ID_MUST_NOT_BE_ZERO);
    t.credit_account = id(INT_MAX_ID);
    CHECK(book(t) == EE_LEDGER_CREDIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX);
    t.credit_account = id(77);
    CHECK(book(t) == EE_LEDGER_ACCOUNTS_MUST_BE_DIFFERENT);
    t.credit_account = id(78);
    CHECK(book(t) == EE_LEDGER_PENDING_ID_MUST_BE_ZERO);
    t.pending_id = id(0);
    CHECK(book(t) == EE_LEDGER_TIMEOUT_RESERVED_FOR_PENDING_TRANSFER);
    t.timeout_s = 0;
    CHECK(book(t) == EE_LEDGER_LEDGER_MUST_NOT_BE_ZERO);
    t.ledger = 3;
    CHECK(book(t) == EE_LEDGER_CODE_MUST_NOT_BE_ZERO);
    t.code = 1;
    CHECK(book(t) == EE_LEDGER_DEBIT_ACCOUNT_NOT_FOUND); /* remembered: the next have new ids */
    t.id = id(21);
    t.debit_account = id(6);
    CHECK(book(t) == EE_LEDGER_CREDIT_ACCOUNT_NOT_FOUND);
    t.id = id(22);
    t.credit_account = id(4);
    CHECK(book(t) == EE_LEDGER_ACCOUNTS_MUST_HAVE_THE_SAME_LEDGER);
    t.credit_account = id(5);
    CHECK(book(t) == EE_LEDGER_TRANSFER_MUST_HAVE_THE_SAME_LEDGER_AS_ACCOUNTS);
    t.ledger = 1;
    CHECK(book(t) == EE_LEDGER_DEBIT_ACCOUNT_ALREADY_CLOSED);
    close_ledger();
}

static void rules_of_a_post_answer_in_order(void)
{
    open_ledger();
    struct ee_ledger_transfer t = {.id = id(20),
                                   .flags = EE_LEDGER_POST | EE_LEDGER_VOID,
                                   .timeout_s = 1,
                                   .debit_account = id(77),
                                   .credit_account = id(77),
                                   .ledger = 9,
                                   .code = 9,
                                   .amount = 11};
    CHECK(book(t) == EE_LEDGER_FLAGS_ARE_MUTUALLY_EXCLUSIVE);
    t.flags = EE_LEDGER_VOID;
    CHECK(book(t) == EE_LEDGER_PENDING_ID_MUST_NOT_BE_ZERO);
    t.pending_id = id(INT_MAX_ID);
    CHECK(book(t) == EE_LEDGER_PENDING_ID_MUST_NOT_BE_INT_MAX);
    t.pending_id = id(20);
    CHECK(book(t) == EE_LEDGER_PENDING_ID_MUST_BE_DIFFERENT);
    t.pending_id = id(1);
    CHECK(book(t) == EE_LEDGER_TIMEOUT_RESERVED_FOR_PENDING_TRANSFER);
    t.timeout_s = 0;
    CHECK(book(t) == EE_LEDGER_PENDING_TRANSFER_NOT_PENDING);
    t.pending_id = id(3);
    CHECK(book(t) == EE_LEDGER_PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID);
    t.debit_account = id(1);
    CHECK(book(t) == EE_LEDGER_PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID);
    t.credit_account = id(3);
    CHECK(book(t) == EE_LEDGER_PENDING_TRANSFER_HAS_DIFFERENT_LEDGER);
    t.ledger = 1;
    CHECK(book(t) == EE_LEDGER_PENDING_TRANSFER_HAS_DIFFERENT_CODE);
    t.code = 1;
    CHECK(book(t) == EE_LEDGER_EXCEEDS_PENDING_TRANSFER_AMOUNT);
    t.amount = 9;
    CHECK(book(t) == EE_LEDGER_PENDING_TRANSFER_HAS_DIFFERENT_AMOUNT);
    t.amount = 10;
    CHECK(book(t) == EE_LEDGER_PENDING_TRANSFER_ALREADY_POSTED);
    close_ledger();
}

static void fields_of_a_known_id_are_compared_in_order(void)
{
    open_ledger();
    struct ee_ledger_transfer t = {.id = id(2),
                                   .pending_id = id(9),
                                   .timeout_s = 1,
                                   .debit_account = id(9),
                                   .credit_account = id(9),
                                   .amount = 9,
                                   .ledger = 9,
                                   .code = 9};
    CHECK(book(t) == EE_LEDGER_EXISTS_WITH_DIFFERENT_FLAGS);
    t.flags = EE_LEDGER_PENDING;
    CHECK(book(t) == EE_LEDGER_EXISTS_WITH_DIFFERENT_PENDING_ID);
    t.pending_id = id(0);
    CHECK(book(t) == EE_LEDGER_EXISTS_WITH_DIFFERENT_TIMEOUT);
    t.timeout_s = 0;
    CHECK(book(t) == EE_LEDGER_EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID);
    t.debit_account = id(2);
    CHECK(book(t) == EE_LEDGER_EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID);
    t.credit_account = id(3);
    CHECK(book(t) == EE_LEDGER_EXISTS_WITH_DIFFERENT_AMOUNT);
    t.amount = 60;
    CHECK(book(t) == EE_LEDGER_EXISTS_WITH_DIFFERENT_LEDGER);
    t.ledger = 1;
    CHECK(book(t) == EE_LEDGER_EXISTS_WITH_DIFFERENT_CODE);
    t.code = 1;
    CHECK(book(t) == EE_LEDGER_EXISTS);
    close_ledger();
}

/* The account breaks both limits of the pair; the debited one answers. */
static void sums_answer_before_limits(void)
{
    open_ledger();
    CHECK(book(move(20, 2, 5, UINT64_MAX, EE_LEDGER_PENDING)) ==
          EE_LEDGER_OVERFLOWS_DEBITS_PENDING);
    CHECK(book(move(20, 2, 5, UINT64_MAX, 0)) == EE_LEDGER_OVERFLOWS_DEBITS);
    CHECK(book(move(20, 2, 5, 41, 0)) == EE_LEDGER_EXCEEDS_CREDITS);
    close_ledger();
}

static void what_depends_on_the_book_is_refused_for_good(void)
{
    open_ledger();
    CHECK(book(move(20, 1, 77, 5, 0)) == EE_LEDGER_CREDIT_ACCOUNT_NOT_FOUND);
    CHECK(create((struct ee_ledger_account){.id = id(77), .ledger = 1, .code = 1}) ==
          EE_LEDGER_CREATED);
    CHECK(book(move(20, 1, 77, 5, 0)) == EE_LEDGER_ID_ALREADY_FAILED);
    CHECK(book(move(21, 1, 77, 5, 0)) == EE_LEDGER_CREATED);
    close_ledger();
}

TESTS(TEST(created), TEST(linked_event_failed), TEST(linked_event_chain_open), TEST(reserved_flag),
      TEST(id_must_not_be_zero), TEST(id_must_not_be_int_max), TEST(exists_with_different_flags),
      TEST(exists_with_different_pending_id), TEST(exists_with_different_pending_id_on_a_move),
      TEST(exists_with_different_timeout), TEST(exists_with_different_debit_account_id),
      TEST(exists_with_different_credit_account_id), TEST(exists_with_different_amount),
      TEST(exists_with_different_ledger), TEST(exists_with_different_code), TEST(exists),
      TEST(id_already_failed), TEST(flags_are_mutually_exclusive),
      TEST(flags_are_mutually_exclusive_post_and_pending),
      TEST(flags_are_mutually_exclusive_void_and_balancing),
      TEST(debit_account_id_must_not_be_zero), TEST(debit_account_id_must_not_be_int_max),
      TEST(credit_account_id_must_not_be_zero), TEST(credit_account_id_must_not_be_int_max),
      TEST(accounts_must_be_different), TEST(pending_id_must_be_zero),
      TEST(pending_id_must_not_be_zero), TEST(pending_id_must_not_be_int_max),
      TEST(pending_id_must_be_different), TEST(timeout_reserved_for_pending_transfer),
      TEST(timeout_reserved_for_pending_transfer_not_for_a_post), TEST(ledger_must_not_be_zero),
      TEST(code_must_not_be_zero), TEST(debit_account_not_found), TEST(credit_account_not_found),
      TEST(accounts_must_have_the_same_ledger),
      TEST(transfer_must_have_the_same_ledger_as_accounts), TEST(pending_transfer_not_found),
      TEST(pending_transfer_not_found_when_it_was_refused), TEST(pending_transfer_not_pending),
      TEST(pending_transfer_has_different_debit_account_id),
      TEST(pending_transfer_has_different_credit_account_id),
      TEST(pending_transfer_has_different_ledger), TEST(pending_transfer_has_different_code),
      TEST(exceeds_pending_transfer_amount), TEST(exceeds_pending_transfer_amount_in_a_void),
      TEST(pending_transfer_has_different_amount), TEST(pending_transfer_already_posted),
      TEST(pending_transfer_already_voided), TEST(pending_transfer_expired),
      TEST(debit_account_already_closed), TEST(credit_account_already_closed),
      TEST(overflows_debits_pending), TEST(overflows_credits_pending),
      TEST(overflows_debits_posted), TEST(overflows_credits_posted), TEST(overflows_debits),
      TEST(overflows_credits), TEST(overflows_timeout), TEST(exceeds_credits), TEST(exceeds_debits),
      TEST(account_created), TEST(account_created_with_history),
      TEST(account_linked_event_chain_open), TEST(account_reserved_flag),
      TEST(account_id_must_not_be_zero), TEST(account_id_must_not_be_int_max),
      TEST(account_exists_with_different_flags), TEST(account_exists_with_different_ledger),
      TEST(account_exists_with_different_code), TEST(account_exists),
      TEST(account_flags_are_mutually_exclusive), TEST(account_debits_pending_must_be_zero),
      TEST(account_debits_posted_must_be_zero), TEST(account_credits_pending_must_be_zero),
      TEST(account_credits_posted_must_be_zero), TEST(account_ledger_must_not_be_zero),
      TEST(account_code_must_not_be_zero), TEST(rules_of_a_move_answer_in_order),
      TEST(rules_of_a_post_answer_in_order), TEST(fields_of_a_known_id_are_compared_in_order),
      TEST(sums_answer_before_limits), TEST(what_depends_on_the_book_is_refused_for_good))
