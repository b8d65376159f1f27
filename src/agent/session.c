/* SPDX-License-Identifier: Apache-2.0 */
/* One session with the control plane at a time: dialled, lost, dialled again with full jitter. A
 * lost session never touches a workload. */
#include <stdlib.h>
#include <string.h>

#include "agent/state.h"
#include "http/websocket.h"
#include "io/log.h"
#include "io/random.h"

#include "base/banned.h"

enum { BACKOFF_DOUBLINGS_MAX = 16 };

/* A development network is one process on the same machine that comes back quickly, and nothing of
 * it waits for half a minute. */
static const struct ee_agent_backoff backoffs[] = {
    [EE_NETWORK_DEVELOPMENT] = {250, 2000, 60000, 250, 10000},
    [EE_NETWORK_PRODUCTION] = {500, 30000, 300000, 3000, 60000},
};

static const struct ee_agent_backoff *backoff_of(const struct ee_agent *agent)
{
    return &backoffs[agent->trust.genesis.kind];
}

void ee_agent_send_on(struct ee_agent *agent, struct ee_tunnel_link *link, json_t *message)
{
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    (void)agent;
    json_decref(message);
    if (text && link) {
        enum ee_err err = ee_tunnel_link_control(link, ee_bytes_str(text));
        if (err != EE_OK)
            EE_LOG(EE_LOG_WARN, "session", "a message was not sent", ee_log_err(err));
    }
    free(text);
}

void ee_agent_send(struct ee_agent *agent, json_t *message)
{
    ee_agent_send_on(agent, agent->current ? agent->current : ee_agent_link_any(agent), message);
}

void ee_agent_session_fail(struct ee_agent *agent, enum ee_err err, const char *what)
{
    EE_LOG(EE_LOG_ERROR, "session", what, ee_log_err(err), ee_log_text("detail", ee_err_text(err)));
    ee_agent_links_close(agent, false, EE_TUNNEL_CANCELLED, ee_err_name(err));
    if (agent->link)
        ee_tunnel_link_close(agent->link, EE_TUNNEL_CANCELLED, ee_err_name(err));
}

static const struct {
    const char *type;
    void (*take)(struct ee_agent *agent, json_t *message);
    bool before_admission;
} messages[] = {
    {"evidence", ee_agent_on_control_evidence, true},
    {"admitted", ee_agent_on_admitted, true},
    {"refused", ee_agent_on_refused, true},
    {"start", ee_agent_lease_on_start, false},
    {"stop", ee_agent_lease_on_stop, false},
    {"ended", ee_agent_lease_on_ended, false},
    {"check", ee_agent_on_check, false},
    {"attest", ee_agent_on_attest, false},
    {"logs", ee_agent_lease_on_logs, false},
    {"checkpoint", ee_agent_on_checkpoint, false},
    {"collateral", ee_agent_on_collateral, false},
};

static void message_take(struct ee_agent *agent, json_t *message)
{
    const char *type = json_string_value(json_object_get(message, "type"));
    for (size_t i = 0; type && i < sizeof(messages) / sizeof(messages[0]); i++) {
        if (strcmp(type, messages[i].type) != 0)
            continue;
        /* The others carry only after they joined an admitted session. */
        if (agent->state == EE_AGENT_ADMITTED || agent->current != agent->link ||
            messages[i].before_admission)
            messages[i].take(agent, message);
        else
            ee_agent_session_fail(agent, EE_PROTOCOL, "a message before admission");
        return;
    }
    if (type && strcmp(type, "error") == 0) {
        EE_LOG(EE_LOG_WARN, "session", "the control plane reports an error",
               ee_log_text("error", json_string_value(json_object_get(message, "error"))));
        return;
    }
    ee_agent_send(agent, json_pack("{s:s, s:s, s:s*}", "type", "error", "error",
                                   ee_err_name(EE_UNSUPPORTED), "detail", type));
}

