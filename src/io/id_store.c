/* SPDX-License-Identifier: Apache-2.0 */
#include "io/id_store.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "io/log.h"

#include "base/banned.h"

enum { APPLICATION_ID = 0x65656931 /* "eei1" */, BUSY_WAIT_MS = 5000 };

struct ee_id_store {
    sqlite3 *writer, *reader;
    sqlite3_stmt *insert, *select;
};

static enum ee_err run(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? EE_OK : EE_IO;
}

/* Nothing here must survive a power cut: what is lost is made again. */
static enum ee_err connect(const char *path, sqlite3 **out)
{
    int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    if (sqlite3_open_v2(path, out, flags, NULL) != SQLITE_OK)
        return EE_IO;
    (void)sqlite3_busy_timeout(*out, BUSY_WAIT_MS);
    EE_TRY(run(*out, "PRAGMA journal_mode = WAL"));
    return run(*out, "PRAGMA synchronous = NORMAL");
}

static bool ours(sqlite3 *db)
{
    sqlite3_stmt *s = NULL;
    bool is = sqlite3_prepare_v2(db, "PRAGMA application_id", -1, &s, NULL) == SQLITE_OK &&
              sqlite3_step(s) == SQLITE_ROW && sqlite3_column_int(s, 0) == APPLICATION_ID;
    sqlite3_finalize(s);
    return is;
}

static enum ee_err schema(sqlite3 *db)
{
    char sql[64];
    if (ours(db))
        return EE_OK;
    EE_TRY(run(db, "CREATE TABLE id(key INTEGER NOT NULL, seq INTEGER NOT NULL,"
                   " PRIMARY KEY(key, seq)) STRICT, WITHOUT ROWID;"
                   "CREATE TABLE mark(one INTEGER PRIMARY KEY, count INTEGER NOT NULL,"
                   " batch INTEGER NOT NULL, hash BLOB NOT NULL) STRICT"));
    (void)snprintf(sql, sizeof(sql), "PRAGMA application_id = %d", APPLICATION_ID);
    return run(db, sql);
}

static enum ee_err prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out)
{
    return sqlite3_prepare_v2(db, sql, -1, out, NULL) == SQLITE_OK ? EE_OK : EE_IO;
}

static enum ee_err open_all(struct ee_id_store *store, const char *path)
{
    EE_TRY(connect(path, &store->writer));
    EE_TRY(schema(store->writer));
    EE_TRY(connect(path, &store->reader));
    EE_TRY(prepare(store->writer, "INSERT OR IGNORE INTO id(key, seq) VALUES(?1, ?2)",
                   &store->insert));
    return prepare(store->reader, "SELECT seq FROM id WHERE key = ?1 LIMIT 8", &store->select);
}

static void close_all(struct ee_id_store *store)
{
    sqlite3_finalize(store->insert);
    sqlite3_finalize(store->select);
    sqlite3_close(store->reader);
    sqlite3_close(store->writer);
    memset(store, 0, sizeof(*store));
}

static void remove_all(const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char name[PATH_MAX];
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (snprintf(name, sizeof(name), "%s%s", path, ends[i]) < PATH_MAX)
            (void)unlink(name);
}

enum ee_err ee_id_store_open(const char *path, struct ee_id_store **out)
{
    struct ee_id_store *store = calloc(1, sizeof(*store));
    if (store == NULL)
        return EE_NO_MEMORY;
    enum ee_err err = open_all(store, path);
    if (err != EE_OK) {
        EE_LOG(EE_LOG_WARN, "ids", "the index of old ids is made anew", ee_log_text("file", path));
        close_all(store);
        remove_all(path);
        err = open_all(store, path);
    }
    if (err != EE_OK) {
        ee_id_store_close(store);
        return err;
    }
    *out = store;
    return EE_OK;
}

void ee_id_store_close(struct ee_id_store *store)
{
    if (store == NULL)
        return;
    close_all(store);
    free(store);
}

enum ee_err ee_id_store_mark(struct ee_id_store *store, struct ee_id_mark *out)
{
    sqlite3_stmt *s = NULL;
    memset(out, 0, sizeof(*out));
    EE_TRY(prepare(store->writer, "SELECT count, batch, hash FROM mark", &s));
    int code = sqlite3_step(s);
    if (code == SQLITE_ROW && sqlite3_column_bytes(s, 2) == EE_SHA256_SIZE) {
        out->count = (uint64_t)sqlite3_column_int64(s, 0);
        out->batch = (uint64_t)sqlite3_column_int64(s, 1);
        memcpy(out->batch_hash, sqlite3_column_blob(s, 2), EE_SHA256_SIZE);
    }
    sqlite3_finalize(s);
    return code == SQLITE_ROW || code == SQLITE_DONE ? EE_OK : EE_IO;
}

static enum ee_err entries_put(struct ee_id_store *store, const struct ee_id_entry *entries,
                               size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t key;
        memcpy(&key, &entries[i].key, sizeof(key));
        sqlite3_bind_int64(store->insert, 1, key);
        sqlite3_bind_int64(store->insert, 2, (int64_t)entries[i].seq);
        int code = sqlite3_step(store->insert);
        (void)sqlite3_reset(store->insert);
        if (code != SQLITE_DONE)
            return EE_IO;
    }
    return EE_OK;
}

static enum ee_err mark_put(struct ee_id_store *store, const struct ee_id_mark *mark)
{
    sqlite3_stmt *s = NULL;
    EE_TRY(prepare(store->writer,
                   "INSERT OR REPLACE INTO mark(one, count, batch, hash) VALUES(1, ?1, ?2, ?3)",
                   &s));
    sqlite3_bind_int64(s, 1, (int64_t)mark->count);
    sqlite3_bind_int64(s, 2, (int64_t)mark->batch);
    sqlite3_bind_blob(s, 3, mark->batch_hash, EE_SHA256_SIZE, SQLITE_STATIC);
    int code = sqlite3_step(s);
    sqlite3_finalize(s);
    return code == SQLITE_DONE ? EE_OK : EE_IO;
}

enum ee_err ee_id_store_add(struct ee_id_store *store, const struct ee_id_entry *entries,
                            size_t count, const struct ee_id_mark *mark)
{
    EE_TRY(run(store->writer, "BEGIN IMMEDIATE"));
    enum ee_err err = entries_put(store, entries, count);
    if (err == EE_OK)
        err = mark_put(store, mark);
    if (err == EE_OK)
        err = run(store->writer, "COMMIT");
    if (err != EE_OK)
        (void)run(store->writer, "ROLLBACK");
    return err;
}

enum ee_err ee_id_store_clear(struct ee_id_store *store)
{
    return run(store->writer, "BEGIN IMMEDIATE; DELETE FROM id; DELETE FROM mark; COMMIT");
}

enum ee_err ee_id_store_find(struct ee_id_store *store, uint64_t key,
                             uint64_t seqs_out[EE_ID_STORE_FOUND_MAX], size_t *count_out)
{
    int64_t bound;
    int code;
    memcpy(&bound, &key, sizeof(bound));
    *count_out = 0;
    sqlite3_bind_int64(store->select, 1, bound);
    while ((code = sqlite3_step(store->select)) == SQLITE_ROW && *count_out < EE_ID_STORE_FOUND_MAX)
        seqs_out[(*count_out)++] = (uint64_t)sqlite3_column_int64(store->select, 0);
    (void)sqlite3_reset(store->select);
    return code == SQLITE_ROW || code == SQLITE_DONE ? EE_OK : EE_IO;
}
