/* SPDX-License-Identifier: Apache-2.0 */
/* An agent that is asked to stop: it takes no new requests, those it has may end. */
#include "agent/state.h"
#include "io/log.h"

#include "base/banned.h"

enum { LOOK_MS = 20, MIN_US = 100000 /* what crossed our farewell has come by then */ };

static void on_look(void *context)
{
    const struct ee_agent *agent = context;
    const uint64_t waited_us = ee_loop_now_us(agent->loop) - agent->drain_us;
    const size_t open = ee_agent_links_streams(agent);
    if (waited_us < MIN_US || (open > 0 && waited_us < EE_AGENT_DRAIN_MS * (uint64_t)1000))
        return;
    EE_LOG(EE_LOG_INFO, "agent", "drained", ee_log_unsigned("requests_cut", open),
           ee_log_unsigned("ms", waited_us / 1000));
    ee_loop_stop(agent->loop);
}

void ee_agent_drain(struct ee_agent *agent)
{
    if (agent->drain_timer || !agent->link || agent->state != EE_AGENT_ADMITTED ||
        ee_timer_new(agent->loop, on_look, agent, &agent->drain_timer) != EE_OK) {
        ee_loop_stop(agent->loop);
        return;
    }
    agent->drain_us = ee_loop_now_us(agent->loop);
    EE_LOG(EE_LOG_INFO, "agent", "takes no new requests",
           ee_log_unsigned("in_progress", ee_agent_links_streams(agent)));
    ee_agent_links_goaway(agent);
    ee_timer_start(agent->drain_timer, LOOK_MS, LOOK_MS);
}
