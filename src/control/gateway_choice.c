/* SPDX-License-Identifier: Apache-2.0 */
#include "control/gateway_choice.h"

#include <string.h>

#include "io/clock.h"
#include "io/log.h"
#include "io/random.h"

#include "base/banned.h"

enum { LOSSES_APART_US = 1000000 };

/* A connection of the agent that takes streams; NULL: none does. */
static struct ee_tunnel_link *link_of(const struct ee_session *session)
{
    if (session == NULL || session->state != EE_SESSION_ADMITTED)
        return NULL;
    return ee_session_link_for_stream(session);
}

static size_t index_of(const struct ee_gateway_group *group, uint64_t id)
{
    for (size_t i = 0; i < group->count; i++)
        if (group->replicas[i].id == id)
            return i;
    return group->count;
}

static uint64_t without_link(const struct ee_gateway_group *group)
{
    uint64_t set = 0;
    for (size_t i = 0; i < group->count; i++)
        if (link_of(group->places[i].session) == NULL)
            set |= (uint64_t)1 << i;
    return set;
}

size_t ee_gateway_replica_choose(struct ee_gateway_request *request, uint64_t tried)
{
    struct ee_gateway_group *group = request->group;
    struct ee_balance_request ask = {.now_us = ee_clock_monotonic_us(),
                                     .tried = tried | without_link(group)};
    if (group->count > 1)
        ee_random_bytes(&ask.random, sizeof ask.random);
    ee_gateway_sticky_read(request, &ask);
    const size_t i = ee_balance_choose(group->replicas, group->count, &ask);
    if (i == group->count)
        return i;
    request->link = link_of(group->places[i].session);
    request->replica = group->replicas[i].id;
    request->counted = true;
    group->replicas[i].in_flight++;
    memcpy(request->lease, group->places[i].instance, EE_ID_SIZE);
    return i;
}

void ee_gateway_replica_leave(struct ee_gateway_request *request)
{
    if (!request->counted)
        return;
    const size_t i = index_of(request->group, request->replica);
    request->counted = false;
    if (i < request->group->count)
        request->group->replicas[i].in_flight--;
}

void ee_gateway_replica_answered(struct ee_gateway_request *request)
{
    if (request->status != 0 || request->group == NULL)
        return;
    const size_t i = index_of(request->group, request->replica);
    if (i < request->group->count)
        ee_balance_succeeded(&request->group->replicas[i], ee_clock_monotonic_us());
}

/* What an app does (answers, stays silent, breaks off) is no error of its replica's tunnel. */
static bool is_tunnel_error(uint32_t code)
{
    return code == EE_TUNNEL_REFUSED || code == EE_TUNNEL_BACKEND_REFUSED ||
           code == EE_TUNNEL_GOING_AWAY || code == EE_TUNNEL_FLOW_CONTROL ||
           code == EE_TUNNEL_INTERNAL;
}

void ee_gateway_replica_failed(struct ee_gateway_request *request, uint32_t code)
{
    struct ee_gateway_group *group = request->group;
    const uint64_t now = ee_clock_monotonic_us();
    const size_t i = group != NULL ? index_of(group, request->replica) : 0;
    if (group == NULL || i == group->count || !is_tunnel_error(code))
        return;
    struct ee_gateway_place *place = &group->places[i];
    if (code == EE_TUNNEL_GOING_AWAY) {
        if (place->lost_us != 0 && now - place->lost_us < LOSSES_APART_US)
            return;
        place->lost_us = now;
    }
    if (ee_balance_failed(group->replicas, group->count, i, now))
        EE_LOG(EE_LOG_WARN, "gateway", "a replica is left out for a while",
               ee_log_text("app", group->app),
               ee_log_text("node", link_of(place->session) != NULL ? place->session->node : ""),
               ee_log_unsigned("times", group->replicas[i].ejections),
               ee_log_unsigned("ms", (group->replicas[i].ejected_until_us - now) / 1000));
}
