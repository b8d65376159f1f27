/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>

#include "io/journal.h"

#include "base/banned.h"

static const char network_key[] = "network";

struct ee_journal {
    const struct ee_crypto *crypto;
    const struct ee_allocator *allocator;
    const struct ee_journal_seal *seal;
    struct ee_journal_store store;
    uint8_t network_id[32];
    bool allow_plain;
    bool chain_only;
    bool replayed;
    bool lost;
    uint64_t last_batch;
    uint64_t last_seq;
    uint64_t last_epoch;
    uint8_t last_hash[EE_SHA256_SIZE];
};

/* docs/spec/journal.md, "Hash". */
void ee_journal_row_hash(const struct ee_crypto *crypto, const uint8_t network_id[32],
                         const struct ee_journal_row *row, uint8_t out[EE_SHA256_SIZE])
{
    uint8_t head[160];
    uint8_t note_size[4];
    struct ee_writer w;
    struct ee_writer n;
    ee_writer_init(&w, head, sizeof(head));
    ee_writer_label(&w, "ee-batch", 1);
    ee_writer_bytes(&w, network_id, 32);
    ee_writer_u64(&w, row->batch);
    ee_writer_u64(&w, row->first_seq);
    ee_writer_u32(&w, row->count);
    ee_writer_u64(&w, row->epoch);
    ee_writer_bytes(&w, row->prev_hash, EE_SHA256_SIZE);
    ee_writer_u8(&w, (uint8_t)row->form);
    ee_writer_u32(&w, (uint32_t)row->body.size);
    ee_writer_init(&n, note_size, sizeof(note_size));
    ee_writer_u32(&n, (uint32_t)row->note.size);
    assert(w.err == EE_OK && n.err == EE_OK);
    const struct ee_bytes parts[] = {ee_writer_done(&w), row->body, ee_writer_done(&n), row->note};
    crypto->sha256(parts, sizeof(parts) / sizeof(parts[0]), out);
}

bool ee_journal_body_next(struct ee_cursor *body, struct ee_bytes *command_out,
                          struct ee_bytes *result_out, struct ee_bytes *pair_out)
{
    if (body->err != EE_OK || body->left == 0)
        return false;
    const uint8_t *start = body->next;
    struct ee_bytes command = ee_cursor_block(body, EE_JOURNAL_ITEM_MAX);
    struct ee_bytes result = ee_cursor_block(body, EE_JOURNAL_ITEM_MAX);
    if (body->err != EE_OK)
        return false;
    *command_out = command;
    *result_out = result;
    if (pair_out != NULL)
        *pair_out = ee_bytes_of(start, (size_t)(body->next - start));
    return true;
}

/* Associated data of sealing: a body opens at its own place only. */
static struct ee_bytes associated_data(const struct ee_journal *journal, uint64_t epoch,
                                       uint64_t batch, const uint8_t prev_hash[EE_SHA256_SIZE],
                                       uint8_t buffer[128])
{
    struct ee_writer w;
    ee_writer_init(&w, buffer, 128);
    ee_writer_label(&w, "ee-batch-seal", 1);
    ee_writer_bytes(&w, journal->network_id, 32);
    ee_writer_u64(&w, epoch);
    ee_writer_u64(&w, batch);
    ee_writer_bytes(&w, prev_hash, EE_SHA256_SIZE);
    assert(w.err == EE_OK);
    return ee_writer_done(&w);
}

/* ---- opening ---- */

enum ee_err ee_journal_store_network(const struct ee_journal_store *store,
                                     uint8_t network_id_out[32])
{
    uint8_t stored[32];
    size_t size = 0;
    enum ee_err err = store->meta_get(store->context, network_key, stored, sizeof(stored), &size);
    if (err == EE_TOO_LARGE || (err == EE_OK && size != sizeof(stored)))
        return EE_JOURNAL_CORRUPT;
    EE_TRY(err);
    memcpy(network_id_out, stored, sizeof(stored));
    return EE_OK;
}

