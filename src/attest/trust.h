/* SPDX-License-Identifier: Apache-2.0 */
/* The part of verification that does not depend on a quote: collateral proven against an accepted
 * root. Kept apart because it can be reused for as long as the collateral is valid. */
#ifndef EE_ATTEST_TRUST_H
#define EE_ATTEST_TRUST_H

#include <stdbool.h>
#include <stdint.h>

#include "attest/collateral.h"
#include "attest/crl.h"
#include "attest/qe_identity.h"
#include "attest/tcb_info.h"
#include "attest/verify.h"
#include "attest/x509.h"

/* A `_ok` flag says the part is genuine (signed by the right key under the root) and readable; that
 * it may also be out of date is in the findings. Borrows from the collateral. */
struct ee_trust {
    bool root_ok;
    struct ee_cert root;
    bool root_crl_ok;
    struct ee_crl root_crl;
    bool pck_ca_ok; /* from pck_crl_issuer_chain */
    struct ee_cert pck_ca;
    bool pck_crl_decoded; /* its signature is checked against the issuer of the quote's PCK */
    struct ee_crl pck_crl;
    bool pck_crl_proven; /* pck_ca's signature on it was verified before */
    bool tcb_info_ok;
    struct ee_tcb_info tcb_info;
    bool qe_identity_ok;
    struct ee_qe_identity qe_identity;
    int64_t from_s; /* latest beginning of a window of these parts; the ends are in the verdict */
};

/* Proves what can be proven, adding each failure to the verdict, with evaluation numbers, dates,
 * root and CRL numbers. */
void ee_attest_trust_establish(const struct ee_crypto *crypto, const struct ee_verify_input *input,
                               struct ee_trust *out, struct ee_verdict *verdict);

/* When nothing failed in ee_attest_trust_establish(): adds to another verdict what it added then,
 * at any time from `from_s` to `to_s`, the expiry it found. False, with nothing added, when the
 * root is not one of the input's. */
EE_MUST_USE bool ee_attest_trust_recall(const struct ee_verify_input *input,
                                        const struct ee_trust *trust, int64_t to_s,
                                        struct ee_verdict *verdict);

/* Decodes and proves a PCK CA certificate; false with findings when it does not hold. */
bool ee_attest_trust_pck_ca(const struct ee_crypto *crypto, const struct ee_trust *trust,
                            struct ee_bytes der, int64_t time_s, struct ee_cert *out,
                            struct ee_verdict *verdict);

/* An end of validity of some collateral. */
void ee_attest_verdict_expiry(struct ee_verdict *verdict, int64_t time_s);

#endif
