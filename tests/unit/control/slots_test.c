/* SPDX-License-Identifier: Apache-2.0 */
#include "control/slots.h"

#include <stdlib.h>

#include "io/crypto_openssl.h"
#include "tap.h"

#include "base/banned.h"

enum { MS = 1000, S = 1000000 };
static const uint64_t start_us = 1000 * (uint64_t)S;

/* Slots of 1 s with 3 tries in 600 ms, attestations every 4 s, a period of 10 s. */
static void make(struct ee_slots *slots)
{
    ee_slots_init(slots, ee_params_of(EE_PROFILE_DEVELOPMENT), start_us, start_us + 10 * S);
}

/* All that is to be done at a time; counts per kind of action. */
struct seen {
    int tries_health, tries_attestation, missed_health, missed_attestation, voided;
    uint32_t slot; /* of the last one */
    enum ee_err why;
};

static struct seen step(struct ee_slots *slots, uint64_t at_us, bool connected, bool excused)
{
    struct ee_slots_view view = {start_us + at_us, connected, excused};
    struct seen seen = {0};
    for (;;) {
        struct ee_slots_action action = ee_slots_step(slots, &view);
        bool health = action.kind == EE_CHECK_HEALTH;
        if (action.act == EE_SLOTS_NOTHING)
            return seen;
        seen.slot = action.slot;
        seen.why = action.why;
        seen.voided += action.act == EE_SLOTS_VOID;
        if (action.act == EE_SLOTS_TRY)
            *(health ? &seen.tries_health : &seen.tries_attestation) += 1;
        if (action.act == EE_SLOTS_MISSED)
            *(health ? &seen.missed_health : &seen.missed_attestation) += 1;
    }
}

static void checks_of(const struct ee_slots *slots, uint64_t ended_us, struct ee_checks *out)
{
    ee_slots_checks(slots, &ee_crypto_openssl, start_us + ended_us, out);
}

/* Runs a whole period on time, answering every try that `answers` allows. */
static void run(struct ee_slots *slots, bool answers)
{
    static const struct ee_slots_proof proof = {{1}, {9}};
    for (;;) {
        uint64_t next = ee_slots_next_us(slots);
        if (next == UINT64_MAX)
            return;
        struct ee_slots_view view = {next, true, false};
        for (;;) {
            struct ee_slots_action action = ee_slots_step(slots, &view);
            if (action.act == EE_SLOTS_NOTHING)
                break;
            if (action.act != EE_SLOTS_TRY || !answers)
                continue;
            if (action.kind == EE_CHECK_HEALTH)
                ee_slots_health_answer(slots, action.slot, next + 5 * MS, EE_OK);
            else
                ee_slots_attestation_answer(slots, action.slot, next + 5 * MS, EE_OK, &proof);
        }
    }
}

static void period_with_good_answers_is_all_ok(void)
{
    struct ee_slots slots;
    struct ee_checks checks;
    make(&slots);
    run(&slots, true);
    checks_of(&slots, 10 * S, &checks);
    CHECK(checks.health_count == 10 && checks.attestation_count == 3);
    CHECK(slots.health.ok == 10 && slots.health.missed == 0);
    CHECK(slots.attestation.ok == 3 && slots.evidence_count == 3);
    CHECK(!ee_bytes_all_zero(checks.evidence_root, 32));
    CHECK(checks.collateral_count == 1 && checks.collateral[0][0] == 9);
}

static void period_without_answers_is_all_missed(void)
{
    struct ee_slots slots;
    struct ee_checks checks;
    make(&slots);
    run(&slots, false);
    checks_of(&slots, 10 * S, &checks);
    CHECK(slots.health.missed == 10 && slots.attestation.missed == 3);
    CHECK(checks.health[9] == EE_CHECK_MISSED && checks.attestation[2] == EE_CHECK_MISSED);
    CHECK(ee_bytes_all_zero(checks.evidence_root, 32));
}

