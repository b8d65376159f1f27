/* SPDX-License-Identifier: Apache-2.0 */
/* The sequencer's own rules, over a core without rules and a journal in memory. */
#include <stdio.h>
#include <stdlib.h>

#include "tap.h"

#include "fake_core.h"
#include "sequencer_fixture.h"

#include "base/banned.h"

static enum ee_err submit(struct fixture *f, const char *payload, const char *id)
{
    uint8_t id_bytes[EE_ID_SIZE] = {0};
    struct ee_command_request request = {
        .actor_kind = EE_ACTOR_ACCOUNT,
        .actor = "alice",
        .kind = EE_COMMAND_TRANSFER,
        .payload = ee_bytes_str(payload),
    };
    if (id != NULL) {
        memcpy(id_bytes, id, strlen(id));
        request.id = id_bytes;
    }
    return ee_sequencer_submit(f->sequencer, &request, fixture_answer, f);
}

static bool checkpoint_is_of(struct fixture *f, uint64_t size)
{
    struct ee_tlog_checkpoint checkpoint = {0};
    struct ee_tlog_hash root;
    if (ee_tlog_checkpoint_verify(&ee_crypto_openssl, ee_sequencer_checkpoint(f->sequencer),
                                  f->network_id, ee_sequencer_checkpoint_key(f->sequencer),
                                  &checkpoint) != EE_OK)
        return false;
    return checkpoint.size == size &&
           ee_tlog_root(ee_sequencer_tlog(f->sequencer), size, &root) == EE_OK &&
           memcmp(&root, &checkpoint.root, sizeof(root)) == 0;
}

static void empty_journal_begins_with_genesis_and_boot(void)
{
    struct fixture *f = fixture_new();
    REQUIRE(fixture_start(f) == EE_OK);
    CHECK(ee_core_seq(ee_sequencer_core(f->sequencer)) == 2);
    CHECK(ee_core_epoch(ee_sequencer_core(f->sequencer)) == 1);
    CHECK(ee_sequencer_durable_seq(f->sequencer) == 2);
    CHECK(ee_journal_memory_count(f->memory) == 1);
    CHECK(checkpoint_is_of(f, 2));
    fixture_free(f);
    CHECK(fake_live == 0);
}

static void restart_replays_and_boots_again(void)
{
    struct fixture *f = fixture_new();
    uint8_t before[32];
    uint8_t after[32];
    REQUIRE(fixture_start(f) == EE_OK);
    for (int i = 0; i < 20; i++)
        CHECK(submit(f, "=hello", NULL) == EE_OK);
    CHECK(fixture_settle(f));
    CHECK(f->answer_count == 20 && f->answers[19].seq == 22);
    ee_core_state_hash(ee_sequencer_core(f->sequencer), before);
    uint64_t time_us = ee_core_time_us(ee_sequencer_core(f->sequencer));
    fixture_stop(f);
    REQUIRE(fixture_start(f) == EE_OK);
    CHECK(ee_core_seq(ee_sequencer_core(f->sequencer)) == 23);
    CHECK(ee_core_epoch(ee_sequencer_core(f->sequencer)) == 2);
    CHECK(ee_core_time_us(ee_sequencer_core(f->sequencer)) > time_us);
    CHECK(checkpoint_is_of(f, 23));
    ee_core_state_hash(ee_sequencer_core(f->sequencer), after);
    CHECK(memcmp(before, after, 32) != 0); /* BOOT counts */
    CHECK(submit(f, "=again", NULL) == EE_OK && fixture_settle(f));
    CHECK(f->answers[0].seq == 24 && f->effects_count == 0);
    fixture_free(f);
}

