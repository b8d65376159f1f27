/* SPDX-License-Identifier: Apache-2.0 */
/* Callers that stay with a replica: by a cookie of ours that names it, or by a field of theirs. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "control/gateway_choice.h"

#include "base/banned.h"

static const char cookie_name[] = "ee-replica=";
enum { ID_TEXT_SIZE = 17 };

static const char *id_text(uint64_t id, char out[ID_TEXT_SIZE])
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(id >> (56 - 8 * i));
    return ee_hex_encode(bytes, sizeof bytes, out);
}

/* RFC 6265 section 4.2.1: pairs with "; " between. */
static bool in_cookies(struct ee_bytes cookies, struct ee_bytes *value_out)
{
    const size_t prefix = sizeof cookie_name - 1;
    for (size_t at = 0; at < cookies.size;) {
        size_t end = at;
        while (end < cookies.size && cookies.data[end] != ';')
            end++;
        struct ee_bytes pair = ee_http_trim(ee_bytes_of(cookies.data + at, end - at));
        if (pair.size > prefix && memcmp(pair.data, cookie_name, prefix) == 0) {
            *value_out = ee_bytes_of(pair.data + prefix, pair.size - prefix);
            return true;
        }
        at = end + 1;
    }
    return false;
}

/* HTTP/2 clients may split the field (RFC 9113 section 8.2.3). */
static bool cookie_of(const struct ee_http_head *head, struct ee_bytes *value_out)
{
    for (size_t i = 0; i < head->field_count; i++)
        if (ee_http_equal(ee_http_head_name(head, i), "cookie") &&
            in_cookies(ee_http_head_value(head, i), value_out))
            return true;
    return false;
}

static uint64_t hash_of(const struct ee_gateway_request *request, struct ee_bytes value)
{
    uint8_t hash[EE_SHA256_SIZE];
    struct ee_cursor cursor;
    request->gateway->control->crypto->sha256(&value, 1, hash);
    ee_cursor_init(&cursor, ee_bytes_of(hash, sizeof hash));
    return ee_cursor_u64(&cursor);
}

void ee_gateway_sticky_read(const struct ee_gateway_request *request,
                            struct ee_balance_request *out)
{
    const struct ee_gateway_group *group = request->group;
    struct ee_bytes value;
    if (request->exchange == NULL) /* passed through: nothing of it is seen */
        return;
    const struct ee_http_head *head = ee_http_exchange_request(request->exchange);
    switch (group->sticky) {
    case EE_STICKY_NONE:
        return;
    case EE_STICKY_COOKIE:
        out->sticky = cookie_of(head, &value);
        break;
    case EE_STICKY_FIELD:
        out->sticky = ee_http_head_find(head, group->sticky_field, &value) && value.size > 0;
        break;
    }
    if (!out->sticky)
        return;
    out->sticky_hash = hash_of(request, value);
    for (size_t i = 0; group->sticky == EE_STICKY_COOKIE && i < group->count; i++) {
        char text[ID_TEXT_SIZE];
        if (ee_http_equal(value, id_text(group->replicas[i].id, text)))
            out->sticky_id = group->replicas[i].id;
    }
}

/* The path form shares its origin with other apps. */
static void cookie_path(const struct ee_gateway_request *request, char *out, size_t size)
{
    const struct ee_bytes whole = ee_http_head_target(ee_http_exchange_request(request->exchange));
    if (whole.size == request->target.size)
        snprintf(out, size, "/");
    else
        snprintf(out, size, "/apps/%s/", request->app);
}

enum ee_err ee_gateway_sticky_write(const struct ee_gateway_request *request,
                                    struct ee_http_head *head)
{
    char id[ID_TEXT_SIZE], path[EE_NAME_MAX + 8], text[EE_NAME_MAX + 96];
    struct ee_bytes value;
    if (request->group == NULL || request->group->sticky != EE_STICKY_COOKIE)
        return EE_OK;
    (void)id_text(request->replica, id);
    if (cookie_of(ee_http_exchange_request(request->exchange), &value) && ee_http_equal(value, id))
        return EE_OK;
    cookie_path(request, path, sizeof path);
    const bool tls = ee_conn_has_tls(ee_http_exchange_conn(request->exchange));
    snprintf(text, sizeof text, "%s%s; Path=%s; HttpOnly; SameSite=Lax%s", cookie_name, id, path,
             tls ? "; Secure" : "");
    return ee_http_head_add_text(head, "Set-Cookie", text);
}
