/* SPDX-License-Identifier: Apache-2.0 */
#include "control/sequencer.h"

#include <assert.h>
#include <string.h>

#include "control/sequencer_state.h"
#include "io/log.h"

#include "base/banned.h"

/* ---- taking commands ---- */

/* Everything a command may need, so that after apply nothing can fail. */
static enum ee_err room_reserve(struct ee_sequencer *sequencer, size_t payload_size)
{
    EE_TRY(ee_sequencer_batch_reserve(sequencer->collecting, sequencer->allocator, payload_size));
    EE_TRY(ee_sequencer_queue_reserve(&sequencer->queue));
    return ee_tlog_reserve(&sequencer->state.tlog, 1);
}

static void random_take(struct ee_sequencer *sequencer, uint8_t out[32])
{
    const struct ee_clock_source *source = &sequencer->clock.source;
    if (sequencer->random_left == 0) {
        source->random(source->context, sequencer->random, sizeof(sequencer->random));
        sequencer->random_left = RANDOM_AHEAD;
    }
    memcpy(out, sequencer->random[--sequencer->random_left], 32);
}

/* Puts an applied command into the batch and the tree; room was made before. */
static void record(struct ee_sequencer *sequencer, uint64_t seq, const struct ee_result *result)
{
    struct ee_tlog_hash leaf;
    ee_sequencer_batch_commit(sequencer->collecting, sequencer->crypto, seq, result, &leaf);
    enum ee_err err = ee_tlog_append(&sequencer->state.tlog, &leaf);
    assert(err == EE_OK);
    (void)err;
}

/* The batch whose durability means that of everything applied so far. */
static uint64_t newest_batch(const struct ee_sequencer *sequencer)
{
    if (sequencer->collecting->count > 0)
        return sequencer->collecting->number;
    return sequencer->writing != NULL ? sequencer->writing->number : sequencer->durable_batch;
}

static void deliver_later(struct ee_sequencer *sequencer)
{
    if (ee_sequencer_queue_ready(&sequencer->queue, sequencer->durable_batch))
        ee_loop_defer(sequencer->loop, &sequencer->deliver_soon);
}

static enum ee_err repeat_wait(struct ee_sequencer *sequencer, const struct ee_result *result,
                               ee_answer_fn fn, void *context)
{
    struct ee_sequencer_waiter waiter = {
        .batch = newest_batch(sequencer),
        .answer = fn,
        .context = context,
        .err = result->err,
        .repeated = true,
        .seq = result->seq,
        .body_size = result->body_size,
    };
    if (sequencer->repeats_waiting >= EE_SEQUENCER_COMMANDS_MAX)
        return EE_FULL;
    waiter.copy = ee_alloc(sequencer->allocator, result->body_size + 1, 1);
    if (waiter.copy == NULL)
        return EE_NO_MEMORY;
    memcpy(waiter.copy, result->body, result->body_size);
    ee_sequencer_queue_push(&sequencer->queue, &waiter);
    sequencer->repeats_waiting++;
    sequencer->counts.repeats++;
    deliver_later(sequencer);
    return EE_OK;
}

static void answer_wait(struct ee_sequencer *sequencer, const struct ee_result *result,
                        uint64_t seq, ee_answer_fn fn, void *context)
{
    const struct ee_sequencer_batch *batch = sequencer->collecting;
    struct ee_sequencer_waiter waiter = {
        .batch = batch->number,
        .answer = fn,
        .context = context,
        .err = result->err,
        .seq = seq,
        .body_offset = batch->size - result->body_size, /* a result ends with its body */
        .body_size = result->body_size,
        .effects_first = batch->effects_count - result->effect_count,
        .effects_count = result->effect_count,
    };
    ee_sequencer_queue_push(&sequencer->queue, &waiter);
    sequencer->counts.commands++;
}

