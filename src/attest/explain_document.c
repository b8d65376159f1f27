/* SPDX-License-Identifier: Apache-2.0 */
/* Text and JSON of a verdict, both from the table of claims. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "attest/explain.h"
#include "base/text.h"
#include "base/banned.h"

/* Writes on beyond the capacity, counting, so that the needed size is known. */
struct out {
    char *data;
    size_t capacity;
    size_t size;
};

static void put(struct out *o, const char *text)
{
    size_t size = strlen(text);
    if (o->size < o->capacity) {
        size_t room = o->capacity - o->size;
        memcpy(o->data + o->size, text, size < room ? size : room);
    }
    o->size += size;
}

static enum ee_err done(struct out *o, size_t *size_out)
{
    *size_out = o->size;
    if (o->size >= o->capacity)
        return EE_TOO_LARGE;
    o->data[o->size] = '\0';
    return EE_OK;
}

static bool is_advice(const struct ee_finding *finding)
{
    return ee_attest_reason_err(finding->reason) == EE_OK;
}

/* ---- text ---- */

/* " since 2026-01-01T00:00:00Z, 3 days old, until 2026-02-01T00:00:00Z" */
static void put_dates(struct out *o, const struct ee_explain_row *row, const struct ee_verdict *v)
{
    struct ee_explain_dates dates;
    char line[96], time[EE_TIME_TEXT_SIZE];
    ee_attest_explain_dates(row, v, &dates);
    if (dates.since_s) {
        (void)snprintf(line, sizeof(line), "; since %s", ee_time_format(dates.since_s, time));
        put(o, line);
    }
    if (dates.age_s >= 0) {
        (void)snprintf(line, sizeof(line), ", age %" PRId64 " d %" PRId64 " h", dates.age_s / 86400,
                       dates.age_s % 86400 / 3600);
        put(o, line);
    } else if (row->dated == EE_DATED_QUOTE) {
        put(o, "; age: of the challenge it answers");
    }
    if (dates.until_s) {
        (void)snprintf(line, sizeof(line), ", until %s", ee_time_format(dates.until_s, time));
        put(o, line);
    }
}

static void put_claims(struct out *o, const struct ee_verdict *v)
{
    char value[EE_EXPLAIN_TEXT_SIZE], line[64];
    const char *group = "";
    for (size_t i = 0; i < ee_attest_explain_count; i++) {
        const struct ee_explain_row *row = &ee_attest_explain_rows[i];
        if (!ee_attest_explain_value(row, v, value))
            continue;
        if (strcmp(group, row->group) != 0) {
            put(o, row->group);
            put(o, "\n");
        }
        group = row->group;
        (void)snprintf(line, sizeof(line), "  %-19s ", row->name);
        put(o, line);
        put(o, value);
        put(o, "\n                        (");
        put(o, row->meaning);
        put(o, "; anchor: ");
        put(o, row->anchor);
        put_dates(o, row, v);
        put(o, ")\n");
    }
}

static void put_azure(struct out *o, const struct ee_explain_azure *azure)
{
    char hex[2 * EE_MEASUREMENT_SIZE + 1], line[48];
    if (!azure->report)
        return;
    (void)snprintf(line, sizeof(line), "azure\n  report version      %u\n",
                   (unsigned)azure->report->version);
    put(o, line);
    put(o, "  paravisor           ");
    put(o, ee_hex_encode(azure->report->mrtd, EE_MEASUREMENT_SIZE, hex));
    put(o, "\n                        (MRTD of the paravisor; it says nothing of the guest)\n");
    put(o, azure->bound_to_quote ? "  claims              bound to the quote"
           : azure->bound_to_tdreport
               ? "  claims              bound to the TDREPORT inside, which "
                 "only its platform can check: not proven"
               : "  claims              not bound: changed after the report");
    put(o, "\n");
}

static void put_finding(struct out *o, const struct ee_finding *finding)
{
    char text[EE_FINDING_TEXT_SIZE];
    put(o, is_advice(finding) ? "  advice  " : "  FAILED  ");
    put(o, ee_attest_reason_name(finding->reason));
    put(o, ": ");
    put(o, ee_attest_finding_text(finding, text));
    put(o, "\n");
}