void ee_agent_on_message(struct ee_agent *agent, struct ee_tunnel_link *link, struct ee_bytes text)
{
    agent->current = link;
    json_t *message = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(message))
        message_take(agent, message);
    else
        ee_agent_session_fail(agent, EE_SYNTAX, "a message is not a JSON object");
    json_decref(message);
    agent->current = NULL;
}

/* The control plane goes: what runs goes on, and a new session is tried at once. */
static void on_goaway(struct ee_agent *agent)
{
    uint32_t random;
    const bool admitted = agent->state == EE_AGENT_ADMITTED;
    agent->farewell = true;
    if (!admitted || !ee_agent_links_park(agent))
        return;
    agent->state = EE_AGENT_IDLE;
    ee_random_bytes(&random, sizeof(random));
    ee_timer_start(agent->dial_timer, random % (backoff_of(agent)->goaway_ms + 1), 0);
}

static void on_event(void *context, struct ee_tunnel_link *link,
                     const struct ee_tunnel_event *event)
{
    struct ee_agent *agent = context;
    if (event->kind == EE_TUNNEL_EVENT_CONTROL)
        ee_agent_on_message(agent, link, event->data);
    else if (event->kind == EE_TUNNEL_EVENT_GOAWAY)
        on_goaway(agent);
    else
        ee_backend_on_event(agent->backend, ee_tunnel_link_tunnel(link), event);
}

static void on_open(void *context, struct ee_tunnel_link *link)
{
    struct ee_agent *agent = context;
    (void)link;
    ee_agent_hello(agent);
}

uint64_t ee_agent_backoff_ms(const struct ee_agent *agent, uint32_t failures)
{
    const struct ee_agent_backoff *backoff = backoff_of(agent);
    const uint32_t doublings = failures < BACKOFF_DOUBLINGS_MAX ? failures : BACKOFF_DOUBLINGS_MAX;
    const uint64_t window_ms = (uint64_t)backoff->base_ms << doublings;
    const uint64_t cap_ms = agent->refused ? backoff->refused_cap_ms : backoff->cap_ms;
    uint32_t random;
    ee_random_bytes(&random, sizeof(random));
    return random % ((window_ms < cap_ms ? window_ms : cap_ms) + 1);
}

/* Until the next try; what the server asked for in Retry-After comes on top of the jitter. */
static uint64_t delay_ms(struct ee_agent *agent, const struct ee_tunnel_link *link)
{
    const uint16_t code = ee_tunnel_link_close_code(link);
    const bool farewell =
        agent->farewell || code == EE_WS_CLOSE_GOING_AWAY || code == EE_WS_CLOSE_RESTART;
    const bool first = farewell && !agent->refused && agent->failures <= 1;
    uint32_t random;
    agent->farewell = false;
    ee_random_bytes(&random, sizeof(random));
    if (first)
        return random % (backoff_of(agent)->goaway_ms + 1);
    return ee_agent_backoff_ms(agent, agent->failures - (agent->failures > 0)) +
           ee_tunnel_link_retry_after_s(link) * (uint64_t)1000;
}

static void on_closed(void *context, struct ee_tunnel_link *link, enum ee_err err)
{
    struct ee_agent *agent = context;
    const bool admitted = agent->state == EE_AGENT_ADMITTED;
    const bool stable = admitted && ee_loop_now_us(agent->loop) - agent->admitted_at_us >
                                        backoff_of(agent)->stable_ms * 1000ull;
    agent->link = NULL;
    ee_agent_evidence_forget(agent, link);
    if (admitted && ee_agent_link_promote(agent)) {
        EE_LOG(EE_LOG_WARN, "session", "a connection was lost, another goes on", ee_log_err(err),
               ee_log_text("reason", ee_tunnel_link_reason(link)));
        return;
    }
    agent->failures = stable ? 1 : agent->failures + 1;
    const uint64_t again_ms = delay_ms(agent, link);
    EE_LOG(EE_LOG_WARN, "session", "lost; workloads go on", ee_log_err(err),
           ee_log_text("reason", ee_tunnel_link_reason(link)),
           ee_log_unsigned("again_in_ms", again_ms));
    agent->state = EE_AGENT_IDLE;
    ee_timer_stop(agent->admission_timer);
    ee_timer_start(agent->dial_timer, again_ms, 0);
}

