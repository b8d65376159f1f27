/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of transfers that left the window, on disk: found by id, at the cost of one look into a
 * B-tree; an id that is not there mostly at none, by a filter in memory (Bloom, 8 MiB). */
#ifndef EE_CLIENT_LEDGER_PAST_H
#define EE_CLIENT_LEDGER_PAST_H

#include "base/crypto.h"
#include "io/derived.h"
#include "ledger/ledger.h"

enum { EE_LEDGER_FILTER_SIZE = 8 * 1024 * 1024 };

struct ee_ledger_past_files {
    struct ee_derived *derived; /* borrowed */
    const struct ee_crypto *crypto;
    uint8_t *filter; /* EE_LEDGER_FILTER_SIZE bytes; NULL until there is a row */
    uint64_t count;
    struct ee_ledger_id *missing; /* scratch of one batch */
    struct ee_ledger_past *found;
};

/* EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_ledger_past_init(struct ee_ledger_past_files *files,
                                            struct ee_derived *derived,
                                            const struct ee_crypto *crypto);
void ee_ledger_past_close(struct ee_ledger_past_files *files);
/* The past rows a batch needs; borrowed until the next call. EE_JOURNAL_CORRUPT: a row is not what
 * was written; EE_IO. */
EE_MUST_USE enum ee_err ee_ledger_past_fetch(struct ee_ledger_past_files *files,
                                             const struct ee_ledger *ledger,
                                             const struct ee_ledger_transfer *events,
                                             uint32_t count, struct ee_ledger_pasts *out);
/* Keeps the rows that left, and clears them. EE_IO, EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_ledger_past_keep(struct ee_ledger_past_files *files,
                                            struct ee_ledger *ledger);
/* The filter in pieces of document "filter"; to the next commit. */
EE_MUST_USE enum ee_err ee_ledger_past_save(const struct ee_ledger_past_files *files);
EE_MUST_USE enum ee_err ee_ledger_past_load(struct ee_ledger_past_files *files, uint64_t count);

#endif
