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

/* Value of a digit with a bit that says it is one. Tables instead of comparisons: collateral is
 * tens of kilobytes of digits, and branches on random ones are mispredicted. */
enum { HEX = 0x10, BASE64 = 0x40 };

static const uint8_t hex_digits[256] = {
    ['0'] = HEX | 0,  ['1'] = HEX | 1,  ['2'] = HEX | 2,  ['3'] = HEX | 3,  ['4'] = HEX | 4,
    ['5'] = HEX | 5,  ['6'] = HEX | 6,  ['7'] = HEX | 7,  ['8'] = HEX | 8,  ['9'] = HEX | 9,
    ['a'] = HEX | 10, ['b'] = HEX | 11, ['c'] = HEX | 12, ['d'] = HEX | 13, ['e'] = HEX | 14,
    ['f'] = HEX | 15, ['A'] = HEX | 10, ['B'] = HEX | 11, ['C'] = HEX | 12, ['D'] = HEX | 13,
    ['E'] = HEX | 14, ['F'] = HEX | 15};

enum ee_err ee_hex_decode(struct ee_bytes text, uint8_t *out, size_t size)
{
    uint8_t all = HEX;
    if (text.size != 2 * size)
        return EE_SYNTAX;
    for (size_t i = 0; i < text.size; i++)
        all &= hex_digits[text.data[i]];
    if (!all)
        return EE_SYNTAX;
    for (size_t i = 0; i < size; i++)
        out[i] =
            (uint8_t)(hex_digits[text.data[2 * i]] << 4 | (hex_digits[text.data[2 * i + 1]] & 15));
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

static const uint8_t base64_digits[256] = {
    ['A'] = BASE64 | 0,  ['B'] = BASE64 | 1,  ['C'] = BASE64 | 2,  ['D'] = BASE64 | 3,
    ['E'] = BASE64 | 4,  ['F'] = BASE64 | 5,  ['G'] = BASE64 | 6,  ['H'] = BASE64 | 7,
    ['I'] = BASE64 | 8,  ['J'] = BASE64 | 9,  ['K'] = BASE64 | 10, ['L'] = BASE64 | 11,
    ['M'] = BASE64 | 12, ['N'] = BASE64 | 13, ['O'] = BASE64 | 14, ['P'] = BASE64 | 15,
    ['Q'] = BASE64 | 16, ['R'] = BASE64 | 17, ['S'] = BASE64 | 18, ['T'] = BASE64 | 19,
    ['U'] = BASE64 | 20, ['V'] = BASE64 | 21, ['W'] = BASE64 | 22, ['X'] = BASE64 | 23,
    ['Y'] = BASE64 | 24, ['Z'] = BASE64 | 25, ['a'] = BASE64 | 26, ['b'] = BASE64 | 27,
    ['c'] = BASE64 | 28, ['d'] = BASE64 | 29, ['e'] = BASE64 | 30, ['f'] = BASE64 | 31,
    ['g'] = BASE64 | 32, ['h'] = BASE64 | 33, ['i'] = BASE64 | 34, ['j'] = BASE64 | 35,
    ['k'] = BASE64 | 36, ['l'] = BASE64 | 37, ['m'] = BASE64 | 38, ['n'] = BASE64 | 39,
    ['o'] = BASE64 | 40, ['p'] = BASE64 | 41, ['q'] = BASE64 | 42, ['r'] = BASE64 | 43,
    ['s'] = BASE64 | 44, ['t'] = BASE64 | 45, ['u'] = BASE64 | 46, ['v'] = BASE64 | 47,
    ['w'] = BASE64 | 48, ['x'] = BASE64 | 49, ['y'] = BASE64 | 50, ['z'] = BASE64 | 51,
    ['0'] = BASE64 | 52, ['1'] = BASE64 | 53, ['2'] = BASE64 | 54, ['3'] = BASE64 | 55,
    ['4'] = BASE64 | 56, ['5'] = BASE64 | 57, ['6'] = BASE64 | 58, ['7'] = BASE64 | 59,
    ['8'] = BASE64 | 60, ['9'] = BASE64 | 61, ['+'] = BASE64 | 62, ['/'] = BASE64 | 63,
    ['-'] = BASE64 | 62, ['_'] = BASE64 | 63};

/* The last one or two bytes, from two or three digits. The unused low bits must be zero, else
 * one value has several texts (RFC 4648 section 3.5). */
static bool base64_tail(const uint8_t *text, size_t digits, uint8_t *out)
{
    uint32_t group = 0;
    for (size_t i = 0; i < 4; i++) {
        uint8_t digit = i < digits ? base64_digits[text[i]] : BASE64;
        if (!digit)
            return false;
        group = group << 6 | (digit & 63);
    }
    if (digits == 2 ? group & 0xffff : group & 0xff)
        return false;
    out[0] = (uint8_t)(group >> 16);
    if (digits == 3)
        out[1] = (uint8_t)(group >> 8);
    return true;
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
    uint8_t all = BASE64;
    const uint8_t *in = text.data;
    for (size_t left = digits; left >= 4; left -= 4, in += 4, out += 3) {
        uint8_t a = base64_digits[in[0]], b = base64_digits[in[1]];
        uint8_t c = base64_digits[in[2]], d = base64_digits[in[3]];
        all &= a & b & c & d;
        out[0] = (uint8_t)(a << 2 | (b & 63) >> 4);
        out[1] = (uint8_t)(b << 4 | (c & 63) >> 2);
        out[2] = (uint8_t)(c << 6 | (d & 63));
    }
    if (!all || (digits % 4 && !base64_tail(in, digits % 4, out)))
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

enum ee_err ee_time_of(const struct ee_civil *t, int64_t *seconds_out)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (t->year < 1970 || t->year > 9999 || t->month < 1 || t->month > 12 || t->day < 1 ||
        t->hour < 0 || t->hour > 23 || t->minute < 0 || t->minute > 59 || t->second < 0 ||
        t->second > 59)
        return EE_SYNTAX;
    bool leap = (t->year % 4 == 0 && t->year % 100 != 0) || t->year % 400 == 0;
    if (t->day > lengths[t->month - 1] + (t->month == 2 && leap))
        return EE_SYNTAX;
    *seconds_out = days_from_civil(t->year, t->month, t->day) * 86400 + t->hour * 3600 +
                   t->minute * 60 + t->second;
    return EE_OK;
}

int ee_digits2(const uint8_t *text)
{
    unsigned tens = text[0] - (unsigned)'0', ones = text[1] - (unsigned)'0';
    return tens < 10 && ones < 10 ? (int)(tens * 10 + ones) : -1;
}

enum ee_err ee_time_parse(struct ee_bytes text, int64_t *seconds_out)
{
    const uint8_t *t = text.data;
    if (text.size != EE_TIME_TEXT_SIZE - 1 || t[4] != '-' || t[7] != '-' || t[10] != 'T' ||
        t[13] != ':' || t[16] != ':' || t[19] != 'Z')
        return EE_SYNTAX;
    int century = ee_digits2(t), of_century = ee_digits2(t + 2);
    const struct ee_civil civil = {
        .year = century < 0 || of_century < 0 ? -1 : century * 100 + of_century,
        .month = ee_digits2(t + 5),
        .day = ee_digits2(t + 8),
        .hour = ee_digits2(t + 11),
        .minute = ee_digits2(t + 14),
        .second = ee_digits2(t + 17)};
    return ee_time_of(&civil, seconds_out);
}
