/* SPDX-License-Identifier: Apache-2.0 */
#include "client/evidence.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "client/json.h"
#include "io/clock.h"
#include "io/crypto_openssl.h"

#include "base/banned.h"

const char *ee_client_proof_name(enum ee_evidence_proof proof)
{
    switch (proof) {
    case EE_EVIDENCE_VALID:
        return "valid";
    case EE_EVIDENCE_KEY_BOUND:
        return "key-bound";
    case EE_EVIDENCE_CHANNEL_BOUND:
        return "channel-bound";
    }
    return "none";
}

const char *ee_client_time_source_text(enum ee_client_time_source source)
{
    switch (source) {
    case EE_CLIENT_TIME_NOW:
        return "now";
    case EE_CLIENT_TIME_GIVEN:
        return "given";
    case EE_CLIENT_TIME_RECORDED:
        return "recorded";
    case EE_CLIENT_TIME_COLLATERAL:
        return "collateral";
    }
    return "unknown";
}

/* The sentence that explains a refusal best. */
static void explain(struct ee_client_problem *problem, enum ee_err err,
                    const struct ee_evidence_verdict *verdict)
{
    char text[EE_FINDING_TEXT_SIZE], sentence[EE_POLICY_SENTENCE_SIZE], digest[65];
    uint8_t bytes[32];
    struct ee_measurement measurement;
    if (verdict->quote.err != EE_OK && verdict->quote.finding_count > 0) {
        (void)ee_client_fail(problem, err, "%s",
                             ee_attest_finding_text(&verdict->quote.findings[0], text));
    } else if (err == EE_EVENT_LOG) {
        (void)ee_client_fail(problem, err, "%s", ee_attest_finding_text(&verdict->finding, text));
    } else if (verdict->finding.reason != EE_REASON_NONE) {
        (void)ee_client_fail(
            problem, err, "%s",
            ee_attest_policy_refusal_text(verdict->rule, &verdict->finding, sentence));
    } else if (err == EE_MEASUREMENT) {
        memcpy(measurement.mrtd, verdict->quote.td.mrtd, sizeof(measurement.mrtd));
        for (size_t i = 0; i < 3; i++)
            memcpy(measurement.rtmr[i], verdict->quote.td.rtmr[i], sizeof(measurement.rtmr[i]));
        ee_measurement_digest(&ee_crypto_openssl, &measurement, bytes);
        (void)ee_client_fail(problem, err, "the measurement %s is not in the allow-list",
                             ee_hex_encode(bytes, sizeof(bytes), digest));
    } else if (ee_err_class(err) == EE_CLASS_INPUT) {
        (void)ee_client_fail(problem, err, "this is no intact evidence document: %s",
                             ee_err_text(err));
    } else {
        (void)ee_client_fail(problem, err, "%s", ee_err_text(err));
    }
}

static enum ee_err judge(const struct ee_evidence *evidence, struct ee_evidence_policy *policy,
                         uint8_t *scratch, struct ee_client_judged *out)
{
    policy->allow_own_collateral = true;
    EE_TRY(ee_evidence_verify(&ee_crypto_openssl, evidence, policy, scratch,
                              evidence->collateral.size, &out->verdict));
    (void)snprintf(out->label, sizeof(out->label), "%s", out->verdict.allowed->label);
    out->verdict.allowed = NULL;
    ee_measurement_digest(&ee_crypto_openssl, &out->verdict.measurement, out->measurement);
    return EE_OK;
}

static void refuse(struct ee_client_problem *problem, enum ee_err err,
                   const struct ee_evidence_verdict *verdict)
{
    explain(problem, err, verdict);
    if (ee_err_class(err) != EE_CLASS_SYSTEM)
        problem->exit_code = ee_err_exit_code(EE_QUOTE);
}

enum ee_err ee_client_evidence_judge_parsed(struct ee_client_problem *problem,
                                            const struct ee_evidence *evidence,
                                            struct ee_evidence_policy *policy,
                                            struct ee_client_judged *out)
{
    uint8_t *scratch = malloc(evidence->collateral.size + 1);
    out->time_s = policy->time_s;
    enum ee_err err = scratch ? judge(evidence, policy, scratch, out) : EE_NO_MEMORY;
    free(scratch);
    if (err != EE_OK)
        refuse(problem, err, &out->verdict);
    return err;
}

