/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/core/network.h"

#include "tap.h"

static struct network n;

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

static enum ee_err send_enrol(const char *operator_name, const struct ee_node_enrol *enrol)
{
    return NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, operator_name, EE_COMMAND_NODE_ENROL, node_enrol,
                        enrol);
}

static enum ee_err send_admit(const struct ee_node_admit *admit)
{
    return NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_NODE_ADMIT, node_admit, admit);
}

static void enrolment_by_a_user_or_with_a_forged_signature(void)
{
    struct ee_node_enrol enrol;
    open_network();
    network_enrol_make(&n, "alice", "fresh", 4, 1, &enrol);
    CHECK(send_enrol("alice", &enrol) == EE_ACCOUNT_KIND);
    network_enrol_make(&n, "op-a", "fresh", 4, 1, &enrol);
    CHECK(send_enrol("op-b", &enrol) == EE_SIGNATURE); /* signed for another operator */
    enrol.agent_key[0] ^= 1;
    CHECK(send_enrol("op-a", &enrol) == EE_SIGNATURE);
    CHECK(ee_core_node(n.core, "fresh") == NULL);
    close_network();
}

static void enrolment_of_a_taken_name_platform_or_agent_key(void)
{
    struct ee_node_enrol enrol;
    open_network();
    CHECK(network_enrol(&n, "op-b", "cheap", 4, 1) == EE_NODE_EXISTS);
    network_enrol_make(&n, "op-a", "cheap", 4, 1, &enrol);
    uint8_t platform[16], key[32];
    memcpy(platform, enrol.platform_id, sizeof(platform));
    memcpy(key, enrol.agent_key, sizeof(key));
    struct ee_node_enrol other;
    for (int same_platform = 0; same_platform < 2; same_platform++) {
        uint8_t buffer[256];
        struct ee_writer w;
        network_enrol_make(&n, "op-b", "fresh", 4, 1, &other);
        if (same_platform)
            memcpy(other.platform_id, platform, sizeof(platform));
        else
            memcpy(other.agent_key, key, sizeof(key));
        ee_writer_init(&w, buffer, sizeof(buffer));
        CHECK(ee_node_enrol_message(ee_core_network_id(n.core), "op-b", &other, &w) == EE_OK);
        CHECK(ee_crypto_openssl.ed25519_sign(network_seed_operator, ee_writer_done(&w),
                                             other.signature));
        CHECK(send_enrol("op-b", &other) ==
              (same_platform ? EE_PLATFORM_TAKEN : EE_AGENT_KEY_TAKEN));
    }
    close_network();
}

/* An operator who learns another's platform and key gains nothing by enrolling them first. */
static void enrolment_of_what_no_evidence_proved_stands_in_nobodys_way(void)
{
    struct ee_node_enrol squat, owner;
    struct ee_node_admit admit, again;
    uint8_t buffer[256];
    struct ee_writer w;
    open_network();
    network_enrol_make(&n, "op-a", "fresh", 4, 1, &owner);
    network_enrol_make(&n, "op-b", "squat", 4, 1, &squat);
    memcpy(squat.platform_id, owner.platform_id, sizeof(squat.platform_id));
    memcpy(squat.agent_key, owner.agent_key, sizeof(squat.agent_key));
    ee_writer_init(&w, buffer, sizeof(buffer));
    CHECK(ee_node_enrol_message(ee_core_network_id(n.core), "op-b", &squat, &w) == EE_OK);
    CHECK(
        ee_crypto_openssl.ed25519_sign(network_seed_operator, ee_writer_done(&w), squat.signature));
    CHECK(send_enrol("op-b", &squat) == EE_OK);
    CHECK(send_enrol("op-a", &owner) == EE_OK);
    network_admit_make(&n, "fresh", 4, &admit);
    CHECK(send_admit(&admit) == EE_OK);
    network_admit_make(&n, "squat", 4, &again); /* the same platform and key proved again */
    CHECK(send_admit(&again) == EE_PLATFORM_TAKEN);
    CHECK(send_enrol("op-b", &squat) == EE_PLATFORM_TAKEN);
    close_network();
}

static void agent_key_changes_only_while_disconnected(void)
{
    struct ee_node_enrol enrol;
    uint8_t buffer[256];
    struct ee_writer w;
    open_network();
    network_enrol_make(&n, "op-a", "cheap", 2, 5, &enrol);
    CHECK(send_enrol("op-a", &enrol) == EE_OK); /* the same identity: offer and price change */
    CHECK(ee_core_node(n.core, "cheap")->vcpus == 2 && ee_core_node(n.core, "cheap")->admitted);
    enrol.agent_key[0] ^= 1;
    ee_writer_init(&w, buffer, sizeof(buffer));
    CHECK(ee_node_enrol_message(ee_core_network_id(n.core), "op-a", &enrol, &w) == EE_OK);
    CHECK(
        ee_crypto_openssl.ed25519_sign(network_seed_operator, ee_writer_done(&w), enrol.signature));
    CHECK(send_enrol("op-a", &enrol) == EE_STATE);
    CHECK(network_lost(&n, "cheap") == EE_OK);
    CHECK(send_enrol("op-a", &enrol) == EE_OK);
    CHECK(!ee_core_node(n.core, "cheap")->admitted && ee_core_node(n.core, "cheap")->epoch == 0);
    close_network();
}

