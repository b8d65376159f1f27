/* SPDX-License-Identifier: Apache-2.0 */
/* Where a program's quotes come from: a TDX machine's kernel interfaces, or the software TDX of a
 * development network. docs/spec/evidence.md, "Where quotes come from".
 *
 *   auto            configfs if the machine has it, else tdx_guest, else words about what is
 * missing configfs[:DIR]  configfs-tsm (kernel 6.7 and later) tdx_guest[:QGS] /dev/tdx_guest and
 * the host's quote generation service; QGS is unix:PATH, vsock:PORT or vsock:CID:PORT, else the
 * port of /etc/tdx-attest.conf, else 4050 sim:FILE        the software TDX that FILE describes
 * (link/tdx_sim.h). Everything it gives is SIMULATED and refused by a production network.
 *
 * One quote at a time: calls from several threads wait for each other. */
#ifndef EE_LINK_TDX_DEVICE_H
#define EE_LINK_TDX_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "attest/claims.h"
#include "attest/evidence.h"
#include "attest/pck.h"
#include "base/crypto.h"
#include "base/err.h"
#include "io/tdx_attempt.h"
#include "io/tdx_configfs.h"
#include "io/tdx_facts.h"
#include "io/tdx_guest.h"

struct ee_tdx_device;

enum ee_tdx_device_kind { EE_TDX_DEVICE_CONFIGFS, EE_TDX_DEVICE_GUEST, EE_TDX_DEVICE_SIM };

enum {
    EE_TDX_QUOTE_TIMEOUT_MS = 45 * 1000, /* the kernel itself waits 30 s for the host */
    EE_TDX_RTMR_INDEX = 3,               /* the register that is ours to extend */
};

struct ee_tdx_device_options {
    const char *spec;    /* as above */
    const char *program; /* what the caller is, where a simulator's file does not say */
    const struct ee_crypto *crypto;
    const char *rtmr_folder; /* NULL: the system's */
    uint64_t timeout_ms;     /* of one quote; 0: EE_TDX_QUOTE_TIMEOUT_MS */
    /* For tests; NULL: the system's. */
    const struct ee_tdx_paths *paths;
    const struct ee_tdx_configfs_calls *configfs_calls;
    const struct ee_tdx_guest_calls *guest_calls;
};

/* Everything in `options` is borrowed for the device's life but `spec`. Asks nothing of the host
 * yet. EE_TDX_MISSING: the machine has nothing of the kind; EE_UNSUPPORTED: an Azure paravisor;
 * EE_SYNTAX: the spec or the simulator's file; EE_FORBIDDEN: others may read that file;
 * EE_NOT_FOUND, EE_IO, EE_CRYPTO, EE_NO_MEMORY. The words are in `attempt` (may be NULL). */
EE_MUST_USE enum ee_err ee_tdx_device_open(const struct ee_tdx_device_options *options,
                                           struct ee_tdx_attempt *attempt,
                                           struct ee_tdx_device **out);
void ee_tdx_device_free(struct ee_tdx_device *device); /* NULL is fine */
/* Calls off the quote in progress and those to come; from any thread. */
void ee_tdx_device_stop(struct ee_tdx_device *device);

enum ee_tdx_device_kind ee_tdx_device_kind(const struct ee_tdx_device *device);
/* "configfs", "tdx_guest", "sim". */
const char *ee_tdx_device_kind_name(enum ee_tdx_device_kind kind);
bool ee_tdx_device_simulated(const struct ee_tdx_device *device);
uint32_t ee_tdx_device_vcpus(const struct ee_tdx_device *device); /* online in the TD */

/* Who the machine is, from a quote of its own: what a network enrols and compares. */
struct ee_tdx_identity {
    uint8_t platform_id[EE_PPID_SIZE]; /* PPID of the PCK certificate in the quote */
    struct ee_measurement measurement;
};
/* Asks for one quote the first time. Not verified here: admission does. Errors of
 * ee_tdx_device_quote(); EE_QUOTE: the quote carries no PCK certificate. `attempt` as there. */
EE_MUST_USE enum ee_err ee_tdx_device_identity(struct ee_tdx_device *device,
                                               struct ee_tdx_attempt *attempt,
                                               struct ee_tdx_identity *out);

/* The same from a quote's bytes. EE_QUOTE: no quote, or without a PCK certificate; EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_tdx_identity_of(struct ee_bytes quote, struct ee_tdx_identity *out);

/* One quote over these report data into `out` (EE_EVIDENCE_QUOTE_MAX bytes), padding removed. A
 * quote over other report data, or that is no quote, is refused. Errors of ee_tdx_configfs_quote,
 * ee_tdx_guest_report, ee_tdx_qgs_quote; EE_TDX_QUOTE. `attempt` gets the words and the number of
 * retries, also when it went well; NULL: not wanted. */
EE_MUST_USE enum ee_err ee_tdx_device_quote(struct ee_tdx_device *device,
                                            const uint8_t report_data[EE_REPORT_DATA_SIZE],
                                            struct ee_tdx_attempt *attempt, uint8_t *out,
                                            size_t *size_out);

/* One quote for these claims that answers all `count` nonces (1 to EE_FRESHNESS_NONCES_MAX).
 * `evidence_out[i]` answers nonces[i] and borrows `quote_memory` (EE_EVIDENCE_QUOTE_MAX bytes) and
 * `claims`. No event log, no collateral. EE_RANGE, EE_NO_MEMORY, errors of ee_tdx_device_quote;
 * a failure of the host is logged with its words. */
EE_MUST_USE enum ee_err ee_tdx_device_evidence(struct ee_tdx_device *device, struct ee_bytes claims,
                                               const struct ee_nonce *nonces, size_t count,
                                               uint8_t *quote_memory,
                                               struct ee_evidence *evidence_out);

/* RTMR3 = SHA-384(RTMR3 || digest), in every quote from now on. `index` is EE_TDX_RTMR_INDEX, else
 * EE_RANGE (the others are part of the measurement). A simulated TD keeps the register in
 * FILE.rtmr beside its file until the machine is booted again: a program that starts again finds
 * what it extended before, as on hardware. EE_TDX_MISSING: the kernel does not offer it;
 * EE_FORBIDDEN, EE_IO; the register is then as before. */
EE_MUST_USE enum ee_err ee_tdx_device_rtmr_extend(struct ee_tdx_device *device, unsigned index,
                                                  const uint8_t digest[EE_SHA384_SIZE]);
/* Its present value: compare with the replay of a log that a restart found. The same errors. */
EE_MUST_USE enum ee_err ee_tdx_device_rtmr_read(struct ee_tdx_device *device, unsigned index,
                                                uint8_t out[EE_SHA384_SIZE]);

#endif
