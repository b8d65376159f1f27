/* SPDX-License-Identifier: Apache-2.0 */
#include "base/money.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

/* The annotations are contracts that tools/prove shows to hold for every input: no overflow, no
 * access outside the text, no money below zero from a parser. */

enum { TEXT_MAX = 256 }; /* far more digits than fit */

/*@ requires at_most: at <= TEXT_MAX;
    requires text: \valid_read(text + (0 .. size));
    assigns \nothing;
    ensures \result != 0 ==> at < size && '0' <= text[at] <= '9'; */
static bool digit_at(const char *text, size_t size, size_t at)
{
    return at < size && text[at] >= '0' && text[at] <= '9';
}

/*@ requires \valid(value) && *value >= 0 && '0' <= digit <= '9';
    assigns *value;
    ensures *value >= 0;
    ensures \result == EE_OK ==> *value == \old(*value) * 10 + (digit - '0');
    ensures \result == EE_OK || \result == EE_OVERFLOW; */
static enum ee_err push_digit(int64_t *value, char digit)
{
    int64_t units = digit - '0';
    if (*value > (INT64_MAX - units) / 10)
        return EE_OVERFLOW;
    *value = *value * 10 + units;
    return EE_OK;
}

/* A comma stands before exactly three digits that end the whole part or precede another comma. */
/*@ requires at < size <= TEXT_MAX;
    requires text: \valid_read(text + (0 .. size));
    assigns \nothing; */
static bool comma_allowed(const char *text, size_t size, size_t at, size_t digits_before)
{
    if (digits_before == 0 || digits_before > 3 || at + 4 > size)
        return false;
    return digit_at(text, size, at + 1) && digit_at(text, size, at + 2) &&
           digit_at(text, size, at + 3) && (at + 4 == size || !digit_at(text, size, at + 4));
}

/*@ requires \valid(at) && \valid(value) && \separated(at, value);
    requires *at <= size <= TEXT_MAX && *value >= 0;
    requires text: \valid_read(text + (0 .. size)) && \separated(text + (0 .. size), at, value);
    assigns *at, *value;
    ensures *at <= size && *value >= 0; */
static enum ee_err parse_whole(const char *text, size_t size, size_t *at, int64_t *value)
{
    size_t group = 0;
    bool grouped = false, any = false;
    /*@ loop invariant \at(*at, Pre) <= *at <= size && *value >= 0;
        loop invariant group <= *at - \at(*at, Pre);
        loop assigns *at, *value, group, grouped, any;
        loop variant size - *at; */
    while (*at < size && (text[*at] == ',' || digit_at(text, size, *at))) {
        if (text[*at] == ',') {
            if (!comma_allowed(text, size, *at, group) || (grouped && group != 3))
                return EE_SYNTAX;
            grouped = true;
            group = 0;
        } else {
            EE_TRY(push_digit(value, text[*at]));
            group++;
            any = true;
        }
        (*at)++;
    }
    return any ? EE_OK : EE_SYNTAX;
}

/* The digits behind the point, filled up with zeros. */
/*@ requires at <= size <= TEXT_MAX && decimals <= 9;
    requires \valid(value) && *value >= 0;
    requires text: \valid_read(text + (0 .. size)) && \separated(text + (0 .. size), value);
    assigns *value;
    ensures *value >= 0; */
static enum ee_err parse_fraction(const char *text, size_t size, size_t at, unsigned decimals,
                                  int64_t *value)
{
    unsigned used = 0;
    if (at < size) {
        if (text[at] != '.' || !digit_at(text, size, at + 1))
            return EE_SYNTAX;
        at++;
    }
    /*@ loop invariant at <= size && used <= decimals && *value >= 0;
        loop assigns at, used, *value;
        loop variant decimals - used; */
    for (; used < decimals && digit_at(text, size, at); at++, used++)
        EE_TRY(push_digit(value, text[at]));
    if (at < size)
        return EE_SYNTAX; /* also one decimal too many: input is never rounded silently */
    /*@ loop invariant used <= decimals && *value >= 0;
        loop assigns used, *value;
        loop variant decimals - used; */
    for (; used < decimals; used++)
        EE_TRY(push_digit(value, '0'));
    return EE_OK;
}

/*@ requires valid_read_string(text) && decimals <= 9;
    requires \valid(out) && \separated(text + (0 .. strlen(text)), out);
    assigns *out;
    ensures \result == EE_OK ==> *out >= 0;
    ensures \result != EE_OK ==> *out == \old(*out); */
static enum ee_err parse_decimal(const char *text, unsigned decimals, int64_t *out)
{
    int64_t value = 0;
    size_t size = strlen(text), at = 0;
    if (size > TEXT_MAX)
        return EE_SYNTAX;
    if (size > 0 && text[0] == '$')
        at = 1;
    EE_TRY(parse_whole(text, size, &at, &value));
    EE_TRY(parse_fraction(text, size, at, decimals, &value));
    *out = value;
    return EE_OK;
}

/*@ requires valid_read_string(text);
    requires \valid(out) && \separated(text + (0 .. strlen(text)), out);
    assigns out->micros;
    ensures \result == EE_OK ==> out->micros >= 0;
    ensures \result != EE_OK ==> out->micros == \old(out->micros); */
