/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/der.h"
#include "base/text.h"
#include "tap.h"

static struct ee_cursor over(const char *hex, uint8_t *buffer)
{
    struct ee_cursor c;
    size_t size = strlen(hex) / 2;
    bool ok = ee_hex_decode(ee_bytes_str(hex), buffer, size) == EE_OK;
    ee_cursor_init(&c, ee_bytes_of(buffer, ok ? size : 0));
    return c;
}

static void lengths_that_are_not_der(void)
{
    static const struct {
        const char *hex;
        const char *wrong;
    } cases[] = {
        {"80", "indefinite"},
        {"8105", "long form for a short length"},
        {"820080", "leading zero octet"},
        {"8500000000ff", "five octets"},
        {"ff", "reserved"},
        {"81", "cut off"},
        {"8201", "cut off in the middle"},
        {"", "empty"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t buffer[16];
        size_t octets = 0, length = 0;
        struct ee_cursor c = over(cases[i].hex, buffer);
        bool accepted = ee_attest_der_length(c.next, c.left, &octets, &length);
        if (accepted)
            printf("# accepted: %s\n", cases[i].wrong);
        CHECK(!accepted && octets == 0 && length == 0);
    }
}

static void lengths_that_are(void)
{
    uint8_t buffer[16];
    size_t octets, length;
    struct ee_cursor c = over("7f", buffer);
    CHECK(ee_attest_der_length(c.next, c.left, &octets, &length) && octets == 1 && length == 127);
    c = over("8180", buffer);
    CHECK(ee_attest_der_length(c.next, c.left, &octets, &length) && octets == 2 && length == 128);
    c = over("8201ff", buffer);
    CHECK(ee_attest_der_length(c.next, c.left, &octets, &length) && octets == 3 && length == 511);
}

static void item_longer_than_its_input_or_with_another_tag(void)
{
    uint8_t buffer[16];
    struct ee_cursor c = over("0403aabb", buffer);
    CHECK(ee_attest_der_expect(&c, EE_DER_OCTET_STRING).size == 0 && c.err == EE_TRUNCATED);
    c = over("0402aabb", buffer);
    CHECK(ee_attest_der_expect(&c, EE_DER_INTEGER).size == 0 && c.err == EE_SYNTAX);
    c = over("1f8101aa", buffer);
    CHECK(ee_attest_der_any(&c).tag == 0 && c.err == EE_SYNTAX);
}

static void integers(void)
{
    static const struct {
        const char *hex;
        enum ee_err err;
        uint64_t value;
    } cases[] = {
        {"020100", EE_OK, 0},
        {"0202009f", EE_OK, 0x9f},
        {"02020100", EE_OK, 256},
        {"0200", EE_SYNTAX, 0},     /* no content */
        {"02019f", EE_SYNTAX, 0},   /* negative */
        {"0202007f", EE_SYNTAX, 0}, /* padded */
        {"02020101", EE_RANGE, 0},  /* above the limit */
        {"020901000000000000000000", EE_RANGE, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t buffer[16];
        struct ee_cursor c = over(cases[i].hex, buffer);
        CHECK(ee_attest_der_unsigned(&c, EE_DER_INTEGER, 256) == cases[i].value);
        CHECK(c.err == cases[i].err);
    }
}

static void times(void)
{
    static const struct {
        const char *tag;
        const char *text;
        int64_t seconds; /* -1: refused */
    } cases[] = {
        {"17", "180521104510Z", 1526899510},
        {"17", "491231235959Z", 2524607999},
        {"18", "20500101000000Z", 2524608000},
        {"18", "20491231235959Z", -1}, /* before 2050 is UTCTime */
        {"17", "181321104510Z", -1},   /* month 13 */
        {"17", "180230104510Z", -1},   /* 30 February */
        {"17", "1805211045Z", -1},     /* no seconds */
        {"17", "180521104510+", -1},   /* not Z */
        {"17", "691231235959Z", -1},   /* 1969 */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char hex[80], digits[64];
        uint8_t buffer[40];
        size_t size = strlen(cases[i].text);
        (void)snprintf(hex, sizeof(hex), "%s%02x%s", cases[i].tag, (unsigned)size,
                       ee_hex_encode(cases[i].text, size, digits));
        struct ee_cursor c = over(hex, buffer);
        int64_t seconds = ee_attest_der_time(&c);
        CHECK(cases[i].seconds < 0 ? c.err == EE_SYNTAX
                                   : c.err == EE_OK && seconds == cases[i].seconds);
    }
}

static void signatures_that_are_not_strict(void)
{
    uint8_t out[64], buffer[96];
    struct ee_cursor c = over("3006020101020102", buffer);
    CHECK(ee_attest_der_signature(ee_bytes_of(c.next, c.left), out));
    CHECK(out[31] == 1 && out[63] == 2 && out[0] == 0);
    static const char *const bad[] = {
        "30060201010201",     /* cut off */
        "300602010102010200", /* trailing byte */
        "300702010102010200", /* trailing byte inside */
        "3006020181020102",   /* negative r */
        "300702020001020102", /* padded r */
        "3003020101",         /* no s */
        "302702210101010101010101010101010101010101010101010101010101010101010101010101020102",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        c = over(bad[i], buffer);
        CHECK(c.left && !ee_attest_der_signature(ee_bytes_of(c.next, c.left), out));
    }
}

static void serials_that_are_not_in_their_one_form(void)
{
    static const struct {
        uint8_t bytes[24];
        size_t size;
        bool ok;
    } rows[] = {
        {{2, 1, 5}, 3, true},       {{2, 2, 0, 0x80}, 4, true},
        {{2, 1, 0x80}, 3, false},   {{2, 2, 0, 5}, 4, false},
        {{2, 0}, 2, false},         {{2, 21, 0, 0x80}, 23, true},
        {{2, 21, 1, 0}, 23, false}, {{2, 22, 0, 0x80}, 24, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ee_cursor c;
        ee_cursor_init(&c, ee_bytes_of(rows[i].bytes, rows[i].size));
        (void)ee_attest_der_serial(&c);
        CHECK((ee_cursor_end(&c) == EE_OK) == rows[i].ok);
    }
}

TESTS(TEST(lengths_that_are_not_der), TEST(lengths_that_are),
      TEST(item_longer_than_its_input_or_with_another_tag), TEST(integers),
      TEST(serials_that_are_not_in_their_one_form), TEST(times),
      TEST(signatures_that_are_not_strict))
