/* SPDX-License-Identifier: Apache-2.0 */
/* Structs that carry their size, and memory of the caller. */
#include "verify/state.h"

#include <string.h>

#include "base/banned.h"

/* No struct of ours will ever be as large: a greater size is a member that was not set. */
enum { STRUCT_SIZE_MAX = 4096 };

static size_t size_of(const void *sized)
{
    size_t size;
    memcpy(&size, sized, sizeof(size));
    return size;
}

bool ee_verify_sized_read(const void *in, void *out, size_t known, size_t minimum)
{
    size_t given = size_of(in);
    if (given < minimum || given > STRUCT_SIZE_MAX)
        return false;
    size_t shared = given < known ? given : known;
    if (!ee_bytes_all_zero((const uint8_t *)in + shared, given - shared))
        return false; /* asks for something only a newer library does */
    memset(out, 0, known);
    memcpy(out, in, shared);
    return true;
}

bool ee_verify_sized_write(void *out, const void *in, size_t known, size_t minimum)
{
    size_t given = size_of(out);
    if (given < minimum || given > STRUCT_SIZE_MAX)
        return false;
    size_t shared = given < known ? given : known;
    memcpy(out, in, shared);
    memset((uint8_t *)out + shared, 0, given - shared);
    memcpy(out, &given, sizeof(given));
    return true;
}

bool ee_verify_memory_fits(const void *memory, size_t size, size_t needed)
{
    return memory && (uintptr_t)memory % EE_VERIFY_ALIGNMENT == 0 && size >= needed;
}