static void put_checks(struct out *o, const struct ee_explain_input *in)
{
    const struct ee_verdict *v = in->verdict;
    const struct ee_policy_decision *d = in->decision;
    char sentence[EE_POLICY_SENTENCE_SIZE];
    put(o, "checks\n");
    for (size_t i = 0; i < v->finding_count; i++)
        put_finding(o, &v->findings[i]);
    if (v->finding_count == 0)
        put(o, "  every check held\n");
    put(o, "policy\n");
    for (size_t i = 0; i < d->refusal_count; i++) {
        const struct ee_policy_refusal *r = &d->refusals[i];
        put_finding(o, &r->finding);
        put(o, "          rule ");
        put(o, ee_attest_rule_name(r->rule));
        put(o, ": ");
        put(o, ee_attest_rule_demand(r->rule));
        put(o, "; to cure: ");
        put(o, ee_attest_rule_cure(r->rule));
        put(o, "\n");
    }
    put(o, "  ");
    put(o, ee_attest_policy_sentence(in->policy, d, v, sentence));
    put(o, "\n");
    if (v->root_matched && !v->root_production)
        put(o, "  NOTE    the root is not Intel's: this proves nothing about real hardware\n");
}

static void put_last(struct out *o, const struct ee_explain_input *in)
{
    const struct ee_verdict *v = in->verdict;
    if (in->decision->err != EE_OK) {
        put(o, "REJECT ");
        put(o, ee_attest_reason_name(in->decision->finding.reason));
    } else {
        put(o, "OK ");
        put(o, ee_attest_tcb_status_name(v->status));
        for (enum ee_td_flag flag = 0; flag < EE_TD_FLAG_COUNT; flag++) {
            put(o, v->flags >> flag & 1 ? " " : "");
            put(o, v->flags >> flag & 1 ? ee_attest_td_flag_name(flag) : "");
        }
    }
    put(o, "\n");
}

enum ee_err ee_attest_explain_text(const struct ee_explain_input *input, char *out, size_t capacity,
                                   size_t *size_out)
{
    struct out o = {out, capacity, 0};
    put_claims(&o, input->verdict);
    put_azure(&o, &input->azure);
    put_checks(&o, input);
    put_last(&o, input);
    return done(&o, size_out);
}

/* ---- JSON ---- */

/* Everything we put is ASCII but advisory ids, which come from signed JSON without escapes. */
static void put_string(struct out *o, const char *text)
{
    char one[8];
    put(o, "\"");
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\' || c < 0x20)
            (void)snprintf(one, sizeof(one), "\\u%04x", c);
        else
            (void)snprintf(one, sizeof(one), "%c", *text);
        put(o, one);
    }
    put(o, "\"");
}

static void put_member(struct out *o, const char *name, const char *text)
{
    put(o, ", \"");
    put(o, name);
    put(o, "\": ");
    put_string(o, text);
}

static void put_time(struct out *o, const char *name, int64_t time_s)
{
    char text[EE_TIME_TEXT_SIZE];
    if (time_s) {
        put_member(o, name, ee_time_format(time_s, text));
        return;
    }
    put(o, ", \"");
    put(o, name);
    put(o, "\": null");
}

/* Words separated by spaces as an array; "-" as an empty one. */
static void put_list(struct out *o, char *words)
{
    const char *separator = "";
    put(o, "[");
    while (*words && strcmp(words, "-") != 0) {
        char *space = strchr(words, ' ');
        char *next = space ? space + 1 : words + strlen(words);
        if (space)
            *space = '\0';
        put(o, separator);
        put_string(o, words);
        separator = ", ";
        words = next;
    }
    put(o, "]");
}

static void put_claim(struct out *o, const struct ee_explain_row *row, const struct ee_verdict *v,
                      char *value)
{
    struct ee_explain_dates dates;
    char number[24];
    put(o, "\n      ");
    put_string(o, row->name);
    put(o, ": {\"value\": ");
    if (row->kind == EE_EXPLAIN_FLAGS || row->kind == EE_EXPLAIN_ADVISORIES)
        put_list(o, value);
    else if (row->kind == EE_EXPLAIN_NUMBER || row->kind == EE_EXPLAIN_BOOL)
        put(o, value);
    else
        put_string(o, value);
    ee_attest_explain_dates(row, v, &dates);
    put_member(o, "anchor", row->anchor);
    put_time(o, "since", dates.since_s);
    (void)snprintf(number, sizeof(number), "%" PRId64, dates.age_s);
    put(o, ", \"age_s\": ");
    put(o, dates.age_s < 0 ? "null" : number);
    put_time(o, "expires", dates.until_s);
    put_member(o, "meaning", row->meaning);
    put(o, "}");
}

