/* SPDX-License-Identifier: Apache-2.0 */
/* Our reading of a head: lines, then fields, without looking at what they mean. */
#include "http/parser_internal.h"

#include <string.h>

#include "base/banned.h"

static struct ee_http_span span(size_t at, size_t size)
{
    return (struct ee_http_span){(uint32_t)at, (uint32_t)size};
}

/* The line at `at` without its CRLF; the scanner has made sure there is one. */
static struct ee_http_span line_at(const struct ee_http_head *head, size_t at, size_t size)
{
    const uint8_t *end = memchr(head->bytes + at, '\r', size - at);
    return span(at, end ? (size_t)(end - head->bytes) - at : size - at);
}

static struct ee_bytes view(const struct ee_http_head *head, struct ee_http_span s)
{
    return ee_bytes_of(head->bytes + s.at, s.size);
}

/* RFC 9112 section 5: field-name ":" OWS field-value OWS. */
static enum ee_http_rule field_split(struct ee_http_head *head, struct ee_http_span line)
{
    const struct ee_bytes text = view(head, line);
    const uint8_t *colon = memchr(text.data, ':', text.size);
    if (!colon)
        return EE_HTTP_RULE_FIELD_NAME;
    const size_t name_size = (size_t)(colon - text.data);
    if (name_size && (colon[-1] == ' ' || colon[-1] == '\t'))
        return EE_HTTP_RULE_SPACE_BEFORE_COLON;
    if (!ee_http_token_valid(ee_bytes_of(text.data, name_size)))
        return EE_HTTP_RULE_FIELD_NAME;
    const struct ee_bytes value = ee_http_trim(ee_bytes_of(colon + 1, text.size - name_size - 1));
    struct ee_http_field *field = &head->fields[head->field_count++];
    field->name = span(line.at, name_size);
    field->value = span((size_t)(value.data - head->bytes), value.size);
    return EE_HTTP_RULE_NONE;
}

static enum ee_http_rule fields_split(struct ee_http_head *head, size_t at, size_t size)
{
    for (;;) {
        const struct ee_http_span line = line_at(head, at, size);
        if (line.size == 0)
            return EE_HTTP_RULE_NONE;
        const enum ee_http_rule rule = field_split(head, line);
        if (rule != EE_HTTP_RULE_NONE)
            return rule;
        at += line.size + 2;
    }
}

/* "HTTP/1.0" or "HTTP/1.1". RFC 9112 section 2.3. */
static enum ee_http_rule version_split(struct ee_http_head *head, struct ee_bytes text)
{
    if (text.size != 8 || memcmp(text.data, "HTTP/", 5) != 0 || text.data[6] != '.' ||
        text.data[5] < '0' || text.data[5] > '9' || text.data[7] < '0' || text.data[7] > '9')
        return EE_HTTP_RULE_START_LINE;
    if (text.data[5] != '1' || text.data[7] > '1')
        return EE_HTTP_RULE_VERSION;
    head->minor = (uint8_t)(text.data[7] - '0');
    return EE_HTTP_RULE_NONE;
}

/* RFC 9112 section 3: method SP request-target SP HTTP-version, single spaces. */
static enum ee_http_rule request_line_split(struct ee_http_head *head, struct ee_http_span line)
{
    const struct ee_bytes text = view(head, line);
    const uint8_t *first = memchr(text.data, ' ', text.size);
    if (!first)
        return EE_HTTP_RULE_START_LINE;
    const size_t method_size = (size_t)(first - text.data);
    const size_t left = text.size - method_size - 1;
    const uint8_t *second = memchr(first + 1, ' ', left);
    if (!ee_http_token_valid(ee_bytes_of(text.data, method_size)))
        return EE_HTTP_RULE_START_LINE;
    if (!second)
        return EE_HTTP_RULE_START_LINE; /* HTTP/0.9 too */
    const size_t target_size = (size_t)(second - first) - 1;
    head->method = span(line.at, method_size);
    head->target = span(line.at + method_size + 1, target_size);
    if (target_size == 0)
        return EE_HTTP_RULE_START_LINE;
    return version_split(head, ee_bytes_of(second + 1, left - target_size - 1));
}

enum ee_http_rule ee_http_request_line_check(struct ee_http_head *head, uint32_t size)
{
    const enum ee_http_rule rule = request_line_split(head, line_at(head, 0, size));
    ee_http_head_clear(head);
    return rule;
}

enum ee_http_rule ee_http_request_split(struct ee_http_head *head, uint32_t size)
{
    ee_http_head_clear(head);
    head->used = size;
    const struct ee_http_span line = line_at(head, 0, size);
    const enum ee_http_rule rule = request_line_split(head, line);
    return rule == EE_HTTP_RULE_NONE ? fields_split(head, line.size + 2, size) : rule;
}

/* RFC 9112 section 4: HTTP-version SP 3DIGIT [SP reason]; many servers leave the second SP out. */
static enum ee_http_rule status_line_split(struct ee_http_head *head, struct ee_http_span line)
{
    const struct ee_bytes text = view(head, line);
    if (text.size < 12 || text.data[8] != ' ' || (text.size > 12 && text.data[12] != ' '))
        return EE_HTTP_RULE_START_LINE;
    const enum ee_http_rule rule = version_split(head, ee_bytes_of(text.data, 8));
    if (rule != EE_HTTP_RULE_NONE)
        return rule;
    for (size_t i = 9; i < 12; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return EE_HTTP_RULE_START_LINE;
        head->status = (uint16_t)(head->status * 10 + (text.data[i] - '0'));
    }
    if (head->status < 100 || head->status > 599)
        return EE_HTTP_RULE_START_LINE;
    if (text.size > 13)
        head->reason = span(line.at + 13, text.size - 13);
    return EE_HTTP_RULE_NONE;
}

enum ee_http_rule ee_http_response_split(struct ee_http_head *head, uint32_t size)
{
    ee_http_head_clear(head);
    head->used = size;
    const struct ee_http_span line = line_at(head, 0, size);
    const enum ee_http_rule rule = status_line_split(head, line);
    return rule == EE_HTTP_RULE_NONE ? fields_split(head, line.size + 2, size) : rule;
}

enum ee_http_rule ee_http_trailer_split(struct ee_http_head *head, uint32_t size)
{
    ee_http_head_clear(head);
    head->used = size;
    return fields_split(head, 0, size);
}

/* RFC 9112 section 3.2.2: a server accepts absolute-form. What is left is the path; an empty path
 * is
 * "/". The policy has compared the authority with Host. */
void ee_http_target_normalise(struct ee_http_head *head)
{
    const struct ee_bytes target = ee_http_head_target(head);
    if (target.data[0] == '/' || ee_http_equal(target, "*"))
        return;
    const uint8_t *slashes = memchr(target.data, '/', target.size);
    const size_t authority_at = (size_t)(slashes - target.data) + 2;
    size_t path_at = authority_at;
    while (path_at < target.size && target.data[path_at] != '/' && target.data[path_at] != '?')
        path_at++;
    head->target.at += (uint32_t)path_at;
    head->target.size -= (uint32_t)path_at;
    if (head->target.size && head->bytes[head->target.at] == '/')
        return;
    /* The byte before belongs to the authority, which nobody reads any more. */
    head->target.at--;
    head->target.size++;
    head->bytes[head->target.at] = '/';
}
