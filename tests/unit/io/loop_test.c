/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <signal.h>

#include "io/clock.h"
#include "io/loop.h"
#include "io/random.h"
#include "tap.h"

static unsigned calls;
static bool done;

static void count(void *context)
{
    calls++;
    if (context && calls == *(const unsigned *)context)
        done = true;
}

static void timers_once_repeating_and_stopped(void)
{
    struct ee_loop *loop = NULL;
    struct ee_timer *once = NULL, *repeating = NULL, *stopped = NULL;
    unsigned wanted = 4;
    calls = 0;
    done = false;
    REQUIRE(ee_loop_new(&loop) == EE_OK);
    REQUIRE(ee_timer_new(loop, count, NULL, &once) == EE_OK);
    REQUIRE(ee_timer_new(loop, count, &wanted, &repeating) == EE_OK);
    REQUIRE(ee_timer_new(loop, count, NULL, &stopped) == EE_OK);
    uint64_t start = ee_loop_now_us(loop);
    ee_timer_start(once, 5, 0);
    ee_timer_start(repeating, 10, 10);
    ee_timer_start(stopped, 1, 0);
    ee_timer_stop(stopped);
    CHECK(ee_loop_run_until(loop, &done, 2000) == EE_OK);
    uint64_t passed = ee_loop_now_us(loop) - start;
    CHECK(calls == 4 && passed >= 29000 && passed < 1000000);
    CHECK(!ee_timer_active(once) && ee_timer_active(repeating));
    ee_timer_free(once);
    ee_timer_free(repeating);
    ee_timer_free(stopped);
    ee_loop_free(loop);
}

struct chain {
    struct ee_loop *loop;
    struct ee_deferred first, second, cancelled;
    char order[8];
    size_t size;
};

static void first_runs(void *context)
{
    struct chain *chain = context;
    chain->order[chain->size++] = '1';
    ee_loop_defer(chain->loop, &chain->second);
    ee_loop_defer_cancel(&chain->cancelled);
}

static void second_runs(void *context)
{
    struct chain *chain = context;
    chain->order[chain->size++] = '2';
    if (chain->size < 4)
        ee_loop_defer(chain->loop, &chain->first);
    else
        done = true;
}

static void cancelled_runs(void *context)
{
    struct chain *chain = context;
    chain->order[chain->size++] = 'x';
}

static void deferred_calls_in_order_once_and_cancelled(void)
{
    struct chain chain = {.first = {.fn = first_runs, .context = &chain},
                          .second = {.fn = second_runs, .context = &chain},
                          .cancelled = {.fn = cancelled_runs, .context = &chain}};
    done = false;
    REQUIRE(ee_loop_new(&chain.loop) == EE_OK);
    ee_loop_defer(chain.loop, &chain.first);
    ee_loop_defer(chain.loop, &chain.first);
    ee_loop_defer(chain.loop, &chain.cancelled);
    CHECK(ee_loop_run_until(chain.loop, &done, 1000) == EE_OK);
    CHECK(chain.size == 4 && memcmp(chain.order, "1212", 4) == 0);
    ee_loop_free(chain.loop);
}

static void run_until_ends_by_time_or_when_nothing_is_left(void)
{
    struct ee_loop *loop = NULL;
    struct ee_timer *timer = NULL;
    bool never = false;
    REQUIRE(ee_loop_new(&loop) == EE_OK);
    CHECK(ee_loop_run_until(loop, &never, 1000) == EE_STATE);
    REQUIRE(ee_timer_new(loop, count, NULL, &timer) == EE_OK);
    ee_timer_start(timer, 5000, 0);
    CHECK(ee_loop_run_until(loop, &never, 20) == EE_TIMEOUT);
    ee_timer_free(timer);
    ee_loop_free(loop);
}

static struct ee_loop *stopping;

static void stop(void *context)
{
    (void)context;
    calls++;
    ee_loop_stop(stopping);
}

static void signal_stops_the_loop(void)
{
    struct ee_timer *timer = NULL;
    calls = 0;
    REQUIRE(ee_loop_new(&stopping) == EE_OK);
    REQUIRE(ee_timer_new(stopping, count, NULL, &timer) == EE_OK);
    ee_timer_start(timer, 5000, 0);
    CHECK(ee_loop_on_signal(stopping, SIGTERM, stop, NULL) == EE_OK);
    CHECK(raise(SIGTERM) == 0 && raise(SIGPIPE) == 0);
    ee_loop_run(stopping);
    CHECK(calls == 1);
    enum ee_err err = EE_OK;
    for (size_t i = 1; err == EE_OK && i <= EE_LOOP_SIGNALS_MAX; i++)
        err = ee_loop_on_signal(stopping, SIGUSR1, stop, NULL);
    CHECK(err == EE_FULL);
    ee_timer_free(timer);
    ee_loop_free(stopping);
}

static void *send_wakeup(void *context)
{
    ee_wakeup_send(context);
    return NULL;
}

static void wakeup_from_another_thread(void)
{
    struct ee_loop *loop = NULL;
    struct ee_wakeup *wakeup = NULL;
    pthread_t thread;
    unsigned wanted = 1;
    calls = 0;
    done = false;
    REQUIRE(ee_loop_new(&loop) == EE_OK);
    REQUIRE(ee_wakeup_new(loop, count, &wanted, &wakeup) == EE_OK);
    REQUIRE(pthread_create(&thread, NULL, send_wakeup, wakeup) == 0);
    CHECK(ee_loop_run_until(loop, &done, 2000) == EE_OK && calls == 1);
    CHECK(pthread_join(thread, NULL) == 0);
    ee_wakeup_free(wakeup);
    ee_loop_free(loop);
}

static void clocks_and_randomness(void)
{
    uint8_t a[48] = {0}, b[48] = {0}, zero[48] = {0};
    uint64_t first = ee_clock_monotonic_us();
    CHECK(ee_clock_monotonic_us() >= first);
    CHECK(ee_clock_wall_us() > UINT64_C(1767225600000000));
    ee_random_bytes(a, sizeof(a));
    ee_random_bytes(b, sizeof(b));
    CHECK(memcmp(a, b, sizeof(a)) != 0 && memcmp(a, zero, sizeof(a)) != 0);
}

TESTS(TEST(timers_once_repeating_and_stopped), TEST(deferred_calls_in_order_once_and_cancelled),
      TEST(run_until_ends_by_time_or_when_nothing_is_left), TEST(signal_stops_the_loop),
      TEST(wakeup_from_another_thread), TEST(clocks_and_randomness))
