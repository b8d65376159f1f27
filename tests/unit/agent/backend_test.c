/* SPDX-License-Identifier: Apache-2.0 */
/* Two tunnel engines joined in memory, the backend under one of them, and an app that answers what
 * the test says. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/backend.h"
#include "base/alloc.h"
#include "io/conn.h"
#include "io/listener.h"
#include "tap.h"

enum { WAIT_MS = 5000, TEXT_MAX = 512 * 1024 };

struct text {
    char bytes[TEXT_MAX];
    size_t size;
};

static struct ee_loop *loop;
static struct ee_tunnel *control, *agent;
static struct ee_backend *backend;
static struct ee_listener *listener;
static uint16_t port;
static struct text request;     /* what reached the app */
static const char *answer;      /* what it answers once the request's end was seen */
static const char *request_end; /* bytes that end a request */
static bool close_after_answer;
static bool answers_once;  /* on each connection */
static bool close_instead; /* of answering the next request */
static unsigned accepts;
static struct text body;
static uint16_t status;
static size_t trailer_count;
static bool ended, was_reset;
static unsigned flushes;
static uint32_t reset_code;

static void append(struct text *text, struct ee_bytes bytes)
{
    size_t room = TEXT_MAX - 1 - text->size;
    size_t size = bytes.size < room ? bytes.size : room;
    memcpy(text->bytes + text->size, bytes.data, size);
    text->size += size;
    text->bytes[text->size] = '\0';
}

/* ---- the app ---- */

static const struct ee_conn *answered_conn;
static struct ee_conn *app_conn; /* last accepted or used; NULL once closed */

static void on_app_data(void *context, struct ee_conn *conn, struct ee_bytes data)
{
    (void)context;
    append(&request, data);
    app_conn = conn;
    if (close_instead) {
        close_instead = false;
        ee_conn_close(conn, EE_OK);
        return;
    }
    if (answers_once && conn == answered_conn)
        return;
    if (!answer || !strstr(request.bytes, request_end))
        return;
    CHECK(ee_conn_write(conn, ee_bytes_str(answer)) == EE_OK);
    answer = NULL;
    answered_conn = conn;
    if (close_after_answer)
        ee_conn_close(conn, EE_OK);
}

static void on_app_closed(void *context, struct ee_conn *conn, enum ee_err err)
{
    (void)context;
    (void)err;
    if (conn == app_conn)
        app_conn = NULL;
}

static const struct ee_conn_events app_events = {.data = on_app_data, .closed = on_app_closed};

static void on_accept(void *context, struct ee_conn *conn)
{
    (void)context;
    app_conn = conn;
    accepts++;
    ee_conn_set_events(conn, &app_events, NULL);
}

/* ---- the control side ---- */

static void on_control_event(void *context, struct ee_tunnel *tunnel,
                             const struct ee_tunnel_event *event)
{
    (void)context;
    if (event->kind == EE_TUNNEL_EVENT_HEAD)
        status = event->head->status;
    if (event->kind == EE_TUNNEL_EVENT_DATA) {
        append(&body, event->data);
        CHECK(ee_tunnel_consumed(tunnel, event->stream, event->data.size) == EE_OK);
    }
    if (event->kind == EE_TUNNEL_EVENT_TRAILERS)
        trailer_count = event->head->pair_count;
    if (event->kind == EE_TUNNEL_EVENT_RESET) {
        was_reset = true;
        reset_code = event->reason.code;
    }
    ended = ended || event->end || event->kind == EE_TUNNEL_EVENT_TRAILERS || was_reset;
}

static void on_agent_event(void *context, struct ee_tunnel *tunnel,
                           const struct ee_tunnel_event *event)
{
    (void)context;
    ee_backend_on_event(backend, tunnel, event);
}

static bool port_of(void *context, const uint8_t instance[EE_TUNNEL_INSTANCE_SIZE],
                    uint16_t *port_out)
{
    (void)context;
    *port_out = port;
    return instance[0] == 1 || instance[0] == 3;
}

/* The test carries bytes all the time. */
static void flush(void *context)
{
    (void)context;
    flushes++;
}

