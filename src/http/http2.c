/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http2.h"

#include <string.h>

#include "http/parser_internal.h"

#include "base/banned.h"

enum pseudo {
    METHOD = 1,
    SCHEME = 2,
    AUTHORITY = 4,
    PATH = 8,
    PROTOCOL = 16,
    STATUS = 32,
    HOST = 64, /* a field, but its value belongs to the authority */
};

void ee_http2_reader_start(struct ee_http2_reader *r, enum ee_http2_section section)
{
    memset(r, 0, offsetof(struct ee_http2_reader, method));
    r->method[0] = r->protocol[0] = r->authority[0] = '\0';
    r->section = section;
    ee_http_head_clear(&r->head);
}

static void refuse(struct ee_http2_reader *r, enum ee_http_rule rule)
{
    if (r->rule == EE_HTTP_RULE_NONE)
        r->rule = rule;
}

bool ee_http2_field_is_of_connection(struct ee_bytes name)
{
    static const char *const names[] = {"connection", "keep-alive", "proxy-connection",
                                        "transfer-encoding", "upgrade"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (ee_http_equal(name, names[i]))
            return true;
    return false;
}

/* ---- pseudo-headers (RFC 9113 section 8.3) ---- */

static bool keep(char *out, size_t capacity, size_t *size_out, struct ee_bytes value)
{
    if (value.size >= capacity)
        return false;
    memcpy(out, value.data, value.size);
    out[value.size] = '\0';
    *size_out = value.size;
    return true;
}

static void status_add(struct ee_http2_reader *r, struct ee_bytes value)
{
    uint16_t status = 0;
    for (size_t i = 0; i < value.size && i < 3; i++)
        if (value.data[i] >= '0' && value.data[i] <= '9')
            status = (uint16_t)(status * 10 + (value.data[i] - '0'));
    /* RFC 9113 section 8.6: there is no 101. */
    if (value.size != 3 || status == 101 ||
        ee_http_head_response(&r->head, status, ee_bytes_of(NULL, 0)) != EE_OK)
        refuse(r, EE_HTTP_RULE_PSEUDO);
}

static enum pseudo pseudo_of(const struct ee_http2_reader *r, struct ee_bytes name)
{
    static const char *const names[] = {":method", ":scheme", ":authority", ":path", ":protocol"};
    if (r->section == EE_HTTP2_RESPONSE)
        return ee_bytes_equal(name, ee_bytes_str(":status")) ? STATUS : 0;
    for (unsigned i = 0; r->section == EE_HTTP2_REQUEST && i < 5; i++)
        if (ee_bytes_equal(name, ee_bytes_str(names[i])))
            return (enum pseudo)(1u << i);
    return 0;
}

static void pseudo_add(struct ee_http2_reader *r, struct ee_bytes name, struct ee_bytes value)
{
    const enum pseudo which = pseudo_of(r, name);
    size_t unused;
    if (which == 0 || (r->seen & which) || r->regular || value.size == 0) {
        refuse(r, EE_HTTP_RULE_PSEUDO);
        return;
    }
    r->seen |= which;
    if (which == METHOD && !keep(r->method, sizeof(r->method), &r->method_size, value))
        refuse(r, EE_HTTP_RULE_METHOD_UNKNOWN);
    else if (which == PATH && !keep(r->target, sizeof(r->target), &r->target_size, value))
        refuse(r, EE_HTTP_RULE_LINE_TOO_LONG);
    else if (which == AUTHORITY &&
             !keep(r->authority, sizeof(r->authority), &r->authority_size, value))
        refuse(r, EE_HTTP_RULE_HOST_INVALID);
    else if (which == PROTOCOL && !keep(r->protocol, sizeof(r->protocol), &unused, value))
        refuse(r, EE_HTTP_RULE_PROTOCOL_UNKNOWN);
    else if (which == SCHEME && !ee_http_equal(value, "http") && !ee_http_equal(value, "https"))
        refuse(r, EE_HTTP_RULE_PSEUDO);
    else if (which == STATUS)
        status_add(r, value);
}

/* ---- fields ---- */

static bool has_upper_case(struct ee_bytes name)
{
    for (size_t i = 0; i < name.size; i++)
        if (name.data[i] >= 'A' && name.data[i] <= 'Z')
            return true;
    return false;
}

/* Limits of HTTP/1: a crumb of a cookie is no line of its own. */
static bool within_limits(struct ee_http2_reader *r, struct ee_bytes name, struct ee_bytes value,
                          bool crumb)
{
    const bool trailers = r->section == EE_HTTP2_TRAILERS;
    r->size += name.size + value.size + 4; /* ": " and CRLF */
    r->lines += !crumb;
    if (r->size > (trailers ? (size_t)EE_HTTP_TRAILER_MAX : (size_t)EE_HTTP_HEADER_MAX))
        refuse(r, trailers ? EE_HTTP_RULE_TRAILER_TOO_LARGE : EE_HTTP_RULE_HEADER_TOO_LARGE);
    else if (r->lines > EE_HTTP_LINES_MAX)
        refuse(r, EE_HTTP_RULE_TOO_MANY_FIELDS);
    return r->rule == EE_HTTP_RULE_NONE;
}

/* RFC 9113 section 8.3.1: Host and :authority name the same place. */
static void host_add(struct ee_http2_reader *r, struct ee_bytes value)
{
    if (r->seen & HOST)
        refuse(r, EE_HTTP_RULE_HOST_TWICE);
    else if (r->seen & AUTHORITY && !ee_http_equal(value, r->authority))
        refuse(r, EE_HTTP_RULE_HOST_INVALID);
    else if (!keep(r->authority, sizeof(r->authority), &r->authority_size, value))
        refuse(r, EE_HTTP_RULE_HOST_INVALID);
    r->seen |= HOST;
}

/* Two octets more for "; " are within what the limit counted for the crumb. */
static void cookie_add(struct ee_http2_reader *r, struct ee_bytes value)
{
    if (!ee_http_value_valid(value)) {
        refuse(r, EE_HTTP_RULE_CONTROL_CHARACTER);
        return;
    }
    if (r->cookie_size > 0) {
        memcpy(r->cookie + r->cookie_size, "; ", 2);
        r->cookie_size += 2;
    }
    if (value.size > 0)
        memcpy(r->cookie + r->cookie_size, value.data, value.size);
    r->cookie_size += value.size;
}

static void field_add(struct ee_http2_reader *r, struct ee_bytes name, struct ee_bytes value)
{
    const enum ee_err err = ee_http_head_add(&r->head, name, value);
    if (err == EE_TOO_LARGE)
        refuse(r, EE_HTTP_RULE_HEADER_TOO_LARGE);
    else if (err != EE_OK)
        refuse(r, ee_http_token_valid(name) ? EE_HTTP_RULE_CONTROL_CHARACTER
                                            : EE_HTTP_RULE_FIELD_NAME);
}

void ee_http2_reader_add(struct ee_http2_reader *r, struct ee_bytes name, struct ee_bytes value)
{
    const bool request = r->section == EE_HTTP2_REQUEST;
    if (r->rule != EE_HTTP_RULE_NONE)
        return;
    if (name.size > 0 && name.data[0] == ':') {
        pseudo_add(r, name, value);
        return;
    }
    const bool cookie = request && ee_http_equal(name, "cookie");
    r->regular = true;
    if (has_upper_case(name))
        refuse(r, EE_HTTP_RULE_FIELD_NAME);
    else if (ee_http2_field_is_of_connection(name) ||
             (ee_http_equal(name, "te") && !ee_http_equal(value, "trailers")))
        refuse(r, EE_HTTP_RULE_HOP_FIELD);
    else if (!within_limits(r, name, value, cookie && r->cookie_size > 0))
        return;
    else if (request && memchr(name.data, '_', name.size))
        return; /* as in HTTP/1: some backends read it as "-" */
    else if (request && ee_http_equal(name, "host"))
        host_add(r, value);
    else if (cookie)
        cookie_add(r, value);
    else
        field_add(r, name, value);
}

/* ---- the whole section ---- */

static bool method_known(const char *method)
{
#define SAME(number, name, text)                                                                   \
    if (strcmp(method, #text) == 0)                                                                \
        return strcmp(method, "PRI") != 0;
    HTTP_METHOD_MAP(SAME)
#undef SAME
    return false;
}

/* RFC 8441 section 4: CONNECT with :protocol has scheme, path and authority like other methods. */
static enum ee_http_rule shape_check(const struct ee_http2_reader *r)
{
    const bool connect = strcmp(r->method, "CONNECT") == 0;
    const unsigned usual = METHOD | SCHEME | PATH;
    if (!(r->seen & (AUTHORITY | HOST)))
        return r->seen & METHOD ? EE_HTTP_RULE_HOST_MISSING : EE_HTTP_RULE_PSEUDO;
    if (connect && !(r->seen & PROTOCOL))
        return r->seen & (SCHEME | PATH) ? EE_HTTP_RULE_PSEUDO : EE_HTTP_RULE_METHOD_REFUSED;
    if ((r->seen & usual) != usual)
        return EE_HTTP_RULE_PSEUDO;
    if (!(r->seen & PROTOCOL))
        return EE_HTTP_RULE_NONE;
    if (!connect || ee_http_head_count(&r->head, "content-length"))
        return EE_HTTP_RULE_PSEUDO;
    return strcmp(r->protocol, "websocket") == 0 ? EE_HTTP_RULE_NONE
                                                 : EE_HTTP_RULE_PROTOCOL_UNKNOWN;
}

static enum ee_err handshake_add(struct ee_http_head *head, const char *key_text)
{
    ee_http_head_remove(head, "sec-websocket-key"); /* RFC 8441 section 5: has no meaning */
    EE_TRY(ee_http_head_add_text(head, "connection", "Upgrade"));
    EE_TRY(ee_http_head_add_text(head, "upgrade", "websocket"));
    return ee_http_head_add_text(head, "sec-websocket-key", key_text);
}

/* A fresh head with method and target, then Host, the fields and the cookie. */
static enum ee_err request_make(struct ee_http2_reader *r, const char *key_text)
{
    const bool connect = r->seen & PROTOCOL;
    const struct ee_bytes method =
        connect ? ee_bytes_str("GET") : ee_bytes_of(r->method, r->method_size);
    struct ee_http_head *head = &r->head;
    if (method.size + r->target_size > EE_HTTP_HEAD_BYTES - head->used)
        return EE_TOO_LARGE;
    head->method = (struct ee_http_span){head->used, (uint32_t)method.size};
    memcpy(head->bytes + head->used, method.data, method.size);
    head->used += (uint32_t)method.size;
    head->target = (struct ee_http_span){head->used, (uint32_t)r->target_size};
    memcpy(head->bytes + head->used, r->target, r->target_size);
    head->used += (uint32_t)r->target_size;
    EE_TRY(
        ee_http_head_add(head, ee_bytes_str("host"), ee_bytes_of(r->authority, r->authority_size)));
    if (r->cookie_size > 0)
        EE_TRY(ee_http_head_add(head, ee_bytes_str("cookie"),
                                ee_http_trim(ee_bytes_of(r->cookie, r->cookie_size))));
    return connect ? handshake_add(head, key_text) : EE_OK;
}

static enum ee_http_rule request_finish(struct ee_http2_reader *r, bool end, const char *key_text,
                                        struct ee_http_event *event)
{
    enum ee_http_rule rule = shape_check(r);
    if (rule != EE_HTTP_RULE_NONE)
        return rule;
    const bool connect = r->seen & PROTOCOL;
    if (!connect && !method_known(r->method))
        return ee_http_token_valid(ee_bytes_of(r->method, r->method_size))
                   ? EE_HTTP_RULE_METHOD_UNKNOWN
                   : EE_HTTP_RULE_PSEUDO;
    if (connect && !key_text)
        return EE_HTTP_RULE_METHOD_REFUSED;
    if (connect && end)
        return EE_HTTP_RULE_PSEUDO; /* a WebSocket that is over before it began */
    if (r->target[0] != '/' && strcmp(r->target, "*") != 0)
        return EE_HTTP_RULE_TARGET; /* RFC 9113 section 8.3.1: no absolute form */
    const enum ee_err err = request_make(r, key_text);
    if (err != EE_OK)
        return err == EE_TOO_LARGE ? EE_HTTP_RULE_HEADER_TOO_LARGE : EE_HTTP_RULE_CONTROL_CHARACTER;
    rule = ee_http_request_policy(&r->head, event);
    event->upgrade = connect;
    event->chunked = !connect && !end && !event->has_length;
    if (rule == EE_HTTP_RULE_NONE && end && event->content_length > 0)
        rule = EE_HTTP_RULE_CUT_SHORT; /* RFC 9113 section 8.1.1 */
    return rule;
}

static enum ee_http_rule response_finish(struct ee_http2_reader *r, bool end,
                                         struct ee_http_event *event)
{
    if (!(r->seen & STATUS))
        return EE_HTTP_RULE_PSEUDO;
    event->interim = r->head.status < 200;
    if (event->interim && end)
        return EE_HTTP_RULE_CUT_SHORT;
    /* Lengths are checked against what comes by the library below; two of them are never passed. */
    return ee_http_head_count(&r->head, "content-length") > 1 ? EE_HTTP_RULE_LENGTH_TWICE
                                                              : EE_HTTP_RULE_NONE;
}

enum ee_http_rule ee_http2_reader_finish(struct ee_http2_reader *r, bool end, const char *key_text,
                                         struct ee_http_event *event)
{
    *event = (struct ee_http_event){.kind = EE_HTTP_EVENT_HEAD, .head = &r->head};
    if (r->rule == EE_HTTP_RULE_NONE && r->section == EE_HTTP2_REQUEST)
        r->rule = request_finish(r, end, key_text, event);
    else if (r->rule == EE_HTTP_RULE_NONE && r->section == EE_HTTP2_RESPONSE)
        r->rule = response_finish(r, end, event);
    else if (r->rule == EE_HTTP_RULE_NONE)
        r->rule = ee_http_trailer_policy(&r->head);
    return r->rule;
}
