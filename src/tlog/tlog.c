/* SPDX-License-Identifier: Apache-2.0 */
#include "tlog/tlog.h"

#include <assert.h>
#include <stdbool.h>

#include "base/banned.h"

void ee_tlog_init(struct ee_tlog *log, const struct ee_crypto *crypto,
                  const struct ee_allocator *allocator)
{
    *log = (struct ee_tlog){.crypto = crypto, .allocator = allocator};
}

void ee_tlog_close(struct ee_tlog *log)
{
    for (size_t i = 0; i < EE_TLOG_LEVELS; i++)
        ee_free(log->allocator, log->levels[i].hashes);
    ee_tlog_init(log, log->crypto, log->allocator);
}

static enum ee_err level_grow(const struct ee_tlog *log, struct ee_tlog_level *level, size_t needed)
{
    if (needed <= level->capacity)
        return EE_OK;
    size_t capacity = level->capacity ? level->capacity : 8;
    while (capacity < needed)
        capacity *= 2;
    void *hashes = ee_realloc(log->allocator, level->hashes, capacity, sizeof(struct ee_tlog_hash));
    if (!hashes)
        return EE_NO_MEMORY;
    level->hashes = hashes;
    level->capacity = capacity;
    return EE_OK;
}

enum ee_err ee_tlog_reserve(struct ee_tlog *log, uint64_t count)
{
    if (count > EE_TLOG_LEAVES_MAX - log->size)
        return EE_FULL;
    uint64_t size = log->size + count;
    for (unsigned i = 0; i < EE_TLOG_LEVELS && size >> i; i++)
        EE_TRY(level_grow(log, &log->levels[i], (size_t)(size >> i)));
    return EE_OK;
}

enum ee_err ee_tlog_append(struct ee_tlog *log, const struct ee_tlog_hash *leaf_hash)
{
    EE_TRY(ee_tlog_reserve(log, 1));
    struct ee_tlog_hash hash = *leaf_hash;
    for (size_t i = 0;; i++) {
        struct ee_tlog_level *level = &log->levels[i];
        level->hashes[level->count++] = hash;
        if (level->count & 1)
            break;
        ee_tlog_node_hash(log->crypto, &level->hashes[level->count - 2], &hash, &hash);
    }
    log->size++;
    return EE_OK;
}

/* Root of leaves first to first + count, where first is a multiple of the largest complete subtree
 * in it, as all subtrees of the RFC are. Complete subtrees are kept; what is left hangs below them
 * on the right, smallest last. */
static void subtree_root(const struct ee_tlog *log, uint64_t first, uint64_t count,
                         struct ee_tlog_hash *out)
{
    bool any = false;
    uint64_t end = first + count;
    for (unsigned i = 0; i < EE_TLOG_LEVELS; i++) {
        if (!(count >> i & 1))
            continue;
        end -= (uint64_t)1 << i;
        assert(end >> i < log->levels[i].count);
        const struct ee_tlog_hash *part = &log->levels[i].hashes[end >> i];
        if (any)
            ee_tlog_node_hash(log->crypto, part, out, out);
        else
            *out = *part;
        any = true;
    }
    if (!any)
        ee_tlog_root_of(log->crypto, NULL, 0, out);
}

enum ee_err ee_tlog_root(const struct ee_tlog *log, uint64_t size, struct ee_tlog_hash *out)
{
    if (size > log->size)
        return EE_RANGE;
    subtree_root(log, 0, size, out);
    return EE_OK;
}

/* Largest power of two below `count`, for count >= 2. */
static uint64_t split(uint64_t count)
{
    uint64_t half = 1;
    while (half < count - half)
        half *= 2;
    return half;
}

static void reverse(struct ee_tlog_proof *proof)
{
    for (size_t i = 0; i < proof->count / 2; i++) {
        struct ee_tlog_hash swapped = proof->hashes[i];
        proof->hashes[i] = proof->hashes[proof->count - 1 - i];
        proof->hashes[proof->count - 1 - i] = swapped;
    }
}

enum ee_err ee_tlog_inclusion(const struct ee_tlog *log, uint64_t index, uint64_t size,
                              struct ee_tlog_proof *out)
{
    if (size > log->size || index >= size)
        return EE_RANGE;
    uint64_t first = 0, count = size;
    out->count = 0;
    while (count > 1) { /* from the root downwards, hence reversed at the end */
        uint64_t half = split(count);
        struct ee_tlog_hash *sibling = &out->hashes[out->count++];
        if (index - first < half) {
            subtree_root(log, first + half, count - half, sibling);
            count = half;
        } else {
            subtree_root(log, first, half, sibling);
            first += half;
            count -= half;
        }
    }
    reverse(out);
    return EE_OK;
}

/* SUBPROOF(m, D_n, b) of RFC 9162 section 2.1.4.1, from the root downwards. */
enum ee_err ee_tlog_consistency(const struct ee_tlog *log, uint64_t old_size, uint64_t new_size,
                                struct ee_tlog_proof *out)
{
    if (old_size > new_size || new_size > log->size)
        return EE_RANGE;
    out->count = 0;
    if (old_size == 0 || old_size == new_size)
        return EE_OK;
    uint64_t first = 0, count = new_size, m = old_size;
    bool whole = true; /* b: the subtree in hand is the old tree, whose root the verifier has */
    while (m != count) {
        uint64_t half = split(count);
        struct ee_tlog_hash *sibling = &out->hashes[out->count++];
        if (m <= half) {
            subtree_root(log, first + half, count - half, sibling);
            count = half;
        } else {
            subtree_root(log, first, half, sibling);
            first += half;
            count -= half;
            m -= half;
            whole = false;
        }
    }
    if (!whole)
        subtree_root(log, first, count, &out->hashes[out->count++]);
    reverse(out);
    return EE_OK;
}
