/* SPDX-License-Identifier: Apache-2.0 */
/* The TCB levels of the simulated platform family: one table for the PCK leaf, the quote and the
 * TCB Info, so that they agree. */
#ifndef EE_SIM_TCB_H
#define EE_SIM_TCB_H

#include <stdint.h>

enum ee_sim_level {
    EE_SIM_LEVEL_UP_TO_DATE,
    EE_SIM_LEVEL_OUT_OF_DATE,
    EE_SIM_LEVEL_REVOKED,
    EE_SIM_LEVEL_COUNT
};

enum {
    EE_SIM_PCESVN = 11,
    EE_SIM_MODULE_VERSION = 1, /* TEE_TCB_SVN[1]: module identity TDX_01 */
    EE_SIM_TDX_COMPONENT_2 = 4,
    EE_SIM_QE_SVN = 6,
    EE_SIM_QE_PRODUCT = 2,
};

/* "UpToDate", "OutOfDate", "Revoked". */
const char *ee_sim_level_status(enum ee_sim_level level);
/* Date from which the level counts, RFC 3339. */
const char *ee_sim_level_date(enum ee_sim_level level);
/* SGX component SVNs, as in PCK leaf and TCB Info. */
void ee_sim_level_components(enum ee_sim_level level, uint8_t out[16]);
/* TDX module SVN (TEE_TCB_SVN[0], isvsvn). */
uint8_t ee_sim_level_module_svn(enum ee_sim_level level);

/* MRSIGNER of Intel's TD quoting enclave, which a verifier expects. */
extern const uint8_t ee_sim_qe_mrsigner[32];

#endif