static void first_slot_is_tried_at_once_and_three_times(void)
{
    struct ee_slots slots;
    make(&slots);
    struct seen seen = step(&slots, 0, true, false);
    CHECK(seen.tries_health == 1 && seen.tries_attestation == 1);
    CHECK(ee_slots_next_us(&slots) == start_us + 200 * MS);
    CHECK(step(&slots, 199 * MS, true, false).tries_health == 0);
    CHECK(step(&slots, 200 * MS, true, false).tries_health == 1);
    CHECK(step(&slots, 400 * MS, true, false).tries_health == 1);
    CHECK(step(&slots, 599 * MS, true, false).missed_health == 0);
    seen = step(&slots, 600 * MS, true, false);
    CHECK(seen.missed_health == 1 && seen.slot == 0 && seen.why == EE_TIMEOUT);
}

static void good_answer_to_the_last_try_counts(void)
{
    struct ee_slots slots;
    make(&slots);
    step(&slots, 0, true, false);
    CHECK(!ee_slots_health_answer(&slots, 0, start_us + 100 * MS, EE_LEASE_UNKNOWN));
    step(&slots, 200 * MS, true, false);
    step(&slots, 400 * MS, true, false);
    CHECK(ee_slots_health_answer(&slots, 0, start_us + 590 * MS, EE_OK));
    CHECK(step(&slots, 600 * MS, true, false).missed_health == 0);
    CHECK(slots.health.ok == 1);
}

static void wrong_answer_says_why_the_slot_is_missed(void)
{
    struct ee_slots slots;
    make(&slots);
    step(&slots, 0, true, false);
    ee_slots_health_answer(&slots, 0, start_us + 10 * MS, EE_LEASE_UNKNOWN);
    step(&slots, 200 * MS, true, false);
    step(&slots, 400 * MS, true, false);
    struct seen seen = step(&slots, 600 * MS, true, false);
    CHECK(seen.missed_health == 1 && seen.why == EE_LEASE_UNKNOWN);
}

static void answer_after_the_window_is_too_late(void)
{
    struct ee_slots slots;
    make(&slots);
    step(&slots, 0, true, false);
    step(&slots, 200 * MS, true, false);
    step(&slots, 400 * MS, true, false);
    step(&slots, 600 * MS, true, false);
    CHECK(!ee_slots_health_answer(&slots, 0, start_us + 610 * MS, EE_OK));
    CHECK(slots.health.missed == 1 && slots.health.ok == 0);
}

static void answer_of_an_older_slot_does_not_count_for_the_present(void)
{
    struct ee_slots slots;
    make(&slots);
    step(&slots, 0, true, false);
    ee_slots_health_answer(&slots, 0, start_us + 10 * MS, EE_OK);
    step(&slots, 1000 * MS, true, false);
    CHECK(!ee_slots_health_answer(&slots, 0, start_us + 1010 * MS, EE_OK));
    CHECK(slots.health.ok == 1);
}

static void answer_we_could_not_judge_is_void_unless_a_better_one_comes(void)
{
    static const struct ee_slots_proof proof = {{1}, {9}};
    struct ee_slots slots;
    make(&slots);
    step(&slots, 0, true, false);
    ee_slots_attestation_unjudged(&slots, 0, start_us + 10 * MS);
    for (uint64_t at_us = 100 * MS; at_us < 2400 * MS; at_us += 100 * MS)
        CHECK(step(&slots, at_us, true, false).missed_attestation == 0);
    struct seen seen = step(&slots, 2400 * MS, true, false);
    CHECK(seen.missed_attestation == 0 && slots.attestation.missed == 0 && seen.voided == 1);
    CHECK(slots.attestation.open == 1);
    for (uint64_t at_us = 2500 * MS; at_us <= 4 * S; at_us += 100 * MS)
        step(&slots, at_us, true, false);
    ee_slots_attestation_unjudged(&slots, 1, start_us + 4010 * MS);
    CHECK(ee_slots_attestation_answer(&slots, 1, start_us + 4020 * MS, EE_OK, &proof));
    for (uint64_t at_us = 4100 * MS; at_us <= 8 * S; at_us += 100 * MS)
        step(&slots, at_us, true, false);
    CHECK(slots.attestation.ok == 1 && slots.attestation.missed == 0);
    for (uint64_t at_us = 8100 * MS; at_us <= 10 * S; at_us += 100 * MS)
        step(&slots, at_us, true, false); /* the excuse was for its own slot */
    CHECK(slots.attestation.missed == 1);
}

