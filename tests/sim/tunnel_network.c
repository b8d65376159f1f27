/* SPDX-License-Identifier: Apache-2.0 */
#include "tunnel_network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    QUEUE_AHEAD = 128 * 1024, /* as the link does */
    SLOW_STEP_US = 5000,
    SLOW_BYTES = 20000,
    CHUNK = 64 * 1024,
};

static struct net *current; /* of the allocator */

static void wrong(struct net *net, int line, const char *what)
{
    if (!net->failed)
        printf("# tunnel_network.c:%d: at %llu us not true: %s\n", line,
               (unsigned long long)net->now_us, what);
    net->failed = true;
}

#define HOLDS(net, condition)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            wrong(net, __LINE__, #condition);                                                      \
    } while (0)

uint32_t net_draw(struct net *net, uint32_t below)
{
    net->random += 0x9e3779b97f4a7c15u; /* splitmix64 */
    uint64_t z = net->random;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ z >> 31) % below);
}

/* ---- memory, counted ---- */

static void *counting_resize(void *context, void *memory, size_t size)
{
    (void)context;
    size_t *old = memory ? (size_t *)memory - 2 : NULL;
    const size_t old_size = old ? *old : 0;
    size_t *block = realloc(old, size + 2 * sizeof(size_t));
    if (!block)
        return NULL;
    *block = size;
    current->memory += size - old_size;
    if (current->memory > current->memory_peak)
        current->memory_peak = current->memory;
    return block + 2;
}

static void counting_release(void *context, void *memory)
{
    (void)context;
    if (!memory)
        return;
    current->memory -= ((size_t *)memory)[-2];
    free((size_t *)memory - 2);
}

static const struct ee_allocator counting = {NULL, counting_resize, counting_release};

/* ---- content ---- */

static uint8_t content(uint32_t id, bool by_agent, uint64_t at)
{
    return (uint8_t)(((uint32_t)at * 2654435761u ^ id * 40503u ^ (by_agent ? 77u : 0u)) >> 13);
}

/* ---- events ---- */

static void ended(struct net_end *end, const struct ee_tunnel_event *e)
{
    struct net_flow *flow = &end->flows[e->stream];
    flow->endings++;
    flow->done = true;
    flow->cause = e->reason.code;
    flow->finished = e->kind == EE_TUNNEL_EVENT_FINISHED;
    HOLDS(end->net, flow->endings == 1);
    HOLDS(end->net, !flow->finished || (flow->peer_ended && flow->held == 0 && flow->end_sent));
    HOLDS(end->net, flow->finished || (flow->cause > 0 && flow->cause <= EE_TUNNEL_UNSUPPORTED));
}

static void data_came(struct net_end *end, const struct ee_tunnel_event *e)
{
    struct net *net = end->net;
    struct net_flow *flow = &end->flows[e->stream];
    HOLDS(net, flow->used && !flow->done && !flow->peer_ended);
    for (size_t i = 0; i < e->data.size; i++)
        if (e->data.data[i] != content(e->stream, !end->agent, flow->received + i))
            wrong(net, __LINE__, "bytes lost, doubled or out of order");
    flow->received += e->data.size;
    flow->held += e->data.size;
    flow->peer_ended = e->end;
    if (end->first_data_us == 0)
        end->first_data_us = net->now_us;
    end->last_data_us = net->now_us;
    end->data += e->data.size;
    HOLDS(net, flow->held <= end->net->config.tunnel[end->agent].stream_window_max);
}

/* What the other end answers travels in the request: the deadline field of OPEN and the source. */
static void opened(struct net_end *end, const struct ee_tunnel_event *e)
{
    struct net_flow *flow = &end->flows[e->stream];
    char text[32] = "";
    HOLDS(end->net, !flow->used && e->open->source.size < sizeof text);
    memcpy(text, e->open->source.data, e->open->source.size);
    *flow = (struct net_flow){.used = true,
                              .http = e->open->kind == EE_TUNNEL_KIND_HTTP,
                              .reader = (enum net_reader)e->open->deadline_ms,
                              .to_send = strtoull(text, NULL, 10),
                              .peer_ended = e->end};
    end->last = e->stream > end->last ? e->stream : end->last;
}

