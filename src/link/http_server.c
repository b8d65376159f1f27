/* SPDX-License-Identifier: Apache-2.0 */
#include "link/http2_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

#include "base/banned.h"

/* The last the owner hears of it. */
static void exchange_gone(struct ee_http_connection *c, enum ee_err err)
{
    struct ee_http_exchange *x = c->exchange;
    c->exchange = NULL;
    if (x->events)
        x->events->gone(x->context, x, err);
    ee_http_exchange_free(x);
}

static void connection_free(struct ee_http_connection *c)
{
    struct ee_http_server *server = c->server;
    if (c->next)
        c->next->previous = c->previous;
    if (c->previous)
        c->previous->next = c->next;
    else
        server->connections = c->next;
    server->count--;
    ee_loop_defer_cancel(&c->work);
    ee_timer_free(c->timer);
    ee_http_parser_free(c->parser);
    ee_buffer_close(&c->input);
    if (c->exchange)
        ee_http_exchange_free(c->exchange);
    ee_free(&ee_allocator_system, c);
}

void ee_http_connection_drop(struct ee_http_connection *c)
{
    ee_http_exchange_free(c->exchange);
    c->exchange = NULL;
    c->closing = true;
    c->dropped = true;
    if (!c->working)
        connection_free(c);
}

void ee_http_connection_later(struct ee_http_connection *c)
{
    ee_loop_defer(c->server->loop, &c->work);
}

void ee_http_connection_close(struct ee_http_connection *c, enum ee_err err)
{
    if (c->closing)
        return;
    c->closing = true;
    ee_timer_stop(c->timer);
    ee_conn_close(c->conn, err);
}

/* ---- time ---- */

static uint64_t or_default(uint64_t value, uint64_t otherwise)
{
    return value ? value : otherwise;
}

static enum ee_http_timing timing_of(const struct ee_http_connection *c)
{
    const struct ee_http_exchange *x = c->exchange;
    if (!x && c->used && c->input.size == 0 && ee_http_parser_idle(c->parser))
        return EE_HTTP_TIMING_IDLE;
    if (!x)
        return ee_conn_writable(c->conn) ? EE_HTTP_TIMING_HEAD : EE_HTTP_TIMING_ANSWER;
    if (!x->complete && !x->started)
        return x->paused ? EE_HTTP_TIMING_PAUSED : EE_HTTP_TIMING_BODY;
    return ee_conn_queued(c->conn) > 0 ? EE_HTTP_TIMING_ANSWER : EE_HTTP_TIMING_NONE;
}

static void timing_start(struct ee_http_connection *c, enum ee_http_timing timing)
{
    const struct ee_http_server_options *options = &c->server->options;
    c->timing = timing;
    c->queued_mark = ee_conn_queued(c->conn);
    switch (timing) {
    case EE_HTTP_TIMING_NONE:
        ee_timer_stop(c->timer);
        break;
    case EE_HTTP_TIMING_IDLE:
        ee_timer_start(c->timer, or_default(options->idle_ms, EE_HTTP_SERVER_IDLE_MS), 0);
        break;
    case EE_HTTP_TIMING_HEAD:
        ee_timer_start(c->timer, or_default(options->header_ms, EE_HTTP_SERVER_HEADER_MS), 0);
        break;
    case EE_HTTP_TIMING_BODY:
    case EE_HTTP_TIMING_PAUSED:
    case EE_HTTP_TIMING_ANSWER:
        ee_timer_start(c->timer, or_default(options->stall_ms, EE_HTTP_SERVER_STALL_MS), 0);
        break;
    }
}

/* The time of a head is counted from its first byte; every other starts again with what comes. */
static void timing_update(struct ee_http_connection *c, bool moved)
{
    enum ee_http_timing timing = timing_of(c);
    if (timing != c->timing || (moved && timing != EE_HTTP_TIMING_HEAD))
        timing_start(c, timing);
}

/* ---- answers the server gives by itself ---- */

