/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts and their API keys. */
#include <assert.h>
#include <string.h>

#include "core/state.h"

#include "base/banned.h"

enum { CODE_USER = 200, CODE_OPERATOR = 210 };
static const uint64_t key_life_max_s = 10u * 366 * 86400;

/* EE_KEY_EXISTS, EE_RANGE: expired already or too far ahead. */
static enum ee_err key_check(const struct ee_change *c, const struct ee_key_create *key)
{
    uint64_t now_s = c->now_us / EE_MICROS_PER_SECOND;
    if (ee_core_key(c->core, key->key_hash))
        return EE_KEY_EXISTS;
    return key->expires_s <= now_s || key->expires_s - now_s > key_life_max_s ? EE_RANGE : EE_OK;
}

static void key_add(struct ee_core *core, const char *account, const struct ee_key_create *key)
{
    struct ee_api_key row;
    memset(&row, 0, sizeof(row));
    memcpy(row.key_hash, key->key_hash, sizeof(row.key_hash));
    memcpy(row.account, account, strlen(account));
    memcpy(row.label, key->label, sizeof(row.label));
    row.scopes = key->scopes;
    row.expires_s = key->expires_s;
    (void)ee_table_add(&core->keys, &row);
}

static void account_add(struct ee_change *c, const struct ee_account_create *create)
{
    struct ee_core *core = c->core;
    enum ee_ledger_result result;
    bool user = create->kind == EE_ACCOUNT_USER;
    struct ee_ledger_account book = {.ledger = EE_BOOK,
                                     .code = user ? CODE_USER : CODE_OPERATOR,
                                     .flags = EE_LEDGER_DEBITS_MUST_NOT_EXCEED_CREDITS};
    struct ee_account_row row;
    memset(&row, 0, sizeof(row));
    memcpy(row.account.name, create->name, sizeof(row.account.name));
    memcpy(row.account.public_key, create->public_key, sizeof(row.account.public_key));
    row.account.kind = create->kind;
    row.account.created_us = c->now_us;
    ee_core_ledger_id(core, user ? "user" : "op", create->name, &row.ledger_id);
    book.id = row.ledger_id;
    enum ee_err err = ee_ledger_accounts_create(core->ledger, &book, 1, &result);
    assert(err == EE_OK && result == EE_LEDGER_CREATED);
    (void)err;
    (void)ee_table_add(&core->accounts, &row);
}

enum ee_err ee_core_on_account_create(struct ee_change *c)
{
    struct ee_core *core = c->core;
    struct ee_account_create create;
    EE_TRY(ee_account_create_decode(c->command->payload, &create));
    if (ee_core_account_find(core, create.name))
        return ee_change_refuse(c, EE_ACCOUNT_EXISTS);
    enum ee_err err = key_check(c, &create.first_key);
    if (err != EE_OK)
        return ee_change_refuse(c, err);
    EE_TRY(ee_table_reserve(&core->accounts, 1));
    EE_TRY(ee_table_reserve(&core->keys, 1));
    EE_TRY(ee_ledger_reserve(core->ledger, 1, 0));
    account_add(c, &create);
    key_add(core, create.name, &create.first_key);
    return EE_OK;
}

enum ee_err ee_core_on_key_create(struct ee_change *c)
{
    struct ee_key_create key;
    EE_TRY(ee_key_create_decode(c->command->payload, &key));
    enum ee_err err = key_check(c, &key);
    if (err != EE_OK)
        return ee_change_refuse(c, err);
    EE_TRY(ee_table_reserve(&c->core->keys, 1));
    key_add(c->core, c->command->actor, &key);
    return EE_OK;
}

enum ee_err ee_core_on_key_revoke(struct ee_change *c)
{
    struct ee_key_revoke revoke;
    EE_TRY(ee_key_revoke_decode(c->command->payload, &revoke));
    struct ee_api_key *key =
        ee_table_edit(&c->core->keys, ee_table_find(&c->core->keys, revoke.key_hash));
    if (!key || strcmp(key->account, c->command->actor) != 0)
        return ee_change_refuse(c, EE_KEY_UNKNOWN);
    key->revoked = true;
    return EE_OK;
}
