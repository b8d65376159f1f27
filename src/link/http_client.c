/* SPDX-License-Identifier: Apache-2.0 */
#include "link/http_client.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "http/parser.h"
#include "link/http_write.h"

#include "base/banned.h"

enum { HOST_SIZE = 320, REASON_SIZE = 160 };

struct ee_http_client {
    struct ee_loop *loop;
    struct ee_conn *conn;
    struct ee_http_parser *parser;
    struct ee_buffer input;
    const struct ee_http_client_events *events;
    void *context;
    struct ee_deferred work;
    char host[HOST_SIZE]; /* for requests without Host */
    char reason[REASON_SIZE];
    struct ee_http_framing framing; /* of the request */
    bool open;
    bool busy;      /* a request was begun and its answer is not complete */
    bool in_pieces; /* the request is not complete */
    bool paused, ended, closing;
    bool upgraded; /* in that callback */
    bool working;  /* client_work() is on the stack */
    bool gone;     /* taken or freed meanwhile: release when it is not */
    enum ee_err err;
};

static void release(struct ee_http_client *client)
{
    ee_loop_defer_cancel(&client->work);
    ee_http_parser_free(client->parser);
    ee_buffer_close(&client->input);
    ee_free(&ee_allocator_system, client);
}

static void release_later(struct ee_http_client *client)
{
    client->gone = true;
    client->closing = true;
    if (!client->working)
        release(client);
}

static void fail(struct ee_http_client *client, enum ee_err err, const char *reason)
{
    if (client->closing)
        return;
    client->closing = true;
    client->err = err;
    (void)snprintf(client->reason, sizeof(client->reason), "%s", reason);
    ee_conn_abort(client->conn, err);
}

void ee_http_client_close(struct ee_http_client *client)
{
    if (client->closing)
        return;
    client->closing = true;
    client->err = EE_OK;
    ee_conn_close(client->conn, EE_OK);
}

void ee_http_client_abort(struct ee_http_client *client, enum ee_err err)
{
    fail(client, err, "");
}

void ee_http_client_free(struct ee_http_client *client)
{
    if (!client || client->gone)
        return;
    ee_conn_set_events(client->conn, NULL, NULL);
    ee_conn_abort(client->conn, EE_CLOSED);
    release_later(client);
}

/* ---- the answer ---- */

static void on_end(struct ee_http_client *client, const struct ee_http_event *event)
{
    bool reusable = event->keep_alive && !event->until_close && !client->in_pieces;
    client->busy = false;
    client->in_pieces = false;
    if (!reusable)
        ee_http_client_close(client);
    if (client->events->end)
        client->events->end(client->context, client);
}

static void on_upgrade(struct ee_http_client *client)
{
    client->upgraded = true;
    if (client->events->upgraded)
        client->events->upgraded(client->context, client);
    if (client->gone)
        return;
    client->upgraded = false;
    fail(client, EE_STATE, "nobody took the upgraded connection");
}

static void on_head(struct ee_http_client *client, const struct ee_http_event *event)
{
    const struct ee_http_client_events *events = client->events;
    if (event->interim) {
        if (events->interim)
            events->interim(client->context, client, event->head);
    } else if (events->head) {
        events->head(client->context, client, event->head);
    }
}

static void on_event(struct ee_http_client *client, const struct ee_http_event *event)
{
    const struct ee_http_client_events *events = client->events;
    switch (event->kind) {
    case EE_HTTP_EVENT_NONE:
        break;
    case EE_HTTP_EVENT_HEAD:
        on_head(client, event);
        break;
    case EE_HTTP_EVENT_BODY:
        if (events->body)
            events->body(client->context, client, event->body);
        break;
    case EE_HTTP_EVENT_TRAILERS:
        if (events->trailers)
            events->trailers(client->context, client, event->head);
        break;
    case EE_HTTP_EVENT_END:
        on_end(client, event);
        break;
    case EE_HTTP_EVENT_UPGRADE:
        on_upgrade(client);
        break;
    }
}

static void refuse(struct ee_http_client *client)
{
    fail(client, EE_HTTP, ee_http_rule_text(ee_http_parser_rule(client->parser)));
}

/* One event; false when nothing more can be read now. */
static bool parse_one(struct ee_http_client *client)
{
    size_t consumed = 0;
    struct ee_http_event event = {0};
    if (ee_http_parser_next(client->parser, ee_buffer_bytes(&client->input), &consumed, &event) !=
        EE_OK) {
        refuse(client);
        return false;
    }
    bool borrows_input = event.kind == EE_HTTP_EVENT_BODY;
    if (!borrows_input)
        ee_buffer_consume(&client->input, consumed);
    on_event(client, &event);
    if (borrows_input)
        ee_buffer_consume(&client->input, consumed);
    return event.kind != EE_HTTP_EVENT_NONE;
}

