/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence of simulated TDs: each refusal has its own error, and one changed byte of the exchange
 * format is refused. */
#include "attest/cache.h"
#include "attest/evidence.h"

#include "io/crypto_openssl.h"
#include "sim/collateral.h"
#include "sim/quote.h"
#include "tap.h"

#define CRYPTO (&ee_crypto_openssl)
enum { NOW_S = 1790000000, HOUR_S = 3600 };

static const uint8_t seed[32] = {'e', 'v'};
static const uint8_t expected_identity[32] = {2, 2}, expected_tls_key[32] = {3, 3};
static struct ee_sim_authority authority;
static struct ee_sim_platform platform;
static struct ee_sim_td td;
static uint8_t quote[EE_SIM_QUOTE_MAX], claims_bytes[EE_CLAIMS_SIZE_MAX];
static char collateral[EE_SIM_COLLATERAL_MAX];
static uint8_t scratch[EE_SIM_COLLATERAL_MAX];
static struct ee_tlog_proof path;
static struct ee_nonce nonces[3];
static struct ee_claims claims;
static struct ee_evidence evidence;
static uint8_t roots[1][EE_P256_POINT_SIZE];
static struct ee_measurement_allowed allowed[2];
static struct ee_evidence_policy policy;
static struct ee_evidence_verdict verdict;

static void make_claims(void)
{
    size_t size;
    claims = (struct ee_claims){.role = EE_ROLE_AGENT,
                                .node_name = "node-1",
                                .sealing_key = {4},
                                .software_version = "0.1.0",
                                .vcpus = 8};
    memset(claims.network_id, 1, 32);
    memcpy(claims.identity, expected_identity, 32);
    memcpy(claims.tls_key_hash, expected_tls_key, 32);
    CHECK(ee_claims_encode(&claims, claims_bytes, sizeof(claims_bytes), &size) == EE_OK);
    evidence.claims = ee_bytes_of(claims_bytes, size);
}

/* Three nonces; the evidence answers the one at `index`. */
static void make_freshness(uint32_t index, struct ee_tlog_hash *root)
{
    struct ee_tlog_hash leaves[3];
    for (size_t i = 0; i < 3; i++)
        memset(&nonces[i], 0x10 + (int)i, sizeof(nonces[i]));
    ee_freshness_leaves(CRYPTO, nonces, 3, leaves);
    ee_tlog_root_of(CRYPTO, leaves, 3, root);
    CHECK(ee_tlog_path_of(CRYPTO, leaves, 3, index, &path) == EE_OK);
    evidence.nonce = nonces[index];
    evidence.index = index;
    evidence.size = 3;
    evidence.path_count = path.count;
    memcpy(evidence.path, path.hashes, path.count * sizeof(path.hashes[0]));
}

static void make_policy(void)
{
    memcpy(roots[0], ee_sim_authority_root_key(&authority), sizeof(roots[0]));
    struct ee_measurement measurement;
    memset(allowed, 0, sizeof(allowed));
    allowed[0].role = EE_ROLE_CONTROL;
    allowed[1].role = EE_ROLE_AGENT;
    ee_sim_td_measurement(&td, &measurement);
    ee_measurement_digest(CRYPTO, &measurement, allowed[1].digest);
    policy = (struct ee_evidence_policy){.roots = (const uint8_t(*)[EE_P256_POINT_SIZE])roots,
                                         .root_count = 1,
                                         .allow_simulated = true,
                                         .time_s = NOW_S,
                                         .allow_own_collateral = true,
                                         .role = EE_ROLE_AGENT,
                                         .allowed = allowed,
                                         .allowed_count = 2,
                                         .nonce_kind = EE_NONCE_CHANNEL,
                                         .nonce = nonces[1],
                                         .tls_key_hash = expected_tls_key,
                                         .identity = expected_identity};
    memset(policy.network_id, 1, 32);
}

