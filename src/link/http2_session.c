/* SPDX-License-Identifier: Apache-2.0 */
/* A server's session of HTTP/2 (RFC 9113): nghttp2 has the frames and HPACK, we have the limits. */
#include "link/http2_internal.h"

#include "base/alloc.h"

#include "base/banned.h"

enum { CALM_US = 2000 * 1000, DRAIN_US = 100 * 1000 };

static uint64_t now(const struct ee_http2 *h)
{
    return h->host.now_us(h->host.context);
}

/* ---- what comes ---- */

static struct ee_http2_stream *stream_of(const struct ee_http2 *h, int32_t id)
{
    return nghttp2_session_get_stream_user_data(h->session, id);
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *header, void *context)
{
    struct ee_http2 *h = context;
    (void)session;
    h->preface = true;
    h->section_open = h->section_open && header->type == NGHTTP2_CONTINUATION;
    return 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct ee_http2 *h = context;
    const bool request = frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    const int32_t id = frame->hd.stream_id;
    h->section_open = true;
    h->section_stream = id;
    h->section_size = 0;
    h->section_us = now(h);
    if (!h->reader)
        h->reader = ee_realloc(&ee_allocator_system, NULL, 1, sizeof(*h->reader));
    if (h->reader && (!request || h->host.shared->streams < EE_HTTP2_STREAMS_TOTAL_MAX)) {
        ee_http2_reader_start(h->reader, request ? EE_HTTP2_REQUEST : EE_HTTP2_TRAILERS);
        if (!request || ee_http2_stream_new(h, id))
            return 0;
    }
    (void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                     nghttp2_rcbuf *value, uint8_t flags, void *context)
{
    struct ee_http2 *h = context;
    const nghttp2_vec n = nghttp2_rcbuf_get_buf(name), v = nghttp2_rcbuf_get_buf(value);
    (void)session;
    (void)frame;
    (void)flags;
    h->section_size += n.len + v.len + 32; /* as RFC 9113 section 6.5.2 counts */
    if (h->section_size > EE_HTTP2_SECTION_MAX) {
        ee_http2_calm(h, NGHTTP2_ENHANCE_YOUR_CALM);
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    if (h->reader)
        ee_http2_reader_add(h->reader, ee_bytes_of(n.base, n.len), ee_bytes_of(v.base, v.len));
    return 0;
}

/* Without this the library drops such a field and goes on. */
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
                             nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags,
                             void *context)
{
    (void)name;
    (void)value;
    (void)flags;
    (void)context;
    (void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                    NGHTTP2_PROTOCOL_ERROR);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void section_done(struct ee_http2 *h, const nghttp2_frame *frame)
{
    struct ee_http2_stream *stream = stream_of(h, frame->hd.stream_id);
    const bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    h->section_open = false;
    if (!stream || !h->reader)
        return;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        ee_http2_stream_head(stream, end);
    else
        ee_http2_stream_trailers(stream);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct ee_http2 *h = context;
    (void)session;
    if (frame->hd.type == NGHTTP2_HEADERS)
        section_done(h, frame);
    if (frame->hd.type == NGHTTP2_DATA && frame->data.padlen > 0 &&
        frame->hd.length == frame->data.padlen)
        ee_http2_spend_control(h);
    if ((frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
        frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
        struct ee_http2_stream *stream = stream_of(h, frame->hd.stream_id);
        if (stream)
            ee_http2_stream_ended(stream);
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t size, void *context)
{
    struct ee_http2_stream *stream = stream_of(context, id);
    (void)flags;
    if (stream)
        ee_http2_stream_body(stream, ee_bytes_of(data, size));
    else
        (void)nghttp2_session_consume_connection(session, size);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *context)
{
    struct ee_http2 *h = context;
    struct ee_http2_stream *stream = stream_of(h, id);
    (void)session;
    (void)code;
    h->section_open = h->section_open && h->section_stream != id;
    if (stream)
        ee_http2_stream_gone(stream, EE_CLOSED);
    return 0;
}

/* ---- what goes ---- */

static ssize_t on_send(nghttp2_session *session, const uint8_t *data, size_t size, int flags,
                       void *context)
{
    struct ee_http2 *h = context;
    (void)session;
    (void)flags;
    if (!h->host.writable(h->host.context))
        return NGHTTP2_ERR_WOULDBLOCK;
    if (h->host.write(h->host.context, ee_bytes_of(data, size)) != EE_OK)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    return (ssize_t)size;
}

/* RFC 9113 section 8.1: an answer that is complete before its request asks for the rest no more. */
static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct ee_http2 *h = context;
    const bool body = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    struct ee_http2_stream *stream = body ? stream_of(h, frame->hd.stream_id) : NULL;
    if (frame->hd.type == NGHTTP2_DATA && h->control.left < EE_HTTP2_CONTROL_BURST * 1000)
        h->control.left += EE_HTTP2_CONTROL_PER_DATA * 1000;
    if (frame->hd.type == NGHTTP2_RST_STREAM && frame->rst_stream.error_code != NGHTTP2_NO_ERROR) {
        struct ee_http2_stream *gone = stream_of(h, frame->hd.stream_id);
        if (!gone || !gone->told) /* the client made us do it */
            ee_http2_spend_reset(h);
    }
    if (!stream || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    stream->end_sent = true;
    if (!stream->ended && !stream->exchange.raw && !stream->aborted) {
        stream->told = true;
        (void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_NO_ERROR);
    }
    return 0;
}

/* ---- the session ---- */

static nghttp2_session_callbacks *callbacks_new(void)
{
    nghttp2_session_callbacks *c = NULL;
    if (nghttp2_session_callbacks_new(&c) != 0)
        return NULL;
    nghttp2_session_callbacks_set_on_begin_frame_callback(c, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(c, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(c, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
    nghttp2_session_callbacks_set_send_callback(c, on_send);
    nghttp2_session_callbacks_set_send_data_callback(c, ee_http2_send_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_sent);
    return c;
}

static int session_open(struct ee_http2 *h)
{
    nghttp2_option *option = NULL;
    nghttp2_session_callbacks *callbacks = callbacks_new();
    int err = callbacks ? nghttp2_option_new(&option) : NGHTTP2_ERR_NOMEM;
    if (err == 0) {
        nghttp2_option_set_no_auto_window_update(option, 1);
        nghttp2_option_set_no_closed_streams(option, 1);
        nghttp2_option_set_max_outbound_ack(option, EE_HTTP2_FRAMES_QUEUED_MAX);
        nghttp2_option_set_peer_max_concurrent_streams(option, 0); /* we push nothing */
        err = nghttp2_session_server_new2(&h->session, callbacks, h, option);
    }
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return err;
}

static int settings_submit(struct ee_http2 *h)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, EE_HTTP2_STREAMS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, EE_HTTP2_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, EE_HTTP_HEADER_MAX + EE_HTTP_LINE_MAX},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1}, /* RFC 8441 */
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},   /* RFC 9218 section 2.1 */
    };
    int err = nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings,
                                      sizeof(settings) / sizeof(settings[0]));
    if (err == 0)
        err = nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0,
                                                    EE_HTTP2_CONNECTION_WINDOW);
    return err;
}

