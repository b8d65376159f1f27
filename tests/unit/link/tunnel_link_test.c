/* SPDX-License-Identifier: Apache-2.0 */
/* Two ends of a tunnel over real TLS, and ends that do not keep to the rules. */
#include <stdlib.h>

#include "fixture.h"
#include "http/websocket.h"
#include "link/tunnel_link.h"
#include "tap.h"

static struct fixture f;
static struct ee_http_server *server;

/* One end: notes what comes, sends `to_send` bytes on a stream, takes what the other sends. */
struct end {
    struct ee_tunnel_link *link;
    struct ee_tunnel_config config;
    unsigned opened, hellos, controls, streams, resets, finished, overs, closed;
    size_t to_send, received;
    uint32_t stream;
    bool quiet; /* sends no HELLO */
    bool hold;  /* do not report what came as consumed */
    bool *done;
    unsigned done_at_controls, done_at_finished;
    enum ee_err err, over_err;
    uint16_t status, close_code;
    char reason[200];
    char control[64];
};

static struct end agent, control;
static bool done;

static void send_more(struct end *end)
{
    static uint8_t part[32768];
    struct ee_tunnel *tunnel = ee_tunnel_link_tunnel(end->link);
    while (end->to_send > 0) {
        size_t size = end->to_send < sizeof(part) ? end->to_send : sizeof(part);
        size_t taken = 0;
        if (ee_tunnel_data_send(tunnel, end->stream, ee_bytes_of(part, size), size == end->to_send,
                                &taken) != EE_OK)
            abort();
        end->to_send -= taken;
        if (taken < size)
            return;
    }
}

static void on_data(struct end *end, struct ee_tunnel *tunnel, const struct ee_tunnel_event *event)
{
    end->received += event->data.size;
    if (!end->hold)
        CHECK(ee_tunnel_consumed(tunnel, event->stream, event->data.size) != EE_RANGE);
    if (event->end && end == &agent) {
        size_t taken;
        CHECK(ee_tunnel_data_send(tunnel, event->stream, ee_bytes_str("thanks"), true, &taken) ==
              EE_OK);
    }
}

static void on_event(void *context, struct ee_tunnel_link *link,
                     const struct ee_tunnel_event *event)
{
    struct end *end = context;
    struct ee_tunnel *tunnel = ee_tunnel_link_tunnel(link);
    const struct ee_tunnel_head head = {.status = 200};
    switch (event->kind) {
    case EE_TUNNEL_EVENT_HELLO:
        end->hellos++;
        break;
    case EE_TUNNEL_EVENT_CONTROL:
        end->controls++;
        (void)snprintf(end->control, sizeof(end->control), "%.*s", (int)event->data.size,
                       (const char *)event->data.data);
        break;
    case EE_TUNNEL_EVENT_OPENED:
        end->streams++;
        CHECK(ee_tunnel_head_send(tunnel, event->stream, &head, false) == EE_OK);
        break;
    case EE_TUNNEL_EVENT_DATA:
        on_data(end, tunnel, event);
        break;
    case EE_TUNNEL_EVENT_WRITABLE:
        send_more(end);
        break;
    case EE_TUNNEL_EVENT_RESET:
        end->resets++;
        break;
    case EE_TUNNEL_EVENT_FINISHED:
        end->finished++;
        break;
    case EE_TUNNEL_EVENT_CLOSED:
        end->overs++;
        end->over_err = event->err;
        break;
    case EE_TUNNEL_EVENT_HEAD:
    case EE_TUNNEL_EVENT_TRAILERS:
    case EE_TUNNEL_EVENT_GOAWAY:
    case EE_TUNNEL_EVENT_RTT:
        break;
    }
    if ((end->done_at_controls && end->controls >= end->done_at_controls) ||
        (end->done_at_finished && end->finished >= end->done_at_finished))
        done = true;
}

