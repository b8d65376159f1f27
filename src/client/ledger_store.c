/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ledger_store.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/ledger_items.h"
#include "client/ledger_snapshot.h"
#include "io/crypto_openssl.h"
#include "io/journal_sqlite.h"
#include "io/random.h"

#include "base/banned.h"

enum {
    GROUP_SIZE = 4 * 1024 * 1024, /* bytes that are made durable together */
    BODY_SIZE = GROUP_SIZE + EE_LEDGER_ITEMS_SIZE_MAX,
    SNAPSHOT_EVENTS = 1 << 21,        /* applied since the last one */
    SNAPSHOT_EVENTS_AT_END = 1 << 16, /* when the store is closed */
};

/* In place of a network id: journals of networks are not stores, and the other way round. */
static const uint8_t store_id[32] = "easyenclave ledger store";

struct ee_ledger_store {
    char state_path[PATH_MAX];
    struct ee_ledger_limits limits;
    struct ee_journal *journal;
    struct ee_derived *derived;
    struct ee_ledger_past_files past;
    struct ee_ledger *ledger;
    struct ee_ledger_place place; /* of the last snapshot */
    uint64_t since_snapshot;      /* events */
    bool lost;                    /* what is in memory may not be what the journal holds */
    uint8_t *body;                /* BODY_SIZE bytes */
    struct ee_writer collected;
    uint32_t items;
    struct ee_ledger_line line; /* of a replay */
    struct ee_ledger_store_fault *fault;
};

