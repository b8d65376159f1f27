/* SPDX-License-Identifier: Apache-2.0 */
/* struct ee_crypto over BearSSL, for WASM: SHA-2, HMAC and P-256 verification, which is all that
 * verification needs. What needs a private key (p256_sign, ed25519_sign, x25519, ...), sealing, and
 * Ed25519 answer false as for an invalid key: a module without secrets has no use for them, and
 * nothing unverified is ever taken for verified. */
#ifndef EE_WASM_CRYPTO_BEARSSL_H
#define EE_WASM_CRYPTO_BEARSSL_H

#include "base/crypto.h"

extern const struct ee_crypto ee_crypto_bearssl;

#endif