static void on_open(void *context, struct ee_tunnel_link *link)
{
    struct end *end = context;
    end->opened++;
    if (end->quiet)
        return;
    CHECK(ee_tunnel_hello_send(ee_tunnel_link_tunnel(link)) == EE_OK);
    ee_tunnel_link_flush(link);
}

static void on_closed(void *context, struct ee_tunnel_link *link, enum ee_err err)
{
    struct end *end = context;
    end->closed++;
    end->err = err;
    end->status = ee_tunnel_link_status(link);
    end->close_code = ee_tunnel_link_close_code(link);
    (void)snprintf(end->reason, sizeof(end->reason), "%s", ee_tunnel_link_reason(link));
    end->link = NULL;
    done = true;
}

static const struct ee_tunnel_link_events events = {
    .open = on_open, .event = on_event, .closed = on_closed};

/* ---- the server: accepts tunnels ---- */

static enum ee_err accepted_err;

static void on_complete(void *context, struct ee_http_exchange *x, struct ee_bytes body)
{
    struct ee_bytes path = ee_http_head_target(ee_http_exchange_request(x));
    (void)context;
    (void)body;
    if (!ee_bytes_equal(path, ee_bytes_str(EE_TUNNEL_LINK_PATH)) || control.link) {
        CHECK(ee_http_exchange_answer_text(x, 403, "text/plain", ee_bytes_str("no")) == EE_OK);
        return;
    }
    accepted_err = ee_tunnel_link_accept(x, &control.config, &events, &control, &control.link);
    if (accepted_err == EE_OK)
        on_open(&control, control.link);
}

static void on_gone(void *context, struct ee_http_exchange *x, enum ee_err err)
{
    (void)context;
    (void)x;
    (void)err;
}

static const struct ee_http_exchange_events exchange_events = {.complete = on_complete,
                                                               .gone = on_gone};

static void on_request(void *context, struct ee_http_exchange *x)
{
    (void)context;
    ee_http_exchange_collect(x, 0, &exchange_events, NULL);
}

static void open_server(void)
{
    fixture_open(&f);
    agent = (struct end){0};
    control = (struct end){0};
    done = false;
    ee_tunnel_config_default(&agent.config, EE_TUNNEL_ROLE_AGENT);
    ee_tunnel_config_default(&control.config, EE_TUNNEL_ROLE_CONTROL);
    (void)snprintf(agent.config.agent, sizeof(agent.config.agent), "node-a1");
    struct ee_http_server_options options = {
        .address = "127.0.0.1:0", .tls = f.server_tls, .request = on_request};
    if (ee_http_server_new(f.loop, &options, &server) != EE_OK)
        abort();
}

static bool wait_done(void)
{
    enum ee_err err = ee_loop_run_until(f.loop, &done, 4000);
    done = false;
    return err == EE_OK;
}

static void settle(unsigned ms)
{
    bool never = false;
    (void)(ee_loop_run_until(f.loop, &never, ms) == EE_OK);
}

static void dial(void)
{
    struct ee_conn_connect_options options = {.address = ee_http_server_address(server),
                                              .tls = f.client_tls};
    CHECK(ee_tunnel_link_dial(f.loop, &options, &agent.config, &events, &agent, &agent.link) ==
          EE_OK);
}

/* Both ends have the other's HELLO. */
static bool connect_both(void)
{
    dial();
    for (int turns = 0; turns < 500 && !(agent.hellos && control.hellos); turns++)
        settle(2);
    return agent.hellos == 1 && control.hellos == 1 && agent.opened == 1;
}

static void close_both(void)
{
    if (agent.link)
        ee_tunnel_link_abort(agent.link, EE_CLOSED);
    for (int turns = 0; turns < 1500 && (agent.link || control.link); turns++)
        settle(2);
    CHECK(!agent.link && !control.link && agent.closed <= 1 && control.closed <= 1);
    ee_http_server_free(server);
    fixture_close(&f);
}

