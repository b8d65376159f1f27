/* SPDX-License-Identifier: Apache-2.0 */
#include "http/proxy_headers.h"

#include <string.h>

#include "base/banned.h"

enum { NAMED_MAX = 32, APPENDED_MAX = 2048 };

static bool starts_with(struct ee_bytes text, const char *prefix)
{
    const size_t size = strlen(prefix);
    return text.size >= size && ee_http_equal(ee_bytes_of(text.data, size), prefix);
}

static bool equal_bytes(struct ee_bytes a, struct ee_bytes b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++) {
        const char one[2] = {(char)b.data[i], 0};
        if (!ee_http_equal(ee_bytes_of(a.data + i, 1), one))
            return false;
    }
    return true;
}

/* Not removed because a Connection field names them: an outsider could take them away from the
 * backend that way. */
static bool is_protected(struct ee_bytes name)
{
    static const char *const names[] = {"host",          "content-length", "forwarded",
                                        "authorization", "cookie",         "via"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (ee_http_equal(name, names[i]))
            return true;
    return starts_with(name, "x-forwarded-");
}

static void remove_named(struct ee_http_head *head, struct ee_bytes name)
{
    for (size_t i = head->field_count; i > 0; i--)
        if (equal_bytes(ee_http_head_name(head, i - 1), name))
            ee_http_head_remove_at(head, i - 1);
}

/* The members point into the head's bytes, which removal leaves alone. */
static enum ee_err remove_connection_named(struct ee_http_head *head)
{
    struct ee_bytes named[NAMED_MAX];
    size_t count = 0;
    for (size_t i = 0; i < head->field_count; i++) {
        if (!ee_http_equal(ee_http_head_name(head, i), "connection"))
            continue;
        struct ee_bytes rest = ee_http_head_value(head, i), member;
        while (ee_http_list_next(&rest, &member)) {
            if (is_protected(member))
                continue;
            if (count == NAMED_MAX)
                return EE_TOO_LARGE;
            named[count++] = member;
        }
    }
    for (size_t i = 0; i < count; i++)
        remove_named(head, named[i]);
    return EE_OK;
}

static const char *const hop_by_hop[] = {
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
};

enum ee_err ee_http_hop_by_hop_remove(struct ee_http_head *head, bool keep_upgrade)
{
    struct ee_bytes value;
    const bool websocket = keep_upgrade && ee_http_head_count(head, "upgrade") == 1 &&
                           ee_http_head_find(head, "upgrade", &value) &&
                           ee_http_equal(value, "websocket");
    EE_TRY(remove_connection_named(head));
    for (size_t i = 0; i < sizeof(hop_by_hop) / sizeof(hop_by_hop[0]); i++)
        ee_http_head_remove(head, hop_by_hop[i]);
    if (!websocket)
        return EE_OK;
    EE_TRY(ee_http_head_add_text(head, "Connection", "Upgrade"));
    return ee_http_head_add_text(head, "Upgrade", "websocket");
}

static void outsider_drop(struct ee_http_head *head, bool trusted)
{
    for (size_t i = head->field_count; i > 0; i--) {
        const struct ee_bytes name = ee_http_head_name(head, i - 1);
        const bool ours = starts_with(name, "x-ee-");
        const bool list = ee_http_equal(name, "x-forwarded-for"); /* is appended to */
        const bool forwarded = starts_with(name, "x-forwarded-") ||
                               ee_http_equal(name, "forwarded") || ee_http_equal(name, "x-real-ip");
        if (ours || (forwarded && !list && !trusted))
            ee_http_head_remove_at(head, i - 1);
    }
}

/* One field of all values in order, then ours: the only member we vouch for is the last. */
static enum ee_err member_append(struct ee_http_head *head, const char *name, const char *member)
{
    char text[APPENDED_MAX];
    struct ee_writer w;
    ee_writer_init(&w, text, sizeof(text));
    for (size_t i = 0; i < head->field_count; i++) {
        const struct ee_bytes value = ee_http_head_value(head, i);
        if (!ee_http_equal(ee_http_head_name(head, i), name) || value.size == 0)
            continue;
        ee_writer_bytes(&w, value.data, value.size);
        ee_writer_bytes(&w, ", ", 2);
    }
    ee_writer_bytes(&w, member, strlen(member));
    if (w.err != EE_OK)
        return w.err;
    return ee_http_head_set(head, name, ee_writer_done(&w));
}

/* A trusted proxy knows better what the user spoke to. */
static enum ee_err set_unless_trusted(struct ee_http_head *head, bool trusted, const char *name,
                                      const char *value)
{
    if (value[0] == 0 || (trusted && ee_http_head_count(head, name) == 1))
        return EE_OK;
    return ee_http_head_set(head, name, ee_bytes_str(value));
}

enum ee_err ee_http_forward_apply(struct ee_http_head *head, const struct ee_http_forward *forward)
{
    EE_TRY(ee_http_hop_by_hop_remove(head, forward->keep_upgrade));
    outsider_drop(head, forward->trusted);
    EE_TRY(member_append(head, "X-Forwarded-For", forward->client_address));
    /* RFC 9110 section 7.6.3: the version the request came with, and who passed it on. */
    const char *via = head->minor ? "1.1 easyenclave" : "1.0 easyenclave";
    EE_TRY(member_append(head, "Via", forward->http2 ? "2.0 easyenclave" : via));
    EE_TRY(set_unless_trusted(head, forward->trusted, "X-Forwarded-Proto", forward->scheme));
    return set_unless_trusted(head, forward->trusted, "X-Forwarded-Host", forward->host);
}

static bool trailer_harmless(struct ee_bytes name)
{
    static const char *const prefixes[] = {"x-ee-",  "x-forwarded-", "if-",
                                           "accept", "sec-",         "proxy-"};
    static const char *const names[] = {"age",        "allow",  "date",  "from",    "location",
                                        "origin",     "pragma", "range", "referer", "server",
                                        "user-agent", "vary",   "via",   "warning", "retry-after"};
    if (memchr(name.data, '_', name.size))
        return false;
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (starts_with(name, prefixes[i]))
            return false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (ee_http_equal(name, names[i]))
            return false;
    return ee_http_trailer_allowed(name);
}

void ee_http_request_trailers_filter(struct ee_http_head *trailers)
{
    for (size_t i = trailers->field_count; i > 0; i--)
        if (!trailer_harmless(ee_http_head_name(trailers, i - 1)))
            ee_http_head_remove_at(trailers, i - 1);
}
