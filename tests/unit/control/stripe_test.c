/* SPDX-License-Identifier: Apache-2.0 */
#include "control/stripe.h"

#include <stdio.h>

#include "base/text.h"
#include "io/crypto_openssl.h"
#include "tap.h"

static const uint64_t now_s = 1700000000;
static const char body[] = "{\"id\":\"evt_1\",\"type\":\"x\",\"data\":{\"object\":{}}}";
static const char old_secret[] = "whsec_0123456789abcdef", new_secret[] = "whsec_fedcba9876543210";

static struct ee_stripe_secrets secrets_of(const char *text)
{
    struct ee_stripe_secrets secrets;
    CHECK(ee_stripe_secrets_parse(ee_bytes_str(text), &secrets) == EE_OK);
    return secrets;
}

/* Signs as the provider documents: HMAC-SHA-256 over time, a dot and the body, in hex. */
static const char *sign(const char *secret, const char *time, const char *text)
{
    static char hex[4][65];
    static unsigned next;
    uint8_t mac[32];
    const struct ee_bytes parts[] = {ee_bytes_str(time), ee_bytes_str("."), ee_bytes_str(text)};
    ee_crypto_openssl.hmac_sha256(ee_bytes_str(secret), parts, 3, mac);
    return ee_hex_encode(mac, 32, hex[next++ % 4]);
}

static enum ee_err verify(const char *secrets_text, const char *header, const char *text)
{
    struct ee_stripe_secrets secrets = secrets_of(secrets_text);
    return ee_stripe_verify(&ee_crypto_openssl, &secrets, ee_bytes_str(header), ee_bytes_str(text),
                            now_s);
}

static char header_text[2048];
#define HEADER(...) ((void)snprintf(header_text, sizeof(header_text), __VA_ARGS__), header_text)

/* Computed apart from this code, with Python's hmac: key, time and body as they stand here. */
static void known_signature(void)
{
    CHECK(verify("whsec_test_secret_0001",
                 "t=1700000000,v1="
                 "2414e009c1f5e62059336bb4de874bbccaf8d00b6936fa2a5659b57f53efc75e",
                 "{\"object\":\"event\"}") == EE_OK);
}

static void several_signatures_and_other_schemes(void)
{
    const char *right = sign(old_secret, "1700000000", body);
    const char *other = sign(new_secret, "1700000000", body);
    CHECK(verify(old_secret, HEADER("t=1700000000,v1=%s,v0=%s", right, other), body) == EE_OK);
    CHECK(verify(old_secret, HEADER("t=1700000000,v1=%s,v1=%s", other, right), body) == EE_OK);
    CHECK(verify(old_secret, HEADER("v1=%s,t=1700000000", right), body) == EE_OK);
    CHECK(verify(old_secret, HEADER("t=1700000000,v1=%s", other), body) == EE_WEBHOOK_SIGNATURE);
    /* While a secret is replaced both count. */
    CHECK(verify("whsec_0123456789abcdef\nwhsec_fedcba9876543210\n",
                 HEADER("t=1700000000,v1=%s", other), body) == EE_OK);
}

static void signature_of_v0_only(void)
{
    const char *right = sign(old_secret, "1700000000", body);
    CHECK(verify(old_secret, HEADER("t=1700000000,v0=%s", right), body) == EE_WEBHOOK_SIGNATURE);
}

static void time_that_is_too_far(void)
{
    static const struct {
        const char *time;
        enum ee_err want;
    } rows[] = {{"1699999700", EE_OK}, {"1699999699", EE_WEBHOOK_AGE},
                {"1700000300", EE_OK}, {"1700000301", EE_WEBHOOK_AGE},
                {"0", EE_WEBHOOK_AGE}, {"18446744073709551615", EE_WEBHOOK_AGE}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *mac = sign(old_secret, rows[i].time, body);
        CHECK(verify(old_secret, HEADER("t=%s,v1=%s", rows[i].time, mac), body) == rows[i].want);
    }
    /* Another time than the signed one is a wrong signature, not an old one. */
    const char *mac = sign(old_secret, "1699990000", body);
    CHECK(verify(old_secret, HEADER("t=1700000000,v1=%s", mac), body) == EE_WEBHOOK_SIGNATURE);
}

static void body_changed_or_bit_flipped(void)
{
    const char *mac = sign(old_secret, "1700000000", body);
    char changed[65];
    CHECK(verify(old_secret, HEADER("t=1700000000,v1=%s", mac), "{}") == EE_WEBHOOK_SIGNATURE);
    for (size_t i = 0; i < 64; i++) {
        memcpy(changed, mac, sizeof(changed));
        changed[i] = changed[i] == '0' ? '1' : '0';
        CHECK(verify(old_secret, HEADER("t=1700000000,v1=%s", changed), body) ==
              EE_WEBHOOK_SIGNATURE);
    }
}

