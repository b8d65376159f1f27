/* SPDX-License-Identifier: Apache-2.0 */
#include "link/tdx_sim.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/text.h"
#include "io/file.h"
#include "sim/platform.h"
#include "sim/quote.h"
#include "sim/td.h"

#include "base/banned.h"

enum {
    DEFAULT_VCPUS = 8,
    SIM_FILE_MAX = 64 * 1024,
    BOOT_ID_SIZE = 37,
    STATE_MAX = 1024,
    INDEX = 3
};

struct ee_tdx_sim {
    const struct ee_crypto *crypto;
    pthread_mutex_t mutex; /* over td and old_* */
    struct ee_sim_authority authority;
    struct ee_sim_platform platform;
    struct ee_sim_td td;
    enum ee_sim_quote_format format;
    uint32_t delay_ms;
    bool replays, no_rtmr;
    char state_path[PATH_MAX]; /* of RTMR3 */
    char boot[BOOT_ID_SIZE];
    /* What a replaying machine shows again. */
    uint8_t old_claims[32];
    size_t old_size;
    uint8_t old_quote[EE_EVIDENCE_QUOTE_MAX];
};

#define REPLAY "replay"
#define NO_RTMR "no-rtmr"

static const struct {
    const char *name;
    enum ee_sim_fault fault;
} faults[] = {
    {"platform-out-of-date", EE_SIM_PLATFORM_OUT_OF_DATE},
    {"module-out-of-date", EE_SIM_MODULE_OUT_OF_DATE},
    {"module-unknown", EE_SIM_MODULE_UNKNOWN},
    {"module-not-intels", EE_SIM_MODULE_NOT_INTELS},
    {"relaunch-advised", EE_SIM_RELAUNCH_ADVISED},
    {"tcb-revoked", EE_SIM_TCB_REVOKED},
    {"pck-revoked", EE_SIM_PCK_REVOKED},
    {"pck-expired", EE_SIM_PCK_EXPIRED},
    {"debug-td", EE_SIM_DEBUG_TD},
    {"other-measurements", EE_SIM_OTHER_MEASUREMENTS},
    {"other-qe", EE_SIM_OTHER_QE},
    {"ak-not-bound", EE_SIM_AK_NOT_BOUND},
    {"quote-forged", EE_SIM_QUOTE_FORGED},
    {"wrong-root", EE_SIM_WRONG_ROOT},
    {REPLAY, EE_SIM_HEALTHY},  /* of the device, not of a quote: `replays` */
    {NO_RTMR, EE_SIM_HEALTHY}, /* the same: a kernel that cannot extend RTMR3 */
};

static const struct {
    const char *name;
    enum ee_sim_quote_format format;
} formats[] = {
    {"v4", EE_SIM_QUOTE_V4},
    {"v5", EE_SIM_QUOTE_V5},
    {"v5-td15", EE_SIM_QUOTE_V5_TD15},
    {"v5-td15-extended", EE_SIM_QUOTE_V5_TD15_EXTENDED},
};

struct settings {
    uint8_t authority_seed[32], platform_seed[32];
    const char *program, *version;
    uint32_t vcpus, faults, delay_ms;
    enum ee_sim_quote_format format;
    bool replays, no_rtmr;
};

static enum ee_err faults_parse(const json_t *list, struct settings *out)
{
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item)
    {
        size_t row = 0, rows = sizeof(faults) / sizeof(faults[0]);
        const char *name = json_string_value(item);
        while (row < rows && (!name || strcmp(name, faults[row].name) != 0))
            row++;
        if (row == rows)
            return EE_SYNTAX;
        out->faults |= (uint32_t)faults[row].fault;
        out->replays |= strcmp(name, REPLAY) == 0;
        out->no_rtmr |= strcmp(name, NO_RTMR) == 0;
    }
    return EE_OK;
}

static enum ee_err format_parse(const char *name, enum ee_sim_quote_format *out)
{
    for (size_t row = 0; row < sizeof(formats) / sizeof(formats[0]); row++) {
        if (strcmp(name, formats[row].name) == 0) {
            *out = formats[row].format;
            return EE_OK;
        }
    }
    return EE_SYNTAX;
}

