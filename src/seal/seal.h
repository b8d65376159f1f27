/* SPDX-License-Identifier: Apache-2.0 */
/* What a client seals for an agent (secrets) and an agent for its launcher (job output), bound to
 * kind, network, launcher, lease, deployment and key: the opener states all of them, so a message
 * replayed into another tenant's lease does not open. Format: docs/spec/seal.md. Neither side is
 * authenticated by the seal itself: the recipient key comes from verified evidence (claims). */
#ifndef EE_SEAL_SEAL_H
#define EE_SEAL_SEAL_H

#include "base/text.h"
#include "seal/hpke.h"

enum ee_seal_kind {
    EE_SEAL_SECRET = 1, /* client to agent */
    EE_SEAL_OUTPUT = 2, /* agent to launcher */
};

enum {
    EE_SEAL_LEASE_ID_SIZE = 16,
    EE_SEAL_HEADER_SIZE = 12, /* label "ee-sealed", version 1 */
    EE_SEAL_OVERHEAD = EE_SEAL_HEADER_SIZE + EE_HPKE_OVERHEAD,
};
#define EE_SEAL_SIZE(plain_size) ((plain_size) + (size_t)EE_SEAL_OVERHEAD)

struct ee_seal_context {
    enum ee_seal_kind kind;
    uint8_t network_id[32];
    char launcher[EE_NAME_MAX + 1]; /* account name */
    uint8_t lease_id[EE_SEAL_LEASE_ID_SIZE];
    uint8_t deployment_hash[32];
    uint8_t recipient[EE_X25519_KEY_SIZE]; /* public key it is sealed for */
};

/* Writes EE_SEAL_SIZE(plain.size) bytes. `ephemeral_private`: 32 fresh random bytes, wiped by the
 * caller. EE_NAME: launcher is not a name; EE_RANGE: kind; EE_CRYPTO: a key is unusable;
 * EE_TOO_LARGE: capacity. */
EE_MUST_USE enum ee_err ee_seal_close(const struct ee_crypto *crypto,
                                      const struct ee_seal_context *context,
                                      const uint8_t ephemeral_private[EE_X25519_KEY_SIZE],
                                      struct ee_bytes plain, uint8_t *out, size_t capacity,
                                      size_t *size_out);
/* EE_SEAL_OPEN: not sealed for this key and context, damaged or of another version; EE_TOO_LARGE:
 * capacity is below sealed.size - EE_SEAL_OVERHEAD. */
EE_MUST_USE enum ee_err ee_seal_open(const struct ee_crypto *crypto,
                                     const struct ee_seal_context *context,
                                     const uint8_t recipient_private[EE_X25519_KEY_SIZE],
                                     struct ee_bytes sealed, uint8_t *out, size_t capacity,
                                     size_t *size_out);

#endif
