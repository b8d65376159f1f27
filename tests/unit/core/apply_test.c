/* SPDX-License-Identifier: Apache-2.0 */
/* The frame around every command: order, ids, limits, memory, start and allow-list. */
#include "unit/core/network.h"

#include "tap.h"

static struct network n;

static void open_network(void)
{
    network_open(&n, EE_PROFILE_DEVELOPMENT, NULL);
    network_populate(&n);
}

static void close_network(void)
{
    CHECK(n.broken == NULL);
    network_close(&n);
}

static void same_state(const uint8_t before[32])
{
    uint8_t after[32];
    ee_core_state_hash(n.core, after);
    CHECK(memcmp(before, after, 32) == 0);
}

/* ---- order ---- */

static void command_with_seq_time_or_version_out_of_order(void)
{
    static struct ee_result result;
    uint8_t before[32];
    open_network();
    ee_core_state_hash(n.core, before);
    const struct ee_command good = {.core_version = 1,
                                    .seq = ee_core_seq(n.core) + 1,
                                    .time_us = ee_core_time_us(n.core) + 1,
                                    .actor_kind = EE_ACTOR_SYSTEM,
                                    .kind = EE_COMMAND_TICK};
    struct ee_command bad = good;
    bad.seq++;
    CHECK(ee_core_apply(n.core, &bad, &result) == EE_STATE);
    bad.seq -= 2;
    CHECK(ee_core_apply(n.core, &bad, &result) == EE_STATE);
    bad = good;
    bad.time_us -= 2; /* one moment may hold several commands, but time never goes back */
    CHECK(ee_core_apply(n.core, &bad, &result) == EE_STATE);
    bad = good;
    bad.core_version = EE_CORE_VERSION + 1;
    CHECK(ee_core_apply(n.core, &bad, &result) == EE_VERSION);
    bad = good;
    bad.kind = EE_COMMAND_GENESIS;
    CHECK(ee_core_apply(n.core, &bad, &result) == EE_STATE);
    bad = good;
    bad.kind = (enum ee_command_kind)999;
    CHECK(ee_core_apply(n.core, &bad, &result) == EE_UNSUPPORTED);
    bad = good;
    bad.payload = ee_bytes_of("x", 1);
    CHECK(ee_core_apply(n.core, &bad, &result) == EE_TRAILING);
    same_state(before);
    CHECK(ee_core_apply(n.core, &good, &result) == EE_OK && result.seq == good.seq);
    close_network();
}

/* What the version before wrote is read; what the next one writes is not. */
static void commands_of_the_version_before_apply(void)
{
    static struct ee_result result;
    open_network();
    struct ee_command older = {.core_version = EE_CORE_VERSION - 1,
                               .seq = ee_core_seq(n.core) + 1,
                               .time_us = n.now_us,
                               .actor_kind = EE_ACTOR_SYSTEM,
                               .kind = EE_COMMAND_TICK};
    CHECK(ee_core_apply(n.core, &older, &result) == EE_OK);
    older.seq++;
    older.core_version = 0;
    CHECK(ee_core_apply(n.core, &older, &result) == EE_VERSION);
    close_network();
}

static void first_command_is_genesis(void)
{
    static struct ee_result result;
    struct ee_core *core = ee_core_new(&ee_allocator_system, &ee_crypto_openssl, NULL);
    const struct ee_command tick = {.core_version = 1,
                                    .seq = 1,
                                    .time_us = 1,
                                    .actor_kind = EE_ACTOR_SYSTEM,
                                    .kind = EE_COMMAND_TICK};
    CHECK(ee_core_apply(core, &tick, &result) == EE_STATE);
    CHECK(ee_core_genesis(core) == NULL && ee_core_network_id(core) == NULL);
    ee_core_free(core);
}

/* ---- ids ---- */

static void id_repeated_with_the_same_body_gets_the_same_answer(void)
{
    open_network();
    n.id[0] = 7;
    CHECK(network_transfer(&n, "alice", "bob", 5) == EE_OK);
    uint64_t seq = n.result.seq;
    struct ee_result first = n.result;
    CHECK(network_transfer(&n, "alice", "bob", 5) == EE_OK && !n.result.repeated); /* no id */
    n.id[0] = 7;
    CHECK(network_transfer(&n, "alice", "bob", 5) == EE_OK && n.result.repeated);
    CHECK(n.result.seq == seq && n.result.body_size == first.body_size);
    CHECK(memcmp(n.result.body, first.body, first.body_size) == 0);
    CHECK(network_available(&n, "bob") == 20000010);
    close_network();
}