static enum ee_err settings_parse(json_t *root, struct settings *out)
{
    const char *authority, *platform, *format = "v4";
    int vcpus = DEFAULT_VCPUS, delay_ms = 0;
    json_t *list = NULL;
    if (json_unpack(root, "{s:s, s:s, s?s, s?s, s?i, s?o, s?s, s?i !}", "authority_seed",
                    &authority, "platform_seed", &platform, "program", &out->program, "version",
                    &out->version, "vcpus", &vcpus, "faults", &list, "format", &format, "delay_ms",
                    &delay_ms) != 0)
        return EE_SYNTAX;
    if (vcpus < 1 || vcpus > 4096 || delay_ms < 0 || delay_ms > EE_TDX_SIM_DELAY_MAX_MS)
        return EE_RANGE;
    out->vcpus = (uint32_t)vcpus;
    out->delay_ms = (uint32_t)delay_ms;
    EE_TRY(format_parse(format, &out->format));
    EE_TRY(ee_hex_decode(ee_bytes_str(authority), out->authority_seed, 32));
    EE_TRY(ee_hex_decode(ee_bytes_str(platform), out->platform_seed, 32));
    return faults_parse(list, out);
}

/* ---- RTMR3 outlives the program, not the machine's boot ---- */

/* Empty without procfs: then every start is a boot. */
static void boot_read(char out[BOOT_ID_SIZE])
{
    FILE *stream = fopen("/proc/sys/kernel/random/boot_id", "re");
    out[0] = '\0';
    if (!stream)
        return;
    if (!fgets(out, BOOT_ID_SIZE, stream))
        out[0] = '\0';
    (void)fclose(stream);
}

static enum ee_err register_load(struct ee_tdx_sim *sim, const char *path)
{
    struct ee_file_data file;
    const char *boot, *value;
    int size = snprintf(sim->state_path, sizeof(sim->state_path), "%s.rtmr", path);
    if (size < 0 || (size_t)size >= sizeof(sim->state_path))
        return EE_TOO_LARGE;
    boot_read(sim->boot);
    enum ee_err err = ee_file_read(sim->state_path, STATE_MAX, &file);
    if (err != EE_OK)
        return err == EE_NOT_FOUND ? EE_OK : err;
    json_t *state = json_loadb((const char *)file.data, file.size, JSON_REJECT_DUPLICATES, NULL);
    ee_file_data_free(&file);
    if (json_unpack(state, "{s:s, s:s !}", "boot", &boot, "rtmr3", &value) != 0)
        err = EE_SYNTAX;
    else if (strcmp(boot, sim->boot) == 0 && sim->boot[0] != '\0')
        err = ee_hex_decode(ee_bytes_str(value), sim->td.rtmr[INDEX], EE_SHA384_SIZE);
    json_decref(state);
    return err;
}

static enum ee_err register_extend(struct ee_tdx_sim *sim, const uint8_t digest[EE_SHA384_SIZE])
{
    struct ee_sim_td extended = sim->td;
    char value[2 * EE_SHA384_SIZE + 1], text[STATE_MAX];
    if (sim->no_rtmr)
        return EE_TDX_MISSING;
    EE_TRY(ee_sim_td_extend(sim->crypto, &extended, INDEX, digest));
    (void)snprintf(text, sizeof(text), "{\"boot\":\"%s\",\"rtmr3\":\"%s\"}\n", sim->boot,
                   ee_hex_encode(extended.rtmr[INDEX], EE_SHA384_SIZE, value));
    EE_TRY(ee_file_write(sim->state_path, ee_bytes_str(text), 0600));
    sim->td = extended;
    return EE_OK;
}

enum ee_err ee_tdx_sim_extend(struct ee_tdx_sim *sim, const uint8_t digest[EE_SHA384_SIZE])
{
    pthread_mutex_lock(&sim->mutex);
    enum ee_err err = register_extend(sim, digest);
    pthread_mutex_unlock(&sim->mutex);
    return err;
}

void ee_tdx_sim_register(struct ee_tdx_sim *sim, uint8_t out[EE_SHA384_SIZE])
{
    pthread_mutex_lock(&sim->mutex);
    memcpy(out, sim->td.rtmr[INDEX], EE_SHA384_SIZE);
    pthread_mutex_unlock(&sim->mutex);
}

/* ---- making ---- */

