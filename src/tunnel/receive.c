/* SPDX-License-Identifier: Apache-2.0 */
/* Frames from the peer. A broken encoding or window ends the session; what is only out of order
 * within one stream resets that stream. */
#include "tunnel/internal.h"

#include "base/banned.h"

struct frame {
    struct ee_tunnel_header header;
    struct ee_bytes payload;
    bool end;
};

static void broken(struct ee_tunnel *t, const char *text)
{
    ee_tunnel_doom(t, EE_PROTOCOL, EE_TUNNEL_PROTOCOL, text);
}

static bool is_ours(const struct ee_tunnel *t, uint32_t id)
{
    return (id & 1) == (t->config.role == EE_TUNNEL_ROLE_CONTROL ? 1u : 0u);
}

/* NULL: nothing to do; a stream that nobody opened yet is an error of the connection. */
static struct ee_tunnel_stream *known(struct ee_tunnel *t, uint32_t id)
{
    struct ee_tunnel_stream *s = ee_tunnel_stream_find(t, id);
    const bool opened = is_ours(t, id) ? id < t->next_id : id <= t->last_peer_id;
    if (!s && !opened)
        broken(t, "a frame for a stream that was not opened");
    return s;
}

static void on_hello(struct ee_tunnel *t, const struct frame *f)
{
    struct ee_tunnel_hello hello;
    if (t->hello_received || ee_tunnel_hello_decode(f->payload, &hello) != EE_OK) {
        broken(t, "a second or malformed HELLO");
        return;
    }
    const uint16_t max = t->config.version_max, min = t->config.version_min;
    const uint16_t version = hello.version_max < max ? hello.version_max : max;
    if (version < hello.version_min || version < min) {
        ee_tunnel_doom(t, EE_UNSUPPORTED, EE_TUNNEL_UNSUPPORTED, "no common tunnel version");
        return;
    }
    struct ee_tunnel_event event = {
        .kind = EE_TUNNEL_EVENT_HELLO, .hello = &hello, .session_version = version};
    t->hello_received = true;
    t->peer_max_streams = hello.max_streams;
    t->peer_stream_window = hello.stream_window;
    t->send_window = hello.connection_window;
    ee_tunnel_fire(t, &event);
}

/* Answers an OPEN that gets no stream; the sender may retry elsewhere when it is REFUSED. */
static void open_refuse(struct ee_tunnel *t, uint32_t id, enum ee_tunnel_code code,
                        const char *text)
{
    uint8_t frame[EE_TUNNEL_FRAME_HEADER + 5 + EE_TUNNEL_TEXT_MAX];
    struct ee_writer w;
    ee_writer_init(&w, frame, sizeof(frame));
    ee_tunnel_reset_encode(&w, id, code, text);
    ee_tunnel_urgent_add(t, &w);
}

static void open_accept(struct ee_tunnel *t, const struct frame *f,
                        const struct ee_tunnel_open *open)
{
    struct ee_tunnel_event event = {
        .kind = EE_TUNNEL_EVENT_OPENED, .stream = f->header.stream, .open = open, .end = f->end};
    struct ee_tunnel_stream *s = ee_tunnel_stream_add(t, f->header.stream, false, open->kind);
    if (!s) {
        open_refuse(t, f->header.stream, EE_TUNNEL_REFUSED, "out of memory");
        return;
    }
    s->end_received = f->end;
    ee_tunnel_fire(t, &event);
}

static void on_open(struct ee_tunnel *t, const struct frame *f)
{
    struct ee_tunnel_pair_table table;
    struct ee_tunnel_open open;
    const uint32_t id = f->header.stream;
    if (is_ours(t, id) || id <= t->last_peer_id || id > EE_TUNNEL_WINDOW_MAX) {
        broken(t, "OPEN with an id that is used or of the other side");
        return;
    }
    const enum ee_err err = ee_tunnel_open_decode(f->payload, &table, &open);
    if (err != EE_OK && err != EE_RANGE) {
        broken(t, "malformed OPEN");
        return;
    }
    t->last_peer_id = id;
    if (t->goaway_sent && id > t->goaway_sent_last)
        open_refuse(t, id, EE_TUNNEL_REFUSED, "going away");
    else if (t->streams_peers >= t->config.max_streams)
        open_refuse(t, id, EE_TUNNEL_REFUSED, "too many streams");
    else if (err == EE_RANGE)
        open_refuse(t, id, EE_TUNNEL_UNSUPPORTED, "unknown kind of stream");
    else
        open_accept(t, f, &open);
}

