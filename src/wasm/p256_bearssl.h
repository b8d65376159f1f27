/* SPDX-License-Identifier: Apache-2.0 */
/* P-256 for verification only, faster than BearSSL's own and complete: BearSSL computes in constant
 * time, and its sum is wrong when one of the two terms is the point at infinity. Signatures,
 * digests and keys that are checked are public, so time may depend on them here. Never use it with
 * a secret scalar. */
#ifndef EE_WASM_P256_BEARSSL_H
#define EE_WASM_P256_BEARSSL_H

#include <bearssl.h>

/* br_ec_p256_m31 with another muladd. */
extern const br_ec_impl ee_wasm_p256;

#endif
