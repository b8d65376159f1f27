/* SPDX-License-Identifier: Apache-2.0 */
/* Threads with a context each verify at once; policies and requests are shared. */
#include "rig.h"
#include "tap.h"

#include <pthread.h>

enum { THREADS = 2, ROUNDS = 60 };

static struct rig *shared, *forged;

struct worker {
    pthread_t thread;
    struct rig *own; /* its context and result are this thread's */
    unsigned wrong;
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    const struct ee_verify_quote_request good = rig_quote_request(shared);
    const struct ee_verify_quote_request bad = rig_quote_request(forged);
    for (int i = 0; i < ROUNDS; i++) {
        worker->wrong +=
            ee_verify_quote(worker->own->context, &good, worker->own->result) != EE_VERIFY_OK;
        worker->wrong += ee_verify_quote(worker->own->context, &bad, worker->own->result) !=
                         EE_VERIFY_ERROR_SIGNATURE;
    }
    return NULL;
}

static void two_threads_verify_with_a_context_each(void)
{
    struct worker workers[THREADS] = {0};
    shared = rig_new(EE_SIM_HEALTHY, NULL);
    forged = rig_new(EE_SIM_QUOTE_FORGED, NULL);
    REQUIRE(shared && forged);
    for (size_t i = 0; i < THREADS; i++) {
        workers[i].own = rig_new(EE_SIM_HEALTHY, NULL);
        REQUIRE(workers[i].own);
        REQUIRE(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        CHECK(pthread_join(workers[i].thread, NULL) == 0);
        CHECK(workers[i].wrong == 0);
        rig_free(workers[i].own);
    }
    rig_free(shared);
    rig_free(forged);
}

TESTS(TEST(two_threads_verify_with_a_context_each))
