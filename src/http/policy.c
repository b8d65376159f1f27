/* SPDX-License-Identifier: Apache-2.0 */
/* What a well-formed head must not say: the rules against request smuggling (RFC 9112 section 6,
 * RFC 9110 section 7.2). */
#include "http/parser_internal.h"

#include <string.h>

#include "base/banned.h"

static bool starts_with(struct ee_bytes text, const char *prefix)
{
    const size_t size = strlen(prefix);
    return text.size >= size && ee_http_equal(ee_bytes_of(text.data, size), prefix);
}

/* 1*DIGIT, and less than 2^63 with room to spare (RFC 9110 section 8.6). */
static bool length_parse(struct ee_bytes text, uint64_t *out)
{
    uint64_t value = 0;
    if (text.size == 0 || text.size > 18)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    *out = value;
    return true;
}

/* RFC 9112 section 6.3: a request whose last coding is not "chunked" has no length, and "chunked"
 * twice is no coding (400); other codings before it are merely unknown here (501, section 6.1). */
static enum ee_http_rule coding_check(const struct ee_http_head *head)
{
    struct ee_bytes rest, member = {0};
    size_t chunked = 0;
    bool last = false;
    if (ee_http_head_count(head, "transfer-encoding") > 1 ||
        !ee_http_head_find(head, "transfer-encoding", &rest))
        return EE_HTTP_RULE_CHUNKED_NOT_LAST;
    if (ee_http_equal(rest, "chunked"))
        return EE_HTTP_RULE_NONE;
    while (ee_http_list_next(&rest, &member)) {
        last = ee_http_equal(member, "chunked");
        chunked += last;
    }
    return last && chunked == 1 ? EE_HTTP_RULE_TRANSFER_ENCODING : EE_HTTP_RULE_CHUNKED_NOT_LAST;
}

/* RFC 9112 section 6.3, without its leniences. */
static enum ee_http_rule framing_check(const struct ee_http_head *head, struct ee_http_event *event)
{
    struct ee_bytes value;
    const size_t encodings = ee_http_head_count(head, "transfer-encoding");
    const size_t lengths = ee_http_head_count(head, "content-length");
    if (encodings && lengths)
        return EE_HTTP_RULE_LENGTH_AND_ENCODING;
    if (lengths > 1)
        return EE_HTTP_RULE_LENGTH_TWICE;
    if (encodings) {
        const enum ee_http_rule rule = coding_check(head);
        if (rule != EE_HTTP_RULE_NONE)
            return rule;
        if (head->minor == 0)
            return EE_HTTP_RULE_ENCODING_NOT_ALLOWED; /* RFC 9112 section 6.1 */
        event->chunked = true;
    }
    if (ee_http_head_find(head, "content-length", &value)) {
        if (!length_parse(value, &event->content_length))
            return EE_HTTP_RULE_CONTENT_LENGTH;
        event->has_length = true;
    }
    return EE_HTTP_RULE_NONE;
}

static void connection_read(const struct ee_http_head *head, struct ee_http_event *event)
{
    const bool close = ee_http_head_has_token(head, "connection", "close");
    const bool keep = ee_http_head_has_token(head, "connection", "keep-alive");
    event->keep_alive = !close && (head->minor == 1 || keep);
    /* RFC 9110 section 7.8: Upgrade in HTTP/1.0 is ignored. */
    event->upgrade = head->minor == 1 && ee_http_head_count(head, "upgrade") > 0 &&
                     ee_http_head_has_token(head, "connection", "upgrade");
}

static enum ee_http_rule host_check(const struct ee_http_head *head)
{
    struct ee_bytes host;
    const size_t count = ee_http_head_count(head, "host");
    if (count > 1)
        return EE_HTTP_RULE_HOST_TWICE;
    if (!ee_http_head_find(head, "host", &host))
        return head->minor == 0 ? EE_HTTP_RULE_NONE : EE_HTTP_RULE_HOST_MISSING;
    return ee_http_host_valid(host) ? EE_HTTP_RULE_NONE : EE_HTTP_RULE_HOST_INVALID;
}

/* Absolute-form whose authority is not what Host says would be routed by one and read by the other.
 */
static enum ee_http_rule absolute_check(const struct ee_http_head *head, struct ee_bytes target)
{
    struct ee_bytes host;
    const size_t scheme = starts_with(target, "https://")  ? 8
                          : starts_with(target, "http://") ? 7
                                                           : 0;
    if (scheme == 0)
        return EE_HTTP_RULE_TARGET;
    size_t end = scheme;
    while (end < target.size && target.data[end] != '/' && target.data[end] != '?')
        end++;
    const struct ee_bytes authority = ee_bytes_of(target.data + scheme, end - scheme);
    if (!ee_http_host_valid(authority))
        return EE_HTTP_RULE_TARGET;
    if (!ee_http_head_find(head, "host", &host))
        return EE_HTTP_RULE_HOST_MISSING;
    if (host.size != authority.size)
        return EE_HTTP_RULE_HOST_INVALID;
    char text[300]; /* longer than any valid host */
    memcpy(text, authority.data, authority.size);
    text[authority.size] = 0;
    return ee_http_equal(host, text) ? EE_HTTP_RULE_NONE : EE_HTTP_RULE_HOST_INVALID;
}

