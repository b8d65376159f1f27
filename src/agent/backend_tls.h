/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of apps whose TLS ends here, in the TD: cipher text of the user through the tunnel, plain
 * bytes to the workload's loopback port, which is dialled once the handshake is done. A client that
 * chooses the protocol "ee-evidence/1" gets evidence of this agent bound to its connection instead,
 * and the workload never hears of it. docs/spec/passthrough.md. */
#ifndef EE_AGENT_BACKEND_TLS_H
#define EE_AGENT_BACKEND_TLS_H

#include "agent/backend.h"

struct ee_backend_tls;

enum {
    EE_BACKEND_TLS_HANDSHAKE_MS = 10000,
    EE_BACKEND_TLS_EVIDENCE_MS = 60000, /* a quote may take seconds */
};

/* `host` is copied. NULL: no memory. */
struct ee_backend_tls *ee_backend_tls_new(struct ee_loop *loop, const struct ee_backend_host *host);
/* Drops every stream without a word. NULL is fine. */
void ee_backend_tls_free(struct ee_backend_tls *tls);
/* Takes a tcp stream that was OPENED. False: no memory, or no TLS for that name. */
bool ee_backend_tls_open(struct ee_backend_tls *tls, struct ee_tunnel *tunnel,
                         const struct ee_tunnel_event *event, uint16_t port);

#endif
