/* SPDX-License-Identifier: Apache-2.0 */
#include "receipt_facts.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "client/json.h"
#include "core/names.h"
#include "core/transfers.h"

#include "base/banned.h"

/* ---- one sentence ---- */

static void settlement_summary(const struct ee_receipt_settlement *settlement,
                               char out[EE_CLI_SUMMARY_SIZE])
{
    char locked[EE_MONEY_TEXT_SIZE], paid[EE_MONEY_TEXT_SIZE], refunded[EE_MONEY_TEXT_SIZE];
    const struct ee_settle_result *s = &settlement->settle;
    bool failed = s->verdict == EE_VERDICT_FAIL;
    (void)snprintf(out, EE_CLI_SUMMARY_SIZE,
                   "period %u of %s (%s) on %s: %s%s%s; of %s locked %s paid to %s, %s returned",
                   settlement->checks.period, s->app, s->launcher, s->node,
                   ee_verdict_name(s->verdict), failed ? ", " : "",
                   failed ? ee_fail_reason_name(s->reason) : "", ee_money_show(s->locked, locked),
                   ee_money_show(s->paid, paid), s->operator_name,
                   ee_money_show(s->refunded, refunded));
}

static bool mint_summary(const struct ee_command *command, char out[EE_CLI_SUMMARY_SIZE])
{
    char amount[EE_MONEY_TEXT_SIZE];
    struct ee_mint mint;
    if (command->kind != EE_COMMAND_MINT || ee_mint_decode(command->payload, &mint) != EE_OK)
        return false;
    (void)snprintf(out, EE_CLI_SUMMARY_SIZE, "%s minted to %s; reference %s counts once",
                   ee_money_show(mint.amount, amount), mint.account, mint.reference);
    return true;
}

static bool transfer_summary(const struct ee_command *command, char out[EE_CLI_SUMMARY_SIZE])
{
    char amount[EE_MONEY_TEXT_SIZE];
    struct ee_transfer_credits transfer;
    if (command->kind != EE_COMMAND_TRANSFER ||
        ee_transfer_credits_decode(command->payload, &transfer) != EE_OK)
        return false;
    (void)snprintf(out, EE_CLI_SUMMARY_SIZE, "%s from %s to %s%s%s",
                   ee_money_show(transfer.amount, amount), command->actor, transfer.to,
                   *transfer.memo ? ": " : "", transfer.memo);
    return true;
}

static bool transfers_summary(const struct ee_receipt_fact *fact, char out[EE_CLI_SUMMARY_SIZE])
{
    static uint16_t outcomes[EE_TRANSFERS_MAX];
    struct ee_transfers_result result;
    if (fact->command.kind != EE_COMMAND_TRANSFERS ||
        ee_transfers_result_decode(ee_bytes_of(fact->result.body, fact->result.body_size), &result,
                                   outcomes) != EE_OK)
        return false;
    (void)snprintf(out, EE_CLI_SUMMARY_SIZE, "%u transfers from %s: %u made, %u made before",
                   (unsigned)result.count, result.account, (unsigned)result.made,
                   (unsigned)result.repeated);
    return true;
}

static bool reserve_summary(const struct ee_receipt_fact *fact, char out[EE_CLI_SUMMARY_SIZE])
{
    char lock[EE_MONEY_TEXT_SIZE];
    struct ee_lease_reserve reserve;
    struct ee_reserve_result result;
    if (fact->command.kind != EE_COMMAND_LEASE_RESERVE || fact->result.err != EE_OK ||
        ee_lease_reserve_decode(fact->command.payload, &reserve) != EE_OK ||
        ee_reserve_result_decode(ee_bytes_of(fact->result.body, fact->result.body_size), &result) !=
            EE_OK)
        return false;
    (void)snprintf(out, EE_CLI_SUMMARY_SIZE, "%s placed on %s, %s locked for the first period",
                   reserve.name, result.node, ee_money_show(result.lock, lock));
    return true;
}

static bool allow_summary(const struct ee_command *command, char out[EE_CLI_SUMMARY_SIZE])
{
    char digest[65];
    struct ee_allow_change change;
    if (command->kind != EE_COMMAND_ALLOW ||
        ee_allow_change_decode(command->payload, &change) != EE_OK)
        return false;
    const char *role = ee_role_valid(change.role) ? ee_role_name((enum ee_role)change.role) : "?";
    (void)snprintf(out, EE_CLI_SUMMARY_SIZE, "change %llu: %s %s %s (%s)",
                   (unsigned long long)change.number, change.add ? "allow" : "retire", role,
                   ee_hex_encode(change.measurement, 32, digest), change.label);
    return true;
}

