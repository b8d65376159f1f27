/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate authority of the software TDX: root, Platform CA and TCB Signing with keys
 * derived from a seed. Names are those of the real chain, because a verifier enforces roles by
 * name, except that the organisation says "SIMULATED"; trust comes from the root's key alone.
 * Whoever has the seed can forge any quote: this proves nothing about hardware. */
#ifndef EE_SIM_AUTHORITY_H
#define EE_SIM_AUTHORITY_H

#include "base/crypto.h"
#include "base/err.h"

enum {
    EE_SIM_CERT_MAX = 1536,
    EE_SIM_PEM_MAX = 2304,   /* one certificate with a NUL */
    EE_SIM_CHAIN_MAX = 6144, /* three certificates with a NUL */
};

struct ee_sim_key {
    uint8_t private_key[32];
    uint8_t public_key[EE_P256_POINT_SIZE]; /* x||y */
};

struct ee_sim_cert {
    uint8_t der[EE_SIM_CERT_MAX];
    size_t size;
};

struct ee_sim_authority {
    uint8_t seed[32];
    struct ee_sim_key root_key, platform_ca_key, tcb_key;
    struct ee_sim_cert root, platform_ca, tcb_signing;
    uint8_t fmspc[6];
};

/* Same seed, same keys, names and serials; signatures may differ where the crypto backend draws
 * ECDSA nonces. Certificates are valid 2018-2049. EE_CRYPTO: the backend failed. */
EE_MUST_USE enum ee_err ee_sim_authority_init(struct ee_sim_authority *authority,
                                              const struct ee_crypto *crypto,
                                              const uint8_t seed[32]);
/* The key to pin: 64 bytes x||y. */
const uint8_t *ee_sim_authority_root_key(const struct ee_sim_authority *authority);
/* PEM with a NUL; `out` has EE_SIM_PEM_MAX bytes. Returns the length. */
size_t ee_sim_cert_pem(const struct ee_sim_cert *cert, char *out, size_t capacity);

#endif
