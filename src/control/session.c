/* SPDX-License-Identifier: Apache-2.0 */
#include "control/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "control/control.h"
#include "control/gateway.h"
#include "control/handover.h"
#include "control/leases.h"
#include "control/scheduler.h"
#include "control/services.h"
#include "io/clock.h"
#include "io/log.h"

#include "base/banned.h"

enum {
    ASK_LOOK_MS = 50,
    CHECKPOINT_LOOK_MS = 250, /* of thousands of agents that are asked nothing */
    ABORT_MS = 1000,
    WAIT_STEP_MS = 10,
};

struct ee_session *ee_session_of_node(struct ee_control *control, const char *node)
{
    for (struct ee_session *s = control->sessions; s != NULL; s = s->next)
        if (s->state == EE_SESSION_ADMITTED && strcmp(s->node, node) == 0)
            return s;
    return NULL;
}

/* The core counts a node as connected from NODE_ADMIT on, before the agent hears of it. Whose
 * admission it was shows the evidence: it answers one connection only. */
bool ee_session_counts(const struct ee_session *session)
{
    if (session->state == EE_SESSION_ADMITTED)
        return true;
    const struct ee_node *node =
        session->state == EE_SESSION_ADMITTING
            ? ee_core_node(ee_control_core(session->control), session->node)
            : NULL;
    return node != NULL && node->connected && node->epoch == session->epoch &&
           memcmp(node->evidence_hash, session->evidence_hash, sizeof node->evidence_hash) == 0;
}

bool ee_session_exists(const struct ee_control *control, const char *node)
{
    for (const struct ee_session *s = control->sessions; s != NULL; s = s->next)
        if (strcmp(s->node, node) == 0 && ee_session_counts(s))
            return true;
    return false;
}

static void session_unlink(struct ee_session *session)
{
    struct ee_control *control = session->control;
    if (session->previous != NULL)
        session->previous->next = session->next;
    else
        control->sessions = session->next;
    if (session->next != NULL)
        session->next->previous = session->previous;
}

void ee_session_free(struct ee_session *session)
{
    session_unlink(session);
    ee_quoter_forget(session->control->quoter, session);
    ee_sequencer_forget(session->control->sequencer, session);
    ee_timer_free(session->timer);
    ee_session_unjoin(session);
    ee_wipe(session->join_secret, sizeof session->join_secret);
    free(session->asks);
    free(session->leases);
    free(session);
}

/* ---- questions ---- */

static void ask_end(struct ee_session_ask *ask, enum ee_err err, const json_t *message)
{
    ee_session_fn fn = ask->fn;
    void *context = ask->context;
    *ask = (struct ee_session_ask){0};
    if (fn != NULL)
        fn(context, err, message);
}

/* Also when only the connection ended that they were asked on. */
void ee_session_asks_end(struct ee_session *session)
{
    for (size_t i = 0; i < session->ask_capacity; i++)
        if (session->asks[i].id != 0)
            ask_end(&session->asks[i], EE_CLOSED, NULL);
}

/* Agents keep the highest head of the log, so that a rolled back journal is noticed. */
static void tell_checkpoint(struct ee_session *session, uint64_t now_us)
{
    const struct ee_sequencer *sequencer = session->control->sequencer;
    uint64_t seq = ee_sequencer_durable_seq(sequencer);
    if (seq == session->checkpoint_seq ||
        now_us < session->checkpoint_us + (uint64_t)EE_SESSION_CHECKPOINT_MS * 1000)
        return;
    session->checkpoint_seq = seq;
    session->checkpoint_us = now_us;
    json_t *message = json_pack("{s:s}", "type", "checkpoint");
    ee_session_checkpoint_add(session, message, "note");
    ee_session_send(session, message);
}

static void on_watch_timer(void *context)
{
    struct ee_session *session = context;
    uint64_t now = ee_clock_monotonic_us();
    size_t open = 0;
    for (size_t i = 0; i < session->ask_capacity; i++)
        if (session->asks[i].id != 0 && now >= session->asks[i].deadline_us)
            ask_end(&session->asks[i], EE_TIMEOUT, NULL);
    for (size_t i = 0; i < session->ask_capacity; i++)
        open += session->asks[i].id != 0;
    if (open == 0 && session->awaits_answers) {
        session->awaits_answers = false;
        ee_timer_start(session->timer, CHECKPOINT_LOOK_MS, CHECKPOINT_LOOK_MS);
    }
    tell_checkpoint(session, now);
}

