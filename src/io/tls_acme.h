/* SPDX-License-Identifier: Apache-2.0 */
/* ACME TLS-ALPN-01 (RFC 8737) by the server that has the name: an external client puts the key
 * authorization of a name into a folder, as the file NAME. A handshake that offers "acme-tls/1" and
 * nothing else, for that name, is answered with the certificate made of it; all others are not
 * touched. */
#ifndef EE_IO_TLS_ACME_H
#define EE_IO_TLS_ACME_H

#include "base/bytes.h"
#include "base/err.h"
#include "io/tls.h"
#include "io/x509.h"

enum { EE_TLS_ACME_FILE_MAX = 1024 };
#define EE_TLS_ACME_PROTOCOL "acme-tls/1"

/* From now on; `folder` is borrowed for the life of the context and of its connections. */
void ee_tls_acme_enable(struct ee_tls *tls, const char *folder);
/* The certificate of RFC 8737 section 3 with a key of its own. EE_SYNTAX: no DNS name in lower
 * case; EE_CRYPTO. */
EE_MUST_USE enum ee_err ee_tls_acme_certificate(const char *name, struct ee_bytes authorization,
                                                struct ee_pem *certificate_out,
                                                struct ee_pem *key_out);

#endif
