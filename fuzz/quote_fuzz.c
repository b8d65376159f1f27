/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a quote, judged with empty collateral: decoding, the PCK chain, certificates and the
 * SGX extension all see them. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/explain.h"
#include "attest/verify.h"
#include "io/crypto_openssl.h"
#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct ee_collateral nothing;
    static struct ee_verdict verdict;
    static char text[EE_EXPLAIN_TEXT_SIZE];
    char sentence[EE_FINDING_TEXT_SIZE];
    const struct ee_verify_input input = {.quote = ee_bytes_of(data, size),
                                          .collateral = &nothing,
                                          .roots = &ee_attest_root_production,
                                          .root_count = 1,
                                          .time_s = INT64_C(1767225600)};
    assert(ee_attest_verify(&ee_crypto_openssl, &input, &verdict) != EE_OK);
    for (size_t i = 0; i < verdict.finding_count; i++)
        (void)ee_attest_finding_text(&verdict.findings[i], sentence);
    for (size_t i = 0; i < ee_attest_explain_count; i++)
        (void)ee_attest_explain_value(&ee_attest_explain_rows[i], &verdict, text);
    return 0;
}
