/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners of the gateway, and which app a request is for. */
#include "control/gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/domains.h"
#include "control/gateway_choice.h"
#include "control/gateway_retry.h"
#include "io/clock.h"
#include "io/log.h"

#include "base/banned.h"

static const char path_prefix[] = "/apps/";

/* ---- answers of our own ---- */

void ee_gateway_answer(struct ee_gateway_request *request, uint16_t status, const char *text)
{
    struct ee_http_exchange *exchange = request->exchange;
    char body[128];
    if (exchange == NULL)
        return;
    request->status = status;
    request->answered = true;
    snprintf(body, sizeof body, "%s\n", text);
    struct ee_http_head *head = ee_http_exchange_head(exchange);
    enum ee_err err = ee_http_head_response(head, status, ee_bytes_str(""));
    if (err == EE_OK)
        err = ee_http_head_add_text(head, "Content-Type", "text/plain; charset=utf-8");
    if (err == EE_OK && status == 503)
        err = ee_http_head_add_text(head, "Retry-After", "1");
    if (err == EE_OK)
        err = ee_http_exchange_answer(exchange, head, ee_bytes_str(body));
    if (err != EE_OK && err != EE_CLOSED)
        ee_http_exchange_abort(exchange, err);
}

void ee_gateway_request_free(struct ee_gateway_request *request)
{
    const uint64_t us = ee_clock_monotonic_us() - request->started_us;
    if (request->passthrough)
        EE_LOG(EE_LOG_INFO, "gateway", "passed through", ee_log_text("app", request->app),
               ee_log_unsigned("received", request->received),
               ee_log_unsigned("sent", request->sent), ee_log_unsigned("us", us));
    else
        EE_LOG(EE_LOG_INFO, "gateway", "request", ee_log_text("app", request->app),
               ee_log_number("status", request->status),
               ee_log_bool("websocket", request->websocket), ee_log_unsigned("us", us));
    request->gateway->busy--;
    if (request->next != NULL)
        request->next->previous = request->previous;
    if (request->previous != NULL)
        request->previous->next = request->next;
    else
        request->gateway->requests = request->next;
    ee_gateway_group_leave(request);
    ee_gateway_replay_drop(request);
    ee_buffer_close(&request->held);
    free(request->trailers);
    free(request);
}

void ee_gateway_request_settle(struct ee_gateway_request *request)
{
    if (request->exchange == NULL && request->conn == NULL && request->link == NULL)
        ee_gateway_request_free(request);
}

/* ---- whose request ---- */

static bool take_name(struct ee_bytes text, char out[EE_NAME_MAX + 1])
{
    if (text.size == 0 || text.size > EE_NAME_MAX)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        out[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    out[text.size] = '\0';
    return ee_name_valid(out);
}

/* "NAME.apps.example:8443" is NAME. */
bool ee_gateway_app_of_host(const struct ee_gateway *gateway, struct ee_bytes host,
                            char out[EE_NAME_MAX + 1])
{
    size_t domain = strlen(gateway->domain);
    const uint8_t *colon = host.size > 0 ? memchr(host.data, ':', host.size) : NULL;
    if (colon != NULL)
        host.size = (size_t)(colon - host.data);
    if (host.size <= domain)
        return false;
    for (size_t i = 0; i < domain; i++) {
        uint8_t c = host.data[host.size - domain + i];
        if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != (uint8_t)gateway->domain[i])
            return false;
    }
    return take_name(ee_bytes_of(host.data, host.size - domain), out);
}

/* "NAME" alone, with or without a port: on the plain listener, when there is such an app. */
static bool app_is_host(struct ee_gateway *gateway, struct ee_bytes host, char out[EE_NAME_MAX + 1])
{
    const uint8_t *colon = host.size > 0 ? memchr(host.data, ':', host.size) : NULL;
    if (colon != NULL)
        host.size = (size_t)(colon - host.data);
    return take_name(host, out) && (ee_core_app(ee_control_core(gateway->control), out) != NULL ||
                                    ee_gateway_group_of(gateway, out) != NULL);
}

