/* SPDX-License-Identifier: Apache-2.0 */
/* A stream of HTTP/2 as an exchange: what comes from the client. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "http/websocket.h"
#include "io/random.h"
#include "link/http2_internal.h"

#include "base/banned.h"

static void moved(struct ee_http2_stream *s)
{
    s->moved_us = s->session->host.now_us(s->session->host.context);
}

/* ---- life ---- */

struct ee_http2_stream *ee_http2_stream_new(struct ee_http2 *h, int32_t id)
{
    struct ee_http2_stream *s = ee_alloc(&ee_allocator_system, 1, sizeof(*s));
    if (!s)
        return NULL;
    s->session = h;
    s->id = id;
    s->exchange.ops = &ee_http2_exchange_ops;
    s->exchange.conn = h->host.conn;
    s->exchange.scratch = h->host.scratch;
    s->exchange.is_http2 = true;
    s->exchange.gone_err = EE_CLOSED;
    s->next = h->streams;
    if (s->next)
        s->next->previous = s;
    h->streams = s;
    h->count++;
    h->host.shared->streams++;
    moved(s);
    (void)nghttp2_session_set_stream_user_data(h->session, id, s);
    return s;
}

static void out_drop(struct ee_http2_stream *s)
{
    s->session->out -= s->out.size;
    s->session->host.shared->out -= s->out.size;
    ee_buffer_close(&s->out);
}

static void unlink_stream(struct ee_http2_stream *s)
{
    struct ee_http2 *h = s->session;
    if (s->next)
        s->next->previous = s->previous;
    if (s->previous)
        s->previous->next = s->next;
    else
        h->streams = s->next;
    h->host.shared->streams--;
    h->host.shared->held -= s->in.size;
    if (--h->count == 0)
        h->idle_us = h->host.now_us(h->host.context);
}

void ee_http2_stream_gone(struct ee_http2_stream *s, enum ee_err err)
{
    struct ee_http2 *h = s->session;
    struct ee_http_exchange *x = &s->exchange;
    if (x->finished && s->end_sent && (!x->raw || s->ended))
        err = EE_OK;
    else if (s->aborted)
        err = x->gone_err;
    (void)nghttp2_session_set_stream_user_data(h->session, s->id, NULL);
    if (s->owed + s->in.size > 0) /* the connection's window is not the stream's to keep */
        (void)nghttp2_session_consume_connection(h->session, s->owed + s->in.size);
    unlink_stream(s);
    out_drop(s);
    if (x->events)
        x->events->gone(x->context, x, err);
    ee_buffer_close(&s->in);
    ee_free(&ee_allocator_system, s->in_trailers);
    ee_free(&ee_allocator_system, s->out_head);
    ee_free(&ee_allocator_system, s->out_trailers);
    ee_http_exchange_free(x); /* it is the stream */
}

void ee_http2_stream_reset(struct ee_http2_stream *s, uint32_t code, enum ee_err err)
{
    struct ee_http2 *h = s->session;
    if (s->aborted)
        return;
    s->aborted = true;
    s->exchange.gone_err = err;
    out_drop(s);
    (void)nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, s->id, code);
    h->host.later(h->host.context);
}

/* ---- refusals ---- */

