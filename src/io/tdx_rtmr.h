/* SPDX-License-Identifier: Apache-2.0 */
/* Run-time measurement registers through sysfs (Linux
 * Documentation/ABI/testing/sysfs-devices-virtual-misc-tdx_guest, kernel 6.16 and later). */
#ifndef EE_IO_TDX_RTMR_H
#define EE_IO_TDX_RTMR_H

#include "io/tdx_attempt.h"

#define EE_TDX_RTMR_FOLDER "/sys/class/misc/tdx_guest/measurements"

enum { EE_TDX_RTMR_SIZE = 48, EE_TDX_RTMR_LAST = 3 };

/* Extends RTMR `index` by the digest: exactly 48 bytes at offset 0, one write. EE_RANGE: software
 * may extend registers 2 and 3 only; EE_TDX_MISSING: the kernel does not offer it; EE_FORBIDDEN;
 * EE_IO: refused or short. */
EE_MUST_USE enum ee_err ee_tdx_rtmr_extend(const char *folder, unsigned index,
                                           const uint8_t digest[EE_TDX_RTMR_SIZE],
                                           struct ee_tdx_attempt *attempt);
/* The register's value, any of 0 to 3. The same errors. */
EE_MUST_USE enum ee_err ee_tdx_rtmr_read(const char *folder, unsigned index,
                                         struct ee_tdx_attempt *attempt,
                                         uint8_t out[EE_TDX_RTMR_SIZE]);

#endif
