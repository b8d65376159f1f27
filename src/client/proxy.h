/* SPDX-License-Identifier: Apache-2.0 */
/* `ee connect`: a listener on loopback whose connections go to an app through the gateway, each on
 * a TLS connection that ends in a key which verified evidence bound: of the control plane, or for a
 * passthrough app of its agent. In the first case HTTP/1 passes as it is, only Host becomes the
 * app's name; in the second every byte passes as it is. When another key is shown, all is verified
 * again before any byte goes to it. */
#ifndef EE_CLIENT_PROXY_H
#define EE_CLIENT_PROXY_H

#include "client/app_agent.h"
#include "client/session.h"

struct ee_client_proxy;

enum { EE_CLIENT_PROXY_CONNECTIONS_MAX = 128 };

/* `session` is verified and used here only; profile and problem are borrowed for the proxy's life.
 * `app`: the answer to GET /v1/apps/NAME. `port` 0: any. EE_USAGE: the profile has no gateway or
 * domain; EE_IO: the port is taken; errors of ee_client_app_agent_verify(). */
EE_MUST_USE enum ee_err ee_client_proxy_new(struct ee_client_session *session, const json_t *app,
                                            uint16_t port, struct ee_client_proxy **out);
/* The agent in which TLS ends now; NULL: the control plane ends it. */
const struct ee_client_app_agent *ee_client_proxy_agent(const struct ee_client_proxy *proxy);
/* Called after each new verification; may be set to NULL. */
void ee_client_proxy_on_verified(struct ee_client_proxy *proxy, void (*verified)(void *context),
                                 void *context);
uint16_t ee_client_proxy_port(const struct ee_client_proxy *proxy);
/* Serves until SIGINT or SIGTERM (EE_OK), or until the gateway shows a key that verification does
 * not bear out: EE_NOT_BOUND or what the verification said. */
EE_MUST_USE enum ee_err ee_client_proxy_run(struct ee_client_proxy *proxy);
void ee_client_proxy_free(struct ee_client_proxy *proxy); /* NULL is fine */

#endif
