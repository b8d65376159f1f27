/* SPDX-License-Identifier: Apache-2.0 */
/* The book entry by entry, and which leases and periods a command wrote: what a read model is made
 * from. Nothing here changes the state; numbers never change their meaning. */
#ifndef EE_CORE_BOOK_H
#define EE_CORE_BOOK_H

#include "core/core.h"

enum { EE_BOOK_NAME_SIZE = 64 };
#define EE_BOOK_NOBODY UINT32_MAX

struct ee_book_account {
    /* The account's own; "cash:bank", "cash:stripe"; "recv:" and the name of the account that owes;
     * else "other:" and hex. Names of accounts have no colon. */
    char name[EE_BOOK_NAME_SIZE];
    bool owned;      /* by the account of that name */
    uint32_t debtor; /* of what is owed: number of the account that owes; else EE_BOOK_NOBODY */
    uint64_t debits_pending, debits_posted, credits_pending, credits_posted; /* micro-dollars */
};

enum ee_book_phase {
    EE_BOOK_MOVED = 1, /* at once */
    EE_BOOK_RESERVED,
    EE_BOOK_POSTED,  /* of `reserved`, `amount` moved and the rest returned */
    EE_BOOK_VOIDED,  /* all of `reserved` returned */
    EE_BOOK_REFUSED, /* nothing moved, only the id is used up; accounts and code are zero */
};

struct ee_book_entry {
    enum ee_book_phase phase;
    uint16_t code;          /* what for: enum ee_book_code */
    uint32_t debit, credit; /* numbers of accounts of the book */
    uint64_t amount, reserved;
    uint64_t reservation; /* number of the entry that is posted or voided */
};

enum ee_book_code { /* docs/spec/money.md, "Book" */
                    EE_BOOK_MINT = 1,
                    EE_BOOK_TRANSFER = 2,
                    EE_BOOK_LOCK = 3,
                    EE_BOOK_REDEMPTION = 4,
                    EE_BOOK_SWEEP = 5, /* between cash accounts */
                    EE_BOOK_CHARGEBACK = 6,
                    EE_BOOK_RETURN = 7, /* of a chargeback */
                    EE_BOOK_REPAY = 8,
};

uint32_t ee_core_book_accounts(const struct ee_core *core); /* how many */
uint32_t ee_core_book_entries(const struct ee_core *core);
/* By number, from 0; it is there: asserted. */
void ee_core_book_account(const struct ee_core *core, uint32_t number, struct ee_book_account *out);
void ee_core_book_entry(const struct ee_core *core, uint32_t number, struct ee_book_entry *out);
/* Number of an account's own place in the book; false: there is no such account. */
bool ee_core_book_number(const struct ee_core *core, const char *name, uint32_t *out);
/* Number + 1 of the entry that took a period's lock, of the one that settled it; 0: none yet. */
uint32_t ee_core_book_lock(const struct ee_core *core, const struct ee_period *period);
uint32_t ee_core_book_settlement(const struct ee_core *core, const struct ee_period *period);

/* From now on the core lists the leases and periods that commands write. EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_core_watch_start(struct ee_core *core);
/* Indexes for ee_core_lease_at() and ee_core_period_at(), some more than once; borrowed until the
 * next apply. False: memory ran out and some are missing. */
bool ee_core_watch_leases(const struct ee_core *core, const uint32_t **rows, size_t *count);
bool ee_core_watch_periods(const struct ee_core *core, const uint32_t **rows, size_t *count);
void ee_core_watch_clear(struct ee_core *core);

#endif