enum ee_err ee_client_evidence_judge(struct ee_client_problem *problem, struct ee_bytes text,
                                     struct ee_evidence_policy *policy,
                                     struct ee_client_judged *out)
{
    memset(out, 0, sizeof(*out));
    out->time_s = policy->time_s;
    if (text.size == 0 || text.size > EE_EVIDENCE_TEXT_MAX) {
        (void)ee_client_fail(problem, text.size ? EE_TOO_LARGE : EE_TRUNCATED,
                             "this is no evidence document");
        problem->exit_code = ee_err_exit_code(EE_QUOTE);
        return problem->err;
    }
    uint8_t *memory = malloc(text.size);
    struct ee_evidence evidence;
    enum ee_err err =
        memory ? ee_evidence_decode(&ee_crypto_openssl, text, memory, text.size, &evidence)
               : EE_NO_MEMORY;
    if (err == EE_OK)
        err = ee_client_evidence_judge_parsed(problem, &evidence, policy, out);
    else
        refuse(problem, err, &out->verdict);
    free(memory);
    return err;
}

/* ---- collateral ---- */

static enum ee_err complete(struct ee_bytes text, struct ee_bytes donor, uint8_t *memory,
                            uint8_t *donor_memory, struct ee_buffer *out)
{
    struct ee_evidence evidence, other;
    size_t size;
    EE_TRY(ee_evidence_decode(&ee_crypto_openssl, text, memory, text.size, &evidence));
    if (evidence.collateral.size > 0)
        return ee_buffer_append(out, text);
    EE_TRY(ee_evidence_decode(&ee_crypto_openssl, donor, donor_memory, donor.size, &other));
    evidence.collateral = other.collateral;
    size_t capacity = ee_evidence_text_size(&evidence);
    char *whole = malloc(capacity);
    enum ee_err err =
        whole ? ee_evidence_encode(&ee_crypto_openssl, &evidence, whole, capacity, &size)
              : EE_NO_MEMORY;
    if (err == EE_OK)
        err = ee_buffer_append(out, ee_bytes_of(whole, size));
    free(whole);
    return err;
}

enum ee_err ee_client_evidence_complete(struct ee_client_problem *problem, struct ee_bytes text,
                                        struct ee_bytes donor, struct ee_buffer *out)
{
    memset(out, 0, sizeof(*out));
    uint8_t *memory = malloc(text.size + 1), *donor_memory = malloc(donor.size + 1);
    enum ee_err err = EE_NO_MEMORY;
    if (memory && donor_memory)
        err = complete(text, donor, memory, donor_memory, out);
    free(donor_memory);
    free(memory);
    if (err == EE_OK)
        return EE_OK;
    ee_buffer_close(out);
    (void)ee_client_fail(problem, err, "this is no intact evidence document: %s", ee_err_text(err));
    if (ee_err_class(err) != EE_CLASS_SYSTEM)
        problem->exit_code = ee_err_exit_code(EE_QUOTE);
    return err;
}

/* ---- saved documents ---- */

/* The role its claims state; whether that is true the verification says. */
static enum ee_err stated_role(struct ee_bytes text, enum ee_role *out)
{
    struct ee_evidence evidence;
    struct ee_claims claims;
    uint8_t *memory = malloc(text.size ? text.size : 1);
    if (!memory)
        return EE_NO_MEMORY;
    enum ee_err err = ee_evidence_decode(&ee_crypto_openssl, text, memory, text.size, &evidence);
    if (err == EE_OK)
        err = ee_claims_decode(evidence.claims, &claims);
    if (err == EE_OK)
        *out = claims.role;
    free(memory);
    return err;
}

static enum ee_err judge_at(struct ee_client_problem *problem, const struct ee_trust *trust,
                            struct ee_bytes text, enum ee_role role, int64_t time_s,
                            struct ee_client_judged *out)
{
    struct ee_evidence_policy policy;
    ee_trust_policy(trust, role, time_s, &policy);
    policy.nonce_kind = EE_NONCE_ANY;
    return ee_client_evidence_judge(problem, text, &policy, out);
}

