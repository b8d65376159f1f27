/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles: one text for one bundle, each changed byte refused; the agent's log in evidence and in
 * bundles against RTMR3 of a simulated TD. */
#include "attest/bundle.h"

#include <stdlib.h>

#include "attest/agent_log.h"
#include "io/crypto_openssl.h"
#include "sim/collateral.h"
#include "sim/quote.h"
#include "tap.h"

#define CRYPTO (&ee_crypto_openssl)
enum { NOW_S = 1790000000, HOUR_S = 3600, MEMORY = 512 * 1024 };

static const uint8_t seed[32] = {'b', 'u'};
static struct ee_sim_authority authority;
static struct ee_sim_platform platform;
static struct ee_sim_td td;
static uint8_t quote[EE_SIM_QUOTE_MAX], claims_bytes[EE_CLAIMS_SIZE_MAX], log_bytes[1024];
static char collateral[EE_SIM_COLLATERAL_MAX], text[MEMORY];
static uint8_t memory[MEMORY], scratch[MEMORY];
static size_t text_size;
static struct ee_bundle bundle, decoded;
static uint8_t roots[1][EE_P256_POINT_SIZE];
static struct ee_measurement_allowed allowed[1];
static struct ee_evidence_policy policy;
static struct ee_evidence_verdict verdict;

/* An agent that started one deployment; RTMR3 of the TD is extended by it. */
static void make_log(void)
{
    struct ee_writer w;
    const struct ee_agent_log_head head = {0};
    struct ee_agent_event events[2] = {
        {.sequence = 0, .kind = EE_AGENT_EVENT_START, .version = "0.1.0"},
        {.sequence = 1, .kind = EE_AGENT_EVENT_DEPLOYMENT, .lease = {7}, .deployment_hash = {8}}};
    ee_writer_init(&w, log_bytes, sizeof(log_bytes));
    ee_agent_log_head_write(&w, &head);
    for (size_t i = 0; i < 2; i++) {
        uint8_t bytes[EE_AGENT_EVENT_SIZE_MAX], digest[48];
        size_t size = 0;
        CHECK(ee_agent_event_encode(&events[i], bytes, sizeof(bytes), &size) == EE_OK);
        ee_writer_block(&w, ee_bytes_of(bytes, size));
        ee_agent_event_digest(CRYPTO, ee_bytes_of(bytes, size), digest);
        CHECK(ee_sim_td_extend(CRYPTO, &td, 3, digest) == EE_OK);
    }
    bundle.agent_log = ee_writer_done(&w);
}

static void make_claims(void)
{
    size_t size = 0;
    struct ee_claims claims = {.role = EE_ROLE_AGENT,
                               .node_name = "node-1",
                               .sealing_key = {4},
                               .software_version = "0.1.0",
                               .vcpus = 8};
    memset(claims.network_id, 1, 32);
    memset(claims.identity, 2, 32);
    memset(claims.tls_key_hash, 3, 32);
    CHECK(ee_claims_encode(&claims, claims_bytes, sizeof(claims_bytes), &size) == EE_OK);
    bundle.claims = ee_bytes_of(claims_bytes, size);
    bundle.size = 1;
    memset(&bundle.nonce, 0x10, sizeof(bundle.nonce));
}

static void make_policy(void)
{
    struct ee_measurement measurement;
    memcpy(roots[0], ee_sim_authority_root_key(&authority), sizeof(roots[0]));
    ee_sim_td_measurement(&td, &measurement);
    allowed[0].role = EE_ROLE_AGENT;
    ee_measurement_digest(CRYPTO, &measurement, allowed[0].digest);
    policy = (struct ee_evidence_policy){.roots = (const uint8_t(*)[EE_P256_POINT_SIZE])roots,
                                         .root_count = 1,
                                         .allow_simulated = true,
                                         .time_s = NOW_S,
                                         .allow_own_collateral = true,
                                         .role = EE_ROLE_AGENT,
                                         .allowed = allowed,
                                         .allowed_count = 1,
                                         .nonce_kind = EE_NONCE_ANY};
    memset(policy.network_id, 1, 32);
}

