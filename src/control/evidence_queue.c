/* SPDX-License-Identifier: Apache-2.0 */
#include "control/evidence_queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

enum { FIRST_CAPACITY = 64 };

enum ee_err ee_evidence_queue_reserve(struct ee_evidence_queue *queue)
{
    if (queue->count < queue->capacity)
        return EE_OK;
    assert(queue->capacity > 0 || queue->count == 0);
    size_t capacity = queue->capacity == 0 ? FIRST_CAPACITY : 2 * queue->capacity;
    struct ee_evidence_age *ring = calloc(capacity, sizeof *ring);
    if (ring == NULL)
        return EE_NO_MEMORY;
    for (size_t i = 0; i < queue->count; i++)
        ring[i] = queue->ring[(queue->first + i) % queue->capacity];
    free(queue->ring);
    queue->ring = ring;
    queue->first = 0;
    queue->capacity = capacity;
    return EE_OK;
}

void ee_evidence_queue_push(struct ee_evidence_queue *queue, const struct ee_evidence_age *age)
{
    assert(queue->count < queue->capacity);
    queue->ring[(queue->first + queue->count) % queue->capacity] = *age;
    queue->count++;
}

const struct ee_evidence_age *ee_evidence_queue_first(const struct ee_evidence_queue *queue)
{
    return queue->count > 0 ? &queue->ring[queue->first] : NULL;
}

void ee_evidence_queue_pop(struct ee_evidence_queue *queue)
{
    assert(queue->count > 0);
    queue->first = (queue->first + 1) % queue->capacity;
    queue->count--;
}

static int by_age(const void *a, const void *b)
{
    const struct ee_evidence_age *left = a, *right = b;
    if (left->stored_s != right->stored_s)
        return left->stored_s < right->stored_s ? -1 : 1;
    return memcmp(left->hash, right->hash, sizeof left->hash);
}

void ee_evidence_queue_sort(struct ee_evidence_queue *queue)
{
    assert(queue->first == 0);
    if (queue->count > 1)
        qsort(queue->ring, queue->count, sizeof *queue->ring, by_age);
}

void ee_evidence_queue_close(struct ee_evidence_queue *queue)
{
    free(queue->ring);
    *queue = (struct ee_evidence_queue){0};
}
