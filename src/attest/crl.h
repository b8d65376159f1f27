/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate revocation lists, version 2 (RFC 5280 section 5): full and direct only. */
#ifndef EE_ATTEST_CRL_H
#define EE_ATTEST_CRL_H

#include <stdbool.h>
#include <stdint.h>

#include "attest/reason.h"
#include "attest/x509.h"
#include "base/bytes.h"

/* Borrows from the DER. */
struct ee_crl {
    struct ee_bytes tbs;
    struct ee_bytes issuer; /* whole Name */
    int64_t this_update_s;
    int64_t next_update_s;
    struct ee_bytes entries; /* content of revokedCertificates; empty: none */
    uint64_t number;
    struct ee_bytes authority_key_id;
    uint8_t signature[EE_P256_SIGNATURE_SIZE];
};

EE_MUST_USE enum ee_reason ee_attest_crl_decode(struct ee_bytes der, struct ee_crl *out);

/* Issuer name, key identifier, signature and window against the CA it must come from.
 * `signature_known`: this issuer's signature was verified before and need not be again. */
EE_MUST_USE enum ee_reason ee_attest_crl_check(const struct ee_crypto *crypto,
                                               const struct ee_crl *crl,
                                               const struct ee_cert *issuer, bool signature_known,
                                               int64_t time_s);

/* Whether the list holds this serial number (whole INTEGER content). */
bool ee_attest_crl_revokes(const struct ee_crl *crl, struct ee_bytes serial);

#endif
