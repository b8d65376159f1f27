/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of gRPC: the tunnel on one side, nghttp2's session with the workload on the other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backend_h2_internal.h"
#include "base/alloc.h"

#include "base/banned.h"

static struct ee_h2_stream *stream_of(const struct ee_h2_peer *peer, int32_t wire_id)
{
    return nghttp2_session_get_stream_user_data(peer->session, wire_id);
}

/* ---- towards the workload ---- */

struct field_list {
    nghttp2_nv fields[EE_TUNNEL_PAIRS_MAX + 8];
    size_t count, used;
    uint8_t names[EE_TUNNEL_MESSAGE_MAX];
};

static uint8_t *bytes_of(struct ee_bytes bytes)
{
    return (uint8_t *)(uintptr_t)bytes.data; /* nghttp2_nv has no const form; it only reads */
}

static void field_add(struct field_list *list, struct ee_bytes name, struct ee_bytes value)
{
    uint8_t *lower = list->names + list->used;
    for (size_t i = 0; i < name.size; i++) {
        const uint8_t c = name.data[i];
        lower[i] = (uint8_t)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    list->used += name.size;
    list->fields[list->count++] = (nghttp2_nv){
        .name = lower, .namelen = name.size, .value = bytes_of(value), .valuelen = value.size};
}

static void request_fields(struct field_list *list, const struct ee_tunnel_open *open)
{
    struct ee_bytes host = ee_bytes_str("localhost");
    for (size_t i = 0; i < open->pair_count; i++)
        if (ee_http_equal(open->pairs[i].name, "host"))
            host = open->pairs[i].value;
    list->count = list->used = 0;
    field_add(list, ee_bytes_str(":method"), open->method);
    field_add(list, ee_bytes_str(":scheme"), ee_bytes_str("http"));
    field_add(list, ee_bytes_str(":authority"), host);
    field_add(list, ee_bytes_str(":path"), open->target);
    for (size_t i = 0; i < open->pair_count; i++) {
        const struct ee_bytes name = open->pairs[i].name;
        if (!ee_http_equal(name, "host") && !ee_http_equal(name, "te") &&
            !ee_http2_field_is_of_connection(name))
            field_add(list, name, open->pairs[i].value);
    }
    /* gRPC servers refuse those who do not say it; the gateway took it off with the other hop. */
    field_add(list, ee_bytes_str("te"), ee_bytes_str("trailers"));
}

static int trailers_submit(struct ee_h2_stream *s)
{
    nghttp2_nv fields[EE_HTTP_FIELDS_CAPACITY];
    for (size_t i = 0; i < s->trailers->field_count; i++) {
        const struct ee_bytes name = ee_http_head_name(s->trailers, i);
        const struct ee_bytes value = ee_http_head_value(s->trailers, i);
        fields[i] = (nghttp2_nv){.name = bytes_of(name),
                                 .namelen = name.size,
                                 .value = bytes_of(value),
                                 .valuelen = value.size};
    }
    return nghttp2_submit_trailer(s->peer->session, s->wire_id, fields, s->trailers->field_count);
}

static ssize_t on_read(nghttp2_session *session, int32_t wire_id, uint8_t *buffer, size_t room,
                       uint32_t *flags, nghttp2_data_source *source, void *context)
{
    struct ee_h2_stream *s = stream_of(context, wire_id);
    (void)session;
    (void)buffer;
    (void)source;
    if (!s)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const size_t size = s->out.size < room ? s->out.size : room;
    if (size == 0 && !s->request_end)
        return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (size < s->out.size || !s->request_end)
        return (ssize_t)size;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (s->trailers) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (trailers_submit(s) != 0)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return (ssize_t)size;
}

static int on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *header,
                        size_t length, nghttp2_data_source *source, void *context)
{
    enum { HEADER_SIZE = 9 };
    struct ee_h2_peer *peer = context;
    struct ee_h2_stream *s = stream_of(peer, frame->hd.stream_id);
    (void)session;
    (void)source;
    if (!ee_conn_writable(peer->conn))
        return NGHTTP2_ERR_WOULDBLOCK;
    if (!s || length > s->out.size)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const struct ee_bytes out = ee_bytes_of(ee_buffer_bytes(&s->out).data, length);
    if (ee_conn_write(peer->conn, ee_bytes_of(header, HEADER_SIZE)) != EE_OK ||
        (length > 0 && ee_conn_write(peer->conn, out) != EE_OK))
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    ee_buffer_consume(&s->out, length);
    if (s->tunnel && length > 0)
        (void)!ee_tunnel_consumed(s->tunnel, s->id, length);
    return 0;
}

static ssize_t on_send(nghttp2_session *session, const uint8_t *data, size_t size, int flags,
                       void *context)
{
    struct ee_h2_peer *peer = context;
    (void)session;
    (void)flags;
    if (!ee_conn_writable(peer->conn))
        return NGHTTP2_ERR_WOULDBLOCK;
    return ee_conn_write(peer->conn, ee_bytes_of(data, size)) == EE_OK
               ? (ssize_t)size
               : NGHTTP2_ERR_CALLBACK_FAILURE;
}

