/* SPDX-License-Identifier: Apache-2.0 */
/* Our client against our server over TLS, and against peers that answer what they like. */
#include <stdlib.h>

#include "fixture.h"
#include "link/http_client.h"
#include "link/http_server.h"
#include "tap.h"

static struct fixture f;
static struct ee_http_server *server;
static struct ee_http_head head; /* for requests */

/* ---- a server that sends back what it gets, in pieces ---- */

struct mirror {
    struct ee_buffer held; /* what the answer's queue had no room for */
    bool complete;
};

static void mirror_push(struct mirror *mirror, struct ee_http_exchange *x)
{
    struct ee_bytes bytes = ee_buffer_bytes(&mirror->held);
    while (bytes.size > 0 && ee_http_exchange_writable(x)) {
        size_t part = bytes.size < 16384 ? bytes.size : 16384;
        CHECK(ee_http_exchange_write(x, ee_bytes_of(bytes.data, part)) == EE_OK);
        ee_buffer_consume(&mirror->held, part);
        bytes = ee_buffer_bytes(&mirror->held);
    }
    if (bytes.size > 0)
        ee_http_exchange_pause(x);
    else if (mirror->complete)
        CHECK(ee_http_exchange_end(x, NULL) == EE_OK);
    else
        ee_http_exchange_resume(x);
}

static void mirror_body(void *context, struct ee_http_exchange *x, struct ee_bytes bytes)
{
    struct mirror *mirror = context;
    CHECK(ee_buffer_append(&mirror->held, bytes) == EE_OK);
    CHECK(mirror->held.size < 2 * 1024 * 1024);
    mirror_push(mirror, x);
}

static void mirror_complete(void *context, struct ee_http_exchange *x, struct ee_bytes body)
{
    struct mirror *mirror = context;
    (void)body;
    mirror->complete = true;
    mirror_push(mirror, x);
}

static void mirror_writable(void *context, struct ee_http_exchange *x)
{
    mirror_push(context, x);
}

static void mirror_gone(void *context, struct ee_http_exchange *x, enum ee_err err)
{
    struct mirror *mirror = context;
    (void)x;
    (void)err;
    ee_buffer_close(&mirror->held);
    free(mirror);
}

static const struct ee_http_exchange_events mirror_events = {.body = mirror_body,
                                                             .complete = mirror_complete,
                                                             .writable = mirror_writable,
                                                             .gone = mirror_gone};

static void on_request(void *context, struct ee_http_exchange *x)
{
    struct mirror *mirror = calloc(1, sizeof(*mirror));
    (void)context;
    uint64_t length = 0;
    bool has_length = ee_http_exchange_length(x, &length);
    ee_http_exchange_stream(x, &mirror_events, mirror);
    struct ee_http_head *answer = ee_http_exchange_head(x);
    CHECK(ee_http_head_response(answer, 103, ee_bytes_str("")) == EE_OK);
    CHECK(ee_http_exchange_interim(x, answer) == EE_OK);
    CHECK(ee_http_head_response(answer, 200, ee_bytes_str("")) == EE_OK);
    CHECK(ee_http_exchange_start(x, answer, has_length, length) == EE_OK);
}

/* ---- the client's side ---- */

static struct {
    struct ee_http_client *client;
    unsigned opened, interims, heads, ends, trailers, upgraded, closed;
    uint16_t status;
    struct ee_buffer body;
    enum ee_err err;
    char reason[160];
    bool done;
    size_t to_send;
    struct ee_conn *taken;
    struct ee_buffer rest;
    bool pause_on_body, take;
} got;

static void send_more(void)
{
    static uint8_t part[10000];
    while (got.to_send > 0 && ee_http_client_writable(got.client)) {
        size_t size = got.to_send < sizeof(part) ? got.to_send : sizeof(part);
        for (size_t i = 0; i < size; i++)
            part[i] = (uint8_t)((got.to_send - i) * 31 >> 3);
        CHECK(ee_http_client_write(got.client, ee_bytes_of(part, size)) == EE_OK);
        got.to_send -= size;
        if (got.to_send == 0)
            CHECK(ee_http_client_end(got.client, NULL) == EE_OK);
    }
}

