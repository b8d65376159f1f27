/* SPDX-License-Identifier: Apache-2.0 */
/* tdx_fuse_test TSM_FUSE: the device against a file system that behaves, and misbehaves, as the
 * kernel's interfaces do (tests/tdx/tsm_fuse.c). Nothing of ours is replaced in between. Skipped
 * where a file system cannot be mounted. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "io/clock.h"
#include "io/crypto_openssl.h"
#include "io/file.h"
#include "io/tdx_rtmr.h"
#include "link/tdx_device.h"
#include "tap.h"

enum { MOUNT_MS = 3000, TIMEOUT_MS = 600 };

static char folder[64], mount[80], reports[96], registers[96], device_file[96];
static pid_t stand_in;
static struct ee_tdx_device *device;
static struct ee_tdx_attempt attempt;
static uint8_t quote[EE_EVIDENCE_QUOTE_MAX];
static size_t quote_size;

static bool device_file_put(void)
{
    char text[512], authority[65], platform[65];
    uint8_t seed[32] = {1}, machine[32] = {2};
    (void)snprintf(text, sizeof text,
                   "{\"authority_seed\":\"%s\",\"platform_seed\":\"%s\",\"program\":\"test\"}",
                   ee_hex_encode(seed, 32, authority), ee_hex_encode(machine, 32, platform));
    return ee_file_write(device_file, ee_bytes_str(text), 0600) == EE_OK;
}

static bool mounted(void)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/mode", mount);
    return access(path, F_OK) == 0;
}

static void nap(void)
{
    const struct timespec moment = {.tv_nsec = 10000000};
    (void)nanosleep(&moment, NULL);
}

static void stand_in_run(char *program)
{
    char *words[] = {program, mount, device_file, NULL};
    int null = open("/dev/null", O_RDWR);
    (void)dup2(null, STDERR_FILENO);
    (void)dup2(null, STDOUT_FILENO);
    (void)execv(program, words);
    _exit(127);
}

static bool stand_in_start(char *program)
{
    uint64_t end_us = ee_clock_monotonic_us() + (uint64_t)MOUNT_MS * 1000;
    int status;
    int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fuse < 0)
        return false;
    (void)close(fuse);
    stand_in = fork();
    if (stand_in == 0)
        stand_in_run(program);
    while (!mounted() && ee_clock_monotonic_us() < end_us) {
        if (waitpid(stand_in, &status, WNOHANG) == stand_in) {
            stand_in = 0;
            return false;
        }
        nap();
    }
    return mounted();
}

static void stand_in_end(void)
{
    if (stand_in <= 0)
        return;
    (void)kill(stand_in, SIGTERM);
    (void)waitpid(stand_in, NULL, 0);
}

static void prepare(char *program)
{
    const struct ee_tdx_device_options options = {.spec = "",
                                                  .program = "test",
                                                  .crypto = &ee_crypto_openssl,
                                                  .rtmr_folder = registers,
                                                  .timeout_ms = TIMEOUT_MS};
    struct ee_tdx_device_options here = options;
    char spec[128];
    (void)snprintf(folder, sizeof folder, "/tmp/ee-fuse-XXXXXX");
    if (!mkdtemp(folder))
        return;
    (void)snprintf(mount, sizeof mount, "%s/mount", folder);
    (void)snprintf(reports, sizeof reports, "%s/report", mount);
    (void)snprintf(registers, sizeof registers, "%s/measurements", mount);
    (void)snprintf(device_file, sizeof device_file, "%s/device.json", folder);
    (void)snprintf(spec, sizeof spec, "configfs:%s", reports);
    here.spec = spec;
    if (mkdir(mount, 0700) == 0 && device_file_put() && program && stand_in_start(program))
        (void)!ee_tdx_device_open(&here, &attempt, &device);
}

static bool entries_left(void)
{
    DIR *list = opendir(reports);
    size_t count = 0;
    struct dirent *item;
    while (list && (item = readdir(list)) != NULL)
        count += item->d_name[0] != '.';
    if (list)
        (void)closedir(list);
    return count != 0;
}

static enum ee_err ask(const char *mode)
{
    uint8_t report_data[EE_REPORT_DATA_SIZE];
    char path[128];
    static uint8_t count;
    (void)snprintf(path, sizeof path, "%s/mode", mount);
    int fd = open(path, O_WRONLY);
    CHECK(fd >= 0 && write(fd, mode, strlen(mode)) == (ssize_t)strlen(mode));
    (void)close(fd);
    memset(report_data, ++count, sizeof report_data);
    enum ee_err err = ee_tdx_device_quote(device, report_data, &attempt, quote, &quote_size);
    struct ee_quote decoded;
    if (err == EE_OK)
        CHECK(ee_attest_quote_decode(ee_bytes_of(quote, quote_size), &decoded, NULL) ==
                  EE_REASON_NONE &&
              memcmp(decoded.td.report_data, report_data, sizeof report_data) == 0);
    CHECK(!entries_left());
    return err;
}

#define NEEDS_MOUNT()                                                                              \
    do {                                                                                           \
        if (!device)                                                                               \
            SKIP("no libfuse3, no /dev/fuse, or no right to mount");                               \
    } while (0)

static void honest_interface_gives_a_quote(void)
{
    NEEDS_MOUNT();
    CHECK(ask("honest") == EE_OK && attempt.retries == 0);
    CHECK(ask("slow") == EE_OK);
    CHECK(ask("padded") == EE_OK && quote_size < 6000);
}

static void busy_interface_is_asked_again(void)
{
    NEEDS_MOUNT();
    CHECK(ask("busy") == EE_OK && attempt.retries == 2);
    CHECK(ask("busy-always") == EE_TIMEOUT && attempt.retries >= 3);
}

static void generation_that_jumps_is_asked_anew(void)
{
    NEEDS_MOUNT();
    CHECK(ask("jump") == EE_OK && attempt.retries == 1);
    CHECK(ask("late") == EE_OK && attempt.retries == 1);
}

static void answers_that_are_no_quote_are_refused(void)
{
    NEEDS_MOUNT();
    CHECK(ask("empty") == EE_TDX_QUOTE && strstr(attempt.what, "quote generation service"));
    CHECK(ask("short") == EE_TDX_QUOTE && strstr(attempt.what, "no TDX quote"));
    CHECK(ask("other-data") == EE_TDX_QUOTE && strstr(attempt.what, "other report data"));
    CHECK(ask("growing") == EE_TOO_LARGE);
    CHECK(ask("too-big") == EE_TOO_LARGE);
    CHECK(ask("other-driver") == EE_TDX_MISSING && strstr(attempt.what, "sev_guest"));
    CHECK(ask("honest") == EE_OK);
}

static void register_is_extended_and_quoted(void)
{
    uint8_t digest[EE_SHA384_SIZE] = {1, 2, 3}, before[EE_SHA384_SIZE], after[EE_SHA384_SIZE];
    uint8_t expected[EE_SHA384_SIZE];
    struct ee_quote decoded;
    NEEDS_MOUNT();
    REQUIRE(ee_tdx_device_rtmr_read(device, EE_TDX_RTMR_INDEX, before) == EE_OK);
    CHECK(ee_tdx_device_rtmr_extend(device, EE_TDX_RTMR_INDEX, digest) == EE_OK);
    REQUIRE(ee_tdx_device_rtmr_read(device, EE_TDX_RTMR_INDEX, after) == EE_OK);
    const struct ee_bytes parts[] = {ee_bytes_of(before, 48), ee_bytes_of(digest, 48)};
    ee_crypto_openssl.sha384(parts, 2, expected);
    CHECK(memcmp(after, expected, 48) == 0);
    REQUIRE(ask("honest") == EE_OK);
    REQUIRE(ee_attest_quote_decode(ee_bytes_of(quote, quote_size), &decoded, NULL) ==
            EE_REASON_NONE);
    CHECK(memcmp(decoded.td.rtmr[3], expected, 48) == 0);
}

/* Killed while the stand-in takes its time, which serves nobody else meanwhile: so by the clock. */
static void ask_and_be_killed(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        uint8_t report_data[EE_REPORT_DATA_SIZE] = {9};
        (void)!ee_tdx_device_quote(device, report_data, NULL, quote, &quote_size);
        _exit(0);
    }
    for (int i = 0; i < 10; i++)
        nap();
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

static void entry_of_a_killed_process_is_swept(void)
{
    NEEDS_MOUNT();
    CHECK(ask("slow") == EE_OK);
    for (int tries = 0; tries < 10 && !entries_left(); tries++)
        ask_and_be_killed(); /* on a busy machine perhaps before or after its quote */
    CHECK(entries_left());
    CHECK(ee_tdx_configfs_sweep(reports) == 1 && !entries_left());
}

int main(int argc, char **argv)
{
    const struct tap_test tests[] = {
        TEST(honest_interface_gives_a_quote),      TEST(busy_interface_is_asked_again),
        TEST(generation_that_jumps_is_asked_anew), TEST(answers_that_are_no_quote_are_refused),
        TEST(register_is_extended_and_quoted),     TEST(entry_of_a_killed_process_is_swept),
    };
    char path[128];
    prepare(argc > 1 ? argv[1] : NULL);
    int code = tap_run(tests, sizeof tests / sizeof tests[0]);
    ee_tdx_device_free(device);
    stand_in_end();
    (void)rmdir(mount);
    (void)unlink(device_file);
    (void)snprintf(path, sizeof path, "%s.rtmr", device_file);
    (void)unlink(path);
    (void)rmdir(folder);
    return code;
}
