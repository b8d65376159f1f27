/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC towards workloads: HTTP/2 in the clear with prior knowledge (RFC 9113 section 3.3), many
 * streams on one connection. docs/adr/0006-grpc-goes-out-in-http2.md says which requests come here.
 */
#ifndef EE_AGENT_BACKEND_H2_H
#define EE_AGENT_BACKEND_H2_H

#include "agent/backend.h"

struct ee_backend_h2;

/* What a stream's context of the tunnel begins with: who handles its events. */
typedef void (*ee_backend_stream_fn)(void *stream, const struct ee_tunnel_event *event);

/* NULL: no memory. */
struct ee_backend_h2 *ee_backend_h2_new(struct ee_loop *loop, const struct ee_backend_host *host);
/* Drops every stream without a word. NULL is fine. */
void ee_backend_h2_free(struct ee_backend_h2 *h2);

/* A request with a content type of gRPC, which no HTTP/1.1 server answers. */
bool ee_backend_h2_wants(const struct ee_tunnel_open *open);
/* Takes a stream that was OPENED, for the workload at that loopback port. False: no memory. */
bool ee_backend_h2_open(struct ee_backend_h2 *h2, struct ee_tunnel *tunnel,
                        const struct ee_tunnel_event *event, uint16_t port);

#endif
