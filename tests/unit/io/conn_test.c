/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "fixture.h"
#include "tap.h"

static struct fixture f;

static void close_both(struct peer *server, struct peer *client)
{
    if (client->conn)
        ee_conn_abort(client->conn, EE_OK);
    while (client->conn && fixture_wait(&f, client))
        ;
    server->done = false;
    if (server->conn)
        ee_conn_abort(server->conn, EE_OK);
    while (server->conn && fixture_wait(&f, server))
        ;
    peer_close(server);
    peer_close(client);
}

static bool same_pattern(const struct ee_buffer *buffer, size_t size)
{
    struct ee_bytes bytes = ee_buffer_bytes(buffer);
    if (bytes.size != size)
        return false;
    for (size_t i = 0; i < size; i++)
        if (bytes.data[i] != (uint8_t)(i * 7 + i / 251))
            return false;
    return true;
}

static uint8_t *pattern(size_t size)
{
    uint8_t *bytes = malloc(size);
    for (size_t i = 0; bytes && i < size; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    return bytes;
}

static void echo_of_a_megabyte(bool with_tls)
{
    enum { SIZE = 1000 * 1000 };
    struct peer server = {.echo = true, .finish = true}, client = {.stop_at = SIZE};
    uint8_t *bytes = pattern(SIZE);
    fixture_open(&f);
    REQUIRE(fixture_connect(&f, &server, &client, with_tls));
    CHECK(ee_conn_write(client.conn, ee_bytes_of(bytes, 10)) == EE_OK);
    CHECK(ee_conn_write(client.conn, ee_bytes_of(bytes + 10, SIZE - 10)) == EE_OK);
    CHECK(fixture_wait(&f, &client));
    CHECK(same_pattern(&client.received, SIZE));
    CHECK(ee_conn_queued(client.conn) == 0);
    client.done = false;
    ee_conn_close(client.conn, EE_OK);
    CHECK(fixture_wait(&f, &client) && client.err == EE_OK && client.closed == 1);
    close_both(&server, &client);
    free(bytes);
    fixture_close(&f);
}

static void plain_echo_of_a_megabyte(void)
{
    echo_of_a_megabyte(false);
}

static void tls_echo_of_a_megabyte(void)
{
    echo_of_a_megabyte(true);
}

static void exporter_and_keys_are_seen_alike_by_both_ends(void)
{
    struct peer server = {0}, client = {0};
    uint8_t a[32], b[32], other[32], want[32], got[32];
    fixture_open(&f);
    REQUIRE(fixture_connect(&f, &server, &client, true));
    CHECK(ee_conn_exporter(server.conn, "label one", a) == EE_OK);
    CHECK(ee_conn_exporter(client.conn, "label one", b) == EE_OK);
    CHECK(memcmp(a, b, 32) == 0);
    CHECK(ee_conn_exporter(client.conn, "label two", other) == EE_OK && memcmp(a, other, 32) != 0);
    CHECK(ee_x509_certificate_key_hash(ee_pem_bytes(&f.client), want) == EE_OK);
    CHECK(ee_conn_peer_key_hash(server.conn, got) == EE_OK && memcmp(want, got, 32) == 0);
    CHECK(ee_x509_private_key_hash(ee_pem_bytes(&f.server_key), want) == EE_OK);
    CHECK(ee_conn_peer_key_hash(client.conn, got) == EE_OK && memcmp(want, got, 32) == 0);
    CHECK(ee_conn_tls_version(server.conn) == 0x0304);
    CHECK(strcmp(ee_conn_alpn(server.conn), "http/1.1") == 0);
    CHECK(strncmp(ee_conn_peer(server.conn), "127.0.0.1:", 10) == 0);
    struct peer server2 = {0}, client2 = {0};
    REQUIRE(fixture_connect(&f, &server2, &client2, true));
    CHECK(ee_conn_exporter(client2.conn, "label one", other) == EE_OK && memcmp(a, other, 32) != 0);
    close_both(&server2, &client2);
    close_both(&server, &client);
    fixture_close(&f);
}

static void plain_connection_has_no_keys(void)
{
    struct peer server = {0}, client = {0};
    uint8_t out[32];
    fixture_open(&f);
    REQUIRE(fixture_connect(&f, &server, &client, false));
    CHECK(ee_conn_exporter(server.conn, "label", out) == EE_NOT_FOUND);
    CHECK(ee_conn_peer_key_hash(server.conn, out) == EE_NOT_FOUND);
    CHECK(ee_conn_tls_version(server.conn) == 0 && !ee_conn_has_tls(server.conn));
    close_both(&server, &client);
    fixture_close(&f);
}

/* Writes until the queue says stop; the memory in use stays below the limit. */
static void writer_stalls_while_the_reader_pauses(void)
{
    enum { PART = 64 * 1024 };
    struct peer server = {0}, client = {0};
    uint8_t *bytes = pattern(PART);
    size_t sent = 0;
    bool never = false;
    fixture_open(&f);
    REQUIRE(fixture_connect(&f, &server, &client, true));
    ee_conn_pause(server.conn);
    for (unsigned turn = 0; turn < 1000; turn++) {
        while (ee_conn_writable(client.conn)) {
            REQUIRE(ee_conn_write(client.conn, ee_bytes_of(bytes, PART)) == EE_OK);
            sent += PART;
        }
        if (ee_loop_run_until(f.loop, &never, 5) == EE_TIMEOUT && !ee_conn_writable(client.conn))
            break;
    }
    CHECK(!ee_conn_writable(client.conn) &&
          ee_conn_queued(client.conn) < EE_CONN_HIGH_WATER + 3 * PART);
    unsigned drained = client.drained;
    enum ee_err err = EE_OK;
    while ((err = ee_conn_write(client.conn, ee_bytes_of(bytes, PART))) == EE_OK)
        sent += PART;
    CHECK(err == EE_FULL && ee_conn_queued(client.conn) <= EE_CONN_QUEUE_LIMIT);
    CHECK(server.received.size == 0);
    server.stop_at = sent;
    ee_conn_resume(server.conn);
    CHECK(fixture_wait(&f, &server));
    CHECK(server.received.size == sent && client.drained > drained);
    close_both(&server, &client);
    free(bytes);
    fixture_close(&f);
}

static void pause_after_each_piece(struct peer *peer, struct ee_bytes bytes)
{
    (void)bytes;
    ee_conn_pause(peer->conn);
    peer->done = true;
}

static void paused_inside_the_data_callback(void)
{
    enum { SIZE = 200 * 1024 };
    struct peer server = {.on_data = pause_after_each_piece}, client = {0};
    uint8_t *bytes = pattern(SIZE);
    fixture_open(&f);
    REQUIRE(fixture_connect(&f, &server, &client, true));
    REQUIRE(ee_conn_write(client.conn, ee_bytes_of(bytes, SIZE)) == EE_OK);
    ee_conn_finish(client.conn);
    unsigned pieces = 0;
    while (server.received.size < SIZE && pieces++ < 100) {
        if (server.conn)
            ee_conn_resume(server.conn);
        REQUIRE(fixture_wait(&f, &server));
    }
    CHECK(same_pattern(&server.received, SIZE) && pieces > 5);
    CHECK(server.ended == 0);
    server.stop_at_end = true;
    ee_conn_resume(server.conn);
    CHECK(fixture_wait(&f, &server) && server.ended == 1);
    close_both(&server, &client);
    free(bytes);
    fixture_close(&f);
}

static void half_close(bool with_tls)
{
    struct peer server = {.stop_at_end = true}, client = {0};
    fixture_open(&f);
    REQUIRE(fixture_connect(&f, &server, &client, with_tls));
    CHECK(ee_conn_write(client.conn, ee_bytes_str("request")) == EE_OK);
    ee_conn_finish(client.conn);
    CHECK(ee_conn_write(client.conn, ee_bytes_str("more")) == EE_STATE);
    CHECK(fixture_wait(&f, &server));
    CHECK(server.received.size == 7 && server.ended == 1 && server.closed == 0);
    CHECK(ee_conn_write(server.conn, ee_bytes_str("a late answer")) == EE_OK);
    ee_conn_finish(server.conn);
    CHECK(fixture_wait(&f, &client));
    CHECK(client.received.size == 13 && client.ended == 1);
    CHECK(client.closed == 1 && client.err == EE_OK);
    CHECK(server.closed == 1 || fixture_wait(&f, &server));
    CHECK(server.err == EE_OK);
    close_both(&server, &client);
    fixture_close(&f);
}

static void plain_half_close(void)
{
    half_close(false);
}

static void tls_half_close(void)
{
    half_close(true);
}

static void close_sends_what_is_queued(void)
{
    enum { SIZE = 3 * 1024 * 1024 };
    struct peer server = {0}, client = {0};
    uint8_t *bytes = pattern(SIZE);
    fixture_open(&f);
    REQUIRE(fixture_connect(&f, &server, &client, true));
    REQUIRE(ee_conn_write(server.conn, ee_bytes_of(bytes, SIZE)) == EE_OK);
    ee_conn_close(server.conn, EE_LIMIT);
    CHECK(ee_conn_write(server.conn, ee_bytes_str("x")) == EE_STATE);
    client.finish = true;
    CHECK(fixture_wait(&f, &client));
    CHECK(same_pattern(&client.received, SIZE));
    CHECK(client.err == EE_OK);
    CHECK(server.closed == 1 || fixture_wait(&f, &server));
    CHECK(server.err == EE_LIMIT);
    close_both(&server, &client);
    free(bytes);
    fixture_close(&f);
}

static void abort_is_a_reset_for_the_peer(void)
{
    struct peer server = {0}, client = {0};
    fixture_open(&f);
    REQUIRE(fixture_connect(&f, &server, &client, true));
    ee_conn_abort(server.conn, EE_FORBIDDEN);
    CHECK(server.closed == 0); /* told by the loop, not inside the call */
    CHECK(fixture_wait(&f, &server) && server.err == EE_FORBIDDEN);
    CHECK(client.closed == 1 || fixture_wait(&f, &client));
    CHECK(client.err == EE_CLOSED);
    close_both(&server, &client);
    fixture_close(&f);
}

/* A message that ends with its connection would look complete otherwise. */
static void reset_behind_the_last_bytes_is_not_an_end(void)
{
    struct peer server = {0}, client = {0};
    bool never = false;
    fixture_open(&f);
    REQUIRE(fixture_connect(&f, &server, &client, false));
    ee_conn_pause(client.conn);
    CHECK(ee_conn_write(server.conn, ee_bytes_str("last words")) == EE_OK);
    CHECK(ee_loop_run_until(f.loop, &never, 20) == EE_TIMEOUT && client.received.size == 0);
    ee_conn_abort(server.conn, EE_FORBIDDEN);
    CHECK(fixture_wait(&f, &server));
    ee_conn_resume(client.conn);
    CHECK(fixture_wait(&f, &client));
    CHECK(client.received.size == 10 && client.ended == 0 && client.err == EE_CLOSED);
    close_both(&server, &client);
    fixture_close(&f);
}

static void abort_it(struct peer *peer)
{
    ee_conn_abort(peer->conn, EE_CLOSED);
    ee_conn_close(peer->conn, EE_OK);
    ee_conn_pause(peer->conn);
    ee_conn_resume(peer->conn);
    ee_conn_finish(peer->conn);
}

static void abort_on_data(struct peer *peer, struct ee_bytes bytes)
{
    (void)bytes;
    abort_it(peer);
}

static void closed_inside_each_callback(void)
{
    for (int which = 0; which < 3; which++) {
        struct peer server = {.on_data = which == 1 ? abort_on_data : NULL}, client = {0};
        fixture_open(&f);
        client.on_open = which == 0 ? abort_it : NULL;
        client.on_drained = which == 2 ? abort_it : NULL;
        bool connected = fixture_connect(&f, &server, &client, true);
        if (which > 0) {
            static const uint8_t zeros[EE_CONN_HIGH_WATER + 1];
            REQUIRE(connected);
            CHECK(ee_conn_write(client.conn, ee_bytes_of(zeros, sizeof(zeros))) == EE_OK);
        }
        CHECK(client.closed == 1 || fixture_wait(&f, &client));
        CHECK(client.closed == 1 && client.err == EE_CLOSED);
        close_both(&server, &client);
        fixture_close(&f);
    }
}

static void owner_that_left_hears_nothing(void)
{
    struct peer server = {0}, client = {0};
    fixture_open(&f);
    REQUIRE(fixture_connect(&f, &server, &client, true));
    ee_conn_set_events(client.conn, NULL, NULL);
    ee_conn_abort(client.conn, EE_OK);
    CHECK(fixture_wait(&f, &server) && server.closed == 1);
    CHECK(client.closed == 0);
    client.conn = NULL;
    close_both(&server, &client);
    fixture_close(&f);
}

static struct peer second_owner;

static void hand_over(struct peer *peer, struct ee_bytes bytes)
{
    (void)bytes;
    second_owner.conn = peer->conn;
    ee_conn_set_events(peer->conn, &peer_events, &second_owner);
}

static void connection_handed_over_inside_data(void)
{
    enum { SIZE = 100 * 1024 };
    struct peer server = {.on_data = hand_over}, client = {0};
    uint8_t *bytes = pattern(SIZE);
    second_owner = (struct peer){0};
    fixture_open(&f);
    REQUIRE(fixture_connect(&f, &server, &client, true));
    REQUIRE(ee_conn_write(client.conn, ee_bytes_of(bytes, SIZE)) == EE_OK);
    ee_conn_finish(client.conn);
    second_owner.stop_at_end = true;
    CHECK(fixture_wait(&f, &second_owner));
    CHECK(second_owner.received.size > 0 && server.ended == 0);
    CHECK(server.received.size + second_owner.received.size == SIZE);
    server.conn = NULL;
    close_both(&second_owner, &client);
    peer_close(&server);
    free(bytes);
    fixture_close(&f);
}

static void write_before_the_connection_is_open(void)
{
    struct peer server = {0}, client = {0};
    uint8_t out[32];
    fixture_open(&f);
    struct ee_listener *listener = fixture_listen(&f, &server, f.server_tls);
    fixture_dial(&f, &client, listener, f.client_tls);
    CHECK(ee_conn_write(client.conn, ee_bytes_str("x")) == EE_STATE);
    CHECK(!ee_conn_writable(client.conn) && !ee_conn_is_open(client.conn));
    CHECK(ee_conn_exporter(client.conn, "label", out) == EE_STATE);
    ee_conn_close(client.conn, EE_OK); /* while connecting */
    CHECK(fixture_wait(&f, &client) && client.opened == 0 && client.closed == 1);
    ee_listener_free(listener);
    close_both(&server, &client);
    fixture_close(&f);
}

TESTS(TEST(plain_echo_of_a_megabyte), TEST(tls_echo_of_a_megabyte),
      TEST(exporter_and_keys_are_seen_alike_by_both_ends), TEST(plain_connection_has_no_keys),
      TEST(writer_stalls_while_the_reader_pauses), TEST(paused_inside_the_data_callback),
      TEST(plain_half_close), TEST(tls_half_close), TEST(close_sends_what_is_queued),
      TEST(abort_is_a_reset_for_the_peer), TEST(reset_behind_the_last_bytes_is_not_an_end),
      TEST(closed_inside_each_callback), TEST(owner_that_left_hears_nothing),
      TEST(connection_handed_over_inside_data), TEST(write_before_the_connection_is_open))