static bool policy_summary(const struct ee_command *command, char out[EE_CLI_SUMMARY_SIZE])
{
    struct ee_policy_change change;
    struct ee_attest_policy policy;
    if (command->kind != EE_COMMAND_POLICY ||
        ee_policy_change_decode(command->payload, &change) != EE_OK ||
        ee_attest_policy_decode(change.policy, &policy) != EE_OK)
        return false;
    (void)snprintf(out, EE_CLI_SUMMARY_SIZE, "attestation policy %llu: %s",
                   (unsigned long long)change.number, policy.name);
    return true;
}

static bool stop_summary(const struct ee_command *command, char out[EE_CLI_SUMMARY_SIZE])
{
    struct ee_lease_stop stop;
    if (command->kind != EE_COMMAND_LEASE_STOP ||
        ee_lease_stop_decode(command->payload, &stop) != EE_OK)
        return false;
    (void)snprintf(out, EE_CLI_SUMMARY_SIZE, "%s stopped by %s", stop.name, command->actor);
    return true;
}

static bool admit_summary(const struct ee_command *command, char out[EE_CLI_SUMMARY_SIZE])
{
    char evidence[65], collateral[65];
    struct ee_node_admit admit;
    if (command->kind != EE_COMMAND_NODE_ADMIT ||
        ee_node_admit_decode(command->payload, &admit) != EE_OK)
        return false;
    (void)snprintf(out, EE_CLI_SUMMARY_SIZE, "%s admitted on evidence %s, judged by collateral %s",
                   admit.node, ee_hex_encode(admit.evidence_hash, 32, evidence),
                   ee_hex_encode(admit.collateral_hash, 32, collateral));
    return true;
}

static bool collateral_summary(const struct ee_command *command, char out[EE_CLI_SUMMARY_SIZE])
{
    char hash[65], fmspc[13], until[EE_TIME_TEXT_SIZE];
    struct ee_collateral_taken taken;
    if (command->kind != EE_COMMAND_COLLATERAL ||
        ee_collateral_taken_decode(command->payload, &taken) != EE_OK)
        return false;
    (void)snprintf(out, EE_CLI_SUMMARY_SIZE,
                   "collateral %s, %s set number %u of FMSPC %s, in use from here; valid until %s",
                   ee_hex_encode(taken.hash, 32, hash),
                   taken.set == EE_TCB_SET_EARLY ? "early" : "standard", taken.evaluation,
                   ee_hex_encode(taken.fmspc, sizeof(taken.fmspc), fmspc),
                   ee_time_format((int64_t)taken.expires_s, until));
    return true;
}

char *ee_cli_receipt_summary(const struct ee_receipt_checked *checked,
                             char out[EE_CLI_SUMMARY_SIZE])
{
    const struct ee_receipt_fact *fact = &checked->fact;
    const struct ee_command *command = &fact->command;
    char text[EE_CLI_SUMMARY_SIZE];
    if (checked->is_settlement) {
        settlement_summary(&checked->settlement, out);
        return out;
    }
    if (!collateral_summary(command, text) && !admit_summary(command, text) &&
        !mint_summary(command, text) && !transfer_summary(command, text) &&
        !transfers_summary(fact, text) && !reserve_summary(fact, text) &&
        !stop_summary(command, text) && !allow_summary(command, text) &&
        !policy_summary(command, text))
        (void)snprintf(text, sizeof(text), "%s", ee_command_kind_name(command->kind));
    bool refused = fact->result.err != EE_OK;
    (void)snprintf(out, EE_CLI_SUMMARY_SIZE, "%.*s%s%s", 440, text, refused ? "; refused: " : "",
                   refused ? ee_err_name(fact->result.err) : "");
    return out;
}

/* ---- JSON ---- */

static json_t *slots_json(const uint8_t *slots, uint32_t count)
{
    unsigned kinds[3] = {0};
    for (uint32_t i = 0; i < count; i++)
        if (slots[i] <= EE_CHECK_MISSED)
            kinds[slots[i]]++;
    return json_pack("{s:i, s:i, s:i}", "ok", (int)kinds[EE_CHECK_OK], "missed",
                     (int)kinds[EE_CHECK_MISSED], "void", (int)kinds[EE_CHECK_VOID]);
}

