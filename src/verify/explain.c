/* SPDX-License-Identifier: Apache-2.0 */
/* What a result says: findings, and claims row by row. */
#include "verify/state.h"

#include <stdio.h>
#include <string.h>

#include "attest/explain.h"
#include "base/banned.h"

static_assert((int)EE_VERIFY_VALUE_TEXT_SIZE == (int)EE_EXPLAIN_TEXT_SIZE, "the header's limit");

static const char *refusal_id(const struct ee_verify_refusal *refusal)
{
    return refusal->finding.reason != EE_REASON_NONE
               ? ee_attest_reason_name(refusal->finding.reason)
               : ee_err_name(refusal->err);
}

const char *ee_verify_result_reason(const struct ee_verify_result *result)
{
    const struct ee_verdict *verdict = &result->evidence.quote;
    if (!result->ran)
        return ee_err_name(EE_STATE);
    if (result->refusal_count != 0)
        return refusal_id(&result->refusals[0]);
    return ee_attest_reason_name(verdict->reason);
}

/* Refusals come first: they exist only when the quote itself has no failure. */
size_t ee_verify_result_finding_count(const struct ee_verify_result *result)
{
    return result->refusal_count + result->evidence.quote.finding_count;
}

static int text_copy(const char *text, char *out, size_t capacity)
{
    size_t size = strlen(text);
    if (capacity != 0)
        (void)snprintf(out, capacity, "%s", text);
    return size < capacity ? EE_VERIFY_OK : EE_VERIFY_ERROR_TOO_LARGE;
}

int ee_verify_result_finding(const struct ee_verify_result *result, size_t index,
                             struct ee_verify_finding *out, char *text, size_t capacity)
{
    char sentence[EE_FINDING_TEXT_SIZE];
    struct ee_verify_finding finding = {0};
    const struct ee_finding *inner = NULL;
    if (index >= ee_verify_result_finding_count(result))
        return EE_VERIFY_ERROR_RANGE;
    if (index < result->refusal_count) {
        const struct ee_verify_refusal *refusal = &result->refusals[index];
        inner = refusal->finding.reason != EE_REASON_NONE ? &refusal->finding : NULL;
        finding.id = refusal_id(refusal);
        finding.error = (int)refusal->err;
    } else {
        inner = &result->evidence.quote.findings[index - result->refusal_count];
        finding.id = ee_attest_reason_name(inner->reason);
        finding.error = (int)ee_attest_reason_err(inner->reason);
    }
    if (!ee_verify_sized_write(out, &finding, sizeof(finding), sizeof(finding)))
        return EE_VERIFY_ERROR_RANGE;
    return text_copy(inner ? ee_attest_finding_text(inner, sentence)
                           : ee_err_text((enum ee_err)finding.error),
                     text, capacity);
}

size_t ee_verify_claim_count(void)
{
    return ee_attest_explain_count;
}

size_t ee_verify_claim_find(const char *group, const char *name)
{
    size_t i = 0;
    while (i < ee_attest_explain_count && (strcmp(ee_attest_explain_rows[i].group, group) != 0 ||
                                           strcmp(ee_attest_explain_rows[i].name, name) != 0))
        i++;
    return i;
}

int ee_verify_result_claim(const struct ee_verify_result *result, size_t index,
                           struct ee_verify_claim *out, char *value, size_t capacity)
{
    char text[EE_EXPLAIN_TEXT_SIZE];
    if (index >= ee_attest_explain_count)
        return EE_VERIFY_ERROR_RANGE;
    const struct ee_explain_row *row = &ee_attest_explain_rows[index];
    bool there = ee_attest_explain_value(row, &result->evidence.quote, text);
    struct ee_verify_claim claim = {
        .group = row->group, .name = row->name, .anchor = row->anchor, .meaning = row->meaning};
    if (!ee_verify_sized_write(out, &claim, sizeof(claim), sizeof(claim)))
        return EE_VERIFY_ERROR_RANGE;
    if (there)
        return text_copy(text, value, capacity);
    (void)text_copy("", value, capacity);
    return EE_VERIFY_ERROR_NOT_FOUND;
}
