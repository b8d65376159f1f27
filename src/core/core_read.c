/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the state. */
#include <stddef.h>
#include <string.h>

#include "core/state.h"

#include "base/banned.h"

/* Names are keys of EE_NAME_MAX + 1 bytes padded with zeros. */
static const void *find_name(const struct ee_table *table, const char *name)
{
    char key[EE_NAME_MAX + 1] = {0};
    size_t size = 0;
    while (size <= EE_NAME_MAX && name[size] != '\0')
        size++;
    if (size > EE_NAME_MAX)
        return NULL;
    memcpy(key, name, size);
    return ee_table_find(table, key);
}

const struct ee_account_row *ee_core_account_find(const struct ee_core *core, const char *name)
{
    return find_name(&core->accounts, name);
}

const struct ee_app_row *ee_core_app_find(const struct ee_core *core, const char *name)
{
    return find_name(&core->apps, name);
}

const struct ee_lease_row *ee_core_lease_find(const struct ee_core *core,
                                              const uint8_t id[EE_ID_SIZE])
{
    return ee_table_find(&core->leases, id);
}

const struct ee_period_row *ee_core_period_find(const struct ee_core *core,
                                                const uint8_t lease[EE_ID_SIZE], uint32_t index)
{
    struct ee_period key;
    memset(&key, 0, sizeof(key));
    memcpy(key.lease, lease, sizeof(key.lease));
    key.index = index;
    return ee_table_find(&core->periods, &key);
}

struct ee_account_row *ee_core_account_row(const struct ee_core *core, const char *name)
{
    return ee_table_edit(&core->accounts, ee_core_account_find(core, name));
}

struct ee_node_row *ee_core_node_row(const struct ee_core *core, const char *name)
{
    return ee_table_edit(&core->nodes, find_name(&core->nodes, name));
}

struct ee_app_row *ee_core_app_row(const struct ee_core *core, const char *name)
{
    return ee_table_edit(&core->apps, ee_core_app_find(core, name));
}

struct ee_lease_row *ee_core_lease_row(const struct ee_core *core, const uint8_t id[EE_ID_SIZE])
{
    return ee_table_edit(&core->leases, ee_core_lease_find(core, id));
}

struct ee_period_row *ee_core_period_row(const struct ee_core *core,
                                         const uint8_t lease[EE_ID_SIZE], uint32_t index)
{
    return ee_table_edit(&core->periods, ee_core_period_find(core, lease, index));
}

const struct ee_redemption *ee_core_redemption(const struct ee_core *core,
                                               const uint8_t id[EE_ID_SIZE])
{
    const struct ee_redemption_row *row = ee_table_find(&core->redemptions, id);
    return row ? &row->redemption : NULL;
}

const char *ee_core_redemption_destination(const struct ee_core *core, const uint8_t id[EE_ID_SIZE])
{
    const struct ee_redemption_row *row = ee_table_find(&core->redemptions, id);
    return row ? row->destination : "";
}

const char *ee_core_redemption_reference(const struct ee_core *core, const uint8_t id[EE_ID_SIZE])
{
    const struct ee_redemption_row *row = ee_table_find(&core->redemptions, id);
    return row ? row->reference : "";
}

const struct ee_topup_order *ee_core_topup(const struct ee_core *core, const uint8_t id[EE_ID_SIZE])
{
    return ee_table_find(&core->topups, id);
}

const struct ee_topup_order *ee_core_topup_at(const struct ee_core *core, size_t index)
{
    return ee_table_at(&core->topups, index);
}

const struct ee_payment *ee_core_payment(const struct ee_core *core, const char *id)
{
    char key[EE_REFERENCE_MAX + 1] = {0};
    size_t size = strlen(id);
    if (size > EE_REFERENCE_MAX)
        return NULL;
    memcpy(key, id, size);
    const struct ee_payment_row *row = ee_table_find(&core->payments, key);
    return row ? &row->payment : NULL;
}

