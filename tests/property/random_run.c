/* SPDX-License-Identifier: Apache-2.0 */
#include "property/random_run.h"

#include "core/transfers.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

const char *const random_accounts[5] = {"alice", "bob", "op-a", "op-b", "nobody"};
static const char *const nodes[] = {"cheap", "middle", "dear", "absent"};
static const char *const apps[] = {"web", "api", "blog"};

uint64_t random_draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint32_t below(struct random_run *r, uint32_t limit)
{
    return (uint32_t)(random_draw(&r->state) % limit);
}

void random_open(struct random_run *run, uint64_t seed)
{
    memset(run, 0, sizeof(*run));
    run->state = seed;
    network_open(&run->network, EE_PROFILE_DEVELOPMENT, NULL);
    network_populate(&run->network);
    run->minted[0] = run->minted[1] = 20000000;
}

void random_close(struct random_run *run)
{
    network_close(&run->network);
}

/* An existing lease most of the time; recent ones more often. */
static void pick_lease(struct random_run *r, uint8_t out[EE_ID_SIZE])
{
    size_t count = 0;
    while (ee_core_lease_at(r->network.core, count))
        count++;
    memset(out, 0xee, EE_ID_SIZE);
    if (count == 0 || below(r, 30) == 0)
        return;
    size_t back = below(r, count < 6 ? (uint32_t)count : 6);
    memcpy(out, ee_core_lease_at(r->network.core, count - 1 - back)->id, EE_ID_SIZE);
}

static void do_mint(struct random_run *r)
{
    uint32_t who = below(r, 5);
    int64_t amount = 1 + below(r, 2000);
    if (network_mint(&r->network, random_accounts[who], amount) == EE_OK)
        r->minted[who] += amount;
}

static void do_transfer(struct random_run *r)
{
    uint32_t from = below(r, 5), to = below(r, 5);
    int64_t amount = 1 + (int64_t)(random_draw(&r->state) >> (2 + below(r, 60)));
    if (from < 4 && below(r, 6) == 0) /* all of it */
        amount = network_available(&r->network, random_accounts[from]);
    if (amount <= 0)
        return;
    bool with_id = below(r, 4) == 0;
    for (int again = 0; again <= (with_id ? 1 : 0); again++) {
        r->network.id[0] = with_id;
        memcpy(r->network.id + 1, &r->state, with_id ? sizeof(r->state) : 0);
        enum ee_err err =
            network_transfer(&r->network, random_accounts[from], random_accounts[to], amount);
        if (err != EE_OK || r->network.result.repeated)
            continue;
        r->sent[from] += amount;
        r->received[to] += amount;
    }
}

static uint32_t rows_draw(struct random_run *r, struct ee_writer *w, struct ee_transfers_row *rows,
                          uint32_t *to)
{
    uint32_t count = 1 + below(r, 6);
    enum ee_err err = ee_transfers_begin(w, below(r, 2) != 0, count);
    for (uint32_t i = 0; i < count && err == EE_OK; i++) {
        to[i] = below(r, 5);
        rows[i] = (struct ee_transfers_row){.to = ee_bytes_str(random_accounts[to[i]])};
        rows[i].id[0] = (uint8_t)(1 + below(r, 60)); /* some come again */
        rows[i].amount.micros = 1 + (int64_t)(random_draw(&r->state) >> (2 + below(r, 60)));
        err = ee_transfers_add(w, &rows[i]);
    }
    return err == EE_OK ? count : 0;
}

static void do_transfers(struct random_run *r)
{
    uint8_t payload[1024];
    struct ee_transfers_row rows[6];
    static uint16_t outcomes[EE_TRANSFERS_MAX];
    struct ee_transfers_result result;
    struct ee_writer w;
    uint32_t from = below(r, 5), to[6] = {0};
    ee_writer_init(&w, payload, sizeof(payload));
    uint32_t count = rows_draw(r, &w, rows, to);
    (void)network_submit(&r->network, EE_ACTOR_ACCOUNT, random_accounts[from], EE_COMMAND_TRANSFERS,
                         ee_writer_done(&w));
    struct ee_bytes body = ee_bytes_of(r->network.result.body, r->network.result.body_size);
    if (ee_transfers_result_decode(body, &result, outcomes) != EE_OK)
        return; /* nobody's */
    for (uint32_t i = 0; i < count; i++) {
        int64_t moved = outcomes[i] == EE_OK ? rows[i].amount.micros : 0;
        r->sent[from] += moved;
        r->received[to[i]] += moved;
    }
}

