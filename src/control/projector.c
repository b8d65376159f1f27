/* SPDX-License-Identifier: Apache-2.0 */
#include "control/projector.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "control/projection.h"
#include "control/read_store.h"
#include "io/clock.h"
#include "io/log.h"

#include "base/banned.h"

enum {
    PATH_SIZE = 1100,
    CHUNK_BATCHES = 16,    /* read at once: the journal's store is not held for long */
    COMMIT_ROWS = 20000,   /* while there is more to read */
    PROGRESS_US = 5000000, /* between lines about a long way to go */
    LOOK_MS = 1000,        /* without being told of anything new */
    RETRY_FIRST_MS = 250,  /* after a failure; doubles */
    RETRY_MAX_MS = 60000,
    NICE = 10,
};

struct ee_projector {
    struct ee_projector_options options;
    char path[PATH_SIZE];
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stop, poked, ended, rebuild; /* under the mutex, as the status */
    struct ee_projector_status status;
    /* The thread's own. */
    struct ee_read_store *store;
    struct ee_projection *projection;
    uint64_t next_batch;
    uint64_t said_us;
};

static bool stopping(struct ee_projector *p)
{
    pthread_mutex_lock(&p->mutex);
    bool stop = p->stop || p->rebuild;
    pthread_mutex_unlock(&p->mutex);
    return stop;
}

static void moved(struct ee_projector *p)
{
    if (p->options.moved != NULL)
        p->options.moved(p->options.context);
}

/* What readers see from now on. */
static void publish(struct ee_projector *p, const struct ee_read_cursor *cursor, bool caught_up)
{
    pthread_mutex_lock(&p->mutex);
    p->status.seq = cursor->seq;
    p->status.batch = cursor->batch;
    p->status.time_us = cursor->time_us;
    p->status.rows = p->projection != NULL ? ee_projection_rows(p->projection) : 0;
    p->status.caught_up = caught_up;
    p->status.err = EE_OK;
    pthread_mutex_unlock(&p->mutex);
    moved(p);
}

/* ---- one way from the first batch to the end, and along with it ---- */

static void progress(struct ee_projector *p)
{
    const struct ee_read_cursor *seen = ee_projection_cursor(p->projection);
    uint64_t now_us = ee_clock_monotonic_us();
    if (now_us - p->said_us < PROGRESS_US)
        return;
    p->said_us = now_us;
    EE_LOG(EE_LOG_INFO, "read-model",
           ee_projection_behind(p->projection) ? "finding its place in the journal" : "building",
           ee_log_unsigned("seq", seen->seq), ee_log_unsigned("batch", seen->batch),
           ee_log_unsigned("rows", ee_projection_rows(p->projection)));
}

static enum ee_err commit(struct ee_projector *p, bool caught_up)
{
    EE_TRY(ee_projection_commit(p->projection));
    if (!ee_projection_behind(p->projection))
        publish(p, ee_projection_cursor(p->projection), caught_up);
    return EE_OK;
}

static enum ee_err on_batch(void *context, const struct ee_journal_batch *batch)
{
    struct ee_projector *p = context;
    if (stopping(p))
        return EE_CLOSED;
    EE_TRY(ee_projection_batch(p->projection, batch));
    p->next_batch = batch->batch + 1;
    progress(p);
    return ee_projection_pending(p->projection) >= COMMIT_ROWS ? commit(p, false) : EE_OK;
}

/* Until told that there is more, or to stop. */
static void wait_for_more(struct ee_projector *p, uint64_t timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(timeout_ms / 1000);
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&p->mutex);
    while (!p->stop && !p->poked && !p->rebuild)
        if (pthread_cond_timedwait(&p->changed, &p->mutex, &until) == ETIMEDOUT)
            break;
    p->poked = false;
    pthread_mutex_unlock(&p->mutex);
}

/* The end of the journal. A cursor beyond it is of a journal that was put back since. */
static enum ee_err end_reached(struct ee_projector *p)
{
    if (ee_projection_behind(p->projection))
        return EE_READ_DAMAGED;
    EE_TRY(commit(p, true));
    return EE_OK;
}

static enum ee_err follow(struct ee_projector *p)
{
    struct ee_journal_fault fault = {0};
    while (!stopping(p)) {
        enum ee_err err = ee_journal_read(p->options.journal, p->next_batch,
                                          p->next_batch + CHUNK_BATCHES - 1, on_batch, p, &fault);
        if (err == EE_OK)
            continue;
        if (err != EE_NOT_FOUND)
            return err;
        EE_TRY(end_reached(p));
        if (p->options.once)
            return EE_OK;
        wait_for_more(p, LOOK_MS);
    }
    return EE_CLOSED;
}

static enum ee_err session(struct ee_projector *p)
{
    struct ee_read_cursor stored;
    EE_TRY(ee_read_store_open(p->path, ee_journal_network_id(p->options.journal), &p->store));
    EE_TRY(ee_projection_new(p->options.allocator, p->options.crypto, p->store, &p->projection));
    EE_TRY(ee_read_store_cursor(p->store, &stored));
    p->next_batch = 1;
    p->said_us = ee_clock_monotonic_us();
    publish(p, &stored, false);
    return follow(p);
}

