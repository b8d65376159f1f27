/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/evidence.h"

#include <string.h>

#include "attest/cache.h"
#include "attest/eventlog.h"

#include "base/banned.h"

static enum ee_err own_collateral(const struct ee_evidence *evidence,
                                  const struct ee_evidence_policy *policy, uint8_t *scratch,
                                  size_t scratch_size, struct ee_collateral *out)
{
    if (!policy->allow_own_collateral || evidence->collateral.size == 0)
        return EE_MISSING_FIELD;
    if (scratch_size < evidence->collateral.size)
        return EE_TOO_LARGE;
    return ee_attest_reason_err(
        ee_attest_collateral_decode(evidence->collateral, scratch, scratch_size, out));
}

/* Chain, collateral, signatures; then what no policy may change. */
static enum ee_err check_quote(const struct ee_crypto *crypto, const struct ee_evidence *evidence,
                               const struct ee_evidence_policy *policy, uint8_t *scratch,
                               size_t scratch_size, struct ee_verdict *out)
{
    struct ee_collateral own;
    struct ee_verify_input input = {.quote = evidence->quote,
                                    .collateral = policy->collateral,
                                    .roots = policy->roots,
                                    .root_count = policy->root_count,
                                    .time_s = policy->time_s};
    struct ee_verify_cache *cache = policy->cache;
    if (!input.collateral) {
        EE_TRY(own_collateral(evidence, policy, scratch, scratch_size, &own));
        input.collateral = &own;
        cache = NULL; /* a stranger's collateral displaces nothing */
    }
    EE_TRY(ee_attest_verify_cached(crypto, cache, &input, out));
    if (out->trailing_size != 0) /* unsigned bytes: the same quote would have many encodings */
        return EE_TRAILING;
    if (!out->root_production && !policy->allow_simulated)
        return EE_SIMULATED_REFUSED;
    /* Profiling is debugging by another name: any of these bits makes the TD untrusted. */
    return out->td.attributes & EE_TD_TUD_MASK ? EE_DEBUG_TD : EE_OK;
}

enum ee_err ee_evidence_report_data_check(const struct ee_crypto *crypto,
                                          const struct ee_evidence *evidence,
                                          const uint8_t report_data[EE_REPORT_DATA_SIZE])
{
    struct ee_tlog_hash root;
    uint8_t expected[EE_REPORT_DATA_SIZE];
    enum ee_err err = ee_freshness_root(crypto, &evidence->nonce, evidence->index, evidence->size,
                                        evidence->path, evidence->path_count, &root);
    if (err != EE_OK)
        return err == EE_PROOF ? EE_NOT_FRESH : err;
    ee_freshness_report_data(crypto, evidence->claims, &root, expected);
    if (memcmp(expected, report_data, EE_SHA256_SIZE) != 0)
        return EE_NOT_BOUND;
    if (memcmp(expected + EE_SHA256_SIZE, report_data + EE_SHA256_SIZE, EE_SHA256_SIZE) != 0)
        return EE_NOT_FRESH;
    return EE_OK;
}

/* RTMR3 is either explained by the agent's log or was never extended. */
static enum ee_err check_log(const struct ee_crypto *crypto, const struct ee_evidence *evidence,
                             const struct ee_evidence_policy *policy, const struct ee_td_report *td,
                             struct ee_evidence_log *out, struct ee_finding *finding)
{
    struct ee_eventlog log;
    if (evidence->event_log.size == 0) {
        if (policy->allow_unlogged || ee_bytes_all_zero(td->rtmr[3], sizeof(td->rtmr[3])))
            return EE_OK;
        *finding = (struct ee_finding){.reason = EE_REASON_EVENTLOG_MISSING, .have = 3};
        return EE_EVENT_LOG;
    }
    enum ee_reason reason =
        ee_eventlog_open(&log, crypto, EE_EVENTLOG_AGENT, evidence->event_log, NULL, 0);
    if (reason == EE_REASON_NONE)
        reason = ee_eventlog_match(&log, td, NULL);
    if (reason != EE_REASON_NONE) {
        *finding = log.failure;
        return EE_EVENT_LOG;
    }
    *out = (struct ee_evidence_log){.present = true,
                                    .complete = log.complete,
                                    .first_sequence = log.first_sequence,
                                    .event_count = log.event_count};
    return EE_OK;
}