/* Stamps, applies and records one command; sequencer->state.result is its result. */
static enum ee_err command_take(struct ee_sequencer *sequencer,
                                const struct ee_command_request *request, ee_answer_fn fn,
                                void *context)
{
    struct ee_result *result = &sequencer->state.result;
    struct ee_command command = {
        .core_version = EE_CORE_VERSION,
        .seq = ee_core_seq(sequencer->state.core) + 1,
        .time_us = ee_sequencer_clock_read(&sequencer->clock),
        .actor_kind = request->actor_kind,
        .kind = request->kind,
        .payload = request->payload,
    };
    size_t actor_size = strlen(request->actor);
    if (actor_size > EE_NAME_MAX)
        return EE_NAME;
    if (request->kind == EE_COMMAND_CHECKS && sequencer->clock.jumped)
        return EE_CLOCK;
    memcpy(command.actor, request->actor, actor_size + 1);
    if (request->id != NULL)
        memcpy(command.id, request->id, sizeof(command.id));
    random_take(sequencer, command.random);
    if (request->id != NULL) {
        enum ee_err err = ee_old_ids_answer(sequencer->old_ids, sequencer->state.core,
                                            sequencer->journal, &command, result);
        if (err != EE_NOT_FOUND)
            return err == EE_OK ? repeat_wait(sequencer, result, fn, context) : err;
    }
    EE_TRY(ee_sequencer_batch_stage(sequencer->collecting, &command));
    EE_TRY(ee_core_apply(sequencer->state.core, &command, result));
    if (result->repeated)
        return repeat_wait(sequencer, result, fn, context);
    ee_sequencer_clock_stamp(&sequencer->clock, command.time_us);
    record(sequencer, command.seq, result);
    answer_wait(sequencer, result, command.seq, fn, context);
    return EE_OK;
}

/* ---- writing ---- */

static enum ee_err batch_sign(void *context, struct ee_journal_job *job)
{
    struct ee_sequencer *sequencer = context;
    const struct ee_sequencer_batch *batch =
        sequencer->writing; /* set before the job was handed over */
    return ee_tlog_checkpoint_sign(sequencer->crypto, &batch->head, batch->seed, (char *)job->note,
                                   sizeof(job->note), &job->note_size);
}

/* The collecting batch becomes the one to be written, the free one collects. */
static void batch_turn(struct ee_sequencer *sequencer)
{
    struct ee_sequencer_batch *batch = sequencer->collecting;
    size_t index = (size_t)(batch - sequencer->batches);
    batch->head.size = sequencer->state.tlog.size;
    memcpy(batch->head.network_id, ee_core_network_id(sequencer->state.core), 32);
    enum ee_err err =
        ee_tlog_root(&sequencer->state.tlog, sequencer->state.tlog.size, &batch->head.root);
    assert(err == EE_OK);
    (void)err;
    batch->job.epoch = ee_core_epoch(sequencer->state.core);
    batch->job.count = batch->count;
    batch->job.body = ee_bytes_of(batch->body, batch->size);
    memcpy(batch->seed, sequencer->seed, sizeof(batch->seed));
    memcpy(batch->seed_key, sequencer->seed_key, sizeof(batch->seed_key));
    sequencer->writing = batch;
    sequencer->collecting = &sequencer->batches[(index + 1) % BATCHES];
    ee_sequencer_batch_clear(sequencer->collecting, batch->number + 1);
    ee_snapshots_batch(sequencer->snapshots, sequencer->state.core, &sequencer->state.tlog);
}

static void lose(struct ee_sequencer *sequencer, enum ee_err err, const char *what);

/* What breaks an invariant is not written and not answered. */
static bool invariants_hold(struct ee_sequencer *sequencer)
{
    const char *rule = "";
    bool holds = ee_sequencer_sample_holds(&sequencer->sample, sequencer->state.core, &rule);
    sequencer->counts.invariants += holds;
    if (!holds)
        lose(sequencer, EE_INVARIANT, rule);
    return holds;
}

static void batch_write(void *context)
{
    struct ee_sequencer *sequencer = context;
    if (sequencer->lost || sequencer->writing != NULL || sequencer->collecting->count == 0 ||
        !invariants_hold(sequencer))
        return;
    batch_turn(sequencer);
    ee_journal_writer_start(sequencer->writer, &sequencer->writing->job);
}

