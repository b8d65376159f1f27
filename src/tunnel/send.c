/* SPDX-License-Identifier: Apache-2.0 */
/* What the shells call to send; nothing here fires an event. */
#include "tunnel/internal.h"

#include <string.h>

#include "base/banned.h"

enum { FIXED_MAX = EE_TUNNEL_FRAME_HEADER + 1024 }; /* a frame but for target and pairs */

/* Frames are encoded where they wait: `room` bytes behind the last of `buffer` are enough, or the
 * encoder says EE_TOO_LARGE. */
static enum ee_err frame_open(const struct ee_tunnel *t, struct ee_tunnel_buffer *buffer,
                              size_t room, struct ee_writer *w)
{
    const size_t size = room < EE_TUNNEL_MESSAGE_MAX ? room : EE_TUNNEL_MESSAGE_MAX;
    uint8_t *memory = ee_tunnel_buffer_reserve(t->allocator, buffer, size);
    if (!memory)
        return EE_NO_MEMORY;
    ee_writer_init(w, memory, size);
    return EE_OK;
}

static size_t pairs_room(const struct ee_tunnel_pair *pairs, size_t count)
{
    size_t room = FIXED_MAX;
    for (size_t i = 0; i < count && room < EE_TUNNEL_MESSAGE_MAX; i++)
        room += 4 + pairs[i].name.size + pairs[i].value.size;
    return room;
}

/* The shells' own frames fill half of the control buffer at most, so that they cannot make the
 * answers owed to the peer overflow it. */
static enum ee_err urgent_take(struct ee_tunnel *t, const struct ee_writer *frame)
{
    if (frame->err != EE_OK)
        return frame->err;
    if (t->urgent.size && t->urgent.size + frame->size > t->config.control_buffer / 2)
        return EE_FULL;
    t->urgent.size += frame->size;
    return EE_OK;
}

static void hello_encode(const struct ee_tunnel *tunnel, struct ee_writer *w)
{
    const struct ee_tunnel_config *config = &tunnel->config;
    const struct ee_tunnel_hello hello = {
        .version_min = config->version_min,
        .version_max = config->version_max,
        .agent = ee_bytes_str(config->agent),
        .epoch = config->epoch,
        .max_streams = config->max_streams,
        .stream_window = config->stream_window,
        .connection_window = tunnel->receive_window,
        .features = config->features,
    };
    ee_tunnel_hello_encode(w, &hello);
}

enum ee_err ee_tunnel_hello_send(struct ee_tunnel *tunnel)
{
    struct ee_writer w;
    if (tunnel->closed)
        return EE_CLOSED;
    if (tunnel->hello_sent)
        return EE_STATE;
    EE_TRY(frame_open(tunnel, &tunnel->urgent, FIXED_MAX, &w));
    ee_tunnel_window_open(tunnel); /* only now: who is not admitted takes nothing from others */
    hello_encode(tunnel, &w);
    EE_TRY(urgent_take(tunnel, &w));
    tunnel->hello_sent = true;
    return EE_OK;
}

enum ee_err ee_tunnel_control_send(struct ee_tunnel *tunnel, struct ee_bytes message)
{
    uint8_t frame[EE_TUNNEL_FRAME_HEADER];
    struct ee_writer w;
    const struct ee_tunnel_header header = {EE_TUNNEL_CONTROL_FRAME, 0, 0, (uint32_t)message.size};
    struct ee_tunnel_buffer *queue = &tunnel->messages;
    if (tunnel->closed)
        return EE_CLOSED;
    if (message.size == 0 || message.size > EE_TUNNEL_CONTROL_MAX)
        return EE_TOO_LARGE;
    if (queue->size && queue->size + sizeof(frame) + message.size > tunnel->config.control_buffer)
        return EE_FULL;
    ee_writer_init(&w, frame, sizeof(frame));
    ee_tunnel_header_encode(&w, &header);
    EE_TRY(ee_tunnel_buffer_add(tunnel->allocator, queue, ee_writer_done(&w)));
    const enum ee_err err = ee_tunnel_buffer_add(tunnel->allocator, queue, message);
    if (err != EE_OK)
        queue->size -= sizeof(frame); /* no header without its message */
    return err;
}

