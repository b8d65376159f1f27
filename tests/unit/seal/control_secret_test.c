/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/control_secret.h"

#include <string.h>

#include "io/crypto_openssl.h"
#include "tap.h"

static const uint8_t private_key[32] = {7, 1}, ephemeral[32] = {9, 2};
static const char secret[] = "whsec_0123456789abcdef";
enum { SIZE = sizeof(secret) - 1 };

static struct ee_control_secret_context context_make(void)
{
    struct ee_control_secret_context context = {.network_id = {3}, .name = "stripe-webhook"};
    CHECK(ee_crypto_openssl.x25519_public(private_key, context.recipient));
    return context;
}

static enum ee_err open_as(const struct ee_control_secret_context *context, const uint8_t *sealed,
                           size_t size)
{
    uint8_t plain[SIZE + EE_CONTROL_SECRET_OVERHEAD];
    return ee_control_secret_open(&ee_crypto_openssl, context, private_key,
                                  ee_bytes_of(sealed, size), plain);
}

static void opens_only_as_it_was_sealed(void)
{
    struct ee_control_secret_context context = context_make(), other = context;
    uint8_t sealed[SIZE + EE_CONTROL_SECRET_OVERHEAD], plain[SIZE];
    CHECK(ee_control_secret_seal(&ee_crypto_openssl, &context, ephemeral, ee_bytes_str(secret),
                                 sealed) == EE_OK);
    CHECK(ee_control_secret_open(&ee_crypto_openssl, &context, private_key,
                                 ee_bytes_of(sealed, sizeof(sealed)), plain) == EE_OK);
    CHECK(memcmp(plain, secret, SIZE) == 0);
    other.network_id[31] = 1;
    CHECK(open_as(&other, sealed, sizeof(sealed)) == EE_SEAL_OPEN);
    other = context;
    other.name = "stripe-webhooks";
    CHECK(open_as(&other, sealed, sizeof(sealed)) == EE_SEAL_OPEN);
    other = context;
    other.recipient[0] ^= 1;
    CHECK(open_as(&other, sealed, sizeof(sealed)) == EE_SEAL_OPEN);
}

static void every_prefix_and_every_flipped_byte(void)
{
    struct ee_control_secret_context context = context_make();
    uint8_t sealed[SIZE + EE_CONTROL_SECRET_OVERHEAD];
    CHECK(ee_control_secret_seal(&ee_crypto_openssl, &context, ephemeral, ee_bytes_str(secret),
                                 sealed) == EE_OK);
    for (size_t size = 0; size < sizeof(sealed); size++)
        CHECK(open_as(&context, sealed, size) == EE_SEAL_OPEN);
    for (size_t i = 0; i < sizeof(sealed); i++) {
        sealed[i] ^= 0x20;
        CHECK(open_as(&context, sealed, sizeof(sealed)) == EE_SEAL_OPEN);
        sealed[i] ^= 0x20;
    }
}

static void name_longer_than_names_are(void)
{
    struct ee_control_secret_context context = context_make();
    uint8_t sealed[SIZE + EE_CONTROL_SECRET_OVERHEAD], buffer[EE_CONTROL_SECRET_ORDER_MAX];
    struct ee_writer w;
    context.name = "a-name-that-is-longer-than-names-of-secrets-are";
    CHECK(ee_control_secret_seal(&ee_crypto_openssl, &context, ephemeral, ee_bytes_str(secret),
                                 sealed) == EE_TOO_LARGE);
    ee_writer_init(&w, buffer, sizeof(buffer));
    CHECK(ee_control_secret_order(&ee_crypto_openssl, context.network_id, context.name,
                                  ee_bytes_str(secret), &w) == EE_TOO_LARGE);
}

TESTS(TEST(opens_only_as_it_was_sealed), TEST(every_prefix_and_every_flipped_byte),
      TEST(name_longer_than_names_are))
