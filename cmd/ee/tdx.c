/* SPDX-License-Identifier: Apache-2.0 */
/* ee tdx probe: what this machine offers of TDX, shown by making one quote. */
#include <stdlib.h>
#include <string.h>

#include "command.h"

#include "attest/quote.h"
#include "client/json.h"
#include "io/clock.h"
#include "io/crypto_openssl.h"
#include "io/file.h"
#include "io/random.h"
#include "io/tdx_rtmr.h"
#include "link/tdx_advice.h"
#include "link/tdx_device.h"

#include "base/banned.h"

enum { TIMEOUT_S_MAX = 600 };

struct probe {
    const char *device, *rtmr, *out;
    uint64_t timeout_s;
    struct ee_tdx_facts facts;
    struct ee_tdx_attempt attempt;
    enum ee_tdx_device_kind kind;
    uint8_t quote[EE_EVIDENCE_QUOTE_MAX];
    size_t size;
    uint64_t taken_us;
};

/* ---- what the machine offers ---- */

static json_t *machine_json(struct probe *probe)
{
    const struct ee_tdx_facts *facts = &probe->facts;
    struct ee_tdx_attempt registers;
    ee_tdx_attempt_init(&registers, 0, NULL);
    enum ee_err err = ee_tdx_check_registers(facts, &registers);
    return json_pack(
        "{s:s, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:o, s:b, s:s, s:s, s:I}", "kernel",
        facts->kernel, "tdx_guest_cpu", facts->cpu_is_tdx_guest, "configfs_mounted",
        facts->configfs_mounted, "configfs_tsm", facts->configfs_reports, "tdx_guest_device",
        facts->guest_device, "tdx_guest_accessible", facts->guest_accessible, "paravisor",
        facts->paravisor, "root", facts->is_root, "qgs_port",
        facts->qgs_configured ? json_integer(facts->qgs_port) : json_null(), "rtmr3_extendable",
        err == EE_OK, "rtmr3_missing", err == EE_OK ? "" : registers.what, "rtmr3_next",
        err == EE_OK ? "" : registers.next, "vcpus", (json_int_t)facts->vcpus);
}

static const char *yes(bool value)
{
    return value ? "yes" : "no";
}

static void machine_print(struct probe *probe)
{
    const struct ee_tdx_facts *facts = &probe->facts;
    struct ee_tdx_attempt registers;
    ee_tdx_attempt_init(&registers, 0, NULL);
    bool extendable = ee_tdx_check_registers(facts, &registers) == EE_OK;
    (void)printf("kernel               %s\n", facts->kernel);
    (void)printf("TDX guest (cpu flag) %s\n", yes(facts->cpu_is_tdx_guest));
    (void)printf("configfs-tsm         %s\n", facts->configfs_reports   ? "yes"
                                              : facts->configfs_mounted ? "no; configfs is mounted"
                                                                        : "no");
    (void)printf("/dev/tdx_guest       %s\n", !facts->guest_device      ? "no"
                                              : facts->guest_accessible ? "yes"
                                                                        : "yes, not for this user");
    if (facts->qgs_configured)
        (void)printf("QGS port             %u\n", facts->qgs_port);
    (void)printf("Azure paravisor      %s\n", yes(facts->paravisor));
    (void)printf("RTMR3                %s%s\n", extendable ? "can be extended" : "",
                 extendable ? "" : registers.what);
    (void)printf("vCPUs online         %u\n", facts->vcpus);
}

/* ---- one quote ---- */

static enum ee_err probe_quote(struct probe *probe)
{
    uint8_t report_data[EE_REPORT_DATA_SIZE];
    struct ee_tdx_device *device;
    const struct ee_tdx_device_options options = {.spec = probe->device,
                                                  .program = "ee",
                                                  .crypto = &ee_crypto_openssl,
                                                  .rtmr_folder = probe->rtmr,
                                                  .timeout_ms = probe->timeout_s * 1000};
    EE_TRY(ee_tdx_device_open(&options, &probe->attempt, &device));
    ee_random_bytes(report_data, sizeof(report_data));
    probe->kind = ee_tdx_device_kind(device);
    uint64_t start_us = ee_clock_monotonic_us();
    enum ee_err err =
        ee_tdx_device_quote(device, report_data, &probe->attempt, probe->quote, &probe->size);
    probe->taken_us = ee_clock_monotonic_us() - start_us;
    ee_tdx_device_free(device);
    return err;
}

