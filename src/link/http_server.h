/* SPDX-License-Identifier: Apache-2.0 */
/* A server of HTTP/1.1, and of HTTP/2 where asked for, on an io/listener. A request is an exchange:
 * its head arrives, the owner takes it with its body collected or streamed, and answers whole or in
 * pieces, now or later. Requests of one connection are handled one after another (pipelining keeps
 * its order).
 *
 * Malformed requests are answered here (400, 414, 431, 501, 505, ...) and never reach the owner.
 * Callbacks come from the loop, never from inside a function called here, except in
 * ee_http_server_free(). */
#ifndef EE_LINK_HTTP_SERVER_H
#define EE_LINK_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/message.h"
#include "io/buffer.h"
#include "io/conn.h"
#include "io/listener.h"
#include "link/hello_peek.h"

struct ee_http_server;
struct ee_http_exchange;

enum {
    EE_HTTP_SERVER_HEADER_MS = 10000, /* from the first byte (or the handshake) to the whole head */
    EE_HTTP_SERVER_IDLE_MS = 60000,   /* between requests */
    EE_HTTP_SERVER_STALL_MS = 60000,  /* a body that does not come or is not taken, or an answer
                                         that is not read */
    EE_HTTP_SERVER_AHEAD_MAX = 64 * 1024, /* bytes read behind the request being answered */
};

/* An answer the server gives by itself, in the owner's form. */
struct ee_http_refusal {
    const char *content_type;
    char request_id[33]; /* for X-Request-Id; empty: none */
    char body[1024];
};

struct ee_http_server_options {
    const char *address;
    int socket;             /* io/listener.h; 0: bind to the address */
    struct ee_tls *tls;     /* NULL: plain, loopback only */
    bool plain_anywhere;    /* io/listener.h */
    size_t max_connections; /* 0: the listener's default; beyond it the connection that has been
                             * without a request longest is reset, or the new one if all have one */
    uint64_t header_ms, idle_ms, stall_ms; /* 0: the defaults */
    /* HTTP/2 too: where ALPN agreed on it (struct ee_tls_server_options.http2), and on a plain
     * listener for clients that begin with its preface (RFC 9113 section 3.3). */
    bool http2;
    /* With TLS: sees the first message of each connection before TLS begins (hello_peek.h). True:
     * the connection is the caller's, raw, with `received` behind it; false: TLS ends here. The
     * conn has no events yet. NULL: nobody looks. */
    bool (*claim)(void *context, struct ee_conn *conn, const struct ee_client_hello *hello,
                  struct ee_bytes received);
    /* A request's head is there. The owner calls ee_http_exchange_collect() or
     * ee_http_exchange_stream(), or answers at once; else the answer is 500. */
    void (*request)(void *context, struct ee_http_exchange *exchange);
    /* Words what the server refuses by itself (malformed requests, 408, 413, 503). `out` holds
     * plain text already. NULL: plain text. */
    void (*refusal)(void *context, uint16_t status, const char *text, struct ee_http_refusal *out);
    void *context;
};

/* Any may be NULL except `gone`. */
struct ee_http_exchange_events {
    /* Streamed: a piece of the body, borrowed for the call. */
    void (*body)(void *context, struct ee_http_exchange *exchange, struct ee_bytes bytes);
    /* Before `complete`, when the request had any; borrowed for the call. */
    void (*trailers)(void *context, struct ee_http_exchange *exchange,
                     const struct ee_http_head *trailers);
    /* The request is complete. `body` is the collected one (valid until `gone`), else empty. */
    void (*complete)(void *context, struct ee_http_exchange *exchange, struct ee_bytes body);
    /* There was more queued than the connection's high water mark; now there is room. */
    void (*writable)(void *context, struct ee_http_exchange *exchange);
    /* The last callback; the exchange is invalid afterwards. EE_OK: the answer was given whole;
     * EE_CLOSED, EE_TIMEOUT, EE_TLS, ...: the client went away or broke off; EE_HTTP: its body was
     * malformed; EE_TOO_LARGE: the body exceeded the limit (413 was answered here). A client that
     * only ends its own direction while its request is collected still gets its answer; while it
     * is streamed, or the answer is, that counts as going away. */
    void (*gone)(void *context, struct ee_http_exchange *exchange, enum ee_err err);
};

/* EE_SYNTAX, EE_PLAINTEXT, EE_IO, EE_NO_MEMORY as ee_listener_new(). */
EE_MUST_USE enum ee_err ee_http_server_new(struct ee_loop *loop,
                                           const struct ee_http_server_options *options,
                                           struct ee_http_server **out);
/* The listening socket (io/listener.h); -1: none any more. */
int ee_http_server_socket(const struct ee_http_server *server);
/* Takes no new connection. Idle ones live on, for clients that are about to ask: each closes after
 * its next answer, or when ee_http_server_drain() comes. */
void ee_http_server_retire(struct ee_http_server *server);
/* Takes no new connection; those idle close, the others after their exchange. */
void ee_http_server_drain(struct ee_http_server *server);
/* Resets all connections; each exchange hears `gone` with EE_CLOSED during this call. Not inside a
 * callback of this server. NULL is fine. */
void ee_http_server_free(struct ee_http_server *server);
const char *ee_http_server_address(const struct ee_http_server *server);
uint16_t ee_http_server_port(const struct ee_http_server *server);
size_t ee_http_server_connections(const struct ee_http_server *server);