/* Why a HEAD may not come now; NULL: it may. */
static const char *head_refusal(const struct ee_tunnel_stream *s, const struct frame *f,
                                uint16_t status)
{
    const bool interim = status < 200 && status != 101;
    if (!s->ours || s->kind == EE_TUNNEL_KIND_TCP)
        return "HEAD on a stream that has none";
    if (s->end_received || s->head_received)
        return "HEAD after the answer has begun";
    if (status == 101 && s->kind != EE_TUNNEL_KIND_WS)
        return "101 to a request that asked for none";
    if (interim && (f->end || s->interims_received == EE_TUNNEL_INTERIM_MAX))
        return "too many interim answers, or one that ends";
    return NULL;
}

/* After an event: the callback may have dropped the stream. */
static void settle_id(struct ee_tunnel *t, uint32_t id)
{
    struct ee_tunnel_stream *s = ee_tunnel_stream_find(t, id);
    if (s)
        ee_tunnel_stream_settle(t, s);
}

static void on_head(struct ee_tunnel *t, const struct frame *f)
{
    struct ee_tunnel_pair_table table;
    struct ee_tunnel_head head;
    if (ee_tunnel_head_decode(f->payload, &table, &head) != EE_OK) {
        broken(t, "malformed HEAD");
        return;
    }
    struct ee_tunnel_stream *s = known(t, f->header.stream);
    if (!s)
        return;
    const char *refusal = head_refusal(s, f, head.status);
    if (refusal) {
        ee_tunnel_stream_fail(t, s, EE_TUNNEL_PROTOCOL, refusal, false);
        return;
    }
    if (head.status < 200 && head.status != 101)
        s->interims_received++;
    else
        s->head_received = true;
    s->end_received = f->end;
    struct ee_tunnel_event event = {.kind = EE_TUNNEL_EVENT_HEAD,
                                    .stream = s->id,
                                    .stream_context = s->context,
                                    .head = &head,
                                    .end = f->end};
    ee_tunnel_fire(t, &event);
    settle_id(t, f->header.stream);
}

/* Body bytes of an answer come after its HEAD. */
static bool body_allowed(const struct ee_tunnel_stream *s)
{
    return !s->ours || s->kind == EE_TUNNEL_KIND_TCP || s->head_received;
}

static void data_take(struct ee_tunnel *t, struct ee_tunnel_stream *s, const struct frame *f)
{
    const uint32_t size = f->header.size, id = s->id;
    struct ee_tunnel_event event = {.kind = EE_TUNNEL_EVENT_DATA,
                                    .stream = id,
                                    .stream_context = s->context,
                                    .data = f->payload,
                                    .end = f->end};
    s->receive_window -= size;
    s->unconsumed += size;
    s->end_received = f->end;
    t->unconsumed += size;
    t->received += size;
    if (size || f->end)
        ee_tunnel_fire(t, &event);
    settle_id(t, id);
}

static void on_data(struct ee_tunnel *t, const struct frame *f)
{
    const uint32_t size = f->header.size;
    struct ee_tunnel_stream *s = known(t, f->header.stream);
    if (size > EE_TUNNEL_DATA_MAX) {
        ee_tunnel_doom(t, EE_TOO_LARGE, EE_TUNNEL_TOO_LARGE, "DATA above 16 KiB");
        return;
    }
    if (size > t->receive_window || (s && size > s->receive_window)) {
        ee_tunnel_doom(t, EE_FLOW_CONTROL, EE_TUNNEL_FLOW_CONTROL, "DATA beyond the window");
        return;
    }
    t->receive_window -= size;
    if (s && !s->end_received && body_allowed(s)) {
        data_take(t, s, f);
        return;
    }
    ee_tunnel_credit_connection(t, size); /* nobody will consume these */
    if (!s)
        return; /* reset by us while this was on its way */
    if (s->end_received)
        ee_tunnel_stream_fail(t, s, EE_TUNNEL_STREAM_CLOSED, "DATA after the end", false);
    else
        ee_tunnel_stream_fail(t, s, EE_TUNNEL_PROTOCOL, "DATA before HEAD", false);
}

