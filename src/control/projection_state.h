/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the projection: its state, and the fold of events and alerts. */
#ifndef EE_CONTROL_PROJECTION_STATE_H
#define EE_CONTROL_PROJECTION_STATE_H

#include "control/projection.h"
#include "core/transfers.h"

/* An account of the book as folded from the entries. */
struct ee_projected_account {
    struct ee_book_account book;
    int64_t burn_nanos; /* per hour, of what it runs */
    bool written;       /* since the last commit: listed in `changed` */
    uint64_t touched_seq;
};

struct ee_projection {
    const struct ee_allocator *allocator;
    struct ee_read_store *store;
    struct ee_core *core;
    struct ee_read_cursor stored; /* the store's when it was opened */
    struct ee_read_cursor seen;
    bool writing; /* past the store's cursor */
    struct ee_projected_account *accounts;
    uint32_t account_count, account_capacity;
    uint32_t *changed; /* numbers of accounts to write at the next commit */
    uint32_t changed_count, changed_capacity;
    uint32_t *touched; /* numbers of accounts this command moved money or work of */
    uint32_t touched_count, touched_capacity;
    bool *burning; /* by index of lease: counted in its launcher's burn */
    uint32_t burning_capacity;
    uint32_t events; /* of this command */
    uint64_t pending, rows;
    struct ee_result result;
    uint16_t outcomes[EE_TRANSFERS_MAX]; /* of a TRANSFERS */
};

/* Notes that this command touched the account. EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_projection_touch(struct ee_projection *p, uint32_t account);

/* Available, locked, incoming of an account now. */
void ee_projection_line(const struct ee_projected_account *account, struct ee_read_line *out);

/* What a person put beside the money, or what names it outside. */
struct ee_projected_labels {
    char reference[2 * EE_ID_SIZE + EE_REFERENCE_MAX + 2];
    char memo[EE_MEMO_MAX + 1];
};

/* The rows of a TRANSFERS beside the entries they made; starts zeroed for other commands. */
struct ee_projected_rows {
    struct ee_cursor rows;
    uint32_t left, index;
};
void ee_projected_rows_begin(struct ee_projection *p, const struct ee_command *command,
                             struct ee_projected_rows *out);
/* Entry `number` comes next: the memo of its row goes into the labels. */
void ee_projected_rows_next(const struct ee_projection *p, struct ee_projected_rows *rows,
                            uint32_t number, struct ee_projected_labels *labels);

/* Events of the entries from this one on, once all of them are folded; of a lease that ended, of a
 * period that was settled by this command. */
EE_MUST_USE enum ee_err ee_projection_money_events(struct ee_projection *p,
                                                   const struct ee_command *command,
                                                   const struct ee_projected_labels *labels,
                                                   uint32_t first_entry);
EE_MUST_USE enum ee_err ee_projection_lease_event(struct ee_projection *p,
                                                  const struct ee_command *command,
                                                  const struct ee_lease *lease);
EE_MUST_USE enum ee_err ee_projection_period_event(struct ee_projection *p,
                                                   const struct ee_command *command,
                                                   const struct ee_period *period,
                                                   const struct ee_lease *lease);
/* The low-balance alerts of all accounts touched; at the end of a command. */
EE_MUST_USE enum ee_err ee_projection_alerts(struct ee_projection *p,
                                             const struct ee_command *command);

#endif
