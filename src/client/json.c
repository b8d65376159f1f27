/* SPDX-License-Identifier: Apache-2.0 */
#include "client/json.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#include "base/banned.h"

json_t *ee_client_json_parse(struct ee_bytes text)
{
    json_error_t error;
    json_t *value = json_loadb((const char *)text.data, text.size,
                               JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (value && !json_is_object(value)) {
        json_decref(value);
        value = NULL;
    }
    return value;
}

const char *ee_client_json_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

enum ee_err ee_client_json_hex(const json_t *object, const char *name, uint8_t *out, size_t size)
{
    return ee_hex_decode(ee_bytes_str(ee_client_json_text(object, name)), out, size);
}

enum ee_err ee_client_json_u64(const json_t *object, const char *name, uint64_t *out)
{
    return ee_u64_parse(ee_client_json_text(object, name), out);
}

/* Bytes of the UTF-8 sequence at the front (RFC 3629 section 4), 0 when it is none. */
static size_t utf8_size(const uint8_t *at, size_t left)
{
    static const struct {
        uint8_t first_min, first_max, second_min, second_max, size;
    } forms[] = {
        {0x00, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (at[0] < forms[i].first_min || at[0] > forms[i].first_max)
            continue;
        size_t size = forms[i].size;
        if (size > left ||
            (size > 1 && (at[1] < forms[i].second_min || at[1] > forms[i].second_max)))
            return 0;
        for (size_t k = 2; k < size; k++)
            if ((at[k] & 0xc0) != 0x80)
                return 0;
        return size;
    }
    return 0;
}

static bool utf8_valid(struct ee_bytes bytes)
{
    size_t at = 0, size;
    while (at < bytes.size) {
        if ((size = utf8_size(bytes.data + at, bytes.size - at)) == 0)
            return false;
        at += size;
    }
    return true;
}

static json_t *string_repaired(struct ee_bytes bytes)
{
    static const uint8_t replacement[] = {0xef, 0xbf, 0xbd};
    uint8_t *text = malloc(bytes.size * sizeof(replacement));
    size_t used = 0, at = 0;
    if (!text)
        return NULL;
    while (at < bytes.size) {
        size_t size = utf8_size(bytes.data + at, bytes.size - at);
        const uint8_t *from = size ? bytes.data + at : replacement;
        size_t added = size ? size : sizeof(replacement);
        memcpy(text + used, from, added);
        used += added;
        at += size ? size : 1;
    }
    json_t *value = json_stringn((const char *)text, used);
    free(text);
    return value;
}

json_t *ee_client_json_string(struct ee_bytes bytes)
{
    if (bytes.size == 0)
        return json_string("");
    return utf8_valid(bytes) ? json_stringn((const char *)bytes.data, bytes.size)
                             : string_repaired(bytes);
}

void ee_client_json_set_bytes(json_t *object, const char *name, struct ee_bytes bytes)
{
    char other[64];
    (void)json_object_set_new(object, name, ee_client_json_string(bytes));
    if (utf8_valid(bytes))
        return;
    (void)snprintf(other, sizeof(other), "%s_base64", name);
    (void)json_object_set_new(object, other, ee_client_json_base64_new(bytes));
}

json_t *ee_client_json_hex_new(const void *data, size_t size)
{
    char text[2 * 64 + 1];
    assert(size <= 64);
    return json_string(ee_hex_encode(data, size, text));
}

json_t *ee_client_json_base64_new(struct ee_bytes bytes)
{
    char *text = malloc(EE_BASE64_SIZE(bytes.size));
    json_t *value = text ? json_string(ee_base64_encode(bytes.data, bytes.size, text)) : NULL;
    if (text)
        ee_wipe(text, EE_BASE64_SIZE(bytes.size));
    free(text);
    return value;
}
