/* SPDX-License-Identifier: Apache-2.0 */
/* A saved core in memory. */
#ifndef EE_TESTS_CORE_SAVED_H
#define EE_TESTS_CORE_SAVED_H

#include <stdlib.h>
#include <string.h>

#include "core/core.h"

struct saved {
    uint8_t *bytes;
    size_t size, capacity, read;
};

static inline enum ee_err saved_take(void *context, struct ee_bytes piece)
{
    struct saved *s = context;
    while (s->size + piece.size > s->capacity) {
        s->capacity = s->capacity ? 2 * s->capacity : 4096;
        s->bytes = realloc(s->bytes, s->capacity);
    }
    if (piece.size > 0)
        memcpy(s->bytes + s->size, piece.data, piece.size);
    s->size += piece.size;
    return EE_OK;
}

static inline enum ee_err saved_give(void *context, uint8_t *out, size_t size)
{
    struct saved *s = context;
    if (size > s->size - s->read)
        return EE_TRUNCATED;
    if (size > 0)
        memcpy(out, s->bytes + s->read, size);
    s->read += size;
    return EE_OK;
}

static inline void saved_free(struct saved *s)
{
    free(s->bytes);
    memset(s, 0, sizeof(*s));
}

/* EE_TRAILING: bytes are left. */
static inline enum ee_err saved_load(struct saved *s, const struct ee_allocator *allocator,
                                     const struct ee_crypto *crypto,
                                     const struct ee_core_limits *limits, struct ee_core **out)
{
    s->read = 0;
    EE_TRY(ee_core_load(allocator, crypto, limits, saved_give, s, out));
    if (s->read == s->size)
        return EE_OK;
    ee_core_free(*out);
    return EE_TRAILING;
}

#endif
