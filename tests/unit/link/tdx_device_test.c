/* SPDX-License-Identifier: Apache-2.0 */
/* Devices by kind: the simulator and its faults, configfs-tsm and the guest device with software
 * quotes behind them, and what a machine without anything is told. */
#include "link/tdx_device.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "attest/verify.h"
#include "base/text.h"
#include "fake_qgs.h"
#include "io/clock.h"
#include "io/crypto_openssl.h"
#include "io/file.h"
#include "link/tdx_advice.h"
#include "link/tdx_sim.h"
#include "sim/collateral.h"
#include "tap.h"

enum { SEED = 1, NOW_S = 1770000000 };

static const struct ee_crypto *const crypto = &ee_crypto_openssl;
static char folder[64];
static struct ee_tdx_attempt attempt;

static void path_of(const char *name, char out[PATH_MAX])
{
    (void)snprintf(out, PATH_MAX, "%s/%s", folder, name);
}

/* A device file with these members behind the seeds. */
static void sim_put(const char *name, const char *members)
{
    char path[PATH_MAX], text[1024], authority[65], platform[65];
    uint8_t seed[32] = {SEED}, machine[32] = {2};
    path_of(name, path);
    (void)snprintf(text, sizeof text,
                   "{\"authority_seed\":\"%s\",\"platform_seed\":\"%s\",\"program\":\"test\"%s}",
                   ee_hex_encode(seed, 32, authority), ee_hex_encode(machine, 32, platform),
                   members);
    CHECK(ee_file_write(path, ee_bytes_str(text), 0600) == EE_OK);
}

static enum ee_err sim_open(const char *name, struct ee_tdx_device **out)
{
    char spec[PATH_MAX + 8];
    const struct ee_tdx_device_options options = {
        .spec = spec, .program = "test", .crypto = crypto};
    (void)snprintf(spec, sizeof spec, "sim:%s/%s", folder, name);
    return ee_tdx_device_open(&options, &attempt, out);
}

/* ---- verification as a network does it ---- */

static struct ee_sim_authority authority;
static char collateral_text[EE_SIM_COLLATERAL_MAX];
static uint8_t collateral_memory[EE_SIM_COLLATERAL_MAX];
static struct ee_collateral collateral;
static struct ee_verdict verdict;

static bool authority_make(void)
{
    uint8_t seed[32] = {SEED};
    size_t size;
    return ee_sim_authority_init(&authority, crypto, seed) == EE_OK &&
           ee_sim_collateral_write(crypto, &authority, NULL, NOW_S - 3600, collateral_text,
                                   sizeof collateral_text, &size) == EE_OK &&
           ee_attest_collateral_decode(ee_bytes_of(collateral_text, size), collateral_memory, size,
                                       &collateral) == EE_REASON_NONE;
}

static enum ee_reason judge(struct ee_bytes quote)
{
    uint8_t roots[1][EE_P256_POINT_SIZE];
    memcpy(roots[0], ee_sim_authority_root_key(&authority), EE_P256_POINT_SIZE);
    const struct ee_verify_input input = {.quote = quote,
                                          .collateral = &collateral,
                                          .roots = (const uint8_t(*)[EE_P256_POINT_SIZE])roots,
                                          .root_count = 1,
                                          .time_s = NOW_S};
    (void)!ee_attest_verify(crypto, &input, &verdict);
    return verdict.reason;
}

static uint8_t quote[EE_EVIDENCE_QUOTE_MAX];
static size_t quote_size;

static enum ee_err ask(struct ee_tdx_device *device, uint8_t fill)
{
    uint8_t report_data[EE_REPORT_DATA_SIZE];
    memset(report_data, fill, sizeof report_data);
    return ee_tdx_device_quote(device, report_data, &attempt, quote, &quote_size);
}

/* ---- the simulator ---- */

