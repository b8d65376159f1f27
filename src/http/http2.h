/* SPDX-License-Identifier: Apache-2.0 */
/* Field sections of HTTP/2 (RFC 9113 section 8, RFC 8441) read into the head of HTTP/1 form that
 * the rest of the program works with. Names and values come one by one, already out of HPACK. What
 * they may say is decided here, whatever the library below has checked. docs/spec/http2.md. */
#ifndef EE_HTTP_HTTP2_H
#define EE_HTTP_HTTP2_H

#include "http/parser.h"

enum ee_http2_section {
    EE_HTTP2_REQUEST,
    EE_HTTP2_RESPONSE, /* also an interim one */
    EE_HTTP2_TRAILERS, /* of either */
};

enum { EE_HTTP2_AUTHORITY_MAX = 264 };

/* About 60 KiB: heap. Start, add every field, finish; then `head` holds the result. */
struct ee_http2_reader {
    enum ee_http2_section section;
    enum ee_http_rule rule; /* the first one broken */
    bool regular;           /* a field that is no pseudo-header has come */
    unsigned seen;          /* pseudo-headers */
    size_t size, lines;     /* so far, as the limits count */
    size_t method_size, target_size, authority_size, cookie_size;
    char method[32], protocol[16], authority[EE_HTTP2_AUTHORITY_MAX];
    char target[EE_HTTP_LINE_MAX];
    char cookie[EE_HTTP_HEADER_MAX]; /* crumbs joined, RFC 9113 section 8.2.3 */
    struct ee_http_head head;
};

void ee_http2_reader_start(struct ee_http2_reader *reader, enum ee_http2_section section);
/* Remembers the first rule that is broken and takes nothing after it. */
void ee_http2_reader_add(struct ee_http2_reader *reader, struct ee_bytes name,
                         struct ee_bytes value);

/* The section is complete. `end`: nothing follows it. `key_text` (requests): the Sec-WebSocket-Key
 * an extended CONNECT gets; NULL refuses it.
 * Request: `head` is what an HTTP/1.1 client would have sent: Host holds the authority, one Cookie;
 * for an extended CONNECT with :protocol websocket a handshake with GET, Upgrade and the key, and
 * event->upgrade. A body of unknown length is event->chunked.
 * Response: status and fields; event->interim. Trailers: fields.
 * What is not NONE: with status 400 of ee_http_rule_status() the message is malformed (a stream
 * error), with another it is refused with that status. */
enum ee_http_rule ee_http2_reader_finish(struct ee_http2_reader *reader, bool end,
                                         const char *key_text, struct ee_http_event *event);

/* Fields that HTTP/2 carries otherwise or not at all (RFC 9113 section 8.2.2). */
bool ee_http2_field_is_of_connection(struct ee_bytes name);

#endif
