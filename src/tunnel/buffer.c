/* SPDX-License-Identifier: Apache-2.0 */
#include "tunnel/internal.h"

#include <string.h>

#include "base/banned.h"

enum { SMALLEST = 512, KEPT = 4096 /* an empty buffer above that is given back */ };

static enum ee_err grow(const struct ee_allocator *allocator, struct ee_tunnel_buffer *b,
                        size_t want)
{
    size_t capacity = b->capacity ? b->capacity : SMALLEST;
    while (capacity < want)
        capacity *= 2;
    uint8_t *grown = ee_realloc(allocator, b->data, capacity, 1);
    if (!grown)
        return EE_NO_MEMORY;
    b->data = grown;
    b->capacity = capacity;
    return EE_OK;
}

enum ee_err ee_tunnel_buffer_add(const struct ee_allocator *allocator,
                                 struct ee_tunnel_buffer *buffer, struct ee_bytes bytes)
{
    if (bytes.size == 0)
        return EE_OK;
    uint8_t *room = ee_tunnel_buffer_reserve(allocator, buffer, bytes.size);
    if (!room)
        return EE_NO_MEMORY;
    memcpy(room, bytes.data, bytes.size);
    buffer->size += bytes.size;
    return EE_OK;
}

uint8_t *ee_tunnel_buffer_reserve(const struct ee_allocator *allocator,
                                  struct ee_tunnel_buffer *buffer, size_t size)
{
    if (buffer->size + size > buffer->capacity &&
        grow(allocator, buffer, buffer->size + size) != EE_OK)
        return NULL;
    if (buffer->head + buffer->size + size > buffer->capacity) {
        memmove(buffer->data, buffer->data + buffer->head, buffer->size);
        buffer->head = 0;
    }
    return buffer->data + buffer->head + buffer->size;
}

struct ee_bytes ee_tunnel_buffer_view(const struct ee_tunnel_buffer *buffer)
{
    return ee_bytes_of(buffer->data ? buffer->data + buffer->head : NULL, buffer->size);
}

void ee_tunnel_buffer_drop(const struct ee_allocator *allocator, struct ee_tunnel_buffer *buffer,
                           size_t size)
{
    buffer->head += size;
    buffer->size -= size;
    if (buffer->size)
        return;
    buffer->head = 0;
    if (buffer->capacity > KEPT)
        ee_tunnel_buffer_free(allocator, buffer);
}

void ee_tunnel_buffer_free(const struct ee_allocator *allocator, struct ee_tunnel_buffer *buffer)
{
    ee_free(allocator, buffer->data);
    *buffer = (struct ee_tunnel_buffer){0};
}

size_t ee_tunnel_buffer_frame(const struct ee_tunnel_buffer *buffer)
{
    struct ee_tunnel_header header;
    struct ee_cursor c;
    ee_cursor_init(&c, ee_tunnel_buffer_view(buffer));
    if (ee_tunnel_header_decode(&c, &header) != EE_OK)
        return 0;
    return (size_t)EE_TUNNEL_FRAME_HEADER + header.size;
}