static bool may_parse(const struct ee_http_client *client)
{
    return client->busy && !client->paused && !client->closing;
}

/* The server says no more: the end of a body without a length, or of a connection in no use, or a
 * cut. */
static void after_end(struct ee_http_client *client)
{
    struct ee_http_event event = {0};
    if (!client->busy)
        ee_http_client_close(client);
    else if (ee_http_parser_idle(client->parser))
        fail(client, EE_CLOSED, "the server ended the connection before an answer");
    else if (ee_http_parser_finish(client->parser, &event) != EE_OK)
        fail(client, EE_CLOSED, "the server ended the connection inside an answer");
    else
        on_event(client, &event);
}

static void client_work(struct ee_http_client *client)
{
    client->working = true;
    while (may_parse(client) && parse_one(client))
        ;
    if (client->ended && !client->paused && !client->closing)
        after_end(client);
    client->working = false;
    if (client->gone) {
        release(client);
        return;
    }
    if (!client->closing && !client->busy && client->input.size > 0)
        fail(client, EE_HTTP, "bytes that no request asked for");
}

static void work_deferred(void *context)
{
    client_work(context);
}

/* ---- events of the connection ---- */

static void conn_open(void *context, struct ee_conn *conn)
{
    struct ee_http_client *client = context;
    (void)conn;
    client->open = true;
    if (!client->closing && client->events->open)
        client->events->open(client->context, client);
}

static void conn_data(void *context, struct ee_conn *conn, struct ee_bytes data)
{
    struct ee_http_client *client = context;
    (void)conn;
    if (client->closing)
        return;
    if (ee_buffer_append(&client->input, data) != EE_OK)
        fail(client, EE_NO_MEMORY, "no memory for the answer");
    else
        client_work(client);
}

static void conn_drained(void *context, struct ee_conn *conn)
{
    struct ee_http_client *client = context;
    (void)conn;
    if (!client->closing && client->events->writable)
        client->events->writable(client->context, client);
}

static void conn_ended(void *context, struct ee_conn *conn)
{
    struct ee_http_client *client = context;
    (void)conn;
    client->ended = true;
    client_work(client);
}

static void conn_closed(void *context, struct ee_conn *conn, enum ee_err err)
{
    struct ee_http_client *client = context;
    bool between_answers = client->open && !client->busy && (err == EE_CLOSED || err == EE_OK);
    if (!client->closing) {
        if (between_answers)
            client->err = EE_OK;
        else
            client->err = err == EE_OK ? EE_CLOSED : err;
    }
    client->closing = true;
    if (client->reason[0] == '\0')
        (void)snprintf(client->reason, sizeof(client->reason), "%s", ee_conn_reason(conn));
    client->events->closed(client->context, client, client->err);
    release(client);
}

static const struct ee_conn_events conn_events = {.open = conn_open,
                                                  .data = conn_data,
                                                  .drained = conn_drained,
                                                  .ended = conn_ended,
                                                  .closed = conn_closed};

/* "name:port", with the port left out where it is the scheme's own (RFC 9110 section 4.2). */
static void host_set(struct ee_http_client *client, const struct ee_conn_connect_options *options)
{
    const char *port = strrchr(options->address, ':');
    if (!port)
        return; /* ee_conn_connect() will say so */
    bool usual = strcmp(port, options->tls ? ":443" : ":80") == 0;
    if (options->server_name)
        (void)snprintf(client->host, sizeof(client->host), "%s%s", options->server_name,
                       usual ? "" : port);
    else
        (void)snprintf(client->host, sizeof(client->host), "%.*s%s", (int)(port - options->address),
                       options->address, usual ? "" : port);
}

enum ee_err ee_http_client_new(struct ee_loop *loop, const struct ee_conn_connect_options *options,
                               const struct ee_http_client_events *events, void *context,
                               struct ee_http_client **out)
{
    struct ee_http_client *client = ee_alloc(&ee_allocator_system, 1, sizeof(*client));
    if (!client)
        return EE_NO_MEMORY;
    client->loop = loop;
    client->events = events;
    client->context = context;
    client->work = (struct ee_deferred){.fn = work_deferred, .context = client};
    client->parser = ee_http_parser_new(&ee_allocator_system, EE_HTTP_CLIENT);
    host_set(client, options);
    enum ee_err err = client->parser
                          ? ee_conn_connect(loop, options, &conn_events, client, &client->conn)
                          : EE_NO_MEMORY;
    if (err != EE_OK) {
        release(client);
        return err;
    }
    *out = client;
    return EE_OK;
}