/* --- the request --- */

/* Until `gone`. */
const struct ee_http_head *ee_http_exchange_request(const struct ee_http_exchange *exchange);
/* For exporter, peer key, peer address, server name; not for reading, writing or closing. */
struct ee_conn *ee_http_exchange_conn(const struct ee_http_exchange *exchange);
void *ee_http_exchange_context(const struct ee_http_exchange *exchange);
/* Does it ask for another protocol (Upgrade)? Then ee_http_exchange_upgrade() is possible once it
 * is complete. */
bool ee_http_exchange_wants_upgrade(const struct ee_http_exchange *exchange);
bool ee_http_exchange_is_http2(const struct ee_http_exchange *exchange);
/* The length announced; false when there is none (chunked or no body). */
bool ee_http_exchange_length(const struct ee_http_exchange *exchange, uint64_t *length_out);
bool ee_http_exchange_has_body(const struct ee_http_exchange *exchange);

/* Takes the exchange, in the `request` callback: the body is kept and comes with `complete`; above
 * `limit` bytes it is refused with 413. `events` is borrowed until `gone`. */
void ee_http_exchange_collect(struct ee_http_exchange *exchange, size_t limit,
                              const struct ee_http_exchange_events *events, void *context);
/* The same with the body in pieces, as large as the client likes. */
void ee_http_exchange_stream(struct ee_http_exchange *exchange,
                             const struct ee_http_exchange_events *events, void *context);
/* Streaming: no `body` and no `complete` in between; the client is stalled. */
void ee_http_exchange_pause(struct ee_http_exchange *exchange);
void ee_http_exchange_resume(struct ee_http_exchange *exchange);

/* --- the answer --- */

/* Each function may be called at any time between `request` and `gone`. An answer that is complete
 * before the request closes the connection after it. The head is the caller's; its
 * framing fields (Content-Length, Transfer-Encoding, Connection) and a missing Date are set by the
 * call. Bodies are left out where the method or status has none. Results: EE_STATE: out of order;
 * EE_FULL: the queue of the connection is full (nothing was taken); EE_CLOSED: the connection is
 * closing, `gone` follows; EE_HTTP, EE_TOO_LARGE: head. */

/* An empty head to fill, shared by the server: valid until the callback returns. */
struct ee_http_head *ee_http_exchange_head(const struct ee_http_exchange *exchange);
/* The whole answer. */
EE_MUST_USE enum ee_err ee_http_exchange_answer(struct ee_http_exchange *exchange,
                                                struct ee_http_head *head, struct ee_bytes body);
/* The same for a status, a content type and nothing else. */
EE_MUST_USE enum ee_err ee_http_exchange_answer_text(struct ee_http_exchange *exchange,
                                                     uint16_t status, const char *content_type,
                                                     struct ee_bytes body);
/* 100 to 199 except 101, ahead of the answer. Nothing is sent to an HTTP/1.0 client. */
EE_MUST_USE enum ee_err ee_http_exchange_interim(struct ee_http_exchange *exchange,
                                                 const struct ee_http_head *head);
/* The answer in pieces: start, any number of writes, end. Without a known length it is chunked (for
 * HTTP/1.0: ended by closing). EE_RANGE: more or less than the length was written; at the end that
 * resets the connection, so that it is no clean end. */
EE_MUST_USE enum ee_err ee_http_exchange_start(struct ee_http_exchange *exchange,
                                               struct ee_http_head *head, bool has_length,
                                               uint64_t length);
EE_MUST_USE enum ee_err ee_http_exchange_write(struct ee_http_exchange *exchange,
                                               struct ee_bytes bytes);
/* `trailers` may be NULL; they are dropped when the body is not chunked. */
EE_MUST_USE enum ee_err ee_http_exchange_end(struct ee_http_exchange *exchange,
                                             const struct ee_http_head *trailers);
/* False: wait for `writable`. */
bool ee_http_exchange_writable(const struct ee_http_exchange *exchange);
/* Breaks off: the client gets a reset, never a clean end. `gone` follows with `err`. */
void ee_http_exchange_abort(struct ee_http_exchange *exchange, enum ee_err err);

/* Hands the connection over after the 101 `head` (Connection and Upgrade as the caller put them).
 * The exchange ends here without `gone`. The connection has no owner and is paused: set its events,
 * take `rest_out` (what came behind the request; the caller's to close), then resume. EE_STATE: no
 * upgrade was asked for, the request is not complete or an answer has begun; nothing changed then.
 */
EE_MUST_USE enum ee_err ee_http_exchange_upgrade(struct ee_http_exchange *exchange,
                                                 struct ee_http_head *head,
                                                 struct ee_conn **conn_out,
                                                 struct ee_buffer *rest_out);
/* The same for HTTP/2 (RFC 8441: an extended CONNECT comes here as the handshake it stands for): a
 * 200 with the fields of the 101 `head` goes out, the connection stays the server's, and the
 * exchange goes on with bytes: `body`, `complete`, `writable`, `gone` in, _write, _end and _abort
 * out, each direction ending by itself. EE_STATE as above, and for HTTP/1. */
EE_MUST_USE enum ee_err ee_http_exchange_upgrade_stream(struct ee_http_exchange *exchange,
                                                        struct ee_http_head *head);

#endif
