/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a revocation list: each entry it was accepted with is found, and its issuer and
 * window are judged. */
#include "attest/crl.h"
#include "attest/der.h"
#include "fuzz.h"

#include "base/banned.h"

/* Entries as a reader that knows nothing of the other's short cuts sees them. */
static void entries_are_found(const struct ee_crl *crl)
{
    struct ee_cursor list;
    size_t count = 0;
    ee_cursor_init(&list, crl->entries);
    while (list.left) {
        struct ee_cursor entry = ee_attest_der_enter(&list, EE_DER_SEQUENCE);
        struct ee_bytes serial = ee_attest_der_serial(&entry);
        FUZZ_CHECK(list.err == EE_OK && entry.err == EE_OK && serial.size);
        if (++count <= 64) /* the search reads the list anew */
            FUZZ_CHECK(ee_attest_crl_revokes(crl, serial));
        uint8_t other[22];
        memcpy(other, serial.data, serial.size);
        other[serial.size] = 0;
        (void)ee_attest_crl_revokes(crl, ee_bytes_of(other, serial.size + 1));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct ee_crypto crypto = fuzz_crypto();
    struct ee_crl crl;
    if (ee_attest_crl_decode(ee_bytes_of(data, size), &crl) != EE_REASON_NONE)
        return 0;
    entries_are_found(&crl);
    struct ee_cert issuer = {.subject = crl.issuer, .subject_key_id = crl.authority_key_id};
    FUZZ_CHECK(ee_attest_crl_check(&crypto, &crl, &issuer, true, crl.this_update_s - 1) !=
               EE_REASON_NONE);
    FUZZ_CHECK(ee_attest_crl_check(&crypto, &crl, &issuer, true, crl.next_update_s + 1) !=
               EE_REASON_NONE);
    bool holds = (crl.signature[0] & 1) == 0 && crl.this_update_s <= crl.next_update_s;
    FUZZ_CHECK((ee_attest_crl_check(&crypto, &crl, &issuer, false, crl.this_update_s) ==
                EE_REASON_NONE) == holds);
    issuer.subject.size--;
    FUZZ_CHECK(ee_attest_crl_check(&crypto, &crl, &issuer, true, crl.this_update_s) ==
               EE_REASON_CRL_ISSUER);
    return 0;
}
