/* SPDX-License-Identifier: Apache-2.0 */
#include "link/tdx_advice.h"

#include "base/banned.h"

/* Kernel releases in which an interface appeared. */
enum { CONFIGFS_MINOR = 7, GUEST_MINOR = 2, REGISTERS_MINOR = 16, MAJOR = 6 };

#define BACKPORTS                                                                                  \
    "on Debian 12: apt-get install -t bookworm-backports linux-image-amd64 (6.12), reboot"

static bool older_than(const struct ee_tdx_facts *facts, unsigned major, unsigned minor)
{
    return facts->kernel_major < major ||
           (facts->kernel_major == major && facts->kernel_minor < minor);
}

static enum ee_err paravisor(struct ee_tdx_attempt *attempt)
{
    return ee_tdx_attempt_fail(
        attempt, EE_UNSUPPORTED, 0,
        "use a machine that gives the guest its own TDX interface: bare metal, or a cloud without "
        "a paravisor",
        "this is an Azure confidential VM behind a paravisor (HCL report in the vTPM): its quotes "
        "measure the paravisor and not this guest, so they prove nothing about what runs here");
}

/* Without any interface: the deepest cause first. */
static enum ee_err nothing(const struct ee_tdx_facts *facts, struct ee_tdx_attempt *attempt)
{
    if (facts->paravisor)
        return paravisor(attempt);
    if (!facts->cpu_is_tdx_guest && older_than(facts, MAJOR, CONFIGFS_MINOR))
        return ee_tdx_attempt_fail(
            attempt, EE_TDX_MISSING, 0,
            BACKPORTS "; on a machine without TDX: sim:FILE (SIMULATED)",
            "kernel %s does not see a TDX guest: either this machine is none, or the kernel is "
            "built without it, as Debian 12's own 6.1 is",
            facts->kernel);
    if (!facts->cpu_is_tdx_guest)
        return ee_tdx_attempt_fail(attempt, EE_TDX_MISSING, 0,
                                   "start it as a trust domain on a TDX host (QEMU 10.1 or later, "
                                   "-object tdx-guest); on a "
                                   "machine without TDX: sim:FILE (SIMULATED)",
                                   "this machine is no TDX guest (no processor flag tdx_guest)");
    if (older_than(facts, MAJOR, GUEST_MINOR))
        return ee_tdx_attempt_fail(attempt, EE_TDX_MISSING, 0, BACKPORTS,
                                   "kernel %s is too old: /dev/tdx_guest came with 6.2, "
                                   "configfs-tsm with 6.7",
                                   facts->kernel);
    if (!facts->configfs_mounted)
        return ee_tdx_attempt_fail(attempt, EE_TDX_MISSING, 0,
                                   "mount -t configfs none /sys/kernel/config; modprobe tdx_guest",
                                   "this is a TDX guest, but configfs is not mounted");
    return ee_tdx_attempt_fail(attempt, EE_TDX_MISSING, 0,
                               "modprobe tdx_guest (the kernel needs CONFIG_TDX_GUEST_DRIVER and "
                               "CONFIG_TSM_REPORTS)",
                               "this is a TDX guest, but neither configfs-tsm nor /dev/tdx_guest "
                               "is there");
}

enum ee_err ee_tdx_choose(const struct ee_tdx_facts *facts, struct ee_tdx_attempt *attempt,
                          enum ee_tdx_device_kind *out)
{
    if (facts->paravisor)
        return paravisor(attempt);
    if (!facts->configfs_reports && !facts->guest_device)
        return nothing(facts, attempt);
    *out = facts->configfs_reports ? EE_TDX_DEVICE_CONFIGFS : EE_TDX_DEVICE_GUEST;
    return EE_OK;
}

enum ee_err ee_tdx_check_kind(const struct ee_tdx_facts *facts, enum ee_tdx_device_kind kind,
                              struct ee_tdx_attempt *attempt)
{
    if (kind == EE_TDX_DEVICE_CONFIGFS && !facts->configfs_reports) {
        if (facts->guest_device && older_than(facts, MAJOR, CONFIGFS_MINOR))
            return ee_tdx_attempt_fail(attempt, EE_TDX_MISSING, 0,
                                       BACKPORTS "; or use tdx_guest with the host's vsock service",
                                       "kernel %s is too old for configfs-tsm, which came with 6.7",
                                       facts->kernel);
        return nothing(facts, attempt);
    }
    if (kind == EE_TDX_DEVICE_GUEST && !facts->guest_device)
        return nothing(facts, attempt);
    if (kind == EE_TDX_DEVICE_GUEST && !facts->guest_accessible)
        return ee_tdx_attempt_fail(attempt, EE_FORBIDDEN, 0,
                                   "run as root, or give this user the device (a udev rule)",
                                   "this user may not open /dev/tdx_guest");
    return EE_OK;
}

enum ee_err ee_tdx_check_registers(const struct ee_tdx_facts *facts, struct ee_tdx_attempt *attempt)
{
    if (facts->measurements_writable)
        return EE_OK;
    if (facts->measurements)
        return ee_tdx_attempt_fail(attempt, EE_FORBIDDEN, 0,
                                   "run as root, or give this user rtmr3:sha384",
                                   "this user may not extend RTMR3");
    if (older_than(facts, MAJOR, REGISTERS_MINOR))
        return ee_tdx_attempt_fail(
            attempt, EE_TDX_MISSING, 0, "boot kernel 6.16 or later in the TD",
            "kernel %s cannot extend RTMR3: that came with 6.16", facts->kernel);
    return ee_tdx_attempt_fail(attempt, EE_TDX_MISSING, 0, "modprobe tdx_guest",
                               "the kernel offers no measurement registers");
}
