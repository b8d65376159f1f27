/* SPDX-License-Identifier: Apache-2.0 */
/* Further connections of the session: joined, replaced, drained. docs/spec/agent-protocol.md, "More
 * connections". The first one is in session.c; any of them can take its place. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/state.h"
#include "base/text.h"
#include "io/log.h"
#include "io/random.h"
#include "link/tunnel_join.h"

#include "base/banned.h"

enum {
    LOOK_MS = 1000,
    DRAIN_MS = 30000,
    DRAIN_MIN_US = 1000000, /* what the peer opened before it heard of the drain has come by then */
};

static bool is_carrying(const struct ee_agent_extra *extra)
{
    return extra->state == EE_AGENT_EXTRA_UP || extra->state == EE_AGENT_EXTRA_DRAINING;
}

/* ---- events ---- */

static void extra_drop(struct ee_agent_extra *extra)
{
    *extra = (struct ee_agent_extra){.agent = extra->agent};
}

static void extra_hello(void *context, struct ee_tunnel_link *link)
{
    struct ee_agent_extra *extra = context;
    struct ee_agent *agent = extra->agent;
    const struct ee_conn *conn = ee_tunnel_link_conn(link);
    struct ee_tunnel_join join = {.node = agent->options.node, .epoch = agent->epoch};
    uint8_t proof[EE_TUNNEL_JOIN_SIZE];
    char proof_text[2 * EE_TUNNEL_JOIN_SIZE + 1], epoch[24];
    enum ee_err err = ee_conn_peer_key_hash(conn, join.control_key_hash);
    /* The key that was attested on the first connection, or nobody. */
    if (err == EE_OK && (agent->state != EE_AGENT_ADMITTED ||
                         memcmp(join.control_key_hash, agent->control_key_hash, 32) != 0))
        err = EE_NOT_BOUND;
    memcpy(join.secret, agent->join_secret, sizeof(join.secret));
    memcpy(join.agent_key_hash, agent->identity->tls_key_hash, sizeof(join.agent_key_hash));
    if (err == EE_OK)
        err = ee_tunnel_join_proof(agent->crypto, conn, &join, proof);
    ee_wipe(&join, sizeof(join));
    if (err != EE_OK) {
        ee_tunnel_link_abort(link, err);
        return;
    }
    extra->state = EE_AGENT_EXTRA_JOINING;
    (void)snprintf(epoch, sizeof(epoch), "%" PRIu64, agent->epoch);
    json_t *message =
        json_pack("{s:s, s:s, s:s, s:s}", "type", "join", "node", agent->options.node, "epoch",
                  epoch, "proof", ee_hex_encode(proof, sizeof(proof), proof_text));
    ee_agent_send_on(agent, link, message);
}

static void extra_joined(struct ee_agent_extra *extra, struct ee_bytes text)
{
    json_t *message = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
    const char *type = json_string_value(json_object_get(message, "type"));
    if (type && strcmp(type, "joined") == 0 &&
        ee_tunnel_hello_send(ee_tunnel_link_tunnel(extra->link)) == EE_OK) {
        extra->state = EE_AGENT_EXTRA_UP;
        extra->up_us = ee_loop_now_us(extra->agent->loop);
        extra->agent->extra_failures = 0;
    } else {
        ee_tunnel_link_close(extra->link, EE_TUNNEL_CANCELLED, "not joined");
    }
    json_decref(message);
}

static void extra_event(void *context, struct ee_tunnel_link *link,
                        const struct ee_tunnel_event *event)
{
    struct ee_agent_extra *extra = context;
    struct ee_agent *agent = extra->agent;
    if (event->kind == EE_TUNNEL_EVENT_CONTROL && !is_carrying(extra))
        extra_joined(extra, event->data);
    else if (event->kind == EE_TUNNEL_EVENT_CONTROL)
        ee_agent_on_message(agent, link, event->data);
    else if (event->kind == EE_TUNNEL_EVENT_GOAWAY && extra->state == EE_AGENT_EXTRA_UP)
        extra->state = EE_AGENT_EXTRA_DRAINING;
    else
        ee_backend_on_event(agent->backend, ee_tunnel_link_tunnel(link), event);
}

static void extra_closed(void *context, struct ee_tunnel_link *link, enum ee_err err)
{
    struct ee_agent_extra *extra = context;
    struct ee_agent *agent = extra->agent;
    EE_LOG(EE_LOG_INFO, "session", "a further connection ended", ee_log_err(err),
           ee_log_text("reason", ee_tunnel_link_reason(link)));
    if (!is_carrying(extra))
        agent->extra_failures++;
    agent->extra_next_us =
        ee_loop_now_us(agent->loop) + ee_agent_backoff_ms(agent, agent->extra_failures) * 1000u;
    ee_agent_evidence_forget(agent, link);
    extra_drop(extra);
}

