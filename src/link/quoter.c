/* SPDX-License-Identifier: Apache-2.0 */
#include "link/quoter.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

enum { LOG_TRIES = 4 }; /* quotes for one batch, while the event log grows meanwhile */

struct asker {
    ee_quoter_fn fn; /* NULL: forgotten */
    void *context;
    bool bare; /* without collateral */
};

/* Nonces that share one quote. */
struct batch {
    size_t count;
    struct ee_nonce nonces[EE_QUOTER_QUEUE_MAX];
    struct asker askers[EE_QUOTER_QUEUE_MAX];
};

struct ee_quoter {
    struct ee_quoter_options options;
    struct ee_wakeup *wakeup;
    struct ee_deferred start;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool has_work, done, stop; /* under the mutex */
    /* The worker's from has_work to done, else the loop's. */
    struct batch *working;
    uint8_t claims[EE_CLAIMS_SIZE_MAX];
    size_t claims_size;
    uint8_t quote[EE_EVIDENCE_QUOTE_MAX];
    struct ee_evidence *evidence; /* EE_QUOTER_QUEUE_MAX */
    enum ee_err err;
    /* The loop's. */
    bool busy;
    uint64_t quotes;
    size_t log_size; /* when the quote was asked for */
    unsigned tries;
    struct batch *waiting;
    char *text;
};

static void *worker(void *context)
{
    struct ee_quoter *q = context;
    pthread_mutex_lock(&q->mutex);
    while (!q->stop) {
        if (!q->has_work) {
            pthread_cond_wait(&q->changed, &q->mutex);
            continue;
        }
        pthread_mutex_unlock(&q->mutex);
        q->err =
            ee_tdx_device_evidence(q->options.device, ee_bytes_of(q->claims, q->claims_size),
                                   q->working->nonces, q->working->count, q->quote, q->evidence);
        pthread_mutex_lock(&q->mutex);
        q->has_work = false;
        q->done = true;
        ee_wakeup_send(q->wakeup);
    }
    pthread_mutex_unlock(&q->mutex);
    return NULL;
}

static struct ee_bytes event_log(const struct ee_quoter *q)
{
    return q->options.event_log != NULL ? q->options.event_log(q->options.context)
                                        : ee_bytes_of(NULL, 0);
}

static void answer_one(struct ee_quoter *q, size_t index, struct ee_bytes log,
                       struct ee_bytes collateral)
{
    struct asker *asker = &q->working->askers[index];
    struct ee_evidence *evidence = &q->evidence[index];
    enum ee_err err = q->err;
    size_t size = 0;
    if (asker->fn == NULL)
        return;
    if (err == EE_OK) {
        evidence->event_log = log;
        evidence->collateral = asker->bare ? ee_bytes_of(NULL, 0) : collateral;
        err = ee_evidence_encode(q->options.crypto, evidence, q->text, EE_EVIDENCE_TEXT_MAX, &size);
    }
    asker->fn(asker->context, err, ee_bytes_of(q->text, err == EE_OK ? size : 0));
}

static void answer_all(struct ee_quoter *q)
{
    struct ee_bytes collateral = ee_bytes_of(NULL, 0), log = event_log(q);
    if (q->err == EE_OK)
        collateral = q->options.collateral(q->options.context, q->evidence[0].quote);
    for (size_t i = 0; i < q->working->count; i++)
        answer_one(q, i, log, collateral);
    q->working->count = 0;
}

/* The quote for `working`, with claims of now. */
static void hand_over(struct ee_quoter *q)
{
    q->err = q->options.claims(q->options.context, q->claims, sizeof q->claims, &q->claims_size);
    if (q->err != EE_OK) {
        answer_all(q);
        return;
    }
    q->busy = true;
    q->quotes++;
    q->log_size = event_log(q).size;
    pthread_mutex_lock(&q->mutex);
    q->has_work = true;
    pthread_cond_signal(&q->changed);
    pthread_mutex_unlock(&q->mutex);
}

/* Hands what waits to the idle worker. */
static void start_work(void *context)
{
    struct ee_quoter *q = context;
    if (q->busy || q->waiting->count == 0)
        return;
    struct batch *batch = q->waiting;
    q->waiting = q->working;
    q->working = batch;
    q->tries = 1;
    hand_over(q);
}

