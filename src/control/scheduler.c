/* SPDX-License-Identifier: Apache-2.0 */
#include "control/scheduler.h"

#include <stdlib.h>
#include <string.h>

#include "control/collateral.h"
#include "control/scheduler_state.h"
#include "io/log.h"

#include "base/banned.h"

enum { RETRY_US = 500000, IDLE_US = 1000000000, TRACKS_MAX = 100000, OPERATORS_COUNTED = 16 };

/* ---- tracks: one per lease and period that is being watched ---- */

struct ee_track *ee_scheduler_track(struct ee_scheduler *s, const uint8_t lease[EE_ID_SIZE],
                                    uint32_t period)
{
    for (struct ee_track *t = s->tracks; t != NULL; t = t->next)
        if (t->period == period && memcmp(t->lease, lease, EE_ID_SIZE) == 0)
            return t;
    return NULL;
}

static struct ee_track *track_new(struct ee_scheduler *s, const struct ee_lease *lease,
                                  const struct ee_period *period)
{
    struct ee_track *track = NULL;
    if (s->track_count < TRACKS_MAX)
        track = calloc(1, sizeof *track);
    if (track == NULL)
        return NULL;
    memcpy(track->lease, lease->id, EE_ID_SIZE);
    memcpy(track->node, lease->node, sizeof track->node);
    track->period = period->index;
    ee_slots_init(&track->slots, s->control->params, period->starts_us, period->ends_us);
    track->next = s->tracks;
    s->tracks = track;
    s->track_count++;
    return track;
}

static void track_drop(struct ee_scheduler *s, struct ee_track *track)
{
    struct ee_track **at = &s->tracks;
    while (*at != track)
        at = &(*at)->next;
    *at = track->next;
    s->track_count--;
    free(track);
}

/* The period of a running lease that lasts now; NULL: none. */
static const struct ee_period *present_period(const struct ee_core *core,
                                              const struct ee_lease *lease, uint64_t now_us)
{
    for (uint32_t i = lease->period_count; i-- > 0;) {
        const struct ee_period *period = ee_core_period(core, lease->id, i);
        if (period != NULL && period->starts_us != 0 && period->starts_us <= now_us &&
            now_us < period->ends_us)
            return period;
    }
    return NULL;
}

/* ---- what follows from slots ---- */

static void submit_missed(struct ee_scheduler *s, const struct ee_miss *miss)
{
    struct ee_slot_missed missed = {
        .period = miss->period, .kind = miss->kind, .slot = miss->slot, .why = miss->why};
    uint8_t memory[128];
    struct ee_writer writer;
    memcpy(missed.lease, miss->lease, EE_ID_SIZE);
    ee_writer_init(&writer, memory, sizeof memory);
    enum ee_err err = ee_slot_missed_encode(&missed, &writer);
    if (err == EE_OK)
        err = ee_control_submit(s->control, EE_COMMAND_SLOT_MISSED, ee_writer_done(&writer), NULL,
                                NULL);
    EE_LOG(EE_LOG_WARN, "checks", "slot missed", ee_log_hex("lease", miss->lease, EE_ID_SIZE),
           ee_log_text("node", miss->node), ee_log_unsigned("period", miss->period),
           ee_log_unsigned("slot", miss->slot),
           ee_log_text("kind", miss->kind == EE_CHECK_HEALTH ? "health" : "attestation"),
           ee_log_text("why", ee_err_name(miss->why)), ee_log_bool("recorded", err == EE_OK));
}

/* Nodes that run something, each once; `operators_out` counts theirs. */
static uint32_t nodes_watched(const struct ee_scheduler *s, uint32_t *operators_out)
{
    const struct ee_core *core = ee_control_core(s->control);
    const struct ee_node *node;
    const char *operators[OPERATORS_COUNTED];
    uint32_t nodes = 0, count = 0;
    for (size_t i = 0; (node = ee_core_node_at(core, i)) != NULL; i++) {
        uint32_t known = 0;
        if (node->vcpus_leased == 0)
            continue;
        nodes++;
        while (known < count && strcmp(operators[known], node->operator_name) != 0)
            known++;
        if (known == count && count < OPERATORS_COUNTED)
            operators[count++] = node->operator_name;
    }
    *operators_out = count;
    return nodes;
}