static enum ee_err fail(struct ee_ledger_store *store, enum ee_err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum ee_err fail(struct ee_ledger_store *store, enum ee_err err, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(store->fault->text, sizeof(store->fault->text), format, arguments);
    va_end(arguments);
    return err;
}

/* ---- applying ---- */

static enum ee_err transfers_apply(struct ee_ledger_store *store, struct ee_ledger_line *line)
{
    struct ee_ledger_pasts pasts;
    EE_TRY(ee_ledger_past_fetch(&store->past, store->ledger, line->transfers, line->count, &pasts));
    return ee_ledger_transfers_create(store->ledger, line->transfers, line->count, &pasts,
                                      line->results);
}

static enum ee_err line_apply(struct ee_ledger_store *store, struct ee_ledger_line *line,
                              uint32_t *expired_out)
{
    *expired_out = 0;
    if (line->kind == EE_LEDGER_LINE_ACCOUNTS)
        return ee_ledger_accounts_create(store->ledger, line->accounts, line->count, line->results);
    if (line->kind == EE_LEDGER_LINE_TRANSFERS)
        EE_TRY(transfers_apply(store, line));
    else
        EE_TRY(ee_ledger_tick(store->ledger, line->tick_s, expired_out));
    return EE_OK;
}

static bool refused(enum ee_err err)
{
    return err == EE_FULL || err == EE_OVERFLOW;
}

enum ee_err ee_ledger_store_apply(struct ee_ledger_store *store, struct ee_ledger_line *line,
                                  uint32_t *expired_out)
{
    enum ee_err err = store->lost ? EE_STATE : line_apply(store, line, expired_out);
    if (err == EE_OK)
        err = ee_ledger_past_keep(&store->past, store->ledger);
    store->lost = store->lost || (err != EE_OK && !refused(err));
    EE_TRY(err);
    store->items += ee_ledger_items_write(&store->collected, line, *expired_out);
    store->since_snapshot += line->count;
    return EE_OK;
}

bool ee_ledger_store_ripe(const struct ee_ledger_store *store)
{
    return store->collected.size > GROUP_SIZE ||
           store->items > EE_JOURNAL_COMMANDS_MAX - EE_LEDGER_ITEMS_MAX;
}

/* ---- committing ---- */

static enum ee_err last_hash(void *context, const struct ee_journal_batch *batch)
{
    struct ee_ledger_place *place = context;
    place->batch = batch->batch;
    memcpy(place->hash, batch->hash, sizeof(place->hash));
    return EE_OK;
}

static enum ee_err snapshot(struct ee_ledger_store *store)
{
    struct ee_ledger_place place = {0};
    uint64_t last = ee_journal_last_batch(store->journal);
    if (last == 0 || last == store->place.batch)
        return EE_OK;
    EE_TRY(ee_journal_read(store->journal, last, last, last_hash, &place, NULL));
    EE_TRY(ee_ledger_snapshot_write(&store->past, store->ledger, &place));
    store->place = place;
    store->since_snapshot = 0;
    return EE_OK;
}

enum ee_err ee_ledger_store_commit(struct ee_ledger_store *store)
{
    if (store->lost)
        return EE_STATE;
    if (store->items > 0) {
        enum ee_err err =
            ee_journal_append(store->journal, 1, store->items, ee_writer_done(&store->collected),
                              (struct ee_bytes){0});
        store->lost = err != EE_OK;
        EE_TRY(err);
        ee_writer_init(&store->collected, store->body, BODY_SIZE);
        store->items = 0;
    }
    return EE_OK;
}

enum ee_err ee_ledger_store_settle(struct ee_ledger_store *store)
{
    if (store->lost || store->items > 0)
        return EE_STATE;
    return store->since_snapshot >= SNAPSHOT_EVENTS ? snapshot(store) : EE_OK;
}

const struct ee_ledger *ee_ledger_store_ledger(const struct ee_ledger_store *store)
{
    return store->ledger;
}

/* ---- replay ---- */

/* One batch of input was read in full: applies it and compares the answers. */
static enum ee_err replay_line(struct ee_ledger_store *store, const struct ee_journal_batch *batch,
                               const struct ee_bytes *results, uint32_t items)
{
    uint32_t expired = 0, first = 0;
    enum ee_err err = line_apply(store, &store->line, &expired);
    if (err == EE_OK)
        err = ee_ledger_past_keep(&store->past, store->ledger);
    if (refused(err))
        err = EE_REPLAY;
    for (uint32_t i = 0; err == EE_OK && i < items; i++) {
        err = ee_ledger_item_same(results[i], &store->line, first, expired) ? EE_OK : EE_REPLAY;
        first += EE_LEDGER_ITEM_EVENTS;
    }
    if (err == EE_REPLAY)
        return fail(store, err, "batch %llu gives other answers than were stored",
                    (unsigned long long)batch->batch);
    store->since_snapshot += store->line.count;
    store->line.count = 0;
    return err;
}

static enum ee_err replay_batch(void *context, const struct ee_journal_batch *batch)
{
    struct ee_ledger_store *store = context;
    struct ee_cursor body;
    struct ee_bytes command, result, results[EE_LEDGER_ITEMS_MAX];
    uint32_t items = 0;
    bool more = false;
    if (batch->batch == store->place.batch &&
        memcmp(batch->hash, store->place.hash, EE_SHA256_SIZE) != 0)
        return EE_STATE; /* the snapshot is of another journal */
    if (batch->batch <= store->place.batch)
        return EE_OK;
    ee_cursor_init(&body, batch->body);
    store->line.count = 0;
    while (ee_journal_body_next(&body, &command, &result, NULL)) {
        if (items == EE_LEDGER_ITEMS_MAX)
            return EE_RANGE;
        EE_TRY(ee_ledger_item_read(command, &store->line, &more));
        results[items++] = result;
        if (more)
            continue;
        EE_TRY(replay_line(store, batch, results, items));
        items = 0;
    }
    return more ? EE_TRUNCATED : EE_OK;
}

static enum ee_err replay(struct ee_ledger_store *store)
{
    struct ee_journal_fault fault = {0};
    store->fault->text[0] = '\0';
    enum ee_err err = ee_journal_replay(store->journal, replay_batch, store, &fault);
    if (err == EE_OK && ee_journal_last_batch(store->journal) < store->place.batch)
        return EE_STATE;
    if (err != EE_OK && store->fault->text[0] == '\0')
        return fail(store, err, "batch %llu: %s", (unsigned long long)fault.batch,
                    fault.what != NULL ? fault.what : "its commands are malformed");
    return err;
}

/* ---- opening ---- */

static enum ee_err fresh(struct ee_ledger_store *store)
{
    ee_ledger_past_close(&store->past);
    ee_derived_close(store->derived);
    ee_ledger_free(store->ledger);
    store->derived = NULL;
    store->ledger = NULL;
    store->since_snapshot = 0;
    store->place = (struct ee_ledger_place){0};
    EE_TRY(ee_derived_remove(store->state_path));
    EE_TRY(ee_derived_open(store->state_path, &store->derived));
    EE_TRY(ee_ledger_past_init(&store->past, store->derived, &ee_crypto_openssl));
    store->ledger = ee_ledger_new(&ee_allocator_system, &store->limits);
    return store->ledger != NULL ? EE_OK : EE_NO_MEMORY;
}

static enum ee_err state_read(struct ee_ledger_store *store)
{
    EE_TRY(ee_derived_open(store->state_path, &store->derived));
    EE_TRY(ee_ledger_past_init(&store->past, store->derived, &ee_crypto_openssl));
    return ee_ledger_snapshot_read(&store->past, &store->limits, &store->place, &store->ledger);
}

/* Nothing in FILE.state is needed: what cannot be used is made again. */
static enum ee_err book_open(struct ee_ledger_store *store)
{
    enum ee_err err = state_read(store);
    if (err == EE_NO_MEMORY || err == EE_IO)
        return fail(store, err, "%s cannot be opened", store->state_path);
    if (err != EE_OK)
        EE_TRY(fresh(store));
    bool from_snapshot = store->place.batch > 0;
    err = replay(store);
    if (from_snapshot && (err == EE_STATE || err == EE_REPLAY)) {
        EE_TRY(fresh(store));
        err = replay(store);
    }
    return err;
}

static enum ee_err memory_take(struct ee_ledger_store *store,
                               const struct ee_ledger_store_options *options)
{
    store->limits = (struct ee_ledger_limits){
        .accounts = EE_LEDGER_ACCOUNTS_MAX,
        .transfers = options->window != 0 ? options->window : (uint32_t)EE_LEDGER_WINDOW,
        .window = true,
        .reservations = EE_LEDGER_RESERVATIONS_MAX,
    };
    ee_random_bytes(&store->limits.hash_seed, sizeof(store->limits.hash_seed));
    store->body = malloc(BODY_SIZE);
    if (store->body == NULL)
        return EE_NO_MEMORY;
    ee_writer_init(&store->collected, store->body, BODY_SIZE);
    return ee_ledger_line_init(&store->line);
}

static enum ee_err journal_open(struct ee_ledger_store *store, const char *path)
{
    struct ee_journal_store rows;
    struct ee_journal_options options = {
        .crypto = &ee_crypto_openssl, .allocator = &ee_allocator_system, .allow_plain = true};
    memcpy(options.network_id, store_id, sizeof(options.network_id));
    enum ee_err err = ee_journal_sqlite_open(path, EE_JOURNAL_CREATE, &rows);
    if (err == EE_OK)
        err = ee_journal_open(&options, rows, &store->journal);
    if (err == EE_JOURNAL_LOCKED)
        return fail(store, err, "another process has it open");
    if (err == EE_WRONG_NETWORK)
        return fail(store, err, "it is the journal of a network");
    return err;
}

enum ee_err ee_ledger_store_open(const char *path, const struct ee_ledger_store_options *options,
                                 struct ee_ledger_store_fault *fault_out,
                                 struct ee_ledger_store **out)
{
    struct ee_ledger_store *store = calloc(1, sizeof(*store));
    fault_out->text[0] = '\0';
    if (store == NULL)
        return EE_NO_MEMORY;
    store->fault = fault_out;
    store->lost = true; /* nothing to keep if this fails */
    int size = snprintf(store->state_path, sizeof(store->state_path), "%s.state", path);
    enum ee_err err = size < 0 || (size_t)size >= sizeof(store->state_path) ? EE_TOO_LARGE : EE_OK;
    if (err == EE_OK)
        err = memory_take(store, options);
    if (err == EE_OK)
        err = journal_open(store, path);
    if (err == EE_OK)
        err = book_open(store);
    if (err != EE_OK) {
        ee_ledger_store_close(store);
        return err;
    }
    store->lost = false;
    *out = store;
    return EE_OK;
}

void ee_ledger_store_close(struct ee_ledger_store *store)
{
    if (store == NULL)
        return;
    if (!store->lost && store->items == 0 && store->since_snapshot >= SNAPSHOT_EVENTS_AT_END)
        (void)snapshot(store); /* without it the next start replays more */
    ee_ledger_free(store->ledger);
    ee_ledger_past_close(&store->past);
    ee_derived_close(store->derived);
    ee_journal_close(store->journal);
    ee_ledger_line_close(&store->line);
    free(store->body);
    free(store);
}
