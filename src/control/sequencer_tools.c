/* SPDX-License-Identifier: Apache-2.0 */
#include "control/sequencer_tools.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "control/sequencer_replay.h"
#include "core/receipt.h"
#include "io/journal_sqlite.h"

#include "base/banned.h"

/* Of whatever network it belongs to: a tool has no configuration to compare with. */
static enum ee_err journal_open(const char *path, const struct ee_crypto *crypto,
                                const struct ee_journal_seal *seal, bool chain_only,
                                struct ee_journal **out)
{
    struct ee_journal_options options = {
        .crypto = crypto,
        .allocator = &ee_allocator_system,
        .allow_plain = true, /* a development network may have begun so */
        .seal = seal,
        .chain_only = chain_only,
    };
    struct ee_journal_store store;
    EE_TRY(ee_journal_sqlite_open(path, EE_JOURNAL_EXISTING, &store));
    enum ee_err err = ee_journal_store_network(&store, options.network_id);
    if (err != EE_OK) {
        store.close(store.context);
        return err;
    }
    return ee_journal_open(&options, store, out);
}

enum ee_err ee_journal_tool_open(const char *path, const struct ee_crypto *crypto,
                                 const struct ee_journal_seal *seal, struct ee_journal **out)
{
    return journal_open(path, crypto, seal, false, out);
}

/* ---- verify ---- */

static enum ee_err replay_report(struct ee_replay *replay, struct ee_journal *journal,
                                 struct ee_journal_report *report)
{
    struct ee_tlog_hash root;
    enum ee_err err = ee_replay_run(replay, journal);
    report->fault = replay->fault;
    report->batches = replay->batches;
    report->commands = replay->tlog.size;
    report->epoch = ee_core_epoch(replay->core);
    EE_TRY(err);
    EE_TRY(ee_tlog_root(&replay->tlog, replay->tlog.size, &root));
    ee_core_state_hash_afresh(replay->core, report->state_hash);
    memcpy(report->log_root, root.bytes, sizeof(report->log_root));
    return EE_OK;
}

enum ee_err ee_journal_verify(const char *path, const struct ee_crypto *crypto,
                              const struct ee_journal_seal *seal, bool afresh,
                              struct ee_journal_report *report)
{
    struct ee_journal *journal = NULL;
    *report = (struct ee_journal_report){0};
    EE_TRY(journal_open(path, crypto, seal, false, &journal));
    memcpy(report->network_id, ee_journal_network_id(journal), sizeof(report->network_id));
    struct ee_replay *replay = calloc(1, sizeof(*replay));
    enum ee_err err = EE_NO_MEMORY;
    if (replay == NULL)
        goto out;
    err = ee_replay_init(replay, &ee_allocator_system, crypto, NULL);
    replay->every_state = true;
    replay->afresh = afresh;
    if (err == EE_OK)
        err = replay_report(replay, journal, report);
    ee_replay_close(replay);
out:
    free(replay);
    ee_journal_close(journal);
    return err;
}

static enum ee_err batch_count(void *context, const struct ee_journal_batch *batch)
{
    struct ee_journal_report *report = context;
    report->batches = batch->batch;
    report->commands += batch->count;
    report->epoch = batch->epoch;
    return EE_OK;
}

enum ee_err ee_journal_verify_chain(const char *path, const struct ee_crypto *crypto,
                                    struct ee_journal_report *report)
{
    struct ee_journal *journal = NULL;
    *report = (struct ee_journal_report){.chain_only = true};
    EE_TRY(journal_open(path, crypto, NULL, true, &journal));
    memcpy(report->network_id, ee_journal_network_id(journal), sizeof(report->network_id));
    enum ee_err err = ee_journal_replay(journal, batch_count, report, &report->fault);
    ee_journal_close(journal);
    return err;
}

/* ---- export ---- */

struct exporting {
    uint64_t first_seq;
    ee_journal_line_fn fn;
    void *context;
    struct ee_result result; /* scratch */
    struct ee_journal_fault fault;
};