static void id_repeated_with_another_body_is_a_conflict(void)
{
    open_network();
    n.id[0] = 7;
    CHECK(network_transfer(&n, "alice", "bob", 5) == EE_OK);
    uint64_t seq = ee_core_seq(n.core);
    n.id[0] = 7;
    CHECK(network_transfer(&n, "alice", "bob", 6) == EE_ID_CONFLICT && n.err == EE_ID_CONFLICT);
    CHECK(ee_core_seq(n.core) == seq);
    n.id[0] = 7; /* another actor's ids are its own */
    CHECK(network_transfer(&n, "bob", "alice", 6) == EE_OK);
    close_network();
}

static void refusal_is_remembered(void)
{
    open_network();
    n.id[0] = 7;
    CHECK(network_transfer(&n, "alice", "bob", 99000000) == EE_INSUFFICIENT_CREDITS);
    CHECK(network_mint(&n, "alice", 99000000) == EE_OK);
    n.id[0] = 7;
    CHECK(network_transfer(&n, "alice", "bob", 99000000) == EE_INSUFFICIENT_CREDITS);
    CHECK(n.result.repeated);
    close_network();
}

/* ---- limits ---- */

static void every_full_table_refuses_and_keeps_the_rest(void)
{
    const struct ee_core_limits limits = {.accounts = 3,
                                          .keys = 3,
                                          .nodes = 1,
                                          .apps = 1,
                                          .leases = 2,
                                          .periods = 2,
                                          .ids = 1,
                                          .mints = 1,
                                          .transfers = 1};
    uint8_t lease[EE_ID_SIZE], before[32];
    network_open(&n, EE_PROFILE_DEVELOPMENT, &limits);
    CHECK(network_account(&n, "alice", EE_ACCOUNT_USER) == EE_OK);
    CHECK(network_account(&n, "bob", EE_ACCOUNT_USER) == EE_OK);
    CHECK(network_account(&n, "op-a", EE_ACCOUNT_OPERATOR) == EE_OK);
    CHECK(network_mint(&n, "alice", 1000000) == EE_OK);
    CHECK(network_enrol(&n, "op-a", "cheap", 4, 10000000) == EE_OK);
    CHECK(network_admit(&n, "cheap", 4) == EE_OK);
    n.id[0] = 1;
    CHECK(network_transfer(&n, "alice", "bob", 1) == EE_OK);
    CHECK(network_run(&n, "alice", EE_WORKLOAD_APP, "web", 1, lease) == EE_OK);
    CHECK(network_stop(&n, "alice", "web") == EE_OK);
    ee_core_state_hash(n.core, before);
    CHECK(network_account(&n, "carol", EE_ACCOUNT_USER) == EE_FULL && n.err == EE_FULL);
    CHECK(network_mint(&n, "alice", 1) == EE_FULL);
    CHECK(network_enrol(&n, "op-a", "middle", 4, 1) == EE_FULL);
    CHECK(network_transfer(&n, "alice", "bob", 1) == EE_FULL);
    CHECK(network_reserve(&n, "alice", EE_WORKLOAD_APP, "other", 1) == EE_FULL);
    n.id[0] = 2;
    CHECK(network_stop(&n, "alice", "web") == EE_FULL);
    same_state(before);
    CHECK(network_run(&n, "alice", EE_WORKLOAD_APP, "web", 1, lease) == EE_OK);
    CHECK(network_stop(&n, "alice", "web") == EE_OK);
    CHECK(network_reserve(&n, "alice", EE_WORKLOAD_APP, "web", 1) == EE_FULL);
    close_network();
}

static void what_runs_is_settled_beyond_the_limit_until_twice(void)
{
    const struct ee_core_limits limits = {.periods = 1};
    uint8_t lease[EE_ID_SIZE];
    network_open(&n, EE_PROFILE_DEVELOPMENT, &limits);
    network_populate(&n);
    CHECK(network_run(&n, "alice", EE_WORKLOAD_APP, "web", 1, lease) == EE_OK);
    n.now_us += 25000000;
    CHECK(network_tick(&n) == EE_OK && ee_core_lease(n.core, lease)->period_count == 3);
    uint64_t seq = ee_core_seq(n.core);
    CHECK(network_tick(&n) == EE_FULL && ee_core_seq(n.core) == seq);
    CHECK(network_checks(&n, lease, 0, EE_CHECK_OK, EE_CHECK_OK) == EE_OK);
    CHECK(network_stop(&n, "alice", "web") == EE_OK);
    close_network();
}

