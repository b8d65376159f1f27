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

/* RFC 6455 section 4.2.1. A body behind the handshake would reach the app as bytes of the new
 * protocol, or as its next request: then there is no upgrade. A handshake without a proper key goes
 * on to the app, which refuses it better than we can. */
void ee_gateway_handshake_read(struct ee_gateway_request *request)
{
    const struct ee_http_head *head = ee_http_exchange_request(request->exchange);
    struct ee_bytes upgrade = {0}, key = {0};
    request->websocket = ee_http_exchange_wants_upgrade(request->exchange) &&
                         !ee_http_exchange_has_body(request->exchange) &&
                         ee_http_equal(ee_http_head_method(head), "GET") &&
                         ee_http_head_count(head, "Upgrade") == 1 &&
                         ee_http_head_find(head, "Upgrade", &upgrade) &&
                         ee_http_equal(upgrade, "websocket");
    const enum ee_err err = ee_ws_request_check(head, false, &key);
    if (!request->websocket || (err != EE_OK && err != EE_UNSUPPORTED))
        return;
    (void)ee_http_head_find(head, "Sec-WebSocket-Key", &key); /* also in another version */
    for (size_t i = 0; i < key.size && i < sizeof request->key - 1; i++)
        request->key[i] = (char)key.data[i];
}

/* What the app answered must be the answer to this very handshake. */
static bool granted(const struct ee_gateway_request *request, const struct ee_http_head *head)
{
    return request->websocket && request->key[0] != '\0' &&
           ee_ws_response_check(head, ee_bytes_str(request->key), NULL) == EE_OK;
}

/* HTTP/2 (RFC 8441): the exchange itself goes on with bytes. */
static enum ee_err upgrade_stream(struct ee_gateway_request *request, struct ee_http_head *head)
{
    EE_TRY(ee_http_exchange_upgrade_stream(request->exchange, head));
    request->answered = true;
    request->raw = true;
    return EE_OK;
}

void ee_gateway_upgrade(struct ee_gateway_request *request, struct ee_http_head *head)
{
    struct ee_buffer rest = {0};
    struct ee_conn *conn = NULL;
    enum ee_err err = EE_STATE;
    if (granted(request, head))
        err = ee_http_exchange_is_http2(request->exchange)
                  ? upgrade_stream(request, head)
                  : ee_http_exchange_upgrade(request->exchange, head, &conn, &rest);
    if (err != EE_OK) {
        ee_gateway_reset(request, EE_TUNNEL_PROTOCOL, "101 was not possible here");
        ee_gateway_answer(request, 502, "the app upgraded what was no upgrade");
        return;
    }
    if (conn == NULL)
        return;
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
