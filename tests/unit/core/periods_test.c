/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/core/network.h"

#include "tap.h"

static struct network n;
static uint8_t lease[EE_ID_SIZE];
static const uint64_t second = 1000000;
enum { LOCK = 28 }; /* 1 vCPU, 10 s, $0.010 per vCPU-hour */

static void open_running(void)
{
    network_open(&n, EE_PROFILE_DEVELOPMENT, NULL);
    network_populate(&n);
    CHECK(network_run(&n, "alice", EE_WORKLOAD_APP, "web", 1, lease) == EE_OK);
}

static void close_network(void)
{
    CHECK(n.broken == NULL);
    network_close(&n);
}

static const struct ee_period *period(uint32_t index)
{
    return ee_core_period(n.core, lease, index);
}

static uint64_t running_us(void)
{
    return ee_core_lease(n.core, lease)->running_us;
}

static void advance_to(uint64_t time_us)
{
    network_advance(&n, time_us - n.now_us);
}

/* Ends the workload this long after it began to run. */
static void end_after(uint64_t duration_us)
{
    n.now_us = running_us() + duration_us;
    CHECK(network_end(&n, lease, EE_END_EXITED) == EE_OK);
}

static void periods_are_contiguous_and_locked_ahead(void)
{
    open_running();
    CHECK(period(0)->starts_us == running_us() && period(0)->ends_us == running_us() + 10 * second);
    CHECK(ee_core_next_due_us(n.core) == running_us() + 8 * second);
    advance_to(running_us() + 8 * second);
    CHECK(period(1)->state == EE_LOCK_LOCKED && period(1)->starts_us == period(0)->ends_us);
    CHECK(network_balance(&n, "alice").locked.micros == 2 * LOCK && n.result.effect_count == 0);
    CHECK(ee_core_next_due_us(n.core) == period(0)->ends_us);
    n.now_us = period(0)->ends_us;
    CHECK(network_tick(&n) == EE_OK && network_effects(&n, EE_EFFECT_PERIOD_DUE) == 1);
    CHECK(period(0)->state == EE_LOCK_DUE && network_balance(&n, "alice").due.micros == LOCK);
    close_network();
}

static void pass_of_a_full_period_pays_the_whole_lock(void)
{
    static struct ee_settle_result body;
    open_running();
    advance_to(running_us() + 10 * second);
    CHECK(network_checks(&n, lease, 0, EE_CHECK_OK, EE_CHECK_OK) == EE_OK);
    CHECK(network_effects(&n, EE_EFFECT_SETTLED) == 1);
    CHECK(ee_settle_result_decode(ee_bytes_of(n.result.body, n.result.body_size), &body) == EE_OK);
    CHECK(body.verdict == EE_VERDICT_PASS && body.paid.micros == LOCK && body.refunded.micros == 0);
    CHECK(strcmp(body.operator_name, "op-a") == 0 && strcmp(body.app, "web") == 0);
    CHECK(period(0)->state == EE_LOCK_PAID && period(0)->health_ok == 10);
    CHECK(period(0)->attestation_ok == 3 && network_available(&n, "op-a") == LOCK);
    CHECK(network_checks(&n, lease, 0, EE_CHECK_MISSED, EE_CHECK_OK) == EE_PERIOD_STATE);
    CHECK(network_available(&n, "op-a") == LOCK);
    close_network();
}

static void missed_check_returns_the_lock_to_the_micro_dollar(void)
{
    struct ee_checks checks;
    open_running();
    advance_to(running_us() + 10 * second);
    network_checks_make(&n, lease, 0, EE_CHECK_OK, EE_CHECK_OK, &checks);
    checks.health[4] = EE_CHECK_MISSED;
    checks.attestation[1] = EE_CHECK_MISSED;
    CHECK(NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_CHECKS, checks, &checks) == EE_OK);
    CHECK(period(0)->verdict == EE_VERDICT_FAIL && period(0)->reason == EE_FAIL_MISSED_HEALTH);
    CHECK(period(0)->state == EE_LOCK_REFUNDED && period(0)->refunded.micros == LOCK);
    CHECK(network_available(&n, "op-a") == 0);
    CHECK(network_available(&n, "alice") + network_balance(&n, "alice").locked.micros == 20000000);
    close_network();
}

