/* SPDX-License-Identifier: Apache-2.0 */
#include "io/tdx_attempt.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "io/clock.h"

#include "base/banned.h"

enum { SLICE_MS = 100 }; /* how soon a stop is noticed */

void ee_tdx_attempt_init(struct ee_tdx_attempt *attempt, uint64_t timeout_ms,
                         const atomic_bool *stop)
{
    memset(attempt, 0, sizeof(*attempt));
    attempt->deadline_us = ee_clock_monotonic_us() + timeout_ms * 1000;
    attempt->stop = stop;
}

enum ee_err ee_tdx_attempt_fail(struct ee_tdx_attempt *attempt, enum ee_err err, int number,
                                const char *next, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(attempt->what, sizeof(attempt->what), format, arguments);
    va_end(arguments);
    if (number != 0 && size >= 0 && (size_t)size < sizeof(attempt->what)) {
        char words[96];
        (void)snprintf(attempt->what + size, sizeof(attempt->what) - (size_t)size, ": %s",
                       strerror_r(number, words, sizeof(words)));
    }
    (void)snprintf(attempt->next, sizeof(attempt->next), "%s", next ? next : "");
    attempt->number = number;
    return err;
}

uint64_t ee_tdx_attempt_left_ms(const struct ee_tdx_attempt *attempt)
{
    uint64_t now_us = ee_clock_monotonic_us();
    if ((attempt->stop && atomic_load(attempt->stop)) || now_us >= attempt->deadline_us)
        return 0;
    return (attempt->deadline_us - now_us + 999) / 1000;
}

bool ee_tdx_attempt_pause(struct ee_tdx_attempt *attempt, uint64_t pause_ms)
{
    uint64_t left_ms = ee_tdx_attempt_left_ms(attempt);
    while (left_ms > 0 && pause_ms > 0) {
        uint64_t slice_ms = pause_ms < SLICE_MS ? pause_ms : SLICE_MS;
        if (slice_ms > left_ms)
            slice_ms = left_ms;
        const struct timespec wait = {.tv_nsec = (long)(slice_ms * 1000000)};
        (void)nanosleep(&wait, NULL);
        pause_ms -= slice_ms;
        left_ms = ee_tdx_attempt_left_ms(attempt);
    }
    return left_ms > 0;
}
