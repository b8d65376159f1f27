/* SPDX-License-Identifier: Apache-2.0 */
/* wasm_fixture: simulated platforms, each with one fault, and what a control plane on them shows:
 * a JSON list of quotes, collateral, evidence and genesis. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "attest/evidence.h"
#include "base/text.h"
#include "core/genesis.h"
#include "io/crypto_openssl.h"
#include "sim/collateral.h"
#include "sim/quote.h"

#define CRYPTO (&ee_crypto_openssl)
enum { NOW_S = 1790000000, HOUR_S = 3600, EVIDENCE_MAX = 128 * 1024 };

static const uint8_t seed[32] = {'w', 'a', 's', 'm'};

static struct subject {
    struct ee_sim_authority authority;
    struct ee_sim_platform platform;
    struct ee_sim_td td;
    uint8_t drawn[32];
    uint8_t measurement[32];
    uint8_t network_id[32];
    struct ee_claims claims;
    char genesis[EE_GENESIS_FILE_MAX + 1];
    char collateral[EE_SIM_COLLATERAL_MAX];
    size_t collateral_size;
    uint8_t quote[EE_SIM_QUOTE_MAX];
    size_t quote_size;
    char evidence[EVIDENCE_MAX];
    size_t evidence_size;
} s;

/* The measurement in the allow-list is that of the healthy TD. */
static enum ee_err genesis_make(void)
{
    static struct ee_genesis genesis;
    static uint8_t canonical[EE_GENESIS_SIZE_MAX];
    struct ee_measurement measurement;
    struct ee_writer w, file;
    ee_sim_td_for_program(CRYPTO, "ee-control", "0.1.0", &s.td);
    ee_sim_td_measurement(&s.td, &measurement);
    ee_measurement_digest(CRYPTO, &measurement, s.measurement);
    genesis = (struct ee_genesis){.kind = EE_NETWORK_DEVELOPMENT,
                                  .name = "wasm-test",
                                  .founding_key = {1},
                                  .issuer_key = {2},
                                  .mint_daily_cap = {1000000},
                                  .profile = EE_PROFILE_DEVELOPMENT,
                                  .root_count = 1,
                                  .roots = {{.simulated = 1}},
                                  .allow_count = 1,
                                  .allow = {{.role = EE_ROLE_CONTROL, .label = "ee-control"}}};
    memcpy(genesis.roots[0].public_key, ee_sim_authority_root_key(&s.authority),
           EE_P256_POINT_SIZE);
    memcpy(genesis.allow[0].measurement, s.measurement, sizeof(s.measurement));
    ee_writer_init(&w, canonical, sizeof(canonical));
    ee_writer_init(&file, s.genesis, sizeof(s.genesis) - 1);
    EE_TRY(ee_genesis_encode(&genesis, &w));
    ee_genesis_network_id(CRYPTO, ee_writer_done(&w), s.network_id);
    EE_TRY(ee_genesis_file_write(CRYPTO, ee_writer_done(&w), &file));
    s.genesis[file.size] = '\0';
    return EE_OK;
}

static enum ee_err evidence_make(enum ee_sim_quote_format format)
{
    uint8_t claims[EE_CLAIMS_SIZE_MAX], report_data[EE_REPORT_DATA_SIZE];
    size_t claims_size;
    struct ee_evidence evidence = {.size = 1};
    struct ee_tlog_hash root;
    s.claims = (struct ee_claims){.role = EE_ROLE_CONTROL,
                                  .identity = {2},
                                  .tls_key_hash = {3},
                                  .checkpoint_key = {4},
                                  .ledger_size = 12,
                                  .ledger_root = {5},
                                  .epoch = 1,
                                  .software_version = "0.1.0",
                                  .vcpus = 8};
    memcpy(s.claims.network_id, s.network_id, sizeof(s.network_id));
    EE_TRY(ee_claims_encode(&s.claims, claims, sizeof(claims), &claims_size));
    memset(s.drawn, 7, sizeof(s.drawn));
    ee_freshness_caller_nonce(CRYPTO, s.drawn, &evidence.nonce);
    EE_TRY(ee_freshness_root(CRYPTO, &evidence.nonce, 0, 1, NULL, 0, &root));
    evidence.claims = ee_bytes_of(claims, claims_size);
    ee_freshness_report_data(CRYPTO, evidence.claims, &root, report_data);
    EE_TRY(ee_sim_quote_write(CRYPTO, &s.platform, &s.td, report_data, format, s.quote,
                              sizeof(s.quote), &s.quote_size));
    evidence.quote = ee_bytes_of(s.quote, s.quote_size);
    evidence.collateral = ee_bytes_of(s.collateral, s.collateral_size);
    return ee_evidence_encode(CRYPTO, &evidence, s.evidence, sizeof(s.evidence), &s.evidence_size);
}

