/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that do not read their answers hold the window their agent's connection has for all
 * streams together. When they hold most of it, those that have waited longest are let go: else a
 * few could stop an app for everybody. */
#include "control/gateway_state.h"
#include "io/log.h"

#include "base/banned.h"

enum {
    SHED_EVERY_MS = 100,
    SHED_AFTER_US = 500 * 1000,    /* without room for more, while others want some */
    SHED_ABOVE = 10 * 1024 * 1024, /* bytes of one tunnel not taken, of the 16 MiB it has */
    SHED_TO = 4 * 1024 * 1024,
};

static uint64_t unconsumed(const struct ee_gateway_request *request)
{
    struct ee_tunnel_stats stats;
    ee_tunnel_stats_get(ee_tunnel_link_tunnel(request->link), &stats);
    return stats.unconsumed;
}

static void let_go(struct ee_gateway_request *request)
{
    EE_LOG(EE_LOG_WARN, "gateway", "answer not read", ee_log_text("app", request->app));
    ee_gateway_reset(request, EE_TUNNEL_CANCELLED, "the client does not read");
    if (request->exchange != NULL)
        ee_http_exchange_abort(request->exchange, EE_TIMEOUT);
    else if (request->conn != NULL)
        ee_conn_abort(request->conn, EE_TIMEOUT);
}

/* The one that waits longest of those that share the tunnel of `of`. */
static struct ee_gateway_request *longest(struct ee_gateway_request *of, uint64_t now_us)
{
    struct ee_gateway_request *found = NULL;
    for (struct ee_gateway_request *r = of->gateway->requests; r != NULL; r = r->next)
        if (r->link == of->link && r->blocked_us != 0 && now_us - r->blocked_us >= SHED_AFTER_US &&
            (found == NULL || r->blocked_us < found->blocked_us))
            found = r;
    return found;
}

static void shed(void *context)
{
    struct ee_gateway *gateway = context;
    const uint64_t now_us = ee_loop_now_us(gateway->control->loop);
    bool blocked = false;
    for (struct ee_gateway_request *r = gateway->requests; r != NULL; r = r->next) {
        if (r->link == NULL || r->blocked_us == 0)
            continue;
        blocked = true;
        if (unconsumed(r) <= SHED_ABOVE)
            continue;
        struct ee_gateway_request *victim;
        while (r->link != NULL && unconsumed(r) > SHED_TO && (victim = longest(r, now_us)) != NULL)
            let_go(victim);
    }
    if (!blocked)
        ee_timer_stop(gateway->shed);
}

enum ee_err ee_gateway_shed_init(struct ee_gateway *gateway)
{
    return ee_timer_new(gateway->control->loop, shed, gateway, &gateway->shed);
}

void ee_gateway_shed_note(struct ee_gateway_request *request, bool writable)
{
    struct ee_gateway *gateway = request->gateway;
    if (writable || request->unreported == 0)
        request->blocked_us = 0;
    else if (request->blocked_us == 0)
        request->blocked_us = ee_loop_now_us(gateway->control->loop);
    if (request->blocked_us != 0 && !ee_timer_active(gateway->shed))
        ee_timer_start(gateway->shed, SHED_EVERY_MS, SHED_EVERY_MS);
}
