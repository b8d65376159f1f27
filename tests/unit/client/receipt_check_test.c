/* SPDX-License-Identifier: Apache-2.0 */
/* A receipt file against a genesis, with evidence of a simulated control plane. */
#include <stdlib.h>

#include "client/receipt_check.h"
#include "sim/collateral.h"
#include "sim/quote.h"
#include "tap.h"

#include "../core/receipt_fixture.h"

#include "base/banned.h"

#define CRYPTO (&ee_crypto_openssl)
enum { NOW_S = 1790000000, HOUR_S = 3600, DAY_S = 86400 };

static struct receipt_fixture f;
static struct ee_sim_authority authority;
static struct ee_sim_platform platform;
static struct ee_sim_td td;
static struct ee_trust trust;
static uint8_t genesis_bytes[EE_GENESIS_SIZE_MAX];
static uint8_t quote[EE_SIM_QUOTE_MAX];
static uint8_t claims_bytes[EE_CLAIMS_SIZE_MAX];
static char collateral[EE_SIM_COLLATERAL_MAX];
static char evidence_text[EE_EVIDENCE_TEXT_MAX];
static struct ee_claims claims;
static struct ee_receipt_checked checked;

/* A network that knows the simulated root and the control plane's code. */
static bool trust_make(void)
{
    const uint8_t seed[32] = {'r', 'c'};
    struct ee_measurement measurement;
    struct ee_genesis genesis = {
        .kind = EE_NETWORK_DEVELOPMENT,
        .name = "test",
        .founding_key = {1},
        .issuer_key = {2},
        .mint_daily_cap = {1000000},
        .profile = EE_PROFILE_DEVELOPMENT,
        .root_count = 1,
        .allow_count = 1,
        .allow = {{.role = EE_ROLE_CONTROL, .label = "ee-control"}},
    };
    struct ee_writer w;
    ee_sim_td_for_program(CRYPTO, "ee-control", "0.1.0", &td);
    ee_sim_td_measurement(&td, &measurement);
    ee_measurement_digest(CRYPTO, &measurement, genesis.allow[0].measurement);
    if (ee_sim_authority_init(&authority, CRYPTO, seed) != EE_OK ||
        ee_sim_platform_init(&platform, CRYPTO, &authority, seed, 8, EE_SIM_HEALTHY) != EE_OK)
        return false;
    memcpy(genesis.roots[0].public_key, ee_sim_authority_root_key(&authority), EE_P256_POINT_SIZE);
    genesis.roots[0].simulated = 1;
    ee_writer_init(&w, genesis_bytes, sizeof(genesis_bytes));
    return ee_genesis_encode(&genesis, &w) == EE_OK &&
           ee_trust_init(CRYPTO, ee_writer_done(&w), &trust) == EE_OK;
}

static void claims_make(void)
{
    claims = (struct ee_claims){.role = EE_ROLE_CONTROL,
                                .identity = {2},
                                .tls_key_hash = {3},
                                .ledger_size = 2,
                                .ledger_root = {4},
                                .epoch = 1,
                                .software_version = "0.1.0",
                                .vcpus = 2};
    memcpy(claims.network_id, trust.network_id, 32);
    (void)CRYPTO->ed25519_public(f.seed, claims.checkpoint_key);
}

/* Evidence with the claims as they are now. */
static struct ee_bytes evidence_make(void)
{
    struct ee_evidence evidence = {.nonce = {{9}}, .size = 1};
    struct ee_tlog_hash root;
    uint8_t report_data[EE_REPORT_DATA_SIZE];
    size_t size = 0;
    if (ee_claims_encode(&claims, claims_bytes, sizeof(claims_bytes), &size) != EE_OK)
        abort();
    evidence.claims = ee_bytes_of(claims_bytes, size);
    if (ee_freshness_root(CRYPTO, &evidence.nonce, 0, 1, NULL, 0, &root) != EE_OK)
        abort();
    ee_freshness_report_data(CRYPTO, evidence.claims, &root, report_data);
    if (ee_sim_quote_write(CRYPTO, &platform, &td, report_data, EE_SIM_QUOTE_V4, quote,
                           sizeof(quote), &size) != EE_OK)
        abort();
    evidence.quote = ee_bytes_of(quote, size);
    if (ee_sim_collateral_write(CRYPTO, &authority, &platform, NOW_S - HOUR_S, collateral,
                                sizeof(collateral), &size) != EE_OK)
        abort();
    evidence.collateral = ee_bytes_of(collateral, size);
    if (ee_evidence_encode(CRYPTO, &evidence, evidence_text, sizeof(evidence_text), &size) != EE_OK)
        abort();
    return ee_bytes_of(evidence_text, size);
}

