/* SPDX-License-Identifier: Apache-2.0 */
/* The cryptography of libeasyenclave-verify is chosen when it is linked: libcrypto natively
 * (src/link/verify_backend_openssl.c), another library for WASM. */
#ifndef EE_VERIFY_BACKEND_H
#define EE_VERIFY_BACKEND_H

#include "base/crypto.h"

/* Defined by exactly one object of the link. Needs name, sha256, sha384 and p256_verify. */
const struct ee_crypto *ee_verify_backend(void);

#endif