/* "/apps/NAME/rest" is NAME with the target "/rest". */
static bool app_of_path(struct ee_bytes target, char out[EE_NAME_MAX + 1],
                        struct ee_bytes *rest_out)
{
    size_t prefix = sizeof path_prefix - 1;
    if (target.size <= prefix || memcmp(target.data, path_prefix, prefix) != 0)
        return false;
    struct ee_bytes rest = ee_bytes_of(target.data + prefix, target.size - prefix);
    size_t name = 0;
    while (name < rest.size && rest.data[name] != '/' && rest.data[name] != '?')
        name++;
    if (name == rest.size || rest.data[name] != '/')
        return false;
    *rest_out = ee_bytes_of(rest.data + name, rest.size - name);
    return take_name(ee_bytes_of(rest.data, name), out);
}

void ee_gateway_route(struct ee_gateway_request *request, struct ee_bytes target)
{
    ee_gateway_group_leave(request); /* of a request that has waited */
    struct ee_gateway_group *group = ee_gateway_group_of(request->gateway, request->app);
    request->target = target;
    if (group == NULL && ee_gateway_wait(request, target))
        return;
    if (group == NULL) {
        ee_gateway_answer(request, 404, "there is no app of this name");
        return;
    }
    if (ee_gateway_is_passthrough(request->gateway, request->app)) { /* RFC 9110 15.5.20 */
        ee_gateway_answer(request, 421, "this app's TLS does not end here");
        return;
    }
    ee_gateway_group_join(request, group);
    ee_gateway_dispatch(request);
}

struct ee_gateway_request *ee_gateway_request_new(struct ee_gateway *gateway)
{
    struct ee_gateway_request *request = NULL;
    if (gateway->busy < EE_GATEWAY_REQUESTS_MAX)
        request = calloc(1, sizeof *request);
    if (request == NULL)
        return NULL;
    request->gateway = gateway;
    request->started_us = ee_clock_monotonic_us();
    gateway->busy++;
    request->next = gateway->requests;
    if (request->next != NULL)
        request->next->previous = request;
    gateway->requests = request;
    return request;
}

static struct ee_gateway_request *request_of(struct ee_gateway *gateway,
                                             struct ee_http_exchange *exchange)
{
    struct ee_gateway_request *request = ee_gateway_request_new(gateway);
    if (request == NULL)
        return NULL;
    request->exchange = exchange;
    ee_gateway_handshake_read(request);
    ee_http_exchange_stream(exchange, &ee_gateway_exchange_events, request);
    return request;
}

static void refuse(struct ee_http_exchange *exchange)
{
    enum ee_err err =
        ee_http_exchange_answer_text(exchange, 503, "text/plain", ee_bytes_str("busy\n"));
    if (err != EE_OK)
        ee_http_exchange_abort(exchange, err);
}

static void on_tls_request(void *context, struct ee_http_exchange *exchange)
{
    struct ee_gateway *gateway = context;
    const struct ee_http_head *head = ee_http_exchange_request(exchange);
    struct ee_bytes host = ee_bytes_str("");
    struct ee_gateway_request *request = request_of(gateway, exchange);
    if (request == NULL) {
        refuse(exchange);
        return;
    }
    (void)ee_http_head_find(head, "Host", &host);
    if (ee_gateway_app_of_host(gateway, host, request->app) ||
        ee_domains_find(gateway->control->domains, host, request->app))
        ee_gateway_route(request, ee_http_head_target(head));
    else
        ee_gateway_answer(request, 404, "no app has this host name");
}

/* A host name that is an app's decides; else the path form. */
static void on_plain_request(void *context, struct ee_http_exchange *exchange)
{
    struct ee_gateway *gateway = context;
    const struct ee_http_head *head = ee_http_exchange_request(exchange);
    struct ee_bytes target = ee_http_head_target(head), host = ee_bytes_str("");
    struct ee_gateway_request *request = request_of(gateway, exchange);
    if (request == NULL) {
        refuse(exchange);
        return;
    }
    (void)ee_http_head_find(head, "Host", &host);
    if (ee_gateway_app_of_host(gateway, host, request->app) ||
        app_is_host(gateway, host, request->app) ||
        ee_domains_find(gateway->control->domains, host, request->app) ||
        app_of_path(target, request->app, &target))
        ee_gateway_route(request, target);
    else
        ee_gateway_answer(request, 404, "apps are at /apps/NAME/, or at the host name NAME");
}

