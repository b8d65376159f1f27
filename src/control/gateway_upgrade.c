/* SPDX-License-Identifier: Apache-2.0 */
/* After a 101: the client's bare connection and the stream carry raw bytes both ways. */
#include "control/gateway_state.h"

#include "base/banned.h"

static void on_conn_data(void *context, struct ee_conn *conn, struct ee_bytes data)
{
    if (!ee_gateway_send(context, data))
        ee_conn_pause(conn);
}

static void on_conn_drained(void *context, struct ee_conn *conn)
{
    (void)conn;
    ee_gateway_consumed(context, 0, true);
}

static void on_conn_ended(void *context, struct ee_conn *conn)
{
    struct ee_gateway_request *request = context;
    (void)conn;
    request->request_done = true;
    (void)ee_gateway_send(request, ee_bytes_str(""));
}

static void on_conn_closed(void *context, struct ee_conn *conn, enum ee_err err)
{
    struct ee_gateway_request *request = context;
    (void)conn;
    (void)err;
    request->conn = NULL;
    ee_gateway_reset(request, EE_TUNNEL_CANCELLED, "the client is gone");
    ee_gateway_request_settle(request);
}

static const struct ee_conn_events raw_events = {.data = on_conn_data,
                                                 .drained = on_conn_drained,
                                                 .ended = on_conn_ended,
                                                 .closed = on_conn_closed};

void ee_gateway_upgrade(struct ee_gateway_request *request, struct ee_http_head *head)
{
    struct ee_buffer rest = {0};
    struct ee_conn *conn;
    enum ee_err err = EE_STATE;
    if (request->websocket)
        err = ee_http_exchange_upgrade(request->exchange, head, &conn, &rest);
    if (err != EE_OK) {
        ee_gateway_reset(request, EE_TUNNEL_PROTOCOL, "101 was not possible here");
        ee_gateway_answer(request, 502, "the app upgraded what was no upgrade");
        return;
    }
    request->answered = true;
    request->exchange = NULL;
    request->conn = conn;
    ee_conn_set_events(conn, &raw_events, request);
    bool all = ee_gateway_send(request, ee_buffer_bytes(&rest));
    ee_buffer_close(&rest);
    if (all)
        ee_conn_resume(conn);
}

void ee_gateway_raw_event(struct ee_gateway_request *request, const struct ee_tunnel_event *event)
{
    struct ee_conn *conn = request->conn;
    if (event->kind != EE_TUNNEL_EVENT_DATA)
        return;
    enum ee_err err = EE_OK;
    if (event->data.size > 0)
        err = ee_conn_write(conn, event->data);
    if (err != EE_OK) {
        ee_conn_abort(conn, err);
        return;
    }
    ee_gateway_consumed(request, event->data.size, ee_conn_writable(conn));
    if (event->end)
        ee_conn_finish(conn);
}
