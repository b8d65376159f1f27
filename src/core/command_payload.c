/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads of commands and bodies of results: a function names the fields of each, in order. */
#include <string.h>

#include "core/codec.h"
#include "core/command.h"

#include "base/banned.h"

enum { VCPUS_MAX = 65536 }; /* of one node; keeps every product far from overflow */

static void boot(struct ee_codec *k, struct ee_boot *v)
{
    v->epoch = ee_codec_u64(k, v->epoch);
    ee_codec_raw(k, v->state_hash, sizeof(v->state_hash));
    v->anchored = ee_codec_bool(k, v->anchored);
}

static void key_create(struct ee_codec *k, struct ee_key_create *v)
{
    ee_codec_raw(k, v->key_hash, sizeof(v->key_hash));
    v->scopes = ee_codec_u32_within(k, v->scopes, 1, EE_SCOPE_ALL);
    v->expires_s = ee_codec_u64(k, v->expires_s);
    ee_codec_text(k, v->label, sizeof(v->label), 0);
}

static void account_create(struct ee_codec *k, struct ee_account_create *v)
{
    ee_codec_name(k, v->name);
    v->kind = (enum ee_account_kind)ee_codec_enum(k, v->kind, EE_ACCOUNT_USER, EE_ACCOUNT_OPERATOR);
    ee_codec_raw(k, v->public_key, sizeof(v->public_key));
    bool keyless = ee_bytes_all_zero(v->public_key, sizeof(v->public_key));
    if (keyless != (v->kind == EE_ACCOUNT_USER)) /* operators sign, users do not */
        ee_codec_fail(k, EE_RANGE);
    key_create(k, &v->first_key);
}

static void key_revoke(struct ee_codec *k, struct ee_key_revoke *v)
{
    ee_codec_raw(k, v->key_hash, sizeof(v->key_hash));
}

static void mint(struct ee_codec *k, struct ee_mint *v)
{
    ee_codec_name(k, v->account);
    v->amount = ee_codec_money(k, v->amount, 1);
    ee_codec_text(k, v->reference, sizeof(v->reference), 1);
    ee_codec_raw(k, v->signature, sizeof(v->signature));
}

static void transfer_credits(struct ee_codec *k, struct ee_transfer_credits *v)
{
    ee_codec_name(k, v->to);
    v->amount = ee_codec_money(k, v->amount, 1);
    ee_codec_text(k, v->memo, sizeof(v->memo), 0);
}

static void redeem(struct ee_codec *k, struct ee_redeem *v)
{
    v->amount = ee_codec_money(k, v->amount, 1);
    ee_codec_text(k, v->destination, sizeof(v->destination), 0);
}

static void redemption_word(struct ee_codec *k, struct ee_redemption_word *v)
{
    ee_codec_raw(k, v->redemption, sizeof(v->redemption));
    v->confirm = ee_codec_bool(k, v->confirm);
    ee_codec_text(k, v->reference, sizeof(v->reference), 0);
    ee_codec_raw(k, v->signature, sizeof(v->signature));
}

/* Three small letters. */
static void currency(struct ee_codec *k, char text[EE_CURRENCY_SIZE + 1])
{
    ee_codec_text(k, text, EE_CURRENCY_SIZE + 1, EE_CURRENCY_SIZE);
    for (size_t i = 0; i < EE_CURRENCY_SIZE && !ee_codec_failed(k); i++)
        if (text[i] < 'a' || text[i] > 'z')
            ee_codec_fail(k, EE_RANGE);
}

static uint64_t cents(struct ee_codec *k, uint64_t value, uint64_t most)
{
    value = ee_codec_u64(k, value);
    if (value < 1 || value > most)
        ee_codec_fail(k, EE_RANGE);
    return value;
}

static void topup(struct ee_codec *k, struct ee_topup *v)
{
    v->cents = cents(k, v->cents, EE_PAYMENT_CENTS_MAX);
    currency(k, v->currency);
    if (!ee_codec_failed(k) && strcmp(v->currency, "usd") != 0)
        ee_codec_fail(k, EE_UNSUPPORTED);
}

