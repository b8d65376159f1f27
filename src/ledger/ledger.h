/* SPDX-License-Identifier: Apache-2.0 */
/* Two-phase double-entry bookkeeping, pure and deterministic. Accounts have two pairs of counters,
 * transfers move an amount from a debited to a credited account at once, or reserve it first
 * (pending) and then post (whole or part; the rest returns) or void it; a reservation with a
 * timeout is voided when ledger time reaches it. Semantics, result names and their order follow
 * TigerBeetle's published reference of 0.16.4 and later (docs.tigerbeetle.com, "Reference":
 * create_accounts, create_transfers) with 64-bit amounts. docs/spec/ledger.md.
 *
 * Every transfer id is remembered for good, the refused ones too. The newest are in memory (the
 * window); a row that leaves it is handed to the caller, who keeps it and brings it back with a
 * batch that names it. A ledger without a window keeps all rows and is full at its limit. */
#ifndef EE_LEDGER_LEDGER_H
#define EE_LEDGER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/err.h"
#include "ledger/touched.h"

struct ee_ledger_id {
    uint8_t bytes[16]; /* all zero: none; all ones: refused */
};

enum ee_ledger_account_flag {
    EE_LEDGER_ACCOUNT_LINKED = 1,
    EE_LEDGER_DEBITS_MUST_NOT_EXCEED_CREDITS = 2,
    EE_LEDGER_CREDITS_MUST_NOT_EXCEED_DEBITS = 4,
    EE_LEDGER_ACCOUNT_HISTORY = 8, /* accepted; history is read from the journal */
    EE_LEDGER_ACCOUNT_CLOSED = 32, /* no transfer from or to it; for good, once made so */
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
    EE_LEDGER_BALANCING_DEBIT = 16,  /* at most what the debited account has */
    EE_LEDGER_BALANCING_CREDIT = 32, /* at most what the credited account lacks */
};
/* In a post: all that is pending. */
#define EE_LEDGER_AMOUNT_MAX UINT64_MAX
/* Ledger time and timeouts, in seconds: 2^63 - 1 nanoseconds. */
#define EE_LEDGER_TIME_MAX_S UINT64_C(9223372036)

enum {
    EE_LEDGER_BATCH_MAX = 8190,   /* events */
    EE_LEDGER_ROWS_MAX = 1 << 30, /* of any table */
};

struct ee_ledger_transfer {
    struct ee_ledger_id id;
    struct ee_ledger_id debit_account, credit_account; /* post, void: zero or as pending */
    struct ee_ledger_id pending_id;                    /* post, void only */
    uint64_t amount;    /* post: at most the pending amount; void: 0 or the pending amount */
    uint32_t timeout_s; /* pending only; 0: none */
    uint32_t ledger;    /* post, void: zero or as pending; also code */
    uint16_t code;
    uint16_t flags;
};

enum ee_ledger_state {
    EE_LEDGER_STATE_SINGLE = 1,
    EE_LEDGER_STATE_PENDING,
    EE_LEDGER_STATE_POSTED, /* of a pending transfer: resolved; posts and voids are SINGLE */
    EE_LEDGER_STATE_VOIDED,
    EE_LEDGER_STATE_EXPIRED,
    EE_LEDGER_STATE_FAILED, /* not booked; only the id is remembered */
};

/* A transfer as remembered, 40 bytes; the ledger is that of its accounts. */
struct ee_ledger_row {
    struct ee_ledger_id id; /* first */
    uint64_t amount;
    uint64_t link; /* post, void: number of the pending row; else debit account number << 32 |
                    * credit account number */
    uint32_t timeout_s;
    uint16_t code;
    uint8_t flags;
    uint8_t state; /* enum ee_ledger_state */
};

/* A row that left the window, never to change again. Rows are numbered in order of creation. */
struct ee_ledger_past {
    struct ee_ledger_row row;
    uint64_t number;
};

/* The past rows a batch needs, sorted by id as bytes, no id twice. Borrowed during the call. */
struct ee_ledger_pasts {
    const struct ee_ledger_past *rows;
    uint32_t count;
};

/* A transfer as booked: accounts, amount, ledger and code are always filled in. */
struct ee_ledger_entry {
    struct ee_ledger_transfer transfer;
    enum ee_ledger_state state;
};

/* One result per rule. The first rule broken in the order of the checks decides; that order and the
 * numbers are in docs/spec/ledger.md. Journals hold the numbers: new rows go to the end. */
