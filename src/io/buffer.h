/* SPDX-License-Identifier: Apache-2.0 */
/* A queue of bytes: appended at the end, taken from the front. Memory goes back once it is empty
 * and was large. */
#ifndef EE_IO_BUFFER_H
#define EE_IO_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

enum { EE_BUFFER_KEEP_SIZE = 16 * 1024 };

struct ee_buffer { /* all zero is empty */
    uint8_t *data;
    size_t start, size, capacity;
};

/* EE_NO_MEMORY: nothing was added. */
EE_MUST_USE enum ee_err ee_buffer_append(struct ee_buffer *buffer, struct ee_bytes bytes);
/* Memory behind what is in it, for the caller to fill; it counts once ee_buffer_added() says so.
 * NULL: no memory. */
uint8_t *ee_buffer_reserve(struct ee_buffer *buffer, size_t size);
void ee_buffer_added(struct ee_buffer *buffer, size_t size);
/* What is in it, borrowed until the next change. */
struct ee_bytes ee_buffer_bytes(const struct ee_buffer *buffer);
/* Drops `size` bytes, at most what is there, from the front. */
void ee_buffer_consume(struct ee_buffer *buffer, size_t size);
/* Drops all and releases the memory. */
void ee_buffer_close(struct ee_buffer *buffer);

#endif
