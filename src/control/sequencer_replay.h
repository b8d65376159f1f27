/* SPDX-License-Identifier: Apache-2.0 */
/* Replay: the state and the log a journal leads to, everything in it recomputed and compared. */
#ifndef EE_CONTROL_SEQUENCER_REPLAY_H
#define EE_CONTROL_SEQUENCER_REPLAY_H

#include "core/core.h"
#include "io/journal.h"
#include "tlog/checkpoint.h"
#include "tlog/tlog.h"

struct ee_replay {
    const struct ee_allocator *allocator;
    const struct ee_crypto *crypto;
    struct ee_core *core;
    struct ee_tlog tlog;
    char note[EE_JOURNAL_NOTE_MAX]; /* newest checkpoint */
    size_t note_size;
    uint64_t batches;
    uint64_t from_batch;   /* core, tree and note are those after this batch; 0: empty */
    uint8_t from_hash[32]; /* of it */
    bool every_state;      /* compare the state hash of every BOOT, not of the last one only */
    bool afresh;           /* from every record, and with all invariants; slow */
    /* Called at the end of each batch, with everything of it applied and checked; may be NULL. */
    void (*batch_end)(void *context, const struct ee_core *core);
    void *batch_context;
    uint64_t epoch; /* of the batch being replayed */
    uint64_t last_epoch;
    uint8_t owed_root[32]; /* of the state that LIABILITIES marked, when `every_state` */
    bool has_owed_root;
    struct ee_result result; /* scratch */
    struct ee_journal_fault fault;
};

/* Empty. EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_replay_init(struct ee_replay *replay,
                                       const struct ee_allocator *allocator,
                                       const struct ee_crypto *crypto,
                                       const struct ee_core_limits *limits);
void ee_replay_close(struct ee_replay *replay);
/* The note is a checkpoint of the tree as it is. EE_REPLAY. */
EE_MUST_USE enum ee_err ee_replay_note_check(struct ee_replay *replay, struct ee_bytes note);
/* Applies a journal from its first batch (from_batch: from the one after it) to its last. Per
 * command: it is canonical, takes its place and gives the stored result; the last BOOT
 * (every_state: each): its state hash is the state's. The last one covers what was before. Per
 * batch: the checkpoint is of the recomputed root. At the end: the invariants. Errors:
 * ee_sequencer_start(). */
EE_MUST_USE enum ee_err ee_replay_run(struct ee_replay *replay, struct ee_journal *journal);

#endif
