/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTPS listener of the API: HTTP on one side, struct ee_api_request on the other; the tunnel
 * of agents comes through it too. Loop thread only. */
#ifndef EE_CONTROL_API_SERVER_H
#define EE_CONTROL_API_SERVER_H

#include "control/state.h"

/* `socket` > 0 is listened on instead of binding. Errors of ee_http_server_new(). */
EE_MUST_USE enum ee_err ee_api_server_new(struct ee_control *control, const char *address,
                                          int socket, struct ee_tls *tls,
                                          struct ee_api_server **out);
int ee_api_server_socket(const struct ee_api_server *server); /* link/http_server.h */
void ee_api_server_drain(struct ee_api_server *server);
void ee_api_server_free(struct ee_api_server *server); /* NULL is fine */
const char *ee_api_server_address(const struct ee_api_server *server);

#endif
