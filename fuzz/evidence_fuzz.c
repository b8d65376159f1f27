/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence documents (docs/spec/evidence.md): one text for one evidence; then every check behind
 * the form, with hashes and signatures that hold more often than they should. */
#include "attest/evidence.h"
#include "fuzz.h"

#include "base/banned.h"

static void verify(const struct ee_crypto *crypto, const struct ee_evidence *evidence, size_t size)
{
    static const uint8_t roots[1][EE_P256_POINT_SIZE];
    static struct ee_evidence_verdict verdict;
    struct ee_measurement_allowed allowed = {.role = EE_ROLE_AGENT};
    memset(allowed.digest, 0x5a, sizeof(allowed.digest));
    const struct ee_evidence_policy policy = {
        .roots = roots,
        .root_count = 1,
        .allow_simulated = true,
        .time_s = 1790000000,
        .allow_own_collateral = true,
        .role = EE_ROLE_AGENT,
        .allowed = &allowed,
        .allowed_count = 1,
        .nonce_kind = EE_NONCE_ANY,
    };
    uint8_t *scratch = malloc(size + 1);
    if (!scratch)
        return;
    if (ee_evidence_verify(crypto, evidence, &policy, scratch, size, &verdict) == EE_OK)
        FUZZ_CHECK(verdict.proof == EE_EVIDENCE_VALID && verdict.allowed == &allowed);
    free(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct ee_crypto crypto = fuzz_crypto();
    struct ee_evidence evidence;
    size_t again_size, capacity;
    uint8_t *memory = malloc(size + 1); /* exactly what the header promises to suffice */
    if (memory &&
        ee_evidence_decode(&crypto, ee_bytes_of(data, size), memory, size, &evidence) == EE_OK) {
        capacity = ee_evidence_text_size(&evidence);
        char *again = malloc(capacity);
        FUZZ_CHECK(again != NULL);
        FUZZ_CHECK(ee_evidence_encode(&crypto, &evidence, again, capacity, &again_size) == EE_OK);
        FUZZ_CHECK(ee_bytes_equal(ee_bytes_of(data, size), ee_bytes_of(again, again_size)));
        free(again);
        verify(&crypto, &evidence, size);
    }
    free(memory);
    return 0;
}
