/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ledger_snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

static const char label[] = "ee-ledger-snapshot";
static const char head_document[] = "head";
static const char book_document[] = "book";

enum { VERSION = 1, HEAD_MAX = 256 };

/* What the pieces must be: each piece is hashed with the hash before it. */
struct head {
    struct ee_ledger_place place;
    uint64_t past_count;
    uint32_t pieces;
    uint8_t book_hash[EE_SHA256_SIZE];
    uint8_t filter_hash[EE_SHA256_SIZE];
};

static void hash_follow(const struct ee_crypto *crypto, uint8_t hash[EE_SHA256_SIZE],
                        struct ee_bytes piece)
{
    const struct ee_bytes parts[] = {ee_bytes_of(hash, EE_SHA256_SIZE), piece};
    uint8_t next[EE_SHA256_SIZE];
    crypto->sha256(parts, 2, next);
    memcpy(hash, next, EE_SHA256_SIZE);
}

static void filter_hash(const struct ee_ledger_past_files *files, uint8_t out[EE_SHA256_SIZE])
{
    const struct ee_bytes part =
        ee_bytes_of(files->filter, files->filter == NULL ? 0 : EE_LEDGER_FILTER_SIZE);
    files->crypto->sha256(&part, 1, out);
}

/* ---- writing ---- */

struct sink {
    const struct ee_ledger_past_files *files;
    struct head head;
    uint8_t *piece; /* EE_DERIVED_PIECE_MAX bytes */
    size_t size;
};

static enum ee_err piece_end(struct sink *sink)
{
    struct ee_bytes piece = ee_bytes_of(sink->piece, sink->size);
    if (sink->size == 0)
        return EE_OK;
    hash_follow(sink->files->crypto, sink->head.book_hash, piece);
    EE_TRY(ee_derived_piece_put(sink->files->derived, book_document, sink->head.pieces, piece));
    sink->head.pieces++;
    sink->size = 0;
    return EE_OK;
}

static enum ee_err piece_add(void *context, struct ee_bytes bytes)
{
    struct sink *sink = context;
    while (bytes.size > 0) {
        size_t room = EE_DERIVED_PIECE_MAX - sink->size;
        size_t size = bytes.size < room ? bytes.size : room;
        memcpy(sink->piece + sink->size, bytes.data, size);
        sink->size += size;
        bytes = ee_bytes_of(bytes.data + size, bytes.size - size);
        if (sink->size == EE_DERIVED_PIECE_MAX)
            EE_TRY(piece_end(sink));
    }
    return EE_OK;
}

static enum ee_err head_put(const struct ee_ledger_past_files *files, const struct head *head)
{
    uint8_t bytes[HEAD_MAX];
    struct ee_writer w;
    ee_writer_init(&w, bytes, sizeof(bytes));
    ee_writer_label(&w, label, VERSION);
    ee_writer_u64(&w, head->place.batch);
    ee_writer_bytes(&w, head->place.hash, EE_SHA256_SIZE);
    ee_writer_u64(&w, head->past_count);
    ee_writer_u32(&w, head->pieces);
    ee_writer_bytes(&w, head->book_hash, EE_SHA256_SIZE);
    ee_writer_bytes(&w, head->filter_hash, EE_SHA256_SIZE);
    return ee_derived_piece_put(files->derived, head_document, 0, ee_writer_done(&w));
}

static enum ee_err book_put(struct sink *sink, const struct ee_ledger *ledger)
{
    const struct ee_ledger_past_files *files = sink->files;
    EE_TRY(ee_derived_pieces_drop(files->derived, book_document));
    EE_TRY(ee_ledger_save(ledger, piece_add, sink));
    EE_TRY(piece_end(sink));
    EE_TRY(ee_ledger_past_save(files));
    filter_hash(files, sink->head.filter_hash);
    EE_TRY(head_put(files, &sink->head));
    return ee_derived_commit(files->derived);
}

enum ee_err ee_ledger_snapshot_write(const struct ee_ledger_past_files *files,
                                     const struct ee_ledger *ledger,
                                     const struct ee_ledger_place *place)
{
    struct sink sink = {.files = files, .head = {.place = *place, .past_count = files->count}};
    sink.piece = malloc(EE_DERIVED_PIECE_MAX);
    if (sink.piece == NULL)
        return EE_NO_MEMORY;
    enum ee_err err = book_put(&sink, ledger);
    free(sink.piece);
    return err;
}

