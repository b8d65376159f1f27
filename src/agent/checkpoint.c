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

static bool path_of(const struct ee_agent *agent, char out[PATH_MAX])
{
    return snprintf(out, PATH_MAX, "%s/checkpoint", agent->options.folder) < PATH_MAX;
}

void ee_agent_checkpoint_load(struct ee_agent *agent)
{
    char path[PATH_MAX];
    struct ee_file_data file;
    if (!path_of(agent, path) ||
        ee_file_read(path, sizeof(agent->checkpoint_note) - 1, &file) != EE_OK)
        return;
    memcpy(agent->checkpoint_note, file.data, file.size + 1);
    ee_file_data_free(&file);
}

void ee_agent_checkpoint_save(struct ee_agent *agent)
{
    char path[PATH_MAX];
    if (!agent->checkpoint_note[0] || !path_of(agent, path))
        return;
    agent->checkpoint_saved_us = ee_loop_now_us(agent->loop);
    enum ee_err err = ee_file_write(path, ee_bytes_str(agent->checkpoint_note), 0600);
    if (err != EE_OK)
        EE_LOG(EE_LOG_WARN, "checkpoint", "the highest checkpoint was not saved", ee_log_err(err));
}

void ee_agent_checkpoint_recall(struct ee_agent *agent)
{
    struct ee_tlog_checkpoint found;
    if (agent->checkpoint.size || !agent->checkpoint_note[0])
        return;
    enum ee_err err =
        ee_tlog_checkpoint_verify(agent->crypto, ee_bytes_str(agent->checkpoint_note),
                                  agent->trust.network_id, agent->checkpoint_key, &found);
    if (err == EE_OK) {
        agent->checkpoint = found;
        return;
    }
    EE_LOG(EE_LOG_WARN, "checkpoint", "the saved checkpoint is not of this control plane's key",
           ee_log_err(err));
    agent->checkpoint_note[0] = '\0';
}

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
    if (err == EE_OK &&
        snprintf(path, PATH_MAX, "%s/equivocation", agent->options.folder) >= PATH_MAX)
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
           "equivocation of the state folder; stopping",
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
    EE_TRY(ee_tlog_checkpoint_verify(agent->crypto, ee_bytes_of(note, size),
                                     agent->trust.network_id, agent->checkpoint_key, &found));
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
