/* SPDX-License-Identifier: Apache-2.0 */
/* What the verifier's cache saves, when it is full, and what it must never be used for. That it
 * never changes a verdict is in cache_property.c. */
#include "attest/cache.h"

#include "io/crypto_openssl.h"
#include "sim/collateral.h"
#include "sim/quote.h"
#include "sim/x509_writer.h"
#include "tap.h"
#include "vector_case.h"

enum { NOW_S = 1790000000, HOUR_S = 3600, DAY_S = 86400, COLLATERAL_BYTES = 64 * 1024 };

static size_t p256_count;

static bool counting_verify(const uint8_t key[EE_P256_POINT_SIZE],
                            const uint8_t digest[EE_SHA256_SIZE],
                            const uint8_t signature[EE_P256_SIGNATURE_SIZE])
{
    p256_count++;
    return ee_crypto_openssl.p256_verify(key, digest, signature);
}

/* A quote with all it needs. */
struct subject {
    struct ee_sim_authority authority;
    struct ee_sim_platform platform;
    uint8_t quote[EE_SIM_QUOTE_MAX];
    size_t quote_size;
    char file[EE_SIM_COLLATERAL_MAX];
    size_t file_size;
    uint8_t scratch[EE_SIM_COLLATERAL_MAX];
    struct ee_collateral collateral;
};

static struct ee_crypto crypto;
static struct ee_verdict verdict;
static struct ee_cache_collateral places[4];
static struct ee_cache_platform platforms[EE_CACHE_WAYS * 2];
static uint8_t bytes[4 * COLLATERAL_BYTES];
static struct ee_verify_cache cache;
static struct subject one, other, third;

static void cache_start(size_t collateral_count, size_t platform_count)
{
    crypto = ee_crypto_openssl;
    crypto.p256_verify = counting_verify;
    memset(bytes, 0xee, sizeof(bytes)); /* the cache may not rely on what was there */
    memset(places, 0xee, sizeof(places));
    memset(platforms, 0xee, sizeof(platforms));
    ee_attest_cache_init(&cache, places, collateral_count, bytes, sizeof(bytes), platforms,
                         platform_count);
}

static bool quote_make(struct subject *s, enum ee_sim_quote_format format)
{
    static const uint8_t report_data[64] = {7};
    struct ee_sim_td td;
    ee_sim_td_for_program(&ee_crypto_openssl, "ee-agent", "0.1.0", &td);
    return ee_sim_quote_write(&ee_crypto_openssl, &s->platform, &td, report_data, format, s->quote,
                              sizeof(s->quote), &s->quote_size) == EE_OK;
}

static bool collateral_make(struct subject *s, int64_t issued_s)
{
    return ee_sim_collateral_write(&ee_crypto_openssl, &s->authority, &s->platform, issued_s,
                                   s->file, sizeof(s->file), &s->file_size) == EE_OK &&
           ee_attest_collateral_decode(ee_bytes_of(s->file, s->file_size), s->scratch,
                                       sizeof(s->scratch), &s->collateral) == EE_REASON_NONE;
}

/* A platform `name` of authority `authority`. */
static bool subject_make(struct subject *s, uint8_t authority, uint8_t name, uint32_t faults)
{
    uint8_t seed[32] = {authority}, own[32] = {name};
    return ee_sim_authority_init(&s->authority, &ee_crypto_openssl, seed) == EE_OK &&
           ee_sim_platform_init(&s->platform, &ee_crypto_openssl, &s->authority, own, 8, faults) ==
               EE_OK &&
           quote_make(s, EE_SIM_QUOTE_V4) && collateral_make(s, NOW_S - HOUR_S);
}

/* Another platform of the same authority, certificates and all, with the same collateral. */
static bool sibling_make(struct subject *s, const struct subject *of, uint8_t name)
{
    uint8_t own[32] = {name};
    s->authority = of->authority;
    s->collateral = of->collateral;
    return ee_sim_platform_init(&s->platform, &ee_crypto_openssl, &s->authority, own, 8,
                                EE_SIM_HEALTHY) == EE_OK &&
           quote_make(s, EE_SIM_QUOTE_V4);
}

