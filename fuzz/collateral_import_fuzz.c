/* SPDX-License-Identifier: Apache-2.0 */
/* Files somebody saved: the first byte says how many bytes, times 64, the first of two files has.
 * Whatever is packed must be a collateral file. */
#include "client/collateral_import.h"
#include "fuzz.h"

#include "base/banned.h"

static void pack(struct ee_collateral_import *import, enum ee_import_set set)
{
    char detail[EE_IMPORT_DETAIL_SIZE];
    struct ee_import_result result;
    struct ee_collateral collateral;
    const struct ee_import_choice choice = {.set = set};
    enum ee_err err = ee_collateral_import_pack(import, &choice, &result, detail);
    FUZZ_CHECK((err == EE_MISSING_FIELD) == (result.missing_count > 0));
    if (err != EE_OK)
        return;
    struct ee_bytes text = ee_buffer_bytes(&result.text);
    uint8_t *scratch = malloc(text.size + 1);
    if (scratch)
        FUZZ_CHECK(ee_attest_collateral_decode(text, scratch, text.size, &collateral) ==
                   EE_REASON_NONE);
    free(scratch);
    ee_buffer_close(&result.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ee_crypto crypto = fuzz_crypto();
    char detail[EE_IMPORT_DETAIL_SIZE];
    struct ee_collateral_import *import;
    if (size == 0 || ee_collateral_import_new(&crypto, &import) != EE_OK)
        return 0;
    size_t first = (size_t)data[0] * 64 < size - 1 ? (size_t)data[0] * 64 : size - 1;
    (void)!ee_collateral_import_add(import, ee_bytes_of(data + 1, first), detail);
    (void)!ee_collateral_import_add(import, ee_bytes_of(data + 1 + first, size - 1 - first),
                                    detail);
    for (enum ee_import_set set = EE_IMPORT_ONLY; set <= EE_IMPORT_EARLY; set++)
        pack(import, set);
    ee_collateral_import_free(import);
    return 0;
}
