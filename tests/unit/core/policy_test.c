/* SPDX-License-Identifier: Apache-2.0 */
/* The attestation policy of a network: changed by the founding key alone, in order, logged; and how
 * a holder of the genesis follows. */
#include "core/trust.h"
#include "unit/core/network.h"

#include "tap.h"

#define CRYPTO (&ee_crypto_openssl)

static struct network n;
static struct ee_trust trust;
static uint8_t policy_bytes[EE_POLICY_BYTES_MAX];

static void open_network(void)
{
    network_open(&n, EE_PROFILE_DEVELOPMENT, NULL);
    network_populate(&n);
}

static void close_network(void)
{
    CHECK(n.broken == NULL);
    network_close(&n);
}

/* A signed change to a policy that needs this evaluation number. */
static void change_make(uint64_t number, uint32_t evaluation, const uint8_t seed[32],
                        const uint8_t network_id[32], struct ee_policy_change *out)
{
    static uint8_t message_bytes[EE_POLICY_CHANGE_SIZE_MAX];
    struct ee_attest_policy policy = ee_attest_policy_network;
    struct ee_writer w;
    policy.min_tcb_evaluation = evaluation;
    memset(out, 0, sizeof(*out));
    ee_writer_init(&w, policy_bytes, sizeof(policy_bytes));
    CHECK(ee_attest_policy_encode(&policy, &w) == EE_OK);
    out->number = number;
    out->policy = ee_writer_done(&w);
    ee_writer_init(&w, message_bytes, sizeof(message_bytes));
    CHECK(ee_policy_change_message(network_id, out, &w) == EE_OK);
    CHECK(CRYPTO->ed25519_sign(seed, ee_writer_done(&w), out->signature));
}

static enum ee_err send(uint64_t number, uint32_t evaluation, const uint8_t seed[32])
{
    struct ee_policy_change change;
    change_make(number, evaluation, seed, ee_core_network_id(n.core), &change);
    return NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "bob", EE_COMMAND_POLICY, policy_change, &change);
}

static void policy_changes_only_by_the_founding_key_in_order(void)
{
    uint8_t before[32], after[32], hash[32];
    open_network();
    ee_core_state_hash(n.core, before);
    CHECK(ee_core_policy_change(n.core, 0) == NULL);
    CHECK(send(1, 18, network_seed_issuer) == EE_SIGNATURE);
    CHECK(send(2, 18, network_seed_founder) == EE_STATE);
    CHECK(send(1, 18, network_seed_founder) == EE_OK);
    const struct ee_policy_applied *applied = ee_core_policy_change(n.core, 0);
    REQUIRE(applied != NULL && applied->seq == ee_core_seq(n.core));
    struct ee_attest_policy policy = ee_attest_policy_network;
    struct ee_writer w;
    policy.min_tcb_evaluation = 18;
    ee_writer_init(&w, policy_bytes, sizeof(policy_bytes));
    CHECK(ee_attest_policy_encode(&policy, &w) == EE_OK);
    const struct ee_bytes encoded = ee_writer_done(&w);
    CRYPTO->sha256(&encoded, 1, hash);
    CHECK(memcmp(applied->hash, hash, 32) == 0);
    CHECK(send(1, 18, network_seed_founder) == EE_STATE); /* a replay */
    CHECK(send(2, 17, network_seed_founder) == EE_OK);    /* the founder may also lower it */
    CHECK(ee_core_policy_change(n.core, 2) == NULL);
    ee_core_state_hash(n.core, after);
    CHECK(memcmp(before, after, 32) != 0);
    CHECK(network_replay(&n, hash) && memcmp(hash, after, 32) == 0);
    close_network();
}

static void payload_that_is_no_policy_takes_no_place(void)
{
    open_network();
    uint64_t seq = ee_core_seq(n.core);
    CHECK(network_submit(&n, EE_ACTOR_ACCOUNT, "bob", EE_COMMAND_POLICY, ee_bytes_of("x", 1)) !=
          EE_OK);
    CHECK(ee_core_seq(n.core) == seq);
    close_network();
}