static enum ee_err network_bind(struct ee_journal *journal)
{
    uint8_t stored[32];
    enum ee_err err = ee_journal_store_network(&journal->store, stored);
    if (err == EE_NOT_FOUND)
        return journal->store.meta_put(journal->store.context, network_key,
                                       ee_bytes_of(journal->network_id, 32));
    EE_TRY(err);
    return memcmp(stored, journal->network_id, 32) == 0 ? EE_OK : EE_WRONG_NETWORK;
}

enum ee_err ee_journal_open(const struct ee_journal_options *options, struct ee_journal_store store,
                            struct ee_journal **out)
{
    enum ee_err err = EE_JOURNAL_PLAIN;
    struct ee_journal *journal = NULL;
    if (options->seal == NULL && !options->allow_plain && !options->chain_only)
        goto out;
    err = EE_NO_MEMORY;
    journal = ee_alloc(options->allocator, 1, sizeof(*journal));
    if (journal == NULL)
        goto out;
    journal->crypto = options->crypto;
    journal->allocator = options->allocator;
    journal->seal = options->seal;
    journal->allow_plain = options->allow_plain;
    journal->chain_only = options->chain_only;
    journal->store = store;
    memcpy(journal->network_id, options->network_id, sizeof(journal->network_id));
    err = network_bind(journal);
    if (err != EE_OK)
        goto out;
    *out = journal;
    return EE_OK;
out:
    store.close(store.context);
    ee_free(options->allocator, journal);
    return err;
}

void ee_journal_close(struct ee_journal *journal)
{
    if (journal == NULL)
        return;
    journal->store.close(journal->store.context);
    ee_free(journal->allocator, journal);
}

/* ---- reading ---- */

struct reading {
    struct ee_journal *journal;
    ee_journal_fn fn;
    void *context;
    struct ee_journal_fault fault;
    bool head_only;           /* the next row only gives the head of the chain before the first */
    const uint8_t *head_hash; /* which must have this hash, recomputed; NULL: any */
    uint64_t next_batch;
    uint64_t next_seq;
    uint64_t epoch;
    uint8_t prev_hash[EE_SHA256_SIZE];
};

static enum ee_err corrupt(struct reading *reading, const char *what)
{
    reading->fault.what = what;
    return EE_JOURNAL_CORRUPT;
}

static enum ee_err chain_check(struct reading *reading, const struct ee_journal_row *row)
{
    uint8_t hash[EE_SHA256_SIZE];
    if (row->batch != reading->next_batch)
        return corrupt(reading, "the batch is missing");
    if (row->first_seq != reading->next_seq || row->count == 0 ||
        row->count > EE_JOURNAL_COMMANDS_MAX)
        return corrupt(reading, "its commands do not follow the batch before");
    if (row->epoch < reading->epoch)
        return corrupt(reading, "its epoch is older than the batch before");
    if (memcmp(row->prev_hash, reading->prev_hash, EE_SHA256_SIZE) != 0)
        return corrupt(reading, "it does not follow the batch before: another previous hash");
    ee_journal_row_hash(reading->journal->crypto, reading->journal->network_id, row, hash);
    if (memcmp(row->hash, hash, EE_SHA256_SIZE) != 0)
        return corrupt(reading, "its content is not what was hashed");
    return EE_OK;
}

static enum ee_err body_check(struct reading *reading, struct ee_bytes body, uint32_t count)
{
    struct ee_cursor c;
    struct ee_bytes command;
    struct ee_bytes result;
    reading->fault.what = "its body is malformed";
    ee_cursor_init(&c, body);
    for (uint32_t i = 0; i < count; i++)
        if (!ee_journal_body_next(&c, &command, &result, NULL))
            return c.err != EE_OK ? c.err : EE_TRUNCATED;
    EE_TRY(ee_cursor_end(&c));
    reading->fault.what = NULL;
    return EE_OK;
}

