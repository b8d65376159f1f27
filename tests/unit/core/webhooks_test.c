/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints in slots, addresses of webhooks, and Standard Webhooks signatures. */
#include "unit/core/network.h"

#include "core/book.h"
#include "core/webhook_sign.h"
#include "core/webhook_url.h"
#include "tap.h"

static enum ee_err set(struct network *n, const char *account, uint8_t slot, const char *url)
{
    struct ee_webhook_set set = {.op = EE_WEBHOOK_SET, .slot = slot, .events = EE_EVENTS_ALL};
    memcpy(set.url, url, strlen(url));
    return NETWORK_SEND(n, EE_ACTOR_ACCOUNT, account, EE_COMMAND_WEBHOOK, webhook_set, &set);
}

static enum ee_err remove_slot(struct network *n, const char *account, uint8_t slot)
{
    struct ee_webhook_set set = {.op = EE_WEBHOOK_REMOVE, .slot = slot};
    return NETWORK_SEND(n, EE_ACTOR_ACCOUNT, account, EE_COMMAND_WEBHOOK, webhook_set, &set);
}

static void slots_are_bounded_and_given_again(void)
{
    struct network n;
    network_open(&n, EE_PROFILE_DEVELOPMENT, NULL);
    network_populate(&n);
    for (int i = 1; i <= EE_WEBHOOKS_PER_ACCOUNT; i++)
        CHECK(set(&n, "alice", 0, "https://example.net/") == EE_OK);
    CHECK(set(&n, "alice", 0, "https://example.net/") == EE_LIMIT);
    CHECK(set(&n, "bob", 0, "https://example.net/") == EE_OK);
    uint64_t seq = ee_core_webhook(n.core, "alice", 7)->seq;
    CHECK(remove_slot(&n, "alice", 7) == EE_OK);
    CHECK(remove_slot(&n, "alice", 7) == EE_WEBHOOK_UNKNOWN);
    CHECK(set(&n, "alice", 0, "https://example.org/") == EE_OK);
    const struct ee_webhook *row = ee_core_webhook(n.core, "alice", 7);
    CHECK(row->active && row->seq > seq && strcmp(row->url, "https://example.org/") == 0);
    CHECK(set(&n, "alice", 7, "https://example.com/") == EE_OK); /* another value: the same one */
    CHECK(ee_core_webhook(n.core, "alice", 7)->seq == row->seq);
    CHECK(set(&n, "bob", 2, "https://example.com/") == EE_WEBHOOK_UNKNOWN);
    uint8_t hash[32], afresh[32];
    ee_core_state_hash(n.core, hash);
    CHECK(network_replay(&n, afresh) && memcmp(hash, afresh, 32) == 0);
    network_close(&n);
}

static void plain_http_only_to_loopback_in_development(void)
{
    struct network n;
    network_open(&n, EE_PROFILE_DEVELOPMENT, NULL);
    network_populate(&n);
    CHECK(set(&n, "alice", 0, "http://127.0.0.1:8080/hook") == EE_OK);
    CHECK(set(&n, "alice", 0, "http://example.net/hook") == EE_WEBHOOK_URL);
    CHECK(set(&n, "alice", 0, "ftp://example.net/hook") == EE_WEBHOOK_URL);
    network_close(&n);
}

static void addresses(void)
{
    struct ee_webhook_url url;
    CHECK(ee_webhook_url_parse("https://a.example:8443/x?y=1", &url) == EE_OK && url.tls &&
          strcmp(url.host, "a.example") == 0 && url.port == 8443 &&
          strcmp(url.target, "/x?y=1") == 0 && !url.loopback);
    CHECK(ee_webhook_url_parse("https://[2001:db8::1]", &url) == EE_OK && url.port == 443 &&
          strcmp(url.host, "2001:db8::1") == 0 && strcmp(url.target, "/") == 0);
    static const char *const bad[] = {"",
                                      "https://",
                                      "https://user@host/",
                                      "https://host:0/",
                                      "https://host:65536/",
                                      "https://host:/",
                                      "https://host/#fragment",
                                      "https://host/a b",
                                      "https://host/\r\nX: y",
                                      "https://[::1/",
                                      "https://host\\@evil/",
                                      "HTTPS://host/",
                                      "https://-host/"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(ee_webhook_url_parse(bad[i], &url) == EE_WEBHOOK_URL);
}

/* The example of Standard Webhooks 1.0.0, "Signature scheme", as its libraries test it. */
static void signature_of_the_specification(void)
{
    static const struct ee_webhook_secret none;
    struct ee_webhook_secret secret;
    char out[EE_WEBHOOK_SIGNATURES_SIZE], text[EE_WEBHOOK_SECRET_TEXT_SIZE];
    CHECK(ee_webhook_secret_parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &secret) == EE_OK);
    CHECK(strcmp(ee_webhook_sign(&ee_crypto_openssl, &secret, &none, "msg_p5jXN8AQM9LWM0D4loKWxJek",
                                 1614265330, ee_bytes_str("{\"test\": 2432232314}"), out),
                 "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=") == 0);
    (void)ee_webhook_sign(&ee_crypto_openssl, &secret, &secret, "msg_1", 1, ee_bytes_str(""), out);
    CHECK(strlen(out) == 2 * 47 + 1 && out[47] == ' ' && memcmp(out, out + 48, 47) == 0);
    CHECK(strcmp(ee_webhook_secret_format(&secret, text),
                 "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") == 0);
    CHECK(ee_webhook_secret_parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La", &secret) == EE_RANGE);
    CHECK(ee_webhook_secret_parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &secret) == EE_SYNTAX);
}

/* Memory for the list of rows written runs out: it is said, nothing else fails. */
static void watch_lists_what_was_written(void)
{
    struct network n;
    uint8_t lease[EE_ID_SIZE];
    const uint32_t *rows;
    size_t count;
    network_open(&n, EE_PROFILE_DEVELOPMENT, NULL);
    network_populate(&n);
    CHECK(ee_core_watch_start(n.core) == EE_OK);
    CHECK(network_run(&n, "alice", EE_WORKLOAD_JOB, "one", 1, lease) == EE_OK);
    CHECK(ee_core_watch_leases(n.core, &rows, &count) && count > 0);
    for (size_t i = 0; i < count; i++)
        CHECK(memcmp(ee_core_lease_at(n.core, rows[i])->id, lease, EE_ID_SIZE) == 0);
    CHECK(ee_core_watch_periods(n.core, &rows, &count) && count > 0);
    const struct ee_period *period = ee_core_period_at(n.core, rows[0]);
    struct ee_book_entry entry;
    uint32_t number = ee_core_book_lock(n.core, period);
    CHECK(number > 0 && ee_core_book_settlement(n.core, period) == 0);
    ee_core_book_entry(n.core, number - 1, &entry);
    CHECK(entry.phase == EE_BOOK_RESERVED && entry.code == EE_BOOK_LOCK &&
          (int64_t)entry.amount == period->locked.micros);
    ee_core_watch_clear(n.core);
    CHECK(network_tick(&n) == EE_OK);
    CHECK(ee_core_watch_leases(n.core, &rows, &count) && count == 0);
    network_close(&n);
}

TESTS(TEST(slots_are_bounded_and_given_again), TEST(plain_http_only_to_loopback_in_development),
      TEST(addresses), TEST(signature_of_the_specification), TEST(watch_lists_what_was_written))