static void answers_come_later_in_order_and_durable(void)
{
    struct fixture *f = fixture_new();
    REQUIRE(fixture_start(f) == EE_OK);
    CHECK(submit(f, "=a", NULL) == EE_OK);
    CHECK(submit(f, "r", NULL) == EE_OK);
    CHECK(submit(f, "=c", NULL) == EE_OK);
    CHECK(f->answer_count == 0 && ee_sequencer_durable_seq(f->sequencer) == 2);
    CHECK(ee_core_seq(ee_sequencer_core(f->sequencer)) == 5);
    CHECK(fixture_settle(f));
    REQUIRE(f->answer_count == 3);
    for (size_t i = 0; i < 3; i++) {
        CHECK(f->answers[i].seq == 3 + i && !f->answers[i].repeated);
        CHECK(f->answers[i].durable_seq >= f->answers[i].seq);
    }
    CHECK(f->answers[0].err == EE_OK && memcmp(f->answers[0].body, "=a", 2) == 0);
    CHECK(f->answers[1].err == EE_SAME_ACCOUNT); /* refusals are journalled too */
    CHECK(memcmp(f->answers[2].body, "=c", 2) == 0);
    CHECK(ee_journal_memory_count(f->memory) == 2); /* one batch for the three */
    CHECK(checkpoint_is_of(f, 5));
    fixture_free(f);
}

static void nothing_leaves_while_the_disk_is_busy(void)
{
    struct fixture *f = fixture_new();
    struct ee_sequencer_counts counts;
    REQUIRE(fixture_start(f) == EE_OK);
    ee_journal_memory_hold(f->memory, true);
    CHECK(submit(f, "e", NULL) == EE_OK);
    bool never = false;
    CHECK(ee_loop_run_until(f->loop, &never, 20) == EE_TIMEOUT); /* the first batch is on its way */
    for (int i = 0; i < 50; i++)
        CHECK(submit(f, "=", NULL) == EE_OK);
    CHECK(ee_sequencer_after_durable(f->sequencer, fixture_durable, f) == EE_OK);
    CHECK(ee_loop_run_until(f->loop, &never, 20) == EE_TIMEOUT);
    CHECK(f->answer_count == 0 && f->effects_count == 0 && f->durable_calls == 0);
    CHECK(ee_sequencer_durable_seq(f->sequencer) == 2 && checkpoint_is_of(f, 2));
    ee_journal_memory_hold(f->memory, false);
    CHECK(fixture_settle(f));
    CHECK(f->answer_count == 51 && f->effects_count == 1 && f->durable_calls == 1);
    ee_sequencer_counts(f->sequencer, &counts);
    CHECK(counts.batches == 3 && counts.largest_batch == 50 && counts.commands == 53);
    fixture_free(f);
}

static void effects_come_once_durable_before_their_answer(void)
{
    struct fixture *f = fixture_new();
    REQUIRE(fixture_start(f) == EE_OK);
    CHECK(submit(f, "=", NULL) == EE_OK);
    CHECK(submit(f, "e", NULL) == EE_OK);
    CHECK(fixture_settle(f));
    REQUIRE(f->effects_count == 1);
    CHECK(f->effects[0].seq == 4 && f->effects[0].count == 2);
    CHECK(f->effects[0].durable_seq == 4 && f->effects[0].answers_before == 1);
    fixture_stop(f);
    REQUIRE(fixture_start(f) == EE_OK); /* replay gives none */
    CHECK(fixture_settle(f) && f->effects_count == 0);
    fixture_free(f);
}

static void repeated_id_is_answered_after_the_first_is_durable(void)
{
    struct fixture *f = fixture_new();
    REQUIRE(fixture_start(f) == EE_OK);
    ee_journal_memory_hold(f->memory, true);
    CHECK(submit(f, "=x", "one") == EE_OK);
    bool never = false;
    CHECK(ee_loop_run_until(f->loop, &never, 10) == EE_TIMEOUT);
    CHECK(submit(f, "=x", "one") == EE_OK);
    CHECK(submit(f, "=y", "one") == EE_ID_CONFLICT);
    CHECK(ee_loop_run_until(f->loop, &never, 20) == EE_TIMEOUT);
    CHECK(f->answer_count == 0);
    ee_journal_memory_hold(f->memory, false);
    CHECK(fixture_settle(f) && f->answer_count == 2);
    CHECK(!f->answers[0].repeated && f->answers[1].repeated);
    CHECK(f->answers[1].seq == 3 && memcmp(f->answers[1].body, "=x", 2) == 0);
    CHECK(ee_core_seq(ee_sequencer_core(f->sequencer)) == 3);
    CHECK(submit(f, "=x", "one") == EE_OK); /* with nothing on its way: still not at once */
    CHECK(f->answer_count == 2);
    CHECK(fixture_settle(f) && f->answer_count == 3 && f->answers[2].repeated);
    CHECK(ee_journal_memory_count(f->memory) == 2);
    fixture_stop(f);
    REQUIRE(fixture_start(f) == EE_OK); /* and after a restart */
    CHECK(submit(f, "=x", "one") == EE_OK && fixture_settle(f));
    CHECK(f->answers[0].repeated && f->answers[0].seq == 3);
    fixture_free(f);
}