static void each_fault_has_its_reason(void)
{
    static const struct {
        const char *fault;
        enum ee_reason reason;
    } cases[] = {
        {"module-unknown", EE_REASON_MODULE_UNKNOWN},
        {"module-not-intels", EE_REASON_MODULE_SIGNER},
        {"pck-expired", EE_REASON_CERT_EXPIRED},
        {"other-qe", EE_REASON_QE_MRSIGNER},
        {"ak-not-bound", EE_REASON_QE_BINDING},
        {"quote-forged", EE_REASON_QUOTE_SIGNATURE},
        {"wrong-root", EE_REASON_ROOT_UNTRUSTED},
        {"tcb-revoked", EE_REASON_TCB_REVOKED},
        {"debug-td", EE_REASON_NONE}, /* told by a flag */
        {"other-measurements", EE_REASON_NONE},
        {"pck-revoked", EE_REASON_NONE}, /* shows in the collateral */
    };
    char members[96];
    struct ee_tdx_device *device;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)snprintf(members, sizeof members, ",\"faults\":[\"%s\"]", cases[i].fault);
        sim_put("fault.json", members);
        REQUIRE(sim_open("fault.json", &device) == EE_OK);
        REQUIRE(ask(device, 3) == EE_OK);
        enum ee_reason reason = judge(ee_bytes_of(quote, quote_size));
        CHECK(reason == cases[i].reason);
        if (reason != cases[i].reason)
            printf("# %s: %s\n", cases[i].fault, ee_attest_reason_name(reason));
        ee_tdx_device_free(device);
    }
    CHECK((verdict.flags & EE_TD_FLAG_BIT(DEBUG)) == 0);
}

static void each_format_verifies(void)
{
    static const struct {
        const char *name;
        uint16_t version, type;
    } cases[] = {{"v4", 4, EE_BODY_TD_10},
                 {"v5", 5, EE_BODY_TD_10},
                 {"v5-td15", 5, EE_BODY_TD_15},
                 {"v5-td15-extended", 5, EE_BODY_TD_15_EXTENDED}};
    char members[96];
    struct ee_tdx_device *device;
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(members, sizeof members, ",\"format\":\"%s\"", cases[i].name);
        sim_put("format.json", members);
        REQUIRE(sim_open("format.json", &device) == EE_OK);
        REQUIRE(ask(device, 4) == EE_OK);
        CHECK(judge(ee_bytes_of(quote, quote_size)) == EE_REASON_NONE);
        CHECK(verdict.quote_version == cases[i].version && verdict.td.report_data[63] == 4);
        CHECK(verdict.body_type == cases[i].type || cases[i].version == 4);
        CHECK(verdict.status == EE_TCB_UP_TO_DATE && verdict.trailing_size == 0);
        ee_tdx_device_free(device);
    }
}

static void module_updated_since_launch_advises_relaunch(void)
{
    struct ee_tdx_device *device;
    sim_put("relaunch.json", ",\"format\":\"v5-td15\",\"faults\":[\"relaunch-advised\"]");
    REQUIRE(sim_open("relaunch.json", &device) == EE_OK && ask(device, 4) == EE_OK);
    (void)judge(ee_bytes_of(quote, quote_size));
    CHECK(verdict.status == EE_TCB_TD_RELAUNCH_ADVISED);
    ee_tdx_device_free(device);
}

static void replaying_machine_answers_with_an_old_quote(void)
{
    struct ee_tdx_device *device;
    uint8_t first[EE_EVIDENCE_QUOTE_MAX];
    sim_put("replay.json", ",\"faults\":[\"replay\"]");
    REQUIRE(sim_open("replay.json", &device) == EE_OK && ask(device, 5) == EE_OK);
    CHECK(judge(ee_bytes_of(quote, quote_size)) == EE_REASON_NONE);
    CHECK(verdict.td.report_data[0] == 5 && verdict.td.report_data[63] != 5);
    memcpy(first, quote, quote_size);
    CHECK(ask(device, 5) == EE_OK && memcmp(first, quote, quote_size) == 0);
    ee_tdx_device_free(device);
}

static void file_that_is_wrong_is_refused(void)
{
    static const char *const bad[] = {
        ",\"faults\":[\"none\"]", ",\"faults\":[1]", ",\"format\":\"v6\"", ",\"delay_ms\":-1",
        ",\"delay_ms\":10001",    ",\"vcpus\":0",    ",\"unknown\":1"};
    struct ee_tdx_device *device;
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        sim_put("bad.json", bad[i]);
        enum ee_err err = sim_open("bad.json", &device);
        CHECK(err == EE_SYNTAX || err == EE_RANGE);
    }
    sim_put("bad.json", "");
    path_of("bad.json", path);
    REQUIRE(chmod(path, 0644) == 0);
    CHECK(sim_open("bad.json", &device) == EE_FORBIDDEN);
    CHECK(sim_open("missing.json", &device) == EE_NOT_FOUND);
    CHECK(strstr(attempt.what, "missing.json") != NULL);
}

