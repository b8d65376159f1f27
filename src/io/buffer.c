/* SPDX-License-Identifier: Apache-2.0 */
#include "io/buffer.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

#include "base/banned.h"

static enum ee_err make_room(struct ee_buffer *buffer, size_t extra)
{
    size_t needed;
    if (__builtin_add_overflow(buffer->size, extra, &needed))
        return EE_NO_MEMORY;
    if (buffer->capacity - buffer->start >= needed)
        return EE_OK;
    /* Moving is worth it only when at most half the memory is in use, else cost adds up. */
    if (buffer->start > 0 && needed <= buffer->capacity / 2) {
        memmove(buffer->data, buffer->data + buffer->start, buffer->size);
        buffer->start = 0;
        return EE_OK;
    }
    size_t capacity = buffer->capacity ? buffer->capacity : 1024;
    while (capacity < needed)
        if (__builtin_mul_overflow(capacity, (size_t)2, &capacity))
            return EE_NO_MEMORY;
    uint8_t *data = ee_realloc(&ee_allocator_system, NULL, capacity, 1);
    if (!data)
        return EE_NO_MEMORY;
    if (buffer->size)
        memcpy(data, buffer->data + buffer->start, buffer->size);
    ee_free(&ee_allocator_system, buffer->data);
    *buffer = (struct ee_buffer){.data = data, .size = buffer->size, .capacity = capacity};
    return EE_OK;
}

enum ee_err ee_buffer_append(struct ee_buffer *buffer, struct ee_bytes bytes)
{
    if (bytes.size == 0)
        return EE_OK;
    EE_TRY(make_room(buffer, bytes.size));
    memcpy(buffer->data + buffer->start + buffer->size, bytes.data, bytes.size);
    buffer->size += bytes.size;
    return EE_OK;
}

uint8_t *ee_buffer_reserve(struct ee_buffer *buffer, size_t size)
{
    return make_room(buffer, size) == EE_OK ? buffer->data + buffer->start + buffer->size : NULL;
}

void ee_buffer_added(struct ee_buffer *buffer, size_t size)
{
    assert(buffer->capacity - buffer->start - buffer->size >= size);
    buffer->size += size;
}

struct ee_bytes ee_buffer_bytes(const struct ee_buffer *buffer)
{
    return ee_bytes_of(buffer->size ? buffer->data + buffer->start : NULL, buffer->size);
}

void ee_buffer_consume(struct ee_buffer *buffer, size_t size)
{
    assert(size <= buffer->size);
    buffer->start += size;
    buffer->size -= size;
    if (buffer->size > 0)
        return;
    buffer->start = 0;
    if (buffer->capacity > EE_BUFFER_KEEP_SIZE)
        ee_buffer_close(buffer);
}

void ee_buffer_close(struct ee_buffer *buffer)
{
    ee_free(&ee_allocator_system, buffer->data);
    *buffer = (struct ee_buffer){0};
}
