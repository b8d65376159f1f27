/* SPDX-License-Identifier: Apache-2.0 */
#include "control/receipt_changes.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

enum { LIST_MAX = 4 * EE_RECEIPT_CHANGES_MAX };

/* Where they are, in the order in which a receipt has them. */
struct places {
    uint64_t seqs[LIST_MAX];
    size_t count;
    uint64_t newest;
};

static void place_add(struct places *places, const struct ee_sequencer *sequencer, uint64_t seq)
{
    if (seq == 0 || seq > ee_sequencer_durable_seq(sequencer) || places->count == LIST_MAX)
        return;
    places->seqs[places->count++] = seq;
    places->newest = seq > places->newest ? seq : places->newest;
}

static void places_find(const struct ee_sequencer *sequencer, bool with_allow,
                        struct places *places)
{
    const struct ee_core *core = ee_sequencer_core(sequencer);
    const struct ee_policy_applied *policy, *newest = NULL;
    const struct ee_key_succession *key;
    uint64_t seq;
    places->count = 0;
    places->newest = 0;
    for (size_t i = 0; (seq = ee_core_allow_change_seq(core, i)) != 0; i++)
        if (with_allow)
            place_add(places, sequencer, seq);
        else if (seq <= ee_sequencer_durable_seq(sequencer))
            places->newest = seq;
    for (size_t i = 0; (policy = ee_core_policy_change(core, i)) != NULL; i++)
        if (policy->seq <= ee_sequencer_durable_seq(sequencer))
            newest = policy;
    if (newest != NULL)
        place_add(places, sequencer, newest->seq);
    for (size_t i = 0; (key = ee_core_succession_at(core, i)) != NULL; i++)
        place_add(places, sequencer, key->seq);
}

struct finder {
    struct ee_receipt_changes *changes;
    uint64_t seq;
};

static enum ee_err keep(struct ee_receipt_changes *changes, struct ee_bytes command)
{
    if (changes->count == EE_RECEIPT_CHANGES_MAX ||
        command.size > EE_RECEIPT_CHANGES_SIZE_MAX - changes->size)
        return EE_FULL;
    memcpy(changes->memory + changes->size, command.data, command.size);
    changes->list[changes->count++] = ee_bytes_of(changes->memory + changes->size, command.size);
    changes->size += command.size;
    return EE_OK;
}

static enum ee_err on_batch(void *context, const struct ee_journal_batch *batch)
{
    struct finder *finder = context;
    struct ee_cursor c;
    struct ee_bytes command, result;
    uint64_t seq = batch->first_seq;
    ee_cursor_init(&c, batch->body);
    for (; ee_journal_body_next(&c, &command, &result, NULL); seq++)
        if (seq == finder->seq)
            return keep(finder->changes, command);
    return EE_NOT_FOUND;
}

static enum ee_err places_read(struct ee_receipt_changes *changes,
                               const struct ee_sequencer *sequencer, const struct places *places)
{
    struct ee_journal *journal = ee_sequencer_journal(sequencer);
    changes->count = changes->size = 0;
    for (size_t i = 0; i < places->count; i++) {
        struct finder finder = {changes, places->seqs[i]};
        uint64_t batch;
        EE_TRY(ee_journal_find(journal, finder.seq, &batch));
        EE_TRY(ee_journal_read(journal, batch, batch, on_batch, &finder, NULL));
    }
    return EE_OK;
}

enum ee_err ee_receipt_changes_update(struct ee_receipt_changes *changes,
                                      const struct ee_sequencer *sequencer)
{
    struct places *places = malloc(sizeof(*places));
    enum ee_err err = EE_OK;
    if (changes->memory == NULL)
        changes->memory = malloc(EE_RECEIPT_CHANGES_SIZE_MAX);
    if (places == NULL || changes->memory == NULL) {
        free(places);
        return EE_NO_MEMORY;
    }
    places_find(sequencer, true, places);
    if (places->newest != changes->newest_seq) {
        err = places_read(changes, sequencer, places);
        if (err == EE_FULL) {
            places_find(sequencer, false, places);
            err = places_read(changes, sequencer, places);
        }
        changes->newest_seq = err == EE_OK ? places->newest : 0;
    }
    free(places);
    return err;
}

void ee_receipt_changes_add(const struct ee_receipt_changes *changes, struct ee_receipt *receipt)
{
    receipt->change_count = changes->count;
    memcpy(receipt->changes, changes->list, changes->count * sizeof(changes->list[0]));
}

void ee_receipt_changes_close(struct ee_receipt_changes *changes)
{
    free(changes->memory);
    memset(changes, 0, sizeof(*changes));
}
