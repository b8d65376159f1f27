/* SPDX-License-Identifier: Apache-2.0 */
/* Text and JSON of a verdict, both from the table of claims. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "attest/document.h"
#include "attest/explain.h"
#include "base/text.h"
#include "base/banned.h"

static bool is_advice(const struct ee_finding *finding)
{
    return ee_attest_reason_err(finding->reason) == EE_OK;
}

/* ---- text ---- */

/* " since 2026-01-01T00:00:00Z, 3 days old, until 2026-02-01T00:00:00Z" */
static void put_dates(struct ee_document *o, const struct ee_explain_row *row,
                      const struct ee_verdict *v)
{
    struct ee_explain_dates dates;
    char line[96], time[EE_TIME_TEXT_SIZE];
    ee_attest_explain_dates(row, v, &dates);
    if (dates.since_s) {
        (void)snprintf(line, sizeof(line), "; since %s", ee_time_format(dates.since_s, time));
        ee_document_put(o, line);
    }
    if (dates.age_s >= 0) {
        (void)snprintf(line, sizeof(line), ", age %" PRId64 " d %" PRId64 " h", dates.age_s / 86400,
                       dates.age_s % 86400 / 3600);
        ee_document_put(o, line);
    } else if (row->dated == EE_DATED_QUOTE) {
        ee_document_put(o, "; age: of the challenge it answers");
    }
    if (dates.until_s) {
        (void)snprintf(line, sizeof(line), ", until %s", ee_time_format(dates.until_s, time));
        ee_document_put(o, line);
    }
}

static void put_claims(struct ee_document *o, const struct ee_verdict *v)
{
    char value[EE_EXPLAIN_TEXT_SIZE], line[64];
    const char *group = "";
    for (size_t i = 0; i < ee_attest_explain_count; i++) {
        const struct ee_explain_row *row = &ee_attest_explain_rows[i];
        if (!ee_attest_explain_value(row, v, value))
            continue;
        if (strcmp(group, row->group) != 0) {
            ee_document_put(o, row->group);
            ee_document_put(o, "\n");
        }
        group = row->group;
        (void)snprintf(line, sizeof(line), "  %-19s ", row->name);
        ee_document_put(o, line);
        ee_document_put(o, value);
        ee_document_put(o, "\n                        (");
        ee_document_put(o, row->meaning);
        ee_document_put(o, "; anchor: ");
        ee_document_put(o, row->anchor);
        put_dates(o, row, v);
        ee_document_put(o, ")\n");
    }
}

static void put_azure(struct ee_document *o, const struct ee_explain_azure *azure)
{
    char hex[2 * EE_MEASUREMENT_SIZE + 1], line[48];
    if (!azure->report)
        return;
    (void)snprintf(line, sizeof(line), "azure\n  report version      %u\n",
                   (unsigned)azure->report->version);
    ee_document_put(o, line);
    ee_document_put(o, "  paravisor           ");
    ee_document_put(o, ee_hex_encode(azure->report->mrtd, EE_MEASUREMENT_SIZE, hex));
    ee_document_put(
        o, "\n                        (MRTD of the paravisor; it says nothing of the guest)\n");
    ee_document_put(o, azure->bound_to_quote ? "  claims              bound to the quote"
                       : azure->bound_to_tdreport
                           ? "  claims              bound to the TDREPORT inside, which "
                             "only its platform can check: not proven"
                           : "  claims              not bound: changed after the report");
    ee_document_put(o, "\n");
}

static void put_finding(struct ee_document *o, const struct ee_finding *finding)
{
    char text[EE_FINDING_TEXT_SIZE];
    ee_document_put(o, is_advice(finding) ? "  advice  " : "  FAILED  ");
    ee_document_put(o, ee_attest_reason_name(finding->reason));
    ee_document_put(o, ": ");
    ee_document_put(o, ee_attest_finding_text(finding, text));
    ee_document_put(o, "\n");
}

