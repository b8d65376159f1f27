/* SPDX-License-Identifier: Apache-2.0 */
/* Placement on exact state: nodes by value to the market, its reasons back. */
#include <assert.h>
#include <string.h>

#include "core/state.h"

#include "base/banned.h"

static_assert((int)EE_PLACE_TIE == (int)EE_MARKET_TIE &&
                  (int)EE_PLACE_STAKE == (int)EE_MARKET_STAKE &&
                  (int)EE_PLACE_NOT_ASKED == (int)EE_MARKET_NOT_ASKED &&
                  (int)EE_PLACE_SAME_APP == (int)EE_MARKET_SAME_APP &&
                  (int)EE_PLACE_CHOSEN == (int)EE_MARKET_CHOSEN,
              "the reasons have the same numbers");

enum ee_err ee_core_candidates_reserve(struct ee_core *core, uint32_t nodes)
{
    if (nodes <= core->candidate_capacity)
        return EE_OK;
    uint32_t capacity = 2 * nodes;
    struct ee_market_candidate *candidates =
        ee_realloc(core->allocator, core->candidates, capacity, sizeof(*candidates));
    if (!candidates)
        return EE_NO_MEMORY;
    core->candidates = candidates;
    enum ee_market_reason *reasons =
        ee_realloc(core->allocator, core->reasons, capacity, sizeof(*reasons));
    if (!reasons)
        return EE_NO_MEMORY;
    core->reasons = reasons;
    core->candidate_capacity = capacity;
    return EE_OK;
}

static bool other_tenant(const struct ee_core *core, const struct ee_node_row *row,
                         const char *launcher)
{
    if (row->first_lease_row == 0)
        return false;
    const struct ee_lease_row *lease = ee_table_at(&core->leases, row->first_lease_row - 1);
    return strcmp(lease->lease.launcher, launcher) != 0;
}

static bool same_app(const struct ee_core *core, const struct ee_node_row *row,
                     const struct ee_app_row *app)
{
    for (uint32_t next = app->first_lease_row; next;) {
        const struct ee_lease_row *lease = ee_table_at(&core->leases, next - 1);
        if (strcmp(lease->lease.node, row->node.name) == 0)
            return true;
        next = lease->next_of_app_row;
    }
    return false;
}

static struct ee_market_candidate candidate(const struct ee_core *core,
                                            const struct ee_node_row *row,
                                            const struct ee_app_row *app, uint64_t now_us)
{
    const struct ee_node *node = &row->node;
    return (struct ee_market_candidate){
        .name = node->name,
        .price_nanos = node->price_nanos,
        .free_vcpus = ee_core_node_free(core, node),
        .trust_ppm = EE_MARKET_TRUST_NEUTRAL_PPM,
        .stake_micros = core->params->minimum_stake_micros, /* neutral */
        .admitted = node->admitted && ee_core_allowed(core, EE_ROLE_AGENT, node->measurement),
        .connected = node->connected,
        .other_tenant = other_tenant(core, row, app->app.launcher),
        .same_app = same_app(core, row, app),
        .failed_before = now_us < app->failed_until_us && strcmp(app->failed_node, node->name) == 0,
    };
}

/* Heapsort: in place, no recursion, the same everywhere. */
static void sift_down(struct ee_market_candidate *list, size_t root, size_t count)
{
    struct ee_market_candidate moved = list[root];
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= count)
            break;
        if (child + 1 < count && ee_market_compare(&list[child], &list[child + 1]) < 0)
            child++;
        if (ee_market_compare(&moved, &list[child]) >= 0)
            break;
        list[root] = list[child];
        root = child;
    }
    list[root] = moved;
}

static void sort(struct ee_market_candidate *list, size_t count)
{
    for (size_t i = count / 2; i > 0; i--)
        sift_down(list, i - 1, count);
    for (size_t end = count; end > 1; end--) {
        struct ee_market_candidate first = list[0];
        list[0] = list[end - 1];
        list[end - 1] = first;
        sift_down(list, 0, end - 1);
    }
}

static void explain_row(const struct ee_core *core, size_t index, struct ee_placement_row *row)
{
    const struct ee_market_candidate *c = &core->candidates[index];
    memset(row, 0, sizeof(*row));
    memcpy(row->node, c->name, strlen(c->name));
    row->price_nanos = c->price_nanos;
    row->free_vcpus = c->free_vcpus;
    row->reason = (enum ee_placement_reason)core->reasons[index];
}

/* The cheapest are listed; the chosen one always is. */
static void explain_all(const struct ee_core *core, size_t chosen, struct ee_reserve_result *out)
{
    size_t count = core->nodes.count;
    out->row_count = (uint32_t)count;
    for (size_t i = 0; i < count && i < EE_EXPLAIN_MAX; i++)
        explain_row(core, i, &out->rows[i]);
    if (chosen < count && chosen >= EE_EXPLAIN_MAX)
        explain_row(core, chosen, &out->rows[EE_EXPLAIN_MAX - 1]);
}

enum ee_err ee_core_place(struct ee_core *core, const struct ee_app_row *app, uint64_t now_us,
                          struct ee_reserve_result *explain, struct ee_node_row **node_out)
{
    size_t count = core->nodes.count, chosen = count;
    const struct ee_market_request request = {
        .vcpus = app->app.vcpus,
        .max_price_nanos = app->max_price_nanos,
        .node = app->asked_node,
        .minimum_stake_micros = core->params->minimum_stake_micros,
    };
    for (size_t i = 0; i < count; i++)
        core->candidates[i] = candidate(core, ee_table_at(&core->nodes, i), app, now_us);
    sort(core->candidates, count);
    enum ee_err err = ee_market_place(&request, core->candidates, count, core->reasons, &chosen);
    if (explain)
        explain_all(core, chosen, explain);
    if (err != EE_OK)
        return err;
    *node_out = ee_core_node_row(core, core->candidates[chosen].name);
    return EE_OK;
}
