/* SPDX-License-Identifier: Apache-2.0 */
/* Starting from a snapshot: nothing in it is trusted. Its chunks are chained (and sealed), its
 * batch is in this journal with that hash, its state has the hash it says, its leaves lead to the
 * signed checkpoint of that batch; and the journal's tail must apply to it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/snapshots_state.h"
#include "io/leaf_file.h"
#include "io/log.h"

#include "base/banned.h"

enum { LEAVES_AT_ONCE = 2048 };

enum ee_err ee_snapshots_leaf_path(const struct ee_snapshots *s, char out[PATH_MAX])
{
    int size = snprintf(out, PATH_MAX, "%s/log.leaves", s->folder);
    return size > 0 && size < PATH_MAX ? EE_OK : EE_TOO_LARGE;
}

/* The batch it says it was taken after. */
struct place {
    const struct ee_snapshot_head *head;
    struct ee_replay *replay;
    bool found;
};

static enum ee_err place_check(void *context, const struct ee_journal_batch *batch)
{
    struct place *place = context;
    struct ee_replay *replay = place->replay;
    place->found = memcmp(batch->hash, place->head->batch_hash, sizeof(batch->hash)) == 0 &&
                   batch->first_seq + batch->count - 1 == place->head->seq &&
                   batch->note.size <= sizeof(replay->note);
    if (!place->found)
        return EE_SNAPSHOT;
    memcpy(replay->note, batch->note.data, batch->note.size);
    replay->note_size = batch->note.size;
    return EE_OK;
}

static enum ee_err source(void *context, uint8_t *out, size_t size)
{
    return ee_snapshot_read(context, out, size);
}

static enum ee_err state_read(const struct ee_snapshots *s, const struct ee_snapshot_head *head,
                              struct ee_snapshot_reader *reader, struct ee_replay *replay,
                              const char **what)
{
    uint8_t stored[32], hash[32];
    struct ee_core *core;
    *what = "it is damaged";
    EE_TRY(ee_snapshot_read(reader, stored, sizeof(stored)));
    EE_TRY(ee_core_load(s->allocator, s->file.crypto, s->limits, source, reader, &core));
    ee_core_free(replay->core);
    replay->core = core;
    EE_TRY(ee_snapshot_read_end(reader));
    *what = "its state is another than it says";
    ee_core_state_hash(core, hash);
    return memcmp(hash, stored, sizeof(hash)) == 0 && ee_core_seq(core) == head->seq &&
                   ee_core_epoch(core) == head->epoch &&
                   memcmp(ee_core_network_id(core), head->network_id, 32) == 0
               ? EE_OK
               : EE_SNAPSHOT;
}

static enum ee_err leaves_append(const struct ee_leaf_file *file, uint64_t count,
                                 struct ee_tlog *tlog)
{
    struct ee_tlog_hash hashes[LEAVES_AT_ONCE];
    EE_TRY(ee_tlog_reserve(tlog, count));
    for (uint64_t at = 0; at < count;) {
        size_t part = count - at < LEAVES_AT_ONCE ? (size_t)(count - at) : LEAVES_AT_ONCE;
        EE_TRY(ee_leaf_file_read(file, at, hashes[0].bytes, part));
        for (size_t i = 0; i < part; i++)
            EE_TRY(ee_tlog_append(tlog, &hashes[i]));
        at += part;
    }
    return EE_OK;
}

static enum ee_err leaves_read(const struct ee_snapshots *s, uint64_t count,
                               struct ee_replay *replay)
{
    char path[PATH_MAX];
    struct ee_leaf_file file;
    EE_TRY(ee_snapshots_leaf_path(s, path));
    EE_TRY(ee_leaf_file_open(path, false, &file));
    enum ee_err err = leaves_append(&file, count, &replay->tlog);
    ee_leaf_file_close(&file);
    return err;
}

static enum ee_err content_read(const struct ee_snapshots *s, const struct ee_snapshot_head *head,
                                struct ee_snapshot_reader *reader, struct ee_replay *replay,
                                struct ee_journal *journal, const char **what)
{
    struct place place = {.head = head, .replay = replay};
    *what = "it is of another network";
    if (memcmp(head->network_id, ee_journal_network_id(journal), 32) != 0)
        return EE_SNAPSHOT;
    *what = "a newer release wrote it: only that release or a later one starts here";
    if (head->core_version > EE_CORE_VERSION)
        return EE_VERSION;
    *what = "it is not on this journal's chain";
    enum ee_err err = ee_journal_read(journal, head->batch, head->batch, place_check, &place, NULL);
    if (err != EE_OK)
        return err == EE_NOT_FOUND ? EE_SNAPSHOT : err;
    EE_TRY(state_read(s, head, reader, replay, what));
    *what = "the file of leaves does not lead to its checkpoint";
    EE_TRY(leaves_read(s, head->seq, replay));
    EE_TRY(ee_replay_note_check(replay, ee_bytes_of(replay->note, replay->note_size)));
    replay->from_batch = head->batch;
    memcpy(replay->from_hash, head->batch_hash, sizeof(replay->from_hash));
    return EE_OK;
}

