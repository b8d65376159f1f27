/* SPDX-License-Identifier: Apache-2.0 */
/* The server against a peer that sends what it likes, byte for byte. */
#include <stdlib.h>

#include "fixture.h"
#include "link/http_server.h"
#include "tap.h"

static struct fixture f;
static struct peer client;
static struct ee_http_server *server;

/* What the handler did and saw of the last exchanges. */
static struct {
    unsigned requests, completed, gone;
    enum ee_err err;
    char body[256];
    size_t streamed;
    struct ee_http_exchange *waiting; /* answered later */
    bool takes_nothing;               /* the owner pauses a streamed body for good */
} seen;

static void answer(struct ee_http_exchange *x, struct ee_bytes body)
{
    CHECK(ee_http_exchange_answer_text(x, 200, "text/plain", body) == EE_OK);
}

static void on_body(void *context, struct ee_http_exchange *x, struct ee_bytes bytes)
{
    (void)context;
    seen.streamed += bytes.size;
    ee_http_exchange_pause(x);
    if (!seen.takes_nothing)
        ee_http_exchange_resume(x);
}

static void on_complete(void *context, struct ee_http_exchange *x, struct ee_bytes body)
{
    struct ee_bytes target = ee_http_head_target(ee_http_exchange_request(x));
    (void)context;
    seen.completed++;
    (void)snprintf(seen.body, sizeof(seen.body), "%.*s", (int)body.size, (const char *)body.data);
    if (ee_bytes_equal(target, ee_bytes_str("/wait")))
        seen.waiting = x;
    else if (ee_bytes_equal(target, ee_bytes_str("/echo")))
        answer(x, body);
    else
        answer(x, target);
}

static void on_gone(void *context, struct ee_http_exchange *x, enum ee_err err)
{
    (void)context;
    seen.gone++;
    seen.err = err;
    if (seen.waiting == x)
        seen.waiting = NULL;
}

static const struct ee_http_exchange_events events = {
    .body = on_body, .complete = on_complete, .gone = on_gone};

static void on_request(void *context, struct ee_http_exchange *x)
{
    struct ee_bytes target = ee_http_head_target(ee_http_exchange_request(x));
    (void)context;
    seen.requests++;
    if (ee_bytes_equal(target, ee_bytes_str("/nobody")))
        return;
    if (ee_bytes_equal(target, ee_bytes_str("/early")))
        answer(x, ee_bytes_str("early"));
    else if (ee_bytes_equal(target, ee_bytes_str("/stream")))
        ee_http_exchange_stream(x, &events, NULL);
    else
        ee_http_exchange_collect(x, 20, &events, NULL);
}

/* `options` may set the times. */
static void open_server(struct ee_http_server_options options)
{
    memset(&seen, 0, sizeof(seen));
    client = (struct peer){.stop_at_open = true, .finish = true};
    fixture_open(&f);
    options.address = "127.0.0.1:0";
    options.request = on_request;
    if (ee_http_server_new(f.loop, &options, &server) != EE_OK)
        abort();
    struct ee_conn_connect_options dial = {.address = ee_http_server_address(server)};
    if (ee_conn_connect(f.loop, &dial, &peer_events, &client, &client.conn) != EE_OK)
        abort();
    CHECK(fixture_wait(&f, &client));
    client.stop_at_open = false;
}

static void close_server(void)
{
    if (client.conn)
        ee_conn_abort(client.conn, EE_OK);
    if (!client.closed)
        CHECK(fixture_wait(&f, &client));
    peer_close(&client);
    ee_http_server_free(server);
    fixture_close(&f);
}

static void say(const char *text)
{
    CHECK(ee_conn_write(client.conn, ee_bytes_str(text)) == EE_OK);
}

static const char *heard(void)
{
    static char text[20000];
    struct ee_bytes bytes = ee_buffer_bytes(&client.received);
    (void)snprintf(text, sizeof(text), "%.*s", (int)bytes.size, (const char *)bytes.data);
    return text;
}

static void settle(unsigned ms)
{
    bool never = false;
    (void)(ee_loop_run_until(f.loop, &never, ms) == EE_OK);
}

static size_t count(const char *text, const char *part)
{
    size_t found = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        found++;
    return found;
}

