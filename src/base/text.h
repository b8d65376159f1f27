/* SPDX-License-Identifier: Apache-2.0 */
/* Text forms of bytes, numbers, names and times: hex, base64 (RFC 4648), RFC 3339. Strict decoders.
 */
#ifndef EE_BASE_TEXT_H
#define EE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

enum { EE_NAME_MAX = 32 }; /* without the NUL */

/* Lower-case hex and a NUL: out has room for 2 * size + 1. Returns out. */
char *ee_hex_encode(const void *data, size_t size, char *out);
/* Exactly `size` bytes from 2 * size digits of either case; EE_SYNTAX otherwise. */
EE_MUST_USE enum ee_err ee_hex_decode(struct ee_bytes text, uint8_t *out, size_t size);

#define EE_BASE64_SIZE(bytes) ((((bytes) + 2) / 3) * 4 + 1)
/* Standard alphabet with padding and a NUL: out has room for EE_BASE64_SIZE(size). Returns out. */
char *ee_base64_encode(const void *data, size_t size, char *out);
/* Standard or URL alphabet, padding optional, no white space. EE_SYNTAX; EE_TOO_LARGE beyond
 * capacity. */
EE_MUST_USE enum ee_err ee_base64_decode(struct ee_bytes text, uint8_t *out, size_t capacity,
                                         size_t *size_out);

/* 1 to 32 of a-z, 0-9 and '-', starting with a letter. */
bool ee_name_valid(const char *name);

/* Decimal without sign, leading zeros or separators. EE_SYNTAX, EE_OVERFLOW. */
EE_MUST_USE enum ee_err ee_u64_parse(const char *text, uint64_t *out);

/* "2026-01-31T23:59:59Z" from seconds since 1970; out has room for 21. Returns out. */
enum { EE_TIME_TEXT_SIZE = 21 };
char *ee_time_format(int64_t seconds, char out[EE_TIME_TEXT_SIZE]);
/* A UTC date and time as people write it. */
struct ee_civil {
    int year, month, day, hour, minute, second; /* month and day from 1 */
};
/* EE_SYNTAX: not a valid calendar date of the years 1970 to 9999, or time of day. */
EE_MUST_USE enum ee_err ee_time_of(const struct ee_civil *civil, int64_t *seconds_out);
/* The value of two decimal digits; -1 when they are not. */
int ee_digits2(const uint8_t *text);
/* Exactly that form (years 1970 to 9999, valid calendar date); EE_SYNTAX otherwise. */
EE_MUST_USE enum ee_err ee_time_parse(struct ee_bytes text, int64_t *seconds_out);

#endif
