/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop: a thin wrapper over libuv with timers, deferred callbacks, signals and wake-ups
 * from other threads. One loop belongs to one thread; everything here is for that thread, except
 * ee_wakeup_send(). Callbacks never run inside the call that starts them. */
#ifndef EE_IO_LOOP_H
#define EE_IO_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct ee_loop;
struct ee_timer;
struct ee_wakeup;
struct uv_loop_s;

enum { EE_LOOP_SCRATCH_SIZE = 64 * 1024, EE_LOOP_RECORD_SIZE = 16 * 1024, EE_LOOP_SIGNALS_MAX = 8 };

typedef void (*ee_loop_fn)(void *context);

/* A loop; SIGPIPE is ignored from now on in this process. EE_NO_MEMORY, EE_IO. */
EE_MUST_USE enum ee_err ee_loop_new(struct ee_loop **out);
/* After every timer, wake-up, connection, listener and process of it was freed or has closed; it
 * turns the loop until their handles are gone. A handle still open is our bug (assertion). NULL is
 * fine. */
void ee_loop_free(struct ee_loop *loop);

/* Runs callbacks until ee_loop_stop() or nothing is left that could call back. */
void ee_loop_run(struct ee_loop *loop);
/* Like ee_loop_run(), until *done is true or `timeout_ms` have passed (EE_TIMEOUT). EE_STATE when
 * nothing is left that could set it, or the loop was stopped. Not inside a callback. */
EE_MUST_USE enum ee_err ee_loop_run_until(struct ee_loop *loop, const bool *done,
                                          uint64_t timeout_ms);
/* The run in progress returns after this iteration. */
void ee_loop_stop(struct ee_loop *loop);

/* Monotonic time in microseconds, read now (not cached). */
uint64_t ee_loop_now_us(const struct ee_loop *loop);
/* For the other files of io only. */
struct uv_loop_s *ee_loop_uv(struct ee_loop *loop);
/* EE_LOOP_SCRATCH_SIZE bytes that keep their content only within one callback. */
uint8_t *ee_loop_scratch(struct ee_loop *loop);
/* EE_LOOP_RECORD_SIZE other bytes, for the content of a TLS record. */
uint8_t *ee_loop_record(struct ee_loop *loop);

/* A timer calls `fn` once, or again every `repeat_ms` when that is not zero. Starting it again
 * replaces the old setting; it may be stopped, restarted or freed inside its own callback.
 * EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_timer_new(struct ee_loop *loop, ee_loop_fn fn, void *context,
                                     struct ee_timer **out);
void ee_timer_start(struct ee_timer *timer, uint64_t delay_ms, uint64_t repeat_ms);
void ee_timer_stop(struct ee_timer *timer);
bool ee_timer_active(const struct ee_timer *timer);
/* Stops it; `fn` is not called again. NULL is fine. */
void ee_timer_free(struct ee_timer *timer);

/* A callback at the end of this iteration, kept in its owner's memory: set fn and context once,
 * the rest is zero. Cancel before that memory goes. */
struct ee_deferred {
    ee_loop_fn fn;
    void *context;
    struct ee_deferred *next, *previous; /* ours */
    struct ee_loop *loop;                /* ours; not NULL while it waits */
};
/* Asking twice before it ran calls once. */
void ee_loop_defer(struct ee_loop *loop, struct ee_deferred *deferred);
void ee_loop_defer_cancel(struct ee_deferred *deferred);

/* Calls `fn` in the loop when the process gets the signal; it does not keep the loop running.
 * EE_FULL after EE_LOOP_SIGNALS_MAX, EE_IO. */
EE_MUST_USE enum ee_err ee_loop_on_signal(struct ee_loop *loop, int signal_number, ee_loop_fn fn,
                                          void *context);

/* Lets another thread cause a call of `fn` in the loop: at least once after each send, several
 * sends may become one call. It keeps the loop running until freed. EE_NO_MEMORY, EE_IO. */
EE_MUST_USE enum ee_err ee_wakeup_new(struct ee_loop *loop, ee_loop_fn fn, void *context,
                                      struct ee_wakeup **out);
/* From any thread, while the wake-up is not freed. */
void ee_wakeup_send(struct ee_wakeup *wakeup);
void ee_wakeup_free(struct ee_wakeup *wakeup);

#endif