static void on_event(void *context, struct ee_tunnel *tunnel, const struct ee_tunnel_event *e)
{
    struct net_end *end = context;
    (void)tunnel;
    HOLDS(end->net, e->stream < NET_STREAMS && end->closed == 0);
    switch (e->kind) {
    case EE_TUNNEL_EVENT_OPENED:
        opened(end, e);
        return;
    case EE_TUNNEL_EVENT_DATA:
        data_came(end, e);
        return;
    case EE_TUNNEL_EVENT_HEAD:
    case EE_TUNNEL_EVENT_TRAILERS:
        HOLDS(end->net, !end->flows[e->stream].peer_ended);
        end->flows[e->stream].peer_ended |= e->end;
        return;
    case EE_TUNNEL_EVENT_RESET:
    case EE_TUNNEL_EVENT_FINISHED:
        ended(end, e);
        return;
    case EE_TUNNEL_EVENT_CLOSED:
        end->closed++;
        end->closed_err = e->err;
        return;
    case EE_TUNNEL_EVENT_WRITABLE:
        HOLDS(end->net, end->flows[e->stream].full);
        end->flows[e->stream].full = false;
        return;
    case EE_TUNNEL_EVENT_HELLO:
    case EE_TUNNEL_EVENT_CONTROL:
    case EE_TUNNEL_EVENT_GOAWAY:
    case EE_TUNNEL_EVENT_RTT:
        return;
    }
}

/* ---- wires ---- */

static void wire_reserve(struct net_wire *wire, size_t size)
{
    if (wire->head > 1 << 20) {
        memmove(wire->data, wire->data + wire->head, wire->size);
        wire->head = 0;
    }
    if (wire->head + wire->size + size <= wire->capacity)
        return;
    wire->capacity = 2 * (wire->head + wire->size + size);
    wire->data = realloc(wire->data, wire->capacity);
}

static void segment_add(struct net *net, struct net_wire *wire, size_t size)
{
    const size_t at = (wire->first + wire->count++) % NET_SEGMENTS;
    const uint64_t begin = wire->free_us > net->now_us ? wire->free_us : net->now_us;
    HOLDS(net, wire->count <= NET_SEGMENTS);
    wire->free_us = begin + (net->config.rate ? size * 1000000u / net->config.rate : 0);
    wire->segments[at].size = size;
    wire->segments[at].sent_us = wire->free_us;
    wire->segments[at].at_us = wire->free_us + net->config.delay_us;
}

static size_t wire_unsent(const struct net *net, const struct net_wire *wire)
{
    return wire->free_us > net->now_us ? (wire->free_us - net->now_us) * net->config.rate / 1000000
                                       : 0;
}

static bool wire_takes(const struct net *net, const struct net_wire *wire)
{
    return wire_unsent(net, wire) < QUEUE_AHEAD && wire->count + NET_MESSAGE < NET_SEGMENTS;
}

/* When its socket takes more. */
static uint64_t wire_takes_us(const struct net *net, const struct net_wire *wire)
{
    const uint64_t ahead_us =
        net->config.rate ? QUEUE_AHEAD * (uint64_t)1000000 / net->config.rate : 0;
    const uint64_t at_us = wire->free_us > ahead_us ? wire->free_us - ahead_us + 1 : 0;
    return at_us > net->now_us ? at_us : net->now_us + 1000;
}

static void wire_send(struct net *net, struct net_wire *wire, struct ee_bytes bytes)
{
    wire_reserve(wire, bytes.size);
    memcpy(wire->data + wire->head + wire->size, bytes.data, bytes.size);
    wire->size += bytes.size;
    for (size_t left = bytes.size; left > 0;) {
        const size_t most = net->config.piece;
        size_t size = net->config.keep_order ? most : 1 + net_draw(net, (uint32_t)most);
        size = size < left ? size : left;
        segment_add(net, wire, size);
        left -= size;
    }
}

/* ---- the ends ---- */

