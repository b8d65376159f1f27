/* SPDX-License-Identifier: Apache-2.0 */
/* The network's attestation policy: which TCB and which TDs it admits. The core keeps what is in
 * force and since when; who verifies evidence applies it (core/trust.h). */
#include <string.h>

#include "core/state.h"

#include "base/banned.h"

static bool change_signed(const struct ee_core *core, const struct ee_policy_change *change)
{
    uint8_t buffer[EE_POLICY_CHANGE_SIZE_MAX];
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    return ee_policy_change_message(core->network_id, change, &w) == EE_OK &&
           core->crypto->ed25519_verify(core->genesis.founding_key, ee_writer_done(&w),
                                        change->signature);
}

/* EE_STATE: not the next number. */
enum ee_err ee_core_on_policy(struct ee_change *c)
{
    struct ee_core *core = c->core;
    struct ee_policy_change change;
    struct ee_policy_applied row = {.seq = c->command->seq};
    EE_TRY(ee_policy_change_decode(c->command->payload, &change));
    if (!change_signed(core, &change))
        return ee_change_refuse(c, EE_SIGNATURE);
    if (change.number != (uint64_t)core->policies.count + 1)
        return ee_change_refuse(c, EE_STATE);
    EE_TRY(ee_table_reserve(&core->policies, 1));
    core->crypto->sha256(&change.policy, 1, row.hash);
    (void)ee_table_add(&core->policies, &row);
    return EE_OK;
}
