/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backend_h2.h"
#include "base/alloc.h"
#include "http/parser.h"
#include "http/proxy_headers.h"
#include "http/writer.h"
#include "io/buffer.h"
#include "io/conn.h"
#include "io/log.h"

#include "base/banned.h"

struct stream {
    ee_backend_stream_fn on_event; /* first: what backend_h2.h says of contexts */
    struct ee_backend *backend;
    struct ee_tunnel *tunnel; /* NULL once the stream is gone there */
    uint32_t id;
    enum ee_tunnel_kind kind;
    struct ee_conn *conn;
    struct ee_http_parser *parser; /* NULL for tcp, and after a 101 */
    bool chunked;                  /* the request's body goes out in chunks */
    bool request_end;              /* our side towards the workload is complete */
    bool answered;                 /* the whole answer was handed to the tunnel */
    bool peer_ended;               /* the workload sends no more */
    bool cut;                      /* and did not say so: what it sent is not all */
    bool gone;                /* its connection is over: what still comes for it is discarded */
    size_t owed;              /* bytes written to the workload and not yet reported as consumed */
    struct ee_buffer pending; /* for the workload, until the connection is open */
    struct ee_buffer input;   /* from the workload, not parsed yet */
    struct ee_buffer rest;    /* parsed, not taken by the tunnel yet */
    struct stream *next, *previous;
};

struct ee_backend {
    struct ee_loop *loop;
    struct ee_backend_host host;
    struct ee_backend_h2 *h2;
    struct stream *first;
};

static void stream_free(struct stream *stream)
{
    struct ee_backend *backend = stream->backend;
    if (stream->conn) {
        ee_conn_set_events(stream->conn, NULL, NULL);
        ee_conn_abort(stream->conn, EE_CLOSED);
    }
    if (stream->tunnel)
        (void)!ee_tunnel_stream_context_set(stream->tunnel, stream->id, NULL);
    if (stream->previous)
        stream->previous->next = stream->next;
    else
        backend->first = stream->next;
    if (stream->next)
        stream->next->previous = stream->previous;
    ee_http_parser_free(stream->parser);
    ee_buffer_close(&stream->pending);
    ee_buffer_close(&stream->input);
    ee_buffer_close(&stream->rest);
    free(stream);
}

static void stream_fail(struct stream *stream, enum ee_tunnel_code code, const char *text)
{
    if (stream->tunnel)
        (void)!ee_tunnel_reset(stream->tunnel, stream->id, code, text);
    stream->tunnel = NULL;
    stream_free(stream);
}

/* ---- towards the workload ---- */

static bool request_bytes(struct stream *stream, struct ee_bytes bytes)
{
    if (!stream->conn || !ee_conn_is_open(stream->conn))
        return ee_buffer_append(&stream->pending, bytes) == EE_OK;
    return bytes.size == 0 || ee_conn_write(stream->conn, bytes) == EE_OK;
}

static void consumed(struct stream *stream, size_t size)
{
    stream->owed += size;
    if (stream->owed && (stream->gone || (stream->conn && ee_conn_writable(stream->conn)))) {
        (void)!ee_tunnel_consumed(stream->tunnel, stream->id, stream->owed);
        stream->owed = 0;
    }
}

static bool request_data(struct stream *stream, struct ee_bytes data)
{
    uint8_t frame[EE_TUNNEL_DATA_MAX + EE_HTTP_CHUNK_OVERHEAD];
    struct ee_writer w;
    if (!stream->chunked)
        return request_bytes(stream, data);
    ee_writer_init(&w, frame, sizeof(frame));
    return ee_http_chunk_write(&w, data) == EE_OK && request_bytes(stream, ee_writer_done(&w));
}