static void do_reserve(struct random_run *r)
{
    char name[16];
    const char *launcher = random_accounts[below(r, 5)];
    uint32_t vcpus = 1 + below(r, 5);
    if (below(r, 2)) {
        (void)network_reserve(&r->network, launcher, EE_WORKLOAD_APP, apps[below(r, 3)], vcpus);
        return;
    }
    (void)snprintf(name, sizeof(name), "job-%u", r->jobs += below(r, 5) != 0);
    (void)network_reserve(&r->network, launcher, EE_WORKLOAD_JOB, name, vcpus);
}

static void do_work(struct random_run *r)
{
    uint8_t lease[EE_ID_SIZE];
    static const enum ee_end_reason reasons[] = {EE_END_EXITED, EE_END_START_FAILED,
                                                 EE_END_AGENT_LOST_IT};
    pick_lease(r, lease);
    switch (below(r, 5)) {
    case 0:
    case 1:
        (void)network_start(&r->network, random_accounts[below(r, 2)], lease);
        (void)network_running(&r->network, lease);
        return;
    case 2:
        (void)network_running(&r->network, lease);
        return;
    case 3:
        (void)network_end(&r->network, lease, reasons[below(r, 3)]);
        return;
    default:
        break;
    }
    const char *launcher = random_accounts[below(r, 2)];
    (void)network_stop(&r->network, launcher, apps[below(r, 3)]);
}

static void do_node(struct random_run *r)
{
    const char *node = nodes[below(r, 4)];
    struct ee_node_price price = {.price_nanos = (int64_t)below(r, 30000000)};
    memcpy(price.node, node, strlen(node));
    switch (below(r, 5)) {
    case 0:
        (void)network_lost(&r->network, node);
        return;
    case 1:
        (void)NETWORK_SEND(&r->network, EE_ACTOR_ACCOUNT, random_accounts[below(r, 5)],
                           EE_COMMAND_NODE_PRICE, node_price, &price);
        return;
    case 2:
        if (below(r, 8) == 0)
            (void)network_boot(&r->network);
        return;
    default:
        (void)network_admit(&r->network, node, 1 + below(r, 8));
    }
}

/* The oldest period that waits for its checks. */
static bool pick_due(const struct random_run *r, uint8_t lease[EE_ID_SIZE], uint32_t *index)
{
    const struct ee_period *period;
    for (size_t i = 0; (period = ee_core_period_at(r->network.core, i)); i++) {
        if (period->state != EE_LOCK_DUE)
            continue;
        memcpy(lease, period->lease, EE_ID_SIZE);
        *index = period->index;
        return true;
    }
    return false;
}

static void do_checks(struct random_run *r)
{
    uint8_t lease[EE_ID_SIZE];
    struct ee_checks checks;
    pick_lease(r, lease);
    const struct ee_lease *found = ee_core_lease(r->network.core, lease);
    uint32_t count = found ? found->period_count : 1, index = below(r, count + 1);
    if (below(r, 5) == 0) {
        enum ee_check_kind kind = below(r, 2) ? EE_CHECK_HEALTH : EE_CHECK_ATTESTATION;
        (void)network_miss(&r->network, lease, index, kind, below(r, 12));
        return;
    }
    if (below(r, 4))
        (void)pick_due(r, lease, &index);
    enum ee_check_outcome outcome = below(r, 6) == 0 ? EE_CHECK_VOID : EE_CHECK_OK;
    network_checks_make(&r->network, lease, index, outcome, EE_CHECK_OK, &checks);
    if (below(r, 4) == 0)
        checks.health[below(r, checks.health_count)] = EE_CHECK_MISSED;
    if (below(r, 20) == 0)
        checks.attestation_count++;
    (void)NETWORK_SEND(&r->network, EE_ACTOR_SYSTEM, "", EE_COMMAND_CHECKS, checks, &checks);
}

static void do_garbage(struct random_run *r)
{
    uint8_t bytes[64];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)random_draw(&r->state);
    enum ee_command_kind kind = (enum ee_command_kind)(1 + below(r, 55));
    (void)network_submit(&r->network, EE_ACTOR_ACCOUNT, "alice", kind,
                         ee_bytes_of(bytes, below(r, sizeof(bytes))));
}

static void do_time(struct random_run *r)
{
    r->network.now_us += below(r, 4000000);
    (void)network_tick(&r->network);
}

void random_step(struct random_run *run)
{
    static void (*const steps[])(struct random_run *) = {
        do_mint, do_transfer, do_transfers, do_reserve, do_reserve, do_work, do_work,   do_work,
        do_node, do_checks,   do_checks,    do_checks,  do_time,    do_time, do_garbage};
    steps[below(run, sizeof(steps) / sizeof(steps[0]))](run);
}
