/* SPDX-License-Identifier: Apache-2.0 */
/* Signed checkpoints (docs/spec/checkpoint.md) of a network whose id is all zero. */
#include "fuzz.h"
#include "tlog/checkpoint.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t network_id[32], seed[EE_ED25519_KEY_SIZE] = {1};
    uint8_t key[EE_ED25519_KEY_SIZE];
    const struct ee_crypto crypto = fuzz_crypto();
    struct ee_tlog_checkpoint checkpoint;
    const struct ee_bytes input = ee_bytes_of(data, size);
    FUZZ_CHECK(ee_crypto_openssl.ed25519_public(seed, key));
    if (ee_tlog_checkpoint_verify(&crypto, input, network_id, key, &checkpoint) == EE_OK) {
        FUZZ_CHECK(size <= EE_TLOG_CHECKPOINT_READ_MAX && checkpoint.size <= EE_TLOG_SIZE_MAX);
        FUZZ_CHECK(ee_bytes_all_zero(checkpoint.network_id, sizeof(checkpoint.network_id)));
    }
    /* Nobody can sign for a key it does not hold. */
    FUZZ_CHECK(ee_tlog_checkpoint_verify(&ee_crypto_openssl, input, network_id, key, &checkpoint) !=
               EE_OK);
    return 0;
}
