/* SPDX-License-Identifier: Apache-2.0 */
#include "control/read_model.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/clock.h"
#include "io/log.h"

#include "base/banned.h"

enum { PATH_SIZE = 1100, LOOK_MS = 100 };

struct queue {
    struct ee_read_job *first, **end;
};

struct ee_read_model {
    struct ee_read_model_options options;
    char path[PATH_SIZE];
    struct ee_projector *projector;
    struct ee_wakeup *wakeup;
    struct ee_timer *timer; /* deadlines of waiting jobs */
    size_t jobs;
    struct ee_read_job *waiting; /* for a sequence number; the loop's */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t work, idle;
    struct queue given, finished; /* under the mutex, as the rest */
    struct ee_read_job *running;
    bool stop;
};

static void queue_init(struct queue *queue)
{
    queue->first = NULL;
    queue->end = &queue->first;
}

static void queue_push(struct queue *queue, struct ee_read_job *job)
{
    job->next = NULL;
    *queue->end = job;
    queue->end = &job->next;
}

static struct ee_read_job *queue_pop(struct queue *queue)
{
    struct ee_read_job *job = queue->first;
    if (job != NULL)
        queue->first = job->next;
    if (queue->first == NULL)
        queue->end = &queue->first;
    return job;
}

static bool queue_remove(struct queue *queue, const struct ee_read_job *job)
{
    for (struct ee_read_job **at = &queue->first; *at != NULL; at = &(*at)->next) {
        if (*at != job)
            continue;
        *at = job->next;
        if (*at == NULL)
            queue->end = at;
        return true;
    }
    return false;
}

/* ---- the worker ---- */

struct reader {
    struct ee_read_query *query;
    uint64_t generation;
};

/* A connection to the file of this generation. */
static enum ee_err reader_open(struct ee_read_model *model, struct reader *reader)
{
    struct ee_projector_status status;
    ee_projector_status(model->projector, &status);
    if (reader->query != NULL && reader->generation == status.generation)
        return EE_OK;
    ee_read_query_close(reader->query);
    reader->query = NULL;
    reader->generation = status.generation;
    return ee_read_query_open(model->path, &reader->query);
}

static enum ee_err job_run(struct ee_read_model *model, struct reader *reader,
                           struct ee_read_job *job)
{
    enum ee_err err = reader_open(model, reader);
    if (err == EE_OK)
        err = job->run(job, reader->query);
    if (err == EE_READ_DAMAGED) {
        ee_projector_damaged(model->projector, reader->generation);
        ee_read_query_close(reader->query);
        reader->query = NULL;
        err = EE_READ_MODEL; /* what the client hears: it comes back */
    }
    return err == EE_IO ? EE_READ_MODEL : err;
}

static void *thread_run(void *context)
{
    struct ee_read_model *model = context;
    struct reader reader = {0};
    pthread_mutex_lock(&model->mutex);
    for (;;) {
        while (model->given.first == NULL && !model->stop)
            pthread_cond_wait(&model->work, &model->mutex);
        if (model->stop)
            break;
        struct ee_read_job *job = model->running = queue_pop(&model->given);
        pthread_mutex_unlock(&model->mutex);
        enum ee_err err = job_run(model, &reader, job);
        pthread_mutex_lock(&model->mutex);
        job->err = err;
        model->running = NULL;
        queue_push(&model->finished, job);
        pthread_cond_broadcast(&model->idle);
        ee_wakeup_send(model->wakeup);
    }
    pthread_mutex_unlock(&model->mutex);
    ee_read_query_close(reader.query);
    return NULL;
}

/* ---- the loop ---- */

static void hand_over(struct ee_read_model *model, struct ee_read_job *job)
{
    pthread_mutex_lock(&model->mutex);
    queue_push(&model->given, job);
    pthread_cond_signal(&model->work);
    pthread_mutex_unlock(&model->mutex);
}

static void finish(struct ee_read_model *model, struct ee_read_job *job, enum ee_err err)
{
    model->jobs--;
    job->done(job, err);
}

/* Those that wait for a number that is there, or no longer. */
static void waiting_look(struct ee_read_model *model)
{
    struct ee_projector_status status;
    struct queue late;
    uint64_t now_us = ee_clock_monotonic_us();
    ee_projector_status(model->projector, &status);
    queue_init(&late);
    for (struct ee_read_job **at = &model->waiting; *at != NULL;) {
        struct ee_read_job *job = *at;
        bool reached = job->min_seq <= status.seq;
        if (!reached && now_us < job->deadline_us) {
            at = &job->next;
            continue;
        }
        *at = job->next;
        if (reached)
            hand_over(model, job);
        else
            queue_push(&late, job);
    }
    if (model->waiting == NULL)
        ee_timer_stop(model->timer);
    for (struct ee_read_job *job; (job = queue_pop(&late)) != NULL;)
        finish(model, job, EE_READ_BEHIND);
}

