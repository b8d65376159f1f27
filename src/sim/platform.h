/* SPDX-License-Identifier: Apache-2.0 */
/* One simulated TDX machine: its PCK leaf, quoting enclave and attestation key, and what is wrong
 * with it. */
#ifndef EE_SIM_PLATFORM_H
#define EE_SIM_PLATFORM_H

#include "sim/authority.h"

/* What is wrong, for tests and drills; bits, so that faults combine. */
enum ee_sim_fault {
    EE_SIM_HEALTHY = 0,
    EE_SIM_PLATFORM_OUT_OF_DATE = 1u << 0, /* component SVNs of an OutOfDate level */
    EE_SIM_MODULE_OUT_OF_DATE = 1u << 1,   /* TDX module below the newest level */
    EE_SIM_TCB_REVOKED = 1u << 2,          /* component SVNs of a Revoked level */
    EE_SIM_PCK_REVOKED = 1u << 3,          /* listed in the PCK CRL of the collateral */
    EE_SIM_DEBUG_TD = 1u << 4,             /* TDATTRIBUTES bit 0 */
    EE_SIM_OTHER_MEASUREMENTS = 1u << 5,   /* a genuine TD of other code */
    EE_SIM_AK_NOT_BOUND = 1u << 6,         /* forged: the QE report names another key */
    EE_SIM_QUOTE_FORGED = 1u << 7,         /* body changed after signing */
    EE_SIM_WRONG_ROOT = 1u << 8,           /* same names, chain of another root key */
    EE_SIM_COLLATERAL_EXPIRED = 1u << 9,   /* signed, but its window ended before `time` */
    EE_SIM_MODULE_UNKNOWN = 1u << 10,      /* a TDX module version the TCB Info does not list */
    EE_SIM_MODULE_NOT_INTELS = 1u << 11,   /* another signer than Intel (MRSIGNERSEAM) */
    EE_SIM_PCK_EXPIRED = 1u << 12,         /* its certificate ended long ago */
    EE_SIM_OTHER_QE = 1u << 13,            /* quoted by an enclave that is not Intel's */
    EE_SIM_RELAUNCH_ADVISED = 1u << 14,    /* module updated since the TD started; shows in bodies
                                              of TD 1.5, in others as module out of date */
};

struct ee_sim_platform {
    const struct ee_sim_authority *authority; /* must outlive the platform */
    uint32_t vcpus;                           /* of the machine, for its node's capacity */
    uint32_t faults;                          /* ee_sim_fault bits */
    uint8_t ppid[16];                         /* from the seed: stable identity of the machine */
    uint8_t instance_id[16];
    uint8_t qe_id[16];
    uint8_t components[16]; /* PCK component SVNs = CPUSVN */
    uint16_t pcesvn;
    uint8_t serial[20];
    struct ee_sim_key pck_key, ak;
    struct ee_sim_cert pck;
    char pck_chain[EE_SIM_CHAIN_MAX]; /* PEM: leaf, Platform CA, root */
    size_t pck_chain_size;            /* without the NUL */
};

/* EE_RANGE: no vcpus; EE_CRYPTO. Faults can be set afterwards only by another init. */
EE_MUST_USE enum ee_err ee_sim_platform_init(struct ee_sim_platform *platform,
                                             const struct ee_crypto *crypto,
                                             const struct ee_sim_authority *authority,
                                             const uint8_t seed[32], uint32_t vcpus,
                                             uint32_t faults);

#endif