static const struct ee_tunnel_link_events extra_events = {
    .open = extra_hello, .event = extra_event, .closed = extra_closed};

/* ---- the table ---- */

static struct ee_agent_extra *extra_in(struct ee_agent *agent, enum ee_agent_extra_state state)
{
    for (size_t i = 0; i < EE_AGENT_EXTRAS_MAX; i++)
        if (agent->extras[i].state == state)
            return &agent->extras[i];
    return NULL;
}

static size_t extras_in(const struct ee_agent *agent, enum ee_agent_extra_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < EE_AGENT_EXTRAS_MAX; i++)
        count += agent->extras[i].state == state;
    return count;
}

bool ee_agent_link_lives(const struct ee_agent *agent, const struct ee_tunnel_link *link)
{
    bool found = link && link == agent->link;
    for (size_t i = 0; i < EE_AGENT_EXTRAS_MAX; i++)
        found = found || (link && agent->extras[i].link == link);
    return found;
}

struct ee_tunnel_link *ee_agent_link_any(struct ee_agent *agent)
{
    if (agent->link)
        return agent->link;
    struct ee_agent_extra *extra = extra_in(agent, EE_AGENT_EXTRA_UP);
    if (!extra)
        extra = extra_in(agent, EE_AGENT_EXTRA_DRAINING);
    return extra ? extra->link : NULL;
}

void ee_agent_links_flush(struct ee_agent *agent)
{
    if (agent->link)
        ee_tunnel_link_flush(agent->link);
    for (size_t i = 0; i < EE_AGENT_EXTRAS_MAX; i++)
        if (is_carrying(&agent->extras[i]) &&
            ee_tunnel_has_output(ee_tunnel_link_tunnel(agent->extras[i].link)))
            ee_tunnel_link_flush(agent->extras[i].link);
}

/* What the first connection was becomes a further one that drains. */
static bool park(struct ee_agent *agent)
{
    struct ee_agent_extra *extra = extra_in(agent, EE_AGENT_EXTRA_FREE);
    if (!extra)
        return false;
    extra->link = agent->link;
    extra->state = EE_AGENT_EXTRA_DRAINING;
    ee_tunnel_link_owner_set(extra->link, &extra_events, extra);
    agent->link = NULL;
    return true;
}

bool ee_agent_link_promote(struct ee_agent *agent)
{
    struct ee_agent_extra *extra = extra_in(agent, EE_AGENT_EXTRA_UP);
    if (!extra)
        return false;
    agent->link = extra->link;
    agent->link_up_us = extra->up_us;
    ee_agent_link_own(agent);
    extra_drop(extra);
    return true;
}

bool ee_agent_links_park(struct ee_agent *agent)
{
    for (size_t i = 0; i < EE_AGENT_EXTRAS_MAX; i++)
        if (agent->extras[i].state == EE_AGENT_EXTRA_UP)
            agent->extras[i].state = EE_AGENT_EXTRA_DRAINING;
    return park(agent);
}

void ee_agent_links_close(struct ee_agent *agent, bool all, enum ee_tunnel_code code,
                          const char *text)
{
    for (size_t i = 0; i < EE_AGENT_EXTRAS_MAX; i++) {
        const struct ee_agent_extra *extra = &agent->extras[i];
        if (extra->link && (all || extra->state != EE_AGENT_EXTRA_DRAINING))
            ee_tunnel_link_close(extra->link, code, text);
    }
}

void ee_agent_links_abort(struct ee_agent *agent)
{
    for (size_t i = 0; i < EE_AGENT_EXTRAS_MAX; i++)
        if (agent->extras[i].link)
            ee_tunnel_link_abort(agent->extras[i].link, EE_CLOSED);
}

bool ee_agent_links_left(const struct ee_agent *agent)
{
    bool left = agent->link != NULL;
    for (size_t i = 0; i < EE_AGENT_EXTRAS_MAX; i++)
        left = left || agent->extras[i].link;
    return left;
}

/* ---- on a timer ---- */

static void extra_dial(struct ee_agent *agent)
{
    struct ee_agent_extra *extra = extra_in(agent, EE_AGENT_EXTRA_FREE);
    if (!extra)
        return;
    if (ee_agent_dial(agent, &extra_events, extra, &extra->link) == EE_OK)
        extra->state = EE_AGENT_EXTRA_DIALING;
    else
        agent->extra_next_us = ee_loop_now_us(agent->loop) +
                               ee_agent_backoff_ms(agent, ++agent->extra_failures) * 1000u;
}

