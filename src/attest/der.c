/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/der.h"

#include <string.h>

#include "base/text.h"
#include "base/banned.h"

/* The annotations are contracts that tools/prove shows to hold for every input: nothing outside it
 * is read, and a length of four octets is no longer than what was given for it. */

/*@ requires \valid(octets_out) && \valid(length_out) && \separated(octets_out, length_out);
    requires size == 0 || \valid_read(data + (0 .. size - 1));
    requires \separated(octets_out, data + (0 .. size - 1));
    requires \separated(length_out, data + (0 .. size - 1));
    assigns *octets_out, *length_out;
    ensures \result != 0 ==> 1 <= *octets_out <= 5 && *octets_out <= size;
    ensures \result != 0 ==> *length_out <= UINT32_MAX;
    ensures \result != 0 ==> (*octets_out == 1 <==> *length_out < 0x80); */
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
    /*@ loop invariant 1 <= i <= count + 1;
        loop assigns i, length;
        loop variant count + 1 - i; */
    for (size_t i = 1; i <= count; i++)
        length = length << 8 | data[i];
    /* Minimal: no leading zero octet, and the short form where it is enough. */
    if (data[1] == 0 || length < 0x80)
        return false;
    *octets_out = 1 + count;
    *length_out = length;
    return true;
}

/*@ requires \valid(c) && err != EE_OK;
    assigns c->err;
    ensures c->err == (\old(c->err) == EE_OK ? err : \old(c->err)); */
static void fail(struct ee_cursor *c, enum ee_err err)
{
    if (c->err == EE_OK)
        c->err = err;
}

/* The reader under all others; one function without calls, since a CRL has thousands of items. */
/*@ requires \valid(c) && ee_cursor_within(c);
    assigns *c;
    ensures within: ee_cursor_within(c);
    ensures c->err != EE_OK ==> c->next == \old(c->next) && c->left == \old(c->left);
    ensures c->err != EE_OK ==> \result.whole.size == 0 && \result.content.size == 0;
    ensures c->err == EE_OK ==> \old(c->err) == EE_OK;
    ensures c->err == EE_OK ==> 2 <= \result.whole.size <= \old(c->left);
    ensures c->err == EE_OK ==> c->left == \old(c->left) - \result.whole.size;
    ensures c->err == EE_OK ==> c->next == \old(c->next) + \result.whole.size;
    ensures c->err == EE_OK ==> \result.whole.data == \old(c->next);
    ensures c->err == EE_OK ==>
      \result.content.data + \result.content.size == \old(c->next) + \result.whole.size;
    ensures readable: \result.content.size == 0 ||
      \valid_read(\result.content.data + (0 .. \result.content.size - 1)); */
struct ee_der_item ee_attest_der_any(struct ee_cursor *c)
{
    struct ee_der_item item = {0};
    size_t octets = 0, length = 0;
    if (c->err != EE_OK || c->left == 0) {
        fail(c, EE_TRUNCATED);
        return item;
    }
    const uint8_t *start = c->next;
    /* Multi-byte tags do not occur in certificates. */
    if ((start[0] & 0x1f) == 0x1f ||
        !ee_attest_der_length(start + 1, c->left - 1, &octets, &length)) {
        fail(c, EE_SYNTAX);
        return item;
    }
    if (length > c->left - 1 - octets) {
        fail(c, EE_TRUNCATED);
        return item;
    }
    item.tag = start[0];
    item.content = (struct ee_bytes){start + 1 + octets, length};
    item.whole = (struct ee_bytes){start, 1 + octets + length};
    c->next += item.whole.size;
    c->left -= item.whole.size;
    return item;
}

/*@ requires \valid(c) && ee_cursor_within(c);
    assigns *c;
    ensures within: ee_cursor_within(c);
    ensures c->err != EE_OK ==> \result.size == 0;
    ensures readable: \result.size == 0 || \valid_read(\result.data + (0 .. \result.size - 1)); */
struct ee_bytes ee_attest_der_expect(struct ee_cursor *c, uint8_t tag)
{
    struct ee_der_item item = ee_attest_der_any(c);
    if (c->err == EE_OK && item.tag != tag)
        fail(c, EE_SYNTAX);
    return c->err == EE_OK ? item.content : (struct ee_bytes){NULL, 0};
}

/*@ requires \valid_read(c) && ee_cursor_within(c);
    assigns \nothing; */
bool ee_attest_der_next_is(const struct ee_cursor *c, uint8_t tag)
{
    return c->err == EE_OK && c->left > 0 && c->next[0] == tag;
}

/*@ requires \valid(c) && ee_cursor_within(c);
    assigns *c;
    ensures within: ee_cursor_within(c);
    ensures \result.err == c->err;
    ensures readable: \result.left == 0 || \valid_read(\result.next + (0 .. \result.left - 1)); */
