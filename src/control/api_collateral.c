/* SPDX-License-Identifier: Apache-2.0 */
/* Collateral: what is held, its bytes, and new sets from the operator of the network. The admin key
 * brings them; what makes them true is Intel's signature. */
#include <string.h>

#include "control/api.h"
#include "control/collateral.h"
#include "control/outlook.h"

#include "base/banned.h"

enum { NAMES_MAX = 100 };

void ee_api_collateral(struct ee_api_call *call)
{
    struct ee_control *control = call->control;
    ee_api_answer_json(call, 200,
                       json_pack("{s:o, s:o, s:i}", "items", ee_control_collateral_json(control),
                                 "warnings", ee_control_collateral_warnings(control), "warn_days",
                                 (int)control->collateral_warn_days));
}

void ee_api_collateral_file(struct ee_api_call *call)
{
    uint8_t hash[EE_SHA256_SIZE];
    struct ee_file_data file;
    if (!ee_api_path_hex(call, 0, hash, sizeof hash))
        return;
    enum ee_err err = ee_collateral_store_read(call->control->collateral, hash, &file);
    if (err == EE_OK)
        ee_api_answer_file(call, "application/json", file);
    else
        ee_api_fail(call, err, NULL);
}

/* Proves what the body brings; on failure the call has been answered. */
static bool body_offer(struct ee_api_call *call, enum ee_collateral_offer *offer_out,
                       struct ee_collateral_set **set_out)
{
    char detail[EE_COLLATERAL_DETAIL_SIZE];
    struct ee_control *control = call->control;
    const char *kind = json_string_value(json_object_get(call->body, "kind"));
    const json_t *text = json_object_get(call->body, "collateral");
    bool early = strcmp(kind, "early") == 0;
    enum ee_err err = ee_collateral_store_offer(
        control->collateral, ee_bytes_of(json_string_value(text), json_string_length(text)), early,
        false, ee_control_now_s(control), offer_out, set_out, detail);
    if (err != EE_OK)
        ee_api_fail(call, err, detail);
    return err == EE_OK;
}

static void answer_unchanged(struct ee_api_call *call)
{
    ee_api_answer_json(
        call, 200,
        json_pack("{s:b, s:s}", "changed", 0, "text", "nothing in it is newer than what is held"));
}

/* Journalled: now it comes into use. Proven once more, because another push may have come first. */
static void push_done(struct ee_api_call *call, const struct ee_answer *answer)
{
    struct ee_control *control = call->control;
    enum ee_collateral_offer offer;
    struct ee_collateral_set *set;
    if (!body_offer(call, &offer, &set))
        return;
    if (set == NULL) {
        answer_unchanged(call); /* this very set, by a push at the same moment */
        return;
    }
    enum ee_err err = ee_control_collateral_use(control, set);
    if (err != EE_OK) {
        ee_api_fail(call, err, NULL);
        return;
    }
    json_t *names = json_array();
    size_t failing = ee_outlook_judge(control, set, names, NAMES_MAX);
    json_t *value = ee_control_collateral_set_json(control, set);
    json_object_set_new(value, "changed", json_true());
    json_object_set_new(value, "seq", ee_json_u64(answer->seq));
    json_object_set_new(value, "nodes_known",
                        json_integer((json_int_t)ee_outlook_count(control->outlook)));
    json_object_set_new(value, "nodes_failing", json_integer((json_int_t)failing));
    json_object_set_new(value, "nodes", names);
    ee_api_answer_json(call, 200, value);
}

void ee_api_collateral_push(struct ee_api_call *call)
{
    const char *kind = NULL, *text = NULL;
    enum ee_collateral_offer offer;
    struct ee_collateral_set *set;
    const struct ee_json_field fields[] = {
        {"kind", EE_JSON_STRING, &kind, 0, false},
        {"collateral", EE_JSON_STRING, &text, 0, false},
    };
    if (!ee_api_read(call, fields, sizeof fields / sizeof fields[0]))
        return;
    if (strcmp(kind, "standard") != 0 && strcmp(kind, "early") != 0) {
        ee_api_fail(call, EE_SYNTAX, "kind: standard or early");
        return;
    }
    if (!body_offer(call, &offer, &set))
        return;
    if (set == NULL) {
        answer_unchanged(call);
        return;
    }
    struct ee_writer writer = ee_api_payload(call);
    enum ee_err err = ee_control_collateral_encode(set, &writer);
    ee_collateral_set_free(set);
    ee_api_submit(call, EE_COMMAND_COLLATERAL, &writer, err, push_done);
}
