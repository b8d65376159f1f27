/* SPDX-License-Identifier: Apache-2.0 */
/* Two-phase double-entry bookkeeping, pure and deterministic. Accounts have two pairs of counters,
 * transfers move an amount from a debited to a credited account at once, or reserve it first
 * (pending) and then post (whole or part; the rest returns) or void it. Semantics and result names
 * follow TigerBeetle's published reference (docs.tigerbeetle.com, "Reference": create_accounts,
 * create_transfers) with 64-bit amounts. There are no timeouts: a reservation ends only by a
 * transfer. docs/spec/money.md. */
#ifndef EE_LEDGER_LEDGER_H
#define EE_LEDGER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/err.h"

struct ee_ledger_id {
    uint8_t bytes[16]; /* all zero: none; all ones: refused */
};

enum ee_ledger_account_flag {
    EE_LEDGER_ACCOUNT_LINKED = 1,
    EE_LEDGER_DEBITS_MUST_NOT_EXCEED_CREDITS = 2,
    EE_LEDGER_CREDITS_MUST_NOT_EXCEED_DEBITS = 4,
};

struct ee_ledger_account {
    struct ee_ledger_id id;
    uint32_t ledger; /* only accounts of one ledger exchange money */
    uint16_t code;
    uint16_t flags;
    uint64_t debits_pending, debits_posted, credits_pending, credits_posted; /* 0 when created */
};

enum ee_ledger_transfer_flag {
    EE_LEDGER_LINKED = 1, /* one chain with the next event: all or nothing */
    EE_LEDGER_PENDING = 2,
    EE_LEDGER_POST = 4,
    EE_LEDGER_VOID = 8,
};
/* In a post: all that is pending. */
#define EE_LEDGER_AMOUNT_MAX UINT64_MAX

struct ee_ledger_transfer {
    struct ee_ledger_id id;
    struct ee_ledger_id debit_account, credit_account; /* post, void: zero or as pending */
    struct ee_ledger_id pending_id;                    /* post, void only */
    uint64_t amount; /* post: at most the pending amount; void: 0 or the pending amount */
    uint32_t ledger; /* post, void: zero or as pending; also code */
    uint16_t code;
    uint16_t flags;
};

enum ee_ledger_state {
    EE_LEDGER_STATE_SINGLE = 1,
    EE_LEDGER_STATE_PENDING,
    EE_LEDGER_STATE_POSTED, /* of a pending transfer: resolved; posts and voids are SINGLE */
    EE_LEDGER_STATE_VOIDED,
};

/* A transfer as booked: accounts, amount, ledger and code are always filled in. */
struct ee_ledger_entry {
    struct ee_ledger_transfer transfer;
    enum ee_ledger_state state;
};