static void disconnected_agent_misses_without_being_asked(void)
{
    struct ee_slots slots;
    make(&slots);
    struct seen seen = step(&slots, 0, false, false);
    CHECK(seen.tries_health == 0);
    step(&slots, 200 * MS, false, false);
    step(&slots, 400 * MS, false, false);
    seen = step(&slots, 600 * MS, false, false);
    CHECK(seen.missed_health == 1 && seen.why == EE_CLOSED);
}

static void agent_back_within_the_window_is_asked_again(void)
{
    struct ee_slots slots;
    make(&slots);
    step(&slots, 0, false, false);
    step(&slots, 200 * MS, false, false);
    step(&slots, 400 * MS, false, false);
    ee_slots_retry(&slots, start_us + 500 * MS);
    struct seen seen = step(&slots, 500 * MS, true, false);
    CHECK(seen.tries_health == 1 && seen.tries_attestation == 1);
    CHECK(ee_slots_health_answer(&slots, 0, start_us + 510 * MS, EE_OK));
}

static void excused_slot_is_void(void)
{
    struct ee_slots slots;
    struct ee_checks checks;
    make(&slots);
    for (uint64_t at = 0; at < 600; at += 200)
        step(&slots, at * MS, false, true);
    struct seen seen = step(&slots, 600 * MS, false, true);
    CHECK(seen.voided == 1 && seen.missed_health == 0);
    checks_of(&slots, 1 * S, &checks);
    CHECK(checks.health_count == 1 && checks.health[0] == EE_CHECK_VOID);
}

static void slot_we_looked_at_late_is_void(void)
{
    struct ee_slots slots;
    make(&slots);
    struct seen seen = step(&slots, 501 * MS, true, false);
    CHECK(seen.voided == 1 && seen.missed_health == 0 && seen.tries_health == 0);
}

static void slots_that_passed_while_we_were_down_are_void(void)
{
    struct ee_slots slots;
    struct ee_checks checks;
    make(&slots);
    step(&slots, 0, true, false);
    ee_slots_health_answer(&slots, 0, start_us + 10 * MS, EE_OK);
    struct seen seen = step(&slots, 7900 * MS, true, false);
    CHECK(seen.missed_health == 0 && seen.missed_attestation == 0);
    CHECK(seen.voided == 9); /* health 1 to 7, attestation 0 and 1 */
    checks_of(&slots, 8 * S, &checks);
    CHECK(checks.health[0] == EE_CHECK_OK && checks.health[7] == EE_CHECK_VOID);
}

static void small_delay_of_ours_moves_the_window(void)
{
    struct ee_slots slots;
    make(&slots);
    CHECK(step(&slots, 300 * MS, true, false).tries_health == 1);
    CHECK(ee_slots_next_us(&slots) == start_us + 500 * MS);
    step(&slots, 500 * MS, true, false);
    step(&slots, 700 * MS, true, false);
    CHECK(step(&slots, 890 * MS, true, false).missed_health == 0);
    CHECK(ee_slots_health_answer(&slots, 0, start_us + 895 * MS, EE_OK));
}

