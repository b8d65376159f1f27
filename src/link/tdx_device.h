/* SPDX-License-Identifier: Apache-2.0 */
/* Where a program's quotes come from. Here: the software TDX of a development network, described by
 * a JSON file
 * {"authority_seed":HEX64,"platform_seed":HEX64,"program":TEXT,"version":TEXT,"vcpus":N,"faults":[NAME,...]};
 * version, vcpus and faults are optional. Everything it gives is SIMULATED and refused by a
 * production network. */
#ifndef EE_LINK_TDX_DEVICE_H
#define EE_LINK_TDX_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "attest/claims.h"
#include "attest/evidence.h"
#include "base/crypto.h"
#include "base/err.h"

struct ee_tdx_device;

/* `program` is what the caller is when the file does not say. EE_SYNTAX: not of that form;
 * EE_FORBIDDEN: others may read the file; EE_NOT_FOUND, EE_IO, EE_CRYPTO, EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_tdx_device_open(const char *path, const char *program,
                                           const struct ee_crypto *crypto,
                                           struct ee_tdx_device **out);
void ee_tdx_device_free(struct ee_tdx_device *device); /* NULL is fine */

bool ee_tdx_device_simulated(const struct ee_tdx_device *device);
uint32_t ee_tdx_device_vcpus(const struct ee_tdx_device *device); /* online in the TD */
void ee_tdx_device_platform_id(const struct ee_tdx_device *device, uint8_t out[16]);
void ee_tdx_device_measurement(const struct ee_tdx_device *device, struct ee_measurement *out);

/* One quote for these claims that answers all `count` nonces (1 to EE_FRESHNESS_NONCES_MAX).
 * `evidence_out[i]` answers nonces[i] and borrows `quote_memory` (EE_EVIDENCE_QUOTE_MAX bytes) and
 * `claims`. No event log, no collateral. EE_RANGE, EE_CRYPTO, EE_TOO_LARGE, EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_tdx_device_evidence(const struct ee_tdx_device *device,
                                               struct ee_bytes claims,
                                               const struct ee_nonce *nonces, size_t count,
                                               uint8_t *quote_memory,
                                               struct ee_evidence *evidence_out);

#endif
