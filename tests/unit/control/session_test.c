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
    for (uint64_t i = 0; i < EE_SESSION_CLIENT_ASKS_MAX; i++)
        session->asks[i] = (struct ee_session_ask){.id = i + 1, .for_client = true};
    CHECK(ee_session_ask_for_client(session, json_object(), "logs", answered, NULL) == EE_FULL);
    CHECK(ee_session_ask(session, json_object(), "checked", 1000, answered, NULL) ==
          EE_CLOSED); /* there was room, though no connection */
    session->asks[3].id = 0;
    CHECK(ee_session_ask_for_client(session, json_object(), "logs", answered, NULL) == EE_CLOSED);
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
    };
    return tap_run(tests, sizeof tests / sizeof tests[0]);
}