static uint32_t open_stream(void)
{
    struct ee_tunnel_open open = {.kind = EE_TUNNEL_KIND_HTTP,
                                  .app = ee_bytes_str("web"),
                                  .source = ee_bytes_str("192.0.2.1:4711"),
                                  .scheme = ee_bytes_str("https"),
                                  .method = ee_bytes_str("POST"),
                                  .target = ee_bytes_str("/")};
    uint32_t stream = 0;
    CHECK(ee_tunnel_open(ee_tunnel_link_tunnel(control.link), &open, false, NULL, &stream) ==
          EE_OK);
    ee_tunnel_link_flush(control.link);
    return stream;
}

static void messages_and_keys_of_both_ends(void)
{
    uint8_t a[32], b[32];
    open_server();
    REQUIRE(connect_both());
    CHECK(ee_conn_exporter(ee_tunnel_link_conn(agent.link), "label", a) == EE_OK);
    CHECK(ee_conn_exporter(ee_tunnel_link_conn(control.link), "label", b) == EE_OK);
    CHECK(memcmp(a, b, 32) == 0);
    CHECK(ee_x509_certificate_key_hash(ee_pem_bytes(&f.client), a) == EE_OK);
    CHECK(ee_conn_peer_key_hash(ee_tunnel_link_conn(control.link), b) == EE_OK);
    CHECK(memcmp(a, b, 32) == 0);
    control.done_at_controls = 1;
    CHECK(ee_tunnel_link_control(agent.link, ee_bytes_str("from the agent")) == EE_OK);
    CHECK(wait_done() && strcmp(control.control, "from the agent") == 0);
    agent.done_at_controls = 1;
    CHECK(ee_tunnel_link_control(control.link, ee_bytes_str("from control")) == EE_OK);
    CHECK(wait_done() && strcmp(agent.control, "from control") == 0);
    close_both();
}

static void largest_control_message(void)
{
    static uint8_t large[EE_TUNNEL_CONTROL_MAX];
    open_server();
    REQUIRE(connect_both());
    control.done_at_controls = 2;
    CHECK(ee_tunnel_link_control(agent.link, ee_bytes_of(large, sizeof(large))) == EE_OK);
    CHECK(ee_tunnel_link_control(agent.link, ee_bytes_str("behind it")) == EE_OK);
    CHECK(wait_done() && strcmp(control.control, "behind it") == 0);
    close_both();
}

static void stream_of_megabytes(void)
{
    enum { SIZE = 8 * 1000 * 1000 };
    open_server();
    REQUIRE(connect_both());
    control.stream = open_stream();
    control.to_send = SIZE;
    control.done_at_finished = 1;
    send_more(&control);
    ee_tunnel_link_flush(control.link);
    CHECK(wait_done());
    CHECK(agent.received == SIZE && control.received == 6 && agent.streams == 1);
    close_both();
}

/* The other end takes nothing: what is queued here is bounded by window and buffers. */
static void stalled_stream_is_bounded_and_others_go_on(void)
{
    struct ee_tunnel_stats stats;
    open_server();
    REQUIRE(connect_both());
    agent.hold = true;
    control.stream = open_stream();
    control.to_send = 100 * 1000 * 1000;
    send_more(&control);
    ee_tunnel_link_flush(control.link);
    settle(50);
    ee_tunnel_stats_get(ee_tunnel_link_tunnel(control.link), &stats);
    CHECK(agent.received == agent.config.stream_window);
    CHECK(stats.buffered <= control.config.stream_buffer);
    CHECK(ee_conn_queued(ee_tunnel_link_conn(control.link)) < 256 * 1024);
    agent.done_at_controls = 1;
    CHECK(ee_tunnel_link_control(control.link, ee_bytes_str("still here")) == EE_OK);
    CHECK(wait_done() && strcmp(agent.control, "still here") == 0);
    close_both();
    CHECK(control.resets == 1 && agent.resets == 1);
}