#define EE_LEDGER_RESULTS(ROW)                                                                     \
    ROW(CREATED, "created")                                                                        \
    ROW(LINKED_EVENT_FAILED, "linked_event_failed")                                                \
    ROW(LINKED_EVENT_CHAIN_OPEN, "linked_event_chain_open")                                        \
    ROW(RESERVED_FLAG, "reserved_flag")                                                            \
    ROW(ID_MUST_NOT_BE_ZERO, "id_must_not_be_zero")                                                \
    ROW(ID_MUST_NOT_BE_INT_MAX, "id_must_not_be_int_max")                                          \
    ROW(EXISTS_WITH_DIFFERENT_FLAGS, "exists_with_different_flags")                                \
    ROW(EXISTS_WITH_DIFFERENT_PENDING_ID, "exists_with_different_pending_id")                      \
    ROW(EXISTS_WITH_DIFFERENT_TIMEOUT, "exists_with_different_timeout")                            \
    ROW(EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID, "exists_with_different_debit_account_id")          \
    ROW(EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID, "exists_with_different_credit_account_id")        \
    ROW(EXISTS_WITH_DIFFERENT_AMOUNT, "exists_with_different_amount")                              \
    ROW(EXISTS_WITH_DIFFERENT_LEDGER, "exists_with_different_ledger")                              \
    ROW(EXISTS_WITH_DIFFERENT_CODE, "exists_with_different_code")                                  \
    ROW(EXISTS, "exists")                                                                          \
    ROW(ID_ALREADY_FAILED, "id_already_failed")                                                    \
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
    ROW(TIMEOUT_RESERVED_FOR_PENDING_TRANSFER, "timeout_reserved_for_pending_transfer")            \
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
    ROW(PENDING_TRANSFER_EXPIRED, "pending_transfer_expired")                                      \
    ROW(DEBIT_ACCOUNT_ALREADY_CLOSED, "debit_account_already_closed")                              \
    ROW(CREDIT_ACCOUNT_ALREADY_CLOSED, "credit_account_already_closed")                            \
    ROW(OVERFLOWS_DEBITS_PENDING, "overflows_debits_pending")                                      \
    ROW(OVERFLOWS_CREDITS_PENDING, "overflows_credits_pending")                                    \
    ROW(OVERFLOWS_DEBITS_POSTED, "overflows_debits_posted")                                        \
    ROW(OVERFLOWS_CREDITS_POSTED, "overflows_credits_posted")                                      \
    ROW(OVERFLOWS_DEBITS, "overflows_debits")                                                      \
    ROW(OVERFLOWS_CREDITS, "overflows_credits")                                                    \
    ROW(OVERFLOWS_TIMEOUT, "overflows_timeout")                                                    \
    ROW(EXCEEDS_CREDITS, "exceeds_credits")                                                        \
    ROW(EXCEEDS_DEBITS, "exceeds_debits")

enum ee_ledger_result {
#define EE_ROW(constant, name) EE_LEDGER_##constant,
    EE_LEDGER_RESULTS(EE_ROW)
#undef EE_ROW
};
const char *ee_ledger_result_name(enum ee_ledger_result result);

struct ee_ledger;

struct ee_ledger_limits {
    uint32_t accounts;
    uint32_t transfers; /* rows in memory: all there may be, or the window */
    bool window;        /* older rows leave; then a batch has at most EE_LEDGER_BATCH_MAX events */
    uint32_t reservations; /* window: open reservations older than it, which stay in memory */
    uint64_t hash_seed;    /* random where strangers choose ids; nothing else depends on it */
    bool touched;          /* remember which rows changed; not with a window */
};

/* NULL without memory or with limits beyond EE_LEDGER_ROWS_MAX. The allocator is borrowed. */
struct ee_ledger *ee_ledger_new(const struct ee_allocator *allocator,
                                const struct ee_ledger_limits *limits);
void ee_ledger_free(struct ee_ledger *ledger); /* NULL is fine */
/* Room for that many more, so that the next calls cannot fail for it. EE_FULL, EE_NO_MEMORY;
 * EE_TOO_LARGE: more than a batch in a window. */
EE_MUST_USE enum ee_err ee_ledger_reserve(struct ee_ledger *ledger, uint32_t accounts,
                                          uint32_t transfers);

/* Books a batch in order; one result per event. A chain of linked events is booked whole or not at
 * all: the event that failed has its own result, the others EE_LEDGER_LINKED_EVENT_FAILED. Errors
 * as ee_ledger_reserve(); then nothing changed. `pasts`: NULL is none; EE_RANGE: not sorted. */
