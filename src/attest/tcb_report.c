/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/tcb_report.h"

#include <stdio.h>
#include <string.h>

#include "attest/document.h"
#include "base/text.h"
#include "base/banned.h"

#define put ee_document_put

const char *ee_attest_tcb_outcome_name(enum ee_tcb_outcome outcome)
{
    static const char *const names[] = {"accepted", "will_fail", "fails", "unclear"};
    return (unsigned)outcome < sizeof(names) / sizeof(names[0]) ? names[outcome] : "unknown";
}

/* Keeps them in order; what has passed already is a failure, not an event. */
static void event_add(struct ee_tcb_report *report, int64_t at_s, const char *what,
                      const char *cure)
{
    size_t at = report->event_count;
    if (at_s <= report->sets[0].verdict->time_s || at == EE_TCB_EVENTS_MAX)
        return;
    for (; at > 0 && report->events[at - 1].at_s > at_s; at--)
        report->events[at] = report->events[at - 1];
    report->events[at] = (struct ee_tcb_event){at_s, what, cure};
    report->event_count++;
}

static void events_add(struct ee_tcb_report *report)
{
    static const char fetch[] = "fetch newer collateral before";
    const struct ee_verdict *v = report->sets[0].verdict;
    event_add(report, v->tcb_expires_s, "the TCB Info ends", fetch);
    event_add(report, v->qe_expires_s, "the QE identity ends", fetch);
    event_add(report, v->pck_crl_expires_s, "the PCK CRL ends", fetch);
    event_add(report, v->root_crl_expires_s, "the root CRL ends", fetch);
    if (report->event_count == 0 || v->collateral_expires_s < report->events[0].at_s)
        event_add(report, v->collateral_expires_s, "a certificate of the collateral ends", fetch);
    event_add(report, v->pck_not_after_s, "the PCK certificate ends",
              "have the platform's quoting service fetch a new PCK certificate");
    event_add(report, report->sets[0].decision.grace_ends_s, "the grace of its TCB status ends",
              "update what is short before");
}

/* Whether verification failed for something that is no statement about the platform's TCB. */
static bool is_unclear(const struct ee_verdict *v)
{
    for (size_t i = 0; i < v->finding_count; i++) {
        enum ee_err err = ee_attest_reason_err(v->findings[i].reason);
        if (err != EE_OK && err != EE_TCB_REFUSED && err != EE_REVOKED)
            return true;
    }
    return false;
}

void ee_attest_tcb_report_make(const struct ee_attest_policy *policy,
                               const struct ee_verdict *standard, const struct ee_verdict *early,
                               struct ee_tcb_report *out)
{
    enum ee_err now, later = EE_OK;
    memset(out, 0, sizeof(*out));
    out->policy = policy;
    out->sets[0].name = "standard";
    out->sets[0].verdict = standard;
    out->set_count = 1;
    now = ee_attest_policy_decide(policy, standard, &out->sets[0].decision);
    if (early) {
        out->sets[1].name = "early";
        out->sets[1].verdict = early;
        out->set_count = 2;
        later = ee_attest_policy_decide(policy, early, &out->sets[1].decision);
    }
    out->outcome = now != EE_OK                 ? EE_TCB_FAILS
                   : early && is_unclear(early) ? EE_TCB_UNCLEAR
                   : later != EE_OK             ? EE_TCB_WILL_FAIL
                                                : EE_TCB_ACCEPTED;
    if (out->outcome == EE_TCB_WILL_FAIL) {
        out->fails_from_s = early->tcb_issued_s;
        out->fails_until_s = standard->tcb_expires_s;
    }
    events_add(out);
}

/* Every failure, refusal and advice of a set, one after the other; NULL past the end. */
static const struct ee_finding *finding_at(const struct ee_tcb_report_set *set, size_t index)
{
    const struct ee_verdict *v = set->verdict;
    if (index < v->finding_count)
        return &v->findings[index];
    index -= v->finding_count;
    return index < set->decision.refusal_count ? &set->decision.refusals[index].finding : NULL;
}

static bool is_advice(const struct ee_finding *finding)
{
    return ee_attest_reason_err(finding->reason) == EE_OK;
}

/* ---- text ---- */

static const char *day(int64_t time_s, char out[EE_TIME_TEXT_SIZE])
{
    return time_s ? ee_time_format(time_s, out) : "-";
}

