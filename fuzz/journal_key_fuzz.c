/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of holders, key documents and sealed pieces: what is read is written again as it was. */
#include <string.h>

#include "fuzz.h"
#include "io/crypto_openssl.h"
#include "seal/key_document.h"

#include "base/banned.h"

static void holders(struct ee_bytes input)
{
    static struct ee_key_holders list;
    uint8_t again[EE_KEY_HOLDERS_SIZE_MAX];
    size_t size;
    if (ee_key_holders_decode(input, &list) != EE_OK)
        return;
    FUZZ_CHECK(ee_key_holders_encode(&list, again, sizeof(again), &size) == EE_OK);
    FUZZ_CHECK(ee_bytes_equal(input, ee_bytes_of(again, size)));
}

static void document(struct ee_bytes input)
{
    static struct ee_key_document read;
    uint8_t again[EE_KEY_DOCUMENT_SIZE_MAX];
    struct ee_data_key key;
    size_t size;
    if (ee_key_document_decode(input, &read) != EE_OK)
        return;
    FUZZ_CHECK(ee_key_document_encode(&read, again, sizeof(again), &size) == EE_OK);
    FUZZ_CHECK(ee_bytes_equal(input, ee_bytes_of(again, size)));
    memset(again, 1, EE_DATA_KEY_SIZE);
    ee_data_key_init(&ee_crypto_openssl, again, &key);
    FUZZ_CHECK(ee_key_document_check(&ee_crypto_openssl, &read, &key) == EE_SEAL_OPEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ee_data_seal_header header;
    struct ee_bytes input = ee_bytes_of(data, size);
    holders(input);
    document(input);
    if (ee_data_seal_read(input, &header) == EE_OK)
        FUZZ_CHECK(header.sealed.size + EE_DATA_SEAL_HEADER_SIZE == size);
    return 0;
}
