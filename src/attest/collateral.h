/* SPDX-License-Identifier: Apache-2.0 */
/* Collateral: what Intel's provisioning service publishes about a platform family, as one JSON file
 * (docs/spec/collateral.md). Decoding gives parts, not proof. */
#ifndef EE_ATTEST_COLLATERAL_H
#define EE_ATTEST_COLLATERAL_H

#include <stddef.h>
#include <stdint.h>

#include "attest/pem.h"
#include "attest/reason.h"
#include "base/bytes.h"
#include "base/crypto.h"

enum { EE_COLLATERAL_MAX = 256 * 1024 };

/* Everything borrows from the scratch memory given to the decoder. A missing member is empty: what
 * needs it says so. */
struct ee_collateral {
    struct ee_bytes tcb_info; /* exact signed bytes */
    uint8_t tcb_info_signature[EE_P256_SIGNATURE_SIZE];
    struct ee_der_chain tcb_info_chain; /* TCB Signing, root */
    struct ee_bytes qe_identity;        /* exact signed bytes */
    uint8_t qe_identity_signature[EE_P256_SIGNATURE_SIZE];
    struct ee_der_chain qe_identity_chain;
    struct ee_bytes pck_crl;           /* DER */
    struct ee_der_chain pck_crl_chain; /* Platform or Processor CA, root */
    struct ee_bytes root_crl;          /* DER */
    struct ee_der_chain pck_chain;     /* optional: for quotes without a PCK certificate */
};

/* Splits a collateral file. `scratch` needs at least bytes.size bytes and must outlive `out`; it
 * may not overlap `bytes`, which may go away. Unknown members are skipped. */
EE_MUST_USE enum ee_reason ee_attest_collateral_decode(struct ee_bytes bytes, uint8_t *scratch,
                                                       size_t scratch_size,
                                                       struct ee_collateral *out);

#endif
