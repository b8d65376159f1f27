/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

static void *system_resize(void *context, void *memory, size_t size)
{
    (void)context;
    return realloc(memory, size ? size : 1);
}

static void system_release(void *context, void *memory)
{
    (void)context;
    free(memory);
}

const struct ee_allocator ee_allocator_system = {
    .context = NULL, .resize = system_resize, .release = system_release};

void *ee_realloc(const struct ee_allocator *allocator, void *memory, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return allocator->resize(allocator->context, memory, total);
}

void *ee_alloc(const struct ee_allocator *allocator, size_t count, size_t size)
{
    void *memory = ee_realloc(allocator, NULL, count, size);
    if (memory)
        memset(memory, 0, count * size);
    return memory;
}

void ee_free(const struct ee_allocator *allocator, void *memory)
{
    if (memory)
        allocator->release(allocator->context, memory);
}
