/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/der.h"

#include <string.h>

#include "base/text.h"
#include "base/banned.h"

bool ee_attest_der_length(const uint8_t *data, size_t size, size_t *octets_out, size_t *length_out)
{
    if (size == 0)
        return false;
    if (data[0] < 0x80) {
        *octets_out = 1;
        *length_out = data[0];
        return true;
    }
    size_t count = data[0] & 0x7f;
    if (count == 0 || count > 4 || count >= size)
        return false;
    uint32_t length = 0;
    for (size_t i = 1; i <= count; i++)
        length = length << 8 | data[i];
    /* Minimal: no leading zero octet, and the short form where it is enough. */
    if (data[1] == 0 || length < 0x80)
        return false;
    *octets_out = 1 + count;
    *length_out = length;
    return true;
}

static void fail(struct ee_cursor *c, enum ee_err err)
{
    if (c->err == EE_OK)
        c->err = err;
}

struct ee_der_item ee_attest_der_any(struct ee_cursor *c)
{
    struct ee_der_item item = {0};
    size_t octets = 0, length = 0;
    const uint8_t *start = c->next;
    const uint8_t *tag = ee_cursor_take(c, 1);
    if (!tag)
        return item;
    /* Multi-byte tags do not occur in certificates. */
    if ((*tag & 0x1f) == 0x1f || !ee_attest_der_length(c->next, c->left, &octets, &length)) {
        fail(c, EE_SYNTAX);
        return item;
    }
    (void)ee_cursor_take(c, octets);
    struct ee_bytes content = ee_cursor_bytes(c, length);
    if (c->err != EE_OK)
        return item;
    item.tag = *tag;
    item.content = content;
    item.whole = ee_bytes_of(start, 1 + octets + length);
    return item;
}

struct ee_bytes ee_attest_der_expect(struct ee_cursor *c, uint8_t tag)
{
    struct ee_der_item item = ee_attest_der_any(c);
    if (c->err == EE_OK && item.tag != tag)
        fail(c, EE_SYNTAX);
    return c->err == EE_OK ? item.content : ee_bytes_of(NULL, 0);
}

bool ee_attest_der_next_is(const struct ee_cursor *c, uint8_t tag)
{
    return c->err == EE_OK && c->left > 0 && c->next[0] == tag;
}

struct ee_cursor ee_attest_der_enter(struct ee_cursor *c, uint8_t tag)
{
    struct ee_cursor inner;
    ee_cursor_init(&inner, ee_attest_der_expect(c, tag));
    inner.err = c->err;
    return inner;
}

uint64_t ee_attest_der_unsigned(struct ee_cursor *c, uint8_t tag, uint64_t limit)
{
    struct ee_bytes content = ee_attest_der_expect(c, tag);
    uint64_t value = 0;
    if (c->err != EE_OK)
        return 0;
    bool padded = content.size > 1 && content.data[0] == 0;
    if (content.size == 0 || content.data[0] >= 0x80 || (padded && content.data[1] < 0x80))
        fail(c, EE_SYNTAX); /* none, negative, or not minimal */
    else if (content.size > 8 + (size_t)padded)
        fail(c, EE_RANGE);
    for (size_t i = 0; c->err == EE_OK && i < content.size; i++)
        value = value << 8 | content.data[i];
    if (value > limit)
        fail(c, EE_RANGE);
    return c->err == EE_OK ? value : 0;
}

bool ee_attest_der_boolean(struct ee_cursor *c)
{
    struct ee_bytes content = ee_attest_der_expect(c, EE_DER_BOOLEAN);
    if (c->err == EE_OK && (content.size != 1 || (content.data[0] != 0 && content.data[0] != 0xff)))
        fail(c, EE_SYNTAX);
    return c->err == EE_OK && content.data[0] == 0xff;
}

/* YYYYMMDDHHMMSSZ, or without the century for UTCTime, to RFC 3339 for the one date parser. */
static bool time_text(struct ee_der_item item, char out[EE_TIME_TEXT_SIZE])
{
    static const char form[] = "%%%%-%%-%%T%%:%%:%%Z";
    uint8_t digits[14];
    const uint8_t *in = item.content.data;
    if (item.tag == EE_DER_UTC_TIME && item.content.size == 13) {
        digits[0] = in[0] >= '5' ? '1' : '2';
        digits[1] = in[0] >= '5' ? '9' : '0';
        memcpy(digits + 2, in, 12);
    } else if (item.tag == EE_DER_GENERALIZED_TIME && item.content.size == 15 &&
               memcmp(in, "2050", 4) >= 0) {
        memcpy(digits, in, 14);
    } else {
        return false;
    }
    size_t next = 0;
    for (size_t i = 0; i < sizeof(form) - 1; i++)
        out[i] = form[i] == '%' ? (char)digits[next++] : form[i];
    return in[item.content.size - 1] == 'Z';
}

int64_t ee_attest_der_time(struct ee_cursor *c)
{
    char text[EE_TIME_TEXT_SIZE] = {0};
    int64_t seconds = 0;
    struct ee_der_item item = ee_attest_der_any(c);
    if (c->err != EE_OK)
        return 0;
    if (!time_text(item, text) ||
        ee_time_parse(ee_bytes_of(text, EE_TIME_TEXT_SIZE - 1), &seconds) != EE_OK)
        fail(c, EE_SYNTAX);
    return c->err == EE_OK ? seconds : 0;
}

static void scalar(struct ee_cursor *c, uint8_t out[32])
{
    struct ee_bytes content = ee_attest_der_expect(c, EE_DER_INTEGER);
    if (c->err != EE_OK)
        return;
    const uint8_t *data = content.data;
    size_t size = content.size;
    if (size == 0 || data[0] >= 0x80 || (size > 1 && data[0] == 0 && data[1] < 0x80)) {
        fail(c, EE_SYNTAX);
        return;
    }
    if (data[0] == 0) {
        data++;
        size--;
    }
    if (size > 32) {
        fail(c, EE_RANGE);
        return;
    }
    memset(out, 0, 32);
    if (size)
        memcpy(out + 32 - size, data, size);
}

bool ee_attest_der_signature(struct ee_bytes der, uint8_t out[EE_P256_SIGNATURE_SIZE])
{
    struct ee_cursor c;
    ee_cursor_init(&c, der);
    struct ee_cursor pair = ee_attest_der_enter(&c, EE_DER_SEQUENCE);
    scalar(&pair, out);
    scalar(&pair, out + 32);
    return ee_cursor_end(&c) == EE_OK && ee_cursor_end(&pair) == EE_OK;
}