static void platform_text(struct ee_document *d, const struct ee_verdict *v)
{
    char hex[2 * EE_TCB_SVN_SIZE + 1];
    if (!v->quote_decoded || !v->platform_decoded)
        return;
    put(d, "platform  FMSPC ");
    put(d, ee_hex_encode(v->platform.fmspc, EE_FMSPC_SIZE, hex));
    put(d, ", PPID ");
    put(d, ee_hex_encode(v->platform.ppid, EE_PPID_SIZE, hex));
    put(d, "\n          SGX components ");
    put(d, ee_hex_encode(v->platform.components, EE_TCB_COMPONENTS, hex));
    put(d, ", PCE ");
    ee_document_number(d, v->platform.pcesvn);
    put(d, "\n          TDX ");
    put(d, ee_hex_encode(v->td.tee_tcb_svn, EE_TCB_SVN_SIZE, hex));
    put(d, " (module SVN ");
    ee_document_number(d, v->td.tee_tcb_svn[0]);
    put(d, ", module version ");
    ee_document_number(d, v->td.tee_tcb_svn[1]);
    put(d, "), quoting enclave ");
    ee_document_number(d, v->qe.svn);
    put(d, "\n");
}

static void set_text(struct ee_document *d, const struct ee_tcb_report *report, size_t index)
{
    const struct ee_tcb_report_set *set = &report->sets[index];
    const struct ee_verdict *v = set->verdict;
    char time[EE_TIME_TEXT_SIZE], text[EE_FINDING_TEXT_SIZE], line[32];
    char sentence[EE_POLICY_SENTENCE_SIZE];
    (void)snprintf(line, sizeof(line), "%-9s ", set->name);
    put(d, line);
    put(d, ee_attest_tcb_status_name(v->status));
    put(d, set->decision.err == EE_OK ? ", accepted" : ", REFUSED");
    put(d, " by policy ");
    put(d, report->policy->name);
    put(d, "\n          evaluation number ");
    ee_document_number(d, v->tcb_evaluation);
    put(d, ", issued ");
    put(d, day(v->tcb_issued_s, time));
    put(d, ", until ");
    put(d, day(v->tcb_expires_s, time));
    put(d, ", TCB date ");
    put(d, day(v->tcb_date_s, time));
    put(d, "\n");
    const struct ee_finding *f;
    for (size_t i = 0; (f = finding_at(set, i)); i++) {
        put(d, is_advice(f) ? "  cure    " : "  FAILED  ");
        put(d, ee_attest_finding_text(f, text));
        put(d, "\n");
    }
    put(d, "  ");
    put(d, ee_attest_policy_sentence(report->policy, &set->decision, v, sentence));
    put(d, "\n");
}

static void when_text(struct ee_document *d, const struct ee_tcb_report *report)
{
    char time[EE_TIME_TEXT_SIZE];
    if (report->outcome == EE_TCB_FAILS)
        put(d, "when      now\n");
    if (report->outcome == EE_TCB_WILL_FAIL) {
        put(d, "when      from the moment Intel makes the early set the standard one: not before ");
        put(d, day(report->fails_from_s, time));
        put(d, "; the standard set held here serves until ");
        put(d, day(report->fails_until_s, time));
        put(d, "\n");
    }
    for (size_t i = 0; i < report->event_count; i++) {
        put(d, i ? "          " : "ahead     ");
        put(d, day(report->events[i].at_s, time));
        put(d, "  ");
        put(d, report->events[i].what);
        put(d, ": ");
        put(d, report->events[i].cure);
        put(d, "\n");
    }
}

enum ee_err ee_attest_tcb_report_text(const struct ee_tcb_report *report, char *out,
                                      size_t capacity, size_t *size_out)
{
    static const char *const last[] = {
        "ACCEPTED under every set given\n",
        "WILL FAIL when the early set becomes the standard one: do the cures above before\n",
        "FAILS now: do the cures above\n",
        "UNCLEAR: accepted now, but the early set does not verify: fetch it again\n"};
    struct ee_document d = {out, capacity, 0};
    platform_text(&d, report->sets[0].verdict);
    for (size_t i = 0; i < report->set_count; i++)
        set_text(&d, report, i);
    when_text(&d, report);
    put(&d, last[report->outcome]);
    return ee_document_done(&d, size_out);
}

/* ---- JSON ---- */

