/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks and the low-balance alert of an account. docs/spec/webhooks.md. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "control/api.h"
#include "control/event_names.h"
#include "control/webhooks.h"

#include "base/banned.h"

/* ---- reading ---- */

static bool on(struct ee_api_call *call)
{
    if (call->control->webhooks == NULL)
        ee_api_fail(call, EE_DISABLED, "this control plane delivers no webhooks now");
    return call->control->webhooks != NULL;
}

/* The endpoint in the path; NULL: it is not there, which has been answered. */
static const struct ee_webhook *endpoint_of(struct ee_api_call *call)
{
    uint64_t slot = 0;
    const struct ee_webhook *row = NULL;
    if (ee_u64_parse(call->values.value[0], &slot) == EE_OK && slot >= 1 &&
        slot <= EE_WEBHOOKS_PER_ACCOUNT)
        row = ee_core_webhook(ee_control_core(call->control), call->account, (uint8_t)slot);
    if (row != NULL && row->active)
        return row;
    ee_api_fail(call, EE_WEBHOOK_UNKNOWN, NULL);
    return NULL;
}

/* An array of names; missing: all. */
static bool read_events(struct ee_api_call *call, const json_t *names, uint32_t *out)
{
    size_t index;
    const json_t *name;
    uint32_t events = 0;
    bool valid = names == NULL || json_is_null(names) || json_is_array(names);
    json_array_foreach(names, index, name)
    {
        enum ee_event_kind kind =
            json_is_string(name) ? ee_event_of(json_string_value(name)) : (enum ee_event_kind)0;
        valid = valid && kind != 0;
        if (valid)
            events |= 1u << (kind - 1);
    }
    *out = names == NULL || json_is_null(names) ? EE_EVENTS_ALL : events;
    if (!valid || *out == 0)
        ee_api_fail(call, EE_RANGE, "events: some of the names in the documentation");
    return valid && *out != 0;
}

/* The secret of the body, or the one that belongs to this request: the same again when it is
 * repeated. EE_SYNTAX, EE_RANGE. */
static enum ee_err secret_of(struct ee_api_call *call, struct ee_webhook_secret *out)
{
    const char *text = json_string_value(json_object_get(call->body, "secret"));
    if (text != NULL)
        return ee_webhook_secret_parse(text, out);
    ee_webhooks_secret_make(call->control->webhooks, call->account, call->command_id, out);
    return EE_OK;
}

/* Its hash goes into the payload. */
static bool take_secret(struct ee_api_call *call, struct ee_webhook_set *set)
{
    struct ee_webhook_secret secret;
    enum ee_err err = secret_of(call, &secret);
    if (err != EE_OK) {
        ee_api_fail(call, err, "secret: whsec_ and base64 of 24 to 64 bytes");
        return false;
    }
    ee_webhooks_secret_hash(call->control->webhooks, &secret, set->secret_hash);
    ee_wipe(&secret, sizeof secret);
    return true;
}

static void submit(struct ee_api_call *call, const struct ee_webhook_set *set,
                   void (*done)(struct ee_api_call *call, const struct ee_answer *answer))
{
    struct ee_writer writer = ee_api_payload(call);
    enum ee_err err = ee_webhook_set_encode(set, &writer);
    ee_api_submit(call, EE_COMMAND_WEBHOOK, &writer, err, done);
}

/* ---- showing ---- */

static json_t *events_json(uint32_t events)
{
    json_t *names = json_array();
    for (int kind = 1; kind <= EE_EVENT_KINDS; kind++)
        if (events & 1u << (kind - 1))
            json_array_append_new(names, json_string(ee_event_name((enum ee_event_kind)kind)));
    return names;
}

static json_t *id_json(uint8_t slot)
{
    return ee_json_u64(slot);
}

static json_t *text_or_null(const char *text)
{
    return *text != '\0' ? json_string(text) : json_null();
}

static json_t *seconds_json(int64_t seconds)
{
    return ee_json_time(seconds > 0 ? (uint64_t)seconds * 1000000 : 0);
}