/* ---- delivering ---- */

static const struct ee_sequencer_batch *batch_of(const struct ee_sequencer *sequencer,
                                                 uint64_t number)
{
    for (size_t i = 0; i < BATCHES; i++)
        if (sequencer->batches[i].number == number)
            return &sequencer->batches[i];
    return NULL;
}

static void waiter_call(struct ee_sequencer *sequencer, const struct ee_sequencer_waiter *waiter)
{
    const struct ee_sequencer_batch *batch = batch_of(sequencer, waiter->batch);
    struct ee_answer answer = {
        .err = waiter->err,
        .repeated = waiter->repeated,
        .seq = waiter->seq,
        .checkpoint = ee_sequencer_checkpoint(sequencer),
    };
    assert(batch != NULL || waiter->copy != NULL ||
           (waiter->answer == NULL && waiter->effects_count == 0));
    if (waiter->effects_count > 0 && sequencer->events.effects != NULL)
        sequencer->events.effects(sequencer->events.context, waiter->seq,
                                  batch->effects + waiter->effects_first, waiter->effects_count);
    if (waiter->durable != NULL)
        waiter->durable(waiter->context);
    if (waiter->answer == NULL)
        return;
    answer.body = waiter->copy != NULL
                      ? ee_bytes_of(waiter->copy, waiter->body_size)
                      : ee_bytes_of(batch->body + waiter->body_offset, waiter->body_size);
    waiter->answer(waiter->context, &answer);
}

/* Those who wait now; who comes during the calls waits for the next turn of the loop. */
static void deliver(void *context)
{
    struct ee_sequencer *sequencer = context;
    struct ee_sequencer_waiter waiter;
    for (size_t left = sequencer->queue.count; left > 0 && !sequencer->lost; left--) {
        if (!ee_sequencer_queue_pop(&sequencer->queue, sequencer->durable_batch, &waiter))
            break;
        sequencer->repeats_waiting -= waiter.copy != NULL;
        waiter_call(sequencer, &waiter);
        ee_free(sequencer->allocator, waiter.copy);
    }
    deliver_later(sequencer);
}

static void lose(struct ee_sequencer *sequencer, enum ee_err err, const char *what)
{
    EE_LOG(EE_LOG_ERROR, "sequencer", what, ee_log_err(err),
           ee_log_unsigned("durable_seq", sequencer->durable_seq),
           ee_log_unsigned("applied_seq", ee_core_seq(sequencer->state.core)));
    sequencer->lost = true;
    ee_loop_defer_cancel(&sequencer->write_soon);
    ee_loop_defer_cancel(&sequencer->deliver_soon);
    if (sequencer->events.fatal != NULL)
        sequencer->events.fatal(sequencer->events.context, err, what);
}

static void batch_durable(struct ee_sequencer *sequencer)
{
    const struct ee_sequencer_batch *batch = sequencer->writing;
    sequencer->writing = NULL;
    sequencer->durable_batch = batch->number;
    sequencer->durable_seq = batch->last_seq;
    memcpy(sequencer->public_key, batch->seed_key, sizeof(sequencer->public_key));
    memcpy(sequencer->state.note, batch->job.note, batch->job.note_size);
    sequencer->state.note_size = batch->job.note_size;
    ee_snapshots_durable(sequencer->snapshots, sequencer->journal);
    ee_old_ids_durable(sequencer->old_ids, sequencer->state.core, sequencer->journal,
                       sequencer->durable_seq);
    sequencer->counts.batches++;
    if (batch->count > sequencer->counts.largest_batch)
        sequencer->counts.largest_batch = batch->count;
    if (sequencer->events.durable != NULL)
        sequencer->events.durable(sequencer->events.context, batch->last_seq);
}