bool ee_h2_request_submit(struct ee_h2_stream *s, const struct ee_tunnel_open *open)
{
    const nghttp2_data_provider provider = {.read_callback = on_read};
    struct field_list *list = ee_realloc(&ee_allocator_system, NULL, 1, sizeof(*list));
    if (!list)
        return false;
    request_fields(list, open);
    const int32_t id = nghttp2_submit_request(s->peer->session, NULL, list->fields, list->count,
                                              s->request_end ? NULL : &provider, s);
    ee_free(&ee_allocator_system, list);
    s->wire_id = id > 0 ? id : 0;
    return id > 0;
}

/* ---- from the workload ---- */

/* Hands on what the tunnel takes, then trailers and the end. False: the stream is gone. */
static bool pump(struct ee_h2_stream *s)
{
    struct ee_tunnel_pair pairs[EE_HTTP_FIELDS_CAPACITY];
    const struct ee_http_head *trailers = s->answer_trailers;
    size_t taken = 0;
    enum ee_err err = EE_OK;
    if (s->rest.size > 0)
        err = ee_tunnel_data_send(s->tunnel, s->id, ee_buffer_bytes(&s->rest), false, &taken);
    ee_buffer_consume(&s->rest, taken);
    if (taken > 0 && s->peer->conn)
        (void)nghttp2_session_consume(s->peer->session, s->wire_id, taken);
    if (err == EE_OK && s->rest.size == 0 && s->ended && !s->answered) {
        s->answered = true;
        for (size_t i = 0; trailers && i < trailers->field_count; i++)
            pairs[i] = (struct ee_tunnel_pair){ee_http_head_name(trailers, i),
                                               ee_http_head_value(trailers, i)};
        err = trailers ? ee_tunnel_trailers_send(s->tunnel, s->id, pairs, trailers->field_count)
                       : ee_tunnel_data_send(s->tunnel, s->id, ee_bytes_of(NULL, 0), true, &taken);
    }
    if (err == EE_OK)
        return true;
    ee_h2_stream_fail(s, EE_TUNNEL_INTERNAL, "the answer could not be passed on");
    return false;
}

static bool head_take(struct ee_h2_stream *s, bool end)
{
    struct ee_tunnel_pair pairs[EE_HTTP_FIELDS_CAPACITY];
    struct ee_http_event event;
    struct ee_http2_reader *reader = s->peer->reader;
    if (ee_http2_reader_finish(reader, end, NULL, &event) != EE_HTTP_RULE_NONE)
        return false;
    const struct ee_http_head *head = &reader->head;
    for (size_t i = 0; i < head->field_count; i++)
        pairs[i] = (struct ee_tunnel_pair){ee_http_head_name(head, i), ee_http_head_value(head, i)};
    s->headed = !event.interim;
    s->answered = end;
    const struct ee_tunnel_head answer = {head->status, pairs, head->field_count};
    return ee_tunnel_head_send(s->tunnel, s->id, &answer, end) == EE_OK;
}

static bool trailers_take(struct ee_h2_stream *s)
{
    struct ee_http_event event;
    if (ee_http2_reader_finish(s->peer->reader, true, NULL, &event) != EE_HTTP_RULE_NONE)
        return false;
    s->answer_trailers = malloc(sizeof(*s->answer_trailers));
    if (s->answer_trailers)
        ee_http_head_copy(s->answer_trailers, event.head);
    return s->answer_trailers != NULL;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct ee_h2_peer *peer = context;
    const struct ee_h2_stream *s = stream_of(peer, frame->hd.stream_id);
    (void)session;
    if (s)
        ee_http2_reader_start(peer->reader, s->headed ? EE_HTTP2_TRAILERS : EE_HTTP2_RESPONSE);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                     nghttp2_rcbuf *value, uint8_t flags, void *context)
{
    struct ee_h2_peer *peer = context;
    const nghttp2_vec n = nghttp2_rcbuf_get_buf(name), v = nghttp2_rcbuf_get_buf(value);
    (void)session;
    (void)frame;
    (void)flags;
    ee_http2_reader_add(peer->reader, ee_bytes_of(n.base, n.len), ee_bytes_of(v.base, v.len));
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct ee_h2_stream *s = stream_of(context, frame->hd.stream_id);
    const bool headers = frame->hd.type == NGHTTP2_HEADERS;
    const bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    (void)session;
    if (!s || (!headers && frame->hd.type != NGHTTP2_DATA))
        return 0;
    s->ended = end;
    if (headers && !(s->headed ? trailers_take(s) : head_take(s, end)))
        ee_h2_stream_fail(s, EE_TUNNEL_BACKEND_CLOSED, "the app's answer is not valid HTTP/2");
    else
        (void)pump(s);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t wire_id, const uint8_t *data,
                   size_t size, void *context)
{
    struct ee_h2_stream *s = stream_of(context, wire_id);
    (void)flags;
    if (!s)
        (void)nghttp2_session_consume_connection(session, size);
    else if (!s->headed || ee_buffer_append(&s->rest, ee_bytes_of(data, size)) != EE_OK)
        ee_h2_stream_fail(s, EE_TUNNEL_BACKEND_CLOSED, "the app's answer cannot be passed on");
    else
        (void)pump(s);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t wire_id, uint32_t code, void *context)
{
    struct ee_h2_stream *s = stream_of(context, wire_id);
    (void)session;
    if (!s)
        return 0;
    ee_h2_stream_closed(s);
    if (s->ended)
        return 0; /* whole, whatever it says about the request */
    if (code == NGHTTP2_REFUSED_STREAM && !s->headed)
        ee_h2_stream_fail(s, EE_TUNNEL_REFUSED, "the app took no request");
    else
        ee_h2_stream_fail(s, EE_TUNNEL_BACKEND_CLOSED, "the app broke off");
    return 0;
}