static void malformed_headers(void)
{
    const char *mac = sign(old_secret, "1700000000", body);
    static const char *const bad[] = {"",
                                      ",",
                                      "t",
                                      "t=",
                                      "t=1700000000",
                                      "t=1700000000,",
                                      "t=1700000000,v1=",
                                      "t=1700000000,v1=00",
                                      "t=-1,v1=%s",
                                      "t= 1700000000,v1=%s",
                                      "t=01700000000,v1=%s",
                                      "t=1700000000,t=1700000000,v1=%s",
                                      "t=1700000000,,v1=%s",
                                      "t=1700000000,v1=%s,",
                                      "t=184467440737095516150,v1=%s",
                                      "v1=%s"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[512];
        const char *place = strstr(bad[i], "%s");
        size_t before = place ? (size_t)(place - bad[i]) : strlen(bad[i]);
        (void)snprintf(text, sizeof(text), "%.*s%s%s", (int)before, bad[i], place ? mac : "",
                       place ? place + 2 : "");
        CHECK(verify(old_secret, text, body) == EE_WEBHOOK_SIGNATURE);
    }
}

static void more_signatures_than_are_read_and_longest_header(void)
{
    const char *mac = sign(old_secret, "1700000000", body);
    size_t size = (size_t)snprintf(header_text, sizeof(header_text), "t=1700000000");
    for (int i = 0; i < EE_STRIPE_SIGNATURES_MAX; i++)
        size += (size_t)snprintf(header_text + size, sizeof(header_text) - size, ",v1=%s", mac);
    CHECK(verify(old_secret, header_text, body) == EE_OK);
    (void)snprintf(header_text + size, sizeof(header_text) - size, ",v1=%s", mac);
    CHECK(verify(old_secret, header_text, body) == EE_WEBHOOK_SIGNATURE);
    memset(header_text, 'a', EE_STRIPE_HEADER_MAX + 1);
    header_text[EE_STRIPE_HEADER_MAX + 1] = '\0';
    CHECK(verify(old_secret, header_text, body) == EE_WEBHOOK_SIGNATURE);
}

static void secrets_that_are_none(void)
{
    static const struct {
        const char *text;
        enum ee_err want;
    } rows[] = {
        {"", EE_SYNTAX},
        {"\n", EE_RANGE},
        {"short", EE_RANGE},
        {"whsec_0123456789 bcdef", EE_SYNTAX},
        {"whsec_0123456789abcdef\r\n", EE_SYNTAX},
        {"whsec_0123456789abcdef\n\n", EE_RANGE},
        {"whsec_0123456789abcde1\nwhsec_0123456789abcde2\nwhsec_0123456789abcde3", EE_SYNTAX}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ee_stripe_secrets secrets;
        CHECK(ee_stripe_secrets_parse(ee_bytes_str(rows[i].text), &secrets) == rows[i].want);
    }
}

/* ---- events ---- */

#define ORDER "000102030405060708090a0b0c0d0e0f"
static struct ee_payment_word word;

static enum ee_err event(const char *type, const char *object)
{
    char text[2048];
    (void)snprintf(text, sizeof(text),
                   "{\"id\":\"evt_1\",\"object\":\"event\",\"type\":\"%s\",\"livemode\":true,"
                   "\"data\":{\"object\":%s}}",
                   type, object);
    memset(&word, 0, sizeof(word));
    return ee_stripe_event(ee_bytes_str(text), &word);
}

static void two_kinds_of_events_name_one_payment(void)
{
    CHECK(event("checkout.session.completed",
                "{\"id\":\"cs_1\",\"payment_intent\":\"pi_1\",\"payment_status\":\"paid\","
                "\"client_reference_id\":\"" ORDER
                "\",\"amount_total\":500,\"currency\":\"usd\"}") == EE_OK);
    CHECK(word.event == EE_PAYMENT_SUCCEEDED && strcmp(word.payment, "pi_1") == 0);
    CHECK(word.cents == 500 && word.order[15] == 15);
    CHECK(event("payment_intent.succeeded",
                "{\"id\":\"pi_1\",\"amount\":600,\"amount_received\":500,\"currency\":\"usd\","
                "\"metadata\":{\"order\":\"" ORDER "\"}}") == EE_OK);
    CHECK(strcmp(word.payment, "pi_1") == 0 && word.cents == 500 && word.order[1] == 1);
    CHECK(strcmp(word.provider_event, "evt_1") == 0);
}

