/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the parser, in the order a head passes them: scan (lines), split (fields), policy,
 * second reading by llhttp. Each gives the rule that is broken, or EE_HTTP_RULE_NONE. */
#ifndef EE_HTTP_PARSER_INTERNAL_H
#define EE_HTTP_PARSER_INTERNAL_H

#include <llhttp.h>

#include "http/parser.h"

/* --- scan: collects lines up to and with the empty one into head->bytes --- */

struct ee_http_scanner {
    uint32_t size;       /* collected */
    uint32_t line_at;    /* start of the current line */
    uint32_t fields_at;  /* start of the first field line */
    uint32_t line_count; /* complete lines, without the empty one */
    bool start_line;     /* the first line is a request or status line */
    bool trailer;        /* limits of a trailer */
    bool cr;             /* the last byte was CR */
    bool done;
};

void ee_http_scanner_start(struct ee_http_scanner *s, bool trailer);
/* Takes bytes until the block is done; *consumed_out is set also on refusal. */
enum ee_http_rule ee_http_scanner_feed(struct ee_http_scanner *s, struct ee_http_head *head,
                                       struct ee_bytes input, size_t *consumed_out);

/* --- split --- */

/* Only the request line, while the fields are still coming; the bytes stay. */
enum ee_http_rule ee_http_request_line_check(struct ee_http_head *head, uint32_t size);
enum ee_http_rule ee_http_request_split(struct ee_http_head *head, uint32_t size);
enum ee_http_rule ee_http_response_split(struct ee_http_head *head, uint32_t size);
enum ee_http_rule ee_http_trailer_split(struct ee_http_head *head, uint32_t size);
/* Turns an absolute-form target into origin-form. */
void ee_http_target_normalise(struct ee_http_head *head);

/* --- policy --- */

/* Fills content_length, has_length, chunked, keep_alive, upgrade, expect_continue. */
enum ee_http_rule ee_http_request_policy(const struct ee_http_head *head,
                                         struct ee_http_event *event);
enum ee_http_rule ee_http_response_policy(const struct ee_http_head *head, bool head_request,
                                          struct ee_http_event *event);
enum ee_http_rule ee_http_trailer_policy(const struct ee_http_head *head);

/* --- second reading --- */

struct ee_http_second {
    llhttp_t llhttp;
    const struct ee_http_head *head; /* while reading */
    struct ee_bytes name, value;     /* of the current field */
    size_t field_index;
    bool head_done, message_done, differs;
};

void ee_http_second_start(struct ee_http_second *second, enum ee_http_role role);
enum ee_http_rule ee_http_second_head(struct ee_http_second *second,
                                      const struct ee_http_head *head, uint32_t size,
                                      const struct ee_http_event *event);
enum ee_http_rule ee_http_second_trailer(struct ee_http_second *second,
                                         const struct ee_http_head *head, uint32_t size);

/* --- chunks (RFC 9112 section 7.1) --- */

enum { EE_HTTP_CHUNK_LINE_MAX = 256 };

/* One size line, fed byte by byte. */
struct ee_http_chunk_line {
    uint64_t chunk_size;
    uint16_t size; /* of the line so far */
    uint8_t digits;
    bool extension, cr, done;
};

enum ee_http_rule ee_http_chunk_line_feed(struct ee_http_chunk_line *line, uint8_t byte);

#endif
