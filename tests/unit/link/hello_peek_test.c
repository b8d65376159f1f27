/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that are looked at before TLS begins. */
#include "link/hello_peek.h"

#include <string.h>

#include "fixture.h"
#include "tap.h"

enum { SOON_MS = 60 };

static struct fixture f;
static struct ee_hello_peeks *peeks;
static struct ee_listener *listener;
static struct peer client, server;

/* What `done` was told. */
static struct {
    unsigned count;
    char name[EE_CLIENT_HELLO_NAME_SIZE];
    size_t received;
    bool http;
} told;

/* The connection becomes TLS of this server, whose owner is `server`. */
static void on_done(void *context, struct ee_conn *conn, const struct ee_client_hello *hello,
                    struct ee_bytes received)
{
    (void)context;
    told.count++;
    (void)snprintf(told.name, sizeof(told.name), "%s", hello->server_name);
    told.received = received.size;
    told.http = ee_client_hello_offers(hello, "http/1.1");
    server.fixture = &f;
    server.conn = conn;
    ee_conn_set_events(conn, &peer_events, &server);
    CHECK(ee_conn_tls_begin(conn, f.server_tls, received) == EE_OK);
}

static void on_accepted(void *context, struct ee_conn *conn)
{
    (void)context;
    ee_hello_peeks_take(peeks, conn);
}

static void open_all(void)
{
    memset(&told, 0, sizeof(told));
    memset(&client, 0, sizeof(client));
    memset(&server, 0, sizeof(server));
    fixture_open(&f);
    const struct ee_hello_peeks_options options = {
        .loop = f.loop, .timeout_ms = SOON_MS, .done = on_done};
    peeks = ee_hello_peeks_new(&options);
    const struct ee_listener_options listening = {
        .address = "127.0.0.1:0", .tls = f.server_tls, .tls_later = true, .accepted = on_accepted};
    CHECK(ee_listener_new(f.loop, &listening, &listener) == EE_OK);
}

static void drop(struct peer *peer)
{
    if (peer->conn)
        ee_conn_abort(peer->conn, EE_OK);
}

static void close_all(void)
{
    bool never = false;
    ee_hello_peeks_free(peeks);
    ee_listener_free(listener);
    drop(&client);
    drop(&server);
    (void)!ee_loop_run_until(f.loop, &never, 5);
    peer_close(&client);
    peer_close(&server);
    fixture_close(&f);
}

static void tls_begins_after_the_look(void)
{
    open_all();
    const struct ee_conn_connect_options dial = {
        .address = ee_listener_address(listener), .tls = f.client_tls, .server_name = "localhost"};
    client.fixture = &f;
    client.stop_at_open = true;
    CHECK(ee_conn_connect(f.loop, &dial, &peer_events, &client, &client.conn) == EE_OK);
    CHECK(fixture_wait(&f, &client) && client.opened == 1);
    CHECK(told.count == 1 && strcmp(told.name, "localhost") == 0 && told.http);
    CHECK(told.received > 100);
    CHECK(strcmp(ee_conn_alpn(client.conn), "http/1.1") == 0);
    server.stop_at = 5;
    CHECK(ee_conn_write(client.conn, ee_bytes_str("hello")) == EE_OK);
    CHECK(fixture_wait(&f, &server) && server.opened == 1 && ee_conn_has_tls(server.conn));
    close_all();
}

static void what_is_no_tls_is_reset(void)
{
    open_all();
    client.stop_at_open = true;
    fixture_dial(&f, &client, listener, NULL);
    CHECK(fixture_wait(&f, &client));
    CHECK(ee_conn_write(client.conn, ee_bytes_str("GET / HTTP/1.1\r\n\r\n")) == EE_OK);
    CHECK(fixture_wait(&f, &client) && client.closed == 1 && told.count == 0);
    close_all();
}

static void silence_and_dribbling_end(void)
{
    open_all();
    client.stop_at_open = true;
    fixture_dial(&f, &client, listener, NULL);
    CHECK(fixture_wait(&f, &client));
    CHECK(ee_conn_write(client.conn, ee_bytes_of("\x16\x03\x01", 3)) == EE_OK);
    CHECK(fixture_wait(&f, &client) && client.closed == 1 && told.count == 0);
    close_all();
}

static void the_oldest_makes_room(void)
{
    open_all();
    CHECK(!ee_hello_peeks_make_room(peeks));
    client.stop_at_open = true;
    fixture_dial(&f, &client, listener, NULL);
    CHECK(fixture_wait(&f, &client));
    bool never = false;
    CHECK(ee_loop_run_until(f.loop, &never, 10) == EE_TIMEOUT);
    CHECK(ee_hello_peeks_make_room(peeks) && !ee_hello_peeks_make_room(peeks));
    CHECK(fixture_wait(&f, &client) && client.closed == 1 && told.count == 0);
    close_all();
}

TESTS(TEST(tls_begins_after_the_look), TEST(what_is_no_tls_is_reset),
      TEST(silence_and_dribbling_end), TEST(the_oldest_makes_room))