static bool mass_matters(const struct ee_scheduler *s)
{
    const struct ee_params *params = s->control->params;
    uint32_t operators;
    return nodes_watched(s, &operators) >= params->mass_failure_nodes &&
           operators >= params->mass_failure_operators;
}

static void on_missed(struct ee_scheduler *s, struct ee_track *track,
                      const struct ee_slots_action *action, uint64_t now_us)
{
    struct ee_miss miss = {.period = track->period,
                           .kind = action->kind,
                           .slot = action->slot,
                           .why = action->why,
                           .at_us = now_us};
    memcpy(miss.lease, track->lease, EE_ID_SIZE);
    memcpy(miss.node, track->node, sizeof miss.node);
    if (!mass_matters(s) || !ee_mass_hold(&s->mass, &miss))
        submit_missed(s, &miss);
}

/* Misses whose mass has been judged. */
static void settle_misses(struct ee_scheduler *s, uint64_t now_us)
{
    struct ee_miss miss;
    bool forgiven;
    uint32_t operators;
    const struct ee_params *params = s->control->params;
    while (ee_mass_next(&s->mass, params, now_us, nodes_watched(s, &operators), &miss, &forgiven)) {
        struct ee_track *track = ee_scheduler_track(s, miss.lease, miss.period);
        if (!forgiven)
            submit_missed(s, &miss);
        else if (track != NULL)
            ee_slots_forgive(&track->slots, miss.kind, miss.slot);
    }
}

/* Until an agent we lost through our own restart, or could not admit because our collateral had run
 * out, is back or had its time, nothing counts. */
static bool excused(const struct ee_scheduler *s, const char *node, uint64_t now_us)
{
    struct ee_control *control = s->control;
    uint64_t grace_us = (uint64_t)control->params->reconnect_grace_ms * 1000;
    uint64_t since_us = control->started_us > control->collateral_back_us
                            ? control->started_us
                            : control->collateral_back_us;
    const struct ee_node *row = ee_core_node(ee_control_core(control), node);
    bool connected = row != NULL && row->connected;
    bool back = connected || (row != NULL && row->admitted_us >= since_us);
    return (now_us < since_us + grace_us && !back) ||
           (!connected && ee_control_collateral_ran_out(control, node));
}

static void step_track(struct ee_scheduler *s, struct ee_track *track, uint64_t now_us)
{
    struct ee_session *session = ee_session_of_node(s->control, track->node);
    struct ee_slots_view view = {
        .now_us = now_us, .connected = session != NULL, .excused = excused(s, track->node, now_us)};
    for (;;) {
        struct ee_slots_action action = ee_slots_step(&track->slots, &view);
        if (action.act == EE_SLOTS_NOTHING)
            return;
        if (action.act == EE_SLOTS_MISSED)
            on_missed(s, track, &action, now_us);
        else if (action.act == EE_SLOTS_TRY && action.kind == EE_CHECK_HEALTH)
            ee_checks_ask_health(s, session, now_us);
        else if (action.act == EE_SLOTS_TRY)
            ee_checks_ask_attestation(s, session, track, action.slot);
        session = ee_session_of_node(s->control, track->node); /* sending may have ended it */
        view.connected = session != NULL;
    }
}

/* ---- the record of checks ---- */

static void on_checks_answer(void *context, const struct ee_answer *answer)
{
    struct ee_scheduler *s = context;
    if (answer->err != EE_OK)
        EE_LOG(EE_LOG_WARN, "checks", "a record of checks was refused",
               ee_log_unsigned("seq", answer->seq), ee_log_err(answer->err));
    ee_scheduler_kick(s->control);
}

/* What was recorded before this track was made, by a control plane that died since. */
static void recorded_misses(const struct ee_core *core, enum ee_check_kind kind,
                            struct ee_checks *checks)
{
    bool health = kind == EE_CHECK_HEALTH;
    uint8_t *outcomes = health ? checks->health : checks->attestation;
    uint32_t count = health ? checks->health_count : checks->attestation_count;
    for (uint32_t i = 0; i < count; i++)
        if (ee_core_slot_missed(core, checks->lease, checks->period, kind, i))
            outcomes[i] = EE_CHECK_MISSED;
}

