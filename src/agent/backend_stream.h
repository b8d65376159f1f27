/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the backend: backend.c (streams and their events), backend_request.c (towards the
 * workload), backend_answer.c (from it). */
#ifndef EE_AGENT_BACKEND_STREAM_H
#define EE_AGENT_BACKEND_STREAM_H

#include "agent/backend.h"
#include "agent/backend_h2.h"
#include "agent/backend_pool.h"
#include "http/writer.h"
#include "io/buffer.h"

struct ee_backend {
    struct ee_loop *loop;
    struct ee_backend_host host;
    struct ee_backend_h2 *h2;
    struct ee_backend_pool *pool;
    struct ee_backend_stream *first;
    struct ee_http_head *head;           /* scratch of one call */
    uint8_t wire[EE_HTTP_HEAD_WIRE_MAX]; /* the same */
};

struct ee_backend_stream {
    ee_backend_stream_fn on_event; /* first: what backend_h2.h says of contexts */
    struct ee_backend *backend;
    struct ee_tunnel *tunnel; /* NULL once the stream is gone there */
    uint32_t id;
    enum ee_tunnel_kind kind;
    uint8_t instance[EE_TUNNEL_INSTANCE_SIZE];
    uint16_t port;
    struct ee_conn *conn;
    struct ee_http_parser *parser; /* NULL for tcp, and after a 101 */
    bool chunked;                  /* the request's body goes out in chunks */
    bool head_request;
    struct ee_timer *silence; /* runs on a waiting connection of a workload not proven yet */
    bool reused;              /* the connection has waited, and may have ended unseen: see redial */
    bool keep_alive;          /* the answer leaves the connection open */
    bool request_end;         /* our side towards the workload is complete */
    bool answered;            /* the whole answer was handed to the tunnel */
    bool peer_ended;          /* the workload sends no more */
    bool cut;                 /* and did not say so: what it sent is not all */
    bool gone;                /* its connection is over: what still comes for it is discarded */
    size_t owed;              /* bytes written to the workload and not yet reported as consumed */
    struct ee_buffer pending; /* for the workload, until the connection is open or has answered */
    struct ee_bytes fresh;    /* just received, in the loop's memory; behind `input` */
    struct ee_buffer input;   /* from the workload, not parsed yet */
    struct ee_buffer rest;    /* parsed, not taken by the tunnel yet */
    struct ee_backend_stream *next, *previous;
};

/* backend.c */
void ee_backend_stream_free(struct ee_backend_stream *stream);
/* Resets it in the tunnel, and frees it. */
void ee_backend_stream_fail(struct ee_backend_stream *stream, enum ee_tunnel_code code,
                            const char *text);

/* backend_request.c */
/* The head is written and a connection is there or on its way. */
EE_MUST_USE enum ee_err ee_backend_request_start(struct ee_backend_stream *stream,
                                                 const struct ee_tunnel_event *event);
void ee_backend_request_data(struct ee_backend_stream *stream, const struct ee_tunnel_event *event);
void ee_backend_request_trailers(struct ee_backend_stream *stream,
                                 const struct ee_tunnel_head *trailers);
/* What is owed to the tunnel, as far as the workload's connection takes it. */
void ee_backend_request_consumed(struct ee_backend_stream *stream, size_t size);
void ee_backend_request_opened(struct ee_backend_stream *stream);
/* A connection that had waited ended before a byte of the answer: the workload has closed it
 * meanwhile, and the request, which may be made twice, goes out again on a new one. */
bool ee_backend_request_redial(struct ee_backend_stream *stream);
/* The first byte came on a connection that had waited. */
void ee_backend_request_answered(struct ee_backend_stream *stream);

/* backend_answer.c */
/* Moves everything that can move; false: the stream failed and is gone. */
bool ee_backend_answer_pump(struct ee_backend_stream *stream);
extern const struct ee_conn_events ee_backend_conn_events;
/* Both messages are complete: the connection may wait for the next request. */
void ee_backend_answer_release(struct ee_backend_stream *stream);

#endif