static void peer_that_does_not_read_at_all(void)
{
    open_server();
    REQUIRE(connect_both());
    ee_conn_pause(ee_tunnel_link_conn(agent.link));
    for (uint32_t i = 0; i < 40; i++) {
        control.stream = open_stream();
        control.to_send = 200 * 1000;
        send_more(&control);
    }
    settle(50);
    CHECK(ee_conn_queued(ee_tunnel_link_conn(control.link)) < 512 * 1024);
    ee_conn_resume(ee_tunnel_link_conn(agent.link));
    for (int turns = 0; turns < 500 && agent.received < 40 * 200 * 1000; turns++)
        settle(2);
    CHECK(agent.received == 40 * 200 * 1000 && agent.streams == 40);
    close_both();
}

static void close_in_order_by_the_agent(void)
{
    open_server();
    REQUIRE(connect_both());
    (void)open_stream();
    settle(10);
    ee_tunnel_link_close(agent.link, EE_TUNNEL_NO_ERROR, "going to sleep");
    while (agent.link || control.link)
        REQUIRE(wait_done());
    CHECK(agent.err == EE_OK && agent.overs == 1 && agent.resets == 1);
    CHECK(control.overs == 1 && control.resets == 1);
    CHECK(control.err == EE_OK || control.err == EE_CLOSED);
    CHECK(strstr(control.reason, "going to sleep") != NULL);
    close_both();
}

static void close_by_control_gives_a_code(void)
{
    open_server();
    REQUIRE(connect_both());
    ee_tunnel_link_close(control.link, EE_TUNNEL_GOING_AWAY, "restart");
    while (agent.link || control.link)
        REQUIRE(wait_done());
    CHECK(control.err == EE_OK && agent.overs == 1 && agent.err == EE_CLOSED);
    CHECK(strstr(agent.reason, "restart") != NULL);
    close_both();
}

static void connection_lost_ends_streams_and_session(void)
{
    open_server();
    REQUIRE(connect_both());
    (void)open_stream();
    settle(10);
    ee_tunnel_link_abort(agent.link, EE_LIMIT);
    while (agent.link || control.link)
        REQUIRE(wait_done());
    CHECK(agent.err == EE_LIMIT && agent.resets == 1 && agent.overs == 1);
    CHECK(control.err == EE_CLOSED && control.resets == 1 && control.overs == 1);
    close_both();
}

static void abort_inside_an_event(void *context, struct ee_tunnel_link *link,
                                  const struct ee_tunnel_event *event)
{
    on_event(context, link, event);
    if (event->kind == EE_TUNNEL_EVENT_CONTROL)
        ee_tunnel_link_abort(link, EE_FORBIDDEN);
    if (event->kind == EE_TUNNEL_EVENT_HELLO)
        ee_tunnel_link_close(link, EE_TUNNEL_REFUSED, "not you");
}

static void closed_or_aborted_inside_an_event(void)
{
    static const struct ee_tunnel_link_events cutting = {
        .open = on_open, .event = abort_inside_an_event, .closed = on_closed};
    for (int with_hello = 0; with_hello < 2; with_hello++) {
        open_server();
        struct ee_conn_connect_options options = {.address = ee_http_server_address(server),
                                                  .tls = f.client_tls};
        control.quiet = !with_hello;
        CHECK(ee_tunnel_link_dial(f.loop, &options, &agent.config, &cutting, &agent, &agent.link) ==
              EE_OK);
        for (int turns = 0; turns < 500 && !control.opened; turns++)
            settle(1);
        REQUIRE(control.opened && (with_hello || control.link != NULL));
        if (!with_hello)
            CHECK(ee_tunnel_link_control(control.link, ee_bytes_str("x")) == EE_OK);
        while (agent.link || control.link)
            REQUIRE(wait_done());
        CHECK(agent.overs == 1 && control.overs == 1);
        CHECK(agent.err == EE_OK || agent.err == EE_FORBIDDEN);
        close_both();
    }
}

