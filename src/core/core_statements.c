/* SPDX-License-Identifier: Apache-2.0 */
/* What is said about the log itself: a recovery opens an epoch, the checkpoint key has a successor;
 * and what a TICK says of the locks it took. */
#include <assert.h>
#include <string.h>

#include "core/state.h"
#include "core/statement.h"

#include "base/banned.h"

/* EE_SIGNATURE; EE_RECOVERY: this is not the log it is about; EE_RECOVERY_OLD. The root is compared
 * by who has the tree: the shell, and every replay. */
static enum ee_err recovery_check(const struct ee_core *core, const struct ee_recovery *recovery)
{
    EE_TRY(
        ee_recovery_verify(core->crypto, core->network_id, core->genesis.founding_key, recovery));
    if (recovery->restored_size != core->seq)
        return EE_RECOVERY;
    return recovery->epoch > core->epoch ? EE_OK : EE_RECOVERY_OLD;
}

enum ee_err ee_core_on_recovery(struct ee_change *c)
{
    struct ee_core *core = c->core;
    struct ee_recovery recovery;
    EE_TRY(ee_recovery_decode(c->command->payload, &recovery));
    enum ee_err err = recovery_check(core, &recovery);
    if (err != EE_OK)
        return ee_change_refuse(c, err);
    EE_TRY(ee_table_reserve(&core->recoveries, 1));
    struct ee_recovery_applied row = {.seq = c->command->seq,
                                      .epoch = recovery.epoch,
                                      .lost_size = recovery.lost_size,
                                      .restored_size = recovery.restored_size};
    memcpy(row.lost_root, recovery.lost_root, sizeof(row.lost_root));
    memcpy(row.restored_root, recovery.restored_root, sizeof(row.restored_root));
    (void)ee_table_add(&core->recoveries, &row);
    core->epoch = recovery.epoch - 1; /* the BOOT behind it is the first of the epoch */
    return EE_OK;
}

enum ee_err ee_core_on_checkpoint_key(struct ee_change *c)
{
    struct ee_core *core = c->core;
    struct ee_checkpoint_key key;
    EE_TRY(ee_checkpoint_key_decode(c->command->payload, &key));
    const struct ee_key_succession *last =
        ee_table_at(&core->checkpoint_keys, (size_t)core->checkpoint_keys.count - 1);
    enum ee_err err =
        ee_checkpoint_key_verify(core->crypto, core->network_id, core->genesis.founding_key, &key);
    if (err == EE_OK && key.number != (uint64_t)core->checkpoint_keys.count + 1)
        err = EE_STATE;
    if (err == EE_OK && last && memcmp(last->new_key, key.old_key, sizeof(key.old_key)) != 0)
        err = EE_SUCCESSION;
    if (err != EE_OK)
        return ee_change_refuse(c, err);
    EE_TRY(ee_table_reserve(&core->checkpoint_keys, 1));
    struct ee_key_succession row = {.seq = c->command->seq};
    memcpy(row.old_key, key.old_key, sizeof(row.old_key));
    memcpy(row.new_key, key.new_key, sizeof(row.new_key));
    (void)ee_table_add(&core->checkpoint_keys, &row);
    return EE_OK;
}

const struct ee_recovery_applied *ee_core_recovery_at(const struct ee_core *core, size_t index)
{
    return ee_table_at(&core->recoveries, index);
}

const struct ee_key_succession *ee_core_succession_at(const struct ee_core *core, size_t index)
{
    return ee_table_at(&core->checkpoint_keys, index);
}

/* ---- the result of a TICK ---- */

void ee_core_tick_lock(struct ee_change *c, const struct ee_period *period)
{
    if (c->command->kind != EE_COMMAND_TICK)
        return; /* the answer to LEASE_RESERVE says it */
    assert(c->core->tick_lock_count < EE_TICK_LOCKS_MAX);
    struct ee_tick_lock *lock = &c->core->tick_locks[c->core->tick_lock_count++];
    memcpy(lock->lease, period->lease, sizeof(lock->lease));
    lock->period = period->index;
    lock->amount = period->locked;
}

void ee_core_tick_body(struct ee_change *c)
{
    struct ee_core *core = c->core;
    struct ee_tick_result body = {.lock_count = core->tick_lock_count};
    if (core->tick_lock_count == 0 || c->command->core_version < 3)
        return; /* as it was written then */
    memcpy(body.locks, core->tick_locks, body.lock_count * sizeof(body.locks[0]));
    struct ee_writer w = ee_change_body(c);
    ee_change_body_end(c, &w, ee_tick_result_encode(&body, &w));
}
