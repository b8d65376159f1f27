/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/key_document.h"

#include "io/crypto_openssl.h"
#include "tap.h"

#include "base/banned.h"

#define CRYPTO (&ee_crypto_openssl)

enum { COUNT = 3, THRESHOLD = 2 };

struct rig {
    uint8_t secrets[COUNT][32]; /* of the holders */
    struct ee_key_holders holders;
    struct ee_data_key key, previous;
    struct ee_key_document document;
    uint8_t td_private[32];
    struct ee_key_recipient td;
};

static struct ee_key_holders holders_make(struct rig *rig)
{
    struct ee_key_holders holders = {.number = 1, .threshold = THRESHOLD, .count = COUNT};
    memset(holders.network_id, 7, sizeof(holders.network_id));
    for (size_t i = 0; i < COUNT; i++) {
        memset(rig->secrets[i], (int)(0x40 + i), 32);
        (void)snprintf(holders.holders[i].name, sizeof(holders.holders[i].name), "holder-%c",
                       (char)('a' + i));
        CHECK(CRYPTO->x25519_public(rig->secrets[i], holders.holders[i].public_key));
    }
    return holders;
}

static struct rig rig_make(void)
{
    struct rig rig;
    uint8_t bytes[32], random[THRESHOLD * 32 + COUNT * 32];
    memset(&rig, 0, sizeof(rig));
    rig.holders = holders_make(&rig);
    memset(bytes, 0x11, sizeof(bytes));
    ee_data_key_init(CRYPTO, bytes, &rig.key);
    memset(bytes, 0x12, sizeof(bytes));
    ee_data_key_init(CRYPTO, bytes, &rig.previous);
    for (size_t i = 0; i < sizeof(random); i++)
        random[i] = (uint8_t)(i * 37 + 5);
    CHECK(ee_key_document_make(CRYPTO, &rig.holders, 2, &rig.key, &rig.previous, random,
                               &rig.document) == EE_OK);
    memset(rig.td_private, 0x77, sizeof(rig.td_private));
    memset(rig.td.identity, 0x78, sizeof(rig.td.identity));
    CHECK(CRYPTO->x25519_public(rig.td_private, rig.td.public_key));
    return rig;
}

/* The way of one share, from its holder to the trust domain. */
static enum ee_err share_bring(const struct rig *rig, size_t holder, struct ee_shamir_share *out)
{
    struct ee_shamir_share share;
    uint8_t ephemeral[32], sealed[EE_KEY_SHARE_SEALED_SIZE];
    memset(ephemeral, (int)(0x20 + holder), sizeof(ephemeral));
    EE_TRY(ee_key_share_open(CRYPTO, &rig->document, rig->secrets[holder], &share));
    EE_TRY(ee_key_share_send(CRYPTO, &rig->document, &rig->td, ephemeral, &share, sealed));
    return ee_key_share_receive(CRYPTO, &rig->document, &rig->td, rig->td_private, share.index,
                                sealed, out);
}

static void any_two_of_three_holders_give_the_key(void)
{
    struct rig rig = rig_make();
    struct ee_shamir_share shares[2];
    struct ee_data_key got;
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < COUNT; j++) {
            if (i == j)
                continue;
            REQUIRE(share_bring(&rig, i, &shares[0]) == EE_OK);
            REQUIRE(share_bring(&rig, j, &shares[1]) == EE_OK);
            REQUIRE(ee_key_document_join(CRYPTO, &rig.document, shares, 2, &got) == EE_OK);
            CHECK(memcmp(&got, &rig.key, sizeof(got)) == 0);
            REQUIRE(ee_key_document_previous(CRYPTO, &rig.document, &got, &got) == EE_OK);
            CHECK(memcmp(&got, &rig.previous, sizeof(got)) == 0);
        }
    }
}

static void one_share_or_the_same_one_twice(void)
{
    struct rig rig = rig_make();
    struct ee_shamir_share shares[2];
    struct ee_data_key got;
    REQUIRE(share_bring(&rig, 0, &shares[0]) == EE_OK);
    shares[1] = shares[0];
    CHECK(ee_key_document_join(CRYPTO, &rig.document, shares, 1, &got) == EE_RANGE);
    CHECK(ee_key_document_join(CRYPTO, &rig.document, shares, 2, &got) == EE_DUPLICATE_FIELD);
    shares[1].index = 3;
    CHECK(ee_key_document_join(CRYPTO, &rig.document, shares, 2, &got) == EE_SEAL_OPEN);
}

