/* SPDX-License-Identifier: Apache-2.0 */
/* Genesis documents (docs/spec/genesis.md), canonical bytes and file form: one form per genesis,
 * and no production network with a simulated root. */
#include "core/genesis.h"
#include "fuzz.h"

#include "base/banned.h"

static void canonical_form(struct ee_bytes input)
{
    static struct ee_genesis genesis;
    static uint8_t again[EE_GENESIS_SIZE_MAX];
    struct ee_writer w;
    if (ee_genesis_decode(input, &genesis) != EE_OK)
        return;
    for (uint32_t i = 0; i < genesis.root_count; i++)
        FUZZ_CHECK(genesis.kind == EE_NETWORK_DEVELOPMENT || !genesis.roots[i].simulated);
    ee_writer_init(&w, again, sizeof(again));
    FUZZ_CHECK(ee_genesis_encode(&genesis, &w) == EE_OK);
    FUZZ_CHECK(ee_bytes_equal(input, ee_writer_done(&w)));
}

static void file_form(const struct ee_crypto *crypto, struct ee_bytes input)
{
    static uint8_t canonical[EE_GENESIS_SIZE_MAX], again[EE_GENESIS_FILE_MAX];
    struct ee_writer w;
    size_t size;
    if (ee_genesis_file_read(crypto, input, canonical, &size) != EE_OK)
        return;
    ee_writer_init(&w, again, sizeof(again));
    FUZZ_CHECK(ee_genesis_file_write(crypto, ee_bytes_of(canonical, size), &w) == EE_OK);
    FUZZ_CHECK(ee_bytes_equal(input, ee_writer_done(&w)));
    canonical_form(ee_bytes_of(canonical, size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct ee_crypto crypto = fuzz_crypto();
    canonical_form(ee_bytes_of(data, size));
    file_form(&crypto, ee_bytes_of(data, size));
    return 0;
}
