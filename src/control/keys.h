/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a control plane, made where it runs and kept in its state folder (files 0600):
 * tls.key (P-256, PEM), checkpoint.seed (Ed25519, hex), identity (32 random bytes, hex). In a TD
 * the folder is on a disk only the TD can read; a development network says that it is not. */
#ifndef EE_CONTROL_KEYS_H
#define EE_CONTROL_KEYS_H

#include <stdbool.h>

#include "base/crypto.h"
#include "base/err.h"
#include "io/x509.h"

struct ee_control_keys {
    struct ee_pem tls_key;
    uint8_t tls_key_hash[32]; /* SHA-256 of its SubjectPublicKeyInfo */
    uint8_t checkpoint_seed[EE_ED25519_KEY_SIZE];
    uint8_t checkpoint_key[EE_ED25519_KEY_SIZE];
    uint8_t identity[32];
};

/* Makes what is missing and loads all. EE_FORBIDDEN: a file is readable by others; EE_SYNTAX,
 * EE_IO, EE_CRYPTO, EE_TOO_LARGE. */
EE_MUST_USE enum ee_err ee_control_keys_make(const char *folder, const struct ee_crypto *crypto,
                                             struct ee_control_keys *out);
/* EE_NOT_FOUND when one is missing; else as above. */
EE_MUST_USE enum ee_err ee_control_keys_load(const char *folder, const struct ee_crypto *crypto,
                                             struct ee_control_keys *out);
/* Rotation: makes checkpoint.seed.next (EE_STATE: it is there), loads it into the checkpoint key of
 * `out` (EE_NOT_FOUND), and lets it take the place of checkpoint.seed. */
EE_MUST_USE enum ee_err ee_control_keys_next_make(const char *folder);
EE_MUST_USE enum ee_err ee_control_keys_next_load(const char *folder,
                                                  const struct ee_crypto *crypto,
                                                  struct ee_control_keys *out);
EE_MUST_USE enum ee_err ee_control_keys_next_take(const char *folder);
/* A TLS key from outside takes the place of the one made here, which stays as tls.key.replaced; it
 * is marked, and ee_control_keys_imported() says so: for development networks only. Taken at the
 * next start. EE_SYNTAX: no P-256 key in PEM; EE_IO, EE_TOO_LARGE. */
EE_MUST_USE enum ee_err ee_control_keys_import(const char *folder, struct ee_bytes key_pem);
bool ee_control_keys_imported(const char *folder);
void ee_control_keys_wipe(struct ee_control_keys *keys);

#endif
