/* SPDX-License-Identifier: Apache-2.0 */
/* ACME TLS-ALPN-01 (RFC 8737) by the server that has the name. An external client puts into a
 * folder either the key authorization of a name, as the file NAME, of which the certificate is made
 * here, or certificate and key made by itself, as NAME.crt.pem and NAME.key.pem. A handshake that
 * offers "acme-tls/1" and nothing else is answered with that; all others are not touched. */
#ifndef EE_IO_TLS_ACME_H
#define EE_IO_TLS_ACME_H

#include "io/tls.h"

enum { EE_TLS_ACME_FILE_MAX = 16 * 1024 };

/* From now on; `folder` is borrowed for the life of the context and of its connections. */
void ee_tls_acme_enable(struct ee_tls *tls, const char *folder);
#endif
