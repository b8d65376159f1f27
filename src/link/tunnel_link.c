/* SPDX-License-Identifier: Apache-2.0 */
#include "link/tunnel_link_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "io/random.h"

#include "base/banned.h"

enum {
    QUEUE_AHEAD_SIZE = 128 * 1024, /* in the connection; the rest waits in the engine */
    MASK_SIZE = 4,
    CLOSE_FRAME_SIZE = EE_WS_HEADER_MAX + EE_WS_CONTROL_MAX,
    FAREWELL_MS = 2000, /* a peer that reads nothing is not told why */
};

void ee_tunnel_link_note(struct ee_tunnel_link *link, enum ee_err err, struct ee_bytes reason)
{
    if (link->err_set)
        return;
    link->err_set = true;
    link->err = err;
    (void)snprintf(link->reason, sizeof(link->reason), "%.*s", (int)reason.size,
                   reason.size ? (const char *)reason.data : "");
}

static void work_later(struct ee_tunnel_link *link)
{
    ee_loop_defer(link->loop, &link->work);
}

static uint64_t now_us(const struct ee_tunnel_link *link)
{
    return ee_loop_now_us(link->loop);
}

/* ---- the engine ---- */

static void on_tunnel(void *context, struct ee_tunnel *tunnel, const struct ee_tunnel_event *event)
{
    struct ee_tunnel_link *link = context;
    (void)tunnel;
    if (event->kind == EE_TUNNEL_EVENT_CLOSED) {
        link->tunnel_over = true;
        link->over_us = now_us(link);
        ee_tunnel_link_note(link, event->err, event->reason.text);
    }
    link->events->event(link->context, link, event);
    work_later(link);
}

/* The engine's events must end before the memory does: once, whatever ended first. */
static void tunnel_end(struct ee_tunnel_link *link, enum ee_tunnel_code code, const char *text)
{
    if (link->tunnel && !link->tunnel_over)
        ee_tunnel_close(link->tunnel, code, text);
}

void ee_tunnel_link_free(struct ee_tunnel_link *link)
{
    ee_loop_defer_cancel(&link->work);
    ee_timer_free(link->timer);
    ee_tunnel_free(link->tunnel);
    ee_ws_decoder_close(&link->decoder);
    ee_buffer_close(&link->rest);
    ee_free(&ee_allocator_system, link->mask_pool);
    ee_free(&ee_allocator_system, link);
}

void ee_tunnel_link_over(struct ee_tunnel_link *link, enum ee_err err, const char *reason)
{
    ee_tunnel_link_note(link, err, ee_bytes_str(reason));
    link->conn = NULL;
    link->http = NULL;
    tunnel_end(link, EE_TUNNEL_GOING_AWAY, "the connection is gone");
    link->events->closed(link->context, link, link->err);
    ee_tunnel_link_free(link);
}

/* ---- sending ---- */

/* RFC 6455 section 10.3: unpredictable keys; drawn in advance, each used once. */
static const uint8_t *mask_next(struct ee_tunnel_link *link)
{
    if (!link->client)
        return NULL;
    if (link->mask_left < MASK_SIZE) {
        ee_random_bytes(link->mask_pool, EE_TUNNEL_LINK_MASK_POOL);
        link->mask_left = EE_TUNNEL_LINK_MASK_POOL;
    }
    link->mask_left -= MASK_SIZE;
    return link->mask_pool + link->mask_left;
}

static bool send_bytes(struct ee_tunnel_link *link, struct ee_bytes bytes)
{
    enum ee_err err = ee_conn_write(link->conn, bytes);
    if (err == EE_OK)
        return true;
    if (err != EE_STATE) /* else it closes already */
        ee_conn_abort(link->conn, err);
    return false;
}

static bool has_room(const struct ee_tunnel_link *link)
{
    return ee_conn_queued(link->conn) < QUEUE_AHEAD_SIZE;
}

/* The next message of the engine, made where it is sent from: behind room for the longest header,
 * then moved to what the header really takes. False: nothing was sent. */
