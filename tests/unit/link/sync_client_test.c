/* SPDX-License-Identifier: Apache-2.0 */
/* The blocking client against a server in another thread. */
#include <pthread.h>
#include <stdlib.h>

#include "fixture.h"
#include "link/http_server.h"
#include "link/sync_client.h"
#include "tap.h"

static struct fixture f; /* its loop belongs to the server's thread while that runs */
static struct ee_http_server *server;
static struct ee_wakeup *stop;
static struct ee_timer *later;
static struct ee_http_exchange *streaming;
static char address[64];
static pthread_t thread;
static struct ee_http_head head;

static void stop_server(void *context)
{
    (void)context;
    ee_http_server_free(server);
    ee_timer_free(later);
    ee_wakeup_free(stop);
    ee_loop_stop(f.loop);
}

static void send_piece(void *context)
{
    (void)context;
    if (streaming && ee_http_exchange_write(streaming, ee_bytes_str("tick\n")) == EE_OK)
        ee_timer_start(later, 5, 0);
}

static void on_complete(void *context, struct ee_http_exchange *x, struct ee_bytes body)
{
    static char large[100 * 1000];
    struct ee_bytes target = ee_http_head_target(ee_http_exchange_request(x));
    struct ee_http_head *answer = ee_http_exchange_head(x);
    enum ee_err err = EE_OK;
    (void)context;
    if (ee_bytes_equal(target, ee_bytes_str("/large")))
        err = ee_http_exchange_answer_text(x, 200, "text/plain", ee_bytes_of(large, sizeof(large)));
    else if (ee_bytes_equal(target, ee_bytes_str("/missing")))
        err = ee_http_exchange_answer_text(x, 404, "text/plain", ee_bytes_str("not here"));
    else if (ee_bytes_equal(target, ee_bytes_str("/cut")))
        ee_http_exchange_abort(x, EE_CLOSED);
    else if (ee_bytes_equal(target, ee_bytes_str("/ticks"))) {
        streaming = x;
        err = ee_http_head_response(answer, 200, ee_bytes_str(""));
        err = err == EE_OK ? ee_http_exchange_start(x, answer, false, 0) : err;
        ee_timer_start(later, 5, 0);
    } else if (!ee_bytes_equal(target, ee_bytes_str("/never")))
        err = ee_http_exchange_answer_text(x, 200, "text/plain", body);
    if (err != EE_OK)
        abort();
}

static void on_gone(void *context, struct ee_http_exchange *x, enum ee_err err)
{
    (void)context;
    (void)err;
    if (streaming == x)
        streaming = NULL;
}

static const struct ee_http_exchange_events events = {.complete = on_complete, .gone = on_gone};

static void on_request(void *context, struct ee_http_exchange *x)
{
    (void)context;
    ee_http_exchange_collect(x, 1024 * 1024, &events, NULL);
}

static void *run(void *context)
{
    (void)context;
    ee_loop_run(f.loop);
    return NULL;
}

static struct ee_sync_client *open_both(bool connected)
{
    struct ee_sync_client *client = NULL;
    fixture_open(&f);
    struct ee_http_server_options options = {
        .address = "127.0.0.1:0", .tls = f.server_tls, .request = on_request};
    if (ee_http_server_new(f.loop, &options, &server) != EE_OK ||
        ee_wakeup_new(f.loop, stop_server, NULL, &stop) != EE_OK ||
        ee_timer_new(f.loop, send_piece, NULL, &later) != EE_OK ||
        pthread_create(&thread, NULL, run, NULL) != 0 || ee_sync_client_new(&client) != EE_OK)
        abort();
    (void)snprintf(address, sizeof(address), "%s", ee_http_server_address(server));
    struct ee_conn_connect_options dial = {
        .address = address, .tls = f.client_tls, .server_name = "localhost"};
    if (connected)
        CHECK(ee_sync_client_connect(client, &dial) == EE_OK);
    return client;
}

static void close_both(struct ee_sync_client *client)
{
    ee_sync_client_free(client);
    ee_wakeup_send(stop);
    CHECK(pthread_join(thread, NULL) == 0);
    fixture_close(&f);
}

static enum ee_err ask(struct ee_sync_client *client, const char *target,
                       struct ee_sync_request request, struct ee_sync_answer *answer)
{
    *answer = (struct ee_sync_answer){0};
    CHECK(ee_http_head_request(&head, ee_bytes_str("POST"), ee_bytes_str(target)) == EE_OK);
    request.head = &head;
    return ee_sync_client_request(client, &request, answer);
}

