/* SPDX-License-Identifier: Apache-2.0 */
/* A core with no rules, in place of the real one: what the first byte of a TRANSFER's payload says
 * happens. So the sequencer's own rules are tested apart, and with a core that misbehaves. */
#ifndef EE_TESTS_CONTROL_FAKE_CORE_H
#define EE_TESTS_CONTROL_FAKE_CORE_H

#include <stdlib.h>

#include "core/core.h"

enum { FAKE_IDS_MAX = 4096 };

enum fake_payload {
    FAKE_ECHO = '=',    /* answers with its payload */
    FAKE_REFUSE = 'r',  /* takes its place, refused with EE_SAME_ACCOUNT */
    FAKE_INVALID = 's', /* takes no place: EE_SYNTAX */
    FAKE_EFFECTS = 'e', /* two effects */
    FAKE_LARGE = 'l',   /* the largest result */
};

static bool fake_twisted;         /* gives other results than before */
static const char *fake_bad_rule; /* what ee_core_check complains about */
static unsigned fake_live;        /* cores not freed */

struct fake_id {
    uint8_t id[EE_ID_SIZE];
    uint8_t payload_hash[32];
    uint64_t seq;
    enum ee_err err;
    size_t body_size;
    uint8_t body[64];
};

struct ee_core {
    const struct ee_crypto *crypto;
    uint64_t seq, time_us, epoch;
    bool started;
    uint8_t network_id[32];
    uint8_t state[32];
    struct ee_genesis genesis;
    size_t id_count;
    struct fake_id ids[FAKE_IDS_MAX];
};

void ee_core_ids(const struct ee_core *core, struct ee_core_ids *out)
{
    (void)core;
    *out = (struct ee_core_ids){.window = UINT32_MAX};
}

void ee_core_id_at(const struct ee_core *core, uint64_t number, uint8_t key_out[32],
                   uint64_t *seq_out)
{
    (void)core;
    (void)number;
    (void)key_out;
    (void)seq_out;
}

bool ee_core_id_known(const struct ee_core *core, const uint8_t key[32])
{
    (void)core;
    (void)key;
    return false;
}

void ee_core_id_key(const struct ee_crypto *crypto, const struct ee_command *command,
                    uint8_t out[32])
{
    (void)crypto;
    (void)command;
    memset(out, 0, 32);
}

/* Snapshots are not part of what is tested with it. */
enum ee_err ee_core_save(const struct ee_core *core, ee_core_sink_fn sink, void *context)
{
    (void)core;
    (void)sink;
    (void)context;
    return EE_STATE;
}

enum ee_err ee_core_load(const struct ee_allocator *allocator, const struct ee_crypto *crypto,
                         const struct ee_core_limits *limits, ee_core_source_fn source,
                         void *context, struct ee_core **out)
{
    (void)allocator;
    (void)crypto;
    (void)limits;
    (void)source;
    (void)context;
    (void)out;
    return EE_STATE;
}

struct ee_core *ee_core_new(const struct ee_allocator *allocator, const struct ee_crypto *crypto,
                            const struct ee_core_limits *limits)
{
    (void)allocator;
    (void)limits;
    struct ee_core *core = calloc(1, sizeof(*core));
    if (core != NULL)
        core->crypto = crypto;
    fake_live += core != NULL;
    return core;
}

void ee_core_free(struct ee_core *core)
{
    fake_live -= core != NULL;
    free(core);
}

static enum ee_err fake_system(struct ee_core *core, const struct ee_command *command)
{
    struct ee_boot boot;
    if (command->kind == EE_COMMAND_GENESIS) {
        EE_TRY(ee_genesis_decode(command->payload, &core->genesis));
        ee_genesis_network_id(core->crypto, command->payload, core->network_id);
        core->started = true;
        return EE_OK;
    }
    if (command->kind == EE_COMMAND_BOOT) {
        EE_TRY(ee_boot_decode(command->payload, &boot));
        core->epoch = boot.epoch;
    }
    return EE_OK;
}

static void fake_transfer(const struct ee_command *command, struct ee_result *result)
{
    struct ee_bytes payload = command->payload;
    uint8_t first = payload.size > 0 ? payload.data[0] : 0;
    if (first == FAKE_REFUSE)
        result->err = EE_SAME_ACCOUNT;
    result->body_size = payload.size < 64 ? payload.size : 64;
    memcpy(result->body, payload.data, result->body_size);
    if (first == FAKE_LARGE)
        result->body_size = EE_RESULT_BODY_MAX;
    if (fake_twisted && result->body_size > 0)
        result->body[0] ^= 1;
    if (first != FAKE_EFFECTS)
        return;
    result->effect_count = 2;
    result->effects[0].kind = EE_EFFECT_START_LEASE;
    result->effects[1].kind = EE_EFFECT_SETTLED;
    result->effects[1].period = (uint32_t)command->seq;
}

