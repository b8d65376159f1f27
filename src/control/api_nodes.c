/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes: enrolment, price, list. */
#include <string.h>

#include "base/text.h"
#include "control/api.h"
#include "control/api_view.h"
#include "control/outlook.h"

#include "base/banned.h"

static void enrol_done(struct ee_api_call *call, const struct ee_answer *answer)
{
    const char *node = json_string_value(json_object_get(call->body, "node"));
    ee_api_answer_json(call, 201,
                       json_pack("{s:s, s:o}", "node", node, "seq", ee_json_u64(answer->seq)));
}

void ee_api_node_enrol(struct ee_api_call *call)
{
    struct ee_node_enrol enrol = {0};
    const struct ee_json_field fields[] = {
        {"node", EE_JSON_NAME, enrol.node, 0, false},
        {"platform_id", EE_JSON_HEX, enrol.platform_id, sizeof enrol.platform_id, false},
        {"agent_key", EE_JSON_HEX, enrol.agent_key, sizeof enrol.agent_key, false},
        {"vcpus", EE_JSON_U32, &enrol.vcpus, 0, false},
        {"price", EE_JSON_PRICE, &enrol.price_nanos, 0, false},
        {"region", EE_JSON_TEXT, enrol.region, sizeof enrol.region, false},
        {"signature", EE_JSON_HEX, enrol.signature, sizeof enrol.signature, false},
    };
    if (!ee_api_read(call, fields, sizeof fields / sizeof fields[0]))
        return;
    struct ee_writer writer = ee_api_payload(call);
    enum ee_err err = ee_node_enrol_encode(&enrol, &writer);
    ee_api_submit(call, EE_COMMAND_NODE_ENROL, &writer, err, enrol_done);
}

static void price_done(struct ee_api_call *call, const struct ee_answer *answer)
{
    json_t *price = json_object_get(call->body, "price");
    ee_api_answer_json(call, 200,
                       json_pack("{s:s, s:O, s:o}", "node", call->values.value[0], "price", price,
                                 "seq", ee_json_u64(answer->seq)));
}

void ee_api_node_price(struct ee_api_call *call)
{
    struct ee_node_price change = {0};
    const struct ee_json_field fields[] = {
        {"price", EE_JSON_PRICE, &change.price_nanos, 0, false},
    };
    if (!ee_api_read(call, fields, 1))
        return;
    if (!ee_name_valid(call->values.value[0])) {
        ee_api_fail(call, EE_NODE_UNKNOWN, NULL);
        return;
    }
    memcpy(change.node, call->values.value[0], strlen(call->values.value[0]) + 1);
    struct ee_writer writer = ee_api_payload(call);
    enum ee_err err = ee_node_price_encode(&change, &writer);
    ee_api_submit(call, EE_COMMAND_NODE_PRICE, &writer, err, price_done);
}

/* What concerns the money of its operator is shown to nobody else. */
static json_t *node_json(struct ee_api_call *call, const struct ee_node *node)
{
    json_t *value = ee_view_node(node);
    if (call->admin || strcmp(call->account, node->operator_name) == 0)
        json_object_set_new(value, "warnings", ee_outlook_warnings(call->control, node->name));
    return value;
}

void ee_api_node(struct ee_api_call *call)
{
    const struct ee_node *node =
        ee_core_node(ee_control_core(call->control), call->values.value[0]);
    if (node != NULL)
        ee_api_answer_json(call, 200, node_json(call, node));
    else
        ee_api_fail(call, EE_NODE_UNKNOWN, NULL);
}

void ee_api_nodes(struct ee_api_call *call)
{
    const struct ee_core *core = ee_control_core(call->control);
    struct ee_page page;
    if (!ee_api_page(call, &page))
        return;
    json_t *items = json_array();
    const struct ee_node *node;
    size_t index = page.start;
    for (; (node = ee_core_node_at(core, index)) != NULL; index++) {
        if (json_array_size(items) == page.limit)
            break;
        json_array_append_new(items, node_json(call, node));
    }
    ee_api_answer_page(call, items, node != NULL ? index : 0);
}
