/* SPDX-License-Identifier: Apache-2.0 */
/* The body of many transfers: read strictly, refused with the row and the member. */
#include <stdio.h>
#include <string.h>

#include "control/transfers_read.h"
#include "io/crypto_openssl.h"
#include "tap.h"

static uint8_t payload[EE_COMMAND_PAYLOAD_MAX];
static char detail[EE_TRANSFERS_DETAIL_SIZE];
static struct ee_transfers got;

static enum ee_err read_with(const char *text, uint8_t command)
{
    const uint8_t command_id[EE_ID_SIZE] = {command};
    struct ee_writer w;
    ee_writer_init(&w, payload, sizeof(payload));
    EE_TRY(ee_transfers_read(&ee_crypto_openssl, ee_bytes_str(text), command_id, &w, detail));
    return ee_transfers_decode(ee_writer_done(&w), &got);
}

static struct ee_transfers_row row_at(uint32_t index)
{
    struct ee_transfers_row row = {.amount = {0}};
    struct ee_cursor c;
    ee_cursor_init(&c, got.rows);
    for (uint32_t i = 0; i <= index; i++)
        CHECK(ee_transfers_next(&c, &row));
    return row;
}

static void rows_with_every_member(void)
{
    CHECK(read_with("{\"atomic\":true,\"transfers\":[{\"to\":\"bob\",\"amount\":\"1.25\",\"id\":"
                    "\"000000000000000000000000000000Ff\",\"memo\":\"a \\\"b\\\" \\u0041\"},"
                    "{\"amount\":\"$1,000\",\"to\":\"carol-1\"}]}",
                    1) == EE_OK);
    CHECK(got.atomic && got.count == 2);
    struct ee_transfers_row first = row_at(0), second = row_at(1);
    CHECK(first.amount.micros == 1250000 && first.id[15] == 0xff);
    CHECK(ee_bytes_equal(first.memo, ee_bytes_str("a \"b\" A")));
    CHECK(second.amount.micros == 1000000000 && ee_bytes_equal(second.to, ee_bytes_str("carol-1")));
}

static void amounts_as_the_other_routes_read_them(void)
{
    static const char *const texts[] = {"1",
                                        "0.000001",
                                        "0.1",
                                        "007",
                                        "1.",
                                        ".5",
                                        "1.0000001",
                                        "-1",
                                        "1e3",
                                        "999999999999.999999",
                                        "",
                                        "9223372036854.775807",
                                        "9223372036854.775808",
                                        "1,000",
                                        "$2",
                                        "0",
                                        " 1",
                                        "1.23.4",
                                        "12345678901234"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char body[128];
        struct ee_money expected = {0};
        enum ee_err err = ee_money_parse(texts[i], &expected);
        (void)snprintf(body, sizeof(body), "{\"transfers\":[{\"to\":\"bob\",\"amount\":\"%s\"}]}",
                       texts[i]);
        enum ee_err read = read_with(body, 1);
        CHECK(read == (err == EE_OK && expected.micros <= 0 ? EE_RANGE : err));
        CHECK(read != EE_OK || row_at(0).amount.micros == expected.micros);
    }
}

static void missing_ids_follow_from_the_request(void)
{
    const char *text = "{\"transfers\":[{\"to\":\"bob\",\"amount\":\"1\"},{\"to\":\"bob\","
                       "\"amount\":\"1\"}]}";
    CHECK(read_with(text, 1) == EE_OK);
    struct ee_transfers_row first = row_at(0), second = row_at(1);
    CHECK(memcmp(first.id, second.id, sizeof(first.id)) != 0);
    CHECK(read_with(text, 1) == EE_OK && memcmp(row_at(0).id, first.id, sizeof(first.id)) == 0);
    CHECK(read_with(text, 2) == EE_OK && memcmp(row_at(0).id, first.id, sizeof(first.id)) != 0);
}

static void refusals_name_the_row_and_the_member(void)
{
    static const struct {
        const char *rows, *says;
        enum ee_err err;
    } cases[] = {
        {"{\"to\":\"bob\",\"amount\":\"1\"},{\"to\":\"Bob\",\"amount\":\"1\"}", "transfers[1].to",
         EE_NAME},
        {"{\"to\":\"bob\"}", "transfers[0].amount", EE_MISSING_FIELD},
        {"{\"amount\":\"1\"}", "transfers[0].to", EE_MISSING_FIELD},
        {"{\"to\":\"bob\",\"amount\":\"0\"}", "transfers[0].amount", EE_RANGE},
        {"{\"to\":\"bob\",\"amount\":1}", "transfers[0]", EE_SYNTAX},
        {"{\"to\":\"bob\",\"amount\":\"1\",\"id\":\"00000000000000000000000000000000\"}",
         "transfers[0].id", EE_RANGE},
        {"{\"to\":\"bob\",\"amount\":\"1\",\"id\":\"12\"}", "transfers[0]", EE_SYNTAX},
        {"{\"to\":\"bob\",\"amount\":\"1\",\"memo\":\"\\n\"}", "transfers[0].memo", EE_RANGE},
        {"{\"to\":\"bob\",\"amount\":\"1\",\"fee\":\"1\"}", "transfers[0]", EE_SYNTAX},
        {"{\"to\":\"bob\",\"to\":\"carol\",\"amount\":\"1\"}", "transfers[0]", EE_SYNTAX},
        {"", "at least one", EE_RANGE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char body[512];
        (void)snprintf(body, sizeof(body), "{\"transfers\":[%s]}", cases[i].rows);
        CHECK(read_with(body, 1) == cases[i].err);
        CHECK(strstr(detail, cases[i].says) != NULL);
    }
    CHECK(read_with("{}", 1) == EE_MISSING_FIELD);
    CHECK(read_with("{\"transfers\":[],\"x\":1}", 1) == EE_SYNTAX);
    CHECK(read_with("[]", 1) == EE_SYNTAX && read_with("", 1) == EE_SYNTAX);
}

static void rows_beyond_the_largest_request(void)
{
    static char body[1 << 20];
    for (uint32_t count = EE_TRANSFERS_MAX; count <= EE_TRANSFERS_MAX + 1; count++) {
        size_t size = (size_t)snprintf(body, sizeof(body), "{\"transfers\":[");
        for (uint32_t i = 0; i < count; i++)
            size += (size_t)snprintf(body + size, sizeof(body) - size,
                                     "%s{\"to\":\"b%u\","
                                     "\"amount\":\"1\"}",
                                     i ? "," : "", (unsigned)i);
        (void)snprintf(body + size, sizeof(body) - size, "]}");
        CHECK(read_with(body, 1) == (count <= EE_TRANSFERS_MAX ? EE_OK : EE_TOO_LARGE));
    }
    CHECK(strstr(detail, "8190") != NULL);
}

static void every_prefix_of_a_body(void)
{
    const char *good = "{\"transfers\":[{\"to\":\"bob\",\"amount\":\"1.5\",\"memo\":\"x\"}]}";
    char body[128];
    CHECK(read_with(good, 1) == EE_OK);
    for (size_t size = 0; size < strlen(good); size++) {
        (void)snprintf(body, sizeof(body), "%.*s", (int)size, good);
        CHECK(read_with(body, 1) != EE_OK);
    }
}

TESTS(TEST(rows_with_every_member), TEST(amounts_as_the_other_routes_read_them),
      TEST(missing_ids_follow_from_the_request), TEST(refusals_name_the_row_and_the_member),
      TEST(rows_beyond_the_largest_request), TEST(every_prefix_of_a_body))