static bool make_quote(void)
{
    uint8_t report_data[64];
    size_t size, collateral_size;
    struct ee_tlog_hash leaf;
    ee_freshness_leaves(CRYPTO, &bundle.nonce, 1, &leaf);
    ee_freshness_report_data(CRYPTO, bundle.claims, &leaf, report_data);
    if (ee_sim_quote_write(CRYPTO, &platform, &td, report_data, EE_SIM_QUOTE_V4, quote,
                           sizeof(quote), &size) != EE_OK ||
        ee_sim_collateral_write(CRYPTO, &authority, &platform, NOW_S - HOUR_S, collateral,
                                sizeof(collateral), &collateral_size) != EE_OK)
        return false;
    bundle.quote = ee_bytes_of(quote, size);
    bundle.collateral = ee_bytes_of(collateral, collateral_size);
    return true;
}

static bool make(void)
{
    memset(&bundle, 0, sizeof(bundle));
    bundle.time_s = NOW_S;
    bundle.changes[0] = ee_bytes_str("a signed change");
    bundle.changes[1] = ee_bytes_str("");
    bundle.change_count = 2;
    ee_sim_td_for_program(CRYPTO, "ee-agent", "0.1.0", &td);
    make_claims();
    make_log();
    if (ee_sim_authority_init(&authority, CRYPTO, seed) != EE_OK ||
        ee_sim_platform_init(&platform, CRYPTO, &authority, seed, 8, EE_SIM_HEALTHY) != EE_OK ||
        !make_quote())
        return false;
    make_policy();
    return true;
}

static enum ee_err encode(void)
{
    return ee_bundle_encode(CRYPTO, &bundle, text, sizeof(text), &text_size);
}

static enum ee_err decode(size_t size)
{
    return ee_bundle_decode(CRYPTO, ee_bytes_of(text, size), memory, size, &decoded);
}

static enum ee_err verify(void)
{
    struct ee_evidence evidence;
    ee_bundle_evidence(&bundle, &evidence);
    return ee_evidence_verify(CRYPTO, &evidence, &policy, scratch, sizeof(scratch), &verdict);
}

static void a_bundle_comes_back_as_it_was(void)
{
    REQUIRE(make() && encode() == EE_OK);
    CHECK(text_size < ee_bundle_text_size(&bundle));
    CHECK(ee_bundle_looks_like(ee_bytes_of(text, text_size)));
    CHECK(!ee_bundle_looks_like(ee_bytes_str("{\"format\":\"ee-evidence-1\"")));
    REQUIRE(decode(text_size) == EE_OK);
    CHECK(ee_bytes_equal(decoded.quote, bundle.quote) && decoded.time_s == NOW_S);
    CHECK(ee_bytes_equal(decoded.agent_log, bundle.agent_log) && decoded.change_count == 2);
    CHECK(ee_bytes_equal(decoded.changes[0], bundle.changes[0]) && decoded.changes[1].size == 0);
    CHECK(ee_bytes_equal(decoded.collateral, bundle.collateral) && decoded.size == 1);
}

static void changed_bytes_and_prefixes_are_refused(void)
{
    REQUIRE(make() && encode() == EE_OK);
    for (size_t i = 0; i < text_size; i += i < 200 || i > text_size - 1200 ? 1 : 7) {
        text[i] ^= 1;
        CHECK(decode(text_size) != EE_OK && decoded.quote.size == 0);
        text[i] ^= 1;
    }
    for (size_t size = 0; size < text_size; size += 211)
        CHECK(decode(size) != EE_OK);
    CHECK(decode(text_size) == EE_OK);
}

static void bundles_that_cannot_be(void)
{
    REQUIRE(make());
    bundle.time_s = -1;
    CHECK(encode() == EE_RANGE);
    bundle.time_s = NOW_S;
    bundle.size = 0; /* claims without the place of their nonce */
    CHECK(encode() == EE_RANGE);
    bundle.claims.size = 0; /* a nonce without claims */
    CHECK(encode() == EE_RANGE);
    memset(&bundle.nonce, 0, sizeof(bundle.nonce));
    CHECK(encode() == EE_OK);
    bundle.change_count = EE_BUNDLE_CHANGES_MAX + 1;
    CHECK(encode() == EE_TOO_LARGE);
    bundle.change_count = 0;
    bundle.ccel.size = EE_EVENTLOG_TCG2_MAX + 1;
    CHECK(encode() == EE_TOO_LARGE);
    bundle.ccel.size = 0;
    CHECK(ee_bundle_encode(CRYPTO, &bundle, text, 100, &text_size) == EE_TOO_LARGE);
}

