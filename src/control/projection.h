/* SPDX-License-Identifier: Apache-2.0 */
/* The fold from the journal to the read model's rows. It owns a core of its own, so what it writes
 * follows from the commands alone: the rows of a rebuild are those of the projection that followed
 * along, and neither needs anything of the process that takes commands. docs/adr/0008. */
#ifndef EE_CONTROL_PROJECTION_H
#define EE_CONTROL_PROJECTION_H

#include "base/alloc.h"
#include "control/read_store.h"
#include "io/journal.h"

struct ee_projection;

/* Goes on where the store's cursor is, once it has been shown the batches up to there again. The
 * store is borrowed. EE_NO_MEMORY; errors of ee_read_store_cursor(). */
EE_MUST_USE enum ee_err ee_projection_new(const struct ee_allocator *allocator,
                                          const struct ee_crypto *crypto,
                                          struct ee_read_store *store, struct ee_projection **out);
void ee_projection_free(struct ee_projection *projection); /* NULL is fine */

/* The next batch of the journal, from the first on; up to the cursor nothing is written. Its rows
 * are part of the next commit. EE_READ_DAMAGED: the store is of another journal; EE_REPLAY: the
 * journal is not what this release makes of its commands; EE_NO_MEMORY; errors of the store. After
 * an error only ee_projection_free() may follow. */
EE_MUST_USE enum ee_err ee_projection_batch(struct ee_projection *projection,
                                            const struct ee_journal_batch *batch);
/* Makes it durable as one; nothing to write is fine. */
EE_MUST_USE enum ee_err ee_projection_commit(struct ee_projection *projection);

/* The last batch seen, written or not. */
const struct ee_read_cursor *ee_projection_cursor(const struct ee_projection *projection);
/* Batches up to the store's cursor are still to be shown. */
bool ee_projection_behind(const struct ee_projection *projection);
/* Rows since the last commit. */
uint64_t ee_projection_pending(const struct ee_projection *projection);
/* All rows so far of this projection. */
uint64_t ee_projection_rows(const struct ee_projection *projection);

#endif
