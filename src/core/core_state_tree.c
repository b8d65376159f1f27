/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/state_tree.h"

#include "base/banned.h"

enum { FIRST_CAPACITY = 16 };

static uint32_t groups_of(uint64_t rows)
{
    return (uint32_t)((rows + EE_TOUCHED_GROUP - 1) / EE_TOUCHED_GROUP);
}

/* Where a level begins. */
static size_t level_at(uint32_t capacity, unsigned level)
{
    size_t all = 2 * (size_t)capacity;
    return all - (all >> level);
}

enum ee_err ee_state_tree_reserve(struct ee_state_tree *tree, const struct ee_allocator *allocator,
                                  uint64_t rows)
{
    uint32_t needed = groups_of(rows);
    uint32_t capacity = tree->capacity ? tree->capacity : FIRST_CAPACITY;
    if (needed <= tree->capacity)
        return EE_OK;
    while (capacity < needed)
        capacity *= 2;
    struct ee_tlog_hash *nodes = ee_alloc(allocator, 2 * (size_t)capacity, sizeof(*nodes));
    if (!nodes)
        return EE_NO_MEMORY;
    for (unsigned level = 0; tree->capacity >> level; level++)
        memcpy(nodes + level_at(capacity, level), tree->nodes + level_at(tree->capacity, level),
               (tree->capacity >> level) * sizeof(*nodes));
    ee_free(allocator, tree->nodes);
    tree->nodes = nodes;
    tree->capacity = capacity;
    return EE_OK;
}

void ee_state_tree_free(struct ee_state_tree *tree, const struct ee_allocator *allocator)
{
    ee_free(allocator, tree->nodes);
    *tree = (struct ee_state_tree){0};
}

static bool bit(const uint64_t *bits, uint32_t index)
{
    return bits[index / 64] >> index % 64 & 1;
}

/* The even bits of a word, side by side. */
static uint64_t even_bits(uint64_t x)
{
    x &= UINT64_C(0x5555555555555555);
    x = (x | x >> 1) & UINT64_C(0x3333333333333333);
    x = (x | x >> 2) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    x = (x | x >> 4) & UINT64_C(0x00ff00ff00ff00ff);
    x = (x | x >> 8) & UINT64_C(0x0000ffff0000ffff);
    return (x | x >> 16) & UINT64_C(0x00000000ffffffff);
}

/* From what changed in a level of `size` nodes to what changes in the next. In place: a word is
 * written after the two it comes from were read. */
static void bits_halve(uint64_t *bits, uint32_t size)
{
    uint32_t words = (size + 63) / 64;
    for (uint32_t i = 0; 2 * i < words; i++) {
        uint64_t low = bits[2 * i], high = 2 * i + 1 < words ? bits[2 * i + 1] : 0;
        bits[i] = even_bits(low | low >> 1) | even_bits(high | high >> 1) << 32;
    }
}

static void leaves_update(const struct ee_state_tree *tree, const struct ee_state_rows *rows,
                          uint32_t groups)
{
    for (uint32_t i = 0; i < groups; i++) {
        if (i % 64 == 0 && rows->touched->bits[i / 64] == 0) {
            i += 63;
            continue;
        }
        if (!bit(rows->touched->bits, i))
            continue;
        uint32_t first = i * EE_TOUCHED_GROUP, left = rows->count - first;
        rows->leaf(rows->context, first, left < EE_TOUCHED_GROUP ? left : EE_TOUCHED_GROUP,
                   &tree->nodes[i]);
    }
}

/* A node without a sibling is its own parent. */
static void level_update(const struct ee_crypto *crypto, const uint64_t *bits,
                         const struct ee_tlog_hash *below, uint32_t size, struct ee_tlog_hash *out)
{
    for (uint32_t i = 0; i < (size + 1) / 2; i++) {
        if (i % 64 == 0 && bits[i / 64] == 0) {
            i += 63;
            continue;
        }
        if (!bit(bits, i))
            continue;
        if (2 * i + 1 < size)
            ee_tlog_node_hash(crypto, &below[2 * i], &below[2 * i + 1], &out[i]);
        else
            out[i] = below[2 * i];
    }
}

void ee_state_tree_update(const struct ee_state_tree *tree, const struct ee_crypto *crypto,
                          const struct ee_state_rows *rows, struct ee_tlog_hash *root_out)
{
    uint64_t *bits = rows->touched->bits;
    uint32_t size = groups_of(rows->count);
    unsigned level = 0;
    memset(root_out, 0, sizeof(*root_out));
    if (size > 0) {
        leaves_update(tree, rows, size);
        for (; size > 1; size = (size + 1) / 2, level++) {
            bits_halve(bits, size);
            level_update(crypto, bits, tree->nodes + level_at(tree->capacity, level), size,
                         tree->nodes + level_at(tree->capacity, level + 1));
        }
        *root_out = tree->nodes[level_at(tree->capacity, level)];
    }
    if (bits)
        memset(bits, 0, rows->touched->capacity * sizeof(*bits));
}
