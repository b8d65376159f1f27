/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/canonical.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#include "base/banned.h"

enum { HASH_HEX = 2 * EE_TLOG_HASH_SIZE, NUMBER_MAX = 10 };

void ee_canonical_put(struct ee_writer *w, const char *text)
{
    ee_writer_bytes(w, text, strlen(text));
}

void ee_canonical_put_number(struct ee_writer *w, uint32_t number)
{
    char text[NUMBER_MAX + 1];
    (void)snprintf(text, sizeof(text), "%" PRIu32, number);
    ee_canonical_put(w, text);
}

void ee_canonical_put_hash(struct ee_writer *w, const uint8_t hash[EE_TLOG_HASH_SIZE])
{
    char text[HASH_HEX + 1];
    ee_canonical_put(w, ee_hex_encode(hash, EE_TLOG_HASH_SIZE, text));
}

/* In pieces, so that no second buffer of the whole size is needed. */
void ee_canonical_put_base64(struct ee_writer *w, struct ee_bytes bytes)
{
    enum { PIECE = 48 };
    char text[EE_BASE64_SIZE(PIECE)];
    for (size_t at = 0; at < bytes.size; at += PIECE) {
        size_t size = bytes.size - at < PIECE ? bytes.size - at : PIECE;
        ee_canonical_put(w, ee_base64_encode(bytes.data + at, size, text));
    }
}

void ee_canonical_put_path(struct ee_writer *w, const struct ee_tlog_hash *path, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ee_canonical_put(w, i ? ",\"" : "\"");
        ee_canonical_put_hash(w, path[i].bytes);
        ee_canonical_put(w, "\"");
    }
}

static void fail(struct ee_cursor *c, enum ee_err err)
{
    if (c->err == EE_OK)
        c->err = err;
}

bool ee_canonical_at(const struct ee_cursor *c, const char *literal)
{
    size_t size = strlen(literal);
    return c->err == EE_OK && c->left >= size && memcmp(c->next, literal, size) == 0;
}

void ee_canonical_expect(struct ee_cursor *c, const char *literal)
{
    if (c->err == EE_OK && !ee_canonical_at(c, literal))
        fail(c, c->left < strlen(literal) ? EE_TRUNCATED : EE_SYNTAX);
    ee_cursor_take(c, strlen(literal));
}

/* Everything before the next `end`, which stays. */
static struct ee_bytes until(struct ee_cursor *c, char end)
{
    const uint8_t *found = c->err == EE_OK && c->left ? memchr(c->next, end, c->left) : NULL;
    if (!found) {
        fail(c, EE_TRUNCATED);
        return ee_bytes_of(NULL, 0);
    }
    return ee_cursor_bytes(c, (size_t)(found - c->next));
}

void ee_canonical_hash(struct ee_cursor *c, uint8_t out[EE_TLOG_HASH_SIZE])
{
    const uint8_t *text = ee_cursor_take(c, HASH_HEX);
    for (size_t i = 0; text && i < HASH_HEX; i++)
        if (text[i] >= 'A' && text[i] <= 'F') /* one text per value */
            fail(c, EE_SYNTAX);
    if (c->err == EE_OK)
        fail(c, ee_hex_decode(ee_bytes_of(text, HASH_HEX), out, EE_TLOG_HASH_SIZE));
}

uint32_t ee_canonical_number(struct ee_cursor *c, char end)
{
    struct ee_bytes digits = until(c, end);
    char text[NUMBER_MAX + 1] = "";
    uint64_t number = 0;
    if (c->err != EE_OK)
        return 0;
    if (digits.size > NUMBER_MAX || memchr(digits.data, 0, digits.size)) {
        fail(c, EE_SYNTAX);
        return 0;
    }
    memcpy(text, digits.data, digits.size);
    fail(c, ee_u64_parse(text, &number));
    if (number > UINT32_MAX)
        fail(c, EE_RANGE);
    return c->err == EE_OK ? (uint32_t)number : 0;
}

/* Standard alphabet with padding, the one text the encoder writes. */
struct ee_bytes ee_canonical_base64(struct ee_cursor *c, struct ee_writer *memory)
{
    struct ee_bytes text = until(c, '"');
    size_t size = 0;
    if (c->err == EE_OK && text.size &&
        (text.size % 4 || memchr(text.data, '-', text.size) || memchr(text.data, '_', text.size)))
        fail(c, EE_SYNTAX);
    if (c->err != EE_OK)
        return ee_bytes_of(NULL, 0);
    uint8_t *out = memory->data + memory->size;
    fail(c, ee_base64_decode(text, out, memory->capacity - memory->size, &size));
    memory->size += size;
    return ee_bytes_of(out, size);
}

void ee_canonical_path(struct ee_cursor *c, struct ee_tlog_hash path[EE_FRESHNESS_PATH_MAX],
                       size_t *count_out)
{
    size_t count = 0;
    while (c->err == EE_OK && !ee_canonical_at(c, "]")) {
        if (count == EE_FRESHNESS_PATH_MAX) {
            fail(c, EE_RANGE);
            break;
        }
        ee_canonical_expect(c, count ? ",\"" : "\"");
        ee_canonical_hash(c, path[count++].bytes);
        ee_canonical_expect(c, "\"");
    }
    *count_out = count;
}
