/* SPDX-License-Identifier: Apache-2.0 */
/* Threads with a context each verify at once; policies and requests are shared. */
#include "rig.h"
#include "tap.h"

#include <pthread.h>
#include <stdlib.h>

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

/* Sanitizers put red zones around everything: their stacks tell nothing. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { PAINT = 0xa5, PAINTED_SIZE = 1024 * 1024 };

static void *use_stack(void *argument)
{
    struct worker *worker = argument;
    uint8_t nonce[32];
    static char json[EE_VERIFY_DOCUMENT_SIZE];
    struct rig *rig = worker->own;
    ee_verify_caller_nonce(rig->drawn, nonce);
    const struct ee_verify_quote_request request = rig_quote_request(rig);
    const struct ee_verify_evidence_request evidence = rig_evidence_request(rig, nonce);
    worker->wrong += ee_verify_quote(rig->context, &request, rig->result) != EE_VERIFY_OK;
    worker->wrong += ee_verify_quote(rig->context, &request, rig->result) != EE_VERIFY_OK;
    ee_verify_context_forget(rig->context);
    worker->wrong += ee_verify_evidence(rig->context, &evidence, rig->result) != EE_VERIFY_OK;
    worker->wrong += ee_verify_result_json(rig->result, json, sizeof(json), NULL) != EE_VERIFY_OK;
    return NULL;
}

static void call_needs_no_more_stack_than_the_header_says(void)
{
    struct worker worker = {0};
    pthread_attr_t attributes;
    uint8_t *stack = NULL;
    size_t free_size = 0;
    if (SANITIZED)
        SKIP("sanitized");
    worker.own = rig_new(EE_SIM_HEALTHY, NULL);
    REQUIRE(worker.own && posix_memalign((void **)&stack, 64 * 1024, PAINTED_SIZE) == 0);
    memset(stack, PAINT, PAINTED_SIZE);
    REQUIRE(pthread_attr_init(&attributes) == 0 &&
            pthread_attr_setstack(&attributes, stack, PAINTED_SIZE) == 0 &&
            pthread_create(&worker.thread, &attributes, use_stack, &worker) == 0 &&
            pthread_join(worker.thread, NULL) == 0);
    while (free_size < PAINTED_SIZE && stack[free_size] == PAINT)
        free_size++;
    CHECK(worker.wrong == 0);
    printf("# stack used: %zu bytes\n", PAINTED_SIZE - free_size);
    CHECK(PAINTED_SIZE - free_size <= EE_VERIFY_STACK_SIZE);
    CHECK(free_size < PAINTED_SIZE);
    (void)pthread_attr_destroy(&attributes);
    free(stack);
    rig_free(worker.own);
}

TESTS(TEST(two_threads_verify_with_a_context_each),
      TEST(call_needs_no_more_stack_than_the_header_says))