static bool send_message(struct ee_tunnel_link *link)
{
    uint8_t header[EE_WS_HEADER_MAX];
    const size_t room = ee_tunnel_output_room(link->tunnel);
    const size_t guess = ee_ws_header_size(room, link->client);
    uint8_t *wire = ee_conn_reserve(link->conn, guess + room);
    if (!wire) {
        ee_tunnel_link_note(link, EE_NO_MEMORY, ee_bytes_str("no memory to send"));
        ee_conn_abort(link->conn, EE_NO_MEMORY);
        return false;
    }
    const size_t size = ee_tunnel_output(link->tunnel, wire + guess);
    if (size == 0)
        return false;
    const uint8_t *mask = mask_next(link);
    const size_t header_size = ee_ws_header_encode(EE_WS_BINARY, size, mask, header);
    if (header_size < guess)
        memmove(wire + header_size, wire + guess, size);
    memcpy(wire, header, header_size);
    if (mask)
        ee_ws_mask(wire + header_size, size, mask, 0);
    ee_conn_commit(link->conn, header_size + size);
    return true;
}

/* Asking the engine may fire events, whose callbacks make more to send: so again after an empty
 * answer, but only once. */
static void send_messages(struct ee_tunnel_link *link)
{
    unsigned empty = 0;
    while (empty < 2 && has_room(link) && ee_conn_is_open(link->conn) &&
           ee_tunnel_has_output(link->tunnel))
        empty = send_message(link) ? 0 : empty + 1;
}

static void send_pong(struct ee_tunnel_link *link)
{
    struct ee_writer w;
    uint8_t frame[CLOSE_FRAME_SIZE];
    if (!link->pong_owed)
        return;
    link->pong_owed = false;
    ee_writer_init(&w, frame, sizeof(frame));
    if (ee_ws_frame_write(&w, EE_WS_PONG, ee_bytes_of(link->pong, link->pong_size),
                          mask_next(link)) == EE_OK)
        (void)send_bytes(link, ee_writer_done(&w));
}

/* Says goodbye in the WebSocket's words and ends the connection in order. */
static void send_close(struct ee_tunnel_link *link, uint16_t code)
{
    struct ee_writer w;
    uint8_t frame[CLOSE_FRAME_SIZE];
    if (link->close_sent)
        return;
    link->close_sent = true;
    ee_writer_init(&w, frame, sizeof(frame));
    if (ee_ws_close_write(&w, code, link->reason, mask_next(link)) == EE_OK)
        (void)send_bytes(link, ee_writer_done(&w));
    ee_conn_close(link->conn, link->err);
}

static uint16_t close_code_of(const struct ee_tunnel_link *link)
{
    uint16_t code = ee_ws_decoder_close_code(&link->decoder);
    if (code != 0)
        return code;
    if (link->err == EE_OK)
        return EE_WS_CLOSE_NORMAL;
    if (ee_err_class(link->err) == EE_CLASS_INPUT)
        return EE_WS_CLOSE_PROTOCOL;
    return link->err == EE_NO_MEMORY ? EE_WS_CLOSE_INTERNAL : EE_WS_CLOSE_GOING_AWAY;
}

static void pump(struct ee_tunnel_link *link)
{
    if (!link->conn || link->close_sent)
        return;
    send_pong(link);
    send_messages(link);
    if (link->tunnel_over && !ee_tunnel_has_output(link->tunnel))
        send_close(link, close_code_of(link));
}

/* ---- time ---- */

/* The deadline mostly moves away: the timer stays where it is and looks again when it fires. */
static void timer_set(struct ee_tunnel_link *link)
{
    uint64_t now = now_us(link);
    uint64_t deadline = ee_tunnel_deadline(link->tunnel);
    if (link->tunnel_over)
        deadline = link->over_us + FAREWELL_MS * 1000u;
    if (deadline == UINT64_MAX || (link->timer_us != 0 && link->timer_us <= deadline))
        return;
    uint64_t wait_us = deadline > now ? deadline - now : 0;
    link->timer_us = deadline;
    ee_timer_start(link->timer, wait_us / 1000u + 1, 0);
}

static void timer_fired(void *context)
{
    struct ee_tunnel_link *link = context;
    link->timer_us = 0;
    if (!link->tunnel) {
        ee_tunnel_link_note(link, EE_TIMEOUT, ee_bytes_str("no answer to the upgrade in time"));
        ee_http_client_abort(link->http, EE_TIMEOUT);
        return;
    }
    if (link->tunnel_over && now_us(link) >= link->over_us + FAREWELL_MS * 1000u) {
        if (!link->close_sent)
            ee_conn_abort(link->conn, link->err);
        return;
    }
    ee_tunnel_tick(link->tunnel, now_us(link));
    timer_set(link);
    work_later(link);
}

