/* SPDX-License-Identifier: Apache-2.0 */
#include "control/old_ids.h"

#include <stdlib.h>
#include <string.h>

#include "io/background.h"
#include "io/id_store.h"
#include "io/log.h"

#include "base/banned.h"

enum { PARTS = 8 }; /* of the window: so much is indexed at once */

struct ee_old_ids {
    const struct ee_crypto *crypto;
    struct ee_id_store *store;
    uint64_t indexed; /* ids 0 to indexed - 1 are in the store */
    struct ee_background *work;
    struct ee_id_entry *entries; /* on their way; the thread's while it works */
    size_t count, capacity;
    struct ee_id_mark mark;
    enum ee_err err;
};

enum ee_err ee_old_ids_open(const char *path, const struct ee_crypto *crypto,
                            struct ee_old_ids **out)
{
    struct ee_old_ids *ids = calloc(1, sizeof(*ids));
    if (ids == NULL)
        return EE_NO_MEMORY;
    ids->crypto = crypto;
    enum ee_err err = ee_id_store_open(path, &ids->store);
    if (err != EE_OK) {
        ee_old_ids_close(ids);
        return err;
    }
    *out = ids;
    return EE_OK;
}

void ee_old_ids_close(struct ee_old_ids *ids)
{
    if (ids == NULL)
        return;
    ee_background_join(ids->work);
    ee_id_store_close(ids->store);
    free(ids->entries);
    free(ids);
}

/* ---- indexing ---- */

static uint64_t short_key(const uint8_t key[32])
{
    struct ee_cursor c;
    ee_cursor_init(&c, ee_bytes_of(key, 8));
    return ee_cursor_u64(&c);
}

static int by_key(const void *a, const void *b)
{
    const struct ee_id_entry *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key;
}

static enum ee_err entries_write(struct ee_old_ids *ids)
{
    qsort(ids->entries, ids->count, sizeof(*ids->entries), by_key);
    return ee_id_store_add(ids->store, ids->entries, ids->count, &ids->mark);
}

static void background(void *context)
{
    struct ee_old_ids *ids = context;
    ids->err = entries_write(ids);
}

static enum ee_err entries_room(struct ee_old_ids *ids, size_t capacity)
{
    if (capacity <= ids->capacity)
        return EE_OK;
    struct ee_id_entry *grown = realloc(ids->entries, capacity * sizeof(*grown));
    if (grown == NULL)
        return EE_NO_MEMORY;
    ids->entries = grown;
    ids->capacity = capacity;
    return EE_OK;
}

/* The oldest durable ids of the window that are not indexed. */
static void entries_take(struct ee_old_ids *ids, const struct ee_core *core,
                         const struct ee_core_ids *have, uint64_t seq)
{
    uint8_t key[32];
    uint64_t number = ids->indexed, at;
    for (ids->count = 0; ids->count < ids->capacity && number < have->total; number++) {
        ee_core_id_at(core, number, key, &at);
        if (at > seq)
            break;
        ids->entries[ids->count++] = (struct ee_id_entry){short_key(key), at};
    }
}

/* False: there is not enough for it. */
static bool part_take(struct ee_old_ids *ids, const struct ee_core *core,
                      const struct ee_journal *journal, uint64_t seq)
{
    struct ee_core_ids have;
    ee_core_ids(core, &have);
    if (have.total - ids->indexed < have.window / 2 ||
        entries_room(ids, have.window / PARTS) != EE_OK)
        return false;
    entries_take(ids, core, &have, seq);
    ids->mark.count = ids->indexed + ids->count;
    ids->mark.batch = ee_journal_last_batch(journal);
    memcpy(ids->mark.batch_hash, ee_journal_last_hash(journal), sizeof(ids->mark.batch_hash));
    return ids->count > 0;
}

