/* SPDX-License-Identifier: Apache-2.0 */
/* Private to src/attest: canonical JSON, in which every byte is determined by the values. The
 * reader expects exactly what the writer writes; errors stick in writer and cursor. */
#ifndef EE_ATTEST_CANONICAL_H
#define EE_ATTEST_CANONICAL_H

#include "attest/freshness.h"
#include "base/bytes.h"

void ee_canonical_put(struct ee_writer *w, const char *text);
void ee_canonical_put_number(struct ee_writer *w, uint32_t number);
void ee_canonical_put_hash(struct ee_writer *w, const uint8_t hash[EE_TLOG_HASH_SIZE]);
void ee_canonical_put_base64(struct ee_writer *w, struct ee_bytes bytes);
/* The hashes of a path, quoted and with commas. */
void ee_canonical_put_path(struct ee_writer *w, const struct ee_tlog_hash *path, size_t count);

bool ee_canonical_at(const struct ee_cursor *c, const char *literal);
/* EE_SYNTAX, EE_TRUNCATED. */
void ee_canonical_expect(struct ee_cursor *c, const char *literal);
/* 64 lower-case hex digits. */
void ee_canonical_hash(struct ee_cursor *c, uint8_t out[EE_TLOG_HASH_SIZE]);
/* Decimal digits before `end`, which stays. */
uint32_t ee_canonical_number(struct ee_cursor *c, char end);
/* Base64 before the next quote, decoded into what is left of `memory`. */
struct ee_bytes ee_canonical_base64(struct ee_cursor *c, struct ee_writer *memory);
/* Up to the closing bracket; EE_RANGE above EE_FRESHNESS_PATH_MAX. */
void ee_canonical_path(struct ee_cursor *c, struct ee_tlog_hash path[EE_FRESHNESS_PATH_MAX],
                       size_t *count_out);

#endif