static enum ee_err body_open(struct reading *reading, const struct ee_journal_row *row,
                             uint8_t **memory_out, struct ee_bytes *body_out)
{
    const struct ee_journal *journal = reading->journal;
    uint8_t associated[128];
    size_t size = 0;
    if (row->form == EE_JOURNAL_FORM_PLAIN) {
        reading->fault.what = "it is not sealed";
        if (!journal->allow_plain)
            return EE_JOURNAL_PLAIN;
        reading->fault.what = NULL;
        *body_out = row->body;
        return EE_OK;
    }
    if (row->form == EE_JOURNAL_FORM_SEALED && journal->chain_only) {
        *body_out = ee_bytes_of(NULL, 0);
        return EE_OK;
    }
    reading->fault.what = "it is sealed, and there is no key to open it";
    if (row->form != EE_JOURNAL_FORM_SEALED || journal->seal == NULL)
        return EE_UNSUPPORTED;
    reading->fault.what = "it does not open";
    *memory_out = ee_alloc(journal->allocator, row->body.size + 1, 1);
    if (*memory_out == NULL)
        return EE_NO_MEMORY;
    EE_TRY(journal->seal->open(
        journal->seal->context,
        associated_data(journal, row->epoch, row->batch, row->prev_hash, associated), row->body,
        *memory_out, row->body.size, &size));
    reading->fault.what = NULL;
    *body_out = ee_bytes_of(*memory_out, size);
    return EE_OK;
}

static enum ee_err batch_deliver(struct reading *reading, const struct ee_journal_row *row)
{
    struct ee_journal_batch batch = {
        .batch = row->batch,
        .first_seq = row->first_seq,
        .count = row->count,
        .epoch = row->epoch,
        .plain = row->form == EE_JOURNAL_FORM_PLAIN,
        .note = row->note,
    };
    uint8_t *memory = NULL;
    memcpy(batch.hash, row->hash, sizeof(batch.hash));
    enum ee_err err = body_open(reading, row, &memory, &batch.body);
    if (err == EE_OK && batch.body.data != NULL)
        err = body_check(reading, batch.body, batch.count);
    if (err == EE_OK && reading->fn != NULL)
        err = reading->fn(reading->context, &batch);
    if (memory != NULL)
        ee_wipe(memory, row->body.size);
    ee_free(reading->journal->allocator, memory);
    return err;
}

static enum ee_err head_check(struct reading *reading, const struct ee_journal_row *row)
{
    uint8_t hash[EE_SHA256_SIZE];
    if (reading->head_hash == NULL)
        return EE_OK;
    ee_journal_row_hash(reading->journal->crypto, reading->journal->network_id, row, hash);
    return memcmp(hash, row->hash, sizeof(hash)) == 0 &&
                   memcmp(hash, reading->head_hash, sizeof(hash)) == 0
               ? EE_OK
               : corrupt(reading, "its content is not what was hashed");
}

static enum ee_err row_read(void *context, const struct ee_journal_row *row)
{
    struct reading *reading = context;
    reading->fault.batch = reading->next_batch;
    if (reading->head_only) {
        reading->head_only = false;
        if (row->batch != reading->next_batch)
            return corrupt(reading, "the batch is missing");
        EE_TRY(head_check(reading, row));
    } else {
        EE_TRY(chain_check(reading, row));
        EE_TRY(batch_deliver(reading, row));
    }
    reading->next_batch = row->batch + 1;
    reading->next_seq = row->first_seq + row->count;
    reading->epoch = row->epoch;
    memcpy(reading->prev_hash, row->hash, EE_SHA256_SIZE);
    reading->fault.batch = 0;
    return EE_OK;
}

