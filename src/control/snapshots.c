/* SPDX-License-Identifier: Apache-2.0 */
/* Writing. Reading is in snapshots_load.c. */
#include "control/snapshots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/snapshots_state.h"
#include "io/clock.h"
#include "io/leaf_file.h"
#include "io/log.h"

#include "base/banned.h"

enum { PIPE_PIECE = 64 * 1024 };

/* ---- in the process that is split off ---- */

static enum ee_err sink(void *context, struct ee_bytes piece)
{
    return ee_split_write(*(const int *)context, piece);
}

/* New leaves, the state hash, the state. */
static enum ee_err write_down(void *context, int fd)
{
    const struct ee_snapshots *s = context;
    uint8_t hash[32];
    const struct ee_tlog_hash *leaves = s->tlog->levels[0].hashes;
    EE_TRY(ee_split_write(fd, ee_bytes_of(leaves + s->leaves,
                                          (size_t)(s->tlog->size - s->leaves) * sizeof(*leaves))));
    ee_core_state_hash(s->core, hash);
    EE_TRY(ee_split_write(fd, ee_bytes_of(hash, sizeof(hash))));
    return ee_core_save(s->core, sink, &fd);
}

/* ---- on the background thread ---- */

static enum ee_err pipe_take(struct ee_snapshots *s, uint8_t *buffer, size_t most, size_t *got_out)
{
    return ee_split_read(&s->split, buffer, most < PIPE_PIECE ? most : PIPE_PIECE, got_out);
}

/* Durable before the snapshot that counts on them appears. */
static enum ee_err leaves_take(struct ee_snapshots *s, const struct ee_leaf_file *file,
                               uint8_t *buffer)
{
    uint64_t next = s->leaves * EE_SHA256_SIZE, end = s->head.seq * EE_SHA256_SIZE;
    size_t held = 0, got = 0; /* `held`: bytes of a hash whose rest has not come yet */
    while (next + held < end) {
        size_t room = PIPE_PIECE - held;
        uint64_t left = end - next - held;
        EE_TRY(pipe_take(s, buffer + held, left < room ? (size_t)left : room, &got));
        if (got == 0)
            return EE_TRUNCATED;
        held += got;
        size_t whole = held - held % EE_SHA256_SIZE;
        EE_TRY(ee_leaf_file_write(file, next / EE_SHA256_SIZE, ee_bytes_of(buffer, whole)));
        memmove(buffer, buffer + whole, held - whole);
        next += whole;
        held -= whole;
    }
    return ee_leaf_file_sync(file);
}

static enum ee_err state_take(struct ee_snapshots *s, uint8_t *buffer,
                              struct ee_snapshot_writer *writer)
{
    size_t got;
    for (;;) {
        EE_TRY(pipe_take(s, buffer, PIPE_PIECE, &got));
        if (got == 0)
            return ee_split_end(&s->split); /* all of it, or not */
        EE_TRY(ee_snapshot_write(writer, ee_bytes_of(buffer, got)));
        s->size += got;
    }
}

static enum ee_err file_write(struct ee_snapshots *s, uint8_t *buffer)
{
    char path[PATH_MAX];
    struct ee_leaf_file leaves;
    struct ee_snapshot_writer *writer;
    EE_TRY(ee_snapshot_create(&s->file, &s->head, &writer)); /* makes the folder too */
    enum ee_err err = ee_snapshots_leaf_path(s, path);
    if (err == EE_OK)
        err = ee_leaf_file_open(path, true, &leaves);
    if (err == EE_OK) {
        err = leaves_take(s, &leaves, buffer);
        ee_leaf_file_close(&leaves);
    }
    if (err == EE_OK)
        err = state_take(s, buffer, writer);
    if (err == EE_OK)
        return ee_snapshot_finish(writer);
    ee_snapshot_abandon(writer);
    return err;
}

static void background(void *context)
{
    struct ee_snapshots *s = context;
    uint8_t *buffer = malloc(PIPE_PIECE);
    s->size = 0;
    s->err = buffer == NULL ? EE_NO_MEMORY : file_write(s, buffer);
    free(buffer);
    (void)!ee_split_end(&s->split); /* a writer nobody reads ends by itself */
    if (s->err == EE_OK)
        ee_snapshot_prune(s->folder, EE_SNAPSHOTS_KEPT);
}

/* ---- on the loop ---- */

static uint64_t now_us(void)
{
    return ee_clock_monotonic_us();
}

