/* SPDX-License-Identifier: Apache-2.0 */
#include "io/conn.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "io/conn_internal.h"

#include "base/banned.h"

enum {
    NOTSENT_LOWAT_SIZE = 128 * 1024, /* more than this unsent in the kernel only adds delay */
    USER_TIMEOUT_MS = 25000,         /* unacknowledged this long is dead */
};

/* Callbacks of an owner that has gone. */
static const struct ee_conn_events no_events;

static void run_work(void *context)
{
    struct ee_conn *conn = context;
    if (conn->state == EE_CONN_IDLE)
        ee_conn_start(conn);
    if (conn->ssl && (conn->state == EE_CONN_HANDSHAKE || conn->state == EE_CONN_OPEN))
        ee_conn_tls_pump(conn);
    if (conn->state != EE_CONN_CLOSED)
        ee_conn_flush(conn);
}

void ee_conn_work_later(struct ee_conn *conn)
{
    if (conn->state != EE_CONN_CLOSED)
        ee_loop_defer(conn->loop, &conn->work);
}

static void timed_out(void *context)
{
    struct ee_conn *conn = context;
    if (conn->state == EE_CONN_CONNECTING)
        ee_conn_destroy(conn, EE_TIMEOUT, "connecting timed out", true);
    else if (conn->state == EE_CONN_HANDSHAKE)
        ee_conn_destroy(conn, EE_TIMEOUT, "the TLS handshake timed out", true);
    else
        ee_conn_destroy(conn, conn->close_err, "", true);
}

enum ee_err ee_conn_new(struct ee_loop *loop, struct ee_tls *tls, struct ee_conn **out)
{
    struct ee_conn *conn = ee_alloc(&ee_allocator_system, 1, sizeof(*conn));
    if (!conn)
        return EE_NO_MEMORY;
    enum ee_err err = ee_timer_new(loop, timed_out, conn, &conn->timer);
    if (err == EE_OK && tls)
        err = ee_conn_tls_attach(conn, tls);
    if (err != EE_OK) {
        ee_timer_free(conn->timer);
        ee_free(&ee_allocator_system, conn);
        return err;
    }
    uv_tcp_init(ee_loop_uv(loop), &conn->tcp);
    conn->tcp.data = conn;
    conn->loop = loop;
    conn->work = (struct ee_deferred){.fn = run_work, .context = conn};
    conn->handshake_timeout_ms = EE_CONN_HANDSHAKE_TIMEOUT_MS;
    ee_conn_set_water(conn, EE_CONN_LOW_WATER, EE_CONN_HIGH_WATER, EE_CONN_QUEUE_LIMIT);
    *out = conn;
    return EE_OK;
}

static void let_go(uv_handle_t *handle)
{
    struct ee_conn *conn = handle->data;
    if (conn->events && conn->events->closed)
        conn->events->closed(conn->context, conn, conn->close_err);
    if (conn->released)
        conn->released(conn->released_context);
    SSL_free(conn->ssl);
    ee_buffer_close(&conn->queue);
    ee_cipher_close(&conn->cipher);
    ee_buffer_close(&conn->wire);
    ee_free(&ee_allocator_system, conn);
}

void ee_conn_destroy(struct ee_conn *conn, enum ee_err err, const char *reason, bool reset)
{
    if (conn->state == EE_CONN_CLOSED)
        return;
    bool connected = conn->state >= EE_CONN_HANDSHAKE || conn->state == EE_CONN_IDLE;
    conn->state = EE_CONN_CLOSED;
    conn->close_err = err;
    if (conn->reason[0] == '\0')
        (void)snprintf(conn->reason, sizeof(conn->reason), "%s", reason);
    ee_loop_defer_cancel(&conn->work);
    ee_timer_free(conn->timer);
    conn->timer = NULL;
    /* libuv cannot reset while a FIN is on its way. */
    if (!reset || !connected || uv_tcp_close_reset(&conn->tcp, let_go) != 0)
        uv_close((uv_handle_t *)&conn->tcp, let_go);
}

void ee_conn_became_open(struct ee_conn *conn)
{
    ee_timer_stop(conn->timer);
    conn->state = EE_CONN_OPEN;
    if (conn->events && conn->events->open)
        conn->events->open(conn->context, conn);
}

void ee_conn_deliver(struct ee_conn *conn, struct ee_bytes bytes)
{
    if (conn->events && conn->events->data)
        conn->events->data(conn->context, conn, bytes);
}

void ee_conn_close_if_done(struct ee_conn *conn)
{
    if (conn->state == EE_CONN_OPEN && conn->ended && conn->shut)
        ee_conn_destroy(conn, EE_OK, "", false);
    else if (conn->state == EE_CONN_CLOSING && conn->shut && (conn->ended || conn->input_over))
        ee_conn_destroy(conn, conn->close_err, "", false);
}