/* RFC 9112 section 3.2; bytes that must be percent-encoded are refused. */
static enum ee_http_rule target_check(const struct ee_http_head *head)
{
    const struct ee_bytes target = ee_http_head_target(head);
    for (size_t i = 0; i < target.size; i++)
        if (target.data[i] <= ' ' || target.data[i] >= 0x7f || target.data[i] == '#')
            return EE_HTTP_RULE_TARGET;
    if (target.data[0] == '/')
        return EE_HTTP_RULE_NONE;
    if (ee_http_equal(target, "*"))
        return ee_http_equal(ee_http_head_method(head), "OPTIONS") ? EE_HTTP_RULE_NONE
                                                                   : EE_HTTP_RULE_TARGET;
    return absolute_check(head, target);
}

/* RFC 9110 section 10.1.1; in HTTP/1.0 it is ignored. */
static enum ee_http_rule expect_check(const struct ee_http_head *head, struct ee_http_event *event)
{
    if (head->minor == 0 || ee_http_head_count(head, "expect") == 0)
        return EE_HTTP_RULE_NONE;
    for (size_t i = 0; i < head->field_count; i++) {
        struct ee_bytes member, rest = ee_http_head_value(head, i);
        if (!ee_http_equal(ee_http_head_name(head, i), "expect"))
            continue;
        while (ee_http_list_next(&rest, &member))
            if (!ee_http_equal(member, "100-continue"))
                return EE_HTTP_RULE_EXPECTATION;
    }
    event->expect_continue = ee_http_head_has_token(head, "expect", "100-continue");
    return EE_HTTP_RULE_NONE;
}

enum ee_http_rule ee_http_request_policy(const struct ee_http_head *head,
                                         struct ee_http_event *event)
{
    const struct ee_bytes method = ee_http_head_method(head);
    if (ee_http_equal(method, "CONNECT") || ee_http_equal(method, "TRACE"))
        return EE_HTTP_RULE_METHOD_REFUSED;
    enum ee_http_rule rule = host_check(head);
    if (rule == EE_HTTP_RULE_NONE)
        rule = target_check(head);
    if (rule == EE_HTTP_RULE_NONE)
        rule = framing_check(head, event);
    connection_read(head, event);
    return rule == EE_HTTP_RULE_NONE ? expect_check(head, event) : rule;
}

enum ee_http_rule ee_http_response_policy(const struct ee_http_head *head, bool head_request,
                                          struct ee_http_event *event)
{
    const uint16_t status = head->status;
    const enum ee_http_rule rule = framing_check(head, event);
    if (rule != EE_HTTP_RULE_NONE)
        return rule;
    const bool body = event->chunked || event->content_length > 0;
    if (body && (status / 100 == 1 || status == 204))
        return EE_HTTP_RULE_ENCODING_NOT_ALLOWED; /* RFC 9112 section 6.1, RFC 9110 section 8.6 */
    connection_read(head, event);
    if (status == 101 && !event->upgrade) /* RFC 9110 section 15.2.2: it names the protocol */
        return EE_HTTP_RULE_UPGRADE_UNASKED;
    event->upgrade = status == 101;
    event->interim = status / 100 == 1 && status != 101;
    const bool bodiless = head_request || status / 100 == 1 || status == 204 || status == 304;
    event->until_close = !bodiless && !event->chunked && !event->has_length;
    if (event->until_close)
        event->keep_alive = false;
    return EE_HTTP_RULE_NONE;
}

/* RFC 9110 section 6.5.1: fields that must not come late, and those of one hop. */
static const char *const trailer_refused[] = {
    "content-length",
    "transfer-encoding",
    "host",
    "connection",
    "upgrade",
    "te",
    "trailer",
    "authorization",
    "cookie",
    "set-cookie",
    "content-encoding",
    "content-type",
    "content-range",
    "cache-control",
    "expect",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "keep-alive",
    "proxy-connection",
    "x-real-ip",
    "proxy-authenticate",
    "proxy-authorization",
    "max-forwards",
    "www-authenticate",
};

bool ee_http_trailer_allowed(struct ee_bytes name)
{
    for (size_t i = 0; i < sizeof(trailer_refused) / sizeof(trailer_refused[0]); i++)
        if (ee_http_equal(name, trailer_refused[i]))
            return false;
    return true;
}

enum ee_http_rule ee_http_trailer_policy(const struct ee_http_head *head)
{
    for (size_t i = 0; i < head->field_count; i++)
        if (!ee_http_trailer_allowed(ee_http_head_name(head, i)))
            return EE_HTTP_RULE_TRAILER;
    return EE_HTTP_RULE_NONE;
}
