/* SPDX-License-Identifier: Apache-2.0 */
/* Heads and chunks into a connection's queue, for the server and the client of this folder. Each is
 * queued whole or not at all: EE_FULL, EE_CLOSED (the connection is closing), EE_HTTP,
 * EE_TOO_LARGE, EE_NO_MEMORY. */
#ifndef EE_LINK_HTTP_WRITE_H
#define EE_LINK_HTTP_WRITE_H

#include "http/message.h"
#include "io/conn.h"

/* The framing of a message with a body. */
struct ee_http_framing {
    bool chunked;
    bool has_length; /* neither: no body, or one that ends with the connection */
    uint64_t left;   /* of the length */
};

/* Replaces Content-Length and Transfer-Encoding. */
EE_MUST_USE enum ee_err ee_http_framing_set(struct ee_http_head *head,
                                            const struct ee_http_framing *framing);
/* Request or response, by what the head is; refuses when `more` bytes would not fit behind it. */
EE_MUST_USE enum ee_err ee_http_head_queue(struct ee_conn *conn, const struct ee_http_head *head,
                                           size_t more);
/* A part of the body. EE_RANGE: more than the length. */
EE_MUST_USE enum ee_err ee_http_body_queue(struct ee_conn *conn, struct ee_http_framing *framing,
                                           struct ee_bytes bytes);
/* The end of the body. EE_RANGE: less than the length. */
EE_MUST_USE enum ee_err ee_http_end_queue(struct ee_conn *conn,
                                          const struct ee_http_framing *framing,
                                          const struct ee_http_head *trailers);

#endif
