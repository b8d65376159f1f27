/* SPDX-License-Identifier: Apache-2.0 */
#include "core/genesis.h"

#include <string.h>

#include "core/codec.h"

#include "base/banned.h"

static bool key_zero(const uint8_t *key)
{
    return ee_bytes_all_zero(key, EE_ED25519_KEY_SIZE);
}

static void quote_root(struct ee_codec *k, struct ee_quote_root *v, enum ee_network_kind kind)
{
    ee_codec_raw(k, v->public_key, sizeof(v->public_key));
    v->simulated = ee_codec_bool(k, v->simulated);
    if (v->simulated && kind == EE_NETWORK_PRODUCTION)
        ee_codec_fail(k, EE_SIMULATED_REFUSED);
}

static void allow_entry(struct ee_codec *k, struct ee_allow_entry *v)
{
    v->role = (enum ee_role)ee_codec_enum(k, v->role, EE_ROLE_CONTROL, EE_ROLE_WITNESS);
    ee_codec_raw(k, v->measurement, sizeof(v->measurement));
    ee_codec_text(k, v->label, sizeof(v->label), 0);
}

static bool entry_repeats(const struct ee_genesis *v, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++)
        if (v->allow[i].role == v->allow[index].role &&
            memcmp(v->allow[i].measurement, v->allow[index].measurement, 32) == 0)
            return true;
    return false;
}

static void genesis(struct ee_codec *k, struct ee_genesis *v)
{
    ee_codec_label(k, "ee-genesis", 1);
    v->kind = (enum ee_network_kind)ee_codec_enum(k, v->kind, EE_NETWORK_DEVELOPMENT,
                                                  EE_NETWORK_PRODUCTION);
    ee_codec_name(k, v->name);
    ee_codec_raw(k, v->salt, sizeof(v->salt));
    ee_codec_raw(k, v->founding_key, sizeof(v->founding_key));
    ee_codec_raw(k, v->issuer_key, sizeof(v->issuer_key));
    if (key_zero(v->founding_key) || key_zero(v->issuer_key))
        ee_codec_fail(k, EE_RANGE); /* a point of small order: anybody could sign for it */
    v->mint_daily_cap = ee_codec_money(k, v->mint_daily_cap, 0);
    v->profile = (enum ee_profile)ee_codec_enum(k, v->profile, EE_PROFILE_PRODUCTION,
                                                EE_PROFILE_DEVELOPMENT);
    v->root_count = ee_codec_u32_within(k, v->root_count, 1, EE_GENESIS_ROOTS_MAX);
    for (uint32_t i = 0; i < v->root_count && !ee_codec_failed(k); i++)
        quote_root(k, &v->roots[i], v->kind);
    v->allow_count = ee_codec_u32_within(k, v->allow_count, 0, EE_ALLOW_MAX);
    for (uint32_t i = 0; i < v->allow_count && !ee_codec_failed(k); i++) {
        allow_entry(k, &v->allow[i]);
        if (entry_repeats(v, i))
            ee_codec_fail(k, EE_DUPLICATE_FIELD);
    }
}

enum ee_err ee_genesis_encode(const struct ee_genesis *in, struct ee_writer *out)
{
    struct ee_genesis copy = *in;
    struct ee_codec k = ee_codec_writer(out);
    genesis(&k, &copy);
    return ee_codec_end(&k);
}

enum ee_err ee_genesis_decode(struct ee_bytes bytes, struct ee_genesis *out)
{
    struct ee_genesis value;
    memset(&value, 0, sizeof(value));
    struct ee_codec k = ee_codec_reader(bytes);
    genesis(&k, &value);
    EE_TRY(ee_codec_end(&k));
    *out = value;
    return EE_OK;
}

void ee_genesis_network_id(const struct ee_crypto *crypto, struct ee_bytes canonical,
                           uint8_t out[32])
{
    crypto->sha256(&canonical, 1, out);
}

/* ---- file form ---- */

static const char file_head[] = "{\"format\":\"ee-genesis-1\",\"network\":\"";
static const char file_middle[] = "\",\"genesis\":\"";
static const char file_tail[] = "\"}\n";

static void write_text(struct ee_writer *out, const char *text)
{
    ee_writer_bytes(out, text, strlen(text));
}

enum ee_err ee_genesis_file_write(const struct ee_crypto *crypto, struct ee_bytes canonical,
                                  struct ee_writer *out)
{
    struct ee_genesis checked;
    uint8_t network_id[32];
    char hex[65], base64[EE_BASE64_SIZE(EE_GENESIS_SIZE_MAX)];
    if (canonical.size > EE_GENESIS_SIZE_MAX)
        return EE_TOO_LARGE;
    EE_TRY(ee_genesis_decode(canonical, &checked));
    ee_genesis_network_id(crypto, canonical, network_id);
    size_t start = out->size;
    write_text(out, file_head);
    write_text(out, ee_hex_encode(network_id, sizeof(network_id), hex));
    write_text(out, file_middle);
    write_text(out, ee_base64_encode(canonical.data, canonical.size, base64));
    write_text(out, file_tail);
    if (out->err != EE_OK)
        out->size = start;
    return out->err;
}

static void expect(struct ee_cursor *c, const char *text)
{
    size_t size = strlen(text);
    const uint8_t *found = ee_cursor_take(c, size);
    if (found && memcmp(found, text, size) != 0)
        c->err = EE_SYNTAX;
}

/* Splits the fixed frame; *hex and *base64 borrow from the file. */
static enum ee_err file_split(struct ee_bytes file, struct ee_bytes *hex, struct ee_bytes *base64)
{
    struct ee_cursor c;
    ee_cursor_init(&c, file);
    expect(&c, file_head);
    *hex = ee_cursor_bytes(&c, 64);
    expect(&c, file_middle);
    if (c.err == EE_OK && c.left < strlen(file_tail))
        return EE_TRUNCATED;
    *base64 = ee_cursor_bytes(&c, c.left - strlen(file_tail));
    expect(&c, file_tail);
    return ee_cursor_end(&c);
}

enum ee_err ee_genesis_file_read(const struct ee_crypto *crypto, struct ee_bytes file,
                                 uint8_t *canonical_out, size_t *size_out)
{
    struct ee_bytes hex, base64;
    struct ee_genesis checked;
    uint8_t stated[32], computed[32], canonical[EE_GENESIS_SIZE_MAX];
    char again[EE_BASE64_SIZE(EE_GENESIS_SIZE_MAX)], hex_again[65];
    size_t size;
    if (file.size > EE_GENESIS_FILE_MAX)
        return EE_TOO_LARGE;
    EE_TRY(file_split(file, &hex, &base64));
    EE_TRY(ee_hex_decode(hex, stated, sizeof(stated)));
    EE_TRY(ee_base64_decode(base64, canonical, sizeof(canonical), &size));
    if (!ee_bytes_equal(hex, ee_bytes_str(ee_hex_encode(stated, sizeof(stated), hex_again))) ||
        !ee_bytes_equal(base64, ee_bytes_str(ee_base64_encode(canonical, size, again))))
        return EE_SYNTAX; /* one spelling only */
    EE_TRY(ee_genesis_decode(ee_bytes_of(canonical, size), &checked));
    ee_genesis_network_id(crypto, ee_bytes_of(canonical, size), computed);
    if (memcmp(stated, computed, sizeof(stated)) != 0)
        return EE_WRONG_NETWORK;
    memcpy(canonical_out, canonical, size);
    *size_out = size;
    return EE_OK;
}
