/* SPDX-License-Identifier: Apache-2.0 */
#include "control/transfers_read.h"

#include <stdio.h>
#include <string.h>

#include "attest/json.h"
#include "base/text.h"

#include "base/banned.h"

enum { AMOUNT_TEXT_MAX = 64 };

struct reading {
    const struct ee_crypto *crypto;
    const uint8_t *command_id;
    struct ee_json json;
    struct ee_writer *out;
    char *detail;
    enum ee_err err; /* the first stays */
    uint32_t count;
    bool atomic, any;
};

static void complain(struct reading *r, enum ee_err err, const char *member, const char *what)
{
    if (r->err != EE_OK)
        return;
    r->err = err;
    if (member == NULL)
        (void)snprintf(r->detail, EE_TRANSFERS_DETAIL_SIZE, "%s", what);
    else
        (void)snprintf(r->detail, EE_TRANSFERS_DETAIL_SIZE, "transfers[%u].%s: %s",
                       (unsigned)r->count, member, what);
}

/* What a row has had so far. */
struct row {
    struct ee_transfers_row transfer;
    uint8_t memo[EE_MEMO_MAX];
    bool has_to, has_amount, has_id;
};

static void read_to(struct reading *r, struct row *row)
{
    char name[EE_NAME_MAX + 1];
    struct ee_bytes text = ee_attest_json_text(&r->json);
    row->transfer.to = text;
    row->has_to = true;
    if (r->json.reason != EE_REASON_NONE)
        return;
    bool fits = text.size <= EE_NAME_MAX && memchr(text.data, 0, text.size) == NULL;
    memcpy(name, text.data, fits ? text.size : 0);
    name[fits ? text.size : 0] = '\0';
    if (!ee_name_valid(name))
        complain(r, EE_NAME, "to", "not an account name");
}

/* Whole micro-dollars up to $999,999,999,999 at a glance; every other form by the book. */
static bool amount_plain(struct ee_bytes text, int64_t *micros_out)
{
    int64_t whole = 0, part = 0, scale = 1000000;
    size_t i = 0;
    for (; i < text.size && i < 12 && text.data[i] >= '0' && text.data[i] <= '9'; i++)
        whole = whole * 10 + (text.data[i] - '0');
    if (i == 0 || (i > 1 && text.data[0] == '0'))
        return false;
    if (i < text.size && text.data[i] == '.' && text.size - i <= 7 && text.size - i > 1) {
        for (i++; i < text.size && text.data[i] >= '0' && text.data[i] <= '9'; i++) {
            scale /= 10;
            part += (text.data[i] - '0') * scale;
        }
    }
    *micros_out = whole * 1000000 + part;
    return i == text.size;
}

static void read_amount(struct reading *r, struct row *row)
{
    char text[AMOUNT_TEXT_MAX];
    struct ee_bytes given = ee_attest_json_text(&r->json);
    struct ee_money amount = {0};
    row->has_amount = true;
    if (r->json.reason != EE_REASON_NONE)
        return;
    enum ee_err err = EE_OK;
    if (!amount_plain(given, &amount.micros)) {
        err = given.size >= sizeof(text) || memchr(given.data, 0, given.size) ? EE_SYNTAX : EE_OK;
        (void)snprintf(text, sizeof(text), "%.*s", (int)(given.size % sizeof(text)),
                       (const char *)given.data);
        if (err == EE_OK)
            err = ee_money_parse(text, &amount);
    }
    if (err != EE_OK)
        complain(r, err, "amount", "a decimal string with at most 6 decimals");
    else if (amount.micros <= 0)
        complain(r, EE_RANGE, "amount", "more than zero");
    row->transfer.amount = amount;
}

static void read_id(struct reading *r, struct row *row)
{
    ee_attest_json_hex(&r->json, row->transfer.id, sizeof(row->transfer.id));
    row->has_id = true;
    if (r->json.reason == EE_REASON_NONE &&
        ee_bytes_all_zero(row->transfer.id, sizeof(row->transfer.id)))
        complain(r, EE_RANGE, "id", "not zero");
}

static void read_memo(struct reading *r, struct row *row)
{
    size_t size = ee_attest_json_copy(&r->json, row->memo, sizeof(row->memo));
    row->transfer.memo = ee_bytes_of(row->memo, size);
    for (size_t i = 0; i < size; i++)
        if (row->memo[i] < 0x20 || row->memo[i] > 0x7e)
            complain(r, EE_RANGE, "memo", "printable ASCII, at most 128 characters");
}

