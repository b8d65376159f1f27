/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

char *ee_hex_encode(const void *data, size_t size, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * size] = '\0';
    return out;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

enum ee_err ee_hex_decode(struct ee_bytes text, uint8_t *out, size_t size)
{
    if (text.size != 2 * size)
        return EE_SYNTAX;
    for (size_t i = 0; i < text.size; i++)
        if (hex_digit(text.data[i]) < 0)
            return EE_SYNTAX;
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(hex_digit(text.data[2 * i]) << 4 | hex_digit(text.data[2 * i + 1]));
    return EE_OK;
}

char *ee_base64_encode(const void *data, size_t size, char *out)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *bytes = data;
    size_t at = 0;
    for (size_t i = 0; i < size; i += 3) {
        size_t have = size - i < 3 ? size - i : 3;
        uint32_t group = (uint32_t)bytes[i] << 16;
        group |= have > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        group |= have > 2 ? bytes[i + 2] : 0;
        out[at++] = alphabet[group >> 18];
        out[at++] = alphabet[group >> 12 & 63];
        out[at++] = have > 1 ? alphabet[group >> 6 & 63] : '=';
        out[at++] = have > 2 ? alphabet[group & 63] : '=';
    }
    out[at] = '\0';
    return out;
}

static int base64_digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    if (c == '/' || c == '_')
        return 63;
    return -1;
}

enum ee_err ee_base64_decode(struct ee_bytes text, uint8_t *out, size_t capacity, size_t *size_out)
{
    size_t digits = text.size;
    while (digits && text.size - digits < 2 && text.data[digits - 1] == '=')
        digits--;
    if (digits % 4 == 1 || (digits != text.size && text.size % 4 != 0))
        return EE_SYNTAX;
    size_t size = digits / 4 * 3 + (digits % 4 ? digits % 4 - 1 : 0);
    if (size > capacity)
        return EE_TOO_LARGE;
    uint32_t group = 0;
    size_t at = 0;
    for (size_t i = 0; i < digits; i++) {
        int digit = base64_digit(text.data[i]);
        if (digit < 0)
            return EE_SYNTAX;
        group = group << 6 | (uint32_t)digit;
        /* A byte is complete after digits 2, 3 and 4 of each group. */
        if (i % 4 == 1)
            out[at++] = (uint8_t)(group >> 4);
        else if (i % 4 == 2)
            out[at++] = (uint8_t)(group >> 2);
        else if (i % 4 == 3)
            out[at++] = (uint8_t)group;
    }
    /* The unused low bits must be zero, else one value has several texts (RFC 4648 section 3.5). */
    if ((digits % 4 == 2 && (group & 15)) || (digits % 4 == 3 && (group & 3)))
        return EE_SYNTAX;
    *size_out = size;
    return EE_OK;
}

bool ee_name_valid(const char *name)
{
    size_t size = strlen(name);
    if (size < 1 || size > EE_NAME_MAX || name[0] < 'a' || name[0] > 'z')
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

enum ee_err ee_u64_parse(const char *text, uint64_t *out)
{
    uint64_t value = 0;
    if (!*text || (text[0] == '0' && text[1]))
        return EE_SYNTAX;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return EE_SYNTAX;
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
            return EE_OVERFLOW;
    }
    *out = value;
    return EE_OK;
}

/* Days since 1970-01-01 of a proleptic Gregorian date, counting years from March so that the leap
 * day is last. */
static int64_t days_from_civil(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = year / 400; /* years here are never negative */
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

char *ee_time_format(int64_t seconds, char out[EE_TIME_TEXT_SIZE])
{
    if (seconds < 0 || seconds > INT64_C(253402300799)) {
        (void)snprintf(out, EE_TIME_TEXT_SIZE, "out-of-range");
        return out;
    }
    int64_t days = seconds / 86400 + 719468;
    int64_t rest = seconds % 86400;
    int64_t era = days / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
    int64_t year = year_of_era + era * 400 + (month <= 2);
    int64_t day = day_of_year - (153 * shifted + 2) / 5 + 1;
    (void)snprintf(out, EE_TIME_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)year % 10000,
                   (unsigned)month % 100, (unsigned)day % 100, (unsigned)(rest / 3600) % 100,
                   (unsigned)(rest / 60 % 60), (unsigned)(rest % 60));
    return out;
}

static bool digits_at(struct ee_bytes text, size_t at, size_t count, int64_t *out)
{
    *out = 0;
    for (size_t i = at; i < at + count; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        *out = *out * 10 + (text.data[i] - '0');
    }
    return true;
}

enum ee_err ee_time_parse(struct ee_bytes text, int64_t *seconds_out)
{
    static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
    int64_t year, month, day, hour, minute, second;
    if (text.size != sizeof(form) - 1)
        return EE_SYNTAX;
    for (size_t i = 0; i < text.size; i++)
        if (form[i] != 'd' && text.data[i] != (uint8_t)form[i])
            return EE_SYNTAX;
    if (!digits_at(text, 0, 4, &year) || !digits_at(text, 5, 2, &month) ||
        !digits_at(text, 8, 2, &day) || !digits_at(text, 11, 2, &hour) ||
        !digits_at(text, 14, 2, &minute) || !digits_at(text, 17, 2, &second))
        return EE_SYNTAX;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 ||
        second > 59)
        return EE_SYNTAX;
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day > lengths[month - 1] + (month == 2 && leap))
        return EE_SYNTAX;
    *seconds_out = days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    return EE_OK;
}
