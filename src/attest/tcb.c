/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/tcb.h"

#include "base/banned.h"

static const char *const names[EE_TCB_STATUS_COUNT] = {
#define EE_ROW(name, text) [EE_TCB_##name] = text,
    EE_TCB_STATUSES(EE_ROW)
#undef EE_ROW
};

const char *ee_attest_tcb_status_name(enum ee_tcb_status status)
{
    return (unsigned)status < EE_TCB_STATUS_COUNT ? names[status] : "unknown";
}

enum ee_tcb_status ee_attest_tcb_status_parse(struct ee_bytes text)
{
    for (enum ee_tcb_status s = EE_TCB_UP_TO_DATE; s <= EE_TCB_REVOKED; s++)
        if (ee_bytes_equal(text, ee_bytes_str(names[s])))
            return s;
    return EE_TCB_UNKNOWN;
}

enum ee_tcb_status ee_attest_tcb_converge(enum ee_tcb_status platform, enum ee_tcb_status part)
{
    if (platform == EE_TCB_NOT_SUPPORTED || part == EE_TCB_NOT_SUPPORTED)
        return EE_TCB_NOT_SUPPORTED;
    if (part == EE_TCB_REVOKED)
        return EE_TCB_REVOKED;
    if (part != EE_TCB_OUT_OF_DATE)
        return platform;
    if (platform == EE_TCB_UP_TO_DATE || platform == EE_TCB_SW_HARDENING_NEEDED)
        return EE_TCB_OUT_OF_DATE;
    if (platform == EE_TCB_CONFIGURATION_NEEDED ||
        platform == EE_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED)
        return EE_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED;
    return platform;
}

enum ee_tcb_status ee_attest_tcb_relaunch(enum ee_tcb_status launch, enum ee_tcb_status current)
{
    bool old = launch == EE_TCB_OUT_OF_DATE || launch == EE_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED;
    bool current_configuration = current == EE_TCB_CONFIGURATION_NEEDED ||
                                 current == EE_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED;
    bool cured = current == EE_TCB_UP_TO_DATE || current == EE_TCB_SW_HARDENING_NEEDED ||
                 current_configuration;
    if (!old || !cured)
        return launch;
    return current_configuration || launch == EE_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED
               ? EE_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED
               : EE_TCB_TD_RELAUNCH_ADVISED;
}