static void pipelined_requests_are_answered_in_order(void)
{
    open_server((struct ee_http_server_options){0});
    say("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        "HEAD /three HTTP/1.1\r\nHost: a\r\n\r\nGET /four HTTP/1.1\r\nHost: a\r\n");
    settle(20);
    REQUIRE(seen.requests == 1 && seen.waiting && client.received.size == 0);
    answer(seen.waiting, ee_bytes_str("first"));
    settle(20);
    const char *text = heard();
    CHECK(count(text, "HTTP/1.1 200 OK\r\n") == 4 && seen.gone == 4 && seen.err == EE_OK);
    const char *one = strstr(text, "\r\n\r\nfirst"), *two = strstr(text, "\r\n\r\nhello");
    const char *three = strstr(text, "\r\n\r\nabc");
    CHECK(one && two && three && one < two && two < three);
    CHECK(strstr(text, "Content-Length: 6\r\n")); /* of HEAD, without the body */
    CHECK(!strstr(text, "/three") && count(text, "Date: ") == 4);
    say("\r\n");
    settle(20);
    CHECK(strstr(heard(), "\r\n\r\n/four"));
    close_server();
}

static void malformed_requests_never_reach_the_owner(void)
{
    static const struct {
        const char *request, *status;
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "HTTP/1.1 400 "},
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "HTTP/1.1 400 "},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "HTTP/1.1 505 "},
        {"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405 "},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         "HTTP/1.1 400 "},
        {"\x16\x03\x01\x02\x00\x01", "HTTP/1.1 400 "},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        open_server((struct ee_http_server_options){0});
        CHECK(ee_conn_write(client.conn, ee_bytes_str(cases[i].request)) == EE_OK);
        say("\r\n\r\n");
        CHECK(fixture_wait(&f, &client) && client.closed);
        if (strncmp(heard(), cases[i].status, strlen(cases[i].status)) != 0)
            printf("# case %zu: %s\n", i, heard());
        CHECK(strncmp(heard(), cases[i].status, strlen(cases[i].status)) == 0);
        CHECK(strstr(heard(), "Connection: close") && seen.requests == 0);
        close_server();
    }
}

static void body_above_the_limit(void)
{
    static const char *const requests[] = {
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 21\r\nExpect: 100-continue\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "14\r\n01234567890123456789\r\n1\r\nx\r\n0\r\n\r\n"};
    for (size_t i = 0; i < 2; i++) {
        open_server((struct ee_http_server_options){0});
        say(requests[i]);
        CHECK(fixture_wait(&f, &client) && client.closed);
        CHECK(strncmp(heard(), "HTTP/1.1 413 ", 13) == 0);
        CHECK(seen.gone == 1 && seen.err == EE_TOO_LARGE && seen.completed == 0);
        close_server();
    }
}

