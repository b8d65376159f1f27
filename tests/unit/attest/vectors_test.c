/* SPDX-License-Identifier: Apache-2.0 */
/* Real and synthetic quotes from the directory in EE_TDX_VECTORS: each verdict, and what happens to
 * good ones when a byte changes. */
#include <dirent.h>
#include <stdlib.h>

#include "attest/json.h"
#include "attest/pem.h"
#include "attest/policy.h"
#include "attest/verify.h"
#include "attest/x509.h"
#include "io/crypto_openssl.h"
#include "tap.h"

enum { FILE_MAX = 256 * 1024 };

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

struct test_case {
    uint8_t quote[16 * 1024];
    size_t quote_size;
    uint8_t file[FILE_MAX], scratch[FILE_MAX];
    size_t file_size;
    struct ee_collateral collateral;
    uint8_t root[EE_P256_POINT_SIZE];
    int64_t time_s;
    char status[64]; /* "" for refuse */
};

static struct test_case one;
static struct ee_verdict verdict;

static size_t load(const char *name, const char *file, uint8_t *out, size_t capacity)
{
    char path[1024];
    (void)snprintf(path, sizeof(path), "%s/%s/%s", getenv("EE_TDX_VECTORS"), name, file);
    FILE *in = fopen(path, "rb");
    size_t size = in ? fread(out, 1, capacity, in) : 0;
    if (in)
        (void)fclose(in);
    return size;
}

/* {"verify_time": N, "expect": {"tcb_status": "..."}} among other members. */
static bool expectation_read(struct test_case *t, struct ee_bytes text)
{
    struct ee_json j;
    struct ee_bytes key;
    t->status[0] = '\0';
    ee_attest_json_init(&j, text, FILE_MAX);
    ee_attest_json_object(&j);
    while (ee_attest_json_key(&j, &key)) {
        if (ee_bytes_equal(key, ee_bytes_str("verify_time"))) {
            t->time_s = ee_attest_json_unsigned(&j, UINT32_MAX);
        } else if (ee_bytes_equal(key, ee_bytes_str("expect"))) {
            ee_attest_json_object(&j);
            while (ee_attest_json_key(&j, &key)) {
                if (ee_bytes_equal(key, ee_bytes_str("tcb_status"))) {
                    struct ee_bytes status = ee_attest_json_text(&j);
                    (void)snprintf(t->status, sizeof(t->status), "%.*s", (int)status.size,
                                   (const char *)status.data);
                } else {
                    (void)ee_attest_json_skip(&j);
                }
            }
        } else {
            (void)ee_attest_json_skip(&j);
        }
    }
    return ee_attest_json_end(&j) == EE_REASON_NONE;
}

static bool root_load(struct test_case *t, const char *name)
{
    static uint8_t pem[8192];
    struct ee_der_chain chain;
    struct ee_cert cert;
    size_t size = load(name, "root_ca.pem", pem, sizeof(pem));
    memcpy(t->root, ee_attest_root_production, sizeof(t->root));
    if (size == 0)
        return true;
    if (ee_attest_pem_certificates(ee_bytes_of(pem, size), pem, size, &chain) != EE_REASON_NONE ||
        ee_attest_cert_decode(chain.der[0], &cert) != EE_REASON_NONE)
        return false;
    memcpy(t->root, cert.key, sizeof(t->root));
    return true;
}

static enum ee_reason collateral_decode(struct test_case *t)
{
    return ee_attest_collateral_decode(ee_bytes_of(t->file, t->file_size), t->scratch,
                                       sizeof(t->scratch), &t->collateral);
}

/* Changing one byte leaves most signatures as they were: those that held are remembered, so that
 * tens of thousands of verifications take seconds. */
static struct {
    uint8_t key[EE_P256_POINT_SIZE], digest[EE_SHA256_SIZE], signature[EE_P256_SIGNATURE_SIZE];
} known[16];
static size_t known_count;

static bool remembering_verify(const uint8_t key[EE_P256_POINT_SIZE],
                               const uint8_t digest[EE_SHA256_SIZE],
                               const uint8_t signature[EE_P256_SIGNATURE_SIZE])
{
    for (size_t i = 0; i < known_count; i++)
        if (memcmp(known[i].key, key, EE_P256_POINT_SIZE) == 0 &&
            memcmp(known[i].digest, digest, EE_SHA256_SIZE) == 0 &&
            memcmp(known[i].signature, signature, EE_P256_SIGNATURE_SIZE) == 0)
            return true;
    bool ok = ee_crypto_openssl.p256_verify(key, digest, signature);
    if (ok && known_count < sizeof(known) / sizeof(known[0])) {
        memcpy(known[known_count].key, key, EE_P256_POINT_SIZE);
        memcpy(known[known_count].digest, digest, EE_SHA256_SIZE);
        memcpy(known[known_count++].signature, signature, EE_P256_SIGNATURE_SIZE);
    }
    return ok;
}

static bool case_load(struct test_case *t, const char *name)
{
    size_t size = load(name, "expect.json", t->file, sizeof(t->file));
    if (!expectation_read(t, ee_bytes_of(t->file, size)) || !root_load(t, name))
        return false;
    known_count = 0;
    t->quote_size = load(name, "quote.bin", t->quote, sizeof(t->quote));
    t->file_size = load(name, "collateral.json", t->file, sizeof(t->file));
    return collateral_decode(t) == EE_REASON_NONE;
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
