/* SPDX-License-Identifier: Apache-2.0 */
/* Every fact of the commands that move or lock credits, and of those about the log itself. */
#include <string.h>

#include "receipt_facts.h"

#include "base/text.h"
#include "client/json.h"

#include "base/banned.h"

static json_t *hex(const void *bytes, size_t size)
{
    return ee_client_json_hex_new(bytes, size);
}

static json_t *money(struct ee_money amount)
{
    char text[EE_MONEY_TEXT_SIZE];
    return json_string(ee_money_format(amount, text));
}

static json_t *number(uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    return json_string(text);
}

static json_t *moment(uint64_t time_us)
{
    char text[EE_TIME_TEXT_SIZE];
    return json_string(ee_time_format((int64_t)(time_us / 1000000), text));
}

/* The acting side's balance after it, where the result says it. */
static void balance_add(const struct ee_result *result, json_t *out)
{
    struct ee_balance_result body;
    if (result->err != EE_OK ||
        ee_balance_result_decode(ee_bytes_of(result->body, result->body_size), &body) != EE_OK)
        return;
    (void)json_object_set_new(out, "balance_of", json_string(body.account));
    (void)json_object_set_new(out, "available_after", money(body.available));
    (void)json_object_set_new(out, "locked_after", money(body.locked));
}

static json_t *transfer(const struct ee_command *command, const struct ee_result *result)
{
    struct ee_transfer_credits v;
    if (ee_transfer_credits_decode(command->payload, &v) != EE_OK)
        return NULL;
    json_t *out = json_pack("{s:s, s:s, s:o, s:s}", "from", command->actor, "to", v.to, "amount",
                            money(v.amount), "memo", v.memo);
    balance_add(result, out);
    return out;
}

static json_t *mint(const struct ee_command *command, const struct ee_result *result)
{
    struct ee_mint v;
    if (ee_mint_decode(command->payload, &v) != EE_OK)
        return NULL;
    json_t *out = json_pack("{s:s, s:o, s:s}", "account", v.account, "amount", money(v.amount),
                            "reference", v.reference);
    balance_add(result, out);
    return out;
}

static json_t *redeem(const struct ee_command *command, const struct ee_result *result)
{
    struct ee_redeem v;
    struct ee_redeem_result body;
    if (ee_redeem_decode(command->payload, &v) != EE_OK)
        return NULL;
    json_t *out = json_pack("{s:s, s:o, s:s}", "account", command->actor, "amount", money(v.amount),
                            "destination", v.destination);
    if (result->err == EE_OK &&
        ee_redeem_result_decode(ee_bytes_of(result->body, result->body_size), &body) == EE_OK) {
        (void)json_object_set_new(out, "redemption", hex(body.redemption, EE_ID_SIZE));
        (void)json_object_set_new(out, "available_after", money(body.available));
    }
    return out;
}

static json_t *redemption(const struct ee_command *command, const struct ee_result *result)
{
    struct ee_redemption_word v;
    struct ee_redeem_result body;
    if (ee_redemption_word_decode(command->payload, &v) != EE_OK)
        return NULL;
    json_t *out = json_pack("{s:o, s:s, s:s}", "redemption", hex(v.redemption, EE_ID_SIZE), "word",
                            v.confirm ? "confirm" : "refuse", "reference", v.reference);
    if (result->err == EE_OK &&
        ee_redeem_result_decode(ee_bytes_of(result->body, result->body_size), &body) == EE_OK) {
        (void)json_object_set_new(out, "account", json_string(body.account));
        (void)json_object_set_new(out, "amount", money(body.amount));
    }
    return out;
}

