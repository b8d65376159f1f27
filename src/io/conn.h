/* SPDX-License-Identifier: Apache-2.0 */
/* A byte connection over TCP with or without TLS: dialled here or accepted by io/listener. It
 * belongs to its loop and frees itself right after the `closed` callback; until then every function
 * may be called, inside callbacks too. TCP_NODELAY is set, unsent data in the kernel is kept short.
 *
 * States: connecting -> (handshake) -> open -> closing -> closed. Callbacks come from the loop,
 * never from inside a function called here. */
#ifndef EE_IO_CONN_H
#define EE_IO_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/err.h"
#include "io/loop.h"
#include "io/tls.h"

struct ee_conn;

enum {
    EE_CONN_QUEUE_LIMIT = 4 * 1024 * 1024, /* ee_conn_write() refuses beyond this */
    EE_CONN_HIGH_WATER = 256 * 1024,       /* ee_conn_writable() is false above */
    EE_CONN_LOW_WATER = 64 * 1024,         /* `drained` once it falls to this */
    EE_CONN_CONNECT_TIMEOUT_MS = 10000,
    EE_CONN_HANDSHAKE_TIMEOUT_MS = 10000,
    EE_CONN_LINGER_MS = 2000, /* from ee_conn_close() without progress until the hard end */
    EE_CONN_CLOSE_REASON_SIZE = 128,
};

/* Any may be NULL. */
struct ee_conn_events {
    /* Connected and, with TLS, the handshake is done. At most once, before `data`. */
    void (*open)(void *context, struct ee_conn *conn);
    /* Bytes from the peer, borrowed for the call. */
    void (*data)(void *context, struct ee_conn *conn, struct ee_bytes data);
    /* The queue rose above the high water mark and has now fallen to the low one. */
    void (*drained)(void *context, struct ee_conn *conn);
    /* The peer will send no more (FIN; with TLS only after close_notify). Writing goes on. Without
     * this callback the connection is closed as by ee_conn_close(conn, EE_CLOSED). */
    void (*ended)(void *context, struct ee_conn *conn);
    /* The last callback. EE_OK: both directions ended in order; else the error given to close or
     * abort, EE_CONNECT, EE_TIMEOUT, EE_TLS (handshake, certificate, record), EE_CLOSED (reset, or
     * ended without TLS close_notify), EE_IO, EE_NO_MEMORY. ee_conn_reason() has words for it. */
    void (*closed)(void *context, struct ee_conn *conn, enum ee_err err);
};

struct ee_conn_connect_options {
    const char *address;           /* io/address.h */
    struct ee_tls *tls;            /* NULL: plain, loopback only */
    const char *server_name;       /* for SNI and the certificate; NULL: the host of `address` */
    uint64_t connect_timeout_ms;   /* 0: the default */
    uint64_t handshake_timeout_ms; /* 0: the default */
};

/* Starts dialling. Failures of the network come later, as `closed`. EE_SYNTAX: address;
 * EE_PLAINTEXT: plain outside loopback; EE_NO_MEMORY; EE_CRYPTO; EE_IO. */
EE_MUST_USE enum ee_err ee_conn_connect(struct ee_loop *loop,
                                        const struct ee_conn_connect_options *options,
                                        const struct ee_conn_events *events, void *context,
                                        struct ee_conn **out);

/* Who is called from now on; `events` is borrowed as long as they are set. With NULL nobody is
 * called any more (an owner that goes away does this, then aborts). Changing them in the `data`
 * callback hands the connection over: the rest of the stream goes to the new owner. */
void ee_conn_set_events(struct ee_conn *conn, const struct ee_conn_events *events, void *context);
void *ee_conn_context(const struct ee_conn *conn);

/* Queues a copy; sent in one go at the end of this iteration. All or nothing: EE_FULL when the
 * queue would exceed its limit, EE_STATE before `open`, after ee_conn_finish() or once it closes,
 * EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_conn_write(struct ee_conn *conn, struct ee_bytes bytes);
/* The same without a copy: memory at the end of the queue to be filled at once, then sent by
 * ee_conn_commit() with what was filled. NULL: see the errors of ee_conn_write(). */
uint8_t *ee_conn_reserve(struct ee_conn *conn, size_t size);
void ee_conn_commit(struct ee_conn *conn, size_t size);
/* Whether the queue is at most at the high water mark and the connection takes bytes; when false,
 * wait for `drained`. */
bool ee_conn_writable(const struct ee_conn *conn);
size_t ee_conn_queued(const struct ee_conn *conn); /* bytes not yet with the kernel */
size_t ee_conn_room(const struct ee_conn *conn);   /* what ee_conn_write() would take now */
/* For tests and special owners; low <= high <= limit. */
void ee_conn_set_water(struct ee_conn *conn, size_t low, size_t high, size_t limit);

/* Between pause and resume no `data` and no `ended` comes, and the peer is stalled by TCP; at most
 * EE_LOOP_SCRATCH_SIZE bytes are held here. A dead peer is then noticed only by writing. */
void ee_conn_pause(struct ee_conn *conn);
void ee_conn_resume(struct ee_conn *conn);
bool ee_conn_paused(const struct ee_conn *conn);

/* Half close: after what is queued comes TLS close_notify and FIN. Reading goes on; when the peer
 * has ended too, the connection closes with EE_OK. */
void ee_conn_finish(struct ee_conn *conn);
/* In order: what is queued is still sent (as long as that moves), then both directions end. What
 * the peer sends is discarded; no callback but `closed` with `err`. */
void ee_conn_close(struct ee_conn *conn, enum ee_err err);
/* At once: the queue is dropped and the peer gets a reset. No callback but `closed` with `err`. */
void ee_conn_abort(struct ee_conn *conn, enum ee_err err);

/* Valid while the connection is. */
struct ee_loop *ee_conn_loop(const struct ee_conn *conn);
bool ee_conn_is_open(const struct ee_conn *conn);
bool ee_conn_has_tls(const struct ee_conn *conn);
const char *ee_conn_peer(const struct ee_conn *conn); /* "127.0.0.1:40000" */
const char *
ee_conn_reason(const struct ee_conn *conn); /* why it closed, for logs; "" if in order */
/* Server: the name the client asked for; "" without. Client: the name asked for. */
const char *ee_conn_server_name(const struct ee_conn *conn);
const char *ee_conn_alpn(const struct ee_conn *conn); /* "h2", "http/1.1" or "" */
/* 0x0304 for TLS 1.3; 0 when plain. */
int ee_conn_tls_version(const struct ee_conn *conn);
/* SHA-256 of the peer's SubjectPublicKeyInfo. EE_NOT_FOUND: plain or no certificate was sent;
 * EE_STATE before `open`. */
EE_MUST_USE enum ee_err ee_conn_peer_key_hash(const struct ee_conn *conn,
                                              uint8_t out[EE_SHA256_SIZE]);
/* Keying material both ends of this TLS connection and nobody else can compute (RFC 8446 section
 * 7.5, empty context). EE_NOT_FOUND: plain; EE_STATE before `open`; EE_CRYPTO. */
EE_MUST_USE enum ee_err ee_conn_exporter(const struct ee_conn *conn, const char *label,
                                         uint8_t out[EE_TLS_EXPORTER_SIZE]);

#endif
