/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/der_writer.h"

#include <string.h>

#include "base/text.h"

#include "base/banned.h"

enum { LENGTH_MAX = 3 }; /* 0x82 and two bytes: no value here reaches 64 KiB */

static void fail(struct ee_der_writer *d, enum ee_err err)
{
    if (d->out.err == EE_OK)
        d->out.err = err;
}

void ee_der_init(struct ee_der_writer *d, void *data, size_t capacity)
{
    *d = (struct ee_der_writer){.depth = 0};
    ee_writer_init(&d->out, data, capacity);
}

/* X.690 section 10.1: the shortest form. Returns its size. */
static size_t length_encode(size_t length, uint8_t out[LENGTH_MAX])
{
    if (length < 0x80) {
        out[0] = (uint8_t)length;
        return 1;
    }
    if (length < 0x100) {
        out[0] = 0x81;
        out[1] = (uint8_t)length;
        return 2;
    }
    out[0] = 0x82;
    out[1] = (uint8_t)(length >> 8);
    out[2] = (uint8_t)length;
    return 3;
}

void ee_der_open(struct ee_der_writer *d, uint8_t tag)
{
    if (d->depth == EE_DER_DEPTH_MAX)
        fail(d, EE_LIMIT);
    ee_writer_u8(&d->out, tag);
    if (d->out.err == EE_OK)
        d->open[d->depth++] = d->out.size;
}

void ee_der_close(struct ee_der_writer *d)
{
    uint8_t length[LENGTH_MAX];
    if (d->depth == 0)
        fail(d, EE_STATE);
    if (d->out.err != EE_OK)
        return;
    size_t start = d->open[--d->depth], contents = d->out.size - start;
    if (contents > UINT16_MAX) {
        fail(d, EE_TOO_LARGE);
        return;
    }
    size_t size = length_encode(contents, length);
    ee_writer_bytes(&d->out, length, size); /* makes the room; the bytes go to the front */
    if (d->out.err != EE_OK)
        return;
    memmove(d->out.data + start + size, d->out.data + start, contents);
    memcpy(d->out.data + start, length, size);
}

void ee_der_value(struct ee_der_writer *d, uint8_t tag, struct ee_bytes contents)
{
    ee_der_open(d, tag);
    ee_der_raw(d, contents);
    ee_der_close(d);
}

void ee_der_raw(struct ee_der_writer *d, struct ee_bytes der)
{
    if (der.size)
        ee_writer_bytes(&d->out, der.data, der.size);
}

static void number(struct ee_der_writer *d, uint8_t tag, struct ee_bytes n)
{
    while (n.size && n.data[0] == 0)
        n = ee_bytes_of(n.data + 1, n.size - 1);
    ee_der_open(d, tag);
    if (n.size == 0 || n.data[0] & 0x80) /* zero, or positive with the sign bit in use */
        ee_writer_u8(&d->out, 0);
    ee_der_raw(d, n);
    ee_der_close(d);
}

void ee_der_unsigned(struct ee_der_writer *d, struct ee_bytes n)
{
    number(d, EE_DER_INTEGER, n);
}

void ee_der_u32(struct ee_der_writer *d, uint8_t tag, uint32_t value)
{
    const uint8_t bytes[] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                             (uint8_t)value};
    number(d, tag, ee_bytes_of(bytes, sizeof(bytes)));
}

void ee_der_bool(struct ee_der_writer *d, bool value)
{
    const uint8_t byte = value ? 0xff : 0x00;
    ee_der_value(d, EE_DER_BOOLEAN, ee_bytes_of(&byte, 1));
}

void ee_der_bit_string(struct ee_der_writer *d, struct ee_bytes bits, uint8_t unused_bits)
{
    ee_der_open(d, EE_DER_BIT_STRING);
    ee_writer_u8(&d->out, unused_bits);
    ee_der_raw(d, bits);
    ee_der_close(d);
}

void ee_der_time(struct ee_der_writer *d, int64_t time_s)
{
    char text[EE_TIME_TEXT_SIZE], digits[16];
    size_t size = 0;
    ee_time_format(time_s, text);
    for (const char *c = text; *c; c++)
        if (*c >= '0' && *c <= '9')
            digits[size++] = *c;
    digits[size++] = 'Z';
    bool utc = memcmp(digits, "2050", 4) < 0;
    ee_der_value(d, utc ? EE_DER_UTC_TIME : EE_DER_GENERALIZED_TIME,
                 ee_bytes_of(utc ? digits + 2 : digits, utc ? size - 2 : size));
}

struct ee_bytes ee_der_done(struct ee_der_writer *d)
{
    if (d->depth)
        fail(d, EE_STATE);
    return ee_writer_done(&d->out);
}
