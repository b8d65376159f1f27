/* SPDX-License-Identifier: Apache-2.0 */
#include "control/api_view.h"

#include <string.h>

#include "base/banned.h"

const char *ee_view_workload(enum ee_workload_kind kind)
{
    return kind == EE_WORKLOAD_APP ? "app" : "job";
}

void ee_view_balance(json_t *object, const struct ee_balance *balance)
{
    json_object_set_new(object, "available", ee_json_money(balance->available.micros));
    json_object_set_new(object, "locked", ee_json_money(balance->locked.micros));
    json_object_set_new(object, "due", ee_json_money(balance->due.micros));
    json_object_set_new(object, "held", ee_json_money(balance->held.micros));
    json_object_set_new(object, "held_until", ee_json_time(balance->held_until_us));
    json_object_set_new(object, "owed", ee_json_money(balance->owed.micros));
    json_object_set_new(object, "incoming", ee_json_money(balance->incoming.micros));
}

static uint32_t free_vcpus(const struct ee_node *node)
{
    uint32_t capacity = node->vcpus < node->vcpus_measured ? node->vcpus : node->vcpus_measured;
    return capacity > node->vcpus_leased ? capacity - node->vcpus_leased : 0;
}

json_t *ee_view_node(const struct ee_node *node)
{
    const char *state = !node->admitted   ? "enrolled"
                        : node->connected ? "connected"
                                          : "unreachable";
    return json_pack("{s:s, s:s, s:s, s:o, s:I, s:I, s:s, s:b, s:o}", "node", node->name,
                     "operator", node->operator_name, "region", node->region, "price",
                     ee_json_price(node->price_nanos), "vcpus", (json_int_t)node->vcpus,
                     "vcpus_free", (json_int_t)free_vcpus(node), "state", state, "simulated",
                     node->simulated, "admitted_at", ee_json_time(node->admitted_us));
}

json_t *ee_view_lease(const struct ee_lease *lease)
{
    bool ended = lease->state == EE_LEASE_ENDED;
    bool exited = ended && lease->end_reason == EE_END_EXITED;
    json_t *value = json_pack(
        "{s:o, s:s, s:s, s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:b}", "lease",
        ee_json_hex(lease->id, EE_ID_SIZE), "app", lease->app, "workload",
        ee_view_workload(lease->workload), "node", lease->node, "operator", lease->operator_name,
        "state", ee_lease_state_name(lease->state), "vcpus", (json_int_t)lease->vcpus, "price",
        ee_json_price(lease->price_nanos), "reserved_at", ee_json_time(lease->reserved_us),
        "running_at", ee_json_time(lease->running_us), "ended_at", ee_json_time(lease->ended_us),
        "deployment_hash", ee_json_hex(lease->deployment_hash, 32), "output",
        !ee_bytes_all_zero(lease->output_hash, sizeof lease->output_hash));
    json_object_set_new(value, "end_reason",
                        ended ? json_string(ee_end_reason_name(lease->end_reason)) : json_null());
    json_object_set_new(value, "exit_code", exited ? json_integer(lease->exit_code) : json_null());
    return value;
}

json_t *ee_view_app(const struct ee_core *core, const struct ee_app *app)
{
    const struct ee_lease *lease = ee_core_lease(core, app->lease);
    json_t *value = json_pack(
        "{s:s, s:s, s:b, s:b, s:b, s:I, s:i, s:o, s:o}", "name", app->name, "workload",
        ee_view_workload(app->workload), "wanted", app->wanted, "has_secrets", app->has_secrets,
        "waits_for_secrets", app->waits_for_secrets, "vcpus", (json_int_t)app->vcpus, "port",
        (int)app->port, "deployment_hash", ee_json_hex(app->deployment_hash, 32), "created_at",
        ee_json_time(app->created_us));
    json_object_set_new(value, "lease", lease != NULL ? ee_view_lease(lease) : json_null());
    return value;
}

json_t *ee_view_period(const struct ee_period *p)
{
    json_t *value =
        json_pack("{s:o, s:I, s:o, s:o, s:s, s:s, s:s, s:o, s:o, s:o}", "lease",
                  ee_json_hex(p->lease, EE_ID_SIZE), "index", (json_int_t)p->index, "starts_at",
                  ee_json_time(p->starts_us), "ends_at", ee_json_time(p->ends_us), "state",
                  ee_lock_state_name(p->state), "verdict", ee_verdict_name(p->verdict), "reason",
                  ee_fail_reason_name(p->reason), "locked", ee_json_money(p->locked.micros), "paid",
                  ee_json_money(p->paid.micros), "refunded", ee_json_money(p->refunded.micros));
    json_object_set_new(value, "health_ok", json_integer(p->health_ok));
    json_object_set_new(value, "health_missed", json_integer(p->health_missed));
    json_object_set_new(value, "attestation_ok", json_integer(p->attestation_ok));
    json_object_set_new(value, "attestation_missed", json_integer(p->attestation_missed));
    json_object_set_new(value, "lock_seq", ee_json_u64(p->lock_seq));
    json_object_set_new(value, "settle_seq",
                        p->settle_seq != 0 ? ee_json_u64(p->settle_seq) : json_null());
    return value;
}

json_t *ee_view_placement(const struct ee_reserve_result *result)
{
    json_t *rows = json_array();
    uint32_t count = result->row_count < EE_EXPLAIN_MAX ? result->row_count : EE_EXPLAIN_MAX;
    for (uint32_t i = 0; i < count; i++) {
        const struct ee_placement_row *row = &result->rows[i];
        json_array_append_new(rows, json_pack("{s:s, s:o, s:I, s:s, s:s}", "node", row->node,
                                              "price", ee_json_price(row->price_nanos),
                                              "vcpus_free", (json_int_t)row->free_vcpus, "reason",
                                              ee_placement_reason_name(row->reason), "text",
                                              ee_placement_reason_text(row->reason)));
    }
    return rows;
}