static json_t *quote_json(const struct probe *probe)
{
    struct ee_quote quote;
    struct ee_tdx_identity identity;
    uint8_t digest[32];
    struct ee_bytes bytes = ee_bytes_of(probe->quote, probe->size);
    if (ee_attest_quote_decode(bytes, &quote, NULL) != EE_REASON_NONE)
        return NULL;
    json_t *answer = json_pack(
        "{s:s, s:b, s:i, s:i, s:I, s:I, s:I, s:o}", "device", ee_tdx_device_kind_name(probe->kind),
        "simulated", probe->kind == EE_TDX_DEVICE_SIM, "quote_version", (int)quote.version,
        "body_type", (int)quote.body_type, "size", (json_int_t)probe->size, "taken_ms",
        (json_int_t)(probe->taken_us / 1000), "retries", (json_int_t)probe->attempt.retries,
        "rtmr3", ee_client_json_hex_new(quote.td.rtmr[3], EE_MEASUREMENT_SIZE));
    if (ee_tdx_identity_of(bytes, &identity) == EE_OK) {
        ee_measurement_digest(&ee_crypto_openssl, &identity.measurement, digest);
        (void)json_object_set_new(answer, "platform_id",
                                  ee_client_json_hex_new(identity.platform_id, EE_PPID_SIZE));
        (void)json_object_set_new(answer, "measurement", ee_client_json_hex_new(digest, 32));
    }
    return answer;
}

static void quote_print(const json_t *quote, bool kept)
{
    static const struct ee_column columns[] = {{"device", "device", EE_COLUMN_TEXT},
                                               {"simulated", "simulated", EE_COLUMN_TEXT},
                                               {"quote version", "quote_version", EE_COLUMN_TEXT},
                                               {"body type", "body_type", EE_COLUMN_TEXT},
                                               {"bytes", "size", EE_COLUMN_TEXT},
                                               {"milliseconds", "taken_ms", EE_COLUMN_TEXT},
                                               {"asked again", "retries", EE_COLUMN_TEXT},
                                               {"platform id", "platform_id", EE_COLUMN_TEXT},
                                               {"measurement", "measurement", EE_COLUMN_TEXT},
                                               {"RTMR3", "rtmr3", EE_COLUMN_TEXT}};
    (void)puts("");
    ee_cli_fields(quote, columns, EE_CLI_COUNT(columns));
    (void)printf("\nNOTE  made, not verified%s\n",
                 kept ? ": ee verify quote FILE --collateral FILE" : "; keep it with -o FILE");
}

static enum ee_err failed(struct ee_cli *cli, struct probe *probe, enum ee_err err)
{
    (void)ee_client_fail(&cli->problem, err, "%s", probe->attempt.what);
    if (probe->attempt.next[0] != '\0')
        ee_client_suggest(&cli->problem, "%s", probe->attempt.next);
    if (!cli->json) {
        machine_print(probe);
        return err;
    }
    json_t *document = ee_client_problem_json(&cli->problem);
    (void)json_object_set_new(document, "machine", machine_json(probe));
    ee_cli_json(document);
    cli->exit_code = ee_client_problem_exit_code(&cli->problem);
    return EE_OK; /* the one document is written */
}

static enum ee_err probe_run(struct ee_cli *cli, struct probe *probe)
{
    struct ee_tdx_paths paths = ee_tdx_paths_system;
    if (strncmp(probe->device, "configfs:", 9) == 0)
        paths.configfs = probe->device + 9;
    if (probe->rtmr)
        paths.measurements = probe->rtmr;
    ee_tdx_facts_gather(&paths, &probe->facts);
    enum ee_err err = probe_quote(probe);
    if (err != EE_OK)
        return failed(cli, probe, err);
    if (probe->out)
        err = ee_file_write(probe->out, ee_bytes_of(probe->quote, probe->size), 0600);
    if (err != EE_OK)
        return ee_client_file_fail(&cli->problem, err, "quote", probe->out);
    json_t *quote = quote_json(probe);
    if (cli->json) {
        ee_cli_json(json_pack("{s:o, s:o}", "machine", machine_json(probe), "quote", quote));
        return EE_OK;
    }
    machine_print(probe);
    quote_print(quote, probe->out != NULL);
    json_decref(quote);
    return EE_OK;
}

enum ee_err ee_cmd_tdx_probe(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct probe *probe = calloc(1, sizeof(*probe));
    if (!probe)
        return ee_client_fail(&cli->problem, EE_NO_MEMORY, "%s", "");
    probe->device = "auto";
    const struct ee_option options[] = {
        {"tdx-device", 0, EE_OPTION_TEXT, &probe->device, 0},
        {"tdx-rtmr", 0, EE_OPTION_TEXT, &probe->rtmr, 0},
        {"timeout", 0, EE_OPTION_NUMBER, &probe->timeout_s, TIMEOUT_S_MAX},
        {"output", 'o', EE_OPTION_TEXT, &probe->out, 0}};
    enum ee_err err =
        ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 0, 0, false, &arguments);
    if (err == EE_OK)
        err = probe_run(cli, probe);
    free(probe);
    return err;
}
