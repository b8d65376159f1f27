/* SPDX-License-Identifier: Apache-2.0 */
/* What a result says: findings, and claims row by row. */
#include "verify/state.h"

#include <stdio.h>
#include <string.h>

#include "attest/explain.h"
#include "base/banned.h"

static_assert((int)EE_VERIFY_VALUE_TEXT_SIZE == (int)EE_EXPLAIN_TEXT_SIZE, "the header's limit");

static const char *other_id(const struct ee_verify_result *result)
{
    return result->other.reason != EE_REASON_NONE ? ee_attest_reason_name(result->other.reason)
                                                  : ee_err_name(result->other_err);
}

const char *ee_verify_result_reason(const struct ee_verify_result *result)
{
    switch (result->refuser) {
    case EE_VERIFY_BY_NOBODY:
        return result->ran ? ee_attest_reason_name(EE_REASON_NONE) : ee_err_name(EE_STATE);
    case EE_VERIFY_BY_QUOTE:
        return ee_attest_reason_name(result->evidence.quote.reason);
    case EE_VERIFY_BY_POLICY:
        return ee_attest_reason_name(result->decision.finding.reason);
    case EE_VERIFY_BY_OTHER:
        return other_id(result);
    }
    return ee_err_name(result->err);
}

const char *ee_verify_result_rule(const struct ee_verify_result *result)
{
    return ee_attest_rule_name(result->decision.rule);
}

static int text_copy(const char *text, char *out, size_t capacity)
{
    size_t size = strlen(text);
    if (capacity != 0)
        (void)snprintf(out, capacity, "%s", text);
    return size < capacity ? EE_VERIFY_OK : EE_VERIFY_ERROR_TOO_LARGE;
}

int ee_verify_result_decision(const struct ee_verify_result *result, char *text, size_t capacity)
{
    char sentence[EE_POLICY_SENTENCE_SIZE];
    if (result->decision.rule == EE_RULE_NONE) {
        (void)text_copy("", text, capacity);
        return EE_VERIFY_ERROR_NOT_FOUND;
    }
    return text_copy(ee_attest_policy_sentence(&result->policy, &result->decision,
                                               &result->evidence.quote, sentence),
                     text, capacity);
}

size_t ee_verify_result_finding_count(const struct ee_verify_result *result)
{
    return result->decision.refusal_count + (result->other_err != EE_OK) +
           result->evidence.quote.finding_count;
}

/* Refusals of the policy, then what else was refused, then the quote's failures and advice. The
 * first two are there only when the quote has no failure, so failures come first. */
static const struct ee_finding *finding_at(const struct ee_verify_result *result, size_t index)
{
    size_t refusals = result->decision.refusal_count;
    if (index < refusals)
        return &result->decision.refusals[index].finding;
    index -= refusals;
    if (result->other_err != EE_OK && index-- == 0)
        return &result->other;
    return &result->evidence.quote.findings[index];
}

int ee_verify_result_finding(const struct ee_verify_result *result, size_t index,
                             struct ee_verify_finding *out, char *text, size_t capacity)
{
    char sentence[EE_FINDING_TEXT_SIZE];
    if (index >= ee_verify_result_finding_count(result))
        return EE_VERIFY_ERROR_RANGE;
    const struct ee_finding *inner = finding_at(result, index);
    bool other = inner == &result->other;
    struct ee_verify_finding finding = {
        .id = other ? other_id(result) : ee_attest_reason_name(inner->reason),
        .error = (int)(other ? result->other_err : ee_attest_reason_err(inner->reason)),
    };
    if (!ee_verify_sized_write(out, &finding, sizeof(finding), sizeof(finding)))
        return EE_VERIFY_ERROR_RANGE;
    bool only_error = inner->reason == EE_REASON_NONE;
    return text_copy(only_error ? ee_err_text(result->other_err)
                                : ee_attest_finding_text(inner, sentence),
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
    struct ee_explain_dates dates;
    ee_attest_explain_dates(row, &result->evidence.quote, &dates);
    struct ee_verify_claim claim = {.group = row->group,
                                    .name = row->name,
                                    .anchor = row->anchor,
                                    .meaning = row->meaning,
                                    .since_s = dates.since_s,
                                    .until_s = dates.until_s,
                                    .age_s = dates.age_s};
    if (!ee_verify_sized_write(out, &claim, sizeof(claim), sizeof(claim)))
        return EE_VERIFY_ERROR_RANGE;
    if (there)
        return text_copy(text, value, capacity);
    (void)text_copy("", value, capacity);
    return EE_VERIFY_ERROR_NOT_FOUND;
}
