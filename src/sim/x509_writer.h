/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and CRLs of the simulated PKI, in the shape of Intel's (Intel "SGX PCK Certificate
 * and CRL Profile"; RFC 5280). */
#ifndef EE_SIM_X509_WRITER_H
#define EE_SIM_X509_WRITER_H

#include "sim/authority.h"
#include "sim/der_writer.h"

enum { EE_SIM_SERIAL_SIZE = 20, EE_SIM_NO_CA = -1, EE_SIM_CRL_MAX = 512 };

struct ee_sim_cert_spec {
    const char *subject; /* common names */
    const char *issuer;
    const struct ee_sim_key *key; /* of the subject; its public half goes in */
    const struct ee_sim_key *issuer_key;
    uint8_t serial[EE_SIM_SERIAL_SIZE];
    int64_t not_before_s;
    int64_t not_after_s;
    int path_length;               /* EE_SIM_NO_CA: not a CA */
    struct ee_bytes sgx_extension; /* empty: none */
};

struct ee_sim_crl_spec {
    const char *issuer;
    const struct ee_sim_key *issuer_key;
    uint32_t number;
    int64_t this_update_s;
    int64_t next_update_s;
    const uint8_t *revoked_serial; /* EE_SIM_SERIAL_SIZE bytes, or NULL */
};

/* A P-256 key from a seed, a purpose and a number: SHA-256 of them until it is a valid scalar.
 * EE_CRYPTO. */
EE_MUST_USE enum ee_err ee_sim_key_derive(const struct ee_crypto *crypto, const uint8_t seed[32],
                                          const char *purpose, struct ee_sim_key *out);
/* SHA-256 over label "ee-sim-" purpose and seed: everything else that is derived. */
void ee_sim_derive(const struct ee_crypto *crypto, const uint8_t seed[32], const char *purpose,
                   uint8_t out[32]);

/* EE_CRYPTO; EE_TOO_LARGE cannot happen with names of this PKI. */
EE_MUST_USE enum ee_err ee_sim_cert_write(const struct ee_crypto *crypto,
                                          const struct ee_sim_cert_spec *spec,
                                          struct ee_sim_cert *out);
EE_MUST_USE enum ee_err ee_sim_crl_write(const struct ee_crypto *crypto,
                                         const struct ee_sim_crl_spec *spec,
                                         uint8_t out[EE_SIM_CRL_MAX], size_t *size_out);

#endif
