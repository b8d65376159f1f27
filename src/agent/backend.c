/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/backend_stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

static void unlink_stream(struct ee_backend_stream *stream)
{
    if (stream->previous)
        stream->previous->next = stream->next;
    else
        stream->backend->first = stream->next;
    if (stream->next)
        stream->next->previous = stream->previous;
}

void ee_backend_stream_free(struct ee_backend_stream *stream)
{
    if (stream->conn) {
        ee_conn_set_events(stream->conn, NULL, NULL);
        ee_conn_abort(stream->conn, EE_CLOSED);
    }
    if (stream->tunnel)
        (void)!ee_tunnel_stream_context_set(stream->tunnel, stream->id, NULL);
    unlink_stream(stream);
    ee_http_parser_free(stream->parser);
    ee_timer_free(stream->silence);
    ee_buffer_close(&stream->pending);
    ee_buffer_close(&stream->input);
    ee_buffer_close(&stream->rest);
    free(stream);
}

void ee_backend_stream_fail(struct ee_backend_stream *stream, enum ee_tunnel_code code,
                            const char *text)
{
    if (stream->tunnel)
        (void)!ee_tunnel_reset(stream->tunnel, stream->id, code, text);
    stream->tunnel = NULL;
    ee_backend_stream_free(stream);
}

static void stream_event(void *context, const struct ee_tunnel_event *event)
{
    struct ee_backend_stream *stream = context;
    if (event->kind == EE_TUNNEL_EVENT_DATA) {
        ee_backend_request_data(stream, event);
    } else if (event->kind == EE_TUNNEL_EVENT_TRAILERS) {
        ee_backend_request_trailers(stream, event->head);
    } else if (event->kind == EE_TUNNEL_EVENT_WRITABLE) {
        (void)ee_backend_answer_pump(stream);
    } else if (event->kind == EE_TUNNEL_EVENT_RESET || event->kind == EE_TUNNEL_EVENT_FINISHED) {
        stream->tunnel = NULL; /* it has forgotten the stream */
        ee_backend_stream_free(stream);
    }
}

static struct ee_backend_stream *stream_new(struct ee_backend *backend, struct ee_tunnel *tunnel,
                                            const struct ee_tunnel_event *event, uint16_t port)
{
    struct ee_backend_stream *stream = calloc(1, sizeof(*stream));
    if (stream == NULL)
        return NULL;
    stream->on_event = stream_event;
    stream->backend = backend;
    stream->tunnel = tunnel;
    stream->id = event->stream;
    stream->port = port;
    memcpy(stream->instance, event->open->instance, sizeof(stream->instance));
    stream->next = backend->first;
    if (backend->first)
        backend->first->previous = stream;
    backend->first = stream;
    return stream;
}

static void on_opened(struct ee_backend *backend, struct ee_tunnel *tunnel,
                      const struct ee_tunnel_event *event)
{
    uint16_t port = 0;
    struct ee_backend_stream *stream = NULL;
    const bool runs =
        backend->host.port_of(backend->host.context, event->open->instance, &port) && port;
    if (runs && ee_backend_h2_wants(event->open) &&
        ee_backend_h2_open(backend->h2, tunnel, event, port))
        return;
    if (runs && !ee_backend_h2_wants(event->open))
        stream = stream_new(backend, tunnel, event, port);
    if (!stream) {
        (void)!ee_tunnel_reset(tunnel, event->stream, EE_TUNNEL_REFUSED, "no such app runs here");
        return;
    }
    if (ee_tunnel_stream_context_set(tunnel, event->stream, stream) != EE_OK ||
        ee_backend_request_start(stream, event) != EE_OK)
        ee_backend_stream_fail(stream, EE_TUNNEL_INTERNAL,
                               "the request could not be passed to the app");
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
    backend->loop = loop;
    backend->host = *host;
    backend->h2 = ee_backend_h2_new(loop, host);
    backend->pool = ee_backend_pool_new(loop);
    backend->head = malloc(sizeof(*backend->head));
    if (backend->h2 && backend->pool && backend->head)
        return backend;
    ee_backend_free(backend);
    return NULL;
}

void ee_backend_free(struct ee_backend *backend)
{
    if (backend == NULL)
        return;
    for (struct ee_backend_stream *stream = backend->first, *next; stream; stream = next) {
        next = stream->next;
        stream->tunnel = NULL;
        ee_backend_stream_free(stream);
    }
    ee_backend_h2_free(backend->h2);
    ee_backend_pool_free(backend->pool);
    free(backend->head);
    free(backend);
}
