/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"
#include "tap.h"

static void reading_past_the_end_gives_zero_and_a_sticky_error(void)
{
    struct ee_cursor c;
    ee_cursor_init(&c, ee_bytes_of("\x01\x02\x03", 3));
    CHECK(ee_cursor_u16(&c) == 0x0102);
    CHECK(ee_cursor_u16le(&c) == 0 && c.err == EE_TRUNCATED);
    CHECK(ee_cursor_u8(&c) == 0 && ee_cursor_end(&c) == EE_TRUNCATED);
}

static void block_longer_than_its_limit_or_input(void)
{
    struct ee_cursor c;
    ee_cursor_init(&c, ee_bytes_of("\0\0\0\2ab", 6));
    CHECK(ee_cursor_block(&c, 1).size == 0 && c.err == EE_TOO_LARGE);
    ee_cursor_init(&c, ee_bytes_of("\xff\xff\xff\xff", 4));
    CHECK(ee_cursor_block(&c, SIZE_MAX).size == 0 && c.err == EE_TRUNCATED);
}

static void document_with_trailing_byte_other_label_or_version(void)
{
    uint8_t buffer[16];
    struct ee_writer w;
    struct ee_cursor c;
    ee_writer_init(&w, buffer, sizeof(buffer));
    ee_writer_label(&w, "ee-x", 1);
    ee_writer_u8(&w, 9);
    ee_cursor_init(&c, ee_writer_done(&w));
    ee_cursor_label(&c, "ee-x", 1);
    CHECK(ee_cursor_end(&c) == EE_TRAILING);
    ee_cursor_init(&c, ee_writer_done(&w));
    ee_cursor_label(&c, "ee-y", 1);
    CHECK(c.err == EE_SYNTAX);
    ee_cursor_init(&c, ee_writer_done(&w));
    ee_cursor_label(&c, "ee-x", 2);
    CHECK(c.err == EE_UNSUPPORTED);
}

static void text_with_control_byte_or_too_long(void)
{
    char out[3];
    struct ee_cursor c;
    ee_cursor_init(&c, ee_bytes_of("\2a\n", 3));
    ee_cursor_text(&c, out, sizeof(out));
    CHECK(c.err == EE_SYNTAX);
    ee_cursor_init(&c, ee_bytes_of("\3abc", 4));
    ee_cursor_text(&c, out, sizeof(out));
    CHECK(c.err == EE_TOO_LARGE && out[0] == 0);
}

static void writer_beyond_its_buffer_writes_nothing_more(void)
{
    uint8_t buffer[3] = {7, 7, 7};
    struct ee_writer w;
    ee_writer_init(&w, buffer, 2);
    ee_writer_u16le(&w, 0x0102);
    ee_writer_u8(&w, 5);
    CHECK(w.err == EE_TOO_LARGE && ee_writer_done(&w).size == 0);
    CHECK(buffer[0] == 2 && buffer[1] == 1 && buffer[2] == 7);
}

TESTS(TEST(reading_past_the_end_gives_zero_and_a_sticky_error),
      TEST(block_longer_than_its_limit_or_input),
      TEST(document_with_trailing_byte_other_label_or_version),
      TEST(text_with_control_byte_or_too_long), TEST(writer_beyond_its_buffer_writes_nothing_more))