/* One result per rule. The first rule broken in the order of the checks decides. */
#define EE_LEDGER_RESULTS(ROW)                                                                     \
    ROW(CREATED, "created")                                                                        \
    ROW(LINKED_EVENT_FAILED, "linked_event_failed")                                                \
    ROW(LINKED_EVENT_CHAIN_OPEN, "linked_event_chain_open")                                        \
    ROW(RESERVED_FLAG, "reserved_flag")                                                            \
    ROW(ID_MUST_NOT_BE_ZERO, "id_must_not_be_zero")                                                \
    ROW(ID_MUST_NOT_BE_INT_MAX, "id_must_not_be_int_max")                                          \
    ROW(EXISTS, "exists")                                                                          \
    ROW(EXISTS_WITH_DIFFERENT_FLAGS, "exists_with_different_flags")                                \
    ROW(EXISTS_WITH_DIFFERENT_PENDING_ID, "exists_with_different_pending_id")                      \
    ROW(EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID, "exists_with_different_debit_account_id")          \
    ROW(EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID, "exists_with_different_credit_account_id")        \
    ROW(EXISTS_WITH_DIFFERENT_AMOUNT, "exists_with_different_amount")                              \
    ROW(EXISTS_WITH_DIFFERENT_LEDGER, "exists_with_different_ledger")                              \
    ROW(EXISTS_WITH_DIFFERENT_CODE, "exists_with_different_code")                                  \
    ROW(FLAGS_ARE_MUTUALLY_EXCLUSIVE, "flags_are_mutually_exclusive")                              \
    ROW(DEBITS_PENDING_MUST_BE_ZERO, "debits_pending_must_be_zero")                                \
    ROW(DEBITS_POSTED_MUST_BE_ZERO, "debits_posted_must_be_zero")                                  \
    ROW(CREDITS_PENDING_MUST_BE_ZERO, "credits_pending_must_be_zero")                              \
    ROW(CREDITS_POSTED_MUST_BE_ZERO, "credits_posted_must_be_zero")                                \
    ROW(DEBIT_ACCOUNT_ID_MUST_NOT_BE_ZERO, "debit_account_id_must_not_be_zero")                    \
    ROW(DEBIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX, "debit_account_id_must_not_be_int_max")              \
    ROW(CREDIT_ACCOUNT_ID_MUST_NOT_BE_ZERO, "credit_account_id_must_not_be_zero")                  \
    ROW(CREDIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX, "credit_account_id_must_not_be_int_max")            \
    ROW(ACCOUNTS_MUST_BE_DIFFERENT, "accounts_must_be_different")                                  \
    ROW(PENDING_ID_MUST_BE_ZERO, "pending_id_must_be_zero")                                        \
    ROW(PENDING_ID_MUST_NOT_BE_ZERO, "pending_id_must_not_be_zero")                                \
    ROW(PENDING_ID_MUST_NOT_BE_INT_MAX, "pending_id_must_not_be_int_max")                          \
    ROW(PENDING_ID_MUST_BE_DIFFERENT, "pending_id_must_be_different")                              \
    ROW(LEDGER_MUST_NOT_BE_ZERO, "ledger_must_not_be_zero")                                        \
    ROW(CODE_MUST_NOT_BE_ZERO, "code_must_not_be_zero")                                            \
    ROW(DEBIT_ACCOUNT_NOT_FOUND, "debit_account_not_found")                                        \
    ROW(CREDIT_ACCOUNT_NOT_FOUND, "credit_account_not_found")                                      \
    ROW(ACCOUNTS_MUST_HAVE_THE_SAME_LEDGER, "accounts_must_have_the_same_ledger")                  \
    ROW(TRANSFER_MUST_HAVE_THE_SAME_LEDGER_AS_ACCOUNTS,                                            \
        "transfer_must_have_the_same_ledger_as_accounts")                                          \
    ROW(PENDING_TRANSFER_NOT_FOUND, "pending_transfer_not_found")                                  \
    ROW(PENDING_TRANSFER_NOT_PENDING, "pending_transfer_not_pending")                              \
    ROW(PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID,                                           \
        "pending_transfer_has_different_debit_account_id")                                         \
    ROW(PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID,                                          \
        "pending_transfer_has_different_credit_account_id")                                        \
    ROW(PENDING_TRANSFER_HAS_DIFFERENT_LEDGER, "pending_transfer_has_different_ledger")            \
    ROW(PENDING_TRANSFER_HAS_DIFFERENT_CODE, "pending_transfer_has_different_code")                \
    ROW(EXCEEDS_PENDING_TRANSFER_AMOUNT, "exceeds_pending_transfer_amount")                        \
    ROW(PENDING_TRANSFER_HAS_DIFFERENT_AMOUNT, "pending_transfer_has_different_amount")            \
    ROW(PENDING_TRANSFER_ALREADY_POSTED, "pending_transfer_already_posted")                        \
    ROW(PENDING_TRANSFER_ALREADY_VOIDED, "pending_transfer_already_voided")                        \
    ROW(OVERFLOWS_DEBITS_PENDING, "overflows_debits_pending")                                      \
    ROW(OVERFLOWS_CREDITS_PENDING, "overflows_credits_pending")                                    \
    ROW(OVERFLOWS_DEBITS_POSTED, "overflows_debits_posted")                                        \
    ROW(OVERFLOWS_CREDITS_POSTED, "overflows_credits_posted")                                      \
    ROW(OVERFLOWS_DEBITS, "overflows_debits")                                                      \
    ROW(OVERFLOWS_CREDITS, "overflows_credits")                                                    \
    ROW(EXCEEDS_CREDITS, "exceeds_credits")                                                        \
    ROW(EXCEEDS_DEBITS, "exceeds_debits")

enum ee_ledger_result {
#define EE_ROW(constant, name) EE_LEDGER_##constant,
    EE_LEDGER_RESULTS(EE_ROW)
#undef EE_ROW
};
const char *ee_ledger_result_name(enum ee_ledger_result result);

struct ee_ledger;

/* NULL without memory. The allocator is borrowed. */
struct ee_ledger *ee_ledger_new(const struct ee_allocator *allocator, uint32_t account_limit,
                                uint32_t transfer_limit);
void ee_ledger_free(struct ee_ledger *ledger);
/* Room for that many more, so that the next calls cannot fail for it. EE_FULL, EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_ledger_reserve(struct ee_ledger *ledger, uint32_t accounts,
                                          uint32_t transfers);

/* Books a batch in order; one result per event. A chain of linked events is booked whole or not at
 * all: the event that failed has its own result, the others EE_LEDGER_LINKED_EVENT_FAILED. EE_FULL
 * or EE_NO_MEMORY when there is no room for `count` more; then nothing changed. */
EE_MUST_USE enum ee_err ee_ledger_accounts_create(struct ee_ledger *ledger,
                                                  const struct ee_ledger_account *events,
                                                  uint32_t count, enum ee_ledger_result *results);
EE_MUST_USE enum ee_err ee_ledger_transfers_create(struct ee_ledger *ledger,
                                                   const struct ee_ledger_transfer *events,
                                                   uint32_t count, enum ee_ledger_result *results);
/* What booking this one transfer now would answer; changes nothing. */
enum ee_ledger_result ee_ledger_transfer_check(const struct ee_ledger *ledger,
                                               const struct ee_ledger_transfer *transfer);

/* Borrowed, valid until the next change. NULL: there is none. _at: in order of creation. */
const struct ee_ledger_account *ee_ledger_account_find(const struct ee_ledger *ledger,
                                                       const struct ee_ledger_id *id);
const struct ee_ledger_account *ee_ledger_account_at(const struct ee_ledger *ledger, size_t index);
const struct ee_ledger_entry *ee_ledger_entry_find(const struct ee_ledger *ledger,
                                                   const struct ee_ledger_id *id);
const struct ee_ledger_entry *ee_ledger_entry_at(const struct ee_ledger *ledger, size_t index);

uint32_t ee_ledger_accounts(const struct ee_ledger *ledger); /* how many */
uint32_t ee_ledger_entries(const struct ee_ledger *ledger);

/* Debits equal credits, posted and pending apart, and no limited account is beyond its limit. */
bool ee_ledger_balanced(const struct ee_ledger *ledger);

#endif
