/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/claims.h"

#include <string.h>

#include "base/banned.h"

/* docs/spec/evidence.md, "Claims": which role has which fields. */
static enum ee_err check(const struct ee_claims *claims)
{
    if (!ee_role_valid((unsigned)claims->role) || claims->vcpus == 0)
        return EE_RANGE;
    bool agent = claims->role == EE_ROLE_AGENT, control = claims->role == EE_ROLE_CONTROL;
    if (agent != (claims->node_name[0] != '\0'))
        return EE_RANGE;
    bool sealing = !ee_bytes_all_zero(claims->sealing_key, sizeof(claims->sealing_key));
    if (agent ? !sealing : sealing && !control)
        return EE_RANGE;
    if (control == ee_bytes_all_zero(claims->checkpoint_key, sizeof(claims->checkpoint_key)))
        return EE_RANGE;
    if (agent && !ee_name_valid(claims->node_name))
        return EE_NAME;
    if (claims->software_version[0] == '\0')
        return EE_RANGE;
    return EE_OK;
}

/* Both texts end inside their arrays and are printable. */
static enum ee_err check_texts(const struct ee_claims *claims)
{
    if (!memchr(claims->node_name, 0, sizeof(claims->node_name)) ||
        !memchr(claims->software_version, 0, sizeof(claims->software_version)))
        return EE_TOO_LARGE;
    for (const char *c = claims->software_version; *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            return EE_SYNTAX;
    return EE_OK;
}

enum ee_err ee_claims_encode(const struct ee_claims *claims, uint8_t *out, size_t capacity,
                             size_t *size_out)
{
    struct ee_writer w;
    EE_TRY(check_texts(claims));
    EE_TRY(check(claims));
    ee_writer_init(&w, out, capacity);
    ee_writer_label(&w, "ee-claims", 1);
    ee_writer_bytes(&w, claims->network_id, sizeof(claims->network_id));
    ee_writer_u8(&w, (uint8_t)claims->role);
    ee_writer_bytes(&w, claims->identity, sizeof(claims->identity));
    ee_writer_text(&w, claims->node_name);
    ee_writer_bytes(&w, claims->tls_key_hash, sizeof(claims->tls_key_hash));
    ee_writer_bytes(&w, claims->sealing_key, sizeof(claims->sealing_key));
    ee_writer_bytes(&w, claims->checkpoint_key, sizeof(claims->checkpoint_key));
    ee_writer_u64(&w, claims->ledger_size);
    ee_writer_bytes(&w, claims->ledger_root, sizeof(claims->ledger_root));
    ee_writer_u64(&w, claims->epoch);
    ee_writer_text(&w, claims->software_version);
    ee_writer_u32(&w, claims->vcpus);
    if (w.err != EE_OK)
        return w.err;
    *size_out = w.size;
    return EE_OK;
}

enum ee_err ee_claims_decode(struct ee_bytes bytes, struct ee_claims *out)
{
    struct ee_claims claims;
    struct ee_cursor c;
    ee_cursor_init(&c, bytes);
    ee_cursor_label(&c, "ee-claims", 1);
    ee_cursor_copy(&c, claims.network_id, sizeof(claims.network_id));
    unsigned role = ee_cursor_u8(&c);
    ee_cursor_copy(&c, claims.identity, sizeof(claims.identity));
    ee_cursor_text(&c, claims.node_name, sizeof(claims.node_name));
    ee_cursor_copy(&c, claims.tls_key_hash, sizeof(claims.tls_key_hash));
    ee_cursor_copy(&c, claims.sealing_key, sizeof(claims.sealing_key));
    ee_cursor_copy(&c, claims.checkpoint_key, sizeof(claims.checkpoint_key));
    claims.ledger_size = ee_cursor_u64(&c);
    ee_cursor_copy(&c, claims.ledger_root, sizeof(claims.ledger_root));
    claims.epoch = ee_cursor_u64(&c);
    ee_cursor_text(&c, claims.software_version, sizeof(claims.software_version));
    claims.vcpus = ee_cursor_u32(&c);
    EE_TRY(ee_cursor_end(&c));
    if (!ee_role_valid(role))
        return EE_UNSUPPORTED;
    claims.role = (enum ee_role)role;
    EE_TRY(check(&claims));
    *out = claims;
    return EE_OK;
}
