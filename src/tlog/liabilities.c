/* SPDX-License-Identifier: Apache-2.0 */
#include "tlog/liabilities.h"

#include <stdbool.h>
#include <string.h>

#include "base/banned.h"

static const uint8_t leaf_prefix = 0x00, node_prefix = 0x01;
static const uint8_t salt_label[] = "ee-liability-salt", id_label[] = "ee-liability-id",
                     leaf_label[] = "ee-liability";

static struct ee_bytes number(uint64_t value, size_t size, uint8_t out[8])
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> 8 * (size - 1 - i));
    return ee_bytes_of(out, size);
}

void ee_tlog_sum_salt(const struct ee_crypto *crypto, const uint8_t secret[32], uint64_t of_seq,
                      const uint8_t id[EE_TLOG_SUM_ID_SIZE], uint8_t out[32])
{
    uint8_t seq[8];
    const struct ee_bytes parts[] = {ee_bytes_of(salt_label, sizeof(salt_label)),
                                     ee_bytes_of(secret, 32), number(of_seq, 8, seq),
                                     ee_bytes_of(id, EE_TLOG_SUM_ID_SIZE)};
    crypto->sha256(parts, 4, out);
}

void ee_tlog_sum_blind(const struct ee_crypto *crypto, const uint8_t salt[32],
                       const uint8_t id[EE_TLOG_SUM_ID_SIZE], uint8_t out[32])
{
    const struct ee_bytes parts[] = {ee_bytes_of(id_label, sizeof(id_label)), ee_bytes_of(salt, 32),
                                     ee_bytes_of(id, EE_TLOG_SUM_ID_SIZE)};
    crypto->sha256(parts, 3, out);
}

enum ee_err ee_tlog_sum_leaf(const struct ee_crypto *crypto, uint16_t code,
                             const uint8_t blinded[32], uint64_t amount, struct ee_tlog_sum *out)
{
    uint8_t code_bytes[8], amount_bytes[8];
    if (amount > INT64_MAX)
        return EE_OVERFLOW;
    const struct ee_bytes parts[] = {
        ee_bytes_of(&leaf_prefix, 1), ee_bytes_of(leaf_label, sizeof(leaf_label)),
        number(code, 2, code_bytes), ee_bytes_of(blinded, 32), number(amount, 8, amount_bytes)};
    crypto->sha256(parts, 5, out->hash.bytes);
    out->sum = amount;
    return EE_OK;
}

enum ee_err ee_tlog_sum_node(const struct ee_crypto *crypto, const struct ee_tlog_sum *left,
                             const struct ee_tlog_sum *right, struct ee_tlog_sum *out)
{
    uint8_t left_sum[8], right_sum[8];
    if (left->sum > INT64_MAX || right->sum > INT64_MAX - left->sum)
        return EE_OVERFLOW;
    uint64_t sum = left->sum + right->sum;
    const struct ee_bytes parts[] = {
        ee_bytes_of(&node_prefix, 1), ee_bytes_of(left->hash.bytes, EE_TLOG_HASH_SIZE),
        number(left->sum, 8, left_sum), ee_bytes_of(right->hash.bytes, EE_TLOG_HASH_SIZE),
        number(right->sum, 8, right_sum)};
    crypto->sha256(parts, 5, out->hash.bytes);
    out->sum = sum;
    return EE_OK;
}

/* ---- building ---- */

static bool before(const struct ee_tlog_sum_item *a, const struct ee_tlog_sum_item *b)
{
    return memcmp(a->blinded, b->blinded, sizeof(a->blinded)) < 0;
}

static void sift_down(struct ee_tlog_sum_item *items, uint64_t at, uint64_t count)
{
    struct ee_tlog_sum_item item = items[at];
    for (uint64_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && before(&items[child], &items[child + 1]))
            child++;
        if (!before(&item, &items[child]))
            break;
        items[at] = items[child];
    }
    items[at] = item;
}

/* In place, and at most n log n whatever the ids are. */
static void sort(struct ee_tlog_sum_item *items, uint64_t count)
{
    for (uint64_t i = count / 2; i > 0; i--)
        sift_down(items, i - 1, count);
    for (uint64_t end = count; end > 1; end--) {
        struct ee_tlog_sum_item last = items[end - 1];
        items[end - 1] = items[0];
        items[0] = last;
        sift_down(items, 0, end - 1);
    }
}

static enum ee_err leaves_make(const struct ee_crypto *crypto, const uint8_t secret[32],
                               uint64_t of_seq, struct ee_tlog_sum_item *items, uint64_t count,
                               struct ee_tlog_sum *out)
{
    uint8_t salt[32];
    for (uint64_t i = 0; i < count; i++) {
        ee_tlog_sum_salt(crypto, secret, of_seq, items[i].id, salt);
        ee_tlog_sum_blind(crypto, salt, items[i].id, items[i].blinded);
    }
    sort(items, count);
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0 && !before(&items[i - 1], &items[i]))
            return EE_DUPLICATE_FIELD;
        EE_TRY(ee_tlog_sum_leaf(crypto, items[i].code, items[i].blinded, items[i].amount, &out[i]));
    }
    return EE_OK;
}

