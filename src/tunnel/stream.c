/* SPDX-License-Identifier: Apache-2.0 */
#include "tunnel/internal.h"

#include "base/banned.h"

void ee_tunnel_link_init(struct ee_tunnel_link *link)
{
    link->prev = link->next = link;
}

bool ee_tunnel_link_alone(const struct ee_tunnel_link *link)
{
    return link->next == link;
}

void ee_tunnel_link_out(struct ee_tunnel_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    ee_tunnel_link_init(link);
}

void ee_tunnel_link_last(struct ee_tunnel_link *list, struct ee_tunnel_link *link)
{
    ee_tunnel_link_out(link);
    link->prev = list->prev;
    link->next = list;
    list->prev->next = link;
    list->prev = link;
}

static void *containing(struct ee_tunnel_link *list, size_t offset)
{
    return ee_tunnel_link_alone(list) ? NULL : (uint8_t *)list->next - offset;
}

struct ee_tunnel_stream *ee_tunnel_turn_first(struct ee_tunnel_link *list)
{
    return containing(list, offsetof(struct ee_tunnel_stream, turn));
}

struct ee_tunnel_stream *ee_tunnel_owed_first(struct ee_tunnel_link *list)
{
    return containing(list, offsetof(struct ee_tunnel_stream, owed));
}

struct ee_tunnel_stream *ee_tunnel_wait_first(struct ee_tunnel_link *list)
{
    return containing(list, offsetof(struct ee_tunnel_stream, wait));
}

/* Ids of one side go up by two, so neighbours fall into neighbouring buckets. */
static size_t bucket_of(uint32_t id)
{
    return (id >> 1 ^ (id & 1) << 5) % EE_TUNNEL_BUCKETS;
}

struct ee_tunnel_stream *ee_tunnel_stream_find(const struct ee_tunnel *t, uint32_t id)
{
    struct ee_tunnel_stream *s = t->buckets[bucket_of(id)];
    while (s && s->id != id)
        s = s->hash_next;
    return s;
}

struct ee_tunnel_stream *ee_tunnel_stream_add(struct ee_tunnel *t, uint32_t id, bool ours,
                                              enum ee_tunnel_kind kind)
{
    struct ee_tunnel_stream *s = ee_alloc(t->allocator, 1, sizeof(*s));
    if (!s)
        return NULL;
    s->id = id;
    s->ours = ours;
    s->kind = kind;
    s->send_window = t->peer_stream_window;
    s->receive_window = s->window = t->config.stream_window;
    s->grant_us = t->now_us;
    ee_tunnel_link_init(&s->turn);
    ee_tunnel_link_init(&s->owed);
    ee_tunnel_link_init(&s->wait);
    s->hash_next = t->buckets[bucket_of(id)];
    t->buckets[bucket_of(id)] = s;
    *(ours ? &t->streams_ours : &t->streams_peers) += 1;
    return s;
}

static void unhash(struct ee_tunnel *t, struct ee_tunnel_stream *s)
{
    struct ee_tunnel_stream **at = &t->buckets[bucket_of(s->id)];
    while (*at != s)
        at = &(*at)->hash_next;
    *at = s->hash_next;
}

void ee_tunnel_stream_remove(struct ee_tunnel *t, struct ee_tunnel_stream *s)
{
    unhash(t, s);
    ee_tunnel_link_out(&s->turn);
    ee_tunnel_link_out(&s->owed);
    ee_tunnel_link_out(&s->wait);
    *(s->ours ? &t->streams_ours : &t->streams_peers) -= 1;
    ee_tunnel_buffered_drop(t, s->out.size);
    t->trailers -= s->trailers.size;
    t->unconsumed -= s->unconsumed;
    ee_tunnel_credit_connection(t, s->unconsumed);
    ee_tunnel_buffer_free(t->allocator, &s->out);
    ee_tunnel_buffer_free(t->allocator, &s->trailers);
    ee_free(t->allocator, s);
}

struct ee_tunnel_link *ee_tunnel_turns_of(struct ee_tunnel *t, const struct ee_tunnel_stream *s)
{
    return s->sent < EE_TUNNEL_SMALL ? &t->small_turns : &t->bulk_turns;
}

void ee_tunnel_stream_schedule(struct ee_tunnel *t, struct ee_tunnel_stream *s)
{
    if (s->out.size) {
        if (s->send_window == 0)
            ee_tunnel_link_out(&s->turn);
        else if (ee_tunnel_link_alone(&s->turn))
            ee_tunnel_link_last(ee_tunnel_turns_of(t, s), &s->turn);
        return;
    }
    s->deficit = 0;
    if (s->end_wanted && !s->end_sent)
        ee_tunnel_link_last(&t->end_turns, &s->turn);
    else
        ee_tunnel_link_out(&s->turn);
}

void ee_tunnel_stream_settle(struct ee_tunnel *t, struct ee_tunnel_stream *s)
{
    if (s->end_sent && s->end_received && s->unconsumed == 0)
        ee_tunnel_link_last(&t->finished, &s->wait);
}

void ee_tunnel_stream_lost(struct ee_tunnel *t, struct ee_tunnel_stream *s,
                           const struct ee_tunnel_reason *reason)
{
    struct ee_tunnel_event event = {.kind = EE_TUNNEL_EVENT_RESET,
                                    .stream = s->id,
                                    .stream_context = s->context,
                                    .reason = *reason};
    ee_tunnel_stream_remove(t, s);
    ee_tunnel_fire(t, &event);
}

void ee_tunnel_stream_fail(struct ee_tunnel *t, struct ee_tunnel_stream *s,
                           enum ee_tunnel_code code, const char *text, bool quiet)
{
    uint8_t frame[EE_TUNNEL_FRAME_HEADER + 5 + EE_TUNNEL_TEXT_MAX];
    struct ee_writer w;
    const struct ee_tunnel_reason reason = {.code = code, .text = ee_bytes_str(text)};
    ee_writer_init(&w, frame, sizeof(frame));
    ee_tunnel_reset_encode(&w, s->id, code, text);
    ee_tunnel_urgent_add(t, &w);
    if (quiet)
        ee_tunnel_stream_remove(t, s);
    else
        ee_tunnel_stream_lost(t, s, &reason);
}

/* The first of a bucket that matches; a callback may have changed the rest of the chain. */
static struct ee_tunnel_stream *matching(struct ee_tunnel_stream *s, bool all, uint32_t last)
{
    while (s && !all && !(s->ours && s->id > last))
        s = s->hash_next;
    return s;
}

void ee_tunnel_streams_lose(struct ee_tunnel *t, bool all, uint32_t last,
                            const struct ee_tunnel_reason *reason)
{
    for (size_t i = 0; i < EE_TUNNEL_BUCKETS; i++) {
        struct ee_tunnel_stream *s;
        while ((s = matching(t->buckets[i], all, last)) != NULL)
            ee_tunnel_stream_lost(t, s, reason);
    }
}
