/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated trust domain: measurements, attributes and run-time registers. */
#ifndef EE_SIM_TD_H
#define EE_SIM_TD_H

#include "attest/measurement.h"

struct ee_sim_td {
    uint8_t mrtd[EE_SHA384_SIZE];
    uint8_t rtmr[4][EE_SHA384_SIZE];
    uint8_t attributes[8]; /* TDATTRIBUTES, little-endian; SEPT_VE_DISABLE set */
    uint8_t xfam[8];
    uint8_t mr_config_id[EE_SHA384_SIZE];
    uint8_t mr_owner[EE_SHA384_SIZE];
    uint8_t mr_owner_config[EE_SHA384_SIZE];
};

/* The TD that runs `program` of `version`: MRTD and RTMR0 to RTMR2 are hashes of these two strings,
 * so a genesis can list them without an image. SIMULATED: nothing is measured. RTMR3 is zero. */
void ee_sim_td_for_program(const struct ee_crypto *crypto, const char *program, const char *version,
                           struct ee_sim_td *out);
/* RTMR = SHA-384(RTMR || digest), as TDG.MR.RTMR.EXTEND does. EE_RANGE: index above 3. */
EE_MUST_USE enum ee_err ee_sim_td_extend(const struct ee_crypto *crypto, struct ee_sim_td *td,
                                         unsigned index, const uint8_t digest[EE_SHA384_SIZE]);
void ee_sim_td_measurement(const struct ee_sim_td *td, struct ee_measurement *out);

#endif
