/* SPDX-License-Identifier: Apache-2.0 */
/* Private to src/attest: what the readers of the three forms share. */
#ifndef EE_ATTEST_EVENTLOG_INTERNAL_H
#define EE_ATTEST_EVENTLOG_INTERNAL_H

#include "attest/eventlog.h"

/* TCG PC Client Platform Firmware Profile, table "Events". */
enum {
    EE_TCG_NO_ACTION = 0x3,
    EE_TCG_SEPARATOR = 0x4,
    EE_TCG_EVENT_TAG = 0x6,
    EE_TCG_IPL = 0xd,
};
#define EE_TCG_EFI_VARIABLE_DRIVER_CONFIG UINT32_C(0x80000001)
#define EE_TCG_EFI_VARIABLE_BOOT UINT32_C(0x80000002)
#define EE_TCG_EFI_BOOT_SERVICES_APPLICATION UINT32_C(0x80000003)
#define EE_TCG_EFI_GPT_EVENT UINT32_C(0x80000006)
#define EE_DSTACK_RUNTIME_EVENT UINT32_C(0x08000001)

/* The failure sticks; false. */
bool ee_eventlog_fail(struct ee_eventlog *log, enum ee_reason reason);

/* One record each, without replay. `event` is zeroed but for its index; status and content are set
 * when the form itself decides them. False at the end (log->ended) or at a failure. */
enum ee_reason ee_eventlog_tcg2_open(struct ee_eventlog *log);
bool ee_eventlog_tcg2_next(struct ee_eventlog *log, struct ee_measured_event *event);
enum ee_reason ee_eventlog_dstack_open(struct ee_eventlog *log, struct ee_bytes bytes);
bool ee_eventlog_dstack_next(struct ee_eventlog *log, struct ee_measured_event *event);
enum ee_reason ee_eventlog_agent_open(struct ee_eventlog *log);
bool ee_eventlog_agent_next(struct ee_eventlog *log, struct ee_measured_event *event);

/* A UEFI variable as it is measured (UEFI_VARIABLE_DATA): false when it is not of that form. */
struct ee_efi_variable {
    const uint8_t *guid;  /* 16 bytes, mixed endian as in UEFI */
    struct ee_bytes name; /* UTF-16LE without NUL */
    struct ee_bytes data;
};
bool ee_eventlog_efi_variable(struct ee_bytes data, struct ee_efi_variable *out);

#endif
