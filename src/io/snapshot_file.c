/* SPDX-License-Identifier: Apache-2.0 */
#include "io/snapshot_file.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"

#include "base/banned.h"

enum {
    LABEL_SIZE = 1 + 11 + 2,
    HEAD_SIZE = LABEL_SIZE + 2 + 32 + 8 + EE_SHA256_SIZE + 8 + 8 + 1,
    CHUNK_HEAD_SIZE = 1 + 4, /* last, size */
    SEALED_MAX = EE_SNAPSHOT_CHUNK_MAX + EE_JOURNAL_SEAL_OVERHEAD_MAX,
    ASSOCIATED_MAX = 96,
    NAME_DIGITS = 20,
    PUSH_SIZE = 512 * 1024,
};

static const char ending[] = ".snapshot";
static const char half[] = ".partial";

/* ---- names ---- */

enum ee_err ee_snapshot_path(const char *folder, uint64_t seq, char out[PATH_MAX])
{
    int size = snprintf(out, PATH_MAX, "%s/%020" PRIu64 "%s", folder, seq, ending);
    return size > 0 && size < PATH_MAX ? EE_OK : EE_TOO_LARGE;
}

static bool name_read(const char *name, uint64_t *seq_out)
{
    uint64_t seq = 0;
    if (strlen(name) != NAME_DIGITS + sizeof(ending) - 1 ||
        strcmp(name + NAME_DIGITS, ending) != 0 || name[0] > '1')
        return false;
    for (int i = 0; i < NAME_DIGITS; i++) {
        if (name[i] < '0' || name[i] > '9')
            return false;
        seq = seq * 10 + (uint64_t)(name[i] - '0');
    }
    *seq_out = seq;
    return true;
}

static int newer_first(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

enum ee_err ee_snapshot_list(const char *folder, uint64_t out[EE_SNAPSHOTS_LISTED_MAX],
                             size_t *count_out)
{
    uint64_t seq;
    *count_out = 0;
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return errno == ENOENT ? EE_OK : EE_IO;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (*count_out < EE_SNAPSHOTS_LISTED_MAX && name_read(entry->d_name, &seq))
            out[(*count_out)++] = seq;
    closedir(dir);
    qsort(out, *count_out, sizeof(*out), newer_first);
    return EE_OK;
}

static void partial_remove(const char *folder)
{
    char path[PATH_MAX];
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        size_t size = strlen(entry->d_name), end = sizeof(half) - 1;
        if (size > end && strcmp(entry->d_name + size - end, half) == 0 &&
            snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) < PATH_MAX)
            (void)unlink(path);
    }
    closedir(dir);
}

void ee_snapshot_remove(const char *folder, uint64_t seq)
{
    char path[PATH_MAX];
    if (ee_snapshot_path(folder, seq, path) == EE_OK)
        (void)unlink(path);
}

void ee_snapshot_prune(const char *folder, size_t keep)
{
    uint64_t seqs[EE_SNAPSHOTS_LISTED_MAX];
    size_t count = 0;
    if (ee_snapshot_list(folder, seqs, &count) != EE_OK)
        return;
    for (size_t i = keep; i < count; i++)
        ee_snapshot_remove(folder, seqs[i]);
    partial_remove(folder);
}

/* ---- parts of a file ---- */

static struct ee_bytes head_bytes(const struct ee_snapshot_head *head, uint8_t out[HEAD_SIZE])
{
    struct ee_writer w;
    ee_writer_init(&w, out, HEAD_SIZE);
    ee_writer_label(&w, "ee-snapshot", 1);
    ee_writer_u16(&w, head->core_version);
    ee_writer_bytes(&w, head->network_id, sizeof(head->network_id));
    ee_writer_u64(&w, head->batch);
    ee_writer_bytes(&w, head->batch_hash, sizeof(head->batch_hash));
    ee_writer_u64(&w, head->seq);
    ee_writer_u64(&w, head->epoch);
    ee_writer_u8(&w, (uint8_t)head->form);
    assert(w.err == EE_OK && w.size == HEAD_SIZE);
    return ee_writer_done(&w);
}

