/* SPDX-License-Identifier: Apache-2.0 */
/* What {"do":"show"} of `ee simulate` answers. Amounts in micro-dollars, as decimal text. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "simulate.h"

#include "base/text.h"
#include "core/names.h"
#include "base/banned.h"

static json_t *micros(struct ee_money money)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%" PRId64, money.micros);
    return json_string(text);
}

static json_t *hex(const void *data, size_t size)
{
    char text[2 * 32 + 1];
    return json_string(ee_hex_encode(data, size, text));
}

/* Seconds since the start of the simulation; null: not yet. */
static json_t *seconds(uint64_t time_us)
{
    return time_us ? json_integer((json_int_t)(ee_simulation_since_start_us(time_us) / 1000000))
                   : json_null();
}

static void show_balances(const struct ee_simulation *s, const struct ee_core *core, json_t *answer)
{
    uint64_t now_us = ee_simulation_now_us(s) + ee_core_time_us(core) -
                      ee_simulation_since_start_us(ee_core_time_us(core));
    struct ee_totals totals;
    const struct ee_account *account;
    json_t *balances = json_object();
    for (size_t i = 0; (account = ee_core_account_at(core, i)) != NULL; i++) {
        struct ee_balance b;
        if (ee_core_balance_at(core, account->name, now_us, &b) != EE_OK)
            continue;
        json_t *row = json_pack("{s:o,s:o,s:o}", "available", micros(b.available), "locked",
                                micros(b.locked), "held", micros(b.due));
        if (b.held.micros > 0)
            (void)json_object_set_new(row, "fresh", micros(b.held));
        if (b.owed.micros > 0)
            (void)json_object_set_new(row, "owed", micros(b.owed));
        (void)json_object_set_new(balances, account->name, row);
    }
    ee_core_totals(core, &totals);
    (void)json_object_set_new(answer, "balances", balances);
    (void)json_object_set_new(answer, "minted", micros(totals.minted));
    (void)json_object_set_new(answer, "redeemed", micros(totals.redeemed));
    if (totals.charged_back.micros != 0)
        (void)json_object_set_new(answer, "charged_back", micros(totals.charged_back));
}

static void show_leases(const struct ee_core *core, json_t *answer)
{
    const struct ee_lease *l;
    json_t *leases = json_array();
    for (size_t i = 0; (l = ee_core_lease_at(core, i)) != NULL; i++) {
        bool ended = l->state == EE_LEASE_ENDED;
        (void)json_array_append_new(
            leases,
            json_pack("{s:o,s:s,s:s,s:s,s:s,s:s,s:s?,s:I,s:o,s:o,s:o}", "id",
                      hex(l->id, sizeof(l->id)), "app", l->app, "account", l->launcher, "node",
                      l->node, "operator", l->operator_name, "state", ee_lease_state_name(l->state),
                      "end_reason", ended ? ee_end_reason_name(l->end_reason) : NULL, "vcpus",
                      (json_int_t)l->vcpus, "reserved_at", seconds(l->reserved_us), "running_at",
                      seconds(l->running_us), "ended_at", seconds(l->ended_us)));
    }
    (void)json_object_set_new(answer, "leases", leases);
}

static void show_periods(const struct ee_core *core, json_t *answer)
{
    const struct ee_period *p;
    json_t *periods = json_array();
    for (size_t i = 0; (p = ee_core_period_at(core, i)) != NULL; i++) {
        const struct ee_lease *lease = ee_core_lease(core, p->lease);
        (void)json_array_append_new(
            periods, json_pack("{s:o,s:s,s:I,s:o,s:o,s:s,s:s,s:s,s:o,s:o,s:o}", "lease",
                               hex(p->lease, sizeof(p->lease)), "app", lease->app, "period",
                               (json_int_t)p->index, "starts_at", seconds(p->starts_us), "ends_at",
                               seconds(p->ends_us), "state", ee_lock_state_name(p->state),
                               "verdict", ee_verdict_name(p->verdict), "reason",
                               ee_fail_reason_name(p->reason), "locked", micros(p->locked), "paid",
                               micros(p->paid), "refunded", micros(p->refunded)));
    }
    (void)json_object_set_new(answer, "periods", periods);
}

static void show_nodes(const struct ee_core *core, json_t *answer)
{
    const struct ee_node *n;
    json_t *nodes = json_array();
    for (size_t i = 0; (n = ee_core_node_at(core, i)) != NULL; i++) {
        char price[32];
        (void)snprintf(price, sizeof(price), "%" PRId64, n->price_nanos);
        (void)json_array_append_new(
            nodes, json_pack("{s:s,s:s,s:s,s:I,s:I,s:b}", "node", n->name, "operator",
                             n->operator_name, "price", price, "vcpus", (json_int_t)n->vcpus,
                             "leased", (json_int_t)n->vcpus_leased, "connected", n->connected));
    }
    (void)json_object_set_new(answer, "nodes", nodes);
}

/* Sequence, time, state hash and whether every invariant of docs/spec/money.md holds. */
static void show_state(const struct ee_simulation *s, const struct ee_core *core, json_t *answer)
{
    uint8_t hash[32];
    const char *broken = NULL;
    ee_core_state_hash(core, hash);
    enum ee_err err = ee_core_check(core, &broken);
    (void)json_object_set_new(answer, "seq", json_integer((json_int_t)ee_core_seq(core)));
    (void)json_object_set_new(answer, "at",
                              json_integer((json_int_t)(ee_simulation_now_us(s) / 1000000)));
    (void)json_object_set_new(answer, "state_hash", hex(hash, sizeof(hash)));
    (void)json_object_set_new(answer, "invariants",
                              json_string(err == EE_OK ? "hold"
                                          : broken     ? broken
                                                       : "broken"));
}

enum ee_err ee_simulate_show(const struct ee_simulation *s, const char *what, json_t *answer)
{
    const struct ee_core *core = ee_simulation_core(s);
    if (strcmp(what, "balances") == 0)
        show_balances(s, core, answer);
    else if (strcmp(what, "leases") == 0)
        show_leases(core, answer);
    else if (strcmp(what, "periods") == 0)
        show_periods(core, answer);
    else if (strcmp(what, "nodes") == 0)
        show_nodes(core, answer);
    else if (strcmp(what, "state") == 0)
        show_state(s, core, answer);
    else
        return EE_USAGE;
    return EE_OK;
}
