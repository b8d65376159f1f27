/* SPDX-License-Identifier: Apache-2.0 */
/* The next message: what is owed to the peer, control frames, CONTROL messages, ends, then data by
 * deficit round robin, streams that have sent little first. */
#include "tunnel/internal.h"

#include <string.h>

#include "base/banned.h"

enum {
    QUANTUM = EE_TUNNEL_DATA_MAX, /* bytes of data per stream and turn */
    CRUMB = 1024,                 /* no DATA frame below that only because a message is full */
};

struct message {
    struct ee_writer w; /* capacity EE_TUNNEL_OUTPUT_MAX */
    bool full;          /* what comes next did not fit into EE_TUNNEL_MESSAGE_MAX */
};

static size_t room(const struct message *m)
{
    return m->w.size < EE_TUNNEL_MESSAGE_MAX ? EE_TUNNEL_MESSAGE_MAX - m->w.size : 0;
}

/* Moves whole frames from the front of a buffer. A frame above EE_TUNNEL_MESSAGE_MAX (only CONTROL
 * may be) goes alone. */
static void frames_move(struct ee_tunnel *t, struct ee_tunnel_buffer *from, struct message *m)
{
    size_t size;
    while (!m->full && (size = ee_tunnel_buffer_frame(from)) != 0) {
        if (size > room(m) && m->w.size) {
            m->full = true;
            return;
        }
        ee_writer_bytes(&m->w, ee_tunnel_buffer_view(from).data, size);
        ee_tunnel_buffer_drop(t->allocator, from, size);
        m->full = m->w.size >= EE_TUNNEL_MESSAGE_MAX;
    }
}

static size_t owed_size(const struct ee_tunnel *t)
{
    const size_t window = EE_TUNNEL_FRAME_HEADER + 4;
    return (t->pong_owed ? EE_TUNNEL_FRAME_HEADER + 8u : 0) + (t->grant ? window : 0) +
           (ee_tunnel_link_alone(&t->grants) ? 0 : window);
}

/* Answers that are state and not a queue: however many were asked for, one PONG and one WINDOW a
 * stream wait here. */
static void owed_move(struct ee_tunnel *t, struct message *m)
{
    struct ee_tunnel_stream *s;
    if (t->pong_owed)
        ee_tunnel_ping_encode(&m->w, EE_TUNNEL_PONG, t->pong);
    if (t->grant)
        ee_tunnel_window_encode(&m->w, 0, t->grant);
    t->pong_owed = false;
    t->grant = 0;
    while ((s = ee_tunnel_owed_first(&t->grants)) != NULL && room(m) > EE_TUNNEL_FRAME_HEADER + 4) {
        if (!s->end_received)
            ee_tunnel_window_encode(&m->w, s->id, s->grant);
        s->grant = 0;
        ee_tunnel_link_out(&s->owed);
    }
}

/* A CONTROL frame that needs a message for itself would never go while other control frames keep
 * coming, so it goes first once it has waited. */
static void controls_move(struct ee_tunnel *t, struct message *m)
{
    const size_t waiting = t->messages.size;
    if (t->messages_first)
        frames_move(t, &t->messages, m);
    if (!m->full)
        owed_move(t, m);
    frames_move(t, &t->urgent, m);
    frames_move(t, &t->messages, m);
    t->messages_first = waiting && t->messages.size == waiting;
}

static void end_sent(struct ee_tunnel *t, struct ee_tunnel_stream *s)
{
    s->end_sent = true;
    ee_tunnel_link_out(&s->turn);
    ee_tunnel_stream_settle(t, s);
}

static void data_header(struct message *m, const struct ee_tunnel_stream *s, uint32_t size,
                        bool end)
{
    const struct ee_tunnel_header header = {EE_TUNNEL_DATA, end ? EE_TUNNEL_FLAG_END : 0, s->id,
                                            size};
    ee_tunnel_header_encode(&m->w, &header);
}

/* Streams that have nothing but their end to send need no window. */
static void ends_move(struct ee_tunnel *t, struct message *m)
{
    struct ee_tunnel_stream *s;
    while (!m->full && (s = ee_tunnel_turn_first(&t->end_turns)) != NULL) {
        const bool trailers = s->trailers.size != 0;
        const size_t size = trailers ? s->trailers.size : EE_TUNNEL_FRAME_HEADER;
        if (size > room(m)) {
            m->full = true;
            return;
        }
        if (trailers)
            t->trailers -= size;
        if (trailers)
            frames_move(t, &s->trailers, m);
        else
            data_header(m, s, 0, true);
        end_sent(t, s);
    }
}

static uint32_t smaller(size_t a, size_t b)
{
    return (uint32_t)(a < b ? a : b);
}

/* What the windows, the turn and the buffer allow. */
static uint32_t data_allowed(const struct ee_tunnel *t, const struct ee_tunnel_stream *s)
{
    const uint32_t windows = smaller(t->send_window, s->send_window);
    return smaller(smaller(windows, s->deficit), smaller(s->out.size, EE_TUNNEL_DATA_MAX));
}

/* Its application may send again once half of the buffer is free. */
static void drained(struct ee_tunnel *t, struct ee_tunnel_stream *s)
{
    if (s->starved && s->out.size <= t->config.stream_buffer / 2)
        ee_tunnel_link_last(&t->wakes, &s->wait);
}

static void turn_over(struct ee_tunnel *t, struct ee_tunnel_stream *s)
{
    if (s->out.size == 0 || s->send_window == 0) {
        s->deficit = 0;
        ee_tunnel_link_out(&s->turn);
        ee_tunnel_stream_schedule(t, s);
    } else if (s->deficit == 0) {
        ee_tunnel_link_last(ee_tunnel_turns_of(t, s), &s->turn);
    }
}

