/* SPDX-License-Identifier: Apache-2.0 */
/* When the core is told that a node is gone, and when it is not. */
#include "control/session.h"

#include <string.h>

#include "parts_fixture.h"
#include "tap.h"

#include "base/banned.h"

enum { SECOND = 1000000 };

static void agent_gone_before_it_heard_of_its_admission(void)
{
    struct parts p;
    parts_init(&p);
    struct ee_session *session = parts_session(&p, EE_SESSION_ADMITTING, 1);
    REQUIRE(parts_admit(&p, 1) == EE_OK && parts_node(&p)->connected);
    ee_session_close(session, EE_TIMEOUT, "test");
    CHECK(fixture_settle(p.f));
    CHECK(!parts_node(&p)->connected);
    parts_close(&p);
}

static void refused_admission_with_a_used_epoch_leaves_the_present_session(void)
{
    struct parts p;
    parts_init(&p);
    parts_session(&p, EE_SESSION_ADMITTED, 1);
    REQUIRE(parts_admit(&p, 1) == EE_OK);
    struct ee_session *second = parts_session(&p, EE_SESSION_ADMITTING, 1);
    second->evidence_hash[0] = 2; /* of another connection */
    ee_session_close(second, EE_STATE, "test");
    CHECK(fixture_settle(p.f));
    CHECK(parts_node(&p)->connected);
    parts_close(&p);
}

static void node_that_comes_back_at_the_end_of_its_grace_is_not_lost(void)
{
    struct parts p;
    parts_init(&p);
    parts_session(&p, EE_SESSION_ADMITTING, 1);
    REQUIRE(parts_admit(&p, 1) == EE_OK);
    parts_pass(&p, 6 * SECOND);
    CHECK(parts_node(&p)->connected);
    parts_close(&p);
}

static void node_without_a_session_is_reported_lost(void)
{
    struct parts p;
    parts_init(&p);
    REQUIRE(parts_admit(&p, 1) == EE_OK);
    parts_pass(&p, 6 * SECOND);
    CHECK(fixture_settle(p.f) && !parts_node(&p)->connected);
    REQUIRE(parts_admit(&p, 2) == EE_OK && parts_node(&p)->connected);
    ee_scheduler_look_for_absent(p.control); /* as after a NODE_LOST that was not taken */
    CHECK(fixture_settle(p.f));
    parts_pass(&p, SECOND);
    CHECK(fixture_settle(p.f) && !parts_node(&p)->connected);
    parts_close(&p);
}

static void answered(void *context, enum ee_err err, const json_t *message)
{
    (void)context;
    (void)err;
    (void)message;
}

/* Else a launcher could flood its own agent with questions, so that its periods fail. */
static void questions_of_clients_leave_room_for_checks(void)
{
    struct parts p;
    parts_init(&p);
    struct ee_session *session = parts_session(&p, EE_SESSION_ADMITTED, 1);
    session->asks = calloc(EE_SESSION_ASKS_MAX, sizeof *session->asks);
    REQUIRE(session->asks != NULL);
    session->ask_capacity = EE_SESSION_ASKS_MAX;
    for (uint64_t i = 0; i < EE_SESSION_CLIENT_ASKS_MAX; i++)
        session->asks[i] = (struct ee_session_ask){.id = i + 1, .for_client = true};
    CHECK(ee_session_ask_for_client(session, json_object(), "logs", answered, NULL) == EE_FULL);
    CHECK(ee_session_ask(session, json_object(), "checked", 1000, answered, NULL) ==
          EE_CLOSED); /* there was room, though no connection */
    session->asks[3].id = 0;
    CHECK(ee_session_ask_for_client(session, json_object(), "logs", answered, NULL) == EE_CLOSED);
    parts_close(&p);
}

/* ---- connections of anybody ---- */

enum { SILENT = 20 };

struct silent {
    bool open, over;
};

static void silent_open(void *context, struct ee_tunnel_link *link)
{
    struct silent *silent = context;
    (void)link;
    silent->open = true;
}

static void silent_event(void *context, struct ee_tunnel_link *link,
                         const struct ee_tunnel_event *event)
{
    (void)context;
    (void)link;
    (void)event;
}

static void silent_closed(void *context, struct ee_tunnel_link *link, enum ee_err err)
{
    struct silent *silent = context;
    (void)link;
    (void)err;
    silent->open = false;
    silent->over = true;
}

static void tunnel_complete(void *context, struct ee_http_exchange *exchange, struct ee_bytes body)
{
    enum ee_err err = ee_session_accept(context, exchange);
    (void)body;
    if (err == EE_FULL)
        err = ee_http_exchange_answer_text(exchange, 503, "text/plain", ee_bytes_str("busy\n"));
    if (err != EE_OK)
        ee_http_exchange_abort(exchange, err);
}

