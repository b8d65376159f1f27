/* SPDX-License-Identifier: Apache-2.0 */
/* Two engines joined by WebSocket frames that arrive in random pieces: random streams, sizes,
 * stalls and resets from both sides. What arrives must be what was sent, no window may be exceeded,
 * memory must stay within the limits and come back to nothing. EE_TEST_SEED repeats a run. */
#include <stdlib.h>
#include <time.h>

#include "http/websocket.h"
#include "tap.h"
#include "tunnel/tunnel.h"

enum {
    STREAMS = 400, /* ids below that */
    STREAM_WINDOW = 20000,
    CONNECTION_WINDOW = 60000,
    STREAM_BUFFER = 30000,
    TOTAL_BUFFER = 80000,
    PIPE = 400000,
    STEPS = 6000,
    BODY_MAX = 70000,
};

static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
    random_state += 0x9e3779b97f4a7c15u; /* splitmix64 */
    uint64_t z = random_state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ z >> 31) % below);
}

static size_t memory_used, memory_peak;

/* The size in front of each block. */
static void *counting_resize(void *context, void *memory, size_t size)
{
    (void)context;
    size_t *old = memory ? (size_t *)memory - 2 : NULL;
    const size_t old_size = old ? *old : 0;
    size_t *block = realloc(old, size + 2 * sizeof(size_t));
    if (!block)
        return NULL;
    *block = size;
    memory_used = memory_used - old_size + size;
    if (memory_used > memory_peak)
        memory_peak = memory_used;
    return block + 2;
}

static void counting_release(void *context, void *memory)
{
    (void)context;
    if (!memory)
        return;
    memory_used -= ((size_t *)memory)[-2];
    free((size_t *)memory - 2);
}

static const struct ee_allocator counting = {NULL, counting_resize, counting_release};

/* One side's view of a stream. */
struct flow {
    bool open, ours, ended, http, head_done;
    uint32_t sent, received, held;
};

struct side {
    struct ee_tunnel *t;
    struct ee_ws_decoder decoder;
    uint8_t *pipe; /* towards this side */
    size_t pipe_size;
    struct flow flows[STREAMS];
    unsigned finished, reset, opened;
    bool agent;
};

static struct side sides[2];
static bool failed;

#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition) && !failed) {                                                             \
            failed = true;                                                                         \
            printf("# %d: not true: %s\n", __LINE__, #condition);                                  \
        }                                                                                          \
    } while (0)

static uint8_t content(uint32_t id, bool by_agent, uint32_t at)
{
    return (uint8_t)((at * 2654435761u ^ id * 40503u ^ (by_agent ? 77u : 0u)) >> 13);
}

/* How much each side says on a stream; both can tell. */
static uint32_t total(uint32_t id, bool by_agent)
{
    const uint32_t mixed = (id * 2246822519u ^ (by_agent ? 0x5bd1e995u : 0u)) >> 7;
    return mixed % 5 == 0 ? mixed % 3 : mixed % BODY_MAX;
}

static void on_data(struct side *side, const struct ee_tunnel_event *e)
{
    struct flow *flow = &side->flows[e->stream];
    for (size_t i = 0; i < e->data.size; i++)
        HOLDS(e->data.data[i] == content(e->stream, !side->agent, flow->received + (uint32_t)i));
    flow->received += (uint32_t)e->data.size;
    flow->held += (uint32_t)e->data.size;
    HOLDS(flow->held <= 2 * STREAM_WINDOW);
    HOLDS(!e->end || flow->received == total(e->stream, !side->agent));
}

static void on_event(void *context, struct ee_tunnel *t, const struct ee_tunnel_event *e)
{
    struct side *side = context;
    struct flow *flow = &side->flows[e->stream % STREAMS];
    (void)t;
    HOLDS(e->stream < STREAMS);
    switch (e->kind) {
    case EE_TUNNEL_EVENT_OPENED:
        *flow = (struct flow){.open = true, .http = e->open->kind == EE_TUNNEL_KIND_HTTP};
        return;
    case EE_TUNNEL_EVENT_HEAD:
        HOLDS(e->head->status == 200 && e->head->pair_count == 1 && flow->ours);
        return;
    case EE_TUNNEL_EVENT_DATA:
        on_data(side, e);
        return;
    case EE_TUNNEL_EVENT_TRAILERS:
        HOLDS(flow->received == total(e->stream, !side->agent));
        return;
    case EE_TUNNEL_EVENT_RESET:
    case EE_TUNNEL_EVENT_FINISHED:
        HOLDS(flow->open && (e->kind == EE_TUNNEL_EVENT_RESET || flow->held == 0));
        HOLDS(e->kind == EE_TUNNEL_EVENT_RESET || flow->received == total(e->stream, !side->agent));
        side->finished += e->kind == EE_TUNNEL_EVENT_FINISHED;
        side->reset += e->kind == EE_TUNNEL_EVENT_RESET;
        flow->open = false;
        return;
    case EE_TUNNEL_EVENT_CLOSED:
        HOLDS(e->kind != EE_TUNNEL_EVENT_CLOSED); /* nobody closes */
        return;
    case EE_TUNNEL_EVENT_HELLO:
    case EE_TUNNEL_EVENT_CONTROL:
    case EE_TUNNEL_EVENT_WRITABLE:
    case EE_TUNNEL_EVENT_GOAWAY:
    case EE_TUNNEL_EVENT_RTT:
        return;
    }
}