static enum ee_err verify_with(const struct subject *s, const struct ee_collateral *collateral,
                               int64_t time_s)
{
    uint8_t roots[2][EE_P256_POINT_SIZE] = {{1}};
    memcpy(roots[1], ee_sim_authority_root_key(&s->authority), EE_P256_POINT_SIZE);
    const struct ee_verify_input input = {.quote = ee_bytes_of(s->quote, s->quote_size),
                                          .collateral = collateral,
                                          .roots = (const uint8_t(*)[EE_P256_POINT_SIZE])roots,
                                          .root_count = 2,
                                          .time_s = time_s};
    static struct ee_verdict cold;
    struct ee_verify_input again = input;
    struct ee_collateral copy = *collateral; /* the cache's own may not outlive the call */
    again.collateral = &copy;
    enum ee_err err = ee_attest_verify(&ee_crypto_openssl, &again, &cold);
    p256_count = 0;
    CHECK(ee_attest_verify_cached(&crypto, &cache, &input, &verdict) == err);
    CHECK(memcmp(&cold, &verdict, sizeof(cold)) == 0);
    return err;
}

static enum ee_err verify(const struct subject *s)
{
    return verify_with(s, &s->collateral, NOW_S);
}

/* Whether it verifies, with exactly this many P-256 verifications. */
static bool costs(const struct subject *s, size_t count)
{
    bool ok = verify(s) == EE_OK && p256_count == count;
    if (!ok)
        printf("# %s with %zu P-256 verifications\n", ee_attest_reason_name(verdict.reason),
               p256_count);
    return ok;
}

static void ten_then_three_then_two_then_one_signature(void)
{
    cache_start(4, EE_CACHE_WAYS);
    REQUIRE(subject_make(&one, 1, 1, EE_SIM_HEALTHY) && sibling_make(&other, &one, 2));
    CHECK(costs(&one, 10)); /* its root is not Intel's: one more than the usual nine */
    CHECK(costs(&one, 1));
    CHECK(costs(&other, 3));
    CHECK(costs(&other, 1));
    REQUIRE(ee_sim_platform_init(&third.platform, &ee_crypto_openssl, &one.authority,
                                 (const uint8_t[32]){9}, 8, EE_SIM_HEALTHY) == EE_OK);
    one.platform.ak = third.platform.ak; /* the quoting enclave has a new key */
    REQUIRE(quote_make(&one, EE_SIM_QUOTE_V5_TD15));
    CHECK(costs(&one, 2));
    CHECK(costs(&one, 1));
    CHECK(cache.counts.collateral_hits == 5 && cache.counts.collateral_misses == 1);
    CHECK(cache.counts.platform_hits == 4 && cache.counts.platform_misses == 2);
    CHECK(cache.counts.qe_hits == 3 && cache.counts.qe_misses == 3);
    CHECK(cache.counts.evictions == 0);
    ee_attest_cache_clear(&cache);
    CHECK(costs(&other, 10) && cache.counts.collateral_hits == 0);
}

static void nine_signatures_under_the_production_root(void)
{
    static struct test_case t;
    static const char name[] = "near-mpc-2026-08-e20-uptodate";
    if (!getenv("EE_TDX_VECTORS"))
        SKIP("set EE_TDX_VECTORS");
    cache_start(2, EE_CACHE_WAYS);
    REQUIRE(case_load(&t, name));
    const struct ee_verify_input input = {.quote = ee_bytes_of(t.quote, t.quote_size),
                                          .collateral = &t.collateral,
                                          .roots = &ee_attest_root_production,
                                          .root_count = 1,
                                          .time_s = t.time_s};
    for (size_t i = 0; i < 3; i++) {
        p256_count = 0;
        REQUIRE(ee_attest_verify_cached(&crypto, &cache, &input, &verdict) == EE_OK);
        CHECK(p256_count == (i == 0 ? 9 : 1));
    }
    p256_count = 0;
    CHECK(ee_attest_verify(&crypto, &input, &verdict) == EE_OK && p256_count == 9);
}