static void refused_without_a_place_leaves_no_trace(void)
{
    struct fixture *f = fixture_new();
    struct ee_command_request request = {
        .actor_kind = EE_ACTOR_SYSTEM, .actor = "Not A Name", .kind = EE_COMMAND_TRANSFER};
    static uint8_t huge[EE_COMMAND_PAYLOAD_MAX + 1];
    REQUIRE(fixture_start(f) == EE_OK);
    CHECK(submit(f, "s", NULL) == EE_SYNTAX);
    CHECK(ee_sequencer_submit(f->sequencer, &request, NULL, NULL) == EE_NAME);
    request.actor = "";
    request.payload = ee_bytes_of(huge, sizeof(huge));
    CHECK(ee_sequencer_submit(f->sequencer, &request, NULL, NULL) == EE_TOO_LARGE);
    request.payload.size--;
    CHECK(ee_sequencer_submit(f->sequencer, &request, NULL, NULL) == EE_OK);
    CHECK(submit(f, "=", NULL) == EE_OK && fixture_settle(f));
    CHECK(f->answer_count == 1 && f->answers[0].seq == 4);
    fixture_stop(f);
    CHECK(fixture_start(f) == EE_OK);
    fixture_free(f);
}

static void full_collecting_batch_is_back_pressure(void)
{
    struct fixture *f = fixture_new();
    struct ee_sequencer_counts counts;
    bool never = false;
    REQUIRE(fixture_start(f) == EE_OK);
    ee_journal_memory_hold(f->memory, true);
    CHECK(submit(f, "=", NULL) == EE_OK);
    CHECK(ee_loop_run_until(f->loop, &never, 10) == EE_TIMEOUT);
    for (int i = 0; i < EE_SEQUENCER_COMMANDS_MAX; i++)
        CHECK(submit(f, "=", NULL) == EE_OK);
    CHECK(submit(f, "=", NULL) == EE_FULL);
    CHECK(submit(f, "=", NULL) == EE_FULL);
    ee_sequencer_counts(f->sequencer, &counts);
    CHECK(counts.refused_full == 2);
    ee_journal_memory_hold(f->memory, false);
    CHECK(fixture_settle(f));
    CHECK(f->answer_count == EE_SEQUENCER_COMMANDS_MAX + 1);
    CHECK(submit(f, "=", NULL) == EE_OK && fixture_settle(f)); /* room again */
    fixture_stop(f);
    CHECK(fixture_start(f) == EE_OK);
    fixture_free(f);
}

static void full_collecting_bytes_are_back_pressure(void)
{
    struct fixture *f = fixture_new();
    static uint8_t payload[EE_COMMAND_PAYLOAD_MAX] = {FAKE_LARGE};
    struct ee_command_request request = {.actor_kind = EE_ACTOR_SYSTEM,
                                         .actor = "",
                                         .kind = EE_COMMAND_TRANSFER,
                                         .payload = ee_bytes_of(payload, sizeof(payload))};
    unsigned taken = 0;
    REQUIRE(fixture_start(f) == EE_OK);
    while (ee_sequencer_submit(f->sequencer, &request, NULL, NULL) == EE_OK && taken < 1000)
        taken++;
    CHECK(taken > 25 && taken < EE_SEQUENCER_BODY_MAX / EE_COMMAND_PAYLOAD_MAX);
    CHECK(ee_sequencer_submit(f->sequencer, &request, NULL, NULL) == EE_FULL);
    CHECK(fixture_settle(f));
    CHECK(ee_sequencer_submit(f->sequencer, &request, NULL, NULL) == EE_OK && fixture_settle(f));
    fixture_stop(f);
    CHECK(fixture_start(f) == EE_OK);
    fixture_free(f);
}

