/* SPDX-License-Identifier: Apache-2.0 */
/* The payload and the result of TRANSFERS: up to 8,190 transfers out of one account in one command.
 * They are made in their order and nothing comes between two of them. Compact and canonical, read
 * row by row without a copy. docs/spec/commands.md, "TRANSFERS". */
#ifndef EE_CORE_TRANSFERS_H
#define EE_CORE_TRANSFERS_H

#include "core/command.h"

enum {
    EE_TRANSFERS_MAX = 8190,
    /* Of a result body: label, balance, counts and, at worst, a byte per transfer. */
    EE_TRANSFERS_RESULT_MAX = EE_TRANSFERS_MAX + 256,
    EE_TRANSFERS_OUTCOMES_MAX = 32, /* different outcomes within one result */
};

struct ee_transfers {
    bool atomic;    /* all of them or none */
    uint32_t count; /* 1 to EE_TRANSFERS_MAX */
    struct ee_bytes rows;
};

/* One transfer; texts are borrowed from the payload. */
struct ee_transfers_row {
    uint8_t id[EE_ID_SIZE]; /* the sender's choice, not zero: it is made once */
    struct ee_bytes to;     /* a valid name */
    struct ee_money amount; /* at least 1 */
    struct ee_bytes memo;   /* up to EE_MEMO_MAX of printable ASCII */
};

/* The head; rows are read with ee_transfers_next(). EE_RANGE: count; errors of the cursor. */
EE_MUST_USE enum ee_err ee_transfers_open(struct ee_bytes payload, struct ee_transfers *out);
/* The next row of a cursor over `rows`. False at the end or when it is malformed, which is then in
 * rows->err: EE_NAME, EE_RANGE (amount, id of zero, memo), EE_TRUNCATED. Once `count` rows were
 * read, ee_cursor_end() says whether there are more bytes. */
bool ee_transfers_next(struct ee_cursor *rows, struct ee_transfers_row *out);
/* The head with every row checked. */
EE_MUST_USE enum ee_err ee_transfers_decode(struct ee_bytes payload, struct ee_transfers *out);

/* Writing: begin, `count` rows, then ask writer->err. The rows are the caller's to have checked:
 * EE_RANGE for a row no decoder would take; EE_TOO_LARGE. */
EE_MUST_USE enum ee_err ee_transfers_begin(struct ee_writer *w, bool atomic, uint32_t count);
/* Once more over the head of the payload that begins at `start`: what was not known before the rows
 * were read. */
EE_MUST_USE enum ee_err ee_transfers_amend(struct ee_writer *w, size_t start, bool atomic,
                                           uint32_t count);
EE_MUST_USE enum ee_err ee_transfers_add(struct ee_writer *w, const struct ee_transfers_row *row);

/* What became of the transfers. */
struct ee_transfers_result {
    char account[EE_NAME_MAX + 1]; /* the sender, with its balance after them */
    struct ee_money available;
    struct ee_money locked;
    uint32_t count;
    uint32_t made;     /* EE_OK */
    uint32_t repeated; /* EE_TRANSFER_REPEATED: made before under their ids */
};

/* `outcomes`: one per transfer, `result->count` of them; made and repeated are counted from them.
 * EE_TOO_LARGE: more than EE_TRANSFERS_OUTCOMES_MAX different ones, or the writer is full. */
EE_MUST_USE enum ee_err ee_transfers_result_encode(const struct ee_transfers_result *result,
                                                   const uint16_t *outcomes, struct ee_writer *out);
/* Strict; `outcomes` has room for EE_TRANSFERS_MAX. */
EE_MUST_USE enum ee_err ee_transfers_result_decode(struct ee_bytes body,
                                                   struct ee_transfers_result *out,
                                                   uint16_t *outcomes);

/* The id of the ledger transfer that such a row becomes: each once per sender. */
struct ee_ledger_id;
void ee_transfers_ledger_id(const struct ee_crypto *crypto, const struct ee_ledger_id *sender,
                            const uint8_t id[EE_ID_SIZE], struct ee_ledger_id *out);

#endif
