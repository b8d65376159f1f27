/* SPDX-License-Identifier: Apache-2.0 */
/* Collateral of the software TDX as the JSON file the verifier reads: TCB Info v3, TD_QE identity
 * v2, both CRLs and the issuer chains, signed by the authority. */
#ifndef EE_SIM_COLLATERAL_H
#define EE_SIM_COLLATERAL_H

#include "sim/platform.h"

enum {
    EE_SIM_COLLATERAL_MAX = 48 * 1024,
    EE_SIM_COLLATERAL_DAYS = 30, /* validity of TCB Info, QE identity and PCK CRL */
    EE_SIM_EVALUATION = 20,      /* tcbEvaluationDataNumber */
};

/* Collateral issued at `issued_s` (unix seconds). `platform` may be NULL; else its
 * EE_SIM_PCK_REVOKED puts its leaf on the PCK CRL and its EE_SIM_COLLATERAL_EXPIRED moves the whole
 * window 60 days back. Writes JSON and a NUL; *size_out is without the NUL. EE_TOO_LARGE: capacity
 * below EE_SIM_COLLATERAL_MAX may not do; EE_CRYPTO; EE_RANGE: issued_s outside 1970-9998. */
EE_MUST_USE enum ee_err ee_sim_collateral_write(const struct ee_crypto *crypto,
                                                const struct ee_sim_authority *authority,
                                                const struct ee_sim_platform *platform,
                                                int64_t issued_s, char *out, size_t capacity,
                                                size_t *size_out);

/* What may differ from the collateral above; zero: as there. */
struct ee_sim_collateral_options {
    const struct ee_sim_platform *platform; /* as above; may be NULL */
    int64_t issued_s;
    uint32_t valid_s;        /* of TCB Info, QE identity and CRLs; 0: EE_SIM_COLLATERAL_DAYS */
    uint32_t evaluation;     /* of both documents; 0: EE_SIM_EVALUATION */
    uint8_t module_svn_more; /* the newest TDX module level asks for so much more: what a coming
                                TCB set does */
    const uint8_t *fmspc;    /* 6 bytes; NULL: the authority's */
};
/* As ee_sim_collateral_write(). */
EE_MUST_USE enum ee_err ee_sim_collateral_write_with(
    const struct ee_crypto *crypto, const struct ee_sim_authority *authority,
    const struct ee_sim_collateral_options *options, char *out, size_t capacity, size_t *size_out);

#endif
