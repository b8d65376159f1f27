/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs over the log: that one head continues another, that a command is under a head. */
#include <string.h>

#include "base/text.h"
#include "control/api.h"
#include "control/proofs.h"

#include "base/banned.h"

/* A number of the query; `missing` when it is not given. False: answered already. */
static bool number_read(struct ee_api_call *call, const char *name, uint64_t missing, uint64_t *out)
{
    char text[24];
    enum ee_err err = ee_query_value(call->query, name, text, sizeof text);
    if (err == EE_NOT_FOUND && missing > 0) {
        *out = missing;
        return true;
    }
    if (err == EE_NOT_FOUND)
        err = EE_MISSING_FIELD;
    if (err == EE_OK)
        err = ee_u64_parse(text, out);
    if (err != EE_OK)
        ee_api_fail(call, err, name);
    return err == EE_OK;
}

void ee_api_consistency(struct ee_api_call *call)
{
    struct ee_control *control = call->control;
    uint64_t from, to, newest = ee_sequencer_durable_seq(control->sequencer);
    if (!number_read(call, "from", 0, &from) || !number_read(call, "to", newest, &to))
        return;
    json_t *proof = ee_proofs_consistency(control, from, to);
    if (proof != NULL)
        ee_api_answer_json(call, 200, proof);
    else
        ee_api_fail(call, EE_RANGE, "0 <= from <= to <= size of the newest checkpoint");
}

void ee_api_inclusion(struct ee_api_call *call)
{
    struct ee_control *control = call->control;
    uint64_t seq, size, newest = ee_sequencer_durable_seq(control->sequencer);
    if (!number_read(call, "seq", 0, &seq) || !number_read(call, "size", newest, &size))
        return;
    json_t *proof = ee_proofs_inclusion(control, seq, size);
    if (proof != NULL)
        ee_api_answer_json(call, 200, proof);
    else
        ee_api_fail(call, EE_RANGE, "1 <= seq <= size <= size of the newest checkpoint");
}
