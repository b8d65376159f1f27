/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/shamir.h"

#include "tap.h"

#include "base/banned.h"

static const uint64_t seed = 20261122;
static uint64_t state;

static uint8_t next_byte(void)
{
    state ^= state << 13; /* xorshift64 */
    state ^= state >> 7;
    state ^= state << 17;
    return (uint8_t)(state >> 32);
}

static void fill(uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = next_byte();
}

/* Joins the shares whose bits are set. */
static enum ee_err join(const struct ee_shamir_share *shares, size_t count, unsigned subset,
                        uint8_t out[32])
{
    struct ee_shamir_share chosen[EE_SHAMIR_SHARES_MAX];
    size_t chosen_count = 0;
    for (size_t i = 0; i < count; i++)
        if (subset >> i & 1u)
            chosen[chosen_count++] = shares[i];
    return ee_shamir_join(chosen, chosen_count, out);
}

static unsigned bits(unsigned subset)
{
    unsigned count = 0;
    for (; subset != 0; subset &= subset - 1)
        count++;
    return count;
}

static void every_subset_of_up_to_six_holders(void)
{
    uint8_t secret[32], random[EE_SHAMIR_RANDOM_SIZE(6) + 1], got[32];
    struct ee_shamir_share shares[6];
    unsigned wrong = 0;
    state = seed;
    printf("# seed %llu\n", (unsigned long long)seed);
    for (size_t count = 1; count <= 6; count++) {
        for (size_t threshold = 1; threshold <= count; threshold++) {
            fill(secret, sizeof(secret));
            fill(random, sizeof(random));
            REQUIRE(ee_shamir_split(secret, threshold, count, random, shares) == EE_OK);
            for (unsigned subset = 1; subset < 1u << count; subset++) {
                REQUIRE(join(shares, count, subset, got) == EE_OK);
                bool same = memcmp(got, secret, sizeof(got)) == 0;
                wrong += bits(subset) >= threshold ? !same : same;
            }
        }
    }
    CHECK(wrong == 0);
}

static void sixteen_of_sixteen_and_nine_of_sixteen(void)
{
    uint8_t secret[32], random[EE_SHAMIR_RANDOM_SIZE(16)], got[32];
    struct ee_shamir_share shares[16];
    state = seed + 1;
    fill(secret, sizeof(secret));
    fill(random, sizeof(random));
    REQUIRE(ee_shamir_split(secret, 16, 16, random, shares) == EE_OK);
    CHECK(join(shares, 16, 0xffff, got) == EE_OK && memcmp(got, secret, 32) == 0);
    CHECK(join(shares, 16, 0x7fff, got) == EE_OK && memcmp(got, secret, 32) != 0);
    REQUIRE(ee_shamir_split(secret, 9, 16, random, shares) == EE_OK);
    for (int i = 0; i < 50; i++) {
        unsigned subset = 0;
        while (bits(subset) < 9)
            subset |= 1u << (next_byte() & 15);
        CHECK(join(shares, 16, subset, got) == EE_OK && memcmp(got, secret, 32) == 0);
    }
}

/* With one share less than the threshold every secret is as likely as any other: for each value of
 * a byte there is exactly one polynomial through the shares known. */
static void one_share_less_says_nothing(void)
{
    uint8_t secret[32] = {0}, random[32] = {0};
    struct ee_shamir_share shares[2];
    for (unsigned known = 0; known < 256; known += 51) {
        unsigned possible = 0;
        for (unsigned value = 0; value < 256; value++) {
            unsigned ways = 0;
            for (unsigned coefficient = 0; coefficient < 256; coefficient++) {
                secret[0] = (uint8_t)value;
                random[0] = (uint8_t)coefficient;
                REQUIRE(ee_shamir_split(secret, 2, 2, random, shares) == EE_OK);
                ways += shares[1].bytes[0] == known;
            }
            possible += ways == 1;
        }
        CHECK(possible == 256);
    }
}

static void known_products(void)
{
    const uint8_t secret[32] = {0x01}, random[32] = {0x57};
    struct ee_shamir_share shares[4];
    REQUIRE(ee_shamir_split(secret, 2, 4, random, shares) == EE_OK);
    /* FIPS 197 section 4.2.1: {57} x {02} = {ae}, x {04} = {47}. */
    CHECK(shares[0].bytes[0] == (0x57 ^ 1) && shares[1].bytes[0] == (0xae ^ 1));
    CHECK(shares[3].bytes[0] == (0x47 ^ 1) && shares[2].bytes[0] == (0x57 ^ 0xae ^ 1));
}

static void counts_and_indexes_outside_their_range(void)
{
    uint8_t secret[32] = {1}, random[EE_SHAMIR_RANDOM_SIZE(16)] = {2}, got[32] = {9};
    struct ee_shamir_share shares[17];
    CHECK(ee_shamir_split(secret, 0, 1, random, shares) == EE_RANGE);
    CHECK(ee_shamir_split(secret, 3, 2, random, shares) == EE_RANGE);
    CHECK(ee_shamir_split(secret, 1, 17, random, shares) == EE_RANGE);
    REQUIRE(ee_shamir_split(secret, 2, 3, random, shares) == EE_OK);
    CHECK(ee_shamir_join(shares, 0, got) == EE_RANGE);
    CHECK(ee_shamir_join(shares, 17, got) == EE_RANGE);
    shares[1].index = 1;
    CHECK(ee_shamir_join(shares, 2, got) == EE_DUPLICATE_FIELD);
    shares[1].index = 0;
    CHECK(ee_shamir_join(shares, 2, got) == EE_RANGE);
    shares[1].index = 17;
    CHECK(ee_shamir_join(shares, 2, got) == EE_RANGE && got[0] == 9);
}

TESTS(TEST(every_subset_of_up_to_six_holders), TEST(sixteen_of_sixteen_and_nine_of_sixteen),
      TEST(one_share_less_says_nothing), TEST(known_products),
      TEST(counts_and_indexes_outside_their_range))
