/* SPDX-License-Identifier: Apache-2.0 */
/* What the network is, and whether this process can serve. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "control/api.h"
#include "control/certificates.h"
#include "control/collateral.h"
#include "control/readiness.h"

#include "base/banned.h"

void ee_api_healthz(struct ee_api_call *call)
{
    ee_api_answer_json(call, 200, json_pack("{s:s}", "status", "up"));
}

void ee_api_readyz(struct ee_api_call *call)
{
    const char *reasons[EE_READINESS_REASONS_MAX];
    size_t count = ee_readiness_reasons(call->control, reasons);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(reasons[i]));
    json_t *warnings = ee_control_collateral_warnings(call->control);
    ee_certificates_warnings(call->control->certificates, warnings);
    ee_api_answer_json(call, count == 0 ? 200 : 503,
                       json_pack("{s:b, s:o, s:o, s:o}", "ready", count == 0, "reasons", list,
                                 "warnings", warnings, "certificates",
                                 ee_certificates_json(call->control->certificates)));
}

static json_t *params_json(const struct ee_params *p)
{
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "period_s",
        (json_int_t)p->period_s, "slot_ms", (json_int_t)p->slot_ms, "tries", (json_int_t)p->tries,
        "try_window_ms", (json_int_t)p->try_window_ms, "attestation_s",
        (json_int_t)p->attestation_s, "lock_lead_s", (json_int_t)p->lock_lead_s, "start_timeout_s",
        (json_int_t)p->start_timeout_s, "held_max_s", (json_int_t)p->held_max_s, "migrate_after_s",
        (json_int_t)p->migrate_after_s, "reconnect_grace_ms", (json_int_t)p->reconnect_grace_ms,
        "report_wait_s", (json_int_t)p->report_wait_s);
}

void ee_api_network(struct ee_api_call *call)
{
    struct ee_control *control = call->control;
    const struct ee_genesis *genesis = &control->trust.genesis;
    bool production = genesis->kind == EE_NETWORK_PRODUCTION;
    ee_api_answer_json(call, 200,
                       json_pack("{s:o, s:s, s:s, s:b, s:s, s:o, s:s, s:s, s:o, s:o}", "network",
                                 ee_json_hex(control->trust.network_id, 32), "name", genesis->name,
                                 "kind", production ? "production" : "development", "simulated",
                                 ee_tdx_device_simulated(control->device), "profile",
                                 control->params->name, "params", params_json(control->params),
                                 "genesis", (const char *)control->genesis_file.data,
                                 "software_version", EE_SOFTWARE_VERSION, "collateral",
                                 ee_control_collateral_json(control), "warnings",
                                 ee_control_collateral_warnings(control)));
}

void ee_api_checkpoint(struct ee_api_call *call)
{
    ee_api_answer_text(call, "text/plain; charset=utf-8",
                       ee_sequencer_checkpoint(call->control->sequencer));
}

/* Receipts of the logged changes, in order, so that a client can check each. */
void ee_api_allow_changes(struct ee_api_call *call)
{
    struct ee_control *control = call->control;
    json_t *items = json_array();
    for (size_t i = 0;; i++) {
        char *receipt = NULL;
        size_t size = 0;
        uint64_t seq = ee_core_allow_change_seq(ee_control_core(control), i);
        if (seq == 0)
            break;
        if (ee_receipt_store_bare(control->evidence, control->sequencer, seq, &receipt, &size) !=
            EE_OK)
            break; /* not durable yet: the list ends before it */
        json_array_append_new(items,
                              json_pack("{s:o, s:s}", "seq", ee_json_u64(seq), "receipt", receipt));
        free(receipt);
    }
    ee_api_answer_json(call, 200, json_pack("{s:o}", "items", items));
}

static void allow_done(struct ee_api_call *call, const struct ee_answer *answer)
{
    ee_api_answer_json(call, 200, json_pack("{s:o}", "seq", ee_json_u64(answer->seq)));
}

static enum ee_err role_of(const char *name, uint8_t *out)
{
    for (int role = EE_ROLE_CONTROL; role <= EE_ROLE_WITNESS; role++) {
        if (strcmp(name, ee_role_name((enum ee_role)role)) == 0) {
            *out = (uint8_t)role;
            return EE_OK;
        }
    }
    return EE_SYNTAX;
}

void ee_api_allow(struct ee_api_call *call)
{
    struct ee_allow_change change = {0};
    const char *role = NULL;
    bool add = false;
    const struct ee_json_field fields[] = {
        {"add", EE_JSON_BOOL, &add, 0, false},
        {"role", EE_JSON_STRING, &role, 0, false},
        {"measurement", EE_JSON_HEX, change.measurement, sizeof change.measurement, false},
        {"label", EE_JSON_TEXT, change.label, sizeof change.label, false},
        {"number", EE_JSON_U64, &change.number, 0, false},
        {"signature", EE_JSON_HEX, change.signature, sizeof change.signature, false},
    };
    if (!ee_api_read(call, fields, sizeof fields / sizeof fields[0]))
        return;
    change.add = add;
    if (role_of(role, &change.role) != EE_OK) {
        ee_api_fail(call, EE_SYNTAX, "role: control, agent or witness");
        return;
    }
    struct ee_writer writer = ee_api_payload(call);
    enum ee_err err = ee_allow_change_encode(&change, &writer);
    ee_api_submit(call, EE_COMMAND_ALLOW, &writer, err, allow_done);
}
