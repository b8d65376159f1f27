/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the HTTP server: http_server.c (connections of HTTP/1, reading, time), http_exchange.c
 * (what both versions share), http1_exchange.c (answers of HTTP/1), http2_*.c (http2_internal.h).
 */
#ifndef EE_LINK_HTTP_SERVER_INTERNAL_H
#define EE_LINK_HTTP_SERVER_INTERNAL_H

#include "http/parser.h"
#include "io/address.h"
#include "link/http_server.h"
#include "link/http_write.h"

enum ee_http_timing {
    EE_HTTP_TIMING_NONE,
    EE_HTTP_TIMING_IDLE,   /* between requests */
    EE_HTTP_TIMING_HEAD,   /* a head has begun, or a new connection has said nothing */
    EE_HTTP_TIMING_BODY,   /* more of the body must come */
    EE_HTTP_TIMING_PAUSED, /* the owner must take more of the body */
    EE_HTTP_TIMING_ANSWER, /* what is queued must go */
};

struct ee_http_connection {
    struct ee_http_server *server;
    struct ee_http_connection *next, *previous;
    struct ee_conn *conn;
    struct ee_http_parser *parser;
    struct ee_buffer input; /* received, not parsed */
    struct ee_http_exchange *exchange;
    struct ee_timer *timer;
    enum ee_http_timing timing;
    size_t queued_mark; /* when the answer's time began */
    struct ee_deferred work;
    bool used;    /* a request has come */
    bool ended;   /* the client's direction is over */
    bool closing; /* we have closed or aborted it */
    bool working; /* ee_http_connection_work() is on the stack */
    bool dropped; /* the connection was handed over: free when it is not */
};

/* What the versions of HTTP do differently, below the functions of http_server.h. */
struct ee_http_exchange_ops {
    /* Sends the head with its framing; `more` bytes of a body follow, all of it when `whole`. */
    enum ee_err (*begin)(struct ee_http_exchange *x, struct ee_http_head *head, bool whole,
                         size_t more);
    enum ee_err (*write)(struct ee_http_exchange *x, struct ee_bytes bytes);
    enum ee_err (*end)(struct ee_http_exchange *x, const struct ee_http_head *trailers);
    enum ee_err (*interim)(struct ee_http_exchange *x, const struct ee_http_head *head);
    bool (*writable)(const struct ee_http_exchange *x);
    void (*abort)(struct ee_http_exchange *x, enum ee_err err);
    void (*later)(struct ee_http_exchange *x); /* something changed: go on in this iteration */
};

struct ee_http_exchange {
    const struct ee_http_exchange_ops *ops;
    struct ee_conn *conn;
    struct ee_http_head *scratch;          /* of the server */
    struct ee_http_connection *connection; /* HTTP/1 */
    struct ee_http_head *request;
    const struct ee_http_exchange_events *events;
    void *context;
    /* the request */
    bool collect, has_length, chunked, keep_alive, wants_upgrade, is_head;
    bool complete, paused, too_large;
    uint64_t length;
    size_t limit;
    struct ee_buffer body;
    /* the answer */
    bool started, finished, without_body, in_pieces, close_after;
    bool is_http2;
    bool raw; /* HTTP/2: upgraded; both directions carry bytes */
    struct ee_http_framing framing;
    enum ee_err gone_err; /* what `gone` will say */
};

struct ee_http_server {
    struct ee_loop *loop;
    struct ee_http_server_options options;
    struct ee_listener *listener;
    char address[EE_ADDRESS_TEXT_SIZE];
    uint16_t port;
    struct ee_http_connection *connections;
    size_t count;
    bool draining;
    struct ee_http_head *head; /* for answers */
    struct ee_http2_connection *http2;
    struct ee_http2_shared *http2_shared;
};

extern const struct ee_http_exchange_ops ee_http1_exchange_ops;

/* The body's bytes and end, for the owner, by either version; `collect`ed above the limit:
 * EE_TOO_LARGE. */
EE_MUST_USE enum ee_err ee_http_exchange_body_take(struct ee_http_exchange *x,
                                                   struct ee_bytes bytes);
void ee_http_exchange_complete_take(struct ee_http_exchange *x);
void ee_http_exchange_free(struct ee_http_exchange *x);

/* Date, unless the head has one. */
EE_MUST_USE enum ee_err ee_http_date_add(struct ee_http_head *head);
/* Goes on with the connection at the end of this iteration. */
void ee_http_connection_later(struct ee_http_connection *c);
/* In order, after what is queued. */
void ee_http_connection_close(struct ee_http_connection *c, enum ee_err err);
/* Frees it with its exchange, without callbacks, after the connection got another owner. */
void ee_http_connection_drop(struct ee_http_connection *c);

#endif