static void window_end_seen_late_waits_for_what_is_in_the_socket(void)
{
    struct ee_slots slots;
    make(&slots);
    step(&slots, 0, true, false);
    step(&slots, 200 * MS, true, false);
    step(&slots, 400 * MS, true, false);
    CHECK(step(&slots, 650 * MS, true, false).missed_health == 0);
    CHECK(ee_slots_health_answer(&slots, 0, start_us + 651 * MS, EE_OK));
    make(&slots);
    step(&slots, 0, true, false);
    step(&slots, 200 * MS, true, false);
    step(&slots, 400 * MS, true, false);
    step(&slots, 650 * MS, true, false);
    CHECK(step(&slots, 660 * MS, true, false).missed_health == 1);
}

static void clock_jump_voids_what_is_open(void)
{
    struct ee_slots slots;
    make(&slots);
    step(&slots, 0, true, false);
    ee_slots_void_open(&slots, start_us + 100 * MS);
    CHECK(!ee_slots_health_answer(&slots, 0, start_us + 110 * MS, EE_OK));
    struct seen seen = step(&slots, 600 * MS, true, false);
    CHECK(seen.missed_health == 0 && slots.health.open == 1);
}

static void forgiven_miss_is_void(void)
{
    struct ee_slots slots;
    struct ee_checks checks;
    make(&slots);
    run(&slots, false);
    ee_slots_forgive(&slots, EE_CHECK_HEALTH, 4);
    checks_of(&slots, 10 * S, &checks);
    CHECK(checks.health[4] == EE_CHECK_VOID && checks.health[5] == EE_CHECK_MISSED);
    CHECK(slots.health.missed == 9);
}

static void short_job_is_conclusive_after_one_answer_of_each_kind(void)
{
    static const struct ee_slots_proof proof = {{2}, {9}};
    struct ee_slots slots;
    make(&slots);
    step(&slots, 0, true, false);
    CHECK(!ee_slots_conclusive(&slots, start_us + 5 * MS));
    ee_slots_health_answer(&slots, 0, start_us + 10 * MS, EE_OK);
    CHECK(!ee_slots_conclusive(&slots, start_us + 10 * MS));
    ee_slots_attestation_answer(&slots, 0, start_us + 20 * MS, EE_OK, &proof);
    CHECK(ee_slots_conclusive(&slots, start_us + 20 * MS));
}

/* The record names the sets in the order of their use, each once; of many the newest. */
static void attestations_judged_by_more_sets_than_the_record_lists(void)
{
    static struct ee_slots slots;
    struct ee_slots_proof proof = {{1}, {100}};
    struct ee_checks checks;
    ee_slots_init(&slots, ee_params_of(EE_PROFILE_DEVELOPMENT), start_us, start_us + 60 * S);
    for (uint32_t i = 0; i < EE_CHECKS_COLLATERAL_MAX + 2; i++) {
        slots.attestation.open = i;
        proof.collateral[0] = (uint8_t)(100 + (i == 1 ? 0 : i));
        CHECK(ee_slots_attestation_answer(
            &slots, i, start_us + (uint64_t)i * slots.attestation.slot_us + 1, EE_OK, &proof));
    }
    checks_of(&slots, 60 * S, &checks);
    CHECK(checks.collateral_count == EE_CHECKS_COLLATERAL_MAX + 1);
    CHECK(checks.collateral[0][0] == 102);
    CHECK(checks.collateral[EE_CHECKS_COLLATERAL_MAX - 1][0] == 100 + EE_CHECKS_COLLATERAL_MAX + 1);
}

static void hurry_asks_at_once_only_for_what_lacks_a_result(void)
{
    struct ee_slots slots;
    make(&slots);
    step(&slots, 0, true, false);
    ee_slots_health_answer(&slots, 0, start_us + 10 * MS, EE_OK);
    ee_slots_hurry(&slots, start_us + 50 * MS);
    struct seen seen = step(&slots, 50 * MS, true, false);
    CHECK(seen.tries_health == 0 && seen.tries_attestation == 1);
}

