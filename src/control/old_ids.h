/* SPDX-License-Identifier: Apache-2.0 */
/* Ids of commands that left the core's window: found through an index on disk, answered from the
 * journal. The core and its replay know nothing of it: an answer from disk is not journalled, and
 * an id leaves the window only when the index has it, so no command is taken twice. The index can
 * be thrown away; it is made again from window and journal. docs/spec/commands.md, "Ids". */
#ifndef EE_CONTROL_OLD_IDS_H
#define EE_CONTROL_OLD_IDS_H

#include "core/core.h"
#include "io/journal.h"

struct ee_old_ids;

/* EE_IO, EE_NO_MEMORY. Crypto is borrowed. */
EE_MUST_USE enum ee_err ee_old_ids_open(const char *path, const struct ee_crypto *crypto,
                                        struct ee_old_ids **out);
void ee_old_ids_close(struct ee_old_ids *ids); /* waits for what is being written; NULL is fine */

/* After a replay: what the index lacks of the ids that left is read from the journal. Blocks.
 * Errors of the index and of ee_journal_read(). */
EE_MUST_USE enum ee_err ee_old_ids_start(struct ee_old_ids *ids, const struct ee_core *core,
                                         struct ee_journal *journal);
/* A batch became durable, up to command `seq`: indexes in the background when there is enough. */
void ee_old_ids_durable(struct ee_old_ids *ids, const struct ee_core *core,
                        const struct ee_journal *journal, uint64_t seq);
/* Before a command with an id is applied. EE_NOT_FOUND: the core may take it. EE_OK: an old id with
 * the same body, and its answer. EE_ID_CONFLICT: with another. EE_FULL: the index is too far
 * behind; try again later. Errors of the index and of ee_journal_read(). */
EE_MUST_USE enum ee_err ee_old_ids_answer(struct ee_old_ids *ids, const struct ee_core *core,
                                          struct ee_journal *journal,
                                          const struct ee_command *command,
                                          struct ee_result *result);

#endif
