/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/seal.h"

#include "io/crypto_openssl.h"
#include "tap.h"

#define CRYPTO (&ee_crypto_openssl)

static const uint8_t agent_private[32] = {9, 8, 7}, ephemeral[32] = {1, 1, 2};

static struct ee_seal_context context(void)
{
    struct ee_seal_context c = {.kind = EE_SEAL_SECRET, .launcher = "alice"};
    memset(c.network_id, 1, sizeof(c.network_id));
    memset(c.lease_id, 2, sizeof(c.lease_id));
    memset(c.deployment_hash, 3, sizeof(c.deployment_hash));
    CHECK(CRYPTO->x25519_public(agent_private, c.recipient));
    return c;
}

static void sealed_message_opens_in_its_context(void)
{
    struct ee_seal_context c = context();
    uint8_t sealed[EE_SEAL_SIZE(5)], opened[5];
    size_t size;
    REQUIRE(ee_seal_close(CRYPTO, &c, ephemeral, ee_bytes_str("hello"), sealed, sizeof(sealed),
                          &size) == EE_OK);
    CHECK(size == sizeof(sealed));
    REQUIRE(ee_seal_open(CRYPTO, &c, agent_private, ee_bytes_of(sealed, size), opened,
                         sizeof(opened), &size) == EE_OK);
    CHECK(size == 5 && memcmp(opened, "hello", 5) == 0);
    CHECK(ee_seal_open(CRYPTO, &c, agent_private, ee_bytes_of(sealed, sizeof(sealed)), opened, 4,
                       &size) == EE_TOO_LARGE);
}

static void empty_message_seals_and_opens(void)
{
    struct ee_seal_context c = context();
    uint8_t sealed[EE_SEAL_OVERHEAD], opened[1];
    size_t size;
    REQUIRE(ee_seal_close(CRYPTO, &c, ephemeral, ee_bytes_of(NULL, 0), sealed, sizeof(sealed),
                          &size) == EE_OK);
    CHECK(ee_seal_open(CRYPTO, &c, agent_private, ee_bytes_of(sealed, size), opened, 0, &size) ==
              EE_OK &&
          size == 0);
}

/* The replay of another tenant: each part of the context alone must keep the message shut. */
static void any_other_context_does_not_open(void)
{
    uint8_t sealed[EE_SEAL_SIZE(5)], opened[5];
    size_t size, opened_size;
    struct ee_seal_context c = context();
    REQUIRE(ee_seal_close(CRYPTO, &c, ephemeral, ee_bytes_str("hello"), sealed, sizeof(sealed),
                          &size) == EE_OK);
    struct ee_seal_context other[6] = {c, c, c, c, c, c};
    other[0].kind = EE_SEAL_OUTPUT;
    other[1].network_id[31] ^= 1;
    memcpy(other[2].launcher, "mallory", 8);
    other[3].lease_id[0] ^= 1;
    other[4].deployment_hash[16] ^= 1;
    other[5].recipient[3] ^= 1;
    for (size_t i = 0; i < 6; i++)
        CHECK(ee_seal_open(CRYPTO, &other[i], agent_private, ee_bytes_of(sealed, size), opened,
                           sizeof(opened), &opened_size) == EE_SEAL_OPEN);
}

static void damaged_or_truncated_message_does_not_open(void)
{
    uint8_t sealed[EE_SEAL_SIZE(5)], opened[5];
    size_t size, opened_size;
    struct ee_seal_context c = context();
    REQUIRE(ee_seal_close(CRYPTO, &c, ephemeral, ee_bytes_str("hello"), sealed, sizeof(sealed),
                          &size) == EE_OK);
    for (size_t i = 0; i < size; i++) {
        sealed[i] ^= 1;
        CHECK(ee_seal_open(CRYPTO, &c, agent_private, ee_bytes_of(sealed, size), opened,
                           sizeof(opened), &opened_size) == EE_SEAL_OPEN);
        sealed[i] ^= 1;
        CHECK(ee_seal_open(CRYPTO, &c, agent_private, ee_bytes_of(sealed, i), opened,
                           sizeof(opened), &opened_size) == EE_SEAL_OPEN);
    }
}

static void launcher_that_is_no_name_kind_unknown_or_buffer_too_small(void)
{
    uint8_t sealed[EE_SEAL_SIZE(5)];
    size_t size;
    struct ee_seal_context c = context();
    CHECK(ee_seal_close(CRYPTO, &c, ephemeral, ee_bytes_str("hello"), sealed, sizeof(sealed) - 1,
                        &size) == EE_TOO_LARGE);
    c.launcher[0] = '\0';
    CHECK(ee_seal_close(CRYPTO, &c, ephemeral, ee_bytes_str("hello"), sealed, sizeof(sealed),
                        &size) == EE_NAME);
    memset(c.launcher, 'a', sizeof(c.launcher));
    CHECK(ee_seal_close(CRYPTO, &c, ephemeral, ee_bytes_str("hello"), sealed, sizeof(sealed),
                        &size) == EE_NAME);
    c.kind = (enum ee_seal_kind)3;
    CHECK(ee_seal_close(CRYPTO, &c, ephemeral, ee_bytes_str("hello"), sealed, sizeof(sealed),
                        &size) == EE_RANGE);
}

TESTS(TEST(sealed_message_opens_in_its_context), TEST(empty_message_seals_and_opens),
      TEST(any_other_context_does_not_open), TEST(damaged_or_truncated_message_does_not_open),
      TEST(launcher_that_is_no_name_kind_unknown_or_buffer_too_small))
