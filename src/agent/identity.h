/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of an agent, made where it runs and kept in its state folder (files of mode 0600):
 * identity (Ed25519), sealing (X25519), TLS (P-256 with a self-signed certificate, judged by
 * evidence); and its session epoch. */
#ifndef EE_AGENT_IDENTITY_H
#define EE_AGENT_IDENTITY_H

#include <stdint.h>

#include "base/crypto.h"
#include "base/err.h"
#include "io/x509.h"

struct ee_agent_identity {
    uint8_t seed[EE_ED25519_KEY_SIZE]; /* secret */
    uint8_t public_key[EE_ED25519_KEY_SIZE];
    uint8_t sealing_private[EE_X25519_KEY_SIZE]; /* secret */
    uint8_t sealing_public[EE_X25519_KEY_SIZE];
    struct ee_pem tls_key; /* secret */
    struct ee_pem tls_certificate;
    uint8_t tls_key_hash[EE_SHA256_SIZE];
};

/* Reads the keys of `folder`, making those that are missing. EE_FORBIDDEN: a key file others may
 * read; EE_SYNTAX: a key file is damaged; EE_IO, EE_CRYPTO. */
EE_MUST_USE enum ee_err ee_agent_identity_load(const char *folder, const struct ee_crypto *crypto,
                                               struct ee_agent_identity *out);
/* Overwrites the secrets. */
void ee_agent_identity_wipe(struct ee_agent_identity *identity);

/* One more than the last on disk, durable before it is returned: no two sessions have the same. */
EE_MUST_USE enum ee_err ee_agent_epoch_next(const char *folder, uint64_t *epoch_out);

#endif
