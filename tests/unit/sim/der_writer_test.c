/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/der_writer.h"

#include "tap.h"

static uint8_t buffer[70000];
static uint8_t contents[70000];

static bool is(struct ee_bytes got, const char *expected, size_t size)
{
    return ee_bytes_equal(got, ee_bytes_of(expected, size));
}
#define IS(got, literal) is((got), (literal), sizeof(literal) - 1)

static void integers_are_in_the_shortest_form_and_positive(void)
{
    static const struct {
        const char *number;
        size_t size;
        const char *der;
        size_t der_size;
    } rows[] = {{"\0\0\x05", 3, "\x02\x01\x05", 3},
                {"\x80", 1, "\x02\x02\x00\x80", 4},
                {"\x7f", 1, "\x02\x01\x7f", 3},
                {"\0\0", 2, "\x02\x01\x00", 3},
                {"", 0, "\x02\x01\x00", 3}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ee_der_writer d;
        ee_der_init(&d, buffer, sizeof(buffer));
        ee_der_unsigned(&d, ee_bytes_of(rows[i].number, rows[i].size));
        CHECK(is(ee_der_done(&d), rows[i].der, rows[i].der_size));
    }
}

static void lengths_change_form_at_128_and_256(void)
{
    static const struct {
        size_t size;
        const char *head;
        size_t head_size;
    } rows[] = {{127, "\x04\x7f", 2},
                {128, "\x04\x81\x80", 3},
                {255, "\x04\x81\xff", 3},
                {256, "\x04\x82\x01\x00", 4},
                {65535, "\x04\x82\xff\xff", 4}};
    memset(contents, 0x5a, sizeof(contents));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ee_der_writer d;
        ee_der_init(&d, buffer, sizeof(buffer));
        ee_der_value(&d, EE_DER_OCTET_STRING, ee_bytes_of(contents, rows[i].size));
        struct ee_bytes got = ee_der_done(&d);
        REQUIRE(got.size == rows[i].head_size + rows[i].size);
        CHECK(memcmp(got.data, rows[i].head, rows[i].head_size) == 0);
        CHECK(memcmp(got.data + rows[i].head_size, contents, rows[i].size) == 0);
    }
}

static void nested_values_times_and_bits(void)
{
    struct ee_der_writer d;
    ee_der_init(&d, buffer, sizeof(buffer));
    ee_der_open(&d, EE_DER_SEQUENCE);
    ee_der_bool(&d, true);
    ee_der_open(&d, EE_DER_SET);
    ee_der_bit_string(&d, ee_bytes_of("\xc0", 1), 6);
    ee_der_close(&d);
    ee_der_close(&d);
    CHECK(IS(ee_der_done(&d), "\x30\x09\x01\x01\xff\x31\x04\x03\x02\x06\xc0"));
    ee_der_init(&d, buffer, sizeof(buffer));
    ee_der_time(&d, 2524607999);
    CHECK(IS(ee_der_done(&d), "\x17\x0d"
                              "491231235959Z"));
    ee_der_init(&d, buffer, sizeof(buffer));
    ee_der_time(&d, 2524608000);
    CHECK(IS(ee_der_done(&d), "\x18\x0f"
                              "20500101000000Z"));
}

static void value_left_open_closed_twice_too_deep_or_too_large(void)
{
    struct ee_der_writer d;
    ee_der_init(&d, buffer, sizeof(buffer));
    ee_der_open(&d, EE_DER_SEQUENCE);
    CHECK(ee_der_done(&d).size == 0 && d.out.err == EE_STATE);
    ee_der_init(&d, buffer, sizeof(buffer));
    ee_der_close(&d);
    CHECK(d.out.err == EE_STATE);
    ee_der_init(&d, buffer, sizeof(buffer));
    for (size_t i = 0; i <= EE_DER_DEPTH_MAX; i++)
        ee_der_open(&d, EE_DER_SEQUENCE);
    CHECK(d.out.err == EE_LIMIT);
    ee_der_init(&d, buffer, sizeof(buffer));
    ee_der_value(&d, EE_DER_OCTET_STRING, ee_bytes_of(contents, 65536));
    CHECK(ee_der_done(&d).size == 0 && d.out.err == EE_TOO_LARGE);
    for (size_t capacity = 0; capacity < 132; capacity++) {
        ee_der_init(&d, buffer, capacity);
        ee_der_value(&d, EE_DER_OCTET_STRING, ee_bytes_of(contents, 129));
        CHECK(ee_der_done(&d).size == 0 && d.out.err == EE_TOO_LARGE);
    }
}

TESTS(TEST(integers_are_in_the_shortest_form_and_positive),
      TEST(lengths_change_form_at_128_and_256), TEST(nested_values_times_and_bits),
      TEST(value_left_open_closed_twice_too_deep_or_too_large))