static void tick_with_more_due_than_effects_leaves_the_rest_due(void)
{
    uint8_t lease[EE_ID_SIZE];
    network_open(&n, EE_PROFILE_DEVELOPMENT, NULL);
    network_populate(&n);
    CHECK(network_enrol(&n, "op-a", "big", 64, 1) == EE_OK &&
          network_admit(&n, "big", 64) == EE_OK);
    for (int i = 0; i < 40; i++) {
        char name[8];
        (void)snprintf(name, sizeof(name), "a%d", i);
        CHECK(network_run(&n, "alice", EE_WORKLOAD_APP, name, 1, lease) == EE_OK);
    }
    CHECK(network_lost(&n, "big") == EE_OK);
    n.now_us += 3000000;
    CHECK(network_tick(&n) == EE_OK && n.result.effect_count <= EE_EFFECTS_MAX);
    CHECK(ee_core_next_due_us(n.core) < n.now_us);
    network_advance(&n, 0);
    CHECK(ee_core_node(n.core, "big")->vcpus_leased == 0);
    CHECK(ee_core_node(n.core, "cheap")->vcpus_leased == 4);
    close_network();
}

/* ---- memory ---- */

/* The commands of a recorded run, each with call number 1, 2, ... of the allocator failing first:
 * the core is as before, and the command works when memory is back. */
static void failed_allocation_leaves_the_core_unchanged(void)
{
    static struct ee_result result;
    struct failing f;
    struct ee_cursor c;
    unsigned injected = 0;
    uint8_t lease[EE_ID_SIZE];
    open_network();
    n.id[3] = 1;
    CHECK(network_transfer(&n, "alice", "bob", 5) == EE_OK);
    CHECK(network_run(&n, "alice", EE_WORKLOAD_APP, "web", 1, lease) == EE_OK);
    network_advance(&n, 10000000);
    n.id[3] = 2;
    CHECK(network_checks(&n, lease, 0, EE_CHECK_OK, EE_CHECK_OK) == EE_OK);
    CHECK(network_lost(&n, "cheap") == EE_OK && network_boot(&n) == EE_OK);
    network_advance(&n, 9000000);
    CHECK(network_stop(&n, "alice", "web") == EE_OK);
    failing_init(&f);
    struct ee_core *core = ee_core_new(&f.allocator, &ee_crypto_openssl, NULL);
    ee_cursor_init(&c, ee_bytes_of(n.log, n.log_size));
    while (c.left) {
        struct ee_command command;
        uint8_t before[32], after[32];
        CHECK(ee_command_decode(ee_cursor_block(&c, SIZE_MAX), &command) == EE_OK);
        (void)ee_cursor_block(&c, SIZE_MAX);
        ee_core_state_hash_afresh(core, before);
        for (f.fail_at = 1;; f.fail_at++) {
            f.calls = 0;
            enum ee_err err = ee_core_apply(core, &command, &result);
            if (err == EE_OK)
                break;
            injected++;
            CHECK(err == EE_NO_MEMORY);
            ee_core_state_hash_afresh(core, after);
            CHECK(memcmp(before, after, 32) == 0);
        }
        f.fail_at = 0;
    }
    printf("# %u failures injected\n", injected);
    CHECK(injected > 20);
    uint8_t one[32], two[32];
    ee_core_state_hash_afresh(core, one);
    ee_core_state_hash(n.core, two);
    CHECK(memcmp(one, two, 32) == 0);
    ee_core_free(core);
    CHECK(f.held == 0);
    close_network();
}

static void new_core_without_memory(void)
{
    struct failing f;
    for (unsigned fail_at = 1; fail_at < 3; fail_at++) {
        failing_init(&f);
        f.fail_at = fail_at;
        CHECK(ee_core_new(&f.allocator, &ee_crypto_openssl, NULL) == NULL && f.held == 0);
    }
    ee_core_free(NULL);
}

/* ---- boot and replay ---- */

static void boot_of_a_wrong_epoch(void)
{
    open_network();
    struct ee_boot boot = {.epoch = 2};
    uint64_t seq = ee_core_seq(n.core);
    ee_core_state_hash(n.core, boot.state_hash);
    CHECK(NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_BOOT, boot, &boot) == EE_STATE);
    CHECK(ee_core_seq(n.core) == seq && ee_core_epoch(n.core) == 0);
    CHECK(network_boot(&n) == EE_OK && ee_core_epoch(n.core) == 1);
    close_network();
}

static void replay_gives_the_same_results_and_hash(void)
{
    uint8_t replayed[32], lease[EE_ID_SIZE];
    open_network();
    CHECK(network_run(&n, "alice", EE_WORKLOAD_APP, "web", 1, lease) == EE_OK);
    CHECK(network_boot(&n) == EE_OK);
    network_advance(&n, 30000000);
    CHECK(network_transfer(&n, "alice", "bob", INT64_MAX) == EE_INSUFFICIENT_CREDITS);
    CHECK(network_replay(&n, replayed));
    same_state(replayed);
    close_network();
}

