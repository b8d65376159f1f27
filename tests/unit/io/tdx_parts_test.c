/* SPDX-License-Identifier: Apache-2.0 */
/* TD reports, registers, and what a machine offers. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/tdx_facts.h"
#include "io/tdx_guest.h"
#include "io/tdx_rtmr.h"
#include "tap.h"

static struct ee_tdx_attempt attempt;

/* ---- /dev/tdx_guest ---- */

static struct {
    int number, left;
    uint8_t type;
    bool other_data;
} driver;

static int fake_report(void *context, const char *path, const uint8_t report_data[64],
                       uint8_t out[EE_TDX_REPORT_SIZE])
{
    (void)context;
    (void)path;
    if (driver.left != 0) {
        driver.left -= driver.left > 0;
        return -driver.number;
    }
    memset(out, 0, EE_TDX_REPORT_SIZE);
    out[0] = driver.type;
    memcpy(out + 128, report_data, 64);
    out[130] ^= driver.other_data;
    return 0;
}

static enum ee_err report(int number, int left)
{
    const struct ee_tdx_guest_calls calls = {.report = fake_report};
    uint8_t data[64] = {9}, out[EE_TDX_REPORT_SIZE];
    driver.number = number;
    driver.left = left;
    ee_tdx_attempt_init(&attempt, 100, NULL);
    return ee_tdx_guest_report("/dev/tdx_guest", &calls, data, &attempt, out);
}

static void report_holds_what_was_asked(void)
{
    driver.type = 0x81;
    driver.other_data = false;
    CHECK(report(0, 0) == EE_OK);
    CHECK(report(EBUSY, 3) == EE_OK && attempt.retries == 3);
    CHECK(report(EBUSY, -1) == EE_TIMEOUT);
    CHECK(report(EACCES, -1) == EE_FORBIDDEN && strstr(attempt.next, "udev") != NULL);
    CHECK(report(ENOENT, -1) == EE_TDX_MISSING && strstr(attempt.next, "modprobe") != NULL);
    CHECK(report(ENOTTY, -1) == EE_TDX_MISSING);
    CHECK(report(EIO, -1) == EE_TDX_QUOTE);
    driver.other_data = true;
    CHECK(report(0, 0) == EE_TDX_QUOTE);
    driver.other_data = false;
    driver.type = 0;
    CHECK(report(0, 0) == EE_TDX_QUOTE);
}

static void device_that_is_none_is_told(void)
{
    uint8_t data[64] = {0}, out[EE_TDX_REPORT_SIZE];
    ee_tdx_attempt_init(&attempt, 100, NULL);
    CHECK(ee_tdx_guest_report("/nonexistent/tdx_guest", NULL, data, &attempt, out) ==
          EE_TDX_MISSING);
    ee_tdx_attempt_init(&attempt, 100, NULL);
    CHECK(ee_tdx_guest_report("/dev/null", NULL, data, &attempt, out) == EE_TDX_MISSING);
}

/* ---- registers ---- */

static char folder[64];

static void put(const char *name, const void *data, size_t size, mode_t mode)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)close(fd);
}

static void register_is_extended_by_48_bytes_at_0(void)
{
    uint8_t value[48], got[48], digest[48];
    memset(value, 1, sizeof value);
    memset(digest, 2, sizeof digest);
    put("rtmr3:sha384", value, 48, 0600);
    ee_tdx_attempt_init(&attempt, 0, NULL);
    CHECK(ee_tdx_rtmr_read(folder, 3, &attempt, got) == EE_OK && memcmp(got, value, 48) == 0);
    CHECK(ee_tdx_rtmr_extend(folder, 3, digest, &attempt) == EE_OK);
    /* A plain file shows what was written where. */
    CHECK(ee_tdx_rtmr_read(folder, 3, &attempt, got) == EE_OK && memcmp(got, digest, 48) == 0);
}

static void registers_of_others_are_refused(void)
{
    uint8_t digest[48] = {0};
    for (unsigned index = 0; index < 6; index++) {
        enum ee_err err = ee_tdx_rtmr_extend(folder, index, digest, &attempt);
        CHECK(index == 3 ? err == EE_OK : err == (index == 2 ? EE_TDX_MISSING : EE_RANGE));
    }
    CHECK(ee_tdx_rtmr_read(folder, 4, &attempt, digest) == EE_RANGE);
    CHECK(ee_tdx_rtmr_read(folder, 0, &attempt, digest) == EE_TDX_MISSING);
    CHECK(strstr(attempt.next, "6.16") != NULL);
}

static void register_of_another_size_is_refused(void)
{
    uint8_t bytes[64] = {0}, got[48];
    put("rtmr2:sha384", bytes, 47, 0600);
    CHECK(ee_tdx_rtmr_read(folder, 2, &attempt, got) == EE_IO);
    put("rtmr2:sha384", bytes, 49, 0600);
    CHECK(ee_tdx_rtmr_read(folder, 2, &attempt, got) == EE_IO);
}

/* ---- the paravisor ---- */

static struct {
    uint8_t answer[64];
    ssize_t size;
} tpm;

