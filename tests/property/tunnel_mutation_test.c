/* SPDX-License-Identifier: Apache-2.0 */
/* Every prefix and every flipped bit of a conversation of valid frames, and random runs of frames:
 * an engine may end its session, with one CLOSED event and a RESET for each stream, and nothing
 * worse. */
#include <stdlib.h>
#include <time.h>

#include "tap.h"
#include "tunnel/tunnel.h"

static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % below;
}

struct tally {
    unsigned opened, gone, closed;
};

static void on_event(void *context, struct ee_tunnel *t, const struct ee_tunnel_event *e)
{
    struct tally *tally = context;
    size_t taken;
    const struct ee_tunnel_head head = {.status = 200};
    CHECK(tally->closed == 0);
    tally->opened += e->kind == EE_TUNNEL_EVENT_OPENED;
    tally->gone += e->kind == EE_TUNNEL_EVENT_RESET || e->kind == EE_TUNNEL_EVENT_FINISHED;
    tally->closed += e->kind == EE_TUNNEL_EVENT_CLOSED;
    if (e->kind == EE_TUNNEL_EVENT_DATA)
        CHECK(ee_tunnel_consumed(t, e->stream, e->data.size) == EE_OK);
    if (e->kind == EE_TUNNEL_EVENT_OPENED && e->open->kind != EE_TUNNEL_KIND_TCP)
        CHECK(ee_tunnel_head_send(t, e->stream, &head, false) == EE_OK);
    if (e->kind == EE_TUNNEL_EVENT_OPENED)
        CHECK(ee_tunnel_data_send(t, e->stream, ee_bytes_str("answer"), true, &taken) == EE_OK);
}

static void feed(const struct ee_bytes *messages, size_t count)
{
    static uint8_t out[EE_TUNNEL_OUTPUT_MAX];
    struct tally tally = {0};
    struct ee_tunnel_config config;
    ee_tunnel_config_default(&config, EE_TUNNEL_ROLE_AGENT);
    config.max_streams = 3;
    struct ee_tunnel *t = ee_tunnel_new(&ee_allocator_system, &config, on_event, &tally, 0);
    REQUIRE(t && ee_tunnel_hello_send(t) == EE_OK);
    for (size_t i = 0; i < count; i++) {
        const enum ee_err err = ee_tunnel_receive(t, messages[i], i);
        CHECK((err == EE_OK) == !ee_tunnel_closed(t));
        while (ee_tunnel_output(t, out))
            continue;
    }
    ee_tunnel_close(t, EE_TUNNEL_NO_ERROR, "done");
    CHECK(tally.closed == 1 && tally.gone == tally.opened);
    ee_tunnel_free(t);
}

static void put_data(struct ee_writer *w, uint32_t id, uint8_t flags, size_t size)
{
    const struct ee_tunnel_header header = {EE_TUNNEL_DATA, flags, id, (uint32_t)size};
    ee_tunnel_header_encode(w, &header);
    for (size_t i = 0; i < size; i++)
        ee_writer_u8(w, 'x');
}

static void put_hello(struct ee_writer *w)
{
    const struct ee_tunnel_hello hello = {.version_min = 1,
                                          .version_max = 1,
                                          .max_streams = 9,
                                          .stream_window = 999,
                                          .connection_window = 9999};
    ee_tunnel_hello_encode(w, &hello);
}

static void put_open(struct ee_writer *w, uint32_t id, enum ee_tunnel_kind kind)
{
    const struct ee_tunnel_pair pair = {ee_bytes_str("Host"), ee_bytes_str("a.example")};
    const bool tcp = kind == EE_TUNNEL_KIND_TCP;
    const struct ee_tunnel_open open = {.kind = kind,
                                        .app = ee_bytes_str("shop"),
                                        .method = ee_bytes_str(tcp ? "" : "GET"),
                                        .target = ee_bytes_str(tcp ? "" : "/"),
                                        .pairs = tcp ? NULL : &pair,
                                        .pair_count = !tcp};
    ee_tunnel_open_encode(w, id, false, &open);
}

static void conversation(struct ee_writer *w)
{
    const struct ee_tunnel_reason reason = {.code = EE_TUNNEL_GOING_AWAY, .text = {0}};
    const struct ee_tunnel_header control = {EE_TUNNEL_CONTROL_FRAME, 0, 0, 2};
    put_hello(w);
    put_open(w, 1, EE_TUNNEL_KIND_HTTP);
    put_data(w, 1, 0, 5);
    ee_tunnel_trailers_encode(w, 1, NULL, 0);
    put_open(w, 3, EE_TUNNEL_KIND_TCP);
    ee_tunnel_window_encode(w, 3, 5);
    ee_tunnel_reset_encode(w, 3, EE_TUNNEL_CANCELLED, "why");
    ee_tunnel_ping_encode(w, EE_TUNNEL_PING, 1);
    ee_tunnel_header_encode(w, &control);
    ee_writer_bytes(w, "{}", 2);
    ee_tunnel_goaway_encode(w, &reason);
}

static void prefixes_and_flipped_bits(void)
{
    uint8_t whole[600], changed[600];
    struct ee_writer w;
    ee_writer_init(&w, whole, sizeof(whole));
    conversation(&w);
    REQUIRE(w.err == EE_OK);
    for (size_t size = 0; size <= w.size; size++) {
        const struct ee_bytes message = ee_bytes_of(whole, size);
        feed(&message, 1);
    }
    for (size_t bit = 0; bit < w.size * 8; bit++) {
        const struct ee_bytes message = ee_bytes_of(changed, w.size);
        memcpy(changed, whole, w.size);
        changed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        feed(&message, 1);
    }
}

/* A frame of any kind for any stream, valid by itself. */
static void put_any(struct ee_writer *w)
{
    const struct ee_tunnel_head head = {.status = (uint16_t)(100 + draw(3) * 100)};
    const struct ee_tunnel_reason reason = {.last_stream = draw(8), .code = draw(20)};
    const uint32_t id = draw(10);
    switch (draw(10)) {
    case 0:
    case 1:
    case 2:
        put_open(w, draw(12), (enum ee_tunnel_kind)(1 + draw(3)));
        return;
    case 3:
        ee_tunnel_head_encode(w, id, draw(2), &head);
        return;
    case 4:
    case 5:
        put_data(w, id, (uint8_t)draw(256), draw(100));
        return;
    case 6:
        ee_tunnel_trailers_encode(w, id, NULL, 0);
        return;
    case 7:
        ee_tunnel_reset_encode(w, id, draw(20), "");
        return;
    case 8:
        ee_tunnel_window_encode(w, id, 1 + draw(1u << draw(31)));
        return;
    default:
        ee_tunnel_goaway_encode(w, &reason);
    }
}

static void random_runs_of_frames(void)
{
    static uint8_t memory[20][4000];
    const char *given = getenv("EE_TEST_SEED");
    const uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("# EE_TEST_SEED=%llu\n", (unsigned long long)seed);
    random_state = seed;
    for (int run = 0; run < 3000; run++) {
        struct ee_bytes messages[20];
        for (size_t i = 0; i < 20; i++) {
            struct ee_writer w;
            ee_writer_init(&w, memory[i], sizeof(memory[i]));
            if (i == 0)
                put_hello(&w);
            for (uint32_t k = draw(4); k > 0; k--)
                put_any(&w);
            messages[i] = ee_writer_done(&w);
        }
        feed(messages, 20);
    }
}

TESTS(TEST(prefixes_and_flipped_bits), TEST(random_runs_of_frames))
