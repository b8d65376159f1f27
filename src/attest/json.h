/* SPDX-License-Identifier: Apache-2.0 */
/* A strict JSON reader (RFC 8259) over borrowed bytes, for signed collateral: no allocation, no
 * recursion, bounded depth, duplicate keys refused, numbers as unsigned integers only. Pull style:
 *
 *     ee_attest_json_object(&j);
 *     while (ee_attest_json_key(&j, &key))
 *         ... exactly one value: ee_attest_json_text(), _object(), _skip() ...
 *
 * The first failure sticks in `reason`; then every call gives empty, zero or false. */
#ifndef EE_ATTEST_JSON_H
#define EE_ATTEST_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "attest/reason.h"
#include "base/bytes.h"

enum {
    EE_JSON_DEPTH_MAX = 16,
    EE_JSON_KEYS_MAX = 128, /* open at one time, over all levels */
};

struct ee_json {
    const uint8_t *data;
    size_t size;
    size_t at;
    enum ee_reason reason;
    size_t depth;
    struct {
        bool is_object;
        bool first;
        size_t keys; /* index of the first key of this object */
    } level[EE_JSON_DEPTH_MAX];
    struct ee_bytes keys[EE_JSON_KEYS_MAX];
    size_t key_count;
};

/* Whether a key is this string literal; its length is known when compiling. */
#define EE_JSON_IS(key, literal)                                                                   \
    ((key).size == sizeof(literal) - 1 && memcmp((key).data, literal, sizeof(literal) - 1) == 0)

/* EE_REASON_JSON_TOO_LARGE beyond `limit` bytes. */
void ee_attest_json_init(struct ee_json *j, struct ee_bytes text, size_t limit);
void ee_attest_json_object(struct ee_json *j);
void ee_attest_json_array(struct ee_json *j);
/* The next key of the open object, without quotes; false when it closed. Keys with escapes are
 * refused, so that equal keys have equal bytes. */
bool ee_attest_json_key(struct ee_json *j, struct ee_bytes *key_out);
/* True when the open array has another value; false when it closed. */
bool ee_attest_json_item(struct ee_json *j);
/* A string's bytes between the quotes, escapes as they are. */
struct ee_bytes ee_attest_json_string(struct ee_json *j);
/* The same for a string that may not hold escapes. */
struct ee_bytes ee_attest_json_text(struct ee_json *j);
/* A number without sign, fraction or exponent; EE_REASON_JSON_RANGE above `limit`. */
uint32_t ee_attest_json_unsigned(struct ee_json *j, uint32_t limit);
/* true or false. */
bool ee_attest_json_boolean(struct ee_json *j);
/* Exactly `size` bytes as hex of either case. */
void ee_attest_json_hex(struct ee_json *j, uint8_t *out, size_t size);
/* A UTC time "2026-01-31T23:59:59Z". */
int64_t ee_attest_json_time(struct ee_json *j);
/* Where the next value starts, and the bytes from there to where the reader is now (empty after a
 * failure): the text of a value that was read in parts. */
size_t ee_attest_json_at(struct ee_json *j);
struct ee_bytes ee_attest_json_since(const struct ee_json *j, size_t start);
/* Any value, checked in full. Returns its bytes. */
struct ee_bytes ee_attest_json_skip(struct ee_json *j);
/* A failure found by the reader's user, unless there is one already; nothing more is read. */
void ee_attest_json_fail(struct ee_json *j, enum ee_reason reason);
/* Only white space may be left. */
EE_MUST_USE enum ee_reason ee_attest_json_end(struct ee_json *j);

/* A string with its escapes resolved, written to `out`; how many bytes, never more than the text
 * has. EE_REASON_JSON_SYNTAX also for an unpaired surrogate, or when it does not fit. */
size_t ee_attest_json_copy(struct ee_json *j, uint8_t *out, size_t capacity);

#endif