struct ee_http2 *ee_http2_new(const struct ee_http2_host *host)
{
    struct ee_http2 *h = ee_alloc(&ee_allocator_system, 1, sizeof(*h));
    if (!h)
        return NULL;
    h->host = *host;
    h->wire_left = NGHTTP2_CLIENT_MAGIC_LEN;
    h->section_us = h->idle_us = h->control.at_us = h->resets.at_us = now(h);
    h->control.left = EE_HTTP2_CONTROL_BURST * 1000;
    h->resets.left = EE_HTTP2_RESET_BURST * 1000;
    if (session_open(h) == 0 && settings_submit(h) == 0)
        return h;
    ee_http2_free(h, EE_NO_MEMORY);
    return NULL;
}

void ee_http2_free(struct ee_http2 *h, enum ee_err err)
{
    if (!h)
        return;
    while (h->streams)
        ee_http2_stream_gone(h->streams, err);
    nghttp2_session_del(h->session);
    ee_free(&ee_allocator_system, h->reader);
    ee_free(&ee_allocator_system, h);
}

void ee_http2_receive(struct ee_http2 *h, struct ee_bytes bytes)
{
    if (h->over || h->calm)
        return;
    ee_http2_count(h, bytes);
    const ssize_t taken =
        h->calm ? 0 : nghttp2_session_mem_recv(h->session, bytes.data, bytes.size);
    if (taken < 0)
        ee_http2_calm(h, taken == NGHTTP2_ERR_FLOODED ? NGHTTP2_ENHANCE_YOUR_CALM
                                                      : NGHTTP2_PROTOCOL_ERROR);
    if (!h->section_open) { /* between two field sections */
        ee_free(&ee_allocator_system, h->reader);
        h->reader = NULL;
    }
    if (nghttp2_session_get_outbound_queue_size(h->session) > EE_HTTP2_FRAMES_QUEUED_MAX)
        ee_http2_calm(h, NGHTTP2_ENHANCE_YOUR_CALM);
    h->host.later(h->host.context);
}

