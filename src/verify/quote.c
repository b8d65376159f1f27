/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/state.h"

#include <assert.h>
#include <string.h>

#include "verify/backend.h"
#include "base/banned.h"

/* What a first version of the library knew; later members come behind. */
enum { REQUEST_SIZE_MIN = sizeof(struct ee_verify_quote_request) };

/* Everything the quote itself must hold; in the result's verdict. */
static void quote_check(struct ee_verify_context *context,
                        const struct ee_verify_quote_request *request,
                        struct ee_verify_result *result)
{
    const struct ee_collateral *collateral = NULL;
    enum ee_reason reason = ee_verify_context_collateral(
        context, ee_bytes_of(request->collateral, request->collateral_size), &collateral);
    if (reason != EE_REASON_NONE) {
        ee_verify_result_unreadable(result, reason);
        return;
    }
    const struct ee_verify_input input = {.quote = ee_bytes_of(request->quote, request->quote_size),
                                          .collateral = collateral,
                                          .roots =
                                              (const uint8_t(*)[EE_P256_POINT_SIZE])context->roots,
                                          .root_count = context->root_count,
                                          .time_s = request->time_s};
    enum ee_err err = ee_attest_verify_cached(ee_verify_backend(), &context->cache, &input,
                                              &result->evidence.quote);
    assert(err == result->evidence.quote.err);
}

int ee_verify_quote(struct ee_verify_context *context,
                    const struct ee_verify_quote_request *request, struct ee_verify_result *result)
{
    struct ee_verify_quote_request r;
    if (!ee_verify_sized_read(request, &r, sizeof(r), REQUEST_SIZE_MIN)) {
        ee_verify_result_begin(result, 0, NULL);
        ee_verify_result_refuse(result, EE_RANGE, NULL);
        return (int)result->err;
    }
    ee_verify_result_begin(result, r.time_s,
                           ee_verify_policy_rules(r.policy, &ee_attest_policy_strict));
    quote_check(context, &r, result);
    ee_verify_result_decide(result);
    const struct ee_verdict *verdict = &result->evidence.quote;
    if (r.report_data && verdict->err == EE_OK &&
        memcmp(r.report_data, verdict->td.report_data, EE_VERIFY_REPORT_DATA_SIZE) != 0)
        ee_verify_result_refuse(result, EE_NOT_BOUND, NULL);
    return (int)result->err;
}
