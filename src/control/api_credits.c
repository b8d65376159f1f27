/* SPDX-License-Identifier: Apache-2.0 */
/* Balances, mints and transfers. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control/api.h"
#include "control/api_view.h"

#include "base/banned.h"

/* Nano-dollars per hour of everything of this account that runs now. */
static int64_t burn_nanos_per_hour(struct ee_control *control, const char *account)
{
    const struct ee_core *core = ee_control_core(control);
    const struct ee_lease *lease;
    int64_t burn = 0;
    ee_live_grow(&control->live, core);
    for (size_t i = 0; (lease = ee_live_at(&control->live, core, i)) != NULL; i++) {
        int64_t part;
        if (lease->state != EE_LEASE_RUNNING || strcmp(lease->launcher, account) != 0)
            continue;
        if (__builtin_mul_overflow(lease->price_nanos, (int64_t)lease->vcpus, &part) ||
            __builtin_add_overflow(burn, part, &burn))
            return INT64_MAX;
    }
    return burn;
}

/* Seconds the credits last, those that are locked for what runs included, at the present burn; null
 * when nothing burns. */
static json_t *runway(struct ee_control *control, const char *account,
                      const struct ee_balance *balance)
{
    const struct ee_money available = {balance->available.micros + balance->locked.micros};
    int64_t burn = burn_nanos_per_hour(control, account);
    if (burn <= 0 || available.micros < 0)
        return json_null();
    ee_u128 seconds = (ee_u128)(uint64_t)available.micros * 1000 * 3600 / (uint64_t)burn;
    return ee_json_u64(seconds > INT64_MAX ? INT64_MAX : (uint64_t)seconds);
}

void ee_api_credits(struct ee_api_call *call)
{
    const struct ee_core *core = ee_control_core(call->control);
    struct ee_balance balance;
    enum ee_err err =
        ee_core_balance_at(core, call->account, ee_control_now_us(call->control), &balance);
    if (err != EE_OK) {
        ee_api_fail(call, err, NULL);
        return;
    }
    json_t *value = json_object();
    ee_view_balance(value, &balance);
    json_object_set_new(value, "runway_s", runway(call->control, call->account, &balance));
    ee_api_answer_json(call, 200, value);
}

/* MINT and TRANSFER answer with the balance after them. */
static void balance_done(struct ee_api_call *call, const struct ee_answer *answer)
{
    struct ee_balance_result result;
    enum ee_err err = ee_balance_result_decode(answer->body, &result);
    if (err != EE_OK) {
        ee_api_fail(call, EE_STATE, "the stored answer does not decode");
        return;
    }
    /* Nothing in it needs escapes; built by jansson it costs as much as the transfer. */
    char available[EE_MONEY_TEXT_SIZE], locked[EE_MONEY_TEXT_SIZE], id[2 * EE_ID_SIZE + 1];
    char text[320];
    ee_hex_encode(call->command_id, EE_ID_SIZE, id);
    int size =
        snprintf(text, sizeof text,
                 "{\"account\":\"%s\",\"available\":\"%s\",\"locked\":\"%s\",\"seq\":\"%" PRIu64
                 "\",\"id\":\"%s\"}",
                 result.account, ee_money_format(result.available, available),
                 ee_money_format(result.locked, locked), answer->seq, id);
    ee_api_answer_text(call, "application/json", ee_bytes_of(text, (size_t)size));
}

void ee_api_mint(struct ee_api_call *call)
{
    struct ee_mint mint = {0};
    const struct ee_json_field fields[] = {
        {"account", EE_JSON_NAME, mint.account, 0, false},
        {"amount", EE_JSON_MONEY, &mint.amount, 0, false},
        {"reference", EE_JSON_TEXT, mint.reference, sizeof mint.reference, false},
        {"signature", EE_JSON_HEX, mint.signature, sizeof mint.signature, false},
    };
    if (!ee_api_read(call, fields, sizeof fields / sizeof fields[0]))
        return;
    struct ee_writer writer = ee_api_payload(call);
    enum ee_err err = ee_mint_encode(&mint, &writer);
    ee_api_submit(call, EE_COMMAND_MINT, &writer, err, balance_done);
}

static json_t *limit_json(enum ee_err err, const struct ee_limit_result *limit)
{
    const char *name = err == EE_TRANSFER_MINIMUM ? "minimum"
                       : err == EE_TRANSFER_DAY   ? "left_today"
                       : err == EE_DEBT           ? "owed"
                                                  : "may_leave";
    json_t *value = json_pack("{s:o}", name, ee_json_money(limit->amount.micros));
    if (limit->until_us != 0)
        json_object_set_new(value, "until", ee_json_time(limit->until_us));
    return value;
}

void ee_api_limit_refused(struct ee_api_call *call, const struct ee_answer *answer)
{
    struct ee_limit_result limit;
    if (answer->body.size > 0 && ee_limit_result_decode(answer->body, &limit) == EE_OK)
        ee_api_fail_with(call, answer->err, "limit", limit_json(answer->err, &limit));
    else
        ee_api_fail(call, answer->err, NULL);
}

void ee_api_transfer(struct ee_api_call *call)
{
    struct ee_transfer_credits transfer = {0};
    const struct ee_json_field fields[] = {
        {"to", EE_JSON_NAME, transfer.to, 0, false},
        {"amount", EE_JSON_MONEY, &transfer.amount, 0, false},
        {"memo", EE_JSON_TEXT, transfer.memo, sizeof transfer.memo, true},
    };
    if (!ee_api_read(call, fields, sizeof fields / sizeof fields[0]))
        return;
    struct ee_writer writer = ee_api_payload(call);
    enum ee_err err = ee_transfer_credits_encode(&transfer, &writer);
    call->on_refused = ee_api_limit_refused;
    ee_api_submit(call, EE_COMMAND_TRANSFER, &writer, err, balance_done);
}