static void batch_done(void *context, struct ee_journal_job *job)
{
    struct ee_sequencer *sequencer = context;
    if (job->err != EE_OK) {
        lose(
            sequencer, EE_JOURNAL,
            "a batch could not be made durable: the process must stop; nothing of it was answered");
        return;
    }
    batch_durable(sequencer);
    batch_write(sequencer);
    deliver(sequencer);
}

/* ---- starting ---- */

/* The journal must begin with this genesis, and belong to its network. */
static enum ee_err genesis_check(const struct ee_sequencer_options *options)
{
    uint8_t network_id[32];
    ee_genesis_network_id(options->crypto, options->genesis, network_id);
    return memcmp(network_id, ee_journal_network_id(options->journal), 32) == 0 ? EE_OK
                                                                                : EE_WRONG_NETWORK;
}

static enum ee_err system_take(struct ee_sequencer *sequencer, enum ee_command_kind kind,
                               struct ee_bytes payload)
{
    struct ee_command_request request = {
        .actor_kind = EE_ACTOR_SYSTEM, .actor = "", .kind = kind, .payload = payload};
    EE_TRY(room_reserve(sequencer, payload.size));
    EE_TRY(command_take(sequencer, &request, NULL, NULL));
    return sequencer->state.result.err;
}

static enum ee_err boot_take(struct ee_sequencer *sequencer, bool anchored)
{
    uint8_t payload[128];
    struct ee_writer w;
    struct ee_boot boot = {
        .epoch = ee_core_epoch(sequencer->state.core) + 1,
        .anchored = anchored,
    };
    ee_core_state_hash(sequencer->state.core, boot.state_hash);
    ee_writer_init(&w, payload, sizeof(payload));
    EE_TRY(ee_boot_encode(&boot, &w));
    return system_take(sequencer, EE_COMMAND_BOOT, ee_writer_done(&w));
}

static void clock_start(struct ee_sequencer *sequencer, struct ee_clock_source source,
                        struct ee_bytes genesis_bytes)
{
    const struct ee_params *params = NULL;
    struct ee_genesis genesis;
    if (source.wall_us == NULL)
        source = ee_clock_source_system();
    if (ee_genesis_decode(genesis_bytes, &genesis) == EE_OK)
        params = ee_params_of(genesis.profile);
    ee_sequencer_clock_init(&sequencer->clock, source, params == NULL ? 0 : params->clock_jump_s,
                            ee_core_time_us(sequencer->state.core));
}

/* Written here, while no batch is with the writer thread. */
static enum ee_err first_batch_write(struct ee_sequencer *sequencer)
{
    batch_turn(sequencer);
    struct ee_journal_job *job = &sequencer->writing->job;
    EE_TRY(batch_sign(sequencer, job));
    EE_TRY(ee_journal_append(sequencer->journal, job->epoch, job->count, job->body,
                             ee_bytes_of(job->note, job->note_size)));
    batch_durable(sequencer);
    deliver_later(sequencer);
    return EE_OK;
}

/* GENESIS into an empty journal, then BOOT, unless the caller has questions first. */
static enum ee_err first_batch(struct ee_sequencer *sequencer,
                               const struct ee_sequencer_options *options)
{
    bool empty = ee_core_seq(sequencer->state.core) == 0;
    clock_start(sequencer, options->clock, options->genesis);
    if (!empty && options->wait_for_boot) {
        sequencer->durable_seq = ee_core_seq(sequencer->state.core);
        sequencer->refusing = EE_ANCHOR;
        return EE_OK;
    }
    if (empty)
        EE_TRY(system_take(sequencer, EE_COMMAND_GENESIS, options->genesis));
    EE_TRY(boot_take(sequencer, options->anchored));
    return first_batch_write(sequencer);
}

bool ee_sequencer_waits_for_boot(const struct ee_sequencer *sequencer)
{
    return sequencer->refusing == EE_ANCHOR;
}

enum ee_err ee_sequencer_boot(struct ee_sequencer *sequencer, bool anchored)
{
    return ee_sequencer_open(sequencer, NULL, 0, anchored);
}

