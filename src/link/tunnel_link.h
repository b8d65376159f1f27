/* SPDX-License-Identifier: Apache-2.0 */
/* A tunnel session over a WebSocket over a connection, either side. It moves bytes between the
 * engine (tunnel/tunnel.h) and the connection, keeps the engine's time, and ends both together.
 *
 * Reading never waits for writing. Little is queued ahead in the connection (about 128 KiB), so
 * that the engine's priorities act. Pongs owed are one, not a queue. */
#ifndef EE_LINK_TUNNEL_LINK_H
#define EE_LINK_TUNNEL_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "io/conn.h"
#include "link/http_server.h"
#include "tunnel/tunnel.h"

struct ee_tunnel_link;

#define EE_TUNNEL_LINK_PATH "/v1/tunnel"
#define EE_TUNNEL_LINK_PROTOCOL "ee-tunnel-1" /* Sec-WebSocket-Protocol */

struct ee_tunnel_link_events {
    /* Dialled: the WebSocket is there, and with it engine and connection. May be NULL. */
    void (*open)(void *context, struct ee_tunnel_link *link);
    /* Of the engine, with its rules (tunnel/tunnel.h); all functions of ee_tunnel that a callback
     * may use may be used. */
    void (*event)(void *context, struct ee_tunnel_link *link, const struct ee_tunnel_event *event);
    /* The last callback, after the engine's CLOSED if there was one; the link is freed then. The
     * engine's error if it ended the session, else that of the connection or handshake:
     * EE_CONNECT, EE_TLS, EE_TIMEOUT, EE_REFUSED (the server did not answer 101, see
     * ee_tunnel_link_status()), EE_HTTP, EE_PROTOCOL, EE_CLOSED; EE_OK: closed by us. */
    void (*closed)(void *context, struct ee_tunnel_link *link, enum ee_err err);
};

/* Server: answers a request for the tunnel once it is complete, with 101 and a link, or with 400,
 * 403 (an Origin: no browser belongs here), 426; then EE_HTTP, EE_FORBIDDEN or EE_UNSUPPORTED is
 * returned and the exchange goes its way. EE_NO_MEMORY (503 was answered). After EE_OK the exchange
 * is gone. `events` is borrowed until `closed`. */
EE_MUST_USE enum ee_err ee_tunnel_link_accept(struct ee_http_exchange *exchange,
                                              const struct ee_tunnel_config *config,
                                              const struct ee_tunnel_link_events *events,
                                              void *context, struct ee_tunnel_link **out);
/* Client: dials and asks for EE_TUNNEL_LINK_PATH. The connection can be judged in `open`. Errors as
 * ee_conn_connect(). */
EE_MUST_USE enum ee_err ee_tunnel_link_dial(struct ee_loop *loop,
                                            const struct ee_conn_connect_options *options,
                                            const struct ee_tunnel_config *config,
                                            const struct ee_tunnel_link_events *events,
                                            void *context, struct ee_tunnel_link **out);

/* The engine; NULL before `open` of a dialled link. After using it outside `event`, call
 * ee_tunnel_link_flush(). */
struct ee_tunnel *ee_tunnel_link_tunnel(const struct ee_tunnel_link *link);
/* Sends at the end of this iteration what the engine has; cheap, may be called often. */
void ee_tunnel_link_flush(struct ee_tunnel_link *link);
/* ee_tunnel_control_send() and flush. EE_STATE before `open`. */
EE_MUST_USE enum ee_err ee_tunnel_link_control(struct ee_tunnel_link *link,
                                               struct ee_bytes message);
/* NULL before `open` of a dialled link. For exporter, peer key and address only. */
struct ee_conn *ee_tunnel_link_conn(const struct ee_tunnel_link *link);
void *ee_tunnel_link_context(const struct ee_tunnel_link *link);
/* Who gets the events from now on. */
void ee_tunnel_link_owner_set(struct ee_tunnel_link *link,
                              const struct ee_tunnel_link_events *events, void *context);
/* Bytes that wait to be sent: in the engine and in the connection. */
uint64_t ee_tunnel_link_queued(const struct ee_tunnel_link *link);
/* Dialled: the HTTP status that was not 101; 0 otherwise. */
uint16_t ee_tunnel_link_status(const struct ee_tunnel_link *link);
/* Dialled: what the server said in Retry-After, in seconds; 0: nothing. */
uint32_t ee_tunnel_link_retry_after_s(const struct ee_tunnel_link *link);
/* The code of the peer's WebSocket close frame; 0 without one. */
uint16_t ee_tunnel_link_close_code(const struct ee_tunnel_link *link);
const char *ee_tunnel_link_reason(const struct ee_tunnel_link *link);

/* Ends the session in order (GOAWAY, WebSocket close); `closed` follows. Also inside `event`. */
void ee_tunnel_link_close(struct ee_tunnel_link *link, enum ee_tunnel_code code, const char *text);
/* At once, nothing more is sent; `closed` follows with `err`. Also inside `event`. */
void ee_tunnel_link_abort(struct ee_tunnel_link *link, enum ee_err err);

#endif
