/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ledger_line.h"

#include "client/ledger_items.h"
#include "tap.h"

static struct ee_ledger_line line;
static char why[EE_LEDGER_WHY_MAX];

static enum ee_err line_of(const char *text)
{
    return ee_ledger_line_read(&line, ee_bytes_str(text), why);
}

static uint8_t last_byte(const struct ee_ledger_id *id)
{
    return id->bytes[15];
}

static void account_with_every_field(void)
{
    REQUIRE(ee_ledger_line_init(&line) == EE_OK);
    CHECK(line_of("{\"accounts\":[{\"id\":\"258\",\"ledger\":4294967295,\"code\":65535,\"flags\":["
                  "\"linked\",\"debits_must_not_exceed_credits\",\"history\",\"closed\"],"
                  "\"debits_pending\":\"1\",\"debits_posted\":\"2\",\"credits_pending\":\"3\","
                  "\"credits_posted\":\"18446744073709551615\"},{}]}") == EE_OK);
    const struct ee_ledger_account *a = line.accounts;
    CHECK(line.kind == EE_LEDGER_LINE_ACCOUNTS && line.count == 2);
    CHECK(last_byte(&a->id) == 2 && a->id.bytes[14] == 1 && a->ledger == UINT32_MAX);
    CHECK(a->code == UINT16_MAX && a->flags == (1 | 2 | 8 | 32) && a->debits_pending == 1);
    CHECK(a->debits_posted == 2 && a->credits_pending == 3 && a->credits_posted == UINT64_MAX);
    CHECK(a[1].ledger == 1 && a[1].code == 1 && a[1].flags == 0 && last_byte(&a[1].id) == 0);
    ee_ledger_line_close(&line);
}

static void transfer_with_every_field(void)
{
    REQUIRE(ee_ledger_line_init(&line) == EE_OK);
    CHECK(line_of(" { \"transfers\" : [ {\"timeout\":4294967295,\"pending_id\":\"4\",\"flags\":["
                  "\"pending\",\"post\",\"void\",\"balancing_debit\",\"balancing_credit\"],"
                  "\"code\":3,\"ledger\":2,\"amount\":\"5\",\"credit\":\"3\",\"debit\":\"2\","
                  "\"id\":\"340282366920938463463374607431768211455\"} ] }\r") == EE_OK);
    const struct ee_ledger_transfer *t = line.transfers;
    CHECK(line.kind == EE_LEDGER_LINE_TRANSFERS && line.count == 1 && t->id.bytes[0] == 255);
    CHECK(last_byte(&t->debit_account) == 2 && last_byte(&t->credit_account) == 3);
    CHECK(last_byte(&t->pending_id) == 4 && t->amount == 5 && t->ledger == 2 && t->code == 3);
    CHECK(t->flags == 62 && t->timeout_s == UINT32_MAX);
    CHECK(line_of("{\"transfers\":[{\"flags\":[\"imported\"]}]}") == EE_OK);
    CHECK(line.transfers->flags > 63); /* no rule allows it */
    ee_ledger_line_close(&line);
}

static void numbers_at_and_beyond_their_ends(void)
{
    REQUIRE(ee_ledger_line_init(&line) == EE_OK);
    CHECK(line_of("{\"tick\":9223372036}") == EE_OK && line.tick_s == EE_LEDGER_TIME_MAX_S);
    CHECK(line_of("{\"tick\":0}") == EE_OK && line.tick_s == 0);
    CHECK(line_of("{\"tick\":9223372037}") == EE_RANGE);
    CHECK(line_of("{\"tick\":18446744073709551616}") == EE_RANGE);
    CHECK(line_of("{\"tick\":1e3}") == EE_RANGE);
    CHECK(line_of("{\"balances\":[\"340282366920938463463374607431768211455\"]}") == EE_OK);
    CHECK(line_of("{\"balances\":[\"340282366920938463463374607431768211456\"]}") == EE_RANGE);
    CHECK(line_of("{\"balances\":[\"1000000000000000000000000000000000000000\"]}") == EE_RANGE);
    CHECK(line_of("{\"balances\":[\"00\"]}") == EE_RANGE && strstr(why, "2^128") != NULL);
    CHECK(line_of("{\"transfers\":[{\"amount\":\"18446744073709551616\"}]}") == EE_RANGE);
    CHECK(line_of("{\"transfers\":[{},{\"amount\":\"1 \"}]}") == EE_RANGE);
    CHECK(strncmp(why, "event 1: amount", 15) == 0);
    ee_ledger_line_close(&line);
}

/* Every prefix of a good line is refused, and no changed byte of it is anything but read or
 * refused. */
static void every_prefix_and_every_changed_byte(void)
{
    const char good[] = "{\"transfers\":[{\"id\":\"1\",\"flags\":[\"pending\"],\"timeout\":7},{}]}";
    char bad[sizeof(good)];
    REQUIRE(ee_ledger_line_init(&line) == EE_OK);
    for (size_t size = 0; size + 1 < sizeof(good); size++)
        CHECK(ee_ledger_line_read(&line, ee_bytes_of(good, size), why) != EE_OK && why[0]);
    for (size_t at = 0; at + 1 < sizeof(good); at++) {
        for (int bit = 0; bit < 8; bit++) {
            memcpy(bad, good, sizeof(good));
            bad[at] = (char)(bad[at] ^ 1 << bit);
            enum ee_err err = ee_ledger_line_read(&line, ee_bytes_of(bad, sizeof(bad) - 1), why);
            CHECK((err == EE_OK) == (why[0] == '\0'));
            for (const char *c = why; *c; c++)
                CHECK(*c >= ' ' && *c <= '~' && *c != '"' && *c != '\\');
        }
    }
    ee_ledger_line_close(&line);
}

