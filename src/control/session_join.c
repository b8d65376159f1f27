/* SPDX-License-Identifier: Apache-2.0 */
/* Further connections of an admitted agent: docs/spec/agent-protocol.md, "More connections". */
#include <string.h>

#include "control/session.h"
#include "io/log.h"
#include "link/tunnel_join.h"

#include "base/banned.h"

static enum ee_err read_join(const json_t *message, char node[EE_NAME_MAX + 1], uint64_t *epoch,
                             uint8_t proof[EE_TUNNEL_JOIN_SIZE])
{
    char detail[EE_JSON_DETAIL_SIZE];
    const struct ee_json_field fields[] = {
        {"node", EE_JSON_NAME, node, 0, false},
        {"epoch", EE_JSON_U64, epoch, 0, false},
        {"proof", EE_JSON_HEX, proof, EE_TUNNEL_JOIN_SIZE, false},
    };
    return ee_json_read(message, fields, 3, EE_JSON_TOLERANT, detail);
}

/* The same TLS key as the attested connection, and the secret told there, bound to this one. */
static enum ee_err check_join(const struct ee_session *session, const struct ee_session *primary,
                              const uint8_t proof[EE_TUNNEL_JOIN_SIZE])
{
    const struct ee_control *control = session->control;
    const struct ee_conn *conn = ee_tunnel_link_conn(session->link);
    uint8_t key_hash[EE_SHA256_SIZE], wanted[EE_TUNNEL_JOIN_SIZE];
    struct ee_tunnel_join join = {.node = primary->node, .epoch = primary->epoch};
    EE_TRY(ee_conn_peer_key_hash(conn, key_hash));
    if (memcmp(key_hash, primary->peer_key_hash, sizeof key_hash) != 0)
        return EE_NOT_BOUND;
    memcpy(join.secret, primary->join_secret, sizeof join.secret);
    memcpy(join.agent_key_hash, key_hash, sizeof join.agent_key_hash);
    memcpy(join.control_key_hash, control->keys.tls_key_hash, sizeof join.control_key_hash);
    const enum ee_err err = ee_tunnel_join_proof(control->crypto, conn, &join, wanted);
    ee_wipe(&join, sizeof join);
    EE_TRY(err);
    return ee_bytes_equal_secret(wanted, proof, sizeof wanted) ? EE_OK : EE_NOT_BOUND;
}

static struct ee_session **place_free(struct ee_session *primary)
{
    for (size_t i = 0; i < EE_SESSION_JOINED_MAX; i++)
        if (primary->joined[i] == NULL)
            return &primary->joined[i];
    return NULL;
}

static enum ee_err take(struct ee_session *session, const json_t *message)
{
    uint8_t proof[EE_TUNNEL_JOIN_SIZE];
    EE_TRY(read_join(message, session->node, &session->epoch, proof));
    struct ee_session *primary = ee_session_of_node(session->control, session->node);
    if (primary == NULL || primary->epoch != session->epoch)
        return EE_STATE;
    EE_TRY(check_join(session, primary, proof));
    struct ee_session **place = place_free(primary);
    if (place == NULL)
        return EE_FULL;
    EE_TRY(ee_tunnel_hello_send(ee_tunnel_link_tunnel(session->link)));
    ee_timer_stop(session->timer);
    *place = session;
    session->primary = primary;
    session->enrolled = true;
    session->state = EE_SESSION_JOINED;
    return EE_OK;
}

void ee_session_on_join(struct ee_session *session, const json_t *message)
{
    const enum ee_err err = take(session, message);
    if (err != EE_OK) {
        ee_session_refuse(session, err, "not a further connection of an admitted agent");
        return;
    }
    ee_session_send(session, json_pack("{s:s}", "type", "joined"));
    EE_LOG(EE_LOG_INFO, "session", "a further connection", ee_log_text("node", session->node),
           ee_log_unsigned("connections", ee_session_links(session->primary)));
}

void ee_session_unjoin(struct ee_session *session)
{
    struct ee_session *primary = session->primary;
    for (size_t i = 0; primary != NULL && i < EE_SESSION_JOINED_MAX; i++)
        if (primary->joined[i] == session)
            primary->joined[i] = NULL;
    session->primary = NULL;
}

/* One that still takes streams, if there is one. */
static struct ee_session *heir_of(const struct ee_session *session)
{
    struct ee_session *heir = NULL;
    for (size_t i = 0; i < EE_SESSION_JOINED_MAX; i++) {
        struct ee_session *joined = session->joined[i];
        struct ee_tunnel_stats stats;
        if (joined == NULL || joined->link == NULL)
            continue;
        ee_tunnel_stats_get(ee_tunnel_link_tunnel(joined->link), &stats);
        if (heir == NULL || !stats.goaway_received)
            heir = joined;
    }
    return heir;
}

/* Its shell remains without a link, and goes with the callback of the link that ended. */
bool ee_session_promote(struct ee_session *session)
{
    struct ee_session *heir = heir_of(session);
    if (heir == NULL)
        return false;
    session->link = heir->link;
    ee_tunnel_link_owner_set(session->link, &ee_session_link_events, session);
    heir->link = NULL;
    ee_session_unjoin(heir);
    heir->state = EE_SESSION_ENDED;
    ee_session_free(heir);
    ee_session_asks_end(session);
    EE_LOG(EE_LOG_INFO, "session", "goes on over another connection",
           ee_log_text("node", session->node));
    return true;
}

struct best {
    struct ee_tunnel_link *link;
    uint64_t queued, streams;
};

static void better(struct best *best, struct ee_tunnel_link *link)
{
    struct ee_tunnel_stats stats;
    if (link == NULL || !ee_tunnel_ready(ee_tunnel_link_tunnel(link)))
        return;
    ee_tunnel_stats_get(ee_tunnel_link_tunnel(link), &stats);
    const uint64_t queued = ee_tunnel_link_queued(link), streams = stats.streams_ours;
    if (stats.goaway_received || stats.goaway_sent)
        return;
    if (best->link == NULL || queued < best->queued ||
        (queued == best->queued && streams < best->streams))
        *best = (struct best){link, queued, streams};
}

struct ee_tunnel_link *ee_session_link_for_stream(const struct ee_session *session)
{
    struct best best = {NULL, 0, 0};
    better(&best, session->link);
    for (size_t i = 0; i < EE_SESSION_JOINED_MAX; i++)
        if (session->joined[i] != NULL)
            better(&best, session->joined[i]->link);
    return best.link;
}

size_t ee_session_links(const struct ee_session *session)
{
    size_t count = session->link != NULL;
    for (size_t i = 0; i < EE_SESSION_JOINED_MAX; i++)
        count += session->joined[i] != NULL && session->joined[i]->link != NULL;
    return count;
}
