/* SPDX-License-Identifier: Apache-2.0 */
/* Every kept snapshot against a replay of the whole journal. */
#include <stdlib.h>
#include <string.h>

#include "control/sequencer_tools.h"
#include "control/snapshots_state.h"

#include "base/banned.h"

struct compared {
    uint64_t seqs[EE_SNAPSHOTS_LISTED_MAX];
    uint8_t hashes[EE_SNAPSHOTS_LISTED_MAX][32]; /* of the replayed state at that seq */
    bool reached[EE_SNAPSHOTS_LISTED_MAX];       /* the end of a batch, as a snapshot must be */
    size_t count;
    uint8_t end[32];
};

static void batch_end(void *context, const struct ee_core *core)
{
    struct compared *compared = context;
    for (size_t i = 0; i < compared->count; i++)
        if (compared->seqs[i] == ee_core_seq(core)) {
            ee_core_state_hash_afresh(core, compared->hashes[i]);
            compared->reached[i] = true;
        }
}

static enum ee_err from_start(struct ee_journal *journal, struct ee_replay *replay,
                              struct compared *compared)
{
    replay->batch_end = batch_end;
    replay->batch_context = compared;
    replay->every_state = true;
    EE_TRY(ee_replay_run(replay, journal));
    ee_core_state_hash_afresh(replay->core, compared->end);
    return EE_OK;
}

static enum ee_err fault(struct ee_journal_report *report, uint64_t seq, const char *what,
                         enum ee_err err)
{
    report->fault = (struct ee_journal_fault){0, seq, what};
    return err;
}

static enum ee_err from_snapshot(const struct ee_snapshots *s, struct ee_journal *journal,
                                 struct ee_replay *replay, const struct compared *compared,
                                 size_t i, struct ee_journal_report *report)
{
    uint8_t hash[32];
    const char *what = NULL;
    uint64_t seq = compared->seqs[i];
    enum ee_err err = ee_snapshots_load(s, seq, replay, journal, &what);
    if (err != EE_OK)
        return fault(report, seq, what, err);
    ee_core_state_hash(replay->core, hash);
    if (!compared->reached[i] || memcmp(hash, compared->hashes[i], sizeof(hash)) != 0)
        return fault(report, seq, "the snapshot is another state than the journal gives",
                     EE_SNAPSHOT);
    EE_TRY(ee_replay_run(replay, journal));
    ee_core_state_hash_afresh(replay->core, hash);
    if (memcmp(hash, compared->end, sizeof(hash)) != 0)
        return fault(report, seq, "the journal does not go on from the snapshot as from its start",
                     EE_SNAPSHOT);
    report->snapshots++;
    return EE_OK;
}

static enum ee_err compare_all(const struct ee_snapshots *s, struct ee_journal *journal,
                               struct compared *compared, struct ee_journal_report *report)
{
    struct ee_replay *replay = calloc(1, sizeof(*replay));
    enum ee_err err = EE_NO_MEMORY;
    if (replay == NULL)
        return err;
    err = ee_snapshot_list(s->folder, compared->seqs, &compared->count);
    for (size_t i = 0; err == EE_OK && i <= compared->count; i++) {
        err = ee_replay_init(replay, s->allocator, s->file.crypto, s->limits);
        if (err == EE_OK && i == 0)
            err = from_start(journal, replay, compared);
        else if (err == EE_OK)
            err = from_snapshot(s, journal, replay, compared, i - 1, report);
        if (err != EE_OK && report->fault.what == NULL)
            report->fault = replay->fault;
        ee_replay_close(replay);
    }
    free(replay);
    return err;
}

enum ee_err ee_journal_snapshots_verify(const char *path, const char *folder,
                                        const struct ee_crypto *crypto,
                                        const struct ee_journal_seal *seal,
                                        struct ee_journal_report *report)
{
    const struct ee_snapshots_options options = {
        .file = {.folder = folder, .crypto = crypto, .allow_plain = seal == NULL, .seal = seal},
        .allocator = &ee_allocator_system};
    struct ee_journal *journal = NULL;
    struct ee_snapshots *s = NULL;
    struct compared *compared = calloc(1, sizeof(*compared));
    enum ee_err err = compared == NULL ? EE_NO_MEMORY : ee_snapshots_new(&options, &s);
    report->snapshots = 0;
    if (err == EE_OK)
        err = ee_journal_tool_open(path, crypto, seal, &journal);
    if (err == EE_OK)
        err = compare_all(s, journal, compared, report);
    ee_journal_close(journal);
    ee_snapshots_free(s);
    free(compared);
    return err;
}