static void finding_json(struct ee_document *d, const struct ee_finding *f)
{
    char text[EE_FINDING_TEXT_SIZE];
    put(d, "{\"id\": ");
    ee_document_string(d, ee_attest_reason_name(f->reason));
    ee_document_member(d, "text", ee_attest_finding_text(f, text));
    if (f->need) {
        put(d, ", \"have\": ");
        ee_document_number(d, f->have);
        put(d, ", \"need\": ");
        ee_document_number(d, f->need);
    }
    if (f->index) {
        put(d, ", \"component\": ");
        ee_document_number(d, f->index);
        ee_document_member(d, "label", f->label[0] == ' ' ? f->label + 1 : f->label);
    }
    put(d, "}");
}

static void findings_json(struct ee_document *d, const struct ee_tcb_report_set *set, bool advice)
{
    const char *separator = "\n      ";
    const struct ee_finding *f;
    put(d, advice ? ",\n     \"cures\": [" : ",\n     \"failures\": [");
    for (size_t i = 0; (f = finding_at(set, i)); i++) {
        if (is_advice(f) != advice)
            continue;
        put(d, separator);
        finding_json(d, f);
        separator = ",\n      ";
    }
    put(d, "]");
}

static void set_json(struct ee_document *d, const struct ee_tcb_report *report, size_t index)
{
    const struct ee_tcb_report_set *set = &report->sets[index];
    const struct ee_verdict *v = set->verdict;
    char sentence[EE_POLICY_SENTENCE_SIZE];
    put(d, index ? ",\n    {\"set\": " : "\n    {\"set\": ");
    ee_document_string(d, set->name);
    put(d, set->decision.err == EE_OK ? ", \"accepted\": true" : ", \"accepted\": false");
    ee_document_member(d, "status", ee_attest_tcb_status_name(v->status));
    ee_document_member(d, "platform_status", ee_attest_tcb_status_name(v->platform_status));
    ee_document_member(d, "module_status", ee_attest_tcb_status_name(v->module_status));
    ee_document_member(d, "qe_status", ee_attest_tcb_status_name(v->qe_status));
    ee_document_time(d, "tcb_date", v->tcb_date_s);
    put(d, ",\n     \"evaluation\": ");
    ee_document_number(d, v->tcb_evaluation);
    ee_document_time(d, "issued", v->tcb_issued_s);
    ee_document_time(d, "expires", v->tcb_expires_s);
    ee_document_member(d, "rule", ee_attest_rule_name(set->decision.rule));
    ee_document_member(d, "text",
                       ee_attest_policy_sentence(report->policy, &set->decision, v, sentence));
    findings_json(d, set, false);
    findings_json(d, set, true);
    put(d, ", \"advisories\": [");
    for (size_t i = 0; i < v->advisory_count; i++) {
        put(d, i ? ", " : "");
        ee_document_string(d, v->advisories[i]);
    }
    put(d, "]}");
}

enum ee_err ee_attest_tcb_report_json(const struct ee_tcb_report *report, char *out,
                                      size_t capacity, size_t *size_out)
{
    struct ee_document d = {out, capacity, 0};
    const struct ee_verdict *v = report->sets[0].verdict;
    char hex[2 * EE_PPID_SIZE + 1];
    put(&d, "{\n  \"outcome\": ");
    ee_document_string(&d, ee_attest_tcb_outcome_name(report->outcome));
    ee_document_member(&d, "policy", report->policy->name);
    ee_document_time(&d, "time", v->time_s);
    ee_document_time(&d, "fails_from", report->fails_from_s);
    ee_document_time(&d, "standard_until", report->fails_until_s);
    if (v->platform_decoded) {
        ee_document_member(&d, "fmspc", ee_hex_encode(v->platform.fmspc, EE_FMSPC_SIZE, hex));
        ee_document_member(&d, "ppid", ee_hex_encode(v->platform.ppid, EE_PPID_SIZE, hex));
    }
    put(&d, ",\n  \"sets\": [");
    for (size_t i = 0; i < report->set_count; i++)
        set_json(&d, report, i);
    put(&d, "],\n  \"ahead\": [");
    for (size_t i = 0; i < report->event_count; i++) {
        put(&d, i ? ",\n    {\"what\": " : "\n    {\"what\": ");
        ee_document_string(&d, report->events[i].what);
        ee_document_time(&d, "at", report->events[i].at_s);
        ee_document_member(&d, "cure", report->events[i].cure);
        put(&d, "}");
    }
    put(&d, "]\n}\n");
    return ee_document_done(&d, size_out);
}
