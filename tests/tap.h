/* SPDX-License-Identifier: Apache-2.0 */
/* A unit harness that runs natively, under sanitizers and as WASM: prints TAP version 13.
 *
 *     static void lock_rounds_up(void) { CHECK(1 + 1 == 2); }
 *     TESTS(TEST(lock_rounds_up))
 *
 * A test is a function; its name says what is true, or what is wrong with the input. SKIP(why) ends
 * one. */
#ifndef EE_TESTS_TAP_H
#define EE_TESTS_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct tap_test {
    const char *name;
    void (*run)(void);
};

static unsigned tap_failures;
static const char *tap_skip_reason;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            tap_failures++;                                                                        \
            printf("# %s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                     \
        }                                                                                          \
    } while (0)

/* Like CHECK, and leaves the test: for what the rest of it needs. */
#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            tap_failures++;                                                                        \
            printf("# %s:%d: not true, test ended: %s\n", __FILE__, __LINE__, #condition);         \
            return;                                                                                \
        }                                                                                          \
    } while (0)

#define SKIP(why)                                                                                  \
    do {                                                                                           \
        tap_skip_reason = (why);                                                                   \
        return;                                                                                    \
    } while (0)

static inline int tap_run(const struct tap_test *tests, size_t count)
{
    unsigned failed = 0;
    printf("TAP version 13\n1..%zu\n", count);
    for (size_t i = 0; i < count; i++) {
        tap_failures = 0;
        tap_skip_reason = NULL;
        tests[i].run();
        failed += tap_failures != 0;
        printf("%s %zu - %s", tap_failures ? "not ok" : "ok", i + 1, tests[i].name);
        if (tap_skip_reason && !tap_failures)
            printf(" # SKIP %s", tap_skip_reason);
        printf("\n");
        (void)fflush(stdout);
    }
    return failed ? 1 : 0;
}

#define TEST(function)                                                                             \
    {                                                                                              \
#function, function                                                                        \
    }
#define TESTS(...)                                                                                 \
    int main(void)                                                                                 \
    {                                                                                              \
        const struct tap_test tests[] = {__VA_ARGS__};                                             \
        return tap_run(tests, sizeof(tests) / sizeof(tests[0]));                                   \
    }

#endif