static void on_open(void *context, struct ee_http_client *client)
{
    (void)context;
    (void)client;
    got.opened++;
    got.done = true;
}

static void on_interim(void *context, struct ee_http_client *client, const struct ee_http_head *h)
{
    (void)context;
    (void)client;
    got.interims += h->status == 103;
}

static void on_head(void *context, struct ee_http_client *client, const struct ee_http_head *h)
{
    (void)context;
    (void)client;
    got.heads++;
    got.status = h->status;
}

static void on_body(void *context, struct ee_http_client *client, struct ee_bytes bytes)
{
    (void)context;
    CHECK(ee_buffer_append(&got.body, bytes) == EE_OK);
    if (got.pause_on_body) {
        ee_http_client_pause(client);
        got.done = true;
    }
}

static void on_trailers(void *context, struct ee_http_client *client, const struct ee_http_head *h)
{
    struct ee_bytes value;
    (void)context;
    (void)client;
    got.trailers += ee_http_head_find(h, "X-Sum", &value);
}

static void on_end(void *context, struct ee_http_client *client)
{
    (void)context;
    (void)client;
    got.ends++;
    got.done = true;
}

static void on_upgraded(void *context, struct ee_http_client *client)
{
    (void)context;
    got.upgraded++;
    got.done = true;
    if (got.take) {
        got.taken = ee_http_client_take(client, &got.rest);
        got.client = NULL;
    }
}

static void on_writable(void *context, struct ee_http_client *client)
{
    (void)context;
    (void)client;
    send_more();
}

static void on_closed(void *context, struct ee_http_client *client, enum ee_err err)
{
    (void)context;
    got.closed++;
    got.err = err;
    (void)snprintf(got.reason, sizeof(got.reason), "%s", ee_http_client_reason(client));
    got.client = NULL;
    got.done = true;
}

static const struct ee_http_client_events client_events = {.open = on_open,
                                                           .interim = on_interim,
                                                           .head = on_head,
                                                           .body = on_body,
                                                           .trailers = on_trailers,
                                                           .end = on_end,
                                                           .upgraded = on_upgraded,
                                                           .writable = on_writable,
                                                           .closed = on_closed};

static bool wait_for_it(void)
{
    enum ee_err err = ee_loop_run_until(f.loop, &got.done, 3000);
    got.done = false;
    return err == EE_OK;
}

static void settle(unsigned ms)
{
    bool never = false;
    (void)(ee_loop_run_until(f.loop, &never, ms) == EE_OK);
}

static void dial(const char *address, struct ee_tls *tls)
{
    struct ee_conn_connect_options options = {.address = address, .tls = tls};
    memset(&got, 0, sizeof(got));
    if (ee_http_client_new(f.loop, &options, &client_events, NULL, &got.client) != EE_OK)
        abort();
}

static void finish(void)
{
    if (got.client) {
        ee_http_client_close(got.client);
        while (got.client && wait_for_it())
            ;
        CHECK(got.closed == 1);
    }
    ee_buffer_close(&got.body);
    ee_buffer_close(&got.rest);
}

static void open_mirror(void)
{
    fixture_open(&f);
    struct ee_http_server_options options = {
        .address = "127.0.0.1:0", .tls = f.server_tls, .request = on_request};
    if (ee_http_server_new(f.loop, &options, &server) != EE_OK)
        abort();
    dial(ee_http_server_address(server), f.client_tls);
    CHECK(wait_for_it() && got.opened == 1);
}

static void close_mirror(void)
{
    finish();
    ee_http_server_free(server);
    fixture_close(&f);
}

static void request(const char *method)
{
    CHECK(ee_http_head_request(&head, ee_bytes_str(method), ee_bytes_str("/")) == EE_OK);
}

