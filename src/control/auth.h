/* SPDX-License-Identifier: Apache-2.0 */
/* Who is asking: API keys by the hash of their text, and the admin key. */
#ifndef EE_CONTROL_AUTH_H
#define EE_CONTROL_AUTH_H

#include "core/core.h"

/* What a key may do. */
struct ee_auth {
    bool admin;
    char account[EE_NAME_MAX + 1]; /* "admin" for the admin key */
    uint32_t scopes;
};

/* `authorization`: value of the header. `admin_hash` NULL: there is no admin key.
 * EE_UNAUTHENTICATED for anything that is not a valid key at `now_s`: malformed, unknown, expired,
 * revoked; which of these is not told. */
EE_MUST_USE enum ee_err ee_auth_check(const struct ee_core *core, const struct ee_crypto *crypto,
                                      const uint8_t *admin_hash, struct ee_bytes authorization,
                                      uint64_t now_s, struct ee_auth *out);

/* Scope names of docs/spec/api.md: "read", "run", "spend", "nodes", "keys". */
const char *ee_auth_scope_name(enum ee_scope scope);
/* 0 for an unknown name. */
uint32_t ee_auth_scope_of(const char *name);

#endif