void ee_http2_work(struct ee_http2 *h)
{
    struct ee_http2_stream *next;
    if (h->over)
        return;
    for (struct ee_http2_stream *stream = h->streams; stream; stream = next) {
        next = stream->next;
        ee_http2_stream_deliver(stream);
        ee_http2_head_send(stream);
    }
    if (nghttp2_session_send(h->session) != 0)
        h->over = true;
    for (struct ee_http2_stream *stream = h->streams; stream; stream = next) {
        next = stream->next;
        ee_http2_writable_tell(stream);
    }
    if (h->draining && h->drained && !h->streams && nghttp2_session_want_write(h->session) == 0)
        h->over = true;
    if (nghttp2_session_want_read(h->session) == 0 && nghttp2_session_want_write(h->session) == 0)
        h->over = true;
}

bool ee_http2_over(const struct ee_http2 *h)
{
    return h->over;
}

/* ---- time and the end ---- */

static void goaway(struct ee_http2 *h)
{
    h->drained = true;
    (void)nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(h->session),
                                NGHTTP2_NO_ERROR, NULL, 0);
}

void ee_http2_drain(struct ee_http2 *h)
{
    if (h->draining)
        return;
    h->draining = true;
    h->drain_us = now(h);
    if (h->streams)
        (void)nghttp2_submit_shutdown_notice(h->session);
    else
        goaway(h);
    h->host.later(h->host.context);
}

static void stream_tick(struct ee_http2_stream *stream, uint64_t now_us, uint64_t stall_us)
{
    const struct ee_http_exchange *x = &stream->exchange;
    if (now_us - stream->moved_us < stall_us || stream->aborted)
        return;
    if (stream->out.size > 0 || (stream->end_queued && !stream->end_sent))
        ee_http2_stream_reset(stream, NGHTTP2_CANCEL, EE_TIMEOUT); /* the answer is not read */
    else if (!x->complete && !x->started && !x->wants_upgrade)
        ee_http2_stream_fail(stream, EE_TIMEOUT, x->paused ? 504 : 408,
                             x->paused ? "the request body is not taken"
                                       : "the request body took too long");
}

void ee_http2_tick(struct ee_http2 *h, uint64_t header_us, uint64_t idle_us, uint64_t stall_us)
{
    struct ee_http2_stream *next;
    const uint64_t now_us = now(h);
    if ((h->section_open || !h->preface) && now_us - h->section_us >= header_us)
        ee_http2_calm(h, NGHTTP2_ENHANCE_YOUR_CALM);
    else if (!h->streams && now_us - h->idle_us >= idle_us)
        ee_http2_calm(h, NGHTTP2_NO_ERROR);
    h->over = h->over || (h->calm && now_us - h->calm_us >= CALM_US); /* GOAWAY is not read */
    if (h->draining && !h->drained && now_us - h->drain_us >= DRAIN_US)
        goaway(h);
    for (struct ee_http2_stream *stream = h->streams; stream; stream = next) {
        next = stream->next;
        stream_tick(stream, now_us, stall_us);
    }
    h->host.later(h->host.context);
}