enum ee_err ee_sequencer_open(struct ee_sequencer *sequencer,
                              const struct ee_sequencer_opening *openings, size_t count,
                              bool anchored)
{
    bool recovers = count > 0 && openings[0].kind == EE_COMMAND_RECOVERY;
    if (sequencer->refusing != EE_ANCHOR && !(recovers && sequencer->refusing == EE_ROLLED_BACK))
        return EE_STATE;
    if (sequencer->writing != NULL || sequencer->collecting->count > 0)
        return EE_FULL;
    for (size_t i = 0; i < count; i++)
        EE_TRY(system_take(sequencer, openings[i].kind, openings[i].payload));
    EE_TRY(boot_take(sequencer, anchored));
    EE_TRY(first_batch_write(sequencer));
    sequencer->refusing = EE_OK;
    return EE_OK;
}

enum ee_err ee_sequencer_key_set(struct ee_sequencer *sequencer,
                                 const uint8_t seed[EE_ED25519_KEY_SIZE])
{
    if (!sequencer->crypto->ed25519_public(seed, sequencer->seed_key))
        return EE_CRYPTO;
    memcpy(sequencer->seed, seed, sizeof(sequencer->seed));
    return EE_OK;
}

void ee_sequencer_refuse(struct ee_sequencer *sequencer, enum ee_err err)
{
    sequencer->refusing = err;
}

static enum ee_err sequencer_open(struct ee_sequencer *sequencer,
                                  const struct ee_sequencer_options *options)
{
    struct ee_journal_writer_events events = {sequencer, batch_sign, batch_done};
    EE_TRY(genesis_check(options));
    EE_TRY(ee_sequencer_key_set(sequencer, options->checkpoint_seed));
    memcpy(sequencer->public_key, sequencer->seed_key, sizeof(sequencer->public_key));
    EE_TRY(ee_replay_init(&sequencer->state, options->allocator, options->crypto, options->limits));
    EE_TRY(ee_snapshots_replay(options->snapshots, &sequencer->state, options->journal));
    EE_TRY(ee_old_ids_start(options->old_ids, sequencer->state.core, options->journal));
    EE_TRY(first_batch(sequencer, options));
    return ee_journal_writer_new(options->loop, options->journal, &events, &sequencer->writer);
}

enum ee_err ee_sequencer_start(const struct ee_sequencer_options *options,
                               struct ee_sequencer **out, struct ee_journal_fault *fault_out)
{
    struct ee_sequencer *sequencer = ee_alloc(options->allocator, 1, sizeof(*sequencer));
    if (sequencer == NULL)
        return EE_NO_MEMORY;
    sequencer->allocator = options->allocator;
    sequencer->crypto = options->crypto;
    sequencer->loop = options->loop;
    sequencer->journal = options->journal;
    sequencer->events = options->events;
    sequencer->snapshots = options->snapshots;
    sequencer->old_ids = options->old_ids;
    sequencer->write_soon = (struct ee_deferred){.fn = batch_write, .context = sequencer};
    sequencer->deliver_soon = (struct ee_deferred){.fn = deliver, .context = sequencer};
    sequencer->collecting = &sequencer->batches[0];
    ee_sequencer_batch_clear(sequencer->collecting, 1);
    ee_sequencer_queue_init(&sequencer->queue, options->allocator);
    enum ee_err err = sequencer_open(sequencer, options);
    if (err != EE_OK) {
        if (fault_out != NULL)
            *fault_out = sequencer->state.fault;
        ee_sequencer_free(sequencer);
        return err;
    }
    *out = sequencer;
    return EE_OK;
}

void ee_sequencer_retire(struct ee_sequencer *sequencer)
{
    sequencer->refusing = EE_CLOSED;
    ee_journal_writer_free(sequencer->writer);
    if (sequencer->writer != NULL && !sequencer->lost)
        ee_snapshots_stop(sequencer->snapshots, sequencer->state.core, &sequencer->state.tlog,
                          sequencer->journal);
    sequencer->writer = NULL;
    sequencer->journal = NULL;
    ee_loop_defer_cancel(&sequencer->write_soon);
    ee_loop_defer_cancel(&sequencer->deliver_soon);
}

