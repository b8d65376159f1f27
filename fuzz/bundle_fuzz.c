/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles (docs/spec/evidence.md): one text for one bundle, and what is in it. */
#include "attest/bundle.h"
#include "fuzz.h"

#include "base/banned.h"

static void check_logs(const struct ee_bundle *bundle)
{
    struct ee_bundle_registers registers;
    struct ee_finding finding;
    struct ee_quote quote;
    uint8_t *scratch = malloc(bundle->dstack.size + 1);
    if (scratch && ee_attest_quote_decode(bundle->quote, &quote, NULL) == EE_REASON_NONE)
        (void)!ee_bundle_logs_check(&ee_crypto_openssl, bundle, &quote.td, scratch,
                                    bundle->dstack.size, &registers, &finding);
    free(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ee_bundle bundle;
    const struct ee_crypto crypto = fuzz_crypto();
    size_t again_size;
    uint8_t *memory = malloc(size + 1);
    if (memory &&
        ee_bundle_decode(&crypto, ee_bytes_of(data, size), memory, size, &bundle) == EE_OK) {
        size_t capacity = ee_bundle_text_size(&bundle);
        char *again = malloc(capacity);
        FUZZ_CHECK(again != NULL);
        FUZZ_CHECK(ee_bundle_encode(&crypto, &bundle, again, capacity, &again_size) == EE_OK);
        FUZZ_CHECK(ee_bytes_equal(ee_bytes_of(data, size), ee_bytes_of(again, again_size)));
        free(again);
        check_logs(&bundle);
    }
    free(memory);
    return 0;
}
