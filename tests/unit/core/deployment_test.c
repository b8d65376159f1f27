/* SPDX-License-Identifier: Apache-2.0 */
#include "core/deployment.h"
#include "io/crypto_openssl.h"

#include "tap.h"

static uint8_t buffer[2 * EE_DEPLOYMENT_SIZE_MAX];

static struct ee_deployment good(void)
{
    return (struct ee_deployment){
        .runtime = EE_RUNTIME_PROCESS,
        .arg_count = 1,
        .args = {ee_bytes_str("/bin/true")},
        .env_count = 2,
        .env = {{ee_bytes_str("A"), ee_bytes_str("")}, {ee_bytes_str("B_1"), ee_bytes_str("x y")}},
        .secret_count = 2,
        .secrets = {ee_bytes_str("S"), ee_bytes_str("T")},
        .port = 80};
}

static enum ee_err encode(const struct ee_deployment *deployment)
{
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    enum ee_err err = ee_deployment_encode(deployment, &w);
    CHECK(err == EE_OK || w.size == 0);
    return err;
}

static void variables_out_of_order_or_twice(void)
{
    struct ee_deployment d = good();
    CHECK(encode(&d) == EE_OK);
    d.env[1].name = ee_bytes_str("A");
    CHECK(encode(&d) == EE_DUPLICATE_FIELD);
    d.env[0].name = ee_bytes_str("Z");
    CHECK(encode(&d) == EE_SYNTAX);
    d = good();
    d.secrets[1] = ee_bytes_str("S");
    CHECK(encode(&d) == EE_DUPLICATE_FIELD);
    d.secrets[1] = ee_bytes_str("B_1"); /* a visible value has that name */
    d.secrets[0] = ee_bytes_str("A_");
    CHECK(encode(&d) == EE_DUPLICATE_FIELD);
}

static void privacy_in_the_wrong_version(void)
{
    struct ee_deployment d = good(), back;
    CHECK(encode(&d) == EE_OK);
    CHECK(ee_deployment_privacy(ee_bytes_of(buffer, 20)) == EE_PRIVACY_TERMINATE);
    CHECK(ee_deployment_decode(ee_bytes_of(buffer, 200), &back) != EE_OK);
    d.privacy = EE_PRIVACY_PASSTHROUGH;
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    CHECK(ee_deployment_encode(&d, &w) == EE_OK);
    CHECK(ee_deployment_privacy(ee_writer_done(&w)) == EE_PRIVACY_PASSTHROUGH);
    CHECK(ee_deployment_decode(ee_writer_done(&w), &back) == EE_OK);
    CHECK(back.privacy == EE_PRIVACY_PASSTHROUGH && back.port == 80);
    buffer[16] = 0; /* version 2 that says what version 1 means */
    CHECK(ee_deployment_decode(ee_writer_done(&w), &back) == EE_UNSUPPORTED);
    buffer[16] = 2;
    CHECK(ee_deployment_decode(ee_writer_done(&w), &back) != EE_OK);
    buffer[16] = 1;
    buffer[15] = 1; /* version 1 with the field */
    CHECK(ee_deployment_decode(ee_writer_done(&w), &back) != EE_OK);
    d.port = 0;
    CHECK(encode(&d) == EE_RANGE);
}

static void variable_names_outside_the_alphabet(void)
{
    static const char *const bad[] = {"", "1A", "A-B", "A B", "\xc3\x84"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct ee_deployment d = good();
        d.env_count = 1;
        d.env[0].name = ee_bytes_str(bad[i]);
        CHECK(encode(&d) == EE_SYNTAX);
    }
}

static void nul_in_an_argument_or_value(void)
{
    struct ee_deployment d = good();
    d.args[0] = ee_bytes_of("a\0b", 3);
    CHECK(encode(&d) == EE_SYNTAX);
    d = good();
    d.env[0].value = ee_bytes_of("\0", 1);
    CHECK(encode(&d) == EE_SYNTAX);
}

static void runtime_without_what_it_needs_or_with_more(void)
{
    struct ee_deployment d = good();
    d.arg_count = 0;
    CHECK(encode(&d) == EE_MISSING_FIELD);
    d = (struct ee_deployment){.runtime = EE_RUNTIME_EXPOSE, .port = 8080};
    CHECK(encode(&d) == EE_OK);
    d.port = 0;
    CHECK(encode(&d) == EE_RANGE);
    d = good();
    d.runtime = EE_RUNTIME_EXPOSE;
    CHECK(encode(&d) == EE_RANGE);
    d.runtime = (enum ee_runtime)3;
    CHECK(encode(&d) == EE_UNSUPPORTED);
}

static void too_many_or_too_large_parts(void)
{
    static char large[EE_DEPLOYMENT_SIZE_MAX];
    struct ee_deployment d = good();
    d.arg_count = EE_DEPLOYMENT_ARGS_MAX + 1;
    CHECK(encode(&d) == EE_TOO_LARGE);
    d = good();
    memset(large, 'x', sizeof(large));
    d.env[1].value = ee_bytes_of(large, sizeof(large));
    CHECK(encode(&d) == EE_TOO_LARGE);
    d.env[1].value.size -= 200;
    CHECK(encode(&d) == EE_OK);
    CHECK(ee_deployment_decode(ee_bytes_of(buffer, EE_DEPLOYMENT_SIZE_MAX + 1), &d) ==
          EE_TOO_LARGE);
}

static void hash_depends_on_every_value(void)
{
    uint8_t one[32], two[32];
    struct ee_writer w;
    struct ee_deployment d = good();
    ee_writer_init(&w, buffer, sizeof(buffer));
    CHECK(ee_deployment_encode(&d, &w) == EE_OK);
    ee_deployment_hash(&ee_crypto_openssl, ee_writer_done(&w), one);
    d.env[0].value = ee_bytes_str("z");
    ee_writer_init(&w, buffer, sizeof(buffer));
    CHECK(ee_deployment_encode(&d, &w) == EE_OK);
    ee_deployment_hash(&ee_crypto_openssl, ee_writer_done(&w), two);
    CHECK(memcmp(one, two, sizeof(one)) != 0);
}

TESTS(TEST(variables_out_of_order_or_twice), TEST(privacy_in_the_wrong_version),
      TEST(variable_names_outside_the_alphabet), TEST(nul_in_an_argument_or_value),
      TEST(runtime_without_what_it_needs_or_with_more), TEST(too_many_or_too_large_parts),
      TEST(hash_depends_on_every_value))