static void many_requests_on_one_connection(void)
{
    open_mirror();
    for (unsigned i = 1; i <= 20; i++) {
        request("POST");
        CHECK(ee_http_client_send(got.client, &head, ee_bytes_str("hello")) == EE_OK);
        CHECK(!ee_http_client_ready(got.client));
        CHECK(ee_http_client_send(got.client, &head, ee_bytes_str("too soon")) == EE_STATE);
        CHECK(wait_for_it() && got.ends == i && got.interims == i);
        CHECK(ee_bytes_equal(ee_buffer_bytes(&got.body), ee_bytes_str("hello")));
        ee_buffer_consume(&got.body, got.body.size);
        CHECK(ee_http_client_ready(got.client));
    }
    CHECK(ee_http_server_connections(server) == 1);
    close_mirror();
    CHECK(got.err == EE_OK);
}

static void megabytes_both_ways(bool has_length)
{
    enum { SIZE = 5 * 1000 * 1000 };
    open_mirror();
    request("PUT");
    CHECK(ee_http_client_start(got.client, &head, has_length, SIZE) == EE_OK);
    got.to_send = SIZE;
    send_more();
    CHECK(wait_for_it() && got.ends == 1 && got.body.size == SIZE);
    bool same = true;
    struct ee_bytes bytes = ee_buffer_bytes(&got.body);
    for (size_t i = 0; i < bytes.size; i++)
        same = same && bytes.data[i] == (uint8_t)((SIZE - i) * 31 >> 3);
    CHECK(same);
    close_mirror();
}

static void megabytes_both_ways_with_a_length(void)
{
    megabytes_both_ways(true);
}

static void megabytes_both_ways_in_chunks(void)
{
    megabytes_both_ways(false);
}

static void paused_answer(void)
{
    enum { SIZE = 3 * 1000 * 1000 };
    unsigned pieces = 0;
    open_mirror();
    request("PUT");
    CHECK(ee_http_client_start(got.client, &head, false, 0) == EE_OK);
    got.to_send = SIZE;
    got.pause_on_body = true;
    send_more();
    while (!got.ends && pieces++ < 10000) {
        REQUIRE(wait_for_it());
        if (got.client && !got.ends)
            ee_http_client_resume(got.client);
    }
    CHECK(got.body.size == SIZE && pieces > 50);
    close_mirror();
}

static void wrong_length_of_a_request(void)
{
    open_mirror();
    request("PUT");
    CHECK(ee_http_client_start(got.client, &head, true, 3) == EE_OK);
    CHECK(ee_http_client_write(got.client, ee_bytes_str("abcd")) == EE_RANGE);
    CHECK(ee_http_client_end(got.client, NULL) == EE_RANGE);
    ee_http_client_abort(got.client, EE_RANGE);
    CHECK(wait_for_it() && got.err == EE_RANGE);
    close_mirror();
}

static void owner_that_leaves(void)
{
    open_mirror();
    request("GET");
    CHECK(ee_http_client_send(got.client, &head, ee_bytes_str("")) == EE_OK);
    ee_http_client_free(got.client);
    got.client = NULL;
    settle(20);
    CHECK(got.closed == 0 && got.ends == 0);
    CHECK(ee_http_server_connections(server) == 0);
    close_mirror();
}

/* ---- answers byte for byte ---- */

static struct peer backend;

/* A plain backend that has got a GET; NULL `answer`: it hangs up. */
static void answered(const char *answer, bool hang_up)
{
    fixture_open(&f);
    backend = (struct peer){.stop_at = 4, .finish = true};
    struct ee_listener *listener = fixture_listen(&f, &backend, NULL);
    dial(ee_listener_address(listener), NULL);
    CHECK(wait_for_it() && got.opened == 1);
    request("GET");
    CHECK(ee_http_head_add_text(&head, "Connection", "upgrade") == EE_OK);
    CHECK(ee_http_head_add_text(&head, "Upgrade", "test") == EE_OK);
    CHECK(ee_http_client_send(got.client, &head, ee_bytes_str("")) == EE_OK);
    CHECK(fixture_wait(&f, &backend));
    CHECK(ee_buffer_append(&backend.received, ee_bytes_of("", 1)) == EE_OK); /* ends the text */
    CHECK(strstr((const char *)ee_buffer_bytes(&backend.received).data, "Host: 127.0.0.1:"));
    CHECK(ee_conn_write(backend.conn, ee_bytes_str(answer)) == EE_OK);
    if (hang_up)
        ee_conn_finish(backend.conn);
    ee_listener_free(listener);
}

