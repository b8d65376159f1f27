/* SPDX-License-Identifier: Apache-2.0 */
/* A saved state (docs/spec/snapshot.md, "State"): refused, or a core that holds every invariant,
 * has a state hash, and is saved as the same bytes again. */
#include "core/core.h"
#include "fuzz.h"
#include "unit/core/saved.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct ee_core_limits limits = {.accounts = 4096,
                                          .keys = 4096,
                                          .nodes = 4096,
                                          .apps = 4096,
                                          .leases = 4096,
                                          .periods = 4096,
                                          .ids = 4096,
                                          .mints = 4096,
                                          .transfers = 4096,
                                          .redemptions = 4096};
    struct saved in = {0}, out = {0};
    struct ee_core *core;
    const char *rule;
    uint8_t kept[32], afresh[32];
    FUZZ_CHECK(saved_take(&in, ee_bytes_of(data, size)) == EE_OK);
    if (saved_load(&in, &ee_allocator_system, &ee_crypto_openssl, &limits, &core) == EE_OK) {
        FUZZ_CHECK(ee_core_check(core, &rule) == EE_OK);
        ee_core_state_hash(core, kept);
        ee_core_state_hash_afresh(core, afresh);
        FUZZ_CHECK(memcmp(kept, afresh, sizeof(kept)) == 0);
        FUZZ_CHECK(ee_core_save(core, saved_take, &out) == EE_OK);
        FUZZ_CHECK(out.size == size && memcmp(out.bytes, data, size) == 0);
        ee_core_free(core);
    }
    saved_free(&in);
    saved_free(&out);
    return 0;
}
