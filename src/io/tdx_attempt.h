/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt to get something from the TDX interfaces of this machine: until when, whether it was
 * called off, and, when it failed, what happened and what to do next in words. */
#ifndef EE_IO_TDX_ATTEMPT_H
#define EE_IO_TDX_ATTEMPT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum { EE_TDX_TEXT_SIZE = 384 };

struct ee_tdx_attempt {
    uint64_t deadline_us;    /* of ee_clock_monotonic_us() */
    const atomic_bool *stop; /* true: give up soon; may be NULL */
    unsigned retries;        /* what had to be asked again, such as a busy quote generator */
    /* After a failure, else empty. */
    int number;                  /* errno, 0 when it was none */
    char what[EE_TDX_TEXT_SIZE]; /* what happened, a sentence without a full stop */
    char next[EE_TDX_TEXT_SIZE]; /* what to do about it; may be empty */
};

void ee_tdx_attempt_init(struct ee_tdx_attempt *attempt, uint64_t timeout_ms,
                         const atomic_bool *stop);
/* Keeps the words; `number` is an errno, whose own words follow, or 0. Returns err. */
enum ee_err ee_tdx_attempt_fail(struct ee_tdx_attempt *attempt, enum ee_err err, int number,
                                const char *next, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* Milliseconds left, 0 when over or called off. */
uint64_t ee_tdx_attempt_left_ms(const struct ee_tdx_attempt *attempt);
/* Sleeps, at most to the deadline. False: it is over or called off. */
EE_MUST_USE bool ee_tdx_attempt_pause(struct ee_tdx_attempt *attempt, uint64_t pause_ms);

#endif
