/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/bundle.h"

#include <string.h>

#include "attest/canonical.h"
#include "base/text.h"

#include "base/banned.h"

#define HEAD "{\"format\":\"ee-bundle-1\",\"time\":\""
enum { TIME_TEXT = EE_TIME_TEXT_SIZE - 1, BLOCKS = 6 };

/* In the order of the binary form. */
static void blocks_of(const struct ee_bundle *b, struct ee_bytes out[BLOCKS])
{
    const struct ee_bytes blocks[BLOCKS] = {b->quote, b->collateral, b->claims,
                                            b->ccel,  b->dstack,     b->agent_log};
    memcpy(out, blocks, sizeof(blocks));
}

static void u64_put(uint64_t value, uint8_t out[8])
{
    struct ee_writer w;
    ee_writer_init(&w, out, 8);
    ee_writer_u64(&w, value);
}

/* SHA-256 over the label, the sizes of everything, then everything. */
static void digest_of(const struct ee_crypto *crypto, const struct ee_bundle *b,
                      uint8_t out[EE_SHA256_SIZE])
{
    uint8_t head[64 + EE_NONCE_SIZE], sizes[BLOCKS + EE_BUNDLE_CHANGES_MAX][8];
    struct ee_bytes blocks[BLOCKS], parts[3 + BLOCKS + EE_BUNDLE_CHANGES_MAX];
    struct ee_writer w;
    size_t count = 0;
    blocks_of(b, blocks);
    ee_writer_init(&w, head, sizeof(head));
    ee_writer_label(&w, "ee-bundle", 1);
    ee_writer_u64(&w, (uint64_t)b->time_s);
    ee_writer_bytes(&w, b->nonce.bytes, sizeof(b->nonce.bytes));
    ee_writer_u32(&w, b->index);
    ee_writer_u32(&w, b->size);
    ee_writer_u8(&w, (uint8_t)b->path_count);
    ee_writer_u32(&w, (uint32_t)b->change_count);
    for (size_t i = 0; i < BLOCKS; i++)
        u64_put(blocks[i].size, sizes[i]);
    for (size_t i = 0; i < b->change_count; i++)
        u64_put(b->changes[i].size, sizes[BLOCKS + i]);
    parts[count++] = ee_writer_done(&w);
    parts[count++] = ee_bytes_of(sizes, (BLOCKS + b->change_count) * sizeof(sizes[0]));
    parts[count++] = ee_bytes_of(b->path, b->path_count * sizeof(b->path[0]));
    for (size_t i = 0; i < BLOCKS; i++)
        parts[count++] = blocks[i];
    for (size_t i = 0; i < b->change_count; i++)
        parts[count++] = b->changes[i];
    crypto->sha256(parts, count, out);
}

static enum ee_err check_sizes(const struct ee_bundle *b)
{
    size_t changes = 0;
    if (b->change_count > EE_BUNDLE_CHANGES_MAX)
        return EE_TOO_LARGE;
    for (size_t i = 0; i < b->change_count; i++) {
        changes += b->changes[i].size;
        if (b->changes[i].size > EE_BUNDLE_CHANGE_MAX)
            return EE_TOO_LARGE;
    }
    if (b->quote.size > EE_BUNDLE_QUOTE_MAX || b->collateral.size > EE_BUNDLE_COLLATERAL_MAX ||
        b->claims.size > EE_CLAIMS_SIZE_MAX || b->ccel.size > EE_EVENTLOG_TCG2_MAX ||
        b->dstack.size > EE_EVENTLOG_DSTACK_MAX || b->agent_log.size > EE_EVENTLOG_AGENT_MAX ||
        changes > EE_BUNDLE_TEXT_MAX / 4)
        return EE_TOO_LARGE;
    return EE_OK;
}

/* Claims come with a nonce and its place; without claims there is none of it. */
static enum ee_err check_shape(const struct ee_bundle *b)
{
    EE_TRY(check_sizes(b));
    if (b->time_s < 0 || b->time_s > INT64_C(253402300799)) /* year 9999 */
        return EE_RANGE;
    if (b->path_count > EE_FRESHNESS_PATH_MAX || b->size > EE_FRESHNESS_NONCES_MAX)
        return EE_RANGE;
    if (b->claims.size > 0)
        return b->index < b->size ? EE_OK : EE_RANGE;
    bool none = b->size == 0 && b->index == 0 && b->path_count == 0 &&
                ee_bytes_all_zero(b->nonce.bytes, sizeof(b->nonce.bytes));
    return none ? EE_OK : EE_RANGE;
}

bool ee_bundle_looks_like(struct ee_bytes text)
{
    const size_t size = sizeof("{\"format\":\"ee-bundle-") - 1;
    return text.size >= size && memcmp(text.data, HEAD, size) == 0;
}