static void answers_are_json_lines(void)
{
    struct ee_ledger_text out = {.data = NULL};
    REQUIRE(ee_ledger_line_init(&line) == EE_OK);
    CHECK(line_of("{\"transfers\":[{},{}]}") == EE_OK);
    line.results[1] = EE_LEDGER_EXISTS;
    ee_ledger_answer_results(&out, &line);
    ee_ledger_answer_error(&out, "what");
    CHECK(line_of("{\"tick\":5}") == EE_OK);
    ee_ledger_answer_tick(&out, &line, 12, 3);
    const char expected[] = "{\"results\":[\"created\",\"exists\"]}\n{\"error\":\"what\"}\n"
                            "{\"tick\":5,\"time\":12,\"expired\":3}\n";
    CHECK(!out.failed && out.size == sizeof(expected) - 1);
    CHECK(memcmp(out.data, expected, out.size) == 0);
    ee_ledger_text_close(&out);
    ee_ledger_line_close(&line);
}

/* ---- journal items ---- */

static uint8_t body[EE_LEDGER_ITEMS_SIZE_MAX];

static void item_next(struct ee_cursor *c, struct ee_bytes *command, struct ee_bytes *result)
{
    *command = ee_cursor_block(c, sizeof(body));
    *result = ee_cursor_block(c, sizeof(body));
}

static void largest_batch_as_items_and_back(void)
{
    static struct ee_ledger_line again;
    struct ee_writer w;
    struct ee_cursor c;
    struct ee_bytes command, result;
    bool more = true;
    REQUIRE(ee_ledger_line_init(&line) == EE_OK && ee_ledger_line_init(&again) == EE_OK);
    line.kind = EE_LEDGER_LINE_TRANSFERS;
    line.count = EE_LEDGER_BATCH_MAX;
    for (uint32_t i = 0; i < line.count; i++) {
        line.transfers[i].amount = i;
        memset(&line.transfers[i].pending_id, (int)(i % 3), 16);
        line.transfers[i].timeout_s = i % 2;
        line.results[i] = (enum ee_ledger_result)(i % 50);
    }
    ee_writer_init(&w, body, sizeof(body));
    uint32_t items = ee_ledger_items_write(&w, &line, 0);
    CHECK(items == EE_LEDGER_ITEMS_MAX && w.err == EE_OK);
    ee_cursor_init(&c, ee_writer_done(&w));
    for (uint32_t i = 0; i < items; i++) {
        CHECK(more);
        item_next(&c, &command, &result);
        CHECK(ee_ledger_item_read(command, &again, &more) == EE_OK);
        CHECK(ee_ledger_item_same(result, &line, i * EE_LEDGER_ITEM_EVENTS, 0));
        CHECK(!ee_ledger_item_same(result, &line, i * EE_LEDGER_ITEM_EVENTS + 1, 0));
    }
    CHECK(!more && ee_cursor_end(&c) == EE_OK && again.count == line.count);
    CHECK(memcmp(again.transfers, line.transfers, line.count * sizeof(*line.transfers)) == 0);
    ee_ledger_line_close(&again);
    ee_ledger_line_close(&line);
}

static void item_of_every_prefix_and_not_canonical(void)
{
    struct ee_writer w;
    struct ee_cursor c;
    struct ee_bytes command, result;
    bool more;
    uint8_t copy[256];
    REQUIRE(ee_ledger_line_init(&line) == EE_OK);
    CHECK(line_of("{\"transfers\":[{\"pending_id\":\"4\",\"timeout\":3}]}") == EE_OK);
    ee_writer_init(&w, body, sizeof(body));
    CHECK(ee_ledger_items_write(&w, &line, 0) == 1);
    ee_cursor_init(&c, ee_writer_done(&w));
    item_next(&c, &command, &result);
    REQUIRE(command.size < sizeof(copy));
    for (size_t size = 0; size < command.size; size++) {
        line.count = 0;
        CHECK(ee_ledger_item_read(ee_bytes_of(command.data, size), &line, &more) == EE_TRUNCATED);
    }
    memcpy(copy, command.data, command.size);
    size_t has = command.size - (1 + 4 * 16 + 8 + 4 + 4 + 2 + 2);
    CHECK(copy[has] == 3);
    copy[has] = 7;
    line.count = 0;
    CHECK(ee_ledger_item_read(ee_bytes_of(copy, command.size), &line, &more) == EE_RANGE);
    copy[has] = 3;
    copy[has + 64] = 0; /* the pending id is none, and there */
    line.count = 0;
    CHECK(ee_ledger_item_read(ee_bytes_of(copy, command.size), &line, &more) == EE_RANGE);
    copy[command.size] = 0;
    line.count = 0;
    CHECK(ee_ledger_item_read(ee_bytes_of(copy, command.size + 1), &line, &more) != EE_OK);
    ee_ledger_line_close(&line);
}

TESTS(TEST(account_with_every_field), TEST(transfer_with_every_field),
      TEST(numbers_at_and_beyond_their_ends), TEST(every_prefix_and_every_changed_byte),
      TEST(answers_are_json_lines), TEST(largest_batch_as_items_and_back),
      TEST(item_of_every_prefix_and_not_canonical))
