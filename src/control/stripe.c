/* SPDX-License-Identifier: Apache-2.0 */
#include "control/stripe.h"

#include <string.h>

#include "base/text.h"
#include "control/json.h"

#include "base/banned.h"

/* ---- secrets ---- */

static enum ee_err secret_take(struct ee_bytes line, struct ee_stripe_secrets *out)
{
    if (out->count == EE_STRIPE_SECRETS_MAX)
        return EE_SYNTAX;
    if (line.size < EE_STRIPE_SECRET_MIN || line.size > EE_STRIPE_SECRET_MAX)
        return EE_RANGE;
    for (size_t i = 0; i < line.size; i++)
        if (line.data[i] <= 0x20 || line.data[i] > 0x7e)
            return EE_SYNTAX;
    memcpy(out->of[out->count].text, line.data, line.size);
    out->of[out->count++].size = (uint8_t)line.size;
    return EE_OK;
}

enum ee_err ee_stripe_secrets_parse(struct ee_bytes text, struct ee_stripe_secrets *out)
{
    struct ee_stripe_secrets secrets;
    enum ee_err err = EE_OK;
    memset(&secrets, 0, sizeof secrets);
    while (err == EE_OK && text.size > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        size_t size = end != NULL ? (size_t)(end - text.data) : text.size;
        err = secret_take(ee_bytes_of(text.data, size), &secrets);
        size += end != NULL;
        text = ee_bytes_of(text.data + size, text.size - size);
    }
    if (err == EE_OK && secrets.count == 0)
        err = EE_SYNTAX;
    if (err == EE_OK)
        *out = secrets;
    ee_wipe(&secrets, sizeof secrets);
    return err;
}

/* ---- signature ---- */

struct signature_header {
    bool has_time;
    uint64_t time_s;
    struct ee_bytes time_text; /* is signed as it stands */
    uint8_t values[EE_STRIPE_SIGNATURES_MAX][EE_SHA256_SIZE];
    size_t count;
};

static enum ee_err item_take(struct ee_bytes item, struct signature_header *out)
{
    char digits[21];
    const uint8_t *equals = memchr(item.data, '=', item.size);
    if (equals == NULL)
        return EE_WEBHOOK_SIGNATURE;
    struct ee_bytes name = ee_bytes_of(item.data, (size_t)(equals - item.data));
    struct ee_bytes value = ee_bytes_of(equals + 1, item.size - name.size - 1);
    if (ee_bytes_equal(name, ee_bytes_str("t"))) {
        if (out->has_time || value.size >= sizeof digits)
            return EE_WEBHOOK_SIGNATURE;
        memcpy(digits, value.data, value.size);
        digits[value.size] = '\0';
        out->has_time = true;
        out->time_text = value;
        return ee_u64_parse(digits, &out->time_s) == EE_OK ? EE_OK : EE_WEBHOOK_SIGNATURE;
    }
    if (!ee_bytes_equal(name, ee_bytes_str("v1")))
        return EE_OK; /* v0 signs test events; a scheme to come is not ours to judge */
    if (out->count == EE_STRIPE_SIGNATURES_MAX ||
        ee_hex_decode(value, out->values[out->count], EE_SHA256_SIZE) != EE_OK)
        return EE_WEBHOOK_SIGNATURE;
    out->count++;
    return EE_OK;
}

static enum ee_err header_parse(struct ee_bytes text, struct signature_header *out)
{
    memset(out, 0, sizeof *out);
    if (text.size == 0 || text.size > EE_STRIPE_HEADER_MAX)
        return EE_WEBHOOK_SIGNATURE;
    while (text.size > 0) {
        const uint8_t *end = memchr(text.data, ',', text.size);
        size_t size = end != NULL ? (size_t)(end - text.data) : text.size;
        if (size == 0 || (end != NULL && size + 1 == text.size))
            return EE_WEBHOOK_SIGNATURE;
        EE_TRY(item_take(ee_bytes_of(text.data, size), out));
        size += end != NULL;
        text = ee_bytes_of(text.data + size, text.size - size);
    }
    return out->has_time && out->count > 0 ? EE_OK : EE_WEBHOOK_SIGNATURE;
}

