/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

#include "io/crypto_openssl.h"

#define CRYPTO (&ee_crypto_openssl)

static const uint8_t seed[32] = {'l', 'i', 'b'};

static bool claims_make(struct rig *rig, uint8_t *out, size_t capacity, struct ee_bytes *claims)
{
    size_t size;
    rig->claims = (struct ee_claims){.role = EE_ROLE_AGENT,
                                     .network_id = {1},
                                     .identity = {2},
                                     .node_name = "node-1",
                                     .tls_key_hash = {3},
                                     .sealing_key = {4},
                                     .software_version = "0.1.0",
                                     .vcpus = 8};
    if (ee_claims_encode(&rig->claims, out, capacity, &size) != EE_OK)
        return false;
    *claims = ee_bytes_of(out, size);
    return true;
}

static bool event_add(struct rig *rig, struct ee_writer *w, const struct ee_agent_event *event)
{
    uint8_t bytes[EE_AGENT_EVENT_SIZE_MAX], digest[EE_SHA384_SIZE];
    size_t size;
    if (ee_agent_event_encode(event, bytes, sizeof(bytes), &size) != EE_OK)
        return false;
    ee_agent_event_digest(CRYPTO, ee_bytes_of(bytes, size), digest);
    ee_writer_block(w, ee_bytes_of(bytes, size));
    return ee_sim_td_extend(CRYPTO, &rig->td, 3, digest) == EE_OK;
}

static bool log_make(struct rig *rig)
{
    const struct ee_agent_log_head head = {0};
    const struct ee_agent_event start = {
        .kind = EE_AGENT_EVENT_START, .network_id = {1}, .version = "0.1.0"};
    const struct ee_agent_event stop = {
        .sequence = 1, .kind = EE_AGENT_EVENT_STOP, .lease = {5}, .exit_code = 3};
    struct ee_writer w;
    ee_writer_init(&w, rig->log, sizeof(rig->log));
    ee_agent_log_head_write(&w, &head);
    if (!event_add(rig, &w, &start) || !event_add(rig, &w, &stop))
        return false;
    rig->log_size = w.size;
    return w.err == EE_OK;
}

static bool evidence_make(struct rig *rig)
{
    uint8_t bytes[EE_CLAIMS_SIZE_MAX], root[32];
    struct ee_evidence evidence = {.size = 1};
    memset(rig->drawn, 7, sizeof(rig->drawn));
    ee_verify_caller_nonce(rig->drawn, evidence.nonce.bytes);
    if (!claims_make(rig, bytes, sizeof(bytes), &evidence.claims) ||
        ee_verify_freshness_root(evidence.nonce.bytes, 0, 1, NULL, 0, root) != EE_VERIFY_OK)
        return false;
    ee_verify_report_data(evidence.claims.data, evidence.claims.size, root, rig->report_data);
    if (ee_sim_quote_write(CRYPTO, &rig->platform, &rig->td, rig->report_data, EE_SIM_QUOTE_V5_TD15,
                           rig->quote, sizeof(rig->quote), &rig->quote_size) != EE_OK)
        return false;
    evidence.quote = ee_bytes_of(rig->quote, rig->quote_size);
    evidence.event_log = ee_bytes_of(rig->log, rig->log_size);
    evidence.collateral = ee_bytes_of(rig->collateral, rig->collateral_size);
    return ee_evidence_encode(CRYPTO, &evidence, rig->evidence, sizeof(rig->evidence),
                              &rig->evidence_size) == EE_OK;
}

static bool context_make(struct rig *rig, const struct ee_verify_limits *limits)
{
    size_t context_size = ee_verify_context_size(limits);
    size_t result_size = ee_verify_result_size();
    void *memory = malloc(context_size);
    rig->context = memory ? ee_verify_context_init(memory, context_size, limits) : NULL;
    memory = malloc(result_size);
    rig->result = memory ? ee_verify_result_init(memory, result_size) : NULL;
    return rig->context && rig->result &&
           ee_verify_context_set_roots(rig->context, ee_sim_authority_root_key(&rig->authority),
                                       1) == EE_VERIFY_OK;
}

struct rig *rig_new(uint32_t faults, const struct ee_verify_limits *limits)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    if (!rig)
        return NULL;
    ee_sim_td_for_program(CRYPTO, "ee-agent", "0.1.0", &rig->td);
    if (ee_sim_authority_init(&rig->authority, CRYPTO, seed) != EE_OK ||
        ee_sim_platform_init(&rig->platform, CRYPTO, &rig->authority, seed, 8, faults) != EE_OK ||
        ee_sim_collateral_write(CRYPTO, &rig->authority, &rig->platform, RIG_NOW_S - 3600,
                                rig->collateral, sizeof(rig->collateral),
                                &rig->collateral_size) != EE_OK ||
        !log_make(rig) || !evidence_make(rig) || !context_make(rig, limits)) {
        rig_free(rig);
        return NULL;
    }
    ee_verify_measurement_digest(rig->td.mrtd, rig->td.rtmr[0], rig->td.rtmr[1], rig->td.rtmr[2],
                                 rig->digest);
    return rig;
}

void rig_free(struct rig *rig)
{
    if (!rig)
        return;
    free(rig->context);
    free(rig->result);
    free(rig);
}

struct ee_verify_quote_request rig_quote_request(const struct rig *rig)
{
    return (struct ee_verify_quote_request){.struct_size = sizeof(struct ee_verify_quote_request),
                                            .quote = rig->quote,
                                            .quote_size = rig->quote_size,
                                            .collateral = rig->collateral,
                                            .collateral_size = rig->collateral_size,
                                            .time_s = RIG_NOW_S,
                                            .report_data = rig->report_data};
}

struct ee_verify_evidence_request rig_evidence_request(struct rig *rig, const uint8_t nonce[32])
{
    return (struct ee_verify_evidence_request){.struct_size =
                                                   sizeof(struct ee_verify_evidence_request),
                                               .evidence = rig->evidence,
                                               .evidence_size = rig->evidence_size,
                                               .memory = rig->memory,
                                               .memory_size = sizeof(rig->memory),
                                               .time_s = RIG_NOW_S,
                                               .allow_simulated = true,
                                               .network_id = rig->claims.network_id,
                                               .role = EE_VERIFY_ROLE_AGENT,
                                               .measurements = rig->digest,
                                               .measurement_count = 1,
                                               .nonce_kind = EE_VERIFY_NONCE_CALLER,
                                               .nonce = nonce,
                                               .tls_key_hash = rig->claims.tls_key_hash};
}
