/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of the tunnel joined to loopback ports of workloads: http (parsed on both sides, never
 * copied bytes), ws (http until the 101, then bytes) and tcp (bytes, or TLS that ends here). One
 * connection to the workload for each stream. */
#ifndef EE_AGENT_BACKEND_H
#define EE_AGENT_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "io/loop.h"
#include "io/tls.h"
#include "tunnel/tunnel.h"

struct ee_backend;

typedef void (*ee_backend_evidence_fn)(void *context, enum ee_err err, struct ee_bytes text);

struct ee_backend_host {
    /* Port of the running workload of that lease; false: there is none. */
    bool (*port_of)(void *context, const uint8_t instance[EE_TUNNEL_INSTANCE_SIZE],
                    uint16_t *port_out);
    /* Ends TLS of this app here? NULL: of none. */
    bool (*passthrough)(void *context, const uint8_t instance[EE_TUNNEL_INSTANCE_SIZE]);
    /* Settings for a client that asks for this name; NULL: none. Needed with `passthrough`. */
    struct ee_tls *(*tls_of)(void *context, struct ee_bytes server_name);
    /* Evidence as answer to this challenge on a connection with this exporter; `fn` is called once,
     * later, with the document. EE_FULL: too many ask. Needed with `passthrough`. */
    enum ee_err (*evidence)(void *context, const uint8_t challenge[32], const uint8_t exporter[32],
                            ee_backend_evidence_fn fn, void *fn_context);
    /* `fn` is not called any more. */
    void (*evidence_forget)(void *context, const void *fn_context);
    /* The tunnel was used outside its events: send what it has. */
    void (*flush)(void *context);
    void *context;
};

/* `host` is copied. NULL: no memory. */
struct ee_backend *ee_backend_new(struct ee_loop *loop, const struct ee_backend_host *host);
/* Every event of the tunnel that has a stream; others are ignored. After RESET and at the session's
 * end the streams are dropped here too. */
void ee_backend_on_event(struct ee_backend *backend, struct ee_tunnel *tunnel,
                         const struct ee_tunnel_event *event);
void ee_backend_free(
    struct ee_backend *backend); /* NULL is fine; drops every stream without a word */

#endif