enum ee_err ee_stripe_verify(const struct ee_crypto *crypto,
                             const struct ee_stripe_secrets *secrets, struct ee_bytes header,
                             struct ee_bytes body, uint64_t now_s)
{
    struct signature_header given;
    uint8_t wanted[EE_SHA256_SIZE];
    bool found = false;
    EE_TRY(header_parse(header, &given));
    const struct ee_bytes parts[] = {given.time_text, ee_bytes_str("."), body};
    for (size_t s = 0; s < secrets->count; s++) {
        crypto->hmac_sha256(ee_bytes_of(secrets->of[s].text, secrets->of[s].size), parts, 3,
                            wanted);
        for (size_t i = 0; i < given.count; i++)
            found |= ee_bytes_equal_secret(wanted, given.values[i], sizeof wanted);
    }
    ee_wipe(wanted, sizeof wanted);
    if (!found)
        return EE_WEBHOOK_SIGNATURE;
    uint64_t apart_s = given.time_s > now_s ? given.time_s - now_s : now_s - given.time_s;
    return apart_s <= EE_STRIPE_TOLERANCE_S ? EE_OK : EE_WEBHOOK_AGE;
}

/* ---- events ---- */

/* A name of the provider's: printable, of a bounded length. */
static enum ee_err id_copy(const json_t *value, char out[EE_REFERENCE_MAX + 1])
{
    const char *text = json_string_value(value);
    size_t size = json_string_length(value);
    if (text == NULL)
        return value == NULL || json_is_null(value) ? EE_MISSING_FIELD : EE_SYNTAX;
    if (size == 0 || size > EE_REFERENCE_MAX)
        return EE_RANGE;
    for (size_t i = 0; i < size; i++)
        if (text[i] <= 0x20 || text[i] > 0x7e)
            return EE_SYNTAX;
    memcpy(out, text, size + 1);
    return EE_OK;
}

/* A member that is an id, or the object that has it (an expanded one). */
static const json_t *id_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_object(value) ? json_object_get(value, "id") : value;
}

/* The payment object: the intent, or the charge of one made without. */
static enum ee_err payment_copy(const json_t *object, const char *charge,
                                char out[EE_REFERENCE_MAX + 1])
{
    enum ee_err err = id_copy(id_of(object, "payment_intent"), out);
    return err == EE_MISSING_FIELD ? id_copy(id_of(object, charge), out) : err;
}

static enum ee_err amount_copy(const json_t *object, const char *name, struct ee_payment_word *out)
{
    const json_t *amount = json_object_get(object, name);
    const json_t *currency = json_object_get(object, "currency");
    if (amount == NULL || currency == NULL)
        return EE_MISSING_FIELD;
    if (!json_is_integer(amount) || json_string_length(currency) != EE_CURRENCY_SIZE)
        return EE_SYNTAX;
    json_int_t cents = json_integer_value(amount);
    if (cents < 0 || (uint64_t)cents > EE_PAYMENT_SAID_MAX)
        return EE_RANGE;
    out->cents = (uint64_t)cents;
    memcpy(out->currency, json_string_value(currency), EE_CURRENCY_SIZE);
    for (size_t i = 0; i < EE_CURRENCY_SIZE; i++)
        if (out->currency[i] < 'a' || out->currency[i] > 'z')
            return EE_SYNTAX;
    return cents == 0 ? EE_NOT_FOUND : EE_OK; /* nothing was paid */
}

/* EE_NOT_FOUND: not one of our orders. */
static enum ee_err order_copy(const json_t *text, uint8_t out[EE_ID_SIZE])
{
    const char *digits = json_string_value(text);
    struct ee_bytes bytes = ee_bytes_of(digits, json_string_length(text));
    if (digits == NULL || ee_hex_decode(bytes, out, EE_ID_SIZE) != EE_OK ||
        ee_bytes_all_zero(out, EE_ID_SIZE))
        return EE_NOT_FOUND;
    return EE_OK;
}

