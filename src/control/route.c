/* SPDX-License-Identifier: Apache-2.0 */
#include "control/route.h"

#include <string.h>

#include "base/text.h"

#include "base/banned.h"

/* Up to the next `separator`, which is dropped from `rest`. */
static struct ee_bytes next_part(struct ee_bytes *rest, char separator)
{
    size_t size = 0;
    while (size < rest->size && rest->data[size] != (uint8_t)separator)
        size++;
    struct ee_bytes part = ee_bytes_of(rest->data, size);
    size_t skip = size < rest->size ? size + 1 : size;
    *rest = ee_bytes_of(rest->data + skip, rest->size - skip);
    return part;
}

static enum ee_err decode_one(struct ee_bytes text, size_t *at, char *out)
{
    uint8_t byte = text.data[(*at)++];
    if (byte == '%') {
        if (text.size - *at < 2)
            return EE_SYNTAX;
        EE_TRY(ee_hex_decode(ee_bytes_of(text.data + *at, 2), &byte, 1));
        *at += 2;
    }
    if (byte < 0x20 || byte > 0x7e)
        return EE_SYNTAX;
    *out = (char)byte;
    return EE_OK;
}

static enum ee_err percent_decode(struct ee_bytes text, char *out, size_t size)
{
    size_t used = 0;
    for (size_t at = 0; at < text.size;) {
        if (used + 1 >= size)
            return EE_TOO_LARGE;
        EE_TRY(decode_one(text, &at, &out[used++]));
    }
    out[used] = '\0';
    return EE_OK;
}

static bool match_segment(struct ee_bytes pattern, struct ee_bytes segment,
                          struct ee_route_values *values)
{
    bool is_value = pattern.size > 0 && pattern.data[0] == '{';
    if (!is_value)
        return ee_bytes_equal(pattern, segment);
    if (segment.size == 0 || values->count == EE_ROUTE_VALUES_MAX)
        return false;
    return percent_decode(segment, values->value[values->count++], EE_ROUTE_VALUE_SIZE) == EE_OK;
}

bool ee_route_match(const char *pattern, struct ee_bytes path, struct ee_route_values *out)
{
    struct ee_route_values values = {0};
    struct ee_bytes left = ee_bytes_str(pattern);
    if (path.size > 1 && path.data[path.size - 1] == '/')
        return false;
    /* Most patterns differ behind "/v1/" at once. */
    if (left.size > 4 && path.size > 4 && left.data[4] != path.data[4] && left.data[4] != '{' &&
        left.data[3] == '/' && path.data[3] == '/')
        return false;
    while (left.size > 0 && path.size > 0)
        if (!match_segment(next_part(&left, '/'), next_part(&path, '/'), &values))
            return false;
    if (left.size > 0 || path.size > 0)
        return false;
    *out = values;
    return true;
}

void ee_route_split(struct ee_bytes target, struct ee_bytes *path_out, struct ee_bytes *query_out)
{
    struct ee_bytes rest = target;
    *path_out = next_part(&rest, '?');
    *query_out = rest;
}

enum ee_err ee_query_value(struct ee_bytes query, const char *name, char *out, size_t size)
{
    bool found = false;
    out[0] = '\0';
    while (query.size > 0) {
        struct ee_bytes value = next_part(&query, '&');
        if (!ee_bytes_equal(next_part(&value, '='), ee_bytes_str(name)))
            continue;
        if (found)
            return EE_DUPLICATE_FIELD;
        found = true;
        EE_TRY(percent_decode(value, out, size));
    }
    return found ? EE_OK : EE_NOT_FOUND;
}

static bool in_list(const char *const *known, struct ee_bytes name)
{
    for (; *known != NULL; known++)
        if (ee_bytes_equal(ee_bytes_str(*known), name))
            return true;
    return false;
}

enum ee_err ee_query_known(struct ee_bytes query, const char *const *known)
{
    while (query.size > 0) {
        struct ee_bytes pair = next_part(&query, '&');
        if (!in_list(known, next_part(&pair, '=')))
            return EE_SYNTAX;
    }
    return EE_OK;
}

static enum ee_err page_number(struct ee_bytes query, const char *name, uint64_t *number)
{
    char text[24];
    enum ee_err err = ee_query_value(query, name, text, sizeof text);
    if (err == EE_NOT_FOUND)
        return EE_OK;
    EE_TRY(err);
    return ee_u64_parse(text, number);
}

enum ee_err ee_page_parse(struct ee_bytes query, struct ee_page *out)
{
    uint64_t limit = EE_PAGE_LIMIT_DEFAULT;
    uint64_t start = 0;
    EE_TRY(page_number(query, "limit", &limit));
    EE_TRY(page_number(query, "cursor", &start));
    if (limit < 1 || limit > EE_PAGE_LIMIT_MAX)
        return EE_RANGE;
    *out = (struct ee_page){.start = (size_t)start, .limit = (size_t)limit};
    return EE_OK;
}