static void finished(struct ee_old_ids *ids)
{
    ee_background_join(ids->work);
    ids->work = NULL;
    if (ids->err == EE_OK)
        ids->indexed = ids->mark.count;
    else
        EE_LOG(EE_LOG_ERROR, "ids", "old ids could not be indexed; it is tried again",
               ee_log_err(ids->err));
}

void ee_old_ids_durable(struct ee_old_ids *ids, const struct ee_core *core,
                        const struct ee_journal *journal, uint64_t seq)
{
    if (ids == NULL || (ids->work != NULL && !ee_background_done(ids->work)))
        return;
    if (ids->work != NULL)
        finished(ids);
    if (!part_take(ids, core, journal, seq))
        return;
    if (ee_background_start(background, ids, &ids->work) != EE_OK)
        EE_LOG(EE_LOG_ERROR, "ids", "no thread could be started to index old ids");
}

/* ---- starting ---- */

static enum ee_err hash_take(void *context, const struct ee_journal_batch *batch)
{
    memcpy(context, batch->hash, EE_SHA256_SIZE);
    return EE_OK;
}

/* The index is of this journal, as far as it says it goes. */
static bool mark_holds(const struct ee_id_mark *mark, const struct ee_core_ids *have,
                       struct ee_journal *journal)
{
    uint8_t hash[EE_SHA256_SIZE];
    return mark->count <= have->total && mark->batch != 0 &&
           ee_journal_read(journal, mark->batch, mark->batch, hash_take, hash, NULL) == EE_OK &&
           memcmp(hash, mark->batch_hash, sizeof(hash)) == 0;
}

struct rebuilding {
    struct ee_old_ids *ids;
    uint64_t number, end; /* ids seen; those from `indexed` to `end` are wanted */
};

static enum ee_err command_index(struct rebuilding *r, struct ee_bytes bytes)
{
    struct ee_old_ids *ids = r->ids;
    struct ee_command command;
    uint8_t key[32];
    EE_TRY(ee_command_decode(bytes, &command));
    if (ee_bytes_all_zero(command.id, sizeof(command.id)))
        return EE_OK;
    if (r->number++ < ids->indexed || r->number > r->end)
        return EE_OK;
    ee_core_id_key(ids->crypto, &command, key);
    ids->entries[ids->count++] = (struct ee_id_entry){short_key(key), command.seq};
    return EE_OK;
}

static enum ee_err batch_index(void *context, const struct ee_journal_batch *batch)
{
    struct rebuilding *r = context;
    struct ee_old_ids *ids = r->ids;
    struct ee_bytes command, result;
    struct ee_cursor c;
    EE_TRY(entries_room(ids, ids->count + batch->count));
    ee_cursor_init(&c, batch->body);
    while (ee_journal_body_next(&c, &command, &result, NULL))
        EE_TRY(command_index(r, command));
    bool enough = ids->count >= EE_JOURNAL_COMMANDS_MAX || r->number >= r->end;
    if (ids->count == 0 || !enough)
        return EE_OK;
    ids->mark.count = ids->indexed + ids->count;
    ids->mark.batch = batch->batch;
    memcpy(ids->mark.batch_hash, batch->hash, sizeof(ids->mark.batch_hash));
    EE_TRY(entries_write(ids));
    ids->indexed = ids->mark.count;
    ids->count = 0;
    return EE_OK;
}

/* From the journal, ids up to number `end` - 1. */
static enum ee_err rebuild(struct ee_old_ids *ids, uint64_t end, struct ee_journal *journal)
{
    struct rebuilding r = {.ids = ids, .end = end};
    EE_LOG(EE_LOG_INFO, "ids", "indexing old ids from the journal",
           ee_log_unsigned("ids", end - ids->indexed));
    ids->count = 0;
    EE_TRY(ee_journal_read(journal, 1, ee_journal_last_batch(journal), batch_index, &r, NULL));
    return ids->indexed >= end ? EE_OK : EE_REPLAY;
}