static enum ee_err metadata_order(const json_t *object, uint8_t out[EE_ID_SIZE])
{
    return order_copy(json_object_get(json_object_get(object, "metadata"), "order"), out);
}

/* checkout.session.completed: the order is its client_reference_id. Delayed payment methods
 * complete a session before they pay. */
static enum ee_err session_completed(const json_t *object, struct ee_payment_word *out)
{
    const char *status = json_string_value(json_object_get(object, "payment_status"));
    out->event = EE_PAYMENT_SUCCEEDED;
    if (status == NULL || strcmp(status, "paid") != 0)
        return EE_NOT_FOUND;
    if (order_copy(json_object_get(object, "client_reference_id"), out->order) != EE_OK)
        EE_TRY(metadata_order(object, out->order));
    EE_TRY(payment_copy(object, "id", out->payment));
    return amount_copy(object, "amount_total", out);
}

static enum ee_err intent_succeeded(const json_t *object, struct ee_payment_word *out)
{
    out->event = EE_PAYMENT_SUCCEEDED;
    EE_TRY(metadata_order(object, out->order));
    EE_TRY(id_copy(json_object_get(object, "id"), out->payment));
    return amount_copy(object, "amount_received", out);
}

static enum ee_err charge_refunded(const json_t *object, struct ee_payment_word *out)
{
    out->event = EE_PAYMENT_REFUNDED;
    EE_TRY(payment_copy(object, "id", out->payment));
    return amount_copy(object, "amount_refunded", out);
}

/* An inquiry ("warning_...") takes no money; what is "prevented" or still open closes nothing. */
static enum ee_err dispute(const json_t *object, bool closed, struct ee_payment_word *out)
{
    const char *status = json_string_value(json_object_get(object, "status"));
    if (status == NULL)
        return EE_MISSING_FIELD;
    if (strncmp(status, "warning_", 8) == 0)
        return EE_NOT_FOUND;
    bool won = strcmp(status, "won") == 0, lost = strcmp(status, "lost") == 0;
    if (closed && !won && !lost)
        return EE_NOT_FOUND;
    out->event = !closed ? EE_PAYMENT_DISPUTE_OPENED
                 : won   ? EE_PAYMENT_DISPUTE_WON
                         : EE_PAYMENT_DISPUTE_LOST;
    EE_TRY(id_copy(json_object_get(object, "id"), out->dispute));
    EE_TRY(payment_copy(object, "charge", out->payment));
    return amount_copy(object, "amount", out);
}

static enum ee_err object_read(const char *type, const json_t *object, struct ee_payment_word *out)
{
    if (strcmp(type, "checkout.session.completed") == 0 ||
        strcmp(type, "checkout.session.async_payment_succeeded") == 0)
        return session_completed(object, out);
    if (strcmp(type, "payment_intent.succeeded") == 0)
        return intent_succeeded(object, out);
    if (strcmp(type, "charge.refunded") == 0)
        return charge_refunded(object, out);
    if (strcmp(type, "charge.dispute.created") == 0)
        return dispute(object, false, out);
    if (strcmp(type, "charge.dispute.closed") == 0)
        return dispute(object, true, out);
    return EE_NOT_FOUND;
}

static enum ee_err event_read(const json_t *event, struct ee_payment_word *out)
{
    const char *type = json_string_value(json_object_get(event, "type"));
    const json_t *object = json_object_get(json_object_get(event, "data"), "object");
    EE_TRY(id_copy(json_object_get(event, "id"), out->provider_event));
    if (type == NULL || object == NULL)
        return EE_MISSING_FIELD;
    if (!json_is_object(object))
        return EE_SYNTAX;
    return object_read(type, object, out);
}

enum ee_err ee_stripe_event(struct ee_bytes body, struct ee_payment_word *out)
{
    struct ee_payment_word word;
    if (body.size > EE_STRIPE_BODY_MAX)
        return EE_TOO_LARGE;
    json_t *event = ee_json_parse(body);
    if (event == NULL)
        return EE_SYNTAX;
    memset(&word, 0, sizeof word);
    enum ee_err err = event_read(event, &word);
    json_decref(event);
    if (err == EE_OK)
        *out = word;
    return err;
}
