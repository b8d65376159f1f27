/* SPDX-License-Identifier: Apache-2.0 */
/* Single commands read back from the journal. */
#ifndef EE_CONTROL_HISTORY_H
#define EE_CONTROL_HISTORY_H

#include "control/sequencer.h"

struct ee_history {
    uint8_t *memory;
    size_t command_size;       /* canonical command, at the start of the memory */
    struct ee_command command; /* payload borrowed from the memory */
    struct ee_result result;
};

/* A durable command with its result; the caller frees it. EE_NOT_FOUND: no such command, or not
 * durable yet; errors of ee_journal_read() and of the decoders; EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_history_read(const struct ee_sequencer *sequencer, uint64_t seq,
                                        struct ee_history **out);
void ee_history_free(struct ee_history *history); /* NULL is fine */

#endif