static void put_checks(struct ee_document *o, const struct ee_explain_input *in)
{
    const struct ee_verdict *v = in->verdict;
    const struct ee_policy_decision *d = in->decision;
    char sentence[EE_POLICY_SENTENCE_SIZE];
    ee_document_put(o, "checks\n");
    for (size_t i = 0; i < v->finding_count; i++)
        put_finding(o, &v->findings[i]);
    if (v->finding_count == 0)
        ee_document_put(o, "  every check held\n");
    ee_document_put(o, "policy\n");
    for (size_t i = 0; i < d->refusal_count; i++) {
        const struct ee_policy_refusal *r = &d->refusals[i];
        put_finding(o, &r->finding);
        ee_document_put(o, "          rule ");
        ee_document_put(o, ee_attest_rule_name(r->rule));
        ee_document_put(o, ": ");
        ee_document_put(o, ee_attest_rule_demand(r->rule));
        ee_document_put(o, "; to cure: ");
        ee_document_put(o, ee_attest_rule_cure(r->rule));
        ee_document_put(o, "\n");
    }
    ee_document_put(o, "  ");
    ee_document_put(o, ee_attest_policy_sentence(in->policy, d, v, sentence));
    ee_document_put(o, "\n");
    if (v->root_matched && !v->root_production)
        ee_document_put(
            o, "  NOTE    the root is not Intel's: this proves nothing about real hardware\n");
}

static void put_last(struct ee_document *o, const struct ee_explain_input *in)
{
    const struct ee_verdict *v = in->verdict;
    if (in->decision->err != EE_OK) {
        ee_document_put(o, "REJECT ");
        ee_document_put(o, ee_attest_reason_name(in->decision->finding.reason));
    } else {
        ee_document_put(o, "OK ");
        ee_document_put(o, ee_attest_tcb_status_name(v->status));
        for (enum ee_td_flag flag = 0; flag < EE_TD_FLAG_COUNT; flag++) {
            ee_document_put(o, v->flags >> flag & 1 ? " " : "");
            ee_document_put(o, v->flags >> flag & 1 ? ee_attest_td_flag_name(flag) : "");
        }
    }
    ee_document_put(o, "\n");
}

enum ee_err ee_attest_explain_text(const struct ee_explain_input *input, char *out, size_t capacity,
                                   size_t *size_out)
{
    struct ee_document o = {out, capacity, 0};
    put_claims(&o, input->verdict);
    put_azure(&o, &input->azure);
    put_checks(&o, input);
    put_last(&o, input);
    return ee_document_done(&o, size_out);
}

/* ---- JSON ---- */

/* Words separated by spaces as an array; "-" as an empty one. */
static void put_list(struct ee_document *o, char *words)
{
    const char *separator = "";
    ee_document_put(o, "[");
    while (*words && strcmp(words, "-") != 0) {
        char *space = strchr(words, ' ');
        char *next = space ? space + 1 : words + strlen(words);
        if (space)
            *space = '\0';
        ee_document_put(o, separator);
        ee_document_string(o, words);
        separator = ", ";
        words = next;
    }
    ee_document_put(o, "]");
}

static void put_claim(struct ee_document *o, const struct ee_explain_row *row,
                      const struct ee_verdict *v, char *value)
{
    struct ee_explain_dates dates;
    char number[24];
    ee_document_put(o, "\n      ");
    ee_document_string(o, row->name);
    ee_document_put(o, ": {\"value\": ");
    if (row->kind == EE_EXPLAIN_FLAGS || row->kind == EE_EXPLAIN_ADVISORIES)
        put_list(o, value);
    else if (row->kind == EE_EXPLAIN_NUMBER || row->kind == EE_EXPLAIN_BOOL)
        ee_document_put(o, value);
    else
        ee_document_string(o, value);
    ee_attest_explain_dates(row, v, &dates);
    ee_document_member(o, "anchor", row->anchor);
    ee_document_time(o, "since", dates.since_s);
    (void)snprintf(number, sizeof(number), "%" PRId64, dates.age_s);
    ee_document_put(o, ", \"age_s\": ");
    ee_document_put(o, dates.age_s < 0 ? "null" : number);
    ee_document_time(o, "expires", dates.until_s);
    ee_document_member(o, "meaning", row->meaning);
    ee_document_put(o, "}");
}

/* Rows of one group stand together in the table. */
static void put_claims_json(struct ee_document *o, const struct ee_verdict *v)
{
    char value[EE_EXPLAIN_TEXT_SIZE];
    const char *group = "";
    ee_document_put(o, ",\n  \"claims\": {");
    for (size_t i = 0; i < ee_attest_explain_count; i++) {
        const struct ee_explain_row *row = &ee_attest_explain_rows[i];
        if (!ee_attest_explain_value(row, v, value))
            continue;
        if (strcmp(group, row->group) == 0) {
            ee_document_put(o, ",");
        } else {
            ee_document_put(o, *group ? "\n    },\n    " : "\n    ");
            ee_document_string(o, row->group);
            ee_document_put(o, ": {");
        }
        group = row->group;
        put_claim(o, row, v, value);
    }
    ee_document_put(o, *group ? "\n    }\n  }" : "}");
}

