/* SPDX-License-Identifier: Apache-2.0 */
#include "io/loop.h"

#include <assert.h>
#include <malloc.h>
#include <signal.h>
#include <uv.h>

#include "base/alloc.h"
#include "io/clock.h"
#include "io/log.h"

#include "base/banned.h"

struct signal_watch {
    uv_signal_t handle;
    ee_loop_fn fn;
    void *context;
};

struct ee_loop {
    uv_loop_t uv;
    uv_check_t check;            /* runs the deferred ones after polling */
    uv_prepare_t prepare;        /* before polling: what was logged is written */
    uv_idle_t idle;              /* keeps polling from waiting while some are there */
    struct ee_deferred deferred; /* ring heads: waiting, and being run now */
    struct ee_deferred running;
    struct signal_watch signals[EE_LOOP_SIGNALS_MAX];
    size_t signal_count;
    bool stopped;
    uint8_t scratch[EE_LOOP_SCRATCH_SIZE];
    uint8_t record[EE_LOOP_RECORD_SIZE];
};

struct ee_timer {
    uv_timer_t handle;
    ee_loop_fn fn;
    void *context;
};

struct ee_wakeup {
    uv_async_t handle;
    ee_loop_fn fn;
    void *context;
};

static void ring_remove(struct ee_deferred *node)
{
    assert(node->previous != NULL && node->next != NULL);
    node->previous->next = node->next;
    node->next->previous = node->previous;
    node->next = node->previous = NULL;
    node->loop = NULL;
}

static void ring_append(struct ee_deferred *head, struct ee_deferred *node)
{
    node->previous = head->previous;
    node->next = head;
    head->previous->next = node;
    head->previous = node;
}

static bool ring_empty(const struct ee_deferred *head)
{
    return head->next == head;
}

static void idle_quiet(uv_idle_t *handle)
{
    (void)handle;
}

static void log_out(uv_prepare_t *handle)
{
    (void)handle;
    ee_log_flush();
}

/* What is deferred by a deferred callback runs in the next iteration, so this ends. */
static void run_deferred(uv_check_t *handle)
{
    struct ee_loop *loop = handle->data;
    while (!ring_empty(&loop->deferred)) {
        struct ee_deferred *node = loop->deferred.next;
        ring_remove(node);
        node->loop = loop;
        ring_append(&loop->running, node);
    }
    while (!ring_empty(&loop->running)) {
        struct ee_deferred *node = loop->running.next;
        ring_remove(node);
        node->fn(node->context);
    }
    if (ring_empty(&loop->deferred)) {
        uv_idle_stop(&loop->idle);
        uv_check_stop(&loop->check);
    }
}

/* Buffers come and go with every burst; memory that went back to the kernel each time would come
 * again page by page, which is a fifth of the time of a large body. */
enum { MEMORY_KEPT_SIZE = 8 << 20, MEMORY_MAPPED_SIZE = 1 << 20 };

enum ee_err ee_loop_new(struct ee_loop **out)
{
    struct ee_loop *loop = ee_alloc(&ee_allocator_system, 1, sizeof(*loop));
    if (!loop)
        return EE_NO_MEMORY;
    if (uv_loop_init(&loop->uv) != 0) {
        ee_free(&ee_allocator_system, loop);
        return EE_IO;
    }
    (void)mallopt(M_TRIM_THRESHOLD, MEMORY_KEPT_SIZE);
    (void)mallopt(M_MMAP_THRESHOLD, MEMORY_MAPPED_SIZE);
    (void)signal(SIGPIPE, SIG_IGN); /* a dead peer is an error of write(), not our end */
    loop->deferred.next = loop->deferred.previous = &loop->deferred;
    loop->running.next = loop->running.previous = &loop->running;
    uv_check_init(&loop->uv, &loop->check);
    uv_idle_init(&loop->uv, &loop->idle);
    uv_prepare_init(&loop->uv, &loop->prepare);
    uv_prepare_start(&loop->prepare, log_out);
    uv_unref((uv_handle_t *)&loop->prepare); /* keeps no loop running */
    loop->check.data = loop;
    *out = loop;
    return EE_OK;
}

void ee_loop_free(struct ee_loop *loop)
{
    if (!loop)
        return;
    for (size_t i = 0; i < loop->signal_count; i++)
        uv_close((uv_handle_t *)&loop->signals[i].handle, NULL);
    /* Deferred callbacks may close more; only then may their own handles go. */
    while (!ring_empty(&loop->deferred))
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    uv_close((uv_handle_t *)&loop->check, NULL);
    uv_close((uv_handle_t *)&loop->idle, NULL);
    uv_close((uv_handle_t *)&loop->prepare, NULL);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    int busy = uv_loop_close(&loop->uv);
    assert(busy == 0 && "a handle of the loop was not freed");
    (void)busy;
    ee_free(&ee_allocator_system, loop);
}

