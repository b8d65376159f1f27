/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP/1.1 client on one connection: requests one after another, bodies streamed both ways,
 * upgrade. It never dials again by itself: what was verified about a connection holds for that
 * connection only. Callbacks come from the loop, never from inside a function called here. */
#ifndef EE_LINK_HTTP_CLIENT_H
#define EE_LINK_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/message.h"
#include "io/buffer.h"
#include "io/conn.h"

struct ee_http_client;

/* Any may be NULL except `closed`. */
struct ee_http_client_events {
    void (*open)(void *context, struct ee_http_client *client); /* requests may be sent */
    void (*interim)(void *context, struct ee_http_client *client, const struct ee_http_head *head);
    /* Of the answer, also a 101; borrowed for the call. */
    void (*head)(void *context, struct ee_http_client *client, const struct ee_http_head *head);
    void (*body)(void *context, struct ee_http_client *client, struct ee_bytes bytes);
    void (*trailers)(void *context, struct ee_http_client *client, const struct ee_http_head *head);
    /* The answer is complete. If ee_http_client_ready(), the next request may be sent, also here;
     * else `closed` follows. */
    void (*end)(void *context, struct ee_http_client *client);
    /* After `head` of a 101: ee_http_client_take() now, here; else the connection is closed. */
    void (*upgraded)(void *context, struct ee_http_client *client);
    void (*writable)(void *context, struct ee_http_client *client);
    /* The last callback; the client frees itself afterwards. EE_OK: after ee_http_client_close(),
     * or by the server between two answers; EE_CONNECT, EE_TLS, EE_TIMEOUT; EE_CLOSED: in the
     * middle; EE_HTTP: the answer breaks a rule. ee_http_client_reason() has words. */
    void (*closed)(void *context, struct ee_http_client *client, enum ee_err err);
};

/* Errors as ee_conn_connect(). */
EE_MUST_USE enum ee_err ee_http_client_new(struct ee_loop *loop,
                                           const struct ee_conn_connect_options *options,
                                           const struct ee_http_client_events *events,
                                           void *context, struct ee_http_client **out);
/* Ends it in order; only `closed` is still called. Again: nothing. */
void ee_http_client_close(struct ee_http_client *client);
/* At once, with that error. */
void ee_http_client_abort(struct ee_http_client *client, enum ee_err err);
/* The owner goes away: as abort, but nobody is called any more. NULL is fine. */
void ee_http_client_free(struct ee_http_client *client);

/* Open, and no request in progress? */
bool ee_http_client_ready(const struct ee_http_client *client);
struct ee_conn *ee_http_client_conn(const struct ee_http_client *client); /* exporter, peer key */
const char *ee_http_client_host(const struct ee_http_client *client);     /* as for Host */
const char *ee_http_client_reason(const struct ee_http_client *client);

/* A whole request. The head's framing fields are set by the call; a missing Host is the name the
 * connection was made with. EE_STATE: not ready; EE_FULL, EE_CLOSED; EE_HTTP, EE_TOO_LARGE: head.
 */
EE_MUST_USE enum ee_err ee_http_client_send(struct ee_http_client *client,
                                            struct ee_http_head *head, struct ee_bytes body);
/* In pieces: start, writes, end. Without a known length it is chunked. EE_RANGE: more or less than
 * the length was written. The answer may come before the end. A request that asks for an upgrade
 * (Connection: upgrade) has no body: send it with ee_http_client_send(). */
EE_MUST_USE enum ee_err ee_http_client_start(struct ee_http_client *client,
                                             struct ee_http_head *head, bool has_length,
                                             uint64_t length);
EE_MUST_USE enum ee_err ee_http_client_write(struct ee_http_client *client, struct ee_bytes bytes);
EE_MUST_USE enum ee_err ee_http_client_end(struct ee_http_client *client,
                                           const struct ee_http_head *trailers);
bool ee_http_client_writable(const struct ee_http_client *client);
/* No event of the answer in between; the server is stalled. */
void ee_http_client_pause(struct ee_http_client *client);
void ee_http_client_resume(struct ee_http_client *client);

/* In `upgraded`: the connection, without owner and paused, and what came behind the 101 (the
 * caller's to close). The client frees itself without `closed`. */
struct ee_conn *ee_http_client_take(struct ee_http_client *client, struct ee_buffer *rest_out);

#endif