void ee_conn_peer_ended(struct ee_conn *conn)
{
    conn->ended = true;
    if (conn->events && conn->events->ended)
        conn->events->ended(conn->context, conn);
    else if (conn->state == EE_CONN_OPEN)
        ee_conn_close(conn, EE_CLOSED);
    ee_conn_close_if_done(conn);
}

static void input_over(struct ee_conn *conn)
{
    conn->input_over = true;
    conn->reading = false;
    uv_read_stop((uv_stream_t *)&conn->tcp);
    if (conn->state == EE_CONN_CLOSING)
        ee_conn_close_if_done(conn);
    else if (conn->ssl)
        ee_conn_tls_pump(conn);
    else
        ee_conn_peer_ended(conn);
}

static void read_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct ee_conn *conn = handle->data;
    (void)suggested;
    *out = uv_buf_init((char *)ee_loop_scratch(conn->loop), EE_LOOP_SCRATCH_SIZE);
}

/* libuv says EOF also when a reset came with the last bytes (POLLHUP behind a partial read); a
 * message that ends with its connection would then look complete. */
static bool is_reset(const struct ee_conn *conn)
{
    int fd, error = 0;
    socklen_t size = sizeof(error);
    return uv_fileno((const uv_handle_t *)&conn->tcp, &fd) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0;
}

static void read_done(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    struct ee_conn *conn = stream->data;
    if (got == UV_EOF && is_reset(conn))
        got = UV_ECONNRESET;
    if (got == UV_EOF) {
        input_over(conn);
        return;
    }
    if (got < 0) {
        bool closing = conn->state == EE_CONN_CLOSING;
        ee_conn_destroy(conn, closing ? conn->close_err : EE_CLOSED, uv_strerror((int)got), true);
        return;
    }
    if (got == 0 || conn->state == EE_CONN_CLOSING || conn->ended)
        return; /* what comes while closing or after close_notify is discarded */
    struct ee_bytes bytes = ee_bytes_of(buffer->base, (size_t)got);
    if (!conn->ssl) {
        ee_conn_deliver(conn, bytes);
        return;
    }
    ee_conn_tls_receive(conn, bytes);
}

static void reading_set(struct ee_conn *conn, bool wanted)
{
    if (conn->reading == wanted || conn->input_over || conn->state == EE_CONN_CLOSED)
        return;
    conn->reading = wanted;
    if (!wanted)
        uv_read_stop((uv_stream_t *)&conn->tcp);
    else if (uv_read_start((uv_stream_t *)&conn->tcp, read_alloc, read_done) != 0)
        ee_conn_destroy(conn, EE_IO, "cannot read", true);
}

/* Connected: socket options, then the handshake or, plain, open at once. */
static void connected(struct ee_conn *conn)
{
    struct ee_address address = {0};
    int size = (int)sizeof(address.storage);
    int fd, lowat = NOTSENT_LOWAT_SIZE, timeout = USER_TIMEOUT_MS;
    if (uv_tcp_getpeername(&conn->tcp, (struct sockaddr *)&address.storage, &size) == 0)
        ee_address_format(&address, conn->peer);
    uv_tcp_nodelay(&conn->tcp, 1);
    if (uv_fileno((uv_handle_t *)&conn->tcp, &fd) == 0) { /* helpful, not needed: may fail */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof(lowat));
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
    }
    conn->state = EE_CONN_HANDSHAKE;
    if (conn->ssl) {
        ee_timer_start(conn->timer, conn->handshake_timeout_ms, 0);
        ee_conn_work_later(conn);
    } else {
        ee_conn_became_open(conn);
    }
    if (!conn->paused)
        reading_set(conn, true);
}

void ee_conn_start(struct ee_conn *conn)
{
    if (conn->state != EE_CONN_IDLE)
        return;
    if (conn->events)
        connected(conn);
    else
        ee_conn_destroy(conn, EE_CLOSED, "nobody took the connection", true);
}

enum ee_err ee_conn_accept(struct ee_loop *loop, uv_stream_t *server, struct ee_tls *tls,
                           void (*released)(void *context), void *released_context,
                           struct ee_conn **out)
{
    struct ee_conn *conn = NULL;
    EE_TRY(ee_conn_new(loop, tls, &conn));
    if (uv_accept(server, (uv_stream_t *)&conn->tcp) != 0) {
        ee_conn_destroy(conn, EE_IO, "accept failed", false);
        return EE_IO;
    }
    conn->released = released;
    conn->released_context = released_context;
    ee_conn_work_later(conn); /* starts it */
    *out = conn;
    return EE_OK;
}

static void connect_done(uv_connect_t *request, int status)
{
    struct ee_conn *conn = request->data;
    if (conn->state == EE_CONN_CLOSED)
        return;
    if (status < 0)
        ee_conn_destroy(conn, EE_CONNECT, uv_strerror(status), false);
    else
        connected(conn);
}