/* ---- the gateway ---- */

static enum ee_err open_servers(struct ee_gateway *gateway,
                                const struct ee_gateway_options *options)
{
    struct ee_loop *loop = gateway->control->loop;
    struct ee_http_server_options server = {.address = options->address,
                                            .socket = options->socket,
                                            .tls = options->tls,
                                            .http2 = true,
                                            .claim = ee_gateway_claim,
                                            .request = on_tls_request,
                                            .context = gateway};
    EE_TRY(ee_http_server_new(loop, &server, &gateway->tls_server));
    if (options->http_address == NULL)
        return EE_OK;
    server.address = options->http_address;
    server.socket = options->http_socket;
    server.tls = NULL;
    server.request = on_plain_request;
    return ee_http_server_new(loop, &server, &gateway->plain_server);
}

enum ee_err ee_gateway_new(struct ee_control *control, const struct ee_gateway_options *options,
                           struct ee_gateway **out)
{
    struct ee_gateway *gateway = calloc(1, sizeof *gateway);
    if (gateway == NULL)
        return EE_NO_MEMORY;
    gateway->control = control;
    gateway->head = malloc(sizeof *gateway->head);
    gateway->groups = calloc(EE_GATEWAY_BUCKETS, sizeof(struct ee_gateway_group *));
    int length = snprintf(gateway->domain, sizeof gateway->domain, ".%s", options->domain);
    enum ee_err err = gateway->head == NULL || gateway->groups == NULL ? EE_NO_MEMORY : EE_OK;
    if (length < 0 || (size_t)length >= sizeof gateway->domain)
        err = EE_TOO_LARGE;
    if (err == EE_OK)
        err = ee_gateway_shed_init(gateway);
    if (err == EE_OK)
        err = ee_gateway_passthrough_init(gateway);
    if (err == EE_OK)
        err = ee_gateway_wait_init(gateway);
    if (err == EE_OK)
        err = open_servers(gateway, options);
    if (err != EE_OK) {
        ee_gateway_free(gateway);
        return err;
    }
    *out = gateway;
    return EE_OK;
}

int ee_gateway_socket(const struct ee_gateway *gateway, bool tls)
{
    const struct ee_http_server *server = tls ? gateway->tls_server : gateway->plain_server;
    return server != NULL ? ee_http_server_socket(server) : -1;
}

void ee_gateway_retire(struct ee_gateway *gateway)
{
    ee_http_server_retire(gateway->tls_server);
    if (gateway->plain_server != NULL)
        ee_http_server_retire(gateway->plain_server);
}

void ee_gateway_drain(struct ee_gateway *gateway)
{
    ee_http_server_drain(gateway->tls_server);
    if (gateway->plain_server != NULL)
        ee_http_server_drain(gateway->plain_server);
}

size_t ee_gateway_busy(const struct ee_gateway *gateway)
{
    return gateway->busy;
}

void ee_gateway_free(struct ee_gateway *gateway)
{
    if (gateway == NULL)
        return;
    ee_http_server_free(gateway->tls_server);
    ee_http_server_free(gateway->plain_server);
    ee_timer_free(gateway->shed);
    ee_timer_free(gateway->idle);
    ee_gateway_groups_free(gateway);
    ee_timer_free(gateway->wait);
    free(gateway->head);
    free(gateway);
}

const char *ee_gateway_address(const struct ee_gateway *gateway)
{
    return ee_http_server_address(gateway->tls_server);
}

const char *ee_gateway_http_address(const struct ee_gateway *gateway)
{
    return gateway->plain_server != NULL ? ee_http_server_address(gateway->plain_server) : "";
}