/* Few agents are asked many things at once. */
static struct ee_session_ask *ask_free(struct ee_session *session)
{
    const size_t had = session->ask_capacity, more = had ? 2 * had : 4;
    for (size_t i = 0; i < had; i++)
        if (session->asks[i].id == 0)
            return &session->asks[i];
    if (more > EE_SESSION_ASKS_MAX)
        return NULL;
    struct ee_session_ask *grown = realloc(session->asks, more * sizeof *grown);
    if (grown == NULL)
        return NULL;
    memset(grown + had, 0, (more - had) * sizeof *grown);
    session->asks = grown;
    session->ask_capacity = more;
    return &grown[had];
}

static enum ee_err ask_take(struct ee_session *session, const struct ee_session_ask *given,
                            uint64_t timeout_ms, json_t *message)
{
    struct ee_session_ask *ask = ask_free(session);
    if (ask == NULL || session->link == NULL || session->state == EE_SESSION_ENDED) {
        json_decref(message);
        return ask == NULL ? EE_FULL : EE_CLOSED;
    }
    *ask = *given;
    ask->id = ++session->next_ask;
    if (!session->awaits_answers && session->timer != NULL)
        ee_timer_start(session->timer, ASK_LOOK_MS, ASK_LOOK_MS);
    session->awaits_answers = true;
    ask->deadline_us = ee_clock_monotonic_us() + timeout_ms * 1000;
    json_object_set_new(message, "id", ee_json_u64(ask->id));
    ee_session_send(session, message);
    return EE_OK;
}

enum ee_err ee_session_ask(struct ee_session *session, json_t *message, const char *type,
                           uint64_t timeout_ms, ee_session_fn fn, void *context)
{
    const struct ee_session_ask ask = {.type = type, .fn = fn, .context = context};
    return ask_take(session, &ask, timeout_ms, message);
}

enum ee_err ee_session_ask_for_client(struct ee_session *session, json_t *message, const char *type,
                                      ee_session_fn fn, void *context)
{
    const struct ee_session_ask ask = {
        .type = type, .for_client = true, .fn = fn, .context = context};
    size_t open = 0;
    for (size_t i = 0; i < session->ask_capacity; i++)
        open += session->asks[i].id != 0 && session->asks[i].for_client;
    if (open < EE_SESSION_CLIENT_ASKS_MAX)
        return ask_take(session, &ask, EE_SESSION_ASK_MS, message);
    json_decref(message);
    return EE_FULL;
}

void ee_session_forget(struct ee_control *control, const void *context)
{
    for (struct ee_session *s = control->sessions; s != NULL; s = s->next)
        for (size_t i = 0; i < s->ask_capacity; i++)
            if (s->asks[i].context == context)
                s->asks[i].fn = NULL;
}

/* Answers carry the id of their question. */
static void on_ask_answer(struct ee_session *session, const char *type, const json_t *message)
{
    uint64_t id = 0;
    char detail[EE_JSON_DETAIL_SIZE];
    const struct ee_json_field fields[] = {{"id", EE_JSON_U64, &id, 0, false}};
    if (ee_json_read(message, fields, 1, EE_JSON_TOLERANT, detail) != EE_OK)
        return;
    for (size_t i = 0; i < session->ask_capacity; i++) {
        struct ee_session_ask *ask = &session->asks[i];
        if (ask->id == 0 || ask->id != id || strcmp(ask->type, type) != 0)
            continue;
        ask_end(ask, EE_OK, message);
        return;
    }
}

/* ---- messages ---- */

void ee_session_send(struct ee_session *session, json_t *message)
{
    char *text = message != NULL ? ee_json_dump(message) : NULL;
    json_decref(message);
    enum ee_err err = EE_NO_MEMORY;
    if (session->link == NULL)
        err = EE_CLOSED;
    else if (text != NULL)
        err = ee_tunnel_control_send(ee_tunnel_link_tunnel(session->link), ee_bytes_str(text));
    free(text);
    if (session->link != NULL)
        ee_tunnel_link_flush(session->link);
    if (err != EE_OK && err != EE_CLOSED)
        ee_session_close(session, err, "a message could not be sent");
}