static void payment_word(struct ee_codec *k, struct ee_payment_word *v)
{
    v->event = (enum ee_payment_event)ee_codec_enum(k, v->event, EE_PAYMENT_SUCCEEDED,
                                                    EE_PAYMENT_DISPUTE_LOST);
    ee_codec_text(k, v->payment, sizeof(v->payment), 1);
    ee_codec_raw(k, v->order, sizeof(v->order));
    ee_codec_text(k, v->dispute, sizeof(v->dispute), 0);
    v->cents = cents(k, v->cents, EE_PAYMENT_SAID_MAX);
    currency(k, v->currency);
    ee_codec_text(k, v->provider_event, sizeof(v->provider_event), 1);
    bool success = v->event == EE_PAYMENT_SUCCEEDED;
    bool disputed = !success && v->event != EE_PAYMENT_REFUNDED;
    if (success == ee_bytes_all_zero(v->order, sizeof(v->order)) ||
        disputed != (v->dispute[0] != '\0'))
        ee_codec_fail(k, EE_RANGE);
}

static void node_enrol(struct ee_codec *k, struct ee_node_enrol *v)
{
    ee_codec_name(k, v->node);
    ee_codec_raw(k, v->platform_id, sizeof(v->platform_id));
    ee_codec_raw(k, v->agent_key, sizeof(v->agent_key));
    v->vcpus = ee_codec_u32_within(k, v->vcpus, 1, VCPUS_MAX);
    v->price_nanos = ee_codec_i64_least(k, v->price_nanos, 0);
    ee_codec_name_or_empty(k, v->region);
    ee_codec_raw(k, v->signature, sizeof(v->signature));
}

static void node_price(struct ee_codec *k, struct ee_node_price *v)
{
    ee_codec_name(k, v->node);
    v->price_nanos = ee_codec_i64_least(k, v->price_nanos, 0);
}

static void node_admit(struct ee_codec *k, struct ee_node_admit *v)
{
    ee_codec_name(k, v->node);
    ee_codec_raw(k, v->agent_key, sizeof(v->agent_key));
    ee_codec_raw(k, v->platform_id, sizeof(v->platform_id));
    ee_codec_raw(k, v->measurement, sizeof(v->measurement));
    ee_codec_raw(k, v->sealing_key, sizeof(v->sealing_key));
    ee_codec_raw(k, v->evidence_hash, sizeof(v->evidence_hash));
    ee_codec_raw(k, v->collateral_hash, sizeof(v->collateral_hash));
    v->vcpus = ee_codec_u32_within(k, v->vcpus, 0, VCPUS_MAX);
    v->epoch = ee_codec_u64(k, v->epoch);
    v->simulated = ee_codec_bool(k, v->simulated);
}

static void node_lost(struct ee_codec *k, struct ee_node_lost *v)
{
    ee_codec_name(k, v->node);
    v->epoch = ee_codec_u64(k, v->epoch);
}

static void lease_reserve(struct ee_codec *k, struct ee_lease_reserve *v)
{
    v->workload =
        (enum ee_workload_kind)ee_codec_enum(k, v->workload, EE_WORKLOAD_JOB, EE_WORKLOAD_APP);
    ee_codec_name(k, v->name);
    v->vcpus = ee_codec_u32_within(k, v->vcpus, 1, VCPUS_MAX);
    v->max_price_nanos = ee_codec_i64_least(k, v->max_price_nanos, 0);
    ee_codec_name_or_empty(k, v->node);
    v->deployment = ee_codec_block(k, v->deployment, EE_DEPLOYMENT_SIZE_MAX);
    const bool several = k->writer ? v->replicas > 1 : k->cursor.left > 0;
    v->replicas = several ? ee_codec_u32_within(k, v->replicas, 2, EE_REPLICAS_MAX) : 1;
    struct ee_deployment deployment;
    if (ee_codec_failed(k))
        return;
    enum ee_err err = ee_deployment_decode(v->deployment, &deployment);
    if (err != EE_OK)
        ee_codec_fail(k, err);
    else if ((deployment.port == 0) != (v->workload == EE_WORKLOAD_JOB))
        ee_codec_fail(k, EE_RANGE); /* an app listens, a job does not */
}