static void pump(struct net *net, struct net_end *end)
{
    static uint8_t wire[EE_WS_HEADER_MAX + EE_TUNNEL_OUTPUT_MAX];
    static uint8_t message[EE_TUNNEL_OUTPUT_MAX];
    unsigned empty = 0;
    while (end->open && empty < 2 && wire_takes(net, end->out) &&
           ee_tunnel_has_output(end->tunnel)) {
        const uint8_t key[4] = {1, 2, 3, (uint8_t)net_draw(net, 256)};
        const size_t room = ee_tunnel_output_room(end->tunnel);
        const size_t size = ee_tunnel_output(end->tunnel, message);
        struct ee_writer w;
        HOLDS(net, size <= room && size <= EE_TUNNEL_MESSAGE_MAX);
        empty = size ? 0 : empty + 1;
        ee_writer_init(&w, wire, sizeof(wire));
        if (size && ee_ws_frame_write(&w, EE_WS_BINARY, ee_bytes_of(message, size),
                                      end->agent ? key : NULL) == EE_OK)
            wire_send(net, end->out, ee_writer_done(&w));
    }
}

static void connection_lost(struct net_end *end)
{
    if (!end->open)
        return;
    end->open = false;
    ee_tunnel_close(end->tunnel, EE_TUNNEL_GOING_AWAY, "the connection is gone");
}

static void receive(struct net *net, struct net_end *end, struct ee_bytes bytes)
{
    struct ee_ws_event event = {.kind = EE_WS_EVENT_PONG};
    ee_tunnel_heard(end->tunnel, net->now_us);
    while (event.kind != EE_WS_EVENT_NONE && !ee_tunnel_closed(end->tunnel)) {
        size_t used = 0;
        const enum ee_err err = ee_ws_decoder_next(&end->decoder, bytes, &used, &event);
        HOLDS(net, err == EE_OK);
        bytes = ee_bytes_of(bytes.data + used, bytes.size - used);
        if (err == EE_OK && event.kind == EE_WS_EVENT_MESSAGE)
            HOLDS(net, ee_tunnel_receive(end->tunnel, event.data, net->now_us) == EE_OK);
    }
}

static void deliver(struct net *net, struct net_end *end)
{
    struct net_wire *wire = end->in;
    if (net->broken || wire->count == 0 || wire->segments[wire->first].at_us > net->now_us)
        return;
    size_t size = wire->segments[wire->first].size;
    const uint64_t left = wire->cut_at - wire->delivered;
    const bool cut = left <= size;
    if (cut)
        size = (size_t)left;
    if (size && end->open)
        receive(net, end, ee_bytes_of(wire->data + wire->head, size));
    wire->delivered += size;
    wire->head += size;
    wire->size -= size;
    wire->first = (wire->first + 1) % NET_SEGMENTS;
    wire->count--;
    if (!cut)
        return;
    net->broken = true;
    if (!net->config.cut_silent)
        connection_lost(&net->ends[0]);
    if (!net->config.cut_silent)
        connection_lost(&net->ends[1]);
}

static void flow_send(struct net *net, struct net_end *end, uint32_t id)
{
    static uint8_t bytes[CHUNK];
    static const struct ee_tunnel_pair pair = {{(const uint8_t *)"n", 1},
                                               {(const uint8_t *)"v", 1}};
    static const struct ee_tunnel_head head = {200, &pair, 1};
    struct net_flow *flow = &end->flows[id];
    size_t taken = 1;
    if (flow->http && !flow->ours && !flow->head_done)
        flow->head_done = ee_tunnel_head_send(end->tunnel, id, &head, false) == EE_OK;
    if (flow->http && !flow->ours && !flow->head_done)
        return;
    while (taken && flow->sent < flow->to_send) {
        const uint64_t left = flow->to_send - flow->sent;
        const size_t size = left < CHUNK ? (size_t)left : CHUNK;
        for (size_t i = 0; i < size; i++)
            bytes[i] = content(id, end->agent, flow->sent + i);
        HOLDS(net, ee_tunnel_data_send(end->tunnel, id, ee_bytes_of(bytes, size), false, &taken) ==
                       EE_OK);
        flow->sent += taken;
        flow->full = taken < size;
        if (flow->full)
            break;
    }
    if (flow->sent < flow->to_send)
        return;
    if (flow->http)
        HOLDS(net, ee_tunnel_trailers_send(end->tunnel, id, &pair, 1) == EE_OK);
    else
        HOLDS(net,
              ee_tunnel_data_send(end->tunnel, id, ee_bytes_of(NULL, 0), true, &taken) == EE_OK);
    flow->end_sent = true;
}

