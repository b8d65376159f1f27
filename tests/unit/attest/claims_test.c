/* SPDX-License-Identifier: Apache-2.0 */
/* Claims, measurements and freshness: the documents behind report data. */
#include "attest/claims.h"
#include "attest/freshness.h"

#include "io/crypto_openssl.h"
#include "tap.h"

#define CRYPTO (&ee_crypto_openssl)

static struct ee_claims agent_claims(void)
{
    struct ee_claims claims = {.role = EE_ROLE_AGENT,
                               .node_name = "node-1",
                               .ledger_size = 42,
                               .epoch = 3,
                               .software_version = "0.1.0",
                               .vcpus = 8};
    memset(claims.network_id, 1, 32);
    memset(claims.identity, 2, 32);
    memset(claims.tls_key_hash, 3, 32);
    memset(claims.sealing_key, 4, 32);
    memset(claims.ledger_root, 5, 32);
    return claims;
}

static struct ee_claims control_claims(void)
{
    struct ee_claims claims = agent_claims();
    claims.role = EE_ROLE_CONTROL;
    claims.node_name[0] = '\0';
    memset(claims.sealing_key, 0, 32);
    memset(claims.checkpoint_key, 6, 32);
    return claims;
}

static void claims_come_back_equal_in_each_role(void)
{
    struct ee_claims all[3] = {agent_claims(), control_claims(), control_claims()};
    all[2].role = EE_ROLE_WITNESS;
    memset(all[2].checkpoint_key, 0, 32);
    for (size_t i = 0; i < 3; i++) {
        uint8_t bytes[EE_CLAIMS_SIZE_MAX], again[EE_CLAIMS_SIZE_MAX];
        size_t size, again_size;
        struct ee_claims got;
        REQUIRE(ee_claims_encode(&all[i], bytes, sizeof(bytes), &size) == EE_OK);
        REQUIRE(ee_claims_decode(ee_bytes_of(bytes, size), &got) == EE_OK);
        CHECK(got.role == all[i].role && got.ledger_size == 42 && got.epoch == 3);
        CHECK(strcmp(got.node_name, all[i].node_name) == 0 && got.vcpus == 8);
        REQUIRE(ee_claims_encode(&got, again, sizeof(again), &again_size) == EE_OK);
        CHECK(size == again_size && memcmp(bytes, again, size) == 0);
    }
}

static void claims_with_fields_of_another_role_or_without_their_own(void)
{
    uint8_t bytes[EE_CLAIMS_SIZE_MAX];
    size_t size;
    struct ee_claims bad[9];
    for (size_t i = 0; i < 9; i++)
        bad[i] = i < 6 ? agent_claims() : control_claims();
    bad[0].node_name[0] = '\0';
    memset(bad[1].sealing_key, 0, 32);
    bad[2].checkpoint_key[0] = 1;
    bad[3].vcpus = 0;
    bad[4].software_version[0] = '\0';
    bad[5].role = (enum ee_role)4;
    memset(bad[6].checkpoint_key, 0, 32);
    bad[7].role = EE_ROLE_WITNESS;
    memset(bad[7].checkpoint_key, 0, 32);
    bad[7].sealing_key[31] = 1;
    bad[8].node_name[0] = 'n';
    for (size_t i = 0; i < 9; i++)
        CHECK(ee_claims_encode(&bad[i], bytes, sizeof(bytes), &size) == EE_RANGE);
    struct ee_claims claims = agent_claims();
    claims.node_name[0] = '-';
    CHECK(ee_claims_encode(&claims, bytes, sizeof(bytes), &size) == EE_NAME);
    claims = agent_claims();
    memset(claims.software_version, 'v', sizeof(claims.software_version));
    CHECK(ee_claims_encode(&claims, bytes, sizeof(bytes), &size) == EE_TOO_LARGE);
    claims = agent_claims();
    claims.software_version[1] = '\n';
    CHECK(ee_claims_encode(&claims, bytes, sizeof(bytes), &size) == EE_SYNTAX);
    claims = agent_claims();
    CHECK(ee_claims_encode(&claims, bytes, 50, &size) == EE_TOO_LARGE);
}