static void share_of_another_start_place_or_holder(void)
{
    struct rig rig = rig_make();
    struct ee_key_recipient other = rig.td;
    struct ee_shamir_share share, got;
    uint8_t ephemeral[32] = {9}, sealed[EE_KEY_SHARE_SEALED_SIZE], other_private[32] = {8};
    REQUIRE(ee_key_share_open(CRYPTO, &rig.document, rig.secrets[1], &share) == EE_OK);
    REQUIRE(ee_key_share_send(CRYPTO, &rig.document, &rig.td, ephemeral, &share, sealed) == EE_OK);
    CHECK(ee_key_share_receive(CRYPTO, &rig.document, &rig.td, other_private, 2, sealed, &got) ==
          EE_SEAL_OPEN);
    REQUIRE(CRYPTO->x25519_public(other_private, other.public_key));
    CHECK(ee_key_share_receive(CRYPTO, &rig.document, &other, other_private, 2, sealed, &got) ==
          EE_SEAL_OPEN);
    other = rig.td;
    other.identity[0] ^= 1;
    CHECK(ee_key_share_receive(CRYPTO, &rig.document, &other, rig.td_private, 2, sealed, &got) ==
          EE_SEAL_OPEN);
    CHECK(ee_key_share_receive(CRYPTO, &rig.document, &rig.td, rig.td_private, 1, sealed, &got) ==
          EE_SEAL_OPEN);
    CHECK(ee_key_share_receive(CRYPTO, &rig.document, &rig.td, rig.td_private, 0, sealed, &got) ==
          EE_RANGE);
    CHECK(ee_key_share_receive(CRYPTO, &rig.document, &rig.td, rig.td_private, 4, sealed, &got) ==
          EE_RANGE);
    CHECK(ee_key_share_open(CRYPTO, &rig.document, other_private, &got) == EE_NOT_FOUND);
}

/* A holder who sends something else than what was given out. */
static void share_that_was_never_given_out(void)
{
    struct rig rig = rig_make();
    struct ee_shamir_share share, got;
    uint8_t ephemeral[32] = {9}, sealed[EE_KEY_SHARE_SEALED_SIZE];
    REQUIRE(ee_key_share_open(CRYPTO, &rig.document, rig.secrets[1], &share) == EE_OK);
    share.bytes[31] ^= 1;
    REQUIRE(ee_key_share_send(CRYPTO, &rig.document, &rig.td, ephemeral, &share, sealed) == EE_OK);
    CHECK(ee_key_share_receive(CRYPTO, &rig.document, &rig.td, rig.td_private, 2, sealed, &got) ==
          EE_SEAL_OPEN);
}

static void document_is_read_as_it_was_written(void)
{
    struct rig rig = rig_make();
    struct ee_key_document got;
    uint8_t bytes[EE_KEY_DOCUMENT_SIZE_MAX], again[EE_KEY_DOCUMENT_SIZE_MAX];
    size_t size, again_size;
    REQUIRE(ee_key_document_encode(&rig.document, bytes, sizeof(bytes), &size) == EE_OK);
    REQUIRE(ee_key_document_decode(ee_bytes_of(bytes, size), &got) == EE_OK);
    REQUIRE(ee_key_document_encode(&got, again, sizeof(again), &again_size) == EE_OK);
    CHECK(again_size == size && memcmp(bytes, again, size) == 0);
    CHECK(got.generation == 2 && got.has_previous &&
          strcmp(got.rows[2].holder.name, "holder-c") == 0);
    for (size_t cut = 0; cut < size; cut++)
        CHECK(ee_key_document_decode(ee_bytes_of(bytes, cut), &got) != EE_OK);
    CHECK(ee_key_document_encode(&got, bytes, 100, &size) == EE_TOO_LARGE);
}

/* Whatever was changed, the key or its shares do not come out of it, or the change is noticed. */
static void flipped_bit_anywhere_in_a_document(void)
{
    struct rig rig = rig_make();
    uint8_t bytes[EE_KEY_DOCUMENT_SIZE_MAX + 1];
    size_t size, unnoticed = 0;
    struct ee_key_document got;
    REQUIRE(ee_key_document_encode(&rig.document, bytes, sizeof(bytes), &size) == EE_OK);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (ee_key_document_decode(ee_bytes_of(bytes, size), &got) == EE_OK)
            unnoticed += ee_key_document_check(CRYPTO, &got, &rig.key) == EE_OK;
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    CHECK(unnoticed == 0);
    bytes[size] = 0;
    CHECK(ee_key_document_decode(ee_bytes_of(bytes, size + 1), &got) == EE_TRAILING);
}

