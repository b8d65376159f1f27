/* SPDX-License-Identifier: Apache-2.0 */
#include "io/csv.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

enum { FIRST_CAPACITY = 16 * 1024 };

static void append(struct ee_csv *csv, const char *text, size_t size)
{
    if (csv->err == EE_OK && size > csv->limit - csv->size)
        csv->err = EE_FULL;
    if (csv->err != EE_OK || size == 0)
        return;
    if (size > csv->capacity - csv->size) {
        size_t capacity = csv->capacity == 0 ? FIRST_CAPACITY : csv->capacity;
        while (capacity < csv->size + size)
            capacity *= 2;
        char *grown = realloc(csv->data, capacity);
        if (grown == NULL) {
            csv->err = EE_NO_MEMORY;
            return;
        }
        csv->data = grown;
        csv->capacity = capacity;
    }
    memcpy(csv->data + csv->size, text, size);
    csv->size += size;
}

static void cell_begin(struct ee_csv *csv)
{
    if (csv->in_line)
        append(csv, ",", 1);
    csv->in_line = true;
}

static void cell(struct ee_csv *csv, const char *guard, const char *text)
{
    size_t size = strlen(text);
    if (strcspn(text, "\",\r\n") == size) {
        append(csv, guard, strlen(guard));
        append(csv, text, size);
        return;
    }
    append(csv, "\"", 1);
    append(csv, guard, strlen(guard));
    for (const char *quote; (quote = strchr(text, '"')) != NULL; text = quote + 1) {
        append(csv, text, (size_t)(quote - text) + 1);
        append(csv, "\"", 1);
    }
    append(csv, text, strlen(text));
    append(csv, "\"", 1);
}

void ee_csv_value(struct ee_csv *csv, const char *text)
{
    cell_begin(csv);
    cell(csv, "", text);
}

void ee_csv_text(struct ee_csv *csv, const char *text)
{
    bool formula = *text != '\0' && strchr("=+-@\t\r", *text) != NULL;
    cell_begin(csv);
    cell(csv, formula ? "'" : "", text);
}

void ee_csv_end(struct ee_csv *csv)
{
    append(csv, "\r\n", 2);
    csv->in_line = false;
}
