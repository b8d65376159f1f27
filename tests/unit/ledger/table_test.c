/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/table.h"

#include "tap.h"

struct row {
    uint32_t value;
    uint8_t key[8];
};

static struct ee_table table;

static void open_table(uint32_t limit)
{
    ee_table_init(&table, &ee_allocator_system, sizeof(struct row), offsetof(struct row, key), 8,
                  limit);
}

static struct row row_of(uint32_t value)
{
    struct row row = {.value = value};
    memcpy(row.key, &value, sizeof(value));
    return row;
}

static void many_rows_are_found_and_keep_their_order(void)
{
    open_table(100000);
    for (uint32_t i = 0; i < 10000; i++) {
        struct row row = row_of(i * 7919);
        CHECK(ee_table_reserve(&table, 1) == EE_OK);
        (void)ee_table_add(&table, &row);
    }
    for (uint32_t i = 0; i < 10000; i++) {
        struct row row = row_of(i * 7919), other = row_of(i * 7919 + 1);
        const struct row *found = ee_table_find(&table, row.key);
        CHECK(found && found->value == row.value && found == ee_table_at(&table, i));
        CHECK(ee_table_find(&table, other.key) == NULL);
    }
    CHECK(ee_table_at(&table, 10000) == NULL);
    ee_table_close(&table);
}

static void full_table_refuses_more(void)
{
    open_table(3);
    CHECK(ee_table_reserve(&table, 4) == EE_FULL);
    for (uint32_t i = 0; i < 3; i++) {
        struct row row = row_of(i);
        CHECK(ee_table_reserve(&table, 1) == EE_OK);
        (void)ee_table_add(&table, &row);
    }
    CHECK(ee_table_reserve(&table, 1) == EE_FULL && ee_table_reserve(&table, 0) == EE_OK);
    ee_table_close(&table);
}

static void dropped_row_is_gone_and_the_others_stay(void)
{
    open_table(1000);
    CHECK(ee_table_reserve(&table, 200) == EE_OK);
    for (uint32_t i = 0; i < 200; i++) {
        struct row row = row_of(i);
        (void)ee_table_add(&table, &row);
    }
    for (uint32_t i = 200; i > 0; i--) {
        struct row last = row_of(i - 1), first = row_of(0);
        CHECK(ee_table_find(&table, last.key) != NULL && ee_table_find(&table, first.key) != NULL);
        ee_table_drop_last(&table);
        CHECK(ee_table_find(&table, last.key) == NULL);
    }
    ee_table_close(&table);
}

/* Rows in the place of the oldest, many times over: exactly the newest are found. */
static void replaced_rows_are_gone_and_the_others_stay(void)
{
    enum { WINDOW = 300, ROWS = 20000 };
    open_table(WINDOW);
    CHECK(ee_table_reserve(&table, WINDOW) == EE_OK);
    for (uint32_t i = 0; i < ROWS; i++) {
        struct row row = row_of(i * 2654435761u), old = row_of((i - WINDOW) * 2654435761u);
        if (i < WINDOW)
            (void)ee_table_add(&table, &row);
        else
            ee_table_replace(&table, i % WINDOW, &row);
        CHECK(i < WINDOW || ee_table_find(&table, old.key) == NULL);
        for (uint32_t back = 0; back < WINDOW && back <= i && i % 97 == 0; back++) {
            struct row kept = row_of((i - back) * 2654435761u);
            const struct row *found = ee_table_find(&table, kept.key);
            CHECK(found && found->value == kept.value &&
                  found == ee_table_at(&table, (i - back) % WINDOW));
        }
    }
    CHECK(table.count == WINDOW);
    ee_table_close(&table);
}

static void empty_table_finds_nothing(void)
{
    struct row row = row_of(1);
    open_table(10);
    CHECK(ee_table_find(&table, row.key) == NULL && ee_table_at(&table, 0) == NULL);
    ee_table_close(&table);
}

TESTS(TEST(many_rows_are_found_and_keep_their_order), TEST(full_table_refuses_more),
      TEST(dropped_row_is_gone_and_the_others_stay),
      TEST(replaced_rows_are_gone_and_the_others_stay), TEST(empty_table_finds_nothing))