static void on_trailers(struct ee_tunnel *t, const struct frame *f)
{
    struct ee_tunnel_pair_table table;
    struct ee_tunnel_head head;
    if (ee_tunnel_trailers_decode(f->payload, &table, &head) != EE_OK) {
        broken(t, "malformed TRAILERS");
        return;
    }
    struct ee_tunnel_stream *s = known(t, f->header.stream);
    if (!s)
        return;
    if (!f->end || s->end_received || s->kind == EE_TUNNEL_KIND_TCP || !body_allowed(s)) {
        ee_tunnel_stream_fail(t, s, EE_TUNNEL_PROTOCOL, "TRAILERS out of place", false);
        return;
    }
    struct ee_tunnel_event event = {.kind = EE_TUNNEL_EVENT_TRAILERS,
                                    .stream = s->id,
                                    .stream_context = s->context,
                                    .head = &head,
                                    .end = true};
    s->end_received = true;
    ee_tunnel_fire(t, &event);
    settle_id(t, f->header.stream);
}

static void on_reset(struct ee_tunnel *t, const struct frame *f)
{
    struct ee_tunnel_reason reason;
    if (ee_tunnel_reset_decode(f->payload, &reason) != EE_OK) {
        broken(t, "malformed RESET");
        return;
    }
    struct ee_tunnel_stream *s = known(t, f->header.stream);
    if (s)
        ee_tunnel_stream_lost(t, s, &reason);
}

static void on_connection_window(struct ee_tunnel *t, uint32_t increment)
{
    if (increment > EE_TUNNEL_WINDOW_MAX - t->send_window)
        ee_tunnel_doom(t, EE_FLOW_CONTROL, EE_TUNNEL_FLOW_CONTROL, "window above 2^31-1");
    else
        t->send_window += increment;
}

static void on_window(struct ee_tunnel *t, const struct frame *f)
{
    uint32_t increment;
    if (ee_tunnel_window_decode(f->payload, &increment) != EE_OK) {
        broken(t, "malformed WINDOW");
        return;
    }
    if (f->header.stream == 0) {
        on_connection_window(t, increment);
        return;
    }
    struct ee_tunnel_stream *s = known(t, f->header.stream);
    if (!s)
        return;
    if (increment > EE_TUNNEL_WINDOW_MAX - s->send_window) {
        ee_tunnel_stream_fail(t, s, EE_TUNNEL_FLOW_CONTROL, "window above 2^31-1", false);
        return;
    }
    s->send_window += increment;
    ee_tunnel_stream_schedule(t, s);
}

static void on_ping(struct ee_tunnel *t, const struct frame *f)
{
    uint64_t value;
    if (ee_tunnel_ping_decode(f->payload, &value) != EE_OK) {
        broken(t, "malformed PING");
        return;
    }
    t->pong_owed = true; /* for the newest: PINGs faster than we can answer make no queue */
    t->pong = value;
}

static void on_pong(struct ee_tunnel *t, const struct frame *f, uint64_t now_us)
{
    uint64_t value;
    if (ee_tunnel_ping_decode(f->payload, &value) != EE_OK) {
        broken(t, "malformed PONG");
        return;
    }
    if (!t->ping_outstanding || value != t->ping_us)
        return;
    t->ping_outstanding = false;
    ee_tunnel_rtt_note(t, now_us > value ? now_us - value : 0);
    struct ee_tunnel_event event = {.kind = EE_TUNNEL_EVENT_RTT, .rtt_us = t->rtt_us};
    ee_tunnel_fire(t, &event);
}

static void on_goaway(struct ee_tunnel *t, const struct frame *f)
{
    static const char text[] = "not handled by the peer before it went away";
    struct ee_tunnel_reason reason;
    const struct ee_tunnel_reason lost = {.code = EE_TUNNEL_REFUSED,
                                          .text = {(const uint8_t *)text, sizeof(text) - 1}};
    if (ee_tunnel_goaway_decode(f->payload, &reason) != EE_OK ||
        (t->goaway_received && reason.last_stream > t->goaway_received_last)) {
        broken(t, "malformed GOAWAY, or one that takes back another");
        return;
    }
    t->goaway_received = true;
    t->goaway_received_last = reason.last_stream;
    struct ee_tunnel_event event = {.kind = EE_TUNNEL_EVENT_GOAWAY, .reason = reason};
    ee_tunnel_fire(t, &event);
    ee_tunnel_streams_lose(t, false, reason.last_stream, &lost);
}

static void on_control(struct ee_tunnel *t, const struct frame *f)
{
    struct ee_tunnel_event event = {.kind = EE_TUNNEL_EVENT_CONTROL, .data = f->payload};
    if (f->payload.size == 0 || f->payload.size > EE_TUNNEL_CONTROL_MAX)
        broken(t, "CONTROL that is empty or above 256 KiB");
    else
        ee_tunnel_fire(t, &event);
}

