/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of a tunnel link: tunnel_link.c (session), tunnel_handshake.c (how it comes about). */
#ifndef EE_LINK_TUNNEL_LINK_INTERNAL_H
#define EE_LINK_TUNNEL_LINK_INTERNAL_H

#include "http/websocket.h"
#include "link/http_client.h"
#include "link/tunnel_link.h"

enum {
    EE_TUNNEL_LINK_UPGRADE_MS = 10000, /* from the TLS handshake to the answer 101 */
    EE_TUNNEL_LINK_MASK_POOL = 4096,
    EE_TUNNEL_LINK_RETRY_AFTER_MAX_S = 3600,
    EE_TUNNEL_LINK_REASON = 192,
};

struct ee_tunnel_link {
    struct ee_loop *loop;
    const struct ee_tunnel_link_events *events;
    void *context;
    struct ee_tunnel *tunnel; /* NULL while the handshake lasts */
    struct ee_tunnel_config config;
    struct ee_conn *conn;        /* NULL while the handshake lasts */
    struct ee_http_client *http; /* dialling */
    struct ee_ws_decoder decoder;
    struct ee_buffer rest; /* what came behind the handshake */
    struct ee_timer *timer;
    uint64_t timer_us; /* when it fires; 0: not running */
    uint64_t over_us;  /* when the engine ended */
    struct ee_deferred work;
    bool client;      /* dialled: frames are masked */
    bool tunnel_over; /* CLOSED was seen */
    bool close_sent;  /* the WebSocket close */
    bool pong_owed;
    uint8_t pong[EE_WS_CONTROL_MAX];
    size_t pong_size;
    enum ee_err err; /* the first reason to end */
    bool err_set;
    uint16_t status, peer_close_code;
    uint32_t retry_after_s;
    char reason[EE_TUNNEL_LINK_REASON];
    char key_text[EE_WS_KEY_TEXT_SIZE];
    uint8_t *mask_pool; /* of a client */
    size_t mask_left;
};

/* Without a connection yet. `client`: we dial. */
EE_MUST_USE enum ee_err ee_tunnel_link_new(struct ee_loop *loop, bool client,
                                           const struct ee_tunnel_config *config,
                                           const struct ee_tunnel_link_events *events,
                                           void *context, struct ee_tunnel_link **out);
/* Without callbacks. */
void ee_tunnel_link_free(struct ee_tunnel_link *link);
/* The WebSocket is there: makes the engine and takes the connection over, with `rest`.
 * EE_NO_MEMORY: neither was taken. */
EE_MUST_USE enum ee_err ee_tunnel_link_attach(struct ee_tunnel_link *link, struct ee_conn *conn,
                                              const struct ee_buffer *rest);
/* Keeps the first reason to end. */
void ee_tunnel_link_note(struct ee_tunnel_link *link, enum ee_err err, struct ee_bytes reason);
/* Last callbacks, then frees. */
void ee_tunnel_link_over(struct ee_tunnel_link *link, enum ee_err err, const char *reason);

#endif
