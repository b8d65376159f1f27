/* SPDX-License-Identifier: Apache-2.0 */
/* TCB statuses and how they combine (Intel "Get TDX TCB Info" and quote verification library). */
#ifndef EE_ATTEST_TCB_H
#define EE_ATTEST_TCB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define EE_TCB_STATUSES(ROW)                                                                       \
    ROW(UNKNOWN, "unknown")                                                                        \
    ROW(UP_TO_DATE, "UpToDate")                                                                    \
    ROW(SW_HARDENING_NEEDED, "SWHardeningNeeded")                                                  \
    ROW(CONFIGURATION_NEEDED, "ConfigurationNeeded")                                               \
    ROW(CONFIGURATION_AND_SW_HARDENING_NEEDED, "ConfigurationAndSWHardeningNeeded")                \
    ROW(OUT_OF_DATE, "OutOfDate")                                                                  \
    ROW(OUT_OF_DATE_CONFIGURATION_NEEDED, "OutOfDateConfigurationNeeded")                          \
    ROW(REVOKED, "Revoked")                                                                        \
    ROW(NOT_SUPPORTED, "NOT_SUPPORTED")                                                            \
    ROW(TD_RELAUNCH_ADVISED, "TDRelaunchAdvised")                                                  \
    ROW(TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED, "TDRelaunchAdvisedConfigurationNeeded")

enum ee_tcb_status {
#define EE_ROW(name, text) EE_TCB_##name,
    EE_TCB_STATUSES(EE_ROW)
#undef EE_ROW
        EE_TCB_STATUS_COUNT
};

/* As Intel writes it: "UpToDate", "NOT_SUPPORTED", ... */
const char *ee_attest_tcb_status_name(enum ee_tcb_status status);
/* A status a signed TCB level may carry; EE_TCB_UNKNOWN for any other text. */
enum ee_tcb_status ee_attest_tcb_status_parse(struct ee_bytes text);

/* The platform's status with a part's (TDX module, QE): an out-of-date part keeps the need for
 * configuration visible; a revoked part revokes. Not a maximum of severities. */
enum ee_tcb_status ee_attest_tcb_converge(enum ee_tcb_status platform, enum ee_tcb_status part);

/* TD 1.5: `launch` is judged with the SVN at TD launch, `current` with the one running now. */
enum ee_tcb_status ee_attest_tcb_relaunch(enum ee_tcb_status launch, enum ee_tcb_status current);

#endif
