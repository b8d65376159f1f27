/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL 3 behind the table of base/crypto.h. Thread-safe. Aborts when libcrypto cannot hash at
 * all. */
#ifndef EE_IO_CRYPTO_OPENSSL_H
#define EE_IO_CRYPTO_OPENSSL_H

#include "base/crypto.h"

extern const struct ee_crypto ee_crypto_openssl;

#endif
