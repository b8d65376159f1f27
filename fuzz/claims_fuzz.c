/* SPDX-License-Identifier: Apache-2.0 */
/* Claims (docs/spec/evidence.md): what is accepted is exactly what the encoder writes. */
#include "attest/claims.h"
#include "fuzz.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ee_claims claims;
    uint8_t again[EE_CLAIMS_SIZE_MAX];
    size_t again_size;
    if (ee_claims_decode(ee_bytes_of(data, size), &claims) != EE_OK)
        return 0;
    FUZZ_CHECK(ee_claims_encode(&claims, again, sizeof(again), &again_size) == EE_OK);
    FUZZ_CHECK(ee_bytes_equal(ee_bytes_of(data, size), ee_bytes_of(again, again_size)));
    return 0;
}
