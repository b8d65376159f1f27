/* SPDX-License-Identifier: Apache-2.0 */
/* Borrowed bytes, a cursor that reads them with checked lengths, and a writer into the caller's
 * buffer. Both have a sticky error: read or write on, ask once at the end. */
#ifndef EE_BASE_BYTES_H
#define EE_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Bytes owned by somebody else; valid as long as the owner says. */
struct ee_bytes {
    const uint8_t *data;
    size_t size;
};

struct ee_bytes ee_bytes_of(const void *data, size_t size);
struct ee_bytes ee_bytes_str(const char *text); /* without the NUL */
bool ee_bytes_equal(struct ee_bytes a, struct ee_bytes b);
/* Memory order, shorter first among equals: <0, 0, >0. */
int ee_bytes_compare(struct ee_bytes a, struct ee_bytes b);
/* Time does not depend on the content; for hashes of credentials and MACs. */
bool ee_bytes_equal_secret(const void *a, const void *b, size_t size);
bool ee_bytes_all_zero(const void *data, size_t size);
/* Overwrites in a way the compiler keeps. */
void ee_wipe(void *data, size_t size);

struct ee_cursor {
    const uint8_t *next;
    size_t left;
    enum ee_err err; /* EE_OK or the first failure; then every read gives zero or NULL */
};

/* What tools/prove shows of every read: from a cursor within its input to one within it. */
/*@ predicate ee_cursor_within{L}(struct ee_cursor *c) =
      c->left == 0 || \valid_read(c->next + (0 .. c->left - 1)); */

void ee_cursor_init(struct ee_cursor *c, struct ee_bytes bytes);
/* `size` bytes borrowed from the input, or NULL with EE_TRUNCATED. */
const uint8_t *ee_cursor_take(struct ee_cursor *c, size_t size);
struct ee_bytes ee_cursor_bytes(struct ee_cursor *c, size_t size);
void ee_cursor_copy(struct ee_cursor *c, void *out, size_t size); /* zeroes `out` on failure */
uint8_t ee_cursor_u8(struct ee_cursor *c);
uint16_t ee_cursor_u16le(struct ee_cursor *c);
uint32_t ee_cursor_u32le(struct ee_cursor *c);
uint64_t ee_cursor_u64le(struct ee_cursor *c);
uint16_t
ee_cursor_u16(struct ee_cursor *c); /* without a suffix: big-endian, as in all our own formats */
uint32_t ee_cursor_u32(struct ee_cursor *c);
uint64_t ee_cursor_u64(struct ee_cursor *c);
/* u32 length then that many bytes; EE_TOO_LARGE above `limit`. */
struct ee_bytes ee_cursor_block(struct ee_cursor *c, size_t limit);
/* u8 length then that many bytes of printable ASCII, NUL-terminated into out[out_size]. */
void ee_cursor_text(struct ee_cursor *c, char *out, size_t out_size);
/* EE_TRAILING when something is left; the sticky error otherwise. */
EE_MUST_USE enum ee_err ee_cursor_end(const struct ee_cursor *c);

struct ee_writer {
    uint8_t *data;
    size_t size; /* written so far */
    size_t capacity;
    enum ee_err err; /* EE_TOO_LARGE once the buffer is full; nothing is written after that */
};

void ee_writer_init(struct ee_writer *w, void *data, size_t capacity);
void ee_writer_bytes(struct ee_writer *w, const void *data, size_t size);
void ee_writer_u8(struct ee_writer *w, uint8_t value);
void ee_writer_u16(struct ee_writer *w, uint16_t value); /* big-endian */
void ee_writer_u32(struct ee_writer *w, uint32_t value);
void ee_writer_u64(struct ee_writer *w, uint64_t value);
void ee_writer_u16le(struct ee_writer *w, uint16_t value);
void ee_writer_u32le(struct ee_writer *w, uint32_t value);
void ee_writer_block(struct ee_writer *w, struct ee_bytes bytes); /* u32 length, bytes */
void ee_writer_text(struct ee_writer *w, const char *text); /* u8 length, bytes; at most 255 */
struct ee_bytes ee_writer_done(const struct ee_writer *w);

/* Every document of ours starts with its label (ee_writer_text) and a u16 version, so that no two
 * kinds share bytes. */
void ee_writer_label(struct ee_writer *w, const char *label, uint16_t version);
/* EE_SYNTAX for another label, EE_UNSUPPORTED for another version (sticky). */
void ee_cursor_label(struct ee_cursor *c, const char *label, uint16_t version);

#endif