/* "[::1]:443" gives "::1". */
static enum ee_err name_set(struct ee_conn *conn, const struct ee_conn_connect_options *options)
{
    const char *name = options->server_name;
    size_t size = name ? strlen(name) : 0;
    if (!name) {
        bool bracketed = options->address[0] == '[';
        name = options->address + bracketed;
        size = (size_t)(strrchr(name, ':') - name) - bracketed;
    }
    if (size == 0 || size >= sizeof(conn->server_name))
        return EE_SYNTAX;
    memcpy(conn->server_name, name, size);
    conn->server_name[size] = '\0';
    return EE_OK;
}

static enum ee_err dial(struct ee_conn *conn, const struct ee_conn_connect_options *options,
                        const struct ee_address *address)
{
    EE_TRY(name_set(conn, options));
    if (conn->ssl)
        EE_TRY(ee_conn_tls_name(conn, ee_tls_judged_by_attestation(options->tls)));
    if (options->handshake_timeout_ms)
        conn->handshake_timeout_ms = options->handshake_timeout_ms;
    conn->state = EE_CONN_CONNECTING;
    conn->connect.data = conn;
    uint64_t timeout_ms = options->connect_timeout_ms;
    ee_timer_start(conn->timer, timeout_ms ? timeout_ms : EE_CONN_CONNECT_TIMEOUT_MS, 0);
    int status = uv_tcp_connect(&conn->connect, &conn->tcp,
                                (const struct sockaddr *)&address->storage, connect_done);
    ee_address_format(address, conn->peer);
    if (status < 0)
        ee_conn_destroy(conn, EE_CONNECT, uv_strerror(status), false);
    return EE_OK;
}

enum ee_err ee_conn_connect(struct ee_loop *loop, const struct ee_conn_connect_options *options,
                            const struct ee_conn_events *events, void *context,
                            struct ee_conn **out)
{
    struct ee_address address;
    struct ee_conn *conn = NULL;
    EE_TRY(ee_address_parse(options->address, &address));
    if (!options->tls && !ee_address_is_loopback(&address))
        return EE_PLAINTEXT;
    if (options->tls && ee_tls_is_server(options->tls))
        return EE_CRYPTO;
    EE_TRY(ee_conn_new(loop, options->tls, &conn));
    enum ee_err err = dial(conn, options, &address);
    if (err != EE_OK) {
        ee_conn_destroy(conn, err, "", false); /* without events nobody hears of it */
        return err;
    }
    ee_conn_set_events(conn, events, context);
    *out = conn;
    return EE_OK;
}

void ee_conn_set_events(struct ee_conn *conn, const struct ee_conn_events *events, void *context)
{
    conn->events = events ? events : &no_events;
    conn->context = context;
}

void ee_conn_pause(struct ee_conn *conn)
{
    conn->paused = true;
    if (conn->state != EE_CONN_CLOSING)
        reading_set(conn, false);
}

void ee_conn_resume(struct ee_conn *conn)
{
    if (!conn->paused)
        return;
    conn->paused = false;
    if (conn->state == EE_CONN_HANDSHAKE || conn->state == EE_CONN_OPEN) {
        reading_set(conn, true);
        ee_conn_work_later(conn); /* what was received before the pause */
    }
}

void ee_conn_close(struct ee_conn *conn, enum ee_err err)
{
    if (conn->state == EE_CONN_CLOSING || conn->state == EE_CONN_CLOSED)
        return;
    if (conn->state != EE_CONN_OPEN) {
        ee_conn_destroy(conn, err, "", false);
        return;
    }
    conn->state = EE_CONN_CLOSING;
    conn->close_err = err;
    conn->finish_wanted = true;
    ee_timer_start(conn->timer, EE_CONN_LINGER_MS, 0);
    ee_conn_work_later(conn);
    if (!conn->ended)
        reading_set(conn, true);
}

void ee_conn_abort(struct ee_conn *conn, enum ee_err err)
{
    ee_conn_destroy(conn, err, "", true);
}

void *ee_conn_context(const struct ee_conn *conn)
{
    return conn->context;
}

bool ee_conn_paused(const struct ee_conn *conn)
{
    return conn->paused;
}

struct ee_loop *ee_conn_loop(const struct ee_conn *conn)
{
    return conn->loop;
}

bool ee_conn_is_open(const struct ee_conn *conn)
{
    return conn->state == EE_CONN_OPEN;
}

bool ee_conn_has_tls(const struct ee_conn *conn)
{
    return conn->ssl != NULL;
}

const char *ee_conn_peer(const struct ee_conn *conn)
{
    return conn->peer;
}

const char *ee_conn_reason(const struct ee_conn *conn)
{
    return conn->reason;
}

const char *ee_conn_server_name(const struct ee_conn *conn)
{
    return conn->server_name;
}