static void claims_cut_extended_or_of_another_role_number(void)
{
    uint8_t bytes[EE_CLAIMS_SIZE_MAX] = {0};
    size_t size;
    struct ee_claims claims = agent_claims(), got;
    REQUIRE(ee_claims_encode(&claims, bytes, sizeof(bytes), &size) == EE_OK);
    for (size_t i = 0; i < size; i++)
        CHECK(ee_claims_decode(ee_bytes_of(bytes, i), &got) == EE_TRUNCATED);
    CHECK(ee_claims_decode(ee_bytes_of(bytes, size + 1), &got) == EE_TRAILING);
    const size_t role_at = 12 + 32; /* after label, version and network id */
    bytes[role_at] = EE_ROLE_CONTROL;
    CHECK(ee_claims_decode(ee_bytes_of(bytes, size), &got) == EE_RANGE);
    bytes[role_at] = 9;
    CHECK(ee_claims_decode(ee_bytes_of(bytes, size), &got) == EE_UNSUPPORTED);
}

static void measurement_in_the_list_of_another_role_is_not_found(void)
{
    struct ee_measurement_allowed list[2] = {{.role = EE_ROLE_AGENT, .label = "a"},
                                             {.role = EE_ROLE_CONTROL, .label = "c"}};
    struct ee_measurement wanted, other;
    memset(&wanted, 0, sizeof(wanted));
    other = wanted;
    other.rtmr[2][47] = 1;
    ee_measurement_digest(CRYPTO, &other, list[0].digest);
    ee_measurement_digest(CRYPTO, &wanted, list[1].digest);
    CHECK(!ee_measurement_equal(&wanted, &other));
    CHECK(!ee_measurement_find(CRYPTO, list, 2, EE_ROLE_AGENT, &wanted));
    CHECK(ee_measurement_find(CRYPTO, list, 2, EE_ROLE_AGENT, &other) == &list[0]);
    CHECK(ee_measurement_find(CRYPTO, list, 2, EE_ROLE_CONTROL, &wanted) == &list[1]);
    CHECK(!ee_measurement_find(CRYPTO, list, 0, EE_ROLE_CONTROL, &wanted));
}

static void allow_list_row_comes_back_equal_and_an_unknown_role_is_refused(void)
{
    struct ee_measurement_allowed got, row = {.role = EE_ROLE_AGENT, .label = "ee-agent 0.1.0"};
    uint8_t buffer[512];
    struct ee_writer w;
    struct ee_cursor c;
    memset(row.digest, 7, sizeof(row.digest));
    ee_writer_init(&w, buffer, sizeof(buffer));
    ee_measurement_allowed_write(&w, &row);
    ee_cursor_init(&c, ee_writer_done(&w));
    ee_measurement_allowed_read(&c, &got);
    CHECK(ee_cursor_end(&c) == EE_OK && got.role == row.role && strcmp(got.label, row.label) == 0);
    CHECK(memcmp(got.digest, row.digest, sizeof(row.digest)) == 0);
    buffer[0] = 0;
    ee_cursor_init(&c, ee_writer_done(&w));
    ee_measurement_allowed_read(&c, &got);
    CHECK(c.err == EE_UNSUPPORTED);
}

static void measurement_comes_back_equal(void)
{
    struct ee_measurement measurement, got;
    uint8_t buffer[EE_MEASUREMENT_ENCODED_SIZE];
    struct ee_writer w;
    struct ee_cursor c;
    memset(&measurement, 0, sizeof(measurement));
    measurement.mrtd[0] = 1;
    measurement.rtmr[2][47] = 2;
    ee_writer_init(&w, buffer, sizeof(buffer));
    ee_measurement_write(&w, &measurement);
    ee_cursor_init(&c, ee_writer_done(&w));
    ee_measurement_read(&c, &got);
    CHECK(ee_cursor_end(&c) == EE_OK && ee_measurement_equal(&got, &measurement));
}

