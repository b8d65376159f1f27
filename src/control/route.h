/* SPDX-License-Identifier: Apache-2.0 */
/* Matching of paths and query strings, without I/O. A pattern such as "/v1/leases/{lease}/start"
 * matches a path segment by segment; a value in braces takes one segment, percent-decoded. */
#ifndef EE_CONTROL_ROUTE_H
#define EE_CONTROL_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum { EE_ROUTE_VALUES_MAX = 2, EE_ROUTE_VALUE_SIZE = 254 };

struct ee_route_values {
    size_t count;
    char value[EE_ROUTE_VALUES_MAX][EE_ROUTE_VALUE_SIZE]; /* printable ASCII, not empty */
};

/* False for another path, and for a value that is empty, too long or not printable. */
bool ee_route_match(const char *pattern, struct ee_bytes path, struct ee_route_values *out);
/* Splits "/a?b=c" into "/a" and "b=c". */
void ee_route_split(struct ee_bytes target, struct ee_bytes *path_out, struct ee_bytes *query_out);

/* Value of `name` in "a=1&b=2", percent-decoded into out[size]; EE_NOT_FOUND (out empty),
 * EE_SYNTAX, EE_TOO_LARGE, EE_DUPLICATE_FIELD. */
EE_MUST_USE enum ee_err ee_query_value(struct ee_bytes query, const char *name, char *out,
                                       size_t size);
/* EE_SYNTAX when a name in the query is not in `known` (NULL-terminated). */
EE_MUST_USE enum ee_err ee_query_known(struct ee_bytes query, const char *const *known);

enum { EE_PAGE_LIMIT_DEFAULT = 50, EE_PAGE_LIMIT_MAX = 200 };

/* A page of a list that only grows: `start` is an index into the whole list. */
struct ee_page {
    size_t start;
    size_t limit;
};
/* From ?limit= and ?cursor=. EE_RANGE: limit; EE_SYNTAX: a cursor we did not make. */
EE_MUST_USE enum ee_err ee_page_parse(struct ee_bytes query, struct ee_page *out);

#endif
