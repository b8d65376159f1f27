/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the HTTP server: http_server.c (connections, reading, time), http_exchange.c (answers).
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

struct ee_http_exchange {
    struct ee_http_connection *connection;
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
};

/* Date, unless the head has one. */
EE_MUST_USE enum ee_err ee_http_date_add(struct ee_http_head *head);
/* Goes on with the connection at the end of this iteration. */
void ee_http_connection_later(struct ee_http_connection *c);
/* In order, after what is queued. */
void ee_http_connection_close(struct ee_http_connection *c, enum ee_err err);
/* Frees it with its exchange, without callbacks, after the connection got another owner. */
void ee_http_connection_drop(struct ee_http_connection *c);

#endif
