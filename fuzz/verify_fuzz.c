/* SPDX-License-Identifier: Apache-2.0 */
/* u32 time, u16 size of a quote, the quote, a collateral file. The root is whichever the collateral
 * names and nearly every signature holds, so that what lies behind signatures is reached. A
 * verifier that remembers gives the verdict of one that does not, byte for byte: at the time, after
 * the collateral's end, before its beginning, again, and with another collateral between. */
#include "attest/cache.h"
#include "attest/explain.h"
#include "fuzz.h"

#include "base/banned.h"

enum { FILE_MAX = 64 * 1024, DAY_S = 86400 };

static bool p256_verify(const uint8_t public_key[EE_P256_POINT_SIZE],
                        const uint8_t digest[EE_SHA256_SIZE],
                        const uint8_t signature[EE_P256_SIGNATURE_SIZE])
{
    (void)public_key;
    (void)digest;
    return signature[31] != 0;
}

static struct ee_cache_collateral places[3];
static struct ee_cache_platform platforms[4];
static uint8_t cache_bytes[3 * 2 * FILE_MAX];
static struct ee_verify_cache cache;
static struct ee_crypto crypto;

static void explain(const struct ee_verdict *verdict)
{
    static char text[EE_EXPLAIN_TEXT_SIZE];
    char sentence[EE_FINDING_TEXT_SIZE];
    for (size_t i = 0; i < verdict->finding_count; i++)
        (void)ee_attest_finding_text(&verdict->findings[i], sentence);
    for (size_t i = 0; i < ee_attest_explain_count; i++)
        (void)ee_attest_explain_value(&ee_attest_explain_rows[i], verdict, text);
}

/* `file`: the collateral in its file form, decoded by the cache; empty: as it is. */
static void same_verdict(const struct ee_verify_input *input, struct ee_bytes file)
{
    static struct ee_verdict cold, warm;
    struct ee_verify_input again = *input;
    enum ee_err err = ee_attest_verify(&crypto, input, &cold);
    if (file.size && ee_attest_cache_decode(&cache, file, &again.collateral) != EE_REASON_NONE)
        abort();
    FUZZ_CHECK(ee_attest_verify_cached(&crypto, &cache, &again, &warm) == err);
    FUZZ_CHECK(memcmp(&cold, &warm, sizeof(cold)) == 0);
    if (err == EE_OK)
        FUZZ_CHECK(warm.platform_decoded && warm.root_matched && warm.status != EE_TCB_UNKNOWN);
    explain(&warm);
}

static void sequence(struct ee_verify_input input, struct ee_bytes file)
{
    static const int64_t days[] = {0, 0, 3650, 0, -3650, 0, 20, -20, 0};
    struct ee_collateral other = *input.collateral;
    const struct ee_collateral *first = input.collateral;
    other.pck_crl_chain = other.qe_identity_chain;
    const int64_t now_s = input.time_s;
    for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
        input.time_s = now_s + days[i] * DAY_S;
        input.collateral = first;
        same_verdict(&input, i % 2 ? file : ee_bytes_of(NULL, 0));
        input.collateral = &other;
        same_verdict(&input, ee_bytes_of(NULL, 0));
    }
    static const uint8_t stranger[1][EE_P256_POINT_SIZE];
    input.collateral = first;
    input.roots = stranger;
    same_verdict(&input, file);
    FUZZ_CHECK(ee_attest_verify_cached(&crypto, &cache, &input, &(struct ee_verdict){0}) != EE_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t scratch[FILE_MAX];
    uint8_t roots[1][EE_P256_POINT_SIZE] = {{1}};
    struct ee_collateral collateral;
    struct ee_cert root;
    struct ee_cursor c;
    ee_cursor_init(&c, ee_bytes_of(data, size));
    uint32_t time_s = ee_cursor_u32(&c);
    struct ee_bytes quote = ee_cursor_bytes(&c, ee_cursor_u16(&c));
    struct ee_bytes file = ee_cursor_bytes(&c, c.left);
    if (c.err != EE_OK ||
        ee_attest_collateral_decode(file, scratch, sizeof(scratch), &collateral) != EE_REASON_NONE)
        return 0;
    const struct ee_der_chain *chain = &collateral.tcb_info_chain;
    if (chain->count == 2 && ee_attest_cert_decode(chain->der[1], &root) == EE_REASON_NONE)
        memcpy(roots[0], root.key, sizeof(roots[0]));
    crypto = ee_crypto_openssl;
    crypto.p256_verify = p256_verify;
    ee_attest_cache_init(&cache, places, 3, cache_bytes, sizeof(cache_bytes), platforms, 4);
    const struct ee_verify_input input = {.quote = quote,
                                          .collateral = &collateral,
                                          .roots = (const uint8_t(*)[EE_P256_POINT_SIZE])roots,
                                          .root_count = 1,
                                          .time_s = time_s};
    sequence(input, file);
    return 0;
}
