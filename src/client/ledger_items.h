/* SPDX-License-Identifier: Apache-2.0 */
/* Input batches as journal items: docs/spec/ledger.md, "Journal". A large batch is several items.
 */
#ifndef EE_CLIENT_LEDGER_ITEMS_H
#define EE_CLIENT_LEDGER_ITEMS_H

#include "client/ledger_line.h"

enum {
    EE_LEDGER_ITEM_EVENTS = 1000, /* of one item at most */
    /* Bytes that one line takes at most, and items. */
    EE_LEDGER_ITEMS_SIZE_MAX = 1024 * 1024,
    EE_LEDGER_ITEMS_MAX = EE_LEDGER_BATCH_MAX / EE_LEDGER_ITEM_EVENTS + 1,
};

/* Appends (command block, result block) pairs of an applied line to `w`; gives how many. The writer
 * has room. */
uint32_t ee_ledger_items_write(struct ee_writer *w, const struct ee_ledger_line *line,
                               uint32_t expired);

/* Adds a command to `line`; a batch of several starts with line->count 0. `more_out`: another item
 * of the same batch follows. EE_TRUNCATED, EE_TRAILING, EE_SYNTAX, EE_UNSUPPORTED, EE_RANGE. */
EE_MUST_USE enum ee_err ee_ledger_item_read(struct ee_bytes command, struct ee_ledger_line *line,
                                            bool *more_out);
/* Whether `result` is what this item of the line answered: `first` its first event. */
bool ee_ledger_item_same(struct ee_bytes result, const struct ee_ledger_line *line, uint32_t first,
                         uint32_t expired);

#endif