static void conclusion_does_not_wait_for_a_slot_that_closed(void)
{
    struct ee_slots slots;
    make(&slots);
    step(&slots, 0, true, true);
    step(&slots, 200 * MS, true, true);
    step(&slots, 400 * MS, true, true);
    step(&slots, 600 * MS, true, true);
    CHECK(!ee_slots_conclusive(&slots, start_us + 700 * MS)); /* the attestation is open */
    step(&slots, 800 * MS, true, true);
    step(&slots, 1600 * MS, true, true);
    step(&slots, 2400 * MS, true, true);
    CHECK(slots.attestation.open == 1);
}

static void record_of_an_early_end_has_the_slots_that_began(void)
{
    struct ee_slots slots;
    struct ee_checks checks;
    make(&slots);
    run(&slots, true);
    checks_of(&slots, 1, &checks);
    CHECK(checks.health_count == 1 && checks.attestation_count == 1);
    checks_of(&slots, 1 * S, &checks);
    CHECK(checks.health_count == 1);
    checks_of(&slots, 4 * S + 1, &checks);
    CHECK(checks.health_count == 5 && checks.attestation_count == 2);
    checks_of(&slots, 0, &checks);
    CHECK(checks.health_count == 1 && checks.attestation_count == 1);
}

static void last_slot_is_cut_at_the_end_of_the_period(void)
{
    struct ee_slots slots;
    make(&slots);
    run(&slots, false);
    CHECK(slots.attestation.missed == 3); /* the third lasts 2 s, its window would be 2.4 s */
}

/* Whatever the times, a slot closes once, and nothing is MISSED that was never asked. */
static void random_walks_keep_the_books(void)
{
    unsigned seed = 20260;
    printf("# seed %u\n", seed);
    for (int walk = 0; walk < 200; walk++) {
        struct ee_slots slots;
        uint64_t at = 0;
        uint32_t closed = 0, ok = 0;
        make(&slots);
        while (at < 11 * S && closed + ok <= 20) {
            struct ee_slots_view view = {start_us + at, true, false};
            struct ee_slots_action action = ee_slots_step(&slots, &view);
            seed = seed * 1103515245 + 12345;
            bool health = action.kind == EE_CHECK_HEALTH;
            if (action.act == EE_SLOTS_NOTHING)
                at += (seed >> 16) % (400 * MS);
            else if (action.act == EE_SLOTS_TRY && health && (seed >> 16) % 3 == 0)
                ok += ee_slots_health_answer(&slots, action.slot, start_us + at, EE_OK);
            else if (action.act != EE_SLOTS_TRY && health)
                closed++;
        }
        CHECK(ok + closed == 10);
        CHECK(slots.health.ok == ok && slots.health.missed <= closed);
    }
}

TESTS(TEST(period_with_good_answers_is_all_ok), TEST(period_without_answers_is_all_missed),
      TEST(first_slot_is_tried_at_once_and_three_times), TEST(good_answer_to_the_last_try_counts),
      TEST(wrong_answer_says_why_the_slot_is_missed), TEST(answer_after_the_window_is_too_late),
      TEST(answer_of_an_older_slot_does_not_count_for_the_present),
      TEST(answer_we_could_not_judge_is_void_unless_a_better_one_comes),
      TEST(disconnected_agent_misses_without_being_asked),
      TEST(agent_back_within_the_window_is_asked_again), TEST(excused_slot_is_void),
      TEST(slot_we_looked_at_late_is_void), TEST(slots_that_passed_while_we_were_down_are_void),
      TEST(small_delay_of_ours_moves_the_window),
      TEST(window_end_seen_late_waits_for_what_is_in_the_socket),
      TEST(clock_jump_voids_what_is_open), TEST(forgiven_miss_is_void),
      TEST(short_job_is_conclusive_after_one_answer_of_each_kind),
      TEST(attestations_judged_by_more_sets_than_the_record_lists),
      TEST(hurry_asks_at_once_only_for_what_lacks_a_result),
      TEST(conclusion_does_not_wait_for_a_slot_that_closed),
      TEST(record_of_an_early_end_has_the_slots_that_began),
      TEST(last_slot_is_cut_at_the_end_of_the_period), TEST(random_walks_keep_the_books))
