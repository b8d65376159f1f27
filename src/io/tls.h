/* SPDX-License-Identifier: Apache-2.0 */
/* TLS settings shared by many connections (OpenSSL 3 behind it). Session tickets, resumption,
 * renegotiation and compression are off; ALPN is http/1.1, on a server that says so h2 before it.
 */
#ifndef EE_IO_TLS_H
#define EE_IO_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

struct ee_tls; /* counted by its users: freeing it does not end their connections */
struct ssl_ctx_st;

enum { EE_TLS_EXPORTER_SIZE = 32 };

struct ee_tls_server_options {
    struct ee_bytes certificate_pem; /* leaf first, then its chain; copied */
    struct ee_bytes key_pem;         /* copied */
    /* TLS 1.2 too, with forward secrecy and AEAD only: for the app gateway and nothing else. */
    bool allow_tls12;
    bool http2; /* ALPN: h2 is preferred to http/1.1 */
    /* Ask for a client certificate. Any is accepted here (or none): the owner judges the key by
     * ee_conn_peer_key_hash() and the peer's evidence. */
    bool request_client_certificate;
};

struct ee_tls_client_options {
    /* False: the chain must lead to a certificate of `ca_pem` and the leaf must name the server
     * asked for. True: any certificate is accepted and the owner trusts nothing until the peer's
     * evidence binds ee_conn_peer_key_hash() and ee_conn_exporter(). */
    bool judged_by_attestation;
    /* TLS 1.2 too: for servers of others that hear webhooks and nothing else. */
    bool allow_tls12;
    struct ee_bytes ca_pem; /* one or more authorities; empty: those of the system */
    /* The client's own certificate, or both empty. */
    struct ee_bytes certificate_pem;
    struct ee_bytes key_pem;
};

/* EE_SYNTAX: not PEM of its kind; EE_UNTRUSTED: key and certificate do not belong together;
 * EE_CRYPTO. Client contexts speak TLS 1.3 only, unless told otherwise. */
EE_MUST_USE enum ee_err ee_tls_server_new(const struct ee_tls_server_options *options,
                                          struct ee_tls **out);
EE_MUST_USE enum ee_err ee_tls_client_new(const struct ee_tls_client_options *options,
                                          struct ee_tls **out);
void ee_tls_free(struct ee_tls *tls); /* NULL is fine */

/* For io/conn.c. */
struct ssl_ctx_st *ee_tls_context(struct ee_tls *tls);
bool ee_tls_is_server(const struct ee_tls *tls);
bool ee_tls_judged_by_attestation(const struct ee_tls *tls);

#endif