static bool request_finish(struct stream *stream, const struct ee_http_head *trailers)
{
    uint8_t memory[EE_HTTP_TRAILER_MAX + 64];
    struct ee_writer w;
    stream->request_end = true;
    if (stream->chunked) {
        ee_writer_init(&w, memory, sizeof(memory));
        return ee_http_chunk_end_write(&w, trailers) == EE_OK &&
               request_bytes(stream, ee_writer_done(&w));
    }
    if (!stream->parser && stream->conn && ee_conn_is_open(stream->conn))
        ee_conn_finish(stream->conn); /* raw bytes: the end is the end of the connection */
    return true;
}

static void on_data_event(struct stream *stream, const struct ee_tunnel_event *event)
{
    if (stream->request_end)
        return;
    if (stream->gone) { /* answered without reading the rest of the request */
        stream->request_end = event->end;
        consumed(stream, event->data.size);
        return;
    }
    if (!request_data(stream, event->data) || (event->end && !request_finish(stream, NULL))) {
        stream_fail(stream, EE_TUNNEL_BACKEND_CLOSED, "the app takes no more of the request");
        return;
    }
    consumed(stream, event->data.size);
}

/* ---- from the workload ---- */

static void stream_pump(struct stream *stream);

static void pairs_of(const struct ee_http_head *head, struct ee_tunnel_pair *pairs)
{
    for (size_t i = 0; i < head->field_count; i++)
        pairs[i] = (struct ee_tunnel_pair){ee_http_head_name(head, i), ee_http_head_value(head, i)};
}

static enum ee_err answer_head(struct stream *stream, const struct ee_http_event *event)
{
    struct ee_tunnel_pair pairs[EE_HTTP_FIELDS_CAPACITY];
    struct ee_http_head *head = malloc(sizeof(*head));
    if (!head)
        return EE_NO_MEMORY;
    ee_http_head_copy(head, event->head);
    bool names_protocol = head->status == 101 || head->status == 426;
    enum ee_err err = ee_http_hop_by_hop_remove(head, names_protocol);
    if (err == EE_OK) {
        pairs_of(head, pairs);
        const struct ee_tunnel_head answer = {head->status, pairs, head->field_count};
        err = ee_tunnel_head_send(stream->tunnel, stream->id, &answer, false);
    }
    free(head);
    return err;
}

static enum ee_err answer_trailers(struct stream *stream, const struct ee_http_head *head)
{
    struct ee_tunnel_pair pairs[EE_HTTP_FIELDS_CAPACITY];
    pairs_of(head, pairs);
    stream->answered = true;
    return ee_tunnel_trailers_send(stream->tunnel, stream->id, pairs, head->field_count);
}

/* Hands bytes to the tunnel; what it does not take waits in `rest`. */
static enum ee_err answer_data(struct stream *stream, struct ee_bytes data)
{
    size_t taken = 0;
    EE_TRY(ee_tunnel_data_send(stream->tunnel, stream->id, data, false, &taken));
    struct ee_bytes left = ee_bytes_of(data.data + taken, data.size - taken);
    return ee_buffer_append(&stream->rest, left);
}

static enum ee_err answer_end(struct stream *stream)
{
    size_t taken = 0;
    if (stream->answered)
        return EE_OK;
    stream->answered = true;
    return ee_tunnel_data_send(stream->tunnel, stream->id, ee_bytes_of(NULL, 0), true, &taken);
}

static enum ee_err on_parsed(struct stream *stream, const struct ee_http_event *event)
{
    switch (event->kind) {
    case EE_HTTP_EVENT_NONE:
        return EE_OK;
    case EE_HTTP_EVENT_HEAD:
        return answer_head(stream, event);
    case EE_HTTP_EVENT_BODY:
        return answer_data(stream, event->body);
    case EE_HTTP_EVENT_TRAILERS:
        return answer_trailers(stream, event->head);
    case EE_HTTP_EVENT_END:
        return answer_end(stream);
    case EE_HTTP_EVENT_UPGRADE:
        ee_http_parser_free(stream->parser);
        stream->parser = NULL; /* bytes from here on */
        return EE_OK;
    }
    return EE_OK;
}

