/* SPDX-License-Identifier: Apache-2.0 */
/* One session with the control plane at a time: dialled, lost, dialled again with full jitter. A
 * lost session never touches a workload. */
#include <stdlib.h>
#include <string.h>

#include "agent/state.h"
#include "io/log.h"
#include "io/random.h"

#include "base/banned.h"

enum { BACKOFF_DOUBLINGS_MAX = 10 };

void ee_agent_send(struct ee_agent *agent, json_t *message)
{
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    json_decref(message);
    if (text && agent->link) {
        struct ee_tunnel *tunnel = ee_tunnel_link_tunnel(agent->link);
        enum ee_err err = ee_tunnel_control_send(tunnel, ee_bytes_str(text));
        if (err != EE_OK)
            EE_LOG(EE_LOG_WARN, "session", "a message was not sent", ee_log_err(err));
        ee_tunnel_link_flush(agent->link);
    }
    free(text);
}

void ee_agent_session_fail(struct ee_agent *agent, enum ee_err err, const char *what)
{
    EE_LOG(EE_LOG_ERROR, "session", what, ee_log_err(err), ee_log_text("detail", ee_err_text(err)));
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
        if (messages[i].before_admission || agent->state == EE_AGENT_ADMITTED)
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

void ee_agent_on_message(struct ee_agent *agent, struct ee_bytes text)
{
    json_t *message = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(message))
        message_take(agent, message);
    else
        ee_agent_session_fail(agent, EE_SYNTAX, "a message is not a JSON object");
    json_decref(message);
}

static void on_event(void *context, struct ee_tunnel_link *link,
                     const struct ee_tunnel_event *event)
{
    struct ee_agent *agent = context;
    if (event->kind == EE_TUNNEL_EVENT_CONTROL)
        ee_agent_on_message(agent, event->data);
    else
        ee_backend_on_event(agent->backend, ee_tunnel_link_tunnel(link), event);
}

static void on_open(void *context, struct ee_tunnel_link *link)
{
    struct ee_agent *agent = context;
    (void)link;
    ee_agent_hello(agent);
}

/* Full jitter over a doubling window: many agents that lost one control plane do not come back in
 * step. */
static uint64_t backoff_ms(const struct ee_agent *agent)
{
    uint32_t doublings =
        agent->failures < BACKOFF_DOUBLINGS_MAX ? agent->failures : BACKOFF_DOUBLINGS_MAX;
    uint64_t window_ms = (uint64_t)EE_AGENT_BACKOFF_BASE_MS << doublings;
    uint64_t cap_ms = agent->refused ? EE_AGENT_REFUSED_CAP_MS : EE_AGENT_BACKOFF_CAP_MS;
    uint32_t random;
    ee_random_bytes(&random, sizeof(random));
    return random % ((window_ms < cap_ms ? window_ms : cap_ms) + 1);
}

static void on_closed(void *context, struct ee_tunnel_link *link, enum ee_err err)
{
    struct ee_agent *agent = context;
    bool stable =
        agent->state == EE_AGENT_ADMITTED &&
        ee_loop_now_us(agent->loop) - agent->admitted_at_us > EE_AGENT_SESSION_STABLE_MS * 1000ull;
    agent->failures = stable ? 0 : agent->failures + 1;
    uint64_t delay_ms = backoff_ms(agent);
    EE_LOG(EE_LOG_WARN, "session", "lost; workloads go on", ee_log_err(err),
           ee_log_text("reason", ee_tunnel_link_reason(link)),
           ee_log_unsigned("again_in_ms", delay_ms));
    agent->link = NULL;
    agent->state = EE_AGENT_IDLE;
    ee_agent_evidence_forget(agent);
    ee_timer_stop(agent->admission_timer);
    ee_timer_start(agent->dial_timer, delay_ms, 0);
}

static const struct ee_tunnel_link_events link_events = {
    .open = on_open, .event = on_event, .closed = on_closed};

static void on_dial(void *context)
{
    struct ee_agent *agent = context;
    struct ee_tunnel_config config;
    const struct ee_conn_connect_options options = {.address = agent->options.control_address,
                                                    .tls = agent->tls};
    ee_tunnel_config_default(&config, EE_TUNNEL_ROLE_AGENT);
    memcpy(config.agent, agent->options.node, strlen(agent->options.node) + 1);
    enum ee_err err =
        ee_tunnel_link_dial(agent->loop, &options, &config, &link_events, agent, &agent->link);
    if (err != EE_OK) {
        EE_LOG(EE_LOG_ERROR, "session", "cannot dial", ee_log_err(err));
        agent->failures++;
        ee_timer_start(agent->dial_timer, backoff_ms(agent), 0);
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
    if (agent->link)
        ee_tunnel_link_close(agent->link, EE_TUNNEL_GOING_AWAY, "the agent stops");
    for (unsigned waited_ms = 0; agent->link && waited_ms < LINGER_MS; waited_ms += STEP_MS) {
        bool never = false;
        (void)!ee_loop_run_until(agent->loop, &never, STEP_MS);
    }
    if (agent->link)
        ee_tunnel_link_abort(agent->link, EE_CLOSED);
    while (agent->link) {
        bool never = false;
        (void)!ee_loop_run_until(agent->loop, &never, STEP_MS);
    }
    ee_timer_free(agent->dial_timer);
    ee_timer_free(agent->admission_timer);
    ee_tls_free(agent->tls);
}
