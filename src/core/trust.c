/* SPDX-License-Identifier: Apache-2.0 */
#include "core/trust.h"

#include <string.h>

#include "base/banned.h"

static void allow(struct ee_trust *trust, enum ee_role role, const uint8_t measurement[32],
                  const char *label)
{
    struct ee_measurement_allowed *row = &trust->allowed[trust->allowed_count++];
    *row = (struct ee_measurement_allowed){.role = role};
    memcpy(row->digest, measurement, sizeof(row->digest));
    memcpy(row->label, label, strlen(label) + 1); /* both hold a name */
}

enum ee_err ee_trust_init(const struct ee_crypto *crypto, struct ee_bytes genesis,
                          struct ee_trust *out)
{
    *out = (struct ee_trust){.policy = ee_attest_policy_network};
    EE_TRY(ee_genesis_decode(genesis, &out->genesis));
    ee_genesis_network_id(crypto, genesis, out->network_id);
    for (size_t i = 0; i < out->genesis.root_count; i++)
        memcpy(out->roots[i], out->genesis.roots[i].public_key, EE_P256_POINT_SIZE);
    for (size_t i = 0; i < out->genesis.allow_count; i++) {
        const struct ee_allow_entry *entry = &out->genesis.allow[i];
        allow(out, entry->role, entry->measurement, entry->label);
    }
    return EE_OK;
}

static size_t row_of(const struct ee_trust *trust, const struct ee_allow_change *change)
{
    size_t row = 0;
    while (row < trust->allowed_count &&
           (trust->allowed[row].role != (enum ee_role)change->role ||
            memcmp(trust->allowed[row].digest, change->measurement, 32) != 0))
        row++;
    return row;
}

enum ee_err ee_trust_change(const struct ee_crypto *crypto, struct ee_trust *trust,
                            const struct ee_allow_change *change)
{
    uint8_t memory[512];
    struct ee_writer message;
    if (change->number <= trust->last_change)
        return EE_OK;
    ee_writer_init(&message, memory, sizeof(memory));
    EE_TRY(ee_allow_change_message(trust->network_id, change, &message));
    if (!crypto->ed25519_verify(trust->genesis.founding_key, ee_writer_done(&message),
                                change->signature))
        return EE_SIGNATURE;
    if (change->number != trust->last_change + 1)
        return EE_STATE;
    size_t row = row_of(trust, change);
    if (change->add && row == trust->allowed_count) {
        if (trust->allowed_count == EE_ALLOW_MAX)
            return EE_FULL;
        allow(trust, (enum ee_role)change->role, change->measurement, change->label);
    } else if (!change->add && row < trust->allowed_count) {
        trust->allowed[row] = trust->allowed[--trust->allowed_count];
    }
    trust->last_change = change->number;
    return EE_OK;
}

enum ee_err ee_trust_policy_change(const struct ee_crypto *crypto, struct ee_trust *trust,
                                   const struct ee_policy_change *change)
{
    uint8_t memory[EE_POLICY_CHANGE_SIZE_MAX];
    struct ee_writer message;
    if (change->number <= trust->last_policy)
        return EE_OK;
    ee_writer_init(&message, memory, sizeof(memory));
    EE_TRY(ee_policy_change_message(trust->network_id, change, &message));
    if (!crypto->ed25519_verify(trust->genesis.founding_key, ee_writer_done(&message),
                                change->signature))
        return EE_SIGNATURE;
    EE_TRY(ee_attest_policy_decode(change->policy, &trust->policy));
    trust->last_policy = change->number;
    return EE_OK;
}

enum ee_err ee_trust_command(const struct ee_crypto *crypto, struct ee_trust *trust,
                             const struct ee_command *command)
{
    struct ee_allow_change allow;
    struct ee_policy_change policy;
    if (command->kind == EE_COMMAND_ALLOW) {
        EE_TRY(ee_allow_change_decode(command->payload, &allow));
        return ee_trust_change(crypto, trust, &allow);
    }
    if (command->kind != EE_COMMAND_POLICY)
        return EE_UNSUPPORTED;
    EE_TRY(ee_policy_change_decode(command->payload, &policy));
    return ee_trust_policy_change(crypto, trust, &policy);
}

void ee_trust_policy(const struct ee_trust *trust, enum ee_role role, int64_t time_s,
                     struct ee_evidence_policy *out)
{
    *out = (struct ee_evidence_policy){
        .roots = trust->roots,
        .root_count = trust->genesis.root_count,
        .allow_simulated = trust->genesis.kind == EE_NETWORK_DEVELOPMENT,
        .time_s = time_s,
        .role = role,
        .allowed = trust->allowed,
        .allowed_count = trust->allowed_count,
        .tcb = &trust->policy,
        .nonce_kind = EE_NONCE_ANY,
    };
    memcpy(out->network_id, trust->network_id, sizeof(out->network_id));
}
