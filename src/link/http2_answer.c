/* SPDX-License-Identifier: Apache-2.0 */
/* A stream of HTTP/2 as an exchange: what goes to the client. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "link/http2_internal.h"

#include "base/banned.h"

static struct ee_http2_stream *of(struct ee_http_exchange *x)
{
    return (struct ee_http2_stream *)x;
}

static void later(struct ee_http_exchange *x)
{
    struct ee_http2 *h = of(x)->session;
    h->host.later(h->host.context);
}

/* ---- field sections ---- */

/* Lower case (RFC 9113 section 8.2.1) in `names`; without the fields of one connection. */
struct field_list {
    nghttp2_nv fields[EE_HTTP_FIELDS_CAPACITY + 1];
    size_t count, used;
    char status[4];
    uint8_t names[EE_HTTP_HEAD_BYTES];
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
    list->fields[list->count++] =
        (nghttp2_nv){.name = lower,
                     .namelen = name.size,
                     .value = bytes_of(value),
                     .valuelen = value.size,
                     .flags = ee_http_equal(name, "set-cookie") ? NGHTTP2_NV_FLAG_NO_INDEX
                                                                : NGHTTP2_NV_FLAG_NONE};
}

/* NULL: no memory. `status` 0: trailers. */
static struct field_list *field_list_new(const struct ee_http_head *head, uint16_t status)
{
    struct field_list *list = ee_realloc(&ee_allocator_system, NULL, 1, sizeof(*list));
    if (!list)
        return NULL;
    list->count = list->used = 0;
    if (status) {
        (void)snprintf(list->status, sizeof(list->status), "%03u", (unsigned)status % 1000);
        field_add(list, ee_bytes_str(":status"), ee_bytes_str(list->status));
    }
    for (size_t i = 0; i < head->field_count; i++) {
        const struct ee_bytes name = ee_http_head_name(head, i);
        if (!ee_http2_field_is_of_connection(name) && !ee_http_equal(name, "te"))
            field_add(list, name, ee_http_head_value(head, i));
    }
    return list;
}

/* ---- data ---- */

static int trailers_submit(struct ee_http2_stream *s, nghttp2_session *session)
{
    struct field_list *list = field_list_new(s->out_trailers, 0);
    const int err = list ? nghttp2_submit_trailer(session, s->id, list->fields, list->count)
                         : NGHTTP2_ERR_NOMEM;
    ee_free(&ee_allocator_system, list);
    return err;
}

static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *buffer, size_t room,
                       uint32_t *flags, nghttp2_data_source *source, void *context)
{
    struct ee_http2_stream *s = source->ptr;
    const size_t size = s->out.size < room ? s->out.size : room;
    (void)id;
    (void)buffer;
    (void)context;
    if (s->aborted || (size == 0 && !s->end_queued))
        return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (size == s->out.size && s->end_queued) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (s->out_trailers) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            if (trailers_submit(s, session) != 0)
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
    }
    return (ssize_t)size;
}

int ee_http2_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *header,
                       size_t length, nghttp2_data_source *source, void *context)
{
    enum { HEADER_SIZE = 9 };
    struct ee_http2 *h = context;
    struct ee_http2_stream *s = source->ptr;
    const struct ee_bytes out = ee_buffer_bytes(&s->out);
    (void)session;
    (void)frame; /* we never pad */
    if (!h->host.writable(h->host.context))
        return NGHTTP2_ERR_WOULDBLOCK;
    if (s->aborted || length > out.size)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (h->host.write(h->host.context, ee_bytes_of(header, HEADER_SIZE)) != EE_OK ||
        (length > 0 && h->host.write(h->host.context, ee_bytes_of(out.data, length)) != EE_OK))
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    ee_buffer_consume(&s->out, length);
    h->out -= length;
    h->host.shared->out -= length;
    s->moved_us = h->host.now_us(h->host.context);
    return 0;
}

/* ---- the exchange's side ---- */

/* Answers take turns on the connection unless the client said otherwise (RFC 9218 section 4). */
static void priority_set(struct ee_http2_stream *s)
{
    const nghttp2_extpri turns = {.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1};
    if (ee_http_head_count(s->exchange.request, "priority") == 0)
        (void)nghttp2_session_change_extpri_stream_priority(s->session->session, s->id, &turns, 1);
}

/* The head waits until this iteration's work, so that an answer that is over by then ends with it:
 * what has only trailers in gRPC, HEAD, 304. */
static enum ee_err head_hold(struct ee_http2_stream *s, const struct ee_http_head *head,
                             uint16_t status)
{
    if (s->aborted)
        return EE_CLOSED;
    s->out_head = ee_http2_head_keep(head);
    if (!s->out_head)
        return EE_NO_MEMORY;
    s->out_head->status = status;
    s->moved_us = s->session->host.now_us(s->session->host.context);
    later(&s->exchange);
    return EE_OK;
}