/* A node without a neighbour goes up as it is, which is the shape of RFC 9162 section 2.1.1. */
static enum ee_err level_make(const struct ee_crypto *crypto, struct ee_tlog_sum_tree *tree)
{
    size_t level = tree->height;
    uint64_t below = tree->sizes[level - 1], size = (below + 1) / 2;
    const struct ee_tlog_sum *from = tree->levels[level - 1];
    struct ee_tlog_sum *to = ee_alloc(tree->allocator, size, sizeof(*to));
    if (!to)
        return EE_NO_MEMORY;
    tree->levels[level] = to;
    tree->sizes[level] = size;
    tree->height++;
    for (uint64_t i = 0; i < size; i++) {
        if (2 * i + 1 == below)
            to[i] = from[2 * i];
        else
            EE_TRY(ee_tlog_sum_node(crypto, &from[2 * i], &from[2 * i + 1], &to[i]));
    }
    return EE_OK;
}

static enum ee_err tree_make(const struct ee_crypto *crypto, const uint8_t secret[32],
                             uint64_t of_seq, struct ee_tlog_sum_item *items, uint64_t count,
                             struct ee_tlog_sum_tree *tree)
{
    tree->levels[0] = ee_alloc(tree->allocator, count, sizeof(*tree->levels[0]));
    if (!tree->levels[0])
        return EE_NO_MEMORY;
    tree->sizes[0] = count;
    tree->height = 1;
    EE_TRY(leaves_make(crypto, secret, of_seq, items, count, tree->levels[0]));
    while (tree->sizes[tree->height - 1] > 1)
        EE_TRY(level_make(crypto, tree));
    tree->root = tree->levels[tree->height - 1][0];
    return EE_OK;
}

enum ee_err ee_tlog_sum_build(const struct ee_crypto *crypto, const struct ee_allocator *allocator,
                              const uint8_t secret[32], uint64_t of_seq,
                              struct ee_tlog_sum_item *items, uint64_t count,
                              struct ee_tlog_sum_tree *out)
{
    memset(out, 0, sizeof(*out));
    if (count > EE_TLOG_SUM_LEAVES_MAX)
        return EE_FULL;
    out->allocator = allocator;
    out->count = count;
    if (count == 0) {
        ee_tlog_root_of(crypto, NULL, 0, &out->root.hash);
        return EE_OK;
    }
    enum ee_err err = tree_make(crypto, secret, of_seq, items, count, out);
    if (err != EE_OK)
        ee_tlog_sum_free(out);
    return err;
}

void ee_tlog_sum_free(struct ee_tlog_sum_tree *tree)
{
    for (size_t i = 0; i < tree->height || (i == 0 && tree->levels[0]); i++)
        ee_free(tree->allocator, tree->levels[i]);
    memset(tree, 0, sizeof(*tree));
}

enum ee_err ee_tlog_sum_path(const struct ee_tlog_sum_tree *tree, uint64_t index,
                             struct ee_tlog_sum_path *out)
{
    if (index >= tree->count)
        return EE_RANGE;
    out->count = 0;
    for (size_t level = 0; level + 1 < tree->height; level++, index /= 2)
        if ((index ^ 1) < tree->sizes[level])
            out->nodes[out->count++] = tree->levels[level][index ^ 1];
    return EE_OK;
}

enum ee_err ee_tlog_sum_find(const struct ee_tlog_sum_item *items, uint64_t count,
                             const uint8_t blinded[32], uint64_t *out)
{
    uint64_t low = 0, high = count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        int order = memcmp(items[middle].blinded, blinded, 32);
        if (order == 0) {
            *out = middle;
            return EE_OK;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return EE_NOT_FOUND;
}

/* ---- verifying ---- */

/* The walk of RFC 9162 section 2.1.3.2 by the sizes of the levels. */
enum ee_err ee_tlog_sum_verify(const struct ee_crypto *crypto, const struct ee_tlog_sum *leaf,
                               uint64_t index, uint64_t count, const struct ee_tlog_sum_path *path,
                               const struct ee_tlog_sum *root)
{
    struct ee_tlog_sum node = *leaf;
    size_t used = 0;
    if (index >= count || path->count > EE_TLOG_SUM_LEVELS)
        return EE_PROOF;
    for (uint64_t size = count; size > 1; size = size / 2 + size % 2, index /= 2) {
        if ((index ^ 1) >= size)
            continue;
        if (used == path->count)
            return EE_PROOF;
        const struct ee_tlog_sum *other = &path->nodes[used++];
        EE_TRY(index % 2 == 1 ? ee_tlog_sum_node(crypto, other, &node, &node)
                              : ee_tlog_sum_node(crypto, &node, other, &node));
    }
    return used == path->count && node.sum == root->sum &&
                   memcmp(node.hash.bytes, root->hash.bytes, EE_TLOG_HASH_SIZE) == 0
               ? EE_OK
               : EE_PROOF;
}