static json_t *endpoint_json(const struct ee_webhooks *webhooks, const struct ee_webhook *row)
{
    const struct ee_webhook_state *state = ee_webhooks_state(webhooks, row->account, row->slot);
    json_t *value =
        json_pack("{s:o, s:s, s:o, s:s, s:o}", "id", id_json(row->slot), "url", row->url, "events",
                  events_json(row->events), "label", row->label, "seq", ee_json_u64(row->seq));
    if (state == NULL)
        return value;
    json_object_set_new(value, "state",
                        json_string(state->disabled[0] != '\0' ? "disabled"
                                    : state->attempts > 0      ? "retrying"
                                                               : "ok"));
    json_object_set_new(value, "reason", text_or_null(state->disabled));
    json_object_set_new(value, "delivered", ee_json_u64(state->delivered));
    json_object_set_new(value, "failed_attempts", json_integer(state->attempts));
    json_object_set_new(value, "next_attempt_at", seconds_json(state->next_s));
    json_object_set_new(value, "last_at", seconds_json(state->last_s));
    json_object_set_new(value, "last_status",
                        state->last_status != 0 ? json_integer(state->last_status) : json_null());
    json_object_set_new(value, "last_error", text_or_null(state->last_error));
    json_object_set_new(value, "rotating_until", seconds_json(state->previous_until_s));
    return value;
}

void ee_api_webhooks(struct ee_api_call *call)
{
    const struct ee_core *core = ee_control_core(call->control);
    json_t *items = json_array();
    for (uint8_t slot = 1; slot <= EE_WEBHOOKS_PER_ACCOUNT; slot++) {
        const struct ee_webhook *row = ee_core_webhook(core, call->account, slot);
        if (row != NULL && row->active)
            json_array_append_new(items, endpoint_json(call->control->webhooks, row));
    }
    ee_api_answer_page(call, items, 0);
}

/* ---- making and removing ---- */

/* Now that the endpoint is in the journal its secret is kept; a crash in between is cured when the
 * client asks again. The one answer with the secret in it: to the request that made it. */
static void set_done(struct ee_api_call *call, const struct ee_answer *answer)
{
    struct ee_webhook_result result;
    struct ee_webhook_secret secret = {0};
    char text[EE_WEBHOOK_SECRET_TEXT_SIZE];
    bool given = json_is_string(json_object_get(call->body, "secret"));
    enum ee_err err = ee_webhook_result_decode(answer->body, &result);
    if (err == EE_OK)
        err = secret_of(call, &secret);
    if (err == EE_OK)
        err = ee_webhooks_secret_keep(call->control->webhooks, &secret);
    if (err != EE_OK) {
        ee_api_fail(call, err, "the secret was not kept: ask again with the same key");
        return;
    }
    ee_webhooks_changed(call->control->webhooks, call->account, result.slot);
    json_t *value =
        json_pack("{s:o, s:o}", "id", id_json(result.slot), "seq", ee_json_u64(answer->seq));
    if (!given)
        json_object_set_new(value, "secret", json_string(ee_webhook_secret_format(&secret, text)));
    ee_wipe(&secret, sizeof secret);
    ee_wipe(text, sizeof text);
    ee_api_answer_json(call, 201, value);
}

void ee_api_webhook_create(struct ee_api_call *call)
{
    struct ee_webhook_set set = {.op = EE_WEBHOOK_SET};
    json_t *events = NULL;
    const char *secret = NULL;
    const struct ee_json_field fields[] = {
        {"url", EE_JSON_TEXT, set.url, sizeof set.url, false},
        {"events", EE_JSON_VALUE, &events, 0, true},
        {"label", EE_JSON_TEXT, set.label, sizeof set.label, true},
        {"secret", EE_JSON_STRING, &secret, 0, true},
    };
    if (on(call) && ee_api_read(call, fields, sizeof fields / sizeof fields[0]) &&
        read_events(call, events, &set.events) && take_secret(call, &set))
        submit(call, &set, set_done);
}

void ee_api_webhook_rotate(struct ee_api_call *call)
{
    struct ee_webhook_set set = {.op = EE_WEBHOOK_SET};
    const char *secret = NULL;
    const struct ee_json_field fields[] = {{"secret", EE_JSON_STRING, &secret, 0, true}};
    const struct ee_webhook *row;
    if (!on(call) || !ee_api_read(call, fields, 1) || (row = endpoint_of(call)) == NULL ||
        !take_secret(call, &set))
        return;
    set.slot = row->slot;
    memcpy(set.url, row->url, sizeof set.url);
    memcpy(set.label, row->label, sizeof set.label);
    set.events = row->events;
    submit(call, &set, set_done);
}

static void remove_done(struct ee_api_call *call, const struct ee_answer *answer)
{
    struct ee_webhook_result result = {0};
    if (ee_webhook_result_decode(answer->body, &result) == EE_OK && call->control->webhooks != NULL)
        ee_webhooks_changed(call->control->webhooks, call->account, result.slot);
    ee_api_answer_json(call, 200,
                       json_pack("{s:o, s:b, s:o}", "id", id_json(result.slot), "deleted", true,
                                 "seq", ee_json_u64(answer->seq)));
}

