/* SPDX-License-Identifier: Apache-2.0 */
/* What a ledger is made of; private to src/ledger. */
#ifndef EE_LEDGER_STATE_H
#define EE_LEDGER_STATE_H

#include "ledger/id_index.h"
#include "ledger/ledger.h"
#include "ledger/touched.h"

/* Accounts in order of creation; their number is their place. */
struct ee_ledger_accounts {
    struct ee_ledger_account *rows;
    struct ee_id_index index;
    uint32_t count, capacity;
};

/* The newest rows, in a ring once the oldest leave: row number n is at n % capacity. Until then
 * the oldest is number 0, so that the ring may still grow. */
struct ee_ledger_recent {
    struct ee_ledger_row *rows;
    struct ee_id_index index;
    uint64_t first; /* number of the oldest */
    uint32_t count, capacity;
};

/* Open reservations that left the window. */
struct ee_ledger_open {
    struct ee_ledger_past *rows;
    struct ee_id_index index;
    uint32_t count, capacity;
};

/* When a reservation ends by itself. */
struct ee_ledger_due {
    uint64_t time_s;
    uint64_t number;
    struct ee_ledger_id id;
};

/* A binary heap, earliest first. Reservations that were resolved stay in it until their time, or
 * until they are more than the others. */
struct ee_ledger_dues {
    struct ee_ledger_due *rows;
    uint32_t count, capacity;
    uint32_t live; /* of open reservations */
};

struct ee_ledger {
    const struct ee_allocator *allocator;
    struct ee_ledger_limits limits;
    struct ee_ledger_accounts accounts;
    struct ee_ledger_recent recent;
    struct ee_ledger_open open;
    struct ee_ledger_dues dues;
    struct ee_ledger_past *past; /* left the window, not yet cleared */
    uint32_t past_count, past_capacity;
    uint64_t time_s;
    struct ee_touched accounts_touched, rows_touched; /* limits.touched only */
};

bool ee_ledger_id_zero(const struct ee_ledger_id *id);
bool ee_ledger_id_max(const struct ee_ledger_id *id);
bool ee_ledger_id_equal(const struct ee_ledger_id *a, const struct ee_ledger_id *b);

/* At least `needed` rows of room, doubling. EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_ledger_grow(const struct ee_allocator *allocator, void **rows,
                                       uint32_t *capacity, size_t row_size, uint64_t needed);

/* Index of an account, EE_ID_NOWHERE without one. */
uint32_t ee_ledger_account_number(const struct ee_ledger *ledger, const struct ee_ledger_id *id);

/* Room was reserved, the id is new. */
void ee_ledger_account_load(struct ee_ledger *ledger, const struct ee_ledger_account *account);

/* ---- recent.c: rows of transfers ---- */

/* A row and where it is. */
struct ee_ledger_found {
    const struct ee_ledger_row *row; /* NULL: there is none */
    uint64_t number;
};

EE_MUST_USE enum ee_err ee_ledger_recent_reserve(struct ee_ledger *ledger, uint32_t transfers);
/* Room for `count` rows in an empty window whose first row will have number `first`. */
EE_MUST_USE enum ee_err ee_ledger_recent_load(struct ee_ledger *ledger, uint32_t count,
                                              uint64_t first);
EE_MUST_USE enum ee_err ee_ledger_open_reserve(struct ee_ledger *ledger, uint32_t needed);
struct ee_ledger_found ee_ledger_find(const struct ee_ledger *ledger,
                                      const struct ee_ledger_pasts *pasts,
                                      const struct ee_ledger_id *id);
/* The row of an open reservation, to be changed; NULL when it is not in memory. */
struct ee_ledger_row *ee_ledger_in_memory(struct ee_ledger *ledger, const struct ee_ledger_id *id);
struct ee_ledger_row *ee_ledger_recent_at(const struct ee_ledger *ledger, uint64_t number);
void ee_ledger_recent_add(struct ee_ledger *ledger, const struct ee_ledger_row *row);
void ee_ledger_recent_drop_last(struct ee_ledger *ledger);
void ee_ledger_open_add(struct ee_ledger *ledger, const struct ee_ledger_row *row, uint64_t number);
/* A reservation that is older than the window and resolved becomes a past row. */
void ee_ledger_open_settle(struct ee_ledger *ledger, const struct ee_ledger_id *id);
/* Lets the oldest rows leave until the window fits. */
void ee_ledger_recent_trim(struct ee_ledger *ledger);

/* ---- rules.c ---- */

/* What booking a transfer will change. */
struct ee_ledger_plan {
    uint32_t debit, credit; /* account numbers */
    uint64_t amount;
    struct ee_ledger_found pending; /* post, void */
};
enum ee_ledger_result ee_ledger_transfer_judge(const struct ee_ledger *ledger,
                                               const struct ee_ledger_pasts *pasts,
                                               const struct ee_ledger_transfer *transfer,
                                               struct ee_ledger_plan *plan_out);
/* The result depends on what the book holds now, so the id may not be used again. */
bool ee_ledger_result_transient(enum ee_ledger_result result);

/* ---- booking.c ---- */

void ee_ledger_transfer_book(struct ee_ledger *ledger, const struct ee_ledger_transfer *transfer,
                             const struct ee_ledger_plan *plan);
void ee_ledger_transfer_unbook(struct ee_ledger *ledger, const struct ee_ledger_transfer *transfer);
void ee_ledger_transfer_refuse(struct ee_ledger *ledger, const struct ee_ledger_transfer *transfer);

/* ---- dues.c ---- */

EE_MUST_USE enum ee_err ee_ledger_dues_reserve(struct ee_ledger *ledger, uint32_t extra);
void ee_ledger_dues_add(struct ee_ledger *ledger, const struct ee_ledger_row *row, uint64_t number);
/* A reservation with a timeout was resolved before its time. */
void ee_ledger_dues_resolved(struct ee_ledger *ledger);

#endif