static void on_wakeup(void *context)
{
    struct ee_read_model *model = context;
    for (;;) {
        pthread_mutex_lock(&model->mutex);
        struct ee_read_job *job = queue_pop(&model->finished);
        pthread_mutex_unlock(&model->mutex);
        if (job == NULL)
            break;
        finish(model, job, job->err);
    }
    waiting_look(model);
    if (model->options.moved != NULL)
        model->options.moved(model->options.context);
}

static void on_timer(void *context)
{
    waiting_look(context);
}

static void on_moved(void *context)
{
    struct ee_read_model *model = context;
    ee_wakeup_send(model->wakeup);
}

enum ee_err ee_read_model_ask(struct ee_read_model *model, struct ee_read_job *job)
{
    struct ee_projector_status status;
    if (model->jobs >= EE_READ_JOBS_MAX)
        return EE_FULL;
    model->jobs++;
    ee_projector_status(model->projector, &status);
    if (job->min_seq <= status.seq) {
        hand_over(model, job);
        return EE_OK;
    }
    job->next = model->waiting;
    model->waiting = job;
    if (!ee_timer_active(model->timer))
        ee_timer_start(model->timer, LOOK_MS, LOOK_MS);
    return EE_OK;
}

static bool waiting_remove(struct ee_read_model *model, const struct ee_read_job *job)
{
    for (struct ee_read_job **at = &model->waiting; *at != NULL; at = &(*at)->next) {
        if (*at == job) {
            *at = job->next;
            return true;
        }
    }
    return false;
}

void ee_read_model_forget(struct ee_read_model *model, struct ee_read_job *job)
{
    bool found = waiting_remove(model, job);
    pthread_mutex_lock(&model->mutex);
    while (model->running == job)
        pthread_cond_wait(&model->idle, &model->mutex);
    found = found || queue_remove(&model->given, job) || queue_remove(&model->finished, job);
    pthread_mutex_unlock(&model->mutex);
    model->jobs -= found;
}

void ee_read_model_poke(struct ee_read_model *model)
{
    ee_projector_poke(model->projector);
}

void ee_read_model_status(struct ee_read_model *model, struct ee_projector_status *out)
{
    ee_projector_status(model->projector, out);
}

/* ---- life ---- */

static int thread_start(struct ee_read_model *model)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&model->thread, NULL, thread_run, model);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

static enum ee_err start(struct ee_read_model *model)
{
    struct ee_projector_options projector = {.allocator = model->options.allocator,
                                             .crypto = model->options.crypto,
                                             .journal = model->options.journal,
                                             .path = model->path,
                                             .moved = on_moved,
                                             .context = model};
    EE_TRY(ee_wakeup_new(model->options.loop, on_wakeup, model, &model->wakeup));
    EE_TRY(ee_timer_new(model->options.loop, on_timer, model, &model->timer));
    EE_TRY(ee_projector_new(&projector, &model->projector));
    if (thread_start(model) == 0)
        return EE_OK;
    model->stop = true; /* there is no thread to be joined */
    return EE_IO;
}

static void close_all(struct ee_read_model *model)
{
    ee_projector_free(model->projector);
    ee_timer_free(model->timer);
    if (model->wakeup != NULL)
        ee_wakeup_free(model->wakeup);
    pthread_cond_destroy(&model->idle);
    pthread_cond_destroy(&model->work);
    pthread_mutex_destroy(&model->mutex);
    free(model);
}

enum ee_err ee_read_model_new(const struct ee_read_model_options *options,
                              struct ee_read_model **out)
{
    struct ee_read_model *model = calloc(1, sizeof *model);
    if (model == NULL)
        return EE_NO_MEMORY;
    model->options = *options;
    queue_init(&model->given);
    queue_init(&model->finished);
    pthread_mutex_init(&model->mutex, NULL);
    pthread_cond_init(&model->work, NULL);
    pthread_cond_init(&model->idle, NULL);
    int size = snprintf(model->path, sizeof model->path, "%s", options->path);
    enum ee_err err = size > 0 && (size_t)size < sizeof model->path ? start(model) : EE_TOO_LARGE;
    if (err == EE_OK)
        *out = model;
    else
        close_all(model);
    return err;
}

void ee_read_model_free(struct ee_read_model *model)
{
    if (model == NULL)
        return;
    pthread_mutex_lock(&model->mutex);
    model->stop = true;
    pthread_cond_broadcast(&model->work);
    pthread_mutex_unlock(&model->mutex);
    pthread_join(model->thread, NULL);
    close_all(model);
}