/* ---- receiving ---- */

static void on_peer_close(struct ee_tunnel_link *link, const struct ee_ws_event *event)
{
    link->peer_close_code = event->close_code;
    ee_tunnel_link_note(link, EE_CLOSED,
                        event->data.size ? event->data : ee_bytes_str("closed by the peer"));
    tunnel_end(link, EE_TUNNEL_GOING_AWAY, "closed by the peer");
    send_close(link,
               event->close_code == EE_WS_CLOSE_NONE ? EE_WS_CLOSE_NORMAL : event->close_code);
}

static void on_ws_event(struct ee_tunnel_link *link, const struct ee_ws_event *event)
{
    switch (event->kind) {
    case EE_WS_EVENT_NONE:
    case EE_WS_EVENT_PONG:
        break;
    case EE_WS_EVENT_MESSAGE:
        /* What is wrong with it comes as CLOSED. */
        (void)(ee_tunnel_receive(link->tunnel, event->data, now_us(link)) == EE_OK);
        break;
    case EE_WS_EVENT_PING:
        link->pong_owed = true;
        link->pong_size = event->data.size;
        for (size_t i = 0; i < link->pong_size; i++)
            link->pong[i] = event->data.data[i];
        if (has_room(link)) /* else the pong for the latest ping is enough: section 5.5.3 */
            send_pong(link);
        break;
    case EE_WS_EVENT_CLOSE:
        on_peer_close(link, event);
        break;
    }
}

static void receive(struct ee_tunnel_link *link, struct ee_bytes data)
{
    struct ee_ws_event event = {.kind = EE_WS_EVENT_PONG};
    ee_tunnel_heard(link->tunnel, now_us(link));
    while (event.kind != EE_WS_EVENT_NONE && !link->tunnel_over) {
        size_t consumed = 0;
        enum ee_err err = ee_ws_decoder_next(&link->decoder, data, &consumed, &event);
        if (err != EE_OK) {
            ee_tunnel_link_note(link, err, ee_bytes_str("the peer broke the WebSocket protocol"));
            tunnel_end(link, EE_TUNNEL_PROTOCOL, "the peer broke the WebSocket protocol");
            break;
        }
        data = ee_bytes_of(data.data + consumed, data.size - consumed);
        on_ws_event(link, &event);
    }
    timer_set(link);
    work_later(link);
}

/* ---- events of the connection ---- */

static void conn_data(void *context, struct ee_conn *conn, struct ee_bytes data)
{
    struct ee_tunnel_link *link = context;
    (void)conn;
    if (!link->tunnel_over)
        receive(link, data);
}

static void conn_drained(void *context, struct ee_conn *conn)
{
    (void)conn;
    work_later(context);
}

static void conn_closed(void *context, struct ee_conn *conn, enum ee_err err)
{
    struct ee_tunnel_link *link = context;
    ee_tunnel_link_over(link, err == EE_OK ? EE_CLOSED : err, ee_conn_reason(conn));
}

/* Without `ended`: an end of the stream without a WebSocket close closes it. */
static const struct ee_conn_events conn_events = {
    .data = conn_data, .drained = conn_drained, .closed = conn_closed};

static void work_deferred(void *context)
{
    struct ee_tunnel_link *link = context;
    if (link->rest.size > 0) {
        struct ee_buffer rest = link->rest;
        link->rest = (struct ee_buffer){0};
        if (!link->tunnel_over)
            receive(link, ee_buffer_bytes(&rest));
        ee_buffer_close(&rest);
    }
    ee_tunnel_tick(link->tunnel,
                   now_us(link)); /* also fires what is due when nothing can be sent */
    pump(link);
    timer_set(link);
}