static void full_of_collateral_the_one_not_used_for_longest_goes(void)
{
    cache_start(3, EE_CACHE_WAYS * 2); /* remembers two */
    REQUIRE(subject_make(&one, 1, 1, EE_SIM_HEALTHY) && subject_make(&other, 2, 1, EE_SIM_HEALTHY));
    REQUIRE(subject_make(&third, 3, 1, EE_SIM_HEALTHY));
    CHECK(costs(&one, 10) && costs(&other, 10) && costs(&one, 1) && costs(&other, 1));
    CHECK(costs(&one, 1) && cache.counts.evictions == 0);
    CHECK(costs(&third, 10) && cache.counts.evictions == 1); /* instead of the other */
    CHECK(costs(&one, 1) && costs(&third, 1));
    CHECK(costs(&other, 10 - 2) && cache.counts.evictions == 2); /* its platform is known still */
    CHECK(costs(&third, 1) && costs(&one, 10 - 2));
}

static void full_of_platforms_the_one_not_used_for_longest_goes(void)
{
    cache_start(2, 2);
    REQUIRE(subject_make(&one, 1, 1, EE_SIM_HEALTHY) && sibling_make(&other, &one, 2));
    REQUIRE(sibling_make(&third, &one, 3));
    CHECK(costs(&one, 10) && costs(&other, 3) && costs(&one, 1) && cache.counts.evictions == 0);
    CHECK(costs(&third, 3) && cache.counts.evictions == 1); /* instead of the other */
    CHECK(costs(&one, 1) && costs(&third, 1) && costs(&other, 3));
}

static void many_platforms_and_each_in_its_set(void)
{
    enum { COUNT = 12 };
    cache_start(2, EE_CACHE_WAYS * 2);
    REQUIRE(subject_make(&one, 1, 100, EE_SIM_HEALTHY));
    for (uint8_t i = 0; i < COUNT; i++) {
        REQUIRE(sibling_make(&other, &one, i));
        CHECK(costs(&other, i == 0 ? 10 : 3));
        CHECK(costs(&other, 1));
    }
    CHECK(cache.counts.platform_misses == COUNT && cache.counts.platform_hits == COUNT);
}

static void third_quoting_enclave_replaces_the_first(void)
{
    struct ee_sim_key keys[3];
    cache_start(2, 1);
    REQUIRE(subject_make(&one, 1, 1, EE_SIM_HEALTHY));
    for (uint8_t i = 0; i < 3; i++) {
        uint8_t seed[32] = {i};
        REQUIRE(ee_sim_platform_init(&other.platform, &ee_crypto_openssl, &one.authority, seed, 8,
                                     EE_SIM_HEALTHY) == EE_OK);
        keys[i] = other.platform.ak;
    }
    static uint8_t quotes[3][EE_SIM_QUOTE_MAX];
    static const uint8_t order[] = {0, 1, 0, 1, 2, 1, 2, 0, 2, 0, 1};
    static const uint8_t cost[] = {10, 2, 1, 1, 2, 1, 1, 2, 1, 1, 2};
    for (size_t i = 0; i < 3; i++) {
        one.platform.ak = keys[i];
        REQUIRE(quote_make(&one, EE_SIM_QUOTE_V4));
        memcpy(quotes[i], one.quote, sizeof(quotes[i]));
    }
    for (size_t i = 0; i < sizeof(order); i++) {
        memcpy(one.quote, quotes[order[i]], sizeof(one.quote));
        CHECK(costs(&one, cost[i]));
    }
}

/* Nothing of a quote that fails is remembered, however far it came, and nothing gives way. */
static void quotes_that_fail_leave_no_trace(void)
{
    static const uint32_t faults[] = {EE_SIM_TCB_REVOKED,  EE_SIM_PCK_REVOKED,
                                      EE_SIM_AK_NOT_BOUND, EE_SIM_QUOTE_FORGED,
                                      EE_SIM_WRONG_ROOT,   EE_SIM_COLLATERAL_EXPIRED};
    cache_start(2, 1);
    REQUIRE(subject_make(&one, 1, 1, EE_SIM_HEALTHY) && costs(&one, 10));
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        for (uint8_t authority = 1; authority < 3; authority++)
            for (uint8_t name = 1; name < 3; name++) {
                REQUIRE(subject_make(&other, authority, name, faults[i]));
                uint64_t clock = cache.clock;
                CHECK(verify(&other) != EE_OK);
                CHECK(cache.clock == clock && cache.counts.evictions == 0);
                if (authority == 1) { /* with the collateral that is remembered */
                    (void)verify_with(&other, &one.collateral, NOW_S);
                    if (verdict.err != EE_OK)
                        CHECK(cache.clock == clock);
                    else
                        REQUIRE(verify(&one) == EE_OK); /* that one was good: put back ours */
                }
                CHECK(costs(&one, 1));
                cache.counts.evictions = 0;
            }
}

