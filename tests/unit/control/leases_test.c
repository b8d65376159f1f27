/* SPDX-License-Identifier: Apache-2.0 */
/* Leases between the core and their agent: ends that got lost, secrets that nobody took. */
#include "control/leases.h"

#include <string.h>

#include "control/json.h"
#include "control/session.h"

#include "parts_fixture.h"
#include "tap.h"

#include "base/banned.h"

enum { SECOND = 1000000 };

static void open_network(struct parts *p)
{
    parts_init(p);
    parts_session(p, EE_SESSION_ADMITTED, 1);
    if (parts_admit(p, 1) != EE_OK)
        abort();
    test_clock_pass(&p->f->clock, SECOND);
}

/* Else it would run, and cost, until its launcher has no credits left. */
static void lease_the_agent_no_longer_knows_ends_and_its_period_fails(void)
{
    struct parts p;
    open_network(&p);
    const struct ee_core *core = ee_sequencer_core(p.f->sequencer);
    const struct ee_lease *lease = parts_run(&p, "job");
    REQUIRE(lease != NULL && lease->state == EE_LEASE_RUNNING);
    test_clock_pass(&p.f->clock, 2500000);
    ee_leases_on_state(p.control, lease->id, "running");
    CHECK(lease->state == EE_LEASE_RUNNING);
    ee_leases_on_state(p.control, lease->id, "unknown");
    CHECK(fixture_settle(p.f) && lease->state == EE_LEASE_ENDED);
    CHECK(lease->end_reason == EE_END_AGENT_LOST_IT);
    CHECK(ee_core_slot_missed(core, lease->id, 0, EE_CHECK_HEALTH, 2));
    ee_scheduler_period_over(p.control, lease->id, 0); /* the effect */
    CHECK(fixture_settle(p.f));
    parts_pass(&p, 0);
    const struct ee_period *period = ee_core_period(core, lease->id, 0);
    CHECK(period->verdict == EE_VERDICT_FAIL && period->refunded.micros == period->locked.micros);
    CHECK(period->health_missed == 1);
    CHECK(core_available(p.f, "alice") == 1000000000);
    parts_close(&p);
}

static void lease_lost_while_we_were_down_ourselves_does_not_fail(void)
{
    struct parts p;
    open_network(&p);
    const struct ee_core *core = ee_sequencer_core(p.f->sequencer);
    const struct ee_lease *lease = parts_run(&p, "job");
    REQUIRE(lease != NULL);
    test_clock_pass(&p.f->clock, 2500000);
    p.control->started_us = ee_control_now_us(p.control); /* as after a restart */
    ee_leases_on_state(p.control, lease->id, "unknown");
    CHECK(fixture_settle(p.f) && lease->state == EE_LEASE_ENDED);
    ee_scheduler_period_over(p.control, lease->id, 0);
    CHECK(fixture_settle(p.f));
    parts_pass(&p, 0);
    CHECK(ee_core_period(core, lease->id, 0)->verdict == EE_VERDICT_VOID);
    parts_close(&p);
}

/* After our restart the sealed secrets are gone, but the agent may have got them before. */
static void job_that_ended_while_we_were_down_is_not_called_a_failed_start(void)
{
    struct parts p;
    open_network(&p);
    const struct ee_lease *lease = parts_start(&p, "job");
    REQUIRE(lease != NULL && lease->state == EE_LEASE_STARTING);
    ee_leases_reconcile(p.control->sessions); /* it reports nothing that runs */
    CHECK(fixture_settle(p.f) && lease->state == EE_LEASE_STARTING);
    ee_leases_on_state(p.control, lease->id, "exited"); /* its report comes by itself */
    CHECK(fixture_settle(p.f) && lease->state == EE_LEASE_STARTING);
    ee_leases_on_state(p.control, lease->id, "unknown"); /* it never got them */
    CHECK(fixture_settle(p.f) && lease->end_reason == EE_END_START_FAILED);
    CHECK(core_available(p.f, "alice") == 1000000000);
    parts_close(&p);
}

/* Secrets that wait for a lease which then ends with its node hold a place each. */
static void secrets_of_ended_leases_give_their_room_back(void)
{
    struct parts p;
    open_network(&p);
    struct ee_json_blob blob = {0};
    const struct ee_lease *lease = parts_start(&p, "job");
    REQUIRE(lease != NULL && lease->state == EE_LEASE_STARTING);
    REQUIRE(ee_leases_secret_put(p.control, lease->id, &blob) == EE_OK);
    for (unsigned i = 1; i < EE_LEASES_SECRETS_MAX; i++) {
        const uint8_t other[EE_ID_SIZE] = {1, (uint8_t)(i >> 8), (uint8_t)i};
        CHECK(ee_leases_secret_put(p.control, other, &blob) == EE_OK); /* of no lease there is */
    }
    CHECK(ee_leases_secret_room(p.control));
    CHECK(ee_leases_secret_put(p.control, lease->id, &blob) == EE_STATE); /* still there */
    parts_close(&p);
}

/* Else a busy month would make every turn of the scheduler late. */
static void turn_does_not_visit_leases_that_are_over(void)
{
    struct parts p;
    struct ee_lease_end end = {.reason = EE_END_START_FAILED};
    open_network(&p);
    const struct ee_lease *lease = parts_start(&p, "job");
    REQUIRE(lease != NULL);
    parts_pass(&p, 0);
    parts_pass(&p, 0);
    CHECK(p.control->live.count == 1);
    memcpy(end.lease, lease->id, EE_ID_SIZE);
    ee_leases_end(p.control, &end);
    CHECK(fixture_settle(p.f) && lease->state == EE_LEASE_ENDED);
    parts_pass(&p, 0);
    parts_pass(&p, 0);
    const uint64_t before = p.control->live.visited;
    parts_pass(&p, SECOND);
    parts_pass(&p, SECOND);
    CHECK(p.control->live.count == 0 && p.control->live.visited == before);
    parts_close(&p);
}

int main(void)
{
    const struct tap_test tests[] = {
        TEST(lease_the_agent_no_longer_knows_ends_and_its_period_fails),
        TEST(lease_lost_while_we_were_down_ourselves_does_not_fail),
        TEST(job_that_ended_while_we_were_down_is_not_called_a_failed_start),
        TEST(secrets_of_ended_leases_give_their_room_back),
        TEST(turn_does_not_visit_leases_that_are_over),
    };
    return tap_run(tests, sizeof tests / sizeof tests[0]);
}
