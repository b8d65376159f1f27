/* SPDX-License-Identifier: Apache-2.0 */
#include "control/statements.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "control/collateral.h"
#include "control/history.h"
#include "core/statement.h"
#include "io/log.h"
#include "io/random.h"

#include "base/banned.h"

enum { PATH_SIZE = 1100, EVIDENCE_MS = 60000 };

static const char *path_of(const struct ee_control *control, const char *name, char out[PATH_SIZE])
{
    snprintf(out, PATH_SIZE, "%s/%s", control->state_folder, name);
    return out;
}

static enum ee_err file_read(const struct ee_control *control, const char *name,
                             struct ee_file_data *out)
{
    char path[PATH_SIZE];
    return ee_file_read(path_of(control, name, path), EE_STATEMENT_FILE_MAX, out);
}

/* ---- recovery ---- */

/* The newest checkpoint an agent has shown us, if it was kept. */
static enum ee_err kept_covered(const struct ee_control *control,
                                const struct ee_recovery *recovery)
{
    struct ee_file_data file;
    struct ee_tlog_checkpoint seen;
    char path[PATH_SIZE];
    if (ee_file_read(path_of(control, "newer-checkpoint.note", path), EE_TLOG_CHECKPOINT_READ_MAX,
                     &file) != EE_OK)
        return EE_OK;
    enum ee_err err = ee_statements_note_verify(control, ee_file_bytes(&file), &seen);
    ee_file_data_free(&file);
    return err == EE_OK ? ee_recovery_covers(recovery, seen.size, &seen.root) : EE_OK;
}

static enum ee_err recovery_fits(const struct ee_control *control,
                                 const struct ee_recovery *recovery)
{
    struct ee_tlog_hash root;
    EE_TRY(ee_recovery_verify(control->crypto, control->trust.network_id,
                              control->trust.genesis.founding_key, recovery));
    if (recovery->epoch <= ee_core_epoch(ee_control_core(control)))
        return EE_RECOVERY_OLD;
    if (recovery->restored_size != ee_sequencer_durable_seq(control->sequencer) ||
        ee_tlog_root(ee_sequencer_tlog(control->sequencer), recovery->restored_size, &root) !=
            EE_OK ||
        memcmp(root.bytes, recovery->restored_root, sizeof(root.bytes)) != 0)
        return EE_RECOVERY;
    return kept_covered(control, recovery);
}

/* It was written, and the process ended before the file went. */
static bool is_done(const struct ee_control *control, const struct ee_recovery *recovery)
{
    const struct ee_recovery_applied *row;
    for (size_t i = 0; (row = ee_core_recovery_at(ee_control_core(control), i)) != NULL; i++)
        if (row->epoch == recovery->epoch)
            return true;
    return false;
}

static void recovery_done(const struct ee_control *control, uint64_t epoch)
{
    char from[PATH_SIZE], to[PATH_SIZE], name[64];
    (void)unlink(path_of(control, "recovery", from));
    snprintf(name, sizeof name, "lost-checkpoint-%llu.note", (unsigned long long)epoch);
    (void)rename(path_of(control, "newer-checkpoint.note", from), path_of(control, name, to));
}

bool ee_statements_recovery_take(struct ee_control *control)
{
    struct ee_file_data file;
    control->has_recovery = false;
    if (file_read(control, "recovery", &file) != EE_OK)
        return false;
    enum ee_err err = ee_recovery_read(ee_file_bytes(&file), &control->recovery);
    ee_file_data_free(&file);
    if (err == EE_OK && is_done(control, &control->recovery)) {
        recovery_done(control, control->recovery.epoch);
        return false;
    }
    if (err == EE_OK)
        err = recovery_fits(control, &control->recovery);
    control->has_recovery = err == EE_OK;
    if (err != EE_OK)
        EE_LOG(EE_LOG_ERROR, "recovery",
               "the recovery statement in the state folder is refused; nothing is changed by it",
               ee_log_err(err),
               ee_log_unsigned("our_size", ee_sequencer_durable_seq(control->sequencer)));
    return control->has_recovery;
}

