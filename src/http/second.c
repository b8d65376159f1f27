/* SPDX-License-Identifier: Apache-2.0 */
/* The second reading: llhttp, strict, over the same bytes. It decides nothing by itself; what it
 * reads must be what we read. */
#include "http/parser_internal.h"

#include <string.h>

#include "base/banned.h"

static struct ee_http_second *of(llhttp_t *llhttp)
{
    return llhttp->data;
}

static bool same(struct ee_bytes ours, const char *at, size_t size)
{
    return ours.size == size && (size == 0 || ours.data == (const uint8_t *)at);
}

static int on_url(llhttp_t *llhttp, const char *at, size_t size)
{
    struct ee_http_second *second = of(llhttp);
    if (!same(ee_http_head_target(second->head), at, size))
        second->differs = true;
    return 0;
}

/* Spans of one piece of text come in order; all bytes are in one buffer, so they join. */
static void join(struct ee_bytes *text, const char *at, size_t size)
{
    if (text->size == 0)
        *text = ee_bytes_of(at, size);
    else
        text->size += size;
}

static int on_name(llhttp_t *llhttp, const char *at, size_t size)
{
    join(&of(llhttp)->name, at, size);
    return 0;
}

static int on_value(llhttp_t *llhttp, const char *at, size_t size)
{
    join(&of(llhttp)->value, at, size);
    return 0;
}

static int on_field_done(llhttp_t *llhttp)
{
    struct ee_http_second *second = of(llhttp);
    const struct ee_http_head *head = second->head;
    const size_t i = second->field_index++;
    const struct ee_bytes value = ee_http_trim(second->value);
    if (i >= head->field_count ||
        !same(ee_http_head_name(head, i), (const char *)second->name.data, second->name.size) ||
        !same(ee_http_head_value(head, i), (const char *)value.data, value.size))
        second->differs = true;
    second->name = second->value = ee_bytes_of(NULL, 0);
    return 0;
}

static int on_head_done(llhttp_t *llhttp)
{
    of(llhttp)->head_done = true;
    return 0;
}

static int on_message_done(llhttp_t *llhttp)
{
    of(llhttp)->message_done = true;
    return 0;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_header_value_complete = on_field_done,
    .on_headers_complete = on_head_done,
    .on_message_complete = on_message_done,
};

void ee_http_second_start(struct ee_http_second *second, enum ee_http_role role)
{
    memset(second, 0, sizeof(*second));
    llhttp_init(&second->llhttp, role == EE_HTTP_SERVER ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
    second->llhttp.data = second;
}

static llhttp_errno_t read_block(struct ee_http_second *second, const struct ee_http_head *head,
                                 uint32_t size)
{
    second->head = head;
    second->field_index = 0;
    const llhttp_errno_t got = llhttp_execute(&second->llhttp, (const char *)head->bytes, size);
    second->head = NULL;
    return got == HPE_PAUSED_UPGRADE ? HPE_OK : got;
}

/* Our own reading passed, so what llhttp refuses is a method or a target it does not know. */
static enum ee_http_rule refusal(llhttp_errno_t got)
{
    if (got == HPE_INVALID_METHOD || got == HPE_INVALID_CONSTANT)
        return EE_HTTP_RULE_METHOD_UNKNOWN;
    return got == HPE_INVALID_URL ? EE_HTTP_RULE_TARGET : EE_HTTP_RULE_DISAGREEMENT;
}

enum ee_http_rule ee_http_second_head(struct ee_http_second *second,
                                      const struct ee_http_head *head, uint32_t size,
                                      const struct ee_http_event *event)
{
    const llhttp_errno_t got = read_block(second, head, size);
    const llhttp_t *llhttp = &second->llhttp;
    if (got != HPE_OK)
        return refusal(got);
    if (second->differs || !second->head_done || second->field_index != head->field_count ||
        llhttp->http_major != 1 || llhttp->http_minor != head->minor)
        return EE_HTTP_RULE_DISAGREEMENT;
    if (head->status != llhttp->status_code)
        return EE_HTTP_RULE_DISAGREEMENT;
    const bool body = event->chunked || (event->has_length && event->content_length > 0);
    if (second->message_done)
        return body ? EE_HTTP_RULE_DISAGREEMENT : EE_HTTP_RULE_NONE;
    if (event->has_length && llhttp->content_length != event->content_length)
        return EE_HTTP_RULE_DISAGREEMENT;
    return ((llhttp->flags & F_CHUNKED) != 0) == event->chunked ? EE_HTTP_RULE_NONE
                                                                : EE_HTTP_RULE_DISAGREEMENT;
}

/* llhttp waits for a chunk after a chunked head; the body itself was ours to cut, so it gets a last
 * chunk and then the trailer as received. */
enum ee_http_rule ee_http_second_trailer(struct ee_http_second *second,
                                         const struct ee_http_head *head, uint32_t size)
{
    static const char last_chunk[] = "0\r\n";
    if (llhttp_execute(&second->llhttp, last_chunk, sizeof(last_chunk) - 1) != HPE_OK)
        return EE_HTTP_RULE_DISAGREEMENT;
    if (read_block(second, head, size) != HPE_OK || second->differs || !second->message_done ||
        second->field_index != head->field_count)
        return EE_HTTP_RULE_DISAGREEMENT;
    return EE_HTTP_RULE_NONE;
}
