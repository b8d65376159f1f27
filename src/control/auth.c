/* SPDX-License-Identifier: Apache-2.0 */
#include "control/auth.h"

#include <string.h>

#include "base/banned.h"

enum { KEY_PREFIX_SIZE = 4, KEY_BODY_SIZE = 43 };

static const struct {
    enum ee_scope scope;
    const char *name;
} scopes[] = {
    {EE_SCOPE_READ, "read"},   {EE_SCOPE_RUN, "run"},   {EE_SCOPE_SPEND, "spend"},
    {EE_SCOPE_NODES, "nodes"}, {EE_SCOPE_KEYS, "keys"},
};

const char *ee_auth_scope_name(enum ee_scope scope)
{
    for (size_t i = 0; i < sizeof scopes / sizeof scopes[0]; i++)
        if (scopes[i].scope == scope)
            return scopes[i].name;
    return "";
}

uint32_t ee_auth_scope_of(const char *name)
{
    for (size_t i = 0; i < sizeof scopes / sizeof scopes[0]; i++)
        if (strcmp(scopes[i].name, name) == 0)
            return scopes[i].scope;
    return 0;
}

static bool base64url(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

static bool key_text(struct ee_bytes text, const char *prefix)
{
    if (text.size != KEY_PREFIX_SIZE + KEY_BODY_SIZE ||
        memcmp(text.data, prefix, KEY_PREFIX_SIZE) != 0)
        return false;
    for (size_t i = KEY_PREFIX_SIZE; i < text.size; i++)
        if (!base64url(text.data[i]))
            return false;
    return true;
}

static bool bearer(struct ee_bytes value, struct ee_bytes *token_out)
{
    static const char scheme[] = "bearer ";
    size_t size = sizeof scheme - 1;
    if (value.size <= size)
        return false;
    for (size_t i = 0; i < size; i++)
        if ((value.data[i] | 0x20) != (uint8_t)scheme[i])
            return false;
    *token_out = ee_bytes_of(value.data + size, value.size - size);
    return true;
}

enum ee_err ee_auth_check(const struct ee_core *core, const struct ee_crypto *crypto,
                          const uint8_t *admin_hash, struct ee_bytes authorization, uint64_t now_s,
                          struct ee_auth *out)
{
    struct ee_bytes token;
    uint8_t hash[32];
    if (!bearer(authorization, &token))
        return EE_UNAUTHENTICATED;
    crypto->sha256(&token, 1, hash);
    if (key_text(token, "eea_")) {
        if (admin_hash == NULL || !ee_bytes_equal_secret(hash, admin_hash, sizeof hash))
            return EE_UNAUTHENTICATED;
        *out = (struct ee_auth){.admin = true, .account = "admin"};
        return EE_OK;
    }
    if (!key_text(token, "eek_"))
        return EE_UNAUTHENTICATED;
    const struct ee_api_key *key = ee_core_key(core, hash);
    if (key == NULL || !ee_bytes_equal_secret(hash, key->key_hash, sizeof hash) || key->revoked ||
        key->expires_s <= now_s)
        return EE_UNAUTHENTICATED;
    *out = (struct ee_auth){.scopes = key->scopes};
    memcpy(out->account, key->account, sizeof out->account);
    return EE_OK;
}
