/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts and their API keys. Keys are made by the client; only hashes come here. */
#include <string.h>

#include "base/text.h"
#include "control/api.h"
#include "control/api_view.h"
#include "control/auth.h"

#include "base/banned.h"

static bool read_scopes(struct ee_api_call *call, const json_t *list, uint32_t *out)
{
    size_t index;
    json_t *item;
    uint32_t scopes = 0;
    json_array_foreach(list, index, item)
    {
        const char *name = json_string_value(item);
        uint32_t scope = name != NULL ? ee_auth_scope_of(name) : 0;
        if (scope == 0)
            break;
        scopes |= scope;
    }
    if (!json_is_array(list) || scopes == 0 || index < json_array_size(list)) {
        ee_api_fail(call, EE_SYNTAX, "scopes: a list of read, run, spend, nodes, keys");
        return false;
    }
    *out = scopes;
    return true;
}

static bool read_kind(struct ee_api_call *call, const char *name, enum ee_account_kind *out)
{
    bool operator_kind = strcmp(name, "operator") == 0;
    if (!operator_kind && strcmp(name, "user") != 0) {
        ee_api_fail(call, EE_SYNTAX, "kind: user or operator");
        return false;
    }
    *out = operator_kind ? EE_ACCOUNT_OPERATOR : EE_ACCOUNT_USER;
    return true;
}

static void account_done(struct ee_api_call *call, const struct ee_answer *answer)
{
    const char *name = json_string_value(json_object_get(call->body, "name"));
    const char *kind = json_string_value(json_object_get(call->body, "kind"));
    ee_api_answer_json(
        call, 201,
        json_pack("{s:s, s:s, s:o}", "name", name, "kind", kind, "seq", ee_json_u64(answer->seq)));
}

void ee_api_account_create(struct ee_api_call *call)
{
    struct ee_account_create create = {0};
    const char *kind = NULL;
    json_t *scopes = NULL;
    const struct ee_json_field fields[] = {
        {"name", EE_JSON_NAME, create.name, 0, false},
        {"kind", EE_JSON_STRING, &kind, 0, false},
        {"public_key", EE_JSON_HEX, create.public_key, sizeof create.public_key, true},
        {"key_hash", EE_JSON_HEX, create.first_key.key_hash, 32, false},
        {"scopes", EE_JSON_VALUE, &scopes, 0, false},
        {"expires_s", EE_JSON_U64, &create.first_key.expires_s, 0, false},
    };
    if (!ee_api_read(call, fields, sizeof fields / sizeof fields[0]) ||
        !read_scopes(call, scopes, &create.first_key.scopes) ||
        !read_kind(call, kind, &create.kind))
        return;
    memcpy(create.first_key.label, "first", sizeof "first");
    struct ee_writer writer = ee_api_payload(call);
    enum ee_err err = ee_account_create_encode(&create, &writer);
    ee_api_submit(call, EE_COMMAND_ACCOUNT_CREATE, &writer, err, account_done);
}

static json_t *scopes_json(uint32_t scopes)
{
    json_t *list = json_array();
    for (uint32_t bit = 1; bit <= EE_SCOPE_KEYS; bit <<= 1)
        if ((scopes & bit) != 0)
            json_array_append_new(list, json_string(ee_auth_scope_name((enum ee_scope)bit)));
    return list;
}

void ee_api_account_me(struct ee_api_call *call)
{
    const struct ee_core *core = ee_control_core(call->control);
    const struct ee_account *account = ee_core_account(core, call->account);
    struct ee_balance balance;
    enum ee_err err =
        ee_core_balance_at(core, call->account, ee_control_now_us(call->control), &balance);
    if (account == NULL || err != EE_OK) {
        ee_api_fail(call, EE_ACCOUNT_UNKNOWN, NULL);
        return;
    }
    json_t *value = json_pack("{s:s, s:s, s:o}", "name", account->name, "kind",
                              account->kind == EE_ACCOUNT_OPERATOR ? "operator" : "user", "scopes",
                              scopes_json(call->scopes));
    ee_view_balance(value, &balance);
    ee_api_answer_json(call, 200, value);
}

static void key_done(struct ee_api_call *call, const struct ee_answer *answer)
{
    const char *hash = json_string_value(json_object_get(call->body, "key_hash"));
    ee_api_answer_json(call, 201,
                       json_pack("{s:s, s:o}", "key_hash", hash, "seq", ee_json_u64(answer->seq)));
}

void ee_api_key_create(struct ee_api_call *call)
{
    struct ee_key_create create = {0};
    json_t *scopes = NULL;
    const struct ee_json_field fields[] = {
        {"key_hash", EE_JSON_HEX, create.key_hash, sizeof create.key_hash, false},
        {"label", EE_JSON_TEXT, create.label, sizeof create.label, false},
        {"scopes", EE_JSON_VALUE, &scopes, 0, false},
        {"expires_s", EE_JSON_U64, &create.expires_s, 0, false},
    };
    if (!ee_api_read(call, fields, sizeof fields / sizeof fields[0]) ||
        !read_scopes(call, scopes, &create.scopes))
        return;
    if ((create.scopes & ~call->scopes) != 0) {
        ee_api_fail(call, EE_FORBIDDEN, "a key cannot give a scope that it does not have itself");
        return;
    }
    struct ee_writer writer = ee_api_payload(call);
    enum ee_err err = ee_key_create_encode(&create, &writer);
    ee_api_submit(call, EE_COMMAND_KEY_CREATE, &writer, err, key_done);
}

static json_t *key_json(const struct ee_api_key *key)
{
    return json_pack("{s:o, s:s, s:o, s:o, s:b}", "key_hash", ee_json_hex(key->key_hash, 32),
                     "label", key->label, "scopes", scopes_json(key->scopes), "expires_s",
                     ee_json_u64(key->expires_s), "revoked", key->revoked);
}

void ee_api_keys(struct ee_api_call *call)
{
    const struct ee_core *core = ee_control_core(call->control);
    struct ee_page page;
    if (!ee_api_page(call, &page))
        return;
    json_t *items = json_array();
    const struct ee_api_key *key;
    size_t index = page.start;
    for (; (key = ee_core_key_at(core, index)) != NULL; index++) {
        if (strcmp(key->account, call->account) != 0)
            continue;
        if (json_array_size(items) == page.limit)
            break;
        json_array_append_new(items, key_json(key));
    }
    ee_api_answer_page(call, items, key != NULL ? index : 0);
}

static void revoke_done(struct ee_api_call *call, const struct ee_answer *answer)
{
    ee_api_answer_json(call, 200,
                       json_pack("{s:s, s:b, s:o}", "key_hash", call->values.value[0], "revoked",
                                 true, "seq", ee_json_u64(answer->seq)));
}

void ee_api_key_revoke(struct ee_api_call *call)
{
    struct ee_key_revoke revoke;
    if (!ee_api_read(call, NULL, 0) ||
        !ee_api_path_hex(call, 0, revoke.key_hash, sizeof revoke.key_hash))
        return;
    struct ee_writer writer = ee_api_payload(call);
    enum ee_err err = ee_key_revoke_encode(&revoke, &writer);
    ee_api_submit(call, EE_COMMAND_KEY_REVOKE, &writer, err, revoke_done);
}
