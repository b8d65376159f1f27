/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of backend_h2.c (connections to workloads) and backend_h2_stream.c (nghttp2's callbacks,
 * streams both ways). */
#ifndef EE_AGENT_BACKEND_H2_INTERNAL_H
#define EE_AGENT_BACKEND_H2_INTERNAL_H

#include <nghttp2/nghttp2.h>

#include "agent/backend_h2.h"
#include "http/http2.h"
#include "io/buffer.h"
#include "io/conn.h"

enum {
    EE_H2_PEER_STREAMS = 100, /* of one connection to a workload; then another is opened */
    EE_H2_PEER_WINDOW = 256 * 1024,
    EE_H2_PEER_CONNECTION_WINDOW = 4 * 1024 * 1024,
};

struct ee_h2_peer { /* one connection to a workload */
    struct ee_backend_h2 *h2;
    struct ee_h2_peer *next, *previous;
    struct ee_conn *conn; /* NULL once closed */
    nghttp2_session *session;
    struct ee_http2_reader *reader;
    struct ee_h2_stream *streams;
    struct ee_timer *idle;
    struct ee_deferred work;
    size_t count; /* streams that are open on the connection */
    uint16_t port;
    bool connected, closing;
};

struct ee_h2_stream {
    ee_backend_stream_fn on_event; /* first */
    struct ee_h2_peer *peer;
    struct ee_h2_stream *next, *previous;
    struct ee_tunnel *tunnel; /* NULL once the stream is gone there */
    uint32_t id;
    int32_t wire_id; /* of HTTP/2; 0: not submitted */
    bool request_end, headed;
    bool ended;                                      /* END_STREAM of the answer came */
    bool answered;                                   /* and the tunnel has it all */
    bool closed;                                     /* over at the connection */
    struct ee_buffer out;                            /* for the workload */
    struct ee_buffer rest;                           /* from it, not taken by the tunnel */
    struct ee_http_head *trailers, *answer_trailers; /* NULL: none */
};

struct ee_backend_h2 {
    struct ee_loop *loop;
    struct ee_backend_host host;
    struct ee_h2_peer *peers;
};

/* Sends in this iteration. */
void ee_h2_peer_later(struct ee_h2_peer *peer);
/* Frees it when its connection and all streams are gone. */
void ee_h2_peer_settle(struct ee_h2_peer *peer);
bool ee_h2_session_open(struct ee_h2_peer *peer);
bool ee_h2_request_submit(struct ee_h2_stream *stream, const struct ee_tunnel_open *open);
void ee_h2_stream_event(void *stream, const struct ee_tunnel_event *event);
/* Over at the connection. */
void ee_h2_stream_closed(struct ee_h2_stream *stream);
/* Resets it at both ends. */
void ee_h2_stream_fail(struct ee_h2_stream *stream, enum ee_tunnel_code code, const char *text);
void ee_h2_stream_free(struct ee_h2_stream *stream);

#endif
