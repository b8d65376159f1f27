/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 4180 cells, and cells that a spreadsheet would run. */
#include <stdlib.h>

#include "io/csv.h"
#include "tap.h"

static bool text_cell(const char *text, const char *expected)
{
    struct ee_csv csv = {.limit = 1024};
    ee_csv_text(&csv, text);
    bool same = csv.err == EE_OK && csv.size == strlen(expected) &&
                memcmp(csv.data, expected, csv.size) == 0;
    free(csv.data);
    return same;
}

static void cells_are_quoted_where_needed(void)
{
    CHECK(text_cell("rent", "rent"));
    CHECK(text_cell("a,b", "\"a,b\""));
    CHECK(text_cell("say \"hi\"", "\"say \"\"hi\"\"\""));
    CHECK(text_cell("a\r\nb", "\"a\r\nb\""));
    CHECK(text_cell("\"", "\"\"\"\""));
}

static void formulas_become_text(void)
{
    CHECK(text_cell("=1+1", "'=1+1"));
    CHECK(text_cell("+1", "'+1"));
    CHECK(text_cell("-1", "'-1"));
    CHECK(text_cell("@SUM(A1)", "'@SUM(A1)"));
    CHECK(text_cell("\tx", "'\tx"));
    CHECK(text_cell("\rx", "\"'\rx\""));
    CHECK(text_cell("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""));
    CHECK(text_cell("a=b", "a=b"));
}

static void lines_and_numbers(void)
{
    struct ee_csv csv = {.limit = 32};
    ee_csv_value(&csv, "-3.20");
    ee_csv_value(&csv, "");
    ee_csv_end(&csv);
    CHECK(csv.size == 8 && memcmp(csv.data, "-3.20,\r\n", 8) == 0);
    for (int i = 0; i < 20; i++)
        ee_csv_value(&csv, "abc");
    CHECK(csv.err == EE_FULL && csv.size <= 32);
    free(csv.data);
}

TESTS(TEST(cells_are_quoted_where_needed), TEST(formulas_become_text), TEST(lines_and_numbers))
