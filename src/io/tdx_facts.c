/* SPDX-License-Identifier: Apache-2.0 */
#include "io/tdx_facts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/bytes.h"
#include "io/tdx_configfs.h"
#include "io/tdx_guest.h"
#include "io/tdx_qgs.h"
#include "io/tdx_rtmr.h"

#include "base/banned.h"

enum { CPUINFO_MAX = 4 * 1024 * 1024, TPM_WAIT_MS = 2000, TPM_REPLY_MAX = 128 };

const struct ee_tdx_paths ee_tdx_paths_system = {
    .configfs = EE_TDX_CONFIGFS_FOLDER,
    .guest = EE_TDX_GUEST_PATH,
    .measurements = EE_TDX_RTMR_FOLDER,
    .qgs_config = EE_TDX_QGS_CONFIG,
    .cpuinfo = "/proc/cpuinfo",
    .tpm = "/dev/tpmrm0",
};

/* ---- the paravisor ---- */

/* TPM 2.0 Library part 3, TPM2_NV_Read: 4 bytes at offset 0 of index 0x01400001, authorised by the
 * owner with an empty password. */
static const uint8_t nv_read[] = {
    0x80, 0x02, 0,    0,    0,    35,   0x00, 0x00, 0x01, 0x4e, /* sessions, size, command */
    0x40, 0x00, 0x00, 0x01, 0x01, 0x40, 0x00, 0x01,             /* owner, index */
    0,    0,    0,    9,    0x40, 0,    0,    0x09, 0,    0,    0, 0, 0, /* password session */
    0,    4,    0,    0};                                                /* size, offset */

bool ee_tdx_paravisor_found(ee_tpm_transact_fn transact, void *context)
{
    uint8_t reply[TPM_REPLY_MAX];
    struct ee_cursor c;
    ssize_t size = transact(context, nv_read, sizeof(nv_read), reply, sizeof(reply));
    if (size <= 0)
        return false;
    ee_cursor_init(&c, ee_bytes_of(reply, (size_t)size));
    (void)ee_cursor_u16(&c);
    (void)ee_cursor_u32(&c);
    uint32_t code = ee_cursor_u32(&c);
    (void)ee_cursor_u32(&c); /* size of the parameters */
    uint16_t count = ee_cursor_u16(&c);
    const uint8_t *bytes = ee_cursor_take(&c, 4);
    return c.err == EE_OK && code == 0 && count == 4 && memcmp(bytes, "HCLA", 4) == 0;
}

static ssize_t tpm_transact(void *context, const uint8_t *command, size_t size, uint8_t *out,
                            size_t capacity)
{
    const int *fd = context;
    struct pollfd poller = {.fd = *fd, .events = POLLIN};
    if (write(*fd, command, size) != (ssize_t)size)
        return -EIO;
    if (poll(&poller, 1, TPM_WAIT_MS) <= 0)
        return -ETIMEDOUT;
    ssize_t got = read(*fd, out, capacity);
    return got < 0 ? -errno : got;
}

static bool paravisor_look(const char *tpm)
{
    int fd = open(tpm, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return false;
    bool found = ee_tdx_paravisor_found(tpm_transact, &fd);
    (void)close(fd);
    return found;
}

/* ---- the rest ---- */

static void kernel_look(const char *given, struct ee_tdx_facts *out)
{
    struct utsname name;
    if (!given && uname(&name) == 0)
        given = name.release;
    (void)snprintf(out->kernel, sizeof(out->kernel), "%s", given ? given : "unknown");
    char *end;
    unsigned long major = strtoul(out->kernel, &end, 10);
    unsigned long minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
    out->kernel_major = major < 1000 ? (unsigned)major : 0;
    out->kernel_minor = minor < 1000 ? (unsigned)minor : 0;
}

/* The flag tdx_guest of the first processor. */
static bool cpu_look(const char *path)
{
    bool found = false;
    FILE *stream = fopen(path, "re"); /* proc files have no size */
    if (!stream)
        return false;
    char *line = NULL;
    size_t capacity = 0, seen = 0;
    ssize_t size;
    while (!found && seen < CPUINFO_MAX && (size = getline(&line, &capacity, stream)) > 0) {
        seen += (size_t)size;
        if (strncmp(line, "flags", 5) != 0)
            continue;
        const char *at = strstr(line, " tdx_guest");
        found = at && (at[10] == ' ' || at[10] == '\n' || at[10] == '\0');
        break;
    }
    free(line);
    (void)fclose(stream);
    return found;
}

/* The folder two levels up, where configfs is mounted. */
static bool configfs_mounted(const char *reports)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s", reports);
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(path, '/');
        if (!slash || slash == path)
            return false;
        *slash = '\0';
    }
    return access(path, F_OK) == 0;
}

static void measurements_look(const char *folder, struct ee_tdx_facts *out)
{
    char path[PATH_MAX];
    int size = snprintf(path, sizeof(path), "%s/rtmr3:sha384", folder);
    if (size < 0 || (size_t)size >= sizeof(path))
        return;
    out->measurements = access(path, F_OK) == 0;
    out->measurements_writable = access(path, W_OK) == 0;
}

void ee_tdx_facts_gather(const struct ee_tdx_paths *paths, struct ee_tdx_facts *out)
{
    struct ee_tdx_qgs qgs;
    memset(out, 0, sizeof(*out));
    kernel_look(paths->kernel, out);
    out->cpu_is_tdx_guest = cpu_look(paths->cpuinfo);
    out->configfs_reports = access(paths->configfs, F_OK) == 0;
    out->configfs_mounted = out->configfs_reports || configfs_mounted(paths->configfs);
    out->guest_device = access(paths->guest, F_OK) == 0;
    out->guest_accessible = access(paths->guest, R_OK | W_OK) == 0;
    measurements_look(paths->measurements, out);
    out->qgs_configured = ee_tdx_qgs_config(paths->qgs_config, &qgs) == EE_OK;
    out->qgs_port = out->qgs_configured ? qgs.port : 0;
    /* A paravisor leaves the guest no TDX interface of its own; do not trouble a TPM otherwise. */
    if (!out->guest_device)
        out->paravisor = paravisor_look(paths->tpm);
    out->is_root = geteuid() == 0;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    out->vcpus = online > 0 && online <= 4096 ? (uint32_t)online : 1;
}