static void too_many_waiting_are_back_pressure(void)
{
    struct fixture *f = fixture_new();
    REQUIRE(fixture_start(f) == EE_OK && fixture_settle(f));
    for (int i = 0; i < EE_SEQUENCER_WAITING_MAX; i++)
        CHECK(ee_sequencer_after_durable(f->sequencer, fixture_durable, f) == EE_OK);
    CHECK(ee_sequencer_after_durable(f->sequencer, fixture_durable, f) == EE_FULL);
    CHECK(submit(f, "=", NULL) == EE_FULL);
    bool never = false;
    CHECK(ee_loop_run_until(f->loop, &never, 10) == EE_TIMEOUT);
    CHECK(f->durable_calls == EE_SEQUENCER_WAITING_MAX);
    CHECK(submit(f, "=", NULL) == EE_OK && fixture_settle(f));
    fixture_free(f);
}

static void too_many_repeats_waiting_are_back_pressure(void)
{
    struct fixture *f = fixture_new();
    bool never = false;
    REQUIRE(fixture_start(f) == EE_OK);
    ee_journal_memory_hold(f->memory, true);
    CHECK(submit(f, "=x", "one") == EE_OK);
    for (int i = 0; i < EE_SEQUENCER_COMMANDS_MAX; i++)
        CHECK(submit(f, "=x", "one") == EE_OK);
    CHECK(submit(f, "=x", "one") == EE_FULL);
    CHECK(ee_loop_run_until(f->loop, &never, 10) == EE_TIMEOUT);
    CHECK(f->answer_count == 0);
    ee_journal_memory_hold(f->memory, false);
    CHECK(fixture_settle(f) && f->answer_count == EE_SEQUENCER_COMMANDS_MAX + 1);
    CHECK(submit(f, "=x", "one") == EE_OK && fixture_settle(f));
    fixture_free(f);
}

static void forgotten_callers_are_not_called(void)
{
    struct fixture *f = fixture_new();
    REQUIRE(fixture_start(f) == EE_OK);
    CHECK(submit(f, "e", NULL) == EE_OK);
    CHECK(ee_sequencer_after_durable(f->sequencer, fixture_durable, f) == EE_OK);
    ee_sequencer_forget(f->sequencer, f);
    CHECK(fixture_settle(f));
    CHECK(f->answer_count == 0 && f->durable_calls == 0);
    CHECK(f->effects_count == 1); /* the command stays */
    fixture_free(f);
}

static void failed_append_is_fatal_and_answers_nothing(void)
{
    for (int keep = 0; keep < 2; keep++) {
        struct fixture *f = fixture_new();
        REQUIRE(fixture_start(f) == EE_OK);
        CHECK(submit(f, "=a", "one") == EE_OK && fixture_settle(f));
        ee_journal_memory_fail(f->memory, 0, keep);
        CHECK(submit(f, "=b", "two") == EE_OK);
        CHECK(ee_sequencer_after_durable(f->sequencer, fixture_durable, f) == EE_OK);
        CHECK(!fixture_settle(f));
        CHECK(f->fatals == 1 && f->fatal == EE_JOURNAL);
        CHECK(f->answer_count == 1 && f->durable_calls == 0);
        CHECK(submit(f, "=c", NULL) == EE_JOURNAL);
        CHECK(ee_sequencer_after_durable(f->sequencer, fixture_durable, f) == EE_JOURNAL);
        CHECK(ee_sequencer_durable_seq(f->sequencer) == 3);
        fixture_stop(f);
        ee_journal_memory_cut(f->memory);
        REQUIRE(fixture_start(f) == EE_OK);
        CHECK(submit(f, "=b", "two") == EE_OK && fixture_settle(f)); /* the client tries again */
        CHECK(f->answers[0].err == EE_OK && f->answers[0].repeated == (keep == 1));
        CHECK(f->answers[0].seq == (keep == 1 ? 4 : 5)); /* once only, either way */
        fixture_free(f);
    }
}

