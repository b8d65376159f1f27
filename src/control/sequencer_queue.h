/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for which batch, first come first served. Private to the sequencer. */
#ifndef EE_CONTROL_SEQUENCER_QUEUE_H
#define EE_CONTROL_SEQUENCER_QUEUE_H

#include "control/sequencer.h"

/* One callback to make when `batch` is durable. */
struct ee_sequencer_waiter {
    uint64_t batch;
    ee_answer_fn answer; /* one of the two, or neither */
    ee_loop_fn durable;
    void *context;
    enum ee_err err; /* the rest: the answer */
    bool repeated;
    uint64_t seq;
    size_t body_offset; /* in the batch's body; with a copy: 0 */
    size_t body_size;
    uint8_t *copy; /* owned: the body of a repeated answer */
    size_t effects_first;
    size_t effects_count;
};

/* A ring that grows up to EE_SEQUENCER_WAITING_MAX. */
struct ee_sequencer_queue {
    const struct ee_allocator *allocator;
    struct ee_sequencer_waiter *waiters;
    size_t capacity; /* a power of two */
    size_t head;
    size_t count;
};

void ee_sequencer_queue_init(struct ee_sequencer_queue *queue,
                             const struct ee_allocator *allocator);
void ee_sequencer_queue_close(struct ee_sequencer_queue *queue);
/* Makes room for one more. EE_FULL, EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_sequencer_queue_reserve(struct ee_sequencer_queue *queue);
/* After a reserve; cannot fail. */
void ee_sequencer_queue_push(struct ee_sequencer_queue *queue,
                             const struct ee_sequencer_waiter *waiter);
/* The oldest, if `durable_batch` is enough for it; its copy is then the caller's. */
bool ee_sequencer_queue_pop(struct ee_sequencer_queue *queue, uint64_t durable_batch,
                            struct ee_sequencer_waiter *out);
bool ee_sequencer_queue_ready(const struct ee_sequencer_queue *queue, uint64_t durable_batch);
/* Nobody is called back for this context. */
void ee_sequencer_queue_forget(struct ee_sequencer_queue *queue, const void *context);

#endif