/* Somebody with the disk wraps a key of his own to the holders, but cannot name the key before. */
static void document_of_another_key(void)
{
    struct rig rig = rig_make();
    struct ee_key_document forged = rig.document;
    struct ee_data_key got;
    memcpy(forged.key_id, rig.previous.id, sizeof(forged.key_id));
    CHECK(ee_key_document_check(CRYPTO, &forged, &rig.previous) == EE_SEAL_OPEN);
    CHECK(ee_key_document_check(CRYPTO, &rig.document, &rig.previous) == EE_SEAL_OPEN);
    CHECK(ee_key_document_previous(CRYPTO, &rig.document, &rig.previous, &got) == EE_SEAL_OPEN);
}

static void lists_that_break_a_rule(void)
{
    struct rig rig = rig_make();
    struct ee_key_holders bad[8];
    uint8_t bytes[EE_KEY_HOLDERS_SIZE_MAX];
    size_t size;
    for (size_t i = 0; i < 8; i++)
        bad[i] = rig.holders;
    bad[0].number = 0;
    bad[1].threshold = 0;
    bad[2].threshold = 4;
    bad[3].count = 17;
    memset(bad[4].holders[0].public_key, 0, 32);
    for (size_t i = 0; i < 5; i++)
        CHECK(ee_key_holders_encode(&bad[i], bytes, sizeof(bytes), &size) == EE_RANGE);
    memcpy(bad[5].holders[2].name, "holder-a", 9);
    memcpy(bad[6].holders[2].public_key, bad[6].holders[0].public_key, 32);
    CHECK(ee_key_holders_encode(&bad[5], bytes, sizeof(bytes), &size) == EE_DUPLICATE_FIELD);
    CHECK(ee_key_holders_encode(&bad[6], bytes, sizeof(bytes), &size) == EE_DUPLICATE_FIELD);
    bad[7].holders[1].name[0] = '-';
    CHECK(ee_key_holders_encode(&bad[7], bytes, sizeof(bytes), &size) == EE_NAME);
    CHECK(ee_key_holders_encode(&rig.holders, bytes, 60, &size) == EE_TOO_LARGE);
}

static void list_is_read_as_it_was_written(void)
{
    struct rig rig = rig_make();
    struct ee_key_holders got;
    uint8_t bytes[EE_KEY_HOLDERS_SIZE_MAX];
    size_t size;
    REQUIRE(ee_key_holders_encode(&rig.holders, bytes, sizeof(bytes) - 1, &size) == EE_OK);
    REQUIRE(ee_key_holders_decode(ee_bytes_of(bytes, size), &got) == EE_OK);
    CHECK(memcmp(&got, &rig.holders, sizeof(got)) == 0);
    for (size_t cut = 0; cut < size; cut++)
        CHECK(ee_key_holders_decode(ee_bytes_of(bytes, cut), &got) != EE_OK);
    bytes[size] = 0;
    CHECK(ee_key_holders_decode(ee_bytes_of(bytes, size + 1), &got) == EE_TRAILING);
}

static void largest_document_fits(void)
{
    static struct ee_key_document document;
    struct rig rig = rig_make();
    struct ee_key_holders many = {.number = 1, .threshold = 16, .count = 16};
    uint8_t bytes[EE_KEY_DOCUMENT_SIZE_MAX], random[16 * 32 + 16 * 32] = {3}, secret[32];
    size_t size;
    for (uint8_t i = 0; i < 16; i++) {
        memset(many.holders[i].name, 'a' + i, EE_NAME_MAX);
        memset(secret, i + 1, sizeof(secret));
        REQUIRE(CRYPTO->x25519_public(secret, many.holders[i].public_key));
        random[15 * 32 + i * 32] = (uint8_t)(i + 1);
    }
    REQUIRE(ee_key_document_make(CRYPTO, &many, 2, &rig.key, &rig.previous, random, &document) ==
            EE_OK);
    CHECK(ee_key_document_encode(&document, bytes, sizeof(bytes), &size) == EE_OK);
    printf("# %zu bytes\n", size);
}

TESTS(TEST(any_two_of_three_holders_give_the_key), TEST(one_share_or_the_same_one_twice),
      TEST(share_of_another_start_place_or_holder), TEST(share_that_was_never_given_out),
      TEST(document_is_read_as_it_was_written), TEST(flipped_bit_anywhere_in_a_document),
      TEST(document_of_another_key), TEST(lists_that_break_a_rule),
      TEST(list_is_read_as_it_was_written), TEST(largest_document_fits))
