/* SPDX-License-Identifier: Apache-2.0 */
#include "control/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/money.h"
#include "base/text.h"

#include "base/banned.h"

static enum ee_err read_name(const json_t *value, char *out)
{
    const char *text = json_string_value(value);
    if (text == NULL || strlen(text) != json_string_length(value) || !ee_name_valid(text))
        return EE_NAME;
    memcpy(out, text, strlen(text) + 1);
    return EE_OK;
}

static enum ee_err read_text(const json_t *value, char *out, size_t size)
{
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);
    if (text == NULL)
        return EE_SYNTAX;
    if (length >= size)
        return EE_TOO_LARGE;
    for (size_t i = 0; i < length; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return EE_SYNTAX;
    memcpy(out, text, length + 1);
    return EE_OK;
}

static enum ee_err read_money(const json_t *value, struct ee_money *out)
{
    struct ee_money money;
    if (!json_is_string(value))
        return EE_SYNTAX;
    EE_TRY(ee_money_parse(json_string_value(value), &money));
    if (money.micros <= 0)
        return EE_RANGE;
    *out = money;
    return EE_OK;
}

static enum ee_err read_integer(const json_t *value, int64_t low, int64_t high, int64_t *out)
{
    if (!json_is_integer(value))
        return EE_SYNTAX;
    int64_t number = json_integer_value(value);
    if (number < low || number > high)
        return EE_RANGE;
    *out = number;
    return EE_OK;
}

static enum ee_err read_hex(const json_t *value, uint8_t *out, size_t size)
{
    if (!json_is_string(value))
        return EE_SYNTAX;
    return ee_hex_decode(ee_bytes_of(json_string_value(value), json_string_length(value)), out,
                         size);
}

static enum ee_err read_blob(const json_t *value, size_t limit, struct ee_json_blob *out)
{
    if (!json_is_string(value))
        return EE_SYNTAX;
    size_t length = json_string_length(value);
    if (length > EE_BASE64_SIZE(limit))
        return EE_TOO_LARGE;
    uint8_t *data = malloc(length / 4 * 3 + 4);
    if (data == NULL)
        return EE_NO_MEMORY;
    size_t size = 0;
    enum ee_err err = ee_base64_decode(ee_bytes_of(json_string_value(value), length), data,
                                       length / 4 * 3 + 3, &size);
    if (err == EE_OK && size > limit)
        err = EE_TOO_LARGE;
    if (err != EE_OK) {
        free(data);
        return err;
    }
    *out = (struct ee_json_blob){data, size};
    return EE_OK;
}

static enum ee_err read_number(const json_t *value, const struct ee_json_field *field)
{
    int64_t number = 0;
    if (field->kind == EE_JSON_U32) {
        EE_TRY(read_integer(value, 0, UINT32_MAX, &number));
        *(uint32_t *)field->out = (uint32_t)number;
        return EE_OK;
    }
    EE_TRY(read_integer(value, INT32_MIN, INT32_MAX, &number));
    *(int32_t *)field->out = (int32_t)number;
    return EE_OK;
}

static enum ee_err read_decimal(const json_t *value, const struct ee_json_field *field)
{
    if (!json_is_string(value))
        return EE_SYNTAX;
    if (field->kind == EE_JSON_PRICE)
        return ee_price_parse(json_string_value(value), field->out);
    return ee_u64_parse(json_string_value(value), field->out);
}

static enum ee_err read_plain(json_t *value, const struct ee_json_field *field)
{
    if (field->kind == EE_JSON_BOOL) {
        if (!json_is_boolean(value))
            return EE_SYNTAX;
        *(bool *)field->out = json_is_true(value);
    } else if (field->kind == EE_JSON_STRING) {
        const char *text = json_string_value(value);
        if (text == NULL || strlen(text) != json_string_length(value))
            return EE_SYNTAX;
        *(const char **)field->out = text;
    } else {
        *(json_t **)field->out = value;
    }
    return EE_OK;
}