static enum ee_err submit_checks(struct ee_scheduler *s, const struct ee_track *track)
{
    struct ee_checks checks;
    uint8_t memory[2048];
    struct ee_writer writer;
    const struct ee_period *period =
        ee_core_period(ee_control_core(s->control), track->lease, track->period);
    if (period == NULL)
        return EE_LEASE_UNKNOWN;
    ee_slots_checks(&track->slots, s->control->crypto, period->ends_us, &checks);
    memcpy(checks.lease, track->lease, EE_ID_SIZE);
    checks.period = track->period;
    recorded_misses(ee_control_core(s->control), EE_CHECK_HEALTH, &checks);
    recorded_misses(ee_control_core(s->control), EE_CHECK_ATTESTATION, &checks);
    ee_writer_init(&writer, memory, sizeof memory);
    EE_TRY(ee_checks_encode(&checks, &writer));
    return ee_control_submit(s->control, EE_COMMAND_CHECKS, ee_writer_done(&writer),
                             on_checks_answer, s);
}

/* True when the track is done with. */
static bool finish_track(struct ee_scheduler *s, struct ee_track *track, uint64_t now_us)
{
    if (!track->over || now_us < track->retry_us ||
        ee_mass_pending(&s->mass, track->lease, track->period))
        return false;
    enum ee_err err = submit_checks(s, track);
    if (err == EE_OK)
        return true;
    track->retry_us = now_us + RETRY_US;
    bool again = err == EE_FULL || err == EE_CLOCK || err == EE_NO_MEMORY;
    EE_LOG(EE_LOG_WARN, "checks", "a record of checks was not taken",
           ee_log_hex("lease", track->lease, EE_ID_SIZE), ee_log_bool("again", again),
           ee_log_err(err));
    return !again;
}

void ee_scheduler_period_over(struct ee_control *control, const uint8_t id[EE_ID_SIZE],
                              uint32_t index)
{
    struct ee_scheduler *s = control->scheduler;
    const struct ee_core *core = ee_control_core(control);
    struct ee_track *track = ee_scheduler_track(s, id, index);
    if (track == NULL) { /* nothing of it was watched: all VOID */
        const struct ee_lease *lease = ee_core_lease(core, id);
        const struct ee_period *period = ee_core_period(core, id, index);
        if (lease != NULL && period != NULL && period->starts_us != 0)
            track = track_new(s, lease, period);
    }
    if (track != NULL)
        track->over = true;
    ee_scheduler_kick(control);
}

/* ---- conclusions ---- */

static bool conclusive(struct ee_scheduler *s, const uint8_t lease[EE_ID_SIZE], uint64_t now_us)
{
    for (struct ee_track *t = s->tracks; t != NULL; t = t->next) {
        if (t->over || memcmp(t->lease, lease, EE_ID_SIZE) != 0)
            continue;
        if (ee_session_of_node(s->control, t->node) == NULL)
            continue; /* nobody is there to ask */
        if (!ee_slots_conclusive(&t->slots, now_us))
            return false;
    }
    return true;
}

static void settle_conclusions(struct ee_scheduler *s, uint64_t now_us)
{
    struct ee_conclusion **at = &s->conclusions;
    while (*at != NULL) {
        struct ee_conclusion *c = *at;
        if (c->fn != NULL && !conclusive(s, c->lease, now_us)) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        if (c->fn != NULL)
            c->fn(c->context);
        free(c);
        at = &s->conclusions; /* the callback may have added one */
    }
}

enum ee_err ee_scheduler_conclude(struct ee_control *control, const uint8_t lease[EE_ID_SIZE],
                                  ee_loop_fn fn, void *context)
{
    struct ee_scheduler *s = control->scheduler;
    uint64_t now_us = ee_control_now_us(control);
    ee_scheduler_lease_runs(control, lease);
    struct ee_conclusion *c = calloc(1, sizeof *c);
    if (c == NULL)
        return EE_NO_MEMORY;
    memcpy(c->lease, lease, EE_ID_SIZE);
    c->fn = fn;
    c->context = context;
    c->next = s->conclusions;
    s->conclusions = c;
    for (struct ee_track *t = s->tracks; t != NULL; t = t->next)
        if (!t->over && memcmp(t->lease, lease, EE_ID_SIZE) == 0)
            ee_slots_hurry(&t->slots, now_us);
    ee_scheduler_kick(control);
    return EE_OK;
}