static void send_error(struct ee_session *session, enum ee_err err, const char *detail)
{
    ee_session_send(session, json_pack("{s:s, s:s, s:s}", "type", "error", "error",
                                       ee_err_name(err), "detail", detail));
}

static void on_agent_error(struct ee_session *session, const json_t *message)
{
    EE_LOG(EE_LOG_WARN, "session", "the agent reports an error", ee_log_text("node", session->node),
           ee_log_text("error", json_string_value(json_object_get(message, "error"))),
           ee_log_text("detail", json_string_value(json_object_get(message, "detail"))));
}

static const struct {
    const char *type;
    enum ee_session_state state;
    void (*fn)(struct ee_session *session, const json_t *message);
} messages[] = {
    {"hello", EE_SESSION_AWAITS_HELLO, ee_session_on_hello},
    {"join", EE_SESSION_AWAITS_HELLO, ee_session_on_join},
    {"evidence", EE_SESSION_AWAITS_EVIDENCE, ee_session_on_evidence},
    {"started", EE_SESSION_ADMITTED, ee_leases_on_started},
    {"start_failed", EE_SESSION_ADMITTED, ee_leases_on_start_failed},
    {"exited", EE_SESSION_ADMITTED, ee_leases_on_exited},
    {"services", EE_SESSION_ADMITTED, ee_services_on_offered},
};

static bool is_answer(const char *type)
{
    return strcmp(type, "checked") == 0 || strcmp(type, "attested") == 0 ||
           strcmp(type, "logs") == 0;
}

static void on_typed(struct ee_session *session, const char *type, const json_t *message)
{
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        if (strcmp(messages[i].type, type) != 0)
            continue;
        if (messages[i].state == session->state)
            messages[i].fn(session, message);
        else
            ee_session_close(session, EE_PROTOCOL, "a message out of order");
        return;
    }
    if (session->state == EE_SESSION_ADMITTED && is_answer(type))
        on_ask_answer(session, type, message);
    else if (strcmp(type, "error") == 0)
        on_agent_error(session, message);
    else if (session->state == EE_SESSION_ADMITTED)
        send_error(session, EE_UNSUPPORTED, "this type of message is not known");
    else
        ee_session_close(session, EE_PROTOCOL, "nothing but admission is accepted yet");
}

static void on_control(struct ee_session *session, struct ee_bytes text)
{
    if (session->state == EE_SESSION_JOINED)
        session = session->primary; /* one conversation over several connections */
    if (session->state == EE_SESSION_ENDED || ee_handover_done(session->control->handover))
        return;
    json_t *message = ee_json_parse(text);
    const char *type = json_string_value(json_object_get(message, "type"));
    if (type == NULL)
        ee_session_close(session, EE_SYNTAX, "a message is not a JSON object with a type");
    else
        on_typed(session, type, message);
    json_decref(message);
}

/* ---- the end ---- */

static void report_lost(struct ee_session *session)
{
    struct ee_control *control = session->control;
    struct ee_node_lost lost = {.epoch = session->epoch};
    uint8_t memory[128];
    struct ee_writer writer;
    if (session->lost_reported || !ee_session_counts(session) || control->stopping)
        return;
    session->lost_reported = true;
    memcpy(lost.node, session->node, sizeof lost.node);
    ee_writer_init(&writer, memory, sizeof memory);
    enum ee_err err = ee_node_lost_encode(&lost, &writer);
    if (err == EE_OK)
        err = ee_control_submit(control, EE_COMMAND_NODE_LOST, ee_writer_done(&writer), NULL, NULL);
    if (err == EE_OK)
        return;
    EE_LOG(EE_LOG_ERROR, "session", "the loss of a node was not recorded; it is tried again",
           ee_log_text("node", session->node), ee_log_err(err));
    ee_scheduler_look_for_absent(control);
}

