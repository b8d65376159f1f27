/* SPDX-License-Identifier: Apache-2.0 */
/* The exchange format of evidence (docs/spec/evidence.md, "Exchange format"). The decoder expects
 * every byte the encoder writes, in its order; it is not a JSON parser. */
#include <string.h>

#include "attest/canonical.h"
#include "attest/evidence.h"
#include "base/text.h"

#include "base/banned.h"

enum { HASH_HEX = 2 * EE_TLOG_HASH_SIZE };

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
    ee_canonical_put(&w, "{\"format\":\"ee-evidence-1\",\"quote\":\"");
    ee_canonical_put_base64(&w, evidence->quote);
    ee_canonical_put(&w, "\",\"claims\":\"");
    ee_canonical_put_base64(&w, evidence->claims);
    ee_canonical_put(&w, "\",\"nonce\":\"");
    ee_canonical_put_hash(&w, evidence->nonce.bytes);
    ee_canonical_put(&w, "\",\"index\":");
    ee_canonical_put_number(&w, evidence->index);
    ee_canonical_put(&w, ",\"size\":");
    ee_canonical_put_number(&w, evidence->size);
    ee_canonical_put(&w, ",\"path\":[");
    ee_canonical_put_path(&w, evidence->path, evidence->path_count);
    ee_canonical_put(&w, "],\"event_log\":\"");
    ee_canonical_put_base64(&w, evidence->event_log);
    ee_canonical_put(&w, "\",\"collateral\":\"");
    ee_canonical_put_base64(&w, evidence->collateral);
    ee_canonical_put(&w, "\",\"digest\":\"");
    ee_canonical_put_hash(&w, digest);
    ee_canonical_put(&w, "\"}\n");
    ee_writer_u8(&w, '\0');
    if (w.err != EE_OK)
        return w.err;
    *size_out = w.size - 1;
    return EE_OK;
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
    ee_canonical_expect(&c, "{\"format\":\"ee-evidence-1\",\"quote\":\"");
    e.quote = ee_canonical_base64(&c, &room);
    ee_canonical_expect(&c, "\",\"claims\":\"");
    e.claims = ee_canonical_base64(&c, &room);
    ee_canonical_expect(&c, "\",\"nonce\":\"");
    ee_canonical_hash(&c, e.nonce.bytes);
    ee_canonical_expect(&c, "\",\"index\":");
    e.index = ee_canonical_number(&c, ',');
    ee_canonical_expect(&c, ",\"size\":");
    e.size = ee_canonical_number(&c, ',');
    ee_canonical_expect(&c, ",\"path\":[");
    ee_canonical_path(&c, e.path, &e.path_count);
    ee_canonical_expect(&c, "],\"event_log\":\"");
    e.event_log = ee_canonical_base64(&c, &room);
    ee_canonical_expect(&c, "\",\"collateral\":\"");
    e.collateral = ee_canonical_base64(&c, &room);
    ee_canonical_expect(&c, "\",\"digest\":\"");
    ee_canonical_hash(&c, digest);
    ee_canonical_expect(&c, "\"}\n");
    EE_TRY(ee_cursor_end(&c));
    EE_TRY(check_shape(&e));
    digest_of(crypto, &e, expected);
    if (memcmp(digest, expected, sizeof(digest)) != 0)
        return EE_PROOF;
    *out = e;
    return EE_OK;
}
