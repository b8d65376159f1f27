/* SPDX-License-Identifier: Apache-2.0 */
/* Good quotes and their collateral, cut everywhere and with each byte changed: a clean refusal, or,
 * where no signature covers the byte, the very same verdict. Those bytes are named here with the
 * reason why they may change. Everything is asked twice, with and without a cache. */
#include <stdlib.h>

#include "attest/cache.h"
#include "io/crypto_openssl.h"
#include "sim/collateral.h"
#include "sim/quote.h"
#include "tap.h"
#include "vector_case.h"

enum { NOW_S = 1790000000, HOUR_S = 3600, PADDING = 24, PLACE_BYTES = 2 * FILE_MAX };

/* Under a sanitizer every byte would take too long: a prime stride there. */
#if defined(__SANITIZE_ADDRESS__)
#define SLOW 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLOW 1
#endif
#endif
#ifdef SLOW
enum { STRIDE = 17 };
#else
enum { STRIDE = 1 };
#endif

/* A changed byte leaves most signatures as they were, and each is checked with and without a
 * cache: answers are remembered, found again by all of the question. */
struct answer {
    uint8_t key[EE_P256_POINT_SIZE], digest[EE_SHA256_SIZE], signature[EE_P256_SIGNATURE_SIZE];
    bool set, holds;
};

static bool remembering_verify(const uint8_t key[EE_P256_POINT_SIZE],
                               const uint8_t digest[EE_SHA256_SIZE],
                               const uint8_t signature[EE_P256_SIGNATURE_SIZE])
{
    static struct answer answers[4096];
    struct answer *a = &answers[(digest[0] ^ signature[0] ^ signature[63]) | (digest[1] & 15) << 8];
    if (!a->set || memcmp(a->key, key, sizeof(a->key)) != 0 ||
        memcmp(a->digest, digest, sizeof(a->digest)) != 0 ||
        memcmp(a->signature, signature, sizeof(a->signature)) != 0) {
        memcpy(a->key, key, sizeof(a->key));
        memcpy(a->digest, digest, sizeof(a->digest));
        memcpy(a->signature, signature, sizeof(a->signature));
        a->holds = ee_crypto_openssl.p256_verify(key, digest, signature);
        a->set = true;
    }
    return a->holds;
}

static struct ee_crypto crypto;
static struct test_case one;       /* what is changed */
static struct ee_verdict original; /* of it unchanged */
static struct ee_verdict verdict;
static struct ee_cache_collateral places[3];
static struct ee_cache_platform platforms[EE_CACHE_WAYS];
static uint8_t bytes[3 * PLACE_BYTES];
static struct ee_verify_cache cache;

/* The verdict on `quote`, which must be the same from a cache that knows the unchanged one. */
static enum ee_err judge(struct ee_bytes quote, const struct ee_collateral *collateral,
                         const struct ee_collateral *for_cache)
{
    static struct ee_verdict warm;
    struct ee_verify_input input = {.quote = quote,
                                    .collateral = collateral,
                                    .roots = (const uint8_t(*)[EE_P256_POINT_SIZE]) & one.root,
                                    .root_count = 1,
                                    .time_s = one.time_s};
    enum ee_err err = ee_attest_verify(&crypto, &input, &verdict);
    input.collateral = for_cache;
    CHECK(ee_attest_verify_cached(&crypto, &cache, &input, &warm) == err);
    CHECK(memcmp(&warm, &verdict, sizeof(warm)) == 0);
    CHECK(err == verdict.err && (err == EE_OK) == (verdict.reason == EE_REASON_NONE));
    return err;
}

static enum ee_err judge_quote(size_t size)
{
    uint8_t *exact = malloc(size ? size : 1); /* so that a sanitizer sees one byte too many */
    if (!exact)
        return EE_NO_MEMORY;
    memcpy(exact, one.quote, size);
    enum ee_err err = judge(ee_bytes_of(exact, size), &one.collateral, &one.collateral);
    free(exact);
    return err;
}

static bool same_verdict(void)
{
    return memcmp(&verdict, &original, sizeof(verdict)) == 0;
}

/* Remembers collateral, platform and quoting enclave of the unchanged quote. */
static bool start(void)
{
    crypto = ee_crypto_openssl;
    crypto.p256_verify = remembering_verify;
    ee_attest_cache_init(&cache, places, 3, bytes, sizeof(bytes), platforms, EE_CACHE_WAYS);
    if (judge_quote(one.quote_size) != EE_OK || judge_quote(one.quote_size) != EE_OK)
        return false;
    original = verdict;
    return cache.counts.qe_hits == 1 && cache.counts.collateral_hits == 1;
}