struct ee_cursor ee_attest_der_enter(struct ee_cursor *c, uint8_t tag)
{
    struct ee_bytes content = ee_attest_der_expect(c, tag);
    return (struct ee_cursor){.next = content.data, .left = content.size, .err = c->err};
}

/* Content octets of a number: some, not negative, and no leading zero that is not needed. */
/*@ requires content.size == 0 || \valid_read(content.data + (0 .. content.size - 1));
    assigns \nothing;
    ensures \result != 0 ==> content.size > 0; */
static bool unsigned_ok(struct ee_bytes content)
{
    return content.size > 0 && content.data[0] < 0x80 &&
           (content.size == 1 || content.data[0] != 0 || content.data[1] >= 0x80);
}

/*@ requires \valid(c) && ee_cursor_within(c);
    assigns *c;
    ensures within: ee_cursor_within(c);
    ensures c->err == EE_OK ==> 0 < \result.size <= 21;
    ensures c->err != EE_OK ==> \result.size == 0;
    ensures readable: \result.size == 0 || \valid_read(\result.data + (0 .. \result.size - 1)); */
struct ee_bytes ee_attest_der_serial(struct ee_cursor *c)
{
    struct ee_bytes content = ee_attest_der_expect(c, EE_DER_INTEGER);
    if (c->err == EE_OK && (!unsigned_ok(content) || content.size > 20 + (content.data[0] == 0)))
        fail(c, EE_SYNTAX);
    return c->err == EE_OK ? content : (struct ee_bytes){NULL, 0};
}

/*@ requires \valid(c) && ee_cursor_within(c);
    assigns *c;
    ensures within: ee_cursor_within(c);
    ensures limited: \result <= limit; */
uint64_t ee_attest_der_unsigned(struct ee_cursor *c, uint8_t tag, uint64_t limit)
{
    struct ee_bytes content = ee_attest_der_expect(c, tag);
    uint64_t value = 0;
    if (c->err != EE_OK)
        return 0;
    bool padded = content.size > 1 && content.data[0] == 0;
    if (!unsigned_ok(content))
        fail(c, EE_SYNTAX);
    else if (content.size > 8 + (size_t)padded)
        fail(c, EE_RANGE);
    /*@ loop invariant 0 <= i <= content.size;
        loop assigns i, value;
        loop variant content.size - i; */
    for (size_t i = 0; c->err == EE_OK && i < content.size; i++)
        value = value << 8 | content.data[i];
    if (value > limit)
        fail(c, EE_RANGE);
    return c->err == EE_OK ? value : 0;
}

/*@ requires \valid(c) && ee_cursor_within(c);
    assigns *c;
    ensures within: ee_cursor_within(c); */
bool ee_attest_der_boolean(struct ee_cursor *c)
{
    struct ee_bytes content = ee_attest_der_expect(c, EE_DER_BOOLEAN);
    if (c->err == EE_OK && (content.size != 1 || (content.data[0] != 0 && content.data[0] != 0xff)))
        fail(c, EE_SYNTAX);
    return c->err == EE_OK && content.data[0] == 0xff;
}

/* YYYYMMDDHHMMSSZ, or without the century for UTCTime. */
static enum ee_err time_decode(struct ee_der_item item, int64_t *seconds)
{
    const uint8_t *at = item.content.data;
    int century;
    if (item.tag == EE_DER_UTC_TIME && item.content.size == 13)
        century = at[0] >= '5' ? 19 : 20;
    else if (item.tag == EE_DER_GENERALIZED_TIME && item.content.size == 15 &&
             memcmp(at, "2050", 4) >= 0)
        century = ee_digits2(at);
    else
        return EE_SYNTAX;
    at += item.content.size - 11; /* months to seconds, and a Z */
    int year = ee_digits2(at - 2);
    const struct ee_civil civil = {.year = century < 0 || year < 0 ? -1 : century * 100 + year,
                                   .month = ee_digits2(at),
                                   .day = ee_digits2(at + 2),
                                   .hour = ee_digits2(at + 4),
                                   .minute = ee_digits2(at + 6),
                                   .second = ee_digits2(at + 8)};
    return at[10] == 'Z' ? ee_time_of(&civil, seconds) : EE_SYNTAX;
}

int64_t ee_attest_der_time(struct ee_cursor *c)
{
    int64_t seconds = 0;
    struct ee_der_item item = ee_attest_der_any(c);
    if (c->err != EE_OK)
        return 0;
    if (time_decode(item, &seconds) != EE_OK)
        fail(c, EE_SYNTAX);
    return seconds;
}

static void scalar(struct ee_cursor *c, uint8_t out[32])
{
    struct ee_bytes content = ee_attest_der_expect(c, EE_DER_INTEGER);
    if (c->err != EE_OK)
        return;
    const uint8_t *data = content.data;
    size_t size = content.size;
    if (!unsigned_ok(content)) {
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
