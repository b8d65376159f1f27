/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "agent/state.h"
#include "base/text.h"

#include "base/banned.h"

static bool text_of(const json_t *message, const char *key, struct ee_bytes *out)
{
    const json_t *value = json_object_get(message, key);
    if (!json_is_string(value))
        return false;
    *out = ee_bytes_of(json_string_value(value), json_string_length(value));
    return true;
}

bool ee_agent_json_hex(const json_t *message, const char *key, uint8_t *out, size_t size)
{
    struct ee_bytes text;
    return text_of(message, key, &text) && ee_hex_decode(text, out, size) == EE_OK;
}

bool ee_agent_json_name(const json_t *message, const char *key, char out[EE_NAME_MAX + 1])
{
    struct ee_bytes text;
    if (!text_of(message, key, &text) || text.size > EE_NAME_MAX)
        return false;
    memcpy(out, text.data, text.size);
    out[text.size] = '\0';
    return ee_name_valid(out);
}

bool ee_agent_json_base64(const json_t *message, const char *key, size_t limit, uint8_t **out,
                          size_t *size_out)
{
    struct ee_bytes text;
    if (!text_of(message, key, &text) || text.size > EE_BASE64_SIZE(limit))
        return false;
    uint8_t *bytes = malloc(limit ? limit : 1);
    if (!bytes)
        return false;
    if (ee_base64_decode(text, bytes, limit, size_out) != EE_OK) {
        free(bytes);
        return false;
    }
    *out = bytes;
    return true;
}