/* Parses what has come, as long as the tunnel takes it. */
static enum ee_err input_parse(struct stream *stream)
{
    struct ee_http_event event = {.kind = EE_HTTP_EVENT_END};
    while (!stream->answered && stream->parser && stream->rest.size == 0) {
        size_t used = 0;
        EE_TRY(ee_http_parser_next(stream->parser, ee_buffer_bytes(&stream->input), &used, &event));
        enum ee_err err = on_parsed(stream, &event);
        ee_buffer_consume(&stream->input, used);
        EE_TRY(err);
        if (event.kind == EE_HTTP_EVENT_NONE)
            break;
    }
    if (!stream->parser && stream->rest.size == 0 && stream->input.size) {
        enum ee_err err = answer_data(stream, ee_buffer_bytes(&stream->input));
        ee_buffer_consume(&stream->input, stream->input.size);
        return err;
    }
    return EE_OK;
}

static enum ee_err peer_end(struct stream *stream)
{
    struct ee_http_event event;
    if (stream->cut)
        return EE_CLOSED;
    if (stream->parser) {
        EE_TRY(ee_http_parser_finish(stream->parser, &event));
        if (event.kind != EE_HTTP_EVENT_END)
            return EE_HTTP; /* closed without an answer */
    }
    return answer_end(stream);
}

static enum ee_err rest_send(struct stream *stream)
{
    size_t taken = 0;
    if (stream->rest.size == 0)
        return EE_OK;
    EE_TRY(ee_tunnel_data_send(stream->tunnel, stream->id, ee_buffer_bytes(&stream->rest), false,
                               &taken));
    ee_buffer_consume(&stream->rest, taken);
    return EE_OK;
}

/* Moves everything that can move; fails the stream when the answer is broken. */
static void stream_pump(struct stream *stream)
{
    if (!stream->tunnel)
        return;
    enum ee_err err = rest_send(stream);
    if (err == EE_OK)
        err = input_parse(stream);
    bool stalled = stream->rest.size != 0;
    if (err == EE_OK && !stalled && stream->peer_ended && !stream->answered)
        err = peer_end(stream);
    if (err != EE_OK) {
        stream_fail(stream, EE_TUNNEL_BACKEND_CLOSED,
                    "the app's answer is not valid HTTP or ended early");
        return;
    }
    if (!stream->conn)
        return;
    if (stalled)
        ee_conn_pause(stream->conn);
    else
        ee_conn_resume(stream->conn);
}

static void on_open(struct stream *stream, struct ee_conn *conn)
{
    bool ok = stream->pending.size == 0 ||
              ee_conn_write(conn, ee_buffer_bytes(&stream->pending)) == EE_OK;
    ee_buffer_close(&stream->pending);
    if (!ok) {
        stream_fail(stream, EE_TUNNEL_BACKEND_CLOSED, "the app takes no more of the request");
        return;
    }
    if (stream->request_end && !stream->parser)
        ee_conn_finish(conn);
    consumed(stream, 0);
}

static void on_data(struct stream *stream, struct ee_bytes data)
{
    if (stream->answered) /* bytes behind a complete answer belong to nobody */
        ee_conn_abort(stream->conn, EE_HTTP);
    else if (ee_buffer_append(&stream->input, data) != EE_OK)
        stream_fail(stream, EE_TUNNEL_OVERLOAD, "out of memory");
    else
        stream_pump(stream);
}

static void on_drained(struct stream *stream)
{
    if (stream->tunnel)
        consumed(stream, 0);
}

static void on_ended(struct stream *stream)
{
    stream->peer_ended = true;
    stream_pump(stream);
}

static void on_closed(struct stream *stream, enum ee_err err)
{
    stream->conn = NULL;
    stream->gone = true;
    if (!stream->tunnel)
        return;
    consumed(stream, 0);
    if (stream->answered)
        return; /* freed at FINISHED or RESET */
    if (err == EE_CONNECT || err == EE_TIMEOUT) {
        stream_fail(stream, EE_TUNNEL_BACKEND_REFUSED, "the app does not accept connections");
        return;
    }
    stream->cut = !stream->peer_ended;
    stream->peer_ended = true;
    stream_pump(stream);
}