/* The second batch is applied, whole, while the first is not on disk yet; and it is written as one
 * batch then. */
static void next_batch_is_applied_while_one_is_written(void)
{
    struct fixture *f = fixture_new();
    struct ee_sequencer_counts counts;
    bool never = false;
    REQUIRE(fixture_start(f) == EE_OK && fixture_settle(f));
    uint64_t batches = ee_journal_memory_count(f->memory), seq;
    ee_journal_memory_hold(f->memory, true);
    CHECK(submit(f, "=", NULL) == EE_OK);
    CHECK(ee_loop_run_until(f->loop, &never, 10) == EE_TIMEOUT);
    seq = ee_sequencer_durable_seq(f->sequencer);
    for (int i = 0; i < 100; i++)
        CHECK(submit(f, "=", NULL) == EE_OK);
    CHECK(ee_core_seq(ee_sequencer_core(f->sequencer)) == seq + 101);
    CHECK(ee_loop_run_until(f->loop, &never, 10) == EE_TIMEOUT);
    CHECK(ee_sequencer_durable_seq(f->sequencer) == seq && f->answer_count == 0);
    ee_journal_memory_hold(f->memory, false);
    CHECK(fixture_settle(f) && f->answer_count == 101);
    ee_sequencer_counts(f->sequencer, &counts);
    CHECK(ee_journal_memory_count(f->memory) == batches + 2 && counts.largest_batch == 100);
    CHECK(counts.invariants == 2);
    fixture_free(f);
}

static void broken_invariant_stops_before_it_is_written(void)
{
    struct fixture *f = fixture_new();
    REQUIRE(fixture_start(f) == EE_OK && fixture_settle(f));
    uint64_t batches = ee_journal_memory_count(f->memory);
    fake_sampled_rule = "money is never lost";
    f->done = false;
    CHECK(submit(f, "=", NULL) == EE_OK);
    CHECK(ee_loop_run_until(f->loop, &f->done, WAIT_MS) == EE_OK);
    fake_sampled_rule = NULL;
    CHECK(f->fatals == 1 && f->fatal == EE_INVARIANT && f->answer_count == 0);
    CHECK(ee_journal_memory_count(f->memory) == batches);
    CHECK(submit(f, "=", NULL) == EE_JOURNAL);
    fixture_stop(f);
    CHECK(fixture_start(f) == EE_OK);
    fixture_free(f);
}

static void failed_append_at_start_is_an_error(void)
{
    struct fixture *f = fixture_new();
    ee_journal_memory_fail(f->memory, 0, false);
    CHECK(fixture_start(f) == EE_JOURNAL);
    ee_journal_memory_cut(f->memory);
    CHECK(fixture_start(f) == EE_OK);
    CHECK(ee_core_seq(ee_sequencer_core(f->sequencer)) == 2);
    fixture_free(f);
}

static void settlement_waits_while_the_clocks_disagree(void)
{
    struct fixture *f = fixture_new();
    struct ee_command_request checks = {
        .actor_kind = EE_ACTOR_SYSTEM, .actor = "", .kind = EE_COMMAND_CHECKS};
    REQUIRE(fixture_start(f) == EE_OK);
    CHECK(ee_sequencer_submit(f->sequencer, &checks, NULL, NULL) == EE_OK);
    CHECK(!ee_sequencer_clock_jumped(f->sequencer));
    f->clock.wall_us += 3600u * 1000000u;
    CHECK(ee_sequencer_clock_jumped(f->sequencer));
    CHECK(ee_sequencer_submit(f->sequencer, &checks, NULL, NULL) == EE_CLOCK);
    CHECK(submit(f, "=", NULL) == EE_OK); /* the rest goes on */
    CHECK(ee_sequencer_time_us(f->sequencer) < f->clock.wall_us);
    ee_sequencer_clock_confirm(f->sequencer);
    CHECK(ee_sequencer_submit(f->sequencer, &checks, NULL, NULL) == EE_OK);
    CHECK(ee_core_time_us(ee_sequencer_core(f->sequencer)) == f->clock.wall_us);
    CHECK(fixture_settle(f));
    fixture_free(f);
}