static void missed_attestation_fails_too(void)
{
    open_running();
    advance_to(running_us() + 10 * second);
    CHECK(network_checks(&n, lease, 0, EE_CHECK_OK, EE_CHECK_MISSED) == EE_OK);
    CHECK(period(0)->reason == EE_FAIL_MISSED_ATTESTATION);
    close_network();
}

static void absence_of_evidence_is_void_and_no_pass(void)
{
    static const struct {
        enum ee_check_outcome health, attestation;
    } rows[] = {
        {EE_CHECK_VOID, EE_CHECK_OK}, {EE_CHECK_OK, EE_CHECK_VOID}, {EE_CHECK_VOID, EE_CHECK_VOID}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        open_running();
        advance_to(running_us() + 10 * second);
        CHECK(network_checks(&n, lease, 0, rows[i].health, rows[i].attestation) == EE_OK);
        CHECK(period(0)->verdict == EE_VERDICT_VOID && period(0)->reason == EE_FAIL_NONE);
        CHECK(period(0)->state == EE_LOCK_REFUNDED && network_available(&n, "op-a") == 0);
        close_network();
    }
}

static void recorded_miss_stays_whatever_the_record_says(void)
{
    open_running();
    CHECK(network_miss(&n, lease, 0, EE_CHECK_HEALTH, 9) == EE_CHECKS_INVALID); /* not begun */
    CHECK(network_miss(&n, lease, 1, EE_CHECK_HEALTH, 0) == EE_PERIOD_STATE);
    n.now_us += 3 * second;
    CHECK(network_miss(&n, lease, 0, EE_CHECK_HEALTH, 2) == EE_OK);
    CHECK(ee_core_slot_missed(n.core, lease, 0, EE_CHECK_HEALTH, 2));
    CHECK(!ee_core_slot_missed(n.core, lease, 0, EE_CHECK_HEALTH, 3));
    CHECK(!ee_core_slot_missed(n.core, lease, 0, EE_CHECK_ATTESTATION, 2));
    advance_to(running_us() + 10 * second);
    CHECK(network_checks(&n, lease, 0, EE_CHECK_OK, EE_CHECK_OK) == EE_OK);
    CHECK(period(0)->verdict == EE_VERDICT_FAIL && period(0)->health_missed == 1);
    CHECK(period(0)->health_ok == 9);
    CHECK(network_miss(&n, lease, 0, EE_CHECK_HEALTH, 3) == EE_PERIOD_STATE);
    close_network();
}

static void record_that_does_not_fit_the_period(void)
{
    struct ee_checks checks;
    open_running();
    CHECK(network_checks(&n, lease, 0, EE_CHECK_OK, EE_CHECK_OK) == EE_PERIOD_STATE);
    advance_to(running_us() + 10 * second);
    network_checks_make(&n, lease, 0, EE_CHECK_OK, EE_CHECK_OK, &checks);
    checks.health_count--;
    CHECK(NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_CHECKS, checks, &checks) ==
          EE_CHECKS_INVALID);
    checks.health_count++;
    checks.attestation_count++;
    CHECK(NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_CHECKS, checks, &checks) ==
          EE_CHECKS_INVALID);
    checks.attestation_count--;
    checks.lease[0] ^= 1;
    CHECK(NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_CHECKS, checks, &checks) ==
          EE_LEASE_UNKNOWN);
    CHECK(period(0)->state == EE_LOCK_DUE);
    close_network();
}