static enum ee_err head_parse(struct ee_bytes bytes, struct ee_snapshot_head *out)
{
    struct ee_cursor c;
    ee_cursor_init(&c, bytes);
    ee_cursor_label(&c, "ee-snapshot", 1);
    out->core_version = ee_cursor_u16(&c);
    ee_cursor_copy(&c, out->network_id, sizeof(out->network_id));
    out->batch = ee_cursor_u64(&c);
    ee_cursor_copy(&c, out->batch_hash, sizeof(out->batch_hash));
    out->seq = ee_cursor_u64(&c);
    out->epoch = ee_cursor_u64(&c);
    out->form = (enum ee_journal_form)ee_cursor_u8(&c);
    EE_TRY(ee_cursor_end(&c));
    return out->form == EE_JOURNAL_FORM_PLAIN || out->form == EE_JOURNAL_FORM_SEALED
               ? EE_OK
               : EE_UNSUPPORTED;
}

/* A chunk opens in its own place of its own file only. */
static struct ee_bytes associated_data(const uint8_t chain[EE_SHA256_SIZE], bool last,
                                       uint8_t out[ASSOCIATED_MAX])
{
    struct ee_writer w;
    ee_writer_init(&w, out, ASSOCIATED_MAX);
    ee_writer_label(&w, "ee-snapshot-seal", 1);
    ee_writer_bytes(&w, chain, EE_SHA256_SIZE);
    ee_writer_u8(&w, last);
    assert(w.err == EE_OK);
    return ee_writer_done(&w);
}

static struct ee_bytes chunk_head(bool last, size_t size, uint8_t out[CHUNK_HEAD_SIZE])
{
    struct ee_writer w;
    ee_writer_init(&w, out, CHUNK_HEAD_SIZE);
    ee_writer_u8(&w, last);
    ee_writer_u32(&w, (uint32_t)size);
    return ee_writer_done(&w);
}

static void chain_on(const struct ee_crypto *crypto, struct ee_bytes head, struct ee_bytes body,
                     uint8_t chain[EE_SHA256_SIZE])
{
    uint8_t before[EE_SHA256_SIZE];
    memcpy(before, chain, sizeof(before));
    const struct ee_bytes parts[] = {ee_bytes_of(before, sizeof(before)), head, body};
    crypto->sha256(parts, 3, chain);
}

/* ---- writing ---- */

struct ee_snapshot_writer {
    struct ee_snapshot_options options;
    char folder[PATH_MAX], path[PATH_MAX], partial[PATH_MAX];
    int fd;
    uint8_t chain[EE_SHA256_SIZE];
    uint64_t written, pushed; /* bytes of the file, and those sent on their way to the disk */
    size_t size;              /* in the chunk that collects */
    uint8_t chunk[EE_SNAPSHOT_CHUNK_MAX];
    uint8_t sealed[SEALED_MAX];
};

