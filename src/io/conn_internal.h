/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of a connection, shared by conn.c (socket, states), conn_write.c (what goes out),
 * conn_tls.c (TLS between) and listener.c. */
#ifndef EE_IO_CONN_INTERNAL_H
#define EE_IO_CONN_INTERNAL_H

#include <openssl/ssl.h>
#include <uv.h>

#include "io/address.h"
#include "io/cipher_bio.h"
#include "io/conn.h"

enum ee_conn_state {
    EE_CONN_IDLE, /* accepted, not started */
    EE_CONN_CONNECTING,
    EE_CONN_HANDSHAKE,
    EE_CONN_OPEN,
    EE_CONN_CLOSING, /* sends what is queued, discards what comes */
    EE_CONN_CLOSED,  /* waits for libuv to let go of the handle */
};

struct ee_conn {
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct ee_loop *loop;
    const struct ee_conn_events *events;
    void *context;
    enum ee_conn_state state;
    SSL *ssl; /* NULL when plain */
    struct ee_cipher cipher;
    struct ee_buffer queue; /* from the owner, not encrypted yet */
    struct ee_buffer wire;  /* with libuv */
    size_t low, high, limit;
    bool above_high;
    bool writing;           /* `write` is in progress */
    bool finish_wanted;     /* end our direction once the queue is empty */
    bool notified;          /* close_notify is in cipher.sent */
    bool shutting, shut;    /* FIN asked for, FIN sent */
    bool paused, reading;   /* by the owner; by libuv */
    bool input_over;        /* FIN came */
    bool ended;             /* the peer ended in order and the owner was told */
    struct ee_timer *timer; /* connect, handshake, linger */
    uint64_t handshake_timeout_ms;
    struct ee_deferred work; /* deliver and send at the end of this iteration */
    enum ee_err close_err;
    char reason[EE_CONN_CLOSE_REASON_SIZE];
    char peer[EE_ADDRESS_TEXT_SIZE];
    char server_name[256];
    void (*released)(void *context); /* of the listener */
    void *released_context;
};

/* A connection without a socket yet. */
EE_MUST_USE enum ee_err ee_conn_new(struct ee_loop *loop, struct ee_tls *tls, struct ee_conn **out);
/* Takes the connection waiting at `server`. EE_IO, EE_NO_MEMORY, EE_CRYPTO. `released` is called
 * when the connection is gone, only after success. */
EE_MUST_USE enum ee_err ee_conn_accept(struct ee_loop *loop, uv_stream_t *server,
                                       struct ee_tls *tls, void (*released)(void *context),
                                       void *released_context, struct ee_conn **out);
/* Begins handshake and reading; resets a connection nobody took. */
void ee_conn_start(struct ee_conn *conn);

/* Ends it: nothing more is sent or received; `closed` comes when libuv is done. `reason` is kept
 * if none was noted before. `reset`: RST instead of FIN. */
void ee_conn_destroy(struct ee_conn *conn, enum ee_err err, const char *reason, bool reset);
void ee_conn_became_open(struct ee_conn *conn);
void ee_conn_peer_ended(struct ee_conn *conn);
void ee_conn_deliver(struct ee_conn *conn, struct ee_bytes bytes);
/* Closes when both directions have ended. */
void ee_conn_close_if_done(struct ee_conn *conn);
void ee_conn_work_later(struct ee_conn *conn);

/* conn_write.c: sends as much as the socket takes. */
void ee_conn_flush(struct ee_conn *conn);

/* conn_tls.c */
EE_MUST_USE enum ee_err ee_conn_tls_attach(struct ee_conn *conn, struct ee_tls *tls);
EE_MUST_USE enum ee_err ee_conn_tls_name(struct ee_conn *conn, bool judged_by_attestation);
/* Cipher text from the peer, in place; pump, then keep what is left. */
void ee_conn_tls_receive(struct ee_conn *conn, struct ee_bytes bytes);
/* Handshake and decryption as far as what was received goes. */
void ee_conn_tls_pump(struct ee_conn *conn);
/* Encrypts a part of the queue, and close_notify behind its end, into cipher.sent. */
EE_MUST_USE enum ee_err ee_conn_tls_encrypt(struct ee_conn *conn);

#endif