static void start(uint64_t seed)
{
    struct ee_tunnel_config config;
    random_state = seed;
    for (int i = 0; i < 2; i++) {
        struct side *side = &sides[i];
        uint8_t *pipe = side->pipe ? side->pipe : malloc(PIPE);
        *side = (struct side){.agent = i == 1, .pipe = pipe};
        ee_tunnel_config_default(&config, i ? EE_TUNNEL_ROLE_AGENT : EE_TUNNEL_ROLE_CONTROL);
        config.max_streams = 20;
        config.stream_window = STREAM_WINDOW;
        config.stream_window_max = 2 * STREAM_WINDOW;
        config.connection_window = CONNECTION_WINDOW;
        config.stream_buffer = STREAM_BUFFER;
        config.total_buffer = TOTAL_BUFFER;
        side->t = ee_tunnel_new(&counting, &config, on_event, side, 0);
        ee_ws_decoder_init(&side->decoder, &counting, i == 0, EE_TUNNEL_OUTPUT_MAX);
        HOLDS(side->t && pipe && ee_tunnel_hello_send(side->t) == EE_OK);
    }
}

/* One message of the other side, framed, into the pipe; masked by the agent. */
static void send_message(struct side *to, struct side *from)
{
    static uint8_t message[EE_TUNNEL_OUTPUT_MAX];
    static const uint8_t key[4] = {1, 2, 3, 4};
    struct ee_writer w;
    if (PIPE - to->pipe_size < EE_TUNNEL_MESSAGE_MAX + EE_WS_HEADER_MAX)
        return;
    const size_t size = ee_tunnel_output(from->t, message);
    if (size == 0)
        return;
    HOLDS(size <= EE_TUNNEL_MESSAGE_MAX);
    ee_writer_init(&w, to->pipe + to->pipe_size, PIPE - to->pipe_size);
    HOLDS(ee_ws_frame_write(&w, EE_WS_BINARY, ee_bytes_of(message, size),
                            from->agent ? key : NULL) == EE_OK);
    to->pipe_size += w.size;
}

static void deliver(struct side *side, uint32_t most)
{
    size_t at = 0, used;
    const uint32_t size = side->pipe_size < most ? (uint32_t)side->pipe_size : 1 + draw(most);
    while (at < size && !failed) {
        struct ee_ws_event event;
        HOLDS(ee_ws_decoder_next(&side->decoder, ee_bytes_of(side->pipe + at, size - at), &used,
                                 &event) == EE_OK);
        at += used;
        if (event.kind == EE_WS_EVENT_MESSAGE)
            HOLDS(ee_tunnel_receive(side->t, event.data, 0) == EE_OK);
    }
    side->pipe_size -= size;
    memmove(side->pipe, side->pipe + size, side->pipe_size);
}

static void open_stream(struct side *side)
{
    const bool http = draw(2);
    const struct ee_tunnel_open open = {.kind = http ? EE_TUNNEL_KIND_HTTP : EE_TUNNEL_KIND_TCP,
                                        .method = ee_bytes_str(http ? "PUT" : ""),
                                        .target = ee_bytes_str(http ? "/" : "")};
    uint32_t id;
    if (2 * side->opened + 2 >= STREAMS)
        return;
    const enum ee_err err = ee_tunnel_open(side->t, &open, false, NULL, &id);
    HOLDS(err == EE_OK || err == EE_STATE || err == EE_FULL);
    if (err != EE_OK)
        return;
    side->opened++;
    side->flows[id] = (struct flow){.open = true, .ours = true, .http = http};
}

static void send_end(struct side *side, uint32_t id, struct flow *flow)
{
    const struct ee_tunnel_pair pair = {ee_bytes_str("n"), ee_bytes_str("v")};
    size_t taken;
    if (flow->http)
        HOLDS(ee_tunnel_trailers_send(side->t, id, &pair, 1) == EE_OK);
    else
        HOLDS(ee_tunnel_data_send(side->t, id, ee_bytes_of(NULL, 0), true, &taken) == EE_OK);
    flow->ended = true;
}