static void lease_start(struct ee_codec *k, struct ee_lease_start *v)
{
    ee_codec_raw(k, v->lease, sizeof(v->lease));
    ee_codec_raw(k, v->sealed_hash, sizeof(v->sealed_hash));
}

static void lease_running(struct ee_codec *k, struct ee_lease_running *v)
{
    ee_codec_raw(k, v->lease, sizeof(v->lease));
}

/* Of the reasons only those an agent reports; the others follow from other commands. */
static void lease_end(struct ee_codec *k, struct ee_lease_end *v)
{
    ee_codec_raw(k, v->lease, sizeof(v->lease));
    v->reason =
        (enum ee_end_reason)ee_codec_enum(k, v->reason, EE_END_EXITED, EE_END_AGENT_LOST_IT);
    if (v->reason != EE_END_EXITED && v->reason != EE_END_START_FAILED &&
        v->reason != EE_END_AGENT_LOST_IT)
        ee_codec_fail(k, EE_RANGE);
    uint32_t exit_code = ee_codec_u32(k, (uint32_t)v->exit_code);
    memcpy(&v->exit_code, &exit_code, sizeof(exit_code));
    if (v->exit_code != 0 && v->reason != EE_END_EXITED)
        ee_codec_fail(k, EE_RANGE);
    ee_codec_raw(k, v->output_hash, sizeof(v->output_hash));
}

static void lease_stop(struct ee_codec *k, struct ee_lease_stop *v)
{
    ee_codec_name(k, v->name);
}

static void slot_missed(struct ee_codec *k, struct ee_slot_missed *v)
{
    ee_codec_raw(k, v->lease, sizeof(v->lease));
    v->period = ee_codec_u32(k, v->period);
    v->kind = (enum ee_check_kind)ee_codec_enum(k, v->kind, EE_CHECK_HEALTH, EE_CHECK_ATTESTATION);
    v->slot = ee_codec_u32_within(k, v->slot, 0, EE_CHECK_SLOTS_MAX - 1);
    v->why = ee_codec_err(k, v->why);
}

static uint32_t outcomes(struct ee_codec *k, uint32_t count, uint8_t *values)
{
    count = ee_codec_count(k, count, EE_CHECK_SLOTS_MAX);
    for (uint32_t i = 0; i < count; i++)
        values[i] = ee_codec_enum(k, values[i], EE_CHECK_VOID, EE_CHECK_MISSED);
    return count;
}

static void checks(struct ee_codec *k, struct ee_checks *v)
{
    ee_codec_raw(k, v->lease, sizeof(v->lease));
    v->period = ee_codec_u32(k, v->period);
    v->health_count = outcomes(k, v->health_count, v->health);
    v->attestation_count = outcomes(k, v->attestation_count, v->attestation);
    ee_codec_raw(k, v->evidence_root, sizeof(v->evidence_root));
    v->collateral_count = ee_codec_u32_within(k, v->collateral_count, 0, EE_CHECK_SLOTS_MAX);
    for (uint32_t i = 0; i < ee_checks_collateral_listed(v); i++)
        ee_codec_raw(k, v->collateral[i], sizeof(v->collateral[i]));
}

uint32_t ee_checks_collateral_listed(const struct ee_checks *checks)
{
    uint32_t count = checks->collateral_count;
    return count < EE_CHECKS_COLLATERAL_MAX ? count : EE_CHECKS_COLLATERAL_MAX;
}

static void abuse_report(struct ee_codec *k, struct ee_abuse_report *v)
{
    ee_codec_raw(k, v->lease, sizeof(v->lease));
    v->period = ee_codec_u32(k, v->period);
    v->category =
        (enum ee_abuse_category)ee_codec_enum(k, v->category, EE_ABUSE_OTHER, EE_ABUSE_RESOURCES);
    ee_codec_raw(k, v->evidence_hash, sizeof(v->evidence_hash));
}

static void allow_change(struct ee_codec *k, struct ee_allow_change *v)
{
    v->add = ee_codec_bool(k, v->add);
    v->role = ee_codec_enum(k, v->role, 1, 3); /* enum ee_role */
    ee_codec_raw(k, v->measurement, sizeof(v->measurement));
    ee_codec_text(k, v->label, sizeof(v->label), 0);
    v->number = ee_codec_u64(k, v->number);
    ee_codec_raw(k, v->signature, sizeof(v->signature));
}