/* The lock of a lease's first period. */
static json_t *reserve(const struct ee_command *command, const struct ee_result *result)
{
    struct ee_lease_reserve v;
    struct ee_reserve_result body;
    char price[EE_MONEY_TEXT_SIZE];
    if (ee_lease_reserve_decode(command->payload, &v) != EE_OK)
        return NULL;
    json_t *out = json_pack("{s:s, s:s, s:i}", "launcher", command->actor, "app", v.name, "vcpus",
                            (int)v.vcpus);
    if (result->err != EE_OK ||
        ee_reserve_result_decode(ee_bytes_of(result->body, result->body_size), &body) != EE_OK)
        return out;
    (void)snprintf(price, sizeof(price), "%lld", (long long)body.price_nanos);
    (void)json_object_set_new(out, "lease", hex(body.lease, EE_ID_SIZE));
    (void)json_object_set_new(out, "period", json_integer(0));
    (void)json_object_set_new(out, "locked", money(body.lock));
    (void)json_object_set_new(out, "node", json_string(body.node));
    (void)json_object_set_new(out, "price_nanos", json_string(price));
    (void)json_object_set_new(out, "deployment_hash", hex(body.deployment_hash, 32));
    return out;
}

/* Locks of later periods. */
static json_t *tick(const struct ee_result *result)
{
    struct ee_tick_result body;
    json_t *locks = json_array();
    if (result->body_size > 0 &&
        ee_tick_result_decode(ee_bytes_of(result->body, result->body_size), &body) == EE_OK)
        for (uint32_t i = 0; i < body.lock_count; i++) {
            const struct ee_tick_lock *lock = &body.locks[i];
            (void)json_array_append_new(
                locks, json_pack("{s:o, s:i, s:o}", "lease", hex(lock->lease, EE_ID_SIZE), "period",
                                 (int)lock->period, "locked", money(lock->amount)));
        }
    return json_pack("{s:o}", "locks", locks);
}

static json_t *liabilities(const struct ee_command *command, const struct ee_result *result)
{
    struct ee_liabilities v;
    struct ee_liabilities_result body;
    if (ee_liabilities_decode(command->payload, &v) != EE_OK || result->err != EE_OK ||
        ee_liabilities_result_decode(ee_bytes_of(result->body, result->body_size), &body) != EE_OK)
        return NULL;
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "of_seq", number(body.of_seq), "of",
                     moment(body.of_time_us), "accounts", number(body.count), "total",
                     money(body.total), "cash", money(body.cash), "house", money(body.house),
                     "root", hex(v.root, 32));
}

static json_t *recovery(const struct ee_command *command)
{
    struct ee_recovery v;
    if (ee_recovery_decode(command->payload, &v) != EE_OK)
        return NULL;
    return ee_cli_recovery_json(&v);
}

static json_t *checkpoint_key(const struct ee_command *command)
{
    struct ee_checkpoint_key v;
    if (ee_checkpoint_key_decode(command->payload, &v) != EE_OK)
        return NULL;
    return json_pack("{s:o, s:o, s:o, s:o, s:s}", "number", number(v.number), "old_key",
                     hex(v.old_key, 32), "new_key", hex(v.new_key, 32), "evidence_hash",
                     hex(v.evidence_hash, 32), "signed_by",
                     v.signer == EE_SUCCESSION_BY_KEY ? "old key" : "founding key");
}

json_t *ee_cli_recovery_json(const struct ee_recovery *v)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "epoch", number(v->epoch), "signed_at",
                     moment(v->time_s * 1000000), "lost_size", number(v->lost_size), "lost_root",
                     hex(v->lost_root, 32), "restored_size", number(v->restored_size),
                     "restored_root", hex(v->restored_root, 32), "reason", v->reason);
}

json_t *ee_cli_receipt_details(const struct ee_receipt_fact *fact)
{
    const struct ee_command *command = &fact->command;
    const struct ee_result *result = &fact->result;
    if (command->kind == EE_COMMAND_TRANSFER)
        return transfer(command, result);
    if (command->kind == EE_COMMAND_MINT)
        return mint(command, result);
    if (command->kind == EE_COMMAND_REDEEM)
        return redeem(command, result);
    if (command->kind == EE_COMMAND_REDEMPTION)
        return redemption(command, result);
    if (command->kind == EE_COMMAND_LEASE_RESERVE)
        return reserve(command, result);
    if (command->kind == EE_COMMAND_TICK)
        return tick(result);
    if (command->kind == EE_COMMAND_LIABILITIES)
        return liabilities(command, result);
    if (command->kind == EE_COMMAND_RECOVERY)
        return recovery(command);
    return command->kind == EE_COMMAND_CHECKPOINT_KEY ? checkpoint_key(command) : NULL;
}
