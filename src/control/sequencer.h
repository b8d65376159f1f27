/* SPDX-License-Identifier: Apache-2.0 */
/* The sequencer: the one place where commands get their seq, time and random bytes, are applied to
 * the core and written to the journal. One thread (the loop's) applies; while one batch is being
 * made durable the next collects. Nothing leaves before it is durable: no answer, no effect.
 *
 * The core it owns may be read at any time on the loop, but shows commands that are not durable
 * yet: a reply made from it waits for ee_sequencer_after_durable(). */
#ifndef EE_CONTROL_SEQUENCER_H
#define EE_CONTROL_SEQUENCER_H

#include "control/sequencer_clock.h"
#include "core/core.h"
#include "io/journal.h"
#include "io/loop.h"
#include "tlog/checkpoint.h"
#include "tlog/tlog.h"

enum {
    EE_SEQUENCER_COMMANDS_MAX = EE_JOURNAL_COMMANDS_MAX, /* collecting; beyond: EE_FULL */
    EE_SEQUENCER_BODY_MAX = EE_JOURNAL_BODY_MAX,
    EE_SEQUENCER_WAITING_MAX = 4 * EE_JOURNAL_COMMANDS_MAX, /* callbacks that wait */
};

struct ee_sequencer;
struct ee_snapshots; /* control/snapshots.h */
struct ee_old_ids;   /* control/old_ids.h */

struct ee_sequencer_events {
    void *context;
    /* Effects of one durable command, in the order of commands, before its answer. Never of
     * replayed ones. May submit. */
    void (*effects)(void *context, uint64_t seq, const struct ee_effect *effects, size_t count);
    /* The journal is lost (EE_JOURNAL), an invariant of the book does not hold (EE_INVARIANT; the
     * batch is not written) or memory ran out where nothing may fail: stop the process.
     * Called once; no callback follows and everything is refused with EE_JOURNAL. */
    void (*fatal)(void *context, enum ee_err err, const char *what);
    /* A batch is in the journal: read it from there. May be NULL. */
    void (*durable)(void *context, uint64_t seq);
};

struct ee_sequencer_options {
    const struct ee_allocator *allocator; /* borrowed for its life, as all here */
    const struct ee_crypto *crypto;
    struct ee_loop *loop;
    struct ee_journal *journal; /* opened, not replayed; borrowed */
    struct ee_bytes genesis;    /* canonical; what an empty journal starts with and another must
                                   have started with; borrowed during start */
    uint8_t checkpoint_seed[EE_ED25519_KEY_SIZE];
    bool anchored;                       /* goes into BOOT */
    bool wait_for_boot;                  /* unless the journal is empty: ee_sequencer_boot() */
    const struct ee_core_limits *limits; /* NULL: the defaults */
    struct ee_snapshots *snapshots;      /* NULL: none are taken or used; borrowed */
    struct ee_old_ids *old_ids;          /* NULL: ids that left memory are forgotten; borrowed */
    struct ee_clock_source clock;        /* zero: the machine's clocks and randomness */
    struct ee_sequencer_events events;
};

/* Replays the journal (or writes GENESIS into an empty one), checks every invariant, writes BOOT
 * and starts the writer thread. Blocks. Errors of ee_journal_replay() and, with the command in
 * *fault_out: EE_REPLAY: a stored result, Merkle root or state hash is not the recomputed one;
 * EE_VERSION: written by a newer release; EE_WRONG_NETWORK: another genesis; EE_STATE: an invariant
 * does not hold (named in fault_out->what); EE_NO_MEMORY, EE_JOURNAL. */
EE_MUST_USE enum ee_err ee_sequencer_start(const struct ee_sequencer_options *options,
                                           struct ee_sequencer **out,
                                           struct ee_journal_fault *fault_out);
/* For good: every command is refused with EE_CLOSED, and once this returns neither the sequencer
 * nor its thread uses the journal, which may be closed. The core and the log stay to be read. Only
 * after everything is durable (ee_sequencer_after_durable()). */
void ee_sequencer_retire(struct ee_sequencer *sequencer);
/* Finishes the batch being written; what was not answered is never answered. NULL is fine. */
void ee_sequencer_free(struct ee_sequencer *sequencer);

/* Started with wait_for_boot on a journal that was not empty, and BOOT is not written: everything
 * is refused with EE_ANCHOR. */
bool ee_sequencer_waits_for_boot(const struct ee_sequencer *sequencer);
/* Writes BOOT, durably. Blocks. EE_STATE: it does not wait for that; EE_JOURNAL; errors of
 * ee_core_apply(). */