static void early_end_pays_whole_seconds_rounded_up(void)
{
    open_running();
    end_after(2 * second + 1); /* 3 s: ceil(8.33) */
    CHECK(period(0)->ends_us == running_us() + 2 * second + 1);
    CHECK(period(0)->state == EE_LOCK_DUE && network_effects(&n, EE_EFFECT_LEASE_ENDED) == 1);
    CHECK(network_checks(&n, lease, 0, EE_CHECK_OK, EE_CHECK_OK) == EE_OK);
    CHECK(period(0)->state == EE_LOCK_SPLIT && period(0)->paid.micros == 9);
    CHECK(period(0)->refunded.micros == LOCK - 9 && network_available(&n, "op-a") == 9);
    CHECK(period(0)->health_ok == 3 && period(0)->attestation_ok == 1);
    CHECK(network_available(&n, "alice") == 20000000 - 9);
    CHECK(ee_core_lease(n.core, lease)->exit_code == 3);
    close_network();
}

static void end_within_the_last_second_pays_the_whole_lock(void)
{
    open_running();
    end_after(9 * second + 500000);
    CHECK(network_checks(&n, lease, 0, EE_CHECK_OK, EE_CHECK_OK) == EE_OK);
    CHECK(period(0)->state == EE_LOCK_PAID && period(0)->paid.micros == LOCK);
    close_network();
}

static void end_refunds_the_lock_taken_ahead_at_once(void)
{
    open_running();
    advance_to(running_us() + 8 * second);
    CHECK(network_balance(&n, "alice").locked.micros == 2 * LOCK);
    end_after(9 * second);
    CHECK(period(1)->state == EE_LOCK_REFUNDED && period(1)->verdict == EE_VERDICT_NONE);
    CHECK(network_balance(&n, "alice").locked.micros == LOCK);
    close_network();
}

static void end_after_a_period_that_no_tick_had_closed(void)
{
    open_running();
    advance_to(running_us() + 8 * second); /* period 1 is locked */
    end_after(12 * second + 1);
    CHECK(period(0)->state == EE_LOCK_DUE && period(0)->ends_us == running_us() + 10 * second);
    CHECK(period(1)->state == EE_LOCK_DUE && period(1)->ends_us == running_us() + 12 * second + 1);
    CHECK(network_effects(&n, EE_EFFECT_PERIOD_DUE) == 1);
    CHECK(network_effects(&n, EE_EFFECT_LEASE_ENDED) == 1);
    close_network();
}

static void end_at_the_very_end_or_without_the_next_lock(void)
{
    open_running();
    advance_to(running_us() + 8 * second);
    end_after(10 * second);
    CHECK(period(0)->state == EE_LOCK_DUE && period(1)->state == EE_LOCK_REFUNDED);
    close_network();
    open_running();
    end_after(15 * second); /* nothing was closed nor locked ahead */
    CHECK(period(0)->state == EE_LOCK_DUE && period(0)->ends_us == running_us() + 10 * second);
    CHECK(period(1) == NULL);
    close_network();
}

static void lease_ends_with_the_period_when_credits_are_short(void)
{
    open_running();
    CHECK(network_transfer(&n, "alice", "bob", network_available(&n, "alice")) == EE_OK);
    advance_to(running_us() + 8 * second);
    CHECK(period(1) == NULL && ee_core_lease(n.core, lease)->state == EE_LEASE_RUNNING);
    n.now_us = running_us() + 10 * second;
    CHECK(network_tick(&n) == EE_OK);
    CHECK(network_effects(&n, EE_EFFECT_STOP_LEASE) == 1);
    CHECK(network_effects(&n, EE_EFFECT_LEASE_ENDED) == 1);
    CHECK(ee_core_lease(n.core, lease)->end_reason == EE_END_CREDITS);
    CHECK(period(0)->ends_us == running_us() + 10 * second && !ee_core_app(n.core, "web")->wanted);
    CHECK(network_checks(&n, lease, 0, EE_CHECK_OK, EE_CHECK_OK) == EE_OK);
    CHECK(network_available(&n, "op-a") == LOCK);
    close_network();
}

