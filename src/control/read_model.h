/* SPDX-License-Identifier: Apache-2.0 */
/* The read model as the rest of the control plane sees it: questions are answered on a worker
 * thread through a bounded queue, and may wait until the projector has reached a sequence number.
 * Loop thread only. */
#ifndef EE_CONTROL_READ_MODEL_H
#define EE_CONTROL_READ_MODEL_H

#include "control/projector.h"
#include "control/read_query.h"
#include "io/loop.h"

struct ee_read_model;

enum { EE_READ_JOBS_MAX = 256 }; /* waiting and in work; beyond: EE_FULL */

struct ee_read_model_options {
    const struct ee_allocator *allocator;
    const struct ee_crypto *crypto;
    struct ee_loop *loop;
    struct ee_journal *journal;
    const char *path;
    void (*moved)(void *context); /* the projector has come further; on the loop; may be NULL */
    void *context;
};

/* EE_NO_MEMORY, EE_IO. */
EE_MUST_USE enum ee_err ee_read_model_new(const struct ee_read_model_options *options,
                                          struct ee_read_model **out);
/* Jobs that are not done are dropped without a call. NULL is fine. */
void ee_read_model_free(struct ee_read_model *model);
/* A batch is durable. */
void ee_read_model_poke(struct ee_read_model *model);
void ee_read_model_status(struct ee_read_model *model, struct ee_projector_status *out);

/* A question, in its owner's memory from the ask until `done` or ee_read_model_forget(). */
struct ee_read_job {
    /* On the worker: asks, and gives its error. */
    enum ee_err (*run)(struct ee_read_job *job, struct ee_read_query *query);
    /* On the loop, once. EE_READ_BEHIND: the deadline passed first; EE_READ_MODEL: it cannot be
     * read now; errors of `run`. */
    void (*done)(struct ee_read_job *job, enum ee_err err);
    void *context;        /* the owner's */
    uint64_t min_seq;     /* not before the model has reached it; 0: at once */
    uint64_t deadline_us; /* of that waiting, monotonic */
    /* Ours. */
    struct ee_read_job *next;
    enum ee_err err;
};
/* EE_FULL; then `done` is not called. */
EE_MUST_USE enum ee_err ee_read_model_ask(struct ee_read_model *model, struct ee_read_job *job);
/* Its owner goes away: `done` is not called. If the worker is at it, waits for that (a page). */
void ee_read_model_forget(struct ee_read_model *model, struct ee_read_job *job);

#endif