static enum ee_err refusal_head(struct ee_http_head *head, uint16_t status,
                                const struct ee_http_refusal *refusal)
{
    char length[24];
    (void)snprintf(length, sizeof(length), "%zu", strlen(refusal->body));
    EE_TRY(ee_http_head_response(head, status, ee_bytes_of(NULL, 0)));
    EE_TRY(ee_http_head_add_text(head, "Content-Type", refusal->content_type));
    EE_TRY(ee_http_head_add_text(head, "Content-Length", length));
    if (refusal->request_id[0])
        EE_TRY(ee_http_head_add_text(head, "X-Request-Id", refusal->request_id));
    EE_TRY(ee_http_date_add(head));
    if (status == 405) /* RFC 9110 section 15.5.6 */
        EE_TRY(
            ee_http_head_add_text(head, "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    return ee_http_head_add_text(head, "Connection", "close");
}

static void refuse(struct ee_http_connection *c, uint16_t status, const char *text)
{
    const struct ee_http_server_options *options = &c->server->options;
    struct ee_http_head *head = c->server->head;
    struct ee_http_refusal refusal = {.content_type = "text/plain"};
    (void)snprintf(refusal.body, sizeof(refusal.body), "%s\n", text);
    if (options->refusal)
        options->refusal(options->context, status, text, &refusal);
    if (refusal_head(head, status, &refusal) == EE_OK &&
        ee_http_head_queue(c->conn, head, strlen(refusal.body)) == EE_OK &&
        ee_conn_write(c->conn, ee_bytes_str(refusal.body)) == EE_OK) {
        ee_http_connection_close(c, EE_HTTP);
        return;
    }
    c->closing = true;
    ee_conn_abort(c->conn, EE_HTTP);
}

/* The exchange cannot go on: says so if no answer has begun, else breaks it off. */
static void fail(struct ee_http_connection *c, enum ee_err err, uint16_t status, const char *text)
{
    struct ee_http_exchange *x = c->exchange;
    bool silent = x && x->started;
    if (x)
        exchange_gone(c, err);
    if (!silent) {
        refuse(c, status, text);
        return;
    }
    c->closing = true;
    ee_conn_abort(c->conn, err);
}

static void timed_out(void *context)
{
    struct ee_http_connection *c = context;
    if (c->closing)
        return;
    switch (c->timing) {
    case EE_HTTP_TIMING_NONE:
        break;
    case EE_HTTP_TIMING_IDLE:
        ee_http_connection_close(c, EE_TIMEOUT);
        break;
    case EE_HTTP_TIMING_HEAD:
        if (ee_http_parser_idle(c->parser))
            ee_http_connection_close(c, EE_TIMEOUT);
        else
            refuse(c, 408, "the request head took too long");
        break;
    case EE_HTTP_TIMING_BODY:
        fail(c, EE_TIMEOUT, 408, "the request body took too long");
        break;
    case EE_HTTP_TIMING_PAUSED: /* nor would we notice that the client has gone */
        fail(c, EE_TIMEOUT, 504, "the request body is not taken");
        break;
    case EE_HTTP_TIMING_ANSWER:
        if (ee_conn_queued(c->conn) >= c->queued_mark && c->queued_mark > 0)
            fail(c, EE_TIMEOUT, 408, "the answer is not read");
        else
            timing_start(c, timing_of(c));
        break;
    }
}

/* ---- reading ---- */

static struct ee_http_exchange *exchange_new(struct ee_http_connection *c,
                                             const struct ee_http_event *event)
{
    struct ee_http_exchange *x = ee_alloc(&ee_allocator_system, 1, sizeof(*x));
    struct ee_http_head *request = ee_realloc(&ee_allocator_system, NULL, 1, sizeof(*request));
    if (!x || !request) {
        ee_free(&ee_allocator_system, x);
        ee_free(&ee_allocator_system, request);
        return NULL;
    }
    ee_http_head_clear(request);
    ee_http_head_copy(request, event->head);
    x->ops = &ee_http1_exchange_ops;
    x->conn = c->conn;
    x->scratch = c->server->head;
    x->connection = c;
    x->request = request;
    x->has_length = event->has_length;
    x->length = event->content_length;
    x->chunked = event->chunked;
    x->keep_alive = event->keep_alive;
    x->wants_upgrade = event->upgrade;
    x->is_head = ee_bytes_equal(ee_http_head_method(request), ee_bytes_str("HEAD"));
    x->gone_err = EE_CLOSED;
    return x;
}

static void too_large(struct ee_http_connection *c)
{
    fail(c, EE_TOO_LARGE, 413, "the request body is larger than the limit");
}

static void on_head(struct ee_http_connection *c, const struct ee_http_event *event)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct ee_http_exchange *x = exchange_new(c, event);
    c->used = true;
    if (!x) {
        refuse(c, 503, "out of memory");
        return;
    }
    c->exchange = x;
    c->server->options.request(c->server->options.context, x);
    if (c->closing)
        return;
    if (x->too_large)
        too_large(c);
    else if (!x->events && !x->started)
        fail(c, EE_STATE, 500, "nobody answers here");
    else if (event->expect_continue && !x->started &&
             ee_conn_write(c->conn, ee_bytes_of(go_on, sizeof(go_on) - 1)) != EE_OK)
        ee_http_exchange_abort(x, EE_CLOSED);
}

static void on_body(struct ee_http_connection *c, struct ee_bytes bytes)
{
    struct ee_http_exchange *x = c->exchange;
    enum ee_err err = x ? ee_http_exchange_body_take(x, bytes) : EE_OK;
    if (err == EE_TOO_LARGE)
        too_large(c);
    else if (err != EE_OK)
        fail(c, err, 503, "out of memory");
}

static void on_trailers(struct ee_http_connection *c, const struct ee_http_head *trailers)
{
    struct ee_http_exchange *x = c->exchange;
    if (!x->finished && x->events && x->events->trailers)
        x->events->trailers(x->context, x, trailers);
}

static void on_event(struct ee_http_connection *c, const struct ee_http_event *event)
{
    switch (event->kind) {
    case EE_HTTP_EVENT_NONE:
        break;
    case EE_HTTP_EVENT_TRAILERS:
        on_trailers(c, event->head);
        break;
    case EE_HTTP_EVENT_HEAD:
        on_head(c, event);
        break;
    case EE_HTTP_EVENT_BODY:
        on_body(c, event->body);
        break;
    case EE_HTTP_EVENT_END:
    case EE_HTTP_EVENT_UPGRADE:
        ee_http_exchange_complete_take(c->exchange);
        break;
    }
}

/* One event; false when nothing more can be read now. */
static bool parse_one(struct ee_http_connection *c)
{
    size_t consumed = 0;
    struct ee_http_event event = {0};
    enum ee_err err = ee_http_parser_next(c->parser, ee_buffer_bytes(&c->input), &consumed, &event);
    if (err != EE_OK) {
        enum ee_http_rule rule = ee_http_parser_rule(c->parser);
        fail(c, EE_HTTP, ee_http_rule_status(rule), ee_http_rule_text(rule));
        return false;
    }
    bool borrows_input = event.kind == EE_HTTP_EVENT_BODY;
    if (!borrows_input)
        ee_buffer_consume(&c->input, consumed);
    on_event(c, &event);
    if (borrows_input)
        ee_buffer_consume(&c->input, consumed);
    return event.kind != EE_HTTP_EVENT_NONE && !c->closing;
}

static bool may_parse(const struct ee_http_connection *c)
{
    const struct ee_http_exchange *x = c->exchange;
    if (c->closing)
        return false;
    if (!x) /* no further request for a client that does not read its answers */
        return ee_conn_writable(c->conn);
    return !x->complete && (!x->paused || x->finished);
}

/* Ends the exchange whose answer was given whole. */
static void settle(struct ee_http_connection *c)
{
    struct ee_http_exchange *x = c->exchange;
    if (!x || !x->finished || (!x->complete && !ee_http_exchange_has_body(x)))
        return; /* a request without a body is complete at once */
    bool close_after = x->close_after || !x->complete;
    if (x->wants_upgrade && x->complete)
        ee_http_parser_resume(c->parser);
    exchange_gone(c, EE_OK);
    if (close_after)
        ee_http_connection_close(c, EE_OK);
}

/* The client said all it will: what is left to do with it? */
static void after_end(struct ee_http_connection *c)
{
    const struct ee_http_exchange *x = c->exchange;
    if (!x) {
        ee_http_connection_close(c, EE_OK);
    } else if (!x->complete || !x->collect || x->in_pieces) {
        c->closing = true;
        ee_conn_abort(c->conn, EE_CLOSED);
    }
}

static void work(struct ee_http_connection *c, bool moved)
{
    c->working = true;
    do
        settle(c);
    while (may_parse(c) && parse_one(c));
    settle(c);
    c->working = false;
    if (c->dropped) {
        connection_free(c);
        return;
    }
    if (!c->closing && c->ended && !(c->exchange && c->exchange->finished))
        after_end(c);
    if (c->closing)
        return;
    if (c->input.size >= EE_HTTP_SERVER_AHEAD_MAX)
        ee_conn_pause(c->conn);
    else
        ee_conn_resume(c->conn);
    timing_update(c, moved);
}

static void work_deferred(void *context)
{
    struct ee_http_connection *c = context;
    if (!c->closing)
        work(c, false);
}

/* ---- events of the connection ---- */

/* The connection speaks HTTP/2, beginning with these bytes. */
static void become_http2(struct ee_http_connection *c, struct ee_bytes received)
{
    if (ee_http2_connection_start(c->server, c->conn, received)) {
        connection_free(c);
        return;
    }
    c->closing = true;
    ee_conn_abort(c->conn, EE_NO_MEMORY);
}

static void conn_open(void *context, struct ee_conn *conn)
{
    struct ee_http_connection *c = context;
    if (c->server->options.http2 && strcmp(ee_conn_alpn(conn), "h2") == 0)
        become_http2(c, ee_bytes_of(NULL, 0));
    else
        timing_update(c, true);
}

/* RFC 9113 section 3.4: how much of the preface is there; 0: this is something else. */
static size_t preface_seen(const struct ee_http_connection *c)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const struct ee_bytes input = ee_buffer_bytes(&c->input);
    const size_t size = input.size < sizeof(preface) - 1 ? input.size : sizeof(preface) - 1;
    if (!c->server->options.http2 || c->used || ee_conn_has_tls(c->conn))
        return 0;
    return memcmp(input.data, preface, size) == 0 ? size : 0;
}