size_t ee_bundle_text_size(const struct ee_bundle *b)
{
    struct ee_bytes blocks[BLOCKS];
    size_t size = 1024; /* keys, punctuation, time, nonce, numbers and digest are below this */
    blocks_of(b, blocks);
    for (size_t i = 0; i < BLOCKS; i++)
        size += EE_BASE64_SIZE(blocks[i].size);
    for (size_t i = 0; i < b->change_count; i++)
        size += EE_BASE64_SIZE(b->changes[i].size) + 3;
    return size + b->path_count * (2 * EE_TLOG_HASH_SIZE + 3);
}

static void put_changes(struct ee_writer *w, const struct ee_bundle *b)
{
    for (size_t i = 0; i < b->change_count; i++) {
        ee_canonical_put(w, i ? ",\"" : "\"");
        ee_canonical_put_base64(w, b->changes[i]);
        ee_canonical_put(w, "\"");
    }
}

enum ee_err ee_bundle_encode(const struct ee_crypto *crypto, const struct ee_bundle *bundle,
                             char *out, size_t capacity, size_t *size_out)
{
    uint8_t digest[EE_SHA256_SIZE];
    char time[EE_TIME_TEXT_SIZE];
    struct ee_writer w;
    EE_TRY(check_shape(bundle));
    digest_of(crypto, bundle, digest);
    ee_writer_init(&w, out, capacity);
    ee_canonical_put(&w, HEAD);
    ee_canonical_put(&w, ee_time_format(bundle->time_s, time));
    ee_canonical_put(&w, "\",\"quote\":\"");
    ee_canonical_put_base64(&w, bundle->quote);
    ee_canonical_put(&w, "\",\"collateral\":\"");
    ee_canonical_put_base64(&w, bundle->collateral);
    ee_canonical_put(&w, "\",\"claims\":\"");
    ee_canonical_put_base64(&w, bundle->claims);
    ee_canonical_put(&w, "\",\"nonce\":\"");
    ee_canonical_put_hash(&w, bundle->nonce.bytes);
    ee_canonical_put(&w, "\",\"index\":");
    ee_canonical_put_number(&w, bundle->index);
    ee_canonical_put(&w, ",\"size\":");
    ee_canonical_put_number(&w, bundle->size);
    ee_canonical_put(&w, ",\"path\":[");
    ee_canonical_put_path(&w, bundle->path, bundle->path_count);
    ee_canonical_put(&w, "],\"ccel\":\"");
    ee_canonical_put_base64(&w, bundle->ccel);
    ee_canonical_put(&w, "\",\"dstack\":\"");
    ee_canonical_put_base64(&w, bundle->dstack);
    ee_canonical_put(&w, "\",\"agent_log\":\"");
    ee_canonical_put_base64(&w, bundle->agent_log);
    ee_canonical_put(&w, "\",\"changes\":[");
    put_changes(&w, bundle);
    ee_canonical_put(&w, "],\"digest\":\"");
    ee_canonical_put_hash(&w, digest);
    ee_canonical_put(&w, "\"}\n");
    ee_writer_u8(&w, '\0');
    if (w.err != EE_OK)
        return w.err;
    if (w.size - 1 > EE_BUNDLE_TEXT_MAX)
        return EE_TOO_LARGE;
    *size_out = w.size - 1;
    return EE_OK;
}

static int64_t get_time(struct ee_cursor *c)
{
    int64_t time_s = 0;
    struct ee_bytes text = ee_cursor_bytes(c, TIME_TEXT);
    if (c->err == EE_OK)
        c->err = ee_time_parse(text, &time_s);
    return time_s;
}

static void get_changes(struct ee_cursor *c, struct ee_writer *room, struct ee_bundle *out)
{
    while (c->err == EE_OK && !ee_canonical_at(c, "]")) {
        if (out->change_count == EE_BUNDLE_CHANGES_MAX) {
            c->err = EE_TOO_LARGE;
            return;
        }
        ee_canonical_expect(c, out->change_count ? ",\"" : "\"");
        out->changes[out->change_count++] = ee_canonical_base64(c, room);
        ee_canonical_expect(c, "\"");
    }
}

