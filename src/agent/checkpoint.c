/* SPDX-License-Identifier: Apache-2.0 */
/* The highest signed head of the log this agent has seen, in memory and on disk: what tells a
 * control plane whose disk was put back to an older state. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state.h"
#include "base/text.h"
#include "io/file.h"
#include "io/log.h"

#include "base/banned.h"

/* Between two writes: a busy log has a new head every few milliseconds. */
enum { SAVE_EVERY_US = 10 * 1000 * 1000 };

static bool path_of(const struct ee_agent *agent, const char *name, char out[PATH_MAX])
{
    return snprintf(out, PATH_MAX, "%s/%s", agent->options.folder, name) < PATH_MAX;
}

static void epoch_load(struct ee_agent *agent)
{
    char path[PATH_MAX];
    struct ee_file_data file;
    if (!path_of(agent, "control-epoch", path) || ee_file_read(path, 24, &file) != EE_OK)
        return;
    if (ee_u64_parse((const char *)file.data, &agent->control_epoch) != EE_OK)
        agent->control_epoch = 0;
    ee_file_data_free(&file);
}

static enum ee_err recovery_load(struct ee_agent *agent)
{
    char path[PATH_MAX];
    struct ee_file_data file;
    const char *given = agent->options.recovery_path;
    if (!path_of(agent, "accept-recovery", path))
        return EE_TOO_LARGE;
    enum ee_err err = ee_file_read(given ? given : path, EE_STATEMENT_FILE_MAX, &file);
    if (err == EE_NOT_FOUND && !given)
        return EE_OK;
    EE_TRY(err);
    err = ee_recovery_read(ee_file_bytes(&file), &agent->recovery);
    ee_file_data_free(&file);
    if (err == EE_OK)
        err = ee_recovery_verify(agent->crypto, agent->trust.network_id,
                                 agent->trust.genesis.founding_key, &agent->recovery);
    agent->has_recovery = err == EE_OK;
    if (err != EE_OK)
        EE_LOG(EE_LOG_ERROR, "checkpoint", "the recovery statement to be accepted is refused",
               ee_log_err(err));
    return err;
}

enum ee_err ee_agent_checkpoint_load(struct ee_agent *agent)
{
    char path[PATH_MAX];
    struct ee_file_data file;
    epoch_load(agent);
    EE_TRY(recovery_load(agent));
    if (!path_of(agent, "checkpoint", path) ||
        ee_file_read(path, sizeof(agent->checkpoint_note) - 1, &file) != EE_OK)
        return EE_OK;
    memcpy(agent->checkpoint_note, file.data, file.size + 1);
    ee_file_data_free(&file);
    return EE_OK;
}

void ee_agent_checkpoint_epoch(struct ee_agent *agent, uint64_t epoch)
{
    char path[PATH_MAX], text[24];
    if (epoch <= agent->control_epoch)
        return;
    agent->control_epoch = epoch;
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)epoch);
    enum ee_err err = path_of(agent, "control-epoch", path)
                          ? ee_file_write(path, ee_bytes_str(text), 0600)
                          : EE_TOO_LARGE;
    if (err != EE_OK)
        EE_LOG(EE_LOG_WARN, "checkpoint", "the epoch was not saved", ee_log_err(err));
}

void ee_agent_checkpoint_save(struct ee_agent *agent)
{
    char path[PATH_MAX];
    if (!agent->checkpoint_note[0] || !path_of(agent, "checkpoint", path))
        return;
    agent->checkpoint_saved_us = ee_loop_now_us(agent->loop);
    enum ee_err err = ee_file_write(path, ee_bytes_str(agent->checkpoint_note), 0600);
    if (err != EE_OK)
        EE_LOG(EE_LOG_WARN, "checkpoint", "the highest checkpoint was not saved", ee_log_err(err));
}

/* ---- whose key signs ---- */

/* Statements of succession in a message. */
static size_t successions_read(const json_t *message, struct ee_checkpoint_key *out)
{
    size_t index, size, count = 0;
    uint8_t bytes[EE_STATEMENT_BYTES_MAX];
    const json_t *item;
    json_array_foreach(json_object_get(message, "checkpoint_keys"), index, item)
    {
        const char *text = json_string_value(item);
        if (!text || count == EE_SUCCESSIONS_MAX ||
            ee_base64_decode(ee_bytes_str(text), bytes, sizeof(bytes), &size) != EE_OK ||
            ee_checkpoint_key_decode(ee_bytes_of(bytes, size), &out[count]) != EE_OK)
            return 0;
        count++;
    }
    return count;
}

