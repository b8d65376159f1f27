/* SPDX-License-Identifier: Apache-2.0 */
/* A TCP listener with or without TLS and a limit of connections. */
#ifndef EE_IO_LISTENER_H
#define EE_IO_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "io/conn.h"
#include "io/loop.h"
#include "io/tls.h"

struct ee_listener;

enum { EE_LISTENER_CONNECTIONS_DEFAULT = 1024 };

struct ee_listener_options {
    const char *address;    /* numeric, "127.0.0.1:0" takes any free port */
    int socket;             /* a bound TCP socket to listen on instead, taken over; 0: none */
    struct ee_tls *tls;     /* NULL: plain, on loopback only */
    bool tls_later;         /* connections begin plain: the owner calls ee_conn_tls_begin() */
    bool plain_anywhere;    /* plain, and not on loopback only: for what is public anyway */
    size_t max_connections; /* open at once, beyond which new ones are reset; 0: the default */
    /* A connection has come; it is not open yet. The owner sets events here (or later, before
     * returning to the loop); one left without events is reset. */
    void (*accepted)(void *context, struct ee_conn *conn);
    /* At the limit: the owner may abort one of its connections and say so, then the new one is
     * taken instead. May be NULL. */
    bool (*make_room)(void *context);
    void *context;
};

/* EE_SYNTAX: address; EE_PLAINTEXT: no TLS on an address outside loopback (nothing but TLS there);
 * EE_IO: cannot bind (errno says why); EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_listener_new(struct ee_loop *loop,
                                        const struct ee_listener_options *options,
                                        struct ee_listener **out);
/* Stops listening; its connections live on. NULL is fine. */
void ee_listener_free(struct ee_listener *listener);

const char *ee_listener_address(const struct ee_listener *listener); /* as bound */
/* The listening socket, still the listener's: to be duplicated for another process. -1: none. */
int ee_listener_socket(const struct ee_listener *listener);
uint16_t ee_listener_port(const struct ee_listener *listener);
size_t ee_listener_connections(const struct ee_listener *listener);
uint64_t ee_listener_refused(const struct ee_listener *listener); /* over the limit, ever */

#endif