enum ee_err ee_old_ids_start(struct ee_old_ids *ids, const struct ee_core *core,
                             struct ee_journal *journal)
{
    struct ee_core_ids have;
    if (ids == NULL)
        return EE_OK;
    ee_core_ids(core, &have);
    EE_TRY(ee_id_store_mark(ids->store, &ids->mark));
    ids->indexed = ids->mark.count;
    if (ids->mark.count > 0 && !mark_holds(&ids->mark, &have, journal)) {
        EE_TRY(ee_id_store_clear(ids->store));
        ids->indexed = 0;
    }
    if (ids->indexed < have.first)
        EE_TRY(rebuild(ids, have.first, journal));
    while (part_take(ids, core, journal, ee_core_seq(core))) { /* so that more may leave */
        EE_TRY(entries_write(ids));
        ids->indexed = ids->mark.count;
    }
    return EE_OK;
}

/* ---- answering ---- */

struct looking {
    const struct ee_crypto *crypto;
    const struct ee_command *command;
    struct ee_result *result;
    uint64_t seq;
    enum ee_err found; /* EE_NOT_FOUND, EE_OK, EE_ID_CONFLICT */
};

static enum ee_err pair_compare(struct looking *l, struct ee_bytes command_bytes,
                                struct ee_bytes result_bytes)
{
    struct ee_command old;
    uint8_t key[32], wanted[32];
    EE_TRY(ee_command_decode(command_bytes, &old));
    ee_core_id_key(l->crypto, &old, key);
    ee_core_id_key(l->crypto, l->command, wanted);
    if (memcmp(key, wanted, sizeof(key)) != 0)
        return EE_OK; /* only the short keys are the same */
    l->found = EE_ID_CONFLICT;
    if (old.kind != l->command->kind || !ee_bytes_equal(old.payload, l->command->payload))
        return EE_OK;
    EE_TRY(ee_result_decode(result_bytes, l->result));
    l->result->repeated = true;
    l->result->seq = l->seq;
    l->result->effect_count = 0;
    l->found = EE_OK;
    return EE_OK;
}

static enum ee_err batch_look(void *context, const struct ee_journal_batch *batch)
{
    struct looking *l = context;
    struct ee_bytes command, result;
    struct ee_cursor c;
    uint64_t seq = batch->first_seq;
    ee_cursor_init(&c, batch->body);
    while (ee_journal_body_next(&c, &command, &result, NULL))
        if (seq++ == l->seq)
            return pair_compare(l, command, result);
    return EE_OK;
}

static enum ee_err journal_look(struct looking *l, struct ee_journal *journal)
{
    uint64_t batch;
    EE_TRY(ee_journal_find(journal, l->seq, &batch));
    return ee_journal_read(journal, batch, batch, batch_look, l, NULL);
}

enum ee_err ee_old_ids_answer(struct ee_old_ids *ids, const struct ee_core *core,
                              struct ee_journal *journal, const struct ee_command *command,
                              struct ee_result *result)
{
    struct ee_core_ids have;
    uint64_t seqs[EE_ID_STORE_FOUND_MAX];
    size_t count = 0;
    uint8_t key[32];
    ee_core_ids(core, &have);
    if (ids == NULL || have.total - have.first < have.window)
        return EE_NOT_FOUND; /* nothing has left, nor will by this one */
    ee_core_id_key(ids->crypto, command, key);
    if (ee_core_id_known(core, key))
        return EE_NOT_FOUND;
    if (ids->work != NULL && ee_background_done(ids->work))
        finished(ids);
    if (have.first >= ids->indexed) /* the one that would leave */
        return EE_FULL;
    EE_TRY(ee_id_store_find(ids->store, short_key(key), seqs, &count));
    for (size_t i = 0; i < count; i++) {
        struct looking l = {
            .crypto = ids->crypto, .command = command, .result = result, .seq = seqs[i]};
        l.found = EE_NOT_FOUND;
        EE_TRY(journal_look(&l, journal));
        if (l.found != EE_NOT_FOUND)
            return l.found;
    }
    return EE_NOT_FOUND;
}
