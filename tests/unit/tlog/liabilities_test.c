/* SPDX-License-Identifier: Apache-2.0 */
/* Merkle-sum trees: every leaf proves itself, nothing else does, and no sum can be moved or wrap.
 */
#include "tlog/liabilities.h"

#include <stdlib.h>
#include <string.h>

#include "io/crypto_openssl.h"
#include "tap.h"

#define CRYPTO (&ee_crypto_openssl)
enum { LEAVES_MAX = 70 };
static const uint8_t secret[32] = {9};
static struct ee_tlog_sum_item items[LEAVES_MAX];
static struct ee_tlog_sum_tree tree;
static uint64_t state = 20261122;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static enum ee_err build(uint64_t count)
{
    memset(items, 0, sizeof(items));
    for (uint64_t i = 0; i < count; i++) {
        items[i].id[0] = (uint8_t)(i + 1);
        items[i].code = i % 2 ? 200 : 210;
        items[i].amount = draw() % 1000000;
    }
    return ee_tlog_sum_build(CRYPTO, &ee_allocator_system, secret, 7, items, count, &tree);
}

/* The leaf of item `index`, as its owner makes it from salt and id. */
static struct ee_tlog_sum leaf_of(uint64_t index, uint64_t amount)
{
    uint8_t salt[32], blinded[32];
    struct ee_tlog_sum leaf = {.sum = 0};
    ee_tlog_sum_salt(CRYPTO, secret, 7, items[index].id, salt);
    ee_tlog_sum_blind(CRYPTO, salt, items[index].id, blinded);
    CHECK(memcmp(blinded, items[index].blinded, 32) == 0);
    CHECK(ee_tlog_sum_leaf(CRYPTO, items[index].code, blinded, amount, &leaf) == EE_OK);
    return leaf;
}

static void every_leaf_of_every_count_proves_itself_at_its_place_only(void)
{
    printf("# seed %llu\n", (unsigned long long)state);
    for (uint64_t count = 1; count <= LEAVES_MAX; count++) {
        uint64_t total = 0;
        REQUIRE(build(count) == EE_OK);
        for (uint64_t i = 0; i < count; i++) {
            struct ee_tlog_sum_path path;
            struct ee_tlog_sum leaf = leaf_of(i, items[i].amount);
            total += items[i].amount;
            REQUIRE(ee_tlog_sum_path(&tree, i, &path) == EE_OK);
            CHECK(ee_tlog_sum_verify(CRYPTO, &leaf, i, count, &path, &tree.root) == EE_OK);
            CHECK(ee_tlog_sum_verify(CRYPTO, &leaf, i + 1, count, &path, &tree.root) != EE_OK);
            leaf = leaf_of(i, items[i].amount + 1);
            CHECK(ee_tlog_sum_verify(CRYPTO, &leaf, i, count, &path, &tree.root) == EE_PROOF);
        }
        CHECK(tree.root.sum == total && tree.count == count);
        ee_tlog_sum_free(&tree);
    }
}

static void no_leaves_have_the_empty_root_and_owe_nothing(void)
{
    struct ee_tlog_hash empty;
    struct ee_tlog_sum_path path;
    REQUIRE(build(0) == EE_OK);
    ee_tlog_root_of(CRYPTO, NULL, 0, &empty);
    CHECK(memcmp(&tree.root.hash, &empty, sizeof(empty)) == 0 && tree.root.sum == 0);
    CHECK(ee_tlog_sum_path(&tree, 0, &path) == EE_RANGE);
    ee_tlog_sum_free(&tree);
}

/* 70 leaves: each broken part of a good proof. */
static void proofs_that_were_changed(void)
{
    struct ee_tlog_sum_path good, bad;
    const uint64_t count = LEAVES_MAX, index = 17;
    REQUIRE(build(count) == EE_OK);
    REQUIRE(ee_tlog_sum_path(&tree, index, &good) == EE_OK);
    struct ee_tlog_sum root = tree.root, leaf = leaf_of(index, items[index].amount);
#define BAD(expected, change)                                                                      \
    bad = good;                                                                                    \
    change;                                                                                        \
    CHECK(ee_tlog_sum_verify(CRYPTO, &leaf, index, count, &bad, &root) == (expected))
    BAD(EE_OK, (void)0);
    BAD(EE_PROOF, bad.count--);
    BAD(EE_PROOF, bad.nodes[bad.count++] = root);
    BAD(EE_PROOF, bad.count = EE_TLOG_SUM_LEVELS + 1);
    for (size_t i = 0; i < good.count; i++) {
        BAD(EE_PROOF, bad.nodes[i].sum++); /* a sum of a neighbour that hides, or adds */
        BAD(EE_PROOF, bad.nodes[i].sum -= bad.nodes[i].sum > 0);
        BAD(EE_PROOF, bad.nodes[i].hash.bytes[0] ^= 1);
        BAD(EE_OVERFLOW, bad.nodes[i].sum = UINT64_MAX); /* negative, if it were signed */
        BAD(EE_OVERFLOW, bad.nodes[i].sum = (uint64_t)INT64_MAX + 1);
        /* one that would bring the total back by wrapping around */
        BAD(EE_OVERFLOW, bad.nodes[i].sum = 0 - leaf.sum);
    }
    /* a sum moved from one neighbour to the next: the total is the same */
    BAD(EE_PROOF, (bad.nodes[0].sum -= bad.nodes[0].sum > 0, bad.nodes[1].sum++));
    BAD(EE_PROOF, (bad.nodes[0] = good.nodes[1], bad.nodes[1] = good.nodes[0]));
#undef BAD
    CHECK(ee_tlog_sum_verify(CRYPTO, &leaf, index ^ 1, count, &good, &root) == EE_PROOF);
    CHECK(ee_tlog_sum_verify(CRYPTO, &leaf, index, count - 40, &good, &root) == EE_PROOF);
    CHECK(ee_tlog_sum_verify(CRYPTO, &leaf, count, count, &good, &root) == EE_PROOF);
    root.sum++;
    CHECK(ee_tlog_sum_verify(CRYPTO, &leaf, index, count, &good, &root) == EE_PROOF);
    ee_tlog_sum_free(&tree);
}