bool ee_core_report(const struct ee_core *core, const uint8_t lease[EE_ID_SIZE], uint32_t period,
                    struct ee_report *out)
{
    const struct ee_period_row *row = ee_core_period_find(core, lease, period);
    if (!row || row->period.report_seq == 0)
        return false;
    out->category = row->report_category;
    memcpy(out->evidence_hash, row->report_evidence, sizeof(out->evidence_hash));
    return true;
}

uint32_t ee_core_row_index(const struct ee_table *table, const void *row)
{
    return (uint32_t)((size_t)((const uint8_t *)row - table->rows) / table->row_size);
}

uint32_t ee_core_node_free(const struct ee_core *core, const struct ee_node *node)
{
    uint32_t reserve = core->params->agent_reserve_vcpus;
    uint32_t measured = node->vcpus_measured > reserve ? node->vcpus_measured - reserve : 0;
    uint32_t usable = measured < node->vcpus ? measured : node->vcpus;
    return usable > node->vcpus_leased ? usable - node->vcpus_leased : 0;
}

/* ---- the public lookups: a record is the first member of its row ---- */

#define BY_NAME(type)                                                                              \
    const struct ee_##type *ee_core_##type(const struct ee_core *core, const char *name)           \
    {                                                                                              \
        const struct ee_##type##_row *row = find_name(&core->type##s, name);                       \
        return row ? &row->type : NULL;                                                            \
    }
BY_NAME(account)
BY_NAME(node)
BY_NAME(app)
#undef BY_NAME

#define BY_INDEX(type)                                                                             \
    const struct ee_##type *ee_core_##type##_at(const struct ee_core *core, size_t index)          \
    {                                                                                              \
        const struct ee_##type##_row *row = ee_table_at(&core->type##s, index);                    \
        return row ? &row->type : NULL;                                                            \
    }
BY_INDEX(account)
BY_INDEX(node)
BY_INDEX(app)
BY_INDEX(lease)
BY_INDEX(period)
BY_INDEX(redemption)
BY_INDEX(payment)
#undef BY_INDEX

const struct ee_api_key *ee_core_key(const struct ee_core *core, const uint8_t key_hash[32])
{
    return ee_table_find(&core->keys, key_hash);
}

const struct ee_api_key *ee_core_key_at(const struct ee_core *core, size_t index)
{
    return ee_table_at(&core->keys, index);
}

const struct ee_lease *ee_core_lease(const struct ee_core *core, const uint8_t id[EE_ID_SIZE])
{
    const struct ee_lease_row *row = ee_core_lease_find(core, id);
    return row ? &row->lease : NULL;
}

const struct ee_period *ee_core_period(const struct ee_core *core, const uint8_t lease[EE_ID_SIZE],
                                       uint32_t index)
{
    const struct ee_period_row *row = ee_core_period_find(core, lease, index);
    return row ? &row->period : NULL;
}

uint64_t ee_core_seq(const struct ee_core *core)
{
    return core->seq;
}

uint64_t ee_core_time_us(const struct ee_core *core)
{
    return core->time_us;
}

uint64_t ee_core_epoch(const struct ee_core *core)
{
    return core->epoch;
}

const struct ee_genesis *ee_core_genesis(const struct ee_core *core)
{
    return core->founded ? &core->genesis : NULL;
}

const uint8_t *ee_core_network_id(const struct ee_core *core)
{
    return core->founded ? core->network_id : NULL;
}

const struct ee_params *ee_core_params(const struct ee_core *core)
{
    return core->params;
}

void ee_core_params_override(struct ee_core *core, const struct ee_params *params)
{
    core->params = params;
}

bool ee_core_allowed(const struct ee_core *core, enum ee_role role, const uint8_t measurement[32])
{
    uint8_t key[33] = {(uint8_t)role};
    memcpy(key + 1, measurement, 32);
    const struct ee_allow_row *row = ee_table_find(&core->allow, key);
    return row && row->active;
}

uint64_t ee_core_allow_change_seq(const struct ee_core *core, size_t index)
{
    const uint64_t *seq = ee_table_at(&core->allow_changes, index);
    return seq ? *seq : 0;
}

const struct ee_policy_applied *ee_core_policy_change(const struct ee_core *core, size_t index)
{
    return ee_table_at(&core->policies, index);
}
