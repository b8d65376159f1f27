/* SPDX-License-Identifier: Apache-2.0 */
#include "io/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "tap.h"

static char line[EE_LOG_LINE_MAX + 1];

#define FORMAT(json, message, ...)                                                                 \
    format(json, message, (const struct ee_log_field[]){__VA_ARGS__, ee_log_end()})

static const char *format(bool json, const char *message, const struct ee_log_field *fields)
{
    size_t size = ee_log_format(line, json, UINT64_C(1767225600000042), EE_LOG_WARN, "agent",
                                message, fields);
    line[size] = '\0';
    return line;
}

static void line_for_people(void)
{
    CHECK(strcmp(FORMAT(false, "tunnel lost", ee_log_text("app", "web"), ee_log_number("code", -3),
                        ee_log_unsigned("bytes", UINT64_MAX), ee_log_bool("retry", true),
                        ee_log_hex("key", "\x01\xff", 2), ee_log_err(EE_TIMEOUT)),
                 "2026-01-01T00:00:00.000042Z warn agent \"tunnel lost\" app=web code=-3 "
                 "bytes=18446744073709551615 retry=true key=01ff err=timeout\n") == 0);
}

static void line_for_machines(void)
{
    CHECK(strcmp(
              FORMAT(true, "tunnel lost", ee_log_text("app", "web"), ee_log_number("code", -3),
                     ee_log_bool("retry", false)),
              "{\"ts\":\"2026-01-01T00:00:00.000042Z\",\"level\":\"warn\",\"component\":"
              "\"agent\",\"msg\":\"tunnel lost\",\"app\":\"web\",\"code\":-3,\"retry\":false}\n") ==
          0);
}

static void value_that_would_forge_a_line(void)
{
    const char *evil = "a\nb\" x=\x1b[2J\xe2\x80\xae\xff\\";
    CHECK(strstr(FORMAT(false, "m", ee_log_text("v", evil)),
                 "v=\"a\\nb\\\" x=\\x1b[2J\\xe2\\x80\\xae\\xff\\\\\"\n"));
    CHECK(strstr(FORMAT(true, "m", ee_log_text("v", evil)),
                 "\"v\":\"a\\nb\\\" x=\\u001b[2J\xe2\x80\xae\\ufffd\\\\\"}\n"));
    CHECK(strstr(FORMAT(false, "m", ee_log_text("v", "")), "v=\"\"\n"));
    CHECK(strstr(FORMAT(false, "m", ee_log_text("v", NULL)), "v=\"\"\n"));
    CHECK(strstr(FORMAT(false, "m", ee_log_text("v", "a=b")), "v=\"a=b\"\n"));
}

static void utf8_that_is_none(void)
{
    /* Overlong, surrogate, above U+10FFFF, cut short (RFC 3629 section 3). */
    static const char *const bad[] = {"\xc0\xaf", "\xe0\x9f\xbf", "\xed\xa0\x80",
                                      "\xf4\x90\x80\x80", "\xe2\x82"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *text = FORMAT(true, "m", ee_log_text("v", bad[i]));
        CHECK(strstr(text, "\\ufffd\\ufffd") != NULL);
        for (; *text; text++)
            CHECK((unsigned char)*text < 0x80);
    }
}

static void more_than_fits_in_a_line(void)
{
    char large[2000];
    struct ee_log_field fields[13];
    memset(large, 'z', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    for (size_t i = 0; i < 11; i++)
        fields[i] = ee_log_text("v", large);
    fields[11] = ee_log_number("last", 7);
    fields[12] = ee_log_end();
    for (int json = 0; json < 2; json++) {
        size_t size = ee_log_format(line, json, 0, EE_LOG_INFO, "c", large, fields);
        CHECK(size <= EE_LOG_LINE_MAX && line[size - 1] == '\n');
        line[size] = '\0';
        CHECK(strstr(line, "zzz...\"") != NULL);
        CHECK(strstr(line, json ? "\"last\":7}\n" : " last=7\n") !=
              NULL); /* small ones still fit */
    }
}

static void levels(void)
{
    enum ee_log_level level;
    CHECK(ee_log_level_parse("error", &level) == EE_OK && level == EE_LOG_ERROR);
    CHECK(ee_log_level_parse("loud", &level) == EE_SYNTAX);
    CHECK(!ee_log_enabled(EE_LOG_DEBUG) && ee_log_enabled(EE_LOG_INFO));
    ee_log_set_level(EE_LOG_ERROR);
    CHECK(!ee_log_enabled(EE_LOG_WARN));
    EE_LOG(EE_LOG_WARN, "test", "not to be seen");
    ee_log_set_level(EE_LOG_INFO);
    EE_LOG(EE_LOG_INFO, "test", "seen", ee_log_errno(2));
}

/* How many lines stand in the file that is standard error now. */
static size_t lines_in(FILE *file)
{
    size_t lines = 0;
    int c;
    rewind(file);
    while ((c = fgetc(file)) != EOF)
        lines += c == '\n';
    return lines;
}

/* Last, as gathering does not end. */
static void gathered_lines_are_written_together_and_before_a_warning(void)
{
    FILE *file = tmpfile();
    int kept = dup(STDERR_FILENO);
    CHECK(file != NULL && kept >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
    ee_log_gather();
    EE_LOG(EE_LOG_INFO, "test", "one", ee_log_number("n", 1));
    EE_LOG(EE_LOG_INFO, "test", "two", ee_log_number("n", 2));
    CHECK(lines_in(file) == 0);
    EE_LOG(EE_LOG_WARN, "test", "three", ee_log_number("n", 3));
    CHECK(lines_in(file) == 3);
    EE_LOG(EE_LOG_INFO, "test", "four", ee_log_number("n", 4));
    CHECK(lines_in(file) == 3);
    ee_log_flush();
    CHECK(lines_in(file) == 4);
    for (int i = 0; i < 1000; i++) /* more than is kept */
        EE_LOG(EE_LOG_INFO, "test", "many", ee_log_number("n", i));
    CHECK(lines_in(file) > 4);
    ee_log_flush();
    CHECK(lines_in(file) == 1004);
    CHECK(dup2(kept, STDERR_FILENO) >= 0);
    (void)close(kept);
    (void)fclose(file);
}

TESTS(TEST(line_for_people), TEST(line_for_machines), TEST(value_that_would_forge_a_line),
      TEST(utf8_that_is_none), TEST(more_than_fits_in_a_line), TEST(levels),
      TEST(gathered_lines_are_written_together_and_before_a_warning))
