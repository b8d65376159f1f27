/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the end of a chunked HTTP/1.1 body (RFC 9112 section 7.1) without decoding it. */
#ifndef EXAMPLES_CHUNKED_H
#define EXAMPLES_CHUNKED_H

#include <stddef.h>
#include <stdint.h>

struct chunked {
    enum chunked_state {
        CHUNKED_SIZE, /* where a body starts, with left = 0 */
        CHUNKED_EXTENSION,
        CHUNKED_DATA,
        CHUNKED_DATA_END,
        CHUNKED_TRAILER_START,
        CHUNKED_TRAILER,
        CHUNKED_ENDED,
        CHUNKED_BROKEN,
    } state;
    uint64_t left; /* bytes of the present chunk */
};

/* Moves over at most `size` bytes and returns how many belong to the body; state ENDED after its
 * last byte, BROKEN at a byte that may not stand there. */
size_t chunked_scan(struct chunked *chunked, const char *data, size_t size);

#endif
