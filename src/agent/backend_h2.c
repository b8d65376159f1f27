/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/backend_h2.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "agent/backend_h2_internal.h"

#include "base/banned.h"

enum { IDLE_MS = 60000 };

/* ---- streams ---- */

void ee_h2_stream_closed(struct ee_h2_stream *s)
{
    if (!s->closed)
        s->peer->count--;
    s->closed = true;
}

void ee_h2_stream_free(struct ee_h2_stream *s)
{
    struct ee_h2_peer *peer = s->peer;
    if (s->tunnel)
        (void)!ee_tunnel_stream_context_set(s->tunnel, s->id, NULL);
    if (!s->closed && s->wire_id > 0) {
        (void)nghttp2_session_set_stream_user_data(peer->session, s->wire_id, NULL);
        (void)nghttp2_submit_rst_stream(peer->session, NGHTTP2_FLAG_NONE, s->wire_id,
                                        NGHTTP2_CANCEL);
        if (s->rest.size > 0)
            (void)nghttp2_session_consume_connection(peer->session, s->rest.size);
        ee_h2_peer_later(peer);
    }
    if (s->next)
        s->next->previous = s->previous;
    if (s->previous)
        s->previous->next = s->next;
    else
        peer->streams = s->next;
    ee_h2_stream_closed(s);
    ee_buffer_close(&s->out);
    ee_buffer_close(&s->rest);
    free(s->trailers);
    free(s->answer_trailers);
    free(s);
}

void ee_h2_stream_fail(struct ee_h2_stream *s, enum ee_tunnel_code code, const char *text)
{
    if (s->tunnel)
        (void)!ee_tunnel_reset(s->tunnel, s->id, code, text);
    s->tunnel = NULL;
    ee_h2_stream_free(s);
}

/* ---- connections ---- */

static void peer_free(struct ee_h2_peer *peer)
{
    struct ee_backend_h2 *h2 = peer->h2;
    if (peer->next)
        peer->next->previous = peer->previous;
    if (peer->previous)
        peer->previous->next = peer->next;
    else
        h2->peers = peer->next;
    ee_loop_defer_cancel(&peer->work);
    ee_timer_free(peer->idle);
    nghttp2_session_del(peer->session);
    free(peer->reader);
    free(peer);
}

void ee_h2_peer_later(struct ee_h2_peer *peer)
{
    if (!peer->closing)
        ee_loop_defer(peer->h2->loop, &peer->work);
}

static void peer_close(struct ee_h2_peer *peer)
{
    if (peer->closing)
        return;
    peer->closing = true;
    ee_conn_close(peer->conn, EE_CLOSED);
}

static void peer_work(void *context)
{
    struct ee_h2_peer *peer = context;
    struct ee_backend_h2 *h2 = peer->h2;
    if (!ee_conn_is_open(peer->conn))
        return;
    if (nghttp2_session_send(peer->session) != 0 ||
        (!nghttp2_session_want_read(peer->session) && !nghttp2_session_want_write(peer->session)))
        peer_close(peer);
    else if (peer->count > 0)
        ee_timer_stop(peer->idle);
    else if (!ee_timer_active(peer->idle))
        ee_timer_start(peer->idle, IDLE_MS, 0);
    h2->host.flush(h2->host.context);
}

static void idle_over(void *context)
{
    struct ee_h2_peer *peer = context;
    if (peer->count > 0)
        return;
    (void)nghttp2_session_terminate_session(peer->session, NGHTTP2_NO_ERROR);
    ee_h2_peer_later(peer);
}

static void conn_open(void *context, struct ee_conn *conn)
{
    struct ee_h2_peer *peer = context;
    (void)conn;
    peer->connected = true;
    ee_h2_peer_later(peer);
}

static void conn_data(void *context, struct ee_conn *conn, struct ee_bytes data)
{
    struct ee_h2_peer *peer = context;
    (void)conn;
    if (peer->closing)
        return;
    if (nghttp2_session_mem_recv(peer->session, data.data, data.size) < 0)
        peer_close(peer);
    else
        ee_h2_peer_later(peer);
}

static void conn_drained(void *context, struct ee_conn *conn)
{
    (void)conn;
    ee_h2_peer_later(context);
}

static void conn_ended(void *context, struct ee_conn *conn)
{
    (void)conn;
    peer_close(context);
}

static void conn_closed(void *context, struct ee_conn *conn, enum ee_err err)
{
    struct ee_h2_peer *peer = context;
    struct ee_backend_h2 *h2 = peer->h2;
    (void)conn;
    (void)err;
    peer->closing = true;
    for (struct ee_h2_stream *s = peer->streams, *next; s; s = next) {
        next = s->next;
        if (s->ended) { /* the tunnel still passes it on */
            ee_h2_stream_closed(s);
            continue;
        }
        if (peer->connected)
            ee_h2_stream_fail(s, EE_TUNNEL_BACKEND_CLOSED, "the app closed the connection");
        else
            ee_h2_stream_fail(s, EE_TUNNEL_BACKEND_REFUSED, "the app does not accept connections");
    }
    peer->conn = NULL;
    if (!peer->streams)
        peer_free(peer);
    h2->host.flush(h2->host.context);
}

