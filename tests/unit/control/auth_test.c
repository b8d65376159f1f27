/* SPDX-License-Identifier: Apache-2.0 */
#include "control/auth.h"

#include <stdlib.h>

#include "io/crypto_openssl.h"
#include "tap.h"

#include "base/banned.h"

static const struct ee_crypto *const crypto = &ee_crypto_openssl;
static const char user_key[] = "eek_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
static const char admin_key[] = "eea_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
static const uint64_t now_s = 1000000;
static uint8_t admin_hash[32];
static struct ee_core *core;
static uint64_t next_seq;

static void hash_of(const char *key, uint8_t out[32])
{
    struct ee_bytes bytes = ee_bytes_str(key);
    crypto->sha256(&bytes, 1, out);
}

static enum ee_err apply(enum ee_command_kind kind, enum ee_actor_kind actor_kind,
                         const char *actor, struct ee_bytes payload)
{
    next_seq++;
    struct ee_command command = {.core_version = EE_CORE_VERSION,
                                 .seq = next_seq,
                                 .time_us = now_s * 1000000 + next_seq,
                                 .actor_kind = actor_kind,
                                 .kind = kind,
                                 .payload = payload};
    struct ee_result *result = calloc(1, sizeof *result);
    snprintf(command.actor, sizeof command.actor, "%s", actor);
    enum ee_err err = ee_core_apply(core, &command, result);
    if (err == EE_OK)
        err = result->err;
    free(result);
    return err;
}

static bool genesis(void)
{
    struct ee_genesis g = {.kind = EE_NETWORK_DEVELOPMENT,
                           .name = "auth",
                           .mint_daily_cap = {1000},
                           .profile = EE_PROFILE_DEVELOPMENT,
                           .root_count = 1};
    uint8_t memory[EE_GENESIS_SIZE_MAX];
    const uint8_t seed[32] = {7};
    struct ee_writer writer;
    memset(g.roots[0].public_key, 5, sizeof g.roots[0].public_key);
    g.roots[0].simulated = 1;
    ee_writer_init(&writer, memory, sizeof memory);
    return crypto->ed25519_public(seed, g.founding_key) &&
           crypto->ed25519_public(seed, g.issuer_key) && ee_genesis_encode(&g, &writer) == EE_OK &&
           apply(EE_COMMAND_GENESIS, EE_ACTOR_SYSTEM, "", ee_writer_done(&writer)) == EE_OK;
}

static bool account(void)
{
    struct ee_account_create create = {.name = "alice", .kind = EE_ACCOUNT_USER};
    uint8_t memory[512];
    struct ee_writer writer;
    hash_of(user_key, create.first_key.key_hash);
    create.first_key.scopes = EE_SCOPE_READ | EE_SCOPE_RUN;
    create.first_key.expires_s = now_s + 100;
    ee_writer_init(&writer, memory, sizeof memory);
    return ee_account_create_encode(&create, &writer) == EE_OK &&
           apply(EE_COMMAND_ACCOUNT_CREATE, EE_ACTOR_ADMIN, "", ee_writer_done(&writer)) == EE_OK;
}

static bool ready(void)
{
    if (core != NULL)
        return true;
    hash_of(admin_key, admin_hash);
    core = ee_core_new(&ee_allocator_system, crypto, NULL);
    return core != NULL && genesis() && account();
}

static enum ee_err check(const char *header, uint64_t at_s, struct ee_auth *out)
{
    return ee_auth_check(core, crypto, admin_hash, ee_bytes_str(header), at_s, out);
}

static void key_of_an_account_is_known(void)
{
    struct ee_auth auth;
    REQUIRE(ready());
    CHECK(check("Bearer eek_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", now_s, &auth) == EE_OK);
    CHECK(!auth.admin && strcmp(auth.account, "alice") == 0);
    CHECK(auth.scopes == (EE_SCOPE_READ | EE_SCOPE_RUN));
    CHECK(check("bearer eek_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", now_s, &auth) == EE_OK);
}

static void admin_key_is_known_only_when_there_is_one(void)
{
    struct ee_auth auth;
    const char header[] = "Bearer eea_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    REQUIRE(ready());
    CHECK(check(header, now_s, &auth) == EE_OK && auth.admin && auth.scopes == 0);
    CHECK(ee_auth_check(core, crypto, NULL, ee_bytes_str(header), now_s, &auth) ==
          EE_UNAUTHENTICATED);
}

static void anything_else_is_refused_alike(void)
{
    static const char *const bad[] = {
        "",
        "Bearer",
        "Bearer ",
        "Basic eek_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "Bearer eek_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
        "Bearer eek_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "Bearer eek_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ",
        "Bearer  eek_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "Bearer eea_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "Bearer eex_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    struct ee_auth auth;
    REQUIRE(ready());
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(check(bad[i], now_s, &auth) == EE_UNAUTHENTICATED);
}

static void expired_key_is_refused(void)
{
    struct ee_auth auth;
    const char header[] = "Bearer eek_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    REQUIRE(ready());
    CHECK(check(header, now_s + 99, &auth) == EE_OK);
    CHECK(check(header, now_s + 100, &auth) == EE_UNAUTHENTICATED);
}

static void revoked_key_is_refused(void)
{
    struct ee_auth auth;
    struct ee_key_revoke revoke;
    uint8_t memory[128];
    struct ee_writer writer;
    REQUIRE(ready());
    hash_of(user_key, revoke.key_hash);
    ee_writer_init(&writer, memory, sizeof memory);
    REQUIRE(ee_key_revoke_encode(&revoke, &writer) == EE_OK);
    REQUIRE(apply(EE_COMMAND_KEY_REVOKE, EE_ACTOR_ACCOUNT, "alice", ee_writer_done(&writer)) ==
            EE_OK);
    CHECK(check("Bearer eek_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", now_s, &auth) ==
          EE_UNAUTHENTICATED);
    ee_core_free(core);
    core = NULL;
}

static void scope_names_are_those_of_the_api(void)
{
    CHECK(ee_auth_scope_of("read") == EE_SCOPE_READ && ee_auth_scope_of("keys") == EE_SCOPE_KEYS);
    CHECK(ee_auth_scope_of("admin") == 0 && ee_auth_scope_of("") == 0);
    CHECK(strcmp(ee_auth_scope_name(EE_SCOPE_NODES), "nodes") == 0);
}

TESTS(TEST(key_of_an_account_is_known), TEST(admin_key_is_known_only_when_there_is_one),
      TEST(anything_else_is_refused_alike), TEST(expired_key_is_refused),
      TEST(revoked_key_is_refused), TEST(scope_names_are_those_of_the_api))
