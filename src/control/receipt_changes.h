/* SPDX-License-Identifier: Apache-2.0 */
/* The logged changes that receipts carry (docs/spec/receipt.md, "Changes"): read from the journal
 * once, and again after there are more. */
#ifndef EE_CONTROL_RECEIPT_CHANGES_H
#define EE_CONTROL_RECEIPT_CHANGES_H

#include "control/sequencer.h"
#include "core/receipt.h"

struct ee_receipt_changes {
    uint64_t newest_seq; /* of those below */
    uint8_t *memory;
    size_t size;
    size_t count;
    struct ee_bytes list[EE_RECEIPT_CHANGES_MAX];
};

/* All durable ALLOW commands, the newest POLICY and all CHECKPOINT_KEYs. More than a receipt holds:
 * without the ALLOWs. Errors of ee_journal_read(); EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_receipt_changes_update(struct ee_receipt_changes *changes,
                                                  const struct ee_sequencer *sequencer);
/* Borrowed by the receipt until the next update. */
void ee_receipt_changes_add(const struct ee_receipt_changes *changes, struct ee_receipt *receipt);
void ee_receipt_changes_close(struct ee_receipt_changes *changes);

#endif
