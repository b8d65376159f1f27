/* SPDX-License-Identifier: Apache-2.0 */
#include "base/money.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum ee_err push_digit(int64_t *value, char digit)
{
    if (__builtin_mul_overflow(*value, 10, value) ||
        __builtin_add_overflow(*value, digit - '0', value))
        return EE_OVERFLOW;
    return EE_OK;
}

/* A comma stands before exactly three digits that end the whole part or precede another comma. */
static bool comma_allowed(const char *text, size_t digits_before)
{
    if (digits_before == 0 || digits_before > 3)
        return false;
    return is_digit(text[1]) && is_digit(text[2]) && is_digit(text[3]) && !is_digit(text[4]);
}

static enum ee_err parse_whole(const char **text, int64_t *value)
{
    size_t group = 0;
    bool grouped = false, any = false;
    for (; is_digit(**text) || **text == ','; (*text)++) {
        if (**text == ',') {
            if (!comma_allowed(*text, group) || (grouped && group != 3))
                return EE_SYNTAX;
            grouped = true;
            group = 0;
            continue;
        }
        EE_TRY(push_digit(value, **text));
        group++;
        any = true;
    }
    return any ? EE_OK : EE_SYNTAX;
}

static enum ee_err parse_decimal(const char *text, unsigned decimals, int64_t *out)
{
    int64_t value = 0;
    if (*text == '$')
        text++;
    EE_TRY(parse_whole(&text, &value));
    unsigned used = 0;
    if (*text == '.') {
        text++;
        if (!is_digit(*text))
            return EE_SYNTAX;
        for (; is_digit(*text) && used < decimals; text++, used++)
            EE_TRY(push_digit(&value, *text));
    }
    if (*text)
        return EE_SYNTAX; /* also one decimal too many: input is never rounded silently */
    for (; used < decimals; used++)
        EE_TRY(push_digit(&value, '0'));
    *out = value;
    return EE_OK;
}

enum ee_err ee_money_parse(const char *text, struct ee_money *out)
{
    return parse_decimal(text, 6, &out->micros);
}

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

enum ee_err ee_money_lock(int64_t nanos_per_vcpu_hour, uint64_t vcpu_seconds, struct ee_money *out)
{
    const ee_u128 divisor = 3600u * 1000u; /* hour in seconds, nano to micro */
    if (nanos_per_vcpu_hour < 0)
        return EE_RANGE;
    ee_u128 product = (ee_u128)nanos_per_vcpu_hour * vcpu_seconds;
    ee_u128 micros = product / divisor + (product % divisor != 0);
    if (micros > INT64_MAX)
        return EE_OVERFLOW;
    out->micros = (int64_t)micros;
    return EE_OK;
}

enum ee_err ee_money_add(struct ee_money a, struct ee_money b, struct ee_money *out)
{
    int64_t sum;
    if (__builtin_add_overflow(a.micros, b.micros, &sum))
        return EE_OVERFLOW;
    out->micros = sum;
    return EE_OK;
}

enum ee_err ee_money_subtract(struct ee_money a, struct ee_money b, struct ee_money *out)
{
    int64_t difference;
    if (__builtin_sub_overflow(a.micros, b.micros, &difference))
        return EE_OVERFLOW;
    out->micros = difference;
    return EE_OK;
}
