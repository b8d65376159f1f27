/* SPDX-License-Identifier: Apache-2.0 */
/* A week of twenty nodes in virtual time: users deploy and stop, nodes go and come back, the
 * control plane restarts now and then, and a little shell answers every effect as the real one
 * does. Twice from the same seed is the same week. EE_SEED chooses it. */
#include "unit/core/network.h"

#include <stdlib.h>

#include "tap.h"

enum { NODES = 20, USERS = 6, APPS = 30, DUE_MAX = 4096, WEEK_HOURS = 7 * 24, STEPS_PER_HOUR = 12 };

static const uint64_t minute = (uint64_t)60 * 1000000;

/* Periods whose checks are to be submitted, and what their node did. */
struct due {
    uint8_t lease[EE_ID_SIZE];
    uint32_t period;
};

struct week {
    struct network network;
    uint64_t state;
    struct due due[DUE_MAX];
    size_t due_count;
    bool down[NODES];
    unsigned starts, settled, boots;
};

static uint32_t below(struct week *w, uint32_t limit)
{
    uint64_t z = w->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ z >> 31) % limit);
}

static char *name_of(const char *prefix, uint32_t number, char out[16])
{
    (void)snprintf(out, 16, "%s-%u", prefix, number);
    return out;
}

static void week_open(struct week *w, uint64_t seed)
{
    char name[16], operator_name[16];
    bool ok = true;
    memset(w, 0, sizeof(*w));
    w->state = seed;
    network_open(&w->network, EE_PROFILE_PRODUCTION, NULL);
    w->network.unchecked = true;
    for (uint32_t i = 0; i < USERS; i++) {
        ok = ok && network_account(&w->network, name_of("user", i, name), EE_ACCOUNT_USER) == EE_OK;
        ok = ok && network_mint(&w->network, name, 3000000 + (int64_t)below(w, 9000000)) == EE_OK;
    }
    for (uint32_t i = 0; i < 5; i++)
        ok = ok &&
             network_account(&w->network, name_of("op", i, name), EE_ACCOUNT_OPERATOR) == EE_OK;
    for (uint32_t i = 0; i < NODES; i++) {
        name_of("op", i % 5, operator_name);
        ok = ok && network_enrol(&w->network, operator_name, name_of("node", i, name), 8,
                                 5000000 + (int64_t)below(w, 20000000)) == EE_OK;
        ok = ok && network_admit(&w->network, name, 9) == EE_OK;
    }
    REQUIRE(ok);
}

/* ---- the shell: what each effect asks for ---- */

static void on_start(struct week *w, const struct ee_effect *effect)
{
    const struct ee_lease *lease = ee_core_lease(w->network.core, effect->lease);
    uint8_t id[EE_ID_SIZE];
    memcpy(id, effect->lease, sizeof(id));
    w->starts += lease->period_count == 1 && w->network.result.err == EE_OK;
    w->network.now_us += 1 + below(w, 3000000);
    if (below(w, 20) == 0)
        (void)network_end(&w->network, id, EE_END_START_FAILED);
    else
        (void)network_running(&w->network, id);
}

static void effects_take(struct week *w)
{
    struct ee_effect effects[EE_EFFECTS_MAX];
    size_t count = w->network.result.effect_count;
    memcpy(effects, w->network.result.effects, sizeof(effects));
    for (size_t i = 0; i < count; i++) {
        const struct ee_effect *effect = &effects[i];
        bool ended = effect->kind == EE_EFFECT_PERIOD_DUE || effect->kind == EE_EFFECT_LEASE_ENDED;
        if (ended && w->due_count < DUE_MAX) {
            memcpy(w->due[w->due_count].lease, effect->lease, EE_ID_SIZE);
            w->due[w->due_count++].period = effect->period;
        }
        w->settled += effect->kind == EE_EFFECT_SETTLED;
        if (effect->kind == EE_EFFECT_START_LEASE)
            on_start(w, effect);
    }
}

static bool node_down(const struct week *w, const char *node)
{
    char name[16];
    for (uint32_t i = 0; i < NODES; i++)
        if (w->down[i] && strcmp(name_of("node", i, name), node) == 0)
            return true;
    return false;
}

/* Checks of what is due: missed where the node is down, now and then nothing could be observed. */
static void checks_submit(struct week *w)
{
    size_t count = w->due_count;
    for (size_t i = 0; i < count; i++) {
        const struct ee_lease *lease = ee_core_lease(w->network.core, w->due[i].lease);
        bool lost = node_down(w, lease->node) ||
                    (lease->state == EE_LEASE_ENDED && lease->end_reason == EE_END_NODE_LOST);
        enum ee_check_outcome outcome = lost                ? EE_CHECK_MISSED
                                        : below(w, 50) == 0 ? EE_CHECK_VOID
                                                            : EE_CHECK_OK;
        (void)network_checks(&w->network, w->due[i].lease, w->due[i].period, outcome, outcome);
        effects_take(w);
    }
    memmove(w->due, w->due + count, (w->due_count - count) * sizeof(w->due[0]));
    w->due_count -= count;
}

