/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/state_tree.h"
#include "io/crypto_openssl.h"
#include "tap.h"
#include "tlog/tlog.h"

#include "base/banned.h"

enum { ROWS_MAX = 5000, STEPS = 400 };

static uint32_t rows[ROWS_MAX];
static unsigned leaves_hashed;

static void leaf(const void *context, uint32_t first, uint32_t count, struct ee_tlog_hash *out)
{
    (void)context;
    leaves_hashed++;
    ee_tlog_leaf_hash(&ee_crypto_openssl, ee_bytes_of(&rows[first], count * sizeof(rows[0])), out);
}

/* The tree of RFC 9162 over the same groups, from nothing. */
static void reference(uint32_t count, struct ee_tlog_hash *out)
{
    struct ee_tlog log;
    memset(out, 0, sizeof(*out));
    ee_tlog_init(&log, &ee_crypto_openssl, &ee_allocator_system);
    for (uint32_t first = 0; first < count; first += EE_TOUCHED_GROUP) {
        struct ee_tlog_hash hash;
        uint32_t left = count - first;
        leaf(NULL, first, left < EE_TOUCHED_GROUP ? left : EE_TOUCHED_GROUP, &hash);
        REQUIRE(ee_tlog_append(&log, &hash) == EE_OK);
    }
    if (count > 0)
        REQUIRE(ee_tlog_root(&log, log.size, out) == EE_OK);
    ee_tlog_close(&log);
}

struct subject {
    struct ee_state_tree tree;
    struct ee_touched touched;
    uint32_t count;
};

static void subject_reserve(struct subject *s, uint32_t count)
{
    REQUIRE(ee_touched_reserve(&s->touched, &ee_allocator_system, count) == EE_OK);
    REQUIRE(ee_state_tree_reserve(&s->tree, &ee_allocator_system, count) == EE_OK);
}

static void subject_root(const struct subject *s, struct ee_tlog_hash *out)
{
    const struct ee_state_rows of = {.leaf = leaf, .count = s->count, .touched = &s->touched};
    ee_state_tree_update(&s->tree, &ee_crypto_openssl, &of, out);
}

static bool agrees(const struct subject *s)
{
    struct ee_tlog_hash kept, afresh;
    subject_root(s, &kept);
    reference(s->count, &afresh);
    return memcmp(&kept, &afresh, sizeof(kept)) == 0;
}

static void subject_close(struct subject *s)
{
    ee_state_tree_free(&s->tree, &ee_allocator_system);
    ee_touched_close(&s->touched, &ee_allocator_system);
}

/* Rows are added, changed and taken back, some of each between two roots. */
static void kept_root_is_that_of_all_rows(void)
{
    struct subject s = {0};
    unsigned seed = 20261122;
    srand(seed);
    printf("# seed %u\n", seed);
    CHECK(agrees(&s));
    for (int step = 0; step < STEPS; step++) {
        uint32_t add = (uint32_t)(rand() % 40);
        subject_reserve(&s, s.count + add);
        for (uint32_t i = 0; i < add && s.count < ROWS_MAX; i++, s.count++) {
            rows[s.count] = (uint32_t)rand();
            ee_touched_mark(&s.touched, s.count);
        }
        for (int i = rand() % 4; i > 0 && s.count > 0; i--) {
            uint32_t row = (uint32_t)rand() % s.count;
            rows[row]++;
            ee_touched_mark(&s.touched, row);
        }
        for (int i = rand() % 20; i > 0 && s.count > 1; i--) {
            s.count--;
            ee_touched_mark(&s.touched, s.count);
            ee_touched_mark(&s.touched, s.count - 1);
        }
        REQUIRE(agrees(&s));
    }
    subject_close(&s);
}

/* One row of many: one group and the path above it. */
static void change_costs_one_group(void)
{
    struct subject s = {.count = ROWS_MAX};
    struct ee_tlog_hash before, after;
    subject_reserve(&s, s.count);
    for (uint32_t i = 0; i < s.count; i++)
        ee_touched_mark(&s.touched, i);
    subject_root(&s, &before);
    leaves_hashed = 0;
    subject_root(&s, &after);
    CHECK(leaves_hashed == 0 && memcmp(&before, &after, sizeof(before)) == 0);
    rows[1234]++;
    ee_touched_mark(&s.touched, 1234);
    subject_root(&s, &after);
    CHECK(leaves_hashed == 1 && memcmp(&before, &after, sizeof(before)) != 0);
    subject_close(&s);
}

/* The other way round: who changes a row without saying so gets the old root. */
static void unmarked_change_is_not_seen(void)
{
    struct subject s = {.count = 100};
    struct ee_tlog_hash before, after;
    subject_reserve(&s, s.count);
    for (uint32_t i = 0; i < s.count; i++)
        ee_touched_mark(&s.touched, i);
    subject_root(&s, &before);
    rows[50]++;
    subject_root(&s, &after);
    CHECK(memcmp(&before, &after, sizeof(before)) == 0);
    CHECK(!agrees(&s));
    subject_close(&s);
}

TESTS(TEST(kept_root_is_that_of_all_rows), TEST(change_costs_one_group),
      TEST(unmarked_change_is_not_seen))
