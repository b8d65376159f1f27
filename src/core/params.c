/* SPDX-License-Identifier: Apache-2.0 */
#include "core/params.h"

#include <stddef.h>

#include "base/banned.h"

static const struct ee_params production = {
    .name = "production",
    .period_s = 3600,
    .slot_ms = 30000,
    .tries = 3,
    .try_window_ms = 12000,
    .attestation_s = 600,
    .lock_lead_s = 60,
    .start_timeout_s = 120,
    .held_max_s = 86400,
    .migrate_after_s = 180,
    .reconnect_grace_ms = 60000,
    .report_wait_s = 600,
    .clock_jump_s = 60,
    .evidence_retention_days = 400,
    .minimum_stake_micros = 0, /* until there is stake */
    .agent_reserve_vcpus = 1,
    .id_window = 1 << 20,
    .mass_failure_nodes = 10,
    .mass_failure_operators = 3,
    .mass_failure_percent = 30,
    .card_hold_s = 7 * 86400,
    .card_daily_cap_micros = INT64_C(1000000) * 1000000,
    .topups_per_day = 100,
    .transfer_minimum_micros = 10000,
    .transfer_day_micros = INT64_C(10000) * 1000000,
};

/* Whole life cycles within seconds, and simulated nodes on a machine with two cores. */
static const struct ee_params development = {
    .name = "development",
    .period_s = 10,
    .slot_ms = 1000,
    .tries = 3,
    .try_window_ms = 600,
    .attestation_s = 4,
    .lock_lead_s = 2,
    .start_timeout_s = 15,
    .held_max_s = 60,
    .migrate_after_s = 3,
    .reconnect_grace_ms = 5000,
    .report_wait_s = 0,
    .clock_jump_s = 60,
    .evidence_retention_days = 7,
    .minimum_stake_micros = 0,
    .agent_reserve_vcpus = 0,
    .id_window = 1 << 16,
    .mass_failure_nodes = 10,
    .mass_failure_operators = 3,
    .mass_failure_percent = 30,
    .card_hold_s = 14,
    .card_daily_cap_micros = INT64_C(1000000) * 1000000,
    .topups_per_day = 1000,
    .transfer_minimum_micros = 1,
    .transfer_day_micros = 0,
};

const struct ee_params *ee_params_of(enum ee_profile profile)
{
    switch (profile) {
    case EE_PROFILE_PRODUCTION:
        return &production;
    case EE_PROFILE_DEVELOPMENT:
        return &development;
    }
    return NULL;
}

uint32_t ee_params_health_slots(const struct ee_params *params)
{
    uint32_t slots = (uint32_t)((uint64_t)params->period_s * 1000 / params->slot_ms);
    return slots ? slots : 1;
}

uint32_t ee_params_attestation_slots(const struct ee_params *params)
{
    uint32_t slots =
        params->period_s / params->attestation_s + (params->period_s % params->attestation_s != 0);
    return slots ? slots : 1;
}