static void on_connection_frame(struct ee_tunnel *t, const struct frame *f, uint64_t now_us)
{
    if (f->header.stream) {
        broken(t, "a stream id on a frame of the connection");
        return;
    }
    switch ((enum ee_tunnel_type)f->header.type) {
    case EE_TUNNEL_HELLO:
        on_hello(t, f);
        return;
    case EE_TUNNEL_PING:
        on_ping(t, f);
        return;
    case EE_TUNNEL_PONG:
        on_pong(t, f, now_us);
        return;
    case EE_TUNNEL_GOAWAY:
        on_goaway(t, f);
        return;
    case EE_TUNNEL_CONTROL_FRAME:
        on_control(t, f);
        return;
    case EE_TUNNEL_OPEN:
    case EE_TUNNEL_HEAD:
    case EE_TUNNEL_DATA:
    case EE_TUNNEL_TRAILERS:
    case EE_TUNNEL_RESET:
    case EE_TUNNEL_WINDOW:
        return;
    }
}

static void on_stream_frame(struct ee_tunnel *t, const struct frame *f)
{
    if (!ee_tunnel_ready(t)) {
        broken(t, "a stream before both HELLOs");
        return;
    }
    if (f->header.stream == 0 && f->header.type != EE_TUNNEL_WINDOW) {
        broken(t, "a frame of a stream without its id");
        return;
    }
    switch ((enum ee_tunnel_type)f->header.type) {
    case EE_TUNNEL_OPEN:
        on_open(t, f);
        return;
    case EE_TUNNEL_HEAD:
        on_head(t, f);
        return;
    case EE_TUNNEL_DATA:
        on_data(t, f);
        return;
    case EE_TUNNEL_TRAILERS:
        on_trailers(t, f);
        return;
    case EE_TUNNEL_RESET:
        on_reset(t, f);
        return;
    case EE_TUNNEL_WINDOW:
        on_window(t, f);
        return;
    case EE_TUNNEL_HELLO:
    case EE_TUNNEL_PING:
    case EE_TUNNEL_PONG:
    case EE_TUNNEL_GOAWAY:
    case EE_TUNNEL_CONTROL_FRAME:
        return;
    }
}

static void on_frame(struct ee_tunnel *t, const struct frame *f, uint64_t now_us)
{
    const uint8_t type = f->header.type;
    if (type >= EE_TUNNEL_OPEN && type <= EE_TUNNEL_WINDOW)
        on_stream_frame(t, f);
    else if (type >= EE_TUNNEL_HELLO && type <= EE_TUNNEL_CONTROL_FRAME)
        on_connection_frame(t, f, now_us);
    /* Others belong to a later version and are ignored. */
}

/* Only a message of one CONTROL frame may be larger than the rest. */
static bool size_allowed(struct ee_bytes message)
{
    return message.size <= EE_TUNNEL_MESSAGE_MAX ||
           (message.data[0] == EE_TUNNEL_CONTROL_FRAME && message.size <= EE_TUNNEL_OUTPUT_MAX);
}

enum ee_err ee_tunnel_receive(struct ee_tunnel *tunnel, struct ee_bytes message, uint64_t now_us)
{
    struct ee_cursor c;
    if (tunnel->closed)
        return EE_CLOSED;
    ee_tunnel_heard(tunnel, now_us);
    ee_cursor_init(&c, message);
    if (!size_allowed(message))
        ee_tunnel_doom(tunnel, EE_TOO_LARGE, EE_TUNNEL_TOO_LARGE, "a message above 64 KiB");
    while (c.left && tunnel->doom == EE_OK && !tunnel->closed) {
        struct frame f;
        if (ee_tunnel_header_decode(&c, &f.header) != EE_OK) {
            broken(tunnel, "malformed frame header");
            break;
        }
        f.payload = ee_cursor_bytes(&c, f.header.size);
        f.end = f.header.flags & EE_TUNNEL_FLAG_END;
        if (c.err != EE_OK)
            broken(tunnel, "a frame is cut off");
        else if (message.size > EE_TUNNEL_MESSAGE_MAX && c.left)
            ee_tunnel_doom(tunnel, EE_TOO_LARGE, EE_TUNNEL_TOO_LARGE, "a message above 64 KiB");
        else
            on_frame(tunnel, &f, now_us);
    }
    ee_tunnel_settle(tunnel);
    return tunnel->doom != EE_OK ? tunnel->doom : tunnel->closed ? EE_CLOSED : EE_OK;
}