/* What the connection says, then what the tunnel has to send because of it; the stream may be gone
 * by then. */
static void flush(struct ee_backend *backend)
{
    backend->host.flush(backend->host.context);
}

static void conn_open(void *context, struct ee_conn *conn)
{
    struct ee_backend *backend = ((struct stream *)context)->backend;
    on_open(context, conn);
    flush(backend);
}

static void conn_data(void *context, struct ee_conn *conn, struct ee_bytes data)
{
    struct ee_backend *backend = ((struct stream *)context)->backend;
    (void)conn;
    on_data(context, data);
    flush(backend);
}

static void conn_drained(void *context, struct ee_conn *conn)
{
    struct ee_backend *backend = ((struct stream *)context)->backend;
    (void)conn;
    on_drained(context);
    flush(backend);
}

static void conn_ended(void *context, struct ee_conn *conn)
{
    struct ee_backend *backend = ((struct stream *)context)->backend;
    (void)conn;
    on_ended(context);
    flush(backend);
}

static void conn_closed(void *context, struct ee_conn *conn, enum ee_err err)
{
    struct ee_backend *backend = ((struct stream *)context)->backend;
    (void)conn;
    on_closed(context, err);
    flush(backend);
}

static const struct ee_conn_events conn_events = {.open = conn_open,
                                                  .data = conn_data,
                                                  .drained = conn_drained,
                                                  .ended = conn_ended,
                                                  .closed = conn_closed};

/* ---- opening ---- */

static enum ee_err request_head_build(struct stream *stream, const struct ee_tunnel_event *event,
                                      struct ee_http_head *head)
{
    const struct ee_tunnel_open *open = event->open;
    bool has_length = false;
    EE_TRY(ee_http_head_request(head, open->method, open->target));
    for (size_t i = 0; i < open->pair_count; i++) {
        if (ee_http_equal(open->pairs[i].name, "transfer-encoding"))
            continue; /* framing is ours */
        has_length = has_length || ee_http_equal(open->pairs[i].name, "content-length");
        EE_TRY(ee_http_head_add(head, open->pairs[i].name, open->pairs[i].value));
    }
    if (open->kind != EE_TUNNEL_KIND_WS) {
        EE_TRY(ee_http_head_set(head, "Connection", ee_bytes_str("close")));
        stream->chunked = !event->end && !has_length;
    }
    if (stream->chunked)
        EE_TRY(ee_http_head_add_text(head, "Transfer-Encoding", "chunked"));
    return EE_OK;
}

static enum ee_err request_head_write(struct stream *stream, const struct ee_tunnel_event *event)
{
    struct ee_writer w;
    struct ee_http_head *head = malloc(sizeof(*head));
    uint8_t *wire = malloc(EE_HTTP_HEAD_WIRE_MAX);
    enum ee_err err = head && wire ? request_head_build(stream, event, head) : EE_NO_MEMORY;
    if (err == EE_OK) {
        ee_writer_init(&w, wire, EE_HTTP_HEAD_WIRE_MAX);
        err = ee_http_request_write(&w, head);
    }
    if (err == EE_OK && !request_bytes(stream, ee_writer_done(&w)))
        err = EE_NO_MEMORY;
    free(head);
    free(wire);
    return err;
}

static enum ee_err stream_start(struct stream *stream, const struct ee_tunnel_event *event,
                                uint16_t port)
{
    char address[32];
    stream->kind = event->open->kind;
    if (stream->kind != EE_TUNNEL_KIND_TCP) {
        stream->parser = ee_http_parser_new(&ee_allocator_system, EE_HTTP_CLIENT);
        if (!stream->parser)
            return EE_NO_MEMORY;
        ee_http_parser_expect(stream->parser, ee_http_equal(event->open->method, "HEAD"),
                              stream->kind == EE_TUNNEL_KIND_WS);
        EE_TRY(request_head_write(stream, event));
    }
    if (event->end && !request_finish(stream, NULL))
        return EE_NO_MEMORY;
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", (unsigned)port);
    const struct ee_conn_connect_options options = {.address = address};
    return ee_conn_connect(stream->backend->loop, &options, &conn_events, stream, &stream->conn);
}

