/* SPDX-License-Identifier: Apache-2.0 */
#include "link/tdx_device.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/pem.h"
#include "attest/quote.h"
#include "attest/x509.h"
#include "io/log.h"
#include "io/tdx_qgs.h"
#include "io/tdx_rtmr.h"
#include "link/tdx_advice.h"
#include "link/tdx_sim.h"
#include "tlog/merkle.h"

#include "base/banned.h"

enum { FOLDER_SIZE = 512 };

struct ee_tdx_device {
    const struct ee_crypto *crypto;
    enum ee_tdx_device_kind kind;
    uint64_t timeout_ms;
    const char *rtmr_folder;
    atomic_bool stop;
    uint32_t vcpus;
    pthread_mutex_t asking; /* the kernel serves one request at a time, so do we */
    bool identity_known;    /* under it */
    struct ee_tdx_identity identity;
    /* by kind */
    char folder[FOLDER_SIZE]; /* of configfs-tsm */
    const struct ee_tdx_configfs_calls *configfs_calls;
    const char *guest_path;
    const struct ee_tdx_guest_calls *guest_calls;
    struct ee_tdx_qgs qgs;
    struct ee_tdx_sim *sim;
};

/* ---- which ---- */

static const char *const kind_names[] = {[EE_TDX_DEVICE_CONFIGFS] = "configfs",
                                         [EE_TDX_DEVICE_GUEST] = "tdx_guest",
                                         [EE_TDX_DEVICE_SIM] = "sim"};

const char *ee_tdx_device_kind_name(enum ee_tdx_device_kind kind)
{
    return kind_names[kind];
}

struct spec {
    bool automatic;
    enum ee_tdx_device_kind kind;
    const char *rest; /* behind the colon; NULL: no colon */
};

static enum ee_err spec_parse(const char *text, struct ee_tdx_attempt *attempt, struct spec *out)
{
    size_t size = strcspn(text, ":");
    out->rest = text[size] == ':' ? text + size + 1 : NULL;
    out->automatic = strcmp(text, "auto") == 0;
    if (out->automatic)
        return EE_OK;
    for (size_t kind = 0; kind < sizeof(kind_names) / sizeof(kind_names[0]); kind++) {
        bool named = strlen(kind_names[kind]) == size && memcmp(kind_names[kind], text, size) == 0;
        bool complete = out->rest ? out->rest[0] != '\0' : kind != EE_TDX_DEVICE_SIM;
        out->kind = (enum ee_tdx_device_kind)kind;
        if (named && complete)
            return EE_OK;
    }
    return ee_tdx_attempt_fail(
        attempt, EE_SYNTAX, 0,
        "auto, configfs[:DIR], tdx_guest[:unix:PATH|:vsock:PORT] or sim:FILE",
        "'%.64s' names no TDX device", text);
}

static enum ee_err qgs_find(struct ee_tdx_device *device, const struct ee_tdx_paths *paths,
                            const char *rest, struct ee_tdx_attempt *attempt)
{
    enum ee_err err = rest ? ee_tdx_qgs_parse(rest, &device->qgs)
                           : ee_tdx_qgs_config(paths->qgs_config, &device->qgs);
    if (!rest && err == EE_NOT_FOUND) {
        device->qgs = (struct ee_tdx_qgs){.cid = EE_TDX_QGS_CID_HOST, .port = EE_TDX_QGS_PORT};
        return EE_OK;
    }
    if (err == EE_OK)
        return EE_OK;
    return ee_tdx_attempt_fail(attempt, err, 0, "unix:PATH, vsock:PORT or vsock:CID:PORT",
                               "'%.64s' names no quote generation service",
                               rest ? rest : paths->qgs_config);
}

static enum ee_err open_sim(struct ee_tdx_device *device,
                            const struct ee_tdx_device_options *options, const char *path,
                            struct ee_tdx_attempt *attempt)
{
    enum ee_err err = ee_tdx_sim_open(path, options->program, options->crypto, &device->sim);
    if (err != EE_OK)
        return ee_tdx_attempt_fail(attempt, err, 0, "", "%s: %s", path, ee_err_text(err));
    device->vcpus = ee_tdx_sim_vcpus(device->sim);
    return EE_OK;
}