bool ee_statements_given_up(const struct ee_control *control, const struct ee_tlog_checkpoint *seen,
                            uint64_t *restored_out)
{
    const struct ee_recovery_applied *row;
    bool found = false;
    for (size_t i = 0; (row = ee_core_recovery_at(ee_control_core(control), i)) != NULL; i++) {
        struct ee_recovery recovery = {.lost_size = row->lost_size,
                                       .restored_size = row->restored_size};
        memcpy(recovery.lost_root, row->lost_root, sizeof(recovery.lost_root));
        memcpy(recovery.restored_root, row->restored_root, sizeof(recovery.restored_root));
        if (ee_recovery_covers(&recovery, seen->size, &seen->root) != EE_OK)
            continue;
        found = true;
        *restored_out = row->restored_size;
    }
    return found;
}

/* ---- the checkpoint key ---- */

enum ee_err ee_statements_note_verify(const struct ee_control *control, struct ee_bytes note,
                                      struct ee_tlog_checkpoint *out)
{
    const struct ee_key_succession *row;
    enum ee_err err = ee_tlog_checkpoint_verify(control->crypto, note, control->trust.network_id,
                                                control->keys.checkpoint_key, out);
    for (size_t i = 0;
         err == EE_CHECKPOINT && (row = ee_core_succession_at(ee_control_core(control), i)) != NULL;
         i++)
        err = ee_tlog_checkpoint_verify(control->crypto, note, control->trust.network_id,
                                        row->old_key, out);
    if (err == EE_CHECKPOINT && control->has_succession)
        err = ee_tlog_checkpoint_verify(control->crypto, note, control->trust.network_id,
                                        control->succession.old_key, out);
    return err;
}

static const struct ee_key_succession *newest_succession(const struct ee_control *control,
                                                         uint64_t *number_out)
{
    const struct ee_key_succession *row, *newest = NULL;
    size_t i = 0;
    for (; (row = ee_core_succession_at(ee_control_core(control), i)) != NULL; i++)
        newest = row;
    *number_out = i + 1;
    return newest;
}

static bool note_is_by(const struct ee_control *control, const uint8_t key[EE_ED25519_KEY_SIZE])
{
    struct ee_tlog_checkpoint checkpoint;
    return ee_tlog_checkpoint_verify(control->crypto, ee_sequencer_checkpoint(control->sequencer),
                                     control->trust.network_id, key, &checkpoint) == EE_OK;
}

/* The founding key's word that this key follows the one that signed the newest checkpoint. */
static enum ee_err lost_key_succeed(struct ee_control *control)
{
    struct ee_checkpoint_key *key = &control->succession;
    struct ee_file_data file;
    uint64_t number;
    const struct ee_key_succession *newest = newest_succession(control, &number);
    if (file_read(control, "succession", &file) != EE_OK)
        return EE_SUCCESSION;
    enum ee_err err = ee_succession_read(ee_file_bytes(&file), key);
    ee_file_data_free(&file);
    EE_TRY(err);
    EE_TRY(ee_checkpoint_key_verify(control->crypto, control->trust.network_id,
                                    control->trust.genesis.founding_key, key));
    if (key->number != number ||
        memcmp(key->new_key, control->keys.checkpoint_key, sizeof(key->new_key)) != 0 ||
        (newest != NULL && memcmp(newest->new_key, key->old_key, sizeof(key->old_key)) != 0) ||
        !note_is_by(control, key->old_key))
        return EE_SUCCESSION;
    control->has_succession = true;
    return EE_OK;
}

struct next_evidence {
    struct ee_control *control;
    bool done;
    enum ee_err err;
};

