/* SPDX-License-Identifier: Apache-2.0 */
#include "link/http_write.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "http/writer.h"

#include "base/banned.h"

enum ee_err ee_http_framing_set(struct ee_http_head *head, const struct ee_http_framing *framing)
{
    char length[24];
    ee_http_head_remove(head, "Content-Length");
    ee_http_head_remove(head, "Transfer-Encoding");
    if (framing->chunked)
        return ee_http_head_add_text(head, "Transfer-Encoding", "chunked");
    if (!framing->has_length)
        return EE_OK;
    (void)snprintf(length, sizeof(length), "%" PRIu64, framing->left);
    return ee_http_head_add_text(head, "Content-Length", length);
}

static enum ee_err queue(struct ee_conn *conn, struct ee_bytes bytes)
{
    enum ee_err err = ee_conn_write(conn, bytes);
    return err == EE_STATE ? EE_CLOSED : err;
}

static enum ee_err room_check(struct ee_conn *conn, size_t size)
{
    size_t room = ee_conn_room(conn);
    if (size <= room)
        return EE_OK;
    return room > 0 || ee_conn_is_open(conn) ? EE_FULL : EE_CLOSED;
}

static enum ee_err head_write(struct ee_writer *w, const struct ee_http_head *head)
{
    return head->status ? ee_http_response_write(w, head) : ee_http_request_write(w, head);
}

enum ee_err ee_http_head_queue(struct ee_conn *conn, const struct ee_http_head *head, size_t more)
{
    struct ee_writer w;
    uint8_t *wire = ee_realloc(&ee_allocator_system, NULL, EE_HTTP_HEAD_WIRE_MAX, 1);
    if (!wire)
        return EE_NO_MEMORY;
    ee_writer_init(&w, wire, EE_HTTP_HEAD_WIRE_MAX);
    enum ee_err err = head_write(&w, head);
    if (err == EE_OK)
        err = room_check(conn, ee_writer_done(&w).size + more);
    if (err == EE_OK)
        err = queue(conn, ee_writer_done(&w));
    ee_free(&ee_allocator_system, wire);
    return err;
}

/* One chunk: its size line, the bytes and CRLF (RFC 9112 section 7.1). */
static enum ee_err chunk_queue(struct ee_conn *conn, struct ee_bytes bytes)
{
    char line[EE_HTTP_CHUNK_OVERHEAD];
    int size = snprintf(line, sizeof(line), "%zx\r\n", bytes.size);
    EE_TRY(room_check(conn, bytes.size + (size_t)size + 2));
    EE_TRY(queue(conn, ee_bytes_of(line, (size_t)size)));
    EE_TRY(queue(conn, bytes));
    return queue(conn, ee_bytes_str("\r\n"));
}

enum ee_err ee_http_body_queue(struct ee_conn *conn, struct ee_http_framing *framing,
                               struct ee_bytes bytes)
{
    if (bytes.size == 0)
        return EE_OK; /* an empty chunk would end the body */
    if (framing->chunked)
        return chunk_queue(conn, bytes);
    if (framing->has_length && bytes.size > framing->left)
        return EE_RANGE;
    EE_TRY(room_check(conn, bytes.size));
    EE_TRY(queue(conn, bytes));
    if (framing->has_length)
        framing->left -= bytes.size;
    return EE_OK;
}

enum ee_err ee_http_end_queue(struct ee_conn *conn, const struct ee_http_framing *framing,
                              const struct ee_http_head *trailers)
{
    struct ee_writer w;
    if (!framing->chunked)
        return framing->has_length && framing->left > 0 ? EE_RANGE : EE_OK;
    uint8_t *wire = ee_realloc(&ee_allocator_system, NULL, EE_HTTP_HEAD_WIRE_MAX, 1);
    if (!wire)
        return EE_NO_MEMORY;
    ee_writer_init(&w, wire, EE_HTTP_HEAD_WIRE_MAX);
    enum ee_err err = ee_http_chunk_end_write(&w, trailers);
    if (err == EE_OK)
        err = room_check(conn, ee_writer_done(&w).size);
    if (err == EE_OK)
        err = queue(conn, ee_writer_done(&w));
    ee_free(&ee_allocator_system, wire);
    return err;
}
