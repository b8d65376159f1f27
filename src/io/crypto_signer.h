/* SPDX-License-Identifier: Apache-2.0 */
/* io/crypto_openssl.h for a process that signs with one key again and again: the key made from its
 * last seed is kept, which halves the time of an Ed25519 signature. Apart, so that programs which
 * only verify have none of it. Thread-safe. */
#ifndef EE_IO_CRYPTO_SIGNER_H
#define EE_IO_CRYPTO_SIGNER_H

#include "base/crypto.h"

const struct ee_crypto *ee_crypto_signer(void);

#endif
