/* SPDX-License-Identifier: Apache-2.0 */
#include "tunnel/internal.h"

#include <string.h>

#include "tunnel/codec.h"

#include "base/banned.h"

void ee_tunnel_config_default(struct ee_tunnel_config *config, enum ee_tunnel_role role)
{
    *config = (struct ee_tunnel_config){
        .role = role,
        .version_min = EE_TUNNEL_VERSION,
        .version_max = EE_TUNNEL_VERSION,
        .max_streams = 1000,
        .stream_window = 256 * 1024,
        .stream_window_max = 4 * 1024 * 1024,
        .connection_window = 16 * 1024 * 1024,
        .connection_window_min = 1024 * 1024,
        .stream_buffer = 256 * 1024,
        .total_buffer = 16 * 1024 * 1024,
        .control_buffer = 1024 * 1024,
        .hello_timeout_us = 10 * 1000000,
        .ping_after_us = 10 * 1000000,
        .dead_after_us = 25 * 1000000,
    };
}

static bool window_valid(uint32_t window)
{
    return window > 0 && window <= EE_TUNNEL_WINDOW_MAX;
}

static bool config_valid(const struct ee_tunnel_config *config)
{
    return window_valid(config->stream_window) && window_valid(config->connection_window) &&
           window_valid(config->stream_window_max) &&
           config->stream_window_max >= config->stream_window &&
           (!config->pool || (window_valid(config->connection_window_min) &&
                              config->connection_window_min <= config->connection_window)) &&
           config->version_min > 0 && config->version_min <= config->version_max &&
           config->stream_buffer > 0 && config->total_buffer > 0 && config->control_buffer > 0 &&
           memchr(config->agent, 0, sizeof(config->agent)) &&
           ee_tunnel_printable(ee_bytes_str(config->agent));
}

struct ee_tunnel *ee_tunnel_new(const struct ee_allocator *allocator,
                                const struct ee_tunnel_config *config, ee_tunnel_on_event on_event,
                                void *context, uint64_t now_us)
{
    if (!config_valid(config))
        return NULL;
    struct ee_tunnel *t = ee_alloc(allocator, 1, sizeof(*t));
    if (!t)
        return NULL;
    t->allocator = allocator;
    t->config = *config;
    t->on_event = on_event;
    t->context = context;
    t->next_id = config->role == EE_TUNNEL_ROLE_CONTROL ? 1 : 2;
    t->now_us = t->created_us = t->heard_us = now_us;
    t->drain_until_us = UINT64_MAX;
    t->stream_window_largest = config->stream_window;
    ee_tunnel_link_init(&t->small_turns);
    ee_tunnel_link_init(&t->bulk_turns);
    ee_tunnel_link_init(&t->grants);
    ee_tunnel_link_init(&t->end_turns);
    ee_tunnel_link_init(&t->starved);
    ee_tunnel_link_init(&t->wakes);
    ee_tunnel_link_init(&t->finished);
    return t;
}

void ee_tunnel_free(struct ee_tunnel *tunnel)
{
    if (!tunnel)
        return;
    for (size_t i = 0; i < EE_TUNNEL_BUCKETS; i++)
        while (tunnel->buckets[i])
            ee_tunnel_stream_remove(tunnel, tunnel->buckets[i]);
    ee_tunnel_window_close(tunnel);
    ee_tunnel_buffer_free(tunnel->allocator, &tunnel->urgent);
    ee_tunnel_buffer_free(tunnel->allocator, &tunnel->messages);
    ee_free(tunnel->allocator, tunnel);
}

void ee_tunnel_fire(struct ee_tunnel *t, struct ee_tunnel_event *event)
{
    t->on_event(t->context, t, event);
}

void ee_tunnel_doom(struct ee_tunnel *t, enum ee_err err, enum ee_tunnel_code code,
                    const char *text)
{
    if (t->doom != EE_OK || t->closed)
        return;
    t->doom = err;
    t->doom_code = code;
    t->doom_text = text;
}

static void end_session(struct ee_tunnel *t, enum ee_err err, enum ee_tunnel_code code,
                        const char *text)
{
    struct ee_tunnel_reason words = {t->last_peer_id, 0, code, ee_bytes_str(text)};
    const struct ee_tunnel_reason lost = {.code = EE_TUNNEL_GOING_AWAY,
                                          .text = ee_bytes_str("the tunnel session ended")};
    struct ee_tunnel_event event = {.kind = EE_TUNNEL_EVENT_CLOSED, .err = err, .reason = words};
    struct ee_writer w;
    if (t->goaway_sent && t->goaway_sent_last < words.last_stream)
        words.last_stream = t->goaway_sent_last;
    t->closed = true;
    ee_writer_init(&w, t->last_words, sizeof(t->last_words));
    ee_tunnel_goaway_encode(&w, &words);
    t->last_words_size = w.size;
    t->pong_owed = false;
    t->grant = 0;
    ee_tunnel_buffer_free(t->allocator, &t->urgent);
    ee_tunnel_streams_lose(t, true, 0, &lost);
    ee_tunnel_fire(t, &event);
}

static void fire_wait(struct ee_tunnel *t, struct ee_tunnel_stream *s,
                      enum ee_tunnel_event_kind kind)
{
    struct ee_tunnel_event event = {.kind = kind, .stream = s->id, .stream_context = s->context};
    ee_tunnel_link_out(&s->wait);
    if (kind == EE_TUNNEL_EVENT_FINISHED)
        ee_tunnel_stream_remove(t, s);
    else
        s->starved = false;
    ee_tunnel_fire(t, &event);
}