enum ee_err ee_tunnel_link_attach(struct ee_tunnel_link *link, struct ee_conn *conn,
                                  const struct ee_buffer *rest)
{
    link->tunnel =
        ee_tunnel_new(&ee_allocator_system, &link->config, on_tunnel, link, now_us(link));
    if (!link->tunnel)
        return EE_NO_MEMORY;
    link->conn = conn;
    link->http = NULL;
    link->rest = *rest;
    ee_timer_stop(link->timer);
    link->timer_us = 0;
    /* The next message is asked for when most of what was queued has gone. */
    ee_conn_set_water(conn, QUEUE_AHEAD_SIZE / 2, QUEUE_AHEAD_SIZE - 1, EE_CONN_QUEUE_LIMIT);
    ee_conn_set_events(conn, &conn_events, link);
    ee_conn_resume(conn);
    work_later(link);
    return EE_OK;
}

enum ee_err ee_tunnel_link_new(struct ee_loop *loop, bool client,
                               const struct ee_tunnel_config *config,
                               const struct ee_tunnel_link_events *events, void *context,
                               struct ee_tunnel_link **out)
{
    struct ee_tunnel_link *link = ee_alloc(&ee_allocator_system, 1, sizeof(*link));
    if (!link)
        return EE_NO_MEMORY;
    link->loop = loop;
    link->events = events;
    link->context = context;
    link->config = *config;
    link->client = client;
    link->work = (struct ee_deferred){.fn = work_deferred, .context = link};
    ee_ws_decoder_init(&link->decoder, &ee_allocator_system, !client, EE_TUNNEL_OUTPUT_MAX);
    if (client)
        link->mask_pool = ee_alloc(&ee_allocator_system, 1, EE_TUNNEL_LINK_MASK_POOL);
    if ((client && !link->mask_pool) ||
        ee_timer_new(loop, timer_fired, link, &link->timer) != EE_OK) {
        ee_tunnel_link_free(link);
        return EE_NO_MEMORY;
    }
    *out = link;
    return EE_OK;
}

/* ---- for the owner ---- */

struct ee_tunnel *ee_tunnel_link_tunnel(const struct ee_tunnel_link *link)
{
    return link->tunnel;
}

void ee_tunnel_link_flush(struct ee_tunnel_link *link)
{
    if (link->tunnel)
        work_later(link);
}

enum ee_err ee_tunnel_link_control(struct ee_tunnel_link *link, struct ee_bytes message)
{
    if (!link->tunnel)
        return EE_STATE;
    EE_TRY(ee_tunnel_control_send(link->tunnel, message));
    work_later(link);
    return EE_OK;
}

struct ee_conn *ee_tunnel_link_conn(const struct ee_tunnel_link *link)
{
    return link->conn;
}

void *ee_tunnel_link_context(const struct ee_tunnel_link *link)
{
    return link->context;
}

void ee_tunnel_link_owner_set(struct ee_tunnel_link *link,
                              const struct ee_tunnel_link_events *events, void *context)
{
    link->events = events;
    link->context = context;
}

uint64_t ee_tunnel_link_queued(const struct ee_tunnel_link *link)
{
    struct ee_tunnel_stats stats = {0};
    if (link->tunnel)
        ee_tunnel_stats_get(link->tunnel, &stats);
    return stats.buffered + stats.control_unsent + (link->conn ? ee_conn_queued(link->conn) : 0);
}

uint32_t ee_tunnel_link_retry_after_s(const struct ee_tunnel_link *link)
{
    return link->retry_after_s;
}

uint16_t ee_tunnel_link_status(const struct ee_tunnel_link *link)
{
    return link->status;
}

uint16_t ee_tunnel_link_close_code(const struct ee_tunnel_link *link)
{
    return link->peer_close_code;
}

const char *ee_tunnel_link_reason(const struct ee_tunnel_link *link)
{
    return link->reason;
}

void ee_tunnel_link_close(struct ee_tunnel_link *link, enum ee_tunnel_code code, const char *text)
{
    ee_tunnel_link_note(link, EE_OK, ee_bytes_str(text));
    if (link->http)
        ee_http_client_close(link->http);
    tunnel_end(link, code, text);
    ee_tunnel_link_flush(link);
}

void ee_tunnel_link_abort(struct ee_tunnel_link *link, enum ee_err err)
{
    ee_tunnel_link_note(link, err, ee_bytes_str("broken off by us"));
    if (link->http)
        ee_http_client_abort(link->http, err);
    else if (link->conn)
        ee_conn_abort(link->conn, err);
}