static void price_is_set_by_the_nodes_operator_only(void)
{
    open_network();
    struct ee_node_price price = {.node = "cheap", .price_nanos = 7};
    CHECK(NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "op-b", EE_COMMAND_NODE_PRICE, node_price, &price) ==
          EE_NODE_UNKNOWN);
    CHECK(NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "alice", EE_COMMAND_NODE_PRICE, node_price, &price) ==
          EE_ACCOUNT_KIND);
    CHECK(NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "op-a", EE_COMMAND_NODE_PRICE, node_price, &price) ==
          EE_OK);
    CHECK(ee_core_node(n.core, "cheap")->price_nanos == 7);
    close_network();
}

static void admission_with_another_key_platform_or_measurement(void)
{
    struct ee_node_admit good, bad;
    open_network();
    network_admit_make(&n, "cheap", 8, &good);
    bad = good;
    bad.agent_key[3] ^= 1;
    CHECK(send_admit(&bad) == EE_WRONG_IDENTITY);
    bad = good;
    bad.platform_id[3] ^= 1;
    CHECK(send_admit(&bad) == EE_WRONG_IDENTITY);
    bad = good;
    bad.measurement[3] ^= 1;
    CHECK(send_admit(&bad) == EE_MEASUREMENT);
    bad = good;
    bad.epoch = ee_core_node(n.core, "cheap")->epoch;
    CHECK(send_admit(&bad) == EE_STATE);
    bad = good;
    bad.vcpus = 0;
    CHECK(send_admit(&bad) == EE_RANGE);
    bad = good;
    memcpy(bad.node, "fresh", 6);
    CHECK(send_admit(&bad) == EE_NODE_UNKNOWN);
    CHECK(send_admit(&good) == EE_OK);
    close_network();
}

static void simulated_agent_without_a_simulated_root(void)
{
    struct ee_genesis genesis;
    struct ee_command command = {.core_version = 1,
                                 .seq = 1,
                                 .time_us = 1,
                                 .actor_kind = EE_ACTOR_SYSTEM,
                                 .kind = EE_COMMAND_GENESIS};
    network_open(&n, EE_PROFILE_PRODUCTION, NULL);
    ee_core_free(n.core);
    n.core = ee_core_new(&ee_allocator_system, &ee_crypto_openssl, NULL);
    network_genesis(EE_PROFILE_PRODUCTION, &genesis);
    genesis.kind = EE_NETWORK_PRODUCTION;
    genesis.roots[0].simulated = 0;
    command.payload = network_payload(ee_genesis_encode(&genesis, network_writer()));
    CHECK(ee_core_apply(n.core, &command, &n.result) == EE_OK && n.result.err == EE_OK);
    CHECK(network_account(&n, "op-a", EE_ACCOUNT_OPERATOR) == EE_OK);
    CHECK(network_enrol(&n, "op-a", "cheap", 4, 1) == EE_OK);
    CHECK(network_admit(&n, "cheap", 8) == EE_SIMULATED_REFUSED);
    close_network();
}

static void end_of_an_older_session_changes_nothing(void)
{
    open_network();
    uint64_t epoch = ee_core_node(n.core, "cheap")->epoch;
    struct ee_node_lost lost = {.node = "cheap", .epoch = epoch - 1};
    CHECK(NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_NODE_LOST, node_lost, &lost) == EE_OK);
    CHECK(ee_core_node(n.core, "cheap")->connected);
    lost.epoch = epoch + 1;
    CHECK(NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_NODE_LOST, node_lost, &lost) ==
          EE_STATE);
    lost.epoch = epoch;
    uint64_t lost_at = n.now_us;
    CHECK(NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_NODE_LOST, node_lost, &lost) == EE_OK);
    CHECK(NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_NODE_LOST, node_lost, &lost) == EE_OK);
    CHECK(!ee_core_node(n.core, "cheap")->connected);
    CHECK(ee_core_node(n.core, "cheap")->lost_us == lost_at);
    CHECK(network_admit(&n, "cheap", 8) == EE_OK && ee_core_node(n.core, "cheap")->lost_us == 0);
    close_network();
}

TESTS(TEST(enrolment_by_a_user_or_with_a_forged_signature),
      TEST(enrolment_of_a_taken_name_platform_or_agent_key),
      TEST(enrolment_of_what_no_evidence_proved_stands_in_nobodys_way),
      TEST(agent_key_changes_only_while_disconnected),
      TEST(price_is_set_by_the_nodes_operator_only),
      TEST(admission_with_another_key_platform_or_measurement),
      TEST(simulated_agent_without_a_simulated_root), TEST(end_of_an_older_session_changes_nothing))
