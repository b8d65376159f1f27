/* SPDX-License-Identifier: Apache-2.0 */
/* `ee connect`: a listener on loopback whose connections go to an app through the gateway, each on
 * a TLS connection that ends in the key the control plane's verified evidence bound. HTTP/1 passes
 * as it is; only Host becomes the app's name. When the gateway shows another key, the control plane
 * is verified again before any byte goes to it. */
#ifndef EE_CLIENT_PROXY_H
#define EE_CLIENT_PROXY_H

#include "client/session.h"

struct ee_client_proxy;

enum { EE_CLIENT_PROXY_CONNECTIONS_MAX = 128 };

/* `session` is verified and used here only; profile and problem are borrowed for the proxy's life.
 * `port` 0: any. EE_USAGE: the profile has no gateway or domain; EE_IO: the port is taken. */
EE_MUST_USE enum ee_err ee_client_proxy_new(struct ee_client_session *session, const char *app,
                                            uint16_t port, struct ee_client_proxy **out);
uint16_t ee_client_proxy_port(const struct ee_client_proxy *proxy);
/* Serves until SIGINT or SIGTERM (EE_OK), or until the gateway shows a key that verification does
 * not bear out: EE_NOT_BOUND or what the verification said. */
EE_MUST_USE enum ee_err ee_client_proxy_run(struct ee_client_proxy *proxy);
void ee_client_proxy_free(struct ee_client_proxy *proxy); /* NULL is fine */

#endif