/* Evidence of an agent on a platform with these faults, and a policy it meets if there are none. */
static bool make(uint32_t faults)
{
    struct ee_tlog_hash root;
    uint8_t report_data[64];
    size_t quote_size, collateral_size;
    memset(&evidence, 0, sizeof(evidence));
    make_claims();
    make_freshness(1, &root);
    ee_freshness_report_data(CRYPTO, evidence.claims, &root, report_data);
    ee_sim_td_for_program(CRYPTO, "ee-agent", "0.1.0", &td);
    if (ee_sim_authority_init(&authority, CRYPTO, seed) != EE_OK ||
        ee_sim_platform_init(&platform, CRYPTO, &authority, seed, 8, faults) != EE_OK ||
        ee_sim_quote_write(CRYPTO, &platform, &td, report_data, EE_SIM_QUOTE_V4, quote,
                           sizeof(quote), &quote_size) != EE_OK ||
        ee_sim_collateral_write(CRYPTO, &authority, &platform, NOW_S - HOUR_S, collateral,
                                sizeof(collateral), &collateral_size) != EE_OK)
        return false;
    evidence.quote = ee_bytes_of(quote, quote_size);
    evidence.collateral = ee_bytes_of(collateral, collateral_size);
    make_policy();
    return true;
}

static enum ee_err verify(void)
{
    return ee_evidence_verify(CRYPTO, &evidence, &policy, scratch, sizeof(scratch), &verdict);
}

static void healthy_evidence_says_what_it_proves(void)
{
    REQUIRE(make(EE_SIM_HEALTHY));
    REQUIRE(verify() == EE_OK);
    CHECK(verdict.proof == EE_EVIDENCE_CHANNEL_BOUND && verdict.simulated);
    CHECK(verdict.allowed == &allowed[1] && verdict.claims.vcpus == 8);
    CHECK(memcmp(verdict.quote.platform.ppid, platform.ppid, 16) == 0);
    policy.nonce_kind = EE_NONCE_CALLER;
    REQUIRE(verify() == EE_OK && verdict.proof == EE_EVIDENCE_KEY_BOUND);
    policy.tls_key_hash = NULL;
    REQUIRE(verify() == EE_OK && verdict.proof == EE_EVIDENCE_VALID);
    policy.nonce_kind = EE_NONCE_ANY;
    memset(&policy.nonce, 0, sizeof(policy.nonce));
    REQUIRE(verify() == EE_OK && verdict.proof == EE_EVIDENCE_VALID);
}

static void faults_of_the_platform_have_their_own_errors(void)
{
    static const struct {
        uint32_t fault;
        enum ee_err err;
    } rows[] = {{EE_SIM_PLATFORM_OUT_OF_DATE, EE_TCB_REFUSED},
                {EE_SIM_MODULE_OUT_OF_DATE, EE_TCB_REFUSED},
                {EE_SIM_TCB_REVOKED, EE_REVOKED},
                {EE_SIM_PCK_REVOKED, EE_REVOKED},
                {EE_SIM_DEBUG_TD, EE_DEBUG_TD},
                {EE_SIM_OTHER_MEASUREMENTS, EE_MEASUREMENT},
                {EE_SIM_AK_NOT_BOUND, EE_SIGNATURE},
                {EE_SIM_QUOTE_FORGED, EE_SIGNATURE},
                {EE_SIM_WRONG_ROOT, EE_UNTRUSTED},
                {EE_SIM_COLLATERAL_EXPIRED, EE_EXPIRED}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        REQUIRE(make(rows[i].fault));
        CHECK(verify() == rows[i].err);
        CHECK(verdict.proof == 0 && !verdict.allowed);
    }
}

static void policy_that_accepts_out_of_date_still_refuses_debug(void)
{
    REQUIRE(make(EE_SIM_MODULE_OUT_OF_DATE));
    policy.tcb = &ee_attest_policy_none;
    CHECK(verify() == EE_OK);
    REQUIRE(make(EE_SIM_DEBUG_TD));
    policy.tcb = &ee_attest_policy_none;
    CHECK(verify() == EE_DEBUG_TD);
}

