/* SPDX-License-Identifier: Apache-2.0 */
/* Text and JSON into the caller's buffer. Writing goes on beyond the end, counting, so that the
 * needed size is known. */
#ifndef EE_ATTEST_DOCUMENT_H
#define EE_ATTEST_DOCUMENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct ee_document {
    char *data;
    size_t capacity;
    size_t size; /* needed so far, without the NUL */
};

void ee_document_put(struct ee_document *d, const char *text);
void ee_document_number(struct ee_document *d, uint64_t number);
/* A JSON string: quotes, backslashes and control characters escaped. */
void ee_document_string(struct ee_document *d, const char *text);
/* `, "name": "text"` */
void ee_document_member(struct ee_document *d, const char *name, const char *text);
/* `, "name": "2026-01-31T23:59:59Z"`, or null for 0. */
void ee_document_time(struct ee_document *d, const char *name, int64_t time_s);
/* Ends with a NUL; *size_out is without it. EE_TOO_LARGE with the size needed. */
EE_MUST_USE enum ee_err ee_document_done(struct ee_document *d, size_t *size_out);

#endif