/* The chain of a known platform is public: it must help nobody to forge. */
static void known_chain_with_another_quoting_enclave_or_key(void)
{
    cache_start(2, 1);
    REQUIRE(subject_make(&one, 1, 1, EE_SIM_HEALTHY) && costs(&one, 10) && costs(&one, 1));
    for (size_t at = 0; at < one.quote_size; at++) {
        if (at > 60 && at < 600 && at % 16) /* measurements: one byte of sixteen */
            continue;
        if (at >= 600 && at % (at < 1300 ? 3 : 37)) /* signatures and report; the chain */
            continue;
        one.quote[at] ^= 0x20;
        (void)verify(&one); /* compares with the verdict without a cache */
        one.quote[at] ^= 0x20;
    }
    CHECK(costs(&one, 1) && cache.counts.evictions == 0);
}

/* Another CA of the same name under the same root did not sign this leaf. */
static void known_leaf_behind_another_ca_of_the_same_root(void)
{
    struct ee_sim_key key;
    struct ee_sim_cert ca;
    cache_start(2, EE_CACHE_WAYS);
    REQUIRE(subject_make(&one, 1, 1, EE_SIM_HEALTHY) && costs(&one, 10) && costs(&one, 1));
    REQUIRE(ee_sim_key_derive(&ee_crypto_openssl, one.authority.seed, "other-ca", &key) == EE_OK);
    const struct ee_sim_cert_spec spec = {.subject = "Intel SGX PCK Platform CA",
                                          .issuer = "Intel SGX Root CA",
                                          .key = &key,
                                          .issuer_key = &one.authority.root_key,
                                          .serial = {1},
                                          .not_before_s = NOW_S - DAY_S,
                                          .not_after_s = NOW_S + DAY_S};
    REQUIRE(ee_sim_cert_write(&ee_crypto_openssl, &spec, &ca) == EE_OK);
    other = one;
    const struct ee_sim_cert *const certs[] = {&one.platform.pck, &ca, &one.authority.root};
    size_t size = 0;
    for (size_t i = 0; i < 3; i++)
        size += ee_sim_cert_pem(certs[i], other.platform.pck_chain + size,
                                sizeof(other.platform.pck_chain) - size);
    other.platform.pck_chain_size = size;
    REQUIRE(quote_make(&other, EE_SIM_QUOTE_V4));
    CHECK(verify(&other) == EE_UNTRUSTED && verdict.reason == EE_REASON_CHAIN_ISSUER);
    CHECK(costs(&one, 1));
}

static void platform_revoked_after_it_was_known(void)
{
    cache_start(3, EE_CACHE_WAYS);
    REQUIRE(subject_make(&one, 1, 1, EE_SIM_HEALTHY) && costs(&one, 10) && costs(&one, 1));
    other = one;
    other.platform.faults = EE_SIM_PCK_REVOKED; /* the same certificate, now on the list */
    REQUIRE(collateral_make(&other, NOW_S - HOUR_S + 1));
    CHECK(verify_with(&one, &other.collateral, NOW_S) == EE_REVOKED);
    CHECK(verdict.reason == EE_REASON_CERT_REVOKED);
    CHECK(verify_with(&one, &other.collateral, NOW_S) == EE_REVOKED);
    CHECK(costs(&one, 1)); /* under the old list, as without a cache */
}

static void collateral_that_expired_is_dropped_and_time_goes_back(void)
{
    const int64_t ends_s = NOW_S - HOUR_S + EE_SIM_COLLATERAL_DAYS * (int64_t)DAY_S;
    cache_start(2, EE_CACHE_WAYS);
    REQUIRE(subject_make(&one, 1, 1, EE_SIM_HEALTHY) && costs(&one, 10));
    CHECK(verify_with(&one, &one.collateral, ends_s) == EE_OK && p256_count == 1);
    CHECK(verify_with(&one, &one.collateral, ends_s + 1) == EE_EXPIRED && p256_count > 1);
    CHECK(places[0].used_at == 0 && places[1].used_at == 0);
    CHECK(costs(&one, 8) && costs(&one, 1));
    CHECK(verify_with(&one, &one.collateral, NOW_S - HOUR_S) == EE_OK && p256_count == 1);
    CHECK(verify_with(&one, &one.collateral, NOW_S - HOUR_S - 1) == EE_EXPIRED && p256_count > 1);
    CHECK(costs(&one, 8));
}