static uint8_t wire[EE_TUNNEL_OUTPUT_MAX];

static bool carry(struct ee_tunnel *from, struct ee_tunnel *to)
{
    size_t size = ee_tunnel_output(from, wire);
    if (size)
        CHECK(ee_tunnel_receive(to, ee_bytes_of(wire, size), 1) == EE_OK);
    return size != 0;
}

static void settle(void)
{
    for (unsigned waited_ms = 0; !ended && waited_ms < WAIT_MS; waited_ms++) {
        bool never = false;
        while (carry(control, agent) || carry(agent, control))
            ;
        if (!ended)
            (void)!ee_loop_run_until(loop, &never, 1);
    }
    while (carry(control, agent) || carry(agent, control))
        ;
}

static uint32_t open_stream(enum ee_tunnel_kind kind, const char *method, uint8_t instance,
                            bool end)
{
    static const struct ee_tunnel_pair pairs[] = {
        {{(const uint8_t *)"Host", 4}, {(const uint8_t *)"web.apps.localhost", 18}}};
    uint32_t stream = 0;
    struct ee_tunnel_open open = {.kind = kind,
                                  .app = ee_bytes_str("web"),
                                  .instance = {instance},
                                  .source = ee_bytes_str("127.0.0.1:1"),
                                  .scheme = ee_bytes_str("https"),
                                  .request_id = ee_bytes_str("r"),
                                  .method = ee_bytes_str(method),
                                  .target = ee_bytes_str(kind == EE_TUNNEL_KIND_TCP ? "" : "/a?b"),
                                  .pairs = pairs,
                                  .pair_count = kind == EE_TUNNEL_KIND_TCP ? 0 : 1};
    request.size = body.size = trailer_count = 0;
    request.bytes[0] = body.bytes[0] = '\0';
    status = 0;
    ended = was_reset = false;
    CHECK(ee_tunnel_open(control, &open, end, NULL, &stream) == EE_OK);
    return stream;
}

static void get(const char *app_answer, bool close)
{
    answer = app_answer;
    request_end = "\r\n\r\n";
    close_after_answer = close;
    (void)open_stream(EE_TUNNEL_KIND_HTTP, "GET", 1, true);
    settle();
}

static void request_is_rebuilt_and_answer_comes_back(void)
{
    get("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", true);
    CHECK(status == 200 && strcmp(body.bytes, "hello") == 0 && !was_reset);
    CHECK(strncmp(request.bytes, "GET /a?b HTTP/1.1\r\n", 19) == 0);
    CHECK(strstr(request.bytes, "Host: web.apps.localhost\r\n") != NULL);
    CHECK(strstr(request.bytes, "Connection") == NULL);
    CHECK(flushes > 0);
}

static void answer_with_chunks_and_trailers(void)
{
    get("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: "
        "1\r\n\r\n",
        true);
    CHECK(status == 200 && strcmp(body.bytes, "abcde") == 0 && trailer_count == 1 && !was_reset);
}

static void answer_that_ends_with_the_connection(void)
{
    get("HTTP/1.1 200 OK\r\n\r\nuntil the end", true);
    CHECK(status == 200 && strcmp(body.bytes, "until the end") == 0 && !was_reset);
}

static void answer_shorter_than_it_promised_is_never_a_clean_end(void)
{
    get("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", true);
    CHECK(was_reset && reset_code == EE_TUNNEL_BACKEND_CLOSED);
}

static void answer_that_is_not_http(void)
{
    get("SSH-2.0-OpenSSH\r\n\r\n", true);
    CHECK(was_reset && reset_code == EE_TUNNEL_BACKEND_CLOSED && status == 0);
}

static void connection_closed_without_an_answer(void)
{
    get("", true);
    CHECK(was_reset && reset_code == EE_TUNNEL_BACKEND_CLOSED);
}

static void lease_that_does_not_run_here_is_refused_as_retryable(void)
{
    (void)open_stream(EE_TUNNEL_KIND_HTTP, "GET", 2, true);
    settle();
    CHECK(was_reset && reset_code == EE_TUNNEL_REFUSED);
}

