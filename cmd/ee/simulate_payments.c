/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of `ee simulate` about orders of credits and what the payment provider says. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "simulate.h"

#include "base/money.h"
#include "base/text.h"

#include "base/banned.h"

static enum ee_err wrong(char *hint, const char *name, const char *what)
{
    (void)snprintf(hint, EE_SIMULATE_HINT_SIZE, "\"%s\": %s", name, what);
    return EE_SYNTAX;
}

static enum ee_err text_copy(const json_t *line, const char *name, const char *fallback, char *out,
                             size_t size, char *hint)
{
    const json_t *value = json_object_get(line, name);
    const char *text = value ? json_string_value(value) : fallback;
    if (!text)
        return wrong(hint, name, value ? "must be text" : "is missing");
    if (strlen(text) >= size)
        return wrong(hint, name, "is too long");
    memset(out, 0, size);
    memcpy(out, text, strlen(text));
    return EE_OK;
}

/* Micro-dollars as decimal text, or dollars when it begins with "$": whole cents. */
static enum ee_err cents(const json_t *line, uint64_t *out, char *hint)
{
    uint64_t micros = 0;
    struct ee_money money;
    const char *text = json_string_value(json_object_get(line, "amount"));
    enum ee_err err = !text            ? EE_SYNTAX
                      : text[0] == '$' ? ee_money_parse(text, &money)
                                       : ee_u64_parse(text, &micros);
    if (err == EE_OK && text[0] == '$')
        micros = money.micros > 0 ? (uint64_t)money.micros : 0;
    if (err != EE_OK || micros % EE_MICROS_PER_CENT != 0)
        return wrong(hint, "amount", "whole cents in micro-dollars, or \"$1.50\"");
    *out = micros / EE_MICROS_PER_CENT;
    return EE_OK;
}

enum ee_err ee_simulate_topup(struct ee_simulation *s, const json_t *line, json_t *answer,
                              char hint[EE_SIMULATE_HINT_SIZE])
{
    struct ee_topup topup = {.currency = "usd"};
    struct ee_topup_result result;
    char account[EE_NAME_MAX + 1], label[EE_SIMULATION_LABEL_MAX + 1], id[2 * EE_ID_SIZE + 1];
    EE_TRY(text_copy(line, "account", NULL, account, sizeof(account), hint));
    EE_TRY(text_copy(line, "order", NULL, label, sizeof(label), hint));
    EE_TRY(cents(line, &topup.cents, hint));
    if (ee_simulation_labelled(s, label))
        return wrong(hint, "order", "this name is taken");
    struct ee_writer *w = ee_simulation_payload(s);
    EE_TRY(ee_topup_encode(&topup, w));
    EE_TRY(ee_simulation_submit(s, EE_ACTOR_ACCOUNT, account, EE_COMMAND_TOPUP, ee_writer_done(w),
                                json_string_value(json_object_get(line, "id"))));
    const struct ee_result *r = ee_simulation_result(s);
    EE_TRY(ee_topup_result_decode(ee_bytes_of(r->body, r->body_size), &result));
    EE_TRY(ee_simulation_label(s, label, result.order));
    (void)json_object_set_new(answer, "id",
                              json_string(ee_hex_encode(result.order, EE_ID_SIZE, id)));
    return EE_OK;
}

static const struct {
    const char *name;
    enum ee_payment_event event;
} events[] = {
    {"succeeded", EE_PAYMENT_SUCCEEDED},       {"refunded", EE_PAYMENT_REFUNDED},
    {"disputed", EE_PAYMENT_DISPUTE_OPENED},   {"dispute_won", EE_PAYMENT_DISPUTE_WON},
    {"dispute_lost", EE_PAYMENT_DISPUTE_LOST},
};

static enum ee_err word_fields(const struct ee_simulation *s, const json_t *line,
                               struct ee_payment_word *out, char *hint)
{
    char says[32], order[EE_SIMULATION_LABEL_MAX + 1], event[32];
    EE_TRY(text_copy(line, "says", "succeeded", says, sizeof(says), hint));
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
        if (strcmp(events[i].name, says) == 0)
            out->event = events[i].event;
    if (out->event == 0)
        return wrong(hint, "says", "succeeded, refunded, disputed, dispute_won or dispute_lost");
    (void)snprintf(event, sizeof(event), "event-%" PRIu64, ee_core_seq(ee_simulation_core(s)) + 1);
    EE_TRY(text_copy(line, "event", event, out->provider_event, sizeof(out->provider_event), hint));
    EE_TRY(text_copy(line, "payment", NULL, out->payment, sizeof(out->payment), hint));
    EE_TRY(text_copy(line, "currency", "usd", out->currency, sizeof(out->currency), hint));
    if (out->event > EE_PAYMENT_REFUNDED)
        EE_TRY(text_copy(line, "dispute", "dispute", out->dispute, sizeof(out->dispute), hint));
    EE_TRY(cents(line, &out->cents, hint));
    if (out->event != EE_PAYMENT_SUCCEEDED)
        return EE_OK;
    EE_TRY(text_copy(line, "order", NULL, order, sizeof(order), hint));
    const uint8_t *id = ee_simulation_labelled(s, order);
    if (!id)
        return EE_TOPUP_UNKNOWN;
    memcpy(out->order, id, EE_ID_SIZE);
    return EE_OK;
}

enum ee_err ee_simulate_payment(struct ee_simulation *s, const json_t *line, json_t *answer,
                                char hint[EE_SIMULATE_HINT_SIZE])
{
    struct ee_payment_word word = {.cents = 0};
    struct ee_payment_result result;
    char minted[32], charged_back[32];
    EE_TRY(word_fields(s, line, &word, hint));
    struct ee_writer *w = ee_simulation_payload(s);
    EE_TRY(ee_payment_word_encode(&word, w));
    EE_TRY(ee_simulation_submit(s, EE_ACTOR_SYSTEM, "", EE_COMMAND_PAYMENT, ee_writer_done(w),
                                word.provider_event));
    const struct ee_result *r = ee_simulation_result(s);
    EE_TRY(ee_payment_result_decode(ee_bytes_of(r->body, r->body_size), &result));
    (void)snprintf(minted, sizeof(minted), "%" PRId64, result.minted.micros);
    (void)snprintf(charged_back, sizeof(charged_back), "%" PRId64, result.charged_back.micros);
    (void)json_object_set_new(answer, "minted", json_string(minted));
    (void)json_object_set_new(answer, "charged_back", json_string(charged_back));
    (void)json_object_set_new(answer, "trouble", json_boolean(result.trouble != 0));
    return EE_OK;
}
