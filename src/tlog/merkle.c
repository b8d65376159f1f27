/* SPDX-License-Identifier: Apache-2.0 */
#include "tlog/merkle.h"

#include <stdbool.h>
#include <string.h>

#include "base/banned.h"

void ee_tlog_leaf_hash(const struct ee_crypto *crypto, struct ee_bytes leaf,
                       struct ee_tlog_hash *out)
{
    const struct ee_bytes parts[] = {ee_bytes_of("\x00", 1), leaf};
    crypto->sha256(parts, 2, out->bytes);
}

void ee_tlog_node_hash(const struct ee_crypto *crypto, const struct ee_tlog_hash *left,
                       const struct ee_tlog_hash *right, struct ee_tlog_hash *out)
{
    const struct ee_bytes parts[] = {ee_bytes_of("\x01", 1),
                                     ee_bytes_of(left->bytes, sizeof(left->bytes)),
                                     ee_bytes_of(right->bytes, sizeof(right->bytes))};
    struct ee_tlog_hash hash;
    crypto->sha256(parts, 3, hash.bytes);
    *out = hash;
}

/* The complete subtrees of a list, largest first, as the bits of `count` say. Leaf i closes as many
 * of them as i has trailing one bits. */
void ee_tlog_root_of(const struct ee_crypto *crypto, const struct ee_tlog_hash *leaves,
                     size_t count, struct ee_tlog_hash *out)
{
    struct ee_tlog_hash stack[64];
    size_t depth = 0;
    if (count == 0) {
        crypto->sha256(NULL, 0, out->bytes);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        stack[depth++] = leaves[i];
        for (size_t bits = i; bits & 1; bits >>= 1, depth--)
            ee_tlog_node_hash(crypto, &stack[depth - 2], &stack[depth - 1], &stack[depth - 2]);
    }
    for (; depth > 1; depth--)
        ee_tlog_node_hash(crypto, &stack[depth - 2], &stack[depth - 1], &stack[depth - 2]);
    *out = stack[0];
}

/* Largest power of two below `count`, for count >= 2. */
static size_t split(size_t count)
{
    size_t half = 1;
    while (half < count - half)
        half *= 2;
    return half;
}

enum ee_err ee_tlog_path_of(const struct ee_crypto *crypto, const struct ee_tlog_hash *leaves,
                            size_t count, size_t index, struct ee_tlog_proof *out)
{
    struct ee_tlog_proof down = {.count = 0};
    if (index >= count)
        return EE_RANGE;
    while (count > 1) {
        size_t half = split(count);
        struct ee_tlog_hash *sibling = &down.hashes[down.count++];
        if (index < half) {
            ee_tlog_root_of(crypto, leaves + half, count - half, sibling);
            count = half;
        } else {
            ee_tlog_root_of(crypto, leaves, half, sibling);
            leaves += half;
            index -= half;
            count -= half;
        }
    }
    out->count = down.count;
    for (size_t i = 0; i < down.count; i++)
        out->hashes[i] = down.hashes[down.count - 1 - i];
    return EE_OK;
}

static bool same(const struct ee_tlog_hash *a, const struct ee_tlog_hash *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

enum ee_err ee_tlog_inclusion_root(const struct ee_crypto *crypto, const struct ee_tlog_hash *leaf,
                                   uint64_t index, uint64_t size, const struct ee_tlog_hash *path,
                                   size_t path_count, struct ee_tlog_hash *out)
{
    if (size > EE_TLOG_SIZE_MAX || index >= size)
        return EE_PROOF;
    uint64_t fn = index, sn = size - 1; /* names of the RFC */
    struct ee_tlog_hash hash = *leaf;
    for (size_t i = 0; i < path_count; i++) {
        if (sn == 0)
            return EE_PROOF;
        if ((fn & 1) || fn == sn) {
            ee_tlog_node_hash(crypto, &path[i], &hash, &hash);
            while (!(fn & 1) && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            ee_tlog_node_hash(crypto, &hash, &path[i], &hash);
        }
        fn >>= 1;
        sn >>= 1;
    }
    if (sn != 0)
        return EE_PROOF;
    *out = hash;
    return EE_OK;
}

enum ee_err ee_tlog_inclusion_verify(const struct ee_crypto *crypto,
                                     const struct ee_tlog_hash *leaf, uint64_t index, uint64_t size,
                                     const struct ee_tlog_hash *path, size_t path_count,
                                     const struct ee_tlog_hash *root)
{
    struct ee_tlog_hash got;
    EE_TRY(ee_tlog_inclusion_root(crypto, leaf, index, size, path, path_count, &got));
    return same(&got, root) ? EE_OK : EE_PROOF;
}

/* RFC 9162 section 2.1.4.2 steps 3 to 7, for 0 < old_size < new_size. */
static enum ee_err consistency_walk(const struct ee_crypto *crypto, uint64_t old_size,
                                    const struct ee_tlog_hash *old_root, uint64_t new_size,
                                    const struct ee_tlog_hash *new_root,
                                    const struct ee_tlog_hash *proof, size_t proof_count)
{
    uint64_t fn = old_size - 1, sn = new_size - 1;
    size_t next = 0;
    struct ee_tlog_hash fr = *old_root;
    if (old_size & (old_size - 1)) { /* else the old root is itself the first hash */
        if (proof_count == 0)
            return EE_PROOF;
        fr = proof[next++];
    }
    struct ee_tlog_hash sr = fr;
    for (; fn & 1; fn >>= 1)
        sn >>= 1;
    for (; next < proof_count; next++) {
        if (sn == 0)
            return EE_PROOF;
        if ((fn & 1) || fn == sn) {
            ee_tlog_node_hash(crypto, &proof[next], &fr, &fr);
            ee_tlog_node_hash(crypto, &proof[next], &sr, &sr);
            while (!(fn & 1) && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            ee_tlog_node_hash(crypto, &sr, &proof[next], &sr);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && same(&fr, old_root) && same(&sr, new_root) ? EE_OK : EE_PROOF;
}

enum ee_err ee_tlog_consistency_verify(const struct ee_crypto *crypto, uint64_t old_size,
                                       const struct ee_tlog_hash *old_root, uint64_t new_size,
                                       const struct ee_tlog_hash *new_root,
                                       const struct ee_tlog_hash *proof, size_t proof_count)
{
    if (old_size > new_size || new_size > EE_TLOG_SIZE_MAX)
        return EE_PROOF;
    if (old_size == new_size)
        return proof_count == 0 && same(old_root, new_root) ? EE_OK : EE_PROOF;
    if (old_size == 0) {
        struct ee_tlog_hash empty;
        ee_tlog_root_of(crypto, NULL, 0, &empty);
        return proof_count == 0 && same(old_root, &empty) ? EE_OK : EE_PROOF;
    }
    return consistency_walk(crypto, old_size, old_root, new_size, new_root, proof, proof_count);
}