static enum ee_err open_real(struct ee_tdx_device *device, const struct ee_tdx_paths *given,
                             const struct spec *spec, struct ee_tdx_attempt *attempt)
{
    struct ee_tdx_facts facts;
    struct ee_tdx_paths paths = *given;
    if (!spec->automatic && spec->kind == EE_TDX_DEVICE_CONFIGFS && spec->rest)
        paths.configfs = spec->rest;
    ee_tdx_facts_gather(&paths, &facts);
    device->vcpus = facts.vcpus;
    device->kind = spec->kind;
    if (spec->automatic)
        EE_TRY(ee_tdx_choose(&facts, attempt, &device->kind));
    EE_TRY(ee_tdx_check_kind(&facts, device->kind, attempt));
    if (snprintf(device->folder, sizeof(device->folder), "%s", paths.configfs) >= FOLDER_SIZE)
        return ee_tdx_attempt_fail(attempt, EE_TOO_LARGE, 0, "", "the folder's name is too long");
    device->guest_path = given->guest;
    if (device->kind == EE_TDX_DEVICE_GUEST)
        return qgs_find(device, given, spec->automatic ? NULL : spec->rest, attempt);
    size_t stale = ee_tdx_configfs_sweep(device->folder);
    if (stale > 0)
        EE_LOG(EE_LOG_WARN, "tdx", "removed entries of processes that are gone",
               ee_log_unsigned("entries", stale));
    return EE_OK;
}

enum ee_err ee_tdx_device_open(const struct ee_tdx_device_options *options,
                               struct ee_tdx_attempt *attempt, struct ee_tdx_device **out)
{
    struct ee_tdx_attempt unseen;
    struct spec spec = {.kind = EE_TDX_DEVICE_CONFIGFS};
    const struct ee_tdx_paths *paths = options->paths ? options->paths : &ee_tdx_paths_system;
    if (!attempt)
        attempt = &unseen;
    ee_tdx_attempt_init(attempt, 0, NULL);
    EE_TRY(spec_parse(options->spec, attempt, &spec));
    struct ee_tdx_device *device = calloc(1, sizeof(*device));
    if (!device)
        return EE_NO_MEMORY;
    pthread_mutex_init(&device->asking, NULL);
    atomic_init(&device->stop, false);
    device->crypto = options->crypto;
    device->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : EE_TDX_QUOTE_TIMEOUT_MS;
    device->rtmr_folder = options->rtmr_folder ? options->rtmr_folder : paths->measurements;
    device->configfs_calls = options->configfs_calls;
    device->guest_calls = options->guest_calls;
    device->kind = spec.kind;
    enum ee_err err = !spec.automatic && spec.kind == EE_TDX_DEVICE_SIM
                          ? open_sim(device, options, spec.rest, attempt)
                          : open_real(device, paths, &spec, attempt);
    if (err != EE_OK) {
        ee_tdx_device_free(device);
        return err;
    }
    *out = device;
    return EE_OK;
}

void ee_tdx_device_free(struct ee_tdx_device *device)
{
    if (!device)
        return;
    ee_tdx_sim_free(device->sim);
    pthread_mutex_destroy(&device->asking);
    free(device);
}

void ee_tdx_device_stop(struct ee_tdx_device *device)
{
    atomic_store(&device->stop, true);
}

enum ee_tdx_device_kind ee_tdx_device_kind(const struct ee_tdx_device *device)
{
    return device->kind;
}

bool ee_tdx_device_simulated(const struct ee_tdx_device *device)
{
    return device->kind == EE_TDX_DEVICE_SIM;
}

uint32_t ee_tdx_device_vcpus(const struct ee_tdx_device *device)
{
    return device->vcpus;
}

/* ---- quotes ---- */

static enum ee_err ask(struct ee_tdx_device *device, const uint8_t *report_data,
                       struct ee_tdx_attempt *attempt, uint8_t *out, size_t capacity,
                       size_t *size_out)
{
    uint8_t report[EE_TDX_REPORT_SIZE];
    const struct ee_tdx_configfs configfs = {.folder = device->folder,
                                             .calls = device->configfs_calls};
    switch (device->kind) {
    case EE_TDX_DEVICE_CONFIGFS:
        return ee_tdx_configfs_quote(&configfs, report_data, attempt, out, capacity, size_out);
    case EE_TDX_DEVICE_GUEST:
        EE_TRY(ee_tdx_guest_report(device->guest_path, device->guest_calls, report_data, attempt,
                                   report));
        return ee_tdx_qgs_quote(&device->qgs, report, attempt, out, capacity, size_out);
    case EE_TDX_DEVICE_SIM:
        return ee_tdx_sim_quote(device->sim, report_data, attempt, out, size_out);
    }
    return EE_UNSUPPORTED;
}

