/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/json.h"
#include "tap.h"

static enum ee_reason scan(const char *text)
{
    struct ee_json j;
    ee_attest_json_init(&j, ee_bytes_str(text), 4096);
    (void)ee_attest_json_skip(&j);
    return ee_attest_json_end(&j);
}

static void texts_that_are_json(void)
{
    static const char *const good[] = {
        "{}",
        "[]",
        " [ 1 , -0.5e+3 , true , null , \"\\u00e9\\n\\\"\" ] ",
        "{\"a\":{\"a\":1},\"b\":[{}]}",
        "0",
        "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        CHECK(scan(good[i]) == EE_REASON_NONE);
}

static void texts_that_are_not(void)
{
    static const char *const bad[] = {
        "",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{\"a\"}",
        "{a:1}",
        "[1 2]",
        "01",
        "1.",
        ".5",
        "-",
        "1e",
        "+1",
        "nul",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "\"open",
        "[1]]",
        "{} {}",
        "[}",
        "\"\xc0\xaf\"",
        "\"\xed\xa0\x80\"",
        "\"\xff\"",
        "\"\xf4\x90\x80\x80\"",
        "{\"a\\u0062\":1}",
        "{1:2}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        enum ee_reason reason = scan(bad[i]);
        if (reason != EE_REASON_JSON_SYNTAX && reason != EE_REASON_JSON_TYPE)
            printf("# %s\n", bad[i]);
        CHECK(reason == EE_REASON_JSON_SYNTAX || reason == EE_REASON_JSON_TYPE);
    }
}

static void key_twice_in_one_object_only(void)
{
    CHECK(scan("{\"a\":1,\"b\":2,\"a\":3}") == EE_REASON_JSON_DUPLICATE_KEY);
    CHECK(scan("{\"x\":{\"a\":1,\"a\":2}}") == EE_REASON_JSON_DUPLICATE_KEY);
    CHECK(scan("{\"a\":{\"a\":1},\"b\":{\"a\":1}}") == EE_REASON_NONE);
}

static void nesting_at_and_beyond_the_bound(void)
{
    char text[2 * EE_JSON_DEPTH_MAX + 3] = {0};
    memset(text, '[', EE_JSON_DEPTH_MAX);
    memset(text + EE_JSON_DEPTH_MAX, ']', EE_JSON_DEPTH_MAX);
    CHECK(scan(text) == EE_REASON_NONE);
    memset(text, '[', EE_JSON_DEPTH_MAX + 1);
    memset(text + EE_JSON_DEPTH_MAX + 1, ']', EE_JSON_DEPTH_MAX + 1);
    CHECK(scan(text) == EE_REASON_JSON_DEPTH);
}

static void more_keys_than_the_bound(void)
{
    char text[2048] = "{";
    size_t at = 1;
    for (unsigned i = 0; i <= EE_JSON_KEYS_MAX; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s\"k%u\":1", i ? "," : "", i);
    (void)snprintf(text + at, sizeof(text) - at, "}");
    CHECK(scan(text) == EE_REASON_JSON_TOO_LARGE);
}

static void text_above_its_size_limit(void)
{
    struct ee_json j;
    ee_attest_json_init(&j, ee_bytes_str("[1]"), 2);
    CHECK(ee_attest_json_end(&j) == EE_REASON_JSON_TOO_LARGE);
}

static void numbers_that_are_not_plain_or_too_large(void)
{
    static const struct {
        const char *text;
        enum ee_reason reason;
    } cases[] = {
        {"255", EE_REASON_NONE},        {"256", EE_REASON_JSON_RANGE},
        {"-1", EE_REASON_JSON_TYPE},    {"1.0", EE_REASON_JSON_TYPE},
        {"1e1", EE_REASON_JSON_TYPE},   {"01", EE_REASON_JSON_TYPE},
        {"\"1\"", EE_REASON_JSON_TYPE}, {"99999999999999999999999", EE_REASON_JSON_RANGE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ee_json j;
        ee_attest_json_init(&j, ee_bytes_str(cases[i].text), 64);
        (void)ee_attest_json_unsigned(&j, 255);
        CHECK(ee_attest_json_end(&j) == cases[i].reason);
    }
}

/* What the string `text`, with its quotes, stands for; -1 when it is refused. */
static int copied(const char *text, uint8_t *out, size_t capacity)
{
    struct ee_json j;
    ee_attest_json_init(&j, ee_bytes_str(text), 1000);
    size_t size = ee_attest_json_copy(&j, out, capacity);
    return ee_attest_json_end(&j) == EE_REASON_NONE ? (int)size : -1;
}

static void escapes_resolve_within_their_size(void)
{
    uint8_t out[64];
    static const char raw[] =
        "\"a\\n\\u00e9\\u20ac\\ud83d\\ude00\\/ and a long plain rest \xc3\xa9\"";
    static const char clean[] = "a\n\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80/ and a long plain rest "
                                "\xc3\xa9";
    CHECK(copied(raw, out, sizeof(out)) == (int)sizeof(clean) - 1);
    CHECK(memcmp(out, clean, sizeof(clean) - 1) == 0);
    CHECK(copied("\"\"", out, 0) == 0);
    CHECK(copied("\"abc\"", out, 3) == 3 && copied("\"abc\"", out, 2) == -1);
    CHECK(copied("\"abcdefgh\\n\"", out, 9) == 9 && copied("\"abcdefgh\\n\"", out, 8) == -1);
}

static void copied_strings_that_are_malformed(void)
{
    static const char *const rows[] = {"\"\\ud83d\"",
                                       "\"\\ude00\\ud83d\"",
                                       "\"\\ud83d\\n\"",
                                       "\"\\x\"",
                                       "\"\\",
                                       "\"abc",
                                       "\"a\nb\"",
                                       "\"12345678\x1f\"",
                                       "\"1234567\\u12\"",
                                       "\"\xc3\"",
                                       "\"\xed\xa0\x80\"",
                                       "12",
                                       ""};
    uint8_t out[64];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK(copied(rows[i], out, sizeof(out)) == -1);
}

/* Every byte at every place of a word, since strings are read eight bytes at a time. */
static void each_byte_at_each_place_of_a_string(void)
{
    for (unsigned byte = 0; byte < 256; byte++)
        for (size_t at = 0; at < 17; at++) {
            char text[20] = "\"0123456789abcdef\"";
            uint8_t out[20];
            struct ee_json j;
            text[1 + at] = (char)byte;
            if (at == 16 || byte == '"' || byte == '\\') /* ends it, or escapes what follows */
                continue;
            bool fits = byte >= 0x20 && byte < 0x80;
            ee_attest_json_init(&j, ee_bytes_of(text, 18), 1000);
            struct ee_bytes got = ee_attest_json_string(&j);
            CHECK((ee_attest_json_end(&j) == EE_REASON_NONE) == fits && (!fits || got.size == 16));
            ee_attest_json_init(&j, ee_bytes_of(text, 18), 1000);
            size_t size = ee_attest_json_copy(&j, out, sizeof(out));
            CHECK((ee_attest_json_end(&j) == EE_REASON_NONE) == fits);
            CHECK(!fits || (size == 16 && memcmp(out, text + 1, 16) == 0));
        }
}

TESTS(TEST(texts_that_are_json), TEST(texts_that_are_not), TEST(key_twice_in_one_object_only),
      TEST(nesting_at_and_beyond_the_bound), TEST(more_keys_than_the_bound),
      TEST(text_above_its_size_limit), TEST(numbers_that_are_not_plain_or_too_large),
      TEST(escapes_resolve_within_their_size), TEST(copied_strings_that_are_malformed),
      TEST(each_byte_at_each_place_of_a_string))