static enum ee_err write_all(int fd, struct ee_bytes bytes)
{
    while (bytes.size > 0) {
        ssize_t written = write(fd, bytes.data, bytes.size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return EE_IO;
        bytes.data += written;
        bytes.size -= (size_t)written;
    }
    return EE_OK;
}

/* Little by little: many megabytes at the end would keep the journal's own fsync waiting. Only a
 * hint; fsync decides. */
static void push(struct ee_snapshot_writer *writer)
{
    if (writer->written - writer->pushed < PUSH_SIZE)
        return;
    (void)sync_file_range(
        writer->fd, (off_t)writer->pushed, (off_t)(writer->written - writer->pushed),
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    writer->pushed = writer->written;
}

static enum ee_err chunk_write(struct ee_snapshot_writer *writer, bool last)
{
    uint8_t head[CHUNK_HEAD_SIZE], associated[ASSOCIATED_MAX];
    const struct ee_journal_seal *seal = writer->options.seal;
    struct ee_bytes body = ee_bytes_of(writer->chunk, writer->size);
    if (seal != NULL) {
        size_t size = 0;
        EE_TRY(seal->seal(seal->context, associated_data(writer->chain, last, associated), body,
                          writer->sealed, sizeof(writer->sealed), &size));
        body = ee_bytes_of(writer->sealed, size);
    }
    struct ee_bytes head_part = chunk_head(last, body.size, head);
    chain_on(writer->options.crypto, head_part, body, writer->chain);
    EE_TRY(write_all(writer->fd, head_part));
    EE_TRY(write_all(writer->fd, body));
    EE_TRY(write_all(writer->fd, ee_bytes_of(writer->chain, sizeof(writer->chain))));
    writer->written += head_part.size + body.size + sizeof(writer->chain);
    writer->size = 0;
    push(writer);
    return EE_OK;
}

static enum ee_err file_start(struct ee_snapshot_writer *writer, struct ee_snapshot_head *head)
{
    uint8_t bytes[HEAD_SIZE];
    const char *folder = writer->options.folder;
    EE_TRY(ee_file_make_folder(folder));
    EE_TRY(ee_snapshot_path(folder, head->seq, writer->path));
    if (snprintf(writer->folder, PATH_MAX, "%s", folder) >= PATH_MAX ||
        snprintf(writer->partial, PATH_MAX, "%s/%020" PRIu64 "%s", folder, head->seq, half) >=
            PATH_MAX)
        return EE_TOO_LARGE;
    writer->fd = open(writer->partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (writer->fd < 0)
        return EE_IO;
    struct ee_bytes part = head_bytes(head, bytes);
    writer->options.crypto->sha256(&part, 1, writer->chain);
    return write_all(writer->fd, part);
}

enum ee_err ee_snapshot_create(const struct ee_snapshot_options *options,
                               const struct ee_snapshot_head *head, struct ee_snapshot_writer **out)
{
    struct ee_snapshot_head of = *head;
    if (options->seal == NULL && !options->allow_plain)
        return EE_JOURNAL_PLAIN;
    of.form = options->seal != NULL ? EE_JOURNAL_FORM_SEALED : EE_JOURNAL_FORM_PLAIN;
    struct ee_snapshot_writer *writer = calloc(1, sizeof(*writer));
    if (writer == NULL)
        return EE_NO_MEMORY;
    writer->options = *options;
    writer->fd = -1;
    enum ee_err err = file_start(writer, &of);
    if (err != EE_OK) {
        ee_snapshot_abandon(writer);
        return err;
    }
    *out = writer;
    return EE_OK;
}

enum ee_err ee_snapshot_write(struct ee_snapshot_writer *writer, struct ee_bytes bytes)
{
    while (bytes.size > 0) {
        if (writer->size == sizeof(writer->chunk))
            EE_TRY(chunk_write(writer, false));
        size_t room = sizeof(writer->chunk) - writer->size;
        size_t part = bytes.size < room ? bytes.size : room;
        memcpy(writer->chunk + writer->size, bytes.data, part);
        writer->size += part;
        bytes.data += part;
        bytes.size -= part;
    }
    return EE_OK;
}

static enum ee_err folder_sync(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return EE_IO;
    int synced = fsync(fd);
    close(fd);
    return synced == 0 ? EE_OK : EE_IO;
}

static enum ee_err file_end(struct ee_snapshot_writer *writer)
{
    EE_TRY(chunk_write(writer, true));
    if (fsync(writer->fd) != 0 || rename(writer->partial, writer->path) != 0)
        return EE_IO;
    writer->partial[0] = '\0'; /* nothing to remove */
    return folder_sync(writer->folder);
}

enum ee_err ee_snapshot_finish(struct ee_snapshot_writer *writer)
{
    enum ee_err err = file_end(writer);
    ee_snapshot_abandon(writer);
    return err;
}

void ee_snapshot_abandon(struct ee_snapshot_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->fd >= 0)
        close(writer->fd);
    if (writer->partial[0] != '\0')
        (void)unlink(writer->partial);
    ee_wipe(writer->chunk, sizeof(writer->chunk));
    free(writer);
}

/* ---- reading ---- */

struct ee_snapshot_reader {
    struct ee_snapshot_options options;
    enum ee_journal_form form;
    int fd;
    uint8_t chain[EE_SHA256_SIZE];
    bool last; /* the chunk in hand is the last one */
    struct ee_bytes left;
    uint8_t stored[SEALED_MAX];
    uint8_t opened[SEALED_MAX];
};

static enum ee_err read_all(int fd, uint8_t *out, size_t size)
{
    while (size > 0) {
        ssize_t got = read(fd, out, size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return EE_IO;
        if (got == 0)
            return EE_TRUNCATED;
        out += got;
        size -= (size_t)got;
    }
    return EE_OK;
}

static enum ee_err chunk_open(struct ee_snapshot_reader *reader,
                              const uint8_t chain[EE_SHA256_SIZE], struct ee_bytes body)
{
    uint8_t associated[ASSOCIATED_MAX];
    const struct ee_journal_seal *seal = reader->options.seal;
    size_t size = 0;
    if (reader->form == EE_JOURNAL_FORM_PLAIN) {
        reader->left = body;
        return body.size <= EE_SNAPSHOT_CHUNK_MAX ? EE_OK : EE_TOO_LARGE;
    }
    EE_TRY(seal->open(seal->context, associated_data(chain, reader->last, associated), body,
                      reader->opened, sizeof(reader->opened), &size));
    reader->left = ee_bytes_of(reader->opened, size);
    return EE_OK;
}

static enum ee_err chunk_read(struct ee_snapshot_reader *reader)
{
    uint8_t head[CHUNK_HEAD_SIZE], chain[EE_SHA256_SIZE], before[EE_SHA256_SIZE];
    struct ee_cursor c;
    if (reader->last)
        return EE_TRUNCATED;
    EE_TRY(read_all(reader->fd, head, sizeof(head)));
    ee_cursor_init(&c, ee_bytes_of(head, sizeof(head)));
    uint8_t last = ee_cursor_u8(&c);
    uint32_t size = ee_cursor_u32(&c);
    if (last > 1 || size > sizeof(reader->stored))
        return EE_SNAPSHOT;
    EE_TRY(read_all(reader->fd, reader->stored, size));
    EE_TRY(read_all(reader->fd, chain, sizeof(chain)));
    memcpy(before, reader->chain, sizeof(before));
    struct ee_bytes body = ee_bytes_of(reader->stored, size);
    chain_on(reader->options.crypto, ee_bytes_of(head, sizeof(head)), body, reader->chain);
    if (memcmp(chain, reader->chain, sizeof(chain)) != 0)
        return EE_SNAPSHOT;
    reader->last = last != 0;
    return chunk_open(reader, before, body);
}

static enum ee_err form_check(const struct ee_snapshot_reader *reader)
{
    if (reader->form == EE_JOURNAL_FORM_PLAIN)
        return reader->options.allow_plain ? EE_OK : EE_JOURNAL_PLAIN;
    return reader->options.seal != NULL ? EE_OK : EE_UNSUPPORTED;
}

static enum ee_err reader_start(struct ee_snapshot_reader *reader, const char *path,
                                struct ee_snapshot_head *head)
{
    uint8_t bytes[HEAD_SIZE];
    reader->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (reader->fd < 0)
        return errno == ENOENT ? EE_NOT_FOUND : EE_IO;
    EE_TRY(read_all(reader->fd, bytes, sizeof(bytes)));
    struct ee_bytes part = ee_bytes_of(bytes, sizeof(bytes));
    EE_TRY(head_parse(part, head));
    reader->options.crypto->sha256(&part, 1, reader->chain);
    reader->form = head->form;
    return form_check(reader);
}

enum ee_err ee_snapshot_open(const struct ee_snapshot_options *options, uint64_t seq,
                             struct ee_snapshot_head *head_out, struct ee_snapshot_reader **out)
{
    char path[PATH_MAX];
    EE_TRY(ee_snapshot_path(options->folder, seq, path));
    struct ee_snapshot_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL)
        return EE_NO_MEMORY;
    reader->options = *options;
    enum ee_err err = reader_start(reader, path, head_out);
    if (err == EE_OK && head_out->seq != seq)
        err = EE_SNAPSHOT;
    if (err != EE_OK) {
        ee_snapshot_close(reader);
        return err;
    }
    *out = reader;
    return EE_OK;
}

enum ee_err ee_snapshot_read(struct ee_snapshot_reader *reader, uint8_t *out, size_t size)
{
    while (size > 0) {
        if (reader->left.size == 0) {
            EE_TRY(chunk_read(reader));
            continue;
        }
        size_t part = size < reader->left.size ? size : reader->left.size;
        memcpy(out, reader->left.data, part);
        reader->left = ee_bytes_of(reader->left.data + part, reader->left.size - part);
        out += part;
        size -= part;
    }
    return EE_OK;
}

enum ee_err ee_snapshot_read_end(struct ee_snapshot_reader *reader)
{
    uint8_t more;
    if (reader->left.size == 0 && !reader->last)
        EE_TRY(
            chunk_read(reader)); /* the last one is empty when the content fits in those before */
    if (reader->left.size > 0 || !reader->last)
        return EE_TRAILING;
    enum ee_err err = read_all(reader->fd, &more, 1);
    return err == EE_TRUNCATED ? EE_OK : err == EE_OK ? EE_TRAILING : err;
}

void ee_snapshot_close(struct ee_snapshot_reader *reader)
{
    if (reader == NULL)
        return;
    if (reader->fd > 0)
        close(reader->fd);
    ee_wipe(reader->opened, sizeof(reader->opened));
    ee_wipe(reader->stored, sizeof(reader->stored));
    free(reader);
}
