/* SPDX-License-Identifier: Apache-2.0 */
#include "core/command.h"

#include <string.h>

#include "core/codec.h"
#include "core/core.h"

#include "base/banned.h"

#define KINDS(ROW)                                                                                 \
    ROW(GENESIS, "genesis")                                                                        \
    ROW(BOOT, "boot")                                                                              \
    ROW(TICK, "tick")                                                                              \
    ROW(RECOVERY, "recovery")                                                                      \
    ROW(CHECKPOINT_KEY, "checkpoint_key")                                                          \
    ROW(LIABILITIES, "liabilities")                                                                \
    ROW(ACCOUNT_CREATE, "account_create")                                                          \
    ROW(KEY_CREATE, "key_create")                                                                  \
    ROW(KEY_REVOKE, "key_revoke")                                                                  \
    ROW(MINT, "mint")                                                                              \
    ROW(TRANSFER, "transfer")                                                                      \
    ROW(REDEEM, "redeem")                                                                          \
    ROW(REDEMPTION, "redemption")                                                                  \
    ROW(NODE_ENROL, "node_enrol")                                                                  \
    ROW(NODE_PRICE, "node_price")                                                                  \
    ROW(NODE_ADMIT, "node_admit")                                                                  \
    ROW(NODE_LOST, "node_lost")                                                                    \
    ROW(LEASE_RESERVE, "lease_reserve")                                                            \
    ROW(LEASE_START, "lease_start")                                                                \
    ROW(LEASE_RUNNING, "lease_running")                                                            \
    ROW(LEASE_END, "lease_end")                                                                    \
    ROW(LEASE_STOP, "lease_stop")                                                                  \
    ROW(SLOT_MISSED, "slot_missed")                                                                \
    ROW(CHECKS, "checks")                                                                          \
    ROW(REPORT, "report")                                                                          \
    ROW(ALLOW, "allow")                                                                            \
    ROW(POLICY, "policy")                                                                          \
    ROW(COLLATERAL, "collateral")                                                                  \
    ROW(TRANSFERS, "transfers")                                                                    \
    ROW(TOPUP, "topup")                                                                            \
    ROW(PAYMENT, "payment")                                                                        \
    ROW(WEBHOOK, "webhook")                                                                        \
    ROW(APP_DOMAIN, "app_domain")                                                                  \
    ROW(DOMAIN_PROVEN, "domain_proven")

const char *ee_command_kind_name(enum ee_command_kind kind)
{
    switch (kind) {
#define ROW(constant, name)                                                                        \
    case EE_COMMAND_##constant:                                                                    \
        return name;
        KINDS(ROW)
#undef ROW
    }
    return "unknown";
}

static bool kind_known(uint16_t kind)
{
    return strcmp(ee_command_kind_name((enum ee_command_kind)kind), "unknown") != 0;
}

static void actor(struct ee_codec *k, struct ee_command *v)
{
    v->actor_kind =
        (enum ee_actor_kind)ee_codec_enum(k, v->actor_kind, EE_ACTOR_SYSTEM, EE_ACTOR_ADMIN);
    ee_codec_name_or_empty(k, v->actor);
    if (ee_codec_failed(k))
        return;
    bool named = v->actor[0] != '\0';
    if (v->actor_kind == EE_ACTOR_ACCOUNT ? !named : v->actor_kind == EE_ACTOR_SYSTEM && named)
        ee_codec_fail(k, EE_NAME);
}

static void command(struct ee_codec *k, struct ee_command *v)
{
    ee_codec_label(k, "ee-command", 1);
    v->core_version = ee_codec_u16(k, v->core_version);
    v->seq = ee_codec_u64(k, v->seq);
    v->time_us = ee_codec_u64(k, v->time_us);
    ee_codec_raw(k, v->random, sizeof(v->random));
    actor(k, v);
    ee_codec_raw(k, v->id, sizeof(v->id));
    uint16_t kind = ee_codec_u16(k, (uint16_t)v->kind);
    if (!kind_known(kind))
        ee_codec_fail(k, EE_UNSUPPORTED);
    v->kind = (enum ee_command_kind)kind;
    v->payload = ee_codec_block(k, v->payload, EE_COMMAND_PAYLOAD_MAX);
}

