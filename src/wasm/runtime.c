/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm/runtime.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

enum { NUMBER_SIZE = 20 }; /* digits of UINT64_MAX */

struct sink {
    char *out;
    size_t capacity;
    size_t size; /* also what did not fit */
};

struct conversion {
    bool zeros;
    int width;
    int precision; /* -1: none */
    int longs;     /* 0: int, 1: long, 2: long long or intmax_t, -1: size_t */
    char kind;
};

static void put(struct sink *s, char c)
{
    if (s->size + 1 < s->capacity)
        s->out[s->size] = c;
    s->size++;
}

static int number_read(const char **at, va_list *arguments)
{
    int number = 0;
    if (**at == '*') {
        (*at)++;
        return va_arg(*arguments, int);
    }
    while (**at >= '0' && **at <= '9')
        number = 10 * number + *(*at)++ - '0';
    return number;
}

/* After the '%'. */
static struct conversion conversion_read(const char **at, va_list *arguments)
{
    struct conversion c = {.precision = -1};
    c.zeros = **at == '0';
    *at += c.zeros;
    c.width = number_read(at, arguments);
    if (**at == '.') {
        (*at)++;
        c.precision = number_read(at, arguments);
    }
    for (; **at == 'l' || **at == 'h' || **at == 'z' || **at == 'j'; (*at)++)
        c.longs = **at == 'l' ? c.longs + 1 : **at == 'j' ? 2 : **at == 'z' ? -1 : c.longs;
    c.kind = *(*at)++;
    if (c.width < 0)
        abort();
    return c;
}

static uint64_t unsigned_next(int longs, va_list *arguments)
{
    if (longs == -1)
        return va_arg(*arguments, size_t);
    if (longs == 0)
        return va_arg(*arguments, unsigned);
    return longs == 1 ? va_arg(*arguments, unsigned long) : va_arg(*arguments, unsigned long long);
}

static int64_t signed_next(int longs, va_list *arguments)
{
    if (longs == 0)
        return va_arg(*arguments, int);
    return longs == 1 ? va_arg(*arguments, long) : va_arg(*arguments, long long);
}

static void put_padded(struct sink *s, const struct conversion *c, bool minus, const char *text,
                       size_t size)
{
    size_t width = (size_t)c->width, used = size + minus;
    bool zeros = c->zeros && c->kind != 's';
    if (minus && zeros)
        put(s, '-');
    for (; used < width; used++)
        put(s, zeros ? '0' : ' ');
    if (minus && !zeros)
        put(s, '-');
    for (size_t i = 0; i < size; i++)
        put(s, text[i]);
}

static void put_number(struct sink *s, const struct conversion *c, va_list *arguments)
{
    char digits[NUMBER_SIZE];
    size_t at = sizeof(digits);
    bool minus = false;
    unsigned base = c->kind == 'x' ? 16 : 10;
    uint64_t value;
    if (c->precision >= 0)
        abort();
    if (c->kind == 'd' || c->kind == 'i') {
        int64_t number = signed_next(c->longs, arguments);
        minus = number < 0;
        value = minus ? 0 - (uint64_t)number : (uint64_t)number;
    } else {
        value = unsigned_next(c->longs, arguments);
    }
    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    put_padded(s, c, minus, digits + at, sizeof(digits) - at);
}

static void put_string(struct sink *s, const struct conversion *c, const char *text)
{
    size_t size = 0;
    while ((c->precision < 0 || size < (size_t)c->precision) && text[size])
        size++;
    put_padded(s, c, false, text, size);
}

static void put_conversion(struct sink *s, const char **at, va_list *arguments)
{
    const struct conversion c = conversion_read(at, arguments);
    switch (c.kind) {
    case '%':
        put(s, '%');
        return;
    case 'c':
        put(s, (char)va_arg(*arguments, int));
        return;
    case 's':
        put_string(s, &c, va_arg(*arguments, const char *));
        return;
    case 'd':
    case 'i':
    case 'u':
    case 'x':
        put_number(s, &c, arguments);
        return;
    default:
        abort();
    }
}

int ee_wasm_vsnprintf(char *out, size_t capacity, const char *format, va_list arguments)
{
    struct sink s = {.out = out, .capacity = capacity};
    va_list rest;
    va_copy(rest, arguments);
    while (*format) {
        if (*format != '%') {
            put(&s, *format++);
            continue;
        }
        format++;
        put_conversion(&s, &format, &rest);
    }
    va_end(rest);
    if (capacity)
        out[s.size < capacity ? s.size : capacity - 1] = '\0';
    return (int)s.size;
}

#ifdef __wasm__
int snprintf(char *restrict out, size_t capacity, const char *restrict format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = ee_wasm_vsnprintf(out, capacity, format, arguments);
    va_end(arguments);
    return size;
}

/* A failed assertion ends the module in a trap, which the host sees as an exception. */
_Noreturn void __assert_fail(const char *expression, const char *file, int line,
                             const char *function);

_Noreturn void __assert_fail(const char *expression, const char *file, int line,
                             const char *function)
{
    (void)expression;
    (void)file;
    (void)line;
    (void)function;
    abort();
}
#endif