static void ticks(struct week *w, uint64_t until_us)
{
    while (ee_core_next_due_us(w->network.core) <= until_us) {
        uint64_t due = ee_core_next_due_us(w->network.core);
        if (due > w->network.now_us)
            w->network.now_us = due;
        REQUIRE(network_tick(&w->network) == EE_OK);
        effects_take(w);
    }
    if (w->network.now_us < until_us)
        w->network.now_us = until_us;
}

/* ---- what people and machines do ---- */

static void users_act(struct week *w)
{
    char user[16], app[16];
    uint32_t number = below(w, APPS);
    name_of("user", number % USERS, user);
    name_of("app", number, app);
    if (below(w, 4) == 0) {
        (void)network_stop(&w->network, user, app);
    } else if (network_reserve(&w->network, user, EE_WORKLOAD_APP, app, 1 + below(w, 4)) == EE_OK) {
        uint8_t lease[EE_ID_SIZE];
        memcpy(lease, ee_core_app(w->network.core, app)->lease, sizeof(lease));
        (void)network_start(&w->network, user, lease);
    }
    effects_take(w);
}

static void machines_act(struct week *w)
{
    char name[16];
    uint32_t number = below(w, NODES);
    name_of("node", number, name);
    if (w->down[number]) {
        w->down[number] = network_admit(&w->network, name, 9) != EE_OK;
    } else if (below(w, 6) == 0) {
        w->down[number] = network_lost(&w->network, name) == EE_OK;
    }
    if (below(w, 200) != 0)
        return;
    w->boots++;
    w->network.now_us += below(w, 100) * minute; /* our own outage */
    REQUIRE(network_boot(&w->network) == EE_OK);
    for (uint32_t i = 0; i < NODES; i++)
        if (!w->down[i])
            (void)network_admit(&w->network, name_of("node", i, name), 9);
}

static void week_run(struct week *w)
{
    const char *rule = "";
    uint64_t end_us = w->network.now_us + WEEK_HOURS * 60 * minute;
    for (unsigned step = 0; w->network.now_us < end_us; step++) {
        ticks(w, w->network.now_us + below(w, 2 * 60 / STEPS_PER_HOUR) * minute);
        users_act(w);
        machines_act(w);
        checks_submit(w);
        if (step % 50 == 0)
            REQUIRE(ee_core_check(w->network.core, &rule) == EE_OK);
    }
    bool holds = ee_core_check(w->network.core, &rule) == EE_OK;
    if (!holds)
        printf("# broken: %s\n", rule);
    CHECK(holds);
}

static uint64_t seed_of_the_run(void)
{
    uint64_t seed;
    const char *text = getenv("EE_SEED");
    return text && ee_u64_parse(text, &seed) == EE_OK ? seed : 7;
}

static struct week first, second;

static void a_week_of_twenty_nodes_twice_is_the_same(void)
{
    uint8_t one[32], two[32], replayed[32];
    uint64_t seed = seed_of_the_run();
    printf("# seed %llu\n", (unsigned long long)seed);
    week_open(&first, seed);
    week_run(&first);
    week_open(&second, seed);
    week_run(&second);
    ee_core_state_hash(first.network.core, one);
    ee_core_state_hash(second.network.core, two);
    CHECK(memcmp(one, two, sizeof(one)) == 0);
    CHECK(network_replay(&first.network, replayed) && memcmp(one, replayed, sizeof(one)) == 0);
    printf("# %llu commands, %u settlements, %u starts, %u restarts\n",
           (unsigned long long)ee_core_seq(first.network.core), first.settled, first.starts,
           first.boots);
    CHECK(first.settled > 500 && first.boots > 0);
    network_close(&first.network);
    network_close(&second.network);
}

static void another_seed_is_another_week(void)
{
    uint8_t one[32], two[32];
    uint64_t seed = seed_of_the_run();
    week_open(&first, seed);
    week_open(&second, seed + 1);
    ee_core_state_hash(first.network.core, one);
    ee_core_state_hash(second.network.core, two);
    CHECK(memcmp(one, two, sizeof(one)) != 0);
    network_close(&first.network);
    network_close(&second.network);
}

/* What was paid is what operators have, and nothing was made or lost. */
static void the_book_of_a_week_adds_up(void)
{
    struct ee_totals totals;
    int64_t earned = 0, paid = 0;
    char name[16];
    week_open(&first, seed_of_the_run() + 100);
    week_run(&first);
    ee_core_totals(first.network.core, &totals);
    CHECK(totals.minted.micros == totals.balances.micros);
    for (uint32_t i = 0; i < 5; i++)
        earned += network_available(&first.network, name_of("op", i, name));
    const struct ee_period *period;
    for (size_t i = 0; (period = ee_core_period_at(first.network.core, i)); i++)
        paid += period->paid.micros;
    CHECK(earned == paid && paid > 0);
    network_close(&first.network);
}

TESTS(TEST(a_week_of_twenty_nodes_twice_is_the_same), TEST(another_seed_is_another_week),
      TEST(the_book_of_a_week_adds_up))
