/* SPDX-License-Identifier: Apache-2.0 */
/* Real and synthetic quotes from the directory in EE_TDX_VECTORS: each verdict, and what happens to
 * good ones when a byte changes. */
#include <dirent.h>

#include "io/crypto_openssl.h"
#include "tap.h"
#include "vector_case.h"

/* Under a sanitizer every byte would take a minute: a prime stride there, every byte elsewhere. */
#if defined(__SANITIZE_ADDRESS__)
enum { FLIP_STRIDE = 13 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { FLIP_STRIDE = 13 };
#else
enum { FLIP_STRIDE = 1 };
#endif
#else
enum { FLIP_STRIDE = 1 };
#endif

static struct test_case one;
static struct ee_verdict verdict;

/* Changing one byte leaves most signatures as they were: those that held are remembered, so that
 * tens of thousands of verifications take seconds. */
static struct {
    uint8_t key[EE_P256_POINT_SIZE], digest[EE_SHA256_SIZE], signature[EE_P256_SIGNATURE_SIZE];
} known[16];
static size_t known_next; /* which one the next replaces */

static bool remembering_verify(const uint8_t key[EE_P256_POINT_SIZE],
                               const uint8_t digest[EE_SHA256_SIZE],
                               const uint8_t signature[EE_P256_SIGNATURE_SIZE])
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (memcmp(known[i].key, key, EE_P256_POINT_SIZE) == 0 &&
            memcmp(known[i].digest, digest, EE_SHA256_SIZE) == 0 &&
            memcmp(known[i].signature, signature, EE_P256_SIGNATURE_SIZE) == 0)
            return true;
    bool ok = ee_crypto_openssl.p256_verify(key, digest, signature);
    if (ok) {
        memcpy(known[known_next].key, key, EE_P256_POINT_SIZE);
        memcpy(known[known_next].digest, digest, EE_SHA256_SIZE);
        memcpy(known[known_next].signature, signature, EE_P256_SIGNATURE_SIZE);
        known_next = (known_next + 1) % (sizeof(known) / sizeof(known[0]));
    }
    return ok;
}

static enum ee_err case_verify(const struct test_case *t, const uint8_t *root)
{
    uint8_t roots[1][EE_P256_POINT_SIZE];
    memcpy(roots[0], root, sizeof(roots[0]));
    const struct ee_verify_input input = {
        .quote = ee_bytes_of(t->quote, t->quote_size),
        .collateral = &t->collateral,
        .roots = (const uint8_t(*)[EE_P256_POINT_SIZE])roots,
        .root_count = 1,
        .time_s = t->time_s,
    };
    struct ee_crypto crypto = ee_crypto_openssl;
    crypto.p256_verify = remembering_verify;
    return ee_attest_verify(&crypto, &input, &verdict);
}

static bool status_agrees(const struct test_case *t, enum ee_err err)
{
    if (err == EE_OK)
        return strcmp(ee_attest_tcb_status_name(verdict.status), t->status) == 0;
    return !t->status[0] || strcmp(t->status, "Revoked") == 0 ||
           strcmp(t->status, "NOT_SUPPORTED") == 0;
}

static void every_case_has_its_expected_verdict(void)
{
    size_t count = 0;
    if (!getenv("EE_TDX_VECTORS"))
        SKIP("set EE_TDX_VECTORS");
    DIR *dir = opendir(getenv("EE_TDX_VECTORS"));
    REQUIRE(dir);
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (entry->d_name[0] == '.' || strchr(entry->d_name, '.'))
            continue;
        bool loaded = case_load(&one, entry->d_name);
        enum ee_err err = loaded ? case_verify(&one, one.root) : EE_SYNTAX;
        if (!loaded || !status_agrees(&one, err))
            printf("# %s: %s %s\n", entry->d_name, ee_attest_reason_name(verdict.reason),
                   ee_attest_tcb_status_name(verdict.status));
        CHECK(loaded && status_agrees(&one, err));
        if (strncmp(entry->d_name, "syn-", 4) == 0)
            CHECK(case_verify(&one, ee_attest_root_production) != EE_OK);
        count++;
    }
    (void)closedir(dir);
    CHECK(count >= 100);
}

static const char good_name[] = "near-mpc-2026-08-e20-uptodate";

static void every_prefix_of_a_good_quote_is_refused(void)
{
    if (!getenv("EE_TDX_VECTORS"))
        SKIP("set EE_TDX_VECTORS");
    REQUIRE(case_load(&one, good_name) && case_verify(&one, one.root) == EE_OK);
    struct ee_quote q;
    for (size_t size = 0; size < verdict.quote_size; size++)
        CHECK(ee_attest_quote_decode(ee_bytes_of(one.quote, size), &q, NULL) != EE_REASON_NONE);
}