/* They live by the trust in the first one, and end with it. */
static void joined_end(struct ee_session *session)
{
    for (size_t i = 0; i < EE_SESSION_JOINED_MAX; i++) {
        struct ee_session *joined = session->joined[i];
        if (joined == NULL)
            continue;
        session->joined[i] = NULL;
        joined->primary = NULL;
        joined->state = EE_SESSION_ENDED;
        if (joined->link != NULL)
            ee_tunnel_link_close(joined->link, EE_TUNNEL_GOING_AWAY, "its session ended");
    }
}

static void session_end(struct ee_session *session)
{
    report_lost(session);
    bool was_admitted = session->state == EE_SESSION_ADMITTED;
    session->control->agent_changes++;
    session->state = EE_SESSION_ENDED;
    ee_timer_stop(session->timer);
    ee_session_asks_end(session);
    joined_end(session);
    if (was_admitted)
        ee_scheduler_kick(session->control);
}

void ee_session_close(struct ee_session *session, enum ee_err err, const char *why)
{
    if (session->state == EE_SESSION_ENDED)
        return;
    EE_LOG(EE_LOG_WARN, "session", "closed by us", ee_log_text("node", session->node),
           ee_log_text("why", why), ee_log_err(err));
    session_end(session);
    if (session->link != NULL)
        ee_tunnel_link_close(session->link, EE_TUNNEL_PROTOCOL, why);
}

static void on_event(void *context, struct ee_tunnel_link *link,
                     const struct ee_tunnel_event *event)
{
    struct ee_session *session = context;
    if (event->kind == EE_TUNNEL_EVENT_CONTROL)
        on_control(session, event->data);
    else if (event->kind == EE_TUNNEL_EVENT_GOAWAY)
        EE_LOG(EE_LOG_INFO, "session", "the agent goes away", ee_log_text("node", session->node));
    else if (event->kind == EE_TUNNEL_EVENT_OPENED)
        ee_gateway_refuse_stream(link, event);
    else if (event->stream_context != NULL)
        ee_gateway_on_stream(event);
}

static void on_closed(void *context, struct ee_tunnel_link *link, enum ee_err err)
{
    struct ee_session *session = context;
    EE_LOG(EE_LOG_INFO, "session", "connection ended", ee_log_text("node", session->node),
           ee_log_text("reason", ee_tunnel_link_reason(link)), ee_log_err(err));
    session->link = NULL;
    if (session->state == EE_SESSION_ADMITTED && ee_session_promote(session))
        return;
    if (session->state != EE_SESSION_ENDED)
        session_end(session);
    ee_session_free(session);
}

const struct ee_tunnel_link_events ee_session_link_events = {.event = on_event,
                                                             .closed = on_closed};

static void on_admission_timer(void *context)
{
    ee_session_refuse(context, EE_TIMEOUT, "no message, or no admission, in time");
}

static struct ee_session *session_new(struct ee_control *control)
{
    struct ee_session *session = calloc(1, sizeof *session);
    if (session == NULL)
        return NULL;
    session->control = control;
    if (ee_timer_new(control->loop, on_admission_timer, session, &session->timer) != EE_OK) {
        free(session);
        return NULL;
    }
    session->next = control->sessions;
    if (session->next != NULL)
        session->next->previous = session;
    control->sessions = session;
    return session;
}

enum ee_err ee_session_enrol(struct ee_session *session)
{
    const struct ee_control *control = session->control;
    size_t agents = 0;
    for (const struct ee_session *s = control->sessions; s != NULL; s = s->next)
        agents += s->enrolled && s->state != EE_SESSION_JOINED;
    if (agents >= EE_CONTROL_SESSIONS_MAX && !ee_session_exists(control, session->node))
        return EE_FULL;
    session->enrolled = true;
    return EE_OK;
}

/* A place for a connection that may be anybody's; perhaps another has to go for it. */
static enum ee_err place_take(struct ee_control *control, const struct ee_place *newcomer)
{
    struct ee_place taken[EE_PLACES_MAX];
    struct ee_session *holders[EE_PLACES_MAX];
    size_t count = 0, displaced;
    for (struct ee_session *s = control->sessions; s != NULL && count < EE_PLACES_MAX; s = s->next)
        if (!s->enrolled && !s->displaced) {
            holders[count] = s;
            taken[count++] = s->place;
        }
    EE_TRY(ee_places_choose(taken, count, newcomer, &displaced));
    if (displaced == count)
        return EE_OK;
    struct ee_session *session = holders[displaced];
    EE_LOG(EE_LOG_WARN, "session", "not admitted in time, another needs the place",
           ee_log_text("node", session->node));
    session->displaced = true;
    if (session->state != EE_SESSION_ENDED)
        session_end(session);
    if (session->link != NULL)
        ee_tunnel_link_abort(session->link, EE_TIMEOUT);
    return EE_OK;
}