static void upgrade_refused(void)
{
    open_server();
    REQUIRE(connect_both());
    struct end second = {.config = agent.config};
    struct ee_conn_connect_options options = {.address = ee_http_server_address(server),
                                              .tls = f.client_tls};
    CHECK(ee_tunnel_link_dial(f.loop, &options, &second.config, &events, &second, &second.link) ==
          EE_OK);
    CHECK(ee_tunnel_link_tunnel(second.link) == NULL);
    CHECK(ee_tunnel_link_control(second.link, ee_bytes_str("early")) == EE_STATE);
    CHECK(wait_done() && second.closed == 1 && second.err == EE_REFUSED && second.status == 403);
    CHECK(second.opened == 0 && second.overs == 0);
    close_both();
}

static void close_while_dialling(void)
{
    open_server();
    dial();
    ee_tunnel_link_close(agent.link, EE_TUNNEL_NO_ERROR, "changed my mind");
    CHECK(wait_done() && agent.closed == 1 && agent.err == EE_OK && agent.opened == 0);
    close_both();
}

static void peer_that_falls_silent(void)
{
    open_server();
    control.config.ping_after_us = 20000;
    control.config.dead_after_us = 60000;
    REQUIRE(connect_both());
    settle(100); /* the agent answers pings */
    CHECK(control.link && agent.link);
    ee_conn_pause(ee_tunnel_link_conn(agent.link));
    CHECK(wait_done() && control.closed == 1);
    CHECK(control.err == EE_TIMEOUT);
    close_both();
}

/* ---- clients that break the rules, byte for byte ---- */

static struct peer raw;

static void raw_connect(void)
{
    raw = (struct peer){.stop_at_open = true, .finish = true};
    struct ee_conn_connect_options options = {.address = ee_http_server_address(server),
                                              .tls = f.client_tls};
    CHECK(ee_conn_connect(f.loop, &options, &peer_events, &raw, &raw.conn) == EE_OK);
    CHECK(fixture_wait(&f, &raw));
    raw.stop_at_open = false;
}

static bool raw_heard(const char *start)
{
    struct ee_bytes bytes = ee_buffer_bytes(&raw.received);
    return bytes.size >= strlen(start) && memcmp(bytes.data, start, strlen(start)) == 0;
}

static void raw_close(void)
{
    if (raw.conn)
        ee_conn_abort(raw.conn, EE_OK);
    while (raw.conn)
        REQUIRE(fixture_wait(&f, &raw));
    peer_close(&raw);
}

#define HANDSHAKE                                                                                  \
    "GET /v1/tunnel HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"          \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static void handshakes_that_are_refused(void)
{
    static const struct {
        const char *request, *status;
        enum ee_err err;
    } cases[] = {
        {HANDSHAKE "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ee-tunnel-1\r\n"
                   "Origin: https://example.org\r\n\r\n",
         "HTTP/1.1 403 ", EE_FORBIDDEN},
        {HANDSHAKE "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Protocol: ee-tunnel-1\r\n\r\n",
         "HTTP/1.1 426 ", EE_UNSUPPORTED},
        {HANDSHAKE "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: other\r\n\r\n",
         "HTTP/1.1 400 ", EE_HTTP},
        {HANDSHAKE "Sec-WebSocket-Version: 13\r\n\r\n", "HTTP/1.1 400 ", EE_HTTP},
        {"GET /v1/tunnel HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 ", EE_HTTP},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        open_server();
        raw_connect();
        CHECK(ee_conn_write(raw.conn, ee_bytes_str(cases[i].request)) == EE_OK);
        raw.stop_at = 13;
        CHECK(fixture_wait(&f, &raw) && raw_heard(cases[i].status));
        CHECK(accepted_err == cases[i].err && !control.link);
        raw_close();
        close_both();
    }
}

