/* SPDX-License-Identifier: Apache-2.0 */
/* The character classes and small grammars of RFC 9110, shared by parser, writer and proxy rules.
 */
#include "http/message.h"

#include <string.h>

#include "base/banned.h"

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static uint8_t to_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool is_letter(uint8_t c)
{
    return to_lower(c) >= 'a' && to_lower(c) <= 'z';
}

/* RFC 9110 section 5.6.2. */
static bool is_tchar(uint8_t c)
{
    return is_letter(c) || is_digit(c) || (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool ee_http_token_valid(struct ee_bytes name)
{
    for (size_t i = 0; i < name.size; i++)
        if (!is_tchar(name.data[i]))
            return false;
    return name.size > 0;
}

bool ee_http_value_valid(struct ee_bytes value)
{
    bool control = false; /* no early end: so the compiler takes many bytes at once */
    for (size_t i = 0; i < value.size; i++) {
        uint8_t c = value.data[i];
        control |= (c < ' ' && c != '\t') | (c == 0x7f);
    }
    return !control;
}

bool ee_http_equal(struct ee_bytes a, const char *b)
{
    const size_t size = strlen(b);
    if (a.size != size)
        return false;
    for (size_t i = 0; i < size; i++)
        if (to_lower(a.data[i]) != to_lower((uint8_t)b[i]))
            return false;
    return true;
}

struct ee_bytes ee_http_trim(struct ee_bytes value)
{
    while (value.size && (value.data[0] == ' ' || value.data[0] == '\t'))
        value = ee_bytes_of(value.data + 1, value.size - 1);
    while (value.size && (value.data[value.size - 1] == ' ' || value.data[value.size - 1] == '\t'))
        value.size--;
    return value;
}

bool ee_http_list_next(struct ee_bytes *rest, struct ee_bytes *member_out)
{
    while (rest->size) {
        const uint8_t *comma = memchr(rest->data, ',', rest->size);
        const size_t size = comma ? (size_t)(comma - rest->data) : rest->size;
        const struct ee_bytes member = ee_http_trim(ee_bytes_of(rest->data, size));
        const size_t cut = comma ? size + 1 : size;
        *rest = ee_bytes_of(rest->data + cut, rest->size - cut);
        if (member.size == 0)
            continue;
        *member_out = member;
        return true;
    }
    return false;
}

/* 1 to 5 digits up to 65535; an empty port after the colon is refused. */
static bool port_valid(struct ee_bytes port)
{
    uint32_t value = 0;
    if (port.size == 0 || port.size > 5)
        return false;
    for (size_t i = 0; i < port.size; i++) {
        if (!is_digit(port.data[i]))
            return false;
        value = value * 10 + (uint32_t)(port.data[i] - '0');
    }
    return value <= 65535;
}

static bool ip_literal_valid(struct ee_bytes inside)
{
    size_t colons = 0;
    for (size_t i = 0; i < inside.size; i++) {
        const uint8_t c = inside.data[i];
        const bool hex = is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'f');
        if (!hex && c != ':' && c != '.')
            return false;
        colons += c == ':';
    }
    return colons >= 2 && inside.size <= 45;
}

static bool name_valid(struct ee_bytes name)
{
    for (size_t i = 0; i < name.size; i++) {
        const uint8_t c = name.data[i];
        const bool joint = c == '.' || c == '-' || c == '_';
        if (!is_letter(c) && !is_digit(c) && !joint)
            return false;
        if (c == '.' && (i == 0 || name.data[i - 1] == '.'))
            return false;
    }
    return name.size > 0 && name.size <= 255;
}

bool ee_http_host_valid(struct ee_bytes host)
{
    size_t size = 0; /* of the host part */
    bool valid;
    if (host.size && host.data[0] == '[') {
        const uint8_t *end = memchr(host.data, ']', host.size);
        if (!end)
            return false;
        size = (size_t)(end - host.data) + 1;
        valid = ip_literal_valid(ee_bytes_of(host.data + 1, size - 2));
    } else {
        while (size < host.size && host.data[size] != ':')
            size++;
        valid = name_valid(ee_bytes_of(host.data, size));
    }
    if (!valid || size == host.size)
        return valid;
    return host.data[size] == ':' &&
           port_valid(ee_bytes_of(host.data + size + 1, host.size - size - 1));
}
