/* SPDX-License-Identifier: Apache-2.0 */
#include "control/outlook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "control/json.h"
#include "io/clock.h"
#include "io/log.h"
#include "link/collateral_store.h"

#include "base/banned.h"

enum { TEXT_SIZE = 1024 };

struct row {
    char node[EE_NAME_MAX + 1];
    bool warned; /* as last logged */
    uint64_t noted;
    struct ee_tcb_facts facts;
};

struct ee_outlook {
    size_t max, count;
    uint64_t notes;
    struct row *rows;
};

enum ee_err ee_outlook_new(size_t nodes_max, struct ee_outlook **out)
{
    struct ee_outlook *outlook = calloc(1, sizeof *outlook);
    if (outlook == NULL)
        return EE_NO_MEMORY;
    outlook->max = nodes_max > 0 ? nodes_max : EE_OUTLOOK_NODES_MAX;
    outlook->rows = calloc(outlook->max, sizeof *outlook->rows);
    if (outlook->rows == NULL) {
        free(outlook);
        return EE_NO_MEMORY;
    }
    *out = outlook;
    return EE_OK;
}

void ee_outlook_free(struct ee_outlook *outlook)
{
    if (outlook == NULL)
        return;
    free(outlook->rows);
    free(outlook);
}

size_t ee_outlook_count(const struct ee_outlook *outlook)
{
    return outlook->count;
}

static struct row *row_find(struct ee_outlook *outlook, const char *node)
{
    for (size_t i = 0; outlook != NULL && i < outlook->count; i++)
        if (strcmp(outlook->rows[i].node, node) == 0)
            return &outlook->rows[i];
    return NULL;
}

bool ee_outlook_family(struct ee_outlook *outlook, const char *node, uint8_t out[EE_FMSPC_SIZE])
{
    const struct row *row = row_find(outlook, node);
    if (row != NULL)
        memcpy(out, row->facts.platform.fmspc, EE_FMSPC_SIZE);
    return row != NULL;
}

/* The node's row, a free one, or the one noted longest ago. */
static struct row *row_take(struct ee_outlook *outlook, const char *node)
{
    struct row *row = row_find(outlook, node);
    if (row != NULL)
        return row;
    if (outlook->count < outlook->max) {
        row = &outlook->rows[outlook->count++];
    } else {
        row = &outlook->rows[0];
        for (size_t i = 1; i < outlook->count; i++)
            if (outlook->rows[i].noted < row->noted)
                row = &outlook->rows[i];
    }
    memset(row, 0, sizeof *row);
    (void)snprintf(row->node, sizeof row->node, "%s", node);
    return row;
}

/* ---- judging ---- */

/* An early set that the standard one has overtaken says nothing about what comes. */
static bool is_coming(const struct ee_control *control, const struct ee_collateral_set *set)
{
    const struct ee_collateral_set *standard =
        ee_collateral_store_find(control->collateral, set->facts.fmspc, false);
    return !set->early || standard == NULL ||
           set->documents.tcb_info.evaluation >= standard->documents.tcb_info.evaluation;
}

static bool refused_by(const struct ee_control *control, const struct row *row,
                       const struct ee_collateral_set *set, struct ee_tcb_outlook *out)
{
    struct ee_evidence_policy policy;
    /* Nothing is decided here, so the wall clock will do. */
    ee_trust_policy(&control->trust, EE_ROLE_AGENT, (int64_t)(ee_clock_wall_us() / 1000000),
                    &policy);
    return set != NULL && is_coming(control, set) &&
           ee_tcb_outlook_judge(&set->documents, &row->facts, policy.tcb, policy.time_s, out) ==
               EE_OK &&
           out->err != EE_OK;
}

/* "TDX module SVN 5, needs 9: update the TDX module; ..." */
static void shortfall_text(const struct ee_tcb_outlook *outlook, char out[TEXT_SIZE])
{
    char text[EE_FINDING_TEXT_SIZE];
    size_t size = 0;
    out[0] = '\0';
    for (size_t i = 0; i < outlook->finding_count; i++) {
        int length = snprintf(out + size, TEXT_SIZE - size, "%s%s", size > 0 ? "; " : "",
                              ee_attest_finding_text(&outlook->findings[i], text));
        if (length < 0 || (size_t)length >= TEXT_SIZE - size)
            break;
        size += (size_t)length;
    }
    if (size == 0)
        (void)snprintf(out, TEXT_SIZE, "%s", ee_attest_finding_text(&outlook->refusal, text));
}

