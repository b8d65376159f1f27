/* SPDX-License-Identifier: Apache-2.0 */
/* What tests with real connections share: a loop, an authority, TLS contexts, and an owner of a
 * connection that notes everything it is told. */
#ifndef EE_TESTS_IO_FIXTURE_H
#define EE_TESTS_IO_FIXTURE_H

#include "io/buffer.h"
#include "io/conn.h"
#include "io/listener.h"
#include "io/loop.h"
#include "io/tls.h"
#include "io/x509.h"

struct fixture {
    struct ee_loop *loop;
    struct ee_pem authority_key, authority;
    struct ee_pem server_key, server; /* for localhost, app.test and 127.0.0.1 */
    struct ee_pem client_key, client; /* self-signed */
    struct ee_tls *server_tls;        /* asks for a client certificate */
    struct ee_tls *client_tls;        /* checks the authority, shows a certificate */
};

/* Aborts when something fails. */
void fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);
struct ee_tls *fixture_server_tls(const struct fixture *f, bool allow_tls12);

/* One end of a connection. */
struct peer {
    struct fixture *fixture;
    struct ee_conn *conn; /* NULL once closed */
    struct ee_buffer received;
    unsigned opened, drained, ended, closed;
    enum ee_err err;
    char reason[EE_CONN_CLOSE_REASON_SIZE];
    bool done; /* set by `stop_at` bytes, an `open` or a `closed` */
    size_t stop_at;
    bool stop_at_open, stop_at_end;
    bool echo;   /* write back what comes */
    bool finish; /* half close when the other side does */
    void (*on_data)(struct peer *peer, struct ee_bytes bytes);
    void (*on_open)(struct peer *peer);
    void (*on_drained)(struct peer *peer);
};

extern const struct ee_conn_events peer_events;
/* For listeners: the context is a struct peer that takes the first connection. */
void peer_accepted(void *context, struct ee_conn *conn);
void peer_close(struct peer *peer); /* releases what it noted */

/* A listener on loopback whose first connection goes to `server`; NULL tls: plain. */
struct ee_listener *fixture_listen(struct fixture *f, struct peer *server, struct ee_tls *tls);
/* Dials it. */
void fixture_dial(struct fixture *f, struct peer *client, const struct ee_listener *listener,
                  struct ee_tls *tls);
/* Runs until peer->done, at most 3 s; then it is false again. False on time-out. */
bool fixture_wait(struct fixture *f, struct peer *peer);
/* Both open. */
bool fixture_connect(struct fixture *f, struct peer *server, struct peer *client, bool with_tls);

#endif
