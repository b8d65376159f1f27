/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the read model's file, on a connection of their own that only reads. For a thread
 * that may block. */
#ifndef EE_CONTROL_READ_QUERY_H
#define EE_CONTROL_READ_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

struct ee_read_query;

/* EE_READ_DAMAGED; EE_READ_MODEL: there is no file yet; EE_NO_MEMORY, EE_IO. */
EE_MUST_USE enum ee_err ee_read_query_open(const char *path, struct ee_read_query **out);
void ee_read_query_close(struct ee_read_query *query); /* NULL is fine */

enum {
    EE_STATEMENT_LIMIT_DEFAULT = 50,
    EE_STATEMENT_LIMIT_MAX = 1000,
    EE_STATEMENT_TEXT_MAX = 4 * 1024 * 1024, /* of one page */
};

enum ee_statement_form { EE_STATEMENT_JSON, EE_STATEMENT_CSV };

/* Lines of an account in order of their numbers. A line is one side of an entry; numbers only grow,
 * so a place in a statement stays where it is when new lines come. */
struct ee_statement_ask {
    char account[EE_NAME_MAX + 1];
    bool newest_first;
    bool has_place;
    uint64_t place;             /* number of the last line seen: those behind it */
    uint64_t from_us, until_us; /* from <= time < until; until 0: no end */
    uint32_t limit;
    enum ee_statement_form form;
    bool header; /* CSV: the line of names first */
};

struct ee_statement_page {
    char *text; /* JSON: an array; CSV: lines. free(3) it */
    size_t size;
    uint32_t count;
    bool more;      /* there are lines behind it */
    uint64_t place; /* of its last line; of the question when it is empty */
    bool has_place;
    uint64_t seq, time_us; /* the state of the network it shows */
};

/* One page, from one moment. EE_READ_DAMAGED, EE_NO_MEMORY, EE_IO. */
EE_MUST_USE enum ee_err ee_read_query_statement(struct ee_read_query *query,
                                                const struct ee_statement_ask *ask,
                                                struct ee_statement_page *out);

enum { EE_EVENT_BODY_MAX = 4096 };
struct ee_read_event {
    uint64_t number;
    uint32_t kind;
    uint64_t time_us;
    char body[EE_EVENT_BODY_MAX + 1];
};
/* The first event behind `after` for that account whose bit is in `kinds`. EE_NOT_FOUND: none yet,
 * and *reached_out is how far it has looked (at least `after`). */
EE_MUST_USE enum ee_err ee_read_query_event(struct ee_read_query *query, const char *account,
                                            uint64_t after, uint32_t kinds,
                                            struct ee_read_event *out, uint64_t *reached_out);

#endif
