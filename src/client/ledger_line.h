/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of `ee ledger apply`: one JSON object in, one out. docs/spec/ledger.md, "Lines". */
#ifndef EE_CLIENT_LEDGER_LINE_H
#define EE_CLIENT_LEDGER_LINE_H

#include "base/bytes.h"
#include "ledger/ledger.h"

enum {
    EE_LEDGER_LINE_MAX = 8 * 1024 * 1024, /* bytes of one line */
    EE_LEDGER_WHY_MAX = 160,
};

enum ee_ledger_line_kind {
    EE_LEDGER_LINE_ACCOUNTS = 1,
    EE_LEDGER_LINE_TRANSFERS,
    EE_LEDGER_LINE_TICK,
    EE_LEDGER_LINE_BALANCES,
};

/* What a line asks for; memory for the largest is taken once. */
struct ee_ledger_line {
    enum ee_ledger_line_kind kind;
    uint32_t count;
    uint64_t tick_s;
    struct ee_ledger_account *accounts; /* EE_LEDGER_BATCH_MAX of each */
    struct ee_ledger_transfer *transfers;
    struct ee_ledger_id *ids;
    enum ee_ledger_result *results;
};

/* EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_ledger_line_init(struct ee_ledger_line *line);
void ee_ledger_line_close(struct ee_ledger_line *line);

/* EE_SYNTAX, EE_RANGE, EE_TOO_LARGE: more than EE_LEDGER_BATCH_MAX events or EE_LEDGER_LINE_MAX
 * bytes; `why` says what is wrong, in printable ASCII without quotes or backslashes. */
EE_MUST_USE enum ee_err ee_ledger_line_read(struct ee_ledger_line *line, struct ee_bytes text,
                                            char why[EE_LEDGER_WHY_MAX]);

/* ---- answers, each with its end of line ---- */

/* Text that grows; failure sticks. */
struct ee_ledger_text {
    char *data;
    size_t size, capacity;
    bool failed; /* no memory */
};
void ee_ledger_text_close(struct ee_ledger_text *text);
void ee_ledger_answer_results(struct ee_ledger_text *out, const struct ee_ledger_line *line);
void ee_ledger_answer_tick(struct ee_ledger_text *out, const struct ee_ledger_line *line,
                           uint64_t time_s, uint32_t expired);
/* Of the accounts there are, each once, in the order asked. */
void ee_ledger_answer_balances(struct ee_ledger_text *out, const struct ee_ledger_line *line,
                               const struct ee_ledger *ledger);
void ee_ledger_answer_error(struct ee_ledger_text *out, const char *why);

#endif