enum ee_err ee_money_parse(const char *text, struct ee_money *out)
{
    return parse_decimal(text, 6, &out->micros);
}

/*@ requires valid_read_string(text);
    requires \valid(nanos_out) && \separated(text + (0 .. strlen(text)), nanos_out);
    assigns *nanos_out;
    ensures \result == EE_OK ==> *nanos_out >= 0;
    ensures \result != EE_OK ==> *nanos_out == \old(*nanos_out); */
enum ee_err ee_price_parse(const char *text, int64_t *nanos_out)
{
    return parse_decimal(text, 9, nanos_out);
}

/* Decimal with at least `keep` and at most `decimals` places. */
static char *format_decimal(int64_t value, unsigned decimals, unsigned keep, const char *mark,
                            char *out)
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    uint64_t scale = 1;
    for (unsigned i = 0; i < decimals; i++)
        scale *= 10;
    int used = snprintf(out, EE_MONEY_TEXT_SIZE, "%s%s%llu.%0*llu", value < 0 ? "-" : "", mark,
                        (unsigned long long)(magnitude / scale), (int)decimals,
                        (unsigned long long)(magnitude % scale));
    size_t end = (size_t)used;
    for (unsigned places = decimals; places > keep && out[end - 1] == '0'; places--)
        out[--end] = '\0';
    if (out[end - 1] == '.')
        out[--end] = '\0';
    return out;
}

char *ee_money_format(struct ee_money money, char out[EE_MONEY_TEXT_SIZE])
{
    return format_decimal(money.micros, 6, 0, "", out);
}

char *ee_money_show(struct ee_money money, char out[EE_MONEY_TEXT_SIZE])
{
    return format_decimal(money.micros, 6, 2, "$", out);
}

char *ee_price_format(int64_t nanos, char out[EE_MONEY_TEXT_SIZE])
{
    return format_decimal(nanos, 9, 0, "", out);
}

enum { NANO_SECONDS_PER_MICRO_HOUR = 3600 * 1000 }; /* hour in seconds, nano to micro */

/* The product, EE_OVERFLOW when it is not below 2^63. */
/*@ requires \valid(out);
    assigns *out;
    ensures \result == EE_OK ==> *out == a * b && *out <= INT64_MAX;
    ensures \result == EE_OK || \result == EE_OVERFLOW; */
static enum ee_err multiply(uint64_t a, uint64_t b, uint64_t *out)
{
    if (b != 0 && a > INT64_MAX / b)
        return EE_OVERFLOW;
    *out = a * b;
    return EE_OK;
}

/* With price = q * d + r and seconds = s * d + t, where d is the divisor, price * seconds / d is
 * q * seconds + r * s + r * t / d: only the last needs rounding, and nothing needs 128 bits. */
/*@ requires \valid(out);
    assigns out->micros;
    ensures \result == EE_OK ==> out->micros >= 0;
    ensures nanos_per_vcpu_hour < 0 ==> \result == EE_RANGE;
    ensures \result != EE_OK ==> out->micros == \old(out->micros); */
enum ee_err ee_money_lock(int64_t nanos_per_vcpu_hour, uint64_t vcpu_seconds, struct ee_money *out)
{
    const uint64_t divisor = NANO_SECONDS_PER_MICRO_HOUR;
    if (nanos_per_vcpu_hour < 0)
        return EE_RANGE;
    uint64_t price = (uint64_t)nanos_per_vcpu_hour;
    uint64_t whole = 0, part = 0;
    EE_TRY(multiply(price / divisor, vcpu_seconds, &whole));
    EE_TRY(multiply(price % divisor, vcpu_seconds / divisor, &part));
    uint64_t rest = (price % divisor) * (vcpu_seconds % divisor);
    uint64_t micros = whole + part; /* both below 2^63 */
    uint64_t rounded = rest / divisor + (rest % divisor != 0);
    if (micros > INT64_MAX || rounded > INT64_MAX - micros)
        return EE_OVERFLOW;
    out->micros = (int64_t)(micros + rounded);
    return EE_OK;
}

/*@ requires \valid(out);
    assigns out->micros;
    ensures \result == EE_OK ==> out->micros == a.micros + b.micros;
    ensures \result == EE_OK <==> INT64_MIN <= a.micros + b.micros <= INT64_MAX; */
enum ee_err ee_money_add(struct ee_money a, struct ee_money b, struct ee_money *out)
{
    bool above = b.micros > 0 && a.micros > INT64_MAX - b.micros;
    bool below = b.micros < 0 && a.micros < INT64_MIN - b.micros;
    if (above || below)
        return EE_OVERFLOW;
    out->micros = a.micros + b.micros;
    return EE_OK;
}

/*@ requires \valid(out);
    assigns out->micros;
    ensures \result == EE_OK ==> out->micros == a.micros - b.micros;
    ensures \result == EE_OK <==> INT64_MIN <= a.micros - b.micros <= INT64_MAX; */
enum ee_err ee_money_subtract(struct ee_money a, struct ee_money b, struct ee_money *out)
{
    bool above = b.micros < 0 && a.micros > INT64_MAX + b.micros;
    bool below = b.micros > 0 && a.micros < INT64_MIN + b.micros;
    if (above || below)
        return EE_OVERFLOW;
    out->micros = a.micros - b.micros;
    return EE_OK;
}
