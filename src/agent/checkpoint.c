/* SPDX-License-Identifier: Apache-2.0 */
/* The highest signed head of the log this agent has seen, in memory and on disk: what tells a
 * control plane whose disk was put back to an older state. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "agent/state.h"
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
    char note[EE_TLOG_CHECKPOINT_SIZE_MAX];
    if (agent->checkpoint.size || !agent->checkpoint_note[0])
        return;
    memcpy(note, agent->checkpoint_note, sizeof(note));
    enum ee_err err = ee_agent_checkpoint_take(agent, note);
    if (err == EE_OK)
        return;
    EE_LOG(EE_LOG_WARN, "checkpoint", "the saved checkpoint is not of this control plane's key",
           ee_log_err(err));
    agent->checkpoint_note[0] = '\0';
}

enum ee_err ee_agent_checkpoint_take(struct ee_agent *agent, const char *note)
{
    struct ee_tlog_checkpoint found;
    size_t size = strlen(note);
    EE_TRY(ee_tlog_checkpoint_verify(agent->crypto, ee_bytes_of(note, size),
                                     agent->trust.network_id, agent->checkpoint_key, &found));
    bool same_size = found.size == agent->checkpoint.size;
    if (same_size && agent->checkpoint.size &&
        memcmp(&found.root, &agent->checkpoint.root, sizeof(found.root)) != 0)
        return EE_CHECKPOINT; /* two histories of one length: equivocation */
    if (found.size <= agent->checkpoint.size || size >= sizeof(agent->checkpoint_note))
        return EE_OK;
    agent->checkpoint = found;
    memcpy(agent->checkpoint_note, note, size + 1);
    if (ee_loop_now_us(agent->loop) - agent->checkpoint_saved_us >= SAVE_EVERY_US)
        ee_agent_checkpoint_save(agent);
    return EE_OK;
}

void ee_agent_on_checkpoint(struct ee_agent *agent, json_t *message)
{
    const char *note = json_string_value(json_object_get(message, "note"));
    enum ee_err err = note ? ee_agent_checkpoint_take(agent, note) : EE_SYNTAX;
    if (err != EE_OK)
        ee_agent_session_fail(agent, err, "the control plane's checkpoint is refused");
}