void ee_loop_run(struct ee_loop *loop)
{
    loop->stopped = false;
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

static void handle_released(uv_handle_t *handle)
{
    ee_free(&ee_allocator_system, handle->data);
}

static void note_timeout(uv_timer_t *handle)
{
    bool *expired = handle->data;
    *expired = true;
}

enum ee_err ee_loop_run_until(struct ee_loop *loop, const bool *done, uint64_t timeout_ms)
{
    uv_timer_t *timer = ee_alloc(&ee_allocator_system, 1, sizeof(*timer));
    bool expired = false;
    bool alive = true;
    if (!timer)
        return EE_NO_MEMORY;
    uv_update_time(&loop->uv);
    uv_timer_init(&loop->uv, timer);
    timer->data = &expired;
    uv_timer_start(timer, note_timeout, timeout_ms, 0);
    uv_unref((uv_handle_t *)timer);
    loop->stopped = false;
    while (!*done && !expired && alive && !loop->stopped)
        alive = uv_run(&loop->uv, UV_RUN_ONCE) != 0;
    timer->data = timer;
    uv_close((uv_handle_t *)timer, handle_released); /* gone in the next turn, or by free */
    if (*done)
        return EE_OK;
    return expired ? EE_TIMEOUT : EE_STATE;
}

void ee_loop_stop(struct ee_loop *loop)
{
    loop->stopped = true;
    uv_stop(&loop->uv);
}

uint64_t ee_loop_now_us(const struct ee_loop *loop)
{
    (void)loop;
    return ee_clock_monotonic_us();
}

struct uv_loop_s *ee_loop_uv(struct ee_loop *loop)
{
    return &loop->uv;
}

uint8_t *ee_loop_scratch(struct ee_loop *loop)
{
    return loop->scratch;
}

uint8_t *ee_loop_record(struct ee_loop *loop)
{
    return loop->record;
}

static void timer_fired(uv_timer_t *handle)
{
    struct ee_timer *timer = handle->data;
    timer->fn(timer->context);
}

enum ee_err ee_timer_new(struct ee_loop *loop, ee_loop_fn fn, void *context, struct ee_timer **out)
{
    struct ee_timer *timer = ee_alloc(&ee_allocator_system, 1, sizeof(*timer));
    if (!timer)
        return EE_NO_MEMORY;
    uv_timer_init(&loop->uv, &timer->handle);
    timer->handle.data = timer;
    timer->fn = fn;
    timer->context = context;
    *out = timer;
    return EE_OK;
}

void ee_timer_start(struct ee_timer *timer, uint64_t delay_ms, uint64_t repeat_ms)
{
    uv_update_time(timer->handle.loop); /* a long callback must not shorten the delay */
    uv_timer_start(&timer->handle, timer_fired, delay_ms, repeat_ms);
}

void ee_timer_stop(struct ee_timer *timer)
{
    uv_timer_stop(&timer->handle);
}

bool ee_timer_active(const struct ee_timer *timer)
{
    return uv_is_active((const uv_handle_t *)&timer->handle) != 0;
}

void ee_timer_free(struct ee_timer *timer)
{
    if (timer)
        uv_close((uv_handle_t *)&timer->handle, handle_released);
}

void ee_loop_defer(struct ee_loop *loop, struct ee_deferred *deferred)
{
    if (deferred->loop)
        return;
    deferred->loop = loop;
    ring_append(&loop->deferred, deferred);
    uv_idle_start(&loop->idle, idle_quiet);
    uv_check_start(&loop->check, run_deferred);
}

void ee_loop_defer_cancel(struct ee_deferred *deferred)
{
    if (deferred->loop)
        ring_remove(deferred);
}

static void signal_came(uv_signal_t *handle, int number)
{
    struct signal_watch *watch = handle->data;
    (void)number;
    watch->fn(watch->context);
}

enum ee_err ee_loop_on_signal(struct ee_loop *loop, int signal_number, ee_loop_fn fn, void *context)
{
    if (loop->signal_count == EE_LOOP_SIGNALS_MAX)
        return EE_FULL;
    struct signal_watch *watch = &loop->signals[loop->signal_count];
    *watch = (struct signal_watch){.fn = fn, .context = context};
    if (uv_signal_init(&loop->uv, &watch->handle) != 0)
        return EE_IO;
    loop->signal_count++;
    watch->handle.data = watch;
    uv_unref((uv_handle_t *)&watch->handle);
    return uv_signal_start(&watch->handle, signal_came, signal_number) == 0 ? EE_OK : EE_IO;
}

static void wakeup_came(uv_async_t *handle)
{
    struct ee_wakeup *wakeup = handle->data;
    wakeup->fn(wakeup->context);
}

enum ee_err ee_wakeup_new(struct ee_loop *loop, ee_loop_fn fn, void *context,
                          struct ee_wakeup **out)
{
    struct ee_wakeup *wakeup = ee_alloc(&ee_allocator_system, 1, sizeof(*wakeup));
    if (!wakeup)
        return EE_NO_MEMORY;
    if (uv_async_init(&loop->uv, &wakeup->handle, wakeup_came) != 0) {
        ee_free(&ee_allocator_system, wakeup);
        return EE_IO;
    }
    wakeup->handle.data = wakeup;
    wakeup->fn = fn;
    wakeup->context = context;
    *out = wakeup;
    return EE_OK;
}

void ee_wakeup_send(struct ee_wakeup *wakeup)
{
    uv_async_send(&wakeup->handle);
}

void ee_wakeup_free(struct ee_wakeup *wakeup)
{
    if (wakeup)
        uv_close((uv_handle_t *)&wakeup->handle, handle_released);
}
