/* SPDX-License-Identifier: Apache-2.0 */
/* The attestation policy in force and its changes: docs/spec/policy.md. */
#include <stdlib.h>
#include <string.h>

#include "control/api.h"
#include "control/verify.h"

#include "base/banned.h"

/* The file form as JSON; NULL when memory is short. */
static json_t *policy_json(const struct ee_attest_policy *policy)
{
    size_t size;
    json_t *out = NULL;
    char *text = malloc(EE_POLICY_TEXT_MAX);
    if (text != NULL && ee_attest_policy_print(policy, text, EE_POLICY_TEXT_MAX, &size) == EE_OK)
        out = json_loadb(text, size, 0, NULL);
    free(text);
    return out;
}

/* Number, place in the log and hash of each change up to the one in force. */
static json_t *changes_json(const struct ee_control *control)
{
    json_t *list = json_array();
    for (uint64_t i = 0; i < control->trust.last_policy; i++) {
        const struct ee_policy_applied *applied =
            ee_core_policy_change(ee_control_core(control), (size_t)i);
        json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "number", ee_json_u64(i + 1),
                                              "seq", ee_json_u64(applied->seq), "hash",
                                              ee_json_hex(applied->hash, 32)));
    }
    return list;
}

void ee_api_policy(struct ee_api_call *call)
{
    struct ee_control *control = call->control;
    char *receipt = NULL;
    size_t size = 0;
    enum ee_err err = ee_control_trust_sync(control);
    uint64_t number = control->trust.last_policy;
    json_t *policy = err == EE_OK ? policy_json(&control->trust.policy) : NULL;
    if (err == EE_OK && policy == NULL)
        err = EE_NO_MEMORY;
    if (err == EE_OK && number > 0)
        err = ee_receipt_store_bare(
            control->evidence, control->sequencer,
            ee_core_policy_change(ee_control_core(control), (size_t)number - 1)->seq, &receipt,
            &size);
    if (err == EE_OK)
        ee_api_answer_json(call, 200,
                           json_pack("{s:o, s:O, s:s?, s:o}", "number", ee_json_u64(number),
                                     "policy", policy, "receipt", receipt, "changes",
                                     changes_json(control)));
    else
        ee_api_fail(call, err, NULL);
    json_decref(policy);
    free(receipt);
}

static void policy_done(struct ee_api_call *call, const struct ee_answer *answer)
{
    ee_api_answer_json(call, 200, json_pack("{s:o}", "seq", ee_json_u64(answer->seq)));
}

void ee_api_policy_change(struct ee_api_call *call)
{
    struct ee_policy_change change = {0};
    struct ee_json_blob policy = {0};
    const struct ee_json_field fields[] = {
        {"number", EE_JSON_U64, &change.number, 0, false},
        {"policy", EE_JSON_BLOB, &policy, EE_POLICY_BYTES_MAX, false},
        {"signature", EE_JSON_HEX, change.signature, sizeof change.signature, false},
    };
    if (!ee_api_read(call, fields, sizeof fields / sizeof fields[0])) {
        ee_json_blob_free(&policy);
        return;
    }
    change.policy = ee_bytes_of(policy.data, policy.size);
    struct ee_writer writer = ee_api_payload(call);
    enum ee_err err = ee_policy_change_encode(&change, &writer);
    ee_json_blob_free(&policy);
    ee_api_submit(call, EE_COMMAND_POLICY, &writer, err, policy_done);
}