static void port_nobody_listens_on(void)
{
    uint16_t right = port;
    port = 1;
    (void)open_stream(EE_TUNNEL_KIND_HTTP, "GET", 1, true);
    settle();
    port = right;
    CHECK(was_reset && reset_code == EE_TUNNEL_BACKEND_REFUSED);
}

/* Sends `size` bytes on the stream, as the window allows, then its end. */
static void upload(uint32_t stream, size_t size)
{
    static uint8_t data[16384];
    memset(data, 'x', sizeof(data));
    while (size) {
        size_t taken = 0, part = size < sizeof(data) ? size : sizeof(data);
        bool never = false;
        REQUIRE(ee_tunnel_data_send(control, stream, ee_bytes_of(data, part), size == part,
                                    &taken) == EE_OK);
        size -= taken;
        while (carry(control, agent) || carry(agent, control))
            ;
        if (taken < part)
            (void)!ee_loop_run_until(loop, &never, 1);
    }
}

static void upload_larger_than_the_window_arrives_in_chunks(void)
{
    answer = "HTTP/1.1 204 No Content\r\n\r\n";
    request_end = "\r\n0\r\n\r\n";
    close_after_answer = true;
    uint32_t stream = open_stream(EE_TUNNEL_KIND_HTTP, "POST", 1, false);
    upload(stream, 400000);
    settle();
    size_t x = 0;
    for (size_t i = 0; i < request.size; i++)
        x += request.bytes[i] == 'x';
    CHECK(status == 204 && x == 400000);
    CHECK(strstr(request.bytes, "Transfer-Encoding: chunked\r\n") != NULL);
}

static void answer_before_the_upload_was_read(void)
{
    answer = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n";
    request_end = "\r\n\r\n";
    close_after_answer = true;
    uint32_t stream = open_stream(EE_TUNNEL_KIND_HTTP, "POST", 1, false);
    settle();
    CHECK(status == 413 && !was_reset);
    upload(stream, 600000); /* more than the window: only discarding lets it end */
}

/* Both are the launcher's: the app that does not stop, the client that does not finish. */
static void bytes_behind_the_answer_are_not_kept(void)
{
    enum { PIECE = 256 * 1024, PIECES = 64 };
    static uint8_t piece[PIECE];
    answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    request_end = "\r\n\r\n";
    close_after_answer = false;
    uint32_t stream = open_stream(EE_TUNNEL_KIND_HTTP, "POST", 1, false);
    settle();
    REQUIRE(status == 200);
    struct mallinfo2 before = mallinfo2();
    for (unsigned i = 0; i < PIECES && app_conn; i++) {
        bool never = false;
        (void)!ee_conn_write(app_conn, ee_bytes_of(piece, sizeof(piece)));
        for (unsigned turn = 0; turn < 1000 && app_conn && ee_conn_queued(app_conn) > 0; turn++)
            (void)!ee_loop_run_until(loop, &never, 1);
    }
    struct mallinfo2 after = mallinfo2();
    CHECK(after.uordblks + after.hblkhd < before.uordblks + before.hblkhd + 8 * PIECE);
    CHECK(ee_tunnel_reset(control, stream, EE_TUNNEL_CANCELLED, "test") == EE_OK);
    while (carry(control, agent) || carry(agent, control))
        ;
}

static void bytes_pass_both_ways_after_101(void)
{
    answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
             "websocket\r\n\r\n\x82\x01!";
    request_end = "\r\n\r\n";
    close_after_answer = false;
    uint32_t stream = open_stream(EE_TUNNEL_KIND_WS, "GET", 1, false);
    for (unsigned i = 0; i < 1000 && body.size < 3; i++) {
        bool never = false;
        while (carry(control, agent) || carry(agent, control))
            ;
        (void)!ee_loop_run_until(loop, &never, 1);
    }
    CHECK(status == 101 && body.size == 3 && memcmp(body.bytes, "\x82\x01!", 3) == 0);
    answer = "bye";
    request_end = "ping";
    close_after_answer = true;
    size_t taken;
    CHECK(ee_tunnel_data_send(control, stream, ee_bytes_str("ping"), false, &taken) == EE_OK &&
          taken == 4);
    settle();
    CHECK(strcmp(body.bytes + 3, "bye") == 0);
    CHECK(ee_tunnel_reset(control, stream, EE_TUNNEL_CANCELLED, "done") == EE_OK);
    ended = true;
    settle();
}

