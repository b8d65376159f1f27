/* SPDX-License-Identifier: Apache-2.0 */
#include "control/sequencer_replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control/liabilities_book.h"
#include "core/receipt.h"

#include "base/banned.h"

enum ee_err ee_replay_init(struct ee_replay *replay, const struct ee_allocator *allocator,
                           const struct ee_crypto *crypto, const struct ee_core_limits *limits)
{
    memset(replay, 0, sizeof(*replay));
    replay->allocator = allocator;
    replay->crypto = crypto;
    ee_tlog_init(&replay->tlog, crypto, allocator);
    replay->core = ee_core_new(allocator, crypto, limits);
    return replay->core == NULL ? EE_NO_MEMORY : EE_OK;
}

void ee_replay_close(struct ee_replay *replay)
{
    if (replay->crypto == NULL)
        return;
    ee_core_free(replay->core);
    ee_tlog_close(&replay->tlog);
    replay->core = NULL;
}

static enum ee_err differs(struct ee_replay *replay, uint64_t seq, const char *what)
{
    replay->fault.seq = seq;
    replay->fault.what = what;
    return EE_REPLAY;
}

static enum ee_err invariants_hold(struct ee_replay *replay, uint64_t seq)
{
    const char *rule = NULL;
    if (ee_core_seq(replay->core) == 0 || ee_core_check(replay->core, &rule) == EE_OK)
        return EE_OK;
    return differs(replay, seq, rule);
}

/* BOOT says which state its writer had reached. */
static enum ee_err boot_check(struct ee_replay *replay, const struct ee_command *command)
{
    struct ee_boot boot;
    uint8_t hash[32];
    if (ee_boot_decode(command->payload, &boot) != EE_OK)
        return differs(replay, command->seq, "the start record is malformed");
    if (command->core_version < EE_STATE_HASH_VERSION)
        return EE_OK; /* hashed by rules that are gone; results and roots are compared all the same
                       */
    if (!replay->every_state && replay->epoch != replay->last_epoch)
        return EE_OK;
    if (replay->afresh)
        EE_TRY(invariants_hold(replay, command->seq));
    if (replay->afresh)
        ee_core_state_hash_afresh(replay->core, hash);
    else
        ee_core_state_hash(replay->core, hash);
    if (memcmp(hash, boot.state_hash, sizeof(hash)) != 0)
        return differs(replay, command->seq, "the state before it is another than when written");
    return EE_OK;
}

static enum ee_err result_check(struct ee_replay *replay, uint64_t seq, struct ee_bytes stored)
{
    uint8_t bytes[EE_RECEIPT_RESULT_MAX];
    struct ee_writer w;
    ee_writer_init(&w, bytes, sizeof(bytes));
    if (ee_result_encode(&replay->result, &w) != EE_OK || replay->result.repeated ||
        !ee_bytes_equal(ee_writer_done(&w), stored))
        return differs(replay, seq, "its result is another than the stored one");
    return EE_OK;
}

/* The core takes the root of a restored log as it is said; here is the log. */
static enum ee_err recovery_check(struct ee_replay *replay, const struct ee_command *command)
{
    struct ee_recovery recovery;
    struct ee_tlog_hash root;
    if (replay->result.err != EE_OK)
        return EE_OK;
    if (ee_recovery_decode(command->payload, &recovery) == EE_OK &&
        ee_tlog_root(&replay->tlog, recovery.restored_size, &root) == EE_OK &&
        memcmp(root.bytes, recovery.restored_root, sizeof(root.bytes)) == 0)
        return EE_OK;
    return differs(replay, command->seq, "the recovery is of another log");
}

/* The same for the root of what is owed: made anew of the marked state, compared when it is said.
 * Costs a tree over all accounts, so only where everything is checked. */
static enum ee_err liabilities_check(struct ee_replay *replay, const struct ee_command *command)
{
    struct ee_liabilities said;
    struct ee_tlog_sum root;
    if (replay->result.err != EE_OK || !replay->every_state)
        return EE_OK;
    EE_TRY(ee_liabilities_decode(command->payload, &said));
    if (said.of_seq == 0) {
        EE_TRY(ee_liabilities_root(replay->core, replay->crypto, replay->allocator, &root));
        memcpy(replay->owed_root, root.hash.bytes, sizeof(replay->owed_root));
        replay->has_owed_root = true;
        return EE_OK;
    }
    if (replay->has_owed_root && memcmp(replay->owed_root, said.root, sizeof(said.root)) == 0)
        return EE_OK;
    return differs(replay, command->seq, "the root of what is owed is another one");
}

