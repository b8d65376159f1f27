/* SPDX-License-Identifier: Apache-2.0 */
/* Several certificates on one server context, chosen by the name a client asks for (SNI, RFC 6066
 * section 3), and replaced while connections go on. */
#ifndef EE_IO_TLS_NAMES_H
#define EE_IO_TLS_NAMES_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/err.h"
#include "io/tls.h"

enum { EE_TLS_CERTIFICATES_MAX = 4096 };

struct ssl_st;
struct ee_tls_names;

struct ee_tls_certificate {    /* borrowed during the call */
    struct ee_bytes chain_pem; /* leaf first */
    struct ee_bytes key_pem;
};

/* From now on handshakes choose among these: an exact DNS name of a leaf goes before a wildcard, an
 * earlier certificate before a later one, and the first is for everybody else (also without SNI).
 * Connections and handshakes in progress keep what they have. On failure nothing changes.
 * EE_RANGE: none, or more than EE_TLS_CERTIFICATES_MAX; EE_SYNTAX: not PEM of its kind;
 * EE_UNTRUSTED: key and certificate do not belong together; EE_NO_MEMORY, EE_CRYPTO. */
EE_MUST_USE enum ee_err
ee_tls_certificates_set(struct ee_tls *tls, const struct ee_tls_certificate *list, size_t count);

/* For io/tls.c. */
void ee_tls_names_free(struct ee_tls_names *names); /* NULL is fine */
struct ee_tls_names **ee_tls_names_of(struct ee_tls *tls);

#endif
