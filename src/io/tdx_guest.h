/* SPDX-License-Identifier: Apache-2.0 */
/* The TD report of this TD through /dev/tdx_guest (Linux uapi/linux/tdx-guest.h): signed by nobody
 * but MACed for this machine; a quoting enclave on it turns it into a quote (io/tdx_qgs.h). */
#ifndef EE_IO_TDX_GUEST_H
#define EE_IO_TDX_GUEST_H

#include "io/tdx_attempt.h"

#define EE_TDX_GUEST_PATH "/dev/tdx_guest"

enum { EE_TDX_REPORT_SIZE = 1024 };

/* TDX_CMD_GET_REPORT0, so that a test can be the driver: 0 or -errno. */
struct ee_tdx_guest_calls {
    void *context;
    int (*report)(void *context, const char *path, const uint8_t report_data[64],
                  uint8_t out[EE_TDX_REPORT_SIZE]);
};

/* `calls` NULL: the system's. EE_TDX_MISSING: no such device, or it is no TDX guest device;
 * EE_FORBIDDEN: no permission; EE_TDX_QUOTE: the TDX module refused, or the report holds other
 * report data; EE_TIMEOUT, EE_CLOSED, EE_IO. */
EE_MUST_USE enum ee_err ee_tdx_guest_report(const char *path,
                                            const struct ee_tdx_guest_calls *calls,
                                            const uint8_t report_data[64],
                                            struct ee_tdx_attempt *attempt,
                                            uint8_t out[EE_TDX_REPORT_SIZE]);

#endif
