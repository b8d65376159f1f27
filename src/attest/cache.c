/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/cache.h"

#include <string.h>

#include "base/banned.h"

void ee_attest_cache_init(struct ee_verify_cache *cache, struct ee_cache_collateral *collateral,
                          size_t collateral_count, uint8_t *bytes, size_t size,
                          struct ee_cache_platform *platforms, size_t platform_count)
{
    *cache = (struct ee_verify_cache){.collateral = collateral,
                                      .collateral_count = collateral_count,
                                      .capacity = collateral_count ? size / collateral_count : 0,
                                      .platforms = platforms,
                                      .platform_count = platform_count};
    for (size_t i = 0; i < collateral_count; i++)
        collateral[i].bytes = bytes + i * cache->capacity;
    ee_attest_cache_clear(cache);
}

void ee_attest_cache_clear(struct ee_verify_cache *cache)
{
    cache->clock = 0;
    cache->working = 0;
    cache->counts = (struct ee_cache_counts){0};
    for (size_t i = 0; i < cache->collateral_count; i++) {
        cache->collateral[i].used_at = 0;
        cache->collateral[i].file_size = 0;
    }
    for (size_t i = 0; i < cache->platform_count; i++)
        cache->platforms[i].used_at = 0;
}

/* ---- Collateral ---- */

static bool chain_equal(const struct ee_der_chain *a, const struct ee_der_chain *b)
{
    bool equal = a->count == b->count;
    for (size_t i = 0; equal && i < a->count; i++)
        equal = ee_bytes_equal(a->der[i], b->der[i]);
    return equal;
}

/* Every byte a verdict could depend on. */
static bool collateral_equal(const struct ee_collateral *a, const struct ee_collateral *b)
{
    return memcmp(a->tcb_info_signature, b->tcb_info_signature, EE_P256_SIGNATURE_SIZE) == 0 &&
           memcmp(a->qe_identity_signature, b->qe_identity_signature, EE_P256_SIGNATURE_SIZE) ==
               0 &&
           ee_bytes_equal(a->tcb_info, b->tcb_info) &&
           ee_bytes_equal(a->qe_identity, b->qe_identity) &&
           ee_bytes_equal(a->pck_crl, b->pck_crl) && ee_bytes_equal(a->root_crl, b->root_crl) &&
           chain_equal(&a->tcb_info_chain, &b->tcb_info_chain) &&
           chain_equal(&a->qe_identity_chain, &b->qe_identity_chain) &&
           chain_equal(&a->pck_crl_chain, &b->pck_crl_chain) &&
           chain_equal(&a->pck_chain, &b->pck_chain);
}

/* Moves one part behind the others. False when it does not fit. */
static bool part_copy(struct ee_bytes *part, uint8_t *bytes, size_t capacity, size_t *used)
{
    if (part->size > capacity - *used)
        return false;
    if (part->size)
        memcpy(bytes + *used, part->data, part->size);
    part->data = bytes + *used;
    *used += part->size;
    return true;
}

static bool collateral_copy(const struct ee_collateral *from, uint8_t *bytes, size_t capacity,
                            struct ee_collateral *out)
{
    struct ee_collateral copy = *from;
    struct ee_bytes *const singles[] = {&copy.tcb_info, &copy.qe_identity, &copy.pck_crl,
                                        &copy.root_crl};
    struct ee_der_chain *const chains[] = {&copy.tcb_info_chain, &copy.qe_identity_chain,
                                           &copy.pck_crl_chain, &copy.pck_chain};
    size_t used = 0;
    for (size_t i = 0; i < sizeof(singles) / sizeof(singles[0]); i++)
        if (!part_copy(singles[i], bytes, capacity, &used))
            return false;
    for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++)
        for (size_t k = 0; k < chains[i]->count; k++)
            if (!part_copy(&chains[i]->der[k], bytes, capacity, &used))
                return false;
    *out = copy;
    return true;
}

/* A remembered place with this collateral; NULL: none. */
static struct ee_cache_collateral *find(struct ee_verify_cache *cache,
                                        const struct ee_collateral *collateral)
{
    for (size_t i = 0; i < cache->collateral_count; i++) {
        struct ee_cache_collateral *place = &cache->collateral[i];
        if (place->used_at &&
            (collateral == &place->collateral || collateral_equal(collateral, &place->collateral)))
            return place;
    }
    return NULL;
}

static struct ee_cache_collateral *find_file(struct ee_verify_cache *cache, struct ee_bytes file)
{
    for (size_t i = 0; file.size && i < cache->collateral_count; i++) {
        struct ee_cache_collateral *place = &cache->collateral[i];
        if (place->used_at && place->file_size == file.size &&
            memcmp(place->bytes + file.size, file.data, file.size) == 0)
            return place;
    }
    return NULL;
}

static struct ee_cache_collateral *working(struct ee_verify_cache *cache)
{
    return cache->collateral_count < 2 ? NULL : &cache->collateral[cache->working];
}