static bool setup(void)
{
    receipt_fixture_init(&f);
    if (!trust_make())
        return false;
    memcpy(f.network_id, trust.network_id, 32);
    claims_make();
    return true;
}

static enum ee_err check_at(int64_t time_s)
{
    if (receipt_fixture_make(&f, evidence_make()) != EE_OK)
        return EE_CRYPTO;
    struct ee_bytes file = receipt_fixture_file(&f);
    enum ee_err err = ee_receipt_check(CRYPTO, &trust, file, time_s, NULL, &checked);
    free((void *)(uintptr_t)file.data);
    return err;
}

static void settlement_is_proven_offline(void)
{
    REQUIRE(setup());
    REQUIRE(check_at(NOW_S) == EE_OK);
    CHECK(checked.is_settlement && checked.settlement.settle.paid.micros == 28);
    CHECK(checked.fact.command.seq == FIXTURE_INDEX + 1);
    CHECK(checked.fact.command.payload.size > 0 &&
          checked.fact.command.payload.data[0] == f.payload[0]); /* still to be read */
    CHECK(checked.signer.simulated && checked.signer.claims.role == EE_ROLE_CONTROL);
    ee_receipt_checked_free(&checked);
}

static void refusals_name_what_is_wrong(void)
{
    REQUIRE(setup());
    CHECK(check_at(NOW_S + 365 * DAY_S) == EE_EXPIRED);
    claims.checkpoint_key[0] ^= 1; /* another signer than the checkpoint's */
    CHECK(check_at(NOW_S) == EE_CHECKPOINT);
    claims_make();
    claims.network_id[0] ^= 1;
    CHECK(check_at(NOW_S) == EE_WRONG_NETWORK);
    claims_make();
    claims.ledger_size = FIXTURE_LEAVES + 1; /* the log was longer once */
    CHECK(check_at(NOW_S) == EE_CHECKPOINT);
    claims.ledger_size = FIXTURE_LEAVES; /* as long, with another root */
    CHECK(check_at(NOW_S) == EE_CHECKPOINT);
    claims_make();
    trust.allowed[0].digest[0] ^= 1;
    CHECK(check_at(NOW_S) == EE_MEASUREMENT);
    trust.allowed[0].digest[0] ^= 1;
    trust.genesis.kind = EE_NETWORK_PRODUCTION;
    CHECK(check_at(NOW_S) == EE_SIMULATED_REFUSED);
    trust.genesis.kind = EE_NETWORK_DEVELOPMENT;
    f.checks.health[0] = EE_CHECK_MISSED; /* paid although a check was missed */
    CHECK(check_at(NOW_S) == EE_RECEIPT);
}

static void agent_cannot_sign_for_the_control_plane(void)
{
    REQUIRE(setup());
    claims.role = EE_ROLE_AGENT;
    memset(claims.checkpoint_key, 0, sizeof(claims.checkpoint_key));
    claims.sealing_key[0] = 1;
    memcpy(claims.node_name, "node-1", 7);
    CHECK(check_at(NOW_S) == EE_WRONG_ROLE);
}

static void flipped_bytes_of_the_file_are_refused(void)
{
    REQUIRE(setup());
    REQUIRE(receipt_fixture_make(&f, evidence_make()) == EE_OK);
    struct ee_bytes file = receipt_fixture_file(&f);
    uint8_t *bytes = malloc(file.size);
    memcpy(bytes, file.data, file.size);
    for (size_t i = 0; i < file.size; i += 499) { /* every byte: core/receipt */
        bytes[i] ^= 1;
        CHECK(ee_receipt_check(CRYPTO, &trust, ee_bytes_of(bytes, file.size), NOW_S, NULL,
                               &checked) != EE_OK);
        bytes[i] ^= 1;
    }
    free(bytes);
    free((void *)(uintptr_t)file.data);
}

TESTS(TEST(settlement_is_proven_offline), TEST(refusals_name_what_is_wrong),
      TEST(agent_cannot_sign_for_the_control_plane), TEST(flipped_bytes_of_the_file_are_refused))
