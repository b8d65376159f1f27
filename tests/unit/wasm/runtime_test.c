/* SPDX-License-Identifier: Apache-2.0 */
/* The module's snprintf against the C library's. */
#include "wasm/runtime.h"

#include <inttypes.h>

#include "tap.h"

__attribute__((format(printf, 3, 4))) static int ours(char *out, size_t capacity,
                                                      const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = ee_wasm_vsnprintf(out, capacity, format, arguments);
    va_end(arguments);
    return size;
}

__attribute__((format(printf, 3, 4))) static int theirs(char *out, size_t capacity,
                                                        const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(out, capacity, format, arguments);
    va_end(arguments);
    return size;
}

#define SAME(capacity, ...)                                                                        \
    do {                                                                                           \
        char a[64], b[64];                                                                         \
        memset(a, '~', sizeof(a));                                                                 \
        memset(b, '~', sizeof(b));                                                                 \
        CHECK(ours(a, capacity, __VA_ARGS__) == theirs(b, capacity, __VA_ARGS__));                 \
        CHECK(memcmp(a, b, sizeof(a)) == 0);                                                       \
    } while (0)

static void texts_and_characters(void)
{
    SAME(64, "plain");
    SAME(64, "%s|%c|%%", "text", 'x');
    SAME(64, "%.*s|%.3s|%.9s", 2, "text", "text", "text");
    SAME(64, "%8s|%2s", "text", "text");
    SAME(64, " (%.*s%s%.*s)", 4, "BIOS", ", ", 0, "none");
}

static void numbers_of_every_length(void)
{
    SAME(64, "%d %d %i", 0, -17, 2147483647);
    SAME(64, "%u %x %04x", 4000000000u, 0xdeadbeefu, 0x1fu);
    SAME(64, "%" PRIu64 " %" PRId64, UINT64_MAX, INT64_MIN);
    SAME(64, "%zu %lu %llx", (size_t)12345, 99ul, 0xffffffffffffffffull);
    SAME(64, "%04u-%02u-%02uT%02u:%02u:%02uZ", 2026u, 1u, 31u, 23u, 59u, 59u);
    SAME(64, "%5d|%05d|%0*u", -42, -42, 6, 7u);
}

static void output_that_does_not_fit(void)
{
    for (size_t capacity = 1; capacity < 12; capacity++)
        SAME(capacity, "%s-%d", "abcde", 12345);
    CHECK(ours(NULL, 0, "%s", "abc") == 3);
}

TESTS(TEST(texts_and_characters), TEST(numbers_of_every_length), TEST(output_that_does_not_fit))