static void drain_begin(struct ee_agent_extra *extra)
{
    extra->state = EE_AGENT_EXTRA_DRAINING;
    extra->drain_us = ee_loop_now_us(extra->agent->loop);
    (void)!ee_tunnel_goaway(ee_tunnel_link_tunnel(extra->link), EE_TUNNEL_NO_ERROR, DRAIN_MS,
                            "this connection is replaced");
    ee_tunnel_link_flush(extra->link);
}

/* A newer one is up: the oldest goes once nothing runs over it. */
static void oldest_drain(struct ee_agent *agent)
{
    struct ee_agent_extra *oldest = NULL;
    for (size_t i = 0; i < EE_AGENT_EXTRAS_MAX; i++) {
        struct ee_agent_extra *extra = &agent->extras[i];
        if (extra->state == EE_AGENT_EXTRA_UP && (!oldest || extra->up_us < oldest->up_us))
            oldest = extra;
    }
    agent->replacing = false;
    EE_LOG(EE_LOG_INFO, "session", "a connection is replaced",
           ee_log_text("node", agent->options.node));
    if (oldest && oldest->up_us < agent->link_up_us) {
        drain_begin(oldest);
        return;
    }
    if (!park(agent))
        return;
    struct ee_agent_extra *parked = extra_in(agent, EE_AGENT_EXTRA_DRAINING);
    for (size_t i = 0; i < EE_AGENT_EXTRAS_MAX; i++)
        if (agent->extras[i].state == EE_AGENT_EXTRA_DRAINING && agent->extras[i].drain_us == 0)
            parked = &agent->extras[i];
    drain_begin(parked);
    (void)ee_agent_link_promote(agent);
}

static void drained_close(struct ee_agent *agent, uint64_t now_us)
{
    for (size_t i = 0; i < EE_AGENT_EXTRAS_MAX; i++) {
        struct ee_agent_extra *extra = &agent->extras[i];
        struct ee_tunnel_stats stats;
        if (extra->state != EE_AGENT_EXTRA_DRAINING || extra->drain_us == 0 ||
            now_us - extra->drain_us < DRAIN_MIN_US)
            continue;
        ee_tunnel_stats_get(ee_tunnel_link_tunnel(extra->link), &stats);
        if (stats.streams_ours + stats.streams_peers == 0)
            ee_tunnel_link_close(extra->link, EE_TUNNEL_NO_ERROR, "drained");
    }
}

static uint64_t oldest_us(const struct ee_agent *agent)
{
    uint64_t oldest = agent->link_up_us;
    for (size_t i = 0; i < EE_AGENT_EXTRAS_MAX; i++)
        if (agent->extras[i].state == EE_AGENT_EXTRA_UP && agent->extras[i].up_us < oldest)
            oldest = agent->extras[i].up_us;
    return oldest;
}

static void look(void *context)
{
    struct ee_agent *agent = context;
    const uint64_t now_us = ee_loop_now_us(agent->loop);
    drained_close(agent, now_us);
    if (agent->state != EE_AGENT_ADMITTED || !agent->link)
        return;
    const size_t up = 1 + extras_in(agent, EE_AGENT_EXTRA_UP);
    const size_t wanted = agent->options.connections;
    if (agent->replacing && up > wanted)
        oldest_drain(agent);
    if (agent->options.replace_s && up >= wanted &&
        now_us - oldest_us(agent) >= agent->options.replace_s * (uint64_t)1000000)
        agent->replacing = true;
    const size_t coming =
        extras_in(agent, EE_AGENT_EXTRA_DIALING) + extras_in(agent, EE_AGENT_EXTRA_JOINING);
    if (up < wanted + agent->replacing && coming == 0 && now_us >= agent->extra_next_us)
        extra_dial(agent);
}

enum ee_err ee_agent_links_init(struct ee_agent *agent)
{
    for (size_t i = 0; i < EE_AGENT_EXTRAS_MAX; i++)
        agent->extras[i].agent = agent;
    if (agent->options.connections == 0)
        agent->options.connections = EE_AGENT_CONNECTIONS_DEFAULT;
    EE_TRY(ee_timer_new(agent->loop, look, agent, &agent->extra_timer));
    ee_timer_start(agent->extra_timer, LOOK_MS, LOOK_MS);
    return EE_OK;
}

void ee_agent_links_begin(struct ee_agent *agent)
{
    agent->extra_failures = 0;
    agent->extra_next_us = 0;
    agent->link_up_us = ee_loop_now_us(agent->loop);
    ee_timer_start(agent->extra_timer, 0, LOOK_MS);
}