static enum ee_err next_claims(void *context, uint8_t *out, size_t capacity, size_t *size_out)
{
    struct ee_control *control = context;
    uint8_t present[EE_ED25519_KEY_SIZE];
    memcpy(present, control->keys.checkpoint_key, sizeof(present));
    memcpy(control->keys.checkpoint_key, control->next_keys.checkpoint_key, sizeof(present));
    enum ee_err err = ee_control_claims(control, out, capacity, size_out);
    memcpy(control->keys.checkpoint_key, present, sizeof(present));
    return err;
}

static struct ee_bytes next_collateral(void *context, struct ee_bytes quote)
{
    return ee_control_collateral_text(context, quote);
}

static void on_next_evidence(void *context, enum ee_err err, struct ee_bytes text)
{
    struct next_evidence *next = context;
    if (err == EE_OK)
        err = ee_receipt_store_put(next->control->evidence, text,
                                   next->control->succession.evidence_hash);
    next->err = err;
    next->done = true;
}

/* Evidence whose claims name the next key, before anybody is shown it. */
static enum ee_err next_evidence_make(struct ee_control *control)
{
    struct next_evidence next = {.control = control};
    struct ee_quoter *quoter;
    struct ee_nonce nonce;
    struct ee_quoter_options options = {.crypto = control->crypto,
                                        .loop = control->loop,
                                        .device = control->device,
                                        .context = control,
                                        .claims = next_claims,
                                        .collateral = next_collateral};
    EE_TRY(ee_quoter_new(&options, &quoter));
    ee_random_bytes(nonce.bytes, sizeof nonce.bytes);
    enum ee_err err = ee_quoter_ask(quoter, &nonce, on_next_evidence, &next);
    if (err == EE_OK)
        err = ee_loop_run_until(control->loop, &next.done, EVIDENCE_MS);
    ee_quoter_free(quoter);
    return err == EE_OK ? next.err : err;
}

static enum ee_err rotate(struct ee_control *control)
{
    struct ee_checkpoint_key *key = &control->succession;
    uint8_t memory[512];
    struct ee_writer message;
    *key = (struct ee_checkpoint_key){.signer = EE_SUCCESSION_BY_KEY};
    (void)newest_succession(control, &key->number);
    memcpy(key->old_key, control->keys.checkpoint_key, sizeof(key->old_key));
    memcpy(key->new_key, control->next_keys.checkpoint_key, sizeof(key->new_key));
    EE_TRY(next_evidence_make(control));
    ee_writer_init(&message, memory, sizeof(memory));
    EE_TRY(ee_checkpoint_key_message(control->trust.network_id, key, &message));
    if (!control->crypto->ed25519_sign(control->keys.checkpoint_seed, ee_writer_done(&message),
                                       key->signature))
        return EE_CRYPTO;
    control->has_succession = control->rotates = true;
    return EE_OK;
}

static enum ee_err next_become_present(struct ee_control *control)
{
    memcpy(control->keys.checkpoint_seed, control->next_keys.checkpoint_seed,
           sizeof(control->keys.checkpoint_seed));
    memcpy(control->keys.checkpoint_key, control->next_keys.checkpoint_key,
           sizeof(control->keys.checkpoint_key));
    return ee_control_keys_next_take(control->state_folder);
}

enum ee_err ee_statements_key_start(struct ee_control *control)
{
    uint64_t number;
    const struct ee_key_succession *newest = newest_succession(control, &number);
    enum ee_err err =
        ee_control_keys_next_load(control->state_folder, control->crypto, &control->next_keys);
    bool next = err == EE_OK;
    if (err != EE_OK && err != EE_NOT_FOUND)
        return err;
    if (next && newest != NULL &&
        memcmp(newest->new_key, control->next_keys.checkpoint_key, sizeof(newest->new_key)) == 0) {
        EE_TRY(ee_sequencer_key_set(control->sequencer, control->next_keys.checkpoint_seed));
        return next_become_present(control); /* it was written, and the files were not */
    }
    if (!note_is_by(control, control->keys.checkpoint_key))
        return lost_key_succeed(control);
    return next && ee_sequencer_waits_for_boot(control->sequencer) ? rotate(control) : EE_OK;
}

