/* SPDX-License-Identifier: Apache-2.0 */
/* The software TDX of a development network, described by a JSON file
 * {"authority_seed":HEX64,"platform_seed":HEX64,"program":TEXT,"version":TEXT,"vcpus":N,
 *  "faults":[NAME,...],"format":NAME,"delay_ms":N}
 * all but the seeds optional. Faults and formats by name: docs/spec/evidence.md, "Simulated TDX".
 * Everything it gives is SIMULATED. Calls may come from several threads. */
#ifndef EE_LINK_TDX_SIM_H
#define EE_LINK_TDX_SIM_H

#include "attest/evidence.h"
#include "base/crypto.h"
#include "io/tdx_attempt.h"

struct ee_tdx_sim;

enum { EE_TDX_SIM_DELAY_MAX_MS = 10000 };

/* `program` is what the caller is when the file does not say. EE_SYNTAX: not of that form;
 * EE_RANGE; EE_FORBIDDEN: others may read the file; EE_NOT_FOUND, EE_IO, EE_CRYPTO, EE_NO_MEMORY.
 */
EE_MUST_USE enum ee_err ee_tdx_sim_open(const char *path, const char *program,
                                        const struct ee_crypto *crypto, struct ee_tdx_sim **out);
void ee_tdx_sim_free(struct ee_tdx_sim *sim); /* NULL is fine */

uint32_t ee_tdx_sim_vcpus(const struct ee_tdx_sim *sim);
/* A quote into `out` (EE_EVIDENCE_QUOTE_MAX bytes), after the delay of the file. EE_TIMEOUT and
 * EE_CLOSED of the attempt; EE_CRYPTO. */
EE_MUST_USE enum ee_err ee_tdx_sim_quote(struct ee_tdx_sim *sim,
                                         const uint8_t report_data[EE_REPORT_DATA_SIZE],
                                         struct ee_tdx_attempt *attempt, uint8_t *out,
                                         size_t *size_out);
/* RTMR3, kept in FILE.rtmr until the machine is booted again. EE_TDX_MISSING: fault "no-rtmr";
 * EE_IO and others of ee_file_write: the register is as before. */
EE_MUST_USE enum ee_err ee_tdx_sim_extend(struct ee_tdx_sim *sim,
                                          const uint8_t digest[EE_SHA384_SIZE]);
void ee_tdx_sim_register(struct ee_tdx_sim *sim, uint8_t out[EE_SHA384_SIZE]);

#endif
