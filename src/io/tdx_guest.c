/* SPDX-License-Identifier: Apache-2.0 */
#include "io/tdx_guest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/bytes.h"

#include "base/banned.h"

enum {
    PAUSE_MS = 10,
    REPORT_TYPE_TDX = 0x81,
    REPORT_DATA_AT = 128, /* in REPORTMACSTRUCT, Intel TDX module ABI */
};

/* struct tdx_report_req of uapi/linux/tdx-guest.h, which Debian 12's headers have without 6.7's
 * additions; spelled out so that no kernel header is needed. */
struct report_request {
    uint8_t report_data[64];
    uint8_t report[EE_TDX_REPORT_SIZE];
};
#define GET_REPORT0 _IOWR('T', 1, struct report_request)
_Static_assert(GET_REPORT0 == 0xc4405401, "the number of TDX_CMD_GET_REPORT0 is an ABI");

static int system_report(void *context, const char *path, const uint8_t report_data[64],
                         uint8_t out[EE_TDX_REPORT_SIZE])
{
    struct report_request request;
    (void)context;
    memset(&request, 0, sizeof(request));
    memcpy(request.report_data, report_data, sizeof(request.report_data));
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = ioctl(fd, GET_REPORT0, &request) == 0 ? 0 : -errno;
    (void)close(fd);
    memcpy(out, request.report, EE_TDX_REPORT_SIZE);
    return result;
}

static const struct ee_tdx_guest_calls system_calls = {.report = system_report};

static enum ee_err refused(struct ee_tdx_attempt *attempt, const char *path, int number)
{
    switch (number) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
        return ee_tdx_attempt_fail(attempt, EE_TDX_MISSING, number,
                                   "in a TD: modprobe tdx_guest (kernel 6.2 or later)",
                                   "opening %s", path);
    case ENOTTY:
        return ee_tdx_attempt_fail(attempt, EE_TDX_MISSING, number, "",
                                   "%s is not a TDX guest device of this kind", path);
    case EACCES:
    case EPERM:
        return ee_tdx_attempt_fail(attempt, EE_FORBIDDEN, number,
                                   "run as root, or give this user the device (a udev rule)",
                                   "opening %s", path);
    case EBUSY:
    case EAGAIN:
    case EINTR:
        return ee_tdx_attempt_fail(attempt, EE_TIMEOUT, number, "",
                                   "asking the TDX module for a report, again %u times",
                                   attempt->retries);
    default:
        return ee_tdx_attempt_fail(attempt, EE_TDX_QUOTE, number, "",
                                   "the TDX module gave no report");
    }
}

static bool passes(int number)
{
    return number == EBUSY || number == EAGAIN || number == EINTR;
}

enum ee_err ee_tdx_guest_report(const char *path, const struct ee_tdx_guest_calls *calls,
                                const uint8_t report_data[64], struct ee_tdx_attempt *attempt,
                                uint8_t out[EE_TDX_REPORT_SIZE])
{
    uint8_t report[EE_TDX_REPORT_SIZE];
    int result;
    if (!calls)
        calls = &system_calls;
    for (;;) {
        result = calls->report(calls->context, path, report_data, report);
        if (!passes(-result))
            break;
        attempt->retries++;
        if (!ee_tdx_attempt_pause(attempt, PAUSE_MS))
            return attempt->stop && atomic_load(attempt->stop) ? EE_CLOSED
                                                               : refused(attempt, path, -result);
    }
    if (result != 0)
        return refused(attempt, path, -result);
    if (report[0] != REPORT_TYPE_TDX || memcmp(report + REPORT_DATA_AT, report_data, 64) != 0)
        return ee_tdx_attempt_fail(attempt, EE_TDX_QUOTE, 0, "",
                                   "%s gave a report that does not hold our report data", path);
    memcpy(out, report, sizeof(report));
    return EE_OK;
}