/* ---- writing them ---- */

static enum ee_err key_done(struct ee_control *control)
{
    char path[PATH_SIZE];
    const struct ee_checkpoint_key *key = &control->succession;
    EE_LOG(EE_LOG_INFO, "recovery", "checkpoints are signed by another key from now on",
           ee_log_unsigned("number", key->number),
           ee_log_bool("by_founding_key", key->signer == EE_SUCCESSION_BY_FOUNDING));
    control->has_succession = false;
    (void)unlink(path_of(control, "succession", path));
    if (!control->rotates)
        return EE_OK;
    control->rotates = false;
    EE_TRY(next_become_present(control));
    return ee_receipt_store_set_signer(control->evidence, key->evidence_hash);
}

enum ee_err ee_statements_open(struct ee_control *control, bool anchored)
{
    uint8_t memory[2][EE_STATEMENT_BYTES_MAX];
    struct ee_sequencer_opening openings[2];
    struct ee_writer w;
    size_t count = 0;
    if (control->has_recovery) {
        ee_writer_init(&w, memory[count], sizeof(memory[count]));
        EE_TRY(ee_recovery_encode(&control->recovery, &w));
        openings[count++] = (struct ee_sequencer_opening){EE_COMMAND_RECOVERY, ee_writer_done(&w)};
    }
    if (control->has_succession) {
        ee_writer_init(&w, memory[count], sizeof(memory[count]));
        EE_TRY(ee_checkpoint_key_encode(&control->succession, &w));
        openings[count++] =
            (struct ee_sequencer_opening){EE_COMMAND_CHECKPOINT_KEY, ee_writer_done(&w)};
        if (control->rotates)
            EE_TRY(ee_sequencer_key_set(control->sequencer, control->next_keys.checkpoint_seed));
    }
    EE_TRY(ee_sequencer_open(control->sequencer, openings, count, anchored));
    if (control->has_recovery) {
        EE_LOG(EE_LOG_WARN, "recovery", "a recovery epoch begins behind the restored head",
               ee_log_unsigned("epoch", control->recovery.epoch),
               ee_log_unsigned("restored_size", control->recovery.restored_size),
               ee_log_unsigned("lost_size", control->recovery.lost_size));
        recovery_done(control, control->recovery.epoch);
        control->has_recovery = false;
    }
    return control->has_succession ? key_done(control) : EE_OK;
}

/* ---- showing them ---- */

static void payload_append(const struct ee_control *control, uint64_t seq, json_t *list)
{
    struct ee_history *history;
    if (ee_history_read(control->sequencer, seq, &history) != EE_OK)
        return;
    json_array_append_new(list, ee_json_base64(history->command.payload));
    ee_history_free(history);
}

static void waiting_append(const struct ee_control *control, json_t *list)
{
    uint8_t memory[EE_STATEMENT_BYTES_MAX];
    struct ee_writer w;
    ee_writer_init(&w, memory, sizeof(memory));
    if (ee_checkpoint_key_encode(&control->succession, &w) == EE_OK)
        json_array_append_new(list, ee_json_base64(ee_writer_done(&w)));
}

json_t *ee_statements_json(const struct ee_control *control, enum ee_command_kind kind)
{
    const struct ee_core *core = ee_control_core(control);
    json_t *list = json_array();
    if (kind == EE_COMMAND_RECOVERY) {
        const struct ee_recovery_applied *row;
        for (size_t i = 0; (row = ee_core_recovery_at(core, i)) != NULL; i++)
            payload_append(control, row->seq, list);
        return list;
    }
    const struct ee_key_succession *row;
    for (size_t i = 0; (row = ee_core_succession_at(core, i)) != NULL; i++)
        payload_append(control, row->seq, list);
    if (control->has_succession && !control->rotates)
        waiting_append(control, list);
    return list;
}