static void finished(struct ee_snapshots *s)
{
    ee_background_join(s->work);
    s->work = NULL;
    s->counts.failed += s->err != EE_OK;
    if (s->err != EE_OK) {
        EE_LOG(EE_LOG_WARN, "snapshot", "it was not written; the next one is tried as usual",
               ee_log_unsigned("seq", s->head.seq), ee_log_err(s->err));
        return;
    }
    s->leaves = s->head.seq;
    s->counts.last_seq = s->head.seq;
    s->counts.written++;
    s->counts.size = s->size;
    s->counts.write_us = now_us() - s->began_us;
    EE_LOG(EE_LOG_INFO, "snapshot", "written", ee_log_unsigned("seq", s->head.seq),
           ee_log_unsigned("bytes", s->size), ee_log_unsigned("took_us", s->counts.write_us),
           ee_log_unsigned("stall_us", s->stall_us));
}

static bool idle(struct ee_snapshots *s)
{
    if (s->work != NULL && ee_background_done(s->work))
        finished(s);
    return s->work == NULL && s->split.pid == 0;
}

static void split(struct ee_snapshots *s, const struct ee_core *core, const struct ee_tlog *tlog)
{
    s->core = core;
    s->tlog = tlog;
    s->tried_seq = ee_core_seq(core);
    s->head = (struct ee_snapshot_head){
        .core_version = EE_CORE_VERSION, .seq = ee_core_seq(core), .epoch = ee_core_epoch(core)};
    memcpy(s->head.network_id, ee_core_network_id(core), sizeof(s->head.network_id));
    s->began_us = now_us();
    enum ee_err err = ee_split_start(write_down, s, &s->split);
    s->stall_us = now_us() - s->began_us;
    if (s->stall_us > s->counts.stall_us_max)
        s->counts.stall_us_max = s->stall_us;
    s->counts.failed += err != EE_OK;
    if (err != EE_OK)
        EE_LOG(EE_LOG_WARN, "snapshot", "no process could be split off to write it",
               ee_log_unsigned("seq", s->head.seq), ee_log_err(err));
}

void ee_snapshots_batch(struct ee_snapshots *s, const struct ee_core *core,
                        const struct ee_tlog *tlog)
{
    if (s == NULL || ee_core_seq(core) - s->tried_seq < s->every || !idle(s))
        return;
    split(s, core, tlog);
}

void ee_snapshots_durable(struct ee_snapshots *s, const struct ee_journal *journal)
{
    if (s == NULL || s->work != NULL || s->split.pid == 0)
        return;
    s->head.batch = ee_journal_last_batch(journal);
    memcpy(s->head.batch_hash, ee_journal_last_hash(journal), sizeof(s->head.batch_hash));
    enum ee_err err = ee_background_start(background, s, &s->work);
    if (err == EE_OK)
        return;
    (void)!ee_split_end(&s->split);
    s->counts.failed++;
    EE_LOG(EE_LOG_WARN, "snapshot", "no thread could be started to write it", ee_log_err(err));
}

void ee_snapshots_stop(struct ee_snapshots *s, const struct ee_core *core,
                       const struct ee_tlog *tlog, const struct ee_journal *journal)
{
    if (s == NULL)
        return;
    if (s->work != NULL)
        finished(s);
    uint64_t seq = ee_core_seq(core);
    if (s->split.pid != 0 || ee_journal_last_seq(journal) != seq ||
        seq - s->counts.last_seq <
            (s->every < EE_SNAPSHOT_STOP_MIN ? s->every : EE_SNAPSHOT_STOP_MIN))
        return;
    split(s, core, tlog);
    ee_snapshots_durable(s, journal);
    if (s->work != NULL)
        finished(s);
}

void ee_snapshots_counts(const struct ee_snapshots *s, struct ee_snapshots_counts *out)
{
    *out = s->counts;
}

/* ---- life ---- */

enum ee_err ee_snapshots_new(const struct ee_snapshots_options *options, struct ee_snapshots **out)
{
    struct ee_snapshots *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return EE_NO_MEMORY;
    if (snprintf(s->folder, sizeof(s->folder), "%s", options->file.folder) >=
        (int)sizeof(s->folder)) {
        free(s);
        return EE_TOO_LARGE;
    }
    s->file = options->file;
    s->file.folder = s->folder;
    s->allocator = options->allocator;
    s->limits = options->limits;
    s->every = options->every != 0 ? options->every : EE_SNAPSHOT_EVERY;
    *out = s;
    return EE_OK;
}

void ee_snapshots_free(struct ee_snapshots *s)
{
    if (s == NULL)
        return;
    if (s->work != NULL)
        finished(s);
    (void)!ee_split_end(&s->split);
    free(s);
}