void ee_http2_head_send(struct ee_http2_stream *s)
{
    const nghttp2_data_provider provider = {.source = {.ptr = s}, .read_callback = on_read};
    const bool over = s->end_queued && s->out.size == 0 && !s->out_trailers;
    if (!s->out_head || s->aborted)
        return;
    priority_set(s);
    struct field_list *list = field_list_new(s->out_head, s->out_head->status);
    const int err = list ? nghttp2_submit_response(s->session->session, s->id, list->fields,
                                                   list->count, over ? NULL : &provider)
                         : NGHTTP2_ERR_NOMEM;
    ee_free(&ee_allocator_system, list);
    ee_free(&ee_allocator_system, s->out_head);
    s->out_head = NULL;
    if (err != 0)
        ee_http2_stream_reset(s, NGHTTP2_INTERNAL_ERROR, EE_NO_MEMORY);
}

static enum ee_err begin(struct ee_http_exchange *x, struct ee_http_head *head, bool whole,
                         size_t more)
{
    struct ee_http2_stream *s = of(x);
    (void)more;
    EE_TRY(head_hold(s, head, head->status));
    s->end_queued = whole || x->without_body;
    return EE_OK;
}

/* A stream whose answer is all sent may always have one piece more, else the client that reads one
 * answer and not the others would stop its own. */
static bool has_room(const struct ee_http2_stream *s)
{
    const struct ee_http2 *h = s->session;
    if (s->aborted)
        return false;
    return s->out.size == 0 ||
           (s->out.size < EE_HTTP2_OUT_STREAM && h->out < EE_HTTP2_OUT_CONNECTION &&
            h->host.shared->out < EE_HTTP2_OUT_TOTAL);
}

static enum ee_err write_piece(struct ee_http_exchange *x, struct ee_bytes bytes)
{
    struct ee_http2_stream *s = of(x);
    if (s->aborted)
        return EE_CLOSED;
    if (x->framing.has_length && bytes.size > x->framing.left)
        return EE_RANGE;
    if (x->in_pieces && s->out.size + bytes.size > EE_HTTP2_OUT_MAX)
        return EE_FULL;
    EE_TRY(ee_buffer_append(&s->out, bytes));
    if (s->out.size == bytes.size) /* what waits has its time from now on */
        s->moved_us = s->session->host.now_us(s->session->host.context);
    s->session->out += bytes.size;
    s->session->host.shared->out += bytes.size;
    if (x->framing.has_length)
        x->framing.left -= bytes.size;
    s->blocked = s->blocked || !has_room(s);
    (void)nghttp2_session_resume_data(s->session->session, s->id);
    later(x);
    return EE_OK;
}

static enum ee_err end(struct ee_http_exchange *x, const struct ee_http_head *trailers)
{
    struct ee_http2_stream *s = of(x);
    if (s->aborted)
        return EE_CLOSED;
    if (x->framing.has_length && x->framing.left > 0)
        return EE_RANGE;
    if (trailers && trailers->field_count > 0 && !x->raw) {
        s->out_trailers = ee_realloc(&ee_allocator_system, NULL, 1, sizeof(*s->out_trailers));
        if (!s->out_trailers)
            return EE_NO_MEMORY;
        ee_http_head_copy(s->out_trailers, trailers);
    }
    s->end_queued = true;
    (void)nghttp2_session_resume_data(s->session->session, s->id);
    return EE_OK;
}

static enum ee_err interim(struct ee_http_exchange *x, const struct ee_http_head *head)
{
    struct ee_http2_stream *s = of(x);
    if (s->aborted)
        return EE_CLOSED;
    struct field_list *list = field_list_new(head, head->status);
    if (!list)
        return EE_NO_MEMORY;
    const int32_t err = nghttp2_submit_headers(s->session->session, NGHTTP2_FLAG_NONE, s->id, NULL,
                                               list->fields, list->count, NULL);
    ee_free(&ee_allocator_system, list);
    later(x);
    return err == 0 ? EE_OK : EE_CLOSED;
}

static bool writable(const struct ee_http_exchange *x)
{
    const struct ee_http2_stream *s = (const struct ee_http2_stream *)x;
    return has_room(s);
}

void ee_http2_writable_tell(struct ee_http2_stream *s)
{
    struct ee_http_exchange *x = &s->exchange;
    if (!s->blocked || !has_room(s))
        return;
    s->blocked = false;
    if (x->events && x->events->writable && !x->finished)
        x->events->writable(x->context, x);
}

static void abort_stream(struct ee_http_exchange *x, enum ee_err err)
{
    struct ee_http2_stream *s = of(x);
    s->told = true;
    ee_http2_stream_reset(s, NGHTTP2_INTERNAL_ERROR, err);
}

const struct ee_http_exchange_ops ee_http2_exchange_ops = {.begin = begin,
                                                           .write = write_piece,
                                                           .end = end,
                                                           .interim = interim,
                                                           .writable = writable,
                                                           .abort = abort_stream,
                                                           .later = later};

enum ee_err ee_http_exchange_upgrade_stream(struct ee_http_exchange *x, struct ee_http_head *head)
{
    if (!x->is_http2 || !x->wants_upgrade || x->started || head->status != 101)
        return EE_STATE;
    struct ee_http2_stream *s = of(x);
    if (s->aborted)
        return EE_CLOSED;
    ee_http_head_remove(head, "Sec-WebSocket-Accept"); /* RFC 8441 section 5 */
    EE_TRY(ee_http_date_add(head));
    EE_TRY(head_hold(s, head, 200));
    x->started = x->in_pieces = x->raw = true;
    later(x); /* what the client sent already */
    return EE_OK;
}