static void raw_stream_ends_with_its_half_close(void)
{
    answer = "pong";
    request_end = "ping";
    close_after_answer = true;
    uint32_t stream = open_stream(EE_TUNNEL_KIND_TCP, "", 1, false);
    size_t taken;
    CHECK(ee_tunnel_data_send(control, stream, ee_bytes_str("ping"), true, &taken) == EE_OK);
    settle();
    CHECK(strcmp(body.bytes, "pong") == 0 && !was_reset);
}

/* ---- connections that wait ---- */

static const char kept_open[] =
    "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nkept";

static void turn_loop(unsigned turns)
{
    bool never = false;
    for (unsigned i = 0; i < turns; i++)
        (void)!ee_loop_run_until(loop, &never, 1);
}

static void connection_is_used_for_the_next_request(void)
{
    get(kept_open, false);
    const unsigned before = accepts;
    for (unsigned i = 0; i < 5; i++) {
        get(kept_open, false);
        CHECK(status == 200 && strcmp(body.bytes, "kept") == 0 && accepts == before);
    }
    get("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nTransfer-Encoding: "
        "chunked\r\n\r\n1\r\na\r\n0\r\n"
        "X-Sum: 1\r\n\r\n",
        false);
    CHECK(trailer_count == 1 && accepts == before);
    get(kept_open, false);
    CHECK(strcmp(body.bytes, "kept") == 0 && accepts == before);
}

static void app_that_does_not_say_that_it_goes_on(void)
{
    const unsigned before = accepts;
    turn_loop(5);
    for (unsigned i = 1; i <= 3; i++) {
        get("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nonce", false);
        CHECK(status == 200 && strcmp(body.bytes, "once") == 0 && accepts == before + i);
        turn_loop(5);
        CHECK(app_conn == NULL); /* ended in order from here */
    }
}

static void request_that_may_not_be_made_twice_gets_its_own(void)
{
    get(kept_open, false);
    const unsigned before = accepts;
    answer = kept_open;
    (void)open_stream(EE_TUNNEL_KIND_HTTP, "POST", 1, true);
    settle();
    CHECK(status == 200 && accepts == before + 1);
}

static void connection_the_app_closed_meanwhile(void)
{
    get(kept_open, false);
    const unsigned before = accepts;
    close_instead = true;
    get(kept_open, false);
    CHECK(status == 200 && strcmp(body.bytes, "kept") == 0 && !was_reset && accepts == before + 1);
    CHECK(strstr(strstr(request.bytes, "GET ") + 1, "GET ") != NULL); /* it went out twice */
}

static void new_connection_is_not_tried_twice(void)
{
    get("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", true);
    turn_loop(5);
    answer = kept_open;
    close_after_answer = true;
    (void)open_stream(EE_TUNNEL_KIND_HTTP, "POST", 1, true);
    settle();
    turn_loop(5);
    const unsigned before = accepts;
    close_instead = true;
    (void)open_stream(EE_TUNNEL_KIND_HTTP, "POST", 1, true);
    settle();
    CHECK(was_reset && reset_code == EE_TUNNEL_BACKEND_CLOSED && accepts == before + 1);
}

static void answer_nobody_asked_for(void)
{
    get(kept_open, false);
    const unsigned before = accepts;
    REQUIRE(app_conn != NULL);
    CHECK(ee_conn_write(app_conn, ee_bytes_str("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"
                                               "poison")) == EE_OK);
    turn_loop(10);
    get(kept_open, false);
    CHECK(strcmp(body.bytes, "kept") == 0 && accepts == before + 1);
}

static void bytes_right_behind_an_answer(void)
{
    get("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: "
        "6\r\n\r\npoison",
        false);
    CHECK(strcmp(body.bytes, "ok") == 0);
    const unsigned before = accepts;
    get(kept_open, false);
    CHECK(strcmp(body.bytes, "kept") == 0 && accepts == before + 1);
}