void ee_scheduler_forget(struct ee_control *control, const void *context)
{
    for (struct ee_conclusion *c = control->scheduler->conclusions; c != NULL; c = c->next)
        if (c->context == context)
            c->fn = NULL;
}

/* ---- the loop ---- */

static void submit_tick(struct ee_scheduler *s, uint64_t now_us)
{
    const struct ee_core *core = ee_control_core(s->control);
    if (ee_core_next_due_us(core) > now_us || now_us < s->tick_retry_us)
        return;
    enum ee_err err = ee_control_submit(s->control, EE_COMMAND_TICK, ee_bytes_str(""), NULL, NULL);
    if (err != EE_OK || ee_core_next_due_us(core) <= now_us)
        s->tick_retry_us = now_us + RETRY_US / 10;
}

/* The core thinks a node is connected, but it has no session: its loss could not be recorded. */
static void report_absent(struct ee_scheduler *s, uint64_t now_us)
{
    struct ee_control *control = s->control;
    const struct ee_core *core = ee_control_core(control);
    const struct ee_node *node;
    if (now_us < s->absent_us)
        return;
    s->absent_us = UINT64_MAX;
    for (size_t i = 0; (node = ee_core_node_at(core, i)) != NULL; i++) {
        struct ee_node_lost lost = {.epoch = node->epoch};
        uint8_t memory[128];
        struct ee_writer writer;
        if (!node->connected || ee_session_exists(control, node->name))
            continue;
        memcpy(lost.node, node->name, sizeof lost.node);
        ee_writer_init(&writer, memory, sizeof memory);
        enum ee_err err = ee_node_lost_encode(&lost, &writer);
        if (err == EE_OK)
            err = ee_control_submit(control, EE_COMMAND_NODE_LOST, ee_writer_done(&writer), NULL,
                                    NULL);
        if (err != EE_OK)
            s->absent_us = now_us + RETRY_US;
    }
}

/* Watches what runs and is not watched yet. */
static void follow_running(struct ee_scheduler *s, uint64_t now_us)
{
    const struct ee_core *core = ee_control_core(s->control);
    struct ee_live *live = &s->control->live;
    const struct ee_lease *lease;
    ee_live_grow(live, core);
    for (size_t i = 0; (lease = ee_live_at(live, core, i)) != NULL; i++) {
        if (lease->state != EE_LEASE_RUNNING)
            continue;
        const struct ee_period *period = present_period(core, lease, now_us);
        if (period != NULL && ee_scheduler_track(s, lease->id, period->index) == NULL)
            track_new(s, lease, period);
    }
}

static uint64_t earliest(const struct ee_scheduler *s, uint64_t now_us)
{
    const struct ee_core *core = ee_control_core(s->control);
    uint64_t next = now_us + IDLE_US;
    uint64_t due = ee_core_next_due_us(core);
    if (due < s->tick_retry_us)
        due = s->tick_retry_us;
    if (due < next)
        next = due;
    for (const struct ee_track *t = s->tracks; t != NULL; t = t->next) {
        uint64_t at = ee_slots_next_us(&t->slots);
        if (t->over) /* what is not finished yet waits for a retry or for held misses */
            at = t->retry_us > now_us ? t->retry_us : UINT64_MAX;
        if (at < next)
            next = at;
    }
    uint64_t mass = ee_mass_next_us(&s->mass, s->control->params);
    if (s->absent_us < next)
        next = s->absent_us;
    return mass < next ? mass : next;
}

static void note_clock(struct ee_scheduler *s, uint64_t now_us)
{
    bool jumped = ee_sequencer_clock_jumped(s->control->sequencer);
    if (jumped != s->clock_jumped)
        for (struct ee_track *t = s->tracks; t != NULL; t = t->next)
            ee_slots_void_open(&t->slots, now_us);
    s->clock_jumped = jumped;
}