static void changes_up_to_their_limit(void)
{
    REQUIRE(make());
    for (size_t i = 0; i < EE_BUNDLE_CHANGES_MAX; i++)
        bundle.changes[i] = ee_bytes_str("c");
    bundle.change_count = EE_BUNDLE_CHANGES_MAX;
    REQUIRE(encode() == EE_OK);
    CHECK(decode(text_size) == EE_OK && decoded.change_count == EE_BUNDLE_CHANGES_MAX);
}

static void logs_must_replay_to_the_quote(void)
{
    struct ee_bundle_registers registers;
    struct ee_finding finding;
    struct ee_quote parts;
    REQUIRE(make());
    REQUIRE(ee_attest_quote_decode(bundle.quote, &parts, NULL) == EE_REASON_NONE);
    CHECK(ee_bundle_logs_check(CRYPTO, &bundle, &parts.td, scratch, sizeof(scratch), &registers,
                               &finding) == EE_REASON_NONE);
    CHECK(registers.explained_by[3] == EE_EVENTLOG_AGENT && registers.explained_by[0] == 0 &&
          !registers.zero[3]);
    bundle.dstack = ee_bytes_str("[]");
    CHECK(ee_bundle_logs_check(CRYPTO, &bundle, &parts.td, scratch, sizeof(scratch), &registers,
                               &finding) == EE_REASON_EVENTLOG_MISMATCH);
    CHECK(finding.have == 3 && strcmp(finding.label, "dstack") == 0);
    bundle.dstack.size = 0;
    bundle.ccel = ee_bytes_str("no log");
    CHECK(ee_bundle_logs_check(CRYPTO, &bundle, &parts.td, scratch, sizeof(scratch), &registers,
                               &finding) == EE_REASON_EVENTLOG_HEADER);
}

/* ---- the log in evidence ---- */

static void evidence_shows_what_its_log_says(void)
{
    REQUIRE(make() && verify() == EE_OK);
    CHECK(verdict.log.present && verdict.log.complete && verdict.log.event_count == 2);
    CHECK(verdict.proof == EE_EVIDENCE_VALID);
}

static void evidence_with_a_log_that_does_not_replay(void)
{
    REQUIRE(make());
    log_bytes[bundle.agent_log.size - 1] ^= 1;
    CHECK(verify() == EE_EVENT_LOG && verdict.finding.reason == EE_REASON_EVENTLOG_MISMATCH);
    policy.allow_unlogged = true; /* not needed, but if it is there it must hold */
    CHECK(verify() == EE_EVENT_LOG);
    bundle.agent_log.size--;
    CHECK(verify() == EE_EVENT_LOG && verdict.finding.reason == EE_REASON_EVENTLOG_TRUNCATED);
}

static void evidence_without_the_log_of_an_extended_register(void)
{
    REQUIRE(make());
    bundle.agent_log.size = 0;
    CHECK(verify() == EE_EVENT_LOG && verdict.finding.reason == EE_REASON_EVENTLOG_MISSING);
    policy.allow_unlogged = true;
    CHECK(verify() == EE_OK && !verdict.log.present);
    policy.allow_unlogged = false;
    memset(td.rtmr[3], 0, sizeof(td.rtmr[3])); /* nothing was extended, so nothing is to be said */
    REQUIRE(make_quote());
    CHECK(verify() == EE_OK && !verdict.log.present);
}

TESTS(TEST(a_bundle_comes_back_as_it_was), TEST(changed_bytes_and_prefixes_are_refused),
      TEST(bundles_that_cannot_be), TEST(changes_up_to_their_limit),
      TEST(logs_must_replay_to_the_quote), TEST(evidence_shows_what_its_log_says),
      TEST(evidence_with_a_log_that_does_not_replay),
      TEST(evidence_without_the_log_of_an_extended_register))