/* ---- followers ---- */

static void trust_make(void)
{
    struct ee_genesis genesis;
    uint8_t bytes[EE_GENESIS_SIZE_MAX];
    struct ee_writer w;
    network_genesis(EE_PROFILE_DEVELOPMENT, &genesis);
    ee_writer_init(&w, bytes, sizeof(bytes));
    CHECK(ee_genesis_encode(&genesis, &w) == EE_OK);
    CHECK(ee_trust_init(CRYPTO, ee_writer_done(&w), &trust) == EE_OK);
}

static void follower_starts_from_the_default_and_takes_the_newest(void)
{
    struct ee_policy_change change;
    struct ee_evidence_policy evidence;
    trust_make();
    CHECK(trust.last_policy == 0 && trust.policy.min_tcb_evaluation == 0);
    CHECK(trust.policy.statuses == 1u << EE_TCB_UP_TO_DATE);
    change_make(3, 18, network_seed_founder, trust.network_id, &change);
    CHECK(ee_trust_policy_change(CRYPTO, &trust, &change) == EE_OK); /* 1 and 2 were missed */
    CHECK(trust.last_policy == 3 && trust.policy.min_tcb_evaluation == 18);
    ee_trust_policy(&trust, EE_ROLE_AGENT, 1, &evidence);
    CHECK(evidence.tcb == &trust.policy);
    change_make(2, 5, network_seed_founder, trust.network_id, &change);
    CHECK(ee_trust_policy_change(CRYPTO, &trust, &change) == EE_OK); /* older: no step back */
    CHECK(trust.last_policy == 3 && trust.policy.min_tcb_evaluation == 18);
}

static void changes_a_follower_refuses(void)
{
    struct ee_policy_change change;
    uint8_t other[32];
    trust_make();
    change_make(1, 18, network_seed_issuer, trust.network_id, &change);
    CHECK(ee_trust_policy_change(CRYPTO, &trust, &change) == EE_SIGNATURE);
    memcpy(other, trust.network_id, 32);
    other[0] ^= 1;
    change_make(1, 18, network_seed_founder, other, &change);
    CHECK(ee_trust_policy_change(CRYPTO, &trust, &change) == EE_SIGNATURE);
    change_make(1, 18, network_seed_founder, trust.network_id, &change);
    change.number = 2; /* signed as another number */
    CHECK(ee_trust_policy_change(CRYPTO, &trust, &change) == EE_SIGNATURE);
    CHECK(trust.last_policy == 0 && trust.policy.min_tcb_evaluation == 0);
}

static void commands_of_either_kind_and_of_no_kind(void)
{
    uint8_t bytes[EE_POLICY_CHANGE_SIZE_MAX];
    struct ee_policy_change change;
    struct ee_writer w;
    struct ee_command command = {.kind = EE_COMMAND_POLICY};
    trust_make();
    change_make(1, 18, network_seed_founder, trust.network_id, &change);
    ee_writer_init(&w, bytes, sizeof(bytes));
    CHECK(ee_policy_change_encode(&change, &w) == EE_OK);
    command.payload = ee_writer_done(&w);
    CHECK(ee_trust_command(CRYPTO, &trust, &command) == EE_OK && trust.last_policy == 1);
    command.kind = EE_COMMAND_TICK;
    CHECK(ee_trust_command(CRYPTO, &trust, &command) == EE_UNSUPPORTED);
}

TESTS(TEST(policy_changes_only_by_the_founding_key_in_order),
      TEST(payload_that_is_no_policy_takes_no_place),
      TEST(follower_starts_from_the_default_and_takes_the_newest), TEST(changes_a_follower_refuses),
      TEST(commands_of_either_kind_and_of_no_kind))
