/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "io/journal_memory.h"

#include "base/banned.h"

enum { META_MAX = 32 };

struct entry {
    struct ee_journal_row row;
    uint8_t *bytes; /* body, then note; owned */
    bool synced;
};

struct meta {
    char key[EE_JOURNAL_META_KEY_MAX + 1];
    uint8_t value[EE_JOURNAL_META_MAX];
    size_t size;
};

struct ee_journal_memory {
    pthread_mutex_t mutex;
    pthread_cond_t released;
    struct entry *entries;
    size_t count;
    size_t capacity;
    struct meta metas[META_MAX];
    size_t meta_count;
    bool open;
    bool held;
    bool lies;
    bool tears;
    bool filled;
    size_t tear_bytes;
    uint64_t room; /* bytes left, once filled */
    bool fails;
    bool keeps_row;
    uint64_t fail_after;
};

enum ee_err ee_journal_memory_new(struct ee_journal_memory **out)
{
    struct ee_journal_memory *memory = calloc(1, sizeof(*memory));
    if (memory == NULL)
        return EE_NO_MEMORY;
    pthread_mutex_init(&memory->mutex, NULL);
    pthread_cond_init(&memory->released, NULL);
    *out = memory;
    return EE_OK;
}

void ee_journal_memory_free(struct ee_journal_memory *memory)
{
    if (memory == NULL)
        return;
    for (size_t i = 0; i < memory->count; i++)
        free(memory->entries[i].bytes);
    free(memory->entries);
    pthread_cond_destroy(&memory->released);
    pthread_mutex_destroy(&memory->mutex);
    free(memory);
}

/* ---- the store ---- */

static enum ee_err entry_add(struct ee_journal_memory *memory, const struct ee_journal_row *row)
{
    if (memory->count == memory->capacity) {
        size_t capacity = memory->capacity == 0 ? 16 : memory->capacity * 2;
        struct entry *grown = realloc(memory->entries, capacity * sizeof(*grown));
        if (grown == NULL)
            return EE_JOURNAL;
        memory->entries = grown;
        memory->capacity = capacity;
    }
    struct entry *entry = &memory->entries[memory->count];
    entry->bytes = malloc(row->body.size + row->note.size + 1);
    if (entry->bytes == NULL)
        return EE_JOURNAL;
    entry->row = *row;
    entry->synced = !memory->lies;
    if (row->body.size > 0)
        memcpy(entry->bytes, row->body.data, row->body.size);
    if (row->note.size > 0)
        memcpy(entry->bytes + row->body.size, row->note.data, row->note.size);
    entry->row.body.data = entry->bytes;
    entry->row.note.data = entry->bytes + row->body.size;
    memory->count++;
    return EE_OK;
}

/* Takes the row's bytes of the room there is. */
static bool room_take(struct ee_journal_memory *memory, const struct ee_journal_row *row)
{
    uint64_t size = (uint64_t)row->body.size + row->note.size;
    if (!memory->filled)
        return true;
    if (size > memory->room) {
        memory->room = 0;
        memory->fails = true;
        memory->fail_after = 0;
        return false;
    }
    memory->room -= size;
    return true;
}

static enum ee_err memory_append(void *context, const struct ee_journal_row *row)
{
    struct ee_journal_memory *memory = context;
    enum ee_err err = EE_OK;
    pthread_mutex_lock(&memory->mutex);
    while (memory->held)
        pthread_cond_wait(&memory->released, &memory->mutex);
    bool room = room_take(memory, row);
    bool failing = memory->fails && memory->fail_after == 0;
    if (memory->fails && memory->fail_after > 0)
        memory->fail_after--;
    if (room && (!failing || memory->keeps_row))
        err = entry_add(memory, row);
    if (failing) {
        memory->keeps_row = false; /* only the first failing append may leave its row */
        err = EE_JOURNAL;
    }
    pthread_mutex_unlock(&memory->mutex);
    return err;
}

/* The rows themselves do not move while a test reads them; only appends run beside a read. */
static bool entry_copy(struct ee_journal_memory *memory, size_t index, struct entry *out)
{
    pthread_mutex_lock(&memory->mutex);
    bool found = index < memory->count;
    if (found)
        *out = memory->entries[index];
    pthread_mutex_unlock(&memory->mutex);
    return found;
}

static enum ee_err memory_read(void *context, uint64_t first, uint64_t last, ee_journal_row_fn fn,
                               void *fn_context)
{
    struct entry entry;
    for (size_t i = 0; entry_copy(context, i, &entry); i++)
        if (entry.row.batch >= first && entry.row.batch <= last)
            EE_TRY(fn(fn_context, &entry.row));
    return EE_OK;
}

static enum ee_err memory_find(void *context, uint64_t seq, uint64_t *batch_out)
{
    struct entry entry;
    uint64_t found = 0;
    for (size_t i = 0; entry_copy(context, i, &entry); i++)
        if (entry.row.first_seq <= seq)
            found = entry.row.batch;
    if (found == 0)
        return EE_NOT_FOUND;
    *batch_out = found;
    return EE_OK;
}

static struct meta *meta_find(struct ee_journal_memory *memory, const char *key)
{
    for (size_t i = 0; i < memory->meta_count; i++)
        if (strcmp(memory->metas[i].key, key) == 0)
            return &memory->metas[i];
    return NULL;
}

static enum ee_err memory_meta_put(void *context, const char *key, struct ee_bytes value)
{
    struct ee_journal_memory *memory = context;
    struct meta *meta = meta_find(memory, key);
    size_t key_size = strlen(key);
    if (meta == NULL) {
        if (memory->meta_count == META_MAX || key_size > EE_JOURNAL_META_KEY_MAX)
            return EE_JOURNAL;
        meta = &memory->metas[memory->meta_count++];
        memcpy(meta->key, key, key_size + 1);
    }
    if (value.size > 0)
        memcpy(meta->value, value.data, value.size);
    meta->size = value.size;
    return EE_OK;
}

