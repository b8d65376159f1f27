/* SPDX-License-Identifier: Apache-2.0 */
/* The book once more, as short and slow as can be: arrays, no index, no undo (a chain works on a
 * copy). Written from docs/spec/ledger.md and not from the engine. Ids are small numbers; 255
 * stands for the largest there is. */
#ifndef EE_TESTS_LEDGER_MODEL_H
#define EE_TESTS_LEDGER_MODEL_H

#include <stdbool.h>
#include <stdint.h>

enum { MODEL_ACCOUNTS = 8, MODEL_IDS = 200, MODEL_INT_MAX = 255 };

struct model_account {
    bool made;
    uint32_t ledger;
    uint16_t code, flags;
    uint64_t dp, dr, cp, cr; /* debits pending, posted; credits pending, posted */
};

enum model_state {
    MODEL_NONE,
    MODEL_BOOKED,
    MODEL_OPEN,
    MODEL_POSTED,
    MODEL_VOIDED,
    MODEL_EXPIRED,
    MODEL_BURNT
};

struct model_transfer {
    enum model_state state;
    uint8_t id, debit, credit, pending;
    uint64_t amount, due;
    uint32_t timeout, ledger;
    uint16_t code, flags;
};

struct model {
    struct model_account accounts[MODEL_ACCOUNTS + 1];
    struct model_transfer transfers[MODEL_IDS + 1];
    uint64_t now;
};

/* Name of the result; state changes when it is "created". */
const char *model_account(struct model *m, uint8_t id, const struct model_account *event);
const char *model_transfer(struct model *m, const struct model_transfer *event);
/* The id of a refused transfer may be gone for good. */
void model_burn(struct model *m, const struct model_transfer *event, const char *result);
uint32_t model_tick(struct model *m, uint64_t seconds);

#endif
