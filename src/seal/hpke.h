/* SPDX-License-Identifier: Apache-2.0 */
/* HPKE (RFC 9180) base mode, single shot, one suite: DHKEM(X25519, HKDF-SHA256) 0x0020, HKDF-SHA256
 * 0x0001, AES-256-GCM 0x0002. No randomness is drawn: the ephemeral key comes in and must be used
 * once. */
#ifndef EE_SEAL_HPKE_H
#define EE_SEAL_HPKE_H

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/err.h"

enum {
    EE_HPKE_SHARED_SIZE = 32,
    EE_HPKE_ENC_SIZE = EE_X25519_KEY_SIZE,
    EE_HPKE_OVERHEAD = EE_HPKE_ENC_SIZE + EE_AEAD_TAG_SIZE,
};

struct ee_hpke_keys {
    uint8_t key[EE_AEAD_KEY_SIZE];
    uint8_t nonce[EE_AEAD_NONCE_SIZE]; /* of sequence number 0 */
};

/* RFC 9180 section 4.1 Encap with the ephemeral private key given. EE_CRYPTO: a key is unusable. */
EE_MUST_USE enum ee_err ee_hpke_encap(const struct ee_crypto *crypto,
                                      const uint8_t ephemeral_private[EE_X25519_KEY_SIZE],
                                      const uint8_t recipient_public[EE_X25519_KEY_SIZE],
                                      uint8_t enc_out[EE_HPKE_ENC_SIZE],
                                      uint8_t shared_out[EE_HPKE_SHARED_SIZE]);
/* Section 4.1 Decap. EE_SEAL_OPEN: `enc` is not a usable public key. */
EE_MUST_USE enum ee_err ee_hpke_decap(const struct ee_crypto *crypto,
                                      const uint8_t enc[EE_HPKE_ENC_SIZE],
                                      const uint8_t recipient_private[EE_X25519_KEY_SIZE],
                                      uint8_t shared_out[EE_HPKE_SHARED_SIZE]);
/* Section 5.1 KeySchedule, mode_base. */
void ee_hpke_schedule(const struct ee_crypto *crypto, const uint8_t shared[EE_HPKE_SHARED_SIZE],
                      struct ee_bytes info, struct ee_hpke_keys *out);

/* Section 6.1 SealBase: out has plain.size + EE_HPKE_OVERHEAD bytes: enc, then ciphertext and tag.
 * EE_CRYPTO: a key is unusable; nothing is written then. */
EE_MUST_USE enum ee_err ee_hpke_seal(const struct ee_crypto *crypto,
                                     const uint8_t ephemeral_private[EE_X25519_KEY_SIZE],
                                     const uint8_t recipient_public[EE_X25519_KEY_SIZE],
                                     struct ee_bytes info, struct ee_bytes associated,
                                     struct ee_bytes plain, uint8_t *out);
/* Section 6.1 OpenBase: out has sealed.size - EE_HPKE_OVERHEAD bytes. EE_SEAL_OPEN: too short, or
 * not sealed for this key, info and associated data. */
EE_MUST_USE enum ee_err ee_hpke_open(const struct ee_crypto *crypto,
                                     const uint8_t recipient_private[EE_X25519_KEY_SIZE],
                                     struct ee_bytes info, struct ee_bytes associated,
                                     struct ee_bytes sealed, uint8_t *out);

#endif
