/* SPDX-License-Identifier: Apache-2.0 */
#include "chunked.h"

#include <string.h>

static enum chunked_state size_digit(struct chunked *c, char byte)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = byte ? strchr(digits, byte | 0x20) : NULL;
    if (!found || c->left > UINT64_MAX >> 5)
        return CHUNKED_BROKEN;
    c->left = c->left << 4 | (uint64_t)(found - digits);
    return CHUNKED_SIZE;
}

static enum chunked_state line_end(const struct chunked *c)
{
    return c->left ? CHUNKED_DATA : CHUNKED_TRAILER_START;
}

static enum chunked_state after(struct chunked *c, char byte)
{
    switch (c->state) {
    case CHUNKED_SIZE:
        if (byte == '\r' || byte == ';')
            return CHUNKED_EXTENSION;
        return byte == '\n' ? line_end(c) : size_digit(c, byte);
    case CHUNKED_EXTENSION:
        return byte == '\n' ? line_end(c) : CHUNKED_EXTENSION;
    case CHUNKED_DATA:
        return --c->left ? CHUNKED_DATA : CHUNKED_DATA_END;
    case CHUNKED_DATA_END:
        if (byte == '\r')
            return CHUNKED_DATA_END;
        return byte == '\n' ? CHUNKED_SIZE : CHUNKED_BROKEN;
    case CHUNKED_TRAILER_START:
        if (byte == '\n')
            return CHUNKED_ENDED;
        return byte == '\r' ? CHUNKED_TRAILER_START : CHUNKED_TRAILER;
    case CHUNKED_TRAILER:
        return byte == '\n' ? CHUNKED_TRAILER_START : CHUNKED_TRAILER;
    case CHUNKED_ENDED:
    case CHUNKED_BROKEN:
        return c->state;
    }
    return CHUNKED_BROKEN;
}

size_t chunked_scan(struct chunked *chunked, const char *data, size_t size)
{
    size_t used = 0;
    while (used < size && chunked->state != CHUNKED_ENDED && chunked->state != CHUNKED_BROKEN)
        chunked->state = after(chunked, data[used++]);
    return used;
}