/* Another lease, whose word nobody knows yet. */
static void app_that_keeps_connections_and_reads_no_more(void)
{
    answers_once = true;
    request_end = "\r\n\r\n";
    close_after_answer = false;
    answer = kept_open;
    (void)open_stream(EE_TUNNEL_KIND_HTTP, "GET", 3, true);
    settle();
    const unsigned before = accepts;
    for (unsigned i = 1; i <= 3; i++) {
        answer = kept_open;
        (void)open_stream(EE_TUNNEL_KIND_HTTP, "GET", 3, true);
        settle();
        CHECK(status == 200 && strcmp(body.bytes, "kept") == 0 && accepts == before + i);
    }
    answers_once = false;
}

static void no_stream_is_left_behind(void)
{
    struct ee_tunnel_stats stats;
    ended = false;
    for (unsigned i = 0; i < 20; i++) {
        bool never = false;
        while (carry(control, agent) || carry(agent, control))
            ;
        (void)!ee_loop_run_until(loop, &never, 1);
    }
    ee_tunnel_stats_get(agent, &stats);
    if (stats.streams_peers)
        printf("# %u streams, %llu unconsumed\n", stats.streams_peers,
               (unsigned long long)stats.unconsumed);
    CHECK(stats.streams_peers == 0 && stats.unconsumed == 0 && stats.buffered == 0);
}

static bool set_up(void)
{
    struct ee_tunnel_config config;
    if (ee_loop_new(&loop) != EE_OK)
        return false;
    const struct ee_listener_options options = {
        .address = "127.0.0.1:0", .max_connections = 16, .accepted = on_accept};
    if (ee_listener_new(loop, &options, &listener) != EE_OK)
        return false;
    port = ee_listener_port(listener);
    const struct ee_backend_host host = {.port_of = port_of, .flush = flush};
    backend = ee_backend_new(loop, &host);
    ee_tunnel_config_default(&config, EE_TUNNEL_ROLE_CONTROL);
    control = ee_tunnel_new(&ee_allocator_system, &config, on_control_event, NULL, 1);
    ee_tunnel_config_default(&config, EE_TUNNEL_ROLE_AGENT);
    agent = ee_tunnel_new(&ee_allocator_system, &config, on_agent_event, NULL, 1);
    if (!backend || !control || !agent || ee_tunnel_hello_send(control) != EE_OK ||
        ee_tunnel_hello_send(agent) != EE_OK)
        return false;
    while (carry(control, agent) || carry(agent, control))
        ;
    return ee_tunnel_ready(control);
}

int main(void)
{
    const struct tap_test tests[] = {
        TEST(request_is_rebuilt_and_answer_comes_back),
        TEST(answer_with_chunks_and_trailers),
        TEST(answer_that_ends_with_the_connection),
        TEST(answer_shorter_than_it_promised_is_never_a_clean_end),
        TEST(answer_that_is_not_http),
        TEST(connection_closed_without_an_answer),
        TEST(lease_that_does_not_run_here_is_refused_as_retryable),
        TEST(port_nobody_listens_on),
        TEST(upload_larger_than_the_window_arrives_in_chunks),
        TEST(answer_before_the_upload_was_read),
        TEST(bytes_behind_the_answer_are_not_kept),
        TEST(bytes_pass_both_ways_after_101),
        TEST(raw_stream_ends_with_its_half_close),
        TEST(app_that_does_not_say_that_it_goes_on),
        TEST(connection_is_used_for_the_next_request),
        TEST(request_that_may_not_be_made_twice_gets_its_own),
        TEST(connection_the_app_closed_meanwhile),
        TEST(new_connection_is_not_tried_twice),
        TEST(answer_nobody_asked_for),
        TEST(bytes_right_behind_an_answer),
        TEST(app_that_keeps_connections_and_reads_no_more),
        TEST(no_stream_is_left_behind),
    };
    if (!set_up())
        return 1;
    int failed = tap_run(tests, sizeof(tests) / sizeof(tests[0]));
    ee_backend_free(backend);
    ee_tunnel_free(control);
    ee_tunnel_free(agent);
    ee_listener_free(listener);
    ee_loop_free(loop);
    return failed;
}
