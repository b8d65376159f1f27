/* SPDX-License-Identifier: Apache-2.0 */
#include "control/receipt_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "control/evidence_queue.h"
#include "control/receipt_changes.h"
#include "io/clock.h"

#include "base/banned.h"

enum {
    NAME_SIZE = 2 * EE_SHA256_SIZE + 5, /* hex and ".json" */
    FOLDER_MAX = PATH_MAX - NAME_SIZE - 2,
};

struct ee_receipt_store {
    const struct ee_crypto *crypto;
    char folder[FOLDER_MAX + 1];
    struct ee_evidence_queue documents; /* the signer's may stand further back than its age */
    uint32_t documents_max;
    uint64_t early;
    bool has_signer;
    uint8_t signer[EE_SHA256_SIZE];
    struct ee_receipt_changes changes;
};

/* False: not a document of ours. */
static bool document_age(int folder, const char *name, struct ee_evidence_age *out)
{
    struct stat status;
    if (strlen(name) != NAME_SIZE || strcmp(name + 2 * EE_SHA256_SIZE, ".json") != 0 ||
        ee_hex_decode(ee_bytes_of(name, 2 * EE_SHA256_SIZE), out->hash, EE_SHA256_SIZE) != EE_OK ||
        fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    out->stored_s = status.st_mtim.tv_sec;
    return true;
}

static enum ee_err documents_load(struct ee_receipt_store *store)
{
    DIR *folder = opendir(store->folder);
    const struct dirent *entry;
    enum ee_err err = EE_OK;
    if (folder == NULL)
        return EE_IO;
    while (err == EE_OK && (errno = 0, entry = readdir(folder)) != NULL) {
        struct ee_evidence_age age;
        if (!document_age(dirfd(folder), entry->d_name, &age))
            continue;
        err = ee_evidence_queue_reserve(&store->documents);
        if (err == EE_OK)
            ee_evidence_queue_push(&store->documents, &age);
    }
    if (err == EE_OK && errno != 0)
        err = EE_IO;
    closedir(folder);
    ee_evidence_queue_sort(&store->documents);
    return err;
}

enum ee_err ee_receipt_store_new(const struct ee_receipt_store_options *options,
                                 struct ee_receipt_store **out)
{
    size_t size = strlen(options->folder);
    if (size > FOLDER_MAX)
        return EE_TOO_LARGE;
    struct ee_receipt_store *store = calloc(1, sizeof(*store));
    if (store == NULL)
        return EE_NO_MEMORY;
    store->crypto = options->crypto;
    store->documents_max =
        options->documents_max != 0 ? options->documents_max : EE_RECEIPT_STORE_DOCUMENTS_MAX;
    memcpy(store->folder, options->folder, size + 1);
    enum ee_err err = ee_file_make_folder(store->folder);
    if (err == EE_OK)
        err = documents_load(store);
    if (err != EE_OK) {
        ee_receipt_store_free(store);
        return err;
    }
    *out = store;
    return EE_OK;
}

void ee_receipt_store_free(struct ee_receipt_store *store)
{
    if (store == NULL)
        return;
    ee_evidence_queue_close(&store->documents);
    ee_receipt_changes_close(&store->changes);
    free(store);
}

/* ---- documents ---- */

static void document_path(const struct ee_receipt_store *store, const uint8_t hash[EE_SHA256_SIZE],
                          char out[PATH_MAX])
{
    char text[2 * EE_SHA256_SIZE + 1];
    (void)snprintf(out, PATH_MAX, "%s/%s.json", store->folder,
                   ee_hex_encode(hash, EE_SHA256_SIZE, text));
}

/* The signer's stays: it goes to the other end. */
static enum ee_err oldest_delete(struct ee_receipt_store *store)
{
    char path[PATH_MAX];
    const struct ee_evidence_age oldest = *ee_evidence_queue_first(&store->documents);
    bool signer =
        store->has_signer && memcmp(oldest.hash, store->signer, sizeof(store->signer)) == 0;
    document_path(store, oldest.hash, path);
    if (!signer && unlink(path) != 0 && errno != ENOENT)
        return EE_IO;
    ee_evidence_queue_pop(&store->documents);
    if (signer)
        ee_evidence_queue_push(&store->documents, &oldest);
    return EE_OK;
}

size_t ee_receipt_store_sweep(struct ee_receipt_store *store, int64_t before_s, size_t documents)
{
    size_t deleted = 0;
    for (size_t looked = 0; looked <= documents && deleted < documents; looked++) {
        const struct ee_evidence_age *oldest = ee_evidence_queue_first(&store->documents);
        size_t count = store->documents.count;
        if (oldest == NULL || oldest->stored_s >= before_s || oldest_delete(store) != EE_OK)
            break;
        deleted += count - store->documents.count;
    }
    return deleted;
}

uint64_t ee_receipt_store_early(const struct ee_receipt_store *store)
{
    return store->early;
}

/* Room for one more, at the cost of the oldest. EE_FULL: only the signer's is there. */
static enum ee_err room_make(struct ee_receipt_store *store)
{
    for (int i = 0; i < 2 && store->documents.count >= store->documents_max; i++) {
        size_t count = store->documents.count;
        EE_TRY(oldest_delete(store));
        store->early += count - store->documents.count;
    }
    if (store->documents.count >= store->documents_max)
        return EE_FULL;
    return ee_evidence_queue_reserve(&store->documents);
}

enum ee_err ee_receipt_store_put(struct ee_receipt_store *store, struct ee_bytes document,
                                 uint8_t hash_out[EE_SHA256_SIZE])
{
    uint8_t hash[EE_SHA256_SIZE];
    char path[PATH_MAX];
    if (document.size == 0)
        return EE_RANGE;
    if (document.size > EE_RECEIPT_EVIDENCE_MAX)
        return EE_TOO_LARGE;
    store->crypto->sha256(&document, 1, hash);
    document_path(store, hash, path);
    if (!ee_file_exists(path)) {
        struct ee_evidence_age age = {.stored_s = (int64_t)(ee_clock_wall_us() / 1000000)};
        memcpy(age.hash, hash, sizeof(hash));
        EE_TRY(room_make(store));
        EE_TRY(ee_file_write(path, document, 0600));
        ee_evidence_queue_push(&store->documents, &age);
    }
    memcpy(hash_out, hash, sizeof(hash));
    return EE_OK;
}

enum ee_err ee_receipt_store_get(struct ee_receipt_store *store, const uint8_t hash[EE_SHA256_SIZE],
                                 struct ee_file_data *out)
{
    struct ee_file_data document = {0};
    uint8_t actual[EE_SHA256_SIZE];
    char path[PATH_MAX];
    document_path(store, hash, path);
    EE_TRY(ee_file_read(path, EE_RECEIPT_EVIDENCE_MAX, &document));
    struct ee_bytes bytes = ee_file_bytes(&document);
    store->crypto->sha256(&bytes, 1, actual);
    if (memcmp(actual, hash, sizeof(actual)) != 0) {
        ee_file_data_free(&document);
        return EE_JOURNAL_CORRUPT;
    }
    *out = document;
    return EE_OK;
}

enum ee_err ee_receipt_store_set_signer(struct ee_receipt_store *store,
                                        const uint8_t hash[EE_SHA256_SIZE])
{
    struct ee_file_data document;
    EE_TRY(ee_receipt_store_get(store, hash, &document));
    ee_file_data_free(&document);
    memcpy(store->signer, hash, sizeof(store->signer));
    store->has_signer = true;
    return EE_OK;
}

/* ---- receipts ---- */

/* What to look for in a batch, and then the receipt written from it. */
struct making {
    struct ee_receipt_store *store;
    const struct ee_sequencer *sequencer;
    uint64_t seq;
    struct ee_bytes evidence;
    bool bare;
    char *text;
    size_t size;
};

static enum ee_err text_make(struct making *making, const struct ee_receipt *receipt)
{
    const struct ee_crypto *crypto = making->store->crypto;
    size_t capacity = receipt->command.size + receipt->result.size + receipt->note.size +
                      receipt->evidence.size + sizeof(receipt->path) + 128;
    for (size_t i = 0; i < receipt->change_count; i++)
        capacity += receipt->changes[i].size + 4;
    size_t text_capacity = EE_BASE64_SIZE(capacity) + 256;
    uint8_t *canonical = malloc(capacity);
    char *text = malloc(text_capacity);
    enum ee_err err = EE_NO_MEMORY;
    struct ee_writer w;
    if (canonical == NULL || text == NULL)
        goto out;
    ee_writer_init(&w, canonical, capacity);
    err = ee_receipt_encode(receipt, &w);
    if (err != EE_OK)
        goto out;
    struct ee_bytes bytes = ee_writer_done(&w);
    ee_writer_init(&w, text, text_capacity - 1);
    err = ee_receipt_file_write(crypto, bytes, &w);
    if (err != EE_OK)
        goto out;
    text[w.size] = '\0';
    making->text = text;
    making->size = w.size;
    text = NULL;
out:
    free(text);
    free(canonical);
    return err;
}

/* Never hands out what would not verify: the journal on disk may have changed since it was read. */
static enum ee_err receipt_check(const struct making *making, const struct ee_receipt *receipt)
{
    struct ee_receipt_fact *fact = malloc(sizeof(*fact));
    if (fact == NULL)
        return EE_NO_MEMORY;
    enum ee_err err = ee_receipt_verify(making->store->crypto, receipt, receipt->network_id,
                                        ee_sequencer_checkpoint_key(making->sequencer), fact);
    free(fact);
    return err;
}

static enum ee_err receipt_make(struct making *making, struct ee_bytes command,
                                struct ee_bytes result)
{
    struct ee_receipt receipt = {
        .leaf_index = making->seq - 1,
        .command = command,
        .result = result,
        .note = ee_sequencer_checkpoint(making->sequencer),
        .evidence = making->evidence,
    };
    memcpy(receipt.network_id, ee_core_network_id(ee_sequencer_core(making->sequencer)), 32);
    if (!making->bare)
        ee_receipt_changes_add(&making->store->changes, &receipt);
    EE_TRY(ee_tlog_inclusion(ee_sequencer_tlog(making->sequencer), receipt.leaf_index,
                             ee_sequencer_durable_seq(making->sequencer), &receipt.path));
    EE_TRY(receipt_check(making, &receipt));
    return text_make(making, &receipt);
}

static enum ee_err batch_search(void *context, const struct ee_journal_batch *batch)
{
    struct making *making = context;
    struct ee_cursor c;
    struct ee_bytes command;
    struct ee_bytes result;
    uint64_t seq = batch->first_seq;
    ee_cursor_init(&c, batch->body);
    for (; ee_journal_body_next(&c, &command, &result, NULL); seq++)
        if (seq == making->seq)
            return receipt_make(making, command, result);
    return EE_NOT_FOUND;
}

static enum ee_err receipt_of(struct ee_receipt_store *store, struct ee_sequencer *sequencer,
                              uint64_t seq, bool bare, char **text_out, size_t *size_out)
{
    struct making making = {.store = store, .sequencer = sequencer, .seq = seq, .bare = bare};
    struct ee_journal *journal = ee_sequencer_journal(sequencer);
    struct ee_file_data evidence = {0};
    uint64_t batch = 0;
    if (seq == 0 || seq > ee_sequencer_durable_seq(sequencer))
        return EE_NOT_FOUND;
    if (!store->has_signer)
        return EE_STATE;
    if (!bare)
        EE_TRY(ee_receipt_changes_update(&store->changes, sequencer));
    EE_TRY(ee_journal_find(journal, seq, &batch));
    EE_TRY(ee_receipt_store_get(store, store->signer, &evidence));
    making.evidence = ee_file_bytes(&evidence);
    enum ee_err err = ee_journal_read(journal, batch, batch, batch_search, &making, NULL);
    ee_file_data_free(&evidence);
    EE_TRY(err);
    *text_out = making.text;
    *size_out = making.size;
    return EE_OK;
}

enum ee_err ee_receipt_store_receipt(struct ee_receipt_store *store, struct ee_sequencer *sequencer,
                                     uint64_t seq, char **text_out, size_t *size_out)
{
    return receipt_of(store, sequencer, seq, false, text_out, size_out);
}

enum ee_err ee_receipt_store_bare(struct ee_receipt_store *store, struct ee_sequencer *sequencer,
                                  uint64_t seq, char **text_out, size_t *size_out)
{
    return receipt_of(store, sequencer, seq, true, text_out, size_out);
}
