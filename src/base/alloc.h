/* SPDX-License-Identifier: Apache-2.0 */
/* The only source of heap memory for the pure folders, handed in by the caller, so a test can make
 * call N fail. */
#ifndef EE_BASE_ALLOC_H
#define EE_BASE_ALLOC_H

#include <stddef.h>

struct ee_allocator {
    void *context;
    /* NULL when there is no memory; resize(NULL) allocates, contents are kept up to the smaller
     * size. */
    void *(*resize)(void *context, void *memory, size_t size);
    void (*release)(void *context, void *memory); /* NULL is fine */
};

/* malloc and friends. */
extern const struct ee_allocator ee_allocator_system;

/* Zeroed memory for `count` things of `size` bytes; NULL also when the product overflows. */
void *ee_alloc(const struct ee_allocator *allocator, size_t count, size_t size);
/* Resized array; NULL (the old one still valid) also when the product overflows. New elements are
 * not zeroed. */
void *ee_realloc(const struct ee_allocator *allocator, void *memory, size_t count, size_t size);
void ee_free(const struct ee_allocator *allocator, void *memory);

#endif