/* What the host sent is a quote of this TD over what was asked; only its own bytes are kept. */
static enum ee_err accept(const struct ee_tdx_device *device, struct ee_bytes raw,
                          const uint8_t *report_data, struct ee_tdx_attempt *attempt, uint8_t *out,
                          size_t *size_out)
{
    struct ee_quote quote;
    struct ee_finding finding = {.reason = EE_REASON_NONE};
    char words[EE_FINDING_TEXT_SIZE];
    if (ee_attest_quote_decode(raw, &quote, &finding) != EE_REASON_NONE)
        return ee_tdx_attempt_fail(attempt, EE_TDX_QUOTE, 0,
                                   "on the host: update the quote generation service and QEMU",
                                   "what the host sent (%zu bytes) is no TDX quote: %s", raw.size,
                                   ee_attest_finding_text(&finding, words));
    if (quote.size > EE_EVIDENCE_QUOTE_MAX)
        return ee_tdx_attempt_fail(attempt, EE_TOO_LARGE, 0, "",
                                   "the quote has %zu bytes, evidence takes %d", quote.size,
                                   (int)EE_EVIDENCE_QUOTE_MAX);
    /* A simulator that replays is meant to: its verifier must notice. */
    if (device->kind != EE_TDX_DEVICE_SIM &&
        memcmp(quote.td.report_data, report_data, EE_REPORT_DATA_SIZE) != 0)
        return ee_tdx_attempt_fail(attempt, EE_TDX_QUOTE, 0,
                                   "the host answers with somebody else's or an old quote",
                                   "the quote is over other report data than were asked for");
    memmove(out, raw.data, quote.size);
    *size_out = quote.size;
    return EE_OK;
}

static enum ee_err quote_locked(struct ee_tdx_device *device, const uint8_t *report_data,
                                struct ee_tdx_attempt *attempt, uint8_t *out, size_t *size_out)
{
    size_t size = 0, capacity = device->kind == EE_TDX_DEVICE_SIM ? EE_EVIDENCE_QUOTE_MAX
                                                                  : EE_TDX_OUTBLOB_MAX;
    ee_tdx_attempt_init(attempt, device->timeout_ms, &device->stop);
    uint8_t *raw = malloc(capacity);
    if (!raw)
        return EE_NO_MEMORY;
    enum ee_err err = ask(device, report_data, attempt, raw, capacity, &size);
    if (err == EE_OK)
        err = accept(device, ee_bytes_of(raw, size), report_data, attempt, out, size_out);
    free(raw);
    return err;
}

enum ee_err ee_tdx_device_quote(struct ee_tdx_device *device,
                                const uint8_t report_data[EE_REPORT_DATA_SIZE],
                                struct ee_tdx_attempt *attempt, uint8_t *out, size_t *size_out)
{
    struct ee_tdx_attempt unseen;
    pthread_mutex_lock(&device->asking);
    enum ee_err err = quote_locked(device, report_data, attempt ? attempt : &unseen, out, size_out);
    pthread_mutex_unlock(&device->asking);
    return err;
}

/* ---- identity ---- */

static enum ee_err pck_of(const struct ee_quote *quote, uint8_t *memory, struct ee_pck *out)
{
    struct ee_der_chain chain;
    struct ee_cert leaf;
    if (quote->cert_type != EE_CERT_DATA_PCK_CHAIN && quote->cert_type != EE_CERT_DATA_PCK_LEAF)
        return EE_QUOTE;
    if (ee_attest_pem_certificates(quote->cert_data, memory, quote->cert_data.size, &chain) !=
            EE_REASON_NONE ||
        ee_attest_cert_decode(chain.der[0], &leaf) != EE_REASON_NONE ||
        ee_attest_pck_decode(leaf.sgx_extension, out) != EE_REASON_NONE)
        return EE_QUOTE;
    return EE_OK;
}

enum ee_err ee_tdx_identity_of(struct ee_bytes quote_bytes, struct ee_tdx_identity *out)
{
    struct ee_quote quote;
    struct ee_pck pck;
    if (ee_attest_quote_decode(quote_bytes, &quote, NULL) != EE_REASON_NONE)
        return EE_QUOTE;
    uint8_t *memory = malloc(quote.cert_data.size + 1);
    if (!memory)
        return EE_NO_MEMORY;
    enum ee_err err = pck_of(&quote, memory, &pck);
    free(memory);
    EE_TRY(err);
    memcpy(out->platform_id, pck.ppid, sizeof(out->platform_id));
    memcpy(out->measurement.mrtd, quote.td.mrtd, sizeof(out->measurement.mrtd));
    memcpy(out->measurement.rtmr, quote.td.rtmr, sizeof(out->measurement.rtmr));
    return EE_OK;
}