/* The file is kept behind the parts, which never reach beyond its size. */
static void file_keep(struct ee_cache_collateral *place, struct ee_bytes file)
{
    if (place->file_size > file.size)
        return; /* these parts may */
    memcpy(place->bytes + file.size, file.data, file.size);
    place->file_size = file.size;
}

enum ee_reason ee_attest_cache_decode(struct ee_verify_cache *cache, struct ee_bytes file,
                                      const struct ee_collateral **out)
{
    struct ee_cache_collateral *place = find_file(cache, file);
    if (!place) {
        struct ee_cache_collateral *fresh = working(cache);
        if (!fresh || file.size > cache->capacity / 2)
            return EE_REASON_COLLATERAL_TOO_LARGE;
        fresh->file_size = 0;
        EE_REASON_TRY(
            ee_attest_collateral_decode(file, fresh->bytes, file.size, &fresh->collateral));
        place = find(cache, &fresh->collateral); /* the same parts, from elsewhere */
        place = place ? place : fresh;
        file_keep(place, file);
    }
    *out = &place->collateral;
    return EE_REASON_NONE;
}

struct ee_cache_collateral *ee_attest_cache_collateral_find(struct ee_verify_cache *cache,
                                                            const struct ee_collateral *collateral,
                                                            int64_t time_s)
{
    struct ee_cache_collateral *place = find(cache, collateral);
    if (!place)
        return NULL;
    if (time_s >= place->trust.from_s && time_s <= place->to_s)
        return place;
    place->used_at = 0; /* nothing outlives what it depends on */
    return NULL;
}

struct ee_cache_collateral *ee_attest_cache_collateral_take(struct ee_verify_cache *cache,
                                                            const struct ee_collateral *collateral)
{
    struct ee_cache_collateral *place = working(cache);
    if (!place || collateral == &place->collateral)
        return place;
    place->file_size = 0;
    return collateral_copy(collateral, place->bytes, cache->capacity, &place->collateral) ? place
                                                                                          : NULL;
}

void ee_attest_cache_collateral_keep(struct ee_verify_cache *cache,
                                     struct ee_cache_collateral *place)
{
    size_t next = cache->working;
    place->used_at = ++cache->clock;
    if (place != &cache->collateral[cache->working])
        return;
    for (size_t i = 0; i < cache->collateral_count; i++) {
        const struct ee_cache_collateral *one = &cache->collateral[i];
        if (one != place && one->used_at <= cache->collateral[next].used_at)
            next = i; /* `next` starts as the newest of all */
    }
    cache->counts.evictions += cache->collateral[next].used_at != 0;
    cache->collateral[next].used_at = 0;
    cache->working = next;
}

/* ---- Platforms ---- */

/* The few places where this platform may be. */
static struct ee_cache_platform *set_of(const struct ee_verify_cache *cache, const uint8_t *id,
                                        size_t *ways)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < sizeof(hash); i++)
        hash = hash << 8 | id[i];
    *ways = cache->platform_count < EE_CACHE_WAYS ? cache->platform_count : EE_CACHE_WAYS;
    if (*ways == 0)
        return NULL;
    const size_t sets = cache->platform_count / *ways;
    return cache->platforms + (size_t)(hash % sets) * *ways;
}

struct ee_cache_platform *ee_attest_cache_platform_find(const struct ee_verify_cache *cache,
                                                        const uint8_t id[EE_SHA256_SIZE])
{
    size_t ways;
    struct ee_cache_platform *set = set_of(cache, id, &ways);
    for (size_t i = 0; i < ways; i++)
        if (set[i].used_at && memcmp(set[i].id, id, EE_SHA256_SIZE) == 0)
            return &set[i];
    return NULL;
}

struct ee_cache_platform *ee_attest_cache_platform_add(struct ee_verify_cache *cache,
                                                       const uint8_t id[EE_SHA256_SIZE])
{
    size_t ways, oldest = 0;
    struct ee_cache_platform *set = set_of(cache, id, &ways);
    if (ways == 0)
        return NULL;
    for (size_t i = 1; i < ways; i++)
        if (set[i].used_at < set[oldest].used_at)
            oldest = i;
    cache->counts.evictions += set[oldest].used_at != 0;
    memset(&set[oldest], 0, sizeof(set[oldest]));
    memcpy(set[oldest].id, id, EE_SHA256_SIZE);
    set[oldest].used_at = ++cache->clock;
    return &set[oldest];
}

bool ee_attest_cache_qe_known(const struct ee_cache_platform *platform,
                              const uint8_t qe[EE_SHA256_SIZE])
{
    for (size_t i = 0; i < platform->qe_count; i++)
        if (memcmp(platform->qe[i], qe, EE_SHA256_SIZE) == 0)
            return true;
    return false;
}

void ee_attest_cache_qe_add(struct ee_cache_platform *platform, const uint8_t qe[EE_SHA256_SIZE])
{
    memcpy(platform->qe[platform->qe_next], qe, EE_SHA256_SIZE);
    if (platform->qe_count <= platform->qe_next)
        platform->qe_count++;
    platform->qe_next = (uint8_t)((platform->qe_next + 1) % EE_CACHE_QES);
}
