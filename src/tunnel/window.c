/* SPDX-License-Identifier: Apache-2.0 */
/* What we grant and how it grows, and what may wait to be sent: docs/spec/tunnel.md, "Flow
 * control". */
#include "tunnel/internal.h"

#include "base/banned.h"

enum {
    POOL_SHARE = 16,              /* a session gets this part of what is left of the pool */
    BUFFER_MIN = 64 * 1024,       /* a session may always have this much waiting */
    RTT_AGE_US = 5 * 1000 * 1000, /* measured again after that, while data flows */
    RTT_SLACK_US = 200,           /* wake-ups and turns add that much to any round trip */
};

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* The connection window this session should have now. */
static uint32_t window_wanted(const struct ee_tunnel *t)
{
    const struct ee_tunnel_pool *pool = t->config.pool;
    if (!pool)
        return t->config.connection_window;
    const uint64_t others = pool->committed - t->window;
    const uint64_t left = pool->limit > others ? pool->limit - others : 0;
    return (uint32_t)clamp(left / POOL_SHARE, t->config.connection_window_min,
                           t->config.connection_window);
}

static void window_set(struct ee_tunnel *t, uint32_t window)
{
    if (t->config.pool)
        t->config.pool->committed += (uint64_t)window - t->window;
    t->window = window;
}

void ee_tunnel_window_open(struct ee_tunnel *t)
{
    window_set(t, window_wanted(t));
    t->receive_window = t->window;
}

void ee_tunnel_window_close(struct ee_tunnel *t)
{
    window_set(t, 0);
}

/* Credit is granted in steps of half a window, so that a WINDOW frame is rare; less one message,
 * since whole messages are consumed at once: with two steps that are together larger than the
 * window, the second would wait for the grant of the first, and half the window would be lost. */
static bool credit_due(uint32_t credit, uint32_t window)
{
    const uint32_t slack = window >= 4 * EE_TUNNEL_MESSAGE_MAX ? EE_TUNNEL_MESSAGE_MAX : 0;
    return credit > 0 && credit >= window / 2 - slack;
}

/* A window shrinks by what is not granted again: nothing that was granted is ever taken back. */
void ee_tunnel_credit_connection(struct ee_tunnel *t, uint32_t size)
{
    t->credit += size;
    if (t->closed || !credit_due(t->credit, t->window))
        return;
    const uint32_t wanted = window_wanted(t);
    uint32_t increment = t->credit;
    if (wanted >= t->window)
        increment += wanted - t->window;
    else
        increment -= (uint32_t)clamp(t->window - wanted, 0, t->credit);
    window_set(t, t->window + increment - t->credit);
    t->receive_window += increment;
    t->grant += increment;
    t->credit = 0;
}

/* Growth: half a window was consumed in less than a round trip (a whole one in less than two; here
 * the part of it that was consumed), so the window and not the consumer holds the stream back. Not
 * while others leave too little. */
static bool may_grow(struct ee_tunnel *t, const struct ee_tunnel_stream *s)
{
    if (s->window >= t->config.stream_window_max || t->unconsumed > t->window / 2)
        return false;
    if (!t->ping_outstanding && (t->rtt_low_us == 0 || t->now_us - t->ping_us > RTT_AGE_US))
        ee_tunnel_ping_send(t);
    const uint64_t step_us = t->now_us - s->grant_us;
    return t->rtt_low_us > 0 &&
           step_us * (s->window / 2) <= (t->rtt_low_us + RTT_SLACK_US) * (uint64_t)s->credit;
}

static uint32_t grown(const struct ee_tunnel *t, const struct ee_tunnel_stream *s)
{
    const uint64_t most =
        t->window < t->config.stream_window_max ? t->window : t->config.stream_window_max;
    return (uint32_t)clamp(2 * (uint64_t)s->window, s->window, most > s->window ? most : s->window);
}

static void credit_stream(struct ee_tunnel *t, struct ee_tunnel_stream *s)
{
    const uint32_t window = may_grow(t, s) ? grown(t, s) : s->window;
    const uint32_t increment = s->credit + (window - s->window);
    s->window = window;
    if (window > t->stream_window_largest)
        t->stream_window_largest = window;
    s->grant_us = t->now_us;
    s->receive_window += increment;
    s->grant += increment;
    s->credit = 0;
    ee_tunnel_link_last(&t->grants, &s->owed);
}

enum ee_err ee_tunnel_consumed(struct ee_tunnel *tunnel, uint32_t stream, size_t size)
{
    struct ee_tunnel_stream *s = ee_tunnel_stream_find(tunnel, stream);
    if (!s)
        return EE_NOT_FOUND;
    if (size > s->unconsumed)
        return EE_RANGE;
    s->unconsumed -= (uint32_t)size;
    s->credit += (uint32_t)size;
    tunnel->unconsumed -= size;
    ee_tunnel_credit_connection(tunnel, (uint32_t)size);
    if (!s->end_received && credit_due(s->credit, s->window))
        credit_stream(tunnel, s);
    ee_tunnel_stream_settle(tunnel, s);
    return EE_OK;
}

/* Falls at once, rises slowly: a PONG that waited behind data says little about the path. */
void ee_tunnel_rtt_note(struct ee_tunnel *t, uint64_t rtt_us)
{
    t->rtt_us = rtt_us > 0 ? rtt_us : 1;
    if (t->rtt_low_us == 0 || t->rtt_us < t->rtt_low_us)
        t->rtt_low_us = t->rtt_us;
    else
        t->rtt_low_us += (t->rtt_us - t->rtt_low_us) / 8;
}

uint64_t ee_tunnel_buffer_limit(const struct ee_tunnel *t)
{
    const struct ee_tunnel_pool *pool = t->config.pool;
    const uint64_t most = t->config.total_buffer;
    if (!pool)
        return most;
    const uint64_t others = pool->buffered - t->buffered;
    const uint64_t left = pool->limit > others ? pool->limit - others : 0;
    return clamp(left / POOL_SHARE, most < BUFFER_MIN ? most : BUFFER_MIN, most);
}

void ee_tunnel_buffered_add(struct ee_tunnel *t, size_t size)
{
    t->buffered += size;
    if (t->config.pool)
        t->config.pool->buffered += size;
}

void ee_tunnel_buffered_drop(struct ee_tunnel *t, size_t size)
{
    t->buffered -= size;
    if (t->config.pool)
        t->config.pool->buffered -= size;
}