/* After a good handshake: sends `frame` and expects the server's close code. */
static void frame_refused(const void *frame, size_t size, uint16_t code, enum ee_err err)
{
    static const char good[] =
        HANDSHAKE "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ee-tunnel-1\r\n\r\n";
    open_server();
    raw_connect();
    CHECK(ee_conn_write(raw.conn, ee_bytes_str(good)) == EE_OK);
    CHECK(ee_conn_write(raw.conn, ee_bytes_of(frame, size)) == EE_OK);
    while (!raw.closed)
        REQUIRE(fixture_wait(&f, &raw));
    CHECK(raw_heard("HTTP/1.1 101 ") && control.closed == 1 && control.err == err);
    struct ee_bytes bytes = ee_buffer_bytes(&raw.received);
    bool found = false;
    for (size_t i = 0; i + 3 < bytes.size; i++)
        found = found || (bytes.data[i] == 0x88 && bytes.data[i + 2] == (code >> 8) &&
                          bytes.data[i + 3] == (code & 0xff));
    CHECK(found);
    peer_close(&raw);
    close_both();
}

static void frames_that_break_the_rules(void)
{
    frame_refused("\x82\x01x", 3, EE_WS_CLOSE_PROTOCOL, EE_PROTOCOL);         /* not masked */
    frame_refused("\xc2\x81\0\0\0\0x", 7, EE_WS_CLOSE_PROTOCOL, EE_PROTOCOL); /* reserved bit */
    frame_refused("\x81\x81\0\0\0\0x", 7, EE_WS_CLOSE_UNSUPPORTED, EE_UNSUPPORTED); /* text */
    frame_refused("\x82\xff\0\0\0\0\x7f\xff\xff\xff\0\0\0\0", 14, EE_WS_CLOSE_TOO_BIG,
                  EE_TOO_LARGE);
    frame_refused("\x88\x82\0\0\0\0\x03\xe8", 8, EE_WS_CLOSE_NORMAL, EE_CLOSED); /* goodbye */
}

static void tunnel_frame_that_breaks_the_rules(void)
{
    /* DATA before HELLO, on a stream that was never opened. */
    frame_refused("\x82\x8d\0\0\0\0\x04\0\0\0\0\0\0\x01\0\0\0\x01x", 19, EE_WS_CLOSE_PROTOCOL,
                  EE_PROTOCOL);
}

static void pings_are_answered_once_with_the_last(void)
{
    open_server();
    raw_connect();
    CHECK(ee_conn_write(raw.conn,
                        ee_bytes_str(HANDSHAKE "Sec-WebSocket-Version: 13\r\n"
                                               "Sec-WebSocket-Protocol: ee-tunnel-1\r\n\r\n")) ==
          EE_OK);
    CHECK(ee_conn_write(raw.conn, ee_bytes_of("\x89\x81\0\0\0\0a\x89\x81\0\0\0\0b", 14)) == EE_OK);
    settle(30);
    struct ee_bytes bytes = ee_buffer_bytes(&raw.received);
    unsigned pongs = 0;
    for (size_t i = 0; i + 2 < bytes.size; i++)
        pongs += bytes.data[i] == 0x8a && bytes.data[i + 1] == 1 && bytes.data[i + 2] == 'b';
    CHECK(pongs == 1);
    raw_close();
    close_both();
    CHECK(control.err == EE_CLOSED);
}

TESTS(TEST(messages_and_keys_of_both_ends), TEST(largest_control_message),
      TEST(stream_of_megabytes), TEST(stalled_stream_is_bounded_and_others_go_on),
      TEST(peer_that_does_not_read_at_all), TEST(close_in_order_by_the_agent),
      TEST(close_by_control_gives_a_code), TEST(connection_lost_ends_streams_and_session),
      TEST(closed_or_aborted_inside_an_event), TEST(upgrade_refused), TEST(close_while_dialling),
      TEST(peer_that_falls_silent), TEST(handshakes_that_are_refused),
      TEST(frames_that_break_the_rules), TEST(tunnel_frame_that_breaks_the_rules),
      TEST(pings_are_answered_once_with_the_last))