enum ee_err ee_client_evidence_judge_saved(struct ee_client_problem *problem,
                                           const struct ee_trust *trust, struct ee_bytes text,
                                           int64_t time_s, struct ee_client_judged *out)
{
    enum ee_role role;
    int64_t now_s = time_s ? time_s : (int64_t)(ee_clock_wall_us() / 1000000);
    enum ee_err err = text.size > EE_EVIDENCE_TEXT_MAX ? EE_TOO_LARGE : stated_role(text, &role);
    if (err != EE_OK) {
        (void)ee_client_fail(problem, err, "this is no intact evidence document: %s",
                             ee_err_text(err));
        problem->exit_code = ee_err_exit_code(EE_QUOTE);
        return err;
    }
    err = judge_at(problem, trust, text, role, now_s, out);
    int64_t issued_s = out->verdict.quote.collateral_issued_s;
    if (err == EE_EXPIRED && !time_s && issued_s > 0) {
        ee_client_problem_clear(problem);
        err = judge_at(problem, trust, text, role, issued_s, out);
        out->time_source = EE_CLIENT_TIME_COLLATERAL;
    } else {
        out->time_source = time_s ? EE_CLIENT_TIME_GIVEN : EE_CLIENT_TIME_NOW;
    }
    return err;
}

/* ---- rendering ---- */

json_t *ee_client_attested_json(const struct ee_client_judged *judged)
{
    json_t *out = json_object();
    (void)json_object_set_new(out, "proof",
                              json_string(ee_client_proof_name(judged->verdict.proof)));
    (void)json_object_set_new(out, "simulated", json_boolean(judged->verdict.simulated));
    (void)json_object_set_new(out, "measurement", json_string(judged->label));
    (void)json_object_set_new(out, "measurement_digest",
                              ee_client_json_hex_new(judged->measurement, 32));
    (void)json_object_set_new(out, "tcb_status",
                              json_string(ee_attest_tcb_status_name(judged->verdict.quote.status)));
    (void)json_object_set_new(out, "software_version",
                              json_string(judged->verdict.claims.software_version));
    return out;
}

static void set_time(json_t *out, const char *name, int64_t time_s)
{
    char text[EE_TIME_TEXT_SIZE];
    (void)json_object_set_new(out, name, json_string(ee_time_format(time_s, text)));
}

static void set_u64(json_t *out, const char *name, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    (void)json_object_set_new(out, name, json_string(text));
}

static void set_ledger(json_t *out, const struct ee_claims *claims)
{
    (void)json_object_set_new(out, "checkpoint_key",
                              ee_client_json_hex_new(claims->checkpoint_key, 32));
    set_u64(out, "ledger_size", claims->ledger_size);
    (void)json_object_set_new(out, "ledger_root", ee_client_json_hex_new(claims->ledger_root, 32));
    set_u64(out, "epoch", claims->epoch);
}

json_t *ee_client_network_claims_json(const struct ee_claims *claims)
{
    json_t *out = json_object();
    (void)json_object_set_new(out, "role", json_string(ee_role_name(claims->role)));
    (void)json_object_set_new(out, "network", ee_client_json_hex_new(claims->network_id, 32));
    (void)json_object_set_new(out, "identity", ee_client_json_hex_new(claims->identity, 32));
    (void)json_object_set_new(out, "tls_key_hash",
                              ee_client_json_hex_new(claims->tls_key_hash, 32));
    if (claims->role == EE_ROLE_AGENT) {
        (void)json_object_set_new(out, "node", json_string(claims->node_name));
        (void)json_object_set_new(out, "sealing_key",
                                  ee_client_json_hex_new(claims->sealing_key, 32));
    }
    if (claims->role == EE_ROLE_CONTROL)
        set_ledger(out, claims);
    (void)json_object_set_new(out, "software_version", json_string(claims->software_version));
    (void)json_object_set_new(out, "vcpus", json_integer(claims->vcpus));
    return out;
}

static json_t *log_json(const struct ee_evidence_log *log)
{
    return log->present
               ? json_pack("{s:b, s:i}", "complete", log->complete, "events", (int)log->event_count)
               : json_null();
}

json_t *ee_client_claims_json(const struct ee_client_judged *judged)
{
    const struct ee_verdict *quote = &judged->verdict.quote;
    json_t *out = ee_client_attested_json(judged);
    json_t *claims = ee_client_network_claims_json(&judged->verdict.claims);
    (void)json_object_update(out, claims);
    json_decref(claims);
    (void)json_object_set_new(out, "event_log", log_json(&judged->verdict.log));
    set_time(out, "verified_at", judged->time_s);
    (void)json_object_set_new(out, "verified_at_source",
                              json_string(ee_client_time_source_text(judged->time_source)));
    set_time(out, "collateral_issued_at", quote->collateral_issued_s);
    set_time(out, "collateral_expires_at", quote->collateral_expires_s);
    return out;
}