static void body_malformed_or_cut_in_the_middle(void)
{
    open_server((struct ee_http_server_options){0});
    say("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcdeXX");
    CHECK(fixture_wait(&f, &client) && client.closed);
    CHECK(strncmp(heard(), "HTTP/1.1 400 ", 13) == 0);
    CHECK(seen.gone == 1 && seen.err == EE_HTTP && seen.completed == 0);
    close_server();
    open_server((struct ee_http_server_options){0});
    say("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
    settle(10);
    ee_conn_finish(client.conn);
    CHECK(fixture_wait(&f, &client) && client.closed);
    CHECK(client.received.size == 0 && seen.err == EE_CLOSED && seen.completed == 0);
    close_server();
}

static void continue_is_sent_before_the_body(void)
{
    open_server((struct ee_http_server_options){0});
    say("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    settle(20);
    CHECK(strcmp(heard(), "HTTP/1.1 100 Continue\r\n\r\n") == 0);
    say("ok");
    settle(20);
    CHECK(strstr(heard(), "HTTP/1.1 200 OK\r\n") && strcmp(seen.body, "ok") == 0);
    close_server();
}

static void streamed_body_with_pauses(void)
{
    char part[1000];
    memset(part, 'x', sizeof(part));
    open_server((struct ee_http_server_options){0});
    say("POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n");
    for (int i = 0; i < 300; i++)
        CHECK(ee_conn_write(client.conn, ee_bytes_of(part, sizeof(part))) == EE_OK);
    client.stop_at = 20;
    CHECK(fixture_wait(&f, &client));
    CHECK(seen.streamed == 300000 && seen.completed == 1);
    CHECK(strstr(heard(), "\r\n\r\n/stream"));
    close_server();
}

static void answer_before_the_body_closes(void)
{
    open_server((struct ee_http_server_options){0});
    say("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nstart");
    CHECK(fixture_wait(&f, &client) && client.closed);
    CHECK(strstr(heard(), "Connection: close\r\n") && strstr(heard(), "\r\n\r\nearly"));
    close_server();
}

static void request_nobody_takes(void)
{
    open_server((struct ee_http_server_options){0});
    say("GET /nobody HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(fixture_wait(&f, &client) && client.closed);
    CHECK(strncmp(heard(), "HTTP/1.1 500 ", 13) == 0);
    close_server();
}

static void old_clients_and_close(void)
{
    open_server((struct ee_http_server_options){0});
    say("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\n\r\n");
    CHECK(fixture_wait(&f, &client) && client.closed && client.err == EE_OK);
    CHECK(strstr(heard(), "Connection: keep-alive\r\n") && strstr(heard(), "\r\n\r\n/b"));
    close_server();
}

static void client_that_leaves_while_it_waits(void)
{
    open_server((struct ee_http_server_options){0});
    say("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    settle(20);
    REQUIRE(seen.waiting);
    ee_conn_abort(client.conn, EE_OK);
    CHECK(fixture_wait(&f, &client));
    settle(20);
    CHECK(seen.gone == 1 && seen.err == EE_CLOSED && !seen.waiting);
    CHECK(ee_http_server_connections(server) == 0);
    close_server();
}

static void client_that_only_ends_its_direction_is_answered(void)
{
    open_server((struct ee_http_server_options){0});
    say("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    ee_conn_finish(client.conn);
    settle(20);
    REQUIRE(seen.waiting);
    answer(seen.waiting, ee_bytes_str("late"));
    CHECK(fixture_wait(&f, &client) && client.closed);
    CHECK(strstr(heard(), "\r\n\r\nlate") && seen.err == EE_OK);
    close_server();
}

static void answer_in_pieces(void)
{
    open_server((struct ee_http_server_options){0});
    say("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    settle(20);
    REQUIRE(seen.waiting);
    struct ee_http_exchange *x = seen.waiting;
    struct ee_http_head *head = ee_http_exchange_head(x);
    CHECK(ee_http_exchange_write(x, ee_bytes_str("early")) == EE_STATE);
    CHECK(ee_http_head_response(head, 200, ee_bytes_str("")) == EE_OK);
    CHECK(ee_http_exchange_start(x, head, false, 0) == EE_OK);
    CHECK(ee_http_exchange_answer(x, head, ee_bytes_str("again")) == EE_STATE);
    CHECK(ee_http_exchange_write(x, ee_bytes_str("abc")) == EE_OK);
    CHECK(ee_http_exchange_write(x, ee_bytes_of(NULL, 0)) == EE_OK);
    CHECK(ee_http_exchange_write(x, ee_bytes_str("0123456789abcdef")) == EE_OK);
    CHECK(ee_http_exchange_end(x, NULL) == EE_OK);
    CHECK(ee_http_exchange_end(x, NULL) == EE_STATE);
    settle(20);
    CHECK(strstr(heard(), "Transfer-Encoding: chunked\r\n"));
    CHECK(strstr(heard(), "\r\n\r\n3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"));
    CHECK(!client.closed && seen.err == EE_OK);
    close_server();
}

static void answer_shorter_than_promised_is_no_clean_end(void)
{
    open_server((struct ee_http_server_options){0});
    say("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    settle(20);
    REQUIRE(seen.waiting);
    struct ee_http_exchange *x = seen.waiting;
    struct ee_http_head *head = ee_http_exchange_head(x);
    CHECK(ee_http_head_response(head, 200, ee_bytes_str("")) == EE_OK);
    CHECK(ee_http_exchange_start(x, head, true, 10) == EE_OK);
    CHECK(ee_http_exchange_write(x, ee_bytes_str("01234567890")) == EE_RANGE);
    CHECK(ee_http_exchange_write(x, ee_bytes_str("01234")) == EE_OK);
    CHECK(ee_http_exchange_end(x, NULL) == EE_RANGE);
    CHECK(fixture_wait(&f, &client) && client.err == EE_CLOSED);
    settle(10);
    CHECK(seen.gone == 1 && seen.err == EE_RANGE);
    close_server();
}

static void slow_head_body_and_reader(void)
{
    struct ee_http_server_options quick = {.header_ms = 40, .idle_ms = 40, .stall_ms = 40};
    open_server(quick);
    say("GET / HTTP/1.1\r\nHo");
    CHECK(fixture_wait(&f, &client) && strncmp(heard(), "HTTP/1.1 408 ", 13) == 0);
    close_server();
    open_server(quick);
    say("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
    CHECK(fixture_wait(&f, &client) && strncmp(heard(), "HTTP/1.1 408 ", 13) == 0);
    CHECK(seen.gone == 1 && seen.err == EE_TIMEOUT);
    close_server();
    open_server(quick); /* says nothing at all */
    CHECK(fixture_wait(&f, &client) && client.closed && client.received.size == 0);
    close_server();
    open_server(quick); /* idle after a request */
    say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(fixture_wait(&f, &client) && client.closed && client.err == EE_OK);
    CHECK(strncmp(heard(), "HTTP/1.1 200 ", 13) == 0);
    close_server();
    open_server(quick); /* an answer that is being thought about has no time */
    say("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    settle(120);
    CHECK(seen.waiting && !client.closed);
    close_server();
}

static void body_that_nobody_takes(void)
{
    struct ee_http_server_options quick = {.stall_ms = 40};
    open_server(quick);
    seen.takes_nothing = true;
    say("POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
    CHECK(fixture_wait(&f, &client) && strncmp(heard(), "HTTP/1.1 504 ", 13) == 0);
    CHECK(seen.streamed == 3 && seen.gone == 1 && seen.err == EE_TIMEOUT);
    close_server();
}

/* Those that say nothing give way, those with a request do not. */
static void full_of_connections_without_a_request(void)
{
    struct ee_http_server_options small = {.max_connections = 1};
    struct peer other = {.finish = true}, third = {.finish = true};
    open_server(small); /* `client` says nothing */
    struct ee_conn_connect_options dial = {.address = ee_http_server_address(server)};
    REQUIRE(ee_conn_connect(f.loop, &dial, &peer_events, &other, &other.conn) == EE_OK);
    settle(20);
    CHECK(client.closed && client.err == EE_CLOSED && !other.closed);
    CHECK(ee_conn_write(other.conn, ee_bytes_str("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")) ==
          EE_OK);
    settle(20);
    REQUIRE(seen.waiting);
    REQUIRE(ee_conn_connect(f.loop, &dial, &peer_events, &third, &third.conn) == EE_OK);
    settle(20);
    CHECK(third.closed && !other.closed && ee_http_server_connections(server) == 1);
    answer(seen.waiting, ee_bytes_str("served"));
    settle(20);
    CHECK(other.received.size > 0 && seen.gone == 1 && seen.err == EE_OK);
    ee_conn_abort(other.conn, EE_OK);
    settle(20);
    peer_close(&other);
    peer_close(&third);
    close_server();
}

static void answer_that_nobody_reads(void)
{
    static char large[1024 * 1024];
    struct ee_http_server_options quick = {.stall_ms = 60};
    open_server(quick);
    ee_conn_pause(client.conn);
    say("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    settle(20);
    REQUIRE(seen.waiting);
    struct ee_http_exchange *x = seen.waiting;
    struct ee_http_head *head = ee_http_exchange_head(x);
    CHECK(ee_http_head_response(head, 200, ee_bytes_str("")) == EE_OK);
    CHECK(ee_http_exchange_start(x, head, false, 0) == EE_OK);
    enum ee_err err = EE_OK;
    for (int i = 0;
         i < 100 && (err = ee_http_exchange_write(x, ee_bytes_of(large, sizeof(large)))) == EE_OK;
         i++)
        settle(1);
    CHECK(err == EE_FULL && !ee_http_exchange_writable(x));
    settle(400);
    CHECK(seen.gone == 1 && seen.err == EE_TIMEOUT);
    ee_conn_resume(client.conn);
    CHECK(fixture_wait(&f, &client) && client.err == EE_CLOSED);
    close_server();
}

static void large_answer_in_one_piece(void)
{
    enum { SIZE = 6 * 1024 * 1024 };
    char *large = malloc(SIZE);
    memset(large, 'y', SIZE);
    open_server((struct ee_http_server_options){0});
    say("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    settle(20);
    REQUIRE(seen.waiting);
    answer(seen.waiting, ee_bytes_of(large, SIZE));
    client.stop_at = SIZE;
    CHECK(fixture_wait(&f, &client));
    CHECK(strstr(heard(), "Content-Length: 6291456\r\n"));
    free(large);
    close_server();
}

static void drain_closes_the_idle_and_the_busy_after_their_answer(void)
{
    open_server((struct ee_http_server_options){0});
    say("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    settle(20);
    REQUIRE(seen.waiting);
    ee_http_server_drain(server);
    settle(20);
    CHECK(!client.closed);
    answer(seen.waiting, ee_bytes_str("last"));
    CHECK(fixture_wait(&f, &client) && client.err == EE_OK);
    CHECK(strstr(heard(), "Connection: close\r\n"));
    close_server();
}

static void free_tells_those_in_progress(void)
{
    open_server((struct ee_http_server_options){0});
    say("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    settle(20);
    REQUIRE(seen.waiting);
    ee_http_server_free(server);
    server = NULL;
    CHECK(seen.gone == 1 && seen.err == EE_CLOSED);
    CHECK(fixture_wait(&f, &client) && client.err == EE_CLOSED);
    close_server();
}

static struct peer upgraded;

static void upgrade_hands_over_connection_and_rest(void)
{
    struct ee_conn *conn = NULL;
    struct ee_buffer rest = {0};
    upgraded = (struct peer){.echo = true, .finish = true};
    open_server((struct ee_http_server_options){0});
    say("GET /wait HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\nbehind");
    settle(20);
    REQUIRE(seen.waiting && ee_http_exchange_wants_upgrade(seen.waiting));
    struct ee_http_head *head = ee_http_exchange_head(seen.waiting);
    CHECK(ee_http_head_response(head, 200, ee_bytes_str("")) == EE_OK);
    CHECK(ee_http_exchange_upgrade(seen.waiting, head, &conn, &rest) == EE_STATE);
    CHECK(ee_http_head_response(head, 101, ee_bytes_str("")) == EE_OK);
    CHECK(ee_http_head_add_text(head, "Connection", "Upgrade") == EE_OK);
    CHECK(ee_http_head_add_text(head, "Upgrade", "test") == EE_OK);
    REQUIRE(ee_http_exchange_upgrade(seen.waiting, head, &conn, &rest) == EE_OK);
    seen.waiting = NULL;
    CHECK(ee_bytes_equal(ee_buffer_bytes(&rest), ee_bytes_str("behind")));
    ee_buffer_close(&rest);
    CHECK(seen.gone == 0 && ee_http_server_connections(server) == 0);
    upgraded.conn = conn;
    ee_conn_set_events(conn, &peer_events, &upgraded);
    say("ping");
    settle(20);
    CHECK(upgraded.received.size == 0); /* still paused */
    ee_conn_resume(conn);
    settle(20);
    CHECK(strncmp(heard(), "HTTP/1.1 101 ", 13) == 0 && strstr(heard(), "\r\n\r\nping"));
    ee_conn_close(upgraded.conn, EE_OK);
    CHECK(fixture_wait(&f, &client) && client.err == EE_OK);
    peer_close(&upgraded);
    close_server();
}

static void upgrade_answered_otherwise_goes_on(void)
{
    open_server((struct ee_http_server_options){0});
    say("GET /one HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n"
        "GET /two HTTP/1.1\r\nHost: a\r\n\r\n");
    settle(20);
    CHECK(strstr(heard(), "\r\n\r\n/one") && strstr(heard(), "\r\n\r\n/two"));
    close_server();
}

TESTS(TEST(pipelined_requests_are_answered_in_order),
      TEST(malformed_requests_never_reach_the_owner), TEST(body_above_the_limit),
      TEST(body_malformed_or_cut_in_the_middle), TEST(continue_is_sent_before_the_body),
      TEST(streamed_body_with_pauses), TEST(answer_before_the_body_closes),
      TEST(request_nobody_takes), TEST(old_clients_and_close),
      TEST(client_that_leaves_while_it_waits),
      TEST(client_that_only_ends_its_direction_is_answered), TEST(answer_in_pieces),
      TEST(answer_shorter_than_promised_is_no_clean_end), TEST(slow_head_body_and_reader),
      TEST(answer_that_nobody_reads), TEST(body_that_nobody_takes),
      TEST(full_of_connections_without_a_request), TEST(large_answer_in_one_piece),
      TEST(drain_closes_the_idle_and_the_busy_after_their_answer),
      TEST(free_tells_those_in_progress), TEST(upgrade_hands_over_connection_and_rest),
      TEST(upgrade_answered_otherwise_goes_on))