static const struct ee_conn_events conn_events = {.open = conn_open,
                                                  .data = conn_data,
                                                  .drained = conn_drained,
                                                  .ended = conn_ended,
                                                  .closed = conn_closed};

static struct ee_h2_peer *peer_new(struct ee_backend_h2 *h2, uint16_t port)
{
    char address[32];
    struct ee_h2_peer *peer = calloc(1, sizeof(*peer));
    if (!peer)
        return NULL;
    peer->h2 = h2;
    peer->port = port;
    peer->work = (struct ee_deferred){.fn = peer_work, .context = peer};
    peer->next = h2->peers;
    if (peer->next)
        peer->next->previous = peer;
    h2->peers = peer;
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", (unsigned)port);
    const struct ee_conn_connect_options options = {.address = address};
    if (ee_timer_new(h2->loop, idle_over, peer, &peer->idle) == EE_OK && ee_h2_session_open(peer) &&
        ee_conn_connect(h2->loop, &options, &conn_events, peer, &peer->conn) == EE_OK)
        return peer;
    peer_free(peer);
    return NULL;
}

/* A connection with room for one stream more. */
static struct ee_h2_peer *peer_for(struct ee_backend_h2 *h2, uint16_t port)
{
    for (struct ee_h2_peer *peer = h2->peers; peer; peer = peer->next) {
        if (peer->port != port || peer->closing ||
            !nghttp2_session_check_request_allowed(peer->session))
            continue;
        const uint32_t theirs = nghttp2_session_get_remote_settings(
            peer->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
        if (peer->count < (theirs < EE_H2_PEER_STREAMS ? theirs : EE_H2_PEER_STREAMS))
            return peer;
    }
    return peer_new(h2, port);
}

/* ---- for the backend ---- */

bool ee_backend_h2_wants(const struct ee_tunnel_open *open)
{
    static const char type[] = "application/grpc";
    const size_t size = sizeof(type) - 1;
    if (open->kind != EE_TUNNEL_KIND_HTTP)
        return false;
    for (size_t i = 0; i < open->pair_count; i++) {
        const struct ee_bytes value = open->pairs[i].value;
        if (!ee_http_equal(open->pairs[i].name, "content-type") || value.size < size)
            continue;
        const uint8_t after = value.size > size ? value.data[size] : ';';
        return ee_http_equal(ee_bytes_of(value.data, size), type) &&
               (after == ';' || after == '+' || after == ' ');
    }
    return false;
}

bool ee_backend_h2_open(struct ee_backend_h2 *h2, struct ee_tunnel *tunnel,
                        const struct ee_tunnel_event *event, uint16_t port)
{
    struct ee_h2_peer *peer = peer_for(h2, port);
    struct ee_h2_stream *s = peer ? calloc(1, sizeof(*s)) : NULL;
    if (!s)
        return false;
    s->on_event = ee_h2_stream_event;
    s->peer = peer;
    s->tunnel = tunnel;
    s->id = event->stream;
    s->next = peer->streams;
    if (s->next)
        s->next->previous = s;
    peer->streams = s;
    peer->count++;
    s->request_end = event->end;
    if (ee_tunnel_stream_context_set(tunnel, event->stream, s) == EE_OK &&
        ee_h2_request_submit(s, event->open)) {
        ee_h2_peer_later(peer);
        return true;
    }
    s->tunnel = NULL;
    ee_h2_stream_free(s);
    return false;
}

void ee_h2_peer_settle(struct ee_h2_peer *peer)
{
    if (!peer->conn && !peer->streams)
        peer_free(peer);
}

struct ee_backend_h2 *ee_backend_h2_new(struct ee_loop *loop, const struct ee_backend_host *host)
{
    struct ee_backend_h2 *h2 = calloc(1, sizeof(*h2));
    if (h2)
        *h2 = (struct ee_backend_h2){.loop = loop, .host = *host};
    return h2;
}

void ee_backend_h2_free(struct ee_backend_h2 *h2)
{
    while (h2 && h2->peers) {
        struct ee_h2_peer *peer = h2->peers;
        peer->closing = true;
        while (peer->streams) {
            peer->streams->tunnel = NULL;
            ee_h2_stream_free(peer->streams);
        }
        if (peer->conn) {
            ee_conn_set_events(peer->conn, NULL, NULL);
            ee_conn_abort(peer->conn, EE_CLOSED);
        }
        peer_free(peer);
    }
    free(h2);
}
