/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes: enrolment by their operator, admission of the agent, its loss; and the collateral by which
 * they are judged. */
#include <string.h>

#include "core/state.h"

#include "base/banned.h"

static const struct ee_account *operator_of(const struct ee_change *c)
{
    const struct ee_account *account = ee_core_account(c->core, c->command->actor);
    return account && account->kind == EE_ACCOUNT_OPERATOR ? account : NULL;
}

/* ---- enrolment ---- */

static bool enrol_signed(const struct ee_core *core, const struct ee_account *operator_account,
                         const struct ee_node_enrol *enrol)
{
    uint8_t buffer[256];
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    return ee_node_enrol_message(core->network_id, operator_account->name, enrol, &w) == EE_OK &&
           core->crypto->ed25519_verify(operator_account->public_key, ee_writer_done(&w),
                                        enrol->signature);
}

/* One platform and one agent key belong to one node. Only evidence gives that right: an enrolment
 * that no agent was admitted for claims what anybody could claim, and stands in nobody's way. */
static enum ee_err identity_unique(const struct ee_core *core, const char *node,
                                   const uint8_t platform_id[16], const uint8_t agent_key[32])
{
    const struct ee_node *other;
    for (size_t i = 0; (other = ee_core_node_at(core, i)) != NULL; i++) {
        if (!other->admitted || strcmp(other->name, node) == 0)
            continue;
        if (memcmp(other->platform_id, platform_id, sizeof(other->platform_id)) == 0)
            return EE_PLATFORM_TAKEN;
        if (memcmp(other->agent_key, agent_key, sizeof(other->agent_key)) == 0)
            return EE_AGENT_KEY_TAKEN;
    }
    return EE_OK;
}

static bool identity_changes(const struct ee_node *node, const struct ee_node_enrol *enrol)
{
    return memcmp(node->agent_key, enrol->agent_key, sizeof(node->agent_key)) != 0 ||
           memcmp(node->platform_id, enrol->platform_id, sizeof(node->platform_id)) != 0;
}

static enum ee_err enrol_check(const struct ee_change *c, const struct ee_node_enrol *enrol)
{
    const struct ee_account *operator_account = operator_of(c);
    if (!operator_account)
        return EE_ACCOUNT_KIND;
    if (!enrol_signed(c->core, operator_account, enrol))
        return EE_SIGNATURE;
    const struct ee_node *known = ee_core_node(c->core, enrol->node);
    if (known && strcmp(known->operator_name, operator_account->name) != 0)
        return EE_NODE_EXISTS;
    if (known && known->connected && identity_changes(known, enrol))
        return EE_STATE;
    return identity_unique(c->core, enrol->node, enrol->platform_id, enrol->agent_key);
}

/* A new identity has to be admitted again, and counts its epochs from the start. */
static void node_set(struct ee_node *node, const struct ee_node_enrol *enrol)
{
    if (identity_changes(node, enrol)) {
        memcpy(node->agent_key, enrol->agent_key, sizeof(node->agent_key));
        memcpy(node->platform_id, enrol->platform_id, sizeof(node->platform_id));
        node->admitted = false;
        node->epoch = 0;
    }
    memcpy(node->region, enrol->region, sizeof(node->region));
    node->vcpus = enrol->vcpus;
    node->price_nanos = enrol->price_nanos;
}

enum ee_err ee_core_on_node_enrol(struct ee_change *c)
{
    struct ee_core *core = c->core;
    struct ee_node_enrol enrol;
    struct ee_node_row row;
    EE_TRY(ee_node_enrol_decode(c->command->payload, &enrol));
    enum ee_err err = enrol_check(c, &enrol);
    if (err != EE_OK)
        return ee_change_refuse(c, err);
    struct ee_node_row *known = ee_core_node_row(core, enrol.node);
    if (known) {
        node_set(&known->node, &enrol);
        return EE_OK;
    }
    EE_TRY(ee_table_reserve(&core->nodes, 1));
    EE_TRY(ee_core_candidates_reserve(core, core->nodes.count + 1));
    memset(&row, 0, sizeof(row));
    memcpy(row.node.name, enrol.node, sizeof(row.node.name));
    memcpy(row.node.operator_name, c->command->actor, strlen(c->command->actor));
    node_set(&row.node, &enrol);
    (void)ee_table_add(&core->nodes, &row);
    return EE_OK;
}