static void session_close(struct ee_projector *p)
{
    ee_projection_free(p->projection);
    ee_read_store_close(p->store);
    p->projection = NULL;
    p->store = NULL;
}

/* ---- failures ---- */

/* The rows are gone; readers wait or are told so until they are back. */
static enum ee_err start_over(struct ee_projector *p, const char *why)
{
    EE_LOG(EE_LOG_WARN, "read-model", "deleted, to be built anew from the journal",
           ee_log_text("why", why), ee_log_text("file", p->path));
    enum ee_err err = ee_read_store_remove(p->path);
    pthread_mutex_lock(&p->mutex);
    p->status.rebuilds++;
    p->status.generation++;
    p->status.seq = p->status.batch = p->status.time_us = 0;
    p->status.caught_up = false;
    p->rebuild = false;
    pthread_mutex_unlock(&p->mutex);
    moved(p);
    return err;
}

static void note_failure(struct ee_projector *p, enum ee_err err)
{
    pthread_mutex_lock(&p->mutex);
    p->status.err = err;
    pthread_mutex_unlock(&p->mutex);
    moved(p);
}

static bool wants_rebuild(struct ee_projector *p)
{
    pthread_mutex_lock(&p->mutex);
    bool rebuild = p->rebuild;
    pthread_mutex_unlock(&p->mutex);
    return rebuild;
}

static bool told_to_stop(struct ee_projector *p)
{
    pthread_mutex_lock(&p->mutex);
    bool stop = p->stop;
    pthread_mutex_unlock(&p->mutex);
    return stop;
}

static void *thread_run(void *context)
{
    struct ee_projector *p = context;
    uint64_t retry_ms = RETRY_FIRST_MS;
    (void)setpriority(PRIO_PROCESS, 0, NICE); /* Linux: of this thread; money goes first */
    while (!told_to_stop(p)) {
        enum ee_err err = session(p);
        session_close(p);
        if (p->options.once && err != EE_READ_DAMAGED) {
            note_failure(p, err);
            break;
        }
        if (told_to_stop(p))
            break;
        bool damaged = err == EE_READ_DAMAGED || wants_rebuild(p);
        if (damaged)
            err = start_over(p, err == EE_READ_DAMAGED
                                    ? "damaged, of another release, or of another journal"
                                    : "a reader found it damaged");
        if (damaged && err == EE_OK && p->status.rebuilds < 3)
            continue; /* twice at once; then it is the disk, and waits like other failures */
        if (err == EE_OK)
            err = EE_READ_DAMAGED;
        note_failure(p, err);
        EE_LOG(EE_LOG_ERROR, "read-model", "stopped; it will be tried again", ee_log_err(err),
               ee_log_unsigned("retry_ms", retry_ms));
        wait_for_more(p, retry_ms);
        retry_ms = retry_ms < RETRY_MAX_MS / 2 ? 2 * retry_ms : RETRY_MAX_MS;
    }
    pthread_mutex_lock(&p->mutex);
    p->ended = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mutex);
    moved(p);
    return NULL;
}

/* ---- from outside ---- */

/* Signals are for the loop's thread. */
static int thread_start(struct ee_projector *p)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&p->thread, NULL, thread_run, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

static void locks_init(struct ee_projector *p)
{
    pthread_condattr_t attributes;
    pthread_mutex_init(&p->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&p->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

enum ee_err ee_projector_new(const struct ee_projector_options *options, struct ee_projector **out)
{
    struct ee_projector *p = calloc(1, sizeof *p);
    if (p == NULL)
        return EE_NO_MEMORY;
    p->options = *options;
    int size = snprintf(p->path, sizeof p->path, "%s", options->path);
    if (size < 0 || (size_t)size >= sizeof p->path) {
        free(p);
        return EE_TOO_LARGE;
    }
    locks_init(p);
    if (thread_start(p) != 0) {
        pthread_cond_destroy(&p->changed);
        pthread_mutex_destroy(&p->mutex);
        free(p);
        return EE_IO;
    }
    *out = p;
    return EE_OK;
}

void ee_projector_free(struct ee_projector *p)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->mutex);
    p->stop = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mutex);
    pthread_join(p->thread, NULL);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->mutex);
    free(p);
}

void ee_projector_poke(struct ee_projector *p)
{
    pthread_mutex_lock(&p->mutex);
    p->poked = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mutex);
}

void ee_projector_damaged(struct ee_projector *p, uint64_t generation)
{
    pthread_mutex_lock(&p->mutex);
    if (generation == p->status.generation)
        p->rebuild = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mutex);
}

void ee_projector_status(struct ee_projector *p, struct ee_projector_status *out)
{
    pthread_mutex_lock(&p->mutex);
    *out = p->status;
    pthread_mutex_unlock(&p->mutex);
}

enum ee_err ee_projector_wait(struct ee_projector *p)
{
    pthread_mutex_lock(&p->mutex);
    while (!p->ended)
        pthread_cond_wait(&p->changed, &p->mutex);
    enum ee_err err = p->status.err;
    pthread_mutex_unlock(&p->mutex);
    return err;
}
