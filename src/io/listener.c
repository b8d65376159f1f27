/* SPDX-License-Identifier: Apache-2.0 */
#include "io/listener.h"

#include <errno.h>
#include <uv.h>

#include "base/alloc.h"
#include "io/address.h"
#include "io/conn_internal.h"

#include "base/banned.h"

enum { BACKLOG = 4096, BURST_MAX = 64 };

struct ee_listener {
    uv_tcp_t tcp;
    struct ee_loop *loop;
    struct ee_listener_options options;
    char address[EE_ADDRESS_TEXT_SIZE];
    uint16_t port;
    size_t connections;
    struct ee_deferred work; /* ends a burst */
    unsigned burst;          /* accepted in this iteration */
    bool waits;              /* one more waits */
    uint64_t refused;
    bool gone; /* the socket is closed; the memory stays for the connections' counter */
};

static void free_if_unused(struct ee_listener *listener)
{
    if (listener->gone && listener->connections == 0)
        ee_free(&ee_allocator_system, listener);
}

static void connection_released(void *context)
{
    struct ee_listener *listener = context;
    listener->connections--;
    free_if_unused(listener);
}

static void accept_one(struct ee_listener *listener)
{
    struct ee_conn *conn = NULL;
    uv_stream_t *server = (uv_stream_t *)&listener->tcp;
    const struct ee_listener_options *options = &listener->options;
    bool full = listener->connections >= options->max_connections &&
                !(options->make_room && options->make_room(options->context));
    struct ee_tls *tls = full || options->tls_later ? NULL : options->tls;
    if (ee_conn_accept(listener->loop, server, tls, connection_released, listener, &conn) != EE_OK)
        return;
    listener->connections++;
    if (full) {
        listener->refused++;
        ee_conn_abort(conn, EE_FULL);
        return;
    }
    listener->options.accepted(listener->options.context, conn);
}

/* libuv asks again and again while somebody waits, and connections that were ended are freed only
 * after that: in a storm neither the others nor the memory would get their turn. What is not taken
 * now is taken in the next iteration. */
static void connection_came(uv_stream_t *server, int status)
{
    struct ee_listener *listener = server->data;
    if (status < 0)
        return; /* it went away before we took it */
    ee_loop_defer(listener->loop, &listener->work);
    if (listener->burst == BURST_MAX) {
        listener->waits = true; /* libuv stops asking until this one is taken */
        return;
    }
    listener->burst++;
    accept_one(listener);
}

static void burst_over(void *context)
{
    struct ee_listener *listener = context;
    listener->burst = 0;
    if (!listener->waits || listener->gone)
        return;
    listener->waits = false;
    accept_one(listener);
}

static enum ee_err bind_and_listen(struct ee_listener *listener, const struct ee_address *address)
{
    struct ee_address bound = {0};
    int size = (int)sizeof(bound.storage);
    const int given = listener->options.socket;
    int status = given > 0
                     ? uv_tcp_open(&listener->tcp, given)
                     : uv_tcp_bind(&listener->tcp, (const struct sockaddr *)&address->storage, 0);
    if (status == 0)
        status = uv_listen((uv_stream_t *)&listener->tcp, BACKLOG, connection_came);
    if (status == 0)
        status = uv_tcp_getsockname(&listener->tcp, (struct sockaddr *)&bound.storage, &size);
    if (status != 0) {
        errno = -status;
        return EE_IO;
    }
    ee_address_format(&bound, listener->address);
    listener->port = ee_address_port(&bound);
    return EE_OK;
}

enum ee_err ee_listener_new(struct ee_loop *loop, const struct ee_listener_options *options,
                            struct ee_listener **out)
{
    struct ee_address address;
    EE_TRY(ee_address_parse(options->address, &address));
    if (!options->tls && !options->plain_anywhere && !ee_address_is_loopback(&address))
        return EE_PLAINTEXT;
    struct ee_listener *listener = ee_alloc(&ee_allocator_system, 1, sizeof(*listener));
    if (!listener)
        return EE_NO_MEMORY;
    listener->loop = loop;
    listener->work = (struct ee_deferred){.fn = burst_over, .context = listener};
    listener->options = *options;
    listener->options.address = NULL; /* was only borrowed */
    if (listener->options.max_connections == 0)
        listener->options.max_connections = EE_LISTENER_CONNECTIONS_DEFAULT;
    uv_tcp_init(ee_loop_uv(loop), &listener->tcp);
    listener->tcp.data = listener;
    enum ee_err err = bind_and_listen(listener, &address);
    if (err != EE_OK) {
        int kept = errno;
        ee_listener_free(listener);
        errno = kept;
        return err;
    }
    *out = listener;
    return EE_OK;
}

static void socket_closed(uv_handle_t *handle)
{
    struct ee_listener *listener = handle->data;
    listener->gone = true;
    free_if_unused(listener);
}

void ee_listener_free(struct ee_listener *listener)
{
    if (!listener)
        return;
    ee_loop_defer_cancel(&listener->work);
    uv_close((uv_handle_t *)&listener->tcp, socket_closed);
}

const char *ee_listener_address(const struct ee_listener *listener)
{
    return listener->address;
}

int ee_listener_socket(const struct ee_listener *listener)
{
    uv_os_fd_t fd;
    return uv_fileno((const uv_handle_t *)&listener->tcp, &fd) == 0 ? fd : -1;
}

uint16_t ee_listener_port(const struct ee_listener *listener)
{
    return listener->port;
}

size_t ee_listener_connections(const struct ee_listener *listener)
{
    return listener->connections;
}

uint64_t ee_listener_refused(const struct ee_listener *listener)
{
    return listener->refused;
}