static void refunds_and_disputes(void)
{
    CHECK(event("charge.refunded", "{\"id\":\"ch_1\",\"payment_intent\":\"pi_1\",\"amount\":500,"
                                   "\"amount_refunded\":200,\"currency\":\"usd\"}") == EE_OK);
    CHECK(word.event == EE_PAYMENT_REFUNDED && word.cents == 200);
    CHECK(event("charge.refunded", "{\"id\":\"ch_1\",\"payment_intent\":null,"
                                   "\"amount_refunded\":200,\"currency\":\"usd\"}") == EE_OK);
    CHECK(strcmp(word.payment, "ch_1") == 0);
    CHECK(event("charge.dispute.created",
                "{\"id\":\"dp_1\",\"payment_intent\":{\"id\":\"pi_1\",\"amount\":1},\"amount\":500,"
                "\"currency\":\"usd\",\"status\":\"needs_response\"}") == EE_OK);
    CHECK(word.event == EE_PAYMENT_DISPUTE_OPENED && strcmp(word.dispute, "dp_1") == 0);
    CHECK(strcmp(word.payment, "pi_1") == 0);
    CHECK(event("charge.dispute.closed",
                "{\"id\":\"dp_1\",\"payment_intent\":\"pi_1\","
                "\"amount\":500,\"currency\":\"usd\",\"status\":\"won\"}") == EE_OK);
    CHECK(word.event == EE_PAYMENT_DISPUTE_WON);
    CHECK(event("charge.dispute.closed",
                "{\"id\":\"dp_1\",\"payment_intent\":\"pi_1\","
                "\"amount\":500,\"currency\":\"usd\",\"status\":\"lost\"}") == EE_OK);
    CHECK(word.event == EE_PAYMENT_DISPUTE_LOST);
}

static void events_that_say_nothing_of_our_payments(void)
{
    CHECK(event("invoice.paid", "{}") == EE_NOT_FOUND);
    CHECK(event("checkout.session.completed",
                "{\"payment_status\":\"unpaid\",\"client_reference_id\":\"" ORDER
                "\"}") == EE_NOT_FOUND);
    CHECK(event("payment_intent.succeeded",
                "{\"id\":\"pi_1\",\"amount_received\":5,\"currency\":\"usd\",\"metadata\":{}}") ==
          EE_NOT_FOUND);
    CHECK(event("charge.dispute.created",
                "{\"id\":\"dp_1\",\"status\":\"warning_needs_response\"}") == EE_NOT_FOUND);
    CHECK(event("charge.dispute.closed", "{\"id\":\"dp_1\",\"status\":\"warning_closed\"}") ==
          EE_NOT_FOUND);
}

static void events_that_are_malformed(void)
{
    char text[EE_STRIPE_BODY_MAX + 2];
    CHECK(ee_stripe_event(ee_bytes_str(""), &word) == EE_SYNTAX);
    CHECK(ee_stripe_event(ee_bytes_str("[]"), &word) == EE_SYNTAX);
    CHECK(ee_stripe_event(ee_bytes_str("{\"id\":\"e\",\"id\":\"e\"}"), &word) == EE_SYNTAX);
    CHECK(ee_stripe_event(ee_bytes_str("{\"type\":\"x\",\"data\":{\"object\":{}}}"), &word) ==
          EE_MISSING_FIELD);
    CHECK(ee_stripe_event(ee_bytes_str("{\"id\":\"e\",\"type\":\"x\"}"), &word) ==
          EE_MISSING_FIELD);
    memset(text, ' ', sizeof(text));
    CHECK(ee_stripe_event(ee_bytes_of(text, EE_STRIPE_BODY_MAX + 1), &word) == EE_TOO_LARGE);
#define REFUNDED(rest) event("charge.refunded", "{\"payment_intent\":\"pi_1\"" rest "}")
    CHECK(REFUNDED("") == EE_MISSING_FIELD);
    CHECK(REFUNDED(",\"amount_refunded\":\"5\",\"currency\":\"usd\"") == EE_SYNTAX);
    CHECK(REFUNDED(",\"amount_refunded\":5.5,\"currency\":\"usd\"") == EE_SYNTAX);
    CHECK(REFUNDED(",\"amount_refunded\":-5,\"currency\":\"usd\"") == EE_RANGE);
    CHECK(REFUNDED(",\"amount_refunded\":1000000000001,\"currency\":\"usd\"") == EE_RANGE);
    CHECK(REFUNDED(",\"amount_refunded\":5,\"currency\":\"USD\"") == EE_SYNTAX);
    CHECK(REFUNDED(",\"amount_refunded\":5,\"currency\":\"us\"") == EE_SYNTAX);
    CHECK(event("charge.refunded", "{\"payment_intent\":7,\"amount_refunded\":5}") == EE_SYNTAX);
}

TESTS(TEST(known_signature), TEST(several_signatures_and_other_schemes), TEST(signature_of_v0_only),
      TEST(time_that_is_too_far), TEST(body_changed_or_bit_flipped), TEST(malformed_headers),
      TEST(more_signatures_than_are_read_and_longest_header), TEST(secrets_that_are_none),
      TEST(two_kinds_of_events_name_one_payment), TEST(refunds_and_disputes),
      TEST(events_that_say_nothing_of_our_payments), TEST(events_that_are_malformed))