static void send_some(struct side *side, uint32_t id, uint32_t most)
{
    static uint8_t bytes[BODY_MAX];
    const struct ee_tunnel_pair pair = {ee_bytes_str("n"), ee_bytes_str("v")};
    const struct ee_tunnel_head head = {200, &pair, 1};
    struct flow *flow = &side->flows[id];
    size_t taken = 0;
    if (!flow->open || flow->ended)
        return;
    if (flow->http && !flow->ours && !flow->head_done) {
        HOLDS(ee_tunnel_head_send(side->t, id, &head, false) == EE_OK);
        flow->head_done = true;
    }
    const uint32_t left = total(id, side->agent) - flow->sent;
    const uint32_t size = left < most ? left : 1 + draw(most);
    for (uint32_t i = 0; i < size; i++)
        bytes[i] = content(id, side->agent, flow->sent + i);
    HOLDS(ee_tunnel_data_send(side->t, id, ee_bytes_of(bytes, size), false, &taken) == EE_OK);
    flow->sent += (uint32_t)taken;
    if (flow->sent == total(id, side->agent))
        send_end(side, id, flow);
}

static void consume_some(struct side *side, uint32_t id)
{
    struct flow *flow = &side->flows[id];
    if (!flow->open || flow->held == 0)
        return;
    const uint32_t size = 1 + draw(flow->held);
    HOLDS(ee_tunnel_consumed(side->t, id, size) == EE_OK);
    flow->held -= size;
}

static void reset_stream(struct side *side, uint32_t id)
{
    if (!side->flows[id].open)
        return;
    HOLDS(ee_tunnel_reset(side->t, id, EE_TUNNEL_CANCELLED, "no longer wanted") == EE_OK);
    side->flows[id].open = false;
}

static void step(bool opening)
{
    struct side *side = &sides[draw(2)], *other = &sides[side == &sides[0]];
    const uint32_t id =
        draw(2 * (sides[0].opened > sides[1].opened ? sides[0].opened : sides[1].opened) + 3);
    switch (draw(12)) {
    case 0:
        if (opening)
            open_stream(side);
        return;
    case 1:
    case 2:
    case 3:
        send_some(side, id, draw(4) ? 3000 : BODY_MAX - 1);
        return;
    case 4:
    case 5:
        consume_some(side, id);
        return;
    case 6:
        if (opening && draw(30) == 0)
            reset_stream(side, id);
        return;
    case 7:
    case 8:
    case 9:
        send_message(other, side);
        return;
    default:
        deliver(side, draw(3) ? 70000 : 40);
    }
}

static void limits_hold(void)
{
    for (int i = 0; i < 2; i++) {
        struct ee_tunnel_stats stats;
        ee_tunnel_stats_get(sides[i].t, &stats);
        HOLDS(stats.unconsumed <= CONNECTION_WINDOW && stats.buffered <= TOTAL_BUFFER);
        HOLDS(stats.streams_ours <= 20 && stats.streams_peers <= 20);
    }
}

static bool idle(void)
{
    struct ee_tunnel_stats a, b;
    ee_tunnel_stats_get(sides[0].t, &a);
    ee_tunnel_stats_get(sides[1].t, &b);
    return !(a.streams_ours + a.streams_peers + b.streams_ours + b.streams_peers) &&
           sides[0].pipe_size + sides[1].pipe_size == 0;
}

/* Nobody stalls any more. */
static void drain(void)
{
    for (int i = 0; i < 2; i++) {
        for (uint32_t id = 0; id < STREAMS; id++) {
            send_some(&sides[i], id, BODY_MAX - 1);
            while (sides[i].flows[id].open && sides[i].flows[id].held)
                consume_some(&sides[i], id);
        }
        send_message(&sides[!i], &sides[i]);
        deliver(&sides[!i], PIPE);
    }
}

static void run(uint64_t seed)
{
    unsigned rounds = 0;
    failed = false;
    memory_used = memory_peak = 0;
    printf("# EE_TEST_SEED=%llu\n", (unsigned long long)seed);
    start(seed);
    for (int i = 0; i < STEPS && !failed; i++) {
        step(i < STEPS * 3 / 4);
        limits_hold();
    }
    while (!idle() && !failed && rounds++ < 3000)
        drain();
    HOLDS(idle());
    /* Buffers double, a message is held twice: engine and decoder. */
    HOLDS(memory_peak < 2 * (2 * TOTAL_BUFFER + 2 * EE_TUNNEL_MESSAGE_MAX + 60000));
    printf("# %u and %u streams, %u and %u finished, %u and %u reset, peak %zu bytes\n",
           sides[0].opened, sides[1].opened, sides[0].finished, sides[1].finished, sides[0].reset,
           sides[1].reset, memory_peak);
    for (int i = 0; i < 2; i++) {
        ee_ws_decoder_close(&sides[i].decoder);
        ee_tunnel_free(sides[i].t);
    }
    HOLDS(memory_used == 0);
    CHECK(!failed);
}

static void fixed_seeds(void)
{
    for (uint64_t seed = 1; seed <= 12; seed++)
        run(seed);
}

static void new_or_given_seed(void)
{
    const char *given = getenv("EE_TEST_SEED");
    run(given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL));
    free(sides[0].pipe);
    free(sides[1].pipe);
}

TESTS(TEST(fixed_seeds), TEST(new_or_given_seed))
