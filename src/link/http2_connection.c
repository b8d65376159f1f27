/* SPDX-License-Identifier: Apache-2.0 */
/* A session of HTTP/2 over a connection of the server. */
#include "base/alloc.h"
#include "link/http2_internal.h"

#include "base/banned.h"

enum { TICK_MIN_MS = 20, TICK_MAX_MS = 2500 };

struct ee_http2_connection {
    struct ee_http_server *server;
    struct ee_http2_connection *next, *previous;
    struct ee_conn *conn;
    struct ee_http2 *session;
    struct ee_timer *timer;
    struct ee_deferred work;
    bool closing;
};

static void connection_free(struct ee_http2_connection *c, enum ee_err err)
{
    struct ee_http_server *server = c->server;
    c->closing = true;
    ee_http2_free(c->session, err);
    if (c->next)
        c->next->previous = c->previous;
    if (c->previous)
        c->previous->next = c->next;
    else
        server->http2 = c->next;
    server->count--;
    ee_loop_defer_cancel(&c->work);
    ee_timer_free(c->timer);
    ee_free(&ee_allocator_system, c);
}

/* ---- what the session asks of us ---- */

static enum ee_err host_write(void *context, struct ee_bytes bytes)
{
    const struct ee_http2_connection *c = context;
    return ee_conn_write(c->conn, bytes);
}

static bool host_writable(void *context)
{
    const struct ee_http2_connection *c = context;
    return ee_conn_writable(c->conn);
}

static void host_later(void *context)
{
    struct ee_http2_connection *c = context;
    if (!c->closing)
        ee_loop_defer(c->server->loop, &c->work);
}

static uint64_t host_now(void *context)
{
    const struct ee_http2_connection *c = context;
    return ee_loop_now_us(c->server->loop);
}

/* ---- events ---- */

static void work(void *context)
{
    struct ee_http2_connection *c = context;
    if (c->closing)
        return;
    ee_http2_work(c->session);
    if (!ee_http2_over(c->session))
        return;
    c->closing = true;
    ee_timer_stop(c->timer);
    ee_conn_close(c->conn, EE_CLOSED);
}

static uint64_t limit_us(uint64_t given_ms, uint64_t otherwise_ms)
{
    return (given_ms ? given_ms : otherwise_ms) * 1000;
}

static void tick(void *context)
{
    struct ee_http2_connection *c = context;
    const struct ee_http_server_options *options = &c->server->options;
    if (!c->closing)
        ee_http2_tick(c->session, limit_us(options->header_ms, EE_HTTP_SERVER_HEADER_MS),
                      limit_us(options->idle_ms, EE_HTTP_SERVER_IDLE_MS),
                      limit_us(options->stall_ms, EE_HTTP_SERVER_STALL_MS));
}

static void conn_data(void *context, struct ee_conn *conn, struct ee_bytes data)
{
    struct ee_http2_connection *c = context;
    (void)conn;
    if (!c->closing)
        ee_http2_receive(c->session, data);
}

static void conn_drained(void *context, struct ee_conn *conn)
{
    (void)conn;
    work(context);
}

/* The client's direction is over: nobody can open a window any more, so it is as good as gone. */
static void conn_ended(void *context, struct ee_conn *conn)
{
    struct ee_http2_connection *c = context;
    if (c->closing)
        return;
    c->closing = true;
    ee_timer_stop(c->timer);
    ee_conn_close(conn, EE_CLOSED);
}

static void conn_closed(void *context, struct ee_conn *conn, enum ee_err err)
{
    (void)conn;
    connection_free(context, err == EE_OK ? EE_CLOSED : err);
}

static const struct ee_conn_events conn_events = {
    .data = conn_data, .drained = conn_drained, .ended = conn_ended, .closed = conn_closed};

/* ---- for the server ---- */

static uint64_t tick_ms(const struct ee_http_server_options *options)
{
    const uint64_t limits[] = {options->header_ms, options->idle_ms, options->stall_ms};
    uint64_t ms = TICK_MAX_MS;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        if (limits[i] && limits[i] / 4 < ms)
            ms = limits[i] / 4;
    return ms < TICK_MIN_MS ? TICK_MIN_MS : ms;
}

bool ee_http2_connection_start(struct ee_http_server *server, struct ee_conn *conn,
                               struct ee_bytes received)
{
    struct ee_http2_connection *c = ee_alloc(&ee_allocator_system, 1, sizeof(*c));
    if (!c)
        return false;
    const struct ee_http2_host host = {.shared = server->http2_shared,
                                       .scratch = server->head,
                                       .options = &server->options,
                                       .conn = conn,
                                       .write = host_write,
                                       .writable = host_writable,
                                       .later = host_later,
                                       .now_us = host_now,
                                       .context = c};
    c->server = server;
    c->conn = conn;
    c->work = (struct ee_deferred){.fn = work, .context = c};
    c->session = ee_http2_new(&host);
    if (!c->session || ee_timer_new(server->loop, tick, c, &c->timer) != EE_OK) {
        ee_http2_free(c->session, EE_NO_MEMORY);
        ee_free(&ee_allocator_system, c);
        return false;
    }
    c->next = server->http2;
    if (c->next)
        c->next->previous = c;
    server->http2 = c;
    server->count++;
    ee_conn_set_events(conn, &conn_events, c);
    const uint64_t every_ms = tick_ms(&server->options);
    ee_timer_start(c->timer, every_ms, every_ms);
    ee_http2_receive(c->session, received);
    if (server->draining)
        ee_http2_drain(c->session);
    return true;
}

void ee_http2_connections_drain(struct ee_http_server *server)
{
    for (struct ee_http2_connection *c = server->http2; c; c = c->next)
        if (!c->closing) {
            ee_http2_drain(c->session);
            ee_timer_start(c->timer, 100, 100);
        }
}

void ee_http2_connections_free(struct ee_http_server *server)
{
    while (server->http2) {
        struct ee_http2_connection *c = server->http2;
        ee_conn_set_events(c->conn, NULL, NULL);
        ee_conn_abort(c->conn, EE_CLOSED);
        connection_free(c, EE_CLOSED);
    }
}

bool ee_http2_connections_make_room(struct ee_http_server *server)
{
    struct ee_http2_connection *longest = NULL;
    for (struct ee_http2_connection *c = server->http2; c; c = c->next)
        if (!c->closing && c->session->count == 0)
            longest = c; /* the newest come first */
    if (!longest)
        return false;
    longest->closing = true;
    ee_conn_abort(longest->conn, EE_FULL);
    return true;
}