static void conn_data(void *context, struct ee_conn *conn, struct ee_bytes data)
{
    struct ee_http_connection *c = context;
    (void)conn;
    if (c->closing)
        return;
    if (ee_buffer_append(&c->input, data) != EE_OK) {
        fail(c, EE_NO_MEMORY, 503, "out of memory");
        return;
    }
    const size_t preface = preface_seen(c);
    if (preface == NGHTTP2_CLIENT_MAGIC_LEN)
        become_http2(c, ee_buffer_bytes(&c->input));
    else if (preface == 0)
        work(c, true);
}

static void conn_drained(void *context, struct ee_conn *conn)
{
    struct ee_http_connection *c = context;
    struct ee_http_exchange *x = c->exchange;
    (void)conn;
    if (c->closing)
        return;
    timing_update(c, true);
    ee_http_connection_later(c);
    if (x && x->events && x->events->writable && !x->finished)
        x->events->writable(x->context, x);
}

static void conn_ended(void *context, struct ee_conn *conn)
{
    struct ee_http_connection *c = context;
    (void)conn;
    c->ended = true;
    if (!c->closing)
        work(c, true);
}

static void conn_closed(void *context, struct ee_conn *conn, enum ee_err err)
{
    struct ee_http_connection *c = context;
    (void)conn;
    c->closing = true;
    if (c->exchange && c->exchange->finished)
        err = EE_OK;
    else if (err == EE_OK && c->exchange)
        err = c->exchange->gone_err;
    if (c->exchange)
        exchange_gone(c, err);
    connection_free(c);
}

