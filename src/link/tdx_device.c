/* SPDX-License-Identifier: Apache-2.0 */
#include "link/tdx_device.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "io/file.h"
#include "sim/platform.h"
#include "sim/quote.h"
#include "sim/td.h"
#include "tlog/merkle.h"

#include "base/banned.h"

enum { DEFAULT_VCPUS = 8 };

struct ee_tdx_device {
    const struct ee_crypto *crypto;
    struct ee_sim_authority authority;
    struct ee_sim_platform platform;
    struct ee_sim_td td;
};

static const struct {
    const char *name;
    enum ee_sim_fault fault;
} faults[] = {
    {"platform-out-of-date", EE_SIM_PLATFORM_OUT_OF_DATE},
    {"module-out-of-date", EE_SIM_MODULE_OUT_OF_DATE},
    {"tcb-revoked", EE_SIM_TCB_REVOKED},
    {"pck-revoked", EE_SIM_PCK_REVOKED},
    {"debug-td", EE_SIM_DEBUG_TD},
    {"other-measurements", EE_SIM_OTHER_MEASUREMENTS},
    {"ak-not-bound", EE_SIM_AK_NOT_BOUND},
    {"quote-forged", EE_SIM_QUOTE_FORGED},
    {"wrong-root", EE_SIM_WRONG_ROOT},
};

static enum ee_err faults_parse(const json_t *list, uint32_t *out)
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
        *out |= (uint32_t)faults[row].fault;
    }
    return EE_OK;
}

struct settings {
    uint8_t authority_seed[32], platform_seed[32];
    const char *program, *version;
    uint32_t vcpus, faults;
};

static enum ee_err settings_parse(json_t *root, struct settings *out)
{
    const char *authority, *platform;
    int vcpus = DEFAULT_VCPUS;
    json_t *list = NULL;
    if (json_unpack(root, "{s:s, s:s, s?s, s?s, s?i, s?o !}", "authority_seed", &authority,
                    "platform_seed", &platform, "program", &out->program, "version", &out->version,
                    "vcpus", &vcpus, "faults", &list) != 0)
        return EE_SYNTAX;
    if (vcpus < 1 || vcpus > 4096)
        return EE_RANGE;
    out->vcpus = (uint32_t)vcpus;
    EE_TRY(ee_hex_decode(ee_bytes_str(authority), out->authority_seed, 32));
    EE_TRY(ee_hex_decode(ee_bytes_str(platform), out->platform_seed, 32));
    return faults_parse(list, &out->faults);
}

static enum ee_err device_build(struct ee_tdx_device *device, const struct settings *settings)
{
    EE_TRY(ee_sim_authority_init(&device->authority, device->crypto, settings->authority_seed));
    EE_TRY(ee_sim_platform_init(&device->platform, device->crypto, &device->authority,
                                settings->platform_seed, settings->vcpus, settings->faults));
    ee_sim_td_for_program(device->crypto, settings->program, settings->version, &device->td);
    return EE_OK;
}

enum ee_err ee_tdx_device_open(const char *path, const char *program,
                               const struct ee_crypto *crypto, struct ee_tdx_device **out)
{
    struct ee_file_data file;
    struct settings settings = {.program = program, .version = EE_SOFTWARE_VERSION};
    EE_TRY(ee_file_read_secret(path, 65536, &file));
    json_t *root = json_loadb((const char *)file.data, file.size, JSON_REJECT_DUPLICATES, NULL);
    ee_file_data_free(&file);
    struct ee_tdx_device *device = calloc(1, sizeof(*device));
    enum ee_err err = device ? EE_OK : EE_NO_MEMORY;
    if (err == EE_OK)
        err = root ? settings_parse(root, &settings) : EE_SYNTAX;
    if (err == EE_OK) {
        device->crypto = crypto;
        err = device_build(device, &settings);
    }
    ee_wipe(&settings, sizeof(settings));
    json_decref(root);
    if (err != EE_OK) {
        free(device);
        return err;
    }
    *out = device;
    return EE_OK;
}

void ee_tdx_device_free(struct ee_tdx_device *device)
{
    if (device)
        ee_wipe(device, sizeof(*device));
    free(device);
}

bool ee_tdx_device_simulated(const struct ee_tdx_device *device)
{
    (void)device;
    return true;
}

uint32_t ee_tdx_device_vcpus(const struct ee_tdx_device *device)
{
    return device->platform.vcpus;
}

void ee_tdx_device_platform_id(const struct ee_tdx_device *device, uint8_t out[16])
{
    memcpy(out, device->platform.ppid, 16);
}

void ee_tdx_device_measurement(const struct ee_tdx_device *device, struct ee_measurement *out)
{
    ee_sim_td_measurement(&device->td, out);
}

static enum ee_err paths_fill(const struct ee_crypto *crypto, const struct ee_tlog_hash *leaves,
                              size_t count, struct ee_evidence *evidence_out)
{
    struct ee_tlog_proof proof;
    for (size_t i = 0; i < count; i++) {
        EE_TRY(ee_tlog_path_of(crypto, leaves, count, i, &proof));
        if (proof.count > EE_FRESHNESS_PATH_MAX)
            return EE_RANGE;
        memcpy(evidence_out[i].path, proof.hashes, proof.count * sizeof(proof.hashes[0]));
        evidence_out[i].path_count = proof.count;
    }
    return EE_OK;
}

enum ee_err ee_tdx_device_evidence(const struct ee_tdx_device *device, struct ee_bytes claims,
                                   const struct ee_nonce *nonces, size_t count,
                                   uint8_t *quote_memory, struct ee_evidence *evidence_out)
{
    uint8_t report_data[EE_REPORT_DATA_SIZE];
    struct ee_tlog_hash root;
    size_t quote_size;
    if (count < 1 || count > EE_FRESHNESS_NONCES_MAX)
        return EE_RANGE;
    struct ee_tlog_hash *leaves = calloc(count, sizeof(*leaves));
    if (!leaves)
        return EE_NO_MEMORY;
    ee_freshness_leaves(device->crypto, nonces, count, leaves);
    ee_tlog_root_of(device->crypto, leaves, count, &root);
    enum ee_err err = paths_fill(device->crypto, leaves, count, evidence_out);
    free(leaves);
    EE_TRY(err);
    ee_freshness_report_data(device->crypto, claims, &root, report_data);
    EE_TRY(ee_sim_quote_write(device->crypto, &device->platform, &device->td, report_data,
                              EE_SIM_QUOTE_V4, quote_memory, EE_EVIDENCE_QUOTE_MAX, &quote_size));
    for (size_t i = 0; i < count; i++) {
        evidence_out[i].quote = ee_bytes_of(quote_memory, quote_size);
        evidence_out[i].claims = claims;
        evidence_out[i].nonce = nonces[i];
        evidence_out[i].index = (uint32_t)i;
        evidence_out[i].size = (uint32_t)count;
        evidence_out[i].event_log = ee_bytes_of(NULL, 0);
        evidence_out[i].collateral = ee_bytes_of(NULL, 0);
    }
    return EE_OK;
}
