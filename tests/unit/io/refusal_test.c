/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that must not come about, or must end. */
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"
#include "io/address.h"
#include "tap.h"

static struct fixture f;

static struct ee_tls *client_tls(struct ee_bytes ca_pem, bool judged_by_attestation)
{
    struct ee_tls *tls = NULL;
    struct ee_tls_client_options options = {.ca_pem = ca_pem,
                                            .judged_by_attestation = judged_by_attestation};
    return ee_tls_client_new(&options, &tls) == EE_OK ? tls : NULL;
}

/* Dials with the given settings; what the client saw. Both ends are gone afterwards. */
static enum ee_err attempt(struct ee_tls *server_tls, struct ee_tls *tls, const char *name,
                           struct peer *server, struct peer *client)
{
    struct ee_listener *listener = fixture_listen(&f, server, server_tls);
    struct ee_conn_connect_options options = {
        .address = ee_listener_address(listener), .tls = tls, .server_name = name};
    client->stop_at_open = true;
    server->finish = true;
    enum ee_err err = ee_conn_connect(f.loop, &options, &peer_events, client, &client->conn);
    if (err == EE_OK) {
        (void)fixture_wait(&f, client);
        if (client->opened && client->conn) /* TLS 1.3: the server judges after us */
            ee_conn_close(client->conn, EE_OK);
        if (!client->closed)
            (void)fixture_wait(&f, client);
        err = client->err;
        if (server->conn)
            (void)fixture_wait(&f, server);
    }
    ee_listener_free(listener);
    return err;
}

static void refused(struct ee_tls *server_tls, struct ee_tls *tls, const char *name, bool expected)
{
    struct peer server = {0}, client = {0};
    enum ee_err err = attempt(server_tls, tls, name, &server, &client);
    if ((err != EE_OK) != expected)
        printf("# got %s: %s\n", ee_err_name(err), client.reason);
    CHECK(expected ? err == EE_TLS || err == EE_CLOSED : err == EE_OK);
    CHECK(server.opened == !expected);
}

