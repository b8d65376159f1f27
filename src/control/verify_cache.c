/* SPDX-License-Identifier: Apache-2.0 */
#include "control/verify_cache.h"

#include <stdlib.h>

#include "attest/cache.h"
#include "base/banned.h"

enum {
    PLACES = 9, /* eight sets of collateral, and one to work in */
    PLACE_SIZE = 64 * 1024,
};

struct memory {
    struct ee_verify_cache cache; /* first: what callers hold */
    struct ee_cache_collateral places[PLACES];
    uint8_t bytes[PLACES * PLACE_SIZE];
    struct ee_cache_platform platforms[];
};

enum ee_err ee_control_cache_new(size_t platforms, struct ee_verify_cache **out)
{
    struct memory *memory = malloc(sizeof(*memory) + platforms * sizeof(memory->platforms[0]));
    if (memory == NULL)
        return EE_NO_MEMORY;
    ee_attest_cache_init(&memory->cache, memory->places, PLACES, memory->bytes,
                         sizeof(memory->bytes), memory->platforms, platforms);
    *out = &memory->cache;
    return EE_OK;
}

void ee_control_cache_free(struct ee_verify_cache *cache)
{
    free(cache); /* the first member */
}
