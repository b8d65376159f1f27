/* SPDX-License-Identifier: Apache-2.0 */
#include "tlog/equivocation.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#include "base/banned.h"

enum {
    NOTE_TEXT_SIZE = EE_BASE64_SIZE(EE_TLOG_CHECKPOINT_READ_MAX),
    LINE_MAX = NOTE_TEXT_SIZE + 16,
};
_Static_assert(2 * LINE_MAX + (EE_TLOG_PROOF_MAX + 5) * 80 < EE_TLOG_EQUIVOCATION_SIZE_MAX,
               "everything fits");

static const char magic[] = "ee-equivocation-1\n";

/* ---- writing ---- */

static void line_write(struct ee_writer *w, const char *name, const char *value)
{
    ee_writer_bytes(w, name, strlen(name));
    ee_writer_bytes(w, " ", 1);
    ee_writer_bytes(w, value, strlen(value));
    ee_writer_bytes(w, "\n", 1);
}

static void hex_write(struct ee_writer *w, const char *name, const uint8_t bytes[32])
{
    char text[65];
    line_write(w, name, ee_hex_encode(bytes, 32, text));
}

static void note_write(struct ee_writer *w, const char *name, struct ee_bytes note)
{
    char text[NOTE_TEXT_SIZE];
    line_write(w, name, ee_base64_encode(note.data, note.size, text));
}

enum ee_err ee_tlog_equivocation_write(const struct ee_tlog_equivocation *evidence, char *out,
                                       size_t capacity, size_t *size_out)
{
    struct ee_writer w;
    if (capacity < EE_TLOG_EQUIVOCATION_SIZE_MAX ||
        evidence->first.size > EE_TLOG_CHECKPOINT_READ_MAX ||
        evidence->second.size > EE_TLOG_CHECKPOINT_READ_MAX)
        return EE_TOO_LARGE;
    ee_writer_init(&w, (uint8_t *)out, capacity - 1);
    ee_writer_bytes(&w, magic, sizeof(magic) - 1);
    hex_write(&w, "network", evidence->network_id);
    hex_write(&w, "key", evidence->key);
    if (evidence->has_first_key)
        hex_write(&w, "first-key", evidence->first_key);
    note_write(&w, "first", evidence->first);
    note_write(&w, "second", evidence->second);
    if (evidence->has_proof)
        hex_write(&w, "prefix", evidence->prefix.bytes);
    for (size_t i = 0; evidence->has_proof && i < evidence->proof.count; i++)
        hex_write(&w, "proof", evidence->proof.hashes[i].bytes);
    if (w.err != EE_OK)
        return w.err;
    *size_out = ee_writer_done(&w).size;
    out[*size_out] = '\0';
    return EE_OK;
}

/* ---- reading ---- */

/* The value of the next line, which must have that name. */
static struct ee_bytes line_read(struct ee_cursor *c, const char *name)
{
    size_t name_size = strlen(name);
    const uint8_t *end = c->left ? memchr(c->next, '\n', c->left) : NULL;
    if (!end && c->err == EE_OK)
        c->err = EE_TRUNCATED;
    if (c->err != EE_OK)
        return ee_bytes_of(NULL, 0);
    struct ee_bytes line = ee_cursor_bytes(c, (size_t)(end - c->next));
    ee_cursor_take(c, 1);
    if (line.size < name_size + 1 || memcmp(line.data, name, name_size) != 0 ||
        line.data[name_size] != ' ') {
        c->err = EE_SYNTAX;
        return ee_bytes_of(NULL, 0);
    }
    return ee_bytes_of(line.data + name_size + 1, line.size - name_size - 1);
}

static bool next_is(const struct ee_cursor *c, const char *name)
{
    size_t size = strlen(name);
    return c->err == EE_OK && c->left > size && memcmp(c->next, name, size) == 0;
}

