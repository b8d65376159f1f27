/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/backend_stream.h"
#include "http/proxy_headers.h"

#include "base/banned.h"

static void pairs_of(const struct ee_http_head *head, struct ee_tunnel_pair *pairs)
{
    for (size_t i = 0; i < head->field_count; i++)
        pairs[i] = (struct ee_tunnel_pair){ee_http_head_name(head, i), ee_http_head_value(head, i)};
}

/* Only a workload that says so keeps its connection: HTTP/1.1 would allow it without a word (RFC
 * 9112 section 9.3), but one that answers once and then reads no more would leave the next request
 * without an answer. */
static bool says_keep_alive(const struct ee_http_head *head)
{
    return head->minor > 0 && (ee_http_head_has_token(head, "connection", "keep-alive") ||
                               ee_http_head_count(head, "keep-alive") > 0);
}

static enum ee_err answer_head(struct ee_backend_stream *stream, const struct ee_http_event *event)
{
    struct ee_tunnel_pair pairs[EE_HTTP_FIELDS_CAPACITY];
    struct ee_http_head *head = stream->backend->head;
    ee_http_head_copy(head, event->head);
    const bool names_protocol = head->status == 101 || head->status == 426;
    stream->keep_alive = event->keep_alive && !event->until_close && says_keep_alive(event->head);
    EE_TRY(ee_http_hop_by_hop_remove(head, names_protocol));
    pairs_of(head, pairs);
    const struct ee_tunnel_head answer = {head->status, pairs, head->field_count};
    return ee_tunnel_head_send(stream->tunnel, stream->id, &answer, false);
}

static enum ee_err answer_trailers(struct ee_backend_stream *stream,
                                   const struct ee_http_head *head)
{
    struct ee_tunnel_pair pairs[EE_HTTP_FIELDS_CAPACITY];
    pairs_of(head, pairs);
    stream->answered = true;
    return ee_tunnel_trailers_send(stream->tunnel, stream->id, pairs, head->field_count);
}

/* Hands bytes to the tunnel; what it does not take waits in `rest`. */
static enum ee_err answer_data(struct ee_backend_stream *stream, struct ee_bytes data)
{
    size_t taken = 0;
    EE_TRY(ee_tunnel_data_send(stream->tunnel, stream->id, data, false, &taken));
    struct ee_bytes left = ee_bytes_of(data.data + taken, data.size - taken);
    return ee_buffer_append(&stream->rest, left);
}

static enum ee_err answer_end(struct ee_backend_stream *stream)
{
    size_t taken = 0;
    if (stream->answered)
        return EE_OK;
    stream->answered = true;
    return ee_tunnel_data_send(stream->tunnel, stream->id, ee_bytes_of(NULL, 0), true, &taken);
}

static enum ee_err on_parsed(struct ee_backend_stream *stream, const struct ee_http_event *event)
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

/* ---- what has come and is not parsed: kept bytes first, then the fresh ones ---- */

static struct ee_bytes unread(const struct ee_backend_stream *stream)
{
    return stream->input.size > 0 ? ee_buffer_bytes(&stream->input) : stream->fresh;
}

static void read_on(struct ee_backend_stream *stream, size_t size)
{
    if (stream->input.size > 0)
        ee_buffer_consume(&stream->input, size);
    else if (size > 0)
        stream->fresh = ee_bytes_of(stream->fresh.data + size, stream->fresh.size - size);
}

/* Fresh bytes are gone after the callback that brought them. */
static enum ee_err fresh_keep(struct ee_backend_stream *stream)
{
    const enum ee_err err = ee_buffer_append(&stream->input, stream->fresh);
    stream->fresh = ee_bytes_of(NULL, 0);
    return err;
}

/* Parses what has come, as long as the tunnel takes it. TRAILERS may be followed by END. */
static enum ee_err input_parse(struct ee_backend_stream *stream)
{
    struct ee_http_event event = {.kind = EE_HTTP_EVENT_END};
    while (stream->parser && stream->rest.size == 0) {
        size_t used = 0;
        if (stream->answered && ee_http_parser_idle(stream->parser))
            break;
        EE_TRY(ee_http_parser_next(stream->parser, unread(stream), &used, &event));
        const enum ee_err err = on_parsed(stream, &event);
        read_on(stream, used);
        EE_TRY(err);
        if (event.kind == EE_HTTP_EVENT_NONE)
            break;
    }
    if (!stream->parser && stream->rest.size == 0 && unread(stream).size > 0) {
        const struct ee_bytes bytes = unread(stream);
        const enum ee_err err = answer_data(stream, bytes);
        read_on(stream, bytes.size);
        return err;
    }
    return EE_OK;
}

static enum ee_err peer_end(struct ee_backend_stream *stream)
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

static enum ee_err rest_send(struct ee_backend_stream *stream)
{
    size_t taken = 0;
    if (stream->rest.size == 0)
        return EE_OK;
    EE_TRY(ee_tunnel_data_send(stream->tunnel, stream->id, ee_buffer_bytes(&stream->rest), false,
                               &taken));
    ee_buffer_consume(&stream->rest, taken);
    return EE_OK;
}

