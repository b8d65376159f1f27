/* SPDX-License-Identifier: Apache-2.0 */
#include "control/gateway_retry.h"

#include "control/gateway_choice.h"
#include "io/clock.h"
#include "io/log.h"

#include "base/banned.h"

/* ---- what was sent, to send it again ---- */

void ee_gateway_replay_drop(struct ee_gateway_request *request)
{
    request->gateway->replay_size -= ee_buffer_bytes(&request->replay).size;
    ee_buffer_close(&request->replay);
    request->replay_whole = false;
}

void ee_gateway_replay_keep(struct ee_gateway_request *request, struct ee_bytes bytes)
{
    struct ee_gateway *gateway = request->gateway;
    if (!request->replay_whole)
        return;
    const size_t had = ee_buffer_bytes(&request->replay).size;
    if (bytes.size > EE_GATEWAY_REPLAY_MAX - had ||
        bytes.size > EE_GATEWAY_REPLAY_POOL - gateway->replay_size ||
        ee_buffer_append(&request->replay, bytes) != EE_OK)
        ee_gateway_replay_drop(request);
    else
        gateway->replay_size += bytes.size;
}

/* A body that is known to be too long is not kept at all. */
static void replay_begin(struct ee_gateway_request *request)
{
    uint64_t length;
    request->replay_whole =
        !ee_http_exchange_length(request->exchange, &length) || length <= EE_GATEWAY_REPLAY_MAX;
}

/* ---- a stream at one of them ---- */

static uint64_t tried_set(const struct ee_gateway_request *request)
{
    uint64_t set = 0;
    for (size_t i = 0; i < request->group->count; i++)
        for (size_t k = 0; k < request->tries; k++)
            if (request->group->replicas[i].id == request->tried[k])
                set |= (uint64_t)1 << i;
    return set;
}

/* What is wrong with the request itself is so everywhere. */
static bool is_final(enum ee_err err)
{
    return err == EE_OK || err == EE_TOO_LARGE || err == EE_SYNTAX || err == EE_HTTP ||
           err == EE_NO_MEMORY;
}

/* Until one takes it. EE_NOT_FOUND: no (other) replica is live; else why the last one did not. */
static enum ee_err open_anywhere(struct ee_gateway_request *request, uint64_t left_out)
{
    enum ee_err err = EE_NOT_FOUND;
    for (;;) {
        const size_t i = ee_gateway_replica_choose(request, left_out);
        if (i == request->group->count)
            return err;
        err = ee_gateway_open(request);
        if (err == EE_OK)
            request->tried[request->tries++] = request->replica;
        if (is_final(err))
            return err;
        ee_gateway_replica_leave(request);
        request->link = NULL;
        left_out |= (uint64_t)1 << i;
    }
}

void ee_gateway_dispatch(struct ee_gateway_request *request)
{
    if (ee_gateway_answers_itself(request))
        return;
    replay_begin(request);
    const enum ee_err err = open_anywhere(request, 0);
    if (err == EE_OK)
        return;
    request->link = NULL;
    if (err == EE_NOT_FOUND && ee_gateway_wait(request, request->target))
        return;
    if (err == EE_NOT_FOUND)
        ee_gateway_answer(request, 503, "no replica of this app is live; try again");
    else if (is_final(err) && err != EE_NO_MEMORY)
        ee_gateway_answer(request, 431, "the header is too large to be passed on");
    else
        ee_gateway_answer(request, 503, "the agent takes no more requests now; try again");
}

/* ---- again ---- */

/* RFC 9110 section 9.2.1; or the client has said that twice is as good as once. */
static bool may_run_twice(const struct ee_gateway_request *request)
{
    const struct ee_http_head *head = ee_http_exchange_request(request->exchange);
    const struct ee_bytes method = ee_http_head_method(head);
    struct ee_bytes key;
    return ee_http_equal(method, "GET") || ee_http_equal(method, "HEAD") ||
           ee_http_equal(method, "OPTIONS") ||
           (ee_http_head_find(head, "Idempotency-Key", &key) && key.size > 0);
}

/* Refused: nothing was done, whatever was asked. Lost, or no connection to the app: perhaps. */
static bool may_go_on(const struct ee_gateway_request *request, uint32_t code)
{
    if (request->exchange == NULL || request->answered || request->interim || request->raw ||
        request->tries == 0 || request->tries >= EE_GATEWAY_TRIES_MAX)
        return false;
    if (ee_http_exchange_has_body(request->exchange) && !request->replay_whole)
        return false;
    return code == EE_TUNNEL_REFUSED ||
           ((code == EE_TUNNEL_GOING_AWAY || code == EE_TUNNEL_BACKEND_REFUSED) &&
            may_run_twice(request));
}

/* The body so far, in one piece; `held` was the end of it. */
static void replay(struct ee_gateway_request *request)
{
    request->end_sent = request->end_sent && !ee_http_exchange_has_body(request->exchange);
    ee_buffer_close(&request->held);
    request->unreported = 0;
    if (ee_gateway_send(request, ee_buffer_bytes(&request->replay)) && request->exchange != NULL)
        ee_http_exchange_resume(request->exchange);
}

bool ee_gateway_retry(struct ee_gateway_request *request, uint32_t code)
{
    struct ee_gateway *gateway = request->gateway;
    if (!may_go_on(request, code) || ee_gateway_group_of(gateway, request->app) != request->group ||
        request->group == NULL ||
        !ee_balance_retry_granted(&request->group->budget, ee_clock_monotonic_us()))
        return false;
    enum ee_err err = open_anywhere(request, tried_set(request));
    if (err == EE_NOT_FOUND && code == EE_TUNNEL_GOING_AWAY) /* it may have another connection */
        err = open_anywhere(request, 0);
    if (err != EE_OK) {
        ee_gateway_replica_leave(request);
        request->link = NULL;
        return false;
    }
    EE_LOG(EE_LOG_INFO, "gateway", "a request goes to another replica",
           ee_log_text("app", request->app), ee_log_unsigned("try", request->tries),
           ee_log_text("because", ee_tunnel_code_name(code)));
    replay(request);
    return true;
}