static void many_requests_on_one_tls_connection(void)
{
    struct ee_sync_client *client = open_both(true);
    struct ee_sync_answer answer;
    uint8_t before[32], after[32];
    CHECK(ee_conn_exporter(ee_sync_client_conn(client), "label", before) == EE_OK);
    for (int i = 0; i < 20; i++) {
        struct ee_sync_request request = {.body = ee_bytes_str("hello")};
        CHECK(ask(client, "/", request, &answer) == EE_OK);
        CHECK(answer.head->status == 200);
        CHECK(ee_bytes_equal(ee_buffer_bytes(&answer.body), ee_bytes_str("hello")));
        ee_sync_answer_close(&answer);
    }
    CHECK(ask(client, "/missing", (struct ee_sync_request){0}, &answer) == EE_OK);
    CHECK(answer.head->status == 404 && answer.body.size == 8);
    ee_sync_answer_close(&answer);
    CHECK(ee_conn_exporter(ee_sync_client_conn(client), "label", after) == EE_OK);
    CHECK(memcmp(before, after, 32) == 0 && ee_sync_client_connected(client));
    close_both(client);
}

static void not_connected_or_refused(void)
{
    struct ee_sync_client *client = open_both(false);
    struct ee_sync_answer answer;
    CHECK(!ee_sync_client_connected(client) && !ee_sync_client_conn(client));
    CHECK(ask(client, "/", (struct ee_sync_request){0}, &answer) == EE_STATE);
    struct ee_conn_connect_options dial = {.address = "127.0.0.1:1", .tls = f.client_tls};
    CHECK(ee_sync_client_connect(client, &dial) == EE_CONNECT);
    CHECK(ee_sync_client_reason(client)[0] != '\0');
    dial.address = address;
    dial.server_name = "other.test";
    CHECK(ee_sync_client_connect(client, &dial) == EE_TLS);
    CHECK(strstr(ee_sync_client_reason(client), "hostname mismatch"));
    dial.server_name = "app.test";
    CHECK(ee_sync_client_connect(client, &dial) == EE_OK);
    CHECK(ee_sync_client_connect(client, &dial) == EE_OK); /* anew */
    CHECK(ask(client, "/", (struct ee_sync_request){0}, &answer) == EE_OK);
    ee_sync_answer_close(&answer);
    close_both(client);
}

static void answer_that_does_not_come_is_cut_or_too_large(void)
{
    struct ee_sync_client *client = open_both(true);
    struct ee_sync_answer answer;
    struct ee_conn_connect_options dial = {.address = address, .tls = f.client_tls};
    CHECK(ask(client, "/never", (struct ee_sync_request){.timeout_ms = 50}, &answer) == EE_TIMEOUT);
    CHECK(!ee_sync_client_connected(client));
    CHECK(ask(client, "/", (struct ee_sync_request){0}, &answer) == EE_STATE);
    CHECK(ee_sync_client_connect(client, &dial) == EE_OK);
    CHECK(ask(client, "/cut", (struct ee_sync_request){0}, &answer) == EE_CLOSED);
    CHECK(ee_sync_client_connect(client, &dial) == EE_OK);
    CHECK(ask(client, "/large", (struct ee_sync_request){.body_max = 99999}, &answer) ==
          EE_TOO_LARGE);
    CHECK(!ee_sync_client_connected(client));
    CHECK(ee_sync_client_connect(client, &dial) == EE_OK);
    CHECK(ask(client, "/large", (struct ee_sync_request){.body_max = 100000}, &answer) == EE_OK);
    CHECK(answer.body.size == 100000);
    ee_sync_answer_close(&answer);
    close_both(client);
}

static bool count_ticks(void *context, struct ee_bytes bytes)
{
    size_t *size = context;
    *size += bytes.size;
    return *size < 30;
}

static void stream_until_the_caller_has_enough(void)
{
    struct ee_sync_client *client = open_both(true);
    struct ee_sync_answer answer;
    size_t size = 0;
    struct ee_sync_request request = {.timeout_ms = 1000, .on_body = count_ticks, .context = &size};
    CHECK(ask(client, "/ticks", request, &answer) == EE_OK);
    CHECK(size == 30 && answer.head->status == 200 && answer.body.size == 0);
    ee_sync_answer_close(&answer);
    close_both(client);
}

TESTS(TEST(many_requests_on_one_tls_connection), TEST(not_connected_or_refused),
      TEST(answer_that_does_not_come_is_cut_or_too_large), TEST(stream_until_the_caller_has_enough))
