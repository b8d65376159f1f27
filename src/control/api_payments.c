/* SPDX-License-Identifier: Apache-2.0 */
/* Orders of credits, the payment provider's webhook, and what a person looks at: payments that wait
 * or are in trouble, and the secret of the webhook. */
#include <string.h>

#include "base/text.h"
#include "control/api.h"
#include "control/api_view.h"
#include "control/webhook_secret.h"
#include "io/log.h"

#include "base/banned.h"

/* ---- orders ---- */

static json_t *order_json(const struct ee_topup_order *order)
{
    bool paid = order->paid_seq != 0;
    return json_pack("{s:o, s:s, s:o, s:s, s:s, s:o, s:s?, s:o}", "order",
                     ee_json_hex(order->id, EE_ID_SIZE), "account", order->account, "amount",
                     ee_json_money((int64_t)order->cents * EE_MICROS_PER_CENT), "currency",
                     order->currency, "state", paid ? "paid" : "open", "created_at",
                     ee_json_time(order->created_us), "payment", paid ? order->payment : NULL,
                     "paid_seq", paid ? ee_json_u64(order->paid_seq) : json_null());
}

static void topup_done(struct ee_api_call *call, const struct ee_answer *answer)
{
    struct ee_topup_result result;
    if (ee_topup_result_decode(answer->body, &result) != EE_OK) {
        ee_api_fail(call, EE_STATE, "the stored answer does not decode");
        return;
    }
    ee_api_answer_json(call, 201,
                       json_pack("{s:o, s:s, s:o, s:s, s:o}", "order",
                                 ee_json_hex(result.order, EE_ID_SIZE), "account", result.account,
                                 "amount", ee_json_money(result.amount.micros), "currency", "usd",
                                 "seq", ee_json_u64(answer->seq)));
}

void ee_api_topup(struct ee_api_call *call)
{
    struct ee_money amount = {0};
    struct ee_topup topup = {.currency = "usd"};
    const struct ee_json_field fields[] = {
        {"amount", EE_JSON_MONEY, &amount, 0, false},
        {"currency", EE_JSON_TEXT, topup.currency, sizeof topup.currency, true},
    };
    if (!ee_api_read(call, fields, sizeof fields / sizeof fields[0]))
        return;
    topup.cents = (uint64_t)(amount.micros / EE_MICROS_PER_CENT);
    if (amount.micros % EE_MICROS_PER_CENT != 0 || topup.cents > EE_PAYMENT_CENTS_MAX) {
        ee_api_fail(call, EE_RANGE, "amount: whole cents, from 0.01 to 999999.99");
        return;
    }
    struct ee_writer writer = ee_api_payload(call);
    enum ee_err err = ee_topup_encode(&topup, &writer);
    ee_api_submit(call, EE_COMMAND_TOPUP, &writer, err, topup_done);
}

void ee_api_topup_show(struct ee_api_call *call)
{
    const struct ee_core *core = ee_control_core(call->control);
    uint8_t id[EE_ID_SIZE];
    if (!ee_api_path_hex(call, 0, id, sizeof id))
        return;
    const struct ee_topup_order *order = ee_core_topup(core, id);
    if (order == NULL || strcmp(order->account, call->account) != 0)
        ee_api_fail(call, EE_TOPUP_UNKNOWN, NULL);
    else
        ee_api_answer_json(call, 200, order_json(order));
}

void ee_api_topups(struct ee_api_call *call)
{
    const struct ee_core *core = ee_control_core(call->control);
    const struct ee_topup_order *order;
    struct ee_page page;
    if (!ee_api_page(call, &page))
        return;
    json_t *items = json_array();
    size_t index = page.start;
    for (; (order = ee_core_topup_at(core, index)) != NULL; index++) {
        if (strcmp(order->account, call->account) != 0)
            continue;
        if (json_array_size(items) == page.limit)
            break;
        json_array_append_new(items, order_json(order));
    }
    ee_api_answer_page(call, items, order != NULL ? index : 0);
}

/* ---- payments ---- */

static json_t *troubles_json(uint32_t trouble)
{
    static const struct {
        enum ee_payment_trouble bit;
        const char *name;
    } names[] = {
        {EE_TROUBLE_ORDER_UNKNOWN, "order_unknown"}, {EE_TROUBLE_AMOUNT, "amount"},
        {EE_TROUBLE_CURRENCY, "currency"},           {EE_TROUBLE_ORDER_PAID, "order_paid"},
        {EE_TROUBLE_OTHER_ORDER, "other_order"},     {EE_TROUBLE_DISPUTES, "disputes"},
    };
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if ((trouble & names[i].bit) != 0)
            json_array_append_new(list, json_string(names[i].name));
    return list;
}

static json_t *payment_json(const struct ee_payment *p)
{
    bool said = p->trouble != 0;
    return json_pack(
        "{s:s, s:s, s:s?, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:s?, s:o, s:o}", "payment", p->id,
        "state", p->mint_seq != 0 ? "minted" : "parked", "account",
        p->account[0] != '\0' ? p->account : NULL, "order",
        ee_bytes_all_zero(p->order, EE_ID_SIZE) ? json_null() : ee_json_hex(p->order, EE_ID_SIZE),
        "minted", ee_json_money(p->minted.micros), "charged_back",
        ee_json_money(p->charged_back.micros), "refunded",
        ee_json_money((int64_t)p->refunded_cents * EE_MICROS_PER_CENT), "trouble",
        troubles_json(p->trouble), "disputes", (json_int_t)p->dispute_count, "said_amount",
        said ? ee_json_money((int64_t)p->said_cents * EE_MICROS_PER_CENT) : json_null(),
        "said_currency", said ? p->said_currency : NULL, "seq", ee_json_u64(p->last_seq),
        "mint_seq", p->mint_seq != 0 ? ee_json_u64(p->mint_seq) : json_null());
}