static void simulated_evidence_in_a_network_that_wants_hardware(void)
{
    REQUIRE(make(EE_SIM_HEALTHY));
    policy.allow_simulated = false;
    CHECK(verify() == EE_SIMULATED_REFUSED);
    memcpy(roots[0], ee_attest_root_production, sizeof(roots[0]));
    policy.allow_simulated = true;
    CHECK(verify() == EE_UNTRUSTED);
}

static void evidence_of_another_network_role_identity_or_key(void)
{
    static const uint8_t other[32] = {0xee};
    REQUIRE(make(EE_SIM_HEALTHY));
    policy.network_id[31] ^= 1;
    CHECK(verify() == EE_WRONG_NETWORK);
    make_policy();
    policy.role = EE_ROLE_CONTROL;
    CHECK(verify() == EE_WRONG_ROLE);
    make_policy();
    policy.identity = other;
    CHECK(verify() == EE_WRONG_IDENTITY);
    make_policy();
    policy.tls_key_hash = other;
    CHECK(verify() == EE_NOT_BOUND);
    make_policy();
    allowed[1].role = EE_ROLE_WITNESS;
    CHECK(verify() == EE_MEASUREMENT);
    make_policy();
    CHECK(verify() == EE_OK);
}

static void evidence_that_answers_another_nonce_or_none(void)
{
    REQUIRE(make(EE_SIM_HEALTHY));
    policy.nonce = nonces[0]; /* answered by the same quote, but shown with the path of another */
    CHECK(verify() == EE_NOT_FRESH);
    evidence.nonce = nonces[0];
    CHECK(verify() == EE_NOT_FRESH);
    REQUIRE(make(EE_SIM_HEALTHY));
    evidence.path_count--;
    CHECK(verify() == EE_NOT_FRESH);
    evidence.size = 0;
    CHECK(verify() == EE_RANGE);
}

static void claims_that_the_quote_does_not_hold(void)
{
    size_t size;
    REQUIRE(make(EE_SIM_HEALTHY));
    claims.vcpus = 64;
    REQUIRE(ee_claims_encode(&claims, claims_bytes, sizeof(claims_bytes), &size) == EE_OK);
    CHECK(verify() == EE_NOT_BOUND);
    evidence.claims.size--;
    CHECK(verify() == EE_TRUNCATED);
}

static void collateral_missing_not_allowed_or_larger_than_the_scratch_memory(void)
{
    struct ee_collateral ours;
    REQUIRE(make(EE_SIM_HEALTHY));
    policy.allow_own_collateral = false;
    CHECK(verify() == EE_MISSING_FIELD);
    REQUIRE(ee_attest_collateral_decode(evidence.collateral, scratch, sizeof(scratch), &ours) ==
            EE_REASON_NONE);
    policy.collateral = &ours;
    CHECK(ee_evidence_verify(CRYPTO, &evidence, &policy, NULL, 0, &verdict) == EE_OK);
    policy.collateral = NULL;
    policy.allow_own_collateral = true;
    CHECK(ee_evidence_verify(CRYPTO, &evidence, &policy, scratch, 100, &verdict) == EE_TOO_LARGE);
    evidence.collateral.size = 0;
    CHECK(verify() == EE_MISSING_FIELD);
}

static void quote_with_unsigned_padding(void)
{
    REQUIRE(make(EE_SIM_HEALTHY));
    quote[evidence.quote.size] = 0;
    evidence.quote.size++;
    CHECK(verify() == EE_TRAILING);
}

static char text[EE_EVIDENCE_TEXT_MAX];
static uint8_t memory[EE_EVIDENCE_TEXT_MAX];