static bool simulate(enum ee_sim_quote_format format)
{
    static struct ee_sim_authority authority;
    static struct ee_sim_platform platform;
    static const uint8_t seed[32] = {5}, report_data[64] = {7};
    struct ee_sim_td td;
    if (ee_sim_authority_init(&authority, &ee_crypto_openssl, seed) != EE_OK ||
        ee_sim_platform_init(&platform, &ee_crypto_openssl, &authority, seed, 8, EE_SIM_HEALTHY) !=
            EE_OK)
        return false;
    ee_sim_td_for_program(&ee_crypto_openssl, "ee-agent", "0.1.0", &td);
    if (ee_sim_quote_write(&ee_crypto_openssl, &platform, &td, report_data, format, one.quote,
                           sizeof(one.quote) - PADDING, &one.quote_size) != EE_OK ||
        ee_sim_collateral_write(&ee_crypto_openssl, &authority, &platform, NOW_S - HOUR_S,
                                (char *)one.file, sizeof(one.file), &one.file_size) != EE_OK)
        return false;
    memset(one.quote + one.quote_size, 0, PADDING);
    one.quote_size += PADDING;
    memcpy(one.root, ee_sim_authority_root_key(&authority), sizeof(one.root));
    one.time_s = NOW_S;
    return collateral_decode(&one) == EE_REASON_NONE && start();
}

static bool real(const char *name)
{
    return case_load(&one, name) && one.quote_size + PADDING <= sizeof(one.quote) && start();
}

/* ---- Quotes ---- */

enum place {
    SIGNED,    /* by the attestation key, the PCK or a CA; or it says where things are */
    SEPARATOR, /* line ends and NULs around PEM blocks: another white space says the same */
    ROOT,      /* the root inside the quote: only which key it is for matters, and that it is a
                  certificate; the root that is trusted comes from the caller */
    PAD,       /* behind the quote: cut off, reported as trailing */
    PLACES
};

static enum place place_of(size_t at, size_t chain_at, size_t root_at)
{
    if (at >= original.quote_size)
        return PAD;
    if (at >= root_at)
        return ROOT;
    uint8_t before = one.quote[at - (at > 0)];
    bool space = one.quote[at] == '\n' || one.quote[at] == '\r' || one.quote[at] == '\0';
    return at >= chain_at && space && (before == '-' || before == '\n') ? SEPARATOR : SIGNED;
}

static size_t find_pem(size_t number)
{
    static const char mark[] = "-----BEGIN";
    for (size_t at = 0; at + sizeof(mark) < one.quote_size; at++)
        if (memcmp(one.quote + at, mark, sizeof(mark) - 1) == 0 && number-- == 0)
            return at;
    return one.quote_size;
}

static void each_byte_of_the_quote(uint8_t change, size_t kept[PLACES])
{
    const size_t chain_at = find_pem(0), root_at = find_pem(2);
    for (size_t at = 0; at < one.quote_size; at += STRIDE) {
        enum place place = place_of(at, chain_at, root_at);
        one.quote[at] ^= change;
        bool accepted = judge_quote(one.quote_size) == EE_OK;
        if (accepted && (place == SIGNED || !same_verdict()))
            printf("# byte %zu of %zu changed by %#x\n", at, one.quote_size, (unsigned)change);
        CHECK(!accepted || (place != SIGNED && same_verdict()));
        CHECK(accepted || place != PAD);
        one.quote[at] ^= change;
        kept[place] += accepted;
    }
}

static void each_prefix_of_the_quote(void)
{
    for (size_t size = 0; size <= one.quote_size; size += STRIDE) {
        enum ee_err err = judge_quote(size);
        CHECK((err == EE_OK) == (size >= original.quote_size));
        if (err == EE_OK)
            CHECK(verdict.quote_size == original.quote_size &&
                  verdict.trailing_size == size - original.quote_size);
        else
            CHECK(!verdict.quote_decoded || size < EE_QUOTE_HEADER_SIZE);
    }
}

static void quote_changed_everywhere(void)
{
    const bool full = getenv("EE_TEST_FULL") != NULL;
    size_t kept[PLACES] = {0};
    each_prefix_of_the_quote();
    for (unsigned bit = 0; bit < (full ? 8 : 1); bit++)
        each_byte_of_the_quote((uint8_t)(1u << bit), kept);
    printf("# %zu bytes: same verdict for changes in white space %zu, root %zu, padding %zu\n",
           one.quote_size, kept[SEPARATOR], kept[ROOT], kept[PAD]);
    CHECK(kept[SIGNED] == 0);
    CHECK(judge_quote(one.quote_size) == EE_OK && same_verdict());
}

static void simulated_quote_version_4(void)
{
    REQUIRE(simulate(EE_SIM_QUOTE_V4));
    quote_changed_everywhere();
}

static void simulated_quote_version_5_body_2(void)
{
    REQUIRE(simulate(EE_SIM_QUOTE_V5));
    quote_changed_everywhere();
}

static void simulated_quote_version_5_body_3(void)
{
    REQUIRE(simulate(EE_SIM_QUOTE_V5_TD15));
    quote_changed_everywhere();
}

static void simulated_quote_version_5_body_4(void)
{
    REQUIRE(simulate(EE_SIM_QUOTE_V5_TD15_EXTENDED));
    quote_changed_everywhere();
}

