/* SPDX-License-Identifier: Apache-2.0 */
/* Every tunable of the network in one table with compiled values; the genesis chooses the profile.
 * Durations in the unit the name ends with. */
#ifndef EE_CORE_PARAMS_H
#define EE_CORE_PARAMS_H

#include <stdint.h>

#include "base/err.h"

enum ee_profile {
    EE_PROFILE_PRODUCTION = 1,
    EE_PROFILE_DEVELOPMENT = 2,
};

struct ee_params {
    const char *name;
    uint32_t period_s;      /* length of a full settlement period */
    uint32_t slot_ms;       /* one health slot */
    uint32_t tries;         /* tries per slot */
    uint32_t try_window_ms; /* all tries of a slot end within this */
    uint32_t attestation_s; /* one attestation slot */
    uint32_t
        lock_lead_s; /* the next period's lock is taken this long before the present one ends */
    uint32_t start_timeout_s;    /* RESERVED and STARTING end by themselves after this */
    uint32_t held_max_s;         /* a DUE lock without a record of checks becomes VOID after this */
    uint32_t migrate_after_s;    /* an unreachable node's apps move after this */
    uint32_t reconnect_grace_ms; /* after our own outage: slots are VOID until the agent is back or
                                    this has passed */
    uint32_t report_wait_s;      /* settlement waits this long for an abuse report */
    uint32_t clock_jump_s;       /* a larger jump halts settlement */
    uint32_t evidence_retention_days; /* the shell deletes older evidence documents */
    int64_t minimum_stake_micros;     /* neutral until stake exists */
    uint32_t agent_reserve_vcpus;     /* of what the TD measures, kept for the agent */
    uint32_t id_window;          /* ids of commands remembered in memory; older ones are on disk */
    uint32_t mass_failure_nodes; /* slots are VOID when this many nodes ... */
    uint32_t mass_failure_operators; /* ... of this many operators exist ... */
    uint32_t mass_failure_percent;   /* ... and this share of them misses at once */
    uint32_t card_hold_s;            /* card-funded credits leave their account after this */
    int64_t card_daily_cap_micros;   /* all that payments mint in a UTC day */
    uint32_t topups_per_day;         /* orders of one account in a UTC day */
    int64_t transfer_minimum_micros; /* of one transfer */
    int64_t transfer_day_micros;     /* all transfers of one account in a UTC day; 0: no limit */
};

/* NULL for an unknown profile. */
const struct ee_params *ee_params_of(enum ee_profile profile);

/* Slots of a full period: health = period / slot, attestation = ceil(period / attestation), both at
 * least 1. */
uint32_t ee_params_health_slots(const struct ee_params *params);
uint32_t ee_params_attestation_slots(const struct ee_params *params);

#endif