enum ee_err ee_command_encode(const struct ee_command *in, struct ee_writer *out)
{
    struct ee_command copy = *in;
    struct ee_codec k = ee_codec_writer(out);
    command(&k, &copy);
    return ee_codec_end(&k);
}

enum ee_err ee_command_decode(struct ee_bytes bytes, struct ee_command *out)
{
    struct ee_command value;
    memset(&value, 0, sizeof(value));
    struct ee_codec k = ee_codec_reader(bytes);
    command(&k, &value);
    EE_TRY(ee_codec_end(&k));
    *out = value;
    return EE_OK;
}

void ee_command_id(const struct ee_crypto *crypto, const char *account, struct ee_bytes client_key,
                   uint8_t out[EE_ID_SIZE])
{
    uint8_t hash[EE_SHA256_SIZE];
    struct ee_bytes name = ee_bytes_str(account);
    const uint8_t name_size = (uint8_t)name.size, key_size = (uint8_t)client_key.size;
    const struct ee_bytes parts[] = {ee_bytes_of(&name_size, 1), name, ee_bytes_of(&key_size, 1),
                                     client_key};
    crypto->sha256(parts, 4, hash);
    memcpy(out, hash, EE_ID_SIZE);
}

/* ---- what is signed: written only; the signer and the core make the same bytes ---- */

static struct ee_codec message(struct ee_writer *out, const char *label,
                               const uint8_t network_id[32])
{
    struct ee_codec k = ee_codec_writer(out);
    ee_codec_label(&k, label, 1);
    ee_writer_bytes(out, network_id, 32);
    return k;
}

enum ee_err ee_mint_message(const uint8_t network_id[32], const struct ee_mint *mint,
                            struct ee_writer *out)
{
    struct ee_mint v = *mint;
    struct ee_codec k = message(out, "ee-mint", network_id);
    ee_codec_name(&k, v.account);
    (void)ee_codec_money(&k, v.amount, 1);
    ee_codec_text(&k, v.reference, sizeof(v.reference), 1);
    return ee_codec_end(&k);
}

enum ee_err ee_redemption_message(const uint8_t network_id[32],
                                  const struct ee_redemption_word *word, struct ee_writer *out)
{
    struct ee_redemption_word v = *word;
    struct ee_codec k = message(out, "ee-redemption", network_id);
    ee_codec_raw(&k, v.redemption, sizeof(v.redemption));
    (void)ee_codec_bool(&k, v.confirm);
    ee_codec_text(&k, v.reference, sizeof(v.reference), 0);
    return ee_codec_end(&k);
}

enum ee_err ee_node_enrol_message(const uint8_t network_id[32], const char *operator_name,
                                  const struct ee_node_enrol *enrol, struct ee_writer *out)
{
    struct ee_node_enrol v = *enrol;
    struct ee_codec k = message(out, "ee-enrolment", network_id);
    if (!ee_name_valid(operator_name))
        ee_codec_fail(&k, EE_NAME);
    else
        ee_writer_text(out, operator_name);
    ee_codec_name(&k, v.node);
    ee_codec_raw(&k, v.platform_id, sizeof(v.platform_id));
    ee_codec_raw(&k, v.agent_key, sizeof(v.agent_key));
    return ee_codec_end(&k);
}

enum ee_err ee_allow_change_message(const uint8_t network_id[32],
                                    const struct ee_allow_change *change, struct ee_writer *out)
{
    struct ee_allow_change v = *change;
    struct ee_codec k = message(out, "ee-allow", network_id);
    (void)ee_codec_bool(&k, v.add);
    (void)ee_codec_enum(&k, v.role, EE_ROLE_CONTROL, EE_ROLE_WITNESS);
    ee_codec_raw(&k, v.measurement, sizeof(v.measurement));
    ee_codec_text(&k, v.label, sizeof(v.label), 0);
    (void)ee_codec_u64(&k, v.number);
    return ee_codec_end(&k);
}

enum ee_err ee_policy_change_message(const uint8_t network_id[32],
                                     const struct ee_policy_change *change, struct ee_writer *out)
{
    struct ee_policy_change v = *change;
    struct ee_codec k = message(out, "ee-policy-change", network_id);
    (void)ee_codec_u64(&k, v.number);
    (void)ee_codec_block(&k, v.policy, EE_POLICY_BYTES_MAX);
    return ee_codec_end(&k);
}