static void register_outlives_the_program_but_not_the_boot(void)
{
    struct ee_tdx_device *device;
    uint8_t digest[EE_SHA384_SIZE] = {7}, before[EE_SHA384_SIZE], after[EE_SHA384_SIZE];
    char path[PATH_MAX];
    sim_put("boot.json", "");
    REQUIRE(sim_open("boot.json", &device) == EE_OK);
    CHECK(ee_tdx_device_rtmr_read(device, 3, before) == EE_OK);
    CHECK(ee_bytes_all_zero(before, sizeof before));
    CHECK(ee_tdx_device_rtmr_extend(device, 2, digest) == EE_RANGE);
    REQUIRE(ee_tdx_device_rtmr_extend(device, 3, digest) == EE_OK);
    const struct ee_bytes parts[] = {ee_bytes_of(before, 48), ee_bytes_of(digest, 48)};
    crypto->sha384(parts, 2, after);
    REQUIRE(ask(device, 6) == EE_OK && judge(ee_bytes_of(quote, quote_size)) == EE_REASON_NONE);
    CHECK(memcmp(verdict.td.rtmr[3], after, sizeof after) == 0);
    ee_tdx_device_free(device);
    REQUIRE(sim_open("boot.json", &device) == EE_OK);
    CHECK(ee_tdx_device_rtmr_read(device, 3, before) == EE_OK && memcmp(before, after, 48) == 0);
    ee_tdx_device_free(device);
    path_of("boot.json.rtmr", path);
    const char *other = "{\"boot\":\"another\",\"rtmr3\":\"00\"}";
    REQUIRE(ee_file_write(path, ee_bytes_str(other), 0600) == EE_OK);
    REQUIRE(sim_open("boot.json", &device) == EE_OK);
    CHECK(ee_tdx_device_rtmr_read(device, 3, before) == EE_OK);
    CHECK(ee_bytes_all_zero(before, sizeof before));
    ee_tdx_device_free(device);
    REQUIRE(ee_file_write(path, ee_bytes_str("{}"), 0600) == EE_OK);
    CHECK(sim_open("boot.json", &device) == EE_SYNTAX);
    (void)unlink(path);
}

static void register_that_cannot_be_kept_is_not_extended(void)
{
    struct ee_tdx_device *device;
    uint8_t digest[EE_SHA384_SIZE] = {7}, got[EE_SHA384_SIZE];
    char path[PATH_MAX];
    sim_put("stuck.json", "");
    path_of("stuck.json.rtmr", path);
    REQUIRE(sim_open("stuck.json", &device) == EE_OK && mkdir(path, 0700) == 0);
    CHECK(ee_tdx_device_rtmr_extend(device, 3, digest) != EE_OK);
    CHECK(ee_tdx_device_rtmr_read(device, 3, got) == EE_OK && ee_bytes_all_zero(got, sizeof got));
    ee_tdx_device_free(device);
    (void)rmdir(path);
}

static void slow_machine_ends_at_the_deadline(void)
{
    char spec[PATH_MAX];
    struct ee_tdx_device *device;
    struct ee_tdx_device_options options = {
        .spec = spec, .program = "test", .crypto = crypto, .timeout_ms = 50};
    sim_put("slow.json", ",\"delay_ms\":5000");
    (void)snprintf(spec, sizeof spec, "sim:%s/slow.json", folder);
    REQUIRE(ee_tdx_device_open(&options, NULL, &device) == EE_OK);
    uint64_t start_us = ee_clock_monotonic_us();
    CHECK(ask(device, 1) == EE_TIMEOUT);
    ee_tdx_device_stop(device);
    CHECK(ask(device, 1) == EE_CLOSED);
    CHECK(ee_clock_monotonic_us() - start_us < 2000000);
    ee_tdx_device_free(device);
}

/* ---- the kernel interfaces with software quotes behind them ---- */

static struct {
    struct ee_tdx_sim *sim;
    enum { HOST_HONEST, HOST_PADS, HOST_OTHER_DATA, HOST_GARBAGE, HOST_SHORT, HOST_BIG } mode;
    uint8_t in[64];
    unsigned generation;
} host;

