/* SPDX-License-Identifier: Apache-2.0 */
#include "link/http_server_internal.h"

#include "base/banned.h"

static void peeked(void *context, struct ee_conn *conn, const struct ee_client_hello *hello,
                   struct ee_bytes received)
{
    struct ee_http_server *server = context;
    const struct ee_http_server_options *options = &server->options;
    if (options->claim(options->context, conn, hello, received))
        return;
    if (!ee_http_connection_add(server, conn) ||
        ee_conn_tls_begin(conn, options->tls, received) != EE_OK)
        ee_conn_abort(conn, EE_NO_MEMORY);
}

enum ee_err ee_http_front_open(struct ee_http_server *server)
{
    const struct ee_hello_peeks_options options = {
        .loop = server->loop, .done = peeked, .context = server};
    if (!server->options.claim || !server->options.tls)
        return EE_OK;
    server->peeks = ee_hello_peeks_new(&options);
    return server->peeks ? EE_OK : EE_NO_MEMORY;
}

void ee_http_front_accepted(void *context, struct ee_conn *conn)
{
    struct ee_http_server *server = context;
    if (server->peeks)
        ee_hello_peeks_take(server->peeks, conn);
    else
        (void)ee_http_connection_add(server, conn); /* without an owner it is reset */
}
