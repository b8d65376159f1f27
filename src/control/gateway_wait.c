/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that come right after a hand-over, before the app's agent has dialled the new process:
 * they wait a little, and are routed again, instead of being told that no replica is live. */
#include "control/gateway_state.h"

#include "base/banned.h"

enum { LOOK_MS = 20, WAIT_MS = 10000 };

static void try_again(struct ee_gateway_request *request)
{
    request->waiting = false;
    if (request->exchange == NULL)
        return;
    ee_http_exchange_resume(request->exchange);
    ee_gateway_route(request, request->target);
}

static void look(void *context)
{
    struct ee_gateway *gateway = context;
    bool waits = false;
    for (struct ee_gateway_request *r = gateway->requests, *next; r != NULL; r = next) {
        next = r->next;
        if (r->waiting)
            try_again(r);
    }
    for (struct ee_gateway_request *r = gateway->requests; r != NULL; r = r->next)
        waits = waits || r->waiting;
    if (!waits)
        ee_timer_stop(gateway->wait);
}

enum ee_err ee_gateway_wait_init(struct ee_gateway *gateway)
{
    const struct ee_control *control = gateway->control;
    if (control->inheritance.from_process)
        gateway->wait_until_us = ee_loop_now_us(control->loop) + (uint64_t)WAIT_MS * 1000;
    return ee_timer_new(control->loop, look, gateway, &gateway->wait);
}

bool ee_gateway_wait(struct ee_gateway_request *request, struct ee_bytes target)
{
    struct ee_gateway *gateway = request->gateway;
    if (request->exchange == NULL ||
        ee_loop_now_us(gateway->control->loop) >= gateway->wait_until_us)
        return false;
    request->target = target;
    request->waiting = true;
    ee_http_exchange_pause(request->exchange); /* its body stays with the client */
    if (!ee_timer_active(gateway->wait))
        ee_timer_start(gateway->wait, LOOK_MS, LOOK_MS);
    return true;
}