bool ee_h2_session_open(struct ee_h2_peer *peer)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, EE_H2_PEER_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, EE_HTTP_HEADER_MAX},
    };
    nghttp2_session_callbacks *c = NULL;
    nghttp2_option *option = NULL;
    peer->reader = malloc(sizeof(*peer->reader));
    if (peer->reader && nghttp2_session_callbacks_new(&c) == 0 &&
        nghttp2_option_new(&option) == 0) {
        ee_http2_reader_start(peer->reader, EE_HTTP2_RESPONSE);
        nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback2(c, on_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
        nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
        nghttp2_session_callbacks_set_send_callback(c, on_send);
        nghttp2_session_callbacks_set_send_data_callback(c, on_send_data);
        nghttp2_option_set_no_auto_window_update(option, 1);
        nghttp2_option_set_no_closed_streams(option, 1);
        if (nghttp2_session_client_new2(&peer->session, c, peer, option) != 0)
            peer->session = NULL;
    }
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(c);
    return peer->session &&
           nghttp2_submit_settings(peer->session, NGHTTP2_FLAG_NONE, settings,
                                   sizeof(settings) / sizeof(settings[0])) == 0 &&
           nghttp2_session_set_local_window_size(peer->session, NGHTTP2_FLAG_NONE, 0,
                                                 EE_H2_PEER_CONNECTION_WINDOW) == 0;
}

/* ---- from the tunnel ---- */

static void on_tunnel_data(struct ee_h2_stream *s, const struct ee_tunnel_event *event)
{
    s->request_end = s->request_end || event->end;
    if (s->closed) /* nobody wants it any more */
        (void)!ee_tunnel_consumed(s->tunnel, s->id, event->data.size);
    else if (ee_buffer_append(&s->out, event->data) != EE_OK)
        ee_h2_stream_fail(s, EE_TUNNEL_OVERLOAD, "out of memory");
    else {
        (void)nghttp2_session_resume_data(s->peer->session, s->wire_id);
        ee_h2_peer_later(s->peer);
    }
}

/* RFC 9113 section 8.2.1: trailers of an HTTP/1.1 client may be in any case. */
static void names_lower(struct ee_http_head *head)
{
    for (size_t i = 0; i < head->field_count; i++) {
        const struct ee_http_span name = head->fields[i].name;
        for (uint32_t at = name.at; at < name.at + name.size; at++)
            if (head->bytes[at] >= 'A' && head->bytes[at] <= 'Z')
                head->bytes[at] |= 0x20;
    }
}

static void on_tunnel_trailers(struct ee_h2_stream *s, const struct ee_tunnel_event *event)
{
    struct ee_http_head *head = malloc(sizeof(*head));
    enum ee_err err = head ? EE_OK : EE_NO_MEMORY;
    if (head)
        ee_http_head_clear(head);
    for (size_t i = 0; err == EE_OK && i < event->head->pair_count; i++)
        err = ee_http_head_add(head, event->head->pairs[i].name, event->head->pairs[i].value);
    if (head)
        names_lower(head);
    s->trailers = head;
    s->request_end = true;
    if (err != EE_OK) {
        ee_h2_stream_fail(s, EE_TUNNEL_PROTOCOL, "the request's trailers are not valid");
        return;
    }
    (void)nghttp2_session_resume_data(s->peer->session, s->wire_id);
    ee_h2_peer_later(s->peer);
}

void ee_h2_stream_event(void *stream, const struct ee_tunnel_event *event)
{
    struct ee_h2_stream *s = stream;
    struct ee_h2_peer *peer = s->peer;
    if (event->kind == EE_TUNNEL_EVENT_DATA)
        on_tunnel_data(s, event);
    else if (event->kind == EE_TUNNEL_EVENT_TRAILERS)
        on_tunnel_trailers(s, event);
    else if (event->kind == EE_TUNNEL_EVENT_WRITABLE) {
        if (pump(s))
            ee_h2_peer_later(peer);
    } else if (event->kind == EE_TUNNEL_EVENT_RESET || event->kind == EE_TUNNEL_EVENT_FINISHED) {
        s->tunnel = NULL; /* it has forgotten the stream */
        ee_h2_stream_free(s);
    }
    ee_h2_peer_settle(peer);
}