static ssize_t fake_tpm(void *context, const uint8_t *command, size_t size, uint8_t *out,
                        size_t capacity)
{
    (void)context;
    CHECK(size == 35 && command[5] == 35 && command[9] == 0x4e); /* its own size, TPM2_NV_Read */
    if (tpm.size > 0 && (size_t)tpm.size <= capacity)
        memcpy(out, tpm.answer, (size_t)tpm.size);
    return tpm.size;
}

static void paravisor_is_known_by_its_report(void)
{
    static const uint8_t good[] = {0x80, 2, 0, 0, 0, 29,  0,   0,   0,   0, 0,
                                   0,    0, 6, 0, 4, 'H', 'C', 'L', 'A', 0};
    memcpy(tpm.answer, good, sizeof good);
    tpm.size = sizeof good;
    CHECK(ee_tdx_paravisor_found(fake_tpm, NULL));
    for (ssize_t size = -5; size < 20; size++) {
        tpm.size = size;
        CHECK(!ee_tdx_paravisor_found(fake_tpm, NULL));
    }
    tpm.size = sizeof good;
    tpm.answer[9] = 0x8b; /* no such index */
    CHECK(!ee_tdx_paravisor_found(fake_tpm, NULL));
    tpm.answer[9] = 0;
    tpm.answer[16] = 'X';
    CHECK(!ee_tdx_paravisor_found(fake_tpm, NULL));
}

/* ---- what a machine offers ---- */

static void facts_are_what_lies_there(void)
{
    char configfs[PATH_MAX], guest[PATH_MAX], conf[PATH_MAX], cpu[PATH_MAX];
    struct ee_tdx_facts facts;
    (void)snprintf(configfs, sizeof configfs, "%s/config/tsm/report", folder);
    (void)snprintf(guest, sizeof guest, "%s/guest", folder);
    (void)snprintf(conf, sizeof conf, "%s/conf", folder);
    (void)snprintf(cpu, sizeof cpu, "%s/cpu", folder);
    const struct ee_tdx_paths paths = {.configfs = configfs,
                                       .guest = guest,
                                       .measurements = folder,
                                       .qgs_config = conf,
                                       .cpuinfo = cpu,
                                       .tpm = "/nonexistent/tpm",
                                       .kernel = "6.12.38+deb12-cloud-amd64"};
    (void)unlink(guest);
    ee_tdx_facts_gather(&paths, &facts);
    CHECK(facts.kernel_major == 6 && facts.kernel_minor == 12 && facts.vcpus >= 1);
    CHECK(!facts.configfs_mounted && !facts.configfs_reports && !facts.guest_device);
    CHECK(!facts.cpu_is_tdx_guest && !facts.qgs_configured && !facts.paravisor);
    CHECK(facts.measurements);
    put("guest", "", 0, 0600);
    put("conf", "port = 4070\n", 12, 0600);
    put("cpu", "processor : 0\nflags : fpu tdx_guest_x sse\nflags : tdx_guest\n", 61, 0600);
    ee_tdx_facts_gather(&paths, &facts);
    CHECK(facts.guest_device && facts.guest_accessible && facts.qgs_configured);
    CHECK(facts.qgs_port == 4070 && !facts.cpu_is_tdx_guest);
    put("cpu", "processor : 0\nflags : fpu tdx_guest\n", 36, 0600);
    ee_tdx_facts_gather(&paths, &facts);
    CHECK(facts.cpu_is_tdx_guest);
}

static void mounted_configfs_without_reports_is_told_apart(void)
{
    char path[PATH_MAX];
    struct ee_tdx_facts facts;
    struct ee_tdx_paths paths = ee_tdx_paths_system;
    (void)snprintf(path, sizeof path, "%s/config", folder);
    REQUIRE(mkdir(path, 0700) == 0);
    (void)snprintf(path, sizeof path, "%s/config/tsm/report", folder);
    paths.configfs = path;
    ee_tdx_facts_gather(&paths, &facts);
    CHECK(facts.configfs_mounted && !facts.configfs_reports);
}

int main(void)
{
    const struct tap_test tests[] = {
        TEST(report_holds_what_was_asked),
        TEST(device_that_is_none_is_told),
        TEST(register_is_extended_by_48_bytes_at_0),
        TEST(registers_of_others_are_refused),
        TEST(register_of_another_size_is_refused),
        TEST(paravisor_is_known_by_its_report),
        TEST(facts_are_what_lies_there),
        TEST(mounted_configfs_without_reports_is_told_apart),
    };
    static const char *const left[] = {"rtmr2:sha384", "rtmr3:sha384", "guest", "conf", "cpu"};
    char path[PATH_MAX];
    (void)snprintf(folder, sizeof folder, "/tmp/ee-tdx-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    int code = tap_run(tests, sizeof tests / sizeof tests[0]);
    for (size_t i = 0; i < 5; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, left[i]);
        (void)unlink(path);
    }
    (void)snprintf(path, sizeof path, "%s/config", folder);
    (void)rmdir(path);
    (void)rmdir(folder);
    return code;
}