/* Rows of one group stand together in the table. */
static void put_claims_json(struct out *o, const struct ee_verdict *v)
{
    char value[EE_EXPLAIN_TEXT_SIZE];
    const char *group = "";
    put(o, ",\n  \"claims\": {");
    for (size_t i = 0; i < ee_attest_explain_count; i++) {
        const struct ee_explain_row *row = &ee_attest_explain_rows[i];
        if (!ee_attest_explain_value(row, v, value))
            continue;
        if (strcmp(group, row->group) == 0) {
            put(o, ",");
        } else {
            put(o, *group ? "\n    },\n    " : "\n    ");
            put_string(o, row->group);
            put(o, ": {");
        }
        group = row->group;
        put_claim(o, row, v, value);
    }
    put(o, *group ? "\n    }\n  }" : "}");
}

static void put_findings_json(struct out *o, const struct ee_explain_input *in, bool advice)
{
    const struct ee_verdict *v = in->verdict;
    const char *separator = "\n    ";
    char text[EE_FINDING_TEXT_SIZE];
    put(o, advice ? ",\n  \"advice\": [" : ",\n  \"failures\": [");
    for (size_t i = 0; i < v->finding_count + (advice ? 0 : in->decision->refusal_count); i++) {
        const struct ee_finding *f = i < v->finding_count
                                         ? &v->findings[i]
                                         : &in->decision->refusals[i - v->finding_count].finding;
        if (is_advice(f) != advice)
            continue;
        put(o, separator);
        put(o, "{\"id\": ");
        put_string(o, ee_attest_reason_name(f->reason));
        put_member(o, "text", ee_attest_finding_text(f, text));
        put(o, "}");
        separator = ",\n    ";
    }
    put(o, "]");
}

static void put_decision(struct out *o, const struct ee_explain_input *in)
{
    const struct ee_policy_decision *d = in->decision;
    char sentence[EE_POLICY_SENTENCE_SIZE];
    put(o, ",\n  \"decision\": {\"rule\": ");
    put_string(o, ee_attest_rule_name(d->rule));
    put_member(o, "text", ee_attest_policy_sentence(in->policy, d, in->verdict, sentence));
    put_time(o, "grace_ends", d->grace_ends_s);
    put(o, ", \"refusals\": [");
    for (size_t i = 0; i < d->refusal_count; i++) {
        const struct ee_policy_refusal *r = &d->refusals[i];
        put(o, i ? ",\n    {\"rule\": " : "\n    {\"rule\": ");
        put_string(o, ee_attest_rule_name(r->rule));
        put_member(o, "demand", ee_attest_rule_demand(r->rule));
        put_member(o, "text", ee_attest_finding_text(&r->finding, sentence));
        put_member(o, "cure", ee_attest_rule_cure(r->rule));
        put(o, "}");
    }
    put(o, "]}");
}

static void put_azure_json(struct out *o, const struct ee_explain_azure *azure)
{
    char hex[2 * EE_MEASUREMENT_SIZE + 1], number[12];
    if (!azure->report)
        return;
    (void)snprintf(number, sizeof(number), "%u", (unsigned)azure->report->version);
    put(o, ",\n  \"azure\": {\"version\": ");
    put(o, number);
    put_member(o, "paravisor_mrtd", ee_hex_encode(azure->report->mrtd, EE_MEASUREMENT_SIZE, hex));
    put(o, ", \"claims_bound_to_tdreport\": ");
    put(o, azure->bound_to_tdreport ? "true" : "false");
    put(o, ", \"claims_bound_to_quote\": ");
    put(o, azure->bound_to_quote ? "true" : "false");
    put(o, "}");
}

enum ee_err ee_attest_explain_json(const struct ee_explain_input *input, char *out, size_t capacity,
                                   size_t *size_out)
{
    struct out o = {out, capacity, 0};
    const struct ee_verdict *v = input->verdict;
    bool ok = input->decision->err == EE_OK;
    char time[EE_TIME_TEXT_SIZE];
    put(&o, ok ? "{\n  \"ok\": true,\n  \"status\": " : "{\n  \"ok\": false,\n  \"status\": ");
    put_string(&o, ee_attest_tcb_status_name(v->status));
    put(&o, ",\n  \"reason\": ");
    if (ok)
        put(&o, "null");
    else
        put_string(&o, ee_attest_reason_name(input->decision->finding.reason));
    put(&o, ",\n  \"policy\": ");
    put_string(&o, input->policy->name);
    put(&o, ",\n  \"time\": ");
    put_string(&o, ee_time_format(v->time_s, time));
    put_decision(&o, input);
    put_findings_json(&o, input, false);
    put_findings_json(&o, input, true);
    put_azure_json(&o, &input->azure);
    put_claims_json(&o, v);
    put(&o, "\n}\n");
    return done(&o, size_out);
}
