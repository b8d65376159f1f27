/* SPDX-License-Identifier: Apache-2.0 */
/* The app gateway: requests by host name (on a plain loopback listener also by path) become streams
 * to the agent that runs a live replica, in pieces, with back pressure both ways. Carries no
 * credentials of the API. Loop thread only. */
#ifndef EE_CONTROL_GATEWAY_H
#define EE_CONTROL_GATEWAY_H

#include "control/state.h"
#include "link/http_server.h"
#include "link/tunnel_link.h"

enum { EE_GATEWAY_REQUESTS_MAX = 4096, EE_GATEWAY_DEADLINE_MS = 0 };

struct ee_gateway_options {
    const char *address; /* TLS listener by host name */
    struct ee_tls *tls;
    const char
        *http_address; /* plain listener on loopback: Host NAME, NAME.domain, or path; NULL: none */
    const char *domain;      /* apps are NAME.domain */
    int socket, http_socket; /* to listen on instead of binding; 0: none */
};

/* Errors of ee_http_server_new(); EE_TOO_LARGE: domain. */
EE_MUST_USE enum ee_err ee_gateway_new(struct ee_control *control,
                                       const struct ee_gateway_options *options,
                                       struct ee_gateway **out);
int ee_gateway_socket(const struct ee_gateway *gateway, bool tls); /* listening; -1: none */
void ee_gateway_retire(struct ee_gateway *gateway); /* no new connections, idle ones live on */
void ee_gateway_drain(struct ee_gateway *gateway);
size_t ee_gateway_busy(const struct ee_gateway *gateway); /* requests in progress */
void ee_gateway_free(struct ee_gateway *gateway);         /* NULL is fine */
const char *ee_gateway_address(const struct ee_gateway *gateway);
const char *ee_gateway_http_address(const struct ee_gateway *gateway); /* "" without one */

/* Events of the tunnel for streams of the gateway (their context is ours). */
void ee_gateway_on_stream(const struct ee_tunnel_event *event);
/* A stream opened by an agent: nothing here takes one. */
void ee_gateway_refuse_stream(struct ee_tunnel_link *link, const struct ee_tunnel_event *event);

#endif
