/* SPDX-License-Identifier: Apache-2.0 */
/* Incremental HTTP/1 parser (RFC 9112) for a server (requests) or a client (responses). Pull style:
 * each call takes bytes and gives at most one event, so the caller may stop anywhere; whatever was
 * not consumed is still the caller's.
 *
 * A head must be read the same way by two parsers, llhttp in strict mode and our own line splitter
 * with its policy; on any disagreement it is refused. docs/spec/http.md lists the rules. */
#ifndef EE_HTTP_PARSER_H
#define EE_HTTP_PARSER_H

#include "base/alloc.h"
#include "http/message.h"

/* ROW(name, HTTP status to answer a request with, text). */
#define EE_HTTP_RULES(ROW)                                                                         \
    ROW(NONE, 200, "no rule is broken")                                                            \
    ROW(START_LINE, 400, "the request or status line is malformed")                                \
    ROW(METHOD_UNKNOWN, 501, "the method is unknown")                                              \
    ROW(METHOD_REFUSED, 405, "CONNECT and TRACE are refused")                                      \
    ROW(TARGET, 400, "the request target is malformed")                                            \
    ROW(VERSION, 505, "only HTTP/1.0 and HTTP/1.1 are spoken")                                     \
    ROW(LINE_TOO_LONG, 414, "the request line is longer than 8 KiB")                               \
    ROW(HEADER_TOO_LARGE, 431, "the header is larger than 32 KiB")                                 \
    ROW(TOO_MANY_FIELDS, 431, "the header has more than 100 lines")                                \
    ROW(LINE_END, 400, "a line does not end with CRLF, or holds a bare CR or LF")                  \
    ROW(CONTROL_CHARACTER, 400, "a control character such as NUL")                                 \
    ROW(OBS_FOLD, 400, "a folded header line")                                                     \
    ROW(SPACE_BEFORE_COLON, 400, "white space before the colon of a field")                        \
    ROW(FIELD_NAME, 400, "a field name is missing or not a token")                                 \
    ROW(HOST_MISSING, 400, "an HTTP/1.1 request without Host")                                     \
    ROW(HOST_TWICE, 400, "more than one Host field")                                               \
    ROW(HOST_INVALID, 400, "the Host field is invalid or differs from the target")                 \
    ROW(CONTENT_LENGTH, 400, "Content-Length is not one plain decimal number")                     \
    ROW(LENGTH_TWICE, 400, "more than one Content-Length field")                                   \
    ROW(LENGTH_AND_ENCODING, 400, "Content-Length beside Transfer-Encoding")                       \
    ROW(TRANSFER_ENCODING, 501, "a transfer coding other than \"chunked\"")                        \
    ROW(CHUNKED_NOT_LAST, 400, "Transfer-Encoding does not end with the only \"chunked\"")         \
    ROW(ENCODING_NOT_ALLOWED, 400, "a body announced in a message that may not have one")          \
    ROW(CHUNK, 400, "a chunk's size line or end is malformed")                                     \
    ROW(CHUNK_LINE_TOO_LONG, 400, "a chunk's size line is longer than 256 bytes")                  \
    ROW(TRAILER, 400, "a trailer field that changes framing or routing")                           \
    ROW(TRAILER_TOO_LARGE, 431, "the trailer is larger than 8 KiB")                                \
    ROW(EXPECTATION, 417, "an expectation other than 100-continue")                                \
    ROW(INTERIM_FLOOD, 400, "more than 16 interim responses")                                      \
    ROW(UPGRADE_UNASKED, 400, "101 that was not asked for or names no protocol")                   \
    ROW(AFTER_CLOSE, 400, "bytes after the last message of the connection")                        \
    ROW(DISAGREEMENT, 400, "two parsers do not read the message alike")                            \
    ROW(CUT_SHORT, 400, "the connection ended inside a message")                                   \
    ROW(PSEUDO, 400, "a pseudo-header is missing, twice, unknown or behind a field")               \
    ROW(HOP_FIELD, 400, "a field of one connection in HTTP/2")                                     \
    ROW(PROTOCOL_UNKNOWN, 501, "an extended CONNECT for another protocol than websocket")

