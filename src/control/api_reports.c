/* SPDX-License-Identifier: Apache-2.0 */
/* Abuse reports of launchers about their leases. */
#include <string.h>

#include "control/api.h"
#include "control/api_view.h"

#include "base/banned.h"

static void report_done(struct ee_api_call *call, const struct ee_answer *answer)
{
    const json_t *body = call->body;
    ee_api_answer_json(call, 201,
                       json_pack("{s:O, s:O, s:O, s:o}", "lease", json_object_get(body, "lease"),
                                 "period", json_object_get(body, "period"), "category",
                                 json_object_get(body, "category"), "seq",
                                 ee_json_u64(answer->seq)));
}

void ee_api_report_make(struct ee_api_call *call)
{
    struct ee_abuse_report report = {.category = EE_ABUSE_OTHER};
    const char *category = "";
    const struct ee_json_field fields[] = {
        {"lease", EE_JSON_HEX, report.lease, sizeof report.lease, false},
        {"period", EE_JSON_U32, &report.period, 0, false},
        {"category", EE_JSON_STRING, &category, 0, false},
        {"evidence_hash", EE_JSON_HEX, report.evidence_hash, sizeof report.evidence_hash, true},
    };
    if (!ee_api_read(call, fields, sizeof fields / sizeof fields[0]))
        return;
    report.category = ee_abuse_category_of(category);
    if (report.category == 0) {
        ee_api_fail(call, EE_SYNTAX, "category: other, wrong_result, interference or resources");
        return;
    }
    struct ee_writer writer = ee_api_payload(call);
    enum ee_err err = ee_abuse_report_encode(&report, &writer);
    ee_api_submit(call, EE_COMMAND_REPORT, &writer, err, report_done);
}

static json_t *report_json(const struct ee_period *p, const struct ee_report *report)
{
    bool none = ee_bytes_all_zero(report->evidence_hash, sizeof report->evidence_hash);
    return json_pack("{s:o, s:I, s:s, s:o, s:s, s:s, s:o}", "lease",
                     ee_json_hex(p->lease, EE_ID_SIZE), "period", (json_int_t)p->index, "category",
                     ee_abuse_category_name(report->category), "evidence_hash",
                     none ? json_null() : ee_json_hex(report->evidence_hash, 32), "state",
                     ee_lock_state_name(p->state), "verdict", ee_verdict_name(p->verdict), "seq",
                     ee_json_u64(p->report_seq));
}

/* Of its launcher, and those against the nodes of an operator. */
void ee_api_reports(struct ee_api_call *call)
{
    const struct ee_core *core = ee_control_core(call->control);
    const struct ee_period *p;
    struct ee_page page;
    if (!ee_api_page(call, &page))
        return;
    json_t *items = json_array();
    size_t index = page.start;
    for (; (p = ee_core_period_at(core, index)) != NULL; index++) {
        struct ee_report report;
        const struct ee_lease *lease = ee_core_lease(core, p->lease);
        if (p->report_seq == 0 || lease == NULL ||
            (strcmp(lease->launcher, call->account) != 0 &&
             strcmp(lease->operator_name, call->account) != 0) ||
            !ee_core_report(core, p->lease, p->index, &report))
            continue;
        if (json_array_size(items) == page.limit)
            break;
        json_array_append_new(items, report_json(p, &report));
    }
    ee_api_answer_page(call, items, p != NULL ? index : 0);
}
