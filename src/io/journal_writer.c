/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "io/journal_writer.h"

#include "base/banned.h"

struct ee_journal_writer {
    struct ee_journal *journal;
    struct ee_journal_writer_events events;
    struct ee_wakeup *wakeup;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t work;
    struct ee_journal_job *given;    /* to the thread; under the mutex, as the next two */
    struct ee_journal_job *finished; /* by the thread */
    bool stop;
    bool busy; /* the loop's view */
};

static void job_run(struct ee_journal_writer *writer, struct ee_journal_job *job)
{
    job->err = writer->events.prepare(writer->events.context, job);
    if (job->err == EE_OK)
        job->err = ee_journal_append(writer->journal, job->epoch, job->count, job->body,
                                     ee_bytes_of(job->note, job->note_size));
}

static void *thread_run(void *context)
{
    struct ee_journal_writer *writer = context;
    pthread_mutex_lock(&writer->mutex);
    for (;;) {
        while (writer->given == NULL && !writer->stop)
            pthread_cond_wait(&writer->work, &writer->mutex);
        struct ee_journal_job *job = writer->given;
        if (job == NULL)
            break;
        pthread_mutex_unlock(&writer->mutex);
        job_run(writer, job);
        pthread_mutex_lock(&writer->mutex);
        writer->given = NULL;
        writer->finished = job;
        ee_wakeup_send(writer->wakeup);
    }
    pthread_mutex_unlock(&writer->mutex);
    return NULL;
}

static void job_finished(void *context)
{
    struct ee_journal_writer *writer = context;
    pthread_mutex_lock(&writer->mutex);
    struct ee_journal_job *job = writer->finished;
    writer->finished = NULL;
    pthread_mutex_unlock(&writer->mutex);
    if (job == NULL)
        return;
    writer->busy = false;
    writer->events.done(writer->events.context, job);
}

/* Signals are for the loop's thread. */
static int thread_start(struct ee_journal_writer *writer)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&writer->thread, NULL, thread_run, writer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

enum ee_err ee_journal_writer_new(struct ee_loop *loop, struct ee_journal *journal,
                                  const struct ee_journal_writer_events *events,
                                  struct ee_journal_writer **out)
{
    struct ee_journal_writer *writer = calloc(1, sizeof(*writer));
    if (writer == NULL)
        return EE_NO_MEMORY;
    writer->journal = journal;
    writer->events = *events;
    enum ee_err err = ee_wakeup_new(loop, job_finished, writer, &writer->wakeup);
    if (err != EE_OK) {
        free(writer);
        return err;
    }
    pthread_mutex_init(&writer->mutex, NULL);
    pthread_cond_init(&writer->work, NULL);
    if (thread_start(writer) != 0) {
        ee_wakeup_free(writer->wakeup);
        pthread_cond_destroy(&writer->work);
        pthread_mutex_destroy(&writer->mutex);
        free(writer);
        return EE_IO;
    }
    *out = writer;
    return EE_OK;
}

void ee_journal_writer_start(struct ee_journal_writer *writer, struct ee_journal_job *job)
{
    assert(!writer->busy);
    writer->busy = true;
    pthread_mutex_lock(&writer->mutex);
    writer->given = job;
    pthread_cond_signal(&writer->work);
    pthread_mutex_unlock(&writer->mutex);
}

bool ee_journal_writer_busy(const struct ee_journal_writer *writer)
{
    return writer->busy;
}

void ee_journal_writer_free(struct ee_journal_writer *writer)
{
    if (writer == NULL)
        return;
    pthread_mutex_lock(&writer->mutex);
    writer->stop = true;
    pthread_cond_signal(&writer->work);
    pthread_mutex_unlock(&writer->mutex);
    pthread_join(writer->thread, NULL);
    ee_wakeup_free(writer->wakeup);
    pthread_cond_destroy(&writer->work);
    pthread_mutex_destroy(&writer->mutex);
    free(writer);
}
