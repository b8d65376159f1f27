/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/state.h"

#include <string.h>

#include "base/banned.h"

size_t ee_verify_result_size(void)
{
    return sizeof(struct ee_verify_result);
}

struct ee_verify_result *ee_verify_result_init(void *memory, size_t memory_size)
{
    struct ee_verify_result *result = memory;
    if (!ee_verify_memory_fits(memory, memory_size, sizeof(*result)))
        return NULL;
    memset(result, 0, sizeof(*result));
    return result;
}

void ee_verify_result_begin(struct ee_verify_result *result, int64_t time_s,
                            const struct ee_attest_policy *policy)
{
    memset(result, 0, sizeof(*result));
    result->ran = true;
    result->evidence.quote.time_s = time_s;
    if (policy)
        result->policy = *policy;
}

static void refused(struct ee_verify_result *result, enum ee_err err, enum ee_verify_refuser by)
{
    if (err == EE_OK || result->err != EE_OK)
        return;
    result->err = err;
    result->refuser = by;
}

void ee_verify_result_refuse(struct ee_verify_result *result, enum ee_err err,
                             const struct ee_finding *finding)
{
    result->other_err = err;
    if (finding)
        result->other = *finding;
    refused(result, err, EE_VERIFY_BY_OTHER);
}

void ee_verify_result_unreadable(struct ee_verify_result *result, enum ee_reason reason)
{
    struct ee_verdict *verdict = &result->evidence.quote;
    verdict->reason = reason;
    verdict->err = ee_attest_reason_err(reason);
    verdict->findings[0].reason = reason;
    verdict->finding_count = 1;
}

void ee_verify_result_decide(struct ee_verify_result *result)
{
    const struct ee_verdict *verdict = &result->evidence.quote;
    if (verdict->err == EE_OK && !verdict->quote_decoded)
        return; /* something else refused before the quote was looked at */
    enum ee_err err = ee_attest_policy_decide(&result->policy, verdict, &result->decision);
    refused(result, verdict->err, EE_VERIFY_BY_QUOTE);
    refused(result, err, EE_VERIFY_BY_POLICY);
}

static bool held(const struct ee_verify_result *result)
{
    return result->ran && result->err == EE_OK;
}

int ee_verify_result_error(const struct ee_verify_result *result)
{
    return result->ran ? (int)result->err : EE_VERIFY_ERROR_STATE;
}

int ee_verify_result_status(const struct ee_verify_result *result)
{
    return (int)result->evidence.quote.status;
}

uint32_t ee_verify_result_flags(const struct ee_verify_result *result)
{
    return result->evidence.quote.flags;
}

const uint8_t *ee_verify_result_register(const struct ee_verify_result *result, int which)
{
    const struct ee_td_report *td = &result->evidence.quote.td;
    const uint8_t *const registers[] = {
        [EE_VERIFY_REGISTER_MRTD] = td->mrtd,
        [EE_VERIFY_REGISTER_RTMR0] = td->rtmr[0],
        [EE_VERIFY_REGISTER_RTMR1] = td->rtmr[1],
        [EE_VERIFY_REGISTER_RTMR2] = td->rtmr[2],
        [EE_VERIFY_REGISTER_RTMR3] = td->rtmr[3],
        [EE_VERIFY_REGISTER_MRCONFIGID] = td->mrconfigid,
        [EE_VERIFY_REGISTER_MROWNER] = td->mrowner,
        [EE_VERIFY_REGISTER_MROWNERCONFIG] = td->mrownerconfig,
        [EE_VERIFY_REGISTER_MRSEAM] = td->mrseam,
        [EE_VERIFY_REGISTER_MRSIGNERSEAM] = td->mrsignerseam,
        [EE_VERIFY_REGISTER_MRSERVICETD] = td->mrservicetd,
    };
    if (!held(result) || which < 0 || (size_t)which >= sizeof(registers) / sizeof(registers[0]))
        return NULL;
    return registers[which];
}

const uint8_t *ee_verify_result_report_data(const struct ee_verify_result *result)
{
    return held(result) ? result->evidence.quote.td.report_data : NULL;
}

const uint8_t *ee_verify_result_ppid(const struct ee_verify_result *result)
{
    return held(result) ? result->evidence.quote.platform.ppid : NULL;
}

const uint8_t *ee_verify_result_fmspc(const struct ee_verify_result *result)
{
    return held(result) ? result->evidence.quote.platform.fmspc : NULL;
}

bool ee_verify_result_production(const struct ee_verify_result *result)
{
    return held(result) && result->evidence.quote.root_production;
}

size_t ee_verify_result_quote_size(const struct ee_verify_result *result)
{
    return held(result) ? result->evidence.quote.quote_size : 0;
}

int64_t ee_verify_result_valid_until(const struct ee_verify_result *result)
{
    return held(result) ? result->evidence.quote.collateral_expires_s : 0;
}

int ee_verify_result_proof(const struct ee_verify_result *result)
{
    return held(result) && result->is_evidence ? (int)result->evidence.proof : EE_VERIFY_PROOF_NONE;
}

int ee_verify_result_statement(const struct ee_verify_result *result,
                               struct ee_verify_statement *out)
{
    const struct ee_claims *claims = &result->evidence.claims;
    struct ee_verify_statement s = {.role = (int32_t)claims->role,
                                    .vcpus = claims->vcpus,
                                    .ledger_size = claims->ledger_size,
                                    .epoch = claims->epoch,
                                    .measurement_index = result->measurement_index,
                                    .log_present = result->evidence.log.present,
                                    .log_complete = result->evidence.log.complete};
    if (!held(result) || !result->is_evidence)
        return EE_VERIFY_ERROR_NOT_FOUND;
    memcpy(s.network_id, claims->network_id, sizeof(s.network_id));
    memcpy(s.identity, claims->identity, sizeof(s.identity));
    memcpy(s.tls_key_hash, claims->tls_key_hash, sizeof(s.tls_key_hash));
    memcpy(s.sealing_key, claims->sealing_key, sizeof(s.sealing_key));
    memcpy(s.checkpoint_key, claims->checkpoint_key, sizeof(s.checkpoint_key));
    memcpy(s.ledger_root, claims->ledger_root, sizeof(s.ledger_root));
    memcpy(s.node_name, claims->node_name, sizeof(claims->node_name));
    memcpy(s.software_version, claims->software_version, sizeof(claims->software_version));
    return ee_verify_sized_write(out, &s, sizeof(s), sizeof(s)) ? EE_VERIFY_OK
                                                                : EE_VERIFY_ERROR_RANGE;
}
