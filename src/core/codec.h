/* SPDX-License-Identifier: Apache-2.0 */
/* One description per format, run in either direction: a function that names the fields in order
 * reads them with a reading codec and writes them with a writing one, with the same checks on both
 * ways, so that a decoder accepts exactly what its encoder writes. Private to core. */
#ifndef EE_CORE_CODEC_H
#define EE_CORE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/money.h"
#include "base/text.h"

struct ee_codec {
    struct ee_writer *writer; /* NULL: reading */
    struct ee_cursor cursor;
    size_t start;    /* of this document in the writer */
    enum ee_err err; /* first broken rule; sticky */
};

struct ee_codec ee_codec_writer(struct ee_writer *writer);
struct ee_codec ee_codec_reader(struct ee_bytes bytes);
/* The first error; when writing, nothing of a failed document stays in the writer. */
EE_MUST_USE enum ee_err ee_codec_end(struct ee_codec *k);
/* Keeps the first error. */
void ee_codec_fail(struct ee_codec *k, enum ee_err err);
bool ee_codec_failed(const struct ee_codec *k);

void ee_codec_label(struct ee_codec *k, const char *label, uint16_t version);
/* Fixed-width, big-endian. Each gives the value written, or read (0 after an error). */
uint8_t ee_codec_u8(struct ee_codec *k, uint8_t value);
uint16_t ee_codec_u16(struct ee_codec *k, uint16_t value);
uint32_t ee_codec_u32(struct ee_codec *k, uint32_t value);
uint64_t ee_codec_u64(struct ee_codec *k, uint64_t value);
int64_t ee_codec_i64(struct ee_codec *k, int64_t value); /* two's complement */
/* One byte within [low, high]; EE_UNSUPPORTED. Gives `low` after an error. */
uint8_t ee_codec_enum(struct ee_codec *k, uint32_t value, uint8_t low, uint8_t high);
/* One byte, 0 or 1; EE_RANGE. */
uint8_t ee_codec_bool(struct ee_codec *k, uint8_t value);
/* Within [low, high] or not below `least`; EE_RANGE. Give the lowest after an error. */
uint32_t ee_codec_u32_within(struct ee_codec *k, uint32_t value, uint32_t low, uint32_t high);
int64_t ee_codec_i64_least(struct ee_codec *k, int64_t value, int64_t least);
/* Number of things that follow, at most `limit`: EE_TOO_LARGE and 0 beyond. */
uint32_t ee_codec_count(struct ee_codec *k, uint32_t value, uint32_t limit);
struct ee_money ee_codec_money(struct ee_codec *k, struct ee_money value, int64_t least);
/* u16 of a known error. */
enum ee_err ee_codec_err(struct ee_codec *k, enum ee_err value);
void ee_codec_raw(struct ee_codec *k, void *data, size_t size);
/* u8 length and printable ASCII, at least `least` bytes: EE_RANGE; `size` includes the NUL. */
void ee_codec_text(struct ee_codec *k, char *text, size_t size, size_t least);
/* EE_NAME unless valid (base/text.h). */
void ee_codec_name(struct ee_codec *k, char *name);
void ee_codec_name_or_empty(struct ee_codec *k, char *name);
/* u32 length and bytes; borrowed from the input when reading. EE_TOO_LARGE. */
struct ee_bytes ee_codec_block(struct ee_codec *k, struct ee_bytes value, size_t limit);

#endif