static void exchange_format_comes_back_equal_and_still_verifies(void)
{
    size_t size;
    struct ee_evidence got;
    REQUIRE(make(EE_SIM_HEALTHY));
    evidence.event_log = ee_bytes_str("log");
    REQUIRE(ee_evidence_encode(CRYPTO, &evidence, text, sizeof(text), &size) == EE_OK);
    CHECK(size == strlen(text) && size < ee_evidence_text_size(&evidence));
    CHECK(strncmp(text, "{\"format\":\"ee-evidence-1\",\"quote\":\"", 35) == 0);
    CHECK(strcmp(text + size - 3, "\"}\n") == 0);
    REQUIRE(ee_evidence_decode(CRYPTO, ee_bytes_of(text, size), memory, size, &got) == EE_OK);
    CHECK(ee_bytes_equal(got.quote, evidence.quote));
    CHECK(ee_bytes_equal(got.collateral, evidence.collateral));
    CHECK(ee_bytes_equal(got.event_log, evidence.event_log));
    CHECK(got.index == 1 && got.size == 3 && got.path_count == 2);
    evidence = got;
    CHECK(verify() == EE_EVENT_LOG); /* "log" is none */
    evidence.event_log = ee_bytes_of(NULL, 0);
    CHECK(verify() == EE_OK);
    evidence.event_log = got.event_log;
    CHECK(ee_evidence_encode(CRYPTO, &evidence, text, size, &size) == EE_TOO_LARGE);
}

/* Small parts, so that every byte can be tried with every other value of one bit. */
static void any_flipped_bit_missing_end_or_extra_byte_is_refused(void)
{
    size_t size;
    struct ee_evidence got;
    REQUIRE(make(EE_SIM_HEALTHY));
    evidence.quote.size = 50;
    evidence.collateral.size = 40;
    REQUIRE(ee_evidence_encode(CRYPTO, &evidence, text, sizeof(text), &size) == EE_OK);
    for (size_t i = 0; i < size; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            text[i] = (char)(text[i] ^ (1 << bit));
            CHECK(ee_evidence_decode(CRYPTO, ee_bytes_of(text, size), memory, size, &got) != EE_OK);
            text[i] = (char)(text[i] ^ (1 << bit));
        }
        CHECK(ee_evidence_decode(CRYPTO, ee_bytes_of(text, i), memory, size, &got) != EE_OK);
    }
    CHECK(ee_evidence_decode(CRYPTO, ee_bytes_of(text, size + 1), memory, size, &got) ==
          EE_TRAILING);
    CHECK(ee_evidence_decode(CRYPTO, ee_bytes_of(text, size), memory, 20, &got) == EE_TOO_LARGE);
    CHECK(ee_evidence_decode(CRYPTO, ee_bytes_of(text, size), memory, size, &got) == EE_OK);
}

static void other_texts_of_the_same_values(void)
{
    static const struct {
        const char *from, *to;
    } rows[] = {
        {"\"index\":1,", "\"index\":01,"},         {"\"index\":1,", "\"index\": 1,"},
        {"\"index\":1,", "\"index\":4294967297,"}, {"\"nonce\":\"1", "\"nonce\":\"\\u0031"},
        {"{\"format\"", " {\"format\""},           {"==\",\"collateral", "\",\"collateral"}};
    size_t size;
    struct ee_evidence got;
    static char changed[EE_EVIDENCE_TEXT_MAX];
    REQUIRE(make(EE_SIM_HEALTHY));
    evidence.event_log = ee_bytes_str("a"); /* "YQ==" */
    REQUIRE(ee_evidence_encode(CRYPTO, &evidence, text, sizeof(text), &size) == EE_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *at = strstr(text, rows[i].from);
        REQUIRE(at);
        int n = snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - text), text, rows[i].to,
                         at + strlen(rows[i].from));
        CHECK(ee_evidence_decode(CRYPTO, ee_bytes_of(changed, (size_t)n), memory, sizeof(memory),
                                 &got) != EE_OK);
    }
}