EE_MUST_USE enum ee_err ee_ledger_accounts_create(struct ee_ledger *ledger,
                                                  const struct ee_ledger_account *events,
                                                  uint32_t count, enum ee_ledger_result *results);
EE_MUST_USE enum ee_err ee_ledger_transfers_create(struct ee_ledger *ledger,
                                                   const struct ee_ledger_transfer *events,
                                                   uint32_t count,
                                                   const struct ee_ledger_pasts *pasts,
                                                   enum ee_ledger_result *results);
/* Has the memory read that booking this transfer soon will need; a hint, changes nothing. */
void ee_ledger_prefetch(const struct ee_ledger *ledger, const struct ee_ledger_transfer *transfer);
/* What booking this one transfer now would answer, without past rows; changes nothing. */
enum ee_ledger_result ee_ledger_transfer_check(const struct ee_ledger *ledger,
                                               const struct ee_ledger_transfer *transfer);
/* Lets time pass and voids the reservations whose timeout is reached, in order of due time, then
 * creation. EE_OVERFLOW: beyond EE_LEDGER_TIME_MAX_S; EE_NO_MEMORY; then nothing changed. */
EE_MUST_USE enum ee_err ee_ledger_tick(struct ee_ledger *ledger, uint64_t seconds,
                                       uint32_t *expired_out);
uint64_t ee_ledger_time_s(const struct ee_ledger *ledger);

/* The ids of a batch that are not in memory and so must be looked up among the past rows: up to
 * 2 * count into `out`, some perhaps twice. */
uint32_t ee_ledger_missing(const struct ee_ledger *ledger, const struct ee_ledger_transfer *events,
                           uint32_t count, struct ee_ledger_id *out);
/* Rows that left the window since the last ee_ledger_past_clear(), in the order they left;
 * borrowed until the next change. The caller keeps them for good. */
struct ee_ledger_pasts ee_ledger_past_rows(const struct ee_ledger *ledger);
void ee_ledger_past_clear(struct ee_ledger *ledger);

/* Borrowed, valid until the next change. NULL: there is none. _at: in order of creation. */
const struct ee_ledger_account *ee_ledger_account_find(const struct ee_ledger *ledger,
                                                       const struct ee_ledger_id *id);
const struct ee_ledger_account *ee_ledger_account_at(const struct ee_ledger *ledger, size_t index);
const struct ee_ledger_row *ee_ledger_row_find(const struct ee_ledger *ledger,
                                               const struct ee_ledger_id *id);
const struct ee_ledger_row *ee_ledger_row_at(const struct ee_ledger *ledger, size_t index);
/* A booked row in full; of a post or void whose reservation left the window, pending_id, accounts,
 * ledger and code are zero. */
struct ee_ledger_entry ee_ledger_entry_of(const struct ee_ledger *ledger,
                                          const struct ee_ledger_row *row);

uint32_t ee_ledger_accounts(const struct ee_ledger *ledger); /* how many */
uint32_t ee_ledger_entries(const struct ee_ledger *ledger);  /* rows in memory but for old ones */

/* What changed since the caller last cleared it, by number in order of creation. */
const struct ee_touched *ee_ledger_accounts_touched(const struct ee_ledger *ledger);
const struct ee_touched *ee_ledger_rows_touched(const struct ee_ledger *ledger);

/* Debits equal credits, posted and pending apart, and no limited account is beyond its limit. */
bool ee_ledger_balanced(const struct ee_ledger *ledger);

/* ---- the whole state as bytes (docs/spec/ledger.md, "Snapshot") ---- */

/* Gets the document in pieces of any size; anything but EE_OK ends the writing. */
typedef enum ee_err (*ee_ledger_sink_fn)(void *context, struct ee_bytes piece);
/* Past rows not cleared yet are not part of it. EE_STATE: there are some. */
EE_MUST_USE enum ee_err ee_ledger_save(const struct ee_ledger *ledger, ee_ledger_sink_fn sink,
                                       void *context);
/* Fills the next `size` bytes of the document. */
typedef enum ee_err (*ee_ledger_source_fn)(void *context, uint8_t *out, size_t size);
/* A ledger as it was saved, with the hash seed and at least the sizes of `limits`; the window is
 * that of `limits` and may not be smaller than the rows there are. EE_SYNTAX, EE_UNSUPPORTED,
 * EE_RANGE, EE_FULL, EE_NO_MEMORY, errors of `source`. */
EE_MUST_USE enum ee_err ee_ledger_load(const struct ee_allocator *allocator,
                                       const struct ee_ledger_limits *limits,
                                       ee_ledger_source_fn source, void *context,
                                       struct ee_ledger **out);

#endif