static enum ee_err command_replay(struct ee_replay *replay, uint64_t seq, struct ee_bytes bytes,
                                  struct ee_bytes result)
{
    struct ee_command command;
    struct ee_tlog_hash leaf;
    if (ee_command_decode(bytes, &command) != EE_OK)
        return differs(replay, seq, "the command is malformed");
    if (command.seq != seq)
        return differs(replay, seq, "the command has another number");
    if (command.kind == EE_COMMAND_BOOT)
        EE_TRY(boot_check(replay, &command));
    enum ee_err err = ee_core_apply(replay->core, &command, &replay->result);
    if (err == EE_NO_MEMORY || err == EE_VERSION) {
        (void)differs(replay, seq, "the command could not be applied");
        return err;
    }
    if (err != EE_OK)
        return differs(replay, seq, "the command does not apply");
    EE_TRY(result_check(replay, seq, result));
    if (command.kind == EE_COMMAND_RECOVERY)
        EE_TRY(recovery_check(replay, &command));
    if (command.kind == EE_COMMAND_LIABILITIES)
        EE_TRY(liabilities_check(replay, &command));
    ee_receipt_leaf_hash(replay->crypto, bytes, result, &leaf);
    return ee_tlog_append(&replay->tlog, &leaf);
}

/* C2SP tlog-checkpoint: origin, size and root, each on a line, then an empty line. The hash of the
 * batch covers the note, so its signature was made over this text. */
enum ee_err ee_replay_note_check(struct ee_replay *replay, struct ee_bytes note)
{
    char network[65];
    char root_text[EE_BASE64_SIZE(EE_TLOG_HASH_SIZE)];
    char text[EE_TLOG_CHECKPOINT_SIZE_MAX];
    struct ee_tlog_hash root;
    if (ee_core_genesis(replay->core) == NULL)
        return differs(replay, 1, "it does not start with a genesis");
    EE_TRY(ee_tlog_root(&replay->tlog, replay->tlog.size, &root));
    ee_hex_encode(ee_core_network_id(replay->core), 32, network);
    ee_base64_encode(root.bytes, EE_TLOG_HASH_SIZE, root_text);
    int size = snprintf(text, sizeof(text), "easyenclave/%s\n%" PRIu64 "\n%s\n\n", network,
                        replay->tlog.size, root_text);
    if (note.size <= (size_t)size || memcmp(note.data, text, (size_t)size) != 0)
        return differs(replay, replay->tlog.size, "its checkpoint is of another Merkle root");
    memmove(replay->note, note.data, note.size); /* may be its own */
    replay->note_size = note.size;
    return EE_OK;
}

static enum ee_err batch_replay(void *context, const struct ee_journal_batch *batch)
{
    struct ee_replay *replay = context;
    struct ee_cursor c;
    struct ee_bytes command;
    struct ee_bytes result;
    uint64_t seq = batch->first_seq;
    if (batch->note.size > sizeof(replay->note))
        return differs(replay, seq, "its checkpoint is too long");
    replay->epoch = batch->epoch;
    ee_cursor_init(&c, batch->body);
    for (; ee_journal_body_next(&c, &command, &result, NULL); seq++)
        EE_TRY(command_replay(replay, seq, command, result));
    replay->batches++;
    /* A tool does not know the network before it reads; a start has said what it allows. */
    if (replay->every_state && batch->plain && ee_core_genesis(replay->core) != NULL &&
        ee_core_genesis(replay->core)->kind == EE_NETWORK_PRODUCTION) {
        replay->fault = (struct ee_journal_fault){batch->batch, 0, "it is not sealed"};
        return EE_JOURNAL_PLAIN;
    }
    EE_TRY(ee_replay_note_check(replay, batch->note));
    if (replay->batch_end != NULL)
        replay->batch_end(replay->batch_context, replay->core);
    return EE_OK;
}

static enum ee_err invariants_check(struct ee_replay *replay, const struct ee_journal *journal)
{
    const char *rule = NULL;
    if (ee_core_seq(replay->core) == 0)
        return EE_OK;
    replay->fault = (struct ee_journal_fault){0, 0, "it starts with another genesis"};
    if (memcmp(ee_core_network_id(replay->core), ee_journal_network_id(journal), 32) != 0)
        return EE_WRONG_NETWORK;
    enum ee_err err = ee_core_check(replay->core, &rule);
    replay->fault.seq = ee_core_seq(replay->core);
    replay->fault.what = rule;
    return err;
}

enum ee_err ee_replay_run(struct ee_replay *replay, struct ee_journal *journal)
{
    struct ee_journal_fault fault = {0};
    enum ee_err err = ee_journal_tail_epoch(journal, &replay->last_epoch);
    if (err == EE_OK || err == EE_NOT_FOUND)
        err = replay->from_batch > 0
                  ? ee_journal_replay_after(journal, replay->from_batch, replay->from_hash,
                                            batch_replay, replay, &fault)
                  : ee_journal_replay(journal, batch_replay, replay, &fault);
    if (err != EE_OK) {
        replay->fault.batch = fault.batch;
        if (replay->fault.what == NULL)
            replay->fault.what = fault.what;
        return err;
    }
    EE_TRY(invariants_check(replay, journal));
    replay->fault = (struct ee_journal_fault){0};
    return EE_OK;
}
