/* SPDX-License-Identifier: Apache-2.0 */
#include "io/conn_internal.h"

#include "base/banned.h"

size_t ee_conn_queued(const struct ee_conn *conn)
{
    return conn->queue.size + conn->wire.size + conn->cipher.sent.size;
}

static bool takes_bytes(const struct ee_conn *conn)
{
    return conn->state == EE_CONN_OPEN && !conn->finish_wanted;
}

bool ee_conn_writable(const struct ee_conn *conn)
{
    return takes_bytes(conn) && ee_conn_queued(conn) <= conn->high;
}

void ee_conn_set_water(struct ee_conn *conn, size_t low, size_t high, size_t limit)
{
    conn->low = low;
    conn->high = high;
    conn->limit = limit;
}

size_t ee_conn_room(const struct ee_conn *conn)
{
    size_t queued = ee_conn_queued(conn);
    return takes_bytes(conn) && queued < conn->limit ? conn->limit - queued : 0;
}

enum ee_err ee_conn_write(struct ee_conn *conn, struct ee_bytes bytes)
{
    if (!takes_bytes(conn))
        return EE_STATE;
    if (bytes.size > ee_conn_room(conn))
        return EE_FULL;
    EE_TRY(ee_buffer_append(&conn->queue, bytes));
    if (ee_conn_queued(conn) > conn->high)
        conn->above_high = true;
    ee_conn_work_later(conn);
    return EE_OK;
}

uint8_t *ee_conn_reserve(struct ee_conn *conn, size_t size)
{
    if (!takes_bytes(conn) || size > ee_conn_room(conn))
        return NULL;
    return ee_buffer_reserve(&conn->queue, size);
}

void ee_conn_commit(struct ee_conn *conn, size_t size)
{
    ee_buffer_added(&conn->queue, size);
    if (ee_conn_queued(conn) > conn->high)
        conn->above_high = true;
    ee_conn_work_later(conn);
}

static void written(uv_write_t *request, int status)
{
    struct ee_conn *conn = request->data;
    conn->writing = false;
    if (conn->state == EE_CONN_CLOSED)
        return;
    if (status < 0) {
        ee_conn_destroy(conn, EE_CLOSED, uv_strerror(status), true);
        return;
    }
    ee_buffer_consume(&conn->wire, conn->wire.size);
    if (conn->state == EE_CONN_CLOSING)
        ee_timer_start(conn->timer, EE_CONN_LINGER_MS, 0); /* it moves */
    ee_conn_flush(conn);
}

/* Hands libuv what the socket did not take at once. */
static void write_rest(struct ee_conn *conn)
{
    struct ee_bytes bytes = ee_buffer_bytes(&conn->wire);
    /* uv_buf_t has no const form; libuv only reads. */
    uv_buf_t buffer = {.base = (char *)(uintptr_t)bytes.data, .len = bytes.size};
    conn->write.data = conn;
    int status = uv_write(&conn->write, (uv_stream_t *)&conn->tcp, &buffer, 1, written);
    if (status < 0)
        ee_conn_destroy(conn, EE_CLOSED, uv_strerror(status), true);
    else
        conn->writing = true;
}

/* How much the socket took now; the connection is destroyed if it fails. */
static size_t try_write(struct ee_conn *conn, struct ee_bytes bytes)
{
    uv_buf_t buffer = {.base = (char *)(uintptr_t)bytes.data, .len = bytes.size};
    int done = uv_try_write((uv_stream_t *)&conn->tcp, &buffer, 1);
    if (done >= 0)
        return (size_t)done;
    if (done != UV_EAGAIN)
        ee_conn_destroy(conn, EE_CLOSED, uv_strerror(done), true);
    return 0;
}

/* What the socket does not take goes to libuv, memory and all. */
static void send_from(struct ee_conn *conn, struct ee_buffer *from)
{
    ee_buffer_consume(from, try_write(conn, ee_buffer_bytes(from)));
    if (conn->state == EE_CONN_CLOSED || from->size == 0)
        return;
    struct ee_buffer empty = conn->wire;
    conn->wire = *from;
    *from = empty;
    write_rest(conn);
}

/* One step; false when nothing is left to send. */
static bool send_some(struct ee_conn *conn)
{
    if (!conn->ssl) {
        if (conn->queue.size == 0)
            return false;
        send_from(conn, &conn->queue);
        return true;
    }
    if (conn->cipher.sent.size == 0 && conn->state != EE_CONN_HANDSHAKE &&
        ee_conn_tls_encrypt(conn) != EE_OK) {
        ee_conn_destroy(conn, EE_TLS, "encryption failed", true);
        return false;
    }
    if (conn->cipher.sent.size == 0)
        return false;
    send_from(conn, &conn->cipher.sent);
    return true;
}

static void shut(uv_shutdown_t *request, int status)
{
    struct ee_conn *conn = request->data;
    if (conn->state == EE_CONN_CLOSED)
        return;
    if (status < 0) {
        ee_conn_destroy(conn, EE_CLOSED, uv_strerror(status), false);
        return;
    }
    conn->shut = true;
    ee_conn_close_if_done(conn);
}

static void end_direction(struct ee_conn *conn)
{
    conn->shutting = true;
    conn->shutdown.data = conn;
    int status = uv_shutdown(&conn->shutdown, (uv_stream_t *)&conn->tcp, shut);
    if (status < 0)
        ee_conn_destroy(conn, EE_CLOSED, uv_strerror(status), false);
}

void ee_conn_flush(struct ee_conn *conn)
{
    if (conn->state < EE_CONN_HANDSHAKE)
        return;
    while (!conn->writing && conn->state != EE_CONN_CLOSED)
        if (!send_some(conn))
            break;
    if (conn->state == EE_CONN_CLOSED)
        return;
    if (conn->finish_wanted && !conn->shutting && !conn->writing && ee_conn_queued(conn) == 0)
        end_direction(conn);
    if (conn->above_high && conn->state == EE_CONN_OPEN && ee_conn_queued(conn) <= conn->low) {
        conn->above_high = false;
        if (conn->events && conn->events->drained)
            conn->events->drained(conn->context, conn);
    }
}

void ee_conn_finish(struct ee_conn *conn)
{
    if (conn->state != EE_CONN_OPEN || conn->finish_wanted)
        return;
    conn->finish_wanted = true;
    ee_conn_work_later(conn);
}
