/* SPDX-License-Identifier: Apache-2.0 */
/* A secret that a person hands to the control plane: sealed (HPKE) for the key in its verified
 * claims, bound to the network, the name of the secret and that key. docs/spec/seal.md. */
#ifndef EE_SEAL_CONTROL_SECRET_H
#define EE_SEAL_CONTROL_SECRET_H

#include "seal/hpke.h"

enum {
    EE_CONTROL_SECRET_NAME_MAX = 32,
    EE_CONTROL_SECRET_OVERHEAD = EE_HPKE_OVERHEAD,
};

struct ee_control_secret_context {
    uint8_t network_id[32];
    const char *name;                      /* such as "stripe-webhook" */
    uint8_t recipient[EE_X25519_KEY_SIZE]; /* public key it is sealed for */
};

/* Writes plain.size + EE_CONTROL_SECRET_OVERHEAD bytes. `ephemeral_private`: fresh, wiped by the
 * caller. EE_TOO_LARGE: name; EE_CRYPTO: a key is unusable. */
EE_MUST_USE enum ee_err ee_control_secret_seal(const struct ee_crypto *crypto,
                                               const struct ee_control_secret_context *context,
                                               const uint8_t ephemeral_private[EE_X25519_KEY_SIZE],
                                               struct ee_bytes plain, uint8_t *out);
/* Writes sealed.size - EE_CONTROL_SECRET_OVERHEAD bytes. EE_SEAL_OPEN: too short, or not sealed for
 * this key and context. */
EE_MUST_USE enum ee_err ee_control_secret_open(const struct ee_crypto *crypto,
                                               const struct ee_control_secret_context *context,
                                               const uint8_t recipient_private[EE_X25519_KEY_SIZE],
                                               struct ee_bytes sealed, uint8_t *out);

/* What the one signs who may give this secret (the issuer: whoever knows the secret of payments can
 * say that orders are paid): label "ee-control-secret-order" v1, network id, name, SHA-256 of what
 * was sealed. EE_TOO_LARGE: name, or less than EE_CONTROL_SECRET_ORDER_MAX bytes. */
enum { EE_CONTROL_SECRET_ORDER_MAX = 160 };
EE_MUST_USE enum ee_err ee_control_secret_order(const struct ee_crypto *crypto,
                                                const uint8_t network_id[32], const char *name,
                                                struct ee_bytes sealed, struct ee_writer *out);

#endif