static void tls12_client_at_a_tls13_server(void)
{
    fixture_open(&f);
    struct ee_tls *old = client_tls(ee_pem_bytes(&f.authority), false);
    struct ee_tls *gateway = fixture_server_tls(&f, true);
    SSL_CTX_set_min_proto_version(ee_tls_context(old), TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(ee_tls_context(old), TLS1_2_VERSION);
    refused(f.server_tls, old, NULL, true);
    refused(gateway, old, NULL, false); /* the app gateway takes it */
    refused(gateway, f.client_tls, NULL, false);
    SSL_CTX_set_min_proto_version(ee_tls_context(old), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(ee_tls_context(old), TLS1_1_VERSION);
    SSL_CTX_set_security_level(ee_tls_context(old), 0);
    refused(gateway, old, NULL, true); /* but nothing older */
    ee_tls_free(gateway);
    ee_tls_free(old);
    fixture_close(&f);
}

static void certificate_of_another_authority_or_name(void)
{
    fixture_open(&f);
    struct ee_pem other_key, other;
    struct ee_x509_validity validity = {1767225600, 4102444800};
    REQUIRE(ee_x509_key_new(&other_key) == EE_OK);
    REQUIRE(ee_x509_authority(ee_pem_bytes(&other_key), "test root", validity, &other) == EE_OK);
    struct ee_tls *wrong = client_tls(ee_pem_bytes(&other), false);
    struct ee_tls *any = client_tls(ee_bytes_of(NULL, 0), true);
    refused(f.server_tls, wrong, "localhost", true);
    refused(f.server_tls, f.client_tls, "other.test", true);
    refused(f.server_tls, f.client_tls, "127.0.0.2", true);
    refused(f.server_tls, f.client_tls, "app.test", false);
    refused(f.server_tls, any, "other.test", false); /* judged later */
    ee_tls_free(any);
    ee_tls_free(wrong);
    fixture_close(&f);
}

static void name_asked_for_is_seen_by_the_server(struct peer *peer)
{
    CHECK(strcmp(ee_conn_server_name(peer->conn), "app.test") == 0);
}

static void server_name_indication(void)
{
    struct peer server = {.on_open = name_asked_for_is_seen_by_the_server}, client = {0};
    fixture_open(&f);
    CHECK(attempt(f.server_tls, f.client_tls, "app.test", &server, &client) == EE_OK);
    CHECK(server.opened == 1);
    fixture_close(&f);
}

static void handshake_with_garbage(void)
{
    struct peer server = {0}, client = {0};
    fixture_open(&f);
    struct ee_listener *listener = fixture_listen(&f, &server, f.server_tls);
    client.stop_at_open = client.finish = true;
    fixture_dial(&f, &client, listener, NULL);
    REQUIRE(fixture_wait(&f, &client));
    CHECK(ee_conn_write(client.conn, ee_bytes_str("GET / HTTP/1.1\r\nHost: a\r\n\r\n")) == EE_OK);
    CHECK(fixture_wait(&f, &server));
    CHECK(server.err == EE_TLS && server.opened == 0 && server.received.size == 0);
    CHECK(client.closed || fixture_wait(&f, &client));
    peer_close(&client);
    ee_listener_free(listener);
    fixture_close(&f);
}

/* FIN without close_notify may be somebody cutting the stream. */
static void end_without_close_notify(void)
{
    struct peer server = {0}, client = {0};
    fixture_open(&f);
    REQUIRE(fixture_connect(&f, &server, &client, true));
    struct sockaddr_in address;
    int found = -1;
    for (int fd = 3; fd < 64; fd++) { /* the client's socket is the one connected to the listener */
        socklen_t size = sizeof(address);
        struct ee_address peer_address = {0};
        char text[EE_ADDRESS_TEXT_SIZE];
        if (getsockname(fd, (struct sockaddr *)&address, &size) != 0 || size != sizeof(address))
            continue;
        memcpy(&peer_address.storage, &address, sizeof(address));
        if (strcmp(ee_address_format(&peer_address, text), ee_conn_peer(server.conn)) == 0)
            found = fd;
    }
    REQUIRE(found >= 0);
    CHECK(shutdown(found, SHUT_WR) == 0);
    CHECK(fixture_wait(&f, &server) && server.err == EE_CLOSED && server.ended == 0);
    CHECK(client.closed || fixture_wait(&f, &client));
    fixture_close(&f);
}

static void connect_to_a_closed_port(void)
{
    struct peer server = {0}, client = {0};
    fixture_open(&f);
    struct ee_listener *listener = fixture_listen(&f, &server, NULL);
    char address[EE_ADDRESS_TEXT_SIZE];
    (void)snprintf(address, sizeof(address), "%s", ee_listener_address(listener));
    ee_listener_free(listener);
    bool never = false;
    CHECK(ee_loop_run_until(f.loop, &never, 1) == EE_STATE);
    struct ee_conn_connect_options options = {.address = address, .tls = f.client_tls};
    CHECK(ee_conn_connect(f.loop, &options, &peer_events, &client, &client.conn) == EE_OK);
    CHECK(fixture_wait(&f, &client) && client.err == EE_CONNECT && client.opened == 0);
    CHECK(strstr(client.reason, "refused") != NULL);
    fixture_close(&f);
}

/* A listener whose queue is full lets the first packet of a handshake go unanswered. */
static void connect_to_a_silent_port(void)
{
    struct peer client = {0};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    struct ee_address bound = {0};
    char text[EE_ADDRESS_TEXT_SIZE];
    int fds[4];
    fixture_open(&f);
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(listening, (struct sockaddr *)&address, sizeof(address)) == 0);
    REQUIRE(listen(listening, 0) == 0);
    REQUIRE(getsockname(listening, (struct sockaddr *)&address, &size) == 0);
    for (size_t i = 0; i < 4; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(fds[i], (struct sockaddr *)&address, sizeof(address));
    }
    memcpy(&bound.storage, &address, sizeof(address));
    struct ee_conn_connect_options options = {
        .address = ee_address_format(&bound, text), .tls = f.client_tls, .connect_timeout_ms = 100};
    CHECK(ee_conn_connect(f.loop, &options, &peer_events, &client, &client.conn) == EE_OK);
    CHECK(fixture_wait(&f, &client) && client.err == EE_TIMEOUT);
    for (size_t i = 0; i < 4; i++)
        (void)close(fds[i]);
    (void)close(listening);
    fixture_close(&f);
}

static void peer_silent_during_the_handshake(void)
{
    struct peer server = {0}, client = {0};
    fixture_open(&f);
    struct ee_listener *listener = fixture_listen(&f, &server, NULL);
    struct ee_conn_connect_options options = {
        .address = ee_listener_address(listener), .tls = f.client_tls, .handshake_timeout_ms = 100};
    CHECK(ee_conn_connect(f.loop, &options, &peer_events, &client, &client.conn) == EE_OK);
    CHECK(fixture_wait(&f, &client) && client.err == EE_TIMEOUT && client.opened == 0);
    CHECK(server.closed || fixture_wait(&f, &server));
    peer_close(&server);
    ee_listener_free(listener);
    fixture_close(&f);
}

static void plain_outside_loopback(void)
{
    struct ee_listener *listener = NULL;
    struct peer peer = {0};
    fixture_open(&f);
    static const char *const addresses[] = {"0.0.0.0:0", "192.0.2.1:0", "[::]:0"};
    for (size_t i = 0; i < 3; i++) {
        struct ee_listener_options options = {
            .address = addresses[i], .accepted = peer_accepted, .context = &peer};
        CHECK(ee_listener_new(f.loop, &options, &listener) == EE_PLAINTEXT);
        struct ee_conn_connect_options dial = {.address = addresses[i]};
        CHECK(ee_conn_connect(f.loop, &dial, &peer_events, &peer, &peer.conn) == EE_PLAINTEXT);
    }
    struct ee_listener_options options = {
        .address = "0.0.0.0:0", .tls = f.server_tls, .accepted = peer_accepted, .context = &peer};
    CHECK(ee_listener_new(f.loop, &options, &listener) == EE_OK);
    CHECK(ee_listener_port(listener) != 0);
    ee_listener_free(listener);
    fixture_close(&f);
}

static void address_in_use_or_no_address(void)
{
    struct ee_listener *second = NULL;
    struct peer peer = {0};
    fixture_open(&f);
    struct ee_listener *listener = fixture_listen(&f, &peer, NULL);
    struct ee_listener_options options = {
        .address = ee_listener_address(listener), .accepted = peer_accepted, .context = &peer};
    CHECK(ee_listener_new(f.loop, &options, &second) == EE_IO);
    options.address = "example.org:80";
    CHECK(ee_listener_new(f.loop, &options, &second) == EE_SYNTAX);
    ee_listener_free(listener);
    fixture_close(&f);
}

static struct ee_conn *kept[8];
static size_t kept_count;

static void keep(void *context, struct ee_conn *conn)
{
    static const struct ee_conn_events none;
    (void)context;
    kept[kept_count++] = conn;
    ee_conn_set_events(conn, &none, NULL);
}

static void listener_over_its_limit(void)
{
    struct peer clients[3] = {0};
    struct ee_listener *listener = NULL;
    fixture_open(&f);
    kept_count = 0;
    struct ee_listener_options options = {
        .address = "127.0.0.1:0", .max_connections = 2, .accepted = keep};
    REQUIRE(ee_listener_new(f.loop, &options, &listener) == EE_OK);
    for (size_t i = 0; i < 3; i++) {
        clients[i].stop_at_open = true;
        fixture_dial(&f, &clients[i], listener, NULL);
        CHECK(fixture_wait(&f, &clients[i]));
    }
    CHECK(clients[2].closed || fixture_wait(&f, &clients[2]));
    CHECK(clients[2].err == EE_CLOSED || clients[2].err == EE_CONNECT); /* how early the reset is */
    CHECK(clients[0].closed + clients[1].closed == 0);
    CHECK(ee_listener_refused(listener) == 1 && kept_count == 2);
    ee_conn_abort(kept[0], EE_OK);
    CHECK(fixture_wait(&f, &clients[0]) && clients[0].closed);
    struct peer next = {.stop_at_open = true};
    fixture_dial(&f, &next, listener, NULL);
    CHECK(fixture_wait(&f, &next));
    bool never = false;
    CHECK(ee_loop_run_until(f.loop, &never, 10) == EE_TIMEOUT);
    CHECK(kept_count == 3 && !next.closed);
    ee_listener_free(listener);
    ee_conn_abort(kept[1], EE_OK);
    ee_conn_abort(kept[2], EE_OK);
    CHECK((clients[1].closed || fixture_wait(&f, &clients[1])) &&
          (next.closed || fixture_wait(&f, &next)));
    fixture_close(&f);
}

TESTS(TEST(tls12_client_at_a_tls13_server), TEST(certificate_of_another_authority_or_name),
      TEST(server_name_indication), TEST(handshake_with_garbage), TEST(end_without_close_notify),
      TEST(connect_to_a_closed_port), TEST(connect_to_a_silent_port),
      TEST(peer_silent_during_the_handshake), TEST(plain_outside_loopback),
      TEST(address_in_use_or_no_address), TEST(listener_over_its_limit))