static enum ee_err reading_run(struct reading *reading, uint64_t first, uint64_t last,
                               struct ee_journal_fault *fault_out)
{
    const struct ee_journal_store *store = &reading->journal->store;
    enum ee_err err = store->read(store->context, first, last, row_read, reading);
    if (err != EE_OK && fault_out != NULL) {
        if (reading->fault.batch == 0) { /* the store did not get as far as a row */
            reading->fault.batch = reading->next_batch;
            reading->fault.what = "its row cannot be read";
        }
        *fault_out = reading->fault;
    }
    return err;
}

static enum ee_err replay_run(struct ee_journal *journal, struct reading *reading,
                              struct ee_journal_fault *fault_out)
{
    EE_TRY(reading_run(reading, reading->next_batch, UINT64_MAX, fault_out));
    if (reading->head_only) /* the row to go on from is not there */
        return EE_JOURNAL_CORRUPT;
    journal->last_batch = reading->next_batch - 1;
    journal->last_seq = reading->next_seq - 1;
    journal->last_epoch = reading->epoch;
    memcpy(journal->last_hash, reading->prev_hash, sizeof(journal->last_hash));
    journal->replayed = true;
    return EE_OK;
}

enum ee_err ee_journal_replay(struct ee_journal *journal, ee_journal_fn fn, void *context,
                              struct ee_journal_fault *fault_out)
{
    struct reading reading = {
        .journal = journal, .fn = fn, .context = context, .next_batch = 1, .next_seq = 1};
    return replay_run(journal, &reading, fault_out);
}

enum ee_err ee_journal_replay_after(struct ee_journal *journal, uint64_t batch,
                                    const uint8_t hash[EE_SHA256_SIZE], ee_journal_fn fn,
                                    void *context, struct ee_journal_fault *fault_out)
{
    struct reading reading = {.journal = journal,
                              .fn = fn,
                              .context = context,
                              .head_only = true,
                              .head_hash = hash,
                              .next_batch = batch};
    return replay_run(journal, &reading, fault_out);
}

enum ee_err ee_journal_read(struct ee_journal *journal, uint64_t first, uint64_t last,
                            ee_journal_fn fn, void *context, struct ee_journal_fault *fault_out)
{
    struct reading reading = {.journal = journal, .fn = fn, .context = context};
    if (first == 0 || first > last)
        return EE_NOT_FOUND;
    reading.head_only = first > 1;
    reading.next_batch = first > 1 ? first - 1 : 1;
    reading.next_seq = 1;
    EE_TRY(reading_run(&reading, reading.next_batch, last, fault_out));
    return reading.next_batch > first ? EE_OK : EE_NOT_FOUND;
}

enum ee_err ee_journal_find(struct ee_journal *journal, uint64_t seq, uint64_t *batch_out)
{
    return journal->store.find(journal->store.context, seq, batch_out);
}

static enum ee_err epoch_take(void *context, const struct ee_journal_row *row)
{
    *(uint64_t *)context = row->epoch;
    return EE_OK;
}

static enum ee_err form_take(void *context, const struct ee_journal_row *row)
{
    *(enum ee_journal_form *)context = row->form;
    return EE_OK;
}

static enum ee_err tail_read(const struct ee_journal *journal, ee_journal_row_fn fn, void *context)
{
    uint64_t last = 0;
    const struct ee_journal_store *store = &journal->store;
    EE_TRY(store->find(store->context, UINT64_MAX, &last));
    return store->read(store->context, last, last, fn, context);
}

enum ee_err ee_journal_tail_epoch(struct ee_journal *journal, uint64_t *epoch_out)
{
    return tail_read(journal, epoch_take, epoch_out);
}

enum ee_err ee_journal_tail_form(struct ee_journal *journal, enum ee_journal_form *form_out)
{
    return tail_read(journal, form_take, form_out);
}

/* ---- writing ---- */