enum ee_err ee_recovery_message(const uint8_t network_id[32], const struct ee_recovery *recovery,
                                struct ee_writer *out)
{
    struct ee_recovery v = *recovery;
    struct ee_codec k = message(out, "ee-recovery-statement", network_id);
    (void)ee_codec_u64(&k, v.epoch);
    (void)ee_codec_u64(&k, v.time_s);
    (void)ee_codec_u64(&k, v.lost_size);
    ee_codec_raw(&k, v.lost_root, sizeof(v.lost_root));
    ee_codec_raw(&k, v.lost_note_hash, sizeof(v.lost_note_hash));
    (void)ee_codec_u64(&k, v.restored_size);
    ee_codec_raw(&k, v.restored_root, sizeof(v.restored_root));
    ee_codec_text(&k, v.reason, sizeof(v.reason), 1);
    return ee_codec_end(&k);
}

enum ee_err ee_checkpoint_key_message(const uint8_t network_id[32],
                                      const struct ee_checkpoint_key *key, struct ee_writer *out)
{
    struct ee_checkpoint_key v = *key;
    struct ee_codec k = message(out, "ee-checkpoint-key-statement", network_id);
    (void)ee_codec_u64(&k, v.number);
    ee_codec_raw(&k, v.old_key, sizeof(v.old_key));
    ee_codec_raw(&k, v.new_key, sizeof(v.new_key));
    ee_codec_raw(&k, v.evidence_hash, sizeof(v.evidence_hash));
    (void)ee_codec_enum(&k, v.signer, EE_SUCCESSION_BY_KEY, EE_SUCCESSION_BY_FOUNDING);
    return ee_codec_end(&k);
}

/* ---- results ---- */

enum ee_err ee_result_encode(const struct ee_result *result, struct ee_writer *out)
{
    struct ee_codec k = ee_codec_writer(out);
    (void)ee_codec_err(&k, result->err);
    (void)ee_codec_block(&k, ee_bytes_of(result->body, result->body_size), EE_RESULT_BODY_MAX);
    return ee_codec_end(&k);
}

enum ee_err ee_result_decode(struct ee_bytes bytes, struct ee_result *out)
{
    struct ee_codec k = ee_codec_reader(bytes);
    enum ee_err err = ee_codec_err(&k, EE_OK);
    struct ee_bytes body = ee_codec_block(&k, ee_bytes_of(NULL, 0), EE_RESULT_BODY_MAX);
    EE_TRY(ee_codec_end(&k));
    memset(out, 0, sizeof(*out));
    out->err = err;
    out->body_size = body.size;
    if (body.size)
        memcpy(out->body, body.data, body.size);
    return EE_OK;
}

#define REASONS(ROW)                                                                               \
    ROW(CHOSEN, "chosen", "chosen: the cheapest eligible node")                                    \
    ROW(DEARER, "dearer", "eligible, but costs more than the chosen node")                         \
    ROW(NOT_ADMITTED, "not_admitted", "its agent has no attestation this network accepts")         \
    ROW(DISCONNECTED, "disconnected", "its agent is not connected")                                \
    ROW(NO_CAPACITY, "no_capacity", "it has fewer free vCPUs than asked for")                      \
    ROW(OTHER_TENANT, "other_tenant", "its agent serves another launcher")                         \
    ROW(OVER_MAX_PRICE, "over_max_price", "it costs more than the highest price allowed")          \
    ROW(NOT_ASKED, "not_asked", "another node was asked for")                                      \
    ROW(FAILED_BEFORE, "failed_before", "it lost this app a short time ago")                       \
    ROW(STAKE, "stake", "its stake is below the minimum")                                          \
    ROW(TIE, "tie", "it costs the same; the chosen node's name comes first")                       \
    ROW(SAME_APP, "same_app", "it runs another replica of the app, the chosen node does not")

const char *ee_placement_reason_name(enum ee_placement_reason reason)
{
    switch (reason) {
#define ROW(constant, name, text)                                                                  \
    case EE_PLACE_##constant:                                                                      \
        return name;
        REASONS(ROW)
#undef ROW
    }
    return "unknown";
}

const char *ee_placement_reason_text(enum ee_placement_reason reason)
{
    switch (reason) {
#define ROW(constant, name, text)                                                                  \
    case EE_PLACE_##constant:                                                                      \
        return text;
        REASONS(ROW)
#undef ROW
    }
    return "a reason of a newer version; update this program";
}
