/* SPDX-License-Identifier: Apache-2.0 */
/* From what a machine offers to which kind of TDX device it has, or words about what is missing and
 * what to do. No I/O. */
#ifndef EE_LINK_TDX_ADVICE_H
#define EE_LINK_TDX_ADVICE_H

#include "link/tdx_device.h"

/* The kind for "auto". EE_TDX_MISSING, EE_UNSUPPORTED (paravisor), with the words. */
EE_MUST_USE enum ee_err ee_tdx_choose(const struct ee_tdx_facts *facts,
                                      struct ee_tdx_attempt *attempt, enum ee_tdx_device_kind *out);
/* What is missing for that kind; EE_OK when nothing is. */
EE_MUST_USE enum ee_err ee_tdx_check_kind(const struct ee_tdx_facts *facts,
                                          enum ee_tdx_device_kind kind,
                                          struct ee_tdx_attempt *attempt);
/* Where RTMR3 cannot be extended: what is missing. EE_OK when it can. */
EE_MUST_USE enum ee_err ee_tdx_check_registers(const struct ee_tdx_facts *facts,
                                               struct ee_tdx_attempt *attempt);

#endif