/* Everything up to the root in the chain is signed or structure; the third certificate is neither,
 * and the last byte is a NUL that ends the PEM. */
static void every_flipped_byte_of_a_good_quote(void)
{
    if (!getenv("EE_TDX_VECTORS"))
        SKIP("set EE_TDX_VECTORS");
    REQUIRE(case_load(&one, good_name) && case_verify(&one, one.root) == EE_OK);
    size_t size = verdict.quote_size, accepted = 0, root_at = 0;
    for (size_t i = 0; i + 5 < size; i++)
        if (memcmp(one.quote + i, "BEGIN", 5) == 0)
            root_at = i;
    for (size_t i = 0; i < size; i += FLIP_STRIDE) {
        one.quote[i] ^= 0x01;
        if (case_verify(&one, one.root) == EE_OK) {
            accepted++;
            CHECK(i > root_at && verdict.status == EE_TCB_UP_TO_DATE);
        }
        one.quote[i] ^= 0x01;
    }
    CHECK(accepted < size - root_at);
}

static void every_flipped_byte_of_good_collateral_is_refused(void)
{
    size_t accepted = 0;
    if (!getenv("EE_TDX_VECTORS"))
        SKIP("set EE_TDX_VECTORS");
    REQUIRE(case_load(&one, good_name) && case_verify(&one, one.root) == EE_OK);
    for (size_t i = 0; i < one.file_size; i += FLIP_STRIDE) {
        one.file[i] ^= 0x01;
        if (collateral_decode(&one) == EE_REASON_NONE && case_verify(&one, one.root) == EE_OK) {
            /* Only the case of a hex digit, or an optional member's name, may not matter. */
            accepted++;
            CHECK(verdict.status == EE_TCB_UP_TO_DATE);
        }
        one.file[i] ^= 0x01;
    }
    printf("# %zu of %zu flips change nothing\n", accepted, one.file_size);
    CHECK(accepted < 64);
}

static void collateral_without_one_member(void)
{
    static const char *const names[] = {"tcb_info",
                                        "tcb_info_signature",
                                        "tcb_info_issuer_chain",
                                        "qe_identity",
                                        "qe_identity_signature",
                                        "qe_identity_issuer_chain",
                                        "pck_crl",
                                        "root_ca_crl"};
    if (!getenv("EE_TDX_VECTORS"))
        SKIP("set EE_TDX_VECTORS");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char key[64];
        REQUIRE(case_load(&one, good_name));
        (void)snprintf(key, sizeof(key), "\"%s\"", names[i]);
        size_t size = strlen(key), at = 0;
        while (at + size < one.file_size && memcmp(one.file + at, key, size) != 0)
            at++;
        one.file[at + 1] = 'X';
        REQUIRE(collateral_decode(&one) == EE_REASON_NONE);
        CHECK(case_verify(&one, one.root) != EE_OK);
    }
}

static void roots_that_are_not_this_one_or_none(void)
{
    uint8_t other[2][EE_P256_POINT_SIZE] = {{1}};
    if (!getenv("EE_TDX_VECTORS"))
        SKIP("set EE_TDX_VECTORS");
    REQUIRE(case_load(&one, good_name));
    CHECK(case_verify(&one, other[0]) == EE_UNTRUSTED);
    CHECK(verdict.reason == EE_REASON_ROOT_UNTRUSTED && !verdict.root_matched);
    memcpy(other[1], one.root, sizeof(other[1]));
    struct ee_verify_input input = {.quote = ee_bytes_of(one.quote, one.quote_size),
                                    .collateral = &one.collateral,
                                    .roots = (const uint8_t(*)[EE_P256_POINT_SIZE])other,
                                    .root_count = 2,
                                    .time_s = one.time_s};
    CHECK(ee_attest_verify(&ee_crypto_openssl, &input, &verdict) == EE_OK);
    CHECK(verdict.root_matched && verdict.root_index == 1 && verdict.root_production);
    input.root_count = 0;
    CHECK(ee_attest_verify(&ee_crypto_openssl, &input, &verdict) == EE_UNTRUSTED);
}

TESTS(TEST(every_case_has_its_expected_verdict), TEST(every_prefix_of_a_good_quote_is_refused),
      TEST(every_flipped_byte_of_a_good_quote),
      TEST(every_flipped_byte_of_good_collateral_is_refused), TEST(collateral_without_one_member),
      TEST(roots_that_are_not_this_one_or_none))