static size_t host_quote(const uint8_t *report_data, uint8_t *out, size_t capacity)
{
    uint8_t asked[64];
    size_t size = 0;
    struct ee_tdx_attempt mine;
    ee_tdx_attempt_init(&mine, 1000, NULL);
    memset(out, 0, capacity);
    memcpy(asked, report_data, 64);
    asked[63] ^= host.mode == HOST_OTHER_DATA;
    CHECK(ee_tdx_sim_quote(host.sim, asked, &mine, out, &size) == EE_OK);
    if (host.mode == HOST_GARBAGE)
        memset(out, 0x77, size);
    if (host.mode == HOST_SHORT)
        return size / 2;
    if (host.mode == HOST_BIG)
        return capacity;
    return host.mode == HOST_PADS ? 8000 : size;
}

static int host_done(void *context, const char *path)
{
    (void)context;
    (void)path;
    host.generation = 0;
    return 0;
}

static ssize_t host_read(void *context, const char *path, void *out, size_t capacity)
{
    (void)context;
    if (strstr(path, "/provider"))
        return snprintf(out, capacity, "tdx_guest\n");
    if (strstr(path, "/generation"))
        return snprintf(out, capacity, "%u\n", host.generation);
    return (ssize_t)host_quote(host.in, out, capacity);
}

static int host_write(void *context, const char *path, const void *data, size_t size)
{
    (void)context;
    (void)path;
    memcpy(host.in, data, size);
    host.generation++;
    return 0;
}

static const struct ee_tdx_configfs_calls host_calls = {
    .make = host_done, .remove = host_done, .read = host_read, .write = host_write};

static bool host_open(struct ee_tdx_device **out)
{
    char path[PATH_MAX], spec[PATH_MAX + 16];
    sim_put("host.json", "");
    path_of("host.json", path);
    (void)snprintf(spec, sizeof spec, "configfs:%s", folder);
    const struct ee_tdx_device_options options = {.spec = spec,
                                                  .program = "test",
                                                  .crypto = crypto,
                                                  .configfs_calls = &host_calls,
                                                  .timeout_ms = 500};
    host.mode = HOST_HONEST;
    return ee_tdx_sim_open(path, "test", crypto, &host.sim) == EE_OK &&
           ee_tdx_device_open(&options, &attempt, out) == EE_OK;
}

static void configfs_quotes_are_judged_before_they_leave(void)
{
    struct ee_tdx_device *device;
    REQUIRE(host_open(&device));
    CHECK(ee_tdx_device_kind(device) == EE_TDX_DEVICE_CONFIGFS);
    CHECK(!ee_tdx_device_simulated(device) && ee_tdx_device_vcpus(device) >= 1);
    CHECK(ask(device, 8) == EE_OK && judge(ee_bytes_of(quote, quote_size)) == EE_REASON_NONE);
    host.mode = HOST_PADS;
    CHECK(ask(device, 9) == EE_OK && quote_size < 6000);
    CHECK(judge(ee_bytes_of(quote, quote_size)) == EE_REASON_NONE && verdict.trailing_size == 0);
    host.mode = HOST_OTHER_DATA;
    CHECK(ask(device, 8) == EE_TDX_QUOTE && strstr(attempt.what, "other report data"));
    host.mode = HOST_GARBAGE;
    CHECK(ask(device, 8) == EE_TDX_QUOTE && strstr(attempt.what, "no TDX quote"));
    host.mode = HOST_SHORT;
    CHECK(ask(device, 8) == EE_TDX_QUOTE);
    host.mode = HOST_BIG;
    CHECK(ask(device, 8) == EE_TOO_LARGE);
    ee_tdx_device_free(device);
    ee_tdx_sim_free(host.sim);
}

