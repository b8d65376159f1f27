/* SPDX-License-Identifier: Apache-2.0 */
#include "control/anchor.h"

#include <stdio.h>
#include <string.h>

#include "control/api.h"
#include "control/collateral.h"
#include "control/scheduler.h"
#include "control/statements.h"
#include "control/verify.h"
#include "io/log.h"

#include "base/banned.h"

enum { PATH_SIZE = 1100 };

static const char *kept_path(const struct ee_control *control, char out[PATH_SIZE])
{
    snprintf(out, PATH_SIZE, "%s/newer-checkpoint.note", control->state_folder);
    return out;
}

static void rolled_back(struct ee_control *control, uint64_t size)
{
    if (!control->rolled_back)
        EE_LOG(EE_LOG_ERROR, "anchor",
               "a checkpoint of ours is not in this journal: it was put back to an older state; "
               "nothing is written any more",
               ee_log_unsigned("their_size", size),
               ee_log_unsigned("our_size", ee_sequencer_durable_seq(control->sequencer)));
    control->rolled_back = true;
    control->anchoring = false;
    ee_timer_stop(control->anchor_timer);
    ee_sequencer_refuse(control->sequencer, EE_ROLLED_BACK);
    ee_api_unpark(control);
}

enum ee_err ee_anchor_compare(struct ee_control *control, const char *note, uint64_t *size_out)
{
    struct ee_tlog_checkpoint seen;
    struct ee_tlog_hash root;
    char path[PATH_SIZE];
    *size_out = 0;
    /* One that this key did not sign says nothing about this journal. */
    if (ee_statements_note_verify(control, ee_bytes_str(note), &seen) != EE_OK)
        return EE_OK;
    *size_out = seen.size;
    if (ee_tlog_root(ee_sequencer_tlog(control->sequencer), seen.size, &root) == EE_OK &&
        memcmp(root.bytes, seen.root.bytes, sizeof root.bytes) == 0)
        return EE_OK;
    if (ee_statements_given_up(control, &seen, size_out))
        return EE_OK;
    if (!control->rolled_back &&
        ee_file_write(kept_path(control, path), ee_bytes_str(note), 0600) != EE_OK)
        EE_LOG(EE_LOG_ERROR, "anchor", "the newer checkpoint could not be kept");
    rolled_back(control, seen.size);
    return EE_CHECKPOINT;
}

/* A node whose agent was connected when we last ran, or had not had its grace yet. */
static bool was_connected(const struct ee_control *control, const struct ee_node *node)
{
    return node->admitted &&
           (node->connected || node->lost_us > ee_core_time_us(ee_control_core(control)));
}

static bool waits(const struct ee_control *control, const char *node)
{
    for (const struct ee_session *s = control->sessions; s != NULL; s = s->next)
        if (s->state == EE_SESSION_AWAITS_ANCHOR && strcmp(s->node, node) == 0)
            return true;
    return false;
}

static size_t known_count(const struct ee_control *control, size_t *reported_out)
{
    const struct ee_node *node;
    size_t known = 0;
    *reported_out = 0;
    for (size_t i = 0; (node = ee_core_node_at(ee_control_core(control), i)) != NULL; i++) {
        if (!was_connected(control, node))
            continue;
        known++;
        *reported_out += waits(control, node->name);
    }
    return known;
}

/* Writes BOOT; what waited for it goes on, agents first. */
static enum ee_err boot(struct ee_control *control, bool anchored)
{
    EE_LOG(EE_LOG_INFO, "anchor", "writing begins", ee_log_bool("anchored", anchored));
    control->anchoring = false;
    ee_timer_stop(control->anchor_timer);
    EE_TRY(ee_statements_open(control, anchored));
    control->started_us = ee_control_now_us(control);
    EE_TRY(ee_control_trust_sync(control));
    EE_TRY(ee_control_collateral_record(control));
    if (control->scheduler != NULL)
        ee_scheduler_resume(control);
    for (struct ee_session *s = control->sessions, *next; s != NULL; s = next) {
        next = s->next;
        if (s->state == EE_SESSION_AWAITS_ANCHOR)
            ee_session_admit(s);
    }
    ee_api_unpark(control);
    return EE_OK;
}

static void boot_later(struct ee_control *control, bool anchored)
{
    enum ee_err err = boot(control, anchored);
    if (err != EE_OK)
        ee_control_fail(control, err, "the start could not be recorded");
}

static void on_grace_over(void *context)
{
    boot_later(context, false);
}

void ee_anchor_reported(struct ee_control *control)
{
    size_t reported, known = known_count(control, &reported);
    if (control->anchoring && 2 * reported > known)
        boot_later(control, true);
}

/* What an agent showed before we were started again counts too. */
static void recall(struct ee_control *control)
{
    struct ee_file_data file;
    uint64_t size;
    char path[PATH_SIZE];
    if (ee_file_read(kept_path(control, path), EE_TLOG_CHECKPOINT_READ_MAX, &file) != EE_OK)
        return;
    (void)!ee_anchor_compare(control, (const char *)file.data, &size);
    ee_file_data_free(&file);
}

/* Who wrote here until a moment ago said where its log ends, and it ends there. */
static bool handed_over(const struct ee_control *control)
{
    const struct ee_inheritance *from = &control->inheritance;
    struct ee_tlog_hash root;
    return from->from_process && from->size == ee_core_seq(ee_control_core(control)) &&
           ee_tlog_root(ee_sequencer_tlog(control->sequencer), from->size, &root) == EE_OK &&
           memcmp(root.bytes, from->root, sizeof root.bytes) == 0;
}

enum ee_err ee_anchor_start(struct ee_control *control)
{
    size_t reported;
    uint64_t wait_ms = control->params->reconnect_grace_ms;
    EE_TRY(ee_timer_new(control->loop, on_grace_over, control, &control->anchor_timer));
    if (!ee_sequencer_waits_for_boot(control->sequencer))
        return ee_control_collateral_record(control); /* a new journal */
    if (ee_statements_recovery_take(control))
        return boot(control, false);
    recall(control);
    if (control->rolled_back)
        return EE_OK;
    if (handed_over(control))
        return boot(control, true);
    if (known_count(control, &reported) == 0)
        return boot(control, false);
    control->anchoring = true;
    ee_timer_start(control->anchor_timer,
                   wait_ms < EE_ANCHOR_WAIT_MAX_MS ? wait_ms : EE_ANCHOR_WAIT_MAX_MS, 0);
    return EE_OK;
}

enum ee_err ee_anchor_recover(struct ee_control *control)
{
    if ((!control->rolled_back && !control->anchoring) || !ee_statements_recovery_take(control))
        return EE_STATE;
    bool rolled_back = control->rolled_back;
    control->rolled_back = false;
    enum ee_err err = boot(control, false);
    if (err == EE_FULL)
        control->rolled_back = rolled_back;
    return err;
}

void ee_anchor_free(struct ee_control *control)
{
    ee_timer_free(control->anchor_timer);
    control->anchor_timer = NULL;
}
