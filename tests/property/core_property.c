/* SPDX-License-Identifier: Apache-2.0 */
/* Random commands; after each one every invariant holds and every balance is what a short model,
 * made only of answers and of the price formula, says. EE_SEED and EE_SEEDS choose the seeds. */
#include "property/random_run.h"

#include <stdlib.h>

#include "tap.h"

enum { STEPS = 150, SEEDS = 200, SAVE_EVERY = 7 };

/* ceil(price * vcpus * seconds / 3,600,000), at most `limit`. */
static int64_t price_of(const struct ee_lease *lease, uint64_t seconds, int64_t limit)
{
    ee_u128 product = (ee_u128)lease->price_nanos * lease->vcpus * seconds;
    int64_t amount = (int64_t)((product + 3599999) / 3600000);
    return amount < limit ? amount : limit;
}

/* What the launcher of this period no longer has, and its operator got; false: wrong amounts. */
static bool period_moves(const struct ee_lease *lease, const struct ee_period *p, int64_t *gone_out,
                         int64_t *got_out)
{
    int64_t lock = price_of(lease, 10, INT64_MAX);
    uint64_t seconds = (p->ends_us - p->starts_us + 999999) / 1000000;
    bool open = p->state == EE_LOCK_LOCKED || p->state == EE_LOCK_DUE;
    bool pass = p->verdict == EE_VERDICT_PASS && p->health_ok && p->attestation_ok &&
                !p->health_missed && !p->attestation_missed;
    *got_out = pass ? price_of(lease, seconds, lock) : 0;
    *gone_out = open ? lock : *got_out;
    return p->locked.micros == lock && p->paid.micros == *got_out;
}

static bool balances_hold(const struct random_run *run)
{
    int64_t expected[4];
    const struct ee_core *core = run->network.core;
    for (int a = 0; a < 4; a++)
        expected[a] = run->minted[a] - run->sent[a] + run->received[a];
    for (size_t i = 0;; i++) {
        int64_t gone, got;
        const struct ee_period *p = ee_core_period_at(core, i);
        if (!p)
            break;
        const struct ee_lease *lease = ee_core_lease(core, p->lease);
        if (!period_moves(lease, p, &gone, &got))
            return false;
        for (int a = 0; a < 4; a++) {
            expected[a] -= strcmp(lease->launcher, random_accounts[a]) == 0 ? gone : 0;
            expected[a] += strcmp(lease->operator_name, random_accounts[a]) == 0 ? got : 0;
        }
    }
    for (int a = 0; a < 4; a++)
        if (network_available(&run->network, random_accounts[a]) != expected[a])
            return false;
    return true;
}

/* Everything stopped and held too long: no credit is stuck. */
static void wind_down(struct random_run *run)
{
    static const char *const apps[] = {"web", "api", "blog"};
    struct network *n = &run->network;
    for (size_t i = 0; i < 3; i++)
        for (int who = 0; who < 2; who++)
            (void)network_stop(n, random_accounts[who], apps[i]);
    for (size_t i = 0; ee_core_lease_at(n->core, i); i++) {
        uint8_t id[EE_ID_SIZE];
        memcpy(id, ee_core_lease_at(n->core, i)->id, sizeof(id));
        (void)network_end(n, id, EE_END_EXITED);
    }
    network_advance(n, 70000000);
    struct ee_totals totals;
    ee_core_totals(n->core, &totals);
    CHECK(totals.locked.micros == 0);
}

static bool run_seed(uint64_t seed)
{
    struct random_run run;
    bool holds = true;
    random_open(&run, seed);
    for (int step = 0; step < STEPS && holds; step++) {
        random_step(&run);
        holds = !run.network.broken && balances_hold(&run);
    }
    if (holds)
        wind_down(&run);
    holds = holds && !run.network.broken && balances_hold(&run);
    uint8_t hash[32], replayed[32];
    ee_core_state_hash(run.network.core, hash);
    holds = holds && network_replay(&run.network, replayed) && memcmp(hash, replayed, 32) == 0;
    random_close(&run);
    return holds;
}

/* Saved and loaded at every so many commands; whatever comes next, the loaded one answers alike. */
static bool twin_seed(uint64_t seed)
{
    struct random_run run;
    random_open(&run, seed);
    run.network.unchecked = true;
    bool same = true;
    for (uint64_t step = 0; step < STEPS && same; step++) {
        if (step % SAVE_EVERY == seed % SAVE_EVERY)
            same = network_twin(&run.network);
        random_step(&run);
        same = same && !run.network.twin_differs;
    }
    if (same)
        wind_down(&run);
    same = same && network_twin(&run.network);
    random_close(&run);
    return same;
}

static uint64_t from_environment(const char *name, uint64_t fallback)
{
    uint64_t value;
    const char *text = getenv(name);
    return text && ee_u64_parse(text, &value) == EE_OK ? value : fallback;
}

static void every_seed(bool (*run)(uint64_t seed), uint64_t share)
{
    uint64_t first = from_environment("EE_SEED", 1);
    uint64_t seeds = (from_environment("EE_SEEDS", SEEDS) + share - 1) / share;
    printf("# seeds %llu to %llu\n", (unsigned long long)first,
           (unsigned long long)(first + seeds - 1));
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        bool holds = run(seed);
        if (!holds)
            printf("# seed %llu\n", (unsigned long long)seed);
        REQUIRE(holds);
    }
}

static void random_commands_keep_every_invariant_and_balance(void)
{
    every_seed(run_seed, 1);
}

static void core_loaded_at_any_command_goes_on_the_same(void)
{
    every_seed(twin_seed, 4);
}

TESTS(TEST(random_commands_keep_every_invariant_and_balance),
      TEST(core_loaded_at_any_command_goes_on_the_same))