static void end_backend(void)
{
    finish();
    if (got.taken)
        ee_conn_abort(got.taken, EE_OK);
    if (backend.conn)
        ee_conn_abort(backend.conn, EE_OK);
    settle(5);
    peer_close(&backend);
    fixture_close(&f);
}

static void answers_that_break_rules(void)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    };
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        answered(answers[i], false);
        CHECK(wait_for_it() && got.closed == 1 && got.err == EE_HTTP && got.ends == 0);
        CHECK(got.reason[0] != '\0');
        end_backend();
    }
}

static void bytes_behind_an_answer(void)
{
    answered("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n", false);
    CHECK(wait_for_it() && got.ends == 1);
    CHECK(got.closed || wait_for_it());
    CHECK(got.err == EE_HTTP && got.body.size == 1);
    end_backend();
}

static void answer_cut_short(void)
{
    static const char *const answers[] = {
        "", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"};
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        answered(answers[i], true);
        CHECK(wait_for_it() && got.closed == 1 && got.err == EE_CLOSED && got.ends == 0);
        end_backend();
    }
}

static void answer_until_the_connection_ends(void)
{
    answered("HTTP/1.1 200 OK\r\nX: y\r\n\r\nall of it", true);
    CHECK(wait_for_it() && got.ends == 1 && got.body.size == 9);
    CHECK(got.closed || wait_for_it());
    CHECK(got.err == EE_OK);
    end_backend();
}

static void trailers_and_close(void)
{
    answered("HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
             "2\r\nab\r\n0\r\nX-Sum: 1\r\n\r\n",
             false);
    CHECK(wait_for_it() && got.ends == 1 && got.trailers == 1);
    CHECK(!got.client || !ee_http_client_ready(got.client));
    CHECK(got.closed || wait_for_it());
    CHECK(got.err == EE_OK);
    end_backend();
}

static void upgrade_with_bytes_behind_it(void)
{
    answered("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: test\r\n\r\nrest",
             false);
    got.take = true;
    CHECK(wait_for_it() && got.upgraded == 1 && got.taken && got.status == 101);
    CHECK(ee_bytes_equal(ee_buffer_bytes(&got.rest), ee_bytes_str("rest")));
    CHECK(ee_conn_paused(got.taken) && got.closed == 0);
    end_backend();
}

static void upgrade_nobody_takes(void)
{
    answered("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: test\r\n\r\n",
             false);
    CHECK(wait_for_it() && (got.closed || wait_for_it()));
    CHECK(got.err == EE_STATE);
    end_backend();
}

static void nobody_listens(void)
{
    fixture_open(&f);
    struct ee_listener *listener = fixture_listen(&f, &backend, NULL);
    char address[64];
    (void)snprintf(address, sizeof(address), "%s", ee_listener_address(listener));
    ee_listener_free(listener);
    settle(1);
    dial(address, NULL);
    CHECK(!ee_http_client_ready(got.client));
    CHECK(wait_for_it() && got.closed == 1 && got.err == EE_CONNECT && got.opened == 0);
    finish();
    fixture_close(&f);
}

TESTS(TEST(many_requests_on_one_connection), TEST(megabytes_both_ways_with_a_length),
      TEST(megabytes_both_ways_in_chunks), TEST(paused_answer), TEST(wrong_length_of_a_request),
      TEST(owner_that_leaves), TEST(answers_that_break_rules), TEST(bytes_behind_an_answer),
      TEST(answer_cut_short), TEST(answer_until_the_connection_ends), TEST(trailers_and_close),
      TEST(upgrade_with_bytes_behind_it), TEST(upgrade_nobody_takes), TEST(nobody_listens))