/* ---- what replay refuses ---- */

static struct fixture *fixture_stopped(void)
{
    struct fixture *f = fixture_new();
    if (fixture_start(f) != EE_OK)
        abort();
    for (int i = 0; i < 3; i++)
        if (submit(f, "=abc", NULL) != EE_OK || !fixture_settle(f))
            abort();
    fixture_stop(f);
    return f;
}

static void other_results_than_stored_are_refused(void)
{
    struct fixture *f = fixture_stopped();
    fake_twisted = true;
    CHECK(fixture_start(f) == EE_REPLAY);
    fake_twisted = false;
    CHECK(f->fault.batch == 2 && f->fault.seq == 3 && f->fault.what != NULL);
    CHECK(fixture_start(f) == EE_OK);
    fixture_free(f);
    CHECK(fake_live == 0);
}

static void broken_invariant_is_refused_and_named(void)
{
    struct fixture *f = fixture_stopped();
    fake_bad_rule = "the book does not balance";
    CHECK(fixture_start(f) == EE_STATE);
    CHECK(f->fault.what == fake_bad_rule && f->fault.seq == 5);
    fake_bad_rule = NULL;
    fixture_free(f);
}

static void flipped_bit_in_the_journal_is_refused_and_named(void)
{
    struct fixture *f = fixture_stopped();
    for (uint64_t batch = 1; batch <= 4; batch++) {
        ee_journal_memory_flip(f->memory, batch, EE_JOURNAL_MEMORY_BODY, 1000 + batch);
        CHECK(fixture_start(f) == EE_JOURNAL_CORRUPT);
        CHECK(f->fault.batch == batch);
        ee_journal_memory_flip(f->memory, batch, EE_JOURNAL_MEMORY_BODY, 1000 + batch);
    }
    CHECK(fixture_start(f) == EE_OK);
    fixture_free(f);
}

/* Makes hashes fit again from `batch` on, so that only replay can find the forgery. */
static void chain_mend(struct fixture *f, uint64_t batch)
{
    const struct ee_journal_row *before = ee_journal_memory_row(f->memory, batch - 1);
    for (;; batch++) {
        struct ee_journal_row *row = ee_journal_memory_row(f->memory, batch);
        if (row == NULL)
            return;
        if (before != NULL)
            memcpy(row->prev_hash, before->hash, sizeof(row->prev_hash));
        ee_journal_row_hash(&ee_crypto_openssl, f->network_id, row, row->hash);
        before = row;
    }
}

static void checkpoint_of_another_root_is_refused(void)
{
    struct fixture *f = fixture_stopped();
    struct ee_journal_row *row = ee_journal_memory_row(f->memory, 3);
    struct ee_bytes kept = row->note;
    row->note = ee_journal_memory_row(f->memory, 2)->note; /* properly signed, but older */
    chain_mend(f, 3);
    CHECK(fixture_start(f) == EE_REPLAY);
    CHECK(f->fault.batch == 3 && f->fault.seq == 4);
    row->note = ee_bytes_str("");
    chain_mend(f, 3);
    CHECK(fixture_start(f) == EE_REPLAY);
    row->note = kept;
    chain_mend(f, 3);
    CHECK(fixture_start(f) == EE_OK);
    fixture_free(f);
}