static void collateral_is_not_used_under_another_root(void)
{
    cache_start(2, EE_CACHE_WAYS);
    REQUIRE(subject_make(&one, 1, 1, EE_SIM_HEALTHY) && subject_make(&other, 2, 1, EE_SIM_HEALTHY));
    CHECK(costs(&one, 10) && verdict.root_index == 1);
    uint8_t roots[1][EE_P256_POINT_SIZE];
    memcpy(roots[0], ee_sim_authority_root_key(&other.authority), EE_P256_POINT_SIZE);
    struct ee_verify_input input = {.quote = ee_bytes_of(one.quote, one.quote_size),
                                    .collateral = &one.collateral,
                                    .roots = (const uint8_t(*)[EE_P256_POINT_SIZE])roots,
                                    .root_count = 1,
                                    .time_s = NOW_S};
    CHECK(ee_attest_verify_cached(&crypto, &cache, &input, &verdict) == EE_UNTRUSTED);
    CHECK(!verdict.root_matched);
    input.root_count = 0;
    CHECK(ee_attest_verify_cached(&crypto, &cache, &input, &verdict) == EE_UNTRUSTED);
    memcpy(roots[0], ee_sim_authority_root_key(&one.authority), EE_P256_POINT_SIZE);
    input.root_count = 1;
    CHECK(ee_attest_verify_cached(&crypto, &cache, &input, &verdict) == EE_OK);
    CHECK(verdict.root_matched && verdict.root_index == 0);
    CHECK(costs(&one, 1));
}

static void places_too_few_or_too_small_remember_nothing(void)
{
    REQUIRE(subject_make(&one, 1, 1, EE_SIM_HEALTHY));
    for (size_t count = 0; count < 2; count++) {
        cache_start(count, EE_CACHE_WAYS);
        CHECK(costs(&one, 10) && costs(&one, 8) && cache.counts.collateral_hits == 0);
    }
    cache_start(2, 0);
    CHECK(costs(&one, 10) && costs(&one, 3) && cache.counts.platform_hits == 0);
    cache_start(2, 0);
    ee_attest_cache_init(&cache, places, 2, bytes, 2 * 4096, platforms, 0);
    CHECK(costs(&one, 10) && costs(&one, 10));
    ee_attest_cache_init(&cache, NULL, 0, NULL, 0, NULL, 0);
    CHECK(costs(&one, 10) && costs(&one, 10));
}

static struct ee_bytes file_of(const struct subject *s)
{
    return ee_bytes_of(s->file, s->file_size);
}

static void files_are_found_by_their_exact_bytes(void)
{
    const struct ee_collateral *first, *again;
    cache_start(3, EE_CACHE_WAYS);
    REQUIRE(subject_make(&one, 1, 1, EE_SIM_HEALTHY) && subject_make(&other, 2, 1, EE_SIM_HEALTHY));
    REQUIRE(ee_attest_cache_decode(&cache, file_of(&one), &first) == EE_REASON_NONE);
    CHECK(verify_with(&one, first, NOW_S) == EE_OK && p256_count == 10);
    REQUIRE(ee_attest_cache_decode(&cache, file_of(&one), &again) == EE_REASON_NONE);
    CHECK(again == first && verify_with(&one, again, NOW_S) == EE_OK && p256_count == 1);
    CHECK(costs(&one, 1)); /* the same parts, decoded elsewhere */
    REQUIRE(ee_attest_cache_decode(&cache, file_of(&other), &again) == EE_REASON_NONE);
    CHECK(again != first && verify_with(&other, again, NOW_S) == EE_OK && p256_count == 10);
    one.file[one.file_size++] = ' '; /* another file of the same parts takes no other place */
    REQUIRE(ee_attest_cache_decode(&cache, file_of(&one), &again) == EE_REASON_NONE);
    CHECK(again == first && verify_with(&one, again, NOW_S) == EE_OK && p256_count == 1);
    one.file[0] = '[';
    CHECK(ee_attest_cache_decode(&cache, file_of(&one), &again) == EE_REASON_JSON_TYPE);
    CHECK(ee_attest_cache_decode(&cache, ee_bytes_of(bytes, COLLATERAL_BYTES), &again) ==
          EE_REASON_COLLATERAL_TOO_LARGE);
    CHECK(ee_attest_cache_decode(&cache, ee_bytes_of(NULL, 0), &again) != EE_REASON_NONE);
    CHECK(costs(&one, 1) && costs(&other, 1));
}

