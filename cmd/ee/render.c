/* SPDX-License-Identifier: Apache-2.0 */
/* JSON of the API as text for people. */
#include <stdlib.h>
#include <string.h>

#include "command.h"

#include "base/banned.h"

enum { COLUMNS_MAX = 12 };

static void money_text(const char *decimal, char out[EE_CLI_CELL_SIZE])
{
    char shown[EE_MONEY_TEXT_SIZE];
    struct ee_money money;
    bool negative = decimal[0] == '-';
    if (ee_money_parse(decimal + negative, &money) != EE_OK) {
        (void)snprintf(out, EE_CLI_CELL_SIZE, "$%s", decimal); /* a price: finer than amounts */
        return;
    }
    (void)snprintf(out, EE_CLI_CELL_SIZE, "%s%s", negative ? "-" : "", ee_money_show(money, shown));
}

/* Control characters would rule the terminal. */
static void printable(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

static void cell(const json_t *object, const struct ee_column *column, char out[EE_CLI_CELL_SIZE])
{
    const json_t *value = json_object_get(object, column->member);
    if (json_is_string(value) && column->kind == EE_COLUMN_MONEY)
        money_text(json_string_value(value), out);
    else if (json_is_string(value) && json_string_length(value) > 0)
        (void)snprintf(out, EE_CLI_CELL_SIZE, "%s", json_string_value(value));
    else if (json_is_integer(value))
        (void)snprintf(out, EE_CLI_CELL_SIZE, "%lld", (long long)json_integer_value(value));
    else if (json_is_boolean(value))
        (void)snprintf(out, EE_CLI_CELL_SIZE, "%s", json_is_true(value) ? "yes" : "no");
    else
        (void)snprintf(out, EE_CLI_CELL_SIZE, "-");
    printable(out);
}

static void print_cell(const char *text, size_t width, const struct ee_column *column, bool last)
{
    bool right = column->kind != EE_COLUMN_TEXT;
    if (right)
        (void)printf("%*s", (int)width, text);
    else
        (void)printf("%-*s", last ? 0 : (int)width, text);
    (void)fputs(last ? "\n" : "  ", stdout);
}

void ee_cli_table(const json_t *items, const struct ee_column *columns, size_t count,
                  const char *none)
{
    char text[EE_CLI_CELL_SIZE];
    size_t widths[COLUMNS_MAX], index;
    const json_t *item;
    if (json_array_size(items) == 0) {
        (void)fprintf(stderr, "%s\n", none);
        return;
    }
    count = count < COLUMNS_MAX ? count : COLUMNS_MAX;
    for (size_t i = 0; i < count; i++)
        widths[i] = strlen(columns[i].title);
    json_array_foreach(items, index, item)
    {
        for (size_t i = 0; i < count; i++) {
            cell(item, &columns[i], text);
            widths[i] = strlen(text) > widths[i] ? strlen(text) : widths[i];
        }
    }
    for (size_t i = 0; i < count; i++)
        print_cell(columns[i].title, widths[i], &columns[i], i + 1 == count);
    json_array_foreach(items, index, item)
    {
        for (size_t i = 0; i < count; i++) {
            cell(item, &columns[i], text);
            print_cell(text, widths[i], &columns[i], i + 1 == count);
        }
    }
}

void ee_cli_fields(const json_t *object, const struct ee_column *columns, size_t count)
{
    char text[EE_CLI_CELL_SIZE];
    size_t width = 0;
    for (size_t i = 0; i < count; i++)
        width = strlen(columns[i].title) > width ? strlen(columns[i].title) : width;
    for (size_t i = 0; i < count; i++) {
        cell(object, &columns[i], text);
        (void)printf("%-*s  %s\n", (int)width, columns[i].title, text);
    }
}

char *ee_cli_duration(uint64_t seconds, char out[EE_CLI_CELL_SIZE])
{
    unsigned long long s = seconds;
    if (s < 120)
        (void)snprintf(out, EE_CLI_CELL_SIZE, "%llu s", s);
    else if (s < 7200)
        (void)snprintf(out, EE_CLI_CELL_SIZE, "%llu min", s / 60);
    else if (s < 2 * 86400)
        (void)snprintf(out, EE_CLI_CELL_SIZE, "%llu h %llu min", s / 3600, s % 3600 / 60);
    else
        (void)snprintf(out, EE_CLI_CELL_SIZE, "%llu d %llu h", s / 86400, s % 86400 / 3600);
    return out;
}
