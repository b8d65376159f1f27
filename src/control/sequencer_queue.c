/* SPDX-License-Identifier: Apache-2.0 */
#include "control/sequencer_queue.h"

#include <assert.h>

#include "base/banned.h"

enum { FIRST_CAPACITY = 64 };

void ee_sequencer_queue_init(struct ee_sequencer_queue *queue, const struct ee_allocator *allocator)
{
    *queue = (struct ee_sequencer_queue){.allocator = allocator};
}

static struct ee_sequencer_waiter *waiter_at(const struct ee_sequencer_queue *queue, size_t index)
{
    return &queue->waiters[(queue->head + index) & (queue->capacity - 1)];
}

void ee_sequencer_queue_close(struct ee_sequencer_queue *queue)
{
    for (size_t i = 0; i < queue->count; i++)
        ee_free(queue->allocator, waiter_at(queue, i)->copy);
    ee_free(queue->allocator, queue->waiters);
    ee_sequencer_queue_init(queue, queue->allocator);
}

enum ee_err ee_sequencer_queue_reserve(struct ee_sequencer_queue *queue)
{
    if (queue->count >= EE_SEQUENCER_WAITING_MAX)
        return EE_FULL;
    if (queue->count < queue->capacity)
        return EE_OK;
    size_t capacity = queue->capacity == 0 ? FIRST_CAPACITY : queue->capacity * 2;
    struct ee_sequencer_waiter *grown = ee_alloc(queue->allocator, capacity, sizeof(*grown));
    if (grown == NULL)
        return EE_NO_MEMORY;
    for (size_t i = 0; i < queue->count; i++)
        grown[i] = *waiter_at(queue, i);
    ee_free(queue->allocator, queue->waiters);
    queue->waiters = grown;
    queue->capacity = capacity;
    queue->head = 0;
    return EE_OK;
}

void ee_sequencer_queue_push(struct ee_sequencer_queue *queue,
                             const struct ee_sequencer_waiter *waiter)
{
    assert(queue->count < queue->capacity);
    assert(queue->count == 0 || waiter_at(queue, queue->count - 1)->batch <= waiter->batch);
    *waiter_at(queue, queue->count) = *waiter;
    queue->count++;
}

bool ee_sequencer_queue_ready(const struct ee_sequencer_queue *queue, uint64_t durable_batch)
{
    return queue->count > 0 && waiter_at(queue, 0)->batch <= durable_batch;
}

bool ee_sequencer_queue_pop(struct ee_sequencer_queue *queue, uint64_t durable_batch,
                            struct ee_sequencer_waiter *out)
{
    if (!ee_sequencer_queue_ready(queue, durable_batch))
        return false;
    *out = *waiter_at(queue, 0);
    queue->head = (queue->head + 1) & (queue->capacity - 1);
    queue->count--;
    return true;
}

void ee_sequencer_queue_forget(struct ee_sequencer_queue *queue, const void *context)
{
    for (size_t i = 0; i < queue->count; i++) {
        struct ee_sequencer_waiter *waiter = waiter_at(queue, i);
        if (waiter->context != context)
            continue;
        waiter->answer = NULL;
        waiter->durable = NULL;
    }
}