enum ee_http_rule {
#define EE_HTTP_RULE_ROW(name, status, text) EE_HTTP_RULE_##name,
    EE_HTTP_RULES(EE_HTTP_RULE_ROW)
#undef EE_HTTP_RULE_ROW
};

/* HTTP status to refuse a request with; a proxy answers 502 when the backend broke the rule. */
uint16_t ee_http_rule_status(enum ee_http_rule rule);
const char *ee_http_rule_text(enum ee_http_rule rule);

enum ee_http_role {
    EE_HTTP_SERVER, /* parses requests */
    EE_HTTP_CLIENT, /* parses responses */
};

enum ee_http_event_kind {
    EE_HTTP_EVENT_NONE,     /* everything consumed, more is needed */
    EE_HTTP_EVENT_HEAD,     /* `head` */
    EE_HTTP_EVENT_BODY,     /* `body`, never empty */
    EE_HTTP_EVENT_TRAILERS, /* `head` holds only fields; comes only when there are any */
    EE_HTTP_EVENT_END,      /* the message is complete; the next call starts the next one */
    /* Complete, and the bytes that follow may be of another protocol: after a request that asks for
     * an upgrade (answer 101 and drop the parser, or ee_http_parser_resume), or after a 101. */
    EE_HTTP_EVENT_UPGRADE,
};

struct ee_http_event {
    enum ee_http_event_kind kind;
    const struct ee_http_head *head; /* valid until the next call on this parser */
    struct ee_bytes body;            /* borrowed from the input */
    /* Of the message, from HEAD to END: */
    uint64_t content_length; /* 0 unless has_length */
    bool has_length;
    bool chunked;
    bool keep_alive;      /* the connection may carry another message after this one */
    bool until_close;     /* a response whose body ends with the connection */
    bool interim;         /* 1xx other than 101: no END follows, the next head does */
    bool upgrade;         /* HEAD of a message that will end with UPGRADE */
    bool expect_continue; /* a request with Expect: 100-continue */
};

struct ee_http_parser;

/* About 55 KiB. NULL: no memory. */
struct ee_http_parser *ee_http_parser_new(const struct ee_allocator *allocator,
                                          enum ee_http_role role);
void ee_http_parser_free(struct ee_http_parser *parser);

/* Client only, before each response: was the request HEAD, and did it ask for an upgrade? Both are
 * false in a new parser and after each END. */
void ee_http_parser_expect(struct ee_http_parser *parser, bool head_request, bool upgrade_asked);

/* Takes the first *consumed_out bytes of `input` and gives one event. Call again with the rest as
 * long as the event is not NONE (also with an empty rest: END may follow without further bytes).
 * EE_HTTP: refused, see ee_http_parser_rule; stays so. EE_STATE: after UPGRADE, until resumed. */
EE_MUST_USE enum ee_err ee_http_parser_next(struct ee_http_parser *parser, struct ee_bytes input,
                                            size_t *consumed_out, struct ee_http_event *event_out);

/* The peer ended the connection. END for a body that ends with it, NONE between messages; EE_HTTP
 * (CUT_SHORT) otherwise: a short body is never a clean end. */
EE_MUST_USE enum ee_err ee_http_parser_finish(struct ee_http_parser *parser,
                                              struct ee_http_event *event_out);

/* Server: goes on with the next request although the last one asked for an upgrade. */
void ee_http_parser_resume(struct ee_http_parser *parser);

/* The rule broken, NONE as long as nothing was refused. */
enum ee_http_rule ee_http_parser_rule(const struct ee_http_parser *parser);
/* Is the parser between two messages, with nothing of the next one seen? */
bool ee_http_parser_idle(const struct ee_http_parser *parser);

#endif