static enum ee_err identity_ask(struct ee_tdx_device *device, struct ee_tdx_attempt *attempt)
{
    const uint8_t report_data[EE_REPORT_DATA_SIZE] = {0}; /* bound to nothing: never evidence */
    size_t size = 0;
    uint8_t *quote = malloc(EE_EVIDENCE_QUOTE_MAX);
    if (!quote)
        return EE_NO_MEMORY;
    enum ee_err err = quote_locked(device, report_data, attempt, quote, &size);
    if (err == EE_OK) {
        err = ee_tdx_identity_of(ee_bytes_of(quote, size), &device->identity);
        if (err == EE_QUOTE)
            err = ee_tdx_attempt_fail(attempt, err, 0,
                                      "on the host: register the platform, so that quotes carry "
                                      "their PCK certificate",
                                      "the quote carries no PCK certificate to tell the platform");
    }
    device->identity_known = err == EE_OK;
    free(quote);
    return err;
}

enum ee_err ee_tdx_device_identity(struct ee_tdx_device *device, struct ee_tdx_attempt *attempt,
                                   struct ee_tdx_identity *out)
{
    struct ee_tdx_attempt unseen;
    pthread_mutex_lock(&device->asking);
    enum ee_err err =
        device->identity_known ? EE_OK : identity_ask(device, attempt ? attempt : &unseen);
    if (err == EE_OK)
        *out = device->identity;
    pthread_mutex_unlock(&device->asking);
    return err;
}

/* ---- evidence ---- */

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

static enum ee_err quote_logged(struct ee_tdx_device *device, const uint8_t *report_data,
                                uint8_t *out, size_t *size_out)
{
    struct ee_tdx_attempt attempt;
    enum ee_err err = ee_tdx_device_quote(device, report_data, &attempt, out, size_out);
    if (err != EE_OK && err != EE_CLOSED) /* called off: the program ends */
        EE_LOG(EE_LOG_ERROR, "tdx", "no quote", ee_log_text("device", kind_names[device->kind]),
               ee_log_text("what", attempt.what), ee_log_text("next", attempt.next),
               ee_log_unsigned("retries", attempt.retries), ee_log_err(err));
    return err;
}

enum ee_err ee_tdx_device_evidence(struct ee_tdx_device *device, struct ee_bytes claims,
                                   const struct ee_nonce *nonces, size_t count,
                                   uint8_t *quote_memory, struct ee_evidence *evidence_out)
{
    uint8_t report_data[EE_REPORT_DATA_SIZE];
    struct ee_tlog_hash root;
    size_t quote_size = 0;
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
    EE_TRY(quote_logged(device, report_data, quote_memory, &quote_size));
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

/* ---- RTMR3 ---- */

static enum ee_err register_logged(enum ee_err err, const struct ee_tdx_attempt *attempt)
{
    if (err != EE_OK)
        EE_LOG(EE_LOG_ERROR, "tdx", "RTMR3 is out of reach", ee_log_text("what", attempt->what),
               ee_log_text("next", attempt->next), ee_log_err(err));
    return err;
}

static enum ee_err sim_extend(struct ee_tdx_device *device, const uint8_t digest[EE_SHA384_SIZE],
                              struct ee_tdx_attempt *attempt)
{
    enum ee_err err = ee_tdx_sim_extend(device->sim, digest);
    if (err == EE_OK)
        return EE_OK;
    return ee_tdx_attempt_fail(attempt, err, 0, "is the simulator's folder writable and not full?",
                               "the simulated register could not be kept beside its device file");
}

enum ee_err ee_tdx_device_rtmr_extend(struct ee_tdx_device *device, unsigned index,
                                      const uint8_t digest[EE_SHA384_SIZE])
{
    struct ee_tdx_attempt attempt;
    if (index != EE_TDX_RTMR_INDEX)
        return EE_RANGE;
    ee_tdx_attempt_init(&attempt, 0, NULL);
    enum ee_err err = device->sim
                          ? sim_extend(device, digest, &attempt)
                          : ee_tdx_rtmr_extend(device->rtmr_folder, index, digest, &attempt);
    return register_logged(err, &attempt);
}

enum ee_err ee_tdx_device_rtmr_read(struct ee_tdx_device *device, unsigned index,
                                    uint8_t out[EE_SHA384_SIZE])
{
    struct ee_tdx_attempt attempt;
    if (index != EE_TDX_RTMR_INDEX)
        return EE_RANGE;
    if (device->sim) {
        ee_tdx_sim_register(device->sim, out);
        return EE_OK;
    }
    ee_tdx_attempt_init(&attempt, 0, NULL);
    return register_logged(ee_tdx_rtmr_read(device->rtmr_folder, index, &attempt, out), &attempt);
}
