/* SPDX-License-Identifier: Apache-2.0 */
#include "link/tunnel_link_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "io/random.h"

#include "base/banned.h"

/* ---- server ---- */

static void refuse(struct ee_http_exchange *exchange, uint16_t status, const char *text)
{
    struct ee_http_head *head = ee_http_exchange_head(exchange);
    enum ee_err err = ee_http_head_response(head, status, ee_bytes_of(NULL, 0));
    if (err == EE_OK)
        err = ee_http_head_add_text(head, "Content-Type", "text/plain");
    if (err == EE_OK && status == 426) /* RFC 6455 section 4.2.2, point 4 */
        err = ee_http_head_add_text(head, "Sec-WebSocket-Version", "13");
    if (err == EE_OK && status == 426)
        err = ee_http_head_add_text(head, "Upgrade", "websocket");
    if (err == EE_OK)
        err = ee_http_exchange_answer(exchange, head, ee_bytes_str(text));
    if (err != EE_OK)
        ee_http_exchange_abort(exchange, err);
}

static enum ee_err request_check(struct ee_http_exchange *exchange, struct ee_bytes *key_out)
{
    const struct ee_http_head *request = ee_http_exchange_request(exchange);
    enum ee_err err = ee_ws_request_check(request, true, key_out);
    if (err == EE_FORBIDDEN) {
        refuse(exchange, 403, "the tunnel is for agents, not for browsers\n");
    } else if (err == EE_UNSUPPORTED) {
        refuse(exchange, 426, "only version 13 of the WebSocket protocol is spoken\n");
    } else if (err == EE_OK && ee_http_exchange_has_body(exchange)) {
        err = EE_HTTP;
        refuse(exchange, 400, "a WebSocket handshake has no body\n");
    } else if (err == EE_OK && !ee_http_head_has_token(request, "Sec-WebSocket-Protocol",
                                                       EE_TUNNEL_LINK_PROTOCOL)) {
        err = EE_HTTP;
        refuse(exchange, 400, "the subprotocol " EE_TUNNEL_LINK_PROTOCOL " is missing\n");
    } else if (err != EE_OK) {
        refuse(exchange, 400, "this is not a WebSocket handshake\n");
    }
    return err;
}

static enum ee_err upgrade(struct ee_http_exchange *exchange, struct ee_tunnel_link *link,
                           struct ee_bytes key)
{
    struct ee_conn *conn = NULL;
    struct ee_buffer rest = {0};
    struct ee_http_head *head = ee_http_exchange_head(exchange);
    EE_TRY(ee_ws_response_make(key, EE_TUNNEL_LINK_PROTOCOL, head));
    EE_TRY(ee_http_exchange_upgrade(exchange, head, &conn, &rest));
    if (ee_tunnel_link_attach(link, conn, &rest) == EE_OK)
        return EE_OK;
    ee_buffer_close(&rest);
    ee_conn_abort(conn, EE_NO_MEMORY);
    return EE_NO_MEMORY;
}

enum ee_err ee_tunnel_link_accept(struct ee_http_exchange *exchange,
                                  const struct ee_tunnel_config *config,
                                  const struct ee_tunnel_link_events *events, void *context,
                                  struct ee_tunnel_link **out)
{
    struct ee_bytes key;
    struct ee_tunnel_link *link = NULL;
    struct ee_loop *loop = ee_conn_loop(ee_http_exchange_conn(exchange));
    EE_TRY(request_check(exchange, &key));
    enum ee_err err = ee_tunnel_link_new(loop, false, config, events, context, &link);
    if (err != EE_OK) {
        refuse(exchange, 503, "out of memory\n");
        return err;
    }
    err = upgrade(exchange, link, key);
    if (err != EE_OK) {
        ee_tunnel_link_free(link);
        return err;
    }
    *out = link;
    return EE_OK;
}

/* ---- client ---- */

