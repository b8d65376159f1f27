/* SPDX-License-Identifier: Apache-2.0 */
/* Answers in HTTP/1.1: what an exchange does with its connection. */
#include "link/http_server_internal.h"

#include "base/banned.h"

/* A whole answer ahead of the request's body closes; one in pieces may still see its end. */
static enum ee_err connection_field_set(struct ee_http_exchange *x, struct ee_http_head *head)
{
    bool until_close = !x->framing.chunked && !x->framing.has_length && !x->without_body;
    bool ahead = !x->complete && ee_http_exchange_has_body(x) && !x->in_pieces;
    x->close_after = !x->keep_alive || ahead || until_close || x->connection->ended ||
                     x->connection->server->draining;
    ee_http_head_remove(head, "Connection");
    /* RFC 9110 sections 15.5.22 and 7.8: 426 names the protocol, and Connection names the field. */
    if (head->status == 426 && ee_http_head_count(head, "Upgrade"))
        return ee_http_head_add_text(head, "Connection",
                                     x->close_after ? "close, Upgrade" : "Upgrade");
    if (x->close_after)
        return ee_http_head_add_text(head, "Connection", "close");
    if (x->request->minor == 0)
        return ee_http_head_add_text(head, "Connection", "keep-alive");
    return EE_OK;
}

static enum ee_err begin(struct ee_http_exchange *x, struct ee_http_head *head, bool whole,
                         size_t more)
{
    (void)whole;
    EE_TRY(connection_field_set(x, head));
    return ee_http_head_queue(x->conn, head, more);
}

static enum ee_err write_piece(struct ee_http_exchange *x, struct ee_bytes bytes)
{
    return ee_http_body_queue(x->conn, &x->framing, bytes);
}

static enum ee_err end(struct ee_http_exchange *x, const struct ee_http_head *trailers)
{
    return ee_http_end_queue(x->conn, &x->framing, trailers);
}

static enum ee_err interim(struct ee_http_exchange *x, const struct ee_http_head *head)
{
    return ee_http_head_queue(x->conn, head, 0);
}

static bool writable(const struct ee_http_exchange *x)
{
    return ee_conn_writable(x->conn);
}

static void abort_connection(struct ee_http_exchange *x, enum ee_err err)
{
    x->connection->closing = true;
    ee_conn_abort(x->conn, err);
}

static void later(struct ee_http_exchange *x)
{
    ee_http_connection_later(x->connection);
}

const struct ee_http_exchange_ops ee_http1_exchange_ops = {.begin = begin,
                                                           .write = write_piece,
                                                           .end = end,
                                                           .interim = interim,
                                                           .writable = writable,
                                                           .abort = abort_connection,
                                                           .later = later};

enum ee_err ee_http_exchange_upgrade(struct ee_http_exchange *x, struct ee_http_head *head,
                                     struct ee_conn **conn_out, struct ee_buffer *rest_out)
{
    struct ee_http_connection *c = x->connection;
    if (x->is_http2 || !x->wants_upgrade || !x->complete || x->started || c->closing ||
        head->status != 101)
        return EE_STATE;
    EE_TRY(ee_http_head_queue(c->conn, head, 0));
    ee_conn_pause(c->conn);
    ee_conn_set_events(c->conn, NULL, NULL);
    *conn_out = c->conn;
    *rest_out = c->input;
    c->input = (struct ee_buffer){0};
    ee_http_connection_drop(c);
    return EE_OK;
}
