/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

static void must(enum ee_err err)
{
    if (err == EE_OK)
        return;
    printf("# fixture: %s\n", ee_err_name(err));
    abort();
}

static const struct ee_x509_validity validity = {.not_before = 1767225600, .not_after = 4102444800};

void fixture_open(struct fixture *f)
{
    static const char *const names[] = {"localhost", "app.test", "127.0.0.1"};
    struct ee_x509_subject subject = {"server", names, 3}, client = {"client", NULL, 0};
    struct ee_pem request;
    memset(f, 0, sizeof(*f));
    must(ee_loop_new(&f->loop));
    must(ee_x509_key_new(&f->authority_key));
    must(ee_x509_authority(ee_pem_bytes(&f->authority_key), "test root", validity, &f->authority));
    must(ee_x509_key_new(&f->server_key));
    must(ee_x509_request(ee_pem_bytes(&f->server_key), &subject, &request));
    must(ee_x509_request_sign(ee_pem_bytes(&f->authority), ee_pem_bytes(&f->authority_key),
                              ee_pem_bytes(&request), &subject, validity, &f->server));
    must(ee_x509_key_new(&f->client_key));
    must(ee_x509_self_signed(ee_pem_bytes(&f->client_key), &client, validity, &f->client));
    f->server_tls = fixture_server_tls(f, false);
    struct ee_tls_client_options options = {.ca_pem = ee_pem_bytes(&f->authority),
                                            .certificate_pem = ee_pem_bytes(&f->client),
                                            .key_pem = ee_pem_bytes(&f->client_key)};
    must(ee_tls_client_new(&options, &f->client_tls));
}

struct ee_tls *fixture_server_tls(const struct fixture *f, bool allow_tls12)
{
    struct ee_tls *tls = NULL;
    struct ee_tls_server_options options = {.certificate_pem = ee_pem_bytes(&f->server),
                                            .key_pem = ee_pem_bytes(&f->server_key),
                                            .allow_tls12 = allow_tls12,
                                            .request_client_certificate = true};
    must(ee_tls_server_new(&options, &tls));
    return tls;
}

void fixture_close(struct fixture *f)
{
    bool never = false;
    /* Connections on their way out end by themselves; what stays is a fault of the test. */
    if (ee_loop_run_until(f->loop, &never, 5000) != EE_STATE)
        printf("# something was left running\n");
    ee_tls_free(f->server_tls);
    ee_tls_free(f->client_tls);
    ee_loop_free(f->loop);
}

static void on_open(void *context, struct ee_conn *conn)
{
    struct peer *peer = context;
    (void)conn;
    peer->opened++;
    if (peer->stop_at_open)
        peer->done = true;
    if (peer->on_open)
        peer->on_open(peer);
}

static void on_data(void *context, struct ee_conn *conn, struct ee_bytes data)
{
    struct peer *peer = context;
    must(ee_buffer_append(&peer->received, data));
    if (peer->echo)
        must(ee_conn_write(conn, data));
    if (peer->stop_at && peer->received.size >= peer->stop_at)
        peer->done = true;
    if (peer->on_data)
        peer->on_data(peer, data);
}

static void on_drained(void *context, struct ee_conn *conn)
{
    struct peer *peer = context;
    (void)conn;
    peer->drained++;
    if (peer->on_drained)
        peer->on_drained(peer);
}

static void on_ended(void *context, struct ee_conn *conn)
{
    struct peer *peer = context;
    peer->ended++;
    if (peer->stop_at_end)
        peer->done = true;
    if (peer->finish)
        ee_conn_finish(conn);
}

static void on_closed(void *context, struct ee_conn *conn, enum ee_err err)
{
    struct peer *peer = context;
    peer->closed++;
    peer->err = err;
    (void)snprintf(peer->reason, sizeof(peer->reason), "%s", ee_conn_reason(conn));
    peer->conn = NULL;
    peer->done = true;
}

const struct ee_conn_events peer_events = {.open = on_open,
                                           .data = on_data,
                                           .drained = on_drained,
                                           .ended = on_ended,
                                           .closed = on_closed};

void peer_accepted(void *context, struct ee_conn *conn)
{
    struct peer *peer = context;
    if (peer->conn || peer->closed)
        return; /* without an owner it is reset */
    peer->conn = conn;
    ee_conn_set_events(conn, &peer_events, peer);
}

void peer_close(struct peer *peer)
{
    ee_buffer_close(&peer->received);
}

struct ee_listener *fixture_listen(struct fixture *f, struct peer *server, struct ee_tls *tls)
{
    struct ee_listener *listener = NULL;
    struct ee_listener_options options = {
        .address = "127.0.0.1:0", .tls = tls, .accepted = peer_accepted, .context = server};
    must(ee_listener_new(f->loop, &options, &listener));
    return listener;
}

void fixture_dial(struct fixture *f, struct peer *client, const struct ee_listener *listener,
                  struct ee_tls *tls)
{
    struct ee_conn_connect_options options = {.address = ee_listener_address(listener), .tls = tls};
    must(ee_conn_connect(f->loop, &options, &peer_events, client, &client->conn));
}

bool fixture_wait(struct fixture *f, struct peer *peer)
{
    enum ee_err err = ee_loop_run_until(f->loop, &peer->done, 3000);
    peer->done = false;
    if (err != EE_OK)
        printf("# wait: %s\n", ee_err_name(err));
    return err == EE_OK;
}

bool fixture_connect(struct fixture *f, struct peer *server, struct peer *client, bool with_tls)
{
    struct ee_listener *listener = fixture_listen(f, server, with_tls ? f->server_tls : NULL);
    server->stop_at_open = client->stop_at_open = true;
    fixture_dial(f, client, listener, with_tls ? f->client_tls : NULL);
    bool ok =
        (server->opened || fixture_wait(f, server)) && (client->opened || fixture_wait(f, client));
    server->stop_at_open = client->stop_at_open = server->done = client->done = false;
    ee_listener_free(listener);
    return ok;
}