static const struct ee_conn_events conn_events = {.open = conn_open,
                                                  .data = conn_data,
                                                  .drained = conn_drained,
                                                  .ended = conn_ended,
                                                  .closed = conn_closed};

bool ee_http_connection_add(struct ee_http_server *server, struct ee_conn *conn)
{
    struct ee_http_connection *c = ee_alloc(&ee_allocator_system, 1, sizeof(*c));
    struct ee_http_parser *parser =
        c ? ee_http_parser_new(&ee_allocator_system, EE_HTTP_SERVER) : NULL;
    if (!parser || ee_timer_new(server->loop, timed_out, c, &c->timer) != EE_OK) {
        ee_http_parser_free(parser);
        ee_free(&ee_allocator_system, c);
        return false;
    }
    c->server = server;
    c->conn = conn;
    c->parser = parser;
    c->work = (struct ee_deferred){.fn = work_deferred, .context = c};
    c->next = server->connections;
    if (c->next)
        c->next->previous = c;
    server->connections = c;
    server->count++;
    ee_conn_set_events(conn, &conn_events, c);
    return true;
}

/* Many that say nothing must not keep out one that asks. */
static bool make_room(void *context)
{
    struct ee_http_server *server = context;
    struct ee_http_connection *longest = NULL;
    if (ee_hello_peeks_make_room(server->peeks))
        return true;
    for (struct ee_http_connection *c = server->connections; c; c = c->next)
        if (!c->exchange && !c->closing && ee_conn_queued(c->conn) == 0)
            longest = c; /* the newest come first */
    if (!longest)
        return ee_http2_connections_make_room(server);
    longest->closing = true;
    ee_conn_abort(longest->conn, EE_FULL);
    return true;
}

