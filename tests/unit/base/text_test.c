/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "tap.h"

static enum ee_err decode64(const char *text, size_t *size)
{
    uint8_t out[16];
    return ee_base64_decode(ee_bytes_str(text), out, sizeof(out), size);
}

static void base64_of_rfc4648_vectors(void)
{
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "Zg=="},
                                             {"fo", "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        char text[16];
        uint8_t bytes[16];
        size_t size = 99;
        ee_base64_encode(vectors[i][0], strlen(vectors[i][0]), text);
        CHECK(strcmp(text, vectors[i][1]) == 0);
        CHECK(ee_base64_decode(ee_bytes_str(text), bytes, sizeof(bytes), &size) == EE_OK);
        CHECK(size == strlen(vectors[i][0]) && memcmp(bytes, vectors[i][0], size) == 0);
    }
}

static void base64_with_wrong_padding_length_alphabet_or_spare_bits(void)
{
    size_t size;
    CHECK(decode64("Zg=", &size) == EE_SYNTAX);
    CHECK(decode64("Z", &size) == EE_SYNTAX);
    CHECK(decode64("Zg===", &size) == EE_SYNTAX);
    CHECK(decode64("Zm 9v", &size) == EE_SYNTAX);
    CHECK(decode64("Zh==", &size) == EE_SYNTAX);
    CHECK(decode64("Zm9vYmFyZm9vYmFyZm9vYmFy", &size) == EE_TOO_LARGE);
    CHECK(decode64("Zg", &size) == EE_OK && size == 1);
}

/* Each byte as each digit: only those of the two alphabets are one. */
static void base64_and_hex_digits_are_exactly_those(void)
{
    static const char base64[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_";
    for (unsigned byte = 0; byte < 256; byte++) {
        bool in_base64 = byte != 0 && strchr(base64, (int)byte);
        bool in_hex = byte != 0 && strchr("0123456789abcdefABCDEF", (int)byte);
        for (size_t at = 0; at < 4; at++) {
            char text[] = "AAAA";
            uint8_t out[3];
            size_t size;
            text[at] = (char)byte;
            if (byte != '=')
                CHECK((ee_base64_decode(ee_bytes_of(text, 4), out, 3, &size) == EE_OK) ==
                      in_base64);
            if (at < 2)
                CHECK((ee_hex_decode(ee_bytes_of(text, 2), out, 1) == EE_OK) == in_hex);
        }
    }
    size_t size;
    CHECK(decode64("AAE=", &size) == EE_OK && size == 2 && decode64("AAF=", &size) == EE_SYNTAX);
    CHECK(decode64("AA\xff=", &size) == EE_SYNTAX && decode64("A\xff==", &size) == EE_SYNTAX);
}

static void hex_with_odd_digits_or_letters(void)
{
    uint8_t out[2];
    CHECK(ee_hex_decode(ee_bytes_str("0aF"), out, 2) == EE_SYNTAX);
    CHECK(ee_hex_decode(ee_bytes_str("0axf"), out, 2) == EE_SYNTAX);
    CHECK(ee_hex_decode(ee_bytes_str("0aFf"), out, 2) == EE_OK && out[0] == 10 && out[1] == 255);
}

static void time_round_trips_on_every_day_of_four_centuries(void)
{
    for (int64_t day = 0; day < 146097; day++) {
        char text[EE_TIME_TEXT_SIZE];
        int64_t back = -1;
        ee_time_format(day * 86400 + 86399, text);
        REQUIRE(ee_time_parse(ee_bytes_str(text), &back) == EE_OK);
        REQUIRE(back == day * 86400 + 86399);
    }
}

static void time_that_is_no_calendar_date(void)
{
    int64_t out;
    CHECK(ee_time_parse(ee_bytes_str("2026-02-29T00:00:00Z"), &out) == EE_SYNTAX);
    CHECK(ee_time_parse(ee_bytes_str("2024-02-29T00:00:00Z"), &out) == EE_OK);
    CHECK(ee_time_parse(ee_bytes_str("2026-13-01T00:00:00Z"), &out) == EE_SYNTAX);
    CHECK(ee_time_parse(ee_bytes_str("2026-01-01T24:00:00Z"), &out) == EE_SYNTAX);
    CHECK(ee_time_parse(ee_bytes_str("2026-01-01T00:00:00+"), &out) == EE_SYNTAX);
    static const char good[] = "2023-06-28T08:03:58Z";
    for (size_t at = 0; at < sizeof(good) - 1; at++) {
        char text[sizeof(good)];
        memcpy(text, good, sizeof(good));
        text[at] = '/'; /* the byte before '0' */
        CHECK(ee_time_parse(ee_bytes_str(text), &out) == EE_SYNTAX);
        text[at] = ':'; /* the byte after '9' */
        CHECK(ee_time_parse(ee_bytes_str(text), &out) == (good[at] == ':' ? EE_OK : EE_SYNTAX));
    }
    CHECK(ee_time_parse(ee_bytes_str("2023-06-28T08:03:58Z"), &out) == EE_OK && out == 1687939438);
}

static void names_that_are_not_names(void)
{
    CHECK(ee_name_valid("a") && ee_name_valid("op-a2"));
    CHECK(!ee_name_valid("") && !ee_name_valid("2a") && !ee_name_valid("-a"));
    CHECK(!ee_name_valid("A") && !ee_name_valid("a_b") && !ee_name_valid("a/../b"));
    CHECK(!ee_name_valid("a23456789012345678901234567890123"));
}

TESTS(TEST(base64_of_rfc4648_vectors),
      TEST(base64_with_wrong_padding_length_alphabet_or_spare_bits),
      TEST(base64_and_hex_digits_are_exactly_those), TEST(hex_with_odd_digits_or_letters),
      TEST(time_round_trips_on_every_day_of_four_centuries), TEST(time_that_is_no_calendar_date),
      TEST(names_that_are_not_names))
