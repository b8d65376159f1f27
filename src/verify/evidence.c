/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/state.h"

#include <string.h>

#include "verify/backend.h"
#include "base/banned.h"

enum {
    REQUEST_SIZE_MIN = sizeof(struct ee_verify_evidence_request),
    ID_SIZE = 32,
};

/* One verification in progress. */
struct work {
    const struct ee_crypto *crypto;
    struct ee_verify_context *context;
    struct ee_verify_evidence_request request;
    struct ee_evidence evidence;
    struct ee_evidence_policy policy;
    struct ee_measurement_allowed allowed; /* the row of the request that the quote claims to be */
    uint32_t measurement_index;
};

static enum ee_err request_check(const struct ee_verify_evidence_request *r)
{
    if (!r->network_id || !r->measurements)
        return EE_MISSING_FIELD;
    if (r->role < 0 || !ee_role_valid((unsigned)r->role) || r->nonce_kind < EE_VERIFY_NONCE_ANY ||
        r->nonce_kind > EE_VERIFY_NONCE_CHANNEL)
        return EE_RANGE;
    if (r->nonce_kind != EE_VERIFY_NONCE_ANY && !r->nonce)
        return EE_MISSING_FIELD;
    return r->evidence_size > EE_EVIDENCE_TEXT_MAX ? EE_TOO_LARGE : EE_OK;
}

/* The policy's list is ours to build, so it holds the one row that can match. The check is
 * ee_evidence_verify's, on the same bytes, in its place. */
static void measurement_choose(struct work *w)
{
    struct ee_quote quote;
    struct ee_measurement measurement;
    const struct ee_verify_evidence_request *r = &w->request;
    if (ee_attest_quote_decode(w->evidence.quote, &quote, NULL) != EE_REASON_NONE)
        return;
    memcpy(measurement.mrtd, quote.td.mrtd, sizeof(measurement.mrtd));
    memcpy(measurement.rtmr, quote.td.rtmr, sizeof(measurement.rtmr));
    ee_measurement_digest(w->crypto, &measurement, w->allowed.digest);
    w->allowed.role = (enum ee_role)r->role;
    for (size_t i = 0; i < r->measurement_count && w->policy.allowed_count == 0; i++) {
        w->measurement_index = (uint32_t)i;
        if (memcmp(r->measurements + i * EE_SHA256_SIZE, w->allowed.digest, EE_SHA256_SIZE) == 0)
            w->policy.allowed_count = 1;
    }
}

static void policy_make(struct work *w)
{
    const struct ee_verify_evidence_request *r = &w->request;
    struct ee_evidence_policy *p = &w->policy;
    p->roots = (const uint8_t(*)[EE_P256_POINT_SIZE])w->context->roots;
    p->root_count = w->context->root_count;
    p->allow_simulated = r->allow_simulated;
    p->time_s = r->time_s;
    p->allow_own_collateral = !r->collateral;
    p->cache = &w->context->cache;
    memcpy(p->network_id, r->network_id, ID_SIZE);
    p->role = (enum ee_role)r->role;
    p->allowed = &w->allowed;
    p->tcb = ee_verify_policy_rules(r->policy, &ee_attest_policy_network);
    p->nonce_kind = (enum ee_evidence_nonce_kind)r->nonce_kind;
    if (r->nonce)
        memcpy(p->nonce.bytes, r->nonce, sizeof(p->nonce.bytes));
    p->tls_key_hash = r->tls_key_hash;
    p->identity = r->identity;
}

/* Ours, else what the evidence brings; with neither ee_evidence_verify says what is missing. */
static enum ee_reason collateral_choose(struct work *w)
{
    const struct ee_verify_evidence_request *r = &w->request;
    struct ee_bytes bytes =
        r->collateral ? ee_bytes_of(r->collateral, r->collateral_size) : w->evidence.collateral;
    return bytes.size == 0 && !r->collateral
               ? EE_REASON_NONE
               : ee_verify_context_collateral(w->context, bytes, &w->policy.collateral);
}

/* What is wrong with the request or the document's form; then the quote was not looked at. */
static enum ee_err evidence_open(struct work *w)
{
    const struct ee_verify_evidence_request *r = &w->request;
    EE_TRY(request_check(r));
    EE_TRY(ee_evidence_decode(w->crypto, ee_bytes_of(r->evidence, r->evidence_size), r->memory,
                              r->memory_size, &w->evidence));
    policy_make(w);
    return EE_OK;
}

static void evidence_check(struct work *w, struct ee_verify_result *result)
{
    struct ee_evidence_verdict *verdict = &result->evidence;
    enum ee_reason reason = collateral_choose(w);
    if (reason != EE_REASON_NONE) {
        ee_verify_result_unreadable(result, reason);
        ee_verify_result_decide(result);
        return;
    }
    measurement_choose(w);
    enum ee_err err = ee_evidence_verify(w->crypto, &w->evidence, &w->policy, NULL, 0, verdict);
    verdict->allowed = NULL; /* it was ours */
    verdict->quote.time_s = w->request.time_s;
    result->measurement_index = w->measurement_index;
    /* The quote's own failures are in its verdict; a finding is of the event log or of the policy,
     * which is asked again for all that it has to say. */
    bool by_policy = verdict->finding.reason != EE_REASON_NONE && err != EE_EVENT_LOG;
    if (err != EE_OK && verdict->quote.err == EE_OK && !by_policy)
        ee_verify_result_refuse(result, err, &verdict->finding);
    ee_verify_result_decide(result);
}

int ee_verify_evidence_part(const void *evidence, size_t evidence_size, int part, void *memory,
                            size_t memory_size, const uint8_t **out, size_t *size_out)
{
    struct ee_evidence decoded;
    enum ee_err err = ee_evidence_decode(ee_verify_backend(), ee_bytes_of(evidence, evidence_size),
                                         memory, memory_size, &decoded);
    if (err != EE_OK)
        return (int)err;
    const struct ee_bytes parts[] = {
        [EE_VERIFY_PART_QUOTE] = decoded.quote,
        [EE_VERIFY_PART_CLAIMS] = decoded.claims,
        [EE_VERIFY_PART_EVENT_LOG] = decoded.event_log,
        [EE_VERIFY_PART_COLLATERAL] = decoded.collateral,
    };
    if (part < EE_VERIFY_PART_QUOTE || part > EE_VERIFY_PART_COLLATERAL)
        return EE_VERIFY_ERROR_RANGE;
    *out = parts[part].data;
    *size_out = parts[part].size;
    return EE_VERIFY_OK;
}

int ee_verify_evidence(struct ee_verify_context *context,
                       const struct ee_verify_evidence_request *request,
                       struct ee_verify_result *result)
{
    struct work w = {.crypto = ee_verify_backend(), .context = context};
    struct ee_verify_evidence_request *r = &w.request;
    if (!ee_verify_sized_read(request, r, sizeof(*r), REQUEST_SIZE_MIN)) {
        ee_verify_result_begin(result, 0, NULL);
        ee_verify_result_refuse(result, EE_RANGE, NULL);
        return (int)result->err;
    }
    ee_verify_result_begin(result, r->time_s,
                           ee_verify_policy_rules(r->policy, &ee_attest_policy_network));
    result->is_evidence = true;
    enum ee_err err = evidence_open(&w);
    if (err == EE_OK)
        evidence_check(&w, result);
    else
        ee_verify_result_refuse(result, err, NULL);
    return (int)result->err;
}
