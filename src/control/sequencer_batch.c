/* SPDX-License-Identifier: Apache-2.0 */
#include "control/sequencer_batch.h"

#include <assert.h>
#include <string.h>

#include "control/sequencer.h"
#include "core/receipt.h"

#include "base/banned.h"

enum {
    FIRST_BODY_CAPACITY = 64 * 1024,
    LENGTH_SIZE = 4,
    /* Of a command and its result in a body, apart from the payload. */
    PAIR_OVERHEAD =
        2 * LENGTH_SIZE + EE_COMMAND_SIZE_MAX - EE_COMMAND_PAYLOAD_MAX + EE_RECEIPT_RESULT_MAX,
};

void ee_sequencer_batch_clear(struct ee_sequencer_batch *batch, uint64_t number)
{
    batch->number = number;
    batch->size = 0;
    batch->count = 0;
    batch->effects_count = 0;
}

void ee_sequencer_batch_free(struct ee_sequencer_batch *batch, const struct ee_allocator *allocator)
{
    ee_free(allocator, batch->body);
    ee_free(allocator, batch->effects);
    *batch = (struct ee_sequencer_batch){0};
}

static enum ee_err effects_reserve(struct ee_sequencer_batch *batch,
                                   const struct ee_allocator *allocator)
{
    size_t needed = batch->effects_count + EE_EFFECTS_MAX;
    if (needed <= batch->effects_capacity)
        return EE_OK;
    size_t capacity = needed * 2;
    struct ee_effect *grown = ee_realloc(allocator, batch->effects, capacity, sizeof(*grown));
    if (grown == NULL)
        return EE_NO_MEMORY;
    batch->effects = grown;
    batch->effects_capacity = capacity;
    return EE_OK;
}

enum ee_err ee_sequencer_batch_reserve(struct ee_sequencer_batch *batch,
                                       const struct ee_allocator *allocator, size_t payload_size)
{
    size_t needed = batch->size + PAIR_OVERHEAD + payload_size;
    if (needed > EE_SEQUENCER_BODY_MAX || batch->count >= EE_SEQUENCER_COMMANDS_MAX)
        return EE_FULL;
    if (needed > batch->capacity) {
        size_t capacity = batch->capacity == 0 ? FIRST_BODY_CAPACITY : batch->capacity;
        while (capacity < needed)
            capacity *= 2;
        uint8_t *grown = ee_realloc(allocator, batch->body, capacity, 1);
        if (grown == NULL)
            return EE_NO_MEMORY;
        batch->body = grown;
        batch->capacity = capacity;
    }
    return effects_reserve(batch, allocator);
}

/* Fills in the length before the bytes written since `start`. */
static struct ee_bytes block_end(struct ee_writer *w, size_t start)
{
    struct ee_writer length;
    ee_writer_init(&length, w->data + start - LENGTH_SIZE, LENGTH_SIZE);
    ee_writer_u32(&length, (uint32_t)(w->size - start));
    return ee_bytes_of(w->data + start, w->size - start);
}

enum ee_err ee_sequencer_batch_stage(struct ee_sequencer_batch *batch,
                                     const struct ee_command *command)
{
    struct ee_writer w;
    ee_writer_init(&w, batch->body, batch->capacity);
    w.size = batch->size + LENGTH_SIZE;
    size_t start = w.size;
    EE_TRY(ee_command_encode(command, &w));
    (void)block_end(&w, start);
    batch->staged = w.size - batch->size;
    return EE_OK;
}

void ee_sequencer_batch_commit(struct ee_sequencer_batch *batch, const struct ee_crypto *crypto,
                               uint64_t seq, const struct ee_result *result,
                               struct ee_tlog_hash *leaf_out)
{
    struct ee_writer w;
    struct ee_bytes command =
        ee_bytes_of(batch->body + batch->size + LENGTH_SIZE, batch->staged - LENGTH_SIZE);
    ee_writer_init(&w, batch->body, batch->capacity);
    w.size = batch->size + batch->staged;
    ee_writer_u32(&w, 0); /* the length, once it is known */
    size_t start = w.size;
    enum ee_err err = ee_result_encode(result, &w);
    assert(err == EE_OK && w.err == EE_OK); /* room was made for any result */
    (void)err;
    ee_receipt_leaf_hash(crypto, command, block_end(&w, start), leaf_out);
    memcpy(batch->effects + batch->effects_count, result->effects,
           result->effect_count * sizeof(result->effects[0]));
    batch->effects_count += result->effect_count;
    batch->size = w.size;
    batch->last_seq = seq;
    batch->count++;
}
