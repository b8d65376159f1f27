/* SPDX-License-Identifier: Apache-2.0 */
/* Receipts (docs/spec/receipt.md), canonical bytes and file form, then proof, checkpoint, command,
 * result and the rules of settlement behind them. */
#include "core/receipt.h"
#include "fuzz.h"

#include "base/banned.h"

static void proves(const struct ee_crypto *crypto, const struct ee_receipt *receipt)
{
    static const uint8_t key[EE_ED25519_KEY_SIZE] = {1};
    static struct ee_receipt_fact fact;
    static struct ee_receipt_settlement settlement;
    if (ee_receipt_verify(crypto, receipt, receipt->network_id, key, &fact) != EE_OK)
        return;
    FUZZ_CHECK(fact.command.seq == receipt->leaf_index + 1);
    for (enum ee_profile profile = EE_PROFILE_PRODUCTION; profile <= EE_PROFILE_DEVELOPMENT;
         profile++) {
        if (ee_receipt_settlement_consistent(ee_params_of(profile), &fact.command, &fact.result,
                                             &settlement) != EE_OK)
            continue;
        const struct ee_settle_result *settled = &settlement.settle;
        FUZZ_CHECK(settled->paid.micros + settled->refunded.micros == settled->locked.micros);
    }
}

static void canonical_form(const struct ee_crypto *crypto, struct ee_bytes input)
{
    struct ee_receipt receipt;
    struct ee_writer w;
    if (ee_receipt_decode(input, &receipt) != EE_OK)
        return;
    uint8_t *again = malloc(input.size + 1);
    FUZZ_CHECK(again != NULL);
    ee_writer_init(&w, again, input.size);
    FUZZ_CHECK(ee_receipt_encode(&receipt, &w) == EE_OK);
    FUZZ_CHECK(ee_bytes_equal(input, ee_writer_done(&w)));
    free(again);
    proves(crypto, &receipt);
}

static void file_form(const struct ee_crypto *crypto, struct ee_bytes input)
{
    struct ee_writer w;
    size_t size;
    uint8_t *canonical = malloc(input.size + 1), *again = malloc(input.size + 1);
    FUZZ_CHECK(canonical != NULL && again != NULL);
    if (ee_receipt_file_read(crypto, input, canonical, input.size, &size) == EE_OK) {
        ee_writer_init(&w, again, input.size);
        FUZZ_CHECK(ee_receipt_file_write(crypto, ee_bytes_of(canonical, size), &w) == EE_OK);
        FUZZ_CHECK(ee_bytes_equal(input, ee_writer_done(&w)));
        canonical_form(crypto, ee_bytes_of(canonical, size));
    }
    free(canonical);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct ee_crypto crypto = fuzz_crypto();
    canonical_form(&crypto, ee_bytes_of(data, size));
    file_form(&crypto, ee_bytes_of(data, size));
    return 0;
}