static void look(void *context)
{
    struct ee_scheduler *s = context;
    uint64_t now_us = ee_control_now_us(s->control);
    struct ee_track *next;
    if (s->control->fatal || s->control->stopping || s->control->anchoring ||
        s->control->rolled_back)
        return;
    note_clock(s, now_us);
    submit_tick(s, now_us);
    ee_live_sweep(&s->control->live, ee_control_core(s->control));
    follow_running(s, now_us);
    for (struct ee_track *t = s->tracks; t != NULL; t = t->next)
        if (!t->over)
            step_track(s, t, now_us);
    settle_misses(s, now_us);
    settle_conclusions(s, now_us);
    for (struct ee_track *t = s->tracks; t != NULL; t = next) {
        next = t->next;
        if (finish_track(s, t, now_us))
            track_drop(s, t);
    }
    report_absent(s, now_us);
    uint64_t at = earliest(s, now_us);
    ee_timer_start(s->timer, at > now_us ? (at - now_us + 999) / 1000 : 1, 0);
}

void ee_scheduler_kick(struct ee_control *control)
{
    if (control->scheduler != NULL)
        ee_loop_defer(control->loop, &control->scheduler->deferred);
}

/* Nothing of it is asked for again, so the miss is recorded at once, also in a slot that was OK. A
 * period in which we were down ourselves does not fail: who knows what was lost when. */
void ee_scheduler_lease_lost(struct ee_control *control, const uint8_t lease[EE_ID_SIZE])
{
    uint64_t now_us = ee_control_now_us(control);
    uint64_t slot_us = (uint64_t)control->params->slot_ms * 1000;
    const struct ee_core *core = ee_control_core(control);
    const struct ee_lease *row = ee_core_lease(core, lease);
    const struct ee_period *period = row != NULL ? present_period(core, row, now_us) : NULL;
    if (period == NULL || period->starts_us < control->started_us)
        return;
    struct ee_miss miss = {.period = period->index,
                           .kind = EE_CHECK_HEALTH,
                           .slot = (uint32_t)((now_us - period->starts_us) / slot_us),
                           .why = EE_LEASE_UNKNOWN,
                           .at_us = now_us};
    memcpy(miss.lease, lease, EE_ID_SIZE);
    memcpy(miss.node, row->node, sizeof miss.node);
    submit_missed(control->scheduler, &miss);
}

void ee_scheduler_look_for_absent(struct ee_control *control)
{
    if (control->scheduler == NULL)
        return;
    control->scheduler->absent_us = 0;
    ee_scheduler_kick(control);
}

void ee_scheduler_lease_runs(struct ee_control *control, const uint8_t lease[EE_ID_SIZE])
{
    (void)lease;
    follow_running(control->scheduler, ee_control_now_us(control));
    ee_scheduler_kick(control);
}

void ee_scheduler_agent_back(struct ee_control *control, const char *node)
{
    struct ee_scheduler *s = control->scheduler;
    uint64_t now_us = ee_control_now_us(control);
    for (struct ee_track *t = s->tracks; t != NULL; t = t->next)
        if (!t->over && strcmp(t->node, node) == 0)
            ee_slots_retry(&t->slots, now_us);
    ee_scheduler_kick(control);
}

void ee_scheduler_resume(struct ee_control *control)
{
    const struct ee_core *core = ee_control_core(control);
    const struct ee_period *period;
    for (size_t i = 0; (period = ee_core_period_at(core, i)) != NULL; i++)
        if (period->state == EE_LOCK_DUE && period->settle_seq == 0)
            ee_scheduler_period_over(control, period->lease, period->index);
    ee_scheduler_kick(control);
}

enum ee_err ee_scheduler_new(struct ee_control *control, struct ee_scheduler **out)
{
    struct ee_scheduler *s = calloc(1, sizeof *s);
    if (s == NULL)
        return EE_NO_MEMORY;
    s->control = control;
    s->deferred = (struct ee_deferred){.fn = look, .context = s};
    s->absent_us = control->started_us + (uint64_t)control->params->reconnect_grace_ms * 1000;
    enum ee_err err = ee_timer_new(control->loop, look, s, &s->timer);
    if (err != EE_OK) {
        free(s);
        return err;
    }
    *out = s;
    return EE_OK;
}

void ee_scheduler_free(struct ee_scheduler *s)
{
    if (s == NULL)
        return;
    while (s->tracks != NULL)
        track_drop(s, s->tracks);
    while (s->conclusions != NULL) {
        struct ee_conclusion *c = s->conclusions;
        s->conclusions = c->next;
        free(c);
    }
    ee_loop_defer_cancel(&s->deferred);
    ee_timer_free(s->timer);
    ee_mass_close(&s->mass);
    free(s);
}
