/* SPDX-License-Identifier: Apache-2.0 */
/* HKDF-SHA-256 (RFC 5869), for outputs of one block. */
#ifndef EE_SEAL_HKDF_H
#define EE_SEAL_HKDF_H

#include "base/bytes.h"
#include "base/crypto.h"

/* Extract with `salt` (may be empty) and expand with `info` (at most 256 bytes) to 32 bytes. */
void ee_hkdf_sha256(const struct ee_crypto *crypto, struct ee_bytes salt, struct ee_bytes key,
                    struct ee_bytes info, uint8_t out[EE_SHA256_SIZE]);

#endif
