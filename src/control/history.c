/* SPDX-License-Identifier: Apache-2.0 */
#include "control/history.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

struct finder {
    uint64_t seq;
    struct ee_history *history;
    bool found;
};

static enum ee_err keep(struct ee_history *history, struct ee_bytes command, struct ee_bytes result)
{
    history->memory = malloc(command.size + result.size);
    if (history->memory == NULL)
        return EE_NO_MEMORY;
    memcpy(history->memory, command.data, command.size);
    memcpy(history->memory + command.size, result.data, result.size);
    history->command_size = command.size;
    EE_TRY(ee_command_decode(ee_bytes_of(history->memory, command.size), &history->command));
    return ee_result_decode(ee_bytes_of(history->memory + command.size, result.size),
                            &history->result);
}

static enum ee_err on_batch(void *context, const struct ee_journal_batch *batch)
{
    struct finder *finder = context;
    struct ee_cursor body;
    struct ee_bytes command, result, pair;
    uint64_t seq = batch->first_seq;
    ee_cursor_init(&body, batch->body);
    while (ee_journal_body_next(&body, &command, &result, &pair)) {
        if (seq++ != finder->seq)
            continue;
        finder->found = true;
        return keep(finder->history, command, result);
    }
    return body.err;
}

enum ee_err ee_history_read(const struct ee_sequencer *sequencer, uint64_t seq,
                            struct ee_history **out)
{
    struct ee_journal *journal = ee_sequencer_journal(sequencer);
    struct ee_journal_fault fault;
    uint64_t batch;
    if (seq == 0 || seq > ee_sequencer_durable_seq(sequencer))
        return EE_NOT_FOUND;
    EE_TRY(ee_journal_find(journal, seq, &batch));
    struct finder finder = {.seq = seq, .history = calloc(1, sizeof *finder.history)};
    if (finder.history == NULL)
        return EE_NO_MEMORY;
    enum ee_err err = ee_journal_read(journal, batch, batch, on_batch, &finder, &fault);
    if (err == EE_OK && !finder.found)
        err = EE_NOT_FOUND;
    if (err != EE_OK) {
        ee_history_free(finder.history);
        return err;
    }
    *out = finder.history;
    return EE_OK;
}

void ee_history_free(struct ee_history *history)
{
    if (history != NULL)
        free(history->memory);
    free(history);
}