static void identity_is_the_same_by_every_way(void)
{
    struct ee_tdx_device *device, *direct;
    struct ee_tdx_identity real, simulated;
    uint8_t machine[32] = {2}, seed[32] = {SEED};
    struct ee_sim_platform platform;
    struct ee_sim_authority issuer;
    REQUIRE(host_open(&device) && sim_open("host.json", &direct) == EE_OK);
    CHECK(ee_tdx_device_identity(device, &attempt, &real) == EE_OK);
    CHECK(ee_tdx_device_identity(direct, NULL, &simulated) == EE_OK);
    CHECK(memcmp(&real, &simulated, sizeof real) == 0);
    REQUIRE(ee_sim_authority_init(&issuer, crypto, seed) == EE_OK);
    REQUIRE(ee_sim_platform_init(&platform, crypto, &issuer, machine, 1, 0) == EE_OK);
    CHECK(memcmp(real.platform_id, platform.ppid, 16) == 0);
    /* And it is what admission will compare: the PPID of the verified certificate. */
    CHECK(ask(device, 1) == EE_OK && judge(ee_bytes_of(quote, quote_size)) == EE_REASON_NONE);
    CHECK(memcmp(real.platform_id, verdict.platform.ppid, 16) == 0);
    host.mode = HOST_GARBAGE;
    CHECK(ee_tdx_device_identity(device, &attempt, &real) == EE_OK); /* asked once */
    ee_tdx_device_free(device);
    REQUIRE(ee_tdx_identity_of(ee_bytes_of(quote, 100), &real) == EE_QUOTE);
    ee_tdx_device_free(direct);
    ee_tdx_sim_free(host.sim);
}

static int report_give(void *context, const char *path, const uint8_t report_data[64],
                       uint8_t out[EE_TDX_REPORT_SIZE])
{
    (void)context;
    (void)path;
    memset(out, 0, EE_TDX_REPORT_SIZE);
    out[0] = 0x81;
    memcpy(out + 128, report_data, 64);
    return 0;
}

static size_t service_quote(void *context, const uint8_t report[1024], uint8_t *out,
                            size_t capacity)
{
    (void)context;
    return host_quote(report + 128, out, capacity);
}

static void guest_device_and_service_give_quotes(void)
{
    char spec[PATH_MAX], path[PATH_MAX];
    static struct fake_qgs service;
    struct ee_tdx_device *device;
    struct ee_tdx_paths paths = ee_tdx_paths_system;
    const struct ee_tdx_guest_calls calls = {.report = report_give};
    REQUIRE(fake_qgs_start(&service, service_quote, NULL));
    sim_put("host.json", "");
    path_of("host.json", path);
    host.mode = HOST_HONEST;
    REQUIRE(ee_tdx_sim_open(path, "test", crypto, &host.sim) == EE_OK);
    paths.guest = path; /* something that is there */
    (void)snprintf(spec, sizeof spec, "tdx_guest:unix:%s", service.path);
    const struct ee_tdx_device_options options = {.spec = spec,
                                                  .program = "test",
                                                  .crypto = crypto,
                                                  .paths = &paths,
                                                  .guest_calls = &calls,
                                                  .timeout_ms = 500};
    REQUIRE(ee_tdx_device_open(&options, &attempt, &device) == EE_OK);
    CHECK(ask(device, 8) == EE_OK && judge(ee_bytes_of(quote, quote_size)) == EE_REASON_NONE);
    atomic_store(&service.mode, QGS_REFUSES);
    CHECK(ask(device, 8) == EE_TDX_QUOTE && strstr(attempt.what, "0x12001") != NULL);
    atomic_store(&service.mode, QGS_HONEST);
    host.mode = HOST_OTHER_DATA;
    CHECK(ask(device, 8) == EE_TDX_QUOTE && strstr(attempt.what, "other report data"));
    ee_tdx_device_free(device);
    fake_qgs_stop(&service);
    ee_tdx_sim_free(host.sim);
}

/* ---- words ---- */

static void spec_that_names_nothing_is_refused(void)
{
    static const char *const bad[] = {"",          "sim",       "sim:",   "configfs:",  "tdx",
                                      "automatic", "configfsX", "auto:x", "tdx_guest:", "conf"};
    struct ee_tdx_device *device;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct ee_tdx_device_options options = {
            .spec = bad[i], .program = "test", .crypto = crypto};
        CHECK(ee_tdx_device_open(&options, &attempt, &device) == EE_SYNTAX);
    }
}