/* ---- allow-list ---- */

static enum ee_err send_allow(struct ee_allow_change *change, const uint8_t seed[32])
{
    uint8_t buffer[256];
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    CHECK(ee_allow_change_message(ee_core_network_id(n.core), change, &w) == EE_OK);
    CHECK(ee_crypto_openssl.ed25519_sign(seed, ee_writer_done(&w), change->signature));
    return NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "bob", EE_COMMAND_ALLOW, allow_change, change);
}

static void allow_list_changes_only_by_the_founding_key_in_order(void)
{
    struct ee_allow_change change = {
        .add = 1, .role = EE_ROLE_AGENT, .measurement = {5}, .label = "agent 2", .number = 1};
    open_network();
    CHECK(send_allow(&change, network_seed_issuer) == EE_SIGNATURE);
    change.number = 2;
    CHECK(send_allow(&change, network_seed_founder) == EE_STATE);
    change.number = 1;
    CHECK(send_allow(&change, network_seed_founder) == EE_OK);
    CHECK(ee_core_allowed(n.core, EE_ROLE_AGENT, change.measurement));
    CHECK(!ee_core_allowed(n.core, EE_ROLE_CONTROL, change.measurement));
    CHECK(ee_core_allow_change_seq(n.core, 0) == ee_core_seq(n.core));
    CHECK(ee_core_allow_change_seq(n.core, 1) == 0);
    CHECK(send_allow(&change, network_seed_founder) == EE_STATE); /* a replay */
    change.number = 2;
    CHECK(send_allow(&change, network_seed_founder) == EE_STATE); /* there already */
    change.add = 0;
    CHECK(send_allow(&change, network_seed_founder) == EE_OK);
    CHECK(!ee_core_allowed(n.core, EE_ROLE_AGENT, change.measurement));
    change.number = 3;
    CHECK(send_allow(&change, network_seed_founder) == EE_NOT_FOUND);
    close_network();
}

/* One more than a follower can hold would stop every control plane at its next start, for ever. */
static void allow_list_is_never_longer_than_its_followers_can_hold(void)
{
    struct ee_allow_change change = {.add = 1, .role = EE_ROLE_AGENT, .label = "next"};
    open_network();
    for (uint32_t i = 1; i < EE_ALLOW_MAX; i++) { /* the genesis lists one */
        change.number = i;
        change.measurement[0] = (uint8_t)i;
        CHECK(send_allow(&change, network_seed_founder) == EE_OK);
    }
    change.number = EE_ALLOW_MAX;
    change.measurement[0] = 0xff;
    CHECK(send_allow(&change, network_seed_founder) == EE_LIMIT);
    change.add = 0;
    change.measurement[0] = 1;
    CHECK(send_allow(&change, network_seed_founder) == EE_OK);
    change.add = 1;
    change.number++;
    CHECK(send_allow(&change, network_seed_founder) == EE_OK); /* there again */
    close_network();
}

static void node_of_a_retired_measurement_gets_no_lease(void)
{
    struct ee_allow_change change = {.role = EE_ROLE_AGENT, .number = 1};
    open_network();
    memcpy(change.measurement, network_measurement, 32);
    CHECK(send_allow(&change, network_seed_founder) == EE_OK);
    CHECK(network_reserve(&n, "alice", EE_WORKLOAD_JOB, "job", 1) == EE_NO_ELIGIBLE_NODE);
    CHECK(network_admit(&n, "cheap", 8) == EE_MEASUREMENT);
    close_network();
}

TESTS(TEST(command_with_seq_time_or_version_out_of_order),
      TEST(commands_of_the_version_before_apply), TEST(first_command_is_genesis),
      TEST(id_repeated_with_the_same_body_gets_the_same_answer),
      TEST(id_repeated_with_another_body_is_a_conflict), TEST(refusal_is_remembered),
      TEST(every_full_table_refuses_and_keeps_the_rest),
      TEST(what_runs_is_settled_beyond_the_limit_until_twice),
      TEST(tick_with_more_due_than_effects_leaves_the_rest_due),
      TEST(failed_allocation_leaves_the_core_unchanged), TEST(new_core_without_memory),
      TEST(boot_of_a_wrong_epoch), TEST(replay_gives_the_same_results_and_hash),
      TEST(allow_list_changes_only_by_the_founding_key_in_order),
      TEST(allow_list_is_never_longer_than_its_followers_can_hold),
      TEST(node_of_a_retired_measurement_gets_no_lease))
