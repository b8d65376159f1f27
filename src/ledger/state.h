/* SPDX-License-Identifier: Apache-2.0 */
/* What a ledger is made of; private to src/ledger. */
#ifndef EE_LEDGER_STATE_H
#define EE_LEDGER_STATE_H

#include "ledger/ledger.h"
#include "ledger/table.h"

struct ee_ledger {
    const struct ee_allocator *allocator;
    struct ee_table accounts; /* struct ee_ledger_account by id */
    struct ee_table entries;  /* struct ee_ledger_entry by transfer.id */
};

bool ee_ledger_id_zero(const struct ee_ledger_id *id);
bool ee_ledger_id_max(const struct ee_ledger_id *id);
bool ee_ledger_id_equal(const struct ee_ledger_id *a, const struct ee_ledger_id *b);

/* Changes that a checked event makes, and takes back; room was reserved. */
void ee_ledger_transfer_book(struct ee_ledger *ledger, const struct ee_ledger_transfer *transfer);
void ee_ledger_transfer_unbook(struct ee_ledger *ledger);

#endif
