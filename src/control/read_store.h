/* SPDX-License-Identifier: Apache-2.0 */
/* The file of the read model: rows for history queries in SQLite, made from the journal by a
 * projection (control/projection.h), never a source of truth. Rows and the cursor that says how far
 * they reach are written in one transaction. docs/spec/read-model.md. One thread per store; readers
 * open the file for themselves (control/read_query.h). */
#ifndef EE_CONTROL_READ_STORE_H
#define EE_CONTROL_READ_STORE_H

#include <stdint.h>

#include "base/crypto.h"
#include "core/book.h"
#include "core/core.h"

struct ee_read_store;

enum { EE_READ_SCHEMA = 1 }; /* another number in the file: it is built anew */

/* How far the rows reach: the last batch in them, whole. All zero: nothing. */
struct ee_read_cursor {
    uint64_t batch, seq, time_us;
    uint8_t hash[EE_SHA256_SIZE]; /* of the batch */
};

/* Opens or makes it. EE_READ_DAMAGED: not such a file, of another schema or network, or its pages
 * are corrupt; ee_read_store_remove() and open it again. EE_IO, EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_read_store_open(const char *path, const uint8_t network_id[32],
                                           struct ee_read_store **out);
/* What was not committed is gone. NULL is fine. */
void ee_read_store_close(struct ee_read_store *store);
/* The file with its companions; closed by everybody. EE_IO. */
EE_MUST_USE enum ee_err ee_read_store_remove(const char *path);

EE_MUST_USE enum ee_err ee_read_store_cursor(struct ee_read_store *store,
                                             struct ee_read_cursor *out);
/* Everything since the last commit and this cursor become one. */
EE_MUST_USE enum ee_err ee_read_store_commit(struct ee_read_store *store,
                                             const struct ee_read_cursor *cursor);
void ee_read_store_rollback(struct ee_read_store *store);

/* An entry as it is kept. Texts may be "". */
struct ee_read_entry {
    uint32_t number;
    uint64_t seq, time_us;
    struct ee_book_entry book;
    const uint8_t *lease; /* EE_ID_SIZE bytes; NULL: none */
    uint32_t period;
    const char *reference, *memo;
};

/* Micro-dollars of an account after an entry. */
struct ee_read_line {
    uint32_t account, number;
    int64_t available, locked, incoming;
};

/* All write; errors: EE_READ_DAMAGED, EE_IO (also a full disk), EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_read_store_account(struct ee_read_store *store, uint32_t number,
                                              const struct ee_book_account *account);
EE_MUST_USE enum ee_err ee_read_store_entry(struct ee_read_store *store,
                                            const struct ee_read_entry *entry);
EE_MUST_USE enum ee_err ee_read_store_line(struct ee_read_store *store,
                                           const struct ee_read_line *line);
EE_MUST_USE enum ee_err ee_read_store_lease(struct ee_read_store *store, uint32_t row,
                                            const struct ee_lease *lease);
EE_MUST_USE enum ee_err ee_read_store_period(struct ee_read_store *store, uint32_t row,
                                             const struct ee_period *period,
                                             const struct ee_lease *lease);
EE_MUST_USE enum ee_err ee_read_store_receipt(struct ee_read_store *store,
                                              const struct ee_command *command, enum ee_err err);
EE_MUST_USE enum ee_err ee_read_store_event(struct ee_read_store *store, uint64_t number,
                                            const char *account, enum ee_event_kind kind,
                                            const struct ee_command *command, const char *body);
/* Whether the account's last alert has not ended; false when there was none. */
EE_MUST_USE enum ee_err ee_read_store_alert_get(struct ee_read_store *store, const char *account,
                                                bool *low_out);
EE_MUST_USE enum ee_err ee_read_store_alert_put(struct ee_read_store *store, const char *account,
                                                bool low);

#endif
