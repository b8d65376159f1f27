/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "seal/key_document.h"

#include "base/banned.h"

static enum ee_err holder_check(const struct ee_key_holders *holders, size_t index)
{
    const struct ee_key_holder *holder = &holders->holders[index];
    if (!ee_name_valid(holder->name))
        return EE_NAME;
    if (ee_bytes_all_zero(holder->public_key, sizeof(holder->public_key)))
        return EE_RANGE;
    for (size_t i = 0; i < index; i++) {
        const struct ee_key_holder *other = &holders->holders[i];
        if (strcmp(other->name, holder->name) == 0 ||
            memcmp(other->public_key, holder->public_key, sizeof(other->public_key)) == 0)
            return EE_DUPLICATE_FIELD;
    }
    return EE_OK;
}

static enum ee_err check(const struct ee_key_holders *holders)
{
    if (holders->number == 0 || holders->threshold < 1 || holders->count > EE_KEY_HOLDERS_MAX ||
        holders->threshold > holders->count)
        return EE_RANGE;
    for (size_t i = 0; i < holders->count; i++)
        EE_TRY(holder_check(holders, i));
    return EE_OK;
}

enum ee_err ee_key_holders_encode(const struct ee_key_holders *holders, uint8_t *out,
                                  size_t capacity, size_t *size_out)
{
    struct ee_writer w;
    EE_TRY(check(holders));
    ee_writer_init(&w, out, capacity);
    ee_writer_label(&w, "ee-unseal-holders", 1);
    ee_writer_bytes(&w, holders->network_id, sizeof(holders->network_id));
    ee_writer_u64(&w, holders->number);
    ee_writer_u8(&w, holders->threshold);
    ee_writer_u8(&w, holders->count);
    for (size_t i = 0; i < holders->count; i++) {
        ee_writer_text(&w, holders->holders[i].name);
        ee_writer_bytes(&w, holders->holders[i].public_key, EE_X25519_KEY_SIZE);
    }
    if (w.err != EE_OK)
        return w.err;
    *size_out = w.size;
    return EE_OK;
}

enum ee_err ee_key_holders_decode(struct ee_bytes bytes, struct ee_key_holders *out)
{
    struct ee_key_holders holders = {.number = 0};
    struct ee_cursor c;
    ee_cursor_init(&c, bytes);
    ee_cursor_label(&c, "ee-unseal-holders", 1);
    ee_cursor_copy(&c, holders.network_id, sizeof(holders.network_id));
    holders.number = ee_cursor_u64(&c);
    holders.threshold = ee_cursor_u8(&c);
    holders.count = ee_cursor_u8(&c);
    if (c.err == EE_OK && holders.count > EE_KEY_HOLDERS_MAX)
        return EE_RANGE;
    for (size_t i = 0; i < holders.count; i++) {
        ee_cursor_text(&c, holders.holders[i].name, sizeof(holders.holders[i].name));
        ee_cursor_copy(&c, holders.holders[i].public_key, EE_X25519_KEY_SIZE);
    }
    EE_TRY(ee_cursor_end(&c));
    EE_TRY(check(&holders));
    *out = holders;
    return EE_OK;
}
