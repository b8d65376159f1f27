/* SPDX-License-Identifier: Apache-2.0 */
/* The two documents that are sealed: secrets and job output. */
#include "seal/job_output.h"
#include "seal/secrets.h"

#include "tap.h"

static uint8_t buffer[128 * 1024];
static struct ee_secrets in, out;

static void put(const char *name, const char *value)
{
    struct ee_secret *item = &in.items[in.count++];
    (void)snprintf(item->name, sizeof(item->name), "%s", name);
    item->value = ee_bytes_str(value);
}

static void secrets_in_any_order_have_one_encoding(void)
{
    uint8_t other[256];
    size_t size, other_size;
    in.count = 0;
    put("TOKEN", "t");
    put("A", "");
    put("_x", "multi\nline");
    REQUIRE(ee_secrets_encode(&in, buffer, sizeof(buffer), &size) == EE_OK);
    in.count = 0;
    put("_x", "multi\nline");
    put("TOKEN", "t");
    put("A", "");
    REQUIRE(ee_secrets_encode(&in, other, sizeof(other), &other_size) == EE_OK);
    CHECK(size == other_size && memcmp(buffer, other, size) == 0);
    REQUIRE(ee_secrets_decode(ee_bytes_of(other, size), &out) == EE_OK);
    CHECK(out.count == 3 && strcmp(out.items[0].name, "A") == 0 && out.items[0].value.size == 0);
    CHECK(strcmp(out.items[2].name, "_x") == 0);
    CHECK(ee_bytes_equal(out.items[2].value, ee_bytes_str("multi\nline")));
}

static void secret_names_that_no_environment_takes(void)
{
    static const char *const bad[] = {"", "1A", "A-B", "A=B", "\xc3\xa4", "A B"};
    char longest[66];
    memset(longest, 'a', sizeof(longest));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!ee_secret_name_valid(bad[i]));
    longest[64] = '\0';
    CHECK(ee_secret_name_valid(longest));
    longest[64] = 'a';
    longest[65] = '\0';
    CHECK(!ee_secret_name_valid(longest));
}

static void duplicate_invalid_too_many_or_too_large_secrets(void)
{
    size_t size;
    in.count = 0;
    put("A", "1");
    put("A", "2");
    CHECK(ee_secrets_encode(&in, buffer, sizeof(buffer), &size) == EE_DUPLICATE_FIELD);
    in.count = 0;
    put("A-", "1");
    CHECK(ee_secrets_encode(&in, buffer, sizeof(buffer), &size) == EE_NAME);
    in.count = 0;
    put("A", "");
    in.items[0].value = ee_bytes_of(buffer, EE_SECRET_VALUE_MAX + 1);
    CHECK(ee_secrets_encode(&in, buffer, sizeof(buffer), &size) == EE_LIMIT);
    in.count = EE_SECRETS_MAX + 1;
    CHECK(ee_secrets_encode(&in, buffer, sizeof(buffer), &size) == EE_LIMIT);
    in.count = 0;
    put("A", "12345");
    CHECK(ee_secrets_encode(&in, buffer, 20, &size) == EE_TOO_LARGE);
}

static void secrets_encoded_out_of_order_twice_or_cut(void)
{
    struct ee_writer w;
    static const char *const names[][2] = {{"B", "A"}, {"A", "A"}, {"A", "0"}};
    static const enum ee_err expected[] = {EE_SYNTAX, EE_DUPLICATE_FIELD, EE_NAME};
    for (size_t i = 0; i < 3; i++) {
        ee_writer_init(&w, buffer, sizeof(buffer));
        ee_writer_label(&w, "ee-secrets", 1);
        ee_writer_u8(&w, 2);
        for (size_t j = 0; j < 2; j++) {
            ee_writer_text(&w, names[i][j]);
            ee_writer_block(&w, ee_bytes_str("v"));
        }
        CHECK(ee_secrets_decode(ee_writer_done(&w), &out) == expected[i]);
    }
    size_t size;
    in.count = 0;
    put("A", "1");
    REQUIRE(ee_secrets_encode(&in, buffer, sizeof(buffer), &size) == EE_OK);
    for (size_t i = 0; i < size; i++)
        CHECK(ee_secrets_decode(ee_bytes_of(buffer, i), &out) == EE_TRUNCATED);
    CHECK(ee_secrets_decode(ee_bytes_of(buffer, size + 1), &out) == EE_TRAILING);
    buffer[13] = EE_SECRETS_MAX + 1;
    CHECK(ee_secrets_decode(ee_bytes_of(buffer, size), &out) == EE_TOO_LARGE);
}

static void job_output_comes_back_equal(void)
{
    static const int32_t codes[] = {0, 7, 255, -1, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct ee_job_output got, output = {.exit_code = codes[i],
                                            .stderr_truncated = true,
                                            .stdout_bytes = ee_bytes_str("out"),
                                            .stderr_bytes = ee_bytes_of("\0\xff", 2)};
        size_t size;
        REQUIRE(ee_job_output_encode(&output, buffer, EE_JOB_OUTPUT_SIZE(3, 2), &size) == EE_OK);
        REQUIRE(ee_job_output_decode(ee_bytes_of(buffer, size), &got) == EE_OK);
        CHECK(got.exit_code == codes[i] && !got.stdout_truncated && got.stderr_truncated);
        CHECK(ee_bytes_equal(got.stdout_bytes, output.stdout_bytes));
        CHECK(ee_bytes_equal(got.stderr_bytes, output.stderr_bytes));
    }
}

static void job_output_cut_extended_with_unknown_flag_or_too_large(void)
{
    struct ee_job_output got, output = {.stdout_bytes = ee_bytes_str("out")};
    size_t size;
    REQUIRE(ee_job_output_encode(&output, buffer, sizeof(buffer), &size) == EE_OK);
    for (size_t i = 0; i < size; i++)
        CHECK(ee_job_output_decode(ee_bytes_of(buffer, i), &got) == EE_TRUNCATED);
    CHECK(ee_job_output_decode(ee_bytes_of(buffer, size + 1), &got) == EE_TRAILING);
    buffer[20] = 4; /* flags, after label (16) and exit code */
    CHECK(ee_job_output_decode(ee_bytes_of(buffer, size), &got) == EE_SYNTAX);
    CHECK(ee_job_output_encode(&output, buffer, 10, &size) == EE_TOO_LARGE);
    output.stdout_bytes.size = EE_JOB_STREAM_MAX + 1;
    CHECK(ee_job_output_encode(&output, buffer, sizeof(buffer), &size) == EE_LIMIT);
}

TESTS(TEST(secrets_in_any_order_have_one_encoding), TEST(secret_names_that_no_environment_takes),
      TEST(duplicate_invalid_too_many_or_too_large_secrets),
      TEST(secrets_encoded_out_of_order_twice_or_cut), TEST(job_output_comes_back_equal),
      TEST(job_output_cut_extended_with_unknown_flag_or_too_large))