static void data_move(struct ee_tunnel *t, struct ee_tunnel_stream *s, struct message *m,
                      uint32_t size)
{
    const bool end = s->end_wanted && size == s->out.size && s->trailers.size == 0;
    data_header(m, s, size, end);
    ee_writer_bytes(&m->w, ee_tunnel_buffer_view(&s->out).data, size);
    ee_tunnel_buffer_drop(t->allocator, &s->out, size);
    ee_tunnel_buffered_drop(t, size);
    t->sent += size;
    s->sent = smaller(s->sent + size, EE_TUNNEL_SMALL);
    t->send_window -= size;
    s->send_window -= size;
    s->deficit -= size;
    if (end)
        end_sent(t, s);
    drained(t, s);
    turn_over(t, s);
}

/* Whose turn it is: small answers go before bulk, which still gets a turn in so many. */
static struct ee_tunnel_stream *turn_next(struct ee_tunnel *t)
{
    struct ee_tunnel_stream *small = ee_tunnel_turn_first(&t->small_turns);
    struct ee_tunnel_stream *bulk = ee_tunnel_turn_first(&t->bulk_turns);
    return bulk && (!small || t->small_streak >= EE_TUNNEL_SMALL_TURNS) ? bulk : small;
}

static void turn_begin(struct ee_tunnel *t, struct ee_tunnel_stream *s)
{
    if (s->deficit)
        return; /* it goes on */
    s->deficit = QUANTUM;
    t->small_streak = s->sent < EE_TUNNEL_SMALL ? t->small_streak + 1 : 0;
}

static void datas_move(struct ee_tunnel *t, struct message *m)
{
    struct ee_tunnel_stream *s;
    while (!m->full && t->send_window && (s = turn_next(t)) != NULL) {
        turn_begin(t, s);
        const uint32_t wanted = data_allowed(t, s);
        const size_t space =
            room(m) > EE_TUNNEL_FRAME_HEADER ? room(m) - EE_TUNNEL_FRAME_HEADER : 0;
        const uint32_t size = smaller(wanted, space);
        if (size < wanted && size < CRUMB) {
            m->full = true;
            return;
        }
        data_move(t, s, m, size);
    }
}

/* Streams that found the buffer of the whole session full. */
static void total_wake(struct ee_tunnel *t)
{
    struct ee_tunnel_stream *s;
    if (!t->total_starved || t->buffered > ee_tunnel_buffer_limit(t) / 2)
        return;
    t->total_starved = false;
    while ((s = ee_tunnel_wait_first(&t->starved)) != NULL)
        ee_tunnel_link_last(&t->wakes, &s->wait);
}

static size_t final_output(struct ee_tunnel *t, struct message *m)
{
    frames_move(t, &t->messages, m);
    if (t->messages.size == 0 && t->last_words_size && t->last_words_size <= room(m)) {
        ee_writer_bytes(&m->w, t->last_words, t->last_words_size);
        t->last_words_size = 0;
    }
    return m->w.size;
}

size_t ee_tunnel_output(struct ee_tunnel *tunnel, uint8_t *out)
{
    struct message m = {.full = false};
    ee_writer_init(&m.w, out, EE_TUNNEL_OUTPUT_MAX);
    if (!tunnel->closed && tunnel->doom != EE_OK)
        ee_tunnel_settle(tunnel);
    if (tunnel->closed)
        return final_output(tunnel, &m);
    controls_move(tunnel, &m);
    ends_move(tunnel, &m);
    datas_move(tunnel, &m);
    ends_move(tunnel, &m); /* of streams whose data has just gone */
    total_wake(tunnel);
    ee_tunnel_settle(tunnel);
    return m.w.size;
}

bool ee_tunnel_has_output(const struct ee_tunnel *tunnel)
{
    const struct ee_tunnel *t = tunnel;
    if (t->closed)
        return t->messages.size || t->last_words_size;
    return t->doom != EE_OK || t->urgent.size || t->messages.size || owed_size(t) ||
           !ee_tunnel_link_alone(&t->end_turns) || !ee_tunnel_link_alone(&t->wakes) ||
           !ee_tunnel_link_alone(&t->finished) ||
           (t->send_window &&
            (!ee_tunnel_link_alone(&t->small_turns) || !ee_tunnel_link_alone(&t->bulk_turns)));
}

/* An upper bound, and small when little is to be sent. */
size_t ee_tunnel_output_room(const struct ee_tunnel *tunnel)
{
    const struct ee_tunnel *t = tunnel;
    const size_t first = ee_tunnel_buffer_frame(&t->messages);
    if (first > EE_TUNNEL_MESSAGE_MAX)
        return EE_TUNNEL_OUTPUT_MAX;
    if (t->doom != EE_OK || !ee_tunnel_link_alone(&t->grants) ||
        !ee_tunnel_link_alone(&t->end_turns) || t->buffered > 4 * CRUMB)
        return EE_TUNNEL_MESSAGE_MAX;
    const size_t streams = (size_t)t->streams_ours + t->streams_peers;
    const size_t size = t->urgent.size + t->messages.size + owed_size(t) + t->last_words_size +
                        (size_t)t->buffered + t->trailers +
                        streams * 2 * EE_TUNNEL_FRAME_HEADER; /* a turn may end within its data */
    return size < EE_TUNNEL_MESSAGE_MAX ? size : EE_TUNNEL_MESSAGE_MAX;
}