enum ee_err ee_session_accept(struct ee_control *control, struct ee_http_exchange *exchange)
{
    struct ee_tunnel_config config;
    struct ee_place place = {.since_us = ee_clock_monotonic_us()};
    if (control->stopping)
        return EE_FULL;
    ee_places_peer(ee_conn_peer(ee_http_exchange_conn(exchange)), place.peer);
    EE_TRY(place_take(control, &place));
    struct ee_session *session = session_new(control);
    if (session == NULL)
        return EE_NO_MEMORY;
    session->place = place;
    ee_tunnel_config_default(&config, EE_TUNNEL_ROLE_CONTROL);
    config.hello_timeout_us = (EE_SESSION_HELLO_MS + EE_SESSION_ADMISSION_MS) * 1000;
    config.pool = &control->tunnel_pool;
    enum ee_err err =
        ee_tunnel_link_accept(exchange, &config, &ee_session_link_events, session, &session->link);
    if (err != EE_OK)
        ee_session_free(session);
    else
        ee_timer_start(session->timer, EE_SESSION_HELLO_MS, 0);
    return err;
}

/* Admitted: the timer now watches the questions and the checkpoint. */
enum ee_err ee_session_watch(struct ee_session *session)
{
    struct ee_timer *timer;
    EE_TRY(ee_timer_new(session->control->loop, on_watch_timer, session, &timer));
    ee_timer_free(session->timer);
    session->timer = timer;
    session->awaits_answers = true;
    ee_timer_start(session->timer, ASK_LOOK_MS, ASK_LOOK_MS);
    return EE_OK;
}

void ee_session_goaway_all(struct ee_control *control)
{
    for (struct ee_session *s = control->sessions; s != NULL; s = s->next) {
        if (s->link == NULL || (s->state != EE_SESSION_ADMITTED && s->state != EE_SESSION_JOINED))
            continue;
        enum ee_err err = ee_tunnel_goaway(ee_tunnel_link_tunnel(s->link), EE_TUNNEL_GOING_AWAY,
                                           EE_CONTROL_DRAIN_MS, "the control plane stops");
        if (err != EE_OK) /* it is closing already */
            continue;
        ee_tunnel_link_flush(s->link);
    }
}

void ee_session_retire_all(struct ee_control *control)
{
    for (struct ee_session *s = control->sessions; s != NULL; s = s->next) {
        s->lost_reported = true;
        for (size_t i = 0; i < s->ask_capacity; i++)
            if (s->asks[i].id != 0)
                ask_end(&s->asks[i], EE_CLOSED, NULL);
        ee_timer_stop(s->timer);
    }
}

void ee_session_wait_gone(struct ee_control *control, uint64_t timeout_ms)
{
    bool never = false;
    uint64_t end_us = ee_loop_now_us(control->loop) + timeout_ms * 1000;
    enum ee_err err = EE_TIMEOUT;
    while (err == EE_TIMEOUT && control->sessions != NULL && ee_loop_now_us(control->loop) < end_us)
        err = ee_loop_run_until(control->loop, &never, WAIT_STEP_MS);
}

void ee_session_abort_all(struct ee_control *control)
{
    for (struct ee_session *s = control->sessions; s != NULL; s = s->next)
        if (s->link != NULL)
            ee_tunnel_link_abort(s->link, EE_CLOSED);
    ee_session_wait_gone(control, ABORT_MS);
}

void ee_session_close_all(struct ee_control *control)
{
    for (struct ee_session *s = control->sessions; s != NULL; s = s->next) {
        s->lost_reported = true;
        session_end(s);
        if (s->link != NULL)
            ee_tunnel_link_close(s->link, EE_TUNNEL_GOING_AWAY, "the control plane stops");
    }
}
