/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec.h"

#include <string.h>

#include "base/banned.h"

struct ee_codec ee_codec_writer(struct ee_writer *writer)
{
    return (struct ee_codec){.writer = writer, .start = writer->size, .err = EE_OK};
}

struct ee_codec ee_codec_reader(struct ee_bytes bytes)
{
    struct ee_codec k = {.err = EE_OK};
    ee_cursor_init(&k.cursor, bytes);
    return k;
}

bool ee_codec_failed(const struct ee_codec *k)
{
    return k->err != EE_OK || (k->writer ? k->writer->err : k->cursor.err) != EE_OK;
}

void ee_codec_fail(struct ee_codec *k, enum ee_err err)
{
    if (!ee_codec_failed(k))
        k->err = err;
}

enum ee_err ee_codec_end(struct ee_codec *k)
{
    if (!k->writer)
        return k->err != EE_OK ? k->err : ee_cursor_end(&k->cursor);
    enum ee_err err = k->err != EE_OK ? k->err : k->writer->err;
    if (err != EE_OK)
        k->writer->size = k->start;
    return err;
}

void ee_codec_label(struct ee_codec *k, const char *label, uint16_t version)
{
    if (k->writer)
        ee_writer_label(k->writer, label, version);
    else
        ee_cursor_label(&k->cursor, label, version);
}

uint8_t ee_codec_u8(struct ee_codec *k, uint8_t value)
{
    if (!k->writer)
        return ee_cursor_u8(&k->cursor);
    ee_writer_u8(k->writer, value);
    return value;
}

uint16_t ee_codec_u16(struct ee_codec *k, uint16_t value)
{
    if (!k->writer)
        return ee_cursor_u16(&k->cursor);
    ee_writer_u16(k->writer, value);
    return value;
}

uint32_t ee_codec_u32(struct ee_codec *k, uint32_t value)
{
    if (!k->writer)
        return ee_cursor_u32(&k->cursor);
    ee_writer_u32(k->writer, value);
    return value;
}

uint64_t ee_codec_u64(struct ee_codec *k, uint64_t value)
{
    if (!k->writer)
        return ee_cursor_u64(&k->cursor);
    ee_writer_u64(k->writer, value);
    return value;
}

int64_t ee_codec_i64(struct ee_codec *k, int64_t value)
{
    uint64_t bits = ee_codec_u64(k, (uint64_t)value);
    memcpy(&value, &bits, sizeof(value)); /* the conversion back is implementation-defined */
    return value;
}

uint8_t ee_codec_enum(struct ee_codec *k, uint32_t value, uint8_t low, uint8_t high)
{
    if (k->writer && value > UINT8_MAX)
        ee_codec_fail(k, EE_UNSUPPORTED);
    value = ee_codec_u8(k, (uint8_t)value);
    if (value < low || value > high)
        ee_codec_fail(k, EE_UNSUPPORTED);
    return ee_codec_failed(k) ? low : (uint8_t)value;
}

uint8_t ee_codec_bool(struct ee_codec *k, uint8_t value)
{
    value = ee_codec_u8(k, value);
    if (value > 1)
        ee_codec_fail(k, EE_RANGE);
    return ee_codec_failed(k) ? 0 : value;
}

uint32_t ee_codec_u32_within(struct ee_codec *k, uint32_t value, uint32_t low, uint32_t high)
{
    value = ee_codec_u32(k, value);
    if (value < low || value > high)
        ee_codec_fail(k, EE_RANGE);
    return ee_codec_failed(k) ? low : value;
}

int64_t ee_codec_i64_least(struct ee_codec *k, int64_t value, int64_t least)
{
    value = ee_codec_i64(k, value);
    if (value < least)
        ee_codec_fail(k, EE_RANGE);
    return ee_codec_failed(k) ? least : value;
}

uint32_t ee_codec_count(struct ee_codec *k, uint32_t value, uint32_t limit)
{
    value = ee_codec_u32(k, value);
    if (value > limit)
        ee_codec_fail(k, EE_TOO_LARGE);
    return ee_codec_failed(k) ? 0 : value;
}

struct ee_money ee_codec_money(struct ee_codec *k, struct ee_money value, int64_t least)
{
    return (struct ee_money){ee_codec_i64_least(k, value.micros, least)};
}

enum ee_err ee_codec_err(struct ee_codec *k, enum ee_err value)
{
    if (k->writer && (uint32_t)value > UINT16_MAX)
        ee_codec_fail(k, EE_UNSUPPORTED);
    value = (enum ee_err)ee_codec_u16(k, (uint16_t)value);
    if (strcmp(ee_err_name(value), "unknown") == 0)
        ee_codec_fail(k, EE_UNSUPPORTED);
    return ee_codec_failed(k) ? EE_OK : value;
}

void ee_codec_raw(struct ee_codec *k, void *data, size_t size)
{
    if (k->writer)
        ee_writer_bytes(k->writer, data, size);
    else
        ee_cursor_copy(&k->cursor, data, size);
}

static bool text_printable(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return false;
    return true;
}

void ee_codec_text(struct ee_codec *k, char *text, size_t size, size_t least)
{
    if (!k->writer) {
        ee_cursor_text(&k->cursor, text, size);
    } else {
        const char *end = memchr(text, '\0', size);
        if (!end)
            ee_codec_fail(k, EE_TOO_LARGE);
        else if (!text_printable(text, (size_t)(end - text)))
            ee_codec_fail(k, EE_SYNTAX);
        else
            ee_writer_text(k->writer, text);
    }
    if (!ee_codec_failed(k) && strlen(text) < least)
        ee_codec_fail(k, EE_RANGE);
}

void ee_codec_name_or_empty(struct ee_codec *k, char *name)
{
    ee_codec_text(k, name, EE_NAME_MAX + 1, 0);
    if (!ee_codec_failed(k) && name[0] != '\0' && !ee_name_valid(name))
        ee_codec_fail(k, EE_NAME);
}

void ee_codec_name(struct ee_codec *k, char *name)
{
    ee_codec_name_or_empty(k, name);
    if (!ee_codec_failed(k) && name[0] == '\0')
        ee_codec_fail(k, EE_NAME);
}

struct ee_bytes ee_codec_block(struct ee_codec *k, struct ee_bytes value, size_t limit)
{
    if (!k->writer)
        return ee_cursor_block(&k->cursor, limit);
    if (value.size > limit)
        ee_codec_fail(k, EE_TOO_LARGE);
    else
        ee_writer_block(k->writer, value);
    return value;
}