static void stream_event(void *context, const struct ee_tunnel_event *event);

static void on_opened(struct ee_backend *backend, struct ee_tunnel *tunnel,
                      const struct ee_tunnel_event *event)
{
    uint16_t port = 0;
    struct stream *stream = NULL;
    const bool runs =
        backend->host.port_of(backend->host.context, event->open->instance, &port) && port;
    if (runs && ee_backend_h2_wants(event->open) &&
        ee_backend_h2_open(backend->h2, tunnel, event, port))
        return;
    if (runs && !ee_backend_h2_wants(event->open))
        stream = calloc(1, sizeof(*stream));
    if (!stream) {
        (void)!ee_tunnel_reset(tunnel, event->stream, EE_TUNNEL_REFUSED, "no such app runs here");
        return;
    }
    stream->on_event = stream_event;
    stream->backend = backend;
    stream->tunnel = tunnel;
    stream->id = event->stream;
    stream->next = backend->first;
    if (backend->first)
        backend->first->previous = stream;
    backend->first = stream;
    if (ee_tunnel_stream_context_set(tunnel, event->stream, stream) != EE_OK ||
        stream_start(stream, event, port) != EE_OK)
        stream_fail(stream, EE_TUNNEL_INTERNAL, "the request could not be passed to the app");
}

static void on_trailers_event(struct stream *stream, const struct ee_tunnel_head *trailers)
{
    struct ee_http_head *head = malloc(sizeof(*head));
    bool ok = head != NULL;
    if (ok)
        ee_http_head_clear(head);
    for (size_t i = 0; ok && i < trailers->pair_count; i++)
        ok = ee_http_head_add(head, trailers->pairs[i].name, trailers->pairs[i].value) == EE_OK;
    ok = ok && request_finish(stream, head);
    free(head);
    if (!ok)
        stream_fail(stream, EE_TUNNEL_PROTOCOL, "the request's trailers are not valid");
}

static void stream_event(void *context, const struct ee_tunnel_event *event)
{
    struct stream *stream = context;
    if (event->kind == EE_TUNNEL_EVENT_DATA)
        on_data_event(stream, event);
    else if (event->kind == EE_TUNNEL_EVENT_TRAILERS)
        on_trailers_event(stream, event->head);
    else if (event->kind == EE_TUNNEL_EVENT_WRITABLE)
        stream_pump(stream);
    else if (event->kind == EE_TUNNEL_EVENT_RESET || event->kind == EE_TUNNEL_EVENT_FINISHED) {
        stream->tunnel = NULL; /* it has forgotten the stream */
        stream_free(stream);
    }
}

void ee_backend_on_event(struct ee_backend *backend, struct ee_tunnel *tunnel,
                         const struct ee_tunnel_event *event)
{
    const ee_backend_stream_fn *on_event = event->stream_context;
    if (event->kind == EE_TUNNEL_EVENT_OPENED)
        on_opened(backend, tunnel, event);
    else if (on_event)
        (*on_event)(event->stream_context, event);
}

struct ee_backend *ee_backend_new(struct ee_loop *loop, const struct ee_backend_host *host)
{
    struct ee_backend *backend = calloc(1, sizeof(*backend));
    if (!backend)
        return NULL;
    *backend = (struct ee_backend){.loop = loop, .host = *host};
    backend->h2 = ee_backend_h2_new(loop, host);
    if (backend->h2)
        return backend;
    free(backend);
    return NULL;
}

void ee_backend_free(struct ee_backend *backend)
{
    for (struct stream *stream = backend ? backend->first : NULL, *next; stream; stream = next) {
        next = stream->next;
        stream->tunnel = NULL;
        stream_free(stream);
    }
    if (backend)
        ee_backend_h2_free(backend->h2);
    free(backend);
}
