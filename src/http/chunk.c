/* SPDX-License-Identifier: Apache-2.0 */
#include "http/parser_internal.h"

#include "base/banned.h"

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* RFC 9112 section 7.1: 1*HEX [ ";" extension ] CRLF. Extensions are skipped, but a CR, LF or
 * control character inside one is refused; so are more than 15 digits (no chunk is that large). */
enum ee_http_rule ee_http_chunk_line_feed(struct ee_http_chunk_line *line, uint8_t byte)
{
    if (++line->size > EE_HTTP_CHUNK_LINE_MAX)
        return EE_HTTP_RULE_CHUNK_LINE_TOO_LONG;
    if (line->cr) {
        line->done = byte == '\n';
        return line->done ? EE_HTTP_RULE_NONE : EE_HTTP_RULE_CHUNK;
    }
    if (byte == '\r' && line->digits) {
        line->cr = true;
        return EE_HTTP_RULE_NONE;
    }
    if (line->extension)
        return (byte >= ' ' || byte == '\t') && byte != 0x7f ? EE_HTTP_RULE_NONE
                                                             : EE_HTTP_RULE_CHUNK;
    if (byte == ';' && line->digits) {
        line->extension = true;
        return EE_HTTP_RULE_NONE;
    }
    const int digit = hex_value(byte);
    if (digit < 0 || line->digits == 15)
        return EE_HTTP_RULE_CHUNK;
    line->digits++;
    line->chunk_size = line->chunk_size << 4 | (uint64_t)digit;
    return EE_HTTP_RULE_NONE;
}
