/* SPDX-License-Identifier: Apache-2.0 */
/* The exchange format of evidence (docs/spec/evidence.md, "Exchange format"). The decoder expects
 * every byte the encoder writes, in its order; it is not a JSON parser. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "attest/evidence.h"

#include "base/text.h"

#include "base/banned.h"

enum { HASH_HEX = 2 * EE_TLOG_HASH_SIZE, NUMBER_MAX = 10 };

/* SHA-256 over label "ee-evidence" version 1 and all fields, length-prefixed. */
static void digest_of(const struct ee_crypto *crypto, const struct ee_evidence *e,
                      uint8_t out[EE_SHA256_SIZE])
{
    uint8_t head[32], lengths[4][4], middle[EE_NONCE_SIZE + 9];
    const struct ee_bytes blocks[4] = {e->quote, e->claims, e->event_log, e->collateral};
    struct ee_writer w;
    for (size_t i = 0; i < 4; i++) {
        ee_writer_init(&w, lengths[i], sizeof(lengths[i]));
        ee_writer_u32(&w, (uint32_t)blocks[i].size);
    }
    ee_writer_init(&w, middle, sizeof(middle));
    ee_writer_bytes(&w, e->nonce.bytes, sizeof(e->nonce.bytes));
    ee_writer_u32(&w, e->index);
    ee_writer_u32(&w, e->size);
    ee_writer_u8(&w, (uint8_t)e->path_count);
    ee_writer_init(&w, head, sizeof(head));
    ee_writer_label(&w, "ee-evidence", 1);
    const struct ee_bytes parts[] = {ee_writer_done(&w),
                                     ee_bytes_of(lengths[0], 4),
                                     blocks[0],
                                     ee_bytes_of(lengths[1], 4),
                                     blocks[1],
                                     ee_bytes_of(middle, sizeof(middle)),
                                     ee_bytes_of(e->path, e->path_count * sizeof(e->path[0])),
                                     ee_bytes_of(lengths[2], 4),
                                     blocks[2],
                                     ee_bytes_of(lengths[3], 4),
                                     blocks[3]};
    crypto->sha256(parts, sizeof(parts) / sizeof(parts[0]), out);
}

static enum ee_err check_shape(const struct ee_evidence *e)
{
    if (e->quote.size > EE_EVIDENCE_QUOTE_MAX || e->claims.size > EE_CLAIMS_SIZE_MAX ||
        e->event_log.size > EE_EVIDENCE_EVENT_LOG_MAX ||
        e->collateral.size > EE_EVIDENCE_COLLATERAL_MAX)
        return EE_TOO_LARGE;
    if (e->size == 0 || e->size > EE_FRESHNESS_NONCES_MAX || e->index >= e->size ||
        e->path_count > EE_FRESHNESS_PATH_MAX)
        return EE_RANGE;
    return EE_OK;
}

static void put(struct ee_writer *w, const char *text)
{
    ee_writer_bytes(w, text, strlen(text));
}

static void put_number(struct ee_writer *w, uint32_t number)
{
    char text[NUMBER_MAX + 1];
    (void)snprintf(text, sizeof(text), "%" PRIu32, number);
    put(w, text);
}

static void put_hash(struct ee_writer *w, const uint8_t hash[EE_TLOG_HASH_SIZE])
{
    char text[HASH_HEX + 1];
    put(w, ee_hex_encode(hash, EE_TLOG_HASH_SIZE, text));
}

/* In pieces, so that no second buffer of the whole size is needed. */
static void put_base64(struct ee_writer *w, struct ee_bytes bytes)
{
    enum { PIECE = 48 };
    char text[EE_BASE64_SIZE(PIECE)];
    for (size_t at = 0; at < bytes.size; at += PIECE) {
        size_t size = bytes.size - at < PIECE ? bytes.size - at : PIECE;
        put(w, ee_base64_encode(bytes.data + at, size, text));
    }
}

size_t ee_evidence_text_size(const struct ee_evidence *e)
{
    const size_t fixed = 512; /* keys, punctuation, nonce, numbers and digest are below this */
    return fixed + EE_BASE64_SIZE(e->quote.size) + EE_BASE64_SIZE(e->claims.size) +
           e->path_count * (HASH_HEX + 3) + EE_BASE64_SIZE(e->event_log.size) +
           EE_BASE64_SIZE(e->collateral.size);
}

