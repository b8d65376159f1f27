/* SPDX-License-Identifier: Apache-2.0 */
/* Many transfers in one request. */
#include <stdlib.h>
#include <string.h>

#include "control/api.h"
#include "control/transfers_read.h"

#include "base/banned.h"

/* One entry for each transfer that was not made now; null without memory. */
static json_t *exceptions(const struct ee_transfers_result *result, const uint16_t *outcomes)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < result->count; i++)
        if (outcomes[i] != EE_OK)
            json_array_append_new(list, json_pack("{s:i, s:s}", "index", (int)i, "result",
                                                  ee_err_name((enum ee_err)outcomes[i])));
    return list;
}

static bool result_read(struct ee_api_call *call, const struct ee_answer *answer,
                        struct ee_transfers_result *result, json_t **exceptions_out)
{
    uint16_t *outcomes = calloc(EE_TRANSFERS_MAX, sizeof *outcomes);
    enum ee_err err = outcomes == NULL ? EE_NO_MEMORY
                                       : ee_transfers_result_decode(answer->body, result, outcomes);
    if (err == EE_OK)
        *exceptions_out = exceptions(result, outcomes);
    free(outcomes);
    if (err == EE_OK)
        return true;
    ee_api_fail(call, err == EE_NO_MEMORY ? err : EE_STATE, "the stored answer does not decode");
    return false;
}

static void transfers_done(struct ee_api_call *call, const struct ee_answer *answer)
{
    struct ee_transfers_result result;
    json_t *list = NULL;
    if (!result_read(call, answer, &result, &list))
        return;
    uint32_t refused = result.count - result.made - result.repeated;
    ee_api_answer_json(
        call, 200,
        json_pack("{s:s, s:o, s:o, s:o, s:i, s:i, s:i, s:i, s:o}", "account", result.account,
                  "available", ee_json_money(result.available.micros), "locked",
                  ee_json_money(result.locked.micros), "seq", ee_json_u64(answer->seq), "count",
                  (int)result.count, "made", (int)result.made, "repeated", (int)result.repeated,
                  "refused", (int)refused, "exceptions", list));
}

/* All or nothing, and it was nothing. */
static void transfers_refused(struct ee_api_call *call, const struct ee_answer *answer)
{
    struct ee_transfers_result result;
    json_t *list = NULL;
    if (answer->body.size == 0)
        ee_api_fail(call, answer->err, NULL);
    else if (result_read(call, answer, &result, &list))
        ee_api_fail_with(call, answer->err, "exceptions", list);
}

void ee_api_transfers(struct ee_api_call *call)
{
    char detail[EE_TRANSFERS_DETAIL_SIZE];
    struct ee_writer writer = ee_api_payload(call);
    enum ee_err err =
        ee_transfers_read(call->control->crypto, call->raw_body, call->command_id, &writer, detail);
    if (err != EE_OK) {
        ee_api_fail(call, err, detail[0] != '\0' ? detail : NULL);
        return;
    }
    call->on_refused = transfers_refused;
    ee_api_submit(call, EE_COMMAND_TRANSFERS, &writer, err, transfers_done);
}