static enum ee_err build(struct ee_tdx_sim *sim, const struct settings *settings)
{
    EE_TRY(ee_sim_authority_init(&sim->authority, sim->crypto, settings->authority_seed));
    EE_TRY(ee_sim_platform_init(&sim->platform, sim->crypto, &sim->authority,
                                settings->platform_seed, settings->vcpus, settings->faults));
    ee_sim_td_for_program(sim->crypto, settings->program, settings->version, &sim->td);
    sim->format = settings->format;
    sim->delay_ms = settings->delay_ms;
    sim->replays = settings->replays;
    sim->no_rtmr = settings->no_rtmr;
    return EE_OK;
}

enum ee_err ee_tdx_sim_open(const char *path, const char *program, const struct ee_crypto *crypto,
                            struct ee_tdx_sim **out)
{
    struct ee_file_data file;
    struct settings settings = {.program = program, .version = EE_SOFTWARE_VERSION};
    EE_TRY(ee_file_read_secret(path, SIM_FILE_MAX, &file));
    json_t *root = json_loadb((const char *)file.data, file.size, JSON_REJECT_DUPLICATES, NULL);
    ee_file_data_free(&file);
    struct ee_tdx_sim *sim = calloc(1, sizeof(*sim));
    enum ee_err err = EE_NO_MEMORY;
    if (sim) {
        sim->crypto = crypto;
        pthread_mutex_init(&sim->mutex, NULL);
        err = root ? settings_parse(root, &settings) : EE_SYNTAX;
    }
    if (err == EE_OK)
        err = build(sim, &settings);
    if (err == EE_OK)
        err = register_load(sim, path);
    ee_wipe(&settings, sizeof(settings));
    json_decref(root);
    if (err != EE_OK) {
        ee_tdx_sim_free(sim);
        return err;
    }
    *out = sim;
    return EE_OK;
}

void ee_tdx_sim_free(struct ee_tdx_sim *sim)
{
    if (!sim)
        return;
    pthread_mutex_destroy(&sim->mutex);
    ee_wipe(sim, sizeof(*sim));
    free(sim);
}

uint32_t ee_tdx_sim_vcpus(const struct ee_tdx_sim *sim)
{
    return sim->platform.vcpus;
}

/* ---- quotes ---- */

static enum ee_err quote_write(const struct ee_tdx_sim *sim, const uint8_t *report_data,
                               uint8_t *out, size_t *size_out)
{
    return ee_sim_quote_write(sim->crypto, &sim->platform, &sim->td, report_data, sim->format, out,
                              EE_EVIDENCE_QUOTE_MAX, size_out);
}

/* An old quote for a new challenge: made over the same claims, for a nonce nobody asks now. */
static enum ee_err replay(struct ee_tdx_sim *sim, const uint8_t *report_data, uint8_t *out,
                          size_t *size_out)
{
    uint8_t old[EE_REPORT_DATA_SIZE];
    if (sim->old_size == 0 || memcmp(sim->old_claims, report_data, 32) != 0) {
        memcpy(old, report_data, 32);
        memset(old + 32, 0x5a, 32);
        sim->old_size = 0;
        EE_TRY(quote_write(sim, old, sim->old_quote, &sim->old_size));
        memcpy(sim->old_claims, report_data, 32);
    }
    memcpy(out, sim->old_quote, sim->old_size);
    *size_out = sim->old_size;
    return EE_OK;
}

enum ee_err ee_tdx_sim_quote(struct ee_tdx_sim *sim, const uint8_t report_data[EE_REPORT_DATA_SIZE],
                             struct ee_tdx_attempt *attempt, uint8_t *out, size_t *size_out)
{
    if (sim->delay_ms > 0 && !ee_tdx_attempt_pause(attempt, sim->delay_ms))
        return attempt->stop && atomic_load(attempt->stop)
                   ? EE_CLOSED
                   : ee_tdx_attempt_fail(attempt, EE_TIMEOUT, 0, "", "the simulator's delay");
    pthread_mutex_lock(&sim->mutex);
    enum ee_err err = sim->replays ? replay(sim, report_data, out, size_out)
                                   : quote_write(sim, report_data, out, size_out);
    pthread_mutex_unlock(&sim->mutex);
    return err;
}
