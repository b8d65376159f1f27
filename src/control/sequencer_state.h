/* SPDX-License-Identifier: Apache-2.0 */
/* Private to sequencer.c: what a sequencer is made of. */
#ifndef EE_CONTROL_SEQUENCER_STATE_H
#define EE_CONTROL_SEQUENCER_STATE_H

#include "control/old_ids.h"
#include "control/sequencer.h"
#include "control/sequencer_batch.h"
#include "control/sequencer_queue.h"
#include "control/sequencer_replay.h"
#include "control/sequencer_sample.h"
#include "control/snapshots.h"
#include "io/journal_writer.h"

enum {
    BATCHES = 3,       /* one collects, one is written, the answers of one are delivered */
    RANDOM_AHEAD = 64, /* commands' worth drawn at once */
};

struct ee_sequencer {
    const struct ee_allocator *allocator;
    const struct ee_crypto *crypto;
    struct ee_loop *loop;
    struct ee_journal *journal;
    struct ee_journal_writer *writer;
    struct ee_sequencer_events events;
    struct ee_sequencer_clock clock;
    struct ee_sequencer_queue queue;
    struct ee_replay state; /* core, tree, newest note */
    struct ee_snapshots *snapshots;
    struct ee_old_ids *old_ids;
    struct ee_deferred write_soon;
    struct ee_deferred deliver_soon;
    struct ee_sequencer_batch batches[BATCHES];
    struct ee_sequencer_batch *collecting;
    struct ee_sequencer_batch *writing; /* NULL: the writer is idle */
    uint64_t durable_batch;
    uint64_t durable_seq;
    size_t repeats_waiting;
    uint8_t seed[EE_ED25519_KEY_SIZE];
    uint8_t seed_key[EE_ED25519_KEY_SIZE];   /* public key of the seed */
    uint8_t public_key[EE_ED25519_KEY_SIZE]; /* of the newest durable note */
    uint8_t random[RANDOM_AHEAD][32];
    size_t random_left;
    struct ee_sequencer_sample sample;
    struct ee_sequencer_counts counts;
    bool lost;
    enum ee_err refusing; /* EE_OK: takes commands */
};

#endif
