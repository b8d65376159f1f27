/* SPDX-License-Identifier: Apache-2.0 */
/* PEM (RFC 7468, strict form) to DER in the caller's memory. */
#ifndef EE_ATTEST_PEM_H
#define EE_ATTEST_PEM_H

#include <stddef.h>
#include <stdint.h>

#include "attest/reason.h"
#include "base/bytes.h"

enum { EE_DER_CHAIN_MAX = 4 };

struct ee_der_chain {
    struct ee_bytes der[EE_DER_CHAIN_MAX];
    size_t count;
};

/* Every CERTIFICATE block of `pem`, in order, into `out`; the DER goes to `memory`, which may be
 * the text itself and needs at most pem.size bytes. Between blocks only white space is allowed,
 * after the last also NULs. At least one block; EE_REASON_PEM_SYNTAX otherwise. */
EE_MUST_USE enum ee_reason ee_attest_pem_certificates(struct ee_bytes pem, uint8_t *memory,
                                                      size_t memory_size, struct ee_der_chain *out);
/* The same for exactly one block with another label, such as "X509 CRL". */
EE_MUST_USE enum ee_reason ee_attest_pem_single(const char *label, struct ee_bytes pem,
                                                uint8_t *memory, size_t memory_size,
                                                struct ee_bytes *out);

#endif
