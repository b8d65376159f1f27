/* SPDX-License-Identifier: Apache-2.0 */
/* What is inside sealed messages (docs/spec/seal.md): secrets and job output, and the sealed form
 * itself, opened with a key that somebody else may have sealed for. */
#include "fuzz.h"
#include "seal/job_output.h"
#include "seal/seal.h"
#include "seal/secrets.h"

#include "base/banned.h"

static void secrets(struct ee_bytes input)
{
    static struct ee_secrets decoded;
    size_t again_size, capacity = input.size + 1;
    if (ee_secrets_decode(input, &decoded) != EE_OK)
        return;
    uint8_t *again = malloc(capacity);
    FUZZ_CHECK(again != NULL);
    FUZZ_CHECK(ee_secrets_encode(&decoded, again, capacity, &again_size) == EE_OK);
    FUZZ_CHECK(ee_bytes_equal(input, ee_bytes_of(again, again_size)));
    free(again);
}

static void job_output(struct ee_bytes input)
{
    struct ee_job_output decoded;
    size_t again_size, capacity = input.size + 1;
    if (ee_job_output_decode(input, &decoded) != EE_OK)
        return;
    uint8_t *again = malloc(capacity);
    FUZZ_CHECK(again != NULL);
    FUZZ_CHECK(ee_job_output_encode(&decoded, again, capacity, &again_size) == EE_OK);
    FUZZ_CHECK(ee_bytes_equal(input, ee_bytes_of(again, again_size)));
    free(again);
}

/* Real cryptography: nothing the fuzzer writes may open. */
static void sealed(struct ee_bytes input)
{
    static const uint8_t private_key[EE_X25519_KEY_SIZE] = {1, 2, 3};
    struct ee_seal_context context = {.kind = EE_SEAL_SECRET, .launcher = "dev"};
    size_t size;
    uint8_t *plain = malloc(input.size + 1);
    FUZZ_CHECK(plain != NULL);
    FUZZ_CHECK(ee_crypto_openssl.x25519_public(private_key, context.recipient));
    FUZZ_CHECK(ee_seal_open(&ee_crypto_openssl, &context, private_key, input, plain, input.size,
                            &size) != EE_OK);
    free(plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct ee_bytes input = ee_bytes_of(data, size);
    secrets(input);
    job_output(input);
    sealed(input);
    return 0;
}