EE_MUST_USE enum ee_err ee_sequencer_boot(struct ee_sequencer *sequencer, bool anchored);
/* A command of the system that goes before BOOT: RECOVERY, CHECKPOINT_KEY. */
struct ee_sequencer_opening {
    enum ee_command_kind kind;
    struct ee_bytes payload;
};
/* The same with these before it, in one batch; also while everything is refused because the journal
 * was put back, which ends when the first of them is a RECOVERY. The caller has checked that the
 * core takes them: a refusal loses the sequencer. EE_FULL: a batch is being written, try again. */
EE_MUST_USE enum ee_err ee_sequencer_open(struct ee_sequencer *sequencer,
                                          const struct ee_sequencer_opening *openings, size_t count,
                                          bool anchored);
/* The batch that collects, and all later ones, are signed with this key. */
EE_MUST_USE enum ee_err ee_sequencer_key_set(struct ee_sequencer *sequencer,
                                             const uint8_t seed[EE_ED25519_KEY_SIZE]);
/* From now on every command is refused with `err`; BOOT too. */
void ee_sequencer_refuse(struct ee_sequencer *sequencer, enum ee_err err);

struct ee_command_request {
    enum ee_actor_kind actor_kind;
    const char *actor; /* "" for the system */
    const uint8_t *id; /* EE_ID_SIZE bytes; NULL: none */
    enum ee_command_kind kind;
    struct ee_bytes payload; /* canonical; borrowed during the call */
};

/* The durable answer to a command; valid during the callback. */
struct ee_answer {
    enum ee_err err; /* the command's outcome; EE_OK or the rule that refused it */
    bool repeated;   /* an earlier command of this id gave the answer */
    uint64_t seq;    /* of the command that gave it; its leaf index in the log is seq - 1 */
    struct ee_bytes body;
    struct ee_bytes checkpoint; /* newest signed note; covers the command */
};
typedef void (*ee_answer_fn)(void *context, const struct ee_answer *answer);

/* Stamps and applies a command; `fn` (may be NULL) is called later on the loop, once, when its
 * batch is durable. Otherwise nothing changed and `fn` is not called: EE_FULL: back pressure, try
 * again later; EE_CLOCK: CHECKS while the clocks disagree; EE_TOO_LARGE: payload; EE_JOURNAL: after
 * a fatal error; errors of ee_core_apply(). */
EE_MUST_USE enum ee_err ee_sequencer_submit(struct ee_sequencer *sequencer,
                                            const struct ee_command_request *request,
                                            ee_answer_fn fn, void *context);

/* Calls `fn` on the loop, not inside this call, once everything applied so far is durable.
 * EE_FULL, EE_JOURNAL. */
EE_MUST_USE enum ee_err ee_sequencer_after_durable(struct ee_sequencer *sequencer, ee_loop_fn fn,
                                                   void *context);
/* Calls waiting for `context` are dropped: their owner goes away. The commands stay. */
void ee_sequencer_forget(struct ee_sequencer *sequencer, const void *context);

/* Borrowed, loop only. */
const struct ee_core *ee_sequencer_core(const struct ee_sequencer *sequencer);
const struct ee_tlog *ee_sequencer_tlog(const struct ee_sequencer *sequencer);
struct ee_journal *ee_sequencer_journal(const struct ee_sequencer *sequencer);
/* Last durable command; never above ee_core_seq(). */
uint64_t ee_sequencer_durable_seq(const struct ee_sequencer *sequencer);
/* Newest signed note, of durable_seq leaves; valid until the next callback of the loop. */
struct ee_bytes ee_sequencer_checkpoint(const struct ee_sequencer *sequencer);
/* That signed the newest durable note. */
const uint8_t *ee_sequencer_checkpoint_key(const struct ee_sequencer *sequencer);
/* The time a command submitted now would get. */
uint64_t ee_sequencer_time_us(struct ee_sequencer *sequencer);
/* The wall clock and the monotonic clock disagree by more than params.clock_jump_s: settlement
 * waits until they agree again or a person confirms the wall clock. */
bool ee_sequencer_clock_jumped(struct ee_sequencer *sequencer);
void ee_sequencer_clock_confirm(struct ee_sequencer *sequencer);

struct ee_sequencer_counts {
    uint64_t commands, repeats, refused_full, batches;
    uint64_t invariants;    /* samples that were checked, all of which held */
    uint32_t largest_batch; /* commands */
};
void ee_sequencer_counts(const struct ee_sequencer *sequencer, struct ee_sequencer_counts *out);

#endif