static void collateral_taken(struct ee_codec *k, struct ee_collateral_taken *v)
{
    v->set = (enum ee_tcb_set)ee_codec_enum(k, v->set, EE_TCB_SET_STANDARD, EE_TCB_SET_EARLY);
    ee_codec_raw(k, v->fmspc, sizeof(v->fmspc));
    v->evaluation = ee_codec_u32(k, v->evaluation);
    ee_codec_raw(k, v->hash, sizeof(v->hash));
    v->issued_s = ee_codec_u64(k, v->issued_s);
    v->expires_s = ee_codec_u64(k, v->expires_s);
    if (v->expires_s < v->issued_s)
        ee_codec_fail(k, EE_RANGE);
    v->pck_crl_number = ee_codec_u64(k, v->pck_crl_number);
    v->root_crl_number = ee_codec_u64(k, v->root_crl_number);
    v->simulated = ee_codec_bool(k, v->simulated);
}

static void webhook_set(struct ee_codec *k, struct ee_webhook_set *v)
{
    v->op = (enum ee_webhook_op)ee_codec_enum(k, v->op, EE_WEBHOOK_SET, EE_WEBHOOK_ALERT);
    v->slot = (uint8_t)ee_codec_u32_within(k, v->slot, 0, EE_WEBHOOKS_PER_ACCOUNT);
    if ((v->op == EE_WEBHOOK_REMOVE && v->slot == 0) || (v->op == EE_WEBHOOK_ALERT && v->slot != 0))
        ee_codec_fail(k, EE_RANGE);
    if (v->op == EE_WEBHOOK_SET) {
        ee_codec_text(k, v->url, sizeof(v->url), 1);
        v->events = ee_codec_u32_within(k, v->events, 1, EE_EVENTS_ALL);
        ee_codec_text(k, v->label, sizeof(v->label), 0);
        ee_codec_raw(k, v->secret_hash, sizeof(v->secret_hash));
    } else if (v->op == EE_WEBHOOK_ALERT) {
        v->below = ee_codec_money(k, v->below, 0);
        v->runway_below_s = ee_codec_u32(k, v->runway_below_s);
    }
}

static void policy_change(struct ee_codec *k, struct ee_policy_change *v)
{
    struct ee_attest_policy checked;
    v->number = ee_codec_u64(k, v->number);
    v->policy = ee_codec_block(k, v->policy, EE_POLICY_BYTES_MAX);
    if (!ee_codec_failed(k)) {
        enum ee_err err = ee_attest_policy_decode(v->policy, &checked);
        if (err != EE_OK)
            ee_codec_fail(k, err);
    }
    ee_codec_raw(k, v->signature, sizeof(v->signature));
}

static void recovery(struct ee_codec *k, struct ee_recovery *v)
{
    v->epoch = ee_codec_u64(k, v->epoch);
    v->time_s = ee_codec_u64(k, v->time_s);
    v->lost_size = ee_codec_u64(k, v->lost_size);
    ee_codec_raw(k, v->lost_root, sizeof(v->lost_root));
    ee_codec_raw(k, v->lost_note_hash, sizeof(v->lost_note_hash));
    v->restored_size = ee_codec_u64(k, v->restored_size);
    ee_codec_raw(k, v->restored_root, sizeof(v->restored_root));
    if (v->restored_size == 0 || v->restored_size >= v->lost_size)
        ee_codec_fail(k, EE_RANGE);
    ee_codec_text(k, v->reason, sizeof(v->reason), 1);
    ee_codec_raw(k, v->signature, sizeof(v->signature));
}

static void checkpoint_key(struct ee_codec *k, struct ee_checkpoint_key *v)
{
    v->number = ee_codec_u64(k, v->number);
    ee_codec_raw(k, v->old_key, sizeof(v->old_key));
    ee_codec_raw(k, v->new_key, sizeof(v->new_key));
    ee_codec_raw(k, v->evidence_hash, sizeof(v->evidence_hash));
    v->signer = (enum ee_succession_signer)ee_codec_enum(k, v->signer, EE_SUCCESSION_BY_KEY,
                                                         EE_SUCCESSION_BY_FOUNDING);
    if (v->signer == EE_SUCCESSION_BY_KEY &&
        ee_bytes_all_zero(v->evidence_hash, sizeof(v->evidence_hash)))
        ee_codec_fail(k, EE_RANGE);
    if (memcmp(v->old_key, v->new_key, sizeof(v->new_key)) == 0)
        ee_codec_fail(k, EE_RANGE);
    ee_codec_raw(k, v->signature, sizeof(v->signature));
}

