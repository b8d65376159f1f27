/* SPDX-License-Identifier: Apache-2.0 */
/* Why a lease or app was placed, moved, ended, paid or refunded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "control/api.h"
#include "control/api_view.h"
#include "control/history.h"

#include "base/banned.h"

enum { TEXT_SIZE = 256, LEASES_EXPLAINED = 50 };

static void add_line(json_t *lines, uint64_t at_us, uint64_t seq, const char *what,
                     const char *text)
{
    json_array_append_new(lines, json_pack("{s:o, s:o, s:s, s:s}", "at", ee_json_time(at_us), "seq",
                                           seq != 0 ? ee_json_u64(seq) : json_null(), "what", what,
                                           "text", text));
}

/* Why this node and not the others, from the stored answer to the reservation. */
static void explain_placement(const struct ee_control *control, const struct ee_lease *lease,
                              uint64_t seq, json_t *lines)
{
    struct ee_history *history;
    struct ee_reserve_result result;
    char text[TEXT_SIZE], price[EE_MONEY_TEXT_SIZE];
    if (ee_history_read(control->sequencer, seq, &history) != EE_OK)
        return;
    bool known =
        history->command.kind == EE_COMMAND_LEASE_RESERVE &&
        ee_reserve_result_decode(ee_bytes_of(history->result.body, history->result.body_size),
                                 &result) == EE_OK;
    ee_history_free(history);
    uint32_t count = known ? result.row_count : 0;
    for (uint32_t i = 0; i < count && i < EE_EXPLAIN_MAX; i++) {
        const struct ee_placement_row *row = &result.rows[i];
        snprintf(text, sizeof text, "%s at $%s per vCPU-hour: %s", row->node,
                 ee_price_format(row->price_nanos, price), ee_placement_reason_text(row->reason));
        add_line(lines, lease->reserved_us, seq,
                 row->reason == EE_PLACE_CHOSEN ? "chosen" : "not_chosen", text);
    }
}

static void explain_start(const struct ee_core *core, const struct ee_control *control,
                          const struct ee_lease *lease, json_t *lines)
{
    char text[TEXT_SIZE], price[EE_MONEY_TEXT_SIZE];
    const struct ee_period *first = ee_core_period(core, lease->id, 0);
    uint64_t seq = first != NULL ? first->lock_seq : 0;
    snprintf(text, sizeof text, "%u vCPUs on %s of %s at $%s per vCPU-hour", lease->vcpus,
             lease->node, lease->operator_name, ee_price_format(lease->price_nanos, price));
    add_line(lines, lease->reserved_us, seq, "reserved", text);
    explain_placement(control, lease, seq, lines);
    if (lease->running_us != 0)
        add_line(lines, lease->running_us, 0, "running", "the agent reports that it runs");
}

static void explain_period(const struct ee_period *p, json_t *lines)
{
    char text[TEXT_SIZE], locked[EE_MONEY_TEXT_SIZE], paid[EE_MONEY_TEXT_SIZE],
        refunded[EE_MONEY_TEXT_SIZE];
    const char *verdict = ee_verdict_name(p->verdict);
    if (p->settle_seq == 0)
        verdict = "open";
    snprintf(text, sizeof text,
             "period %u: %s (%s); health %u ok %u missed, attestation %u ok %u missed; locked $%s, "
             "paid $%s, refunded $%s",
             p->index, verdict, ee_fail_reason_name(p->reason), p->health_ok, p->health_missed,
             p->attestation_ok, p->attestation_missed, ee_money_format(p->locked, locked),
             ee_money_format(p->paid, paid), ee_money_format(p->refunded, refunded));
    add_line(lines, p->ends_us, p->settle_seq, ee_lock_state_name(p->state), text);
}

static const char *end_text(enum ee_end_reason reason)
{
    switch (reason) {
    case EE_END_EXITED:
        return "the workload ended by itself";
    case EE_END_START_FAILED:
        return "it could not be started; nothing is owed";
    case EE_END_STOPPED:
        return "stopped by its launcher";
    case EE_END_NODE_LOST:
        return "its node was unreachable too long";
    case EE_END_CREDITS:
        return "no credits for the next period";
    case EE_END_START_TIMEOUT:
        return "it was not started in time; nothing is owed";
    case EE_END_AGENT_LOST_IT:
        return "the agent came back but no longer runs it";
    }
    return "";
}

static void explain_lease(const struct ee_control *control, const struct ee_lease *lease,
                          json_t *lines)
{
    const struct ee_core *core = ee_control_core(control);
    char text[TEXT_SIZE];
    explain_start(core, control, lease, lines);
    for (uint32_t i = 0; i < lease->period_count; i++) {
        const struct ee_period *period = ee_core_period(core, lease->id, i);
        if (period != NULL && (period->starts_us != 0 || period->settle_seq != 0))
            explain_period(period, lines);
    }
    if (lease->state != EE_LEASE_ENDED)
        return;
    snprintf(text, sizeof text, "%s", end_text(lease->end_reason));
    if (lease->end_reason == EE_END_EXITED)
        snprintf(text, sizeof text, "%s with code %d", end_text(lease->end_reason),
                 lease->exit_code);
    add_line(lines, lease->ended_us, 0, ee_end_reason_name(lease->end_reason), text);
}

static void explain_app(const struct ee_control *control, const struct ee_app *app, json_t *lines)
{
    const struct ee_core *core = ee_control_core(control);
    const struct ee_lease *lease;
    size_t explained = 0;
    for (size_t i = 0; (lease = ee_core_lease_at(core, i)) != NULL; i++)
        if (strcmp(lease->app, app->name) == 0 && explained++ < LEASES_EXPLAINED)
            explain_lease(control, lease, lines);
    if (app->waits_for_secrets)
        add_line(lines, ee_core_time_us(core), 0, "waits",
                 "it lost its node; supply its secrets again to start it elsewhere");
    else if (app->wanted && (lease = ee_core_lease(core, app->lease)) != NULL &&
             lease->state == EE_LEASE_ENDED)
        add_line(lines, ee_core_time_us(core), 0, "waits", "no node is eligible now");
}

static const struct ee_lease *lease_named(const struct ee_core *core, const char *text)
{
    uint8_t id[EE_ID_SIZE];
    if (ee_hex_decode(ee_bytes_str(text), id, sizeof id) != EE_OK)
        return NULL;
    return ee_core_lease(core, id);
}

void ee_api_explain(struct ee_api_call *call)
{
    const struct ee_core *core = ee_control_core(call->control);
    const char *subject = call->values.value[0];
    const struct ee_lease *lease = lease_named(core, subject);
    const struct ee_app *app = ee_core_app(core, subject);
    json_t *lines = json_array();
    if (lease != NULL && (strcmp(lease->launcher, call->account) == 0 ||
                          strcmp(lease->operator_name, call->account) == 0)) {
        explain_lease(call->control, lease, lines);
    } else if (app != NULL && strcmp(app->launcher, call->account) == 0) {
        explain_app(call->control, app, lines);
    } else {
        json_decref(lines);
        ee_api_fail(call, EE_NOT_FOUND, NULL);
        return;
    }
    ee_api_answer_json(call, 200, json_pack("{s:s, s:o}", "subject", subject, "lines", lines));
}