/* ---- the server ---- */

enum ee_err ee_http_server_new(struct ee_loop *loop, const struct ee_http_server_options *options,
                               struct ee_http_server **out)
{
    struct ee_http_server *server = ee_alloc(&ee_allocator_system, 1, sizeof(*server));
    if (!server)
        return EE_NO_MEMORY;
    server->loop = loop;
    server->options = *options;
    server->options.address = NULL; /* was only borrowed */
    server->head = ee_alloc(&ee_allocator_system, 1, sizeof(*server->head));
    struct ee_listener_options listening = {.address = options->address,
                                            .socket = options->socket,
                                            .plain_anywhere = options->plain_anywhere,
                                            .tls = options->tls,
                                            .tls_later = options->claim && options->tls,
                                            .max_connections = options->max_connections,
                                            .accepted = ee_http_front_accepted,
                                            .make_room = make_room,
                                            .context = server};
    server->http2_shared = ee_alloc(&ee_allocator_system, 1, sizeof(*server->http2_shared));
    enum ee_err err =
        server->head && server->http2_shared ? ee_http_front_open(server) : EE_NO_MEMORY;
    if (err == EE_OK)
        err = ee_listener_new(loop, &listening, &server->listener);
    if (err != EE_OK) {
        ee_hello_peeks_free(server->peeks);
        ee_free(&ee_allocator_system, server->http2_shared);
        ee_free(&ee_allocator_system, server->head);
        ee_free(&ee_allocator_system, server);
        return err;
    }
    (void)snprintf(server->address, sizeof(server->address), "%s",
                   ee_listener_address(server->listener));
    server->port = ee_listener_port(server->listener);
    *out = server;
    return EE_OK;
}

int ee_http_server_socket(const struct ee_http_server *server)
{
    return server->listener ? ee_listener_socket(server->listener) : -1;
}

void ee_http_server_retire(struct ee_http_server *server)
{
    server->draining = true;
    ee_listener_free(server->listener);
    server->listener = NULL;
    ee_http2_connections_drain(server);
}

void ee_http_server_drain(struct ee_http_server *server)
{
    ee_http_server_retire(server);
    for (struct ee_http_connection *c = server->connections; c; c = c->next)
        if (!c->exchange)
            ee_http_connection_close(c, EE_OK);
}

void ee_http_server_free(struct ee_http_server *server)
{
    if (!server)
        return;
    ee_listener_free(server->listener);
    ee_hello_peeks_free(server->peeks);
    while (server->connections) {
        struct ee_http_connection *c = server->connections;
        ee_conn_set_events(c->conn, NULL, NULL);
        ee_conn_abort(c->conn, EE_CLOSED);
        c->closing = true;
        if (c->exchange)
            exchange_gone(c, EE_CLOSED);
        connection_free(c);
    }
    ee_http2_connections_free(server);
    ee_free(&ee_allocator_system, server->http2_shared);
    ee_free(&ee_allocator_system, server->head);
    ee_free(&ee_allocator_system, server);
}

const char *ee_http_server_address(const struct ee_http_server *server)
{
    return server->address;
}