/* Statements lead from the key of this session to another one, which has signed the note. */
static enum ee_err key_follow(struct ee_agent *agent, const struct ee_checkpoint_key *list,
                              size_t count, struct ee_bytes note, struct ee_tlog_checkpoint *out)
{
    size_t at = 0;
    while (at < count && memcmp(list[at].old_key, agent->checkpoint_key, EE_ED25519_KEY_SIZE) != 0)
        at++;
    if (at == count)
        return EE_SUCCESSION;
    const uint8_t *newest = list[count - 1].new_key;
    EE_TRY(ee_succession_verify(agent->crypto, agent->trust.network_id,
                                agent->trust.genesis.founding_key, list + at, count - at, newest));
    EE_TRY(ee_tlog_checkpoint_verify(agent->crypto, note, agent->trust.network_id, newest, out));
    memcpy(agent->checkpoint_key, newest, sizeof(agent->checkpoint_key));
    EE_LOG(EE_LOG_INFO, "checkpoint", "the control plane signs with another checkpoint key");
    return EE_OK;
}

/* By the key of this session, one before it, or its successor, with statements in the message.
 * EE_SUCCESSION: of another key. */
static enum ee_err note_verify(struct ee_agent *agent, const json_t *message, struct ee_bytes note,
                               struct ee_tlog_checkpoint *out)
{
    enum ee_err err = ee_tlog_checkpoint_verify(agent->crypto, note, agent->trust.network_id,
                                                agent->checkpoint_key, out);
    if (err != EE_CHECKPOINT)
        return err;
    struct ee_checkpoint_key *list = calloc(EE_SUCCESSIONS_MAX, sizeof(*list));
    if (!list)
        return EE_NO_MEMORY;
    size_t count = successions_read(message, list);
    err = ee_succession_note(agent->crypto, agent->trust.network_id,
                             agent->trust.genesis.founding_key, list, count, agent->checkpoint_key,
                             note, out);
    if (err != EE_OK)
        err = key_follow(agent, list, count, note, out);
    free(list);
    return err == EE_OK || err == EE_WRONG_NETWORK ? err : EE_SUCCESSION;
}

/* ---- a planned restore ---- */

static void lost_keep(const struct ee_agent *agent)
{
    char path[PATH_MAX], name[64];
    (void)snprintf(name, sizeof(name), "checkpoint-lost-%llu",
                   (unsigned long long)agent->recovery.epoch);
    enum ee_err err = path_of(agent, name, path)
                          ? ee_file_write(path, ee_bytes_str(agent->checkpoint_note), 0600)
                          : EE_TOO_LARGE;
    if (err != EE_OK)
        EE_LOG(EE_LOG_WARN, "checkpoint", "the lost checkpoint was not kept", ee_log_err(err));
}

/* What we saw beyond the restored head is given up; that the log continues that one is proven by
 * what comes with the next note. */
static void recovery_accept(struct ee_agent *agent)
{
    const struct ee_recovery *recovery = &agent->recovery;
    if (!agent->has_recovery || recovery->epoch <= agent->control_epoch)
        return; /* accepted before, or older than what we have seen */
    enum ee_err err = ee_recovery_covers(recovery, agent->checkpoint.size, &agent->checkpoint.root);
    if (err == EE_OK && agent->verdict.claims.epoch < recovery->epoch)
        err = EE_RECOVERY;
    if (err != EE_OK) {
        EE_LOG(EE_LOG_WARN, "checkpoint", "the recovery that was accepted is not about this",
               ee_log_err(err));
        return;
    }
    EE_LOG(EE_LOG_WARN, "checkpoint",
           "the network was restored on purpose, as the founding key says and the operator accepts",
           ee_log_unsigned("seen", agent->checkpoint.size),
           ee_log_unsigned("restored", recovery->restored_size),
           ee_log_unsigned("epoch", recovery->epoch));
    lost_keep(agent);
    agent->checkpoint.size = recovery->restored_size;
    memcpy(agent->checkpoint.root.bytes, recovery->restored_root, EE_TLOG_HASH_SIZE);
}

enum ee_err ee_agent_checkpoint_recall(struct ee_agent *agent, const json_t *message)
{
    struct ee_tlog_checkpoint found;
    if (!agent->checkpoint_note[0])
        return EE_OK;
    enum ee_err err = note_verify(agent, message, ee_bytes_str(agent->checkpoint_note), &found);
    if (err != EE_OK) {
        EE_LOG(EE_LOG_ERROR, "checkpoint",
               "the checkpoint seen before is of another key, and no statement leads from that one "
               "to the control plane's",
               ee_log_err(err));
        return err;
    }
    if (agent->checkpoint.size == 0)
        agent->checkpoint = found;
    recovery_accept(agent);
    return EE_OK;
}

/* ---- following the log ---- */