/* Whether it is there is the command's to say: a repeated request gets its answer again. */
void ee_api_webhook_delete(struct ee_api_call *call)
{
    struct ee_webhook_set set = {.op = EE_WEBHOOK_REMOVE};
    uint64_t slot = 0;
    if (!ee_api_read(call, NULL, 0))
        return;
    if (ee_u64_parse(call->values.value[0], &slot) != EE_OK || slot < 1 ||
        slot > EE_WEBHOOKS_PER_ACCOUNT) {
        ee_api_fail(call, EE_WEBHOOK_UNKNOWN, NULL);
        return;
    }
    set.slot = (uint8_t)slot;
    submit(call, &set, remove_done);
}

/* ---- testing and enabling ---- */

static void test_free(struct ee_api_call *call)
{
    ee_webhook_send_cancel(call->extra);
}

static void on_test_sent(void *context, enum ee_err err, uint16_t status)
{
    struct ee_api_call *call = context;
    call->extra_free = NULL;
    ee_api_answer_json(
        call, 200,
        json_pack("{s:b, s:o, s:o, s:o}", "delivered", status >= 200 && status <= 299, "status",
                  status != 0 ? json_integer(status) : json_null(), "error",
                  status == 0 ? json_string(ee_err_name(err)) : json_null(), "detail",
                  status == 0 ? json_string(ee_err_text(err)) : json_null()));
}

void ee_api_webhook_test(struct ee_api_call *call)
{
    struct ee_webhook_sending *sending = NULL;
    if (!on(call) || !ee_api_read(call, NULL, 0))
        return;
    const struct ee_webhook *row = endpoint_of(call);
    if (row == NULL || !ee_api_wait(call))
        return;
    enum ee_err err = ee_webhooks_test(call->control->webhooks, call->account, row->slot,
                                       on_test_sent, call, &sending);
    if (err != EE_OK) {
        ee_api_fail(call, err, NULL);
        return;
    }
    call->extra = sending;
    call->extra_free = test_free;
}

void ee_api_webhook_enable(struct ee_api_call *call)
{
    if (!on(call) || !ee_api_read(call, NULL, 0))
        return;
    const struct ee_webhook *row = endpoint_of(call);
    if (row == NULL)
        return;
    enum ee_err err = ee_webhooks_enable(call->control->webhooks, call->account, row->slot);
    if (err == EE_OK)
        ee_api_answer_json(call, 200, endpoint_json(call->control->webhooks, row));
    else
        ee_api_fail(call, err, NULL);
}

/* ---- the alert ---- */

void ee_api_alert(struct ee_api_call *call)
{
    const struct ee_core *core = ee_control_core(call->control);
    const struct ee_webhook *row = ee_core_webhook(core, call->account, 0);
    struct ee_balance balance = {0};
    int64_t below = row != NULL ? row->below.micros : 0;
    uint32_t runway = row != NULL ? row->runway_below_s : 0;
    enum ee_err err = ee_core_balance(core, call->account, &balance);
    if (err != EE_OK) {
        ee_api_fail(call, err, NULL);
        return;
    }
    ee_api_answer_json(call, 200,
                       json_pack("{s:o, s:o, s:o, s:b}", "below",
                                 below > 0 ? ee_json_money(below) : json_null(), "runway_below_s",
                                 runway > 0 ? ee_json_u64(runway) : json_null(), "available",
                                 ee_json_money(balance.available.micros), "below_now",
                                 below > 0 && balance.available.micros < below));
}

static void alert_done(struct ee_api_call *call, const struct ee_answer *answer)
{
    (void)answer;
    ee_api_alert(call);
}

void ee_api_alert_set(struct ee_api_call *call)
{
    struct ee_webhook_set set = {.op = EE_WEBHOOK_ALERT};
    uint64_t runway = 0;
    const struct ee_json_field fields[] = {
        {"below", EE_JSON_MONEY, &set.below, 0, true},
        {"runway_below_s", EE_JSON_U64, &runway, 0, true},
    };
    if (!ee_api_read(call, fields, sizeof fields / sizeof fields[0]))
        return;
    if (runway > UINT32_MAX) {
        ee_api_fail(call, EE_RANGE, "runway_below_s");
        return;
    }
    set.runway_below_s = (uint32_t)runway;
    submit(call, &set, alert_done);
}