static void what_is_missing_is_told_with_the_cure(void)
{
    static const struct {
        struct ee_tdx_facts facts;
        enum ee_err err;
        const char *what, *next;
    } cases[] = {
        {{.kernel = "6.1.0-37-amd64", .kernel_major = 6, .kernel_minor = 1},
         EE_TDX_MISSING,
         "Debian 12's own 6.1",
         "bookworm-backports"},
        {{.kernel = "6.12.0", .kernel_major = 6, .kernel_minor = 12},
         EE_TDX_MISSING,
         "no TDX guest",
         "sim:FILE"},
        {{.kernel = "5.19", .kernel_major = 5, .kernel_minor = 19, .cpu_is_tdx_guest = true},
         EE_TDX_MISSING,
         "too old",
         "bookworm-backports"},
        {{.kernel = "6.12", .kernel_major = 6, .kernel_minor = 12, .cpu_is_tdx_guest = true},
         EE_TDX_MISSING,
         "not mounted",
         "mount -t configfs"},
        {{.kernel = "6.12",
          .kernel_major = 6,
          .kernel_minor = 12,
          .cpu_is_tdx_guest = true,
          .configfs_mounted = true},
         EE_TDX_MISSING,
         "neither",
         "modprobe tdx_guest"},
        {{.kernel = "6.8", .kernel_major = 6, .kernel_minor = 8, .paravisor = true},
         EE_UNSUPPORTED,
         "paravisor",
         "bare metal"},
    };
    enum ee_tdx_device_kind kind;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK(ee_tdx_choose(&cases[i].facts, &attempt, &kind) == cases[i].err);
        CHECK(strstr(attempt.what, cases[i].what) && strstr(attempt.next, cases[i].next));
        if (!strstr(attempt.what, cases[i].what) || !strstr(attempt.next, cases[i].next))
            printf("# %zu: %s; %s\n", i, attempt.what, attempt.next);
    }
}

static void best_interface_is_chosen(void)
{
    struct ee_tdx_facts facts = {.kernel_major = 6, .kernel_minor = 12, .guest_device = true};
    enum ee_tdx_device_kind kind;
    CHECK(ee_tdx_choose(&facts, &attempt, &kind) == EE_OK && kind == EE_TDX_DEVICE_GUEST);
    CHECK(ee_tdx_check_kind(&facts, kind, &attempt) == EE_FORBIDDEN);
    facts.guest_accessible = facts.configfs_reports = true;
    CHECK(ee_tdx_choose(&facts, &attempt, &kind) == EE_OK && kind == EE_TDX_DEVICE_CONFIGFS);
    CHECK(ee_tdx_check_kind(&facts, EE_TDX_DEVICE_GUEST, &attempt) == EE_OK);
    CHECK(ee_tdx_check_registers(&facts, &attempt) == EE_TDX_MISSING);
    CHECK(strstr(attempt.what, "6.16") != NULL);
    facts.measurements = true;
    CHECK(ee_tdx_check_registers(&facts, &attempt) == EE_FORBIDDEN);
    facts.measurements_writable = true;
    CHECK(ee_tdx_check_registers(&facts, &attempt) == EE_OK);
}

int main(void)
{
    const struct tap_test tests[] = {
        TEST(each_fault_has_its_reason),
        TEST(each_format_verifies),
        TEST(module_updated_since_launch_advises_relaunch),
        TEST(replaying_machine_answers_with_an_old_quote),
        TEST(file_that_is_wrong_is_refused),
        TEST(register_outlives_the_program_but_not_the_boot),
        TEST(register_that_cannot_be_kept_is_not_extended),
        TEST(slow_machine_ends_at_the_deadline),
        TEST(configfs_quotes_are_judged_before_they_leave),
        TEST(identity_is_the_same_by_every_way),
        TEST(guest_device_and_service_give_quotes),
        TEST(spec_that_names_nothing_is_refused),
        TEST(what_is_missing_is_told_with_the_cure),
        TEST(best_interface_is_chosen),
    };
    static const char *const left[] = {"fault.json",  "format.json", "relaunch.json",
                                       "replay.json", "bad.json",    "boot.json",
                                       "stuck.json",  "slow.json",   "host.json"};
    char path[PATH_MAX];
    (void)snprintf(folder, sizeof folder, "/tmp/ee-device-XXXXXX");
    if (!mkdtemp(folder) || !authority_make())
        return 1;
    int code = tap_run(tests, sizeof tests / sizeof tests[0]);
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        path_of(left[i], path);
        (void)unlink(path);
    }
    (void)rmdir(folder);
    return code;
}