static void warn(const struct row *row, const struct ee_collateral_set *set,
                 const struct ee_tcb_outlook *outlook)
{
    char text[TEXT_SIZE];
    shortfall_text(outlook, text);
    EE_LOG(EE_LOG_WARN, "outlook",
           set->early ? "node will fail under the coming TCB set"
                      : "node fails under the TCB set in use",
           ee_log_text("node", row->node),
           ee_log_text("status", ee_attest_tcb_status_name(outlook->status)),
           ee_log_unsigned("evaluation", outlook->evaluation), ee_log_text("short", text));
}

void ee_outlook_note(struct ee_control *control, const char *node, const struct ee_verdict *verdict)
{
    struct ee_tcb_outlook outlook;
    struct row *row = row_take(control->outlook, node);
    bool known = row->noted != 0, warned = row->warned;
    row->noted = ++control->outlook->notes;
    ee_tcb_facts_of(verdict, &row->facts);
    const struct ee_collateral_set *early =
        ee_collateral_store_find(control->collateral, row->facts.platform.fmspc, true);
    row->warned = refused_by(control, row, early, &outlook);
    if (row->warned && !warned)
        warn(row, early, &outlook);
    else if (known && warned && !row->warned)
        EE_LOG(EE_LOG_INFO, "outlook", "node is ready for the coming TCB set",
               ee_log_text("node", node));
}

size_t ee_outlook_judge(struct ee_control *control, const struct ee_collateral_set *set,
                        json_t *names, size_t limit)
{
    struct ee_outlook *table = control->outlook;
    struct ee_tcb_outlook outlook;
    size_t refused = 0;
    for (size_t i = 0; i < table->count; i++) {
        struct row *row = &table->rows[i];
        if (!refused_by(control, row, set, &outlook))
            continue;
        warn(row, set, &outlook);
        row->warned = row->warned || set->early;
        if (names != NULL && refused < limit)
            json_array_append_new(names, json_string(row->node));
        refused++;
    }
    return refused;
}

/* ---- what the API shows ---- */

static json_t *time_json(int64_t time_s)
{
    return ee_json_time((uint64_t)time_s * 1000000);
}

static json_t *short_json(const struct ee_finding *finding)
{
    char text[EE_FINDING_TEXT_SIZE];
    return json_pack("{s:s, s:I, s:I, s:I, s:s, s:s}", "id", ee_attest_reason_name(finding->reason),
                     "index", (json_int_t)finding->index, "have", (json_int_t)finding->have, "need",
                     (json_int_t)finding->need, "label", finding->label, "text",
                     ee_attest_finding_text(finding, text));
}

static json_t *warning_json(const struct ee_collateral_set *set,
                            const struct ee_collateral_set *standard,
                            const struct ee_tcb_outlook *outlook)
{
    char sentence[TEXT_SIZE + 256], text[TEXT_SIZE], until[EE_TIME_TEXT_SIZE];
    json_t *list = json_array();
    int64_t until_s = standard != NULL ? standard->facts.expires_s : set->facts.issued_s;
    for (size_t i = 0; i < outlook->finding_count; i++)
        json_array_append_new(list, short_json(&outlook->findings[i]));
    shortfall_text(outlook, text);
    if (set->early)
        (void)snprintf(sentence, sizeof sentence,
                       "TCB set %u, which comes, makes this platform %s: %s. The set in use is "
                       "valid until %s",
                       outlook->evaluation, ee_attest_tcb_status_name(outlook->status), text,
                       ee_time_format(until_s, until));
    else
        (void)snprintf(sentence, sizeof sentence,
                       "TCB set %u, in use since %s, makes this platform %s: %s. Its next "
                       "attestation is refused",
                       outlook->evaluation, ee_time_format(set->facts.issued_s, until),
                       ee_attest_tcb_status_name(outlook->status), text);
    return json_pack(
        "{s:s, s:s, s:I, s:s, s:o, s:o, s:s, s:o}", "code",
        set->early ? "coming_tcb_set" : "tcb_set", "kind", set->early ? "early" : "standard",
        "evaluation", (json_int_t)outlook->evaluation, "status",
        ee_attest_tcb_status_name(outlook->status), "issued_at", time_json(set->facts.issued_s),
        "standard_valid_until", time_json(until_s), "text", sentence, "short", list);
}

json_t *ee_outlook_warnings(struct ee_control *control, const char *node)
{
    struct ee_tcb_outlook outlook;
    json_t *list = json_array();
    const struct row *row = row_find(control->outlook, node);
    if (row == NULL)
        return list;
    const uint8_t *fmspc = row->facts.platform.fmspc;
    const struct ee_collateral_set *standard =
        ee_collateral_store_find(control->collateral, fmspc, false);
    const struct ee_collateral_set *sets[] = {
        standard, ee_collateral_store_find(control->collateral, fmspc, true)};
    for (size_t i = 0; i < 2; i++)
        if (refused_by(control, row, sets[i], &outlook))
            json_array_append_new(list, warning_json(sets[i], standard, &outlook));
    return list;
}