static void flow_consume(struct net *net, struct net_end *end, uint32_t id, bool slow_turn)
{
    struct net_flow *flow = &end->flows[id];
    uint64_t size = flow->held;
    if (flow->reader == NET_SLOW)
        size = !slow_turn ? 0 : size < SLOW_BYTES ? size : SLOW_BYTES;
    if (flow->reader == NET_STALLED && net->now_us < net->config.readers_wake_us)
        size = 0;
    if (size == 0)
        return;
    HOLDS(net, ee_tunnel_consumed(end->tunnel, id, (size_t)size) == EE_OK);
    flow->held -= size;
}

static void flows_move(struct net *net, struct net_end *end, bool slow_turn)
{
    for (uint32_t id = 1; id <= end->last && !ee_tunnel_closed(end->tunnel); id++) {
        struct net_flow *flow = &end->flows[id];
        if (!flow->used || flow->done)
            continue;
        if (!flow->end_sent && !flow->full)
            flow_send(net, end, id);
        if (flow->held)
            flow_consume(net, end, id, slow_turn);
    }
}

static void limits_hold(struct net *net)
{
    for (size_t i = 0; i < 2; i++) {
        struct ee_tunnel_stats stats;
        ee_tunnel_stats_get(net->ends[i].tunnel, &stats);
        HOLDS(net, stats.unconsumed <= net->config.tunnel[i].connection_window);
        HOLDS(net, stats.buffered <= net->config.tunnel[i].total_buffer);
        HOLDS(net, stats.stream_window <= net->config.tunnel[i].stream_window_max);
    }
}

/* ---- time ---- */

static void act(struct net *net, unsigned what)
{
    struct net_end *end = &net->ends[what & 1];
    const bool slow_turn = net->now_us >= net->slow_us;
    if (what < 2)
        deliver(net, end);
    else if (what < 4)
        flows_move(net, end, slow_turn);
    else if (what < 6)
        ee_tunnel_tick(end->tunnel, net->now_us);
    else
        pump(net, end);
}