void ee_sequencer_free(struct ee_sequencer *sequencer)
{
    if (sequencer == NULL)
        return;
    ee_sequencer_retire(sequencer);
    ee_sequencer_queue_close(&sequencer->queue);
    for (size_t i = 0; i < BATCHES; i++)
        ee_sequencer_batch_free(&sequencer->batches[i], sequencer->allocator);
    ee_replay_close(&sequencer->state);
    for (size_t i = 0; i < BATCHES; i++)
        ee_wipe(sequencer->batches[i].seed, sizeof(sequencer->batches[i].seed));
    ee_wipe(sequencer->seed, sizeof(sequencer->seed));
    ee_free(sequencer->allocator, sequencer);
}

/* ---- using ---- */

enum ee_err ee_sequencer_submit(struct ee_sequencer *sequencer,
                                const struct ee_command_request *request, ee_answer_fn fn,
                                void *context)
{
    if (sequencer->lost)
        return EE_JOURNAL;
    if (sequencer->refusing != EE_OK)
        return sequencer->refusing;
    if (request->payload.size > EE_COMMAND_PAYLOAD_MAX)
        return EE_TOO_LARGE;
    enum ee_err err = room_reserve(sequencer, request->payload.size);
    if (err == EE_OK)
        err = command_take(sequencer, request, fn, context);
    sequencer->counts.refused_full += err == EE_FULL;
    EE_TRY(err);
    if (sequencer->writing == NULL && sequencer->collecting->count > 0)
        ee_loop_defer(sequencer->loop, &sequencer->write_soon);
    return EE_OK;
}

enum ee_err ee_sequencer_after_durable(struct ee_sequencer *sequencer, ee_loop_fn fn, void *context)
{
    struct ee_sequencer_waiter waiter = {.durable = fn, .context = context};
    if (sequencer->lost)
        return EE_JOURNAL;
    EE_TRY(ee_sequencer_queue_reserve(&sequencer->queue));
    waiter.batch = newest_batch(sequencer);
    ee_sequencer_queue_push(&sequencer->queue, &waiter);
    deliver_later(sequencer);
    return EE_OK;
}

void ee_sequencer_forget(struct ee_sequencer *sequencer, const void *context)
{
    ee_sequencer_queue_forget(&sequencer->queue, context);
}

const struct ee_core *ee_sequencer_core(const struct ee_sequencer *sequencer)
{
    return sequencer->state.core;
}

const struct ee_tlog *ee_sequencer_tlog(const struct ee_sequencer *sequencer)
{
    return &sequencer->state.tlog;
}

struct ee_journal *ee_sequencer_journal(const struct ee_sequencer *sequencer)
{
    return sequencer->journal;
}

uint64_t ee_sequencer_durable_seq(const struct ee_sequencer *sequencer)
{
    return sequencer->durable_seq;
}

struct ee_bytes ee_sequencer_checkpoint(const struct ee_sequencer *sequencer)
{
    return ee_bytes_of(sequencer->state.note, sequencer->state.note_size);
}

const uint8_t *ee_sequencer_checkpoint_key(const struct ee_sequencer *sequencer)
{
    return sequencer->public_key;
}

uint64_t ee_sequencer_time_us(struct ee_sequencer *sequencer)
{
    return ee_sequencer_clock_read(&sequencer->clock);
}

bool ee_sequencer_clock_jumped(struct ee_sequencer *sequencer)
{
    (void)ee_sequencer_clock_read(&sequencer->clock);
    return sequencer->clock.jumped;
}

void ee_sequencer_clock_confirm(struct ee_sequencer *sequencer)
{
    ee_sequencer_clock_accept(&sequencer->clock);
}

void ee_sequencer_counts(const struct ee_sequencer *sequencer, struct ee_sequencer_counts *out)
{
    *out = sequencer->counts;
}
