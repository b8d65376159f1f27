/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ledger_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/json.h"
#include "base/money.h"

#include "base/banned.h"

enum { DECIMAL_MAX = 40 }; /* 2^128 - 1 has 39 digits */

/* One line being read. The first complaint stays. */
struct reading {
    struct ee_json json;
    struct ee_ledger_line *line;
    char *why;
    enum ee_err err;
    uint32_t event; /* the one being read, from 0 */
};

static void complain(struct reading *r, enum ee_err err, const char *field, const char *what)
{
    if (r->err != EE_OK)
        return;
    r->err = err;
    if (field == NULL)
        (void)snprintf(r->why, EE_LEDGER_WHY_MAX, "%s", what);
    else
        (void)snprintf(r->why, EE_LEDGER_WHY_MAX, "event %u: %s: %s", r->event, field, what);
}

/* ---- values ---- */

static bool decimal(struct ee_bytes text, ee_u128 limit, ee_u128 *out)
{
    ee_u128 value = 0;
    if (text.size == 0 || text.size >= DECIMAL_MAX || (text.size > 1 && text.data[0] == '0'))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned)text.data[i] - '0';
        if (digit > 9 || value > (limit - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

static uint64_t read_amount(struct reading *r, const char *field)
{
    ee_u128 value = 0;
    struct ee_bytes text = ee_attest_json_text(&r->json);
    if (r->json.reason == EE_REASON_NONE && !decimal(text, UINT64_MAX, &value))
        complain(r, EE_RANGE, field, "not a decimal string below 2^64");
    return (uint64_t)value;
}

static void read_id(struct reading *r, const char *field, struct ee_ledger_id *out)
{
    ee_u128 value = 0;
    struct ee_bytes text = ee_attest_json_text(&r->json);
    if (r->json.reason == EE_REASON_NONE && !decimal(text, ~(ee_u128)0, &value))
        complain(r, EE_RANGE, field, "not a decimal string below 2^128");
    for (size_t i = sizeof(out->bytes); i > 0; i--, value >>= 8)
        out->bytes[i - 1] = (uint8_t)value;
}

struct flag {
    const char *name;
    uint16_t bit;
};

/* A name nobody knows is a flag no rule allows: its event is refused, the line is fine. */
enum { RESERVED_FLAG = 1 << 15 };

static uint16_t flag_bit(const struct flag *flags, struct ee_bytes name)
{
    for (; flags->name != NULL; flags++)
        if (ee_bytes_equal(name, ee_bytes_str(flags->name)))
            return flags->bit;
    return RESERVED_FLAG;
}

static uint16_t read_flags(struct reading *r, const struct flag *flags)
{
    uint16_t bits = 0;
    ee_attest_json_array(&r->json);
    while (ee_attest_json_item(&r->json))
        bits = (uint16_t)(bits | flag_bit(flags, ee_attest_json_text(&r->json)));
    return bits;
}

/* ---- events ---- */

static bool is(struct ee_bytes key, const char *name)
{
    return ee_bytes_equal(key, ee_bytes_str(name));
}

static const struct flag account_flags[] = {
    {"linked", EE_LEDGER_ACCOUNT_LINKED},
    {"debits_must_not_exceed_credits", EE_LEDGER_DEBITS_MUST_NOT_EXCEED_CREDITS},
    {"credits_must_not_exceed_debits", EE_LEDGER_CREDITS_MUST_NOT_EXCEED_DEBITS},
    {"history", EE_LEDGER_ACCOUNT_HISTORY},
    {"closed", EE_LEDGER_ACCOUNT_CLOSED},
    {NULL, 0}};

static const struct flag transfer_flags[] = {{"linked", EE_LEDGER_LINKED},
                                             {"pending", EE_LEDGER_PENDING},
                                             {"post", EE_LEDGER_POST},
                                             {"void", EE_LEDGER_VOID},
                                             {"balancing_debit", EE_LEDGER_BALANCING_DEBIT},
                                             {"balancing_credit", EE_LEDGER_BALANCING_CREDIT},
                                             {NULL, 0}};

static bool account_counter(struct reading *r, struct ee_bytes key, struct ee_ledger_account *a)
{
    if (is(key, "debits_pending"))
        a->debits_pending = read_amount(r, "debits_pending");
    else if (is(key, "debits_posted"))
        a->debits_posted = read_amount(r, "debits_posted");
    else if (is(key, "credits_pending"))
        a->credits_pending = read_amount(r, "credits_pending");
    else if (is(key, "credits_posted"))
        a->credits_posted = read_amount(r, "credits_posted");
    else
        return false;
    return true;
}

static void read_account(struct reading *r)
{
    struct ee_bytes key;
    struct ee_ledger_account *a = &r->line->accounts[r->event];
    *a = (struct ee_ledger_account){.ledger = 1, .code = 1};
    ee_attest_json_object(&r->json);
    while (ee_attest_json_key(&r->json, &key)) {
        if (is(key, "id"))
            read_id(r, "id", &a->id);
        else if (is(key, "ledger"))
            a->ledger = ee_attest_json_unsigned(&r->json, UINT32_MAX);
        else if (is(key, "code"))
            a->code = (uint16_t)ee_attest_json_unsigned(&r->json, UINT16_MAX);
        else if (is(key, "flags"))
            a->flags = read_flags(r, account_flags);
        else if (!account_counter(r, key, a)) {
            complain(r, EE_SYNTAX, "account", "a field that is not known");
            (void)ee_attest_json_skip(&r->json);
        }
    }
}

static bool transfer_id(struct reading *r, struct ee_bytes key, struct ee_ledger_transfer *t)
{
    if (is(key, "id"))
        read_id(r, "id", &t->id);
    else if (is(key, "debit"))
        read_id(r, "debit", &t->debit_account);
    else if (is(key, "credit"))
        read_id(r, "credit", &t->credit_account);
    else if (is(key, "pending_id"))
        read_id(r, "pending_id", &t->pending_id);
    else
        return false;
    return true;
}

static void read_transfer(struct reading *r)
{
    struct ee_bytes key;
    struct ee_ledger_transfer *t = &r->line->transfers[r->event];
    *t = (struct ee_ledger_transfer){.ledger = 1, .code = 1};
    ee_attest_json_object(&r->json);
    while (ee_attest_json_key(&r->json, &key)) {
        if (transfer_id(r, key, t))
            continue;
        if (is(key, "amount"))
            t->amount = read_amount(r, "amount");
        else if (is(key, "ledger"))
            t->ledger = ee_attest_json_unsigned(&r->json, UINT32_MAX);
        else if (is(key, "code"))
            t->code = (uint16_t)ee_attest_json_unsigned(&r->json, UINT16_MAX);
        else if (is(key, "flags"))
            t->flags = read_flags(r, transfer_flags);
        else if (is(key, "timeout"))
            t->timeout_s = ee_attest_json_unsigned(&r->json, UINT32_MAX);
        else {
            complain(r, EE_SYNTAX, "transfer", "a field that is not known");
            (void)ee_attest_json_skip(&r->json);
        }
    }
}

static void read_balance(struct reading *r)
{
    read_id(r, "id", &r->line->ids[r->event]);
}

static void read_events(struct reading *r, void (*read_event)(struct reading *))
{
    ee_attest_json_array(&r->json);
    while (r->err == EE_OK && ee_attest_json_item(&r->json)) {
        if (r->event == EE_LEDGER_BATCH_MAX) {
            complain(r, EE_TOO_LARGE, NULL, "more than 8190 events in a batch");
            return;
        }
        read_event(r);
        r->event++;
    }
    r->line->count = r->event;
}

static void read_tick(struct reading *r)
{
    ee_u128 value = 0;
    if (!decimal(ee_attest_json_skip(&r->json), EE_LEDGER_TIME_MAX_S, &value))
        complain(r, EE_RANGE, NULL, "tick: not a number of seconds up to 9223372036");
    r->line->tick_s = (uint64_t)value;
}

static void read_member(struct reading *r, struct ee_bytes key)
{
    if (is(key, "accounts")) {
        r->line->kind = EE_LEDGER_LINE_ACCOUNTS;
        read_events(r, read_account);
    } else if (is(key, "transfers")) {
        r->line->kind = EE_LEDGER_LINE_TRANSFERS;
        read_events(r, read_transfer);
    } else if (is(key, "balances")) {
        r->line->kind = EE_LEDGER_LINE_BALANCES;
        read_events(r, read_balance);
    } else if (is(key, "tick")) {
        r->line->kind = EE_LEDGER_LINE_TICK;
        read_tick(r);
    } else {
        complain(r, EE_SYNTAX, NULL, "none of accounts, transfers, balances, tick");
    }
}

enum ee_err ee_ledger_line_read(struct ee_ledger_line *line, struct ee_bytes text,
                                char why[EE_LEDGER_WHY_MAX])
{
    struct ee_bytes key;
    struct reading r = {.line = line, .why = why};
    why[0] = '\0';
    ee_attest_json_init(&r.json, text, EE_LEDGER_LINE_MAX);
    ee_attest_json_object(&r.json);
    line->count = 0;
    bool any = ee_attest_json_key(&r.json, &key);
    if (any)
        read_member(&r, key);
    if (r.err == EE_OK && any && ee_attest_json_key(&r.json, &key))
        complain(&r, EE_SYNTAX, NULL, "more than one of accounts, transfers, balances, tick");
    if (r.err != EE_OK)
        return r.err;
    enum ee_reason reason = ee_attest_json_end(&r.json);
    if (reason != EE_REASON_NONE) {
        (void)snprintf(why, EE_LEDGER_WHY_MAX, "not such a JSON object (%s near event %u)",
                       ee_attest_reason_name(reason), r.event);
        return EE_SYNTAX;
    }
    if (!any)
        complain(&r, EE_SYNTAX, NULL, "none of accounts, transfers, balances, tick");
    return r.err;
}

enum ee_err ee_ledger_line_init(struct ee_ledger_line *line)
{
    *line = (struct ee_ledger_line){.count = 0};
    line->accounts = calloc(EE_LEDGER_BATCH_MAX, sizeof(*line->accounts));
    line->transfers = calloc(EE_LEDGER_BATCH_MAX, sizeof(*line->transfers));
    line->ids = calloc(EE_LEDGER_BATCH_MAX, sizeof(*line->ids));
    line->results = calloc(EE_LEDGER_BATCH_MAX, sizeof(*line->results));
    if (line->accounts && line->transfers && line->ids && line->results)
        return EE_OK;
    ee_ledger_line_close(line);
    return EE_NO_MEMORY;
}

void ee_ledger_line_close(struct ee_ledger_line *line)
{
    free(line->accounts);
    free(line->transfers);
    free(line->ids);
    free(line->results);
    *line = (struct ee_ledger_line){.count = 0};
}

/* ---- answers ---- */

void ee_ledger_text_close(struct ee_ledger_text *text)
{
    free(text->data);
    *text = (struct ee_ledger_text){.data = NULL};
}

static void put(struct ee_ledger_text *out, const char *data, size_t size)
{
    if (out->failed)
        return;
    if (size > out->capacity - out->size) {
        size_t capacity = 2 * (out->capacity + size) + 4096;
        char *grown = realloc(out->data, capacity);
        out->failed = grown == NULL;
        if (grown == NULL)
            return;
        out->data = grown;
        out->capacity = capacity;
    }
    memcpy(out->data + out->size, data, size);
    out->size += size;
}

static void put_text(struct ee_ledger_text *out, const char *text)
{
    put(out, text, strlen(text));
}

static void put_decimal(struct ee_ledger_text *out, ee_u128 value)
{
    char digits[DECIMAL_MAX];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + (unsigned)(value % 10));
        value /= 10;
    } while (value > 0);
    put(out, digits + at, sizeof(digits) - at);
}

