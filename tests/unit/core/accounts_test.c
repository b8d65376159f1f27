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

static void account_made_twice_or_by_a_user(void)
{
    open_network();
    CHECK(network_account(&n, "alice", EE_ACCOUNT_USER) == EE_ACCOUNT_EXISTS);
    CHECK(ee_core_account(n.core, "alice")->kind == EE_ACCOUNT_USER);
    struct ee_account_create create = {.name = "carol", .kind = EE_ACCOUNT_USER};
    create.first_key.scopes = EE_SCOPE_ALL;
    create.first_key.expires_s = n.now_us / 1000000 + 60;
    CHECK(NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "alice", EE_COMMAND_ACCOUNT_CREATE, account_create,
                       &create) == EE_FORBIDDEN);
    CHECK(ee_core_account(n.core, "carol") == NULL);
    close_network();
}

static void account_whose_first_key_is_known(void)
{
    open_network();
    struct ee_account_create create = {.name = "carol", .kind = EE_ACCOUNT_USER};
    memcpy(create.first_key.key_hash, ee_core_key_at(n.core, 0)->key_hash, 32);
    create.first_key.scopes = EE_SCOPE_ALL;
    create.first_key.expires_s = n.now_us / 1000000 + 60;
    CHECK(NETWORK_SEND(&n, EE_ACTOR_ADMIN, "", EE_COMMAND_ACCOUNT_CREATE, account_create,
                       &create) == EE_KEY_EXISTS);
    CHECK(ee_core_account(n.core, "carol") == NULL);
    close_network();
}

static void key_expired_or_too_far_ahead(void)
{
    open_network();
    uint64_t now_s = n.now_us / 1000000;
    struct ee_key_create key = {.key_hash = {9}, .scopes = EE_SCOPE_READ, .label = "laptop"};
    key.expires_s = now_s;
    CHECK(NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "alice", EE_COMMAND_KEY_CREATE, key_create, &key) ==
          EE_RANGE);
    key.expires_s = now_s + (uint64_t)11 * 366 * 86400;
    CHECK(NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "alice", EE_COMMAND_KEY_CREATE, key_create, &key) ==
          EE_RANGE);
    key.expires_s = now_s + 60;
    CHECK(NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "alice", EE_COMMAND_KEY_CREATE, key_create, &key) ==
          EE_OK);
    CHECK(ee_core_key(n.core, key.key_hash)->scopes == EE_SCOPE_READ);
    CHECK(NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "bob", EE_COMMAND_KEY_CREATE, key_create, &key) ==
          EE_KEY_EXISTS);
    close_network();
}

static void key_of_another_account_is_not_revoked(void)
{
    open_network();
    struct ee_key_revoke revoke;
    memcpy(revoke.key_hash, ee_core_key_at(n.core, 0)->key_hash, 32);
    CHECK(NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "bob", EE_COMMAND_KEY_REVOKE, key_revoke, &revoke) ==
          EE_KEY_UNKNOWN);
    CHECK(!ee_core_key_at(n.core, 0)->revoked);
    CHECK(NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "alice", EE_COMMAND_KEY_REVOKE, key_revoke, &revoke) ==
          EE_OK);
    CHECK(ee_core_key_at(n.core, 0)->revoked);
    close_network();
}

static void command_of_an_unknown_account(void)
{
    open_network();
    CHECK(network_transfer(&n, "nobody", "alice", 1) == EE_ACCOUNT_UNKNOWN);
    close_network();
}

TESTS(TEST(account_made_twice_or_by_a_user), TEST(account_whose_first_key_is_known),
      TEST(key_expired_or_too_far_ahead), TEST(key_of_another_account_is_not_revoked),
      TEST(command_of_an_unknown_account))