static enum ee_err refusal_answer(struct ee_http2_stream *s, uint16_t status, const char *text)
{
    const struct ee_http_server_options *options = s->session->host.options;
    struct ee_http_head *head = s->exchange.scratch;
    struct ee_http_refusal refusal = {.content_type = "text/plain"};
    (void)snprintf(refusal.body, sizeof(refusal.body), "%s\n", text);
    if (options->refusal)
        options->refusal(options->context, status, text, &refusal);
    EE_TRY(ee_http_head_response(head, status, ee_bytes_of(NULL, 0)));
    EE_TRY(ee_http_head_add_text(head, "content-type", refusal.content_type));
    if (refusal.request_id[0])
        EE_TRY(ee_http_head_add_text(head, "x-request-id", refusal.request_id));
    if (status == 405) /* RFC 9110 section 15.5.6 */
        EE_TRY(
            ee_http_head_add_text(head, "allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    return ee_http_exchange_answer(&s->exchange, head, ee_bytes_str(refusal.body));
}

void ee_http2_stream_fail(struct ee_http2_stream *s, enum ee_err err, uint16_t status,
                          const char *text)
{
    struct ee_http_exchange *x = &s->exchange;
    const struct ee_http_exchange_events *events = x->events;
    if (s->aborted)
        return;
    if (!x->request) { /* its head is still coming */
        ee_http2_stream_reset(s, NGHTTP2_CANCEL, err);
        return;
    }
    if (events && !x->started) { /* the owner hears now, the answer is ours */
        x->events = NULL;
        events->gone(x->context, x, err);
        x->collect = false;
    }
    if (x->started || refusal_answer(s, status, text) != EE_OK)
        ee_http2_stream_reset(s, NGHTTP2_CANCEL, err);
}

/* ---- the request ---- */

/* A head is 50 KiB for the largest; what is not used goes back. */
struct ee_http_head *ee_http2_head_keep(const struct ee_http_head *from)
{
    const size_t size = offsetof(struct ee_http_head, bytes) + from->used;
    struct ee_http_head *kept = ee_realloc(&ee_allocator_system, NULL, size, 1);
    if (kept)
        ee_http_head_copy(kept, from);
    return kept;
}

static void key_text_make(char out[EE_WS_ACCEPT_TEXT_SIZE])
{
    uint8_t key[EE_WS_KEY_SIZE];
    struct ee_http_head *head = ee_realloc(&ee_allocator_system, NULL, 1, sizeof(*head));
    struct ee_bytes text = {0};
    out[0] = '\0';
    ee_random_bytes(key, sizeof(key));
    if (head &&
        ee_ws_request_make(ee_bytes_str("a"), ee_bytes_str("/"), key, NULL, head) == EE_OK &&
        ee_http_head_find(head, "Sec-WebSocket-Key", &text) && text.size < EE_WS_ACCEPT_TEXT_SIZE) {
        memcpy(out, text.data, text.size);
        out[text.size] = '\0';
    }
    ee_free(&ee_allocator_system, head);
}

static void request_give(struct ee_http2_stream *s, bool expect_continue)
{
    const struct ee_http_server_options *options = s->session->host.options;
    struct ee_http_exchange *x = &s->exchange;
    options->request(options->context, x);
    if (s->aborted)
        return;
    if (x->collect && x->has_length && x->length > x->limit)
        ee_http2_stream_fail(s, EE_TOO_LARGE, 413, "the request body is larger than the limit");
    else if (!x->events && !x->started)
        ee_http2_stream_fail(s, EE_STATE, 500, "nobody answers here");
    else if (expect_continue && !x->started && !s->ended) {
        struct ee_http_head *head = ee_http_exchange_head(x);
        if (ee_http_head_response(head, 100, ee_bytes_of(NULL, 0)) == EE_OK)
            (void)!ee_http_exchange_interim(x, head);
    }
}

void ee_http2_stream_head(struct ee_http2_stream *s, bool end)
{
    struct ee_http_exchange *x = &s->exchange;
    struct ee_http2_reader *reader = s->session->reader;
    struct ee_http_event event;
    char key[EE_WS_ACCEPT_TEXT_SIZE] = "";
    if (reader->protocol[0])
        key_text_make(key);
    const enum ee_http_rule rule = ee_http2_reader_finish(reader, end, key[0] ? key : NULL, &event);
    if (s->aborted)
        return;
    s->head_done = true;
    s->ended = end; /* `complete` follows once the owner has the request */
    x->request = ee_http2_head_keep(&reader->head);
    if (!x->request) {
        ee_http2_stream_reset(s, NGHTTP2_REFUSED_STREAM, EE_NO_MEMORY);
        return;
    }
    x->is_head = ee_bytes_equal(ee_http_head_method(x->request), ee_bytes_str("HEAD"));
    if (rule != EE_HTTP_RULE_NONE) {
        if (ee_http_rule_status(rule) != 400) {
            ee_http2_stream_fail(s, EE_HTTP, ee_http_rule_status(rule), ee_http_rule_text(rule));
            return;
        }
        ee_http2_stream_reset(s, NGHTTP2_PROTOCOL_ERROR, EE_HTTP);
        return;
    }
    x->has_length = event.has_length;
    x->length = event.content_length;
    x->chunked = event.chunked;
    x->keep_alive = true;
    x->wants_upgrade = event.upgrade;
    request_give(s, event.expect_continue);
}

void ee_http2_stream_trailers(struct ee_http2_stream *s)
{
    struct ee_http_event event;
    if (s->aborted || !s->head_done)
        return;
    if (ee_http2_reader_finish(s->session->reader, true, NULL, &event) != EE_HTTP_RULE_NONE)
        ee_http2_stream_reset(s, NGHTTP2_PROTOCOL_ERROR, EE_HTTP);
    else if (event.head->field_count > 0 && !s->in_trailers)
        s->in_trailers = ee_http2_head_keep(event.head);
}

/* ---- the body: credit only for what the owner took ---- */

static bool held_back(const struct ee_http2_stream *s)
{
    const struct ee_http_exchange *x = &s->exchange;
    return x->paused || (x->wants_upgrade && !x->raw && !x->started);
}

static void credit(struct ee_http2_stream *s)
{
    if (s->owed == 0 || held_back(s))
        return;
    (void)nghttp2_session_consume(s->session->session, s->id, s->owed);
    s->owed = 0;
}

static void give(struct ee_http2_stream *s, struct ee_bytes bytes)
{
    s->owed += bytes.size;
    const enum ee_err err = ee_http_exchange_body_take(&s->exchange, bytes);
    if (err == EE_TOO_LARGE)
        ee_http2_stream_fail(s, err, 413, "the request body is larger than the limit");
    else if (err != EE_OK)
        ee_http2_stream_fail(s, err, 503, "out of memory");
    credit(s);
}

void ee_http2_stream_body(struct ee_http2_stream *s, struct ee_bytes bytes)
{
    struct ee_http2_shared *shared = s->session->host.shared;
    moved(s);
    if (s->aborted || !s->head_done) {
        s->owed += bytes.size;
        return;
    }
    if (!held_back(s) && s->in.size == 0) {
        give(s, bytes);
        return;
    }
    if (shared->held + bytes.size > EE_HTTP2_HELD_MAX || ee_buffer_append(&s->in, bytes) != EE_OK) {
        s->owed += bytes.size;
        ee_http2_stream_reset(s, NGHTTP2_ENHANCE_YOUR_CALM, EE_FULL);
        return;
    }
    shared->held += bytes.size;
}

void ee_http2_stream_ended(struct ee_http2_stream *s)
{
    s->ended = true;
    moved(s);
    ee_http2_stream_deliver(s);
}

static void end_give(struct ee_http2_stream *s)
{
    struct ee_http_exchange *x = &s->exchange;
    if (s->in_trailers && x->events && x->events->trailers && !x->finished)
        x->events->trailers(x->context, x, s->in_trailers);
    ee_http_exchange_complete_take(x);
}

void ee_http2_stream_deliver(struct ee_http2_stream *s)
{
    if (!s->head_done || s->aborted)
        return;
    credit(s);
    if (s->in.size > 0 && !held_back(s)) {
        struct ee_buffer in = s->in;
        s->in = (struct ee_buffer){0};
        s->session->host.shared->held -= in.size;
        give(s, ee_buffer_bytes(&in));
        ee_buffer_close(&in);
    }
    if (s->ended && !s->exchange.complete && s->in.size == 0 && !held_back(s) && !s->aborted)
        end_give(s);
}