enum ee_err ee_core_on_node_price(struct ee_change *c)
{
    struct ee_node_price price;
    EE_TRY(ee_node_price_decode(c->command->payload, &price));
    if (!operator_of(c))
        return ee_change_refuse(c, EE_ACCOUNT_KIND);
    struct ee_node_row *row = ee_core_node_row(c->core, price.node);
    if (!row || strcmp(row->node.operator_name, c->command->actor) != 0)
        return ee_change_refuse(c, EE_NODE_UNKNOWN);
    row->node.price_nanos = price.price_nanos;
    return EE_OK;
}

/* ---- admission ---- */

static bool simulated_allowed(const struct ee_core *core)
{
    for (uint32_t i = 0; i < core->genesis.root_count; i++)
        if (core->genesis.roots[i].simulated)
            return true;
    return false;
}

/* The record that decisions refer to. The proof was the shell's: an early set decides nothing, and
 * a false entry would show by its hash, which leads to no genuine file. */
enum ee_err ee_core_on_collateral(struct ee_change *c)
{
    struct ee_collateral_taken taken;
    EE_TRY(ee_collateral_taken_decode(c->command->payload, &taken));
    return taken.simulated && !simulated_allowed(c->core)
               ? ee_change_refuse(c, EE_SIMULATED_REFUSED)
               : EE_OK;
}

static enum ee_err admit_check(const struct ee_core *core, const struct ee_node_admit *admit)
{
    const struct ee_node *node = ee_core_node(core, admit->node);
    if (!node)
        return EE_NODE_UNKNOWN;
    if (memcmp(node->agent_key, admit->agent_key, sizeof(node->agent_key)) != 0 ||
        memcmp(node->platform_id, admit->platform_id, sizeof(node->platform_id)) != 0)
        return EE_WRONG_IDENTITY;
    if (admit->simulated && !simulated_allowed(core))
        return EE_SIMULATED_REFUSED;
    if (!ee_core_allowed(core, EE_ROLE_AGENT, admit->measurement))
        return EE_MEASUREMENT;
    if (admit->epoch <= node->epoch)
        return EE_STATE;
    EE_TRY(identity_unique(core, admit->node, admit->platform_id, admit->agent_key));
    return admit->vcpus > core->params->agent_reserve_vcpus ? EE_OK : EE_RANGE;
}

enum ee_err ee_core_on_node_admit(struct ee_change *c)
{
    struct ee_node_admit admit;
    EE_TRY(ee_node_admit_decode(c->command->payload, &admit));
    enum ee_err err = admit_check(c->core, &admit);
    if (err != EE_OK)
        return ee_change_refuse(c, err);
    struct ee_node_row *row = ee_core_node_row(c->core, admit.node);
    struct ee_node *node = &row->node;
    memcpy(node->measurement, admit.measurement, sizeof(node->measurement));
    memcpy(node->sealing_key, admit.sealing_key, sizeof(node->sealing_key));
    memcpy(node->evidence_hash, admit.evidence_hash, sizeof(node->evidence_hash));
    node->vcpus_measured = admit.vcpus;
    node->epoch = admit.epoch;
    node->simulated = admit.simulated != 0;
    node->admitted = true;
    node->connected = true;
    node->admitted_us = c->now_us;
    node->lost_us = 0;
    ee_core_timer_set(c->core, EE_TIMER_NODE, row, EE_NEVER);
    return EE_OK;
}

/* The end of an older session than the present one says nothing. */
enum ee_err ee_core_on_node_lost(struct ee_change *c)
{
    struct ee_node_lost lost;
    EE_TRY(ee_node_lost_decode(c->command->payload, &lost));
    struct ee_node_row *row = ee_core_node_row(c->core, lost.node);
    if (!row)
        return ee_change_refuse(c, EE_NODE_UNKNOWN);
    if (lost.epoch > row->node.epoch)
        return ee_change_refuse(c, EE_STATE);
    if (lost.epoch < row->node.epoch || !row->node.connected)
        return EE_OK;
    row->node.connected = false;
    row->node.lost_us = c->now_us;
    ee_core_timer_set(c->core, EE_TIMER_NODE, row,
                      c->now_us +
                          (uint64_t)c->core->params->migrate_after_s * EE_MICROS_PER_SECOND);
    return EE_OK;
}