static void liabilities(struct ee_codec *k, struct ee_liabilities *v)
{
    v->of_seq = ee_codec_u64(k, v->of_seq);
    v->count = ee_codec_u64(k, v->count);
    v->total = ee_codec_money(k, v->total, 0);
    ee_codec_raw(k, v->root, sizeof(v->root));
    if (v->of_seq == 0 &&
        (v->count != 0 || v->total.micros != 0 || !ee_bytes_all_zero(v->root, sizeof(v->root))))
        ee_codec_fail(k, EE_RANGE);
}

static void placement_row(struct ee_codec *k, struct ee_placement_row *v)
{
    ee_codec_name(k, v->node);
    v->price_nanos = ee_codec_i64_least(k, v->price_nanos, 0);
    v->free_vcpus = ee_codec_u32(k, v->free_vcpus);
    v->reason =
        (enum ee_placement_reason)ee_codec_enum(k, v->reason, EE_PLACE_CHOSEN, EE_PLACE_SAME_APP);
}

static void reserve_result(struct ee_codec *k, struct ee_reserve_result *v)
{
    ee_codec_raw(k, v->lease, sizeof(v->lease));
    ee_codec_name_or_empty(k, v->node); /* empty: refused */
    v->price_nanos = ee_codec_i64_least(k, v->price_nanos, 0);
    v->lock = ee_codec_money(k, v->lock, 0);
    ee_codec_raw(k, v->deployment_hash, sizeof(v->deployment_hash));
    v->row_count = ee_codec_u32(k, v->row_count);
    for (uint32_t i = 0; i < v->row_count && i < EE_EXPLAIN_MAX; i++)
        placement_row(k, &v->rows[i]);
}

static void settle_result(struct ee_codec *k, struct ee_settle_result *v)
{
    ee_codec_name(k, v->launcher);
    ee_codec_name(k, v->operator_name);
    ee_codec_name(k, v->node);
    ee_codec_name(k, v->app);
    v->starts_us = ee_codec_u64(k, v->starts_us);
    v->ends_us = ee_codec_u64(k, v->ends_us);
    v->verdict =
        (enum ee_verdict_kind)ee_codec_enum(k, v->verdict, EE_VERDICT_NONE, EE_VERDICT_VOID);
    v->reason = (enum ee_fail_reason)ee_codec_enum(k, v->reason, EE_FAIL_NONE, EE_FAIL_INELIGIBLE);
    v->locked = ee_codec_money(k, v->locked, 0);
    v->paid = ee_codec_money(k, v->paid, 0);
    v->refunded = ee_codec_money(k, v->refunded, 0);
    struct ee_money sum = {0};
    if (ee_money_add(v->paid, v->refunded, &sum) != EE_OK || sum.micros != v->locked.micros)
        ee_codec_fail(k, EE_RANGE);
}

static void balance_result(struct ee_codec *k, struct ee_balance_result *v)
{
    ee_codec_name(k, v->account);
    v->available = ee_codec_money(k, v->available, 0);
    v->locked = ee_codec_money(k, v->locked, 0);
}

static void redeem_result(struct ee_codec *k, struct ee_redeem_result *v)
{
    ee_codec_raw(k, v->redemption, sizeof(v->redemption));
    ee_codec_name(k, v->account);
    v->amount = ee_codec_money(k, v->amount, 1);
    v->available = ee_codec_money(k, v->available, 0);
}

static void tick_result(struct ee_codec *k, struct ee_tick_result *v)
{
    v->lock_count = ee_codec_count(k, v->lock_count, EE_TICK_LOCKS_MAX);
    for (uint32_t i = 0; i < v->lock_count; i++) {
        struct ee_tick_lock *lock = &v->locks[i];
        ee_codec_raw(k, lock->lease, sizeof(lock->lease));
        lock->period = ee_codec_u32(k, lock->period);
        lock->amount = ee_codec_money(k, lock->amount, 0);
    }
}

