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

/* ---- what the signer was accepted under ---- */

static const uint8_t founder_seed[32] = {'f'}, old_key_seed[32] = {'o'};
static uint8_t change_bytes[3][EE_POLICY_CHANGE_SIZE_MAX + 512];

static struct ee_bytes change_command(size_t slot, enum ee_command_kind kind,
                                      struct ee_bytes payload)
{
    const struct ee_command command = {.core_version = EE_CORE_VERSION,
                                       .seq = 9,
                                       .actor_kind = EE_ACTOR_SYSTEM,
                                       .kind = kind,
                                       .payload = payload};
    struct ee_writer w;
    ee_writer_init(&w, change_bytes[slot], sizeof(change_bytes[slot]));
    if (ee_command_encode(&command, &w) != EE_OK)
        abort();
    return ee_writer_done(&w);
}

/* Allows the control plane's measurement, which the genesis does not list here. */
static struct ee_bytes allow_make(void)
{
    uint8_t message[512], payload[512];
    struct ee_writer w;
    struct ee_allow_change change = {.add = 1, .role = EE_ROLE_CONTROL, .label = "x", .number = 1};
    struct ee_measurement measurement;
    ee_sim_td_measurement(&td, &measurement);
    ee_measurement_digest(CRYPTO, &measurement, change.measurement);
    ee_writer_init(&w, message, sizeof(message));
    if (ee_allow_change_message(trust.network_id, &change, &w) != EE_OK ||
        !CRYPTO->ed25519_sign(founder_seed, ee_writer_done(&w), change.signature))
        abort();
    ee_writer_init(&w, payload, sizeof(payload));
    if (ee_allow_change_encode(&change, &w) != EE_OK)
        abort();
    return change_command(0, EE_COMMAND_ALLOW, ee_writer_done(&w));
}

/* A policy with a grace for what is out of date. */
static struct ee_bytes policy_make(void)
{
    static uint8_t policy_bytes[EE_POLICY_BYTES_MAX], message[EE_POLICY_CHANGE_SIZE_MAX],
        payload[EE_POLICY_CHANGE_SIZE_MAX];
    struct ee_attest_policy policy = ee_attest_policy_network;
    struct ee_policy_change change = {.number = 1};
    struct ee_writer w;
    policy.grace_days[EE_TCB_OUT_OF_DATE] = 3650;
    ee_writer_init(&w, policy_bytes, sizeof(policy_bytes));
    if (ee_attest_policy_encode(&policy, &w) != EE_OK)
        abort();
    change.policy = ee_writer_done(&w);
    ee_writer_init(&w, message, sizeof(message));
    if (ee_policy_change_message(trust.network_id, &change, &w) != EE_OK ||
        !CRYPTO->ed25519_sign(founder_seed, ee_writer_done(&w), change.signature))
        abort();
    ee_writer_init(&w, payload, sizeof(payload));
    if (ee_policy_change_encode(&change, &w) != EE_OK)
        abort();
    return change_command(1, EE_COMMAND_POLICY, ee_writer_done(&w));
}

/* From an old key to `new_key`. */
static struct ee_bytes succession_make(const uint8_t new_key[32])
{
    uint8_t message[512], payload[512];
    struct ee_writer w;
    struct ee_checkpoint_key key = {
        .number = 1, .evidence_hash = {1}, .signer = EE_SUCCESSION_BY_KEY};
    memcpy(key.new_key, new_key, 32);
    ee_writer_init(&w, message, sizeof(message));
    if (!CRYPTO->ed25519_public(old_key_seed, key.old_key) ||
        ee_checkpoint_key_message(trust.network_id, &key, &w) != EE_OK ||
        !CRYPTO->ed25519_sign(old_key_seed, ee_writer_done(&w), key.signature))
        abort();
    ee_writer_init(&w, payload, sizeof(payload));
    if (ee_checkpoint_key_encode(&key, &w) != EE_OK)
        abort();
    return change_command(2, EE_COMMAND_CHECKPOINT_KEY, ee_writer_done(&w));
}

static bool setup_founded(void)
{
    return setup() && CRYPTO->ed25519_public(founder_seed, trust.genesis.founding_key);
}

static void receipt_brings_the_change_its_signer_is_allowed_by(void)
{
    REQUIRE(setup_founded());
    trust.allowed[0].digest[0] ^= 1;
    CHECK(check_at(NOW_S) == EE_MEASUREMENT);
    f.receipt.changes[f.receipt.change_count++] = allow_make();
    REQUIRE(check_at(NOW_S) == EE_OK);
    CHECK(checked.changes == 1 && checked.policy_change == 0 && checked.successions == 0);
    CHECK(trust.last_change == 0); /* the caller's stays as it is */
    ee_receipt_checked_free(&checked);
    change_bytes[0][f.receipt.changes[0].size - 1] ^= 1; /* of the signature */
    CHECK(check_at(NOW_S) == EE_SIGNATURE);
}

static void receipt_brings_the_policy_its_signer_is_accepted_by(void)
{
    const uint8_t seed[32] = {'r', 'c'};
    REQUIRE(setup_founded());
    REQUIRE(ee_sim_platform_init(&platform, CRYPTO, &authority, seed, 8,
                                 EE_SIM_PLATFORM_OUT_OF_DATE) == EE_OK);
    CHECK(check_at(NOW_S) == EE_TCB_REFUSED);
    f.receipt.changes[f.receipt.change_count++] = policy_make();
    REQUIRE(check_at(NOW_S) == EE_OK);
    CHECK(checked.policy_change == 1);
    ee_receipt_checked_free(&checked);
}

static void receipt_with_a_succession_that_does_not_lead_to_its_key(void)
{
    REQUIRE(setup_founded());
    f.receipt.changes[f.receipt.change_count++] = succession_make(claims.checkpoint_key);
    REQUIRE(check_at(NOW_S) == EE_OK);
    CHECK(checked.successions == 1);
    ee_receipt_checked_free(&checked);
    f.receipt.changes[0] = succession_make(founder_seed);
    CHECK(check_at(NOW_S) == EE_SUCCESSION);
}

static void receipt_with_a_command_that_changes_nothing_of_this(void)
{
    REQUIRE(setup_founded());
    f.receipt.changes[f.receipt.change_count++] =
        change_command(0, EE_COMMAND_TICK, ee_bytes_of(NULL, 0));
    CHECK(check_at(NOW_S) == EE_UNSUPPORTED);
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
      TEST(agent_cannot_sign_for_the_control_plane),
      TEST(receipt_brings_the_change_its_signer_is_allowed_by),
      TEST(receipt_brings_the_policy_its_signer_is_accepted_by),
      TEST(receipt_with_a_succession_that_does_not_lead_to_its_key),
      TEST(receipt_with_a_command_that_changes_nothing_of_this),
      TEST(flipped_bytes_of_the_file_are_refused))