enum ee_err ee_tunnel_goaway(struct ee_tunnel *tunnel, enum ee_tunnel_code code, uint32_t drain_ms,
                             const char *text)
{
    uint8_t frame[EE_TUNNEL_FRAME_HEADER + 13 + EE_TUNNEL_TEXT_MAX];
    struct ee_writer w;
    uint32_t last = code == EE_TUNNEL_NO_ERROR ? EE_TUNNEL_WINDOW_MAX : tunnel->last_peer_id;
    if (tunnel->goaway_sent && tunnel->goaway_sent_last < last)
        last = tunnel->goaway_sent_last;
    const struct ee_tunnel_reason reason = {last, drain_ms, code, ee_bytes_str(text)};
    if (tunnel->closed)
        return EE_CLOSED;
    ee_writer_init(&w, frame, sizeof(frame));
    ee_tunnel_goaway_encode(&w, &reason);
    tunnel->goaway_sent = true;
    tunnel->goaway_sent_last = last;
    ee_tunnel_urgent_add(tunnel, &w);
    if (drain_ms)
        tunnel->drain_until_us = tunnel->now_us + drain_ms * (uint64_t)1000;
    return EE_OK;
}

static enum ee_err open_check(const struct ee_tunnel *t)
{
    if (t->closed || t->doom != EE_OK)
        return EE_CLOSED;
    if (!ee_tunnel_ready(t))
        return EE_STATE;
    if (t->goaway_received || t->next_id > EE_TUNNEL_WINDOW_MAX - 1)
        return EE_REFUSED;
    return t->streams_ours >= t->peer_max_streams ? EE_FULL : EE_OK;
}

enum ee_err ee_tunnel_open(struct ee_tunnel *tunnel, const struct ee_tunnel_open *open, bool end,
                           void *stream_context, uint32_t *stream_out)
{
    struct ee_writer w;
    EE_TRY(open_check(tunnel));
    EE_TRY(frame_open(tunnel, &tunnel->urgent,
                      pairs_room(open->pairs, open->pair_count) + open->target.size, &w));
    ee_tunnel_open_encode(&w, tunnel->next_id, end, open);
    EE_TRY(w.err);
    struct ee_tunnel_stream *s = ee_tunnel_stream_add(tunnel, tunnel->next_id, true, open->kind);
    const enum ee_err err = s ? urgent_take(tunnel, &w) : EE_NO_MEMORY;
    if (err != EE_OK && s)
        ee_tunnel_stream_remove(tunnel, s);
    EE_TRY(err);
    s->context = stream_context;
    s->end_wanted = s->end_sent = end;
    *stream_out = tunnel->next_id;
    tunnel->next_id += 2;
    return EE_OK;
}

void *ee_tunnel_stream_context(const struct ee_tunnel *tunnel, uint32_t stream)
{
    const struct ee_tunnel_stream *s = ee_tunnel_stream_find(tunnel, stream);
    return s ? s->context : NULL;
}

enum ee_err ee_tunnel_stream_context_set(struct ee_tunnel *tunnel, uint32_t stream, void *context)
{
    struct ee_tunnel_stream *s = ee_tunnel_stream_find(tunnel, stream);
    if (!s)
        return EE_NOT_FOUND;
    s->context = context;
    return EE_OK;
}

static enum ee_err head_check(const struct ee_tunnel_stream *s, uint16_t status, bool end)
{
    const bool interim = status < 200 && status != 101;
    if (s->ours || s->kind == EE_TUNNEL_KIND_TCP || s->head_sent || s->end_wanted)
        return EE_STATE;
    if (status == 101 && s->kind != EE_TUNNEL_KIND_WS)
        return EE_STATE;
    return interim && (end || s->interims_sent == EE_TUNNEL_INTERIM_MAX) ? EE_STATE : EE_OK;
}

