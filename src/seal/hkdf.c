/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/hkdf.h"

#include "base/banned.h"

void ee_hkdf_sha256(const struct ee_crypto *crypto, struct ee_bytes salt, struct ee_bytes key,
                    struct ee_bytes info, uint8_t out[EE_SHA256_SIZE])
{
    static const uint8_t zero_salt[EE_SHA256_SIZE] = {0}; /* RFC 5869 section 2.2: no salt */
    const uint8_t counter = 1;                            /* section 2.3: T(1) */
    const struct ee_bytes parts[] = {info, ee_bytes_of(&counter, 1)};
    uint8_t prk[EE_SHA256_SIZE];
    if (salt.size == 0)
        salt = ee_bytes_of(zero_salt, sizeof(zero_salt));
    crypto->hmac_sha256(salt, &key, 1, prk);
    crypto->hmac_sha256(ee_bytes_of(prk, sizeof(prk)), parts, 2, out);
    ee_wipe(prk, sizeof(prk));
}