static enum ee_err read_field(json_t *value, const struct ee_json_field *field)
{
    switch (field->kind) {
    case EE_JSON_NAME:
        return read_name(value, field->out);
    case EE_JSON_TEXT:
        return read_text(value, field->out, field->size);
    case EE_JSON_MONEY:
        return read_money(value, field->out);
    case EE_JSON_PRICE:
    case EE_JSON_U64:
        return read_decimal(value, field);
    case EE_JSON_U32:
    case EE_JSON_I32:
        return read_number(value, field);
    case EE_JSON_HEX:
        return read_hex(value, field->out, field->size);
    case EE_JSON_BLOB:
        return read_blob(value, field->size, field->out);
    case EE_JSON_STRING:
    case EE_JSON_BOOL:
    case EE_JSON_VALUE:
        return read_plain(value, field);
    }
    return EE_UNSUPPORTED;
}

static const struct ee_json_field *find_field(const struct ee_json_field *fields, size_t count,
                                              const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    return NULL;
}

static enum ee_err read_one(const json_t *object, const struct ee_json_field *field,
                            char detail[EE_JSON_DETAIL_SIZE])
{
    json_t *value = json_object_get(object, field->name);
    if (value == NULL || (json_is_null(value) && field->optional)) {
        if (field->optional)
            return EE_OK;
        snprintf(detail, EE_JSON_DETAIL_SIZE, "the member \"%s\" is missing", field->name);
        return EE_MISSING_FIELD;
    }
    enum ee_err err = read_field(value, field);
    if (err != EE_OK)
        snprintf(detail, EE_JSON_DETAIL_SIZE, "the member \"%s\": %s", field->name,
                 ee_err_text(err));
    return err;
}

enum ee_err ee_json_read(const json_t *object, const struct ee_json_field *fields, size_t count,
                         enum ee_json_members members, char detail[EE_JSON_DETAIL_SIZE])
{
    const char *name;
    json_t *value;
    if (!json_is_object(object)) {
        snprintf(detail, EE_JSON_DETAIL_SIZE, "a JSON object is expected");
        return EE_SYNTAX;
    }
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        if (members == EE_JSON_TOLERANT || find_field(fields, count, name) != NULL)
            continue;
        snprintf(detail, EE_JSON_DETAIL_SIZE, "the member \"%.40s\" is not known here", name);
        return EE_SYNTAX;
    }
    for (size_t i = 0; i < count; i++)
        EE_TRY(read_one(object, &fields[i], detail));
    return EE_OK;
}

void ee_json_blob_free(struct ee_json_blob *blob)
{
    if (blob->data != NULL)
        ee_wipe(blob->data, blob->size);
    free(blob->data);
    *blob = (struct ee_json_blob){0};
}

struct ee_bytes ee_json_blob_bytes(const struct ee_json_blob *blob)
{
    return ee_bytes_of(blob->data, blob->size);
}

json_t *ee_json_parse(struct ee_bytes text)
{
    json_t *value = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(value))
        return value;
    json_decref(value);
    return NULL;
}

char *ee_json_dump(const json_t *value)
{
    return json_dumps(value, JSON_COMPACT);
}

json_t *ee_json_hex(const void *data, size_t size)
{
    char text[129];
    if (size > 64)
        return NULL;
    return json_string(ee_hex_encode(data, size, text));
}

json_t *ee_json_base64(struct ee_bytes bytes)
{
    char *text = malloc(EE_BASE64_SIZE(bytes.size));
    if (text == NULL)
        return NULL;
    json_t *value = json_string(ee_base64_encode(bytes.data, bytes.size, text));
    free(text);
    return value;
}

json_t *ee_json_u64(uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    return json_string(text);
}

json_t *ee_json_money(int64_t micros)
{
    char text[EE_MONEY_TEXT_SIZE];
    return json_string(ee_money_format((struct ee_money){micros}, text));
}

json_t *ee_json_price(int64_t nanos)
{
    char text[EE_MONEY_TEXT_SIZE];
    return json_string(ee_price_format(nanos, text));
}

json_t *ee_json_time(uint64_t time_us)
{
    char text[EE_TIME_TEXT_SIZE];
    if (time_us == 0)
        return json_null();
    return json_string(ee_time_format((int64_t)(time_us / 1000000), text));
}