static void each_nonce_of_a_quote_has_its_path_to_the_root(void)
{
    enum { COUNT = 13 };
    struct ee_nonce nonces[COUNT];
    struct ee_tlog_hash leaves[COUNT], root, got;
    struct ee_tlog_proof proof;
    for (size_t i = 0; i < COUNT; i++)
        memset(&nonces[i], (int)i + 1, sizeof(nonces[i]));
    ee_freshness_leaves(CRYPTO, nonces, COUNT, leaves);
    ee_tlog_root_of(CRYPTO, leaves, COUNT, &root);
    for (uint32_t i = 0; i < COUNT; i++) {
        REQUIRE(ee_tlog_path_of(CRYPTO, leaves, COUNT, i, &proof) == EE_OK);
        REQUIRE(ee_freshness_root(CRYPTO, &nonces[i], i, COUNT, proof.hashes, proof.count, &got) ==
                EE_OK);
        CHECK(memcmp(&got, &root, sizeof(root)) == 0);
        CHECK(ee_freshness_root(CRYPTO, &nonces[i], i, COUNT, proof.hashes, proof.count + 1,
                                &got) == EE_PROOF);
    }
    CHECK(ee_freshness_root(CRYPTO, &nonces[0], 0, 1025, NULL, 0, &got) == EE_RANGE);
    CHECK(ee_freshness_root(CRYPTO, &nonces[0], 0, 0, NULL, 0, &got) == EE_RANGE);
    CHECK(ee_freshness_root(CRYPTO, &nonces[0], 1, 1, NULL, 0, &got) == EE_RANGE);
}

static void channel_nonce_depends_on_each_field(void)
{
    struct ee_channel channel = {.role = EE_ROLE_AGENT}, other[4];
    struct ee_nonce nonce, got;
    memset(channel.challenge, 1, 32);
    memset(channel.exporter, 2, 32);
    memset(channel.asker_key_hash, 3, 32);
    for (size_t i = 0; i < 4; i++)
        other[i] = channel;
    other[0].challenge[0] ^= 1;
    other[1].exporter[0] ^= 1;
    other[2].asker_key_hash[0] ^= 1;
    other[3].role = EE_ROLE_CONTROL;
    ee_freshness_channel_nonce(CRYPTO, &channel, &nonce);
    for (size_t i = 0; i < 4; i++) {
        ee_freshness_channel_nonce(CRYPTO, &other[i], &got);
        CHECK(memcmp(&got, &nonce, sizeof(nonce)) != 0);
    }
}

/* Else key-bound evidence would be an oracle for channel-bound evidence. */
static void caller_nonce_is_neither_what_was_drawn_nor_a_channel_nonce(void)
{
    struct ee_channel channel = {.role = EE_ROLE_CONTROL};
    struct ee_nonce on_channel, of_caller, again;
    uint8_t other[32];
    ee_freshness_channel_nonce(CRYPTO, &channel, &on_channel);
    ee_freshness_caller_nonce(CRYPTO, on_channel.bytes, &of_caller);
    CHECK(memcmp(&of_caller, &on_channel, sizeof(of_caller)) != 0);
    memcpy(other, on_channel.bytes, sizeof(other));
    other[31] ^= 1;
    ee_freshness_caller_nonce(CRYPTO, other, &again);
    CHECK(memcmp(&of_caller, &again, sizeof(of_caller)) != 0);
}

TESTS(TEST(claims_come_back_equal_in_each_role),
      TEST(claims_with_fields_of_another_role_or_without_their_own),
      TEST(claims_cut_extended_or_of_another_role_number),
      TEST(measurement_in_the_list_of_another_role_is_not_found),
      TEST(allow_list_row_comes_back_equal_and_an_unknown_role_is_refused),
      TEST(measurement_comes_back_equal), TEST(each_nonce_of_a_quote_has_its_path_to_the_root),
      TEST(channel_nonce_depends_on_each_field),
      TEST(caller_nonce_is_neither_what_was_drawn_nor_a_channel_nonce))
