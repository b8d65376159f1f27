/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of comma-separated values (RFC 4180): quoted where needed, ended by CR LF. */
#ifndef EE_IO_CSV_H
#define EE_IO_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Text in the making; grows up to its limit. Zeroed except `limit` is empty. */
struct ee_csv {
    char *data; /* free(3) it */
    size_t size, capacity, limit;
    bool in_line;
    enum ee_err err; /* EE_NO_MEMORY, EE_FULL; sticky */
};

/* A number, name or time of ours: as it is. */
void ee_csv_value(struct ee_csv *csv, const char *text);
/* What somebody wrote: a cell that a spreadsheet would take for a formula (it begins with = + - @,
 * a tab or a CR) gets an apostrophe before it, which spreadsheets hide. */
void ee_csv_text(struct ee_csv *csv, const char *text);
void ee_csv_end(struct ee_csv *csv); /* of the line */

#endif