/* Label, id of the command, number of the row. */
static void id_make(const struct reading *r, uint8_t out[EE_ID_SIZE])
{
    uint8_t buffer[64], hash[EE_SHA256_SIZE];
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    ee_writer_label(&w, "ee-transfers-row", 1);
    ee_writer_bytes(&w, r->command_id, EE_ID_SIZE);
    ee_writer_u32(&w, r->count);
    struct ee_bytes bytes = ee_writer_done(&w);
    r->crypto->sha256(&bytes, 1, hash);
    memcpy(out, hash, EE_ID_SIZE);
}

static void row_end(struct reading *r, struct row *row)
{
    if (r->json.reason != EE_REASON_NONE || r->err != EE_OK)
        return;
    if (!row->has_to || !row->has_amount) {
        complain(r, EE_MISSING_FIELD, row->has_to ? "amount" : "to", "is missing");
        return;
    }
    if (!row->has_id)
        id_make(r, row->transfer.id);
    enum ee_err err = ee_transfers_add(r->out, &row->transfer);
    if (err != EE_OK)
        complain(r, err, NULL, "with these memos the request is too large; send it in parts");
}

static void read_row(struct reading *r)
{
    struct row row;
    struct ee_bytes key;
    memset(&row.transfer, 0, sizeof(row.transfer));
    row.has_to = row.has_amount = row.has_id = false;
    ee_attest_json_object(&r->json);
    while (r->err == EE_OK && ee_attest_json_key(&r->json, &key)) {
        if (EE_JSON_IS(key, "to"))
            read_to(r, &row);
        else if (EE_JSON_IS(key, "amount"))
            read_amount(r, &row);
        else if (EE_JSON_IS(key, "id"))
            read_id(r, &row);
        else if (EE_JSON_IS(key, "memo"))
            read_memo(r, &row);
        else
            complain(r, EE_SYNTAX, "*", "members are to, amount, memo and id");
    }
    row_end(r, &row);
}

static void read_rows(struct reading *r)
{
    r->any = true;
    ee_attest_json_array(&r->json);
    while (r->err == EE_OK && ee_attest_json_item(&r->json)) {
        if (r->count == EE_TRANSFERS_MAX) {
            complain(r, EE_TOO_LARGE, NULL, "more than 8190 transfers; send them in parts");
            return;
        }
        read_row(r);
        if (r->err == EE_OK && r->json.reason == EE_REASON_NONE)
            r->count++;
    }
}

static void read_all(struct reading *r)
{
    struct ee_bytes key;
    ee_attest_json_object(&r->json);
    while (r->err == EE_OK && ee_attest_json_key(&r->json, &key)) {
        if (EE_JSON_IS(key, "transfers"))
            read_rows(r);
        else if (EE_JSON_IS(key, "atomic"))
            r->atomic = ee_attest_json_boolean(&r->json);
        else
            complain(r, EE_SYNTAX, NULL, "members are transfers and atomic");
    }
}

enum ee_err ee_transfers_read(const struct ee_crypto *crypto, struct ee_bytes body,
                              const uint8_t command_id[EE_ID_SIZE], struct ee_writer *out,
                              char detail[EE_TRANSFERS_DETAIL_SIZE])
{
    struct reading r = {.crypto = crypto, .command_id = command_id, .out = out, .detail = detail};
    size_t start = out->size;
    detail[0] = '\0';
    EE_TRY(ee_transfers_begin(out, false, 1)); /* amended below */
    ee_attest_json_init(&r.json, body, EE_TRANSFERS_READ_MAX);
    read_all(&r);
    if (r.err != EE_OK)
        return r.err;
    enum ee_reason reason = ee_attest_json_end(&r.json);
    if (reason == EE_REASON_JSON_TOO_LARGE)
        return EE_TOO_LARGE;
    if (reason != EE_REASON_NONE) {
        (void)snprintf(detail, EE_TRANSFERS_DETAIL_SIZE, "not such an object (%s at transfers[%u])",
                       ee_attest_reason_name(reason), (unsigned)r.count);
        return EE_SYNTAX;
    }
    if (r.count == 0) {
        complain(&r, r.any ? EE_RANGE : EE_MISSING_FIELD, NULL, "transfers: at least one");
        return r.err;
    }
    return ee_transfers_amend(out, start, r.atomic, r.count);
}