static enum ee_err body_seal(struct ee_journal *journal, struct ee_journal_row *row,
                             uint8_t **memory_out)
{
    uint8_t associated[128];
    size_t size = 0;
    const struct ee_journal_seal *seal = journal->seal;
    row->form = EE_JOURNAL_FORM_PLAIN;
    if (seal == NULL)
        return EE_OK;
    if (seal->overhead > EE_JOURNAL_SEAL_OVERHEAD_MAX)
        return EE_RANGE;
    *memory_out = ee_alloc(journal->allocator, row->body.size + seal->overhead, 1);
    if (*memory_out == NULL)
        return EE_NO_MEMORY;
    EE_TRY(seal->seal(seal->context,
                      associated_data(journal, row->epoch, row->batch, row->prev_hash, associated),
                      row->body, *memory_out, row->body.size + seal->overhead, &size));
    row->form = EE_JOURNAL_FORM_SEALED;
    row->body = ee_bytes_of(*memory_out, size);
    return EE_OK;
}

static enum ee_err append_limits(const struct ee_journal *journal, uint64_t epoch, uint32_t count,
                                 struct ee_bytes body, struct ee_bytes note)
{
    if (journal->lost)
        return EE_JOURNAL;
    if (!journal->replayed || journal->chain_only)
        return EE_STATE;
    if (count == 0 || count > EE_JOURNAL_COMMANDS_MAX || epoch < journal->last_epoch)
        return EE_RANGE;
    if (body.size > EE_JOURNAL_BODY_MAX || note.size > EE_JOURNAL_NOTE_MAX)
        return EE_TOO_LARGE;
    return EE_OK;
}

enum ee_err ee_journal_append(struct ee_journal *journal, uint64_t epoch, uint32_t count,
                              struct ee_bytes body, struct ee_bytes note)
{
    struct ee_journal_row row = {
        .batch = journal->last_batch + 1,
        .first_seq = journal->last_seq + 1,
        .count = count,
        .epoch = epoch,
        .body = body,
        .note = note,
    };
    uint8_t *memory = NULL;
    EE_TRY(append_limits(journal, epoch, count, body, note));
    memcpy(row.prev_hash, journal->last_hash, sizeof(row.prev_hash));
    enum ee_err err = body_seal(journal, &row, &memory);
    if (err == EE_OK) {
        ee_journal_row_hash(journal->crypto, journal->network_id, &row, row.hash);
        err = journal->store.append(journal->store.context, &row);
        journal->lost = err != EE_OK;
    }
    ee_free(journal->allocator, memory);
    EE_TRY(err);
    journal->last_batch = row.batch;
    journal->last_seq += count;
    journal->last_epoch = epoch;
    memcpy(journal->last_hash, row.hash, sizeof(journal->last_hash));
    return EE_OK;
}

uint64_t ee_journal_last_batch(const struct ee_journal *journal)
{
    return journal->last_batch;
}

uint64_t ee_journal_last_seq(const struct ee_journal *journal)
{
    return journal->last_seq;
}

const uint8_t *ee_journal_last_hash(const struct ee_journal *journal)
{
    return journal->last_hash;
}

const uint8_t *ee_journal_network_id(const struct ee_journal *journal)
{
    return journal->network_id;
}

/* ---- small values ---- */

static bool meta_key_valid(const char *key)
{
    size_t size = strlen(key);
    return size > 0 && size <= EE_JOURNAL_META_KEY_MAX && strcmp(key, network_key) != 0;
}

enum ee_err ee_journal_meta_put(struct ee_journal *journal, const char *key, struct ee_bytes value)
{
    if (!meta_key_valid(key))
        return EE_RANGE;
    if (value.size > EE_JOURNAL_META_MAX)
        return EE_TOO_LARGE;
    return journal->store.meta_put(journal->store.context, key, value);
}

enum ee_err ee_journal_meta_get(struct ee_journal *journal, const char *key, uint8_t *out,
                                size_t capacity, size_t *size_out)
{
    if (!meta_key_valid(key))
        return EE_RANGE;
    return journal->store.meta_get(journal->store.context, key, out, capacity, size_out);
}
