/* SPDX-License-Identifier: Apache-2.0 */
/* Connections whose TLS the agent ends: the name in the client's first message says whose they are,
 * and nothing behind it is read here. docs/spec/passthrough.md. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "control/gateway_choice.h"
#include "control/services.h"
#include "core/deployment.h"
#include "io/log.h"
#include "io/random.h"

#include "base/banned.h"

enum {
    OPEN_MAX = 512,   /* connections of one app, half of what the listener takes */
    IDLE_MS = 600000, /* without a byte in either direction */
    IDLE_LOOK_MS = 15000,
};

bool ee_gateway_is_passthrough(const struct ee_gateway *gateway, const char *app_name)
{
    const struct ee_app *app = ee_core_app(ee_control_core(gateway->control), app_name);
    if (app == NULL)
        return ee_services_passthrough(gateway->control, app_name);
    return app->workload == EE_WORKLOAD_APP &&
           ee_deployment_privacy(app->deployment) == EE_PRIVACY_PASSTHROUGH;
}

/* ---- those that rest ---- */

static void idle_look(void *context)
{
    struct ee_gateway *gateway = context;
    const uint64_t now_us = ee_loop_now_us(gateway->control->loop);
    bool any = false;
    for (struct ee_gateway_request *r = gateway->requests, *next; r != NULL; r = next) {
        next = r->next;
        any = any || r->passthrough;
        if (!r->passthrough || now_us - r->moved_us < IDLE_MS * 1000ull)
            continue;
        if (r->conn != NULL)
            ee_conn_abort(r->conn, EE_TIMEOUT); /* `closed` does the rest */
        ee_gateway_reset(r, EE_TUNNEL_TIMEOUT, "nothing moves");
        ee_gateway_request_settle(r);
    }
    if (!any)
        ee_timer_stop(gateway->idle);
}

enum ee_err ee_gateway_passthrough_init(struct ee_gateway *gateway)
{
    return ee_timer_new(gateway->control->loop, idle_look, gateway, &gateway->idle);
}

/* ---- a connection ---- */

/* RFC 8446 section 6: a fatal alert in the clear, which every client may get before the keys. */
static void refuse(struct ee_conn *conn, const char *app, const char *why)
{
    static const uint8_t internal_error[] = {21, 3, 3, 0, 2, 2, 80};
    EE_LOG(EE_LOG_INFO, "gateway", "not passed through", ee_log_text("app", app),
           ee_log_text("why", why));
    if (ee_conn_write(conn, ee_bytes_of(internal_error, sizeof(internal_error))) == EE_OK)
        ee_conn_close(conn, EE_UNAVAILABLE);
    else
        ee_conn_abort(conn, EE_UNAVAILABLE);
}

static bool has_room(const struct ee_gateway *gateway, const char *app)
{
    size_t open = 0;
    for (const struct ee_gateway_request *r = gateway->requests; r != NULL; r = r->next)
        open += r->passthrough && strcmp(r->app, app) == 0;
    return open < OPEN_MAX;
}

static enum ee_err open_stream(struct ee_gateway_request *request, struct ee_conn *conn,
                               const char *server_name)
{
    uint8_t id[16];
    char id_text[33];
    ee_random_bytes(id, sizeof id);
    struct ee_tunnel_open open = {
        .kind = EE_TUNNEL_KIND_TCP,
        .app = ee_bytes_str(request->app),
        .source = ee_bytes_str(ee_conn_peer(conn)),
        .scheme = ee_bytes_str("tls"),
        .server_name = ee_bytes_str(server_name),
        .request_id = ee_bytes_str(ee_hex_encode(id, sizeof id, id_text)),
    };
    memcpy(open.instance, request->lease, EE_ID_SIZE);
    return ee_tunnel_open(ee_tunnel_link_tunnel(request->link), &open, false, request,
                          &request->stream);
}

static void pass(struct ee_gateway *gateway, const char *app, struct ee_conn *conn,
                 const char *server_name, struct ee_bytes received)
{
    struct ee_gateway_request *request =
        has_room(gateway, app) ? ee_gateway_request_new(gateway) : NULL;
    if (request == NULL) {
        refuse(conn, app, "too many connections");
        return;
    }
    memcpy(request->app, app, strlen(app) + 1);
    request->passthrough = true;
    struct ee_gateway_group *group = ee_gateway_group_of(gateway, app);
    if (group != NULL) {
        ee_gateway_group_join(request, group);
        (void)ee_gateway_replica_choose(request, 0);
    }
    if (request->link == NULL || open_stream(request, conn, server_name) != EE_OK) {
        request->link = NULL;
        ee_gateway_request_settle(request);
        refuse(conn, app, "no replica of this app is live, or it takes no more");
        return;
    }
    ee_gateway_raw_start(request, conn, received);
    if (!ee_timer_active(gateway->idle))
        ee_timer_start(gateway->idle, IDLE_LOOK_MS, IDLE_LOOK_MS);
}

bool ee_gateway_claim(void *context, struct ee_conn *conn, const struct ee_client_hello *hello,
                      struct ee_bytes received)
{
    struct ee_gateway *gateway = context;
    char app[EE_NAME_MAX + 1];
    if (!ee_gateway_app_of_host(gateway, ee_bytes_str(hello->server_name), app) ||
        !ee_gateway_is_passthrough(gateway, app))
        return false;
    pass(gateway, app, conn, hello->server_name, received);
    return true;
}