/* By which collateral the attestations were judged. */
static json_t *collateral_json(const struct ee_checks *checks)
{
    json_t *out = json_array();
    for (uint32_t i = 0; i < ee_checks_collateral_listed(checks); i++)
        (void)json_array_append_new(out, ee_client_json_hex_new(checks->collateral[i], 32));
    return out;
}

static json_t *checks_json(const struct ee_receipt_checked *checked)
{
    const struct ee_checks *checks = &checked->settlement.checks;
    /* Each of these was checked, or there would be no answer. */
    json_t *out = json_pack("{s:b, s:b, s:b}", "evidence", 1, "checkpoint", 1, "inclusion", 1);
    if (!checked->is_settlement)
        return out;
    (void)json_object_set_new(out, "settlement", json_true());
    (void)json_object_set_new(out, "health", slots_json(checks->health, checks->health_count));
    (void)json_object_set_new(out, "attestation",
                              slots_json(checks->attestation, checks->attestation_count));
    (void)json_object_set_new(out, "collateral", collateral_json(checks));
    (void)json_object_set_new(out, "earlier_miss", json_boolean(checked->settlement.earlier_miss));
    return out;
}

static json_t *money_json(struct ee_money money)
{
    char text[EE_MONEY_TEXT_SIZE];
    return json_string(ee_money_format(money, text));
}

static json_t *time_json(uint64_t time_us)
{
    char text[EE_TIME_TEXT_SIZE];
    return json_string(ee_time_format((int64_t)(time_us / 1000000), text));
}

static json_t *settlement_json(const struct ee_receipt_settlement *settlement)
{
    const struct ee_settle_result *s = &settlement->settle;
    json_t *out = json_pack("{s:o, s:i, s:s, s:s, s:s, s:s}", "lease",
                            ee_client_json_hex_new(settlement->checks.lease, EE_ID_SIZE), "index",
                            (int)settlement->checks.period, "app", s->app, "launcher", s->launcher,
                            "node", s->node, "operator", s->operator_name);
    (void)json_object_set_new(out, "starts_at", time_json(s->starts_us));
    (void)json_object_set_new(out, "ends_at", time_json(s->ends_us));
    (void)json_object_set_new(out, "reason", json_string(ee_fail_reason_name(s->reason)));
    (void)json_object_set_new(out, "locked", money_json(s->locked));
    (void)json_object_set_new(out, "paid", money_json(s->paid));
    (void)json_object_set_new(out, "refunded", money_json(s->refunded));
    return out;
}

static json_t *u64_json(uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    return json_string(text);
}

json_t *ee_cli_receipt_json(const struct ee_receipt_checked *checked)
{
    char summary[EE_CLI_SUMMARY_SIZE];
    const struct ee_receipt_fact *fact = &checked->fact;
    json_t *out = json_object();
    (void)json_object_set_new(out, "kind", json_string(ee_command_kind_name(fact->command.kind)));
    (void)json_object_set_new(out, "seq", u64_json(fact->command.seq));
    (void)json_object_set_new(out, "at", time_json(fact->command.time_us));
    (void)json_object_set_new(out, "actor", json_string(fact->command.actor));
    (void)json_object_set_new(out, "network",
                              ee_client_json_hex_new(fact->checkpoint.network_id, 32));
    (void)json_object_set_new(out, "verdict",
                              checked->is_settlement
                                  ? json_string(ee_verdict_name(checked->settlement.settle.verdict))
                                  : json_null());
    (void)json_object_set_new(out, "summary",
                              json_string(ee_cli_receipt_summary(checked, summary)));
    (void)json_object_set_new(out, "checks", checks_json(checked));
    if (checked->is_settlement)
        (void)json_object_set_new(out, "settlement", settlement_json(&checked->settlement));
    (void)json_object_set_new(out, "checkpoint",
                              json_pack("{s:o, s:o}", "size", u64_json(fact->checkpoint.size),
                                        "root",
                                        ee_client_json_hex_new(fact->checkpoint.root.bytes, 32)));
    json_t *details = ee_cli_receipt_details(fact);
    if (details)
        (void)json_object_set_new(out, "details", details);
    (void)json_object_set_new(out, "accepted_under",
                              json_pack("{s:o, s:o, s:o}", "allow_changes",
                                        u64_json(checked->changes), "policy",
                                        u64_json(checked->policy_change), "key_successions",
                                        u64_json(checked->successions)));
    (void)json_object_set_new(out, "simulated", json_boolean(checked->signer.simulated));
    return out;
}
