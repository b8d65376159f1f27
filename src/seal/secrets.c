/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/secrets.h"

#include <string.h>

#include "base/banned.h"

bool ee_secret_name_valid(const char *name)
{
    size_t size = strlen(name);
    if (size < 1 || size > EE_SECRET_NAME_MAX || (name[0] >= '0' && name[0] <= '9'))
        return false;
    return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == size;
}

static enum ee_err check(const struct ee_secrets *secrets)
{
    if (secrets->count > EE_SECRETS_MAX)
        return EE_LIMIT;
    for (size_t i = 0; i < secrets->count; i++) {
        const struct ee_secret *secret = &secrets->items[i];
        if (!memchr(secret->name, 0, sizeof(secret->name)) || !ee_secret_name_valid(secret->name))
            return EE_NAME;
        if (secret->value.size > EE_SECRET_VALUE_MAX)
            return EE_LIMIT;
    }
    return EE_OK;
}

/* The first name after `previous` in byte order; NULL after the last. */
static const struct ee_secret *next_by_name(const struct ee_secrets *secrets, const char *previous)
{
    const struct ee_secret *best = NULL;
    for (size_t i = 0; i < secrets->count; i++) {
        const struct ee_secret *secret = &secrets->items[i];
        if (strcmp(secret->name, previous) > 0 && (!best || strcmp(secret->name, best->name) < 0))
            best = secret;
    }
    return best;
}

enum ee_err ee_secrets_encode(const struct ee_secrets *secrets, void *out, size_t capacity,
                              size_t *size_out)
{
    struct ee_writer w;
    EE_TRY(check(secrets));
    ee_writer_init(&w, out, capacity);
    ee_writer_label(&w, "ee-secrets", 1);
    ee_writer_u8(&w, (uint8_t)secrets->count);
    const struct ee_secret *secret = next_by_name(secrets, "");
    size_t written = 0;
    for (; secret; secret = next_by_name(secrets, secret->name), written++) {
        ee_writer_text(&w, secret->name);
        ee_writer_block(&w, secret->value);
    }
    if (written != secrets->count) /* equal names are written once */
        return EE_DUPLICATE_FIELD;
    if (w.err != EE_OK)
        return w.err;
    *size_out = w.size;
    return EE_OK;
}

static enum ee_err item_read(struct ee_cursor *c, const char *previous, struct ee_secret *out)
{
    ee_cursor_text(c, out->name, sizeof(out->name));
    out->value = ee_cursor_block(c, EE_SECRET_VALUE_MAX);
    if (c->err != EE_OK)
        return c->err;
    if (!ee_secret_name_valid(out->name))
        return EE_NAME;
    int order = strcmp(previous, out->name);
    if (order >= 0)
        return order == 0 ? EE_DUPLICATE_FIELD : EE_SYNTAX;
    return EE_OK;
}

enum ee_err ee_secrets_decode(struct ee_bytes bytes, struct ee_secrets *out)
{
    struct ee_cursor c;
    ee_cursor_init(&c, bytes);
    ee_cursor_label(&c, "ee-secrets", 1);
    size_t count = ee_cursor_u8(&c);
    if (c.err != EE_OK)
        return c.err;
    if (count > EE_SECRETS_MAX)
        return EE_TOO_LARGE;
    const char *previous = "";
    out->count = 0;
    for (size_t i = 0; i < count; i++) {
        EE_TRY(item_read(&c, previous, &out->items[i]));
        previous = out->items[i].name;
    }
    EE_TRY(ee_cursor_end(&c));
    out->count = count;
    return EE_OK;
}
