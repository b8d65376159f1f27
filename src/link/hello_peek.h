/* SPDX-License-Identifier: Apache-2.0 */
/* Connections whose first message of TLS is being read before anybody takes part in TLS
 * (http/client_hello.h). Each ends in one of three ways: its message is complete, it is no TLS and
 * is closed, or it takes too long and is reset. */
#ifndef EE_LINK_HELLO_PEEK_H
#define EE_LINK_HELLO_PEEK_H

#include "http/client_hello.h"
#include "io/conn.h"

struct ee_hello_peeks;

enum { EE_HELLO_PEEK_MS = 5000 };

struct ee_hello_peeks_options {
    struct ee_loop *loop;
    uint64_t timeout_ms; /* 0: the default */
    /* The message is complete; `hello` is borrowed, its name "" when none was sent or it is no DNS
     * name. `received`: all that came so far, borrowed. The connection is open and plain, has no
     * owner any more and belongs to whom is called. */
    void (*done)(void *context, struct ee_conn *conn, const struct ee_client_hello *hello,
                 struct ee_bytes received);
    void *context;
};

/* NULL: no memory. */
struct ee_hello_peeks *ee_hello_peeks_new(const struct ee_hello_peeks_options *options);
/* Resets those that are here, without a callback. NULL is fine. */
void ee_hello_peeks_free(struct ee_hello_peeks *peeks);
/* Owns a plain connection that was just accepted; without memory it stays without an owner. */
void ee_hello_peeks_take(struct ee_hello_peeks *peeks, struct ee_conn *conn);
/* Resets the one that is here longest; false: none is. */
bool ee_hello_peeks_make_room(struct ee_hello_peeks *peeks);

#endif