static size_t p256_count;

static bool counting_verify(const uint8_t key[EE_P256_POINT_SIZE],
                            const uint8_t digest[EE_SHA256_SIZE],
                            const uint8_t signature[EE_P256_SIGNATURE_SIZE])
{
    p256_count++;
    return ee_crypto_openssl.p256_verify(key, digest, signature);
}

static enum ee_err verify_counting(void)
{
    struct ee_crypto counting = ee_crypto_openssl;
    counting.p256_verify = counting_verify;
    p256_count = 0;
    return ee_evidence_verify(&counting, &evidence, &policy, scratch, sizeof(scratch), &verdict);
}

/* The quote's signature and the nonce are checked each time; a stranger's collateral is not
 * remembered. */
static void evidence_verified_again_with_what_is_remembered(void)
{
    static struct ee_cache_collateral places[2];
    static struct ee_cache_platform platforms[1];
    static uint8_t bytes[2 * EE_SIM_COLLATERAL_MAX], own[EE_SIM_COLLATERAL_MAX];
    struct ee_verify_cache cache;
    struct ee_collateral ours;
    ee_attest_cache_init(&cache, places, 2, bytes, sizeof(bytes), platforms, 1);
    REQUIRE(make(EE_SIM_HEALTHY));
    policy.cache = &cache;
    CHECK(verify_counting() == EE_OK && p256_count == 10);
    CHECK(verify_counting() == EE_OK && p256_count == 10 && cache.clock == 0);
    REQUIRE(ee_attest_collateral_decode(evidence.collateral, own, sizeof(own), &ours) ==
            EE_REASON_NONE);
    policy.collateral = &ours;
    CHECK(verify_counting() == EE_OK && p256_count == 10);
    CHECK(verify_counting() == EE_OK && p256_count == 1);
    policy.nonce.bytes[0] ^= 1;
    CHECK(verify_counting() == EE_NOT_FRESH);
    policy.nonce.bytes[0] ^= 1;
    quote[600] ^= 1; /* report data */
    CHECK(verify_counting() == EE_SIGNATURE && p256_count == 1);
    quote[600] ^= 1;
    CHECK(verify_counting() == EE_OK && p256_count == 1);
}

static void evidence_beyond_its_limits_is_not_encoded(void)
{
    size_t size;
    REQUIRE(make(EE_SIM_HEALTHY));
    evidence.path_count = EE_FRESHNESS_PATH_MAX + 1;
    CHECK(ee_evidence_encode(CRYPTO, &evidence, text, sizeof(text), &size) == EE_RANGE);
    evidence.path_count = 2;
    evidence.index = 3;
    CHECK(ee_evidence_encode(CRYPTO, &evidence, text, sizeof(text), &size) == EE_RANGE);
    evidence.index = 1;
    evidence.quote.size = EE_EVIDENCE_QUOTE_MAX + 1;
    CHECK(ee_evidence_encode(CRYPTO, &evidence, text, sizeof(text), &size) == EE_TOO_LARGE);
}

TESTS(TEST(healthy_evidence_says_what_it_proves),
      TEST(faults_of_the_platform_have_their_own_errors),
      TEST(policy_that_accepts_out_of_date_still_refuses_debug),
      TEST(simulated_evidence_in_a_network_that_wants_hardware),
      TEST(evidence_of_another_network_role_identity_or_key),
      TEST(evidence_that_answers_another_nonce_or_none), TEST(claims_that_the_quote_does_not_hold),
      TEST(collateral_missing_not_allowed_or_larger_than_the_scratch_memory),
      TEST(quote_with_unsigned_padding), TEST(exchange_format_comes_back_equal_and_still_verifies),
      TEST(any_flipped_bit_missing_end_or_extra_byte_is_refused),
      TEST(other_texts_of_the_same_values), TEST(evidence_beyond_its_limits_is_not_encoded),
      TEST(evidence_verified_again_with_what_is_remembered))