void ee_ledger_answer_results(struct ee_ledger_text *out, const struct ee_ledger_line *line)
{
    put_text(out, "{\"results\":[");
    for (uint32_t i = 0; i < line->count; i++) {
        put_text(out, i > 0 ? ",\"" : "\"");
        put_text(out, ee_ledger_result_name(line->results[i]));
        put_text(out, "\"");
    }
    put_text(out, "]}\n");
}

void ee_ledger_answer_tick(struct ee_ledger_text *out, const struct ee_ledger_line *line,
                           uint64_t time_s, uint32_t expired)
{
    put_text(out, "{\"tick\":");
    put_decimal(out, line->tick_s);
    put_text(out, ",\"time\":");
    put_decimal(out, time_s);
    put_text(out, ",\"expired\":");
    put_decimal(out, expired);
    put_text(out, "}\n");
}

static void put_counter(struct ee_ledger_text *out, const char *name, uint64_t value)
{
    put_text(out, name);
    put_decimal(out, value);
    put_text(out, "\"");
}

static void put_balance(struct ee_ledger_text *out, const struct ee_ledger_account *a, bool first)
{
    ee_u128 id = 0;
    for (size_t i = 0; i < sizeof(a->id.bytes); i++)
        id = id << 8 | a->id.bytes[i];
    put_text(out, first ? "\"" : ",\"");
    put_decimal(out, id);
    put_counter(out, "\":{\"debits_pending\":\"", a->debits_pending);
    put_counter(out, ",\"debits_posted\":\"", a->debits_posted);
    put_counter(out, ",\"credits_pending\":\"", a->credits_pending);
    put_counter(out, ",\"credits_posted\":\"", a->credits_posted);
    put_text(out, "}");
}

static bool asked_before(const struct ee_ledger_line *line, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++)
        if (memcmp(&line->ids[i], &line->ids[index], sizeof(line->ids[i])) == 0)
            return true;
    return false;
}

void ee_ledger_answer_balances(struct ee_ledger_text *out, const struct ee_ledger_line *line,
                               const struct ee_ledger *ledger)
{
    bool first = true;
    put_text(out, "{\"balances\":{");
    for (uint32_t i = 0; i < line->count; i++) {
        const struct ee_ledger_account *account = ee_ledger_account_find(ledger, &line->ids[i]);
        if (account == NULL || asked_before(line, i))
            continue;
        put_balance(out, account, first);
        first = false;
    }
    put_text(out, "}}\n");
}

void ee_ledger_answer_error(struct ee_ledger_text *out, const char *why)
{
    put_text(out, "{\"error\":\"");
    put_text(out, why);
    put_text(out, "\"}\n");
}