/* Everything that is due at this moment, in an order that the seed decides. */
static void moment(struct net *net)
{
    unsigned order[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    for (unsigned i = 7; i > 0 && !net->config.keep_order; i--) {
        const unsigned k = net_draw(net, i + 1), kept = order[i];
        order[i] = order[k];
        order[k] = kept;
    }
    for (unsigned i = 0; i < 8; i++)
        act(net, order[i]);
    if (net->now_us >= net->slow_us)
        net->slow_us = net->now_us + SLOW_STEP_US;
    limits_hold(net);
}

static bool anything_now(const struct net *net)
{
    for (size_t i = 0; i < 2; i++) {
        const struct net_end *end = &net->ends[i];
        const struct net_wire *in = end->in;
        if (!net->broken && in->count && in->segments[in->first].at_us <= net->now_us)
            return true;
        if (end->open && ee_tunnel_has_output(end->tunnel) && wire_takes(net, end->out))
            return true;
        for (uint32_t id = 1; id <= end->last && end->closed == 0; id++)
            if (end->flows[id].used && !end->flows[id].done && !end->flows[id].full &&
                !end->flows[id].end_sent)
                return true;
    }
    return false;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t next_us(const struct net *net)
{
    uint64_t next = UINT64_MAX;
    if (anything_now(net))
        return net->now_us;
    for (size_t i = 0; i < 2; i++) {
        const struct net_end *end = &net->ends[i];
        const struct net_wire *in = end->in, *out = end->out;
        if (!net->broken && in->count)
            next = earlier(next, in->segments[in->first].at_us);
        next = earlier(next, ee_tunnel_deadline(end->tunnel));
        if (end->open && out->count && ee_tunnel_has_output(end->tunnel))
            next = earlier(next, wire_takes_us(net, out));
        for (uint32_t id = 1; id <= end->last && end->closed == 0; id++)
            if (end->flows[id].used && !end->flows[id].done && end->flows[id].held)
                next = earlier(next, net->slow_us);
    }
    return next > net->now_us ? next : net->now_us;
}

static bool all_done(const struct net *net)
{
    for (size_t i = 0; i < 2; i++) {
        if (net->broken && net->ends[i].closed == 0)
            return false;
        for (uint32_t id = 1; id <= net->ends[i].last; id++)
            if (net->ends[i].flows[id].used && !net->ends[i].flows[id].done)
                return false;
    }
    return true;
}

bool net_run(struct net *net, uint64_t until_us)
{
    unsigned idle = 0;
    current = net;
    while (!net->failed && net->now_us < until_us && idle < 3) {
        moment(net);
        const uint64_t next = next_us(net);
        idle = all_done(net) && next > net->now_us + 1000000 ? idle + 1 : 0;
        if (all_done(net) && (net->broken || idle))
            break;
        net->now_us = next < until_us ? next : until_us;
    }
    return all_done(net);
}

/* ---- beginning and end ---- */

void net_config_default(struct net_config *config, uint64_t seed)
{
    *config = (struct net_config){.seed = seed, .delay_us = 40000, .piece = 1500};
    config->cut_at[0] = config->cut_at[1] = UINT64_MAX;
    ee_tunnel_config_default(&config->tunnel[0], EE_TUNNEL_ROLE_CONTROL);
    ee_tunnel_config_default(&config->tunnel[1], EE_TUNNEL_ROLE_AGENT);
}

void net_start(struct net *net, const struct net_config *config)
{
    memset(net, 0, sizeof(*net));
    net->config = *config;
    net->random = config->seed;
    current = net;
    for (unsigned i = 0; i < 2; i++) {
        struct net_end *end = &net->ends[i];
        *end = (struct net_end){.net = net,
                                .agent = i == 1,
                                .open = true,
                                .in = &net->wires[i],
                                .out = &net->wires[!i]};
        net->wires[i].cut_at = config->cut_at[i];
        end->tunnel = ee_tunnel_new(&counting, &config->tunnel[i], on_event, end, 0);
        ee_ws_decoder_init(&end->decoder, &counting, i == 0, EE_TUNNEL_OUTPUT_MAX);
        HOLDS(net, end->tunnel && ee_tunnel_hello_send(end->tunnel) == EE_OK);
    }
}

bool net_open(struct net *net, struct net_end *end, bool http, uint64_t to_send, uint64_t answer,
              enum net_reader here, enum net_reader there)
{
    char text[32];
    uint32_t id;
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)answer);
    const struct ee_tunnel_open open = {.kind = http ? EE_TUNNEL_KIND_HTTP : EE_TUNNEL_KIND_TCP,
                                        .source = ee_bytes_str(text),
                                        .deadline_ms = there,
                                        .method = ee_bytes_str(http ? "PUT" : ""),
                                        .target = ee_bytes_str(http ? "/" : "")};
    if (ee_tunnel_open(end->tunnel, &open, false, NULL, &id) != EE_OK)
        return false;
    HOLDS(net, id < NET_STREAMS);
    end->last = id > end->last ? id : end->last;
    end->flows[id] = (struct net_flow){
        .used = true, .ours = true, .http = http, .to_send = to_send, .reader = here};
    return true;
}

void net_reset(struct net *net, struct net_end *end, uint32_t id)
{
    struct net_flow *flow = &end->flows[id];
    if (!flow->used || flow->done || ee_tunnel_closed(end->tunnel))
        return;
    HOLDS(net, ee_tunnel_reset(end->tunnel, id, EE_TUNNEL_CANCELLED, "not wanted") == EE_OK);
    flow->endings++;
    flow->done = true;
}

/* What one end calls finished, both ends had complete. */
static void stream_agrees(struct net *net, uint32_t id)
{
    const struct net_flow *a = &net->ends[0].flows[id], *b = &net->ends[1].flows[id];
    HOLDS(net, !a->finished || !b->used || a->received == b->sent);
    HOLDS(net, !b->finished || !a->used || b->received == a->sent);
    HOLDS(net, !a->used || !b->used || (a->received <= b->sent && b->received <= a->sent));
    HOLDS(net, !a->finished || a->sent == a->to_send);
    HOLDS(net, a->endings == a->used && b->endings == b->used);
}

bool net_finish(struct net *net)
{
    current = net;
    for (uint32_t id = 1; id < NET_STREAMS; id++)
        stream_agrees(net, id);
    for (size_t i = 0; i < 2; i++) {
        HOLDS(net, net->ends[i].closed == (net->broken ? 1u : 0u));
        ee_ws_decoder_close(&net->ends[i].decoder);
        ee_tunnel_free(net->ends[i].tunnel);
        free(net->wires[i].data);
    }
    HOLDS(net, net->memory == 0);
    return !net->failed;
}