/* Decoded, the parts of the first file reach further than the second file is long. */
static void shorter_file_of_parts_that_lie_far_apart(void)
{
    enum { PADDING = 4000 };
    static char padded[EE_SIM_COLLATERAL_MAX + 2 * PADDING];
    static const char member[] = "\"qe_identity_issuer_chain\":\"";
    const struct ee_collateral *c;
    size_t at = 0;
    cache_start(2, EE_CACHE_WAYS);
    REQUIRE(subject_make(&one, 1, 1, EE_SIM_HEALTHY));
    while (at < one.file_size && memcmp(one.file + at, member, sizeof(member) - 1) != 0)
        at++;
    REQUIRE(at < one.file_size);
    at += sizeof(member) - 1;
    memcpy(padded, one.file, at);
    for (size_t i = 0; i < PADDING; i++)
        memcpy(padded + at + 2 * i, "\\n", 2);
    memcpy(padded + at + (size_t)2 * PADDING, one.file + at, one.file_size - at);
    struct ee_bytes first = ee_bytes_of(padded, one.file_size + (size_t)2 * PADDING);
    REQUIRE(ee_attest_cache_decode(&cache, first, &c) == EE_REASON_NONE);
    CHECK(verify_with(&one, c, NOW_S) == EE_OK && p256_count == 10);
    for (size_t i = 0; i < 3; i++) {
        REQUIRE(ee_attest_cache_decode(&cache, i % 2 ? first : file_of(&one), &c) ==
                EE_REASON_NONE);
        CHECK(verify_with(&one, c, NOW_S) == EE_OK && p256_count == 1);
    }
}

static void file_that_does_not_verify_is_decoded_each_time(void)
{
    const struct ee_collateral *c;
    cache_start(2, EE_CACHE_WAYS);
    REQUIRE(subject_make(&one, 1, 1, EE_SIM_HEALTHY));
    REQUIRE(subject_make(&other, 1, 1, EE_SIM_COLLATERAL_EXPIRED));
    REQUIRE(ee_attest_cache_decode(&cache, file_of(&one), &c) == EE_REASON_NONE);
    CHECK(verify_with(&one, c, NOW_S) == EE_OK);
    for (size_t i = 0; i < 2; i++) {
        REQUIRE(ee_attest_cache_decode(&cache, file_of(&other), &c) == EE_REASON_NONE);
        CHECK(verify_with(&one, c, NOW_S) == EE_EXPIRED && cache.counts.evictions == 0);
    }
    REQUIRE(ee_attest_cache_decode(&cache, file_of(&one), &c) == EE_REASON_NONE);
    /* Found by its file, and beyond its time: verified from the copy that is being dropped. */
    CHECK(verify_with(&one, c, NOW_S + 40 * (int64_t)DAY_S) == EE_EXPIRED);
    CHECK(costs(&one, 8));
}

TESTS(TEST(ten_then_three_then_two_then_one_signature),
      TEST(nine_signatures_under_the_production_root),
      TEST(full_of_collateral_the_one_not_used_for_longest_goes),
      TEST(full_of_platforms_the_one_not_used_for_longest_goes),
      TEST(many_platforms_and_each_in_its_set), TEST(third_quoting_enclave_replaces_the_first),
      TEST(quotes_that_fail_leave_no_trace), TEST(known_chain_with_another_quoting_enclave_or_key),
      TEST(known_leaf_behind_another_ca_of_the_same_root),
      TEST(platform_revoked_after_it_was_known),
      TEST(collateral_that_expired_is_dropped_and_time_goes_back),
      TEST(collateral_is_not_used_under_another_root),
      TEST(places_too_few_or_too_small_remember_nothing),
      TEST(files_are_found_by_their_exact_bytes), TEST(shorter_file_of_parts_that_lie_far_apart),
      TEST(file_that_does_not_verify_is_decoded_each_time))