/* The proof that came with a note; false: none, or not from the head we have. */
static bool proof_read(const struct ee_agent *agent, const json_t *message,
                       struct ee_tlog_equivocation *out)
{
    size_t index;
    uint64_t from;
    const json_t *item, *proof = json_object_get(message, "consistency");
    const json_t *list = json_object_get(proof, "proof");
    const char *text = json_string_value(json_object_get(proof, "from"));
    if (!text || ee_u64_parse(text, &from) != EE_OK || from != agent->checkpoint.size ||
        !ee_agent_json_hex(proof, "from_root", out->prefix.bytes, EE_TLOG_HASH_SIZE) ||
        !json_is_array(list) || json_array_size(list) > EE_TLOG_PROOF_MAX)
        return false;
    json_array_foreach(list, index, item)
    {
        const char *hash = json_string_value(item);
        if (!hash || ee_hex_decode(ee_bytes_str(hash), out->proof.hashes[index].bytes,
                                   EE_TLOG_HASH_SIZE) != EE_OK)
            return false;
    }
    out->proof.count = json_array_size(list);
    return true;
}

static void evidence_write(const struct ee_agent *agent, struct ee_tlog_equivocation *evidence)
{
    char path[PATH_MAX];
    size_t size;
    char *text = malloc(EE_TLOG_EQUIVOCATION_SIZE_MAX);
    memcpy(evidence->network_id, agent->trust.network_id, sizeof(evidence->network_id));
    memcpy(evidence->key, agent->checkpoint_key, sizeof(evidence->key));
    evidence->first = ee_bytes_str(agent->checkpoint_note);
    enum ee_err err =
        text ? ee_tlog_equivocation_write(evidence, text, EE_TLOG_EQUIVOCATION_SIZE_MAX, &size)
             : EE_NO_MEMORY;
    if (err == EE_OK && !path_of(agent, "equivocation", path))
        err = EE_TOO_LARGE;
    if (err == EE_OK)
        err = ee_file_write(path, ee_bytes_of(text, size), 0600);
    free(text);
    if (err != EE_OK)
        EE_LOG(EE_LOG_ERROR, "checkpoint", "the evidence of equivocation was not kept",
               ee_log_err(err));
}

/* The control plane has signed two histories, or its disk was put back: nothing it says from now on
 * can be relied on, so the agent ends and somebody has to look. */
static enum ee_err equivocation(struct ee_agent *agent, const struct ee_tlog_checkpoint *shown,
                                struct ee_tlog_equivocation *evidence)
{
    EE_LOG(EE_LOG_ERROR, "checkpoint",
           "the control plane contradicts a checkpoint it signed before; both are kept in the file "
           "equivocation of the state folder; stopping. If the network was restored on purpose: "
           "ee-agent run --accept-recovery FILE",
           ee_log_unsigned("seen", agent->checkpoint.size), ee_log_unsigned("shown", shown->size));
    evidence_write(agent, evidence);
    ee_agent_checkpoint_save(agent);
    agent->err = EE_CHECKPOINT;
    ee_loop_stop(agent->loop);
    return EE_CHECKPOINT;
}

static bool continues(const struct ee_agent *agent, const struct ee_tlog_checkpoint *found,
                      const struct ee_tlog_equivocation *evidence)
{
    const struct ee_tlog_checkpoint *seen = &agent->checkpoint;
    if (seen->size == 0)
        return true;
    if (found->size == seen->size)
        return memcmp(&found->root, &seen->root, sizeof(found->root)) == 0;
    return found->size > seen->size && evidence->has_proof &&
           ee_tlog_consistency_verify(agent->crypto, seen->size, &seen->root, found->size,
                                      &found->root, evidence->proof.hashes,
                                      evidence->proof.count) == EE_OK;
}

enum ee_err ee_agent_checkpoint_take(struct ee_agent *agent, const json_t *message,
                                     const char *name)
{
    struct ee_tlog_checkpoint found;
    struct ee_tlog_equivocation evidence = {.has_proof = false};
    const char *note = json_string_value(json_object_get(message, name));
    size_t size = note ? strlen(note) : 0;
    if (!note || size >= sizeof(agent->checkpoint_note))
        return EE_SYNTAX;
    EE_TRY(note_verify(agent, message, ee_bytes_of(note, size), &found));
    evidence.second = ee_bytes_of(note, size);
    evidence.has_proof = proof_read(agent, message, &evidence);
    if (!continues(agent, &found, &evidence))
        return equivocation(agent, &found, &evidence);
    if (found.size <= agent->checkpoint.size)
        return EE_OK;
    agent->checkpoint = found;
    memcpy(agent->checkpoint_note, note, size + 1);
    if (ee_loop_now_us(agent->loop) - agent->checkpoint_saved_us >= SAVE_EVERY_US)
        ee_agent_checkpoint_save(agent);
    return EE_OK;
}

void ee_agent_on_checkpoint(struct ee_agent *agent, json_t *message)
{
    enum ee_err err = ee_agent_checkpoint_take(agent, message, "note");
    if (err != EE_OK)
        ee_agent_session_fail(agent, err, "the control plane's checkpoint is refused");
}
