/* SPDX-License-Identifier: Apache-2.0 */
/* One batch on its way from the core to the journal: bodies and effects of its commands. Private to
 * the sequencer. */
#ifndef EE_CONTROL_SEQUENCER_BATCH_H
#define EE_CONTROL_SEQUENCER_BATCH_H

#include "core/core.h"
#include "io/journal_writer.h"
#include "tlog/checkpoint.h"

struct ee_sequencer_batch {
    uint64_t number; /* of this run, from 1; the writer's order */
    uint64_t last_seq;
    uint32_t count; /* commands */
    uint8_t *body;
    size_t size;
    size_t staged; /* bytes of the staged command, behind `size` */
    size_t capacity;
    struct ee_effect *effects; /* of all its commands, in their order */
    size_t effects_count;
    size_t effects_capacity;
    struct ee_tlog_checkpoint head;        /* to be signed */
    uint8_t seed[EE_ED25519_KEY_SIZE];     /* with this key */
    uint8_t seed_key[EE_ED25519_KEY_SIZE]; /* its public half */
    struct ee_journal_job job;
};

/* Empty again, keeping its memory. */
void ee_sequencer_batch_clear(struct ee_sequencer_batch *batch, uint64_t number);
void ee_sequencer_batch_free(struct ee_sequencer_batch *batch,
                             const struct ee_allocator *allocator);
/* Makes room for one more command with a payload of that size and any result. EE_FULL: the limits
 * of a batch; EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_sequencer_batch_reserve(struct ee_sequencer_batch *batch,
                                                   const struct ee_allocator *allocator,
                                                   size_t payload_size);
/* Writes a command behind the last one without counting it yet. Errors of ee_command_encode(). */
EE_MUST_USE enum ee_err ee_sequencer_batch_stage(struct ee_sequencer_batch *batch,
                                                 const struct ee_command *command);
/* The staged command was applied with this result: it counts from now on. Cannot fail. Writes its
 * leaf hash. */
void ee_sequencer_batch_commit(struct ee_sequencer_batch *batch, const struct ee_crypto *crypto,
                               uint64_t seq, const struct ee_result *result,
                               struct ee_tlog_hash *leaf_out);

#endif
