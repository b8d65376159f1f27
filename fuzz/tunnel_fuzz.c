/* SPDX-License-Identifier: Apache-2.0 */
/* Tunnel session. First byte: role and what the application does; then messages, each after a u16
 * length. The engine must keep its promises about events whatever comes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/tunnel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

struct app {
    uint8_t habits;
    unsigned live, closed;
};

static void answer(struct app *app, struct ee_tunnel *t, const struct ee_tunnel_event *e)
{
    static const uint8_t body[30000];
    const struct ee_tunnel_head head = {.status = 200};
    size_t taken;
    app->live++;
    if (e->open->kind != EE_TUNNEL_KIND_TCP)
        require(ee_tunnel_head_send(t, e->stream, &head, false) == EE_OK);
    if (app->habits & 2)
        require(ee_tunnel_data_send(t, e->stream, ee_bytes_of(body, sizeof(body)), true, &taken) ==
                EE_OK);
}

static void on_event(void *context, struct ee_tunnel *t, const struct ee_tunnel_event *e)
{
    struct app *app = context;
    require(!app->closed);
    if (e->kind == EE_TUNNEL_EVENT_OPENED)
        answer(app, t, e);
    if (e->kind == EE_TUNNEL_EVENT_RESET || e->kind == EE_TUNNEL_EVENT_FINISHED)
        require(app->live-- > 0);
    if (e->kind == EE_TUNNEL_EVENT_CLOSED)
        app->closed++;
    if (e->kind == EE_TUNNEL_EVENT_DATA && app->habits & 4)
        require(ee_tunnel_consumed(t, e->stream, e->data.size) == EE_OK);
    if (e->kind == EE_TUNNEL_EVENT_DATA && app->habits & 8) {
        require(ee_tunnel_reset(t, e->stream, EE_TUNNEL_CANCELLED, "") == EE_OK);
        app->live--;
    }
}

/* The shells only send after both HELLOs; the input begins in the middle of a session. */
static void begin(struct ee_tunnel *t, struct app *app)
{
    uint8_t memory[200];
    struct ee_writer w;
    uint32_t id;
    const struct ee_tunnel_open open = {
        .kind = EE_TUNNEL_KIND_HTTP, .method = ee_bytes_str("GET"), .target = ee_bytes_str("/")};
    const struct ee_tunnel_hello hello = {.version_min = 1,
                                          .version_max = 1,
                                          .max_streams = 4,
                                          .stream_window = 9999,
                                          .connection_window = 30000};
    ee_writer_init(&w, memory, sizeof(memory));
    ee_tunnel_hello_encode(&w, &hello);
    require(ee_tunnel_hello_send(t) == EE_OK);
    require(ee_tunnel_receive(t, ee_writer_done(&w), 0) == EE_OK);
    require(ee_tunnel_open(t, &open, app->habits & 16, NULL, &id) == EE_OK);
    app->live++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[EE_TUNNEL_OUTPUT_MAX];
    struct app app = {.habits = size ? data[0] : 0};
    struct ee_tunnel_config config;
    struct ee_tunnel_stats stats;
    ee_tunnel_config_default(&config,
                             app.habits & 1 ? EE_TUNNEL_ROLE_AGENT : EE_TUNNEL_ROLE_CONTROL);
    config.max_streams = 5;
    config.stream_window = 1000;
    config.connection_window = 3000;
    config.control_buffer = 2000;
    struct ee_tunnel *t = ee_tunnel_new(&ee_allocator_system, &config, on_event, &app, 0);
    if (app.habits & 32)
        begin(t, &app);
    for (size_t at = 1; at + 2 <= size;) {
        size_t part = (size_t)(data[at] << 8 | data[at + 1]);
        part = part < size - at - 2 ? part : size - at - 2;
        const enum ee_err err = ee_tunnel_receive(t, ee_bytes_of(data + at + 2, part), at * 100000);
        require((err == EE_OK) == !ee_tunnel_closed(t));
        at += 2 + part;
        while (app.habits & 64 && ee_tunnel_output(t, out))
            continue;
        ee_tunnel_stats_get(t, &stats);
        require(stats.unconsumed <= 3000 && stats.streams_peers <= 5);
        require(stats.streams_ours + stats.streams_peers == app.live);
    }
    ee_tunnel_tick(t, size * 100000 + 1);
    ee_tunnel_close(t, EE_TUNNEL_NO_ERROR, "");
    require(app.closed == 1 && app.live == 0);
    ee_tunnel_free(t);
    return 0;
}