static enum ee_err subject_make(uint32_t faults, enum ee_sim_quote_format format)
{
    EE_TRY(ee_sim_authority_init(&s.authority, CRYPTO, seed));
    EE_TRY(ee_sim_platform_init(&s.platform, CRYPTO, &s.authority, seed, 8, faults));
    EE_TRY(ee_sim_collateral_write(CRYPTO, &s.authority, &s.platform, NOW_S - HOUR_S, s.collateral,
                                   sizeof(s.collateral), &s.collateral_size));
    EE_TRY(genesis_make());
    return evidence_make(format);
}

static void hex_set(json_t *object, const char *name, const void *bytes, size_t size)
{
    char *text = malloc(2 * size + 1);
    if (!text)
        abort();
    (void)json_object_set_new(object, name, json_string(ee_hex_encode(bytes, size, text)));
    free(text);
}

static json_t *subject_json(const char *name)
{
    json_t *out = json_object();
    (void)json_object_set_new(out, "name", json_string(name));
    (void)json_object_set_new(out, "time", json_integer(NOW_S));
    hex_set(out, "root", ee_sim_authority_root_key(&s.authority), EE_P256_POINT_SIZE);
    hex_set(out, "quote", s.quote, s.quote_size);
    hex_set(out, "drawn", s.drawn, sizeof(s.drawn));
    hex_set(out, "networkId", s.network_id, sizeof(s.network_id));
    hex_set(out, "tlsKeyHash", s.claims.tls_key_hash, 32);
    hex_set(out, "identity", s.claims.identity, 32);
    hex_set(out, "measurement", s.measurement, sizeof(s.measurement));
    (void)json_object_set_new(out, "collateral", json_stringn(s.collateral, s.collateral_size));
    (void)json_object_set_new(out, "evidence", json_stringn(s.evidence, s.evidence_size));
    (void)json_object_set_new(out, "genesis", json_string(s.genesis));
    return out;
}

int main(void)
{
    static const struct {
        const char *name;
        uint32_t faults;
        enum ee_sim_quote_format format;
    } rows[] = {
        {"healthy_v4", EE_SIM_HEALTHY, EE_SIM_QUOTE_V4},
        {"healthy_v5", EE_SIM_HEALTHY, EE_SIM_QUOTE_V5},
        {"healthy_v5_td15", EE_SIM_HEALTHY, EE_SIM_QUOTE_V5_TD15},
        {"platform_out_of_date", EE_SIM_PLATFORM_OUT_OF_DATE, EE_SIM_QUOTE_V4},
        {"module_out_of_date", EE_SIM_MODULE_OUT_OF_DATE, EE_SIM_QUOTE_V5_TD15},
        {"tcb_revoked", EE_SIM_TCB_REVOKED, EE_SIM_QUOTE_V4},
        {"pck_revoked", EE_SIM_PCK_REVOKED, EE_SIM_QUOTE_V4},
        {"debug", EE_SIM_DEBUG_TD, EE_SIM_QUOTE_V4},
        {"other_measurements", EE_SIM_OTHER_MEASUREMENTS, EE_SIM_QUOTE_V4},
        {"key_not_bound", EE_SIM_AK_NOT_BOUND, EE_SIM_QUOTE_V4},
        {"forged", EE_SIM_QUOTE_FORGED, EE_SIM_QUOTE_V4},
        {"wrong_root", EE_SIM_WRONG_ROOT, EE_SIM_QUOTE_V4},
        {"collateral_expired", EE_SIM_COLLATERAL_EXPIRED, EE_SIM_QUOTE_V4},
    };
    json_t *out = json_array();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum ee_err err = subject_make(rows[i].faults, rows[i].format);
        if (err != EE_OK) {
            (void)fprintf(stderr, "wasm_fixture: %s: %s\n", rows[i].name, ee_err_text(err));
            return 1;
        }
        (void)json_array_append_new(out, subject_json(rows[i].name));
    }
    (void)json_dumpf(out, stdout, JSON_COMPACT);
    json_decref(out);
    return fflush(stdout) == 0 ? 0 : 1;
}