static void head_note(struct ee_tunnel *t, struct ee_tunnel_stream *s, uint16_t status, bool end)
{
    if (status < 200 && status != 101) {
        s->interims_sent++;
        return;
    }
    s->head_sent = true;
    s->end_wanted = s->end_sent = end;
    ee_tunnel_stream_settle(t, s);
}

enum ee_err ee_tunnel_head_send(struct ee_tunnel *tunnel, uint32_t stream,
                                const struct ee_tunnel_head *head, bool end)
{
    struct ee_writer w;
    struct ee_tunnel_stream *s = ee_tunnel_stream_find(tunnel, stream);
    if (!s)
        return EE_NOT_FOUND;
    EE_TRY(head_check(s, head->status, end));
    EE_TRY(frame_open(tunnel, &tunnel->urgent, pairs_room(head->pairs, head->pair_count), &w));
    ee_tunnel_head_encode(&w, stream, end, head);
    EE_TRY(urgent_take(tunnel, &w));
    head_note(tunnel, s, head->status, end);
    return EE_OK;
}

/* May body bytes or trailers be sent now? An answer begins with its HEAD. */
static enum ee_err body_check(const struct ee_tunnel_stream *s)
{
    if (s->end_wanted || (!s->ours && s->kind != EE_TUNNEL_KIND_TCP && !s->head_sent))
        return EE_STATE;
    return EE_OK;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void starved_note(struct ee_tunnel *t, struct ee_tunnel_stream *s, bool starved)
{
    if (starved && t->buffered >= ee_tunnel_buffer_limit(t))
        t->total_starved = true;
    if (starved)
        ee_tunnel_link_last(&t->starved, &s->wait);
    else if (s->starved)
        ee_tunnel_link_out(&s->wait);
    s->starved = starved;
}

enum ee_err ee_tunnel_data_send(struct ee_tunnel *tunnel, uint32_t stream, struct ee_bytes data,
                                bool end, size_t *taken_out)
{
    struct ee_tunnel_stream *s = ee_tunnel_stream_find(tunnel, stream);
    if (!s)
        return EE_NOT_FOUND;
    EE_TRY(body_check(s));
    size_t room = tunnel->config.stream_buffer - s->out.size;
    const uint64_t limit = ee_tunnel_buffer_limit(tunnel);
    room = tunnel->buffered < limit ? smaller(room, (size_t)(limit - tunnel->buffered)) : 0;
    const size_t taken = smaller(room, data.size);
    EE_TRY(ee_tunnel_buffer_add(tunnel->allocator, &s->out, ee_bytes_of(data.data, taken)));
    ee_tunnel_buffered_add(tunnel, taken);
    s->end_wanted = end && taken == data.size;
    starved_note(tunnel, s, taken < data.size);
    ee_tunnel_stream_schedule(tunnel, s);
    *taken_out = taken;
    return EE_OK;
}

enum ee_err ee_tunnel_trailers_send(struct ee_tunnel *tunnel, uint32_t stream,
                                    const struct ee_tunnel_pair *pairs, size_t count)
{
    struct ee_writer w;
    struct ee_tunnel_stream *s = ee_tunnel_stream_find(tunnel, stream);
    if (!s)
        return EE_NOT_FOUND;
    EE_TRY(body_check(s));
    if (s->kind == EE_TUNNEL_KIND_TCP)
        return EE_STATE;
    EE_TRY(frame_open(tunnel, &s->trailers, pairs_room(pairs, count), &w));
    ee_tunnel_trailers_encode(&w, stream, pairs, count);
    EE_TRY(w.err);
    s->trailers.size = w.size;
    tunnel->trailers += w.size;
    s->end_wanted = true;
    ee_tunnel_stream_schedule(tunnel, s);
    return EE_OK;
}

enum ee_err ee_tunnel_reset(struct ee_tunnel *tunnel, uint32_t stream, enum ee_tunnel_code code,
                            const char *text)
{
    struct ee_tunnel_stream *s = ee_tunnel_stream_find(tunnel, stream);
    if (!s)
        return EE_NOT_FOUND;
    ee_tunnel_stream_fail(tunnel, s, code, text, true);
    return EE_OK;
}
