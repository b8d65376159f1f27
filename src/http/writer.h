/* SPDX-License-Identifier: Apache-2.0 */
/* Serialises heads and chunked bodies (RFC 9112) from structured fields; bytes of a peer's head are
 * never copied as they came. Everything goes to a struct ee_writer: its sticky EE_TOO_LARGE is
 * returned, and what it holds then must be thrown away. */
#ifndef EE_HTTP_WRITER_H
#define EE_HTTP_WRITER_H

#include "http/message.h"

enum {
    EE_HTTP_HEAD_WIRE_MAX = EE_HTTP_HEAD_BYTES + 1024, /* a buffer for any head */
    EE_HTTP_CHUNK_OVERHEAD = 20,                       /* size line and CRLF of one chunk */
};

/* The head with its empty line. Always writes HTTP/1.1. EE_STATE: not a request (or response);
 * EE_HTTP: fields that would frame the message twice (two Content-Length, Content-Length beside
 * Transfer-Encoding, Transfer-Encoding other than chunked). */
EE_MUST_USE enum ee_err ee_http_request_write(struct ee_writer *w, const struct ee_http_head *head);
EE_MUST_USE enum ee_err ee_http_response_write(struct ee_writer *w,
                                               const struct ee_http_head *head);

/* One chunk; nothing for empty data (an empty chunk would end the body). */
EE_MUST_USE enum ee_err ee_http_chunk_write(struct ee_writer *w, struct ee_bytes data);
/* The last chunk and the trailer fields; `trailers` may be NULL. */
EE_MUST_USE enum ee_err ee_http_chunk_end_write(struct ee_writer *w,
                                                const struct ee_http_head *trailers);

/* Registered reason phrase; "Unknown" for others. */
const char *ee_http_reason(uint16_t status);

#endif