enum ee_err ee_snapshots_load(const struct ee_snapshots *s, uint64_t seq, struct ee_replay *replay,
                              struct ee_journal *journal, const char **what_out)
{
    struct ee_snapshot_head head;
    struct ee_snapshot_reader *reader;
    *what_out = "it is damaged";
    EE_TRY(ee_snapshot_open(&s->file, seq, &head, &reader));
    enum ee_err err = content_read(s, &head, reader, replay, journal, what_out);
    ee_snapshot_close(reader);
    return err;
}

/* Whether an error of the tail may be the snapshot's fault: then an older one may do better. */
static bool may_be_its_fault(enum ee_err err)
{
    return err == EE_REPLAY || err == EE_STATE || err == EE_WRONG_NETWORK;
}

static enum ee_err replay_reset(const struct ee_snapshots *s, struct ee_replay *replay)
{
    ee_replay_close(replay);
    return ee_replay_init(replay, s->allocator, s->file.crypto, s->limits);
}

/* *loaded_out: the state is that of the snapshot, and what went wrong is in the tail. */
static enum ee_err start_from(struct ee_snapshots *s, uint64_t seq, struct ee_replay *replay,
                              struct ee_journal *journal, bool *loaded_out)
{
    const char *what = NULL;
    enum ee_err err = ee_snapshots_load(s, seq, replay, journal, &what);
    *loaded_out = err == EE_OK;
    if (err == EE_OK) {
        what = "the journal does not go on from its state";
        err = ee_replay_run(replay, journal);
    }
    if (err == EE_OK) {
        s->counts.last_seq = s->counts.start_seq = s->tried_seq = s->leaves = seq;
        EE_LOG(EE_LOG_INFO, "snapshot", "started from it", ee_log_unsigned("seq", seq),
               ee_log_unsigned("tail", ee_core_seq(replay->core) - seq));
        return EE_OK;
    }
    if (err == EE_VERSION && !*loaded_out)
        replay->fault = (struct ee_journal_fault){.seq = seq, .what = what};
    EE_LOG(EE_LOG_WARN, "snapshot", what, ee_log_unsigned("seq", seq), ee_log_err(err));
    return err;
}

/* Damaged, or of another journal: it would stand before good ones for ever. Not so when it could
 * not be read or opened now. */
static bool useless(enum ee_err err)
{
    return err == EE_SNAPSHOT || err == EE_TRUNCATED || err == EE_TRAILING || err == EE_REPLAY;
}

enum ee_err ee_snapshots_replay(struct ee_snapshots *s, struct ee_replay *replay,
                                struct ee_journal *journal)
{
    bool remove[EE_SNAPSHOTS_LISTED_MAX] = {false};
    uint64_t seqs[EE_SNAPSHOTS_LISTED_MAX];
    size_t count = 0;
    if (s == NULL)
        return ee_replay_run(replay, journal);
    if (ee_snapshot_list(s->folder, seqs, &count) != EE_OK)
        EE_LOG(EE_LOG_WARN, "snapshot", "the folder cannot be read",
               ee_log_text("folder", s->folder));
    for (size_t i = 0; i < count; i++) {
        bool loaded;
        enum ee_err err = start_from(s, seqs[i], replay, journal, &loaded);
        remove[i] = useless(err);
        if (err == EE_OK)
            break;
        if (err == EE_NO_MEMORY || err == EE_VERSION || (loaded && !may_be_its_fault(err)))
            return err;
        EE_TRY(replay_reset(s, replay));
    }
    if (s->counts.start_seq == 0)
        EE_TRY(ee_replay_run(replay, journal));
    for (size_t i = 0; i < count; i++)
        if (remove[i])
            ee_snapshot_remove(s->folder, seqs[i]);
    ee_snapshot_prune(s->folder, EE_SNAPSHOTS_KEPT);
    return EE_OK;
}
