/* SPDX-License-Identifier: Apache-2.0 */
/* A book on disk for `ee ledger apply`: a journal of input batches (docs/spec/journal.md), and
 * beside it FILE.state with rows that left the window and the last snapshot, which is made again
 * from the journal when it is missing. docs/spec/ledger.md, "Store". */
#ifndef EE_CLIENT_LEDGER_STORE_H
#define EE_CLIENT_LEDGER_STORE_H

#include "client/ledger_line.h"
#include "io/journal.h"

struct ee_ledger_store;

struct ee_ledger_store_options {
    uint32_t window; /* ids of transfers kept in memory; 0: the default */
};

enum {
    EE_LEDGER_WINDOW = 1 << 20,
    EE_LEDGER_ACCOUNTS_MAX = 1 << 28,
    EE_LEDGER_RESERVATIONS_MAX = 1 << 28, /* open ones older than the window */
};

/* Why a store was refused, for a person. */
struct ee_ledger_store_fault {
    char text[256];
};

/* Makes FILE when it is missing; locks it; brings the book to the journal's end. EE_JOURNAL_LOCKED:
 * another process has it. EE_JOURNAL_CORRUPT, EE_REPLAY: `fault_out` names the batch.
 * EE_WRONG_NETWORK: a journal of a network. Errors of ee_journal_sqlite_open(). */
EE_MUST_USE enum ee_err ee_ledger_store_open(const char *path,
                                             const struct ee_ledger_store_options *options,
                                             struct ee_ledger_store_fault *fault_out,
                                             struct ee_ledger_store **out);
/* Applies a line of accounts, transfers or a tick, and notes it for the next commit. EE_FULL (and
 * for a tick EE_OVERFLOW): refused, nothing changed. Anything else: the store must be closed. */
EE_MUST_USE enum ee_err ee_ledger_store_apply(struct ee_ledger_store *store,
                                              struct ee_ledger_line *line, uint32_t *expired_out);
/* Nothing more fits before the next commit. */
bool ee_ledger_store_ripe(const struct ee_ledger_store *store);
/* Makes everything applied durable. On an error the process must stop: EE_JOURNAL, EE_IO. */
EE_MUST_USE enum ee_err ee_ledger_store_commit(struct ee_ledger_store *store);
/* Writes a snapshot when one is due; for the moment behind the answers. EE_IO, EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_ledger_store_settle(struct ee_ledger_store *store);
/* As it is in memory: answers taken from it leave after the next commit. */
const struct ee_ledger *ee_ledger_store_ledger(const struct ee_ledger_store *store);
/* Writes a snapshot when a restart would replay much. NULL is fine. */
void ee_ledger_store_close(struct ee_ledger_store *store);

#endif