/* ---- Collateral ---- */

static bool chain_same(const struct ee_der_chain *a, const struct ee_der_chain *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = ee_bytes_equal(a->der[i], b->der[i]);
    return same;
}

/* Every byte that a signature covers is as it was: what changed is the way it is written (the case
 * of a hex digit, white space, how a name in the file is spelled that nothing needs). A PCK CRL
 * issuer chain is such a name: the quote brings the same CA. */
static bool says_the_same(const struct ee_collateral *a, const struct ee_collateral *b)
{
    return ee_bytes_equal(a->tcb_info, b->tcb_info) &&
           ee_bytes_equal(a->qe_identity, b->qe_identity) &&
           ee_bytes_equal(a->pck_crl, b->pck_crl) && ee_bytes_equal(a->root_crl, b->root_crl) &&
           memcmp(a->tcb_info_signature, b->tcb_info_signature, EE_P256_SIGNATURE_SIZE) == 0 &&
           memcmp(a->qe_identity_signature, b->qe_identity_signature, EE_P256_SIGNATURE_SIZE) ==
               0 &&
           chain_same(&a->tcb_info_chain, &b->tcb_info_chain) &&
           chain_same(&a->qe_identity_chain, &b->qe_identity_chain) &&
           (b->pck_crl_chain.count == 0 || chain_same(&a->pck_crl_chain, &b->pck_crl_chain));
}

/* The file decoded twice: for the verifier that remembers by its cache. */
static bool judge_file(struct ee_bytes file, struct ee_collateral *out)
{
    static uint8_t scratch[FILE_MAX];
    const struct ee_collateral *for_cache;
    enum ee_reason reason = ee_attest_collateral_decode(file, scratch, sizeof(scratch), out);
    CHECK(ee_attest_cache_decode(&cache, file, &for_cache) == reason);
    return reason == EE_REASON_NONE &&
           judge(ee_bytes_of(one.quote, one.quote_size), out, for_cache) == EE_OK;
}

static void each_byte_of_the_file(uint8_t change, size_t *kept)
{
    for (size_t at = 0; at < one.file_size; at += STRIDE) {
        struct ee_collateral changed;
        one.file[at] ^= change;
        if (judge_file(ee_bytes_of(one.file, one.file_size), &changed)) {
            bool same = says_the_same(&one.collateral, &changed) && same_verdict();
            if (!same)
                printf("# byte %zu of the collateral changed by %#x\n", at, (unsigned)change);
            CHECK(same);
            ++*kept;
        }
        one.file[at] ^= change;
    }
}

static void collateral_changed_everywhere(void)
{
    const bool full = getenv("EE_TEST_FULL") != NULL;
    struct ee_collateral same;
    size_t kept = 0;
    for (size_t size = 0; size < one.file_size; size += size + 40 < one.file_size ? STRIDE : 1) {
        static uint8_t scratch[FILE_MAX];
        struct ee_bytes prefix = ee_bytes_of(one.file, size);
        bool decodes =
            ee_attest_collateral_decode(prefix, scratch, sizeof(scratch), &same) == EE_REASON_NONE;
        CHECK(!decodes || says_the_same(&one.collateral, &same)); /* only white space was cut */
    }
    for (unsigned bit = 0; bit < (full ? 8 : 1); bit++)
        each_byte_of_the_file((uint8_t)(1u << bit), &kept);
    each_byte_of_the_file(0x20, &kept); /* the case of letters */
    printf("# %zu bytes: %zu changes only of how it is written\n", one.file_size, kept);
    CHECK(judge_file(ee_bytes_of(one.file, one.file_size), &same) && same_verdict());
}

static void simulated_collateral(void)
{
    REQUIRE(simulate(EE_SIM_QUOTE_V4));
    collateral_changed_everywhere();
}

/* ---- The same with what Intel signed ---- */

static const char *const real_names[] = {"near-mpc-2026-08-e20-uptodate",
                                         "alibaba-v5-servicetd-e17-uptodate"};

static void real_quotes(void)
{
    if (!getenv("EE_TDX_VECTORS"))
        SKIP("set EE_TDX_VECTORS");
    for (size_t i = 0; i < sizeof(real_names) / sizeof(real_names[0]); i++) {
        REQUIRE(real(real_names[i]));
        quote_changed_everywhere();
    }
}

static void real_collateral(void)
{
    if (!getenv("EE_TDX_VECTORS"))
        SKIP("set EE_TDX_VECTORS");
    for (size_t i = 0; i < (getenv("EE_TEST_FULL") ? 2 : 1); i++) {
        REQUIRE(real(real_names[i]));
        collateral_changed_everywhere();
    }
}

TESTS(TEST(simulated_quote_version_4), TEST(simulated_quote_version_5_body_2),
      TEST(simulated_quote_version_5_body_3), TEST(simulated_quote_version_5_body_4),
      TEST(simulated_collateral), TEST(real_quotes), TEST(real_collateral))