static void wire_keep(struct ee_backend_stream *stream)
{
    const struct ee_backend_wire wire = {.conn = stream->conn, .parser = stream->parser};
    stream->parser = NULL;
    ee_conn_resume(wire.conn);
    ee_backend_pool_keep(stream->backend->pool, stream->instance, stream->port, &wire);
}

static void wire_end(struct ee_backend_stream *stream)
{
    ee_conn_set_events(stream->conn, NULL, NULL);
    if (unread(stream).size > 0) /* belongs to nobody */
        ee_conn_abort(stream->conn, EE_HTTP);
    else
        ee_conn_close(stream->conn, EE_OK);
}

void ee_backend_answer_release(struct ee_backend_stream *stream)
{
    if (!stream->answered || !stream->request_end || !stream->conn || !stream->parser)
        return;
    if (stream->keep_alive && !stream->peer_ended && unread(stream).size == 0 &&
        ee_http_parser_idle(stream->parser))
        wire_keep(stream);
    else
        wire_end(stream);
    stream->conn = NULL;
    stream->gone = true;
    ee_backend_request_consumed(stream, 0);
}

bool ee_backend_answer_pump(struct ee_backend_stream *stream)
{
    if (!stream->tunnel)
        return true;
    enum ee_err err = rest_send(stream);
    if (err == EE_OK)
        err = input_parse(stream);
    const bool stalled = stream->rest.size != 0;
    if (err == EE_OK && !stalled && stream->peer_ended && !stream->answered)
        err = peer_end(stream);
    if (err != EE_OK) {
        ee_backend_stream_fail(stream, EE_TUNNEL_BACKEND_CLOSED,
                               "the app's answer is not valid HTTP or ended early");
        return false;
    }
    ee_backend_answer_release(stream);
    if (!stream->conn)
        return true;
    if (stalled)
        ee_conn_pause(stream->conn);
    else
        ee_conn_resume(stream->conn);
    return true;
}

/* ---- the connection ---- */

static void on_data(struct ee_backend_stream *stream, struct ee_bytes data)
{
    if (stream->reused)
        ee_backend_request_answered(stream);
    if (stream->answered) { /* bytes behind a complete answer belong to nobody */
        ee_conn_abort(stream->conn, EE_HTTP);
        return;
    }
    stream->fresh = data;
    if (ee_backend_answer_pump(stream) && fresh_keep(stream) != EE_OK)
        ee_backend_stream_fail(stream, EE_TUNNEL_OVERLOAD, "out of memory");
}

static void on_closed(struct ee_backend_stream *stream, enum ee_err err)
{
    stream->conn = NULL;
    if (ee_backend_request_redial(stream))
        return;
    stream->gone = true;
    if (!stream->tunnel)
        return;
    ee_backend_request_consumed(stream, 0);
    if (stream->answered)
        return; /* freed at FINISHED or RESET */
    if (err == EE_CONNECT || err == EE_TIMEOUT) {
        ee_backend_stream_fail(stream, EE_TUNNEL_BACKEND_REFUSED,
                               "the app does not accept connections");
        return;
    }
    stream->cut = !stream->peer_ended;
    stream->peer_ended = true;
    (void)ee_backend_answer_pump(stream);
}

/* What the connection says, then what the tunnel has to send because of it; the stream may be gone
 * by then. */
static void flush(struct ee_backend *backend)
{
    backend->host.flush(backend->host.context);
}

static void conn_open(void *context, struct ee_conn *conn)
{
    struct ee_backend *backend = ((struct ee_backend_stream *)context)->backend;
    (void)conn;
    ee_backend_request_opened(context);
    flush(backend);
}

static void conn_data(void *context, struct ee_conn *conn, struct ee_bytes data)
{
    struct ee_backend *backend = ((struct ee_backend_stream *)context)->backend;
    (void)conn;
    on_data(context, data);
    flush(backend);
}

static void conn_drained(void *context, struct ee_conn *conn)
{
    struct ee_backend_stream *stream = context;
    struct ee_backend *backend = stream->backend;
    (void)conn;
    if (stream->tunnel)
        ee_backend_request_consumed(stream, 0);
    flush(backend);
}

static void conn_ended(void *context, struct ee_conn *conn)
{
    struct ee_backend_stream *stream = context;
    struct ee_backend *backend = stream->backend;
    (void)conn;
    if (!ee_backend_request_redial(stream)) {
        stream->peer_ended = true;
        (void)ee_backend_answer_pump(stream);
    }
    flush(backend);
}

static void conn_closed(void *context, struct ee_conn *conn, enum ee_err err)
{
    struct ee_backend *backend = ((struct ee_backend_stream *)context)->backend;
    (void)conn;
    on_closed(context, err);
    flush(backend);
}

const struct ee_conn_events ee_backend_conn_events = {.open = conn_open,
                                                      .data = conn_data,
                                                      .drained = conn_drained,
                                                      .ended = conn_ended,
                                                      .closed = conn_closed};