/* Finds `what` in the body of a batch and flips its last byte; the forged chain fits. */
static void body_forge(struct fixture *f, uint64_t batch, const void *what, size_t size,
                       unsigned occurrence)
{
    struct ee_bytes body = ee_journal_memory_row(f->memory, batch)->body;
    for (size_t i = 0; i + size <= body.size; i++)
        if (memcmp(body.data + i, what, size) == 0 && occurrence-- == 0)
            ee_journal_memory_flip(f->memory, batch, EE_JOURNAL_MEMORY_BODY, (i + size - 1) * 8);
    chain_mend(f, batch);
}

static void forged_result_is_refused(void)
{
    struct fixture *f = fixture_stopped();
    body_forge(f, 3, "=abc", 4, 1); /* the second is the result's */
    CHECK(fixture_start(f) == EE_REPLAY);
    CHECK(f->fault.batch == 3 && f->fault.seq == 4);
    fixture_free(f);
}

static void forged_command_number_is_refused(void)
{
    struct fixture *f = fixture_stopped();
    const uint8_t seq[8] = {0, 0, 0, 0, 0, 0, 0, 4};
    body_forge(f, 3, seq, sizeof(seq), 0);
    CHECK(fixture_start(f) == EE_REPLAY);
    CHECK(f->fault.batch == 3 && f->fault.seq == 4);
    fixture_free(f);
}

static void forged_state_hash_is_refused(void)
{
    struct fixture *f = fixture_new();
    uint8_t state[32];
    REQUIRE(fixture_start(f) == EE_OK);
    CHECK(submit(f, "=", NULL) == EE_OK && fixture_settle(f));
    ee_core_state_hash(ee_sequencer_core(f->sequencer), state);
    fixture_stop(f);
    REQUIRE(fixture_start(f) == EE_OK); /* its BOOT is batch 3 */
    fixture_stop(f);
    body_forge(f, 3, state, sizeof(state), 0);
    CHECK(fixture_start(f) == EE_REPLAY);
    CHECK(f->fault.batch == 3 && f->fault.seq == 4);
    fixture_free(f);
}

static void another_genesis_is_refused(void)
{
    struct fixture *f = fixture_stopped();
    genesis_make(f, 2);
    CHECK(fixture_start(f) == EE_WRONG_NETWORK);
    genesis_make(f, 1);
    f->genesis[f->genesis_size - 1] ^= 1; /* not the one whose hash is the network */
    CHECK(fixture_start(f) == EE_WRONG_NETWORK);
    fixture_free(f);
}

static void new_checkpoint_key_takes_over_at_a_restart(void)
{
    struct fixture *f = fixture_stopped();
    f->seed[0] ^= 1;
    REQUIRE(fixture_start(f) == EE_OK);
    CHECK(checkpoint_is_of(f, 6));
    fixture_free(f);
}

TESTS(TEST(empty_journal_begins_with_genesis_and_boot), TEST(restart_replays_and_boots_again),
      TEST(answers_come_later_in_order_and_durable), TEST(nothing_leaves_while_the_disk_is_busy),
      TEST(effects_come_once_durable_before_their_answer),
      TEST(repeated_id_is_answered_after_the_first_is_durable),
      TEST(refused_without_a_place_leaves_no_trace), TEST(full_collecting_batch_is_back_pressure),
      TEST(full_collecting_bytes_are_back_pressure), TEST(too_many_waiting_are_back_pressure),
      TEST(too_many_repeats_waiting_are_back_pressure), TEST(forgotten_callers_are_not_called),
      TEST(next_batch_is_applied_while_one_is_written),
      TEST(broken_invariant_stops_before_it_is_written),
      TEST(failed_append_is_fatal_and_answers_nothing), TEST(failed_append_at_start_is_an_error),
      TEST(settlement_waits_while_the_clocks_disagree), TEST(other_results_than_stored_are_refused),
      TEST(broken_invariant_is_refused_and_named),
      TEST(flipped_bit_in_the_journal_is_refused_and_named),
      TEST(checkpoint_of_another_root_is_refused), TEST(forged_result_is_refused),
      TEST(forged_command_number_is_refused), TEST(forged_state_hash_is_refused),
      TEST(another_genesis_is_refused), TEST(new_checkpoint_key_takes_over_at_a_restart))
