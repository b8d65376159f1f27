/* SPDX-License-Identifier: Apache-2.0 */
/* Credits back into dollars: asked for by their account, answered by the issuer's signed word. */
#include <string.h>

#include "control/api.h"
#include "control/api_view.h"

#include "base/banned.h"

static const char *state_name(enum ee_redemption_state state)
{
    return state == EE_REDEMPTION_PENDING     ? "pending"
           : state == EE_REDEMPTION_CONFIRMED ? "confirmed"
                                              : "refused";
}

static json_t *redemption_json(const struct ee_core *core, const struct ee_redemption *r)
{
    return json_pack("{s:o, s:s, s:o, s:s, s:s, s:s, s:o, s:o}", "redemption",
                     ee_json_hex(r->id, EE_ID_SIZE), "account", r->account, "amount",
                     ee_json_money(r->amount.micros), "state", state_name(r->state), "destination",
                     ee_core_redemption_destination(core, r->id), "reference",
                     ee_core_redemption_reference(core, r->id), "seq", ee_json_u64(r->seq),
                     "settle_seq", r->settle_seq != 0 ? ee_json_u64(r->settle_seq) : json_null());
}

static void redeem_done(struct ee_api_call *call, const struct ee_answer *answer)
{
    const struct ee_core *core = ee_control_core(call->control);
    struct ee_redeem_result result;
    if (ee_redeem_result_decode(answer->body, &result) != EE_OK) {
        ee_api_fail(call, EE_STATE, "the stored answer does not decode");
        return;
    }
    json_t *value = json_pack(
        "{s:o, s:s, s:o, s:o, s:o}", "redemption", ee_json_hex(result.redemption, EE_ID_SIZE),
        "account", result.account, "amount", ee_json_money(result.amount.micros), "available",
        ee_json_money(result.available.micros), "seq", ee_json_u64(answer->seq));
    const struct ee_redemption *r = ee_core_redemption(core, result.redemption);
    bool own = strcmp(call->account, result.account) == 0;
    if (!own) /* the issuer's word may come with anybody's key: it shows no balance */
        json_object_del(value, "available");
    json_object_set_new(value, "state",
                        json_string(state_name(r != NULL ? r->state : EE_REDEMPTION_PENDING)));
    ee_api_answer_json(call, call->values.count == 0 ? 201 : 200, value);
}

void ee_api_redeem(struct ee_api_call *call)
{
    struct ee_redeem redeem = {0};
    const struct ee_json_field fields[] = {
        {"amount", EE_JSON_MONEY, &redeem.amount, 0, false},
        {"destination", EE_JSON_TEXT, redeem.destination, sizeof redeem.destination, true},
    };
    if (!ee_api_read(call, fields, sizeof fields / sizeof fields[0]))
        return;
    struct ee_writer writer = ee_api_payload(call);
    enum ee_err err = ee_redeem_encode(&redeem, &writer);
    call->on_refused = ee_api_limit_refused;
    ee_api_submit(call, EE_COMMAND_REDEEM, &writer, err, redeem_done);
}

void ee_api_redemption_word(struct ee_api_call *call)
{
    struct ee_redemption_word word = {0};
    bool confirm = false;
    const struct ee_json_field fields[] = {
        {"confirm", EE_JSON_BOOL, &confirm, 0, false},
        {"reference", EE_JSON_TEXT, word.reference, sizeof word.reference, true},
        {"signature", EE_JSON_HEX, word.signature, sizeof word.signature, false},
    };
    if (!ee_api_path_hex(call, 0, word.redemption, sizeof word.redemption) ||
        !ee_api_read(call, fields, sizeof fields / sizeof fields[0]))
        return;
    word.confirm = confirm;
    struct ee_writer writer = ee_api_payload(call);
    enum ee_err err = ee_redemption_word_encode(&word, &writer);
    ee_api_submit(call, EE_COMMAND_REDEMPTION, &writer, err, redeem_done);
}

void ee_api_redemption(struct ee_api_call *call)
{
    const struct ee_core *core = ee_control_core(call->control);
    uint8_t id[EE_ID_SIZE];
    if (!ee_api_path_hex(call, 0, id, sizeof id))
        return;
    const struct ee_redemption *r = ee_core_redemption(core, id);
    if (r == NULL || strcmp(r->account, call->account) != 0)
        ee_api_fail(call, EE_REDEMPTION_UNKNOWN, NULL);
    else
        ee_api_answer_json(call, 200, redemption_json(core, r));
}

/* The account's own; with the admin key everybody's, for whoever asks the issuer. */
void ee_api_redemptions(struct ee_api_call *call)
{
    const struct ee_core *core = ee_control_core(call->control);
    const struct ee_redemption *r;
    struct ee_page page;
    if (!ee_api_page(call, &page))
        return;
    json_t *items = json_array();
    size_t index = page.start;
    for (; (r = ee_core_redemption_at(core, index)) != NULL; index++) {
        if (!call->admin && strcmp(r->account, call->account) != 0)
            continue;
        if (json_array_size(items) == page.limit)
            break;
        json_array_append_new(items, redemption_json(core, r));
    }
    ee_api_answer_page(call, items, r != NULL ? index : 0);
}