static void top_up_before_the_end_keeps_the_lease(void)
{
    open_running();
    CHECK(network_transfer(&n, "alice", "bob", network_available(&n, "alice")) == EE_OK);
    advance_to(running_us() + 9 * second);
    CHECK(network_mint(&n, "alice", LOCK) == EE_OK);
    advance_to(running_us() + 10 * second);
    CHECK(ee_core_lease(n.core, lease)->state == EE_LEASE_RUNNING);
    CHECK(period(1)->state == EE_LOCK_LOCKED);
    close_network();
}

static void lock_held_too_long_becomes_void(void)
{
    open_running();
    end_after(5 * second);
    advance_to(running_us() + 5 * second + 59 * second);
    CHECK(period(0)->state == EE_LOCK_DUE);
    n.now_us = running_us() + 65 * second;
    CHECK(network_tick(&n) == EE_OK && network_effects(&n, EE_EFFECT_SETTLED) == 1);
    CHECK(period(0)->state == EE_LOCK_REFUNDED && period(0)->verdict == EE_VERDICT_VOID);
    CHECK(network_available(&n, "alice") == 20000000);
    close_network();
}

static void outage_over_several_periods_leaves_each_due(void)
{
    open_running();
    n.now_us = running_us() + 35 * second;
    CHECK(network_boot(&n) == EE_OK);
    CHECK(network_tick(&n) == EE_OK && network_effects(&n, EE_EFFECT_PERIOD_DUE) == 3);
    CHECK(period(2)->state == EE_LOCK_DUE && period(3)->state == EE_LOCK_LOCKED);
    CHECK(period(3)->starts_us == running_us() + 30 * second);
    CHECK(network_checks(&n, lease, 1, EE_CHECK_VOID, EE_CHECK_VOID) == EE_OK);
    CHECK(period(1)->verdict == EE_VERDICT_VOID);
    close_network();
}

static void free_node_is_paid_nothing(void)
{
    network_open(&n, EE_PROFILE_DEVELOPMENT, NULL);
    network_populate(&n);
    struct ee_node_price price = {.node = "cheap", .price_nanos = 0};
    CHECK(NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "op-a", EE_COMMAND_NODE_PRICE, node_price, &price) ==
          EE_OK);
    CHECK(network_run(&n, "alice", EE_WORKLOAD_JOB, "job", 1, lease) == EE_OK);
    end_after(second);
    CHECK(network_checks(&n, lease, 0, EE_CHECK_OK, EE_CHECK_OK) == EE_OK);
    CHECK(period(0)->state == EE_LOCK_PAID && period(0)->paid.micros == 0);
    close_network();
}

TESTS(TEST(periods_are_contiguous_and_locked_ahead),
      TEST(pass_of_a_full_period_pays_the_whole_lock),
      TEST(missed_check_returns_the_lock_to_the_micro_dollar), TEST(missed_attestation_fails_too),
      TEST(absence_of_evidence_is_void_and_no_pass),
      TEST(recorded_miss_stays_whatever_the_record_says), TEST(record_that_does_not_fit_the_period),
      TEST(early_end_pays_whole_seconds_rounded_up),
      TEST(end_within_the_last_second_pays_the_whole_lock),
      TEST(end_refunds_the_lock_taken_ahead_at_once),
      TEST(end_after_a_period_that_no_tick_had_closed),
      TEST(end_at_the_very_end_or_without_the_next_lock),
      TEST(lease_ends_with_the_period_when_credits_are_short),
      TEST(top_up_before_the_end_keeps_the_lease), TEST(lock_held_too_long_becomes_void),
      TEST(outage_over_several_periods_leaves_each_due), TEST(free_node_is_paid_nothing))
