/* SPDX-License-Identifier: Apache-2.0 */
/* Reading JSON objects strictly by a table of fields: every member is known, of its kind and within
 * its limit, or the whole object is refused with words that name the member. Writing helpers for
 * the forms the API uses. */
#ifndef EE_CONTROL_JSON_H
#define EE_CONTROL_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

enum { EE_JSON_DETAIL_SIZE = 160 };

enum ee_json_kind {
    EE_JSON_NAME,   /* char[EE_NAME_MAX + 1]: a valid name */
    EE_JSON_TEXT,   /* char[size]: printable ASCII, at most size - 1 */
    EE_JSON_STRING, /* const char *: any text, borrowed from the object */
    EE_JSON_MONEY,  /* struct ee_money from a decimal string, more than zero */
    EE_JSON_PRICE,  /* int64_t nano-dollars from a decimal string */
    EE_JSON_U64,    /* uint64_t from a decimal string */
    EE_JSON_U32,    /* uint32_t from a JSON integer */
    EE_JSON_I32,    /* int32_t from a JSON integer */
    EE_JSON_BOOL,   /* bool */
    EE_JSON_HEX,    /* uint8_t[size] from 2 * size hex digits */
    EE_JSON_BLOB,   /* struct ee_json_blob: base64, at most `size` bytes */
    EE_JSON_VALUE,  /* json_t *: any value, borrowed from the object */
};

/* Decoded base64; free with ee_json_blob_free. */
struct ee_json_blob {
    uint8_t *data;
    size_t size;
};

struct ee_json_field {
    const char *name;
    enum ee_json_kind kind;
    void *out;
    size_t size;   /* see the kinds */
    bool optional; /* `out` stays as it is when the member is missing or null */
};

enum ee_json_members {
    EE_JSON_EXACT,    /* unknown members are refused */
    EE_JSON_TOLERANT, /* unknown members are ignored */
};

/* EE_SYNTAX, EE_MISSING_FIELD, EE_NAME, EE_RANGE, EE_OVERFLOW, EE_TOO_LARGE, with `detail` saying
 * which member and why. Blobs read before the failure are the caller's to free. */
EE_MUST_USE enum ee_err ee_json_read(const json_t *object, const struct ee_json_field *fields,
                                     size_t count, enum ee_json_members members,
                                     char detail[EE_JSON_DETAIL_SIZE]);
void ee_json_blob_free(struct ee_json_blob *blob); /* wipes; a zeroed blob is fine */
struct ee_bytes ee_json_blob_bytes(const struct ee_json_blob *blob);

/* An object from text; NULL when it is anything else, has a member twice or is nested too deep. */
json_t *ee_json_parse(struct ee_bytes text);
/* One line without a line feed; free(3) it. NULL without memory. */
char *ee_json_dump(const json_t *value);

/* New values; NULL without memory. */
json_t *ee_json_hex(const void *data, size_t size);
json_t *ee_json_base64(struct ee_bytes bytes);
json_t *ee_json_u64(uint64_t value);
json_t *ee_json_money(int64_t micros);
json_t *ee_json_price(int64_t nanos);
json_t *ee_json_time(uint64_t time_us); /* RFC 3339, null for 0 */

#endif
