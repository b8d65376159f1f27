/* SPDX-License-Identifier: Apache-2.0 */
/* The book at one batch of its journal, in FILE.state. docs/spec/ledger.md, "Store". */
#ifndef EE_CLIENT_LEDGER_SNAPSHOT_H
#define EE_CLIENT_LEDGER_SNAPSHOT_H

#include "client/ledger_past.h"

/* Where in the journal it was taken. */
struct ee_ledger_place {
    uint64_t batch;
    uint8_t hash[EE_SHA256_SIZE]; /* of that batch's row */
};

/* Writes it and commits, past rows included. EE_IO, EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_ledger_snapshot_write(const struct ee_ledger_past_files *files,
                                                 const struct ee_ledger *ledger,
                                                 const struct ee_ledger_place *place);
/* EE_NOT_FOUND: there is none. EE_JOURNAL_CORRUPT: it is not what was written; EE_FULL: another
 * window; EE_NO_MEMORY, EE_IO. Then `files` has no rows. */
EE_MUST_USE enum ee_err ee_ledger_snapshot_read(struct ee_ledger_past_files *files,
                                                const struct ee_ledger_limits *limits,
                                                struct ee_ledger_place *place_out,
                                                struct ee_ledger **out);

#endif