static enum ee_err memory_meta_get(void *context, const char *key, uint8_t *out, size_t capacity,
                                   size_t *size_out)
{
    const struct meta *meta = meta_find(context, key);
    if (meta == NULL)
        return EE_NOT_FOUND;
    if (meta->size > capacity)
        return EE_TOO_LARGE;
    memcpy(out, meta->value, meta->size);
    *size_out = meta->size;
    return EE_OK;
}

static void memory_close(void *context)
{
    struct ee_journal_memory *memory = context;
    memory->open = false;
}

enum ee_err ee_journal_memory_store(struct ee_journal_memory *memory, struct ee_journal_store *out)
{
    if (memory->open)
        return EE_JOURNAL_LOCKED;
    memory->open = true;
    *out = (struct ee_journal_store){
        .context = memory,
        .append = memory_append,
        .read = memory_read,
        .find = memory_find,
        .meta_put = memory_meta_put,
        .meta_get = memory_meta_get,
        .close = memory_close,
    };
    return EE_OK;
}

/* ---- faults ---- */

uint64_t ee_journal_memory_count(struct ee_journal_memory *memory)
{
    pthread_mutex_lock(&memory->mutex);
    uint64_t count = memory->count;
    pthread_mutex_unlock(&memory->mutex);
    return count;
}

void ee_journal_memory_fail(struct ee_journal_memory *memory, uint64_t after, bool keep_row)
{
    pthread_mutex_lock(&memory->mutex);
    memory->fails = true;
    memory->fail_after = after;
    memory->keeps_row = keep_row;
    pthread_mutex_unlock(&memory->mutex);
}

void ee_journal_memory_lie(struct ee_journal_memory *memory)
{
    pthread_mutex_lock(&memory->mutex);
    memory->lies = true;
    pthread_mutex_unlock(&memory->mutex);
}

void ee_journal_memory_fill(struct ee_journal_memory *memory, uint64_t bytes)
{
    pthread_mutex_lock(&memory->mutex);
    memory->filled = true;
    memory->room = bytes;
    pthread_mutex_unlock(&memory->mutex);
}

void ee_journal_memory_tear(struct ee_journal_memory *memory, size_t bytes)
{
    pthread_mutex_lock(&memory->mutex);
    memory->lies = true;
    memory->tears = true;
    memory->tear_bytes = bytes;
    pthread_mutex_unlock(&memory->mutex);
}

/* The oldest unsynced row, short. */
static void row_tear(struct ee_journal_memory *memory)
{
    size_t first = memory->count;
    while (first > 0 && !memory->entries[first - 1].synced)
        first--;
    if (first == memory->count)
        return;
    struct entry *entry = &memory->entries[first];
    entry->synced = true;
    if (memory->tear_bytes < entry->row.body.size)
        entry->row.body.size = memory->tear_bytes;
}

void ee_journal_memory_cut(struct ee_journal_memory *memory)
{
    pthread_mutex_lock(&memory->mutex);
    if (memory->tears)
        row_tear(memory);
    while (memory->count > 0 && !memory->entries[memory->count - 1].synced)
        free(memory->entries[--memory->count].bytes);
    memory->lies = false;
    memory->tears = false;
    memory->fails = false;
    memory->filled = false;
    memory->open = false;
    pthread_mutex_unlock(&memory->mutex);
}

void ee_journal_memory_hold(struct ee_journal_memory *memory, bool hold)
{
    pthread_mutex_lock(&memory->mutex);
    memory->held = hold;
    pthread_cond_broadcast(&memory->released);
    pthread_mutex_unlock(&memory->mutex);
}

static struct entry *entry_of(struct ee_journal_memory *memory, uint64_t batch)
{
    for (size_t i = 0; i < memory->count; i++)
        if (memory->entries[i].row.batch == batch)
            return &memory->entries[i];
    return NULL;
}

struct ee_journal_row *ee_journal_memory_row(struct ee_journal_memory *memory, uint64_t batch)
{
    struct entry *entry = entry_of(memory, batch);
    return entry == NULL ? NULL : &entry->row;
}

void ee_journal_memory_flip(struct ee_journal_memory *memory, uint64_t batch,
                            enum ee_journal_memory_part part, uint64_t bit)
{
    struct entry *entry = entry_of(memory, batch);
    assert(entry != NULL);
    uint8_t *bytes = entry->bytes;
    size_t size = entry->row.body.size;
    switch (part) {
    case EE_JOURNAL_MEMORY_BODY:
        break;
    case EE_JOURNAL_MEMORY_NOTE:
        bytes += size;
        size = entry->row.note.size;
        break;
    case EE_JOURNAL_MEMORY_PREV_HASH:
        bytes = entry->row.prev_hash;
        size = sizeof(entry->row.prev_hash);
        break;
    case EE_JOURNAL_MEMORY_HASH:
        bytes = entry->row.hash;
        size = sizeof(entry->row.hash);
        break;
    }
    assert(size > 0);
    bytes[bit / 8 % size] ^= (uint8_t)(1u << (bit % 8));
}

void ee_journal_memory_drop(struct ee_journal_memory *memory, uint64_t batch)
{
    struct entry *entry = entry_of(memory, batch);
    assert(entry != NULL);
    size_t after = memory->count - (size_t)(entry - memory->entries) - 1;
    free(entry->bytes);
    memmove(entry, entry + 1, after * sizeof(*entry));
    memory->count--;
}