static enum ee_err fake_remembered(const struct ee_core *core, const struct ee_command *command,
                                   const uint8_t hash[32], struct ee_result *result)
{
    for (size_t i = 0; i < core->id_count; i++) {
        const struct fake_id *id = &core->ids[i];
        if (memcmp(id->id, command->id, EE_ID_SIZE) != 0)
            continue;
        if (memcmp(id->payload_hash, hash, 32) != 0)
            return EE_ID_CONFLICT;
        result->repeated = true;
        result->err = id->err;
        result->seq = id->seq;
        result->body_size = id->body_size;
        memcpy(result->body, id->body, id->body_size);
    }
    return EE_OK;
}

static void fake_remember(struct ee_core *core, const struct ee_command *command,
                          const uint8_t hash[32], const struct ee_result *result)
{
    struct fake_id *id = &core->ids[core->id_count++ % FAKE_IDS_MAX];
    memcpy(id->id, command->id, EE_ID_SIZE);
    memcpy(id->payload_hash, hash, 32);
    id->seq = command->seq;
    id->err = result->err;
    id->body_size = result->body_size < 64 ? result->body_size : 64;
    memcpy(id->body, result->body, id->body_size);
}

enum ee_err ee_core_apply(struct ee_core *core, const struct ee_command *command,
                          struct ee_result *result)
{
    uint8_t hash[32];
    bool has_id = !ee_bytes_all_zero(command->id, EE_ID_SIZE);
    memset(result, 0, sizeof(*result));
    if (command->seq != core->seq + 1 || command->time_us <= core->time_us)
        return EE_STATE;
    if (command->core_version > EE_CORE_VERSION)
        return EE_VERSION;
    core->crypto->sha256(&command->payload, 1, hash);
    if (has_id)
        EE_TRY(fake_remembered(core, command, hash, result));
    if (result->repeated)
        return EE_OK;
    if (command->kind == EE_COMMAND_TRANSFER && command->payload.size > 0 &&
        command->payload.data[0] == FAKE_INVALID)
        return EE_SYNTAX;
    EE_TRY(fake_system(core, command));
    if (command->kind == EE_COMMAND_TRANSFER)
        fake_transfer(command, result);
    if (has_id)
        fake_remember(core, command, hash, result);
    core->seq = result->seq = command->seq;
    core->time_us = command->time_us;
    const struct ee_bytes parts[] = {ee_bytes_of(core->state, 32), ee_bytes_of(hash, 32)};
    core->crypto->sha256(parts, 2, core->state);
    return EE_OK;
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
    return core->started ? &core->genesis : NULL;
}

const uint8_t *ee_core_network_id(const struct ee_core *core)
{
    return core->network_id;
}

void ee_core_state_hash(const struct ee_core *core, uint8_t out[32])
{
    memcpy(out, core->state, 32);
}

void ee_core_state_hash_afresh(const struct ee_core *core, uint8_t out[32])
{
    ee_core_state_hash(core, out);
}

enum ee_err ee_core_check(const struct ee_core *core, const char **rule_out)
{
    (void)core;
    *rule_out = fake_bad_rule;
    return fake_bad_rule == NULL ? EE_OK : EE_STATE;
}

static const char *fake_sampled_rule; /* what ee_core_check_some complains about */

enum ee_err ee_core_check_some(const struct ee_core *core, uint64_t *cursor, uint32_t rows,
                               const char **rule_out)
{
    (void)core;
    *cursor += rows;
    *rule_out = fake_sampled_rule;
    return fake_sampled_rule == NULL ? EE_OK : EE_STATE;
}

/* ---- what the fake core has none of ---- */

uint64_t ee_core_allow_change_seq(const struct ee_core *core, size_t index)
{
    (void)core;
    (void)index;
    return 0;
}

const struct ee_policy_applied *ee_core_policy_change(const struct ee_core *core, size_t index)
{
    (void)core;
    (void)index;
    return NULL;
}

const struct ee_key_succession *ee_core_succession_at(const struct ee_core *core, size_t index)
{
    (void)core;
    (void)index;
    return NULL;
}

bool ee_core_owed_at(const struct ee_core *core, size_t index, struct ee_owed *out)
{
    (void)core;
    (void)index;
    (void)out;
    return false;
}

size_t ee_core_book_count(const struct ee_core *core)
{
    (void)core;
    return 0;
}

const uint8_t *ee_core_liability_secret(const struct ee_core *core)
{
    return core->state;
}

const struct ee_liabilities_result *ee_core_liabilities_marked(const struct ee_core *core)
{
    static const struct ee_liabilities_result none;
    (void)core;
    return &none;
}

#endif