static void children_that_were_swapped_make_another_node(void)
{
    struct ee_tlog_sum a = {.hash = {{1}}, .sum = 3}, b = {.hash = {{2}}, .sum = 4}, ab, ba, moved;
    REQUIRE(ee_tlog_sum_node(CRYPTO, &a, &b, &ab) == EE_OK);
    REQUIRE(ee_tlog_sum_node(CRYPTO, &b, &a, &ba) == EE_OK);
    CHECK(ab.sum == 7 && ba.sum == 7 && memcmp(&ab.hash, &ba.hash, sizeof(ab.hash)) != 0);
    a.sum = 4;
    b.sum = 3;
    REQUIRE(ee_tlog_sum_node(CRYPTO, &a, &b, &moved) == EE_OK);
    CHECK(moved.sum == 7 && memcmp(&ab.hash, &moved.hash, sizeof(ab.hash)) != 0);
}

static void totals_beyond_64_bit(void)
{
    struct ee_tlog_sum leaf;
    static const uint8_t blinded[32];
    CHECK(ee_tlog_sum_leaf(CRYPTO, 200, blinded, (uint64_t)INT64_MAX + 1, &leaf) == EE_OVERFLOW);
    memset(items, 0, sizeof(items));
    for (unsigned i = 0; i < 3; i++) {
        items[i].id[0] = (uint8_t)i;
        items[i].amount = INT64_MAX / 2;
    }
    CHECK(ee_tlog_sum_build(CRYPTO, &ee_allocator_system, secret, 7, items, 2, &tree) == EE_OK);
    ee_tlog_sum_free(&tree);
    CHECK(ee_tlog_sum_build(CRYPTO, &ee_allocator_system, secret, 7, items, 3, &tree) ==
          EE_OVERFLOW);
}

static void an_account_twice(void)
{
    memset(items, 0, sizeof(items));
    CHECK(ee_tlog_sum_build(CRYPTO, &ee_allocator_system, secret, 7, items, 2, &tree) ==
          EE_DUPLICATE_FIELD);
    CHECK(tree.count == 0 && tree.levels[0] == NULL);
}

/* The same balances on another day, or under another secret, share no leaf. */
static void leaves_of_two_days_cannot_be_linked(void)
{
    uint8_t first[32], again[32];
    const uint8_t id[EE_TLOG_SUM_ID_SIZE] = {1};
    ee_tlog_sum_salt(CRYPTO, secret, 7, id, first);
    ee_tlog_sum_salt(CRYPTO, secret, 8, id, again);
    CHECK(memcmp(first, again, 32) != 0);
    ee_tlog_sum_salt(CRYPTO, first, 7, id, again);
    CHECK(memcmp(first, again, 32) != 0);
}

static void leaves_are_sorted_and_found_by_their_blinded_id(void)
{
    uint64_t index;
    uint8_t other[32] = {0};
    REQUIRE(build(LEAVES_MAX) == EE_OK);
    for (uint64_t i = 0; i < LEAVES_MAX; i++) {
        CHECK(i == 0 || memcmp(items[i - 1].blinded, items[i].blinded, 32) < 0);
        CHECK(ee_tlog_sum_find(items, LEAVES_MAX, items[i].blinded, &index) == EE_OK && index == i);
    }
    CHECK(ee_tlog_sum_find(items, LEAVES_MAX, other, &index) == EE_NOT_FOUND);
    ee_tlog_sum_free(&tree);
}

TESTS(TEST(every_leaf_of_every_count_proves_itself_at_its_place_only),
      TEST(no_leaves_have_the_empty_root_and_owe_nothing), TEST(proofs_that_were_changed),
      TEST(children_that_were_swapped_make_another_node), TEST(totals_beyond_64_bit),
      TEST(an_account_twice), TEST(leaves_of_two_days_cannot_be_linked),
      TEST(leaves_are_sorted_and_found_by_their_blinded_id))