static void members_read(struct ee_cursor *c, struct ee_writer *room, struct ee_bundle *out)
{
    ee_canonical_expect(c, HEAD);
    out->time_s = get_time(c);
    ee_canonical_expect(c, "\",\"quote\":\"");
    out->quote = ee_canonical_base64(c, room);
    ee_canonical_expect(c, "\",\"collateral\":\"");
    out->collateral = ee_canonical_base64(c, room);
    ee_canonical_expect(c, "\",\"claims\":\"");
    out->claims = ee_canonical_base64(c, room);
    ee_canonical_expect(c, "\",\"nonce\":\"");
    ee_canonical_hash(c, out->nonce.bytes);
    ee_canonical_expect(c, "\",\"index\":");
    out->index = ee_canonical_number(c, ',');
    ee_canonical_expect(c, ",\"size\":");
    out->size = ee_canonical_number(c, ',');
    ee_canonical_expect(c, ",\"path\":[");
    ee_canonical_path(c, out->path, &out->path_count);
    ee_canonical_expect(c, "],\"ccel\":\"");
    out->ccel = ee_canonical_base64(c, room);
    ee_canonical_expect(c, "\",\"dstack\":\"");
    out->dstack = ee_canonical_base64(c, room);
    ee_canonical_expect(c, "\",\"agent_log\":\"");
    out->agent_log = ee_canonical_base64(c, room);
    ee_canonical_expect(c, "\",\"changes\":[");
    get_changes(c, room, out);
    ee_canonical_expect(c, "],\"digest\":\"");
}

enum ee_err ee_bundle_decode(const struct ee_crypto *crypto, struct ee_bytes text, uint8_t *memory,
                             size_t memory_size, struct ee_bundle *out)
{
    struct ee_cursor c;
    struct ee_writer room;
    uint8_t digest[EE_SHA256_SIZE] = {0}, expected[EE_SHA256_SIZE];
    memset(out, 0, sizeof(*out));
    if (text.size > EE_BUNDLE_TEXT_MAX)
        return EE_TOO_LARGE;
    ee_cursor_init(&c, text);
    ee_writer_init(&room, memory, memory_size);
    members_read(&c, &room, out);
    ee_canonical_hash(&c, digest);
    ee_canonical_expect(&c, "\"}\n");
    enum ee_err err = ee_cursor_end(&c);
    if (err == EE_OK)
        err = check_shape(out);
    if (err == EE_OK) {
        digest_of(crypto, out, expected);
        err = memcmp(digest, expected, sizeof(digest)) == 0 ? EE_OK : EE_PROOF;
    }
    if (err != EE_OK)
        memset(out, 0, sizeof(*out));
    return err;
}

void ee_bundle_evidence(const struct ee_bundle *bundle, struct ee_evidence *out)
{
    *out = (struct ee_evidence){.quote = bundle->quote,
                                .claims = bundle->claims,
                                .nonce = bundle->nonce,
                                .index = bundle->index,
                                .size = bundle->size,
                                .path_count = bundle->path_count,
                                .event_log = bundle->agent_log,
                                .collateral = bundle->collateral};
    memcpy(out->path, bundle->path, sizeof(out->path));
}

static enum ee_reason log_check(const struct ee_crypto *crypto, enum ee_eventlog_kind kind,
                                struct ee_bytes bytes, const struct ee_td_report *td,
                                uint8_t *scratch, size_t scratch_size,
                                struct ee_bundle_registers *registers, struct ee_finding *finding)
{
    struct ee_eventlog log;
    if (bytes.size == 0)
        return EE_REASON_NONE;
    enum ee_reason reason = ee_eventlog_open(&log, crypto, kind, bytes, scratch, scratch_size);
    if (reason == EE_REASON_NONE)
        reason = ee_eventlog_match(&log, td, NULL);
    if (reason != EE_REASON_NONE) {
        *finding = log.failure;
        return reason;
    }
    for (unsigned i = 0; i < EE_RTMR_COUNT; i++)
        if (ee_eventlog_registers(&log) >> i & 1)
            registers->explained_by[i] = (uint8_t)kind;
    return EE_REASON_NONE;
}

enum ee_reason ee_bundle_logs_check(const struct ee_crypto *crypto, const struct ee_bundle *bundle,
                                    const struct ee_td_report *td, uint8_t *scratch,
                                    size_t scratch_size, struct ee_bundle_registers *out,
                                    struct ee_finding *finding_out)
{
    struct ee_bundle_registers registers;
    memset(&registers, 0, sizeof(registers));
    for (unsigned i = 0; i < EE_RTMR_COUNT; i++)
        registers.zero[i] = ee_bytes_all_zero(td->rtmr[i], sizeof(td->rtmr[i]));
    EE_REASON_TRY(
        log_check(crypto, EE_EVENTLOG_TCG2, bundle->ccel, td, NULL, 0, &registers, finding_out));
    EE_REASON_TRY(log_check(crypto, EE_EVENTLOG_DSTACK, bundle->dstack, td, scratch, scratch_size,
                            &registers, finding_out));
    EE_REASON_TRY(log_check(crypto, EE_EVENTLOG_AGENT, bundle->agent_log, td, NULL, 0, &registers,
                            finding_out));
    *out = registers;
    return EE_REASON_NONE;
}
