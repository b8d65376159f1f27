/* SPDX-License-Identifier: Apache-2.0 */
#include "http/parser_internal.h"

#include <string.h>

#include "base/banned.h"

void ee_http_scanner_start(struct ee_http_scanner *s, bool trailer)
{
    *s = (struct ee_http_scanner){.start_line = !trailer, .trailer = trailer};
}

/* Bytes the current line may still take, CR and LF included, so that head->bytes never overflows.
 */
static size_t line_room(const struct ee_http_scanner *s, enum ee_http_rule *rule_out)
{
    if (s->start_line && s->line_count == 0) {
        *rule_out = EE_HTTP_RULE_LINE_TOO_LONG;
        return (size_t)EE_HTTP_LINE_MAX + 2 - (s->size - s->line_at);
    }
    const size_t limit = s->trailer ? EE_HTTP_TRAILER_MAX : EE_HTTP_HEADER_MAX;
    *rule_out = s->trailer ? EE_HTTP_RULE_TRAILER_TOO_LARGE : EE_HTTP_RULE_HEADER_TOO_LARGE;
    return limit - (s->size - s->fields_at);
}

static bool is_plain(uint8_t c)
{
    return (c >= ' ' || c == '\t') && c != 0x7f;
}

static enum ee_http_rule line_ended(struct ee_http_scanner *s)
{
    s->cr = false;
    if (s->size - s->line_at == 2) {
        s->done = true;
        return EE_HTTP_RULE_NONE;
    }
    s->line_count++;
    s->line_at = s->size;
    if (s->start_line && s->line_count == 1)
        s->fields_at = s->size;
    const uint32_t fields = s->line_count - (s->start_line ? 1 : 0);
    return fields > EE_HTTP_LINES_MAX ? EE_HTTP_RULE_TOO_MANY_FIELDS : EE_HTTP_RULE_NONE;
}

/* CR, LF or a control character: whatever is not plain. RFC 9112 section 2.2. */
static enum ee_http_rule special(struct ee_http_scanner *s, struct ee_http_head *head, uint8_t c)
{
    if (s->cr != (c == '\n'))
        return EE_HTTP_RULE_LINE_END;
    if (c != '\r' && c != '\n')
        return EE_HTTP_RULE_CONTROL_CHARACTER;
    head->bytes[s->size++] = c;
    if (c == '\n')
        return line_ended(s);
    s->cr = true;
    return EE_HTTP_RULE_NONE;
}

/* A run of plain bytes of one line. */
static enum ee_http_rule plain(struct ee_http_scanner *s, struct ee_http_head *head,
                               struct ee_bytes run)
{
    enum ee_http_rule too_long;
    if (s->cr)
        return EE_HTTP_RULE_LINE_END;
    const bool first = s->size == s->line_at;
    if (first && !(s->start_line && s->line_count == 0) &&
        (run.data[0] == ' ' || run.data[0] == '\t'))
        return EE_HTTP_RULE_OBS_FOLD;
    if (run.size + 2 > line_room(s, &too_long))
        return too_long;
    memcpy(head->bytes + s->size, run.data, run.size);
    s->size += (uint32_t)run.size;
    return EE_HTTP_RULE_NONE;
}

enum ee_http_rule ee_http_scanner_feed(struct ee_http_scanner *s, struct ee_http_head *head,
                                       struct ee_bytes input, size_t *consumed_out)
{
    enum ee_http_rule rule = EE_HTTP_RULE_NONE;
    size_t at = 0;
    while (at < input.size && !s->done && rule == EE_HTTP_RULE_NONE) {
        const size_t from = at;
        while (at < input.size && is_plain(input.data[at]))
            at++;
        if (at > from)
            rule = plain(s, head, ee_bytes_of(input.data + from, at - from));
        else
            rule = special(s, head, input.data[at++]);
    }
    *consumed_out = at;
    return rule;
}