static const char *actor_kind_name(enum ee_actor_kind kind)
{
    switch (kind) {
    case EE_ACTOR_SYSTEM:
        return "system";
    case EE_ACTOR_ACCOUNT:
        return "account";
    case EE_ACTOR_ADMIN:
        return "admin";
    }
    return "unknown";
}

/* A JSON string of the base64 of `bytes`; NULL without memory. */
static json_t *base64_json(struct ee_bytes bytes)
{
    char *text = malloc(EE_BASE64_SIZE(bytes.size));
    if (text == NULL)
        return NULL;
    json_t *value = json_string(ee_base64_encode(bytes.data, bytes.size, text));
    free(text);
    return value;
}

static json_t *command_json(uint64_t batch, const struct ee_command *command,
                            const struct ee_result *result)
{
    char id[2 * EE_ID_SIZE + 1];
    char random[65];
    char seq[24];
    char time_us[24];
    struct ee_bytes body = ee_bytes_of(result->body, result->body_size);
    (void)snprintf(seq, sizeof(seq), "%llu", (unsigned long long)command->seq);
    (void)snprintf(time_us, sizeof(time_us), "%llu", (unsigned long long)command->time_us);
    ee_hex_encode(command->id, EE_ID_SIZE, id);
    ee_hex_encode(command->random, 32, random);
    return json_pack("{sI ss ss si ss ss ss ss ss so ss so}", "batch", (json_int_t)batch, "seq",
                     seq, "time_us", time_us, "core_version", (int)command->core_version, "kind",
                     ee_command_kind_name(command->kind), "actor_kind",
                     actor_kind_name(command->actor_kind), "actor", command->actor, "id", id,
                     "random", random, "payload", base64_json(command->payload), "result",
                     ee_err_name(result->err), "body", base64_json(body));
}

static enum ee_err line_write(struct exporting *exporting, json_t *object)
{
    if (object == NULL)
        return EE_NO_MEMORY;
    char *line = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    if (line == NULL)
        return EE_NO_MEMORY;
    size_t size = strlen(line);
    line[size] = '\n'; /* in place of the NUL */
    enum ee_err err = exporting->fn(exporting->context, ee_bytes_of(line, size + 1));
    free(line);
    return err;
}

static enum ee_err batch_export(void *context, const struct ee_journal_batch *batch)
{
    struct exporting *exporting = context;
    struct ee_cursor c;
    struct ee_bytes command_bytes;
    struct ee_bytes result_bytes;
    struct ee_command command;
    uint64_t seq = batch->first_seq;
    ee_cursor_init(&c, batch->body);
    for (; ee_journal_body_next(&c, &command_bytes, &result_bytes, NULL); seq++) {
        if (seq < exporting->first_seq)
            continue;
        exporting->fault = (struct ee_journal_fault){batch->batch, seq, "it is malformed"};
        EE_TRY(ee_command_decode(command_bytes, &command));
        EE_TRY(ee_result_decode(result_bytes, &exporting->result));
        exporting->fault.what = "the line could not be written";
        EE_TRY(line_write(exporting, command_json(batch->batch, &command, &exporting->result)));
    }
    exporting->fault = (struct ee_journal_fault){0};
    return EE_OK;
}

enum ee_err ee_journal_export(const char *path, const struct ee_crypto *crypto,
                              const struct ee_journal_seal *seal, uint64_t first_seq,
                              ee_journal_line_fn fn, void *context,
                              struct ee_journal_fault *fault_out)
{
    struct ee_journal *journal = NULL;
    struct ee_journal_fault fault = {0};
    EE_TRY(journal_open(path, crypto, seal, false, &journal));
    enum ee_err err = EE_NO_MEMORY;
    struct exporting *exporting = calloc(1, sizeof(*exporting));
    if (exporting != NULL) {
        exporting->first_seq = first_seq;
        exporting->fn = fn;
        exporting->context = context;
        err = ee_journal_replay(journal, batch_export, exporting, &fault);
        if (err != EE_OK && fault_out != NULL)
            *fault_out = exporting->fault.what != NULL ? exporting->fault : fault;
    }
    free(exporting);
    ee_journal_close(journal);
    return err;
}