static enum ee_err check_membership(const struct ee_claims *claims,
                                    const struct ee_evidence_policy *policy)
{
    if (memcmp(claims->network_id, policy->network_id, sizeof(claims->network_id)) != 0)
        return EE_WRONG_NETWORK;
    return claims->role == policy->role ? EE_OK : EE_WRONG_ROLE;
}

static enum ee_err check_binding(const struct ee_evidence *evidence, const struct ee_claims *claims,
                                 const struct ee_evidence_policy *policy)
{
    if (policy->identity && memcmp(claims->identity, policy->identity, 32) != 0)
        return EE_WRONG_IDENTITY;
    if (policy->nonce_kind != EE_NONCE_ANY &&
        memcmp(&evidence->nonce, &policy->nonce, sizeof(policy->nonce)) != 0)
        return EE_NOT_FRESH;
    if (policy->tls_key_hash && memcmp(claims->tls_key_hash, policy->tls_key_hash, 32) != 0)
        return EE_NOT_BOUND;
    return EE_OK;
}

static enum ee_err check_tcb(const struct ee_attest_policy *policy, struct ee_evidence_verdict *out)
{
    struct ee_policy_decision decision;
    enum ee_err err = ee_attest_policy_decide(policy, &out->quote, &decision);
    out->rule = decision.rule;
    out->finding = decision.finding;
    return err;
}

static enum ee_evidence_proof proof_of(const struct ee_evidence_policy *policy)
{
    if (policy->nonce_kind == EE_NONCE_CHANNEL)
        return EE_EVIDENCE_CHANNEL_BOUND;
    if (policy->nonce_kind == EE_NONCE_CALLER && policy->tls_key_hash)
        return EE_EVIDENCE_KEY_BOUND;
    return EE_EVIDENCE_VALID;
}

static void measurement_of(const struct ee_td_report *td, struct ee_measurement *out)
{
    memcpy(out->mrtd, td->mrtd, sizeof(out->mrtd));
    for (size_t i = 0; i < 3; i++)
        memcpy(out->rtmr[i], td->rtmr[i], sizeof(out->rtmr[i]));
}

enum ee_err ee_evidence_verify(const struct ee_crypto *crypto, const struct ee_evidence *evidence,
                               const struct ee_evidence_policy *policy, uint8_t *scratch,
                               size_t scratch_size, struct ee_evidence_verdict *out)
{
    struct ee_claims claims;
    struct ee_measurement measurement;
    memset(out, 0, sizeof(*out));
    EE_TRY(ee_claims_decode(evidence->claims, &claims));
    EE_TRY(check_quote(crypto, evidence, policy, scratch, scratch_size, &out->quote));
    EE_TRY(ee_evidence_report_data_check(crypto, evidence, out->quote.td.report_data));
    EE_TRY(check_membership(&claims, policy));
    measurement_of(&out->quote.td, &measurement);
    const struct ee_measurement_allowed *allowed = ee_measurement_find(
        crypto, policy->allowed, policy->allowed_count, policy->role, &measurement);
    if (!allowed)
        return EE_MEASUREMENT;
    struct ee_evidence_log log = {.present = false};
    EE_TRY(check_log(crypto, evidence, policy, &out->quote.td, &log, &out->finding));
    const struct ee_attest_policy *tcb = policy->tcb ? policy->tcb : &ee_attest_policy_network;
    EE_TRY(check_tcb(tcb, out));
    EE_TRY(check_binding(evidence, &claims, policy));
    out->proof = proof_of(policy);
    out->simulated = !out->quote.root_production;
    out->claims = claims;
    out->measurement = measurement;
    out->allowed = allowed;
    out->log = log;
    return EE_OK;
}
