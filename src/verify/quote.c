/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/state.h"

#include <string.h>

#include "verify/backend.h"
#include "base/banned.h"

/* What a first version of the library knew; later members come behind. */
enum { REQUEST_SIZE_MIN = sizeof(struct ee_verify_quote_request) };

/* Everything the quote itself must hold. */
static enum ee_err quote_check(struct ee_verify_context *context,
                               const struct ee_verify_quote_request *request,
                               struct ee_verify_result *result)
{
    const struct ee_collateral *collateral = NULL;
    struct ee_verdict *verdict = &result->evidence.quote;
    enum ee_reason reason = ee_verify_context_collateral(
        context, ee_bytes_of(request->collateral, request->collateral_size), &collateral);
    if (reason != EE_REASON_NONE) {
        const struct ee_finding finding = {.reason = reason};
        ee_verify_result_refuse(result, ee_attest_reason_err(reason), &finding);
        return result->err;
    }
    const struct ee_verify_input input = {.quote = ee_bytes_of(request->quote, request->quote_size),
                                          .collateral = collateral,
                                          .roots =
                                              (const uint8_t(*)[EE_P256_POINT_SIZE])context->roots,
                                          .root_count = context->root_count,
                                          .time_s = request->time_s};
    result->err = ee_attest_verify(ee_verify_backend(), &input, verdict);
    return result->err;
}

int ee_verify_quote(struct ee_verify_context *context,
                    const struct ee_verify_quote_request *request, struct ee_verify_result *result)
{
    struct ee_verify_quote_request r;
    struct ee_finding finding;
    if (!ee_verify_sized_read(request, &r, sizeof(r), REQUEST_SIZE_MIN)) {
        ee_verify_result_begin(result, 0, NULL);
        ee_verify_result_refuse(result, EE_RANGE, NULL);
        return (int)result->err;
    }
    const struct ee_attest_policy *policy =
        ee_verify_policy_rules(r.policy, &ee_attest_policy_strict);
    ee_verify_result_begin(result, r.time_s, policy);
    if (quote_check(context, &r, result) != EE_OK)
        return (int)result->err;
    enum ee_err err = ee_attest_policy_check(policy, &result->evidence.quote, &finding);
    if (err != EE_OK)
        ee_verify_result_refuse(result, err, &finding);
    if (r.report_data && memcmp(r.report_data, result->evidence.quote.td.report_data,
                                EE_VERIFY_REPORT_DATA_SIZE) != 0)
        ee_verify_result_refuse(result, EE_NOT_BOUND, NULL);
    return (int)result->err;
}