/* ?state=trouble: for a person; parked: words about a payment that is not known yet. */
static bool payment_chosen(const struct ee_payment *p, const char *state)
{
    return state[0] == '\0' || (strcmp(state, "trouble") == 0 && p->trouble != 0) ||
           (strcmp(state, "parked") == 0 && p->mint_seq == 0) ||
           (strcmp(state, "minted") == 0 && p->mint_seq != 0);
}

void ee_api_payments(struct ee_api_call *call)
{
    const struct ee_core *core = ee_control_core(call->control);
    const struct ee_payment *payment;
    char state[EE_ROUTE_VALUE_SIZE] = "";
    struct ee_page page;
    enum ee_err err = ee_query_value(call->query, "state", state, sizeof state);
    if (err != EE_OK && err != EE_NOT_FOUND) {
        ee_api_fail(call, err, "state: trouble, parked or minted");
        return;
    }
    if (!ee_api_page(call, &page))
        return;
    json_t *items = json_array();
    size_t index = page.start;
    for (; (payment = ee_core_payment_at(core, index)) != NULL; index++) {
        if (!payment_chosen(payment, state))
            continue;
        if (json_array_size(items) == page.limit)
            break;
        json_array_append_new(items, payment_json(payment));
    }
    ee_api_answer_page(call, items, payment != NULL ? index : 0);
}

/* ---- the webhook ---- */

static void payment_done(struct ee_api_call *call, const struct ee_answer *answer)
{
    struct ee_payment_result result;
    if (ee_payment_result_decode(answer->body, &result) != EE_OK) {
        ee_api_fail(call, EE_STATE, "the stored answer does not decode");
        return;
    }
    if (result.trouble != 0)
        EE_LOG(EE_LOG_WARN, "payment", "a payment needs a person: ee payments",
               ee_log_text("payment", result.payment), ee_log_unsigned("trouble", result.trouble),
               ee_log_unsigned("seq", answer->seq));
    ee_api_answer_json(call, 200,
                       json_pack("{s:b, s:b, s:o}", "received", true, "taken", true, "seq",
                                 ee_json_u64(answer->seq)));
}

/* 2xx only when what was said is durable, or says nothing of our payments. */
void ee_api_webhook_stripe(struct ee_api_call *call)
{
    struct ee_control *control = call->control;
    struct ee_payment_word word;
    if (!ee_webhook_secret_set(control)) {
        ee_api_fail(call, EE_DISABLED, "no secret of the payment provider is set");
        return;
    }
    enum ee_err err =
        ee_stripe_verify(control->crypto, control->webhook, ee_json_blob_bytes(&call->signature),
                         ee_json_blob_bytes(&call->blob), (uint64_t)ee_control_now_s(control));
    if (err == EE_OK)
        err = ee_stripe_event(ee_json_blob_bytes(&call->blob), &word);
    if (err == EE_NOT_FOUND) {
        ee_api_answer_json(call, 200, json_pack("{s:b, s:b}", "received", true, "taken", false));
        return;
    }
    if (err != EE_OK) {
        EE_LOG(EE_LOG_WARN, "payment", "a webhook is refused",
               ee_log_text("request_id", call->request_id), ee_log_err(err));
        ee_api_fail(call, err, NULL);
        return;
    }
    struct ee_writer writer = ee_api_payload(call);
    err = ee_payment_word_encode(&word, &writer);
    /* No account has this name: ids of events are apart from all others. */
    ee_command_id(control->crypto, "@stripe", ee_bytes_str(word.provider_event), call->command_id);
    ee_api_submit_as(call, EE_ACTOR_SYSTEM, EE_COMMAND_PAYMENT, &writer, err, payment_done);
}

/* ---- its secret ---- */

static void secret_answer(struct ee_api_call *call, enum ee_err err)
{
    const struct ee_stripe_secrets *secrets = call->control->webhook;
    if (err == EE_SEAL_OPEN)
        ee_api_fail(call, err, "sealed for another start of the control plane: ask its evidence");
    else if (err == EE_SIGNATURE)
        ee_api_fail(call, err, "the issuer's signature over what was sealed");
    else if (err != EE_OK)
        ee_api_fail(call, err, "one secret or two, a line each, 16 to 128 printable characters");
    else
        ee_api_answer_json(call, 200,
                           json_pack("{s:b, s:i}", "set", secrets != NULL, "secrets",
                                     secrets != NULL ? (int)secrets->count : 0));
}

void ee_api_webhook_secret(struct ee_api_call *call)
{
    secret_answer(call, EE_OK);
}

/* Whoever knows the secret can say that orders are paid: that is the issuer's to give. */
void ee_api_webhook_secret_set(struct ee_api_call *call)
{
    struct ee_json_blob sealed = {0};
    uint8_t signature[EE_ED25519_SIGNATURE_SIZE];
    const struct ee_json_field fields[] = {
        {"sealed", EE_JSON_BLOB, &sealed, 1024, false},
        {"signature", EE_JSON_HEX, signature, sizeof signature, false},
    };
    if (!ee_api_read(call, fields, sizeof fields / sizeof fields[0])) {
        ee_json_blob_free(&sealed);
        return;
    }
    enum ee_err err = ee_webhook_secret_take(call->control, ee_json_blob_bytes(&sealed), signature);
    ee_json_blob_free(&sealed);
    secret_answer(call, err);
}

void ee_api_webhook_secret_clear(struct ee_api_call *call)
{
    if (ee_api_read(call, NULL, 0))
        secret_answer(call, ee_webhook_secret_clear(call->control));
}
