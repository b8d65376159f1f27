/* SPDX-License-Identifier: Apache-2.0 */
#include "tlog/tlog.h"

#include "base/text.h"
#include "io/crypto_openssl.h"
#include "tap.h"

#define CRYPTO (&ee_crypto_openssl)

/* The eight leaves of the reference test data of RFC 6962 trees, and the roots at each size. */
static const char *const leaf_hex[8] = {"",
                                        "00",
                                        "10",
                                        "2021",
                                        "3031",
                                        "40414243",
                                        "5051525354555657",
                                        "606162636465666768696a6b6c6d6e6f"};
static const char *const root_hex[9] = {
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

static struct ee_tlog_hash hash_of_hex(const char *hex)
{
    struct ee_tlog_hash hash = {{0}};
    CHECK(ee_hex_decode(ee_bytes_str(hex), hash.bytes, sizeof(hash.bytes)) == EE_OK);
    return hash;
}

static bool same(const struct ee_tlog_hash *a, const struct ee_tlog_hash *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static void reference_leaves(struct ee_tlog_hash out[8])
{
    for (size_t i = 0; i < 8; i++) {
        uint8_t leaf[16];
        size_t size = strlen(leaf_hex[i]) / 2;
        CHECK(ee_hex_decode(ee_bytes_str(leaf_hex[i]), leaf, size) == EE_OK);
        ee_tlog_leaf_hash(CRYPTO, ee_bytes_of(leaf, size), &out[i]);
    }
}

static void numbered_leaves(struct ee_tlog_hash *out, size_t count)
{
    for (uint32_t i = 0; i < count; i++)
        ee_tlog_leaf_hash(CRYPTO, ee_bytes_of(&i, sizeof(i)), &out[i]);
}

static void roots_equal_the_reference_data_at_every_size(void)
{
    struct ee_tlog_hash leaves[8], root;
    struct ee_tlog log;
    reference_leaves(leaves);
    ee_tlog_init(&log, CRYPTO, &ee_allocator_system);
    for (size_t size = 0; size <= 8; size++) {
        struct ee_tlog_hash expected = hash_of_hex(root_hex[size]);
        ee_tlog_root_of(CRYPTO, leaves, size, &root);
        CHECK(same(&root, &expected));
        CHECK(ee_tlog_root(&log, size, &root) == EE_OK && same(&root, &expected));
        if (size < 8)
            REQUIRE(ee_tlog_append(&log, &leaves[size]) == EE_OK);
    }
    CHECK(ee_tlog_root(&log, 9, &root) == EE_RANGE);
    ee_tlog_close(&log);
}

/* The same data: PATH(0, D[8]) and PROOF(6, D[8]). */
static void proofs_equal_the_reference_data(void)
{
    static const char *const path[] = {
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"};
    static const char *const consistency[] = {
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"};
    struct ee_tlog_hash leaves[8];
    struct ee_tlog_proof proof;
    struct ee_tlog log;
    reference_leaves(leaves);
    ee_tlog_init(&log, CRYPTO, &ee_allocator_system);
    for (size_t i = 0; i < 8; i++)
        REQUIRE(ee_tlog_append(&log, &leaves[i]) == EE_OK);
    REQUIRE(ee_tlog_inclusion(&log, 0, 8, &proof) == EE_OK && proof.count == 3);
    for (size_t i = 0; i < 3; i++) {
        struct ee_tlog_hash expected = hash_of_hex(path[i]);
        CHECK(same(&proof.hashes[i], &expected));
    }
    REQUIRE(ee_tlog_consistency(&log, 6, 8, &proof) == EE_OK && proof.count == 3);
    for (size_t i = 0; i < 3; i++) {
        struct ee_tlog_hash expected = hash_of_hex(consistency[i]);
        CHECK(same(&proof.hashes[i], &expected));
    }
    ee_tlog_close(&log);
}

/* The other paths and proofs that implementations publish for that data; rows are index or old
 * size, size, hashes. */
struct reference {
    uint64_t at, size;
    size_t count;
    const char *hashes[3];
};

static void same_as_reference(const struct ee_tlog_proof *proof, const struct reference *row)
{
    REQUIRE(proof->count == row->count);
    for (size_t i = 0; i < row->count; i++) {
        struct ee_tlog_hash expected = hash_of_hex(row->hashes[i]);
        CHECK(same(&proof->hashes[i], &expected));
    }
}

static void all_published_paths_and_proofs(void)
{
    static const struct reference paths[] = {
        {0, 1, 0, {NULL}},
        {0,
         8,
         3,
         {"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
          "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
          "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
        {5,
         8,
         3,
         {"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
          "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
          "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
        {2, 3, 1, {"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"}},
        {1,
         5,
         3,
         {"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
          "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
          "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}},
    };
    static const struct reference proofs[] = {
        {1, 1, 0, {NULL}},
        {1,
         8,
         3,
         {"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
          "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
          "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
        {6,
         8,
         3,
         {"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
          "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
          "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
        {2,
         5,
         2,
         {"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
          "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}},
    };
    struct ee_tlog_hash leaves[8];
    struct ee_tlog_proof proof;
    struct ee_tlog log;
    reference_leaves(leaves);
    ee_tlog_init(&log, CRYPTO, &ee_allocator_system);
    for (size_t i = 0; i < 8; i++)
        REQUIRE(ee_tlog_append(&log, &leaves[i]) == EE_OK);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        REQUIRE(ee_tlog_inclusion(&log, paths[i].at, paths[i].size, &proof) == EE_OK);
        same_as_reference(&proof, &paths[i]);
    }
    for (size_t i = 0; i < sizeof(proofs) / sizeof(proofs[0]); i++) {
        REQUIRE(ee_tlog_consistency(&log, proofs[i].at, proofs[i].size, &proof) == EE_OK);
        same_as_reference(&proof, &proofs[i]);
    }
    ee_tlog_close(&log);
}

static size_t hashes_made;

static void counting_sha256(const struct ee_bytes *parts, size_t count, uint8_t out[32])
{
    hashes_made++;
    ee_crypto_openssl.sha256(parts, count, out);
}

/* Whatever the size: two hashes per level at most. */
static void proof_of_a_large_log_takes_few_hashes(void)
{
    enum { LARGE = 50021, STEP = 977, LEVELS = 16 };
    struct ee_crypto crypto = ee_crypto_openssl;
    struct ee_tlog_hash leaf, root;
    struct ee_tlog_proof proof;
    struct ee_tlog log;
    crypto.sha256 = counting_sha256;
    ee_tlog_init(&log, &crypto, &ee_allocator_system);
    for (uint32_t i = 0; i < LARGE; i++) {
        memset(&leaf, (int)(i & 0xff), sizeof(leaf));
        REQUIRE(ee_tlog_append(&log, &leaf) == EE_OK);
    }
    for (uint64_t size = 1; size <= LARGE; size += STEP) {
        hashes_made = 0;
        REQUIRE(ee_tlog_consistency(&log, size, LARGE, &proof) == EE_OK);
        CHECK(hashes_made <= 2 * LEVELS && proof.count <= LEVELS + 1);
        hashes_made = 0;
        REQUIRE(ee_tlog_inclusion(&log, size - 1, LARGE, &proof) == EE_OK);
        CHECK(hashes_made <= 2 * LEVELS && proof.count <= LEVELS);
        hashes_made = 0;
        REQUIRE(ee_tlog_root(&log, size, &root) == EE_OK);
        CHECK(hashes_made <= LEVELS);
    }
    ee_tlog_close(&log);
}

enum { SMALL = 35 };

static void every_inclusion_proof_holds_and_no_other_position_does(void)
{
    struct ee_tlog_hash leaves[SMALL], root;
    struct ee_tlog_proof proof, direct;
    struct ee_tlog log;
    numbered_leaves(leaves, SMALL);
    ee_tlog_init(&log, CRYPTO, &ee_allocator_system);
    for (size_t i = 0; i < SMALL; i++)
        REQUIRE(ee_tlog_append(&log, &leaves[i]) == EE_OK);
    for (size_t size = 1; size <= SMALL; size++) {
        ee_tlog_root_of(CRYPTO, leaves, size, &root);
        for (size_t i = 0; i < size; i++) {
            REQUIRE(ee_tlog_inclusion(&log, i, size, &proof) == EE_OK);
            REQUIRE(ee_tlog_path_of(CRYPTO, leaves, size, i, &direct) == EE_OK);
            CHECK(direct.count == proof.count &&
                  memcmp(direct.hashes, proof.hashes, proof.count * sizeof(root)) == 0);
            for (size_t j = 0; j < size; j++)
                CHECK((ee_tlog_inclusion_verify(CRYPTO, &leaves[i], j, size, proof.hashes,
                                                proof.count, &root) == EE_OK) == (i == j));
        }
    }
    ee_tlog_close(&log);
}

static void inclusion_proof_too_short_too_long_or_with_a_flipped_bit(void)
{
    struct ee_tlog_hash leaves[SMALL], root;
    struct ee_tlog_proof proof;
    numbered_leaves(leaves, SMALL);
    ee_tlog_root_of(CRYPTO, leaves, SMALL, &root);
    REQUIRE(ee_tlog_path_of(CRYPTO, leaves, SMALL, 17, &proof) == EE_OK);
    CHECK(ee_tlog_inclusion_verify(CRYPTO, &leaves[17], 17, SMALL, proof.hashes, proof.count - 1,
                                   &root) == EE_PROOF);
    proof.hashes[proof.count] = root;
    CHECK(ee_tlog_inclusion_verify(CRYPTO, &leaves[17], 17, SMALL, proof.hashes, proof.count + 1,
                                   &root) == EE_PROOF);
    CHECK(ee_tlog_inclusion_verify(CRYPTO, &leaves[17], SMALL, SMALL, proof.hashes, proof.count,
                                   &root) == EE_PROOF);
    for (size_t i = 0; i < proof.count; i++) {
        proof.hashes[i].bytes[31] ^= 1;
        CHECK(ee_tlog_inclusion_verify(CRYPTO, &leaves[17], 17, SMALL, proof.hashes, proof.count,
                                       &root) == EE_PROOF);
        proof.hashes[i].bytes[31] ^= 1;
    }
    CHECK(ee_tlog_path_of(CRYPTO, leaves, SMALL, SMALL, &proof) == EE_RANGE);
}

static void every_consistency_proof_holds_and_forks_do_not(void)
{
    struct ee_tlog_hash leaves[SMALL], old_root, new_root, fork;
    struct ee_tlog_proof proof;
    struct ee_tlog log;
    numbered_leaves(leaves, SMALL);
    ee_tlog_init(&log, CRYPTO, &ee_allocator_system);
    for (size_t i = 0; i < SMALL; i++)
        REQUIRE(ee_tlog_append(&log, &leaves[i]) == EE_OK);
    for (size_t size = 0; size <= SMALL; size++) {
        REQUIRE(ee_tlog_root(&log, size, &new_root) == EE_OK);
        for (size_t old = 0; old <= size; old++) {
            REQUIRE(ee_tlog_root(&log, old, &old_root) == EE_OK);
            REQUIRE(ee_tlog_consistency(&log, old, size, &proof) == EE_OK);
            CHECK(ee_tlog_consistency_verify(CRYPTO, old, &old_root, size, &new_root, proof.hashes,
                                             proof.count) == EE_OK);
            fork = old_root;
            fork.bytes[0] ^= 1;
            CHECK(ee_tlog_consistency_verify(CRYPTO, old, &fork, size, &new_root, proof.hashes,
                                             proof.count) == EE_PROOF);
            proof.hashes[proof.count] = old_root;
            CHECK(ee_tlog_consistency_verify(CRYPTO, old, &old_root, size, &new_root, proof.hashes,
                                             proof.count + 1) == EE_PROOF);
        }
    }
    CHECK(ee_tlog_consistency(&log, 3, SMALL + 1, &proof) == EE_RANGE);
    CHECK(ee_tlog_consistency(&log, 4, 3, &proof) == EE_RANGE);
    ee_tlog_close(&log);
}

static void *failing_resize(void *context, void *memory, size_t size)
{
    unsigned *left = context;
    if (*left == 0)
        return NULL;
    --*left;
    return ee_allocator_system.resize(NULL, memory, size);
}

static void failing_release(void *context, void *memory)
{
    (void)context;
    ee_allocator_system.release(NULL, memory);
}

static void append_without_memory_leaves_the_tree_unchanged(void)
{
    struct ee_tlog_hash leaves[SMALL], root, expected;
    numbered_leaves(leaves, SMALL);
    for (unsigned calls = 0; calls < 8; calls++) {
        unsigned left = calls;
        const struct ee_allocator allocator = {&left, failing_resize, failing_release};
        struct ee_tlog log;
        size_t size = 0;
        ee_tlog_init(&log, CRYPTO, &allocator);
        while (size < SMALL && ee_tlog_append(&log, &leaves[size]) == EE_OK)
            size++;
        CHECK(size < SMALL && log.size == size);
        ee_tlog_root_of(CRYPTO, leaves, size, &expected);
        CHECK(ee_tlog_root(&log, size, &root) == EE_OK && same(&root, &expected));
        left = 100;
        CHECK(ee_tlog_append(&log, &leaves[size]) == EE_OK && log.size == size + 1);
        ee_tlog_close(&log);
    }
}

static void tree_at_its_limit_is_full(void)
{
    struct ee_tlog log;
    ee_tlog_init(&log, CRYPTO, &ee_allocator_system);
    CHECK(ee_tlog_reserve(&log, EE_TLOG_LEAVES_MAX + 1) == EE_FULL);
    ee_tlog_close(&log);
}

TESTS(TEST(roots_equal_the_reference_data_at_every_size), TEST(proofs_equal_the_reference_data),
      TEST(all_published_paths_and_proofs), TEST(proof_of_a_large_log_takes_few_hashes),
      TEST(every_inclusion_proof_holds_and_no_other_position_does),
      TEST(inclusion_proof_too_short_too_long_or_with_a_flipped_bit),
      TEST(every_consistency_proof_holds_and_forks_do_not),
      TEST(append_without_memory_leaves_the_tree_unchanged), TEST(tree_at_its_limit_is_full))