static void liabilities_result(struct ee_codec *k, struct ee_liabilities_result *v)
{
    struct ee_money sum = {0};
    v->of_seq = ee_codec_u64(k, v->of_seq);
    v->of_time_us = ee_codec_u64(k, v->of_time_us);
    v->count = ee_codec_u64(k, v->count);
    v->total = ee_codec_money(k, v->total, 0);
    v->cash = ee_codec_money(k, v->cash, 0);
    v->house = ee_codec_money(k, v->house, INT64_MIN);
    if (ee_money_add(v->total, v->house, &sum) != EE_OK || sum.micros != v->cash.micros)
        ee_codec_fail(k, EE_RANGE);
}

static void limit_result(struct ee_codec *k, struct ee_limit_result *v)
{
    ee_codec_name(k, v->account);
    v->amount = ee_codec_money(k, v->amount, 0);
    v->until_us = ee_codec_u64(k, v->until_us);
}

static void domain_text(struct ee_codec *k, char domain[EE_DOMAIN_MAX + 1])
{
    ee_codec_text(k, domain, EE_DOMAIN_MAX + 1, 1);
    if (!ee_codec_failed(k) && !ee_domain_valid(domain))
        ee_codec_fail(k, EE_SYNTAX);
}

static void app_domain(struct ee_codec *k, struct ee_app_domain *v)
{
    v->add = ee_codec_bool(k, v->add);
    ee_codec_name(k, v->app);
    domain_text(k, v->domain);
}

static void domain_word(struct ee_codec *k, struct ee_domain_word *v)
{
    ee_codec_name(k, v->app);
    domain_text(k, v->domain);
    ee_codec_raw(k, v->nonce, sizeof(v->nonce));
    v->proven = ee_codec_bool(k, v->proven);
    ee_codec_raw(k, v->seen_hash, sizeof(v->seen_hash));
}

static void topup_result(struct ee_codec *k, struct ee_topup_result *v)
{
    ee_codec_raw(k, v->order, sizeof(v->order));
    ee_codec_name(k, v->account);
    v->amount = ee_codec_money(k, v->amount, 1);
}

static void payment_result(struct ee_codec *k, struct ee_payment_result *v)
{
    ee_codec_text(k, v->payment, sizeof(v->payment), 1);
    ee_codec_name_or_empty(k, v->account);
    v->trouble = ee_codec_u32_within(k, v->trouble, 0, EE_TROUBLE_ALL);
    v->minted = ee_codec_money(k, v->minted, 0);
    v->charged_back = ee_codec_money(k, v->charged_back, 0);
}

static void webhook_result(struct ee_codec *k, struct ee_webhook_result *v)
{
    v->slot = (uint8_t)ee_codec_u32_within(k, v->slot, 0, EE_WEBHOOKS_PER_ACCOUNT);
}

/* Both directions of each; a document starts with the label "ee-NAME", version 1. */
#define EE_ROW(name)                                                                               \
    enum ee_err ee_##name##_encode(const struct ee_##name *in, struct ee_writer *out)              \
    {                                                                                              \
        struct ee_##name copy = *in;                                                               \
        struct ee_codec k = ee_codec_writer(out);                                                  \
        ee_codec_label(&k, "ee-" #name, 1);                                                        \
        name(&k, &copy);                                                                           \
        return ee_codec_end(&k);                                                                   \
    }                                                                                              \
    enum ee_err ee_##name##_decode(struct ee_bytes bytes, struct ee_##name *out)                   \
    {                                                                                              \
        struct ee_##name value;                                                                    \
        memset(&value, 0, sizeof(value));                                                          \
        struct ee_codec k = ee_codec_reader(bytes);                                                \
        ee_codec_label(&k, "ee-" #name, 1);                                                        \
        name(&k, &value);                                                                          \
        EE_TRY(ee_codec_end(&k));                                                                  \
        *out = value;                                                                              \
        return EE_OK;                                                                              \
    }
EE_PAYLOADS(EE_ROW)
EE_RESULTS(EE_ROW)
#undef EE_ROW