static void hex_read(struct ee_cursor *c, const char *name, uint8_t out[32])
{
    struct ee_bytes value = line_read(c, name);
    if (c->err == EE_OK)
        c->err = ee_hex_decode(value, out, 32);
}

static void note_read(struct ee_cursor *c, const char *name, uint8_t *memory, struct ee_bytes *out)
{
    size_t size = 0;
    struct ee_bytes value = line_read(c, name);
    if (c->err == EE_OK)
        c->err = ee_base64_decode(value, memory, EE_TLOG_CHECKPOINT_READ_MAX, &size);
    *out = ee_bytes_of(memory, size);
}

enum ee_err ee_tlog_equivocation_read(struct ee_bytes text, uint8_t *memory, size_t capacity,
                                      struct ee_tlog_equivocation *out)
{
    struct ee_tlog_equivocation read = {.has_proof = false};
    struct ee_cursor c;
    if (text.size >= EE_TLOG_EQUIVOCATION_SIZE_MAX ||
        capacity < (size_t)2 * EE_TLOG_CHECKPOINT_READ_MAX)
        return EE_TOO_LARGE;
    if (text.size < sizeof(magic) - 1 || memcmp(text.data, magic, sizeof(magic) - 1) != 0)
        return EE_SYNTAX;
    ee_cursor_init(&c, text);
    ee_cursor_take(&c, sizeof(magic) - 1);
    hex_read(&c, "network", read.network_id);
    hex_read(&c, "key", read.key);
    read.has_first_key = next_is(&c, "first-key");
    if (read.has_first_key)
        hex_read(&c, "first-key", read.first_key);
    note_read(&c, "first", memory, &read.first);
    note_read(&c, "second", memory + EE_TLOG_CHECKPOINT_READ_MAX, &read.second);
    if (c.err == EE_OK && c.left) {
        read.has_proof = true;
        hex_read(&c, "prefix", read.prefix.bytes);
    }
    while (c.err == EE_OK && c.left) {
        if (read.proof.count == EE_TLOG_PROOF_MAX)
            return EE_TRAILING;
        hex_read(&c, "proof", read.proof.hashes[read.proof.count++].bytes);
    }
    EE_TRY(ee_cursor_end(&c));
    *out = read;
    return EE_OK;
}

/* ---- checking ---- */

static bool same(const struct ee_tlog_hash *a, const struct ee_tlog_hash *b)
{
    return memcmp(a->bytes, b->bytes, EE_TLOG_HASH_SIZE) == 0;
}

enum ee_err ee_tlog_equivocation_check(const struct ee_crypto *crypto,
                                       const struct ee_tlog_equivocation *evidence,
                                       struct ee_tlog_checkpoint *first_out,
                                       struct ee_tlog_checkpoint *second_out,
                                       enum ee_tlog_contradiction *out)
{
    struct ee_tlog_checkpoint first, second;
    EE_TRY(ee_tlog_checkpoint_verify(crypto, evidence->first, evidence->network_id,
                                     evidence->has_first_key ? evidence->first_key : evidence->key,
                                     &first));
    EE_TRY(ee_tlog_checkpoint_verify(crypto, evidence->second, evidence->network_id, evidence->key,
                                     &second));
    *first_out = first;
    *second_out = second;
    if (first.size == second.size) {
        if (same(&first.root, &second.root))
            return EE_PROOF;
        *out = EE_TLOG_TWO_ROOTS;
        return EE_OK;
    }
    const struct ee_tlog_checkpoint *low = first.size < second.size ? &first : &second;
    const struct ee_tlog_checkpoint *high = low == &first ? &second : &first;
    /* The larger log has the prefix that the proof shows, and no other: its hashes bind it. */
    if (!evidence->has_proof || same(&evidence->prefix, &low->root))
        return EE_PROOF;
    EE_TRY(ee_tlog_consistency_verify(crypto, low->size, &evidence->prefix, high->size, &high->root,
                                      evidence->proof.hashes, evidence->proof.count));
    *out = EE_TLOG_FORK;
    return EE_OK;
}