void ee_tunnel_settle(struct ee_tunnel *t)
{
    struct ee_tunnel_stream *s;
    if (t->doom != EE_OK && !t->closed)
        end_session(t, t->doom, t->doom_code, t->doom_text);
    while (!t->closed && (s = ee_tunnel_wait_first(&t->finished)) != NULL)
        fire_wait(t, s, EE_TUNNEL_EVENT_FINISHED);
    while (!t->closed && (s = ee_tunnel_wait_first(&t->wakes)) != NULL)
        fire_wait(t, s, EE_TUNNEL_EVENT_WRITABLE);
    if (t->doom != EE_OK && !t->closed) /* by what a callback did */
        end_session(t, t->doom, t->doom_code, t->doom_text);
}

void ee_tunnel_urgent_add(struct ee_tunnel *t, const struct ee_writer *frame)
{
    if (t->closed)
        return;
    if (frame->size > t->config.control_buffer ||
        t->urgent.size > t->config.control_buffer - frame->size) {
        ee_tunnel_doom(t, EE_FULL, EE_TUNNEL_OVERLOAD, "the peer does not take control frames");
        return;
    }
    if (ee_tunnel_buffer_add(t->allocator, &t->urgent, ee_writer_done(frame)) != EE_OK)
        ee_tunnel_doom(t, EE_NO_MEMORY, EE_TUNNEL_INTERNAL, "out of memory");
}

void ee_tunnel_heard(struct ee_tunnel *tunnel, uint64_t now_us)
{
    if (now_us > tunnel->now_us)
        tunnel->now_us = now_us;
    tunnel->heard_us = tunnel->now_us;
}

bool ee_tunnel_ready(const struct ee_tunnel *tunnel)
{
    return tunnel->hello_sent && tunnel->hello_received && !tunnel->closed;
}

static uint64_t after(uint64_t from_us, uint64_t delay_us)
{
    return delay_us > UINT64_MAX - from_us ? UINT64_MAX : from_us + delay_us;
}

uint64_t ee_tunnel_deadline(const struct ee_tunnel *tunnel)
{
    const struct ee_tunnel_config *config = &tunnel->config;
    if (tunnel->closed)
        return UINT64_MAX;
    uint64_t due = after(tunnel->heard_us, config->dead_after_us);
    const uint64_t ping = after(tunnel->heard_us, config->ping_after_us);
    const uint64_t hello = after(tunnel->created_us, config->hello_timeout_us);
    if (!tunnel->ping_outstanding && ping < due)
        due = ping;
    if (!ee_tunnel_ready(tunnel) && hello < due)
        due = hello;
    return tunnel->drain_until_us < due ? tunnel->drain_until_us : due;
}

void ee_tunnel_ping_send(struct ee_tunnel *t)
{
    uint8_t frame[EE_TUNNEL_FRAME_HEADER + 8];
    struct ee_writer w;
    ee_writer_init(&w, frame, sizeof(frame));
    ee_tunnel_ping_encode(&w, EE_TUNNEL_PING, t->now_us);
    ee_tunnel_urgent_add(t, &w);
    t->ping_us = t->now_us;
    t->ping_outstanding = true;
}

void ee_tunnel_tick(struct ee_tunnel *tunnel, uint64_t now_us)
{
    const struct ee_tunnel_config *config = &tunnel->config;
    if (tunnel->closed)
        return;
    if (now_us > tunnel->now_us)
        tunnel->now_us = now_us;
    if (now_us >= after(tunnel->heard_us, config->dead_after_us))
        ee_tunnel_doom(tunnel, EE_TIMEOUT, EE_TUNNEL_TIMEOUT, "nothing was heard");
    else if (!ee_tunnel_ready(tunnel) &&
             now_us >= after(tunnel->created_us, config->hello_timeout_us))
        ee_tunnel_doom(tunnel, EE_TIMEOUT, EE_TUNNEL_TIMEOUT, "no HELLO in time");
    else if (now_us >= tunnel->drain_until_us)
        ee_tunnel_doom(tunnel, EE_CLOSED, EE_TUNNEL_GOING_AWAY, "the time to drain is over");
    else if (!tunnel->ping_outstanding && now_us >= after(tunnel->heard_us, config->ping_after_us))
        ee_tunnel_ping_send(tunnel);
    ee_tunnel_settle(tunnel);
}

void ee_tunnel_close(struct ee_tunnel *tunnel, enum ee_tunnel_code code, const char *text)
{
    if (!tunnel->closed)
        end_session(tunnel, code == EE_TUNNEL_NO_ERROR ? EE_OK : EE_CLOSED, code, text);
}

bool ee_tunnel_closed(const struct ee_tunnel *tunnel)
{
    return tunnel->closed;
}

void ee_tunnel_stats_get(const struct ee_tunnel *tunnel, struct ee_tunnel_stats *out)
{
    *out = (struct ee_tunnel_stats){
        .streams_ours = tunnel->streams_ours,
        .streams_peers = tunnel->streams_peers,
        .buffered = tunnel->buffered,
        .unconsumed = tunnel->unconsumed,
        .control_unsent = tunnel->urgent.size + tunnel->messages.size + tunnel->last_words_size,
        .rtt_us = tunnel->rtt_us,
        .sent = tunnel->sent,
        .received = tunnel->received,
        .connection_window = tunnel->window,
        .stream_window = tunnel->stream_window_largest,
        .goaway_sent = tunnel->goaway_sent,
        .goaway_received = tunnel->goaway_received,
    };
}