static const struct ee_tunnel_link_events link_events = {
    .open = on_open, .event = on_event, .closed = on_closed};

void ee_agent_link_own(struct ee_agent *agent)
{
    ee_tunnel_link_owner_set(agent->link, &link_events, agent);
}

enum ee_err ee_agent_dial(struct ee_agent *agent, const struct ee_tunnel_link_events *events,
                          void *context, struct ee_tunnel_link **out)
{
    struct ee_tunnel_config config;
    const struct ee_conn_connect_options options = {.address = agent->options.control_address,
                                                    .tls = agent->tls};
    ee_tunnel_config_default(&config, EE_TUNNEL_ROLE_AGENT);
    config.hello_timeout_us = EE_AGENT_ADMISSION_MS * (uint64_t)1000;
    config.epoch = agent->epoch;
    memcpy(config.agent, agent->options.node, strlen(agent->options.node) + 1);
    return ee_tunnel_link_dial(agent->loop, &options, &config, events, context, out);
}

static void on_dial(void *context)
{
    struct ee_agent *agent = context;
    enum ee_err err = ee_agent_dial(agent, &link_events, agent, &agent->link);
    if (err != EE_OK) {
        EE_LOG(EE_LOG_ERROR, "session", "cannot dial", ee_log_err(err));
        ee_timer_start(agent->dial_timer, ee_agent_backoff_ms(agent, agent->failures++), 0);
        return;
    }
    agent->state = EE_AGENT_DIALING;
    ee_timer_start(agent->admission_timer, EE_AGENT_ADMISSION_MS, 0);
}

static void on_admission_timeout(void *context)
{
    struct ee_agent *agent = context;
    if (agent->link)
        ee_tunnel_link_abort(agent->link, EE_TIMEOUT);
}

enum ee_err ee_agent_session_init(struct ee_agent *agent)
{
    const struct ee_tls_client_options options = {
        .judged_by_attestation = true,
        .certificate_pem = ee_pem_bytes(&agent->identity->tls_certificate),
        .key_pem = ee_pem_bytes(&agent->identity->tls_key)};
    EE_TRY(ee_agent_links_init(agent));
    EE_TRY(ee_timer_new(agent->loop, on_dial, agent, &agent->dial_timer));
    EE_TRY(ee_timer_new(agent->loop, on_admission_timeout, agent, &agent->admission_timer));
    return ee_tls_client_new(&options, &agent->tls);
}

void ee_agent_start(struct ee_agent *agent)
{
    ee_timer_start(agent->dial_timer, 0, 0);
}

/* Gives the last messages a moment to leave, then ends for good. */
void ee_agent_session_end(struct ee_agent *agent)
{
    enum { LINGER_MS = 500, STEP_MS = 10 };
    if (agent->extra_timer)
        ee_timer_stop(agent->extra_timer);
    ee_agent_links_close(agent, true, EE_TUNNEL_GOING_AWAY, "the agent stops");
    if (agent->link)
        ee_tunnel_link_close(agent->link, EE_TUNNEL_GOING_AWAY, "the agent stops");
    for (unsigned waited_ms = 0; ee_agent_links_left(agent); waited_ms += STEP_MS) {
        bool never = false;
        if (waited_ms >= LINGER_MS) {
            ee_agent_links_abort(agent);
            if (agent->link)
                ee_tunnel_link_abort(agent->link, EE_CLOSED);
        }
        (void)!ee_loop_run_until(agent->loop, &never, STEP_MS);
    }
    ee_timer_free(agent->dial_timer);
    ee_timer_free(agent->extra_timer);
    ee_timer_free(agent->admission_timer);
    ee_wipe(agent->join_secret, sizeof(agent->join_secret));
    ee_tls_free(agent->tls);
}