static enum ee_err request_send(struct ee_tunnel_link *link, struct ee_http_client *http,
                                struct ee_http_head *head)
{
    uint8_t key[EE_WS_KEY_SIZE];
    ee_random_bytes(key, sizeof(key));
    ee_base64_encode(key, sizeof(key), link->key_text);
    EE_TRY(ee_ws_request_make(ee_bytes_str(ee_http_client_host(http)),
                              ee_bytes_str(EE_TUNNEL_LINK_PATH), key, EE_TUNNEL_LINK_PROTOCOL,
                              head));
    return ee_http_client_send(http, head, ee_bytes_of(NULL, 0));
}

static void on_open(void *context, struct ee_http_client *http)
{
    struct ee_tunnel_link *link = context;
    struct ee_http_head *head = ee_realloc(&ee_allocator_system, NULL, 1, sizeof(*head));
    enum ee_err err = head ? request_send(link, http, head) : EE_NO_MEMORY;
    ee_free(&ee_allocator_system, head);
    if (err != EE_OK) {
        ee_tunnel_link_note(link, err, ee_bytes_str("the upgrade could not be asked for"));
        ee_http_client_abort(http, err);
        return;
    }
    ee_timer_start(link->timer, EE_TUNNEL_LINK_UPGRADE_MS, 0);
}

/* RFC 9110 section 10.2.3, in seconds; dates are nobody's way to stop a crowd. */
static uint32_t retry_after_s(const struct ee_http_head *head)
{
    char text[12];
    uint64_t seconds;
    struct ee_bytes value;
    if (!ee_http_head_find(head, "Retry-After", &value) || value.size >= sizeof(text))
        return 0;
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    if (ee_u64_parse(text, &seconds) != EE_OK)
        return 0;
    return seconds < EE_TUNNEL_LINK_RETRY_AFTER_MAX_S ? (uint32_t)seconds
                                                      : EE_TUNNEL_LINK_RETRY_AFTER_MAX_S;
}

static void on_head(void *context, struct ee_http_client *http, const struct ee_http_head *head)
{
    struct ee_tunnel_link *link = context;
    char text[64];
    enum ee_err err =
        ee_ws_response_check(head, ee_bytes_str(link->key_text), EE_TUNNEL_LINK_PROTOCOL);
    if (head->status != 101) {
        link->status = head->status;
        link->retry_after_s = retry_after_s(head);
    }
    if (err == EE_OK)
        return;
    (void)snprintf(text, sizeof(text), "the server answered %u to the upgrade",
                   (unsigned)head->status);
    ee_tunnel_link_note(link, err, ee_bytes_str(text));
    ee_http_client_close(http);
}

static void on_upgraded(void *context, struct ee_http_client *http)
{
    struct ee_tunnel_link *link = context;
    struct ee_buffer rest = {0};
    struct ee_conn *conn = ee_http_client_take(http, &rest);
    if (ee_tunnel_link_attach(link, conn, &rest) != EE_OK) {
        ee_buffer_close(&rest);
        ee_conn_abort(conn, EE_NO_MEMORY);
        ee_tunnel_link_over(link, EE_NO_MEMORY, "no memory for the session");
        return;
    }
    if (link->events->open)
        link->events->open(link->context, link);
}

static void on_closed(void *context, struct ee_http_client *http, enum ee_err err)
{
    ee_tunnel_link_over(context, err == EE_OK ? EE_CLOSED : err, ee_http_client_reason(http));
}

static const struct ee_http_client_events http_events = {
    .open = on_open, .head = on_head, .upgraded = on_upgraded, .closed = on_closed};

enum ee_err ee_tunnel_link_dial(struct ee_loop *loop, const struct ee_conn_connect_options *options,
                                const struct ee_tunnel_config *config,
                                const struct ee_tunnel_link_events *events, void *context,
                                struct ee_tunnel_link **out)
{
    struct ee_tunnel_link *link = NULL;
    EE_TRY(ee_tunnel_link_new(loop, true, config, events, context, &link));
    enum ee_err err = ee_http_client_new(loop, options, &http_events, link, &link->http);
    if (err != EE_OK) {
        ee_tunnel_link_free(link);
        return err;
    }
    *out = link;
    return EE_OK;
}