/* ---- reading ---- */

struct source {
    const struct ee_ledger_past_files *files;
    uint8_t hash[EE_SHA256_SIZE];
    uint8_t *piece;
    size_t size, at;
    uint32_t next;
};

static enum ee_err piece_next(struct source *source)
{
    enum ee_err err = ee_derived_piece_get(source->files->derived, book_document, source->next,
                                           source->piece, EE_DERIVED_PIECE_MAX, &source->size);
    if (err != EE_OK)
        return err == EE_NOT_FOUND ? EE_JOURNAL_CORRUPT : err;
    hash_follow(source->files->crypto, source->hash, ee_bytes_of(source->piece, source->size));
    source->at = 0;
    source->next++;
    return EE_OK;
}

static enum ee_err piece_take(void *context, uint8_t *out, size_t size)
{
    struct source *source = context;
    while (size > 0) {
        if (source->at == source->size)
            EE_TRY(piece_next(source));
        size_t left = source->size - source->at;
        size_t part = size < left ? size : left;
        memcpy(out, source->piece + source->at, part);
        source->at += part;
        out += part;
        size -= part;
    }
    return EE_OK;
}

static enum ee_err head_get(const struct ee_ledger_past_files *files, struct head *head)
{
    uint8_t bytes[HEAD_MAX];
    size_t size = 0;
    struct ee_cursor c;
    EE_TRY(ee_derived_piece_get(files->derived, head_document, 0, bytes, sizeof(bytes), &size));
    ee_cursor_init(&c, ee_bytes_of(bytes, size));
    ee_cursor_label(&c, label, VERSION);
    head->place.batch = ee_cursor_u64(&c);
    ee_cursor_copy(&c, head->place.hash, EE_SHA256_SIZE);
    head->past_count = ee_cursor_u64(&c);
    head->pieces = ee_cursor_u32(&c);
    ee_cursor_copy(&c, head->book_hash, EE_SHA256_SIZE);
    ee_cursor_copy(&c, head->filter_hash, EE_SHA256_SIZE);
    return ee_cursor_end(&c) == EE_OK ? EE_OK : EE_JOURNAL_CORRUPT;
}

static enum ee_err book_get(struct source *source, struct ee_ledger_past_files *files,
                            const struct ee_ledger_limits *limits, const struct head *head,
                            struct ee_ledger **out)
{
    uint8_t hash[EE_SHA256_SIZE];
    enum ee_err err = ee_ledger_load(&ee_allocator_system, limits, piece_take, source, out);
    if (err == EE_SYNTAX || err == EE_RANGE || err == EE_UNSUPPORTED)
        return EE_JOURNAL_CORRUPT;
    EE_TRY(err);
    bool same = source->at == source->size && source->next == head->pieces &&
                memcmp(source->hash, head->book_hash, EE_SHA256_SIZE) == 0;
    if (!same)
        return EE_JOURNAL_CORRUPT;
    EE_TRY(ee_ledger_past_load(files, head->past_count));
    filter_hash(files, hash);
    return memcmp(hash, head->filter_hash, EE_SHA256_SIZE) == 0 ? EE_OK : EE_JOURNAL_CORRUPT;
}

enum ee_err ee_ledger_snapshot_read(struct ee_ledger_past_files *files,
                                    const struct ee_ledger_limits *limits,
                                    struct ee_ledger_place *place_out, struct ee_ledger **out)
{
    struct head head;
    struct ee_ledger *ledger = NULL;
    struct source source = {.files = files};
    EE_TRY(head_get(files, &head));
    source.piece = malloc(EE_DERIVED_PIECE_MAX);
    if (source.piece == NULL)
        return EE_NO_MEMORY;
    enum ee_err err = book_get(&source, files, limits, &head, &ledger);
    free(source.piece);
    if (err != EE_OK) {
        ee_ledger_free(ledger);
        free(files->filter);
        files->filter = NULL;
        files->count = 0;
        return err;
    }
    *place_out = head.place;
    *out = ledger;
    return EE_OK;
}
