/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "agent/backend_stream.h"
#include "base/alloc.h"

#include "base/banned.h"

enum { SILENCE_MS = 1000 };

/* ---- connections ---- */

static enum ee_err dial(struct ee_backend_stream *stream)
{
    char address[32];
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", (unsigned)stream->port);
    const struct ee_conn_connect_options options = {.address = address};
    return ee_conn_connect(stream->backend->loop, &options, &ee_backend_conn_events, stream,
                           &stream->conn);
}

static bool method_among(const struct ee_tunnel_open *open, const char *const *methods)
{
    for (; *methods != NULL; methods++)
        if (ee_http_equal(open->method, *methods))
            return true;
    return false;
}

/* RFC 9110 section 9.2.2: what may be made twice when a connection ends without an answer. A body
 * would have to be kept for that. */
static bool repeatable(const struct ee_tunnel_event *event)
{
    static const char *const idempotent[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE", NULL};
    return event->open->kind == EE_TUNNEL_KIND_HTTP && event->end &&
           method_among(event->open, idempotent);
}

/* A workload that keeps connections open and then reads no more: the request goes out again on a
 * new one, and none of its connections is used twice for a while. */
static void on_silence(void *context)
{
    struct ee_backend_stream *stream = context;
    struct ee_backend *backend = stream->backend;
    ee_backend_pool_judge(backend->pool, stream->instance, stream->port, false);
    (void)ee_backend_request_redial(stream);
    backend->host.flush(backend->host.context);
}

void ee_backend_request_answered(struct ee_backend_stream *stream)
{
    stream->reused = false;
    ee_buffer_close(&stream->pending);
    if (stream->silence == NULL)
        return;
    ee_timer_free(stream->silence);
    stream->silence = NULL;
    ee_backend_pool_judge(stream->backend->pool, stream->instance, stream->port, true);
}

/* The first of a workload is a trial, for a request without effect (RFC 9110 section 9.2.1). */
static bool trial_begin(struct ee_backend_stream *stream, const struct ee_tunnel_event *event)
{
    static const char *const safe[] = {"GET", "HEAD", "OPTIONS", NULL};
    if (!method_among(event->open, safe) ||
        ee_timer_new(stream->backend->loop, on_silence, stream, &stream->silence) != EE_OK)
        return false;
    ee_timer_start(stream->silence, SILENCE_MS, 0);
    return true;
}

static bool take_waiting(struct ee_backend_stream *stream, const struct ee_tunnel_event *event)
{
    struct ee_backend_wire wire;
    struct ee_backend_pool *pool = stream->backend->pool;
    if (!repeatable(event) || !ee_backend_pool_take(pool, stream->instance, stream->port, &wire))
        return false;
    if (!wire.proven && !trial_begin(stream, event)) {
        ee_backend_pool_keep(pool, stream->instance, stream->port, &wire);
        return false;
    }
    stream->conn = wire.conn;
    stream->parser = wire.parser;
    stream->reused = true;
    ee_conn_set_events(wire.conn, &ee_backend_conn_events, stream);
    return true;
}

/* RFC 9112 section 9.3.1: a request on a connection that was idle may meet its end. */
bool ee_backend_request_redial(struct ee_backend_stream *stream)
{
    if (!stream->reused || !stream->tunnel)
        return false;
    stream->reused = false;
    ee_timer_free(stream->silence);
    stream->silence = NULL;
    if (stream->conn) {
        ee_conn_set_events(stream->conn, NULL, NULL);
        ee_conn_abort(stream->conn, EE_CLOSED);
    }
    stream->conn = NULL;
    if (dial(stream) != EE_OK)
        ee_backend_stream_fail(stream, EE_TUNNEL_INTERNAL,
                               "the request could not be passed to the app");
    return true;
}

/* ---- bytes ---- */

static bool request_bytes(struct ee_backend_stream *stream, struct ee_bytes bytes)
{
    if (!stream->conn || !ee_conn_is_open(stream->conn))
        return ee_buffer_append(&stream->pending, bytes) == EE_OK;
    return bytes.size == 0 || ee_conn_write(stream->conn, bytes) == EE_OK;
}

void ee_backend_request_consumed(struct ee_backend_stream *stream, size_t size)
{
    stream->owed += size;
    if (stream->owed && (stream->gone || (stream->conn && ee_conn_writable(stream->conn)))) {
        (void)!ee_tunnel_consumed(stream->tunnel, stream->id, stream->owed);
        stream->owed = 0;
    }
}

static bool body_bytes(struct ee_backend_stream *stream, struct ee_bytes data)
{
    uint8_t frame[EE_TUNNEL_DATA_MAX + EE_HTTP_CHUNK_OVERHEAD];
    struct ee_writer w;
    if (!stream->chunked)
        return request_bytes(stream, data);
    ee_writer_init(&w, frame, sizeof(frame));
    return ee_http_chunk_write(&w, data) == EE_OK && request_bytes(stream, ee_writer_done(&w));
}

static bool request_finish(struct ee_backend_stream *stream, const struct ee_http_head *trailers)
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

void ee_backend_request_data(struct ee_backend_stream *stream, const struct ee_tunnel_event *event)
{
    if (stream->request_end)
        return;
    if (stream->gone) { /* answered without reading the rest of the request */
        stream->request_end = event->end;
        ee_backend_request_consumed(stream, event->data.size);
        return;
    }
    if (!body_bytes(stream, event->data) || (event->end && !request_finish(stream, NULL))) {
        ee_backend_stream_fail(stream, EE_TUNNEL_BACKEND_CLOSED,
                               "the app takes no more of the request");
        return;
    }
    ee_backend_request_consumed(stream, event->data.size);
    ee_backend_answer_release(stream);
}

void ee_backend_request_trailers(struct ee_backend_stream *stream,
                                 const struct ee_tunnel_head *trailers)
{
    struct ee_http_head *head = stream->backend->head;
    bool ok = true;
    ee_http_head_clear(head);
    for (size_t i = 0; ok && i < trailers->pair_count; i++)
        ok = ee_http_head_add(head, trailers->pairs[i].name, trailers->pairs[i].value) == EE_OK;
    if (ok && !stream->gone)
        ok = request_finish(stream, head);
    stream->request_end = true;
    if (ok)
        ee_backend_answer_release(stream);
    else
        ee_backend_stream_fail(stream, EE_TUNNEL_PROTOCOL, "the request's trailers are not valid");
}

void ee_backend_request_opened(struct ee_backend_stream *stream)
{
    bool ok = stream->pending.size == 0 ||
              ee_conn_write(stream->conn, ee_buffer_bytes(&stream->pending)) == EE_OK;
    ee_buffer_close(&stream->pending);
    if (!ok) {
        ee_backend_stream_fail(stream, EE_TUNNEL_BACKEND_CLOSED,
                               "the app takes no more of the request");
        return;
    }
    if (stream->request_end && !stream->parser)
        ee_conn_finish(stream->conn);
    ee_backend_request_consumed(stream, 0);
}

/* ---- the head ---- */

static enum ee_err head_build(struct ee_backend_stream *stream, const struct ee_tunnel_event *event,
                              struct ee_http_head *head)
{
    const struct ee_tunnel_open *open = event->open;
    bool has_length = false;
    EE_TRY(ee_http_head_request(head, open->method, open->target));
    for (size_t i = 0; i < open->pair_count; i++) {
        if (ee_http_equal(open->pairs[i].name, "transfer-encoding"))
            continue; /* framing is ours */
        if (ee_http_equal(open->pairs[i].name, "connection") && open->kind != EE_TUNNEL_KIND_WS)
            continue; /* the connection is ours too */
        has_length = has_length || ee_http_equal(open->pairs[i].name, "content-length");
        EE_TRY(ee_http_head_add(head, open->pairs[i].name, open->pairs[i].value));
    }
    if (open->kind != EE_TUNNEL_KIND_WS)
        stream->chunked = !event->end && !has_length;
    if (stream->chunked)
        EE_TRY(ee_http_head_add_text(head, "Transfer-Encoding", "chunked"));
    return EE_OK;
}

/* A connection that has waited gets the head at once; it is kept in `pending` as well, in case
 * that the connection has ended. */
static enum ee_err head_write(struct ee_backend_stream *stream, const struct ee_tunnel_event *event)
{
    struct ee_backend *backend = stream->backend;
    struct ee_writer w;
    EE_TRY(head_build(stream, event, backend->head));
    ee_writer_init(&w, backend->wire, sizeof(backend->wire));
    EE_TRY(ee_http_request_write(&w, backend->head));
    if (stream->reused && ee_conn_write(stream->conn, ee_writer_done(&w)) != EE_OK) {
        ee_conn_set_events(stream->conn, NULL, NULL);
        ee_conn_abort(stream->conn, EE_CLOSED);
        stream->conn = NULL;
        stream->reused = false;
    }
    return ee_buffer_append(&stream->pending, ee_writer_done(&w));
}

static enum ee_err parser_prepare(struct ee_backend_stream *stream,
                                  const struct ee_tunnel_event *event)
{
    if (stream->parser == NULL)
        stream->parser = ee_http_parser_new(&ee_allocator_system, EE_HTTP_CLIENT);
    if (stream->parser == NULL)
        return EE_NO_MEMORY;
    stream->head_request = ee_http_equal(event->open->method, "HEAD");
    ee_http_parser_expect(stream->parser, stream->head_request, stream->kind == EE_TUNNEL_KIND_WS);
    return EE_OK;
}

enum ee_err ee_backend_request_start(struct ee_backend_stream *stream,
                                     const struct ee_tunnel_event *event)
{
    stream->kind = event->open->kind;
    (void)take_waiting(stream, event);
    if (stream->kind != EE_TUNNEL_KIND_TCP) {
        EE_TRY(parser_prepare(stream, event));
        EE_TRY(head_write(stream, event));
    }
    if (event->end && !request_finish(stream, NULL))
        return EE_NO_MEMORY;
    return stream->conn ? EE_OK : dial(stream);
}
