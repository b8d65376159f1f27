/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots of the network core: taken beside running commits by a process that is split off at a
 * batch's end, and what a start begins from. The journal stays whole, so every one of them may be
 * lost. docs/spec/snapshot.md. */
#ifndef EE_CONTROL_SNAPSHOTS_H
#define EE_CONTROL_SNAPSHOTS_H

#include "control/sequencer_replay.h"
#include "io/snapshot_file.h"

enum {
    EE_SNAPSHOT_EVERY = 65536, /* commands */
    EE_SNAPSHOTS_KEPT = 2,
    EE_SNAPSHOT_STOP_MIN = 1024, /* commands since the last one that make one at the end worth it */
};

struct ee_snapshots;

struct ee_snapshots_options {
    struct ee_snapshot_options file; /* borrowed for its life; the folder is copied */
    const struct ee_allocator *allocator;
    const struct ee_core_limits *limits; /* NULL: the defaults */
    uint64_t every;                      /* commands; 0: EE_SNAPSHOT_EVERY */
};

/* EE_NO_MEMORY, EE_TOO_LARGE. */
EE_MUST_USE enum ee_err ee_snapshots_new(const struct ee_snapshots_options *options,
                                         struct ee_snapshots **out);
/* Waits for the one being written. NULL is fine. */
void ee_snapshots_free(struct ee_snapshots *snapshots);

/* The state a journal leads to: from the newest snapshot that is whole, of this journal, and leads
 * to its end; each that is not is named in the log. Without any: from the first batch. `replay`
 * is initialised. Errors of ee_replay_run(); EE_VERSION also for a snapshot of a newer release. */
EE_MUST_USE enum ee_err ee_snapshots_replay(struct ee_snapshots *snapshots,
                                            struct ee_replay *replay, struct ee_journal *journal);
/* The state and log in one snapshot, checked by itself and against its batch in the journal, as
 * what ee_replay_run() goes on from. The errors are for the log: EE_SNAPSHOT: damaged, or not on
 * this journal's chain; EE_VERSION, EE_NO_MEMORY, errors of ee_snapshot_open(), ee_core_load(). */
EE_MUST_USE enum ee_err ee_snapshots_load(const struct ee_snapshots *snapshots, uint64_t seq,
                                          struct ee_replay *replay, struct ee_journal *journal,
                                          const char **what_out);

/* At the end of a batch that is on its way to the journal: splits a writer off when it is time. */
void ee_snapshots_batch(struct ee_snapshots *snapshots, const struct ee_core *core,
                        const struct ee_tlog *tlog);
/* That batch is durable. */
void ee_snapshots_durable(struct ee_snapshots *snapshots, const struct ee_journal *journal);
/* All is durable and nothing follows: one more, waited for, if there is enough to save. */
void ee_snapshots_stop(struct ee_snapshots *snapshots, const struct ee_core *core,
                       const struct ee_tlog *tlog, const struct ee_journal *journal);

struct ee_snapshots_counts {
    uint64_t written, failed;
    uint64_t last_seq;       /* of the newest written or started from; 0: none */
    uint64_t start_seq;      /* the start began from it; 0: from the first batch */
    uint64_t stall_us_max;   /* how long a split kept the sequencer */
    uint64_t write_us, size; /* of the last one written */
};
void ee_snapshots_counts(const struct ee_snapshots *snapshots, struct ee_snapshots_counts *out);

#endif
