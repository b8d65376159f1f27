/* SPDX-License-Identifier: Apache-2.0 */
/* The native libeasyenclave-verify: cryptography by libcrypto. */
#include "verify/backend.h"

#include "io/crypto_openssl.h"
#include "base/banned.h"

const struct ee_crypto *ee_verify_backend(void)
{
    return &ee_crypto_openssl;
}
