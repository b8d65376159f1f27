/* SPDX-License-Identifier: Apache-2.0 */
#include "io/tdx_rtmr.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

enum { EXTENDABLE_FIRST = 2 }; /* 0 and 1 belong to the firmware */

static enum ee_err refused(struct ee_tdx_attempt *attempt, const char *path, int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
    case ENODEV:
        return ee_tdx_attempt_fail(attempt, EE_TDX_MISSING, number,
                                   "extending RTMR3 needs kernel 6.16 or later with tdx_guest",
                                   "%s is not there", path);
    case EACCES:
    case EPERM:
        return ee_tdx_attempt_fail(attempt, EE_FORBIDDEN, number,
                                   "run as root, or give this user the file", "%s", path);
    default:
        return ee_tdx_attempt_fail(attempt, EE_IO, number, "", "%s", path);
    }
}

static enum ee_err path_of(const char *folder, unsigned index, struct ee_tdx_attempt *attempt,
                           char out[PATH_MAX])
{
    int size = snprintf(out, PATH_MAX, "%s/rtmr%u:sha384", folder, index);
    if (size > 0 && size < PATH_MAX)
        return EE_OK;
    return ee_tdx_attempt_fail(attempt, EE_IO, ENAMETOOLONG, "", "the folder of the registers");
}

enum ee_err ee_tdx_rtmr_extend(const char *folder, unsigned index,
                               const uint8_t digest[EE_TDX_RTMR_SIZE],
                               struct ee_tdx_attempt *attempt)
{
    char path[PATH_MAX];
    ssize_t written;
    if (index < EXTENDABLE_FIRST || index > EE_TDX_RTMR_LAST)
        return ee_tdx_attempt_fail(attempt, EE_RANGE, 0, "", "RTMR%u is not for software", index);
    EE_TRY(path_of(folder, index, attempt, path));
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return refused(attempt, path, errno);
    do {
        written = pwrite(fd, digest, EE_TDX_RTMR_SIZE, 0);
    } while (written < 0 && errno == EINTR);
    int number = written < 0 ? errno : 0;
    (void)close(fd);
    if (written != EE_TDX_RTMR_SIZE)
        return refused(attempt, path, number != 0 ? number : EIO);
    return EE_OK;
}

enum ee_err ee_tdx_rtmr_read(const char *folder, unsigned index, struct ee_tdx_attempt *attempt,
                             uint8_t out[EE_TDX_RTMR_SIZE])
{
    char path[PATH_MAX];
    uint8_t bytes[EE_TDX_RTMR_SIZE + 1];
    ssize_t size;
    if (index > EE_TDX_RTMR_LAST)
        return ee_tdx_attempt_fail(attempt, EE_RANGE, 0, "", "there is no RTMR%u", index);
    EE_TRY(path_of(folder, index, attempt, path));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return refused(attempt, path, errno);
    do {
        size = pread(fd, bytes, sizeof(bytes), 0);
    } while (size < 0 && errno == EINTR);
    int number = size < 0 ? errno : 0;
    (void)close(fd);
    if (size != EE_TDX_RTMR_SIZE)
        return refused(attempt, path, number != 0 ? number : EIO);
    memcpy(out, bytes, EE_TDX_RTMR_SIZE);
    return EE_OK;
}
