/* SPDX-License-Identifier: Apache-2.0 */
/* The founding of a network, the start of a control plane, and changes of the allow-list. */
#include <assert.h>
#include <string.h>

#include "core/state.h"

#include "base/banned.h"

static void allow_row(uint8_t role, const uint8_t measurement[32], const char *label,
                      struct ee_allow_row *out)
{
    memset(out, 0, sizeof(*out));
    out->key[0] = role;
    memcpy(out->key + 1, measurement, 32);
    memcpy(out->label, label, strlen(label));
    out->active = true;
}

/* What the issuer holds. It was the only account of cash up to version 2, under the number that is
 * the processor's now. */
static void cash_open(struct ee_core *core, uint16_t core_version)
{
    enum ee_ledger_result result;
    struct ee_ledger_account cash = {
        .ledger = 1,
        .code = core_version >= EE_CORE_VERSION_LIMITS ? EE_CODE_CASH_BANK : EE_CODE_CASH_STRIPE,
        .flags = EE_LEDGER_CREDITS_MUST_NOT_EXCEED_DEBITS};
    ee_core_ledger_id(core, "cash", "", &core->cash);
    cash.id = core->cash;
    enum ee_err err = ee_ledger_accounts_create(core->ledger, &cash, 1, &result);
    assert(err == EE_OK && result == EE_LEDGER_CREATED);
    (void)err;
}

enum ee_err ee_core_on_genesis(struct ee_change *c)
{
    struct ee_core *core = c->core;
    struct ee_genesis genesis;
    EE_TRY(ee_genesis_decode(c->command->payload, &genesis));
    EE_TRY(ee_table_reserve(&core->allow, genesis.allow_count));
    EE_TRY(ee_ledger_reserve(core->ledger, 1, 0));
    core->genesis = genesis;
    core->params = ee_params_of(genesis.profile);
    ee_genesis_network_id(core->crypto, c->command->payload, core->network_id);
    core->founded = true;
    for (uint32_t i = 0; i < genesis.allow_count; i++) {
        struct ee_allow_row row;
        const struct ee_allow_entry *entry = &genesis.allow[i];
        allow_row((uint8_t)entry->role, entry->measurement, entry->label, &row);
        (void)ee_table_add(&core->allow, &row);
    }
    cash_open(core, c->command->core_version);
    ee_core_ledger_id(core, "cash", "stripe", &core->processor);
    return EE_OK;
}

/* Our own outage counts against nobody: every node has its grace before it is lost. */
enum ee_err ee_core_on_boot(struct ee_change *c)
{
    struct ee_core *core = c->core;
    struct ee_boot boot;
    EE_TRY(ee_boot_decode(c->command->payload, &boot));
    if (boot.epoch != core->epoch + 1)
        return EE_STATE;
    EE_TRY(ee_core_timers_reserve(core, core->nodes.count));
    core->epoch = boot.epoch;
    ee_core_liability_secret_take(c);
    for (size_t i = 0; i < core->nodes.count; i++) {
        struct ee_node_row *row = ee_table_edit(&core->nodes, ee_table_at(&core->nodes, i));
        if (!row->node.admitted)
            continue;
        row->node.connected = false;
        row->node.lost_us = c->now_us + (uint64_t)core->params->reconnect_grace_ms * 1000;
        ee_core_timer_set(core, EE_TIMER_NODE, row,
                          row->node.lost_us +
                              (uint64_t)core->params->migrate_after_s * EE_MICROS_PER_SECOND);
    }
    return EE_OK;
}

static bool change_signed(const struct ee_core *core, const struct ee_allow_change *change)
{
    uint8_t buffer[256];
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    return ee_allow_change_message(core->network_id, change, &w) == EE_OK &&
           core->crypto->ed25519_verify(core->genesis.founding_key, ee_writer_done(&w),
                                        change->signature);
}

static uint32_t allowed_count(const struct ee_core *core)
{
    uint32_t count = 0;
    for (size_t i = 0; i < core->allow.count; i++)
        count += ((const struct ee_allow_row *)ee_table_at(&core->allow, i))->active;
    return count;
}

/* EE_LIMIT: as many as anybody who follows the list can hold (core/trust.h): retire one first.
 * EE_NOT_FOUND: nothing to retire. EE_STATE: already as asked, or not the next number. */
static enum ee_err change_check(const struct ee_core *core, const struct ee_allow_change *change)
{
    if (!change_signed(core, change))
        return EE_SIGNATURE;
    if (change->number != (uint64_t)core->allow_changes.count + 1)
        return EE_STATE;
    bool allowed = ee_core_allowed(core, (enum ee_role)change->role, change->measurement);
    if (!change->add && !allowed)
        return EE_NOT_FOUND;
    if (change->add && allowed)
        return EE_STATE;
    return change->add && allowed_count(core) >= EE_ALLOW_MAX ? EE_LIMIT : EE_OK;
}

enum ee_err ee_core_on_allow(struct ee_change *c)
{
    struct ee_core *core = c->core;
    struct ee_allow_change change;
    struct ee_allow_row row;
    EE_TRY(ee_allow_change_decode(c->command->payload, &change));
    enum ee_err err = change_check(core, &change);
    if (err != EE_OK)
        return ee_change_refuse(c, err);
    EE_TRY(ee_table_reserve(&core->allow, 1));
    EE_TRY(ee_table_reserve(&core->allow_changes, 1));
    (void)ee_table_add(&core->allow_changes, &c->command->seq);
    allow_row(change.role, change.measurement, change.label, &row);
    row.active = change.add != 0;
    struct ee_allow_row *known = ee_table_edit(&core->allow, ee_table_find(&core->allow, row.key));
    if (known)
        *known = row;
    else
        (void)ee_table_add(&core->allow, &row);
    return EE_OK;
}