enum ee_err ee_evidence_encode(const struct ee_crypto *crypto, const struct ee_evidence *evidence,
                               char *out, size_t capacity, size_t *size_out)
{
    uint8_t digest[EE_SHA256_SIZE];
    struct ee_writer w;
    EE_TRY(check_shape(evidence));
    digest_of(crypto, evidence, digest);
    ee_writer_init(&w, out, capacity);
    put(&w, "{\"format\":\"ee-evidence-1\",\"quote\":\"");
    put_base64(&w, evidence->quote);
    put(&w, "\",\"claims\":\"");
    put_base64(&w, evidence->claims);
    put(&w, "\",\"nonce\":\"");
    put_hash(&w, evidence->nonce.bytes);
    put(&w, "\",\"index\":");
    put_number(&w, evidence->index);
    put(&w, ",\"size\":");
    put_number(&w, evidence->size);
    put(&w, ",\"path\":[");
    for (size_t i = 0; i < evidence->path_count; i++) {
        put(&w, i ? ",\"" : "\"");
        put_hash(&w, evidence->path[i].bytes);
        put(&w, "\"");
    }
    put(&w, "],\"event_log\":\"");
    put_base64(&w, evidence->event_log);
    put(&w, "\",\"collateral\":\"");
    put_base64(&w, evidence->collateral);
    put(&w, "\",\"digest\":\"");
    put_hash(&w, digest);
    put(&w, "\"}\n");
    ee_writer_u8(&w, '\0');
    if (w.err != EE_OK)
        return w.err;
    *size_out = w.size - 1;
    return EE_OK;
}

static void fail(struct ee_cursor *c, enum ee_err err)
{
    if (c->err == EE_OK)
        c->err = err;
}

static bool looking_at(const struct ee_cursor *c, const char *literal)
{
    size_t size = strlen(literal);
    return c->err == EE_OK && c->left >= size && memcmp(c->next, literal, size) == 0;
}

static void expect(struct ee_cursor *c, const char *literal)
{
    if (c->err == EE_OK && !looking_at(c, literal))
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

static void get_hash(struct ee_cursor *c, uint8_t out[EE_TLOG_HASH_SIZE])
{
    const uint8_t *text = ee_cursor_take(c, HASH_HEX);
    for (size_t i = 0; text && i < HASH_HEX; i++)
        if (text[i] >= 'A' && text[i] <= 'F') /* one text per value */
            fail(c, EE_SYNTAX);
    if (c->err == EE_OK)
        fail(c, ee_hex_decode(ee_bytes_of(text, HASH_HEX), out, EE_TLOG_HASH_SIZE));
}

static uint32_t get_number(struct ee_cursor *c, char end)
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
static struct ee_bytes get_base64(struct ee_cursor *c, struct ee_writer *memory)
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

static void get_path(struct ee_cursor *c, struct ee_evidence *out)
{
    out->path_count = 0;
    while (c->err == EE_OK && !looking_at(c, "]")) {
        if (out->path_count == EE_FRESHNESS_PATH_MAX) {
            fail(c, EE_RANGE);
            return;
        }
        expect(c, out->path_count ? ",\"" : "\"");
        get_hash(c, out->path[out->path_count++].bytes);
        expect(c, "\"");
    }
}

enum ee_err ee_evidence_decode(const struct ee_crypto *crypto, struct ee_bytes text,
                               uint8_t *memory, size_t memory_size, struct ee_evidence *out)
{
    struct ee_evidence e;
    struct ee_cursor c;
    struct ee_writer room;
    uint8_t digest[EE_SHA256_SIZE] = {0}, expected[EE_SHA256_SIZE];
    memset(&e, 0, sizeof(e));
    if (text.size > EE_EVIDENCE_TEXT_MAX)
        return EE_TOO_LARGE;
    ee_cursor_init(&c, text);
    ee_writer_init(&room, memory, memory_size);
    expect(&c, "{\"format\":\"ee-evidence-1\",\"quote\":\"");
    e.quote = get_base64(&c, &room);
    expect(&c, "\",\"claims\":\"");
    e.claims = get_base64(&c, &room);
    expect(&c, "\",\"nonce\":\"");
    get_hash(&c, e.nonce.bytes);
    expect(&c, "\",\"index\":");
    e.index = get_number(&c, ',');
    expect(&c, ",\"size\":");
    e.size = get_number(&c, ',');
    expect(&c, ",\"path\":[");
    get_path(&c, &e);
    expect(&c, "],\"event_log\":\"");
    e.event_log = get_base64(&c, &room);
    expect(&c, "\",\"collateral\":\"");
    e.collateral = get_base64(&c, &room);
    expect(&c, "\",\"digest\":\"");
    get_hash(&c, digest);
    expect(&c, "\"}\n");
    EE_TRY(ee_cursor_end(&c));
    EE_TRY(check_shape(&e));
    digest_of(crypto, &e, expected);
    if (memcmp(digest, expected, sizeof(digest)) != 0)
        return EE_PROOF;
    *out = e;
    return EE_OK;
}