static void put_findings_json(struct ee_document *o, const struct ee_explain_input *in, bool advice)
{
    const struct ee_verdict *v = in->verdict;
    const char *separator = "\n    ";
    char text[EE_FINDING_TEXT_SIZE];
    ee_document_put(o, advice ? ",\n  \"advice\": [" : ",\n  \"failures\": [");
    for (size_t i = 0; i < v->finding_count + (advice ? 0 : in->decision->refusal_count); i++) {
        const struct ee_finding *f = i < v->finding_count
                                         ? &v->findings[i]
                                         : &in->decision->refusals[i - v->finding_count].finding;
        if (is_advice(f) != advice)
            continue;
        ee_document_put(o, separator);
        ee_document_put(o, "{\"id\": ");
        ee_document_string(o, ee_attest_reason_name(f->reason));
        ee_document_member(o, "text", ee_attest_finding_text(f, text));
        ee_document_put(o, "}");
        separator = ",\n    ";
    }
    ee_document_put(o, "]");
}

static void put_decision(struct ee_document *o, const struct ee_explain_input *in)
{
    const struct ee_policy_decision *d = in->decision;
    char sentence[EE_POLICY_SENTENCE_SIZE];
    ee_document_put(o, ",\n  \"decision\": {\"rule\": ");
    ee_document_string(o, ee_attest_rule_name(d->rule));
    ee_document_member(o, "text", ee_attest_policy_sentence(in->policy, d, in->verdict, sentence));
    ee_document_time(o, "grace_ends", d->grace_ends_s);
    ee_document_put(o, ", \"refusals\": [");
    for (size_t i = 0; i < d->refusal_count; i++) {
        const struct ee_policy_refusal *r = &d->refusals[i];
        ee_document_put(o, i ? ",\n    {\"rule\": " : "\n    {\"rule\": ");
        ee_document_string(o, ee_attest_rule_name(r->rule));
        ee_document_member(o, "demand", ee_attest_rule_demand(r->rule));
        ee_document_member(o, "text", ee_attest_finding_text(&r->finding, sentence));
        ee_document_member(o, "cure", ee_attest_rule_cure(r->rule));
        ee_document_put(o, "}");
    }
    ee_document_put(o, "]}");
}

static void put_azure_json(struct ee_document *o, const struct ee_explain_azure *azure)
{
    char hex[2 * EE_MEASUREMENT_SIZE + 1], number[12];
    if (!azure->report)
        return;
    (void)snprintf(number, sizeof(number), "%u", (unsigned)azure->report->version);
    ee_document_put(o, ",\n  \"azure\": {\"version\": ");
    ee_document_put(o, number);
    ee_document_member(o, "paravisor_mrtd",
                       ee_hex_encode(azure->report->mrtd, EE_MEASUREMENT_SIZE, hex));
    ee_document_put(o, ", \"claims_bound_to_tdreport\": ");
    ee_document_put(o, azure->bound_to_tdreport ? "true" : "false");
    ee_document_put(o, ", \"claims_bound_to_quote\": ");
    ee_document_put(o, azure->bound_to_quote ? "true" : "false");
    ee_document_put(o, "}");
}

enum ee_err ee_attest_explain_json(const struct ee_explain_input *input, char *out, size_t capacity,
                                   size_t *size_out)
{
    struct ee_document o = {out, capacity, 0};
    const struct ee_verdict *v = input->verdict;
    bool ok = input->decision->err == EE_OK;
    char time[EE_TIME_TEXT_SIZE];
    ee_document_put(&o, ok ? "{\n  \"ok\": true,\n  \"status\": "
                           : "{\n  \"ok\": false,\n  \"status\": ");
    ee_document_string(&o, ee_attest_tcb_status_name(v->status));
    ee_document_put(&o, ",\n  \"reason\": ");
    if (ok)
        ee_document_put(&o, "null");
    else
        ee_document_string(&o, ee_attest_reason_name(input->decision->finding.reason));
    ee_document_put(&o, ",\n  \"policy\": ");
    ee_document_string(&o, input->policy->name);
    ee_document_put(&o, ",\n  \"time\": ");
    ee_document_string(&o, ee_time_format(v->time_s, time));
    put_decision(&o, input);
    put_findings_json(&o, input, false);
    put_findings_json(&o, input, true);
    put_azure_json(&o, &input->azure);
    put_claims_json(&o, v);
    ee_document_put(&o, "\n}\n");
    return ee_document_done(&o, size_out);
}