static void on_wakeup(void *context)
{
    struct ee_quoter *q = context;
    pthread_mutex_lock(&q->mutex);
    bool done = q->done;
    q->done = false;
    pthread_mutex_unlock(&q->mutex);
    if (!done)
        return;
    q->busy = false;
    if (q->err == EE_OK && event_log(q).size != q->log_size) {
        /* Register and log of different moments would look like a forged log. */
        if (q->tries++ < LOG_TRIES) {
            hand_over(q);
            return;
        }
        q->err = EE_TDX_QUOTE;
    }
    answer_all(q);
    start_work(q);
}

static void release(struct ee_quoter *q)
{
    ee_loop_defer_cancel(&q->start);
    ee_wakeup_free(q->wakeup);
    pthread_cond_destroy(&q->changed);
    pthread_mutex_destroy(&q->mutex);
    free(q->text);
    free(q->evidence);
    free(q->waiting);
    free(q->working);
    free(q);
}

enum ee_err ee_quoter_new(const struct ee_quoter_options *options, struct ee_quoter **out)
{
    struct ee_quoter *q = calloc(1, sizeof *q);
    enum ee_err err = EE_NO_MEMORY;
    if (q == NULL)
        return EE_NO_MEMORY;
    q->options = *options;
    if (q->options.queue_max == 0 || q->options.queue_max > EE_QUOTER_QUEUE_MAX)
        q->options.queue_max = EE_QUOTER_QUEUE_MAX;
    q->start = (struct ee_deferred){.fn = start_work, .context = q};
    pthread_mutex_init(&q->mutex, NULL);
    pthread_cond_init(&q->changed, NULL);
    q->working = calloc(1, sizeof *q->working);
    q->waiting = calloc(1, sizeof *q->waiting);
    q->evidence = calloc(EE_QUOTER_QUEUE_MAX, sizeof *q->evidence);
    q->text = malloc(EE_EVIDENCE_TEXT_MAX);
    if (q->working == NULL || q->waiting == NULL || q->evidence == NULL || q->text == NULL)
        goto out;
    err = ee_wakeup_new(options->loop, on_wakeup, q, &q->wakeup);
    if (err != EE_OK)
        goto out;
    err = EE_IO;
    if (pthread_create(&q->thread, NULL, worker, q) != 0)
        goto out;
    *out = q;
    return EE_OK;
out:
    release(q);
    return err;
}

void ee_quoter_free(struct ee_quoter *q)
{
    if (q == NULL)
        return;
    ee_tdx_device_stop(q->options.device);
    pthread_mutex_lock(&q->mutex);
    q->stop = true;
    pthread_cond_signal(&q->changed);
    pthread_mutex_unlock(&q->mutex);
    pthread_join(q->thread, NULL);
    release(q);
}

static enum ee_err ask(struct ee_quoter *q, const struct ee_nonce *nonce, const struct asker *asker)
{
    if (q->waiting->count >= q->options.queue_max)
        return EE_FULL;
    size_t index = q->waiting->count++;
    q->waiting->nonces[index] = *nonce;
    q->waiting->askers[index] = *asker;
    ee_loop_defer(q->options.loop, &q->start);
    return EE_OK;
}

enum ee_err ee_quoter_ask(struct ee_quoter *q, const struct ee_nonce *nonce, ee_quoter_fn fn,
                          void *context)
{
    return ask(q, nonce, &(struct asker){.fn = fn, .context = context});
}

enum ee_err ee_quoter_ask_bare(struct ee_quoter *q, const struct ee_nonce *nonce, ee_quoter_fn fn,
                               void *context)
{
    return ask(q, nonce, &(struct asker){.fn = fn, .context = context, .bare = true});
}

static void forget(struct batch *batch, const void *context)
{
    for (size_t i = 0; i < batch->count; i++)
        if (batch->askers[i].context == context)
            batch->askers[i].fn = NULL;
}

void ee_quoter_forget(struct ee_quoter *q, const void *context)
{
    if (q == NULL)
        return;
    forget(q->waiting, context);
    forget(q->working, context); /* the worker reads only the nonces */
}

uint64_t ee_quoter_quotes(const struct ee_quoter *q)
{
    return q->quotes;
}
