/* SPDX-License-Identifier: Apache-2.0 */
#include "io/background.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/banned.h"

struct ee_background {
    void (*fn)(void *context);
    void *context;
    pthread_t thread;
    atomic_bool done;
};

static void *run(void *context)
{
    struct ee_background *work = context;
    work->fn(work->context);
    atomic_store(&work->done, true);
    return NULL;
}

enum ee_err ee_background_start(void (*fn)(void *context), void *context,
                                struct ee_background **out)
{
    sigset_t all, before;
    struct ee_background *work = calloc(1, sizeof(*work));
    if (work == NULL)
        return EE_NO_MEMORY;
    work->fn = fn;
    work->context = context;
    sigfillset(&all); /* signals are for the loop's thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&work->thread, NULL, run, work);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) {
        free(work);
        return EE_IO;
    }
    *out = work;
    return EE_OK;
}

bool ee_background_done(const struct ee_background *work)
{
    return atomic_load(&work->done);
}

void ee_background_join(struct ee_background *work)
{
    if (work == NULL)
        return;
    pthread_join(work->thread, NULL);
    free(work);
}