bool ee_http_client_ready(const struct ee_http_client *client)
{
    return client->open && !client->busy && !client->closing && !client->ended;
}

struct ee_conn *ee_http_client_conn(const struct ee_http_client *client)
{
    return client->conn;
}

const char *ee_http_client_host(const struct ee_http_client *client)
{
    return client->host;
}

const char *ee_http_client_reason(const struct ee_http_client *client)
{
    return client->reason;
}

/* ---- the request ---- */

static enum ee_err begin(struct ee_http_client *client, struct ee_http_head *head, size_t more)
{
    struct ee_bytes host;
    bool is_head = ee_bytes_equal(ee_http_head_method(head), ee_bytes_str("HEAD"));
    bool upgrade = ee_http_head_has_token(head, "Connection", "upgrade");
    if (!ee_http_client_ready(client))
        return EE_STATE;
    if (!ee_http_head_find(head, "Host", &host))
        EE_TRY(ee_http_head_add_text(head, "Host", client->host));
    EE_TRY(ee_http_framing_set(head, &client->framing));
    EE_TRY(ee_http_head_queue(client->conn, head, more));
    ee_http_parser_expect(client->parser, is_head, upgrade);
    client->busy = true;
    return EE_OK;
}

/* RFC 9110 section 8.6: a length of 0 is said where a body would be usual. */
static bool usually_has_body(const struct ee_http_head *head)
{
    struct ee_bytes method = ee_http_head_method(head);
    return ee_bytes_equal(method, ee_bytes_str("POST")) ||
           ee_bytes_equal(method, ee_bytes_str("PUT")) ||
           ee_bytes_equal(method, ee_bytes_str("PATCH"));
}

enum ee_err ee_http_client_send(struct ee_http_client *client, struct ee_http_head *head,
                                struct ee_bytes body)
{
    client->framing = (struct ee_http_framing){
        .has_length = body.size > 0 || usually_has_body(head), .left = body.size};
    /* The caller holds the body anyway: a large one does not have to fit the queue's limit. */
    if (body.size > EE_CONN_QUEUE_LIMIT / 2)
        ee_conn_set_water(client->conn, EE_CONN_LOW_WATER, EE_CONN_HIGH_WATER,
                          EE_CONN_QUEUE_LIMIT + body.size);
    enum ee_err err = begin(client, head, body.size);
    if (err == EE_OK)
        err = ee_http_body_queue(client->conn, &client->framing, body);
    ee_conn_set_water(client->conn, EE_CONN_LOW_WATER, EE_CONN_HIGH_WATER, EE_CONN_QUEUE_LIMIT);
    return err;
}

enum ee_err ee_http_client_start(struct ee_http_client *client, struct ee_http_head *head,
                                 bool has_length, uint64_t length)
{
    if (!ee_http_client_ready(client))
        return EE_STATE;
    client->framing =
        (struct ee_http_framing){.chunked = !has_length, .has_length = has_length, .left = length};
    EE_TRY(begin(client, head, 0));
    client->in_pieces = true;
    return EE_OK;
}

enum ee_err ee_http_client_write(struct ee_http_client *client, struct ee_bytes bytes)
{
    if (!client->in_pieces || client->closing)
        return EE_STATE;
    return ee_http_body_queue(client->conn, &client->framing, bytes);
}

enum ee_err ee_http_client_end(struct ee_http_client *client, const struct ee_http_head *trailers)
{
    if (!client->in_pieces || client->closing)
        return EE_STATE;
    EE_TRY(ee_http_end_queue(client->conn, &client->framing, trailers));
    client->in_pieces = false;
    return EE_OK;
}

bool ee_http_client_writable(const struct ee_http_client *client)
{
    return ee_conn_writable(client->conn);
}

void ee_http_client_pause(struct ee_http_client *client)
{
    client->paused = true;
    ee_conn_pause(client->conn);
}

void ee_http_client_resume(struct ee_http_client *client)
{
    client->paused = false;
    ee_conn_resume(client->conn);
    ee_loop_defer(client->loop, &client->work);
}

struct ee_conn *ee_http_client_take(struct ee_http_client *client, struct ee_buffer *rest_out)
{
    struct ee_conn *conn = client->conn;
    if (!client->upgraded)
        return NULL;
    ee_conn_pause(conn);
    ee_conn_set_events(conn, NULL, NULL);
    *rest_out = client->input;
    client->input = (struct ee_buffer){0};
    release_later(client);
    return conn;
}