static void tunnel_gone(void *context, struct ee_http_exchange *exchange, enum ee_err err)
{
    (void)context;
    (void)exchange;
    (void)err;
}

static void tunnel_request(void *context, struct ee_http_exchange *exchange)
{
    static const struct ee_http_exchange_events events = {.complete = tunnel_complete,
                                                          .gone = tunnel_gone};
    ee_http_exchange_collect(exchange, 0, &events, context);
}

/* Dials and says nothing; true once it is known whether there was a place. */
static bool dial_silently(struct parts *p, const char *address, struct silent *silent)
{
    static const struct ee_tunnel_link_events events = {
        .open = silent_open, .event = silent_event, .closed = silent_closed};
    const struct ee_conn_connect_options options = {.address = address};
    struct ee_tunnel_config config;
    struct ee_tunnel_link *link;
    bool never = false;
    ee_tunnel_config_default(&config, EE_TUNNEL_ROLE_AGENT);
    if (ee_tunnel_link_dial(p->control->loop, &options, &config, &events, silent, &link) != EE_OK)
        return false;
    for (unsigned i = 0; i < 200 && !silent->open && !silent->over; i++)
        if (ee_loop_run_until(p->control->loop, &never, 5) != EE_TIMEOUT)
            return false;
    return silent->open || silent->over;
}

static unsigned count_open(const struct silent *silent, unsigned count)
{
    unsigned open = 0;
    for (unsigned i = 0; i < count; i++)
        open += silent[i].open;
    return open;
}

static void hang_up_all(struct parts *p, struct ee_http_server *server)
{
    ee_session_abort_all(p->control);
    CHECK(p->control->sessions == NULL);
    ee_http_server_free(server);
}

static void silent_connections_of_one_address_hold_few_places(void)
{
    struct parts p;
    struct silent silent[SILENT + 1] = {0};
    struct ee_http_server *server;
    bool never = false;
    parts_init(&p);
    struct ee_http_server_options options = {
        .address = "127.0.0.1:0", .request = tunnel_request, .context = p.control};
    REQUIRE(ee_http_server_new(p.control->loop, &options, &server) == EE_OK);
    for (unsigned i = 0; i < SILENT; i++)
        CHECK(dial_silently(&p, ee_http_server_address(server), &silent[i]));
    CHECK(count_open(silent, SILENT) == EE_PLACES_PER_PEER_MAX);
    for (struct ee_session *s = p.control->sessions; s != NULL; s = s->next)
        s->place.since_us = 0; /* they had the time of an admission */
    CHECK(dial_silently(&p, ee_http_server_address(server), &silent[SILENT]));
    CHECK(silent[SILENT].open);
    for (unsigned i = 0; i < 200 && count_open(silent, SILENT) == EE_PLACES_PER_PEER_MAX; i++)
        CHECK(ee_loop_run_until(p.control->loop, &never, 5) == EE_TIMEOUT);
    CHECK(count_open(silent, SILENT) == EE_PLACES_PER_PEER_MAX - 1);
    hang_up_all(&p, server);
    parts_close(&p);
}

static void agents_find_a_place_until_there_are_too_many_agents(void)
{
    struct parts p;
    parts_init(&p);
    struct ee_session *session = NULL;
    for (unsigned i = 0; i < EE_CONTROL_SESSIONS_MAX + EE_PLACES_MAX; i++)
        session = parts_session(&p, EE_SESSION_AWAITS_HELLO, 1);
    CHECK(ee_session_enrol(session) == EE_OK); /* the others showed nothing */
    for (struct ee_session *s = session; s != NULL; s = s->next)
        s->enrolled = true;
    CHECK(ee_session_enrol(parts_session(&p, EE_SESSION_AWAITS_EVIDENCE, 2)) == EE_FULL);
    session->state = EE_SESSION_ADMITTED; /* the same node: its newer session takes over */
    CHECK(ee_session_enrol(p.control->sessions) == EE_OK);
    parts_close(&p);
}

int main(void)
{
    const struct tap_test tests[] = {
        TEST(agent_gone_before_it_heard_of_its_admission),
        TEST(refused_admission_with_a_used_epoch_leaves_the_present_session),
        TEST(node_that_comes_back_at_the_end_of_its_grace_is_not_lost),
        TEST(node_without_a_session_is_reported_lost),
        TEST(questions_of_clients_leave_room_for_checks),
        TEST(silent_connections_of_one_address_hold_few_places),
        TEST(agents_find_a_place_until_there_are_too_many_agents),
    };
    return tap_run(tests, sizeof tests / sizeof tests[0]);
}
